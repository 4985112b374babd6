//! To whom accounts have written, as keyed fingerprints: on disk, and in memory only until they are there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::millis;
use crate::domain::{Account, SiteName, Timestamp};
use crate::store::record::written_to;
use crate::store::{Away, FirstWritten};

type Key = (SiteName, Account);

/// What one account wrote since it was last put on disk, in that order, and when last.
#[derive(Clone)]
pub(super) struct Fresh {
    recipients: Vec<u32>,
    last: Timestamp,
}

/// What waits to be written.
pub(super) type Noted = Arc<HashMap<Key, Fresh>>;

/// Recipients that were written to lately. Who asks meanwhile is answered from both: what waits here, what is on disk.
#[derive(Default)]
pub(super) struct Correspondents(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    noted: HashMap<Key, Fresh>,
    recipients: usize,
    /// On their way to the disk.
    taken: Noted,
}

impl Correspondents {
    /// Recipients that may wait to be written; some 20 MB. Beyond it callers are told that the store is away.
    pub(super) const WAITING_MAX: usize = 1 << 18;

    /// What an account that writes to nobody for this long knew is forgotten.
    const FORGOTTEN_AFTER: Duration = Duration::from_secs(730 * 86_400);

    pub(super) fn note(
        &self,
        site: &SiteName,
        account: &Account,
        recipients: &[u32],
        now: Timestamp,
    ) -> Result<(), Away> {
        if recipients.is_empty() {
            return Ok(());
        }
        let mut waiting = self.0.lock();
        if waiting.recipients + recipients.len() > Self::WAITING_MAX {
            return Err(Away { what: "too many recipients wait to be written".into() });
        }
        waiting.recipients += recipients.len();
        let fresh = Fresh { recipients: Vec::new(), last: now };
        let fresh = waiting.noted.entry((Arc::clone(site), account.clone())).or_insert(fresh);
        fresh.recipients.extend_from_slice(recipients);
        fresh.last = now;
        Ok(())
    }

    /// What of an account is not known to be on disk. To be asked before the disk is: then nothing is missed that goes
    /// there in between.
    pub(super) fn fresh(&self, site: &SiteName, account: &Account) -> Vec<u32> {
        let key = (Arc::clone(site), account.clone());
        let waiting = self.0.lock();
        let both = waiting.taken.get(&key).into_iter().chain(waiting.noted.get(&key));
        both.flat_map(|fresh| fresh.recipients.iter().copied()).collect()
    }

    /// What [`Correspondents::note`] was told, to be written. Until [`Correspondents::are_written`] it is still fresh.
    pub(super) fn take(&self) -> Noted {
        let mut waiting = self.0.lock();
        waiting.recipients = 0;
        waiting.taken = Arc::new(std::mem::take(&mut waiting.noted));
        Arc::clone(&waiting.taken)
    }

    pub(super) fn are_written(&self) {
        self.0.lock().taken = Noted::default();
    }

    /// What was taken could not be written; it is taken again next time.
    pub(super) fn are_unwritten(&self) {
        let mut waiting = self.0.lock();
        let Waiting { noted, recipients, taken } = &mut *waiting;
        for (key, mut older) in Arc::unwrap_or_clone(std::mem::take(taken)) {
            *recipients += older.recipients.len();
            match noted.get_mut(&key) {
                Some(newer) => {
                    older.recipients.append(&mut newer.recipients);
                    newer.recipients = older.recipients;
                }
                None => {
                    noted.insert(key, older);
                }
            }
        }
    }
}

/// How many of `asked` stand neither on disk nor among the `fresh`; each recipient counts once.
pub(super) fn first_written(
    database: &Connection,
    (site, account): &Key,
    asked: &[u32],
    fresh: &[u32],
) -> rusqlite::Result<FirstWritten> {
    let known = written_to(read(database, site, account)?, fresh);
    let of_these: HashSet<u32> = asked.iter().copied().collect();
    let before: HashSet<u32> = known.iter().copied().collect();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(FirstWritten { new: count(of_these.difference(&before).count()), known: count(known.len()) })
}

/// Puts what waited on disk.
pub(super) fn write(database: &Connection, noted: &Noted) -> rusqlite::Result<()> {
    noted.iter().try_for_each(|((site, account), fresh)| {
        let known = written_to(read(database, site, account)?, &fresh.recipients);
        put(database, site, account, fresh.last, &known)
    })
}

