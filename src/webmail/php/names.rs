//! What PHP makes of a variable's name (`php_register_variable_ex` of PHP 8.2).

use std::borrow::Cow;

/// Levels of brackets that PHP follows; one more removes the whole variable. `max_input_nesting_level`, which nobody
/// changes: no form of any product nests deeper than three.
const NESTING_MAX: usize = 64;

/// What becomes of a variable that was sent under a certain name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Registered {
    /// PHP forgets it.
    Nothing,
    /// A text of this name.
    Text(Vec<u8>),
    /// An array of this name, or one more element of it.
    Array(Vec<u8>),
    /// Nested too deep: a variable of this name that was there is gone.
    Removed(Vec<u8>),
}

impl Registered {
    /// The top-level name it is about.
    pub(super) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Nothing => None,
            Self::Text(name) | Self::Array(name) | Self::Removed(name) => Some(name),
        }
    }
}

/// What PHP does with a variable sent as `sent` (decoded already where its source is decoded).
pub(super) fn register(sent: &[u8]) -> Registered {
    let sent = until_nul(sent);
    let sent = &sent[sent.iter().take_while(|&&byte| byte == b' ').count()..];
    let bracket = memchr::memchr(b'[', sent);
    let base = mangled(&sent[..bracket.unwrap_or(sent.len())]);
    if base.is_empty() || pretends_a_prefix(&base, sent) {
        return Registered::Nothing;
    }
    let Some(mut at) = bracket else { return Registered::Text(base) };

    for level in 1.. {
        if level > NESTING_MAX {
            return Registered::Removed(base);
        }
        let index = at + 1;
        at = index + usize::from(sent.get(index).is_some_and(|&byte| is_space(byte)));
        if sent.get(at) != Some(&b']') {
            match sent[at.min(sent.len())..].iter().position(|&byte| byte == b']') {
                Some(more) => at += more,
                // A bracket that never closes is no bracket: at the first level it and all that follow become `_`.
                // Deeper, the element before it takes the value.
                None if level == 1 => {
                    let name = mangled(sent);
                    return if pretends_a_prefix(&name, sent) { Registered::Nothing } else { Registered::Text(name) };
                }
                None => break,
            }
        }
        at += 1;
        if sent.get(at) != Some(&b'[') {
            break;
        }
    }
    Registered::Array(base)
}

/// How PHP respells the name of a file before it makes variables of it (`normalize_protected_variable`). Unlike a
/// field's name, it can become one that begins with `__Host-`.
pub(super) fn normalised(sent: &[u8]) -> Vec<u8> {
    let sent = until_nul(sent);
    let sent = &sent[sent.iter().take_while(|&&byte| byte == b' ').count()..];
    let bracket = sent.iter().position(|&byte| byte == b'[').unwrap_or(sent.len());
    let mut name = mangled(&sent[..bracket]);
    let mut rest = &sent[bracket..];
    while let Some(index) = rest.strip_prefix(b"[") {
        let index = &index[index.iter().take_while(|byte| b" \r\n\t".contains(byte)).count()..];
        let end = index.iter().position(|&byte| byte == b']').map_or(index.len(), |at| at + 1);
        name.push(b'[');
        name.extend_from_slice(&index[..end]);
        rest = &index[end..];
    }
    name
}

/// Browsers give `__Host-` and `__Secure-` a meaning, so PHP lets nothing become such a name by mangling.
fn pretends_a_prefix(name: &[u8], sent: &[u8]) -> bool {
    [&b"__Host-"[..], b"__Secure-"].iter().any(|prefix| name.starts_with(prefix) && !sent.starts_with(prefix))
}

/// A name as PHP spells it.
pub(in crate::webmail) fn mangled(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| if matches!(byte, b' ' | b'.' | b'[') { b'_' } else { byte }).collect()
}

/// As a C string ends.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// `isspace` of the C locale.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// `php_url_decode`: `+` is a blank, an escape that is none stays as it is.
pub(in crate::webmail) fn url_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    decoded(text, true)
}

/// `php_raw_url_decode`: the same, but `+` is a plus.
pub(super) fn raw_url_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    decoded(text, false)
}

fn decoded(text: &[u8], plus_is_blank: bool) -> Cow<'_, [u8]> {
    if !text.iter().any(|&byte| byte == b'%' || (plus_is_blank && byte == b'+')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let escaped = match text[at..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            None => {
                out.push(if plus_is_blank && text[at] == b'+' { b' ' } else { text[at] });
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_php_makes_of_them() {
        let text = |name: &[u8]| Registered::Text(name.to_vec());
        let array = |name: &[u8]| Registered::Array(name.to_vec());
        let table: &[(&[u8], Registered)] = &[
            (b"_action", text(b"_action")),
            (b".action", text(b"_action")),
            (b" action", text(b"action")),
            (b"  _task", text(b"_task")),
            (b"send to", text(b"send_to")),
            (b"a b.c", text(b"a_b_c")),
            (b"a\0b", text(b"a")),
            (b"\0b", Registered::Nothing),
            (b"", Registered::Nothing),
            (b"   ", Registered::Nothing),
            (b"[x]", Registered::Nothing),
            (b"_a[b", text(b"_a_b")),
            (b"_a[", text(b"_a_")),
            (b"a[b.c d[e", text(b"a_b_c_d_e")),
            (b"a[[b]", array(b"a")),
            (b"a[b]", array(b"a")),
            (b"a[]", array(b"a")),
            (b"a[b]c", array(b"a")),
            (b"a[b][c", array(b"a")),
            (b"a.b[c.d]", array(b"a_b")),
            (b"__Host-x", text(b"__Host-x")),
            (b"_.Host-x", Registered::Nothing),
            (b"__[Host-x", text(b"___Host-x")),
            (b"_[Host-x", Registered::Nothing),
            (b"..Secure-x", Registered::Nothing),
        ];
        for (sent, becomes) in table {
            assert_eq!(register(sent), *becomes, "{:?}", String::from_utf8_lossy(sent));
        }
        let deep = |levels: usize| register(&[&b"a"[..], &b"[x]".repeat(levels)].concat());
        assert_eq!(deep(NESTING_MAX), array(b"a"));
        assert_eq!(deep(NESTING_MAX + 1), Registered::Removed(b"a".to_vec()));
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        for (sent, becomes) in
            [("a+b", "a b"), ("%41%4a%4A", "AJJ"), ("%4", "%4"), ("%", "%"), ("%zz%41", "%zzA"), ("%%41", "%A")]
        {
            assert_eq!(url_decoded(sent.as_bytes()), becomes.as_bytes(), "{sent}");
        }
        assert_eq!(raw_url_decoded(b"a+b%2b"), &b"a+b+"[..]);
    }
}
