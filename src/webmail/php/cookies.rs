//! The variables of a Cookie header.

use http::HeaderValue;

use super::names::{Registered, raw_url_decoded, register, until_nul};
use crate::webmail::Unnatural;

/// Cookies read from one request; those behind it are dropped, and as the header is written anew PHP does not see them
/// either. Browsers keep at most 180 for a site.
const COOKIES_MAX: usize = 256;

/// Bytes of cookies read from one request; what does not fit is dropped. Web servers take less than half of it.
const BYTES_MAX: usize = 32 * 1024;

/// Variables of the Cookie header as PHP makes them: names are mangled but not decoded, the **first** of equal names
/// wins.
///
/// What goes upstream is [`Cookies::header`], written anew from what was read here, so the webmail cannot read another
/// cookie than was judged. Its `Debug` shows no values.
#[derive(Clone, Default)]
pub struct Cookies {
    read: Vec<Cookie>,
    unnatural: Option<Unnatural>,
}

#[derive(Clone)]
struct Cookie {
    registered: Registered,
    /// The name as it was sent, without the blanks before it, where it is registered as another.
    sent: Option<Vec<u8>>,
    /// As it was sent; none where not even an `=` was.
    value: Option<Vec<u8>>,
}

impl Cookies {
    /// Reads the values of all `Cookie` headers of a request, in order (HTTP/2 may send each cookie in its own).
    pub fn read<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut cookies = Self::default();
        let mut bytes = 0;
        for part in values.flat_map(|value| until_nul(value).split(|&byte| byte == b';')) {
            bytes += part.len() + 1;
            if bytes > BYTES_MAX || cookies.read.len() == COOKIES_MAX {
                break;
            }
            cookies.take(part);
        }
        cookies
    }

    /// The value of the cookie that PHP takes for `name`, as it was sent (not decoded). `name` is mangled as PHP does,
    /// so a configured `roundcube.sessid` finds `roundcube_sessid` and the other way round.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let wanted = register(name.as_bytes());
        let winner = self.read.iter().find(|cookie| cookie.registered.name() == wanted.name())?;
        match winner.registered {
            Registered::Text(_) => Some(winner.value.as_deref().unwrap_or_default()),
            _ => None,
        }
    }

    /// The same, as PHP decodes it.
    pub fn decoded(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).map(|value| raw_url_decoded(value).into_owned())
    }

    /// Why no browser has sent these cookies: Roundcube takes a cookie named `_task` or `_action` over query and body.
    pub fn unnatural(&self) -> Option<Unnatural> {
        self.unnatural
    }

    /// The `Cookie` header for the webmail, written from what was read: the winners only, nothing whose name PHP makes
    /// begin with `_`, none of `without` (our own). `None` when nothing is left.
    pub fn header(&self, without: &[&str]) -> Option<HeaderValue> {
        let ours: Vec<Registered> = without.iter().map(|name| register(name.as_bytes())).collect();
        let mut header = Vec::new();
        for cookie in &self.read {
            let name = cookie.registered.name().unwrap_or_default();
            if name.starts_with(b"_") || ours.iter().any(|own| own.name() == Some(name)) {
                continue;
            }
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(cookie.sent.as_deref().unwrap_or(name));
            if let Some(value) = &cookie.value {
                header.push(b'=');
                header.extend_from_slice(value);
            }
        }
        // What a header may carry came in a header, and nothing was added to it.
        if header.is_empty() { None } else { HeaderValue::from_bytes(&header).ok() }
    }

    /// Every variable that PHP has: its name, and its decoded text unless it is an array.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<Vec<u8>>)> {
        let mut seen: Vec<&[u8]> = Vec::new();
        self.read.iter().filter_map(move |cookie| {
            let name = cookie.registered.name()?;
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            Some(match cookie.registered {
                Registered::Text(_) => {
                    (name, Some(raw_url_decoded(cookie.value.as_deref().unwrap_or_default()).into_owned()))
                }
                _ => (name, None),
            })
        })
    }

    fn take(&mut self, part: &[u8]) {
        let part = &part[part.iter().take_while(|&&byte| super::names::is_space(byte)).count()..];
        let (name, value) = match part.iter().position(|&byte| byte == b'=') {
            Some(0) => return,
            Some(at) => (&part[..at], Some(&part[at + 1..])),
            None => (part, None),
        };
        let registered = register(name);
        let Some(mangled) = registered.name() else { return };
        if matches!(mangled, b"_task" | b"_action") {
            self.unnatural = Some(Unnatural { rule: "control cookie" });
        }
        let same = |other: &Cookie| other.registered.name() == Some(mangled);
        match registered {
            Registered::Nothing => return,
            // The first text wins, and stays where an array was before it.
            Registered::Text(_) if self.read.iter().any(same) => return,
            // An array throws out a text and grows an array that is there.
            Registered::Array(_) => {
                self.read.retain(|other| !same(other) || matches!(other.registered, Registered::Array(_)))
            }
            Registered::Removed(_) => return self.read.retain(|other| !same(other)),
            Registered::Text(_) => {}
        }
        let sent = (mangled != name).then(|| name.to_vec());
        self.read.push(Cookie { registered, sent, value: value.map(<[u8]>::to_vec) });
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cookies({} read)", self.read.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Cookies {
        Cookies::read([header.as_bytes()].into_iter())
    }

    fn written(header: &str) -> Option<String> {
        read(header).header(&["mailward"]).map(|value| value.to_str().expect("the tests write ASCII").to_owned())
    }

    #[test]
    fn the_first_of_equal_names_wins_and_only_it_goes_upstream() {
        assert_eq!(read("a=1; a=2").get("a"), Some(&b"1"[..]));
        assert_eq!(written("a=1; a=2; .b=3;_b=4").as_deref(), Some("a=1"));
        assert_eq!(written("x.b=3; x_b=4").as_deref(), Some("x.b=3"));
        assert_eq!(written("a=1; a[x]=2; a[y]=3; a=4").as_deref(), Some("a[x]=2; a[y]=3"));
        assert_eq!(Cookies::read([&b"a=1"[..], b"b=2; a=3"].into_iter()).get("b"), Some(&b"2"[..]));
    }

    #[test]
    fn names_are_mangled_but_not_decoded_and_values_stay_as_sent() {
        assert_eq!(read("roundcube.sessid=x%41").get("roundcube_sessid"), Some(&b"x%41"[..]));
        assert_eq!(read("roundcube_sessid=x").get("roundcube.sessid"), Some(&b"x"[..]));
        assert_eq!(read("a=x%41+").decoded("a").as_deref(), Some(&b"xA+"[..]));
        assert_eq!(read("%61=1").get("a"), None);
        assert_eq!(read("=1; a; b=").get("a"), Some(&b""[..]));
    }

    #[test]
    fn cookies_that_would_name_an_action_are_refused_and_their_innocent_likes_only_dropped() {
        for hostile in ["_action=send", ".action=send", "a=1; _task=mail", "_task[x]=1", " .task=mail", "a=1;_action"] {
            assert!(read(hostile).unnatural().is_some(), "{hostile}");
        }
        for innocent in ["_ga=GA1.2", "_shibsession_64=x", "_tasks=1", "%5faction=send", "x_action=1", "__Host-id=1"] {
            assert_eq!(read(innocent).unnatural(), None, "{innocent}");
        }
        assert_eq!(written("_ga=1; .gid=2; colorMode=dark; mailward=x").as_deref(), Some("colorMode=dark"));
        assert_eq!(written("_ga=1"), None);
    }

    #[test]
    fn what_is_read_is_bounded() {
        let many: String = (0..1000).map(|n| format!("c{n}=1; ")).collect();
        assert_eq!(read(&many).iter().count(), COOKIES_MAX);
        let long = format!("a=1; b={}; c=1", "x".repeat(BYTES_MAX));
        assert_eq!(written(&long).as_deref(), Some("a=1"));
        assert!(!format!("{:?}", read("a=secret")).contains("secret"));
    }
}
