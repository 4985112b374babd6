//! One account: what is usual for it, its sessions, browsers and flags, and what happened.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::act::{self, Done};
use super::events::{self, Line};
use super::fault::Fault;
use super::flag::SessionRow;
use super::flags::Row;
use super::form::{Fields, Form, Query};
use super::page::{self, Frame};
use super::visit::Visit;
use super::words::{self, When};
use crate::admin::control::{Command, Reply};
use crate::challenge::enrolled::Enrolled;
use crate::domain::flag::FlagFilter;
use crate::domain::profile::Seen;
use crate::domain::{Account, EventFilter, FactorKind, PastEvent, SiteName, Timestamp};

/// Flags, sessions and past events that are shown of one account.
const FLAGS: usize = 20;
const SESSIONS: usize = 50;
const EVENTS: usize = 60;

/// How far back the picture of what was sent goes, and what is looked through for it.
const SENDS_HOURS: usize = 48;
const SENDS_MAX: usize = 5_000;
const SENDS_LOOKS_MAX: usize = 3;
const HOUR: Duration = Duration::from_secs(3_600);

/// Usual things of each kind that are shown, most often seen first.
const USUAL: usize = 8;

pub(super) struct UsualRow {
    pub what: String,
    pub count: u32,
    pub last: When,
}

fn usual<T: Copy + PartialEq>(seen: &Seen<T>, said: impl Fn(T) -> String, now: Timestamp) -> Vec<UsualRow> {
    let mut seen: Vec<_> = seen.iter().collect();
    seen.sort_by_key(|sighting| std::cmp::Reverse((sighting.count, sighting.last)));
    let row = |sighting: &&crate::domain::profile::Sighting<T>| UsualRow {
        what: said(sighting.what),
        count: sighting.count,
        last: words::when(sighting.last, now),
    };
    seen.iter().take(USUAL).map(row).collect()
}

pub(super) struct DeviceRow {
    pub device: String,
    pub since: When,
    pub used: When,
}

#[derive(Template)]
#[template(path = "admin/account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    site: &'a str,
    account: &'a str,
    lock: Option<(When, String)>,
    sign_ins: u32,
    latest: Option<(When, String)>,
    usual: [(&'static str, Vec<UsualRow>); 4],
    hours: Vec<Bar>,
    sends: Vec<Sends>,
    factors: Vec<String>,
    devices: Vec<DeviceRow>,
    sessions: Vec<SessionRow>,
    flags: Vec<Row>,
    events: Vec<Line>,
    done: Vec<Done>,
    code: Option<(String, String)>,
}

/// One hour of the day in a picture of 24, within 100 by 40.
pub(super) struct Bar {
    pub hour: usize,
    pub count: u16,
    pub height: u32,
}

fn bars(hours: &[u16; 24]) -> Vec<Bar> {
    let most = u32::from(hours.iter().copied().max().unwrap_or(0)).max(1);
    let bar = |(hour, count): (usize, &u16)| Bar { hour, count: *count, height: u32::from(*count) * 40 / most };
    hours.iter().enumerate().map(bar).collect()
}

/// What was sent within one hour, in a picture of 480 by 40.
pub(super) struct Sends {
    pub x: usize,
    pub height: u64,
    pub title: String,
    /// The hour of the day, where it is written below.
    pub label: Option<String>,
}

/// What was sent in each of the last hours; none where nothing was.
fn sends(events: &[PastEvent], now: Timestamp) -> Vec<Sends> {
    let hour_of = |time: Timestamp| time.as_millis() / HOUR.as_millis() as u64;
    let first = (hour_of(now) + 1).saturating_sub(SENDS_HOURS as u64);
    let mut hours = [(0_u64, 0_u64); SENDS_HOURS];
    for event in events {
        let at = hour_of(event.time).checked_sub(first).and_then(|at| hours.get_mut(usize::try_from(at).ok()?));
        if let (Some(hour), Some(particulars)) = (at, event.particulars()) {
            hour.0 += 1;
            hour.1 += u64::from(particulars.recipients);
        }
    }
    let most = hours.iter().map(|hour| hour.1).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    let bar = |(at, (messages, recipients)): (usize, &(u64, u64))| {
        let hour = (first + at as u64) % 24;
        Sends {
            x: at * 10 + 1,
            height: (recipients * 40).div_ceil(most),
            title: format!(
                "{hour}:00 UTC: {} to {}",
                words::counted(*messages, "message", "messages"),
                words::counted(*recipients, "recipient", "recipients"),
            ),
            label: hour.is_multiple_of(6).then(|| hour.to_string()),
        }
    };
    hours.iter().enumerate().map(bar).collect()
}

/// Which account an address or a form names.
fn named(desk: &Desk, fields: &Fields) -> Result<(SiteName, Account), Fault> {
    let site = desk.site(fields.text("site"))?;
    let name = fields.given("name").ok_or_else(|| Fault::Bad("The name of an account is missing.".to_owned()))?;
    Ok((Arc::clone(&site), desk.folded(&site, name)))
}

/// The page.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let (site, account) = named(&desk, &query)?;
    shown(&desk, &visit, &site, &account, Vec::new(), None).await
}

