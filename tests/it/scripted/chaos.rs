//! Harm done to Redis while two gateways serve a steady stream of people: what they notice, and what nobody gains.
//!
//! `MAILWARD_CHAOS_SECONDS` says how long each harm lasts; `MAILWARD_CHAOS_REPORT` names a file for the table, which is
//! how `tests/run --long chaos` makes `docs/chaos.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailward::clock::Clock;
use mailward::domain::Timestamp;

use super::shared::{Shared, readiness, server, until_ready};
use super::{says_sent, send, sign_in, signed_in};
use crate::stack::redis::{Server, Watched};
use crate::stack::{Answer, Client, Gateway};

/// Messages that one account may send within [`WINDOW`].
const LIMIT: usize = 12;
const WINDOW: Duration = Duration::from_secs(4);

/// The share of it that each of the two gateways lets through by itself.
const SHARE: usize = LIMIT / 2;

/// In any window: what the store lets through, and the share of each gateway.
const BOUND: usize = LIMIT + 2 * SHARE;

/// Accounts that send all the time.
const SENDERS: usize = 4;

/// Longer than the 200 ms that a request waits for the store, by what a busy machine needs for everything else.
const SLOWEST: Duration = Duration::from_secs(3);

/// What is done to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Stopped,
    Killed,
    Paused,
    Full,
    FailedOver,
}

impl Harm {
    const ALL: [Self; 5] = [Self::Stopped, Self::Killed, Self::Paused, Self::Full, Self::FailedOver];

    const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped, started again",
            Self::Killed => "killed with -9, started again",
            Self::Paused => "paused (SIGSTOP), goes on",
            Self::Full => "full (maxmemory), then not",
            Self::FailedOver => "master killed, Sentinel takes the replica",
        }
    }
}

/// What was seen of all requests.
#[derive(Default)]
struct Seen {
    requests: usize,
    slowest: Duration,
    wrong: Vec<String>,
    /// When messages left, by account.
    sent: BTreeMap<String, Vec<Timestamp>>,
}

impl Seen {
    /// The most that left for one account within one window.
    fn most_in_a_window(&self) -> usize {
        let most = |times: &Vec<Timestamp>| {
            times.iter().map(|from| times.iter().filter(|to| *to >= from && to.since(*from) < WINDOW).count()).max()
        };
        self.sent.values().filter_map(most).max().unwrap_or(0)
    }
}

/// Somebody at one of the gateways, who does the same again and again.
#[derive(Clone)]
enum Person {
    Sends(String),
    Reads,
    /// Restricted: sends, and must never succeed.
    Restricted,
    /// Ended: the same.
    Ended,
    /// Locked: signs in, and must never succeed.
    Locked,
}

impl Person {
    const fn pause(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Sends(_) => 150,
            Self::Reads => 100,
            Self::Restricted | Self::Ended | Self::Locked => 300,
        })
    }

    async fn act(&self, client: &mut Client) -> Answer {
        match self {
            Self::Sends(_) | Self::Restricted | Self::Ended => send(client, "fine").await,
            Self::Reads => client.get("/?_task=mail").await,
            Self::Locked => sign_in(client, "eve", "right").await,
        }
    }

    fn judge(&self, answer: &Answer, seen: &mut Seen, now: Timestamp) {
        let wrong = match self {
            Self::Sends(account) => {
                if says_sent(answer) {
                    seen.sent.entry(account.clone()).or_default().push(now);
                }
                None
            }
            Self::Reads => (answer.status != 200).then_some("mail cannot be read"),
            Self::Restricted => says_sent(answer).then_some("a restricted session sent"),
            Self::Ended => says_sent(answer).then_some("an ended session sent"),
            Self::Locked => (answer.status == 302).then_some("a locked account signed in"),
        };
        seen.wrong.extend(wrong.map(|wrong| format!("{wrong}: {} {}", answer.status, answer.text())));
    }
}

/// Everybody who asks, until it is dropped.
struct Traffic {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    people: tokio::task::JoinSet<()>,
}

