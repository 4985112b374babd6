//! Roundcube on the wire (observed on 1.6).
//!
//! One script answers everything; `_task` and `_action` in query or body say what is asked. Two things make it harder
//! than it sounds: the send request has them in its body only, and drafts are saved through the very same request.

mod answer;
mod compose;
mod dress;
mod holes;
mod messages;
mod moves;
mod recipients;

use super::strict::{Crowds, body_or_query, check, is_true};
use super::*;
use crate::domain::{Aim, Secret, action::Sending, action::SendingKind};

/// Roundcube.
pub struct Roundcube;

/// Fields that decide what a request does, and for whom.
const CONTROL: &[&[u8]] = &[
    b"_task",
    b"_action",
    b"_id",
    b"_draft",
    b"_saveonly",
    b"_to",
    b"_cc",
    b"_bcc",
    b"_from",
    b"_charset",
    b"_user",
    b"_pass",
];

/// Fields that say who waits for the answer, or tell apart what an action does.
const OTHERS: &[&[u8]] = &[
    b"_framed",
    b"_remote",
    b"_unlock",
    b"_uploadid",
    b"_act",
    b"_save",
    b"_token",
    b"_mbox",
    b"_flag",
    b"_uid",
    b"_search",
    b"_replyto",
    b"_followupto",
    b"roundcube_sessid",
];

/// Letters and digits of a client's word that go back into a script; Roundcube's own have about 20.
const WORD_MAX: usize = 64;

/// Folders beside the script in which a product file may be served as it stands.
const ASSETS: &[&str] = &["/program/js/", "/program/resources/", "/skins/", "/plugins/"];

/// What is served from there; everything else in those folders is the product's own business.
const ASSET_TYPES: &[&str] = &[
    "js", "css", "less", "map", "json", "html", "svg", "png", "gif", "jpg", "jpeg", "webp", "tiff", "ico", "woff",
    "woff2", "ttf", "eot", "otf", "mp3", "ogg", "wav", "pdf",
];

/// Folders of a plugin that hold code, texts or configuration. (A `lib` deeper down may be a script library's own.)
const PLUGIN_INNER: &[&str] =
    &["lib", "localization", "drivers", "helpers", "config", "vendor", "tests", "bin", "sql", "home", "logs", "temp"];

