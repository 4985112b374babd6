//! Which alerts one receiver is told, when, and which are only counted. Pure: the time is passed in.

use std::collections::HashMap;
use std::time::Duration;

use super::words::{Alert, Subject};
use crate::domain::{QuietHours, Severity, Timestamp};

/// Subjects that are remembered at once; beyond that the one told longest ago is forgotten, and told again if it comes.
const SUBJECTS_MAX: usize = 10_000;

/// What one receiver wants to hear, and how often.
#[derive(Clone, Debug)]
pub struct Wants {
    /// Names of events; empty: all that can be alerts.
    pub events: Vec<&'static str>,
    /// What is milder is not told.
    pub at_least: Severity,
    /// The same about the same account is told again only after so long.
    pub repeat_after: Duration,
    /// What is not critical waits and is told together, so often.
    pub digest: Option<Duration>,
    /// What is milder than this waits until these hours are over.
    pub quiet: Option<(QuietHours, Severity)>,
}

/// Remembers what was told.
#[derive(Debug)]
pub struct Fold {
    wants: Wants,
    told: HashMap<Subject, Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Timestamp,
    since: u32,
}

/// An alert that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub alert: Alert,
    /// When.
    pub at: Timestamp,
    /// Together with others that are due then.
    pub together: bool,
}

impl Fold {
    /// Nothing told yet.
    pub fn new(wants: Wants) -> Self {
        Self { wants, told: HashMap::new() }
    }

    /// Whether and when an alert is told.
    pub fn take(&mut self, mut alert: Alert, subject: Subject, now: Timestamp) -> Option<Due> {
        let Wants { events, at_least, repeat_after, digest, quiet } = &self.wants;
        let is_wanted = events.is_empty() || events.contains(&alert.event.as_str());
        if !is_wanted || alert.severity < *at_least {
            return None;
        }
        if let Some(told) = self.told.get_mut(&subject) {
            // A clock that went back keeps nothing quiet for longer than it went.
            if told.at <= now && now.since(told.at) < *repeat_after {
                told.since = told.since.saturating_add(1);
                return None;
            }
            alert.repeated = told.since;
        }
        let (at, together) = match digest {
            Some(every) if alert.severity < Severity::Critical => (end_of_period(now, *every), true),
            _ => (now, false),
        };
        // A digest that is due in quiet hours waits for their end as well.
        let over = quiet.as_ref().and_then(|(hours, below)| hours.wait(*below, alert.severity, at));
        let (at, together) = over.map_or((at, together), |over| (over, true));
        self.make_room();
        self.told.insert(subject, Told { at: now, since: 0 });
        Some(Due { alert, at, together })
    }

    fn make_room(&mut self) {
        if self.told.len() < SUBJECTS_MAX {
            return;
        }
        let oldest = self.told.iter().min_by_key(|(_, told)| told.at).map(|(subject, _)| subject.clone());
        if let Some(oldest) = oldest {
            self.told.remove(&oldest);
        }
    }
}

