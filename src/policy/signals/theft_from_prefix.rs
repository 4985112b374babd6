//! From an address that a theft came from.

use super::Facts;
use crate::policy::Fact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    match facts.thefts_from_prefix {
        Fact::Known(thefts) if thefts > 0 => {
            Some("Within a month an operator confirmed a theft from its address.".to_owned())
        }
        Fact::Known(_) | Fact::StoreAway => None,
    }
}
