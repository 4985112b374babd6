//! The configuration reader against whole files: `tests/config/good` is taken, each file in `tests/config/bad` has one
//! mistake, and `tests/config/bad.txt` says in which words it is reported.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use mailward::config::{self, Config, Mistakes, Mode, Upgrades, WhenSilent};
use mailward::domain::{Limit, Secret, Timestamp};
use mailward::intel::Intel;
use mailward::intel::breached::Builder;
use mmdb_writer::{IpVersion, Value, Writer};

/// 1 December 2026.
const NOW: Timestamp = Timestamp::from_millis(1_796_083_200_000);

/// Relative paths in the test files begin in their own folders, which lie side by side.
const BASE: &str = "tests/config";

fn parse(text: &str) -> Result<Config, Mistakes> {
    config::parse(text, "mailward.toml", Path::new("tests/config/good"), NOW)
}

fn files_in(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(BASE).join(folder)).expect("the folder is in the repository");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn name(path: &Path) -> String {
    path.file_stem().expect("files have names").to_string_lossy().into_owned()
}

/// Compares with a file of the repository; with `UPDATE_DOCS` set, writes it.
fn is_current(path: &str, made: impl AsRef<[u8]>) {
    let made = made.as_ref();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, made).expect("the repository is writable when it is updated");
    }
    let kept = fs::read(path).unwrap_or_default();
    assert!(kept == made, "{path} is not current; run: UPDATE_DOCS=1 cargo test --test it reference");
}

#[test]
fn good_files_are_taken_without_a_warning() {
    for path in files_in("good") {
        let text = fs::read_to_string(&path).expect("readable");
        let config = parse(&text).unwrap_or_else(|mistakes| panic!("{}:\n{mistakes}", path.display()));
        assert!(config.warnings.is_empty(), "{}: {:?}", path.display(), config.warnings);
    }
}

#[test]
fn each_bad_file_is_refused_for_its_one_mistake_in_the_words_of_the_reference() {
    let mut said = String::new();
    for path in files_in("bad") {
        let text = fs::read_to_string(&path).expect("readable");
        let mistakes = parse(&text).expect_err("a bad file");
        assert_eq!(mistakes.mistakes.len(), 1, "{}:\n{mistakes}", path.display());
        for line in mistakes.mistakes.iter().map(ToString::to_string) {
            writeln!(said, "{}: {}", name(&path), line.trim_start_matches("mailward.toml:")).expect("a String");
        }
    }
    is_current("tests/config/bad.txt", said);
}

#[test]
fn all_bad_keys_are_reported_at_once_in_the_order_of_the_file() {
    let mistakes = parse(
        "mode = \"x\"\ncolour = 1\n[listen]\nhttps = [\"a\", \"b\"]\n[[site]]\nhosts = []\nwebmail = 7\n[send.limits]\nfamiliar_factor = 0\n",
    )
    .expect_err("full of mistakes");
    let lines: Vec<usize> =
        mistakes.mistakes.iter().map(|mistake| mistake.place.as_ref().expect("in the file").line).collect();
    assert_eq!(lines, [1, 2, 4, 4, 5, 6, 7, 9], "{mistakes}");
    assert!(mistakes.first().ends_with("(and 7 more)"), "{}", mistakes.first());
}

#[test]
fn every_syntax_error_is_reported_not_only_the_first() {
    let mistakes = parse("mode = enforce\n[listen\nhttps = [\"[::]:443\"]\nbody_max = 100MiB\n").expect_err("not TOML");
    assert!(mistakes.mistakes.len() >= 2, "{mistakes}");
}

