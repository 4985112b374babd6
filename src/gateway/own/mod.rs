//! Mailward's own pages that know who asks: the one that asks for a second proof, and the person's own.
//!
//! A page belongs to the session whose cookie comes with the request. What changes anything is a POST from a page of ours
//! (by `Sec-Fetch-Site`, or `Origin` where a browser does not send that) and carries a number that is good once.

mod account;
mod back;
mod campus;
mod challenge;
mod enrol;
mod held;
mod letters;
mod password;
mod proof;

pub(super) use password::lead_past;

use std::sync::Arc;

use axum::body::Body as OwnBody;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::refusal::Stop;
use super::{Gateway, Visit, client, headers, script};
use crate::challenge::asking::{About, InvitePage, Said};
use crate::challenge::factors;
use crate::challenge::words::Words;
use crate::config::Site;
use crate::domain::{Client, Event, EventKind, Prefix, Reference, Session, SessionHash, SessionState};
use crate::policy::Fact;
use crate::upstream::body::AnswerBody;
use crate::webmail::{Asked, Shape};

/// The page that asks for a second proof.
pub(super) const CHALLENGE: &str = "/.mailward/challenge";

/// The person's own page.
pub(super) const ACCOUNT: &str = "/.mailward/account";

/// The page that asks for a new password.
pub(super) const PASSWORD: &str = "/.mailward/password";

/// The page that invites to set up a second proof.
pub(super) const INVITE: &str = "/.mailward/invite";

/// Where a form that waited is sent on.
pub(super) const HELD: &str = "/.mailward/held";

/// The longest form of ours, in bytes: a passkey's answer, encoded.
const FORM_BYTES_MAX: usize = 4 * factors::ANSWER_BYTES_MAX;

/// Fields of a form of ours that are looked at.
const FIELDS_MAX: usize = 32;

/// Who asks for a page of ours.
pub(super) struct Caller<'a> {
    pub visit: &'a Visit,
    pub client: Client,
    pub session: Arc<Session>,
    pub words: Words<'a>,
    /// The host as typed, lower-case, without port.
    pub host: String,
    /// `https://` and the host as typed.
    pub origin: String,
    /// The code that the page shows: the flag's, where there is one.
    pub reference: Reference,
}

impl<'a> Caller<'a> {
    pub fn site(&self) -> &Arc<Site> {
        self.visit.site()
    }

    pub fn about(&self) -> About<'_> {
        let site = self.site();
        About {
            words: self.words,
            site: &site.name,
            name: self.visit.live.brand.name.as_deref(),
            has_logo: self.visit.live.brand.logo.is_some(),
            helpdesk: site.helpdesk.as_deref(),
            reference: self.reference.to_string(),
            framed: false,
        }
    }

    pub fn event(&self, kind: EventKind) -> Event {
        Event {
            session: Some(self.session.hash),
            account: Some(self.session.account.clone()),
            reference: self.session.flag,
            ..self.visit.event_of(kind, &self.client)
        }
    }

    pub fn factor<'b>(&'b self, keys: &'b crate::domain::KeyRing) -> factors::About<'b> {
        factors::About {
            keys,
            site: &self.session.site,
            account: &self.session.account,
            host: &self.host,
            origin: &self.origin,
            now: self.visit.now,
        }
    }
}

/// A form of ours, read.
pub(super) struct OwnForm(Vec<(String, zeroize::Zeroizing<String>)>);

impl OwnForm {
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value.as_str())
    }
}

impl Gateway {
    /// Answers below [`crate::challenge::OWN_PREFIX`]. `path` is decoded.
    pub(super) async fn own_page(
        &self,
        visit: &Visit,
        parts: &Parts,
        path: &str,
        body: Incoming,
    ) -> Response<AnswerBody> {
        let mut response = match path {
            CHALLENGE | ACCOUNT | PASSWORD | INVITE | HELD | "/.mailward/sign-out" => {
                self.own_dynamic(visit, parts, path, body).await
            }
            "/.mailward/resume.js" => resume(visit.site()),
            "/.mailward/brand.css" => brand_style(visit),
            "/.mailward/logo" => logo(visit),
            _ => self.own_file(visit, parts).await,
        };
        headers::secure(response.headers_mut(), visit.live.hsts.as_ref());
        response
    }

    /// To the page that asks, and from there back to what was asked for.
    pub(super) fn to_challenge(&self, visit: &Visit, asked_for: Option<&str>) -> Response<AnswerBody> {
        let mut address = form_urlencoded::Serializer::for_suffix(format!("{CHALLENGE}?"), CHALLENGE.len() + 1);
        if let Some(back) = asked_for.and_then(|asked| back::target(asked, &visit.site().base, None)) {
            address.append_pair("back", &back);
        }
        let mut response = to(address.finish().trim_end_matches('?'));
        headers::secure(response.headers_mut(), visit.live.hsts.as_ref());
        response
    }