fn put(
    database: &Connection,
    site: &SiteName,
    account: &Account,
    last: Timestamp,
    known: &[u32],
) -> rusqlite::Result<()> {
    let bytes: Vec<u8> = known.iter().flat_map(|recipient| recipient.to_le_bytes()).collect();
    database
        .prepare_cached(
            "INSERT INTO correspondents (site, account, last, recipients) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (site, account) DO UPDATE SET last = max(last, excluded.last), recipients = excluded.recipients",
        )?
        .execute(params![&**site, account.as_str(), millis(last), bytes])
        .map(|_| ())
}

/// Takes in to whom an account wrote in another store: before what is known here. Says whether any were unknown.
pub(super) fn merge(
    database: &Connection,
    site: &SiteName,
    account: &Account,
    last: Timestamp,
    recipients: &[u32],
) -> rusqlite::Result<bool> {
    let known = read(database, site, account)?;
    let merged = written_to(recipients.to_vec(), &known);
    if merged == known {
        return Ok(false);
    }
    put(database, site, account, last, &merged)?;
    Ok(true)
}

/// As they are written in a column.
pub(super) fn from_bytes(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

/// Forgets at most `most` accounts that have written to nobody for long.
pub(super) fn collect_rubbish(database: &Connection, now: Timestamp, most: u32) -> rusqlite::Result<()> {
    let sql = "DELETE FROM correspondents WHERE rowid IN (
                   SELECT rowid FROM correspondents WHERE last < ?1 ORDER BY last LIMIT ?2)";
    let horizon = millis(now.before(Correspondents::FORGOTTEN_AFTER));
    database.prepare_cached(sql)?.execute(params![horizon, most]).map(|_| ())
}

fn read(database: &Connection, site: &SiteName, account: &Account) -> rusqlite::Result<Vec<u32>> {
    let sql = "SELECT recipients FROM correspondents WHERE site = ?1 AND account = ?2";
    let mut statement = database.prepare_cached(sql)?;
    let found: Option<Vec<u8>> =
        statement.query_row(params![&**site, account.as_str()], |row| row.get(0)).optional()?;
    Ok(from_bytes(&found.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::CORRESPONDENTS_MAX;

    fn key() -> Key {
        ("webmail.example.edu".into(), Account::from_canonical("alice"))
    }

    #[test]
    fn what_could_not_be_written_is_known_and_written_the_next_time() {
        let correspondents = Correspondents::default();
        let (site, account) = key();
        let note = |recipients: &[u32], now| {
            correspondents.note(&site, &account, recipients, Timestamp::from_millis(now)).expect("there is room");
        };
        note(&[1, 2], 1);
        assert_eq!(correspondents.take()[&key()].recipients, [1, 2]);
        note(&[3], 2);
        assert_eq!(correspondents.fresh(&site, &account), [1, 2, 3]);
        correspondents.are_unwritten();
        assert_eq!(correspondents.fresh(&site, &account), [1, 2, 3]);
        let taken = correspondents.take();
        assert_eq!((&*taken[&key()].recipients, taken[&key()].last), (&[1, 2, 3][..], Timestamp::from_millis(2)));
        correspondents.are_written();
        assert!(correspondents.fresh(&site, &account).is_empty() && correspondents.take().is_empty());
    }

    #[test]
    fn what_waits_is_bounded_and_says_so() {
        let correspondents = Correspondents::default();
        let (site, account) = key();
        let note = |recipients: &[u32]| correspondents.note(&site, &account, recipients, Timestamp::from_millis(0));
        assert!(note(&vec![7; Correspondents::WAITING_MAX]).is_ok());
        assert!(note(&[8]).is_err());
        let _taken = correspondents.take();
        assert!(note(&[8]).is_ok());
    }

    #[test]
    fn of_too_many_those_written_to_longest_ago_are_forgotten() {
        let all: Vec<u32> = (0..CORRESPONDENTS_MAX as u32).collect();
        let known = written_to(all, &[0, 0, 9_999_999]);
        assert_eq!(known.len(), CORRESPONDENTS_MAX);
        assert!(known.contains(&0) && !known.contains(&1), "the first was written to again");
    }
}
