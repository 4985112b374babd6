//! `mailward check`: every mistake and warning, and in a few lines what the configuration means.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;

use ipnet::IpNet;

use super::{FAILED, explain, read, sources};
use crate::clock::Clock;
use crate::config::{Config, Mistake, Mistakes, Mode, Severity, WhenSilent};
use crate::domain::{Limit, Timestamp};
use crate::intel::{Intel, Source};

pub(super) fn run(path: &Path, clock: &Clock) -> ExitCode {
    let config = match read(path) {
        Ok(config) => config,
        Err(failed) => return failed,
    };
    let now = clock.now();
    let sources = match Intel::open(&config, now) {
        Ok(intel) => intel.sources(now),
        Err(error) => {
            eprintln!("{:#}\n\n1 mistake in a file that the configuration names", anyhow::Error::new(error));
            return ExitCode::from(FAILED);
        }
    };
    let mut warnings = config.warnings.clone();
    warnings.extend(sources.iter().filter_map(|source| {
        let told = sources::told(source, now);
        let file = path.display().to_string().into();
        Some(Mistake { severity: Severity::Warning, file, place: None, found: told.what, allowed: told.todo? })
    }));
    let count = warnings.len();
    if count > 0 {
        explain(&Mistakes { mistakes: Vec::new(), warnings });
        eprintln!();
    }
    print!("{}", summary(&config, &sources, now));
    match count {
        0 => println!("\nno mistake in {}", path.display()),
        1 => println!("\nno mistake in {}, but 1 warning above", path.display()),
        warnings => println!("\nno mistake in {}, but {warnings} warnings above", path.display()),
    }
    ExitCode::SUCCESS
}

/// What is in force.
fn summary(config: &Config, sources: &[Source], now: Timestamp) -> String {
    let mut said = String::new();
    let mut line = |name: &str, what: String| writeln!(said, "{name:<16}{what}").expect("a String takes everything");
    for site in &config.sites {
        line("site", site.hosts.join(", "));
        line("", format!("{} at {}, below {}", site.webmail.id(), site.upstream, site.base));
        let stops = match site.mode {
            Mode::Enforce => "enforce: limits stop people",
            Mode::Observe => "observe: limits are only recorded; nobody is stopped",
        };
        line("", format!("mode {stops}"));
        let certificate = site.tls.as_ref().or(config.tls.as_ref());
        line(
            "",
            match certificate {
                Some(files) => format!("certificate {}", files.certificate.display()),
                None => "certificate self-signed, made in data_dir".to_owned(),
            },
        );
        if let Some(domain) = &site.accounts.default_domain {
            line(
                "",
                format!("alice, ALICE and alice@{domain} are one account; {} aliases", site.accounts.aliases.len()),
            );
        }
    }
    line("listens", listed(config.listen.https.iter().map(|address| format!("https://{address}"))));
    if !config.listen.http.is_empty() {
        line("redirects", listed(config.listen.http.iter().map(|address| format!("http://{address}"))));
    }
    line(
        "admin",
        match config.listen.admin {
            Some(address) => format!("https://{address} for {}", networks(&config.listen.admin_from)),
            None => "none".to_owned(),
        },
    );
    if config.listen.admin.is_some() && !config.listen.admin_forwarded_from.is_empty() {
        line("", seen_client(&[], &config.listen.admin_forwarded_from));
    }
    line("client", seen_client(&config.listen.proxy_protocol_from, &config.listen.forwarded_from));
    line("campus", networks(&config.networks.campus));
    if !config.networks.trusted.is_empty() {
        line("trusted", networks(&config.networks.trusted));
    }
    if let Some(country) = config.networks.campus_country {
        line("", format!("campus is in {country}"));
    }
    for (place, source) in sources.iter().enumerate() {
        line(if place == 0 { "knows" } else { "" }, sources::told(source, now).what);
    }
    let store = &config.store;
    if store.redis.is_empty() {
        line("store", format!("embedded, in {}", config.data_dir.display()));
    } else {
        line("store", listed(store.redis.iter().map(ToString::to_string)));
        line("", format!("while it is away, {:.0} % of each limit here", store.degraded_share * 100.0));
    }
    line(
        "guessing",
        limits(&[
            ("per account and prefix", &config.sign_in.failures_per_account_and_prefix),
            ("accounts per prefix", &config.sign_in.failing_accounts_per_prefix),
            ("per account", &config.sign_in.failures_per_account),
        ]),
    );
    let send = &config.send;
    line(
        "recipients",
        format!(
            "{} per message; {}",
            send.recipients_per_message,
            limits(&[
                ("per session", &send.recipients_per_session),
                ("per account", &send.recipients_per_account),
                ("per prefix", &send.recipients_per_prefix),
                ("per site", &send.recipients_per_site),
            ])
        ),
    );
    line(
        "messages",
        limits(&[
            ("per session", &send.messages_per_session),
            ("per account", &send.messages_per_account),
            ("per prefix", &send.messages_per_prefix),
            ("per site", &send.messages_per_site),
        ]),
    );
    line("familiar", format!("session and account limits times {} on a device known for a day", send.familiar_factor));
    for exception in &config.exceptions {
        let accounts = listed(exception.accounts.iter().map(ToString::to_string));
        let state = if exception.until <= now { "ended" } else { "until" };
        line("exception", format!("{accounts}, {state} {}", exception.until));
    }
    for (place, scanner) in config.scanners.iter().enumerate() {
        let silent = match scanner.when_silent {
            WhenSilent::PassAndFlag => "passes messages",
            WhenSilent::HoldBack => "holds messages back",
        };
        let (name, limit) = (&scanner.name, scanner.time_limit.as_secs_f64());
        let said = format!("{name} ({}) at {}, {limit} s; while silent {silent}", scanner.kind.id(), scanner.address);
        line(if place == 0 { "scanners" } else { "" }, said);
    }
    let doors = &config.doors;
    let asks = doors.postfix.iter().map(|address| format!("Postfix at {address}"));
    let asks: Vec<String> = asks.chain(doors.dovecot.map(|address| format!("Dovecot at {address}"))).collect();
    if !asks.is_empty() {
        line("doors", format!("{}, about accounts of {}", listed(asks.into_iter()), doors.site));
        let [they, webmail] = [&doors.clients, &doors.from_webmail].map(|at| networks(at));
        line("", format!("they are at {they}; the webmail comes to them from {webmail}"));
    }
    line("data", config.data_dir.display().to_string());
    line("events", format!("{}, kept {} days", config.events.file.display(), config.events.keep.as_secs() / 86_400));
    said
}

