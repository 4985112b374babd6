//! Makes what the library is compiled with, from packages that were fetched and unpacked before. `geoip/README.md` says
//! from which, and under which licences.
//!
//! ```text
//! cargo run --release --example geoip -- country-as COUNTRY.mmdb ASN-IPV4.csv ASN-IPV6.csv OUT.mmdb
//! cargo run --release --example geoip -- networks   RANGES.bin OUT.mmdb
//! cargo run --release --example geoip -- extents    COUNTRIES.json CODES.json OUT.rs
//! cargo run --release --example geoip -- map        LAND.json OUT.svg
//! cargo run --release --example geoip -- places     COUNTRIES.json CODES.json OUT.rs
//! cargo run --release --example geoip -- passwords  PASSWORDS.json OUT.filter
//! ```
//!
//! The same input makes the same file: times come from the input, never from the clock.

mod country_as;
mod extents;
mod map;
mod networks;
mod passwords;

use std::path::{Path, PathBuf};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let path = |at: usize| -> &Path { Path::new(&words[at]) };
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["country-as", _, _, _, _] => country_as::build(path(1), &[path(2), path(3)], path(4)),
        ["networks", _, _] => networks::build(path(1), path(2)),
        ["extents", _, _, _] => extents::build(path(1), path(2), path(3)),
        ["map", _, _] => map::build_land(path(1), path(2)),
        ["places", _, _, _] => map::build_places(path(1), path(2), path(3)),
        ["passwords", _, _] => passwords::build(path(1), path(2)),
        _ => anyhow::bail!("what to make, from what, and where to? see the top of geoip/build/main.rs"),
    }
}

/// Writes beside the place and renames, so that a broken run leaves the old file.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, path)?;
    println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}
