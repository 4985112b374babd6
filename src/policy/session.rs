//! What a session may ask for.

use std::time::Duration;

use super::{Decision, Fact, Why};
use crate::domain::{Action, NetworkClass, Session, SessionState, Spot, Timestamp, Verdict};

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

/// What a session may do that is restricted by nothing but its password: change it, and whatever else restricted ones may.
///
/// # Errors
/// As above.
pub fn overdue(action: &Action) -> Result<(), Box<Decision>> {
    if action.barred_when_restricted() && *action != Action::ChangePassword {
        return Err(stop(Verdict::Restrict, Why::PasswordDue));
    }
    Ok(())
}

/// The same for an action of which only this is known: whether a restricted session is barred from it.
pub(super) fn state(session: Fact<Option<SessionState>>, barred: bool) -> Result<(), Box<Decision>> {
    match session {
        Fact::Known(Some(SessionState::Ended)) => Err(stop(Verdict::Refuse, Why::Ended)),
        Fact::Known(Some(SessionState::Challenged)) => Err(stop(Verdict::Challenge, Why::Challenged)),
        Fact::Known(Some(SessionState::Restricted)) if barred => Err(stop(Verdict::Restrict, Why::Restricted)),
        Fact::Known(None) if barred => Err(stop(Verdict::Restrict, Why::UnknownSession)),
        Fact::StoreAway if barred => Err(stop(Verdict::Restrict, Why::StoreAway)),
        Fact::Known(_) | Fact::StoreAway => Ok(()),
    }
}

/// What is to be done about where a session is used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Nothing: it is where it was, or near enough.
    Rest,
    /// It is somewhere else with the same program: noted, in case it comes back at once.
    Note(Spot),
    /// It does not resemble the client that was judged, or is used from two places at once: judged again, there.
    Judge(Spot),
}

/// Used from two places within this time is "at once": nobody crosses a border and comes back so soon.
pub const AT_ONCE: Duration = Duration::from_secs(300);

/// A place that was noted is noted again this often, while the session is still used from there.
const NOTED_AGAIN: Duration = Duration::from_secs(60);

/// Watches where a session is used from.
///
/// A phone that wanders between networks of one country, or between IPv4 and IPv6, is left alone, and so is everything
/// whose place is unknown. Another country and provider and program is judged again; another country and provider with
/// the same program only when the session is used from both within [`AT_ONCE`].
pub fn watch(session: &Session, here: &Spot, now: Timestamp) -> Watch {
    if resembles(&session.spot, here) {
        return match &session.elsewhere {
            Some((other, seen)) if now.since(*seen) <= AT_ONCE => Watch::Judge(*other),
            _ => Watch::Rest,
        };
    }
    if session.spot.agent != here.agent {
        return Watch::Judge(*here);
    }
    match &session.elsewhere {
        Some((other, seen)) if resembles(other, here) && now.since(*seen) < NOTED_AGAIN => Watch::Rest,
        _ => Watch::Note(*here),
    }
}

/// Whether a client that shows a session is somewhere else than where that was judged.
pub fn is_elsewhere(session: &Session, here: &Spot) -> bool {
    !resembles(&session.spot, here)
}

/// Whether a client may be the same person in the same place, as far as is known.
fn resembles(judged: &Spot, here: &Spot) -> bool {
    let differ = |a: Option<u32>, b: Option<u32>| matches!((a, b), (Some(a), Some(b)) if a != b);
    let country_differs = matches!((judged.country, here.country), (Some(a), Some(b)) if a != b);
    // Campus is a provider of its own, though private addresses have no number.
    let is_campus = |spot: &Spot| spot.network == NetworkClass::Campus;
    let provider_differs = is_campus(judged) != is_campus(here) || differ(judged.as_number, here.as_number);
    judged.prefix == here.prefix || !country_differs || !provider_differs
}

