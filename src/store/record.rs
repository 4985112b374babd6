//! Everything a store holds, one record at a time: how it moves from one backend to another.

use serde::{Deserialize, Serialize};

use super::{CORRESPONDENTS_MAX, Kept, KnownDevice, Lock, Sealed};
use crate::domain::{Account, AuditEntry, Flag, PastEvent, PrefixMark, Profile, Session, SiteName, Timestamp};
use crate::policy::limits::CounterKey;
use crate::policy::window::Entry;

/// One thing that a store holds. As JSON it is one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A session.
    Session(Box<Session>),
    /// A lock.
    Lock(Lock),
    /// A device that an account knows.
    Device {
        /// Where.
        site: SiteName,
        /// Whose.
        account: Account,
        /// Which, and since when.
        device: KnownDevice,
    },
    /// What is usual for an account.
    Profile {
        /// Where.
        site: SiteName,
        /// Whose.
        account: Account,
        /// What is usual.
        profile: Box<Profile>,
    },
    /// To whom an account has written.
    Correspondents {
        /// Where.
        site: SiteName,
        /// Who wrote.
        account: Account,
        /// When last.
        last: Timestamp,
        /// Keyed fingerprints, written to longest ago first; at most [`CORRESPONDENTS_MAX`].
        recipients: Vec<u32>,
    },
    /// A flag.
    Flag(Box<Flag>),
    /// A counter.
    Counter {
        /// Which.
        key: CounterKey,
        /// How long its entries are kept, in milliseconds.
        keep: u64,
        /// What it holds.
        entries: Vec<Entry>,
    },
    /// What is kept for a while.
    Kept(Kept),
    /// An account's factors.
    Factors {
        /// Where.
        site: SiteName,
        /// Whose.
        account: Account,
        /// Themselves.
        factors: Sealed,
    },
    /// A mark on a prefix.
    Mark(PrefixMark),
    /// A past event; what was counted of it is counted anew.
    Event(PastEvent),
    /// What an operator did.
    Audit(Box<AuditEntry>),
    /// An operator.
    Operator {
        /// The name.
        name: String,
        /// The rest.
        operator: Sealed,
    },
}

impl Record {
    /// The word under which `record` names it, for summaries.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Session(_) => "session",
            Self::Lock(_) => "lock",
            Self::Device { .. } => "device",
            Self::Profile { .. } => "profile",
            Self::Correspondents { .. } => "correspondents",
            Self::Flag(_) => "flag",
            Self::Counter { .. } => "counter",
            Self::Kept(_) => "kept",
            Self::Factors { .. } => "factors",
            Self::Mark(_) => "mark",
            Self::Event(_) => "event",
            Self::Audit(_) => "audit",
            Self::Operator { .. } => "operator",
        }
    }
}

/// Where the next page begins. Means something to the store that gave it and to no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(super) String);

/// Some of what a store holds.
#[derive(Debug, Default)]
pub struct Page {
    /// What was found. May be empty though more follows.
    pub records: Vec<Record>,
    /// Where to go on; none at the end.
    pub next: Option<Cursor>,
}

/// A page ends early when its records are about this large together, so that a thousand held messages are not in memory
/// at once.
pub(super) const PAGE_BYTES_MAX: usize = 32 << 20;

/// `known` with those of `fresh` as the latest; beyond [`CORRESPONDENTS_MAX`] the earliest go.
pub(super) fn written_to(known: Vec<u32>, fresh: &[u32]) -> Vec<u32> {
    let mut seen = std::collections::HashSet::new();
    let all = known.iter().chain(fresh).rev();
    let mut latest_first: Vec<u32> = all.copied().filter(|one| seen.insert(*one)).take(CORRESPONDENTS_MAX).collect();
    latest_first.reverse();
    latest_first
}
