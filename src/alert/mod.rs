//! Tells the administrator what cannot wait: to a webhook, by mail, to syslog.
//!
//! Every event is offered ([`Alerts::offer`]); what is an alert ([`words`]) and wanted now ([`fold`]) is put into the
//! queue of each receiver on disk ([`queue`]) and told by a task of its own, so that a receiver that hangs hurts neither
//! requests nor the others. What cannot be told is tried again, ever more rarely, until it was told or is a week old.
//!
//! The room knows events and nothing of requests, stores or who decided. To add a kind of receiver: a file beside
//! `mail.rs` with a type that is a `Receiver`, and its line in `receiver`.

pub mod fold;
mod mail;
pub mod queue;
mod syslog;
mod webhook;
pub mod words;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::clock::{Clock, Dice};
use crate::config::{self, AlertTo};
use crate::domain::{Event, Timestamp};
use crate::telemetry::metrics::AlertsWaiting;
use fold::{Fold, Wants};
use queue::{Queue, Waiting};
use words::Alert;

/// A receiver that has not answered after so long does not.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a failure the next attempt comes so much later, and twice as much after each further one.
const RETRY_FIRST: Duration = Duration::from_secs(2);

/// But never later than this: a receiver that is back should not wait long.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// News of a week ago helps nobody.
const OLD: Duration = Duration::from_secs(7 * 86_400);

/// How long the task of a receiver sleeps when nothing wakes it: digests are due by the clock.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What telling comes to. The error is for the log and names no secret.
type Told<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Somebody who can be told.
trait Receiver: Send + Sync {
    /// Tells one alert, or several that go together. Returns when the other side has said that it got them.
    fn tell<'a>(&'a self, alerts: &'a [&'a Alert], now: Timestamp) -> Told<'a>;
}

/// Every kind of receiver there is.
fn receiver(
    to: &AlertTo,
    mail: Option<&config::Mail>,
    tls: &rustls::ClientConfig,
) -> Result<Box<dyn Receiver>, String> {
    Ok(match to {
        AlertTo::Mail(addresses) => Box::new(mail::Letters::new(addresses, mail)?),
        AlertTo::Webhook(hook) => Box::new(webhook::Webhook::new(hook, tls)?),
        AlertTo::Syslog(address) => Box::new(syslog::Syslog::new(address.clone())),
    })
}

/// All receivers with what waits for them.
pub struct Alerts {
    folder: PathBuf,
    clock: Clock,
    dice: Dice,
    tls: rustls::ClientConfig,
    told: Mutex<Vec<Telling>>,
    /// Where the administrator's desk is; none where there is none.
    desk: Mutex<Option<String>>,
}

/// A receiver, and the task that tells it.
struct Telling {
    post: Arc<Post>,
    task: JoinHandle<()>,
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One receiver's letter box.
struct Post {
    name: String,
    /// What it was made from: while that stays, so does it.
    made_from: (config::Alert, Option<config::Mail>),
    receiver: Box<dyn Receiver>,
    fold: Mutex<Fold>,
    queue: Mutex<Queue>,
    woken: Notify,
}

/// Why alerts cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// Their folder cannot be used.
    #[error("the folder for alerts {} cannot be used", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A receiver cannot be used.
    #[error("alerts to {name}: {what}")]
    Receiver {
        /// Its name.
        name: String,
        /// Why.
        what: String,
    },
}

impl Alerts {
    /// Opens the queues below `data_dir`. `tls` is trusted by webhooks.
    pub fn new(data_dir: &Path, clock: Clock, dice: Dice, tls: rustls::ClientConfig) -> Self {
        let folder = data_dir.join("alerts");
        Self { folder, clock, dice, tls, told: Mutex::default(), desk: Mutex::default() }
    }

    /// Takes the receivers of a configuration in place of those there were, and begins to tell what waits for them. One
    /// that did not change is not disturbed. What waits for a receiver that is gone stays on disk until its name comes
    /// back. Needs a running tokio runtime.
    ///
    /// # Errors
    /// A queue cannot be opened or a receiver not be used; then everything stays as it was.
    pub fn configure(&self, config: &config::Config) -> Result<(), AlertError> {
        let mut told = self.told.lock();
        *self.desk.lock() = config.desk_page();
        let is_kept = |telling: &Telling| {
            let (alert, mail) = &telling.post.made_from;
            *mail == config.mail && config.alerts.contains(alert)
        };
        let is_new = |alert: &&config::Alert| {
            !told.iter().any(|telling| is_kept(telling) && telling.post.made_from.0 == **alert)
        };
        let posts = config.alerts.iter().filter(is_new).map(|alert| self.post(alert, config.mail.as_ref()));
        let posts: Vec<Arc<Post>> = posts.collect::<Result<_, _>>()?;
        told.retain(is_kept);
        told.extend(
            posts
                .into_iter()
                .map(|post| Telling { task: tokio::spawn(Arc::clone(&post).run(self.clock.clone())), post }),
        );
        Ok(())
    }