fn stop(verdict: Verdict, why: Why) -> Box<Decision> {
    Box::new(Decision::stop(verdict, why))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::Secret;
    use crate::domain::action::{Sending, SendingKind};

    fn send() -> Action {
        Action::Send(Sending::one(SendingKind::Message))
    }

    #[test]
    fn what_a_session_may_do_depends_on_its_state() {
        use SessionState::{Challenged, Ended, Open, Restricted};
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
            (Fact::Known(Some(Challenged)), send(), Why::Challenged),
            (Fact::Known(Some(Challenged)), Action::View, Why::Challenged),
            (Fact::Known(Some(Challenged)), Action::Poll, Why::Challenged),
            (Fact::Known(Some(Challenged)), Action::SaveDraft, Why::Challenged),
            (Fact::Known(Some(Challenged)), Action::Upload, Why::Challenged),
            (Fact::Known(Some(Challenged)), Action::SignOut, Why::Challenged),
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
    fn a_session_with_a_password_that_is_due_changes_it_and_nothing_else() {
        for (asked, passes) in [
            (Action::ChangePassword, true),
            (Action::View, true),
            (Action::SaveDraft, true),
            (Action::SignOut, true),
            (send(), false),
            (Action::ChangeIdentity, false),
            (Action::ChangeFilter, false),
            (Action::Export, false),
        ] {
            let why = overdue(&asked).err().map(|stopped| stopped.why);
            assert_eq!(why, (!passes).then_some(Why::PasswordDue), "{}", asked.name());
        }
    }

    fn spot(address: &str, country: &str, as_number: u32, user_agent: &str) -> Spot {
        Spot {
            prefix: address.parse().expect("an address"),
            network: NetworkClass::Outside,
            country: country.parse().ok(),
            as_number: Some(as_number),
            agent: crate::domain::Agent::of(Some(user_agent)),
        }
    }

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0";
    const CHROME: &str = "Mozilla/5.0 (Linux; Android 16; K) Chrome/156.0.0.0 Mobile Safari/537.36";

    /// One to vary, judged on a network of this class.
    pub(in crate::policy) fn session_from(network: NetworkClass) -> Session {
        session_at(Spot { network, ..spot("192.0.2.7", "DE", 64_500, CHROME) })
    }

    fn session_at(spot: Spot) -> Session {
        Session {
            hash: crate::domain::SessionHash([1; 16]),
            site: "webmail.example.edu".into(),
            account: crate::domain::Account::from_canonical("alice"),
            state: SessionState::Open,
            signed_in: at(0),
            last_seen: at(0),
            spot,
            elsewhere: None,
            device: None,
            device_since: None,
            user_agent: None,
            flag: None,
            lesson: None,
            found: Vec::new(),
        }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    #[test]
    fn a_cookie_that_moves_to_another_client_is_judged_and_a_phone_that_wanders_is_not() {
        let home = spot("192.0.2.7", "DE", 64_500, CHROME);
        let session = session_at(home);
        let abroad = spot("203.0.113.9", "BR", 64_600, FIREFOX);
        assert_eq!(watch(&session, &abroad, at(10)), Watch::Judge(abroad));
        for (why, here) in [
            ("the same", home),
            ("another network of the country", spot("198.51.100.4", "DE", 64_700, CHROME)),
            ("from IPv4 to IPv6", spot("2001:db8::1", "DE", 64_500, CHROME)),
            ("roaming keeps the provider", spot("198.51.100.4", "FR", 64_500, CHROME)),
            ("another browser at home", spot("192.0.2.7", "DE", 64_500, FIREFOX)),
            ("the place is unknown", Spot { country: None, ..abroad }),
            ("the provider is unknown", Spot { as_number: None, ..abroad }),
        ] {
            assert_eq!(watch(&session, &here, at(10)), Watch::Rest, "{why}");
        }
    }

    #[test]
    fn a_cookie_that_leaves_campus_for_abroad_is_judged_though_campus_has_no_provider() {
        let desk = Spot { network: NetworkClass::Campus, as_number: None, ..spot("10.1.2.3", "DE", 0, CHROME) };
        let session = session_at(desk);
        let abroad = spot("203.0.113.9", "BR", 64_600, FIREFOX);
        assert_eq!(watch(&session, &abroad, at(10)), Watch::Judge(abroad));
        let same_browser = Spot { agent: desk.agent, ..abroad };
        assert_eq!(watch(&session, &same_browser, at(10)), Watch::Note(same_browser));
        let home = spot("198.51.100.4", "DE", 64_700, FIREFOX);
        assert_eq!(watch(&session, &home, at(10)), Watch::Rest, "on the way home");
        let hall = Spot { prefix: "10.9.9.9".parse().expect("an address"), ..desk };
        assert_eq!(watch(&session, &hall, at(10)), Watch::Rest, "from the desk to the lecture hall");
    }

    #[test]
    fn two_places_at_once_are_judged_and_one_after_the_other_are_not() {
        let home = spot("192.0.2.7", "DE", 64_500, CHROME);
        let abroad = spot("203.0.113.9", "BR", 64_600, CHROME);
        let mut session = session_at(home);
        assert_eq!(watch(&session, &abroad, at(10)), Watch::Note(abroad));
        session.change(&crate::domain::SessionChange::Elsewhere(abroad), at(10));
        assert_eq!(watch(&session, &abroad, at(20)), Watch::Rest, "still there: noted already");
        assert_eq!(watch(&session, &abroad, at(75)), Watch::Note(abroad), "still there a minute later: noted again");
        assert_eq!(watch(&session, &home, at(100)), Watch::Judge(abroad), "both within five minutes");
        assert_eq!(watch(&session, &home, at(311)), Watch::Rest, "back after a while");
        session.change(&crate::domain::SessionChange::Judged(abroad), at(100));
        assert_eq!((session.spot, session.elsewhere), (abroad, None));
    }

    #[test]
    fn an_ended_session_can_be_mended_by_signing_in() {
        let sign_in = Action::SignIn { name: "alice".into(), password: Secret::new("x".into()) };
        assert!(action(Fact::Known(Some(SessionState::Ended)), &sign_in).is_ok());
    }
}
