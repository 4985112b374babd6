//! The password is easily guessed.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    facts.password.weak.then(|| "The account's password is easily guessed.".to_owned())
}
