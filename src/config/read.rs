//! From the text to [`Config`]: every table read, then what only shows when they are seen together.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeTable;

use super::challenge::read_challenge;
use super::desk::read_desk;
use super::doors::read_doors;
use super::mistake::{Mistakes, Place};
use super::pages::read_pages;
use super::reputation::read_reputation;
use super::scan::read_scanners;
use super::schema;
use super::source::Source;
use super::store::read_store;
use super::value::{self, Report, Section, Span, hint, list, parsed};
use super::{
    CertificateFiles, Config, Events, Exception, GeoIp, Listen, Mode, NetworkList, Networks, Passwords, SendLimits,
    SignInLimits, Site, Upgrades,
};
use super::{alert, risk};
use crate::domain::{Account, AccountFolding, Limit, PasswordFault, Timestamp};
use crate::webmail;

/// The longest configuration file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The longest alias file, in bytes: some two million aliases.
const ALIASES_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Mistakes reported from one alias file; the others are of the same kind.
const ALIAS_MISTAKES_MAX: usize = 20;

/// Lists of networks: each costs every look-up a search.
const NETWORK_LISTS_MAX: usize = 32;

/// Files for one purpose; more than two (IPv4 and IPv6 apart) are rare.
const FILES_MAX: usize = 8;

/// The longest path of a Unix socket (`sun_path` less the closing NUL).
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 107;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Where a Debian package or a systemd unit puts state.
const DATA_DIR: &str = "/var/lib/mailward";

/// Reads and checks a configuration file. `now` decides which exceptions have ended.
pub fn read(path: &Path, now: Timestamp) -> Result<Config, Mistakes> {
    let unreadable = |error: &std::io::Error| {
        Mistakes::unreadable(path, format!("cannot be read: {error}"), "name it with --config FILE")
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Mistakes::unreadable(path, "is larger than 1 MiB".into(), "it is hardly a configuration file"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Mistakes::unreadable(path, "is not UTF-8 text".into(), "save it as UTF-8"))?;
    parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")), now)
}

/// Reads and checks a configuration text. `file_name` stands in messages; relative paths begin at `base_dir`.
pub fn parse(text: &str, file_name: &str, base_dir: &Path, now: Timestamp) -> Result<Config, Mistakes> {
    let report = Report::new(text, file_name);
    let (table, broken) = DeTable::parse_recoverable(text);
    for error in &broken {
        let at = error.span().unwrap_or(0..0);
        report.mistake(&at, error.message(), "this is not TOML; texts stand in quotes, tables in brackets");
    }
    // What a broken line left out would be reported as missing: what is said about the rest must be true.
    let config = if broken.is_empty() {
        let top = Section::new(&report, &schema::TOP, table.get_ref(), 0..0);
        read_config(&top, Source::new(text, file_name, base_dir), now)
    } else {
        None
    };
    let (mistakes, warnings) = report.finish();
    match config {
        Some(config) if mistakes.is_empty() => Ok(Config { warnings, ..config }),
        _ => Err(complete(Mistakes { mistakes, warnings })),
    }
}

/// A configuration that could not be put together without a mistake being reported would be one of ours; it is still
/// refused, with words.
fn complete(mistakes: Mistakes) -> Mistakes {
    if mistakes.mistakes.is_empty() {
        return Mistakes::unreadable(Path::new("configuration"), "cannot be understood".into(), "please report this");
    }
    mistakes
}

fn read_config(top: &Section<'_, '_>, source: Source, now: Timestamp) -> Option<Config> {
    let base_dir = source.base_dir.clone();
    let base_dir = base_dir.as_path();
    let data_dir = top.get("data_dir", value::path(base_dir)).unwrap_or_else(|| DATA_DIR.into());
    check_folder(top, "data_dir", &data_dir);
    let mode = top.get("mode", parsed(value::mode)).unwrap_or(Mode::Enforce);
    let key_file = top.get("key_file", value::path(base_dir));
    if let Some(path) = &key_file {
        check_key_file(top, path);
    }
    let control = top.get("control", value::path(base_dir)).unwrap_or_else(|| data_dir.join("control.sock"));
    if control.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        top.report.mistake(
            &top.place("control"),
            format_args!("the path of the control socket is too long: {}", control.display()),
            format_args!("at most {SOCKET_PATH_BYTES_MAX} bytes; set \"control\" to a shorter one"),
        );
    }
    let events = read_events(&top.section("events", &schema::EVENTS), base_dir, &data_dir);
    let listen = read_listen(&top.section("listen", &schema::LISTEN));
    let tls = read_certificate(&top.section("tls", &schema::TLS), base_dir);
    let networks = read_networks(&top.section("networks", &schema::NETWORK), base_dir);
    let reputation = read_reputation(&top.section("reputation", &schema::REPUTATION));
    let geoip = read_geoip(&top.section("geoip", &schema::GEOIP), base_dir);
    let passwords_section = top.section("passwords", &schema::PASSWORDS);
    let passwords = read_passwords(&passwords_section, base_dir);
    let store = read_store(&top.section("store", &schema::STORE), base_dir);
    let sites = read_sites(top, base_dir, mode, tls.as_ref(), &listen);
    check_password_pages(&passwords_section, &passwords, &sites);
    let sign_in = read_sign_in(&top.section("sign_in", &schema::SIGN_IN).section("limits", &schema::SIGN_IN_LIMITS));
    let send = read_send(&top.section("send", &schema::SEND).section("limits", &schema::SEND_LIMITS));
    let exceptions = read_exceptions(top, &sites, &send, now);
    let risk = risk::read_risk(&top.section("risk", &schema::RISK));
    let pages = read_pages(&top.section("pages", &schema::PAGES), base_dir);
    let challenge = read_challenge(&top.section("challenge", &schema::CHALLENGE));
    let desk = read_desk(&top.section("desk", &schema::DESK), base_dir, &sites);
    let doors = read_doors(&top.section("doors", &schema::DOORS), base_dir, &sites, &listen);
    let rules = risk::read_rules(top, &sites, now);
    let mail = alert::read_mail(&top.section("mail", &schema::MAIL), base_dir);
    let sms = alert::read_sms(&top.section("sms", &schema::SMS), base_dir);
    let alerts = alert::read_alerts(top, base_dir, top.value("mail").is_some());
    let scanners = read_scanners(top);
    Some(Config {
        key_file: key_file.unwrap_or_else(|| data_dir.join("keys")),
        data_dir,
        control,
        events,
        listen,
        tls,
        sites,
        networks,
        geoip,
        reputation,
        doors,
        passwords,
        store,
        sign_in,
        send,
        exceptions,
        risk,
        pages,
        challenge,
        desk,
        rules,
        mail,
        sms,
        alerts,
        scanners,
        mode,
        warnings: Vec::new(),
        source,
    })
}

