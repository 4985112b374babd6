//! From a country where nobody at this site has signed in lately.

use super::Facts;
use crate::policy::Fact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let country = facts.whereabouts.country.filter(|_| !facts.whereabouts.kinds.hides_the_place())?;
    (facts.country_at_site == Fact::Known(Some(false)))
        .then(|| format!("Nobody at this site has signed in from {country} within a month."))
}
