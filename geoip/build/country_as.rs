//! Country and autonomous system in one database of MaxMind's shape: one walk down the tree answers both.

use std::collections::HashMap;
use std::fs::File;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Context as _;
use ipnet::IpNet;
use maxminddb::{PathElement, Reader, WithinOptions};
use mmdb_writer::{Error, MergeStrategy, ReservedNetworks, Value, Writer};

pub fn build(countries: &Path, systems: &[&Path], out: &Path) -> anyhow::Result<()> {
    let countries = Reader::open_readfile(countries)?;
    let mut writer = Writer::builder("Mailward-Country-AS")
        .description(&[("en", "Country: NRO, CC BY 4.0. AS: RouteViews, DB-IP and NRO, CC BY 4.0. See geoip/NOTICE")])
        .reserved_networks(ReservedNetworks::Excluded)
        .build_epoch(countries.metadata().build_time()?)
        .build();
    let mut kept = 0_u64;
    let mut skipped = 0_u64;
    let mut insert = |network: IpNet, value: &Value| match writer.insert_value_merged(
        network,
        value.clone(),
        MergeStrategy::TopLevelMerge,
    ) {
        Ok(()) => {
            kept += 1;
            Ok(())
        }
        // In aliased ones (2002::/16, 2001::/32) the format itself leads to the IPv4 address within; reserved ones, such as
        // those of documentation and private use, are nobody's.
        Err(Error::AliasedNetwork(_) | Error::ReservedNetwork(_)) => {
            skipped += 1;
            Ok(())
        }
        Err(error) => Err(error),
    };
    let mut values: HashMap<String, Value> = HashMap::new();
    for found in countries.networks(WithinOptions::default())? {
        let found = found?;
        let Some(code) = found.decode_path::<String>(&[PathElement::Key("country_code")])? else { continue };
        if code.len() != 2 || code == "ZZ" {
            continue;
        }
        let value = values.entry(code.clone()).or_insert_with(|| {
            Value::map([("country".to_owned(), Value::map([("iso_code".to_owned(), Value::String(code))]))])
        });
        let network = found.network()?;
        insert(IpNet::new(network.ip(), network.prefix())?, value)?;
    }
    for path in systems {
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(File::open(path)?);
        for row in rows.records() {
            let row = row?;
            let field = |at: usize| row.get(at).with_context(|| format!("{}: a row is short: {row:?}", path.display()));
            let (first, last): (IpAddr, IpAddr) = (field(0)?.parse()?, field(1)?.parse()?);
            let value = Value::map([
                ("autonomous_system_number".to_owned(), Value::U32(field(2)?.parse()?)),
                ("autonomous_system_organization".to_owned(), Value::String(field(3)?.trim().to_owned())),
            ]);
            for network in subnets(first, last) {
                insert(network, &value)?;
            }
        }
    }
    println!("{kept} networks, {skipped} left out");
    super::replace(out, &writer.to_bytes()?)
}

/// The fewest networks that make up a range.
pub fn subnets(first: IpAddr, last: IpAddr) -> Vec<IpNet> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => ipnet::Ipv4Subnets::new(first, last, 0).map(IpNet::from).collect(),
        (IpAddr::V6(first), IpAddr::V6(last)) => ipnet::Ipv6Subnets::new(first, last, 0).map(IpNet::from).collect(),
        _ => Vec::new(),
    }
}