fn read_events(section: &Section<'_, '_>, base_dir: &Path, data_dir: &Path) -> Events {
    let file = section.get("file", value::path(base_dir)).unwrap_or_else(|| data_dir.join("events.jsonl"));
    if section.value("file").is_some() {
        check_parent(section, "file", &file);
    }
    let keep = value::duration(DAY..=DAY * 3_660, "from one day to ten years");
    Events { file, keep: section.get("keep", keep).unwrap_or(DAY * 180) }
}

fn read_listen(section: &Section<'_, '_>) -> Listen {
    let addresses = |name: &str, absent: &str| -> Vec<(SocketAddr, Span)> {
        section
            .get(name, list(parsed(value::socket)))
            .unwrap_or_else(|| absent.parse().map(|address| (address, section.place(name))).into_iter().collect())
    };
    let https = addresses("https", "[::]:443");
    let http = addresses("http", "[::]:80");
    let admin = section.get("admin", parsed(value::socket));
    if https.is_empty() && section.value("https").is_some() && !has_elements(section, "https") {
        section.report.mistake(&section.place("https"), "no HTTPS address", "name at least one, such as \"[::]:443\"");
    }
    let mut taken = HashSet::new();
    let admin_at = admin.map(|address| (address, section.place("admin")));
    for (address, span) in https.iter().chain(&http).chain(&admin_at) {
        // Port 0 asks for any free port: two of them never meet.
        if address.port() != 0 && !taken.insert(*address) {
            section.report.mistake(
                span,
                format_args!("{address} is listened on twice"),
                "give each of https, http and admin an address or port of its own",
            );
        }
    }
    let networks = |name: &str, absent: &[&str]| read_network_list(section, name, absent);
    let admin_from = networks("admin_from", &["127.0.0.0/8", "::1/128"]);
    if value::cover_everything(&admin_from) {
        section.report.warning(
            &section.place("admin_from"),
            "\"admin_from\" lets everybody ask for metrics",
            "list the networks of your monitoring",
        );
    }
    let believed = |name: &str, header: &str| {
        let believed = networks(name, &[]);
        if value::cover_everything(&believed) {
            section.report.mistake(
                &section.place(name),
                format_args!("{name:?} holds everybody, so everybody could claim any address in {header}"),
                "list the addresses of the proxies themselves",
            );
        }
        believed
    };
    let proxy_protocol_from = believed("proxy_protocol_from", "the PROXY header");
    let forwarded_from = believed("forwarded_from", "X-Forwarded-For");
    let admin_forwarded_from = believed("admin_forwarded_from", "X-Forwarded-For");
    let duration = |name: &str, least: Duration, most: Duration, spoken, absent| {
        section.get(name, value::duration(least..=most, spoken)).unwrap_or(absent)
    };
    let port = |name: &str| section.get(name, value::number32(1..=65_535)).and_then(|port| u16::try_from(port).ok());
    let second = Duration::from_secs(1);
    let short = "from one second to one hour";
    Listen {
        public_https_port: port("public_https_port")
            .or_else(|| https.first().map(|(address, _)| address.port()))
            .unwrap_or(443),
        https: https.into_iter().map(|(address, _)| address).collect(),
        http: http.into_iter().map(|(address, _)| address).collect(),
        admin,
        admin_from,
        admin_forwarded_from,
        public_admin_port: port("public_admin_port"),
        proxy_protocol_from,
        forwarded_from,
        connections_per_prefix: section.get("connections_per_prefix", value::number32(1..=1_000_000)).unwrap_or(256),
        connections: section.get("connections", value::number32(1..=10_000_000)).unwrap_or(16_384),
        new_connections_per_prefix: section
            .get("new_connections_per_prefix", value::limit)
            .unwrap_or(Limit { amount: 100, window: second }),
        requests_per_prefix: section
            .get("requests_per_prefix", value::limit)
            .unwrap_or(Limit { amount: 6_000, window: MINUTE }),
        requests_at_once_per_prefix: section
            .get("requests_at_once_per_prefix", value::number32(1..=1_000_000))
            .unwrap_or(64),
        body_max: section.get("body_max", parsed(value::size)).unwrap_or(100 << 20),
        header_timeout: duration("header_timeout", second, HOUR, short, second * 15),
        body_timeout: duration("body_timeout", second, HOUR, short, second * 30),
        idle_timeout: duration("idle_timeout", second, HOUR, short, second * 75),
        upstream_timeout: duration("upstream_timeout", second, HOUR, short, second * 180),
        stop_timeout: duration("stop_timeout", second, HOUR, short, second * 30),
        hsts_max_age: duration("hsts_max_age", Duration::ZERO, DAY * 3_660, "at most ten years", DAY * 180),
        workers: section
            .get("workers", value::number32(1..=1_024))
            .and_then(|workers| usize::try_from(workers).ok())
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
    }
}

