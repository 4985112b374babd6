//! Where a request comes from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The unit in which addresses are counted: one IPv4 address, or the /64 that one IPv6 customer commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// One IPv4 address.
    V4(Ipv4Addr),
    /// The upper 64 bits of an IPv6 address.
    V6(u64),
}

impl Prefix {
    /// The prefix of an address; an IPv4-mapped IPv6 address counts as the IPv4 address it carries.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }

    /// The address that stands for it: the first.
    pub fn address(self) -> IpAddr {
        match self {
            Self::V4(v4) => IpAddr::V4(v4),
            Self::V6(upper) => IpAddr::V6(Ipv6Addr::from_bits(u128::from(upper) << 64)),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(v4) => write!(f, "{v4}/32"),
            Self::V6(upper) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(*upper) << 64)),
        }
    }
}

impl Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Prefix {
    type Err = std::net::AddrParseError;

    /// Reads what `Display` writes; the length behind the slash is not looked at.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.split_once('/').map_or(text, |(address, _)| address);
        Ok(Self::of(address.parse()?))
    }
}

/// The network around an address: its /24, or its /48 for IPv6. What a provider gives a customer today and tomorrow
/// mostly lies in few of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address; an IPv4-mapped IPv6 address counts as the IPv4 address it carries.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80))),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.0.is_ipv4() { 24 } else { 48 };
        write!(f, "{}/{bits}", self.0)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl TryFrom<String> for Network {
    type Error = std::net::AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let address = text.split_once('/').map_or(text.as_str(), |(address, _)| address);
        Ok(Self::of(address.parse()?))
    }
}

/// What kind of network an address belongs to, by the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkClass {
    /// The operator's own networks.
    Campus,
    /// Networks the operator trusts as much as its own for limits, though they are not campus.
    Trusted,
    /// Everywhere else.
    Outside,
}

impl NetworkClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Campus, Self::Trusted, Self::Outside];

    /// The word used in configuration, events and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campus => "campus",
            Self::Trusted => "trusted",
            Self::Outside => "outside",
        }
    }
}

/// Where one request comes from, as far as it is known. The address was decided at the edge, through listed proxies only.
#[derive(Clone, Debug)]
pub struct Client {
    /// The person's address; canonical (never IPv4-mapped).
    pub address: IpAddr,
    /// What that address is counted as.
    pub prefix: Prefix,
    /// By the configured networks.
    pub network: NetworkClass,
    /// The `User-Agent` header, cut to 256 bytes, control characters removed. Written by the client.
    pub user_agent: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_prefix_and_a_mapped_address_is_ipv4() {
        let of = |text: &str| Prefix::of(text.parse().expect("a literal address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_eq!(of("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(of("192.0.2.7").to_string(), "192.0.2.7/32");
    }

    #[test]
    fn a_network_is_written_and_read_back() {
        for (address, network) in [
            ("192.0.2.7", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.0/24"),
            ("2001:db8:1:2::1", "2001:db8:1::/48"),
        ] {
            let found = Network::of(address.parse().expect("an address"));
            assert_eq!(found.to_string(), network);
            assert_eq!(Network::try_from(network.to_owned()), Ok(found));
        }
    }
}
