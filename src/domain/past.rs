//! Looking back: events as they are kept for it, and what was counted of them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Account, Country, SiteName, Timestamp, Verdict};

/// A place in a list that is sorted by time: that of the row with this time and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// When.
    pub time: Timestamp,
    /// Which of those at that time.
    pub number: u64,
}

/// As in the address of a page: `MILLISECONDS-NUMBER`, the number in hexadecimal digits.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:x}", self.time.as_millis(), self.number)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (millis, number) = text.split_once('-').ok_or(())?;
        let time = Timestamp::from_millis(millis.parse().map_err(|_| ())?);
        Ok(Self { time, number: u64::from_str_radix(number, 16).map_err(|_| ())? })
    }
}

/// An event as it is kept for looking back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastEvent {
    /// By [`PastEvent::number`]; at most [`PastEvent::NUMBER_MAX`]: what is told twice is the same event.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// The whole line, as in the events file.
    pub line: String,
}

/// What is read from an event's line.
#[derive(Clone, Debug, Deserialize)]
pub struct Particulars<'a> {
    /// `EventKind::name`.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// Where.
    pub site: Option<SiteName>,
    /// Whose.
    pub account: Option<Account>,
    /// From where.
    pub country: Option<Country>,
    /// What was decided.
    pub verdict: Option<Verdict>,
    /// Recipients of a send.
    #[serde(default)]
    pub recipients: u32,
    /// The limit or rule that decided.
    #[serde(borrow, default)]
    pub stopped_by: Option<Cow<'a, str>>,
}

impl PastEvent {
    /// Every database has whole numbers of 63 bits.
    pub const NUMBER_MAX: u64 = (1 << 63) - 1;

    /// A number for what this node numbers as its `count`th: those of the same moment stay in their order, and no other
    /// node draws the same.
    pub const fn number(count: u64, random: u64) -> u64 {
        (count & 0xffff) << 47 | random >> 17
    }

    /// Where it stands in a list.
    pub const fn mark(&self) -> Mark {
        Mark { time: self.time, number: self.number }
    }

    /// What its line says; none where somebody else wrote the line.
    pub fn particulars(&self) -> Option<Particulars<'_>> {
        serde_json::from_str(&self.line).ok()
    }
}

impl Particulars<'_> {
    /// Under which names it is counted, and for how much.
    pub fn tallied(&self) -> Vec<(Cow<'_, str>, u64)> {
        let mut tallied = vec![(Cow::Borrowed(&*self.event), 1)];
        match &*self.event {
            "sent" => tallied.push((Cow::Borrowed(Tally::RECIPIENTS), u64::from(self.recipients))),
            "sign_in_ok" if self.verdict.is_some_and(|verdict| verdict >= Verdict::Challenge) => {
                tallied.push((Cow::Borrowed(Tally::CHALLENGED), 1));
            }
            _ => {}
        }
        let from = match &*self.event {
            "sign_in_ok" => Some(Tally::FROM),
            "sign_in_failed" | "sign_in_refused" => Some(Tally::FAILED_FROM),
            _ => None,
        };
        if let (Some(from), Some(country)) = (from, self.country) {
            tallied.push((Cow::Owned(format!("{from}{country}")), 1));
        }
        if let Some(by) = &self.stopped_by {
            tallied.push((Cow::Owned(Tally::stopped_by(by)), 1));
        }
        tallied
    }

    /// Who sent, and to how many; none where it is no send.
    pub fn sender(&self) -> Option<(&SiteName, &Account, u32)> {
        let (site, account) = (self.site.as_ref()?, self.account.as_ref()?);
        (self.event == "sent").then_some((site, account, self.recipients))
    }
}

/// Which events are asked for; an absent condition is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// At this site.
    pub site: Option<SiteName>,
    /// Of this account.
    pub account: Option<Account>,
    /// Of one of these kinds; empty: of any.
    pub kinds: Vec<String>,
    /// With this anywhere in the line, whether small or capital.
    pub text: Option<String>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Before this place: for the next page.
    pub before: Option<Mark>,
}

