//! A sign-in: its attempt is reserved before the password goes upstream and settled by the webmail's answer.

use http::Response;
use http::request::Parts;

use super::Gateway;
use super::gate::{passed_event, receipt_of, stopped_event, whole_or_nothing};
use super::refusal::Stop;
use super::script::{Script, add_cookie};
use crate::challenge::device;
use crate::domain::{
    Account, Action, Agent, EventKind, Limit, Outcome, Purpose, Secret, Session, SessionState, Spot, Timestamp,
};
use crate::policy::limits::{Receipt, Settlement};
use crate::policy::{Decision, Fact, Permit, sign_in as policy};
use crate::upstream::Failed;
use crate::upstream::body::{AnswerBody, RequestBody};

/// What the facts of one sign-in are made from.
struct Claim {
    account: Account,
    account_fingerprint: u32,
    password_fingerprint: u32,
    known_device: Option<([u8; 16], Timestamp)>,
    locked: Fact<bool>,
    successes: Fact<u32>,
    site_failures: Fact<Vec<(Limit, u32)>>,
}

impl Claim {
    fn facts<'a>(&'a self, script: &'a Script) -> policy::Facts<'a> {
        policy::Facts {
            site: &script.site().name,
            account: &self.account,
            account_fingerprint: self.account_fingerprint,
            password_fingerprint: self.password_fingerprint,
            prefix: script.client.prefix,
            network: script.client.network,
            known_device: self.known_device.map(|(device, _)| device),
            locked: self.locked,
            successes_from_prefix: self.successes,
            site_failures: match &self.site_failures {
                Fact::Known(failures) => Fact::Known(failures),
                Fact::StoreAway => Fact::StoreAway,
            },
        }
    }
}

impl Gateway {
    pub(super) async fn sign_in(&self, mut script: Script, parts: &mut Parts) -> Response<AnswerBody> {
        let Action::SignIn { name, password } = &script.asked.action else { return self.refuse_lost(&script) };
        let claim = self.gather(&script, name, password).await;
        let (mut decision, receipt) = self.reserve(&script, &claim).await;
        let reference = self.shared.dice.reference();
        if decision.permit.is_none() {
            let mut event = stopped_event(&script, EventKind::SignInRefused, &decision, reference);
            event.account = Some(claim.account.clone());
            self.shared.events.record(event);
        }
        let permit = match self.permit(&script, &mut decision, reference) {
            Ok(permit) => permit,
            Err(refusal) => return *refusal,
        };
        let Ok(request) = self.outgoing(&mut script, parts) else {
            self.give_back(&script.visit, &receipt).await;
            return self.refuse(&script.visit, &Stop::NoRoom, &script.asked, reference, None);
        };
        if !decision.delay.is_zero() {
            tokio::time::sleep(decision.delay).await;
        }
        self.carry_sign_in(&script, claim, request, permit, receipt).await
    }

    async fn gather(&self, script: &Script, name: &str, password: &Secret<String>) -> Claim {
        let visit = &script.visit;
        let site = script.site();
        let account = site.accounts.fold(name);
        let fingerprint = |parts: &[&[u8]]| {
            let hash = self.shared.keys.hash(Purpose::Password, parts);
            u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
        };
        let (site_name, of) = (site.name.as_bytes(), account.as_str().as_bytes());
        let account_fingerprint = fingerprint(&[site_name, of]);
        let password_fingerprint = fingerprint(&[site_name, of, password.expose().as_bytes()]);
        let store = &self.shared.store;
        let locked = match store.locked(&site.name, &account).await {
            Ok(lock) => Fact::Known(lock.is_some()),
            Err(away) => self.store_away(visit, &away),
        };
        let successes = store
            .count(&policy::successes_key(&site.name, script.client.prefix), policy::SUCCESSES_WINDOW, visit.now)
            .await;
        let mut site_failures = Fact::Known(Vec::new());
        for limit in &visit.live.config.sign_in.failures_per_site_before_slowing {
            let count = store.count(&policy::site_failures_key(&site.name), limit.window, visit.now).await;
            match (&mut site_failures, count) {
                (Fact::Known(failures), Ok(count)) => failures.push((*limit, count)),
                (failures, _) => *failures = Fact::StoreAway,
            }
        }
        let known_device = match (script.device, self.device_since(script, &account).await) {
            (Some(device), Some(since)) => Some((device, since)),
            _ => None,
        };
        Claim {
            account,
            account_fingerprint,
            password_fingerprint,
            known_device,
            locked,
            successes: successes.into(),
            site_failures,
        }
    }

