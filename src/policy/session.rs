//! What a session may ask for.

use super::{Decision, Fact, Why};
use crate::domain::{Action, SessionState, Verdict};

/// Whether a request with this session may go on. `session` is what the store says of the session cookie that the
/// request shows; without a cookie it is `Known(None)`.
///
/// A session that the store does not know, or cannot say, reads only: installing Mailward or losing a store costs one
/// sign-in and opens nothing.
///
/// # Errors
/// The decision that stops the request. There is no permit in passing here: a sign-in and a send still have to ask
/// [`super::sign_in`] and [`super::send`].
pub fn action(session: Fact<Option<SessionState>>, action: &Action) -> Result<(), Box<Decision>> {
    // A new sign-in is how an ended, restricted or unknown session is mended.
    if matches!(action, Action::SignIn { .. }) {
        return Ok(());
    }
    state(session, action.barred_when_restricted())
}

/// The same for an action of which only this is known: whether a restricted session is barred from it.
pub(super) fn state(session: Fact<Option<SessionState>>, barred: bool) -> Result<(), Box<Decision>> {
    match session {
        Fact::Known(Some(SessionState::Ended)) => Err(stop(Verdict::Refuse, Why::Ended)),
        Fact::Known(Some(SessionState::Restricted)) if barred => Err(stop(Verdict::Restrict, Why::Restricted)),
        Fact::Known(None) if barred => Err(stop(Verdict::Restrict, Why::UnknownSession)),
        Fact::StoreAway if barred => Err(stop(Verdict::Restrict, Why::StoreAway)),
        Fact::Known(_) | Fact::StoreAway => Ok(()),
    }
}

fn stop(verdict: Verdict, why: Why) -> Box<Decision> {
    Box::new(Decision::stop(verdict, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;
    use crate::domain::action::{Sending, SendingKind};

    fn send() -> Action {
        Action::Send(Sending { kind: SendingKind::Message, recipients: 1 })
    }

    #[test]
    fn what_a_session_may_do_depends_on_its_state() {
        use SessionState::{Ended, Open, Restricted};
        let cases = [
            (Fact::Known(Some(Open)), send(), Why::Nothing),
            (Fact::Known(Some(Open)), Action::View, Why::Nothing),
            (Fact::Known(Some(Restricted)), send(), Why::Restricted),
            (Fact::Known(Some(Restricted)), Action::ChangeFilter, Why::Restricted),
            (Fact::Known(Some(Restricted)), Action::ChangeIdentity, Why::Restricted),
            (Fact::Known(Some(Restricted)), Action::ChangePassword, Why::Restricted),
            (Fact::Known(Some(Restricted)), Action::Export, Why::Restricted),
            (Fact::Known(Some(Restricted)), Action::SaveDraft, Why::Nothing),
            (Fact::Known(Some(Restricted)), Action::View, Why::Nothing),
            (Fact::Known(Some(Restricted)), Action::SignOut, Why::Nothing),
            (Fact::Known(Some(Ended)), send(), Why::Ended),
            (Fact::Known(Some(Ended)), Action::View, Why::Ended),
            (Fact::Known(Some(Ended)), Action::Poll, Why::Ended),
            (Fact::Known(None), send(), Why::UnknownSession),
            (Fact::Known(None), Action::View, Why::Nothing),
            (Fact::StoreAway, send(), Why::StoreAway),
            (Fact::StoreAway, Action::ChangePassword, Why::StoreAway),
            (Fact::StoreAway, Action::View, Why::Nothing),
        ];
        for (session, asked, why) in cases {
            let found = action(session, &asked).map_or_else(|stopped| stopped.why, |()| Why::Nothing);
            assert_eq!(found, why, "{session:?} asks for {}", asked.name());
        }
    }

    #[test]
    fn an_ended_session_can_be_mended_by_signing_in() {
        let sign_in = Action::SignIn { name: "alice".into(), password: Secret::new("x".into()) };
        assert!(action(Fact::Known(Some(SessionState::Ended)), &sign_in).is_ok());
    }
}
