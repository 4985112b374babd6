//! A store that a test takes away and gives back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use mailward::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use mailward::domain::past::Events;
use mailward::domain::{
    Account, AuditEntry, EventFilter, Flag, Lesson, Mark, PastEvent, Prefix, PrefixMark, Profile, Reference, Sender,
    Session, SessionChange, SessionHash, SessionState, SiteName, Span, Tally, Timestamp,
};
use mailward::policy::limits::{Charge, Charged, CounterKey, Receipt};
use mailward::policy::window::Entry;
use mailward::store::embedded::Embedded;
use mailward::store::{
    Answer, Away, Cursor, FirstWritten, Kept, KeptKind, KnownDevice, Ledger, Lock, Marks, Page, Raise, Record, Sealed,
    Store,
};

/// One node's way to a store that others reach as well.
pub struct Switched {
    store: Arc<Embedded>,
    mode: AtomicU8,
    asked: AtomicUsize,
}

const WELL: u8 = 0;
const REFUSES: u8 = 1;
const HANGS: u8 = 2;
const REFUSES_LOCKS: u8 = 3;

impl Switched {
    pub fn to(store: &Arc<Embedded>) -> Arc<Self> {
        Arc::new(Self { store: Arc::clone(store), mode: AtomicU8::new(WELL), asked: AtomicUsize::new(0) })
    }

    /// Every operation is done.
    pub fn is_well(&self) {
        self.mode.store(WELL, Ordering::SeqCst);
    }

    /// Every operation is refused at once.
    pub fn refuses(&self) {
        self.mode.store(REFUSES, Ordering::SeqCst);
    }

    /// No operation is ever answered.
    pub fn hangs(&self) {
        self.mode.store(HANGS, Ordering::SeqCst);
    }

    /// Only locks are refused.
    pub fn refuses_locks(&self) {
        self.mode.store(REFUSES_LOCKS, Ordering::SeqCst);
    }

    /// How often it was asked anything.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn through<'a, T: Send + 'a>(&'a self, question: impl FnOnce(&'a Embedded) -> Answer<'a, T>) -> Answer<'a, T> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.mode.load(Ordering::SeqCst) {
            REFUSES => Box::pin(std::future::ready(Err(Away { what: "switched off".into() }))),
            HANGS => Box::pin(std::future::pending()),
            _ => question(&self.store),
        }
    }
}

/// `name(argument: type, …) -> answer;` for each operation: asks the same of the store behind.
macro_rules! through {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name<'a>(&'a self, $($argument: $type),*) -> Answer<'a, $answer> {
            self.through(move |store| store.$name($($argument),*))
        })*
    };
}

