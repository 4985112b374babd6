//! Whose a link is.

/// The host of a link, in lower case without a port; none where it has none that could be told apart.
///
/// Who sits before an `@` is not the host, whatever it looks like.
pub(super) fn host(link: &str) -> Option<String> {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = if let Some(literal) = host.strip_prefix('[') {
        literal.split(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    let host = host.trim_matches('.').to_lowercase();
    let is_one = host.len() <= HOST_BYTES_MAX && (host.contains('.') || host.contains(':'));
    is_one.then_some(host)
}

/// No name in DNS is longer, in bytes.
const HOST_BYTES_MAX: usize = 253;

/// The part of a host that somebody registered, as far as that is known: `login.shop.example` and `www.shop.example` are
/// one, `alice.github.io` and `bob.github.io` are two.
pub(super) fn registered(host: &str) -> &str {
    let is_number = host.contains(':') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number {
        return host;
    }
    let mut labels = 2;
    if let Some((below, last)) = last_labels(host, 2).split_once('.') {
        labels += usize::from(last.len() == 2 && SECOND_LEVEL.contains(&below));
    }
    let shared = SHARED.iter().find(|shared| is_at(host, shared));
    last_labels(host, shared.map_or(labels, |shared| shared.split('.').count() + 1))
}

fn last_labels(host: &str, many: usize) -> &str {
    let dots = host.rmatch_indices('.');
    let before = dots.map(|(place, _)| place).nth(many.max(1) - 1);
    before.map_or(host, |place| &host[place + 1..])
}

/// Whether a host is this domain or below it.
pub(super) fn is_at(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Whether so many honest people link there that a link says nothing.
pub(super) fn is_everywhere(host: &str) -> bool {
    EVERYWHERE.iter().any(|everywhere| is_at(host, everywhere))
}

/// Below these of two letters, people register names of three parts.
const SECOND_LEVEL: &[&str] =
    &["ac", "co", "com", "edu", "go", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org"];

/// Where everybody may have a host of their own.
const SHARED: &[&str] = &[
    "appspot.com",
    "azurewebsites.net",
    "blogspot.com",
    "cloudfront.net",
    "firebaseapp.com",
    "github.io",
    "glitch.me",
    "herokuapp.com",
    "netlify.app",
    "ngrok.io",
    "onrender.com",
    "pages.dev",
    "r2.dev",
    "repl.co",
    "sharepoint.com",
    "square.site",
    "surge.sh",
    "vercel.app",
    "web.app",
    "webflow.io",
    "weebly.com",
    "windows.net",
    "wixsite.com",
    "wordpress.com",
    "workers.dev",
];

/// Hosts that people of all kinds link to every day: search, maps, films, encyclopaedias, meetings, shared files, short
/// links, publishers. Thieves use them as well; their texts are recognised all the same.
const EVERYWHERE: &[&str] = &[
    "aka.ms",
    "amazon.com",
    "amazonaws.com",
    "apple.com",
    "arxiv.org",
    "bbc.co.uk",
    "bit.ly",
    "doi.org",
    "doodle.com",
    "dropbox.com",
    "eventbrite.com",
    "facebook.com",
    "forms.gle",
    "github.com",
    "gitlab.com",
    "goo.gl",
    "google.com",
    "icloud.com",
    "instagram.com",
    "linkedin.com",
    "live.com",
    "microsoft.com",
    "mozilla.org",
    "nature.com",
    "nytimes.com",
    "office.com",
    "outlook.com",
    "overleaf.com",
    "researchgate.net",
    "sciencedirect.com",
    "spotify.com",
    "springer.com",
    "t.co",
    "teams.microsoft.com",
    "theguardian.com",
    "tinyurl.com",
    "twitter.com",
    "vimeo.com",
    "w3.org",
    "webex.com",
    "wetransfer.com",
    "whatsapp.com",
    "wikipedia.org",
    "wiley.com",
    "x.com",
    "youtu.be",
    "youtube.com",
    "zoom.us",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_whose_host_it_goes_to() {
        for (link, expected) in [
            ("https://WWW.Shop.Example/a?b=c#d", Some("www.shop.example")),
            ("http://bank.example@evil.example:8080/", Some("evil.example")),
            ("https://bank.example\\@evil.example", Some("bank.example")),
            ("www.shop.example.", Some("www.shop.example")),
            ("https://[2001:db8::1]:443/x", Some("2001:db8::1")),
            ("https://192.0.2.1/x", Some("192.0.2.1")),
            ("https://localhost/", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(host(link).as_deref(), expected, "{link}");
        }
    }

    #[test]
    fn what_somebody_registered_is_one_and_a_shared_place_is_many() {
        for (host, expected) in [
            ("www.shop.example", "shop.example"),
            ("a.b.shop.co.uk", "shop.co.uk"),
            ("co.uk", "co.uk"),
            ("alice.github.io", "alice.github.io"),
            ("www.alice.github.io", "alice.github.io"),
            ("github.io", "github.io"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("example", "example"),
        ] {
            assert_eq!(registered(host), expected, "{host}");
        }
        assert!(is_everywhere("drive.google.com") && !is_everywhere("notgoogle.com") && !is_everywhere("com"));
    }
}
