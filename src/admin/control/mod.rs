//! The control socket: how operators' commands reach the running gateway.
//!
//! A Unix socket with mode 0600: whoever can open it is the gateway's user or root, and that is all the permission
//! there is. One command is one JSON line ([`Command`]), its answer one JSON line ([`Reply`]); then the connection
//! ends. To add a command: a variant of both in `words.rs`, an arm in [`Control::answer`], and a subcommand in
//! `cli/operate`.
//!
//! What makes things stricter is done first and all of it, even if the store does not write: it holds in memory then. So
//! a command that breaks off leaves things strict, and doing it again is harmless.

mod evidence;
mod explain;
mod factors;
mod flags;
mod moving;
mod operators;
pub mod policy;
mod prefixes;
mod socket;
mod trail;
mod words;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, Dice};
use crate::config::{Config, Site};
use crate::domain::flag::FlagFilter;
use crate::domain::reference::NotAReference;
use crate::domain::{
    Account, Event, EventKind, KeyRing, Reference, Session, SessionChange, SessionHash, SessionState, SiteName,
    Timestamp, Verdict,
};
use crate::gateway::{locks, programs};
use crate::policy::proof;
use crate::store::{Away, Lock, Store};
use crate::telemetry::Events;

pub(in crate::admin) use prefixes::exactly;
pub use socket::{NoReply, ask, bind, serve};
use trail::Trail;
pub use words::{
    ChangeRow, Command, DeviceRow, Done, Explained, FlagRow, HelpdeskCodeRow, LockRow, MarkRow, MarkedRow, NoteRow,
    OperatorCode, OperatorRow, Reply, SessionRow, SignalRow, Usual, UsualRow, WholeFlag,
};

/// Rows in one answer; beyond them it says that there are more.
pub const ROWS_MAX: usize = 10_000;

/// Flags in one answer, each with all its signals; the next page begins before the last of them.
pub const FLAGS_MAX: usize = 1_000;

/// Other addresses that one command brings.
pub const IMPORTED_MAX: usize = 100;

/// Flags of one account that are explained.
pub const EXPLAINED_FLAGS_MAX: usize = 20;

/// Why a command was not carried out; its words are for the operator.
#[derive(Debug, thiserror::Error)]
pub(in crate::admin) enum NotDone {
    #[error("there is no site {0:?}; sites are: {1}")]
    NoSuchSite(String, String),
    #[error("the name of an account is missing")]
    NoName,
    #[error("{0:?} is not a session; a session is 32 hexadecimal digits, as `mailward session list` shows them")]
    NotASession(String),
    #[error("there is no session {0}; it may have expired")]
    NoSuchSession(SessionHash),
    #[error("{0:?} is not a device; a device is 32 hexadecimal digits, as `mailward device list` shows them")]
    NotADevice(String),
    #[error("{0:?} is not a flag: {1}")]
    NotAFlag(String, NotAReference),
    #[error("{0:?} is not one address; expected an IPv4 address, or an IPv6 address or its /64")]
    NotAPrefix(String),
    #[error("an address is marked for 1 to {0} days")]
    NotADuration(u64),
    #[error("there is no flag {0}")]
    NoSuchFlag(Reference),
    #[error("a note has at most {0} characters")]
    LongNote(usize),
    #[error("{what} {}. Do it again; what is done already is not done twice", .missing.join("; "))]
    Halfway { what: String, missing: Vec<String> },
    #[error("the factors of {0} cannot be opened: is a key missing in key_file?")]
    Unopened(Account),
    #[error("{0}")]
    BadPolicy(String),
    #[error("the archive cannot be made: {0}")]
    NotPacked(String),
    #[error("the factors of {0} change all the time; do it again")]
    Contended(Account),
    #[error("{0}")]
    Moving(String),
    #[error("the store is a shared one: let its server save it, or use: mailward store export")]
    NotEmbedded,
    #[error("{0:?} is no name for an operator: letters, digits, '.', '-', '_' and '@', at most 64")]
    NotAName(String),
    #[error("there is an operator {0} already; for a new beginning use: mailward admin reset {0}")]
    SuchOperator(String),
    #[error("there is no operator {0}")]
    NoSuchOperator(String),
    #[error("the operator {0} changes all the time; do it again")]
    OperatorContended(String),
    #[error(transparent)]
    Away(#[from] Away),
}

/// The gateway's side.
pub struct Control {
    /// Where locks and sessions are kept.
    pub store: Arc<dyn Store>,
    /// Who is told.
    pub events: Events,
    /// When it happens.
    pub clock: Clock,
    /// Behind codes, and what seals factors.
    pub keys: Arc<KeyRing>,
    /// Codes.
    pub dice: Dice,
    /// The configuration in force.
    pub config: Box<dyn Fn() -> Arc<Config> + Send + Sync>,
    /// The folder of the embedded store; none where the store is a shared one.
    pub embedded_in: Option<PathBuf>,
    /// Since when the store is away, and how much waits for it.
    pub degraded: Box<dyn Fn() -> (Option<Timestamp>, usize) + Send + Sync>,
}

/// Who asks: stands in notes and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// An operator's name, or [`By::COMMAND_LINE`].
    pub name: Arc<str>,
    /// From where; none over the socket.
    pub address: Option<IpAddr>,
}

