//! `[store]`: where what must outlive a request is kept.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::read::check_pem;
use super::value::{self, Report, Section, Value, hint, one_or_more, parsed};
use super::{RedisKind, RedisUrl, Store};
use crate::domain::Secret;

/// Servers of one cluster, or sentinels: a client finds the others from any of them.
const URLS_MAX: usize = 32;

/// Longer ones cost memory in every key.
const PREFIX_MAX: usize = 32;

/// How each kind of server is written, and whether the connection is TLS.
const SCHEMES: [(&str, RedisKind, bool); 8] = [
    ("redis", RedisKind::One, false),
    ("rediss", RedisKind::One, true),
    ("valkey", RedisKind::One, false),
    ("valkeys", RedisKind::One, true),
    ("redis-cluster", RedisKind::Cluster, false),
    ("rediss-cluster", RedisKind::Cluster, true),
    ("sentinel", RedisKind::Sentinel, false),
    ("sentinels", RedisKind::Sentinel, true),
];

/// What may follow the name of a master.
const QUERY: [&str; 3] = ["database", "sentinel_user", "sentinel_password"];

const ALLOWED: &str = "expected a URL such as \"redis://127.0.0.1:6379\", \"rediss://user:password@host/0\", \
                       \"redis-cluster://host:7000\" or \"sentinel://host:26379/master-name\"";

impl Default for Store {
    fn default() -> Self {
        Self {
            redis: Vec::new(),
            degraded_share: 0.5,
            timeout: Duration::from_millis(200),
            certificate_authority: None,
            prefix: "mailward".to_owned(),
        }
    }
}

pub(super) fn read_store(section: &Section<'_, '_>, base_dir: &Path) -> Store {
    let usual = Store::default();
    let report = section.report;
    let urls = section.get("redis", one_or_more(url)).unwrap_or_default();
    if let Some((_, span)) = urls.get(URLS_MAX) {
        report.mistake(
            span,
            format_args!("more than {URLS_MAX} servers"),
            "some of them are enough to find the others",
        );
    }
    if let Some((first, _)) = urls.first() {
        for (other, span) in urls.iter().skip(1) {
            if (other.kind, other.tls) != (first.kind, first.tls) {
                report.mistake(
                    span,
                    format_args!("{other} and {first} are reached in different ways"),
                    "all servers of one store are written with the same scheme",
                );
            } else if first.kind == RedisKind::Sentinel && other.name != first.name {
                report.mistake(
                    span,
                    format_args!("{other} and {first} name different masters"),
                    "all sentinels are asked for the same master",
                );
            }
        }
    }
    if urls.len() > 1
        && let Some((url, span)) = urls.iter().find(|(url, _)| url.kind == RedisKind::One && !url.name.is_empty())
    {
        report.mistake(
            span,
            format_args!("several servers are a cluster, and a cluster has no databases, but {url} names one"),
            "take the database out, or all servers but one",
        );
    }
    let certificate_authority = section.get("certificate_authority", value::path(base_dir));
    if let Some(path) = &certificate_authority {
        check_pem(section, "certificate_authority", path, "-----BEGIN CERTIFICATE-----", "certificate");
        if urls.first().is_some_and(|(url, _)| !url.tls) {
            report.warning(
                &section.place("certificate_authority"),
                "\"certificate_authority\" has no effect: the connection is not TLS",
                "write the URL with rediss://, or take the file out",
            );
        }
    }
    let store = Store {
        redis: urls.into_iter().map(|(url, _)| url).collect(),
        degraded_share: section.get("degraded_share", value::factor(0.01..=1.0)).unwrap_or(usual.degraded_share),
        timeout: section
            .get("timeout", value::moment(Duration::from_millis(10)..=Duration::from_secs(10), "from 10ms to 10s"))
            .unwrap_or(usual.timeout),
        certificate_authority,
        prefix: section.get("prefix", parsed(prefix)).unwrap_or(usual.prefix),
    };
    if section.value("redis").is_none() {
        let idle = section.schema.keys.iter().map(|key| key.name).find(|name| section.value(name).is_some());
        if let Some(name) = idle {
            report.warning(
                &section.place(name),
                format_args!("{name:?} has no effect: without \"redis\" the store is the embedded one"),
                "name the server in \"redis\", or take it out",
            );
        }
    }
    store
}

/// A URL, whose password no message shows.
fn url(report: &Report<'_>, value: &Value<'_>) -> Option<RedisUrl> {
    let text = value::text(report, value)?;
    read_url(text).map_err(|(found, allowed)| report.mistake(&value.span(), found, allowed)).ok()
}

