//! Flags: on disk only. What flagged sessions do is added each second, all at once.

use std::collections::HashMap;

use parking_lot::Mutex;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::Memory;
use super::rows::{is_unreadable, json, millis, to_json};
use super::writer::Change;
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{Flag, FlagOrder, FlagPlace, Reference};
use crate::store::{Away, FLAGS_MAX, Raise};

/// What waits to be written.
pub(super) type Added = HashMap<Reference, Activity>;

/// What flagged sessions did since it was last put on disk.
#[derive(Default)]
pub(super) struct Activities(Mutex<Added>);

impl Activities {
    /// Flags with something to add; beyond it callers are told that the store is away.
    const WAITING_MAX: usize = 1 << 14;

    pub(super) fn note(&self, code: Reference, activity: &Activity) -> Result<(), Away> {
        let mut waiting = self.0.lock();
        if waiting.len() >= Self::WAITING_MAX && !waiting.contains_key(&code) {
            return Err(Away { what: "too many flags wait to be added to".into() });
        }
        waiting.entry(code).or_default().add(activity);
        Ok(())
    }

    pub(super) fn take(&self) -> Added {
        std::mem::take(&mut *self.0.lock())
    }

    /// What was taken could not be written; it is taken again next time.
    pub(super) fn give_back(&self, taken: Added) {
        let mut waiting = self.0.lock();
        for (code, mut older) in taken {
            let newer = waiting.entry(code).or_default();
            older.add(newer);
            *newer = older;
        }
    }
}

/// The flag with this code.
pub(super) fn read(database: &Connection, code: Reference) -> rusqlite::Result<Option<Flag>> {
    let mut statement = database.prepare_cached("SELECT flag FROM flags WHERE code = ?1")?;
    statement.query_row([code.to_string()], |row| json(row, 0)).optional()
}

/// The flags that fit, in their order.
pub(super) fn list(database: &Connection, filter: &FlagFilter, most: usize) -> rusqlite::Result<Vec<Flag>> {
    let (sql, mut values) = query(filter);
    values.push(Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)));
    let mut statement = database.prepare_cached(&sql)?;
    let flags = statement.query_map(params_from_iter(values), |row| json(row, 0))?;
    flags.collect()
}

/// What is asked for, but for how many. By time, one index gives both what fits the narrowest condition and its order; which
/// one is said, because SQLite cannot know that an account has fewer flags than a status. In another order it looks through
/// what may fit in the one index that holds everything, and keeps as many as are asked for.
fn query(filter: &FlagFilter) -> (String, Vec<Value>) {
    let FlagFilter { site, account, status, country, before, order, after } = filter;
    let conditions = [
        ("account =", "flags_by_account", account.as_ref().map(|account| account.as_str().to_owned())),
        ("country =", "flags_by_country", country.map(|country| country.to_string())),
        ("status =", "flags_by_status", status.map(|status| status.name().to_owned())),
        ("site =", "flags_by_site", site.as_deref().map(str::to_owned)),
    ];
    let mut index = "flags_by_time";
    let (mut wanted, mut values) = (Vec::new(), Vec::new());
    for (condition, by, value) in conditions {
        let Some(value) = value else { continue };
        if values.is_empty() {
            index = by;
        }
        values.push(Value::Text(value));
        wanted.push(format!("{condition} ?{}", values.len()));
    }
    if let Some(before) = before {
        values.push(Value::Integer(millis(*before)));
        wanted.push(format!("time < ?{}", values.len()));
    }
    if let Some(place) = after {
        wanted.push(behind(*order, place, &mut values));
    }
    let wanted = if wanted.is_empty() { String::new() } else { format!(" WHERE {}", wanted.join(" AND ")) };
    let limit = values.len() + 1;
    let sorted = match order {
        FlagOrder::Newest => "",
        FlagOrder::Severity => "urgency DESC, ",
        FlagOrder::Messages => "messages DESC, ",
        FlagOrder::Recipients => "recipients DESC, ",
        FlagOrder::Account => "account, ",
    };
    let sorted = format!("ORDER BY {sorted}time DESC, code DESC");
    if *order == FlagOrder::Newest {
        return (format!("SELECT flag FROM flags INDEXED BY {index}{wanted} {sorted} LIMIT ?{limit}"), values);
    }
    // Few enough to be read: an account has no more flags than fit on some pages.
    let index = if account.is_some() { index } else { "flags_to_sort" };
    let sql = format!(
        "SELECT flag FROM flags WHERE id IN
             (SELECT id FROM flags INDEXED BY {index}{wanted} {sorted} LIMIT ?{limit}) {sorted}"
    );
    (sql, values)
}

