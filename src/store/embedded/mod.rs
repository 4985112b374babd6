//! The store that needs nothing installed: memory for speed, one SQLite file for keeps.
//!
//! Everything that is asked often is answered from memory; looking up a session touches no file. Everything that is
//! told goes through one writer thread, which puts what waits into one transaction, applies it to memory once it is on
//! disk, in the same order, and only then answers. So sessions, locks and devices are durable when a call returns.
//! Counters are written behind, at most a second late: being killed costs that second, never a lock or a session.
//!
//! When a write fails the caller is told [`Away`]. What makes things stricter, a lock or an end of sessions, then holds
//! in memory all the same, and charges go on being counted there.
//!
//! `mailward.db` can be read with `sqlite3` while the gateway runs. Two gateways do not share one folder.

mod counters;
mod database;
mod devices;
mod locks;
mod sessions;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use counters::Counters;
pub use database::OpenError;
pub use devices::Devices;
pub use locks::Locks;
pub use sessions::Sessions;

use super::{Answer, Away, FirstWritten, KnownDevice, Lock, Raise, Store};
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{
    Account, Flag, Lesson, Profile, Reference, Session, SessionChange, SessionHash, SessionState, SiteName, Timestamp,
};
use crate::policy::limits::{Charge, Charged, CounterKey, Receipt};
use writer::{Change, Writer};

/// What the operator's configuration says of the store.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a session is remembered without a request: the longest `session_idle` of all sites.
    pub session_idle: Duration,
}

/// Counters, sessions, locks and devices of one node.
pub struct Embedded {
    memory: Arc<Memory>,
    writer: Writer,
}

/// What is answered from.
struct Memory {
    counters: Counters,
    sessions: Sessions,
    locks: Locks,
    devices: Devices,
    /// The time that was passed in last, in milliseconds: rubbish is judged by it.
    latest: AtomicU64,
}

impl Memory {
    fn saw(&self, now: Timestamp) {
        self.latest.store(now.as_millis(), Ordering::Relaxed);
    }

    fn latest(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Relaxed))
    }

    /// Forgets what has expired; the database follows with the next write.
    fn collect_rubbish(&self) {
        let now = self.latest();
        self.counters.collect_rubbish(now);
        self.sessions.collect_rubbish(now);
        self.devices.collect_rubbish(now);
    }
}

impl Embedded {
    /// Opens the store in `data_dir`, which is made if it is not there, and reads back what it holds.
    ///
    /// Blocks: call it before serving.
    ///
    /// # Errors
    /// Another gateway uses the folder, the file is damaged, of a newer Mailward or not of Mailward, or it cannot be
    /// written.
    pub fn open(data_dir: &Path, now: Timestamp, settings: Settings) -> Result<Self, OpenError> {
        let mut database = database::Database::open(data_dir, now)?;
        let memory = Memory {
            counters: Counters::default(),
            sessions: Sessions::new(settings.session_idle),
            locks: Locks::default(),
            devices: Devices::default(),
            latest: AtomicU64::new(now.as_millis()),
        };
        database.read_back(&memory)?;
        memory.collect_rubbish();
        let memory = Arc::new(memory);
        let writer = Writer::start(database, Arc::clone(&memory))?;
        Ok(Self { memory, writer })
    }

    /// Takes over a changed configuration.
    pub fn configure(&self, settings: Settings) {
        self.memory.sessions.set_idle(settings.session_idle);
    }

    async fn write<C: Change>(&self, change: C) -> Result<C::Done, Away> {
        self.writer.write(change).await
    }
}

impl Store for Embedded {
    fn charge<'a>(&'a self, charges: &'a [Charge], now: Timestamp) -> Answer<'a, Charged> {
        self.memory.saw(now);
        let charged = self.memory.counters.charge(charges, now);
        Box::pin(std::future::ready(Ok(charged)))
    }

