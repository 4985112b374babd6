//! Prefixes that operators marked: on disk only.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{json, millis, to_json};
use super::writer::Change;
use super::{Embedded, Memory};
use crate::domain::{Prefix, PrefixMark, SiteName, Timestamp};
use crate::store::marks::{MARKS_MAX, Marks, in_order, no_room};
use crate::store::{Answer, Away};

/// The mark on a prefix, where it counts.
pub(super) fn read(
    database: &Connection,
    site: &SiteName,
    prefix: Prefix,
    now: Timestamp,
) -> rusqlite::Result<Option<PrefixMark>> {
    database
        .prepare_cached("SELECT mark FROM marks WHERE site = ?1 AND prefix = ?2 AND until > ?3")?
        .query_row(params![&**site, prefix.to_string(), millis(now)], |row| json(row, 0))
        .optional()
}

/// Writes a mark in place of what is there, and forgets those that count no more; says whether there was room.
pub(super) fn put(database: &Connection, mark: &PrefixMark, now: Timestamp) -> rusqlite::Result<bool> {
    database.prepare_cached("DELETE FROM marks WHERE until <= ?1")?.execute([millis(now)])?;
    let many: i64 = database.prepare_cached("SELECT COUNT(*) FROM marks")?.query_row([], |row| row.get(0))?;
    let is_full = usize::try_from(many).is_ok_and(|many| many >= MARKS_MAX);
    if is_full && read(database, &mark.site, mark.prefix, now)?.is_none() {
        return Ok(false);
    }
    database
        .prepare_cached(
            "INSERT INTO marks (site, prefix, until, mark) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (site, prefix) DO UPDATE SET until = excluded.until, mark = excluded.mark",
        )?
        .execute(params![&*mark.site, mark.prefix.to_string(), millis(mark.until), to_json(mark)])?;
    Ok(true)
}

/// [`Marks::mark_prefix`].
struct SetMark {
    mark: PrefixMark,
    fits: bool,
}

impl Change for SetMark {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.fits = put(database, &self.mark, self.mark.since)?;
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        if self.fits { Ok(()) } else { Err(Away { what: no_room() }) }
    }
}

/// [`Marks::unmark_prefix`].
struct Unmark {
    site: SiteName,
    prefix: Prefix,
    now: Timestamp,
    done: bool,
}

impl Change for Unmark {
    type Done = bool;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.done = read(database, &self.site, self.prefix, self.now)?.is_some();
        database
            .prepare_cached("DELETE FROM marks WHERE site = ?1 AND prefix = ?2")?
            .execute(params![&*self.site, self.prefix.to_string()])?;
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<bool, Away> {
        Ok(self.done)
    }
}

impl Marks for Embedded {
    fn mark_prefix(&self, mark: PrefixMark) -> Answer<'_, ()> {
        Box::pin(self.write(SetMark { mark, fits: false }))
    }

    fn unmark_prefix<'a>(&'a self, site: &'a SiteName, prefix: Prefix, now: Timestamp) -> Answer<'a, bool> {
        Box::pin(self.write(Unmark { site: SiteName::clone(site), prefix, now, done: false }))
    }

    fn marked_prefix<'a>(
        &'a self,
        site: &'a SiteName,
        prefix: Prefix,
        now: Timestamp,
    ) -> Answer<'a, Option<PrefixMark>> {
        let site = SiteName::clone(site);
        Box::pin(self.read(move |database| read(database, &site, prefix, now)))
    }

    fn marked_prefixes<'a>(&'a self, site: &'a SiteName, now: Timestamp) -> Answer<'a, Vec<PrefixMark>> {
        let site = SiteName::clone(site);
        Box::pin(self.read(move |database| {
            let mut find = database.prepare_cached("SELECT mark FROM marks WHERE site = ?1 AND until > ?2")?;
            let found = find.query_map(params![&*site, millis(now)], |row| json(row, 0))?;
            found.collect::<rusqlite::Result<_>>().map(in_order)
        }))
    }
}
