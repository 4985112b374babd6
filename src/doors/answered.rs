//! Answers that were given, so that what is asked twice is counted once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::postfix::Answer;
use crate::domain::Timestamp;

/// How long an answer is remembered: longer than a mail server holds on to one message, asking again included.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Answers remembered; beyond them the oldest goes. At a hundred messages a second that is more than five minutes.
const ANSWERS_MAX: usize = 1 << 15;

/// A keyed hash of what was asked about.
pub(super) type Key = [u8; 16];

/// An answer that is there, or is being found.
pub(super) type Pending = Arc<OnceCell<Answer>>;

/// Answers by what was asked about. Each node remembers its own: a mail server asks again where it asked before.
#[derive(Default)]
pub(super) struct Answered(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    answers: HashMap<Key, Pending>,
    order: VecDeque<(Timestamp, Key)>,
}

impl Answered {
    /// The answer about this, which whoever comes first finds.
    pub(super) fn about(&self, key: Key, now: Timestamp) -> Pending {
        let mut remembered = self.0.lock();
        let Remembered { answers, order } = &mut *remembered;
        while order.front().is_some_and(|(time, _)| order.len() >= ANSWERS_MAX || now.since(*time) >= REMEMBERED) {
            if let Some((_, oldest)) = order.pop_front() {
                answers.remove(&oldest);
            }
        }
        if let Some(pending) = answers.get(&key) {
            return Arc::clone(pending);
        }
        let pending = Pending::default();
        answers.insert(key, Arc::clone(&pending));
        order.push_back((now, key));
        pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_again_is_the_same_question_for_a_while_and_never_more_than_so_many_are_remembered() {
        let answered = Answered::default();
        let at = |second: u64| Timestamp::from_millis(second * 1_000);
        let key = |number: usize| (number as u128).to_be_bytes();
        let first = answered.about(key(1), at(0));
        assert!(Arc::ptr_eq(&first, &answered.about(key(1), at(599))));
        assert!(!Arc::ptr_eq(&first, &answered.about(key(2), at(599))));
        assert!(!Arc::ptr_eq(&first, &answered.about(key(1), at(600))), "it is forgotten");
        for number in 0..2 * ANSWERS_MAX {
            answered.about(key(number), at(700));
        }
        let remembered = answered.0.lock();
        assert_eq!((remembered.answers.len(), remembered.order.len()), (ANSWERS_MAX, ANSWERS_MAX));
    }
}
