//! The SQLite file: its schema, how it is opened, what is read from it and written behind.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::rows::{account, hex, is_unreadable, json, millis, pragma, text, time, unreadable};
use super::writer::Change;
use super::{Memory, schema, sessions};
use crate::domain::Timestamp;
use crate::policy::limits::CounterKey;
use crate::policy::window::{Entry, Window};
use crate::store::{Away, Lock};

/// Why the store cannot be opened; each is something an operator can mend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or used.
    #[error("the folder {} cannot be used", .path.display())]
    DataDir {
        /// The folder or the file in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another gateway runs there.
    #[error("another gateway uses {}: two cannot share one data_dir", .0.display())]
    InUse(PathBuf),
    /// Written by a newer Mailward.
    #[error("{} was written by a newer Mailward (schema {found}, this one knows {known})", .path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A database, but of another program.
    #[error("{} is a database of another program", .0.display())]
    Foreign(PathBuf),
    /// Damaged, or no database at all.
    #[error("{} is damaged: {what}. Put a copy back, or move it away to begin anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// Read-only folder, file or file system.
    #[error("{} cannot be written", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// No room.
    #[error("there is no room on the disk for {}", .0.display())]
    DiskFull(PathBuf),
    /// Anything else.
    #[error("{} cannot be opened", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The system gives no thread.
    #[error("the thread that writes the store cannot be started")]
    Thread(#[source] io::Error),
}

impl OpenError {
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path, what: source.to_string() }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, source }
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull(path),
            _ => Self::Database { path, source },
        }
    }

    /// The same where rows are read: one that makes no sense is damage.
    fn reading(path: &Path, source: rusqlite::Error) -> Self {
        if is_unreadable(&source) {
            return Self::Damaged { path: path.to_owned(), what: source.to_string() };
        }
        Self::of(path, source)
    }
}

/// The open file, and the lock that keeps others out of the folder.
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
    _only_one: Option<File>,
}

/// An entry of a counter as it is written.
type WrittenEntry = (u64, u64, u64, Option<u32>);

/// Statements kept ready: more than there are.
const STATEMENTS: usize = 64;

