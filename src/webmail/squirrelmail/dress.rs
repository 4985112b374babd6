//! A refusal from which nothing is lost: a page that carries the whole form and sends it again at the press of a button.
//!
//! SquirrelMail's forms are whole-page posts, so whatever is answered takes the place of the compose page.

use askama::Template;

use super::super::escape::{html, script_string};
use super::*;
use crate::challenge::words::Words;

const HTML: &str = "text/html; charset=UTF-8";

/// Buttons of the compose form. The one that was pressed becomes the page's own; the others were not pressed.
const BUTTONS: &[&[u8]] =
    &[b"draft", b"attach", b"sigappend", b"html_addr_search", b"from_htmladdr_search", b"do_delete"];

/// From here on a value stands in a text area: line ends survive there in every browser.
const LONG_BYTES: usize = 200;

#[derive(Template)]
#[template(path = "webmail/squirrelmail_again.html")]
struct Again<'a> {
    words: Words<'a>,
    heading: String,
    sentence: &'a str,
    target: String,
    charset: &'static str,
    sign_in: Option<String>,
    prove: Option<&'static str>,
    file_lost: bool,
    fields: Vec<Hidden>,
    button: Option<Hidden>,
}

struct Hidden {
    name: String,
    value: String,
    long: bool,
}

pub(super) fn dress(asked: &Asked, refusal: &Refusal<'_>, form: Option<&php::Form>) -> Option<Dressed> {
    // Not where nobody asked: it would take away the page beside it, in which the person may be proving just now.
    if let (Then::Prove(at), Shape::Frame, None) = (refusal.then, &asked.shape, form)
        && asked.action != Action::Poll
    {
        return Some(out_of_the_frames(at, refusal));
    }
    let heading = match asked.action {
        // Of a message that was held more can be said than that it is here.
        _ if refusal.status == StatusCode::CONFLICT => refusal.title.to_owned(),
        Action::Send(Sending { kind: SendingKind::Message, .. }) => refusal.words.say("back-not-sent"),
        Action::SaveDraft => refusal.words.say("back-not-saved"),
        // Another button of the compose form: what was written is as dear.
        Action::Upload | Action::View if asked.sent_counts => refusal.words.say("back-still-here"),
        _ => return None,
    };
    let form = form?;
    let sent = form.sent()?;
    let charset = Charset::of(sent);
    let is_button = |name: &[u8]| is_send_button(name) || name == b"send[]" || BUTTONS.contains(&name);
    let hidden = |field: &php::SentField| {
        let value = charset.text(&field.value);
        Hidden {
            name: charset.text(&field.name),
            long: value.len() >= LONG_BYTES || value.contains('\n') || field.name == b"body",
            value,
        }
    };
    let pressed = |name: &[u8]| match asked.action {
        Action::SaveDraft => name == b"draft",
        Action::Send(_) => is_send_button(name) || name == b"send[]",
        _ => is_button(name),
    };
    let page = Again {
        words: refusal.words,
        heading,
        sentence: refusal.sentence,
        target: format!("{}src/compose.php", refusal.base),
        charset: charset.name(),
        sign_in: (refusal.then == Then::SignIn).then(|| format!("{}src/login.php", refusal.base)),
        prove: match refusal.then {
            Then::Prove(at) => Some(at),
            Then::Stay | Then::SendAgain(_) | Then::SignIn => None,
        },
        file_lost: form.file_chosen(),
        fields: sent.iter().filter(|field| !field.is_file && !is_button(&field.name)).map(hidden).collect(),
        button: sent.iter().find(|field| pressed(&field.name)).map(hidden),
    };
    // Rendering into a string fails only where a template's own code does, and this one has none.
    let body = page.render().ok()?;
    Some(Dressed { status: refusal.status, content_type: HTML, body })
}

/// A page within the product's frames: what must be seen takes the whole window.
fn out_of_the_frames(at: &str, refusal: &Refusal<'_>) -> Dressed {
    let body = format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"UTF-8\"><title></title><script>\nwindow.top.location.href = {};\n</script></head>\
         <body><p><a href=\"{}\" target=\"_top\">{}</a></p></body></html>\n",
        script_string(at),
        html(at),
        html(refusal.sentence)
    );
    Dressed { status: refusal.status, content_type: HTML, body }
}

/// How the form's bytes stand in a page so that the browser sends the same bytes again.
///
/// The form's charset is the language's and is not on the wire. Bytes that are UTF-8 stay so; all others are read as
/// windows-1252, which has a letter for every byte, and are sent back as that.
#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Windows1252,
}

impl Charset {
    fn of(sent: &[php::SentField]) -> Self {
        let utf8 = |text: &[u8]| std::str::from_utf8(text).is_ok();
        if sent.iter().all(|field| utf8(&field.name) && utf8(&field.value)) { Self::Utf8 } else { Self::Windows1252 }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
        }
    }

    fn text(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Windows1252 => bytes
                .iter()
                .map(|&byte| match byte {
                    0x80..=0x9f => HIGH_CONTROLS[usize::from(byte - 0x80)],
                    byte => char::from(byte),
                })
                .collect(),
        }
    }
}

/// What browsers read 0x80 to 0x9f as in windows-1252 (the Encoding Standard's index).
const HIGH_CONTROLS: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];
