//! Adapters: one file per webmail product, the only places that know a field name or a page of it.
//!
//! An adapter does three things: it reads what a request asks for ([`Webmail::classify`]), reads from the answer what
//! came of it ([`Webmail::outcome`]), and says "no" so that the product's own client understands and loses nothing
//! ([`Webmail::dress`]). It knows nothing of limits, stores, sessions or connections. How PHP turns bytes into
//! variables is in [`php`] and is the same for all of them.
//!
//! To add a product: write `webmail/<name>.rs` with one type that implements [`Webmail`], add one line to [`ALL`], and
//! its fixtures to `tests/it/webmail/`. The suite there iterates over [`ALL`].

mod addresses;
mod aims;
pub mod escape;
pub mod hole;
pub mod php;
pub mod roundcube;
pub mod squirrelmail;
mod strict;
#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::challenge::words::Words;
use crate::domain::composed::Attached;
use crate::domain::{Action, Aim, Composed, Outcome};

/// Every product Mailward can stand in front of.
pub static ALL: &[&dyn Webmail] = &[&roundcube::Roundcube, &squirrelmail::SquirrelMail];

/// The adapter whose [`Webmail::id`] is `id`.
pub fn by_id(id: &str) -> Option<&'static dyn Webmail> {
    ALL.iter().copied().find(|webmail| webmail.id() == id)
}

/// One webmail product, as its requests and answers show it.
pub trait Webmail: Send + Sync {
    /// The name used in the configuration.
    fn id(&self) -> &'static str;

    /// The session cookie's name where the product was not configured otherwise.
    fn session_cookie(&self) -> &'static str;

    /// The page with the sign-in form, and how to recognise it: for `doctor`, which asks whether the product that was
    /// configured is the one that answers. The default recognises nothing, and `doctor` then says that it cannot tell.
    fn sign_in_page(&self) -> SignInPage {
        SignInPage { path: "", marks: &[] }
    }

    /// What a path is. `path` is decoded once, normalised, below the site's base, and begins with `/`.
    /// `entry_points` are further `.php` paths the operator listed, in the same form.
    fn place(&self, path: &str, entry_points: &[String]) -> Place;

    /// Whether the value of this body field (name as PHP makes it, array brackets cut off) is needed to classify.
    /// Values of other fields are read past and forgotten.
    fn needs_field(&self, name: &[u8]) -> bool;

    /// What kind of client code waits for the answer, from what is known before the body is read.
    fn shape(&self, request: &Reading<'_>) -> Shape;

    /// What the request asks for; or why no browser would have sent it.
    fn classify(&self, request: &Reading<'_>) -> Result<Asked, Unnatural>;

    /// The value of the session cookie that the answer sets, as it stands there; none when it sets none or only deletes
    /// it. `name` is the site's `session_cookie`. A sign-in's new session is learned from it.
    fn new_session_cookie(&self, answer: &Answer<'_>, name: &str) -> Option<Vec<u8>> {
        let wanted = strict::php_name(name);
        set_cookies(answer.headers)
            .filter(|cookie| strict::php_name(cookie.name) == wanted)
            .last()
            .filter(|cookie| !cookie.deletes())
            .map(|cookie| cookie.value.as_bytes().to_vec())
    }

    /// Its known holes that are closed in front of it.
    fn holes(&self) -> &'static [hole::Hole] {
        &[]
    }

    /// Its known holes that do not show in a request.
    fn unclosed_holes(&self) -> &'static [hole::Unclosed] {
        &[]
    }

