//! The configuration: read, checked, explained, and then incapable of being wrong.
//!
//! What leaves this room is typed; a string that reaches another room has been recognised. Every mistake in a file is
//! reported at once ([`Mistakes`]), each with its line, column and what would be right. What is allowed but probably not
//! meant is a warning and stands in [`Config::warnings`].
//!
//! To add a key: a field here with its meaning and unit, a row in [`schema::TABLES`] (known names, suggestions and
//! `docs/configuration.md` come from there), a line in `read.rs`, and a file in `tests/config/bad` for each way to get
//! it wrong.

mod alert;
mod challenge;
mod desk;
mod doors;
pub mod keys;
pub mod mistake;
mod openid;
mod pages;
mod read;
mod reputation;
mod risk;
mod scan;
pub mod schema;
pub mod source;
mod store;
mod value;

pub use mistake::{Mistake, Mistakes, Severity};
pub use openid::is_safe_endpoint;
pub use read::{parse, read};

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::{
    Account, AccountFolding, CAMPAIGN_SIGNALS, Colour, Country, FactorKind, Limit, MOVE_SIGNALS, NetworkClass,
    NetworkKind, PasswordFault, SIGNALS, Secret, SiteName, Timestamp, Verdict,
};
use crate::webmail::Webmail;

/// Everything the operator said, checked.
#[derive(Debug)]
pub struct Config {
    /// Where durable state lives.
    pub data_dir: PathBuf,
    /// `key_file`; absent: `keys` in `data_dir`.
    pub key_file: PathBuf,
    /// The control socket.
    pub control: PathBuf,
    /// Where events are written.
    pub events: Events,
    /// Addresses and bounds of the listeners.
    pub listen: Listen,
    /// The certificate of sites that have none of their own; none: self-signed.
    pub tls: Option<CertificateFiles>,
    /// In the order of the file; at least one.
    pub sites: Vec<Arc<Site>>,
    /// Campus and trusted networks.
    pub networks: Networks,
    /// Where addresses are: files, and how old they may be.
    pub geoip: GeoIp,
    /// Which blocklists are asked about which addresses.
    pub reputation: Reputation,
    /// Where mail servers ask about accounts that come to them.
    pub doors: Doors,
    /// Lists of leaked passwords.
    pub passwords: Passwords,
    /// Where what must outlive a request is kept.
    pub store: Store,
    /// Sign-in limits.
    pub sign_in: SignInLimits,
    /// Send limits.
    pub send: SendLimits,
    /// Accounts with limits of their own.
    pub exceptions: Vec<Exception>,
    /// What signals weigh and what their sum comes to.
    pub risk: Risk,
    /// How our pages look.
    pub pages: Pages,
    /// Second proofs.
    pub challenge: Challenge,
    /// The administrator's desk.
    pub desk: Desk,
    /// The operator's own rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// How Mailward sends mail of its own; none: it sends none.
    pub mail: Option<Mail>,
    /// How people's telephones are written to; none: they are not.
    pub sms: Option<Sms>,
    /// Who is told what, in the order of the file.
    pub alerts: Vec<Alert>,
    /// Who looks at what leaves, in the order in which they are asked.
    pub scanners: Vec<Scanner>,
    /// The mode of sites that have none of their own.
    pub mode: Mode,
    /// What is allowed but probably not meant, in the order of the file. Shown by `check` and at every start.
    pub warnings: Vec<Mistake>,
    /// As it was written.
    pub source: source::Source,
}

impl Config {
    /// The site with this name.
    pub fn site(&self, name: &str) -> Option<&Arc<Site>> {
        self.sites.iter().find(|site| &*site.name == name)
    }

    /// Where people find the desk, with a slash at the end; none where nobody listens for it.
    pub fn desk_page(&self) -> Option<String> {
        let address = self.listen.admin?;
        let host = self.desk.hosts.first().cloned().unwrap_or_else(|| match address.ip() {
            address if address.is_unspecified() || address.is_loopback() => "localhost".to_owned(),
            IpAddr::V6(address) => format!("[{address}]"),
            IpAddr::V4(address) => address.to_string(),
        });
        Some(match self.listen.public_admin_port.unwrap_or(address.port()) {
            443 => format!("https://{host}/"),
            port => format!("https://{host}:{port}/"),
        })
    }