/// The next moment that is a whole number of periods after midnight: a digest of an hour comes on the hour.
fn end_of_period(now: Timestamp, every: Duration) -> Timestamp {
    let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    Timestamp::from_millis((now.as_millis() / every).saturating_add(1).saturating_mul(every))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, Event, EventKind};
    use crate::telemetry::line;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_764_115_200_000 + second * 1_000)
    }

    fn wants() -> Wants {
        Wants { events: Vec::new(), at_least: Severity::Warning, repeat_after: MINUTE * 10, digest: None, quiet: None }
    }

    fn of(kind: EventKind, account: &str) -> (Alert, Subject) {
        let account = Some(Account::from_canonical(account));
        Alert::of(&Event { kind, account, ..line::example() }, [1; 16]).expect("an alert")
    }

    fn many(account: &str) -> (Alert, Subject) {
        of(EventKind::ManyMessages { messages: 101, line: "100/5m".into() }, account)
    }

    fn take(fold: &mut Fold, (alert, subject): (Alert, Subject), now: Timestamp) -> Option<Due> {
        fold.take(alert, subject, now)
    }

    #[test]
    fn the_same_is_told_once_and_counted_and_another_account_is_news() {
        let mut fold = Fold::new(wants());
        assert!(take(&mut fold, many("alice"), at(0)).is_some());
        for second in 1..30 {
            assert_eq!(take(&mut fold, many("alice"), at(second)), None);
        }
        assert!(take(&mut fold, many("bob"), at(30)).is_some());
        let again = take(&mut fold, many("alice"), at(600)).expect("after ten minutes");
        assert_eq!(again.alert.repeated, 29);
        let after = take(&mut fold, many("alice"), at(1_200)).expect("after ten more");
        assert_eq!(after.alert.repeated, 0);
    }

    #[test]
    fn what_nobody_asked_for_is_not_told() {
        let mut fold = Fold::new(Wants { events: vec!["flag_raised"], ..wants() });
        assert_eq!(take(&mut fold, many("alice"), at(0)), None);
        assert!(take(&mut fold, of(EventKind::FlagRaised, "alice"), at(0)).is_some());
        let mut fold = Fold::new(wants());
        assert_eq!(take(&mut fold, of(EventKind::FlagCleared, "alice"), at(0)), None, "a notice");
    }

    #[test]
    fn a_digest_collects_until_the_full_hour_and_what_is_critical_does_not_wait() {
        let mut fold = Fold::new(Wants { digest: Some(MINUTE * 60), ..wants() });
        for second in [1, 1_800, 3_599] {
            let due = take(&mut fold, of(EventKind::AccountLocked, &format!("a{second}")), at(second)).expect("wanted");
            assert_eq!((due.at, due.together), (at(3_600), true));
        }
        let due = take(&mut fold, many("alice"), at(10)).expect("wanted");
        assert_eq!((due.at, due.together), (at(10), false));
    }

    #[test]
    fn in_quiet_hours_what_is_minor_waits_for_their_end_and_what_is_severe_does_not() {
        // Midnight, UTC.
        let midnight = 1_764_115_200_000;
        assert_eq!(at(0).as_millis() % 86_400_000, 0);
        let night: QuietHours =
            QuietHours::read("22:00-06:00 UTC", |_| Some(jiff::tz::TimeZone::UTC)).expect("quiet hours");
        let quiet = Some((night, Severity::Critical));
        let morning = Timestamp::from_millis(midnight + 6 * 3_600_000);
        let mut fold = Fold::new(Wants { quiet: quiet.clone(), ..wants() });
        for second in [0, 3_600, 21_599] {
            let due = take(&mut fold, of(EventKind::AccountLocked, &format!("a{second}")), at(second)).expect("wanted");
            assert_eq!((due.at, due.together), (morning, true));
        }
        let due = take(&mut fold, many("alice"), at(10)).expect("wanted");
        assert_eq!((due.at, due.together), (at(10), false), "critical");
        let due = take(&mut fold, of(EventKind::AccountLocked, "bob"), at(21_600)).expect("wanted");
        assert_eq!((due.at, due.together), (at(21_600), false), "in the morning");
        let mut fold = Fold::new(Wants { quiet, digest: Some(MINUTE * 60), ..wants() });
        let evening = 21 * 3_600 + 1_800;
        let due = take(&mut fold, of(EventKind::AccountLocked, "carol"), at(evening)).expect("wanted");
        assert_eq!(due.at, Timestamp::from_millis(morning.as_millis() + 86_400_000), "its full hour is ten at night");
    }

    #[test]
    fn a_clock_that_steps_back_silences_nothing() {
        let mut fold = Fold::new(wants());
        assert!(take(&mut fold, many("alice"), at(10_000)).is_some());
        assert!(take(&mut fold, many("alice"), at(5)).is_some());
    }

    #[test]
    fn subjects_are_bounded() {
        let mut fold = Fold::new(wants());
        for number in 0..SUBJECTS_MAX + 100 {
            assert!(take(&mut fold, many(&format!("a{number}")), at(number as u64 / 1_000)).is_some());
        }
        assert!(fold.told.len() <= SUBJECTS_MAX);
    }
}