    /// Refuses what would pass through a known hole. Asked after [`Webmail::classify`]; rules named in `open` do not
    /// count.
    fn close_holes(&self, request: &Reading<'_>, open: &[&'static str]) -> Result<(), Unnatural> {
        let _ = (request, open);
        Ok(())
    }

    /// The `Content-Security-Policy` for its pages: as strict as all of them work with.
    fn content_policy(&self) -> &'static str {
        "frame-ancestors 'self'"
    }

    /// The version that a page of the product shows, for `doctor`.
    fn version(&self, page: &str) -> Option<hole::Version> {
        let _ = page;
        None
    }

    /// What the answer says came of it. `asked` is what the request was classified as; an answer that says "sent" is
    /// [`Outcome::Sent`] whatever was asked. Unreadable or cut answers are [`Outcome::Unclear`].
    fn outcome(&self, asked: &Asked, answer: &Answer<'_>) -> Outcome;

    /// What a line of the web server's access log says of a sign-in; none where the request is no sign-in. `target` is
    /// path and query as the client wrote them, below whatever base. Only for `mailward learn`: such a log shows no
    /// field of a form, so nothing is decided by it. The default recognises nothing.
    fn logged_sign_in(&self, method: &str, target: &str, status: u16) -> Option<LoggedSignIn> {
        let _ = (method, target, status);
        None
    }

    /// What a change of settings, an export or a removal is about: addresses that mail goes to, folders. For operators, who
    /// may have to undo it; nothing is decided by it. `form` is the whole form, where it was read whole.
    fn targets(&self, query: &php::Fields, form: Option<&php::Form>) -> Vec<String> {
        let _ = (query, form);
        Vec::new()
    }

    /// Where a change of an identity or of a filter lets mail go, for telling whether that is outside. `form` as above; what
    /// is not read counts as outside, and by default nothing is.
    fn aim(&self, query: &php::Fields, form: Option<&php::Form>) -> Aim {
        let _ = (query, form);
        Aim::unread()
    }

    /// The page that shows a session from its beginning, below the base, without a slash in front.
    fn home(&self) -> &'static str {
        ""
    }

    /// The page where people change their password, below the base, without a slash in front; none where the product has
    /// none of its own.
    fn password_page(&self) -> Option<&'static str> {
        None
    }

    /// Whether a form is held whole while its person proves who they are, and sent on afterwards: for products whose
    /// pages cannot wait by themselves.
    fn holds(&self, asked: &Asked) -> bool {
        let _ = asked;
        false
    }

    /// A script for the page in a dialog that [`Then::Prove`] opened, run there once the proof was right: it closes the
    /// dialog and sends the message that waits. Empty where the product has no dialogs.
    fn resumes(&self) -> &'static str {
        ""
    }

    /// The message that a form becomes which was classified as the sending of a message that was written; none where the
    /// product cannot say. `form` was read whole ([`php::Form::read_whole`]), or at least all its texts were kept.
    fn composed(&self, form: &php::Form) -> Option<Composed> {
        let _ = form;
        None
    }

    /// Where the product gives a file of a message that is being written to the session that writes it: path and query
    /// below the base, without a slash in front. None where it gives none.
    fn attached_at(&self, query: &php::Fields, form: &php::Form, attached: &Attached) -> Option<String> {
        let _ = (query, form, attached);
        None
    }

    /// The same for the message that a form asks to send on as it is, in its own source.
    fn resent_at(&self, query: &php::Fields, form: &php::Form) -> Option<String> {
        let _ = (query, form);
        None
    }

    /// The refusal as this product's client understands it, with everything the person wrote kept. `None`: a full page
    /// of Mailward's own will do. `form` is the whole request form, where it was read whole and small enough.
    fn dress(&self, asked: &Asked, refusal: &Refusal<'_>, form: Option<&php::Form>) -> Option<Dressed>;
}

/// Whether a folder is the one that sent mail is kept in, by the names that products and mail programs give it.
fn is_sent_folder(name: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "sent",
        "sent items",
        "sent mail",
        "sent messages",
        "sent-mail",
        "sentmail",
        "enviados",
        "gesendet",
        "gesendete elemente",
        "gesendete objekte",
        "inviata",
        "posta inviata",
        "verzonden",
    ];
    let name = String::from_utf8_lossy(name).to_lowercase();
    let last = name.rsplit(['/', '.']).next().unwrap_or_default();
    NAMES.contains(&last)
}

/// Every address that stands in the values of these fields of a form, as they were sent.
fn addresses_sent<'f>(form: &'f php::Form, is_one: impl Fn(&[u8]) -> bool + 'f) -> impl Iterator<Item = String> + 'f {
    let fields = form.sent().unwrap_or_default().iter().filter(move |field| is_one(&field.name));
    fields.flat_map(|field| addresses::of_fields(std::iter::once(field.value.as_slice())).addresses().to_vec())
}

/// Whether a text has a link in it.
fn has_link(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_lowercase();
    ["http://", "https://", "www."].iter().any(|mark| text.contains(mark))
}

/// What came of a sign-in, as far as an access log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoggedSignIn {
    /// The webmail let the person in.
    Succeeded,
    /// It did not; why is not said there.
    Failed,
    /// The answer is neither's.
    Unclear,
}

/// Where the sign-in form of a product is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInPage {
    /// Below the base, without a slash in front; may have a query.
    pub path: &'static str,
    /// All of these stand in the page, in every language and skin.
    pub marks: &'static [&'static str],
}

/// What a path of a webmail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file served as it stands; passes with no further work.
    Asset,
    /// A script the product means browsers to call.
    Script,
    /// Never served to a browser: configuration, data, installers, dot files, any other script.
    Never,
}

/// A request to a script, read as PHP reads it.
#[derive(Debug)]
pub struct Reading<'a> {
    /// GET, HEAD (judged as GET) or POST.
    pub method: &'a Method,
    /// As in [`Webmail::place`].
    pub path: &'a str,
    /// The query's variables.
    pub query: &'a php::Fields,
    /// The cookies' variables.
    pub cookies: &'a php::Cookies,
    /// The body's variables; none for GET, HEAD, an empty body, or a type PHP does not parse.
    pub form: Option<&'a php::Form>,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The site's `session_cookie`.
    pub session_cookie: &'a str,
}

/// What a request asks for, and who waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is asked for.
    pub action: Action,
    /// What kind of client code waits.
    pub shape: Shape,
    /// Whether an answer that reads like a send's means that mail left. Not so where the product was told to keep a
    /// message only, or where other scripts of the product answer in the same way.
    pub sent_counts: bool,
}

