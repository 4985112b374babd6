//! What is kept of mail programs that come by other doors than the webmail: sessions without a browser.
//!
//! A program has no session of its own; it signs in with a saved password at every turn. What stands against it is kept for
//! its account at one prefix, or for its account wherever it comes from.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::domain::agent::MAIL_PROGRAM;
use crate::domain::{
    Account, Agent, KeyRing, NetworkClass, Prefix, Purpose, Session, SessionHash, SessionState, SiteName, Spot,
    Timestamp,
};

/// Under which programs of an account are known, from one prefix or from anywhere: by the newest key first, then by those
/// that made older ones.
pub fn hashes(keys: &KeyRing, site: &SiteName, account: &Account, from: Option<Prefix>) -> Vec<SessionHash> {
    let from = from.map(|prefix| prefix.to_string()).unwrap_or_default();
    let parts: [&[u8]; 4] = [b"door", site.as_bytes(), account.as_str().as_bytes(), from.as_bytes()];
    keys.short_hashes(Purpose::Session, &parts).map(SessionHash).collect()
}

/// All programs of an account, from wherever they come: read only.
pub fn frozen(keys: &KeyRing, site: &SiteName, account: &Account, now: Timestamp) -> Session {
    let user_agent = format!("{MAIL_PROGRAM} (any)");
    let nowhere = Prefix::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    Session {
        hash: hashes(keys, site, account, None)[0],
        site: Arc::clone(site),
        account: account.clone(),
        state: SessionState::Restricted,
        signed_in: now,
        last_seen: now,
        spot: Spot {
            prefix: nowhere,
            network: NetworkClass::Outside,
            country: None,
            as_number: None,
            agent: Agent::of(Some(&user_agent)),
        },
        elsewhere: None,
        device: None,
        device_since: None,
        user_agent: Some(user_agent.into()),
        flag: None,
        lesson: None,
        found: Vec::new(),
    }
}
