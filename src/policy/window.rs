//! Exact sliding windows: what was used in the last so long, whether more fits, and if not, when it will.
//!
//! A window is a list of what was charged and when. Every limit that looks at it counts the same entries over its own
//! length, so one list serves `60/10m` and `200/h` at once. Nothing here reads a clock: `now` is passed in, may step
//! back, and then lengthens a wait by the size of the step.

use std::time::Duration;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::limits::Cost;
use crate::domain::{Limit, Timestamp};

/// One thing that was charged. It counts until `now >= time + window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// How much; 1 where there is a fingerprint.
    pub units: u64,
    /// By which a refund finds it; [`Entry::SETTLED`] where several were put together.
    pub number: u64,
    /// What it was, where only distinct ones count.
    pub fingerprint: Option<u32>,
}

impl Entry {
    /// The number of entries that can no longer be given back.
    pub const SETTLED: u64 = 0;

    fn counts(&self, window: Duration, now: Timestamp) -> bool {
        self.time.after(window) > now
    }
}

/// Whether a cost fits under some limits, and what to tell when it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Units that would fit right now under all limits together.
    pub fits_now: u32,
    /// The limit that opens last, when one is met.
    pub met: Option<Met>,
}

/// A limit that is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Which.
    pub limit: Limit,
    /// When the cost fits if nothing else is charged; `None`: never, it is more than the limit itself.
    pub wait: Option<Duration>,
}

impl Met {
    /// Orders by when the limit opens: what never fits comes last.
    pub fn opens(&self) -> (bool, Duration) {
        (self.wait.is_none(), self.wait.unwrap_or_default())
    }
}

/// What one counter holds.
///
/// Entries are in the order of their times. At most [`Window::ENTRIES_MAX`] are kept: beyond that, neighbours are put
/// together under the later one's time. That counts some of them a little longer than they should (by a 128th of the
/// limit's window, where there are few limits), so it never lets more through; and as the wait is told from the same
/// entries, it is never told too short.
///
/// Of one fingerprint only the latest entry counts. Those before it are held while it may still be given back, and no
/// longer: a site's counters of countries and accounts would be full of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    entries: Vec<Entry>,
    keep: Duration,
}

impl Window {
    /// Most entries of one counter; 32 KiB.
    pub const ENTRIES_MAX: usize = 1024;

    /// Into how many slots a limit's window is divided when entries must be put together.
    const SLOTS: u32 = 128;

    /// Entries younger than this may still be given back, so they are put together last.
    const UNSETTLED: Duration = Duration::from_secs(120);

    /// A window as it was stored. `entries` may come in any order; `keep` is what [`Window::keep`] said.
    pub fn restore(mut entries: Vec<Entry>, keep: Duration) -> Self {
        entries.sort_by_key(|entry| entry.time);
        let mut window = Self { entries, keep };
        if window.entries.len() > Self::ENTRIES_MAX {
            window.put_pairs_together();
        }
        window
    }

    /// What it holds, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How long entries are kept: the longest window that was ever asked of it.
    pub fn keep(&self) -> Duration {
        self.keep
    }

