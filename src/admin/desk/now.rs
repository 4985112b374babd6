//! How it is now: what happened in the last hour, day and week, who sends most, from where, and how the gateway is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Desk;
use super::fault::Fault;
use super::flags::{Row, Wanted};
use super::form::Query;
use super::page::{self, Frame};
use super::visit::Visit;
use super::words;
use crate::admin::{CERTIFICATE_NEAR_END, CLOCK_APART_MAX, NodeFacts, Readiness};
use crate::domain::flag::FlagFilter;
use crate::domain::{Country, FlagStatus, Span, Tally, Timestamp};
use crate::intel::Freshness;
use crate::store::Away;

/// Open flags shown, and counted at most.
const FLAGS: usize = 8;
const FLAGS_COUNTED: usize = 200;

/// Senders and places shown.
const SENDERS: usize = 10;
const PLACES: usize = 14;

const HOUR: Duration = Duration::from_secs(3_600);

/// The three spans of the page.
const SPANS: [(&str, Duration, Span); 3] = [
    ("hour", HOUR, Span::FiveMinutes),
    ("day", Duration::from_secs(86_400), Span::FiveMinutes),
    ("week", Duration::from_secs(7 * 86_400), Span::Hour),
];

/// What was counted over a span, by name.
pub(super) struct Counts(HashMap<String, u64>);

impl Counts {
    pub fn of(tallies: &[Tally], since: Timestamp) -> Self {
        let mut counts = HashMap::new();
        for tally in tallies.iter().filter(|tally| tally.start >= since) {
            *counts.entry(tally.what.clone()).or_insert(0) += tally.count;
        }
        Self(counts)
    }

    pub fn sum(&self, names: &[&str]) -> u64 {
        names.iter().filter_map(|name| self.0.get(*name)).sum()
    }

    /// By country, most first.
    fn places(&self) -> Vec<(Country, u64, u64)> {
        let mut places: HashMap<Country, (u64, u64)> = HashMap::new();
        for (what, count) in &self.0 {
            if let Some(country) = what.strip_prefix(Tally::FROM).and_then(|country| country.parse().ok()) {
                places.entry(country).or_default().0 += count;
            }
            if let Some(country) = what.strip_prefix(Tally::FAILED_FROM).and_then(|country| country.parse().ok()) {
                places.entry(country).or_default().1 += count;
            }
        }
        let mut places: Vec<_> = places.into_iter().map(|(country, (good, failed))| (country, good, failed)).collect();
        places.sort_by_key(|(country, good, failed)| (std::cmp::Reverse(good + failed), *country));
        places
    }
}

/// What each line of the table counts.
pub(super) const LINES: [(&str, &[&str]); 8] = [
    ("Sign-ins", &["sign_in_ok"]),
    ("Wrong name or password", &["sign_in_failed"]),
    ("Sign-ins stopped", &["sign_in_refused"]),
    ("Challenged or restricted", &[Tally::CHALLENGED]),
    ("Messages sent", &["sent"]),
    ("Recipients", &[Tally::RECIPIENTS]),
    ("Messages stopped", &["send_refused"]),
    ("Flags", &["flag_raised"]),
];

struct CountRow {
    what: &'static str,
    counts: Vec<u64>,
}

struct PlaceRow {
    country: String,
    name: String,
    good: u64,
    failed: u64,
    width: u64,
}

/// A country on the map, in its units: two for a degree, from 84 degrees north.
struct Dot {
    x: f32,
    y: f32,
    radius: f64,
    look: &'static str,
    title: String,
}

struct SenderRow {
    account: String,
    account_page: String,
    site: String,
    messages: u64,
    recipients: u64,
    width: u64,
}

struct Hour {
    x: usize,
    good: u64,
    failed: u64,
    title: String,
}

struct HealthRow {
    what: String,
    look: &'static str,
    said: String,
}

#[derive(Template)]
#[template(path = "admin/now.html")]
struct NowPage<'a> {
    frame: Frame<'a>,
    open: usize,
    many_open: bool,
    urgent: usize,
    flags: Vec<Row>,
    counts: Vec<CountRow>,
    span: &'static str,
    senders: Vec<SenderRow>,
    places: Vec<PlaceRow>,
    dots: Vec<Dot>,
    hours: Vec<Hour>,
    health: Vec<HealthRow>,
    time: String,
}

