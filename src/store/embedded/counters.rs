//! Counters in memory: sharded, each charge atomic over all counters it names.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::domain::Timestamp;
use crate::policy::limits::{Charge, Charged, CounterKey, Receipt, judge_together};
use crate::policy::window::{Entry, Judged, Window};

/// All counters of a node.
///
/// A charge locks the shards of all its counters, in the order of the shards, judges, and takes: two charges that share
/// a counter never both see the room that only one of them may use.
///
/// At most [`Counters::OF_ONE_NAME_MAX`] counters of one name are kept, so that what strangers can fill, sign-in
/// counters, leaves send counters alone. Newcomers beyond it share one counter per shard: stricter, never open. What is
/// only counted and never refused is not counted for them.
pub struct Counters {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    last_number: AtomicU64,
}

#[derive(Default)]
struct Shard {
    windows: HashMap<CounterKey, Window>,
    of_name: HashMap<Box<str>, usize>,
    unwritten: HashSet<CounterKey>,
}

/// A counter as it is to be written: none where it is to be deleted.
pub(super) type Unwritten = (CounterKey, Option<Window>);

impl Default for Counters {
    fn default() -> Self {
        Self {
            shards: (0..Self::SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            last_number: AtomicU64::new(Entry::SETTLED),
        }
    }
}

impl Counters {
    /// Counters of one name; some 30 MB of memory if each holds a few entries.
    pub const OF_ONE_NAME_MAX: usize = 100_000;

    const SHARDS: usize = 64;

    /// Takes all charges, or none and says which limit opens last.
    pub(super) fn charge(&self, charges: &[Charge], now: Timestamp) -> Charged {
        let places: Vec<usize> = charges.iter().map(|charge| self.place(&charge.key)).collect();
        let mut shards = self.lock(&places);
        let shard_at = |place: usize| shards.binary_search_by_key(&place, |(at, _)| *at).ok();
        let shard_of: Vec<usize> = places.iter().filter_map(|place| shard_at(*place)).collect();

        let mut judged: Vec<(&Charge, Judged)> = Vec::with_capacity(charges.len());
        let mut keys: Vec<Option<CounterKey>> = Vec::with_capacity(charges.len());
        for ((charge, place), shard) in charges.iter().zip(&places).zip(&shard_of) {
            let shard = &shards[*shard].1;
            let key = shard.key_for(charge, *place);
            let window = key.as_ref().and_then(|key| shard.windows.get(key));
            let judge = |window: &Window| window.judge(charge.cost, &charge.limits, now);
            judged.push((charge, window.map_or_else(|| judge(&Window::default()), judge)));
            keys.push(key);
        }
        if let Some(over) = judge_together(&judged) {
            return Charged::Over(over);
        }
        let mut receipt = Receipt::default();
        for ((charge, key), shard) in charges.iter().zip(keys).zip(&shard_of) {
            let Some(key) = key else { continue };
            let number = self.last_number.fetch_add(1, Ordering::Relaxed) + 1;
            if shards[*shard].1.take(&key, charge, number, now) {
                receipt.entries.push((key, number));
            }
        }
        Charged::Fits(receipt)
    }

    /// Adds what was charged elsewhere, whatever the limits.
    pub(super) fn add(&self, key: &CounterKey, entries: &[Entry], keep: Duration) {
        let place = self.place(key);
        let mut shard = self.shards[place].lock();
        let key = shard.key_or_shared(key, place);
        shard.add(&key, entries, keep);
    }

    /// The same for what of it is missing; says whether anything was.
    pub(super) fn merge(&self, key: &CounterKey, entries: &[Entry], keep: Duration) -> bool {
        let place = self.place(key);
        let mut shard = self.shards[place].lock();
        let key = shard.key_or_shared(key, place);
        let missing = shard
            .windows
            .get(&key)
            .map_or_else(|| Window::default().missing(entries), |window| window.missing(entries));
        shard.add(&key, &missing, keep);
        !missing.is_empty()
    }

