//! Counters for Prometheus, in OpenMetrics text.
//!
//! Labels come from closed sets: sites from the configuration, everything else from lists in the code. What happens
//! rarely is counted by [`Metrics::observe`] from the event itself. What happens with every request is counted in
//! [`RequestCounts`]: each worker has its own, so counting is one relaxed addition to a line of memory that no other
//! core writes; a scrape adds them up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::domain::{Action, Event, EventKind, Scanned, SiteName, Timestamp};

/// What `Content-Type` the rendered text has.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One metric, as it is registered and documented.
pub struct Described {
    /// Without the `_total` that counters get.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// Its labels, in their order.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// What kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// Every metric. `docs/metrics.md` is made from it.
pub static DESCRIBED: &[Described] = &[
    counter(
        "mailward_requests",
        &["site", "action", "status"],
        "Requests answered, by what was asked for (asset, sign-in, send, …) and class of the status",
    ),
    counter("mailward_events", &["event"], "Events recorded, by name"),
    counter(
        "mailward_sign_ins",
        &["site", "outcome"],
        "Sign-ins: ok, failed (wrong name or password), not judged (the webmail said nothing about the password), refused (stopped before the webmail)",
    ),
    counter(
        "mailward_sends",
        &["site", "outcome"],
        "Messages: sent, not sent (the webmail did not), refused (stopped before the webmail), unasked (sent although the request was not read as a send)",
    ),
    counter("mailward_send_recipients", &["site", "outcome"], "Recipients of those messages: sent, not sent, refused"),
    counter("mailward_refused", &["site", "rule"], "Requests refused as such, by rule"),
    counter("mailward_throttled", &["site", "limit"], "Requests stopped by a limit, by its name in the configuration"),
    counter("mailward_upstream_errors", &["site"], "Requests that the webmail did not answer"),
    counter("mailward_connections", &[], "Connections accepted"),
    counter(
        "mailward_connections_refused",
        &[],
        "Connections closed at once because of connections, connections_per_prefix or new_connections_per_prefix, or because their prefix had just flooded",
    ),
    gauge("mailward_connections_open", &[], "Connections open now"),
    counter("mailward_tls_handshakes_failed", &[], "TLS handshakes that did not succeed"),
    counter(
        "mailward_events_dropped",
        &[],
        "Events that are missing in the events file because the disk was too slow or full",
    ),
    gauge(
        "mailward_certificate_days_left",
        &["site"],
        "Days until the site's certificate ends; negative when it has ended",
    ),
    counter(
        "mailward_range_service",
        &["answer"],
        "Right passwords that `range_service` was asked about: leaked, unknown to it, or none (it did not answer in time)",
    ),
    counter(
        "mailward_scans",
        &["scanner", "result"],
        "Messages and files that a scanner was asked about: clean, likely (it would mark it as spam), spam, virus, too large (not all of it was seen), silent",
    ),
    counter(
        "mailward_scan_seconds",
        &["scanner"],
        "How long those questions took together, waiting for a turn included",
    ),
    gauge("mailward_scanner_silent", &["scanner"], "1 while the scanner does not answer, else 0"),
    counter(
        "mailward_door_questions",
        &["server", "answer"],
        "Questions of mail servers (postfix, dovecot): passed, deferred, delayed, refused, noted (nothing was asked), unreadable; and connections closed at once: no room, not allowed",
    ),
    gauge("mailward_store_degraded", &[], "1 while the store does not answer and limits are stricter, else 0"),
    gauge(
        "mailward_store_degraded_since_timestamp_seconds",
        &[],
        "Since when the store does not answer, as Unix time; 0 while it does",
    ),
    gauge("mailward_store_waiting", &[], "Changes that wait until a shared store can be told of them"),
    counter("mailward_store_lost", &[], "Changes that could not be kept until the store was back"),
    gauge(
        "mailward_nodes",
        &[],
        "Gateways that share the store and were heard of within 35 seconds, this one among them",
    ),
    gauge("mailward_nodes_silent", &[], "Gateways that shared the store within a day, did not stop and are silent now"),
    gauge(
        "mailward_alerts_waiting",
        &["receiver"],
        "Alerts that a receiver was not told yet, those of a later digest among them",
    ),
    gauge(
        "mailward_alerts_late_seconds",
        &["receiver"],
        "For how long the oldest alert that is due has waited for its receiver; 0: none is late",
    ),
    gauge(
        "mailward_configuration_reloaded_timestamp_seconds",
        &[],
        "When the configuration in force was read, as Unix time",
    ),
    counter("mailward_configuration_refused", &[], "Times that the configuration was read again and refused"),
    gauge("mailward_process_start_timestamp_seconds", &[], "When the gateway started, as Unix time"),
    gauge("mailward_build_info", &["version"], "Always 1; the label says which version runs"),
];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Gauge, labels, help }
}

