use super::*;
use crate::domain::Agent;
use crate::domain::Outcome;
use crate::policy::limits::{Over, Receipt, Settlement, WhenMet};

const DAY: Duration = Duration::from_secs(86_400);

fn read(texts: &[&str]) -> Vec<Limit> {
    texts.iter().map(|text| text.parse().expect("a limit")).collect()
}

fn limits() -> SendLimits {
    SendLimits {
        recipients_per_message: 50,
        recipients_per_session: read(&["60/10m", "200/h"]),
        recipients_per_account: read(&["200/h", "600/d"]),
        recipients_per_prefix: read(&["1000/h"]),
        recipients_per_site: vec![],
        messages_per_session: read(&["30/m"]),
        messages_per_account: vec![],
        messages_per_prefix: vec![],
        messages_per_site: read(&["9000/h"]),
        familiar_factor: 2.5,
        alert_messages_per_account: read(&["100/5m"]),
        networks_per_account: "3/5m".parse().ok(),
        countries_per_account: "2/5m".parse().ok(),
        first_written_on_new_device: read(&["25/d"]),
    }
}

struct Case {
    site: SiteName,
    account: Account,
    session: SessionHash,
    now: Timestamp,
}

impl Case {
    fn new(account: &str) -> Self {
        Self {
            site: "webmail.example.edu".into(),
            account: Account::from_canonical(account),
            session: SessionHash([0xab; 16]),
            now: Timestamp::from_millis(1_700_000_000_000),
        }
    }

    fn facts(&self, recipients: u32) -> Facts<'_> {
        Facts {
            now: self.now,
            site: &self.site,
            account: &self.account,
            session: Some(&self.session),
            state: Fact::Known(Some(SessionState::Open)),
            locked: Fact::Known(false),
            prefix: Prefix::of("203.0.113.9".parse().expect("an address")),
            device_since: None,
            recipients,
            network: NetworkClass::Outside,
            place: None,
            first_written: 0,
            is_account_known: true,
            rule: None,
        }
    }
}

fn shown(charges: &[Charge]) -> Vec<String> {
    let limits = |charge: &Charge| charge.limits.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    charges.iter().map(|charge| format!("{:?} {:?} {}", charge.key, charge.cost, limits(charge))).collect()
}

#[test]
fn a_send_is_charged_per_session_account_prefix_and_site() {
    let case = Case::new("alice");
    let charges = charges(&case.facts(3), &limits(), &[]).expect("it is worth charging");
    let session = "ab".repeat(16);
    assert_eq!(
        shown(&charges),
        [
            format!("recipients_per_session|webmail.example.edu/{session} Units(3) 60/10m 200/h"),
            "recipients_per_account|webmail.example.edu/alice Units(3) 200/h 600/d".into(),
            "recipients_per_prefix|webmail.example.edu/203.0.113.9/32 Units(3) 1000/h".into(),
            format!("messages_per_session|webmail.example.edu/{session} Units(1) 30/m"),
            "messages_per_site|webmail.example.edu Units(1) 9000/h".into(),
        ]
    );
}

#[test]
fn a_device_known_for_a_day_has_larger_limits_for_its_session_and_account_only() {
    let case = Case::new("alice");
    for (known_for, session, account, prefix) in
        [(DAY, "150/10m", "500/h", "1000/h"), (DAY - Duration::from_millis(1), "60/10m", "200/h", "1000/h")]
    {
        let facts = Facts { device_since: Some(case.now.before(known_for)), ..case.facts(1) };
        let charges = charges(&facts, &limits(), &[]).expect("it is worth charging");
        let first = |place: usize| charges[place].limits[0].to_string();
        assert_eq!([first(0), first(1), first(2)], [session, account, prefix], "known for {known_for:?}");
    }
}

#[test]
fn a_factor_that_makes_no_sense_makes_no_limit_smaller() {
    for factor in [f64::NAN, -1.0, 0.0, 1.0] {
        assert_eq!(larger(&read(&["7/h"]), factor), read(&["7/h"]), "{factor}");
    }
    assert_eq!(larger(&read(&["7/h"]), f64::INFINITY), read(&["4294967295/h"]));
    assert_eq!(larger(&read(&["3/h"]), 2.5), read(&["7/h"]), "whole units, rounded down");
}

