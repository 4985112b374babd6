//! The charset of SquirrelMail's forms.

/// How the form's bytes are read, and stand in a page so that the browser sends the same bytes again.
///
/// The form's charset is the language's and is not on the wire. Bytes that are UTF-8 stay so; all others are read as
/// windows-1252, which has a letter for every byte, and are sent back as that.
#[derive(Clone, Copy)]
pub(super) enum Charset {
    Utf8,
    Windows1252,
}

impl Charset {
    /// The one in which all of these texts of a form are written.
    pub(super) fn of<'a>(mut texts: impl Iterator<Item = &'a [u8]>) -> Self {
        if texts.all(|text| std::str::from_utf8(text).is_ok()) { Self::Utf8 } else { Self::Windows1252 }
    }

    /// As it stands in a form's `accept-charset`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
        }
    }

    /// The text of these bytes.
    pub(super) fn text(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Windows1252 => bytes
                .iter()
                .map(|&byte| match byte {
                    0x80..=0x9f => HIGH_CONTROLS[usize::from(byte - 0x80)],
                    byte => char::from(byte),
                })
                .collect(),
        }
    }
}

/// What browsers read 0x80 to 0x9f as in windows-1252 (the Encoding Standard's index).
const HIGH_CONTROLS: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];
