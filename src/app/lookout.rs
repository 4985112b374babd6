//! What is looked at now and then, so that an operator hears of it in time: blocklists, scanners, and what
//! must be renewed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::admin::CERTIFICATE_NEAR_END;
use crate::config::Reputation;
use crate::domain::{Event, EventKind, Timestamp};
use crate::edge::tls::Certificates;
use crate::gateway::Shared;
use crate::intel::Freshness;
use crate::reputation::{Asking, Found, Known};
use crate::scan::Turn;

/// How often it is seen whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often the scanners are looked at.
const SCANNERS_EVERY: Duration = Duration::from_secs(10);

/// What must be renewed is said so often.
const DAY: Duration = Duration::from_secs(86_400);

/// A database of addresses so long before it is too old to be used.
const DATABASE_NEAR_END: Duration = Duration::from_secs(30 * 86_400);

/// Senders that stand beside a listing: with the most recipients in the day before.
const SENDERS: usize = 3;

/// Looks, and remembers what it saw.
#[derive(Default)]
pub(super) struct Lookout {
    known: Mutex<Known>,
}

impl Lookout {
    /// Addresses and the lists that they are on.
    pub(super) fn listed(&self) -> Vec<(IpAddr, String)> {
        self.known.lock().listed()
    }

    /// Looks for as long as the gateway runs.
    pub(super) async fn look_after(self: Arc<Self>, shared: Arc<Shared>, certificates: Arc<Certificates>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut asked, mut said): (Option<(Timestamp, Reputation)>, Option<Timestamp>) = (None, None);
        loop {
            ticks.tick().await;
            let now = shared.clock.now();
            let is_over = |last: Timestamp, every| now < last || now.since(last) >= every;
            let wanted = shared.live.load().config.reputation.clone();
            if asked.as_ref().is_none_or(|(last, as_then)| *as_then != wanted || is_over(*last, wanted.every)) {
                self.ask(&wanted, &shared).await;
                asked = Some((now, wanted));
            }
            if said.is_none_or(|last| is_over(last, DAY)) {
                near_ends(&shared, &certificates, now);
                said = Some(now);
            }
        }
    }

    async fn ask(&self, wanted: &Reputation, shared: &Shared) {
        self.known.lock().keep(&wanted.addresses, &wanted.lists);
        if wanted.addresses.is_empty() {
            return;
        }
        let asking = match Asking::by(wanted.resolver) {
            Ok(asking) => asking,
            Err(what) => return tracing::warn!(what, "blocklists cannot be asked"),
        };
        for address in &wanted.addresses {
            for list in &wanted.lists {
                let found = asking.ask(*address, list).await;
                if let Found::Unknown(what) = &found {
                    tracing::warn!(list, %address, what, "a blocklist does not say");
                }
                let news = self.known.lock().note(*address, list, &found);
                let now = shared.clock.now();
                let kind = match (news, found) {
                    (Some(true), Found::Listed(codes)) => {
                        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
                        let what = format!("{list} ({}){}", codes.join(", "), senders(shared, now).await);
                        EventKind::AddressListed { what }
                    }
                    (Some(_), _) => EventKind::AddressDelisted { what: list.clone() },
                    (None, _) => continue,
                };
                shared.events.record(Event { address: Some(*address), ..Event::new(now, kind) });
            }
        }
    }
}

/// Looks whether the scanners are there, for as long as the gateway runs: nobody may have sent anything for hours.
pub(super) async fn watch_scanners(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(SCANNERS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let live = shared.live.load_full();
        for (scanner, turned) in live.scanners.look().await {
            let kind = match turned {
                Turn::FellSilent => EventKind::ScannerSilent { scanner, what: "it is not there" },
                Turn::CameBack => EventKind::ScannerAnswers { scanner },
            };
            shared.events.record(Event::new(shared.clock.now(), kind));
        }
    }
}

/// Who sent the most in the last day, as the end of a sentence; nothing where that is not known.
async fn senders(shared: &Shared, now: Timestamp) -> String {
    let top = shared.store.top_senders(now.before(DAY), SENDERS, now).await.unwrap_or_default();
    let each: Vec<String> =
        top.iter().map(|sender| format!("{} at {} to {}", sender.account, sender.site, sender.recipients)).collect();
    match each.as_slice() {
        [] => String::new(),
        each => format!("; most recipients in the last 24 hours: {}", each.join(", ")),
    }
}

fn near_ends(shared: &Shared, certificates: &Certificates, now: Timestamp) {
    let live = shared.live.load();
    let mut ends: Vec<String> = Vec::new();
    for at in &live.sites {
        if let Some(end) = certificates.ends(&at.site.name).filter(|end| *end <= now.after(CERTIFICATE_NEAR_END)) {
            let said = if end <= now { "ended" } else { "ends" };
            ends.push(format!("the certificate of {} {said} on {}", at.site.name, end.day()));
        }
    }
    for source in shared.intel.sources(now) {
        let end = source.built.map(|built| built.after(live.config.geoip.max_age));
        let is_near = end.is_some_and(|end| end <= now.after(DATABASE_NEAR_END));
        if let Some(end) = end.filter(|_| is_near && source.freshness != Freshness::Fresh) {
            let (what, end) = (source.topic.name(), end.day());
            ends.push(match source.freshness {
                Freshness::TooOld => format!("the data \"{what}\" is not used since {end}: it is too old"),
                Freshness::Fresh | Freshness::Old => format!("the data \"{what}\" is not used from {end} on"),
            });
        }
    }
    for what in ends {
        shared.events.record(Event::new(now, EventKind::NearEnd { what }));
    }
}
