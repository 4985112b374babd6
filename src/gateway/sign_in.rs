//! A sign-in: its attempt is reserved before the password goes upstream, settled by the webmail's answer, and a success is
//! judged before the browser learns of it.

use std::time::Duration;

use http::request::Parts;
use http::{Response, Uri};

use super::gate::{passed_event, stopped_event, whole_or_nothing};
use super::judging::{Admitted, Attempt, Judged, Reserved};
use super::refusal::Stop;
use super::script::{Script, add_cookie};
use super::{Gateway, locks, own};
use crate::challenge::device;
use crate::config::Mode;
use crate::domain::{
    Account, Action, Door, EventKind, Outcome, PasswordQuality, Purpose, Reference, Secret, SessionHash, Signal,
    Verdict,
};
use crate::intel::range::Range;
use crate::policy::limits::Settlement;
use crate::policy::risk::Judgement;
use crate::policy::{Decision, Permit, Why};
use crate::upstream::Failed;
use crate::upstream::body::{AnswerBody, RequestBody};
use crate::webmail::Shape;

/// A person who signs in waits no longer than this for a service that knows leaked passwords.
const RANGE_PATIENCE: Duration = Duration::from_millis(500);

impl Gateway {
    pub(super) async fn sign_in(&self, mut script: Script, parts: &mut Parts) -> Response<AnswerBody> {
        let Action::SignIn { name, password } = &script.asked.action else { return self.refuse_lost(&script) };
        let visit = script.visit.clone();
        let client = script.client.clone();
        let site = visit.site();
        let account = site.accounts.fold(name);
        let device = script.cookies.get(device::COOKIE);
        let of = [site.name.as_bytes(), account.as_str().as_bytes(), password.expose().as_bytes()];
        let attempt = Attempt {
            site,
            client: &client,
            door: Door::Webmail,
            device: device.and_then(|value| device::read(value, &site.name, &self.shared.keys)),
            password_fingerprint: self.shared.keys.fingerprint(Purpose::Password, &of),
            password_begins: if visit.live.config.passwords.open_locks_at_change {
                locks::beginnings(&self.shared.keys, &site.name, &account, password)
            } else {
                Vec::new()
            },
            account: account.clone(),
        };
        let on_away = self.on_away(&visit);
        let judging = self.judging(&visit, &on_away);
        let mut reserved = judging.reserve_sign_in(&attempt).await;
        let reference = self.shared.dice.reference();
        if reserved.decision.permit.is_none() {
            let mut event = stopped_event(&script, EventKind::SignInRefused, &reserved.decision, reference);
            event.account = Some(account);
            self.shared.events.record(event);
        }
        let permit = match self.permit(&script, &mut reserved.decision, reference) {
            Ok(permit) => permit,
            Err(refusal) => return *refusal,
        };
        let Ok(request) = self.outgoing(&mut script, parts) else {
            judging.give_back(&reserved.receipt).await;
            return self.refuse(&visit, &Stop::NoRoom, &script.asked, reference, None);
        };
        if !reserved.decision.delay.is_zero() {
            tokio::time::sleep(reserved.decision.delay).await;
        }
        self.carry_sign_in(&script, &attempt, reserved, request, permit, reference).await
    }

