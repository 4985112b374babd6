//! A shared store, and what a node does by itself while that one is away.
//!
//! While the shared store answers it is the truth, and this only remembers what came by: what this node charged, the
//! sessions, locks and devices it was told of, all in an embedded store of its own. Once the shared store does not
//! answer within its time, nobody waits for it any more (`breaker`): charges are judged by a share of their limits
//! ([`crate::policy::share`]) against what this node counted, known sessions keep their last state, what makes things
//! stricter holds here at once, and what the store must learn of waits in a queue (`spool`). What would make things
//! looser fails as [`Away`], and so does what only the shared store can know; `policy` says what follows.
//!
//! [`Fallback::tend`] tries the store again, tells it all that waited, counters last, and only then goes back to it. So
//! nobody gets a fresh allowance by an outage, and what one node learned in it is known to all afterwards.

mod breaker;
mod journal;
mod ledger;
mod marks;
mod operations;
mod spool;
mod stale;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::embedded::{self, Embedded, Sessions};
use super::{Answer, Away, Changed, KnownDevice, Lock, Record, Store};
use crate::domain::{Account, Session, SessionHash, SiteName, Timestamp};
use crate::policy::limits::CounterKey;
use crate::policy::share::Share;
use crate::policy::window::Entry;
use breaker::Breaker;
use spool::{Spool, Untold};
use stale::Stale;

/// What the operator's configuration says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much of every limit a node lets through by itself.
    pub share: Share,
    /// The longest that a request waits for the shared store.
    pub timeout: Duration,
    /// All sites: whose locks are to be known before they are needed.
    pub sites: Vec<SiteName>,
}

/// What an operator should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The shared store does not answer.
    Away {
        /// Since when.
        since: Timestamp,
        /// Why, in words of ours.
        what: String,
    },
    /// It answers again, and was told what happened meanwhile.
    Back {
        /// Since when it had been away.
        since: Timestamp,
        /// How much it was told.
        told: u64,
        /// How much could not be kept for it, or was refused by it.
        lost: u64,
    },
}

/// A shared store with an embedded one behind it.
pub struct Fallback {
    shared: Arc<dyn Store>,
    own: Embedded,
    settings: ArcSwap<Settings>,
    breaker: Breaker,
    /// Whether the shared store refused something, and is to be tried before it is trusted further.
    suspect: AtomicBool,
    spool: Spool,
    stale: Stale,
    /// Whether something was missed of what others changed.
    has_missed: AtomicBool,
    /// Whether all locks of all sites were asked for once.
    has_learned_locks: AtomicBool,
    /// Whether somebody else changed one since.
    locks_changed: AtomicBool,
    /// Whether something may have been charged here that the shared store does not know of.
    charged_alone: AtomicBool,
    /// The time that was passed in last, in milliseconds: not every operation brings one.
    latest: AtomicU64,
    tended: Mutex<Tended>,
}

/// What only [`Fallback::tend`] knows.
#[derive(Default)]
struct Tended {
    locks_asked: Option<Timestamp>,
    /// Since when the store is away, by what was told as news.
    told: Option<Timestamp>,
    delivered: u64,
    lost: u64,
}

/// A counter, how long its entries are kept, and they.
type Counted = (CounterKey, Duration, Vec<Entry>);

/// Entries of a receipt before it are the shared store's, those after it this node's. No counter has this key.
const OWN_FROM_HERE: &str = "";

/// What a counter of charges that the shared store does not know of is named with, before its own name.
const UNTOLD: &str = "untold/";

/// Nobody waits for what the housekeeping asks, but it must come to an end.
const HOUSEKEEPING_MAX: Duration = Duration::from_secs(5);

/// All locks are asked for this often, beside the times that somebody changed one.
const LOCKS_EVERY: Duration = Duration::from_secs(5);

/// Locks of one site that are known here; a store holds no more at all sites together.
const LOCKS_MAX: usize = 100_000;

/// Sessions that others have changed and that are asked for again in one step.
const ASKED_AGAIN_AT_ONCE: usize = 64;

/// Counters told in one step.
const COUNTERS_AT_ONCE: usize = 256;

/// A list up to this long is part of a request, a longer one for an operator's eyes.
const SHORT_LIST_MAX: usize = 1_000;

