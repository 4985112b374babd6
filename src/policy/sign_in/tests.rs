use super::*;
use crate::domain::{Door, Outcome};
use crate::policy::limits::{Over, Receipt, Settlement};

fn limits() -> SignInLimits {
    let read = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a limit")).collect();
    SignInLimits {
        failures_per_account_and_prefix: read(&["5/10m"]),
        failing_accounts_per_prefix: read(&["5/h"]),
        failures_per_account: read(&["2/m"]),
        failures_per_site_before_slowing: read(&["100/m"]),
    }
}

struct Case {
    site: SiteName,
    account: Account,
}

impl Case {
    fn new(site: &str, account: &str) -> Self {
        Self { site: site.into(), account: Account::from_canonical(account) }
    }

    fn stranger(&self) -> Facts<'_> {
        Facts {
            site: &self.site,
            account: &self.account,
            door: Door::Webmail,
            account_fingerprint: 11,
            password_fingerprint: 22,
            prefix: Prefix::of("203.0.113.9".parse().expect("an address")),
            network: NetworkClass::Outside,
            known_device: None,
            locked: Fact::Known(false),
            successes_from_prefix: Fact::Known(0),
            site_failures: Fact::Known(&[]),
        }
    }
}

fn alice() -> Case {
    Case::new("webmail.example.edu", "alice")
}

fn charged(facts: &Facts<'_>) -> Vec<(&'static str, String, String)> {
    let charges = charges(facts, &limits()).expect("it is worth charging");
    let limits = |charge: &Charge| charge.limits.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    charges.iter().map(|charge| (charge.name, charge.key.0.clone(), limits(charge))).collect()
}

