//! After wrong passwords.

use super::Facts;
use crate::policy::Fact;

/// Fewer are slips of the hand, or a saved password that was changed elsewhere.
const FAILURES: u32 = 3;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    match facts.failures_before {
        Fact::Known(failures) if failures >= FAILURES => {
            Some(format!("Within the hour before it, {failures} attempts with a wrong password were made."))
        }
        Fact::Known(_) | Fact::StoreAway => None,
    }
}
