//! Whether the shared store is asked at all: once it did not answer, nobody waits for it until it is known to answer
//! again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::Timestamp;
use crate::store::Away;

/// Closed while the store answers. The first failure opens it: whoever comes after costs the store, and waits, nothing.
/// Only the housekeeping asks an open one, at [`Breaker::is_due`].
#[derive(Default)]
pub(super) struct Breaker {
    /// The same as whether `state.open` is there, for the way of every request.
    is_open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// When it was closed last, and how long it had waited between tries then.
    closed: Option<(Timestamp, Duration)>,
}

struct Open {
    since: Timestamp,
    what: String,
    tried: Timestamp,
    pause: Duration,
}

impl Breaker {
    /// Until the first try: a connection that broke is there again at once.
    pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);

    /// Between tries of a store that stays away. Each try that fails doubles the pause until here.
    pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

    /// A store that fails again within this goes on with the pauses it had.
    const RELAPSE: Duration = Duration::from_secs(10);

    pub(super) fn is_closed(&self) -> bool {
        !self.is_open.load(Ordering::Acquire)
    }

    /// The store did not answer, for a caller or for a try.
    pub(super) fn failed(&self, what: &str, now: Timestamp) {
        let mut state = self.state.lock();
        let pause = match state.closed {
            Some((closed, pause)) if now.since(closed) < Self::RELAPSE => longer(pause),
            _ => Self::FIRST_PAUSE,
        };
        // Several requests fail at once; the first says since when.
        state.open.get_or_insert_with(|| Open { since: now, what: what.to_owned(), tried: now, pause });
        self.is_open.store(true, Ordering::Release);
    }

    /// A try failed.
    pub(super) fn failed_again(&self, what: &str, now: Timestamp) {
        if let Some(open) = &mut self.state.lock().open {
            open.tried = now;
            open.pause = longer(open.pause);
            what.clone_into(&mut open.what);
        }
    }

    /// Whether it is time for a try.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let state = self.state.lock();
        // A clock that was set back must not keep the store away for as long as it was ahead.
        state.open.as_ref().is_some_and(|open| now < open.tried || now.since(open.tried) >= open.pause)
    }

    /// The store answers again.
    pub(super) fn close(&self, now: Timestamp) {
        let mut state = self.state.lock();
        if let Some(open) = state.open.take() {
            state.closed = Some((now, open.pause));
        }
        self.is_open.store(false, Ordering::Release);
    }

    /// Since when the store is away, and what it failed with last; none while it answers.
    pub(super) fn away(&self) -> Option<(Timestamp, String)> {
        self.state.lock().open.as_ref().map(|open| (open.since, open.what.clone()))
    }

    /// What is told to whoever asks while it is open.
    pub(super) fn refusal(&self) -> Away {
        let what = self.away().map_or_else(|| "it is being tried again".to_owned(), |(_, what)| what);
        Away { what }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(Breaker::LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    /// The pauses after which a store that stays away is tried.
    fn pauses(breaker: &Breaker, from: u64, tries: usize) -> Vec<u64> {
        let (mut pauses, mut last) = (Vec::new(), from);
        for millis in from.. {
            if pauses.len() == tries {
                break;
            }
            if breaker.is_due(at(millis)) {
                pauses.push(millis - last);
                breaker.failed_again("still away", at(millis));
                last = millis;
            }
        }
        pauses
    }

    #[test]
    fn the_first_failure_opens_it_and_tries_come_ever_more_rarely() {
        let breaker = Breaker::default();
        assert!(breaker.is_closed() && !breaker.is_due(at(0)) && breaker.away().is_none());
        breaker.failed("refused", at(0));
        breaker.failed("timed out", at(50));
        assert_eq!(breaker.away(), Some((at(0), "refused".to_owned())), "the first says since when and why");
        assert!(!breaker.is_closed());
        assert_eq!(pauses(&breaker, 0, 7), [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(breaker.away(), Some((at(0), "still away".to_owned())));
        breaker.close(at(8_000));
        assert!(breaker.is_closed() && !breaker.is_due(at(99_000)) && breaker.away().is_none());
    }

    #[test]
    fn a_store_that_comes_and_goes_is_tried_as_rarely_as_before_and_a_well_one_at_once() {
        let breaker = Breaker::default();
        breaker.failed("refused", at(0));
        assert_eq!(pauses(&breaker, 0, 3), [100, 200, 400]);
        breaker.close(at(1_500));
        breaker.failed("refused", at(5_000));
        assert_eq!(pauses(&breaker, 5_000, 2), [1600, 2000], "a relapse");
        breaker.close(at(9_000));
        breaker.failed("refused", at(20_000));
        assert_eq!(pauses(&breaker, 20_000, 2), [100, 200]);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_store_away() {
        let breaker = Breaker::default();
        breaker.failed("refused", at(3_600_000));
        assert!(breaker.is_due(at(0)));
        breaker.failed_again("refused", at(0));
        assert!(!breaker.is_due(at(1)) && breaker.is_due(at(200)));
    }
}
