//! Connections to the webmail: a [`pool`] per worker, bodies, and the rule who may use it.
//!
//! It knows nothing of products or policy, only that a sign-in or a send needs a [`Permit`]. Bodies are in [`body`].

pub mod body;
mod look_up;
pub mod pool;
pub mod spool;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri, Version, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::policy::Permit;
use body::RequestBody;
use pool::{Arriving, Connector, Pool};

/// A webmail on this machine or network answers a connection within milliseconds, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a site's webmail is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Scheme and authority; the path is `/`.
    uri: Uri,
    /// The same as text, which is quicker to compare.
    name: Arc<str>,
}

impl Place {
    /// From a checked `upstream`; none where it lacks scheme or host.
    pub fn of(upstream: &Uri) -> Option<Self> {
        let whole = Uri::builder().scheme(upstream.scheme()?.clone()).authority(upstream.authority()?.clone());
        let uri = whole.path_and_query("/").build().ok()?;
        let name = uri.to_string().into();
        Some(Self { uri, name })
    }
}

/// Why the webmail did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No connection: nothing was sent, nothing can have happened.
    #[error("the webmail cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke before the answer began: what was sent may have been carried out.
    #[error("the webmail broke the connection off")]
    Broken(#[source] hyper::Error),
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

/// One worker's way to the webmails.
#[derive(Clone)]
pub struct Upstream {
    pool: Pool,
    /// To services of others.
    others: Client<Connector, RequestBody>,
}

impl Upstream {
    /// With a pool of its own. `tls` says who is trusted for `https://` webmails. Must be called within a runtime.
    pub fn new(tls: &rustls::ClientConfig) -> Self {
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
        let others = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .set_host(false)
            .build(connector.clone());
        Self { pool: Pool::new(connector), others }
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
    ) -> Result<Response<Arriving>, Failed> {
        to_origin(&mut request);
        let may_change = request.headers().contains_key(header::UPGRADE);
        let again = (request.method().is_safe() && request.body().is_empty()).then(|| copy_head(&request));
        let asking = async {
            match (self.pool.ask(request, place).await, again) {
                (Err(Failed::Broken(_)), Some(again)) => self.pool.ask_alone(again, place).await,
                (answer, _) => answer,
            }
        };
        within(timeout, may_change, pin!(asking)).await
    }

    /// Carries a sign-in or a send, once, on a connection of its own: it is never written into a connection that the
    /// other side is closing, so it needs no retry that could carry it out twice.
    ///
    /// # Errors
    /// No answer began within `timeout`.
    pub async fn carry_gated(
        &self,
        mut request: Request<RequestBody>,
        place: &Place,
        timeout: Duration,
        _permit: Permit,
    ) -> Result<Response<Arriving>, Failed> {
        to_origin(&mut request);
        let may_change = request.headers().contains_key(header::UPGRADE);
        within(timeout, may_change, pin!(self.pool.ask_alone(request, place))).await
    }
}

/// Pinned by who calls: to move what asks would cost more than much of the asking.
async fn within(
    timeout: Duration,
    may_change: bool,
    asking: Pin<&mut impl Future<Output = Result<Response<Arriving>, Failed>>>,
) -> Result<Response<Arriving>, Failed> {
    match tokio::time::timeout(timeout, asking).await {
        Ok(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS && !may_change => Err(Failed::Unasked),
        Ok(answer) => answer,
        Err(_) => Err(Failed::TimedOut),
    }
}

/// Asks for the path alone, as a web server is asked; `Host` stays what the person asked for.
fn to_origin(request: &mut Request<RequestBody>) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() || request.uri().path_and_query().is_none() {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
    }
}

fn copy_head(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}
