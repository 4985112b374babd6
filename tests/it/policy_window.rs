//! Windows that hold more than they keep apart: put together, they may be stricter and must never be more generous.

use std::time::Duration;

use mailward::domain::{Limit, Timestamp};
use mailward::policy::limits::Cost;
use mailward::policy::window::{Entry, Window};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Each moment some seconds after 2023, in whatever order the clock gave them.
fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

#[derive(Clone, Debug)]
struct Flood {
    /// When and what; more than a window keeps apart.
    entries: Vec<(u64, Cost)>,
    given_back: Vec<prop::sample::Index>,
    /// How long after the last of them it is looked at, and for how much is asked.
    looks: Vec<(u64, u32)>,
}

const SPAN_MILLIS: u64 = 5_400_000;

fn floods() -> impl Strategy<Value = Flood> {
    let cost = prop_oneof![2 => (1..4_u32).prop_map(Cost::Units), 1 => (0..300_u32).prop_map(Cost::Distinct)];
    let steady = prop::collection::vec((0..SPAN_MILLIS, cost), Window::ENTRIES_MAX..4 * Window::ENTRIES_MAX);
    // Mostly forward, sometimes as it comes: a clock may step.
    let ordered = (steady, prop::bool::weighted(0.8)).prop_map(|(mut entries, forward)| {
        if forward {
            entries.sort_by_key(|(time, _)| *time);
        }
        entries
    });
    let given_back = prop::collection::vec(any::<prop::sample::Index>(), 0..50);
    let looks = prop::collection::vec((0..SPAN_MILLIS / 2, 1..3000_u32), 50);
    (ordered, given_back, looks).prop_map(|(entries, given_back, looks)| Flood { entries, given_back, looks })
}

fn exact(entries: &[Option<(u64, Cost)>], window: Duration, now: Timestamp) -> u64 {
    let live = entries.iter().flatten().filter(|(time, _)| at(*time).after(window) > now);
    let mut fingerprints = std::collections::BTreeSet::new();
    let units = |cost: &Cost| match cost {
        Cost::Units(units) => u64::from(*units),
        Cost::Distinct(fingerprint) => u64::from(fingerprints.insert(*fingerprint)),
    };
    live.map(|(_, cost)| cost).map(units).sum()
}

#[test]
fn a_flooded_window_counts_no_less_than_was_charged_and_tells_no_wait_too_short() {
    let limits: Vec<Limit> = ["3000/10m", "4000/h"].iter().map(|text| text.parse().expect("a limit")).collect();
    let keep = Duration::from_secs(3600);
    let config = Config { cases: 30, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tested = runner.run(&floods(), |flood| {
        let mut window = Window::default();
        let mut entries: Vec<Option<(u64, Cost)>> = Vec::new();
        let mut pruned_at = 0;
        for (number, (time, cost)) in (1..).zip(&flood.entries) {
            window.take(*cost, &limits, keep, number, at(*time));
            pruned_at = pruned_at.max(*time);
            entries.push(Some((*time, *cost)));
            prop_assert!(window.entries().len() <= Window::ENTRIES_MAX);
        }
        for index in flood.given_back {
            let place = index.index(entries.len());
            if window.give_back(place as u64 + 1) {
                entries[place] = None;
            }
        }
        let window = Window::restore(window.entries().to_vec(), window.keep());
        // What the clock had left behind when it was last ahead has been forgotten, and rightly.
        entries.retain(|entry| entry.is_some_and(|(time, _)| at(time).after(keep) > at(pruned_at)));

        for (later, asked) in flood.looks {
            let now = at(pruned_at + later);
            for limit in &limits {
                let (counted, exact) = (window.used(limit.window, now), exact(&entries, limit.window, now));
                prop_assert!(counted >= exact, "{} counted of {} under {}", counted, exact, limit);
            }
            let judged = window.judge(Cost::Units(asked), &limits, now);
            let Some(wait) = judged.met.and_then(|met| met.wait) else { continue };
            for limit in &limits {
                let used = exact(&entries, limit.window, now.after(wait));
                prop_assert!(used + u64::from(asked) <= u64::from(limit.amount), "{:?} is too short a wait", wait);
            }
            let then = window.judge(Cost::Units(asked), &limits, now.after(wait));
            prop_assert_eq!(then.met, None, "after the wait it fits");
        }
        Ok(())
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn putting_together_costs_little_exactness_at_a_steady_rate() {
    let limits: Vec<Limit> = ["100000/10m", "100000/h"].iter().map(|text| text.parse().expect("a limit")).collect();
    let mut window = Window::default();
    let mut entries = Vec::new();
    for number in 1..20_000_u64 {
        let time = number * 500;
        window.take(Cost::Units(1), &limits, Duration::ZERO, number, at(time));
        entries.push(Some((time, Cost::Units(1))));
    }
    let now = at(20_000 * 500);
    for limit in &limits {
        let (counted, exact) = (window.used(limit.window, now), exact(&entries, limit.window, now));
        assert!(counted >= exact && counted <= exact + exact / 64, "{counted} counted of {exact} under {limit}");
    }
    let settled = window.entries().iter().filter(|entry| entry.number == Entry::SETTLED).count();
    assert!(settled > 0, "something was put together");
}
