//! What is known of a password's strength, without the password.

/// How easily a password is guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordQuality {
    /// Guessed in a few thousand tries by whoever knows the account's name.
    pub weak: bool,
    /// Stands in a list of passwords that thieves try.
    pub breached: bool,
}
