//! The contract of `Store`, run against every backend.
//!
//! To add a backend: one `backend!` line at the end of this file, with a function that opens an empty store. To add a
//! case: an `async fn` that takes `&dyn Store` (or a plain `fn`, which brings its own threads or runs), and its name in
//! the list of `backend!`. Cases use names of their own, so that they may share one server.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mailward::domain::flag::{Activity, Change, FlagFilter, FlagStatus, Note};
use mailward::domain::{
    Account, Agent, Flag, FlagOrder, Lesson, Limit, NetworkClass, Prefix, Profile, Reference, Session, SessionChange,
    SessionHash, SessionState, Signal, SiteName, Spot, Timestamp, Verdict,
};
use mailward::policy::limits::{Charge, Charged, Cost, CounterKey, Over, Receipt};
use mailward::policy::share::Share;
use mailward::policy::window::Entry;
use mailward::store::embedded::{Embedded, Settings};
use mailward::store::fallback::{self, Fallback};
use mailward::store::{
    CORRESPONDENTS_MAX, FACTORS_BYTES_MAX, Kept, KeptKind, KnownDevice, Lock, Raise, Record, Sealed, Store,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::stack::redis as servers;
use campaigns::{
    a_campaign_is_told_of_once_and_what_an_operator_said_holds, campaigns_move_to_another_store_and_become_no_milder,
    messages_with_something_in_common_are_one_campaign_until_it_is_over,
    of_like_messages_at_once_one_begins_and_the_others_join, texts_that_share_a_trace_by_chance_are_two_campaigns,
    what_is_worth_nothing_joins_a_campaign_and_begins_none,
};
use ledger::{
    an_event_that_is_told_twice_is_counted_once, events_are_found_newest_first_and_page_by_page,
    events_that_are_too_old_are_forgotten, of_many_who_tell_the_same_events_at_once_each_is_counted_once,
    operators_are_changed_only_by_whoever_saw_the_version_before, what_operators_did_is_listed_newest_first,
    what_the_desk_knows_moves_to_another_store,
};
use marks::{
    a_mark_counts_at_its_site_until_its_time_or_until_it_is_taken_off,
    marks_move_to_another_store_and_none_that_is_there_is_replaced,
};

pub mod campaigns;
pub mod ledger;
pub mod marks;

pub const SETTINGS: Settings =
    Settings { session_idle: Duration::from_secs(3600), profile_forgotten_after: Duration::from_secs(180 * 86_400) };

pub fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + second * 1000)
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// The same for what waits.
pub fn run_with_time<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

pub fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

pub fn units(subject: &str, units: u32, limits: &[&str]) -> Charge {
    let limits = limits.iter().map(|text| limit(text)).collect();
    Charge::limited(CounterKey::new("recipients", subject), "recipients", Cost::Units(units), limits)
}

fn distinct(subject: &str, fingerprint: u32, limits: &[&str]) -> Charge {
    Charge { cost: Cost::Distinct(fingerprint), ..units(subject, 1, limits) }
}

pub async fn charge(store: &dyn Store, charges: &[Charge], now: Timestamp) -> Charged {
    store.charge(charges, now).await.expect("the store answers")
}

pub async fn fits(store: &dyn Store, charges: &[Charge], now: Timestamp) -> Receipt {
    match charge(store, charges, now).await {
        Charged::Fits(receipt) => receipt,
        Charged::Over(over) => panic!("{over} is met"),
    }
}

async fn over(store: &dyn Store, charges: &[Charge], now: Timestamp) -> Over {
    match charge(store, charges, now).await {
        Charged::Over(over) => over,
        Charged::Fits(_) => panic!("it fits"),
    }
}

pub fn spot(address: &str) -> Spot {
    Spot {
        prefix: Prefix::of(address.parse().expect("an address")),
        network: NetworkClass::Outside,
        country: None,
        as_number: None,
        agent: Agent::of(Some("Mozilla/5.0 (test)")),
    }
}

pub fn session(site: &str, account: &str, number: u8, now: Timestamp) -> Session {
    let mut hash = [number; 16];
    hash[..2].copy_from_slice(&[site.len() as u8, account.len() as u8]);
    Session {
        hash: SessionHash(hash),
        site: site.into(),
        account: Account::from_canonical(account),
        state: SessionState::Open,
        signed_in: now,
        last_seen: now,
        spot: spot("2001:db8:1:2::9"),
        elsewhere: None,
        device: None,
        device_since: Some(at(0)),
        user_agent: Some("Mozilla/5.0 (test)".into()),
        flag: None,
        lesson: None,
        found: Vec::new(),
    }
}

pub async fn get(store: &dyn Store, hash: &SessionHash, now: Timestamp) -> Option<Session> {
    store.session(hash, now).await.expect("the store answers").map(|session| (*session).clone())
}

// ---- limits ----

async fn what_was_used_and_what_is_asked_never_pass_the_limit(store: &dyn Store) {
    let ask = |n| [units("a", n, &["10/m"])];
    let _kept = fits(store, &ask(6), at(0)).await;
    let met = over(store, &ask(5), at(10)).await;
    assert_eq!((met.fits_now, met.wait), (4, Some(Duration::from_secs(50))));
    assert_eq!(met.to_string(), "recipients 10/m");
    let _kept = fits(store, &ask(4), at(10)).await;
    let _met = over(store, &ask(1), at(59)).await;
    let _kept = fits(store, &ask(6), at(60)).await;
    let _met = over(store, &ask(1), at(60)).await;
}

async fn a_refused_charge_spends_nothing_anywhere(store: &dyn Store) {
    let both = [units("b1", 5, &["10/m"]), units("b2", 5, &["4/m"])];
    let met = over(store, &both, at(0)).await;
    assert_eq!(met.wait, None, "five never fit under 4/m");
    assert_eq!(store.count(&both[0].key, Duration::from_secs(60), at(0)).await.expect("the store answers"), 0);
    let _kept = fits(store, &[units("b1", 10, &["10/m"])], at(0)).await;
}

async fn of_several_limits_the_one_that_opens_last_is_told(store: &dyn Store) {
    let ask = |n| [units("c1", n, &["10/m", "15/h"]), units("c2", n, &["12/10m"])];
    let _kept = fits(store, &ask(10), at(0)).await;
    let met = over(store, &ask(2), at(1)).await;
    assert_eq!((met.limit, met.fits_now, met.wait), (limit("10/m"), 0, Some(Duration::from_secs(59))));
    let met = over(store, &ask(3), at(61)).await;
    assert_eq!((met.limit, met.fits_now, met.wait), (limit("12/10m"), 2, Some(Duration::from_secs(539))));
    let met = over(store, &ask(6), at(61)).await;
    assert_eq!((met.limit, met.fits_now, met.wait), (limit("15/h"), 2, Some(Duration::from_secs(3539))));
}

async fn a_refund_makes_room_once(store: &dyn Store) {
    let ask = |n| [units("d", n, &["10/m"])];
    let receipt = fits(store, &ask(10), at(0)).await;
    store.refund(&receipt, at(1)).await.expect("the store answers");
    let _kept = fits(store, &ask(7), at(2)).await;
    store.refund(&receipt, at(3)).await.expect("the store answers");
    assert_eq!(over(store, &ask(4), at(4)).await.fits_now, 3);
}

async fn what_a_counter_held_is_forgotten_and_counted_anew(store: &dyn Store) {
    let ask = |subject, n| [units(subject, n, &["10/m"])];
    let receipt = fits(store, &ask("forgotten", 10), at(0)).await;
    let _kept = fits(store, &ask("remembered", 10), at(0)).await;
    let keys = ["forgotten", "never there"].map(|subject| CounterKey::new("recipients", subject));
    store.forget_counters(&keys, at(1)).await.expect("the store answers");
    assert_eq!(store.count(&keys[0], Duration::from_secs(60), at(1)).await.expect("the store answers"), 0);
    let _kept = fits(store, &ask("forgotten", 7), at(2)).await;
    store.refund(&receipt, at(3)).await.expect("the store answers");
    assert_eq!(over(store, &ask("forgotten", 4), at(4)).await.fits_now, 3, "what was forgotten is not given back");
    let _met = over(store, &ask("remembered", 1), at(4)).await;
}

async fn a_late_refund_takes_nothing_from_others(store: &dyn Store) {
    let ask = || [units("e", 1, &["1/s"])];
    let receipt = fits(store, &ask(), at(0)).await;
    let _kept = fits(store, &ask(), at(100)).await;
    store.refund(&receipt, at(100)).await.expect("the store answers");
    let _met = over(store, &ask(), at(100)).await;
}

async fn only_distinct_guesses_count(store: &dyn Store) {
    let guess = |fingerprint| [distinct("f", fingerprint, &["2/m"])];
    for second in 0..10 {
        let _kept = fits(store, &guess(1), at(second)).await;
    }
    let _kept = fits(store, &guess(2), at(10)).await;
    let met = over(store, &guess(3), at(20)).await;
    assert_eq!((met.fits_now, met.wait), (0, Some(Duration::from_secs(49))), "until 60 s after the last of the first");
    let _kept = fits(store, &guess(1), at(20)).await;
}