    /// Makes `data_dir` and the control socket's folder where they are absent, for their owner alone (0700).
    pub fn make_folders(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        for folder in [Some(self.data_dir.as_path()), self.control.parent()].into_iter().flatten() {
            if !folder.as_os_str().is_empty() && !folder.is_dir() {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
        }
        Ok(())
    }
}

/// `[events]`
#[derive(Clone, Debug)]
pub struct Events {
    /// The JSON lines file.
    pub file: PathBuf,
    /// Lines older than this are dropped when the file is rotated.
    pub keep: Duration,
}

/// `[listen]`
#[derive(Clone, Debug)]
pub struct Listen {
    /// HTTPS addresses; at least one.
    pub https: Vec<SocketAddr>,
    /// HTTP addresses that answer with the redirect.
    pub http: Vec<SocketAddr>,
    /// The port people reach HTTPS at.
    pub public_https_port: u16,
    /// `/metrics`, `/healthz`, `/readyz`; HTTPS.
    pub admin: Option<SocketAddr>,
    /// Who may ask there.
    pub admin_from: Vec<IpNet>,
    /// Whose `X-Forwarded-For` is believed there.
    pub admin_forwarded_from: Vec<IpNet>,
    /// The port operators reach it at.
    pub public_admin_port: Option<u16>,
    /// Whose PROXY header is believed (and required).
    pub proxy_protocol_from: Vec<IpNet>,
    /// Whose `X-Forwarded-For` is believed.
    pub forwarded_from: Vec<IpNet>,
    /// Open at once per prefix.
    pub connections_per_prefix: u32,
    /// Open at once in all.
    pub connections: u32,
    /// Accepted per prefix.
    pub new_connections_per_prefix: Limit,
    /// Requests per prefix; a flood guard, far above what people do.
    pub requests_per_prefix: Limit,
    /// Requests of one prefix that the webmail answers at once; further ones wait.
    pub requests_at_once_per_prefix: u32,
    /// Largest request body in bytes.
    pub body_max: u64,
    /// Time for a request's headers.
    pub header_timeout: Duration,
    /// Time without a byte of a request's body.
    pub body_timeout: Duration,
    /// Time without a request.
    pub idle_timeout: Duration,
    /// Time for the webmail's answer to begin.
    pub upstream_timeout: Duration,
    /// Time that requests get to finish at a stop.
    pub stop_timeout: Duration,
    /// Send `Strict-Transport-Security` with this `max-age`; zero: not at all.
    pub hsts_max_age: Duration,
    /// Worker threads; each has its own listener and upstream pool. Absent in the file: one per core.
    pub workers: usize,
}

/// A certificate chain and its key, PEM.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CertificateFiles {
    /// Leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// Whether decisions are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decide, record, do.
    Enforce,
    /// Decide and record; TLS, framing and header rules hold all the same.
    Observe,
}

/// What becomes of `Upgrade` requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrades {
    /// The header is dropped; the request goes on as an ordinary one.
    Refuse,
    /// Passed through; bytes are then copied both ways.
    Pass,
}

/// `[[site]]`
pub struct Site {
    /// The first of `hosts`, lower-case.
    pub name: SiteName,
    /// All of them, lower-case, without port.
    pub hosts: Vec<String>,
    /// `http://…` or `https://…`: scheme, host and port only.
    pub upstream: http::Uri,
    /// The product.
    pub webmail: &'static dyn Webmail,
    /// This site's mode.
    pub mode: Mode,
    /// Its own certificate.
    pub tls: Option<CertificateFiles>,
    /// Begins and ends with `/`.
    pub base: String,
    /// Recipients there are internal.
    pub own_domains: Vec<String>,
    /// How names fold into accounts.
    pub accounts: AccountFolding,
    /// The session cookie's name.
    pub session_cookie: String,
    /// Further script paths, below the base, beginning with `/`.
    pub entry_points: Vec<String>,
    /// Whether the product's pages are limited in what script in them may do.
    pub limits_pages: bool,
    /// Rules against known holes that are not asked.
    pub holes_open: Vec<&'static str>,
    /// PHP's `max_input_vars` there.
    pub php_max_input_vars: usize,
    /// Upgrades.
    pub upgrades: Upgrades,
    /// How long a session lives without a request, at least as long as the webmail's own.
    pub session_idle: Duration,
    /// Whom a person asks: shown on pages. Plain text.
    pub helpdesk: Option<String>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("hosts", &self.hosts)
            .field("upstream", &self.upstream)
            .field("webmail", &self.webmail.id())
            .field("mode", &self.mode)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// `[networks]`
#[derive(Clone, Debug)]
pub struct Networks {
    /// The operator's own.
    pub campus: Vec<IpNet>,
    /// Treated like campus by limits.
    pub trusted: Vec<IpNet>,
    /// Where the campus is; none: its addresses are looked up like others.
    pub campus_country: Option<Country>,
    /// Whether the compiled list of Tor exits, rented servers and VPNs counts.
    pub bundled_lists: bool,
    /// The operator's lists, beside it.
    pub lists: Vec<NetworkList>,
}

impl Default for Networks {
    fn default() -> Self {
        Self { campus: Vec::new(), trusted: Vec::new(), campus_country: None, bundled_lists: true, lists: Vec::new() }
    }
}

/// `[[networks.list]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkList {
    /// What its networks are.
    pub kind: NetworkKind,
    /// One address or network a line.
    pub file: PathBuf,
}

