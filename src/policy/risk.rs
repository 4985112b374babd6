//! What a sign-in comes to, once the webmail has let it through: the sum of its signals against the thresholds, then
//! the operator's own rules.

use std::time::Duration;

use super::facts::Facts;
use super::limits::{Charge, Cost, CounterKey};
use super::{Fact, rule, signals};
use crate::config::{Risk, Rule};
use crate::domain::{Country, Door, Prefix, SessionState, Signal, SiteName, Verdict};

/// What a sign-in, or a session that moved, comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// In a word: pass, flag, challenge, restrict or refuse.
    pub verdict: Verdict,
    /// What spoke, heaviest first.
    pub signals: Vec<Signal>,
    /// The operator's rule that decided, when one did.
    pub rule: Option<String>,
    /// Rules that only observe and would have fitted.
    pub observed: Vec<String>,
}

/// How far back wrong passwords count as "before".
pub const FAILURES_WINDOW: Duration = Duration::from_secs(3_600);

/// How long a flag that nobody decides about is held against new browsers: a weekend.
pub const OPEN_FLAG_WINDOW: Duration = Duration::from_secs(3 * 86_400);

/// Within which many newcomers are many.
pub const NEWCOMERS_WINDOW: Duration = Duration::from_secs(3_600);

/// How long a country counts as seen at a site.
pub const COUNTRIES_WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// A site where fewer accounts have signed in within [`COUNTRIES_WINDOW`] says nothing about countries.
pub const ACCOUNTS_AT_SITE: u32 = 50;

/// Judges a sign-in.
///
/// What is usual for the account is part of every judgement. Where the store does not say, a newcomer's session reads
/// only; a browser that the account is known to have, and campus, vouch for the rest, and the operator is told.
pub fn judge(facts: &Facts<'_>, risk: &Risk, rules: &[Rule]) -> Judgement {
    let mut signals = signals::speaking(facts, risk);
    let fitting = rule::first_fitting(rules, &rule::Subject::of_sign_in(facts, &signals), facts.now);
    let by_sum = by_sum(&signals, risk);
    let away = facts.profile == Fact::StoreAway;
    let verdict = match &fitting.decides {
        Some(rule) => rule.verdict,
        None if away && facts.is_newcomer() => Verdict::Restrict.max(by_sum),
        None if away => Verdict::Flag.max(by_sum),
        None => by_sum,
    };
    if away && verdict != Verdict::Pass {
        signals.push(judged_without_the_store());
    }
    Judgement { verdict, signals, rule: fitting.decides.map(|rule| rule.label.clone()), observed: fitting.observed }
}

/// What the weights of these come to; below 0 where more speaks for than against.
pub(super) fn sum(signals: &[Signal]) -> i32 {
    signals.iter().map(|signal| signal.weight).fold(0, i32::saturating_add)
}

pub(super) fn by_sum(signals: &[Signal], risk: &Risk) -> Verdict {
    match sum(signals) {
        sum if sum >= risk.refuse => Verdict::Refuse,
        sum if sum >= risk.restrict => Verdict::Restrict,
        sum if sum >= risk.challenge => Verdict::Challenge,
        sum if sum >= risk.flag => Verdict::Flag,
        _ => Verdict::Pass,
    }
}

/// Why a sign-in was judged by less than usual. It weighs nothing: it is no observation about the client.
fn judged_without_the_store() -> Signal {
    let sentence = "What is usual for the account could not be looked up: the store did not answer.".to_owned();
    Signal { name: "store_away".into(), weight: 0, sentence }
}

impl Judgement {
    /// What the session may do after it, by [`super::proof::state`].
    pub const fn state(&self, can_prove: bool) -> SessionState {
        super::proof::state(self.verdict, can_prove)
    }

    /// Whether a second proof could make anything of it, so that it is worth asking what the account can prove with.
    pub const fn asks(&self) -> bool {
        matches!(self.verdict, Verdict::Challenge | Verdict::Restrict | Verdict::Throttle)
    }

    /// Whether the sign-in may teach the profile at once.
    pub const fn passed(&self) -> bool {
        matches!(self.verdict, Verdict::Pass | Verdict::Flag)
    }

    /// Whether the operator is told.
    pub const fn is_flagged(&self) -> bool {
        !matches!(self.verdict, Verdict::Pass)
    }
}

/// The counter of wrong passwords for an account; who typed them does not matter.
pub fn failures_key(of_account: &str) -> CounterKey {
    CounterKey::new(FAILURES, of_account)
}

/// What a wrong password charges beside the limits. Never refused, never given back. A mail program that was not told of a
/// new password tries the old one all day: that is one, by its keyed fingerprint.
pub fn failure(of_account: &str, door: Door, password_fingerprint: u32) -> Charge {
    let cost = if door.is_webmail() { Cost::Units(1) } else { Cost::Distinct(password_fingerprint) };
    Charge::counted(failures_key(of_account), FAILURES, cost, FAILURES_WINDOW)
}

/// The counter of accounts that signed in from a prefix with new browsers.
pub fn newcomers_key(site: &SiteName, prefix: Prefix) -> CounterKey {
    CounterKey::new(NEWCOMERS, format_args!("{site}/{prefix}"))
}

/// The counter of networks that signed in to an account with new browsers.
pub fn networks_key(of_account: &str) -> CounterKey {
    CounterKey::new(NETWORKS, of_account)
}

/// What a sign-in with a new browser from outside charges before it is judged, so that it counts itself. `of_account`
/// is the account as it stands in keys; the fingerprints are keyed.
pub fn newcomer(
    site: &SiteName,
    of_account: &str,
    prefix: Prefix,
    account_fingerprint: u32,
    network_fingerprint: u32,
) -> [Charge; 2] {
    [
        Charge::counted(newcomers_key(site, prefix), NEWCOMERS, Cost::Distinct(account_fingerprint), NEWCOMERS_WINDOW),
        Charge::counted(networks_key(of_account), NETWORKS, Cost::Distinct(network_fingerprint), NEWCOMERS_WINDOW),
    ]
}

/// The counter that says whether a country was seen at a site.
pub fn country_key(site: &SiteName, country: Country) -> CounterKey {
    CounterKey::new(COUNTRIES, format_args!("{site}/{country}"))
}

/// The counter of accounts that signed in at a site, up to a little more than [`ACCOUNTS_AT_SITE`].
pub fn accounts_key(site: &SiteName) -> CounterKey {
    CounterKey::new(ACCOUNTS, site)
}

/// What a sign-in that passed charges, so that the site gets to know its countries.
pub fn at_site(site: &SiteName, country: Option<Country>, account_fingerprint: u32) -> Vec<Charge> {
    // Sixty-four slots are enough to tell fifty accounts from none, and keep the counter small at the largest site.
    let slot = account_fingerprint % 64;
    let mut charges = vec![Charge::counted(accounts_key(site), ACCOUNTS, Cost::Distinct(slot), COUNTRIES_WINDOW)];
    if let Some(country) = country {
        charges.push(Charge::counted(country_key(site, country), COUNTRIES, Cost::Distinct(0), COUNTRIES_WINDOW));
    }
    charges
}

const FAILURES: &str = "failures_before";
const NEWCOMERS: &str = "accounts_from_prefix";
const NETWORKS: &str = "prefixes_for_account";
const COUNTRIES: &str = "countries_at_site";
const ACCOUNTS: &str = "accounts_at_site";

#[cfg(test)]
mod tests;
