//! The connections: opened, watched and opened again, with everything that is said over them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult,
    TlsCertificates, Value, cmd,
};
use tokio::sync::{Notify, watch};

use super::address::{Target, named};
use super::script::Script;
use crate::store::Away;

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(1);

/// How long what is large may take.
pub(super) const BULK: Duration = Duration::from_secs(20);

/// A Cluster moves slots and masters; so often a command follows them.
const FOLLOWED_MAX: u32 = 4;

/// Two of each are open: what is large must not keep what is quick waiting behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Quick,
    Bulk,
    /// A connection that nobody else uses yet.
    Opening,
}

/// A connection to one server, or those to a Cluster. Clones are the same.
#[derive(Clone)]
enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What was said over all connections, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Commands, a script being one.
    pub commands: u64,
    /// How often an answer was waited for: commands that are sent together are one. Those that go to several nodes of a
    /// Cluster at once are one as well.
    pub round_trips: u64,
}

/// All connections.
pub(super) struct Link {
    target: Target,
    certificates: Option<TlsCertificates>,
    operation_timeout: Duration,
    quick: watch::Sender<Option<Wire>>,
    bulk: watch::Sender<Option<Wire>>,
    /// Both, until it is known that they are of use.
    opening: Mutex<Option<[Wire; 2]>>,
    broken: Notify,
    trouble: Mutex<Option<String>>,
    commands: AtomicU64,
    round_trips: AtomicU64,
}

