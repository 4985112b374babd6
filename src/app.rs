//! Puts the rooms together, and is the only place that knows all of them.
//!
//! One current-thread runtime per worker, each with its own listening sockets and its own connections to the webmails;
//! what they share is [`Shared`]. The main thread has a runtime of its own for signals, the control socket, the
//! administrator's port and housekeeping, so that none of these ever waits for a request or delays one.

mod doors;
mod history;
mod lookout;
pub(crate) mod storage;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::{ArcSwap, ArcSwapOption};
use axum::Router;
use http::{Request, Response};
use hyper::body::Incoming;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::admin::control::{self, Control};
use crate::admin::desk::{self, Desk, News};
use crate::admin::{Admin, Facts, Peer, SiteFacts};
use crate::alert::Alerts;
use crate::challenge::pages::OwnPages;
use crate::clock::{Clock, Dice};
use crate::config::{self, CertificateFiles, Config};
use crate::domain::{Event, EventKind, Prefix, Timestamp};
use crate::edge::admission::{Admitted, Open};
use crate::edge::listen::{self, Handed};
use crate::edge::redirect::Redirect;
use crate::edge::serve::{self, Bounds, Door};
use crate::edge::tls::{self, Certificates, Files, Wanted};
use crate::edge::{Connection, Handler, Held};
use crate::gateway::{Degraded, Gateway, Live, Shared, client};
use crate::intel::{Intel, Reloaded};
use crate::openid::Provider;
use crate::policy::campaign::Sketcher;
use crate::telemetry::events::EventsFile;
use crate::telemetry::{Events, Metrics};
use crate::upstream::Upstream;
use crate::upstream::spool::Spool;
use doors::DoorSockets;
use history::History;
use lookout::Lookout;
use storage::Storage;

/// Certificate files are looked at this often; a renewed one is in force at most this much later.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(10);

/// Databases of addresses and lists of networks and passwords are looked at this often.
const INTEL_EVERY: Duration = Duration::from_secs(10);

/// How often it is seen what waits for receivers of alerts.
const ALERTS_EVERY: Duration = Duration::from_secs(2);

/// Flood guards forget quiet prefixes this often.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Letters to people that are under way at once, each over a connection of its own.
const LETTERS_AT_ONCE_MAX: usize = 16;

/// Runs the gateway until it is told to stop.
///
/// # Errors
/// It cannot start: an address is taken, a file cannot be read or written, a certificate is no certificate.
pub fn run(config_path: PathBuf, config: Config) -> anyhow::Result<()> {
    let clock = Clock::system();
    let dice = Dice::system();
    let now = clock.now();
    config.make_folders().context("the folders for data and control socket cannot be made")?;
    let keys = config::keys::read_or_make(&config.key_file, &dice)?;
    let metrics = Metrics::new(now);
    let tls = outgoing_tls()?;
    let alerts = Arc::new(Alerts::new(&config.data_dir, clock.clone(), dice.clone(), tls.clone()));
    let history = Arc::new(History::new(dice.clone()));
    let news = News::new();
    let (to_alerts, to_history, to_pages) = (Arc::clone(&alerts), Arc::clone(&history), news.clone());
    let listener = Box::new(move |event: &Event| {
        to_alerts.offer(event);
        to_history.offer(event);
        to_pages.offer(event);
    });
    let (events, writer) = Events::open(EventsFile::new(&config.events), Arc::clone(&metrics), listener)
        .with_context(|| format!("the events file {} cannot be written", config.events.file.display()))?;
    let storage = Arc::new(Storage::open(&config, &dice, now)?);
    let intel = Arc::new(Intel::open(&config, now)?);
    let certificates = Arc::new(Certificates::load(&wanted(&config, now)?)?);
    let sockets = Sockets::open(&config)?;
    let workers = config.listen.workers;
    let patience = config.listen.stop_timeout;
    let open = Arc::new(Open::default());
    let spool = Spool::new(&config.data_dir);
    let control_path = config.control.clone();
    let runtime = current_thread()?;
    {
        let _within = runtime.enter();
        alerts.configure(&config)?;
    }
    let live = ArcSwap::from_pointee(Live::new(config, workers, &metrics, Arc::clone(&open), &tls, &clock));
    let sketcher = Sketcher::new(&keys);
    let shared = Arc::new(Shared {
        live,
        store: storage.store(),
        intel,
        keys: Arc::new(keys),
        events,
        clock,
        dice,
        spool,
        own: OwnPages::new(),
        letters_at_once: Arc::new(Semaphore::new(LETTERS_AT_ONCE_MAX)),
        degraded: Degraded::default(),
        sketcher,
    });
    let (stop, stopping) = watch::channel(false);
    let running = Running {
        shared,
        storage,
        alerts,
        history,
        lookout: Arc::default(),
        news,
        certificates,
        open,
        tls,
        workers,
        patience,
        config_path,
        stopping,
        stops: Arc::default(),
        openid: Arc::default(),
    };
    running.take_provider(&running.shared.live.load().config)?;
    let mut threads = running.start_workers(&sockets)?;
    let Sockets { https, http, admin, doors } = sockets;
    threads.extend(doors.answer(&running.shared, &running.stopping)?);
    // Each worker has its own copy and closes it when it stops; one kept here would go on taking connections into a
    // queue that nobody empties.
    drop((https, http));
    let outcome = runtime.block_on(running.supervise(admin, &control_path, &stop));
    stop.send_replace(true);
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a worker did not end by itself");
        }
    }
    // The store is told of the last events as well, once the thread that writes them has seen them.
    writer.finish();
    runtime.block_on(running.history.tell(&running.shared, false));
    runtime.block_on(running.shared.store.flush()).context("the store could not be written at the end")?;
    let _ = std::fs::remove_file(&control_path);
    outcome
}