/// The page.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Query(query): Query,
) -> Result<Response, Fault> {
    let now = visit.now;
    let store = &desk.control.store;
    let fine = store.tallies(Span::FiveMinutes, now.before(SPANS[1].1), now).await?;
    let coarse = store.tallies(Span::Hour, now.before(SPANS[2].1), now).await?;
    let counts: Vec<Counts> = SPANS
        .iter()
        .map(|(_, lasts, span)| {
            Counts::of(if *span == Span::Hour { &coarse } else { &fine }, span.start(now.before(*lasts)))
        })
        .collect();
    let chosen = SPANS.iter().position(|(name, ..)| *name == query.text("span")).unwrap_or(1);
    let senders = store.top_senders(now.before(SPANS[chosen].1), SENDERS, now).await?;
    let most = senders.iter().map(|sender| sender.recipients).max().unwrap_or(0).max(1);
    let open = FlagFilter { status: Some(FlagStatus::Open), ..FlagFilter::default() };
    let wanted = Wanted { filter: open, ..Wanted::default() };
    let (flags, more) = desk.wanted_flags(&wanted, FLAGS_COUNTED).await?;
    let rows: Vec<Row> = flags.iter().map(|flag| Row::of(&desk, flag, now)).collect();
    let is_urgent = |row: &Row| row.severity == Some("critical");
    let urgent = rows.iter().filter(|row| is_urgent(row)).count();
    let (first, rest): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_urgent);
    let open = flags.len();
    let page = NowPage {
        frame: Frame::of(&visit, "now"),
        open,
        many_open: more.is_some(),
        urgent,
        flags: first.into_iter().chain(rest).take(FLAGS).collect(),
        counts: LINES
            .iter()
            .map(|(what, names)| CountRow { what, counts: counts.iter().map(|counts| counts.sum(names)).collect() })
            .collect(),
        span: SPANS[chosen].0,
        senders: senders
            .iter()
            .map(|sender| SenderRow {
                account: sender.account.to_string(),
                account_page: words::account_page(&sender.site, sender.account.as_str()),
                site: sender.site.to_string(),
                messages: sender.messages,
                recipients: sender.recipients,
                width: sender.recipients * 100 / most,
            })
            .collect(),
        places: places(&counts[chosen]),
        dots: dots(&counts[chosen]),
        hours: hours(&fine, now),
        health: desk.health(now).await,
        time: words::when(now, now).minute,
    };
    Ok(page::shown(StatusCode::OK, &page))
}

fn places(counts: &Counts) -> Vec<PlaceRow> {
    let places = counts.places();
    let most = places.first().map_or(1, |(_, good, failed)| good + failed).max(1);
    let row = |(country, good, failed): (Country, u64, u64)| PlaceRow {
        country: country.to_string(),
        name: words::named(country),
        good,
        failed,
        width: (good + failed) * 100 / most,
    };
    places.into_iter().take(PLACES).map(row).collect()
}

fn dots(counts: &Counts) -> Vec<Dot> {
    let places = counts.places();
    let most = places.first().map_or(1, |(_, good, failed)| good + failed).max(1);
    let dot = |(country, good, failed): (Country, u64, u64)| {
        let (north, east) = country.place()?;
        #[expect(clippy::cast_precision_loss, reason = "a dot's size needs no more than a few digits")]
        let share = (good + failed) as f64 / most as f64;
        Some(Dot {
            x: (east + 180.0) * 2.0,
            y: (84.0 - north) * 2.0,
            radius: 3.0 + 11.0 * share.sqrt(),
            look: if failed > good { "bad" } else { "" },
            title: format!("{}: {good} sign-ins, {failed} failed", words::named(country)),
        })
    };
    places.into_iter().filter_map(dot).collect()
}

/// Sign-ins by hour over the last day, as heights of at most 100.
fn hours(tallies: &[Tally], now: Timestamp) -> Vec<Hour> {
    let starts: Vec<Timestamp> = Span::Hour.starts(now.before(HOUR * 23), now).collect();
    let in_hour = |start: Timestamp, names: &[&str]| -> u64 {
        let of = tallies.iter().filter(|tally| Span::Hour.start(tally.start) == start);
        of.filter(|tally| names.contains(&tally.what.as_str())).map(|tally| tally.count).sum()
    };
    let counted: Vec<(u64, u64)> = starts
        .iter()
        .map(|start| (in_hour(*start, &["sign_in_ok"]), in_hour(*start, &["sign_in_failed", "sign_in_refused"])))
        .collect();
    let most = counted.iter().map(|(good, failed)| good + failed).max().unwrap_or(0).max(1);
    let hour = |(x, (start, (good, failed))): (usize, (&Timestamp, &(u64, u64)))| Hour {
        x,
        good: good * 100 / most,
        failed: failed * 100 / most,
        title: format!("{} UTC: {good} sign-ins, {failed} failed", words::when(*start, now).minute),
    };
    starts.iter().zip(&counted).enumerate().map(hour).collect()
}

/// How a gateway is. While the store is away nothing is heard of the others, and that says nothing about them.
fn health_of(node: &NodeFacts, store_is_away: bool, now: Timestamp) -> HealthRow {
    let apart = node.clock_ahead.unwrap_or(0).unsigned_abs();
    let look = match (node.is_this, node.is_silent()) {
        (false, true) if store_is_away => "",
        (false, true) => "critical",
        _ if Duration::from_millis(apart) > CLOCK_APART_MAX => "warning",
        _ => "good",
    };
    let mut said = format!("{}, since {} UTC", node.version, words::when(node.since, now).minute);
    if !node.is_this {
        let seconds = node.quiet_for.as_secs();
        said += &match seconds {
            0..120 => format!("; heard of {seconds} s ago"),
            120.. => format!("; not heard of for {} min", seconds / 60),
        };
    }
    if let Some(ahead) = node.clock_ahead {
        let side = if ahead < 0 { "behind" } else { "ahead of" };
        said += &format!("; its clock {apart} ms {side} the store's");
    }
    let this = if node.is_this { " (this one)" } else { "" };
    HealthRow { what: format!("Node {}{this}", node.name), look, said }
}

