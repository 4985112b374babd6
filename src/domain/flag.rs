//! An entry for the administrator: a session that does not fit, why, and what became of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    Account, Country, FlagOrder, FlagPlace, NetworkClass, Reference, SessionHash, Signal, SiteName, Timestamp, Verdict,
};

/// A flagged session with its reasons. It has the code that the person's page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// Under which it is found.
    pub code: Reference,
    /// Where.
    pub site: SiteName,
    /// Whose account.
    pub account: Account,
    /// Which session.
    pub session: SessionHash,
    /// Since when.
    pub time: Timestamp,
    /// From where.
    pub address: IpAddr,
    /// By the configured networks.
    pub network: NetworkClass,
    /// When it is known.
    pub country: Option<Country>,
    /// When it is known.
    pub as_number: Option<u32>,
    /// Written by the client.
    pub user_agent: Option<std::sync::Arc<str>>,
    /// What it came to; the most severe where there were several.
    pub verdict: Verdict,
    /// Why, heaviest first; at most [`Flag::SIGNALS_MAX`].
    pub signals: Vec<Signal>,
    /// The limit or the operator's rule that brought it about, where it was one.
    pub stopped_by: Option<String>,
    /// Whether the verdict was carried out; not so while the site only observes.
    pub enforced: bool,
    /// What became of it.
    pub status: FlagStatus,
    /// The operators' words, oldest first; at most [`Flag::NOTES_MAX`].
    pub notes: Vec<Note>,
    /// What the session did since.
    pub since: Activity,
}

impl Flag {
    /// Signals kept; far more than there are kinds.
    pub const SIGNALS_MAX: usize = 48;
    /// Notes kept; then the oldest goes.
    pub const NOTES_MAX: usize = 32;

    /// Takes in what else was found about the same session: the most severe verdict, every signal once. A proof speaks for
    /// what was known then, so a passed flag is open again.
    pub fn raise(&mut self, verdict: Verdict, signals: &[Signal], stopped_by: Option<&str>) {
        if self.status == FlagStatus::Passed {
            self.status = FlagStatus::Open;
        }
        self.verdict = self.verdict.max(verdict);
        for signal in signals {
            match self.signals.iter_mut().find(|known| known.name == signal.name) {
                Some(known) if known.weight >= signal.weight => {}
                Some(known) => known.clone_from(signal),
                None => self.signals.push(signal.clone()),
            }
        }
        self.signals.sort_by_key(|signal| std::cmp::Reverse(signal.weight));
        self.signals.truncate(Self::SIGNALS_MAX);
        if let Some(stopped_by) = stopped_by {
            self.stopped_by = Some(stopped_by.to_owned());
        }
    }

    /// Notes an operator's words.
    pub fn note(&mut self, note: Note) {
        if self.notes.len() >= Self::NOTES_MAX {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }
}

/// What became of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlagStatus {
    /// Nobody has decided yet.
    Open,
    /// The session's person proved to be the account's owner, and nobody has looked at it since.
    Passed,
    /// It was the account's owner.
    Cleared,
    /// It was a theft.
    Confirmed,
}

impl FlagStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Passed, Self::Cleared, Self::Confirmed];

    /// The word used in the store, commands and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Passed => "passed",
            Self::Cleared => "cleared",
            Self::Confirmed => "confirmed",
        }
    }

    /// Reads [`FlagStatus::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// An operator's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub time: Timestamp,
    /// Who: an operator's name, or that of the command line.
    pub by: String,
    /// At most [`Note::TEXT_MAX`] characters.
    pub text: String,
}

impl Note {
    /// The longest note, in characters.
    pub const TEXT_MAX: usize = 1000;
}

/// What a flagged session did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Messages that left.
    pub messages: u32,
    /// Their recipients.
    pub recipients: u32,
    /// Of them, to whom the account had never written.
    pub first_written: u32,
    /// Of them, outside the site's own domains.
    pub outside: u32,
    /// Sends that were stopped.
    pub stopped: u32,
    /// Settings changed, exports and the like, oldest first; at most [`Activity::CHANGES_MAX`].
    pub changes: Vec<Change>,
}

/// Something besides sending that a session did or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub time: Timestamp,
    /// `super::Action::name`.
    pub action: String,
    /// What it was about, so that it can be undone: addresses, folders; at most [`Change::TARGETS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Whether it was stopped.
    pub stopped: bool,
}