fn described(name: &str) -> &'static Described {
    DESCRIBED.iter().find(|described| described.name == name).expect("only described metrics are registered")
}

/// What a request was, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum RequestKind {
    /// A file of the product, passed on as it is.
    Asset,
    /// A page of Mailward's own.
    Own,
    /// Refused before it was known what it asked for.
    Unread,
    /// [`Action::SignIn`]
    SignIn,
    /// [`Action::SignOut`]
    SignOut,
    /// [`Action::Send`]
    Send,
    /// [`Action::SaveDraft`]
    SaveDraft,
    /// [`Action::Upload`]
    Upload,
    /// [`Action::ChangeIdentity`]
    ChangeIdentity,
    /// [`Action::ChangeFilter`]
    ChangeFilter,
    /// [`Action::ChangePassword`]
    ChangePassword,
    /// [`Action::Export`]
    Export,
    /// [`Action::HideTraces`]
    HideTraces,
    /// [`Action::Poll`]
    Poll,
    /// [`Action::View`]
    View,
}

impl RequestKind {
    /// In the order of their numbers.
    const ALL: [Self; 15] = [
        Self::Asset,
        Self::Own,
        Self::Unread,
        Self::SignIn,
        Self::SignOut,
        Self::Send,
        Self::SaveDraft,
        Self::Upload,
        Self::ChangeIdentity,
        Self::ChangeFilter,
        Self::ChangePassword,
        Self::Export,
        Self::HideTraces,
        Self::Poll,
        Self::View,
    ];

    /// The kind of an action.
    pub const fn of(action: &Action) -> Self {
        match action {
            Action::SignIn { .. } => Self::SignIn,
            Action::SignOut => Self::SignOut,
            Action::Send(_) => Self::Send,
            Action::SaveDraft => Self::SaveDraft,
            Action::Upload => Self::Upload,
            Action::ChangeIdentity => Self::ChangeIdentity,
            Action::ChangeFilter => Self::ChangeFilter,
            Action::ChangePassword => Self::ChangePassword,
            Action::Export => Self::Export,
            Action::HideTraces => Self::HideTraces,
            Action::Poll => Self::Poll,
            Action::View => Self::View,
        }
    }

    /// The label's value; the same word as [`Action::name`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Own => "own page",
            Self::Unread => "unread",
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::Send => "send",
            Self::SaveDraft => "save draft",
            Self::Upload => "upload",
            Self::ChangeIdentity => "change identity",
            Self::ChangeFilter => "change filter",
            Self::ChangePassword => "change password",
            Self::Export => "export",
            Self::HideTraces => "hide traces",
            Self::Poll => "poll",
            Self::View => "view",
        }
    }
}

/// `1xx` to `5xx`; a status outside of them counts as the last.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

const CELLS: usize = RequestKind::ALL.len() * STATUS_CLASSES.len();

/// One worker's counts for one site. Aligned so that no other worker's counts share a line of memory.
#[repr(align(128))]
pub struct RequestCounts([AtomicU64; CELLS]);

