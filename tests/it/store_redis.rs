//! What several gateways on one Redis tell each other, and what becomes of them when it is away, full, moved or replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mailward::domain::{
    Account, NodeSeen, Secret, Session, SessionChange, SessionHash, SessionState, SiteName, Timestamp,
};
use mailward::policy::limits::{Charged, Cost, CounterKey};
use mailward::policy::share::Share;
use mailward::policy::window::{Entry, Window};
use mailward::store::embedded::Embedded;
use mailward::store::fallback::{self, Fallback};
use mailward::store::redis::{ConnectError, Kind, Redis, SESSIONS_OF_ACCOUNT_MAX, Settings};
use mailward::store::{Kept, KeptKind, Lock, Record, Store};
use tokio::time::{sleep, timeout};

use crate::stack::redis::{Cluster, Server, Watched, connect, say, settings, shared, store};
use crate::stack::{free_ports, until};
use crate::store::{SETTINGS, at, charge, fits, get, limit, run, run_with_time, session, units};

/// Two gateways that share everything.
fn two(urls: &[String]) -> [Redis; 2] {
    let one = settings(urls);
    let other = Settings { random: one.random + (1 << 31), ..one.clone() };
    [connect(one), connect(other)]
}

fn node(id: &str, name: &str, seen: Timestamp) -> NodeSeen {
    let (id, name) = (id.to_owned(), name.to_owned());
    NodeSeen { id, name, version: "0.1.0".to_owned(), since: at(0), seen, clock_ahead: -3 }
}

#[test]
fn gateways_hear_of_each_other_and_one_that_is_silent_is_named_for_a_day() {
    let server = Server::start(&[]);
    run(async {
        let [one, other] = two(&[server.url()]);
        let names = |nodes: &[NodeSeen]| nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>();
        let beat = async |store: &Redis, node: NodeSeen| store.beat(node).await.expect("the store answers");
        assert_eq!(names(&beat(&one, node("1", "web1", at(10))).await), ["web1"]);
        let both = beat(&other, node("2", "web2", at(12))).await;
        assert_eq!(both, [node("1", "web1", at(10)), node("2", "web2", at(12))]);
        assert_eq!(beat(&one, node("1", "web1", at(20))).await[1].seen, at(12));
        let day = NodeSeen::FORGOTTEN_AFTER.as_secs();
        assert_eq!(names(&beat(&one, node("1", "web1", at(11 + day))).await), ["web1", "web2"], "silent");
        assert_eq!(names(&beat(&one, node("1", "web1", at(12 + day))).await), ["web1"], "forgotten");
        beat(&other, node("2", "web2", at(13 + day))).await;
        other.leave("2".to_owned()).await.expect("the store answers");
        assert_eq!(names(&beat(&one, node("1", "web1", at(14 + day))).await), ["web1"], "gone, and not silent");
        for number in 0..(NodeSeen::MAX as u64 + 9) {
            let known = beat(&other, node(&format!("n{number}"), "many", at(20 + day + number))).await;
            assert!(known.len() <= NodeSeen::MAX);
        }
        let known = beat(&one, node("1", "web1", at(200 + day))).await;
        assert_eq!(known.len(), NodeSeen::MAX);
        assert!(!known.iter().any(|node| node.id == "n9"), "those silent for longest make room");
    });
}

/// A short limit, so that tests need not wait for long.
fn impatient(urls: &[String]) -> Settings {
    Settings { operation_timeout: Duration::from_millis(300), ..settings(urls) }
}

/// Every kind of question is answered with "away", and none takes longer than a second.
async fn is_away(store: &Redis) -> String {
    let now = at(0);
    let (site, alice): (SiteName, _) = ("away".into(), Account::from_canonical("alice"));
    let held = Kept { kind: KeptKind::Held, id: [1; 16], until: at(9), sealed: vec![0; 1000] };
    let charges = [units("away", 1, &["1/m"])];
    let second = Duration::from_secs(1);
    let charged = timeout(second, store.charge(&charges, now)).await.expect("in time");
    let what = charged.expect_err("it is away").what;
    assert!(timeout(second, store.session(&SessionHash([0xaa; 16]), now)).await.expect("in time").is_err());
    assert!(timeout(second, store.profile(&site, &alice, now)).await.expect("in time").is_err());
    assert!(timeout(second, store.keep(held, now)).await.expect("in time").is_err());
    assert!(timeout(second, store.take(KeptKind::Held, [1; 16], now)).await.expect("in time").is_err());
    what
}

