//! Past events, what was counted of them, operators and what they did: on disk only.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::{json, millis, text, time, to_json, unreadable};
use super::writer::Change;
use super::{Embedded, Memory};
use crate::domain::past::Events;
use crate::domain::{AuditEntry, EventFilter, Mark, PastEvent, Sender, Span, Tally, Timestamp};
use crate::store::ledger::{
    AUDIT_MAX, EVENTS_MAX, LOOKED_THROUGH_MAX, Ledger, OPERATOR_BYTES_MAX, OPERATORS_MAX, Sieve, refused_operator,
};
use crate::store::{Answer, Away, Sealed};

/// Events that are forgotten with one write: more than one brings, so that they never grow beyond their bound.
const FORGOTTEN_AT_ONCE: i64 = 4_096;

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| unreadable(column))
}

/// A past event from `time, number, line`.
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<PastEvent> {
    Ok(PastEvent { time: time(row, 0)?, number: unsigned(row, 1)?, line: row.get(2)? })
}

/// Keeps an event and counts it, unless it is kept already; says whether it did.
pub(super) fn put_event(database: &Connection, event: &PastEvent) -> rusqlite::Result<bool> {
    let of = event.particulars();
    let mut put = database.prepare_cached(
        "INSERT OR IGNORE INTO events (time, number, kind, account, line) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let kind = of.as_ref().map_or("", |of| &of.event);
    let account = of.as_ref().and_then(|of| of.account.as_ref()).map(crate::domain::Account::as_str);
    if put.execute(params![millis(event.time), signed(event.number), kind, account, event.line])? == 0 {
        return Ok(false);
    }
    let Some(of) = of else { return Ok(true) };
    let mut count = database.prepare_cached(
        "INSERT INTO tallies (span, start, what, count) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (span, start, what) DO UPDATE SET count = count + excluded.count",
    )?;
    for (what, many) in of.tallied() {
        for span in Span::ALL {
            count.execute(params![seconds(span), millis(span.start(event.time)), what, signed(many)])?;
        }
    }
    if let Some((site, account, recipients)) = of.sender() {
        database
            .prepare_cached(
                "INSERT INTO senders (hour, site, account, messages, recipients) VALUES (?1, ?2, ?3, 1, ?4)
                 ON CONFLICT (hour, site, account)
                 DO UPDATE SET messages = messages + 1, recipients = recipients + excluded.recipients",
            )?
            .execute(params![millis(Span::Hour.start(event.time)), &**site, account.as_str(), recipients])?;
    }
    Ok(true)
}

fn seconds(span: Span) -> i64 {
    signed(span.lasts().as_secs())
}

/// What is older than it is kept goes, and the oldest events of more than [`EVENTS_MAX`]; a bounded number at a time.
fn forget(database: &Connection, keep: Duration, now: Timestamp) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "DELETE FROM events WHERE (time, number) IN
                 (SELECT time, number FROM events WHERE time < ?1 ORDER BY time, number LIMIT ?2)",
        )?
        .execute(params![millis(now.before(keep)), FORGOTTEN_AT_ONCE])?;
    drop_oldest(database, "events", EVENTS_MAX)?;
    for span in Span::ALL {
        let old = millis(now.before(span.kept()));
        database
            .prepare_cached("DELETE FROM tallies WHERE span = ?1 AND start < ?2")?
            .execute(params![seconds(span), old])?;
    }
    let old = millis(now.before(Span::Hour.kept()));
    database.prepare_cached("DELETE FROM senders WHERE hour < ?1")?.execute([old])?;
    Ok(())
}

/// The oldest rows of more than `most`, of a table whose rows are counted.
fn drop_oldest(database: &Connection, table: &str, most: usize) -> rusqlite::Result<()> {
    let kept: i64 =
        database.prepare_cached("SELECT count FROM rows_kept WHERE name = ?1")?.query_row([table], |row| row.get(0))?;
    let more = kept.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX)).min(FORGOTTEN_AT_ONCE);
    if more <= 0 {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM {table} WHERE (time, number) IN
             (SELECT time, number FROM {table} ORDER BY time, number LIMIT ?1)"
    );
    database.prepare_cached(&sql)?.execute([more]).map(|_| ())
}

