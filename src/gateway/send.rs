//! A send: charged in one step before it goes upstream, given back when the webmail proves that nothing left.

use http::Response;
use http::request::Parts;

use super::Gateway;
use super::gate::{passed_event, receipt_of, stopped_event, whole_or_nothing};
use super::refusal::Stop;
use super::script::Script;
use crate::domain::{Account, Action, EventKind, SessionHash, SessionState, Timestamp};
use crate::policy::limits::{Charged, Receipt, Settlement};
use crate::policy::{Decision, Fact, Permit, send as policy};
use crate::upstream::Failed;
use crate::upstream::body::{AnswerBody, RequestBody};

/// Whose send it is: by the session, or nobody's that is known.
struct Sender {
    account: Account,
    session: SessionHash,
    device_since: Option<Timestamp>,
    locked: Fact<bool>,
}

impl Gateway {
    pub(super) async fn send(&self, mut script: Script, parts: &mut Parts) -> Response<AnswerBody> {
        let Action::Send(sending) = &script.asked.action else { return self.refuse_lost(&script) };
        let recipients = sending.recipients;
        let sender = self.sender(&script).await;
        let (mut decision, receipt) = self.reserve_send(&script, &sender, recipients).await;
        self.watch_attempts(&script, &sender.account).await;
        let reference = self.shared.dice.reference();
        if decision.permit.is_none() {
            let event = stopped_event(&script, EventKind::SendRefused { recipients }, &decision, reference);
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
        self.carry_send(&script, recipients, request, permit, receipt).await
    }

    async fn sender(&self, script: &Script) -> Sender {
        let site = &script.site().name;
        let (account, device_since) = match script.known_session() {
            Some(session) => (session.account.clone(), session.device_since),
            // Unknown sessions are refused by their state; while a site only observes, they are counted together.
            None => (Account::from_canonical(""), None),
        };
        let locked = match self.shared.store.locked(site, &account).await {
            Ok(lock) => Fact::Known(lock.is_some()),
            Err(away) => self.store_away(&script.visit, &away),
        };
        Sender { account, session: script.hash.unwrap_or(SessionHash([0; 16])), device_since, locked }
    }

    async fn reserve_send(&self, script: &Script, sender: &Sender, recipients: u32) -> (Decision, Receipt) {
        let config = &script.visit.live.config;
        let facts = facts(script, sender, recipients);
        let charges = match policy::charges(&facts, &config.send, &config.exceptions) {
            Ok(charges) => charges,
            Err(decision) => return (*decision, Receipt::default()),
        };
        let charged = self.charge(&script.visit, &charges).await;
        (policy::send(&facts, charged.as_ref()), receipt_of(charged))
    }

    /// Counts the attempt, allowed or not, and raises the alert once when an account passes the line.
    async fn watch_attempts(&self, script: &Script, account: &Account) {
        let visit = &script.visit;
        let (site, limits) = (&script.site().name, &visit.live.config.send);
        let Some(attempt) = policy::attempt(site, account, limits) else { return };
        let store = &self.shared.store;
        if store.charge(&[attempt], visit.now).await.is_err() {
            return;
        }
        for line in &limits.alert_messages_per_account {
            let key = policy::attempts_key(site, account);
            let Ok(messages) = store.count(&key, line.window, visit.now).await else { return };
            let Some(told) = policy::alert(site, account, *line, messages) else { continue };
            if let Ok(Charged::Fits(_)) = store.charge(&[told], visit.now).await {
                let kind = EventKind::ManyMessages { messages, line: line.to_string() };
                self.shared.events.record(script.event(kind));
            }
        }
    }

    async fn carry_send(
        &self,
        script: &Script,
        recipients: u32,
        request: http::Request<RequestBody>,
        permit: Permit,
        receipt: Receipt,
    ) -> Response<AnswerBody> {
        let visit = &script.visit;
        let answer = match self.carry_gated(visit, request, permit).await {
            Ok(answer) => answer,
            Err(failed) => {
                if failed.never_arrived() {
                    self.give_back(visit, &receipt).await;
                    self.shared.events.record(passed_event(script, EventKind::NotSent { recipients }));
                } else {
                    self.shared.events.record(passed_event(script, EventKind::Sent { recipients }));
                }
                return self.upstream_failed(visit, &script.asked, &failed);
            }
        };
        let outcome = script.site().webmail.outcome(&script.asked, &answer.seen());
        let kind = match Settlement::of_send(outcome) {
            Settlement::GiveBack => {
                self.give_back(visit, &receipt).await;
                EventKind::NotSent { recipients }
            }
            // What cannot be told counts as sent.
            Settlement::Keep | Settlement::KeepOfAccount => EventKind::Sent { recipients },
        };
        self.shared.events.record(passed_event(script, kind));
        match whole_or_nothing(answer) {
            Some(response) => self.finish(visit, response),
            None => self.upstream_failed(visit, &script.asked, &Failed::CutShort),
        }
    }

    /// The answer says that mail left though the request was not read as a send: it counts all the same, past every
    /// limit if need be, so that the next send meets it.
    pub(super) async fn count_unasked(&self, script: &Script) {
        let sender = self.sender(script).await;
        let config = &script.visit.live.config;
        // It has left: neither a lock nor the session's state undoes that, and both would keep it from being counted.
        let left = Fact::Known(Some(SessionState::Open));
        let facts = policy::Facts { state: left, locked: Fact::Known(false), ..facts(script, &sender, 1) };
        if let Ok(mut charges) = policy::charges(&facts, &config.send, &config.exceptions) {
            for charge in &mut charges {
                charge.keep = charge.limits.drain(..).map(|limit| limit.window).max().unwrap_or_default();
            }
            let _ = self.shared.store.charge(&charges, script.visit.now).await;
        }
        self.watch_attempts(script, &sender.account).await;
        self.shared.events.record(script.event(EventKind::SentUnasked));
    }
}

fn facts<'a>(script: &'a Script, sender: &'a Sender, recipients: u32) -> policy::Facts<'a> {
    policy::Facts {
        now: script.visit.now,
        site: &script.site().name,
        account: &sender.account,
        session: &sender.session,
        state: script.state(),
        locked: sender.locked,
        prefix: script.client.prefix,
        device_since: sender.device_since,
        recipients,
    }
}
