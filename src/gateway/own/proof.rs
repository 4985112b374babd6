//! An answer to the page that asks: taken once, counted, looked at, and carried out.

use std::sync::Arc;

use http::{Response, StatusCode};

use super::challenge::{UnderWay, Wanted, home};
use super::{Caller, OwnForm, Scripts, page, to};
use crate::challenge::asking::{About, Said};
use crate::challenge::{device, factors};
use crate::domain::{EventKind, FactorKind, SessionState, Verdict};
use crate::gateway::Gateway;
use crate::gateway::script::add_cookie;
use crate::policy::limits::{Charged, Receipt};
use crate::policy::{Fact, proof};
use crate::store::KeptKind;
use crate::upstream::body::AnswerBody;

/// Each time that somebody else changed the account's factors in between, it is looked at anew; more often than this that
/// is no coincidence.
const AGAIN_MAX: usize = 4;

/// What came of looking at a proof.
enum Looked {
    Right,
    Wrong,
    StoreAway,
}

impl Gateway {
    pub(super) async fn prove(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        let field = |name: &str| Some(std::borrow::Cow::Borrowed(form.text(name)));
        let mut wanted = Wanted::read(field, &caller.site().base, &home(caller.site()));
        if caller.session.state == SessionState::Open && !wanted.change {
            return self.go_on(caller, &wanted);
        }
        let under_way = match self.take_challenge(caller, form.text("challenge")).await {
            Fact::Known(Some(under_way)) => under_way,
            Fact::Known(None) => {
                let notice = caller.words.say("stale");
                return self.ask(caller, &wanted, StatusCode::CONFLICT, Some(notice)).await;
            }
            Fact::StoreAway => return self.fault(caller),
        };
        let factor = under_way.factor;
        wanted.change = under_way.change;
        wanted.factor = Some(factor);
        if factor == FactorKind::OtherAddress && form.text("do") == "send" {
            return self.send_code(caller, &wanted).await;
        }
        let mut given = std::borrow::Cow::Borrowed(form.text("code"));
        if factor == FactorKind::Campus {
            // Nothing is typed here that could be guessed: it is confirmed there, or not yet.
            let Some(ticket) = self.confirmed_at_campus(caller).await else {
                let notice = caller.words.say("campus-not-yet");
                return self.ask(caller, &wanted, StatusCode::CONFLICT, Some(notice)).await;
            };
            given = std::borrow::Cow::Owned(ticket);
        }
        let charged = match factor {
            FactorKind::Campus => Ok(Receipt::default()),
            factor => self.charge_attempt(caller, factor).await,
        };
        let receipt = match charged {
            Ok(receipt) => receipt,
            Err(Some(minutes)) => {
                wanted.factor = None;
                let notice = caller.words.with("too-many", "minutes", minutes);
                return self.ask(caller, &wanted, StatusCode::TOO_MANY_REQUESTS, Some(notice)).await;
            }
            Err(None) => return self.fault(caller),
        };
        match self.look(caller, &under_way, &given).await {
            Looked::Right => {
                if !receipt.entries.is_empty() {
                    let _ = self.shared.store.refund(&receipt, caller.visit.now).await;
                }
                if factor == FactorKind::HelpdeskCode || under_way.change {
                    self.keep_grant(caller, factor).await;
                }
                if under_way.change {
                    self.shared.events.record(caller.event(EventKind::ChallengePassed { factor: factor.name() }));
                    return super::account::to_account();
                }
                self.proved(caller, &wanted, factor, form.text("remember") == "1").await
            }
            Looked::Wrong => {
                self.shared.events.record(caller.event(EventKind::ChallengeFailed { factor: factor.name() }));
                let message = if factor == FactorKind::Passkey { "passkey-failed" } else { "wrong-code" };
                let notice = caller.words.say(message);
                // A code that was sent is good for another try; it is counted like every other.
                let sent = under_way.kept.filter(|_| factor == FactorKind::OtherAddress);
                self.ask_about(caller, &wanted, StatusCode::UNPROCESSABLE_ENTITY, Some(notice), sent).await
            }
            Looked::StoreAway => self.fault(caller),
        }
    }

    /// The challenge under this number, if it is this session's. Whatever comes of it, nobody gets it again.
    async fn take_challenge(&self, caller: &Caller<'_>, number: &str) -> Fact<Option<UnderWay>> {
        let decoded = data_encoding::HEXLOWER.decode(number.as_bytes()).ok();
        let Some(id) = decoded.and_then(|id| <[u8; 16]>::try_from(id).ok()) else { return Fact::Known(None) };
        match self.shared.store.take(KeptKind::Challenge, id, caller.visit.now).await {
            Ok(kept) => {
                let under_way = kept.and_then(|kept| UnderWay::open(&kept, self));
                Fact::Known(under_way.filter(|under_way| under_way.session == caller.session.hash))
            }
            Err(away) => self.store_away(caller.visit, &away),
        }
    }

