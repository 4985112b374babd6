//! What a session in doubt does besides sending: facts gathered, `policy::moves` asked, and its word written down. Like
//! [`super::judging`], of which it is a part, it knows no HTTP.

use std::sync::Arc;

use super::judging::Judging;
use crate::config::Site;
use crate::domain::{Action, Client, Session, SessionState};
use crate::policy::{Decision, moves, proof};
use crate::store::Raise;

impl Judging<'_> {
    /// Judges a move of a session with a flag, and notes it there. A session without one is not looked at.
    ///
    /// # Errors
    /// The decision that stops it, and with it the session.
    pub(super) async fn judge_move(
        &self,
        site: &Site,
        session: &Arc<Session>,
        client: &Client,
        action: &Action,
    ) -> Result<(), Box<Decision>> {
        if action.move_signal().is_none() {
            return Ok(());
        }
        let Some(flag) = self.flag_of(session).await else { return Ok(()) };
        let facts = moves::Facts { action, status: flag.status, found: &flag.signals };
        let Some(judgement) = moves::judge(&facts, &self.config.risk) else { return Ok(()) };
        let state = if judgement.stops() {
            let can_prove = self.enforces && self.can_prove(site, &session.account).await;
            proof::state(judgement.verdict, can_prove)
        } else {
            SessionState::Open
        };
        let raise = Raise { verdict: judgement.verdict, signals: vec![judgement.signal.clone()], stopped_by: None };
        let _ = self.flag_session(site, session, client, raise, state, flag.code).await;
        judgement.stopped(state).map_or(Ok(()), |decision| Err(Box::new(decision)))
    }
}
