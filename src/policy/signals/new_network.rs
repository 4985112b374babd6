//! From a provider and a network where this account has not signed in before.

use super::Facts;
use crate::domain::{Network, NetworkClass};

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    if facts.network != NetworkClass::Outside {
        return None;
    }
    let usual = facts.usual()?;
    let network = Network::of(facts.address);
    if usual.networks.contains(network) {
        return None;
    }
    // A provider gives its customers addresses from all over its networks.
    match facts.whereabouts.as_number {
        Some(number) if usual.as_numbers.contains(number) => None,
        Some(number) => {
            Some(format!("It came from a provider (AS{number}) that this account has not signed in from before."))
        }
        None => Some(format!("It came from a network ({network}) that this account has not signed in from before.")),
    }
}
