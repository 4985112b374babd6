//! What a send may do.
//!
//! Messages and recipients are counted per session, account, prefix and site, in as many windows as are configured,
//! and all of them are charged in one step before the message goes upstream. Settled by
//! [`super::limits::Settlement::of_send`].

use std::time::Duration;

use super::limits::{Charge, Charged, Cost, CounterKey};
use super::{Decision, Fact, Why, session};
use crate::config::{Exception, SendLimits};
use crate::domain::{Account, Limit, Prefix, SessionHash, SessionState, SiteName, Timestamp, Verdict};

/// What is known of a send before it is charged.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// When.
    pub now: Timestamp,
    /// Where.
    pub site: &'a SiteName,
    /// Whose, by the session.
    pub account: &'a Account,
    /// Which session.
    pub session: &'a SessionHash,
    /// What the store says of the session.
    pub state: Fact<Option<SessionState>>,
    /// Whether an operator locked the account.
    pub locked: Fact<bool>,
    /// From where.
    pub prefix: Prefix,
    /// Since when the account has known the device of this session; none when it does not.
    pub device_since: Option<Timestamp>,
    /// To + Cc + Bcc. Nothing is sent to nobody: 0 is counted as 1.
    pub recipients: u32,
}

/// A device known for this long makes the limits of its session and account larger.
pub const FAMILIAR_AFTER: Duration = Duration::from_secs(86_400);

/// What the send must be charged before it goes upstream.
///
/// # Errors
/// The decision, where no charge could change it: the session may not send, the account is locked, the message names
/// too many people, or the store does not say.
pub fn charges(facts: &Facts<'_>, limits: &SendLimits, exceptions: &[Exception]) -> Result<Vec<Charge>, Box<Decision>> {
    may_send(facts)?;
    let limits = InForce::of(facts, limits, exceptions);
    let asked = facts.recipients.max(1);
    if asked > limits.recipients_per_message {
        let why = Why::TooManyRecipients { asked, most: limits.recipients_per_message };
        return Err(Box::new(Decision::stop(Verdict::Refuse, why)));
    }
    Ok(limits.charges(facts, asked))
}

/// Whether the send goes upstream. `charged` is what became of [`charges`].
///
/// While the store is away nothing is sent: what cannot be counted is not done. The text stays with the person, who is
/// told to try again in a moment.
pub fn send(facts: &Facts<'_>, charged: Fact<&Charged>) -> Decision {
    if let Err(stopped) = may_send(facts) {
        return *stopped;
    }
    match charged {
        Fact::StoreAway => Decision::stop(Verdict::Throttle, Why::StoreAway),
        Fact::Known(Charged::Over(over)) => Decision::over(over.clone()),
        Fact::Known(Charged::Fits(_)) => Decision::pass(Duration::ZERO),
    }
}

fn may_send(facts: &Facts<'_>) -> Result<(), Box<Decision>> {
    session::state(facts.state, true)?;
    match facts.locked {
        Fact::Known(false) => Ok(()),
        Fact::Known(true) => Err(Box::new(Decision::stop(Verdict::Refuse, Why::Locked))),
        Fact::StoreAway => Err(Box::new(Decision::stop(Verdict::Throttle, Why::StoreAway))),
    }
}

/// The limits that hold for one send: the general ones, larger on a familiar device, or an exception's in their place.
struct InForce<'a> {
    general: &'a SendLimits,
    exception: Option<&'a Exception>,
    familiar_factor: f64,
    recipients_per_message: u32,
}

impl<'a> InForce<'a> {
    fn of(facts: &Facts<'_>, general: &'a SendLimits, exceptions: &'a [Exception]) -> Self {
        let holds = |exception: &&Exception| exception.until > facts.now && exception.accounts.contains(facts.account);
        let exception = exceptions.iter().find(holds);
        let familiar = facts.device_since.is_some_and(|since| facts.now.since(since) >= FAMILIAR_AFTER);
        Self {
            general,
            exception,
            familiar_factor: if familiar { general.familiar_factor } else { 1.0 },
            recipients_per_message: exception
                .and_then(|exception| exception.recipients_per_message)
                .unwrap_or(general.recipients_per_message),
        }
    }

