//! The store that several gateways share: Redis or Valkey, one server, one watched by Sentinels, or a Cluster.
//! Redis 6.2 is the oldest that has all that is used; tested with 7.0. No module, no function, nothing that Valkey lacks.
//!
//! A thread of its own speaks to the servers; nobody else waits for the network. An operation lasts at most
//! `operation_timeout`, then it is [`Away`]; with what is kept, as much longer as a slow line takes for it. What only
//! operators wait for, long lists, export and import, has twenty seconds.
//! Connections are opened again by themselves, the second attempt after a twentieth of a second and from then on ever
//! later, up to two seconds.
//!
//! What is asked at every request, the session and whether its account is locked, is remembered by each node and asks
//! nobody (`cache`). Every change of a session or lock is written to a log in the same step, and each node pulls the logs
//! twice a second, and as soon as it hears that there is something (`changes`). What a send or sign-in is charged is one
//! script, and so one round trip (`counters`).
//! Everything else is read when it is asked for; what is changed is written only if it is still what was read
//! (`node::Node::swap`), so that all rules of the domain are in the domain and not in a script.
//!
//! # Keys
//!
//! All begin with the same prefix. A number in braces is the part of the accounts that the key belongs to; in a Cluster,
//! what has the same braces is in the same slot. Times are milliseconds since 1970 in UTC. `ACCOUNT` is `site/account`.
//!
//! | key | holds |
//! |---|---|
//! | `schema` | the version of this table |
//! | `counter:{n}:NAME\|SUBJECT` | a window: how long it keeps, then its entries (`counters`); expires with the last |
//! | `session:{n}:ACCOUNT:HASH` | state, sign-in, last use, the rest as JSON; expires with its idle time |
//! | `sessions:{n}:ACCOUNT`, `live:{n}:SITE` | sorted by last use: an account's sessions, all of a part at a site |
//! | `whose:{m}:HASH` | the account of a session |
//! | `lock:{n}:ACCOUNT`, `locks:{n}:` | a lock as JSON, the accounts of a part that have one |
//! | `devices:{n}:ACCOUNT` | each device with its first and last use; expires half a year after the last |
//! | `profile:{n}:ACCOUNT` | as JSON; expires two years after the last change |
//! | `written:{n}:ACCOUNT` | last time, then four bytes for each recipient; the same |
//! | `factors:{n}:ACCOUNT` | `version` and `sealed` |
//! | `flag:{flags}:CODE`, `flags:{flags}…` | a flag as JSON, the indexes by time, status, account and country |
//! | `events:{events}`, `events:{events}:ACCOUNT` | past events by time, the numbers of those of an account |
//! | `tallies:{events}:SECONDS:START` | what was counted in a span |
//! | `messages:{events}:HOUR`, `recipients:{events}:HOUR` | who sent how much in an hour |
//! | `audit:{audit}:`, `operators:{audit}:` | what operators did by time; each one's version and sealed record |
//! | `marks:{audit}:` | the prefixes that operators marked, each as JSON under `site/prefix` |
//! | `nodes:{audit}:` | the gateways that share the store, each as JSON; expires a day after the last that said so |
//! | `kept:{KIND}:ID`, `until:{KIND}`, `bytes:{KIND}` | until when and what is kept, all by that time, how many bytes |
//! | `log:{n}:` | a stream of what was changed, cut to about a thousand entries |
//! | `probe:{n}:` | the last probe |
//!
//! Expiry is judged by the time that is passed in; keys expire a minute later, as rubbish.
//!
//! # Addresses
//!
//! `redis://[user][:password@]host[:port][/database]`, encrypted with `rediss://`. Several of them, or one with
//! `redis-cluster://` or `rediss-cluster://`, are nodes of a Cluster. A Sentinel is
//! `sentinel://[user][:password@]host[:port]/master[?database=N&sentinel_user=…&sentinel_password=…]`, encrypted with
//! `sentinels://`; user, password and database are those of the server that it watches.
//!
//! # What a Cluster or a failover can lose
//!
//! Redis answers before its replicas have a change. A master that dies takes the last moments with it: charges, sessions
//! and, if it comes to that, a lock or the taking of a code. `WAIT` would not change that much, and cost a round trip.

