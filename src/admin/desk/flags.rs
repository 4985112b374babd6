//! The flagged sessions: the list that is the heart of the desk, and what is done to several of them at once.

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
use crate::domain::flag::FlagFilter;
use crate::domain::{Country, Flag, FlagOrder, FlagPlace, FlagStatus, Prefix, Reference, Severity, Timestamp, Verdict};
use crate::store::Away;

/// Flags on one page.
pub(super) const ROWS: usize = 50;

/// Flags that are looked through for one page where the store does not know the condition.
const LOOKED_THROUGH_MAX: usize = 2_000;

/// Flags fetched at once where they are looked through, and where all of them fit.
const AT_ONCE: usize = 200;
const AT_ONCE_MAX: usize = 1_000;

/// As people read it.
const fn label(order: FlagOrder) -> &'static str {
    match order {
        FlagOrder::Newest => "newest first",
        FlagOrder::Severity => "most severe first",
        FlagOrder::Messages => "most messages first",
        FlagOrder::Recipients => "most recipients first",
        FlagOrder::Account => "account",
    }
}

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub filter: FlagFilter,
    /// Anywhere in account, address, browser or reasons.
    pub text: String,
    /// From this network.
    pub as_number: Option<u32>,
    /// From this prefix.
    pub prefix: Option<Prefix>,
    /// Only those that came to a challenge or more, or after which mail left.
    pub urgent: bool,
}

impl Wanted {
    /// Read from an address; what cannot be understood is said.
    pub fn read(desk: &Desk, query: &Fields) -> Result<Self, Fault> {
        let status = match query.given("status") {
            None => Some(FlagStatus::Open),
            Some("all") => None,
            Some(name) => Some(
                FlagStatus::from_name(name).ok_or_else(|| Fault::Bad(format!("{name:?} is no status of a flag")))?,
            ),
        };
        let country = query.given("country").map(str::parse::<Country>).transpose();
        let country = country.map_err(|wrong| Fault::Bad(wrong.to_string()))?;
        let before = query.given("before").map(|text| text.parse().map(Timestamp::from_millis)).transpose();
        let before = before.map_err(|_| Fault::Bad("\"before\" is a time in milliseconds".to_owned()))?;
        let site = query.given("site").map(|host| desk.site(host)).transpose()?;
        let as_number = query.given("as").map(|text| text.trim_start_matches(['A', 'S', 'a', 's']).parse()).transpose();
        let as_number = as_number.map_err(|_| Fault::Bad("an AS is a number".to_owned()))?;
        let order = match query.given("sort") {
            None => FlagOrder::Newest,
            Some(name) => {
                FlagOrder::from_name(name).ok_or_else(|| Fault::Bad(format!("flags are not sorted by {name:?}")))?
            }
        };
        let after = query.given("after").map(str::parse).transpose();
        let after = after.map_err(|()| Fault::Bad("\"after\" is no place in a list of flags".to_owned()))?;
        Ok(Self {
            filter: FlagFilter { site, account: None, status, country, before, order, after },
            text: query.given("q").unwrap_or_default().to_lowercase(),
            as_number,
            prefix: None,
            urgent: query.given("urgent").is_some(),
        })
    }

    /// What of it the store does not know.
    fn fits(&self, flag: &Flag) -> bool {
        let text = &self.text;
        let says = |part: &str| part.to_lowercase().contains(text);
        let has_text = text.is_empty()
            || says(flag.account.as_str())
            || says(&flag.address.to_string())
            || says(&flag.code.to_string())
            || flag.user_agent.as_deref().is_some_and(says)
            || flag.stopped_by.as_deref().is_some_and(says)
            || flag.signals.iter().any(|signal| says(&signal.name) || says(&signal.sentence));
        has_text
            && self.as_number.is_none_or(|number| flag.as_number == Some(number))
            && self.prefix.is_none_or(|prefix| Prefix::of(flag.address) == prefix)
            && (!self.urgent
                || flag.verdict >= Verdict::Challenge
                || flag.ranked().severity() == Some(Severity::Critical))
    }

    fn is_plain(&self) -> bool {
        self.text.is_empty() && self.as_number.is_none() && self.prefix.is_none() && !self.urgent
    }
}

impl Desk {
    /// The flags that fit, in the order that is asked for, at most `most`; and where to go on. A bounded number is looked
    /// through, so there may be few, or none, though more follow.
    pub(super) async fn wanted_flags(
        &self,
        wanted: &Wanted,
        most: usize,
    ) -> Result<(Vec<Flag>, Option<FlagPlace>), Away> {
        let store = &self.control.store;
        let mut filter = wanted.filter.clone();
        let (mut found, mut looked_through) = (Vec::new(), 0);
        let at_once = match filter.order {
            _ if wanted.is_plain() => most.min(AT_ONCE_MAX) + 1,
            FlagOrder::Newest => AT_ONCE,
            // The store looks through everything each time: it is asked once.
            _ => LOOKED_THROUGH_MAX,
        };
        loop {
            let flags = store.flags(&filter, at_once).await?;
            let is_last = flags.len() < at_once;
            looked_through += flags.len();
            for flag in flags {
                if found.len() == most {
                    // The next page begins behind the last one shown.
                    return Ok((found, filter.after));
                }
                filter.after = Some(flag.ranked().place(filter.order));
                if wanted.fits(&flag) {
                    found.push(flag);
                }
            }
            if is_last {
                return Ok((found, None));
            }
            if looked_through >= LOOKED_THROUGH_MAX {
                return Ok((found, filter.after));
            }
        }
    }
}

