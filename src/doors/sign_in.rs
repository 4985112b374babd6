//! A sign-in at the mail server: guesses are counted where the webmail's are, a right password is judged by the same profile.
//!
//! What an attempt costs is reserved when Dovecot asks, and settled when it reports. A mail program opens several
//! connections at once and comes every few minutes, all with one password: that is one guess, and one sign-in.

use std::net::{IpAddr, Ipv4Addr};

use super::dovecot::{Answer, Question};
use super::under_way::Key;
use super::visitor::Visitor;
use super::{Caller, Doors};
use crate::domain::{Door, Event, EventKind, PasswordQuality, Purpose, Reference, Session, SessionState, Verdict};
use crate::gateway::judging::{Attempt, Judged, Judging};
use crate::policy::{Decision, Fact};

/// An address that nobody knows.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Doors {
    /// Whether Dovecot may look at the password.
    pub(super) async fn allow(&self, question: &Question) -> Answer {
        let now = self.shared.clock.now();
        let live = self.shared.live.load_full();
        let Some(caller) = Caller::new(now, &live.config, &question.login, remote(question), door(question)) else {
            return Answer::Pass;
        };
        let on_away = self.on_away(now);
        let judging = self.judging(&caller, &on_away);
        // The webmail comes with every click. Its people signed in at the gateway, which has counted and judged them.
        if caller.is_webmail() {
            return match judging.fact(judging.store.locked(&caller.site.name, &caller.account).await) {
                // The gateway lets a new password through, so that the lock opens by it.
                Fact::Known(Some(lock)) if !judging.opens_at_change(&lock).await => {
                    self.refused(&caller, &Decision::locked(), None)
                }
                Fact::Known(_) | Fact::StoreAway => Answer::Pass,
            };
        }
        let visitor = Visitor::of(&caller, &judging).await;
        if let (SessionState::Challenged, flag) = visitor.own_state(&judging).await {
            return self.refused(&caller, &Decision::refused_before(), flag);
        }
        let reserved = judging.reserve_sign_in(&self.attempt(&caller, question)).await;
        if reserved.decision.permit.is_none() {
            return self.refused(&caller, &reserved.decision, None);
        }
        let delay = reserved.decision.delay;
        self.under_way.note(self.key(&caller, question), reserved.receipt, now);
        // Dovecot waits for whole seconds.
        if delay.is_zero() || !caller.enforces() {
            Answer::Pass
        } else {
            Answer::Wait(delay.as_millis().div_ceil(1_000) as u64)
        }
    }

    /// What came of it.
    pub(super) async fn report(&self, question: &Question) -> Answer {
        let now = self.shared.clock.now();
        let live = self.shared.live.load_full();
        let Some(caller) = Caller::new(now, &live.config, &question.login, remote(question), door(question)) else {
            return Answer::Noted;
        };
        // What we refused was written down then.
        if caller.is_webmail() || question.policy_reject {
            return Answer::Noted;
        }
        let on_away = self.on_away(now);
        let judging = self.judging(&caller, &on_away);
        let receipts = self.under_way.take(self.key(&caller, question));
        let attempt = self.attempt(&caller, question);
        if question.success {
            for receipt in &receipts {
                judging.give_back(receipt).await;
            }
            self.signed_in(&caller, &judging, &attempt).await;
            return Answer::Noted;
        }
        // Asked about twice, it is one guess all the same; not asked about at all, it is counted now.
        for twice in receipts.iter().skip(1) {
            judging.give_back(twice).await;
        }
        let reserved = if receipts.is_empty() {
            judging.reserve_sign_in(&attempt).await
        } else {
            judging.unreserved(&attempt).await
        };
        judging.note_wrong_password(&attempt, &reserved).await;
        let mut event = caller.event(EventKind::SignInFailed);
        event.verdict = Some(Verdict::Pass);
        self.shared.events.record(event);
        Answer::Noted
    }

    /// An operator's program says that what was guessed so far means nothing: at the account, from the address, or at the
    /// account from the address.
    pub(super) async fn reset(&self, question: &Question) -> Answer {
        let now = self.shared.clock.now();
        let live = self.shared.live.load_full();
        let address = if question.remote.is_empty() { &question.ip } else { &question.remote };
        let address = address.parse().ok();
        let somewhere = address.unwrap_or(NOWHERE);
        let Some(caller) = Caller::new(now, &live.config, &question.login, somewhere, Door::Other) else {
            return Answer::Noted;
        };
        let on_away = self.on_away(now);
        let judging = self.judging(&caller, &on_away);
        let has_account = !question.login.is_empty();
        let in_key = judging.account_in_key(caller.site, &caller.account);
        let account = has_account.then_some(&*in_key);
        let prefix = address.map(|_| caller.client.prefix);
        let keys = crate::policy::sign_in::counters(&caller.site.name, account, prefix);
        let _: Fact<()> = judging.fact(judging.store.forget_counters(&keys, now).await);
        Answer::Noted
    }

    /// A right password: judged when it comes from here for the first time in a while.
    async fn signed_in(&self, caller: &Caller<'_>, judging: &Judging<'_>, attempt: &Attempt<'_>) {
        let visitor = Visitor::of(caller, judging).await;
        match &visitor.session {
            Fact::Known(Some(session)) if session.state != SessionState::Ended => {
                // What stands against it must not be forgotten while it comes.
                let _: Fact<()> = judging.fact(judging.store.touch_session(&session.hash, caller.now).await);
                return;
            }
            Fact::Known(None) if self.lately.contains(&visitor.hash, caller.now) => return,
            Fact::Known(_) | Fact::StoreAway => {}
        }
        let known = judging.unreserved(attempt).await;
        let judged = judging.judge_sign_in(attempt, &known, PasswordQuality::default()).await;
        let flag = judged.judgement.is_flagged().then(|| self.shared.dice.reference());
        if let Some(code) = flag {
            keep_flag(caller, &visitor, judging, &judged, code).await;
        } else {
            self.lately.note(visitor.hash, caller.now);
        }
        judging.teach(attempt, &known, &judged).await;
        self.record_judged(caller, &judged, flag);
    }

    fn record_judged(&self, caller: &Caller<'_>, judged: &Judged, flag: Option<Reference>) {
        let judgement = &judged.judgement;
        let kind = if judgement.verdict == Verdict::Refuse { EventKind::SignInRefused } else { EventKind::SignInOk };
        let mut event = caller.event(kind);
        judged.tell(&mut event);
        event.reference = flag;
        if flag.is_some() {
            self.shared.events.record(Event { kind: EventKind::FlagRaised, ..event.clone() });
        }
        self.shared.events.record(event);
    }

    /// Records what was stopped. While the site only observes, Dovecot is told nothing.
    fn refused(&self, caller: &Caller<'_>, decision: &Decision, flag: Option<Reference>) -> Answer {
        let reference = flag.unwrap_or_else(|| self.shared.dice.reference());
        let mut event = caller.event(EventKind::SignInRefused);
        event.verdict = Some(decision.verdict);
        event.stopped_by.clone_from(&decision.stopped_by);
        event.reference = Some(reference);
        self.shared.events.record(event);
        if !caller.enforces() {
            return Answer::Pass;
        }
        Answer::stopped(&decision.why, reference, caller.site.helpdesk.as_deref())
    }

    fn attempt<'a>(&self, caller: &'a Caller<'_>, question: &Question) -> Attempt<'a> {
        let of: [&[u8]; 4] =
            [b"door", caller.site.name.as_bytes(), caller.account.as_str().as_bytes(), question.pwhash.as_bytes()];
        Attempt {
            site: caller.site,
            client: &caller.client,
            account: caller.account.clone(),
            door: caller.door,
            device: None,
            password_fingerprint: self.shared.keys.fingerprint(Purpose::Password, &of),
            password_begins: Vec::new(),
        }
    }

    /// What names an attempt in both requests.
    fn key(&self, caller: &Caller<'_>, question: &Question) -> Key {
        let address = caller.client.address.to_string();
        let of: [&[u8]; 6] = [
            b"under way",
            question.login.as_bytes(),
            address.as_bytes(),
            question.pwhash.as_bytes(),
            question.protocol.as_bytes(),
            question.session_id.as_bytes(),
        ];
        self.shared.keys.short_hash(Purpose::Password, &of)
    }
}

