//! Postfix's policy protocol (SMTPD_POLICY_README of Postfix 3.7): a question is lines of `name=value` and an empty one, the
//! answer `action=…` and an empty line. Pure, but for the reading of lines.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use super::words;
use crate::domain::Reference;
use crate::policy::Why;
use crate::policy::limits::Over;

/// The longest question, in bytes: Postfix's own have about one kilobyte, with client certificates some more.
pub const QUESTION_BYTES_MAX: usize = 16 * 1024;

/// The longest name of a transaction; Postfix's have some forty bytes.
const INSTANCE_BYTES_MAX: usize = 128;

/// What Postfix asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whether the message is complete as far as its recipients go, so that it can be counted.
    pub stage: Stage,
    /// The name of the transaction: the same in all questions about one message. Empty where there is none.
    pub instance: String,
    /// Who signed in, as typed; empty where nobody did. Postfix has it from whoever checked the password.
    pub name: String,
    /// From where; `0.0.0.0` where Postfix does not know.
    pub address: IpAddr,
    /// Recipients of the message; nobody is counted as one.
    pub recipients: u32,
}

/// When in a transaction a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before all recipients are known.
    Early,
    /// At `DATA`, or at the end of the message.
    Whole,
}

/// Why a question cannot be answered. Whoever asks like this is no Postfix: the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It does not end.
    #[error("a question is longer than {QUESTION_BYTES_MAX} bytes")]
    Long,
    /// A line without `=`.
    #[error("a line is not of the form name=value")]
    Line,
    /// Something else than `request=smtpd_access_policy`.
    #[error("it is not a question about access")]
    Other,
}

impl Question {
    /// Reads the next question; none where the other side has closed between two.
    ///
    /// # Errors
    /// The connection broke, or whoever asks is no Postfix ([`io::ErrorKind::InvalidData`]).
    pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        loop {
            let room = (QUESTION_BYTES_MAX - text.len()) as u64;
            let read = from.take(room).read_until(b'\n', &mut text).await?;
            if text.ends_with(b"\n\n") || text == b"\n" {
                return Self::parse(&text).map(Some).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if text.len() >= QUESTION_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, Unreadable::Long));
            }
            if read == 0 {
                return if text.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads a whole question. What it does not name is as if it were empty; of what it names twice the last counts.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &[u8]) -> Result<Self, Unreadable> {
        let (mut request, mut stage, mut instance, mut name) =
            (String::new(), Stage::Early, String::new(), String::new());
        let (mut address, mut recipients) = (None, 1);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let at = line.iter().position(|byte| *byte == b'=').ok_or(Unreadable::Line)?;
            let value = String::from_utf8_lossy(&line[at + 1..]);
            match &line[..at] {
                b"request" => request = value.into_owned(),
                b"protocol_state" if matches!(&*value, "DATA" | "END-OF-MESSAGE") => stage = Stage::Whole,
                b"protocol_state" => stage = Stage::Early,
                // One that is too long names nothing: better counted twice than taken for another.
                b"instance" if value.len() <= INSTANCE_BYTES_MAX => instance = value.into_owned(),
                b"sasl_username" => name = value.into_owned(),
                b"client_address" => address = value.parse::<IpAddr>().ok(),
                b"recipient_count" => recipients = value.parse::<u32>().unwrap_or(1).max(1),
                _ => {}
            }
        }
        if request != "smtpd_access_policy" {
            return Err(Unreadable::Other);
        }
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        Ok(Self { stage, instance, name, address, recipients })
    }
}

/// What Postfix is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing stands against it; Postfix asks its other restrictions.
    Pass,
    /// Not now.
    Later(String),
    /// Not at all.
    Never(String),
}

impl Answer {
    /// Of a message that was stopped; the words go to the person's mail program.
    pub fn stopped(why: &Why, reference: Reference, helpdesk: Option<&str>) -> Self {
        let code = format!("(code {reference})");
        let whom = words::whom(helpdesk);
        match why {
            Why::Limit(Over { wait: Some(wait), .. }) => {
                Self::Later(format!("Too much mail for now; send this again {} {code}", words::until(*wait)))
            }
            Why::StoreAway => Self::Later(format!("Mail cannot be sent for a moment; try again in a minute {code}")),
            Why::Limit(_) => Self::Never(format!("More mail than this account may send; ask {whom} {code}")),
            Why::TooManyRecipients { asked, most } => Self::Never(format!(
                "{asked} recipients are more than the {most} that one message may have; send it in parts {code}"
            )),
            Why::Locked => Self::Never(format!("This account is locked; ask {whom} {code}")),
            Why::Nothing
            | Why::Slowed
            | Why::Unlike(_)
            | Why::Rule(_)
            | Why::Refused
            | Why::Restricted
            | Why::PasswordDue
            | Why::Waits
            | Why::Challenged
            | Why::UnknownSession
            | Why::Content
            | Why::UnlikeByContent
            | Why::Infected
            | Why::Unseen
            | Why::Ended => {
                Self::Never(format!("This account may not send from here at the moment; ask {whom} {code}"))
            }
        }
    }

    /// The word by which it is counted.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Later(_) => "deferred",
            Self::Never(_) => "refused",
        }
    }
}

/// As it goes over the wire. `DEFER_IF_PERMIT` leaves a later restriction its own, final no.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("action=DUNNO\n\n"),
            Self::Later(words) => write!(f, "action=DEFER_IF_PERMIT 4.7.1 {}\n\n", words::one_line(words)),
            Self::Never(words) => write!(f, "action=REJECT 5.7.1 {}\n\n", words::one_line(words)),
        }
    }
}

#[cfg(test)]
mod tests;
