//! A message's own words, in the one form in which texts that say the same are the same.

use std::collections::HashSet;
use std::fmt::Write as _;

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::markup;

/// Of a text so many bytes are read, and of one in HTML more, most of which nobody sees; the rest may be anything.
const PLAIN_BYTES_MAX: usize = 64 * 1024;
const HTML_BYTES_MAX: usize = 256 * 1024;

/// So many words are looked at: some pages, and less than a millisecond of work.
pub(super) const WORDS_MAX: usize = 1500;

/// Links that are looked at.
const LINKS_MAX: usize = 64;

/// Names that are masked.
const NAMES_MAX: usize = 256;

/// Of each field with addresses so many bytes are looked at.
const NAMES_BYTES_MAX: usize = 16 * 1024;

/// A word that stands for any with digits, for a name, an address, a link.
const DIGITS: &str = "#";
const NAME: &str = "@";
const LINK: &str = "~";

/// A signature has at most so many lines; what is longer is no signature, whatever stands before it.
const SIGNATURE_LINES_MAX: usize = 15;

/// A salutation has at most so many words.
const SALUTATION_WORDS_MAX: usize = 7;

/// What of a message is its sender's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Words as they are compared.
    pub words: Vec<String>,
    /// Links as they were written.
    pub links: Vec<String>,
}

/// Reads a message. `names` are of those whom it may speak to or come from; `is_reply` says that what it quotes is not its
/// own.
pub(super) fn own(text: &str, is_html: bool, names: &HashSet<String>, is_reply: bool) -> Own {
    let plain;
    let text = if is_html {
        plain = markup::plain(beginning(text, HTML_BYTES_MAX));
        &plain
    } else {
        text
    };
    let text = beginning(text, PLAIN_BYTES_MAX);
    let mut own = Own::default();
    let mut letters = 0;
    for line in lines(text, is_reply) {
        for token in line.split_whitespace() {
            if own.words.len() >= WORDS_MAX {
                return own;
            }
            let link = token.trim_start_matches(['<', '(', '[', '"', '\'']);
            if is_link(link) {
                if own.links.len() < LINKS_MAX {
                    own.links.push(link.trim_end_matches(['>', ')', ']', '"', '\'', ',', '.', ';']).to_owned());
                }
                push(&mut own.words, LINK, &mut letters);
            } else if token.contains('@') {
                push(&mut own.words, NAME, &mut letters);
            } else {
                for word in words(token) {
                    let word = if word.bytes().any(|byte| byte.is_ascii_digit()) {
                        DIGITS
                    } else if names.contains(&word) {
                        NAME
                    } else {
                        &word
                    };
                    push(&mut own.words, word, &mut letters);
                }
            }
        }
    }
    own
}

fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// The names that stand in addresses as people type them, as words.
pub(super) fn names<'a>(typed: impl Iterator<Item = &'a str>) -> HashSet<String> {
    /// Below it a name is a word of any language as well.
    const LETTERS_LEAST: usize = 4;
    let tokens = typed.map(|typed| beginning(typed, NAMES_BYTES_MAX));
    let tokens = tokens.flat_map(|typed| typed.split([' ', ',', ';', '<', '>', '"', '\n']));
    let mut names = HashSet::new();
    // What stands behind the `@` is nobody's name.
    for word in tokens.filter_map(|token| token.split('@').next()).flat_map(words) {
        if names.len() >= NAMES_MAX {
            break;
        }
        if word.chars().count() >= LETTERS_LEAST {
            names.insert(word);
        }
    }
    names
}

/// The lines that somebody wrote for this message.
fn lines(text: &str, is_reply: bool) -> Vec<&str> {
    let is_quoted = |line: &str| line.trim_start().starts_with('>');
    let mut lines: Vec<&str> = text.lines().filter(|line| !(is_reply && is_quoted(line))).collect();
    // What stands below two dashes by themselves, near the end.
    let signature = lines.iter().rposition(|line| line.trim_end() == "--" || line.trim() == "—");
    if let Some(place) = signature.filter(|place| lines.len() - place <= SIGNATURE_LINES_MAX) {
        lines.truncate(place);
    }
    let first = lines.iter().position(|line| !line.trim().is_empty());
    if let Some(first) = first.filter(|first| is_salutation(lines[*first]) && first + 1 < lines.len()) {
        lines.drain(..=first);
    }
    lines
}

fn is_salutation(line: &str) -> bool {
    let line = line.trim();
    line.ends_with([',', '!', ':', '，', '、']) && line.split_whitespace().count() <= SALUTATION_WORDS_MAX
}

