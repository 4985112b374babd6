//! HTML as the text that a person sees of it, with quotes marked as they are in plain text and links in their places.

/// Elements that show nothing.
const UNSEEN: &[&str] = &["head", "script", "style", "template", "title"];

/// Elements that begin a line.
const BLOCKS: &[&str] = &[
    "article",
    "blockquote",
    "body",
    "br",
    "div",
    "dd",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// Elements that have no end.
const EMPTY: &[&str] = &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"];

/// What a style says of what nobody sees; without spaces.
const HIDING: &[&str] = &["display:none", "visibility:hidden", "font-size:0", "opacity:0", "mso-hide:all"];

/// A quote within a tag hides a `>` for so many bytes.
const TAG_BYTES_MAX: usize = 4096;

/// Of what a person sees so many bytes are taken: more words than are looked at.
const SEEN_BYTES_MAX: usize = 32 * 1024;

/// No entity that is read is longer.
const ENTITY_BYTES_MAX: usize = 11;

/// Turns HTML to text. Takes a step for each of its bytes, and one more for each tag.
pub(super) fn plain(html: &str) -> String {
    let mut out = Out { text: String::with_capacity(html.len() / 2), quotes: 0, is_line_begun: false };
    // Within an element that shows nothing: its name, and how deep it is in itself.
    let mut unseen: Option<(&str, usize)> = None;
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        if out.text.len() >= SEEN_BYTES_MAX {
            return out.text;
        }
        if unseen.is_none() {
            out.words(before);
        }
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        if !after.starts_with(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '/' | '!' | '?')) {
            if unseen.is_none() {
                out.words("<");
            }
            rest = after;
            continue;
        }
        let (tag, after) = tag(after);
        rest = after;
        let (is_end, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name = &tag[..tag.bytes().take_while(u8::is_ascii_alphanumeric).count()];
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if let Some((of, depth)) = &mut unseen {
            if is(of) {
                *depth = if is_end { *depth - 1 } else { *depth + 1 };
            }
            if *depth == 0 {
                unseen = None;
            }
            continue;
        }
        let is_empty = EMPTY.iter().copied().any(is) || tag.ends_with('/');
        if !is_end && !is_empty && (UNSEEN.iter().copied().any(is) || is_hidden(tag)) {
            unseen = Some((name, 1));
            continue;
        }
        if is("blockquote") {
            out.quotes = if is_end { out.quotes.saturating_sub(1) } else { out.quotes + 1 };
        } else if is("a") && !is_end {
            if let Some(link) = attribute(tag, "href") {
                out.words(&format!(" {link} "));
            }
        } else if is("td") || is("th") {
            out.words(" ");
        }
        if BLOCKS.iter().copied().any(is) {
            out.line();
        }
    }
    if unseen.is_none() {
        out.words(rest);
    }
    out.text
}

/// The text so far.
struct Out {
    text: String,
    quotes: usize,
    is_line_begun: bool,
}

impl Out {
    fn line(&mut self) {
        if self.is_line_begun {
            self.text.push('\n');
        }
        self.is_line_begun = false;
    }

    /// Line ends of the source are spaces.
    fn words(&mut self, source: &str) {
        if source.trim().is_empty() && !self.is_line_begun {
            return;
        }
        if !self.is_line_begun && self.quotes > 0 {
            self.text.push_str("> ");
        }
        self.is_line_begun = true;
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('&')
            && self.text.len() < SEEN_BYTES_MAX
        {
            self.flat(before);
            let end = after.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
            match end.and_then(|end| Some((character(&after[..end])?, &after[end + 1..]))) {
                Some((character, after)) => {
                    self.text.push(character);
                    rest = after;
                }
                None => {
                    self.text.push('&');
                    rest = after;
                }
            }
        }
        self.flat(rest);
    }

    fn flat(&mut self, text: &str) {
        self.text.extend(
            text.chars().take(SEEN_BYTES_MAX).map(|letter| if matches!(letter, '\r' | '\n') { ' ' } else { letter }),
        );
    }
}

/// A tag up to its end, where quotes hide a `>`, and what follows.
fn tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (place, byte) in text.bytes().enumerate().take(TAG_BYTES_MAX) {
        match (quote, byte) {
            (None, b'>') => return (&text[..place], &text[place + 1..]),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    // Where a quote is not closed, the first `>` ends it.
    text.split_once('>').unwrap_or((text, ""))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let lower = tag.to_ascii_lowercase();
    let place = lower.match_indices(name).find(|(place, _)| {
        let before = lower[..*place].chars().next_back();
        let after = lower[place + name.len()..].trim_start();
        before.is_some_and(|letter| letter.is_whitespace() || matches!(letter, '"' | '\'' | '/'))
            && after.starts_with('=')
    })?;
    let value = tag[place.0 + name.len()..].trim_start().strip_prefix('=')?.trim_start();
    let first = value.chars().next()?;
    if matches!(first, '"' | '\'') {
        return value[1..].split(first).next();
    }
    value.split_whitespace().next()
}

fn is_hidden(tag: &str) -> bool {
    /// A tag that hides says at least so much: `b style=opacity:0`.
    const BYTES_LEAST: usize = 17;
    if tag.len() < BYTES_LEAST {
        return false;
    }
    let style = attribute(tag, "style").unwrap_or_default();
    if style.is_empty() {
        return false;
    }
    let style: String = style.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_ascii_lowercase();
    HIDING.iter().any(|hiding| {
        style.match_indices(hiding).any(|(place, _)| {
            // `opacity:0.9` is seen.
            !style[place + hiding.len()..].starts_with(|next: char| next == '.' || next.is_ascii_digit())
        })
    })
}

/// The character of an entity that is written without `&` and `;`.
fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hexadecimal = number.strip_prefix(['x', 'X']);
        let number = match hexadecimal {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return char::from_u32(number.ok()?);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "shy" => '\u{ad}',
        "zwnj" => '\u{200c}',
        "zwj" => '\u{200d}',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        "euro" => '€',
        "ndash" | "mdash" => '–',
        "rsquo" | "lsquo" => '’',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_is_what_a_person_sees_of_it() {
        for (html, expected) in [
            ("<p>Pay <b>n</b>ow &amp; here&#33;</p><p>Bye</p>", "Pay now & here!\nBye\n"),
            ("<head><title>x</title></head><style>p{}</style>a<!-- b > c -->d", "ad"),
            ("a<a class=x href='https://b.example/?c=1&amp;d'>e</a>", "a https://b.example/?c=1&d e"),
            ("<p>yes</p><blockquote type=\"cite\"><p>shall we</p>meet</blockquote>no", "yes\n> shall we\n> meet\nno"),
            ("a<span style=\"display: none\">b<span>c</span></span>d<i style='opacity:0.9'>e</i>", "ade"),
            ("<img alt=\"a > b\">c < d &unknown; &", "c < d &unknown; &"),
            ("<div>never closed", "never closed"),
            ("a<b", "a"),
        ] {
            assert_eq!(plain(html), expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(html in "(?s)([<>/a-z\"'=&;# \n]|style|blockquote|href|é|<!--|-->){0,80}") {
            let _text = plain(&html);
        }
    }
}
