//! A refusal as Roundcube's client understands it.
//!
//! The rule behind all of it: never answer 403 to a script's request (the client reloads the page, and what was written
//! is gone), never let the page navigate before `session_error()` has saved the text, and give the hidden send frame a
//! page that says it is Roundcube's, or the client adds an error of its own.

use super::super::escape::{html, script_string};
use super::*;

const HTML: &str = "text/html; charset=UTF-8";
const JSON: &str = "application/json; charset=UTF-8";

/// How long the client shows the message, in milliseconds; a click takes it away sooner.
const SHOWN_MILLIS: u32 = 30_000;

/// Run in the dialog's page once the proof was right. By string and with delay: the dialog, and with it this page and its
/// functions, is gone by then. Only a compose page has something that waits to be sent.
pub(super) const RESUMES: &str = r##"if (window.parent !== window && parent.rcmail) {
  parent.setTimeout('$("#mailward-proof").closest(".ui-dialog-content").dialog("close"); if (rcmail.env.action == "compose") rcmail.command("send", {});', 50);
}
"##;

/// The dialog's page must have come by then, in milliseconds; else frames are forbidden here, and the whole page goes.
const DIALOG_COMES_MILLIS: u32 = 5_000;

/// `compose` is the number of the compose page that a message was sent from; letters and digits only.
pub(super) fn dress(asked: &Asked, refusal: &Refusal<'_>, compose: Option<&str>) -> Option<Dressed> {
    match &asked.shape {
        Shape::Page | Shape::Download => None,
        Shape::Frame => Some(frame(refusal)),
        Shape::FramedForm { unlock } => {
            let from_compose = matches!(&asked.action, Action::Send(sending) if sending.kind == SendingKind::Message);
            match refusal.then {
                Then::Prove(at) if from_compose => Some(dialog(unlock.as_deref(), refusal, at, compose)),
                _ => Some(framed_form(unlock.as_deref(), refusal)),
            }
        }
        Shape::Ajax { action, unlock, upload } => {
            // Nobody asked for a poll, so nobody is told: every minute would be a message.
            let quiet = asked.action == Action::Poll && refusal.then == Then::Stay;
            let commands = if quiet { Vec::new() } else { commands(refusal) };
            Some(ajax(action, unlock.as_deref(), upload.as_deref(), &commands, refusal.then))
        }
    }
}

/// The answer in the hidden frame that a message was posted into; the compose page around it keeps everything.
fn framed_form(unlock: Option<&str>, refusal: &Refusal<'_>) -> Dressed {
    let mut script = format!("\tparent.rcmail.iframe_loaded({});\n", script_string(unlock.unwrap_or_default()));
    for command in commands(refusal) {
        script.push_str(&format!("\tparent.rcmail.{command}\n"));
    }
    match refusal.then {
        Then::Stay | Then::Prove(_) => script.push_str("\tparent.rcmail.auto_save_start();\n"),
        // A string, not a function: the frame and its functions are gone by then. Without `{}` the client stumbles.
        Then::SendAgain(after) => script.push_str(&format!(
            "\tparent.rcmail.auto_save_start();\n\tparent.setTimeout('rcmail.command(\"send\", {{}})', {});\n",
            after.as_millis()
        )),
        Then::SignIn => {}
    }
    Dressed { status: passable(refusal.status), content_type: HTML, body: page(&script, refusal.sentence) }
}

/// The page that asks, in a dialog over the compose page: nothing navigates, and after the proof the message is sent by
/// itself. Where the dialog stays empty, because something forbids frames, the text is saved in the browser and the whole
/// page goes to it; it comes back by itself with the same compose page.
fn dialog(unlock: Option<&str>, refusal: &Refusal<'_>, at: &str, compose: Option<&str>) -> Dressed {
    let back = format!("{}?_task=mail&_action=compose&_id={}", refusal.base, compose.unwrap_or_default());
    let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let whole = format!(
        "(function(){{var f=document.getElementById('mailward-proof'),d;if(!f)return;\
         try{{d=f.contentDocument.documentElement.getAttribute('data-mailward')}}catch(e){{}}if(d)return;\
         $(f).closest('.ui-dialog-content').dialog('close');rcmail.session_error();location.href={}}})()",
        script_string(&format!("{at}?back={back}"))
    );
    let script = format!(
        "\tvar rc = parent.rcmail;\n\trc.iframe_loaded({});\n\trc.auto_save_start();\n\
         \tparent.$('#mailward-proof').closest('.ui-dialog-content').dialog('close');\n\
         \trc.show_popup_dialog(parent.$('<iframe>').attr({{id: 'mailward-proof', src: {}, title: {title}}}), {title}, \
         [{{text: rc.get_label('cancel'), 'class': 'cancel', click: parent.Function(\"$(this).dialog('close')\")}}], \
         {{width: 480, height: 480}});\n\tparent.setTimeout({}, {DIALOG_COMES_MILLIS});\n",
        script_string(unlock.unwrap_or_default()),
        script_string(&format!("{at}?frame=1")),
        script_string(&whole),
        title = script_string(&html(refusal.title)),
    );
    Dressed { status: passable(refusal.status), content_type: HTML, body: page(&script, refusal.sentence) }
}

