//! At an hour when the account is hardly ever used.

use super::Facts;
use crate::domain::profile::hour_of;

/// With fewer sign-ins there is no habit yet.
const SIGN_INS: u32 = 30;

/// Hours to each side that count as the same: daylight saving moves everything by one.
const AROUND: usize = 2;

/// Less than this share of all sign-ins, in percent, within five hours is hardly ever.
const SHARE_PERCENT: u32 = 2;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let hours = &facts.usual()?.hours;
    let all: u32 = hours.iter().map(|count| u32::from(*count)).sum();
    if all < SIGN_INS {
        return None;
    }
    let hour = hour_of(facts.now);
    let around: u32 = (0..=2 * AROUND).map(|step| u32::from(hours[(hour + 24 + step - AROUND) % 24])).sum();
    (around * 100 < all * SHARE_PERCENT).then(|| format!("The account is hardly ever used around {hour}:00 UTC."))
}