    /// Whether nothing in it counts any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.live(self.keep, now).is_empty()
    }

    /// Units and distinct fingerprints in the last `window`.
    pub fn used(&self, window: Duration, now: Timestamp) -> u64 {
        let live = self.live(window, now);
        let units: u64 = live.iter().filter(|entry| entry.fingerprint.is_none()).map(|entry| entry.units).sum();
        // Nearly all counters hold units only. A site's counters of distinct accounts are full, though, and asked at every
        // sign-in: nothing is put in order for that. Fingerprints are made under a key, so nobody finds ones that fall on
        // one place of the set.
        let mut distinct = FxHashSet::default();
        if live.last().is_some_and(|latest| latest.fingerprint.is_some()) {
            distinct.reserve(live.len());
        }
        distinct.extend(live.iter().filter_map(|entry| entry.fingerprint));
        units + distinct.len() as u64
    }

    /// Whether `cost` fits under all `limits`.
    pub fn judge(&self, cost: Cost, limits: &[Limit], now: Timestamp) -> Judged {
        let mut fits_now = u32::MAX;
        let mut met: Option<Met> = None;
        for limit in limits {
            let asked = self.asks(cost, limit.window, now);
            let used = self.used(limit.window, now);
            fits_now = fits_now.min(u32::try_from(u64::from(limit.amount).saturating_sub(used)).unwrap_or(u32::MAX));
            let too_many = (used + asked).saturating_sub(u64::from(limit.amount));
            if too_many == 0 || asked == 0 {
                continue;
            }
            let expiries = || self.expiries(limit.window, now);
            let wait = (asked <= u64::from(limit.amount)).then(|| wait_for(too_many, expiries(), now));
            let this = Met { limit: *limit, wait };
            if met.is_none_or(|met| this.opens() > met.opens()) {
                met = Some(this);
            }
        }
        Judged { fits_now, met }
    }

    /// Charges `cost` without asking whether it fits, keeping it for at least `keep` and the longest of `limits`. Returns
    /// whether there was anything to charge.
    ///
    /// `number` is what [`Window::give_back`] finds it by. The caller never uses one twice, not even for a window that
    /// was forgotten meanwhile and begun anew, or a late refund would take out what another request was charged.
    pub fn take(&mut self, cost: Cost, limits: &[Limit], keep: Duration, number: u64, now: Timestamp) -> bool {
        self.keep = limits.iter().map(|limit| limit.window).fold(self.keep.max(keep), Duration::max);
        self.prune(now);
        let (units, fingerprint) = match cost {
            Cost::Units(0) => return false,
            Cost::Units(units) => (u64::from(units), None),
            Cost::Distinct(fingerprint) => (1, Some(fingerprint)),
        };
        if let Some(fingerprint) = fingerprint {
            self.forget_outlived(fingerprint, now);
        }
        let place = self.entries.partition_point(|other| other.time <= now);
        self.entries.insert(place, Entry { time: now, units, number, fingerprint });
        if self.entries.len() > Self::ENTRIES_MAX {
            self.put_together(limits, now);
        }
        true
    }

    /// Adds what was charged elsewhere, without asking whether it fits. Entries keep their numbers.
    pub fn add(&mut self, entries: &[Entry], keep: Duration) {
        self.keep = self.keep.max(keep);
        self.entries.extend(entries.iter().filter(|entry| entry.units > 0));
        self.entries.sort_by_key(|entry| entry.time);
        while self.entries.len() > Self::ENTRIES_MAX {
            self.put_pairs_together();
        }
    }

    /// Which of another store's entries are not among its own, each as often as it is missing. They can no longer be
    /// given back: the other store's numbers may be used here for something else.
    pub fn missing(&self, others: &[Entry]) -> Vec<Entry> {
        let mut own = self.entries.clone();
        let mut missing = Vec::new();
        for other in others {
            let alike = |entry: &Entry| {
                (entry.time, entry.units, entry.fingerprint) == (other.time, other.units, other.fingerprint)
            };
            match own.iter().position(alike) {
                Some(place) => drop(own.swap_remove(place)),
                None => missing.push(Entry { number: Entry::SETTLED, ..*other }),
            }
        }
        missing
    }

    /// Takes one charge out again. Says whether it was still there.
    pub fn give_back(&mut self, number: u64) -> bool {
        if number == Entry::SETTLED {
            return false;
        }
        let found = self.entries.iter().position(|entry| entry.number == number);
        found.map(|place| self.entries.remove(place)).is_some()
    }

    /// Forgets what no limit counts any more.
    pub fn prune(&mut self, now: Timestamp) {
        let over = self.entries.len() - self.live(self.keep, now).len();
        self.entries.drain(..over);
    }

    /// The entries that count in the last `window`: being in the order of their times, they are the last ones.
    fn live(&self, window: Duration, now: Timestamp) -> &[Entry] {
        &self.entries[self.entries.partition_point(|entry| !entry.counts(window, now))..]
    }

    /// What `cost` comes to under a limit of this window: a fingerprint that is counted already costs nothing.
    fn asks(&self, cost: Cost, window: Duration, now: Timestamp) -> u64 {
        match cost {
            Cost::Units(units) => u64::from(units),
            Cost::Distinct(fingerprint) => {
                let known = |entry: &Entry| entry.fingerprint == Some(fingerprint);
                u64::from(!self.live(window, now).iter().any(known))
            }
        }
    }

    /// What counts in the last `window`, as pairs of when it stops counting and how much that frees. A fingerprint
    /// stops counting with its latest entry.
    fn expiries(&self, window: Duration, now: Timestamp) -> Vec<(Timestamp, u64)> {
        let live = self.live(window, now);
        let mut expiries = Vec::with_capacity(live.len());
        let mut distinct = Vec::new();
        for entry in live {
            match entry.fingerprint {
                None => expiries.push((entry.time.after(window), entry.units)),
                Some(fingerprint) => distinct.push((fingerprint, entry.time.after(window))),
            }
        }
        distinct.sort_unstable_by(|a, b| b.cmp(a));
        distinct.dedup_by_key(|(fingerprint, _)| *fingerprint);
        expiries.extend(distinct.into_iter().map(|(_, expiry)| (expiry, 1)));
        expiries
    }

    /// Forgets the entries of a fingerprint before the latest that is too old to be given back, which settles that one: given
    /// back late, it would leave nothing to count.
    fn forget_outlived(&mut self, fingerprint: u32, now: Timestamp) {
        let old = self.entries.partition_point(|entry| !entry.counts(Self::UNSETTLED, now));
        let is_same = |entry: &Entry| entry.fingerprint == Some(fingerprint);
        let Some(latest) = self.entries[..old].iter().rposition(is_same) else { return };
        self.entries[latest].number = Entry::SETTLED;
        let mut place = 0..;
        self.entries.retain(|entry| place.next() >= Some(latest) || !is_same(entry));
    }

    fn put_together(&mut self, limits: &[Limit], now: Timestamp) {
        let mut windows: Vec<Duration> = limits.iter().map(|limit| limit.window).chain([self.keep]).collect();
        windows.sort_unstable();
        for spared in [Self::UNSETTLED, Duration::ZERO] {
            self.put_slots_together(&windows, spared, now);
            if self.entries.len() <= Self::ENTRIES_MAX / 2 {
                return;
            }
        }
        while self.entries.len() > Self::ENTRIES_MAX {
            self.put_pairs_together();
        }
    }

    /// Neighbours in one slot become one. The slots of an entry are those of the shortest window that still counts it.
    fn put_slots_together(&mut self, windows: &[Duration], spared: Duration, now: Timestamp) {
        let slot = |entry: &Entry| {
            let age = now.since(entry.time);
            let window = windows.iter().find(|window| age < **window).copied().unwrap_or(Limit::WINDOW_MAX);
            let slot_millis = u64::try_from((window / Self::SLOTS).as_millis()).unwrap_or(u64::MAX).max(1);
            (age >= spared).then(|| (window, entry.time.as_millis() / slot_millis))
        };
        self.fold_neighbours(|older, newer| slot(older).is_some() && slot(older) == slot(newer));
    }

    fn put_pairs_together(&mut self) {
        let mut odd = false;
        self.fold_neighbours(|_, _| {
            odd = !odd;
            odd
        });
    }

    fn fold_neighbours(&mut self, mut together: impl FnMut(&Entry, &Entry) -> bool) {
        let mut folded: Vec<Entry> = Vec::with_capacity(self.entries.len());
        for newer in self.entries.drain(..) {
            match folded.last_mut() {
                Some(older) if together(older, &newer) => *older = put_two_together(older, &newer),
                _ => folded.push(newer),
            }
        }
        self.entries = folded;
    }
}