impl Fallback {
    /// Puts a store in `folder` behind `shared`: it is made if it is not there, and nothing else may use it.
    ///
    /// Blocks: call it before serving.
    ///
    /// # Errors
    /// The store in the folder cannot be opened.
    pub fn open(
        shared: Arc<dyn Store>,
        folder: &Path,
        settings: Settings,
        own: embedded::Settings,
        now: Timestamp,
    ) -> Result<Self, embedded::OpenError> {
        let own = Embedded::open(folder, now, own)?;
        let path = folder.join("untold.jsonl");
        let spool = Spool::kept(&path).map_err(|source| embedded::OpenError::DataDir { path, source })?;
        Ok(Self { spool, ..Self::new(shared, own, settings, now) })
    }

    /// Puts `own` behind `shared`. Nothing else may use `own`. What waits for the shared store does not outlive the
    /// process; for tests.
    pub fn new(shared: Arc<dyn Store>, own: Embedded, settings: Settings, now: Timestamp) -> Self {
        Self {
            shared,
            own,
            settings: ArcSwap::from_pointee(settings),
            breaker: Breaker::default(),
            suspect: AtomicBool::new(false),
            spool: Spool::default(),
            stale: Stale::default(),
            has_missed: AtomicBool::new(false),
            has_learned_locks: AtomicBool::new(false),
            locks_changed: AtomicBool::new(false),
            // A process before this one may have left some.
            charged_alone: AtomicBool::new(true),
            latest: AtomicU64::new(now.as_millis()),
            tended: Mutex::default(),
        }
    }

    /// Takes over a changed configuration.
    pub fn configure(&self, settings: Settings, own: embedded::Settings) {
        if settings.sites != self.settings.load().sites {
            // Those of a new site are asked for at the next tending.
            self.has_learned_locks.store(false, Ordering::Release);
        }
        self.settings.store(Arc::new(settings));
        self.own.configure(own);
    }

    /// Is told what other nodes changed in the shared store: what is remembered of it here is asked for again, and is not
    /// relied on should the store go away before.
    pub fn changed_elsewhere(&self, changed: Changed) {
        match changed {
            Changed::Session(hash) => self.stale.add(hash),
            Changed::Locks => self.locks_changed.store(true, Ordering::Release),
            Changed::Everything => {
                self.locks_changed.store(true, Ordering::Release);
                self.has_missed.store(true, Ordering::Release);
            }
        }
    }

    /// Since when the shared store is away; none while it answers.
    pub fn away_since(&self) -> Option<Timestamp> {
        self.breaker.away().map(|(since, _)| since)
    }

    /// How much waits to be told to the shared store, charges not among it.
    pub fn waiting(&self) -> usize {
        self.spool.len()
    }

    /// Notes that the shared store is away before anybody asked it.
    pub fn begin_away(&self, what: &str, now: Timestamp) {
        self.breaker.failed(what, now);
    }

    /// Looks after the shared store: tries one that is away, tells it what waited, and learns all locks. To be called
    /// every tenth of a second; says what an operator should hear of.
    pub async fn tend(&self, now: Timestamp) -> Option<News> {
        self.saw(now);
        if let Some((since, what)) = self.breaker.away() {
            let is_news = self.tended.lock().told.replace(since) != Some(since);
            if is_news {
                return Some(News::Away { since, what });
            }
            if !self.breaker.is_due(now) {
                return None;
            }
            if let Err(away) = self.go_back(now).await {
                self.breaker.failed_again(&away.what, now);
                return None;
            }
            self.breaker.close(now);
            let mut tended = self.tended.lock();
            let (told, lost) = (std::mem::take(&mut tended.delivered), std::mem::take(&mut tended.lost));
            let lost = lost + self.spool.take_lost();
            return tended.told.take().map(|since| News::Back { since, told, lost });
        }
        if self.suspect.swap(false, Ordering::AcqRel)
            && let Err(away) = within(self.timeout(), self.shared.probe(now)).await
        {
            self.breaker.failed(&away.what, now);
            return None;
        }
        // What came in while the store was told the rest, and what a process before this one left.
        if self.has_untold()
            && let Err(away) = self.tell_all(now).await
        {
            self.breaker.failed(&away.what, now);
            return None;
        }
        let asked = self.tended.lock().locks_asked;
        let is_due = asked.is_none_or(|asked| now < asked || now.since(asked) >= LOCKS_EVERY);
        if (is_due || !self.knows_locks())
            && let Err(away) = self.learn_locks(now).await
        {
            self.breaker.failed(&away.what, now);
        }
        self.ask_again(now).await;
        None
    }

