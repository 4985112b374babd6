//! Real Redis servers on loopback, from Debian's packages: one, a Cluster of three masters with replicas, and one with a
//! replica that a Sentinel watches.
//!
//! Servers that all tests share are started once, and every store gets a prefix of its own there. A test that stops,
//! fills or flushes a server starts its own. All end with this process, however it ends.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mailward::domain::Secret;
use mailward::store::redis::{Redis, Settings};
use redis::{Connection, FromRedisValue};

use super::free_ports;
use super::guarded::{Guarded, wait};
use crate::store::{SETTINGS, run_with_time};

/// One running server.
pub struct Server {
    port: u16,
    process: Guarded,
}

impl Server {
    /// A server that keeps nothing on disk, with further settings as on a command line.
    pub fn start(settings: &[&str]) -> Self {
        let [address] = free_ports();
        Self::start_at(address, settings)
    }

    /// The same at this address.
    pub fn start_at(address: SocketAddr, settings: &[&str]) -> Self {
        let folder = folder();
        let port = address.port().to_string();
        let mut command = vec!["redis-server", "--port", &port, "--bind", "127.0.0.1", "--save", ""];
        command.extend(["--appendonly", "no", "--repl-diskless-sync-delay", "0", "--dir"]);
        command.push(folder.to_str().expect("a plain path"));
        command.extend(settings);
        let server = Self::launch(address.port(), &folder, &command);
        server.until_it_answers();
        server
    }

    fn launch(port: u16, folder: &Path, command: &[&str]) -> Self {
        Self { port, process: Guarded::launch(folder, command) }
    }

    fn until_it_answers(&self) {
        wait("the server answers; tests/prepare installs redis-server", 10, || {
            let connection = self.client().get_connection_with_timeout(Duration::from_secs(1));
            let said = connection.and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            // It may want a password: then it is there.
            said.is_ok() || said.is_err_and(|error| !error.is_io_error())
        });
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The same.
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("an address")
    }

    /// A connection to look at it and to do it harm.
    pub fn connection(&self) -> Connection {
        self.client().get_connection_with_timeout(Duration::from_secs(5)).expect("it answers")
    }

    /// Says something to it, words with blanks between.
    pub fn say<T: FromRedisValue>(&self, words: &str) -> T {
        say(&mut self.connection(), words)
    }

    /// Waits until its only replica has all that was written here so far. `WAIT` speaks of its own connection's writes.
    pub fn until_replicated(&self) {
        let mut connection = self.connection();
        let mut offset_of = |field: &str| {
            let info: String = say(&mut connection, "INFO replication");
            let (_, rest) = info.split_once(field).expect("the server is a master with a replica");
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().expect("a number")
        };
        let written = offset_of("master_repl_offset:");
        wait("the replica has everything", 10, || offset_of(",offset=") >= written);
    }

    /// Sends its process a signal, by its name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Starts another with the same address, after this one was killed; it holds nothing.
    pub fn start_again(self, settings: &[&str]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        drop(self);
        Self::start_at(address, settings)
    }
}

/// Says something, words with blanks between.
pub fn say<T: FromRedisValue>(connection: &mut Connection, words: &str) -> T {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    words.for_each(|word| {
        command.arg(word);
    });
    command.query(connection).expect("the server does it")
}

fn folder() -> PathBuf {
    tempfile::Builder::new().prefix("mailward-redis-").tempdir().expect("a temporary folder").keep()
}

/// Three masters and a replica of each.
pub struct Cluster {
    /// Masters first, in the order of their slots, then their replicas.
    pub servers: Vec<Server>,
}

