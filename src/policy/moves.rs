//! What a session in doubt does besides sending, or with messages that want their answers elsewhere: each of a thief's usual
//! moves speaks against it, and some are not made without a proof.
//!
//! A session in doubt is one with a flag that is open, or one that is watched: from outside, on a browser that the account
//! has known for less than a day, where something speaks against it though not enough for a flag. Of a watched one each move
//! adds to what was found, and what can need a proof at all needs it once the sum says so; of a flagged one it needs it at
//! once. A session against which nothing stands is never asked: owners do all of these things. Nor does a change count that
//! lets mail go nowhere but to the operator's own domains.

use super::risk::{by_sum, sum};
use super::{Decision, Why, proof, send};
use crate::config::Risk;
use crate::domain::{
    Action, FlagStatus, MOVE_SIGNALS, NetworkClass, Session, SessionState, Signal, Timestamp, Verdict,
};

/// What is known of a session that makes a move.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What it asks for.
    pub action: &'a Action,
    /// Whether it lets mail out or wants answers there, where the action is about that; what cannot be read does.
    pub is_outside: bool,
    /// What stands against the session.
    pub doubt: Doubt,
    /// What was found of it, earlier moves included.
    pub found: &'a [Signal],
}

/// What stands against a session that makes a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A flag, and what became of it.
    Flagged(FlagStatus),
    /// Too little for one.
    Watched,
}

/// What a move comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// At most [`Verdict::Restrict`]: whoever is at work is asked or held, not thrown out.
    pub verdict: Verdict,
    /// What the move says against the session.
    pub signal: Signal,
    /// What stands against the session with it.
    pub found: Vec<Signal>,
}

/// Whether a session without a flag is watched. `found` is what speaks for and against it: at its sign-in, or where it is
/// used now.
pub fn is_watched(session: &Session, found: &[Signal], now: Timestamp) -> bool {
    let is_familiar = send::is_familiar(session.device_since, now);
    session.spot.network == NetworkClass::Outside && !is_familiar && speaks_against(found)
}

/// Whether more speaks against than for.
pub fn speaks_against(found: &[Signal]) -> bool {
    sum(found) > 0
}

/// Whether it says anything against a session in doubt: what is about where mail or its answers go, only where that is outside.
pub fn is_move(action: &Action, is_outside: bool) -> bool {
    action.move_signal().is_some() && (is_outside || !action.has_aim())
}

