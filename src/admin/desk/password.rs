//! Operators' passwords: argon2id, computed apart and few at once, so that guessing costs the guesser and nobody else.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::domain::Secret;

/// Each takes [`MEMORY_KIB`] and some 25 ms of a processor.
const AT_ONCE_MAX: usize = 2;

/// How long one waits for its turn; whoever waits longer is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// OWASP's first recommendation for argon2id: 19 MiB, two rounds, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
const LANES: u32 = 1;

/// The shortest password, in characters. NIST SP 800-63B asks for 8 beside a second factor; operators get more than that.
pub const CHARACTERS_MIN: usize = 12;

/// The longest, in bytes: longer ones only cost time.
pub const BYTES_MAX: usize = 512;

/// A password as it is kept. What it was made with stands beside it, so that it can be made harder later.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    memory_kib: u32,
    rounds: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Kept {
    /// What no password fits; checking one against it costs the same as any other.
    pub const fn nobody() -> Self {
        Self { memory_kib: MEMORY_KIB, rounds: ROUNDS, lanes: LANES, salt: [0; 16], hash: [0; 32] }
    }
}

/// Too many are computed; come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Where passwords are computed.
pub struct Passwords {
    turns: Arc<Semaphore>,
    patience: Duration,
}

impl Passwords {
    /// Nobody waits yet.
    pub fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), patience: PATIENCE }
    }

    /// A new password as it is kept. `salt` is random.
    pub async fn keep(&self, password: Secret<String>, salt: [u8; 16]) -> Result<Kept, Busy> {
        let kept = Kept { salt, ..Kept::nobody() };
        let hash = self.compute(password, kept.clone()).await?.ok_or(Busy)?;
        Ok(Kept { hash, ..kept })
    }

    /// Whether this is the password.
    pub async fn fits(&self, password: Secret<String>, kept: &Kept) -> Result<bool, Busy> {
        let hash = self.compute(password, kept.clone()).await?;
        Ok(hash.is_some_and(|hash| bool::from(hash.ct_eq(&kept.hash))))
    }

    async fn compute(&self, password: Secret<String>, kept: Kept) -> Result<Option<[u8; 32]>, Busy> {
        if password.expose().len() > BYTES_MAX {
            return Ok(None);
        }
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let computed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut hash = [0; 32];
            let params = Params::new(kept.memory_kib, kept.rounds, kept.lanes, Some(hash.len())).ok()?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(password.expose().as_bytes(), &kept.salt, &mut hash).ok()?;
            Some(hash)
        });
        computed.await.map_err(|_| Busy)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_fits_itself_and_no_other() {
        let passwords = Passwords::new();
        let kept = passwords.keep(secret("correct horse battery"), [7; 16]).await.expect("nobody else is here");
        let other = passwords.keep(secret("correct horse battery"), [8; 16]).await.expect("nobody else is here");
        assert!(kept != other, "salted");
        for (typed, fits) in [("correct horse battery", true), ("correct horse batterz", false), ("", false)] {
            assert_eq!(passwords.fits(secret(typed), &kept).await, Ok(fits), "{typed}");
        }
        assert_eq!(passwords.fits(secret(&"x".repeat(BYTES_MAX + 1)), &kept).await, Ok(false));
        assert_eq!(passwords.fits(secret(""), &Kept::nobody()).await, Ok(false));
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_so() {
        let passwords = Passwords { patience: Duration::from_millis(10), ..Passwords::new() };
        let _all = Arc::clone(&passwords.turns).acquire_many_owned(2).await.expect("open");
        assert_eq!(passwords.fits(secret("x"), &Kept::nobody()).await, Err(Busy));
    }
}