#[test]
fn an_exception_takes_the_place_of_limits_until_it_ends() {
    let case = Case::new("news");
    let exception = |until| Exception {
        accounts: vec![Account::from_canonical("news")],
        recipients_per_message: Some(500),
        limits: vec![("recipients_per_account", read(&["5000/h"])), ("recipients_per_session", vec![])],
        until,
    };
    let familiar = Facts { device_since: Some(case.now.before(DAY)), ..case.facts(400) };
    let holds = [exception(case.now.after(Duration::from_millis(1)))];
    let charges_then = charges(&familiar, &limits(), &holds).expect("it is worth charging");
    let names: Vec<_> = charges_then.iter().map(|charge| charge.name).collect();
    assert!(!names.contains(&"recipients_per_session"), "an empty list sets no limit: {names:?}");
    assert_eq!(charges_then[0].limits, read(&["5000/h"]), "as written, however familiar the device");

    let over = [exception(case.now)];
    let why = charges(&familiar, &limits(), &over).expect_err("it has ended").why;
    assert_eq!(why, Why::TooManyRecipients { asked: 400, most: 50 });
    let other = Case::new("alice");
    assert!(charges(&other.facts(400), &limits(), &holds).is_err(), "it is not hers");
}

#[test]
fn a_message_to_too_many_never_fits_and_says_how_many_would() {
    let case = Case::new("alice");
    assert!(charges(&case.facts(50), &limits(), &[]).is_ok());
    let decision = charges(&case.facts(51), &limits(), &[]).expect_err("one too many");
    assert_eq!(decision.verdict, Verdict::Refuse);
    assert_eq!(decision.why, Why::TooManyRecipients { asked: 51, most: 50 });
    assert_eq!(decision.stopped_by.as_deref(), Some("recipients_per_message 50"));
    assert_eq!(decision.wait, None);
}

#[test]
fn a_message_to_nobody_counts_as_one() {
    let case = Case::new("alice");
    assert_eq!(charges(&case.facts(0), &limits(), &[]).expect("it is worth charging")[0].cost, Cost::Units(1));
}

#[test]
fn whoever_may_not_send_is_stopped_before_and_after_charging() {
    let fits = Charged::Fits(Receipt::default());
    let case = Case::new("alice");
    let state = |state| Facts { state, ..case.facts(1) };
    let locked = |locked| Facts { locked, ..case.facts(1) };
    for (facts, verdict, why) in [
        (state(Fact::Known(Some(SessionState::Restricted))), Verdict::Restrict, Why::Restricted),
        (state(Fact::Known(Some(SessionState::Ended))), Verdict::Refuse, Why::Ended),
        (state(Fact::Known(None)), Verdict::Restrict, Why::UnknownSession),
        (state(Fact::StoreAway), Verdict::Restrict, Why::StoreAway),
        (locked(Fact::Known(true)), Verdict::Refuse, Why::Locked),
        (locked(Fact::StoreAway), Verdict::Throttle, Why::StoreAway),
    ] {
        for decision in
            [*charges(&facts, &limits(), &[]).expect_err("stopped before"), send(&facts, Fact::Known(&fits))]
        {
            assert_eq!((decision.verdict, &decision.why), (verdict, &why), "{facts:?}");
            assert!(decision.permit.is_none());
        }
    }
}

#[test]
fn what_fits_passes_what_does_not_waits_and_what_never_fits_is_refused() {
    let case = Case::new("alice");
    let over = |wait| Over {
        name: "recipients_per_account",
        limit: read(&["200/h"])[0],
        fits_now: 12,
        wait,
        when_met: WhenMet::Throttle,
    };
    let (later, never) = (Charged::Over(over(Some(Duration::from_secs(9)))), Charged::Over(over(None)));
    let fits = Charged::Fits(Receipt::default());

    let decision = send(&case.facts(20), Fact::Known(&fits));
    assert_eq!(decision.verdict, Verdict::Pass);
    assert!(decision.permit.is_some() && decision.stopped_by.is_none());

    let decision = send(&case.facts(20), Fact::Known(&later));
    assert_eq!((decision.verdict, decision.wait), (Verdict::Throttle, Some(Duration::from_secs(9))));
    assert_eq!(decision.stopped_by.as_deref(), Some("recipients_per_account 200/h"));
    assert!(decision.permit.is_none());

    let decision = send(&case.facts(300), Fact::Known(&never));
    assert_eq!((decision.verdict, decision.wait), (Verdict::Refuse, None));
    assert!(decision.permit.is_none());
}

#[test]
fn while_the_store_is_away_nothing_is_sent_and_the_wait_is_short() {
    let case = Case::new("alice");
    let decision = send(&case.facts(1), Fact::StoreAway);
    assert_eq!((decision.verdict, &decision.why), (Verdict::Throttle, &Why::StoreAway));
    assert!(decision.permit.is_none() && decision.wait.is_some_and(|wait| wait <= Duration::from_secs(30)));
}

#[test]
fn every_attempt_counts_towards_the_alert_and_is_never_refused() {
    let case = Case::new("alice");
    let charge = attempt(&case.site, &case.account, &limits()).expect("an alert line is set");
    assert_eq!((charge.limits.len(), charge.keep), (0, Duration::from_secs(300)));
    let none = SendLimits { alert_messages_per_account: vec![], ..limits() };
    assert_eq!(attempt(&case.site, &case.account, &none), None);
}