    fn post(&self, alert: &config::Alert, mail: Option<&config::Mail>) -> Result<Arc<Post>, AlertError> {
        let name = alert.name.clone();
        let receiver =
            receiver(&alert.to, mail, &self.tls).map_err(|what| AlertError::Receiver { name: name.clone(), what })?;
        let folder = self.folder.join(&name);
        let queue = Queue::open(folder.clone()).map_err(|source| AlertError::Folder { folder, source })?;
        let wants = Wants {
            events: alert.events.clone(),
            at_least: alert.at_least,
            repeat_after: alert.repeat_after,
            digest: alert.digest,
        };
        Ok(Arc::new(Post {
            name,
            made_from: (alert.clone(), mail.cloned()),
            receiver,
            fold: Mutex::new(Fold::new(wants)),
            queue: Mutex::new(queue),
            woken: Notify::new(),
        }))
    }

    /// What each receiver must still be told.
    pub fn waiting(&self, now: Timestamp) -> Vec<AlertsWaiting> {
        let of = |telling: &Telling| {
            let queue = telling.post.queue.lock();
            let (waiting, oldest_due) = (queue.len(), queue.oldest_due(now));
            AlertsWaiting { receiver: telling.post.name.clone(), waiting, oldest_due }
        };
        self.told.lock().iter().map(of).collect()
    }

    /// Takes in what happened. Writes to disk where somebody is to be told, which is rare; never waits for anybody.
    pub fn offer(&self, event: &Event) {
        let told = self.told.lock();
        if told.is_empty() {
            return;
        }
        let Some((mut alert, subject)) = Alert::of(event, self.dice.bytes()) else { return };
        if let Some(desk) = self.desk.lock().as_deref() {
            alert = alert.at_desk(desk);
        }
        for Telling { post, .. } in told.iter() {
            let due = post.fold.lock().take(alert.clone(), subject.clone(), event.time);
            let Some(due) = due else { continue };
            match post.queue.lock().add(due) {
                Ok(true) => post.woken.notify_one(),
                Ok(false) => tracing::error!(receiver = post.name, "too many alerts wait, one more is lost"),
                Err(error) => tracing::error!(receiver = post.name, %error, "an alert cannot be kept and is lost"),
            }
        }
    }
}

impl Post {
    /// Tells what is due, for ever.
    async fn run(self: Arc<Self>, clock: Clock) {
        let mut failures = 0;
        loop {
            let now = clock.now();
            let due = self.queue.lock().due(now);
            if due.is_empty() {
                let _ = tokio::time::timeout(LOOK_EVERY, self.woken.notified()).await;
                continue;
            }
            match self.tell(&due, now).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(receiver = self.name, "alerts are taken again");
                    }
                    failures = 0;
                    self.queue.lock().done(&due);
                }
                Err(what) => {
                    if failures == 0 {
                        tracing::warn!(receiver = self.name, what, "an alert was not taken; it is tried again");
                    }
                    self.drop_old(&due, now);
                    tokio::time::sleep(pause(failures)).await;
                    failures += 1;
                }
            }
        }
    }

    async fn tell(&self, due: &[Waiting], now: Timestamp) -> Result<(), String> {
        let alerts: Vec<&Alert> = due.iter().map(|waiting| &waiting.alert).collect();
        let told = tokio::time::timeout(PATIENCE, self.receiver.tell(&alerts, now)).await;
        told.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    fn drop_old(&self, due: &[Waiting], now: Timestamp) {
        let old: Vec<Waiting> = due.iter().filter(|waiting| now.since(waiting.at) > OLD).cloned().collect();
        if !old.is_empty() {
            tracing::error!(
                receiver = self.name,
                count = old.len(),
                "alerts were not taken for a week and are dropped"
            );
            self.queue.lock().done(&old);
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause(failures: u32) -> Duration {
    RETRY_FIRST.saturating_mul(2_u32.saturating_pow(failures)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_is_away_is_asked_ever_more_rarely_and_never_forgotten() {
        let pauses: Vec<u64> = [0, 1, 2, 7, 8, 1_000].into_iter().map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 256, 300, 300]);
    }
}
