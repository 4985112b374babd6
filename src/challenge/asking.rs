//! The pages around a second proof, as HTML. What stands on them is decided elsewhere.

use askama::Template;

use super::words::Words;
use crate::domain::FactorKind;

/// What every page says about itself.
pub struct About<'a> {
    /// The person's language.
    pub words: Words<'a>,
    /// The site's name.
    pub site: &'a str,
    /// Whose webmail it is.
    pub name: Option<&'a str>,
    /// Whether there is a picture.
    pub has_logo: bool,
    /// Whom to ask.
    pub helpdesk: Option<&'a str>,
    /// The code that the operator finds the session by.
    pub reference: String,
    /// Within a dialog of the webmail's page, which has a heading and a border of its own.
    pub framed: bool,
}

impl About<'_> {
    fn help(&self) -> Option<String> {
        self.helpdesk.map(|helpdesk| self.words.with("help", "helpdesk", helpdesk))
    }

    fn code(&self) -> String {
        self.words.with("reference", "code", self.reference.as_str())
    }
}

/// The page that asks.
#[derive(Template)]
#[template(path = "challenge/ask.html")]
pub struct Ask<'a> {
    /// About the page.
    pub about: About<'a>,
    /// The message that says why it asks.
    pub why: &'static str,
    /// What came of the last attempt.
    pub notice: Option<String>,
    /// With what.
    pub factor: FactorKind,
    /// The challenge's number, in hexadecimal.
    pub challenge: String,
    /// Where it goes on to; checked again when it comes back.
    pub back: &'a str,
    /// The number of a form that waits, in hexadecimal.
    pub held: Option<String>,
    /// What the page's script is given.
    pub passkey: Option<String>,
    /// A code must be sent first: to where, as the person recognises it.
    pub sends: Option<String>,
    /// The number that is to be typed on campus, and the address of the page for it there.
    pub campus: Option<(String, String)>,
    /// Whether the code is made of digits.
    pub digits: bool,
    /// Whether browsers may fill it in from an app or a message.
    pub one_time: bool,
    /// Whether the browser may be remembered.
    pub may_remember: bool,
    /// The other factors.
    pub ways: Vec<Way>,
    /// For changing what the account proves itself with.
    pub change: bool,
}

impl Ask<'_> {
    /// The message of that name for the factor that is asked for.
    fn named(&self, message: &str) -> String {
        self.about.words.say(&format!("{message}-{}", self.factor.name()))
    }
}

/// Another way to prove.
pub struct Way {
    /// What it is called.
    pub label: String,
    /// Where it is asked for.
    pub address: String,
}

/// The page that asks for a new password.
#[derive(Template)]
#[template(path = "challenge/password.html")]
pub struct PasswordPage<'a> {
    /// About the page.
    pub about: About<'a>,
    /// The message that says what is wrong with the present one.
    pub why: &'static str,
    /// By when, in words; none: it is due.
    pub by: Option<String>,
    /// Where it is changed.
    pub change_at: String,
    /// That is not the webmail.
    pub elsewhere: bool,
    /// Where it goes on to.
    pub back: &'a str,
}

/// The page that invites to set up a second proof.
#[derive(Template)]
#[template(path = "challenge/invite.html")]
pub struct InvitePage<'a> {
    /// About the page.
    pub about: About<'a>,
    /// Where it goes on to.
    pub back: &'a str,
}

/// A page that says something and leads on.
#[derive(Template)]
#[template(path = "challenge/said.html")]
pub struct Said<'a> {
    /// About the page.
    pub about: About<'a>,
    /// The message that is its heading.
    pub title: &'static str,
    /// The message.
    pub text: &'static str,
    /// Where it leads.
    pub next: Option<&'a str>,
    /// In a dialog: the page around it goes on by itself.
    pub resumes: bool,
}

