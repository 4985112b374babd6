//! What is kept sealed: the store holds it and cannot read it.

use serde::{Deserialize, Serialize};

use crate::domain::{Timestamp, written};

/// What is kept sealed for a while and taken once. The store cannot read it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is.
    pub kind: KeptKind,
    /// Under which it is found, within its kind; drawn at random, or a keyed hash.
    #[serde(with = "written::hex")]
    pub id: [u8; 16],
    /// The last moment at which it is given out.
    pub until: Timestamp,
    /// At most [`KeptKind::bytes_max`].
    #[serde(with = "written::base64")]
    pub sealed: Vec<u8>,
}

impl Kept {
    /// Why it is not kept, for [`super::Away`].
    pub(super) fn no_room(&self) -> String {
        let (kind, bytes, most) = (self.kind.name(), self.sealed.len(), self.kind.bytes_max());
        if bytes > most {
            return format!("{bytes} bytes are more than the {most} that are kept for one {kind}");
        }
        format!("there is no room for another {kind}: {} bytes are kept at most", self.kind.all_bytes_max())
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({}, {} bytes until {})", self.kind.name(), self.sealed.len(), self.until)
    }
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptKind {
    /// A message that waits until its sender has passed a challenge.
    Held,
    /// A challenge under way.
    Challenge,
    /// A code that was given out.
    Code,
    /// An operator's session at the administrator's desk.
    Desk,
    /// Something remembered of an account or a session for long: since when its password is known to be bad, say.
    Note,
}

impl KeptKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Held, Self::Challenge, Self::Code, Self::Desk, Self::Note];

    /// What each counts for besides its bytes where all are bounded: its place in the store.
    pub const PLACE_BYTES: u64 = 256;

    /// The word used in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Challenge => "challenge",
            Self::Code => "code",
            Self::Desk => "desk",
            Self::Note => "note",
        }
    }

    /// Reads [`KeptKind::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The largest one, in bytes. A held message is what mail servers commonly take; a larger one cannot be held.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Held => 32 << 20,
            Self::Challenge => 64 << 10,
            Self::Code | Self::Desk => 4 << 10,
            Self::Note => 1 << 10,
        }
    }

    /// All of a kind together, in bytes, each with its [`KeptKind::PLACE_BYTES`]. Every kind has a bound of its own: whoever
    /// lets many messages be held takes nobody's challenge away.
    pub const fn all_bytes_max(self) -> u64 {
        match self {
            Self::Held => 1 << 30,
            Self::Challenge | Self::Code | Self::Desk => 64 << 20,
            // A few for each of a hundred thousand accounts.
            Self::Note => 256 << 20,
        }
    }
}

/// The largest set of sealed factors of one account, in bytes.
pub const FACTORS_BYTES_MAX: usize = 64 << 10;

/// An account's factors, sealed; changed only by whoever saw the version before.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// How often they were written, from 1.
    pub version: u64,
    /// At most [`FACTORS_BYTES_MAX`].
    #[serde(with = "written::base64")]
    pub bytes: Vec<u8>,
}

impl Sealed {
    /// Why they are not written, for [`super::Away`].
    pub(super) fn too_large(bytes: usize) -> String {
        format!("{bytes} bytes are more than the {FACTORS_BYTES_MAX} that are kept of one account's factors")
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed(version {}, {} bytes)", self.version, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_and_read_back_and_what_is_sealed_is_in_no_log() {
        for kind in KeptKind::ALL {
            assert_eq!(KeptKind::from_name(kind.name()), Some(kind));
            assert!(u64::try_from(kind.bytes_max()).is_ok_and(|one| one < kind.all_bytes_max()));
            let kept = Kept { kind, id: [1; 16], until: Timestamp::from_millis(0), sealed: b"secret".to_vec() };
            assert!(!format!("{kept:?}").contains("115"), "{kept:?}");
        }
        assert_eq!(KeptKind::from_name("other"), None);
    }
}
