//! What the people of the soak saw, and when which fault was at work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::faults::Fault;

/// The clock by which people wait.
#[expect(clippy::disallowed_methods, reason = "how long people wait is what is asked")]
pub fn now() -> Instant {
    Instant::now()
}

/// What was asked for, as far as waiting is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Scripts, styles and pictures.
    File,
    /// Pages and lists.
    Page,
    SignIn,
    Draft,
    Upload,
    Send,
}

impl What {
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::File, "scripts, styles, pictures"),
        (Self::Page, "pages and lists"),
        (Self::SignIn, "sign-ins"),
        (Self::Draft, "drafts saved"),
        (Self::Upload, "files attached"),
        (Self::Send, "messages sent"),
    ];
}

/// Why somebody did not get what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The connection failed before an answer began.
    Lost(String),
    /// The webmail did not answer, or broke off: the fault of what is behind Mailward.
    Webmail(String),
    /// Mailward said no.
    Refused(String),
    /// Mailward said that this session only reads; when it was opened.
    ReadsOnly(Instant),
    /// The session was over.
    SignedOut(String),
}

impl Trouble {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Lost(_) => Kind::Lost,
            Self::Webmail(_) => Kind::Webmail,
            Self::Refused(_) => Kind::Refused,
            Self::ReadsOnly(_) => Kind::ReadsOnly,
            Self::SignedOut(_) => Kind::SignedOut,
        }
    }
}

/// The kinds of [`Trouble`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Lost,
    Webmail,
    Refused,
    ReadsOnly,
    SignedOut,
}

/// One request.
pub struct Seen {
    pub who: String,
    pub what: What,
    pub began: Instant,
    pub took: Duration,
    pub trouble: Option<Trouble>,
}

/// What the person was told of one try to send a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Sent,
    NotSent,
    /// That it is not certain, or nothing at all.
    Unknown,
}

/// One try to send a message. Each has a recipient of its own, so that Postfix's log tells it from every other.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The message, of which there may be several tries.
    pub message: u64,
    /// The local part of the recipient that no other try has.
    pub tag: String,
    /// The colleague whom the message is for.
    pub to: String,
    pub told: Told,
    /// Nobody knew, and the writer found it in the Sent folder.
    pub is_in_sent: bool,
}

/// Everything that was seen.
#[derive(Default)]
pub struct Record {
    pub seen: Vec<Seen>,
    pub attempts: Vec<Attempt>,
    /// Drafts that were opened again, and had what was written.
    pub drafts_found: usize,
    /// Those that had not.
    pub drafts_lost: Vec<String>,
    /// Messages that were given up after too many tries.
    pub given_up: Vec<String>,
    /// How many people have been here.
    pub arrived: usize,
    pub visits: usize,
    next_message: u64,
}

impl Record {
    /// The number of a new message.
    pub const fn number(&mut self) -> u64 {
        self.next_message += 1;
        self.next_message
    }
}

/// A fault that was at work from `began` until everything was as before.
pub struct Window {
    pub fault: Fault,
    pub began: Instant,
    pub ended: Instant,
}

impl Window {
    fn touches(&self, seen: &Seen) -> bool {
        seen.began <= self.ended && seen.began + seen.took >= self.began
    }
}

/// What was seen while nothing, or one fault, was at work.
#[derive(Default)]
pub struct Summary {
    pub requests: usize,
    pub slowest: Duration,
    pub troubles: BTreeMap<Kind, Vec<String>>,
}

impl Summary {
    pub fn count(&self, kind: Kind) -> usize {
        self.troubles.get(&kind).map_or(0, Vec::len)
    }

    fn add(&mut self, seen: &Seen, since: Instant) {
        self.requests += 1;
        self.slowest = self.slowest.max(seen.took);
        if let Some(trouble) = &seen.trouble {
            let at = seen.began.saturating_duration_since(since).as_secs_f64();
            let line = format!(
                "at {at:.1} s, after {:.1} s, {} {:?}: {trouble:?}",
                seen.took.as_secs_f64(),
                seen.who,
                seen.what
            );
            self.troubles.entry(trouble.kind()).or_default().push(line);
        }
    }
}

/// Sorts requests by the fault that was at work; what touches none is `None`. What touches two belongs to the one that may
/// have caused its trouble.
pub fn by_fault(record: &Record, windows: &[Window], since: Instant) -> BTreeMap<Option<Fault>, Summary> {
    let mut summaries: BTreeMap<Option<Fault>, Summary> = BTreeMap::new();
    for seen in &record.seen {
        let kind = seen.trouble.as_ref().map(Trouble::kind);
        let touching = || windows.iter().filter(|window| window.touches(seen)).map(|window| window.fault);
        let to_blame = touching().find(|fault| kind.is_some_and(|kind| fault.may_cause(kind)));
        summaries.entry(to_blame.or_else(|| touching().next())).or_default().add(seen, since);
    }
    summaries
}

/// How long requests of one kind took within a time in which no fault was at work, sorted.
pub fn waits(record: &Record, windows: &[Window], what: What, from: Instant, to: Instant) -> Vec<Duration> {
    let calm = |seen: &&Seen| !windows.iter().any(|window| window.touches(seen));
    let within = |seen: &&Seen| seen.what == what && seen.trouble.is_none() && (from..to).contains(&seen.began);
    let mut waits: Vec<Duration> = record.seen.iter().filter(within).filter(calm).map(|seen| seen.took).collect();
    waits.sort_unstable();
    waits
}

/// What so many of a hundred do not pass; of nothing, zero. `sorted` must be.
pub fn percentile<T: Copy + Default>(sorted: &[T], of_a_hundred: usize) -> T {
    let at = sorted.len().saturating_sub(1) * of_a_hundred / 100;
    sorted.get(at).copied().unwrap_or_default()
}
