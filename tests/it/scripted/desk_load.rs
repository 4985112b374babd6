//! A desk with much to show: how long its pages take, and what many open ones cost.
//!
//! `MAILWARD_DESK_FLAGS` says how many flags there are, with ten events for each; `MAILWARD_DESK_REPORT` names a file for the
//! tables, which is how `tests/run --long desk` makes `docs/desk-load.md`.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::ORIGIN;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use mailward::clock::Clock;
use mailward::domain::flag::{Activity, Flag, FlagStatus};
use mailward::domain::{Account, NetworkClass, PastEvent, Reference, SIGNALS, SessionHash, Signal, Timestamp, Verdict};
use mailward::store::Record;

use super::desk::{PASSWORD, add, code_of};
use super::shared::server;
use super::upstream::Upstream;
use super::{roundcube, send, signed_in};
use crate::stack::{Answer, Client, Gateway, Settings};

/// Flags that every run of the tests does with.
const FLAGS: u64 = 1_000;

/// Events for each flag.
const EVENTS: u64 = 10;

/// Over so long all of it is spread.
const SPREAD: Duration = Duration::from_secs(28 * 86_400);

/// Every page is asked for so often.
const TIMES: usize = 5;

/// A page must not take longer, with much to show and nothing else to do.
const PAGE_MAX: Duration = Duration::from_millis(300);

/// Open pages.
const OPEN: usize = 50;

/// Where the machine does other things as well, times are only looked at, not judged.
fn is_long() -> bool {
    std::env::var_os("MAILWARD_DESK_REPORT").is_some()
}

