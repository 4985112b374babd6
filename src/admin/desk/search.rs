//! One field for everything: a code, a session, an account, an address, a network, a country.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::events::{self, Line};
use super::fault::Fault;
use super::flags::{Row, Wanted};
use super::form::Query;
use super::page::{self, Frame};
use super::prefixes::MarkShown;
use super::visit::Visit;
use super::words;
use crate::admin::control::exactly;
use crate::domain::flag::FlagFilter;
use crate::domain::{Account, Country, EventFilter, Prefix, Reference, SessionHash};

/// Flags and events that are shown.
const FLAGS: usize = 20;
const EVENTS: usize = 30;

struct AccountRow {
    account: String,
    site: String,
    page: String,
    known: &'static str,
}

#[derive(Template)]
#[template(path = "admin/search.html")]
struct SearchPage<'a> {
    frame: Frame<'a>,
    q: &'a str,
    accounts: Vec<AccountRow>,
    flags: Vec<Row>,
    events: Vec<Line>,
    all_events: String,
    place: Option<String>,
    /// What is searched for, where it is an address that can be marked.
    prefix: Option<String>,
    marks: Vec<MarkShown>,
}

/// The page.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let (store, now) = (&desk.control.store, visit.now);
    let q = query.given("q").unwrap_or_default();
    let mut page = SearchPage {
        frame: Frame::of(&visit, "search"),
        q,
        accounts: Vec::new(),
        flags: Vec::new(),
        events: Vec::new(),
        all_events: format!("/events{}", words::query(&[("text", q)])),
        place: None,
        prefix: None,
        marks: Vec::new(),
    };
    if q.is_empty() {
        return Ok(page::shown(StatusCode::OK, &page));
    }
    // A code or a session is found by itself.
    if let Ok(code) = q.parse::<Reference>() {
        if store.flag(&code).await?.is_some() {
            return Ok(page::to(&format!("/flags/{code}")));
        }
        if store.campaign(&code, now).await?.is_some() {
            return Ok(page::to(&format!("/campaigns/{code}")));
        }
    }
    if let Ok(hash) = q.parse::<SessionHash>()
        && let Some(session) = store.session(&hash, now).await?
    {
        return Ok(page::to(&words::account_page(&session.site, session.account.as_str())));
    }
    let prefix = exactly(q).ok();
    let address = q.parse::<std::net::IpAddr>().ok().or_else(|| prefix.map(Prefix::address));
    let as_number = q.strip_prefix("AS").or_else(|| q.strip_prefix("as")).and_then(|number| number.parse::<u32>().ok());
    let country = q.parse::<Country>().ok();
    let mut wanted = Wanted { text: q.to_lowercase(), ..Wanted::default() };
    // An address alone is looked for as it is written: of an IPv6 /64, that one.
    let whole_prefix = prefix.filter(|_| q.contains('/'));
    if let Some(prefix) = whole_prefix {
        wanted = Wanted { prefix: Some(prefix), ..Wanted::default() };
    } else if let Some(number) = as_number {
        wanted = Wanted { as_number: Some(number), ..Wanted::default() };
    } else if let Some(country) = country {
        let filter = FlagFilter { country: Some(country), ..FlagFilter::default() };
        wanted = Wanted { filter, ..Wanted::default() };
    }
    let (flags, _) = desk.wanted_flags(&wanted, FLAGS).await?;
    page.flags = flags.iter().map(|flag| Row::of(&desk, flag, now)).collect();
    if address.is_none() && as_number.is_none() {
        page.accounts = desk.accounts_called(q, now).await?;
    }
    if let Some(prefix) = prefix {
        page.marks = desk.marks_on(prefix, now).await?;
        page.prefix = Some(prefix.to_string());
    }
    page.place = address.and_then(|address| desk.intel.organization(address));
    let text = match (whole_prefix, as_number, country) {
        (Some(prefix), _, _) => format!("\"prefix\":\"{prefix}\""),
        (None, Some(number), _) => format!("\"as_number\":{number}"),
        (None, None, Some(country)) => format!("\"country\":\"{country}\""),
        (None, None, None) => q.to_owned(),
    };
    page.all_events = format!("/events{}", words::query(&[("text", &text)]));
    let (events, _) = desk.past(EventFilter { text: Some(text), ..EventFilter::default() }, EVENTS).await?;
    page.events = events.iter().map(|event| events::line(event, now)).collect();
    Ok(page::shown(StatusCode::OK, &page))
}

impl Desk {
    /// The accounts that this may name, at each site.
    async fn accounts_called(&self, name: &str, now: crate::domain::Timestamp) -> Result<Vec<AccountRow>, Fault> {
        let mut rows = Vec::new();
        for site in self.control.sites() {
            let account: Account = site.accounts.fold(name);
            if account.as_str().is_empty() {
                continue;
            }
            let store = &self.control.store;
            let known = if store.locked(&site.name, &account).await?.is_some() {
                "locked"
            } else if !store.sessions(&site.name, Some(&account), 1, now).await?.is_empty() {
                "signed in"
            } else if store.profile(&site.name, &account, now).await?.is_empty() {
                "never seen"
            } else {
                "known"
            };
            rows.push(AccountRow {
                page: words::account_page(&site.name, account.as_str()),
                account: account.to_string(),
                site: site.name.to_string(),
                known,
            });
        }
        Ok(rows)
    }
}
