//! Where people and thieves come from: large providers with some of the address ranges they are widely known by.
//!
//! Written from general knowledge, not copied from a database, and therefore neither complete nor a reference: it is
//! enough that most of an entry's addresses are in its country and its network. Nothing is ever sent to any of them; the
//! addresses are only looked up. The operator's own networks are the documentation ranges of RFC 5737 and RFC 3849,
//! as in `mailward.toml` beside this file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::dice::Dice;

/// What people do at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Homes, small hotels and cafés.
    Home,
    /// Telephones, many behind one address.
    Mobile,
    /// Rented servers.
    Hosting,
    /// Exits of services that hide where somebody is.
    Vpn,
    /// Exits of the Tor network.
    Tor,
    /// Universities: where guests of a conference are.
    University,
}

/// One provider in one country.
#[derive(Debug)]
pub struct Provider {
    /// For those who read this table.
    pub name: &'static str,
    /// Where its customers are, or where its addresses are registered.
    pub country: &'static str,
    /// For home and mobile providers: how many of a country's people use it, beside the others there.
    pub weight: u32,
    /// What people do there.
    pub kind: Kind,
    v4: &'static [&'static str],
    v6: &'static [&'static str],
}

const fn of(
    name: &'static str,
    country: &'static str,
    kind: Kind,
    weight: u32,
    v4: &'static [&'static str],
    v6: &'static [&'static str],
) -> Provider {
    Provider { name, country, weight, kind, v4, v6 }
}

use Kind::{Home, Hosting, Mobile, Tor, University, Vpn};

/// Where the simulated university is.
pub const HERE: &str = "DE";

