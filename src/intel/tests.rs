//! Databases are made here, in each maker's shape; the compiled ones are asked as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ipnet::IpNet;
use mmdb_writer::{IpVersion, Value, Writer};

use super::*;
use crate::config::{self, NetworkList};
use crate::domain::Position;

const DAY: Duration = Duration::from_secs(86_400);

/// 25 November 2026.
const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000);

/// When databases of these tests are built, unless it matters.
const BUILT: Timestamp = Timestamp::from_millis(1_795_478_400_000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file as an administrator should: written beside it, then renamed.
    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let (new, path) = (self.at("new"), self.at(name));
        fs::write(&new, bytes).expect("writable");
        fs::rename(&new, &path).expect("the same folder");
        path
    }
}

fn database(built: Timestamp, version: IpVersion, records: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::builder("Whatever-Its-Maker-Calls-It")
        .ip_version(version)
        .build_epoch(UNIX_EPOCH + Duration::from_millis(built.as_millis()))
        .build();
    for (network, value) in records {
        writer.insert_value(network.parse::<IpNet>().expect("a network"), value.clone()).expect("insertable");
    }
    writer.to_bytes().expect("small enough")
}

fn v6(records: &[(&str, Value)]) -> Vec<u8> {
    database(BUILT, IpVersion::V6, records)
}

fn country_of_maxmind(code: &str) -> Value {
    let country = |code: &str| Value::map([("iso_code", Value::from(code)), ("geoname_id", Value::from(7_u32))]);
    Value::map([("country", country(code)), ("registered_country", country("US"))])
}

fn city_of_maxmind(code: &str, latitude: f64, longitude: f64, radius: u16) -> Value {
    let location = Value::map([
        ("latitude", Value::from(latitude)),
        ("longitude", Value::from(longitude)),
        ("accuracy_radius", Value::U16(radius)),
    ]);
    Value::map([("country", Value::map([("iso_code", Value::from(code))])), ("location", location)])
}

fn flat_city(code: &str, latitude: f32, longitude: f32) -> Value {
    Value::map([
        ("country_code", Value::from(code)),
        ("latitude", Value::Float(latitude)),
        ("longitude", Value::Float(longitude)),
        ("state1", Value::from("")),
    ])
}

fn system(number: u32, name: &str) -> Value {
    Value::map([
        ("autonomous_system_number", Value::from(number)),
        ("autonomous_system_organization", Value::from(name)),
    ])
}

fn smallest() -> Config {
    let text = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
    config::parse(text, "mailward.toml", Path::new(""), NOW).expect("a good file")
}

fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = smallest();
    change(&mut config);
    config
}

