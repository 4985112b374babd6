//! The first sign-in in a long time.

use super::Facts;

/// Longer than a semester break.
const ASLEEP_DAYS: u64 = 90;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let latest = facts.usual()?.latest.as_ref()?;
    let days = facts.now.since(latest.time).as_secs() / 86_400;
    (days >= ASLEEP_DAYS).then(|| format!("The account had not been used for {days} days."))
}
