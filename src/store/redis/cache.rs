//! What this node remembers of sessions and locks, so that an ordinary request asks nobody.
//!
//! What is remembered is what was read since the logs of changes were last looked at, or nothing in those logs has
//! changed it since. Whoever reads notes the generation before, and what was read is remembered only if it is still the
//! same afterwards: then no change that was told in between is missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::domain::{Session, SessionHash, SessionState, Timestamp};
use crate::store::{Away, Lock};

/// What looking for a session came to. An error is told in words, to all who waited.
pub(super) type Found = Result<Option<Arc<Session>>, String>;

type Shard = HashMap<SessionHash, Arc<Session>>;

/// All that is remembered. Every part has a bound; what is forgotten is asked for again.
pub(super) struct Cache {
    shards: Box<[RwLock<Shard>]>,
    /// By site and account as they stand in keys.
    locks: RwLock<HashMap<String, Option<Lock>>>,
    misses: Mutex<HashMap<SessionHash, Timestamp>>,
    flights: Mutex<HashMap<SessionHash, Vec<oneshot::Sender<Found>>>>,
    generation: AtomicU64,
}

/// Who looks for a session.
pub(super) enum Flight {
    /// This one: it says what it found to [`Cache::land`].
    Departs,
    /// Another is on its way.
    Waits(oneshot::Receiver<Found>),
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            shards: (0..Self::SHARDS).map(|_| RwLock::default()).collect(),
            locks: RwLock::default(),
            misses: Mutex::default(),
            flights: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }
}

impl Cache {
    /// Sessions remembered; some 130 MB.
    pub(super) const SESSIONS_MAX: usize = 1 << 18;

    /// Accounts of which it is remembered whether they are locked; some 20 MB.
    const LOCKS_MAX: usize = 1 << 16;

    /// Cookies of which it is remembered that they name no session.
    const MISSES_MAX: usize = 1 << 16;

    /// For how long.
    const MISSED_FOR: Duration = Duration::from_secs(1);

    /// Cookies that are looked for at once; beyond it callers are told that the store is away.
    const FLIGHTS_MAX: usize = 1 << 14;

    const SHARDS: usize = 64;
    const SHARD_MAX: usize = Self::SESSIONS_MAX / Self::SHARDS;

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(super) fn session(&self, hash: &SessionHash) -> Option<Arc<Session>> {
        self.shard(hash).read().get(hash).cloned()
    }

    /// Whether it was looked for a moment ago and not found.
    pub(super) fn is_missing(&self, hash: &SessionHash, now: Timestamp) -> bool {
        self.misses.lock().get(hash).is_some_and(|missed| now.since(*missed) < Self::MISSED_FOR)
    }

    /// One looks for a cookie, the others wait for what that one finds.
    pub(super) fn board(&self, hash: SessionHash) -> Result<Flight, Away> {
        let mut flights = self.flights.lock();
        if let Some(waiting) = flights.get_mut(&hash) {
            let (tell, told) = oneshot::channel();
            waiting.push(tell);
            return Ok(Flight::Waits(told));
        }
        if flights.len() >= Self::FLIGHTS_MAX {
            return Err(Away { what: "too many sessions are looked for at once".into() });
        }
        flights.insert(hash, Vec::new());
        Ok(Flight::Departs)
    }

    /// What was found, read since `generation`.
    pub(super) fn land(&self, hash: SessionHash, found: &Found, generation: u64, now: Timestamp) {
        match found {
            Ok(Some(session)) => self.remember(session, generation),
            Ok(None) => {
                let mut misses = self.misses.lock();
                if misses.len() >= Self::MISSES_MAX {
                    misses.retain(|_, missed| now.since(*missed) < Self::MISSED_FOR);
                    if misses.len() >= Self::MISSES_MAX {
                        misses.clear();
                    }
                }
                if self.generation() == generation {
                    misses.insert(hash, now);
                }
            }
            Err(_) => {}
        }
        for waiting in self.flights.lock().remove(&hash).unwrap_or_default() {
            // Whoever asked may have gone.
            let _gone = waiting.send(found.clone());
        }
    }

    fn remember(&self, session: &Arc<Session>, generation: u64) {
        let mut shard = self.shard(&session.hash).write();
        if shard.len() >= Self::SHARD_MAX {
            Self::make_room(&mut shard);
        }
        if self.generation() == generation {
            shard.insert(session.hash, Arc::clone(session));
        }
    }

    /// A sixteenth of them goes, open ones first: while the store is away, a session that is not remembered may only
    /// read, so forgetting opens nothing.
    fn make_room(shard: &mut Shard) {
        let mut by_use: Vec<(bool, Timestamp, SessionHash)> = shard
            .values()
            .map(|session| (session.state != SessionState::Open, session.last_seen, session.hash))
            .collect();
        by_use.sort_unstable();
        for (_, _, hash) in by_use.into_iter().take(Self::SHARD_MAX / 16) {
            shard.remove(&hash);
        }
    }

