//! Where the servers are: what may stand in the configuration, and what it means.

use std::path::{Path, PathBuf};

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, TlsCertificates};

use super::schema::VERSION;
use crate::domain::Secret;

/// Why the store cannot be used; each is something an operator can mend. A server that is away is none of them.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no address.
    #[error("no address of a server is given")]
    NoAddress,
    /// An address that makes no sense.
    #[error("address {place}: {what}")]
    Address {
        /// Which, from 1.
        place: usize,
        /// What is wrong, without a password.
        what: String,
    },
    /// The file of the certificate authority.
    #[error("the certificate authority {} cannot be read", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The beginning of all keys.
    #[error("the beginning of all keys may hold no brace and at most {} bytes", super::PREFIX_BYTES_MAX)]
    Prefix,
    /// Written by a newer Mailward.
    #[error("what is stored was written by a newer Mailward (schema {found}, this one knows {VERSION})")]
    NewerSchema {
        /// What is there.
        found: String,
    },
    /// The server does not let us in.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The system gives no thread.
    #[error("the thread that speaks to the store cannot be started")]
    Thread(#[source] std::io::Error),
}

/// What kind of installation it is, by its addresses.
#[derive(Clone)]
pub(super) enum Target {
    One(Box<ConnectionInfo>),
    Cluster(Vec<ConnectionInfo>),
    Sentinel { sentinels: Vec<ConnectionInfo>, master: String, server: Box<RedisConnectionInfo>, tls: bool },
}

/// Where Sentinels listen if nothing else is said.
const SENTINEL_PORT: u16 = 26379;

impl Target {
    pub(super) fn of(urls: &[Secret<String>]) -> Result<Self, ConnectError> {
        let mut servers = Vec::new();
        let mut is_cluster = urls.len() > 1;
        let mut watched: Option<(Vec<ConnectionInfo>, String, RedisConnectionInfo, bool)> = None;
        for (url, place) in urls.iter().zip(1..) {
            let wrong = |what: &str| ConnectError::Address { place, what: what.to_owned() };
            let url = url.expose().as_str();
            let Some((scheme, rest)) = url.split_once("://") else { return Err(wrong("it is no URL")) };
            if rest.contains('#') {
                return Err(wrong("a certificate is always verified: nothing may follow a #"));
            }
            let tls = match scheme {
                "redis" | "valkey" | "redis-cluster" | "sentinel" => false,
                "rediss" | "valkeys" | "rediss-cluster" | "sentinels" => true,
                _ => {
                    return Err(wrong(
                        "it begins with none of redis, rediss, redis-cluster, rediss-cluster, sentinel, sentinels",
                    ));
                }
            };
            if scheme.starts_with("sentinel") {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let (master, query) = path.split_once('?').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(wrong("the name of the master is missing: sentinel://host:26379/name"));
                }
                let query = Query::of(query).map_err(wrong)?;
                let (credentials, host) = authority.rsplit_once('@').map_or(("", authority), |(c, host)| (c, host));
                let at = if credentials.is_empty() { String::new() } else { format!("{credentials}@") };
                let database = query.database.unwrap_or("0");
                let server =
                    info(&format!("redis://{at}localhost/{database}"), tls).ok_or_else(|| wrong("it is no URL"))?;
                let port = if has_port(host) { String::new() } else { format!(":{SENTINEL_PORT}") };
                let credentials = match (query.sentinel_user, query.sentinel_password) {
                    (user, Some(password)) => format!("{}:{password}@", user.unwrap_or_default()),
                    (_, None) => String::new(),
                };
                let sentinel =
                    info(&format!("redis://{credentials}{host}{port}"), tls).ok_or_else(|| wrong("it is no URL"))?;
                let server = server.redis_settings().clone();
                match &mut watched {
                    None => watched = Some((vec![sentinel], master.to_owned(), server, tls)),
                    Some((sentinels, name, ..)) if name == master => sentinels.push(sentinel),
                    Some(_) => return Err(wrong("all Sentinels must be asked for the same master")),
                }
                continue;
            }
            is_cluster |= scheme.ends_with("-cluster");
            servers.push(info(&format!("redis://{rest}"), tls).ok_or_else(|| wrong("it is no URL"))?);
        }
        match (watched, servers.len()) {
            (Some(_), 1..) => {
                Err(ConnectError::Address { place: 1, what: "Sentinels and servers cannot be mixed".to_owned() })
            }
            (Some((sentinels, master, server, tls)), 0) => {
                Ok(Self::Sentinel { sentinels, master, server: Box::new(server), tls })
            }
            (None, 0) => Err(ConnectError::NoAddress),
            (None, 1) if !is_cluster => Ok(Self::One(Box::new(servers.remove(0)))),
            (None, _) => {
                if let Some(place) = servers.iter().position(|server| server.redis_settings().db() != 0) {
                    let what = "a Cluster has no databases".to_owned();
                    return Err(ConnectError::Address { place: place + 1, what });
                }
                Ok(Self::Cluster(servers))
            }
        }
    }

    /// Whether what is said on the way is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        let is = |server: &ConnectionInfo| matches!(server.addr(), ConnectionAddr::TcpTls { .. });
        match self {
            Self::One(server) => is(server),
            Self::Cluster(servers) => servers.iter().all(is),
            Self::Sentinel { tls, .. } => *tls,
        }
    }

    /// Whether all servers are on this machine, as far as their addresses say.
    pub(super) fn is_local(&self) -> bool {
        let local = |server: &ConnectionInfo| match server.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
                host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            _ => true,
        };
        match self {
            Self::One(server) => local(server),
            Self::Cluster(servers) => servers.iter().all(local),
            Self::Sentinel { sentinels, .. } => sentinels.iter().all(local),
        }
    }
}

