//! Lists of networks, one a line, as operators import them: Tor exits, rented servers, VPNs.

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use super::{IntelError, files};
use crate::domain::Timestamp;

/// The largest list that is read, in bytes: some four million lines.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Networks in one list; in memory an IPv4 network takes 8 bytes and an IPv6 network 32.
const NETWORKS_MAX: usize = 2_000_000;

/// Wrong lines that are named; the others are likely of the same kind.
const WRONG_LINES_NAMED: usize = 5;

/// As much of a wrong line as is repeated, in characters.
const LINE_CHARS_SHOWN: usize = 40;

/// A list that was read.
pub(super) struct List {
    pub(super) networks: Ranges,
    /// Networks in the file, before neighbours were joined.
    pub(super) entries: usize,
    /// When the file was last written to: lists do not say when they were made.
    pub(super) modified: Timestamp,
}

impl List {
    pub(super) fn read(path: &Path) -> Result<(Self, files::Stamp), IntelError> {
        let (bytes, stamp) = files::read(path, FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| IntelError::unusable(path, "is not UTF-8 text"))?;
        let networks = parse(text).map_err(|what| IntelError::unusable(path, what))?;
        let list = Self { entries: networks.len(), networks: Ranges::of(&networks), modified: stamp.modified() };
        Ok((list, stamp))
    }
}

/// A network or address a line; what follows `#` or `;` is a comment. Of Tor's `exit-addresses` the `ExitAddress` lines
/// are taken and the others left.
fn parse(text: &str) -> Result<Vec<IpNet>, String> {
    let mut networks = Vec::new();
    let mut wrong = Vec::new();
    let mut wrong_lines = 0_usize;
    for (number, line) in text.lines().enumerate() {
        match read_line(line) {
            Ok(None) => {}
            Ok(Some(network)) if networks.len() < NETWORKS_MAX => networks.push(network),
            Ok(Some(_)) => return Err(format!("has more than {NETWORKS_MAX} networks")),
            Err(why) => {
                wrong_lines += 1;
                if wrong.len() < WRONG_LINES_NAMED {
                    let shown: String = line.chars().filter(|c| !c.is_control()).take(LINE_CHARS_SHOWN).collect();
                    wrong.push(format!("line {}: {shown:?} {why}", number + 1));
                }
            }
        }
    }
    match wrong_lines {
        0 => Ok(networks),
        1..=WRONG_LINES_NAMED => Err(format!("has wrong lines: {}", wrong.join("; "))),
        more => Err(format!("has {more} wrong lines: {}; …", wrong.join("; "))),
    }
}

fn read_line(line: &str) -> Result<Option<IpNet>, &'static str> {
    const EXPECTED: &str = "is no address or network";
    let said = line.split(['#', ';']).next().unwrap_or_default();
    let mut words = said.split_whitespace();
    let network = match (words.next(), words.next()) {
        (None, _) | (Some("ExitNode" | "Published" | "LastStatus"), _) => return Ok(None),
        (Some("ExitAddress"), Some(address)) => address,
        (Some(network), None) => network,
        (Some(_), Some(_)) => return Err(EXPECTED),
    };
    let network = match network.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        // Bits beyond the prefix are common in such lists, and leave no doubt which network is meant.
        Err(_) => network.parse::<IpNet>().map_err(|_| EXPECTED)?.trunc(),
    };
    if network.prefix_len() == 0 {
        return Err("holds every address");
    }
    Ok(Some(network))
}

/// Networks as ranges in order that neither meet nor touch: found by halving.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Ranges {
    pub(super) fn of(networks: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self {
            v4: joined(v4, |end| end.checked_add(1)).into_boxed_slice(),
            v6: joined(v6, |end| end.checked_add(1)).into_boxed_slice(),
        }
    }

    /// Whether one of the networks holds the address; canonical (never IPv4-mapped).
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => holds(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => holds(&self.v6, v6.to_bits()),
        }
    }
}

fn holds<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after.checked_sub(1).is_some_and(|at| address <= ranges[at].1)
}

fn joined<T: Ord + Copy>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut joined: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match joined.last_mut() {
            Some((_, last)) if next(*last).is_none_or(|next| start <= next) => *last = end.max(*last),
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_one_network_or_address_a_line_and_tors_own_forms_are_read() {
        let text = "# exits\n192.0.2.1\n\n198.51.100.0/24 ; partner\n2001:db8::/32\n::ffff:203.0.113.9\n10.1.2.3/8\r\n\
                    ExitNode 0011BD2485AD45D984EC4159C88FC066E5E3300E\nPublished 2026-11-24 03:37:40\n\
                    LastStatus 2026-11-24 17:00:00\nExitAddress 203.0.113.80 2026-11-24 17:53:53\n";
        let networks: Vec<String> = parse(text).expect("a good list").iter().map(ToString::to_string).collect();
        assert_eq!(
            networks,
            ["192.0.2.1/32", "198.51.100.0/24", "2001:db8::/32", "203.0.113.9/32", "10.0.0.0/8", "203.0.113.80/32"]
        );
    }

    #[test]
    fn wrong_lines_are_named_by_number_and_never_skipped() {
        for (text, says) in [
            ("192.0.2.1\n192.0.2.0/33\n", "line 2: \"192.0.2.0/33\" is no address"),
            ("<html>\n", "line 1: \"<html>\""),
            ("192.0.2.1 192.0.2.2\n", "line 1"),
            ("0.0.0.0/0\n", "holds every address"),
            ("x\n".repeat(9).as_str(), "has 9 wrong lines: line 1"),
            ("\u{1b}[2J\n", "\"[2J\""),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(says), "{error}");
            assert!(error.len() < 600, "{error}");
        }
    }

    #[test]
    fn networks_within_beside_and_over_one_another_are_found_as_one_by_one() {
        let networks: Vec<IpNet> =
            ["192.0.2.0/25", "192.0.2.128/25", "192.0.2.64/26", "255.255.255.254/31", "0.0.0.0/31"]
                .iter()
                .chain(&["2001:db8::/32", "2001:db8:1::/48", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"])
                .map(|network| network.parse().expect("a network"))
                .collect();
        let ranges = Ranges::of(&networks);
        assert_eq!((ranges.v4.len(), ranges.v6.len()), (3, 2), "{ranges:?}");
        for address in ["0.0.0.1", "0.0.0.2", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", "255.255.255.255"]
            .iter()
            .chain(&["::", "2001:db7::1", "2001:db8:1::1", "2001:db9::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"])
        {
            let address: IpAddr = address.parse().expect("an address");
            let one_by_one = networks.iter().any(|network| network.contains(&address));
            assert_eq!(ranges.contain(address), one_by_one, "{address}");
        }
        assert!(!Ranges::default().contain(IpAddr::from([0, 0, 0, 0])));
    }
}