/// `[geoip]`; an empty list of files: what is compiled in.
#[derive(Clone, Debug)]
pub struct GeoIp {
    /// In which country an address is. Absent where `city` is given: that one says it too.
    pub country: Vec<PathBuf>,
    /// In whose network.
    pub asn: Vec<PathBuf>,
    /// Where exactly. None is compiled in: distances are then judged between countries only.
    pub city: Vec<PathBuf>,
    /// Older databases are warned of.
    pub warn_age: Duration,
    /// Older databases know nothing; at least `warn_age`.
    pub max_age: Duration,
}

impl Default for GeoIp {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self { country: Vec::new(), asn: Vec::new(), city: Vec::new(), warn_age: day * 90, max_age: day * 540 }
    }
}

/// `[reputation]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reputation {
    /// From where mail leaves; empty: nothing is asked.
    pub addresses: Vec<IpAddr>,
    /// Blocklists, by their domains.
    pub lists: Vec<String>,
    /// How often.
    pub every: Duration,
    /// Which DNS server; none: the system's.
    pub resolver: Option<SocketAddr>,
}

impl Default for Reputation {
    fn default() -> Self {
        let lists = ["zen.spamhaus.org", "bl.spamcop.net"].map(str::to_owned).to_vec();
        Self { addresses: Vec::new(), lists, every: Duration::from_secs(3600), resolver: None }
    }
}

/// `[doors]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doors {
    /// Where Postfix asks about messages; empty: nowhere.
    pub postfix: Vec<DoorAddress>,
    /// Where Dovecot asks about passwords; none: nowhere.
    pub dovecot: Option<SocketAddr>,
    /// Holds the key that Dovecot shows; there where `dovecot` is.
    pub dovecot_key_file: Option<PathBuf>,
    /// To which site the accounts belong that come through other doors.
    pub site: SiteName,
    /// From where the webmails themselves come to the mail servers: what they bring was counted here already.
    pub from_webmail: Vec<IpNet>,
    /// Who may ask.
    pub clients: Vec<IpNet>,
}

impl Doors {
    /// Whether there is any.
    pub const fn are_open(&self) -> bool {
        !self.postfix.is_empty() || self.dovecot.is_some()
    }
}

/// Where a mail server asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DoorAddress {
    /// A socket in the file system.
    Unix(PathBuf),
    /// TCP.
    Tcp(SocketAddr),
}

impl std::fmt::Display for DoorAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// `[passwords]`
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Filters made by `mailward breach build`, beside the compiled one.
    pub breached: Vec<PathBuf>,
    /// A service that is asked by range; the five digits are put behind its address.
    pub range_service: Option<http::Uri>,
    /// Whoever signs in with a password that has one of these faults is asked to change it.
    pub ask_to_change: Vec<PasswordFault>,
    /// How long they may put it off; then the session reads only.
    pub grace: Duration,
    /// Where it is changed; none: in the webmail.
    pub change_at: Option<String>,
    /// Whether a lock may open by itself once the password is another: then it is noted how passwords begin.
    pub open_locks_at_change: bool,
}