async fn recovers(store: &Redis) {
    until("the store is back", 20, async || store.probe(at(0)).await.ok()).await;
    let _kept = fits(store, &[units("back", 1, &["1000/m"])], at(0)).await;
    until("nothing is wrong any more", 5, async || store.trouble().is_none().then_some(())).await;
}

fn hold_together(urls: &[String]) {
    let stores = two(urls);
    let limited = units("shared", 1, &["61/h"]);
    let fitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|thread| {
                let (store, limited) = (&stores[thread % 2], limited.clone());
                let own = units(&format!("own {thread}"), 1, &["1000/h"]);
                scope.spawn(move || {
                    run(async { usize::from(matches!(charge(store, &[limited, own], at(0)).await, Charged::Fits(_))) })
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    });
    assert_eq!(fitted, 61);
    let hour = Duration::from_secs(3600);
    let own: u32 = (0..100)
        .map(|thread| {
            let key = CounterKey::new("recipients", format_args!("own {thread}"));
            run(stores[0].count(&key, hour, at(0))).expect("the store answers")
        })
        .sum();
    assert_eq!(own, 61, "the refused ones spent nothing elsewhere");
}

#[test]
fn a_hundred_at_once_over_two_gateways_never_pass_a_limit_by_even_one() {
    hold_together(&[shared().url()]);
    hold_together(&Cluster::shared().urls());
}

/// What each gateway remembers is read first, so that only what the other one says can change it.
async fn hear_of_each_other(stores: &[Redis; 2]) {
    let [one, other] = stores;
    let (site, alice): (SiteName, _) = ("heard".into(), Account::from_canonical("alice"));
    let of_alice = session("heard", "alice", 1, at(0));
    let state = async |store: &Redis| get(store, &of_alice.hash, at(1)).await.map(|session| session.state);
    let becomes = async |what: &str, store: &Redis, expected: Option<SessionState>| {
        until(what, 1, async || (state(store).await == expected).then_some(())).await;
    };
    assert_eq!((state(one).await, state(other).await), (None, None));
    one.put_session(of_alice.clone(), at(1)).await.expect("the store answers");
    becomes("a sign-in is known there", other, Some(SessionState::Open)).await;
    becomes("and here", one, Some(SessionState::Open)).await;

    let restrict = SessionChange::State(SessionState::Restricted);
    other.change_session(&of_alice.hash, restrict, at(1)).await.expect("the store answers");
    becomes("a session that is restricted there is here", one, Some(SessionState::Restricted)).await;

    let locked = async |store: &Redis| store.locked(&site, &alice).await.expect("the store answers").is_some();
    assert!(!locked(one).await && !locked(other).await);
    let lock = Lock { site: site.clone(), account: alice.clone(), since: at(1), note: String::new() };
    one.lock(lock).await.expect("the store answers");
    one.set_account_sessions(&site, &alice, SessionState::Ended, None, at(1)).await.expect("the store answers");
    becomes("a lock ends its sessions there", other, Some(SessionState::Ended)).await;
    until("an account that is locked there is here", 1, async || locked(other).await.then_some(())).await;
    assert!(other.unlock(&site, &alice).await.expect("the store answers"));
    until("an account that is unlocked there is here", 1, async || (!locked(one).await).then_some(())).await;
}

#[test]
fn what_one_gateway_changes_is_in_force_at_the_other_within_a_second() {
    run_with_time(async {
        hear_of_each_other(&two(&[shared().url()])).await;
        hear_of_each_other(&two(&Cluster::shared().urls())).await;
        hear_of_each_other(&two(&[Watched::shared().url()])).await;
    });
}

/// How long it takes until what one gateway locks is locked at the other: the median of several times.
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
async fn heard_after([one, other]: &[Redis; 2]) -> Duration {
    let (site, alice): (SiteName, _) = ("hinted".into(), Account::from_canonical("alice"));
    let locked = async || other.locked(&site, &alice).await.expect("the store answers").is_some();
    let mut took = Vec::new();
    for time in 0..9 {
        let is_locked = time % 2 == 0;
        assert_eq!(locked().await, !is_locked, "it is remembered now");
        let begun = Instant::now();
        if is_locked {
            let lock = Lock { site: site.clone(), account: alice.clone(), since: at(1), note: String::new() };
            one.lock(lock).await.expect("the store answers");
        } else {
            assert!(one.unlock(&site, &alice).await.expect("the store answers"));
        }
        while locked().await != is_locked {
            sleep(Duration::from_millis(2)).await;
        }
        took.push(begun.elapsed());
    }
    assert!(one.unlock(&site, &alice).await.expect("the store answers"));
    took.sort_unstable();
    took[took.len() / 2]
}

/// Logs are pulled each 0.4 s: without a hint it takes half of that.
#[test]
fn a_hint_makes_it_a_few_hundredths_of_a_second() {
    run_with_time(async {
        for urls in [vec![shared().url()], Cluster::shared().urls(), vec![Watched::shared().url()]] {
            let took = heard_after(&two(&urls)).await;
            assert!(took < Duration::from_millis(120), "{took:?}");
        }
    });
}

/// A user who may neither publish nor subscribe.
#[test]
fn without_a_hint_it_is_within_a_second_all_the_same() {
    let server = Server::start(&[]);
    server.say::<String>("ACL SETUSER mute on >secret ~* resetchannels +@all -@admin -@dangerous +info");
    let url = format!("redis://mute:secret@127.0.0.1:{}", server.port());
    run_with_time(async {
        let stores = two(&[url]);
        hear_of_each_other(&stores).await;
        let took = heard_after(&stores).await;
        assert!(took > Duration::from_millis(120), "{took:?}: who gave a hint?");
    });
}

#[test]
fn an_ordinary_request_asks_nobody_and_a_charge_is_one_round_trip() {
    let store = store(&[shared().url()]);
    run(async {
        let (site, alice): (SiteName, _) = ("asked".into(), Account::from_canonical("alice"));
        let of_alice = session("asked", "alice", 1, at(0));
        store.put_session(of_alice.clone(), at(0)).await.expect("the store answers");
        let _first_sight = get(&store, &of_alice.hash, at(1)).await.expect("it is there");
        let _lock = store.locked(&site, &alice).await.expect("the store answers");
        let _loaded = fits(&store, &[units("asked", 1, &["1000/h"])], at(1)).await;
        // Changes are pulled now and then: the least of several tries is what a request costs.
        let mut least = (u64::MAX, u64::MAX);
        for second in 2..12 {
            let before = store.traffic().round_trips;
            let _session = get(&store, &of_alice.hash, at(second)).await.expect("it is there");
            let _lock = store.locked(&site, &alice).await.expect("the store answers");
            store.touch_session(&of_alice.hash, at(second)).await.expect("the store answers");
            let asked = store.traffic().round_trips;
            let all = [units("asked", 1, &["1000/h"]), units("asked, site", 1, &["1000/h", "9000/d"])];
            let _kept = fits(&store, &all, at(second)).await;
            least.0 = least.0.min(asked - before);
            least.1 = least.1.min(store.traffic().round_trips - asked);
        }
        assert_eq!(least, (0, 1));
    });
}

#[test]
fn of_many_who_show_one_unknown_cookie_one_is_looked_for() {
    let store = store(&[shared().url()]);
    let before = store.traffic().commands;
    run(async {
        let hash = SessionHash([0xcc; 16]);
        let all = futures_util::future::join_all((0..200).map(|_| store.session(&hash, at(0)))).await;
        assert!(all.into_iter().all(|found| found.expect("the store answers").is_none()));
        assert_eq!(get(&store, &hash, at(0)).await, None, "remembered for a moment");
    });
    let asked = store.traffic().commands - before;
    assert!(asked < 10, "{asked}");
}

#[test]
fn an_account_with_too_many_sessions_loses_the_open_one_unused_for_longest() {
    let store = store(&[shared().url()]);
    run(async {
        let number = |number: usize, state, second| {
            let mut hash = [0xdd; 16];
            hash[..8].copy_from_slice(&(number as u64).to_be_bytes());
            Session { hash: SessionHash(hash), state, ..session("many", "alice", 1, at(second)) }
        };
        let strict = number(0, SessionState::Restricted, 0);
        store.put_session(strict.clone(), at(0)).await.expect("the store answers");
        for n in 1..=SESSIONS_OF_ACCOUNT_MAX {
            store.put_session(number(n, SessionState::Open, 1 + n as u64), at(2000)).await.expect("the store answers");
        }
        assert!(get(&store, &strict.hash, at(2000)).await.is_some(), "what is restricted stays");
        assert!(get(&store, &number(1, SessionState::Open, 0).hash, at(2000)).await.is_none());
        assert!(get(&store, &number(2, SessionState::Open, 0).hash, at(2000)).await.is_some());
    });
}

/// The script puts entries together as `policy::window` does, entry by entry.
#[test]
fn a_flood_is_put_together_by_the_script_as_by_the_arithmetic_it_follows() {
    let store = store(&[shared().url()]);
    let limits = ["1000000/10m", "2000000/d"].map(limit).to_vec();
    for distinct in [false, true] {
        let key = CounterKey::new("flood", if distinct { "guesses" } else { "units" });
        let mut window = Window::default();
        run(async {
            for number in 0..1500_u32 {
                // Now and then back, as a clock may be set.
                let second = u64::from(number) * 7 - u64::from(number % 50 == 49) * 300;
                let cost = if distinct { Cost::Distinct(number % 700) } else { Cost::Units(number % 5) };
                let one = mailward::policy::limits::Charge {
                    cost,
                    keep: Duration::from_secs(2 * 86_400),
                    ..mailward::policy::limits::Charge::limited(key.clone(), "flood", cost, limits.clone())
                };
                let _kept = fits(&store, std::slice::from_ref(&one), at(second)).await;
                window.take(cost, &limits, one.keep, 1, at(second));
            }
            let mut next = None;
            loop {
                let page = store.export(next, 100).await.expect("the store answers");
                let found = page.records.into_iter().find_map(|record| match record {
                    Record::Counter { key: found, keep, entries } if found == key => Some((keep, entries)),
                    _ => None,
                });
                if let Some((keep, entries)) = found {
                    let plain = |entries: &[Entry]| -> Vec<_> {
                        entries.iter().map(|entry| (entry.time, entry.units, entry.fingerprint)).collect()
                    };
                    assert_eq!(plain(&entries), plain(window.entries()));
                    assert_eq!(Duration::from_millis(keep), window.keep());
                    break;
                }
                next = page.next;
                assert!(next.is_some(), "the counter is there");
            }
        });
    }
}

#[test]
fn scripts_that_were_flushed_are_told_again() {
    let server = Server::start(&[]);
    let store = store(&[server.url()]);
    run(async {
        let _kept = fits(&store, &[units("flushed", 1, &["2/h"])], at(0)).await;
        server.say::<String>("SCRIPT FLUSH");
        let _kept = fits(&store, &[units("flushed", 1, &["2/h"])], at(0)).await;
        assert!(matches!(charge(&store, &[units("flushed", 1, &["2/h"])], at(0)).await, Charged::Over(_)));
    });
}

#[test]
fn a_server_that_comes_later_is_found_and_until_then_nobody_waits_long() {
    let [address] = free_ports();
    let url = format!("redis://{address}");
    let store = Redis::connect(impatient(&[url])).expect("a server that is away is no mistake");
    assert!(store.trouble().is_some());
    run_with_time(async {
        is_away(&store).await;
        let _server = Server::start_at(address, &[]);
        recovers(&store).await;
    });
}

#[test]
fn a_server_that_was_killed_and_lost_everything_is_used_again_and_nothing_old_is_believed() {
    let server = Server::start(&[]);
    let store = connect(impatient(&[server.url()]));
    run_with_time(async {
        let one = session("killed", "alice", 1, at(0));
        store.put_session(one.clone(), at(0)).await.expect("the store answers");
        assert!(get(&store, &one.hash, at(1)).await.is_some());
        server.signal("KILL");
        is_away(&store).await;
        let known = store.session(&one.hash, at(1)).await.expect("what is known stays known meanwhile");
        assert!(known.is_some());
        let server = server.start_again(&[]);
        recovers(&store).await;
        assert!(get(&store, &one.hash, at(1)).await.is_none(), "the server knows nothing of it");
        drop(server);
    });
}

#[test]
fn a_server_that_stands_still_keeps_nobody_waiting_and_goes_on_where_it_was() {
    let server = Server::start(&[]);
    let store = connect(impatient(&[server.url()]));
    run_with_time(async {
        server.signal("STOP");
        for _ in 0..3 {
            is_away(&store).await;
        }
        server.signal("CONT");
        recovers(&store).await;
    });
}

#[test]
fn a_full_server_charges_nothing_and_goes_on_when_there_is_room() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let store = connect(impatient(&[server.url()]));
    run_with_time(async {
        let one = [units("full", 1, &["5/h"])];
        let _kept = fits(&store, &one, at(0)).await;
        server.say::<String>("CONFIG SET maxmemory 1");
        let full = store.charge(&one, at(0)).await.expect_err("there is no room");
        assert!(full.what.contains("OOM"), "{}", full.what);
        assert!(store.probe(at(0)).await.is_err());
        assert_eq!(store.count(&one[0].key, Duration::from_secs(60), at(0)).await.expect("it can be read"), 1);
        server.say::<String>("CONFIG SET maxmemory 0");
        recovers(&store).await;
    });
}

