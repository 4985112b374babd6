//! A colour, and how well it can be told from another.

use std::fmt;
use std::str::FromStr;

/// A colour of a page (sRGB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// The ratio of contrast (WCAG 2.2), from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The nearest lighter colour that has at least this contrast to `ground`; white where none has.
    pub fn lightened(self, ground: Self, contrast: f64) -> Self {
        let mixed = |white: u16| {
            Self(self.0.map(|part| {
                let part = u16::from(part);
                u8::try_from(part + (255 - part) * white / 16).unwrap_or(u8::MAX)
            }))
        };
        (0..16).map(mixed).find(|colour| colour.contrast(ground) >= contrast).unwrap_or(Self::WHITE)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0;
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Colour {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ALLOWED: &str = "expected a colour such as \"#0b5fa5\": a # and six hexadecimal digits";
        let digits = text.strip_prefix('#').ok_or(ALLOWED)?;
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| ALLOWED)?;
        Ok(Self(bytes.try_into().map_err(|_| ALLOWED)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_recommendation() {
        let colour = |text: &str| text.parse::<Colour>().expect("a colour");
        for (a, b, contrast) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#767676", "#ffffff", 4.54),
            ("#0b5fa5", "#ffffff", 6.5),
        ] {
            assert!(
                (colour(a).contrast(colour(b)) - contrast).abs() < 0.1,
                "{a} {b} {}",
                colour(a).contrast(colour(b))
            );
        }
        let ground = colour("#1b242e");
        for dark in ["#000000", "#0b5fa5", "#7a0019", "#1b242e"] {
            assert!(colour(dark).lightened(ground, 4.5).contrast(ground) >= 4.5, "{dark}");
        }
        for wrong in ["", "blue", "#fff", "#12345", "#1234567", "0b5fa5", "#0b5fg5", "#\u{e9}\u{e9}\u{e9}"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong}");
        }
    }
}
