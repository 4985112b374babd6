//! Where mail goes by what stands in a form of settings: how addresses, texts and scripts in it are read.
//!
//! Everything here errs towards "cannot be read": the product may take for an address what looks like none to us.

use super::addresses::ADDRESS_BYTES_MAX;
use crate::domain::Aim;

/// A field that holds addresses and nothing else. Empty ones lead nowhere.
pub(super) fn read_addresses(aim: &mut Aim, value: &[u8]) {
    let Some(value) = readable(aim, value) else { return };
    let mut words = value.split(is_between).filter(|word| word.contains('@')).peekable();
    if words.peek().is_none() && !value.trim().is_empty() {
        aim.miss();
    }
    for word in words {
        match word.split_once('@') {
            // A second one is a route or worse.
            Some((_, domain)) if word.len() <= ADDRESS_BYTES_MAX && !domain.contains('@') => aim.add_domain(domain),
            _ => aim.miss(),
        }
    }
}

/// A text that people write, in which addresses may stand.
pub(super) fn read_text(aim: &mut Aim, value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    for word in text.split(is_between) {
        let word = word.trim_matches(|letter: char| letter.is_ascii_punctuation());
        if let Some((_, domain)) = word.rsplit_once('@').filter(|(_, domain)| domain.contains('.')) {
            aim.add_domain(domain);
        }
    }
}

/// A signature: its links. In HTML a link can be written in more ways than are read here.
pub(super) fn read_signature(aim: &mut Aim, value: &[u8], is_html: bool) {
    if !super::has_link(value) {
        return;
    }
    let text = String::from_utf8_lossy(value).to_lowercase();
    if is_html {
        aim.miss();
        return;
    }
    for word in text.split_whitespace() {
        let mut rest = word;
        let mut is_link = false;
        while let Some((_, link)) = rest.split_once("://") {
            read_link(aim, link);
            (rest, is_link) = (link, true);
        }
        if let Some(place) = word.find("www.").filter(|_| !is_link) {
            read_link(aim, &word[place..]);
        }
    }
}

/// A link without its scheme. Who sits before an `@` is not the host, and a backslash is whatever the reader takes it for.
fn read_link(aim: &mut Aim, link: &str) {
    let end = link.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '.' | '-')));
    let (host, rest) = link.split_at(end.unwrap_or(link.len()));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || authority.contains(['@', '\\', '%']) {
        aim.miss();
    } else {
        aim.add_host(host);
    }
}

/// A whole Sieve script (RFC 5228): without a word in it that can send or drop mail, it only files. Where it redirects, every
/// address in it must be read, those of its tests too.
pub(super) fn read_script(aim: &mut Aim, script: &[u8]) {
    /// Commands that send or drop mail in ways that are not read here, or that hide which do.
    const UNREAD: &[&str] = &["discard", "reject", "notify", "include", "vnd.", "variables", "text:", "/*"];
    let Some(script) = readable(aim, script) else { return };
    let lower = script.to_lowercase();
    if UNREAD.iter().any(|word| lower.contains(word)) {
        aim.miss();
    } else if lower.contains("redirect") || lower.contains("vacation") {
        let addresses: Vec<&str> = script.split(is_between).filter(|word| word.contains('@')).collect();
        if addresses.is_empty() && lower.contains("redirect") {
            aim.miss();
        }
        addresses.into_iter().for_each(|address| read_addresses(aim, address.as_bytes()));
    }
}

/// What is text, and neither escaped nor put together from variables when it is used.
fn readable<'v>(aim: &mut Aim, value: &'v [u8]) -> Option<&'v str> {
    let text = std::str::from_utf8(value).ok();
    let text = text.filter(|text| !text.contains(['$', '\\']) && !text.chars().any(is_odd));
    if text.is_none() {
        aim.miss();
    }
    text
}

/// Control characters that end no line: programs disagree about what stands around them.
fn is_odd(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\r' | '\n' | '\t')
}

