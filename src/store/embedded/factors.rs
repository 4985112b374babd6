//! The sealed factors of accounts, on disk only.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Memory;
use super::writer::Change;
use crate::domain::{Account, SiteName};
use crate::store::{Away, FACTORS_BYTES_MAX, Sealed};

/// An account's factors.
pub(super) fn read(database: &Connection, site: &SiteName, account: &Account) -> rusqlite::Result<Option<Sealed>> {
    database
        .prepare_cached("SELECT version, sealed FROM factors WHERE site = ?1 AND account = ?2")?
        .query_row(params![&**site, account.as_str()], |row| {
            Ok(Sealed { version: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), bytes: row.get(1)? })
        })
        .optional()
}

/// Writes them, whatever was there.
pub(super) fn put(database: &Connection, site: &SiteName, account: &Account, factors: &Sealed) -> rusqlite::Result<()> {
    let version = i64::try_from(factors.version).unwrap_or(i64::MAX);
    database
        .prepare_cached(
            "INSERT INTO factors (site, account, version, sealed) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (site, account) DO UPDATE SET version = excluded.version, sealed = excluded.sealed",
        )?
        .execute(params![&**site, account.as_str(), version, factors.bytes])
        .map(|_| ())
}

/// [`crate::store::Store::put_factors`].
pub(super) struct Put {
    site: SiteName,
    account: Account,
    bytes: Vec<u8>,
    expected: u64,
    done: bool,
}

impl Put {
    pub(super) const fn new(site: SiteName, account: Account, bytes: Vec<u8>, expected: u64) -> Self {
        Self { site, account, bytes, expected, done: false }
    }
}

impl Change for Put {
    type Done = bool;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        if self.bytes.len() > FACTORS_BYTES_MAX {
            return Ok(());
        }
        let version = read(database, &self.site, &self.account)?.map_or(0, |factors| factors.version);
        if version == self.expected {
            let factors = Sealed { version: version + 1, bytes: self.bytes.clone() };
            put(database, &self.site, &self.account, &factors)?;
            self.done = true;
        }
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<bool, Away> {
        if self.bytes.len() > FACTORS_BYTES_MAX {
            return Err(Away { what: Sealed::too_large(self.bytes.len()) });
        }
        Ok(self.done)
    }
}
