//! How often a password or code may be tried: by where it comes from, and by whose it is.
//!
//! A try is charged before it is looked at and given back when it was right. Browsers that an operator has signed in with
//! have an allowance of their own, so strangers who guess cannot lock anybody out for good. Kept in memory, in a fixed
//! number of places: names and addresses share one now and then, which only makes it stricter.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::{KeyRing, Prefix, Purpose, Timestamp};

/// Places of each allowance.
const PLACES: usize = 4096;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// A password, or the code that an administrator gave out.
    Password,
    /// A second proof: whoever gets here has the password.
    Proof,
}

/// So many at once, then one in each `every`.
struct Allowance {
    burst: u32,
    every: Duration,
    /// When all that was spent is there again, in milliseconds.
    full_again: Box<[AtomicU64]>,
}

impl Allowance {
    fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, full_again: (0..PLACES).map(|_| AtomicU64::new(0)).collect() }
    }

    fn every_millis(&self) -> u64 {
        u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes one; else how long until there is one.
    fn take(&self, place: usize, now: Timestamp) -> Result<(), Duration> {
        let (every, now) = (self.every_millis(), now.as_millis());
        let most = every * u64::from(self.burst);
        let place = &self.full_again[place % PLACES];
        // A clock that went back a long way must not shut everybody out for as long: it is written down, too.
        let here = |full_again: u64| full_again.clamp(now, now + most);
        let step = |full_again: u64| {
            let next = here(full_again) + every;
            Some(if next <= now + most { next } else { here(full_again) })
        };
        let before = here(place.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).unwrap_or_default());
        match (before + every).checked_sub(now + most) {
            None | Some(0) => Ok(()),
            Some(wait) => Err(Duration::from_millis(wait)),
        }
    }

    fn give_back(&self, place: usize) {
        let every = self.every_millis();
        let give = |full_again: u64| Some(full_again.saturating_sub(every));
        let _ = self.full_again[place % PLACES].fetch_update(Ordering::SeqCst, Ordering::SeqCst, give);
    }
}

/// All allowances.
pub struct Tries {
    prefix: Allowance,
    strange_password: Allowance,
    known_password: Allowance,
    strange_proof: Allowance,
    known_proof: Allowance,
}

/// Which places a try was charged to.
pub struct Charged<'a>([(&'a Allowance, usize); 2]);

impl Charged<'_> {
    /// It was right.
    pub fn give_back(self) {
        for (allowance, place) in self.0 {
            allowance.give_back(place);
        }
    }
}

impl Tries {
    /// Nothing spent.
    pub fn new() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            prefix: Allowance::new(20, minute),
            strange_password: Allowance::new(10, minute * 5),
            known_password: Allowance::new(10, minute),
            // Three codes of a million are good at a time: strangers who have the password hit one within a year with a
            // chance of one in seven, and the audit log has told of it fifty thousand times.
            strange_proof: Allowance::new(5, minute * 10),
            known_proof: Allowance::new(5, minute),
        }
    }

    /// Charges a try; else how long to wait. `is_known`: by a browser with which this operator has signed in before.
    pub fn charge(
        &self,
        what: Try,
        name: &str,
        address: IpAddr,
        is_known: bool,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Charged<'_>, Duration> {
        let place = |parts: &[&[u8]]| keys.fingerprint(Purpose::Desk, parts) as usize;
        let of_prefix = place(&[b"tries prefix", Prefix::of(address).to_string().as_bytes()]);
        let of_name = place(&[b"tries name", name.as_bytes()]);
        let by_name = match (what, is_known) {
            (Try::Password, false) => &self.strange_password,
            (Try::Password, true) => &self.known_password,
            (Try::Proof, false) => &self.strange_proof,
            (Try::Proof, true) => &self.known_proof,
        };
        self.prefix.take(of_prefix, now)?;
        if let Err(wait) = by_name.take(of_name, now) {
            self.prefix.give_back(of_prefix);
            return Err(wait);
        }
        Ok(Charged([(&self.prefix, of_prefix), (by_name, of_name)]))
    }
}

impl Default for Tries {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
    }

    #[test]
    fn so_many_at_once_and_then_as_they_come_back_and_the_wait_told_is_exact() {
        let allowance = Allowance::new(3, Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(allowance.take(1, at(0)), Ok(()));
        }
        assert_eq!(allowance.take(1, at(10)), Err(Duration::from_secs(50)));
        assert_eq!(allowance.take(2, at(10)), Ok(()), "another place");
        assert_eq!(allowance.take(1, at(60)), Ok(()));
        assert!(allowance.take(1, at(61)).is_err());
        allowance.give_back(1);
        assert_eq!(allowance.take(1, at(61)), Ok(()), "it was right");
        assert!(allowance.take(1, Timestamp::from_millis(5_000)).is_err(), "a clock that went back opens nothing");
        assert_eq!(allowance.take(1, Timestamp::from_millis(5_000 + 60_000 * 3)), Ok(()), "nor shuts out for good");
    }

    #[test]
    fn strangers_spend_nothing_of_a_browser_that_is_known_and_moving_house_does_not_help() {
        let (tries, keys) = (Tries::new(), KeyRing::new(&[Secret::new([1; 32])]));
        let from = |last: u8| IpAddr::from([203, 0, 113, last]);
        let right =
            (0..200).filter(|last| tries.charge(Try::Password, "anna", from(*last), false, &keys, at(0)).is_ok());
        assert_eq!(right.count(), 10);
        assert!(tries.charge(Try::Password, "anna", from(201), true, &keys, at(0)).is_ok());
        assert!(tries.charge(Try::Proof, "anna", from(201), false, &keys, at(0)).is_ok());
        let names = (0..200).filter(|number| {
            tries.charge(Try::Password, &format!("name{number}"), from(250), false, &keys, at(0)).is_ok()
        });
        assert_eq!(names.count(), 20, "one address tries many names");
    }
}