pub(super) fn read_network_list(section: &Section<'_, '_>, name: &str, absent: &[&str]) -> Vec<IpNet> {
    section
        .get(name, list(parsed(value::network)))
        .map(|networks| networks.into_iter().map(|(network, _)| network).collect())
        .unwrap_or_else(|| absent.iter().filter_map(|network| network.parse().ok()).collect())
}

fn read_networks(section: &Section<'_, '_>, base_dir: &Path) -> Networks {
    let named = |name: &str| {
        let networks = read_network_list(section, name, &[]);
        if value::cover_everything(&networks) {
            section.report.warning(
                &section.place(name),
                format_args!("{name:?} holds every address, so nobody is a stranger and guessing is hardly limited"),
                "list your own networks only",
            );
        }
        networks
    };
    let lists = section.sections("list", &schema::NETWORK_LIST);
    if let Some(section) = lists.get(NETWORK_LISTS_MAX) {
        section.report.mistake(
            &section.span,
            format_args!("more than {NETWORK_LISTS_MAX} lists of networks"),
            "join those of the same kind",
        );
    }
    Networks {
        campus: named("campus"),
        trusted: named("trusted"),
        campus_country: section.get("campus_country", parsed(str::parse)),
        bundled_lists: section.get("bundled_lists", value::truth).unwrap_or(true),
        lists: lists.iter().filter_map(|section| read_network_file(section, base_dir)).collect(),
    }
}

fn read_network_file(section: &Section<'_, '_>, base_dir: &Path) -> Option<NetworkList> {
    let kind = section.required("kind", parsed(value::network_kind));
    let file = section.required("file", value::path(base_dir));
    if let Some(path) = &file {
        check_file(section, &section.place("file"), path, "expected a text file, one address or network a line");
    }
    Some(NetworkList { kind: kind?, file: file? })
}

fn read_geoip(section: &Section<'_, '_>, base_dir: &Path) -> GeoIp {
    let usual = GeoIp::default();
    let databases = |name: &str| read_files(section, name, base_dir, "expected a MaxMind database (.mmdb)");
    let age = |name: &str, absent: Duration| {
        section.get(name, value::duration(DAY..=DAY * 3_660, "from one day to ten years")).unwrap_or(absent)
    };
    let (warn_age, max_age) = (age("warn_age", usual.warn_age), age("max_age", usual.max_age));
    if warn_age > max_age {
        let written = if section.value("max_age").is_some() { "max_age" } else { "warn_age" };
        section.report.mistake(
            &section.place(written),
            format_args!(
                "warn_age is {} days and max_age {}: nobody would be warned before everything is unknown",
                warn_age.as_secs() / 86_400,
                max_age.as_secs() / 86_400
            ),
            "max_age is at least warn_age",
        );
    }
    GeoIp { country: databases("country"), asn: databases("asn"), city: databases("city"), warn_age, max_age }
}