    /// Asks for some of the sessions that others have changed.
    async fn ask_again(&self, now: Timestamp) {
        if self.has_missed.swap(false, Ordering::AcqRel) {
            for site in &self.settings.load_full().sites {
                let known = self.own.sessions(site, None, Sessions::MAX, now).await.unwrap_or_default();
                known.iter().for_each(|session| self.stale.add(session.hash));
            }
        }
        for hash in self.stale.some(ASKED_AGAIN_AT_ONCE) {
            if self.known_session(&hash, now).await.is_none() {
                self.stale.remove(&hash);
            } else if self.session(&hash, now).await.is_err() || !self.breaker.is_closed() {
                return;
            }
        }
    }

    async fn go_back(&self, now: Timestamp) -> Result<(), Away> {
        within(HOUSEKEEPING_MAX, self.shared.probe(now)).await?;
        self.tell_all(now).await?;
        self.learn_locks(now).await
    }

    fn has_untold(&self) -> bool {
        self.spool.len() > 0 || self.charged_alone.load(Ordering::Acquire)
    }

    /// Tells the shared store what waits. What it refuses although it answers is lost: one thing that it can never take
    /// must not keep it away for ever.
    async fn tell_all(&self, now: Timestamp) -> Result<(), Away> {
        while let Some(untold) = self.spool.pop() {
            let untold = self.as_it_is_now(untold, now).await;
            let told = within(HOUSEKEEPING_MAX, untold.tell(&*self.shared)).await;
            if let Err(away) = told {
                if let Err(still_away) = within(HOUSEKEEPING_MAX, self.shared.probe(now)).await {
                    self.spool.put_back(untold);
                    return Err(still_away);
                }
                tracing::warn!(what = %away.what, "the store refuses something that waited for it");
                self.tended.lock().lost += 1;
                continue;
            }
            self.tended.lock().delivered += 1;
        }
        self.spool.all_told();
        self.tell_charges(now).await
    }

    /// A session that waits is told with the state it has now: what it was restricted for since must not be forgotten
    /// should the step that says so be lost.
    async fn as_it_is_now(&self, untold: Untold, now: Timestamp) -> Untold {
        let Untold::Session { mut session, now: then } = untold else { return untold };
        if let Ok(Some(known)) = self.own.session(&session.hash, now).await
            && known.signed_in == session.signed_in
        {
            session.state = session.state.stricter(known.state);
        }
        Untold::Session { session, now: then }
    }