#[test]
fn an_alert_is_due_above_its_line_and_told_once_per_window() {
    let case = Case::new("alice");
    let line = read(&["100/5m"])[0];
    assert_eq!(alert(&case.site, &case.account, line, 100), None);
    let once = alert(&case.site, &case.account, line, 101).expect("above the line");
    assert_eq!(once.limits, read(&["1/5m"]));
    let other = alert(&case.site, &case.account, read(&["500/h"])[0], 501).expect("above the line");
    assert_ne!(once.key, other.key, "each line is told by itself");
}

#[test]
fn only_an_answer_that_proves_that_nothing_left_gives_the_charge_back() {
    for (outcome, settled) in [
        (Outcome::NotSent, Settlement::GiveBack),
        (Outcome::Sent, Settlement::Keep),
        (Outcome::Unclear, Settlement::Keep),
        (Outcome::SignedOut, Settlement::Keep),
    ] {
        assert_eq!(Settlement::of_send(outcome), settled, "{outcome:?}");
    }
}

#[test]
fn a_new_browser_is_counted_by_place_and_by_strangers_it_writes_to_and_a_familiar_one_is_not() {
    let case = Case::new("alice");
    let place = Some(SendingPlace { network: 7, country: Some(9) });
    let newcomer = Facts { place, first_written: 4, ..case.facts(5) };
    let unlike = |facts: &Facts<'_>| -> Vec<String> {
        let charges = charges(facts, &limits(), &[]).expect("it is worth charging");
        shown(&charges.into_iter().filter(|charge| charge.when_met == WhenMet::Restrict).collect::<Vec<_>>())
    };
    assert_eq!(
        unlike(&newcomer),
        [
            "networks_per_account|webmail.example.edu/alice Distinct(7) 2/5m",
            "countries_per_account|webmail.example.edu/alice Distinct(9) 1/5m",
            "first_written_on_new_device|webmail.example.edu/alice Units(4) 25/d",
        ],
        "the limit names the place that is one too many"
    );
    let familiar = Facts { device_since: Some(case.now.before(DAY)), place: None, ..newcomer.clone() };
    assert!(unlike(&familiar).is_empty());
    let campus = Facts { network: NetworkClass::Campus, ..newcomer.clone() };
    assert_eq!(unlike(&campus).len(), 2, "on campus everybody writes to whom they like");
    let unknown = Facts { is_account_known: false, ..newcomer.clone() };
    assert_eq!(unlike(&unknown).len(), 2, "of an account that nothing is known of it is too much for now, no more");
    assert!(shown(&charges(&unknown, &limits(), &[]).expect("worth charging")).join(" ").contains("first_written"));
    let nowhere = Facts { place: Some(SendingPlace { network: 7, country: None }), first_written: 0, ..newcomer };
    assert_eq!(unlike(&nowhere).len(), 1, "what is unknown is not counted");
}

#[test]
fn what_the_owner_would_not_do_restricts_and_what_a_rule_says_as_well() {
    let case = Case::new("alice");
    let over = Over {
        name: "networks_per_account",
        limit: read(&["2/5m"])[0],
        fits_now: 0,
        wait: Some(Duration::from_secs(100)),
        when_met: WhenMet::Restrict,
    };
    let decision = send(&case.facts(1), Fact::Known(&Charged::Over(over.clone())));
    assert_eq!((decision.verdict, decision.wait, &decision.why), (Verdict::Restrict, None, &Why::Unlike(over)));
    let ruled = Facts { rule: Some("no exports".into()), ..case.facts(1) };
    let stopped = charges(&ruled, &limits(), &[]).expect_err("stopped");
    assert_eq!((stopped.verdict, stopped.stopped_by.as_deref()), (Verdict::Restrict, Some("no exports")));
}

#[test]
fn a_phone_wanders_through_its_providers_networks_as_one_place() {
    let spot = |address: &str, as_number, user_agent| Spot {
        prefix: address.parse().expect("an address"),
        network: NetworkClass::Outside,
        country: None,
        as_number,
        agent: Agent::of(Some(user_agent)),
    };
    let phone = spot("192.0.2.7", Some(64_500), "Mozilla/5.0 (Linux; Android 16) Chrome/156");
    let wandered = Spot { prefix: "198.51.100.9".parse().expect("an address"), ..phone };
    assert_eq!(counted_as(&phone, &wandered), phone.prefix);
    let other_program = spot("198.51.100.9", Some(64_500), "curl/8");
    assert_eq!(counted_as(&phone, &other_program), other_program.prefix);
    let other_provider = Spot { as_number: Some(64_600), ..wandered };
    assert_eq!(counted_as(&phone, &other_provider), other_provider.prefix);
    let unknown = Spot { as_number: None, ..wandered };
    assert_eq!(counted_as(&Spot { as_number: None, ..phone }, &unknown), unknown.prefix, "unknown is not the same");
}
