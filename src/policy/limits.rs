//! What a request is charged, and what charging came to.
//!
//! Which charges a sign-in and a send make is said by [`super::sign_in`] and [`super::send`]; the arithmetic is in
//! [`super::window`]. A store takes all charges of one request in one atomic step, or none.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::window::Met;
use crate::domain::{Limit, Outcome};

/// One counter: what it counts and whose. Readable, so that a store can be looked into.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CounterKey(pub String);

impl CounterKey {
    /// `name` is the limit's name in the configuration, `subject` whom it counts (`site/alice`, `site/192.0.2.7/32`).
    pub fn new(name: &str, subject: impl fmt::Display) -> Self {
        Self(format!("{name}|{subject}"))
    }

    /// The name it was made with: a store bounds how many counters of one name there are.
    pub fn name(&self) -> &str {
        self.0.split_once('|').map_or(&self.0, |(name, _)| name)
    }
}

impl fmt::Debug for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one counter is asked to bear. All charges of one request are taken together or not at all; their keys differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which counter.
    pub key: CounterKey,
    /// The limit's name in the configuration.
    pub name: &'static str,
    /// How much.
    pub cost: Cost,
    /// All of these must hold. May be empty: counted, never refused.
    pub limits: Vec<Limit>,
    /// How long it must be countable, where that is longer than the windows of `limits`.
    pub keep: Duration,
    /// What meeting one of `limits` says about whoever asks.
    pub when_met: WhenMet,
}

/// What it means that a limit is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenMet {
    /// Too much for now: waiting mends it.
    Throttle,
    /// It does not look like the account's owner: waiting mends nothing.
    Restrict,
}

impl Charge {
    /// A charge that is refused when one of `limits` is met.
    pub fn limited(key: CounterKey, name: &'static str, cost: Cost, limits: Vec<Limit>) -> Self {
        Self { key, name, cost, limits, keep: Duration::ZERO, when_met: WhenMet::Throttle }
    }

    /// A charge that is counted for `keep` and never refused.
    pub fn counted(key: CounterKey, name: &'static str, cost: Cost, keep: Duration) -> Self {
        Self { key, name, cost, limits: Vec::new(), keep, when_met: WhenMet::Throttle }
    }

    /// The same, where meeting a limit restricts.
    pub fn restricting(self) -> Self {
        Self { when_met: WhenMet::Restrict, ..self }
    }
}

/// How much a charge costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// So many units.
    Units(u32),
    /// One unit, unless the same fingerprint is in the window already: then nothing. It is in the window until as long
    /// after its latest charge as the window is.
    Distinct(u32),
}

/// What charging came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charged {
    /// Everything fits and is charged.
    Fits(Receipt),
    /// One limit is met; nothing was charged anywhere.
    Over(Over),
}

/// Which limit was met, and what would fit. Where several are met it is one that restricts, if there is one, and of those
/// the one that opens last, so the wait holds for the whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// The limit's name in the configuration.
    pub name: &'static str,
    /// The limit.
    pub limit: Limit,
    /// Units that would fit right now under all charges of the request that cost the same; zero where a charge that
    /// costs something else is refused as well.
    pub fits_now: u32,
    /// When what was asked would fit if nobody else charges; `None`: never, it is more than the limit itself.
    pub wait: Option<Duration>,
    /// What that means.
    pub when_met: WhenMet,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.limit)
    }
}

/// What was charged, for giving it back. Dropping it keeps the charge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a charge that is not given back stays"]
pub struct Receipt {
    /// The counter and the entry's number in it. A distinct charge that cost nothing is listed too: were it not, giving
    /// back the one that paid would leave the other attempt uncounted, and a guess could be had for nothing by sending
    /// it twice at once.
    pub entries: Vec<(CounterKey, u64)>,
}

impl Receipt {
    /// The part that does not count guesses at one account.
    ///
    /// A form whose token is stale proves no guess, but a program without a token could send such forms for ever. A
    /// person whose page was open over night sends one, and then the same password again, which costs nothing more; so
    /// that may stay charged. The accounts of a prefix may not: behind one address many people come back to a page of
    /// yesterday every morning.
    pub fn beyond_the_account(mut self) -> Self {
        self.entries.retain(|(key, _)| !key.name().starts_with("failures_per_account_and"));
        self
    }
}

/// What becomes of a charge when the answer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settlement {
    /// It stays.
    Keep,
    /// It goes back.
    GiveBack,
    /// What the account was charged stays, the rest goes back: see [`Receipt::beyond_the_account`].
    KeepOfAccount,
}

impl Settlement {
    /// Of a sign-in. A timeout or a cut answer is [`Outcome::Unclear`]: the webmail may have judged the password.
    pub const fn of_sign_in(outcome: Outcome) -> Self {
        match outcome {
            Outcome::SignedIn | Outcome::NotJudged => Self::GiveBack,
            Outcome::FormRefused => Self::KeepOfAccount,
            Outcome::WrongPassword
            | Outcome::Sent
            | Outcome::NotSent
            | Outcome::PasswordChanged
            | Outcome::SignedOut
            | Outcome::Unclear => Self::Keep,
        }
    }

    /// Of a send. Only an answer that proves that no mail left gives the charge back.
    pub const fn of_send(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NotSent => Self::GiveBack,
            Outcome::SignedIn
            | Outcome::WrongPassword
            | Outcome::NotJudged
            | Outcome::FormRefused
            | Outcome::Sent
            | Outcome::PasswordChanged
            | Outcome::SignedOut
            | Outcome::Unclear => Self::Keep,
        }
    }
}

/// Puts the judgements of all charges of one request together: none where everything fits.
///
/// Every store uses this, so that all of them say the same of the same windows.
pub fn judge_together(judged: &[(&Charge, super::window::Judged)]) -> Option<Over> {
    let gravest =
        |a: &&(&Charge, Met), b: &&(&Charge, Met)| (a.0.when_met, a.1.opens()).cmp(&(b.0.when_met, b.1.opens()));
    let met: Vec<(&Charge, Met)> = judged.iter().filter_map(|(charge, judged)| Some((*charge, judged.met?))).collect();
    let (charge, last) = met.iter().max_by(gravest)?;
    let another_cost_is_refused = met.iter().any(|(other, _)| other.cost != charge.cost);
    let same_cost = judged.iter().filter(|(other, _)| other.cost == charge.cost);
    let fits_now = same_cost.map(|(_, judged)| judged.fits_now).min().unwrap_or(0);
    Some(Over {
        name: charge.name,
        limit: last.limit,
        fits_now: if another_cost_is_refused { 0 } else { fits_now },
        wait: last.wait,
        when_met: charge.when_met,
    })
}