mod accounts;
mod address;
mod cache;
mod changes;
mod counters;
mod flags;
mod inspect;
mod keeper;
mod kept;
mod keys;
mod ledger;
mod link;
mod marks;
mod moving;
mod node;
mod nodes;
mod schema;
mod script;
mod sessions;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use address::ConnectError;
pub use inspect::{Inspection, Kind, Server};
pub use link::Traffic;
pub use sessions::SESSIONS_OF_ACCOUNT_MAX;

use super::{
    Answer, Away, Changed, Cursor, FirstWritten, Kept, KeptKind, KnownDevice, Lock, Page, Raise, Record, Sealed, Store,
};
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{
    Account, Flag, Lesson, Profile, Reference, Secret, Session, SessionChange, SessionHash, SessionState, SiteName,
    Timestamp,
};
use crate::policy::limits::{Charge, Charged, CounterKey, Receipt};
use crate::policy::window::Entry;
use cache::Flight;
use keys::Keys;
use link::{Lane, Link};
use node::Node;

/// The longest beginning of all keys.
pub const PREFIX_BYTES_MAX: usize = 64;

/// What the operator's configuration says of the servers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they are, as the documentation of this module says. They may hold a password.
    pub urls: Vec<Secret<String>>,
    /// With what every key begins; `mailward:` unless several installations share one server.
    pub prefix: String,
    /// How long an operation may take; 200 ms unless the servers are far.
    pub operation_timeout: Duration,
    /// Whose signature a server's certificate must bear, as PEM; none: the system's authorities.
    pub certificate_authority: Option<PathBuf>,
    /// What every store is told.
    pub store: super::Settings,
    /// Random bits, so that no two nodes ever number a charge alike.
    pub random: u64,
}

impl Settings {
    /// What holds if nothing else is said.
    pub fn new(urls: Vec<Secret<String>>, store: super::Settings, random: u64) -> Self {
        Self {
            urls,
            prefix: "mailward:".to_owned(),
            operation_timeout: Duration::from_millis(200),
            certificate_authority: None,
            store,
            random,
        }
    }
}