fn open(config: &Config) -> Intel {
    Intel::open(config, NOW).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(config: &Config) -> String {
    match Intel::open(config, NOW) {
        Ok(_) => panic!("it is opened"),
        Err(error) => error.to_string(),
    }
}

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn seen(intel: &Intel, address: &str) -> Whereabouts {
    intel.whereabouts(ip(address), &Networks::default(), NOW)
}

fn country(intel: &Intel, address: &str) -> Option<String> {
    seen(intel, address).country.map(|country| country.to_string())
}

#[test]
fn what_is_compiled_in_knows_countries_networks_and_their_kinds() {
    let intel = open(&smallest());
    for (address, country, as_number) in [
        ("193.0.6.139", Some("NL"), Some(3333)),
        ("130.83.47.181", Some("DE"), Some(8365)),
        ("2001:67c:2e8:22::c100:68b", Some("NL"), Some(3333)),
        ("::ffff:193.0.6.139", Some("NL"), Some(3333)),
        ("10.1.2.3", None, None),
        ("127.0.0.1", None, None),
        ("fe80::1", None, None),
    ] {
        let found = seen(&intel, address);
        assert_eq!(found.country.map(|country| country.to_string()).as_deref(), country, "{address}");
        assert_eq!(found.as_number, as_number, "{address}");
        assert_eq!(found.position, None, "nothing compiled in knows places");
    }
    assert!(
        intel.organization(ip("193.0.6.139")).is_some_and(|name| name.contains("RIPE") || name.contains("Reseaux"))
    );
    assert!(seen(&intel, "52.95.110.1").kinds.hosting);
    assert_eq!(seen(&intel, "130.83.47.181").kinds, NetworkKinds::default());
    let topics: Vec<&str> = intel.sources(NOW).iter().map(|source| source.topic.name()).collect();
    assert_eq!(topics, ["country", "as", "networks", "breached"]);
    assert!(intel.sources(NOW).iter().all(|source| source.path.is_none()));
}

#[test]
fn every_makers_shape_is_read() {
    let folder = Folder::new();
    for (shape, city) in [
        ("MaxMind's, which DB-IP shares", city_of_maxmind("DE", 49.87, 8.65, 20)),
        ("flat", flat_city("DE", 49.87, 8.65)),
    ] {
        let file = folder.put("city.mmdb", &v6(&[("192.0.2.0/24", city)]));
        let intel = open(&with(|config| config.geoip.city = vec![file]));
        let found = seen(&intel, "192.0.2.9");
        assert_eq!(found.country.map(|country| country.to_string()).as_deref(), Some("DE"), "{shape}");
        let Position { latitude, longitude, accuracy_km } = found.position.expect(shape);
        assert!((latitude - 49.87).abs() < 0.001 && (longitude - 8.65).abs() < 0.001, "{shape}");
        assert!((20..=50).contains(&accuracy_km), "{shape}: {accuracy_km}");
        assert_eq!(found.as_number, None, "192.0.2.0/24 is for documentation");
        assert_eq!(seen(&intel, "198.51.100.1"), Whereabouts::default(), "{shape}: another address");
    }
    let only_registered = Value::map([("registered_country", Value::map([("iso_code", Value::from("SE"))]))]);
    let file = folder.put(
        "country.mmdb",
        &v6(&[
            ("192.0.2.0/25", country_of_maxmind("DE")),
            ("192.0.2.128/25", only_registered),
            ("198.51.100.0/25", country_of_maxmind("ZZ")),
            ("198.51.100.128/25", country_of_maxmind("Deutschland")),
        ]),
    );
    let systems = folder.put("asn.mmdb", &v6(&[("192.0.2.0/24", system(64_496, "Example University"))]));
    let intel = open(&with(|config| {
        config.geoip.country = vec![file];
        config.geoip.asn = vec![systems];
    }));
    for (address, code) in
        [("192.0.2.1", Some("DE")), ("192.0.2.200", Some("SE")), ("198.51.100.1", None), ("198.51.100.200", None)]
    {
        assert_eq!(country(&intel, address).as_deref(), code, "{address}");
    }
    assert_eq!(seen(&intel, "192.0.2.1").as_number, Some(64_496));
    assert_eq!(intel.organization(ip("192.0.2.1")).as_deref(), Some("Example University"));
    assert_eq!(seen(&intel, "192.0.2.1").position, None);
}

#[test]
fn files_for_ipv4_and_ipv6_may_be_apart_and_one_of_ipv4_is_asked_for_no_ipv6() {
    let folder = Folder::new();
    let four = folder.put("4.mmdb", &database(BUILT, IpVersion::V4, &[("192.0.2.0/24", country_of_maxmind("DE"))]));
    let six = folder.put("6.mmdb", &v6(&[("2001:db8::/32", country_of_maxmind("FR"))]));
    let only_four = open(&with(|config| config.geoip.country = vec![four.clone()]));
    assert_eq!(country(&only_four, "192.0.2.1").as_deref(), Some("DE"));
    assert_eq!(country(&only_four, "2001:db8::1"), None);
    assert_eq!(country(&only_four, "::ffff:192.0.2.1").as_deref(), Some("DE"), "it carries an IPv4 address");
    let both = open(&with(|config| config.geoip.country = vec![four, six]));
    assert_eq!(country(&both, "192.0.2.1").as_deref(), Some("DE"));
    assert_eq!(country(&both, "2001:db8::1").as_deref(), Some("FR"));
}

#[test]
fn names_and_positions_that_a_database_makes_up_harm_nobody() {
    let folder = Folder::new();
    let hostile = format!("\u{1b}[31m{}\n", "é".repeat(500));
    let systems = folder.put(
        "asn.mmdb",
        &v6(&[
            ("192.0.2.0/25", system(7, &hostile)),
            ("192.0.2.128/25", system(0, "\u{7f} \n")),
            ("198.51.100.0/24", system(8, "plain")),
        ]),
    );
    let cities = folder.put(
        "city.mmdb",
        &v6(&[
            ("192.0.2.0/26", city_of_maxmind("DE", f64::NAN, 8.65, 1)),
            ("192.0.2.64/26", city_of_maxmind("DE", 91.0, 8.65, 1)),
            ("192.0.2.128/26", city_of_maxmind("DE", 0.0, 0.0, 1)),
            ("192.0.2.192/26", city_of_maxmind("DE", -45.0, 180.0, u16::MAX)),
            ("198.51.100.0/24", Value::map([("location", Value::from("here")), ("country", Value::from("DE"))])),
        ]),
    );
    let intel = open(&with(|config| {
        config.geoip.asn = vec![systems];
        config.geoip.city = vec![cities];
    }));
    let name = intel.organization(ip("192.0.2.1")).expect("a name");
    assert!(name.chars().count() <= 80 && !name.contains(char::is_control), "{name:?}");
    assert_eq!(intel.organization(ip("192.0.2.129")), None);
    assert_eq!(seen(&intel, "192.0.2.129").as_number, None, "AS 0 is nobody's");
    for (address, is_somewhere) in [
        ("192.0.2.1", false),
        ("192.0.2.65", false),
        ("192.0.2.129", false),
        ("192.0.2.193", true),
        ("198.51.100.1", false),
    ] {
        assert_eq!(seen(&intel, address).position.is_some(), is_somewhere, "{address}");
    }
    assert_eq!(country(&intel, "198.51.100.1"), None, "a text where a map is expected");
}

#[test]
fn a_file_that_is_no_database_of_the_kind_asked_for_is_refused_in_words() {
    let folder = Folder::new();
    let good = v6(&[("192.0.2.0/24", country_of_maxmind("DE"))]);
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("empty", Vec::new(), "is not a MaxMind database"),
        ("html", b"<html>401 Unauthorized</html>".to_vec(), "is not a MaxMind database"),
        ("cut", good[..good.len() - 40].to_vec(), "is not a MaxMind database"),
        ("half", good[..good.len() / 2].to_vec(), "is not a MaxMind database"),
        ("asn", v6(&[("192.0.2.0/24", system(1, "x"))]), "names no country"),
        ("nothing", v6(&[]), "names no country"),
    ];
    for (name, bytes, says) in cases {
        let file = folder.put(name, &bytes);
        let error = refused(&with(|config| config.geoip.country = vec![file]));
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
    let file = folder.put("country.mmdb", &good);
    let error = refused(&with(|config| config.geoip.asn = vec![file.clone()]));
    assert!(error.contains("names no autonomous system"), "{error}");
    let error = refused(&with(|config| config.geoip.city = vec![file.clone()]));
    assert!(error.contains("has no positions"), "{error}");
    let error = refused(&with(|config| config.geoip.country = vec![folder.at("absent")]));
    assert!(error.contains("cannot be read"), "{error}");
    let error = refused(&with(|config| config.geoip.country = vec![folder.at("")]));
    assert!(error.contains("is not a file"), "{error}");
}

#[test]
fn no_broken_byte_makes_a_look_up_panic() {
    let folder = Folder::new();
    let good = v6(&[
        ("192.0.2.0/24", city_of_maxmind("DE", 49.87, 8.65, 20)),
        ("2001:db8::/32", city_of_maxmind("FR", 48.86, 2.35, 20)),
    ]);
    for at in 0..good.len() {
        for value in [0, 0xff, good[at] ^ 0x20] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let file = folder.put("city.mmdb", &bytes);
            let config = with(|config| {
                config.geoip.city = vec![file];
                config.networks.bundled_lists = false;
            });
            if at % 64 != 0 {
                // Opening what is compiled in for each byte would take minutes.
                let Ok(database) = Database::read(Cow::Owned(bytes)) else { continue };
                for address in ["192.0.2.1", "2001:db8::1", "::"] {
                    if let Some(record) = database.find(ip(address)) {
                        let _ = (database.country(&record), database.position(&record));
                    }
                }
            } else if let Ok(intel) = Intel::open(&config, NOW) {
                let _ = (seen(&intel, "192.0.2.1"), seen(&intel, "2001:db8::1"));
            }
        }
    }
}