    async fn carry_sign_in(
        &self,
        script: &Script,
        attempt: &Attempt<'_>,
        reserved: Reserved,
        request: http::Request<RequestBody>,
        permit: Permit,
        reference: Reference,
    ) -> Response<AnswerBody> {
        let visit = &script.visit;
        let on_away = self.on_away(visit);
        let judging = self.judging(visit, &on_away);
        let asked_for = request.uri().path().to_owned();
        let answer = match self.carry_gated(visit, request, permit).await {
            Ok(answer) => answer,
            Err(failed) => {
                // A webmail that never saw the password judged nothing.
                if failed.never_arrived() {
                    judging.give_back(&reserved.receipt).await;
                }
                return self.upstream_failed(visit, &script.asked, &failed);
            }
        };
        let outcome = script.site().webmail.outcome(&script.asked, &answer.seen());
        match Settlement::of_sign_in(outcome) {
            Settlement::Keep => {}
            Settlement::GiveBack => judging.give_back(&reserved.receipt).await,
            Settlement::KeepOfAccount => {
                judging.give_back(&reserved.receipt.clone().beyond_the_account()).await;
            }
        }
        let record = |kind| {
            let mut event = passed_event(script, kind);
            event.account = Some(attempt.account.clone());
            self.shared.events.record(event);
        };
        let (mut cookie, mut ahead) = (None, None);
        match outcome {
            Outcome::SignedIn => {
                let found = script.site().webmail.new_session_cookie(&answer.seen(), &script.site().session_cookie);
                match found.map(|found| self.hash_session(script.site(), &found)) {
                    Some(_) if reserved.opens_lock && !judging.open_lock(attempt).await => {
                        let stop = Stop::Decided { why: Why::StoreAway, wait: None };
                        return self.refuse(visit, &stop, &script.asked, reference, None);
                    }
                    Some(hash) => {
                        if reserved.opens_lock {
                            record(EventKind::AccountUnlocked);
                        }
                        judging.note_password(attempt).await;
                        let quality = self.password_quality(script, attempt).await;
                        let mut judged = judging.judge_sign_in(attempt, &reserved, quality).await;
                        let fault = quality.worst_of(&visit.live.config.passwords.ask_to_change);
                        judged.due = judging.password_due(script.site(), &attempt.account, fault).await;
                        let new_device = self.shared.dice.bytes();
                        let admitted = judging.admit(attempt, &reserved, &judged, hash, reference, new_device).await;
                        self.record_judged(script, attempt, &judged, &admitted, hash, reference);
                        if judged.judgement.verdict == Verdict::Refuse && script.site().mode == Mode::Enforce {
                            // The webmail's session is never given to anybody: its cookies stay here.
                            let stop = Stop::from(&Decision::refused(judged.judgement));
                            return self.refuse(visit, &stop, &script.asked, reference, None);
                        }
                        self.tell_of_news(script, &attempt.account, &judged.judgement).await;
                        ahead = judged.due.map(|_| own::PASSWORD);
                        if ahead.is_none() && judging.invites(attempt, &reserved, &judged, &admitted).await {
                            ahead = Some(own::INVITE);
                        }
                        cookie =
                            admitted.device.map(|id| device::set_cookie(id, &script.site().name, &self.shared.keys));
                    }
                    None => record(EventKind::SignInOk),
                }
            }
            Outcome::WrongPassword => {
                judging.note_wrong_password(attempt, &reserved).await;
                record(EventKind::SignInFailed);
            }
            Outcome::NotJudged | Outcome::FormRefused | Outcome::Unclear => record(EventKind::SignInNotJudged),
            Outcome::Sent | Outcome::NotSent | Outcome::PasswordChanged | Outcome::SignedOut => {}
        }
        let Some(response) = whole_or_nothing(answer) else {
            return self.upstream_failed(visit, &script.asked, &Failed::CutShort);
        };
        let mut response = self.finish(visit, response);
        if let Some(ours) = ahead.filter(|_| script.asked.shape == Shape::Page) {
            own::lead_past(visit, ours, &asked_for, response.headers_mut());
        }
        if let Some(cookie) = cookie {
            add_cookie(&mut response, &cookie);
        }
        response
    }

    /// Looked at once it is known to be right: estimating costs more than all the rest of a decision, and guesses come by
    /// the thousand. So only right passwords are asked for elsewhere, too.
    async fn password_quality(&self, script: &Script, attempt: &Attempt<'_>) -> PasswordQuality {
        let Action::SignIn { password, .. } = &script.asked.action else { return PasswordQuality::default() };
        let mut quality = self.shared.intel.password(password, &[attempt.account.as_str(), &attempt.site.name]);
        if let Some(service) = &script.visit.live.config.passwords.range_service
            && !quality.breached
        {
            quality.breached = self.is_listed_elsewhere(service, password).await.unwrap_or(false);
        }
        quality
    }

    /// Whether a service lists the password among the leaked; none where it cannot be known.
    async fn is_listed_elsewhere(&self, service: &Uri, password: &Secret<String>) -> Option<bool> {
        let range = Range::of(password);
        let address: Uri = format!("{service}{}", range.told()).parse().ok()?;
        let answer = self.upstream.look_up(address, RANGE_PATIENCE).await;
        let is_listed = answer.and_then(|answer| range.is_listed(&answer));
        self.shared.events.metrics().range_asked(is_listed);
        is_listed
    }

    /// Tells a person of a sign-in that is new to the account in a way that they would know.
    async fn tell_of_news(&self, script: &Script, account: &Account, judgement: &Judgement) {
        let is_news = |signal: &Signal| matches!(&*signal.name, "new_country" | "new_device");
        if !judgement.signals.iter().any(is_news) {
            return;
        }
        let words = self.words(&script.visit);
        self.tell_of_sign_in(&script.visit, words, account).await;
    }

    fn record_judged(
        &self,
        script: &Script,
        attempt: &Attempt<'_>,
        judged: &Judged,
        admitted: &Admitted,
        hash: SessionHash,
        reference: Reference,
    ) {
        let judgement = &judged.judgement;
        let kind = if judgement.verdict == Verdict::Refuse { EventKind::SignInRefused } else { EventKind::SignInOk };
        let mut event = script.event(kind);
        event.account = Some(attempt.account.clone());
        event.session = Some(hash);
        judged.tell(&mut event);
        event.device = admitted.device.map(|device| device::pseudonym(device, &script.site().name, &self.shared.keys));
        event.reference = admitted.flagged.then_some(reference);
        if admitted.flagged {
            self.shared.events.record(crate::domain::Event { kind: EventKind::FlagRaised, ..event.clone() });
        }
        self.shared.events.record(event);
    }
}
