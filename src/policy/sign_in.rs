//! What a sign-in may do.
//!
//! Guessing is stopped without ever stopping the person whose password is guessed: what strangers spend is counted
//! apart from what a known device or the operator's own networks spend. Reserved before the password goes upstream,
//! settled by [`super::limits::Settlement::of_sign_in`].

use std::time::Duration;

use super::limits::{Charge, Charged, Cost, CounterKey};
use super::{Decision, Fact, Why};
use crate::config::SignInLimits;
use crate::domain::{Account, Door, Limit, NetworkClass, Prefix, SiteName, Verdict};

/// What is known of a sign-in before it is charged.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Through which door.
    pub door: Door,
    /// Where.
    pub site: &'a SiteName,
    /// Whose account is claimed. Written by the client, canonical.
    pub account: &'a Account,
    /// A keyed 32-bit fingerprint of site and account, so that nobody can choose names that count as one.
    pub account_fingerprint: u32,
    /// A keyed 32-bit fingerprint of site, account and password.
    pub password_fingerprint: u32,
    /// From where.
    pub prefix: Prefix,
    /// By the configured networks.
    pub network: NetworkClass,
    /// The device, if its cookie is genuine, is for this account and site, and the store says that the account knows
    /// it; at a door without browsers, a prefix of a network that the account has signed in from. A store that does not
    /// answer makes it none.
    pub known_device: Option<[u8; 16]>,
    /// Whether an operator locked the account.
    pub locked: Fact<bool>,
    /// How many distinct accounts signed in from this prefix lately: [`successes_key`] over [`SUCCESSES_WINDOW`].
    pub successes_from_prefix: Fact<u32>,
    /// For each of `failures_per_site_before_slowing`, what [`site_failures_key`] holds over its window.
    pub site_failures: Fact<&'a [(Limit, u32)]>,
}

impl Facts<'_> {
    /// Whether nothing speaks for this client: no known device, and not from a network the operator vouches for.
    fn is_stranger(&self) -> bool {
        self.known_device.is_none() && self.network == NetworkClass::Outside
    }
}

/// How far back successes make a prefix's allowance grow.
pub const SUCCESSES_WINDOW: Duration = Duration::from_secs(86_400);

/// So many distinct accounts that succeed make room for one more that fails: of people who sign in behind one address,
/// fewer than a quarter mistype in the same hour, while of a sprayed list far fewer than four in five succeed.
const SUCCESSES_PER_FAILING_ACCOUNT: u32 = 4;

/// Behind an address of the operator's own or a trusted network there are many people from the first hour on.
const OWN_NETWORK_FACTOR: u32 = 10;

/// The longest a stranger's sign-in is held back by the site-wide brake.
pub const DELAY_MAX: Duration = Duration::from_secs(4);

/// The first step of the brake.
const DELAY_STEP: Duration = Duration::from_millis(500);

/// Names of accounts longer than this are shortened in keys: a stranger chooses them, and they fill memory.
const ACCOUNT_IN_KEY_MAX: usize = 64;

/// The counter of distinct accounts that signed in from a prefix.
pub fn successes_key(site: &SiteName, prefix: Prefix) -> CounterKey {
    CounterKey::new("successes_per_prefix", format_args!("{site}/{prefix}"))
}

/// The charge that a sign-in makes after it succeeded: it makes the allowance of its prefix grow. Never refused.
pub fn success(site: &SiteName, prefix: Prefix, account_fingerprint: u32) -> Charge {
    Charge::counted(
        successes_key(site, prefix),
        "successes_per_prefix",
        Cost::Distinct(account_fingerprint),
        SUCCESSES_WINDOW,
    )
}

/// The counter of failures at a site by strangers.
pub fn site_failures_key(site: &SiteName) -> CounterKey {
    CounterKey::new("failures_per_site_before_slowing", site)
}

/// What the sign-in must be charged before it goes upstream.
///
/// # Errors
/// The decision, where no charge could change it: the account is locked, or the store does not say.
pub fn charges(facts: &Facts<'_>, limits: &SignInLimits) -> Result<Vec<Charge>, Box<Decision>> {
    match facts.locked {
        Fact::Known(true) => return Err(Box::new(Decision::stop(Verdict::Refuse, Why::Locked))),
        Fact::StoreAway => return Err(Box::new(Decision::stop(Verdict::Throttle, Why::StoreAway))),
        Fact::Known(false) => {}
    }
    let mut charges = vec![guesses(facts, limits)];
    // A known device has only its own allowance: whoever shares its address cannot spend that.
    if facts.known_device.is_none() {
        charges.push(spray(facts, limits));
    }
    if facts.is_stranger() {
        charges.push(guesses_together(facts, limits));
        charges.push(failures_at_the_site(facts, limits));
    }
    charges.retain(|charge| !charge.limits.is_empty() || !charge.keep.is_zero());
    Ok(charges)
}

/// Whether the sign-in goes upstream. `charged` is what became of [`charges`].
///
/// While nobody can count, nothing is let through, from wherever it comes: an uncounted guess is a free guess. A node
/// whose shared store is away counts by itself, up to its [`super::share`]. Sessions that are open already go on reading.
pub fn sign_in(facts: &Facts<'_>, charged: Fact<&Charged>) -> Decision {
    match (facts.locked, charged) {
        (Fact::Known(true), _) => Decision::stop(Verdict::Refuse, Why::Locked),
        (Fact::StoreAway, _) | (_, Fact::StoreAway) => Decision::stop(Verdict::Throttle, Why::StoreAway),
        (Fact::Known(false), Fact::Known(Charged::Over(over))) => Decision::over(over.clone()),
        (Fact::Known(false), Fact::Known(Charged::Fits(_))) => Decision::pass(brake(facts)),
    }
}