    /// Takes out every counter whose name begins like this.
    pub(super) fn take_named(&self, beginning: &str) -> Vec<(CounterKey, Window)> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            let named: Vec<CounterKey> =
                shard.windows.keys().filter(|key| key.name().starts_with(beginning)).cloned().collect();
            for key in named {
                taken.extend(shard.windows.get(&key).map(|window| (key.clone(), window.clone())));
                shard.remove(&key);
                shard.unwritten.insert(key);
            }
        }
        taken
    }

    /// Forgets what a counter holds.
    pub(super) fn forget(&self, key: &CounterKey) {
        let mut shard = self.shards[self.place(key)].lock();
        if shard.windows.contains_key(key) {
            shard.remove(key);
            shard.unwritten.insert(key.clone());
        }
    }

    /// Gives back what is still there.
    pub(super) fn refund(&self, receipt: &Receipt) {
        for (key, number) in &receipt.entries {
            let mut shard = self.shards[self.place(key)].lock();
            if shard.windows.get_mut(key).is_some_and(|window| window.give_back(*number)) {
                shard.unwritten.insert(key.clone());
            }
        }
    }

    /// What a counter holds.
    pub(super) fn count(&self, key: &CounterKey, window: Duration, now: Timestamp) -> u32 {
        let shard = self.shards[self.place(key)].lock();
        let used = shard.windows.get(key).map_or(0, |counter| counter.used(window, now));
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// Puts back what was stored.
    pub(super) fn restore(&self, key: CounterKey, window: Window) {
        let last_number = window.entries().iter().map(|entry| entry.number).max();
        self.last_number.fetch_max(last_number.unwrap_or(Entry::SETTLED), Ordering::Relaxed);
        self.shards[self.place(&key)].lock().insert(key, window);
    }

    /// Forgets counters in which nothing counts any more.
    pub(super) fn collect_rubbish(&self, now: Timestamp) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let over: Vec<CounterKey> =
                shard.windows.iter().filter(|(_, window)| window.is_over(now)).map(|(key, _)| key.clone()).collect();
            for key in over {
                shard.remove(&key);
                shard.unwritten.insert(key);
            }
        }
    }

    /// What has changed since this was last asked.
    pub(super) fn take_unwritten(&self) -> Vec<Unwritten> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            let keys = std::mem::take(&mut shard.unwritten);
            all.extend(keys.into_iter().map(|key| {
                let window = shard.windows.get(&key).cloned();
                (key, window)
            }));
        }
        all
    }

    /// What [`Counters::take_unwritten`] gave could not be written; it is given again next time.
    pub(super) fn still_unwritten(&self, unwritten: Vec<Unwritten>) {
        for (key, _) in unwritten {
            self.shards[self.place(&key)].lock().unwritten.insert(key);
        }
    }

    fn lock(&self, places: &[usize]) -> Vec<(usize, MutexGuard<'_, Shard>)> {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| (place, self.shards[place].lock())).collect()
    }

    fn place(&self, key: &CounterKey) -> usize {
        let hashed = || usize::try_from(self.hasher.hash_one(key) % Self::SHARDS as u64).unwrap_or(0);
        Shard::place_of_shared(key).unwrap_or_else(hashed)
    }
}

impl Shard {
    const OF_ONE_NAME_MAX: usize = Counters::OF_ONE_NAME_MAX / Counters::SHARDS;

    /// The counter that bears a charge: its own, or at the bound the one that newcomers share.
    fn key_for(&self, charge: &Charge, place: usize) -> Option<CounterKey> {
        let key = self.key_or_shared(&charge.key, place);
        (key == charge.key || !charge.limits.is_empty()).then_some(key)
    }

    fn key_or_shared(&self, key: &CounterKey, place: usize) -> CounterKey {
        let name = key.name();
        let is_full = self.of_name.get(name).is_some_and(|count| *count >= Self::OF_ONE_NAME_MAX);
        if !is_full || self.windows.contains_key(key) {
            return key.clone();
        }
        CounterKey::new(name, format_args!("*{place}"))
    }

    /// The shard of a shared counter: it stays with the shard whose newcomers it counts. No subject of policy's begins
    /// with a star and goes on with nothing but a number: they begin with a site's host name.
    fn place_of_shared(key: &CounterKey) -> Option<usize> {
        let (_, subject) = key.0.split_once('|')?;
        let place: usize = subject.strip_prefix('*')?.parse().ok()?;
        (place < Counters::SHARDS).then_some(place)
    }

