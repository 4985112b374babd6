//! What is usual for each account: on disk only, so that those who never come cost no memory.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Memory;
use super::rows::{account, is_unreadable, json, millis, text, to_json};
use super::writer::Change;
use crate::domain::{Account, Lesson, Profile, SiteName, Timestamp};
use crate::store::Away;

/// How long an account may be asleep until even that is forgotten.
const ASLEEP_MAX: Duration = Duration::from_secs(730 * 86_400);

/// An account's profile without what was not seen for `forgotten_after`; an empty one where there is none.
pub(super) fn read(
    database: &Connection,
    site: &SiteName,
    of: &Account,
    now: Timestamp,
    forgotten_after: Duration,
) -> rusqlite::Result<Profile> {
    let sql = "SELECT profile FROM profiles WHERE site = ?1 AND account = ?2";
    let mut statement = database.prepare_cached(sql)?;
    let found = statement.query_row(params![&**site, of.as_str()], |row| json(row, 0)).optional()?;
    let mut profile: Profile = found.unwrap_or_default();
    profile.forget_before(now.before(forgotten_after));
    Ok(profile)
}

/// Takes in what another store learned of the same account; says whether that changed anything.
pub(super) fn merge(
    database: &Connection,
    site: &SiteName,
    of: &Account,
    other: &Profile,
    now: Timestamp,
    forgotten_after: Duration,
) -> rusqlite::Result<bool> {
    let known = match read(database, site, of, now, forgotten_after) {
        Err(error) if is_unreadable(&error) => Profile::default(),
        read => read?,
    };
    let mut merged = known.clone();
    merged.merge(other);
    merged.forget_before(now.before(forgotten_after));
    if merged == known {
        return Ok(false);
    }
    put(database, site, of, &merged, forgotten_after)?;
    Ok(true)
}

fn put(
    database: &Connection,
    site: &str,
    of: &Account,
    profile: &Profile,
    forgotten_after: Duration,
) -> rusqlite::Result<()> {
    let Some(due) = due(profile, forgotten_after) else {
        let sql = "DELETE FROM profiles WHERE site = ?1 AND account = ?2";
        return database.prepare_cached(sql)?.execute(params![site, of.as_str()]).map(|_| ());
    };
    database
        .prepare_cached(
            "INSERT INTO profiles (site, account, due, profile) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (site, account) DO UPDATE SET due = excluded.due, profile = excluded.profile",
        )?
        .execute(params![site, of.as_str(), millis(due), to_json(profile)])
        .map(|_| ())
}

/// When there is something to forget; none where nothing is worth keeping.
fn due(profile: &Profile, forgotten_after: Duration) -> Option<Timestamp> {
    if profile.is_empty() {
        return None;
    }
    let countries = profile.countries.iter().map(|seen| seen.last);
    let as_numbers = profile.as_numbers.iter().map(|seen| seen.last);
    let networks = profile.networks.iter().map(|seen| seen.last);
    let agents = profile.agents.iter().map(|seen| seen.last);
    let oldest = countries.chain(as_numbers).chain(networks).chain(agents).min();
    let asleep = || profile.latest.as_ref().map(|latest| latest.time.after(ASLEEP_MAX));
    oldest.map(|last| last.after(forgotten_after)).or_else(asleep)
}

/// Forgets what is due in at most `most` profiles.
pub(super) fn collect_rubbish(
    database: &Connection,
    now: Timestamp,
    forgotten_after: Duration,
    most: u32,
) -> rusqlite::Result<()> {
    let sql = "SELECT site, account, profile FROM profiles WHERE due < ?1 ORDER BY due LIMIT ?2";
    let mut statement = database.prepare_cached(sql)?;
    let rows =
        statement.query_map(params![millis(now), most], |row| Ok((text(row, 0)?, account(row, 1)?, json(row, 2))))?;
    let found = rows.collect::<rusqlite::Result<Vec<(SiteName, Account, rusqlite::Result<Profile>)>>>()?;
    for (site, of, profile) in found {
        // One that somebody made unreadable is rubbish as well, and must not keep the others from their turn.
        let mut profile = profile.unwrap_or_default();
        profile.forget_before(now.before(forgotten_after));
        let asleep = profile.latest.as_ref().is_none_or(|latest| now.since(latest.time) > ASLEEP_MAX);
        if asleep && profile.networks.is_empty() {
            profile = Profile::default();
        }
        put(database, &site, &of, &profile, forgotten_after)?;
    }
    Ok(())
}