impl EventFilter {
    /// Whether an event is asked for. An event that cannot be read fits only where nothing is asked of it.
    pub fn fits(&self, event: &PastEvent) -> bool {
        let Self { site, account, kinds, text, since, before } = self;
        if since.is_some_and(|since| event.time < since) || before.is_some_and(|before| event.mark() >= before) {
            return false;
        }
        if text.as_ref().is_some_and(|text| !event.line.to_lowercase().contains(&text.to_lowercase())) {
            return false;
        }
        if site.is_none() && account.is_none() && kinds.is_empty() {
            return true;
        }
        event.particulars().is_some_and(|of| {
            site.as_ref().is_none_or(|site| of.site.as_ref() == Some(site))
                && account.as_ref().is_none_or(|account| of.account.as_ref() == Some(account))
                && (kinds.is_empty() || kinds.iter().any(|kind| *kind == of.event))
        })
    }
}

/// Some of the events that fit, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// What was found; may be few, or nothing, though more follows.
    pub events: Vec<PastEvent>,
    /// Where to go on; none at the end.
    pub next: Option<Mark>,
}

/// Over how long is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    Hour,
}

impl Span {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::Hour];

    /// How long it is.
    pub const fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveMinutes => 300,
            Self::Hour => 3600,
        })
    }

    /// How long what was counted is kept: a day of the short ones and a week of the long ones can be shown whole.
    pub const fn kept(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveMinutes => 2 * 86_400,
            Self::Hour => 8 * 86_400,
        })
    }

    /// The beginning of the one that this moment is in.
    pub fn start(self, time: Timestamp) -> Timestamp {
        let lasts = self.lasts().as_secs() * 1000;
        Timestamp::from_millis(time.as_millis() / lasts * lasts)
    }

    /// The beginnings of all from the one that `since` is in to the one that `now` is in, and no older than is kept.
    pub fn starts(self, since: Timestamp, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let first = self.start(since.max(now.before(self.kept())));
        let lasts = self.lasts();
        std::iter::successors(Some(first), move |start| Some(start.after(lasts))).take_while(move |start| *start <= now)
    }
}

/// How often something happened within a [`Span`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// Since when.
    pub start: Timestamp,
    /// What: the name of an event, or one of the names below.
    pub what: String,
    /// How often.
    pub count: u64,
}

impl Tally {
    /// Recipients of what was sent.
    pub const RECIPIENTS: &str = "recipients";
    /// Sign-ins after which more than the password was asked for, or nothing but reading was open.
    pub const CHALLENGED: &str = "challenged";
    /// Before a country: sign-ins from there.
    pub const FROM: &str = "from:";
    /// Before a country: sign-ins from there with a wrong password, or that were stopped.
    pub const FAILED_FROM: &str = "failed_from:";
    /// Before a limit's name or a rule's: what it decided.
    pub const STOPPED_BY: &str = "stopped_by:";

    /// Under which name is counted what this limit or rule decided. A limit's value is left out: it may change.
    pub fn stopped_by(limit_or_rule: &str) -> String {
        let first = limit_or_rule.split(' ').next().unwrap_or_default();
        let name = if first.contains('_') { first } else { limit_or_rule };
        format!("{}{name}", Self::STOPPED_BY)
    }
}

