//! What is kept sealed, on disk only: held messages, challenges under way, codes given out.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Memory;
use super::rows::{millis, time, to_hex};
use super::writer::Change;
use crate::domain::Timestamp;
use crate::store::{Away, Kept, KeptKind};

/// What is kept under this id.
pub(super) fn read(
    database: &Connection,
    kind: KeptKind,
    id: [u8; 16],
    now: Timestamp,
) -> rusqlite::Result<Option<Kept>> {
    database
        .prepare_cached("SELECT until, sealed FROM kept WHERE kind = ?1 AND id = ?2 AND until >= ?3")?
        .query_row(params![kind.name(), to_hex(id), millis(now)], |row| {
            Ok(Kept { kind, id, until: time(row, 0)?, sealed: row.get(1)? })
        })
        .optional()
}

/// Keeps it, in the place of what had this id; says whether there was room.
pub(super) fn put(database: &Connection, kept: &Kept, now: Timestamp) -> rusqlite::Result<bool> {
    let Kept { kind, id, until, sealed } = kept;
    remove(database, *kind, *id)?;
    let needed = u64::try_from(sealed.len()).unwrap_or(u64::MAX).saturating_add(KeptKind::PLACE_BYTES);
    let has_room = || {
        let used: i64 = database
            .prepare_cached("SELECT bytes FROM kept_bytes WHERE kind = ?1")?
            .query_row([kind.name()], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(u64::try_from(used).unwrap_or(0).saturating_add(needed) <= kind.all_bytes_max())
    };
    if !has_room()? {
        // What has expired may not have had its turn yet.
        let sql = "DELETE FROM kept WHERE kind = ?1 AND until < ?2";
        database.prepare_cached(sql)?.execute(params![kind.name(), millis(now)])?;
        if !has_room()? {
            return Ok(false);
        }
    }
    database.prepare_cached("INSERT INTO kept (kind, id, until, sealed) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        kind.name(),
        to_hex(*id),
        millis(*until),
        sealed
    ])?;
    Ok(true)
}

fn remove(database: &Connection, kind: KeptKind, id: [u8; 16]) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM kept WHERE kind = ?1 AND id = ?2";
    database.prepare_cached(sql)?.execute(params![kind.name(), to_hex(id)])
}

/// Forgets at most `most` of those that have expired.
pub(super) fn collect_rubbish(database: &Connection, now: Timestamp, most: u32) -> rusqlite::Result<()> {
    let sql = "DELETE FROM kept WHERE rowid IN (SELECT rowid FROM kept WHERE until < ?1 ORDER BY until LIMIT ?2)";
    database.prepare_cached(sql)?.execute(params![millis(now), most]).map(|_| ())
}

/// [`crate::store::Store::keep`].
pub(super) struct Keep {
    kept: Kept,
    now: Timestamp,
    has_room: bool,
}

impl Keep {
    pub(super) const fn new(kept: Kept, now: Timestamp) -> Self {
        Self { kept, now, has_room: false }
    }
}

impl Change for Keep {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        if self.kept.sealed.len() <= self.kept.kind.bytes_max() {
            self.has_room = put(database, &self.kept, self.now)?;
        }
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        if self.has_room { Ok(()) } else { Err(Away { what: self.kept.no_room() }) }
    }
}

/// [`crate::store::Store::take`].
pub(super) struct Take {
    kind: KeptKind,
    id: [u8; 16],
    now: Timestamp,
    taken: Option<Kept>,
}

impl Take {
    pub(super) const fn new(kind: KeptKind, id: [u8; 16], now: Timestamp) -> Self {
        Self { kind, id, now, taken: None }
    }
}

impl Change for Take {
    type Done = Option<Kept>;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.taken = read(database, self.kind, self.id, self.now)?;
        if self.taken.is_some() {
            remove(database, self.kind, self.id)?;
        }
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<Option<Kept>, Away> {
        Ok(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    fn database() -> Connection {
        let database = Connection::open_in_memory().expect("memory");
        schema::create(&database).expect("an empty database");
        database
    }

    fn kept(kind: KeptKind, id: u8, until: u64, bytes: usize) -> Kept {
        Kept { kind, id: [id; 16], until: at(until), sealed: vec![id; bytes] }
    }

    fn used(database: &Connection, kind: KeptKind) -> u64 {
        let sql = "SELECT bytes FROM kept_bytes WHERE kind = ?1";
        let used: i64 = database.query_row(sql, [kind.name()], |row| row.get(0)).expect("a row for each kind");
        u64::try_from(used).expect("never below nothing")
    }

    #[test]
    fn what_comes_and_goes_is_counted_to_the_byte() {
        let database = database();
        for kind in KeptKind::ALL {
            for (id, bytes, counted) in [(1, 100, 1), (2, 0, 2), (1, 40, 2)] {
                assert!(put(&database, &kept(kind, id, 9, bytes), at(0)).expect("it is written"));
                let sealed = if id == 1 { bytes } else { 100 };
                assert_eq!(used(&database, kind), counted * KeptKind::PLACE_BYTES + sealed as u64);
            }
            let mut take = Take::new(kind, [1; 16], at(0));
            take.write(&database).expect("it is written");
            assert_eq!(used(&database, kind), KeptKind::PLACE_BYTES);
        }
        collect_rubbish(&database, at(9), 99).expect("it is written");
        assert_eq!(used(&database, KeptKind::Held), KeptKind::PLACE_BYTES, "not yet over");
        collect_rubbish(&database, at(10), 99).expect("it is written");
        assert!(KeptKind::ALL.iter().all(|kind| used(&database, *kind) == 0));
    }

    #[test]
    fn at_the_bound_of_a_kind_only_what_has_expired_makes_room_and_other_kinds_have_theirs() {
        let database = database();
        assert!(put(&database, &kept(KeptKind::Code, 1, 9, 10), at(0)).expect("it is written"));
        let full = format!("UPDATE kept_bytes SET bytes = {} WHERE kind = 'code'", KeptKind::Code.all_bytes_max());
        database.execute_batch(&full).expect("as if there were more");
        assert!(!put(&database, &kept(KeptKind::Code, 2, 99, 10), at(9)).expect("it is written"));
        assert!(put(&database, &kept(KeptKind::Challenge, 2, 99, 10), at(9)).expect("it is written"));
        assert!(read(&database, KeptKind::Code, [1; 16], at(9)).expect("it is read").is_some());
        assert!(put(&database, &kept(KeptKind::Code, 2, 99, 10), at(10)).expect("it is written"));
    }
}
