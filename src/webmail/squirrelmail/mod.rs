//! SquirrelMail on the wire (observed on 1.4.23).
//!
//! Every page is a script of its own, so the path says most of what is asked. Two traps: a sign-in works by GET too, and
//! which button was pressed decides between sending, saving and looking something up in one and the same form.

mod answer;
mod charset;
mod compose;
mod dress;
mod holes;
mod moves;
mod recipients;
mod serialized;

use super::strict::{Crowds, body_or_query, check, is_true};
use super::*;
use crate::domain::{Aim, Secret, action::Sending, action::SendingKind};

/// SquirrelMail.
pub struct SquirrelMail;

/// Fields that decide what a request does, and for whom; texts that are sent once.
const CONTROL: &[&[u8]] = &[b"draft", b"send_to", b"send_to_cc", b"send_to_bcc", b"login_username", b"secretkey"];

/// Fields that tell apart what a script does.
const OTHERS: &[&[u8]] = &[
    b"send",
    b"attach",
    b"sendreceipt",
    b"optpage",
    b"optmode",
    b"action",
    b"mailbox",
    b"delete",
    b"moveButton",
    b"SQMSESSID",
];

/// The scripts of `/src/` that pages link to. `configtest.php` is not one: it tells strangers about the installation.
const SCRIPTS: &[&str] = &[
    "about",
    "addrbook_popup",
    "addrbook_search",
    "addrbook_search_html",
    "addressbook",
    "compose",
    "delete_message",
    "download",
    "empty_trash",
    "folders",
    "folders_create",
    "folders_delete",
    "folders_rename_do",
    "folders_rename_getname",
    "folders_subscribe",
    "help",
    "image",
    "index",
    "left_main",
    "login",
    "mailto",
    "move_messages",
    "options",
    "options_highlight",
    "options_identities",
    "options_order",
    "printer_friendly_bottom",
    "printer_friendly_main",
    "printer_friendly_top",
    "read_body",
    "redirect",
    "right_main",
    "search",
    "signout",
    "squirrelmail_rpc",
    "style",
    "vcard",
    "view_header",
    "view_html",
    "view_text",
    "webmail",
];

/// The pages of the plugins that come with the product. Those of other plugins are for the operator to list.
const PLUGIN_PAGES: &[&str] = &[
    "abook_take/take",
    "bug_report/bug_report",
    "bug_report/show_system_specs",
    "calendar/calendar",
    "calendar/day",
    "calendar/event_create",
    "calendar/event_delete",
    "calendar/event_edit",
    "filters/filters",
    "filters/options",
    "filters/spamoptions",
    "info/options",
    "listcommands/mailout",
    "mail_fetch/fetch",
    "mail_fetch/options",
    "message_details/message_details_bottom",
    "message_details/message_details_main",
    "message_details/message_details_top",
    "newmail/newmail",
    "newmail/newmail_opt",
    "newmail/testsound",
    "spamcop/options",
    "spamcop/spamcop",
    "squirrelspell/sqspell_interface",
    "squirrelspell/sqspell_options",
    "translate/options",
];

/// Folders in which a product file may be served as it stands.
const ASSETS: &[&str] = &["/images/", "/themes/css/", "/css/", "/templates/", "/plugins/"];

/// What is served from there, and from the product's own folder.
const ASSET_TYPES: &[&str] = &["css", "js", "png", "gif", "jpg", "jpeg", "svg", "ico", "wav", "mp3", "ogg"];

/// Parts of the names of plugins that change a password, a forward or the like; they come from elsewhere and differ by
/// site, so their forms are known by this alone.
const PASSWORD_PLUGINS: &[&str] = &["passwd", "password", "change_pass", "sqlpass", "ldappass", "poppass"];
const FILTER_PLUGINS: &[&str] =
    &["filter", "mail_fetch", "vacation", "mail_fwd", "forward", "autorespond", "sieve", "avelsieve"];