impl Traffic {
    /// Signs everybody in at the first gateway, lets both get to know them, and begins.
    async fn begin(gateways: &[Gateway; 2]) -> Self {
        let mut people: Vec<(Person, Client)> = Vec::new();
        for number in 0..SENDERS {
            let name = format!("sender{number}");
            people.push((Person::Sends(name.clone()), signed_in(&gateways[0], &name).await));
        }
        people.push((Person::Reads, signed_in(&gateways[0], "reader").await));
        people.push((Person::Restricted, signed_in(&gateways[0], "mallory").await));
        people.push((Person::Ended, signed_in(&gateways[0], "gone").await));
        people.push((Person::Locked, gateways[0].client()));
        let mut traffic = Self { seen: Arc::default(), stop: Arc::default(), people: tokio::task::JoinSet::new() };
        for gateway in gateways {
            for (_, client) in &people {
                gateway.client().with_cookies_of(client).get("/?_task=mail").await;
            }
        }
        for command in [&["account", "lock", "eve"][..], &["session", "end", "--account", "gone"]] {
            let done = gateways[0].command(command);
            assert!(done.status.success(), "{done:?}");
        }
        // What one changed is in force at the other within a second.
        tokio::time::sleep(Duration::from_secs(2)).await;
        for gateway in gateways {
            for (person, client) in &people {
                let client = gateway.client().with_cookies_of(client);
                traffic.add(person.clone(), client);
            }
        }
        traffic
    }

    fn add(&mut self, person: Person, mut client: Client) {
        let (seen, stop) = (Arc::clone(&self.seen), Arc::clone(&self.stop));
        self.people.spawn(async move {
            let clock = Clock::system();
            let cookies = client.clone();
            while !stop.load(Ordering::SeqCst) {
                // An ended session is told to forget its cookie, and does not.
                client = client.with_cookies_of(&cookies);
                let began = clock.now();
                let answer = person.act(&mut client).await;
                let now = clock.now();
                {
                    let mut seen = seen.lock().expect("nobody panics with it");
                    seen.requests += 1;
                    seen.slowest = seen.slowest.max(now.since(began));
                    person.judge(&answer, &mut seen, now);
                }
                tokio::time::sleep(person.pause()).await;
            }
        });
    }

    /// What was seen since the last time; when messages left stays, as windows reach over that.
    fn take(&self) -> Seen {
        let mut seen = self.seen.lock().expect("nobody panics with it");
        let sent = seen.sent.clone();
        std::mem::replace(&mut *seen, Seen { sent, ..Seen::default() })
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(done) = self.people.join_next().await {
            done.expect("nobody panics");
        }
    }
}

/// One line of the table.
struct Row {
    harm: Harm,
    calm: Seen,
    harmed: Seen,
    after: Seen,
    recovered: Duration,
    told: u64,
    lost: u64,
}

