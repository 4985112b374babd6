//! From an address where many accounts sign in with new browsers.

use super::Facts;
use crate::policy::Fact;

/// A family or a small office that meets its webmail on the same evening has fewer.
const ACCOUNTS: u32 = 4;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    match facts.newcomers_from_prefix {
        Fact::Known(accounts) if facts.is_newcomer() && accounts >= ACCOUNTS => {
            Some(format!("Within an hour {accounts} accounts signed in from its address with new browsers."))
        }
        Fact::Known(_) | Fact::StoreAway => None,
    }
}
