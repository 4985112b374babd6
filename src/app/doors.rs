//! Opens the other doors, where there are any, and answers at them: on a thread of its own, so that however much mail
//! servers ask, nobody at the webmail waits for it.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::config::{Config, DoorAddress};
use crate::domain::{Limit, Prefix, Secret};
use crate::doors::Doors;
use crate::doors::dovecot::Dovecot;
use crate::doors::listen::{self, Listener};
use crate::edge::admission::{Admission, Admitted, Caps};
use crate::edge::listen::Handed;
use crate::edge::serve::{self, Bounds, Door};
use crate::edge::{Connection, Held};
use crate::gateway::Shared;

/// Bytes of a key file that are read; who has a longer key has no need of it.
const KEY_BYTES_MAX: u64 = 4_096;

/// A question of Dovecot's arrives at once, and its connections are idle for ten seconds at most.
const BOUNDS: Bounds = Bounds { header_timeout: Duration::from_secs(5), idle_timeout: Duration::from_secs(60) };

/// The sockets of the doors, opened before anything is promised.
pub(super) struct DoorSockets {
    postfix: Vec<Listener>,
    dovecot: Option<(TcpListener, Secret<Vec<u8>>)>,
}

impl DoorSockets {
    pub(super) fn open(config: &Config, handed: &Handed) -> anyhow::Result<Self> {
        let open = |address: &DoorAddress| match address {
            DoorAddress::Unix(path) => Listener::unix(path).with_context(|| {
                format!("[doors] {address}: it cannot be listened on; does the folder exist, and may we write there?")
            }),
            DoorAddress::Tcp(address) => Ok(Listener::Tcp(tcp(*address, handed)?)),
        };
        let doors = &config.doors;
        let dovecot = match (doors.dovecot, &doors.dovecot_key_file) {
            (Some(address), Some(path)) => Some((tcp(address, handed)?, read_key(path)?)),
            _ => None,
        };
        Ok(Self { postfix: doors.postfix.iter().map(open).collect::<anyhow::Result<_>>()?, dovecot })
    }

    /// Answers until `stopping` says so; none where there is no door.
    pub(super) fn answer(
        self,
        shared: &Arc<Shared>,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<Option<JoinHandle<()>>> {
        if self.postfix.is_empty() && self.dovecot.is_none() {
            return Ok(None);
        }
        let doors = Arc::new(Doors::new(Arc::clone(shared)));
        let (clock, stopping) = (shared.clock.clone(), stopping.clone());
        let work = move || {
            let runtime = super::current_thread().expect("a runtime needs only a descriptor or two");
            runtime.block_on(async move {
                let room = Arc::new(Semaphore::new(listen::CONNECTIONS_MAX));
                let mut answering = tokio::task::JoinSet::new();
                for listener in self.postfix {
                    let (doors, room) = (Arc::clone(&doors), Arc::clone(&room));
                    answering.spawn(listen::answer_postfix(listener, doors, room, stopping.clone()));
                }
                if let Some((listener, key)) = self.dovecot {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => {
                            let door = Arc::new(DovecotDoor::new(Arc::clone(&doors), clock));
                            let dovecot = Arc::new(Dovecot::new(doors, &key));
                            answering.spawn(serve::serve(listener, door, dovecot, stopping, Duration::ZERO));
                        }
                        Err(error) => tracing::error!(%error, "Dovecot cannot ask"),
                    }
                }
                answering.join_all().await;
            });
        };
        std::thread::Builder::new().name("doors".into()).spawn(work).map(Some)
    }
}

fn tcp(address: SocketAddr, handed: &Handed) -> anyhow::Result<TcpListener> {
    super::open(address, 1, handed)?.pop().context("one listener was asked for")
}

fn read_key(path: &Path) -> anyhow::Result<Secret<Vec<u8>>> {
    let mut key = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(KEY_BYTES_MAX).read_to_end(&mut key));
    let key = Secret::new(key);
    read.with_context(|| format!("[doors] dovecot_key_file: {} cannot be read", path.display()))?;
    anyhow::ensure!(!key.expose().trim_ascii().is_empty(), "[doors] dovecot_key_file: {} is empty", path.display());
    Ok(key)
}

/// Dovecot's door: for listed addresses, and within bounds of its own, so that no flood at the webmail shuts it.
struct DovecotDoor {
    doors: Arc<Doors>,
    clock: Clock,
    admission: Admission,
}

impl DovecotDoor {
    fn new(doors: Arc<Doors>, clock: Clock) -> Self {
        // Who is listed is exempt from all but the bound of connections.
        let any = Limit { amount: u32::MAX, window: Duration::from_secs(1) };
        let most = u32::try_from(listen::CONNECTIONS_MAX).unwrap_or(u32::MAX);
        let caps = Caps { per_prefix: most, in_all: most, requests_at_once: most, new_connections: any, requests: any };
        Self { doors, clock, admission: Admission::new(Arc::default(), caps) }
    }
}

impl Door for DovecotDoor {
    fn proxied(&self, _peer: IpAddr) -> bool {
        false
    }

    fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        if !self.doors.allows(peer) {
            return None;
        }
        self.admission.connection(Prefix::of(peer), true, self.clock.now()).ok()
    }

    fn bounds(&self) -> Bounds {
        BOUNDS
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        None
    }

    fn handshake_failed(&self) {}

    // Who is listed is let in however much it asks.
    fn flooded(&self, _connection: &Connection) {}

    fn opened(&self) -> Held {
        Box::new(())
    }
}
