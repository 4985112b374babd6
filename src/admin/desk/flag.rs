//! One flag: why it was raised, what its session did since, and what can be done about it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::act::{self, Done};
use super::events::{self, Line};
use super::fault::Fault;
use super::flags::Row;
use super::form::Form;
use super::page::{self, Frame};
use super::prefixes::MarkShown;
use super::visit::Visit;
use super::words::{self, When};
use crate::admin::control::{Command, Reply};
use crate::domain::{EventFilter, FlagStatus, Prefix, Reference, Session, SessionState, Timestamp};

/// Past events of the account that are shown beside a flag.
const EVENTS: usize = 40;

pub(super) struct SignalRow {
    pub weight: String,
    pub look: &'static str,
    pub sentence: String,
}

pub(super) struct NoteRow {
    pub time: When,
    pub by: String,
    pub text: String,
}

pub(super) struct ChangeRow {
    pub time: When,
    pub action: String,
    pub targets: String,
    pub stopped: bool,
}

/// A session as pages show it.
pub(super) struct SessionRow {
    pub hash: String,
    pub state: &'static str,
    pub look: &'static str,
    pub may_restrict: bool,
    pub place: String,
    pub prefix: String,
    pub browser: String,
    pub signed_in: When,
    pub last_seen: When,
    pub device: String,
    pub flag: Option<String>,
    /// Whether its address is marked.
    pub is_marked: bool,
}

impl SessionRow {
    pub fn of(desk: &Desk, session: &Session, now: Timestamp) -> Self {
        let spot = &session.spot;
        Self {
            hash: session.hash.to_string(),
            state: session.state.name(),
            look: words::state_look(session.state),
            may_restrict: session.state == SessionState::Open,
            place: words::place(
                spot.country,
                spot.as_number,
                desk.intel.organization(spot.prefix.address()),
                spot.network,
            ),
            prefix: spot.prefix.to_string(),
            browser: words::browser(session.user_agent.as_deref()),
            signed_in: words::when(session.signed_in, now),
            last_seen: words::when(session.last_seen, now),
            device: session
                .device_since
                .map_or_else(|| "new browser".to_owned(), |since| format!("browser known since {}", since.day())),
            flag: session.flag.map(|code| code.to_string()),
            is_marked: false,
        }
    }
}

#[derive(Template)]
#[template(path = "admin/flag.html")]
struct FlagPage<'a> {
    frame: Frame<'a>,
    row: Row,
    user_agent: Option<&'a str>,
    sum: String,
    signals: Vec<SignalRow>,
    stopped_by: Option<&'a str>,
    first_written: u32,
    outside: u32,
    notes: Vec<NoteRow>,
    changes: Vec<ChangeRow>,
    session: Option<SessionRow>,
    lock_note: Option<String>,
    mark: Option<MarkShown>,
    is_open: bool,
    is_confirmed: bool,
    events: Vec<Line>,
    done: Vec<Done>,
}

/// The page.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
) -> Result<Response, Fault> {
    shown(&desk, &visit, &code, Vec::new()).await
}

/// All that is known of it, as one archive.
pub(super) async fn evidence(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
) -> Result<Response, Fault> {
    let Reply::Evidence { code, archive } = act::must(&desk, &visit, Command::PackEvidence { code }).await? else {
        return Err(Fault::Refused("The archive cannot be made.".to_owned()));
    };
    let archive = data_encoding::BASE64.decode(archive.as_bytes()).unwrap_or_default();
    Ok(page::download("application/zip", &format!("evidence-{code}.zip"), archive))
}

/// A button.
pub(super) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let done = act::on_flag(&desk, &visit, &code, form.text("do"), form.given("note")).await?;
    shown(&desk, &visit, &code, done).await
}

async fn shown(desk: &Desk, visit: &Visit, code: &str, done: Vec<Done>) -> Result<Response, Fault> {
    let nothing = || Fault::NotFound(format!("There is no flag {code}."));
    let code: Reference = code.parse().map_err(|_| nothing())?;
    let store = &desk.control.store;
    let flag = store.flag(&code).await?.ok_or_else(nothing)?;
    let now = visit.now;
    let session = store.session(&flag.session, now).await?;
    let lock = store.locked(&flag.site, &flag.account).await?;
    let mark = desk.mark_on(&flag.site, Prefix::of(flag.address), now).await?;
    let filter = EventFilter {
        site: Some(Arc::clone(&flag.site)),
        account: Some(flag.account.clone()),
        ..EventFilter::default()
    };
    let past = store.past_events(&filter, EVENTS).await?;
    let sum: i32 = flag.signals.iter().map(|signal| signal.weight).sum();
    let status = if done.iter().all(|done| done.is_done) { StatusCode::OK } else { StatusCode::CONFLICT };
    let page = FlagPage {
        frame: Frame::of(visit, "flags"),
        row: Row::of(desk, &flag, now),
        user_agent: flag.user_agent.as_deref(),
        sum: words::weight(sum),
        signals: flag
            .signals
            .iter()
            .map(|signal| SignalRow {
                weight: words::weight(signal.weight),
                look: words::weight_look(signal.weight),
                sentence: signal.sentence.clone(),
            })
            .collect(),
        stopped_by: flag.stopped_by.as_deref(),
        first_written: flag.since.first_written,
        outside: flag.since.outside,
        notes: flag
            .notes
            .iter()
            .map(|note| NoteRow { time: words::when(note.time, now), by: note.by.clone(), text: note.text.clone() })
            .collect(),
        changes: flag
            .since
            .changes
            .iter()
            .map(|change| ChangeRow {
                time: words::when(change.time, now),
                action: change.action.clone(),
                targets: change.targets.join(", "),
                stopped: change.stopped,
            })
            .collect(),
        session: session.map(|session| SessionRow::of(desk, &session, now)),
        lock_note: lock.map(|lock| lock.note),
        mark,
        is_open: flag.status == FlagStatus::Open,
        is_confirmed: flag.status == FlagStatus::Confirmed,
        events: past.events.iter().map(|event| events::line(event, now)).collect(),
        done,
    };
    Ok(page::shown(status, &page))
}
