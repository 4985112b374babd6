//! Text that a terminal does not obey.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with everything that a terminal may obey, or that turns the reading direction, replaced by `U+FFFD`.
/// For whatever a client may have written, before it reaches a terminal.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_obeyed) {
        Cow::Owned(text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// JSON text with everything that a terminal may obey written as `\uXXXX`; it still says the same.
///
/// JSON leaves DEL, C1 and the reordering marks as they are. Outside strings there are none, so what is found is
/// inside one and an escape is right.
pub fn escape_obeyed(json: String) -> String {
    if !json.chars().any(is_obeyed) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_obeyed(c) {
            write!(escaped, "\\u{:04x}", u32::from(c)).expect("a String takes everything");
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and the marks that reorder what is shown.
pub(super) fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (written, shown) in [
            ("alice", "alice"),
            ("jürgen 李", "jürgen 李"),
            ("a\x1b[2Jb", "a\u{fffd}[2Jb"),
            ("a\nb\r\tc\x7f", "a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("abc\u{202e}txt", "abc\u{fffd}txt"),
        ] {
            assert_eq!(plain(written), shown);
        }
    }
}
