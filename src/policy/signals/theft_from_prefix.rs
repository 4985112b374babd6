//! From an address that a theft came from, or that an operator marked.

use super::Facts;
use crate::policy::Fact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let theft = matches!(facts.thefts_from_prefix, Fact::Known(thefts) if thefts > 0)
        .then(|| "Within a month an operator confirmed a theft from its address.".to_owned());
    let marked = match &facts.prefix_mark {
        Fact::Known(Some(mark)) => {
            Some(format!("An operator ({}) marked its address on {}.", mark.by, mark.since.day()))
        }
        Fact::Known(None) | Fact::StoreAway => None,
    };
    let said: Vec<String> = theft.into_iter().chain(marked).collect();
    (!said.is_empty()).then(|| said.join(" "))
}
