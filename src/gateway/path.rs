//! The path that is classified is the path that goes upstream: decoded once, dot segments and doubled slashes resolved.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::webmail::Unnatural;

/// A request's path in the one form that is both judged and forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// Decoded, normalised; begins with `/`.
    pub decoded: Cow<'a, str>,
    /// The same, encoded again for the wire; none when the path goes on as it came.
    pub rewritten: Option<String>,
}

const fn refused(rule: &'static str) -> Unnatural {
    Unnatural { rule }
}

/// Reads a path. No allocation where it is plain already, which nearly all are.
///
/// # Errors
/// It holds an encoded slash, a backslash, a NUL or control character, a broken escape, bytes that are no UTF-8, or
/// climbs above the root: two programs would read it differently.
pub fn read(raw: &str) -> Result<Path<'_>, Unnatural> {
    if !raw.starts_with('/') {
        return Err(refused("path form"));
    }
    if is_plain(raw) {
        return Ok(Path { decoded: Cow::Borrowed(raw), rewritten: None });
    }
    let decoded = decode(raw)?;
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = decoded.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            ".." => {
                segments.pop().ok_or(refused("path above the root"))?;
                if last {
                    segments.push("");
                }
            }
            "." | "" if last => segments.push(""),
            "." | "" => {}
            part => segments.push(part),
        }
    }
    let normal = format!("/{}", segments.join("/"));
    let encoded = encode(&normal);
    let rewritten = (encoded != raw).then_some(encoded);
    Ok(Path { decoded: Cow::Owned(normal), rewritten })
}

/// Nothing to decode, nothing to resolve.
fn is_plain(raw: &str) -> bool {
    let mut before = 0;
    raw.bytes().all(|byte| {
        let odd_after_slash = before == b'/' && (byte == b'/' || byte == b'.');
        before = byte;
        !odd_after_slash && passes_unencoded(byte)
    })
}

const fn passes_unencoded(byte: u8) -> bool {
    // RFC 3986 pchar and "/", without ";" whose meaning (path parameters) differs between servers.
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

fn decode(raw: &str) -> Result<String, Unnatural> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                return Err(refused("path escape"));
            };
            let byte = (high * 16 + low) as u8;
            if byte == b'/' {
                return Err(refused("path encoded slash"));
            }
            byte
        } else {
            byte
        };
        if byte == b'\\' {
            return Err(refused("path backslash"));
        }
        if byte.is_ascii_control() {
            return Err(refused("path control character"));
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| refused("path encoding"))
}

fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len() + 8);
    for byte in path.bytes() {
        if passes_unencoded(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_script_is_one_path() {
        for raw in [
            "/src/compose.php",
            "//src//compose.php",
            "/src/./compose.php",
            "/x/../src/compose.php",
            "/src/%63ompose.php",
            "/src/%2e/compose.php",
            "/x/%2E%2e/src/compose.php",
        ] {
            let path = read(raw).expect(raw);
            assert_eq!(path.decoded, "/src/compose.php", "{raw}");
            assert_eq!(path.rewritten.as_deref().unwrap_or(raw), "/src/compose.php", "{raw}");
        }
    }

    #[test]
    fn innocent_odd_paths_keep_their_meaning() {
        for (raw, decoded, forwarded) in [
            ("/", "/", "/"),
            ("/skins/elastic/", "/skins/elastic/", "/skins/elastic/"),
            ("/a/..", "/", "/"),
            ("/a/.", "/a/", "/a/"),
            ("/a%20b.png", "/a b.png", "/a%20b.png"),
            ("/gr%C3%BC%C3%9Fe.png", "/grüße.png", "/gr%C3%BC%C3%9Fe.png"),
            ("/a;b", "/a;b", "/a%3Bb"),
            ("/100%25", "/100%", "/100%25"),
            ("/x.php%3Fy", "/x.php?y", "/x.php%3Fy"),
        ] {
            let path = read(raw).expect(raw);
            assert_eq!(path.decoded, decoded, "{raw}");
            assert_eq!(path.rewritten.as_deref().unwrap_or(raw), forwarded, "{raw}");
        }
    }

    #[test]
    fn what_two_programs_would_read_differently_is_refused() {
        for raw in [
            "*",
            "",
            "/a%2fb",
            "/a%2Fb",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/a%0d%0ab",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/../etc",
            "/a/../../b",
            "/%2e%2e/b",
        ] {
            assert!(read(raw).is_err(), "{raw}");
        }
    }
}