impl Cluster {
    /// Starts it, which takes two or three seconds.
    pub fn start() -> Self {
        let ports: [SocketAddr; 12] = free_ports();
        let (ports, buses) = ports.split_at(6);
        let start = |(address, bus): (&SocketAddr, &SocketAddr)| {
            let bus = bus.port().to_string();
            let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1500"];
            let more = ["--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"];
            Server::start_at(*address, &[&settings[..], &more[..]].concat())
        };
        let servers: Vec<Server> = ports.iter().zip(buses).map(start).collect();
        let mut connections: Vec<Connection> = servers.iter().map(Server::connection).collect();
        for (connection, slots) in connections.iter_mut().zip(["0 5460", "5461 10922", "10923 16383"]) {
            say::<String>(connection, &format!("CLUSTER ADDSLOTSRANGE {slots}"));
        }
        for (place, connection) in connections.iter_mut().enumerate() {
            say::<String>(connection, &format!("CLUSTER SET-CONFIG-EPOCH {}", place + 1));
        }
        for (address, bus) in ports.iter().zip(buses).skip(1) {
            say::<String>(&mut connections[0], &format!("CLUSTER MEET 127.0.0.1 {} {}", address.port(), bus.port()));
        }
        let ids: Vec<String> = connections.iter_mut().map(|connection| say(connection, "CLUSTER MYID")).collect();
        let knows = |connection: &mut Connection, what: &str| {
            let known: String = say(connection, "CLUSTER INFO");
            known.contains(what)
        };
        wait("all know each other", 20, || {
            connections.iter_mut().all(|connection| knows(connection, "cluster_known_nodes:6"))
        });
        for (connection, master) in connections[3..].iter_mut().zip(&ids) {
            say::<String>(connection, &format!("CLUSTER REPLICATE {master}"));
        }
        wait("the Cluster is whole", 30, || {
            let whole = connections.iter_mut().all(|connection| knows(connection, "cluster_state:ok"));
            let followed = connections[..3].iter_mut().all(|connection| {
                let info: String = say(connection, "INFO replication");
                info.contains("connected_slaves:1") && info.contains("state=online")
            });
            let masters = connections.iter_mut().all(|connection| {
                let nodes: String = say(connection, "CLUSTER NODES");
                nodes.lines().filter(|line| line.contains("slave")).count() == 3
            });
            whole && followed && masters
        });
        Self { servers }
    }

    /// Where its nodes are.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Server::url).collect()
    }

    /// The one of this test binary.
    pub fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }
}

/// A server, its replica, and who puts the one in the other's place.
pub struct Watched {
    /// The master at the start.
    pub master: Server,
    /// Its replica.
    pub replica: Server,
    sentinel: Server,
}

impl Watched {
    /// Starts them, which takes about a second.
    pub fn start() -> Self {
        let master = Server::start(&[]);
        let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", master.port)]);
        wait("the replica follows", 20, || {
            let info: String = master.say("INFO replication");
            info.contains("state=online")
        });
        let [address] = free_ports();
        let folder = folder();
        let configuration = folder.join("sentinel.conf");
        let lines = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 700\nsentinel failover-timeout main 4000\n",
            address.port(),
            folder.display(),
            master.port
        );
        fs::write(&configuration, lines).expect("the folder was just made");
        let command = ["redis-sentinel", configuration.to_str().expect("a plain path")];
        let sentinel = Server::launch(address.port(), &folder, &command);
        sentinel.until_it_answers();
        wait("the Sentinel knows the replica", 20, || {
            let info: String = sentinel.say("INFO sentinel");
            info.contains("slaves=1")
        });
        Self { master, replica, sentinel }
    }

    /// How the gateway finds them.
    pub fn url(&self) -> String {
        format!("sentinel://127.0.0.1:{}/main", self.sentinel.port)
    }

    /// Those of this test binary.
    pub fn shared() -> &'static Self {
        static WATCHED: OnceLock<Watched> = OnceLock::new();
        WATCHED.get_or_init(Self::start)
    }
}

/// The single server of this test binary.
pub fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&[]))
}

/// Settings of a store at these addresses, apart from all others there.
pub fn settings(urls: &[String]) -> Settings {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let urls = urls.iter().cloned().map(Secret::new).collect();
    // Two cores run a dozen servers and as many tests: what is measured in quiet is not what is waited for here.
    let operation_timeout = Duration::from_secs(5);
    let random = u64::from(number) << 32;
    Settings { prefix: format!("t{number}:"), operation_timeout, ..Settings::new(urls, SETTINGS, random) }
}

/// A store at these addresses, apart from all others there.
pub fn store(urls: &[String]) -> Redis {
    connect(settings(urls))
}

/// A store with these settings.
pub fn connect(settings: Settings) -> Redis {
    let store = Redis::connect(settings).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(store.trouble(), None);
    store
}
