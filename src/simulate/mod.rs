//! A fresh Mailward that lives through recorded events: the gateway's judging over a store that is thrown away. Nothing is
//! contacted and nothing is kept.

pub mod lines;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Dice};
use crate::config::{Config, Site};
use crate::domain::action::Recipients;
use crate::domain::{
    Account, Client, Door, KeyRing, PasswordQuality, Prefix, Purpose, Reference, Secret, Session, SessionChange,
    SessionHash, SessionState, Signal, Timestamp, Verdict,
};
use crate::gateway::client;
use crate::gateway::judging::{Attempt, Judging, Sending};
use crate::intel::Intel;
use crate::policy::{Decision, Fact};
use crate::store::embedded::{Embedded, Settings};
use crate::store::{Away, Store as _};
use lines::{Recorded, What};

/// Sessions are remembered this long without a request; whoever sends later is put back.
const SESSION_IDLE: Duration = Duration::from_secs(3 * 86_400);

/// Sessions remembered before those that have not been used for so long are forgotten.
const LATEST_MAX: usize = 100_000;

/// A Mailward that lives through recorded events.
pub struct Simulation {
    config: Config,
    intel: Intel,
    store: Embedded,
    keys: KeyRing,
    dice: Dice,
    /// Which browsers hold a device cookie.
    devices: HashMap<String, [u8; 16]>,
    /// The latest sign-in of an account in a session, or in a browser where none is named, or from an address.
    latest: HashMap<(Account, Place), Latest>,
    number: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Session(String),
    Browser(String),
    Address(IpAddr),
}

struct Latest {
    session: Arc<Session>,
    /// The sign-in was stopped: its sends are refused.
    is_stopped: bool,
}

/// What became of one line.
pub struct Decided {
    /// What it came to.
    pub verdict: Verdict,
    /// Why, heaviest first.
    pub signals: Vec<Signal>,
    /// The limit or rule that decided.
    pub stopped_by: Option<String>,
}

impl Decided {
    fn pass() -> Self {
        Self { verdict: Verdict::Pass, signals: Vec::new(), stopped_by: None }
    }

    fn of(decision: &Decision) -> Self {
        Self { verdict: decision.verdict, signals: decision.signals.clone(), stopped_by: decision.stopped_by.clone() }
    }
}

impl Simulation {
    /// One that knows nobody yet.
    ///
    /// # Errors
    /// What the configuration says of addresses cannot be read, or there is no room for the store.
    pub fn new(config: Config, clock: &Clock) -> anyhow::Result<Self> {
        let now = clock.now();
        let intel = Intel::open(&config, now)?;
        let settings = Settings { session_idle: SESSION_IDLE, profile_forgotten_after: config.risk.forget_after };
        let store = Embedded::open_scratch(now, settings)?;
        // The same input gives the same output: neither keys nor codes are drawn anew.
        let keys = KeyRing::new(&[Secret::new([0x6d; KeyRing::KEY_BYTES])]);
        Ok(Self {
            config,
            intel,
            store,
            keys,
            dice: Dice::repeating(0x6d61_696c),
            devices: HashMap::new(),
            latest: HashMap::new(),
            number: 0,
        })
    }

    /// Lives through one line.
    ///
    /// # Errors
    /// The line is about a site that the configuration has not.
    pub async fn take(&mut self, recorded: &Recorded) -> anyhow::Result<Decided> {
        self.number += 1;
        let site = self.site(recorded)?;
        let client = Client {
            address: recorded.address.to_canonical(),
            prefix: Prefix::of(recorded.address),
            network: client::network(recorded.address, &self.config.networks),
            user_agent: recorded.user_agent.clone(),
        };
        Ok(match recorded.what {
            What::SignedIn { passes } => self.signed_in(&site, &client, recorded, passes).await,
            What::Failed => self.failed(&site, &client, recorded).await,
            What::Sent { recipients } => self.sent(&site, &client, recorded, recipients).await,
            What::Nothing => Decided::pass(),
        })
    }

    /// Whether the sign-in that a send belongs to was lived through: recording may have begun after it.
    pub fn knows_session(&self, recorded: &Recorded) -> bool {
        let account = self.site(recorded).map(|site| site.accounts.fold(&recorded.account));
        account.is_ok_and(|account| self.latest.contains_key(&(account, place(recorded))))
    }

