//! What the stores cost: round trips and time for each thing a gateway does, with little in them and with much, how long
//! gated requests wait at a steady rate, and memory.
//!
//! ```text
//! cargo run --release --example store -- [--accounts N] [--sessions N] [--events N] [--redis URL]
//! ```
//!
//! Without an address a Redis of its own is started (Debian's package `redis-server`), which keeps nothing on disk. One
//! given by address is written to under a prefix of its own, which stays there. Everything else is the same in every run.

mod desk;
mod redis_server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mailward::domain::flag::{Activity, FlagFilter};
use mailward::domain::{
    Account, Agent, Flag, FlagStatus, Lesson, Limit, NetworkClass, Prefix, Profile, Reference, Secret, Session,
    SessionHash, SessionState, SiteName, Spot, Timestamp, Verdict,
};
use mailward::policy::limits::{Charge, Charged, Cost, CounterKey};
use mailward::store::embedded::Embedded;
use mailward::store::redis::{self, Redis};
use mailward::store::{KnownDevice, Record, Settings, Store};
use redis_server::Server;

/// 25 November 2026.
const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000);

const SETTINGS: Settings =
    Settings { session_idle: Duration::from_secs(86_400), profile_forgotten_after: Duration::from_secs(180 * 86_400) };

/// Each thing is done so often, one after the other.
const TIMES: u32 = 2_000;

/// Gated requests a second, and for how long.
const RATE: u64 = 1_000;
const SECONDS: u64 = 10;