#[test]
fn a_replica_is_of_no_use_until_it_is_a_master() {
    let (master, replica) = {
        let master = Server::start(&[]);
        let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
        (master, replica)
    };
    run_with_time(until("the replica follows", 20, async || {
        master.say::<String>("INFO replication").contains("state=online").then_some(())
    }));
    let store = Redis::connect(impatient(&[replica.url()])).expect("it may become a master");
    run_with_time(async {
        let what = is_away(&store).await;
        assert!(what.to_ascii_lowercase().contains("read"), "{what}");
        replica.say::<String>("REPLICAOF NO ONE");
        recovers(&store).await;
        replica.say::<String>(&format!("REPLICAOF 127.0.0.1 {}", master.port()));
        until("a master that became a replica is noticed", 10, async || store.probe(at(0)).await.err().map(|_| ()))
            .await;
    });
}

#[test]
fn a_wrong_password_is_told_at_the_start_and_survived_later() {
    let server = Server::start(&["--requirepass", "right"]);
    let with = |password: &str| vec![format!("redis://:{password}@127.0.0.1:{}", server.port())];
    for urls in [with("wrong"), vec![server.url()]] {
        let refused = Redis::connect(settings(&urls)).expect_err("it is refused");
        assert!(matches!(refused, ConnectError::Refused(_)), "{refused}");
        assert!(!refused.to_string().contains("wrong@"), "{refused}");
    }
    let store = connect(impatient(&with("right")));
    let mut operator = redis::Client::open(with("right")[0].as_str())
        .and_then(|client| client.get_connection())
        .expect("the password is right");
    run_with_time(async {
        store.probe(at(0)).await.expect("it can be written");
        say::<String>(&mut operator, "CONFIG SET requirepass other");
        say::<i64>(&mut operator, "CLIENT KILL TYPE normal");
        until("the password is of no use", 10, async || store.probe(at(0)).await.err()).await;
        is_away(&store).await;
        say::<String>(&mut operator, "CONFIG SET requirepass right");
        recovers(&store).await;
    });
}

