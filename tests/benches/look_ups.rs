//! What the look-ups of `intel` cost: nanoseconds for each, and memory.
//!
//! ```text
//! cargo run --release --example look_ups [CITY.mmdb]
//! ```
//!
//! Addresses and passwords are the same in every run.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Instant;

use mailward::config::{self, NetworkList, Networks};
use mailward::domain::{NetworkKind, Secret, Timestamp};
use mailward::intel::Intel;

/// 25 November 2026.
const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000);

const LOOK_UPS: u32 = 1_000_000;
const PASSWORDS: u32 = 2_000;

/// Lines of the list of networks that is made for the measurement.
const LISTED: u32 = 200_000;

fn main() -> anyhow::Result<()> {
    let text = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
    let mut config = config::parse(text, "mailward.toml", Path::new(""), NOW).expect("a good file");
    let before = resident();
    let intel = timed("open: what is compiled in", 1, |_| Intel::open(&config, NOW))?;
    measure(&intel);
    println!("{:<48} {:>10} KiB", "resident since the start", resident() - before);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vpn.txt");
    let lines: Vec<String> = (0..LISTED).map(|number| Ipv4Addr::from(mixed(number)).to_string()).collect();
    std::fs::write(&file, lines.join("\n"))?;
    config.networks.lists = vec![NetworkList { kind: NetworkKind::Vpn, file }];
    if let Some(city) = std::env::args().nth(1) {
        config.geoip.city = vec![city.into()];
    }
    let before = resident();
    timed("open: a list of 200 000, and the city database", 1, |_| intel.configure(&config))?;
    measure(&intel);
    println!("{:<48} {:>10} KiB", "resident more", resident() - before);
    passwords(&intel);
    Ok(())
}

fn measure(intel: &Intel) {
    let networks = Networks::default();
    timed("whereabouts, IPv4", LOOK_UPS, |number| {
        let address = IpAddr::V4(Ipv4Addr::from(mixed(number)));
        black_box(intel.whereabouts(address, &networks, NOW));
    });
    timed("whereabouts, IPv6", LOOK_UPS, |number| {
        // Where addresses are given to people: 2000::/4.
        let upper = u128::from(mixed(number) >> 4 | 0x2000_0000) << 96;
        let address = IpAddr::V6(Ipv6Addr::from(upper | u128::from(mixed(number ^ 0x5555)) << 64));
        black_box(intel.whereabouts(address, &networks, NOW));
    });
    timed("organization, IPv4", LOOK_UPS, |number| {
        black_box(intel.organization(IpAddr::V4(Ipv4Addr::from(mixed(number)))));
    });
}

fn passwords(intel: &Intel) {
    for (what, longest) in [("password, 12 characters", 12), ("password, 1000 characters", 1_000)] {
        timed(what, PASSWORDS, |number| {
            let letters = (0..longest).map(|at| char::from(33 + (mixed(number ^ (at << 16)) % 94) as u8));
            let password = Secret::new(letters.collect::<String>());
            black_box(intel.password(&password, &["karin.lindqvist", "webmail.example.edu"]));
        });
    }
    for (what, worst) in [
        ("password, words in a row", "passwordqwertydragonmonkeyletmein"),
        ("password, one letter", "a"),
        ("password, l33t", "p4$$w0rd"),
    ] {
        let password = Secret::new(worst.repeat(100));
        timed(what, 100, |_| {
            black_box(intel.password(&password, &["karin.lindqvist"]));
        });
    }
}

/// Runs it so often, prints the mean, and gives back what the last run gave.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn timed<T>(what: &str, times: u32, mut run: impl FnMut(u32) -> T) -> T {
    let begin = Instant::now();
    for number in 1..times {
        run(number);
    }
    let last = run(0);
    println!("{what:<48} {:>10} ns", begin.elapsed().as_nanos() / u128::from(times));
    last
}

/// Bits that look random, the same for the same number.
fn mixed(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x7feb_352d);
    let number = (number ^ (number >> 15)).wrapping_mul(0x846c_a68b);
    number ^ (number >> 16)
}

/// Memory of this process, in KiB, by the kernel's account; what is compiled in counts once it was touched.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
