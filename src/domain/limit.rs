//! A limit: at most so many units in a sliding window.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// At most `amount` units in any `window`. Written `"200/h"`, `"5/10m"`, `"600/d"`, `"100/5m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Units, at least 1.
    pub amount: u32,
    /// Between one second and [`Limit::WINDOW_MAX`].
    pub window: Duration,
}

impl Limit {
    /// The longest window a limit may have: counters live at least that long.
    pub const WINDOW_MAX: Duration = Duration::from_secs(31 * 86_400);
}

/// Why a text is not a limit; reads as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Not of the form `N/window`.
    #[error("expected a number, a slash and a window, such as \"200/h\" or \"5/10m\"")]
    Form,
    /// Zero, negative or too large a number.
    #[error("the number before the slash must be between 1 and 4294967295")]
    Amount,
    /// Not a duration, zero, or longer than [`Limit::WINDOW_MAX`].
    #[error("the window must be a duration such as s, 10m, h or d, between one second and 31 days")]
    Window,
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let (amount, window) = text.split_once('/').ok_or(LimitError::Form)?;
        let amount: u32 = amount.trim().parse().map_err(|_| LimitError::Amount)?;
        if amount == 0 {
            return Err(LimitError::Amount);
        }
        let window = parse_duration(window.trim()).ok_or(LimitError::Window)?;
        if window < Duration::from_secs(1) || window > Self::WINDOW_MAX {
            return Err(LimitError::Window);
        }
        Ok(Self { amount, window })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.window.as_secs();
        let (count, unit) = match seconds {
            s if s % 86_400 == 0 => (s / 86_400, 'd'),
            s if s % 3_600 == 0 => (s / 3_600, 'h'),
            s if s % 60 == 0 => (s / 60, 'm'),
            s => (s, 's'),
        };
        match count {
            1 => write!(f, "{}/{unit}", self.amount),
            count => write!(f, "{}/{count}{unit}", self.amount),
        }
    }
}

/// Reads `"10m"`, `"h"`, `"90d"`: an optional whole number (absent: 1) and one of `s m h d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count = &text[..text.len() - unit.len_utf8()];
    let count: u64 = if count.is_empty() { 1 } else { count.parse().ok()? };
    let unit_seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    count.checked_mul(unit_seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_and_writes_the_same() {
        for text in ["200/h", "5/10m", "600/d", "100/5m", "2/m", "30/90s", "1/s", "3/7d"] {
            assert_eq!(text.parse::<Limit>().map(|limit| limit.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_not_a_limit_says_why() {
        for (text, why) in [
            ("200", LimitError::Form),
            ("0/h", LimitError::Amount),
            ("-1/h", LimitError::Amount),
            ("4294967296/h", LimitError::Amount),
            ("5/0s", LimitError::Window),
            ("5/32d", LimitError::Window),
            ("5/", LimitError::Window),
            ("5/µ", LimitError::Window),
            ("5/99999999999999999999d", LimitError::Window),
            ("5/18446744073709551615d", LimitError::Window),
        ] {
            assert_eq!(text.parse::<Limit>(), Err(why), "{text}");
        }
    }
}