/// Does one kind of harm to a Redis of its own, with people at two gateways.
async fn suffer(harm: Harm, lasts: Duration) -> Row {
    let disk = tempfile::tempdir().expect("a folder");
    let on_disk: Vec<String> = ["--appendonly", "yes", "--appendfsync", "always", "--dir"]
        .into_iter()
        .map(str::to_owned)
        .chain([disk.path().display().to_string()])
        .collect();
    let mut watched = None;
    let mut redis = None;
    let url = if harm == Harm::FailedOver {
        let started = tokio::task::spawn_blocking(Watched::start).await.expect("it starts");
        watched.insert(started).url()
    } else {
        redis.insert(server(on_disk.clone()).await).url()
    };
    let shared = Shared::at(&url).await;
    let limits = format!("messages_per_account = [\"{LIMIT}/{}s\"]", WINDOW.as_secs());
    let rule = "[[rule]]\nwhen = { account = [\"mallory\"] }\nverdict = \"restrict\"";
    let gateways = [shared.gateway("", &limits, rule).await, shared.gateway("", &limits, rule).await];
    let traffic = Traffic::begin(&gateways).await;
    let clock = Clock::system();

    tokio::time::sleep(lasts).await;
    let calm = traffic.take();
    let mut mended = clock.now();
    match harm {
        Harm::Stopped | Harm::Killed => {
            let running = redis.take().expect("it runs");
            running.signal(if harm == Harm::Stopped { "TERM" } else { "KILL" });
            tokio::time::sleep(lasts).await;
            let again = move || {
                let settings: Vec<&str> = on_disk.iter().map(String::as_str).collect();
                running.start_again(&settings)
            };
            redis = Some(tokio::task::spawn_blocking(again).await.expect("it starts"));
            mended = clock.now();
        }
        Harm::Paused => {
            let running: &Server = redis.as_ref().expect("it runs");
            running.signal("STOP");
            tokio::time::sleep(lasts).await;
            running.signal("CONT");
            mended = clock.now();
        }
        Harm::Full => {
            let bound = async |bytes: &'static str| {
                let mut connection = redis.as_ref().expect("it runs").connection();
                redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec(&mut connection).expect("it answers");
            };
            bound("1").await;
            tokio::time::sleep(lasts).await;
            bound("0").await;
            mended = clock.now();
        }
        Harm::FailedOver => {
            watched.as_ref().expect("it runs").master.signal("KILL");
            // That it is gone has been noticed when a Sentinel can know.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let until_all_are_ready = async || {
        for gateway in &gateways {
            until_ready(gateway).await;
        }
        clock.now().since(mended)
    };
    let (harmed, recovered) = if harm == Harm::FailedOver {
        // It mends itself: what is seen until then is what was seen during the harm.
        let recovered = until_all_are_ready().await;
        (traffic.take(), recovered)
    } else {
        (traffic.take(), until_all_are_ready().await)
    };
    tokio::time::sleep(lasts).await;
    for gateway in &gateways {
        assert_ne!(readiness(gateway).await["status"], "not_ready");
    }
    let after = traffic.take();
    traffic.end().await;
    // The servers ran until here.
    drop((redis, watched));
    let of_events = |name: &str| -> u64 {
        let events = gateways.iter().flat_map(|gateway| gateway.events_of("store_recovered"));
        events.filter_map(|event| event[name].as_u64()).sum()
    };
    Row { harm, calm, harmed, after, recovered, told: of_events("told"), lost: of_events("lost") }
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| what happens to Redis | requests before, during, after | slowest before, during, after (ms) | wrongly passed | \
         most in a window (limit, bound) | ready again after (s) | told, lost |\n|---|---|---|---|---|---|---|\n",
    );
    for Row { harm, calm, harmed, after, recovered, told, lost } in rows {
        let wrong = calm.wrong.len() + harmed.wrong.len() + after.wrong.len();
        let _ = writeln!(
            table,
            "| {} | {}, {}, {} | {}, {}, {} | {wrong} | {} ({LIMIT}, {BOUND}) | {:.1} | {told}, {lost} |",
            harm.name(),
            calm.requests,
            harmed.requests,
            after.requests,
            calm.slowest.as_millis(),
            harmed.slowest.as_millis(),
            after.slowest.as_millis(),
            after.most_in_a_window(),
            recovered.as_secs_f64(),
        );
    }
    table
}

#[tokio::test(flavor = "current_thread")]
async fn whatever_happens_to_redis_nobody_waits_long_or_gains_by_it_and_it_mends_itself() {
    let seconds = std::env::var("MAILWARD_CHAOS_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3);
    let mut rows = Vec::new();
    for harm in Harm::ALL {
        rows.push(suffer(harm, Duration::from_secs(seconds)).await);
    }
    let table = table(&rows);
    println!("{table}");
    if let Some(report) = std::env::var_os("MAILWARD_CHAOS_REPORT") {
        std::fs::write(report, &table).expect("it can be written");
    }
    for Row { harm, calm, harmed, after, .. } in &rows {
        for seen in [calm, harmed, after] {
            assert!(seen.wrong.is_empty(), "{}: {:?}", harm.name(), seen.wrong);
            assert!(seen.slowest < SLOWEST, "{}: {:?}", harm.name(), seen.slowest);
        }
        assert!(harmed.requests > 0 && after.most_in_a_window() <= BOUND, "{}", harm.name());
    }
}