/// [`Ledger::put_events`].
struct PutEvents {
    events: Vec<PastEvent>,
    keep: Duration,
    now: Timestamp,
}

impl Change for PutEvents {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        for event in &self.events {
            put_event(database, event)?;
        }
        forget(database, self.keep, self.now)
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        Ok(())
    }
}

/// The events that fit, newest first.
fn past_events(database: &Connection, filter: &EventFilter, most: usize) -> rusqlite::Result<Events> {
    let narrowed = match (&filter.account, filter.kinds.as_slice()) {
        (Some(account), _) => Some(("account", "events_of_account", account.as_str())),
        (None, [kind]) => Some(("kind", "events_of_kind", &**kind)),
        (None, _) => None,
    };
    let sql = format!(
        "SELECT time, number, line FROM events {} WHERE (time, number) < (?1, ?2) AND time >= ?3{}
         ORDER BY time DESC, number DESC",
        narrowed.map_or_else(String::new, |(_, index, _)| format!("INDEXED BY {index}")),
        narrowed.map_or_else(String::new, |(column, _, _)| format!(" AND {column} = ?4")),
    );
    let (before, number) = filter.before.map_or((i64::MAX, i64::MAX), |mark| (millis(mark.time), signed(mark.number)));
    let since = filter.since.map_or(0, millis);
    let mut statement = database.prepare_cached(&sql)?;
    let mut rows = match narrowed {
        Some((_, _, value)) => statement.query(params![before, number, since, value])?,
        None => statement.query(params![before, number, since])?,
    };
    let mut sieve = Sieve::new(filter, most);
    while sieve.wants_more() {
        let Some(row) = rows.next()? else { return Ok(sieve.found(true)) };
        sieve.look_at(event(row)?);
    }
    Ok(sieve.found(false))
}

fn tallies(database: &Connection, span: Span, since: Timestamp) -> rusqlite::Result<Vec<Tally>> {
    let mut find = database.prepare_cached("SELECT start, what, count FROM tallies WHERE span = ?1 AND start >= ?2")?;
    let found = find.query_map(params![seconds(span), millis(span.start(since))], |row| {
        Ok(Tally { start: time(row, 0)?, what: row.get(1)?, count: unsigned(row, 2)? })
    })?;
    found.collect()
}

fn top_senders(database: &Connection, since: Timestamp, most: usize) -> rusqlite::Result<Vec<Sender>> {
    let mut find = database.prepare_cached(
        "SELECT site, account, SUM(messages), SUM(recipients) AS many FROM senders WHERE hour >= ?1
         GROUP BY site, account ORDER BY many DESC, site, account LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = find.query_map(params![millis(Span::Hour.start(since)), most], |row| {
        let (site, account) = (text(row, 0)?, super::rows::account(row, 1)?);
        Ok(Sender { site, account, messages: unsigned(row, 2)?, recipients: unsigned(row, 3)? })
    })?;
    found.collect()
}

/// Writes an entry, unless it is there; says whether it did.
pub(super) fn put_audit(database: &Connection, entry: &AuditEntry) -> rusqlite::Result<bool> {
    let put = database
        .prepare_cached("INSERT OR IGNORE INTO audit (time, number, operator, entry) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![millis(entry.time), signed(entry.number), entry.by, to_json(entry)])?;
    drop_oldest(database, "audit", AUDIT_MAX)?;
    Ok(put > 0)
}

/// [`Ledger::note_audit`].
struct NoteAudit(AuditEntry);

impl Change for NoteAudit {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        put_audit(database, &self.0).map(|_| ())
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        Ok(())
    }
}

fn audit(
    database: &Connection,
    by: Option<&str>,
    before: Option<Mark>,
    most: usize,
) -> rusqlite::Result<Vec<AuditEntry>> {
    let (index, condition) = match by {
        Some(_) => ("INDEXED BY audit_of_operator", " AND operator = ?4"),
        None => ("", ""),
    };
    let sql = format!(
        "SELECT entry FROM audit {index} WHERE (time, number) < (?1, ?2){condition}
         ORDER BY time DESC, number DESC LIMIT ?3"
    );
    let (time, number) = before.map_or((i64::MAX, i64::MAX), |mark| (millis(mark.time), signed(mark.number)));
    let most = i64::try_from(most.min(LOOKED_THROUGH_MAX)).unwrap_or(i64::MAX);
    let mut find = database.prepare_cached(&sql)?;
    let entry = |row: &Row<'_>| json(row, 0);
    match by {
        Some(by) => find.query_map(params![time, number, most, by], entry)?.collect(),
        None => find.query_map(params![time, number, most], entry)?.collect(),
    }
}

/// A sealed record from `version, sealed`, beginning at a column.
pub(super) fn sealed(row: &Row<'_>, column: usize) -> rusqlite::Result<Sealed> {
    Ok(Sealed { version: unsigned(row, column)?, bytes: row.get(column + 1)? })
}

pub(super) fn operator(database: &Connection, name: &str) -> rusqlite::Result<Option<Sealed>> {
    let mut find = database.prepare_cached("SELECT version, sealed FROM operators WHERE name = ?1")?;
    find.query_row([name], |row| sealed(row, 0)).optional()
}

/// Writes an operator's record, whatever was there.
pub(super) fn overwrite_operator(database: &Connection, name: &str, record: &Sealed) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "INSERT INTO operators (name, version, sealed) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, sealed = excluded.sealed",
        )?
        .execute(params![name, signed(record.version), record.bytes])
        .map(|_| ())
}