async fn the_same_again_counts_until_its_latest_and_only_that_is_given_back(store: &dyn Store) {
    let guess = |fingerprint| [distinct("again", fingerprint, &["2/h"])];
    let mut receipts = Vec::new();
    for second in [0, 300, 600] {
        receipts.push(fits(store, &guess(1), at(second)).await);
    }
    for receipt in &receipts {
        store.refund(receipt, at(601)).await.expect("the store answers");
    }
    let _kept = fits(store, &guess(2), at(700)).await;
    let met = over(store, &guess(3), at(701)).await;
    assert_eq!(
        (met.fits_now, met.wait),
        (0, Some(Duration::from_secs(3199))),
        "an hour after the one before the latest"
    );
}

async fn a_guess_sent_twice_at_once_is_not_had_for_nothing(store: &dyn Store) {
    let guess = |fingerprint| [distinct("g", fingerprint, &["1/m"])];
    let first = fits(store, &guess(1), at(0)).await;
    let _judged = fits(store, &guess(1), at(0)).await;
    store.refund(&first, at(1)).await.expect("the store answers");
    let _met = over(store, &guess(2), at(2)).await;
}

async fn what_has_no_limit_is_counted_and_never_refused(store: &dyn Store) {
    let key = CounterKey::new("attempts", "h");
    let ask = Charge::counted(key.clone(), "attempts", Cost::Units(u32::MAX), Duration::from_secs(60));
    let count = async |second| store.count(&key, Duration::from_secs(60), at(second)).await.expect("the store answers");
    assert_eq!(count(0).await, 0);
    for _ in 0..3 {
        let _kept = fits(store, std::slice::from_ref(&ask), at(0)).await;
    }
    assert_eq!((count(59).await, count(60).await), (u32::MAX, 0));
}

async fn a_clock_that_steps_back_opens_nothing(store: &dyn Store) {
    let ask = || [units("i", 1, &["1/m"])];
    let _kept = fits(store, &ask(), at(5000)).await;
    for second in [4999, 4000, 0] {
        let met = over(store, &ask(), at(second)).await;
        assert_eq!(met.wait, Some(Duration::from_secs(5060 - second)));
    }
}

