//! The one place that reads a clock or draws randomness. Everything else is given a [`Timestamp`] or random bytes.
//!
//! Both sources can be replaced by ones that tests command: a [`Clock`] moved by hand, [`Dice`] that repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;

use crate::domain::{PastEvent, Reference, Timestamp};

/// Where the time comes from. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The node's wall clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] or [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start.as_millis()))))
    }

    /// The time now. Read once per request, at the edge, and carried from there.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                // A node whose clock stands before 1970 gets the epoch: limits then never open, they only wait longer.
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
            }
            Source::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock, and all its clones, forward.
    ///
    /// # Panics
    /// On the system's clock: nobody moves that.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }

    /// Sets a manual clock, and all its clones; also backwards.
    ///
    /// # Panics
    /// On the system's clock.
    pub fn set(&self, to: Timestamp) {
        match &self.0 {
            Source::System => panic!("the system's clock is not moved by hand"),
            Source::Manual(millis) => millis.store(to.as_millis(), Ordering::SeqCst),
        }
    }
}

/// Where randomness comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dice(Throw);

#[derive(Clone, Debug)]
enum Throw {
    System,
    Repeating { seed: u64, thrown: Arc<AtomicU64> },
}

impl Dice {
    /// The cryptographic generator that TLS uses as well.
    pub const fn system() -> Self {
        Self(Throw::System)
    }

    /// Dice that throw the same row for the same seed. For tests: what they throw is no secret.
    pub fn repeating(seed: u64) -> Self {
        Self(Throw::Repeating { seed, thrown: Arc::new(AtomicU64::new(0)) })
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Throw::System => {
                aws_lc_rs::rand::fill(bytes).expect("the generator seeds itself from the kernel, which always answers");
            }
            Throw::Repeating { seed, thrown } => {
                for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
                    let mut throw = digest::Context::new(&digest::SHA256);
                    throw.update(&seed.to_be_bytes());
                    throw.update(&thrown.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                    chunk.copy_from_slice(&throw.finish().as_ref()[..chunk.len()]);
                }
            }
        }
    }

    /// A number for an event or an entry of the audit log, by [`PastEvent::number`].
    pub fn event_number(&self) -> u64 {
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        PastEvent::number(DRAWN.fetch_add(1, Ordering::Relaxed), u64::from_le_bytes(self.bytes()))
    }

    /// So many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A reference code for a page and the event behind it.
    pub fn reference(&self) -> Reference {
        Reference::from_random(u64::from_be_bytes(self.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(Timestamp::from_millis(1_000));
        let elsewhere = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(elsewhere.now(), Timestamp::from_millis(3_000));
        elsewhere.set(Timestamp::from_millis(10));
        assert_eq!(clock.now(), Timestamp::from_millis(10));
    }

    #[test]
    fn repeating_dice_repeat_and_never_throw_the_same_twice_in_a_row() {
        let (first, again) = (Dice::repeating(7), Dice::repeating(7));
        let row: Vec<[u8; 40]> = (0..3).map(|_| first.bytes()).collect();
        assert_eq!(row, (0..3).map(|_| again.bytes()).collect::<Vec<[u8; 40]>>());
        assert_ne!(row[0], row[1]);
        assert_ne!(Dice::system().bytes::<16>(), Dice::system().bytes::<16>());
    }
}
