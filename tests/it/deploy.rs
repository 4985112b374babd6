//! What administrators copy from `deploy/` must be right: the units, and the example configuration in both readings —
//! as it is delivered, and with every key taken out of its comment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use mailward::domain::{Account, Event, EventKind, NetworkClass, Timestamp};
use mailward::telemetry::line;

use crate::stack::{Gateway, Settings, Stack, binary};

fn deployed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).expect("part of the repository")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The units with this build in place of `/usr/bin/mailward`, which the checks want to find.
fn units(folder: &Path) -> [std::path::PathBuf; 2] {
    ["mailward.service", "mailward.socket"].map(|name| {
        let unit = folder.join(name);
        let text = deployed(name).replace("/usr/bin/mailward", &binary().display().to_string());
        fs::write(&unit, text).expect("a folder of our own");
        unit
    })
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checked = Command::new("systemd-analyze")
        .arg("verify")
        .args(units(folder.path()))
        .output()
        .expect("systemd-analyze is installed by tests/run");
    assert!(checked.status.success() && said(&checked).trim().is_empty(), "{}", said(&checked));
}

#[test]
fn systemd_finds_the_service_hardly_exposed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [service, _] = units(folder.path());
    // 20 of 100: systemd's own scale calls everything below 40 "OK".
    let checked = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(service)
        .output()
        .expect("systemd-analyze is installed by tests/run");
    assert!(checked.status.success(), "{}", said(&checked));
}

#[tokio::test]
async fn mailward_takes_the_ports_that_systemd_opened() {
    // The sockets are bound without SO_REUSEPORT: a Mailward that opened its own would fail.
    let gateway = Gateway::start_activated(Stack::shared().web(), &Settings::new()).await;
    assert_eq!(gateway.client().get("/").await.status, 200);
    assert_eq!(gateway.plain_client().get("/").await.status, 308);
}

