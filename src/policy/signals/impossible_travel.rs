//! Farther from the last sign-in than an aeroplane gets in that time.
//!
//! Judged between positions of a city database, less how far off each may be, or between countries that are far apart
//! beyond doubt: the middle of a country is no position.

use super::Facts;

/// Airliners cruise at some 900 km/h; a sign-in may be minutes old before it is seen.
const KM_PER_HOUR_MAX: f64 = 1_000.0;

/// Nearer than this is no travel: databases put whole regions into their largest town.
const KM_MIN: f64 = 500.0;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let latest = facts.usual()?.latest.as_ref()?;
    if facts.whereabouts.kinds.hides_the_place() {
        return None;
    }
    // A clock that went back says nothing about travel.
    if latest.time > facts.now {
        return None;
    }
    let km = kilometres(facts, latest.country)?;
    let hours = facts.now.since(latest.time).as_secs_f64() / 3_600.0;
    (km >= KM_MIN && km > hours * KM_PER_HOUR_MAX).then(|| {
        let minutes = (hours * 60.0).round();
        format!("The account signed in at least {km:.0} km away, {minutes:.0} minutes before.")
    })
}

/// The least distance there can be between both places.
fn kilometres(facts: &Facts<'_>, last_country: Option<crate::domain::Country>) -> Option<f64> {
    if let (Some(from), Some(to)) = (facts.last_position, facts.whereabouts.position) {
        let doubt = f64::from(from.accuracy_km) + f64::from(to.accuracy_km);
        return Some((from.distance_km(&to) - doubt).max(0.0));
    }
    last_country?.distance_beyond_doubt_km(facts.whereabouts.country?)
}
