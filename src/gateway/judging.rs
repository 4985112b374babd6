//! Gathers facts, asks `policy`, and writes down what it says: for live requests and for recorded ones alike.
//!
//! Nothing here knows HTTP. The gateway brings what it read from a request and what the webmail answered; `simulate`
//! brings the same from a file. Both are judged by this code, so what the simulator says is what the gateway does.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::{Config, Site};
use crate::domain::flag::{Activity, Change, FlagFilter, FlagStatus};
use crate::domain::profile::Lesson;
use crate::domain::{
    Account, Agent, Client, Country, Door, Event, Flag, KeyRing, Limit, Network, NetworkClass, PasswordQuality, Prefix,
    Purpose, Reference, Session, SessionChange, SessionHash, SessionState, Spot, Timestamp, Verdict, Whereabouts,
    action::Recipients,
};
use crate::intel::Intel;
use crate::policy::facts::{self, DeviceFact, Facts};
use crate::policy::limits::{Charge, Charged, CounterKey, Receipt};
use crate::policy::password::Due;
use crate::policy::risk::{self, Judgement};
use crate::policy::session::{Watch, watch};
use crate::policy::{Decision, Fact, Why, proof, rule, send, sign_in, theft};
use crate::store::{Away, Raise, Store};

use super::locks::Beginning;

/// Sessions of one account that are restricted together.
const SESSIONS_OF_ACCOUNT_MAX: usize = 1000;

/// Of an account's open flags, only so many of the newest are looked at.
const OPEN_FLAGS_LOOKED_AT: usize = 8;

/// Fewer sign-ins than this, and nothing can be said about to whom an account usually writes.
const SIGN_INS_KNOWN: u32 = 3;

/// What judging needs, for one request.
pub struct Judging<'a> {
    /// What outlives the request.
    pub store: &'a dyn Store,
    /// Where addresses are.
    pub intel: &'a Intel,
    /// Behind fingerprints.
    pub keys: &'a KeyRing,
    /// The configuration in force.
    pub config: &'a Config,
    /// When.
    pub now: Timestamp,
    /// Whether verdicts are carried out; otherwise they are only written down.
    pub enforces: bool,
    /// Told when the store did not answer.
    pub on_away: &'a (dyn Fn(&Away) + Sync),
}

/// A sign-in as it is asked for.
pub struct Attempt<'a> {
    /// Where.
    pub site: &'a Site,
    /// From where.
    pub client: &'a Client,
    /// Whose account is claimed.
    pub account: Account,
    /// Through which door. There are browsers at the webmail only.
    pub door: Door,
    /// The device whose genuine cookie came along.
    pub device: Option<[u8; 16]>,
    /// Keyed, of site, account and password.
    pub password_fingerprint: u32,
    /// How the password begins; empty where no lock opens by itself.
    pub password_begins: Vec<Beginning>,
}

/// What was charged for a sign-in, and whether it goes upstream.
pub struct Reserved {
    /// With the permit, where it may.
    pub decision: Decision,
    /// For settling it.
    pub receipt: Receipt,
    /// The account is locked; should the webmail take the password, it is no more.
    pub opens_lock: bool,
    /// The device that the account knows, and since when.
    pub known_device: Option<([u8; 16], Timestamp)>,
    account_fingerprint: u32,
}

/// A sign-in that the webmail let through, judged.
pub struct Judged {
    /// What it comes to.
    pub judgement: Judgement,
    /// Where it came from.
    pub spot: Spot,
    /// When its password must be changed.
    pub due: Option<Due>,
    /// It would have been asked for a proof, were its account asked already.
    is_unasked: bool,
    lesson: Lesson,
}

impl Judged {
    fn teaches(&self) -> bool {
        self.judgement.passed() && !self.is_unasked
    }

    /// What an event of it says: where it came from, what was found, and what that came to.
    pub fn tell(&self, event: &mut Event) {
        event.country = self.spot.country;
        event.as_number = self.spot.as_number;
        event.verdict = Some(self.judgement.verdict);
        event.signals.clone_from(&self.judgement.signals);
        event.stopped_by.clone_from(&self.judgement.rule);
        event.observed.clone_from(&self.judgement.observed);
    }

    /// What it teaches its account, now or when it is cleared.
    pub const fn lesson(&self) -> &Lesson {
        &self.lesson
    }
}

/// What became of a sign-in that was judged.
pub struct Admitted {
    /// The device cookie to set; none where the store did not take the session.
    pub device: Option<[u8; 16]>,
    /// What the session may do.
    pub state: SessionState,
    /// Whether a flag was raised.
    pub flagged: bool,
}