/// All of them.
#[rustfmt::skip]
pub static PROVIDERS: &[Provider] = &[
    // Germany
    of("Deutsche Telekom", HERE, Home, 45, &["79.192.0.0/10", "84.128.0.0/10", "87.128.0.0/11", "91.0.0.0/10", "93.192.0.0/10", "217.224.0.0/11"], &["2003:c0::/26"]),
    of("Vodafone cable", HERE, Home, 25, &["95.88.0.0/14", "188.192.0.0/14", "77.20.0.0/14", "146.52.0.0/16"], &["2a02:8100::/28", "2a02:908::/32"]),
    of("Vodafone DSL", HERE, Home, 8, &["88.64.0.0/12", "92.72.0.0/13", "178.0.0.0/13"], &[]),
    of("1&1 Versatel", HERE, Home, 10, &["92.116.0.0/15", "89.244.0.0/15"], &["2001:16b8::/32"]),
    of("Telefonica", HERE, Home, 8, &["77.0.0.0/14", "93.128.0.0/13"], &["2a01:c22::/32", "2a01:c23::/32"]),
    of("M-net", HERE, Home, 4, &["88.217.0.0/16", "93.104.0.0/16"], &["2001:a60::/32"]),
    of("Telekom mobile", HERE, Mobile, 40, &["80.187.64.0/18", "37.80.0.0/13"], &["2a01:598::/32"]),
    of("Vodafone mobile", HERE, Mobile, 30, &["109.40.0.0/14", "80.226.0.0/16"], &["2a00:20::/32"]),
    of("Telefonica mobile", HERE, Mobile, 30, &["46.114.0.0/16", "176.0.0.0/13"], &["2a02:3030::/32", "2a02:3032::/32"]),
    of("Hetzner", HERE, Hosting, 40, &["78.46.0.0/15", "88.198.0.0/16", "144.76.0.0/16", "148.251.0.0/16", "136.243.0.0/16", "5.9.0.0/16", "176.9.0.0/16", "195.201.0.0/16", "159.69.0.0/16", "116.202.0.0/15"], &["2a01:4f8::/32"]),
    of("IONOS", HERE, Hosting, 20, &["82.165.0.0/16", "217.160.0.0/16", "87.106.0.0/16", "212.227.0.0/16"], &[]),
    of("netcup", HERE, Hosting, 10, &["46.38.224.0/20"], &["2a03:4000::/32"]),
    of("M247 Frankfurt", HERE, Vpn, 10, &["37.120.196.0/24", "37.120.197.0/24", "37.120.217.0/24", "146.70.62.0/24"], &[]),
    of("Tor exits", HERE, Tor, 10, &["185.220.100.240/28", "185.220.101.0/25"], &[]),
    of("Munich universities", HERE, University, 10, &["129.187.0.0/16", "138.246.0.0/16"], &["2001:4ca0::/32"]),
    of("Heidelberg", HERE, University, 10, &["129.206.0.0/16", "147.142.0.0/16"], &[]),

    // neighbours, and where people go
    of("Orange", "FR", Home, 50, &["90.0.0.0/9", "86.192.0.0/10"], &["2a01:cb00::/24"]),
    of("Free", "FR", Home, 40, &["82.224.0.0/11", "88.160.0.0/11", "78.192.0.0/10"], &["2a01:e0a::/32"]),
    of("Free mobile", "FR", Mobile, 30, &["37.160.0.0/12"], &[]),
    of("Bouygues", "FR", Mobile, 30, &["176.128.0.0/10"], &[]),
    of("Sorbonne", "FR", University, 10, &["134.157.0.0/16"], &[]),
    of("KPN", "NL", Home, 50, &["77.160.0.0/12", "86.80.0.0/12"], &["2a02:a440::/26"]),
    of("Ziggo", "NL", Home, 40, &["84.24.0.0/13", "213.93.0.0/16"], &[]),
    of("TU Delft", "NL", University, 10, &["130.161.0.0/16"], &[]),
    of("Swisscom", "CH", Home, 60, &["83.76.0.0/14", "85.0.0.0/13", "178.192.0.0/13"], &["2a02:1200::/27"]),
    of("ETH", "CH", University, 20, &["129.132.0.0/16"], &[]),
    of("EPFL", "CH", University, 10, &["128.178.0.0/15"], &[]),
    of("A1", "AT", Home, 50, &["91.112.0.0/14", "188.20.0.0/14"], &[]),
    of("Magenta cable", "AT", Home, 40, &["84.112.0.0/14"], &[]),
    of("Drei", "AT", Mobile, 40, &["77.116.0.0/15"], &[]),
    of("TU Wien", "AT", University, 10, &["128.130.0.0/15"], &[]),
    of("TIM", "IT", Home, 60, &["79.0.0.0/11", "87.0.0.0/11", "95.224.0.0/11", "82.48.0.0/12"], &[]),
    of("Wind", "IT", Home, 30, &["151.16.0.0/12", "151.32.0.0/11"], &[]),
    of("Vodafone mobile", "IT", Mobile, 30, &["5.90.0.0/15"], &[]),
    of("Bologna", "IT", University, 10, &["137.204.0.0/16"], &[]),
    of("Telefonica", "ES", Home, 60, &["83.32.0.0/11", "88.0.0.0/11", "79.144.0.0/12"], &[]),
    of("Vodafone mobile", "ES", Mobile, 30, &["77.208.0.0/14"], &[]),
    of("Barcelona", "ES", University, 10, &["161.116.0.0/16"], &[]),
    of("MEO", "PT", Home, 50, &["81.193.0.0/16", "82.154.0.0/15", "85.240.0.0/13"], &[]),
    of("OTE", "GR", Home, 60, &["94.64.0.0/13", "87.202.0.0/15", "85.72.0.0/14"], &[]),
    of("Turk Telekom", "TR", Home, 60, &["78.160.0.0/11", "85.96.0.0/12", "88.224.0.0/11"], &[]),
    of("Orange", "PL", Home, 60, &["83.0.0.0/11", "79.184.0.0/13"], &[]),
    of("Orange mobile", "PL", Mobile, 30, &["37.47.0.0/16"], &[]),
    of("O2", "CZ", Home, 60, &["90.176.0.0/13", "85.70.0.0/15"], &[]),
    of("TDC", "DK", Home, 60, &["2.104.0.0/13", "87.48.0.0/13"], &[]),
    of("Telia", "SE", Home, 60, &["78.64.0.0/12", "81.224.0.0/12", "90.224.0.0/12"], &[]),
    of("Telia mobile", "SE", Mobile, 30, &["2.64.0.0/13"], &[]),
    of("KTH", "SE", University, 10, &["130.237.0.0/16"], &[]),
    of("BT", "GB", Home, 40, &["86.128.0.0/10", "109.144.0.0/12", "81.128.0.0/11"], &["2a00:23c4::/30"]),
    of("Virgin Media", "GB", Home, 30, &["86.0.0.0/11", "82.0.0.0/11"], &[]),
    of("Sky", "GB", Home, 20, &["90.192.0.0/11"], &["2a02:c7c::/32"]),
    of("EE", "GB", Mobile, 30, &["31.64.0.0/11"], &[]),
    of("O2", "GB", Mobile, 30, &["82.132.128.0/17"], &[]),
    of("Cambridge", "GB", University, 10, &["131.111.0.0/16"], &[]),
    of("Oxford", "GB", University, 10, &["163.1.0.0/16", "129.67.0.0/16"], &[]),
    of("Comcast", "US", Home, 50, &["73.0.0.0/8", "98.192.0.0/10"], &["2601::/20"]),
    of("AT&T", "US", Home, 30, &["99.0.0.0/10"], &["2600:1700::/28"]),
    of("T-Mobile", "US", Mobile, 40, &["172.32.0.0/11"], &["2607:fb90::/32"]),
    of("Verizon Wireless", "US", Mobile, 40, &["174.192.0.0/10"], &["2600:1000::/28"]),
    of("Berkeley", "US", University, 10, &["128.32.0.0/16"], &[]),
    of("Stanford", "US", University, 10, &["171.64.0.0/14"], &[]),
    of("Bell", "CA", Home, 30, &["70.48.0.0/13", "74.12.0.0/14"], &[]),
    of("Rogers", "CA", Home, 30, &["99.224.0.0/11"], &[]),
    of("Toronto", "CA", University, 10, &["142.1.0.0/16"], &[]),
    of("OCN", "JP", Home, 40, &["153.128.0.0/9", "180.0.0.0/10"], &[]),
    of("SoftBank", "JP", Home, 40, &["126.0.0.0/8"], &[]),
    of("Tokyo", "JP", University, 10, &["133.11.0.0/16"], &[]),
    of("Telstra", "AU", Home, 50, &["101.160.0.0/11", "58.160.0.0/12", "120.144.0.0/12"], &[]),
    of("ANU", "AU", University, 10, &["150.203.0.0/16"], &[]),
    of("Korea Telecom", "KR", Home, 50, &["121.128.0.0/10", "175.192.0.0/10"], &[]),
    of("True", "TH", Home, 50, &["171.96.0.0/13"], &[]),

    // where many students' families live, and many thieves
    of("China Telecom", "CN", Home, 60, &["61.128.0.0/10", "58.208.0.0/12", "222.64.0.0/11"], &["240e::/20"]),
    of("China Unicom", "CN", Home, 40, &["123.112.0.0/12"], &["2408:8000::/20"]),
    of("China Mobile", "CN", Mobile, 60, &["111.0.0.0/10"], &["2409:8000::/20"]),
    of("Tsinghua", "CN", University, 10, &["166.111.0.0/16"], &[]),
    of("BSNL", "IN", Home, 40, &["117.192.0.0/10", "59.88.0.0/13"], &[]),
    of("Airtel", "IN", Home, 40, &["122.160.0.0/12"], &[]),
    of("Jio", "IN", Mobile, 60, &["157.32.0.0/12", "49.32.0.0/12"], &["2409:4000::/22"]),
    of("Beeline", "RU", Home, 40, &["95.24.0.0/13"], &[]),
    of("MTS", "RU", Mobile, 40, &["91.76.0.0/14"], &[]),
    of("Lanet", "UA", Home, 40, &["176.36.0.0/14"], &[]),
    of("Kyivstar", "UA", Mobile, 40, &["46.211.0.0/16"], &[]),
    of("Viettel", "VN", Home, 50, &["27.64.0.0/12", "115.72.0.0/13", "171.224.0.0/11"], &[]),
    of("VNPT", "VN", Home, 50, &["14.160.0.0/11", "113.160.0.0/11", "123.16.0.0/12"], &[]),
    of("MTN", "NG", Mobile, 50, &["197.210.0.0/16", "102.88.0.0/13"], &[]),
    of("Airtel", "NG", Mobile, 40, &["105.112.0.0/12"], &[]),
    of("Claro", "BR", Home, 50, &["177.32.0.0/14", "189.0.0.0/11"], &["2804:14c::/31"]),
    of("Telkom", "ID", Home, 50, &["36.64.0.0/11", "180.240.0.0/12"], &[]),
    of("TE Data", "EG", Home, 50, &["41.32.0.0/12", "197.32.0.0/11", "156.160.0.0/11"], &[]),
    of("Maroc Telecom", "MA", Home, 50, &["105.128.0.0/11"], &[]),
    of("Telkom", "ZA", Home, 50, &["105.224.0.0/12", "41.144.0.0/12"], &[]),
    of("Digi", "RO", Home, 50, &["79.112.0.0/13", "86.120.0.0/13", "188.24.0.0/14"], &[]),

    // rented servers and hidden places abroad
    of("DigitalOcean", "US", Hosting, 40, &["159.65.0.0/16", "167.99.0.0/16", "138.68.0.0/16", "165.227.0.0/16", "142.93.0.0/16", "134.209.0.0/16", "68.183.0.0/16", "157.230.0.0/16"], &["2604:a880::/32"]),
    of("Amazon", "US", Hosting, 30, &["52.0.0.0/11", "54.224.0.0/12", "3.208.0.0/12"], &[]),
    of("Azure", "US", Hosting, 20, &["40.64.0.0/10", "52.224.0.0/11"], &[]),
    of("Vultr", "US", Hosting, 20, &["45.32.0.0/16", "45.76.0.0/16", "108.61.0.0/16", "149.28.0.0/16"], &[]),
    of("Linode", "US", Hosting, 20, &["45.33.0.0/17", "172.104.0.0/15", "50.116.0.0/18"], &[]),
    of("OVH", "FR", Hosting, 40, &["145.239.0.0/16", "149.202.0.0/16", "137.74.0.0/16", "5.135.0.0/16", "5.196.0.0/16", "91.121.0.0/16"], &["2001:41d0::/32"]),
    of("M247", "GB", Vpn, 10, &["89.238.128.0/18"], &[]),
    of("Mullvad", "SE", Vpn, 10, &["193.138.218.0/24"], &[]),
    of("Proton", "CH", Vpn, 10, &["185.159.156.0/22"], &[]),
    of("Private Relay", "US", Vpn, 5, &["104.28.0.0/16"], &[]),
    of("Tor exits", "US", Tor, 10, &["199.249.230.0/24", "23.129.64.128/25"], &[]),
    of("Tor exits", "SE", Tor, 10, &["171.25.193.64/28"], &[]),
    of("Tor exits", "AT", Tor, 10, &["109.70.100.0/25"], &[]),
    of("Tor exits", "NL", Tor, 10, &["192.42.116.128/26"], &[]),
];

