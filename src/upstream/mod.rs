//! Connections to the webmail: a pool per worker, bodies, and the rule who may use it.
//!
//! It knows nothing of products or policy, only that a sign-in or a send needs a [`Permit`]. Bodies are in [`body`].

pub mod body;
mod look_up;
pub mod spool;

use std::time::Duration;

use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::policy::Permit;
use body::RequestBody;

/// Idle connections kept per webmail and worker: as many as answer a cold visit at once.
const IDLE_MAX: usize = 64;

/// Below the shortest keep-alive of common web servers (Apache's is 5 s), so that a kept connection is hardly ever one
/// that the other side is just closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A webmail on this machine or network answers a connection within milliseconds, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a site's webmail is.
#[derive(Clone, Debug)]
pub struct Place {
    scheme: Scheme,
    authority: Authority,
}

impl Place {
    /// From a checked `upstream`; none where it lacks scheme or host.
    pub fn of(upstream: &Uri) -> Option<Self> {
        Some(Self { scheme: upstream.scheme()?.clone(), authority: upstream.authority()?.clone() })
    }
}

/// Why the webmail did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No connection: nothing was sent, nothing can have happened.
    #[error("the webmail cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The connection broke before the answer began: what was sent may have been carried out.
    #[error("the webmail broke the connection off")]
    Broken(#[source] hyper_util::client::legacy::Error),
    /// The answer did not begin in time: what was sent may have been carried out.
    #[error("the webmail did not answer in time")]
    TimedOut,
    /// The answer broke off or stopped coming: what was sent may have been carried out.
    #[error("the webmail's answer broke off")]
    CutShort,
    /// It changed to a protocol that nobody asked for: what follows is no HTTP.
    #[error("the webmail changed the protocol unasked")]
    Unasked,
}

impl Failed {
    /// Whether it is certain that the webmail never saw the request.
    pub const fn never_arrived(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

type Pool = Client<HttpsConnector<HttpConnector>, RequestBody>;

/// One worker's way to the webmails.
#[derive(Clone)]
pub struct Upstream {
    /// Keeps connections.
    pooled: Pool,
    /// Opens a connection for each request: no request of these is ever written into a connection that the other side
    /// is closing, so none needs a retry that could carry it out twice.
    fresh: Pool,
}

impl Upstream {
    /// A pool of its own. `roots` are trusted for `https://` webmails.
    pub fn new(tls: &rustls::ClientConfig) -> Self {
        let pool = |idle: usize| {
            let mut tcp = HttpConnector::new();
            tcp.enforce_http(false);
            // Requests are written head first, body after: without this the body waits for an acknowledgement.
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
            let connector = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp);
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(idle)
                // Only what was never written to a connection is written to another one; see `carry` for the rest.
                .retry_canceled_requests(true)
                .set_host(false)
                .build(connector)
        };
        Self { pooled: pool(IDLE_MAX), fresh: pool(0) }
    }

    /// Carries a request that is neither sign-in nor send. A GET or HEAD without a body whose kept connection turns out
    /// to be dead is asked once more on a fresh one; nothing else ever is.
    ///
    /// # Errors
    /// No answer began within `timeout`.
    pub async fn carry(
        &self,
        mut request: Request<RequestBody>,
        place: &Place,
        timeout: Duration,
    ) -> Result<Response<Incoming>, Failed> {
        address(&mut request, place);
        let again = (request.method().is_safe() && request.body().is_empty()).then(|| copy_head(&request));
        match (ask(&self.pooled, request, timeout).await, again) {
            (Err(Failed::Broken(_)), Some(again)) => ask(&self.fresh, again, timeout).await,
            (answer, _) => answer,
        }
    }

    /// Carries a sign-in or a send, once, on a connection of its own.
    ///
    /// # Errors
    /// No answer began within `timeout`.
    pub async fn carry_gated(
        &self,
        mut request: Request<RequestBody>,
        place: &Place,
        timeout: Duration,
        _permit: Permit,
    ) -> Result<Response<Incoming>, Failed> {
        address(&mut request, place);
        ask(&self.fresh, request, timeout).await
    }
}

async fn ask(pool: &Pool, request: Request<RequestBody>, timeout: Duration) -> Result<Response<Incoming>, Failed> {
    let may_change = request.headers().contains_key(header::UPGRADE);
    match tokio::time::timeout(timeout, pool.request(request)).await {
        Ok(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS && !may_change => Err(Failed::Unasked),
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if error.is_connect() => Err(Failed::Unreachable(error)),
        Ok(Err(error)) => Err(Failed::Broken(error)),
        Err(_) => Err(Failed::TimedOut),
    }
}

/// Gives the request its absolute address; its `Host` stays what the person asked for.
fn address(request: &mut Request<RequestBody>, place: &Place) {
    *request.version_mut() = Version::HTTP_11;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut parts = Parts::default();
    parts.scheme = Some(place.scheme.clone());
    parts.authority = Some(place.authority.clone());
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path make an address");
}

fn copy_head(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}
