//! A second proof: when it is asked for, what it opens, and how often it may be tried.
//!
//! Each kind of proof has counters of its own, so that wrong codes for one leave the owner's others alone; and an attempt
//! is charged before the code is looked at, so that many at once count as many.

use std::time::Duration;

use super::limits::{Charge, Cost, CounterKey};
use crate::config::Challenge;
use crate::domain::{Account, FactorKind, NetworkClass, Prefix, Session, SessionState, SiteName, Timestamp, Verdict};

/// What a session may do once it is judged. `can_prove`: the account has a factor that the operator allows.
///
/// From `restrict` on a challenge is asked as well: who passes it reads, who does not is no owner and reads nothing.
pub const fn state(verdict: Verdict, can_prove: bool) -> SessionState {
    match verdict {
        Verdict::Pass | Verdict::Flag => SessionState::Open,
        Verdict::Challenge | Verdict::Restrict | Verdict::Throttle if can_prove => SessionState::Challenged,
        Verdict::Challenge | Verdict::Restrict | Verdict::Throttle => SessionState::Restricted,
        Verdict::Refuse => SessionState::Ended,
    }
}

/// What a session may do once its person proved with this factor. `verdict` is what it had come to: its flag's, and where
/// that is gone the most severe one, for nobody can say that it was milder.
pub fn proved(verdict: Option<Verdict>, factor: FactorKind, challenge: &Challenge) -> SessionState {
    let is_severe = verdict.is_none_or(|verdict| verdict >= Verdict::Restrict);
    if is_severe && !challenge.opens_restricted.contains(&factor) {
        SessionState::Restricted
    } else {
        SessionState::Open
    }
}

/// Whether an account is asked at all while second proofs are rolled out. `place` is the account's, keyed: always the same,
/// and spread evenly, so that each week's share holds those of the weeks before.
pub fn is_asked(challenge: &Challenge, place: u32, now: Timestamp) -> bool {
    let Some(from) = challenge.ask_from else { return true };
    if now < from {
        return false;
    }
    let weeks = now.since(from).as_secs() / WEEK.as_secs() + 1;
    let share = weeks.saturating_mul(u64::from(challenge.ask_share_per_week)).min(100);
    u64::from(place % 10_000) < share * 100
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Whether a session may change what its account proves itself with. The account's own network or a browser that it has
/// known for a day speak for it; a flag that is still open, or any state but open, against.
pub fn may_enrol(session: &Session, network: NetworkClass, now: Timestamp) -> bool {
    session.state == SessionState::Open
        && (network == NetworkClass::Campus
            || (session.flag.is_none() && super::send::is_familiar(session.device_since, now)))
}

/// An attempt to prove.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// Where.
    pub site: &'a SiteName,
    /// Whose session it is.
    pub account: &'a Account,
    /// With what.
    pub factor: FactorKind,
    /// From where.
    pub prefix: Prefix,
    /// By the configured networks.
    pub network: NetworkClass,
}

/// What an attempt is charged; given back when it was right.
///
/// From campus only the prefix's own counter counts: strangers who know the password cannot spend what its owner has
/// there. Nobody gets here without the password.
pub fn charges(attempt: &Attempt<'_>, challenge: &Challenge) -> Vec<Charge> {
    let Attempt { site, account, factor, prefix, network } = attempt;
    let of = format!("{site}/{account}/{}", factor.name());
    let charge = |name: &'static str, key: CounterKey, limits: &[crate::domain::Limit]| {
        Charge::limited(key, name, Cost::Units(1), limits.to_vec())
    };
    let mut charges = vec![charge(
        PER_ACCOUNT_AND_PREFIX,
        CounterKey::new(PER_ACCOUNT_AND_PREFIX, format_args!("{of}/{prefix}")),
        &challenge.wrong_codes_per_account_and_prefix,
    )];
    if *network == NetworkClass::Outside {
        charges.push(charge(PER_ACCOUNT, CounterKey::new(PER_ACCOUNT, &of), &challenge.wrong_codes_per_account));
    }
    charges.retain(|charge| !charge.limits.is_empty());
    charges
}

/// What holding a form is charged: room is bounded, and nobody writes so many messages while being asked.
pub fn held(site: &SiteName, account: &Account) -> Charge {
    let limit = crate::domain::Limit { amount: HELD_MAX, window: HELD_WINDOW };
    let key = CounterKey::new(HELD, format_args!("{site}/{account}"));
    Charge::limited(key, HELD, Cost::Units(1), vec![limit])
}

/// What sending a code is charged: nobody's other mailbox is filled by somebody who has their password.
pub fn code_sent(site: &SiteName, account: &Account) -> Charge {
    let limit = crate::domain::Limit { amount: CODES_SENT_MAX, window: HELD_WINDOW };
    let key = CounterKey::new(CODES_SENT, format_args!("{site}/{account}"));
    Charge::limited(key, CODES_SENT, Cost::Units(1), vec![limit])
}

/// What asking for a confirmation from campus is charged: each takes the place of the one before, and strangers must not
/// take the owner's away for as long as they like.
pub fn campus_asked(site: &SiteName, account: &Account, prefix: Prefix) -> Charge {
    let limit = crate::domain::Limit { amount: CAMPUS_ASKED_MAX, window: HELD_WINDOW };
    let key = CounterKey::new(CAMPUS_ASKED, format_args!("{site}/{account}/{prefix}"));
    Charge::limited(key, CAMPUS_ASKED, Cost::Units(1), vec![limit])
}

/// Whether a session may confirm another one of its account: open on campus since its sign-in, with nothing against it.
pub fn may_confirm(session: &Session, network: NetworkClass) -> bool {
    session.state == SessionState::Open
        && session.flag.is_none()
        && session.spot.network == NetworkClass::Campus
        && network == NetworkClass::Campus
}

