//! Puts events into the store, where the administrator's desk finds them.
//!
//! Events come from the thread that writes their file; a task tells the store of them, many at once. While the store is
//! away they wait, a bounded number of them. The file has all of them in any case.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Dice;
use crate::domain::{Event, PastEvent};
use crate::gateway::Shared;
use crate::telemetry::line;

/// Events that wait for the store: some 20 MB. At ten events a second that is an hour.
const WAITING_MAX: usize = 40_000;

/// Events that are told at once; with any store far less than its time limit.
const AT_ONCE: usize = 500;

/// How long events wait for others to go with them.
const EVERY: Duration = Duration::from_millis(500);

/// What is too old is forgotten at least this often.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Events on their way to the store.
pub(super) struct History {
    waiting: Mutex<VecDeque<PastEvent>>,
    /// Did not fit and are not yet said to be missing.
    lost: AtomicU64,
    dice: Dice,
}

impl History {
    pub(super) fn new(dice: Dice) -> Self {
        Self { waiting: Mutex::default(), lost: AtomicU64::new(0), dice }
    }

    /// Takes an event. Never waits.
    pub(super) fn offer(&self, event: &Event) {
        let event = PastEvent { number: self.dice.event_number(), time: event.time, line: line::json(event) };
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(event);
    }

    /// The next to be told. They go on waiting until they are: whoever tells them may be stopped at any moment.
    fn next(&self) -> Vec<PastEvent> {
        self.waiting.lock().iter().take(AT_ONCE).cloned().collect()
    }

    /// All up to the one with this number were told.
    fn told(&self, last: u64) {
        let mut waiting = self.waiting.lock();
        // Some may have gone to make room; none came before them.
        if let Some(at) = waiting.iter().take(AT_ONCE).position(|event| event.number == last) {
            waiting.drain(..=at);
        }
    }

    /// Tells the store what waits, until it is dropped.
    pub(super) async fn look_after(self: Arc<Self>, shared: Arc<Shared>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut forgotten = None;
        loop {
            ticks.tick().await;
            let now = shared.clock.now();
            let is_due = forgotten.is_none_or(|last| now < last || now.since(last) >= FORGET_EVERY);
            if self.tell(&shared, is_due).await && is_due {
                forgotten = Some(now);
            }
        }
    }

    /// Tells all that waits; says whether the store took it.
    pub(super) async fn tell(&self, shared: &Shared, even_nothing: bool) -> bool {
        let keep = shared.live.load().config.events.keep;
        let mut even_nothing = even_nothing;
        loop {
            let events = self.next();
            if events.is_empty() && !even_nothing {
                return true;
            }
            even_nothing = false;
            let last = events.last().map(|event| event.number);
            if shared.store.put_events(events, keep, shared.clock.now()).await.is_err() {
                return false;
            }
            if let Some(last) = last {
                self.told(last);
            }
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(lost, "events are in the events file and not in the store: it was away for too long");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventKind, Timestamp};

    #[test]
    fn what_waits_is_bounded_and_goes_only_when_it_was_told() {
        let history = History::new(Dice::repeating(1));
        let event = |millis| Event::new(Timestamp::from_millis(millis), EventKind::Started);
        (0..WAITING_MAX as u64 + 3).for_each(|millis| history.offer(&event(millis)));
        assert_eq!(history.lost.load(Ordering::Relaxed), 3, "the oldest went");
        let some = history.next();
        let times = |events: &[PastEvent]| events.iter().map(|event| event.time.as_millis()).collect::<Vec<_>>();
        assert_eq!(times(&some), (3..3 + AT_ONCE as u64).collect::<Vec<_>>());
        assert_eq!(history.next(), some, "not yet told");
        history.offer(&event(0));
        assert_eq!(history.lost.load(Ordering::Relaxed), 4);
        let last = some.last().expect("there are some").number;
        history.told(last);
        assert_eq!(times(&history.next())[0], 3 + AT_ONCE as u64);
        (0..WAITING_MAX as u64).for_each(|millis| history.offer(&event(millis)));
        let next = history.next();
        history.told(last);
        assert_eq!(history.next(), next, "all of those had gone");
    }
}
