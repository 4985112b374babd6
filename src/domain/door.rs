//! The doors of a mail system: an account may come through any of them, and has one budget and one lock at all.

/// Through which door somebody comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Door {
    /// The webmail, behind this gateway.
    #[default]
    Webmail,
    /// A mail program that hands messages to the mail server.
    Submission,
    /// A mail program that reads by IMAP.
    Imap,
    /// The same by POP3.
    Pop3,
    /// A program that changes filters by ManageSieve.
    Sieve,
    /// Something else that asks the mail server for a password.
    Other,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Webmail, Self::Submission, Self::Imap, Self::Pop3, Self::Sieve, Self::Other];

    /// The word used in events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webmail => "webmail",
            Self::Submission => "submission",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Sieve => "sieve",
            Self::Other => "other",
        }
    }

    /// The door that a mail server calls so.
    pub fn of_protocol(protocol: &str) -> Self {
        match protocol {
            "smtp" | "submission" => Self::Submission,
            "imap" => Self::Imap,
            "pop3" => Self::Pop3,
            "sieve" | "managesieve" => Self::Sieve,
            _ => Self::Other,
        }
    }

    /// Whether it is the webmail: there are browsers with sessions, everywhere else programs with a saved password.
    pub fn is_webmail(self) -> bool {
        self == Self::Webmail
    }
}