fn current_thread() -> io::Result<Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}

/// The certificate of each site, and of the desk: its own, the general one, or a self-signed one made here.
fn wanted(config: &Config, now: Timestamp) -> anyhow::Result<Vec<Wanted>> {
    let named = config.sites.iter().flat_map(|site| site.hosts.iter());
    let hosts: Vec<String> = named.chain(&config.desk.hosts).cloned().collect();
    let mut made = None;
    let mut files_of = |own: Option<&CertificateFiles>| -> anyhow::Result<Files> {
        let files = match own.or(config.tls.as_ref()) {
            Some(files) => Files { certificate: files.certificate.clone(), key: files.key.clone() },
            None => match &made {
                Some(files) => Files::clone(files),
                None => {
                    let files = tls::self_signed(&config.data_dir, &hosts, now)
                        .context("a self-signed certificate cannot be made in data_dir")?;
                    made.insert(files).clone()
                }
            },
        };
        Ok(files)
    };
    let mut all = Vec::new();
    for site in &config.sites {
        all.push(Wanted { hosts: site.hosts.clone(), files: files_of(site.tls.as_ref())? });
    }
    if !config.desk.hosts.is_empty() {
        all.push(Wanted { hosts: config.desk.hosts.clone(), files: files_of(config.desk.tls.as_ref())? });
    }
    Ok(all)
}

/// Every listening socket, opened before anything is promised.
struct Sockets {
    https: Vec<Vec<TcpListener>>,
    http: Vec<Vec<TcpListener>>,
    admin: Option<TcpListener>,
    doors: DoorSockets,
}

impl Sockets {
    fn open(config: &Config) -> anyhow::Result<Self> {
        let handed = Handed::take().context("the sockets handed over by systemd cannot be used")?;
        let workers = config.listen.workers;
        let all = |addresses: &[SocketAddr]| -> anyhow::Result<Vec<Vec<TcpListener>>> {
            addresses.iter().map(|address| open(*address, workers, &handed)).collect()
        };
        let admin = config.listen.admin.map(|address| open(address, 1, &handed)).transpose()?;
        Ok(Self {
            https: all(&config.listen.https)?,
            http: all(&config.listen.http)?,
            admin: admin.and_then(|mut listeners| listeners.pop()),
            doors: DoorSockets::open(config, &handed)?,
        })
    }
}

