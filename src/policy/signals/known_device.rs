//! With a browser that this account has used before.

use super::Facts;
use crate::policy::facts::DeviceFact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let DeviceFact::Known(since) = facts.device else { return None };
    let days = facts.now.since(since).as_secs() / 86_400;
    Some(match days {
        0 => "The browser is one that this account has used before, today.".to_owned(),
        1 => "The browser is one that this account has used since yesterday.".to_owned(),
        days => format!("The browser is one that this account has used for {days} days."),
    })
}