/// The person's own page.
#[derive(Template)]
#[template(path = "challenge/account.html")]
pub struct AccountPage<'a> {
    /// About the page.
    pub about: About<'a>,
    /// Whose it is.
    pub account: &'a str,
    /// The message that says what came of the last step.
    pub notice: Option<&'static str>,
    /// What the account proves itself with.
    pub factors: Vec<FactorRow>,
    /// How many recovery codes are left, in words.
    pub codes_left: Option<String>,
    /// Somebody who waits elsewhere for this session's confirmation.
    pub elsewhere: Option<Elsewhere>,
    /// Whether factors may be changed here and now.
    pub may_change: bool,
    /// Whether they may once the person proved again.
    pub may_confirm: bool,
    /// Whether a helpdesk code is a way.
    pub helpdesk_codes: bool,
    /// Whether sessions may be ended and browsers forgotten here.
    pub may_protect: bool,
    /// What may be added: the word in the form, and the message on the button.
    pub steps: Vec<(&'static str, &'static str)>,
    /// Where the person is signed in, newest first.
    pub sessions: Vec<SessionRow>,
    /// Which browsers are remembered, last used first.
    pub devices: Vec<DeviceRow>,
    /// The webmail.
    pub home: &'a str,
}

/// A session that waits to be confirmed from campus.
pub struct Elsewhere {
    /// Where it is; as its country's two letters, and its network.
    pub place: String,
    /// Since when, for people.
    pub minute: String,
    /// Written by its client.
    pub browser: String,
}

/// A factor on the person's page.
pub struct FactorRow {
    /// What the person calls it.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Since when, in words.
    pub added: Option<String>,
    /// The kind's word in the form.
    pub word: &'static str,
    /// Its number in the form.
    pub number: u64,
}

/// A session on the person's page.
pub struct SessionRow {
    /// From where.
    pub place: String,
    /// The one that looks at the page.
    pub is_this: bool,
    /// When it signed in; RFC 3339.
    pub time: String,
    /// The same for people.
    pub minute: String,
    /// The message that says what it may do.
    pub state: &'static str,
    /// Written by its client.
    pub browser: String,
}

/// A browser on the person's page.
pub struct DeviceRow {
    /// Its number in the form.
    pub number: String,
    /// Since when, in words.
    pub since: String,
    /// When last, in words.
    pub used: String,
    /// The one that looks at the page.
    pub is_this: bool,
}

/// The page that adds an app or a passkey.
#[derive(Template)]
#[template(path = "challenge/add.html")]
pub struct Add<'a> {
    /// About the page.
    pub about: About<'a>,
    /// The message that is its heading.
    pub title: &'static str,
    /// The message that says what came of the last attempt.
    pub notice: Option<&'static str>,
    /// An app's secret; none: it is about a passkey.
    pub app: Option<AppSecret>,
    /// What the page's script is given.
    pub passkey: Option<String>,
    /// Under which the secret waits, in hexadecimal.
    pub number: String,
    /// A name to begin with.
    pub name: String,
}

/// What an app shares with us, for the one time that it is shown.
pub struct AppSecret {
    /// To be scanned: SVG of our own making.
    pub picture: String,
    /// To be typed.
    pub secret: String,
}

/// The recovery codes, for the one time that they are shown.
#[derive(Template)]
#[template(path = "challenge/codes.html")]
pub struct Codes<'a> {
    /// About the page.
    pub about: About<'a>,
    /// All of them.
    pub codes: &'a [String],
}

/// The page that offers to go on with a form that waited, where that did not happen by itself.
#[derive(Template)]
#[template(path = "challenge/held.html")]
pub struct HeldPage<'a> {
    /// About the page.
    pub about: About<'a>,
    /// The form's number, in hexadecimal.
    pub held: String,
}

/// The page that adds another address: first the address, then the code that was sent there.
#[derive(Template)]
#[template(path = "challenge/address.html")]
pub struct AddAddress<'a> {
    /// About the page.
    pub about: About<'a>,
    /// The message that says what came of the last attempt.
    pub notice: Option<&'static str>,
    /// Under which address and code wait, in hexadecimal; none: no code was sent yet.
    pub number: Option<String>,
    /// Where the code was sent.
    pub address: &'a str,
    /// Whether it may be a telephone's number.
    pub telephones: bool,
}
