//! One webmail session, known by a keyed hash of its cookie.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Account, Agent, Country, Lesson, NetworkClass, Prefix, Reference, Signal, SiteName, Timestamp};

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

impl Serialize for SessionHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("a session is 32 hexadecimal digits"))
    }
}

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// Everything the webmail lets it do.
    Open,
    /// Reads; does not send, change identity, filter or password, or export.
    Restricted,
    /// Reaches nothing but the page that asks for a second proof.
    Challenged,
    /// Ended by an operator or a lock: its next request is told to sign in again.
    Ended,
}

impl SessionState {
    /// The word used in the store, events and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
            Self::Challenged => "challenged",
            Self::Ended => "ended",
        }
    }

    /// The one of both that allows less.
    pub const fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Ended, _) | (_, Self::Ended) => Self::Ended,
            (Self::Challenged, _) | (_, Self::Challenged) => Self::Challenged,
            (Self::Restricted, _) | (_, Self::Restricted) => Self::Restricted,
            (Self::Open, Self::Open) => Self::Open,
        }
    }

    /// Reads [`SessionState::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Restricted, Self::Challenged, Self::Ended].into_iter().find(|state| state.name() == name)
    }
}

/// Where a client was and what it claimed to be when it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// As it is counted.
    pub prefix: Prefix,
    /// By the configured networks.
    pub network: NetworkClass,
    /// When it is known.
    pub country: Option<Country>,
    /// When it is known.
    pub as_number: Option<u32>,
    /// What its `User-Agent` claimed.
    pub agent: Agent,
}

/// A session as it is stored, from the sign-in that succeeded to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// From where it was judged last: at the sign-in, or when the client had moved.
    pub spot: Spot,
    /// Somewhere else that it was used from since, and when last: two places at once are judged again.
    pub elsewhere: Option<(Spot, Timestamp)>,
    /// The device that signed in: the one it showed, or the one that was made for it.
    #[serde(with = "super::written::optional_hex")]
    pub device: Option<[u8; 16]>,
    /// Since when the account knows that device; none while it does not.
    pub device_since: Option<Timestamp>,
    /// The `User-Agent` that signed in.
    pub user_agent: Option<std::sync::Arc<str>>,
    /// The flag that stands against it.
    pub flag: Option<Reference>,
    /// What its sign-in taught, or will when it is cleared.
    pub lesson: Option<Lesson>,
    /// What speaks for and against it while no flag does: of its sign-in, and of what it did since; at most
    /// [`Session::FOUND_MAX`]. Empty where nothing speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Signal>,
}

/// One step in a session's life. A store takes it in one piece, so that what two requests note at once is not lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SessionChange {
    /// What it may do from now on. An ended session stays ended.
    State(SessionState),
    /// The client was judged again where it is now.
    Judged(Spot),
    /// The client was seen somewhere else.
    Elsewhere(Spot),
    /// A flag stands against it, and with it comes a state: the stricter of this one and what it had.
    Flagged(Reference, SessionState),
    /// Its device is one that the account knows, since then.
    DeviceKnown(Timestamp),
    /// It did something that speaks against it, though not enough for a flag.
    Found(Signal),
}

impl Session {
    /// Signals kept without a flag; more than there are kinds that can come together.
    pub const FOUND_MAX: usize = 32;

    /// Takes in what another store says of the same session: what the later sign-in says, and of both states the
    /// stricter. Says whether anything changed.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = self.clone();
        let (state, last_seen) = (self.state.stricter(other.state), self.last_seen.max(other.last_seen));
        let flag = self.flag.or(other.flag);
        if other.signed_in > self.signed_in {
            self.clone_from(other);
        }
        self.state = state;
        self.last_seen = last_seen;
        self.flag = self.flag.or(flag);
        *self != before
    }

    /// Takes a step. `now` is when.
    pub fn change(&mut self, change: &SessionChange, now: Timestamp) {
        match change {
            SessionChange::State(state) if self.state != SessionState::Ended => self.state = *state,
            SessionChange::State(_) => {}
            SessionChange::Judged(spot) => {
                self.spot = *spot;
                self.elsewhere = None;
            }
            SessionChange::Elsewhere(spot) => self.elsewhere = Some((*spot, now)),
            SessionChange::Flagged(flag, state) => {
                self.flag = Some(*flag);
                self.state = self.state.stricter(*state);
            }
            SessionChange::DeviceKnown(since) => self.device_since = Some(*since),
            SessionChange::Found(signal) => {
                self.found.retain(|known| known.name != signal.name);
                if self.found.len() < Self::FOUND_MAX {
                    self.found.push(signal.clone());
                }
            }
        }
    }
}
