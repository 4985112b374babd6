//! An operator's second proofs: further ones added, any but the last one removed, both by whoever knows the password too. A
//! session that somebody else took over must not become theirs for good.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::Desk;
use super::fault::Fault;
use super::form::{Fields, Form, Query};
use super::operator::Operator;
use super::page;
use super::sign_in::{Person, busy, gone, too_often};
use super::tries::Try;
use super::visit::{Session, Visit};
use super::words::{self, When};
use crate::challenge::enrolled::{APPS_MAX, EnrolledPasskey, PASSKEYS_MAX, short_name};
use crate::challenge::factors::{Answer, passkey, totp};
use crate::domain::{FactorKind, Secret, Timestamp};

/// How long after the password something can be added.
const ADDING_LIVES: Duration = Duration::from_secs(600);

/// One second proof on an operator's own page.
pub(super) struct FactorRow {
    /// `totp` or `passkey`, and its number.
    pub which: String,
    pub kind: &'static str,
    pub name: String,
    /// The host that a passkey belongs to, where that is another one.
    pub elsewhere: Option<String>,
    pub added: When,
    pub used: Option<When>,
}

/// All second proofs of an operator.
pub(super) fn rows(operator: &Operator, visit: &Visit) -> Vec<FactorRow> {
    let (factors, now) = (&operator.factors, visit.now);
    let apps = factors.apps.iter().map(|app| FactorRow {
        which: format!("{} {}", FactorKind::Totp.name(), app.number),
        kind: "App for codes",
        name: app.name.clone(),
        elsewhere: None,
        added: words::when(app.added, now),
        used: Some(words::when(totp::last_used(app), now)),
    });
    let passkeys = factors.passkeys.iter().map(|key| FactorRow {
        which: format!("{} {}", FactorKind::Passkey.name(), key.number),
        kind: "Passkey",
        name: key.name.clone(),
        elsewhere: (key.host != *visit.host).then(|| key.host.clone()),
        added: words::when(key.added, now),
        used: key.used.map(|used| words::when(used, now)),
    });
    passkeys.chain(apps).collect()
}

/// What came of a removal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    Done,
    NoSuch,
    /// Nothing would be left with which the operator could sign in here.
    Last,
}

impl Desk {
    /// Whether the password that stands in a form is right. What is wrong costs a try.
    async fn is_own_password(&self, visit: &Visit, form: &Fields) -> Result<bool, Fault> {
        let name = visit.name.as_ref();
        let charged = self.tries.charge(Try::Password, name, visit.address, true, &self.control.keys, visit.now);
        let charged = charged.map_err(too_often)?;
        let (operator, _) = self.operator(name).await?.ok_or_else(gone)?;
        let kept = operator.password.ok_or_else(gone)?;
        let given = Secret::new(form.text("old").to_owned());
        let right = self.passwords.fits(given, &kept).await.map_err(busy)?;
        if right {
            charged.give_back();
        }
        Ok(right)
    }

    /// Begins to add a second proof of the kind that stands in the form.
    pub(super) async fn begin_adding(&self, visit: &Visit, form: &Fields) -> Result<Response, Fault> {
        if !self.is_own_password(visit, form).await? {
            self.note(visit, "operator.add_factor", "", "", false).await?;
            return self.own_page(visit, None, None, Some(WRONG.to_owned())).await;
        }
        let session = visit.session.clone().ok_or_else(gone)?;
        let session = Session { adding: Some(visit.now), secret: None, passkey: None, ..session };
        self.keep(visit.id, &session, visit.now).await?;
        let with = if form.text("do") == "add-passkey" { "passkey" } else { "totp" };
        Ok(page::to(&format!("/me/factor?with={with}")))
    }

    /// Removes the second proof that stands in the form, unless it is the last one.
    pub(super) async fn remove_factor(&self, visit: &Visit, form: &Fields) -> Result<Response, Fault> {
        let which = form.text("which");
        let wrong = async |why: &str| {
            self.note(visit, "operator.remove_factor", which, "", false).await?;
            self.own_page(visit, None, None, Some(why.to_owned())).await
        };
        let named = which
            .split_once(' ')
            .and_then(|(kind, number)| Some((FactorKind::from_name(kind)?, number.parse::<u64>().ok()?)));
        let Some((kind, number)) = named else { return wrong("Choose which one.").await };
        if !self.is_own_password(visit, form).await? {
            return wrong(WRONG).await;
        }
        let host = &visit.host;
        let removed = self.change_operator(&visit.name, |operator| remove(operator, kind, number, host)).await?;
        match removed.ok_or_else(gone)? {
            Removal::Done => {
                self.note(visit, "operator.remove_factor", which, "", true).await?;
                self.own_page(visit, Some("It proves nothing any more.".to_owned()), None, None).await
            }
            Removal::NoSuch => wrong("There is no such proof any more.").await,
            Removal::Last => wrong("It is the last one that can be used here. Add another one first.").await,
        }
    }

