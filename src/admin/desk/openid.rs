//! Signing in with the organisation's own provider. Whoever it is gets the role that the configuration grants for what the
//! provider says, at every sign-in anew; nobody without such a role gets in.
//!
//! The answer comes from another site, so the desk's own cookie, which is `SameSite=Strict`, is not sent along: what was
//! asked is kept under a cookie of its own, which is good for one answer.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::fault::Fault;
use super::form::Query;
use super::operator::{OpenIdOwner, openid_name};
use super::page::{self, SignIn};
use super::sign_in::{next, too_often, with_cookies};
use super::tries::Try;
use super::visit::{Stage, Visit, cookie, set_lax_cookie};
use super::{Desk, Role};
use crate::domain::{Purpose, Sealing, Secret, Timestamp};
use crate::openid::{Came, Provider, Secrets};
use crate::store::{Kept, KeptKind};

/// What was asked is found by it.
const COOKIE: &str = "__Host-mailward_openid";

/// How long somebody may take at the provider.
const LIVES: Duration = Duration::from_secs(600);

/// One sign-in under way. It has no `Debug`: whoever knows what is in it could answer in its place.
#[derive(Serialize, Deserialize)]
struct Flow {
    /// Whoever was asked must answer.
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
    next: String,
}

impl Flow {
    fn secrets(&self) -> Secrets<'_> {
        Secrets { state: &self.state, nonce: &self.nonce, verifier: &self.verifier }
    }
}

#[derive(Template)]
#[template(path = "admin/signed_in.html")]
struct SignedIn<'a> {
    next: &'a str,
}

/// Where the provider sends the browser back to. It must be told of this address.
fn back(visit: &Visit) -> String {
    format!("{}/sign-in/openid/back", visit.origin)
}

/// Sends the browser to the provider.
pub(super) async fn begin(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let Some(provider) = desk.provider() else { return Ok(page::to("/sign-in")) };
    let flow = Flow {
        issuer: provider.settings().issuer.clone(),
        state: desk.drawn(),
        nonce: desk.drawn(),
        verifier: desk.drawn(),
        next: next(query.text("next")).to_owned(),
    };
    let address = match provider.begin(&back(&visit), &flow.secrets(), visit.now).await {
        Ok(address) => address,
        Err(why) => return Ok(refused(&why.to_string(), &flow.next)),
    };
    let number = desk.drawn();
    desk.keep_flow(&number, &flow, visit.now).await?;
    Ok(with_cookies(page::to(&address), [set_lax_cookie(COOKIE, &number, LIVES)]))
}

/// The browser comes back.
pub(super) async fn come_back(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Query(query): Query,
) -> Result<Response, Fault> {
    let Some(provider) = desk.provider() else { return Ok(page::to("/sign-in")) };
    // By where it comes from only: nobody can use up what others have.
    let whose = visit.address.to_string();
    let charged = desk.tries.charge(Try::Password, &whose, visit.address, false, &desk.control.keys, visit.now);
    let charged = charged.map_err(too_often)?;
    // Taken: what came once, right or wrong, does not count again.
    let flow = match cookie(&headers, COOKIE) {
        Some(number) => desk.take_flow(number, visit.now).await?,
        None => None,
    };
    let Some(flow) = flow else {
        return Ok(refused("This sign-in is not known, or was too long ago. Begin again.", "/"));
    };
    let came = desk.came_back(&provider, &flow, &visit, &query).await?;
    let response = match came {
        Ok(name) => {
            charged.give_back();
            desk.note_stranger(&visit, &name, "operator.sign_in", true).await?;
            desk.end(&headers, visit.now).await?;
            let session = desk.begin(&name, Stage::Signed, visit.now).await?;
            // A redirect would still count as coming from the provider, and the new cookie would not be sent along.
            with_cookies(page::shown(StatusCode::OK, &SignedIn { next: &flow.next }), [session])
        }
        Err((name, why)) => {
            let visit = Visit { name: name.as_str().into(), ..visit };
            desk.note(&visit, "operator.sign_in", "", &why, false).await?;
            refused(&why, &flow.next)
        }
    };
    Ok(with_cookies(response, [set_lax_cookie(COOKIE, "", Duration::ZERO)]))
}