fn read_passwords(section: &Section<'_, '_>, base_dir: &Path) -> Passwords {
    let usual = Passwords::default();
    let faults = section.get("ask_to_change", list(parsed(password_fault))).unwrap_or_default();
    Passwords {
        breached: read_files(section, "breached", base_dir, "make it with: mailward breach build"),
        range_service: section.get("range_service", parsed(value::range_service)),
        ask_to_change: faults.into_iter().map(|(fault, _)| fault).collect(),
        grace: section
            .get("grace", value::duration(Duration::ZERO..=DAY * 365, "at most 365 days"))
            .unwrap_or(usual.grace),
        change_at: section.get("change_at", parsed(value::page_address)),
        open_locks_at_change: section.get("open_locks_at_change", value::truth).unwrap_or(usual.open_locks_at_change),
    }
}

fn password_fault(text: &str) -> Result<PasswordFault, &'static str> {
    PasswordFault::from_name(text).ok_or("expected \"breached\" or \"weak\"")
}

/// Whoever is asked for a new password must be led to where it is changed.
fn check_password_pages(section: &Section<'_, '_>, passwords: &Passwords, sites: &[Arc<Site>]) {
    if passwords.ask_to_change.is_empty() || passwords.change_at.is_some() {
        return;
    }
    for site in sites.iter().filter(|site| site.webmail.password_page().is_none()) {
        section.report.mistake(
            &section.place("ask_to_change"),
            format_args!("people at {} would be asked to change their password, and not know where", site.name),
            "add: change_at = \"https://…\"",
        );
    }
}

/// One file or a list of them, each of which is there.
fn read_files(section: &Section<'_, '_>, name: &str, base_dir: &Path, allowed: &str) -> Vec<PathBuf> {
    let files = section.get(name, value::one_or_more(value::path(base_dir))).unwrap_or_default();
    if files.len() > FILES_MAX {
        section.report.mistake(
            &section.place(name),
            format_args!("{} files in {name:?}", files.len()),
            format_args!("at most {FILES_MAX}"),
        );
    }
    for (path, span) in &files {
        check_file(section, span, path, allowed);
    }
    files.into_iter().map(|(path, _)| path).collect()
}

/// Only that it is there: what is in it is found when it is read.
pub(super) fn check_file(section: &Section<'_, '_>, span: &Span, path: &Path, allowed: &str) {
    match fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => section.report.mistake(span, format_args!("{} is not a file", path.display()), allowed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            section.report.mistake(span, format_args!("{} does not exist", path.display()), allowed);
        }
        Err(error) => section.report.warning(
            span,
            format_args!("{} cannot be read by you: {error}", path.display()),
            "run this as the gateway's user to be sure",
        ),
    }
}

/// `certificate` and `key` of a table: both or none.
pub(super) fn read_certificate(section: &Section<'_, '_>, base_dir: &Path) -> Option<CertificateFiles> {
    let certificate = section.get("certificate", value::path(base_dir));
    let key = section.get("key", value::path(base_dir));
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
        if section.value(one).is_some() && section.value(other).is_none() {
            section.report.mistake(
                &section.place(one),
                format_args!("{} has {one:?} but no {other:?}", section.schema.spoken()),
                format_args!("add: {other} = \"…\""),
            );
        }
    }
    if let Some(path) = &certificate {
        check_pem(section, "certificate", path, "-----BEGIN CERTIFICATE-----", "certificate");
    }
    if let Some(path) = &key {
        check_pem(section, "key", path, "PRIVATE KEY-----", "private key");
    }
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

fn read_sites(
    top: &Section<'_, '_>,
    base_dir: &Path,
    mode: Mode,
    tls: Option<&CertificateFiles>,
    listen: &Listen,
) -> Vec<Arc<Site>> {
    let sections = top.sections("site", &schema::SITE);
    if sections.is_empty() && top.value("site").is_none() {
        top.report.mistake(
            &top.span,
            "no [[site]]",
            "add one for each webmail: [[site]] with hosts, upstream and webmail",
        );
    }
    let mut hosts_taken: HashMap<String, usize> = HashMap::new();
    let mut upstreams_taken: HashMap<String, usize> = HashMap::new();
    let mut sites = Vec::new();
    for (number, section) in sections.iter().enumerate() {
        let site = read_site(section, base_dir, mode, listen, (number, &mut hosts_taken), &mut upstreams_taken);
        if let Some(site) = site {
            if tls.is_none() && site.tls.is_none() {
                section.report.warning(
                    &section.span,
                    format_args!("{} has no certificate, so a self-signed one is made and browsers warn", site.name),
                    "set certificate and key, here or in [tls]",
                );
            }
            sites.push(Arc::new(site));
        }
    }
    sites
}

