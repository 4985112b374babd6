//! From outside the campus networks.

use super::Facts;
use crate::domain::NetworkClass;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    (facts.has_campus && facts.network == NetworkClass::Outside)
        .then(|| "It came from outside the campus networks.".to_owned())
}
