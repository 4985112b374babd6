//! While a flag that restricted a session of the account is still open.

use super::Facts;
use crate::policy::Fact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    (facts.is_newcomer() && facts.has_open_flag == Fact::Known(true))
        .then(|| "A session of this account was restricted, and nobody has decided about it yet.".to_owned())
}
