//! The other doors of a mail system: what Postfix asks about messages that mail programs hand to it, and Dovecot about
//! passwords. An account has one budget and one lock at all doors.
//!
//! [`listen`] takes connections, [`postfix`] and [`dovecot`] read questions and word answers with what `words` has for
//! both, `submission` judges a message, `sign_in` a password, and `visitor` is what is known of who comes to a door.
//! Judging is the gateway's own ([`crate::gateway::judging`]): the same store, counters and limits. This room must not know
//! webmails, pages or TLS. Another server that asks is a file that reads its questions, and a line in `app/doors.rs`.
//!
//! Where the gateway has sessions, a door has none: a program signs in with a saved password at every turn. What must be
//! remembered of it, a flag above all, is kept as a session without a browser, one for each account and prefix.

mod answered;
pub mod dovecot;
pub mod listen;
pub mod postfix;
mod sign_in;
mod submission;
mod under_way;
mod visitor;
mod words;

use std::net::IpAddr;
use std::sync::Arc;

use answered::Answered;
use under_way::{Lately, UnderWay};

use crate::config::{Config, Mode, Site};
use crate::domain::agent::MAIL_PROGRAM;
use crate::domain::{Account, Client, Door, Event, EventKind, Prefix, Timestamp};
use crate::gateway::judging::Judging;
use crate::gateway::{Shared, client};
use crate::policy::Fact;
use crate::store::Away;

/// What all doors share.
pub struct Doors {
    shared: Arc<Shared>,
    answered: Answered,
    under_way: UnderWay,
    lately: Lately,
}

/// Who comes, and as whom.
struct Caller<'a> {
    now: Timestamp,
    config: &'a Config,
    site: &'a Arc<Site>,
    account: Account,
    client: Client,
    door: Door,
}

impl Doors {
    /// Doors of this gateway.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, answered: Answered::default(), under_way: UnderWay::default(), lately: Lately::default() }
    }

    /// Whether this address may ask.
    pub fn allows(&self, peer: IpAddr) -> bool {
        let live = self.shared.live.load();
        let peer = peer.to_canonical();
        live.config.doors.clients.iter().any(|network| network.contains(&peer))
    }

    fn count(&self, server: &'static str, answer: &'static str) {
        self.shared.events.metrics().door_asked(server, answer);
    }

    /// What is told when the store does not answer.
    fn on_away(&self, now: Timestamp) -> impl Fn(&Away) + Sync + '_ {
        move |away| {
            if self.shared.degraded.begin(now) {
                self.shared.events.record(Event::new(now, EventKind::StoreDegraded { what: away.what.clone() }));
            }
        }
    }

    fn judging<'a>(&'a self, caller: &Caller<'a>, on_away: &'a (dyn Fn(&Away) + Sync)) -> Judging<'a> {
        Judging {
            store: &*self.shared.store,
            intel: &self.shared.intel,
            keys: &self.shared.keys,
            config: caller.config,
            now: caller.now,
            enforces: caller.enforces(),
            on_away,
        }
    }
}

impl<'a> Caller<'a> {
    /// Somebody who comes from `address` to the site of the doors; none where the configuration has no such site.
    fn new(now: Timestamp, config: &'a Config, name: &str, address: IpAddr, door: Door) -> Option<Self> {
        let site = config.site(&config.doors.site)?;
        let address = address.to_canonical();
        let client = Client {
            address,
            prefix: Prefix::of(address),
            network: client::network(address, &config.networks),
            // No program tells what it is: this is for operators, and for signals it is no browser and no script.
            user_agent: Some(format!("{MAIL_PROGRAM} ({})", door.name()).into()),
        };
        Some(Self { now, config, site, account: site.accounts.fold(name), client, door })
    }

    fn enforces(&self) -> bool {
        self.site.mode == Mode::Enforce
    }

    /// Whether it is a webmail that comes: what it brings went through the gateway.
    fn is_webmail(&self) -> bool {
        self.config.doors.from_webmail.iter().any(|network| network.contains(&self.client.address))
    }

    /// Whether an operator locked the account.
    async fn is_locked(&self, judging: &Judging<'_>) -> Fact<bool> {
        judging.fact(judging.store.locked(&self.site.name, &self.account).await.map(|lock| lock.is_some()))
    }

    fn event(&self, kind: EventKind) -> Event {
        let mut event = Event::new(self.now, kind);
        event.site = Some(Arc::clone(&self.site.name));
        event.account = Some(self.account.clone());
        event.address = Some(self.client.address);
        event.prefix = Some(self.client.prefix);
        event.network = Some(self.client.network);
        event.door = self.door;
        event
    }
}
