//! What came of a request, from Roundcube's answer alone.
//!
//! Roundcube tells its client what happened by commands: one a line in a script of the page, or in the `exec` of a JSON
//! answer. Texts in them are written as JSON, so a line end in a subject never begins a line here; a command counts only
//! where one of those lines begins. The words people see are in eighty languages and are not looked at, with one
//! exception: see [`not_signed_in`].

use http::header;

use super::super::set_cookies;
use super::messages::NOT_JUDGED;
use super::*;

/// What Roundcube's script calls the client, in the ways it writes that at the beginning of a line.
const CLIENT: &[&str] = &["if (window.parent && parent.rcmail) parent.rcmail.", "parent.rcmail.", "rcmail."];

pub(super) fn outcome(asked: &Asked, answer: &Answer<'_>) -> Outcome {
    let commands = Commands::of(answer);
    if commands.any("sent_successfully") && asked.sent_counts {
        return Outcome::Sent;
    }
    if signed_in(asked, answer) {
        return Outcome::SignedIn;
    }
    match &asked.action {
        Action::SignIn { .. } => not_signed_in(answer, &commands),
        Action::SignOut if session_cookies(answer).any(|cookie| cookie.deletes()) => Outcome::SignedOut,
        Action::Send(sending) => sent(sending.kind, answer, &commands),
        Action::ChangePassword if commands.messages().any(|kind| kind == "confirmation") => Outcome::PasswordChanged,
        _ => Outcome::Unclear,
    }
}

/// A redirect that sets a session's second cookie. Other redirects set that one too, whenever its time slot moves on;
/// only a sign-in sets both anew.
fn signed_in(asked: &Asked, answer: &Answer<'_>) -> bool {
    answer.status == StatusCode::FOUND
        && session_cookies(answer).any(|cookie| !cookie.deletes())
        && (matches!(asked.action, Action::SignIn { .. })
            || set_cookies(answer.headers).any(|cookie| cookie.name == "roundcube_sessid" && !cookie.deletes()))
}

/// `roundcube_sessauth`, or what an operator renamed it to: its value is a random word, a dash and a number.
fn session_cookies<'a>(answer: &Answer<'a>) -> impl Iterator<Item = SetCookie<'a>> {
    set_cookies(answer.headers).filter(|cookie| {
        cookie.name == "roundcube_sessauth"
            || cookie.value == "-del-"
            || cookie.value.rsplit_once('-').is_some_and(|(word, slot)| {
                word.len() >= 20
                    && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && !slot.is_empty()
                    && slot.bytes().all(|byte| byte.is_ascii_digit())
            })
    })
}

/// Wrong password, or a failure that says nothing about it?
///
/// Roundcube answers 401 to both. What the wire gives beside the words: the deleting cookie comes twice when the token
/// was good and once when it was not. That leaves its own limit and a mail server that is away, which differ from a
/// wrong password by their words alone; so the words of every language that comes with Roundcube are known here, by
/// their hashes. An operator's own words are not, and count as a wrong password: the strict side.
fn not_signed_in(answer: &Answer<'_>, commands: &Commands) -> Outcome {
    if answer.status != StatusCode::UNAUTHORIZED {
        return if commands.any("session_error") { Outcome::NotJudged } else { Outcome::Unclear };
    }
    let deletions = session_cookies(answer).filter(SetCookie::deletes).count();
    let says_otherwise = commands.texts().any(|text| NOT_JUDGED.binary_search(&fnv1a(text.as_bytes())).is_ok());
    match deletions {
        0 => Outcome::NotJudged,
        1 => Outcome::FormRefused,
        _ if says_otherwise => Outcome::NotJudged,
        _ => Outcome::WrongPassword,
    }
}