fn open(address: SocketAddr, workers: usize, handed: &Handed) -> anyhow::Result<Vec<TcpListener>> {
    anyhow::ensure!(handed.has(address) || !listen::is_taken(address), "{address}: another program listens there");
    listen::listeners(address, workers, handed).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::AddrNotAvailable => "this machine does not have this address",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need CAP_NET_BIND_SERVICE or systemd's socket activation; see deploy/mailward.service"
            }
            _ => "it cannot be listened on",
        };
        anyhow::Error::new(error).context(format!("{address}: {help}"))
    })
}

/// The parts that live as long as the process.
struct Running {
    shared: Arc<Shared>,
    storage: Arc<Storage>,
    alerts: Arc<Alerts>,
    history: Arc<History>,
    lookout: Arc<Lookout>,
    news: News,
    certificates: Arc<Certificates>,
    open: Arc<Open>,
    tls: rustls::ClientConfig,
    workers: usize,
    patience: Duration,
    config_path: PathBuf,
    stopping: watch::Receiver<bool>,
    stops: Arc<AtomicBool>,
    /// Where operators may sign in besides.
    openid: Arc<ArcSwapOption<Provider>>,
}

impl Running {
    /// Takes the provider of a configuration in place of the one before, unless it is the same.
    fn take_provider(&self, config: &Config) -> anyhow::Result<()> {
        let wanted = config.desk.openid.as_ref();
        if self.openid.load().as_ref().map(|provider| provider.settings()) == wanted {
            return Ok(());
        }
        let made = wanted.map(|wanted| Provider::new(wanted.clone(), &self.tls).map(Arc::new)).transpose();
        self.openid.store(made.map_err(anyhow::Error::msg)?);
        Ok(())
    }

    fn start_workers(&self, sockets: &Sockets) -> anyhow::Result<Vec<JoinHandle<()>>> {
        (0..self.workers).map(|worker| self.start_worker(worker, sockets)).collect()
    }

    fn start_worker(&self, worker: usize, sockets: &Sockets) -> anyhow::Result<JoinHandle<()>> {
        let own = |all: &[Vec<TcpListener>]| -> io::Result<Vec<TcpListener>> {
            all.iter().map(|of_workers| of_workers[worker].try_clone()).collect()
        };
        let (https, http) = (own(&sockets.https)?, own(&sockets.http)?);
        let shared = Arc::clone(&self.shared);
        let tls = TlsAcceptor::from(tls::server_config(Arc::clone(&self.certificates)));
        let (stopping, patience) = (self.stopping.clone(), self.patience);
        let upstream_tls = self.tls.clone();
        let work = move || {
            let runtime = current_thread().expect("a runtime needs only a descriptor or two");
            runtime.block_on(async move {
                let gateway =
                    Arc::new(Gateway { worker, shared: Arc::clone(&shared), upstream: Upstream::new(&upstream_tls) });
                let redirect = Arc::new(redirect(&shared));
                let secure: Arc<dyn Door> = Arc::new(PublicDoor { shared: Arc::clone(&shared), tls: Some(tls) });
                let plain: Arc<dyn Door> = Arc::new(PublicDoor { shared, tls: None });
                let mut serving = tokio::task::JoinSet::new();
                for listener in https {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { continue };
                    let (door, gateway) = (Arc::clone(&secure), Arc::clone(&gateway));
                    serving.spawn(serve::serve(listener, door, gateway, stopping.clone(), patience));
                }
                for listener in http {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { continue };
                    let (door, redirect) = (Arc::clone(&plain), Arc::clone(&redirect));
                    serving.spawn(serve::serve(listener, door, redirect, stopping.clone(), patience));
                }
                serving.join_all().await;
            });
        };
        Ok(std::thread::Builder::new().name(format!("worker-{worker}")).spawn(work)?)
    }

