//! What must outlive a request, in the words of the domain: counters, sessions, locks, devices.
//!
//! Time is passed in; expiry is judged by it. A store that does not answer is an [`Away`], which `policy` is told as a
//! fact. To add a backend: a folder beside `embedded/`, a type that implements [`Store`], and one line in
//! `tests/it/store.rs`, whose suite is the contract.

pub mod embedded;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Account, Session, SessionHash, SessionState, SiteName, Timestamp};
use crate::policy::limits::{Charge, Charged, Receipt};

/// What every operation returns.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Away>> + Send + 'a>>;

/// The store did not do it. The caller cannot mend it; `policy` decides what follows.
#[derive(Debug, thiserror::Error)]
#[error("the store did not answer: {what}")]
pub struct Away {
    /// What failed, without a value of any user.
    pub what: String,
}

/// A lock on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The operations a gateway needs. All are safe to call from many tasks at once.
pub trait Store: Send + Sync {
    /// Takes all charges in one atomic step, or none. No two of them have the same key.
    fn charge<'a>(&'a self, charges: &'a [Charge], now: Timestamp) -> Answer<'a, Charged>;

    /// Gives a charge back. What has left the window meanwhile is gone already.
    fn refund<'a>(&'a self, receipt: &'a Receipt, now: Timestamp) -> Answer<'a, ()>;

    /// How many units (or distinct fingerprints) a counter holds in the last `window`.
    fn count<'a>(
        &'a self,
        key: &'a crate::policy::limits::CounterKey,
        window: Duration,
        now: Timestamp,
    ) -> Answer<'a, u32>;

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

    /// Whether the store can be written now: a real write, read back.
    fn probe(&self, now: Timestamp) -> Answer<'_, ()>;

    /// Everything accepted so far made durable; for a graceful stop.
    fn flush(&self) -> Answer<'_, ()>;
}
