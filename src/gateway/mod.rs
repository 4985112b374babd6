//! The services between edge and webmail: they turn a request into facts, ask `policy`, carry its decision out, and
//! learn from the answer.
//!
//! One request's way, each step a file: [`client`] says where it comes from, [`path`] what it names, [`script`] reads
//! what it asks for, [`sign_in`] and [`send`] take the gated ones through policy ([`gate`] is what they share), [`scanning`] looks at what
//! leaves, `own`
//! answers for our own pages, [`answer`] reads what came of it, [`headers`] mends both directions, [`upgrade`] joins a
//! WebSocket, [`refusal`] words every "no". Nothing here decides.

pub mod answer;
pub mod campaigns;
pub mod client;
pub mod content;
pub mod gate;
pub mod headers;
mod inviting;
pub mod judging;
pub mod locks;
mod moves;
pub mod notes;
mod own;
mod passwords;
pub mod path;
pub mod programs;
mod proving;
pub mod refusal;
pub mod scanning;
pub mod script;
pub mod send;
pub mod sign_in;
pub mod upgrade;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri, header, uri};
use hyper::body::Incoming;
use ipnet::IpNet;
use tokio::sync::Semaphore;

use crate::challenge::brand::{Brand, LOGO_BYTES_MAX};
use crate::challenge::factors::other_address::is_telephone;
use crate::challenge::words::Words;
use crate::challenge::{OWN_PREFIX, pages::OwnPages};
use crate::clock::{Clock, Dice};
use crate::config::{Config, Site};
use crate::domain::{Client, Event, EventKind, KeyRing, Prefix, Reference, Timestamp, Verdict};
use crate::edge::admission::{Admission, Caps, Open};
use crate::edge::flood::Refused;
use crate::edge::{self, Connection, Handler};
use crate::hook::Hook;
use crate::intel::Intel;
use crate::mail::Sender;
use crate::policy::campaign::Sketcher;
use crate::scan::Scanners;
use crate::store::Store;
use crate::telemetry::Events;
use crate::telemetry::metrics::{Metrics, RequestCounts, RequestKind};
use crate::upstream::body::{AnswerBody, RequestBody};
use crate::upstream::pool::Arriving;
use crate::upstream::spool::Spool;
use crate::upstream::{Failed, Upstream};
use crate::webmail::{Asked, Place, Shape};
use refusal::Stop;
use upgrade::Upgrade;

pub(crate) use own::is_from_here;

/// What all workers share for the life of the process.
pub struct Shared {
    /// The configuration in force; a reload puts another here.
    pub live: ArcSwap<Live>,
    /// What must outlive a request.
    pub store: Arc<dyn Store>,
    /// Where addresses are, and how good passwords are.
    pub intel: Arc<Intel>,
    /// Behind session hashes, fingerprints and device cookies.
    pub keys: Arc<KeyRing>,
    /// Who is told what happened.
    pub events: Events,
    /// Read once per request.
    pub clock: Clock,
    /// Reference codes and device numbers.
    pub dice: Dice,
    /// Where forms wait.
    pub spool: Arc<Spool>,
    /// Our own pages.
    pub own: OwnPages,
    /// Room for so many letters under way at once.
    pub letters_at_once: Arc<Semaphore>,
    /// Whether the store answers.
    pub degraded: Degraded,
    /// What messages have in common.
    pub sketcher: Sketcher,
}

/// Since when the store does not answer. One event says so, not one for each request that meets it.
#[derive(Default)]
pub struct Degraded(AtomicU64);

impl Degraded {
    /// Notes that the store did not answer. Says whether that is news.
    pub fn begin(&self, now: Timestamp) -> bool {
        self.0.compare_exchange(0, now.as_millis().max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Notes that it answers. Says whether that is news.
    pub fn end(&self) -> bool {
        self.0.swap(0, Ordering::Relaxed) != 0
    }

    /// Since when; none while it answers.
    pub fn since(&self) -> Option<Timestamp> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(Timestamp::from_millis(millis)),
        }
    }
}

/// A configuration as the gateway uses it.
pub struct Live {
    /// What the operator said.
    pub config: Arc<Config>,
    /// In the order of the file.
    pub sites: Vec<Arc<LiveSite>>,
    hosts: HashMap<String, Arc<LiveSite>>,
    /// Who writes to people; none: nobody does.
    pub letters: Option<Arc<Sender>>,
    /// Who writes to their telephones; none: nobody does.
    pub texts: Option<Arc<Hook>>,
    /// How our own pages look.
    pub brand: Brand,
    /// Who may connect and ask, and how often.
    pub admission: Admission,
    /// Who looks at what leaves.
    pub scanners: Scanners,
    hsts: Option<HeaderValue>,
}