#[test]
fn an_old_database_is_warned_of_and_one_that_is_too_old_knows_nothing() {
    let folder = Folder::new();
    for (days, freshness, is_known) in [
        (0, Freshness::Fresh, true),
        (90, Freshness::Fresh, true),
        (91, Freshness::Old, true),
        (540, Freshness::Old, true),
        (541, Freshness::TooOld, false),
        (20_000, Freshness::TooOld, false),
    ] {
        let built = NOW.before(DAY * days);
        let records = [("192.0.2.0/24", city_of_maxmind("DE", 49.87, 8.65, 20))];
        let file = folder.put("city.mmdb", &database(built, IpVersion::V6, &records));
        let intel = open(&with(|config| config.geoip.city = vec![file]));
        let of_city = intel.sources(NOW).into_iter().find(|source| source.topic == Topic::City).expect("in use");
        assert_eq!((of_city.freshness, of_city.built), (freshness, Some(built)), "{days} days");
        let found = seen(&intel, "192.0.2.1");
        assert_eq!((found.country.is_some(), found.position.is_some()), (is_known, is_known), "{days} days");
    }
    let intel = open(&smallest());
    let far_ahead = NOW.after(DAY * 3_000);
    let found = intel.whereabouts(ip("52.95.110.1"), &Networks::default(), far_ahead);
    assert_eq!(found, Whereabouts::default(), "what is compiled in ages too");
    assert!(intel.organization(ip("52.95.110.1")).is_some(), "a name decides nothing");
}