/// A button.
pub(super) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Fault> {
    let (site, account) = named(&desk, &form)?;
    let (name, at) = (account.to_string(), Some(site.to_string()));
    let given = |name: &str| form.text(name).to_owned();
    let asked = match form.text("do") {
        "lock" => Command::LockAccount { name, site: at, note: given("note"), until_password_change: false },
        "lock-until" => Command::LockAccount { name, site: at, note: given("note"), until_password_change: true },
        "unlock" => Command::UnlockAccount { name, site: at },
        "restrict-all" => Command::RestrictSessions { account: name, site: at },
        "end-all" => Command::EndSessions { account: name, site: at },
        "end" => Command::EndSession { hash: given("session") },
        "challenge" => Command::ChallengeSession { hash: given("session") },
        "restrict" => Command::RestrictSession { hash: given("session") },
        "clear" => Command::ClearSession { hash: given("session") },
        "forget" => Command::ForgetDevices { name, device: Some(given("device")), site: at },
        "forget-all" => Command::ForgetDevices { name, device: None, site: at },
        "mark" => Command::MarkPrefix { prefix: given("prefix"), site: at, days: None, note: given("note") },
        "unmark" => Command::UnmarkPrefix { prefix: given("prefix"), site: at },
        "helpdesk-code" => Command::MakeHelpdeskCode { name, site: at },
        "remove-factors" => Command::RemoveFactors { name, factor: None, site: at },
        _ => return Err(Fault::Bad("There is no such button.".to_owned())),
    };
    let reply = act::command(&desk, &visit, asked).await;
    let code = match &reply {
        Reply::HelpdeskCodes { codes } => codes.first().map(|row| (row.code.clone(), row.until.clone())),
        _ => None,
    };
    let is_done = !matches!(reply, Reply::Refused { .. });
    let done = vec![Done { what: account.to_string(), said: act::said(&reply), is_done }];
    shown(&desk, &visit, &site, &account, done, code).await
}

async fn shown(
    desk: &Desk,
    visit: &Visit,
    site: &SiteName,
    account: &Account,
    done: Vec<Done>,
    code: Option<(String, String)>,
) -> Result<Response, Fault> {
    let (store, now) = (&desk.control.store, visit.now);
    let lock = store.locked(site, account).await?;
    let profile = store.profile(site, account, now).await?;
    let devices = store.devices(site, account, now).await?;
    let sessions = store.sessions(site, Some(account), SESSIONS, now).await?;
    let of = (Some(Arc::clone(site)), Some(account.clone()));
    let flags = FlagFilter { site: of.0.clone(), account: of.1.clone(), ..FlagFilter::default() };
    let flags = store.flags(&flags, FLAGS).await?;
    let past = EventFilter { site: of.0, account: of.1, ..EventFilter::default() };
    let sent = EventFilter {
        kinds: vec!["sent".to_owned()],
        since: Some(now.before(HOUR * SENDS_HOURS as u32)),
        ..past.clone()
    };
    let past = store.past_events(&past, EVENTS).await?;
    let (sent, _) = desk.control.past(sent, SENDS_MAX, SENDS_LOOKS_MAX).await?;
    let factors = match store.factors(site, account).await? {
        None => Vec::new(),
        Some(sealed) => Enrolled::open(&sealed.bytes, &desk.control.keys, site, account).map_or_else(
            || vec!["cannot be opened: a key is missing".to_owned()],
            |enrolled| named_factors(&enrolled, now),
        ),
    };
    let mut rows = Vec::with_capacity(sessions.len());
    for session in &sessions {
        let is_marked = store.marked_prefix(site, session.spot.prefix, now).await?.is_some();
        rows.push(SessionRow { is_marked, ..SessionRow::of(desk, session, now) });
    }
    let status = if done.iter().all(|done| done.is_done) { StatusCode::OK } else { StatusCode::CONFLICT };
    let page = AccountPage {
        frame: Frame::of(visit, "search"),
        site,
        account: account.as_str(),
        lock: lock.map(|lock| (words::when(lock.since, now), lock.note)),
        sign_ins: profile.sign_ins,
        latest: profile.latest.as_ref().map(|latest| {
            let country = latest.country.map_or_else(String::new, |country| format!(" ({})", words::named(country)));
            (words::when(latest.time, now), format!("{}{country}", latest.address))
        }),
        usual: [
            ("Countries", usual(&profile.countries, words::named, now)),
            ("Providers", usual(&profile.as_numbers, |number| format!("AS{number}"), now)),
            ("Networks", usual(&profile.networks, |network| network.to_string(), now)),
            ("Browsers", usual(&profile.agents, |agent| agent.to_string(), now)),
        ],
        hours: bars(&profile.hours),
        sends: sends(&sent, now),
        factors,
        devices: devices
            .iter()
            .map(|known| DeviceRow {
                device: data_encoding::HEXLOWER.encode(&known.device),
                since: words::when(known.since, now),
                used: words::when(known.last_used, now),
            })
            .collect(),
        sessions: rows,
        flags: flags.iter().map(|flag| Row::of(desk, flag, now)).collect(),
        events: past.events.iter().map(|event| events::line(event, now)).collect(),
        done,
        code,
    };
    Ok(page::shown(status, &page))
}

/// What an account can prove itself with, by name only.
fn named_factors(enrolled: &Enrolled, now: Timestamp) -> Vec<String> {
    let passkeys = enrolled.passkeys.iter().map(|passkey| format!("passkey “{}”", passkey.name));
    let apps = enrolled.apps.iter().map(|app| format!("app “{}”", app.name));
    let addresses = enrolled.addresses.iter().map(|_| "another address".to_owned());
    let codes = (!enrolled.recovery.is_empty())
        .then(|| words::counted(enrolled.recovery.len(), "recovery code left", "recovery codes left"));
    let helpdesk = enrolled.helpdesk.as_ref().filter(|code| now < code.until);
    let helpdesk = helpdesk.map(|_| FactorKind::HelpdeskCode.name().replace('_', " "));
    passkeys.chain(apps).chain(addresses).chain(codes).chain(helpdesk).collect()
}