#[test]
fn a_user_with_few_rights_in_a_database_of_its_own_is_enough() {
    let server = Server::start(&[]);
    let own = Settings { prefix: "own:".into(), ..settings(&[String::new()]) };
    server.say::<String>("ACL SETUSER mailward on >secret ~own:* &* +@all -@admin -@dangerous +info");
    let urls = vec![Secret::new(format!("redis://mailward:secret@127.0.0.1:{}/3", server.port()))];
    let store = connect(Settings { urls, ..own });
    run(async {
        store.probe(at(0)).await.expect("it can be written");
        let one = session("few", "alice", 1, at(0));
        store.put_session(one.clone(), at(0)).await.expect("the store answers");
        assert!(get(&store, &one.hash, at(0)).await.is_some());
        let page = store.export(None, 1000).await.expect("the store answers");
        assert_eq!(page.records.len(), 1);
        let found = store.inspect().await.expect("the store answers");
        assert_eq!((found.kind, found.open_to_all, found.local), (Kind::Standalone, Some(true), true));
        assert_eq!(found.servers[0].snapshots, None, "it may not look at the configuration");
    });
    assert_eq!(server.say::<i64>("DBSIZE"), 0, "nothing is in the first database");
}

#[test]
fn an_encrypted_server_is_believed_only_with_a_certificate_of_the_named_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("it is a name");
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("it is a name");
    std::fs::write(file("cert.pem"), made.cert.pem()).expect("it can be written");
    std::fs::write(file("other.pem"), other.cert.pem()).expect("it can be written");
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).expect("it can be written");
    let [plain, tls] = free_ports();
    let text = |name: &str| file(name).to_str().expect("a plain path").to_owned();
    let (port, certificate, key) = (tls.port().to_string(), text("cert.pem"), text("key.pem"));
    let settings_of_server = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let more = ["--tls-ca-cert-file", &certificate, "--tls-auth-clients", "no"];
    let _server = Server::start_at(plain, &[&settings_of_server[..], &more[..]].concat());
    let encrypted = |authority: Option<&str>| Settings {
        certificate_authority: authority.map(file),
        ..impatient(&[format!("rediss://{tls}")])
    };
    let store = connect(encrypted(Some("cert.pem")));
    run(async {
        store.probe(at(0)).await.expect("it can be written");
        assert!(store.inspect().await.expect("the store answers").encrypted);
    });
    for authority in [Some("other.pem"), None] {
        let store = Redis::connect(encrypted(authority)).expect("the server may get another certificate");
        assert!(store.trouble().is_some(), "{authority:?}");
    }
    let missing = Redis::connect(encrypted(Some("missing.pem"))).expect_err("there is no such file");
    assert!(matches!(missing, ConnectError::Certificate { .. }), "{missing}");
}

