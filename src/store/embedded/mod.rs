//! The store that needs nothing installed: memory for speed, one SQLite file for keeps.
//!
//! What is asked at every request (counters, sessions, locks, devices) is answered from memory; looking up a session
//! touches no file. Everything that is told goes through one writer thread, which puts what waits into one transaction,
//! applies it to memory once it is on disk, in the same order, and only then answers. So what is told is durable when a
//! call returns. Counters, last uses, recipients and what flagged sessions do are written behind, at most a second late:
//! being killed costs that second, never a lock, a session, a profile or a flag.
//!
//! Profiles, recipients and flags are on disk only, and read by a thread of its own: those of a million accounts cost no
//! memory, and nobody who reads waits for somebody's write.
//!
//! When a write fails the caller is told [`Away`]. What makes things stricter, a lock, an end of sessions, a device that
//! is forgotten, then holds in memory all the same, and charges go on being counted there.
//!
//! `mailward.db` can be read with `sqlite3` while the gateway runs. Two gateways do not share one folder.

mod behind;
mod beside;
mod correspondents;
mod counters;
mod database;
mod devices;
mod factors;
mod flags;
mod kept;
mod ledger;
mod locks;
mod marks;
mod moving;
mod profiles;
mod reader;
mod rows;
mod schema;
mod sessions;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

pub use beside::{CopyError, Looked, copy, look};
pub use counters::Counters;
pub use database::OpenError;
pub use devices::Devices;
pub use locks::Locks;
pub use sessions::Sessions;

pub use super::Settings;

use super::{
    Answer, Away, Cursor, FirstWritten, Kept, KeptKind, KnownDevice, Lock, Page, Raise, Record, Sealed, Store,
};
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{
    Account, Flag, Lesson, Profile, Reference, Session, SessionChange, SessionHash, SessionState, SiteName, Timestamp,
};
use crate::policy::limits::{Charge, Charged, CounterKey, Receipt};
use crate::policy::window::{Entry, Window};
use correspondents::Correspondents;
use flags::Activities;
use profiles::Takes;
use reader::Reader;
use writer::{Change, Desk, Writer};

/// All that one node keeps.
pub struct Embedded {
    memory: Arc<Memory>,
    disk: Disk,
}

/// Who writes and reads the database.
enum Disk {
    /// Two threads, each with a connection to the file.
    File { writer: Writer, reader: Reader },
    /// Whoever asks, while the others wait: see [`Embedded::open_scratch`].
    Scratch { desk: Box<Mutex<Desk>>, changes: AtomicU64 },
}

/// What is answered from, and what waits to be written.
struct Memory {
    counters: Counters,
    sessions: Sessions,
    locks: Locks,
    devices: Devices,
    correspondents: Correspondents,
    activities: Activities,
    profile_forgotten_after_millis: AtomicU64,
    /// The time that was passed in last, in milliseconds: rubbish is judged by it.
    latest: AtomicU64,
}

impl Memory {
    fn new(now: Timestamp, settings: Settings) -> Self {
        let memory = Self {
            counters: Counters::default(),
            sessions: Sessions::new(settings.session_idle),
            locks: Locks::default(),
            devices: Devices::default(),
            correspondents: Correspondents::default(),
            activities: Activities::default(),
            profile_forgotten_after_millis: AtomicU64::new(0),
            latest: AtomicU64::new(now.as_millis()),
        };
        memory.configure(settings);
        memory
    }

    fn configure(&self, settings: Settings) {
        let Settings { session_idle, profile_forgotten_after } = settings;
        self.sessions.set_idle(session_idle);
        let millis = u64::try_from(profile_forgotten_after.as_millis()).unwrap_or(u64::MAX);
        self.profile_forgotten_after_millis.store(millis, Ordering::Relaxed);
    }

