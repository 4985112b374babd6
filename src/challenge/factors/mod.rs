//! The kinds of second proof.
//!
//! To add one: a file here with a type that implements [`Factor`], one line in [`ALL`], its kind in
//! `domain/factor.rs`, what it keeps in [`Enrolled`], and its sentences in `templates/locales`. The suite below iterates
//! over [`ALL`]. Nothing here counts attempts or knows what a proof opens: that is `policy::proof`.

pub mod campus;
pub mod helpdesk;
pub mod other_address;
pub mod passkey;
pub mod recovery;
pub mod totp;

use super::enrolled::Enrolled;
use crate::domain::{Account, FactorKind, KeyRing, Secret, SiteName, Timestamp};

/// Every kind, in the order in which a person is offered them.
pub static ALL: &[&dyn Factor] = &[
    &passkey::Passkeys,
    &totp::Apps,
    &other_address::OtherAddresses,
    &recovery::RecoveryCodes,
    &helpdesk::HelpdeskCodes,
    &campus::Campus,
];

/// The factor of a kind.
pub fn of(kind: FactorKind) -> &'static dyn Factor {
    *ALL.iter().find(|factor| factor.kind() == kind).expect("every kind has its factor; a test looks")
}

/// One kind of second proof.
pub trait Factor: Sync {
    /// Which.
    fn kind(&self) -> FactorKind;

    /// Whether a person may be shown its form. A helpdesk code is asked for whether there is one or not, so that nobody
    /// learns it.
    fn is_offered(&self, enrolled: &Enrolled, about: &About<'_>) -> bool {
        enrolled.kinds(about.host, about.now).contains(&self.kind())
    }

    /// Begins to ask. None where it cannot be asked just now.
    fn ask(&self, enrolled: &Enrolled, about: &About<'_>) -> Option<Question> {
        let _ = (enrolled, about);
        Some(Question::default())
    }

    /// Whether this is the proof. What it uses up, it takes out of `enrolled`; the caller makes sure that only one of
    /// several at once can.
    fn prove(&self, answer: &Answer<'_>, enrolled: &mut Enrolled, about: &About<'_>) -> bool;
}

/// For whom, where and when.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// Behind hashes of codes.
    pub keys: &'a KeyRing,
    /// Where.
    pub site: &'a SiteName,
    /// Whose account.
    pub account: &'a Account,
    /// The host in the person's address bar, lower-case, without port.
    pub host: &'a str,
    /// `https://`, the host and the port if there is one.
    pub origin: &'a str,
    /// When.
    pub now: Timestamp,
}

/// What is asked, beyond the form itself.
#[derive(Default)]
pub struct Question {
    /// Kept on our side until the answer comes.
    pub kept: Option<Secret<String>>,
    /// For the page's script.
    pub shown: Option<String>,
}

/// What came back.
pub struct Answer<'a> {
    /// What was typed, or what the page's script made; at most [`ANSWER_BYTES_MAX`]. Written by the client.
    pub given: &'a str,
    /// [`Question::kept`].
    pub kept: Option<&'a str>,
}

/// The longest answer. A passkey's is about 1 KiB.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// A code as people type it: digits and letters only, upper case, look-alikes made one.
fn typed(given: &str) -> String {
    given
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | '\u{a0}' | '\t'))
        .take(64)
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            // Arabic-Indic and Persian digits, as keyboards in those languages write them.
            letter @ '\u{660}'..='\u{669}' => digit(letter, '\u{660}'),
            letter @ '\u{6f0}'..='\u{6f9}' => digit(letter, '\u{6f0}'),
            letter @ '\u{ff10}'..='\u{ff19}' => digit(letter, '\u{ff10}'),
            letter => letter,
        })
        .collect()
}

fn digit(letter: char, zero: char) -> char {
    u8::try_from(u32::from(letter) - u32::from(zero)).map_or('?', |digit| char::from(b'0' + digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_factor_in_the_order_of_the_kinds() {
        let kinds: Vec<FactorKind> = ALL.iter().map(|factor| factor.kind()).collect();
        assert_eq!(kinds, FactorKind::ALL);
    }

    #[test]
    fn an_account_without_factors_proves_nothing_whatever_is_typed() {
        let keys = KeyRing::new(&[Secret::new([1; 32])]);
        let (site, account) = ("webmail.example.edu".into(), Account::from_canonical("alice"));
        let about = About {
            keys: &keys,
            site: &site,
            account: &account,
            host: "webmail.example.edu",
            origin: "https://webmail.example.edu",
            now: Timestamp::from_millis(1_796_083_200_000),
        };
        for factor in ALL {
            let mut nothing = Enrolled::default();
            for given in ["", "000000", "{}", "null", "00000-00000", "\u{0}", "\u{660}\u{661}"] {
                for kept in [None, Some(""), Some("{}"), Some("null")] {
                    let proves = factor.prove(&Answer { given, kept }, &mut nothing, &about);
                    assert!(!proves, "{} {given:?} {kept:?}", factor.kind().name());
                }
            }
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for (given, read) in [
            (" 123 456 ", "123456"),
            ("abcde-fghjk", "ABCDEFGHJK"),
            ("oOiIlL", "001111"),
            ("\u{661}\u{662}\u{6f3}\u{ff14}", "1234"),
        ] {
            assert_eq!(typed(given), read);
        }
    }
}