    fn take(&mut self, key: &CounterKey, charge: &Charge, number: u64, now: Timestamp) -> bool {
        if !self.windows.contains_key(key) {
            self.insert(key.clone(), Window::default());
        }
        let Some(window) = self.windows.get_mut(key) else { return false };
        self.unwritten.insert(key.clone());
        window.take(charge.cost, &charge.limits, charge.keep, number, now)
    }

    fn add(&mut self, key: &CounterKey, entries: &[Entry], keep: Duration) {
        if entries.is_empty() {
            return;
        }
        if !self.windows.contains_key(key) {
            self.insert(key.clone(), Window::default());
        }
        if let Some(window) = self.windows.get_mut(key) {
            window.add(entries, keep);
            self.unwritten.insert(key.clone());
        }
    }

    fn insert(&mut self, key: CounterKey, window: Window) {
        let name = key.name();
        match self.of_name.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.of_name.insert(name.into(), 1);
            }
        }
        self.windows.insert(key, window);
    }

    fn remove(&mut self, key: &CounterKey) {
        self.windows.remove(key);
        if let Some(count) = self.of_name.get_mut(key.name()) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::limits::Cost;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn charge(name: &'static str, subject: &str, limits: &[&str]) -> Charge {
        let limits: Vec<_> = limits.iter().map(|text| text.parse().expect("a limit")).collect();
        let key = CounterKey::new(name, subject);
        Charge { keep: Duration::from_secs(60), ..Charge::limited(key, name, Cost::Units(1), limits) }
    }

    #[test]
    fn at_the_bound_newcomers_are_counted_together_and_nobody_else_notices() {
        let counters = Counters::default();
        let resident = charge("guesses", "site/resident", &["3/m"]);
        counters.charge(std::slice::from_ref(&resident), NOW);
        for newcomer in 0..2 * Counters::OF_ONE_NAME_MAX {
            counters.charge(&[charge("guesses", &format!("site/{newcomer}"), &["3/m"])], NOW);
        }
        let kept: usize = counters.shards.iter().map(|shard| shard.lock().windows.len()).sum();
        assert!(kept <= Counters::OF_ONE_NAME_MAX + Counters::SHARDS, "{kept}");
        let late = charge("guesses", "site/late", &["3/m"]);
        assert!(matches!(counters.charge(&[late], NOW), Charged::Over(_)), "stricter, not open");
        assert!(matches!(counters.charge(&[resident], NOW), Charged::Fits(_)), "has a counter of its own");
        assert!(matches!(counters.charge(&[charge("sends", "site/x", &["3/m"])], NOW), Charged::Fits(_)), "other name");
        let roomy = charge("guesses", "site/roomy", &["1000000/m"]);
        let Charged::Fits(receipt) = counters.charge(&[roomy], NOW) else { panic!("the shared counter has room") };
        let (shared, _) = &receipt.entries[0];
        let held = counters.count(shared, Duration::from_secs(60), NOW);
        counters.refund(&receipt);
        assert_eq!(counters.count(shared, Duration::from_secs(60), NOW), held - 1, "what is shared is given back too");
        let only_counted = charge("guesses", "site/later", &[]);
        assert_eq!(counters.charge(std::slice::from_ref(&only_counted), NOW), Charged::Fits(Receipt::default()));

        let later = NOW.after(Duration::from_secs(60));
        counters.collect_rubbish(later);
        assert_eq!(counters.shards.iter().map(|shard| shard.lock().windows.len()).sum::<usize>(), 0);
        assert!(matches!(counters.charge(&[charge("guesses", "site/late", &["3/m"])], later), Charged::Fits(_)));
    }

    #[test]
    fn no_subject_of_policys_reads_like_a_shared_counter() {
        let key = CounterKey::new("guesses", "*17");
        assert_eq!(Shard::place_of_shared(&key), Some(17));
        for other in ["*", "*64", "*.example.edu/alice", "site/*17"] {
            assert_eq!(Shard::place_of_shared(&CounterKey::new("guesses", other)), None, "{other}");
        }
    }
}
