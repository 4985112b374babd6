//! A message that a mail program hands to the mail server: counted where the webmail's are, judged by the same limits.

use std::sync::Arc;

use super::postfix::{Answer, Question, Stage};
use super::visitor::Visitor;
use super::{Caller, Doors};
use crate::domain::action::Recipients;
use crate::domain::flag::Activity;
use crate::domain::{Door, Event, EventKind, Purpose, Reference, SessionState, Verdict};
use crate::gateway::judging::{Judging, Sending};
use crate::policy::{Decision, Fact, Why, send};

impl Doors {
    /// The answer to a question. Asked twice about one message, it is the same, and the message is counted once.
    pub(super) async fn submission(self: &Arc<Self>, question: Question) -> Answer {
        // Whoever did not sign in is no account of ours: mail from outside, or a webmail that sends without a password.
        if question.name.is_empty() {
            return Answer::Pass;
        }
        if question.instance.is_empty() {
            return self.judge_submission(&question).await;
        }
        let Question { stage, instance, name, address, .. } = &question;
        let address = address.to_string();
        let parts: [&[u8]; 5] = [b"postfix", &[*stage as u8], instance.as_bytes(), address.as_bytes(), name.as_bytes()];
        let key = self.shared.keys.short_hash(Purpose::Place, &parts);
        let answered = self.answered.about(key, self.shared.clock.now());
        let doors = Arc::clone(self);
        // A task of its own: should Postfix not wait, it is counted all the same, and whoever asks again is told the same.
        let found = tokio::spawn(async move {
            let answer = answered.get_or_init(async || doors.judge_submission(&question).await).await;
            answer.clone()
        });
        found.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a question of Postfix's was not judged to its end");
            Answer::Later("Mail cannot be sent for a moment; try again in a minute".to_owned())
        })
    }

    async fn judge_submission(&self, question: &Question) -> Answer {
        let now = self.shared.clock.now();
        let live = self.shared.live.load_full();
        let Some(caller) = Caller::new(now, &live.config, &question.name, question.address, Door::Submission) else {
            return Answer::Pass;
        };
        let on_away = self.on_away(now);
        let judging = self.judging(&caller, &on_away);
        let recipients = question.recipients;
        if question.stage == Stage::Early || caller.is_webmail() {
            return match caller.is_locked(&judging).await {
                Fact::Known(true) => self.stopped(&caller, &Decision::locked(), recipients, None),
                Fact::Known(false) | Fact::StoreAway => Answer::Pass,
            };
        }
        let visitor = Visitor::of(&caller, &judging).await;
        let (state, flag) = visitor.state(&caller, &judging).await;
        let is_anywhere = !send::is_familiar(visitor.usual_since, now) && !visitor.is_cleared(&judging).await;
        let facts = send::Facts {
            now,
            site: &caller.site.name,
            account: &caller.account,
            session: None,
            state,
            locked: caller.is_locked(&judging).await,
            prefix: caller.client.prefix,
            // A network that the account has signed in from for a day speaks for its owner as a browser does.
            device_since: visitor.usual_since,
            recipients,
            network: caller.client.network,
            place: is_anywhere.then(|| judging.place_of(&caller.client)),
            // Postfix does not say to whom.
            first_written: 0,
            is_account_known: false,
            rule: judging.rule_against(caller.site, &caller.account, &caller.client, "send"),
        };
        let (decision, _charged) = judging.charge_send(&facts).await;
        for (messages, line) in judging.count_attempt(caller.site, &caller.account).await {
            self.shared.events.record(caller.event(EventKind::ManyMessages { messages, line: line.to_string() }));
        }
        if decision.permit.is_some() {
            note_passed(&visitor, &judging, recipients).await;
            let mut event = caller.event(EventKind::Sent { recipients });
            event.verdict = Some(Verdict::Pass);
            self.shared.events.record(event);
            return Answer::Pass;
        }
        let flag = self.contain(&caller, &visitor, &judging, &decision, recipients).await.or(flag);
        self.stopped(&caller, &decision, recipients, flag)
    }

    /// What follows from a message that was stopped: as at the webmail, where it does not look like the account's owner.
    /// Returns the code of the flag.
    async fn contain(
        &self,
        caller: &Caller<'_>,
        visitor: &Visitor,
        judging: &Judging<'_>,
        decision: &Decision,
        recipients: u32,
    ) -> Option<Reference> {
        let is_unlike = matches!(decision.why, Why::Unlike(_) | Why::Rule(_));
        let is_kept = matches!(&visitor.session, Fact::Known(Some(session)) if session.state != SessionState::Ended);
        if !is_unlike && !is_kept {
            return None;
        }
        let kept = Arc::new(visitor.kept(caller, judging));
        if !is_kept {
            let _: Fact<()> = judging.fact(judging.store.put_session(kept.as_ref().clone(), caller.now).await);
        }
        let was_flagged = kept.flag.is_some();
        let sending = Sending {
            site: caller.site,
            client: &caller.client,
            account: caller.account.clone(),
            hash: kept.hash,
            session: Fact::Known(Some(kept)),
            recipients,
            to: &Recipients::default(),
        };
        let contained = judging.contain(&sending, decision, self.shared.dice.reference()).await?;
        if is_unlike && !was_flagged {
            self.shared
                .events
                .record(Event { reference: contained.flag, ..stopped_event(caller, EventKind::FlagRaised, decision) });
        }
        contained.flag
    }

    /// Records what was stopped, and words it. While the site only observes, Postfix is told nothing.
    fn stopped(&self, caller: &Caller<'_>, decision: &Decision, recipients: u32, flag: Option<Reference>) -> Answer {
        let reference = flag.unwrap_or_else(|| self.shared.dice.reference());
        let event = stopped_event(caller, EventKind::SendRefused { recipients }, decision);
        self.shared.events.record(Event { reference: Some(reference), ..event });
        if !caller.enforces() {
            return Answer::Pass;
        }
        Answer::stopped(&decision.why, reference, caller.site.helpdesk.as_deref())
    }
}

fn stopped_event(caller: &Caller<'_>, kind: EventKind, decision: &Decision) -> Event {
    let mut event = caller.event(kind);
    event.verdict = Some(decision.verdict);
    event.signals.clone_from(&decision.signals);
    event.stopped_by.clone_from(&decision.stopped_by);
    event
}

/// What follows from a message that passed: it stands on the flag, where there is one.
async fn note_passed(visitor: &Visitor, judging: &Judging<'_>, recipients: u32) {
    let Fact::Known(Some(session)) = &visitor.session else { return };
    let Some(flag) = session.flag else { return };
    let activity = Activity { messages: 1, recipients, ..Activity::default() };
    let _: Fact<()> = judging.fact(judging.store.add_to_flag(&flag, activity).await);
}