/// Whether there is room for one more operator.
pub(super) fn has_room_for_operator(database: &Connection) -> rusqlite::Result<bool> {
    let many: i64 = database.prepare_cached("SELECT COUNT(*) FROM operators")?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(many).is_ok_and(|many| many < OPERATORS_MAX))
}

/// [`Ledger::put_operator`].
struct PutOperator {
    name: String,
    bytes: Vec<u8>,
    expected: u64,
    fits: bool,
    done: bool,
}

impl Change for PutOperator {
    type Done = bool;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let version = operator(database, &self.name)?.map_or(0, |known| known.version);
        self.fits = self.bytes.len() <= OPERATOR_BYTES_MAX && (version > 0 || has_room_for_operator(database)?);
        if self.fits && version == self.expected {
            let record = Sealed { version: version + 1, bytes: self.bytes.clone() };
            overwrite_operator(database, &self.name, &record)?;
            self.done = true;
        }
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<bool, Away> {
        if self.fits { Ok(self.done) } else { Err(Away { what: refused_operator(self.bytes.len()) }) }
    }
}

/// [`Ledger::remove_operator`].
struct RemoveOperator {
    name: String,
    done: bool,
}

impl Change for RemoveOperator {
    type Done = bool;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.done = database.prepare_cached("DELETE FROM operators WHERE name = ?1")?.execute([&self.name])? > 0;
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<bool, Away> {
        Ok(self.done)
    }
}