    /// One line per limit: its name in the configuration, what it counts, whose, and whether familiarity makes it larger.
    fn charges(&self, facts: &Facts<'_>, recipients: u32) -> Vec<Charge> {
        let Facts { site, account, session, prefix, .. } = facts;
        let of_session = format!("{site}/{session}");
        let of_account = format!("{site}/{account}");
        let of_prefix = format!("{site}/{prefix}");
        let (one, all) = (Cost::Units(1), Cost::Units(recipients));
        let general = self.general;
        let (grows, stays) = (self.familiar_factor, 1.0);
        let counted: [(&'static str, &[Limit], Cost, &str, f64); 8] = [
            ("recipients_per_session", &general.recipients_per_session, all, &of_session, grows),
            ("recipients_per_account", &general.recipients_per_account, all, &of_account, grows),
            ("recipients_per_prefix", &general.recipients_per_prefix, all, &of_prefix, stays),
            ("recipients_per_site", &general.recipients_per_site, all, site, stays),
            ("messages_per_session", &general.messages_per_session, one, &of_session, grows),
            ("messages_per_account", &general.messages_per_account, one, &of_account, grows),
            ("messages_per_prefix", &general.messages_per_prefix, one, &of_prefix, stays),
            ("messages_per_site", &general.messages_per_site, one, site, stays),
        ];
        let charge = |(name, general, cost, subject, factor): (&'static str, &[Limit], Cost, &str, f64)| {
            let limits = self.excepted(name).map_or_else(|| larger(general, factor), <[Limit]>::to_vec);
            (!limits.is_empty()).then(|| Charge::limited(CounterKey::new(name, subject), name, cost, limits))
        };
        counted.into_iter().filter_map(charge).collect()
    }

    fn excepted(&self, name: &str) -> Option<&'a [Limit]> {
        let limits = &self.exception?.limits;
        limits.iter().find(|(excepted, _)| *excepted == name).map(|(_, limits)| limits.as_slice())
    }
}

/// Whole units only, and never fewer than the configuration says.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn larger(limits: &[Limit], factor: f64) -> Vec<Limit> {
    // `as` saturates, and a factor that is no number counts as 1.
    let amount = |amount: u32| amount.max((f64::from(amount) * factor).floor() as u32);
    limits.iter().map(|limit| Limit { amount: amount(limit.amount), window: limit.window }).collect()
}

/// The charge that every attempt to send makes, allowed or not, for [`alert`]; none where no alert line is set.
/// Charged by itself, as the other charges of the send may be refused, and never given back.
pub fn attempt(site: &SiteName, account: &Account, limits: &SendLimits) -> Option<Charge> {
    let keep = limits.alert_messages_per_account.iter().map(|line| line.window).max()?;
    Some(Charge::counted(attempts_key(site, account), ALERT, Cost::Units(1), keep))
}

/// The counter of attempts to send, to be counted over each alert line's window after [`attempt`] was charged.
pub fn attempts_key(site: &SiteName, account: &Account) -> CounterKey {
    CounterKey::new(ALERT, &format!("{site}/{account}"))
}

/// For an account whose attempts have passed an alert line, the charge that says whether this was told already: it fits
/// exactly once per window of the line, on all nodes together. Fits: raise the alert. Over: it was raised. `attempts`
/// is what [`attempts_key`] holds over `line.window`, this attempt included.
pub fn alert(site: &SiteName, account: &Account, line: Limit, attempts: u32) -> Option<Charge> {
    let key = CounterKey::new("alerts_told_per_account", &format!("{site}/{account}/{line}"));
    let once = vec![Limit { amount: 1, window: line.window }];
    (attempts > line.amount).then(|| Charge::limited(key, ALERT, Cost::Units(1), once))
}

const ALERT: &str = "alert_messages_per_account";

#[cfg(test)]
mod tests;
