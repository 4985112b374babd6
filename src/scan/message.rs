//! A composed message as the mail it will be (RFC 5322, MIME), for scanners to read.
//!
//! The webmail's own message differs in small things nobody judges by: boundaries, encodings, the number in its
//! `Message-ID`.

use std::time::Duration;

use bytes::Bytes;
use lettre::message::header::{ContentType, Date, HeaderName, HeaderValue, Headers};
use lettre::message::{Attachment, MultiPart, SinglePart};

use crate::domain::{Composed, Timestamp};

/// Of a header's text so much is taken, in bytes: a thousand recipients.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Of a file's name so much is taken, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A file of the message.
#[derive(Clone, Default)]
pub struct File {
    /// As the person's machine called it; none where it is not known.
    pub name: Option<String>,
    /// Its `Content-Type`; none where it is not known.
    pub kind: Option<String>,
    /// Its content; empty where it is too long for who reads messages.
    pub content: Vec<u8>,
}

/// What a message needs besides what was written.
pub struct Written<'a> {
    /// Who sends it, where the form did not say.
    pub from: &'a str,
    /// When.
    pub now: Timestamp,
    /// Letters and digits that no other message has.
    pub id: &'a str,
    /// The site.
    pub site: &'a str,
}

/// The message.
pub fn assemble(composed: &Composed, files: Vec<File>, written: &Written<'_>) -> Bytes {
    let mut headers = Headers::new();
    let mut put = |name: &'static str, text: &str| {
        let text = one_line(text, HEADER_BYTES_MAX);
        if !text.is_empty() {
            headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), text));
        }
    };
    put("From", if composed.from.is_empty() { written.from } else { &composed.from });
    put("To", &addresses(&composed.to));
    put("Cc", &addresses(&composed.cc));
    put("Reply-To", &addresses(&composed.reply_to));
    put("Subject", &composed.subject);
    put("Message-ID", &format!("<{}@{}>", written.id, written.site));
    put("MIME-Version", "1.0");
    headers.set(Date::from(std::time::UNIX_EPOCH + Duration::from_millis(written.now.as_millis())));
    let boundary = |name: &str| format!("=_{name}_{}", written.id);
    let mut message = headers.to_string().into_bytes();
    let text = if composed.is_html {
        Text::Html(
            MultiPart::alternative()
                .boundary(boundary("text"))
                .singlepart(SinglePart::plain(without_markup(&composed.text)))
                .singlepart(SinglePart::html(composed.text.clone())),
        )
    } else {
        Text::Plain(SinglePart::plain(composed.text.clone()))
    };
    message.extend(if files.is_empty() {
        match text {
            Text::Plain(part) => part.formatted(),
            Text::Html(parts) => parts.formatted(),
        }
    } else {
        let mixed = MultiPart::mixed().boundary(boundary("files"));
        let mixed = match text {
            Text::Plain(part) => mixed.singlepart(part),
            Text::Html(parts) => mixed.multipart(parts),
        };
        files.into_iter().fold(mixed, |mixed, file| mixed.singlepart(part(file))).formatted()
    });
    message.into()
}

enum Text {
    Plain(SinglePart),
    Html(MultiPart),
}

fn part(file: File) -> SinglePart {
    let octets = || ContentType::parse("application/octet-stream").expect("a content type");
    let kind = file.kind.and_then(|kind| ContentType::parse(&kind).ok()).unwrap_or_else(octets);
    let name = one_line(file.name.as_deref().unwrap_or("file"), NAME_BYTES_MAX);
    Attachment::new(name).body(file.content, kind)
}

/// What people type between addresses, as it stands in a mail: commas.
fn addresses(typed: &str) -> String {
    let mut quoted = false;
    let divided: String = typed
        .chars()
        .map(|letter| {
            quoted ^= letter == '"';
            if matches!(letter, ';' | '\n' | '\r') && !quoted { ',' } else { letter }
        })
        .collect();
    let items = divided.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.collect::<Vec<_>>().join(", ")
}

/// A header is one line, whatever was written.
fn one_line(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end]
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The words of an HTML text, roughly as the webmail makes its plain part of it.
fn without_markup(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = tag.split_once('>').unwrap_or((tag, ""));
        let name: String = tag.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/').collect();
        if matches!(
            name.to_ascii_lowercase().as_str(),
            "br" | "p" | "/p" | "div" | "/div" | "/tr" | "/li" | "/h1" | "/h2"
        ) {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (entity, letter)| text.replace(entity, letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written() -> Written<'static> {
        Written {
            from: "alice@campus.example",
            now: Timestamp::from_millis(1_764_115_200_000),
            id: "0707",
            site: "webmail.campus.example",
        }
    }

    fn assembled(composed: &Composed, files: Vec<File>) -> String {
        String::from_utf8(assemble(composed, files, &written()).to_vec()).expect("mail is ASCII")
    }

    #[test]
    fn a_plain_message_is_what_was_written() {
        let composed = Composed {
            to: "Bob <bob@x.example>;\r\ncarol@x.example,".to_owned(),
            subject: "Grüße".to_owned(),
            text: "See you at nine.\n".to_owned(),
            ..Composed::default()
        };
        let mail = assembled(&composed, Vec::new());
        let (head, body) = mail.split_once("\r\n\r\n").expect("head and body");
        for line in [
            "From: alice@campus.example",
            "To: Bob <bob@x.example>, carol@x.example",
            "Subject: =?utf-8?b?R3LDvMOfZQ==?=",
            "Message-ID: <0707@webmail.campus.example>",
            "Date: Wed, 26 Nov 2025 00:00:00 +0000",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        assert!(body.starts_with("See you at nine."), "{body}");
        assert!(!head.contains("Bcc"), "{head}");
    }

    #[test]
    fn html_has_its_words_beside_it_and_files_follow() {
        let composed = Composed {
            from: "Boss <ceo@bank.example>".to_owned(),
            text: "<p>Pay <b>now</b> &amp; here</p>".to_owned(),
            is_html: true,
            ..Composed::default()
        };
        let file = File {
            name: Some("bill.pdf".to_owned()),
            kind: Some("application/pdf".to_owned()),
            content: b"%PDF\xff".to_vec(),
        };
        let mail = assembled(&composed, vec![file, File::default()]);
        for part in [
            "From: Boss <ceo@bank.example>\r\n",
            "multipart/mixed",
            "multipart/alternative",
            "Pay now & here",
            "<p>Pay <b>now</b> &amp; here</p>",
            "filename=\"bill.pdf\"",
            "Content-Type: application/pdf\r\n",
            "JVBERv8=",
            "application/octet-stream",
        ] {
            assert!(mail.contains(part), "{part}: {mail}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_adds_a_header(
            to in ".{0,40}", subject in "(?s).{0,80}", text in "(?s).{0,80}", is_html: bool, name in "(?s).{0,40}",
        ) {
            let inject = |text: &str| format!("{text}\r\nX-Injected: yes\r\n\r\n{text}");
            let composed = Composed {
                from: inject(&to), to: inject(&to), reply_to: inject(&subject), subject: inject(&subject),
                text, is_html, ..Composed::default()
            };
            let file = File { name: Some(inject(&name)), kind: Some(inject("text/plain")), content: b"x".to_vec() };
            let mail = assembled(&composed, vec![file]);
            prop_assert!(!mail.contains("\nX-Injected"), "{}", mail);
        }
    }
}
