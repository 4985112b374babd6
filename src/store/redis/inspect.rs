//! What an operator should know of the servers.

use std::collections::HashMap;

use redis::{RedisError, Value, cmd};

use super::address::Target;
use super::link::{Lane, is_refusal};
use super::node::Node;
use crate::domain::Timestamp;
use crate::store::Away;

/// The servers as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// By the addresses in the configuration.
    pub kind: Kind,
    /// Whether what is said on the way is encrypted.
    pub encrypted: bool,
    /// Whether all addresses are on this machine.
    pub local: bool,
    /// Whether the servers let in whoever gives no password; none where that could not be tried.
    pub open_to_all: Option<bool>,
    /// The clock of the first server.
    pub time: Timestamp,
    /// The server, or every master of a Cluster.
    pub servers: Vec<Server>,
}

/// What kind of installation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One server.
    Standalone,
    /// One server, watched by Sentinels.
    Sentinel,
    /// Several masters that share the keys.
    Cluster,
}

impl Kind {
    /// As it is told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        }
    }
}

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Host and port; empty where there is only one.
    pub address: String,
    /// `redis` or `valkey`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Whether it writes what it holds to disk now and then; none where it does not say.
    pub snapshots: Option<bool>,
    /// Whether it writes every change to disk.
    pub append_only: bool,
    /// Replicas that follow it.
    pub replicas: u32,
    /// Bytes in use.
    pub memory_used: u64,
    /// Bytes it may use; 0: no bound.
    pub memory_max: u64,
    /// What it does at that bound; anything but `noeviction` loses what is stored.
    pub eviction: String,
}

impl Node {
    pub(super) async fn inspect(&self) -> Result<Inspection, Away> {
        let target = self.link.target();
        let kind = match target {
            Target::One(_) => Kind::Standalone,
            Target::Sentinel { .. } => Kind::Sentinel,
            Target::Cluster(_) => Kind::Cluster,
        };
        let mut servers = Vec::new();
        let mut time = Timestamp::from_millis(0);
        for (place, master) in self.link.masters().await?.into_iter().enumerate() {
            if place == 0 {
                time = self.time_of(master.as_ref()).await?;
            }
            let info: String = self.link.ask_master(master.as_ref(), &cmd("INFO")).await?;
            let mut save = cmd("CONFIG");
            save.arg("GET").arg("save");
            // A user that may not look at the configuration is no mistake.
            let saves: Option<HashMap<String, String>> = self.link.ask_master(master.as_ref(), &save).await.ok();
            let snapshots = saves.and_then(|saves| saves.get("save").map(|times| !times.is_empty()));
            let address = master.map(|(host, port)| format!("{host}:{port}")).unwrap_or_default();
            servers.push(Server { snapshots, ..server(address, &info) });
        }
        let open_to_all = match self.link.connect_as_nobody().await {
            Ok(()) => Some(true),
            Err(error) if is_refusal(&error) || needs_password(&error) => Some(false),
            Err(_) => None,
        };
        let (encrypted, local) = (target.is_encrypted(), target.is_local());
        Ok(Inspection { kind, encrypted, local, open_to_all, time, servers })
    }

    /// The clock of the first server.
    pub(super) async fn time(&self) -> Result<Timestamp, Away> {
        let masters = self.link.masters().await?;
        self.time_of(masters.first().and_then(Option::as_ref)).await
    }

    async fn time_of(&self, master: Option<&(String, u16)>) -> Result<Timestamp, Away> {
        let (seconds, micros): (u64, u64) = self.link.ask_master(master, &cmd("TIME")).await?;
        Ok(Timestamp::from_millis(seconds * 1000 + micros / 1000))
    }

    /// A real write, read back, on every master.
    pub(super) async fn probe(&self, now: Timestamp) -> Result<(), Away> {
        /// Long enough to be read back.
        const LIVES_SECONDS: u64 = 60;
        let shards = if self.link.is_cluster() { super::keys::SHARDS } else { 1 };
        let set = |shard| {
            let mut set = cmd("SET");
            set.arg(self.keys.probe(shard)).arg(now.as_millis()).arg("EX").arg(LIVES_SECONDS);
            set
        };
        let get = |shard| {
            let mut get = cmd("GET");
            get.arg(self.keys.probe(shard));
            get
        };
        let sets: Vec<_> = (0..shards).map(set).collect();
        let _written: Vec<Value> = self.link.ask_all(Lane::Quick, &sets).await?;
        let gets: Vec<_> = (0..shards).map(get).collect();
        // Another node may have written another time meanwhile.
        let found: Vec<Option<u64>> = self.link.ask_all(Lane::Quick, &gets).await?;
        if found.iter().all(Option::is_some) {
            return Ok(());
        }
        Err(Away { what: "what was written cannot be read back".into() })
    }
}

fn needs_password(error: &RedisError) -> bool {
    error.to_string().to_ascii_lowercase().contains("auth")
}

fn server(address: String, info: &str) -> Server {
    let fields: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let text = |name: &str| fields.get(name).copied().unwrap_or_default().to_owned();
    let number = |name: &str| fields.get(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let is_valkey = fields.get("server_name").is_some_and(|name| *name == "valkey");
    let version = if is_valkey { text("valkey_version") } else { text("redis_version") };
    Server {
        address,
        product: if is_valkey { "valkey".to_owned() } else { "redis".to_owned() },
        version,
        snapshots: None,
        append_only: fields.get("aof_enabled") == Some(&"1"),
        replicas: u32::try_from(number("connected_slaves")).unwrap_or(0),
        memory_used: number("used_memory"),
        memory_max: number("maxmemory"),
        eviction: text("maxmemory_policy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_itself_is_read() {
        let redis = "# Server\r\nredis_version:7.0.15\r\nused_memory:1048576\r\nmaxmemory:0\r\n\
                     maxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_slaves:2\r\n";
        let found = server("127.0.0.1:7001".into(), redis);
        assert_eq!((&*found.product, &*found.version, found.append_only), ("redis", "7.0.15", true));
        assert_eq!((found.memory_used, found.replicas, &*found.eviction), (1_048_576, 2, "noeviction"));
        let valkey = server(String::new(), "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n");
        assert_eq!((&*valkey.product, &*valkey.version), ("valkey", "8.1.0"));
    }
}
