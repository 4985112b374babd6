//! What one line of a log says: a web server's access log, a Postfix log, or Mailward's own events.
//!
//! Which of the three a line is, is seen from the line, so files may be mixed. Whatever stands in a line may have been
//! written by a client.

use std::borrow::Cow;
use std::net::IpAddr;

use super::postfix::Postfix;
use crate::domain::{Prefix, Timestamp};
use crate::webmail::{self, LoggedSignIn};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A message left.
    Sent {
        /// Whose; as it stands there.
        account: String,
        /// To + Cc + Bcc.
        recipients: u32,
        /// When it was handed in.
        at: Timestamp,
        /// Which log says so.
        by: Source,
    },
    /// Somebody tried to sign in.
    SignIn {
        /// From where, as people read it.
        prefix: String,
        /// Whose account; an access log does not say.
        account: Option<String>,
        /// What came of it.
        outcome: LoggedSignIn,
        /// When.
        at: Timestamp,
    },
    /// A line that can be read and is about something else.
    SomethingElse,
    /// Nothing that can be read.
    Unreadable,
}

/// Who counted a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Postfix.
    MailLog,
    /// Mailward's own events.
    Events,
}

/// What `line` says. `newest` is the latest that a time without a year may be.
pub(super) fn read(line: &str, postfix: &mut Postfix, newest: Timestamp) -> Said {
    let line = line.trim_end();
    if line.starts_with('{') {
        return event(line).unwrap_or(Said::Unreadable);
    }
    if let Some(logged) = Logged::read(line, newest) {
        return postfix.read(&logged).unwrap_or(Said::SomethingElse);
    }
    access(line).unwrap_or(Said::Unreadable)
}

/// One line of syslog, in the traditional form (`Nov 24 08:12:09 mx postfix/qmgr[7]: …`) or with a full time.
#[derive(Debug)]
pub(super) struct Logged<'a> {
    /// A traditional time has no zone and is taken as UTC: windows are as long in every zone.
    pub at: Timestamp,
    /// `postfix/submission/smtpd`, without the process number.
    pub program: &'a str,
    /// The rest.
    pub message: &'a str,
}

impl<'a> Logged<'a> {
    fn read(line: &'a str, newest: Timestamp) -> Option<Self> {
        let (at, rest) = traditional_time(line, newest).or_else(|| {
            let (time, rest) = line.split_once(' ')?;
            Some((timestamp(time.parse().ok()?)?, rest))
        })?;
        let (_host, rest) = rest.split_once(' ')?;
        let (program, message) = rest.split_once(':')?;
        let program = program.split_once('[').map_or(program, |(name, _)| name);
        (!program.contains(' ')).then_some(Self { at, program, message: message.trim_start() })
    }
}

/// `Nov 24 08:12:09 `, and what follows. The year is the latest in which that is not after `newest`.
fn traditional_time(line: &str, newest: Timestamp) -> Option<(Timestamp, &str)> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // Leap days are at most eight years apart.
    const YEARS_BACK: i16 = 8;
    let (stamp, rest) = (line.get(..15)?, line.get(15..)?.strip_prefix(' ')?);
    let month = MONTHS.iter().position(|month| stamp.starts_with(month))?;
    let number = |from: usize, to: usize| stamp.get(from..to)?.trim_start().parse::<i8>().ok();
    let (day, hour, minute, second) = (number(4, 6)?, number(7, 9)?, number(10, 12)?, number(13, 15)?);
    let newest = jiff::Timestamp::from_millisecond(i64::try_from(newest.as_millis()).ok()?).ok()?;
    let this_year = jiff::tz::Offset::UTC.to_datetime(newest).year();
    let found = (0..=YEARS_BACK).find_map(|back| {
        let month = i8::try_from(month + 1).ok()?;
        let time = jiff::civil::DateTime::new(this_year - back, month, day, hour, minute, second, 0).ok()?;
        jiff::tz::Offset::UTC.to_timestamp(time).ok().filter(|time| *time <= newest)
    })?;
    Some((timestamp(found)?, rest))
}

fn timestamp(time: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(time.as_millisecond()).ok().map(Timestamp::from_millis)
}