fn main() -> anyhow::Result<()> {
    let (mut accounts, mut sessions, mut events, mut url) = (1_000_000, 100_000, 1_000_000, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| anyhow::anyhow!("{word} wants a value"))?;
        match word.as_str() {
            "--accounts" => accounts = value.parse()?,
            "--sessions" => sessions = value.parse()?,
            "--events" => events = value.parse()?,
            "--redis" => url = Some(value),
            other => anyhow::bail!("unknown: {other}"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = if url.is_none() { Some(Server::start()?) } else { None };
    let url = url.or_else(|| server.as_ref().map(|server| server.url.clone())).unwrap_or_default();
    let random = u64::from(std::process::id()) << 32;
    let settings = redis::Settings {
        prefix: format!("bench{}:", std::process::id()),
        operation_timeout: Duration::from_secs(5),
        ..redis::Settings::new(vec![Secret::new(url)], SETTINGS, random)
    };
    let shared = Arc::new(Redis::connect(settings)?);
    runtime.block_on(compare("redis", &(Arc::clone(&shared) as Arc<dyn Store>), Some(&shared), accounts, sessions))?;
    runtime.block_on(desk::measure(&*shared, Some(&shared), events))?;
    drop(shared);
    drop(server);
    let folder = tempfile::tempdir()?;
    let own: Arc<dyn Store> = Arc::new(Embedded::open(folder.path(), NOW, SETTINGS)?);
    runtime.block_on(compare("embedded", &own, None, accounts, sessions))?;
    runtime.block_on(desk::measure(&*own, None, events))?;
    let file = std::fs::metadata(folder.path().join("mailward.db"))?.len();
    println!("{:<56} {:>10} MiB", "the file", file >> 20);
    Ok(())
}

async fn compare(
    name: &str,
    store: &Arc<dyn Store>,
    shared: Option<&Redis>,
    accounts: u32,
    sessions: u32,
) -> anyhow::Result<()> {
    if shared.is_some() {
        println!("\n{name}, memory of the server for");
        cost_of_one(store, shared).await?;
    }
    println!("\n{name}, with little in it");
    let before = (resident(), memory(shared).await?);
    measure(store, shared, 0).await?;
    steady(store).await?;
    let begin = now();
    fill(store, accounts, sessions).await?;
    println!(
        "\n{name}, with {accounts} accounts, {sessions} live sessions and as many flags, filled in {} s",
        begin.elapsed().as_secs()
    );
    println!("{:<56} {:>10} MiB", "memory of this process, more", resident().saturating_sub(before.0) >> 10);
    if shared.is_some() {
        println!(
            "{:<56} {:>10} MiB",
            "memory of the server, more",
            memory(shared).await?.saturating_sub(before.1) >> 20
        );
    }
    measure(store, shared, accounts).await?;
    steady(store).await?;
    Ok(())
}

/// Bytes that a server uses.
async fn memory(shared: Option<&Redis>) -> anyhow::Result<u64> {
    let Some(shared) = shared else { return Ok(0) };
    Ok(shared.inspect().await?.servers.iter().map(|server| server.memory_used).sum())
}

/// What a gateway does, thing by thing. `from`: the first number of an account that is not there.
async fn measure(store: &Arc<dyn Store>, shared: Option<&Redis>, from: u32) -> anyhow::Result<()> {
    let site = site();
    let session = |number: u32| session(from / 2 + number, &account(from / 2 + number));
    let wanted = (0..TIMES).map(session).collect::<Vec<_>>();
    timed(shared, "sign-in: what is asked before the password goes on", async |number| {
        let account = account(from / 2 + number);
        store.locked(&site, &account).await?;
        store.device_since(&site, &account, [7; 16], NOW).await?;
        store.count(&key("successes_per_prefix", number), Duration::from_secs(86_400), NOW).await?;
        let charges = sign_in(from / 2 + number);
        let Charged::Fits(receipt) = store.charge(&charges, NOW).await? else { anyhow::bail!("it fits") };
        store.refund(&receipt, NOW).await?;
        Ok(())
    })
    .await?;
    timed(shared, "sign-in: what is asked and written when it is right", async |number| {
        let account = account(from / 2 + number);
        store.profile(&site, &account, NOW).await?;
        for counter in ["accounts_from_prefix", "failures_before", "thefts_from_prefix"] {
            store.count(&key(counter, number), Duration::from_secs(86_400), NOW).await?;
        }
        store.put_session(wanted[number as usize].clone(), NOW).await?;
        store.teach(&site, &account, lesson(number), NOW).await?;
        store.know_device(&site, &account, [7; 16], NOW).await?;
        Ok(())
    })
    .await?;
    timed(shared, "first sight of a session", async |number| {
        anyhow::ensure!(store.session(&wanted[number as usize].hash, NOW).await?.is_some(), "it is there");
        Ok(())
    })
    .await?;
    timed(shared, "ordinary request", async |number| {
        store.session(&wanted[number as usize].hash, NOW).await?;
        store.touch_session(&wanted[number as usize].hash, NOW).await?;
        Ok(())
    })
    .await?;
    timed(shared, "send: lock, recipients, charge", async |number| {
        let account = account(from / 2 + number);
        store.locked(&site, &account).await?;
        store.first_written(&site, &account, &[number, number + 1]).await?;
        anyhow::ensure!(matches!(store.charge(&send(from / 2 + number), NOW).await?, Charged::Fits(_)), "it fits");
        Ok(())
    })
    .await?;
    timed(shared, "send: only the charge", async |number| {
        anyhow::ensure!(matches!(store.charge(&send(from / 2 + number), NOW).await?, Charged::Fits(_)), "it fits");
        Ok(())
    })
    .await?;
    timed(shared, "send: recipients noted afterwards", async |number| {
        store.note_written(&site, &account(from / 2 + number), vec![number, number + 1], NOW).await?;
        Ok(())
    })
    .await?;
    let open = FlagFilter { status: Some(FlagStatus::Open), ..FlagFilter::default() };
    let of_account = FlagFilter { account: Some(account(1)), ..FlagFilter::default() };
    let rare = FlagFilter { country: "BR".parse().ok(), ..open.clone() };
    for (what, filter) in [("open", open), ("one account's", of_account), ("open, of a rare country", rare)] {
        timed(shared, &format!("page of 50 flags, {what}"), async |_| {
            store.flags(&filter, 50).await.map(|_| ()).map_err(Into::into)
        })
        .await?;
    }
    Ok(())
}

/// Sends at a steady rate, whatever the store does: how long each waits for its charge.
async fn steady(store: &Arc<dyn Store>) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..u32::try_from(RATE * SECONDS)? {
        ticks.tick().await;
        let store = Arc::clone(store);
        waiting.spawn(async move {
            let begin = now();
            let charged = store.charge(&send(number % 5_000), NOW).await;
            (begin.elapsed(), charged.is_ok())
        });
    }
    let mut waits: Vec<Duration> = Vec::new();
    while let Some(done) = waiting.join_next().await {
        let (wait, answered) = done?;
        anyhow::ensure!(answered, "the store answers");
        waits.push(wait);
    }
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_micros();
    println!(
        "{:<56} {:>10} µs {:>6} µs {:>6} µs",
        format!("{RATE} sends a second: p50, p99, longest"),
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

/// What the server keeps of one account, session and prefix, in bytes.
async fn cost_of_one(store: &Arc<dyn Store>, shared: Option<&Redis>) -> anyhow::Result<()> {
    // Few enough that nothing expires before all of it is counted.
    const MANY: u32 = 10_000;
    let site = site();
    let before = memory(shared).await?;
    for number in 0..MANY {
        store.put_session(session(20_000_000 + number, &account(20_000_000 + number)), NOW).await?;
    }
    let with_sessions = memory(shared).await?;
    println!("{:<56} {:>10} B", "one session", (with_sessions - before) / u64::from(MANY));
    for number in 0..MANY {
        let Charged::Fits(_) = store.charge(&send(30_000_000 + number), NOW).await? else { anyhow::bail!("it fits") };
    }
    let with_sends = memory(shared).await?;
    println!(
        "{:<56} {:>10} B",
        "one active account: six counters of a send each",
        (with_sends - with_sessions) / u64::from(MANY)
    );
    for number in 0..MANY {
        let guesses = &sign_in(40_000_000 + number)[1..2];
        let Charged::Fits(_) = store.charge(guesses, NOW).await? else { anyhow::bail!("it fits") };
    }
    let with_prefixes = memory(shared).await?;
    println!("{:<56} {:>10} B", "one prefix that guesses", (with_prefixes - with_sends) / u64::from(MANY));
    for number in 0..MANY {
        store.teach(&site, &account(50_000_000 + number), lesson(number), NOW).await?;
    }
    println!("{:<56} {:>10} B", "one profile", (memory(shared).await? - with_prefixes) / u64::from(MANY));
    Ok(())
}

/// As another store would hand it over.
async fn fill(store: &Arc<dyn Store>, accounts: u32, sessions: u32) -> anyhow::Result<()> {
    const AT_ONCE: u32 = 500;
    let mut filling = tokio::task::JoinSet::new();
    for first in (0..accounts).step_by(AT_ONCE as usize) {
        let store = Arc::clone(store);
        filling.spawn(async move {
            let mut records = Vec::new();
            for number in first..accounts.min(first + AT_ONCE) {
                let mut profile = Profile::default();
                profile.learn(&lesson(number));
                let device = KnownDevice { device: [7; 16], since: NOW, last_used: NOW };
                records.push(Record::Profile { site: site(), account: account(number), profile: Box::new(profile) });
                records.push(Record::Device { site: site(), account: account(number), device });
                if number < sessions {
                    // Apart from those that are measured.
                    let hash = number.wrapping_add(1 << 30);
                    records.push(Record::Session(Box::new(session(hash, &account(number)))));
                    records.push(Record::Flag(Box::new(flag(number))));
                }
            }
            store.import(records, NOW).await
        });
        if filling.len() >= 16
            && let Some(done) = filling.join_next().await
        {
            done??;
        }
    }
    while let Some(done) = filling.join_next().await {
        done??;
    }
    Ok(())
}

fn site() -> SiteName {
    "webmail.example.edu".into()
}

fn account(number: u32) -> Account {
    Account::from_canonical(&format!("person{number:07}"))
}

fn prefix(number: u32) -> Prefix {
    Prefix::V4(std::net::Ipv4Addr::from(0x0b00_0000 + number % 0x00ff_ffff))
}

fn key(name: &str, number: u32) -> CounterKey {
    CounterKey::new(name, format_args!("{}/{}", site(), prefix(number)))
}

fn limits(texts: &[&str]) -> Vec<Limit> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// A stranger's, as `policy::sign_in` charges it.
fn sign_in(number: u32) -> Vec<Charge> {
    let of_account = format!("{}/{}", site(), account(number));
    let guesses = CounterKey::new("failures_per_account_and_prefix", format_args!("{of_account}/{}", prefix(number)));
    let together = CounterKey::new("failures_per_account", &of_account);
    let at_site = CounterKey::new("failures_per_site_before_slowing", site());
    vec![
        Charge::limited(guesses, "failures_per_account_and_prefix", Cost::Distinct(number), limits(&["5/10m"])),
        Charge::limited(
            key("failing_accounts_per_prefix", number),
            "failing_accounts_per_prefix",
            Cost::Distinct(number),
            limits(&["5/h"]),
        ),
        Charge::limited(together, "failures_per_account", Cost::Units(1), limits(&["1000/m"])),
        Charge::counted(at_site, "failures_per_site_before_slowing", Cost::Units(1), Duration::from_secs(60)),
    ]
}

/// As `policy::send` charges it by default, with limits that are never met here.
fn send(number: u32) -> Vec<Charge> {
    let of_account = format!("{}/{}", site(), account(number));
    let of_session = format!("{}/{}", site(), SessionHash(hash(number)));
    let charge = |name: &'static str, subject: &str, texts: &[&str]| {
        Charge::limited(CounterKey::new(name, subject), name, Cost::Units(1), limits(texts))
    };
    vec![
        charge("recipients_per_session", &of_session, &["100000/10m", "200000/h"]),
        charge("recipients_per_account", &of_account, &["200000/h", "600000/d"]),
        charge("messages_per_session", &of_session, &["30000/m"]),
        charge("networks_per_account", &of_account, &["100000/5m"]),
        charge("countries_per_account", &of_account, &["100000/5m"]),
        charge("first_written_on_new_device", &of_account, &["200000/d"]),
    ]
}

fn hash(number: u32) -> [u8; 16] {
    let mixed = mixed(number).to_be_bytes();
    let mut hash = [0x5a; 16];
    hash[..4].copy_from_slice(&mixed);
    hash[4..8].copy_from_slice(&number.to_be_bytes());
    hash
}

fn agent() -> Agent {
    Agent::of(Some("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0"))
}

fn session(number: u32, account: &Account) -> Session {
    let prefix = prefix(number);
    let country = "DE".parse().ok();
    Session {
        hash: SessionHash(hash(number)),
        site: site(),
        account: account.clone(),
        state: SessionState::Open,
        signed_in: NOW,
        last_seen: NOW,
        spot: Spot { prefix, network: NetworkClass::Outside, country, as_number: Some(64_500), agent: agent() },
        elsewhere: None,
        device: Some([7; 16]),
        device_since: Some(NOW),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0".into()),
        flag: None,
        lesson: Some(lesson(number)),
        found: Vec::new(),
    }
}

fn flag(number: u32) -> Flag {
    Flag {
        code: Reference::from_random(u64::from(number)),
        site: site(),
        account: account(number),
        session: SessionHash(hash(number)),
        time: NOW.before(Duration::from_secs(u64::from(number))),
        address: prefix(number).address(),
        network: NetworkClass::Outside,
        country: if number.is_multiple_of(1000) { "BR".parse().ok() } else { "DE".parse().ok() },
        as_number: Some(64_500),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0".into()),
        verdict: Verdict::Restrict,
        signals: Vec::new(),
        stopped_by: None,
        enforced: true,
        status: FlagStatus::ALL[(number % 3) as usize],
        notes: Vec::new(),
        since: Activity::default(),
    }
}

fn lesson(number: u32) -> Lesson {
    let (address, country) = (prefix(number).address(), "DE".parse().ok());
    Lesson { time: NOW, address, country, as_number: Some(64_500), agent: agent() }
}

/// Runs it so often, and prints the mean time and, where a server is asked, commands and round trips.
async fn timed(
    shared: Option<&Redis>,
    what: &str,
    mut run: impl AsyncFnMut(u32) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let before = shared.map(Redis::traffic).unwrap_or_default();
    let begin = now();
    for number in 0..TIMES {
        run(number).await?;
    }
    let micros = begin.elapsed().as_micros() / u128::from(TIMES);
    let after = shared.map(Redis::traffic).unwrap_or_default();
    // What is pulled every now and then is little in comparison, and rounded away.
    let each = |count: u64| (count + u64::from(TIMES) / 2) / u64::from(TIMES);
    let (commands, trips) = (each(after.commands - before.commands), each(after.round_trips - before.round_trips));
    match shared {
        Some(_) => println!("{what:<56} {micros:>10} µs {commands:>4} commands {trips:>4} round trips"),
        None => println!("{what:<56} {micros:>10} µs"),
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Bits that look random, the same for the same number.
fn mixed(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x7feb_352d);
    let number = (number ^ (number >> 15)).wrapping_mul(0x846c_a68b);
    number ^ (number >> 16)
}

/// Memory of this process, in KiB, by the kernel's account.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