#[test]
fn what_a_newer_version_wrote_is_refused_and_left_alone() {
    let server = shared();
    let newer = settings(&[server.url()]);
    server.say::<String>(&format!("SET {}schema 99", newer.prefix));
    let refused = Redis::connect(newer.clone()).expect_err("it is newer");
    assert!(refused.to_string().contains("newer Mailward (schema 99"), "{refused}");
    assert_eq!(server.say::<Vec<String>>(&format!("KEYS {}*", newer.prefix)).len(), 1);
    let braces = Settings { prefix: "{a}".into(), ..newer };
    assert!(matches!(Redis::connect(braces), Err(ConnectError::Prefix)));
}

#[test]
fn an_operator_is_told_what_the_servers_are() {
    run(async {
        let found = store(&[shared().url()]).inspect().await.expect("the store answers");
        assert_eq!((found.kind, found.encrypted, found.local), (Kind::Standalone, false, true));
        assert_eq!((found.open_to_all, found.servers.len()), (Some(true), 1));
        let server = &found.servers[0];
        assert_eq!((server.snapshots, server.append_only, server.memory_max), (Some(false), false, 0));
        assert!(server.memory_used > 100_000 && server.version.contains('.') && server.eviction == "noeviction");
        assert!(found.time > Timestamp::from_millis(1_700_000_000_000));
        let found = store(&Cluster::shared().urls()).inspect().await.expect("the store answers");
        assert_eq!((found.kind, found.servers.len()), (Kind::Cluster, 3));
        assert!(found.servers.iter().all(|server| server.replicas == 1));
        let found = store(&[Watched::shared().url()]).inspect().await.expect("the store answers");
        assert_eq!((found.kind, found.servers[0].replicas), (Kind::Sentinel, 1));
    });
}