/// The condition that a flag stands behind a place.
fn behind(order: FlagOrder, place: &FlagPlace, values: &mut Vec<Value>) -> String {
    let mut value = |value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let (time, code) = (value(Value::Integer(millis(place.time))), value(Value::Text(place.code.to_string())));
    let by_number = match order {
        FlagOrder::Newest => return format!("(time, code) < ({time}, {code})"),
        FlagOrder::Account => {
            let account = place.account.as_ref().map_or("", |account| account.as_str()).to_owned();
            let account = value(Value::Text(account));
            return format!("(account > {account} OR (account = {account} AND (time, code) < ({time}, {code})))");
        }
        FlagOrder::Severity => "urgency",
        FlagOrder::Messages => "messages",
        FlagOrder::Recipients => "recipients",
    };
    let number = value(Value::Integer(place.number.into()));
    format!("({by_number}, time, code) < ({number}, {time}, {code})")
}

fn put(database: &Connection, flag: &Flag) -> rusqlite::Result<()> {
    let ranked = flag.ranked();
    database
        .prepare_cached(
            "INSERT INTO flags
                 (code, time, status, site, account, country, flag, urgency, messages, recipients)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (code) DO UPDATE SET time = excluded.time, status = excluded.status, site = excluded.site,
                 account = excluded.account, country = excluded.country, flag = excluded.flag,
                 urgency = excluded.urgency, messages = excluded.messages, recipients = excluded.recipients",
        )?
        .execute(params![
            flag.code.to_string(),
            millis(flag.time),
            flag.status.name(),
            &*flag.site,
            flag.account.as_str(),
            flag.country.map(|country| country.to_string()),
            to_json(flag),
            ranked.urgency(),
            ranked.messages,
            ranked.recipients,
        ])
        .map(|_| ())
}

/// Changes a flag; returns it as it is then, or none where there is none, or none that can be read: whatever else is in
/// this transaction must not wait for somebody to mend one flag.
fn change(database: &Connection, code: Reference, step: impl FnOnce(&mut Flag)) -> rusqlite::Result<Option<Flag>> {
    let mut flag = match read(database, code) {
        Ok(Some(flag)) => flag,
        Ok(None) => return Ok(None),
        Err(error) if is_unreadable(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    step(&mut flag);
    put(database, &flag)?;
    Ok(Some(flag))
}

/// Adds what flagged sessions did.
pub(super) fn add(database: &Connection, added: &Added) -> rusqlite::Result<()> {
    added.iter().try_for_each(|(code, activity)| {
        let _gone = change(database, *code, |flag| flag.since.add(activity))?;
        Ok(())
    })
}

/// [`crate::store::Store::put_flag`].
pub(super) struct PutFlag(pub(super) Flag);

impl PutFlag {
    /// The oldest that somebody has settled; where nobody settled any, the oldest: a bound is a bound.
    const OLDEST: &[&str] = &[
        "DELETE FROM flags WHERE id = (SELECT id FROM (
             SELECT * FROM (SELECT id, time FROM flags WHERE status = 'cleared' ORDER BY time LIMIT 1)
             UNION ALL
             SELECT * FROM (SELECT id, time FROM flags WHERE status = 'confirmed' ORDER BY time LIMIT 1)
             UNION ALL
             SELECT * FROM (SELECT id, time FROM flags WHERE status = 'passed' ORDER BY time LIMIT 1)
         ) ORDER BY time LIMIT 1)",
        "DELETE FROM flags WHERE id = (SELECT id FROM flags ORDER BY time LIMIT 1)",
    ];
}

impl Change for PutFlag {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        put(database, &self.0)?;
        let kept: i64 = database.prepare_cached("SELECT count FROM flags_kept")?.query_row([], |row| row.get(0))?;
        if usize::try_from(kept).is_ok_and(|kept| kept > FLAGS_MAX) {
            for oldest in Self::OLDEST {
                if database.prepare_cached(oldest)?.execute([])? > 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        Ok(())
    }
}

/// [`crate::store::Store::raise_flag`].
pub(super) struct RaiseFlag {
    code: Reference,
    raise: Raise,
    found: bool,
}

impl RaiseFlag {
    pub(super) const fn new(code: Reference, raise: Raise) -> Self {
        Self { code, raise, found: false }
    }
}

impl Change for RaiseFlag {
    type Done = bool;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let Raise { verdict, signals, stopped_by } = &self.raise;
        let raised = change(database, self.code, |flag| flag.raise(*verdict, signals, stopped_by.as_deref()))?;
        self.found = raised.is_some();
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<bool, Away> {
        Ok(self.found)
    }
}

/// [`crate::store::Store::settle_flag`].
pub(super) struct SettleFlag {
    code: Reference,
    status: Option<FlagStatus>,
    note: Option<Note>,
    settled: Option<Flag>,
}

impl SettleFlag {
    pub(super) const fn new(code: Reference, status: Option<FlagStatus>, note: Option<Note>) -> Self {
        Self { code, status, note, settled: None }
    }
}

impl Change for SettleFlag {
    type Done = Option<Flag>;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.settled = change(database, self.code, |flag| {
            flag.status = self.status.unwrap_or(flag.status);
            if let Some(note) = &self.note {
                flag.note(note.clone());
            }
        })?;
        Ok(())
    }

