//! What is known of a password's strength, without the password.

use serde::{Deserialize, Serialize};

use super::Secret;

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

/// Mail servers that read only part of a password read so many bytes.
const BEGINNING_BYTES: usize = 8;

/// How a password begins, such that no two that any webmail or mail server could take for one begin differently: of plain
/// letters, signs and digits only, without spaces around it, in small letters. None for every other password.
pub fn beginning(password: &str) -> Option<Secret<String>> {
    let trimmed = password.trim_matches(' ');
    if trimmed.is_empty() || !trimmed.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return None;
    }
    Some(Secret::new(trimmed.chars().take(BEGINNING_BYTES).collect::<String>().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_the_same_for_whatever_may_be_one_password() {
        let of = |password: &str| beginning(password).map(|begins| begins.expose().clone());
        for (password, begins) in [
            ("Correct Horse", Some("correct ")),
            ("  Correct Horse ", Some("correct ")),
            ("Sh0rt", Some("sh0rt")),
            ("correct\u{0}horse", None),
            ("correct\thorse", None),
            ("gr\u{fc}\u{df}e", None),
            ("   ", None),
            ("", None),
        ] {
            assert_eq!(of(password).as_deref(), begins, "{password:?}");
        }
    }

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