/// Two entries as one that frees nothing earlier than either of them.
fn put_two_together(older: &Entry, newer: &Entry) -> Entry {
    let one_fingerprint = older.fingerprint.is_some() && older.fingerprint == newer.fingerprint;
    Entry {
        time: newer.time,
        units: if one_fingerprint { 1 } else { older.units + newer.units },
        number: Entry::SETTLED,
        fingerprint: if one_fingerprint { newer.fingerprint } else { None },
    }
}

/// How long until `too_many` units have stopped counting.
fn wait_for(too_many: u64, mut expiries: Vec<(Timestamp, u64)>, now: Timestamp) -> Duration {
    expiries.sort_unstable();
    let mut freed = 0;
    for (expiry, units) in expiries {
        freed += units;
        if freed >= too_many {
            return expiry.since(now);
        }
    }
    // What counts is at least `too_many` wherever what is asked is within the limit.
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    fn limits(texts: &[&str]) -> Vec<Limit> {
        texts.iter().map(|text| text.parse().expect("a limit")).collect()
    }

    fn wait(window: &Window, cost: Cost, limits: &[Limit], now: Timestamp) -> Option<u64> {
        let met = window.judge(cost, limits, now).met.expect("a limit is met");
        met.wait.map(|wait| wait.as_secs())
    }

    #[test]
    fn an_entry_counts_until_its_window_is_full_and_not_a_moment_longer() {
        let limits = limits(&["5/m"]);
        let mut window = Window::default();
        window.take(Cost::Units(5), &limits, Duration::ZERO, 9, at(0));
        assert_eq!(window.used(limits[0].window, at(59)), 5);
        assert_eq!(window.used(limits[0].window, at(60)), 0);
        assert_eq!(wait(&window, Cost::Units(1), &limits, at(59)), Some(1));
        assert_eq!(window.judge(Cost::Units(5), &limits, at(60)).met, None);
    }

    #[test]
    fn of_several_limits_the_one_that_opens_last_is_told() {
        let limits = limits(&["10/m", "12/h"]);
        let mut window = Window::default();
        window.take(Cost::Units(10), &limits, Duration::ZERO, 9, at(0));
        assert_eq!(wait(&window, Cost::Units(1), &limits, at(10)), Some(50));
        assert_eq!(wait(&window, Cost::Units(3), &limits, at(10)), Some(3590));
        assert_eq!(wait(&window, Cost::Units(11), &limits, at(10)), None, "never: more than 10/m itself");
        assert_eq!(window.judge(Cost::Units(3), &limits, at(70)).fits_now, 2);
    }

    #[test]
    fn the_wait_covers_only_as_many_entries_as_must_go() {
        let limits = limits(&["10/m"]);
        let mut window = Window::default();
        for second in 0..10 {
            window.take(Cost::Units(1), &limits, Duration::ZERO, 9, at(second));
        }
        assert_eq!(wait(&window, Cost::Units(1), &limits, at(10)), Some(50));
        assert_eq!(wait(&window, Cost::Units(4), &limits, at(10)), Some(53));
    }

    #[test]
    fn a_fingerprint_costs_once_and_giving_one_of_two_back_leaves_the_other() {
        let limits = limits(&["2/m"]);
        let mut window = Window::default();
        window.take(Cost::Distinct(7), &limits, Duration::ZERO, 1, at(0));
        window.take(Cost::Distinct(7), &limits, Duration::ZERO, 2, at(1));
        assert_eq!(window.used(limits[0].window, at(1)), 1);
        assert!(window.give_back(1));
        assert_eq!(window.used(limits[0].window, at(1)), 1, "the second attempt with it is still out");
        assert!(!window.give_back(1), "once");
        window.take(Cost::Distinct(8), &limits, Duration::ZERO, 9, at(20));
        assert_eq!(window.judge(Cost::Distinct(7), &limits, at(30)).met, None, "a known one is free");
        assert_eq!(wait(&window, Cost::Distinct(9), &limits, at(30)), Some(31));
    }

    #[test]
    fn the_same_again_is_held_once_and_what_may_be_given_back_is_held_too() {
        let limits = limits(&["9/h"]);
        let mut window = Window::default();
        for (number, second) in (1..).zip((0..1000).step_by(10)) {
            window.take(Cost::Distinct(7), &limits, Duration::ZERO, number, at(second));
            window.take(Cost::Distinct(second as u32 % 3), &limits, Duration::ZERO, 1000 + number, at(second));
        }
        assert!(window.entries().len() < 60, "{}", window.entries().len());
        for (second, used) in [(990, 4), (990 + 3579, 4), (990 + 3580, 3), (990 + 3590, 2), (990 + 3600, 0)] {
            assert_eq!(window.used(limits[0].window, at(second)), used, "at {second}");
        }
        // The last twelve are young. Without them the one before counts, which cannot be given back any more.
        let given_back: Vec<u64> = (1..=100).filter(|number| window.give_back(*number)).collect();
        assert_eq!(given_back, (89..=100).collect::<Vec<_>>());
        assert_eq!(window.used(limits[0].window, at(870 + 3599)), 4);
        assert_eq!(window.used(limits[0].window, at(870 + 3600)), 3);
    }

    #[test]
    fn a_clock_that_steps_back_opens_nothing() {
        let limits = limits(&["5/m"]);
        let mut window = Window::default();
        window.take(Cost::Units(5), &limits, Duration::ZERO, 9, at(1000));
        for second in [999, 500, 0] {
            assert_eq!(wait(&window, Cost::Units(1), &limits, at(second)), Some(1060 - second), "at {second}");
        }
    }

    #[test]
    fn a_flood_of_entries_stays_bounded_and_is_counted_whole() {
        let limits = limits(&["1000000/10m", "2000000/d"]);
        let mut window = Window::default();
        for second in 0..20_000 {
            window.take(Cost::Units(1), &limits, Duration::ZERO, 9, at(second));
            assert!(window.entries().len() <= Window::ENTRIES_MAX);
        }
        assert_eq!(window.used(limits[1].window, at(20_000)), 20_000);
        let in_ten_minutes = window.used(limits[0].window, at(20_000));
        assert!((599..=599 + 5).contains(&in_ten_minutes), "{in_ten_minutes}");
    }

    #[test]
    fn a_flood_of_distinct_entries_stays_bounded_and_counts_no_fewer() {
        let limits = limits(&["1000000/d"]);
        let mut window = Window::default();
        for fingerprint in 0..5_000 {
            window.take(Cost::Distinct(fingerprint), &limits, Duration::ZERO, 9, at(0));
        }
        assert!(window.entries().len() <= Window::ENTRIES_MAX);
        assert_eq!(window.used(limits[0].window, at(0)), 5_000);
    }

    #[test]
    fn what_was_put_together_cannot_be_given_back_in_part() {
        let limits = limits(&["1000000/d"]);
        let mut window = Window::default();
        for number in 1..=3_000 {
            window.take(Cost::Units(1), &limits, Duration::ZERO, number, at(0));
        }
        let given_back = (1..=3_000).filter(|number| window.give_back(*number)).count();
        assert_eq!(window.used(limits[0].window, at(0)), 3_000 - given_back as u64);
    }

    #[test]
    fn a_window_is_restored_as_it_was_whatever_the_order() {
        let limits = limits(&["5/m"]);
        let mut window = Window::default();
        for number in 1..4 {
            window.take(Cost::Units(1), &limits, Duration::ZERO, number, at(number));
        }
        let entries = window.entries().iter().rev().copied().collect();
        assert_eq!(Window::restore(entries, window.keep()), window);
    }
}