fn read_site(
    section: &Section<'_, '_>,
    base_dir: &Path,
    mode: Mode,
    listen: &Listen,
    (number, hosts_taken): (usize, &mut HashMap<String, usize>),
    upstreams_taken: &mut HashMap<String, usize>,
) -> Option<Site> {
    let report = section.report;
    let hosts = section.required("hosts", list(parsed(value::host)));
    if hosts.as_ref().is_some_and(Vec::is_empty) && !has_elements(section, "hosts") {
        report.mistake(&section.place("hosts"), "no host name", "name at least one, such as [\"webmail.example.edu\"]");
    }
    for (host, span) in hosts.iter().flatten() {
        match hosts_taken.insert(host.clone(), number) {
            Some(other) if other == number => {
                report.mistake(span, format_args!("{host:?} stands here twice"), "take one out");
            }
            Some(_) => report.mistake(
                span,
                format_args!("two sites share the host name {host:?}"),
                "each host name belongs to one site",
            ),
            None => {}
        }
    }
    let upstream = section.required("upstream", parsed(value::upstream));
    if let Some(upstream) = &upstream {
        let span = section.place("upstream");
        if is_mailward_itself(upstream, listen) {
            report.mistake(
                &span,
                format_args!("{upstream} is where Mailward itself listens"),
                "the webmail needs an address or port of its own",
            );
        }
        if upstreams_taken.insert(upstream.to_string(), number).is_some() {
            report.warning(
                &span,
                "two sites share this upstream: a session of one is a session of the other",
                "list both host names in one [[site]], unless the webmail tells them apart by Host",
            );
        }
    }
    let webmail = section.required("webmail", parsed(read_webmail));
    let default_domain = section.get("default_domain", parsed(value::domain));
    let aliases = section.get("aliases", value::path(base_dir)).map(|path| {
        read_aliases(
            report,
            &section.place("aliases"),
            &path,
            &AccountFolding { default_domain: default_domain.clone(), aliases: HashMap::new() },
        )
    });
    let own_domains = section.get("own_domains", list(parsed(value::domain))).unwrap_or_default();
    if let Some(domain) = &default_domain
        && !own_domains.is_empty()
        && !own_domains.iter().any(|(own, _)| own == domain)
    {
        report.warning(
            &section.place("own_domains"),
            format_args!("the default domain {domain:?} is not among \"own_domains\""),
            "recipients there would count as external; add it",
        );
    }
    let entry_points = section.get("entry_points", list(parsed(value::entry_point))).unwrap_or_default();
    let session_cookie = section.get("session_cookie", parsed(value::cookie_name));
    let holes = webmail.map(webmail::Webmail::holes).unwrap_or_default();
    let holes_open = section.get("holes_open", list(parsed(|rule: &str| read_hole(rule, holes)))).unwrap_or_default();
    let site = Site {
        name: "".into(),
        hosts: Vec::new(),
        upstream: http::Uri::from_static("http://localhost"),
        webmail: webmail?,
        mode: section.get("mode", parsed(value::mode)).unwrap_or(mode),
        tls: read_certificate(section, base_dir),
        base: section.get("base", parsed(value::base)).unwrap_or_else(|| "/".into()),
        own_domains: own_domains.into_iter().map(|(domain, _)| domain).collect(),
        accounts: AccountFolding { default_domain, aliases: aliases.unwrap_or_default() },
        session_cookie: session_cookie.unwrap_or_default(),
        entry_points: entry_points.into_iter().map(|(path, _)| path).collect(),
        limits_pages: section.get("response_headers", parsed(read_response_headers)).unwrap_or(true),
        holes_open: holes_open.into_iter().map(|(rule, _)| rule).collect(),
        php_max_input_vars: section
            .get("php_max_input_vars", value::number32(1..=1_000_000))
            .map_or(1_000, |vars| vars as usize),
        upgrades: section.get("upgrades", parsed(read_upgrades)).unwrap_or(Upgrades::Refuse),
        session_idle: section
            .get("session_idle", value::duration(MINUTE * 10..=DAY * 31, "from ten minutes to 31 days"))
            .unwrap_or(DAY),
        helpdesk: section.get("helpdesk", parsed(value::short_text)),
    };
    let hosts: Vec<String> = hosts?.into_iter().map(|(host, _)| host).collect();
    Some(Site {
        name: hosts.first()?.as_str().into(),
        hosts,
        upstream: upstream?,
        session_cookie: match site.session_cookie.as_str() {
            "" => site.webmail.session_cookie().to_owned(),
            configured => configured.to_owned(),
        },
        ..site
    })
}

fn has_elements(section: &Section<'_, '_>, name: &str) -> bool {
    section.value(name).and_then(|value| value.get_ref().as_array()).is_some_and(|array| !array.is_empty())
}

