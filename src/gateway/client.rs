//! Where a request comes from: the connection's other end, or what a listed proxy says.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, header};
use ipnet::IpNet;

use crate::config::Networks;
use crate::domain::{Client, NetworkClass, Prefix};

/// A `User-Agent` longer than this says nothing more, in bytes.
const USER_AGENT_MAX: usize = 256;

/// Proxies in a row that may each add an address.
const FORWARDED_MAX: usize = 32;

/// The person's address. `X-Forwarded-For` counts only when the connection comes from a listed proxy, and then from
/// the right: each listed proxy wrote what is left of it. The first address that is no listed proxy is the person's.
pub fn address(peer: IpAddr, headers: &HeaderMap, forwarded_from: &[IpNet]) -> IpAddr {
    let listed = |address: IpAddr| forwarded_from.iter().any(|network| network.contains(&address));
    if forwarded_from.is_empty() || !listed(peer) {
        return peer;
    }
    let values: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut nearest = peer;
    for written in values.iter().rev().flat_map(|value| value.rsplit(',')).take(FORWARDED_MAX) {
        // What a listed proxy wrote and we cannot read is no reason to believe what stands left of it.
        let Some(address) = read_address(written.trim()) else { break };
        nearest = address;
        if !listed(address) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: bare, `[v6]`, or with a port.
fn read_address(written: &str) -> Option<IpAddr> {
    let bare = written.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(written, |(inner, _)| inner);
    let address = bare.parse().ok().or_else(|| {
        let (host, port) = bare.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        host.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4)
    })?;
    Some(address.to_canonical())
}

/// By the configured networks; campus before trusted.
pub fn network(address: IpAddr, networks: &Networks) -> NetworkClass {
    let within = |list: &[IpNet]| list.iter().any(|network| network.contains(&address));
    if within(&networks.campus) {
        NetworkClass::Campus
    } else if within(&networks.trusted) {
        NetworkClass::Trusted
    } else {
        NetworkClass::Outside
    }
}

/// Everything that is known of where a request comes from.
pub fn client(address: IpAddr, headers: &HeaderMap, networks: &Networks) -> Client {
    Client {
        address,
        prefix: Prefix::of(address),
        network: network(address, networks),
        user_agent: headers.get(header::USER_AGENT).map(|value| user_agent(value.as_bytes())),
    }
}

fn user_agent(value: &[u8]) -> Arc<str> {
    let text = String::from_utf8_lossy(&value[..value.len().min(USER_AGENT_MAX)]);
    text.replace(char::is_control, "").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], listed: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a header value"));
        }
        let listed: Vec<IpNet> = listed.iter().map(|network| network.parse().expect("a network")).collect();
        address(peer.parse().expect("an address"), &headers, &listed).to_string()
    }

    #[test]
    fn the_address_cannot_be_forged() {
        let listed = &["192.0.2.0/24"][..];
        for (peer, forwarded, address) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("192.0.2.1", &["198.51.100.1"], "198.51.100.1"),
            ("192.0.2.1", &["10.0.0.1, 198.51.100.1"], "198.51.100.1"),
            ("192.0.2.1", &["10.0.0.1, 198.51.100.1, 192.0.2.7"], "198.51.100.1"),
            ("192.0.2.1", &["10.0.0.1", "198.51.100.1"], "198.51.100.1"),
            ("192.0.2.1", &["198.51.100.1, nonsense"], "192.0.2.1"),
            ("192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("192.0.2.1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("192.0.2.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(seen(peer, forwarded, listed), address, "{peer} {forwarded:?}");
        }
        assert_eq!(seen("192.0.2.1", &["198.51.100.1"], &[]), "192.0.2.1", "nobody is listed");
    }
}
