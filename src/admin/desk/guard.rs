//! What every request passes before anybody answers it: the host, where a form comes from, who asks, and whether that
//! one may. [`super::role::Route`] says who may ask for what; nothing else does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use super::Desk;
use super::fault::{Fault, Said};
use super::role::{Needs, Route};
use super::visit::{Stage, Visit};
use crate::admin::Peer;
use crate::domain::Timestamp;
use crate::gateway::is_from_here;

/// What stands before one route.
#[derive(Clone)]
pub(super) struct Gate {
    pub desk: Arc<Desk>,
    pub route: &'static Route,
}

/// Nothing comes from anywhere else, nothing within a page runs, and no page stands in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn enter(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&gate, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(turned) => {
            read_past(request.into_body()).await;
            turned.answer(matches!(gate.route.needs, Needs::Token(_)))
        }
    };
    secure(response.headers_mut());
    response
}

/// Reads what comes with a request that is not let in. An answer that comes before all of it is there is lost on some clients
/// of HTTP/2, curl 7.88 among them, and with it why.
async fn read_past(body: Body) {
    /// More than any form of the desk has, in bytes.
    const BYTES_MAX: usize = 64 * 1024;
    const PATIENCE: Duration = Duration::from_secs(1);
    // Whether it comes, or is more: the answer is the same.
    let _ = tokio::time::timeout(PATIENCE, Limited::new(body, BYTES_MAX).collect()).await;
}

/// Why a request gets no further.
enum Turned {
    /// To another page first.
    To(String),
    Away(Fault),
    /// Without a token.
    Unknown,
    WrongHost,
}

impl Turned {
    fn answer(self, is_api: bool) -> Response {
        match self {
            Self::To(address) => super::page::to(&address),
            Self::Away(fault) if is_api => Said::from(fault).into_response(),
            Self::Away(fault) => fault.into_response(),
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, "Bearer"), (header::CONTENT_TYPE, "application/json")],
                "{\"error\":\"a good token is missing: Authorization: Bearer …\"}\n",
            )
                .into_response(),
            Self::WrongHost => {
                (StatusCode::MISDIRECTED_REQUEST, "this host is not the desk's; see [desk] hosts\n").into_response()
            }
        }
    }
}

impl<E: Into<Fault>> From<E> for Turned {
    fn from(fault: E) -> Self {
        Self::Away(fault.into())
    }
}

async fn admit(gate: &Gate, request: &mut Request) -> Result<(), Turned> {
    let Gate { desk, route } = gate;
    let now = desk.control.clock.now();
    let authority = authority(request).ok_or(Turned::WrongHost)?;
    let host = without_port(&authority);
    if !desk.answers_for(host) {
        return Err(Turned::WrongHost);
    }
    let origin = format!("https://{authority}");
    let is_form = request.method() == Method::POST && !matches!(route.needs, Needs::Token(_));
    if is_form && !is_from_here(request.headers(), &origin) {
        return Err(Fault::Forbidden("This form does not come from a page of the desk.".to_owned()).into());
    }
    let Some(Peer(address)) = request.extensions().get::<Peer>().copied() else {
        return Err(Fault::Forbidden("It is not known where this comes from.".to_owned()).into());
    };
    let place = Place { host: host.into(), origin: origin.as_str().into(), address: address.to_canonical(), now };
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str()).to_owned();
    let is_get = request.method() == Method::GET;
    let headers = request.headers().clone();
    let visit = visit(desk, route, &headers, place, is_get.then_some(asked.as_str())).await?;
    if let Some(visit) = visit {
        request.extensions_mut().insert(visit);
    }
    Ok(())
}

/// Where and when.
struct Place {
    host: Arc<str>,
    origin: Arc<str>,
    address: IpAddr,
    now: Timestamp,
}

impl Place {
    fn visit(self, name: &str, role: super::Role, id: [u8; 16], session: Option<super::visit::Session>) -> Visit {
        let Self { host, origin, address, now } = self;
        Visit { name: name.into(), role, now, address, host, origin, id, session }
    }
}

