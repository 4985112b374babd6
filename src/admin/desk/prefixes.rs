//! Addresses that operators marked: the list, and the form that marks one or takes its mark off.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::act::{self, Done};
use super::fault::Fault;
use super::form::{Fields, Form, Query};
use super::page::{self, Frame};
use super::visit::Visit;
use super::words::{self, When};
use crate::admin::control::{Command, Reply};
use crate::domain::{Prefix, PrefixMark, SiteName, Timestamp};
use crate::store::Away;

/// Marks on one page.
const ROWS: usize = 200;

/// A mark as pages show it.
pub(super) struct MarkShown {
    pub prefix: String,
    pub site: String,
    pub by: String,
    pub since: When,
    /// The day on which it ends.
    pub until: String,
    pub note: String,
    pub search: String,
}

impl MarkShown {
    fn of(mark: &PrefixMark, now: Timestamp) -> Self {
        let prefix = mark.prefix.to_string();
        Self {
            search: format!("/search{}", words::query(&[("q", &prefix)])),
            prefix,
            site: mark.site.to_string(),
            by: mark.by.clone(),
            since: words::when(mark.since, now),
            until: mark.until.day(),
            note: mark.note.clone(),
        }
    }
}

impl Desk {
    /// The mark on a prefix at a site.
    pub(super) async fn mark_on(
        &self,
        site: &SiteName,
        prefix: Prefix,
        now: Timestamp,
    ) -> Result<Option<MarkShown>, Away> {
        let mark = self.control.store.marked_prefix(site, prefix, now).await?;
        Ok(mark.map(|mark| MarkShown::of(&mark, now)))
    }

    /// The marks on a prefix at all sites.
    pub(super) async fn marks_on(&self, prefix: Prefix, now: Timestamp) -> Result<Vec<MarkShown>, Away> {
        let mut marks = Vec::new();
        for site in self.control.sites() {
            marks.extend(self.mark_on(&site.name, prefix, now).await?);
        }
        Ok(marks)
    }
}

#[derive(Template)]
#[template(path = "admin/prefixes.html")]
struct PrefixesPage<'a> {
    frame: Frame<'a>,
    done: Vec<Done>,
    sites: Vec<String>,
    marks: Vec<MarkShown>,
    more: usize,
}

/// The page.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(_): Query,
) -> Result<Response, Fault> {
    shown(&desk, &visit, Vec::new()).await
}

/// A button.
pub(super) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let asked = command(&form)?;
    let reply = act::command(&desk, &visit, asked).await;
    let is_done = !matches!(reply, Reply::Refused { .. });
    let done = vec![Done { what: form.text("prefix").to_owned(), said: act::said(&reply), is_done }];
    shown(&desk, &visit, done).await
}

/// What a form with an address asks for.
fn command(form: &Fields) -> Result<Command, Fault> {
    let given = |name: &str| form.given(name).map(str::to_owned);
    let prefix = given("prefix").unwrap_or_default();
    let days = form.given("days").map(str::parse).transpose();
    let days = days.map_err(|_| Fault::Bad("For how many days is a number.".to_owned()))?;
    match form.text("do") {
        "mark" => {
            Ok(Command::MarkPrefix { prefix, site: given("site"), days, note: given("note").unwrap_or_default() })
        }
        "unmark" => Ok(Command::UnmarkPrefix { prefix, site: given("site") }),
        _ => Err(Fault::Bad("There is no such button.".to_owned())),
    }
}

async fn shown(desk: &Desk, visit: &Visit, done: Vec<Done>) -> Result<Response, Fault> {
    let mut marks = Vec::new();
    for site in desk.control.sites() {
        marks.extend(desk.control.store.marked_prefixes(&site.name, visit.now).await?);
    }
    let status = if done.iter().all(|done| done.is_done) { StatusCode::OK } else { StatusCode::CONFLICT };
    let page = PrefixesPage {
        frame: Frame::of(visit, "search"),
        done,
        sites: desk.site_names(),
        more: marks.len().saturating_sub(ROWS),
        marks: marks.iter().take(ROWS).map(|mark| MarkShown::of(mark, visit.now)).collect(),
    };
    Ok(page::shown(status, &page))
}
