//! Whether a scanner answers, and a little rest for one that does not.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::Timestamp;

/// So many questions in a row without an answer, and it is left alone for a while: people do not wait, one after the
/// other, for something that hangs.
const SILENT_IN_A_ROW: u32 = 3;

/// How long it is left alone. Then the next question finds out.
const REST: Duration = Duration::from_secs(5);

/// What turned, and is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It does not answer any more.
    FellSilent,
    /// It answers again.
    CameBack,
}

/// How one scanner is. Shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// In milliseconds; 0 while it answers.
    silent_since: AtomicU64,
    in_a_row: AtomicU32,
    /// In milliseconds.
    rests_until: AtomicU64,
}

impl Health {
    /// Since when it does not answer; none while it does.
    pub(super) fn silent_since(&self) -> Option<Timestamp> {
        match self.silent_since.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(Timestamp::from_millis(millis)),
        }
    }

    /// Whether it is left alone now.
    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.in_a_row.load(Ordering::Relaxed) >= SILENT_IN_A_ROW
            && now.as_millis() < self.rests_until.load(Ordering::Relaxed)
    }

    /// It answered.
    pub(super) fn answered(&self) -> Option<Turn> {
        // Written only when it changes: questions at once must not fight for it.
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
        let was_silent =
            self.silent_since.load(Ordering::Relaxed) != 0 && self.silent_since.swap(0, Ordering::Relaxed) != 0;
        was_silent.then_some(Turn::CameBack)
    }

    /// It did not.
    pub(super) fn stayed_silent(&self, now: Timestamp) -> Option<Turn> {
        self.in_a_row.fetch_add(1, Ordering::Relaxed);
        self.rests_until.store(now.after(REST).as_millis(), Ordering::Relaxed);
        let since = now.as_millis().max(1);
        let is_news = self.silent_since.compare_exchange(0, since, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_news.then_some(Turn::FellSilent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_is_news_once_and_who_is_silent_thrice_rests() {
        let health = Health::default();
        let now = Timestamp::from_millis(1_000_000);
        assert_eq!((health.answered(), health.silent_since()), (None, None));
        assert_eq!(health.stayed_silent(now), Some(Turn::FellSilent));
        assert_eq!(health.silent_since(), Some(now));
        let later = now.after(Duration::from_secs(1));
        assert_eq!(health.stayed_silent(later), None, "it is no news any more");
        assert!(!health.rests(later), "twice may be bad luck");
        assert_eq!((health.stayed_silent(later), health.silent_since()), (None, Some(now)));
        assert!(health.rests(later) && !health.rests(later.after(REST)));
        assert_eq!((health.answered(), health.rests(later)), (Some(Turn::CameBack), false));
        assert_eq!((health.answered(), health.silent_since()), (None, None));
    }
}