/// A handle to the shared store. Dropping it ends the connections, and waits for that.
pub struct Redis {
    node: Arc<Node>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Redis {
    /// Connects to the servers. Where they are away it says nothing: the store is [`Away`] until they are there.
    ///
    /// Blocks for at most a few seconds: call it before serving.
    ///
    /// # Errors
    /// What an operator must mend: the settings make no sense, the servers refuse, or hold what a newer Mailward wrote.
    pub fn connect(settings: Settings) -> Result<Self, ConnectError> {
        let Settings { urls, prefix, operation_timeout, certificate_authority, store, random } = settings;
        if prefix.len() > PREFIX_BYTES_MAX || prefix.contains(['{', '}']) {
            return Err(ConnectError::Prefix);
        }
        let target = address::Target::of(&urls)?;
        let certificates = address::certificates(certificate_authority.as_deref())?;
        let link = Link::new(target, certificates, operation_timeout);
        let node = Arc::new(Node::new(link, Keys::new(prefix), store, operation_timeout, random));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ConnectError::Thread)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let (first, connected) = std::sync::mpsc::sync_channel(1);
        let keeps = Arc::clone(&node);
        let thread = std::thread::Builder::new()
            .name("store-redis".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = keeper::keep(&keeps, first) => {}
                        _ = stopped => {}
                    }
                });
                // Nobody waits for what is still under way.
                runtime.shutdown_background();
            })
            .map_err(ConnectError::Thread)?;
        let redis = Self { node, handle, stop: Some(stop), thread: Some(thread) };
        // The thread says so at once, or when its first attempt is over, which is bounded.
        match connected.recv() {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) | Err(_) => Ok(redis),
        }
    }

    /// Takes over a changed configuration.
    pub fn configure(&self, settings: super::Settings) {
        self.node.configure(settings);
    }

    /// Why there is no connection; none while there is one.
    pub fn trouble(&self) -> Option<String> {
        self.node.link.trouble()
    }

    /// What was said to the servers since the start.
    pub fn traffic(&self) -> Traffic {
        self.node.link.traffic()
    }

    /// What an operator should know of the servers.
    ///
    /// # Errors
    /// They do not answer.
    pub async fn inspect(&self) -> Result<Inspection, Away> {
        self.run(link::BULK, |node| async move { node.inspect().await }).await
    }

    /// The clock of the first server.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn time(&self) -> Result<Timestamp, Away> {
        self.ask(|node| async move { node.time().await }).await
    }

    /// Tells somebody else what is changed from now on, by this node or another. The first to ask is told, and on the
    /// thread that speaks to the servers.
    pub fn on_change(&self, told: Box<dyn Fn(Changed) + Send + Sync>) {
        let _first = self.node.told.set(told);
    }

    async fn ask<T, F>(&self, work: impl FnOnce(Arc<Node>) -> F + Send) -> Result<T, Away>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Away>> + Send + 'static,
    {
        self.run(self.node.operation_timeout(), work).await
    }

    /// On the thread of its own: whoever waits here may have no timer, and may go away; what was begun is done.
    async fn run<T, F>(&self, within: Duration, work: impl FnOnce(Arc<Node>) -> F + Send) -> Result<T, Away>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Away>> + Send + 'static,
    {
        let node = Arc::clone(&self.node);
        let work = work(Arc::clone(&node));
        let done = self.handle.spawn(async move {
            let done = tokio::time::timeout(within, work).await;
            done.unwrap_or_else(|_| Err(node.link.late(within)))
        });
        done.await.unwrap_or_else(|_| Err(Away { what: "its thread has stopped".into() }))
    }

    async fn look_for(&self, hash: SessionHash, now: Timestamp) -> Result<Option<Arc<Session>>, Away> {
        let found = match self.node.cache.board(hash)? {
            Flight::Departs => {
                let node = Arc::clone(&self.node);
                self.handle.spawn(async move { node.look_for(hash, now).await }).await.ok()
            }
            Flight::Waits(told) => told.await.ok(),
        };
        let found = found.unwrap_or_else(|| Err("its thread has stopped".to_owned()));
        found.map_err(|what| Away { what })
    }
}

impl Store for Redis {
    fn charge<'a>(&'a self, charges: &'a [Charge], now: Timestamp) -> Answer<'a, Charged> {
        let charges = charges.to_vec();
        Box::pin(self.ask(move |node| async move { node.charge(&charges, now).await }))
    }

    fn refund<'a>(&'a self, receipt: &'a Receipt, _now: Timestamp) -> Answer<'a, ()> {
        let receipt = receipt.clone();
        Box::pin(self.ask(move |node| async move { node.refund(&receipt).await.map(|_| ()) }))
    }

    fn count<'a>(&'a self, key: &'a CounterKey, window: Duration, now: Timestamp) -> Answer<'a, u32> {
        let key = key.clone();
        Box::pin(self.ask(move |node| async move { node.count(&key, window, now).await }))
    }