/// Writes down what stands against an account and prefix: it reads, and does not send; or, where the sign-in fits so
/// little that the webmail would have refused it, reads nothing either.
async fn keep_flag(caller: &Caller<'_>, visitor: &Visitor, judging: &Judging<'_>, judged: &Judged, code: Reference) {
    let judgement = &judged.judgement;
    let state = match judgement.verdict {
        _ if !caller.enforces() => SessionState::Open,
        Verdict::Pass | Verdict::Flag => SessionState::Open,
        Verdict::Challenge | Verdict::Restrict | Verdict::Throttle => SessionState::Restricted,
        Verdict::Refuse => SessionState::Challenged,
    };
    let lesson = Some(judged.lesson().clone());
    let session = Session { state, flag: Some(code), lesson, ..visitor.kept(caller, judging) };
    let mut flag = judging.new_flag(caller.site, &session, &caller.client, judgement.verdict, code);
    flag.raise(judgement.verdict, &judgement.signals, judgement.rule.as_deref());
    let (flagged, kept) = tokio::join!(judging.store.put_flag(flag), judging.store.put_session(session, caller.now));
    let _: (Fact<()>, Fact<()>) = (judging.fact(flagged), judging.fact(kept));
}

fn door(question: &Question) -> Door {
    Door::of_protocol(&question.protocol)
}

/// From where; where Dovecot does not know, from nowhere, which is counted as one place.
fn remote(question: &Question) -> IpAddr {
    question.remote.parse().unwrap_or(NOWHERE)
}
