//! Who may open a connection: caps per prefix and in all, and a rate per prefix.
//!
//! The rate is kept by `governor`; the requests of admitted connections have a rate of their own, so that one HTTP/2
//! connection is no way around it. Nothing here is exact or shared between nodes: it keeps floods off, far above what
//! people do.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::{DefaultKeyedRateLimiter, Quota};
use parking_lot::Mutex;

use crate::domain::{Limit, Prefix};

/// The bounds in force. A reload makes a new [`Admission`]; open connections stay counted where they were admitted.
pub struct Admission {
    open: Arc<Open>,
    per_prefix_max: u32,
    in_all_max: u32,
    new_connections: DefaultKeyedRateLimiter<Prefix>,
    requests: DefaultKeyedRateLimiter<Prefix>,
}

/// Connections open now; outlives reloads.
#[derive(Default)]
pub struct Open {
    in_all: AtomicU32,
    per_prefix: Mutex<HashMap<Prefix, u32>>,
}

/// Why a connection was closed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This prefix has as many open as it may.
    Prefix,
    /// The gateway has as many open as it may.
    InAll,
    /// This prefix opens them too fast.
    Rate,
}

/// A connection that counts as open until this is dropped.
pub struct Admitted {
    open: Arc<Open>,
    /// None where the prefix is exempt.
    prefix: Option<Prefix>,
}

impl Admission {
    /// Bounds as configured, counting on top of what `open` holds.
    pub fn new(open: Arc<Open>, per_prefix_max: u32, in_all_max: u32, new: Limit, requests: Limit) -> Self {
        Self {
            open,
            per_prefix_max,
            in_all_max,
            new_connections: DefaultKeyedRateLimiter::keyed(quota(new)),
            requests: DefaultKeyedRateLimiter::keyed(quota(requests)),
        }
    }

    /// Asks for a connection. `exempt` prefixes (campus, listed proxies) count only towards the whole.
    ///
    /// # Errors
    /// Which bound is met.
    pub fn connection(&self, prefix: Prefix, exempt: bool) -> Result<Admitted, Full> {
        if self.open.in_all.fetch_add(1, Ordering::Relaxed) >= self.in_all_max {
            self.open.in_all.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::InAll);
        }
        let mut admitted = Admitted { open: Arc::clone(&self.open), prefix: None };
        if exempt {
            return Ok(admitted);
        }
        if self.new_connections.check_key(&prefix).is_err() {
            return Err(Full::Rate);
        }
        let mut per_prefix = self.open.per_prefix.lock();
        let count = per_prefix.entry(prefix).or_insert(0);
        if *count >= self.per_prefix_max {
            return Err(Full::Prefix);
        }
        *count += 1;
        drop(per_prefix);
        admitted.prefix = Some(prefix);
        Ok(admitted)
    }

    /// Whether one more request of this prefix is within its rate.
    pub fn request(&self, prefix: Prefix) -> bool {
        self.requests.check_key(&prefix).is_ok()
    }

    /// Forgets prefixes that have been quiet; to be called every minute, for nothing else evicts them.
    pub fn forget_quiet(&self) {
        for limiter in [&self.new_connections, &self.requests] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.open.in_all.fetch_sub(1, Ordering::Relaxed);
        let Some(prefix) = self.prefix else { return };
        let mut per_prefix = self.open.per_prefix.lock();
        if let Some(count) = per_prefix.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                per_prefix.remove(&prefix);
            }
        }
    }
}

/// A limit as `governor` says it: the whole amount at once, refilled evenly over the window.
fn quota(limit: Limit) -> Quota {
    let amount = NonZeroU32::new(limit.amount).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(limit.window / amount.get())
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
        .allow_burst(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Limit {
        text.parse().expect("a literal limit")
    }

    fn prefix(last: u8) -> Prefix {
        Prefix::of(std::net::IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn a_prefix_is_capped_alone_and_a_closed_connection_makes_room() {
        let admission = Admission::new(Arc::default(), 2, 100, limit("1000/s"), limit("5/m"));
        let first = admission.connection(prefix(1), false);
        let _second = admission.connection(prefix(1), false);
        assert_eq!(admission.connection(prefix(1), false).err(), Some(Full::Prefix));
        assert!(admission.connection(prefix(2), false).is_ok());
        assert!(admission.connection(prefix(1), true).is_ok(), "an exempt prefix is not capped");
        drop(first);
        assert!(admission.connection(prefix(1), false).is_ok());
    }

    #[test]
    fn the_whole_is_capped_and_a_refused_connection_holds_no_place() {
        let admission = Admission::new(Arc::default(), 10, 2, limit("1000/s"), limit("5/m"));
        let _first = admission.connection(prefix(1), false);
        let second = admission.connection(prefix(2), true);
        assert_eq!(admission.connection(prefix(3), true).err(), Some(Full::InAll));
        drop(second);
        assert!(admission.connection(prefix(3), false).is_ok());
    }

    #[test]
    fn a_flood_of_connections_or_requests_is_refused_and_others_are_not() {
        let admission = Admission::new(Arc::default(), 100, 100, limit("3/m"), limit("4/m"));
        let opened = (0..10).filter(|_| admission.connection(prefix(1), false).is_ok()).count();
        let asked = (0..10).filter(|_| admission.request(prefix(1))).count();
        assert_eq!((opened, asked), (3, 4));
        assert!(admission.connection(prefix(2), false).is_ok() && admission.request(prefix(2)));
    }
}
