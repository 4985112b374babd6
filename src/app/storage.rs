//! The store that the configuration asks for, and what looks after it while the gateway runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use parking_lot::Mutex;

use crate::admin::NodeFacts;
use crate::clock::Dice;
use crate::config::Config;
use crate::domain::{Event, EventKind, NodeSeen, Timestamp};
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

/// The longest name that a machine can have.
const NAME_CHARS_MAX: usize = 64;

/// What a node keeps beside a shared store is in this folder of `data_dir`.
const OWN_FOLDER: &str = "node";

/// What must outlive a request.
pub(super) struct Storage {
    kind: Kind,
    /// Whether the embedded store could be written when it was tried last.
    is_well: AtomicBool,
    data_dir: PathBuf,
    /// This gateway, as it says of itself.
    this: NodeSeen,
    heard: Mutex<Option<Heard>>,
}

/// Who else shares the store, and when that was asked.
struct Heard {
    nodes: Vec<NodeSeen>,
    ours: Timestamp,
    theirs: Timestamp,
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
        let data_dir = config.data_dir.clone();
        let this = this_node(&data_dir, now);
        Ok(Self { kind, is_well: AtomicBool::new(true), data_dir, this, heard: Mutex::default() })
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

    /// The gateways that share the store, this one first; with the embedded store this one alone.
    pub(super) fn nodes(&self, now: Timestamp) -> Vec<NodeFacts> {
        let facts = |node: &NodeSeen, quiet_for, clock_ahead| NodeFacts {
            name: node.name.clone(),
            version: node.version.clone(),
            since: node.since,
            quiet_for,
            clock_ahead,
            is_this: node.id == self.this.id,
        };
        let heard = self.heard.lock();
        let Some(Heard { nodes, ours, theirs }) = &*heard else { return vec![facts(&self.this, Duration::ZERO, None)] };
        let (own, others): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.id == self.this.id);
        let ahead = own.first().map(|own| own.clock_ahead);
        let quiet_for = |node: &NodeSeen| theirs.since(node.seen).saturating_add(now.since(*ours));
        let others = others.into_iter().map(|node| facts(node, quiet_for(node), Some(node.clock_ahead)));
        std::iter::once(facts(&self.this, Duration::ZERO, ahead)).chain(others).collect()
    }

    /// Says that this gateway is there, hears who else is, and compares the clocks.
    async fn beat(&self, shared: &Shared) {
        let Kind::Shared { redis, store, apart } = &self.kind else { return };
        if store.away_since().is_some() {
            return;
        }
        if let Ok(theirs) = redis.time().await {
            let ours = shared.clock.now();
            let found = ours.since(theirs).max(theirs.since(ours));
            apart.store(u64::try_from(found.as_millis()).unwrap_or(u64::MAX - 1) + 1, Ordering::Relaxed);
            let whole = |time: Timestamp| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            let clock_ahead = whole(ours).saturating_sub(whole(theirs));
            match redis.beat(NodeSeen { seen: theirs, clock_ahead, ..self.this.clone() }).await {
                Ok(nodes) => {
                    let is_silent = |node: &&NodeSeen| theirs.since(node.seen) > NodeSeen::SILENT_AFTER;
                    let silent = nodes.iter().filter(is_silent).count();
                    shared.events.metrics().nodes(nodes.len() - silent, silent);
                    *self.heard.lock() = Some(Heard { nodes, ours, theirs });
                }
                Err(away) => tracing::debug!(what = %away.what, "who else shares the store is not known"),
            }
        }
    }

    /// Looks after the store until it is dropped, and tells operators when it goes away and comes back.
    pub(super) async fn look_after(self: Arc<Self>, shared: Arc<Shared>) {
        let every = match &self.kind {
            Kind::Embedded(_) => EMBEDDED_EVERY,
            Kind::Shared { .. } => SHARED_EVERY,
        };
        let mut beats = tokio::time::interval(NodeSeen::EVERY);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = beats.tick() => {
                    self.beat(&shared).await;
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

    /// This gateway stops.
    pub(super) async fn leave(&self) {
        if let Kind::Shared { redis, .. } = &self.kind
            && let Err(away) = redis.leave(self.this.id.clone()).await
        {
            tracing::debug!(what = %away.what, "the others were not told that this gateway stops");
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

/// This gateway. Two on one machine have folders of their own.
fn this_node(data_dir: &Path, now: Timestamp) -> NodeSeen {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().take(NAME_CHARS_MAX).collect();
    let whole = [name.as_bytes(), b"\0", data_dir.as_os_str().as_encoded_bytes()].concat();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &whole);
    NodeSeen {
        id: data_encoding::HEXLOWER.encode(&digest.as_ref()[..8]),
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        since: now,
        seen: now,
        clock_ahead: 0,
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
