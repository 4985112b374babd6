//! From a network of rented servers.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let kinds = facts.whereabouts.kinds;
    // A VPN or Tor exit stands in a data centre as well: that is said already.
    (kinds.hosting && !kinds.hides_the_place())
        .then(|| "It came from a network of rented servers, where people do not sit.".to_owned())
}
