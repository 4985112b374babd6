//! What operators and their monitoring ask the gateway: `/metrics`, `/healthz`, `/readyz` over HTTPS, and the commands
//! of the control socket ([`control`]).
//!
//! This room answers; it does not listen, and knows nothing of TLS. Readiness is a list of facts that the rooms know
//! ([`Facts`]); what they amount to is decided in [`Facts::judge`].

pub mod control;
pub mod desk;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{StatusCode, header};
use serde::Serialize;

use crate::clock::Clock;
use crate::domain::{NodeSeen, SiteName, Timestamp};
use crate::telemetry::{Metrics, metrics};

/// Where a request comes from, put into its extensions by whoever accepted it: the connection's other end, or what a
/// listed proxy says.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What the pages are answered from.
pub struct Admin {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The time of a scrape.
    pub clock: Clock,
    /// Whether this address may ask; asked anew each time, because a reload may change it.
    pub allows: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// What is known now.
    pub facts: Arc<dyn Fn() -> Facts + Send + Sync>,
}

/// A store whose clock is further apart is complained of: nodes that do not agree when something was count differently.
pub const CLOCK_APART_MAX: Duration = Duration::from_secs(1);

/// A certificate is near its end so long before: those of ACME are renewed a month before.
pub const CERTIFICATE_NEAR_END: Duration = Duration::from_secs(14 * 86_400);

/// What readiness is judged by.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The gateway is stopping and takes no new connections.
    pub stopping: bool,
    /// Since when the store does not answer; none while it does.
    pub store_degraded_since: Option<Timestamp>,
    /// How much waits until a shared store can be told of it.
    pub store_waiting: usize,
    /// How far the shared store's clock and this node's are apart; none where it is not known, or there is none.
    pub store_clock_apart: Option<Duration>,
    /// The gateways that share the store, this one first. One that is silent is no reason to take this one out of service.
    pub nodes: Vec<NodeFacts>,
    /// Addresses that mail leaves from, and the blocklists that they are on. No reason to take a node out of service.
    pub listed: Vec<(IpAddr, String)>,
    /// Each site.
    pub sites: Vec<SiteFacts>,
    /// Each scanner, and since when it does not answer.
    pub scanners: Vec<(Arc<str>, Option<Timestamp>)>,
}

/// What is known of one site.
#[derive(Clone, Debug)]
pub struct SiteFacts {
    /// Which one.
    pub site: SiteName,
    /// Whether its webmail answered the last time it was asked; none: not asked yet.
    pub upstream_answers: Option<bool>,
    /// When its certificate ends; none: not known.
    pub certificate_ends: Option<Timestamp>,
}

/// What is known of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// The name of its machine.
    pub name: String,
    /// Of Mailward.
    pub version: String,
    /// Since when it runs.
    pub since: Timestamp,
    /// For how long nothing was heard of it; zero for the one that answers.
    pub quiet_for: Duration,
    /// How far its clock is ahead of the store's, in milliseconds, below zero where it is behind; none: not known, or there
    /// is no clock but its own.
    pub clock_ahead: Option<i64>,
    /// Whether it is the one that answers.
    pub is_this: bool,
}

impl NodeFacts {
    /// Whether it should have been heard of.
    pub fn is_silent(&self) -> bool {
        self.quiet_for > NodeSeen::SILENT_AFTER
    }
}

/// What the facts amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Everything works.
    Ready,
    /// People can work; somebody should look at the reasons.
    Degraded,
    /// No request would be answered: a load balancer should ask another node.
    NotReady,
}

