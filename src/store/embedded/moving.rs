//! Everything the database holds, read page by page, and what another store holds, taken in.

use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::database::window;
use super::rows::{account, hex, is_unreadable, json, text, time, unreadable, word};
use super::writer::Change;
use super::{
    Memory, Settings, correspondents, devices, factors, flags, kept, ledger, locks, marks, profiles, sessions,
};
use crate::domain::{Session, SessionState, Timestamp};
use crate::policy::limits::CounterKey;
use crate::store::record::PAGE_BYTES_MAX;
use crate::store::{Away, Cursor, Kept, KeptKind, KnownDevice, Lock, Page, Record, Sealed};

/// A table: in which order it is read, and what a row of it is.
struct Table {
    name: &'static str,
    /// The columns of a unique index; the rows are read in its order. They come first in what is selected.
    keys: &'static [&'static str],
    columns: &'static str,
    /// A row's record. The first column after the keys is number `keys.len()`.
    record: fn(&Row<'_>) -> rusqlite::Result<Record>,
}

const TABLES: &[Table] = &[
    // Locks come first: whatever is taken in after them is taken in for a locked account.
    Table {
        name: "locks",
        keys: &["site", "account"],
        columns: "since, note",
        record: |row| {
            let (site, account) = (text(row, 0)?, account(row, 1)?);
            Ok(Record::Lock(Lock { site, account, since: time(row, 2)?, note: row.get(3)? }))
        },
    },
    Table {
        name: "sessions",
        keys: &["hash"],
        columns: sessions::COLUMNS,
        record: |row| Ok(Record::Session(Box::new(sessions::session(row, 1)?))),
    },
    Table {
        name: "devices",
        keys: &["site", "account", "device"],
        columns: "since, last_used",
        record: |row| {
            let device = KnownDevice { device: hex(row, 2)?, since: time(row, 3)?, last_used: time(row, 4)? };
            Ok(Record::Device { site: text(row, 0)?, account: account(row, 1)?, device })
        },
    },
    Table {
        name: "profiles",
        keys: &["site", "account"],
        columns: "profile",
        record: |row| {
            Ok(Record::Profile { site: text(row, 0)?, account: account(row, 1)?, profile: Box::new(json(row, 2)?) })
        },
    },
    Table {
        name: "correspondents",
        keys: &["site", "account"],
        columns: "last, recipients",
        record: |row| {
            let recipients = correspondents::from_bytes(&row.get::<_, Vec<u8>>(3)?);
            let (site, account) = (text(row, 0)?, account(row, 1)?);
            Ok(Record::Correspondents { site, account, last: time(row, 2)?, recipients })
        },
    },
    Table { name: "flags", keys: &["code"], columns: "flag", record: |row| Ok(Record::Flag(Box::new(json(row, 1)?))) },
    Table {
        name: "counters",
        keys: &["key"],
        columns: "keep, entries",
        record: |row| {
            let window = window(row, 1)?;
            let keep = u64::try_from(window.keep().as_millis()).unwrap_or(u64::MAX);
            Ok(Record::Counter { key: CounterKey(row.get(0)?), keep, entries: window.entries().to_vec() })
        },
    },
    Table {
        name: "kept",
        keys: &["kind", "id"],
        columns: "until, sealed",
        record: |row| {
            let kind = word(row, 0, KeptKind::from_name)?;
            Ok(Record::Kept(Kept { kind, id: hex(row, 1)?, until: time(row, 2)?, sealed: row.get(3)? }))
        },
    },
    Table {
        name: "factors",
        keys: &["site", "account"],
        columns: "version, sealed",
        record: |row| {
            let version = u64::try_from(row.get::<_, i64>(2)?).map_err(|_| unreadable(2))?;
            let factors = Sealed { version, bytes: row.get(3)? };
            Ok(Record::Factors { site: text(row, 0)?, account: account(row, 1)?, factors })
        },
    },
    Table {
        name: "operators",
        keys: &["name"],
        columns: "version, sealed",
        record: |row| Ok(Record::Operator { name: row.get(0)?, operator: ledger::sealed(row, 1)? }),
    },
    Table { name: "marks", keys: &["site", "prefix"], columns: "mark", record: |row| Ok(Record::Mark(json(row, 2)?)) },
    Table {
        name: "audit",
        keys: &["time", "number"],
        columns: "entry",
        record: |row| Ok(Record::Audit(Box::new(json(row, 2)?))),
    },
    Table {
        name: "events",
        keys: &["time", "number"],
        columns: "line",
        record: |row| Ok(Record::Event(ledger::event(row)?)),
    },
];

