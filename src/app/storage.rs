//! The store that the configuration asks for, and what looks after it while the gateway runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use crate::config::Config;
use crate::domain::{Event, EventKind, Timestamp};
use crate::gateway::Shared;
use crate::policy::share::Share;
use crate::store::Store;
use crate::store::embedded::{self, Embedded};
use crate::store::fallback::{self, Fallback, News};

/// The embedded store is tried this often, so that a fault shows before somebody's message meets it.
const EMBEDDED_EVERY: Duration = Duration::from_secs(10);

/// A shared store that is away is looked after this often; how often it is tried then is for [`Fallback`] to say.
const SHARED_EVERY: Duration = Duration::from_millis(100);

/// What a node keeps beside a shared store is in this folder of `data_dir`.
const OWN_FOLDER: &str = "node";

/// What must outlive a request.
pub(super) struct Storage {
    kind: Kind,
    /// Whether the embedded store could be written when it was tried last.
    is_well: AtomicBool,
    data_dir: PathBuf,
}

enum Kind {
    Embedded(Arc<Embedded>),
    Shared(Arc<Fallback>),
}

impl Storage {
    /// Opens the store. Blocks: call it before serving.
    ///
    /// # Errors
    /// What can never work: a file that is damaged, or that a newer Mailward wrote.
    pub(super) fn open(config: &Config, now: Timestamp) -> anyhow::Result<Self> {
        let kind = if config.store.redis.is_empty() {
            Kind::Embedded(Arc::new(Embedded::open(&config.data_dir, now, embedded_settings(config))?))
        } else {
            Kind::Shared(Arc::new(open_shared(config, now)?))
        };
        Ok(Self { kind, is_well: AtomicBool::new(true), data_dir: config.data_dir.clone() })
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        match &self.kind {
            Kind::Embedded(store) => Arc::clone(store) as Arc<dyn Store>,
            Kind::Shared(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// The folder of the embedded store; none where the store is a shared one.
    pub(super) fn embedded_in(&self) -> Option<PathBuf> {
        matches!(self.kind, Kind::Embedded(_)).then(|| self.data_dir.clone())
    }

    /// Takes over a changed configuration.
    pub(super) fn configure(&self, config: &Config) {
        match &self.kind {
            Kind::Embedded(store) => store.configure(embedded_settings(config)),
            Kind::Shared(store) => store.configure(shared_settings(config), embedded_settings(config)),
        }
    }

    /// Changes that wait until a shared store can be told of them.
    pub(super) fn waiting(&self) -> usize {
        match &self.kind {
            Kind::Embedded(_) => 0,
            Kind::Shared(store) => store.waiting(),
        }
    }

    /// Looks after the store until it is dropped, and tells operators when it goes away and comes back.
    pub(super) async fn look_after(self: Arc<Self>, shared: Arc<Shared>) {
        let every = match &self.kind {
            Kind::Embedded(_) => EMBEDDED_EVERY,
            Kind::Shared(_) => SHARED_EVERY,
        };
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = shared.clock.now();
            let kind = match self.look(now).await {
                Some(News::Away { since, what }) => {
                    // A request that met it first has said so.
                    shared.degraded.begin(since).then_some(EventKind::StoreDegraded { what })
                }
                Some(News::Back { told, lost, .. }) => {
                    shared.degraded.end();
                    Some(EventKind::StoreRecovered { told, lost })
                }
                None if self.answers() && shared.degraded.end() => Some(EventKind::StoreRecovered { told: 0, lost: 0 }),
                None => None,
            };
            if let Some(kind) = kind {
                shared.events.record(Event::new(now, kind));
            }
            shared.events.metrics().store_waiting(self.waiting());
        }
    }

    async fn look(&self, now: Timestamp) -> Option<News> {
        match &self.kind {
            Kind::Embedded(store) => {
                let away = store.probe(now).await.err();
                self.is_well.store(away.is_none(), Ordering::Relaxed);
                away.map(|away| News::Away { since: now, what: away.what })
            }
            Kind::Shared(store) => store.tend(now).await,
        }
    }

    fn answers(&self) -> bool {
        match &self.kind {
            Kind::Embedded(_) => self.is_well.load(Ordering::Relaxed),
            Kind::Shared(store) => store.away_since().is_none(),
        }
    }
}

fn embedded_settings(config: &Config) -> embedded::Settings {
    embedded::Settings {
        session_idle: config.sites.iter().map(|site| site.session_idle).max().unwrap_or_default(),
        profile_forgotten_after: config.risk.forget_after,
    }
}

fn shared_settings(config: &Config) -> fallback::Settings {
    fallback::Settings {
        share: Share::new(config.store.degraded_share),
        timeout: config.store.timeout,
        sites: config.sites.iter().map(|site| Arc::clone(&site.name)).collect(),
    }
}

fn open_shared(config: &Config, now: Timestamp) -> anyhow::Result<Fallback> {
    let own = Embedded::open(&config.data_dir.join(OWN_FOLDER), now, embedded_settings(config))
        .context("what this node keeps beside the shared store")?;
    let _ = own;
    let _ = shared_settings(config);
    anyhow::bail!("a shared store")
}