/// A site as the gateway uses it.
pub struct LiveSite {
    /// What the operator said.
    pub site: Arc<Site>,
    upstream: crate::upstream::Place,
    upstream_authority: String,
    /// One for each worker.
    counts: Vec<Arc<RequestCounts>>,
    answers: AtomicU8,
}

impl LiveSite {
    /// Whether the webmail answered the last time it was asked; none: not asked yet.
    pub fn upstream_answers(&self) -> Option<bool> {
        match self.answers.load(Ordering::Relaxed) {
            0 => None,
            answered => Some(answered == 1),
        }
    }

    fn note_upstream(&self, answered: bool) {
        let note = if answered { 1 } else { 2 };
        // Written only when it changes: an asset request must not fight for this line of memory.
        if self.answers.load(Ordering::Relaxed) != note {
            self.answers.store(note, Ordering::Relaxed);
        }
    }
}

impl Live {
    /// Puts a checked configuration to work for so many workers, whose number a reload does not change. `open` counts
    /// the connections that are open, across reloads. `tls` is trusted by who writes to telephones; `clock` says how long
    /// scanners take.
    pub fn new(
        config: Config,
        workers: usize,
        metrics: &Metrics,
        open: Arc<Open>,
        tls: &rustls::ClientConfig,
        clock: &Clock,
    ) -> Self {
        let sites: Vec<Arc<LiveSite>> = config
            .sites
            .iter()
            .filter_map(|site| {
                Some(Arc::new(LiveSite {
                    site: Arc::clone(site),
                    upstream: crate::upstream::Place::of(&site.upstream)?,
                    upstream_authority: site.upstream.authority()?.to_string(),
                    counts: (0..workers).map(|_| metrics.requests(&site.name)).collect(),
                    answers: AtomicU8::new(0),
                }))
            })
            .collect();
        let hosts =
            sites.iter().flat_map(|at| at.site.hosts.iter().map(|host| (host.clone(), Arc::clone(at)))).collect();
        let listen = &config.listen;
        let caps = Caps {
            per_prefix: listen.connections_per_prefix,
            in_all: listen.connections,
            requests_at_once: listen.requests_at_once_per_prefix,
            new_connections: listen.new_connections_per_prefix,
            requests: listen.requests_per_prefix,
        };
        let admission = Admission::new(open, caps);
        let hsts = (!listen.hsts_max_age.is_zero())
            .then(|| HeaderValue::try_from(format!("max-age={}", listen.hsts_max_age.as_secs())).ok())
            .flatten();
        let pages = &config.pages;
        let logo = pages.logo.as_deref().and_then(|path| match read_logo(path) {
            Ok(logo) => Some(logo),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the logo cannot be read; pages go without");
                None
            }
        });
        let brand = Brand::new(pages.name.clone(), logo, pages.colour);
        let letters = config.mail.as_ref().and_then(|mail| match Sender::new(mail) {
            Ok(sender) => Some(Arc::new(sender)),
            Err(error) => {
                tracing::warn!(%error, "nobody can be written to");
                None
            }
        });
        let texts = config.sms.as_ref().and_then(|sms| match Hook::new(&sms.url, sms.secret_file.as_deref(), tls) {
            Ok(hook) => Some(Arc::new(hook)),
            Err(error) => {
                tracing::warn!(%error, "no telephone can be written to");
                None
            }
        });
        let scanners = Scanners::new(&config.scanners, clock.clone());
        metrics.scanners_are(scanners.names().cloned());
        Self { sites, hosts, letters, texts, brand, admission, scanners, hsts, config: Arc::new(config) }
    }

    /// The site of a host name, lower-case, without port.
    pub fn site_of(&self, host: &str) -> Option<&Arc<LiveSite>> {
        self.hosts.get(host)
    }

    /// Whether anything can be written to this address: a telephone's number, or that of a mailbox.
    pub fn reaches(&self, address: &str) -> bool {
        if is_telephone(address) { self.texts.is_some() } else { self.letters.is_some() }
    }

    /// Whether flood guards leave this address alone: campus, and proxies that speak for many.
    pub fn exempt(&self, address: IpAddr) -> bool {
        let within = |list: &[IpNet]| list.iter().any(|network| network.contains(&address));
        let listen = &self.config.listen;
        within(&self.config.networks.campus) || within(&listen.proxy_protocol_from) || within(&listen.forwarded_from)
    }
}

