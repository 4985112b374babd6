//! The JSON API: the same as the pages, for programs. Answers are those of the command line with `--json`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Serialize;
use serde_json::{Value, json};

use super::fault::{Fault, Said};
use super::flags::Wanted;
use super::form::{Fields, Json, Query};
use super::now::{Counts, LINES};
use super::visit::Visit;
use super::{Desk, Role, act, events, operators};
use crate::admin::NodeFacts;
use crate::admin::control::{Command, FlagRow};
use crate::domain::{AuditEntry, FactorKind, Span};
use crate::store::Away;

/// Rows in one answer, where nothing else is asked for, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1_000;

type Answer = Result<Response, Said>;
type Asked = (State<Arc<Desk>>, Extension<Visit>);

fn written(value: &impl Serialize) -> Response {
    let mut body = serde_json::to_string(value).expect("texts, numbers and lists of them");
    body.push('\n');
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn carried_out((State(desk), Extension(visit)): Asked, command: Command) -> Answer {
    Ok(written(&act::must(&desk, &visit, command).await?))
}

fn most(query: &Fields) -> Result<usize, Fault> {
    let asked = query.given("most").map(str::parse::<usize>).transpose();
    let asked = asked.map_err(|_| Fault::Bad("\"most\" is a number".to_owned()))?;
    Ok(asked.unwrap_or(ROWS).clamp(1, ROWS_MAX))
}

fn needed(body: &Json, name: &str) -> Result<String, Fault> {
    body.text(name).ok_or_else(|| Fault::Bad(format!("{name:?} is missing")))
}

/// The description of this API.
pub(super) async fn openapi() -> Response {
    written(&super::openapi::document())
}

/// How the gateway is.
pub(super) async fn status(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Answer {
    let facts = (desk.facts)();
    let (readiness, reasons) = facts.judge(visit.now);
    let node = |node: &NodeFacts| {
        json!({
            "name": node.name, "version": node.version, "since": node.since.to_string(), "this": node.is_this,
            "quiet_for_seconds": node.quiet_for.as_secs(), "silent": node.is_silent(),
            "clock_ahead_ms": node.clock_ahead,
        })
    };
    let nodes: Vec<Value> = facts.nodes.iter().map(node).collect();
    let store: Result<(), Away> = desk.control.store.probe(visit.now).await;
    Ok(written(&json!({
        "status": readiness, "reasons": reasons, "store_answers": store.is_ok(),
        "nodes": nodes,
        "version": env!("CARGO_PKG_VERSION"), "time": visit.now.to_string(),
    })))
}

pub(super) async fn flags(State(desk): State<Arc<Desk>>, Query(query): Query) -> Answer {
    let mut wanted = Wanted::read(&desk, &query)?;
    if let Some(name) = query.given("account") {
        let site = wanted.filter.site.clone().or_else(|| desk.first_site());
        wanted.filter.account = site.map(|site| desk.folded(&site, name));
    }
    let (flags, next) = desk.wanted_flags(&wanted, most(&query)?).await?;
    let rows: Vec<FlagRow> = flags.iter().map(FlagRow::of).collect();
    Ok(written(&json!({ "flags": rows, "next": next })))
}

pub(super) async fn flag(state: State<Arc<Desk>>, visit: Extension<Visit>, Path(code): Path<String>) -> Answer {
    carried_out((state, visit), Command::ShowFlag { code }).await
}

pub(super) async fn clear_flag(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(code): Path<String>,
    body: Json,
) -> Answer {
    carried_out((state, visit), Command::ClearFlag { code, note: body.text("note") }).await
}

pub(super) async fn confirm_flag(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(code): Path<String>,
    body: Json,
) -> Answer {
    carried_out((state, visit), Command::ConfirmFlag { code, note: body.text("note") }).await
}

pub(super) async fn note_flag(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(code): Path<String>,
    body: Json,
) -> Answer {
    carried_out((state, visit), Command::NoteFlag { code, note: needed(&body, "note")? }).await
}

pub(super) async fn evidence(state: State<Arc<Desk>>, visit: Extension<Visit>, Path(code): Path<String>) -> Answer {
    carried_out((state, visit), Command::PackEvidence { code }).await
}

pub(super) async fn campaigns(state: State<Arc<Desk>>, visit: Extension<Visit>, Query(query): Query) -> Answer {
    carried_out((state, visit), Command::ListCampaigns { site: query.given("site").map(str::to_owned) }).await
}

pub(super) async fn campaign(state: State<Arc<Desk>>, visit: Extension<Visit>, Path(code): Path<String>) -> Answer {
    carried_out((state, visit), Command::ShowCampaign { code }).await
}

pub(super) async fn contain_campaign(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(code): Path<String>,
) -> Answer {
    carried_out((state, visit), Command::ContainCampaign { code }).await
}

pub(super) async fn confirm_campaign(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(code): Path<String>,
    body: Json,
) -> Answer {
    carried_out((state, visit), Command::ConfirmCampaign { code, note: body.text("note") }).await
}

pub(super) async fn clear_campaign(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(code): Path<String>,
) -> Answer {
    carried_out((state, visit), Command::ClearCampaign { code }).await
}

pub(super) async fn sessions(state: State<Arc<Desk>>, visit: Extension<Visit>, Query(query): Query) -> Answer {
    let given = |name| query.given(name).map(str::to_owned);
    carried_out((state, visit), Command::ListSessions { account: given("account"), site: given("site") }).await
}

pub(super) async fn end_session(state: State<Arc<Desk>>, visit: Extension<Visit>, Path(hash): Path<String>) -> Answer {
    carried_out((state, visit), Command::EndSession { hash }).await
}

pub(super) async fn restrict_session(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(hash): Path<String>,
) -> Answer {
    carried_out((state, visit), Command::RestrictSession { hash }).await
}

pub(super) async fn challenge_session(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(hash): Path<String>,
) -> Answer {
    carried_out((state, visit), Command::ChallengeSession { hash }).await
}

pub(super) async fn clear_session(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(hash): Path<String>,
) -> Answer {
    carried_out((state, visit), Command::ClearSession { hash }).await
}

pub(super) async fn account(state: State<Arc<Desk>>, visit: Extension<Visit>, Query(query): Query) -> Answer {
    let what = query.given("name").ok_or_else(|| Fault::Bad("\"name\" is missing".to_owned()))?.to_owned();
    carried_out((state, visit), Command::Explain { what, site: query.given("site").map(str::to_owned) }).await
}

pub(super) async fn locks(state: State<Arc<Desk>>, visit: Extension<Visit>, Query(query): Query) -> Answer {
    carried_out((state, visit), Command::ListLocks { site: query.given("site").map(str::to_owned) }).await
}

pub(super) async fn prefixes(state: State<Arc<Desk>>, visit: Extension<Visit>, Query(query): Query) -> Answer {
    carried_out((state, visit), Command::ListPrefixes { site: query.given("site").map(str::to_owned) }).await
}

pub(super) async fn mark_prefix(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let texts = body.texts();
    let days = texts.get("days").map(|days| days.parse()).transpose();
    let days = days.map_err(|_| Fault::Bad("\"days\" is a number".to_owned()))?;
    let (prefix, site) = (needed(&body, "prefix")?, body.text("site"));
    let note = body.text("note").unwrap_or_default();
    carried_out((state, visit), Command::MarkPrefix { prefix, site, days, note }).await
}

pub(super) async fn unmark_prefix(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (prefix, site) = (needed(&body, "prefix")?, body.text("site"));
    carried_out((state, visit), Command::UnmarkPrefix { prefix, site }).await
}

pub(super) async fn lock(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (name, site) = (needed(&body, "name")?, body.text("site"));
    let until_password_change = body.text("until").is_some_and(|until| until == "password_change");
    let note = body.text("note").unwrap_or_default();
    carried_out((state, visit), Command::LockAccount { name, site, note, until_password_change }).await
}

pub(super) async fn unlock(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (name, site) = (needed(&body, "name")?, body.text("site"));
    carried_out((state, visit), Command::UnlockAccount { name, site }).await
}

pub(super) async fn end_sessions(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (account, site) = (needed(&body, "name")?, body.text("site"));
    carried_out((state, visit), Command::EndSessions { account, site }).await
}

pub(super) async fn restrict_sessions(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (account, site) = (needed(&body, "name")?, body.text("site"));
    carried_out((state, visit), Command::RestrictSessions { account, site }).await
}

pub(super) async fn forget_devices(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (name, site) = (needed(&body, "name")?, body.text("site"));
    carried_out((state, visit), Command::ForgetDevices { name, device: body.text("device"), site }).await
}

pub(super) async fn helpdesk_code(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (name, site) = (needed(&body, "name")?, body.text("site"));
    carried_out((state, visit), Command::MakeHelpdeskCode { name, site }).await
}

pub(super) async fn remove_factors(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let (name, site) = (needed(&body, "name")?, body.text("site"));
    let known = |factor: String| {
        let bad = || Fault::Bad("\"factor\" is none of those that are kept".to_owned());
        FactorKind::from_name(&factor).ok_or_else(bad)
    };
    let factor = body.text("factor").map(known).transpose()?;
    carried_out((state, visit), Command::RemoveFactors { name, factor, site }).await
}

pub(super) async fn past_events(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Answer {
    let filter = events::wanted(&desk, &query, visit.now)?;
    let (events, next) = desk.past(filter, most(&query)?).await?;
    let lines: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(&event.line).ok()).collect();
    Ok(written(&json!({ "events": lines, "next": next.map(|mark| mark.to_string()) })))
}

/// Over how long is counted.
fn lasts(query: &Fields) -> Result<Duration, Fault> {
    let hours = query.given("hours").map(str::parse::<u64>).transpose();
    let hours = hours.map_err(|_| Fault::Bad("\"hours\" is a number".to_owned()))?.unwrap_or(24);
    Ok(Duration::from_secs(hours.clamp(1, 7 * 24) * 3_600))
}

pub(super) async fn counts(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Answer {
    let since = visit.now.before(lasts(&query)?);
    let tallies = desk.control.store.tallies(Span::Hour, since, visit.now).await?;
    let counts = Counts::of(&tallies, Span::Hour.start(since));
    let named: serde_json::Map<String, Value> =
        LINES.iter().map(|(what, names)| ((*what).to_owned(), counts.sum(names).into())).collect();
    Ok(written(&json!({ "since": Span::Hour.start(since).to_string(), "counts": named })))
}

pub(super) async fn policy(state: State<Arc<Desk>>, visit: Extension<Visit>) -> Answer {
    carried_out((state, visit), Command::ShowPolicy).await
}

pub(super) async fn try_policy(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    carried_out((state, visit), Command::TryPolicy { changes: body.texts() }).await
}

pub(super) async fn senders(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Answer {
    let since = visit.now.before(lasts(&query)?);
    let senders = desk.control.store.top_senders(since, most(&query)?, visit.now).await?;
    Ok(written(&json!({ "senders": senders })))
}

pub(super) async fn audit(State(desk): State<Arc<Desk>>, Query(query): Query) -> Answer {
    let before = query.before()?;
    let most = most(&query)?;
    let entries = desk.control.store.audit(query.given("by"), before, most).await?;
    let next = (entries.len() == most).then(|| entries.last().map(AuditEntry::mark)).flatten();
    let row = |entry: &AuditEntry| {
        json!({
            "time": entry.time.to_string(), "by": entry.by, "address": entry.address, "action": entry.action,
            "target": entry.target, "site": entry.site, "account": entry.account, "note": entry.note,
            "done": entry.done,
        })
    };
    let rows: Vec<Value> = entries.iter().map(row).collect();
    Ok(written(&json!({ "audit": rows, "next": next.map(|mark| mark.to_string()) })))
}

pub(super) async fn operators(state: State<Arc<Desk>>, visit: Extension<Visit>) -> Answer {
    carried_out((state, visit), Command::ListOperators).await
}

fn role_of(body: &Json) -> Result<Role, Fault> {
    let role = Role::from_name(&needed(body, "role")?);
    role.ok_or_else(|| Fault::Bad("\"role\" is viewer, operator or administrator".to_owned()))
}

pub(super) async fn add_operator(state: State<Arc<Desk>>, visit: Extension<Visit>, body: Json) -> Answer {
    let role = role_of(&body)?;
    carried_out((state, visit), Command::AddOperator { name: needed(&body, "name")?, role }).await
}

pub(super) async fn set_role(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(name): Path<String>,
    body: Json,
) -> Answer {
    operators::not_themselves(&visit, &name)?;
    let role = role_of(&body)?;
    carried_out((state, visit), Command::SetRole { name, role }).await
}

pub(super) async fn reset_operator(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(name): Path<String>,
) -> Answer {
    operators::not_themselves(&visit, &name)?;
    carried_out((state, visit), Command::ResetOperator { name }).await
}

pub(super) async fn remove_operator(
    state: State<Arc<Desk>>,
    visit: Extension<Visit>,
    Path(name): Path<String>,
) -> Answer {
    operators::not_themselves(&visit, &name)?;
    carried_out((state, visit), Command::RemoveOperator { name }).await
}
