//! How an operator begins: the code that an administrator gave out, a password, and a second proof. Only then is the code
//! used up.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Desk;
use super::fault::Fault;
use super::form::{Form, Query};
use super::operator::{self, Operator};
use super::page::{self, Enrol, EnrolFactor, EnrolPassword};
use super::password;
use super::sign_in::{Person, busy, gone, too_often, with_cookies};
use super::tries::Try;
use super::visit::{Session, Stage, Visit};
use crate::challenge::enrolled::{self, EnrolledPasskey};
use crate::challenge::factors::{Answer, passkey, totp};
use crate::domain::Secret;

/// The form for name and code.
pub(super) async fn form(Query(query): Query) -> Response {
    page::shown(StatusCode::OK, &Enrol { name: query.text("name"), notice: None })
}

/// Name and code.
pub(super) async fn begin(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Fault> {
    let now = visit.now;
    let name = operator::name(form.text("name")).unwrap_or_else(|| "?".to_owned());
    let is_known = desk.is_known(&headers, &name);
    let charged = desk.tries.charge(Try::Password, &name, visit.address, is_known, &desk.control.keys, now);
    let charged = charged.map_err(too_often)?;
    let operator = desk.operator(&name).await?.map(|(operator, _)| operator);
    if !Operator::begins_with(operator.as_ref(), &name, form.text("code"), &desk.control.keys, now) {
        desk.note_stranger(&visit, &name, "operator.enrol", false).await?;
        let notice = Some("Name or code are wrong, or the code is older than a day.");
        let enrol = Enrol { name: form.text("name"), notice };
        return Ok(page::shown(StatusCode::UNPROCESSABLE_ENTITY, &enrol));
    }
    charged.give_back();
    desk.end(&headers, now).await?;
    let cookie = desk.begin(&name, Stage::Enrolment, now).await?;
    Ok(with_cookies(page::to("/enrol/password"), [cookie]))
}

/// The form for the password.
pub(super) async fn password_form(Extension(visit): Extension<Visit>) -> Response {
    page::shown(StatusCode::OK, &EnrolPassword { name: &visit.name, notice: None })
}

/// What is wrong with a password; none where nothing is.
pub(super) fn wrong_with(password: &str, again: &str, name: &str) -> Option<&'static str> {
    if password != again {
        return Some("The two are not the same.");
    }
    if password.chars().count() < password::CHARACTERS_MIN {
        return Some("It needs at least 12 characters.");
    }
    if password.len() > password::BYTES_MAX {
        return Some("It is too long.");
    }
    let lower = password.to_lowercase();
    let of_one_kind = lower.chars().collect::<std::collections::HashSet<_>>().len() < 5;
    if of_one_kind || lower.replace(name, "").chars().count() < password::CHARACTERS_MIN / 2 {
        return Some("It is too easily guessed.");
    }
    None
}