fn read_webmail(id: &str) -> Result<&'static dyn webmail::Webmail, String> {
    webmail::by_id(id).ok_or_else(|| {
        let known = webmail::ALL.iter().map(|webmail| webmail.id());
        let quoted: Vec<String> = known.clone().map(|id| format!("{id:?}")).collect();
        format!("expected {}{}", quoted.join(" or "), hint(id, known))
    })
}

fn read_hole(rule: &str, holes: &'static [webmail::hole::Hole]) -> Result<&'static str, String> {
    holes
        .iter()
        .map(|hole| hole.rule)
        .find(|known| *known == rule)
        .ok_or_else(|| format!("expected a rule of this webmail{}", hint(rule, holes.iter().map(|hole| hole.rule))))
}

/// Whether answers carry what limits script in the product's pages.
fn read_response_headers(text: &str) -> Result<bool, &'static str> {
    match text {
        "strict" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected \"strict\" or \"off\""),
    }
}

fn read_upgrades(text: &str) -> Result<Upgrades, &'static str> {
    match text {
        "refuse" => Ok(Upgrades::Refuse),
        "pass" => Ok(Upgrades::Pass),
        _ => Err("expected \"refuse\" or \"pass\""),
    }
}

/// Whether requests sent to `upstream` would come back to one of our own listeners. Names other than `localhost` are
/// not looked up: `check` asks no network.
fn is_mailward_itself(upstream: &http::Uri, listen: &Listen) -> bool {
    let host = upstream.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = upstream.port_u16().unwrap_or(if upstream.scheme_str() == Some("https") { 443 } else { 80 });
    let address = match host.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) if host.eq_ignore_ascii_case("localhost") => IpAddr::from([127, 0, 0, 1]),
        Err(_) => return false,
    };
    listen
        .https
        .iter()
        .chain(&listen.http)
        .chain(&listen.admin)
        .any(|own| own.port() == port && (own.ip() == address || (own.ip().is_unspecified() && address.is_loopback())))
}

/// `alias account` a line, both folded like typed names, so that every spelling of an alias is found.
fn read_aliases(report: &Report<'_>, span: &Span, path: &Path, folding: &AccountFolding) -> HashMap<String, String> {
    let text = match read_bounded(path, ALIASES_BYTES_MAX) {
        Ok(text) => text,
        Err(why) => {
            report.mistake(
                span,
                format_args!("{} {why}", path.display()),
                "expected a text file, \"alias account\" a line",
            );
            return HashMap::new();
        }
    };
    let mut aliases: HashMap<String, String> = HashMap::new();
    let mut wrong = 0;
    let mut begin = 0;
    let mut complain = |line_span: Span, found: String, allowed: &str| {
        wrong += 1;
        if wrong <= ALIAS_MISTAKES_MAX {
            report.mistake_in(span, path, Place::of(&text, line_span), found, allowed);
        }
    };
    for line in text.split_inclusive('\n') {
        let line_span = begin..begin + line.trim_end().len();
        begin += line.len();
        let said = line.split('#').next().unwrap_or_default();
        match said.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            [alias, account] => {
                let (alias, account) = (folding.fold(alias), folding.fold(account));
                if alias == account {
                    continue;
                }
                let before = aliases.insert(alias.as_str().to_owned(), account.as_str().to_owned());
                if before.is_some_and(|before| before != account.as_str()) {
                    complain(line_span, format!("{alias} is an alias of two accounts"), "an alias names one account");
                }
            }
            _ => complain(line_span, "not an alias".into(), "expected \"alias account\", two words"),
        }
    }
    let chained = aliases.iter().find(|(_, account)| aliases.contains_key(*account));
    if let Some((alias, account)) = chained {
        let at = text.find(account.as_str()).unwrap_or(0);
        complain(
            at..at + account.len(),
            format!("{alias} is an alias of {account}, which is itself an alias"),
            "name the account in both lines",
        );
    }
    aliases
}

fn read_sign_in(section: &Section<'_, '_>) -> SignInLimits {
    let limits = |name: &str, absent: &[Limit]| read_limits(section, name, absent);
    SignInLimits {
        failures_per_account_and_prefix: limits("failures_per_account_and_prefix", &[per(5, MINUTE * 10)]),
        failing_accounts_per_prefix: limits("failing_accounts_per_prefix", &[per(5, HOUR)]),
        failures_per_account: limits("failures_per_account", &[per(2, MINUTE)]),
        failures_per_site_before_slowing: limits("failures_per_site_before_slowing", &[per(60, MINUTE)]),
    }
}

const fn per(amount: u32, window: Duration) -> Limit {
    Limit { amount, window }
}

