//! What operators did. It can be read here and changed nowhere.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::fault::Fault;
use super::form::Query;
use super::page::{self, Frame};
use super::visit::Visit;
use super::words::{self, When};
use crate::domain::{AuditEntry, Timestamp};

/// Entries on one page.
pub(super) const ROWS: usize = 100;

struct Row {
    time: When,
    by: String,
    address: String,
    action: String,
    target: String,
    account_page: Option<String>,
    note: String,
    done: bool,
}

impl Row {
    fn of(entry: &AuditEntry, now: Timestamp) -> Self {
        let account = entry.site.as_ref().zip(entry.account.as_ref());
        Self {
            time: words::when(entry.time, now),
            by: entry.by.clone(),
            address: entry.address.map_or_else(String::new, |address| address.to_string()),
            action: entry.action.clone(),
            target: entry.target.clone(),
            account_page: account.map(|(site, account)| words::account_page(site, account.as_str())),
            note: entry.note.clone(),
            done: entry.done,
        }
    }
}

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct AuditPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
    by: &'a str,
    next: Option<String>,
    is_first: bool,
}

/// The page.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let by = query.given("by");
    let before = query.before()?;
    let entries = desk.control.store.audit(by, before, ROWS).await?;
    let next = (entries.len() == ROWS).then(|| entries.last().map(AuditEntry::mark)).flatten().map(|mark| {
        format!("/audit{}", words::query(&[("by", by.unwrap_or_default()), ("before", &mark.to_string())]))
    });
    let page = AuditPage {
        frame: Frame::of(&visit, "audit"),
        rows: entries.iter().map(|entry| Row::of(entry, visit.now)).collect(),
        by: by.unwrap_or_default(),
        next,
        is_first: before.is_none(),
    };
    Ok(page::shown(StatusCode::OK, &page))
}