/// Who asks: proved as far as the route needs, or sent on to prove it.
async fn visit(
    desk: &Desk,
    route: &Route,
    headers: &HeaderMap,
    place: Place,
    asked: Option<&str>,
) -> Result<Option<Visit>, Turned> {
    let now = place.now;
    let stage = match route.needs {
        Needs::Nobody => return Ok(Some(place.visit("", super::Role::Viewer, [0; 16], None))),
        Needs::Token(least) => {
            let (owner, role) = desk.of_token(headers, now).await?.ok_or(Turned::Unknown)?;
            let visit = place.visit(&owner, role, [0; 16], None);
            if role < least {
                return Err(desk.not_allowed(&visit, route, least).await);
            }
            return Ok(Some(visit));
        }
        Needs::Password => Stage::Password,
        Needs::Enrolment => Stage::Enrolment,
        Needs::Page(_) => Stage::Signed,
    };
    let found = desk.find(headers, now).await?.filter(|(_, session, _)| session.stage == stage);
    let Some((id, session, operator)) = found else {
        return Err(Turned::To(match (stage, asked) {
            (Stage::Enrolment, _) => "/enrol".to_owned(),
            (Stage::Signed, Some(asked)) if asked != "/" => {
                let mut address = form_urlencoded::Serializer::for_suffix("/sign-in?".to_owned(), 9);
                address.append_pair("next", asked);
                address.finish()
            }
            (Stage::Signed | Stage::Password, _) => "/sign-in".to_owned(),
        }));
    };
    let name = session.operator.clone();
    let visit = place.visit(&name, operator.role, id, Some(session));
    match route.needs {
        Needs::Page(least) if visit.role < least => Err(desk.not_allowed(&visit, route, least).await),
        _ => Ok(Some(visit)),
    }
}

impl Desk {
    /// Notes that somebody tried what is not for them, and says so.
    async fn not_allowed(&self, visit: &Visit, route: &Route, least: super::Role) -> Turned {
        if route.method == Method::POST {
            let action = format!("refused {}", route.path);
            // Whether it can be written down or not: it is not done.
            let _ = self.note(visit, &action, "", "", false).await;
        }
        Fault::Forbidden(format!("This needs the role {}; yours is {}.", least.name(), visit.role.name())).into()
    }

    /// Whether the desk answers under this name. Another one is that of a site, or of somebody who has names in the public
    /// network lead here; an address in numbers can be neither.
    pub(super) fn answers_for(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok() || (self.settings)().hosts.iter().any(|own| own == host)
    }
}

/// Host and port as the browser names them, lower-case.
fn authority(request: &Request) -> Option<String> {
    let of_uri = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let of_header = hosts.next().map(|host| host.to_str().map(str::to_owned));
    if hosts.next().is_some() {
        return None;
    }
    let host = match (of_uri, of_header) {
        (Some(of_uri), None) => of_uri,
        (Some(of_uri), Some(Ok(of_header))) if of_uri.eq_ignore_ascii_case(&of_header) => of_uri,
        (None, Some(Ok(of_header))) => of_header,
        _ => return None,
    };
    Some(host.to_ascii_lowercase()).filter(|host| !host.is_empty() && !host.contains('@'))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

fn secure(headers: &mut HeaderMap) {
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    /// A body of so many pieces of 1 KiB, and how many of them were asked for.
    fn body(pieces: usize) -> (Body, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let piece = move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024]))
        };
        (Body::from_stream(stream::iter((0..pieces).map(piece))), asked)
    }

    #[tokio::test]
    async fn what_comes_with_a_refused_request_is_read_and_no_more_than_a_form_may_have() {
        let (form, asked) = body(3);
        read_past(form).await;
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        let (flood, asked) = body(1_000_000);
        read_past(flood).await;
        assert!(asked.load(Ordering::Relaxed) < 100);
        // One that never comes.
        read_past(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())).await;
    }

    #[test]
    fn a_host_is_named_without_its_port() {
        for (authority, host) in [
            ("desk.example.edu", "desk.example.edu"),
            ("desk.example.edu:9443", "desk.example.edu"),
            ("[::1]:9443", "[::1]"),
        ] {
            assert_eq!(without_port(authority), host);
        }
    }
}
