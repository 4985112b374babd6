//! What a request is charged, and what charging came to.

use std::fmt;
use std::time::Duration;

use crate::domain::Limit;

/// One counter: what it counts and whose. Readable, so that a store can be looked into.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CounterKey(pub String);

impl CounterKey {
    /// `name` is the limit's name in the configuration, `subject` whom it counts (`site/alice`, `site/192.0.2.7/32`).
    pub fn new(name: &str, subject: &str) -> Self {
        Self(format!("{name}|{subject}"))
    }
}

impl fmt::Debug for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one counter is asked to bear. All charges of one request are taken together or not at all.
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
}

/// How much a charge costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// So many units.
    Units(u32),
    /// One unit, unless the same fingerprint is in the window already: then nothing.
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

/// Which limit was met, and what would fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// The limit's name in the configuration.
    pub name: &'static str,
    /// The limit.
    pub limit: Limit,
    /// Units that would fit right now.
    pub fits_now: u32,
    /// When what was asked would fit if nobody else charges; `None`: never, it is more than the limit itself.
    pub wait: Option<Duration>,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.limit)
    }
}

/// What was charged, for giving it back. Dropping it keeps the charge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a charge that is not given back stays"]
pub struct Receipt {
    /// The counter and the entry's number in it; distinct charges that cost nothing are not listed.
    pub entries: Vec<(CounterKey, u64)>,
}
