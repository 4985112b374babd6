//! Through Tor.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    facts.whereabouts.kinds.tor.then(|| "It came through Tor, so from anywhere.".to_owned())
}
