//! Where a person goes after a proof: a page of this site, never another.

use crate::challenge::OWN_PREFIX;
use crate::gateway::path;

/// The longest target, in bytes; Roundcube's own addresses have a few hundred.
const TARGET_BYTES_MAX: usize = 2048;

/// The target in the one form that was checked, or none. `asked` is written by whoever made the link.
///
/// A path of this host below `base`, with its query: no scheme, no host, no backslash, no second slash in front, nothing a
/// browser could read as anything else. Pages of ours are no target, but for the one below `own`.
pub fn target(asked: &str, base: &str, own: Option<&str>) -> Option<String> {
    let plain =
        asked.bytes().all(|byte| (0x21..0x7f).contains(&byte) && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>'));
    if asked.len() > TARGET_BYTES_MAX || !plain || !asked.starts_with('/') || asked[1..].starts_with('/') {
        return None;
    }
    let (path, query) = asked.split_once('?').map_or((asked, None), |(path, query)| (path, Some(query)));
    let read = path::read(path).ok()?;
    if read.decoded.starts_with(OWN_PREFIX) {
        return own.filter(|own| *own == asked).map(str::to_owned);
    }
    if !read.decoded.starts_with(base) {
        return None;
    }
    let path = read.rewritten.as_deref().unwrap_or(path);
    Some(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// Where a redirect of the webmail leads, as a target. `from` is the path that was asked for, `origin` this host's.
pub fn of_location(location: &str, from: &str, origin: &str, base: &str) -> Option<String> {
    let here = location.get(..origin.len()).filter(|start| start.eq_ignore_ascii_case(origin));
    let location = if here.is_some() { &location[origin.len()..] } else { location };
    if here.is_some() && !location.starts_with(['/', '?']) {
        // Another host whose name begins like this one's.
        return None;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = match location.as_bytes().first()? {
        b'/' => location.to_owned(),
        b'?' => format!("{from}{location}"),
        _ if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) => return None,
        _ => format!("{folder}/{location}"),
    };
    target(&whole, base, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_site_are_targets() {
        for (asked, found) in [
            ("/", Some("/")),
            ("/?_task=mail&_action=compose&_id=12ab", Some("/?_task=mail&_action=compose&_id=12ab")),
            ("/src/right_main.php?mailbox=INBOX", Some("/src/right_main.php?mailbox=INBOX")),
            ("/a/../b", Some("/b")),
            ("/a//b?x=//evil.example", Some("/a/b?x=//evil.example")),
            ("", None),
            ("evil.example", None),
            ("//evil.example", None),
            ("///evil.example", None),
            ("/\\evil.example", None),
            ("/%5cevil.example", None),
            ("\\/evil.example", None),
            ("https://evil.example/", None),
            ("javascript:alert(1)", None),
            ("/\t/evil.example", None),
            ("/\r\nSet-Cookie: x=y", None),
            ("/%2f/evil.example", None),
            ("/..//evil.example", None),
            ("/.//evil.example", Some("/evil.example")),
            ("/x#y", None),
            ("/\u{2f}\u{2044}evil", None),
            ("/.mailward/challenge", None),
            ("/.mailward/sign-out", None),
            ("/x/../.mailward/challenge", None),
        ] {
            assert_eq!(target(asked, "/", None).as_deref(), found, "{asked:?}");
        }
        for (location, from, leads) in [
            ("/?_task=mail&_token=t", "/", Some("/?_task=mail&_token=t")),
            ("./?_task=mail", "/", Some("/?_task=mail")),
            ("?_task=mail", "/index.php", Some("/index.php?_task=mail")),
            ("webmail.php", "/src/redirect.php", Some("/src/webmail.php")),
            ("https://Webmail.example.edu/src/x.php?a=b", "/src/redirect.php", Some("/src/x.php?a=b")),
            ("https://webmail.example.edu.evil.example/", "/", None),
            ("https://evil.example/", "/", None),
            ("//evil.example/", "/", None),
            ("javascript:alert(1)", "/", None),
            ("", "/", None),
        ] {
            let found = of_location(location, from, "https://webmail.example.edu", "/");
            assert_eq!(found.as_deref(), leads, "{location}");
        }
        assert_eq!(target("/", "/webmail/", None), None, "outside the base");
        assert_eq!(target("/webmail/../x", "/webmail/", None), None);
        assert_eq!(target("/webmail/?_task=mail", "/webmail/", None).as_deref(), Some("/webmail/?_task=mail"));
        assert_eq!(target(&format!("/{}", "a".repeat(4000)), "/", None), None);
        let own = Some("/.mailward/account");
        assert_eq!(target("/.mailward/account", "/webmail/", own).as_deref(), own);
        assert_eq!(target("/.mailward/account?x", "/", own), None);
    }
}