fn is_link(token: &str) -> bool {
    let begins = |beginning: &str| {
        token.as_bytes().get(..beginning.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    begins("http://") || begins("https://") || begins("www.") || begins("hxxp")
}

/// Adds a word. Masks that follow each other are one, and letters that stand apart are put together: "f r e e".
fn push(all: &mut Vec<String>, word: &str, letters: &mut usize) {
    let is_letter = word.chars().count() == 1 && word.chars().all(|letter| letter.is_alphabetic() && !is_whole(letter));
    *letters = if is_letter { *letters + 1 } else { 0 };
    match all.last_mut() {
        Some(last) if **last == *word && matches!(word, DIGITS | NAME | LINK) => {}
        Some(last) if is_letter && *letters > 1 => last.push_str(word),
        _ => all.push(word.to_owned()),
    }
}

/// The words of a piece of text between spaces: lower-case, without accents, in Latin letters where others look like them.
fn words(token: &str) -> Vec<String> {
    // Most tokens are ASCII, which is normal as it is.
    if token.is_ascii() {
        return words_of(token.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
    }
    let normalized = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(token.chars());
    words_of(normalized.flat_map(char::to_lowercase))
}

fn words_of(letters: impl Iterator<Item = char>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in letters {
        if is_invisible(letter) || is_accent(letter) {
            continue;
        }
        if is_whole(letter) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            words.push(letter.to_string());
        } else if letter.is_alphanumeric() {
            // A digit of whatever script is a digit.
            let letter = if letter.is_numeric() { '0' } else { folded(letter) };
            let _infallible = word.write_char(letter);
        } else {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Letters of scripts without spaces are words.
const fn is_whole(letter: char) -> bool {
    matches!(letter, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

const fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{0300}'..='\u{036f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// The Latin letter that a lower-case one of another script looks like. Whole texts in that script stay what they are, with
/// some letters written differently: always the same way.
const fn folded(letter: char) -> char {
    match letter {
        'а' | 'α' | 'ɑ' | 'ⱥ' => 'a',
        'ь' | 'в' | 'ß' | 'β' => 'b',
        'с' | 'ϲ' | 'ᴄ' | 'ƈ' => 'c',
        'ԁ' | 'ɗ' | 'đ' => 'd',
        'е' | 'ε' | 'є' | 'ҽ' | 'ɛ' => 'e',
        'ғ' | 'ƒ' => 'f',
        'ɡ' | 'ց' | 'ɢ' => 'g',
        'һ' | 'н' | 'հ' | 'ħ' => 'h',
        'і' | 'ı' | 'ι' | 'ɩ' | 'ӏ' | 'ɪ' | 'ɨ' | 'l' | 'ł' | 'ɭ' => 'i',
        'ј' | 'ϳ' | 'ʝ' => 'j',
        'к' | 'κ' | 'ĸ' | 'ƙ' => 'k',
        'м' | 'μ' | 'ᴍ' => 'm',
        'п' | 'η' | 'ո' | 'ɴ' | 'ŋ' => 'n',
        'о' | 'ο' | 'σ' | 'օ' | 'ø' | 'ө' | 'ᴏ' | 'ɵ' => 'o',
        'р' | 'ρ' | 'ƥ' | 'þ' => 'p',
        'ԛ' | 'գ' => 'q',
        'г' | 'ʀ' | 'ɾ' => 'r',
        'ѕ' | 'ʂ' | 'ꜱ' => 's',
        'т' | 'τ' | 'ŧ' | 'ᴛ' => 't',
        'ս' | 'υ' | 'ʋ' | 'ᴜ' => 'u',
        'ѵ' | 'ν' | 'ᴠ' => 'v',
        'ԝ' | 'ω' | 'ѡ' | 'ա' | 'ᴡ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' | 'γ' | 'ỿ' | 'ʏ' => 'y',
        'з' | 'ƶ' | 'ᴢ' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        own(text, false, &HashSet::new(), true).words.join(" ")
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        let plain = read("please verify your account");
        for other in [
            "Please  VERIFY\tyour\n\naccount",
            "Рlеаsе vеrіfу yоur ассоunt",
            "p\u{200b}lease ver\u{ad}ify your acc\u{2060}ount",
            "ｐｌｅａｓｅ 𝐯𝐞𝐫𝐢𝐟𝐲 𝖞𝖔𝖚𝖗 ⓐⓒⓒⓞⓤⓝⓣ",
            "plèäse vêrîfy yöùr açcount",
            "please, v e r i f y \"your\" account!",
            "p l e a s e verify your account",
        ] {
            assert_eq!(read(other), plain, "{other}");
        }
    }

    #[test]
    fn numbers_names_addresses_and_links_are_masked() {
        let names = names(["\"Bob Miller\" <bob.miller@example.org>; carol@example.org"].into_iter());
        let own = own("Miller, pay 1,200.50 EUR to AB12 or x@y.example: https://a.example/?u=7", false, &names, true);
        assert_eq!(own.words.join(" "), "@ pay # eur to # or @ ~");
        assert_eq!(own.links, ["https://a.example/?u=7"]);
        assert!(!names.contains("example") && !names.contains("bob"), "{names:?}");
    }

    #[test]
    fn what_is_not_the_senders_own_is_left_out() {
        let reply = "Dear Bob,\nyes at nine\n> shall we meet\n> tomorrow\n-- \nAlice Example\nDean";
        assert_eq!(read(reply), "yes at nine");
        assert_eq!(own(reply, false, &HashSet::new(), false).words.join(" "), "yes at nine shaii we meet tomorrow");
        let hides = format!("--\n{}", "buy this\n".repeat(SIGNATURE_LINES_MAX));
        assert!(read(&hides).contains("buy this"), "too long for a signature");
        assert_eq!(read("Hello!"), "heiio", "nothing but a salutation is a text");
    }

    #[test]
    fn letters_of_scripts_without_spaces_are_words_and_much_is_cut() {
        assert_eq!(read("您的帐户"), "您 的 帐 户");
        assert_eq!(own(&"word ".repeat(1 << 15), false, &HashSet::new(), true).words.len(), WORDS_MAX);
    }
}
