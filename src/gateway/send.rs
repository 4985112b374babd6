//! A send: its cost is reserved before the message goes upstream and settled by what the answer says of it.

use http::Response;
use http::request::Parts;

use super::Gateway;
use super::campaigns::{self, Compared};
use super::gate::{passed_event, stopped_event, whole_or_nothing};
use super::judging::{ReservedSend, Sending};
use super::refusal::Stop;
use super::script::Script;
use crate::domain::action::Recipients;
use crate::domain::{Account, Action, EventKind, SessionHash, SessionState, Verdict};
use crate::policy::limits::Settlement;
use crate::policy::{Fact, Permit, Why, campaign, send as policy};
use crate::upstream::Failed;
use crate::upstream::body::{AnswerBody, RequestBody};

impl Gateway {
    pub(super) async fn send(&self, mut script: Script, parts: &mut Parts) -> Response<AnswerBody> {
        let Action::Send(asked) = &script.asked.action else { return self.refuse_lost(&script) };
        let (recipients, to) = (asked.recipients, asked.to.clone());
        let (visit, client) = (script.visit.clone(), script.client.clone());
        let on_away = self.on_away(&visit);
        let judging = self.judging(&visit, &on_away);
        let sending = sending(&script, &visit, &client, recipients, &to);
        let (mut reserved, ()) =
            tokio::join!(judging.reserve_send(&sending), self.watch_attempts(&script, &sending.account));
        let mut reference = self.shared.dice.reference();
        let mut untold = None;
        if reserved.decision.permit.is_some() {
            let looked = self.look_at_message(&mut script, parts, judging.is_familiar(&sending)).await;
            let dice = &self.shared.dice;
            let compared = match judging.sighted(&sending, &reserved, looked.sketched, || dice.reference()) {
                Some(seen) if campaign::may_speak(&seen.sighting) => judging.compare(&seen).await,
                seen => {
                    untold = seen;
                    Compared::default()
                }
            };
            for campaign in &compared.recognised {
                let event = script.event(EventKind::Sent { recipients });
                self.shared.events.record(campaigns::recognised_event(event, campaign));
            }
            if !looked.scanned.is_empty() || !compared.signals.is_empty() {
                let judgement = judging.weigh(&sending, &looked.scanned, compared.signals).await;
                reserved.decision = judgement.upon(reserved.decision);
                if reserved.decision.permit.is_some()
                    && let Err(stopped) = self.may_still_act(&mut script, parts).await
                {
                    reserved.decision = *stopped;
                }
            }
            // What is refused spends nothing.
            if reserved.decision.permit.is_none() && script.enforces() {
                judging.give_back(&reserved.receipt).await;
            }
        }
        if reserved.decision.permit.is_none() {
            let by_content = matches!(reserved.decision.why, Why::Content | Why::UnlikeByContent | Why::Infected);
            let contained = if by_content {
                judging.contain_content(&sending, &reserved.decision, reference).await
            } else {
                judging.contain(&sending, &reserved.decision, reference).await
            };
            let unlike = by_content || matches!(reserved.decision.why, Why::Unlike(_) | Why::Rule(_));
            reference = contained.as_ref().and_then(|contained| contained.flag).filter(|_| unlike).unwrap_or(reference);
            if contained.is_some_and(|contained| contained.state == SessionState::Challenged) {
                reserved.decision.why = Why::Challenged;
            }
            let event = stopped_event(&script, EventKind::SendRefused { recipients }, &reserved.decision, reference);
            if unlike && script.known_session().is_some_and(|session| session.flag.is_none()) {
                self.shared.events.record(crate::domain::Event { kind: EventKind::FlagRaised, ..event.clone() });
            }
            self.shared.events.record(event);
        } else if reserved.decision.verdict == Verdict::Flag {
            let contained = judging.contain_content(&sending, &reserved.decision, reference).await;
            reference = contained.and_then(|contained| contained.flag).unwrap_or(reference);
            if script.known_session().is_some_and(|session| session.flag.is_none()) {
                self.shared.events.record(stopped_event(&script, EventKind::FlagRaised, &reserved.decision, reference));
            }
        }
        if reserved.decision.why == Why::Challenged
            && script.enforces()
            && let Some(held) = self.hold(&script, parts).await
        {
            return held;
        }
        let permit = match self.permit(&script, &mut reserved.decision, reference) {
            Ok(permit) => permit,
            Err(refusal) => return *refusal,
        };
        let Ok(request) = self.outgoing(&mut script, parts) else {
            judging.give_back(&reserved.receipt).await;
            return self.refuse(&visit, &Stop::NoRoom, &script.asked, reference, None);
        };
        let tell = async {
            if let Some(seen) = &untold {
                judging.tell_seen(seen).await;
            }
        };
        let (answer, ()) = tokio::join!(self.carry_send(&script, &sending, &reserved, request, permit), tell);
        answer
    }