impl Ledger for Switched {
    fn put_events(&self, events: Vec<PastEvent>, keep: Duration, now: Timestamp) -> Answer<'_, ()> {
        self.through(move |store| store.put_events(events, keep, now))
    }

    fn tallies(&self, span: Span, since: Timestamp, now: Timestamp) -> Answer<'_, Vec<Tally>> {
        self.through(move |store| store.tallies(span, since, now))
    }

    fn top_senders(&self, since: Timestamp, most: usize, now: Timestamp) -> Answer<'_, Vec<Sender>> {
        self.through(move |store| store.top_senders(since, most, now))
    }

    fn note_audit(&self, entry: AuditEntry) -> Answer<'_, ()> {
        self.through(move |store| store.note_audit(entry))
    }

    fn operators(&self) -> Answer<'_, Vec<(String, Sealed)>> {
        self.through(Embedded::operators)
    }

    through! {
        past_events(filter: &'a EventFilter, most: usize) -> Events;
        audit(by: Option<&'a str>, before: Option<Mark>, most: usize) -> Vec<AuditEntry>;
        operator(name: &'a str) -> Option<Sealed>;
        put_operator(name: &'a str, bytes: Vec<u8>, expected: u64) -> bool;
        remove_operator(name: &'a str) -> bool;
    }
}

impl Marks for Switched {
    fn mark_prefix(&self, mark: PrefixMark) -> Answer<'_, ()> {
        self.through(move |store| store.mark_prefix(mark))
    }

    through! {
        unmark_prefix(site: &'a SiteName, prefix: Prefix, now: Timestamp) -> bool;
        marked_prefix(site: &'a SiteName, prefix: Prefix, now: Timestamp) -> Option<PrefixMark>;
        marked_prefixes(site: &'a SiteName, now: Timestamp) -> Vec<PrefixMark>;
    }
}

impl Store for Switched {
    fn lock(&self, lock: Lock) -> Answer<'_, ()> {
        if self.mode.load(Ordering::SeqCst) == REFUSES_LOCKS {
            return Box::pin(std::future::ready(Err(Away { what: "no more locks".into() })));
        }
        self.through(move |store| store.lock(lock))
    }

    fn put_flag(&self, flag: Flag) -> Answer<'_, ()> {
        self.through(move |store| store.put_flag(flag))
    }

    fn keep(&self, kept: Kept, now: Timestamp) -> Answer<'_, ()> {
        self.through(move |store| store.keep(kept, now))
    }

    fn kept(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        self.through(move |store| store.kept(kind, id, now))
    }

    fn take(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        self.through(move |store| store.take(kind, id, now))
    }

    fn export(&self, after: Option<Cursor>, most: usize) -> Answer<'_, Page> {
        self.through(move |store| store.export(after, most))
    }

    fn import(&self, records: Vec<Record>, now: Timestamp) -> Answer<'_, usize> {
        self.through(move |store| store.import(records, now))
    }

    fn probe(&self, now: Timestamp) -> Answer<'_, ()> {
        self.through(move |store| store.probe(now))
    }

    fn flush(&self) -> Answer<'_, ()> {
        self.through(Embedded::flush)
    }

    through! {
        charge(charges: &'a [Charge], now: Timestamp) -> Charged;
        refund(receipt: &'a Receipt, now: Timestamp) -> ();
        count(key: &'a CounterKey, window: Duration, now: Timestamp) -> u32;
        merge_charges(charges: &'a [(CounterKey, Duration, Vec<Entry>)], now: Timestamp) -> ();
        forget_counters(keys: &'a [CounterKey], now: Timestamp) -> ();
        session(hash: &'a SessionHash, now: Timestamp) -> Option<Arc<Session>>;
        put_session(session: Session, now: Timestamp) -> ();
        touch_session(hash: &'a SessionHash, now: Timestamp) -> ();
        set_account_sessions(
            site: &'a SiteName, account: &'a Account, state: SessionState, except: Option<SessionHash>, now: Timestamp
        ) -> Vec<SessionHash>;
        sessions(site: &'a SiteName, account: Option<&'a Account>, most: usize, now: Timestamp) -> Vec<Arc<Session>>;
        unlock(site: &'a SiteName, account: &'a Account) -> bool;
        locked(site: &'a SiteName, account: &'a Account) -> Option<Lock>;
        locks(site: &'a SiteName, most: usize) -> Vec<Lock>;
        know_device(site: &'a SiteName, account: &'a Account, device: [u8; 16], now: Timestamp) -> Timestamp;
        device_since(site: &'a SiteName, account: &'a Account, device: [u8; 16], now: Timestamp) -> Option<Timestamp>;
        devices(site: &'a SiteName, account: &'a Account, now: Timestamp) -> Vec<KnownDevice>;
        forget_devices(site: &'a SiteName, account: &'a Account, device: Option<[u8; 16]>) -> usize;
        change_session(hash: &'a SessionHash, change: SessionChange, now: Timestamp) -> Option<Arc<Session>>;
        profile(site: &'a SiteName, account: &'a Account, now: Timestamp) -> Profile;
        teach(site: &'a SiteName, account: &'a Account, lesson: Lesson, now: Timestamp) -> ();
        unteach(site: &'a SiteName, account: &'a Account, lesson: Lesson, now: Timestamp) -> ();
        first_written(site: &'a SiteName, account: &'a Account, recipients: &'a [u32]) -> FirstWritten;
        note_written(site: &'a SiteName, account: &'a Account, recipients: Vec<u32>, now: Timestamp) -> ();
        flag(code: &'a Reference) -> Option<Flag>;
        flags(filter: &'a FlagFilter, most: usize) -> Vec<Flag>;
        raise_flag(code: &'a Reference, raise: Raise) -> bool;
        settle_flag(code: &'a Reference, status: Option<FlagStatus>, note: Option<Note>) -> Option<Flag>;
        add_to_flag(code: &'a Reference, activity: Activity) -> ();
        factors(site: &'a SiteName, account: &'a Account) -> Option<Sealed>;
        put_factors(site: &'a SiteName, account: &'a Account, bytes: Vec<u8>, expected: u64) -> bool;
    }
}
