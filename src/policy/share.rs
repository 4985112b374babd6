//! What a node lets through by itself while the store that several share is away: a share of every limit.
//!
//! A node then counts only what it lets through itself, before the outage and during it. Of several nodes each lets
//! through its share at most, so all of them together never more than the share times their number, beside what the
//! store let through before.

use super::limits::{Charge, Cost, Over, WhenMet};
use crate::domain::Limit;

/// A part of every limit, above 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// The smallest; what is configured is checked against it.
    pub const MIN: f64 = 0.01;

    /// `part` brought between [`Share::MIN`] and 1; what is no number is the smallest.
    pub fn new(part: f64) -> Self {
        Self(if part.is_nan() { Self::MIN } else { part.clamp(Self::MIN, 1.0) })
    }

    /// The share of a limit, rounded down, and never nothing: what happens once in a window may still happen once.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn of(self, limit: Limit) -> Limit {
        // `as` saturates; the product is at most the amount itself.
        let amount = (f64::from(limit.amount) * self.0).floor() as u32;
        Limit { amount: amount.max(1), ..limit }
    }

    /// The same charges under the share of their limits.
    pub fn of_charges(self, charges: &[Charge]) -> Vec<Charge> {
        let limits = |charge: &Charge| charge.limits.iter().map(|limit| self.of(*limit)).collect();
        charges.iter().map(|charge| Charge { limits: limits(charge), ..charge.clone() }).collect()
    }

    /// What it means that a limit of [`Share::of_charges`] is met. `charges` are the ones before, and `counted` is what the
    /// counter held over that limit's window.
    ///
    /// That the share is used up says nothing about who asks: a limit that restricts does so only where the whole of it
    /// is met, or every outage would flag people for it. And what fits the whole limit is never called impossible, only
    /// not now.
    pub fn explain(self, over: Over, charges: &[Charge], counted: u32) -> Over {
        let Some((charge, limit)) = self.whole(&over, charges) else { return over };
        let asked = match charge.cost {
            Cost::Units(units) => units,
            Cost::Distinct(_) => 1,
        };
        let whole_is_met = counted.saturating_add(asked) > limit.amount;
        Over {
            wait: over.wait.or((asked <= limit.amount).then_some(limit.window)),
            when_met: if whole_is_met { over.when_met } else { WhenMet::Throttle },
            ..over
        }
    }

    /// The charge whose share is met, and the limit it is a share of.
    pub fn whole<'c>(self, over: &Over, charges: &'c [Charge]) -> Option<(&'c Charge, Limit)> {
        let charge = charges.iter().find(|charge| charge.name == over.name)?;
        let limit = charge.limits.iter().filter(|limit| self.of(**limit) == over.limit);
        Some((charge, limit.min_by_key(|limit| limit.amount).copied()?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::limits::CounterKey;

    fn limit(text: &str) -> Limit {
        text.parse().expect("a limit")
    }

    fn charge(cost: Cost, limits: &[&str]) -> Charge {
        let limits = limits.iter().map(|text| limit(text)).collect();
        Charge::limited(CounterKey::new("recipients", "site/alice"), "recipients", cost, limits)
    }

    #[test]
    fn a_share_is_rounded_down_and_one_stays_one() {
        for (share, whole, part) in [
            (0.5, "200/h", "100/h"),
            (0.5, "5/10m", "2/10m"),
            (0.5, "1/s", "1/s"),
            (0.5, "4294967295/h", "2147483647/h"),
            (1.0, "4294967295/h", "4294967295/h"),
            (0.01, "30/m", "1/m"),
            (0.0, "100/h", "1/h"),
            (7.0, "100/h", "100/h"),
            (f64::NAN, "100/h", "1/h"),
        ] {
            assert_eq!(Share::new(share).of(limit(whole)), limit(part), "{share} of {whole}");
        }
    }

    #[test]
    fn what_would_fit_the_whole_limit_is_told_to_wait_and_nobody_is_suspected_for_the_share() {
        let share = Share::new(0.5);
        let ask = |units, when_met| Charge { when_met, ..charge(Cost::Units(units), &["60/10m", "200/h"]) };
        let over = |limit: &str, wait, when_met| Over {
            name: "recipients",
            limit: limit.parse().expect("a limit"),
            fits_now: 0,
            wait,
            when_met,
        };
        let (throttle, restrict) = (WhenMet::Throttle, WhenMet::Restrict);
        let soon = Some(Duration::from_secs(9));
        let window = Some(Duration::from_secs(600));
        for (why, asked, met, counted, told) in [
            ("more than the share", ask(40, throttle), over("30/10m", None, throttle), 0, (window, throttle)),
            ("more than the whole", ask(61, throttle), over("30/10m", None, throttle), 0, (None, throttle)),
            ("not now", ask(5, throttle), over("30/10m", soon, throttle), 28, (soon, throttle)),
            ("suspected for the share", ask(5, restrict), over("30/10m", soon, restrict), 28, (soon, throttle)),
            ("the whole is met as well", ask(5, restrict), over("30/10m", soon, restrict), 58, (soon, restrict)),
            ("the other window", ask(5, restrict), over("100/h", soon, restrict), 98, (soon, throttle)),
        ] {
            let found = share.explain(met, &[asked], counted);
            assert_eq!((found.wait, found.when_met), told, "{why}");
        }
    }
}
