//! Whether the addresses that mail leaves from stand on a blocklist, asked by DNS (RFC 5782).
//!
//! The room asks and remembers; when it is asked, and who is told, is for `app` to say.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

/// One question has so long, attempts included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a list says of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is on the list, with what the list answers: its documentation says for which reason.
    Listed(Vec<Ipv4Addr>),
    /// It is not.
    NotListed,
    /// The list did not say, and why.
    Unknown(String),
}

/// The name that is asked for: the address backwards, below the list's (RFC 5782, sections 2.1 and 2.4).
pub fn question(address: IpAddr, list: &str) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.{list}.")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(64 + list.len() + 1);
            for byte in address.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", byte & 15, byte >> 4));
            }
            name + list + "."
        }
    }
}

/// What an answer means. Lists answer with addresses of 127/8; those of 127.255.255/24 say by the custom of the larger ones
/// that the question was not answered: by an open resolver, or too often.
pub fn read(answers: &[Ipv4Addr]) -> Found {
    let codes: Vec<Ipv4Addr> = answers.iter().copied().filter(Ipv4Addr::is_loopback).collect();
    let is_refusal = |code: &Ipv4Addr| code.octets()[..3] == [127, 255, 255];
    let listed: Vec<Ipv4Addr> = codes.iter().copied().filter(|code| !is_refusal(code)).collect();
    match (listed.is_empty(), codes.first()) {
        (false, _) => Found::Listed(listed),
        (true, Some(code)) => Found::Unknown(format!(
            "it refuses to answer this resolver ({code}): lists want questions from a resolver of your own"
        )),
        (true, None) if answers.is_empty() => Found::NotListed,
        (true, None) => Found::Unknown("it answers as no list does: does it still exist?".to_owned()),
    }
}

/// Asks lists.
pub struct Asking {
    resolver: TokioResolver,
}

impl Asking {
    /// By this resolver, or that of the system.
    ///
    /// # Errors
    /// The system's cannot be read.
    pub fn by(resolver: Option<SocketAddr>) -> Result<Self, String> {
        let said = |error: NetError| error.to_string();
        let mut builder = match resolver {
            None => TokioResolver::builder_tokio().map_err(said)?,
            Some(address) => {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                server.connections.iter_mut().for_each(|connection| connection.port = address.port());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let mut options = ResolverOpts::default();
        options.timeout = PATIENCE / 3;
        options.attempts = 2;
        // Whether something has changed is what is asked.
        options.cache_size = 0;
        *builder.options_mut() = options;
        Ok(Self { resolver: builder.build().map_err(said)? })
    }

    /// Asks one list about one address.
    pub async fn ask(&self, address: IpAddr, list: &str) -> Found {
        let asked = self.resolver.lookup(question(address, list), RecordType::A);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(found)) => {
                let codes = found.answers().iter().filter_map(|record| match &record.data {
                    RData::A(code) => Some(code.0),
                    _ => None,
                });
                read(&codes.collect::<Vec<_>>())
            }
            Ok(Err(error)) if error.is_no_records_found() => Found::NotListed,
            Ok(Err(error)) => Found::Unknown(error.to_string()),
            Err(_) => Found::Unknown("no answer".to_owned()),
        }
    }
}

/// What is known of each address and list.
#[derive(Debug, Default)]
pub struct Known(HashMap<(IpAddr, String), bool>);

impl Known {
    /// Notes what was found; says what is news: listed, or no longer. A list that does not say changes nothing, and that an
    /// address is not listed is no news where nothing was known.
    pub fn note(&mut self, address: IpAddr, list: &str, found: &Found) -> Option<bool> {
        let is_listed = match found {
            Found::Listed(_) => true,
            Found::NotListed => false,
            Found::Unknown(_) => return None,
        };
        let before = self.0.insert((address, list.to_owned()), is_listed).unwrap_or(false);
        (before != is_listed).then_some(is_listed)
    }

    /// Forgets what is not asked any more.
    pub fn keep(&mut self, addresses: &[IpAddr], lists: &[String]) {
        self.0.retain(|(address, list), _| addresses.contains(address) && lists.contains(list));
    }

    /// All that are listed, in some order of their own.
    pub fn listed(&self) -> Vec<(IpAddr, String)> {
        let listed = self.0.iter().filter(|(_, is_listed)| **is_listed);
        let mut listed: Vec<_> = listed.map(|(which, _)| which.clone()).collect();
        listed.sort();
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_the_address_backwards() {
        for (address, name) in [
            ("192.0.2.99", "99.2.0.192.bl.example."),
            ("::ffff:192.0.2.99", "99.2.0.192.bl.example."),
            ("2001:db8::1:ab", "b.a.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example."),
        ] {
            assert_eq!(question(address.parse().expect("an address"), "bl.example"), name);
        }
    }

    #[test]
    fn only_what_a_list_answers_is_a_listing() {
        let code = |last: [u8; 4]| Ipv4Addr::from(last);
        assert_eq!(read(&[]), Found::NotListed);
        assert_eq!(read(&[code([127, 0, 0, 4])]), Found::Listed(vec![code([127, 0, 0, 4])]));
        let both = [code([127, 255, 255, 254]), code([127, 0, 0, 2])];
        assert_eq!(read(&both), Found::Listed(vec![code([127, 0, 0, 2])]));
        assert!(matches!(read(&both[..1]), Found::Unknown(what) if what.contains("resolver of your own")));
        assert!(matches!(read(&[code([203, 0, 113, 1])]), Found::Unknown(what) if what.contains("still exist")));
    }

    #[test]
    fn news_is_what_has_changed_and_silence_changes_nothing() {
        let mut known = Known::default();
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let listed = Found::Listed(vec![Ipv4Addr::new(127, 0, 0, 2)]);
        let silent = Found::Unknown("no answer".into());
        for (found, news) in [
            (&Found::NotListed, None),
            (&listed, Some(true)),
            (&silent, None),
            (&listed, None),
            (&Found::NotListed, Some(false)),
            (&Found::NotListed, None),
        ] {
            assert_eq!(known.note(address, "bl.example", found), news, "{found:?}");
        }
        known.note(address, "bl.example", &listed);
        assert_eq!(known.listed(), [(address, "bl.example".to_owned())]);
        known.keep(&[address], &["other.example".to_owned()]);
        assert_eq!(known.listed(), []);
    }
}