impl Desk {
    async fn health(&self, now: Timestamp) -> Vec<HealthRow> {
        let facts = (self.facts)();
        let (readiness, reasons) = facts.judge(now);
        let look = match readiness {
            Readiness::Ready => "good",
            Readiness::Degraded => "warning",
            Readiness::NotReady => "critical",
        };
        let said = if reasons.is_empty() { "ready".to_owned() } else { reasons.join("; ") };
        let mut rows = vec![HealthRow { what: "Gateway".to_owned(), look, said }];
        let probe: Result<(), Away> = self.control.store.probe(now).await;
        let (look, said) = match (probe, facts.store_waiting) {
            (Err(away), _) => ("critical", away.to_string()),
            (Ok(()), 0) => ("good", "answers".to_owned()),
            (Ok(()), waiting) => ("warning", format!("{waiting} changes wait for it")),
        };
        rows.push(HealthRow { what: "Store".to_owned(), look, said });
        rows.extend(facts.nodes.iter().map(|node| health_of(node, facts.store_degraded_since.is_some(), now)));
        for site in &facts.sites {
            let (look, said) = match site.upstream_answers {
                Some(true) => ("good", "webmail answers"),
                Some(false) => ("critical", "webmail does not answer"),
                None => ("", "webmail not asked yet"),
            };
            let ends = site.certificate_ends.map(|ends| {
                let look = if ends <= now.after(CERTIFICATE_NEAR_END) { "warning" } else { look };
                (look, format!("{said}; certificate until {}", ends.day()))
            });
            let (look, said) = ends.unwrap_or((look, said.to_owned()));
            rows.push(HealthRow { what: site.site.to_string(), look, said });
        }
        for (scanner, since) in &facts.scanners {
            let (look, said) = match since {
                None => ("good", "answers".to_owned()),
                Some(since) => ("critical", format!("does not answer since {} UTC", words::when(*since, now).minute)),
            };
            rows.push(HealthRow { what: format!("Scanner: {scanner}"), look, said });
        }
        for (address, list) in &facts.listed {
            rows.push(HealthRow {
                what: address.to_string(),
                look: "critical",
                said: format!("on the blocklist {list}"),
            });
        }
        for source in self.intel.sources(now) {
            let look = match source.freshness {
                Freshness::Fresh => "good",
                Freshness::Old => "warning",
                Freshness::TooOld => "critical",
            };
            let built = source.built.map_or_else(|| "without a date".to_owned(), |built| format!("of {}", built.day()));
            let said = match source.freshness {
                Freshness::TooOld => format!("{built}, too old: not used"),
                Freshness::Old => format!("{built}, getting old"),
                Freshness::Fresh => built,
            };
            rows.push(HealthRow { what: format!("Data: {}", source.topic.name()), look, said });
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_is_silent_is_said_and_while_the_store_is_away_nobody_is_accused() {
        let now = Timestamp::from_millis(1_796_083_200_000);
        let node = |is_this, quiet_for, ahead| NodeFacts {
            name: "web1".to_owned(),
            version: "0.1.0".to_owned(),
            since: now.before(HOUR),
            quiet_for: Duration::from_secs(quiet_for),
            clock_ahead: ahead,
            is_this,
        };
        let begins = "0.1.0, since 2026-11-30 23:00 UTC";
        for (node, store_is_away, look, what, said) in [
            (node(true, 0, None), false, "good", "Node web1 (this one)", String::new()),
            (
                node(true, 0, Some(4)),
                true,
                "good",
                "Node web1 (this one)",
                "; its clock 4 ms ahead of the store's".into(),
            ),
            (
                node(false, 9, Some(-4)),
                false,
                "good",
                "Node web1",
                "; heard of 9 s ago; its clock 4 ms behind the store's".into(),
            ),
            (
                node(false, 9, Some(-1_001)),
                false,
                "warning",
                "Node web1",
                "; heard of 9 s ago; its clock 1001 ms behind the store's".into(),
            ),
            (node(false, 36, None), false, "critical", "Node web1", "; heard of 36 s ago".into()),
            (node(false, 300, None), false, "critical", "Node web1", "; not heard of for 5 min".into()),
            (node(false, 300, None), true, "", "Node web1", "; not heard of for 5 min".into()),
        ] {
            let row = health_of(&node, store_is_away, now);
            assert_eq!((row.look, row.what.as_str(), row.said), (look, what, format!("{begins}{said}")));
        }
    }
}
