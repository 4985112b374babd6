//! One webmail session, known by a keyed hash of its cookie.

use std::fmt;

use super::{Account, Prefix, SiteName, Timestamp};

/// A keyed hash (first 128 bits of HMAC-SHA-256) of site and session cookie. The cookie itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHash(pub [u8; 16]);

impl fmt::Display for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for SessionHash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| ())?;
        Ok(Self(bytes.try_into().map_err(|_| ())?))
    }
}

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Everything the webmail lets it do.
    Open,
    /// Reads; does not send, change identity, filter or password, or export.
    Restricted,
    /// Ended by an operator or a lock: its next request is told to sign in again.
    Ended,
}

impl SessionState {
    /// The word used in the store, events and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
            Self::Ended => "ended",
        }
    }

    /// Reads [`SessionState::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Restricted, Self::Ended].into_iter().find(|state| state.name() == name)
    }
}

/// A session as it is stored, from the sign-in that succeeded to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which one.
    pub hash: SessionHash,
    /// Where it signed in.
    pub site: SiteName,
    /// Who signed in.
    pub account: Account,
    /// What it may do.
    pub state: SessionState,
    /// When the sign-in succeeded.
    pub signed_in: Timestamp,
    /// The last request seen; kept to within a minute, for expiry and for `session list`.
    pub last_seen: Timestamp,
    /// From where it signed in.
    pub prefix: Prefix,
    /// The device that signed in, when it showed its cookie: since when the account knows it.
    pub device_since: Option<Timestamp>,
    /// The `User-Agent` that signed in.
    pub user_agent: Option<std::sync::Arc<str>>,
}