/// The password.
pub(super) async fn set_password(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let password = form.text("password");
    if let Some(notice) = wrong_with(password, form.text("again"), &visit.name) {
        let page = EnrolPassword { name: &visit.name, notice: Some(notice) };
        return Ok(page::shown(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let kept = desk.passwords.keep(Secret::new(password.to_owned()), desk.control.dice.bytes()).await.map_err(busy)?;
    let begun = visit.session.as_ref().map(|session| session.began);
    let set = desk
        .change_operator(&visit.name, |operator| {
            // A reset that came between takes this beginning away.
            let counts = operator.enrolment.is_some() && begun.is_some_and(|begun| begun >= operator.void_before);
            if counts {
                operator.password = Some(kept.clone());
            }
            counts
        })
        .await?;
    if set != Some(true) {
        return Err(gone());
    }
    Ok(page::to("/enrol/factor"))
}

/// The form for the second proof: an app, or a passkey where this host can have one.
pub(super) async fn factor_form(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    desk.show_factor(&visit, query.text("with") == "passkey", None).await
}

impl Desk {
    async fn show_factor(&self, visit: &Visit, with_passkey: bool, notice: Option<&str>) -> Result<Response, Fault> {
        let session = visit.session.clone().ok_or_else(gone)?;
        let (operator, _) = self.operator(&visit.name).await?.ok_or_else(gone)?;
        if operator.password.is_none() {
            return Ok(page::to("/enrol/password"));
        }
        self.show_new_factor(visit, session, &operator, with_passkey, notice, false).await
    }

    /// The page on which a second proof is tried for the first time: an app's code, or a passkey where it is wanted and this
    /// host can have one. `adds`: to others that there are.
    pub(super) async fn show_new_factor(
        &self,
        visit: &Visit,
        session: Session,
        operator: &Operator,
        with_passkey: bool,
        notice: Option<&str>,
        adds: bool,
    ) -> Result<Response, Fault> {
        let person = Person::of(&visit.name);
        let question = passkey::begin(&operator.factors, &person.about(self, visit));
        let may_passkey = question.is_some();
        let status = if notice.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        if with_passkey && let Some(question) = question {
            let kept = question.kept.map(|kept| kept.expose().clone());
            self.keep(visit.id, &Session { passkey: kept, ..session }, visit.now).await?;
            let page = EnrolFactor { passkey: question.shown.as_deref(), app: None, may_passkey, notice, adds };
            return Ok(page::shown(status, &page));
        }
        let secret = session.secret.unwrap_or_else(|| self.control.dice.bytes());
        if session.secret.is_none() {
            self.keep(visit.id, &Session { secret: Some(secret), ..session }, visit.now).await?;
        }
        let address = totp::address(&secret, &format!("Mailward {}", visit.host), &visit.name);
        let app = Some((totp::spelled(&secret), totp::picture(&address).unwrap_or_default()));
        Ok(page::shown(status, &EnrolFactor { passkey: None, app, may_passkey, notice, adds }))
    }
}

/// The second proof, tried once; then the operator has signed in.
pub(super) async fn set_factor(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Fault> {
    let (name, now) = (&visit.name, visit.now);
    let session = visit.session.clone().ok_or_else(gone)?;
    let with_passkey = form.text("with") == "passkey";
    let person = Person::of(name);
    let about = person.about(&desk, &visit);
    let number = u64::from_be_bytes(desk.control.dice.bytes()) >> 16;
    let step = session.secret.and_then(|secret| totp::matching_step(&secret, form.text("code"), now));
    let set = desk
        .change_operator(name, |operator| {
            let counts = operator.enrolment.is_some() && operator.password.is_some();
            if !counts || session.began < operator.void_before {
                return false;
            }
            if with_passkey {
                let answer = Answer { given: form.text("code"), kept: session.passkey.as_deref() };
                let Some(key) = passkey::finish(&answer, &operator.factors, &about) else { return false };
                let name = enrolled::short_name(form.text("called"), "passkey");
                let host = visit.host.to_string();
                operator.factors.passkeys.push(EnrolledPasskey { number, name, added: now, used: None, host, key });
            } else {
                let (Some(secret), Some(step)) = (session.secret, step) else { return false };
                let called = enrolled::short_name(form.text("called"), "first app");
                operator.factors.apps.push(totp::new_app(secret, called, number, step, now));
            }
            operator.enrolment = None;
            operator.signed_in = Some(now);
            true
        })
        .await?;
    if set != Some(true) {
        return desk.show_factor(&visit, with_passkey, Some("That was not right. Try again.")).await;
    }
    desk.note_stranger(&visit, name, "operator.enrol", true).await?;
    desk.signed_in(&visit, &headers, "/").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_says_what_is_wrong_with_it() {
        for (password, right) in [
            ("correct horse battery", true),
            ("short", false),
            ("aaaaaaaaaaaaaaaa", false),
            ("annaannaanna1234", false),
            ("ein langer Satz über Ähren", true),
        ] {
            assert_eq!(wrong_with(password, password, "anna").is_none(), right, "{password}");
        }
        assert!(wrong_with("correct horse battery", "correct horse batterz", "anna").is_some());
        assert!(wrong_with(&"abcdefg ".repeat(100), &"abcdefg ".repeat(100), "anna").is_some());
    }
}