    /// Charges an attempt before it is looked at. Not possible: after so many minutes, or because the store is away.
    pub(super) async fn charge_attempt(&self, caller: &Caller<'_>, factor: FactorKind) -> Result<Receipt, Option<u64>> {
        let visit = caller.visit;
        let attempt = proof::Attempt {
            site: &caller.session.site,
            account: &caller.session.account,
            factor,
            prefix: caller.client.prefix,
            network: caller.client.network,
        };
        let charges = proof::charges(&attempt, &visit.live.config.challenge);
        if charges.is_empty() {
            return Ok(Receipt::default());
        }
        match self.shared.store.charge(&charges, visit.now).await {
            Ok(Charged::Fits(receipt)) => Ok(receipt),
            Ok(Charged::Over(over)) => {
                let mut event = caller.event(EventKind::ChallengeRefused { factor: factor.name() });
                event.stopped_by = Some(over.to_string());
                event.verdict = Some(Verdict::Throttle);
                self.shared.events.record(event);
                Err(Some(over.wait.unwrap_or_default().as_secs().div_ceil(60).max(1)))
            }
            Err(away) => {
                let _: Fact<()> = self.store_away(visit, &away);
                Err(None)
            }
        }
    }

    /// Looks at the proof, and uses up what it uses. Of several at once with the same code one is right: the others find
    /// it used.
    async fn look(&self, caller: &Caller<'_>, under_way: &UnderWay, given: &str) -> Looked {
        if given.len() > factors::ANSWER_BYTES_MAX || !self.allows(caller, under_way.factor) {
            return Looked::Wrong;
        }
        let (site, account) = (&caller.session.site, &caller.session.account);
        let about = caller.factor(&self.shared.keys);
        let answer = factors::Answer { given, kept: under_way.kept.as_deref() };
        for _ in 0..AGAIN_MAX {
            let Fact::Known((mut enrolled, version)) = self.enrolled(caller).await else { return Looked::StoreAway };
            if !factors::of(under_way.factor).prove(&answer, &mut enrolled, &about) {
                return Looked::Wrong;
            }
            let sealed = enrolled.seal(&self.shared.keys, site, account, self.shared.dice.bytes());
            match self.shared.store.put_factors(site, account, sealed, version).await {
                Ok(true) => return Looked::Right,
                Ok(false) => {}
                Err(away) => {
                    let _: Fact<()> = self.store_away(caller.visit, &away);
                    return Looked::StoreAway;
                }
            }
        }
        Looked::StoreAway
    }

    fn allows(&self, caller: &Caller<'_>, factor: FactorKind) -> bool {
        caller.visit.live.config.challenge.factors.contains(&factor)
    }

    /// Carries out what the proof opens.
    async fn proved(
        &self,
        caller: &Caller<'_>,
        wanted: &Wanted,
        factor: FactorKind,
        remember: bool,
    ) -> Response<AnswerBody> {
        let on_away = self.on_away(caller.visit);
        let judging = self.judging(caller.visit, &on_away);
        let Some(session) = judging.prove(caller.site(), &caller.session, factor, remember).await else {
            return self.fault(caller);
        };
        self.shared.events.record(caller.event(EventKind::ChallengePassed { factor: factor.name() }));
        let mut response = match session.state {
            SessionState::Open | SessionState::Restricted
                if wanted.held.is_none()
                    && !wanted.framed
                    && let Some(ahead) = self.ahead_of(caller, &wanted.back).await =>
            {
                ahead
            }
            SessionState::Open => match &wanted.held {
                Some(held) => self.release(caller, held).await,
                None => self.go_on(caller, wanted),
            },
            SessionState::Restricted => {
                // It cannot be sent on, but what was written is the person's.
                if let Some(held) = &wanted.held
                    && let Some(response) = self.hand_back_restricted(caller, held).await
                {
                    return response;
                }
                let next = (!wanted.framed).then_some(wanted.back.as_str());
                self.said(caller, StatusCode::OK, "passed-title", "passed-restricted", next)
            }
            // Ended meanwhile, or asked again: its next request says which.
            SessionState::Challenged | SessionState::Ended => to(&wanted.back),
        };
        if let Some(device) = session.device.filter(|_| remember && session.device_since.is_some()) {
            add_cookie(&mut response, &device::set_cookie(device, &session.site, &self.shared.keys));
        }
        response
    }

    /// In a dialog: the page around it goes on by itself.
    pub(super) fn resumed(&self, caller: &Caller<'_>) -> Response<AnswerBody> {
        let said = Said {
            about: About { framed: true, ..caller.about() },
            title: "passed-title",
            text: "passed-frame",
            next: None,
            resumes: true,
        };
        page(StatusCode::OK, &said, Scripts::Own)
    }

    /// What the session had come to, by its flag.
    pub(super) async fn verdict(&self, caller: &Caller<'_>) -> Option<Verdict> {
        let on_away = self.on_away(caller.visit);
        self.judging(caller.visit, &on_away).verdict_of(&Arc::clone(&caller.session)).await
    }
}