/// A page inside one of Roundcube's frames: said there, and in the window around it.
fn frame(refusal: &Refusal<'_>) -> Dressed {
    let mut script = String::new();
    match refusal.then {
        // A sign-in page inside a frame helps nobody.
        Then::SignIn => script.push_str(&format!("\t(window.top || window).location.href = {};\n", sign_in(refusal))),
        Then::Prove(at) => {
            script.push_str(&format!("\t(window.top || window).location.href = {};\n", script_string(at)));
        }
        Then::Stay | Then::SendAgain(_) => {
            for command in commands(refusal) {
                script.push_str(&format!("\tparent.rcmail.{command}\n"));
            }
        }
    }
    Dressed { status: passable(refusal.status), content_type: HTML, body: page(&script, refusal.sentence) }
}

/// Roundcube's JSON, always with status 200: in any other the client does not read it, and at 403 it reloads the page.
fn ajax(action: &str, unlock: Option<&str>, upload: Option<&str>, commands: &[String], then: Then) -> Dressed {
    let mut exec = String::new();
    if let Some(upload) = upload {
        exec.push_str(&format!("this.remove_from_attachment_list({});\n", script_string(upload)));
    }
    for command in commands {
        exec.push_str(&format!("this.{command}\n"));
    }
    if let Then::SendAgain(after) = then {
        exec.push_str(&format!("window.setTimeout('rcmail.command(\"send\", {{}})', {});\n", after.as_millis()));
    }
    let mut body = format!("{{\"action\":{}", script_string(action));
    if let Some(unlock) = unlock {
        body.push_str(&format!(",\"unlock\":{}", script_string(unlock)));
    }
    body.push_str(&format!(",\"exec\":{}}}", script_string(&exec)));
    Dressed { status: StatusCode::OK, content_type: JSON, body }
}

/// What the client is told to do, each a method of it with its arguments.
fn commands(refusal: &Refusal<'_>) -> Vec<String> {
    // The client puts the text into its page as HTML.
    let sentence = script_string(&html(refusal.sentence));
    match refusal.then {
        Then::Stay => vec![format!("display_message({sentence},\"error\",{SHOWN_MILLIS});")],
        Then::SendAgain(after) => {
            vec![format!("display_message({sentence},\"notice\",{});", after.as_millis().max(1_000))]
        }
        // As below, but to the page that asks.
        Then::Prove(at) => vec![
            format!("display_message({sentence},\"error\",-1000);"),
            format!("session_error({});", script_string(at)),
        ],
        // Shown until the page goes; then, on a compose page, the text is saved in the browser and comes back by itself
        // when the person has signed in and opens the same compose page.
        Then::SignIn => vec![
            format!("display_message({sentence},\"error\",-1000);"),
            format!("session_error({});", sign_in(refusal)),
        ],
    }
}

/// Where one signs in, as a script string.
fn sign_in(refusal: &Refusal<'_>) -> String {
    script_string(&format!("{}?_task=login&_err=session", refusal.base))
}

/// A page that Roundcube's client takes for Roundcube's, and that a person can read should it ever be shown.
fn page(script: &str, sentence: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"UTF-8\"><title></title><meta name=\"generator\" content=\"Roundcube\">\
         <script>\nif (window.parent && parent.rcmail) {{\n{script}}}\n</script></head><body><p>{}</p></body></html>\n",
        html(sentence)
    )
}

/// 403 is for nobody here: should a client's script see the status, it must not reload the page.
fn passable(status: StatusCode) -> StatusCode {
    if status == StatusCode::FORBIDDEN { StatusCode::TOO_MANY_REQUESTS } else { status }
}