impl Webmail for Roundcube {
    fn id(&self) -> &'static str {
        "roundcube"
    }

    fn session_cookie(&self) -> &'static str {
        "roundcube_sessid"
    }

    fn sign_in_page(&self) -> SignInPage {
        // The page's script names the task in every skin and language; its form carries the token since 1.0.
        SignInPage { path: "?_task=login", marks: &["\"task\":\"login\"", "name=\"_token\""] }
    }

    fn place(&self, path: &str, entry_points: &[String]) -> Place {
        // `/index.php/x` is the script with a path behind it, wherever the web server allows that.
        let is = |script: &str| path.strip_prefix(script).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if path == "/" || is("/index.php") || entry_points.iter().any(|entry| is(entry)) {
            return Place::Script;
        }
        let lower = lower(path);
        if runs_or_hides(&lower) {
            return Place::Never;
        }
        let file = lower.rsplit('/').next().unwrap_or_default();
        let served = || file.rsplit_once('.').is_some_and(|(_, kind)| ASSET_TYPES.contains(&kind));
        let inner = || {
            let of_plugin = lower.strip_prefix("/plugins/").and_then(|rest| rest.split('/').nth(1));
            of_plugin.is_some_and(|part| PLUGIN_INNER.contains(&part)) || lower.contains("/templates/")
        };
        let is_folder_asset = || ASSETS.iter().any(|folder| lower.starts_with(folder)) && served() && !inner();
        let is_root_asset = || matches!(&*lower, "/favicon.ico" | "/robots.txt");
        if (is_folder_asset() || is_root_asset()) && !file.starts_with("composer.") && !file.starts_with("config.") {
            Place::Asset
        } else {
            Place::Never
        }
    }

    fn needs_field(&self, name: &[u8]) -> bool {
        CONTROL.contains(&name) || OTHERS.contains(&name) || hole::reads(holes::HOLES, name)
    }

    fn shape(&self, request: &Reading<'_>) -> Shape {
        let action = canonical(body_or_query(request, b"_action").unwrap_or_default());
        shape_of(request, &action)
    }

    fn classify(&self, request: &Reading<'_>) -> Result<Asked, Unnatural> {
        if let Some(unnatural) = request.cookies.unnatural() {
            return Err(unnatural);
        }
        let task = body_or_query(request, b"_task").unwrap_or_default();
        check(request, CONTROL, if task == b"settings" { Crowds::Passed } else { Crowds::Refused })?;
        let action = body_or_query(request, b"_action").unwrap_or_default();
        // Roundcube strips tags before it strips letters; what that leaves of half a tag is not worth knowing.
        if task.contains(&b'<') || action.contains(&b'<') {
            return Err(Unnatural { rule: "markup in an action" });
        }
        let task = words(task, false);
        let action = canonical(action);
        let shape = shape_of(request, &action);
        let action = Meant { request, task: if task.is_empty() { "mail" } else { &task }, action: &action };
        if action.is_sending() {
            foreign_charset(request)?;
        }
        if action.signs_in() && !has_token(request) {
            return Err(Unnatural { rule: "sign-in without its token" });
        }
        Ok(Asked { action: action.action(), shape, sent_counts: !action.keeps_only() })
    }

    fn holes(&self) -> &'static [hole::Hole] {
        holes::HOLES
    }

    fn unclosed_holes(&self) -> &'static [hole::Unclosed] {
        holes::UNCLOSED
    }

    fn close_holes(&self, request: &Reading<'_>, open: &[&'static str]) -> Result<(), Unnatural> {
        let action = canonical(body_or_query(request, b"_action").unwrap_or_default());
        hole::check(holes::HOLES, &action, request, open)
    }

    fn content_policy(&self) -> &'static str {
        // Answers to its scripts are evaluated, handlers stand in the markup. Pictures of a message are shown from anywhere
        // once the reader says so. Keys of correspondents are looked up at the server that its defaults name.
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob: http: https:; media-src 'self' data: blob:; font-src 'self' data:; \
         connect-src 'self' https://keys.openpgp.org; frame-src 'self' blob:; worker-src 'self' blob:; \
         object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    }

    fn version(&self, page: &str) -> Option<hole::Version> {
        // `10616` is 1.6.16; since 1.6 every page says it to its own script.
        let (_, behind) = page.split_once("\"rcversion\":")?;
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = behind[..digits].parse().ok()?;
        let part = |number: u32| u16::try_from(number).ok();
        Some(hole::Version(part(number / 10_000)?, part(number / 100 % 100)?, part(number % 100)?))
    }

    fn outcome(&self, asked: &Asked, answer: &Answer<'_>) -> Outcome {
        answer::outcome(asked, answer)
    }

    fn logged_sign_in(&self, method: &str, target: &str, status: u16) -> Option<LoggedSignIn> {
        let (_, query) = target.split_once('?')?;
        if method != "POST" || !query.split('&').any(|pair| pair == "_task=login") {
            return None;
        }
        Some(match status {
            302 => LoggedSignIn::Succeeded,
            401 => LoggedSignIn::Failed,
            _ => LoggedSignIn::Unclear,
        })
    }

    fn password_page(&self) -> Option<&'static str> {
        // Of the plugin that comes with it.
        Some("?_task=settings&_action=plugin.password")
    }

    fn targets(&self, query: &php::Fields, form: Option<&php::Form>) -> Vec<String> {
        moves::targets(query, form)
    }

    fn aim(&self, query: &php::Fields, form: Option<&php::Form>) -> Aim {
        moves::aim(query, form)
    }

    fn resumes(&self) -> &'static str {
        dress::RESUMES
    }

    fn composed(&self, form: &php::Form) -> Option<Composed> {
        Some(compose::composed(form))
    }

    fn attached_at(&self, query: &php::Fields, form: &php::Form, attached: &Attached) -> Option<String> {
        compose::attached_at(query, form, attached)
    }

    fn resent_at(&self, query: &php::Fields, form: &php::Form) -> Option<String> {
        compose::resent_at(query, form)
    }

    fn dress(&self, asked: &Asked, refusal: &Refusal<'_>, form: Option<&php::Form>) -> Option<Dressed> {
        let compose = form.and_then(|form| form.fields().text(b"_id")).and_then(word);
        dress::dress(asked, refusal, compose.as_deref())
    }
}