impl By {
    /// Who speaks through the socket, as far as anybody knows. No operator can be called so.
    pub const COMMAND_LINE: &str = "command line";

    /// Whoever may open the socket.
    pub fn command_line() -> Self {
        Self { name: Self::COMMAND_LINE.into(), address: None }
    }
}

impl Control {
    /// The sites of the configuration in force.
    pub fn sites(&self) -> Vec<Arc<Site>> {
        (self.config)().sites.clone()
    }

    /// Carries a command out, for whoever asks.
    pub async fn answer(&self, command: Command, by: &By) -> Reply {
        let now = self.clock.now();
        let trail = Trail::of(&command);
        let reply = self.carry_out(command, by, now).await;
        let reply = reply.unwrap_or_else(|why| Reply::Refused { why: why.to_string() });
        if let Some(trail) = trail {
            self.leave(trail, &reply, by, now).await;
        }
        reply
    }

    async fn carry_out(&self, command: Command, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        match command {
            Command::Status => Ok(self.status(now).await),
            Command::LockAccount { name, site, note, until_password_change } => {
                self.lock(&name, site.as_deref(), &note, until_password_change, by, now).await
            }
            Command::UnlockAccount { name, site } => self.unlock(&name, site.as_deref(), by, now).await,
            Command::MakeHelpdeskCode { name, site } => self.helpdesk_code(&name, site.as_deref(), by, now).await,
            Command::ImportAddresses { rows, site } => self.import_addresses(&rows, site.as_deref(), by, now).await,
            Command::RemoveFactors { name, factor, site } => {
                self.remove_factors(&name, factor, site.as_deref(), by, now).await
            }
            Command::ListLocks { site } => self.locks(site.as_deref()).await,
            Command::ListSessions { account, site } => self.sessions(account.as_deref(), site.as_deref(), now).await,
            Command::EndSession { hash } => self.end_session(&hash, by, now).await,
            Command::EndSessions { account, site } => self.end_sessions(&account, site.as_deref(), by, now).await,
            Command::RestrictSession { hash } => self.restrict_session(&hash, by, now).await,
            Command::ChallengeSession { hash } => self.challenge_session(&hash, by, now).await,
            Command::RestrictSessions { account, site } => {
                self.restrict_sessions(&account, site.as_deref(), by, now).await
            }
            Command::ClearSession { hash } => self.clear_session(&hash, by, now).await,
            Command::ListFlags { status, account, country, before, site, order, after, most } => {
                let filter = FlagFilter { status, country, before, order, after, ..FlagFilter::default() };
                self.flags(filter, account.as_deref(), site.as_deref(), most.unwrap_or(FLAGS_MAX)).await
            }
            Command::ShowFlag { code } => self.show_flag(&code, now).await,
            Command::ClearFlag { code, note } => self.clear_flag(&code, note, by, now).await,
            Command::ConfirmFlag { code, note } => self.confirm_flag(&code, note, by, now).await,
            Command::NoteFlag { code, note } => self.note_flag(&code, note, by, now).await,
            Command::PackEvidence { code } => self.evidence(&code, by, now).await,
            Command::ShowPolicy => self.policy(now).await,
            Command::TryPolicy { changes } => self.try_policy(&changes, now).await,
            Command::MarkPrefix { prefix, site, days, note } => {
                self.mark_prefix(&prefix, site.as_deref(), days, &note, by, now).await
            }
            Command::UnmarkPrefix { prefix, site } => self.unmark_prefix(&prefix, site.as_deref(), now).await,
            Command::ListPrefixes { site } => self.marked_prefixes(site.as_deref(), now).await,
            Command::ListDevices { name, site } => self.devices(&name, site.as_deref(), now).await,
            Command::ForgetDevices { name, device, site } => {
                self.forget_devices(&name, device.as_deref(), site.as_deref(), by, now).await
            }
            Command::ExportStore { after, most } => self.export_store(after, most).await,
            Command::ImportStore { lines } => self.import_store(&lines, now).await,
            Command::BackupStore { to } => self.backup_store(to).await,
            Command::Explain { what, site } => self.explain(&what, site.as_deref(), now).await,
            Command::AddOperator { name, role } => self.add_operator(&name, role, now).await,
            Command::SetRole { name, role } => self.set_role(&name, role).await,
            Command::ResetOperator { name } => self.reset_operator(&name, now).await,
            Command::RemoveOperator { name } => self.remove_operator(&name).await,
            Command::ListOperators => self.operators().await,
        }
    }