fn fifty_at_once_never_pass_a_limit_by_even_one(store: &dyn Store) {
    let shared = units("j", 1, &["37/h"]);
    let fitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|thread| {
                let shared = shared.clone();
                // In a different order on every other thread: a store that locks as it goes would lock up.
                let own = units(&format!("j{}", thread % 7), 1, &["1000/h"]);
                let charges = if thread % 2 == 0 { [shared, own] } else { [own, shared] };
                scope.spawn(move || {
                    let fitted = async || matches!(charge(store, &charges, at(0)).await, Charged::Fits(_));
                    run(async { usize::from(fitted().await) + usize::from(fitted().await) })
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    });
    assert_eq!(fitted, 37);
    let own = |subject| {
        let key = CounterKey::new("recipients", format_args!("j{subject}"));
        run(store.count(&key, Duration::from_secs(3600), at(0))).expect("the store answers")
    };
    assert_eq!((0..7).map(own).sum::<u32>(), 37, "the refused ones spent nothing elsewhere");
}

async fn what_was_counted_elsewhere_is_added_and_asked_for_no_limit(store: &dyn Store) {
    let ask = |n| [units("k", n, &["10/m"])];
    let _kept = fits(store, &ask(6), at(10)).await;
    let entry = |second, units, number| Entry { time: at(second), units, number, fingerprint: None };
    let number = 0x7000_0000_0000_0001;
    let elsewhere =
        (ask(0)[0].key.clone(), Duration::from_secs(60), vec![entry(5, 7, Entry::SETTLED), entry(8, 2, number)]);
    store.merge_charges(&[elsewhere], at(11)).await.expect("the store answers");
    let used = async |second| {
        let key = &ask(0)[0].key;
        store.count(key, Duration::from_secs(60), at(second)).await.expect("the store answers")
    };
    assert_eq!((used(11).await, used(65).await, used(68).await, used(70).await), (15, 8, 6, 0));
    let met = over(store, &ask(1), at(12)).await;
    assert_eq!((met.fits_now, met.wait), (0, Some(Duration::from_secs(53))));
    let receipt = Receipt { entries: vec![(ask(0)[0].key.clone(), number)] };
    store.refund(&receipt, at(13)).await.expect("the store answers");
    assert_eq!(used(13).await, 13);
    let guess = |fingerprint| distinct("k guesses", fingerprint, &["2/m"]);
    let entry = Entry { fingerprint: Some(7), ..entry(9, 1, Entry::SETTLED) };
    store
        .merge_charges(&[(guess(7).key, Duration::from_secs(60), vec![entry])], at(11))
        .await
        .expect("the store answers");
    let _kept = fits(store, &[guess(7)], at(11)).await;
    let _kept = fits(store, &[guess(8)], at(11)).await;
    let _met = over(store, &[guess(9)], at(11)).await;
}

// ---- limits, against a reference too simple to be wrong ----

/// Everything that was ever charged and not given back, looked through anew for each question.
#[derive(Default)]
struct EveryCharge {
    charged: Vec<(CounterKey, Timestamp, Cost, usize)>,
    charges: usize,
}

impl EveryCharge {
    fn used(&self, key: &CounterKey, window: Duration, now: Timestamp) -> u64 {
        let live = self.charged.iter().filter(|(other, time, ..)| other == key && time.after(window) > now);
        let mut units = 0;
        let mut fingerprints = BTreeMap::new();
        for (.., cost, _) in live {
            match cost {
                Cost::Units(n) => units += u64::from(*n),
                Cost::Distinct(fingerprint) => {
                    fingerprints.insert(*fingerprint, ());
                }
            }
        }
        units + fingerprints.len() as u64
    }

    fn fits(&self, charges: &[Charge], now: Timestamp) -> bool {
        charges.iter().all(|charge| {
            charge.limits.iter().all(|limit| {
                let known = |fingerprint| {
                    self.charged.iter().any(|(key, time, cost, _)| {
                        *key == charge.key && *cost == Cost::Distinct(fingerprint) && time.after(limit.window) > now
                    })
                };
                let asked = match charge.cost {
                    Cost::Units(units) => u64::from(units),
                    Cost::Distinct(fingerprint) => u64::from(!known(fingerprint)),
                };
                asked == 0 || self.used(&charge.key, limit.window, now) + asked <= u64::from(limit.amount)
            })
        })
    }

    /// The first moment at which it fits.
    fn wait(&self, charges: &[Charge], now: Timestamp) -> Option<Duration> {
        let windows = charges.iter().flat_map(|charge| charge.limits.iter().map(|limit| limit.window));
        let mut moments: Vec<Timestamp> =
            windows.flat_map(|window| self.charged.iter().map(move |(_, time, ..)| time.after(window))).collect();
        moments.sort_unstable();
        moments
            .into_iter()
            .filter(|moment| *moment > now)
            .find(|then| self.fits(charges, *then))
            .map(|then| then.since(now))
    }

    fn take(&mut self, charges: &[Charge], now: Timestamp) -> usize {
        self.charges += 1;
        self.charged.extend(charges.iter().map(|charge| (charge.key.clone(), now, charge.cost, self.charges)));
        self.charges
    }

    fn give_back(&mut self, number: usize) {
        self.charged.retain(|(.., charge)| *charge != number);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    /// As long as the last refusal said, or a millisecond less.
    WaitAsTold {
        short: bool,
    },
    Send {
        who: u8,
        recipients: u32,
    },
    Guess {
        who: u8,
        password: u32,
    },
    GiveBack(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..30_000_u64).prop_map(Step::Wait),
        2 => (0..500_u64).prop_map(Step::Wait),
        3 => any::<bool>().prop_map(|short| Step::WaitAsTold { short }),
        4 => (0..3_u8, 0..9_u32).prop_map(|(who, recipients)| Step::Send { who, recipients }),
        4 => (0..3_u8, 0..6_u32).prop_map(|(who, password)| Step::Guess { who, password }),
        2 => any::<prop::sample::Index>().prop_map(Step::GiveBack),
    ];
    prop::collection::vec(step, 1..60)
}

impl Step {
    fn charges(&self, run: usize) -> Vec<Charge> {
        match self {
            Self::Send { who, recipients } => vec![
                units(&format!("{run} account {who}"), *recipients, &["8/20s", "12/m"]),
                units(&format!("{run} site"), *recipients, &["20/45s"]),
                units(&format!("{run} messages {who}"), 1, &["3/10s"]),
            ],
            Self::Guess { who, password } => vec![
                distinct(&format!("{run} guesses {who}"), *password, &["2/10s", "3/m"]),
                distinct(&format!("{run} accounts"), u32::from(*who), &["2/15s"]),
            ],
            Self::Wait(_) | Self::WaitAsTold { .. } | Self::GiveBack(_) => vec![],
        }
    }
}

/// The same random steps every time: a failure shows itself again.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn every_answer_is_the_one_of_a_reference_too_simple_to_be_wrong(store: &dyn Store) {
    let runs = std::cell::Cell::new(0);
    let tested = runner(300).run(&steps(), |steps| {
        let id = runs.replace(runs.get() + 1);
        run(async {
            let mut reference = EveryCharge::default();
            let mut receipts: Vec<(Receipt, usize)> = Vec::new();
            let (mut now, mut told) = (at(0), Duration::ZERO);
            for step in steps {
                let charges = step.charges(id);
                match step {
                    Step::WaitAsTold { short } => {
                        let millis = Duration::from_millis(u64::from(short));
                        now = now.after(std::mem::take(&mut told).saturating_sub(millis));
                    }
                    Step::Wait(millis) => now = now.after(Duration::from_millis(millis)),
                    Step::GiveBack(_) if receipts.is_empty() => {}
                    Step::GiveBack(which) => {
                        let (receipt, number) = receipts.swap_remove(which.index(receipts.len()));
                        store.refund(&receipt, now).await.expect("the store answers");
                        reference.give_back(number);
                    }
                    Step::Send { .. } | Step::Guess { .. } => match charge(store, &charges, now).await {
                        Charged::Fits(receipt) => {
                            prop_assert!(reference.fits(&charges, now), "let through what does not fit");
                            receipts.push((receipt, reference.take(&charges, now)));
                        }
                        Charged::Over(met) => {
                            prop_assert!(!reference.fits(&charges, now), "refused what fits: {}", met);
                            prop_assert_eq!(met.wait, reference.wait(&charges, now), "the wait told is exact");
                            told = met.wait.unwrap_or_default();
                            if let Step::Send { recipients, .. } = step {
                                let most = (0..=recipients).rev().find(|n| {
                                    let fewer = |charge: &Charge| match charge.cost {
                                        Cost::Units(asked) if asked == recipients => Cost::Units(*n),
                                        cost => cost,
                                    };
                                    let fewer: Vec<Charge> = charges
                                        .iter()
                                        .map(|charge| Charge { cost: fewer(charge), ..charge.clone() })
                                        .collect();
                                    reference.fits(&fewer, now)
                                });
                                prop_assert_eq!(met.fits_now, most.unwrap_or(0), "of {} recipients", recipients);
                            }
                        }
                    },
                }
            }
            Ok(())
        })
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Whatever the clock does backwards, in no stretch of true time as long as the window does more than the limit pass.
fn a_clock_that_steps_back_at_random_never_lets_more_through(store: &dyn Store) {
    let runs = std::cell::Cell::new(0);
    let moves = prop::collection::vec((0..15_000_u64, prop::option::weighted(0.2, 0..90_000_u64), 1..4_u32), 1..60);
    let tested = runner(200).run(&moves, |moves| {
        let id = runs.replace(runs.get() + 1);
        run(async {
            let (mut true_time, mut behind) = (at(1000), Duration::ZERO);
            let mut passed: Vec<(Timestamp, u32)> = Vec::new();
            for (waited, stepped_back, n) in moves {
                true_time = true_time.after(Duration::from_millis(waited));
                behind += Duration::from_millis(stepped_back.unwrap_or(0));
                let ask = [units(&format!("stepping {id}"), n, &["5/20s"])];
                if let Charged::Fits(_) = charge(store, &ask, true_time.before(behind)).await {
                    passed.push((true_time, n));
                }
            }
            for (end, _) in &passed {
                let within =
                    passed.iter().filter(|(time, _)| time <= end && time.after(Duration::from_secs(20)) > *end);
                let sum: u32 = within.map(|(_, n)| n).sum();
                prop_assert!(sum <= 5, "{} passed before {}", sum, end);
            }
            Ok(())
        })
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
}

// ---- sessions ----

async fn a_session_is_found_until_it_was_idle_too_long(store: &dyn Store) {
    let one = session("s1", "alice", 1, at(0));
    assert_eq!(get(store, &one.hash, at(0)).await, None);
    store.put_session(one.clone(), at(0)).await.expect("the store answers");
    assert_eq!(get(store, &one.hash, at(1)).await, Some(one.clone()));
    assert!(get(store, &one.hash, at(3599)).await.is_some());
    assert_eq!(get(store, &one.hash, at(3600 + 60)).await, None, "at most a minute later");
}

async fn use_keeps_a_session(store: &dyn Store) {
    let one = session("s2", "alice", 1, at(0));
    store.put_session(one.clone(), at(0)).await.expect("the store answers");
    for second in (0..20_000).step_by(900) {
        store.touch_session(&one.hash, at(second)).await.expect("the store answers");
        let found = get(store, &one.hash, at(second)).await.expect("it is in use");
        assert!(at(second).since(found.last_seen) < Duration::from_secs(60));
    }
    store.touch_session(&SessionHash([0xee; 16]), at(0)).await.expect("touching an unknown one does nothing");
    assert_eq!(get(store, &SessionHash([0xee; 16]), at(0)).await, None);
}

async fn a_session_is_listed_newest_first_and_only_at_its_site(store: &dyn Store) {
    let site: SiteName = "s3".into();
    let alice = Account::from_canonical("alice");
    for (number, account, second) in [(1, "alice", 10), (2, "bob", 20), (3, "alice", 30)] {
        store.put_session(session("s3", account, number, at(second)), at(second)).await.expect("the store answers");
    }
    store.put_session(session("s3 other", "alice", 4, at(40)), at(40)).await.expect("the store answers");
    let listed = async |account, most| {
        let sessions = store.sessions(&site, account, most, at(50)).await.expect("the store answers");
        sessions.iter().map(|session| session.hash.0[15]).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 10).await, [3, 2, 1]);
    assert_eq!(listed(None, 2).await, [3, 2]);
    assert_eq!(listed(Some(&alice), 10).await, [3, 1]);
}

async fn ending_an_accounts_sessions_ends_them_all_but_one(store: &dyn Store) {
    let site: SiteName = "s4".into();
    let alice = Account::from_canonical("alice");
    let all = [1, 2, 3].map(|number| session("s4", "alice", number, at(0)));
    let bob = session("s4", "bob", 9, at(0));
    let elsewhere = session("s4 other", "alice", 9, at(0));
    for session in all.iter().chain([&bob, &elsewhere]) {
        store.put_session(session.clone(), at(0)).await.expect("the store answers");
    }
    let end = || store.set_account_sessions(&site, &alice, SessionState::Ended, Some(all[1].hash), at(1));
    let mut ended = end().await.expect("the store answers");
    ended.sort();
    assert_eq!(ended, [all[0].hash, all[2].hash]);
    assert_eq!(end().await.expect("the store answers"), [], "a second time there is nothing to change");
    let state = async |session: &Session| get(store, &session.hash, at(2)).await.map(|session| session.state);
    assert_eq!(state(&all[0]).await, Some(SessionState::Ended), "remembered as ended, not forgotten");
    for untouched in [&all[1], &bob, &elsewhere] {
        assert_eq!(state(untouched).await, Some(SessionState::Open));
    }
    let listed = store.sessions(&site, Some(&alice), 10, at(2)).await.expect("the store answers");
    assert_eq!(listed.iter().map(|session| session.hash).collect::<Vec<_>>(), [all[1].hash]);
}

async fn an_ended_session_stays_ended_unless_a_later_sign_in_takes_it_over(store: &dyn Store) {
    let site: SiteName = "s5".into();
    let alice = Account::from_canonical("alice");
    let one = session("s5", "alice", 1, at(0));
    let state = async || get(store, &one.hash, at(9)).await.map(|session| session.state);
    store.put_session(one.clone(), at(0)).await.expect("the store answers");
    let set = |state| store.set_account_sessions(&site, &alice, state, None, at(1));
    set(SessionState::Ended).await.expect("the store answers");
    set(SessionState::Open).await.expect("the store answers");
    assert_eq!(state().await, Some(SessionState::Ended));
    store.put_session(one.clone(), at(2)).await.expect("the store answers");
    assert_eq!(state().await, Some(SessionState::Ended));
    store.put_session(Session { signed_in: at(5), ..one.clone() }, at(5)).await.expect("the store answers");
    assert_eq!(state().await, Some(SessionState::Open));
}

async fn a_restricted_session_can_be_opened_and_an_open_one_restricted(store: &dyn Store) {
    let site: SiteName = "s6".into();
    let alice = Account::from_canonical("alice");
    let one = session("s6", "alice", 1, at(0));
    store.put_session(one.clone(), at(0)).await.expect("the store answers");
    for state in [SessionState::Restricted, SessionState::Open] {
        let changed = store.set_account_sessions(&site, &alice, state, None, at(1)).await.expect("the store answers");
        assert_eq!(changed, [one.hash]);
        assert_eq!(get(store, &one.hash, at(2)).await.map(|session| session.state), Some(state));
    }
}

// ---- locks ----

fn lock(site: &str, account: &str, second: u64, note: &str) -> Lock {
    Lock { site: site.into(), account: Account::from_canonical(account), since: at(second), note: note.into() }
}

async fn a_lock_holds_until_it_is_taken_off(store: &dyn Store) {
    let (site, other): (SiteName, SiteName) = ("l1".into(), "l1 other".into());
    let alice = Account::from_canonical("alice");
    let locked = async |site| store.locked(site, &alice).await.expect("the store answers");
    assert_eq!(locked(&site).await, None);
    store.lock(lock("l1", "alice", 0, "phished")).await.expect("the store answers");
    store.lock(lock("l1", "alice", 9, "phished, ticket 7")).await.expect("the store answers");
    assert_eq!(
        locked(&site).await,
        Some(lock("l1", "alice", 0, "phished, ticket 7")),
        "the note changes, the time stays"
    );
    assert_eq!(locked(&other).await, None);
    assert!(store.unlock(&site, &alice).await.expect("the store answers"));
    assert!(!store.unlock(&site, &alice).await.expect("the store answers"));
    assert_eq!(locked(&site).await, None);
}

async fn locks_are_listed_for_their_site(store: &dyn Store) {
    for account in ["carol", "alice", "bob"] {
        store.lock(lock("l2", account, 0, "")).await.expect("the store answers");
    }
    store.lock(lock("l2 other", "dave", 0, "")).await.expect("the store answers");
    let listed = store.locks(&"l2".into(), 2).await.expect("the store answers");
    assert_eq!(listed.iter().map(|lock| lock.account.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    assert_eq!(store.locks(&"l2".into(), 10).await.expect("the store answers").len(), 3);
}

async fn a_sign_in_under_way_while_the_lock_was_set_opens_nothing(store: &dyn Store) {
    store.lock(lock("l3", "alice", 0, "")).await.expect("the store answers");
    let late = session("l3", "alice", 1, at(1));
    store.put_session(late.clone(), at(1)).await.expect("the store answers");
    assert_eq!(get(store, &late.hash, at(1)).await.map(|session| session.state), Some(SessionState::Ended));
}

// ---- devices ----

async fn a_device_is_known_since_its_first_sign_in(store: &dyn Store) {
    let site: SiteName = "d1".into();
    let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
    let since = async |site, account, device| {
        store.device_since(site, account, device, at(99)).await.expect("the store answers")
    };
    assert_eq!(since(&site, &alice, [1; 16]).await, None);
    for second in [10, 20] {
        let known = store.know_device(&site, &alice, [1; 16], at(second)).await.expect("the store answers");
        assert_eq!(known, at(10));
    }
    assert_eq!(since(&site, &alice, [1; 16]).await, Some(at(10)));
    assert_eq!(since(&site, &alice, [2; 16]).await, None);
    assert_eq!(since(&site, &bob, [1; 16]).await, None);
    assert_eq!(since(&"d1 other".into(), &alice, [1; 16]).await, None);
}

async fn devices_are_listed_last_used_first_and_forgotten_one_by_one_or_together(store: &dyn Store) {
    let site: SiteName = "d2".into();
    let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
    for (account, device, second) in [(&alice, 1, 10), (&alice, 2, 20), (&alice, 3, 30), (&bob, 1, 40), (&alice, 1, 50)]
    {
        store.know_device(&site, account, [device; 16], at(second)).await.expect("the store answers");
    }
    let known = async |account| store.devices(&site, account, at(99)).await.expect("the store answers");
    let numbers = async |account| known(account).await.iter().map(|device| device.device[0]).collect::<Vec<_>>();
    assert_eq!(numbers(&alice).await, [1, 3, 2]);
    assert_eq!(known(&alice).await[0], KnownDevice { device: [1; 16], since: at(10), last_used: at(50) });
    let forget = async |account, device| store.forget_devices(&site, account, device).await.expect("the store answers");
    assert_eq!((forget(&alice, Some([3; 16])).await, forget(&alice, Some([3; 16])).await), (1, 0));
    assert_eq!(numbers(&alice).await, [1, 2]);
    assert_eq!(store.device_since(&site, &alice, [3; 16], at(99)).await.expect("the store answers"), None);
    assert_eq!((forget(&alice, None).await, forget(&alice, None).await), (2, 0));
    assert_eq!((numbers(&alice).await, numbers(&bob).await), (vec![], vec![1]));
    let again = store.know_device(&site, &alice, [1; 16], at(60)).await.expect("the store answers");
    assert_eq!(again, at(60), "known anew from then on");
}

// ---- sessions, step by step ----

pub fn code(number: u64) -> Reference {
    Reference::from_random(number)
}

async fn step(store: &dyn Store, hash: &SessionHash, change: SessionChange, second: u64) -> Option<Session> {
    let changed = store.change_session(hash, change, at(second)).await.expect("the store answers");
    changed.map(|session| (*session).clone())
}

async fn a_session_goes_through_all_its_steps_and_keeps_what_each_noted(store: &dyn Store) {
    let mut expected = Session {
        elsewhere: Some((spot("198.51.100.1"), at(0))),
        device: Some([7; 16]),
        device_since: None,
        lesson: Some(lesson(0, "2001:db8:1:2::9", "DE")),
        ..session("c1", "alice", 1, at(0))
    };
    store.put_session(expected.clone(), at(0)).await.expect("the store answers");
    assert_eq!(get(store, &expected.hash, at(0)).await.as_ref(), Some(&expected));
    for (second, change) in [
        (1, SessionChange::Elsewhere(spot("203.0.113.9"))),
        (2, SessionChange::Flagged(code(1), SessionState::Restricted)),
        (3, SessionChange::Flagged(code(1), SessionState::Open)),
        (4, SessionChange::DeviceKnown(at(4))),
        (5, SessionChange::Judged(spot("203.0.113.9"))),
        (5, SessionChange::Found(signal("new_device", 15))),
        (5, SessionChange::Found(signal("data_taken", 25))),
        (6, SessionChange::State(SessionState::Open)),
    ] {
        expected.change(&change, at(second));
        assert_eq!(step(store, &expected.hash, change, second).await.as_ref(), Some(&expected));
        assert_eq!(get(store, &expected.hash, at(second)).await.as_ref(), Some(&expected));
    }
    assert_eq!(expected.flag, Some(code(1)), "the flag stays with its session");
}

async fn an_ended_session_is_opened_by_no_step(store: &dyn Store) {
    let one = session("c2", "alice", 1, at(0));
    store.put_session(one.clone(), at(0)).await.expect("the store answers");
    for change in [
        SessionChange::State(SessionState::Ended),
        SessionChange::State(SessionState::Open),
        SessionChange::State(SessionState::Restricted),
        SessionChange::Flagged(code(2), SessionState::Restricted),
    ] {
        let changed = step(store, &one.hash, change, 1).await.expect("it is remembered");
        assert_eq!(changed.state, SessionState::Ended);
    }
    assert_eq!(get(store, &one.hash, at(2)).await.and_then(|session| session.flag), Some(code(2)));
}

async fn a_step_of_a_session_that_is_unknown_or_expired_is_none(store: &dyn Store) {
    let one = session("c3", "alice", 1, at(0));
    let restrict = SessionChange::State(SessionState::Restricted);
    assert_eq!(step(store, &one.hash, restrict.clone(), 0).await, None);
    store.put_session(one.clone(), at(0)).await.expect("the store answers");
    assert_eq!(step(store, &one.hash, restrict, 3600 + 60).await, None);
}

fn of_steps_taken_at_once_none_is_lost(store: &dyn Store) {
    let one = session("c4", "alice", 1, at(0));
    run(store.put_session(one.clone(), at(0))).expect("the store answers");
    let here = spot("203.0.113.9");
    let steps = [
        SessionChange::Flagged(code(4), SessionState::Restricted),
        SessionChange::DeviceKnown(at(3)),
        SessionChange::Elsewhere(here),
        SessionChange::Flagged(code(4), SessionState::Open),
    ];
    std::thread::scope(|scope| {
        for change in &steps {
            scope.spawn(|| run(step(store, &one.hash, change.clone(), 5)).expect("it is there"));
        }
    });
    let after = run(get(store, &one.hash, at(5))).expect("it is there");
    let expected = Session {
        state: SessionState::Restricted,
        elsewhere: Some((here, at(5))),
        device_since: Some(at(3)),
        flag: Some(code(4)),
        ..one
    };
    assert_eq!(after, expected);
}

#[derive(Clone, Debug)]
enum Turn {
    Put { which: u8, state: SessionState, second: u64 },
    Change { which: u8, change: SessionChange },
    Account { state: SessionState, except: Option<u8> },
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    use SessionState::{Ended, Open, Restricted};
    let state = || prop::sample::select(vec![Open, Restricted, Ended]);
    let change = prop_oneof![
        3 => state().prop_map(SessionChange::State),
        2 => state().prop_map(|state| SessionChange::Flagged(code(5), state)),
        1 => Just(SessionChange::Judged(spot("198.51.100.1"))),
        1 => Just(SessionChange::Elsewhere(spot("203.0.113.9"))),
        1 => Just(SessionChange::DeviceKnown(at(1))),
    ];
    let turn = prop_oneof![
        3 => (0..3_u8, state(), 0..3_u64).prop_map(|(which, state, second)| Turn::Put { which, state, second }),
        5 => (0..3_u8, change).prop_map(|(which, change)| Turn::Change { which, change }),
        2 => (state(), prop::option::of(0..3_u8)).prop_map(|(state, except)| Turn::Account { state, except }),
    ];
    prop::collection::vec(turn, 1..25)
}

/// Against a map too simple to be wrong. Whatever happens, an ended session is opened only by a later sign-in.
fn no_sequence_of_steps_revives_an_ended_session(store: &dyn Store) {
    let runs = std::cell::Cell::new(0);
    let tested = runner(60).run(&turns(), |turns| {
        let id = runs.replace(runs.get() + 1);
        let site: SiteName = format!("c5 {id}").into();
        let alice = Account::from_canonical("alice");
        let hash = |which: u8| {
            let mut hash = [0xc5; 16];
            hash[..2].copy_from_slice(&u16::to_be_bytes(id));
            hash[2] = which;
            SessionHash(hash)
        };
        run(async {
            let mut expected: BTreeMap<SessionHash, Session> = BTreeMap::new();
            for turn in turns {
                let before = expected.clone();
                match turn {
                    Turn::Put { which, state, second } => {
                        let (hash, site) = (hash(which), Arc::clone(&site));
                        let session = Session { hash, site, state, ..session("", "alice", 0, at(second)) };
                        store.put_session(session.clone(), at(3)).await.expect("the store answers");
                        let revives = expected.get(&hash).is_some_and(|known| {
                            known.state == SessionState::Ended && session.signed_in <= known.signed_in
                        });
                        if !revives {
                            expected.insert(hash, session);
                        }
                    }
                    Turn::Change { which, change } => {
                        let hash = hash(which);
                        if let Some(session) = expected.get_mut(&hash) {
                            session.change(&change, at(3));
                        }
                        let changed = step(store, &hash, change, 3).await;
                        prop_assert_eq!(changed.as_ref(), expected.get(&hash));
                    }
                    Turn::Account { state, except } => {
                        let except = except.map(hash);
                        let concerned = |session: &&mut Session| {
                            Some(session.hash) != except && ![state, SessionState::Ended].contains(&session.state)
                        };
                        let mut changed = Vec::new();
                        for session in expected.values_mut().filter(concerned) {
                            session.state = state;
                            changed.push(session.hash);
                        }
                        let set = store.set_account_sessions(&site, &alice, state, except, at(3)).await;
                        let mut set = set.expect("the store answers");
                        set.sort();
                        prop_assert_eq!(set, changed);
                    }
                }
                for which in 0..3 {
                    let (hash, found) = (hash(which), get(store, &hash(which), at(3)).await);
                    prop_assert_eq!(found.as_ref(), expected.get(&hash));
                    if let (Some(old), Some(new)) = (before.get(&hash), found) {
                        let later = new.signed_in > old.signed_in;
                        prop_assert!(old.state != SessionState::Ended || new.state == SessionState::Ended || later);
                    }
                }
            }
            Ok(())
        })
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
}

// ---- profiles ----

pub fn lesson(second: u64, address: &str, country: &str) -> Lesson {
    Lesson {
        time: at(second),
        address: address.parse().expect("an address"),
        country: Some(country.parse().expect("a country")),
        as_number: Some(64_500),
        agent: Agent::of(Some("Mozilla/5.0 (test)")),
    }
}

async fn a_profile_learns_and_unlearns(store: &dyn Store) {
    let (site, other): (SiteName, SiteName) = ("p1".into(), "p1 other".into());
    let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
    let profile = async |site, account| store.profile(site, account, at(500)).await.expect("the store answers");
    assert_eq!(profile(&site, &alice).await, Profile::default());
    let (home, theft) = (lesson(10, "192.0.2.7", "DE"), lesson(20, "203.0.113.9", "BR"));
    let mut expected = Profile::default();
    for lesson in [&home, &theft] {
        store.teach(&site, &alice, lesson.clone(), at(20)).await.expect("the store answers");
        expected.learn(lesson);
        assert_eq!(profile(&site, &alice).await, expected);
    }
    store.unteach(&site, &alice, theft.clone(), at(30)).await.expect("the store answers");
    expected.unlearn(&theft);
    assert_eq!(profile(&site, &alice).await, expected);
    assert_eq!(profile(&site, &bob).await, Profile::default());
    assert_eq!(profile(&other, &alice).await, Profile::default());
    store.unteach(&site, &alice, home, at(30)).await.expect("the store answers");
    store.unteach(&site, &bob, theft, at(30)).await.expect("an unknown account has nothing to unlearn");
    assert!(profile(&site, &alice).await.is_empty() && profile(&site, &bob).await.is_empty());
}

async fn a_profile_forgets_what_was_not_seen_for_half_a_year(store: &dyn Store) {
    const DAY: u64 = 86_400;
    let site: SiteName = "p2".into();
    let alice = Account::from_canonical("alice");
    for (day, address, country) in [(0, "192.0.2.7", "DE"), (100, "203.0.113.9", "FR")] {
        let lesson = lesson(day * DAY, address, country);
        store.teach(&site, &alice, lesson, at(day * DAY)).await.expect("the store answers");
    }
    let countries = async |day| {
        let profile = store.profile(&site, &alice, at(day * DAY)).await.expect("the store answers");
        assert_eq!(profile.latest.map(|latest| latest.time), Some(at(100 * DAY)), "when it was last seen stays");
        profile.countries.iter().map(|seen| seen.what.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(countries(180).await, "DE FR");
    assert_eq!(countries(181).await, "FR");
    assert_eq!(countries(281).await, "");
}

fn lessons_taught_at_once_are_all_learned(store: &dyn Store) {
    let site: SiteName = "p3".into();
    let alice = Account::from_canonical("alice");
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (site, alice) = (&site, &alice);
            scope.spawn(move || {
                for second in 0..5 {
                    let lesson = lesson(thread * 5 + second, "192.0.2.7", "DE");
                    run(store.teach(site, alice, lesson, at(50))).expect("the store answers");
                }
            });
        }
    });
    let profile = run(store.profile(&site, &alice, at(50))).expect("the store answers");
    assert_eq!(profile.sign_ins, 40);
}

// ---- recipients ----

async fn to_whom_an_account_never_wrote_is_new_once(store: &dyn Store) {
    let site: SiteName = "w1".into();
    let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
    let asked = async |account, recipients: &[u32]| {
        let found = store.first_written(&site, account, recipients).await.expect("the store answers");
        (found.new, found.known)
    };
    assert_eq!(asked(&alice, &[1, 2, 2]).await, (2, 0), "each recipient counts once");
    store.note_written(&site, &alice, vec![1, 2, 2], at(1)).await.expect("the store answers");
    for _ in 0..2 {
        assert_eq!(asked(&alice, &[2, 3, u32::MAX]).await, (2, 2), "before it is written as well as afterwards");
        store.flush().await.expect("it can be written");
    }
    store.note_written(&site, &alice, vec![3], at(2)).await.expect("the store answers");
    store.note_written(&site, &alice, vec![], at(2)).await.expect("nobody is somebody to write to");
    assert_eq!(asked(&alice, &[1, 2, 3]).await, (0, 3));
    assert_eq!(asked(&bob, &[1]).await, (1, 0));
    assert_eq!(asked(&alice, &[]).await, (0, 3));
}

async fn of_too_many_recipients_those_written_to_longest_ago_are_new_again(store: &dyn Store) {
    let site: SiteName = "w2".into();
    let alice = Account::from_canonical("alice");
    let all: Vec<u32> = (0..CORRESPONDENTS_MAX as u32).collect();
    store.note_written(&site, &alice, all, at(1)).await.expect("the store answers");
    store.note_written(&site, &alice, vec![0, 9_999_999], at(2)).await.expect("the store answers");
    for _ in 0..2 {
        let found = store.first_written(&site, &alice, &[0, 1, 2, 9_999_999]).await.expect("the store answers");
        assert_eq!((found.new, found.known), (1, CORRESPONDENTS_MAX as u32), "of them only 1 was forgotten");
        store.flush().await.expect("it can be written");
    }
}

// ---- flags ----

pub fn flag(site: &str, account: &str, number: u64) -> Flag {
    Flag {
        code: code(number),
        site: site.into(),
        account: Account::from_canonical(account),
        session: SessionHash([1; 16]),
        time: at(number),
        address: "203.0.113.9".parse().expect("an address"),
        network: NetworkClass::Outside,
        country: "BR".parse().ok(),
        as_number: Some(64_500),
        user_agent: Some("Mozilla/5.0 (test)".into()),
        verdict: Verdict::Restrict,
        signals: vec![signal("new_country", 40)],
        stopped_by: None,
        enforced: true,
        status: FlagStatus::Open,
        notes: Vec::new(),
        since: Activity::default(),
    }
}

pub fn signal(name: &'static str, weight: i32) -> Signal {
    Signal { name: name.into(), weight, sentence: format!("{name} – “as people say it”") }
}

async fn a_flag_is_found_by_its_code_and_changed_under_it(store: &dyn Store) {
    let mut one = flag("f1", "alice", 101);
    assert_eq!(store.flag(&one.code).await.expect("the store answers"), None);
    store.put_flag(one.clone()).await.expect("the store answers");
    assert_eq!(store.flag(&one.code).await.expect("the store answers").as_ref(), Some(&one));
    one.status = FlagStatus::Cleared;
    one.country = "DE".parse().ok();
    store.put_flag(one.clone()).await.expect("the store answers");
    assert_eq!(store.flag(&one.code).await.expect("the store answers").as_ref(), Some(&one));
    let filter =
        FlagFilter { account: Some(one.account.clone()), site: Some(one.site.clone()), ..FlagFilter::default() };
    assert_eq!(store.flags(&filter, 10).await.expect("the store answers"), [one]);
}

async fn a_flag_is_raised_settled_and_added_to(store: &dyn Store) {
    let mut expected = flag("f2", "alice", 201);
    let (code, unknown) = (expected.code, code(299));
    store.put_flag(expected.clone()).await.expect("the store answers");
    let raise = Raise {
        verdict: Verdict::Refuse,
        signals: vec![signal("tor", 60), signal("new_country", 10)],
        stopped_by: Some("networks_per_account 3/5m".into()),
    };
    assert!(store.raise_flag(&code, raise.clone()).await.expect("the store answers"));
    assert!(!store.raise_flag(&unknown, raise.clone()).await.expect("the store answers"));
    expected.raise(raise.verdict, &raise.signals, raise.stopped_by.as_deref());
    assert_eq!(store.flag(&code).await.expect("the store answers").as_ref(), Some(&expected));

    let note = |text: &str| Note { time: at(202), by: "cli".into(), text: text.into() };
    let settled = store.settle_flag(&code, None, Some(note("asked her"))).await.expect("the store answers");
    expected.note(note("asked her"));
    assert_eq!(settled.as_ref(), Some(&expected));
    let settled = store.settle_flag(&code, Some(FlagStatus::Confirmed), None).await.expect("the store answers");
    expected.status = FlagStatus::Confirmed;
    assert_eq!(settled.as_ref(), Some(&expected));
    assert_eq!(store.settle_flag(&unknown, Some(FlagStatus::Cleared), None).await.expect("the store answers"), None);

    let change = Change { time: at(203), action: "export".into(), targets: vec!["folder Sent".into()], stopped: true };
    let did = Activity { messages: 2, recipients: 9, stopped: 1, changes: vec![change], ..Activity::default() };
    for _ in 0..2 {
        store.add_to_flag(&code, did.clone()).await.expect("the store answers");
        expected.since.add(&did);
    }
    store.add_to_flag(&unknown, did).await.expect("without such a flag nothing happens");
    store.flush().await.expect("it can be written");
    assert_eq!(store.flag(&code).await.expect("the store answers").as_ref(), Some(&expected));
    assert_eq!(store.flag(&unknown).await.expect("the store answers"), None);
}

async fn flags_are_found_by_every_condition_and_page_by_page(store: &dyn Store) {
    let (site, other): (SiteName, SiteName) = ("f3".into(), "f3 other".into());
    for number in 301..=312 {
        let mut one = flag("f3", if number % 2 == 0 { "f3 alice" } else { "f3 bob" }, number);
        one.status = FlagStatus::ALL[(number % 3) as usize];
        one.country = if number % 4 == 0 { None } else { "ZZ".parse().ok() };
        if number == 312 {
            one.site = other.clone();
        }
        store.put_flag(one).await.expect("the store answers");
    }
    let at_site = || FlagFilter { site: Some(site.clone()), ..FlagFilter::default() };
    let found = async |filter: &FlagFilter, most| {
        let flags = store.flags(filter, most).await.expect("the store answers");
        flags.iter().map(|flag| flag.time.since(at(0)).as_secs() - 300).collect::<Vec<_>>()
    };
    assert_eq!(found(&at_site(), 99).await, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], "newest first");
    let (alice, open) = (Some(Account::from_canonical("f3 alice")), Some(FlagStatus::Open));
    for (filter, numbers) in [
        (FlagFilter { account: alice.clone(), ..FlagFilter::default() }, &[12, 10, 8, 6, 4, 2][..]),
        (FlagFilter { account: alice.clone(), ..at_site() }, &[10, 8, 6, 4, 2]),
        (FlagFilter { status: open, ..at_site() }, &[9, 6, 3]),
        (FlagFilter { status: open, account: alice.clone(), ..at_site() }, &[6]),
        (FlagFilter { country: "ZZ".parse().ok(), ..FlagFilter::default() }, &[11, 10, 9, 7, 6, 5, 3, 2, 1]),
        (FlagFilter { country: "ZZ".parse().ok(), account: alice, ..at_site() }, &[10, 6, 2]),
        (FlagFilter { before: Some(at(303)), ..at_site() }, &[2, 1]),
        (FlagFilter { country: "ZZ".parse().ok(), status: open, before: Some(at(309)), ..at_site() }, &[6, 3]),
        (FlagFilter { account: Some(Account::from_canonical("f3 carol")), ..FlagFilter::default() }, &[]),
    ] {
        assert_eq!(found(&filter, 99).await, numbers, "{filter:?}");
    }
    let mut paged = Vec::new();
    let mut filter = at_site();
    loop {
        let page = found(&filter, 4).await;
        let Some(last) = page.last() else { break };
        filter.before = Some(at(300 + last));
        paged.extend(page);
    }
    assert_eq!(paged, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], "every flag once");
    assert!(found(&at_site(), 0).await.is_empty());
}

async fn flags_come_in_every_order_page_by_page_and_none_is_lost_where_a_page_ends(store: &dyn Store) {
    let mut all = Vec::new();
    for number in 0..48_u64 {
        let mut one = flag("f5", ["f5 anna", "f5 änne", "f5 bob", "f5 B-b"][(number / 3 % 4) as usize], 5_000 + number);
        // Four moments only: most pages end between flags of the same one.
        one.time = at(500 + number % 4);
        one.status = FlagStatus::ALL[(number % 5).min(3) as usize];
        one.verdict = Verdict::ALL[(number * 7 % 6) as usize];
        one.country = if number % 4 == 0 { None } else { "ZZ".parse().ok() };
        store.put_flag(one.clone()).await.expect("the store answers");
        // What is sent later moves a flag in the lists.
        let did =
            Activity { messages: (number % 3) as u32, recipients: (number * 11 % 90) as u32, ..Activity::default() };
        store.add_to_flag(&one.code, did.clone()).await.expect("the store answers");
        one.since.add(&did);
        all.push(one);
    }
    store.flush().await.expect("it can be written");
    let at_site = FlagFilter { site: Some("f5".into()), ..FlagFilter::default() };
    let bob = Account::from_canonical("f5 bob");
    for order in FlagOrder::ALL {
        for filter in [
            FlagFilter { order, ..at_site.clone() },
            FlagFilter { order, status: Some(FlagStatus::Open), ..at_site.clone() },
            FlagFilter { order, account: Some(bob.clone()), ..FlagFilter::default() },
            FlagFilter { order, country: "ZZ".parse().ok(), before: Some(at(503)), ..at_site.clone() },
        ] {
            let fits = |flag: &&Flag| {
                filter.status.is_none_or(|status| flag.status == status)
                    && filter.account.as_ref().is_none_or(|account| flag.account == *account)
                    && filter.country.is_none_or(|country| flag.country == Some(country))
                    && filter.before.is_none_or(|before| flag.time < before)
            };
            let mut expected: Vec<&Flag> = all.iter().filter(fits).collect();
            expected.sort_by_key(|flag| flag.ranked().place(order));
            let (mut found, mut next): (Vec<Flag>, FlagFilter) = (Vec::new(), filter.clone());
            loop {
                let page = store.flags(&next, 5).await.expect("the store answers");
                let Some(last) = page.last() else { break };
                next.after = Some(last.ranked().place(order));
                found.extend(page);
            }
            let codes = |flags: &[&Flag]| flags.iter().map(|flag| flag.code).collect::<Vec<_>>();
            assert_eq!(codes(&found.iter().collect::<Vec<_>>()), codes(&expected), "{filter:?}");
        }
    }
}

fn what_several_operators_and_sessions_do_to_a_flag_at_once_is_all_kept(store: &dyn Store) {
    let one = flag("f4", "alice", 401);
    run(store.put_flag(one.clone())).expect("the store answers");
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            scope.spawn(move || {
                let note = Note { time: at(thread), by: "cli".into(), text: String::new() };
                let sent = Activity { messages: 1, ..Activity::default() };
                run(async {
                    store.add_to_flag(&one.code, sent.clone()).await.expect("the store answers");
                    store.settle_flag(&one.code, None, Some(note)).await.expect("the store answers");
                    store.flush().await.expect("it can be written");
                    store.add_to_flag(&one.code, sent).await.expect("the store answers");
                });
            });
        }
    });
    run(store.flush()).expect("it can be written");
    let after = run(store.flag(&one.code)).expect("the store answers").expect("it is there");
    assert_eq!((after.notes.len(), after.since.messages), (8, 16));
}

// ---- what is kept sealed ----

fn kept(kind: KeptKind, number: u8, until: u64, sealed: &[u8]) -> Kept {
    Kept { kind, id: [number; 16], until: at(until), sealed: sealed.to_vec() }
}

async fn what_is_kept_is_there_until_its_time_and_taken_once(store: &dyn Store) {
    for kind in KeptKind::ALL {
        let found = async |number, second| store.kept(kind, [number; 16], at(second)).await.expect("the store answers");
        let take = async |number, second| store.take(kind, [number; 16], at(second)).await.expect("the store answers");
        assert_eq!((found(1, 0).await, take(1, 0).await), (None, None));
        let first = kept(kind, 1, 10, b"first");
        store.keep(first.clone(), at(0)).await.expect("the store answers");
        assert_eq!((found(1, 10).await, found(1, 11).await), (Some(first), None));
        assert_eq!(take(1, 11).await, None, "too late");
        let second = kept(kind, 1, 20, &[0, 255, b'\n']);
        store.keep(second.clone(), at(1)).await.expect("the same id replaces");
        store.keep(kept(kind, 2, 20, b""), at(1)).await.expect("the store answers");
        assert_eq!(found(1, 11).await, Some(second.clone()));
        assert_eq!((take(1, 20).await, take(1, 2).await, found(1, 2).await), (Some(second), None, None), "once");
        assert_eq!(take(2, 2).await, Some(kept(kind, 2, 20, b"")), "another id is another thing");
        let too_large = kept(kind, 3, 20, &vec![0; kind.bytes_max() + 1]);
        assert!(store.keep(too_large, at(1)).await.is_err_and(|away| away.what.contains("bytes are more than")));
        assert_eq!(found(3, 1).await, None);
    }
    store.keep(kept(KeptKind::Code, 4, 20, b"code"), at(1)).await.expect("the store answers");
    assert_eq!(store.take(KeptKind::Held, [4; 16], at(1)).await.expect("the store answers"), None, "kinds are apart");
}

async fn a_held_message_may_be_large(store: &dyn Store) {
    let large: Vec<u8> = (0..9_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let held = kept(KeptKind::Held, 5, 20, &large);
    store.keep(held.clone(), at(1)).await.expect("the store answers");
    assert!(store.take(KeptKind::Held, [5; 16], at(2)).await.expect("the store answers") == Some(held));
}

fn of_many_who_take_at_once_exactly_one_gets_it(store: &dyn Store) {
    for number in 100..110 {
        run(store.keep(kept(KeptKind::Held, number, 20, b"one"), at(0))).expect("the store answers");
        let got: usize = std::thread::scope(|scope| {
            let take = || run(store.take(KeptKind::Held, [number; 16], at(1))).expect("the store answers").is_some();
            let threads: Vec<_> = (0..12).map(|_| scope.spawn(move || usize::from(take()))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
        });
        assert_eq!(got, 1);
    }
}

async fn factors_are_changed_only_by_whoever_saw_the_version_before(store: &dyn Store) {
    let (site, other): (SiteName, SiteName) = ("a1".into(), "a1 other".into());
    let alice = Account::from_canonical("alice");
    let found = async |site| {
        let sealed = store.factors(site, &alice).await.expect("the store answers");
        sealed.map(|sealed| (sealed.version, sealed.bytes))
    };
    let put = async |bytes: &[u8], expected| {
        store.put_factors(&site, &alice, bytes.to_vec(), expected).await.expect("the store answers")
    };
    assert_eq!((found(&site).await, put(b"none", 1).await), (None, false));
    assert!(put(b"first", 0).await);
    assert_eq!(
        (put(b"late", 0).await, put(b"early", 2).await, found(&site).await),
        (false, false, Some((1, b"first".to_vec())))
    );
    assert!(put(b"", 1).await, "no factor is left");
    assert_eq!((found(&site).await, found(&other).await), (Some((2, vec![])), None));
    assert!(!put(b"again", 0).await, "there were some");
    assert!(put(&[0, 255, 10], 2).await);
    assert_eq!(found(&site).await, Some((3, vec![0, 255, 10])));
    let too_large = store.put_factors(&site, &alice, vec![0; FACTORS_BYTES_MAX + 1], 3).await;
    assert!(too_large.is_err_and(|away| away.what.contains("bytes are more than")));
}

fn of_many_who_change_factors_at_once_none_overwrites_another(store: &dyn Store) {
    let site: SiteName = "a2".into();
    let alice = Account::from_canonical("alice");
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let (site, alice) = (&site, &alice);
            scope.spawn(move || {
                run(async {
                    loop {
                        let known = store.factors(site, alice).await.expect("the store answers");
                        let (version, mut bytes) = known.map_or((0, vec![]), |known| (known.version, known.bytes));
                        bytes.push(thread);
                        if store.put_factors(site, alice, bytes, version).await.expect("the store answers") {
                            break;
                        }
                    }
                });
            });
        }
    });
    let mut factors = run(store.factors(&site, &alice)).expect("the store answers").expect("there are some");
    factors.bytes.sort_unstable();
    assert_eq!((factors.version, factors.bytes), (8, (0..8).collect()));
}

// ---- from one store to another ----

/// What a store holds of these sites, as lines, in some order of their own.
async fn lines(store: &dyn Store, names: &str) -> Vec<String> {
    let (mut lines, mut next) = (Vec::new(), None);
    loop {
        let page = store.export(next, 3).await.expect("the store answers");
        lines.extend(page.records.iter().map(|record| serde_json::to_string(record).expect("it is written")));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    lines.retain(|line| line.contains(names));
    lines.sort_unstable();
    lines.dedup();
    lines
}

async fn take_in(store: &dyn Store, lines: &[String], second: u64) -> usize {
    let records = lines.iter().map(|line| serde_json::from_str::<Record>(line).expect("it is read")).collect();
    store.import(records, at(second)).await.expect("the store answers")
}

/// Refunds do not reach what came from another store, so numbers are not the same there.
fn unnumbered(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .map(|line| match serde_json::from_str(line).expect("it is read") {
            Record::Counter { key, keep, mut entries } => {
                entries.iter_mut().for_each(|entry| entry.number = Entry::SETTLED);
                serde_json::to_string(&Record::Counter { key, keep, entries }).expect("it is written")
            }
            _ => line.clone(),
        })
        .collect();
    lines.sort_unstable();
    lines
}

async fn everything_moves_to_another_store_and_is_the_same_there(store: &dyn Store) {
    // Names that stand for themselves in every line: what is kept is named by its id, a name in hexadecimal.
    let names = "6d6f76696e6720";
    let alice = Account::from_canonical(&format!("{names} alice"));
    let site: SiteName = "m1".into();
    let watched = Session {
        account: alice.clone(),
        device: Some([7; 16]),
        elsewhere: Some((spot("198.51.100.1"), at(0))),
        flag: Some(code(801)),
        lesson: Some(lesson(0, "2001:db8:1:2::9", "DE")),
        ..session("m1", "alice", 1, at(0))
    };
    store.put_session(watched.clone(), at(0)).await.expect("the store answers");
    let of_mallory = lock("m1", &format!("{names} mallory"), 0, "a “note”");
    store.lock(of_mallory.clone()).await.expect("the store answers");
    for device in [1, 2] {
        store.know_device(&site, &alice, [device; 16], at(9)).await.expect("the store answers");
    }
    store.teach(&site, &alice, lesson(1, "192.0.2.7", "DE"), at(1)).await.expect("the store answers");
    store.note_written(&site, &alice, vec![3, 1, u32::MAX], at(2)).await.expect("the store answers");
    let one_flag = flag("m1", alice.as_str(), 801);
    store.put_flag(one_flag.clone()).await.expect("the store answers");
    let sends = units(&format!("m1/{names}"), 4, &["10/h"]);
    let guesses = distinct(&format!("m1/{names} guesses"), u32::MAX, &["10/h"]);
    let _kept = fits(store, &[sends.clone(), guesses.clone()], at(3)).await;
    let mut held = kept(KeptKind::Held, 0, 99, b"held");
    held.id[..7].copy_from_slice(b"moving ");
    store.keep(held.clone(), at(3)).await.expect("the store answers");
    assert!(store.put_factors(&site, &alice, b"factors".to_vec(), 0).await.expect("the store answers"));

    let exported = lines(store, names).await;
    assert_eq!(exported.len(), 11, "{exported:#?}");
    let other = Embedded::open_scratch(at(4), SETTINGS).expect("it opens");
    assert_eq!(take_in(&other, &exported, 4).await, exported.len());
    assert_eq!(unnumbered(&lines(&other, names).await), unnumbered(&exported));
    assert_eq!(take_in(&other, &exported, 4).await, 0, "a second time there is nothing new");
    assert_eq!(take_in(store, &lines(&other, names).await, 4).await, 0, "nor on the way back");

    let new_code = code(802);
    let rename = |line: &String| {
        let line = line.replace("6d6f766", "6d6f776").replace("m1", "m2");
        let line = line.replace(&one_flag.code.to_string(), &new_code.to_string());
        line.replace(&watched.hash.to_string(), &"e7".repeat(16))
    };
    let renamed: Vec<String> = exported.iter().map(rename).collect();
    assert_eq!(take_in(store, &renamed, 4).await, renamed.len(), "{renamed:#?}");
    let (site, names) = (SiteName::from("m2"), names.replace("6d6f766", "6d6f776"));
    let alice = Account::from_canonical(&format!("{names} alice"));
    let found = get(store, &SessionHash([0xe7; 16]), at(5)).await.expect("it is there");
    let hash = found.hash;
    assert_eq!(found, Session { hash, site: site.clone(), account: alice.clone(), flag: Some(new_code), ..watched });
    let mallory = Account::from_canonical(&format!("{names} mallory"));
    let locked = store.locked(&site, &mallory).await.expect("the store answers").expect("it is locked");
    assert_eq!((locked.note, locked.since), (of_mallory.note, of_mallory.since));
    assert_eq!(store.devices(&site, &alice, at(9)).await.expect("the store answers").len(), 2);
    let profile = store.profile(&site, &alice, at(9)).await.expect("the store answers");
    assert_eq!(profile.sign_ins, 1);
    let written = store.first_written(&site, &alice, &[1, 2, u32::MAX]).await.expect("the store answers");
    assert_eq!((written.new, written.known), (1, 3));
    let of_alice = FlagFilter { account: Some(alice.clone()), ..FlagFilter::default() };
    assert_eq!(store.flags(&of_alice, 9).await.expect("the store answers").len(), 1);
    let _met = over(store, &[units(&format!("m2/{names}"), 7, &["10/h"])], at(5)).await;
    let of_alice = store.factors(&site, &alice).await.expect("the store answers");
    assert!(of_alice.is_some_and(|sealed| sealed.version == 1));
    held.id[2] = b'w';
    assert!(store.take(KeptKind::Held, held.id, at(5)).await.expect("the store answers").is_some());
}

async fn what_is_taken_in_from_another_store_loosens_nothing(store: &dyn Store) {
    let site: SiteName = "m3".into();
    let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
    let ended = Session { state: SessionState::Ended, ..session("m3", "alice", 1, at(0)) };
    let open = session("m3", "bob", 2, at(0));
    for session in [&ended, &open] {
        store.put_session(session.clone(), at(0)).await.expect("the store answers");
    }
    let charge = units("m3", 4, &["10/h"]);
    let _kept = fits(store, &[charge.clone(), distinct("m3 guesses", 1, &["10/h"])], at(1)).await;
    store
        .put_flag(Flag { status: FlagStatus::Confirmed, ..flag("m3", "alice", 901) })
        .await
        .expect("the store answers");
    store.put_factors(&site, &alice, b"here".to_vec(), 0).await.expect("the store answers");

    let later = Session { signed_in: at(5), ..session("m3", "alice", 1, at(5)) };
    let restricted = Session { state: SessionState::Restricted, ..open.clone() };
    let entry = |second, units| Entry { time: at(second), units, number: 77, fingerprint: None };
    let counter = |entries| Record::Counter { key: charge.key.clone(), keep: 3_600_000, entries };
    let records = vec![
        Record::Session(Box::new(later)),
        Record::Session(Box::new(restricted)),
        counter(vec![entry(1, 4)]),
        counter(vec![entry(1, 4), entry(2, 1)]),
        Record::Flag(Box::new(flag("m3", "alice", 901))),
        Record::Factors {
            site: site.clone(),
            account: alice.clone(),
            factors: Sealed { version: 9, bytes: b"there".to_vec() },
        },
        Record::Kept(kept(KeptKind::Code, 0x3e, 5, b"over")),
        Record::Session(Box::new(session("m3", "carol", 4, at(6).before(Duration::from_secs(3700))))),
    ];
    let changed = store.import(records, at(6)).await.expect("the store answers");
    assert_eq!(changed, 3, "two sessions, and one entry of the counter; what has expired is left out");
    let state = async |session: &Session| get(store, &session.hash, at(7)).await.map(|session| session.state);
    assert_eq!((state(&ended).await, state(&open).await), (Some(SessionState::Ended), Some(SessionState::Restricted)));
    let used = store.count(&charge.key, Duration::from_secs(3600), at(7)).await.expect("the store answers");
    assert_eq!(used, 5);
    let found = store.flag(&code(901)).await.expect("the store answers").expect("it is there");
    assert_eq!(found.status, FlagStatus::Confirmed);
    let factors = store.factors(&site, &alice).await.expect("the store answers").expect("there are some");
    assert_eq!((factors.version, &*factors.bytes), (1, &b"here"[..]));
    assert_eq!(store.kept(KeptKind::Code, [0x3e; 16], at(5)).await.expect("the store answers"), None);

    let own = lock("m3", "bob", 3, "own");
    let locks = vec![Record::Lock(own.clone()), Record::Lock(lock("m3", "bob", 1, "other"))];
    assert_eq!(store.import(locks, at(8)).await.expect("the store answers"), 1);
    assert_eq!(store.locked(&site, &bob).await.expect("the store answers"), Some(own));
    assert_eq!(state(&open).await, Some(SessionState::Ended), "a lock that comes ends what was open");
    let again = Record::Session(Box::new(session("m3", "bob", 3, at(9))));
    assert_eq!(store.import(vec![again], at(9)).await.expect("the store answers"), 1);
    let hash = session("m3", "bob", 3, at(9)).hash;
    assert_eq!(get(store, &hash, at(9)).await.map(|session| session.state), Some(SessionState::Ended));
}

async fn a_store_that_works_says_so(store: &dyn Store) {
    store.probe(at(0)).await.expect("it can be written");
    store.probe(at(0)).await.expect("twice in the same moment");
    store.flush().await.expect("it can be written");
}

macro_rules! backend {
    ($name:ident, $open:expr, $($case:ident)*; $($threaded:ident)*) => {
        mod $name {
            $(
                #[test]
                fn $case() {
                    let (_keep, store): (_, std::sync::Arc<dyn mailward::store::Store>) = $open;
                    super::run(super::$case(&*store));
                }
            )*
            $(
                #[test]
                fn $threaded() {
                    let (_keep, store): (_, std::sync::Arc<dyn mailward::store::Store>) = $open;
                    super::$threaded(&*store);
                }
            )*
        }
    };
    ($name:ident, $open:expr) => {
        backend! { $name, $open,
            what_was_used_and_what_is_asked_never_pass_the_limit
            a_refused_charge_spends_nothing_anywhere
            of_several_limits_the_one_that_opens_last_is_told
            a_refund_makes_room_once
            a_late_refund_takes_nothing_from_others
            what_a_counter_held_is_forgotten_and_counted_anew
            only_distinct_guesses_count
            the_same_again_counts_until_its_latest_and_only_that_is_given_back
            a_guess_sent_twice_at_once_is_not_had_for_nothing
            what_has_no_limit_is_counted_and_never_refused
            a_clock_that_steps_back_opens_nothing
            what_was_counted_elsewhere_is_added_and_asked_for_no_limit
            a_session_is_found_until_it_was_idle_too_long
            use_keeps_a_session
            a_session_is_listed_newest_first_and_only_at_its_site
            ending_an_accounts_sessions_ends_them_all_but_one
            an_ended_session_stays_ended_unless_a_later_sign_in_takes_it_over
            a_restricted_session_can_be_opened_and_an_open_one_restricted
            a_lock_holds_until_it_is_taken_off
            locks_are_listed_for_their_site
            a_sign_in_under_way_while_the_lock_was_set_opens_nothing
            a_device_is_known_since_its_first_sign_in
            devices_are_listed_last_used_first_and_forgotten_one_by_one_or_together
            a_session_goes_through_all_its_steps_and_keeps_what_each_noted
            an_ended_session_is_opened_by_no_step
            a_step_of_a_session_that_is_unknown_or_expired_is_none
            a_profile_learns_and_unlearns
            a_profile_forgets_what_was_not_seen_for_half_a_year
            to_whom_an_account_never_wrote_is_new_once
            of_too_many_recipients_those_written_to_longest_ago_are_new_again
            a_flag_is_found_by_its_code_and_changed_under_it
            a_flag_is_raised_settled_and_added_to
            flags_are_found_by_every_condition_and_page_by_page
            flags_come_in_every_order_page_by_page_and_none_is_lost_where_a_page_ends
            what_is_kept_is_there_until_its_time_and_taken_once
            a_held_message_may_be_large
            factors_are_changed_only_by_whoever_saw_the_version_before
            everything_moves_to_another_store_and_is_the_same_there
            what_is_taken_in_from_another_store_loosens_nothing
            events_are_found_newest_first_and_page_by_page
            an_event_that_is_told_twice_is_counted_once
            events_that_are_too_old_are_forgotten
            what_operators_did_is_listed_newest_first
            operators_are_changed_only_by_whoever_saw_the_version_before
            what_the_desk_knows_moves_to_another_store
            a_mark_counts_at_its_site_until_its_time_or_until_it_is_taken_off
            marks_move_to_another_store_and_none_that_is_there_is_replaced
            messages_with_something_in_common_are_one_campaign_until_it_is_over
            what_is_worth_nothing_joins_a_campaign_and_begins_none
            texts_that_share_a_trace_by_chance_are_two_campaigns
            a_campaign_is_told_of_once_and_what_an_operator_said_holds
            campaigns_move_to_another_store_and_become_no_milder
            a_store_that_works_says_so;
            of_like_messages_at_once_one_begins_and_the_others_join
            of_many_who_tell_the_same_events_at_once_each_is_counted_once
            fifty_at_once_never_pass_a_limit_by_even_one
            of_many_who_take_at_once_exactly_one_gets_it
            of_many_who_change_factors_at_once_none_overwrites_another
            of_steps_taken_at_once_none_is_lost
            lessons_taught_at_once_are_all_learned
            what_several_operators_and_sessions_do_to_a_flag_at_once_is_all_kept
            no_sequence_of_steps_revives_an_ended_session
            every_answer_is_the_one_of_a_reference_too_simple_to_be_wrong
            a_clock_that_steps_back_at_random_never_lets_more_through
        }
    };
}

fn embedded() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(folder.path(), at(0), SETTINGS).expect("it opens");
    (folder, Arc::new(store))
}

backend!(embedded_store, super::embedded());

fn scratch() -> ((), Arc<dyn Store>) {
    ((), Arc::new(Embedded::open_scratch(at(0), SETTINGS).expect("it opens")))
}

backend!(scratch_store, super::scratch());

fn fallback() -> ((), Arc<dyn Store>) {
    let scratch = || Embedded::open_scratch(at(0), SETTINGS).expect("it opens");
    let settings = fallback::Settings { share: Share::new(0.5), timeout: Duration::from_secs(10), sites: Vec::new() };
    ((), Arc::new(Fallback::new(Arc::new(scratch()), scratch(), settings, at(0))))
}

backend!(fallback_before_a_store_that_is_well, super::fallback());

fn at_one_server() -> ((), Arc<dyn Store>) {
    ((), Arc::new(servers::store(&[servers::shared().url()])))
}

backend!(redis_store, super::at_one_server());

fn in_a_cluster() -> ((), Arc<dyn Store>) {
    ((), Arc::new(servers::store(&servers::Cluster::shared().urls())))
}

backend!(cluster_store, super::in_a_cluster());

fn behind_a_sentinel() -> ((), Arc<dyn Store>) {
    ((), Arc::new(servers::store(&[servers::Watched::shared().url()])))
}

backend!(sentinel_store, super::behind_a_sentinel());
