//! From a country where this account has not signed in before, or hardly and long ago.

use std::time::Duration;

use super::Facts;

/// A journey of last half-year makes no country usual.
const USUAL_WITHIN: Duration = Duration::from_secs(60 * 86_400);

/// Whoever signed in there so often lives there now and then.
const USUAL_FROM: u32 = 10;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let country = facts.whereabouts.country.filter(|_| !facts.whereabouts.kinds.hides_the_place())?;
    let usual = &facts.usual()?.countries;
    if usual.is_empty() {
        return None;
    }
    match usual.get(country) {
        None => Some(format!("It came from {country}, a country where this account has not signed in before.")),
        Some(seen) if seen.count >= USUAL_FROM || facts.now.since(seen.last) < USUAL_WITHIN => None,
        Some(seen) => {
            let days = facts.now.since(seen.last).as_secs() / 86_400;
            Some(format!("It came from {country}, where this account has not signed in for {days} days."))
        }
    }
}