/// The 64-bit FNV-1a hash; nobody gains by a collision, since the webmail writes these words.
fn fnv1a(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn sent(kind: SendingKind, answer: &Answer<'_>, commands: &Commands) -> Outcome {
    let first = commands.messages().next();
    // Only the message form has a command of its own for success.
    match kind {
        SendingKind::Message => {}
        SendingKind::Resend if commands.messages().any(|kind| kind == "confirmation") => return Outcome::Sent,
        SendingKind::Receipt if first.as_deref() == Some("confirmation") => return Outcome::Sent,
        SendingKind::Resend | SendingKind::Receipt => {}
    }
    let refused = answer.status == StatusCode::OK
        && (first.as_deref() == Some("error")
            || commands.any("session_error")
            || commands.any("set_draft_id")
            || commands.any("spellcheck_resume"));
    let bad_token = answer.status == StatusCode::FORBIDDEN && answer.body == Some(b"Invalid Request");
    if refused || bad_token || is_page_without_session(answer) { Outcome::NotSent } else { Outcome::Unclear }
}

/// The sign-in page, or the page that says the request's token was wrong: full pages whose body names their task.
fn is_page_without_session(answer: &Answer<'_>) -> bool {
    let Some(page) = html(answer) else { return false };
    let Some(body) = page.find("<body") else { return false };
    let tag = &page[body..];
    let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
    answer.status.is_success() && (tag.contains("task-login") || tag.contains("task-error"))
}

/// The commands of an answer: name and arguments, in order.
struct Commands(Vec<(String, String)>);

impl Commands {
    fn of(answer: &Answer<'_>) -> Self {
        if let Some(page) = html(answer) {
            return Self(scripts(page).flat_map(str::lines).filter_map(|line| command(line, CLIENT)).collect());
        }
        let Some(body) = answer.body.filter(|_| is_of_type(answer, "application/json")) else {
            return Self(Vec::new());
        };
        let Ok(serde_json::Value::Object(json)) = serde_json::from_slice(body) else { return Self(Vec::new()) };
        let exec = json.get("exec").and_then(serde_json::Value::as_str).unwrap_or_default();
        Self(exec.lines().filter_map(|line| command(line, &["this."])).collect())
    }

    fn any(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The kinds of the messages shown: `confirmation`, `error`, `warning`, `notice`.
    fn messages(&self) -> impl Iterator<Item = String> {
        self.shown().filter_map(|arguments| Some(arguments.get(1)?.as_str()?.to_owned()))
    }

    /// The texts of the messages shown.
    fn texts(&self) -> impl Iterator<Item = String> {
        self.shown().filter_map(|arguments| Some(arguments.first()?.as_str()?.to_owned()))
    }

    fn shown(&self) -> impl Iterator<Item = Vec<serde_json::Value>> {
        self.0
            .iter()
            .filter(|(name, _)| name == "display_message")
            .filter_map(|(_, arguments)| serde_json::from_str(&format!("[{arguments}]")).ok())
    }
}

/// A line as a command: `<client>name(arguments);`.
fn command(line: &str, client: &[&str]) -> Option<(String, String)> {
    let line = line.trim();
    let call = client.iter().find_map(|client| line.strip_prefix(client))?;
    let (name, arguments) = call.split_once('(')?;
    let arguments = arguments.strip_suffix(");").unwrap_or(arguments);
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_owned(), arguments.to_owned()))
}

/// The contents of a page's script elements.
fn scripts(page: &str) -> impl Iterator<Item = &str> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let tag = &rest[rest.find("<script")?..];
        let text = &tag[tag.find('>')? + 1..];
        let end = text.find("</script").unwrap_or(text.len());
        rest = &text[end..];
        Some(&text[..end])
    })
}

/// The answer as a page of Roundcube's own. Attachments and sources come with a disposition, and are anybody's text.
fn html<'a>(answer: &Answer<'a>) -> Option<&'a str> {
    let body = answer.body.filter(|_| is_of_type(answer, "text/html"))?;
    match std::str::from_utf8(body) {
        Ok(page) => Some(page),
        // What Roundcube's commands need comes before what is broken, or is not read.
        Err(error) => std::str::from_utf8(&body[..error.valid_up_to()]).ok(),
    }
}

fn is_of_type(answer: &Answer<'_>, wanted: &str) -> bool {
    let of = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let found = of(header::CONTENT_TYPE).unwrap_or_default();
    found.get(..wanted.len()).is_some_and(|found| found.eq_ignore_ascii_case(wanted))
        && of(header::CONTENT_DISPOSITION).is_none()
}