/// Runs `mailward check` on a configuration whose certificate files exist.
fn check(text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(vec!["webmail.example.edu".to_owned()]).expect("it is a name");
    for name in ["fullchain.pem", "webmail-fullchain.pem", "desk.pem", "redis-ca.pem"] {
        fs::write(folder.path().join(name), made.cert.pem()).expect("a folder of our own");
    }
    for name in ["privkey.pem", "webmail-privkey.pem", "desk.key"] {
        fs::write(folder.path().join(name), made.signing_key.serialize_pem()).expect("a folder of our own");
    }
    fs::write(folder.path().join("aliases.txt"), "a.lice alice\n").expect("a folder of our own");
    for secret in ["mail-password", "hook-secret", "sms-secret", "dovecot-key", "openid-secret"] {
        fs::write(folder.path().join(secret), "a secret\n").expect("a folder of our own");
    }
    for (known, named) in [
        ("country-4.mmdb", "GeoLite2-Country.mmdb"),
        ("asn.mmdb", "GeoLite2-ASN.mmdb"),
        ("city.mmdb", "GeoLite2-City.mmdb"),
        ("vpn.txt", "vpn.txt"),
        ("breached", "breached"),
    ] {
        let known = Path::new("tests/config/files").join(known);
        fs::copy(known, folder.path().join(named)).expect("a folder of our own");
    }
    let at = folder.path().display().to_string();
    let keys = folder.path().join("keys");
    fs::write(&keys, "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").expect("a folder of our own");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("it is ours");
    fs::create_dir_all(folder.path().join("mailward/data")).expect("a folder of our own");
    let mut text = text.to_owned();
    for there in ["/etc/mailward", "/var/lib/GeoIP", "/var/lib/mailward", "/run/mailward", "/var/log/mailward"] {
        text = text.replace(there, &at);
    }
    fs::write(folder.path().join("logo.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
        .expect("a folder of our own");
    let file = folder.path().join("mailward.toml");
    fs::write(&file, text).expect("a folder of our own");
    Command::new(binary()).arg("check").arg("--config").arg(file).output().expect("the binary was built")
}

/// Takes every setting out of its comment. Prose has a space behind its `#`.
fn everything_set(text: &str) -> String {
    text.lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => setting,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_example_configuration_is_right_as_delivered() {
    let checked = check(&deployed("mailward.toml"));
    assert!(checked.status.success(), "{}", said(&checked));
}

#[test]
fn the_example_configuration_is_right_with_every_key_set() {
    let checked = check(&everything_set(&deployed("mailward.toml")));
    assert!(checked.status.success(), "{}", said(&checked));
}

#[test]
fn the_limits_in_the_example_are_the_defaults() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let read = |text: &str| {
        let file = folder.path().join("mailward.toml");
        fs::write(&file, text).expect("a folder of our own");
        mailward::config::read(&file, mailward::domain::Timestamp::from_millis(0)).expect("without mistakes")
    };
    let delivered = read(&deployed("mailward.toml"));
    let limits_set = everything_set(&deployed("mailward.toml"));
    let (_, limits_set) = limits_set.split_once("[sign_in.limits]").expect("the example has that table");
    let (limits_set, _) = limits_set.split_once("[[exception]]").expect("the example has that table");
    let minimal = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
    let set = read(&format!("{minimal}[sign_in.limits]{limits_set}"));
    assert_eq!(format!("{:?}{:?}", set.sign_in, set.send), format!("{:?}{:?}", delivered.sign_in, delivered.send));
}

#[test]
fn the_example_configuration_has_every_key() {
    let example = everything_set(&deployed("mailward.toml"));
    for table in mailward::config::schema::TABLES {
        for key in table.keys {
            let is_there = example.lines().any(|line| {
                let line = line.trim_start_matches(['[', ' ']);
                line.strip_prefix(key.name).is_some_and(|rest| rest.starts_with([' ', ']', '.']))
            });
            // Sub-tables without keys of their own, and tables that stand in one line of another.
            let elsewhere = ["limits", "sign_in", "send", "list", "openid"].contains(&key.name)
                || ["[exception.limits]", "[rule.when]", "[scanner.weights]"].contains(&table.header);
            assert!(is_there || elsewhere, "{} {}", table.header, key.name);
        }
    }
}

#[test]
fn the_configuration_of_the_try_out_is_right() {
    let text = format!("{}{}", deployed("try.toml"), deployed("try-squirrelmail.toml"))
        .replace("@PORT_WEB@", "8081")
        .replace("@PORT_SQUIRRELMAIL@", "8082")
        .replace("@DOMAIN@", "campus.example")
        .replace("@STATE@", "/etc/mailward");
    let checked = check(&text);
    assert!(checked.status.success(), "{}", said(&checked));
}

/// Addresses that a filter of `deploy/fail2ban` finds in these lines.
fn banned(lines: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let (filter, log) = (folder.path().join("mailward.conf"), folder.path().join("events.jsonl"));
    fs::write(&filter, deployed("fail2ban/filter.conf")).expect("a folder of our own");
    fs::write(&log, lines.concat()).expect("a folder of our own");
    let output = Command::new("fail2ban-regex").args(["--out", "ip"]).args([&log, &filter]).output();
    let output = output.expect("fail2ban is installed");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn fail2ban_finds_who_was_refused_and_nobody_can_name_another() {
    let event = |kind: EventKind, address: &str, network| Event {
        address: address.parse().ok(),
        network: Some(network),
        ..Event::new(Timestamp::from_millis(1_795_700_000_000), kind)
    };
    let forged = r#"x","address":"198.51.100.1","event":"sign_in_refused","network":"campus"#;
    let by_name = |event: Event| Event {
        account: Some(Account::from_canonical(forged)),
        user_agent: Some(forged.into()),
        ..event
    };
    let lines: Vec<String> = [
        event(EventKind::SignInRefused, "203.0.113.7", NetworkClass::Outside),
        by_name(event(EventKind::SignInRefused, "203.0.113.8", NetworkClass::Outside)),
        event(EventKind::RequestRefused { rule: "session id in query" }, "2001:db8::7", NetworkClass::Outside),
        event(EventKind::SignInRefused, "203.0.113.9", NetworkClass::Campus),
        by_name(event(EventKind::SignInFailed, "203.0.113.10", NetworkClass::Outside)),
        event(EventKind::SignInOk, "203.0.113.11", NetworkClass::Outside),
    ]
    .iter()
    .map(|event| line::json(event) + "\n")
    .collect();
    assert_eq!(banned(&lines), ["203.0.113.7", "203.0.113.8", "2001:db8::7"]);
}

#[test]
fn what_is_watched_exists() {
    let text = ["monitoring/alert-rules.yml", "monitoring/grafana-dashboard.json"].map(deployed).concat();
    let known = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).expect("it is there");
    let names =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("mailward_"));
    let mut count = 0;
    for name in names {
        assert!(known.contains(&format!("`{name}`")), "there is no metric {name}");
        count += 1;
    }
    assert!(count > 30, "{count}");
    let events: Vec<&str> = line::one_of_each().iter().map(EventKind::name).collect();
    for named in text.replace('\\', "").split("event=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(events.contains(&named), "there is no event {named}");
    }
    let parser = deployed("crowdsec/mailward-logs.yaml");
    for name in parser.split("in ['").nth(1).and_then(|rest| rest.split("']").next()).expect("a list").split("', '") {
        assert!(events.contains(&name), "there is no event {name}");
    }
}
