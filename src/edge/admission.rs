//! Who may open a connection: caps per prefix and in all, a rate per prefix, and pauses for prefixes that flood.
//!
//! The rate is kept by `governor`; the requests of admitted connections have a rate of their own, so that one HTTP/2
//! connection is no way around it, and a bound on how many the webmail answers at once for one prefix, so that nobody
//! else stands behind a thousand of them. Nothing here is exact or shared between nodes: it keeps floods off, far above
//! what people do.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::flood::Pause;
use crate::domain::{Limit, Prefix, Timestamp};

/// Prefixes whose pause is remembered, about 100 bytes each. Who has more of them to flood from is not kept off by
/// pauses; the caps hold all the same.
const PAUSED_MAX: usize = 65_536;

/// The bounds in force.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Connections open at once from one prefix.
    pub per_prefix: u32,
    /// Connections open at once.
    pub in_all: u32,
    /// Requests of one prefix that the webmail answers at once; further ones wait.
    pub requests_at_once: u32,
    /// Connections of one prefix.
    pub new_connections: Limit,
    /// Requests of one prefix.
    pub requests: Limit,
}

/// Asks for connections and requests. A reload makes a new one; open connections stay counted where they were admitted.
pub struct Admission {
    open: Arc<Open>,
    caps: Caps,
    new_connections: DefaultKeyedRateLimiter<Prefix>,
    requests: DefaultKeyedRateLimiter<Prefix>,
}

/// Connections open now, and prefixes that pause; outlives reloads.
#[derive(Default)]
pub struct Open {
    in_all: AtomicU32,
    per_prefix: Mutex<HashMap<Prefix, OfPrefix>>,
    paused: Mutex<HashMap<Prefix, Pause>>,
}

/// The open connections of a prefix.
struct OfPrefix {
    count: u32,
    /// Shared by all of them. A reload that brings another number is in force once they are gone.
    turns: Arc<Semaphore>,
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
    /// This prefix has flooded a moment ago.
    Pause,
}

/// A connection that counts as open until this is dropped.
pub struct Admitted {
    open: Arc<Open>,
    /// None where the prefix is exempt.
    of: Option<(Prefix, Arc<Semaphore>)>,
}

impl Admission {
    /// Bounds as configured, counting on top of what `open` holds.
    pub fn new(open: Arc<Open>, caps: Caps) -> Self {
        Self {
            open,
            caps,
            new_connections: DefaultKeyedRateLimiter::keyed(quota(caps.new_connections)),
            requests: DefaultKeyedRateLimiter::keyed(quota(caps.requests)),
        }
    }

    /// Asks for a connection. `exempt` prefixes (campus, listed proxies) count only towards the whole.
    ///
    /// # Errors
    /// Which bound is met.
    pub fn connection(&self, prefix: Prefix, exempt: bool, now: Timestamp) -> Result<Admitted, Full> {
        if self.open.in_all.fetch_add(1, Ordering::Relaxed) >= self.caps.in_all {
            self.open.in_all.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::InAll);
        }
        let mut admitted = Admitted { open: Arc::clone(&self.open), of: None };
        if exempt {
            return Ok(admitted);
        }
        if self.open.paused.lock().get(&prefix).is_some_and(|pause| pause.holds(now)) {
            return Err(Full::Pause);
        }
        if self.new_connections.check_key(&prefix).is_err() {
            return Err(Full::Rate);
        }
        let mut per_prefix = self.open.per_prefix.lock();
        let of = per_prefix.entry(prefix).or_insert_with(|| OfPrefix {
            count: 0,
            turns: Arc::new(Semaphore::new(self.caps.requests_at_once as usize)),
        });
        if of.count >= self.caps.per_prefix {
            return Err(Full::Prefix);
        }
        of.count += 1;
        admitted.of = Some((prefix, Arc::clone(&of.turns)));
        drop(per_prefix);
        Ok(admitted)
    }

    /// Whether one more request of this prefix is within its rate.
    pub fn request(&self, prefix: Prefix) -> bool {
        self.requests.check_key(&prefix).is_ok()
    }

    /// Forgets prefixes that have been quiet; to be called every minute, for nothing else evicts them.
    pub fn forget_quiet(&self, now: Timestamp) {
        for limiter in [&self.new_connections, &self.requests] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        self.open.paused.lock().retain(|_, pause| !pause.is_forgotten(now));
    }
}

impl Admitted {
    /// Whether only the caps in all hold for its prefix.
    pub fn is_exempt(&self) -> bool {
        self.of.is_none()
    }