    async fn status(&self, now: Timestamp) -> Reply {
        let (since, store_waiting) = (self.degraded)();
        Reply::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: now.to_string(),
            store_away: self.store.probe(now).await.err().map(|away| away.what),
            store_away_since: since.map(|since| since.to_string()),
            store_waiting,
        }
    }

    async fn lock(
        &self,
        name: &str,
        site: Option<&str>,
        note: &str,
        until_password_change: bool,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let (mut done, mut missing) = (Vec::new(), Vec::new());
        for (site, account) in self.accounts(name, site)? {
            let ended = self.shut_out(&site, &account, note, by, now, &mut missing).await;
            let what = if until_password_change {
                // Afterwards: it opens this very lock, and whatever breaks off in between leaves the account locked.
                match locks::open_at_change(&*self.store, &self.keys, &site, &account, now).await {
                    Ok(true) => LOCKED_UNTIL_CHANGE,
                    Ok(false) => LOCKED_FOR_GOOD,
                    Err(away) => {
                        missing.push(format!("the lock on {account} does not open by itself ({})", away.what));
                        "locked"
                    }
                }
            } else {
                "locked"
            };
            done.push(Done::of(&site, &account, what, ended));
        }
        if missing.is_empty() {
            return Ok(Reply::Done { done });
        }
        Err(NotDone::Halfway { what: "locked, but not for longer than the gateway runs:".to_owned(), missing })
    }

    /// Locks an account and ends its sessions; returns how many. What could not be written holds in memory, and is said
    /// in `missing`.
    async fn shut_out(
        &self,
        site: &SiteName,
        account: &Account,
        note: &str,
        by: &By,
        now: Timestamp,
        missing: &mut Vec<String>,
    ) -> usize {
        let lock = Lock { site: Arc::clone(site), account: account.clone(), since: now, note: note.to_owned() };
        // A lock that stands already keeps its time, and may be one that opens by itself; this one is not.
        let is_locked = matches!(self.store.locked(site, account).await, Ok(Some(_)));
        if is_locked && let Err(away) = locks::stay_shut(&*self.store, &self.keys, site, account, now).await {
            missing.push(format!("the lock on {account} may open by itself ({})", away.what));
        }
        // The lock first: a sign-in between the two would otherwise leave a session behind.
        match self.store.lock(lock).await {
            Ok(()) => self.record(EventKind::AccountLocked, site, account, None, by, now),
            Err(away) => missing.push(format!("the lock on {account} is not written ({})", away.what)),
        }
        match self.end_all(site, account, by, now).await {
            Ok(ended) => ended,
            Err(away) => {
                missing.push(format!("the end of the sessions of {account} is not written ({})", away.what));
                0
            }
        }
    }

    async fn unlock(&self, name: &str, site: Option<&str>, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            let was_locked = self.store.unlock(&site, &account).await?;
            if was_locked {
                self.record(EventKind::AccountUnlocked, &site, &account, None, by, now);
            }
            done.push(Done::of(&site, &account, if was_locked { "unlocked" } else { "was not locked" }, 0));
        }
        Ok(Reply::Done { done })
    }

    async fn locks(&self, site: Option<&str>) -> Result<Reply, NotDone> {
        let mut locks = Vec::new();
        for site in self.chosen(site)? {
            // One more than is shown: so it is known whether there are more.
            for lock in self.store.locks(&site.name, ROWS_MAX + 1).await? {
                locks.push(LockRow::of(lock));
            }
        }
        let more = locks.len() > ROWS_MAX;
        locks.truncate(ROWS_MAX);
        Ok(Reply::Locks { locks, more })
    }

    async fn sessions(&self, account: Option<&str>, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let mut found = Vec::new();
        for site in self.chosen(site)? {
            let account = account.map(|name| folded(&site, name)).transpose()?;
            found.extend(self.store.sessions(&site.name, account.as_ref(), ROWS_MAX + 1, now).await?);
        }
        found.sort_by_key(|session| std::cmp::Reverse(session.signed_in));
        let more = found.len() > ROWS_MAX;
        let sessions = found.iter().take(ROWS_MAX).map(|session| SessionRow::of(session)).collect();
        Ok(Reply::Sessions { sessions, more })
    }

    async fn end_session(&self, hash: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let hash = session_hash(hash)?;
        let session = self.store.session(&hash, now).await?.ok_or(NotDone::NoSuchSession(hash))?;
        let mut ended = 0;
        if session.state != SessionState::Ended {
            self.store.change_session(&hash, SessionChange::State(SessionState::Ended), now).await?;
            self.record(EventKind::SessionEnded, &session.site, &session.account, Some(hash), by, now);
            ended = 1;
        }
        Ok(Reply::Done { done: vec![Done::of(&session.site, &session.account, "sessions ended", ended)] })
    }

    async fn restrict_session(&self, hash: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let hash = session_hash(hash)?;
        let session = self.store.session(&hash, now).await?.ok_or(NotDone::NoSuchSession(hash))?;
        self.tighten(&session, SessionState::Restricted, by, now).await
    }

    async fn challenge_session(&self, hash: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let hash = session_hash(hash)?;
        let session = self.store.session(&hash, now).await?.ok_or(NotDone::NoSuchSession(hash))?;
        let can_prove = self.can_prove(&session.site, &session.account, now).await?;
        self.tighten(&session, proof::state(Verdict::Challenge, can_prove), by, now).await
    }

    /// Lets a session do less, if it does more than that.
    async fn tighten(&self, session: &Session, state: SessionState, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let mut reached = session.state;
        if session.state.stricter(state) != session.state {
            // With a flag the store itself takes the stricter of both, whatever happened meanwhile.
            let change = session.flag.map_or(SessionChange::State(state), |code| SessionChange::Flagged(code, state));
            let changed = self.store.change_session(&session.hash, change, now).await?;
            reached = changed.ok_or(NotDone::NoSuchSession(session.hash))?.state;
            let kind = match state {
                SessionState::Challenged => EventKind::SessionChallenged,
                _ => EventKind::SessionRestricted,
            };
            self.record(kind, &session.site, &session.account, Some(session.hash), by, now);
        }
        Ok(Reply::Restricted {
            site: session.site.to_string(),
            account: session.account.to_string(),
            state: reached.name().to_owned(),
        })
    }

    async fn restrict_sessions(
        &self,
        account: &str,
        site: Option<&str>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(account, site)? {
            let mut restricted = 0;
            for session in self.store.sessions(&site, Some(&account), ROWS_MAX, now).await? {
                if session.state == SessionState::Open {
                    self.tighten(&session, SessionState::Restricted, by, now).await?;
                    restricted += 1;
                }
            }
            // Where there are other doors, a mail program with the same password must not send instead.
            if (self.config)().doors.are_open() {
                let programs = programs::frozen(&self.keys, &site, &account, now);
                self.store.put_session(programs.clone(), now).await?;
                let kind = EventKind::SessionRestricted;
                self.record(kind, &site, &account, Some(programs.hash), by, now);
                restricted += 1;
            }
            done.push(Done::of(&site, &account, &format!("{restricted} sessions restricted"), 0));
        }
        Ok(Reply::Done { done })
    }

    async fn end_sessions(&self, account: &str, site: Option<&str>, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(account, site)? {
            let ended = self.end_all(&site, &account, by, now).await?;
            done.push(Done::of(&site, &account, "sessions ended", ended));
        }
        Ok(Reply::Done { done })
    }

    async fn end_all(&self, site: &SiteName, account: &Account, by: &By, now: Timestamp) -> Result<usize, Away> {
        let ended = self.store.set_account_sessions(site, account, SessionState::Ended, None, now).await?;
        for hash in &ended {
            self.record(EventKind::SessionEnded, site, account, Some(*hash), by, now);
        }
        Ok(ended.len())
    }

    fn record(
        &self,
        kind: EventKind,
        site: &SiteName,
        account: &Account,
        session: Option<SessionHash>,
        by: &By,
        now: Timestamp,
    ) {
        self.events.record(self.event(kind, site, account, session, by, now));
    }

    fn event(
        &self,
        kind: EventKind,
        site: &SiteName,
        account: &Account,
        session: Option<SessionHash>,
        by: &By,
        now: Timestamp,
    ) -> Event {
        Event {
            site: Some(Arc::clone(site)),
            account: Some(account.clone()),
            session,
            by: Some(Arc::clone(&by.name)),
            ..Event::new(now, kind)
        }
    }

    /// The site with that host name, or all.
    fn chosen(&self, named: Option<&str>) -> Result<Vec<Arc<Site>>, NotDone> {
        let sites = self.sites();
        let Some(named) = named else { return Ok(sites) };
        let lower = named.to_ascii_lowercase();
        match sites.iter().find(|site| site.hosts.contains(&lower)) {
            Some(site) => Ok(vec![Arc::clone(site)]),
            None => {
                let names: Vec<&str> = sites.iter().map(|site| &*site.name).collect();
                Err(NotDone::NoSuchSite(named.to_owned(), names.join(", ")))
            }
        }
    }

    fn accounts(&self, name: &str, site: Option<&str>) -> Result<Vec<(SiteName, Account)>, NotDone> {
        self.chosen(site)?.iter().map(|site| Ok((Arc::clone(&site.name), folded(site, name)?))).collect()
    }
}

/// A lock that opens by itself.
const LOCKED_UNTIL_CHANGE: &str = "locked until its password is another";

/// One that should, and cannot.
const LOCKED_FOR_GOOD: &str =
    "locked until you unlock it: how its password begins is not known (see open_locks_at_change)";

impl Done {
    fn of(site: &SiteName, account: &Account, what: &str, sessions_ended: usize) -> Self {
        Self {
            site: site.to_string(),
            account: account.to_string(),
            what: what.to_owned(),
            sessions_ended,
            devices_forgotten: 0,
        }
    }
}

fn folded(site: &Site, name: &str) -> Result<Account, NotDone> {
    let account = site.accounts.fold(name);
    if account.as_str().is_empty() { Err(NotDone::NoName) } else { Ok(account) }
}

fn session_hash(text: &str) -> Result<SessionHash, NotDone> {
    text.trim().parse().map_err(|()| NotDone::NotASession(text.to_owned()))
}

fn reference(text: &str) -> Result<Reference, NotDone> {
    text.trim().parse().map_err(|wrong| NotDone::NotAFlag(text.to_owned(), wrong))
}