/// [`crate::store::Store::teach`] and [`crate::store::Store::unteach`].
pub(super) struct Learn {
    pub(super) site: SiteName,
    pub(super) account: Account,
    pub(super) lesson: Lesson,
    pub(super) takes: Takes,
    pub(super) now: Timestamp,
    pub(super) forgotten_after: Duration,
}

/// Which way a lesson goes.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    In,
    Back,
}

impl Change for Learn {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let Self { site, account, lesson, takes, now, forgotten_after } = self;
        let mut profile = match read(database, site, account, *now, *forgotten_after) {
            // Whatever else is in this transaction must not wait for somebody to mend one account's profile.
            Err(error) if is_unreadable(&error) => Profile::default(),
            read => read?,
        };
        match takes {
            Takes::In => profile.learn(lesson),
            Takes::Back => profile.unlearn(lesson),
        }
        put(database, site, account, &profile, *forgotten_after)
    }

    fn apply(self, _memory: &Memory) -> Result<(), Away> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;
    use crate::domain::Agent;

    const FORGOTTEN_AFTER: Duration = Duration::from_secs(180 * 86_400);

    fn at(day: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + day * 86_400_000)
    }

    fn learn(database: &Connection, account: &str, day: u64, takes: Takes) {
        let address = "192.0.2.7".parse().expect("an address");
        let (time, agent) = (at(day), Agent::of(None));
        let mut learn = Learn {
            site: "site".into(),
            account: Account::from_canonical(account),
            lesson: Lesson { time, address, country: "DE".parse().ok(), as_number: None, agent },
            takes,
            now: time,
            forgotten_after: FORGOTTEN_AFTER,
        };
        learn.write(database).expect("it is written");
    }

    fn written(database: &Connection) -> Vec<(String, usize)> {
        let mut rows = database.prepare("SELECT account, profile FROM profiles ORDER BY account").expect("a statement");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, json::<Profile>(row, 1)?.networks.iter().count()));
        rows.query_map([], row).and_then(Iterator::collect).expect("all can be read")
    }

    #[test]
    fn what_is_due_is_forgotten_on_disk_a_few_at_a_time_and_long_sleepers_whole() {
        let database = Connection::open_in_memory().expect("memory");
        schema::create(&database).expect("an empty database");
        for (account, day) in [("a", 0), ("b", 1), ("c", 100)] {
            learn(&database, account, day, Takes::In);
        }
        let all =
            |networks: [usize; 3]| ["a", "b", "c"].map(str::to_owned).into_iter().zip(networks).collect::<Vec<_>>();
        let collect = |day, most| collect_rubbish(&database, at(day), FORGOTTEN_AFTER, most).expect("it is written");
        collect(180, 10);
        assert_eq!(written(&database), all([1, 1, 1]));
        collect(182, 1);
        assert_eq!(written(&database), all([0, 1, 1]), "one at a time, the oldest first");
        collect(182, 10);
        assert_eq!(written(&database), all([0, 0, 1]));
        collect(731, 10);
        assert_eq!(written(&database).len(), 2, "two years asleep: a is nobody any more");
        learn(&database, "b", 731, Takes::In);
        learn(&database, "c", 731, Takes::In);
        learn(&database, "b", 731, Takes::Back);
        assert_eq!(written(&database), [("c".to_owned(), 1)], "of b nothing is left that is worth keeping");
    }

    #[test]
    fn one_unreadable_profile_keeps_no_other_from_being_written_or_forgotten() {
        let database = Connection::open_in_memory().expect("memory");
        schema::create(&database).expect("an empty database");
        for account in ["a", "b"] {
            learn(&database, account, 0, Takes::In);
            database.execute("UPDATE profiles SET profile = 'mine' WHERE account = 'a'", []).expect("it is ours");
        }
        collect_rubbish(&database, at(200), FORGOTTEN_AFTER, 10).expect("it is written");
        assert_eq!(written(&database), [("b".to_owned(), 0)]);
        database.execute("UPDATE profiles SET profile = 'mine'", []).expect("it is ours");
        learn(&database, "b", 201, Takes::In);
        assert_eq!(written(&database), [("b".to_owned(), 1)], "it begins anew");
    }
}