    /// Signals, control socket, administrator's port and housekeeping, until it is time to stop.
    async fn supervise(
        &self,
        admin: Option<TcpListener>,
        control_path: &Path,
        stop: &watch::Sender<bool>,
    ) -> anyhow::Result<()> {
        let control_socket = control::bind(control_path)
            .with_context(|| format!("the control socket {} cannot be opened", control_path.display()))?;
        let desk_control = Arc::new(self.control());
        let control = tokio::spawn(control::serve(control_socket, Arc::clone(&desk_control)));
        let admin = admin.map(|listener| self.start_admin(listener, desk_control)).transpose()?;
        let storage = tokio::spawn(Arc::clone(&self.storage).look_after(Arc::clone(&self.shared)));
        let history = tokio::spawn(Arc::clone(&self.history).look_after(Arc::clone(&self.shared)));
        let lookout = Arc::clone(&self.lookout).look_after(Arc::clone(&self.shared), Arc::clone(&self.certificates));
        let lookout = tokio::spawn(lookout);
        let scanners = tokio::spawn(lookout::watch_scanners(Arc::clone(&self.shared)));
        self.show_certificates();
        self.record(EventKind::Started);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut certificates = tokio::time::interval(CERTIFICATES_EVERY);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        let mut intel = tokio::time::interval(INTEL_EVERY);
        let mut alerts = tokio::time::interval(ALERTS_EVERY);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => self.reload(),
                _ = certificates.tick() => self.reload_certificates(),
                _ = forget.tick() => {
                    self.shared.live.load().admission.forget_quiet(self.shared.clock.now());
                    self.shared.own.forget_quiet();
                }
                _ = intel.tick() => self.reload_intel(),
                _ = alerts.tick() => {
                    let waiting = self.alerts.waiting(self.shared.clock.now());
                    self.shared.events.metrics().alerts_waiting(waiting);
                }
            }
        }
        self.stops.store(true, Ordering::Relaxed);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        self.record(EventKind::Stopping);
        stop.send_replace(true);
        control.abort();
        storage.abort();
        history.abort();
        lookout.abort();
        scanners.abort();
        self.storage.leave().await;
        if let Some(admin) = admin {
            admin.abort();
        }
        Ok(())
    }

    fn record(&self, kind: EventKind) {
        self.shared.events.record(Event::new(self.shared.clock.now(), kind));
    }

    fn control(&self) -> Control {
        let (for_degraded, storage) = (Arc::clone(&self.shared), Arc::clone(&self.storage));
        let shared = Arc::clone(&self.shared);
        Control {
            store: Arc::clone(&self.shared.store),
            events: self.shared.events.clone(),
            clock: self.shared.clock.clone(),
            keys: Arc::clone(&self.shared.keys),
            dice: self.shared.dice.clone(),
            config: Box::new(move || Arc::clone(&shared.live.load().config)),
            embedded_in: self.storage.embedded_in(),
            degraded: Box::new(move || (for_degraded.degraded.since(), storage.waiting())),
        }
    }

    fn start_admin(&self, listener: TcpListener, control: Arc<Control>) -> anyhow::Result<tokio::task::JoinHandle<()>> {
        let (for_allows, for_facts) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let for_settings = Arc::clone(&self.shared);
        let certificates = Arc::clone(&self.certificates);
        let stops = Arc::clone(&self.stops);
        let (storage, lookout) = (Arc::clone(&self.storage), Arc::clone(&self.lookout));
        let openid = Arc::clone(&self.openid);
        let admin = Admin {
            metrics: Arc::clone(self.shared.events.metrics()),
            clock: self.shared.clock.clone(),
            allows: Box::new(move |address: IpAddr| {
                let live = for_allows.live.load();
                live.config.listen.admin_from.iter().any(|network| network.contains(&address))
            }),
            facts: Arc::new(move || {
                let live = for_facts.live.load();
                Facts {
                    stopping: stops.load(Ordering::Relaxed),
                    store_degraded_since: for_facts.degraded.since(),
                    store_waiting: storage.waiting(),
                    store_clock_apart: storage.clock_apart(),
                    nodes: storage.nodes(for_facts.clock.now()),
                    listed: lookout.listed(),
                    scanners: live
                        .scanners
                        .silent_since()
                        .map(|(scanner, since)| (Arc::clone(scanner), since))
                        .collect(),
                    sites: live
                        .sites
                        .iter()
                        .map(|at| SiteFacts {
                            site: Arc::clone(&at.site.name),
                            upstream_answers: at.upstream_answers(),
                            certificate_ends: certificates.ends(&at.site.name),
                        })
                        .collect(),
                }
            }),
        };
        let settings = Box::new(move || {
            let config = &for_settings.live.load().config.desk;
            desk::Settings {
                hosts: config.hosts.clone(),
                session_idle: config.session_idle,
                session_max: config.session_max,
            }
        });
        let desk = Arc::new(Desk::new(
            control,
            settings,
            Arc::clone(&admin.facts),
            Arc::clone(&self.shared.intel),
            self.news.clone(),
            Box::new(move || openid.load_full()),
        ));
        let pages = crate::admin::router(Arc::new(admin), &desk);
        let handler = Arc::new(AdminPages { shared: Arc::clone(&self.shared), pages });
        let tls = TlsAcceptor::from(tls::server_config(Arc::clone(&self.certificates)));
        let door: Arc<dyn Door> = Arc::new(AdminDoor { shared: Arc::clone(&self.shared), tls });
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(tokio::spawn(serve::serve(listener, door, handler, self.stopping.clone(), Duration::ZERO)))
    }

    /// Reads the configuration again. A bad one is refused with the reason, and the old one stays.
    fn reload(&self) {
        self.shared.events.reopen();
        let now = self.shared.clock.now();
        let refused = |what: String| {
            tracing::error!(%what, "the configuration is refused; the old one stays in force");
            self.record(EventKind::ConfigurationRefused { what });
        };
        let config = match config::read(&self.config_path, now) {
            Ok(config) => config,
            Err(mistakes) => {
                tracing::error!("{mistakes}");
                return refused(mistakes.first());
            }
        };
        let certificates = wanted(&config, now)
            .and_then(|wanted| self.certificates.reload(&wanted, true).map_err(anyhow::Error::from));
        if let Err(error) = certificates {
            return refused(format!("{error:#}"));
        }
        if let Err(error) = self.shared.intel.configure(&config) {
            return refused(error.to_string());
        }
        if let Err(error) = self.take_provider(&config) {
            return refused(error.to_string());
        }
        if let Err(error) = self.alerts.configure(&config) {
            return refused(error.to_string());
        }
        for warning in &config.warnings {
            tracing::warn!("{}", warning.explain(false));
        }
        self.warn_of_restart(&config);
        self.storage.configure(&config);
        let (metrics, clock) = (self.shared.events.metrics(), &self.shared.clock);
        let live = Live::new(config, self.workers, metrics, Arc::clone(&self.open), &self.tls, clock);
        let sites: Vec<_> = live.sites.iter().map(|at| Arc::clone(&at.site.name)).collect();
        self.shared.live.store(Arc::new(live));
        self.shared.events.metrics().retain_sites(&sites);
        self.show_certificates();
        self.record(EventKind::ConfigurationReloaded);
    }

    /// What is opened once stays as it was opened; saying nothing would leave the operator guessing.
    fn warn_of_restart(&self, next: &Config) {
        let live = self.shared.live.load();
        let now = &live.config;
        let changed = [
            ("data_dir", now.data_dir != next.data_dir),
            ("key_file", now.key_file != next.key_file),
            ("control", now.control != next.control),
            ("events.file", now.events.file != next.events.file),
            ("listen.https", now.listen.https != next.listen.https),
            ("listen.http", now.listen.http != next.listen.http),
            ("listen.public_https_port", now.listen.public_https_port != next.listen.public_https_port),
            ("listen.admin", now.listen.admin != next.listen.admin),
            ("listen.workers", now.listen.workers != next.listen.workers),
            ("doors.postfix", now.doors.postfix != next.doors.postfix),
            ("doors.dovecot", now.doors.dovecot != next.doors.dovecot),
            ("doors.dovecot_key_file", now.doors.dovecot_key_file != next.doors.dovecot_key_file),
            ("store.redis", now.store.redis != next.store.redis),
            ("store.prefix", now.store.prefix != next.store.prefix),
            ("store.certificate_authority", now.store.certificate_authority != next.store.certificate_authority),
        ];
        for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
            tracing::warn!("{key} is changed by a restart only; everything else is in force now");
        }
    }

    /// Reads changed databases and lists. Apart, as they may be large, and nobody waits for them.
    fn reload_intel(&self) {
        let (intel, now) = (Arc::clone(&self.shared.intel), self.shared.clock.now());
        tokio::task::spawn_blocking(move || {
            for reloaded in intel.reload_changed(now) {
                match reloaded {
                    Reloaded::Taken { path, what } => tracing::info!("{} was read again: {what}", path.display()),
                    Reloaded::Refused(error) => {
                        tracing::error!("a changed file is not used; what was read before stays in use: {error}");
                    }
                }
            }
        });
    }

    fn reload_certificates(&self) {
        let live = self.shared.live.load();
        let read = wanted(&live.config, self.shared.clock.now())
            .and_then(|wanted| self.certificates.reload(&wanted, false).map_err(anyhow::Error::from));
        match read {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!("certificates were read again");
                self.show_certificates();
            }
            Err(error) => tracing::error!("the changed certificate is not used: {error:#}"),
        }
    }

    fn show_certificates(&self) {
        for at in &self.shared.live.load().sites {
            if let Some(ends) = self.certificates.ends(&at.site.name) {
                self.shared.events.metrics().certificate(&at.site.name, ends);
            }
        }
    }
}