    fn profile_forgotten_after(&self) -> Duration {
        Duration::from_millis(self.profile_forgotten_after_millis.load(Ordering::Relaxed))
    }

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
        let memory = Memory::new(now, settings);
        database.read_back(&memory)?;
        memory.collect_rubbish();
        let memory = Arc::new(memory);
        let reader = Reader::start(database.reading()?)?;
        let writer = Writer::start(database, Arc::clone(&memory))?;
        Ok(Self { memory, disk: Disk::File { writer, reader } })
    }

    /// A store for simulations: nothing is written to any file, and it is gone when it is dropped. It answers like any
    /// other, at once and on the thread that asks; what a file's store does each second it does after so many changes,
    /// because the time of a simulation is its own.
    ///
    /// # Errors
    /// SQLite has no memory.
    pub fn open_scratch(now: Timestamp, settings: Settings) -> Result<Self, OpenError> {
        let memory = Arc::new(Memory::new(now, settings));
        let desk = Desk::new(database::Database::scratch()?, Arc::clone(&memory));
        Ok(Self { memory, disk: Disk::Scratch { desk: Box::new(Mutex::new(desk)), changes: AtomicU64::new(0) } })
    }

    /// Takes over a changed configuration.
    pub fn configure(&self, settings: Settings) {
        self.memory.configure(settings);
    }

    /// Takes out every counter whose name begins like this: each with how long its entries are kept, and they. The
    /// reverse of [`Store::merge_charges`].
    pub fn take_counted(&self, beginning: &str) -> Vec<(CounterKey, Duration, Vec<Entry>)> {
        let counted = |(key, window): (CounterKey, Window)| (key, window.keep(), window.entries().to_vec());
        self.memory.counters.take_named(beginning).into_iter().map(counted).collect()
    }

    async fn write<C: Change>(&self, change: C) -> Result<C::Done, Away> {
        match &self.disk {
            Disk::File { writer, .. } => writer.write(change).await,
            Disk::Scratch { desk, .. } => {
                self.count(1);
                desk.lock().write_alone(change)
            }
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Away> {
        match &self.disk {
            Disk::File { reader, .. } => reader.ask(question).await,
            Disk::Scratch { desk, .. } => desk.lock().read(question),
        }
    }

    async fn learn(
        &self,
        site: &SiteName,
        account: &Account,
        lesson: Lesson,
        takes: Takes,
        now: Timestamp,
    ) -> Result<(), Away> {
        self.memory.saw(now);
        let (site, account) = (Arc::clone(site), account.clone());
        let forgotten_after = self.memory.profile_forgotten_after();
        self.write(profiles::Learn { site, account, lesson, takes, now, forgotten_after }).await
    }

    /// Notes that so much was changed, and does in a scratch store what is due after so many.
    fn count(&self, changed: usize) {
        /// Far fewer than may wait to be written.
        const WRITTEN_BEHIND_EACH: u64 = 1 << 14;
        /// Rarely enough that looking through everything does not count.
        const RUBBISH_EACH: u64 = 1 << 17;
        let Disk::Scratch { desk, changes } = &self.disk else { return };
        let changed = u64::try_from(changed).unwrap_or(u64::MAX);
        let before = changes.fetch_add(changed, Ordering::Relaxed);
        let passed = |each: u64| before / each < before.saturating_add(changed) / each;
        if passed(WRITTEN_BEHIND_EACH) {
            let mut desk = desk.lock();
            if passed(RUBBISH_EACH) {
                desk.collect_rubbish();
            }
            // Memory is never full, and what cannot be written for another reason is kept for the next time.
            let _written = desk.write_behind();
        }
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

    fn merge_charges<'a>(
        &'a self,
        charges: &'a [(CounterKey, Duration, Vec<Entry>)],
        now: Timestamp,
    ) -> Answer<'a, ()> {
        self.memory.saw(now);
        for (key, keep, entries) in charges {
            self.memory.counters.add(key, entries, *keep);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget_counters<'a>(&'a self, keys: &'a [CounterKey], now: Timestamp) -> Answer<'a, ()> {
        self.memory.saw(now);
        for key in keys {
            self.memory.counters.forget(key);
        }
        Box::pin(std::future::ready(Ok(())))
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

    fn devices<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Vec<KnownDevice>> {
        let devices = self.memory.devices.list(site, account, now);
        Box::pin(std::future::ready(Ok(devices)))
    }

    fn forget_devices<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: Option<[u8; 16]>,
    ) -> Answer<'a, usize> {
        Box::pin(self.write(devices::Forget { site: Arc::clone(site), account: account.clone(), device }))
    }

    fn change_session<'a>(
        &'a self,
        hash: &'a SessionHash,
        change: SessionChange,
        now: Timestamp,
    ) -> Answer<'a, Option<Arc<Session>>> {
        self.memory.saw(now);
        Box::pin(self.write(sessions::Step { hash: *hash, change, now }))
    }

    fn profile<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Profile> {
        let (site, account) = (Arc::clone(site), account.clone());
        let forgotten_after = self.memory.profile_forgotten_after();
        Box::pin(self.read(move |database| profiles::read(database, &site, &account, now, forgotten_after)))
    }

    fn teach<'a>(&'a self, site: &'a SiteName, account: &'a Account, lesson: Lesson, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(self.learn(site, account, lesson, Takes::In, now))
    }

    fn unteach<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        lesson: Lesson,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(self.learn(site, account, lesson, Takes::Back, now))
    }

    fn first_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: &'a [u32],
    ) -> Answer<'a, FirstWritten> {
        let fresh = self.memory.correspondents.fresh(site, account);
        let (of, asked) = ((Arc::clone(site), account.clone()), recipients.to_vec());
        Box::pin(self.read(move |database| correspondents::first_written(database, &of, &asked, &fresh)))
    }

    fn note_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: Vec<u32>,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        self.memory.saw(now);
        self.count(recipients.len());
        let noted = self.memory.correspondents.note(site, account, &recipients, now);
        Box::pin(std::future::ready(noted))
    }

    fn put_flag(&self, flag: Flag) -> Answer<'_, ()> {
        Box::pin(self.write(flags::PutFlag(flag)))
    }

    fn flag<'a>(&'a self, code: &'a Reference) -> Answer<'a, Option<Flag>> {
        let code = *code;
        Box::pin(self.read(move |database| flags::read(database, code)))
    }

    fn flags<'a>(&'a self, filter: &'a FlagFilter, most: usize) -> Answer<'a, Vec<Flag>> {
        let filter = filter.clone();
        Box::pin(self.read(move |database| flags::list(database, &filter, most)))
    }

    fn raise_flag<'a>(&'a self, code: &'a Reference, raise: Raise) -> Answer<'a, bool> {
        Box::pin(self.write(flags::RaiseFlag::new(*code, raise)))
    }

    fn settle_flag<'a>(
        &'a self,
        code: &'a Reference,
        status: Option<FlagStatus>,
        note: Option<Note>,
    ) -> Answer<'a, Option<Flag>> {
        Box::pin(self.write(flags::SettleFlag::new(*code, status, note)))
    }

    fn add_to_flag<'a>(&'a self, code: &'a Reference, activity: Activity) -> Answer<'a, ()> {
        self.count(1);
        let noted = self.memory.activities.note(*code, &activity);
        Box::pin(std::future::ready(noted))
    }

    fn keep(&self, kept: Kept, now: Timestamp) -> Answer<'_, ()> {
        self.memory.saw(now);
        Box::pin(self.write(kept::Keep::new(kept, now)))
    }

    fn kept(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        Box::pin(self.read(move |database| kept::read(database, kind, id, now)))
    }

    fn take(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        Box::pin(self.write(kept::Take::new(kind, id, now)))
    }

    fn factors<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Sealed>> {
        let (site, account) = (Arc::clone(site), account.clone());
        Box::pin(self.read(move |database| factors::read(database, &site, &account)))
    }

    fn put_factors<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        bytes: Vec<u8>,
        expected: u64,
    ) -> Answer<'a, bool> {
        Box::pin(self.write(factors::Put::new(Arc::clone(site), account.clone(), bytes, expected)))
    }

    fn export(&self, after: Option<Cursor>, most: usize) -> Answer<'_, Page> {
        Box::pin(async move {
            if after.is_none() {
                // What is written behind is part of it.
                self.flush().await?;
            }
            self.read(move |database| moving::page(database, after.as_ref(), most)).await
        })
    }

    fn import(&self, records: Vec<Record>, now: Timestamp) -> Answer<'_, usize> {
        self.memory.saw(now);
        let profile_forgotten_after = self.memory.profile_forgotten_after();
        let settings = Settings { session_idle: self.memory.sessions.idle(), profile_forgotten_after };
        Box::pin(self.write(moving::Import::new(records, now, settings)))
    }

    fn probe(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.write(database::Probe(now)))
    }

    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(async {
            match &self.disk {
                Disk::File { writer, .. } => writer.flush().await,
                Disk::Scratch { desk, .. } => desk.lock().write_behind().map_err(|what| Away { what }),
            }
        })
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Embedded")
    }
}