impl Link {
    pub(super) fn new(target: Target, certificates: Option<TlsCertificates>, operation_timeout: Duration) -> Self {
        Self {
            target,
            certificates,
            operation_timeout,
            quick: watch::Sender::new(None),
            bulk: watch::Sender::new(None),
            opening: Mutex::new(None),
            broken: Notify::new(),
            trouble: Mutex::new(None),
            commands: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
        }
    }

    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.target, Target::Cluster(_))
    }

    /// Opens both lanes for [`Lane::Opening`]. Those that are open serve until [`Link::publish`].
    pub(super) async fn open(&self) -> RedisResult<()> {
        let quick = self.connect(self.operation_timeout).await?;
        let bulk = self.connect(BULK).await?;
        *self.opening.lock() = Some([quick, bulk]);
        Ok(())
    }

    /// Lets everybody use what was opened.
    pub(super) fn publish(&self) {
        if let Some([quick, bulk]) = self.opening.lock().take() {
            self.quick.send_replace(Some(quick));
            self.bulk.send_replace(Some(bulk));
        }
        // What broke was the connection before.
        let _stale = self.broken.notified().now_or_never();
        self.set_trouble(None);
    }

    /// Nothing is sent until [`Link::publish`].
    pub(super) fn close(&self) {
        *self.opening.lock() = None;
        self.quick.send_replace(None);
        self.bulk.send_replace(None);
    }

    /// Why there is no connection, or why there was none last.
    pub(super) fn set_trouble(&self, what: Option<String>) {
        *self.trouble.lock() = what;
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// Waits until a connection to one server has proved to be of no use.
    pub(super) async fn until_broken(&self) {
        self.broken.notified().await;
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            commands: self.commands.load(Ordering::Relaxed),
            round_trips: self.round_trips.load(Ordering::Relaxed),
        }
    }

    /// What is told where an operation took too long.
    pub(super) fn late(&self, within: Duration) -> Away {
        let what = self.trouble().unwrap_or_else(|| format!("no answer within {} ms", within.as_millis()));
        Away { what }
    }

    async fn connect(&self, response: Duration) -> RedisResult<Wire> {
        match &self.target {
            Target::One(server) => self.connect_to((**server).clone(), response).await.map(Wire::One),
            Target::Sentinel { .. } => {
                let server = self.ask_sentinels().await?;
                self.connect_to(server, response).await.map(Wire::One)
            }
            Target::Cluster(nodes) => {
                let mut builder = ClusterClientBuilder::new(nodes.clone())
                    .connection_timeout(CONNECTING)
                    .response_timeout(response)
                    .overall_response_timeout(None)
                    .retries(FOLLOWED_MAX)
                    .min_retry_wait(10)
                    .max_retry_wait(100)
                    .tcp_settings(redis::io::tcp::TcpSettings::default().set_nodelay(true));
                if let Some(certificates) = &self.certificates {
                    builder = builder.certs(certificates.clone());
                }
                let client = builder.build()?;
                match tokio::time::timeout(CONNECTING * 2, client.get_async_connection()).await {
                    Ok(opened) => opened.map(Wire::Cluster),
                    Err(_) => Err(late()),
                }
            }
        }
    }

    fn client(&self, server: ConnectionInfo) -> RedisResult<Client> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(server, certificates.clone()),
            None => Client::open(server),
        }
    }

    async fn connect_to(&self, server: ConnectionInfo, response: Duration) -> RedisResult<MultiplexedConnection> {
        let client = self.client(server)?;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECTING)).set_response_timeout(Some(response));
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Servers of which each hears all that is published: in a Cluster any node does.
    async fn any_server(&self) -> RedisResult<Vec<ConnectionInfo>> {
        Ok(match &self.target {
            Target::One(server) => vec![(**server).clone()],
            Target::Cluster(servers) => servers.clone(),
            Target::Sentinel { .. } => vec![self.ask_sentinels().await?],
        })
    }

    /// A connection of its own over which comes what is published under names that fit a pattern.
    pub(super) async fn subscribe(&self, pattern: &str) -> RedisResult<PubSub> {
        let mut last = late();
        for server in self.any_server().await? {
            let subscribed = async {
                let mut subscription = self.client(server)?.get_async_pubsub().await?;
                subscription.psubscribe(pattern).await?;
                Ok(subscription)
            };
            match tokio::time::timeout(CONNECTING, subscribed).await {
                Ok(Ok(subscription)) => return Ok(subscription),
                Ok(Err(error)) => last = error,
                Err(_) => last = late(),
            }
        }
        Err(last)
    }

    /// A connection without a name or password, to see whether it is let in.
    pub(super) async fn connect_as_nobody(&self) -> RedisResult<()> {
        let server = self.any_server().await?.into_iter().next().ok_or_else(late)?;
        let server = server.set_redis_settings(redis::RedisConnectionInfo::default());
        let mut nobody = self.connect_to(server, CONNECTING).await?;
        cmd("PING").query_async(&mut nobody).await
    }

    /// Where the master is now, by the first Sentinel that knows.
    async fn ask_sentinels(&self) -> RedisResult<ConnectionInfo> {
        let Target::Sentinel { sentinels, master, server, tls } = &self.target else { return Err(late()) };
        let mut last = late();
        for sentinel in sentinels {
            let asked = async {
                let mut sentinel = self.connect_to(sentinel.clone(), CONNECTING).await?;
                let mut ask = cmd("SENTINEL");
                ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
                ask.query_async::<Option<(String, u16)>>(&mut sentinel).await
            };
            match asked.await {
                Ok(Some((host, port))) => {
                    let server = named(host, port, *tls, server);
                    return server.ok_or_else(|| RedisError::from((ErrorKind::Client, "a master without an address")));
                }
                Ok(None) => last = RedisError::from((ErrorKind::Client, "no Sentinel knows this master")),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn wire(&self, lane: Lane) -> Result<Wire, Away> {
        let lane = match lane {
            Lane::Quick => &self.quick,
            Lane::Bulk => &self.bulk,
            Lane::Opening => return self.opening.lock().as_ref().map(|[quick, _]| quick.clone()).ok_or_else(stopped),
        };
        let mut opened = lane.subscribe();
        // What may take long waits no longer for a connection than what may not.
        match tokio::time::timeout(self.operation_timeout, opened.wait_for(Option::is_some)).await {
            Ok(wire) => wire.map_err(|_| stopped())?.clone().ok_or_else(stopped),
            Err(_) => Err(self.late(self.operation_timeout)),
        }
    }

    fn count(&self, commands: usize) {
        self.commands.fetch_add(u64::try_from(commands).unwrap_or(0), Ordering::Relaxed);
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    fn judge(&self, error: &RedisError) -> Away {
        // Connections to a Cluster mend themselves, and a late answer may be a slow one.
        let breaks = error.is_connection_dropped()
            || matches!(error.code(), Some("READONLY" | "NOAUTH" | "WRONGPASS" | "MASTERDOWN" | "NOPERM"));
        if breaks && !self.is_cluster() {
            self.set_trouble(Some(said(error)));
            self.broken.notify_one();
        }
        Away { what: said(error) }
    }

    /// Sends one command over what was opened and not published.
    pub(super) async fn ask_opening<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let opening = self.opening.lock().as_ref().map(|[quick, _]| quick.clone());
        let mut wire = opening.ok_or_else(late)?;
        self.count(1);
        wire.ask(command).await
    }

    /// Sends one command.
    pub(super) async fn ask<T: FromRedisValue>(&self, lane: Lane, command: &Cmd) -> Result<T, Away> {
        let mut wire = self.wire(lane).await?;
        self.count(1);
        wire.ask(command).await.map_err(|error| self.judge(&error))
    }

    /// Sends commands together; in a Cluster each to its node.
    pub(super) async fn ask_all<T: FromRedisValue>(&self, lane: Lane, commands: &[Cmd]) -> Result<Vec<T>, Away> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let wire = self.wire(lane).await?;
        self.count(commands.len());
        wire.ask_all(commands).await.map_err(|error| self.judge(&error))
    }

    /// Runs a script; in a Cluster all keys are in one slot.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        lane: Lane,
        script: &Script,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> Result<T, Away> {
        let mut wire = self.wire(lane).await?;
        let call = |how: &str, what: &str| {
            let mut call = cmd(how);
            call.arg(what).arg(keys.len()).arg(keys).arg(arguments);
            call
        };
        self.count(1);
        let found = match wire.ask(&call("EVALSHA", &script.digest)).await {
            // A server that was started anew, or whose scripts were flushed, is told once more.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                self.count(1);
                wire.ask(&call("EVAL", script.source)).await
            }
            found => found,
        };
        found.map_err(|error| {
            let Away { what } = self.judge(&error);
            Away { what: format!("{}: {what}", script.name) }
        })
    }

    /// The addresses of all masters; of one server none is needed.
    pub(super) async fn masters(&self) -> Result<Vec<Option<(String, u16)>>, Away> {
        if !self.is_cluster() {
            return Ok(vec![None]);
        }
        let slots: Vec<Vec<Value>> = self.ask(Lane::Bulk, cmd("CLUSTER").arg("SLOTS")).await?;
        let mut masters: Vec<Option<(String, u16)>> = slots
            .into_iter()
            .filter_map(|slot| {
                let Value::Array(node) = slot.into_iter().nth(2)? else { return None };
                let mut node = node.into_iter();
                let host = String::from_redis_value(node.next()?).ok()?;
                Some(Some((host, u16::from_redis_value(node.next()?).ok()?)))
            })
            .collect();
        masters.sort_unstable();
        masters.dedup();
        Ok(masters)
    }

    /// Sends one command to one master.
    pub(super) async fn ask_master<T: FromRedisValue>(
        &self,
        master: Option<&(String, u16)>,
        command: &Cmd,
    ) -> Result<T, Away> {
        let (Some((host, port)), Wire::Cluster(mut cluster)) = (master, self.wire(Lane::Bulk).await?) else {
            return self.ask(Lane::Bulk, command).await;
        };
        self.count(1);
        let to = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
        let answer = cluster.route_command(command.clone(), RoutingInfo::SingleNode(to)).await;
        let read = |answer| T::from_redis_value(answer).map_err(RedisError::from);
        answer.and_then(read).map_err(|error| self.judge(&error))
    }
}

impl Wire {
    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(server) => command.query_async(server).await,
            Self::Cluster(cluster) => command.query_async(cluster).await,
        }
    }

    async fn ask_all<T: FromRedisValue>(self, commands: &[Cmd]) -> RedisResult<Vec<T>> {
        match self {
            Self::One(mut server) => {
                let mut together = Pipeline::with_capacity(commands.len());
                for command in commands {
                    together.add_command(command.clone());
                }
                together.query_async(&mut server).await
            }
            Self::Cluster(cluster) => {
                let each = commands.iter().map(|command| {
                    let mut cluster = cluster.clone();
                    async move { command.query_async::<T>(&mut cluster).await }
                });
                join_all(each).await.into_iter().collect()
            }
        }
    }
}

/// An error in words. Redis tells no value that it was given, and at most its name for a user.
pub(super) fn said(error: &RedisError) -> String {
    const LONGEST: usize = 200;
    error.to_string().chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Whether the operator must mend something before this can be of any use.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

fn late() -> RedisError {
    RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
}

fn stopped() -> Away {
    Away { what: "it has been stopped".into() }
}