#[test]
fn when_a_sentinel_names_another_master_the_store_follows() {
    let servers = Watched::start();
    let store = connect(impatient(&[servers.url()]));
    run_with_time(async {
        let charge = [units("followed", 3, &["9/h"])];
        let _kept = fits(&store, &charge, at(0)).await;
        servers.master.until_replicated();
        servers.master.signal("KILL");
        is_away(&store).await;
        recovers(&store).await;
        let hour = Duration::from_secs(3600);
        assert_eq!(store.count(&charge[0].key, hour, at(0)).await.expect("the store answers"), 3);
    });
}

/// A Cluster of its own: slots move, then a master dies.
#[test]
fn in_a_cluster_keys_that_move_and_masters_that_die_are_followed() {
    let cluster = Cluster::start();
    let store = Arc::new(connect(impatient(&cluster.urls())));
    let ask = |number: u32| [units(&format!("moves {number}"), 1, &["1000/h"])];
    let hour = Duration::from_secs(3600);
    run_with_time(async {
        for number in 0..200 {
            let _kept = fits(&*store, &ask(number), at(0)).await;
        }
        // All slots of a part of the first master go to the second, one after the other, while they are used.
        let ids: Vec<String> = cluster.servers.iter().map(|server| server.say("CLUSTER MYID")).collect();
        let mut masters: Vec<redis::Connection> = cluster.servers[..3].iter().map(Server::connection).collect();
        let mut moved = 0;
        for part in 0..64 {
            let slot: u32 = say(&mut masters[0], &format!("CLUSTER KEYSLOT {{{part}}}"));
            if slot > 5460 {
                continue;
            }
            moved += 1;
            say::<String>(&mut masters[1], &format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[0]));
            say::<String>(&mut masters[0], &format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[1]));
            // New keys of the slot are asked for at the second master already.
            for number in 0..200 {
                let fresh = [units(&format!("fresh {part} {number}"), 1, &["1000/h"])];
                let _kept = fits(&*store, &fresh, at(0)).await;
            }
            loop {
                let keys: Vec<String> = say(&mut masters[0], &format!("CLUSTER GETKEYSINSLOT {slot} 100"));
                if keys.is_empty() {
                    break;
                }
                let mut migrate = redis::cmd("MIGRATE");
                migrate.arg("127.0.0.1").arg(cluster.servers[1].port()).arg("").arg(0).arg(5000);
                migrate.arg("REPLACE").arg("KEYS").arg(&keys);
                migrate.query::<String>(&mut masters[0]).expect("the keys move");
            }
            for place in [1, 0, 2] {
                say::<String>(&mut masters[place], &format!("CLUSTER SETSLOT {slot} NODE {}", ids[1]));
            }
            if moved == 3 {
                break;
            }
        }
        for number in 0..200 {
            let _kept = fits(&*store, &ask(number), at(0)).await;
            let count = store.count(&ask(number)[0].key, hour, at(0)).await.expect("the store answers");
            assert_eq!(count, 2, "{number}");
        }
        cluster.servers[1].until_replicated();
        cluster.servers[1].signal("KILL");
        until("another master has taken its place", 20, async || {
            for number in 0..200 {
                let charges = ask(number);
                let charged = timeout(Duration::from_secs(1), store.charge(&charges, at(0))).await;
                charged.expect("nobody waits long").ok()?;
            }
            Some(())
        })
        .await;
        recovers(&store).await;
    });
}