fn is_between(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ',' | ';' | '<' | '>' | '(' | ')' | '[' | ']' | '"')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_outside(read: impl Fn(&mut Aim)) -> bool {
        let mut aim = Aim::default();
        read(&mut aim);
        aim.is_outside(&["example.edu".to_owned()])
    }

    #[test]
    fn an_address_is_inside_when_nobody_could_take_it_for_another() {
        for (value, outside) in [
            ("", false),
            (" ", false),
            ("dean@example.edu", false),
            ("\"The Dean\" <Dean@Example.EDU>, office@example.edu", false),
            ("dean@elsewhere.example", true),
            ("dean@example.edu, out@elsewhere.example", true),
            ("dean@example.edu.elsewhere.example", true),
            ("\"dean@example.edu\"@elsewhere.example", true),
            ("@elsewhere.example:dean@example.edu", true),
            ("out@elsewhere.example(@example.edu)", true),
            ("${where}@example.edu", true),
            ("dean@example.edu\0", true),
            ("dean", true),
            ("ｄｅａｎ＠elsewhere.example", true),
        ] {
            assert_eq!(is_outside(|aim| read_addresses(aim, value.as_bytes())), outside, "{value}");
        }
        let long = format!("{}@example.edu", "a".repeat(ADDRESS_BYTES_MAX));
        assert!(is_outside(|aim| read_addresses(aim, long.as_bytes())));
        assert!(is_outside(|aim| read_addresses(aim, b"\xff@example.edu")));
    }

    #[test]
    fn a_text_leads_outside_by_an_address_in_it() {
        for (text, outside) in [
            ("I am away until Monday. Ask office@example.edu.", false),
            ("I am away until Monday @ noon", false),
            ("Write to (boss@elsewhere.example).", true),
            ("Schreiben Sie an boss@elsewhere.example!", true),
        ] {
            assert_eq!(is_outside(|aim| read_text(aim, text.as_bytes())), outside, "{text}");
        }
    }

    #[test]
    fn a_signature_leads_outside_by_a_link() {
        for (text, is_html, outside) in [
            ("Alice Example\nInstitute of Botany, room 4", false, false),
            ("Alice\nhttps://www.example.edu/~alice (mornings)\nwww.example.edu.", false, false),
            ("<b>Alice</b>, Institute of Botany", true, false),
            ("Claim at https://elsewhere.example/", false, true),
            ("https://www.example.edu@elsewhere.example/", false, true),
            ("https://www.example.edu\\@elsewhere.example/", false, true),
            ("https://www.example.edu.elsewhere.example/", false, true),
            ("https://www.example.edu/?to=https://elsewhere.example/", false, true),
            ("https://elsewhere.example/www.example.edu", false, true),
            ("<a href=\"https://www.example.edu&period;elsewhere.example\">x</a>", true, true),
        ] {
            assert_eq!(is_outside(|aim| read_signature(aim, text.as_bytes(), is_html)), outside, "{text}");
        }
    }

    #[test]
    fn a_script_that_only_files_leads_nowhere() {
        for (script, outside) in [
            (
                "require [\"fileinto\"];\nif header :contains \"from\" \"news@elsewhere.example\" { fileinto \"News\"; }",
                false,
            ),
            ("redirect \"dean@example.edu\";", false),
            ("REDIRECT :copy \"out@elsewhere.example\";", true),
            ("if true { discard; }", true),
            ("redirect \"out\\@elsewhere.example\";", true),
            ("require \"variables\"; set \"a\" \"x\"; redirect \"${a}@example.edu\";", true),
            ("redirect text:\nout@elsewhere.example\n.\n;", true),
            ("include :personal \"other\";", true),
        ] {
            assert_eq!(is_outside(|aim| read_script(aim, script.as_bytes())), outside, "{script}");
        }
    }

    proptest! {
        /// Whatever stands around it, an outside address is never taken for an inside one.
        #[test]
        fn an_outside_address_is_seen(
            before in "(x@example\\.edu[,; <>\"()\n]{1,2}){0,3}", after in "([,; <>\"()\n]{1,2}x@example\\.edu){0,3}",
        ) {
            let value = format!("{before}out@elsewhere.example{after}");
            let (addresses, text) = (value.as_bytes(), format!("redirect \"{value}\";"));
            prop_assert!(is_outside(|aim| read_addresses(aim, addresses)));
            prop_assert!(is_outside(|aim| read_text(aim, addresses)));
            prop_assert!(is_outside(|aim| read_script(aim, text.as_bytes())));
        }
    }
}