    async fn reserve(&self, script: &Script, claim: &Claim) -> (Decision, Receipt) {
        let facts = claim.facts(script);
        let charges = match policy::charges(&facts, &script.visit.live.config.sign_in) {
            Ok(charges) => charges,
            Err(decision) => return (*decision, Receipt::default()),
        };
        let charged = self.charge(&script.visit, &charges).await;
        (policy::sign_in(&facts, charged.as_ref()), receipt_of(charged))
    }

    async fn carry_sign_in(
        &self,
        script: &Script,
        claim: Claim,
        request: http::Request<RequestBody>,
        permit: Permit,
        receipt: Receipt,
    ) -> Response<AnswerBody> {
        let visit = &script.visit;
        let answer = match self.carry_gated(visit, request, permit).await {
            Ok(answer) => answer,
            Err(failed) => {
                // A webmail that never saw the password judged nothing.
                if failed.never_arrived() {
                    self.give_back(visit, &receipt).await;
                }
                return self.upstream_failed(visit, &script.asked, &failed);
            }
        };
        let outcome = script.site().webmail.outcome(&script.asked, &answer.seen());
        match Settlement::of_sign_in(outcome) {
            Settlement::Keep => {}
            Settlement::GiveBack => self.give_back(visit, &receipt).await,
            Settlement::KeepOfAccount => self.give_back(visit, &receipt.beyond_the_account()).await,
        }
        let record = |kind| {
            let mut event = passed_event(script, kind);
            event.account = Some(claim.account.clone());
            event
        };
        let mut cookie = None;
        match outcome {
            Outcome::SignedIn => {
                let found = script.site().webmail.new_session_cookie(&answer.seen(), &script.site().session_cookie);
                let mut event = record(EventKind::SignInOk);
                if let Some(found) = found {
                    let hash = self.hash_session(script.site(), &found);
                    event.session = Some(hash);
                    cookie = self.welcome(script, &claim, hash).await;
                }
                self.shared.events.record(event);
            }
            Outcome::WrongPassword => self.shared.events.record(record(EventKind::SignInFailed)),
            Outcome::NotJudged | Outcome::FormRefused | Outcome::Unclear => {
                self.shared.events.record(record(EventKind::SignInNotJudged))
            }
            Outcome::Sent | Outcome::NotSent | Outcome::PasswordChanged | Outcome::SignedOut => {}
        }
        let Some(response) = whole_or_nothing(answer) else {
            return self.upstream_failed(visit, &script.asked, &Failed::CutShort);
        };
        let mut response = self.finish(visit, response);
        if let Some(cookie) = cookie {
            add_cookie(&mut response, &cookie);
        }
        response
    }

    /// Puts the new session into the store before the answer that opens it leaves. Returns the device cookie to set.
    async fn welcome(&self, script: &Script, claim: &Claim, hash: crate::domain::SessionHash) -> Option<String> {
        let visit = &script.visit;
        let site = script.site();
        let facts = claim.facts(script);
        let device = script.device.unwrap_or_else(|| self.shared.dice.bytes());
        let known = self.shared.store.know_device(&site.name, &claim.account, device, visit.now).await;
        let session = Session {
            hash,
            site: site.name.clone(),
            account: claim.account.clone(),
            state: SessionState::Open,
            signed_in: visit.now,
            last_seen: visit.now,
            spot: Spot {
                prefix: script.client.prefix,
                network: script.client.network,
                country: None,
                as_number: None,
                agent: Agent::of(script.client.user_agent.as_deref()),
            },
            elsewhere: None,
            device: Some(device),
            device_since: known.as_ref().ok().copied(),
            user_agent: script.client.user_agent.clone(),
            flag: None,
            lesson: None,
        };
        // Should the store not take it, the session is unknown: it reads, and a later sign-in mends it.
        if let Err(away) = self.shared.store.put_session(session, visit.now).await {
            let _: Fact<()> = self.store_away(visit, &away);
        }
        let _ = self.shared.store.charge(&[policy::success(&facts)], visit.now).await;
        known.ok().map(|_| device::set_cookie(device, &site.name, &self.shared.keys))
    }
}