#[test]
fn what_is_absent_has_the_documented_value() {
    let config = parse(&fs::read_to_string("tests/config/good/smallest.toml").expect("readable")).expect("good");
    let limits = |limits: &[Limit]| limits.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(config.data_dir, Path::new("/var/lib/mailward"));
    assert_eq!(config.key_file, Path::new("/var/lib/mailward/keys"));
    assert_eq!(config.control, Path::new("/var/lib/mailward/control.sock"));
    assert_eq!(config.events.file, Path::new("/var/lib/mailward/events.jsonl"));
    assert_eq!(config.events.keep, Duration::from_secs(180 * 86_400));
    assert_eq!(config.listen.https, ["[::]:443".parse().expect("an address")]);
    assert_eq!(config.listen.public_https_port, 443);
    assert_eq!(config.listen.admin, None);
    assert!(config.listen.forwarded_from.is_empty() && config.listen.proxy_protocol_from.is_empty());
    assert!(config.networks.bundled_lists && config.networks.lists.is_empty());
    assert_eq!(config.networks.campus_country, None);
    assert!(config.geoip.country.is_empty() && config.geoip.asn.is_empty() && config.geoip.city.is_empty());
    assert_eq!((config.geoip.warn_age.as_secs(), config.geoip.max_age.as_secs()), (90 * 86_400, 540 * 86_400));
    assert!(config.passwords.breached.is_empty());
    assert!(config.store.redis.is_empty());
    assert!((config.store.degraded_share - 0.5).abs() < f64::EPSILON);
    assert_eq!((config.store.timeout, config.store.prefix.as_str()), (Duration::from_millis(200), "mailward"));
    assert_eq!(limits(&config.sign_in.failures_per_account), ["2/m"]);
    assert_eq!(limits(&config.send.recipients_per_session), ["60/10m", "200/h"]);
    assert_eq!(config.send.recipients_per_message, 50);
    assert!((config.send.familiar_factor - 2.5).abs() < f64::EPSILON);
    let site = &config.sites[0];
    assert_eq!((&*site.name, site.base.as_str(), site.mode), ("webmail.example.edu", "/", Mode::Enforce));
    assert_eq!(site.session_cookie, site.webmail.session_cookie());
}

#[test]
fn what_is_written_is_what_holds() {
    let config = parse(&fs::read_to_string("tests/config/good/everything.toml").expect("readable")).expect("good");
    assert_eq!(config.data_dir, Path::new("tests/config/good/../files"));
    assert_eq!(config.mode, Mode::Observe);
    assert_eq!(config.sites.len(), 2);
    let (site, other) = (&config.sites[0], &config.sites[1]);
    assert_eq!(site.hosts, ["webmail.example.edu", "mail.example.edu"]);
    assert_eq!((site.mode, other.mode), (Mode::Enforce, Mode::Observe));
    assert_eq!((site.upgrades, other.upgrades), (Upgrades::Pass, Upgrades::Refuse));
    assert_eq!(other.tls, config.tls, "the same files under another site");
    assert_eq!(site.tls, None);
    for typed in ["alice", "A.Liddell", "a.liddell@EXAMPLE.edu", "wonderland"] {
        assert_eq!(site.accounts.fold(typed).as_str(), "alice", "{typed}");
    }
    assert!(config.sign_in.failures_per_account.is_empty(), "an empty list sets no limit");
    assert_eq!(config.sign_in.failing_accounts_per_prefix.len(), 1, "one limit needs no list");
    assert_eq!(config.listen.hsts_max_age, Duration::ZERO);
    let networks = &config.networks;
    assert_eq!(networks.campus_country.map(|country| country.to_string()).as_deref(), Some("DE"));
    assert!(!networks.bundled_lists);
    let lists: Vec<_> = networks.lists.iter().map(|list| (list.kind.name(), list.file.file_name())).collect();
    assert_eq!(lists, [("tor", Some("tor-exits.txt".as_ref())), ("vpn", Some("vpn.txt".as_ref()))]);
    assert_eq!((config.geoip.country.len(), config.geoip.asn.len(), config.geoip.city.len()), (2, 1, 1));
    assert_eq!((config.geoip.warn_age.as_secs(), config.geoip.max_age.as_secs()), (30 * 86_400, 365 * 86_400));
    assert_eq!(config.passwords.breached, [Path::new("tests/config/good/../files/breached")]);
    let store = &config.store;
    let shown: Vec<String> = store.redis.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["sentinels://10.0.0.1:26379/mymaster", "sentinels://10.0.0.2/mymaster"]);
    assert!(store.redis[0].has_password && store.redis[0].tls && !store.redis[0].on_loopback);
    assert!((store.degraded_share - 0.25).abs() < f64::EPSILON);
    assert_eq!((store.timeout, store.prefix.as_str()), (Duration::from_millis(500), "mw.test"));
    assert!(!format!("{config:?}").contains("40cret"), "no password is shown");
    let [spam, files] = &config.scanners[..] else { panic!("two scanners: {:?}", config.scanners) };
    assert_eq!(
        (&*spam.name, spam.kind.id(), spam.address.to_string()),
        ("rspamd", "rspamd", "127.0.0.1:11333".to_owned())
    );
    assert_eq!((spam.weights.spam, spam.weights.spam_likely, spam.weights.scanner_silent), (120, 50, 0));
    assert_eq!((spam.size_max, spam.at_once, spam.when_silent), (2 << 20, 8, WhenSilent::PassAndFlag));
    assert_eq!((&*files.name, files.size_max, files.time_limit), ("files", 100 << 20, Duration::from_secs(20)));
    assert_eq!((files.at_once, files.when_silent), (4, WhenSilent::HoldBack));
    let exception = &config.exceptions[0];
    assert!(exception.accounts.iter().any(|account| account.as_str() == "news"), "{:?}", exception.accounts);
    assert_eq!(exception.until.to_string(), "2027-07-01T00:00:00.000Z", "the end of that day");
    assert_eq!(exception.recipients_per_message, Some(500));
}