/// What task and action mean together.
struct Meant<'a> {
    request: &'a Reading<'a>,
    task: &'a str,
    action: &'a str,
}

impl Meant<'_> {
    fn action(&self) -> Action {
        let request = self.request;
        let posted = request.form.is_some();
        let under_mail = self.task == "mail";
        match self.action {
            // Without a session every task is `login`, whatever the request says; with one this does nothing elsewhere.
            "login" if self.signs_in() => {
                Action::SignIn { name: self.text(b"_user"), password: Secret::new(self.text(b"_pass")) }
            }
            _ if self.task == "logout" => Action::SignOut,
            "send" if self.keeps_only() || (posted && self.is_draft()) => Action::SaveDraft,
            "send" if posted => self.sending(SendingKind::Message),
            "bounce" if posted => self.sending(SendingKind::Resend),
            "sendmdn" if posted => Action::Send(Sending::one(SendingKind::Receipt)),
            "upload" | "attachment_upload" if under_mail => Action::Upload,
            "identity_save" | "save_identity" | "identity_delete" | "delete_identity" => Action::ChangeIdentity,
            "plugin.newusersave" => Action::ChangeIdentity,
            "plugin.password_save" => Action::ChangePassword,
            action if action.starts_with("plugin.managesieve") && self.changes_filters() => Action::ChangeFilter,
            "export" => Action::Export,
            "viewsource" if is_true(body_or_query(request, b"_save")) => Action::Export,
            action if action.starts_with("plugin.zipdownload") => Action::Export,
            action if posted && self.removes(action) && moves::touches_sent(request) => Action::HideTraces,
            "keep_alive" | "refresh" => Action::Poll,
            "check_recent" | "getunread" if under_mail => Action::Poll,
            _ => Action::View,
        }
    }

    fn signs_in(&self) -> bool {
        self.action == "login" && self.request.form.is_some()
    }

    /// Whether mail may leave: what is judged as a send, and drafts, which differ from one by a field.
    fn is_sending(&self) -> bool {
        matches!(self.action, "send" | "bounce")
    }

    /// Stored and not sent: only the query's word counts.
    fn keeps_only(&self) -> bool {
        self.action == "send" && is_true(self.request.query.text(b"_saveonly"))
    }

    /// A draft: only the body's word counts, and `0` or nothing is a send.
    fn is_draft(&self) -> bool {
        is_true(self.request.form.and_then(|form| form.fields().text(b"_draft")))
    }

    /// Whether messages leave the folder that is open.
    fn removes(&self, action: &str) -> bool {
        match action {
            "move" | "delete" | "expunge" | "purge" | "folder_purge" | "delete_folder" | "folder_delete" => true,
            "mark" => body_or_query(self.request, b"_flag") == Some(b"delete"),
            _ => false,
        }
    }

    /// Filters change by what is posted, and by a `_act` in either source; its other acts only fetch pieces of a page.
    fn changes_filters(&self) -> bool {
        match body_or_query(self.request, b"_act") {
            Some(b"list" | b"setget" | b"ruleadd" | b"actionadd") => false,
            Some(act) => !act.is_empty() || self.request.form.is_some(),
            None => self.request.form.is_some(),
        }
    }

    fn sending(&self, kind: SendingKind) -> Action {
        let fields: Vec<&[u8]> = match self.request.form {
            Some(form) => [&b"_to"[..], b"_cc", b"_bcc"].iter().filter_map(|name| form.fields().text(name)).collect(),
            None => Vec::new(),
        };
        let recipients = fields.iter().copied().map(recipients::count).fold(0, usize::saturating_add);
        Action::Send(Sending {
            kind,
            recipients: u32::try_from(recipients.max(1)).unwrap_or(u32::MAX),
            to: addresses::of_fields(fields.into_iter()),
            answers: self.request.form.map(compose::answers).unwrap_or_default(),
        })
    }

    /// A text of the body; Roundcube reads name and password from nowhere else.
    fn text(&self, name: &[u8]) -> String {
        let text = self.request.form.and_then(|form| form.fields().text(name)).unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }
}

