//! What operators did.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::past::Mark;
use super::{Account, SiteName, Timestamp};

/// One thing that an operator did, or tried. Nothing changes it afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// By [`super::PastEvent::number`]: what is told twice is the same entry.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// Who: an operator's name, or that of the command line.
    pub by: String,
    /// From where; none on the machine itself.
    pub address: Option<IpAddr>,
    /// What, such as `flag.clear`.
    pub action: String,
    /// To what it was done, in words.
    pub target: String,
    /// At which site, where it was one.
    pub site: Option<SiteName>,
    /// To whose account, where it was one.
    pub account: Option<Account>,
    /// The operator's words.
    pub note: String,
    /// Whether it was done; else it was refused or failed.
    pub done: bool,
}

impl AuditEntry {
    /// Where it stands in the list.
    pub const fn mark(&self) -> Mark {
        Mark { time: self.time, number: self.number }
    }
}
