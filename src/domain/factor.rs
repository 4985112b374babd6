//! The ways in which a person proves to be the one whose password it is.

use serde::{Deserialize, Serialize};

/// A kind of second proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// A key in the person's device or in their hand, unlocked by finger, face or PIN.
    Passkey,
    /// A six-digit code that an app shows, a new one every half minute.
    Totp,
    /// A code to another address of the person.
    OtherAddress,
    /// One of ten codes, printed and put away, once each.
    RecoveryCode,
    /// A code that an operator made for one account after checking who asks.
    HelpdeskCode,
    /// The same person in a session on campus, who types there what is shown here.
    Campus,
}

impl FactorKind {
    /// All of them, in the order in which a person is offered them.
    pub const ALL: [Self; 6] =
        [Self::Passkey, Self::Totp, Self::OtherAddress, Self::RecoveryCode, Self::HelpdeskCode, Self::Campus];

    /// The word used in configuration, events, flags and forms.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::OtherAddress => "other_address",
            Self::RecoveryCode => "recovery_code",
            Self::HelpdeskCode => "helpdesk_code",
            Self::Campus => "campus",
        }
    }

    /// Reads [`FactorKind::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