impl Ledger for Embedded {
    fn put_events(&self, events: Vec<PastEvent>, keep: Duration, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.write(PutEvents { events, keep, now }))
    }

    fn past_events<'a>(&'a self, filter: &'a EventFilter, most: usize) -> Answer<'a, Events> {
        let filter = filter.clone();
        Box::pin(self.read(move |database| past_events(database, &filter, most)))
    }

    fn tallies(&self, span: Span, since: Timestamp, _now: Timestamp) -> Answer<'_, Vec<Tally>> {
        Box::pin(self.read(move |database| tallies(database, span, since)))
    }

    fn top_senders(&self, since: Timestamp, most: usize, _now: Timestamp) -> Answer<'_, Vec<Sender>> {
        Box::pin(self.read(move |database| top_senders(database, since, most)))
    }

    fn note_audit(&self, entry: AuditEntry) -> Answer<'_, ()> {
        Box::pin(self.write(NoteAudit(entry)))
    }

    fn audit<'a>(&'a self, by: Option<&'a str>, before: Option<Mark>, most: usize) -> Answer<'a, Vec<AuditEntry>> {
        let by = by.map(str::to_owned);
        Box::pin(self.read(move |database| audit(database, by.as_deref(), before, most)))
    }

    fn operators(&self) -> Answer<'_, Vec<(String, Sealed)>> {
        Box::pin(self.read(|database| {
            let mut find = database.prepare_cached("SELECT name, version, sealed FROM operators ORDER BY name")?;
            let found = find.query_map([], |row| Ok((row.get(0)?, sealed(row, 1)?)))?;
            found.collect()
        }))
    }

    fn operator<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Sealed>> {
        let name = name.to_owned();
        Box::pin(self.read(move |database| operator(database, &name)))
    }

    fn put_operator<'a>(&'a self, name: &'a str, bytes: Vec<u8>, expected: u64) -> Answer<'a, bool> {
        Box::pin(self.write(PutOperator { name: name.to_owned(), bytes, expected, fits: false, done: false }))
    }

    fn remove_operator<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(self.write(RemoveOperator { name: name.to_owned(), done: false }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn database() -> Connection {
        let database = Connection::open_in_memory().expect("memory");
        schema::create(&database).expect("an empty database");
        database
    }

    fn event_at(second: u64) -> PastEvent {
        PastEvent { number: second, time: Timestamp::from_millis(second * 1000), line: r#"{"event":"sent"}"#.into() }
    }

    fn times(database: &Connection) -> Vec<u64> {
        let found = past_events(database, &EventFilter::default(), 99).expect("a list");
        found.events.iter().map(|event| event.time.as_millis() / 1000).collect()
    }

    /// The bound on work: whatever is asked, SQLite walks one index from its right place and sorts nothing.
    #[test]
    fn events_and_audit_are_read_from_an_index_in_its_order() {
        let database = database();
        let (keep, now) = (Duration::from_secs(99), Timestamp::from_millis(0));
        PutEvents { events: vec![event_at(1)], keep, now }.write(&database).expect("it is written");
        let plan = |sql: &str| {
            let mut explained = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
            let many = explained.parameter_count();
            let steps: Vec<String> = explained
                .query_map(rusqlite::params_from_iter(vec!["0"; many]), |row| row.get(3))
                .and_then(Iterator::collect)
                .expect("a plan");
            steps.join("; ")
        };
        let whole = "(time, number) < (?1, ?2) AND time >= ?3 ORDER BY time DESC, number DESC";
        for (from, condition, walks) in [
            ("events", "", "SEARCH events USING PRIMARY KEY (time>? AND (time,number)<(?,?))"),
            (
                "events INDEXED BY events_of_account",
                "account = ?4 AND ",
                "SEARCH events USING INDEX events_of_account (account=? AND time>? AND (time,number)<(?,?))",
            ),
        ] {
            let found = plan(&format!("SELECT line FROM {from} WHERE {condition}{whole}"));
            assert!(found.starts_with("SEARCH") && !found.contains("TEMP B-TREE"), "{found}, not {walks}");
        }
        let found = plan("SELECT entry FROM audit WHERE (time, number) < (?1, ?2) ORDER BY time DESC, number DESC");
        assert!(found.starts_with("SEARCH audit") && !found.contains("TEMP B-TREE"), "{found}");
    }

    #[test]
    fn what_is_too_old_goes_and_at_the_bound_the_oldest() {
        let database = database();
        let put = |seconds: &[u64], keep: u64, now: u64| {
            let events = seconds.iter().map(|second| event_at(*second)).collect();
            let (keep, now) = (Duration::from_secs(keep), Timestamp::from_millis(now * 1000));
            PutEvents { events, keep, now }.write(&database).expect("it is written");
            times(&database)
        };
        assert_eq!(put(&[10, 20, 30, 40], 100, 40), [40, 30, 20, 10]);
        assert_eq!(put(&[50], 30, 50), [50, 40, 30, 20]);
        let full = format!("UPDATE rows_kept SET count = {EVENTS_MAX} WHERE name = 'events'");
        database.execute_batch(&full).expect("as if there were more");
        assert_eq!(put(&[60, 70], 100, 70), [70, 60, 50, 40]);
        assert_eq!(put(&[70], 100, 70), [70, 60, 50, 40], "what is told twice is one");
    }
}