/// The names of all tables whose rows are records.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// What follows a cursor, which is a JSON list of a table's name and the keys of the last row that was read.
pub(super) fn page(database: &Connection, after: Option<&Cursor>, most: usize) -> rusqlite::Result<Page> {
    let mut position: Vec<String> = match after {
        Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| unreadable(0))?,
        None => vec![TABLES[0].name.to_owned()],
    };
    let begin = TABLES.iter().position(|table| position.first().is_some_and(|name| name == table.name));
    let mut page = Page::default();
    let mut bytes = 0;
    for table in &TABLES[begin.ok_or_else(|| unreadable(0))?..] {
        if position[0] != table.name {
            position = vec![table.name.to_owned()];
        }
        let mut statement = database.prepare_cached(&table.select(position.len() > 1))?;
        let mut rows = statement.query(params_from_iter(&position[1..]))?;
        while let Some(row) = rows.next()? {
            if page.records.len() >= most.max(1) || bytes >= PAGE_BYTES_MAX {
                let next = serde_json::to_string(&position).expect("texts are always written");
                return Ok(Page { next: Some(Cursor(next)), ..page });
            }
            position.truncate(1);
            for key in 0..table.keys.len() {
                position.push(key_text(row, key)?);
            }
            match (table.record)(row) {
                Ok(record) => {
                    bytes += size(&record);
                    page.records.push(record);
                }
                Err(error) if is_unreadable(&error) => {
                    tracing::warn!(table = table.name, "a row that makes no sense is left out");
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(page)
}

/// A key as a text; SQLite compares it with a column of numbers as the number it is.
fn key_text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    match row.get_ref(column)? {
        ValueRef::Integer(number) => Ok(number.to_string()),
        _ => row.get(column),
    }
}

impl Table {
    fn select(&self, follows: bool) -> String {
        let Self { name, columns, .. } = self;
        let keys = self.keys.join(", ");
        let places = vec!["?"; self.keys.len()].join(", ");
        let narrowed = if follows { format!(" WHERE ({keys}) > ({places})") } else { String::new() };
        format!("SELECT {keys}, {columns} FROM {name}{narrowed} ORDER BY {keys}")
    }
}

/// Of what may be large: the others are a few hundred bytes, or a few thousand.
fn size(record: &Record) -> usize {
    const OTHERS: usize = 2048;
    match record {
        Record::Kept(kept) => kept.sealed.len() + OTHERS,
        Record::Factors { factors: sealed, .. } | Record::Operator { operator: sealed, .. } => {
            sealed.bytes.len() + OTHERS
        }
        Record::Counter { entries, .. } => size_of_val(entries.as_slice()) + OTHERS,
        Record::Correspondents { recipients, .. } => size_of_val(recipients.as_slice()) + OTHERS,
        Record::Session(_)
        | Record::Lock(_)
        | Record::Device { .. }
        | Record::Profile { .. }
        | Record::Flag(_)
        | Record::Mark(_)
        | Record::Event(_)
        | Record::Audit(_) => OTHERS,
    }
}

/// [`crate::store::Store::import`].
pub(super) struct Import {
    records: Vec<Record>,
    now: Timestamp,
    settings: Settings,
    changed: usize,
    /// Sessions as they were written.
    sessions: Vec<Session>,
}

impl Import {
    pub(super) const fn new(records: Vec<Record>, now: Timestamp, settings: Settings) -> Self {
        Self { records, now, settings, changed: 0, sessions: Vec::new() }
    }

    /// Writes one; says whether that changed anything. Counters are written behind.
    fn write_one(&mut self, database: &Connection, record: &mut Record) -> rusqlite::Result<bool> {
        match record {
            Record::Session(session) if self.now.since(session.last_seen) >= self.settings.session_idle => Ok(false),
            Record::Session(session) => {
                let sql = sessions::select(" WHERE hash = ?1");
                let mut find = database.prepare_cached(&sql)?;
                let known = find.query_row([session.hash.to_string()], |row| sessions::session(row, 0)).optional()?;
                let changed = match known {
                    Some(mut known) => known.merge(session).then_some(known),
                    None => Some((**session).clone()),
                };
                let Some(changed) = changed else { return Ok(false) };
                sessions::overwrite(database, &changed)?;
                self.sessions.push(changed);
                Ok(true)
            }
            Record::Lock(lock) => {
                let is_new = locks::write_new(database, lock)?;
                if is_new {
                    ending(lock, self.now).write(database)?;
                }
                Ok(is_new)
            }
            Record::Device { site, account, device } => devices::merge(database, site, account, device, self.now),
            Record::Profile { site, account, profile } => {
                profiles::merge(database, site, account, profile, self.now, self.settings.profile_forgotten_after)
            }
            Record::Correspondents { site, account, last, recipients } => {
                correspondents::merge(database, site, account, *last, recipients)
            }
            Record::Flag(flag) => {
                let is_new = flags::read(database, flag.code)?.is_none();
                if is_new {
                    flags::PutFlag((**flag).clone()).write(database)?;
                }
                Ok(is_new)
            }
            Record::Kept(kept) => {
                let is_new = kept::read(database, kept.kind, kept.id, self.now)?.is_none();
                let fits = kept.until >= self.now && kept.sealed.len() <= kept.kind.bytes_max();
                Ok(is_new && fits && kept::put(database, kept, self.now)?)
            }
            Record::Factors { site, account, factors } => {
                let is_new = factors::read(database, site, account)?.is_none();
                if is_new {
                    factors::put(database, site, account, factors)?;
                }
                Ok(is_new)
            }
            Record::Operator { name, operator } => {
                let is_new = ledger::operator(database, name)?.is_none() && ledger::has_room_for_operator(database)?;
                if is_new {
                    ledger::overwrite_operator(database, name, operator)?;
                }
                Ok(is_new)
            }
            Record::Mark(mark) => {
                let is_new =
                    mark.holds(self.now) && marks::read(database, &mark.site, mark.prefix, self.now)?.is_none();
                Ok(is_new && marks::put(database, mark, self.now)?)
            }
            Record::Audit(entry) => ledger::put_audit(database, entry),
            Record::Event(event) => ledger::put_event(database, event),
            Record::Counter { .. } => Ok(false),
        }
    }
}

impl Change for Import {
    type Done = usize;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let mut records = std::mem::take(&mut self.records);
        let mut changed = 0;
        for record in &mut records {
            changed += usize::from(self.write_one(database, record)?);
        }
        self.records = records;
        self.changed = changed;
        Ok(())
    }

    fn apply(self, memory: &Memory) -> Result<usize, Away> {
        let mut changed = self.changed;
        // All of it is on disk; what memory has no room for is told at the end.
        let mut full = None;
        for record in self.records {
            match record {
                Record::Lock(lock) => {
                    memory.sessions.set_account(&ending(&lock, self.now));
                    full = full.or(memory.locks.add(lock).err());
                }
                Record::Device { site, account, device } => memory.devices.merge(&site, &account, &device, self.now),
                Record::Counter { key, keep, entries } => {
                    changed += usize::from(memory.counters.merge(&key, &entries, Duration::from_millis(keep)));
                }
                Record::Session(_)
                | Record::Profile { .. }
                | Record::Correspondents { .. }
                | Record::Flag(_)
                | Record::Kept(_)
                | Record::Factors { .. }
                | Record::Operator { .. }
                | Record::Mark(_)
                | Record::Audit(_)
                | Record::Event(_) => {}
            }
        }
        for mut session in self.sessions {
            if memory.locks.get(&session.site, &session.account).is_some() {
                session.state = SessionState::Ended;
            }
            full = full.or(memory.sessions.take_in(session, self.now).err());
        }
        full.map_or(Ok(changed), Err)
    }
}

/// What a lock does to the sessions that are here.
fn ending(lock: &Lock, now: Timestamp) -> sessions::SetAccount {
    let (site, account) = (lock.site.clone(), lock.account.clone());
    sessions::SetAccount { site, account, state: SessionState::Ended, except: None, now }
}
