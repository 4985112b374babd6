//! Every table and key of the configuration, with form, default and meaning: known names, suggestions and
//! `docs/configuration.md` come from here.

mod nearest;
mod reference;
mod tables;

pub(in crate::config) use nearest::nearest;
pub use reference::{reference, signals_reference};
pub use tables::*;

/// One table of the file.
pub struct Table {
    /// As it is written: `[listen]`, `[[site]]`; empty for the top of the file.
    pub header: &'static str,
    /// What it is for.
    pub text: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
}

/// One key of a table.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may stand there, as people say it.
    pub form: &'static str,
    /// What holds when it is absent.
    pub absent: &'static str,
    /// What it does.
    pub text: &'static str,
}

const fn key(name: &'static str, form: &'static str, absent: &'static str, text: &'static str) -> Key {
    Key { name, form, absent, text }
}

/// All tables, in the order of the reference.
pub static TABLES: &[&Table] = &[
    &TOP,
    &EVENTS,
    &LISTEN,
    &TLS,
    &SITE,
    &NETWORK,
    &NETWORK_LIST,
    &GEOIP,
    &PASSWORDS,
    &STORE,
    &REPUTATION,
    &SIGN_IN,
    &SIGN_IN_LIMITS,
    &SEND,
    &SEND_LIMITS,
    &EXCEPTION,
    &EXCEPTION_LIMITS,
    &RISK,
    &PAGES,
    &CHALLENGE,
    &DESK,
    &DESK_OPENID,
    &RULE,
    &RULE_WHEN,
    &MAIL,
    &SMS,
    &ALERT,
    &SCANNER,
    &SCANNER_WEIGHTS,
    &DOORS,
];

/// Keys that later versions have, by header: refused with words that say so, not with a wrong guess.
static LATER: &[(&str, &[&str])] = &[("[events]", &["pseudonyms_after"])];

impl Table {
    /// Whether this version reads the key.
    pub fn knows(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// Whether a later version has a key of that name here.
    pub(super) fn comes_later(&self, name: &str) -> bool {
        LATER.iter().any(|(header, names)| *header == self.header && names.contains(&name))
    }

    /// The table's name in a sentence.
    pub(super) fn spoken(&self) -> &'static str {
        if self.header.is_empty() { "the top of the file" } else { self.header }
    }

    /// Where a key of it stands, in a sentence.
    pub(super) fn located(&self) -> String {
        if self.header.is_empty() { "at the top of the file".into() } else { format!("in {}", self.header) }
    }

    /// The known name that was probably meant, and where: here, or in another table.
    pub(super) fn meant(&self, name: &str) -> Option<(&'static str, &'static Table)> {
        if let Some(known) = nearest(name, self.keys.iter().map(|key| key.name)) {
            let all = TABLES.iter().copied().chain([&RISK_WEIGHTS]);
            let here = all.into_iter().find(|table| table.header == self.header)?;
            return Some((known, here));
        }
        let elsewhere = TABLES.iter().find(|table| table.knows(name))?;
        elsewhere.keys.iter().find(|key| key.name == name).map(|key| (key.name, *elsewhere))
    }
}

/// The names of all limits, of sign-ins and of sends.
pub fn limit_names() -> impl Iterator<Item = &'static str> {
    SIGN_IN_LIMITS.keys.iter().chain(SEND_LIMITS.keys).map(|key| key.name).filter(|name| *name != "familiar_factor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_the_word_that_was_meant_and_nothing_else() {
        for (found, meant) in [
            ("upsteam", Some("upstream")),
            ("upstraem", Some("upstream")),
            ("Hosts", Some("hosts")),
            ("session-cookie", Some("session_cookie")),
            ("host", Some("hosts")),
            ("colour", None),
            ("", None),
            (&"x".repeat(10_000), None),
        ] {
            assert_eq!(nearest(found, SITE.keys.iter().map(|key| key.name)), meant, "{found}");
        }
        let (name, table) = TOP.meant("upstream").expect("known elsewhere");
        assert_eq!((name, table.header), ("upstream", "[[site]]"));
    }

    #[test]
    fn the_limits_of_exceptions_are_limits_of_sends() {
        for key in EXCEPTION_LIMITS.keys {
            assert!(SEND_LIMITS.knows(key.name), "{}", key.name);
        }
    }

    #[test]
    fn no_key_is_both_known_and_for_later() {
        for table in TABLES {
            for key in table.keys {
                assert!(!table.comes_later(key.name), "{} {}", table.header, key.name);
            }
        }
    }
}