impl RequestCounts {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Counts one answered request: one relaxed addition.
    pub fn count(&self, kind: RequestKind, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        self.0[kind as usize * STATUS_CLASSES.len() + class].fetch_add(1, Ordering::Relaxed);
    }

    fn add_to(&self, sums: &mut [u64; CELLS]) {
        for (sum, count) in sums.iter_mut().zip(&self.0) {
            *sum += count.load(Ordering::Relaxed);
        }
    }
}

/// All counts at a site: those of workers that are there, and the sum of those that went.
#[derive(Default)]
struct SiteRequests {
    workers: Vec<Arc<RequestCounts>>,
    gone: Option<Box<[u64; CELLS]>>,
}

impl SiteRequests {
    /// Folds the counts that nobody else holds any more into the sum, so that reloads do not pile them up.
    fn fold(&mut self) {
        let gone = self.gone.get_or_insert_with(|| Box::new([0; CELLS]));
        self.workers.retain(|counts| {
            let held = Arc::strong_count(counts) > 1;
            if !held {
                counts.add_to(gone);
            }
            held
        });
    }

    fn sums(&self) -> [u64; CELLS] {
        let mut sums = self.gone.as_deref().copied().unwrap_or([0; CELLS]);
        for counts in &self.workers {
            counts.add_to(&mut sums);
        }
        sums
    }
}

