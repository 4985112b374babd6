//! Text that a terminal does not obey.

use std::borrow::Cow;

/// `text` with everything that a terminal may obey, or that turns the reading direction, replaced by `U+FFFD`.
/// For whatever a client may have written, before it reaches a terminal.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_obeyed) {
        Cow::Owned(text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
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