/// Hours that clocks in a country are ahead of UTC in winter, and whether they go on by one in the European summer.
pub fn clock_of(country: &str) -> (f64, bool) {
    match country {
        "GB" | "PT" => (0.0, true),
        "GR" | "RO" | "UA" => (2.0, true),
        "TR" | "RU" => (3.0, false),
        "EG" | "ZA" => (2.0, false),
        "NG" | "MA" => (1.0, false),
        "US" | "CA" => (-5.0, true),
        "BR" => (-3.0, false),
        "IN" => (5.5, false),
        "VN" | "TH" | "ID" => (7.0, false),
        "CN" => (8.0, false),
        "JP" | "KR" => (9.0, false),
        "AU" => (10.0, false),
        _ => (1.0, true),
    }
}

/// One customer line's addresses for a while: an IPv4 address, and a /64 where the provider has IPv6.
#[derive(Clone, Debug)]
pub struct Lease {
    v4: Ipv4Addr,
    v6: Option<u64>,
}

impl Lease {
    /// The address that one visit is seen from. Behind IPv6 the lower half is another one every day.
    pub fn address(&self, dice: &mut Dice) -> IpAddr {
        match self.v6 {
            Some(upper) if dice.happens(0.6) => v6(upper, dice),
            _ => IpAddr::V4(self.v4),
        }
    }
}