/// One worker's gateway.
pub struct Gateway {
    /// Which worker: its own counters are there.
    pub worker: usize,
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// This worker's connections to the webmails.
    pub upstream: Upstream,
}

/// What is known of a request once its site and sender are.
#[derive(Clone)]
pub struct Visit {
    /// When it came.
    pub now: Timestamp,
    /// The configuration it is judged by, to its end.
    pub live: Arc<Live>,
    /// Where it goes.
    pub at: Arc<LiveSite>,
    /// Where it comes from.
    pub address: IpAddr,
    /// The host as the person typed it, port included.
    pub host: HeaderValue,
    /// The connection it came on.
    pub connection: Arc<Connection>,
    /// The languages that the browser asks for; written by the client.
    pub language: Option<HeaderValue>,
}

impl Visit {
    fn site(&self) -> &Arc<Site> {
        &self.at.site
    }

    /// An event of this request.
    fn event(&self, kind: EventKind) -> Event {
        let mut event = Event::new(self.now, kind);
        event.site = Some(Arc::clone(&self.site().name));
        event.address = Some(self.address);
        event.prefix = Some(Prefix::of(self.address));
        event.network = Some(client::network(self.address, &self.live.config.networks));
        event
    }

    /// The same, with what only a script's request makes known.
    fn event_of(&self, kind: EventKind, client: &Client) -> Event {
        Event { user_agent: client.user_agent.clone(), ..self.event(kind) }
    }
}

impl Handler for Gateway {
    type Body = AnswerBody;

    async fn answer(&self, request: Request<Incoming>, connection: &Arc<Connection>) -> Response<AnswerBody> {
        let now = self.shared.clock.now();
        let live = self.shared.live.load_full();
        let (mut parts, body) = request.into_parts();
        let Some((host, at)) = host_and_site(&parts, connection, &live) else { return refusal::misdirected() };
        let address = client::address(connection.peer, &parts.headers, &live.config.listen.forwarded_from);
        let language = parts.headers.get(header::ACCEPT_LANGUAGE).cloned();
        let visit = Visit { now, at, address, host, live, connection: Arc::clone(connection), language };
        let (kind, mut response) = self.answer_at_site(&visit, &mut parts, body).await;
        visit.at.counts[self.worker].count(kind, response.status());
        if parts.method == Method::HEAD && matches!(response.body(), AnswerBody::Whole(_)) {
            *response.body_mut() = AnswerBody::empty();
        }
        response
    }
}

impl Gateway {
    async fn answer_at_site(
        &self,
        visit: &Visit,
        parts: &mut Parts,
        body: Incoming,
    ) -> (RequestKind, Response<AnswerBody>) {
        let site = visit.site();
        let live = &visit.live;
        if !live.exempt(visit.address) && !live.admission.request(Prefix::of(visit.address)) {
            self.shared.events.metrics().refused_unrecorded(&site.name, "flood");
            return (RequestKind::Unread, self.refuse_flood(visit, parts));
        }
        // A copy shares its bytes: the path is read from it while `parts` change.
        let asked = parts.uri.clone();
        let path = match path::read(asked.path()) {
            Ok(path) => path,
            Err(unnatural) => return (RequestKind::Unread, self.refuse_unnatural(visit, parts, unnatural.rule)),
        };
        let decoded = path.decoded;
        if let Some(rewritten) = path.rewritten {
            rewrite_path(&mut parts.uri, &rewritten);
        }
        if decoded.starts_with(OWN_PREFIX) {
            return (RequestKind::Own, Box::pin(self.own_page(visit, parts, &decoded, body)).await);
        }
        let Some(below) = below_base(&decoded, &site.base) else {
            if decoded.len() + 1 == site.base.len() && site.base.starts_with(&*decoded) {
                return (RequestKind::Unread, self.to_base(visit));
            }
            return (RequestKind::Unread, self.refuse_unread(visit, parts, &Stop::NotFound, None));
        };
        match site.webmail.place(below, &site.entry_points) {
            Place::Asset => (RequestKind::Asset, self.asset(visit, parts, body).await),
            // Boxed: what a script's request needs is much, and a file's should not be moved about with room for it.
            Place::Script => Box::pin(self.script(visit, parts, below, body)).await,
            Place::Never => {
                let reference = self.record_refused(visit, parts, "path never served");
                (RequestKind::Unread, self.refuse_unread(visit, parts, &Stop::NotFound, Some(reference)))
            }
        }
    }

