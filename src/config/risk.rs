//! `[risk]` and `[[rule]]`: what signals weigh, what their sum comes to, and the operator's own verdicts.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::value::{self, Report, Section, Value, duration, kind, list, parsed, short_text};
use super::{Mode, Risk, Rule, Site, When, schema};
use crate::domain::{
    Account, Action, CAMPAIGN_SIGNALS, Country, MOVE_SIGNALS, NetworkClass, SIGNALS, SiteName, Timestamp, Verdict,
};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

/// Weights and thresholds beyond this are slips of the hand.
pub(super) const WEIGHT_MAX: i32 = 1000;

/// Values one condition may list.
const LISTED_MAX: usize = 10_000;

pub(super) fn read_risk(section: &Section<'_, '_>) -> Risk {
    let usual = Risk::default();
    let threshold = |name: &str, absent: i32| section.get(name, whole(1, WEIGHT_MAX)).unwrap_or(absent);
    let weights = section.section("weights", &schema::RISK_WEIGHTS);
    let weight = |kind: &crate::domain::SignalKind| {
        weights.get(kind.name, whole(-WEIGHT_MAX, WEIGHT_MAX)).unwrap_or(kind.weight)
    };
    let risk = Risk {
        flag: threshold("flag", usual.flag),
        challenge: threshold("challenge", usual.challenge),
        restrict: threshold("restrict", usual.restrict),
        refuse: threshold("refuse", usual.refuse),
        weights: SIGNALS.iter().map(weight).collect(),
        move_weights: MOVE_SIGNALS.iter().map(weight).collect(),
        campaign_weights: CAMPAIGN_SIGNALS.iter().map(weight).collect(),
        proof_for: section
            .get("proof_for", list(parsed(guarded_move)))
            .map_or(usual.proof_for, |actions| actions.into_iter().map(|(action, _)| action).collect()),
        forget_after: section
            .get("forget_after", duration(DAY * 7..=DAY * 3650, "between 7 days and ten years"))
            .unwrap_or(usual.forget_after),
        campaigns_live: section
            .get("campaigns_live", duration(HOUR..=DAY * 7, "between an hour and 7 days"))
            .unwrap_or(usual.campaigns_live),
    };
    let steps =
        [("flag", risk.flag), ("challenge", risk.challenge), ("restrict", risk.restrict), ("refuse", risk.refuse)];
    for pair in steps.windows(2) {
        let [(milder, low), (harder, high)] = pair else { continue };
        if low > high {
            let written = if section.value(harder).is_some() { harder } else { milder };
            section.report.mistake(
                &section.place(written),
                format_args!("{milder} is {low} and {harder} is {high}: nothing would ever come to {milder} alone"),
                "thresholds rise from flag over challenge and restrict to refuse",
            );
        }
    }
    risk
}

fn guarded_move(text: &str) -> Result<&'static str, String> {
    Action::MOVES
        .into_iter()
        .find(|name| *name == text)
        .ok_or_else(|| format!("expected one of {}", Action::MOVES.map(|name| format!("{name:?}")).join(", ")))
}

pub(super) fn read_rules(top: &Section<'_, '_>, sites: &[Arc<Site>], now: Timestamp) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (place, section) in top.sections("rule", &schema::RULE).into_iter().enumerate() {
        let report = section.report;
        if section.value("when").is_none() {
            report.mistake(&section.span, "[[rule]] has no \"when\"", "add: when = { country = [\"XX\"] }");
        }
        let when = read_when(&section.section("when", &schema::RULE_WHEN), sites);
        let verdict = section.required("verdict", parsed(rule_verdict));
        let until = section.get("until", value::end_of);
        if until.is_some_and(|until| until <= now) {
            report.warning(
                &section.place("until"),
                "this rule has ended and decides nothing",
                "set a later \"until\", or take the rule out",
            );
        }
        let why = section.get("why", parsed(short_text));
        let label = why.unwrap_or_else(|| format!("rule {}", place + 1));
        let mode = section.get("mode", parsed(value::mode)).unwrap_or(Mode::Enforce);
        if let Some(verdict) = verdict {
            rules.push(Rule { label, when, verdict, until, mode });
        }
    }
    rules
}

