//! The policy in force, what its rules did, and a form that tries another one on what was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::act;
use super::fault::Fault;
use super::form::Form;
use super::page::{self, Frame};
use super::visit::Visit;
use super::words;
use crate::admin::control::policy::{Policy, Sums, Tried};
use crate::admin::control::{Command, Reply};

#[derive(Template)]
#[template(path = "admin/policy.html")]
struct PolicyPage<'a> {
    frame: Frame<'a>,
    policy: &'a Policy,
    /// What stands in the fields, where it is not what is in force.
    wanted: &'a BTreeMap<String, String>,
    tried: Option<&'a Tried>,
    /// Why it was not tried.
    refused: Option<&'a str>,
}

/// What is counted, and where it stands.
type Line = (&'static str, fn(&Sums) -> u32);

impl PolicyPage<'_> {
    fn field(&self, name: &str, in_force: impl ToString) -> String {
        self.wanted.get(name).cloned().unwrap_or_else(|| in_force.to_string())
    }

    /// What was decided under both, side by side.
    fn compared(&self) -> Vec<(&'static str, u32, u32)> {
        let Some(tried) = self.tried else { return Vec::new() };
        let (before, after) = (&tried.before, &tried.after);
        let of: [Line; 8] = [
            ("Sign-ins let through", |sums| sums.passed),
            ("Sign-ins flagged", |sums| sums.flagged),
            ("Sign-ins challenged", |sums| sums.challenged),
            ("Sign-ins restricted", |sums| sums.restricted),
            ("Sign-ins refused", |sums| sums.refused),
            ("Wrong passwords stopped", |sums| sums.wrong_stopped),
            ("Messages sent", |sums| sums.sent),
            ("Messages stopped", |sums| sums.sends_stopped),
        ];
        of.map(|(what, count)| (what, count(before), count(after))).to_vec()
    }
}

/// The page.
pub(super) async fn show(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Result<Response, Fault> {
    shown(&desk, &visit, &BTreeMap::new(), None).await
}

/// The form: a changed policy is tried, and nothing is changed.
pub(super) async fn attempt(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let wanted: BTreeMap<String, String> =
        form.whole().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let reply = act::command(&desk, &visit, Command::TryPolicy { changes: wanted.clone() }).await;
    shown(&desk, &visit, &wanted, Some(reply)).await
}

async fn shown(
    desk: &Desk,
    visit: &Visit,
    wanted: &BTreeMap<String, String>,
    reply: Option<Reply>,
) -> Result<Response, Fault> {
    let Reply::Policy { policy } = act::must(desk, visit, Command::ShowPolicy).await? else {
        return Err(Fault::Refused("The policy cannot be shown.".to_owned()));
    };
    let (mut tried, mut refused) = (None, None);
    match reply {
        Some(Reply::Tried { tried: outcome }) => tried = Some(outcome),
        Some(Reply::Refused { why }) => refused = Some(why),
        _ => {}
    }
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = PolicyPage {
        frame: Frame::of(visit, "policy"),
        policy: &policy,
        wanted,
        tried: tried.as_deref(),
        refused: refused.as_deref(),
    };
    Ok(page::shown(status, &page))
}