/// How long a sign-in is held back: strangers only, once strangers together have failed more often than the site's
/// line, twice as long for each further time that line is passed, never longer than [`DELAY_MAX`].
fn brake(facts: &Facts<'_>) -> Duration {
    if !facts.is_stranger() {
        return Duration::ZERO;
    }
    let Fact::Known(failures) = facts.site_failures else { return DELAY_MAX };
    let delay = |(limit, failed): &(Limit, u32)| match failed / limit.amount.max(1) {
        0 => Duration::ZERO,
        times => DELAY_STEP.saturating_mul(1 << (times - 1).min(8)).min(DELAY_MAX),
    };
    failures.iter().map(delay).max().unwrap_or_default()
}

fn guesses(facts: &Facts<'_>, limits: &SignInLimits) -> Charge {
    let account = account_in_key(facts.site, facts.account, facts.account_fingerprint);
    // Counters of one name are bounded together in the store, so strangers have a name of their own to fill.
    let key = match (facts.known_device, facts.network) {
        (Some(device), _) => {
            let device = data_encoding::HEXLOWER.encode(&device);
            CounterKey::new("failures_per_account_and_device", format_args!("{account}/{device}"))
        }
        (None, NetworkClass::Outside) => {
            CounterKey::new("failures_per_account_and_prefix", format_args!("{account}/{}", facts.prefix))
        }
        (None, NetworkClass::Campus | NetworkClass::Trusted) => {
            CounterKey::new("failures_per_account_and_own_prefix", format_args!("{account}/{}", facts.prefix))
        }
    };
    Charge::limited(
        key,
        "failures_per_account_and_prefix",
        Cost::Distinct(facts.password_fingerprint),
        limits.failures_per_account_and_prefix.clone(),
    )
}

fn spray(facts: &Facts<'_>, limits: &SignInLimits) -> Charge {
    let successes = match facts.successes_from_prefix {
        Fact::Known(successes) => successes,
        Fact::StoreAway => 0,
    };
    let (name, factor) = match facts.network {
        NetworkClass::Outside => ("failing_accounts_per_prefix", 1),
        NetworkClass::Campus | NetworkClass::Trusted => ("failing_accounts_per_own_prefix", OWN_NETWORK_FACTOR),
    };
    let grown = |limit: &Limit| Limit {
        amount: limit.amount.saturating_mul(factor).saturating_add(successes / SUCCESSES_PER_FAILING_ACCOUNT),
        window: limit.window,
    };
    Charge::limited(
        CounterKey::new(name, format_args!("{}/{}", facts.site, facts.prefix)),
        "failing_accounts_per_prefix",
        Cost::Distinct(facts.account_fingerprint),
        limits.failing_accounts_per_prefix.iter().map(grown).collect(),
    )
}

/// Every attempt counts here, not only distinct passwords: Roundcube counts each failure against the account and after
/// three in a minute refuses its owner too, so one wrong password sent over and over would lock that person out. Mail
/// servers do not, and a mail program tries its one password over several connections at once.
fn guesses_together(facts: &Facts<'_>, limits: &SignInLimits) -> Charge {
    let one_try = Cost::Distinct(facts.password_fingerprint);
    Charge::limited(
        CounterKey::new("failures_per_account", account_in_key(facts.site, facts.account, facts.account_fingerprint)),
        "failures_per_account",
        if facts.door.is_webmail() { Cost::Units(1) } else { one_try },
        limits.failures_per_account.clone(),
    )
}

fn failures_at_the_site(facts: &Facts<'_>, limits: &SignInLimits) -> Charge {
    let keep = limits.failures_per_site_before_slowing.iter().map(|limit| limit.window).max().unwrap_or_default();
    let key = site_failures_key(facts.site);
    Charge::counted(key, "failures_per_site_before_slowing", Cost::Units(1), keep)
}

/// The counters of guesses at an account, from a prefix, or at an account from a prefix: what an operator who knows better
/// has forgotten. `account` is as [`account_in_key`] says.
pub fn counters(site: &SiteName, account: Option<&str>, prefix: Option<Prefix>) -> Vec<CounterKey> {
    let named = |names: &[&str], subject: String| -> Vec<CounterKey> {
        names.iter().map(|name| CounterKey::new(name, &subject)).collect()
    };
    match (account, prefix) {
        (Some(account), None) => named(&["failures_per_account"], account.to_owned()),
        (None, Some(prefix)) => {
            let names = ["failing_accounts_per_prefix", "failing_accounts_per_own_prefix"];
            named(&names, format!("{site}/{prefix}"))
        }
        (Some(account), Some(prefix)) => {
            let names = ["failures_per_account_and_prefix", "failures_per_account_and_own_prefix"];
            named(&names, format!("{account}/{prefix}"))
        }
        (None, None) => Vec::new(),
    }
}

/// Site and account as they stand in the keys of counters that strangers fill: long names are shortened. `fingerprint`
/// is the account's, keyed.
pub fn account_in_key(site: &SiteName, account: &Account, fingerprint: u32) -> String {
    let name = account.as_str();
    if name.len() <= ACCOUNT_IN_KEY_MAX {
        return format!("{site}/{name}");
    }
    let start: String = name.chars().take(ACCOUNT_IN_KEY_MAX / 4).collect();
    format!("{site}/{start}…{fingerprint:08x}")
}

#[cfg(test)]
mod tests;