    fn merge_charges<'a>(
        &'a self,
        charges: &'a [(CounterKey, Duration, Vec<Entry>)],
        now: Timestamp,
    ) -> Answer<'a, ()> {
        let charges = charges.to_vec();
        Box::pin(self.run(link::BULK, move |node| async move {
            for (key, keep, entries) in &charges {
                node.add(key, entries, *keep, now).await?;
            }
            Ok(())
        }))
    }

    fn forget_counters<'a>(&'a self, keys: &'a [CounterKey], _now: Timestamp) -> Answer<'a, ()> {
        let keys = keys.to_vec();
        Box::pin(self.ask(move |node| async move {
            for key in &keys {
                node.forget(key).await?;
            }
            Ok(())
        }))
    }

    fn session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, Option<Arc<Session>>> {
        let remembered = self.node.cache.session(hash);
        // Another node may have seen a later use of one that seems to have expired.
        if let Some(session) = remembered.filter(|session| !self.node.has_expired(session, now)) {
            return Box::pin(std::future::ready(Ok(Some(session))));
        }
        if self.node.cache.is_missing(hash, now) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        Box::pin(self.look_for(*hash, now))
    }

    fn put_session<'a>(&'a self, session: Session, _now: Timestamp) -> Answer<'a, ()> {
        Box::pin(self.ask(move |node| async move { node.put_session(session).await }))
    }

    fn touch_session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, ()> {
        let done = Box::pin(std::future::ready(Ok(())));
        let remembered = self.node.cache.session(hash);
        if remembered.is_some_and(|session| !Node::is_touch_due(&session, now) || self.node.has_expired(&session, now))
        {
            return done;
        }
        let Ok(permit) = Arc::clone(&self.node.behind).try_acquire_owned() else { return done };
        self.node.saw(now);
        self.node.cache.touch(hash, now);
        let (node, hash) = (Arc::clone(&self.node), *hash);
        self.handle.spawn(async move {
            // What is not noted now is noted a minute later.
            let _noted = tokio::time::timeout(node.operation_timeout(), node.touch_session(&hash, now)).await;
            drop(permit);
        });
        done
    }

    fn set_account_sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        state: SessionState,
        except: Option<SessionHash>,
        now: Timestamp,
    ) -> Answer<'a, Vec<SessionHash>> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(
            self.ask(move |node| async move { node.set_account_sessions(&site, &account, state, except, now).await }),
        )
    }

    fn sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: Option<&'a Account>,
        most: usize,
        now: Timestamp,
    ) -> Answer<'a, Vec<Arc<Session>>> {
        let (site, account) = (Arc::clone(site), account.cloned());
        let within = self.within(if account.is_some() { Lane::Quick } else { Lane::Bulk });
        Box::pin(self.run(within, move |node| async move { node.sessions(&site, account.as_ref(), most, now).await }))
    }

    fn lock(&self, lock: Lock) -> Answer<'_, ()> {
        Box::pin(self.ask(move |node| async move { node.lock(lock).await }))
    }

    fn unlock<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, bool> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.unlock(&site, &account).await }))
    }

    fn locked<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Lock>> {
        if let Some(lock) = self.node.cache.lock(&format!("{site}/{account}")) {
            return Box::pin(std::future::ready(Ok(lock)));
        }
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.locked(&site, &account).await }))
    }

    fn locks<'a>(&'a self, site: &'a SiteName, most: usize) -> Answer<'a, Vec<Lock>> {
        let site = Arc::clone(site);
        Box::pin(self.run(link::BULK, move |node| async move { node.locks(&site, most).await }))
    }

    fn know_device<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Timestamp> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.know_device(&site, &account, device, now).await }))
    }

    fn device_since<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Option<Timestamp>> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.device_since(&site, &account, device, now).await }))
    }

    fn devices<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Vec<KnownDevice>> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.devices(&site, &account, now).await }))
    }

    fn forget_devices<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: Option<[u8; 16]>,
    ) -> Answer<'a, usize> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.forget_devices(&site, &account, device).await }))
    }

    fn change_session<'a>(
        &'a self,
        hash: &'a SessionHash,
        change: SessionChange,
        now: Timestamp,
    ) -> Answer<'a, Option<Arc<Session>>> {
        let hash = *hash;
        Box::pin(self.ask(move |node| async move { node.change_session(&hash, &change, now).await }))
    }

    fn profile<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Profile> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.profile(&site, &account, now).await }))
    }

    fn teach<'a>(&'a self, site: &'a SiteName, account: &'a Account, lesson: Lesson, now: Timestamp) -> Answer<'a, ()> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.learn(&site, &account, &lesson, now).await }))
    }

    fn unteach<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        lesson: Lesson,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.unlearn(&site, &account, &lesson, now).await }))
    }

    fn first_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: &'a [u32],
    ) -> Answer<'a, FirstWritten> {
        let (site, account, asked) = (Arc::clone(site), account.clone(), recipients.to_vec());
        Box::pin(self.ask(move |node| async move { node.first_written(&site, &account, &asked).await }))
    }

    fn note_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: Vec<u32>,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.note_written(&site, &account, &recipients, now).await }))
    }

    fn put_flag(&self, flag: Flag) -> Answer<'_, ()> {
        Box::pin(self.ask(move |node| async move { node.put_flag(flag).await }))
    }

    fn flag<'a>(&'a self, code: &'a Reference) -> Answer<'a, Option<Flag>> {
        let code = *code;
        Box::pin(self.ask(move |node| async move { node.flag(&code).await }))
    }

    fn flags<'a>(&'a self, filter: &'a FlagFilter, most: usize) -> Answer<'a, Vec<Flag>> {
        let filter = filter.clone();
        let within = self.within(flags::lane(&filter));
        Box::pin(self.run(within, move |node| async move { node.flags(&filter, most).await }))
    }

    fn raise_flag<'a>(&'a self, code: &'a Reference, raise: Raise) -> Answer<'a, bool> {
        let code = *code;
        Box::pin(self.ask(move |node| async move { node.raise_flag(&code, &raise).await }))
    }

    fn settle_flag<'a>(
        &'a self,
        code: &'a Reference,
        status: Option<FlagStatus>,
        note: Option<Note>,
    ) -> Answer<'a, Option<Flag>> {
        let code = *code;
        Box::pin(self.ask(move |node| async move { node.settle_flag(&code, status, note.as_ref()).await }))
    }

    fn add_to_flag<'a>(&'a self, code: &'a Reference, activity: Activity) -> Answer<'a, ()> {
        let code = *code;
        Box::pin(self.ask(move |node| async move { node.add_to_flag(&code, &activity).await }))
    }

    fn keep(&self, kept: Kept, now: Timestamp) -> Answer<'_, ()> {
        let within = self.within_for(kept.sealed.len());
        Box::pin(self.run(within, move |node| async move {
            if node.keep(&kept, false, now).await? { Ok(()) } else { Err(Away { what: kept.no_room() }) }
        }))
    }

    fn kept(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        Box::pin(async move {
            let bytes = self.bytes_of_kept(kind, id).await?;
            self.run(self.within_for(bytes), move |node| async move { node.kept(kind, id, now).await }).await
        })
    }

    fn take(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        Box::pin(async move {
            let bytes = self.bytes_of_kept(kind, id).await?;
            self.run(self.within_for(bytes), move |node| async move { node.take(kind, id, now).await }).await
        })
    }

    fn factors<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Sealed>> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move { node.factors(&site, &account).await }))
    }

    fn put_factors<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        bytes: Vec<u8>,
        expected: u64,
    ) -> Answer<'a, bool> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.ask(move |node| async move {
            node.put_factors(&site, &account, bytes, expected, expected.saturating_add(1)).await
        }))
    }

    fn export(&self, after: Option<Cursor>, most: usize) -> Answer<'_, Page> {
        Box::pin(self.run(link::BULK, move |node| async move { node.export(after, most).await }))
    }

    fn import(&self, records: Vec<Record>, now: Timestamp) -> Answer<'_, usize> {
        Box::pin(self.run(link::BULK, move |node| async move { node.import(records, now).await }))
    }

    fn probe(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.ask(move |node| async move { node.probe(now).await }))
    }

    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(self.run(link::BULK, |node| async move {
            // Whoever has all permits knows that nobody else has one.
            node.behind.acquire_many(node::BEHIND_MAX).await.map(|_| ()).map_err(|_| Away { what: "stopped".into() })
        }))
    }
}

impl Redis {
    fn within(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Quick | Lane::Opening => self.node.operation_timeout(),
            Lane::Bulk => link::BULK,
        }
    }

    /// What is large may take longer, by as much as it takes on a slow line.
    fn within_for(&self, bytes: usize) -> Duration {
        const BYTES_A_SECOND: u64 = 8 << 20;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.node.operation_timeout().saturating_add(Duration::from_millis(bytes / (BYTES_A_SECOND / 1000)))
    }

    /// How large it is; only of what may be large is that asked.
    async fn bytes_of_kept(&self, kind: KeptKind, id: [u8; 16]) -> Result<usize, Away> {
        match kept::lane(kind) {
            Lane::Quick | Lane::Opening => Ok(kind.bytes_max()),
            Lane::Bulk => self.ask(move |node| async move { node.bytes_of_kept(kind, id).await }).await,
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ended = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}
