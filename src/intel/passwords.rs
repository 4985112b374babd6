//! How good a password is: easily guessed, or known to have leaked. No password leaves this file, not even in an error.

use std::sync::{Arc, LazyLock};

use zxcvbn::{Score, zxcvbn};

use super::breached::{self, Filter};
use crate::domain::{PasswordQuality, Secret};

/// Passwords that everybody tries first; `geoip/README.md` says where they are from.
static COMMON: &[u8] = include_bytes!("../../geoip/common-passwords.filter");

/// As much of a password as is judged, in characters: the work grows with the square of the length and more.
const JUDGED_CHARS_MAX: usize = 48;

/// Words about the person that are looked for in a password, parts of names among them; and as much of each, in
/// characters.
const INPUTS_MAX: usize = 16;
const INPUT_CHARS_MAX: usize = 48;

/// Shorter parts of a name, such as `de` or `it`, are found in every other password.
const PART_BYTES_MIN: usize = 3;

/// The lists that passwords are looked up in.
pub struct Passwords {
    common: &'static Filter,
    breached: Vec<Arc<Filter>>,
}

impl Passwords {
    pub(super) fn new(breached: Vec<Arc<Filter>>) -> Self {
        Self { common: common(), breached }
    }

    /// Judges a password. `inputs` are words an attacker tries first: the account's name, the site.
    ///
    /// Takes up to some milliseconds of computing (a password is written by the client, its judged length is bounded), and
    /// three small reads of each of the operator's files. The same password and words are always judged alike.
    pub fn quality(&self, password: &Secret<String>, inputs: &[&str]) -> PasswordQuality {
        let key = breached::key(password);
        let is_known = self.common.contains(key) || self.breached.iter().any(|filter| filter.contains(key));
        PasswordQuality { weak: is_weak(password.expose(), inputs), breached: is_known }
    }
}

/// Guessed within 10^6 attempts. The beginning is judged: what follows makes a password only longer.
fn is_weak(password: &str, inputs: &[&str]) -> bool {
    // Of `karin.lindqvist@example.edu` each part is a word that is tried.
    let parts = inputs.iter().flat_map(|input| input.split(|c: char| !c.is_alphanumeric()));
    let words = inputs.iter().copied().chain(parts.filter(|part| part.len() >= PART_BYTES_MIN));
    let inputs: Vec<&str> = words.take(INPUTS_MAX).map(|input| cut(input, INPUT_CHARS_MAX)).collect();
    zxcvbn(cut(password, JUDGED_CHARS_MAX), &inputs).score() <= Score::One
}

fn cut(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

pub(super) fn common() -> &'static Filter {
    static READ: LazyLock<Filter> =
        LazyLock::new(|| Filter::compiled(COMMON).expect("it is compiled in, and a test opens it"));
    &READ
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(password: &str) -> PasswordQuality {
        let inputs = ["karin.lindqvist", "webmail.example.edu"];
        Passwords::new(Vec::new()).quality(&Secret::new(password.to_owned()), &inputs)
    }

    #[test]
    fn passwords_are_weak_breached_both_or_neither() {
        for (password, weak, breached) in [
            ("123456", true, true),
            ("password", true, true),
            ("qwerty", true, true),
            ("Password1", true, false),
            ("karin.lindqvist", true, false),
            ("lindqvist1", true, false),
            ("webmail.example.edu", true, false),
            ("", true, false),
            ("pröfung-Ähre-7%-hafen", false, false),
            ("correct horse battery staple", false, false),
            ("xK9#mQ2$vL", false, false),
        ] {
            assert_eq!(quality(password), PasswordQuality { weak, breached }, "{password:?}");
        }
    }

    #[test]
    fn the_compiled_list_is_whole_and_takes_hardly_anything_else_for_known() {
        assert!(common().keys() > 49_000, "{}", common().keys());
        let wrong = (0..20_000)
            .filter(|number| common().contains(breached::key(&Secret::new(format!("not-in-any-list-{number}")))))
            .count();
        assert!(wrong <= 5, "{wrong}");
    }

    #[test]
    fn the_longest_password_costs_no_more_than_what_is_judged_of_it() {
        let long = "Tr0ub4dor&3 aaaa 1234 qwerty ".repeat(4_000);
        assert_eq!(quality(&long), quality(cut(&long, JUDGED_CHARS_MAX)));
        assert_eq!(cut("äöü", 2), "äö");
        assert_eq!(cut("äöü", 3), "äöü");
    }

    #[test]
    fn an_operators_list_counts_beside_the_compiled_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("breached");
        let leaked = Secret::new("pröfung-Ähre-7%-hafen".to_owned());
        let mut builder = breached::Builder::new(&out, 0).expect("writable");
        builder.add_password(&leaked).expect("writable");
        builder.finish(crate::domain::Timestamp::from_millis(0)).expect("made");
        let (filter, _) = Filter::open(&out).expect("a filter");
        let passwords = Passwords::new(vec![Arc::new(filter)]);
        assert!(passwords.quality(&leaked, &[]).breached);
        assert!(passwords.quality(&Secret::new("123456".to_owned()), &[]).breached);
    }
}