/// Every sign-in form carries a token, and without a right one Roundcube does not look at the password. Guessing programs
/// bring none: their attempts would cost Roundcube a page each and prove nothing, so they end here.
fn has_token(request: &Reading<'_>) -> bool {
    let token = request.form.and_then(|form| form.fields().text(b"_token")).unwrap_or_default();
    !token.is_empty() || request.headers.get("x-roundcube-request").is_some_and(|token| !token.is_empty())
}

/// A charset would be converted from before the recipients are split, and commas could hide in it. No page sends one.
fn foreign_charset(request: &Reading<'_>) -> Result<(), Unnatural> {
    match request.form.and_then(|form| form.fields().text(b"_charset")) {
        Some(charset) if !charset.is_empty() && !charset.eq_ignore_ascii_case(b"utf-8") => {
            Err(Unnatural { rule: "foreign charset" })
        }
        _ => Ok(()),
    }
}

fn shape_of(request: &Reading<'_>, action: &str) -> Shape {
    let header = |name: &str| request.headers.get(name).map(http::HeaderValue::as_bytes);
    let word_of = |name: &[u8]| body_or_query(request, name).and_then(word);
    let posted = request.method == Method::POST;
    let unlock = || word_of(b"_unlock").filter(|word| word != "0");
    if header("x-roundcube-request").is_some()
        || header("x-requested-with").is_some()
        || is_true(body_or_query(request, b"_remote"))
    {
        let action = words(body_or_query(request, b"_action").unwrap_or_default(), true);
        return Shape::Ajax { action, unlock: unlock(), upload: word_of(b"_uploadid") };
    }
    if matches!(action, "send" | "bounce") && posted {
        return Shape::FramedForm { unlock: unlock() };
    }
    if matches!(action, "get" | "photo") || (action == "viewsource" && is_true(body_or_query(request, b"_save"))) {
        return Shape::Download;
    }
    let destination = header("sec-fetch-dest");
    if is_true(body_or_query(request, b"_framed")) || matches!(destination, Some(b"iframe" | b"frame")) {
        // A form posted with `_framed` before its body is read: the only ones that wait for a script are the above.
        return if posted && request.form.is_none() { Shape::FramedForm { unlock: unlock() } } else { Shape::Frame };
    }
    match destination {
        Some(b"image" | b"font" | b"style" | b"script" | b"audio" | b"video" | b"object" | b"embed") => Shape::Download,
        _ => Shape::Page,
    }
}

/// An action as Roundcube looks it up: odd letters gone, `-` the same as `_`.
fn canonical(action: &[u8]) -> String {
    kept(action, |byte| match byte {
        b'-' => Some(b'_'),
        byte => is_of_words(byte, true).then_some(byte),
    })
}

/// Roundcube's `asciiwords`.
fn words(text: &[u8], dots: bool) -> String {
    kept(text, |byte| is_of_words(byte, dots).then_some(byte))
}

const fn is_of_words(byte: u8, dots: bool) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (dots && byte == b'.')
}

/// A client's word that goes back into a script: letters and digits only.
fn word(text: &[u8]) -> Option<String> {
    let word = kept(text, |byte| byte.is_ascii_alphanumeric().then_some(byte));
    (!word.is_empty()).then_some(word)
}

/// What `keep` leaves of a text, up to [`WORD_MAX`].
fn kept(text: &[u8], keep: impl Fn(u8) -> Option<u8>) -> String {
    let mut kept = String::with_capacity(text.len().min(WORD_MAX));
    kept.extend(text.iter().filter_map(|&byte| keep(byte)).take(WORD_MAX).map(char::from));
    kept
}

#[cfg(test)]
mod hole_tests;
#[cfg(test)]
mod tests;
