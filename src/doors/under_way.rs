//! What is remembered from one request of Dovecot's to the next: what an attempt was charged, and who was judged lately.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::{SessionHash, Timestamp};
use crate::policy::limits::Receipt;

/// Between what Dovecot asks and what it reports: longer than any back end of passwords takes. What is not reported stays
/// charged, as a guess.
const UNDER_WAY_MAX: Duration = Duration::from_secs(120);

/// Attempts under way at once; beyond them the oldest is forgotten, and stays charged.
const ATTEMPTS_MAX: usize = 1 << 15;

/// Charges of one attempt: Dovecot asks once before it looks at the password, and once after where it is told to.
const RECEIPTS_MAX: usize = 64;

/// A keyed hash of what names an attempt.
pub(super) type Key = [u8; 16];

/// Attempts that Dovecot has asked about and not reported yet.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<Attempts>);

#[derive(Default)]
struct Attempts {
    /// Since when, and what was charged.
    receipts: HashMap<Key, (Timestamp, Vec<Receipt>)>,
    order: VecDeque<(Timestamp, Key)>,
}

impl UnderWay {
    /// Remembers what an attempt was charged.
    pub(super) fn note(&self, key: Key, receipt: Receipt, now: Timestamp) {
        let mut attempts = self.0.lock();
        let Attempts { receipts, order } = &mut *attempts;
        while order.front().is_some_and(|(time, _)| order.len() >= ATTEMPTS_MAX || now.since(*time) >= UNDER_WAY_MAX) {
            // It may have been taken, and be another attempt with the same key by now.
            if let Some((time, oldest)) = order.pop_front()
                && receipts.get(&oldest).is_some_and(|(since, _)| *since == time)
            {
                receipts.remove(&oldest);
            }
        }
        let (_, of_attempt) = receipts.entry(key).or_insert_with(|| {
            order.push_back((now, key));
            (now, Vec::new())
        });
        if of_attempt.len() < RECEIPTS_MAX {
            of_attempt.push(receipt);
        }
    }

    /// What it was charged, to whoever asks first.
    pub(super) fn take(&self, key: Key) -> Vec<Receipt> {
        self.0.lock().receipts.remove(&key).map(|(_, receipts)| receipts).unwrap_or_default()
    }
}

/// How long nobody is judged again who came and passed: programs sign in every few minutes, all day.
const JUDGED_AGAIN: Duration = Duration::from_secs(12 * 3_600);

/// Visitors remembered, in two halves; when one is full the older is forgotten. Who is forgotten is judged again.
const HALF_MAX: usize = 1 << 16;

/// Who was judged lately, and passed.
#[derive(Default)]
pub(super) struct Lately(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    younger: HashMap<SessionHash, Timestamp>,
    older: HashMap<SessionHash, Timestamp>,
}

impl Lately {
    /// Whether this visitor was.
    pub(super) fn contains(&self, visitor: &SessionHash, now: Timestamp) -> bool {
        let halves = self.0.lock();
        let judged = halves.younger.get(visitor).or_else(|| halves.older.get(visitor));
        judged.is_some_and(|judged| now.since(*judged) < JUDGED_AGAIN)
    }

    /// Notes one.
    pub(super) fn note(&self, visitor: SessionHash, now: Timestamp) {
        let mut halves = self.0.lock();
        if halves.younger.len() >= HALF_MAX {
            halves.older = std::mem::take(&mut halves.younger);
        }
        halves.younger.insert(visitor, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn an_attempt_is_given_out_once_and_never_more_than_so_many_are_under_way() {
        let under_way = UnderWay::default();
        let key = |number: usize| (number as u128).to_be_bytes();
        under_way.note(key(1), Receipt::default(), at(0));
        under_way.note(key(1), Receipt::default(), at(1));
        assert_eq!((under_way.take(key(1)).len(), under_way.take(key(1)).len()), (2, 0));
        under_way.note(key(1), Receipt::default(), at(119));
        under_way.note(key(3), Receipt::default(), at(121));
        assert_eq!(under_way.take(key(1)).len(), 1, "another attempt than the one of two minutes ago");
        under_way.note(key(2), Receipt::default(), at(2));
        for number in 0..2 * ATTEMPTS_MAX {
            under_way.note(key(10 + number), Receipt::default(), at(200));
        }
        assert!(under_way.take(key(2)).is_empty(), "too long ago");
        let attempts = under_way.0.lock();
        assert_eq!((attempts.receipts.len(), attempts.order.len()), (ATTEMPTS_MAX, ATTEMPTS_MAX));
    }

    #[test]
    fn who_was_judged_is_remembered_for_half_a_day_and_never_more_than_so_many() {
        let lately = Lately::default();
        let visitor = |number: usize| SessionHash((number as u128).to_be_bytes());
        lately.note(visitor(0), at(0));
        assert!(lately.contains(&visitor(0), at(43_199)) && !lately.contains(&visitor(0), at(43_200)));
        assert!(!lately.contains(&visitor(1), at(0)));
        for number in 1..=2 * HALF_MAX {
            lately.note(visitor(number), at(1));
        }
        assert!(lately.contains(&visitor(2 * HALF_MAX), at(2)) && !lately.contains(&visitor(0), at(2)));
        let halves = lately.0.lock();
        assert!(halves.younger.len() + halves.older.len() <= 2 * HALF_MAX);
    }
}
