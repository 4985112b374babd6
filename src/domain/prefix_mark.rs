//! What operators say of an address without having confirmed a theft from it.

use serde::{Deserialize, Serialize};

use super::{Prefix, SiteName, Timestamp};

/// A prefix that an operator has marked: what comes from it counts like what comes from where a theft came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixMark {
    /// Where it counts.
    pub site: SiteName,
    /// What is marked.
    pub prefix: Prefix,
    /// By whom: an operator's name, or that of the command line.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// From then on it does not count any more.
    pub until: Timestamp,
    /// The operator's words; shown to operators only.
    pub note: String,
}

impl PrefixMark {
    /// Whether it counts still.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }
}