/// While pages are open, an account is locked every so often; and how often.
fn news() -> (Duration, usize) {
    if is_long() { (Duration::from_secs(5), 6) } else { (Duration::from_secs(4), 1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_with_much_to_show_is_quick_and_many_open_pages_cost_little() {
    let flags = std::env::var("MAILWARD_DESK_FLAGS").map_or(FLAGS, |flags| flags.parse().expect("a number"));
    let mut report = String::new();
    for shared in [false, true] {
        let redis = if shared { Some(server(Vec::new()).await) } else { None };
        let store = redis
            .as_ref()
            .map_or_else(String::new, |redis| format!("[store]\nredis = [{:?}]\ntimeout = \"5s\"\n", redis.url()));
        let upstream = Upstream::start(roundcube).await;
        let settings = Settings::sections(&store).unguarded();
        let gateway = Gateway::start(upstream.address(), &settings).await;
        fill(&gateway, flags).await;
        let _ = writeln!(
            report,
            "## {}\n\n{flags} flags, {} events.\n",
            if shared { "Redis" } else { "Embedded store" },
            flags * EVENTS
        );
        let mut operator = operator(&gateway).await;
        report += &pages(&mut operator, flags).await;
        report += &open_pages(&gateway, &operator).await;
        let _ = writeln!(report, "The most memory that the gateway ever held: {} MiB.\n", peak(gateway.pid()));
    }
    println!("{report}");
    if let Some(path) = std::env::var_os("MAILWARD_DESK_REPORT") {
        std::fs::write(path, report).expect("the report can be written");
    }
}

/// Spreads numbers evenly; the same ones each time.
const fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

fn account(number: u64) -> Account {
    Account::from_canonical(&format!("person{}", mixed(number) % 20_000))
}

fn address(number: u64) -> String {
    let drawn = mixed(number);
    format!("{}.{}.{}.{}", 20 + drawn % 150, drawn >> 8 & 255, drawn >> 16 & 255, 1 + (drawn >> 24) % 250)
}

fn flag(number: u64, of: u64, now: Timestamp) -> Flag {
    let drawn = mixed(number);
    let signals = (0..3).map(|at| {
        let kind = &SIGNALS[(drawn as usize + at * 5) % SIGNALS.len()];
        Signal { name: kind.name.into(), weight: kind.weight, sentence: kind.speaks.to_owned() }
    });
    let status = match drawn % 10 {
        0..7 => FlagStatus::Cleared,
        7 => FlagStatus::Confirmed,
        8 => FlagStatus::Passed,
        _ => FlagStatus::Open,
    };
    Flag {
        code: Reference::from_random(number + 1),
        site: "localhost".into(),
        account: account(number),
        session: SessionHash(u128::from(number).to_be_bytes()),
        time: now.before(SPREAD / of as u32 * number as u32),
        address: address(number).parse().expect("an address"),
        network: NetworkClass::Outside,
        country: if drawn.is_multiple_of(97) { "BR" } else { "US" }.parse().ok(),
        as_number: Some(64_500),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0".into()),
        verdict: if drawn.is_multiple_of(3) { Verdict::Restrict } else { Verdict::Flag },
        signals: signals.collect(),
        stopped_by: None,
        enforced: true,
        status,
        notes: Vec::new(),
        since: Activity { recipients: (drawn % 300) as u32, messages: (drawn % 7) as u32, ..Activity::default() },
    }
}

fn event(number: u64, of: u64, now: Timestamp) -> PastEvent {
    let drawn = mixed(number);
    let time = now.before(SPREAD / of as u32 * number as u32);
    let (kind, more) = match drawn % 1000 {
        0 => ("send_refused", r#","recipients":40,"stopped_by":"recipients_per_account 200/h""#),
        1..300 => ("sent", r#","verdict":"pass","recipients":3"#),
        300..900 => ("sign_in_ok", r#","verdict":"pass""#),
        _ => ("sign_in_failed", ""),
    };
    let (account, address) = (account(drawn % 20_000), address(drawn % 20_000));
    let line = format!(
        r#"{{"time":"{time}","event":"{kind}","site":"localhost","account":"{account}","session":"{drawn:032x}","address":"{address}","prefix":"{address}/32","network":"outside","country":"US","as_number":64500,"device":"{drawn:012x}","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0"{more}}}"#
    );
    PastEvent { number, time, line }
}

/// As an operator moves from one store to another.
async fn fill(gateway: &Gateway, flags: u64) {
    let now = Clock::system().now();
    let path = gateway.folder().join("records.jsonl");
    let mut file = BufWriter::new(std::fs::File::create(&path).expect("a folder of our own"));
    writeln!(file, r#"{{"mailward_export":1,"written":"{now}"}}"#).expect("there is room");
    let of = flags * EVENTS;
    let records = (0..flags).map(|number| Record::Flag(Box::new(flag(number, flags, now))));
    for record in records.chain((0..of).map(|number| Record::Event(event(number, of, now)))) {
        serde_json::to_writer(&mut file, &record).expect("there is room");
        file.write_all(b"\n").expect("there is room");
    }
    file.flush().expect("there is room");
    let path = path.display().to_string();
    let imported = tokio::task::block_in_place(|| gateway.command(&["store", "import", &path]));
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
}

/// Somebody at the desk, without a browser.
async fn operator(gateway: &Gateway) -> Client {
    let mut client = gateway.admin_client();
    let origin = gateway.desk();
    client.header(ORIGIN.as_str(), origin.trim_end_matches('/'));
    let code = add(gateway, "anna", "administrator");
    client.post("/enrol", &[("name", "anna"), ("code", &code)]).await;
    client.post("/enrol/password", &[("password", PASSWORD), ("again", PASSWORD)]).await;
    let page = client.get("/enrol/factor").await.text();
    let key = page.split("<p><code>").nth(1).and_then(|rest| rest.split('<').next()).expect("a key");
    let secret = data_encoding::BASE32_NOPAD.decode(key.replace(' ', "").as_bytes()).expect("base 32");
    let code = code_of(&secret.try_into().expect("20 bytes"), 0);
    let done = client.post("/enrol/factor", &[("with", "totp"), ("code", &code)]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/"), "{}", done.text());
    client
}

async fn pages(operator: &mut Client, flags: u64) -> String {
    let now = Clock::system().now();
    let deep = now.before(SPREAD / 2).as_millis();
    let one = flag(flags / 3, flags, now);
    let of_one = format!("/account?site=localhost&name={}", one.account);
    let asked: &[(&str, String)] = &[
        ("Now", "/".to_owned()),
        ("flags that are open", "/flags".to_owned()),
        ("all flags, in the middle", format!("/flags?status=all&before={deep}")),
        ("flags of a rare country", "/flags?status=all&country=BR".to_owned()),
        ("all flags, most severe first", "/flags?status=all&sort=severity".to_owned()),
        ("all flags, most messages first", "/flags?status=all&sort=messages".to_owned()),
        ("all flags, most recipients first", "/flags?status=all&sort=recipients".to_owned()),
        ("the same, in the middle", format!("/flags?status=all&sort=recipients&after={deep}-00000000-150")),
        ("all flags by account", "/flags?status=all&sort=account".to_owned()),
        ("all flags by account, with a word that is nowhere", "/flags?status=all&sort=account&q=nowhere".to_owned()),
        ("flags with a word that is nowhere", "/flags?status=all&q=nowhere".to_owned()),
        ("a flag", format!("/flags/{}", one.code)),
        ("an account", of_one),
        ("search for an account", format!("/search?q={}", one.account)),
        ("search for an address", format!("/search?q={}", one.address)),
        ("events", "/events".to_owned()),
        ("events of an account", format!("/events?account={}&site=localhost", one.account)),
        ("events of a rare kind", "/events?kind=send_refused".to_owned()),
        ("events with a word that is nowhere", "/events?text=nowhere".to_owned()),
        ("policy", "/policy".to_owned()),
        ("audit", "/audit".to_owned()),
    ];
    let mut table = "| page | half | longest |\n|---|---:|---:|\n".to_owned();
    for (what, path) in asked {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let (begin, answer) = timed(operator.get(path)).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            took.push(begin);
        }
        took.sort();
        let (half, longest) = (took[TIMES / 2], took[TIMES - 1]);
        let _ = writeln!(table, "| {what} | {} ms | {} ms |", half.as_millis(), longest.as_millis());
        assert!(!is_long() || longest <= PAGE_MAX, "{what} took {longest:?}");
    }
    table + "\n"
}

async fn timed(asked: impl Future<Output = Answer>) -> (Duration, Answer) {
    let clock = Clock::system();
    let begin = clock.now();
    let answer = asked.await;
    (clock.now().since(begin), answer)
}

/// Processor time of the gateway while flags are raised, with nobody at the desk and with many open pages.
async fn open_pages(gateway: &Gateway, operator: &Client) -> String {
    let alone = spent(gateway, false).await;
    let renewed = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..OPEN {
        open.push(tokio::spawn(page(operator.clone(), Arc::clone(&renewed))));
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    renewed.store(0, Ordering::Relaxed);
    let watched = spent(gateway, true).await;
    open.iter().for_each(tokio::task::JoinHandle::abort);
    let renewed = renewed.load(Ordering::Relaxed);
    assert!(renewed >= OPEN, "every page heard of it: {renewed}");
    format!(
        "{OPEN} open pages of flags, an account locked every {} s: {renewed} times a page was made anew, and the gateway took {:.1} % of \
         a core more than with nobody at the desk.\n\n",
        news().0.as_secs(),
        watched - alone
    )
}

/// A page that stays open, as its script does it: it listens, and asks for itself again when there is news.
async fn page(mut client: Client, renewed: Arc<AtomicUsize>) {
    let request = client.request(Method::GET, "/live", bytes::Bytes::new());
    let mut stream = client.begin(request).await.expect("the desk answers").into_body();
    while let Some(Ok(frame)) = stream.frame().await {
        if frame.data_ref().is_some_and(|data| data.starts_with(b"event: news")) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(client.get("/flags").await.status, StatusCode::OK);
            renewed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The share of a core, in percent, that the gateway takes while so many pieces of news come.
async fn spent(gateway: &Gateway, anything: bool) -> f64 {
    let (every, times) = news();
    let clock = Clock::system();
    let (begin, before) = (clock.now(), ticks(gateway.pid()));
    for number in 0..times {
        if anything {
            let name = format!("noisy{number}");
            let mut client = signed_in(gateway, &name).await;
            send(&mut client, "x").await;
            let locked = tokio::task::block_in_place(|| gateway.command(&["account", "lock", &name]));
            assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
        }
        tokio::time::sleep(every).await;
    }
    let seconds = clock.now().since(begin).as_secs_f64();
    // The kernel counts in hundredths of a second (`getconf CLK_TCK`).
    (ticks(gateway.pid()) - before) as f64 / seconds
}

/// MiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    line.trim().split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1_024
}

fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}