    /// Waits until the webmail may be asked once more for this prefix, which is so until what is returned is dropped. None:
    /// the prefix is exempt.
    ///
    /// # Errors
    /// Its turn did not come within `patience`.
    pub async fn turn(&self, patience: Duration) -> Result<Option<SemaphorePermit<'_>>, Elapsed> {
        let Some((_, turns)) = &self.of else { return Ok(None) };
        match turns.try_acquire() {
            Ok(turn) => Ok(Some(turn)),
            // Boxed: to wait is rare, and what waits needs room. Nobody closes it.
            Err(_) => Ok(Box::pin(timeout(patience, turns.acquire())).await?.ok()),
        }
    }

    /// The connection is sent away for what it asked: for a moment, its prefix opens no other.
    pub fn flooded(&self, now: Timestamp) {
        let Some((prefix, _)) = self.of else { return };
        let mut paused = self.open.paused.lock();
        if paused.len() < PAUSED_MAX || paused.contains_key(&prefix) {
            paused.entry(prefix).or_default().after_flood(now);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.open.in_all.fetch_sub(1, Ordering::Relaxed);
        let Some((prefix, _)) = self.of else { return };
        let mut per_prefix = self.open.per_prefix.lock();
        if let Some(of) = per_prefix.get_mut(&prefix) {
            of.count -= 1;
            if of.count == 0 {
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

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn admission(per_prefix: u32, in_all: u32, new_connections: &str, requests: &str) -> Admission {
        let (new_connections, requests) = (limit(new_connections), limit(requests));
        Admission::new(Arc::default(), Caps { per_prefix, in_all, requests_at_once: 2, new_connections, requests })
    }

    #[test]
    fn a_prefix_is_capped_alone_and_a_closed_connection_makes_room() {
        let admission = admission(2, 100, "1000/s", "5/m");
        let first = admission.connection(prefix(1), false, NOW);
        let _second = admission.connection(prefix(1), false, NOW);
        assert_eq!(admission.connection(prefix(1), false, NOW).err(), Some(Full::Prefix));
        assert!(admission.connection(prefix(2), false, NOW).is_ok());
        assert!(admission.connection(prefix(1), true, NOW).is_ok(), "an exempt prefix is not capped");
        drop(first);
        assert!(admission.connection(prefix(1), false, NOW).is_ok());
    }

    #[test]
    fn the_whole_is_capped_and_a_refused_connection_holds_no_place() {
        let admission = admission(10, 2, "1000/s", "5/m");
        let _first = admission.connection(prefix(1), false, NOW);
        let second = admission.connection(prefix(2), true, NOW);
        assert_eq!(admission.connection(prefix(3), true, NOW).err(), Some(Full::InAll));
        drop(second);
        assert!(admission.connection(prefix(3), false, NOW).is_ok());
    }

    #[test]
    fn a_flood_of_connections_or_requests_is_refused_and_others_are_not() {
        let admission = admission(100, 100, "3/m", "4/m");
        let opened = (0..10).filter(|_| admission.connection(prefix(1), false, NOW).is_ok()).count();
        let asked = (0..10).filter(|_| admission.request(prefix(1))).count();
        assert_eq!((opened, asked), (3, 4));
        assert!(admission.connection(prefix(2), false, NOW).is_ok() && admission.request(prefix(2)));
    }

    #[test]
    fn a_prefix_that_flooded_pauses_and_keeps_what_it_has_open() {
        let admission = admission(100, 100, "1000/s", "5/m");
        let first = admission.connection(prefix(1), false, NOW).expect("there is room");
        let exempt = admission.connection(prefix(3), true, NOW).expect("there is room");
        first.flooded(NOW);
        exempt.flooded(NOW);
        let later = |seconds| NOW.after(Duration::from_secs(seconds));
        assert_eq!(admission.connection(prefix(1), false, NOW).err(), Some(Full::Pause));
        assert!(
            admission.connection(prefix(2), false, NOW).is_ok() && admission.connection(prefix(3), true, NOW).is_ok()
        );
        admission.forget_quiet(later(1));
        assert!(admission.connection(prefix(1), false, later(1)).is_ok());
        first.flooded(later(1));
        assert_eq!(admission.connection(prefix(1), false, later(2)).err(), Some(Full::Pause), "twice as long");
        admission.forget_quiet(later(60));
        assert!(admission.open.paused.lock().is_empty());
    }

    #[tokio::test]
    async fn the_webmail_is_asked_for_a_prefix_so_often_at_once_and_no_more() {
        const PATIENCE: Duration = Duration::from_secs(60);
        let admission = admission(100, 100, "1000/s", "5/m");
        let connect = |last, exempt| admission.connection(prefix(last), exempt, NOW).expect("there is room");
        let (one, same, other, exempt) = (connect(1, false), connect(1, false), connect(2, false), connect(1, true));
        let (first, second) = (one.turn(PATIENCE).await.expect("a turn"), same.turn(PATIENCE).await.expect("a turn"));
        assert!(first.is_some() && second.is_some());
        assert!(one.turn(Duration::ZERO).await.is_err(), "both turns are taken");
        assert!(other.turn(Duration::ZERO).await.is_ok_and(|turn| turn.is_some()));
        assert!(exempt.turn(Duration::ZERO).await.is_ok_and(|turn| turn.is_none()));
        let (third, ()) = tokio::join!(same.turn(PATIENCE), async { drop(first) });
        assert!(third.is_ok_and(|turn| turn.is_some()));
    }
}
