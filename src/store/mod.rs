//! What must outlive a request, in the words of the domain: counters, sessions, locks, devices, profiles, flags.
//!
//! Time is passed in; expiry is judged by it. A store that does not answer is an [`Away`], which `policy` is told as a
//! fact. To add a backend: a folder beside `embedded/`, a type that implements [`Store`], and one line in
//! `tests/it/store.rs`, whose suite is the contract.

pub mod embedded;
pub mod fallback;
mod kept;
mod ledger;
mod marks;
mod record;
pub mod redis;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{
    Account, Flag, Lesson, Profile, Reference, Session, SessionChange, SessionHash, SessionState, Signal, SiteName,
    Timestamp, Verdict, written,
};
use crate::policy::limits::{Charge, Charged, CounterKey, Receipt};
use crate::policy::window::Entry;
pub use kept::{FACTORS_BYTES_MAX, Kept, KeptKind, Sealed};
pub use ledger::{AUDIT_MAX, EVENTS_MAX, LOOKED_THROUGH_MAX, Ledger, OPERATOR_BYTES_MAX, OPERATORS_MAX};
pub use marks::{MARKS_MAX, Marks};
pub use record::{Cursor, Page, Record};
use serde::{Deserialize, Serialize};

/// What every operation returns.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Away>> + Send + 'a>>;

/// The store did not do it. The caller cannot mend it; `policy` decides what follows.
#[derive(Debug, thiserror::Error)]
#[error("the store did not answer: {what}")]
pub struct Away {
    /// What failed, without a value of any user.
    pub what: String,
}

/// Recipients remembered for one account.
pub const CORRESPONDENTS_MAX: usize = 2048;

/// Flags kept at most.
pub const FLAGS_MAX: usize = 1_000_000;

/// What the operator's configuration says of any store.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a session is remembered without a request: the longest `session_idle` of all sites.
    pub session_idle: Duration,
    /// What a profile holds is forgotten when it was not seen for this long.
    pub profile_forgotten_after: Duration,
}

/// What is known of a message's recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstWritten {
    /// Of those asked for, to whom the account has not written before.
    pub new: u32,
    /// To how many it ever wrote.
    pub known: u32,
}

/// What else was found about a flagged session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    /// What it came to.
    pub verdict: Verdict,
    /// Why.
    pub signals: Vec<Signal>,
    /// The limit or rule that brought it about, where it was one.
    pub stopped_by: Option<String>,
}

/// A lock on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Where.
    pub site: SiteName,
    /// Whose.
    pub account: Account,
    /// Since when.
    pub since: Timestamp,
    /// The operator's words; shown to operators only.
    pub note: String,
}

/// What another node changed in a shared store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// This session.
    Session(SessionHash),
    /// Some lock.
    Locks,
    /// Anything: it is not known what was missed.
    Everything,
}

/// A device that an account knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDevice {
    /// Its number; the cookie that names it is signed.
    #[serde(with = "written::hex")]
    pub device: [u8; 16],
    /// When it first passed a sign-in.
    pub since: Timestamp,
    /// When it last did.
    pub last_used: Timestamp,
}

/// The operations a gateway needs. All are safe to call from many tasks at once.
pub trait Store: Ledger + Marks {
    /// Takes all charges in one atomic step, or none. No two of them have the same key.
    fn charge<'a>(&'a self, charges: &'a [Charge], now: Timestamp) -> Answer<'a, Charged>;

    /// Gives a charge back. What has left the window meanwhile is gone already.
    fn refund<'a>(&'a self, receipt: &'a Receipt, now: Timestamp) -> Answer<'a, ()>;

    /// How many units (or distinct fingerprints) a counter holds in the last `window`.
    fn count<'a>(&'a self, key: &'a CounterKey, window: Duration, now: Timestamp) -> Answer<'a, u32>;

    /// Adds what was counted elsewhere meanwhile, without asking limits: each counter, how long its entries must be
    /// countable, and the entries. An entry that may still be given back has a number that nobody else uses, others have
    /// [`Entry::SETTLED`]. What is delivered twice counts twice.
    fn merge_charges<'a>(&'a self, charges: &'a [(CounterKey, Duration, Vec<Entry>)], now: Timestamp)
    -> Answer<'a, ()>;

    /// Forgets what counters hold, as if nothing had been charged. What is given back later of that is gone already.
    fn forget_counters<'a>(&'a self, keys: &'a [CounterKey], now: Timestamp) -> Answer<'a, ()>;

    /// A session, unless it expired.
    fn session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, Option<Arc<Session>>>;