fn named(charges: &[(&'static str, String, String)]) -> Vec<&'static str> {
    charges.iter().map(|(name, ..)| *name).collect()
}

#[test]
fn a_stranger_is_charged_for_everything() {
    let charges = charged(&alice().stranger());
    let expected = [
        (
            "failures_per_account_and_prefix",
            "failures_per_account_and_prefix|webmail.example.edu/alice/203.0.113.9/32",
            "5/10m",
        ),
        ("failing_accounts_per_prefix", "failing_accounts_per_prefix|webmail.example.edu/203.0.113.9/32", "5/h"),
        ("failures_per_account", "failures_per_account|webmail.example.edu/alice", "2/m"),
        ("failures_per_site_before_slowing", "failures_per_site_before_slowing|webmail.example.edu", ""),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(name, key, limit)| (*name, key.to_string(), limit.to_string())).collect();
    assert_eq!(charges, expected);
}

#[test]
fn a_guess_is_counted_once_per_prefix_but_each_time_where_roundcube_counts_too() {
    let case = alice();
    let charges = super::charges(&case.stranger(), &limits()).expect("it is worth charging");
    let costs: Vec<_> = charges.iter().map(|charge| charge.cost).collect();
    assert_eq!(costs, [Cost::Distinct(22), Cost::Distinct(11), Cost::Units(1), Cost::Units(1)]);
    // A mail program tries its one password over several connections at once.
    let program = Facts { door: Door::Imap, ..case.stranger() };
    let charges = super::charges(&program, &limits()).expect("it is worth charging");
    assert_eq!(charges[2].cost, Cost::Distinct(22));
}

#[test]
fn nothing_that_strangers_spend_is_charged_to_a_known_device_or_campus() {
    let case = alice();
    let strangers: Vec<String> = charged(&case.stranger()).into_iter().map(|(_, key, _)| key).collect();
    let known = Facts { known_device: Some([7; 16]), ..case.stranger() };
    let campus = Facts { network: NetworkClass::Campus, ..case.stranger() };
    let trusted = Facts { network: NetworkClass::Trusted, ..case.stranger() };
    for facts in [&known, &campus, &trusted] {
        for (name, key, _) in charged(facts) {
            assert!(!strangers.contains(&key), "{name}: {key} is a stranger's, too");
        }
    }
    assert_eq!(named(&charged(&known)), ["failures_per_account_and_prefix"]);
    assert_eq!(named(&charged(&campus)), ["failures_per_account_and_prefix", "failing_accounts_per_prefix"]);
    assert_eq!(charged(&campus)[1].2, "50/h");
}

#[test]
fn a_prefix_with_many_accounts_that_succeed_has_room_for_more_that_fail() {
    for (successes, allowed) in
        [(Fact::Known(0), "5/h"), (Fact::Known(3), "5/h"), (Fact::Known(400), "105/h"), (Fact::StoreAway, "5/h")]
    {
        let case = alice();
        let facts = Facts { successes_from_prefix: successes, ..case.stranger() };
        assert_eq!(charged(&facts)[1].2, allowed, "{successes:?}");
    }
}

#[test]
fn no_two_sites_accounts_or_devices_share_a_counter() {
    let cases = [alice(), Case::new("other.example.edu", "alice"), Case::new("webmail.example.edu", "alice/x")];
    let mut keys: Vec<String> = Vec::new();
    for case in &cases {
        for device in [None, Some([1; 16]), Some([2; 16])] {
            let facts = Facts { known_device: device, ..case.stranger() };
            let own = charged(&facts).into_iter().filter(|(name, ..)| name.starts_with("failures_per_account"));
            keys.extend(own.map(|(_, key, _)| key));
        }
    }
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all);
}

#[test]
fn a_name_of_any_length_makes_a_short_key() {
    let case = Case::new("webmail.example.edu", &"ü".repeat(320));
    let other = Facts { account_fingerprint: 12, ..case.stranger() };
    let (one, other) = (charged(&case.stranger()), charged(&other));
    assert!(one[0].1.len() < 160, "{}", one[0].1);
    assert_ne!(one[0].1, other[0].1);
}

#[test]
fn a_locked_account_does_not_sign_in_and_is_not_charged() {
    let case = alice();
    let facts = Facts { locked: Fact::Known(true), known_device: Some([1; 16]), ..case.stranger() };
    assert_eq!(charges(&facts, &limits()).expect_err("stopped before").why, Why::Locked);
    let decision = sign_in(&facts, Fact::Known(&Charged::Fits(Receipt::default())));
    assert_eq!((decision.verdict, decision.why), (Verdict::Refuse, Why::Locked));
    assert!(decision.permit.is_none());
}

#[test]
fn while_the_store_is_away_nobody_guesses_uncounted() {
    let case = alice();
    let device = Facts { known_device: Some([1; 16]), ..case.stranger() };
    let campus = Facts { network: NetworkClass::Campus, ..case.stranger() };
    for facts in [case.stranger(), device, campus] {
        let decision = sign_in(&facts, Fact::StoreAway);
        assert_eq!((decision.verdict, &decision.why), (Verdict::Throttle, &Why::StoreAway));
        assert!(decision.permit.is_none() && decision.wait.is_some_and(|wait| wait <= Duration::from_secs(30)));
        let unknown_lock = Facts { locked: Fact::StoreAway, ..facts };
        assert_eq!(charges(&unknown_lock, &limits()).expect_err("stopped before").why, Why::StoreAway);
        assert!(sign_in(&unknown_lock, Fact::Known(&Charged::Fits(Receipt::default()))).permit.is_none());
    }
}

#[test]
fn a_limit_that_is_met_says_which_and_for_how_long() {
    let over = Over {
        name: "failures_per_account",
        limit: "2/m".parse().expect("a limit"),
        fits_now: 0,
        wait: Some(Duration::from_secs(17)),
        when_met: crate::policy::limits::WhenMet::Throttle,
    };
    let decision = sign_in(&alice().stranger(), Fact::Known(&Charged::Over(over)));
    assert_eq!(decision.verdict, Verdict::Throttle);
    assert_eq!(decision.stopped_by.as_deref(), Some("failures_per_account 2/m"));
    assert_eq!(decision.wait, Some(Duration::from_secs(17)));
    assert!(decision.permit.is_none());
}

#[test]
fn a_site_under_attack_slows_strangers_and_shuts_nobody_out() {
    let limit: Limit = "100/m".parse().expect("a limit");
    for (failed, millis) in [(0, 0), (99, 0), (100, 500), (200, 1000), (300, 2000), (400, 4000), (u32::MAX, 4000)] {
        let failures = [(limit, failed)];
        let case = alice();
        let stranger = Facts { site_failures: Fact::Known(&failures), ..case.stranger() };
        let known = Facts { known_device: Some([1; 16]), ..stranger.clone() };
        let campus = Facts { network: NetworkClass::Campus, ..stranger.clone() };
        let fits = Charged::Fits(Receipt::default());
        let decide = |facts: &Facts<'_>| sign_in(facts, Fact::Known(&fits));
        assert_eq!(decide(&stranger).delay, Duration::from_millis(millis), "after {failed}");
        assert_eq!(decide(&known).delay + decide(&campus).delay, Duration::ZERO, "after {failed}");
        assert!(decide(&stranger).permit.is_some());
    }
    let case = alice();
    let unknown = Facts { site_failures: Fact::StoreAway, ..case.stranger() };
    assert_eq!(sign_in(&unknown, Fact::Known(&Charged::Fits(Receipt::default()))).delay, DELAY_MAX);
}

#[test]
fn limits_that_are_not_set_charge_nothing() {
    let none = SignInLimits {
        failures_per_account_and_prefix: vec![],
        failing_accounts_per_prefix: vec![],
        failures_per_account: vec![],
        failures_per_site_before_slowing: vec![],
    };
    assert_eq!(charges(&alice().stranger(), &none).expect("it is worth asking"), []);
}

#[test]
fn only_an_answer_that_says_the_password_was_not_wrong_gives_the_charge_back() {
    for (outcome, settled) in [
        (Outcome::SignedIn, Settlement::GiveBack),
        (Outcome::NotJudged, Settlement::GiveBack),
        (Outcome::FormRefused, Settlement::KeepOfAccount),
        (Outcome::WrongPassword, Settlement::Keep),
        (Outcome::Unclear, Settlement::Keep),
    ] {
        assert_eq!(Settlement::of_sign_in(outcome), settled, "{outcome:?}");
    }
}