/// Trust in `https://` webmails and webhooks: the system's authorities.
fn outgoing_tls() -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One odd certificate among the system's is no reason not to start.
        let _ = roots.add(certificate);
    }
    Ok(rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn redirect(shared: &Arc<Shared>) -> Redirect<impl Fn(&str) -> bool + Send + Sync + 'static> {
    let https_port = shared.live.load().config.listen.public_https_port;
    let shared = Arc::clone(shared);
    Redirect { knows: move |host: &str| shared.live.load().site_of(host).is_some(), https_port }
}

/// The door of people's browsers.
struct PublicDoor {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
}

impl Door for PublicDoor {
    fn proxied(&self, peer: IpAddr) -> bool {
        let live = self.shared.live.load();
        live.config.listen.proxy_protocol_from.iter().any(|network| network.contains(&peer))
    }

    fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let live = self.shared.live.load();
        match live.admission.connection(Prefix::of(peer), live.exempt(peer), self.shared.clock.now()) {
            Ok(admitted) => Some(admitted),
            Err(full) => {
                tracing::debug!(?full, %peer, "a connection is closed at once");
                self.shared.events.metrics().connection_refused();
                None
            }
        }
    }

    fn bounds(&self) -> Bounds {
        bounds(&self.shared)
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        self.tls.clone()
    }

    fn handshake_failed(&self) {
        self.shared.events.metrics().handshake_failed();
    }

    fn flooded(&self, connection: &Connection) {
        connection.admitted.flooded(self.shared.clock.now());
    }

    fn opened(&self) -> Held {
        Box::new(self.shared.events.metrics().connection())
    }
}

