//! Asking a service whether a password has leaked without telling it which: the range search of Have I Been Pwned
//! (<https://haveibeenpwned.com/API/v3#PwnedPasswords>), which other programs speak as well.
//!
//! The first five digits of the password's SHA-1 are told; the answer lists the rest of every leaked password that begins
//! so, some hundreds, each with how often it was seen: `0018A45C4D1DEF81644B54AB7F969B88D65:12`. Here is what is asked and
//! what an answer says; who asks is not this room's concern.

use aws_lc_rs::digest;

use crate::domain::Secret;

/// Digits that are told, as the service wants them.
const TOLD_DIGITS: usize = 5;

/// A password as it is asked for.
pub struct Range {
    digits: Secret<String>,
}

impl Range {
    /// Of a password.
    pub fn of(password: &Secret<String>) -> Self {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
        Self { digits: Secret::new(data_encoding::HEXUPPER.encode(hash.as_ref())) }
    }

    /// What the service is told: five hexadecimal digits, which some thousands of leaked passwords share.
    pub fn told(&self) -> &str {
        &self.digits.expose()[..TOLD_DIGITS]
    }

    /// Whether the answer lists the password. None: it is no answer of such a service, so nothing is known.
    pub fn is_listed(&self, answer: &[u8]) -> Option<bool> {
        let sought = &self.digits.expose()[TOLD_DIGITS..];
        let lines = std::str::from_utf8(answer).ok()?.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut is_listed = false;
        for line in lines {
            let (rest, seen) = line.split_once(':')?;
            let seen: u64 = seen.trim().parse().ok()?;
            if rest.len() != sought.len() || !rest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            // Lines that only hide how long the answer is were seen zero times.
            is_listed |= seen > 0 && rest.eq_ignore_ascii_case(sought);
        }
        Some(is_listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-1 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
    fn range() -> Range {
        Range::of(&Secret::new("password".to_owned()))
    }

    #[test]
    fn five_digits_are_told_and_the_rest_is_looked_for() {
        assert_eq!(range().told(), "5BAA6");
        let others = "003D68EB55068C33ACE09247EE4C639306B:3\r\n012C192B2F16F82EA0EB9EF18D9D539B0DD:1\r\n";
        assert_eq!(range().is_listed(others.as_bytes()), Some(false));
        let with = format!("{others}1E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493\r\n");
        assert_eq!(range().is_listed(with.as_bytes()), Some(true));
        assert_eq!(range().is_listed(with.to_lowercase().as_bytes()), Some(true));
        assert_eq!(range().is_listed(b""), Some(false), "nothing begins so");
    }

    #[test]
    fn padding_lists_nothing() {
        assert_eq!(range().is_listed(b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:0"), Some(false));
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        for answer in [
            "<html>sign in to the network first</html>",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:many",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD:1",
            "1E4C9B93F3F0682250B6CF8331B7EE68FDX:1",
        ] {
            assert_eq!(range().is_listed(answer.as_bytes()), None, "{answer}");
        }
        assert_eq!(range().is_listed(b"\xff:1"), None);
    }
}
