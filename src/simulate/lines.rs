//! The lines of which recorded events are made: the plain form, and those of the events file.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::Timestamp;

/// What one line tells: somebody signed in, or sent.
#[derive(Debug)]
pub struct Recorded {
    /// When.
    pub time: Timestamp,
    /// Any of a site's hosts; absent: the first site.
    pub site: Option<String>,
    /// As typed.
    pub account: String,
    /// From where.
    pub address: IpAddr,
    /// Written by the client.
    pub user_agent: Option<Arc<str>>,
    /// A browser that keeps its cookies.
    pub device: Option<String>,
    /// Which session, in a line of the event log: a send there names its sign-in's.
    pub session: Option<String>,
    /// What somebody did.
    pub what: What,
}

/// What a line tells.
#[derive(Debug, PartialEq)]
pub enum What {
    /// Name and password were right. Whether the person would pass a challenge.
    SignedIn {
        /// With what is right.
        passes: bool,
    },
    /// They were wrong.
    Failed,
    /// A message to so many.
    Sent {
        /// To, Cc and Bcc together.
        recipients: u32,
    },
    /// A line of the event log that is about something else.
    Nothing,
}

/// Why a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// It is no JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// This field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It has another meaning, or none.
    #[error("{what} is {found:?}, expected {expected}")]
    Unknown {
        /// The field.
        what: &'static str,
        /// The beginning of what stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
}

/// Both kinds of line at once: the plain one has `kind`, a line of the event log has `event`.
#[derive(Deserialize)]
struct Line {
    time: Option<String>,
    site: Option<String>,
    account: Option<String>,
    address: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
    kind: Option<String>,
    event: Option<String>,
    outcome: Option<String>,
    recipients: Option<u32>,
    device: Option<String>,
    session: Option<String>,
    passes: Option<bool>,
    /// Another door than the webmail: nothing of it is a browser's.
    door: Option<String>,
}

/// Reads a line.
///
/// # Errors
/// What is missing in it, or not understood.
pub fn read(text: &str) -> Result<Recorded, BadLine> {
    let line: Line = serde_json::from_str(text)?;
    let what = match (line.kind.as_deref(), line.event.as_deref()) {
        (Some("sign_in"), _) => match line.outcome.as_deref() {
            Some("ok") => What::SignedIn { passes: line.passes.unwrap_or(true) },
            Some("failed") => What::Failed,
            Some(found) => return Err(unknown("outcome", found, "\"ok\" or \"failed\"")),
            None => return Err(BadLine::Missing("\"outcome\"")),
        },
        (Some("send"), _) => What::Sent { recipients: line.recipients.ok_or(BadLine::Missing("\"recipients\""))? },
        (Some(found), _) => return Err(unknown("kind", found, "\"sign_in\" or \"send\"")),
        (None, Some(_)) if line.door.is_some() => What::Nothing,
        (None, Some("sign_in_ok")) => What::SignedIn { passes: true },
        (None, Some("sign_in_failed")) => What::Failed,
        (None, Some("sent" | "send_refused")) => What::Sent { recipients: line.recipients.unwrap_or(1) },
        (None, Some(_)) => What::Nothing,
        (None, None) => return Err(BadLine::Missing("\"kind\"")),
    };
    let time = line.time.ok_or(BadLine::Missing("\"time\""))?;
    let time = time
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|time| u64::try_from(time.as_millisecond()).ok())
        .map(Timestamp::from_millis)
        .ok_or_else(|| unknown("time", &time, "a time such as \"2026-03-01T08:12:09Z\""))?;
    // A line that is about nothing needs neither; one of an unknown session has no account.
    let nowhere = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let (account, address, what) = match (what, line.account, line.address) {
        (What::Nothing, account, address) => (account.unwrap_or_default(), address.unwrap_or(nowhere), What::Nothing),
        (what, Some(account), Some(address)) => (account, address, what),
        (_, None, _) if line.event.is_some() => (String::new(), nowhere, What::Nothing),
        (_, None, _) => return Err(BadLine::Missing("\"account\"")),
        (_, _, None) => return Err(BadLine::Missing("\"address\"")),
    };
    Ok(Recorded {
        time,
        site: line.site,
        account,
        address,
        user_agent: line.user_agent,
        device: line.device,
        session: line.session.filter(|_| line.event.is_some()),
        what,
    })
}

fn unknown(what: &'static str, found: &str, expected: &'static str) -> BadLine {
    BadLine::Unknown { what, found: found.chars().take(60).collect(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_and_lines_of_the_event_log_are_read() {
        let head = r#""time":"2026-03-01T08:12:09Z","account":"alice","address":"203.0.113.9""#;
        for (rest, what) in [
            (r#""kind":"sign_in","outcome":"ok""#, What::SignedIn { passes: true }),
            (r#""kind":"sign_in","outcome":"ok","passes":false"#, What::SignedIn { passes: false }),
            (r#""kind":"sign_in","outcome":"failed","device":"b17""#, What::Failed),
            (r#""kind":"send","recipients":12"#, What::Sent { recipients: 12 }),
            (r#""event":"sign_in_ok","verdict":"pass""#, What::SignedIn { passes: true }),
            (r#""event":"sign_in_failed""#, What::Failed),
            (r#""event":"sent","recipients":3"#, What::Sent { recipients: 3 }),
            (r#""event":"sent","recipients":3,"door":"submission""#, What::Nothing),
            (r#""event":"request_refused","rule":"x""#, What::Nothing),
        ] {
            let read = read(&format!("{{{head},{rest}}}")).unwrap_or_else(|error| panic!("{rest}: {error}"));
            assert_eq!(read.what, what, "{rest}");
        }
        let started = read(r#"{"time":"2026-03-01T08:12:09Z","event":"started"}"#).expect("a line of the event log");
        assert_eq!(started.what, What::Nothing);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (line, said) in [
            ("", "EOF"),
            ("{}", "\"kind\" is missing"),
            (r#"{"kind":"sign_in"}"#, "\"outcome\" is missing"),
            (r#"{"kind":"sign_in","outcome":"yes"}"#, "outcome is \"yes\""),
            (r#"{"kind":"send"}"#, "\"recipients\" is missing"),
            (r#"{"kind":"look"}"#, "kind is \"look\""),
            (r#"{"kind":"send","recipients":1}"#, "\"time\" is missing"),
            (r#"{"kind":"send","recipients":1,"time":"yesterday"}"#, "time is \"yesterday\""),
            (r#"{"kind":"send","recipients":1,"time":"2026-03-01T08:12:09Z"}"#, "\"account\" is missing"),
            (r#"{"kind":"send","recipients":1,"time":"2026-03-01T08:12:09Z","account":"a"}"#, "\"address\" is missing"),
            (r#"{"kind":"send","recipients":-1}"#, "invalid value"),
        ] {
            let error = read(line).expect_err(line).to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