impl Change {
    /// Targets kept of one change.
    pub const TARGETS_MAX: usize = 5;
    /// Characters kept of one target.
    pub const TARGET_CHARS_MAX: usize = 120;
}

impl Activity {
    /// Changes kept: what comes later is counted no more.
    pub const CHANGES_MAX: usize = 100;

    /// Adds what was done meanwhile.
    pub fn add(&mut self, more: &Self) {
        let Self { messages, recipients, first_written, outside, stopped, changes } = more;
        self.messages = self.messages.saturating_add(*messages);
        self.recipients = self.recipients.saturating_add(*recipients);
        self.first_written = self.first_written.saturating_add(*first_written);
        self.outside = self.outside.saturating_add(*outside);
        self.stopped = self.stopped.saturating_add(*stopped);
        let room = Self::CHANGES_MAX.saturating_sub(self.changes.len());
        self.changes.extend(changes.iter().take(room).cloned());
    }
}

/// Which flags are asked for; an absent condition is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagFilter {
    /// At this site.
    pub site: Option<SiteName>,
    /// Of this account.
    pub account: Option<Account>,
    /// With this status.
    pub status: Option<FlagStatus>,
    /// From this country.
    pub country: Option<Country>,
    /// Older than this.
    pub before: Option<Timestamp>,
    /// In this order.
    pub order: FlagOrder,
    /// Behind this place in that order: for the next page.
    pub after: Option<FlagPlace>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One to vary.
    pub(crate) fn flag() -> Flag {
        Flag {
            code: Reference::from_random(1),
            site: "webmail.example.edu".into(),
            account: Account::from_canonical("alice"),
            session: SessionHash([1; 16]),
            time: Timestamp::from_millis(0),
            address: IpAddr::from([203, 0, 113, 9]),
            network: NetworkClass::Outside,
            country: None,
            as_number: None,
            user_agent: None,
            verdict: Verdict::Flag,
            signals: Vec::new(),
            stopped_by: None,
            enforced: true,
            status: FlagStatus::Open,
            notes: Vec::new(),
            since: Activity::default(),
        }
    }

    fn signal(name: &'static str, weight: i32) -> Signal {
        Signal { name: name.into(), weight, sentence: name.to_owned() }
    }

    #[test]
    fn raising_keeps_the_most_severe_and_every_signal_once() {
        let mut flag = flag();
        flag.raise(Verdict::Restrict, &[signal("new_country", 40), signal("tor", 30)], None);
        flag.raise(Verdict::Flag, &[signal("new_country", 10), signal("new_device", 15)], Some("networks_per_account"));
        assert_eq!(flag.verdict, Verdict::Restrict);
        let weights: Vec<i32> = flag.signals.iter().map(|signal| signal.weight).collect();
        assert_eq!(weights, [40, 30, 15]);
        assert_eq!(flag.stopped_by.as_deref(), Some("networks_per_account"));
    }

    #[test]
    fn what_is_found_after_a_proof_opens_the_flag_again_and_no_operators_word_is_undone() {
        for (before, after) in [
            (FlagStatus::Open, FlagStatus::Open),
            (FlagStatus::Passed, FlagStatus::Open),
            (FlagStatus::Cleared, FlagStatus::Cleared),
            (FlagStatus::Confirmed, FlagStatus::Confirmed),
        ] {
            let mut flag = Flag { status: before, ..flag() };
            flag.raise(Verdict::Restrict, &[], None);
            assert_eq!(flag.status, after, "{before:?}");
        }
    }

    #[test]
    fn notes_and_changes_are_bounded() {
        let mut flag = flag();
        for number in 0..100 {
            flag.note(Note { time: Timestamp::from_millis(number), by: "cli".into(), text: String::new() });
        }
        assert_eq!((flag.notes.len(), flag.notes[0].time.as_millis()), (Flag::NOTES_MAX, 68));
        let change =
            Change { time: Timestamp::from_millis(1), action: "export".into(), targets: Vec::new(), stopped: true };
        let more = Activity { messages: 1, changes: vec![change; 60], ..Activity::default() };
        flag.since.add(&more);
        flag.since.add(&more);
        assert_eq!((flag.since.messages, flag.since.changes.len()), (2, Activity::CHANGES_MAX));
    }
}