#[test]
fn a_clock_that_went_back_makes_no_database_old() {
    let intel = open(&smallest());
    let long_ago = Timestamp::from_millis(0);
    assert!(intel.whereabouts(ip("52.95.110.1"), &Networks::default(), long_ago).country.is_some());
    assert!(intel.sources(long_ago).iter().all(|source| source.freshness == Freshness::Fresh));
}

#[test]
fn campus_is_where_the_operator_says_and_in_no_list() {
    let intel = open(&smallest());
    let mut networks = Networks { campus: vec!["52.95.110.0/24".parse().expect("a network")], ..Networks::default() };
    let looked_up = intel.whereabouts(ip("52.95.110.1"), &networks, NOW);
    assert!(looked_up.country.is_some());
    assert_eq!(looked_up.kinds, NetworkKinds::default(), "rented servers or not: it is campus");
    networks.campus_country = "DE".parse().ok();
    let found = intel.whereabouts(ip("52.95.110.1"), &networks, NOW);
    assert_eq!(found.country, "DE".parse().ok());
    assert_eq!(found.as_number, looked_up.as_number);
    assert_eq!(intel.whereabouts(ip("::ffff:52.95.110.1"), &networks, NOW), found);
    assert_eq!(
        intel.whereabouts(ip("52.95.111.1"), &networks, NOW),
        intel.whereabouts(ip("52.95.111.1"), &Networks::default(), NOW)
    );
}

#[test]
fn lists_add_to_the_compiled_one_which_can_be_switched_off() {
    let folder = Folder::new();
    let file = folder.put("vpn.txt", b"192.0.2.0/24\n52.95.110.1\n2001:db8::/32\n");
    let list = NetworkList { kind: NetworkKind::Vpn, file };
    let mut config = with(|config| config.networks.lists = vec![list]);
    let kinds = |intel: &Intel, address: &str| {
        let NetworkKinds { tor, hosting, vpn } = seen(intel, address).kinds;
        (tor, hosting, vpn)
    };
    let both = open(&config);
    assert_eq!(kinds(&both, "52.95.110.1"), (false, true, true));
    assert_eq!(kinds(&both, "192.0.2.77"), (false, false, true));
    assert_eq!(kinds(&both, "2001:db8::9"), (false, false, true));
    assert_eq!(kinds(&both, "192.0.3.0"), (false, false, false));
    let listed = both.sources(NOW).into_iter().find(|source| source.topic == Topic::List(NetworkKind::Vpn));
    assert_eq!(listed.expect("in use").entries, Some(3));
    config.networks.bundled_lists = false;
    let own = open(&config);
    assert_eq!(kinds(&own, "52.95.110.1"), (false, false, true));
    assert!(own.sources(NOW).iter().all(|source| source.topic != Topic::Networks));
    config.networks.lists[0].file = folder.put("wrong.txt", b"192.0.2.0/24\nnonsense\n");
    assert!(refused(&config).contains("line 2"), "{}", refused(&config));
}

