//! A refusal from which nothing is lost: a page that carries the whole form and sends it again at the press of a button.
//!
//! SquirrelMail's forms are whole-page posts, so whatever is answered takes the place of the compose page.

use askama::Template;

use super::super::escape::{html, script_string};
use super::charset::Charset;
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
    let charset = Charset::of(sent.iter().flat_map(|field| [&field.name[..], &field.value]));
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
