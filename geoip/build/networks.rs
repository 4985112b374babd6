//! Tor exits, rented servers and VPNs, from the table of the PyPI package `iporigin`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use mmdb_writer::{Error, ReservedNetworks, Value, Writer};

use super::country_as::subnets;

/// Labels whose ranges rest on permission that is not in writing (part 3 of the package's NOTICE): left out.
const NOT_OURS_TO_SHIP: [&str; 12] = [
    "Akamai", "BunnyCDN", "BuyVM", "CDN77", "Cogent", "Contabo", "DataCamp", "GTHost", "GleSYS", "Melbicom", "Scalaxy",
    "Vercel",
];

/// People come from these networks only through a relay (Cloudflare's WARP): they may be anywhere.
const RELAYS: [&str; 1] = ["Cloudflare"];

struct Table<'b>(&'b [u8]);

impl<'b> Table<'b> {
    fn take(&mut self, bytes: usize) -> anyhow::Result<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes).context("the table ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    /// Little-endian, as all numbers of the table but IPv6 addresses.
    fn number<const N: usize>(&mut self) -> anyhow::Result<u64> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.take(N)?);
        Ok(u64::from_le_bytes(wide))
    }
}

pub fn build(ranges: &Path, out: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(ranges)?;
    let mut table = Table(&bytes);
    anyhow::ensure!(table.take(8)? == b"IPORIGIN" && table.number::<2>()? == 1, "not a table of iporigin, version 1");
    let built = table.number::<8>()?;
    let (labels, v4, v6) = (table.number::<2>()?, table.number::<4>()?, table.number::<4>()?);
    let mut values = Vec::new();
    for _ in 0..labels {
        let length = usize::try_from(table.number::<2>()?)?;
        let label = std::str::from_utf8(table.take(length)?)?;
        values.push(value_of(label.split_once('\t').context("a label without kind")?));
    }
    let mut writer = Writer::builder("Mailward-Networks")
        .description(&[("en", "Tor exits, rented servers and VPNs, after iporigin. See geoip/NOTICE")])
        .reserved_networks(ReservedNetworks::Excluded)
        .build_epoch(UNIX_EPOCH + Duration::from_secs(built))
        .build();
    let mut insert = |first: IpAddr, last: IpAddr, label: u64| -> anyhow::Result<()> {
        let Some(value) = values.get(usize::try_from(label)?).context("a range without label")? else { return Ok(()) };
        for network in subnets(first, last) {
            match writer.insert_value(network, value.clone()) {
                Ok(()) | Err(Error::AliasedNetwork(_) | Error::ReservedNetwork(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    };
    for _ in 0..v4 {
        let [first, last] = [table.number::<4>()?, table.number::<4>()?].map(|bits| bits as u32);
        insert(Ipv4Addr::from(first).into(), Ipv4Addr::from(last).into(), table.number::<2>()?)?;
    }
    for _ in 0..v6 {
        let first: [u8; 16] = table.take(16)?.try_into()?;
        let last: [u8; 16] = table.take(16)?.try_into()?;
        insert(Ipv6Addr::from(first).into(), Ipv6Addr::from(last).into(), table.number::<2>()?)?;
    }
    super::replace(out, &writer.to_bytes()?)
}

/// What is written of a label; none when it is left out. Servers of content networks and crawlers are rented servers to
/// a webmail: nobody sits at them.
fn value_of((provider, kind): (&str, &str)) -> Option<Value> {
    if NOT_OURS_TO_SHIP.contains(&provider) {
        return None;
    }
    let kind = match kind {
        _ if RELAYS.contains(&provider) => "vpn",
        "tor" => "tor",
        "vpn" => "vpn",
        _ => "hosting",
    };
    Some(Value::map([
        ("kind".to_owned(), Value::String(kind.to_owned())),
        ("provider".to_owned(), Value::String(provider.to_owned())),
    ]))
}
