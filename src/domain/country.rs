//! A country, by its two letters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 3166-1 alpha-2 code, upper-case. That the letters name a country is not checked: databases know territories
/// and codes of their own (`XK`, `EU`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Why a text is not a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is two letters, such as \"DE\"")]
pub struct NotACountry;

impl Country {
    /// The code's two letters.
    pub const fn letters(self) -> [u8; 2] {
        self.0
    }
}

impl FromStr for Country {
    type Err = NotACountry;

    fn from_str(text: &str) -> Result<Self, NotACountry> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(NotACountry),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = NotACountry;

    fn try_from(text: String) -> Result<Self, NotACountry> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("both are ASCII letters"))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_letters_however_they_are_written() {
        assert_eq!("de".parse::<Country>().map(|country| country.to_string()), Ok("DE".to_owned()));
        for wrong in ["", "D", "DEU", "D1", "ÄÖ", "  "] {
            assert_eq!(wrong.parse::<Country>(), Err(NotACountry), "{wrong:?}");
        }
    }
}

impl Country {
    /// STUB
    pub fn distance_beyond_doubt_km(self, _other: Self) -> Option<f64> {
        None
    }
}