/// A flag in a list.
pub(super) struct Row {
    pub code: String,
    pub severity: Option<&'static str>,
    pub status: &'static str,
    pub status_look: &'static str,
    pub verdict: &'static str,
    pub enforced: bool,
    pub account: String,
    pub account_page: String,
    pub site: String,
    pub address: String,
    pub place: String,
    pub browser: String,
    pub time: When,
    pub why: Vec<String>,
    pub more_reasons: usize,
    pub messages: u32,
    pub recipients: u32,
    pub stopped: u32,
}

/// Reasons shown in a list; the flag's own page has all.
const REASONS: usize = 3;

impl Row {
    pub fn of(desk: &Desk, flag: &Flag, now: Timestamp) -> Self {
        let against = flag.signals.iter().filter(|signal| signal.weight > 0).map(|signal| signal.sentence.clone());
        let limit = flag.stopped_by.iter().map(|stopped_by| format!("Stopped by {stopped_by}."));
        let all: Vec<String> = limit.chain(against).collect();
        Self {
            code: flag.code.to_string(),
            severity: flag.ranked().severity().map(Severity::name),
            status: flag.status.name(),
            status_look: words::status_look(flag.status),
            verdict: words::verdict(flag.verdict),
            enforced: flag.enforced,
            account: flag.account.to_string(),
            account_page: words::account_page(&flag.site, flag.account.as_str()),
            site: flag.site.to_string(),
            address: flag.address.to_string(),
            place: words::place(flag.country, flag.as_number, desk.intel.organization(flag.address), flag.network),
            browser: words::browser(flag.user_agent.as_deref()),
            time: words::when(flag.time, now),
            more_reasons: all.len().saturating_sub(REASONS),
            why: all.into_iter().take(REASONS).collect(),
            messages: flag.since.messages,
            recipients: flag.since.recipients,
            stopped: flag.since.stopped,
        }
    }
}

#[derive(Template)]
#[template(path = "admin/flags.html")]
struct FlagsPage<'a> {
    frame: Frame<'a>,
    flags: Vec<Row>,
    q: &'a str,
    status: &'a str,
    country: &'a str,
    site: &'a str,
    as_number: &'a str,
    urgent: bool,
    sort: &'static str,
    /// Each order's word and label.
    sorts: [(&'static str, &'static str); FlagOrder::ALL.len()],
    sites: Vec<String>,
    /// The address of the next page.
    next: Option<String>,
    is_first: bool,
}

/// The list.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    if let Some(code) = query.given("q").and_then(|text| text.parse::<Reference>().ok())
        && desk.control.store.flag(&code).await?.is_some()
    {
        return Ok(page::to(&format!("/flags/{code}")));
    }
    let wanted = Wanted::read(&desk, &query)?;
    let (flags, next) = desk.wanted_flags(&wanted, ROWS).await?;
    let given = |name| query.given(name).unwrap_or_default();
    let next = next.map(|place| {
        let names = ["q", "status", "country", "site", "as", "urgent", "sort", "before"];
        let mut fields: Vec<(&str, &str)> = names.iter().map(|name| (*name, given(name))).collect();
        let place = place.to_string();
        fields.push(("after", &place));
        format!("/flags{}", words::query(&fields))
    });
    let page = FlagsPage {
        frame: Frame::of(&visit, "flags"),
        flags: flags.iter().map(|flag| Row::of(&desk, flag, visit.now)).collect(),
        sort: wanted.filter.order.name(),
        sorts: FlagOrder::ALL.map(|order| (order.name(), label(order))),
        q: given("q"),
        status: query.given("status").unwrap_or("open"),
        country: given("country"),
        site: given("site"),
        as_number: given("as"),
        urgent: wanted.urgent,
        sites: desk.site_names(),
        next,
        is_first: wanted.filter.before.is_none() && wanted.filter.after.is_none(),
    };
    Ok(page::shown(StatusCode::OK, &page))
}

#[derive(Template)]
#[template(path = "admin/done.html")]
struct DonePage<'a> {
    frame: Frame<'a>,
    done: Vec<Done>,
    back: &'a str,
}

/// Something done to those that were selected.
pub(super) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let mut done = Vec::new();
    for code in form.all("code").take(ROWS) {
        done.extend(act::on_flag(&desk, &visit, code, form.text("do"), form.given("note")).await?);
    }
    if done.is_empty() {
        return Err(Fault::Bad("Nothing is selected.".to_owned()));
    }
    let back = super::sign_in::next(form.text("back"));
    let page = DonePage { frame: Frame::of(&visit, "flags"), done, back: if back == "/" { "/flags" } else { back } };
    Ok(page::shown(StatusCode::OK, &page))
}