    async fn show_adding(&self, visit: &Visit, with_passkey: bool, notice: Option<&str>) -> Result<Response, Fault> {
        let Some(session) = adding(visit) else { return Ok(page::to("/me")) };
        let (operator, _) = self.operator(&visit.name).await?.ok_or_else(gone)?;
        self.show_new_factor(visit, session, &operator, with_passkey, notice, true).await
    }
}

const WRONG: &str = "The password is another one.";

/// The session, while its operator has given the password a moment ago.
fn adding(visit: &Visit) -> Option<Session> {
    let recently = |since: Timestamp| since <= visit.now && visit.now.since(since) < ADDING_LIVES;
    visit.session.clone().filter(|session| session.adding.is_some_and(recently))
}

fn remove(operator: &mut Operator, kind: FactorKind, number: u64, host: &str) -> Removal {
    let factors = &mut operator.factors;
    let stays = |of: FactorKind, which: u64| of != kind || which != number;
    let passkeys = |key: &EnrolledPasskey| stays(FactorKind::Passkey, key.number);
    let apps_left = factors.apps.iter().filter(|app| stays(FactorKind::Totp, app.number)).count();
    let keys_left = factors.passkeys.iter().filter(|key| passkeys(key)).count();
    if apps_left == factors.apps.len() && keys_left == factors.passkeys.len() {
        return Removal::NoSuch;
    }
    let can_prove = apps_left > 0 || factors.passkeys.iter().any(|key| passkeys(key) && key.host == host);
    if !can_prove {
        return Removal::Last;
    }
    factors.apps.retain(|app| stays(FactorKind::Totp, app.number));
    factors.passkeys.retain(passkeys);
    Removal::Done
}

/// The page on which a further second proof is tried.
pub(super) async fn form(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    desk.show_adding(&visit, query.text("with") == "passkey", None).await
}

/// The further second proof, tried once.
pub(super) async fn add(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let Some(session) = adding(&visit) else { return Ok(page::to("/me")) };
    let (name, now) = (visit.name.as_ref(), visit.now);
    let with_passkey = form.text("with") == "passkey";
    let called = short_name(form.text("called"), if with_passkey { "passkey" } else { "app" });
    let person = Person::of(name);
    let about = person.about(&desk, &visit);
    let number = u64::from_be_bytes(desk.control.dice.bytes()) >> 16;
    let step = session.secret.and_then(|secret| totp::matching_step(&secret, form.text("code"), now));
    let added = desk
        .change_operator(name, |operator| {
            let factors = &mut operator.factors;
            if with_passkey {
                let answer = Answer { given: form.text("code"), kept: session.passkey.as_deref() };
                let has_room = factors.passkeys.len() < PASSKEYS_MAX;
                let Some(key) = passkey::finish(&answer, factors, &about).filter(|_| has_room) else { return false };
                let host = visit.host.to_string();
                let name = called.clone();
                factors.passkeys.push(EnrolledPasskey { number, name, added: now, used: None, host, key });
            } else {
                let (Some(secret), Some(step)) = (session.secret, step) else { return false };
                if factors.apps.len() >= APPS_MAX {
                    return false;
                }
                factors.apps.push(totp::new_app(secret, called.clone(), number, step, now));
            }
            true
        })
        .await?;
    if added != Some(true) {
        desk.note(&visit, "operator.add_factor", &called, "", false).await?;
        let notice = "That was not right, or there are as many as one operator may have. Try again.";
        return desk.show_adding(&visit, with_passkey, Some(notice)).await;
    }
    // What was shown and asked for is used up, and so is the password.
    let session = Session { adding: None, secret: None, passkey: None, ..session };
    desk.keep(visit.id, &session, now).await?;
    desk.note(&visit, "operator.add_factor", &called, "", true).await?;
    Ok(page::to("/me"))
}
