//! With a browser that this account has not used before.

use super::Facts;
use crate::policy::facts::DeviceFact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    facts.usual()?;
    (facts.device == DeviceFact::New)
        .then(|| format!("The browser ({}) is one that this account has not used before.", facts.agent))
}
