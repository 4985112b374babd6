//! What our pages say, in the person's language (Fluent).
//!
//! To add a language: `templates/locales/<tag>.ftl` with every message of `en.ftl`, and one line in [`LANGUAGES`]. A test
//! says which messages are missing.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

/// A language that pages speak.
pub struct Language {
    /// As in `lang`.
    pub tag: &'static str,
    /// Written from right to left.
    pub right_to_left: bool,
    messages: &'static str,
}

const fn language(tag: &'static str, messages: &'static str) -> Language {
    Language { tag, right_to_left: false, messages }
}

/// Every language; the first is spoken where a browser asks for none of them.
pub static LANGUAGES: &[Language] = &[
    language("en", include_str!("../../templates/locales/en.ftl")),
    language("ru", include_str!("../../templates/locales/ru.ftl")),
    language("de", include_str!("../../templates/locales/de.ftl")),
    language("fr", include_str!("../../templates/locales/fr.ftl")),
    language("es", include_str!("../../templates/locales/es.ftl")),
    language("zh", include_str!("../../templates/locales/zh.ftl")),
    Language { right_to_left: true, ..language("ar", include_str!("../../templates/locales/ar.ftl")) },
];

/// The longest `Accept-Language` that is read, in bytes.
const ACCEPT_BYTES_MAX: usize = 256;

/// All languages, read once.
pub struct Languages {
    tags: Vec<LanguageIdentifier>,
    bundles: Vec<FluentBundle<FluentResource>>,
}

/// One language: what a page is written in.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    language: &'static Language,
    bundle: &'a FluentBundle<FluentResource>,
    otherwise: &'a FluentBundle<FluentResource>,
}

impl Languages {
    /// Reads them.
    ///
    /// # Panics
    /// If a file that was compiled in cannot be read; a test reads them all.
    pub fn new() -> Self {
        let tags: Vec<LanguageIdentifier> =
            LANGUAGES.iter().map(|language| language.tag.parse().expect("a language tag")).collect();
        let bundle = |(language, tag): (&Language, &LanguageIdentifier)| {
            let resource = FluentResource::try_new(language.messages.to_owned()).expect("a file of messages");
            let mut bundle = FluentBundle::new_concurrent(vec![tag.clone()]);
            // Marks around values are needed only where names and numbers run against the text.
            bundle.set_use_isolating(language.right_to_left);
            bundle.add_resource(resource).expect("each message stands once");
            bundle
        };
        Self { bundles: LANGUAGES.iter().zip(&tags).map(bundle).collect(), tags }
    }

    /// The language that fits a browser's wishes best. `accept` is its `Accept-Language`.
    pub fn spoken(&self, accept: Option<&str>) -> Words<'_> {
        let accept = accept.filter(|accept| accept.len() <= ACCEPT_BYTES_MAX).unwrap_or_default();
        let wanted = fluent_langneg::accepted_languages::parse(accept);
        let found = negotiate_languages(&wanted, &self.tags, Some(&self.tags[0]), NegotiationStrategy::Lookup);
        let place = found.first().and_then(|best| self.tags.iter().position(|tag| tag == *best)).unwrap_or(0);
        Words { language: &LANGUAGES[place], bundle: &self.bundles[place], otherwise: &self.bundles[0] }
    }
}

impl Default for Languages {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.tag())
    }
}

