//! What people read in their mail programs, at either door: English and ASCII, as mail servers speak.

use std::time::Duration;

/// Whom to ask.
pub(super) fn whom(helpdesk: Option<&str>) -> &str {
    helpdesk.unwrap_or("your mail administrator")
}

/// Rounded up: whoever comes back then is not told to wait once more.
pub(super) fn until(wait: Duration) -> String {
    let (count, unit) = match wait.as_secs() {
        0..=89 => (1, "minute"),
        seconds @ 90..=5_399 => (seconds.div_ceil(60), "minute"),
        seconds => (seconds.div_ceil(3_600), "hour"),
    };
    format!("in {count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A helpdesk's name is the operator's, and may be written in any letters; the answers of SMTP and IMAP are ASCII, and one
/// line.
pub(super) fn one_line(words: &str) -> String {
    words.chars().map(|letter| if letter.is_ascii() && !letter.is_ascii_control() { letter } else { '?' }).collect()
}
