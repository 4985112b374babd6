//! Hours in which only what cannot wait is told.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::{Severity, Timestamp};

/// Quiet hours of each day, such as `22:00-06:00 Europe/Berlin`. They begin and end when clocks there say so, whatever
/// happens to those clocks in between: a time that a clock leaves out comes as much later, and of one that it shows twice
/// the first counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    begin: Time,
    /// Of the next day where it is not later than `begin`.
    end: Time,
    zone: TimeZone,
}

/// Why a text is not quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotQuietHours {
    /// Not in this form.
    #[error("expected hours and their time zone, such as \"22:00-06:00 Europe/Berlin\"")]
    Form,
    /// The whole day, or nothing.
    #[error("they begin when they end; expected two times, such as \"22:00-06:00 Europe/Berlin\"")]
    Empty,
    /// No such zone.
    #[error(
        "this machine does not know the time zone; expected a name such as Europe/Berlin or UTC (Debian: package tzdata)"
    )]
    Zone,
}

impl QuietHours {
    /// When they are over, if `now` lies in them and something of this severity has to wait: what is not milder than `below`
    /// never has. `below` is at most [`Severity::Critical`], so that nothing keeps that quiet.
    pub fn wait(&self, below: Severity, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if severity >= below.min(Severity::Critical) { None } else { self.over(now) }
    }

    /// When they are over, if `now` lies in them.
    fn over(&self, now: Timestamp) -> Option<Timestamp> {
        let millis = i64::try_from(now.as_millis()).ok()?;
        let today = jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned_datetime(self.zone.clone()).date();
        [today.yesterday().ok(), Some(today)].into_iter().flatten().find_map(|day| {
            let end_day = if self.end > self.begin { day } else { day.tomorrow().ok()? };
            let (begin, end) = (self.moment(day, self.begin)?, self.moment(end_day, self.end)?);
            (begin <= now && now < end).then_some(end)
        })
    }

    fn moment(&self, day: Date, time: Time) -> Option<Timestamp> {
        let moment = self.zone.to_timestamp(day.to_datetime(time)).ok()?;
        u64::try_from(moment.as_millisecond()).ok().map(Timestamp::from_millis)
    }
}

impl QuietHours {
    /// Reads what `Display` writes; `zone_of` looks a time zone up.
    ///
    /// # Errors
    /// Not in this form, the whole day, or no such zone.
    pub fn read(text: &str, zone_of: impl FnOnce(&str) -> Option<TimeZone>) -> Result<Self, NotQuietHours> {
        let (hours, zone) = text.trim().split_once(' ').ok_or(NotQuietHours::Form)?;
        let (begin, end) = hours.split_once('-').ok_or(NotQuietHours::Form)?;
        let (begin, end) = (time(begin)?, time(end)?);
        if begin == end {
            return Err(NotQuietHours::Empty);
        }
        let zone = zone_of(zone.trim()).ok_or(NotQuietHours::Zone)?;
        Ok(Self { begin, end, zone })
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { begin, end, zone } = self;
        let zone = zone.iana_name().unwrap_or("UTC");
        write!(f, "{:02}:{:02}-{:02}:{:02} {zone}", begin.hour(), begin.minute(), end.hour(), end.minute())
    }
}

