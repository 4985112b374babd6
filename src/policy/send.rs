//! What a send may do.
//!
//! Messages and recipients are counted per session, account, prefix and site, in as many windows as are configured,
//! and all of them are charged in one step before the message goes upstream. Settled by
//! [`super::limits::Settlement::of_send`].

use std::time::Duration;

use super::limits::{Charge, Charged, Cost, CounterKey, WhenMet};
use super::{Decision, Fact, Why, session};
use crate::config::{Exception, SendLimits};
use crate::domain::{
    Account, Limit, NetworkClass, Prefix, SessionHash, SessionState, SiteName, Spot, Timestamp, Verdict,
};

/// What is known of a send before it is charged.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// When.
    pub now: Timestamp,
    /// Where.
    pub site: &'a SiteName,
    /// Whose, by the session.
    pub account: &'a Account,
    /// Which session; none at a door without sessions: nothing is counted by session there.
    pub session: Option<&'a SessionHash>,
    /// What the store says of the session; at a door without sessions, of who comes there.
    pub state: Fact<Option<SessionState>>,
    /// Whether an operator locked the account.
    pub locked: Fact<bool>,
    /// From where.
    pub prefix: Prefix,
    /// Since when the account has known the device of this session; none when it does not.
    pub device_since: Option<Timestamp>,
    /// To + Cc + Bcc. Nothing is sent to nobody: 0 is counted as 1.
    pub recipients: u32,
    /// From where, by the configured networks.
    pub network: NetworkClass,
    /// Which place it counts as when the places of an account are counted; none where a familiar browser sends.
    pub place: Option<SendingPlace>,
    /// Of the recipients, to how many the account never wrote.
    pub first_written: u32,
    /// Whether enough is known of the account to call that unlike its owner.
    pub is_account_known: bool,
    /// The operator's rule that stops it, by label.
    pub rule: Option<String>,
}

/// A place that sends, as keyed fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendingPlace {
    /// The network: /24, or /48 of IPv6; all of campus is one.
    pub network: u32,
    /// The country, when it is known and means something.
    pub country: Option<u32>,
}

/// Whether an account has known a browser long enough for it to speak for its owner: not the evening of the theft.
pub fn is_familiar(device_since: Option<Timestamp>, now: Timestamp) -> bool {
    device_since.is_some_and(|since| now.since(since) >= FAMILIAR_AFTER)
}

/// The address whose network a send counts as. A phone wanders through its provider's networks: within one session they
/// are one, that of `judged`, unless the program changed as well.
pub fn counted_as(judged: &Spot, here: &Spot) -> Prefix {
    let same_provider = judged.as_number.is_some() && judged.as_number == here.as_number;
    if same_provider && judged.agent == here.agent { judged.prefix } else { here.prefix }
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
/// While nobody can count, nothing is sent: what cannot be counted is not done. The text stays with the person, who is
/// told to try again in a moment. A node whose shared store is away counts by itself, up to its [`super::share`].
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
        Fact::Known(false) => match &facts.rule {
            None => Ok(()),
            Some(label) => Err(Box::new(Decision::by_rule(label.clone()))),
        },
        Fact::Known(true) => Err(Box::new(Decision::locked())),
        Fact::StoreAway => Err(Box::new(Decision::stop(Verdict::Throttle, Why::StoreAway))),
    }
}

