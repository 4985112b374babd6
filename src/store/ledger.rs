//! What is kept for looking back, and who may look: past events and what was counted of them, operators, and what they did.

use std::time::Duration;

use super::{Answer, Sealed};
use crate::domain::past::Events;
use crate::domain::{AuditEntry, EventFilter, Mark, PastEvent, Sender, Span, Tally, Timestamp};

/// Past events kept at most; then the oldest go.
pub const EVENTS_MAX: usize = 1_000_000;

/// Entries of the audit log kept at most; then the oldest go. Some dozens an hour fill it in centuries.
pub const AUDIT_MAX: usize = 1_000_000;

/// Operators at most.
pub const OPERATORS_MAX: usize = 1_000;

/// The largest sealed record of one operator, in bytes.
pub const OPERATOR_BYTES_MAX: usize = 64 << 10;

/// Events or entries that one answer looks through: what is asked for may be rare, and nobody waits for a walk through
/// a million.
pub const LOOKED_THROUGH_MAX: usize = 20_000;

/// The operations that the administrator's desk needs beside those of [`super::Store`].
pub trait Ledger: Send + Sync {
    /// Keeps events for looking back, counts them, and forgets those older than `keep`. One that is kept already is left
    /// as it is and not counted again. Durable when it returns.
    fn put_events(&self, events: Vec<PastEvent>, keep: Duration, now: Timestamp) -> Answer<'_, ()>;

    /// The past events that fit, newest first, at most `most`. At most [`LOOKED_THROUGH_MAX`] are looked through; where that
    /// was not all, the answer says where to go on.
    fn past_events<'a>(&'a self, filter: &'a EventFilter, most: usize) -> Answer<'a, Events>;

    /// What was counted since `since`, in no order; the first span may have begun before it.
    fn tallies(&self, span: Span, since: Timestamp, now: Timestamp) -> Answer<'_, Vec<Tally>>;

    /// Who sent to the most recipients since the beginning of the hour that `since` is in, and how much; at most `most`.
    fn top_senders(&self, since: Timestamp, most: usize, now: Timestamp) -> Answer<'_, Vec<Sender>>;

    /// Writes what an operator did or tried; durable when it returns.
    fn note_audit(&self, entry: AuditEntry) -> Answer<'_, ()>;

    /// What operators did, newest first, at most `most`; of one operator, and before a place. At most
    /// [`LOOKED_THROUGH_MAX`] are looked through.
    fn audit<'a>(&'a self, by: Option<&'a str>, before: Option<Mark>, most: usize) -> Answer<'a, Vec<AuditEntry>>;

    /// All operators by name, each with the sealed record.
    fn operators(&self) -> Answer<'_, Vec<(String, Sealed)>>;

    /// An operator's sealed record; none where there is none of this name.
    fn operator<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Sealed>>;

    /// Writes an operator's record if it is still that of version `expected`, 0 where there was none; says whether it was.
    /// Durable when it returns. More than [`OPERATOR_BYTES_MAX`], or than [`OPERATORS_MAX`], are not written: an
    /// [`super::Away`].
    fn put_operator<'a>(&'a self, name: &'a str, bytes: Vec<u8>, expected: u64) -> Answer<'a, bool>;

    /// Removes an operator; says whether there was one. Durable when it returns.
    fn remove_operator<'a>(&'a self, name: &'a str) -> Answer<'a, bool>;
}

/// Why an operator's record is not written, for [`super::Away`].
pub(super) fn refused_operator(bytes: usize) -> String {
    if bytes > OPERATOR_BYTES_MAX {
        return format!("{bytes} bytes are more than the {OPERATOR_BYTES_MAX} that are kept of one operator");
    }
    format!("there are {OPERATORS_MAX} operators already")
}

/// Looks through events, newest first, for those that fit.
pub(super) struct Sieve<'a> {
    filter: &'a EventFilter,
    most: usize,
    looked_through: usize,
    found: Events,
}

impl<'a> Sieve<'a> {
    pub(super) fn new(filter: &'a EventFilter, most: usize) -> Self {
        Self { filter, most, looked_through: 0, found: Events::default() }
    }

    /// Whether another event is wanted.
    pub(super) const fn wants_more(&self) -> bool {
        self.found.events.len() < self.most && self.looked_through < LOOKED_THROUGH_MAX
    }

    pub(super) fn look_at(&mut self, event: PastEvent) {
        self.looked_through += 1;
        self.found.next = Some(event.mark());
        if self.filter.fits(&event) {
            self.found.events.push(event);
        }
    }

    /// What was found; `all` were looked through, or there may be more.
    pub(super) fn found(mut self, all: bool) -> Events {
        if all {
            self.found.next = None;
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sieve_says_where_to_go_on_and_stops_at_its_bound() {
        let filter = EventFilter { kinds: vec!["sent".into()], ..EventFilter::default() };
        let event = |number: u64| PastEvent {
            number,
            time: Timestamp::from_millis(1),
            line: format!(r#"{{"event":"{}"}}"#, if number == 1 { "sent" } else { "other" }),
        };
        let mut sieve = Sieve::new(&filter, 1);
        for number in [2, 1] {
            assert!(sieve.wants_more());
            sieve.look_at(event(number));
        }
        assert!(!sieve.wants_more());
        let found = sieve.found(false);
        assert_eq!((found.events, found.next), (vec![event(1)], Some(event(1).mark())));
        let mut sieve = Sieve::new(&filter, 1);
        (0..LOOKED_THROUGH_MAX).for_each(|_| sieve.look_at(event(2)));
        assert!(!sieve.wants_more());
        assert_eq!(sieve.found(true), Events::default());
    }
}