fn v6(upper: u64, dice: &mut Dice) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(dice.throw())))
}

fn v4_within(network: &Ipv4Net, dice: &mut Dice) -> Ipv4Addr {
    let hosts = !u32::from(network.netmask());
    Ipv4Addr::from_bits(network.network().to_bits() | (dice.throw() as u32 & hosts))
}

/// The upper half of an address.
fn v6_within(network: &Ipv6Net, dice: &mut Dice) -> u64 {
    let free = u64::MAX.checked_shr(u32::from(network.prefix_len())).unwrap_or(0);
    (network.network().to_bits() >> 64) as u64 | (dice.throw() & free)
}

/// A provider's pools in one town: a few pieces of its ranges, as a customer there sees them over the years.
#[derive(Clone, Debug)]
pub struct Pools {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

impl Pools {
    /// `town` is the dice of the town: who throws the same gets the same pools.
    pub fn in_town(provider: &Provider, town: &mut Dice) -> Self {
        const PIECES: usize = 4;
        let pieces_v4 = |range: &Ipv4Net, town: &mut Dice| {
            let length = range.prefix_len().max(18);
            Ipv4Net::new(v4_within(range, town), length).expect("a length below 32").trunc()
        };
        let pieces_v6 = |range: &Ipv6Net, town: &mut Dice| {
            let address = Ipv6Addr::from_bits(u128::from(v6_within(range, town)) << 64);
            Ipv6Net::new(address, range.prefix_len().max(40)).expect("a length below 128").trunc()
        };
        let (ranges_v4, ranges_v6) = provider.ranges();
        Self {
            v4: (0..PIECES).map(|_| pieces_v4(town.one_of(&ranges_v4), town)).collect(),
            v6: match ranges_v6.as_slice() {
                [] => Vec::new(),
                ranges => (0..2).map(|_| pieces_v6(town.one_of(ranges), town)).collect(),
            },
        }
    }