#[test]
fn what_is_probably_not_meant_is_a_warning_and_the_file_is_taken() {
    let smallest = fs::read_to_string("tests/config/good/smallest.toml").expect("readable");
    let second = smallest.replace("webmail.example.edu", "second.example.edu");
    let bare = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
    for (text, warns) in [
        (format!("{smallest}{second}"), "two sites share this upstream"),
        (bare.to_owned(), "self-signed"),
        (
            smallest.replace("webmail  =", "default_domain = \"a.example\"\nown_domains = [\"b.example\"]\nwebmail ="),
            "not among",
        ),
        (format!("{smallest}[listen]\nadmin_from = [\"0.0.0.0/0\"]\n"), "lets everybody ask"),
        (format!("{smallest}[networks]\ncampus = [\"::/0\"]\n"), "nobody is a stranger"),
        (format!("{smallest}[doors]\npostfix = \"127.0.0.1:10031\"\n"), "what people do there counts twice"),
        (
            format!("{smallest}[send.limits]\nmessages_per_account = [\"60/10m\", \"50/h\"]\n"),
            "\"60/10m\" is never met",
        ),
        (
            format!(
                "{smallest}[[exception]]\naccounts = [\"x\"]\nlimits = {{ recipients_per_message = 9 }}\nuntil = 2026-11-30\n"
            ),
            "has ended",
        ),
    ] {
        let config = parse(&text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes}"));
        let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.len() == 1 && warnings[0].contains(warns), "{warns}: {warnings:?}");
    }
}