impl Facts {
    /// What the facts amount to, and why, in words for the operator.
    ///
    /// A store that is away leaves the node in service: limits are stricter, mail can be read, and with a shared store every
    /// node of a cluster would leave at once. A node is out only when it cannot answer anybody.
    pub fn judge(&self, now: Timestamp) -> (Readiness, Vec<String>) {
        let mut reasons = Vec::new();
        if self.stopping {
            reasons.push("the gateway is stopping".to_owned());
        }
        if let Some(since) = self.store_degraded_since {
            reasons.push(match self.store_waiting {
                0 => format!("the store has not answered since {since}; limits are stricter"),
                waiting => {
                    format!(
                        "the store has not answered since {since}; limits are stricter, {waiting} changes wait for it"
                    )
                }
            });
        }
        if let Some(apart) = self.store_clock_apart.filter(|apart| *apart > CLOCK_APART_MAX) {
            let seconds = apart.as_secs_f64();
            reasons.push(format!("the clocks of this machine and of the store are {seconds:.1} s apart"));
        }
        for site in &self.sites {
            if site.upstream_answers == Some(false) {
                reasons.push(format!("the webmail of {} does not answer", site.site));
            }
            if let Some(end) = site.certificate_ends.filter(|end| *end <= now) {
                reasons.push(format!("the certificate of {} ended at {end}", site.site));
            }
        }
        for (scanner, since) in &self.scanners {
            if let Some(since) = since {
                reasons.push(format!("the scanner {scanner} has not answered since {since}"));
            }
        }
        let nobody_answers =
            !self.sites.is_empty() && self.sites.iter().all(|site| site.upstream_answers == Some(false));
        let readiness = match reasons.is_empty() {
            _ if self.stopping || nobody_answers => Readiness::NotReady,
            true => Readiness::Ready,
            false => Readiness::Degraded,
        };
        (readiness, reasons)
    }
}

/// The pages. Every request must carry [`Peer`]; without it, or from an address that may not ask, the answer is 403.
pub fn router(admin: Arc<Admin>, desk: &Arc<desk::Desk>) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(show_readiness))
        .with_state(Arc::clone(&admin))
        .merge(desk::router(desk))
        .layer(from_fn_with_state(admin, only_allowed))
}

async fn only_allowed(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.to_canonical());
    if peer.is_some_and(|peer| (admin.allows)(peer)) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "this address may not ask here; see [listen] admin_from\n").into_response()
}

async fn show_metrics(State(admin): State<Arc<Admin>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], admin.metrics.render(admin.clock.now())).into_response()
}

async fn show_readiness(State(admin): State<Arc<Admin>>) -> Response {
    #[derive(Serialize)]
    struct Shown {
        status: Readiness,
        reasons: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        store_degraded_since: Option<String>,
        version: &'static str,
    }
    let facts = (admin.facts)();
    let (readiness, reasons) = facts.judge(admin.clock.now());
    let status = match readiness {
        Readiness::Ready | Readiness::Degraded => StatusCode::OK,
        Readiness::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    };
    let store_degraded_since = facts.store_degraded_since.map(|since| since.to_string());
    let shown = Shown { status: readiness, reasons, store_degraded_since, version: env!("CARGO_PKG_VERSION") };
    let mut body = serde_json::to_string(&shown).expect("texts and a list of them");
    body.push('\n');
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn site(name: &str, answers: Option<bool>, ends: u64) -> SiteFacts {
        SiteFacts { site: name.into(), upstream_answers: answers, certificate_ends: Some(Timestamp::from_millis(ends)) }
    }

    #[test]
    fn a_node_is_out_of_service_only_when_it_cannot_answer_anybody() {
        let well = || site("a", Some(true), 2_000_000);
        let away = || site("b", Some(false), 2_000_000);
        let facts = |sites: Vec<SiteFacts>| Facts { sites, ..Facts::default() };
        for (facts, readiness, why) in [
            (facts(vec![]), Readiness::Ready, 0),
            (facts(vec![well(), site("new", None, 2_000_000)]), Readiness::Ready, 0),
            (facts(vec![well(), away()]), Readiness::Degraded, 1),
            (facts(vec![away(), away()]), Readiness::NotReady, 2),
            (facts(vec![site("old", Some(true), 1_000_000)]), Readiness::Degraded, 1),
            (Facts { store_degraded_since: Some(NOW), ..facts(vec![well()]) }, Readiness::Degraded, 1),
            (
                Facts { store_degraded_since: Some(NOW), store_waiting: 7, ..facts(vec![well()]) },
                Readiness::Degraded,
                1,
            ),
            (Facts { store_clock_apart: Some(CLOCK_APART_MAX), ..facts(vec![well()]) }, Readiness::Ready, 0),
            (Facts { store_clock_apart: Some(CLOCK_APART_MAX * 2), ..facts(vec![well()]) }, Readiness::Degraded, 1),
            (
                Facts { scanners: vec![("a".into(), Some(NOW)), ("b".into(), None)], ..facts(vec![well()]) },
                Readiness::Degraded,
                1,
            ),
            (Facts { stopping: true, ..facts(vec![well()]) }, Readiness::NotReady, 1),
        ] {
            let (found, reasons) = facts.judge(NOW);
            assert_eq!((found, reasons.len()), (readiness, why), "{facts:?}: {reasons:?}");
        }
    }
}
