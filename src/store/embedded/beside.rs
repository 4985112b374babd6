//! The database looked at and copied by somebody else than its gateway, which may be running meanwhile.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::database::OpenError;
use super::rows::pragma;
use super::{moving, schema};

/// What a look at a database found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes, without what waits in its log to be put in.
    pub bytes: u64,
    /// The version of its tables.
    pub schema: i64,
    /// How many rows each table has, by the table's name.
    pub rows: Vec<(&'static str, u64)>,
    /// What SQLite finds wrong with it; none where nothing is, or nobody asked.
    pub damage: Option<String>,
}

/// Why a database cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database itself.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy is there already, or cannot be made.
    #[error("{} cannot be made", .path.display())]
    Target {
        /// The copy.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading one or writing the other.
    #[error("the copy could not be completed: {0}")]
    Copying(String),
}

/// How long a writer that holds the file is waited for.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Looks at the database in `data_dir`; `thoroughly` reads all of it and says what is damaged. Blocks.
///
/// # Errors
/// There is none, it is not ours, or a newer Mailward wrote it.
pub fn look(data_dir: &Path, thoroughly: bool) -> Result<Looked, OpenError> {
    let path = data_dir.join("mailward.db");
    let connection = reading(&path)?;
    let failed = |error| OpenError::of(&path, error);
    let mut rows = Vec::new();
    let schema = pragma(&connection, "user_version").map_err(failed)?;
    for name in moving::tables() {
        // A file of an older Mailward has fewer.
        let there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        let there: i64 = connection.query_row(there, [name], |row| row.get(0)).map_err(failed)?;
        if there == 0 {
            continue;
        }
        let count: i64 =
            connection.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0)).map_err(failed)?;
        rows.push((name, u64::try_from(count).unwrap_or(0)));
    }
    let mut damage = None;
    if thoroughly {
        let found: String = pragma(&connection, "integrity_check").map_err(failed)?;
        damage = (found != "ok").then_some(found);
    }
    let bytes = std::fs::metadata(&path).map_err(|source| OpenError::DataDir { path: path.clone(), source })?.len();
    Ok(Looked { path, bytes, schema, rows, damage })
}

/// Copies the database in `data_dir` to a new file, readable for its owner alone. What is committed when it begins is in
/// it; nobody who writes waits for it. The copy can take the database's place. Blocks.
///
/// # Errors
/// There is no database, the file is there already, or there is no room.
pub fn copy(data_dir: &Path, to: &Path) -> Result<(), CopyError> {
    let connection = reading(&data_dir.join("mailward.db"))?;
    let unmade = |source| CopyError::Target { path: to.to_owned(), source };
    // SQLite takes an empty file for none: so the copy never was readable for others.
    let made: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(unmade)?;
    let copied = connection.execute("VACUUM INTO ?1", params![to.to_string_lossy()]);
    if let Err(error) = copied {
        let _ = std::fs::remove_file(to);
        return Err(CopyError::Copying(error.to_string()));
    }
    made.sync_all().map_err(unmade)
}

fn reading(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::of(path, error);
    if let Err(source) = std::fs::metadata(path) {
        return Err(OpenError::DataDir { path: path.to_owned(), source });
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
    let application: i64 = pragma(&connection, "application_id").map_err(failed)?;
    if application != schema::APPLICATION_ID {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let version: i64 = pragma(&connection, "user_version").map_err(failed)?;
    if version > schema::VERSION {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::super::{Embedded, Settings};
    use super::*;
    use crate::domain::{Account, Timestamp};
    use crate::store::{Lock, Store as _};

    const SETTINGS: Settings =
        Settings { session_idle: Duration::from_secs(3600), profile_forgotten_after: Duration::from_secs(86_400) };

    #[tokio::test]
    async fn a_database_in_use_is_looked_at_and_copied_and_the_copy_opens() {
        let (folder, copies) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert!(matches!(look(folder.path(), true), Err(OpenError::DataDir { .. })), "there is none");
        let store = Embedded::open(folder.path(), now, SETTINGS).expect("it opens");
        let (site, alice) = ("site".into(), Account::from_canonical("alice"));
        let lock = Lock { site, account: alice, since: now, note: "phished".into() };
        store.lock(lock.clone()).await.expect("it is written");
        let looked = look(folder.path(), true).expect("it is there");
        assert_eq!((looked.damage, looked.schema), (None, schema::VERSION));
        assert!(looked.rows.contains(&("locks", 1)) && looked.rows.contains(&("sessions", 0)), "{:?}", looked.rows);
        let to = copies.path().join("mailward.db");
        copy(folder.path(), &to).expect("it is copied");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&to).expect("it is there").permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(copy(folder.path(), &to), Err(CopyError::Target { .. })), "never over another file");
        let copied = Embedded::open(copies.path(), now, SETTINGS).expect("a copy is a database");
        let found = copied.locked(&lock.site, &lock.account).await.expect("it answers");
        assert_eq!(found, Some(lock));
        std::fs::write(copies.path().join("other"), b"x").expect("writable");
        let nowhere = copies.path().join("absent").join("x");
        assert!(matches!(copy(folder.path(), &nowhere), Err(CopyError::Target { .. })));
    }
}
