//! `[challenge]`: what a person may be asked for, and how often it may be tried.

use std::time::Duration;

use toml::de::DeValue;

use super::value::{self, Report, Section, Value, duration, limits, list, parsed};
use super::{Challenge, Notices};
use crate::domain::{FactorKind, Limit};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read_challenge(section: &Section<'_, '_>) -> Challenge {
    let usual = Challenge::default();
    let kinds = |name: &str| section.get(name, list(parsed(factor)));
    let factors: Vec<FactorKind> = kinds("factors")
        .map_or_else(|| usual.factors.clone(), |kinds| kinds.into_iter().map(|(kind, _)| kind).collect());
    let opens = kinds("opens_restricted");
    for (kind, span) in opens.iter().flatten().filter(|(kind, _)| !factors.contains(kind)) {
        section.report.mistake(
            span,
            format_args!("\"opens_restricted\" names {}, which is not in \"factors\"", kind.name()),
            "what may not be used opens nothing; name it in both, or in neither",
        );
    }
    let opens_restricted = match opens {
        Some(kinds) => kinds.into_iter().map(|(kind, _)| kind).collect(),
        None => usual.opens_restricted.iter().copied().filter(|kind| factors.contains(kind)).collect(),
    };
    let limited = |name: &str, absent: &[Limit]| {
        section
            .get(name, limits)
            .map_or_else(|| absent.to_vec(), |limits| limits.into_iter().map(|(limit, _)| limit).collect::<Vec<_>>())
    };
    let challenge = Challenge {
        notices: section.get("notices", notices).unwrap_or(usual.notices),
        ask_from: section.get("ask_from", value::beginning_of),
        ask_share_per_week: section
            .get("ask_share_per_week", value::number32(1..=100))
            .unwrap_or(usual.ask_share_per_week),
        invite_every: section.get("invite_every", duration(DAY..=DAY * 365, "from one to 365 days")),
        lives: section
            .get("lives", duration(MINUTE * 2..=MINUTE * 60, "from 2 minutes to one hour"))
            .unwrap_or(usual.lives),
        hold_for: section
            .get("hold_for", duration(Duration::from_secs(1)..=MINUTE * 120, "from one second to two hours"))
            .unwrap_or(usual.hold_for),
        helpdesk_code_lives: section
            .get("helpdesk_code_lives", duration(MINUTE * 5..=MINUTE * 60 * 24 * 7, "from 5 minutes to 7 days"))
            .unwrap_or(usual.helpdesk_code_lives),
        wrong_codes_per_account_and_prefix: limited(
            "wrong_codes_per_account_and_prefix",
            &usual.wrong_codes_per_account_and_prefix,
        ),
        wrong_codes_per_account: limited("wrong_codes_per_account", &usual.wrong_codes_per_account),
        factors,
        opens_restricted,
    };
    if section.value("ask_share_per_week").is_some() && challenge.ask_from.is_none() {
        section.report.mistake(
            &section.place("ask_share_per_week"),
            "\"ask_share_per_week\" says how many, and nothing says from when",
            "add: ask_from = 2027-01-11, the day on which the first are asked",
        );
    }
    if challenge.wrong_codes_per_account.is_empty() {
        section.report.warning(
            &section.place("wrong_codes_per_account"),
            "codes may be guessed without end from many addresses",
            "set \"wrong_codes_per_account\"",
        );
    }
    challenge
}

fn notices(report: &Report<'_>, value: &Value<'_>) -> Option<Notices> {
    if let DeValue::Boolean(told) = value.get_ref() {
        return Some(if *told { Notices::Other } else { Notices::None });
    }
    parsed(|text| match text {
        "none" => Ok(Notices::None),
        "other" => Ok(Notices::Other),
        "mailbox" => Ok(Notices::Mailbox),
        "both" => Ok(Notices::Both),
        _ => Err("expected \"other\", \"mailbox\", \"both\" or \"none\""),
    })(report, value)
}

fn factor(text: &str) -> Result<FactorKind, String> {
    FactorKind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = FactorKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}