fn read_when(section: &Section<'_, '_>, sites: &[Arc<Site>]) -> When {
    let report = section.report;
    let mut accounts: Vec<Account> = section
        .get("account", one_or_more(value::text))
        .unwrap_or_default()
        .into_iter()
        .flat_map(|typed| sites.iter().map(move |site| site.accounts.fold(typed)))
        .collect();
    accounts.sort();
    accounts.dedup();
    if accounts.iter().any(|account| account.as_str().is_empty()) {
        report.mistake(&section.place("account"), "an empty name is no account", "expected a login name");
    }
    let site = |host: &str| -> Result<SiteName, String> {
        let lower = host.to_ascii_lowercase();
        let found = sites.iter().find(|site| site.hosts.contains(&lower));
        found.map(|site| Arc::clone(&site.name)).ok_or_else(|| {
            let known: Vec<&str> = sites.iter().map(|site| &*site.name).collect();
            format!("expected a site: {}", known.join(", "))
        })
    };
    let when = When {
        actions: section
            .get("action", one_or_more(parsed(|text| among(text, Action::GUARDED.iter().copied()))))
            .unwrap_or_default(),
        accounts,
        sites: section.get("site", one_or_more(parsed(site))).unwrap_or_default(),
        countries: section.get("country", one_or_more(parsed(Country::from_str))).unwrap_or_default(),
        as_numbers: section.get("as_number", one_or_more(value::number32(1..=u32::MAX))).unwrap_or_default(),
        networks: section.get("network_class", one_or_more(parsed(network_class))).unwrap_or_default(),
        signals: section
            .get("signals", one_or_more(parsed(|text| among(text, SIGNALS.iter().map(|kind| kind.name)))))
            .unwrap_or_default(),
    };
    let about_sign_ins = when.actions.is_empty() || when.actions.contains(&"sign-in");
    if !when.signals.is_empty() && !about_sign_ins {
        report.mistake(
            &section.place("signals"),
            "only sign-ins have signals, and this rule is about something else",
            "take \"signals\" or \"action\" out",
        );
    }
    when
}

fn network_class(text: &str) -> Result<NetworkClass, String> {
    let name = among(text, NetworkClass::ALL.into_iter().map(NetworkClass::name))?;
    let class = NetworkClass::ALL.into_iter().find(|class| class.name() == name);
    Ok(class.unwrap_or(NetworkClass::Outside))
}

/// A rule never refuses: what it is wrong about must stay mendable by a person.
fn rule_verdict(text: &str) -> Result<Verdict, &'static str> {
    Verdict::from_name(text)
        .filter(|verdict| *verdict <= Verdict::Restrict)
        .ok_or("expected \"pass\", \"flag\", \"challenge\" or \"restrict\"")
}

/// One of some words.
pub(super) fn among(text: &str, known: impl Iterator<Item = &'static str> + Clone) -> Result<&'static str, String> {
    known.clone().find(|word| *word == text).ok_or_else(|| {
        let hint = value::hint(text, known.clone());
        format!("expected one of: {}{hint}", known.collect::<Vec<_>>().join(", "))
    })
}

/// A whole number, negative ones too.
pub(super) fn whole(least: i32, most: i32) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<i32> {
    move |report, value| {
        let number = match value.get_ref() {
            DeValue::Integer(number) => i32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let within = number.filter(|number| (least..=most).contains(number));
        if within.is_none() {
            report.mistake(
                &value.span(),
                format_args!("found {}", kind(value.get_ref())),
                format_args!("expected a whole number from {least} to {most}"),
            );
        }
        within
    }
}

/// One value or a list of them.
pub(super) fn one_or_more<'t, 'r, T>(
    each: impl Fn(&Report<'t>, &'r Value<'t>) -> Option<T>,
) -> impl Fn(&Report<'t>, &'r Value<'t>) -> Option<Vec<T>>
where
    't: 'r,
{
    move |report, value| match value.get_ref() {
        DeValue::Array(array) if array.is_empty() || array.len() > LISTED_MAX => {
            let found: &dyn Display = if array.is_empty() { &"found an empty list" } else { &"found too long a list" };
            report.mistake(&value.span(), found, format_args!("list 1 to {LISTED_MAX}, or take the condition out"));
            None
        }
        DeValue::Array(_) => Some(list(&each)(report, value)?.into_iter().map(|(one, _)| one).collect()),
        _ => Some(vec![each(report, value)?]),
    }
}
