//! The password stands in a list of those that thieves try first.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    facts.password.breached.then(|| "The account's password stands in a list that thieves use.".to_owned())
}