/// Confirmations from campus asked for from one prefix for one account within an hour.
const CAMPUS_ASKED_MAX: u32 = 5;
const CAMPUS_ASKED: &str = "campus_asked_per_account_and_prefix";

/// Codes to other addresses of one account within an hour.
const CODES_SENT_MAX: u32 = 5;
const CODES_SENT: &str = "codes_sent_per_account";

/// Forms of one account that are held within [`HELD_WINDOW`].
const HELD_MAX: u32 = 10;
const HELD_WINDOW: Duration = Duration::from_secs(3_600);
const HELD: &str = "held_per_account";

const PER_ACCOUNT_AND_PREFIX: &str = "wrong_codes_per_account_and_prefix";
const PER_ACCOUNT: &str = "wrong_codes_per_account";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_asked_where_it_can_be_passed_and_restricts_where_not() {
        use SessionState::{Challenged, Ended, Open, Restricted};
        for (verdict, with, without) in [
            (Verdict::Pass, Open, Open),
            (Verdict::Flag, Open, Open),
            (Verdict::Challenge, Challenged, Restricted),
            (Verdict::Restrict, Challenged, Restricted),
            (Verdict::Throttle, Challenged, Restricted),
            (Verdict::Refuse, Ended, Ended),
        ] {
            assert_eq!((state(verdict, true), state(verdict, false)), (with, without), "{}", verdict.name());
        }
    }

    #[test]
    fn each_week_another_share_of_the_accounts_is_asked() {
        let from = Timestamp::from_millis(1_796_083_200_000);
        let rollout = Challenge { ask_from: Some(from), ask_share_per_week: 30, ..Challenge::default() };
        let asked = |weeks: u64| {
            let now = from.after(WEEK * u32::try_from(weeks).expect("few"));
            (0..10_000).filter(|place| is_asked(&rollout, *place, now)).count()
        };
        assert_eq!([0, 1, 2, 3, 500].map(asked), [3_000, 6_000, 9_000, 10_000, 10_000]);
        assert!(!is_asked(&rollout, 0, from.before(Duration::from_millis(1))), "grace");
        assert!(is_asked(&rollout, 2_999, from) && is_asked(&rollout, 2_999, from.after(WEEK)), "who is in stays in");
        assert!(is_asked(&Challenge::default(), u32::MAX, from), "everybody where nothing is said");
    }

    #[test]
    fn only_an_unsuspected_session_on_campus_confirms_another() {
        let campus = crate::domain::Spot {
            prefix: Prefix::of(std::net::IpAddr::from([192, 0, 2, 9])),
            network: NetworkClass::Campus,
            country: None,
            as_number: None,
            agent: crate::domain::Agent::of(None),
        };
        let session = Session {
            hash: crate::domain::SessionHash([1; 16]),
            site: "webmail.example.edu".into(),
            account: Account::from_canonical("alice"),
            state: SessionState::Open,
            signed_in: Timestamp::from_millis(0),
            last_seen: Timestamp::from_millis(0),
            spot: campus,
            elsewhere: None,
            device: None,
            device_since: None,
            user_agent: None,
            flag: None,
            lesson: None,
            found: Vec::new(),
        };
        assert!(may_confirm(&session, NetworkClass::Campus));
        assert!(!may_confirm(&session, NetworkClass::Outside), "carried away");
        let outside = crate::domain::Spot { network: NetworkClass::Outside, ..campus };
        for other in [
            Session { spot: outside, ..session.clone() },
            Session { state: SessionState::Restricted, ..session.clone() },
            Session { state: SessionState::Challenged, ..session.clone() },
            Session { flag: Some(crate::domain::Reference::from_random(1)), ..session.clone() },
        ] {
            assert!(!may_confirm(&other, NetworkClass::Campus), "{other:?}");
        }
    }

    #[test]
    fn what_a_proof_opens_depends_on_what_the_session_came_to() {
        let challenge = Challenge::default();
        for (verdict, factor, opens) in [
            (Some(Verdict::Challenge), FactorKind::Totp, SessionState::Open),
            (Some(Verdict::Challenge), FactorKind::RecoveryCode, SessionState::Open),
            (Some(Verdict::Restrict), FactorKind::Totp, SessionState::Restricted),
            (Some(Verdict::Restrict), FactorKind::Passkey, SessionState::Open),
            (Some(Verdict::Restrict), FactorKind::HelpdeskCode, SessionState::Open),
            (None, FactorKind::Totp, SessionState::Restricted),
            (None, FactorKind::Passkey, SessionState::Open),
        ] {
            assert_eq!(proved(verdict, factor, &challenge), opens, "{verdict:?} {}", factor.name());
        }
    }

    #[test]
    fn every_factor_and_account_has_counters_of_its_own() {
        let site: SiteName = "webmail.example.edu".into();
        let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
        let prefix = Prefix::of(std::net::IpAddr::from([203, 0, 113, 9]));
        let keys = |account, factor, network| {
            let attempt = Attempt { site: &site, account, factor, prefix, network };
            charges(&attempt, &Challenge::default()).into_iter().map(|charge| charge.key).collect::<Vec<_>>()
        };
        let outside = NetworkClass::Outside;
        let mut all = [
            keys(&alice, FactorKind::Totp, outside),
            keys(&alice, FactorKind::RecoveryCode, outside),
            keys(&bob, FactorKind::Totp, outside),
        ]
        .concat();
        let made = all.len();
        all.sort();
        all.dedup();
        assert_eq!((all.len(), made), (6, 6));
        assert_eq!(keys(&alice, FactorKind::Totp, NetworkClass::Campus).len(), 1, "strangers spend nothing of campus");
    }
}
