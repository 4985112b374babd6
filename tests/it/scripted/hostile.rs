//! Attacks by well-known tools, and how long ordinary people wait meanwhile.
//!
//! `MAILWARD_HOSTILE_SECONDS` says how long each attack lasts, and brings the tools in; `MAILWARD_HOSTILE_REPORT` names a file
//! for the table, which is how `tests/run --long hostile` makes `docs/hostile.md`.

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;

use super::floods::{MIB, memory, pages, reset_streams};
use crate::stack::{Client, Gateway, Settings};

/// So many people read their mail meanwhile, each asking twenty times in a second.
const PEOPLE: u8 = 8;
const REST: Duration = Duration::from_millis(50);

/// What every run of the tests does with, and then only with the attack that needs no tool.
const SECONDS: u64 = 2;

/// Below this, twice as long is no harm that anybody could notice.
const QUIET_MIN: Duration = Duration::from_millis(5);

/// What ordinary people saw.
struct Seen {
    took: Vec<Duration>,
    lost: usize,
    memory: usize,
}

impl Seen {
    fn within(&self, share: usize) -> Duration {
        let at = self.took.len().saturating_sub(1) * share / 1_000;
        self.took.get(at).copied().unwrap_or_default()
    }
}

/// People from elsewhere than the attack, half of them over HTTP/2, for as long as the attack lasts.
async fn people(gateway: &Gateway, attack: impl Future<Output = ()>) -> Seen {
    let stop = Arc::new(AtomicBool::new(false));
    let mut people = tokio::task::JoinSet::new();
    for person in 0..PEOPLE {
        let client = gateway.client().from([127, 0, 50, person + 1]);
        let client = if person % 2 == 0 { client } else { client.http2() };
        people.spawn(person_reads(client, Arc::clone(&stop)));
    }
    attack.await;
    let memory = memory(gateway);
    stop.store(true, Ordering::Relaxed);
    let mut seen = Seen { took: Vec::new(), lost: 0, memory };
    for (took, lost) in people.join_all().await {
        seen.took.extend(took);
        seen.lost += lost;
    }
    seen.took.sort_unstable();
    seen
}

async fn person_reads(client: Client, stop: Arc<AtomicBool>) -> (Vec<Duration>, usize) {
    let (mut took, mut lost, mut kept) = (Vec::new(), 0, None);
    while !stop.load(Ordering::Relaxed) {
        let began = now();
        if kept.is_none() {
            kept = client.connect().await.ok();
        }
        let request = client.request(Method::GET, "/program/js/app.min.js", Bytes::new());
        let answered = match &mut kept {
            Some(connection) => connection.ask(request).await.is_ok_and(|answer| answer.status == 200),
            None => false,
        };
        if answered {
            took.push(began.elapsed());
        } else {
            lost += 1;
            kept = None;
        }
        tokio::time::sleep(REST).await;
    }
    (took, lost)
}

/// Runs a tool beside the gateway. It yields to everybody else: an attacker has machines of his own.
async fn tool(command: &str, url: &str, seconds: u64) {
    let command = command.replace("URL", url).replace("SECONDS", &seconds.to_string());
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut running = std::process::Command::new("nice")
        .args(["-n", "19"])
        .args(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("tests/long/hostile installs it");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    // Some go on until they are told to stop.
    running.kill().expect("it is this process's child");
    running.wait().expect("it is this process's child");
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

async fn for_seconds(seconds: u64, attack: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(Duration::from_secs(seconds), attack).await;
}

const TOOLS: [(&str, &str); 5] = [
    ("slow headers", "slowhttptest -c 1000 -H -i 5 -r 200 -l SECONDS -u URL"),
    ("slow bodies", "slowhttptest -c 1000 -B -i 5 -r 200 -s 8192 -l SECONDS -u URL"),
    ("ranges without end", "slowhttptest -c 500 -R -a 1 -b 3000 -r 200 -l SECONDS -u URL"),
    ("slow readers", "slowhttptest -c 1000 -X -r 200 -w 10 -y 20 -n 5 -z 32 -k 3 -l SECONDS -u URL"),
    ("h2load, 5 000 streams at once", "h2load -c 50 -m 100 -D SECONDS URL"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordinary_people_hardly_notice_an_attack() {
    let long = std::env::var("MAILWARD_HOSTILE_SECONDS").ok();
    let seconds = long.as_deref().map_or(SECONDS, |seconds| seconds.parse().expect("a number"));
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let quiet = people(&gateway, tokio::time::sleep(Duration::from_secs(seconds))).await;
    let mut seen = vec![("nobody attacks", String::new(), quiet)];
    let resets = async {
        loop {
            if reset_streams(&gateway).await.is_none() {
                // Not let in for now, as is right.
                tokio::time::sleep(REST).await;
            }
        }
    };
    seen.push(("rapid reset", String::new(), people(&gateway, for_seconds(seconds, resets)).await));
    if long.is_some() {
        let url = format!("{}?attack", gateway.url());
        for (what, command) in TOOLS {
            seen.push((what, command.to_owned(), people(&gateway, tool(command, &url, seconds)).await));
        }
    }

    let mut report = "| attack | requests of ordinary people | lost | 50 of 100 within (ms) | 99 of 100 within (ms) | \
                      Mailward's memory (MiB) |\n|---|---|---|---|---|---|\n"
        .to_owned();
    let millis = |took: Duration| took.as_secs_f64() * 1_000.0;
    for (what, command, seen) in &seen {
        let what = if command.is_empty() { (*what).to_owned() } else { format!("{what}: `{command}`") };
        let (answered, lost, memory) = (seen.took.len(), seen.lost, seen.memory / MIB);
        let (half, most) = (millis(seen.within(500)), millis(seen.within(990)));
        let _ = writeln!(report, "| {what} | {answered} | {lost} | {half:.1} | {most:.1} | {memory} |");
    }
    println!("{report}");
    if let Some(path) = std::env::var_os("MAILWARD_HOSTILE_REPORT") {
        std::fs::write(path, &report).expect("the report can be written");
    }
    let bound = seen[0].2.within(990).max(QUIET_MIN) * 2;
    for (what, _, seen) in &seen {
        assert_eq!(seen.lost, 0, "{what}");
        assert!(!seen.took.is_empty(), "{what}: nobody read");
        // In a short run beside other tests, how long something takes says nothing.
        assert!(long.is_none() || seen.within(990) <= bound, "{what}: {:?}, more than {bound:?}", seen.within(990));
    }
}