type Labels = Vec<(&'static str, String)>;

/// Everything that is counted. One for the process, shared.
pub struct Metrics {
    registry: Registry,
    seen: Arc<Seen>,
    events: Family<Labels, Counter>,
    sign_ins: Family<Labels, Counter>,
    sends: Family<Labels, Counter>,
    send_recipients: Family<Labels, Counter>,
    refused: Family<Labels, Counter>,
    throttled: Family<Labels, Counter>,
    upstream_errors: Family<Labels, Counter>,
    range_service: Family<Labels, Counter>,
    scans: Family<Labels, Counter>,
    scan_seconds: Family<Labels, Counter<f64, AtomicU64>>,
    door_questions: Family<Labels, Counter>,
    connections: Counter,
    connections_refused: Counter,
    handshakes_failed: Counter,
    events_dropped: Counter,
    configuration_refused: Counter,
    store_lost: Counter,
}

/// What is looked at when it is asked for.
struct Seen {
    started: Timestamp,
    requests: Mutex<BTreeMap<SiteName, SiteRequests>>,
    connections_open: AtomicI64,
    /// In milliseconds; 0 while the store answers.
    store_degraded_since: AtomicU64,
    store_waiting: AtomicI64,
    nodes: AtomicI64,
    nodes_silent: AtomicI64,
    /// By the receiver's name.
    alerts: Mutex<Vec<AlertsWaiting>>,
    configured: AtomicU64,
    certificates: Mutex<BTreeMap<SiteName, Timestamp>>,
    /// Whether each is silent; by name, those of the configuration in force.
    scanners: Mutex<BTreeMap<Arc<str>, bool>>,
    /// The time of the scrape in progress: days left are counted from it.
    now: AtomicU64,
}

/// What one receiver of alerts must still be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertsWaiting {
    /// Its name in the configuration.
    pub receiver: String,
    /// How many alerts.
    pub waiting: usize,
    /// Since when the oldest of them is due; none where none is.
    pub oldest_due: Option<Timestamp>,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new(started: Timestamp) -> Arc<Self> {
        let mut registry = Registry::default();
        let mut family = |name: &str| {
            let family = Family::<Labels, Counter>::default();
            registry.register(name, described(name).help, family.clone());
            family
        };
        let events = family("mailward_events");
        let sign_ins = family("mailward_sign_ins");
        let sends = family("mailward_sends");
        let send_recipients = family("mailward_send_recipients");
        let refused = family("mailward_refused");
        let throttled = family("mailward_throttled");
        let upstream_errors = family("mailward_upstream_errors");
        let range_service = family("mailward_range_service");
        let door_questions = family("mailward_door_questions");
        let scans = family("mailward_scans");
        let scan_seconds = Family::<Labels, Counter<f64, AtomicU64>>::default();
        let name = "mailward_scan_seconds";
        registry.register(name, described(name).help, scan_seconds.clone());
        let mut single = |name: &str| {
            let counter = Counter::default();
            registry.register(name, described(name).help, counter.clone());
            counter
        };
        let connections = single("mailward_connections");
        let connections_refused = single("mailward_connections_refused");
        let handshakes_failed = single("mailward_tls_handshakes_failed");
        let events_dropped = single("mailward_events_dropped");
        let configuration_refused = single("mailward_configuration_refused");
        let store_lost = single("mailward_store_lost");
        let seen = Arc::new(Seen {
            started,
            requests: Mutex::default(),
            connections_open: AtomicI64::new(0),
            store_degraded_since: AtomicU64::new(0),
            store_waiting: AtomicI64::new(0),
            nodes: AtomicI64::new(1),
            nodes_silent: AtomicI64::new(0),
            alerts: Mutex::default(),
            configured: AtomicU64::new(started.as_millis()),
            certificates: Mutex::default(),
            scanners: Mutex::default(),
            now: AtomicU64::new(started.as_millis()),
        });
        registry.register_collector(Box::new(Arc::clone(&seen)));
        Arc::new(Self {
            registry,
            seen,
            events,
            sign_ins,
            sends,
            send_recipients,
            refused,
            throttled,
            upstream_errors,
            range_service,
            scans,
            scan_seconds,
            door_questions,
            connections,
            connections_refused,
            handshakes_failed,
            events_dropped,
            configuration_refused,
            store_lost,
        })
    }

    /// One worker's own counts of requests at a site; the worker keeps them as long as it serves the site.
    pub fn requests(&self, site: &SiteName) -> Arc<RequestCounts> {
        let counts = Arc::new(RequestCounts::new());
        let mut requests = self.seen.requests.lock();
        let of_site = requests.entry(Arc::clone(site)).or_default();
        of_site.fold();
        of_site.workers.push(Arc::clone(&counts));
        counts
    }

    /// The scanners of the configuration in force; none is silent until it is seen to be.
    pub fn scanners_are(&self, names: impl Iterator<Item = Arc<str>>) {
        *self.seen.scanners.lock() = names.map(|name| (name, false)).collect();
    }

    fn note_scanner(&self, scanner: &Arc<str>, silent: bool) {
        // Not of one that a reload has taken away meanwhile.
        if let Some(known) = self.seen.scanners.lock().get_mut(scanner) {
            *known = silent;
        }
    }

    /// Counts one question to a scanner.
    pub fn scanned(&self, scanned: &Scanned) {
        let scanner = || ("scanner", scanned.scanner.to_string());
        self.scans.get_or_create(&vec![scanner(), ("result", scanned.said.name().to_owned())]).inc();
        self.scan_seconds.get_or_create(&vec![scanner()]).inc_by(scanned.took.as_secs_f64());
    }

    /// Counts what an event says. [`super::Events::record`] calls it; nobody else should.
    pub fn observe(&self, event: &Event) {
        let site = || ("site", event.site.as_deref().unwrap_or("none").to_owned());
        let outcome = |family: &Family<Labels, Counter>, outcome: &str, by: u32| {
            family.get_or_create(&vec![site(), ("outcome", outcome.to_owned())]).inc_by(u64::from(by));
        };
        let refused = |rule: &str| {
            self.refused.get_or_create(&vec![site(), ("rule", rule.to_owned())]).inc();
        };
        self.events.get_or_create(&vec![("event", event.kind.name().to_owned())]).inc();
        if let Some(stopped_by) = &event.stopped_by {
            self.throttled.get_or_create(&vec![site(), ("limit", limit_name(stopped_by).to_owned())]).inc();
        }
        match &event.kind {
            EventKind::SignInOk => outcome(&self.sign_ins, "ok", 1),
            EventKind::SignInFailed => outcome(&self.sign_ins, "failed", 1),
            EventKind::SignInNotJudged => outcome(&self.sign_ins, "not judged", 1),
            EventKind::SignInRefused => outcome(&self.sign_ins, "refused", 1),
            EventKind::Sent { recipients } => {
                outcome(&self.sends, "sent", 1);
                outcome(&self.send_recipients, "sent", *recipients);
            }
            EventKind::NotSent { recipients } => {
                outcome(&self.sends, "not sent", 1);
                outcome(&self.send_recipients, "not sent", *recipients);
            }
            EventKind::SendRefused { recipients } => {
                outcome(&self.sends, "refused", 1);
                outcome(&self.send_recipients, "refused", *recipients);
            }
            EventKind::SentUnasked => outcome(&self.sends, "unasked", 1),
            EventKind::ActionRefused { .. } => refused("restricted session"),
            EventKind::RequestRefused { rule } => refused(rule),
            EventKind::UpstreamFailed { .. } => {
                self.upstream_errors.get_or_create(&vec![site()]).inc();
            }
            EventKind::StoreDegraded { .. } => {
                self.seen.store_degraded_since.store(event.time.as_millis().max(1), Ordering::Relaxed);
            }
            EventKind::StoreRecovered { lost, .. } => {
                self.seen.store_degraded_since.store(0, Ordering::Relaxed);
                self.store_lost.inc_by(*lost);
            }
            EventKind::ScannerSilent { scanner, .. } => self.note_scanner(scanner, true),
            EventKind::ScannerAnswers { scanner } => self.note_scanner(scanner, false),
            EventKind::ConfigurationReloaded => {
                self.seen.configured.store(event.time.as_millis(), Ordering::Relaxed);
            }
            EventKind::ConfigurationRefused { .. } => {
                self.configuration_refused.inc();
            }
            EventKind::SignedOut
            | EventKind::UploadRefused
            | EventKind::CampaignRecognised { .. }
            | EventKind::CampaignConfirmed
            | EventKind::CampaignCleared
            | EventKind::AddressListed { .. }
            | EventKind::AddressDelisted { .. }
            | EventKind::NearEnd { .. }
            | EventKind::ManyMessages { .. }
            | EventKind::PasswordChanged
            | EventKind::AccountLocked
            | EventKind::AccountUnlocked
            | EventKind::SessionEnded
            | EventKind::FlagRaised
            | EventKind::FlagCleared
            | EventKind::FlagConfirmed
            | EventKind::SessionCleared
            | EventKind::SessionRestricted
            | EventKind::SessionChallenged
            | EventKind::DeviceForgotten { .. }
            | EventKind::SessionMoved
            | EventKind::ChallengePassed { .. }
            | EventKind::ChallengeFailed { .. }
            | EventKind::ChallengeRefused { .. }
            | EventKind::FactorAdded { .. }
            | EventKind::FactorRemoved { .. }
            | EventKind::Started
            | EventKind::Stopping => {}
        }
    }

    /// Counts a request that a flood guard refused; there is no event for each, or the flood would fill the disk.
    /// `rule` is from a closed set.
    pub fn refused_unrecorded(&self, site: &SiteName, rule: &'static str) {
        self.refused.get_or_create(&vec![("site", site.to_string()), ("rule", rule.to_owned())]).inc();
    }

    /// A connection was accepted; it counts as open until what is returned is dropped.
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        self.seen.connections_open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(&self.seen))
    }

    /// A connection was closed at once because of a cap.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// A TLS handshake did not succeed.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.inc();
    }

    /// So many events are missing in the events file.
    pub fn events_dropped(&self, count: u64) {
        self.events_dropped.inc_by(count);
    }

    /// When the certificate that a site shows ends.
    pub fn certificate(&self, site: &SiteName, not_after: Timestamp) {
        self.seen.certificates.lock().insert(Arc::clone(site), not_after);
    }

    /// Forgets the certificates of sites that are gone, after a reload.
    pub fn retain_sites(&self, sites: &[SiteName]) {
        self.seen.certificates.lock().retain(|site, _| sites.contains(site));
    }

    /// What a service that knows leaked passwords said; none where it said nothing.
    pub fn range_asked(&self, is_listed: Option<bool>) {
        let answer = match is_listed {
            Some(true) => "leaked",
            Some(false) => "unknown",
            None => "none",
        };
        self.range_service.get_or_create(&vec![("answer", answer.to_owned())]).inc();
    }

    /// A mail server asked, or tried to. Both are from closed sets.
    pub fn door_asked(&self, server: &'static str, answer: &'static str) {
        self.door_questions.get_or_create(&vec![("server", server.to_owned()), ("answer", answer.to_owned())]).inc();
    }

    /// How much waits until a shared store is back.
    pub fn store_waiting(&self, waiting: usize) {
        self.seen.store_waiting.store(i64::try_from(waiting).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How many gateways share the store, and how many of them are silent.
    pub fn nodes(&self, heard_of: usize, silent: usize) {
        for (gauge, many) in [(&self.seen.nodes, heard_of), (&self.seen.nodes_silent, silent)] {
            gauge.store(i64::try_from(many).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }

    /// What each receiver of alerts must still be told; in place of what was said before.
    pub fn alerts_waiting(&self, receivers: Vec<AlertsWaiting>) {
        *self.seen.alerts.lock() = receivers;
    }

    /// Everything as OpenMetrics text. `now` is the time of the scrape.
    pub fn render(&self, now: Timestamp) -> String {
        self.seen.now.store(now.as_millis(), Ordering::Relaxed);
        let mut text = String::with_capacity(8 * 1024);
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a String takes everything");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// A connection that is open as long as this is kept.
pub struct OpenConnection(Arc<Seen>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The limit's name in `recipients_per_account 200/h`, if it is one of ours: labels come from closed sets.
fn limit_name(stopped_by: &str) -> &'static str {
    let name = stopped_by.split(' ').next().unwrap_or_default();
    crate::config::schema::limit_names().find(|known| *known == name).unwrap_or("other")
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_requests(&mut encoder)?;
        self.encode_certificates(&mut encoder)?;
        self.encode_scanners(&mut encoder)?;
        self.encode_alerts(&mut encoder)?;
        let seconds = |millis: u64| (millis / 1_000) as i64;
        let degraded_since = self.store_degraded_since.load(Ordering::Relaxed);
        for (name, value) in [
            ("mailward_connections_open", self.connections_open.load(Ordering::Relaxed)),
            ("mailward_store_degraded", i64::from(degraded_since > 0)),
            ("mailward_store_degraded_since_timestamp_seconds", seconds(degraded_since)),
            ("mailward_store_waiting", self.store_waiting.load(Ordering::Relaxed)),
            ("mailward_nodes", self.nodes.load(Ordering::Relaxed)),
            ("mailward_nodes_silent", self.nodes_silent.load(Ordering::Relaxed)),
            ("mailward_configuration_reloaded_timestamp_seconds", seconds(self.configured.load(Ordering::Relaxed))),
            ("mailward_process_start_timestamp_seconds", seconds(self.started.as_millis())),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, described(name).help, None, gauge.metric_type())?)?;
        }
        let name = "mailward_build_info";
        let gauge = ConstGauge::new(1_i64);
        let mut family = encoder.encode_descriptor(name, described(name).help, None, gauge.metric_type())?;
        gauge.encode(family.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?)
    }
}

impl Seen {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "mailward_requests";
        let mut requests = self.requests.lock();
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor(name, described(name).help, None, kind)?;
        for (site, counts) in requests.iter_mut() {
            counts.fold();
            for (cell, sum) in counts.sums().into_iter().enumerate().filter(|(_, sum)| *sum > 0) {
                let action = RequestKind::ALL[cell / STATUS_CLASSES.len()].name();
                let status = STATUS_CLASSES[cell % STATUS_CLASSES.len()];
                let labels = [("site", &**site), ("action", action), ("status", status)];
                ConstCounter::new(sum).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_alerts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let alerts = self.alerts.lock();
        let now = Timestamp::from_millis(self.now.load(Ordering::Relaxed));
        let late = |waiting: &AlertsWaiting| waiting.oldest_due.map_or(0, |due| now.since(due).as_secs() as i64);
        let many = |waiting: &AlertsWaiting| i64::try_from(waiting.waiting).unwrap_or(i64::MAX);
        for name in ["mailward_alerts_waiting", "mailward_alerts_late_seconds"] {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut family = encoder.encode_descriptor(name, described(name).help, None, kind)?;
            for waiting in alerts.iter() {
                let value = if name == "mailward_alerts_waiting" { many(waiting) } else { late(waiting) };
                ConstGauge::new(value).encode(family.encode_family(&[("receiver", waiting.receiver.as_str())])?)?;
            }
        }
        Ok(())
    }

    fn encode_scanners(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "mailward_scanner_silent";
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor(name, described(name).help, None, kind)?;
        for (scanner, silent) in self.scanners.lock().iter() {
            ConstGauge::new(i64::from(*silent)).encode(family.encode_family(&[("scanner", &**scanner)])?)?;
        }
        Ok(())
    }

    fn encode_certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        const DAY_MILLIS: i64 = 86_400_000;
        let name = "mailward_certificate_days_left";
        let certificates = self.certificates.lock();
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor(name, described(name).help, None, kind)?;
        let now = self.now.load(Ordering::Relaxed) as i64;
        for (site, not_after) in certificates.iter() {
            let days = (not_after.as_millis() as i64).saturating_sub(now).div_euclid(DAY_MILLIS);
            ConstGauge::new(days).encode(family.encode_family(&[("site", &**site)])?)?;
        }
        Ok(())
    }
}

/// `docs/metrics.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         <!-- Made from src/telemetry/metrics.rs; `UPDATE_DOCS=1 cargo test --test it reference` writes it anew. -->\n\n\
         `https://ADMIN/metrics` (the address is `[listen] admin`) answers in OpenMetrics text to whoever is in\n\
         `admin_from`. Labels come from closed sets: a client cannot make new ones. Counters begin at zero when the\n\
         gateway starts.\n\n\
         | metric | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for Described { name, kind, labels, help } in DESCRIBED {
        let (shown, kind) = match kind {
            Kind::Counter => (format!("{name}_total"), "counter"),
            Kind::Gauge => ((*name).to_owned(), "gauge"),
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        page.push_str(&format!("| `{shown}` | {kind} | {} | {help}. |\n", labels.join(", ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::line;

    fn site() -> SiteName {
        "webmail.example.edu".into()
    }

    #[test]
    fn requests_of_all_workers_are_added_up_and_survive_the_workers() {
        let metrics = Metrics::new(Timestamp::from_millis(0));
        let (one, two) = (metrics.requests(&site()), metrics.requests(&site()));
        one.count(RequestKind::Asset, StatusCode::OK);
        two.count(RequestKind::Asset, StatusCode::NO_CONTENT);
        two.count(RequestKind::of(&Action::SaveDraft), StatusCode::BAD_GATEWAY);
        let asset = r#"mailward_requests_total{site="webmail.example.edu",action="asset",status="2xx"} 2"#;
        let draft = r#"mailward_requests_total{site="webmail.example.edu",action="save draft",status="5xx"} 1"#;
        let text = metrics.render(Timestamp::from_millis(0));
        assert!(text.contains(asset) && text.contains(draft), "{text}");
        drop((one, two));
        let text = metrics.render(Timestamp::from_millis(0));
        assert!(text.contains(asset) && text.contains(draft), "{text}");
        assert!(metrics.seen.requests.lock()[&site()].workers.is_empty());
    }

    #[test]
    fn a_request_is_counted_under_the_word_that_events_use() {
        for (place, kind) in RequestKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, place);
        }
        for action in [Action::SignOut, Action::SaveDraft, Action::ChangeFilter, Action::Poll, Action::View] {
            assert_eq!(RequestKind::of(&action).name(), action.name());
        }
    }

    #[test]
    fn what_is_rendered_is_what_is_described() {
        let metrics = Metrics::new(Timestamp::from_millis(1_000));
        let counts = metrics.requests(&site());
        counts.count(RequestKind::Own, StatusCode::OK);
        metrics.certificate(&site(), Timestamp::from_millis(86_400_000 * 10));
        for kind in line::one_of_each() {
            metrics.observe(&Event { kind, ..line::example() });
        }
        metrics.alerts_waiting(vec![AlertsWaiting {
            receiver: "day".to_owned(),
            waiting: 2,
            oldest_due: Some(Timestamp::from_millis(86_400_000 * 3 - 90_000)),
        }]);
        metrics.range_asked(None);
        metrics.door_asked("postfix", "passed");
        let scanner: Arc<str> = "rspamd".into();
        let took = std::time::Duration::from_millis(1_500);
        metrics.scanned(&Scanned { scanner: Arc::clone(&scanner), said: crate::domain::Said::Clean, took });
        let text = metrics.render(Timestamp::from_millis(86_400_000 * 3));
        let mut rendered: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut expected: Vec<_> = DESCRIBED.iter().map(|described| described.name).collect();
        rendered.sort_unstable();
        expected.sort_unstable();
        assert_eq!(rendered, expected);
        for sample in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, rest) = sample.split_once(['{', ' ']).expect("a name and a value");
            let found = DESCRIBED
                .iter()
                .find(|described| match described.kind {
                    Kind::Counter => name.strip_suffix("_total") == Some(described.name),
                    Kind::Gauge => name == described.name,
                })
                .unwrap_or_else(|| panic!("{name} is not described, or of another kind"));
            let labels: Vec<_> = rest.split("=\"").filter_map(|part| part.rsplit([',', '"', '{']).next()).collect();
            assert_eq!(&labels[..labels.len() - 1], found.labels, "{sample}");
        }
        for sample in
            [r#"mailward_alerts_waiting{receiver="day"} 2"#, r#"mailward_alerts_late_seconds{receiver="day"} 90"#]
        {
            assert!(text.contains(sample), "{sample}: {text}");
        }
        assert!(text.contains(r#"mailward_certificate_days_left{site="webmail.example.edu"} 7"#), "{text}");
        assert!(text.contains("mailward_store_degraded 0") && text.contains("mailward_store_lost_total 0"), "{text}");
        metrics.observe(&Event { kind: EventKind::StoreDegraded { what: "away".into() }, ..line::example() });
        let text = metrics.render(Timestamp::from_millis(86_400_000 * 3));
        assert!(text.contains("mailward_store_degraded 1"), "{text}");
        let since = line::example().time.as_millis() / 1_000;
        assert!(text.contains(&format!("mailward_store_degraded_since_timestamp_seconds {since}\n")), "{text}");
    }

    #[test]
    fn a_label_never_comes_from_what_an_event_merely_says() {
        assert_eq!(limit_name("recipients_per_account 200/h"), "recipients_per_account");
        assert_eq!(limit_name("x\"} 1\nevil"), "other");
    }

    #[test]
    fn a_connection_is_open_until_it_is_dropped() {
        let metrics = Metrics::new(Timestamp::from_millis(0));
        let open = metrics.connection();
        assert!(metrics.render(Timestamp::from_millis(0)).contains("mailward_connections_open 1"));
        drop(open);
        let text = metrics.render(Timestamp::from_millis(0));
        assert!(
            text.contains("mailward_connections_open 0") && text.contains("mailward_connections_total 1"),
            "{text}"
        );
    }
}