/// A connection whose statements are compiled once. SQLite would compile those anew at each use whose plan it could choose by
/// the values; every plan here is chosen beforehand, by the indices and by `INDEXED BY`.
fn ready(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

impl Database {
    /// How long another program that has the file open for writing is waited for.
    const BUSY_WAIT: Duration = Duration::from_secs(2);

    pub(super) fn open(data_dir: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::DataDir { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(unusable(data_dir))?;
        let only_one = only_one(data_dir)?;

        // Made by us before SQLite sees it: what it makes beside it takes over these permissions.
        let path = data_dir.join("mailward.db");
        let file = private(&path).map_err(unusable(&path))?;
        file.set_permissions(PermissionsExt::from_mode(0o600)).map_err(unusable(&path))?;
        drop(file);

        let connection = Connection::open(&path).and_then(ready).map_err(|error| OpenError::of(&path, error))?;
        let mut database = Self { connection, path, _only_one: Some(only_one) };
        database.check()?;
        let probed = database.in_one_transaction(|connection| Probe(now).write(connection));
        probed.map_err(|error| OpenError::of(&database.path, error))?;
        Ok(database)
    }

    /// One that lives in memory and is gone with its handle.
    pub(super) fn scratch() -> Result<Self, OpenError> {
        let path = PathBuf::from(":memory:");
        let failed = |error| OpenError::of(&path, error);
        let connection = Connection::open_in_memory().and_then(ready).map_err(failed)?;
        schema::create(&connection).map_err(failed)?;
        Ok(Self { connection, path, _only_one: None })
    }

    fn check(&mut self) -> Result<(), OpenError> {
        let failed = |error| OpenError::of(&self.path, error);
        let connection = &mut self.connection;
        connection.busy_timeout(Self::BUSY_WAIT).map_err(failed)?;
        let application: i64 = pragma(connection, "application_id").map_err(failed)?;
        let version: i64 = pragma(connection, "user_version").map_err(failed)?;
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
        let is_new = application == 0 && version == 0 && tables == 0;
        if !is_new && application != schema::APPLICATION_ID {
            return Err(OpenError::Foreign(self.path.clone()));
        }
        if version > schema::VERSION {
            return Err(OpenError::NewerSchema { path: self.path.clone(), found: version, known: schema::VERSION });
        }
        let health: String = pragma(connection, "quick_check").map_err(failed)?;
        if health != "ok" {
            return Err(OpenError::Damaged { path: self.path.clone(), what: health });
        }
        // In WAL with FULL every commit is on the disk when it returns, so a lock survives a loss of power as well.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let made = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            match version {
                _ if is_new => schema::create(&transaction)?,
                older => schema::upgrade(&transaction, older)?,
            }
            transaction.commit()
        };
        if is_new || version < schema::VERSION {
            made(connection).map_err(|error| OpenError::reading(&self.path, error))?;
        }
        Ok(())
    }

    /// Fills an empty memory.
    pub(super) fn read_back(&mut self, memory: &Memory) -> Result<(), OpenError> {
        let read = || {
            let each = |sql: &str, put: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>| {
                let mut statement = self.connection.prepare(sql)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    put(row)?;
                }
                Ok(())
            };
            each("SELECT site, account, since, note FROM locks", &mut |row| {
                let lock =
                    Lock { site: text(row, 0)?, account: account(row, 1)?, since: time(row, 2)?, note: row.get(3)? };
                // There are no more than fitted when they were written.
                let _fits = memory.locks.set(lock);
                Ok(())
            })?;
            each("SELECT site, account, device, since, last_used FROM devices", &mut |row| {
                let key = (text(row, 0)?, account(row, 1)?, hex(row, 2)?);
                memory.devices.restore(key, time(row, 3)?, time(row, 4)?);
                Ok(())
            })?;
            each(&sessions::select(""), &mut |row| {
                memory.sessions.restore(sessions::session(row, 0)?);
                Ok(())
            })?;
            each("SELECT key, keep, entries FROM counters", &mut |row| {
                memory.counters.restore(CounterKey(row.get(0)?), window(row, 1)?);
                Ok(())
            })?;
            each("SELECT campaign FROM campaigns", &mut |row| {
                memory.campaigns.restore(json(row, 0)?);
                Ok(())
            })
        };
        read().map_err(|error| OpenError::reading(&self.path, error))
    }

    pub(super) fn in_one_transaction(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        write(&transaction)?;
        transaction.commit()
    }

    /// A connection that only reads: it sees what is committed, and a commit does not keep it waiting.
    pub(super) fn reading(&self) -> Result<Connection, OpenError> {
        let failed = |error| OpenError::of(&self.path, error);
        let connection = Connection::open(&self.path).and_then(ready).map_err(failed)?;
        connection.busy_timeout(Self::BUSY_WAIT).map_err(failed)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        Ok(connection)
    }

    /// For what reads and writes by turns.
    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// [`crate::store::Store::probe`].
pub(super) struct Probe(pub(super) Timestamp);

impl Change for Probe {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let put =
            "INSERT INTO probe (id, written) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET written = excluded.written";
        database.prepare_cached(put)?.execute([millis(self.0)])?;
        let read = "SELECT written FROM probe WHERE written = ?1";
        let found = database.prepare_cached(read)?.query_row([millis(self.0)], |_| Ok(())).optional()?;
        found.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        Ok(())
    }
}

/// The lock lives as long as the file is open; a killed process leaves none behind.
fn only_one(data_dir: &Path) -> Result<File, OpenError> {
    let path = data_dir.join("mailward.lock");
    let file = match private(&path) {
        Ok(file) => file,
        Err(source) => return Err(OpenError::DataDir { path, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::DataDir { path, source }),
    }
}

/// A file that only its owner reads, made if it is not there.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// A row's counter; its columns `keep, entries` begin with column `first`.
pub(super) fn window(row: &Row<'_>, first: usize) -> rusqlite::Result<Window> {
    let keep = Duration::from_millis(u64::try_from(row.get::<_, i64>(first)?).unwrap_or(0));
    let entries: String = row.get(first + 1)?;
    let entries: Vec<WrittenEntry> = serde_json::from_str(&entries).map_err(|_| unreadable(first + 1))?;
    let entry =
        |(time, units, number, fingerprint)| Entry { time: Timestamp::from_millis(time), units, number, fingerprint };
    Ok(Window::restore(entries.into_iter().map(entry).collect(), keep))
}

pub(super) fn entries(window: &Window) -> String {
    let written = |entry: &Entry| (entry.time.as_millis(), entry.units, entry.number, entry.fingerprint);
    let entries: Vec<WrittenEntry> = window.entries().iter().map(written).collect();
    serde_json::to_string(&entries).expect("numbers are always written")
}

pub(super) fn keep(window: &Window) -> i64 {
    i64::try_from(window.keep().as_millis()).unwrap_or(i64::MAX)
}
