//! `[challenge]`: what a person may be asked for, and how often it may be tried.

use std::time::Duration;

use super::Challenge;
use super::value::{Section, duration, limits, list, parsed, truth};
use crate::domain::{FactorKind, Limit};

const MINUTE: Duration = Duration::from_secs(60);

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
        notices: section.get("notices", truth).unwrap_or(usual.notices),
        lives: section
            .get("lives", duration(MINUTE * 2..=MINUTE * 60, "from 2 minutes to one hour"))
            .unwrap_or(usual.lives),
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
    if challenge.wrong_codes_per_account.is_empty() {
        section.report.warning(
            &section.place("wrong_codes_per_account"),
            "codes may be guessed without end from many addresses",
            "set \"wrong_codes_per_account\"",
        );
    }
    challenge
}

fn factor(text: &str) -> Result<FactorKind, String> {
    FactorKind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = FactorKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}