impl Words<'_> {
    /// As in `lang`.
    pub const fn tag(&self) -> &'static str {
        self.language.tag
    }

    /// As in `dir`.
    pub const fn direction(&self) -> &'static str {
        if self.language.right_to_left { "rtl" } else { "ltr" }
    }

    /// A message without values. One that is missing comes in the first language.
    pub fn say(&self, message: &str) -> String {
        self.said(message, None)
    }

    /// A message with one value.
    pub fn with<'v>(&self, message: &str, name: &'static str, value: impl Into<FluentValue<'v>>) -> String {
        let mut values = FluentArgs::new();
        values.set(name, value);
        self.said(message, Some(&values))
    }

    /// A message with several numbers.
    pub fn counting(&self, message: &str, numbers: &[(&'static str, u64)]) -> String {
        let mut values = FluentArgs::new();
        for (name, number) in numbers {
            values.set(*name, *number);
        }
        self.said(message, Some(&values))
    }

    fn said(&self, message: &str, values: Option<&FluentArgs<'_>>) -> String {
        for bundle in [self.bundle, self.otherwise] {
            if let Some(pattern) = bundle.get_message(message).and_then(|found| found.value()) {
                let mut errors = Vec::new();
                return bundle.format_pattern(pattern, values, &mut errors).into_owned();
            }
        }
        message.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The messages of a language with the values that each names.
    fn messages(language: &Language) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in language.messages.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" =").filter(|_| !line.starts_with([' ', '\t'])) {
                current = name.to_owned();
                found.entry(current.clone()).or_default();
            }
            for value in line.split("{ $").skip(1) {
                let end = value.find([' ', '}']).expect("a value ends");
                let values = found.entry(current.clone()).or_default();
                values.push(value[..end].to_owned());
                values.sort();
                values.dedup();
            }
        }
        found
    }

    #[test]
    fn every_language_has_every_message_with_the_same_values() {
        let english = messages(&LANGUAGES[0]);
        assert!(english.len() > 20);
        for language in LANGUAGES {
            let found = messages(language);
            let missing: Vec<&String> = english.keys().filter(|name| !found.contains_key(*name)).collect();
            let unknown: Vec<&String> = found.keys().filter(|name| !english.contains_key(*name)).collect();
            assert!(missing.is_empty() && unknown.is_empty(), "{}: {missing:?} {unknown:?}", language.tag);
            for (name, values) in &english {
                assert_eq!(&found[name], values, "{} {name}", language.tag);
            }
        }
    }

    #[test]
    fn every_message_of_every_language_can_be_said() {
        let languages = Languages::new();
        for language in LANGUAGES {
            let words = languages.spoken(Some(language.tag));
            assert_eq!(words.tag(), language.tag);
            for (name, values) in messages(language) {
                for number in [0, 1, 2, 5, 21, 100] {
                    let mut given = FluentArgs::new();
                    for value in &values {
                        given.set(value.clone(), number);
                    }
                    let pattern = words.bundle.get_message(&name).and_then(|found| found.value()).expect("a message");
                    let mut errors = Vec::new();
                    let said = words.bundle.format_pattern(pattern, Some(&given), &mut errors);
                    assert!(errors.is_empty() && !said.trim().is_empty(), "{} {name}: {errors:?}", language.tag);
                }
            }
        }
    }

    #[test]
    fn every_file_of_messages_is_a_language() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/locales");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is in the repository")
            .map(|file| file.expect("readable").file_name().to_string_lossy().replace(".ftl", ""))
            .collect();
        let mut tags: Vec<&str> = LANGUAGES.iter().map(|language| language.tag).collect();
        files.sort();
        tags.sort_unstable();
        assert_eq!(files, tags);
    }

    #[test]
    fn a_browser_gets_the_language_it_asks_for_or_english() {
        let languages = Languages::new();
        let long = "de,".repeat(200);
        for (accept, tag) in [
            (None, "en"),
            (Some(""), "en"),
            (Some("*"), "en"),
            (Some("tlh"), "en"),
            (Some("en-GB,en;q=0.9"), "en"),
            (Some("de-CH,de;q=0.9,en;q=0.8"), "de"),
            (Some("fr-CA"), "fr"),
            (Some("it,es;q=0.5"), "es"),
            (Some("zh-Hans-CN"), "zh"),
            (Some("ar-EG"), "ar"),
            (Some("ru"), "ru"),
            (Some(long.as_str()), "en"),
            (Some("\u{0};q=x,,;"), "en"),
        ] {
            assert_eq!(languages.spoken(accept).tag(), tag, "{accept:?}");
        }
        assert_eq!(languages.spoken(None).say("no-such-message"), "no-such-message");
    }
}