fn read_limits(section: &Section<'_, '_>, name: &str, absent: &[Limit]) -> Vec<Limit> {
    section
        .get(name, value::limits)
        .map(|limits| limits.into_iter().map(|(limit, _)| limit).collect())
        .unwrap_or_else(|| absent.to_vec())
}

/// The limits on recipients that one message must fit.
const RECIPIENT_WINDOWS: [&str; 4] =
    ["recipients_per_session", "recipients_per_account", "recipients_per_prefix", "recipients_per_site"];

fn read_send(section: &Section<'_, '_>) -> SendLimits {
    let limits = |name: &str, absent: &[Limit]| read_limits(section, name, absent);
    let send = SendLimits {
        recipients_per_message: section.get("recipients_per_message", value::number32(1..=1_000_000)).unwrap_or(50),
        recipients_per_session: limits("recipients_per_session", &[per(60, MINUTE * 10), per(200, HOUR)]),
        recipients_per_account: limits("recipients_per_account", &[per(200, HOUR), per(600, DAY)]),
        recipients_per_prefix: limits("recipients_per_prefix", &[]),
        recipients_per_site: limits("recipients_per_site", &[]),
        messages_per_session: limits("messages_per_session", &[per(30, MINUTE)]),
        messages_per_account: limits("messages_per_account", &[]),
        messages_per_prefix: limits("messages_per_prefix", &[]),
        messages_per_site: limits("messages_per_site", &[]),
        familiar_factor: section.get("familiar_factor", value::factor(1.0..=100.0)).unwrap_or(2.5),
        alert_messages_per_account: limits("alert_messages_per_account", &[per(100, MINUTE * 5)]),
        networks_per_account: read_many_places(section, "networks_per_account", per(3, MINUTE * 5)),
        countries_per_account: read_many_places(section, "countries_per_account", per(2, MINUTE * 5)),
        first_written_on_new_device: limits("first_written_on_new_device", &[per(25, DAY)]),
    };
    check_message_fits(section, send.recipients_per_message, |name| recipients(&send, name).to_vec());
    send
}

/// From how many places at once is too many; `"none"` where it does not matter.
fn read_many_places(section: &Section<'_, '_>, name: &str, absent: Limit) -> Option<Limit> {
    let read = |text: &str| match text {
        "none" => Ok(None),
        text => match text.parse::<Limit>() {
            Ok(limit) if limit.amount >= 2 => Ok(Some(limit)),
            Ok(_) => Err("one place is where everybody sends from: at least 2, or \"none\"".to_owned()),
            Err(error) => Err(format!("{error}, or \"none\"")),
        },
    };
    section.get(name, parsed(read)).unwrap_or(Some(absent))
}

fn recipients<'s>(send: &'s SendLimits, name: &str) -> &'s [Limit] {
    match name {
        "recipients_per_session" => &send.recipients_per_session,
        "recipients_per_account" => &send.recipients_per_account,
        "recipients_per_prefix" => &send.recipients_per_prefix,
        _ => &send.recipients_per_site,
    }
}

/// A message that no window ever lets pass would be refused for ever with "try again later".
fn check_message_fits(section: &Section<'_, '_>, per_message: u32, windows: impl Fn(&str) -> Vec<Limit>) {
    for name in RECIPIENT_WINDOWS {
        let Some(limit) = windows(name).into_iter().find(|limit| limit.amount < per_message) else { continue };
        // Point at what was written; defaults alone never collide.
        let written = section.schema.knows(name) && section.value(name).is_some();
        let span = section.place(if written { name } else { "recipients_per_message" });
        section.report.mistake(
            &span,
            format_args!("recipients_per_message is {per_message}, but {name} \"{limit}\" never lets so many pass"),
            format_args!("set recipients_per_message to at most {}, or raise {name}", limit.amount),
        );
    }
}