impl Webmail for SquirrelMail {
    fn id(&self) -> &'static str {
        "squirrelmail"
    }

    fn session_cookie(&self) -> &'static str {
        "SQMSESSID"
    }

    fn sign_in_page(&self) -> SignInPage {
        SignInPage { path: "src/login.php", marks: &["name=\"login_username\"", "name=\"secretkey\""] }
    }

    fn place(&self, path: &str, entry_points: &[String]) -> Place {
        // `/src/compose.php/x` is the script with a path behind it, wherever the web server allows that.
        let listed = |entry: &String| {
            path.strip_prefix(entry.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if matches!(path, "/" | "/src" | "/src/") || entry_points.iter().any(listed) {
            return Place::Script;
        }
        if let Some(script) = script(path) {
            let known = match script.strip_prefix("/src/") {
                Some(name) => SCRIPTS.contains(&name),
                None => {
                    script == "/index"
                        || script.strip_prefix("/plugins/").is_some_and(|page| PLUGIN_PAGES.contains(&page))
                }
            };
            return if known { Place::Script } else { Place::Never };
        }
        let lower = lower(path);
        if runs_or_hides(&lower) {
            return Place::Never;
        }
        let served = lower.rsplit_once('.').is_some_and(|(_, kind)| ASSET_TYPES.contains(&kind));
        let in_root = lower.matches('/').count() == 1;
        if served && (in_root || ASSETS.iter().any(|folder| lower.starts_with(folder))) {
            Place::Asset
        } else {
            Place::Never
        }
    }

    fn needs_field(&self, name: &[u8]) -> bool {
        CONTROL.contains(&name) || OTHERS.contains(&name) || is_send_button(name) || hole::reads(holes::HOLES, name)
    }

    fn shape(&self, request: &Reading<'_>) -> Shape {
        let destination = request.headers.get("sec-fetch-dest").map(http::HeaderValue::as_bytes);
        match (script(request.path), destination) {
            (Some("/src/download" | "/src/image" | "/src/vcard"), _) => Shape::Download,
            (_, Some(b"image" | b"audio" | b"style" | b"script" | b"font")) => Shape::Download,
            (_, Some(b"frame" | b"iframe")) => Shape::Frame,
            _ => Shape::Page,
        }
    }

    fn classify(&self, request: &Reading<'_>) -> Result<Asked, Unnatural> {
        let script = script(request.path).unwrap_or("/index");
        let decides = matches!(script, "/src/compose" | "/src/redirect" | "/src/login");
        check(request, if decides { CONTROL } else { &[] }, Crowds::Refused)?;
        let composing = script == "/src/compose";
        if composing {
            check_buttons(request)?;
        }
        Ok(Asked { action: action(script, request), shape: self.shape(request), sent_counts: composing })
    }

    fn holes(&self) -> &'static [hole::Hole] {
        holes::HOLES
    }

    fn unclosed_holes(&self) -> &'static [hole::Unclosed] {
        holes::UNCLOSED
    }

    fn close_holes(&self, request: &Reading<'_>, open: &[&'static str]) -> Result<(), Unnatural> {
        hole::check(holes::HOLES, script(request.path).unwrap_or("/index"), request, open)
    }

    fn content_policy(&self) -> &'static str {
        // Handlers stand in the markup. Pictures of a message are shown from anywhere once the reader says so.
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob: http: https:; media-src 'self' data: blob:; font-src 'self' data:; \
         connect-src 'self'; frame-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; \
         form-action 'self'; frame-ancestors 'self'"
    }

    fn version(&self, page: &str) -> Option<hole::Version> {
        // Shown unless `hide_sm_attributions` is set.
        let (_, behind) = page.split_once("SquirrelMail version 1.")?;
        let mut parts = behind.split(|letter: char| !letter.is_ascii_digit());
        Some(hole::Version(1, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    fn outcome(&self, asked: &Asked, answer: &Answer<'_>) -> Outcome {
        answer::outcome(asked, answer)
    }

    fn logged_sign_in(&self, method: &str, target: &str, status: u16) -> Option<LoggedSignIn> {
        let path = target.split('?').next().unwrap_or_default();
        if method != "POST" || !path.ends_with("/src/redirect.php") {
            return None;
        }
        Some(match status {
            302 => LoggedSignIn::Succeeded,
            // The page that says that name or password are wrong.
            200 => LoggedSignIn::Failed,
            _ => LoggedSignIn::Unclear,
        })
    }

    fn holds(&self, asked: &Asked) -> bool {
        // The compose form, whichever of its buttons was pressed.
        asked.sent_counts
    }

    fn home(&self) -> &'static str {
        "src/webmail.php"
    }

    fn composed(&self, form: &php::Form) -> Option<Composed> {
        Some(compose::composed(form))
    }

    fn targets(&self, query: &php::Fields, form: Option<&php::Form>) -> Vec<String> {
        moves::targets(query, form)
    }

    fn aim(&self, _query: &php::Fields, form: Option<&php::Form>) -> Aim {
        moves::aim(form)
    }

    fn dress(&self, asked: &Asked, refusal: &Refusal<'_>, form: Option<&php::Form>) -> Option<Dressed> {
        dress::dress(asked, refusal, form)
    }
}

fn action(script: &str, request: &Reading<'_>) -> Action {
    let posted = request.form.is_some();
    let says = |name: &[u8], value: &[u8]| {
        [Some(request.query), request.form.map(php::Form::fields)]
            .into_iter()
            .flatten()
            .any(|fields| fields.text(name) == Some(value))
    };
    match script {
        "/src/redirect" => sign_in(request),
        "/src/signout" => Action::SignOut,
        "/src/compose" => composed(request),
        // A link is enough, and no token is asked for.
        "/src/read_body" if is_true(body_or_query(request, b"sendreceipt")) => {
            Action::Send(Sending::one(SendingKind::Receipt))
        }
        "/src/move_messages" | "/src/delete_message" if removes_sent(request) => Action::HideTraces,
        "/src/options_identities" if posted => Action::ChangeIdentity,
        "/src/options" if says(b"optmode", b"submit") && says(b"optpage", b"personal") => Action::ChangeIdentity,
        "/src/left_main" | "/plugins/newmail/newmail" if !posted => Action::Poll,
        _ => match script.strip_prefix("/plugins/").and_then(|page| page.split('/').next()) {
            Some(plugin) => of_plugin(plugin, script, request),
            None => Action::View,
        },
    }
}

/// Whether messages leave the folder of sent mail. What was a draft is removed by a redirect once it was sent.
fn removes_sent(request: &Reading<'_>) -> bool {
    let removes = |form: &php::Form| [&b"delete"[..], b"moveButton"].iter().any(|name| form.fields().has(name));
    let asked = request.form.is_none_or(removes) && !request.query.has(b"mail_sent");
    asked && body_or_query(request, b"mailbox").is_some_and(is_sent_folder)
}

/// Name and password are taken from the body and, where it has none, from the query.
fn sign_in(request: &Reading<'_>) -> Action {
    let text = |name: &[u8]| body_or_query(request, name).map(|text| String::from_utf8_lossy(text).into_owned());
    match (text(b"login_username"), text(b"secretkey")) {
        (None, None) => Action::View,
        (name, password) => {
            Action::SignIn { name: name.unwrap_or_default(), password: Secret::new(password.unwrap_or_default()) }
        }
    }
}

/// What the pressed button asks for; only the body's count. A draft wins over a send.
fn composed(request: &Reading<'_>) -> Action {
    let Some(fields) = request.form.map(php::Form::fields) else { return Action::View };
    let pressed = |name: &[u8]| fields.is_array(name) || is_true(fields.text(name));
    if pressed(b"draft") {
        return Action::SaveDraft;
    }
    if fields.iter().any(|(name, _)| is_send_button(name) && pressed(name)) {
        let named: Vec<&[u8]> =
            [&b"send_to"[..], b"send_to_cc", b"send_to_bcc"].iter().filter_map(|name| fields.text(name)).collect();
        let recipients = recipients::count(named.iter().copied());
        return Action::Send(Sending {
            kind: SendingKind::Message,
            recipients: u32::try_from(recipients.max(1)).unwrap_or(u32::MAX),
            to: addresses::of_fields(named.into_iter()),
            // Its compose page has no fields for them: they are those of an identity.
            answers: Aim::default(),
        });
    }
    if pressed(b"attach") { Action::Upload } else { Action::View }
}

/// Plugins known by their names; most of them are not the product's own.
fn of_plugin(plugin: &str, script: &str, request: &Reading<'_>) -> Action {
    let posted = request.form.is_some();
    let named = |parts: &[&str]| parts.iter().any(|part| plugin.contains(part));
    if posted && named(PASSWORD_PLUGINS) {
        return Action::ChangePassword;
    }
    // The filter pages delete and move by links that name an action.
    if script != "/plugins/mail_fetch/fetch" && named(FILTER_PLUGINS) && (posted || request.query.has(b"action")) {
        return Action::ChangeFilter;
    }
    if posted && plugin.contains("bounce") {
        return Action::Send(Sending::one(SendingKind::Resend));
    }
    if script.contains("export") && (posted || request.method == Method::GET) { Action::Export } else { Action::View }
}

/// Send buttons may be a list or numbered; no browser spells one so that only PHP takes it for one.
fn check_buttons(request: &Reading<'_>) -> Result<(), Unnatural> {
    let Some(fields) = request.form.map(php::Form::fields) else { return Ok(()) };
    let mut buttons = fields.iter().map(|(name, _)| name).filter(|name| is_send_button(name)).peekable();
    if buttons.peek().is_some() && fields.crowded() {
        return Err(Unnatural { rule: "too many fields" });
    }
    if buttons.any(|name| fields.spelled_oddly(name)) {
        return Err(Unnatural { rule: "control field misspelled" });
    }
    Ok(())
}

/// `send`, and `send1` to as many as the client says there are.
fn is_send_button(name: &[u8]) -> bool {
    name.strip_prefix(b"send").is_some_and(|number| number.iter().all(u8::is_ascii_digit))
}

/// The script a path runs, without `.php` and whatever follows it.
fn script(path: &str) -> Option<&str> {
    let end = path.find(".php")?;
    let rest = &path[end + ".php".len()..];
    (rest.is_empty() || rest.starts_with('/')).then(|| &path[..end])
}

#[cfg(test)]
mod hole_tests;
#[cfg(test)]
mod tests;
