//! From a country where this account has not signed in before.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let country = facts.whereabouts.country.filter(|_| !facts.whereabouts.kinds.hides_the_place())?;
    let usual = &facts.usual()?.countries;
    (!usual.is_empty() && !usual.contains(country))
        .then(|| format!("It came from {country}, a country where this account has not signed in before."))
}