    /// A file of the product: passes with no further work.
    async fn asset(&self, visit: &Visit, parts: &mut Parts, body: Incoming) -> Response<AnswerBody> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return self.refuse_unread(visit, parts, &Stop::Method, None);
        }
        drop(body);
        let upgrade = Upgrade::of(parts, visit.site());
        let request = self.prepare(visit, parts, RequestBody::Empty);
        match self.carry(visit, request, upgrade).await {
            Ok(Carried::Answer(response)) => {
                let (mut head, body) = response.into_parts();
                self.harden(visit, &mut head.headers);
                Response::from_parts(head, AnswerBody::Streamed(body))
            }
            Ok(Carried::Upgraded(response)) => response,
            Err(failed) => self.upstream_failed(visit, &page_view(), &failed),
        }
    }

    /// Carries what is neither sign-in nor send, and joins both sides where the webmail agrees to an upgrade.
    async fn carry(
        &self,
        visit: &Visit,
        mut request: Request<RequestBody>,
        upgrade: Option<Upgrade>,
    ) -> Result<Carried, Failed> {
        if upgrade.is_some() {
            Upgrade::ask(request.headers_mut());
        }
        let timeout = visit.live.config.listen.upstream_timeout;
        let turn = visit.connection.admitted.turn(timeout).await.map_err(|_| Failed::TimedOut)?;
        let mut response = self.upstream.carry(request, &visit.at.upstream, timeout).await?;
        drop(turn);
        visit.at.note_upstream(true);
        match upgrade {
            Some(upgrade) if response.status() == http::StatusCode::SWITCHING_PROTOCOLS => {
                self.harden(visit, response.headers_mut());
                Upgrade::ask(response.headers_mut());
                Ok(Carried::Upgraded(upgrade.join(response, Arc::clone(&visit.connection))))
            }
            _ => Ok(Carried::Answer(response)),
        }
    }

    /// A request as the webmail gets it: ours in all that it says about where it comes from.
    fn prepare(&self, visit: &Visit, parts: &mut Parts, body: RequestBody) -> Request<RequestBody> {
        let mut headers = std::mem::take(&mut parts.headers);
        headers::remove_hop_by_hop(&mut headers);
        headers::join_cookies(&mut headers);
        let connection = &visit.connection;
        let address = if visit.address == connection.peer {
            connection.peer_value.clone()
        } else {
            edge::address_value(visit.address)
        };
        headers::forward(&mut headers, address, &visit.host);
        headers.remove(header::EXPECT);
        if body.is_empty() && matches!(parts.method, Method::GET | Method::HEAD) {
            headers.remove(header::CONTENT_LENGTH);
        }
        let mut request = Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    fn harden(&self, visit: &Visit, headers: &mut http::HeaderMap) {
        let hardening = headers::Hardening {
            hsts: visit.live.hsts.as_ref(),
            hosts: &visit.site().hosts,
            host: visit.host.to_str().unwrap_or(&visit.site().name),
            upstream: &visit.at.upstream_authority,
            content_policy: visit.site().limits_pages.then(|| visit.site().webmail.content_policy()),
        };
        headers::harden(headers, &hardening);
    }

    /// `/webmail` where the product lives at `/webmail/`.
    fn to_base(&self, visit: &Visit) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::empty());
        *response.status_mut() = http::StatusCode::PERMANENT_REDIRECT;
        if let Ok(base) = HeaderValue::try_from(&visit.site().base) {
            response.headers_mut().insert(header::LOCATION, base);
        }
        headers::secure(response.headers_mut(), visit.live.hsts.as_ref());
        response
    }

    /// The person's language.
    fn words(&self, visit: &Visit) -> Words<'_> {
        let accept = visit.language.as_ref().and_then(|language| language.to_str().ok());
        self.shared.own.languages.spoken(accept)
    }

    fn refuse(
        &self,
        visit: &Visit,
        stop: &Stop,
        asked: &Asked,
        reference: Reference,
        form: Option<&crate::webmail::php::Form>,
    ) -> Response<AnswerBody> {
        let mut response = refusal::respond(stop, asked, visit.site(), reference, form, self.words(visit));
        headers::secure(response.headers_mut(), visit.live.hsts.as_ref());
        response
    }

    /// Refuses before anything of the request's form was read: what waits for the answer shows in its head.
    fn refuse_unread(
        &self,
        visit: &Visit,
        parts: &Parts,
        stop: &Stop,
        reference: Option<Reference>,
    ) -> Response<AnswerBody> {
        let asked = Asked::new(crate::domain::Action::View, script::shape_of_head(visit.site(), parts));
        self.refuse(visit, stop, &asked, reference.unwrap_or_else(|| self.shared.dice.reference()), None)
    }

    /// Refuses one request too many. A proxy's connection carries many people, and is not sent away for one of them.
    fn refuse_flood(&self, visit: &Visit, parts: &Parts) -> Response<AnswerBody> {
        if visit.address != visit.connection.peer || visit.connection.refuse(visit.now) == Refused::Worded {
            return self.refuse_unread(visit, parts, &Stop::Flood, None);
        }
        refusal::too_many()
    }

    fn refuse_unnatural(&self, visit: &Visit, parts: &Parts, rule: &'static str) -> Response<AnswerBody> {
        let reference = self.record_refused(visit, parts, rule);
        self.refuse_unread(visit, parts, &Stop::Unnatural(rule), Some(reference))
    }

    fn record_refused(&self, visit: &Visit, parts: &Parts, rule: &'static str) -> Reference {
        let reference = self.shared.dice.reference();
        let client = client::client(visit.address, &parts.headers, &visit.live.config.networks);
        let mut event = visit.event_of(EventKind::RequestRefused { rule }, &client);
        event.verdict = Some(Verdict::Refuse);
        event.reference = Some(reference);
        self.shared.events.record(event);
        reference
    }

    fn upstream_failed(&self, visit: &Visit, asked: &Asked, failed: &Failed) -> Response<AnswerBody> {
        visit.at.note_upstream(false);
        let reference = self.shared.dice.reference();
        let mut event = visit.event(EventKind::UpstreamFailed { what: failed.to_string() });
        event.reference = Some(reference);
        self.shared.events.record(event);
        self.refuse(visit, &Stop::Upstream { never_arrived: failed.never_arrived() }, asked, reference, None)
    }
}

