//! What a request asks for, and what came of it.

use super::{Aim, MOVE_SIGNALS, Secret, SignalKind};

/// What a request asks the webmail to do, in words that hold for every product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A name and a password.
    SignIn {
        /// As typed; `AccountFolding` makes an account of it.
        name: String,
        /// Only ever hashed.
        password: Secret<String>,
    },
    /// The end of the session.
    SignOut,
    /// Mail leaves: a message, a resend, a receipt.
    Send(Sending),
    /// The message is kept in the drafts folder; nothing leaves.
    SaveDraft,
    /// A file for a message being written.
    Upload,
    /// Name, address, reply-to or signature of the person.
    ChangeIdentity,
    /// Filters, forwards, out-of-office, foreign mailboxes to fetch from.
    ChangeFilter,
    /// A new password.
    ChangePassword,
    /// Address book or many messages at once, taken away.
    Export,
    /// Messages removed from the folder of sent mail.
    HideTraces,
    /// The page asks for news by itself; no person acted.
    Poll,
    /// Everything else that a script of the product answers.
    View,
}

impl Action {
    /// The names of all actions that a `[[rule]]` may be about: a sign-in, and what a restricted session is barred from.
    pub const GUARDED: [&'static str; 6] =
        ["sign-in", "send", "change identity", "change filter", "change password", "export"];

    /// The word used in configuration, events and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "sign-in",
            Self::SignOut => "sign-out",
            Self::Send(_) => "send",
            Self::SaveDraft => "save draft",
            Self::Upload => "upload",
            Self::ChangeIdentity => "change identity",
            Self::ChangeFilter => "change filter",
            Self::ChangePassword => "change password",
            Self::Export => "export",
            Self::HideTraces => "hide traces",
            Self::Poll => "poll",
            Self::View => "view",
        }
    }

    /// The actions, by name, that a session in doubt may be asked to prove for.
    pub const MOVES: [&'static str; 6] =
        ["change filter", "change identity", "change password", "export", "hide traces", "send"];

    /// What it says against a session in doubt, as thieves do it as well; none where it says nothing.
    pub fn move_signal(&self) -> Option<&'static SignalKind> {
        let name = match self {
            Self::ChangeFilter => "filter_changed",
            Self::ChangeIdentity => "identity_changed",
            Self::Send(_) => "answers_elsewhere",
            Self::ChangePassword => "password_changed",
            Self::Export => "data_taken",
            Self::HideTraces => "traces_hidden",
            Self::SignIn { .. } | Self::SignOut | Self::SaveDraft | Self::Upload | Self::Poll | Self::View => {
                return None;
            }
        };
        MOVE_SIGNALS.iter().find(|kind| kind.name == name)
    }

    /// Whether it is about where mail or its answers go, so that it says nothing where that is within the house.
    pub const fn has_aim(&self) -> bool {
        matches!(self, Self::ChangeIdentity | Self::ChangeFilter | Self::Send(_))
    }

    /// Whether a restricted session is refused it.
    pub const fn barred_when_restricted(&self) -> bool {
        matches!(self, Self::Send(_) | Self::ChangeIdentity | Self::ChangeFilter | Self::ChangePassword | Self::Export)
    }
}

/// What a send asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// How the mail comes about.
    pub kind: SendingKind,
    /// To + Cc + Bcc, as the product splits them; at least 1.
    pub recipients: u32,
    /// Whom it names.
    pub to: Recipients,
    /// Where it wants its answers, and from where it says that it comes, as far as that stands in it. An identity that was
    /// saved before is only numbered.
    pub answers: Aim,
}

impl Sending {
    /// One message to one recipient whom the request does not name.
    pub fn one(kind: SendingKind) -> Self {
        Self { kind, recipients: 1, to: Recipients::default(), answers: Aim::default() }
    }
}

/// To whom a message goes, as far as addresses stand in it. Its `Debug` says only how many.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Recipients(Vec<String>);

impl Recipients {
    /// Addresses in lower case, each once; how many there may be is the caller's to bound.
    pub const fn new(addresses: Vec<String>) -> Self {
        Self(addresses)
    }

    /// The addresses; never to be logged or stored, only fingerprinted.
    pub fn addresses(&self) -> &[String] {
        &self.0
    }

    /// How many of them are at none of these domains. Zero where the operator named none: then nobody is outside.
    pub fn outside(&self, own_domains: &[String]) -> u32 {
        let at_own = |address: &&String| {
            address.rsplit_once('@').is_some_and(|(_, domain)| own_domains.iter().any(|own| own == domain))
        };
        if own_domains.is_empty() {
            return 0;
        }
        u32::try_from(self.0.len() - self.0.iter().filter(at_own).count()).unwrap_or(u32::MAX)
    }
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recipients({})", self.0.len())
    }
}

/// The ways a webmail emits mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendingKind {
    /// A message that was written.
    Message,
    /// A stored message, sent on as it is.
    Resend,
    /// A receipt that a message was read.
    Receipt,
}

/// What the webmail's answer says came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The sign-in succeeded.
    SignedIn,
    /// The name or the password was wrong.
    WrongPassword,
    /// The sign-in did not succeed, and nothing was said about the password: own limit, mail server away.
    NotJudged,
    /// The form was refused, by its token, before the password was looked at.
    FormRefused,
    /// Mail left.
    Sent,
    /// The answer proves that no mail left.
    NotSent,
    /// A new password is in force.
    PasswordChanged,
    /// The session ended.
    SignedOut,
    /// Nothing of the above can be told from it.
    Unclear,
}