/// What became of the session whose message was stopped.
pub struct Contained {
    /// The code of its flag, where there is one.
    pub flag: Option<Reference>,
    /// What it may do now.
    pub state: SessionState,
}

/// A message that is to be sent.
pub struct Sending<'a> {
    /// Where.
    pub site: &'a Site,
    /// From where.
    pub client: &'a Client,
    /// Whose, by the session; nobody's account where that is unknown.
    pub account: Account,
    /// Which session.
    pub hash: SessionHash,
    /// What the store says of it.
    pub session: Fact<Option<Arc<Session>>>,
    /// To + Cc + Bcc.
    pub recipients: u32,
    /// Whom it names.
    pub to: &'a Recipients,
}

/// A message that was charged, or stopped.
pub struct ReservedSend {
    /// With the permit, where it may go.
    pub decision: Decision,
    /// For settling it.
    pub receipt: Receipt,
    /// To how many the account never wrote; zero where nobody can say.
    pub first_written: u32,
    fingerprints: Vec<u32>,
}

impl Sending<'_> {
    pub(super) fn known(&self) -> Option<&Arc<Session>> {
        match &self.session {
            Fact::Known(Some(session)) => Some(session),
            Fact::Known(None) | Fact::StoreAway => None,
        }
    }

    fn state(&self) -> Fact<Option<SessionState>> {
        match &self.session {
            Fact::Known(session) => Fact::Known(session.as_ref().map(|session| session.state)),
            Fact::StoreAway => Fact::StoreAway,
        }
    }

    fn device_since(&self) -> Option<Timestamp> {
        self.known().and_then(|session| session.device_since)
    }
}

