//! Through a VPN or privacy relay.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let kinds = facts.whereabouts.kinds;
    (kinds.vpn && !kinds.tor).then(|| "It came through a VPN or privacy relay, so from anywhere.".to_owned())
}
