//! The operator's own rules: the first that fits decides.

use super::facts::Facts;
use crate::config::{Mode, Rule, When};
use crate::domain::{Account, Country, NetworkClass, Signal, SiteName, Timestamp};

/// What a rule is held against.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// [`crate::domain::Action::name`].
    pub action: &'a str,
    /// Where.
    pub site: &'a SiteName,
    /// Whose.
    pub account: &'a Account,
    /// When it is known.
    pub country: Option<Country>,
    /// When it is known.
    pub as_number: Option<u32>,
    /// By the configured networks.
    pub network: NetworkClass,
    /// What speaks; empty for anything but sign-ins.
    pub signals: &'a [Signal],
}

impl<'a> Subject<'a> {
    /// A sign-in.
    pub fn of_sign_in(facts: &Facts<'a>, signals: &'a [Signal]) -> Self {
        Self {
            action: "sign-in",
            site: facts.site,
            account: facts.account,
            country: facts.whereabouts.country,
            as_number: facts.whereabouts.as_number,
            network: facts.network,
            signals,
        }
    }
}

/// What asking the rules came to.
#[derive(Clone, Debug)]
pub struct Fitting<'a> {
    /// The first that fits and is enforced.
    pub decides: Option<&'a Rule>,
    /// Those before it that fit and only observe, by label.
    pub observed: Vec<String>,
}

/// Asks the rules in their order. One that has ended fits nothing.
pub fn first_fitting<'a>(rules: &'a [Rule], subject: &Subject<'_>, now: Timestamp) -> Fitting<'a> {
    let mut observed = Vec::new();
    for rule in rules {
        if rule.until.is_some_and(|until| until <= now) || !fits(&rule.when, subject) {
            continue;
        }
        match rule.mode {
            Mode::Enforce => return Fitting { decides: Some(rule), observed },
            Mode::Observe => observed.push(rule.label.clone()),
        }
    }
    Fitting { decides: None, observed }
}

/// Whether every condition that is given holds. What is unknown fits no condition.
fn fits(when: &When, subject: &Subject<'_>) -> bool {
    let When { actions, accounts, sites, countries, as_numbers, networks, signals } = when;
    let about = if actions.is_empty() { subject.action == "sign-in" } else { actions.contains(&subject.action) };
    about
        && (accounts.is_empty() || accounts.contains(subject.account))
        && (sites.is_empty() || sites.contains(subject.site))
        && (countries.is_empty() || subject.country.is_some_and(|country| countries.contains(&country)))
        && (as_numbers.is_empty() || subject.as_number.is_some_and(|number| as_numbers.contains(&number)))
        && (networks.is_empty() || networks.contains(&subject.network))
        && signals.iter().all(|name| subject.signals.iter().any(|signal| signal.name == *name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Verdict;

    fn rule(when: When, verdict: Verdict) -> Rule {
        Rule { label: verdict.name().to_owned(), when, verdict, until: None, mode: Mode::Enforce }
    }

    fn decides(rules: &[Rule], subject: &Subject<'_>) -> Option<Verdict> {
        first_fitting(rules, subject, Timestamp::from_millis(1_000)).decides.map(|rule| rule.verdict)
    }

    #[test]
    fn every_given_condition_must_hold_and_the_first_rule_that_fits_decides() {
        let site: SiteName = "webmail.example.edu".into();
        let alice = Account::from_canonical("alice");
        let kp: Country = "KP".parse().expect("a country");
        let subject = Subject {
            action: "sign-in",
            site: &site,
            account: &alice,
            country: Some(kp),
            as_number: Some(64_500),
            network: NetworkClass::Outside,
            signals: &[],
        };
        let from = |country: &str| When { countries: country.parse().into_iter().collect(), ..When::default() };
        let campus = When { networks: vec![NetworkClass::Campus], ..from("KP") };
        let rules = [rule(from("DE"), Verdict::Pass), rule(campus, Verdict::Flag), rule(from("KP"), Verdict::Restrict)];
        assert_eq!(decides(&rules, &subject), Some(Verdict::Restrict));
        assert_eq!(decides(&rules, &Subject { country: None, ..subject.clone() }), None, "unknown fits nothing");
        assert_eq!(decides(&rules, &Subject { action: "send", ..subject.clone() }), None, "rules are about sign-ins");
        let sends = When { actions: vec!["send", "export"], ..When::default() };
        assert_eq!(
            decides(&[rule(sends, Verdict::Restrict)], &Subject { action: "export", ..subject.clone() }),
            Some(Verdict::Restrict)
        );
        let of_bob = When { accounts: vec![Account::from_canonical("bob")], ..When::default() };
        assert_eq!(decides(&[rule(of_bob, Verdict::Pass)], &subject), None);
    }

    #[test]
    fn a_rule_that_observes_or_has_ended_decides_nothing() {
        let site: SiteName = "webmail.example.edu".into();
        let alice = Account::from_canonical("alice");
        let subject = Subject {
            action: "sign-in",
            site: &site,
            account: &alice,
            country: None,
            as_number: None,
            network: NetworkClass::Outside,
            signals: &[],
        };
        let watching = Rule { mode: Mode::Observe, ..rule(When::default(), Verdict::Restrict) };
        let ended = Rule { until: Some(Timestamp::from_millis(1_000)), ..rule(When::default(), Verdict::Challenge) };
        let rules = [watching, ended, rule(When::default(), Verdict::Flag)];
        let fitting = first_fitting(&rules, &subject, Timestamp::from_millis(1_000));
        assert_eq!(fitting.decides.map(|rule| rule.verdict), Some(Verdict::Flag));
        assert_eq!(fitting.observed, ["restrict"]);
    }

    #[test]
    fn all_named_signals_must_speak() {
        let site: SiteName = "webmail.example.edu".into();
        let alice = Account::from_canonical("alice");
        let signal = |name: &'static str| Signal { name: name.into(), weight: 1, sentence: String::new() };
        let speaking = [signal("tor"), signal("new_device")];
        let subject = Subject {
            action: "sign-in",
            site: &site,
            account: &alice,
            country: None,
            as_number: None,
            network: NetworkClass::Outside,
            signals: &speaking,
        };
        let when = |signals: &[&'static str]| When { signals: signals.to_vec(), ..When::default() };
        assert!(decides(&[rule(when(&["new_device", "tor"]), Verdict::Restrict)], &subject).is_some());
        assert!(decides(&[rule(when(&["tor", "new_country"]), Verdict::Restrict)], &subject).is_none());
    }
}