    /// Counts the attempt, allowed or not, and raises the alert once when an account passes the line.
    async fn watch_attempts(&self, script: &Script, account: &Account) {
        let on_away = self.on_away(&script.visit);
        for (messages, line) in self.judging(&script.visit, &on_away).count_attempt(script.site(), account).await {
            self.shared.events.record(script.event(EventKind::ManyMessages { messages, line: line.to_string() }));
        }
    }

    async fn carry_send(
        &self,
        script: &Script,
        sending: &Sending<'_>,
        reserved: &ReservedSend,
        request: http::Request<RequestBody>,
        permit: Permit,
    ) -> Response<AnswerBody> {
        let visit = &script.visit;
        let recipients = sending.recipients;
        let on_away = self.on_away(visit);
        let judging = self.judging(visit, &on_away);
        let answer = match self.carry_gated(visit, request, permit).await {
            Ok(answer) => answer,
            Err(failed) => {
                if failed.never_arrived() {
                    judging.give_back(&reserved.receipt).await;
                    self.shared.events.record(passed_event(script, EventKind::NotSent { recipients }));
                } else {
                    judging.note_sent(sending, reserved).await;
                    self.shared.events.record(sent_event(script, EventKind::Sent { recipients }, reserved));
                }
                return self.upstream_failed(visit, &script.asked, &failed);
            }
        };
        let outcome = script.site().webmail.outcome(&script.asked, &answer.seen());
        let kind = match Settlement::of_send(outcome) {
            Settlement::GiveBack => {
                judging.give_back(&reserved.receipt).await;
                EventKind::NotSent { recipients }
            }
            // What cannot be told counts as sent.
            Settlement::Keep | Settlement::KeepOfAccount => {
                judging.note_sent(sending, reserved).await;
                EventKind::Sent { recipients }
            }
        };
        self.shared.events.record(sent_event(script, kind, reserved));
        match whole_or_nothing(answer) {
            Some(response) => self.finish(visit, response),
            None => self.upstream_failed(visit, &script.asked, &Failed::CutShort),
        }
    }

    /// The answer says that mail left though the request was not read as a send: it counts all the same, past every
    /// limit if need be, so that the next send meets it.
    pub(super) async fn count_unasked(&self, script: &Script) {
        let (visit, to) = (&script.visit, Recipients::default());
        let sending = sending(script, visit, &script.client, 1, &to);
        let config = &visit.live.config;
        // It has left: neither a lock nor the session's state undoes that, and both would keep it from being counted.
        let facts = policy::Facts {
            now: visit.now,
            site: &script.site().name,
            account: &sending.account,
            session: Some(&sending.hash),
            state: Fact::Known(Some(SessionState::Open)),
            locked: Fact::Known(false),
            prefix: script.client.prefix,
            device_since: None,
            recipients: 1,
            network: script.client.network,
            place: None,
            first_written: 0,
            is_account_known: true,
            rule: None,
        };
        if let Ok(mut charges) = policy::charges(&facts, &config.send, &config.exceptions) {
            for charge in &mut charges {
                charge.keep = charge.limits.drain(..).map(|limit| limit.window).max().unwrap_or_default();
            }
            let _ = self.shared.store.charge(&charges, visit.now).await;
        }
        self.watch_attempts(script, &sending.account).await;
        self.shared.events.record(script.event(EventKind::SentUnasked));
    }
}

/// What an event of a message that passed carries: what it was flagged for, where it was.
fn sent_event(script: &Script, kind: EventKind, reserved: &ReservedSend) -> crate::domain::Event {
    let mut event = passed_event(script, kind);
    if reserved.decision.verdict == Verdict::Flag {
        event.verdict = Some(Verdict::Flag);
        event.signals.clone_from(&reserved.decision.signals);
    }
    event
}

/// The send that a script's request asks for. Unknown sessions are refused by their state; while a site only observes,
/// their sends are counted together.
fn sending<'a>(
    script: &Script,
    visit: &'a super::Visit,
    client: &'a crate::domain::Client,
    recipients: u32,
    to: &'a Recipients,
) -> Sending<'a> {
    let account = script.known_session().map(|session| session.account.clone());
    Sending {
        site: visit.site(),
        client,
        account: account.unwrap_or_else(|| Account::from_canonical("")),
        hash: script.hash.unwrap_or(SessionHash([0; 16])),
        session: script.session.clone(),
        recipients,
        to,
    }
}