    fn site(&self, recorded: &Recorded) -> anyhow::Result<Arc<Site>> {
        let Some(named) = &recorded.site else {
            return self.config.sites.first().cloned().ok_or_else(|| anyhow::anyhow!("the configuration has no site"));
        };
        let lower = named.to_ascii_lowercase();
        let found = self.config.sites.iter().find(|site| site.hosts.contains(&lower));
        found.cloned().ok_or_else(|| anyhow::anyhow!("{named:?} is no site of the configuration"))
    }

    fn judging<'a>(&'a self, now: Timestamp, on_away: &'a (dyn Fn(&Away) + Sync)) -> Judging<'a> {
        Judging {
            store: &self.store,
            intel: &self.intel,
            keys: &self.keys,
            config: &self.config,
            now,
            enforces: true,
            on_away,
        }
    }

    fn attempt<'a>(&self, site: &'a Site, client: &'a Client, recorded: &Recorded) -> Attempt<'a> {
        // A browser that keeps trying its saved password tries the same one; nothing else is known of passwords.
        let typed = match &recorded.device {
            Some(device) => device.clone(),
            None => self.number.to_string(),
        };
        let of = [site.name.as_bytes(), recorded.account.as_bytes(), typed.as_bytes()];
        Attempt {
            site,
            client,
            account: site.accounts.fold(&recorded.account),
            door: Door::Webmail,
            device: recorded.device.as_ref().and_then(|label| self.devices.get(label)).copied(),
            password_fingerprint: self.keys.fingerprint(Purpose::Password, &of),
            password_begins: Vec::new(),
        }
    }

    async fn failed(&mut self, site: &Site, client: &Client, recorded: &Recorded) -> Decided {
        let attempt = self.attempt(site, client, recorded);
        let judging = self.judging(recorded.time, &ignore);
        let reserved = judging.reserve_sign_in(&attempt).await;
        if reserved.decision.permit.is_none() {
            return Decided::of(&reserved.decision);
        }
        judging.note_wrong_password(&attempt, &reserved).await;
        Decided::pass()
    }

    async fn signed_in(&mut self, site: &Site, client: &Client, recorded: &Recorded, passes: bool) -> Decided {
        let attempt = self.attempt(site, client, recorded);
        let account = attempt.account.clone();
        let (code, new_device): (Reference, [u8; 16]) = (self.dice.reference(), self.dice.bytes());
        let hash = self.session_hash(site);
        let judging = self.judging(recorded.time, &ignore);
        let reserved = judging.reserve_sign_in(&attempt).await;
        if reserved.decision.permit.is_none() {
            return Decided::of(&reserved.decision);
        }
        judging.give_back(&reserved.receipt).await;
        let judged = judging.judge_sign_in(&attempt, &reserved, PasswordQuality::default()).await;
        let admitted = judging.admit(&attempt, &reserved, &judged, hash, code, new_device).await;
        let verdict = judged.judgement.verdict;
        let proves = verdict == Verdict::Challenge && passes;
        if proves {
            self.prove(site, &account, &hash, recorded.time).await;
        }
        if let (Some(label), Some(device)) = (&recorded.device, admitted.device)
            && verdict != Verdict::Refuse
        {
            self.devices.insert(label.clone(), device);
        }
        let is_stopped = verdict > Verdict::Flag && !proves;
        if let Ok(Some(session)) = self.store.session(&hash, recorded.time).await {
            if self.latest.len() >= LATEST_MAX {
                let is_new = |latest: &mut Latest| recorded.time.since(latest.session.last_seen) < SESSION_IDLE;
                self.latest.retain(|_, latest| is_new(latest));
            }
            self.latest.insert((account, place(recorded)), Latest { session, is_stopped });
        }
        Decided { verdict, signals: judged.judgement.signals, stopped_by: judged.judgement.rule }
    }

    /// A passed challenge: the session is open, its browser known, and its sign-in teaches.
    async fn prove(&self, site: &Site, account: &Account, hash: &SessionHash, now: Timestamp) {
        let open = SessionChange::State(SessionState::Open);
        let Ok(Some(session)) = self.store.change_session(hash, open, now).await else { return };
        if let Some(lesson) = session.lesson.clone() {
            let _ = self.store.teach(&site.name, account, lesson, now).await;
        }
        if let Some(device) = session.device
            && let Ok(since) = self.store.know_device(&site.name, account, device, now).await
        {
            let _ = self.store.change_session(hash, SessionChange::DeviceKnown(since), now).await;
        }
    }

