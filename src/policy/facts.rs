//! What is known of a sign-in that the webmail let through, gathered by the gateway and judged by [`super::risk`].

use std::net::IpAddr;

use super::Fact;
use crate::domain::{
    Account, Agent, Country, NetworkClass, PasswordQuality, Position, PrefixMark, Profile, SiteName, Timestamp,
    Whereabouts,
};

/// Everything that signals and rules look at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// When.
    pub now: Timestamp,
    /// Where.
    pub site: &'a SiteName,
    /// Whose account.
    pub account: &'a Account,
    /// From where.
    pub address: IpAddr,
    /// By the configured networks.
    pub network: NetworkClass,
    /// Whether the operator named any campus network: without one, nobody is "outside".
    pub has_campus: bool,
    /// Country, autonomous system, position, kinds of network.
    pub whereabouts: Whereabouts,
    /// What the `User-Agent` claims.
    pub agent: Agent,
    /// What the device cookie says.
    pub device: DeviceFact,
    /// What is usual for the account.
    pub profile: Fact<&'a Profile>,
    /// Where the account was when it last signed in, looked up now.
    pub last_position: Option<Position>,
    /// Whether anybody at this site has signed in from this country lately; none while too few people have signed in
    /// at all to say, or the country is unknown.
    pub country_at_site: Fact<Option<bool>>,
    /// Wrong passwords for the account within [`super::risk::FAILURES_WINDOW`].
    pub failures_before: Fact<u32>,
    /// Distinct accounts that signed in from this prefix with new browsers within
    /// [`super::risk::NEWCOMERS_WINDOW`], this one included.
    pub newcomers_from_prefix: Fact<u32>,
    /// Distinct networks that signed in to the account with new browsers within the same time, this one included.
    pub networks_for_account: Fact<u32>,
    /// Thefts that operators confirmed from this prefix within [`super::theft::WINDOW`].
    pub thefts_from_prefix: Fact<u32>,
    /// The mark that an operator set on this prefix, where it counts now.
    pub prefix_mark: Fact<Option<PrefixMark>>,
    /// Where people of this site are expected who have not been seen yet: the country of the campus, when it is known.
    pub home_country: Option<Country>,
    /// Whether a flag that restricted a session of the account for what it sent is open still, within
    /// [`super::risk::OPEN_FLAG_WINDOW`].
    pub has_open_flag: Fact<bool>,
    /// Of the password that was typed; nothing is known where none was.
    pub password: PasswordQuality,
}

/// What is known of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceFact {
    /// The account has known it since then.
    Known(Timestamp),
    /// The account does not know it.
    New,
    /// It is not asked: a session's cookie that was copied brings the device's along.
    Unasked,
}

impl Facts<'_> {
    /// The profile, where there is one that says something.
    pub fn usual(&self) -> Option<&Profile> {
        match self.profile {
            Fact::Known(profile) if !profile.is_empty() => Some(profile),
            Fact::Known(_) | Fact::StoreAway => None,
        }
    }

    /// See [`is_newcomer`].
    pub fn is_newcomer(&self) -> bool {
        is_newcomer(self.network, self.device)
    }
}

/// Whether nothing vouches for a client: a new browser outside the operator's own networks.
pub fn is_newcomer(network: NetworkClass, device: DeviceFact) -> bool {
    network == NetworkClass::Outside && !matches!(device, DeviceFact::Known(_))
}
