//! From one of many networks that sign in to one account.

use super::Facts;
use crate::policy::Fact;

/// Home and phone are two.
const NETWORKS: u32 = 3;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    match facts.networks_for_account {
        Fact::Known(networks) if facts.is_newcomer() && networks >= NETWORKS => {
            Some(format!("Within an hour {networks} networks signed in to this account with new browsers."))
        }
        Fact::Known(_) | Fact::StoreAway => None,
    }
}
