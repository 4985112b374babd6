//! Opens the other doors, where there are any, and answers at them: on a thread of its own, so that however much mail
//! servers ask, nobody at the webmail waits for it.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, DoorAddress};
use crate::doors::Doors;
use crate::doors::listen::{self, Listener};
use crate::edge::listen::Handed;
use crate::gateway::Shared;

/// The sockets of the doors, opened before anything is promised.
pub(super) struct DoorSockets {
    postfix: Vec<Listener>,
}

impl DoorSockets {
    pub(super) fn open(config: &Config, handed: &Handed) -> anyhow::Result<Self> {
        let open = |address: &DoorAddress| match address {
            DoorAddress::Unix(path) => Listener::unix(path).with_context(|| {
                format!("[doors] {address}: it cannot be listened on; does the folder exist, and may we write there?")
            }),
            DoorAddress::Tcp(address) => {
                let mut listeners = super::open(*address, 1, handed)?;
                listeners.pop().map(Listener::Tcp).context("one listener was asked for")
            }
        };
        Ok(Self { postfix: config.doors.postfix.iter().map(open).collect::<anyhow::Result<_>>()? })
    }

    /// Answers until `stopping` says so; none where there is no door.
    pub(super) fn answer(
        self,
        shared: &Arc<Shared>,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<Option<JoinHandle<()>>> {
        if self.postfix.is_empty() {
            return Ok(None);
        }
        let doors = Arc::new(Doors::new(Arc::clone(shared)));
        let stopping = stopping.clone();
        let work = move || {
            let runtime = super::current_thread().expect("a runtime needs only a descriptor or two");
            runtime.block_on(async move {
                let room = Arc::new(Semaphore::new(listen::CONNECTIONS_MAX));
                let mut answering = tokio::task::JoinSet::new();
                for listener in self.postfix {
                    let (doors, room) = (Arc::clone(&doors), Arc::clone(&room));
                    answering.spawn(listen::answer_postfix(listener, doors, room, stopping.clone()));
                }
                answering.join_all().await;
            });
        };
        std::thread::Builder::new().name("doors".into()).spawn(work).map(Some)
    }
}
