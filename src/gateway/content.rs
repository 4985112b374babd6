//! What follows from what a message says: facts gathered, `policy::content` asked, and its word written down. Like
//! [`super::judging`], of which it is a part, it knows no HTTP.

use super::judging::{Contained, Judging, Sending};
use crate::domain::{Flag, FlagStatus, Reference, Scanned, SessionState, Signal, Verdict};
use crate::policy::content::{self, Judgement, Known};
use crate::policy::{Decision, Why, proof};
use crate::store::Raise;

impl Judging<'_> {
    /// Judges a message by what was said of it, and by what others say that sent the like.
    pub async fn weigh(&self, sending: &Sending<'_>, scanned: &[Scanned], others: Vec<Signal>) -> Judgement {
        let (scanners, risk) = (&self.config.scanners, &self.config.risk);
        let found = [content::signals(scanned, scanners), others].concat();
        let known = Known { held_back: content::holds_back(scanned, scanners), vouched: false };
        let judgement = content::judge(found, risk, known);
        if judgement.why != Why::UnlikeByContent || self.vouched_flag(sending).await.is_none() {
            return judgement;
        }
        content::judge(judgement.signals, risk, Known { vouched: true, ..known })
    }

    /// The session's flag, where its person has proved who they are since, or an operator has cleared it.
    async fn vouched_flag(&self, sending: &Sending<'_>) -> Option<Flag> {
        let flag = self.flag_of(sending.known()?).await;
        flag.filter(|flag| matches!(flag.status, FlagStatus::Passed | FlagStatus::Cleared))
    }

    /// Notes what a message said against itself on its session's flag, raising one where there is none, and puts the
    /// session in doubt where the verdict says so. Returns what became of it, where it is known.
    pub async fn contain_content(
        &self,
        sending: &Sending<'_>,
        decision: &Decision,
        code: Reference,
    ) -> Option<Contained> {
        let session = sending.known()?;
        if decision.verdict == Verdict::Flag
            && let Some(flag) = self.vouched_flag(sending).await
            && decision.signals.iter().all(|signal| flag.signals.iter().any(|known| known.name == signal.name))
        {
            // A proof speaks for what was known then; this was, and raising it anew would ask again for every message.
            return Some(Contained { flag: Some(flag.code), state: session.state });
        }
        let raise = Raise { verdict: decision.verdict, signals: decision.signals.clone(), stopped_by: None };
        let state = match decision.verdict {
            Verdict::Challenge | Verdict::Restrict => {
                let can_prove = self.enforces && self.can_prove(sending.site, &session.account).await;
                proof::state(decision.verdict, can_prove)
            }
            // This message is refused, or goes; the session goes on.
            Verdict::Pass | Verdict::Flag | Verdict::Throttle | Verdict::Refuse => SessionState::Open,
        };
        let flag = session.flag.unwrap_or(code);
        let changed = self.flag_session(sending.site, session, sending.client, raise, state, code).await;
        if !matches!(decision.verdict, Verdict::Pass | Verdict::Flag) {
            self.note_stopped(&flag).await;
        }
        Some(Contained { flag: Some(flag), state: changed.map_or(session.state, |changed| changed.state) })
    }
}