/// A line of Mailward's events. One that is no sign-in and no send is something else.
fn event(line: &str) -> Option<Said> {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        time: jiff::Timestamp,
        #[serde(borrow)]
        event: Cow<'a, str>,
        #[serde(borrow)]
        account: Option<Cow<'a, str>>,
        #[serde(borrow)]
        prefix: Option<Cow<'a, str>>,
        recipients: Option<u32>,
    }
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let at = timestamp(line.time)?;
    let account = line.account.map(Cow::into_owned);
    let sign_in = |outcome| match &line.prefix {
        Some(prefix) => Said::SignIn { prefix: prefix.to_string(), account: account.clone(), outcome, at },
        None => Said::SomethingElse,
    };
    Some(match &*line.event {
        "sent" | "sent_unasked" => match account {
            Some(account) => Said::Sent { account, recipients: line.recipients.unwrap_or(1), at, by: Source::Events },
            None => Said::SomethingElse,
        },
        "sign_in_ok" => sign_in(LoggedSignIn::Succeeded),
        "sign_in_failed" => sign_in(LoggedSignIn::Failed),
        "sign_in_not_judged" | "sign_in_refused" => sign_in(LoggedSignIn::Unclear),
        _ => Said::SomethingElse,
    })
}

/// A line of an access log in the combined form, with or without the host in front.
fn access(line: &str) -> Option<Said> {
    let (head, rest) = line.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let status: u16 = rest.split(' ').next()?.parse().ok()?;
    let address: IpAddr = head.split(' ').take(2).find_map(|word| word.parse().ok())?;
    let mut words = request.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Some(Said::SomethingElse) };
    let asked = webmail::ALL.iter().find_map(|webmail| webmail.logged_sign_in(method, target, status));
    let Some(outcome) = asked else { return Some(Said::SomethingElse) };
    let time = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).ok()?.to_timestamp().ok()?;
    let prefix = Prefix::of(address).to_string();
    Some(Said::SignIn { prefix, account: None, outcome, at: timestamp(time)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::line;

    /// 2026-11-25T04:00:00Z.
    const NOW: Timestamp = Timestamp::from_millis(1_795_579_200_000);

    fn said(line: &str) -> Said {
        read(line, &mut Postfix::new(Vec::new()), NOW)
    }

    fn at(text: &str) -> Timestamp {
        timestamp(text.parse().expect("RFC 3339")).expect("after 1970")
    }

    #[test]
    fn sign_ins_are_found_in_access_logs_of_both_products() {
        let sign_in = |prefix: &str, outcome, time: &str| Said::SignIn {
            prefix: prefix.into(),
            account: None,
            outcome,
            at: at(time),
        };
        for (line, meant) in [
            (
                r#"203.0.113.9 - - [24/Nov/2026:08:12:09 +0100] "POST /?_task=login HTTP/2.0" 302 5 "https://webmail.example.edu/" "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0""#,
                sign_in("203.0.113.9/32", LoggedSignIn::Succeeded, "2026-11-24T07:12:09Z"),
            ),
            (
                r#"webmail.example.edu:443 2001:db8:1:2::3 - - [24/Nov/2026:08:12:09 +0000] "POST /roundcube/?_task=login HTTP/1.1" 401 4711 "-" "curl/8.5.0""#,
                sign_in("2001:db8:1:2::/64", LoggedSignIn::Failed, "2026-11-24T08:12:09Z"),
            ),
            (
                r#"198.51.100.7 - alice [24/Nov/2026:08:12:09 -0500] "POST /webmail/src/redirect.php HTTP/1.1" 200 900"#,
                sign_in("198.51.100.7/32", LoggedSignIn::Failed, "2026-11-24T13:12:09Z"),
            ),
            (
                r#"198.51.100.7 - - [24/Nov/2026:08:12:09 +0000] "GET /?_task=login HTTP/1.1" 200 900 "-" "-""#,
                Said::SomethingElse,
            ),
            (
                r#"198.51.100.7 - - [24/Nov/2026:08:12:09 +0000] "POST /?_task=mail&_action=send HTTP/1.1" 200 900 "-" "-""#,
                Said::SomethingElse,
            ),
            (r#"198.51.100.7 - - [24/Nov/2026:08:12:09 +0000] "-" 408 0 "-" "-""#, Said::SomethingElse),
            (r#"198.51.100.7 - - [yesterday] "POST /?_task=login HTTP/1.1" 302 5"#, Said::Unreadable),
            (r#"host.example.net - - [24/Nov/2026:08:12:09 +0000] "GET / HTTP/1.1" 200 5"#, Said::Unreadable),
        ] {
            assert_eq!(said(line), meant, "{line}");
        }
    }

    #[test]
    fn our_own_events_are_read_as_they_are_written() {
        let common = r#""time":"2026-03-01T08:12:09.000Z","site":"webmail.example.edu","account":"alice","prefix":"203.0.113.9/32""#;
        let time = at("2026-03-01T08:12:09Z");
        let sign_in = |outcome| Said::SignIn {
            prefix: "203.0.113.9/32".into(),
            account: Some("alice".into()),
            outcome,
            at: time,
        };
        let sent = |recipients| Said::Sent { account: "alice".into(), recipients, at: time, by: Source::Events };
        for (event, meant) in [
            (r#""event":"sent","recipients":12"#, sent(12)),
            (r#""event":"sent_unasked""#, sent(1)),
            (r#""event":"send_refused","recipients":12"#, Said::SomethingElse),
            (r#""event":"sign_in_ok""#, sign_in(LoggedSignIn::Succeeded)),
            (r#""event":"sign_in_failed""#, sign_in(LoggedSignIn::Failed)),
            (r#""event":"sign_in_refused""#, sign_in(LoggedSignIn::Unclear)),
            (r#""event":"an event of a later version""#, Said::SomethingElse),
            (r#""event":7"#, Said::Unreadable),
        ] {
            assert_eq!(said(&format!("{{{common},{event}}}")), meant, "{event}");
        }
        assert_eq!(said(&line::json(&line::example())), Said::SomethingElse);
        for name in ["sent", "sent_unasked", "sign_in_ok", "sign_in_failed", "sign_in_not_judged", "sign_in_refused"] {
            assert!(line::one_of_each().iter().any(|kind| kind.name() == name), "{name} is no event");
        }
    }

    #[test]
    fn a_time_without_a_year_is_the_newest_that_is_not_ahead() {
        for (line, time) in [
            ("Nov 25 03:59:59 mx postfix/qmgr[7]: x", "2026-11-25T03:59:59Z"),
            ("Nov  4 23:00:00 mx postfix/qmgr[7]: x", "2026-11-04T23:00:00Z"),
            ("Dec 31 23:00:00 mx postfix/qmgr[7]: x", "2025-12-31T23:00:00Z"),
            ("Feb 29 12:00:00 mx postfix/qmgr[7]: x", "2024-02-29T12:00:00Z"),
            ("2026-11-24T10:12:13.123456+01:00 mx postfix/qmgr[7]: x", "2026-11-24T09:12:13.123Z"),
        ] {
            let logged = Logged::read(line, NOW).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((logged.at, logged.program, logged.message), (at(time), "postfix/qmgr", "x"), "{line}");
        }
    }

    #[test]
    fn whatever_a_line_holds_it_is_read_or_said_to_be_unreadable() {
        for (line, meant) in [
            ("", Said::Unreadable),
            ("{", Said::Unreadable),
            ("{}", Said::Unreadable),
            ("\u{1f}\u{8b}\u{fffd}", Said::Unreadable),
            ("Nov 25 03:59:59", Said::Unreadable),
            ("Nov 31 03:59:59 mx postfix/qmgr[7]: x", Said::Unreadable),
            ("Növ 25 03:59:59 mx postfix/qmgr[7]: x", Said::Unreadable),
            ("Nov 25 03:59:59 mx dovecot: imap-login: Login: user=<alice>", Said::SomethingElse),
            ("Nov 25 03:59:59 mx postfix/smtpd[1]: warning: \u{1b}[2J", Said::SomethingElse),
            ("-- MARK --", Said::Unreadable),
        ] {
            assert_eq!(said(line), meant, "{line:?}");
        }
    }
}
