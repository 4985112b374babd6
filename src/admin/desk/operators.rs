//! Who may sit at the desk, for administrators; and what every operator sees of themselves.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::act::{self, Done};
use super::enrol::wrong_with;
use super::fault::Fault;
use super::form::Form;
use super::operator::{NewToken, OPENID_BEGINS};
use super::own_factors::{self, FactorRow};
use super::page::{self, Frame};
use super::sign_in::{busy, gone, too_often, with_cookies};
use super::tries::Try;
use super::visit::{Stage, Visit};
use super::words::{self, When};
use super::{Desk, Role};
use crate::admin::control::{Command, OperatorCode, OperatorRow, Reply};
use crate::domain::Secret;

#[derive(Template)]
#[template(path = "admin/operators.html")]
struct OperatorsPage<'a> {
    frame: Frame<'a>,
    rows: Vec<OperatorRow>,
    done: Vec<Done>,
    code: Option<OperatorCode>,
}

impl OperatorsPage<'_> {
    fn minute(&self, time: &str) -> String {
        time.get(..16).unwrap_or(time).replace('T', " ")
    }

    fn has(&self, row: &OperatorRow, role: &str) -> bool {
        row.role.is_some_and(|of| of.name() == role)
    }
}

/// The list.
pub(super) async fn list(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Result<Response, Fault> {
    shown(&desk, &visit, Vec::new(), None).await
}

/// The last administrator would be locked out by a slip of the hand.
pub(super) fn not_themselves(visit: &Visit, name: &str) -> Result<(), Fault> {
    if name == &*visit.name {
        return Err(Fault::Refused("Nobody does that to themselves. Ask another administrator.".to_owned()));
    }
    Ok(())
}

/// A button.
pub(super) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let name = form.text("name").to_owned();
    let role = Role::from_name(form.text("role"));
    if form.text("do") != "add" {
        not_themselves(&visit, &name)?;
    }
    let asked = match (form.text("do"), role) {
        ("add", Some(role)) => Command::AddOperator { name: name.clone(), role },
        ("role", Some(role)) => Command::SetRole { name: name.clone(), role },
        ("reset", _) => Command::ResetOperator { name: name.clone() },
        ("remove", _) => Command::RemoveOperator { name: name.clone() },
        _ => return Err(Fault::Bad("There is no such button.".to_owned())),
    };
    let reply = act::command(&desk, &visit, asked).await;
    let is_done = !matches!(reply, Reply::Refused { .. });
    let (code, done) = match reply {
        Reply::OperatorCode(code) => (Some(code), Vec::new()),
        reply => (None, vec![Done { what: name, said: act::said(&reply), is_done }]),
    };
    shown(&desk, &visit, done, code).await
}

async fn shown(desk: &Desk, visit: &Visit, done: Vec<Done>, code: Option<OperatorCode>) -> Result<Response, Fault> {
    let rows = match act::must(desk, visit, Command::ListOperators).await? {
        Reply::Operators { operators } => operators,
        _ => Vec::new(),
    };
    let status = if done.iter().all(|done| done.is_done) { StatusCode::OK } else { StatusCode::CONFLICT };
    let page = OperatorsPage { frame: Frame::of(visit, "operators"), rows, done, code };
    Ok(page::shown(status, &page))
}

struct TokenRow {
    number: u64,
    name: String,
    role: &'static str,
    made: When,
    until: String,
}

#[derive(Template)]
#[template(path = "admin/me.html")]
struct MePage<'a> {
    frame: Frame<'a>,
    /// Whether they sign in here, and not at the organisation's provider.
    is_local: bool,
    factors: Vec<FactorRow>,
    tokens: Vec<TokenRow>,
    roles: Vec<&'static str>,
    token: Option<String>,
    wrong: Option<String>,
}

