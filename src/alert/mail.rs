//! An alert as a letter to people.

use std::fmt::Write as _;

use lettre::message::Mailbox;

use super::words::Alert;
use super::{Receiver, Told};
use crate::config;
use crate::domain::{Severity, Timestamp};
use crate::mail::{Letter, Sender};

/// A subject line longer than this helps nobody, in characters.
const SUBJECT_MAX: usize = 150;

/// Receivers of letters.
pub(super) struct Letters {
    to: Vec<Mailbox>,
    sender: Sender,
}

impl Letters {
    pub(super) fn new(to: &[String], mail: Option<&config::Mail>) -> Result<Self, String> {
        let mail = mail.ok_or("there is no [mail] that says how mail is sent")?;
        let address = |text: &String| text.parse().map_err(|error| format!("{text}: {error}"));
        Ok(Self { to: to.iter().map(address).collect::<Result<_, _>>()?, sender: Sender::new(mail)? })
    }
}

fn subject(alerts: &[&Alert]) -> String {
    let words = match alerts {
        [alert] => alert.title.clone(),
        alerts => format!("{} alerts", alerts.len()),
    };
    let words: String = words.chars().take(SUBJECT_MAX).collect();
    let worst = alerts.iter().map(|alert| alert.severity).max().unwrap_or(Severity::Notice);
    match worst {
        Severity::Critical => format!("[mailward] {words}"),
        Severity::Warning | Severity::Notice => format!("[mailward {}] {words}", worst.name()),
    }
}

fn text(alerts: &[&Alert]) -> String {
    let mut text = String::new();
    for alert in alerts {
        write_one(&mut text, alert).expect("a String takes everything");
    }
    text
}

fn write_one(text: &mut String, alert: &Alert) -> std::fmt::Result {
    writeln!(text, "{}\n{}, {}\n", alert.title, alert.severity.name(), alert.time)?;
    for line in &alert.lines {
        writeln!(text, "- {line}")?;
    }
    if alert.repeated > 0 {
        writeln!(text, "- And {} more since it was told last.", alert.repeated)?;
    }
    if let Some(reference) = &alert.reference {
        writeln!(text, "\nReference {reference}")?;
    }
    writeln!(text)
}

impl Receiver for Letters {
    fn tell<'a>(&'a self, alerts: &'a [&'a Alert], now: Timestamp) -> Told<'a> {
        let id = alerts.first().map_or("", |alert| alert.id.as_str());
        let letter = Letter { to: &self.to, subject: subject(alerts), text: text(alerts), id, now };
        Box::pin(self.sender.send(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, EventKind};
    use crate::telemetry::line;

    #[test]
    fn a_letter_says_all_that_the_alert_says() {
        let verdict = Some(crate::domain::Verdict::Flag);
        let event = Event { kind: EventKind::FlagRaised, verdict, ..line::example() };
        let (alert, _) = Alert::of(&event, [7; 16]).expect("an alert");
        let written = text(&[&alert]);
        for line in alert.lines.iter().chain([&alert.title]) {
            assert!(written.contains(line), "{written}");
        }
        assert!(subject(&[&alert]).starts_with("[mailward warning] alice: "), "{}", subject(&[&alert]));
        assert_eq!(subject(&[&alert, &alert]), "[mailward warning] 2 alerts");
    }
}
