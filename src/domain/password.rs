//! What is known of a password's strength, without the password.

use serde::{Deserialize, Serialize};

/// How easily a password is guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordQuality {
    /// Guessed in a few thousand tries by whoever knows the account's name.
    pub weak: bool,
    /// Stands in a list of passwords that thieves try.
    pub breached: bool,
}

impl PasswordQuality {
    /// The worst of these faults that the password has.
    pub fn worst_of(self, faults: &[PasswordFault]) -> Option<PasswordFault> {
        let has = |fault: PasswordFault| match fault {
            PasswordFault::Breached => self.breached,
            PasswordFault::Weak => self.weak,
        };
        PasswordFault::ALL.into_iter().find(|fault| faults.contains(fault) && has(*fault))
    }
}

/// What may be wrong with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordFault {
    /// [`PasswordQuality::breached`].
    Breached,
    /// [`PasswordQuality::weak`].
    Weak,
}

impl PasswordFault {
    /// All of them, the worst first.
    pub const ALL: [Self; 2] = [Self::Breached, Self::Weak];

    /// The word used in configuration and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breached => "breached",
            Self::Weak => "weak",
        }
    }

    /// Reads [`PasswordFault::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_that_are_asked_about_count_and_the_worst_comes_first() {
        let both = PasswordQuality { weak: true, breached: true };
        let weak = PasswordQuality { weak: true, breached: false };
        assert_eq!(both.worst_of(&PasswordFault::ALL), Some(PasswordFault::Breached));
        assert_eq!(both.worst_of(&[PasswordFault::Weak]), Some(PasswordFault::Weak));
        assert_eq!(weak.worst_of(&[PasswordFault::Breached]), None);
        assert_eq!(both.worst_of(&[]), None);
        assert_eq!(PasswordQuality::default().worst_of(&PasswordFault::ALL), None);
    }
}
