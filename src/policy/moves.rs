//! What a session in doubt does besides sending: each of a thief's usual moves speaks against it, and some are not made
//! without a proof.
//!
//! A session against which nothing stands is never asked: owners do all of these things.

use super::risk::by_sum;
use super::{Decision, Why};
use crate::config::Risk;
use crate::domain::{Action, FlagStatus, MOVE_SIGNALS, SessionState, Signal, Verdict};

/// What is known of a session that makes a move.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What it asks for.
    pub action: &'a Action,
    /// What became of the flag that stands against it.
    pub status: FlagStatus,
    /// What that flag was raised for, earlier moves included.
    pub found: &'a [Signal],
}

/// What a move comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// At most [`Verdict::Restrict`]: whoever is at work is asked or held, not thrown out.
    pub verdict: Verdict,
    /// What the move says against the session.
    pub signal: Signal,
}

/// Judges a move of a flagged session; none where it is no move, or nobody doubts the session any more.
pub fn judge(facts: &Facts<'_>, risk: &Risk) -> Option<Judgement> {
    if !matches!(facts.status, FlagStatus::Open | FlagStatus::Confirmed) {
        return None;
    }
    let kind = facts.action.move_signal()?;
    let place = MOVE_SIGNALS.iter().position(|known| known.name == kind.name)?;
    let weight = risk.move_weights.get(place).copied().unwrap_or(kind.weight);
    let signal = Signal { name: kind.name.into(), weight, sentence: kind.speaks.to_owned() };
    let mut all: Vec<Signal> = facts.found.iter().filter(|known| known.name != kind.name).cloned().collect();
    all.push(signal.clone());
    let asks = risk.proof_for.contains(&facts.action.name()) && !must_change_password(facts);
    let least = if asks { Verdict::Challenge } else { Verdict::Pass };
    Some(Judgement { verdict: by_sum(&all, risk).max(least).min(Verdict::Restrict), signal })
}

/// Whether the password is changed because we asked for it: standing in that way would lock the owner out of the remedy.
fn must_change_password(facts: &Facts<'_>) -> bool {
    *facts.action == Action::ChangePassword
        && facts.found.iter().any(|signal| matches!(&*signal.name, "weak_password" | "breached_password"))
}

impl Judgement {
    /// Whether the move is stopped.
    pub fn stops(&self) -> bool {
        self.verdict >= Verdict::Challenge
    }

    /// The decision that stops it, where its session has come to this state; none where it goes on.
    pub fn stopped(self, state: SessionState) -> Option<Decision> {
        let why = if state == SessionState::Challenged { Why::Challenged } else { Why::Restricted };
        let decision = || Decision { signals: vec![self.signal.clone()], ..Decision::stop(self.verdict, why) };
        self.stops().then(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(signals: &[(&'static str, i32)]) -> Vec<Signal> {
        let signal =
            |&(name, weight): &(&'static str, i32)| Signal { name: name.into(), weight, sentence: String::new() };
        signals.iter().map(signal).collect()
    }

    fn judged(action: Action, status: FlagStatus, signals: &[(&'static str, i32)]) -> Option<Verdict> {
        let found = found(signals);
        let facts = Facts { action: &action, status, found: &found };
        judge(&facts, &Risk::default()).map(|judgement| judgement.verdict)
    }

    #[test]
    fn what_lets_mail_out_or_the_owner_in_trouble_is_not_done_without_a_proof() {
        let abroad = [("new_country", 40), ("known_device", -25), ("off_campus", 10)];
        for (action, verdict) in [
            (Action::ChangeFilter, Verdict::Challenge),
            (Action::ChangeIdentity, Verdict::Challenge),
            (Action::ChangePassword, Verdict::Challenge),
            (Action::Export, Verdict::Challenge),
            (Action::HideTraces, Verdict::Challenge),
        ] {
            assert_eq!(judged(action.clone(), FlagStatus::Open, &abroad), Some(verdict), "{action:?}");
        }
        let barely = [("new_country", 15)];
        assert_eq!(judged(Action::Export, FlagStatus::Open, &barely), Some(Verdict::Flag), "40 is below 50");
        assert_eq!(judged(Action::ChangeIdentity, FlagStatus::Open, &barely), Some(Verdict::Challenge));
    }

    #[test]
    fn each_move_raises_the_price_of_the_next_and_the_same_one_counts_once() {
        let begun = [("new_country", 15), ("data_taken", 25)];
        assert_eq!(judged(Action::Export, FlagStatus::Open, &begun), Some(Verdict::Flag));
        assert_eq!(judged(Action::HideTraces, FlagStatus::Open, &begun), Some(Verdict::Challenge));
        let much = [("new_country", 60), ("data_taken", 25), ("filter_changed", 40)];
        assert_eq!(judged(Action::HideTraces, FlagStatus::Open, &much), Some(Verdict::Restrict), "and no more");
    }

    #[test]
    fn nobody_is_asked_who_proved_was_cleared_or_does_what_we_asked_for() {
        let theft = [("new_country", 40), ("new_device", 35)];
        for status in [FlagStatus::Passed, FlagStatus::Cleared] {
            assert_eq!(judged(Action::ChangeFilter, status, &theft), None, "{status:?}");
        }
        for action in [Action::View, Action::Poll, Action::SaveDraft, Action::Upload, Action::SignOut] {
            assert_eq!(judged(action, FlagStatus::Open, &theft), None);
        }
        let weak = [("new_country", 15), ("breached_password", 15)];
        assert_eq!(judged(Action::ChangePassword, FlagStatus::Open, &weak), Some(Verdict::Challenge), "60 by its sum");
        let known = [("known_device", -25), ("breached_password", 15)];
        assert_eq!(judged(Action::ChangePassword, FlagStatus::Open, &known), Some(Verdict::Pass));
    }
}
