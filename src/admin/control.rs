//! The control socket: how `mailward account` and `mailward session` talk to the running gateway.
//!
//! A Unix socket with mode 0600: whoever can open it is the gateway's user or root, and that is all the permission
//! there is. One command is one JSON line ([`Command`]), its answer one JSON line ([`Reply`]); then the connection
//! ends. To add a command: a variant of both, an arm in [`Control::answer`], and a subcommand in `cli/operate.rs`.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::Site;
use crate::domain::{Account, Event, EventKind, Session, SessionHash, SessionState, SiteName, Timestamp};
use crate::store::{Away, Lock, Store};
use crate::telemetry::Events;

/// Commands answered at the same time; others wait.
const AT_ONCE_MAX: usize = 16;

/// The longest command, in bytes.
const COMMAND_BYTES_MAX: u64 = 64 * 1024;

/// The longest answer a client reads, in bytes: [`ROWS_MAX`] rows of a kilobyte.
const REPLY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Rows in one answer; beyond them it says that there are more.
pub const ROWS_MAX: usize = 10_000;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an operator asks for. A `site` is named by any of its hosts; absent, all sites are meant. Names are folded like
/// those that people type at the sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Whether the gateway and its store are well.
    Status,
    /// Locks an account and ends its sessions.
    LockAccount {
        /// As typed.
        name: String,
        /// Where.
        site: Option<String>,
        /// For operators.
        note: String,
    },
    /// Unlocks an account.
    UnlockAccount {
        /// As typed.
        name: String,
        /// Where.
        site: Option<String>,
    },
    /// The accounts that are locked.
    ListLocks {
        /// Where.
        site: Option<String>,
    },
    /// The sessions that have not ended.
    ListSessions {
        /// Of this account only, as typed.
        account: Option<String>,
        /// Where.
        site: Option<String>,
    },
    /// Ends one session.
    EndSession {
        /// 32 hexadecimal digits.
        hash: String,
    },
    /// Ends all sessions of an account.
    EndSessions {
        /// As typed.
        account: String,
        /// Where.
        site: Option<String>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Command::Status`].
    Status {
        /// The gateway's version.
        version: String,
        /// Its time.
        time: String,
        /// Why the store cannot be written; none when it can.
        store_away: Option<String>,
    },
    /// What was done, at each site.
    Done {
        /// One for each account.
        done: Vec<Done>,
    },
    /// To [`Command::ListLocks`].
    Locks {
        /// The locks.
        locks: Vec<LockRow>,
        /// Whether there are more than [`ROWS_MAX`].
        more: bool,
    },
    /// To [`Command::ListSessions`].
    Sessions {
        /// Newest first.
        sessions: Vec<SessionRow>,
        /// Whether there are more than [`ROWS_MAX`].
        more: bool,
    },
    /// It was not done, or not all of it.
    Refused {
        /// For the operator.
        why: String,
    },
}

/// What was done to one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Where.
    pub site: String,
    /// Whose; canonical.
    pub account: String,
    /// `locked`, `unlocked`, `was not locked` or `sessions ended`.
    pub what: String,
    /// How many of its sessions ended.
    pub sessions_ended: usize,
}

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRow {
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// Since when; RFC 3339.
    pub since: String,
    /// The operator's words.
    pub note: String,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its keyed hash; what `session end` takes.
    pub session: String,
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// `open` or `restricted`.
    pub state: String,
    /// From where it signed in.
    pub prefix: String,
    /// RFC 3339.
    pub signed_in: String,
    /// RFC 3339, to the minute.
    pub last_seen: String,
    /// Since when the account knows the device; absent: a new one.
    pub device_since: Option<String>,
    /// The browser's own words.
    pub user_agent: Option<String>,
}

impl SessionRow {
    fn of(session: &Session) -> Self {
        Self {
            session: session.hash.to_string(),
            site: session.site.to_string(),
            account: session.account.to_string(),
            state: session.state.name().to_owned(),
            prefix: session.spot.prefix.to_string(),
            signed_in: session.signed_in.to_string(),
            last_seen: session.last_seen.to_string(),
            device_since: session.device_since.map(|since| since.to_string()),
            user_agent: session.user_agent.as_deref().map(str::to_owned),
        }
    }
}

/// Why a command was not carried out; its words are for the operator.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    #[error("there is no site {0:?}; sites are: {1}")]
    NoSuchSite(String, String),
    #[error("the name of an account is missing")]
    NoName,
    #[error("{0:?} is not a session; a session is 32 hexadecimal digits, as `mailward session list` shows them")]
    NotASession(String),
    #[error("there is no session {0}; it may have expired")]
    NoSuchSession(SessionHash),
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
    /// The sites of the configuration in force.
    pub sites: Box<dyn Fn() -> Vec<Arc<Site>> + Send + Sync>,
}

impl Control {
    /// Carries a command out.
    pub async fn answer(&self, command: Command) -> Reply {
        let now = self.clock.now();
        let reply = match command {
            Command::Status => Ok(self.status(now).await),
            Command::LockAccount { name, site, note } => self.lock(&name, site.as_deref(), &note, now).await,
            Command::UnlockAccount { name, site } => self.unlock(&name, site.as_deref(), now).await,
            Command::ListLocks { site } => self.locks(site.as_deref()).await,
            Command::ListSessions { account, site } => self.sessions(account.as_deref(), site.as_deref(), now).await,
            Command::EndSession { hash } => self.end_session(&hash, now).await,
            Command::EndSessions { account, site } => self.end_sessions(&account, site.as_deref(), now).await,
        };
        reply.unwrap_or_else(|why| Reply::Refused { why: why.to_string() })
    }

    async fn status(&self, now: Timestamp) -> Reply {
        Reply::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: now.to_string(),
            store_away: self.store.probe(now).await.err().map(|away| away.what),
        }
    }

    async fn lock(&self, name: &str, site: Option<&str>, note: &str, now: Timestamp) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            let lock = Lock { site: Arc::clone(&site), account: account.clone(), since: now, note: note.to_owned() };
            // The lock first: a sign-in between the two would otherwise leave a session behind.
            self.store.lock(lock).await?;
            self.record(EventKind::AccountLocked, &site, &account, None, now);
            let ended = self.end_all(&site, &account, now).await?;
            done.push(Done::of(&site, &account, "locked", ended));
        }
        Ok(Reply::Done { done })
    }

    async fn unlock(&self, name: &str, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            let was_locked = self.store.unlock(&site, &account).await?;
            if was_locked {
                self.record(EventKind::AccountUnlocked, &site, &account, None, now);
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
                locks.push(LockRow {
                    site: lock.site.to_string(),
                    account: lock.account.to_string(),
                    since: lock.since.to_string(),
                    note: lock.note,
                });
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

    async fn end_session(&self, hash: &str, now: Timestamp) -> Result<Reply, NotDone> {
        let hash: SessionHash = hash.trim().parse().map_err(|()| NotDone::NotASession(hash.to_owned()))?;
        let session = self.store.session(&hash, now).await?.ok_or(NotDone::NoSuchSession(hash))?;
        let mut ended = 0;
        if session.state != SessionState::Ended {
            let over = Session { state: SessionState::Ended, ..Session::clone(&session) };
            self.store.put_session(over, now).await?;
            self.record(EventKind::SessionEnded, &session.site, &session.account, Some(hash), now);
            ended = 1;
        }
        Ok(Reply::Done { done: vec![Done::of(&session.site, &session.account, "sessions ended", ended)] })
    }

    async fn end_sessions(&self, account: &str, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(account, site)? {
            let ended = self.end_all(&site, &account, now).await?;
            done.push(Done::of(&site, &account, "sessions ended", ended));
        }
        Ok(Reply::Done { done })
    }

    async fn end_all(&self, site: &SiteName, account: &Account, now: Timestamp) -> Result<usize, Away> {
        let ended = self.store.set_account_sessions(site, account, SessionState::Ended, None, now).await?;
        for hash in &ended {
            self.record(EventKind::SessionEnded, site, account, Some(*hash), now);
        }
        Ok(ended.len())
    }

    fn record(
        &self,
        kind: EventKind,
        site: &SiteName,
        account: &Account,
        session: Option<SessionHash>,
        now: Timestamp,
    ) {
        let of =
            Event { site: Some(Arc::clone(site)), account: Some(account.clone()), session, ..Event::new(now, kind) };
        self.events.record(of);
    }

    /// The site with that host name, or all.
    fn chosen(&self, named: Option<&str>) -> Result<Vec<Arc<Site>>, NotDone> {
        let sites = (self.sites)();
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

impl Done {
    fn of(site: &SiteName, account: &Account, what: &str, sessions_ended: usize) -> Self {
        Self { site: site.to_string(), account: account.to_string(), what: what.to_owned(), sessions_ended }
    }
}

fn folded(site: &Site, name: &str) -> Result<Account, NotDone> {
    let account = site.accounts.fold(name);
    if account.as_str().is_empty() { Err(NotDone::NoName) } else { Ok(account) }
}

/// Binds the socket with mode 0600, taking the place of one that a dead gateway left behind.
///
/// Fails with [`io::ErrorKind::AddrInUse`] when a living gateway answers there. Must be called within a tokio runtime.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another gateway answers at this control socket"));
    }
    // Between bind and chmod the socket has the umask's mode, so that happens in a folder that only we can enter; the
    // rename then puts it in place whole. Short names: a socket's path has little room.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let hidden = folder.join(format!(".mw{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&hidden);
    std::fs::DirBuilder::new().mode(0o700).create(&hidden)?;
    let bound = (|| {
        let at = hidden.join("s");
        let listener = UnixListener::bind(&at)?;
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&at, path)?;
        Ok(listener)
    })();
    let _ = std::fs::remove_dir_all(&hidden);
    bound
}

/// Answers commands until it is dropped.
pub async fn serve(listener: UnixListener, control: Arc<Control>) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE_MAX));
    loop {
        let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let control = Arc::clone(&control);
                tokio::spawn(async move {
                    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, answer_one(stream, &control)).await {
                        tracing::debug!(%error, "a command on the control socket was not answered");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: trying again at once would only burn the processor.
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer_one(stream: UnixStream, control: &Control) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(COMMAND_BYTES_MAX)).read_line(&mut line).await?;
    if line.is_empty() {
        // `bind` of a second gateway only looks whether somebody answers.
        return Ok(());
    }
    let reply = match serde_json::from_str(&line) {
        Ok(command) => control.answer(command).await,
        Err(error) => Reply::Refused { why: format!("the gateway does not understand this command: {error}") },
    };
    let mut written = serde_json::to_vec(&reply).map_err(io::Error::other)?;
    written.push(b'\n');
    write.write_all(&written).await?;
    write.shutdown().await
}

/// Why a command got no reply.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// Nobody listens there.
    #[error("no gateway answers at {path}; is it running? (systemctl status mailward)")]
    NotRunning {
        /// The socket.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket belongs to somebody else.
    #[error("{path} may only be used by the gateway's user and root; try sudo")]
    NotAllowed {
        /// The socket.
        path: String,
    },
    /// It broke off, or took too long.
    #[error("the gateway did not answer the command")]
    Broken(#[source] io::Error),
}

/// Asks the gateway at `path`. Waits half a minute at most.
pub async fn ask(path: &Path, command: &Command) -> Result<Reply, NoReply> {
    let shown = || path.display().to_string();
    let stream = UnixStream::connect(path).await.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => NoReply::NotAllowed { path: shown() },
        _ => NoReply::NotRunning { path: shown(), source },
    })?;
    let exchange = async {
        let (read, mut write) = stream.into_split();
        let mut line = serde_json::to_vec(command).map_err(io::Error::other)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        let mut answer = String::new();
        read.take(REPLY_BYTES_MAX).read_to_string(&mut answer).await?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(answer) => answer.map_err(NoReply::Broken),
        Err(_) => Err(NoReply::Broken(io::ErrorKind::TimedOut.into())),
    }
}