/// The form for name and password, with the reason: whatever is wrong with the provider, that is there.
fn refused(why: &str, next: &str) -> Response {
    let notice = format!("You are not signed in: {why}");
    let page = SignIn { next, name: "", notice: Some(&notice), openid: true };
    page::shown(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

impl Desk {
    fn provider(&self) -> Option<Arc<Provider>> {
        (self.openid)()
    }

    /// Whether operators may sign in elsewhere.
    pub(super) fn has_provider(&self) -> bool {
        self.provider().is_some()
    }

    /// A number that nobody guesses.
    fn drawn(&self) -> String {
        data_encoding::BASE64URL_NOPAD.encode(&self.control.dice.bytes::<32>())
    }

    async fn keep_flow(&self, number: &str, flow: &Flow, now: Timestamp) -> Result<(), Fault> {
        let id = self.control.keys.short_hash(Purpose::Desk, &[b"openid", number.as_bytes()]);
        let plain = Secret::new(serde_json::to_vec(flow).expect("texts"));
        let sealed = self.control.keys.seal(Sealing::Desk, &[b"openid", &id], &plain, self.control.dice.bytes());
        Ok(self.control.store.keep(Kept { kind: KeptKind::Desk, id, until: now.after(LIVES), sealed }, now).await?)
    }

    async fn take_flow(&self, number: &str, now: Timestamp) -> Result<Option<Flow>, Fault> {
        let parts: [&[u8]; 2] = [b"openid", number.as_bytes()];
        let ids: Vec<[u8; 16]> = self.control.keys.short_hashes(Purpose::Desk, &parts).collect();
        for id in ids {
            let Some(kept) = self.control.store.take(KeptKind::Desk, id, now).await? else { continue };
            let plain = self.control.keys.open(Sealing::Desk, &[b"openid", &id], &kept.sealed);
            return Ok(plain.and_then(|plain| serde_json::from_slice(plain.expose()).ok()));
        }
        Ok(None)
    }

    /// The operator who came back; else who it may have been, and why not.
    async fn came_back(
        &self,
        provider: &Provider,
        flow: &Flow,
        visit: &Visit,
        query: &super::form::Fields,
    ) -> Result<Result<String, (String, String)>, Fault> {
        let nobody = |why: &str| Ok(Err(("?".to_owned(), why.to_owned())));
        if !bool::from(query.text("state").as_bytes().ct_eq(flow.state.as_bytes())) {
            return nobody("the answer belongs to another sign-in");
        }
        if flow.issuer != provider.settings().issuer {
            return nobody("the provider is another one by now");
        }
        if !query.text("error").is_empty() {
            return nobody("the provider said no");
        }
        let Some(code) = query.given("code") else { return nobody("the provider sent no code") };
        let came = Came { code, issuer: query.given("iss") };
        let identity = match provider.finish(came, &back(visit), &flow.secrets(), visit.now).await {
            Ok(identity) => identity,
            Err(why) => return nobody(&why.to_string()),
        };
        let called = identity.name.as_deref().and_then(openid_name);
        let Some(name) = called else {
            return nobody("the provider names nobody whose name can stand in the audit log");
        };
        // Of several the one that may do the most.
        let Some(role) = identity.grants.iter().filter_map(|grant| Role::from_name(grant)).max() else {
            return Ok(Err((name, "this person has no role at the desk".to_owned())));
        };
        let owner = OpenIdOwner { issuer: flow.issuer.clone(), subject: identity.subject };
        if !self.control.openid_signed_in(&name, &owner, role, visit.now).await? {
            let why = "another person of this name signed in before; an administrator can remove that one";
            return Ok(Err((name, why.to_owned())));
        }
        Ok(Ok(name))
    }
}