/// An operator's own page.
pub(super) async fn me(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Result<Response, Fault> {
    desk.own_page(&visit, None, None, None).await
}

impl Desk {
    pub(super) async fn own_page(
        &self,
        visit: &Visit,
        said: Option<String>,
        token: Option<String>,
        wrong: Option<String>,
    ) -> Result<Response, Fault> {
        let (operator, _) = self.operator(&visit.name).await?.ok_or_else(gone)?;
        let now = visit.now;
        let tokens = operator.tokens.iter().filter(|token| now < token.until);
        let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let page = MePage {
            frame: Frame { notice: said, ..Frame::of(visit, "me") },
            is_local: operator.openid.is_none(),
            factors: own_factors::rows(&operator, visit),
            tokens: tokens
                .map(|token| TokenRow {
                    number: token.number,
                    name: token.name.clone(),
                    role: token.role.min(operator.role).name(),
                    made: words::when(token.made, now),
                    until: token.until.day(),
                })
                .collect(),
            roles: Role::ALL.into_iter().filter(|role| *role <= visit.role).map(Role::name).collect(),
            token,
            wrong,
        };
        Ok(page::shown(status, &page))
    }
}

/// What operators change of themselves.
pub(super) async fn change(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Fault> {
    let (name, now) = (visit.name.as_ref(), visit.now);
    if name.starts_with(OPENID_BEGINS) && form.text("do") != "end-all" {
        return Err(Fault::Refused("You sign in at your organisation: that is nothing to be changed here.".to_owned()));
    }
    match form.text("do") {
        "add-app" | "add-passkey" => desk.begin_adding(&visit, &form).await,
        "remove-factor" => desk.remove_factor(&visit, &form).await,
        "password" => desk.change_password(&visit, &headers, &form).await,
        "end-all" => {
            desk.change_operator(name, |operator| operator.void_before = now).await?;
            desk.note(&visit, "operator.end_sessions", "", "", true).await?;
            Ok(page::to("/sign-in"))
        }
        "token" => {
            let role = Role::from_name(form.text("role")).ok_or_else(|| Fault::Bad("a role is missing".to_owned()))?;
            let days = form.text("days").parse::<u64>().unwrap_or(30).clamp(1, 366);
            let lives = Duration::from_secs(days * 86_400);
            let random = desk.control.dice.bytes();
            let made = desk
                .change_operator(name, |operator| {
                    let wanted = NewToken { name: form.text("called"), role, lives };
                    operator.add_token(name, wanted, &desk.control.keys, random, now)
                })
                .await?
                .ok_or_else(gone)?;
            let Some(token) = made else {
                return Err(Fault::Refused("There are as many tokens as one operator may have.".to_owned()));
            };
            desk.note(&visit, "token.make", form.text("called"), role.name(), true).await?;
            desk.own_page(&visit, None, Some(token.expose().clone()), None).await
        }
        "withdraw" => {
            let number = form.text("number").parse::<u64>().unwrap_or(0);
            let withdraw = |operator: &mut super::Operator| operator.tokens.retain(|token| token.number != number);
            desk.change_operator(name, withdraw).await?;
            desk.note(&visit, "token.withdraw", &number.to_string(), "", true).await?;
            desk.own_page(&visit, Some("The token is good no more.".to_owned()), None, None).await
        }
        _ => Err(Fault::Bad("There is no such button.".to_owned())),
    }
}

impl Desk {
    /// A new password, by whoever knows the old one; all other sessions end.
    async fn change_password(
        &self,
        visit: &Visit,
        headers: &HeaderMap,
        form: &super::form::Fields,
    ) -> Result<Response, Fault> {
        let (name, now) = (visit.name.as_ref(), visit.now);
        let charged = self.tries.charge(Try::Password, name, visit.address, true, &self.control.keys, now);
        let charged = charged.map_err(too_often)?;
        let (operator, _) = self.operator(name).await?.ok_or_else(gone)?;
        let kept = operator.password.ok_or_else(gone)?;
        let old = Secret::new(form.text("old").to_owned());
        if !self.passwords.fits(old, &kept).await.map_err(busy)? {
            self.note(visit, "operator.password", "", "", false).await?;
            return self.own_page(visit, None, None, Some("The password until now is another one.".to_owned())).await;
        }
        charged.give_back();
        let password = form.text("password");
        if let Some(wrong) = wrong_with(password, form.text("again"), name) {
            return self.own_page(visit, None, None, Some(wrong.to_owned())).await;
        }
        let new = Secret::new(password.to_owned());
        let new = self.passwords.keep(new, self.control.dice.bytes()).await.map_err(busy)?;
        self.change_operator(name, |operator| {
            operator.password = Some(new.clone());
            operator.void_before = now;
        })
        .await?;
        self.note(visit, "operator.change_password", "", "", true).await?;
        self.end(headers, now).await?;
        let cookie = self.begin(name, Stage::Signed, now).await?;
        Ok(with_cookies(page::to("/me"), [cookie]))
    }
}
