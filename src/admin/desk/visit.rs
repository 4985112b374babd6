//! Operators' sessions: found by a keyed hash of a cookie, kept sealed in the store, over after a while without a visit.
//!
//! Every step of a sign-in makes a new one and ends the one before: a number that somebody else knows, or planted, is
//! never the number of a session that has been proved.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::Desk;
use super::operator::{self, Operator};
use super::role::Role;
use crate::admin::control::By;
use crate::domain::{Purpose, Sealing, Secret, Timestamp};
use crate::store::{Away, Kept, KeptKind};

/// The session. `__Host-` makes browsers refuse it from a neighbouring host or over plain HTTP.
pub(super) const COOKIE: &str = "__Host-mailward_desk";

/// A browser with which an operator has signed in before. It opens nothing: see [`super::tries`].
pub(super) const KNOWN_COOKIE: &str = "__Host-mailward_known";

/// How long a sign-in may take from password to proof, and an enrolment from code to proof.
const HALF_LIVES: Duration = Duration::from_secs(600);

/// A session's end is written anew when it moved by this much.
const MOVES_BY: Duration = Duration::from_secs(60);

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// The password was right.
    Password,
    /// The code to begin with was right.
    Enrolment,
    /// Everything was.
    Signed,
}

/// A session as it is kept. It has no `Debug`: what a passkey's answer must fit is in it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub operator: String,
    pub stage: Stage,
    pub began: Timestamp,
    pub seen: Timestamp,
    /// What the answer to an asked-for passkey must fit.
    #[serde(default)]
    pub passkey: Option<String>,
    /// What an app is to share with us once its first code was right.
    #[serde(default)]
    pub secret: Option<[u8; 20]>,
    /// When the password was given again, to add a second proof.
    #[serde(default)]
    pub adding: Option<Timestamp>,
}

/// Who asks for a page, proved as far as the page needs.
#[derive(Clone)]
pub(super) struct Visit {
    /// An operator's name.
    pub name: Arc<str>,
    /// What the operator may do; for half a session, what it will be.
    pub role: Role,
    /// When.
    pub now: Timestamp,
    /// From where.
    pub address: IpAddr,
    /// The desk's host as the browser names it, lower-case, without port.
    pub host: Arc<str>,
    /// `https://` and that host with its port.
    pub origin: Arc<str>,
    /// Under which the session is kept.
    pub id: [u8; 16],
    /// The session; none for a token.
    pub session: Option<Session>,
}

impl Visit {
    /// For events, notes and the audit.
    pub fn by(&self) -> By {
        By { name: Arc::clone(&self.name), address: Some(self.address) }
    }
}

impl Desk {
    /// Begins a session and returns the cookie that carries it.
    pub(super) async fn begin(&self, operator: &str, stage: Stage, now: Timestamp) -> Result<HeaderValue, Away> {
        let number: [u8; 32] = self.control.dice.bytes();
        let cookie = Secret::new(data_encoding::BASE64URL_NOPAD.encode(&number));
        let id = self.ids(cookie.expose()).next().unwrap_or_default();
        let session = Session {
            operator: operator.to_owned(),
            stage,
            began: now,
            seen: now,
            passkey: None,
            secret: None,
            adding: None,
        };
        self.keep(id, &session, now).await?;
        Ok(set_cookie(COOKIE, cookie.expose(), None))
    }

    /// Keeps a session, new or changed.
    pub(super) async fn keep(&self, id: [u8; 16], session: &Session, now: Timestamp) -> Result<(), Away> {
        let control = &self.control;
        let plain = Secret::new(serde_json::to_vec(session).expect("texts and numbers"));
        let sealed = control.keys.seal(Sealing::Desk, &[&id], &plain, control.dice.bytes());
        let kept = Kept { kind: KeptKind::Desk, id, until: self.ends(session), sealed };
        control.store.keep(kept, now).await
    }

    fn ends(&self, session: &Session) -> Timestamp {
        let settings = (self.settings)();
        match session.stage {
            Stage::Password | Stage::Enrolment => session.began.after(HALF_LIVES),
            Stage::Signed => session.began.after(settings.session_max).min(session.seen.after(settings.session_idle)),
        }
    }