impl Judging<'_> {
    /// Notes an answer of the store as a fact.
    pub fn fact<T>(&self, answer: Result<T, Away>) -> Fact<T> {
        if let Err(away) = &answer {
            (self.on_away)(away);
        }
        answer.into()
    }

    async fn count(&self, key: CounterKey, window: std::time::Duration) -> Fact<u32> {
        self.fact(self.store.count(&key, window, self.now).await)
    }

    /// Takes all charges in one step, or none.
    async fn charge(&self, charges: &[Charge]) -> Fact<Charged> {
        if charges.is_empty() {
            return Fact::Known(Charged::Fits(Receipt::default()));
        }
        self.fact(self.store.charge(charges, self.now).await)
    }

    /// Charges what is only counted; a store that is away loses it, which opens nothing.
    pub(crate) async fn note(&self, charges: &[Charge]) {
        let _: Fact<Charged> = self.charge(charges).await;
    }

    fn whereabouts(&self, address: IpAddr) -> Whereabouts {
        self.intel.whereabouts(address, &self.config.networks, self.now)
    }

    /// Where a client is, as sessions remember it.
    pub fn spot(&self, client: &Client) -> Spot {
        let whereabouts = self.whereabouts(client.address);
        Spot {
            prefix: client.prefix,
            network: client.network,
            country: whereabouts.country.filter(|_| !whereabouts.kinds.hides_the_place()),
            as_number: whereabouts.as_number,
            agent: Agent::of(client.user_agent.as_deref()),
        }
    }

    /// Reserves what an attempt to sign in may cost, before the password goes upstream.
    pub async fn reserve_sign_in(&self, attempt: &Attempt<'_>) -> Reserved {
        let Attempt { site, client, account, .. } = attempt;
        let account_fingerprint = self.account_fingerprint(attempt);
        let (lock, known_device, successes, site_failures) = tokio::join!(
            self.store.locked(&site.name, account),
            self.known_device(attempt),
            self.count(sign_in::successes_key(&site.name, client.prefix), sign_in::SUCCESSES_WINDOW),
            self.failures_at_site(site),
        );
        let lock = self.fact(lock);
        let opens_lock = match &lock {
            Fact::Known(Some(lock)) => self.may_open(lock, attempt).await,
            Fact::Known(None) | Fact::StoreAway => false,
        };
        let locked = match lock {
            Fact::Known(lock) => Fact::Known(lock.is_some() && !opens_lock),
            Fact::StoreAway => Fact::StoreAway,
        };
        let facts = sign_in::Facts {
            door: attempt.door,
            site: &site.name,
            account,
            account_fingerprint,
            password_fingerprint: attempt.password_fingerprint,
            prefix: client.prefix,
            network: client.network,
            known_device: known_device.map(|(device, _)| device),
            locked,
            successes_from_prefix: successes,
            site_failures: match &site_failures {
                Fact::Known(failures) => Fact::Known(failures),
                Fact::StoreAway => Fact::StoreAway,
            },
        };
        let (decision, receipt) = match sign_in::charges(&facts, &self.config.sign_in) {
            Ok(charges) => {
                let charged = self.charge(&charges).await;
                (sign_in::sign_in(&facts, charged.as_ref()), receipt_of(charged))
            }
            Err(decision) => (*decision, Receipt::default()),
        };
        Reserved { decision, receipt, opens_lock, known_device, account_fingerprint }
    }

    /// What [`Judging::reserve_sign_in`] finds of an attempt, where nothing is charged for it and nothing decided.
    pub async fn unreserved(&self, attempt: &Attempt<'_>) -> Reserved {
        let known_device = self.known_device(attempt).await;
        let account_fingerprint = self.account_fingerprint(attempt);
        let (decision, receipt) = (Decision::lost(), Receipt::default());
        Reserved { decision, receipt, opens_lock: false, known_device, account_fingerprint }
    }

    fn account_fingerprint(&self, attempt: &Attempt<'_>) -> u32 {
        self.fingerprint_of(attempt.site, &attempt.account)
    }

    fn fingerprint_of(&self, site: &Site, account: &Account) -> u32 {
        self.keys.fingerprint(Purpose::Password, &[site.name.as_bytes(), account.as_str().as_bytes()])
    }

    /// The account as it stands in the keys of counters that strangers fill.
    pub fn account_in_key(&self, site: &Site, account: &Account) -> String {
        sign_in::account_in_key(&site.name, account, self.fingerprint_of(site, account))
    }

    async fn known_device(&self, attempt: &Attempt<'_>) -> Option<([u8; 16], Timestamp)> {
        if !attempt.door.is_webmail() {
            return self.known_place(attempt).await;
        }
        let device = attempt.device?;
        let since = self.store.device_since(&attempt.site.name, &attempt.account, device, self.now).await;
        Some((device, since.ok().flatten()?))
    }

    /// Where there are no browsers, a network that the account has signed in from speaks for a program as a known browser
    /// would: no stranger spends what it has. Each prefix of it stands for itself.
    async fn known_place(&self, attempt: &Attempt<'_>) -> Option<([u8; 16], Timestamp)> {
        let Attempt { site, client, account, .. } = attempt;
        let profile = self.store.profile(&site.name, account, self.now).await.ok()?;
        let seen = profile.networks.get(Network::of(client.address))?;
        let place = self.keys.short_hash(Purpose::Place, &[b"door", client.prefix.to_string().as_bytes()]);
        Some((place, seen.first))
    }

    async fn failures_at_site(&self, site: &Site) -> Fact<Vec<(Limit, u32)>> {
        let mut failures = Vec::new();
        for limit in &self.config.sign_in.failures_per_site_before_slowing {
            match self.count(sign_in::site_failures_key(&site.name), limit.window).await {
                Fact::Known(count) => failures.push((*limit, count)),
                Fact::StoreAway => return Fact::StoreAway,
            }
        }
        Fact::Known(failures)
    }

    /// Gives a charge back.
    pub async fn give_back(&self, receipt: &Receipt) {
        if !receipt.entries.is_empty() {
            let _: Fact<()> = self.fact(self.store.refund(receipt, self.now).await);
        }
    }

    /// Remembers a wrong password, for what a later success is worth.
    pub async fn note_wrong_password(&self, attempt: &Attempt<'_>, reserved: &Reserved) {
        let failure = risk::failure(&in_key(attempt, reserved), attempt.door, attempt.password_fingerprint);
        self.note(&[failure]).await;
    }

    /// Judges a sign-in that the webmail let through with a password of this quality.
    pub async fn judge_sign_in(&self, attempt: &Attempt<'_>, reserved: &Reserved, password: PasswordQuality) -> Judged {
        let Attempt { site, client, account, .. } = attempt;
        let spot = self.spot(client);
        let in_key = in_key(attempt, reserved);
        let device = match reserved.known_device {
            _ if !attempt.door.is_webmail() => DeviceFact::Unasked,
            Some((_, since)) => DeviceFact::Known(since),
            None => DeviceFact::New,
        };
        // Programs are not asked for a device; for them a place that is known stands in for one.
        let is_newcomer = facts::is_newcomer(client.network, device) && reserved.known_device.is_none();
        let whereabouts = self.whereabouts(client.address);
        let (profile, has_open_flag, failures_before, thefts_from_prefix, prefix_mark, country_at_site) = tokio::join!(
            self.store.profile(&site.name, account, self.now),
            async { if is_newcomer { self.has_open_flag(site, account).await } else { Fact::Known(false) } },
            self.count(risk::failures_key(&in_key), risk::FAILURES_WINDOW),
            self.count(theft::key(&site.name, client.prefix), theft::WINDOW),
            self.store.marked_prefix(&site.name, client.prefix, self.now),
            self.country_at_site(site, &whereabouts),
        );
        let profile = self.fact(profile);
        let mut facts = self.facts(site, account, client, device, profile.as_ref());
        facts.password = password;
        facts.failures_before = failures_before;
        facts.thefts_from_prefix = thefts_from_prefix;
        facts.prefix_mark = self.fact(prefix_mark);
        facts.country_at_site = country_at_site;
        facts.has_open_flag = has_open_flag;
        // Programs come by themselves, from wherever a telephone is carried: how many of them are new says nothing.
        if is_newcomer && attempt.door.is_webmail() {
            let network = Network::of(client.address).to_string();
            let network = self.keys.fingerprint(Purpose::Place, &[network.as_bytes()]);
            let newcomer = risk::newcomer(&site.name, &in_key, client.prefix, reserved.account_fingerprint, network);
            self.note(&newcomer).await;
            (facts.newcomers_from_prefix, facts.networks_for_account) = tokio::join!(
                self.count(risk::newcomers_key(&site.name, client.prefix), risk::NEWCOMERS_WINDOW),
                self.count(risk::networks_key(&in_key), risk::NEWCOMERS_WINDOW),
            );
        }
        let judgement = risk::judge(&facts, &self.config.risk, &self.config.rules);
        let (judgement, is_unasked) = self.rolled_out(site, account, judgement);
        let lesson = Lesson {
            time: self.now,
            address: client.address,
            country: spot.country,
            as_number: spot.as_number,
            agent: spot.agent,
        };
        Judged { judgement, spot, due: None, is_unasked, lesson }
    }

    /// The facts that need no counter.
    fn facts<'a>(
        &self,
        site: &'a Site,
        account: &'a Account,
        client: &Client,
        device: DeviceFact,
        profile: Fact<&'a crate::domain::Profile>,
    ) -> Facts<'a> {
        let latest = match profile {
            Fact::Known(profile) => profile.latest.as_ref(),
            Fact::StoreAway => None,
        };
        Facts {
            now: self.now,
            site: &site.name,
            account,
            address: client.address,
            network: client.network,
            has_campus: !self.config.networks.campus.is_empty(),
            whereabouts: self.whereabouts(client.address),
            agent: Agent::of(client.user_agent.as_deref()),
            device,
            profile,
            last_position: latest.and_then(|latest| self.whereabouts(latest.address).position),
            country_at_site: Fact::Known(None),
            failures_before: Fact::Known(0),
            newcomers_from_prefix: Fact::Known(0),
            networks_for_account: Fact::Known(0),
            thefts_from_prefix: Fact::Known(0),
            prefix_mark: Fact::Known(None),
            home_country: self.home_country(),
            has_open_flag: Fact::Known(false),
            password: PasswordQuality::default(),
        }
    }

    /// Where the campus is: as the operator says, or where its first network is.
    fn home_country(&self) -> Option<Country> {
        let networks = &self.config.networks;
        networks.campus_country.or_else(|| self.whereabouts(networks.campus.first()?.addr()).country)
    }

    /// The flag of a session of the account that was restricted lately by what it sent, and nobody has decided about it yet.
    pub async fn restricting_flag(&self, site: &Site, account: &Account) -> Fact<Option<Reference>> {
        let filter = FlagFilter {
            site: Some(site.name.clone()),
            account: Some(account.clone()),
            status: Some(FlagStatus::Open),
            ..FlagFilter::default()
        };
        let restricting = |flag: &Flag| {
            let is_fresh = self.now.since(flag.time) < risk::OPEN_FLAG_WINDOW;
            is_fresh && flag.enforced && flag.verdict == Verdict::Restrict && flag.stopped_by.is_some()
        };
        match self.fact(self.store.flags(&filter, OPEN_FLAGS_LOOKED_AT).await) {
            Fact::Known(flags) => Fact::Known(flags.iter().find(|flag| restricting(flag)).map(|flag| flag.code)),
            Fact::StoreAway => Fact::StoreAway,
        }
    }

    async fn has_open_flag(&self, site: &Site, account: &Account) -> Fact<bool> {
        match self.restricting_flag(site, account).await {
            Fact::Known(flag) => Fact::Known(flag.is_some()),
            Fact::StoreAway => Fact::StoreAway,
        }
    }

    async fn country_at_site(&self, site: &Site, whereabouts: &Whereabouts) -> Fact<Option<bool>> {
        let Some(country) = whereabouts.country else { return Fact::Known(None) };
        match self.count(risk::accounts_key(&site.name), risk::COUNTRIES_WINDOW).await {
            Fact::Known(accounts) if accounts >= risk::ACCOUNTS_AT_SITE => {
                match self.count(risk::country_key(&site.name, country), risk::COUNTRIES_WINDOW).await {
                    Fact::Known(seen) => Fact::Known(Some(seen > 0)),
                    Fact::StoreAway => Fact::StoreAway,
                }
            }
            Fact::Known(_) => Fact::Known(None),
            Fact::StoreAway => Fact::StoreAway,
        }
    }

    /// Writes a judged sign-in down, before the answer that opens its session leaves: the flag, the session, and what
    /// the sign-in teaches if it passed. `code` names the flag, `new_device` the browser if it brought no device.
    pub async fn admit(
        &self,
        attempt: &Attempt<'_>,
        reserved: &Reserved,
        judged: &Judged,
        hash: SessionHash,
        code: Reference,
        new_device: [u8; 16],
    ) -> Admitted {
        let Attempt { site, client, account, .. } = attempt;
        let Judged { judgement, spot, due, lesson, .. } = judged;
        let teaches = judged.teaches();
        let can_prove = self.enforces && judgement.asks() && self.can_prove(site, account).await;
        let mut state = if self.enforces { judgement.state(can_prove) } else { SessionState::Open };
        if *due == Some(Due::Now) {
            self.note_overdue(&hash).await;
            state = state.stricter(SessionState::Restricted);
        }
        let flagged = judgement.is_flagged();
        let device = attempt.device.unwrap_or(new_device);
        let session = Session {
            hash,
            site: site.name.clone(),
            account: account.clone(),
            state,
            signed_in: self.now,
            last_seen: self.now,
            spot: *spot,
            elsewhere: None,
            device: Some(device),
            device_since: None,
            user_agent: client.user_agent.clone(),
            flag: flagged.then_some(code),
            lesson: Some(lesson.clone()),
            found: Vec::new(),
        };
        let session = self.watched_from_now(session, &judgement.signals);
        let flag = async {
            if flagged {
                let flag = Flag {
                    signals: judgement.signals.clone(),
                    stopped_by: judgement.rule.clone(),
                    ..self.new_flag(site, &session, client, judgement.verdict, code)
                };
                let _: Fact<()> = self.fact(self.store.put_flag(flag).await);
            }
        };
        let know_device = async {
            if !teaches {
                return None;
            }
            self.store.know_device(&site.name, account, device, self.now).await.ok()
        };
        let ((), device_since) = tokio::join!(flag, know_device);
        let session = Session { device_since, ..session };
        let teach = self.teach(attempt, reserved, judged);
        let (stored, ()) = tokio::join!(self.store.put_session(session, self.now), teach);
        // Should the store not take it, the session is unknown: it reads, and a later sign-in mends it.
        let stored = self.fact(stored);
        Admitted { device: matches!(stored, Fact::Known(())).then_some(device), state, flagged }
    }

    /// What a right password teaches: its prefix that people sign in well there, and where the sign-in passed, account and
    /// site what is usual.
    pub async fn teach(&self, attempt: &Attempt<'_>, reserved: &Reserved, judged: &Judged) {
        let Attempt { site, client, account, .. } = attempt;
        let usual = async {
            if judged.teaches() {
                let taught = self.store.teach(&site.name, account, judged.lesson.clone(), self.now).await;
                let _: Fact<()> = self.fact(taught);
                self.note(&risk::at_site(&site.name, judged.spot.country, reserved.account_fingerprint)).await;
            }
        };
        let success = [sign_in::success(&site.name, client.prefix, reserved.account_fingerprint)];
        tokio::join!(usual, self.note(&success));
    }

    /// Looks whether a session is still where it was judged, and judges it again where it is not. Returns the session as
    /// it is then, and the judgement if there was one.
    pub async fn watch(
        &self,
        site: &Site,
        session: &Arc<Session>,
        client: &Client,
        code: Reference,
    ) -> Option<(Arc<Session>, Option<Judgement>)> {
        if session.state == SessionState::Ended || (client.prefix == session.spot.prefix && session.elsewhere.is_none())
        {
            return None;
        }
        match watch(session, &self.spot(client), self.now) {
            Watch::Rest => None,
            Watch::Note(spot) => {
                let change = SessionChange::Elsewhere(spot);
                Some((self.change(session, change).await?, None))
            }
            Watch::Judge(spot) => self.judge_again(site, session, client, spot, code).await,
        }
    }

    async fn judge_again(
        &self,
        site: &Site,
        session: &Arc<Session>,
        client: &Client,
        spot: Spot,
        code: Reference,
    ) -> Option<(Arc<Session>, Option<Judgement>)> {
        let there = Client {
            address: spot.prefix.address(),
            prefix: spot.prefix,
            network: spot.network,
            user_agent: client.user_agent.clone(),
        };
        let judgement = self.judge_at(site, session, &there, spot.agent).await;
        let (judgement, _) = self.rolled_out(site, &session.account, judgement);
        let mut changed = self.change(session, SessionChange::Judged(spot)).await?;
        if judgement.is_flagged() {
            let raise = Raise {
                verdict: judgement.verdict,
                signals: judgement.signals.clone(),
                stopped_by: judgement.rule.clone(),
            };
            // Somebody who is at work is asked, never thrown out.
            let can_prove = self.enforces && judgement.asks() && self.can_prove(site, &session.account).await;
            let state = judgement.state(can_prove);
            let state = if state == SessionState::Ended { SessionState::Restricted } else { state };
            changed = self.flag_session(site, session, client, raise, state, code).await.unwrap_or(changed);
        }
        Some((changed, Some(judgement)))
    }

    /// Judges a session as if it had signed in where it is used now.
    pub(super) async fn judge_at(&self, site: &Site, session: &Session, there: &Client, agent: Agent) -> Judgement {
        let profile = self.fact(self.store.profile(&site.name, &session.account, self.now).await);
        let mut facts = self.facts(site, &session.account, there, DeviceFact::Unasked, profile.as_ref());
        facts.agent = agent;
        facts.thefts_from_prefix = self.count(theft::key(&site.name, there.prefix), theft::WINDOW).await;
        facts.prefix_mark = self.fact(self.store.marked_prefix(&site.name, there.prefix, self.now).await);
        facts.country_at_site = self.country_at_site(site, &facts.whereabouts).await;
        risk::judge(&facts, &self.config.risk, &self.config.rules)
    }

    pub(super) async fn change(&self, session: &Arc<Session>, change: SessionChange) -> Option<Arc<Session>> {
        match self.fact(self.store.change_session(&session.hash, change, self.now).await) {
            Fact::Known(changed) => changed,
            Fact::StoreAway => None,
        }
    }

    /// A flag that says nothing yet of why it is raised.
    pub(crate) fn new_flag(
        &self,
        site: &Site,
        session: &Session,
        client: &Client,
        verdict: Verdict,
        code: Reference,
    ) -> Flag {
        let spot = self.spot(client);
        Flag {
            code,
            site: site.name.clone(),
            account: session.account.clone(),
            session: session.hash,
            time: self.now,
            address: client.address,
            network: client.network,
            country: spot.country,
            as_number: spot.as_number,
            user_agent: client.user_agent.clone(),
            verdict,
            signals: Vec::new(),
            stopped_by: None,
            enforced: self.enforces,
            status: FlagStatus::Open,
            notes: Vec::new(),
            since: Activity::default(),
        }
    }

    /// Raises a flag against a session, or adds to the one that stands against it, and gives the session a state.
    pub(super) async fn flag_session(
        &self,
        site: &Site,
        session: &Arc<Session>,
        client: &Client,
        raise: Raise,
        state: SessionState,
        code: Reference,
    ) -> Option<Arc<Session>> {
        let code = session.flag.unwrap_or(code);
        let raised = self.fact(self.store.raise_flag(&code, raise.clone()).await);
        if raised == Fact::Known(false) {
            let mut flag = self.new_flag(site, session, client, raise.verdict, code);
            flag.raise(raise.verdict, &raise.signals, raise.stopped_by.as_deref());
            let _: Fact<()> = self.fact(self.store.put_flag(flag).await);
        }
        let state = if self.enforces { state } else { SessionState::Open };
        self.change(session, SessionChange::Flagged(code, state)).await
    }

    /// Reserves what a message costs, before it goes upstream.
    pub async fn reserve_send(&self, sending: &Sending<'_>) -> ReservedSend {
        let Sending { site, client, account, hash, recipients, to, .. } = sending;
        let familiar = send::is_familiar(sending.device_since(), self.now);
        let mut reserved = ReservedSend {
            decision: Decision::lost(),
            receipt: Receipt::default(),
            first_written: 0,
            fingerprints: to.addresses().iter().map(|address| self.recipient(site, address)).collect(),
        };
        let newcomer = sending.known().filter(|_| !familiar);
        let is_asked = newcomer.is_some() || sending.known().is_some_and(|session| session.flag.is_some());
        let first_written =
            async { if is_asked { self.first_written(sending, &reserved.fingerprints).await } else { (0, true) } };
        let (locked, (first_written, is_account_known)) =
            tokio::join!(self.store.locked(&site.name, account), first_written);
        reserved.first_written = first_written;
        let locked = self.fact(locked.map(|lock| lock.is_some()));
        let facts = send::Facts {
            now: self.now,
            site: &site.name,
            account,
            session: Some(hash),
            state: sending.state(),
            locked,
            prefix: client.prefix,
            device_since: sending.device_since(),
            recipients: *recipients,
            network: client.network,
            place: newcomer.map(|session| self.place(session, client)),
            first_written: reserved.first_written,
            is_account_known,
            rule: self.rule_against(site, account, client, "send"),
        };
        (reserved.decision, reserved.receipt) = self.charge_send(&facts).await;
        reserved
    }

    /// Charges a message of which everything else is known, and decides.
    pub async fn charge_send(&self, facts: &send::Facts<'_>) -> (Decision, Receipt) {
        match send::charges(facts, &self.config.send, &self.config.exceptions) {
            Ok(charges) => {
                let charged = self.charge(&charges).await;
                (send::send(facts, charged.as_ref()), receipt_of(charged))
            }
            Err(decision) => (*decision, Receipt::default()),
        }
    }

    /// Counts an attempt to send, allowed or not. Returns the alert lines that the account passes with it, each once, and how
    /// many messages it was within their time.
    pub async fn count_attempt(&self, site: &Site, account: &Account) -> Vec<(u32, Limit)> {
        let limits = &self.config.send;
        let Some(attempt) = send::attempt(&site.name, account, limits) else { return Vec::new() };
        if self.charge(&[attempt]).await == Fact::StoreAway {
            return Vec::new();
        }
        let mut passed = Vec::new();
        for line in &limits.alert_messages_per_account {
            let key = send::attempts_key(&site.name, account);
            let Fact::Known(messages) = self.count(key, line.window).await else { break };
            let Some(told) = send::alert(&site.name, account, *line, messages) else { continue };
            if let Fact::Known(Charged::Fits(_)) = self.charge(&[told]).await {
                passed.push((messages, *line));
            }
        }
        passed
    }

    /// The rule of the operator that restricts an action, by label.
    pub fn rule_against(&self, site: &Site, account: &Account, client: &Client, action: &str) -> Option<String> {
        let about = |rule: &crate::config::Rule| rule.when.actions.contains(&action);
        if !self.config.rules.iter().any(about) {
            return None;
        }
        let whereabouts = self.whereabouts(client.address);
        let subject = rule::Subject {
            action,
            site: &site.name,
            account,
            country: whereabouts.country,
            as_number: whereabouts.as_number,
            network: client.network,
            signals: &[],
        };
        let decides = rule::first_fitting(&self.config.rules, &subject, self.now).decides?;
        (decides.verdict >= Verdict::Challenge).then(|| decides.label.clone())
    }

    fn recipient(&self, site: &Site, address: &str) -> u32 {
        self.keys.fingerprint(Purpose::Recipient, &[site.name.as_bytes(), address.as_bytes()])
    }

    /// To how many of a message's recipients the account never wrote, and whether it is known well enough to say. What is
    /// named without an address counts as new.
    async fn first_written(&self, sending: &Sending<'_>, fingerprints: &[u32]) -> (u32, bool) {
        let (site, account) = (&sending.site.name, &sending.account);
        let (profile, found) = tokio::join!(
            self.store.profile(site, account, self.now),
            self.store.first_written(site, account, fingerprints)
        );
        let is_known = matches!(self.fact(profile), Fact::Known(profile) if profile.sign_ins >= SIGN_INS_KNOWN);
        let new = match self.fact(found) {
            Fact::Known(found) => {
                let named = u32::try_from(fingerprints.len()).unwrap_or(u32::MAX);
                found.new.saturating_add(sending.recipients.saturating_sub(named)).min(sending.recipients)
            }
            Fact::StoreAway => sending.recipients,
        };
        (new, is_known)
    }

    fn place(&self, session: &Session, client: &Client) -> send::SendingPlace {
        let here = self.spot(client);
        self.place_at(&here, send::counted_as(&session.spot, &here))
    }

    /// The place of somebody who sends without a session.
    pub fn place_of(&self, client: &Client) -> send::SendingPlace {
        self.place_at(&self.spot(client), client.prefix)
    }

    fn place_at(&self, here: &Spot, counted_as: Prefix) -> send::SendingPlace {
        let network = match here.network {
            NetworkClass::Campus => "campus".to_owned(),
            NetworkClass::Trusted | NetworkClass::Outside => Network::of(counted_as.address()).to_string(),
        };
        let fingerprint = |text: &str| self.keys.fingerprint(Purpose::Place, &[text.as_bytes()]);
        send::SendingPlace {
            network: fingerprint(&network),
            country: here.country.map(|country| fingerprint(&country.to_string())),
        }
    }

    /// What follows from a message that was stopped: noted on the session's flag; where it does not look like the
    /// account's owner, a flag is raised and the account's sessions on new browsers read only. Returns what became
    /// of its own, where it is known.
    pub async fn contain(&self, sending: &Sending<'_>, decision: &Decision, code: Reference) -> Option<Contained> {
        let session = sending.known()?;
        let mut state = session.state;
        let unlike = matches!(decision.why, Why::Unlike(_) | Why::Rule(_));
        let flag = if unlike { Some(session.flag.unwrap_or(code)) } else { session.flag };
        if unlike {
            let raise = Raise {
                verdict: decision.verdict,
                signals: decision.signals.clone(),
                stopped_by: decision.stopped_by.clone(),
            };
            // Where there is no browser, nobody can be asked.
            let is_asked = self.enforces && session.device.is_some();
            let can_prove = is_asked && self.can_prove(sending.site, &session.account).await;
            let stricter = proof::state(Verdict::Restrict, can_prove);
            if let Some(changed) = self.flag_session(sending.site, session, sending.client, raise, stricter, code).await
            {
                state = changed.state;
            }
            // It vouches for nobody any more, until the flag is cleared.
            if let Some(device) = session.device.filter(|_| self.enforces) {
                let forgotten = self.store.forget_devices(&sending.site.name, &session.account, Some(device)).await;
                let _: Fact<usize> = self.fact(forgotten);
            }
            self.restrict_newcomers(sending.site, session, code).await;
        }
        if let Some(flag) = flag {
            self.note_stopped(&flag).await;
        }
        Some(Contained { flag, state })
    }

    /// The account's other sessions that nothing vouches for.
    async fn restrict_newcomers(&self, site: &Site, but: &Session, code: Reference) {
        if !self.enforces {
            return;
        }
        let sessions = self.store.sessions(&site.name, Some(&but.account), SESSIONS_OF_ACCOUNT_MAX, self.now).await;
        let Fact::Known(sessions) = self.fact(sessions) else { return };
        let is_newcomer = |session: &&Arc<Session>| {
            session.hash != but.hash
                && session.spot.network == NetworkClass::Outside
                && !send::is_familiar(session.device_since, self.now)
        };
        for session in sessions.iter().filter(is_newcomer) {
            let code = session.flag.unwrap_or(but.flag.unwrap_or(code));
            let _ = self.change(session, SessionChange::Flagged(code, SessionState::Restricted)).await;
        }
    }

    /// What follows from a message that left.
    pub async fn note_sent(&self, sending: &Sending<'_>, reserved: &ReservedSend) {
        let Some(session) = sending.known() else { return };
        let (site, account) = (&sending.site.name, &sending.account);
        if !reserved.fingerprints.is_empty() {
            let noted = self.store.note_written(site, account, reserved.fingerprints.clone(), self.now).await;
            let _: Fact<()> = self.fact(noted);
        }
        if let Some(flag) = session.flag {
            let activity = Activity {
                messages: 1,
                recipients: sending.recipients,
                first_written: reserved.first_written,
                outside: sending.to.outside(&sending.site.own_domains),
                ..Activity::default()
            };
            let _: Fact<()> = self.fact(self.store.add_to_flag(&flag, activity).await);
        }
    }

    /// Notes on a flag that a message was stopped.
    pub async fn note_stopped(&self, flag: &Reference) {
        let stopped = Activity { stopped: 1, ..Activity::default() };
        let _: Fact<()> = self.fact(self.store.add_to_flag(flag, stopped).await);
    }

    /// Notes on a flagged session that it changed a setting or took something away, or tried to.
    pub async fn note_change(&self, session: &Session, action: &str, targets: Vec<String>, stopped: bool) {
        let Some(flag) = session.flag else { return };
        let change = Change { time: self.now, action: action.to_owned(), targets, stopped };
        let activity = Activity { changes: vec![change], ..Activity::default() };
        let _: Fact<()> = self.fact(self.store.add_to_flag(&flag, activity).await);
    }
}

/// The account as it stands in the keys of counters.
fn in_key(attempt: &Attempt<'_>, reserved: &Reserved) -> String {
    sign_in::account_in_key(&attempt.site.name, &attempt.account, reserved.account_fingerprint)
}

/// What was charged; empty where nothing was.
fn receipt_of(charged: Fact<Charged>) -> Receipt {
    match charged {
        Fact::Known(Charged::Fits(receipt)) => receipt,
        Fact::Known(Charged::Over(_)) | Fact::StoreAway => Receipt::default(),
    }
}