fn read_exceptions(top: &Section<'_, '_>, sites: &[Arc<Site>], send: &SendLimits, now: Timestamp) -> Vec<Exception> {
    let mut taken = HashSet::new();
    let mut exceptions = Vec::new();
    for section in top.sections("exception", &schema::EXCEPTION) {
        let report = section.report;
        let typed = section.required("accounts", list(value::text)).unwrap_or_default();
        if typed.is_empty() && section.value("accounts").is_some() && !has_elements(&section, "accounts") {
            report.mistake(&section.place("accounts"), "no account", "name at least one");
        }
        let mut accounts: Vec<Account> = Vec::new();
        for (name, span) in typed {
            let mut folded: Vec<Account> = sites.iter().map(|site| site.accounts.fold(name)).collect();
            folded.sort();
            folded.dedup();
            if folded.iter().any(|account| account.as_str().is_empty()) {
                report.mistake(&span, format_args!("{name:?} is no account"), "expected a login name");
            }
            for account in folded {
                if !taken.insert(account.clone()) {
                    report.mistake(
                        &span,
                        format_args!("{account} has two exceptions"),
                        "an account may stand in one [[exception]] only",
                    );
                }
                accounts.push(account);
            }
        }
        if section.value("limits").is_none() {
            report.mistake(
                &section.span,
                "[[exception]] has no \"limits\"",
                "add: limits = { recipients_per_message = 500 }",
            );
        }
        let limits = section.section("limits", &schema::EXCEPTION_LIMITS);
        let recipients_per_message = limits.get("recipients_per_message", value::number32(1..=1_000_000));
        let own: Vec<(&'static str, Vec<Limit>)> = limits
            .schema
            .keys
            .iter()
            .map(|key| key.name)
            .filter(|name| *name != "recipients_per_message" && limits.value(name).is_some())
            .map(|name| (name, read_limits(&limits, name, &[])))
            .collect();
        let until = section.required("until", value::end_of);
        if until.is_some_and(|until| until <= now) {
            report.warning(
                &section.place("until"),
                "this exception has ended; the general limits hold again",
                "set a later \"until\", or take the exception out",
            );
        }
        if limits.value("recipients_per_message").is_some() || !own.is_empty() {
            check_message_fits(&limits, recipients_per_message.unwrap_or(send.recipients_per_message), |name| {
                let replaced = own.iter().find(|(replaced, _)| *replaced == name);
                replaced.map_or_else(|| recipients(send, name).to_vec(), |(_, limits)| limits.clone())
            });
        }
        if let Some(until) = until {
            exceptions.push(Exception { accounts, recipients_per_message, limits: own, until });
        }
    }
    exceptions
}

/// A folder that exists, or whose parent does so that it can be made.
fn check_folder(section: &Section<'_, '_>, name: &str, path: &Path) {
    let found = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return,
        Ok(_) => format!("{} is not a folder", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if folder_of(path).is_dir() {
                return;
            }
            format!("{} does not exist, nor does the folder it is in", path.display())
        }
        // `check` may run as somebody else than the gateway; `doctor` and the start find out.
        Err(_) => return,
    };
    section.report.mistake(
        &section.place(name),
        found,
        format_args!("make the folder, or set {name:?} to another one"),
    );
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn check_parent(section: &Section<'_, '_>, name: &str, path: &Path) {
    let folder = folder_of(path);
    if fs::metadata(&folder).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        section.report.mistake(
            &section.place(name),
            format_args!("the folder {} does not exist", folder.display()),
            "make it, or name another file",
        );
    }
}

fn check_key_file(top: &Section<'_, '_>, path: &Path) {
    if fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        // Made silently, a second gateway or a typing error would get other keys, and every session would end.
        top.report.mistake(
            &top.place("key_file"),
            format_args!("{} does not exist", path.display()),
            format_args!(
                "make it: (umask 077; openssl rand -base64 32 > {0}), or take \"key_file\" out and it is made in data_dir",
                path.display()
            ),
        );
        return;
    }
    if let Err(error) = super::keys::read(path)
        && !matches!(&error, super::keys::KeyFileError::Read { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied)
    {
        top.report.mistake(&top.place("key_file"), error, "expected base64 of 32 bytes a line, newest first");
    }
}

/// Only that the file is there and of the right kind: whether key and certificate fit is found when they are loaded.
pub(super) fn check_pem(section: &Section<'_, '_>, name: &str, path: &Path, mark: &str, spoken: &str) {
    const PEM_BYTES_MAX: u64 = 1024 * 1024;
    let found = match read_bounded(path, PEM_BYTES_MAX) {
        Ok(text) if text.contains(mark) => return,
        Ok(_) => format!("{} holds no {spoken}", path.display()),
        // Private keys are often readable by the gateway's user only.
        Err(why) if why.denied => {
            section.report.warning(
                &section.place(name),
                format_args!("{} cannot be read by you; the gateway may still be able to", path.display()),
                "run this as the gateway's user to be sure",
            );
            return;
        }
        Err(why) => format!("{} {why}", path.display()),
    };
    section.report.mistake(&section.place(name), found, format_args!("expected a file with a PEM {spoken}"));
}

/// Why a file that the configuration names cannot be read.
struct Unreadable {
    denied: bool,
    what: String,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

fn read_bounded(path: &Path, bytes_max: u64) -> Result<String, Unreadable> {
    let because = |error: std::io::Error| Unreadable {
        denied: error.kind() == std::io::ErrorKind::PermissionDenied,
        what: match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist".into(),
            _ => format!("cannot be read: {error}"),
        },
    };
    let file = fs::File::open(path).map_err(because)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(because)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Unreadable { denied: false, what: format!("is larger than {} MiB", bytes_max >> 20) });
    }
    String::from_utf8(bytes).map_err(|_| Unreadable { denied: false, what: "is not UTF-8 text".into() })
}