impl Asked {
    /// An action in a shape, where an answer that says "sent" is believed.
    pub fn new(action: Action, shape: Shape) -> Self {
        Self { action, shape, sent_counts: true }
    }
}

/// What kind of client code waits for an answer: it decides what a refusal must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A whole page in the browser's window.
    Page,
    /// A page inside a frame of the product.
    Frame,
    /// A form posted into a hidden frame; the page around it waits for a script. `unlock` names the busy sign to clear.
    FramedForm {
        /// Letters and digits only; written by the client.
        unlock: Option<String>,
    },
    /// A script's own request that expects the product's JSON.
    Ajax {
        /// The action the answer must name; letters, digits, `.`, `_`, `-` only; written by the client.
        action: String,
        /// As above.
        unlock: Option<String>,
        /// The pending row of an upload that must go from the list; letters and digits only; written by the client.
        upload: Option<String>,
    },
    /// An image, attachment or download: any status will do.
    Download,
}

/// Why a request is not one that a browser with this product's pages sends. Answered 400; nothing reaches the webmail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Unnatural {
    /// The rule that refused it: stable, from a closed set, shown in events and counted in metrics.
    pub rule: &'static str,
}

/// An answer of the webmail, as far as it was read.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body; none when it could not be read whole within the bound.
    pub body: Option<&'a [u8]>,
}

/// One `Set-Cookie` of an answer. Its `Debug` shows no value.
pub struct SetCookie<'a> {
    /// The cookie's name as it stands there.
    pub name: &'a str,
    /// The value as it stands there, quotes included.
    pub value: &'a str,
    attributes: &'a str,
}

impl SetCookie<'_> {
    /// Whether it takes the cookie away instead of setting it.
    pub fn deletes(&self) -> bool {
        // Roundcube, SquirrelMail and PHP each have a word for it, beside a date long past.
        matches!(self.value, "" | "-del-" | "SQMTRASH" | "deleted")
            || self.attributes.split(';').filter_map(|attribute| attribute.split_once('=')).any(|(name, value)| {
                let (name, value) = (name.trim(), value.trim());
                (name.eq_ignore_ascii_case("max-age") && value.parse::<i64>().is_ok_and(|seconds| seconds <= 0))
                    || (name.eq_ignore_ascii_case("expires") && value.contains("1970"))
            })
    }
}

impl std::fmt::Debug for SetCookie<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetCookie({})", self.name)
    }
}

/// A path in lower case; no copy where it is already, as nearly all are.
fn lower(path: &str) -> Cow<'_, str> {
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(path.to_ascii_lowercase())
    } else {
        Cow::Borrowed(path)
    }
}

/// Whether a web server could run a file of this lower-case path as a script, or the path names something hidden: a part
/// that begins with a dot, or holds an ending of PHP's anywhere (`x.php.js`).
fn runs_or_hides(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'.').any(|(at, _)| {
        let rest = &bytes[at + 1..];
        at == 0
            || bytes[at - 1] == b'/'
            || [&b"php"[..], b"phtml", b"phar"].iter().any(|ending| rest.starts_with(ending))
    })
}

/// The cookies an answer sets, in order, each by itself.
pub fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = SetCookie<'_>> {
    headers.get_all(http::header::SET_COOKIE).iter().filter_map(|header| {
        let header = header.to_str().ok()?;
        let (pair, attributes) = header.split_once(';').unwrap_or((header, ""));
        let (name, value) = pair.split_once('=')?;
        Some(SetCookie { name: name.trim(), value: value.trim(), attributes })
    })
}

/// Which body fields a reader must keep to classify a request of this site: for [`php::FormReader::new`].
pub fn keeps(webmail: &'static dyn Webmail, session_cookie: &str) -> impl Fn(&[u8]) -> bool + Send + Sync + use<> {
    let session = strict::php_name(session_cookie);
    move |name| name == session || webmail.needs_field(name)
}

/// What is to be said to a person whose request was stopped. Chosen in one place, dressed by the adapter.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    /// The status where the shape allows a choice.
    pub status: StatusCode,
    /// The same in a few words, for a heading.
    pub title: &'a str,
    /// For people, plain text: what happened, what to do, the reference code.
    pub sentence: &'a str,
    /// The site's own prefix (`/` or `/webmail/`), for links.
    pub base: &'a str,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// What the client code should do besides showing it.
    pub then: Then,
    /// The person's language, for whatever else the page says.
    pub words: Words<'a>,
}

/// What the client code does after showing a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the person decides.
    Stay,
    /// The same send again by itself, after this long.
    SendAgain(Duration),
    /// The person must sign in again; what was written is kept first.
    SignIn,
    /// The person must prove to be the account's owner on the page with this path of ours; what was written is kept
    /// first, and after the proof a send is sent by itself where the product can do that. The page takes in its query
    /// `back`, where to go on to, and `frame=1` in a dialog.
    Prove(&'static str),
}

/// A refusal dressed for the product's client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dressed {
    /// The status.
    pub status: StatusCode,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The body, everything in it escaped.
    pub body: String,
}