/// What may follow the name of a master.
#[derive(Default)]
struct Query<'a> {
    database: Option<&'a str>,
    sentinel_user: Option<&'a str>,
    sentinel_password: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn of(text: &'a str) -> Result<Self, &'static str> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("database", value)) if value.parse::<u16>().is_ok() => query.database = Some(value),
                Some(("sentinel_user", value)) => query.sentinel_user = Some(value),
                Some(("sentinel_password", value)) => query.sentinel_password = Some(value),
                _ => return Err("only database (a number), sentinel_user and sentinel_password may follow the master"),
            }
        }
        Ok(query)
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// One server. Errors of the parser may hold a password, and are not told.
fn info(url: &str, tls: bool) -> Option<ConnectionInfo> {
    let url = if tls { url.replacen("redis://", "rediss://", 1) } else { url.to_owned() };
    let info = url.as_str().into_connection_info().ok()?;
    Some(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// The address of a server that a Sentinel named.
pub(super) fn named(host: String, port: u16, tls: bool, server: &RedisConnectionInfo) -> Option<ConnectionInfo> {
    let address = if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let info = address.into_connection_info().ok()?;
    Some(info.set_redis_settings(server.clone()).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// Whom to believe that a server is the one it says.
pub(super) fn certificates(authority: Option<&Path>) -> Result<Option<TlsCertificates>, ConnectError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| ConnectError::Certificate { path: path.to_owned(), source });
    let root_cert = authority.map(read).transpose()?;
    Ok(root_cert.map(|root_cert| TlsCertificates { client_tls: None, root_cert: Some(root_cert) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(urls: &[&str]) -> Result<Target, String> {
        let urls: Vec<Secret<String>> = urls.iter().map(|url| Secret::new((*url).to_owned())).collect();
        Target::of(&urls).map_err(|error| error.to_string())
    }

    fn kind(urls: &[&str]) -> Result<&'static str, String> {
        target(urls).map(|target| match target {
            Target::One(_) => "one",
            Target::Cluster(_) => "cluster",
            Target::Sentinel { .. } => "sentinel",
        })
    }

    #[test]
    fn the_addresses_say_what_kind_of_installation_it_is() {
        assert_eq!(kind(&["redis://127.0.0.1:6379"]), Ok("one"));
        assert_eq!(kind(&["rediss://user:password@redis.example.edu/3"]), Ok("one"));
        assert_eq!(kind(&["redis-cluster://127.0.0.1:7001"]), Ok("cluster"));
        assert_eq!(kind(&["redis://127.0.0.1:7001", "redis://127.0.0.1:7002"]), Ok("cluster"));
        assert_eq!(kind(&["sentinel://127.0.0.1/mymaster", "sentinel://[::1]:26380/mymaster"]), Ok("sentinel"));
    }

    #[test]
    fn a_sentinel_has_its_own_port_and_password_and_the_server_another() {
        let url = "sentinels://mailward:s%40crt@host/main?database=4&sentinel_password=other";
        let Ok(Target::Sentinel { sentinels, master, server, tls }) = target(&[url]) else { panic!("a sentinel") };
        assert_eq!((master.as_str(), tls), ("main", true));
        assert_eq!((server.username(), server.password(), server.db()), (Some("mailward"), Some("s@crt"), 4));
        assert_eq!(sentinels[0].redis_settings().password(), Some("other"));
        let ConnectionAddr::TcpTls { host, port, insecure, .. } = sentinels[0].addr() else { panic!("encrypted") };
        assert_eq!((host.as_str(), *port, *insecure), ("host", SENTINEL_PORT, false));
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_telling_a_password() {
        for (urls, what) in [
            (&[][..], "no address"),
            (&["redis.example.edu"], "no URL"),
            (&["http://127.0.0.1"], "begins with none of"),
            (&["rediss://127.0.0.1#insecure"], "always verified"),
            (&["redis://:geheim@127.0.0.1:port"], "no URL"),
            (&["sentinel://127.0.0.1"], "name of the master"),
            (&["sentinel://:geheim@127.0.0.1/a?db=1"], "only database"),
            (&["sentinel://127.0.0.1/a", "sentinel://127.0.0.2/b"], "the same master"),
            (&["sentinel://127.0.0.1/a", "redis://127.0.0.2"], "cannot be mixed"),
            (&["redis-cluster://:geheim@127.0.0.1/1"], "no databases"),
        ] {
            let error = kind(urls).expect_err("it is refused");
            assert!(error.contains(what) && !error.contains("geheim"), "{urls:?}: {error}");
        }
    }

    #[test]
    fn whether_a_store_is_here_and_encrypted_is_known_from_its_address() {
        for (url, local, encrypted) in [
            ("redis://127.0.0.1", true, false),
            ("redis://localhost", true, false),
            ("rediss://[::1]", true, true),
            ("redis://192.0.2.1", false, false),
            ("sentinels://redis.example.edu/main", false, true),
        ] {
            let target = target(&[url]).expect("an address");
            assert_eq!((target.is_local(), target.is_encrypted()), (local, encrypted), "{url}");
        }
    }
}