impl Default for Passwords {
    fn default() -> Self {
        let grace = Duration::from_secs(14 * 86_400);
        Self {
            breached: Vec::new(),
            range_service: None,
            ask_to_change: Vec::new(),
            grace,
            change_at: None,
            open_locks_at_change: false,
        }
    }
}

/// `[store]`
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// The servers of a store that several gateways share; none: the embedded one in `data_dir`.
    pub redis: Vec<RedisUrl>,
    /// How much of every limit each node lets through while the shared store is away: 0.01 to 1.
    pub degraded_share: f64,
    /// The longest that a request waits for the shared store.
    pub timeout: Duration,
    /// Who vouches for its certificate, PEM; none: the system's authorities.
    pub certificate_authority: Option<PathBuf>,
    /// What its keys begin with.
    pub prefix: String,
}

/// A server of a shared store. Shown without user and password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisUrl {
    /// As it is written, password included.
    pub url: Secret<String>,
    /// What answers there.
    pub kind: RedisKind,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Whether a password is given.
    pub has_password: bool,
    /// Whether it is this machine, by its name.
    pub on_loopback: bool,
    scheme: String,
    /// Host, and port if one is given.
    server: String,
    /// The database, or the sentinels' name of the master and the database.
    name: String,
}

/// What answers at a [`RedisUrl`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RedisKind {
    /// The server itself; several are those of a cluster.
    One,
    /// One of a cluster.
    Cluster,
    /// A sentinel, which says where the server is.
    Sentinel,
}

/// `[mail]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who signs in there; none: nobody does.
    pub user: Option<String>,
    /// Holds the user's password. Read when it is needed, and at every reload.
    pub password_file: Option<PathBuf>,
    /// Who letters are from.
    pub from: String,
}

/// `[sms]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sms {
    /// Who sends texts to telephones: told by a request to this address.
    pub url: http::Uri,
    /// Holds the secret with which requests are signed.
    pub secret_file: Option<PathBuf>,
}

/// `[[scanner]]`
#[derive(Clone, Debug)]
pub struct Scanner {
    /// Metrics and reasons name it so.
    pub name: Arc<str>,
    /// How it is spoken with.
    pub kind: &'static dyn crate::scan::Scanner,
    /// Where it is.
    pub address: ScannerAddress,
    /// The longest that one question may take, waiting for its turn included.
    pub time_limit: Duration,
    /// Of a message or a file it is given so many bytes at most.
    pub size_max: u64,
    /// Questions at once.
    pub at_once: u32,
    /// What becomes of a message that it said nothing about.
    pub when_silent: WhenSilent,
    /// What its answers weigh.
    pub weights: ContentWeights,
}

/// Where a scanner is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerAddress {
    /// On this machine.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
}

impl std::fmt::Display for ScannerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(place) => f.write_str(place),
        }
    }
}

/// What becomes of a message that a scanner said nothing about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenSilent {
    /// It leaves, and the silence counts as a signal.
    PassAndFlag,
    /// It stays with the person, who is told to try again.
    HoldBack,
}

/// What a scanner's answers weigh; see [`crate::domain::CONTENT_SIGNALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentWeights {
    /// It would not take the message in at all.
    pub spam: i32,
    /// It would mark it.
    pub spam_likely: i32,
    /// It did not answer.
    pub scanner_silent: i32,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all: `smtp://`.
    Clear,
    /// From the greeting on: `starttls://`.
    Starttls,
    /// From the first byte: `smtps://`.
    Tls,
}

/// `[[alert]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What waits for it is kept under this name.
    pub name: String,
    /// Who is told.
    pub to: AlertTo,
    /// Of these events; empty: of all that alerts can be about.
    pub events: Vec<&'static str>,
    /// What is milder is not told.
    pub at_least: crate::domain::Severity,
    /// The same about the same account not sooner than this.
    pub repeat_after: Duration,
    /// What is not critical waits and is told together so often; none: at once.
    pub digest: Option<Duration>,
    /// What is milder than this waits until these hours are over; none: nothing does.
    pub quiet: Option<(crate::domain::QuietHours, crate::domain::Severity)>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertTo {
    /// People, by mail.
    Mail(Vec<String>),
    /// A web server.
    Webhook(Webhook),
    /// A syslog server.
    Syslog(SyslogAddress),
}

/// A web server that takes alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where; whoever knows it may write there, so it is not shown.
    pub url: http::Uri,
    /// Holds the secret under which bodies are signed.
    pub secret_file: Option<PathBuf>,
    /// What the body looks like.
    pub style: WebhookStyle,
}

