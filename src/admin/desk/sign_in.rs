//! Signing in: name and password, then a second proof, each with an allowance of tries.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Desk;
use super::fault::Fault;
use super::form::{Form, Query};
use super::operator::{self, Operator};
use super::page::{self, AskProof, SignIn};
use super::password::{self, Busy};
use super::tries::Try;
use super::visit::{Session, Stage, Visit, forget_cookie};
use crate::challenge::factors::{self, Answer};
use crate::domain::{Account, FactorKind, Secret, SiteName};

/// What signs in at the desk, in the words of the rooms that prove people.
pub(super) struct Person {
    site: SiteName,
    account: Account,
}

impl Person {
    pub fn of(name: &str) -> Self {
        Self { site: "Mailward desk".into(), account: Account::from_canonical(name) }
    }

    pub fn about<'a>(&'a self, desk: &'a Desk, visit: &'a Visit) -> factors::About<'a> {
        factors::About {
            keys: &desk.control.keys,
            site: &self.site,
            account: &self.account,
            host: &visit.host,
            origin: &visit.origin,
            now: visit.now,
        }
    }
}

/// What proves an operator, in the order in which it is offered.
pub(super) const KINDS: [FactorKind; 2] = [FactorKind::Passkey, FactorKind::Totp];

/// Where to go on to: a page of the desk, nothing else. `asked` may be written by anybody.
pub(super) fn next(asked: &str) -> &str {
    let is_here = asked.starts_with('/') && !asked.starts_with("//") && !asked.contains('\\');
    if is_here && asked.len() <= 2048 && asked.bytes().all(|byte| byte.is_ascii_graphic()) { asked } else { "/" }
}

/// The form.
pub(super) async fn form(State(desk): State<Arc<Desk>>, Query(query): Query) -> Response {
    let openid = desk.has_provider();
    page::shown(StatusCode::OK, &SignIn { next: next(query.text("next")), name: "", notice: None, openid })
}