/// What a node does by itself is the same whatever the store is that went away; here it is a Cluster, all of it.
#[test]
fn a_gateway_without_its_cluster_lets_its_share_through_and_tells_it_afterwards() {
    let cluster = Cluster::start();
    let shared = Arc::new(connect(impatient(&cluster.urls())));
    let own = Embedded::open_scratch(at(0), SETTINGS).expect("it opens");
    let timeout = Duration::from_millis(300);
    let settings = fallback::Settings { share: Share::new(0.5), timeout, sites: Vec::new() };
    let store = Fallback::new(Arc::clone(&shared) as Arc<dyn Store>, own, settings, at(0));
    let ask = [units("alone", 1, &["20/h"])];
    let fit = async |at_most: usize| {
        let mut fitted = 0;
        while fitted < at_most && matches!(charge(&store, &ask, at(1)).await, Charged::Fits(_)) {
            fitted += 1;
        }
        fitted
    };
    run_with_time(async {
        assert_eq!(fit(4).await, 4);
        cluster.servers.iter().for_each(|server| server.signal("STOP"));
        assert_eq!(fit(99).await, 6, "half of the limit, what was before included");
        assert!(store.away_since().is_some());
        cluster.servers.iter().for_each(|server| server.signal("CONT"));
        let mut now = at(1);
        until("it is told what was charged", 20, async || {
            now = now.after(Duration::from_millis(200));
            store.tend(now).await;
            // Masters may change places when all go on at once.
            shared.probe(now).await.ok()?;
            store.away_since().is_none().then_some(())
        })
        .await;
        recovers(&shared).await;
        let counted = shared.count(&ask[0].key, Duration::from_secs(3600), at(1)).await.expect("the store answers");
        // A server that stood still does what it was asked when it goes on, so that a charge may count more than once, but
        // none is forgotten.
        assert!(counted >= 10, "{counted}");
        assert_eq!(fit(99).await, 20_usize.saturating_sub(counted as usize), "what is left of the whole limit");
    });
}
