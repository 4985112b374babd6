//! Campaigns: messages of several accounts that have something in common, with their accounts and one button for all.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::act::{self, Done};
use super::fault::Fault;
use super::form::Form;
use super::page::{self, Frame};
use super::visit::Visit;
use super::words::{self, When};
use crate::admin::control::{Command, Reply};
use crate::domain::{Campaign, CampaignStatus, NetworkClass, Participant, Reference, SessionHash, Timestamp};
use crate::store::{CAMPAIGNS_OF_SESSION_MAX, Which};

/// Campaigns on the page; more at once is one attack that is listed many times.
const ROWS: usize = 100;

/// Accounts that are named in a row of the list.
const NAMED_MAX: usize = 6;

/// A campaign as lists show it.
pub(super) struct Row {
    pub code: String,
    pub site: String,
    pub shared: &'static str,
    pub status: &'static str,
    pub look: &'static str,
    pub since: When,
    pub last: When,
    pub accounts: usize,
    /// Some of them.
    pub named: String,
    pub messages: u32,
}

impl Row {
    fn of(campaign: &Campaign, now: Timestamp) -> Self {
        let accounts = campaign.strange_accounts();
        let mut named: Vec<String> = accounts.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        if accounts.len() > NAMED_MAX {
            named.push("…".to_owned());
        }
        Self {
            code: campaign.code.to_string(),
            site: campaign.site.to_string(),
            shared: campaign.feature.kind.shared(),
            status: campaign.status.name(),
            look: look(campaign.status),
            since: words::when(campaign.since, now),
            last: words::when(campaign.last, now),
            accounts: accounts.len(),
            named: named.join(", "),
            messages: campaign.messages,
        }
    }
}

const fn look(status: CampaignStatus) -> &'static str {
    match status {
        CampaignStatus::Watched => "",
        CampaignStatus::Recognised => "warn",
        CampaignStatus::Confirmed => "critical",
        CampaignStatus::Cleared => "good",
    }
}

struct Part {
    account: String,
    account_page: String,
    session: Option<(&'static str, &'static str)>,
    flag: Option<String>,
    place: String,
    prefix: String,
    since: When,
    last: When,
    messages: u32,
    recipients: u32,
    outside: u32,
    strange: bool,
}

#[derive(Template)]
#[template(path = "admin/campaigns.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "admin/campaign.html")]
struct CampaignPage<'a> {
    frame: Frame<'a>,
    row: Row,
    until: String,
    parts: Vec<Part>,
    is_confirmed: bool,
    is_cleared: bool,
    done: Vec<Done>,
}

/// The campaigns that a session sent messages of, for its flag's page.
pub(super) async fn of_session(desk: &Desk, session: &SessionHash, now: Timestamp) -> Result<Vec<Row>, Fault> {
    let found = desk.control.store.campaigns(Which::Of(*session), CAMPAIGNS_OF_SESSION_MAX, now).await?;
    let told = found.iter().filter(|campaign| campaign.status != CampaignStatus::Watched);
    Ok(told.map(|campaign| Row::of(campaign, now)).collect())
}

/// The list.
pub(super) async fn list(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Result<Response, Fault> {
    let found = desk.control.store.campaigns(Which::Told, ROWS, visit.now).await?;
    let rows = found.iter().map(|campaign| Row::of(campaign, visit.now)).collect();
    Ok(page::shown(StatusCode::OK, &ListPage { frame: Frame::of(&visit, "campaigns"), rows }))
}

/// One of them.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
) -> Result<Response, Fault> {
    shown(&desk, &visit, &code, Vec::new()).await
}

/// A button.
pub(super) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let asked = code.clone();
    let command = match form.text("do") {
        "contain" => Command::ContainCampaign { code: asked },
        "confirm" => Command::ConfirmCampaign { code: asked, note: form.given("note").map(str::to_owned) },
        "clear" => Command::ClearCampaign { code: asked },
        _ => return Err(Fault::Bad("there is no such button".to_owned())),
    };
    let reply = act::command(&desk, &visit, command).await;
    let is_done = !matches!(reply, Reply::Refused { .. });
    let done = vec![Done { what: code.clone(), said: act::said(&reply), is_done }];
    shown(&desk, &visit, &code, done).await
}

async fn shown(desk: &Desk, visit: &Visit, code: &str, done: Vec<Done>) -> Result<Response, Fault> {
    let nothing = || Fault::NotFound(format!("There is no campaign {code}. It may be over."));
    let code: Reference = code.parse().map_err(|_| nothing())?;
    let now = visit.now;
    let campaign = desk.control.store.campaign(&code, now).await?.ok_or_else(nothing)?;
    let mut parts = Vec::new();
    for part in &campaign.participants {
        parts.push(described(desk, &campaign, part, now).await?);
    }
    let status = if done.iter().all(|done| done.is_done) { StatusCode::OK } else { StatusCode::CONFLICT };
    let page = CampaignPage {
        frame: Frame::of(visit, "campaigns"),
        row: Row::of(&campaign, now),
        until: words::when(campaign.until, now).minute,
        parts,
        is_confirmed: campaign.status == CampaignStatus::Confirmed,
        is_cleared: campaign.status == CampaignStatus::Cleared,
        done,
    };
    Ok(page::shown(status, &page))
}

async fn described(desk: &Desk, campaign: &Campaign, part: &Participant, now: Timestamp) -> Result<Part, Fault> {
    let session = desk.control.store.session(&part.session, now).await?;
    let spot = session.as_ref().map(|session| session.spot);
    let address = part.prefix.address();
    Ok(Part {
        account: part.account.to_string(),
        account_page: words::account_page(&campaign.site, part.account.as_str()),
        session: session.as_ref().map(|session| (session.state.name(), words::state_look(session.state))),
        flag: session.as_ref().and_then(|session| session.flag).map(|code| code.to_string()),
        place: words::place(
            part.country,
            spot.and_then(|spot| spot.as_number),
            desk.intel.organization(address),
            spot.map_or(NetworkClass::Outside, |spot| spot.network),
        ),
        prefix: part.prefix.to_string(),
        since: words::when(part.since, now),
        last: words::when(part.last, now),
        messages: part.messages,
        recipients: part.recipients,
        outside: part.outside,
        strange: part.is_strange(),
    })
}
