//! A form of the webmail's that waits until its person has proved who they are, for products whose pages cannot wait by
//! themselves.
//!
//! It is kept sealed, cookies included, and sent on at most once: whoever takes it out of the store sends it, and nobody
//! else can. A copy lies beside it meanwhile, so that what was written survives whatever breaks off in between; that one
//! is only ever handed back, never sent. After `hold_for` nothing is sent on any more either, and the text goes back.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::challenge::home;
use super::{CHALLENGE, Caller, OwnForm, Scripts, page, to};
use crate::challenge::asking::HeldPage;
use crate::domain::{Purpose, Reference, Sealing, Secret, SessionHash, SessionState, Timestamp};
use crate::gateway::refusal::{Stop, respond};
use crate::gateway::script::{Script, read_cookies};
use crate::gateway::{Gateway, Visit, below_base, headers};
use crate::policy::{Fact, proof};
use crate::store::{Kept, KeptKind};
use crate::upstream::body::AnswerBody;
use crate::webmail::php::{Form, FormReader};
use crate::webmail::{self, Asked};

/// What was written can be had back so long.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// The largest form that is held, in bytes; its head and seal come on top.
const BODY_BYTES_MAX: u64 = 31 << 20;

/// What the webmail gets of the head, as it came.
const HEADERS: &[HeaderName] = &[
    header::COOKIE,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
    header::REFERER,
    header::ORIGIN,
];

/// What is kept of a form besides its bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    session: SessionHash,
    good_until: Timestamp,
    /// Path and query as they were judged.
    target: String,
    headers: Vec<(String, String)>,
}

/// A form that was held.
struct Held {
    head: Head,
    body: Bytes,
}

