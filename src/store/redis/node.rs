//! What every operation needs, and how a value is changed that others may be changing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Value, cmd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, Semaphore};

use super::cache::Cache;
use super::keys::{Keys, SHARDS};
use super::link::{Lane, Link};
use super::script::SWAP;
use crate::domain::Timestamp;
use crate::store::{Away, Changed, Settings};

/// How much longer a key is kept than what stands under it counts: expiry is judged by the time passed in, and clocks of
/// nodes and servers differ.
pub(super) const SLACK: Duration = Duration::from_secs(60);

/// How often a change is tried again because others change the same: far more than nodes do at once.
const ATTEMPTS_MAX: usize = 128;

/// What is written behind at once; beyond it a last use is not noted, and the next one is.
pub(super) const BEHIND_MAX: u32 = 512;

/// The connections, the names of keys, and what this node remembers.
pub(super) struct Node {
    pub(super) link: Link,
    pub(super) keys: Keys,
    pub(super) cache: Cache,
    /// The last place that was seen in each log of changes.
    pub(super) seen: Mutex<Vec<String>>,
    /// Somebody changed something: a hint to pull now.
    pub(super) hinted: Notify,
    /// One permit for each thing that is written behind.
    pub(super) behind: Arc<Semaphore>,
    /// Who else is told of what was changed.
    pub(super) told: OnceLock<Box<dyn Fn(Changed) + Send + Sync>>,
    operation_timeout: Duration,
    /// The time that was passed in last, in milliseconds: rubbish is judged by it.
    latest: AtomicU64,
    idle_millis: AtomicU64,
    forgotten_after_millis: AtomicU64,
    last_number: AtomicU64,
}

/// What becomes of a value.
pub(super) enum Swap {
    Leave,
    /// The new value, and how much longer its key lives; none: for ever.
    Put(Vec<u8>, Option<Duration>),
    /// The same, for as long as before.
    Replace(Vec<u8>),
    Delete,
}

impl Node {
    pub(super) fn new(link: Link, keys: Keys, settings: Settings, operation_timeout: Duration, random: u64) -> Self {
        let node = Self {
            link,
            keys,
            cache: Cache::default(),
            seen: Mutex::new(vec!["0-0".to_owned(); usize::from(SHARDS)]),
            hinted: Notify::new(),
            behind: Arc::new(Semaphore::new(BEHIND_MAX as usize)),
            told: OnceLock::new(),
            operation_timeout,
            latest: AtomicU64::new(0),
            idle_millis: AtomicU64::new(0),
            forgotten_after_millis: AtomicU64::new(0),
            last_number: AtomicU64::new(random),
        };
        node.configure(settings);
        node
    }

    pub(super) fn configure(&self, settings: Settings) {
        let Settings { session_idle, profile_forgotten_after } = settings;
        self.idle_millis.store(whole_millis(session_idle), Ordering::Relaxed);
        self.forgotten_after_millis.store(whole_millis(profile_forgotten_after), Ordering::Relaxed);
    }

    pub(super) const fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    pub(super) fn saw(&self, now: Timestamp) {
        self.latest.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Forgets sessions that nobody has used here for long.
    pub(super) fn collect_rubbish(&self) {
        let latest = Timestamp::from_millis(self.latest.load(Ordering::Relaxed));
        self.cache.collect_rubbish(latest.before(self.session_idle()));
    }

    pub(super) fn session_idle(&self) -> Duration {
        Duration::from_millis(self.idle_millis.load(Ordering::Relaxed))
    }

    pub(super) fn profile_forgotten_after(&self) -> Duration {
        Duration::from_millis(self.forgotten_after_millis.load(Ordering::Relaxed))
    }

    /// A number for a charge. Nodes begin at random ones, so that no two ever use the same.
    pub(super) fn next_number(&self) -> u64 {
        loop {
            let number = self.last_number.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if number != crate::policy::window::Entry::SETTLED {
                return number;
            }
        }
    }

    /// What stands under a key; empty where nothing does.
    pub(super) async fn get(&self, lane: Lane, key: &str) -> Result<Vec<u8>, Away> {
        let found: Option<Vec<u8>> = self.link.ask(lane, cmd("GET").arg(key)).await?;
        Ok(found.unwrap_or_default())
    }

    /// Changes what stands under a key, in one piece: `step` is told what is there (nothing where there is none), and is
    /// asked again where somebody was faster. `told` is a log of changes and what is written there.
    pub(super) async fn swap<T>(
        &self,
        key: &str,
        told: Option<(String, String)>,
        mut step: impl FnMut(&[u8]) -> (Swap, T),
    ) -> Result<T, Away> {
        let mut known = self.get(Lane::Quick, key).await?;
        let (log, what) = told.unzip();
        let keys: Vec<String> = std::iter::once(key.to_owned()).chain(log).collect();
        for _ in 0..ATTEMPTS_MAX {
            let (swap, done) = step(&known);
            let (new, lives) = match swap {
                Swap::Leave => return Ok(done),
                Swap::Put(new, None) => (new, "0".to_owned()),
                Swap::Put(new, Some(lives)) => (new, lives.as_millis().max(1).to_string()),
                Swap::Replace(new) => (new, "-1".to_owned()),
                Swap::Delete => (Vec::new(), "0".to_owned()),
            };
            let what = what.clone().unwrap_or_default();
            let arguments = [known, new, lives.into_bytes(), what.into_bytes()];
            match self.link.run(Lane::Quick, &SWAP, &keys, &arguments).await? {
                Value::BulkString(instead) => known = instead,
                _ => return Ok(done),
            }
        }
        Err(Away { what: "others change the same all the time".into() })
    }
}

pub(super) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As an argument of a script.
pub(super) fn number(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// Times as Lua and sorted sets count them exactly; those beyond the year 10889 are cut there.
pub(super) fn millis(time: Timestamp) -> u64 {
    const LATEST: u64 = (1 << 48) - 1;
    time.as_millis().min(LATEST)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain values with text keys are always written")
}

pub(super) fn from_json<T: DeserializeOwned>(raw: &[u8]) -> Result<T, Away> {
    serde_json::from_slice(raw).map_err(|_| unreadable())
}

/// A value that we would never have written.
pub(super) fn unreadable() -> Away {
    Away { what: "what is stored cannot be read: somebody else wrote it".into() }
}