/// Name and password.
pub(super) async fn password(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Fault> {
    let now = visit.now;
    let next = next(form.text("next"));
    let typed = form.text("name");
    // What is no name is counted as one all the same, so that it is answered as slowly and as rarely.
    let name = operator::name(typed).unwrap_or_else(|| "?".to_owned());
    let is_known = desk.is_known(&headers, &name);
    let charged = desk.tries.charge(Try::Password, &name, visit.address, is_known, &desk.control.keys, now);
    let charged = charged.map_err(too_often)?;
    let operator = desk.operator(&name).await?.map(|(operator, _)| operator);
    let kept = operator.as_ref().and_then(|operator| operator.password.clone());
    let given = Secret::new(form.text("password").to_owned());
    let fits = desk.passwords.fits(given, &kept.clone().unwrap_or_else(password::Kept::nobody)).await;
    let right = fits.map_err(busy)? && kept.is_some() && operator.as_ref().is_some_and(Operator::is_ready);
    if !right {
        desk.note_stranger(&visit, &name, "operator.password", false).await?;
        let notice = Some("Name or password are wrong.");
        return Ok(page::shown(
            StatusCode::UNPROCESSABLE_ENTITY,
            &SignIn { next, name: typed, notice, openid: desk.has_provider() },
        ));
    }
    charged.give_back();
    desk.end(&headers, now).await?;
    let cookie = desk.begin(&name, Stage::Password, now).await?;
    Ok(with_cookies(page::to(&proof_address(next, None)), [cookie]))
}

fn proof_address(next: &str, with: Option<FactorKind>) -> String {
    let mut address = form_urlencoded::Serializer::for_suffix("/sign-in/proof?".to_owned(), 15);
    address.append_pair("next", next);
    if let Some(kind) = with {
        address.append_pair("with", kind.name());
    }
    address.finish()
}

/// The page that asks for the second proof.
pub(super) async fn ask(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let wanted = FactorKind::from_name(query.text("with"));
    desk.ask_proof(&visit, next(query.text("next")), wanted, None).await
}

impl Desk {
    async fn ask_proof(
        &self,
        visit: &Visit,
        next: &str,
        wanted: Option<FactorKind>,
        notice: Option<&str>,
    ) -> Result<Response, Fault> {
        let (operator, _) = self.operator(&visit.name).await?.ok_or_else(gone)?;
        let person = Person::of(&visit.name);
        let about = person.about(self, visit);
        let offered: Vec<FactorKind> =
            KINDS.into_iter().filter(|kind| factors::of(*kind).is_offered(&operator.factors, &about)).collect();
        let kind = wanted.filter(|kind| offered.contains(kind)).or(offered.first().copied());
        let Some(kind) = kind else {
            let text = format!(
                "Your passkey belongs to another host than {}. Open the desk where you set it up, or ask for: \
                 mailward admin reset {}",
                visit.host, visit.name
            );
            return Err(Fault::Refused(text));
        };
        let question = factors::of(kind).ask(&operator.factors, &about);
        let question = question.ok_or_else(|| Fault::Refused("This proof cannot be asked for just now.".to_owned()))?;
        if let (Some(kept), Some(session)) = (question.kept, &visit.session) {
            let session = Session { passkey: Some(kept.expose().clone()), ..session.clone() };
            self.keep(visit.id, &session, visit.now).await?;
        }
        let other = offered.into_iter().find(|other| *other != kind);
        let ask = AskProof {
            next,
            kind: kind.name(),
            passkey: question.shown.as_deref(),
            other: other.map(|other| (proof_address(next, Some(other)), other.name())),
            notice,
        };
        let status = if notice.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(page::shown(status, &ask))
    }
}

/// The second proof.
pub(super) async fn prove(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Fault> {
    let (name, now) = (&visit.name, visit.now);
    let next = next(form.text("next"));
    let kind = FactorKind::from_name(form.text("with")).filter(|kind| KINDS.contains(kind));
    let kind = kind.ok_or_else(|| Fault::Bad("this proof is not known".to_owned()))?;
    let is_known = desk.is_known(&headers, name);
    let charged = desk.tries.charge(Try::Proof, name, visit.address, is_known, &desk.control.keys, now);
    let charged = charged.map_err(too_often)?;
    let person = Person::of(name);
    let about = person.about(&desk, &visit);
    let kept = visit.session.as_ref().and_then(|session| session.passkey.as_deref());
    let right = desk
        .change_operator(name, |operator| {
            let proves =
                factors::of(kind).prove(&Answer { given: form.text("code"), kept }, &mut operator.factors, &about);
            if proves {
                operator.signed_in = Some(now);
            }
            proves
        })
        .await?;
    if right != Some(true) {
        desk.note_stranger(&visit, name, "operator.proof", false).await?;
        return desk.ask_proof(&visit, next, Some(kind), Some("That was not right.")).await;
    }
    charged.give_back();
    desk.note_stranger(&visit, name, "operator.sign_in", true).await?;
    desk.signed_in(&visit, &headers, next).await
}

impl Desk {
    /// The last step of a sign-in or an enrolment: everything was right.
    pub(super) async fn signed_in(&self, visit: &Visit, headers: &HeaderMap, next: &str) -> Result<Response, Fault> {
        self.end(headers, visit.now).await?;
        let cookie = self.begin(&visit.name, Stage::Signed, visit.now).await?;
        let known = (!self.is_known(headers, &visit.name)).then(|| self.known_cookie(&visit.name));
        Ok(with_cookies(page::to(next), std::iter::once(cookie).chain(known)))
    }

    /// Notes what somebody did who is not, or not yet, signed in.
    pub(super) async fn note_stranger(&self, visit: &Visit, name: &str, action: &str, done: bool) -> Result<(), Fault> {
        let visit = Visit { name: name.into(), ..visit.clone() };
        self.note(&visit, action, "", "", done).await
    }
}

/// Ends the session.
pub(super) async fn sign_out(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    desk.end(&headers, visit.now).await?;
    desk.note(&visit, "operator.sign_out", "", "", true).await?;
    Ok(with_cookies(page::to("/sign-in"), [forget_cookie()]))
}

pub(super) fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response.into_response()
}

pub(super) fn too_often(wait: std::time::Duration) -> Fault {
    Fault::TooOften(wait.as_secs() + 1)
}

pub(super) fn busy(_: Busy) -> Fault {
    Fault::TooOften(5)
}

pub(super) fn gone() -> Fault {
    Fault::NotFound("This operator is not known any more.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_goes_on_to_a_page_of_the_desk_and_nowhere_else() {
        for here in ["/", "/flags?status=open&before=1", "/flags/7K3M-9QWX"] {
            assert_eq!(next(here), here);
        }
        for elsewhere in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "/ä"]
        {
            assert_eq!(next(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