#[test]
fn a_file_replaced_while_running_is_taken_if_it_is_good_and_refused_once_if_not() {
    let folder = Folder::new();
    let of = |code: &str| v6(&[("192.0.2.0/24", country_of_maxmind(code))]);
    let file = folder.put("country.mmdb", &of("DE"));
    let list = folder.put("tor.txt", b"192.0.2.1\n");
    let intel = open(&with(|config| {
        config.geoip.country = vec![file];
        config.networks.lists = vec![NetworkList { kind: NetworkKind::Tor, file: list }];
    }));
    let told = |intel: &Intel| -> Vec<String> {
        let told = intel.reload_changed(NOW).into_iter().map(|reloaded| match reloaded {
            Reloaded::Taken { what, .. } => what,
            Reloaded::Refused(error) => format!("refused: {error}"),
        });
        told.collect()
    };
    assert!(told(&intel).is_empty(), "nothing changed");
    folder.put("country.mmdb", &of("FR"));
    assert_eq!(country(&intel, "192.0.2.1").as_deref(), Some("DE"), "not before somebody looks");
    assert_eq!(told(&intel), ["built 2026-11-24"]);
    assert_eq!(country(&intel, "192.0.2.1").as_deref(), Some("FR"));
    folder.put("country.mmdb", b"half a download");
    let refused = told(&intel);
    assert!(refused.len() == 1 && refused[0].contains("is not a MaxMind database"), "{refused:?}");
    assert!(told(&intel).is_empty(), "said once");
    assert_eq!(country(&intel, "192.0.2.1").as_deref(), Some("FR"), "the old one stays");
    folder.put(
        "country.mmdb",
        &database(NOW.before(DAY * 600), IpVersion::V6, &[("192.0.2.0/24", country_of_maxmind("SE"))]),
    );
    assert!(told(&intel)[0].contains("too old"));
    assert_eq!(country(&intel, "192.0.2.1"), None);
    assert!(seen(&intel, "192.0.2.1").kinds.tor);
    folder.put("tor.txt", b"198.51.100.7\n198.51.100.8\n");
    assert_eq!(told(&intel), ["2 networks"]);
    assert!(!seen(&intel, "192.0.2.1").kinds.tor && seen(&intel, "198.51.100.7").kinds.tor);
    fs::remove_file(folder.at("tor.txt")).expect("it is ours");
    assert!(told(&intel)[0].contains("cannot be read"));
    assert!(told(&intel).is_empty() && seen(&intel, "198.51.100.7").kinds.tor, "what was read stays");
}

#[test]
fn another_configuration_is_taken_whole_or_not_at_all() {
    let folder = Folder::new();
    let of = |code: &str| v6(&[("192.0.2.0/24", country_of_maxmind(code))]);
    let file = folder.put("country.mmdb", &of("DE"));
    let intel = open(&smallest());
    let mut config = with(|config| config.geoip.country = vec![file]);
    config.geoip.asn = vec![folder.at("absent")];
    intel.configure(&config).expect_err("one file is absent");
    assert_eq!(country(&intel, "192.0.2.1"), None, "everything as before");
    config.geoip.asn.clear();
    intel.configure(&config).expect("good");
    assert_eq!(country(&intel, "192.0.2.1").as_deref(), Some("DE"));
}

#[test]
fn passwords_are_looked_up_in_the_operators_filter_too() {
    let folder = Folder::new();
    let out = folder.at("breached");
    let mut builder = breached::Builder::new(&out, 0).expect("writable");
    builder.add_password(&Secret::new("xK9#mQ2$vL-leaked".to_owned())).expect("writable");
    builder.finish(BUILT).expect("made");
    let intel = open(&with(|config| config.passwords.breached = vec![out.clone()]));
    let quality = intel.password(&Secret::new("xK9#mQ2$vL-leaked".to_owned()), &["alice"]);
    assert_eq!(quality, PasswordQuality { weak: false, breached: true });
    let source = intel.sources(NOW).into_iter().find(|source| source.path.as_ref() == Some(&out)).expect("in use");
    assert_eq!((source.entries, source.built), (Some(1), Some(BUILT)));
    fs::write(&out, "no filter").expect("writable");
    assert!(matches!(&intel.reload_changed(NOW)[..], [Reloaded::Refused(_)]));
}