    /// Adds to the shared counters what was charged here alone. Nothing is asked: it has happened.
    async fn tell_charges(&self, now: Timestamp) -> Result<(), Away> {
        if !self.charged_alone.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let mut untold: Vec<Counted> = Vec::new();
        for (key, keep, entries) in self.own.take_counted(UNTOLD) {
            let Some(key) = key.0.strip_prefix(UNTOLD).map(|key| CounterKey(key.to_owned())) else { continue };
            // What was charged here is given back here: the shared store never saw its number.
            let entries = entries.into_iter().map(|entry| Entry { number: Entry::SETTLED, ..entry }).collect();
            untold.push((key, keep, entries));
        }
        while !untold.is_empty() {
            let some = untold.split_off(untold.len().saturating_sub(COUNTERS_AT_ONCE));
            if let Err(away) = within(HOUSEKEEPING_MAX, self.shared.merge_charges(&some, now)).await {
                untold.extend(some);
                for (key, ..) in &mut untold {
                    key.0.insert_str(0, UNTOLD);
                }
                self.remember(self.own.merge_charges(&untold, now)).await;
                self.charged_alone.store(true, Ordering::Release);
                return Err(away);
            }
            self.tended.lock().delivered += u64::try_from(some.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Learns which accounts are locked, and which are no longer.
    async fn learn_locks(&self, now: Timestamp) -> Result<(), Away> {
        // What is changed from here on is asked for the next time.
        let changed = self.locks_changed.swap(false, Ordering::AcqRel);
        let learned = self.learn_locks_of(&self.settings.load_full().sites).await;
        if learned.is_ok() {
            self.tended.lock().locks_asked = Some(now);
            self.has_learned_locks.store(true, Ordering::Release);
        } else if changed {
            self.locks_changed.store(true, Ordering::Release);
        }
        learned
    }

    async fn learn_locks_of(&self, sites: &[SiteName]) -> Result<(), Away> {
        for site in sites {
            let locks = within(HOUSEKEEPING_MAX, self.shared.locks(site, LOCKS_MAX)).await?;
            let mut known: HashMap<Account, Lock> = match self.own.locks(site, LOCKS_MAX).await {
                Ok(known) => known.into_iter().map(|lock| (lock.account.clone(), lock)).collect(),
                Err(_) => HashMap::new(),
            };
            for lock in locks {
                if known.remove(&lock.account).is_none_or(|known| known.note != lock.note) {
                    self.remember_lock(lock).await;
                }
            }
            for account in known.keys() {
                self.remember(self.own.unlock(site, account)).await;
            }
        }
        Ok(())
    }

    /// Whether all locks are known here. Where they are not, "not locked" cannot be said without asking.
    fn knows_locks(&self) -> bool {
        self.has_learned_locks.load(Ordering::Acquire) && !self.locks_changed.load(Ordering::Acquire)
    }

    /// Asks the shared store, unless it is away. Whoever asks waits as long as the configuration says.
    async fn ask<'a, T>(&'a self, question: impl FnOnce(&'a dyn Store) -> Answer<'a, T>) -> Result<T, Away> {
        let limit = self.timeout();
        self.ask_within(limit, question).await
    }

    async fn ask_within<'a, T>(
        &'a self,
        limit: Duration,
        question: impl FnOnce(&'a dyn Store) -> Answer<'a, T>,
    ) -> Result<T, Away> {
        if !self.breaker.is_closed() {
            return Err(self.breaker.refusal());
        }
        match tokio::time::timeout(limit, question(&*self.shared)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(away)) => {
                // It answers, if only to say no: whether to all or to this alone is for the housekeeping to find out.
                self.suspect.store(true, Ordering::Release);
                Err(away)
            }
            Err(_) => {
                let away = late(limit);
                self.breaker.failed(&away.what, self.now());
                Err(away)
            }
        }
    }

    /// Asks for a list. A long one is for an operator, takes longer, and says nothing about the store if it takes too long.
    async fn ask_for_list<'a, T>(
        &'a self,
        most: usize,
        question: impl FnOnce(&'a dyn Store) -> Answer<'a, T>,
    ) -> Result<T, Away> {
        if most <= SHORT_LIST_MAX {
            return self.ask(question).await;
        }
        if !self.breaker.is_closed() {
            return Err(self.breaker.refusal());
        }
        within(HOUSEKEEPING_MAX, question(&*self.shared)).await
    }

    /// Notes something in the embedded store. Should its disk not take it, memory has what matters.
    async fn remember<T>(&self, noted: Answer<'_, T>) {
        if let Err(away) = within(self.timeout(), noted).await {
            tracing::debug!(what = %away.what, "the node's own store does not remember");
        }
    }

    async fn remember_lock(&self, lock: Lock) {
        self.remember(self.own.lock(lock)).await;
    }

    /// Remembers a session as the shared store has it.
    async fn remember_session(&self, session: &Arc<Session>, now: Timestamp) {
        self.stale.remove(&session.hash);
        let changes = |session: &Session| {
            (session.signed_in, session.state, session.spot, session.elsewhere, session.device_since, session.flag)
        };
        match self.known_session(&session.hash, now).await {
            Some(known) if changes(&known) == changes(session) => {
                self.remember(self.own.touch_session(&session.hash, now)).await;
            }
            _ => self.remember(self.own.put_session((**session).clone(), now)).await,
        }
    }

    /// Remembers a device and since when it is known.
    async fn remember_device(
        &self,
        site: &SiteName,
        account: &Account,
        device: [u8; 16],
        since: Timestamp,
        now: Timestamp,
    ) {
        let known = self.own.device_since(site, account, device, now).await.ok().flatten();
        if known == Some(since) {
            return;
        }
        if known.is_some() {
            self.remember(self.own.forget_devices(site, account, Some(device))).await;
        }
        let (site, account) = (Arc::clone(site), account.clone());
        let device = KnownDevice { device, since, last_used: now };
        self.remember(self.own.import(vec![Record::Device { site, account, device }], now)).await;
    }

    /// The session as it is known here.
    async fn known_session(&self, hash: &SessionHash, now: Timestamp) -> Option<Arc<Session>> {
        self.own.session(hash, now).await.ok().flatten()
    }

    fn timeout(&self) -> Duration {
        self.settings.load().timeout
    }

    fn saw(&self, now: Timestamp) {
        self.latest.store(now.as_millis(), Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Relaxed))
    }
}

/// What a store did not answer in time it did not answer.
async fn within<T>(limit: Duration, answer: Answer<'_, T>) -> Result<T, Away> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(late(limit)),
    }
}

fn late(limit: Duration) -> Away {
    Away { what: format!("no answer within {} ms", limit.as_millis()) }
}

impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fallback")
    }
}
