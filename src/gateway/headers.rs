//! Header work, by its reason: what belongs to one hop, who a request is forwarded for, how answers are hardened.

use http::header::{self, Entry};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers that belong to one connection (RFC 9110 section 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers by which a client could claim to be somebody else, or steer what stands behind us.
const CLAIMS: [&str; 17] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-user",
    "x-real-ip",
    "x-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "front-end-https",
    // A CGI script would take it for the address of an outgoing proxy (CVE-2016-5385).
    "proxy",
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const HTTPS: HeaderValue = HeaderValue::from_static("https");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const FRAMED_HERE: HeaderValue = HeaderValue::from_static("SAMEORIGIN");
const REFERRED_HERE: HeaderValue = HeaderValue::from_static("same-origin");

/// Takes out what belongs to one hop, in either direction.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(connection) = headers.get(header::CONNECTION).cloned() {
        for name in connection.to_str().unwrap_or_default().split(',') {
            if let Ok(name) = HeaderName::try_from(name.trim()) {
                // A client that calls `Host` or `Cookie` a matter of this hop wants them judged here and missing there.
                if !matches!(name, header::HOST | header::COOKIE | header::CONTENT_LENGTH | header::CONTENT_TYPE) {
                    headers.remove(name);
                }
            }
        }
    }
    remove_those(headers, |name| HOP_BY_HOP.contains(name));
}

/// Looks once at the names that are there, which costs less than looking up each of those that hardly ever are.
fn remove_those(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    while let Some(name) = headers.keys().find(|name| unwanted(name)).cloned() {
        headers.remove(name);
    }
}

/// Replaces whatever a request claims about where it comes from. Nobody outside writes these headers: we do.
pub fn forward(headers: &mut HeaderMap, client: HeaderValue, host: &HeaderValue) {
    remove_those(headers, |name| claims(name.as_str()));
    headers.insert(FORWARDED_FOR, client);
    headers.insert(FORWARDED_PROTO, HTTPS);
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(header::HOST, host.clone());
}

fn claims(name: &str) -> bool {
    // None of them begins otherwise, and most headers do.
    matches!(name.as_bytes().first(), Some(b'f' | b'p' | b'x'))
        // PHP sees `X_Forwarded_For` and `X-Forwarded-For` as one variable.
        && (CLAIMS.contains(&name) || (name.contains('_') && CLAIMS.contains(&name.replace('_', "-").as_str())))
}

/// Joins the `Cookie` lines of HTTP/2 into the one that HTTP/1.1 allows.
pub fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let joined = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

/// What answers are given besides what the webmail says.
pub struct Hardening<'a> {
    /// The value of `Strict-Transport-Security`, where it is sent.
    pub hsts: Option<&'a HeaderValue>,
    /// The site's hosts; an absolute `Location` to one of them is made to lead here.
    pub hosts: &'a [String],
    /// As the person typed it.
    pub host: &'a str,
    /// Where the webmail itself is: a `Location` there leads nowhere for the person.
    pub upstream: &'a str,
    /// What script in the product's pages may do, where that is limited.
    pub content_policy: Option<&'static str>,
}

/// Devices and doors of the computer that no webmail needs. Each is known to the browsers that know this header: others
/// would complain in their console.
const PERMISSIONS: &str =
    "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()";

/// Makes an answer of the webmail fit for the outside.
pub fn harden(headers: &mut HeaderMap, hardening: &Hardening<'_>) {
    remove_hop_by_hop(headers);
    if let Entry::Occupied(mut cookies) = headers.entry(header::SET_COOKIE) {
        for cookie in cookies.iter_mut() {
            if let Some(hardened) = harden_cookie(cookie) {
                *cookie = hardened;
            }
        }
    }
    if let Some(location) = headers.get(header::LOCATION)
        && let Some(mended) = location.to_str().ok().and_then(|location| mend_location(location, hardening))
    {
        headers.insert(header::LOCATION, mended);
    }
    if let Some(policy) = hardening.content_policy.filter(|_| is_document(headers)) {
        // Beside the webmail's own, where it has one: a browser holds to both.
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        let default = |headers: &mut HeaderMap, name: &'static str, value: &'static str| {
            headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
        };
        default(headers, "permissions-policy", PERMISSIONS);
        default(headers, "cross-origin-opener-policy", "same-origin");
    }
    secure(headers, hardening.hsts);
}

/// Whether a browser would show this as a page, with script in it or around it. An answer that does not say what it is
/// may be one.
fn is_document(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.as_bytes().to_ascii_lowercase();
    let is = |word: &[u8]| kind.windows(word.len()).any(|found| found == word);
    is(b"html") || is(b"xml") || is(b"pdf")
}

/// The headers every answer carries, ours and the webmail's.
pub fn secure(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    if let Some(hsts) = hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.entry(header::X_FRAME_OPTIONS).or_insert(FRAMED_HERE);
    headers.entry(header::REFERRER_POLICY).or_insert(REFERRED_HERE);
}

/// Adds what the webmail left out of one `Set-Cookie`; none where nothing is missing.
fn harden_cookie(cookie: &HeaderValue) -> Option<HeaderValue> {
    let text = cookie.as_bytes();
    let has = |wanted: &str| {
        text.split(|byte| *byte == b';').skip(1).any(|attribute| {
            let name = attribute.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
        })
    };
    let mut hardened = text.to_vec();
    for (name, attribute) in [("secure", "; Secure"), ("httponly", "; HttpOnly"), ("samesite", "; SameSite=Lax")] {
        if !has(name) {
            hardened.extend_from_slice(attribute.as_bytes());
        }
    }
    (hardened.len() > text.len()).then(|| HeaderValue::from_bytes(&hardened).ok()).flatten()
}

