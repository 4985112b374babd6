//! What `mailward doctor` says of the store.

use std::time::Duration;

use super::{Finding, Health, fail, finding, ok, warn};
use crate::admin::CLOCK_APART_MAX;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::embedded::{self, OpenError};
use crate::store::redis::{Inspection, Server};

/// What it was tried with is no older.
const OLDEST_TRIED: (u32, u32) = (7, 0);

/// A server that has less than this part of its memory left will be full soon.
const MEMORY_LEFT_MIN: f64 = 0.2;

pub(super) async fn look(config: &Config, clock: &Clock) -> Vec<Finding> {
    if config.store.redis.is_empty() {
        return vec![look_at_file(config)];
    }
    let redis = match crate::cli::store::connect(config) {
        Ok(redis) => redis,
        Err(error) => {
            return vec![fail(
                format!("{error:#}"),
                "does the server run, and is it reachable from here? are user and password right?\n\
                 the gateway starts without it, but nobody signs in or sends until it answers",
            )];
        }
    };
    match redis.inspect().await {
        Ok(found) => judge(&found, clock.now()),
        Err(away) => vec![fail(
            format!("the store does not answer: {}", away.what),
            "the user needs the commands INFO, TIME and CONFIG GET as well",
        )],
    }
}

fn look_at_file(config: &Config) -> Finding {
    match embedded::look(&config.data_dir, false) {
        Ok(looked) => ok(format!("{} can be read (tables of version {})", looked.path.display(), looked.schema)),
        Err(OpenError::DataDir { path, source }) if source.kind() == std::io::ErrorKind::NotFound => {
            ok(format!("{} does not exist yet; it is made at the first start", path.display()))
        }
        Err(error) => fail(
            format!("{:#}", anyhow::Error::new(error)),
            "a copy can take its place: see mailward store backup --help",
        ),
    }
}

/// What is missing for a store that several gateways rely on. `now` is our clock.
fn judge(found: &Inspection, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in &found.servers {
        findings.push(judge_version(server, found));
        findings.extend(judge_persistence(server));
        findings.extend(judge_memory(server));
    }
    if found.open_to_all == Some(true) {
        findings.push(warn(
            "the store lets in whoever asks, without a password",
            "set requirepass, or better a user of its own (ACL SETUSER), and put it into the URL:\n\
             whoever can write there can open every session",
        ));
    }
    if !found.encrypted && !found.local {
        findings.push(warn(
            "what is said to the store passes the network in clear",
            "let the server speak TLS (tls-port), and write the URL with rediss://",
        ));
    }
    findings.push(judge_clock(found.time, now));
    findings
}

fn judge_version(server: &Server, found: &Inspection) -> Finding {
    let Server { product, version, .. } = server;
    let named = format!("{product} {version} answers{} ({})", at(server), found.kind.name());
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST_TRIED {
        return warn(named, format!("older than what Mailward was tried with ({}.{})", OLDEST_TRIED.0, OLDEST_TRIED.1));
    }
    ok(named)
}

fn judge_persistence(server: &Server) -> Option<Finding> {
    match (server.append_only, server.snapshots) {
        (true, _) => None,
        (false, Some(false)) => Some(warn(
            format!("the store writes nothing to disk{}: its restart forgets every lock, session and flag", at(server)),
            "in its configuration: appendonly yes",
        )),
        (false, Some(true)) => Some(finding(
            Health::Advice,
            format!("the store writes to disk now and then only{}: a crash forgets the last minutes", at(server)),
            "in its configuration: appendonly yes",
        )),
        (false, None) => Some(warn(
            format!("whether the store writes to disk is not known{}; it does not write every change", at(server)),
            "in its configuration: appendonly yes; or let this user ask for it: ACL SETUSER NAME +config|get",
        )),
    }
}