#[test]
fn a_file_that_is_absent_not_text_or_far_too_large_is_refused_with_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writable");
        path
    };
    for (path, says) in [
        (folder.path().join("absent.toml"), "cannot be read"),
        (at("latin1.toml", b"# \xe9"), "not UTF-8"),
        (at("large.toml", &vec![b'#'; 1024 * 1024 + 1]), "larger than 1 MiB"),
    ] {
        let mistakes = config::read(&path, NOW).expect_err(says);
        assert!(mistakes.to_string().contains(says), "{mistakes}");
    }
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mailward.toml");
    let text = "data_dir = \"state\"\n[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
    fs::write(&path, text).expect("writable");
    let config = config::read(&path, NOW).expect("good");
    assert_eq!(config.data_dir, folder.path().join("state"));
    config.make_folders().expect("the folder is writable");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&config.data_dir).expect("made").permissions());
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_debug_form_of_a_configuration_names_files_and_holds_no_secret() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";
    let keys = folder.path().join("keys");
    fs::write(&keys, key).expect("writable");
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    let smallest = fs::read_to_string("tests/config/good/smallest.toml").expect("readable");
    let config = parse(&format!("key_file = {keys:?}\n{smallest}")).expect("good");
    let ring = config::keys::read(&config.key_file).expect("one key");
    let shown = format!("{config:?} {ring:?}");
    assert!(shown.contains("keys") && shown.contains("127.0.0.1:8081"), "{shown}");
    for secret in [key, "c2Vj", "secret", "115, 101, 99", "PRIVATE KEY"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[test]
fn whatever_stands_in_the_file_reading_it_never_panics() {
    use proptest::prelude::*;
    let words = proptest::sample::select(vec![
        "[[site]]",
        "[listen]",
        "\n",
        "=",
        "hosts",
        "\"a.example\"",
        "[",
        "]",
        "until",
        "2027-06-30",
        "{",
        "}",
        ",",
        "limits",
        "[[exception]]",
        "\"5/10m\"",
        "-1",
        "1e9",
        "ü",
        "\u{0}",
        "#",
        "'",
        "\"",
        "upstream",
        "\"http://x\"",
        "base",
    ]);
    proptest!(|(parts in proptest::collection::vec(words, 0..40))| {
        let _ = parse(&parts.join(" "));
    });
}

/// A database of one record, built a week before [`NOW`].
fn database(network: &str, record: Value) -> Vec<u8> {
    let version = if network.contains(':') { IpVersion::V6 } else { IpVersion::V4 };
    let built = UNIX_EPOCH + Duration::from_millis(NOW.as_millis()) - Duration::from_secs(7 * 86_400);
    let mut writer = Writer::builder("Test").ip_version(version).build_epoch(built).build();
    writer.insert_value(network.parse::<ipnet::IpNet>().expect("a network"), record).expect("insertable");
    writer.to_bytes().expect("small enough")
}

#[test]
fn the_databases_that_a_good_file_names_are_current_like_the_reference() {
    let country = || ("country", Value::map([("iso_code", Value::from("DE"))]));
    let location = Value::map([("latitude", Value::from(49.87)), ("longitude", Value::from(8.65))]);
    for (name, network, record) in [
        ("country-4.mmdb", "198.51.100.0/24", Value::map([country()])),
        ("country-6.mmdb", "2001:db8::/32", Value::map([country()])),
        ("asn.mmdb", "198.51.100.0/24", Value::map([("autonomous_system_number", Value::from(64_496_u32))])),
        ("city.mmdb", "198.51.100.0/24", Value::map([country(), ("location", location)])),
    ] {
        is_current(&format!("tests/config/files/{name}"), database(network, record));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut builder = Builder::new(&folder.path().join("breached"), 0).expect("writable");
    builder.add_password(&Secret::new("hunter2".to_owned())).expect("writable");
    builder.finish(NOW).expect("made");
    is_current("tests/config/files/breached", fs::read(folder.path().join("breached")).expect("made"));
    for path in files_in("good") {
        let config = config::read(&path, NOW).unwrap_or_else(|mistakes| panic!("{}:\n{mistakes}", path.display()));
        Intel::open(&config, NOW).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn the_generated_reference_is_current() {
    is_current("docs/configuration.md", config::schema::reference());
    is_current("docs/signals.md", config::schema::signals_reference());
    is_current("docs/holes.md", mailward::webmail::hole::reference());
    is_current("docs/events.md", mailward::telemetry::line::reference());
    is_current("docs/alerts.md", mailward::alert::words::reference());
    is_current("docs/metrics.md", mailward::telemetry::metrics::reference());
}
