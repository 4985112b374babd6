//! What is remembered of a confirmed theft: the prefix that it came from. An operator may mark one without a theft; that
//! counts the same, for as long as the mark says.

use std::time::Duration;

use super::limits::{Charge, Cost, CounterKey};
use crate::domain::{Prefix, SiteName};

/// How long a prefix is remembered: addresses change hands.
pub const WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// How long an operator's mark counts where nothing else is said: as long as a theft.
pub const MARK: Duration = WINDOW;

/// How long one may count at most: a year later the address is somebody else's.
pub const MARK_MAX: Duration = Duration::from_secs(365 * 86_400);

const NAME: &str = "thefts_from_prefix";

/// The counter of thefts confirmed from a prefix.
pub fn key(site: &SiteName, prefix: Prefix) -> CounterKey {
    CounterKey::new(NAME, format_args!("{site}/{prefix}"))
}

/// What confirming a theft charges. Never refused.
pub fn charge(site: &SiteName, prefix: Prefix) -> Charge {
    Charge::counted(key(site, prefix), NAME, Cost::Units(1), WINDOW)
}
