//! What was decided, always with why.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a decision comes to, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing stands against it.
    Pass,
    /// Goes through; the operator is told.
    Flag,
    /// A second proof is asked for.
    Challenge,
    /// The session reads and does nothing else.
    Restrict,
    /// Not now: a limit is met, and it says when it would fit.
    Throttle,
    /// Not at all.
    Refuse,
}

impl Verdict {
    /// All of them, mildest first.
    pub const ALL: [Self; 6] = [Self::Pass, Self::Flag, Self::Challenge, Self::Restrict, Self::Throttle, Self::Refuse];

    /// Reads [`Verdict::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// The word used in configuration, events, metrics and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flag => "flag",
            Self::Challenge => "challenge",
            Self::Restrict => "restrict",
            Self::Throttle => "throttle",
            Self::Refuse => "refuse",
        }
    }
}

/// One observed fact that speaks for or against a sign-in or a send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Stable: operators' rules and scripts name it.
    pub name: Cow<'static, str>,
    /// From the configuration; negative speaks for.
    pub weight: i32,
    /// One sentence for the operator.
    pub sentence: String,
}