    /// What a line in this town gets when it connects anew.
    pub fn lease(&self, dice: &mut Dice) -> Lease {
        let v4 = v4_within(dice.one_of(&self.v4), dice);
        let v6 = (!self.v6.is_empty()).then(|| v6_within(dice.one_of(&self.v6), dice));
        Lease { v4, v6 }
    }
}

impl Provider {
    /// Whether it is Apple's, which is announced in one country and used from all.
    pub fn is_relay(&self) -> bool {
        self.name == "Private Relay"
    }

    fn ranges(&self) -> (Vec<Ipv4Net>, Vec<Ipv6Net>) {
        let v4 = self.v4.iter().map(|range| range.parse().expect("the table holds networks"));
        let v6 = self.v6.iter().map(|range| range.parse().expect("the table holds networks"));
        (v4.collect(), v6.collect())
    }

    /// An address anywhere in its ranges: of a telephone, a hotel or a server.
    pub fn anywhere(&self, dice: &mut Dice) -> IpAddr {
        let on_v6 = !self.v6.is_empty() && dice.happens(0.5);
        if on_v6 {
            let range: Ipv6Net = dice.one_of(self.v6).parse().expect("the table holds networks");
            let upper = v6_within(&range, dice);
            v6(upper, dice)
        } else {
            let range: Ipv4Net = dice.one_of(self.v4).parse().expect("the table holds networks");
            IpAddr::V4(v4_within(&range, dice))
        }
    }
}

/// One of the providers for which this holds, by weight; none where there is none.
pub fn provider(dice: &mut Dice, wanted: impl Fn(&Provider) -> bool) -> Option<&'static Provider> {
    let these: Vec<(u32, &Provider)> =
        PROVIDERS.iter().filter(|provider| wanted(provider)).map(|provider| (provider.weight, provider)).collect();
    (!these.is_empty()).then(|| *dice.weighted(&these))
}

/// A café, hotel or flat in a country, or a telephone there where the table has no provider of that kind.
pub fn somewhere_in(country: &str, kind: Kind, dice: &mut Dice) -> IpAddr {
    provider(dice, |provider| provider.country == country && provider.kind == kind)
        .or_else(|| provider(dice, |provider| provider.country == country && matches!(provider.kind, Home | Mobile)))
        .map_or(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), |provider| provider.anywhere(dice))
}

/// The operator's networks: what `mailward.toml` beside this file says.
pub mod campus {
    use super::{Dice, IpAddr, Ipv4Addr, v6};

    /// Everybody's laptop and telephone on the wireless network, behind one address.
    pub fn shared() -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))
    }

    /// Those who are away and dial in.
    pub fn dialled_in() -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))
    }

    /// The wired network of a building.
    pub fn wired(building: u64, dice: &mut Dice) -> IpAddr {
        if dice.happens(0.5) {
            return IpAddr::V4(Ipv4Addr::new(192, 0, 2, 16 + (building % 200) as u8));
        }
        v6(0x2001_0db8_0000_0000 | (building % 200) << 16, dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_holds_networks_and_addresses_stay_within_them() {
        let mut dice = Dice::new(1, 1);
        for provider in PROVIDERS {
            let (v4, v6) = provider.ranges();
            let within = |address: IpAddr| match address {
                IpAddr::V4(address) => v4.iter().any(|range| range.contains(&address)),
                IpAddr::V6(address) => v6.iter().any(|range| range.contains(&address)),
            };
            assert!(!v4.is_empty(), "{}: everybody has IPv4", provider.name);
            for _ in 0..50 {
                assert!(within(provider.anywhere(&mut dice)), "{}", provider.name);
            }
            let lease = Pools::in_town(provider, &mut dice).lease(&mut dice);
            for _ in 0..10 {
                let address = lease.address(&mut dice);
                assert!(within(address), "{}: {address}", provider.name);
            }
        }
    }

    #[test]
    fn ranges_are_written_as_networks_and_none_is_listed_twice() {
        let mut seen: Vec<Ipv4Net> = Vec::new();
        for provider in PROVIDERS {
            let (v4, v6) = provider.ranges();
            for range in v4 {
                assert_eq!(range, range.trunc(), "{}", provider.name);
                let overlaps = seen.iter().find(|other| other.contains(&range) || range.contains(*other));
                assert_eq!(overlaps, None, "{}: {range}", provider.name);
                seen.push(range);
            }
            assert!(v6.iter().all(|range| *range == range.trunc()), "{}", provider.name);
        }
    }
}