/// `22:00`.
fn time(text: &str) -> Result<Time, NotQuietHours> {
    let two = |digits: &str| {
        let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_two { digits.parse::<i8>().map_err(|_| NotQuietHours::Form) } else { Err(NotQuietHours::Form) }
    };
    let (hour, minute) = text.split_once(':').ok_or(NotQuietHours::Form)?;
    Time::new(two(hour)?, two(minute)?, 0, 0).map_err(|_| NotQuietHours::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<QuietHours, NotQuietHours> {
        QuietHours::read(text, |zone| TimeZone::get(zone).ok())
    }

    fn quiet(text: &str) -> QuietHours {
        read(text).expect("quiet hours")
    }

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp::from_millis(moment.as_millisecond() as u64)
    }

    #[test]
    fn they_go_over_midnight_and_end_to_the_minute() {
        let night = quiet("22:00-06:00 UTC");
        for (now, over) in [
            ("2026-11-26T21:59:59.999Z", None),
            ("2026-11-26T22:00:00Z", Some("2026-11-27T06:00:00Z")),
            ("2026-11-27T00:00:00Z", Some("2026-11-27T06:00:00Z")),
            ("2026-11-27T05:59:59.999Z", Some("2026-11-27T06:00:00Z")),
            ("2026-11-27T06:00:00Z", None),
            ("2026-12-31T23:00:00Z", Some("2027-01-01T06:00:00Z")),
        ] {
            assert_eq!(night.over(at(now)), over.map(at), "{now}");
        }
        let noon = quiet("12:00-13:30 UTC");
        assert_eq!(noon.over(at("2026-11-26T12:00:00Z")), Some(at("2026-11-26T13:30:00Z")));
        assert_eq!((noon.over(at("2026-11-26T13:30:00Z")), noon.over(at("2026-11-26T00:30:00Z"))), (None, None));
        let until_midnight = quiet("20:00-00:00 UTC");
        assert_eq!(until_midnight.over(at("2026-11-26T23:59:00Z")), Some(at("2026-11-27T00:00:00Z")));
    }

    #[test]
    fn they_are_those_of_the_place_in_summer_and_winter_and_in_the_nights_between() {
        let night = quiet("22:00-06:00 Europe/Berlin");
        for (now, over) in [
            ("2026-07-01T20:00:00Z", Some("2026-07-02T04:00:00Z")),
            ("2026-07-01T19:59:59Z", None),
            ("2026-01-01T20:30:00Z", None),
            ("2026-01-01T21:00:00Z", Some("2026-01-02T05:00:00Z")),
            // The clock goes from two to three: seven hours.
            ("2026-03-28T21:00:00Z", Some("2026-03-29T04:00:00Z")),
            // And back from three to two: nine.
            ("2026-10-24T20:00:00Z", Some("2026-10-25T05:00:00Z")),
        ] {
            assert_eq!(night.over(at(now)), over.map(at), "{now}");
        }
        // Half past two is left out, then comes twice.
        let early = quiet("00:00-02:30 Europe/Berlin");
        assert_eq!(early.over(at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:30:00Z")));
        assert_eq!(early.over(at("2026-10-25T00:10:00Z")), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(early.over(at("2026-10-25T01:10:00Z")), None, "ten past two once more");
    }

    #[test]
    fn what_is_severe_never_waits() {
        let night = quiet("22:00-06:00 UTC");
        let (now, over) = (at("2026-11-26T23:00:00Z"), Some(at("2026-11-27T06:00:00Z")));
        for (below, severity, waits) in [
            (Severity::Critical, Severity::Notice, true),
            (Severity::Critical, Severity::Warning, true),
            (Severity::Critical, Severity::Critical, false),
            (Severity::Warning, Severity::Notice, true),
            (Severity::Warning, Severity::Warning, false),
            (Severity::Notice, Severity::Notice, false),
        ] {
            let found = night.wait(below, severity, now);
            assert_eq!(found, over.filter(|_| waits), "{severity:?} below {below:?}");
        }
    }

    #[test]
    fn what_is_written_is_what_holds_and_anything_else_is_refused() {
        for text in ["22:00-06:00 Europe/Berlin", "00:00-23:59 UTC", "09:05-09:04 America/New_York"] {
            assert_eq!(quiet(text).to_string(), text);
        }
        for (text, why) in [
            ("22:00-06:00", NotQuietHours::Form),
            ("22-06 UTC", NotQuietHours::Form),
            ("9:00-17:00 UTC", NotQuietHours::Form),
            ("22:00-24:00 UTC", NotQuietHours::Form),
            ("+2:00-06:00 UTC", NotQuietHours::Form),
            ("22:00-22:00 UTC", NotQuietHours::Empty),
            ("22:00-06:00 Europe/Atlantis", NotQuietHours::Zone),
            ("22:00-06:00 ../../etc/passwd", NotQuietHours::Zone),
            ("", NotQuietHours::Form),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }

    proptest! {
        /// Whatever the clock does, whoever waits waits for something that comes, and it comes within a long night.
        #[test]
        fn they_end_after_now_and_are_over_then(
            begin in 0_u32..1440, end in 0_u32..1440, minutes in 28_000_000_u64..31_000_000, zone in 0_usize..4,
        ) {
            prop_assume!(begin != end);
            let zone = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"][zone];
            let text =
                format!("{:02}:{:02}-{:02}:{:02} {zone}", begin / 60, begin % 60, end / 60, end % 60);
            let (hours, now) = (quiet(&text), Timestamp::from_millis(minutes * 60_000));
            if let Some(over) = hours.over(now) {
                prop_assert!(over > now);
                prop_assert!(over.since(now) <= std::time::Duration::from_secs(25 * 3_600));
            }
        }
    }
}
