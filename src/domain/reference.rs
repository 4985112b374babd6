//! The code that links a page a person sees to the event an operator reads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Eight characters without look-alikes, shown on every page of Mailward's and written in the event behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference([u8; 8]);

/// Crockford's base 32: no I, L, O, U, so it survives being read over a telephone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// From 40 random bits (the lowest of `random`); drawn by the caller.
    pub fn from_random(random: u64) -> Self {
        let mut code = [0; 8];
        for (place, letter) in code.iter_mut().enumerate() {
            *letter = ALPHABET[((random >> (place * 5)) & 31) as usize];
        }
        Self(code)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(&self.0).expect("the alphabet is ASCII");
        write!(f, "{}-{}", &text[..4], &text[4..])
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a reference code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference code is eight letters and digits, such as 7K3M-9QWX")]
pub struct NotAReference;

impl FromStr for Reference {
    type Err = NotAReference;

    /// As people write it down: any case, with or without the dash, `O` for zero, `I` and `L` for one.
    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let mut code = [0; 8];
        let mut letters = text.bytes().filter(|byte| !matches!(byte, b'-' | b' '));
        for place in &mut code {
            let letter = match letters.next().ok_or(NotAReference)?.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                letter => letter,
            };
            if !ALPHABET.contains(&letter) {
                return Err(NotAReference);
            }
            *place = letter;
        }
        if letters.next().is_some() { Err(NotAReference) } else { Ok(Self(code)) }
    }
}

impl Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it_down() {
        let code = Reference::from_random(0x1_2345_6789);
        let shown = code.to_string();
        for written in
            [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), shown.replace('0', "o"), format!(" {shown} ")]
        {
            assert_eq!(written.parse(), Ok(code), "{written}");
        }
        for wrong in ["", "1234", "1234-5678-9", "1234-567U", "12345678\u{e9}"] {
            assert_eq!(wrong.parse::<Reference>(), Err(NotAReference), "{wrong}");
        }
    }
}
