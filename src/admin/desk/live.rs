//! Tells open pages that something happened. What it was they ask for themselves, as whoever is signed in.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as Said, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::Desk;
use super::fault::Fault;
use crate::domain::{Event, EventKind};

/// Pages that listen at once; each costs a connection.
pub(super) const LISTENERS_MAX: usize = 200;

/// Pieces of news that wait for a slow page; more are one.
pub(super) const WAITING_MAX: usize = 16;

/// However much happens, a page hears of it this often.
const EVERY: Duration = Duration::from_secs(2);

/// Numbers that only grow may wait so much longer: a busy site's pages would be made anew all the time.
const NUMBERS_EVERY: Duration = Duration::from_secs(15);

/// A page asks anew after this long, so that a session that is over is noticed.
const LASTS: Duration = Duration::from_secs(600);

/// How soon open pages should show an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Somebody may be waiting for it.
    Flag,
    /// It is counted somewhere.
    Number,
    /// No page that listens shows it.
    Nothing,
}

const fn kind(event: &EventKind) -> Kind {
    match event {
        EventKind::FlagRaised
        | EventKind::FlagCleared
        | EventKind::FlagConfirmed
        | EventKind::CampaignRecognised { .. }
        | EventKind::CampaignConfirmed
        | EventKind::CampaignCleared
        | EventKind::ManyMessages { .. }
        | EventKind::SessionMoved
        | EventKind::SessionCleared
        | EventKind::SessionRestricted
        | EventKind::SessionChallenged
        | EventKind::SessionEnded
        | EventKind::AccountLocked
        | EventKind::AccountUnlocked
        | EventKind::StoreDegraded { .. }
        | EventKind::StoreRecovered { .. }
        | EventKind::ScannerSilent { .. }
        | EventKind::ScannerAnswers { .. }
        | EventKind::UpstreamFailed { .. } => Kind::Flag,
        EventKind::Sent { .. }
        | EventKind::SendRefused { .. }
        | EventKind::SignInOk
        | EventKind::SignInFailed
        | EventKind::SignInRefused => Kind::Number,
        _ => Kind::Nothing,
    }
}

/// Where events are heard of. Cheap to clone, and never waits: it is called by whoever writes them.
#[derive(Clone)]
pub struct News {
    flags: broadcast::Sender<()>,
    numbers: broadcast::Sender<()>,
}

impl News {
    /// Nobody listens yet.
    pub fn new() -> Self {
        Self { flags: broadcast::channel(WAITING_MAX).0, numbers: broadcast::channel(WAITING_MAX).0 }
    }

    /// Tells open pages of it.
    pub fn offer(&self, event: &Event) {
        let _ = match kind(&event.kind) {
            Kind::Flag => self.flags.send(()),
            Kind::Number => self.numbers.send(()),
            Kind::Nothing => return,
        };
    }
}

impl Default for News {
    fn default() -> Self {
        Self::new()
    }
}

struct Listening {
    flags: broadcast::Receiver<()>,
    numbers: broadcast::Receiver<()>,
    /// A place among those who listen.
    _place: OwnedSemaphorePermit,
}

impl Listening {
    /// Waits until the page should be made anew; says whether there is anything more to come.
    async fn news(&mut self) -> bool {
        let heard = tokio::select! {
            heard = self.flags.recv() => heard,
            heard = self.numbers.recv() => {
                let _ = tokio::time::timeout(NUMBERS_EVERY, self.flags.recv()).await;
                heard
            }
        };
        if matches!(heard, Err(RecvError::Closed)) {
            return false;
        }
        tokio::time::sleep(EVERY).await;
        // What came meanwhile is the same news.
        self.flags = self.flags.resubscribe();
        self.numbers = self.numbers.resubscribe();
        true
    }
}

/// The stream.
pub(super) async fn listen(State(desk): State<Arc<Desk>>) -> Result<Response, Fault> {
    let place = Arc::clone(&desk.listeners).try_acquire_owned();
    let place = place.map_err(|_| Fault::Refused("Too many pages listen.".to_owned()))?;
    let News { flags, numbers } = &desk.news;
    let listening = Listening { flags: flags.subscribe(), numbers: numbers.subscribe(), _place: place };
    let said = stream::unfold(listening, |mut listening| async move {
        // Without data a browser takes it for nothing.
        let said = Said::default().event("news").data("1");
        listening.news().await.then_some((Ok::<_, Infallible>(said), listening))
    });
    let lasts = tokio::time::sleep(LASTS);
    let said = said.take_until(lasts);
    let stream = Sse::new(said).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
    // nginx in front would keep what is said until it has a bufferful.
    Ok(([("x-accel-buffering", "no")], stream).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_told_at_once_a_number_later_and_a_reload_never() {
        for (event, told) in [
            (EventKind::FlagRaised, Kind::Flag),
            (EventKind::AccountLocked, Kind::Flag),
            (EventKind::Sent { recipients: 3 }, Kind::Number),
            (EventKind::ConfigurationReloaded, Kind::Nothing),
        ] {
            assert_eq!(kind(&event), told, "{event:?}");
        }
    }
}
