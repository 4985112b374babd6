//! The store that the configuration asks for, and what looks after it while the gateway runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::Dice;
use crate::config::Config;
use crate::domain::{Event, EventKind, Timestamp};
use crate::gateway::Shared;
use crate::policy::share::Share;
use crate::store::embedded::Embedded;
use crate::store::fallback::{self, Fallback, News};
use crate::store::redis::{Redis, Settings as RedisSettings};
use crate::store::{self, Store};

/// The embedded store is tried this often, so that a fault shows before somebody's message meets it.
const EMBEDDED_EVERY: Duration = Duration::from_secs(10);

/// A shared store that is away is looked after this often; how often it is tried then is for [`Fallback`] to say.
const SHARED_EVERY: Duration = Duration::from_millis(100);

/// Clocks are compared this often.
const CLOCKS_EVERY: Duration = Duration::from_secs(60);

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
    Shared {
        redis: Arc<Redis>,
        store: Arc<Fallback>,
        /// How far the clocks of both are apart, in milliseconds, and one more; 0: not known.
        apart: AtomicU64,
    },
}

impl Storage {
    /// Opens the store. Blocks: call it before serving.
    ///
    /// # Errors
    /// What can never work: a store that is damaged, that a newer Mailward wrote, or that does not let us in. A shared store
    /// that is away is no such thing.
    pub(super) fn open(config: &Config, dice: &Dice, now: Timestamp) -> anyhow::Result<Self> {
        let kind = if config.store.redis.is_empty() {
            Kind::Embedded(Arc::new(Embedded::open(&config.data_dir, now, store_settings(config))?))
        } else {
            open_shared(config, u64::from_le_bytes(dice.bytes()), now)?
        };
        Ok(Self { kind, is_well: AtomicBool::new(true), data_dir: config.data_dir.clone() })
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        match &self.kind {
            Kind::Embedded(store) => Arc::clone(store) as Arc<dyn Store>,
            Kind::Shared { store, .. } => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// The folder of the embedded store; none where the store is a shared one.
    pub(super) fn embedded_in(&self) -> Option<PathBuf> {
        matches!(self.kind, Kind::Embedded(_)).then(|| self.data_dir.clone())
    }

    /// Takes over a changed configuration.
    pub(super) fn configure(&self, config: &Config) {
        match &self.kind {
            Kind::Embedded(store) => store.configure(store_settings(config)),
            Kind::Shared { redis, store, .. } => {
                redis.configure(store_settings(config));
                store.configure(fallback_settings(config), store_settings(config));
            }
        }
    }

    /// Changes that wait until a shared store can be told of them.
    pub(super) fn waiting(&self) -> usize {
        match &self.kind {
            Kind::Embedded(_) => 0,
            Kind::Shared { store, .. } => store.waiting(),
        }
    }

    /// How far the clocks of this machine and of a shared store are apart; none where that is not known.
    pub(super) fn clock_apart(&self) -> Option<Duration> {
        match &self.kind {
            Kind::Shared { apart, .. } => apart.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis),
            Kind::Embedded(_) => None,
        }
    }

    /// Compares the clocks.
    async fn compare_clocks(&self, shared: &Shared) {
        let Kind::Shared { redis, store, apart } = &self.kind else { return };
        if store.away_since().is_some() {
            return;
        }
        if let Ok(theirs) = redis.time().await {
            let ours = shared.clock.now();
            let found = ours.since(theirs).max(theirs.since(ours));
            apart.store(u64::try_from(found.as_millis()).unwrap_or(u64::MAX - 1) + 1, Ordering::Relaxed);
        }
    }

    /// Looks after the store until it is dropped, and tells operators when it goes away and comes back.
    pub(super) async fn look_after(self: Arc<Self>, shared: Arc<Shared>) {
        let every = match &self.kind {
            Kind::Embedded(_) => EMBEDDED_EVERY,
            Kind::Shared { .. } => SHARED_EVERY,
        };
        let mut clocks = tokio::time::interval(CLOCKS_EVERY);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = clocks.tick() => {
                    self.compare_clocks(&shared).await;
                    continue;
                }
            }
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
            Kind::Shared { redis, store, .. } => {
                // Where nobody asks for anything that must be counted, nobody notices.
                if let Some(trouble) = redis.trouble().filter(|_| store.away_since().is_none()) {
                    store.begin_away(&trouble, now);
                }
                match store.tend(now).await {
                    // It knows the reason, where the other knows only that there is no answer.
                    Some(News::Away { since, what }) => {
                        Some(News::Away { since, what: redis.trouble().unwrap_or(what) })
                    }
                    news => news,
                }
            }
        }
    }

    fn answers(&self) -> bool {
        match &self.kind {
            Kind::Embedded(_) => self.is_well.load(Ordering::Relaxed),
            Kind::Shared { store, .. } => store.away_since().is_none(),
        }
    }
}

/// What any store is told.
pub(crate) fn store_settings(config: &Config) -> store::Settings {
    store::Settings {
        session_idle: config.sites.iter().map(|site| site.session_idle).max().unwrap_or_default(),
        profile_forgotten_after: config.risk.forget_after,
    }
}

fn fallback_settings(config: &Config) -> fallback::Settings {
    fallback::Settings {
        share: Share::new(config.store.degraded_share),
        timeout: config.store.timeout,
        sites: config.sites.iter().map(|site| Arc::clone(&site.name)).collect(),
    }
}

/// What the shared store is told. Whoever asks waits as long as the configuration says and not for this: twice as long, so
/// that what the server has begun to answer is not thrown away.
pub(crate) fn redis_settings(config: &Config, random: u64) -> RedisSettings {
    let urls = config.store.redis.iter().map(|server| server.url.clone()).collect();
    RedisSettings {
        prefix: format!("{}:", config.store.prefix),
        operation_timeout: config.store.timeout * 2,
        certificate_authority: config.store.certificate_authority.clone(),
        ..RedisSettings::new(urls, store_settings(config), random)
    }
}

fn open_shared(config: &Config, random: u64, now: Timestamp) -> anyhow::Result<Kind> {
    let redis = Redis::connect(redis_settings(config, random)).context("the shared store cannot be used")?;
    let redis = Arc::new(redis);
    let folder = config.data_dir.join(OWN_FOLDER);
    let shared = Arc::clone(&redis) as Arc<dyn Store>;
    let store = Fallback::open(shared, &folder, fallback_settings(config), store_settings(config), now);
    let store = Arc::new(store.context("what this node keeps beside the shared store cannot be used")?);
    let told = Arc::downgrade(&store);
    redis.on_change(Box::new(move |changed| {
        if let Some(store) = told.upgrade() {
            store.changed_elsewhere(changed);
        }
    }));
    if let Some(trouble) = redis.trouble() {
        let servers: Vec<String> = config.store.redis.iter().map(ToString::to_string).collect();
        tracing::error!(
            "the store at {} does not answer: {trouble}. Mail can be read; until it answers nobody signs in or sends",
            servers.join(", ")
        );
        store.begin_away(&trouble, now);
    }
    Ok(Kind::Shared { redis, store, apart: AtomicU64::new(0) })
}