    fn refund<'a>(&'a self, receipt: &'a Receipt, now: Timestamp) -> Answer<'a, ()> {
        self.memory.saw(now);
        self.memory.counters.refund(receipt);
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, key: &'a CounterKey, window: Duration, now: Timestamp) -> Answer<'a, u32> {
        let count = self.memory.counters.count(key, window, now);
        Box::pin(std::future::ready(Ok(count)))
    }

    fn session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, Option<Arc<Session>>> {
        let session = self.memory.sessions.get(hash, now);
        Box::pin(std::future::ready(Ok(session)))
    }

    fn put_session<'a>(&'a self, session: Session, now: Timestamp) -> Answer<'a, ()> {
        self.memory.saw(now);
        Box::pin(self.write(sessions::Put { session, now }))
    }

    fn touch_session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, ()> {
        self.memory.saw(now);
        self.memory.sessions.touch(hash, now);
        Box::pin(std::future::ready(Ok(())))
    }

    fn set_account_sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        state: SessionState,
        except: Option<SessionHash>,
        now: Timestamp,
    ) -> Answer<'a, Vec<SessionHash>> {
        self.memory.saw(now);
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.write(sessions::SetAccount { site, account, state, except, now }))
    }

    fn sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: Option<&'a Account>,
        most: usize,
        now: Timestamp,
    ) -> Answer<'a, Vec<Arc<Session>>> {
        let sessions = self.memory.sessions.list(site, account, most, now);
        Box::pin(std::future::ready(Ok(sessions)))
    }

    fn lock(&self, lock: Lock) -> Answer<'_, ()> {
        Box::pin(self.write(locks::SetLock(lock)))
    }

    fn unlock<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, bool> {
        Box::pin(self.write(locks::Unlock { site: Arc::clone(site), account: account.clone() }))
    }

    fn locked<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Lock>> {
        let lock = self.memory.locks.get(site, account);
        Box::pin(std::future::ready(Ok(lock)))
    }

    fn locks<'a>(&'a self, site: &'a SiteName, most: usize) -> Answer<'a, Vec<Lock>> {
        let locks = self.memory.locks.list(site, most);
        Box::pin(std::future::ready(Ok(locks)))
    }

    fn know_device<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Timestamp> {
        self.memory.saw(now);
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.write(devices::Know { site, account, device, now }))
    }

    fn device_since<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Option<Timestamp>> {
        let since = self.memory.devices.since(site, account, device, now);
        Box::pin(std::future::ready(Ok(since)))
    }

    fn devices<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: Timestamp) -> Answer<'a, Vec<KnownDevice>> {
        not_yet()
    }

    fn forget_devices<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: Option<[u8; 16]>) -> Answer<'a, usize> {
        not_yet()
    }

    fn change_session<'a>(
        &'a self,
        _: &'a SessionHash,
        _: SessionChange,
        _: Timestamp,
    ) -> Answer<'a, Option<Arc<Session>>> {
        not_yet()
    }

    fn profile<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: Timestamp) -> Answer<'a, Profile> {
        not_yet()
    }

    fn teach<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: Lesson, _: Timestamp) -> Answer<'a, ()> {
        not_yet()
    }

    fn unteach<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: Lesson, _: Timestamp) -> Answer<'a, ()> {
        not_yet()
    }

    fn first_written<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: &'a [u32]) -> Answer<'a, FirstWritten> {
        not_yet()
    }

    fn note_written<'a>(&'a self, _: &'a SiteName, _: &'a Account, _: Vec<u32>, _: Timestamp) -> Answer<'a, ()> {
        not_yet()
    }

    fn put_flag(&self, _: Flag) -> Answer<'_, ()> {
        not_yet()
    }

    fn flag<'a>(&'a self, _: &'a Reference) -> Answer<'a, Option<Flag>> {
        not_yet()
    }

    fn flags<'a>(&'a self, _: &'a FlagFilter, _: usize) -> Answer<'a, Vec<Flag>> {
        not_yet()
    }

    fn raise_flag<'a>(&'a self, _: &'a Reference, _: Raise) -> Answer<'a, bool> {
        not_yet()
    }

    fn settle_flag<'a>(&'a self, _: &'a Reference, _: Option<FlagStatus>, _: Option<Note>) -> Answer<'a, Option<Flag>> {
        not_yet()
    }

    fn add_to_flag<'a>(&'a self, _: &'a Reference, _: Activity) -> Answer<'a, ()> {
        not_yet()
    }

    fn probe(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.write(database::Probe(now)))
    }

    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(self.writer.flush())
    }
}

/// What this store does not keep yet.
fn not_yet<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(std::future::ready(Err(Away { what: "this is not kept yet".into() })))
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Embedded")
    }
}
