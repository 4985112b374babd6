//! A confirmation from campus: a session of the same account there, with nothing against it, is told the number that is
//! shown here. Whoever has only the password has no session there, and whoever is there approves nothing by habit: the
//! number must be read off the other screen.

use subtle::ConstantTimeEq as _;

use super::{About, Answer, Factor};
use crate::challenge::enrolled::Enrolled;
use crate::domain::FactorKind;

/// Confirmations from campus.
pub struct Campus;

/// A ticket's length, in hexadecimal digits.
const TICKET_DIGITS: usize = 32;

/// Numbers have two digits, so that nobody wonders about a zero in front.
const NUMBERS: std::ops::Range<u8> = 10..100;

/// How often a wrong number may be typed on campus; then it is asked anew.
pub const TRIES: u8 = 3;

impl Factor for Campus {
    fn kind(&self) -> FactorKind {
        FactorKind::Campus
    }

    fn is_offered(&self, _enrolled: &Enrolled, _about: &About<'_>) -> bool {
        true
    }

    /// `given` is the ticket of what was confirmed on campus, which the caller looks up; `kept` the one that was asked for.
    fn prove(&self, answer: &Answer<'_>, _enrolled: &mut Enrolled, _about: &About<'_>) -> bool {
        let is_ticket = |text: &str| text.len() == TICKET_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        answer.kept.is_some_and(|kept| {
            is_ticket(kept) && is_ticket(answer.given) && bool::from(kept.as_bytes().ct_eq(answer.given.as_bytes()))
        })
    }
}

/// The number to be shown. `random` is.
pub fn number(random: u64) -> u8 {
    let span = u64::from(NUMBERS.end - NUMBERS.start);
    NUMBERS.start + u8::try_from(random % span).unwrap_or(0)
}

/// Whether this is the number, as people type it.
pub fn is_right(number: u8, given: &str) -> bool {
    super::typed(given) == number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_two_digits_and_is_read_as_people_type_it() {
        for random in [0, 1, 89, 90, u64::MAX] {
            assert!(NUMBERS.contains(&number(random)), "{random}");
        }
        assert_eq!((number(0), number(89)), (10, 99));
        assert!(is_right(47, " 47 ") && is_right(47, "\u{664}\u{667}"));
        for wrong in ["", "4", "7", "047", "74", "47a"] {
            assert!(!is_right(47, wrong), "{wrong}");
        }
    }
}
