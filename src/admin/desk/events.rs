//! What happened: past events by site, account, kind and text; as a page, as CSV and as JSON lines.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use super::Desk;
use super::fault::Fault;
use super::form::{Fields, Query};
use super::page::{self, Frame};
use super::visit::Visit;
use super::words::{self, When};
use crate::domain::{EventFilter, EventKind, Mark, PastEvent, Timestamp};
use crate::store::Away;
use crate::telemetry::{csv as tables, line as spoken};

/// Events on one page.
pub(super) const ROWS: usize = 100;

/// Events in one file.
const FILE_ROWS_MAX: usize = 10_000;

/// Answers of the store that are waited for to fill a page: what is asked for may be rare.
const LOOKS_MAX: usize = 2;

/// An event as pages show it.
pub(super) struct Line {
    pub time: When,
    pub kind: String,
    /// What it means.
    pub meaning: &'static str,
    pub account: String,
    pub site: String,
    pub account_page: String,
    pub address: String,
    pub place: String,
    /// What is special about it.
    pub particulars: String,
    pub reference: String,
    pub by: String,
}

/// The fields of an event's line as texts.
struct Parts(Value);

impl Parts {
    fn of(event: &PastEvent) -> Self {
        Self(serde_json::from_str(&event.line).unwrap_or(Value::Null))
    }

    fn text(&self, name: &str) -> String {
        tables::text_of(&self.0, name)
    }
}

/// An event's line for people.
pub(super) fn line(event: &PastEvent, now: Timestamp) -> Line {
    let parts = Parts::of(event);
    let (kind, account, site) = (parts.text("event"), parts.text("account"), parts.text("site"));
    let number = parts.text("as_number");
    let country = parts.text("country");
    let country = country.parse().map_or(country, words::named);
    let place = [country, if number.is_empty() { number } else { format!("AS{number}") }];
    Line {
        time: words::when(event.time, now),
        meaning: short_of(&kind).unwrap_or("another event"),
        account_page: if account.is_empty() || site.is_empty() {
            String::new()
        } else {
            words::account_page(&site, &account)
        },
        address: parts.text("address"),
        place: place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        particulars: particulars(&parts),
        reference: parts.text("reference"),
        by: parts.text("by"),
        kind,
        account,
        site,
    }
}

/// What a kind of event means, in a few words.
fn short_of(kind: &str) -> Option<&'static str> {
    static SHORT: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        spoken::one_of_each().iter().map(|known| (known.name(), spoken::meaning(known).short)).collect()
    });
    SHORT.get(kind).copied()
}

fn particulars(parts: &Parts) -> String {
    let named = [
        ("recipients", "to "),
        ("messages", "messages: "),
        ("verdict", ""),
        ("stopped_by", "stopped by "),
        ("action", ""),
        ("factor", ""),
        ("rule", ""),
        ("what", ""),
        ("devices", "browsers: "),
        ("door", "by "),
    ];
    let said = named.iter().filter_map(|(name, before)| {
        let text = parts.text(name);
        (!text.is_empty()).then(|| format!("{before}{text}"))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// What an address asks for.
pub(super) fn wanted(desk: &Desk, query: &Fields, now: Timestamp) -> Result<EventFilter, Fault> {
    let site = query.given("site").map(|host| desk.site(host)).transpose()?;
    // Without a site the first one's folding is taken: most have one.
    let folds = site.clone().or_else(|| desk.first_site());
    let account = query.given("account").zip(folds).map(|(name, site)| desk.folded(&site, name));
    let before = query.before()?;
    let hours = query.given("hours").map(str::parse::<u64>).transpose();
    let hours = hours.map_err(|_| Fault::Bad("\"hours\" is a number".to_owned()))?;
    let kinds = query.all("kind").filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
    let since = hours.map(|hours| now.before(std::time::Duration::from_secs(hours.saturating_mul(3_600))));
    Ok(EventFilter { site, account, kinds, text: query.given("text").map(str::to_owned), since, before })
}

impl Desk {
    /// The events that fit, newest first, and where to go on.
    pub(super) async fn past(&self, filter: EventFilter, most: usize) -> Result<(Vec<PastEvent>, Option<Mark>), Away> {
        self.control.past(filter, most, LOOKS_MAX).await
    }
}

#[derive(Template)]
#[template(path = "admin/events.html")]
struct EventsPage<'a> {
    frame: Frame<'a>,
    events: Vec<Line>,
    account: &'a str,
    site: &'a str,
    kind: &'a str,
    text: &'a str,
    hours: &'a str,
    sites: Vec<String>,
    kinds: Vec<&'static str>,
    next: Option<String>,
    csv: String,
    json: String,
    is_first: bool,
}

/// The page.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let filter = wanted(&desk, &query, visit.now)?;
    let is_first = filter.before.is_none();
    let (events, next) = desk.past(filter, ROWS).await?;
    let given = |name| query.given(name).unwrap_or_default();
    let names = ["account", "site", "kind", "text", "hours"];
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (*name, given(name))).collect();
    let next = next.map(|mark| {
        let mark = mark.to_string();
        let fields: Vec<_> = fields.iter().copied().chain([("before", mark.as_str())]).collect();
        format!("/events{}", words::query(&fields))
    });
    let page = EventsPage {
        frame: Frame::of(&visit, "events"),
        events: events.iter().map(|event| line(event, visit.now)).collect(),
        account: given("account"),
        site: given("site"),
        kind: given("kind"),
        text: given("text"),
        hours: given("hours"),
        sites: desk.site_names(),
        kinds: spoken::one_of_each().iter().map(EventKind::name).collect(),
        next,
        csv: format!("/events.csv{}", words::query(&fields)),
        json: format!("/events.jsonl{}", words::query(&fields)),
        is_first,
    };
    Ok(page::shown(StatusCode::OK, &page))
}

/// The same as a table for spreadsheets.
pub(super) async fn csv(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let (events, _) = desk.past(wanted(&desk, &query, visit.now)?, FILE_ROWS_MAX).await?;
    let table = tables::of_events(events.iter().map(|event| &*event.line));
    desk.note(&visit, "events.download", "csv", query.text("account"), true).await?;
    Ok(page::download("text/csv; charset=utf-8", "events.csv", table))
}

/// The same as they stand in the events file.
pub(super) async fn jsonl(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let (events, _) = desk.past(wanted(&desk, &query, visit.now)?, FILE_ROWS_MAX).await?;
    let lines: String = events.iter().map(|event| format!("{}\n", event.line)).collect();
    desk.note(&visit, "events.download", "jsonl", query.text("account"), true).await?;
    Ok(page::download("application/x-ndjson", "events.jsonl", lines))
}
