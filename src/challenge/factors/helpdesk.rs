//! A code that an operator makes for one account after checking who asks, and reads out: eight digits, good for minutes,
//! once.

use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::{About, Answer, Factor, typed};
use crate::challenge::enrolled::{Enrolled, HelpdeskCode};
use crate::domain::{FactorKind, Purpose};

/// Helpdesk codes.
pub struct HelpdeskCodes;

const DIGITS: u64 = 100_000_000;

impl Factor for HelpdeskCodes {
    fn kind(&self) -> FactorKind {
        FactorKind::HelpdeskCode
    }

    fn is_offered(&self, _enrolled: &Enrolled, _about: &About<'_>) -> bool {
        true
    }

    fn prove(&self, answer: &Answer<'_>, enrolled: &mut Enrolled, about: &About<'_>) -> bool {
        let given = typed(answer.given);
        let Some(code) = enrolled.helpdesk.as_ref().filter(|code| about.now < code.until) else { return false };
        let right = hashes(&given, about).any(|hash| bool::from(hash.ct_eq(&code.hash)));
        if right {
            enrolled.helpdesk = None;
        }
        right
    }
}

/// Makes a code in place of an earlier one, and returns it for the one time that it is shown. `random` is.
pub fn make(enrolled: &mut Enrolled, about: &About<'_>, lives: Duration, random: u64) -> String {
    let code = format!("{:08}", random % DIGITS);
    let hash = hashes(&code, about).next().expect("a key ring has at least one key");
    enrolled.helpdesk = Some(HelpdeskCode { hash, until: about.now.after(lives) });
    format!("{} {}", &code[..4], &code[4..])
}

fn hashes(code: &str, about: &About<'_>) -> impl Iterator<Item = [u8; 32]> {
    let parts = [b"helpdesk", about.site.as_bytes(), about.account.as_str().as_bytes(), code.as_bytes()];
    about.keys.hashes(Purpose::Code, &parts).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, KeyRing, Secret, Timestamp};

    #[test]
    fn a_helpdesk_code_opens_once_within_its_minutes_and_the_latest_counts() {
        let keys = KeyRing::new(&[Secret::new([1; 32])]);
        let (site, account) = ("webmail.example.edu".into(), Account::from_canonical("alice"));
        let about = |second: u64| {
            let now = Timestamp::from_millis(second * 1_000);
            About { keys: &keys, site: &site, account: &account, host: "", origin: "", now }
        };
        let mut enrolled = Enrolled::default();
        let prove = |enrolled: &mut Enrolled, code: &str, second| {
            HelpdeskCodes.prove(&Answer { given: code, kept: None }, enrolled, &about(second))
        };
        let lives = Duration::from_secs(600);
        let first = make(&mut enrolled, &about(0), lives, 12_345_678);
        assert_eq!(first, "1234 5678");
        let second = make(&mut enrolled, &about(1), lives, 7);
        assert_eq!(second, "0000 0007");
        assert!(!prove(&mut enrolled, &first, 2), "a newer one was made");
        assert!(!prove(&mut enrolled, "00000008", 2));
        assert!(prove(&mut enrolled, &second, 2));
        assert!(!prove(&mut enrolled, &second, 3), "once");
        let late = make(&mut enrolled, &about(10), lives, 9);
        assert!(!prove(&mut enrolled, &late, 610), "too late");
    }
}