fn read_url(text: &str) -> Result<RedisUrl, (String, String)> {
    let wrong = |found: String| (found, ALLOWED.to_owned());
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wrong("this is not a URL".to_owned()));
    };
    let Some((_, kind, tls)) = SCHEMES.iter().find(|(known, ..)| *known == scheme).copied() else {
        let hint = hint(scheme, SCHEMES.iter().map(|(known, ..)| *known));
        return Err((format!("{scheme}:// is not known"), format!("{ALLOWED}{hint}")));
    };
    // The last @, wherever it stands: whatever a password holds, it is never taken for a server and shown.
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let (server, path) = place.split_once('/').unwrap_or((place, ""));
    let user_is_plain =
        user.is_none_or(|user| user.bytes().all(|byte| byte.is_ascii_graphic() && !b"@/?#".contains(&byte)));
    if !user_is_plain {
        return Err((
            "the user or password has characters that mean something in a URL".to_owned(),
            "write them with their numbers: %40 for @, %2F for /, %3A for :, %25 for %".to_owned(),
        ));
    }
    let host = server_host(server).ok_or_else(|| wrong(format!("{server:?} is no server")))?;
    let named = match kind {
        RedisKind::One => path.is_empty() || path.parse::<u16>().is_ok(),
        RedisKind::Cluster => path.is_empty(),
        RedisKind::Sentinel => is_word(path),
    };
    if !named {
        return Err(match kind {
            RedisKind::One => wrong(format!("{path:?} is no database")),
            RedisKind::Cluster => wrong(format!("a cluster has no databases, but the URL names {path:?}")),
            RedisKind::Sentinel => (
                "the URL does not say which master the sentinels are asked for".to_owned(),
                "name it behind the server: \"sentinel://host:26379/mymaster\"".to_owned(),
            ),
        });
    }
    let query_is_known = query.is_empty() || (kind == RedisKind::Sentinel && query.split('&').all(is_in_query));
    if !query_is_known {
        return Err((
            "what follows the ? is not known".to_owned(),
            format!("only behind the name of a master may follow: {}", QUERY.join(", ")),
        ));
    }
    Ok(RedisUrl {
        url: Secret::new(text.to_owned()),
        kind,
        tls,
        server: server.to_owned(),
        name: path.to_owned(),
        scheme: scheme.to_owned(),
        has_password: user.is_some_and(|user| user.split_once(':').is_some_and(|(_, password)| !password.is_empty())),
        on_loopback: is_loopback(host),
    })
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn server_host(server: &str) -> Option<&str> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, after)
        }
        None => server.find(':').map_or((server, ""), |at| server.split_at(at)),
    };
    let port_is_right = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok_and(|port| port > 0);
    let host_is_right = host.contains(':') || value::host(host).is_ok();
    (port_is_right && host_is_right).then_some(host)
}

fn is_in_query(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(name, value)| {
        QUERY.contains(&name) && !value.is_empty() && (name != "database" || value.parse::<u16>().is_ok())
    })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn prefix(text: &str) -> Result<String, String> {
    if is_word(text) && text.len() <= PREFIX_MAX {
        return Ok(text.to_owned());
    }
    Err(format!("expected letters, digits and - _ . , at most {PREFIX_MAX}, such as \"mailward\""))
}

/// Without user and password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.server)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, "/{}", self.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_shown_without_its_password() {
        for (text, kind, tls, password, loopback, shown) in [
            ("redis://127.0.0.1:6379", RedisKind::One, false, false, true, "redis://127.0.0.1:6379"),
            ("redis://:s3cret@localhost/3", RedisKind::One, false, true, true, "redis://localhost/3"),
            (
                "rediss://mw:s3%40cret@[2001:db8::7]:6380",
                RedisKind::One,
                true,
                true,
                false,
                "rediss://[2001:db8::7]:6380",
            ),
            ("rediss://mw@redis.example.edu", RedisKind::One, true, false, false, "rediss://redis.example.edu"),
            ("redis-cluster://[::1]:7000", RedisKind::Cluster, false, false, true, "redis-cluster://[::1]:7000"),
            (
                "sentinel://:x@10.0.0.1:26379/mymaster?database=2&sentinel_password=s3cret",
                RedisKind::Sentinel,
                false,
                true,
                false,
                "sentinel://10.0.0.1:26379/mymaster",
            ),
        ] {
            let url = read_url(text).unwrap_or_else(|(found, _)| panic!("{text}: {found}"));
            assert_eq!(
                (url.kind, url.tls, url.has_password, url.on_loopback),
                (kind, tls, password, loopback),
                "{text}"
            );
            assert_eq!((url.to_string().as_str(), url.url.expose().as_str()), (shown, text));
            assert!(!format!("{url:?}").contains("s3c") && !format!("{url:?}").contains("%40"), "{url:?}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_store_is_refused_without_its_password() {
        for text in [
            "",
            "127.0.0.1:6379",
            "http://127.0.0.1",
            "redis:/127.0.0.1",
            "redis://",
            "redis://host:0",
            "redis://host:99999",
            "redis://host:6379/x",
            "redis://host/0/1",
            "redis://[::1",
            "redis://a b",
            "redis://u:s3cret@x@host",
            "redis://:s3/cret@host",
            "redis://:s3/x@y@host",
            "redis://:s3cret@",
            "redis-cluster://host/1",
            "sentinel://host:26379",
            "sentinel://:s3cret@host/my master",
            "sentinel://host/mymaster?db=1",
            "sentinel://host/mymaster?sentinel_password=",
            "redis://host?sentinel_password=s3cret",
            "rediss://host#insecure",
        ] {
            let (found, allowed) = read_url(text).expect_err(text);
            assert!(!found.contains("s3") && !allowed.contains("s3"), "{text}: {found}; {allowed}");
        }
    }
}