fn bounds(shared: &Shared) -> Bounds {
    let live = shared.live.load();
    let listen = &live.config.listen;
    Bounds { header_timeout: listen.header_timeout, idle_timeout: listen.idle_timeout }
}

/// The administrator's door: who may ask is judged per request; floods come from networks that may not, nor are proxies.
struct AdminDoor {
    shared: Arc<Shared>,
    tls: TlsAcceptor,
}

impl Door for AdminDoor {
    fn proxied(&self, _peer: IpAddr) -> bool {
        false
    }

    fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let live = self.shared.live.load();
        let listen = &live.config.listen;
        let allowed =
            listen.admin_from.iter().chain(&listen.admin_forwarded_from).any(|network| network.contains(&peer));
        live.admission.connection(Prefix::of(peer), allowed, self.shared.clock.now()).ok()
    }

    fn bounds(&self) -> Bounds {
        bounds(&self.shared)
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        Some(self.tls.clone())
    }

    fn handshake_failed(&self) {}

    fn flooded(&self, connection: &Connection) {
        connection.admitted.flooded(self.shared.clock.now());
    }

    fn opened(&self) -> Held {
        Box::new(())
    }
}

/// The administrator's pages as a handler of the edge.
struct AdminPages {
    shared: Arc<Shared>,
    pages: Router,
}

impl Handler for AdminPages {
    type Body = axum::body::Body;

    async fn answer(&self, request: Request<Incoming>, connection: &Arc<Connection>) -> Response<axum::body::Body> {
        let mut request = request.map(axum::body::Body::new);
        let live = self.shared.live.load();
        let peer = client::address(connection.peer, request.headers(), &live.config.listen.admin_forwarded_from);
        request.extensions_mut().insert(Peer(peer));
        self.pages.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}