    /// Notes a use in what is remembered.
    pub(super) fn touch(&self, hash: &SessionHash, now: Timestamp) {
        if let Some(session) = self.shard(hash).write().get_mut(hash) {
            Arc::make_mut(session).last_seen = now;
        }
    }

    /// What is remembered of a session is of no use any more.
    pub(super) fn forget(&self, hash: &SessionHash) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.shard(hash).write().remove(hash);
        self.misses.lock().remove(hash);
    }

    pub(super) fn lock(&self, of: &str) -> Option<Option<Lock>> {
        self.locks.read().get(of).cloned()
    }

    pub(super) fn remember_lock(&self, of: String, lock: Option<Lock>, generation: u64) {
        let mut locks = self.locks.write();
        if locks.len() >= Self::LOCKS_MAX {
            locks.clear();
        }
        if self.generation() == generation {
            locks.insert(of, lock);
        }
    }

    pub(super) fn forget_lock(&self, of: &str) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.locks.write().remove(of);
    }

    /// Nothing is known for sure any more.
    pub(super) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            shard.write().clear();
        }
        self.locks.write().clear();
        self.misses.lock().clear();
    }

    /// Forgets sessions that were last seen before.
    pub(super) fn collect_rubbish(&self, last_seen_before: Timestamp) {
        for shard in &self.shards {
            shard.write().retain(|_, session| session.last_seen >= last_seen_before);
        }
    }

    fn shard(&self, hash: &SessionHash) -> &RwLock<Shard> {
        &self.shards[usize::from(hash.0[0]) % Self::SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, Agent, NetworkClass, Prefix, Spot};

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    fn session(number: u64, state: SessionState, seen: Timestamp) -> Arc<Session> {
        let mut hash = [0; 16];
        hash[8..].copy_from_slice(&number.to_be_bytes());
        let spot = Spot {
            prefix: Prefix::V6(1),
            network: NetworkClass::Outside,
            country: None,
            as_number: None,
            agent: Agent::of(None),
        };
        Arc::new(Session {
            hash: SessionHash(hash),
            site: "webmail.example.edu".into(),
            account: Account::from_canonical("alice"),
            state,
            signed_in: seen,
            last_seen: seen,
            spot,
            elsewhere: None,
            device: None,
            device_since: None,
            user_agent: None,
            flag: None,
            lesson: None,
            found: Vec::new(),
        })
    }

    #[test]
    fn what_was_read_before_a_change_was_told_is_not_remembered() {
        let cache = Cache::default();
        let one = session(1, SessionState::Open, at(0));
        let before = cache.generation();
        cache.forget(&one.hash);
        cache.land(one.hash, &Ok(Some(Arc::clone(&one))), before, at(0));
        assert!(cache.session(&one.hash).is_none());
        cache.land(one.hash, &Ok(None), before, at(0));
        assert!(!cache.is_missing(&one.hash, at(0)));
        cache.remember_lock("site/alice".into(), None, before);
        assert!(cache.lock("site/alice").is_none());
        cache.land(one.hash, &Ok(Some(Arc::clone(&one))), cache.generation(), at(0));
        assert!(cache.session(&one.hash).is_some());
        cache.clear();
        assert!(cache.session(&one.hash).is_none());
    }

    #[test]
    fn one_looks_for_a_cookie_and_the_others_wait() {
        let cache = Cache::default();
        let hash = SessionHash([1; 16]);
        assert!(matches!(cache.board(hash), Ok(Flight::Departs)));
        let Ok(Flight::Waits(mut told)) = cache.board(hash) else { panic!("one is on its way") };
        cache.land(hash, &Ok(None), cache.generation(), at(0));
        assert_eq!(told.try_recv(), Ok(Ok(None)));
        assert!(cache.is_missing(&hash, at(0)) && !cache.is_missing(&hash, at(1)));
        assert!(matches!(cache.board(hash), Ok(Flight::Departs)), "the next one looks again");
    }

    #[test]
    fn at_the_bound_what_is_open_and_unused_goes_first() {
        let cache = Cache::default();
        let generation = cache.generation();
        let strict = session(0, SessionState::Restricted, at(0));
        cache.remember(&strict, generation);
        for number in 1..=Cache::SHARD_MAX as u64 {
            cache.remember(&session(number, SessionState::Open, at(number)), generation);
        }
        assert!(cache.shards[0].read().len() <= Cache::SHARD_MAX);
        assert!(cache.session(&strict.hash).is_some());
        assert!(cache.session(&session(1, SessionState::Open, at(1)).hash).is_none());
    }
}
