//! What is written behind: taken from memory each second, put on disk in one transaction, given back where that fails.

use rusqlite::{Connection, params};

use super::Memory;
use super::campaigns;
use super::correspondents::{self, Noted};
use super::counters::Unwritten;
use super::database::{entries, keep};
use super::devices::DeviceKey;
use super::flags::{self, Added};
use super::rows::{millis, to_hex};
use super::sessions::UnwrittenSessions;

/// Everything that waits to be written.
pub(super) struct Behind {
    counters: Vec<Unwritten>,
    sessions: UnwrittenSessions,
    devices: Vec<DeviceKey>,
    correspondents: Noted,
    activities: Added,
    campaigns: campaigns::Unwritten,
}

impl Behind {
    /// Takes what waits; none where nothing does.
    pub(super) fn take(memory: &Memory) -> Option<Self> {
        let taken = Self {
            counters: memory.counters.take_unwritten(),
            sessions: memory.sessions.take_unwritten(),
            devices: memory.devices.take_forgotten(),
            correspondents: memory.correspondents.take(),
            activities: memory.activities.take(),
            campaigns: memory.campaigns.take_unwritten(),
        };
        let Self { counters, sessions, devices, correspondents, activities, campaigns } = &taken;
        let nothing = counters.is_empty()
            && sessions.touched.is_empty()
            && sessions.forgotten.is_empty()
            && devices.is_empty()
            && correspondents.is_empty()
            && activities.is_empty()
            && campaigns.is_empty();
        (!nothing).then_some(taken)
    }

    /// It is on disk.
    pub(super) fn settle(self, memory: &Memory) {
        memory.correspondents.are_written();
    }

    /// It could not be written, and is taken again the next time.
    pub(super) fn give_back(self, memory: &Memory) {
        memory.counters.still_unwritten(self.counters);
        memory.sessions.still_unwritten(self.sessions);
        memory.devices.still_forgotten(self.devices);
        memory.correspondents.are_unwritten();
        memory.activities.give_back(self.activities);
        memory.campaigns.still_unwritten(self.campaigns);
    }

    pub(super) fn write(&self, database: &Connection) -> rusqlite::Result<()> {
        self.write_counters(database)?;
        self.write_sessions(database)?;
        let sql = "DELETE FROM devices WHERE site = ?1 AND account = ?2 AND device = ?3";
        let mut delete = database.prepare_cached(sql)?;
        for (site, account, device) in &self.devices {
            delete.execute(params![&**site, account.as_str(), to_hex(*device)])?;
        }
        correspondents::write(database, &self.correspondents)?;
        campaigns::write(database, &self.campaigns)?;
        flags::add(database, &self.activities)
    }

    fn write_counters(&self, database: &Connection) -> rusqlite::Result<()> {
        let mut put = database.prepare_cached(
            "INSERT INTO counters (key, keep, entries) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET keep = excluded.keep, entries = excluded.entries",
        )?;
        let mut delete = database.prepare_cached("DELETE FROM counters WHERE key = ?1")?;
        for (key, window) in &self.counters {
            match window {
                Some(window) => put.execute(params![key.0, keep(window), entries(window)])?,
                None => delete.execute([&key.0])?,
            };
        }
        Ok(())
    }

    fn write_sessions(&self, database: &Connection) -> rusqlite::Result<()> {
        let mut touch = database.prepare_cached("UPDATE sessions SET last_seen = ?2 WHERE hash = ?1")?;
        for (hash, last_seen) in &self.sessions.touched {
            touch.execute(params![hash.to_string(), millis(*last_seen)])?;
        }
        let mut delete = database.prepare_cached("DELETE FROM sessions WHERE hash = ?1")?;
        for hash in &self.sessions.forgotten {
            delete.execute([hash.to_string()])?;
        }
        Ok(())
    }
}