/// The number of a form in an address or a form of ours.
pub(super) fn number(text: &str) -> Option<[u8; 16]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl Gateway {
    /// Holds a form, and leads to the page that asks. None where it is not one that is held, is too large, or there is no
    /// room: then it is refused with everything in it.
    pub(in crate::gateway) async fn hold(&self, script: &Script, parts: &Parts) -> Option<Response<AnswerBody>> {
        let visit = &script.visit;
        let session = script.known_session()?;
        if parts.method != Method::POST || !script.site().webmail.holds(&script.asked) {
            return None;
        }
        let body = script.waiting.as_ref()?.copy_up_to(BODY_BYTES_MAX).ok()??;
        let charge = proof::held(&session.site, &session.account);
        if !matches!(self.shared.store.charge(&[charge], visit.now).await, Ok(crate::policy::limits::Charged::Fits(_)))
        {
            return None;
        }
        let text = |name: &HeaderName| {
            let values: Vec<&str> =
                parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            // Several `Cookie` headers are one list (RFC 9113, section 8.2.3).
            (!values.is_empty()).then(|| (name.as_str().to_owned(), values.join("; ")))
        };
        let head = Head {
            session: session.hash,
            good_until: visit.now.after(visit.live.config.challenge.hold_for),
            target: parts.uri.path_and_query()?.as_str().to_owned(),
            headers: HEADERS.iter().filter_map(text).collect(),
        };
        let id: [u8; 16] = self.shared.dice.bytes();
        self.keep_held(visit, id, &Held { head, body: Bytes::from(body) }).await?;
        let mut address = form_urlencoded::Serializer::for_suffix(format!("{CHALLENGE}?"), CHALLENGE.len() + 1);
        address.append_pair("held", &data_encoding::HEXLOWER.encode(&id));
        let mut response = to(&address.finish());
        headers::secure(response.headers_mut(), visit.live.hsts.as_ref());
        Some(response)
    }

    async fn keep_held(&self, visit: &Visit, id: [u8; 16], held: &Held) -> Option<()> {
        let head = serde_json::to_vec(&held.head).ok()?;
        let mut plain = Vec::with_capacity(4 + head.len() + held.body.len());
        plain.extend_from_slice(&u32::try_from(head.len()).ok()?.to_be_bytes());
        plain.extend_from_slice(&head);
        plain.extend_from_slice(&held.body);
        let sealed = self.shared.keys.seal(Sealing::Held, &[&id], &Secret::new(plain), self.shared.dice.bytes());
        let kept = Kept { kind: KeptKind::Held, id, until: visit.now.after(KEPT_FOR), sealed };
        match self.shared.store.keep(kept, visit.now).await {
            Ok(()) => Some(()),
            Err(away) => {
                tracing::warn!(what = %away.what, "a form cannot be held");
                None
            }
        }
    }

    /// The proof was right: the form is sent on, and the webmail's answer is the answer.
    pub(super) async fn release(&self, caller: &Caller<'_>, id: &[u8; 16]) -> Response<AnswerBody> {
        let copy = self.copy_number(id);
        let visit = caller.visit;
        let Some(held) = self.held(caller, *id).await else {
            return match self.held(caller, copy).await {
                // It was taken to be sent on, and nobody came back to say what became of it.
                Some(held) => self.hand_back(caller, &held, &Stop::HeldUncertain).await,
                None => self.already_done(caller),
            };
        };
        let Some((script, parts)) = self.read_again(visit, &held).await else { return self.already_done(caller) };
        if visit.now > held.head.good_until {
            let response = self.hand_back(caller, &held, &Stop::HeldTooLong).await;
            let _ = self.shared.store.take(KeptKind::Held, *id, visit.now).await;
            return response;
        }
        // The copy first: from here on what was written is never nowhere.
        if self.keep_held(visit, copy, &held).await.is_none() {
            return self.fault(caller);
        }
        let gateway = self.clone_for_task();
        let (id, now, mut parts) = (*id, visit.now, parts);
        // A task of its own: it is settled even when the browser has gone.
        let exchange = tokio::spawn(async move {
            match gateway.shared.store.take(KeptKind::Held, id, now).await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(_) => return Some(unavailable()),
            }
            let response = gateway.judge(script, &mut parts).await;
            // Where it is not known what became of it, the copy stays.
            if response.status() != StatusCode::BAD_GATEWAY {
                let _ = gateway.shared.store.take(KeptKind::Held, copy, now).await;
            }
            Some(response)
        });
        match exchange.await {
            Ok(Some(response)) => response,
            Ok(None) => self.already_done(caller),
            Err(error) => {
                tracing::error!(%error, "a form that was held did not come to its end");
                self.hand_back(caller, &held, &Stop::HeldUncertain).await
            }
        }
    }

    /// The same by a button, where the proof was given in another window.
    pub(super) async fn release_asked(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        match (caller.session.state, number(form.text("held"))) {
            (SessionState::Open, Some(id)) => self.release(caller, &id).await,
            (SessionState::Challenged, Some(_)) => to(&format!("{CHALLENGE}?held={}", form.text("held"))),
            _ => to(&home(caller.site())),
        }
    }

    /// The session is open and a form of it waits: a page that asks before it goes on, for a GET sends nothing.
    pub(super) fn offer_held(&self, caller: &Caller<'_>, id: &[u8; 16]) -> Response<AnswerBody> {
        let held = data_encoding::HEXLOWER.encode(id);
        page(StatusCode::OK, &HeldPage { about: caller.about(), held }, Scripts::None)
    }

    /// The proof was right, but the session still only reads: what was written goes back.
    pub(super) async fn hand_back_restricted(
        &self,
        caller: &Caller<'_>,
        id: &[u8; 16],
    ) -> Option<Response<AnswerBody>> {
        let held = self.held(caller, *id).await?;
        let stop = Stop::Decided { why: crate::policy::Why::Restricted, wait: None };
        let response = self.hand_back(caller, &held, &stop).await;
        let _ = self.shared.store.take(KeptKind::Held, *id, caller.visit.now).await;
        Some(response)
    }

    fn already_done(&self, caller: &Caller<'_>) -> Response<AnswerBody> {
        let next = home(caller.site());
        self.said(caller, StatusCode::OK, "held-done-title", "held-done-text", Some(&next))
    }

    /// What was written, as a form that the person can send by themselves.
    async fn hand_back(&self, caller: &Caller<'_>, held: &Held, stop: &Stop) -> Response<AnswerBody> {
        let visit = caller.visit;
        let read = self.read_again(visit, held).await;
        let asked = read.map(|(script, _)| script.asked);
        let asked = asked.unwrap_or_else(|| Asked::new(crate::domain::Action::View, webmail::Shape::Page));
        let kind = held.head.header(&header::CONTENT_TYPE);
        let form = Form::read_whole(kind.as_ref(), &held.body, visit.site().php_max_input_vars);
        let reference: Reference = caller.reference;
        respond(stop, &asked, visit.site(), reference, form.as_ref(), caller.words)
    }

    /// A form of this session that waits under this number.
    async fn held(&self, caller: &Caller<'_>, id: [u8; 16]) -> Option<Held> {
        let kept = match self.shared.store.kept(KeptKind::Held, id, caller.visit.now).await {
            Ok(kept) => kept?,
            Err(away) => {
                let _: Fact<()> = self.store_away(caller.visit, &away);
                return None;
            }
        };
        let plain = self.shared.keys.open(Sealing::Held, &[&id], &kept.sealed)?;
        let (length, rest) = plain.expose().split_first_chunk::<4>()?;
        let (head, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        (head.session == caller.session.hash).then(|| Held { head, body: Bytes::copy_from_slice(body) })
    }

    /// The request as it would be read if it came now.
    async fn read_again(&self, visit: &Visit, held: &Held) -> Option<(Script, Parts)> {
        let site = visit.site();
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = Method::POST;
        parts.uri = held.head.target.parse().ok()?;
        for (name, value) in &held.head.headers {
            parts.headers.append(HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value).ok()?);
        }
        let path = crate::gateway::path::read(parts.uri.path()).ok()?.decoded.into_owned();
        let below = below_base(&path, &site.base)?;
        let cookies = read_cookies(&parts.headers);
        let keep = webmail::keeps(site.webmail, &site.session_cookie);
        let kind = held.head.header(&header::CONTENT_TYPE);
        let mut reader = FormReader::new(kind.as_ref(), site.php_max_input_vars, keep);
        let mut waiting = self.shared.spool.begin();
        if let Some(reader) = &mut reader {
            reader.push(&held.body);
        }
        waiting.push(held.body.clone()).await.ok()?;
        let form = reader.map(FormReader::finish).transpose().ok()?;
        let script = self.understand(visit, &parts, below, cookies, form, Some(waiting)).await.ok()?;
        Some((script, parts))
    }

    fn copy_number(&self, id: &[u8; 16]) -> [u8; 16] {
        self.shared.keys.short_hash(Purpose::Handle, &[b"held copy", id])
    }
}

impl Head {
    fn header(&self, name: &HeaderName) -> Option<HeaderValue> {
        let value = self.headers.iter().find(|(of, _)| of == name.as_str()).map(|(_, value)| value)?;
        HeaderValue::try_from(value).ok()
    }
}

fn unavailable() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
