//! What was decided, with every number that the pages, the event and the metrics need.

use std::time::Duration;

use super::Permit;
use super::limits::{Over, WhenMet};
use crate::domain::{Signal, Verdict};

/// Something the store was asked. That it did not answer is a fact like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// The answer.
    Known(T),
    /// There was none.
    StoreAway,
}

impl<T> Fact<T> {
    /// The same fact, looked at.
    pub const fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known(answer) => Fact::Known(answer),
            Self::StoreAway => Fact::StoreAway,
        }
    }
}

impl<T, E> From<Result<T, E>> for Fact<T> {
    /// Whatever kept the store from answering, it is away.
    fn from(answer: Result<T, E>) -> Self {
        answer.map_or(Self::StoreAway, Self::Known)
    }
}

/// What a sign-in, a send or another gated request comes to.
#[derive(Debug)]
pub struct Decision {
    /// In a word.
    pub verdict: Verdict,
    /// Observed facts that spoke for or against it.
    pub signals: Vec<Signal>,
    /// The limit that stopped it, such as `recipients_per_account 200/h`.
    pub stopped_by: Option<String>,
    /// There exactly where it may go to the webmail.
    pub permit: Option<Permit>,
    /// How long to hold it before it goes on; zero for nearly all.
    pub delay: Duration,
    /// When it is worth trying again; none where waiting does not help, or nothing stopped it.
    pub wait: Option<Duration>,
    /// Why, for whoever words it.
    pub why: Why,
}

/// Why a decision is what it is. From it the pages make their sentences; it holds all the numbers they name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing stands against it.
    Nothing,
    /// It passes, held back a little: strangers fail at this site by the thousand at the moment.
    Slowed,
    /// A limit is met. `Over::wait` is none where this request never fits.
    Limit(Over),
    /// The message names more people than one message may: it never fits.
    TooManyRecipients {
        /// To + Cc + Bcc as asked.
        asked: u32,
        /// `recipients_per_message`.
        most: u32,
    },
    /// The account sends from too many places at once, or to too many people it never wrote to with a browser that is new:
    /// not its owner, by all appearance.
    Unlike(Over),
    /// The message is not sent as it is: it looks like what is not let in either.
    Content,
    /// What is written is not what the account's owner would write, by all appearance.
    UnlikeByContent,
    /// A virus is in the message or in a file.
    Infected,
    /// A scanner that must look at it does not answer.
    Unseen,
    /// An operator's rule says so, by its label.
    Rule(String),
    /// The sign-in does not fit the account, so far that nobody is signed in.
    Refused,
    /// The account is locked by an operator.
    Locked,
    /// The session reads only.
    Restricted,
    /// The session reads only until its password, which is known to be bad, is changed.
    PasswordDue,
    /// What would cost the owner dear waits until the session is trusted; everything else goes on.
    Waits,
    /// The session reaches nothing before its person has proved to be the account's owner.
    Challenged,
    /// The store does not know the session: it reads only, and a new sign-in mends it.
    UnknownSession,
    /// The session was ended by an operator or a lock.
    Ended,
    /// The store does not answer, and what cannot be counted is not done.
    StoreAway,
}

impl Decision {
    /// Before anything is decided: passes nothing.
    pub fn lost() -> Self {
        Self::stop(Verdict::Refuse, Why::Nothing)
    }

    /// The account is locked.
    pub fn locked() -> Self {
        Self::stop(Verdict::Refuse, Why::Locked)
    }

    /// A sign-in from there was refused before, and nobody has decided about it.
    pub fn refused_before() -> Self {
        Self::stop(Verdict::Refuse, Why::Refused)
    }

    /// An operator's rule stops it.
    pub fn by_rule(label: String) -> Self {
        Self::stop(Verdict::Restrict, Why::Rule(label))
    }

    /// A sign-in that the webmail let through and [`super::risk`] refuses.
    pub fn refused(judgement: super::risk::Judgement) -> Self {
        let why = judgement.rule.map_or(Why::Refused, Why::Rule);
        Self { signals: judgement.signals, ..Self::stop(Verdict::Refuse, why) }
    }

    /// What everything but its content lets pass: for a file that is brought for a message, of which nothing else is asked.
    pub(crate) fn pass_for_now() -> Self {
        Self::pass(Duration::ZERO)
    }

    /// Passes after `delay`.
    pub(super) fn pass(delay: Duration) -> Self {
        let why = if delay.is_zero() { Why::Nothing } else { Why::Slowed };
        Self {
            verdict: Verdict::Pass,
            signals: Vec::new(),
            stopped_by: None,
            permit: Some(Permit::grant()),
            delay,
            wait: None,
            why,
        }
    }

    /// Does not pass.
    pub(super) fn stop(verdict: Verdict, why: Why) -> Self {
        let (stopped_by, wait) = match &why {
            Why::Limit(over) => (Some(over.to_string()), over.wait),
            Why::Unlike(over) => (Some(over.to_string()), None),
            Why::Rule(label) => (Some(label.clone()), None),
            Why::TooManyRecipients { most, .. } => (Some(format!("recipients_per_message {most}")), None),
            Why::StoreAway => (None, Some(STORE_AWAY_WAIT)),
            Why::Nothing
            | Why::Slowed
            | Why::Content
            | Why::UnlikeByContent
            | Why::Infected
            | Why::Unseen
            | Why::Refused
            | Why::Locked
            | Why::Restricted
            | Why::PasswordDue
            | Why::Waits
            | Why::Challenged
            | Why::UnknownSession
            | Why::Ended => (None, None),
        };
        Self { verdict, signals: Vec::new(), stopped_by, permit: None, delay: Duration::ZERO, wait, why }
    }

    /// A limit is met: not now, or never where it cannot fit, or not by whoever this is.
    pub(super) fn over(over: Over) -> Self {
        if over.when_met == WhenMet::Restrict {
            return Self::stop(Verdict::Restrict, Why::Unlike(over));
        }
        let verdict = if over.wait.is_some() { Verdict::Throttle } else { Verdict::Refuse };
        Self::stop(verdict, Why::Limit(over))
    }
}

/// What people are told to wait while the store is away: long enough for a restart, short enough to try again.
pub const STORE_AWAY_WAIT: Duration = Duration::from_secs(15);

/// The permit of a request that was decided while the site only observes: it goes to the webmail whatever the verdict.
///
/// Observing is a decision like the others and therefore made here; the caller records `decision` as it is.
pub fn observe(decision: &mut Decision) -> Permit {
    decision.delay = Duration::ZERO;
    decision.permit.take().unwrap_or_else(Permit::grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observing_lets_through_what_was_stopped_and_keeps_the_verdict() {
        let mut decision = Decision::stop(Verdict::Refuse, Why::Locked);
        assert!(decision.permit.is_none());
        let _permit = observe(&mut decision);
        assert_eq!((decision.verdict, decision.why), (Verdict::Refuse, Why::Locked));
    }

    #[test]
    fn only_a_pass_carries_a_permit() {
        assert!(Decision::pass(Duration::ZERO).permit.is_some());
        for why in [Why::Locked, Why::StoreAway, Why::Restricted, Why::TooManyRecipients { asked: 9, most: 5 }] {
            assert!(Decision::stop(Verdict::Refuse, why).permit.is_none());
        }
    }
}