    async fn sent(&mut self, site: &Site, client: &Client, recorded: &Recorded, recipients: u32) -> Decided {
        let account = site.accounts.fold(&recorded.account);
        let key = (account.clone(), place(recorded));
        let Some(latest) = self.latest.get(&key) else {
            // Recording began in the middle of a session: as on the day of an installation, it may read.
            return Decided { verdict: Verdict::Restrict, signals: Vec::new(), stopped_by: None };
        };
        if latest.is_stopped {
            return Decided { verdict: Verdict::Refuse, signals: Vec::new(), stopped_by: None };
        }
        let saved = Arc::clone(&latest.session);
        let code = self.dice.reference();
        let judging = self.judging(recorded.time, &ignore);
        let mut session = match self.store.session(&saved.hash, recorded.time).await {
            Ok(Some(session)) => session,
            Ok(None) => {
                let back = Session { last_seen: recorded.time, ..Session::clone(&saved) };
                let _ = self.store.put_session(back.clone(), recorded.time).await;
                Arc::new(back)
            }
            Err(_) => saved,
        };
        if let Some((watched, _)) = judging.watch(site, &session, client, code).await {
            session = watched;
        }
        let to = Recipients::default();
        let sending = Sending {
            site,
            client,
            account,
            hash: session.hash,
            session: Fact::Known(Some(Arc::clone(&session))),
            recipients: recipients.max(1),
            to: &to,
        };
        let reserved = judging.reserve_send(&sending).await;
        let decided = if reserved.decision.permit.is_some() {
            judging.note_sent(&sending, &reserved).await;
            Decided::pass()
        } else {
            judging.contain(&sending, &reserved.decision, code).await;
            Decided::of(&reserved.decision)
        };
        let now = self.store.session(&session.hash, recorded.time).await;
        if let (Some(latest), Ok(Some(session))) = (self.latest.get_mut(&key), now) {
            latest.session = session;
        }
        decided
    }

    fn session_hash(&self, site: &Site) -> SessionHash {
        SessionHash(self.keys.short_hash(Purpose::Session, &[site.name.as_bytes(), &self.number.to_be_bytes()]))
    }
}

fn place(recorded: &Recorded) -> Place {
    match (&recorded.session, &recorded.device) {
        (Some(session), _) => Place::Session(session.clone()),
        (None, Some(device)) => Place::Browser(device.clone()),
        (None, None) => Place::Address(recorded.address),
    }
}

/// The scratch store is never away but when the disk is full, and then the answers say so.
fn ignore(_: &Away) {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn a_message_in_the_event_log_belongs_to_the_sign_in_of_its_session() {
        let text = "[[site]]\nhosts = [\"one.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
        let now = Timestamp::from_millis(1_790_000_000_000);
        let config = crate::config::parse(text, "mailward.toml", Path::new("."), now).expect("a good file");
        let mut simulation = Simulation::new(config, &Clock::manual(now)).expect("it opens");
        let line = |seconds: u64, session: &str, rest: &str| {
            let time = now.after(Duration::from_secs(seconds));
            let head = format!(r#""time":"{time}","account":"alice","address":"203.0.113.9","session":"{session}""#);
            lines::read(&format!("{{{head},{rest}}}")).expect("a line of the event log")
        };
        // As the gateway writes them: only the sign-in says which browser it was.
        let sign_in = line(0, "0a", r#""event":"sign_in_ok","device":"b17","user_agent":"Mozilla/5.0 Firefox/140.0""#);
        let sent = line(60, "0a", r#""event":"sent","recipients":3"#);
        let of_another = line(61, "0b", r#""event":"sent","recipients":3"#);
        assert!(!simulation.knows_session(&sent));
        let mut verdicts = Vec::new();
        for recorded in [&sign_in, &sent, &of_another] {
            verdicts.push(simulation.take(recorded).await.expect("the site is known").verdict);
        }
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass, Verdict::Restrict]);
        assert!(simulation.knows_session(&sent) && !simulation.knows_session(&of_another));
    }
}