    /// Writes a session, new or changed; durable when this returns.
    ///
    /// Two things it never does: it does not revive an ended session, unless with a later sign-in, and the session of a
    /// locked account is written as ended, so that a sign-in under way while the lock was set opens nothing.
    fn put_session<'a>(&'a self, session: Session, now: Timestamp) -> Answer<'a, ()>;

    /// Notes that a session was used. Kept to the minute, written lazily.
    fn touch_session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, ()>;

    /// Changes the state of every session of an account but `except`; returns those changed. Durable when it returns.
    /// Ended sessions stay ended.
    fn set_account_sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        state: SessionState,
        except: Option<SessionHash>,
        now: Timestamp,
    ) -> Answer<'a, Vec<SessionHash>>;

    /// The sessions that have not expired or ended, of one account or of all, newest first, at most `most`.
    fn sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: Option<&'a Account>,
        most: usize,
        now: Timestamp,
    ) -> Answer<'a, Vec<Arc<Session>>>;

    /// Locks an account; durable when this returns. Locking a locked one changes its note. Its sessions are ended by
    /// [`Store::set_account_sessions`], afterwards: then none slips through between the two.
    fn lock(&self, lock: Lock) -> Answer<'_, ()>;

    /// Unlocks; says whether there was a lock.
    fn unlock<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, bool>;

    /// The lock on an account, if any.
    fn locked<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Lock>>;

    /// All locks at a site, at most `most`.
    fn locks<'a>(&'a self, site: &'a SiteName, most: usize) -> Answer<'a, Vec<Lock>>;

    /// Notes a device that passed a sign-in; the first time stays. Returns since when the account knows it.
    fn know_device<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Timestamp>;

    /// Since when the account knows a device; none when it does not, or it was forgotten.
    fn device_since<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Option<Timestamp>>;

    /// The devices that an account knows, last used first.
    fn devices<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Vec<KnownDevice>>;

    /// Forgets one device of an account, or all; says how many it knew. Durable when it returns.
    fn forget_devices<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: Option<[u8; 16]>,
    ) -> Answer<'a, usize>;

    /// Takes one step in a session's life, by [`Session::change`], in one piece; durable when it returns. Returns the
    /// session as it is then; none when there is no such session.
    fn change_session<'a>(
        &'a self,
        hash: &'a SessionHash,
        change: SessionChange,
        now: Timestamp,
    ) -> Answer<'a, Option<Arc<Session>>>;

    /// What is usual for an account, without what was not seen for longer than the store's settings say; an account
    /// that nothing is known of has an empty one.
    fn profile<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Profile>;

    /// An account's profile learns from a sign-in, by [`Profile::learn`]; durable when it returns.
    fn teach<'a>(&'a self, site: &'a SiteName, account: &'a Account, lesson: Lesson, now: Timestamp) -> Answer<'a, ()>;

    /// The reverse, by [`Profile::unlearn`].
    fn unteach<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        lesson: Lesson,
        now: Timestamp,
    ) -> Answer<'a, ()>;

    /// How many of these recipients the account has not written to before, and how many it ever wrote to (at most
    /// [`CORRESPONDENTS_MAX`]). Recipients are keyed fingerprints.
    fn first_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: &'a [u32],
    ) -> Answer<'a, FirstWritten>;

    /// Notes that the account wrote to these; beyond [`CORRESPONDENTS_MAX`] those written to longest ago are forgotten.
    /// Written lazily.
    fn note_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: Vec<u32>,
        now: Timestamp,
    ) -> Answer<'a, ()>;

    /// Writes a flag, new or changed, under its code; durable when it returns. At [`FLAGS_MAX`] the oldest that is not
    /// open goes.
    fn put_flag(&self, flag: Flag) -> Answer<'_, ()>;

    /// The flag with this code.
    fn flag<'a>(&'a self, code: &'a Reference) -> Answer<'a, Option<Flag>>;

    /// The flags that fit, in the order that is asked for, at most `most`.
    fn flags<'a>(&'a self, filter: &'a FlagFilter, most: usize) -> Answer<'a, Vec<Flag>>;

    /// Takes in what else was found about a flagged session, by [`Flag::raise`]; says whether there is such a flag.
    fn raise_flag<'a>(&'a self, code: &'a Reference, raise: Raise) -> Answer<'a, bool>;

    /// Changes a flag's status, or only adds a note; returns it as it is then.
    fn settle_flag<'a>(
        &'a self,
        code: &'a Reference,
        status: Option<FlagStatus>,
        note: Option<Note>,
    ) -> Answer<'a, Option<Flag>>;

    /// Adds what a flagged session did since. Without such a flag nothing happens. Durable within a second.
    fn add_to_flag<'a>(&'a self, code: &'a Reference, activity: Activity) -> Answer<'a, ()>;

    /// Keeps something sealed until it is taken, or its time is over; durable when it returns. The same kind and id
    /// replaces. More than [`KeptKind::bytes_max`], or than there is room for ([`KeptKind::all_bytes_max`]), is not kept:
    /// an [`Away`].
    fn keep(&self, kept: Kept, now: Timestamp) -> Answer<'_, ()>;

    /// What is kept under this id; none once it was taken, or after its `until`.
    fn kept(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>>;

    /// The same, to exactly one of all who ask; durable when it returns.
    fn take(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>>;

    /// An account's factors, none where there never were any.
    fn factors<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Sealed>>;

    /// Writes an account's factors if they are still those of version `expected`, 0 where there were none; says whether
    /// they were. Durable when it returns. More than [`FACTORS_BYTES_MAX`] are not written: an [`Away`].
    fn put_factors<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        bytes: Vec<u8>,
        expected: u64,
    ) -> Answer<'a, bool>;

    /// Everything the store holds, page by page: about `most` records, fewer where they are large, and no more only where
    /// `next` is none. What changes meanwhile may be missing or come twice.
    fn export(&self, after: Option<Cursor>, most: usize) -> Answer<'_, Page>;

    /// Takes in what another store holds; says how many of the records changed something. Durable when it returns.
    ///
    /// What is here is never loosened: a lock stays, of two states of a session the stricter holds, what a counter has
    /// spent is spent, a flag that is here stays as it is, and so do factors. So it does no harm to take in the same
    /// twice, except that something kept which was taken meanwhile is there again. What has expired is left out.
    fn import(&self, records: Vec<Record>, now: Timestamp) -> Answer<'_, usize>;

    /// Whether the store can be written now: a real write, read back.
    fn probe(&self, now: Timestamp) -> Answer<'_, ()>;

    /// Everything accepted so far made durable; for a graceful stop.
    fn flush(&self) -> Answer<'_, ()>;
}