    /// Ends the session of these headers, whatever it is.
    pub(super) async fn end(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Away> {
        if let Some(cookie) = cookie(headers, COOKIE) {
            for id in self.ids(cookie) {
                self.control.store.take(KeptKind::Desk, id, now).await?;
            }
        }
        Ok(())
    }

    /// The session of these headers with its operator, as they are now; none where there is none.
    pub(super) async fn find(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<([u8; 16], Session, Operator)>, Away> {
        let Some(cookie) = cookie(headers, COOKIE) else { return Ok(None) };
        for id in self.ids(cookie) {
            let Some(kept) = self.control.store.kept(KeptKind::Desk, id, now).await? else { continue };
            let plain = self.control.keys.open(Sealing::Desk, &[&id], &kept.sealed);
            let session = plain.and_then(|plain| serde_json::from_slice::<Session>(plain.expose()).ok());
            let Some(mut session) = session.filter(|session| now < self.ends(session)) else { continue };
            let Some(operator) = self.operator(&session.operator).await?.map(|(operator, _)| operator) else {
                continue;
            };
            if session.began < operator.void_before {
                continue;
            }
            if session.stage == Stage::Signed && now.since(session.seen) >= MOVES_BY {
                session.seen = now;
                self.keep(id, &session, now).await?;
            }
            return Ok(Some((id, session, operator)));
        }
        Ok(None)
    }

    /// What a token may do, and whose it is.
    pub(super) async fn of_token(&self, headers: &HeaderMap, now: Timestamp) -> Result<Option<(String, Role)>, Away> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) else { return Ok(None) };
        let Some((owner, secret)) = operator::token_parts(token.trim()) else { return Ok(None) };
        let Some((operator, _)) = self.operator(owner).await? else { return Ok(None) };
        Ok(operator.token_role(owner, secret, &self.control.keys, now).map(|role| (owner.to_owned(), role)))
    }

    /// Whether these headers come from a browser with which this operator has signed in before.
    pub(super) fn is_known(&self, headers: &HeaderMap, name: &str) -> bool {
        let Some((number, seal)) = cookie(headers, KNOWN_COOKIE).and_then(|cookie| cookie.split_once('.')) else {
            return false;
        };
        let parts: [&[u8]; 3] = [b"known", name.as_bytes(), number.as_bytes()];
        let hex = |hash: [u8; 32]| data_encoding::HEXLOWER.encode(&hash);
        let right = |hash: [u8; 32]| bool::from(subtle::ConstantTimeEq::ct_eq(hex(hash).as_bytes(), seal.as_bytes()));
        self.control.keys.hashes(Purpose::Desk, &parts).any(right)
    }

    /// The cookie by which this browser is known from now on.
    pub(super) fn known_cookie(&self, name: &str) -> HeaderValue {
        let number = data_encoding::HEXLOWER.encode(&self.control.dice.bytes::<16>());
        let seal = self.control.keys.hash(Purpose::Desk, &[b"known", name.as_bytes(), number.as_bytes()]);
        let year = Duration::from_secs(365 * 86_400);
        set_cookie(KNOWN_COOKIE, &format!("{number}.{}", data_encoding::HEXLOWER.encode(&seal)), Some(year))
    }

    /// Under what a cookie's session may be kept: by each key that still counts.
    fn ids(&self, cookie: &str) -> impl Iterator<Item = [u8; 16]> + Send + use<> {
        let parts: [&[u8]; 2] = [b"session", cookie.as_bytes()];
        self.control.keys.short_hashes(Purpose::Desk, &parts).collect::<Vec<_>>().into_iter()
    }
}

/// The first cookie of this name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(of, _)| *of == name).map(|(_, value)| value)
}

fn set_cookie(name: &str, value: &str, lives: Option<Duration>) -> HeaderValue {
    let lives = lives.map_or_else(String::new, |lives| format!("; Max-Age={}", lives.as_secs()));
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{lives}");
    HeaderValue::try_from(text).expect("letters and digits")
}

/// A cookie that comes along when another site sends the browser here: for what that site was asked.
pub(super) fn set_lax_cookie(name: &str, value: &str, lives: Duration) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}", lives.as_secs());
    HeaderValue::try_from(text).expect("letters and digits")
}

/// Takes the session's cookie away.
pub(super) fn forget_cookie() -> HeaderValue {
    set_cookie(COOKIE, "", Some(Duration::ZERO))
}