/// Whom a request counts as, by example: the mistake that turns everybody into one client, or lets anybody be anyone,
/// is easier seen than explained.
fn seen_client(proxy_protocol_from: &[IpNet], forwarded_from: &[IpNet]) -> String {
    const PERSON: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
    let example = |from: &IpNet| from.hosts().next().unwrap_or(from.addr());
    let mut said = Vec::new();
    if let Some(from) = proxy_protocol_from.first() {
        let networks = networks(proxy_protocol_from);
        let from = example(from);
        said.push(format!("a connection from {from} must name its client in a PROXY header (so all from {networks})"));
    }
    if let Some(from) = forwarded_from.first() {
        let networks = networks(forwarded_from);
        let from = example(from);
        said.push(format!(
            "a connection from {from} with \"X-Forwarded-For: {PERSON}\" counts as {PERSON} (so all from {networks})"
        ));
        said.push("from anywhere else the header is dropped, and the client is whoever connects".to_owned());
    } else if said.is_empty() {
        said.push("whoever connects; X-Forwarded-For and PROXY headers are believed from nobody".to_owned());
    }
    said.join(";\n                ")
}

fn limits(named: &[(&str, &Vec<Limit>)]) -> String {
    let said = listed(named.iter().filter(|(_, limits)| !limits.is_empty()).map(|(name, limits)| {
        let limits: Vec<String> = limits.iter().map(ToString::to_string).collect();
        format!("{} {name}", limits.join(" and "))
    }));
    if said.is_empty() { "no limit".to_owned() } else { said }
}

fn networks(networks: &[IpNet]) -> String {
    if networks.is_empty() { "none".to_owned() } else { listed(networks.iter().map(ToString::to_string)) }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_by_example_whom_a_request_counts_as() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a network")).collect::<Vec<IpNet>>();
        for (proxy, forwarded, says) in [
            (&[][..], &[][..], "whoever connects"),
            (&[], &["192.0.2.48/28"], "from 192.0.2.49 with \"X-Forwarded-For: 203.0.113.7\" counts as 203.0.113.7"),
            (&[], &["2001:db8::1/128"], "from 2001:db8::1 with"),
            (&["192.0.2.1/32"], &[], "from 192.0.2.1 must name its client in a PROXY header"),
        ] {
            let said = seen_client(&nets(proxy), &nets(forwarded));
            assert!(said.contains(says), "{said}");
        }
    }
}