/// What the body of a webhook looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookStyle {
    /// `{"alerts": […]}` with everything that is known.
    Json,
    /// `{"text": "…"}`: Slack, Mattermost, Rocket.Chat, Google Chat, Zulip.
    Text,
    /// `{"content": "…"}`.
    Discord,
}

/// Where a syslog server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// Datagrams.
    Udp(SocketAddr),
    /// A stream with lengths (RFC 6587).
    Tcp(SocketAddr),
    /// The local socket.
    Unix(PathBuf),
}

/// `[sign_in.limits]`
#[derive(Clone, Debug)]
pub struct SignInLimits {
    /// Distinct wrong passwords per account and prefix (or known device).
    pub failures_per_account_and_prefix: Vec<Limit>,
    /// Distinct failing accounts per prefix.
    pub failing_accounts_per_prefix: Vec<Limit>,
    /// Wrong passwords per account by strangers together, repeated ones included: Roundcube counts those too.
    pub failures_per_account: Vec<Limit>,
    /// Failures at a site by strangers together; beyond them a stranger's sign-in is slowed, never shut out.
    pub failures_per_site_before_slowing: Vec<Limit>,
}

/// `[send.limits]`; an empty list sets no limit.
#[derive(Clone, Debug)]
pub struct SendLimits {
    /// To + Cc + Bcc of one message.
    pub recipients_per_message: u32,
    /// Per session, account, prefix and site, in this order as the names say.
    pub recipients_per_session: Vec<Limit>,
    #[allow(missing_docs)]
    pub recipients_per_account: Vec<Limit>,
    #[allow(missing_docs)]
    pub recipients_per_prefix: Vec<Limit>,
    #[allow(missing_docs)]
    pub recipients_per_site: Vec<Limit>,
    #[allow(missing_docs)]
    pub messages_per_session: Vec<Limit>,
    #[allow(missing_docs)]
    pub messages_per_account: Vec<Limit>,
    #[allow(missing_docs)]
    pub messages_per_prefix: Vec<Limit>,
    #[allow(missing_docs)]
    pub messages_per_site: Vec<Limit>,
    /// Session and account limits times this where the device has been known for a day; at least 1.
    pub familiar_factor: f64,
    /// An event when an account's messages, attempts included, pass one of these.
    pub alert_messages_per_account: Vec<Limit>,
    /// The network that makes an account's sends come from so many within the window is stopped; none: not counted.
    pub networks_per_account: Option<Limit>,
    /// The same for countries.
    pub countries_per_account: Option<Limit>,
    /// Recipients an account never wrote to, from a browser it has known for less than a day.
    pub first_written_on_new_device: Vec<Limit>,
}

impl SignInLimits {
    /// All of them, by name.
    pub fn lists(&self) -> [(&'static str, &[Limit]); 4] {
        [
            ("failures_per_account_and_prefix", &self.failures_per_account_and_prefix),
            ("failing_accounts_per_prefix", &self.failing_accounts_per_prefix),
            ("failures_per_account", &self.failures_per_account),
            ("failures_per_site_before_slowing", &self.failures_per_site_before_slowing),
        ]
    }
}

impl SendLimits {
    /// All lists of them, by name.
    pub fn lists(&self) -> [(&'static str, &[Limit]); 9] {
        [
            ("recipients_per_session", &self.recipients_per_session),
            ("recipients_per_account", &self.recipients_per_account),
            ("recipients_per_prefix", &self.recipients_per_prefix),
            ("recipients_per_site", &self.recipients_per_site),
            ("messages_per_session", &self.messages_per_session),
            ("messages_per_account", &self.messages_per_account),
            ("messages_per_prefix", &self.messages_per_prefix),
            ("messages_per_site", &self.messages_per_site),
            ("first_written_on_new_device", &self.first_written_on_new_device),
        ]
    }
}

/// `[risk]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// From this sum on the operator is told.
    pub flag: i32,
    /// From this sum on a second proof is asked for.
    pub challenge: i32,
    /// From this sum on the session reads only.
    pub restrict: i32,
    /// From this sum on nobody is signed in.
    pub refuse: i32,
    /// What each kind of signal weighs, in the order of [`crate::domain::SIGNALS`].
    pub weights: Vec<i32>,
    /// What the moves of a session in doubt weigh, in the order of [`crate::domain::MOVE_SIGNALS`].
    pub move_weights: Vec<i32>,
    /// What a message's campaign says against it, in the order of [`crate::domain::CAMPAIGN_SIGNALS`].
    pub campaign_weights: Vec<i32>,
    /// The actions, by name, that a session in doubt is asked to prove for, whatever the sum is.
    pub proof_for: Vec<&'static str>,
    /// How long what is usual for an account is remembered after it was last seen.
    pub forget_after: Duration,
    /// How long messages of strangers are compared with those that follow.
    pub campaigns_live: Duration,
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            flag: 30,
            challenge: 50,
            restrict: 80,
            refuse: 120,
            weights: SIGNALS.iter().map(|kind| kind.weight).collect(),
            move_weights: MOVE_SIGNALS.iter().map(|kind| kind.weight).collect(),
            campaign_weights: CAMPAIGN_SIGNALS.iter().map(|kind| kind.weight).collect(),
            proof_for: vec!["change filter", "change identity", "change password"],
            forget_after: Duration::from_secs(180 * 86_400),
            campaigns_live: Duration::from_secs(12 * 3600),
        }
    }
}

