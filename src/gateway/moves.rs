//! What a session in doubt does besides sending: facts gathered, `policy::moves` asked, and its word written down. Like
//! [`super::judging`], of which it is a part, it knows no HTTP.

use std::sync::Arc;

use super::judging::Judging;
use crate::config::Site;
use crate::domain::{Action, Aim, Client, Reference, Session, SessionChange, SessionState, Signal, Verdict};
use crate::policy::moves::{self, Doubt, Facts, Judgement};
use crate::policy::{Decision, session::is_elsewhere};
use crate::store::Raise;

/// What became of a session by a move of it.
pub(super) struct Moved {
    /// As it is now.
    pub session: Arc<Session>,
    /// What it came to.
    pub verdict: Verdict,
    /// What stands against it with the move.
    pub signals: Vec<Signal>,
    /// Whether the move brought the flag about.
    pub is_flagged_now: bool,
    /// The decision that stops it, and with it the session.
    pub stopped: Option<Box<Decision>>,
}

impl Judging<'_> {
    /// A new session that begins without a flag, with what was found if it is to be watched for that.
    pub(super) fn watched_from_now(&self, session: Session, found: &[Signal]) -> Session {
        let is_watched = session.flag.is_none() && moves::is_watched(&session, found, self.now);
        Session { found: if is_watched { found.to_vec() } else { Vec::new() }, ..session }
    }

    /// Judges a move of a session in doubt, and notes it there; none where the session is not doubted for it. `aim` says
    /// where the move lets mail go. `code` names the flag, should it need one.
    pub(super) async fn judge_move(
        &self,
        site: &Site,
        session: &Arc<Session>,
        client: &Client,
        action: &Action,
        aim: &Aim,
        code: Reference,
    ) -> Option<Moved> {
        let is_outside = aim.is_outside(&site.own_domains);
        // Before the store is asked for anything: most messages are none.
        if !moves::is_move(action, is_outside) {
            return None;
        }
        let (doubt, found) = self.doubt(site, session, client).await?;
        let facts = Facts { action, is_outside, doubt, found: &found };
        let judgement = moves::judge(&facts, &self.config.risk)?;
        let (verdict, signals) = (judgement.verdict, judgement.found.clone());
        let is_flagged_now = session.flag.is_none() && verdict != Verdict::Pass;
        if doubt == Doubt::Watched && !is_flagged_now {
            let noted = self.change(session, SessionChange::Found(judgement.signal)).await;
            let session = noted.unwrap_or_else(|| Arc::clone(session));
            return Some(Moved { session, verdict, signals, is_flagged_now, stopped: None });
        }
        let state = self.state_after(site, session, &judgement).await;
        // What was found before stands on a flag already, where there is one.
        let raised = if is_flagged_now { signals.clone() } else { vec![judgement.signal.clone()] };
        let raise = Raise { verdict, signals: raised, stopped_by: None };
        let changed = self.flag_session(site, session, client, raise, state, code).await;
        let session = changed.unwrap_or_else(|| Arc::clone(session));
        let stopped = judgement.stopped(state).map(Box::new);
        Some(Moved { session, verdict, signals, is_flagged_now, stopped })
    }

    /// What stands against a session, and what was found of it; none where nothing does.
    async fn doubt(&self, site: &Site, session: &Session, client: &Client) -> Option<(Doubt, Vec<Signal>)> {
        if session.flag.is_some() {
            let flag = self.flag_of(session).await?;
            return Some((Doubt::Flagged(flag.status), flag.signals));
        }
        let here = self.spot(client);
        if is_elsewhere(session, &here) {
            // A stolen cookie that shows the same program is not judged for that alone; for what it changes it is.
            let mut found = self.judge_at(site, session, client, here.agent).await.signals;
            let moves = session.found.iter().filter(|known| !found.iter().any(|signal| signal.name == known.name));
            found.extend(moves.cloned().collect::<Vec<_>>());
            return moves::speaks_against(&found).then_some((Doubt::Watched, found));
        }
        let is_watched = moves::is_watched(session, &session.found, self.now);
        is_watched.then(|| (Doubt::Watched, session.found.clone()))
    }

    async fn state_after(&self, site: &Site, session: &Session, judgement: &Judgement) -> SessionState {
        let can_prove = judgement.stops() && self.enforces && self.can_prove(site, &session.account).await;
        // Once it has a flag, what it was watched for still stands there.
        judgement.state(can_prove, !session.found.is_empty())
    }
}
