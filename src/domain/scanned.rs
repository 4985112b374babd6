//! What a scanner said of a message or a file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What one scanner said.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// Its name in the configuration.
    pub scanner: Arc<str>,
    /// What it said.
    pub said: Said,
    /// How long it took, waiting for its turn included.
    pub took: Duration,
}

/// What a scanner can say. Never which of its rules said so, nor anything of the content.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Nothing speaks against it.
    Clean,
    /// It would mark it as spam.
    Likely(Score),
    /// It would not take it in at all.
    Spam(Score),
    /// A virus is in it, or what it takes for one.
    Virus,
    /// It did not look at all of it, and what it saw is clean.
    TooLarge,
    /// It did not answer, or not in its own language; in words of ours.
    Silent(&'static str),
}

impl Said {
    /// The words of the metric's label.
    pub const RESULTS: [&'static str; 6] = ["clean", "likely", "spam", "virus", "too large", "silent"];

    /// The word for it in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Likely(_) => "likely",
            Self::Spam(_) => "spam",
            Self::Virus => "virus",
            Self::TooLarge => "too large",
            Self::Silent(_) => "silent",
        }
    }
}

/// Points, and at how many the scanner draws its line. As the scanner wrote them: any numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// How many.
    pub points: f64,
    /// The line.
    pub of: f64,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} points, its line is {:.1}", self.points, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_word_of_the_closed_list() {
        let score = Score { points: 7.25, of: 5.0 };
        let all =
            [Said::Clean, Said::Likely(score), Said::Spam(score), Said::Virus, Said::TooLarge, Said::Silent("slow")];
        assert_eq!(all.each_ref().map(Said::name), Said::RESULTS);
        assert_eq!(score.to_string(), "7.2 points, its line is 5.0");
    }
}
