//! Mail that Mailward itself sends: to administrators and to people, never what people write. By one server, which
//! `[mail]` names.

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::config::{self, MailTls};
use crate::domain::Timestamp;

/// The longest address that is written to, in bytes (RFC 5321, section 4.5.3.1.3, less its brackets).
const ADDRESS_BYTES_MAX: usize = 254;

/// The server has so long for each step.
const PATIENCE: Duration = Duration::from_secs(10);

/// One letter.
pub struct Letter<'a> {
    /// Who gets it.
    pub to: &'a [Mailbox],
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// 32 hexadecimal digits, the same should the same letter go out twice.
    pub id: &'a str,
    /// When it is written.
    pub now: Timestamp,
}

/// An address of a person as it is written to, without a name. None where it is none, is too long, or is not of ASCII
/// letters, which not every server takes.
pub fn address(text: &str) -> Option<Mailbox> {
    let is_short = text.is_ascii() && text.len() <= ADDRESS_BYTES_MAX;
    is_short.then(|| text.parse().ok()).flatten().map(|address| Mailbox::new(None, address))
}

/// Sends letters.
pub struct Sender {
    from: Mailbox,
    server: AsyncSmtpTransport<Tokio1Executor>,
}

impl Sender {
    /// As configured.
    ///
    /// # Errors
    /// The password cannot be read, or an address is none.
    pub fn new(mail: &config::Mail) -> Result<Self, String> {
        let parameters = || TlsParameters::new(mail.host.clone()).map_err(|error| error.to_string());
        let tls = match mail.tls {
            MailTls::Clear => Tls::None,
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Tls => Tls::Wrapper(parameters()?),
        };
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let (Some(user), Some(file)) = (&mail.user, &mail.password_file) {
            let password =
                std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            server = server.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
        }
        let from = mail.from.parse().map_err(|error| format!("{}: {error}", mail.from))?;
        Ok(Self { from, server: server.build() })
    }

    /// Sends it; returns when the server has taken it.
    ///
    /// # Errors
    /// The server cannot be reached or did not take it, in its words.
    pub async fn send(&self, letter: Letter<'_>) -> Result<(), String> {
        let message = self.write(letter)?;
        self.server.send(message).await.map(|_| ()).map_err(|error| error.to_string())
    }

    fn write(&self, letter: Letter<'_>) -> Result<Message, String> {
        let Letter { to, subject, text, id, now } = letter;
        let name = format!("<{id}@{}>", self.from.email.domain());
        let written = std::time::UNIX_EPOCH + Duration::from_millis(now.as_millis());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .message_id(Some(name))
            .header(header::Date::from(written))
            .header(ContentType::TEXT_PLAIN);
        for to in to {
            message = message.to(to.clone());
        }
        let mut message = message.body(text).map_err(|error| error.to_string())?;
        // No holiday notice in return.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        Sender::new(&config::Mail {
            host: "127.0.0.1".to_owned(),
            port: 25,
            tls: MailTls::Clear,
            user: None,
            password_file: None,
            from: "Mailward <mailward@example.edu>".to_owned(),
        })
        .expect("usable")
    }

    #[test]
    fn only_what_can_be_written_to_is_an_address() {
        for good in ["bob@example.org", "b.o+b@sub.example.org"] {
            assert!(address(good).is_some(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in [
            "",
            "bob",
            "@example.org",
            "bob@",
            "a b@example.org",
            "bob@example.org\r\nBcc: x@y.example",
            "bob@b\u{fc}ro.example",
            &long,
        ] {
            assert!(address(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_letter_is_one_to_machines_too_and_a_subject_adds_no_header() {
        let to = ["postmaster@example.edu".parse().expect("an address")];
        let letter = Letter {
            to: &to,
            subject: "café\r\nBcc: x@evil.example".to_owned(),
            text: "Ein Gruß.\n".to_owned(),
            id: "0707",
            now: Timestamp::from_millis(1_764_115_200_000),
        };
        let written = sender().write(letter).expect("a message").formatted();
        let written = String::from_utf8(written).expect("mail is ASCII");
        assert!(written.contains("Message-ID: <0707@example.edu>\r\n"), "{written}");
        assert!(written.contains("Date: Wed, 26 Nov 2025 00:00:00 +0000\r\n"), "{written}");
        assert!(written.contains("Auto-Submitted: auto-generated\r\n"), "{written}");
        assert!(!written.contains("\nBcc:"), "{written}");
    }
}