/// A limit's name in the configuration, its values, what it counts, whose, and how much larger familiarity makes it.
type Counted<'a> = (&'static str, &'a [Limit], Cost, Option<&'a str>, f64);

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
        let familiar = is_familiar(facts.device_since, facts.now);
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
        let of_session = session.map(|session| format!("{site}/{session}"));
        let of_account = format!("{site}/{account}");
        let of_prefix = format!("{site}/{prefix}");
        let (in_session, in_account, in_prefix) = (of_session.as_deref(), Some(&*of_account), Some(&*of_prefix));
        let at_site = Some(&***site);
        let (one, all) = (Cost::Units(1), Cost::Units(recipients));
        let general = self.general;
        let (grows, stays) = (self.familiar_factor, 1.0);
        let counted: [Counted<'_>; 8] = [
            ("recipients_per_session", &general.recipients_per_session, all, in_session, grows),
            ("recipients_per_account", &general.recipients_per_account, all, in_account, grows),
            ("recipients_per_prefix", &general.recipients_per_prefix, all, in_prefix, stays),
            ("recipients_per_site", &general.recipients_per_site, all, at_site, stays),
            ("messages_per_session", &general.messages_per_session, one, in_session, grows),
            ("messages_per_account", &general.messages_per_account, one, in_account, grows),
            ("messages_per_prefix", &general.messages_per_prefix, one, in_prefix, stays),
            ("messages_per_site", &general.messages_per_site, one, at_site, stays),
        ];
        let charge = |(name, general, cost, subject, factor): Counted<'_>| {
            let limits = self.excepted(name).map_or_else(|| larger(general, factor), <[Limit]>::to_vec);
            let key = CounterKey::new(name, subject?);
            (!limits.is_empty()).then(|| Charge::limited(key, name, cost, limits))
        };
        let mut charges: Vec<Charge> = counted.into_iter().filter_map(charge).collect();
        charges.extend(self.unlike_the_owner(facts, &of_account));
        charges
    }

    /// What no owner does: sending from many places at once, and with a new browser to many people never written to.
    fn unlike_the_owner(&self, facts: &Facts<'_>, of_account: &str) -> Vec<Charge> {
        let general = self.general;
        let charge = |name: &'static str, cost, limits: Vec<Limit>| {
            Charge::limited(CounterKey::new(name, of_account), name, cost, limits).restricting()
        };
        let mut charges = Vec::new();
        if let Some(place) = facts.place {
            let places = [
                ("networks_per_account", general.networks_per_account, Some(place.network)),
                ("countries_per_account", general.countries_per_account, place.country),
            ];
            for (name, limit, fingerprint) in places {
                let (Some(limit), Some(fingerprint)) = (limit, fingerprint) else { continue };
                // The limit names the place that is one too many.
                let limit = Limit { amount: limit.amount.saturating_sub(1).max(1), ..limit };
                charges.push(charge(name, Cost::Distinct(fingerprint), vec![limit]));
            }
        }
        let newcomer = facts.network == NetworkClass::Outside && !is_familiar(facts.device_since, facts.now);
        let writes_to_many = self.exception.is_some();
        let strangers = facts.first_written;
        if newcomer && !writes_to_many && strangers > 0 && !general.first_written_on_new_device.is_empty() {
            let limits = general.first_written_on_new_device.clone();
            let charge = charge("first_written_on_new_device", Cost::Units(strangers), limits);
            // Of somebody who is seen for the first time it is only too much for now.
            let when_met = if facts.is_account_known { WhenMet::Restrict } else { WhenMet::Throttle };
            charges.push(Charge { when_met, ..charge });
        }
        charges
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
    CounterKey::new(ALERT, format_args!("{site}/{account}"))
}

/// For an account whose attempts have passed an alert line, the charge that says whether this was told already: it fits
/// exactly once per window of the line, on all nodes together. Fits: raise the alert. Over: it was raised. `attempts`
/// is what [`attempts_key`] holds over `line.window`, this attempt included.
pub fn alert(site: &SiteName, account: &Account, line: Limit, attempts: u32) -> Option<Charge> {
    let key = CounterKey::new("alerts_told_per_account", format_args!("{site}/{account}/{line}"));
    let once = vec![Limit { amount: 1, window: line.window }];
    (attempts > line.amount).then(|| Charge::limited(key, ALERT, Cost::Units(1), once))
}

const ALERT: &str = "alert_messages_per_account";

#[cfg(test)]
mod tests;
