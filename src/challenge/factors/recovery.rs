//! Recovery codes: ten, shown once, to be printed and put away; each opens once. Kept as keyed hashes.

use subtle::ConstantTimeEq as _;

use super::{About, Answer, Factor, typed};
use crate::challenge::enrolled::Enrolled;
use crate::domain::{FactorKind, Purpose};

/// Recovery codes.
pub struct RecoveryCodes;

/// How many are made at once.
pub const CODES: usize = 10;

/// Letters of a code: 50 bits.
const LETTERS: usize = 10;

/// Crockford's base 32: no letters that look alike.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Factor for RecoveryCodes {
    fn kind(&self) -> FactorKind {
        FactorKind::RecoveryCode
    }

    fn prove(&self, answer: &Answer<'_>, enrolled: &mut Enrolled, about: &About<'_>) -> bool {
        let given = typed(answer.given);
        if given.len() != LETTERS {
            return false;
        }
        let right = hashes(&given, about).find_map(|hash| {
            // All are compared, so that the time it takes does not say which.
            let found = |at: Option<usize>, (place, kept): (usize, &[u8; 32])| {
                if bool::from(kept.ct_eq(&hash)) { Some(place) } else { at }
            };
            enrolled.recovery.iter().enumerate().fold(None, found)
        });
        right.map(|place| enrolled.recovery.remove(place)).is_some()
    }
}

/// Replaces the codes of an account with new ones, and returns those for the one time that they are shown. `random` is.
pub fn renew(enrolled: &mut Enrolled, about: &About<'_>, random: &[[u8; LETTERS]; CODES]) -> Vec<String> {
    let codes: Vec<String> = random
        .iter()
        .map(|bytes| bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
        .collect();
    enrolled.recovery = codes.iter().filter_map(|code| hashes(code, about).next()).collect();
    codes.into_iter().map(|code| format!("{}-{}", &code[..5], &code[5..])).collect()
}

fn hashes(code: &str, about: &About<'_>) -> impl Iterator<Item = [u8; 32]> {
    let parts = [b"recovery", about.site.as_bytes(), about.account.as_str().as_bytes(), code.as_bytes()];
    about.keys.hashes(Purpose::Code, &parts).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, KeyRing, Secret, Timestamp};

    #[test]
    fn each_of_ten_codes_opens_once_for_its_own_account() {
        let keys = KeyRing::new(&[Secret::new([1; 32])]);
        let rotated = KeyRing::new(&[Secret::new([2; 32]), Secret::new([1; 32])]);
        let site = "webmail.example.edu".into();
        let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
        let now = Timestamp::from_millis(0);
        let about = |keys, account| About { keys, site: &site, account, host: "", origin: "", now };
        let random = std::array::from_fn(|code| std::array::from_fn(|letter| (code * 31 + letter * 7) as u8));
        let mut enrolled = Enrolled::default();
        let codes = renew(&mut enrolled, &about(&keys, &alice), &random);
        assert_eq!((codes.len(), enrolled.recovery.len()), (10, 10));
        let mut prove = |keys, account, code: &str| {
            RecoveryCodes.prove(&Answer { given: code, kept: None }, &mut enrolled, &about(keys, account))
        };
        assert!(!prove(&keys, &bob, &codes[0]), "another account's");
        assert!(prove(&keys, &alice, &codes[0]));
        assert!(!prove(&keys, &alice, &codes[0]), "once");
        assert!(prove(&rotated, &alice, &codes[1].to_lowercase().replace('-', " ")), "as typed, under a rotated key");
        assert!(!prove(&keys, &alice, &codes[2][..8]));
        assert_eq!(enrolled.recovery.len(), 8);
    }
}
