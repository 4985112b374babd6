//! By a program that is no browser.

use super::Facts;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    facts.agent.is_scripted().then(|| "The program does not claim to be a browser.".to_owned())
}
