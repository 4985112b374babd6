//! Locks on accounts: few, asked at every sign-in and send, written by operators.

use std::collections::HashMap;

use parking_lot::RwLock;
use rusqlite::{Connection, params};

use super::Memory;
use super::rows::millis;
use super::writer::Change;
use crate::domain::{Account, SiteName};
use crate::store::{Away, Lock};

/// All locks. At most [`Locks::MAX`]; beyond it a further one is refused, and the operator is told.
#[derive(Default)]
pub struct Locks {
    of_site: RwLock<HashMap<SiteName, HashMap<Account, Lock>>>,
}

impl Locks {
    /// Locks at all sites together.
    pub const MAX: usize = 100_000;

    pub(super) fn get(&self, site: &SiteName, account: &Account) -> Option<Lock> {
        self.of_site.read().get(site)?.get(account).cloned()
    }

    /// In the order of the accounts.
    pub(super) fn list(&self, site: &SiteName, most: usize) -> Vec<Lock> {
        let of_site = self.of_site.read();
        let mut locks: Vec<Lock> = of_site.get(site).map(|locks| locks.values().cloned().collect()).unwrap_or_default();
        locks.sort_unstable_by(|a, b| a.account.cmp(&b.account));
        locks.truncate(most);
        locks
    }

    pub(super) fn set(&self, lock: Lock) -> Result<(), Away> {
        let mut of_site = self.of_site.write();
        let count: usize = of_site.values().map(HashMap::len).sum();
        let locks = of_site.entry(lock.site.clone()).or_default();
        if count >= Self::MAX && !locks.contains_key(&lock.account) {
            return Err(Away { what: format!("there are {} locks already", Self::MAX) });
        }
        locks.insert(lock.account.clone(), lock);
        Ok(())
    }

    /// Takes in another store's lock, unless there is one.
    pub(super) fn add(&self, lock: Lock) -> Result<(), Away> {
        if self.get(&lock.site, &lock.account).is_some() { Ok(()) } else { self.set(lock) }
    }

    fn remove(&self, site: &SiteName, account: &Account) -> bool {
        self.of_site.write().get_mut(site).is_some_and(|locks| locks.remove(account).is_some())
    }
}

/// Writes a lock unless there is one; says whether it did.
pub(super) fn write_new(database: &Connection, lock: &Lock) -> rusqlite::Result<bool> {
    let Lock { site, account, since, note } = lock;
    let sql = "INSERT OR IGNORE INTO locks (site, account, since, note) VALUES (?1, ?2, ?3, ?4)";
    Ok(database.prepare_cached(sql)?.execute(params![&**site, account.as_str(), millis(*since), note])? > 0)
}

/// [`crate::store::Store::lock`].
pub(super) struct SetLock(pub(super) Lock);

impl Change for SetLock {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let Lock { site, account, since, note } = &self.0;
        database
            .prepare_cached(
                "INSERT INTO locks (site, account, since, note) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (site, account) DO UPDATE SET note = excluded.note",
            )?
            .execute(params![&**site, account.as_str(), millis(*since), note])?;
        Ok(())
    }

    fn apply(mut self, memory: &Memory) -> Result<(), Away> {
        if let Some(known) = memory.locks.get(&self.0.site, &self.0.account) {
            self.0.since = known.since;
        }
        memory.locks.set(self.0)
    }

    fn apply_unwritten(self, memory: &Memory) {
        // The caller is told that it was not written; until the next start it holds.
        let _full = self.apply(memory);
    }
}

/// [`crate::store::Store::unlock`].
pub(super) struct Unlock {
    pub(super) site: SiteName,
    pub(super) account: Account,
}

impl Change for Unlock {
    type Done = bool;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        database
            .prepare_cached("DELETE FROM locks WHERE site = ?1 AND account = ?2")?
            .execute(params![&*self.site, self.account.as_str()])?;
        Ok(())
    }

    fn apply(self, memory: &Memory) -> Result<bool, Away> {
        Ok(memory.locks.remove(&self.site, &self.account))
    }
}
