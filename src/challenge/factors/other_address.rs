//! A code to another address of the person, a mailbox or a telephone: six digits, good for ten minutes, for the challenge
//! that asked for it. Never to the mailbox that is being protected.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{About, Answer, Factor, typed};
use crate::challenge::enrolled::Enrolled;
use crate::domain::{FactorKind, Purpose, Secret, Timestamp};

/// Codes to another address.
pub struct OtherAddresses;

/// How long a code is good.
pub const LIVES: Duration = Duration::from_secs(600);

const DIGITS: u64 = 1_000_000;

/// A code that was sent, as it is kept.
#[derive(Serialize, Deserialize)]
struct Sent {
    hash: [u8; 32],
    until: Timestamp,
}

impl Factor for OtherAddresses {
    fn kind(&self) -> FactorKind {
        FactorKind::OtherAddress
    }

    fn prove(&self, answer: &Answer<'_>, _enrolled: &mut Enrolled, about: &About<'_>) -> bool {
        answer.kept.is_some_and(|kept| is_right(kept, answer.given, about))
    }
}

/// A new code: what is kept of it, and the code for the letter. `random` is.
pub fn make(about: &About<'_>, random: u64) -> (Secret<String>, Secret<String>) {
    let code = format!("{:06}", random % DIGITS);
    let hash = hashes(&code, about).next().expect("a key ring has at least one key");
    let sent = Sent { hash, until: about.now.after(LIVES) };
    (Secret::new(serde_json::to_string(&sent).expect("bytes and a number")), Secret::new(code))
}

/// Whether this is the code that was sent.
pub fn is_right(kept: &str, given: &str, about: &About<'_>) -> bool {
    let Ok(sent) = serde_json::from_str::<Sent>(kept) else { return false };
    about.now < sent.until && hashes(&typed(given), about).any(|hash| bool::from(hash.ct_eq(&sent.hash)))
}

/// A telephone's number as it is kept and written to (E.164): `+`, country code and number, 7 to 15 digits. None where it
/// is none. `typed` may have spaces, hyphens, dots, slashes and brackets.
pub fn telephone(typed: &str) -> Option<String> {
    let number = typed.trim().strip_prefix('+')?;
    let kept: String = number.chars().filter(|letter| !matches!(letter, ' ' | '-' | '.' | '/' | '(' | ')')).collect();
    let is_number =
        (7..=15).contains(&kept.len()) && kept.bytes().all(|byte| byte.is_ascii_digit()) && !kept.starts_with('0');
    is_number.then(|| format!("+{kept}"))
}

/// Whether an address, as it is kept, is a telephone's number.
pub fn is_telephone(address: &str) -> bool {
    address.starts_with('+') && !address.contains('@')
}

/// An address as it is shown to somebody who may be a stranger: its owner recognises it.
pub fn masked(address: &str) -> String {
    if is_telephone(address) {
        let shown = |from: usize| address.get(from..).unwrap_or_default();
        return format!("{}…{}", address.get(..3).unwrap_or_default(), shown(address.len().saturating_sub(2)));
    }
    let (name, domain) = address.split_once('@').unwrap_or((address, ""));
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let ending = domain.rsplit_once('.').map_or("", |(_, ending)| ending);
    format!("{}…@{}….{ending}", first(name), first(domain))
}

fn hashes(code: &str, about: &About<'_>) -> impl Iterator<Item = [u8; 32]> {
    let parts = [b"address", about.site.as_bytes(), about.account.as_str().as_bytes(), code.as_bytes()];
    about.keys.hashes(Purpose::Code, &parts).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, KeyRing};

    #[test]
    fn a_code_is_good_for_ten_minutes_for_its_own_account() {
        let keys = KeyRing::new(&[Secret::new([1; 32])]);
        let (site, alice, bob) =
            ("one.example".into(), Account::from_canonical("alice"), Account::from_canonical("bob"));
        let at = |account, second: u64| {
            let now = Timestamp::from_millis(second * 1_000);
            About { keys: &keys, site: &site, account, host: "", origin: "", now }
        };
        let (kept, code) = make(&at(&alice, 0), 5);
        assert_eq!(code.expose(), "000005");
        assert!(!kept.expose().contains("000005"));
        for (account, second, given, right) in [
            (&alice, 1, "000005", true),
            (&alice, 599, "000 005", true),
            (&alice, 600, "000005", false),
            (&alice, 1, "000006", false),
            (&alice, 1, "", false),
            (&bob, 1, "000005", false),
        ] {
            assert_eq!(is_right(kept.expose(), given, &at(account, second)), right, "{given} at {second}");
        }
        assert_eq!(masked("jane.doe@mail.example.org"), "j…@m….org");
        assert_eq!(masked("x"), "x…@….");
        assert_eq!(masked("+4915112345678"), "+49…78");
    }

    #[test]
    fn a_telephones_number_is_kept_in_one_form() {
        for (typed, kept) in [
            (" +49 (151) 123-456.78", Some("+4915112345678")),
            ("+1 555 0100", Some("+15550100")),
            ("0151 12345678", None),
            ("+0151 12345678", None),
            ("+49", None),
            ("+1234567890123456", None),
            ("+49151x2345678", None),
            ("+49151\u{661}2345678", None),
            ("+a@b.example", None),
            ("", None),
        ] {
            assert_eq!(telephone(typed).as_deref(), kept, "{typed:?}");
        }
        assert!(is_telephone("+4915112345678") && !is_telephone("+tag@example.org") && !is_telephone("a@b.example"));
    }
}