/// An absolute `Location` to this site or to the webmail's own address, as the person must see it.
fn mend_location(location: &str, hardening: &Hardening<'_>) -> Option<HeaderValue> {
    let rest = location.strip_prefix("http://").or_else(|| location.strip_prefix("https://"))?;
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let host = without_port(authority);
    let ours = hardening.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
        || authority.eq_ignore_ascii_case(hardening.upstream)
        || host.eq_ignore_ascii_case(without_port(hardening.upstream));
    if !ours || authority.contains('@') {
        return None;
    }
    HeaderValue::try_from(format!("https://{}{path}", hardening.host)).ok()
}

/// A host without its port; brackets of an IPv6 address stay.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::edge::address_value;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).expect("a name"), value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn what_belongs_to_one_hop_stays_there() {
        let mut headers = map(&[
            ("connection", "close, x-secret, Cookie, Host"),
            ("x-secret", "1"),
            ("cookie", "a=b"),
            ("host", "h"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "cookie", "host"]);
    }

    #[test]
    fn nothing_a_client_claims_about_itself_goes_on() {
        let mut headers = map(&[
            ("x-forwarded-for", "127.0.0.1"),
            ("x_forwarded_for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "for=127.0.0.1"),
            ("x-real-ip", "127.0.0.1"),
            ("proxy", "evil:1"),
            ("x-requested-with", "XMLHttpRequest"),
        ]);
        forward(
            &mut headers,
            address_value(IpAddr::from([203, 0, 113, 9])),
            &HeaderValue::from_static("webmail.example.edu"),
        );
        assert_eq!(headers["x-forwarded-for"], "203.0.113.9");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "webmail.example.edu");
        assert_eq!(headers["x-requested-with"], "XMLHttpRequest");
        assert_eq!(headers.len(), 5);
    }

    #[test]
    fn every_cookie_is_hardened_by_itself() {
        let mut headers = map(&[
            ("set-cookie", "a=1; path=/"),
            ("set-cookie", "b=2; path=/; secure; HttpOnly; SameSite=Strict"),
            ("set-cookie", "c=secure"),
        ]);
        let hosts = ["webmail.example.edu".to_owned()];
        harden(
            &mut headers,
            &Hardening {
                hsts: None,
                hosts: &hosts,
                host: "webmail.example.edu",
                upstream: "127.0.0.1:81",
                content_policy: None,
            },
        );
        let cookies: Vec<&str> = headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
        assert_eq!(
            cookies,
            [
                "a=1; path=/; Secure; HttpOnly; SameSite=Lax",
                "b=2; path=/; secure; HttpOnly; SameSite=Strict",
                "c=secure; Secure; HttpOnly; SameSite=Lax",
            ]
        );
    }

    #[test]
    fn pages_are_limited_and_files_are_not() {
        let hosts = ["webmail.example.edu".to_owned()];
        let limited = |lines: &[(&str, &str)], content_policy| {
            let mut headers = map(lines);
            let hardening = Hardening {
                hsts: None,
                hosts: &hosts,
                host: "webmail.example.edu",
                upstream: "127.0.0.1:81",
                content_policy,
            };
            harden(&mut headers, &hardening);
            let all = headers.get_all("content-security-policy").iter();
            let all: Vec<String> = all.map(|value| value.to_str().expect("ASCII").to_owned()).collect();
            (all, headers.contains_key("permissions-policy"))
        };
        let policy = Some("default-src 'self'");
        for page in ["text/html; charset=UTF-8", "Image/SVG+XML", "application/xhtml+xml", "application/pdf"] {
            assert_eq!(
                limited(&[("content-type", page)], policy),
                (vec!["default-src 'self'".to_owned()], true),
                "{page}"
            );
            assert_eq!(limited(&[("content-type", page)], None), (Vec::new(), false), "{page}");
        }
        assert!(limited(&[], policy).1);
        for file in ["image/png", "text/css", "application/json; charset=UTF-8", "text/javascript"] {
            assert_eq!(limited(&[("content-type", file)], policy), (Vec::new(), false), "{file}");
        }
        let own = [("content-type", "text/html"), ("content-security-policy", "script-src 'none'")];
        assert_eq!(limited(&own, policy).0, ["script-src 'none'", "default-src 'self'"], "the webmail's own stays");
    }

    #[test]
    fn absolute_locations_lead_to_this_site_and_foreign_ones_stay() {
        let hosts = ["webmail.example.edu".to_owned(), "mail.example.edu".to_owned()];
        let hardening = Hardening {
            hsts: None,
            hosts: &hosts,
            host: "mail.example.edu:8443",
            upstream: "127.0.0.1:8081",
            content_policy: None,
        };
        for (location, mended) in [
            (
                "http://webmail.example.edu:8081/src/right_main.php?a=b",
                Some("https://mail.example.edu:8443/src/right_main.php?a=b"),
            ),
            ("http://127.0.0.1:8081/x", Some("https://mail.example.edu:8443/x")),
            ("https://mail.example.edu", Some("https://mail.example.edu:8443")),
            ("https://elsewhere.example/x", None),
            ("https://mail.example.edu@elsewhere.example/x", None),
            ("https://x@mail.example.edu/x", None),
            ("/?_task=mail", None),
            ("webmail.php", None),
        ] {
            let found = mend_location(location, &hardening);
            assert_eq!(found.as_ref().map(|value| value.to_str().expect("ASCII")), mended, "{location}");
        }
    }
}