/// Judges a move of a session in doubt; none where it is no move, or nobody doubts the session any more.
pub fn judge(facts: &Facts<'_>, risk: &Risk) -> Option<Judgement> {
    let is_doubted = match facts.doubt {
        Doubt::Flagged(status) => matches!(status, FlagStatus::Open | FlagStatus::Confirmed),
        Doubt::Watched => speaks_against(facts.found),
    };
    if !is_doubted || !is_move(facts.action, facts.is_outside) {
        return None;
    }
    let kind = facts.action.move_signal()?;
    let place = MOVE_SIGNALS.iter().position(|known| known.name == kind.name)?;
    let weight = risk.move_weights.get(place).copied().unwrap_or(kind.weight);
    let signal = Signal { name: kind.name.into(), weight, sentence: kind.speaks.to_owned() };
    let mut found: Vec<Signal> = facts.found.iter().filter(|known| known.name != kind.name).cloned().collect();
    found.push(signal.clone());
    let asks = risk.proof_for.contains(&facts.action.name()) && !must_change_password(facts);
    let by_sum = by_sum(&found, risk).min(Verdict::Restrict);
    let verdict = match facts.doubt {
        Doubt::Flagged(_) if asks => by_sum.max(Verdict::Challenge),
        Doubt::Flagged(_) => by_sum,
        // Too little speaks against it for more than a question.
        Doubt::Watched if asks => by_sum.min(Verdict::Challenge),
        // It is remembered, and makes the next one dearer.
        Doubt::Watched => Verdict::Pass,
    };
    Some(Judgement { verdict, signal, found })
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

    /// What becomes of the session. Whoever can prove is asked. Who cannot reads only, but of a session that was only watched
    /// the move waits and the rest goes on: an owner at a new computer does such things on the first day too.
    pub const fn state(&self, can_prove: bool, was_watched: bool) -> SessionState {
        match self.verdict {
            Verdict::Challenge if was_watched && !can_prove => SessionState::Open,
            verdict => proof::state(verdict, can_prove),
        }
    }

    /// The decision that stops it, where its session has come to this state; none where it goes on.
    pub fn stopped(self, state: SessionState) -> Option<Decision> {
        let why = match state {
            SessionState::Open => Why::Waits,
            SessionState::Challenged => Why::Challenged,
            SessionState::Restricted | SessionState::Ended => Why::Restricted,
        };
        let decision = || Decision { signals: vec![self.signal.clone()], ..Decision::stop(self.verdict, why) };
        self.stops().then(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Sending, SendingKind};

    fn found(signals: &[(&'static str, i32)]) -> Vec<Signal> {
        let signal =
            |&(name, weight): &(&'static str, i32)| Signal { name: name.into(), weight, sentence: String::new() };
        signals.iter().map(signal).collect()
    }

    fn judged(action: Action, status: FlagStatus, signals: &[(&'static str, i32)]) -> Option<Verdict> {
        let found = found(signals);
        let facts = Facts { action: &action, is_outside: true, doubt: Doubt::Flagged(status), found: &found };
        judge(&facts, &Risk::default()).map(|judgement| judgement.verdict)
    }

    fn watched(action: Action, is_outside: bool, signals: &[(&'static str, i32)]) -> Option<Verdict> {
        let found = found(signals);
        let facts = Facts { action: &action, is_outside, doubt: Doubt::Watched, found: &found };
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
    fn a_message_that_wants_its_answers_outside_is_no_more_than_remembered_until_much_stands_against_its_session() {
        let message = || Action::Send(Sending::one(SendingKind::Message));
        let new_laptop = [("new_device", 15), ("off_campus", 10)];
        assert_eq!(watched(message(), true, &new_laptop), Some(Verdict::Pass));
        assert_eq!(watched(message(), false, &new_laptop), None, "its answers come to the house");
        assert_eq!(judged(message(), FlagStatus::Open, &[("new_country", 25)]), Some(Verdict::Flag));
        assert_eq!(judged(message(), FlagStatus::Open, &[("new_country", 40)]), Some(Verdict::Challenge));
        let then = [("new_device", 15), ("off_campus", 10), ("answers_elsewhere", 20)];
        let asked_by_sum = Risk { challenge: 80, restrict: 90, ..Risk::default() };
        let found = found(&then);
        let facts = Facts { action: &Action::ChangeIdentity, is_outside: true, doubt: Doubt::Watched, found: &found };
        assert_eq!(judge(&facts, &asked_by_sum).map(|judgement| judgement.verdict), Some(Verdict::Flag), "75");
        let asked_for = Risk { proof_for: vec!["send"], ..Risk::default() };
        let facts = Facts { action: &message(), is_outside: true, doubt: Doubt::Watched, found: &found };
        let more = judge(&facts, &asked_for).map(|judgement| judgement.verdict);
        assert_eq!(more, Some(Verdict::Flag), "45: the same message counts once");
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

    #[test]
    fn a_watched_session_is_held_back_by_its_sum_and_one_against_which_nothing_speaks_is_not() {
        let new_laptop = [("new_device", 15), ("off_campus", 10)];
        for (action, verdict) in [
            (Action::ChangeFilter, Verdict::Challenge),
            (Action::ChangeIdentity, Verdict::Challenge),
            (Action::ChangePassword, Verdict::Challenge),
            (Action::Export, Verdict::Pass),
            (Action::HideTraces, Verdict::Pass),
        ] {
            assert_eq!(watched(action.clone(), true, &new_laptop), Some(verdict), "{action:?}");
        }
        let at_home = [("known_device", -25), ("off_campus", 10)];
        for action in [Action::ChangeFilter, Action::ChangeIdentity, Action::ChangePassword, Action::Export] {
            assert_eq!(watched(action.clone(), true, &at_home), None, "{action:?} by its owner");
            assert_eq!(watched(action, true, &[]), None);
        }
        let weak = [("new_device", 15), ("breached_password", 15)];
        assert_eq!(watched(Action::ChangePassword, true, &weak), Some(Verdict::Pass), "we ask for that ourselves");
    }

    #[test]
    fn of_a_watched_session_too_each_move_raises_the_price_of_the_next() {
        let begun = [("unusual_hour", 5)];
        assert_eq!(watched(Action::ChangeIdentity, true, &begun), Some(Verdict::Flag));
        let took = [("unusual_hour", 5), ("data_taken", 25)];
        assert_eq!(watched(Action::ChangeIdentity, true, &took), Some(Verdict::Challenge));
        let hid = [("unusual_hour", 5), ("data_taken", 25), ("traces_hidden", 30)];
        assert_eq!(watched(Action::ChangeIdentity, true, &hid), Some(Verdict::Challenge), "and no more");
    }

    #[test]
    fn without_a_second_proof_a_watched_sessions_move_waits_alone_and_a_flagged_one_reads_only() {
        let judgement = |verdict| {
            let signal = Signal { name: "filter_changed".into(), weight: 40, sentence: String::new() };
            Judgement { verdict, signal, found: Vec::new() }
        };
        for (verdict, can_prove, was_watched, state, why) in [
            (Verdict::Challenge, false, true, SessionState::Open, Some(Why::Waits)),
            (Verdict::Challenge, true, true, SessionState::Challenged, Some(Why::Challenged)),
            (Verdict::Challenge, false, false, SessionState::Restricted, Some(Why::Restricted)),
            // It tried more, and the sum has grown.
            (Verdict::Restrict, false, true, SessionState::Restricted, Some(Why::Restricted)),
            (Verdict::Flag, false, true, SessionState::Open, None),
        ] {
            let came = judgement(verdict);
            assert_eq!(came.state(can_prove, was_watched), state, "{verdict:?} {can_prove} {was_watched}");
            assert_eq!(came.stopped(state).map(|decision| decision.why), why);
        }
    }

    #[test]
    fn what_lets_mail_go_within_the_house_only_neither_weighs_nor_needs_a_proof() {
        let theft = [("new_country", 40), ("new_device", 35)];
        for action in [Action::ChangeFilter, Action::ChangeIdentity] {
            let found = found(&theft);
            let judged = |is_outside| {
                let doubt = Doubt::Flagged(FlagStatus::Open);
                judge(&Facts { action: &action, is_outside, doubt, found: &found }, &Risk::default())
            };
            assert_eq!(judged(false), None);
            assert!(judged(true).is_some_and(|judgement| judgement.stops()));
            assert_eq!(watched(action, false, &theft), None);
        }
        for action in [Action::ChangePassword, Action::Export, Action::HideTraces] {
            assert!(watched(action, false, &theft).is_some(), "these are not about where mail goes");
        }
    }

    #[test]
    fn a_session_is_watched_from_outside_on_a_new_browser() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let yesterday = now.before(send::FAMILIAR_AFTER);
        let odd = found(&[("new_device", 15)]);
        for (network, device_since, found, expected) in [
            (NetworkClass::Outside, None, &odd, true),
            (NetworkClass::Outside, Some(now), &odd, true),
            (NetworkClass::Outside, Some(yesterday), &odd, false),
            (NetworkClass::Campus, None, &odd, false),
            (NetworkClass::Trusted, None, &odd, false),
            (NetworkClass::Outside, None, &Vec::new(), false),
        ] {
            let mut session = super::super::session::tests::session_from(network);
            session.device_since = device_since;
            assert_eq!(is_watched(&session, found, now), expected, "{network:?} {device_since:?}");
        }
    }
}