impl Risk {
    /// What the signal of that name weighs.
    pub fn weight(&self, name: &str) -> i32 {
        let place = SIGNALS.iter().position(|kind| kind.name == name);
        place.and_then(|place| self.weights.get(place)).copied().unwrap_or(0)
    }
}

/// `[pages]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Whose webmail it is.
    pub name: Option<String>,
    /// A picture.
    pub logo: Option<PathBuf>,
    /// Of buttons and links; dark enough to bear white text.
    pub colour: Option<Colour>,
}

/// `[challenge]`
#[derive(Clone, Debug)]
pub struct Challenge {
    /// What may be used at all.
    pub factors: Vec<FactorKind>,
    /// What opens a session that came to `restrict`; part of `factors`.
    pub opens_restricted: Vec<FactorKind>,
    /// Who is told of new sign-ins and of changes.
    pub notices: Notices,
    /// Before this nobody is asked, and from then on some more accounts each week; none: everybody is asked.
    pub ask_from: Option<Timestamp>,
    /// How many, in per cent of all accounts: 1 to 100.
    pub ask_share_per_week: u32,
    /// Whoever could set up a second proof and has none is invited to, once in this time; none: nobody is.
    pub invite_every: Option<Duration>,
    /// How long a page that asks is good for.
    pub lives: Duration,
    /// A form that is held is sent on no later than this.
    pub hold_for: Duration,
    /// How long a code of the helpdesk is good for.
    pub helpdesk_code_lives: Duration,
    /// Wrong codes per account, kind of factor and prefix.
    pub wrong_codes_per_account_and_prefix: Vec<Limit>,
    /// Wrong codes per account and kind of factor, from outside together.
    pub wrong_codes_per_account: Vec<Limit>,
}

/// Where people are told of what happened to their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// Nowhere.
    None,
    /// At their other addresses.
    Other,
    /// In the mailbox itself, of sign-ins.
    Mailbox,
    /// Both.
    Both,
}

impl Notices {
    /// Whether at other addresses.
    pub const fn to_other_addresses(self) -> bool {
        matches!(self, Self::Other | Self::Both)
    }

    /// Whether in the mailbox itself.
    pub const fn to_mailbox(self) -> bool {
        matches!(self, Self::Mailbox | Self::Both)
    }
}

impl Default for Challenge {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        let limit = |amount, window| Limit { amount, window };
        Self {
            factors: FactorKind::ALL.to_vec(),
            opens_restricted: vec![FactorKind::Passkey, FactorKind::HelpdeskCode, FactorKind::Campus],
            notices: Notices::Other,
            ask_from: None,
            ask_share_per_week: 100,
            invite_every: None,
            lives: minute * 15,
            // PHP forgets the session that a form belongs to after 24 minutes.
            hold_for: minute * 20,
            helpdesk_code_lives: minute * 30,
            wrong_codes_per_account_and_prefix: vec![limit(5, minute * 15)],
            wrong_codes_per_account: vec![limit(10, minute * 60), limit(30, minute * 60 * 24)],
        }
    }
}

