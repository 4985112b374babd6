//! What sign-ins and sends share: charged before, permitted by policy, carried as a task of its own, settled after.

use http::{Request, Response};

use super::judging::Judging;
use super::refusal::Stop;
use super::script::Script;
use super::{Gateway, Visit, answer};
use crate::config::Mode;
use crate::domain::{Event, EventKind, Reference, Verdict};
use crate::policy::{Decision, Fact, Permit, observe};
use crate::store::Away;
use crate::upstream::body::{AnswerBody, RequestBody};
use crate::upstream::{Failed, Upstream};

impl Gateway {
    /// What is told when the store does not answer.
    pub(super) fn on_away<'a>(&'a self, visit: &'a Visit) -> impl Fn(&Away) + Sync + 'a {
        |away| {
            let _: Fact<()> = self.store_away(visit, away);
        }
    }

    /// Judges by the configuration that this visit began with.
    pub(super) fn judging<'a>(&'a self, visit: &'a Visit, on_away: &'a (dyn Fn(&Away) + Sync)) -> Judging<'a> {
        Judging {
            store: &*self.shared.store,
            intel: &self.shared.intel,
            keys: &self.shared.keys,
            config: &visit.live.config,
            now: visit.now,
            enforces: visit.site().mode == Mode::Enforce,
            on_away,
        }
    }

    /// Carries a permitted request and reads its answer.
    pub(super) async fn carry_gated(
        &self,
        visit: &Visit,
        request: Request<RequestBody>,
        permit: Permit,
    ) -> Result<answer::ReadAnswer, Failed> {
        let timeout = visit.live.config.listen.upstream_timeout;
        let response = self.upstream.carry_gated(request, &visit.at.upstream, timeout, permit).await?;
        let answer = answer::read(response, timeout).await;
        visit.at.note_upstream(true);
        Ok(answer)
    }

    /// The permit of a decision, or the refusal it comes to. While a site only observes there is always a permit.
    pub(super) fn permit(
        &self,
        script: &Script,
        decision: &mut Decision,
        reference: Reference,
    ) -> Result<Permit, Box<Response<AnswerBody>>> {
        if let Some(permit) = decision.permit.take() {
            return Ok(permit);
        }
        if !script.enforces() {
            return Ok(observe(decision));
        }
        let form = script.whole_form();
        Err(Box::new(self.refuse(&script.visit, &Stop::from(&*decision), &script.asked, reference, form.as_ref())))
    }

    /// A request that classification and dispatch disagree about; cannot happen, and answers rather than panics.
    pub(super) fn refuse_lost(&self, script: &Script) -> Response<AnswerBody> {
        self.refuse(&script.visit, &Stop::Unnatural("lost"), &script.asked, self.shared.dice.reference(), None)
    }

    pub(super) fn clone_for_task(&self) -> Self {
        Self {
            worker: self.worker,
            shared: std::sync::Arc::clone(&self.shared),
            upstream: Upstream::clone(&self.upstream),
        }
    }
}

/// Makes an exchange a task of its own: it comes to its end, and is settled, even when the browser has gone.
pub(super) async fn run_to_the_end(
    exchange: impl Future<Output = Response<AnswerBody>> + Send + 'static,
) -> Response<AnswerBody> {
    match tokio::spawn(exchange).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "an exchange with the webmail did not come to its end");
            let mut response = Response::new(AnswerBody::empty());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// Records what a decision stopped; the same for sign-ins and sends.
pub(super) fn stopped_event(script: &Script, kind: EventKind, decision: &Decision, reference: Reference) -> Event {
    let mut event = script.event(kind);
    event.verdict = Some(decision.verdict);
    event.signals.clone_from(&decision.signals);
    event.stopped_by.clone_from(&decision.stopped_by);
    event.reference = Some(reference);
    event
}

/// What an event of something that passed carries.
pub(super) fn passed_event(script: &Script, kind: EventKind) -> Event {
    let mut event = script.event(kind);
    event.verdict = Some(Verdict::Pass);
    event
}

/// An answer that broke off is no answer: better nothing than half a page that looks whole.
pub(super) fn whole_or_nothing(answer: answer::ReadAnswer) -> Option<Response<AnswerBody>> {
    (!answer.broken).then(|| answer.into_response())
}