fn judge_memory(server: &Server) -> Option<Finding> {
    if server.eviction != "noeviction" && !server.eviction.is_empty() {
        return Some(warn(
            format!("the store makes room by throwing away what it holds{} ({})", at(server), server.eviction),
            "in its configuration: maxmemory-policy noeviction; what is thrown away may be a lock",
        ));
    }
    let used = server.memory_used as f64 / server.memory_max.max(1) as f64;
    (server.memory_max > 0 && used > 1.0 - MEMORY_LEFT_MIN).then(|| {
        warn(
            format!("the store's memory is nearly full{}: {:.0} %", at(server), used * 100.0),
            "give it more (maxmemory): a full one refuses to write, and limits become stricter",
        )
    })
}

fn judge_clock(theirs: Timestamp, ours: Timestamp) -> Finding {
    let apart: Duration = ours.since(theirs).max(theirs.since(ours));
    if apart <= CLOCK_APART_MAX {
        return ok("the store's clock and ours agree");
    }
    warn(
        format!("the store's clock and ours differ by {:.1} s", apart.as_secs_f64()),
        "let both follow the same time servers (timedatectl status)",
    )
}

fn at(server: &Server) -> String {
    if server.address.is_empty() { String::new() } else { format!(" at {}", server.address) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn well() -> Inspection {
        let server = Server {
            product: "redis".into(),
            version: "7.0.15".into(),
            snapshots: Some(true),
            append_only: true,
            memory_used: 5,
            memory_max: 10,
            eviction: "noeviction".into(),
            ..Server::default()
        };
        Inspection {
            kind: Kind::Standalone,
            encrypted: true,
            local: false,
            open_to_all: Some(false),
            time: NOW,
            servers: vec![server],
        }
    }

    #[test]
    fn each_thing_that_is_missing_is_warned_of_and_a_good_server_is_not() {
        let all_well: Vec<Health> = judge(&well(), NOW).iter().map(|finding| finding.health).collect();
        assert_eq!(all_well, [Health::Ok, Health::Ok]);
        type Spoil = fn(&mut Inspection);
        let cases: [(Spoil, Health, &str); 11] = [
            (|found| found.servers[0].version = "6.0.16".into(), Health::Warn, "redis 6.0.16 answers"),
            (
                |found| (found.servers[0].append_only, found.servers[0].snapshots) = (false, Some(false)),
                Health::Warn,
                "nothing to disk",
            ),
            (
                |found| (found.servers[0].append_only, found.servers[0].snapshots) = (false, Some(true)),
                Health::Advice,
                "now and then",
            ),
            (
                |found| (found.servers[0].append_only, found.servers[0].snapshots) = (false, None),
                Health::Warn,
                "not known",
            ),
            (
                |found| found.servers[0].eviction = "allkeys-lru".into(),
                Health::Warn,
                "throwing away what it holds (allkeys-lru)",
            ),
            (|found| found.servers[0].memory_used = 9, Health::Warn, "nearly full: 90 %"),
            (|found| found.open_to_all = Some(true), Health::Warn, "without a password"),
            (|found| found.encrypted = false, Health::Warn, "in clear"),
            (|found| found.time = NOW.after(Duration::from_millis(1_500)), Health::Warn, "differ by 1.5 s"),
            (|found| found.time = NOW.before(Duration::from_secs(60)), Health::Warn, "differ by 60.0 s"),
            (
                |found| (found.servers[0].address, found.servers[0].memory_used) = ("10.0.0.1:7000".into(), 9),
                Health::Warn,
                "full at 10.0.0.1:7000",
            ),
        ];
        for (spoil, health, says) in cases {
            let mut found = well();
            spoil(&mut found);
            let findings = judge(&found, NOW);
            let named = findings.iter().find(|finding| finding.what.contains(says));
            assert_eq!(named.map(|finding| finding.health), Some(health), "{says}: {findings:?}");
            let others = findings.iter().filter(|finding| !matches!(finding.health, Health::Ok)).count();
            assert_eq!(others, 1, "{says}: {findings:?}");
        }
        let mut on_loopback = well();
        (on_loopback.encrypted, on_loopback.local) = (false, true);
        assert!(judge(&on_loopback, NOW).iter().all(|finding| finding.health == Health::Ok), "it leaves no machine");
    }
}