    async fn own_file(&self, visit: &Visit, parts: &Parts) -> Response<AnswerBody> {
        let mut request = Request::new(OwnBody::empty());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        request.extensions_mut().insert(Prefix::of(visit.address));
        let response = self.shared.own.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        response.map(AnswerBody::Own)
    }

    async fn own_dynamic(&self, visit: &Visit, parts: &Parts, path: &str, body: Incoming) -> Response<AnswerBody> {
        if !self.shared.own.admits(Prefix::of(visit.address)) {
            return self.refuse_own(visit, &Stop::Flood);
        }
        let form = match parts.method {
            Method::GET | Method::HEAD => None,
            Method::POST => {
                let caller_origin = origin(visit);
                if !is_from_here(&parts.headers, &caller_origin) {
                    return self.refuse_own(visit, &Stop::Unnatural("form of another site"));
                }
                match read_form(&parts.headers, body, visit.live.config.listen.body_timeout).await {
                    Ok(form) => Some(form),
                    Err(stop) => return self.refuse_own(visit, &stop),
                }
            }
            _ => return self.refuse_own(visit, &Stop::Method),
        };
        let Some(caller) = self.caller(visit, parts).await else { return to(visit.site().base.as_str()) };
        match (path, form) {
            (CHALLENGE, None) => self.ask_page(&caller, parts.uri.query().unwrap_or_default()).await,
            (CHALLENGE, Some(form)) => self.prove(&caller, &form).await,
            (HELD, Some(form)) => self.release_asked(&caller, &form).await,
            (PASSWORD, None) => self.password_page(&caller, parts.uri.query().unwrap_or_default()).await,
            (INVITE, None) => self.invite_page(&caller, parts.uri.query().unwrap_or_default()),
            (ACCOUNT, None) => self.account_page(&caller, None).await,
            (ACCOUNT, Some(form)) => self.change_account(&caller, &form).await,
            (PASSWORD | INVITE, Some(_)) => to(path),
            (_, None) => to(visit.site().base.as_str()),
            (_, Some(_)) => self.sign_out(&caller).await,
        }
    }

    /// Whose page it is: none without a session that lives.
    async fn caller<'a>(&'a self, visit: &'a Visit, parts: &Parts) -> Option<Caller<'a>> {
        let cookies = script::read_cookies(&parts.headers);
        let client = client::client(visit.address, &parts.headers, &visit.live.config.networks);
        let (_, session) = self.find_session(visit, &cookies).await;
        let Fact::Known(Some(session)) = session else { return None };
        if session.state == SessionState::Ended {
            return None;
        }
        let session = self.watched(visit, &client, &session).await.unwrap_or(session);
        let typed = visit.host.to_str().unwrap_or_default();
        Some(Caller {
            visit,
            client,
            reference: session.flag.unwrap_or_else(|| self.shared.dice.reference()),
            session,
            words: self.words(visit),
            host: headers::without_port(typed).to_ascii_lowercase(),
            origin: origin(visit),
        })
    }

    /// Ends the session here: the webmail's own lives on unreachable until it expires.
    async fn sign_out(&self, caller: &Caller<'_>) -> Response<AnswerBody> {
        let ended = self.end(caller.visit, caller.session.hash).await;
        if !ended {
            return self.said(caller, StatusCode::SERVICE_UNAVAILABLE, "ask-title", "fault", None);
        }
        self.shared.events.record(caller.event(EventKind::SignedOut));
        let mut response = to(caller.site().base.as_str());
        super::refusal::forget_session_cookie(response.headers_mut(), caller.site());
        response
    }

    async fn end(&self, visit: &Visit, hash: SessionHash) -> bool {
        let ended = crate::domain::SessionChange::State(SessionState::Ended);
        match self.shared.store.change_session(&hash, ended, visit.now).await {
            Ok(_) => true,
            Err(away) => {
                let _: Fact<()> = self.store_away(visit, &away);
                false
            }
        }
    }

    /// Invites to set up a second proof. That it was shown is noted already: going on is "not now".
    fn invite_page(&self, caller: &Caller<'_>, query: &str) -> Response<AnswerBody> {
        let back = password::back_of(query, caller.site());
        if caller.session.state != SessionState::Open {
            return to(&back);
        }
        page(StatusCode::OK, &InvitePage { about: caller.about(), back: &back }, Scripts::None)
    }

