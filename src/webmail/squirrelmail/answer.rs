//! What came of a request, from SquirrelMail's answer alone: redirects and cookies, never the localised words.

use http::header;

use super::super::set_cookies;
use super::*;

/// What SquirrelMail writes into a cookie to take it away.
const TRASH: &str = "SQMTRASH";

pub(super) fn outcome(asked: &Asked, answer: &Answer<'_>) -> Outcome {
    let set = |name: &str, trash: bool| {
        set_cookies(answer.headers).any(|cookie| cookie.name == name && cookie.deletes() == trash)
    };
    if answer.status == StatusCode::FOUND && set("key", false) {
        return Outcome::SignedIn;
    }
    if asked.sent_counts && says_sent(answer) {
        return Outcome::Sent;
    }
    match asked.action {
        Action::SignIn { .. } if answer.status == StatusCode::OK => {
            // The session is thrown away when the mail server said no, and only then.
            let refused = set_cookies(answer.headers).any(|cookie| cookie.value == TRASH);
            if refused { Outcome::WrongPassword } else { Outcome::NotJudged }
        }
        Action::SignOut if set("key", true) => Outcome::SignedOut,
        Action::Send(Sending { kind: SendingKind::Message, .. }) if says_not_sent(answer) => Outcome::NotSent,
        _ => Outcome::Unclear,
    }
}

/// The redirect of `compose.php` after a send: to the list, without the note it has for a draft, or through the script
/// that deletes the draft it was made from; with composing in a window of its own, to itself.
fn says_sent(answer: &Answer<'_>) -> bool {
    let Some((path, query)) = redirected(answer) else { return false };
    let sent = query.split('&').any(|part| part == "mail_sent=yes");
    match path.rsplit('/').next().unwrap_or_default() {
        "right_main.php" => !query.split('&').any(|part| part.starts_with("note=")),
        "delete_message.php" | "compose.php" => sent,
        _ => false,
    }
}

/// The compose page again, with what went wrong above it; a draft's redirect; or the page that says the session or the
/// token is not good, which sends people to the sign-in page in the whole window.
fn says_not_sent(answer: &Answer<'_>) -> bool {
    if let Some((path, query)) = redirected(answer) {
        let note = query.split('&').any(|part| part.starts_with("note=") || part == "draft_saved=yes");
        return note && (path.ends_with("right_main.php") || path.ends_with("compose.php"));
    }
    let Some(page) = answer.body.filter(|_| answer.status == StatusCode::OK) else { return false };
    let has = |text: &[u8]| page.windows(text.len()).any(|found| found.eq_ignore_ascii_case(text));
    has(b"<form name=\"compose\"") || (has(b"login.php") && has(b"target=\"_top\"") && !has(b"<frameset"))
}

/// Path and query of a redirect's target.
fn redirected<'a>(answer: &Answer<'a>) -> Option<(&'a str, &'a str)> {
    if !answer.status.is_redirection() {
        return None;
    }
    let target = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    Some(target.split_once('?').unwrap_or((target, "")))
}
