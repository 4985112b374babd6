//! A lock that opens by itself once the account's password is another.
//!
//! Nothing of a password is kept from which it could be had: of the one that was right last, 32 keyed bits of how it
//! begins. Whoever types one that begins otherwise is let through to the webmail, though the account is locked; if the
//! webmail takes it, the leaked one is good no more. Only its beginning counts, in small letters, and only of passwords in
//! plain letters: some mail servers read eight bytes and no more, some webmails drop or change what they cannot spell, and
//! a leaked password with something behind it must never pass for a new one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::judging::{Attempt, Judging};
use super::notes::{self, About};
use crate::domain::password::beginning;
use crate::domain::{Account, KeyRing, Purpose, Secret, SiteName, Timestamp};
use crate::policy::Fact;
use crate::store::{Away, Lock, Store};

/// How long it is known how an account's password begins, without a sign-in.
const REMEMBERED: Duration = Duration::from_secs(400 * 86_400);

/// It is noted anew this often.
const NOTED_AGAIN: Duration = Duration::from_secs(30 * 86_400);

/// How a password begins, as far as two can be told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// Which key of the ring made it.
    key: u32,
    hash: u32,
}

/// How the password begins that was right last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Latest {
    beginning: Beginning,
    noted: Timestamp,
}

/// What opens a lock: a password that begins otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Opener {
    leaked: Beginning,
    /// The lock that it opens, and no later one.
    since: Timestamp,
}

/// How a password begins under each key, newest first; nothing where it is not in plain letters.
pub fn beginnings(keys: &KeyRing, site: &SiteName, account: &Account, password: &Secret<String>) -> Vec<Beginning> {
    let Some(begins) = beginning(password.expose()) else { return Vec::new() };
    let parts = [b"beginning", site.as_bytes(), account.as_str().as_bytes(), begins.expose().as_bytes()];
    let marks = keys.hashes(Purpose::Password, &[b"key"]).map(first_bits);
    marks
        .zip(keys.hashes(Purpose::Password, &parts).map(first_bits))
        .map(|(key, hash)| Beginning { key, hash })
        .collect()
}

fn first_bits(hash: [u8; 32]) -> u32 {
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

impl Beginning {
    /// Whether what was typed is certain to begin otherwise: compared under the very key that made this one.
    fn differs_from(self, typed: &[Self]) -> bool {
        typed.iter().find(|typed| typed.key == self.key).is_some_and(|typed| typed.hash != self.hash)
    }
}

impl Judging<'_> {
    /// Whether this attempt at a locked account goes to the webmail all the same.
    pub(super) async fn may_open(&self, lock: &Lock, attempt: &Attempt<'_>) -> bool {
        if attempt.password_begins.is_empty() {
            return false;
        }
        let about = About::Opener(&lock.site, &lock.account);
        match self.fact(notes::read::<Opener>(self.store, self.keys, about, self.now).await) {
            Fact::Known(Some(opener)) => {
                opener.since == lock.since && opener.leaked.differs_from(&attempt.password_begins)
            }
            Fact::Known(None) | Fact::StoreAway => false,
        }
    }

    /// Whether this lock opens by itself once the account's password is another.
    pub async fn opens_at_change(&self, lock: &Lock) -> bool {
        let about = About::Opener(&lock.site, &lock.account);
        let opener = self.fact(notes::read::<Opener>(self.store, self.keys, about, self.now).await);
        matches!(opener, Fact::Known(Some(opener)) if opener.since == lock.since)
    }

    /// The webmail took another password than the one that had leaked. Whether the lock is open now.
    pub async fn open_lock(&self, attempt: &Attempt<'_>) -> bool {
        let (site, account) = (&attempt.site.name, &attempt.account);
        let unlocked = self.fact(self.store.unlock(site, account).await);
        // A lock that is gone needs no opener; should it stay, it fits no later one.
        let _ = notes::take::<Opener>(self.store, self.keys, About::Opener(site, account), self.now).await;
        unlocked != Fact::StoreAway
    }

    /// Notes how the password begins that was right just now.
    pub async fn note_password(&self, attempt: &Attempt<'_>) {
        if !self.config.passwords.open_locks_at_change {
            return;
        }
        let about = About::LatestPassword(&attempt.site.name, &attempt.account);
        let Some(&beginning) = attempt.password_begins.first() else {
            let _: Fact<Option<Latest>> = self.fact(notes::take(self.store, self.keys, about, self.now).await);
            return;
        };
        let Fact::Known(known) = self.fact(notes::read::<Latest>(self.store, self.keys, about, self.now).await) else {
            return;
        };
        let is_fresh = |known: &Latest| known.beginning == beginning && self.now.since(known.noted) < NOTED_AGAIN;
        if !known.is_some_and(|known| is_fresh(&known)) {
            let latest = Latest { beginning, noted: self.now };
            let until = self.now.after(REMEMBERED);
            let _: Fact<()> = self.fact(notes::write(self.store, self.keys, about, &latest, until, self.now).await);
        }
    }
}

/// Lets the lock that stands on an account open by itself; false where there is none, or it is not known how the account's
/// password begins.
///
/// # Errors
/// The store is away.
pub async fn open_at_change(
    store: &dyn Store,
    keys: &KeyRing,
    site: &SiteName,
    account: &Account,
    now: Timestamp,
) -> Result<bool, Away> {
    let Some(lock) = store.locked(site, account).await? else { return Ok(false) };
    let Some(latest) = notes::read::<Latest>(store, keys, About::LatestPassword(site, account), now).await? else {
        return Ok(false);
    };
    let opener = Opener { leaked: latest.beginning, since: lock.since };
    notes::write(store, keys, About::Opener(site, account), &opener, now.after(REMEMBERED), now).await?;
    Ok(true)
}

/// Makes sure that the lock on an account does not open by itself, whatever was said of an earlier one.
///
/// # Errors
/// The store is away.
pub async fn stay_shut(
    store: &dyn Store,
    keys: &KeyRing,
    site: &SiteName,
    account: &Account,
    now: Timestamp,
) -> Result<(), Away> {
    notes::take::<Opener>(store, keys, About::Opener(site, account), now).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_password_that_certainly_begins_otherwise_differs() {
        let ring = |keys: &[u8]| KeyRing::new(&keys.iter().map(|key| Secret::new([*key; 32])).collect::<Vec<_>>());
        let (site, account): (SiteName, _) = ("one.example".into(), Account::from_canonical("alice"));
        let of = |keys: &KeyRing, password: &str| beginnings(keys, &site, &account, &Secret::new(password.to_owned()));
        let old = ring(&[1]);
        let [leaked] = of(&old, "Summer!2026")[..] else { panic!("one key") };
        for same in [
            "Summer!2026",
            "Summer!2027",
            "summer!2",
            "  Summer!2026",
            "SUMMER!2\u{7e}",
            "Summer!2026\u{e9}",
            "",
            "\u{0}x",
        ] {
            assert!(!leaked.differs_from(&of(&old, same)), "{same:?}");
        }
        for other in ["x", "Winter!2026", "Summer?2026", "ummer!2026"] {
            assert!(leaked.differs_from(&of(&old, other)), "{other:?}");
        }
        let rotated = ring(&[2, 1]);
        assert!(!leaked.differs_from(&of(&rotated, "Summer!2026")), "an older key still knows it");
        assert!(leaked.differs_from(&of(&rotated, "Winter!2026")));
        let lost = ring(&[2]);
        assert!(!leaked.differs_from(&of(&lost, "Winter!2026")), "a key that is gone opens nothing");
    }
}