    /// A page that says one thing.
    fn said(
        &self,
        caller: &Caller<'_>,
        status: StatusCode,
        title: &'static str,
        text: &'static str,
        next: Option<&str>,
    ) -> Response<AnswerBody> {
        page(status, &Said { about: caller.about(), title, text, next, resumes: false }, Scripts::None)
    }

    fn refuse_own(&self, visit: &Visit, stop: &Stop) -> Response<AnswerBody> {
        let asked = Asked::new(crate::domain::Action::View, Shape::Page);
        self.refuse(visit, stop, &asked, self.shared.dice.reference(), None)
    }
}

/// Whether a page has a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scripts {
    /// None.
    None,
    /// Files of ours; nothing within the page.
    Own,
}

/// A page of ours. Nothing is loaded from anywhere else, nothing within it runs, and it stands in frames of this host only.
fn page(status: StatusCode, page: &impl askama::Template, scripts: Scripts) -> Response<AnswerBody> {
    let html = page.render().expect("the page is made of text only");
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(html)));
    *response.status_mut() = status;
    let policy = match scripts {
        Scripts::None => {
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
        }
        Scripts::Own => {
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// To another page, by GET. `target` is a path on this host that was checked.
pub(super) fn to(target: &str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::LOCATION, HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/")));
    response
}

/// What the page around a dialog does once the proof was right; the product's own word for it.
fn resume(site: &Site) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from_static(site.webmail.resumes().as_bytes())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

fn brand_style(visit: &Visit) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(visit.live.brand.style.clone())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=600"));
    response
}

/// The operator's picture. Opened by itself, an SVG would be a page: this one runs and loads nothing.
fn logo(visit: &Visit) -> Response<AnswerBody> {
    let Some((kind, bytes)) = visit.live.brand.logo.clone() else {
        let mut response = Response::new(AnswerBody::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(AnswerBody::Whole(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=600"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn origin(visit: &Visit) -> String {
    format!("https://{}", visit.host.to_str().unwrap_or_default().to_ascii_lowercase())
}

/// Whether a form comes from a page of this very host. A browser says so in `Sec-Fetch-Site`, which no page can write,
/// or else in `Origin`; a form that says neither comes from no browser that could show it.
pub(crate) fn is_from_here(headers: &HeaderMap, own: &str) -> bool {
    let one = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        (values.next(), values.next().is_some())
    };
    let (site, twice) = one(HeaderName::from_static("sec-fetch-site"));
    let (origin, origin_twice) = one(header::ORIGIN);
    if twice || origin_twice {
        return false;
    }
    let same_origin = origin.map(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()));
    match site {
        Some(site) => site == "same-origin" && same_origin != Some(false),
        None => same_origin == Some(true),
    }
}

async fn read_form(headers: &HeaderMap, body: Incoming, patience: std::time::Duration) -> Result<OwnForm, Stop> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Stop::Unnatural("form of another type"));
    }
    let whole = tokio::time::timeout(patience, Limited::new(body, FORM_BYTES_MAX).collect());
    let whole = whole.await.map_err(|_| Stop::TooSlow)?.map_err(|_| Stop::TooLarge)?.to_bytes();
    let fields = form_urlencoded::parse(&whole)
        .take(FIELDS_MAX)
        .map(|(name, value)| (name.into_owned(), zeroize::Zeroizing::new(value.into_owned())));
    Ok(OwnForm(fields.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_of_this_very_host_is_from_here() {
        const OWN: &str = "https://webmail.example.edu:8443";
        for (site, origin, from_here) in [
            (Some("same-origin"), Some(OWN), true),
            (Some("same-origin"), None, true),
            (None, Some(OWN), true),
            (None, Some("HTTPS://WEBMAIL.example.edu:8443"), true),
            (None, None, false),
            (Some("cross-site"), Some(OWN), false),
            (Some("same-site"), Some(OWN), false),
            (Some("none"), None, false),
            (Some("same-origin"), Some("https://evil.example"), false),
            (None, Some("null"), false),
            (None, Some("https://webmail.example.edu"), false),
            (None, Some("http://webmail.example.edu:8443"), false),
            (None, Some("https://webmail.example.edu:8443.evil.example"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert("sec-fetch-site", site.parse().expect("a value"));
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            }
            assert_eq!(is_from_here(&headers, OWN), from_here, "{site:?} {origin:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(header::ORIGIN, OWN.parse().expect("a value"));
        twice.append(header::ORIGIN, "https://evil.example".parse().expect("a value"));
        assert!(!is_from_here(&twice, OWN));
    }
}
