//! To whom a message goes, as far as addresses stand in its fields: for telling whether an account ever wrote to them.
//!
//! How many recipients a message counts is each product's own business; this is not for counting.

use crate::domain::action::Recipients;

/// Addresses kept of one message: more than any limit lets pass.
const ADDRESSES_MAX: usize = 1000;

/// The longest address (RFC 5321, section 4.5.3.1.3, without its brackets).
pub(super) const ADDRESS_BYTES_MAX: usize = 254;

/// The addresses in some fields, lower-case, each once.
pub(super) fn of_fields<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Recipients {
    let mut found: Vec<String> = fields
        .flat_map(|field| field.split(|byte| b",;<>()\"".contains(byte) || byte.is_ascii_whitespace()))
        .filter(|word| (3..=ADDRESS_BYTES_MAX).contains(&word.len()) && word.contains(&b'@'))
        .take(ADDRESSES_MAX)
        .map(|word| String::from_utf8_lossy(word).to_lowercase())
        .collect();
    found.sort_unstable();
    found.dedup();
    Recipients::new(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_however_they_are_written() {
        let fields =
            [&b"Bob <BOB@example.org>, \"Last, First\" <a@example.org>"[..], b"bob@example.org;\r\nc@example.org d"];
        assert_eq!(of_fields(fields.into_iter()).addresses(), ["a@example.org", "bob@example.org", "c@example.org"]);
        assert!(of_fields([&b"nobody, @"[..]].into_iter()).addresses().is_empty());
    }
}