    fn apply(self, _memory: &Memory) -> Result<Option<Flag>, Away> {
        Ok(self.settled)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::super::database::Database;
    use super::super::schema;
    use super::*;
    use crate::domain::flag::tests::flag;
    use crate::domain::{Account, Timestamp};

    fn database() -> Connection {
        let database = Connection::open_in_memory().expect("memory");
        schema::create(&database).expect("an empty database");
        database
    }

    fn numbered(number: u64, status: FlagStatus) -> Flag {
        let (code, time) = (Reference::from_random(number), Timestamp::from_millis(number));
        Flag { code, time, status, ..flag() }
    }

    /// Every sign-in on a new browser asks for the flags of its account.
    #[test]
    fn a_list_is_compiled_once_whoever_is_asked_for() {
        let database = Database::scratch().expect("memory");
        let filter = |account: &str| FlagFilter {
            account: Some(Account::from_canonical(account)),
            status: Some(FlagStatus::Open),
            site: Some("webmail.example.edu".into()),
            ..FlagFilter::default()
        };
        for account in ["alice", "bob", "carla"] {
            assert_eq!(list(database.connection(), &filter(account), 8), Ok(Vec::new()));
        }
        let (sql, _) = query(&filter("alice"));
        let statement = database.connection().prepare_cached(&sql).expect("it was compiled before");
        assert_eq!(statement.get_status(StatementStatus::Run), 3, "it is the one that was used");
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }

    /// The bound on work: whatever is asked, SQLite walks one index from its right place and sorts nothing.
    #[test]
    fn whatever_is_asked_one_index_gives_what_fits_and_its_order() {
        let database = database();
        for asked in 0..32_u8 {
            let is_asked = |bit: u8| asked & (1 << bit) != 0;
            let filter = FlagFilter {
                account: is_asked(0).then(|| Account::from_canonical("alice")),
                country: is_asked(1).then(|| "BR".parse().expect("a country")),
                status: is_asked(2).then_some(FlagStatus::Open),
                site: is_asked(3).then(|| "webmail.example.edu".into()),
                before: is_asked(4).then_some(Timestamp::from_millis(7)),
                ..FlagFilter::default()
            };
            let (sql, mut values) = query(&filter);
            values.push(Value::Integer(50));
            let mut explained = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
            let steps: Vec<String> = explained
                .query_map(params_from_iter(values), |row| row.get(3))
                .and_then(Iterator::collect)
                .expect("a plan");
            let narrowest =
                ["account", "country", "status", "site"].into_iter().zip(0..).find(|(_, bit)| is_asked(*bit));
            let step = match narrowest {
                Some((name, _)) if is_asked(4) => {
                    format!("SEARCH flags USING INDEX flags_by_{name} ({name}=? AND time<?)")
                }
                Some((name, _)) => format!("SEARCH flags USING INDEX flags_by_{name} ({name}=?)"),
                None if is_asked(4) => "SEARCH flags USING INDEX flags_by_time (time<?)".to_owned(),
                None => "SCAN flags USING INDEX flags_by_time".to_owned(),
            };
            assert_eq!(steps, [step], "{sql}");
            let place = numbered(1, FlagStatus::Open).ranked().place(FlagOrder::Newest);
            let (sql, _) = query(&FlagFilter { after: Some(place), ..filter });
            assert!(plan(&database, &sql).iter().all(|step| step.contains(" USING INDEX ")), "{sql}");
        }
    }

    /// In another order all that may fit is looked through, but nothing is read of it except the index.
    #[test]
    fn in_whatever_order_no_flag_is_read_but_those_of_the_page() {
        let database = database();
        for order in FlagOrder::ALL.into_iter().filter(|order| *order != FlagOrder::Newest) {
            let place = numbered(1, FlagStatus::Open).ranked().place(order);
            for filter in [
                FlagFilter { order, ..FlagFilter::default() },
                FlagFilter {
                    order,
                    status: Some(FlagStatus::Open),
                    after: Some(place.clone()),
                    ..FlagFilter::default()
                },
                FlagFilter { order, site: Some("a".into()), country: "BR".parse().ok(), ..FlagFilter::default() },
                FlagFilter { order, before: Some(Timestamp::from_millis(7)), ..FlagFilter::default() },
            ] {
                let (sql, _) = query(&filter);
                let steps = plan(&database, &sql);
                let looks = steps.iter().filter(|step| step.contains(" flags ")).collect::<Vec<_>>();
                let [page, looked_through] = looks.as_slice() else { panic!("{steps:?}") };
                assert_eq!(*page, "SEARCH flags USING INTEGER PRIMARY KEY (rowid=?)", "{sql}");
                assert!(looked_through.contains("USING COVERING INDEX flags_to_sort"), "{sql}: {steps:?}");
            }
        }
    }

    #[test]
    fn flags_of_an_older_file_are_sorted_like_new_ones() {
        let database = database();
        for number in 1..=3 {
            let mut flag = numbered(number, FlagStatus::Open);
            flag.since.recipients = 10 * (number as u32 % 3);
            put(&database, &flag).expect("it is written");
        }
        let blank = "UPDATE flags SET urgency = 0, messages = 0, recipients = 0;
                     UPDATE flags SET flag = 'unreadable' WHERE time = 3;";
        database.execute_batch(blank).expect("as the columns are when they come");
        schema::rank_flags(&database).expect("it is written");
        let filter = FlagFilter { order: FlagOrder::Recipients, ..FlagFilter::default() };
        let found = list(&database, &filter, 2).expect("a list");
        assert_eq!(found.iter().map(|flag| flag.time.as_millis()).collect::<Vec<_>>(), [2, 1]);
    }

    fn plan(database: &Connection, sql: &str) -> Vec<String> {
        let mut explained = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
        let many = explained.parameter_count();
        explained
            .query_map(params_from_iter(vec!["0"; many]), |row| row.get(3))
            .and_then(Iterator::collect)
            .expect("a plan")
    }

    #[test]
    fn at_the_bound_the_oldest_that_is_not_open_goes_and_finding_it_is_no_walk() {
        use FlagStatus::{Cleared, Confirmed, Open};
        let database = database();
        for (number, status) in [(1, Open), (2, Confirmed), (3, Cleared), (4, Open)] {
            PutFlag(numbered(number, status)).write(&database).expect("it is written");
        }
        let full = format!("UPDATE flags_kept SET count = {FLAGS_MAX}");
        database.execute_batch(&full).expect("as if there were more");
        let mut kept = vec![1, 2, 3, 4];
        for (new, goes) in [(5, 2), (6, 3), (7, 1), (8, 4)] {
            PutFlag(numbered(new, Open)).write(&database).expect("it is written");
            kept.retain(|number| *number != goes);
            kept.push(new);
            let found = list(&database, &FlagFilter::default(), 10).expect("a list");
            let numbers: Vec<u64> = found.iter().rev().map(|flag| flag.time.as_millis()).collect();
            assert_eq!(numbers, kept);
        }
        PutFlag(numbered(8, Cleared)).write(&database).expect("it is written");
        assert_eq!(list(&database, &FlagFilter::default(), 10).expect("a list").len(), 4, "changed, not new");
        for oldest in PutFlag::OLDEST {
            let mut explained = database.prepare(&format!("EXPLAIN QUERY PLAN {oldest}")).expect("a statement");
            let steps: Vec<String> =
                explained.query_map([], |row| row.get(3)).and_then(Iterator::collect).expect("a plan");
            let walk = |step: &String| step.starts_with("SCAN flags") && !step.contains("INDEX flags_by_time");
            assert!(!steps.iter().any(walk), "{steps:?}");
        }
    }

    #[test]
    fn what_a_session_did_is_added_once_even_if_it_could_not_be_written_at_first() {
        let activities = Activities::default();
        let code = Reference::from_random(1);
        let sent = |messages| Activity { messages, ..Activity::default() };
        activities.note(code, &sent(1)).expect("there is room");
        let taken = activities.take();
        activities.note(code, &sent(2)).expect("there is room");
        activities.give_back(taken);
        assert_eq!(activities.take()[&code], sent(3));
        assert!(activities.take().is_empty());
    }
}
