//! What is wrong with a configuration, said so that it can be put right without looking anything up.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Whether it keeps the gateway from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing starts with it.
    Mistake,
    /// It works, but is probably not what was meant.
    Warning,
}

/// One mistake or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Whether it keeps the gateway from starting.
    pub severity: Severity,
    /// The file it is in.
    pub file: Arc<str>,
    /// Where in it; none when the file as a whole is meant.
    pub place: Option<Place>,
    /// What was found.
    pub found: String,
    /// What is allowed, or what to do.
    pub allowed: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The text of that line.
    text: String,
    /// The bytes of `text` that are meant.
    marked: Range<usize>,
}

impl Place {
    /// The place of the bytes `span` in `text`. A span over several lines is cut at the first one's end.
    pub fn of(text: &str, span: Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start.min(text.len()));
        let end = floor_char_boundary(text, span.end.clamp(start, text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line_text = text[line_start..line_end].trim_end_matches('\r');
        let marked = start - line_start..end.min(line_end) - line_start;
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            marked: marked.start.min(line_text.len())..marked.end.min(line_text.len()),
            text: without_passwords(line_text),
        }
    }
}

/// The same with stars in place of what stands in a URL before `@`, and in its query behind `password=`, as many as it
/// has bytes: messages go to terminals and logs.
pub(super) fn without_passwords(text: &str) -> String {
    const BEHIND: &str = "password=";
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(after.len());
        let hidden = after[..end].rfind('@').unwrap_or(0);
        shown.push_str(before);
        shown.extend(std::iter::repeat_n('*', hidden));
        let mut place = &after[hidden..end];
        while let Some(at) = place.find(BEHIND) {
            let (before, secret) = place.split_at(at + BEHIND.len());
            let hidden = secret.find('&').unwrap_or(secret.len());
            shown.push_str(before);
            shown.extend(std::iter::repeat_n('*', hidden));
            place = &secret[hidden..];
        }
        shown.push_str(place);
        rest = &after[end..];
    }
    shown.push_str(rest);
    shown
}

fn floor_char_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Mistake {
    /// With the line it is in and a mark below the place; in colours where `coloured`.
    pub fn explain(&self, coloured: bool) -> String {
        let level = match self.severity {
            Severity::Mistake => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        let Some(place) = &self.place else {
            let title = [Group::with_title(level.primary_title(format!("{}: {}", self.file, self.found)))];
            return format!("{}\n  = help: {}", renderer.render(&title), self.allowed);
        };
        let report = [level
            .primary_title(self.found.as_str())
            .element(
                Snippet::source(place.text.as_str())
                    .line_start(place.line)
                    .path(&*self.file)
                    .annotation(AnnotationKind::Primary.span(place.marked.clone())),
            )
            .element(Level::HELP.message(self.allowed.as_str()))];
        renderer.render(&report)
    }
}

/// One line: `mailward.toml:12:1: unknown key "upsteam" in [[site]]; did you mean "upstream"?`
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}:{}:{}: ", self.file, place.line, place.column)?,
            None => write!(f, "{}: ", self.file)?,
        }
        write!(f, "{}; {}", self.found, self.allowed)
    }
}

/// Everything that is wrong with a configuration; at least one mistake.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// What keeps it from being used, in the order of the file.
    pub mistakes: Vec<Mistake>,
    /// What is probably not meant.
    pub warnings: Vec<Mistake>,
}

impl Mistakes {
    /// A file that cannot be read at all.
    pub(super) fn unreadable(path: &Path, found: String, allowed: &str) -> Self {
        let mistake = Mistake {
            severity: Severity::Mistake,
            file: path.display().to_string().into(),
            place: None,
            found,
            allowed: allowed.to_owned(),
        };
        Self { mistakes: vec![mistake], warnings: Vec::new() }
    }

    /// The first mistake in one line, for an event; the others are said by `mailward check`.
    pub fn first(&self) -> String {
        match self.mistakes.as_slice() {
            [] => String::new(),
            [only] => only.to_string(),
            [first, others @ ..] => format!("{first} (and {} more)", others.len()),
        }
    }
}

/// All of them with their excerpts, mistakes first.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().chain(&self.warnings).enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(&mistake.explain(false))?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_line_the_column_in_characters_and_a_mark() {
        let text = "first\nzweite = \"ü\" # x\r\nthird";
        for (span, line, column, marked) in [
            (0..5, 1, 1, "first"),
            (6..12, 2, 1, "zweite"),
            (15..19, 2, 10, "\"ü\""),
            (20..21, 2, 14, "#"),
            (6..40, 2, 1, "zweite = \"ü\" # x"),
            (99..120, 3, 6, ""),
            (17..18, 2, 11, "ü"),
        ] {
            let place = Place::of(text, span.clone());
            assert_eq!(
                (place.line, place.column, &place.text[place.marked.clone()]),
                (line, column, marked),
                "{span:?}"
            );
        }
    }

    #[test]
    fn no_message_shows_a_password() {
        for (text, shown) in [
            (
                "redis = [\"redis://:s3cret@[::1]:6379/x\", \"rediss://a:b@c\"]",
                "redis = [\"redis://*******@[::1]:6379/x\", \"rediss://***@c\"]",
            ),
            ("\"redis://u:p@ss/w\u{f6}rd@host\"", "\"redis://************@host\""),
            ("upstream = \"http://127.0.0.1:8081\" # a@b", "upstream = \"http://127.0.0.1:8081\" # a@b"),
            ("://", "://"),
            (
                "'sentinel://h/m?sentinel_user=u&sentinel_password=s3cret&database=1'",
                "'sentinel://h/m?sentinel_user=u&sentinel_password=******&database=1'",
            ),
        ] {
            let hidden = without_passwords(text);
            assert_eq!((hidden.as_str(), hidden.len()), (shown, text.len()));
        }
        let place = Place::of("redis = \"redis://:s3cret@host\"", 8..30);
        assert_eq!(&place.text[place.marked.clone()], "\"redis://*******@host\"");
    }

    #[test]
    fn a_mistake_shows_its_line_and_what_is_allowed() {
        let mistake = Mistake {
            severity: Severity::Mistake,
            file: "mailward.toml".into(),
            place: Some(Place::of("[[site]]\nupsteam = 1", 9..16)),
            found: "unknown key \"upsteam\" in [[site]]".into(),
            allowed: "did you mean \"upstream\"?".into(),
        };
        assert_eq!(
            mistake.explain(false),
            "error: unknown key \"upsteam\" in [[site]]\n \
             --> mailward.toml:2:1\n  |\n2 | upsteam = 1\n  | ^^^^^^^\n  |\n  \
             = help: did you mean \"upstream\"?"
        );
        assert_eq!(
            mistake.to_string(),
            "mailward.toml:2:1: unknown key \"upsteam\" in [[site]]; did you mean \"upstream\"?"
        );
    }
}