/// `[desk]`
#[derive(Clone, Debug)]
pub struct Desk {
    /// Names under which the desk answers, besides addresses in numbers and `localhost`; none is a site's.
    pub hosts: Vec<String>,
    /// Its own certificate.
    pub tls: Option<CertificateFiles>,
    /// A session is over so long after its last visit.
    pub session_idle: Duration,
    /// A session is over so long after its sign-in.
    pub session_max: Duration,
    /// The organisation's provider; none: operators sign in with a password.
    pub openid: Option<OpenId>,
}

/// `[desk.openid]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenId {
    /// The provider, letter by letter as it calls itself.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// Holds what it knows us by; none: a public client, which PKCE protects alone.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for, `openid` first.
    pub scopes: Vec<String>,
    /// Each role, least first, with what the provider says of those who have it.
    pub roles: Vec<(&'static str, Vec<String>)>,
    /// Where it says so.
    pub role_claim: String,
    /// Where it says what people are called.
    pub name_claim: String,
    /// Classes of sign-in that had a second factor; asked for as well.
    pub acr: Vec<String>,
    /// Ways of proving that are a second factor.
    pub amr: Vec<String>,
    /// Whether whoever the provider lets in had a second factor.
    pub trusts_provider: bool,
}

impl Default for Desk {
    fn default() -> Self {
        let hour = Duration::from_secs(3_600);
        Self { hosts: Vec::new(), tls: None, session_idle: hour, session_max: hour * 12, openid: None }
    }
}

/// `[[rule]]`
#[derive(Clone, Debug)]
pub struct Rule {
    /// How it is named in events and on the dashboard: its `why`, or where it stands.
    pub label: String,
    /// Every condition that is given must hold.
    pub when: When,
    /// What it comes to.
    pub verdict: Verdict,
    /// It holds no longer then.
    pub until: Option<Timestamp>,
    /// `observe`: that it fits is recorded, and the next rule is asked.
    pub mode: Mode,
}

/// The conditions of a rule; an empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// What is asked for, by [`crate::domain::Action::GUARDED`]; empty: a sign-in.
    pub actions: Vec<&'static str>,
    /// Canonical.
    pub accounts: Vec<Account>,
    /// By name.
    pub sites: Vec<SiteName>,
    /// Known, and one of these.
    pub countries: Vec<Country>,
    /// Known, and one of these.
    pub as_numbers: Vec<u32>,
    /// One of these.
    pub networks: Vec<NetworkClass>,
    /// All of these speak; only sign-ins have signals.
    pub signals: Vec<&'static str>,
}

/// The conditions as they are written, `always` where there is none.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn said<T: fmt::Display>(name: &str, of: &[T]) -> Option<String> {
            let of: Vec<String> = of.iter().map(T::to_string).collect();
            (!of.is_empty()).then(|| format!("{name} {}", of.join(", ")))
        }
        let networks: Vec<&str> = self.networks.iter().map(|network| network.name()).collect();
        let all = [
            said("action", &self.actions),
            said("account", &self.accounts),
            said("site", &self.sites),
            said("country", &self.countries),
            said("as_number", &self.as_numbers),
            said("network_class", &networks),
            said("signals", &self.signals),
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        if all.is_empty() { f.write_str("always") } else { f.write_str(&all.join("; ")) }
    }
}

/// `[[exception]]`
#[derive(Clone, Debug)]
pub struct Exception {
    /// Canonical accounts.
    pub accounts: Vec<Account>,
    /// What differs for them: the limits with their lists, in place of the general ones.
    pub recipients_per_message: Option<u32>,
    /// In place of the general ones, by limit name.
    pub limits: Vec<(&'static str, Vec<Limit>)>,
    /// It ends here; a date in the file means the end of that day, UTC.
    pub until: Timestamp,
}

impl Exception {
    /// What differs, in words.
    pub fn said(&self) -> String {
        let per_message = self.recipients_per_message.map(|most| format!("recipients_per_message {most}"));
        let lists = self.limits.iter().map(|(name, limits)| {
            let limits: Vec<String> = limits.iter().map(Limit::to_string).collect();
            format!("{name} {}", if limits.is_empty() { "none".to_owned() } else { limits.join(" ") })
        });
        per_message.into_iter().chain(lists).collect::<Vec<_>>().join(", ")
    }
}
