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

/// A page asks anew after this long, so that a session that is over is noticed.
const LASTS: Duration = Duration::from_secs(600);

/// Whether an event changes what the pages show that listen.
pub(super) const fn is_news(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::FlagRaised
            | EventKind::FlagCleared
            | EventKind::FlagConfirmed
            | EventKind::ManyMessages { .. }
            | EventKind::SessionMoved
            | EventKind::SessionCleared
            | EventKind::SessionRestricted
            | EventKind::SessionEnded
            | EventKind::AccountLocked
            | EventKind::AccountUnlocked
            | EventKind::Sent { .. }
            | EventKind::SendRefused { .. }
            | EventKind::SignInOk
            | EventKind::SignInFailed
            | EventKind::SignInRefused
            | EventKind::StoreDegraded { .. }
            | EventKind::StoreRecovered { .. }
            | EventKind::UpstreamFailed { .. }
    )
}

/// Where events are heard of. Cheap to clone, and never waits: it is called by whoever writes them.
#[derive(Clone)]
pub struct News(pub(super) broadcast::Sender<()>);

impl News {
    /// Nobody listens yet.
    pub fn new() -> Self {
        Self(broadcast::channel(WAITING_MAX).0)
    }

    /// Tells open pages of it.
    pub fn offer(&self, event: &Event) {
        if is_news(&event.kind) {
            let _ = self.0.send(());
        }
    }
}

impl Default for News {
    fn default() -> Self {
        Self::new()
    }
}

struct Listening {
    news: broadcast::Receiver<()>,
    /// A place among those who listen.
    _place: OwnedSemaphorePermit,
}

/// The stream.
pub(super) async fn listen(State(desk): State<Arc<Desk>>) -> Result<Response, Fault> {
    let place = Arc::clone(&desk.listeners).try_acquire_owned();
    let place = place.map_err(|_| Fault::Refused("Too many pages listen.".to_owned()))?;
    let listening = Listening { news: desk.news.0.subscribe(), _place: place };
    let said = stream::unfold(listening, |mut listening| async move {
        if let Err(RecvError::Closed) = listening.news.recv().await {
            return None;
        }
        tokio::time::sleep(EVERY).await;
        // What came meanwhile is the same news.
        listening.news = listening.news.resubscribe();
        // Without data a browser takes it for nothing.
        Some((Ok::<_, Infallible>(Said::default().event("news").data("1")), listening))
    });
    let lasts = tokio::time::sleep(LASTS);
    let said = said.take_until(lasts);
    Ok(Sse::new(said).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}
