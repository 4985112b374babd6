//! Soon after a session of the account was restricted for what it sent, while nobody has decided about it.

use super::Facts;
use crate::policy::Fact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    (facts.is_newcomer() && facts.has_open_flag == Fact::Known(true)).then(|| {
        "A session of this account was restricted for what it sent, and nobody has decided about it yet.".to_owned()
    })
}