fn read_logo(path: &std::path::Path) -> std::io::Result<bytes::Bytes> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LOGO_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LOGO_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than 256 KiB"));
    }
    Ok(bytes.into())
}

/// What came of carrying a request.
enum Carried {
    /// The webmail's answer, as it came.
    Answer(Response<Arriving>),
    /// Both sides are joined; this goes to the browser.
    Upgraded(Response<AnswerBody>),
}

fn page_view() -> Asked {
    Asked::new(crate::domain::Action::View, Shape::Page)
}

/// The host a request names, as typed, and the site that has it. None where it names no host, two, one that is not
/// served here, or one of another site than the TLS connection was opened for: a browser never mixes those, and a
/// certificate of one site must not carry requests to another.
fn host_and_site(parts: &Parts, connection: &Connection, live: &Live) -> Option<(HeaderValue, Arc<LiveSite>)> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    let host = match (named.next(), parts.uri.authority()) {
        (Some(host), None) => host.clone(),
        (None, Some(authority)) => HeaderValue::try_from(authority.as_str()).ok()?,
        (Some(host), Some(authority)) if host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => {
            host.clone()
        }
        _ => return None,
    };
    if named.next().is_some() {
        return None;
    }
    let name = headers::without_port(host.to_str().ok()?);
    let at = match live.site_of(name) {
        Some(at) => at,
        None => live.site_of(&name.to_ascii_lowercase())?,
    };
    if let Some(server_name) = &connection.server_name
        && **server_name != *name
        && !live.site_of(server_name).is_some_and(|connected| Arc::ptr_eq(connected, at))
    {
        return None;
    }
    Some((host, Arc::clone(at)))
}

fn rewrite_path(uri: &mut Uri, path: &str) {
    let mut parts = uri::Parts::from(std::mem::take(uri));
    let query = parts.path_and_query.as_ref().and_then(|old| old.query());
    let whole = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    parts.path_and_query = Some(whole.parse().expect("an encoded path is a path"));
    *uri = Uri::from_parts(parts).expect("only the path was replaced");
}

/// The path below the site's base, beginning with `/`.
fn below_base<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    path.strip_prefix(base.strip_suffix('/').unwrap_or(base)).filter(|below| below.starts_with('/'))
}