/// What an account sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sender {
    /// Where.
    pub site: SiteName,
    /// Who.
    pub account: Account,
    /// Messages that left.
    pub messages: u64,
    /// Their recipients.
    pub recipients: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(line: &str) -> PastEvent {
        PastEvent { number: 7, time: Timestamp::from_millis(1000), line: line.to_owned() }
    }

    #[test]
    fn a_mark_is_written_and_read_back() {
        for mark in [Mark { time: Timestamp::from_millis(0), number: 0 }, event("").mark()] {
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        for text in ["", "-", "7", "7-", "7-g", "-7-7", "1e9-0"] {
            assert_eq!(text.parse::<Mark>(), Err(()), "{text}");
        }
    }

    #[test]
    fn numbers_keep_the_order_in_which_they_were_drawn() {
        let numbers =
            [(0, u64::MAX), (1, 0), (2, 7), (0xffff, u64::MAX)].map(|(n, random)| PastEvent::number(n, random));
        assert!(numbers.is_sorted() && numbers[3] == PastEvent::NUMBER_MAX);
        assert_ne!(PastEvent::number(1, 1 << 17), PastEvent::number(1, 1 << 18));
    }

    #[test]
    fn an_event_is_counted_by_its_kind_country_and_recipients() {
        let counted = |line: &str| {
            let event = event(line);
            let of = event.particulars().expect("it is read");
            of.tallied().into_iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>()
        };
        assert_eq!(counted(r#"{"event":"sent","recipients":9,"country":"BR"}"#), ["sent 1", "recipients 9"]);
        assert_eq!(counted(r#"{"event":"sign_in_ok","country":"BR"}"#), ["sign_in_ok 1", "from:BR 1"]);
        let challenged = r#"{"event":"sign_in_ok","verdict":"challenge"}"#;
        assert_eq!(counted(challenged), ["sign_in_ok 1", "challenged 1"]);
        assert_eq!(counted(r#"{"event":"sign_in_refused","country":"BR"}"#), ["sign_in_refused 1", "failed_from:BR 1"]);
        let stopped = r#"{"event":"send_refused","stopped_by":"recipients_per_account 200/h"}"#;
        assert_eq!(counted(stopped), ["send_refused 1", "stopped_by:recipients_per_account 1"]);
        let by_rule = r#"{"event":"flag_raised","stopped_by":"agreed with the \"officer\""}"#;
        assert_eq!(counted(by_rule), ["flag_raised 1", "stopped_by:agreed with the \"officer\" 1"]);
        assert!(event("no JSON").particulars().is_none());
    }

    #[test]
    fn a_filter_asks_for_what_it_says() {
        let sent = event(r#"{"event":"sent","site":"a","account":"alice","user_agent":"Mozilla"}"#);
        let all = EventFilter::default();
        assert!(all.fits(&sent) && all.fits(&event("no JSON")));
        let account = |name: &str| Some(Account::from_canonical(name));
        let mark = |millis, number| Some(Mark { time: Timestamp::from_millis(millis), number });
        for (filter, fits) in [
            (EventFilter { account: account("alice"), ..all.clone() }, true),
            (EventFilter { account: account("bob"), ..all.clone() }, false),
            (EventFilter { site: Some("b".into()), ..all.clone() }, false),
            (EventFilter { kinds: vec!["not_sent".into(), "sent".into()], ..all.clone() }, true),
            (EventFilter { kinds: vec!["not_sent".into()], ..all.clone() }, false),
            (EventFilter { text: Some("MOZ".into()), ..all.clone() }, true),
            (EventFilter { text: Some("curl".into()), ..all.clone() }, false),
            (EventFilter { since: Some(Timestamp::from_millis(1001)), ..all.clone() }, false),
            (EventFilter { before: mark(1000, 7), ..all.clone() }, false),
            (EventFilter { before: mark(1000, 8), ..all.clone() }, true),
            (EventFilter { before: mark(1001, 0), ..all }, true),
        ] {
            assert_eq!(filter.fits(&sent), fits, "{filter:?}");
        }
    }

    #[test]
    fn spans_begin_where_they_should_and_are_as_many_as_are_kept() {
        let at = |second: u64| Timestamp::from_millis(second * 1000);
        assert_eq!(Span::Hour.start(at(7199)), at(3600));
        let starts: Vec<_> = Span::FiveMinutes.starts(at(3700), at(4300)).collect();
        assert_eq!(starts, [at(3600), at(3900), at(4200)]);
        let week = at(100 * 86_400);
        assert_eq!(Span::Hour.starts(at(0), week).count(), 8 * 24 + 1);
        assert_eq!(Span::Hour.starts(week.after(Span::Hour.lasts()), week).count(), 0);
    }
}
