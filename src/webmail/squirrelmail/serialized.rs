//! What PHP's `unserialize` would make of a text, without making it: whether any object comes out that the product's
//! own pages do not put in.
//!
//! Only what PHP's `serialize` writes is read. `unserialize` takes more (signs, leading zeros); none of that passes.

use crate::webmail::php::url_decoded;

/// Levels of arrays and objects within one another. A message's attachments have six.
const DEPTH_MAX: usize = 32;

/// The product's own classes that lists of attachments are made of.
const CLASSES: &[&[u8]] = &[
    b"Message",
    b"MessageHeader",
    b"Rfc822Header",
    b"AddressStructure",
    b"ContentType",
    b"Disposition",
    b"Language",
    b"SMimeMessage",
];

/// Letters and digits of the name under which an uploaded file waits.
const LOCAL_NAME_LENGTH: usize = 32;

/// What a page puts into the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// An array of texts and numbers.
    Plain,
    /// An array of [`CLASSES`].
    Attachments,
}

impl Wanted {
    fn classes(self) -> &'static [&'static [u8]] {
        match self {
            Self::Plain => &[],
            Self::Attachments => CLASSES,
        }
    }
}

/// Whether a value is what a page puts into its field, or nothing. Some versions decode it once more before they read it
/// and some do not, so one of both readings must be an array of what is wanted, and neither may name another class.
pub(super) fn passes(value: &[u8], wanted: Wanted) -> bool {
    if value.is_empty() {
        return true;
    }
    let decoded = url_decoded(value);
    if *decoded == *value {
        return is_array_of(value, wanted);
    }
    let (read, other) = if is_array_of(value, wanted) { (value, &*decoded) } else { (&*decoded, value) };
    is_array_of(read, wanted) && !names_foreign_class(other, wanted.classes())
}

/// Whether a text is one serialised array of what is wanted, and nothing behind it.
fn is_array_of(text: &[u8], wanted: Wanted) -> bool {
    let mut walker = Walker { rest: text, wanted };
    text.starts_with(b"a:") && walker.value(0).is_some() && walker.rest.is_empty()
}

/// Whether an object of a class not in `classes` is named anywhere: for a reading that PHP gives up somewhere, after it
/// has made what stood before.
fn names_foreign_class(text: &[u8], classes: &[&[u8]]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|two| b"OoCE".contains(&two[0]) && two[1] == b':') {
        rest = &rest[at + 2..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || b"+-".contains(byte)).count();
        let Some(named) = rest[length..].strip_prefix(b":").filter(|_| length > 0) else { continue };
        let Some(named) = named.strip_prefix(b"\"") else { continue };
        let class = named.split(|&byte| byte == b'"').next().unwrap_or_default();
        if !classes.contains(&class) {
            return true;
        }
    }
    false
}

struct Walker<'a> {
    rest: &'a [u8],
    wanted: Wanted,
}

/// What one value was, as far as it matters to what holds it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    Text(&'a [u8]),
    Number,
    Other,
}

impl<'a> Walker<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let kind = self.byte()?;
        if kind == b'N' {
            return self.expect(b";").map(|()| Value::Other);
        }
        self.expect(b":")?;
        match kind {
            b'b' => {
                self.digit_of(b"01")?;
                self.expect(b";").map(|()| Value::Other)
            }
            b'i' => self.integer().map(|()| Value::Number),
            b'd' => {
                let number = std::str::from_utf8(self.until(b';')?).ok()?;
                let is_one = matches!(number, "INF" | "-INF" | "NAN")
                    || (number.ends_with(|last: char| last.is_ascii_digit()) && number.parse::<f64>().is_ok());
                is_one.then_some(Value::Other)
            }
            b's' => {
                let text = self.quoted()?;
                self.expect(b";").map(|()| Value::Text(text))
            }
            b'a' => self.members(depth, false).map(|()| Value::Other),
            b'O' => {
                let class = self.quoted()?;
                if !self.wanted.classes().contains(&class) {
                    return None;
                }
                self.expect(b":")?;
                self.members(depth, true).map(|()| Value::Other)
            }
            // What stands somewhere else in it: parts of a message know the whole.
            b'r' | b'R' if self.wanted == Wanted::Attachments => {
                self.length(b';')?;
                Some(Value::Other)
            }
            _ => None,
        }
    }

    /// `N:{…}`: keys and values.
    fn members(&mut self, depth: usize, is_object: bool) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        let count = self.length(b':')?;
        self.expect(b"{")?;
        for _ in 0..count {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            match key {
                Value::Text(b"att_local_name") if is_object && !is_local_name(value) => return None,
                // The product's classes have no private parts.
                Value::Text(name) if is_object && name.contains(&0) => return None,
                Value::Number if is_object => return None,
                Value::Other => return None,
                Value::Text(_) | Value::Number => {}
            }
        }
        self.expect(b"}")
    }

    /// `N:"…"`, where `N` counts bytes.
    fn quoted(&mut self) -> Option<&'a [u8]> {
        let length = self.length(b':')?;
        self.expect(b"\"")?;
        let text = self.rest.get(..length)?;
        self.rest = &self.rest[length..];
        self.expect(b"\"")?;
        Some(text)
    }

    fn integer(&mut self) -> Option<()> {
        let number = self.until(b';')?;
        is_plain_number(number.strip_prefix(b"-").unwrap_or(number)).then_some(())
    }

    /// A count, up to the byte behind it.
    fn length(&mut self, end: u8) -> Option<usize> {
        let number = self.until(end)?;
        if !is_plain_number(number) {
            return None;
        }
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.rest.iter().position(|&byte| byte == end)?;
        let (text, rest) = self.rest.split_at(at);
        self.rest = &rest[1..];
        Some(text)
    }

    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn digit_of(&mut self, digits: &[u8]) -> Option<()> {
        digits.contains(&self.byte()?).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}

/// Digits without a zero in front, as `serialize` writes them.
fn is_plain_number(digits: &[u8]) -> bool {
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits[0] != b'0')
}

/// The name under which an uploaded file waits; empty where a part has none. Anything else is a path of the attacker's.
fn is_local_name(value: Value<'_>) -> bool {
    match value {
        Value::Text(name) => {
            name.is_empty() || (name.len() == LOCAL_NAME_LENGTH && name.iter().all(u8::is_ascii_alphanumeric))
        }
        Value::Number | Value::Other => false,
    }
}
