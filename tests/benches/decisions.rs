//! What a sign-in and a message cost beside the webmail: from the question to the decision that is written down, with the
//! embedded store in a file or with a Redis of its own, with few accounts and with many.
//!
//! ```text
//! cargo run --release --example decisions [--redis] [ACCOUNTS …]
//! ```
//!
//! Each step is timed by the clock, which counts waiting for the store, and the whole by processor time: that of the thread
//! which decides, as a worker does, and that of this process with all its threads, SQLite's among them.
//!
//! Of a message also what is done with its text: the form is read, compared with what others sent, and put together as it would
//! be for scanners, which are not asked.

mod redis_server;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::HeaderValue;
use mailward::clock::Dice;
use mailward::config::{self, Config};
use mailward::domain::action::Recipients;
use mailward::domain::{
    Account, Agent, Client, Country, Door, KeyRing, Lesson, NetworkClass, PasswordQuality, Prefix, Secret, Session,
    SessionHash, Timestamp,
};
use mailward::gateway::campaigns::Sketched;
use mailward::gateway::judging::{Attempt, Judging, Sending};
use mailward::intel::Intel;
use mailward::policy::Fact;
use mailward::policy::campaign::{Message, Sketcher, may_speak};
use mailward::scan::message::{Written, assemble};
use mailward::store::embedded::Embedded;
use mailward::store::redis::{self, Redis};
use mailward::store::{Away, Settings, Store};
use mailward::webmail::php::Form;
use mailward::webmail::{Webmail as _, roundcube::Roundcube};
use redis_server::Server;

/// 25 November 2026.
const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000);

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0";

/// Decisions of each kind that are measured.
const DECISIONS: u32 = 2_000;

/// Words of a message.
const WORDS: u32 = 120;

/// Of a form's texts so much is read, in bytes, as the gateway does.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Sign-ins that an account's profile is taught: from three networks in two countries, as a person with a telephone and a
/// journey leaves behind.
const LESSONS: u32 = 4;

/// Profiles that are taught at once: less than may wait for the writer, which may be at the ones before.
const AT_ONCE: u32 = 1_024;

fn main() -> anyhow::Result<()> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let shared = words.first().is_some_and(|word| word == "--redis");
    if shared {
        words.remove(0);
    }
    if words.is_empty() {
        words.push("1000".to_owned());
    }
    for accounts in words {
        measure(accounts.parse()?, shared)?;
    }
    Ok(())
}

fn measure(accounts: u32, shared: bool) -> anyhow::Result<()> {
    let text = "[networks]\ncampus = [\"192.0.2.0/24\"]\ncampus_country = \"DE\"\n\
                [[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n\
                own_domains = [\"a.example\"]\n";
    let config = config::parse(text, "mailward.toml", Path::new(""), NOW).expect("a good file");
    let intel = Intel::open(&config, NOW)?;
    let folder = tempfile::tempdir()?;
    let settings =
        Settings { session_idle: Duration::from_secs(86_400), profile_forgotten_after: config.risk.forget_after };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = if shared { Some(Server::start()?) } else { None };
    let store: Arc<dyn Store> = match &server {
        Some(server) => {
            let url = vec![Secret::new(server.url.clone())];
            let settings = redis::Settings {
                operation_timeout: Duration::from_secs(5),
                ..redis::Settings::new(url, settings, u64::from(std::process::id()) << 32)
            };
            runtime.block_on(async { Redis::connect(settings) }).map(Arc::new)?
        }
        None => Arc::new(Embedded::open(folder.path(), NOW, settings)?),
    };
    let bench = Bench {
        keys: KeyRing::new(&[Secret::new([7; KeyRing::KEY_BYTES])]),
        dice: Dice::repeating(7),
        config,
        intel,
        store,
        accounts,
    };
    runtime.block_on(async {
        let before = resident();
        bench.teach().await;
        println!(
            "{}, {accounts} profiles: {} KiB of memory more, {} KiB on disk",
            if shared { "Redis" } else { "embedded" },
            resident().saturating_sub(before),
            size(folder.path())
        );
        bench.sign_ins().await;
        bench.messages("a browser that is new", None).await;
        bench.messages("a browser known for two days", Some(NOW.before(Duration::from_hours(48)))).await;
    });
    Ok(())
}

struct Bench {
    config: Config,
    intel: Intel,
    store: Arc<dyn Store>,
    keys: KeyRing,
    dice: Dice,
    accounts: u32,
}

impl Bench {
    fn account(&self, number: u32) -> Account {
        Account::from_canonical(&format!("person{:07}", number % self.accounts))
    }

    async fn teach(&self) {
        let site = Arc::clone(&self.config.sites[0].name);
        let german: Country = "DE".parse().expect("a country");
        let british: Country = "GB".parse().expect("a country");
        for first in (0..self.accounts).step_by(AT_ONCE as usize) {
            for lesson in 0..LESSONS {
                let accounts: Vec<Account> =
                    (first..self.accounts.min(first + AT_ONCE)).map(|number| self.account(number)).collect();
                let taught = accounts.iter().enumerate().map(|(number, account)| {
                    let lesson = Lesson {
                        time: Timestamp::from_millis(NOW.as_millis() - u64::from(LESSONS - lesson) * 86_400_000),
                        address: home(first + number as u32 + lesson % 3),
                        country: Some(if lesson == 1 { british } else { german }),
                        as_number: Some(3320 + lesson % 3),
                        agent: Agent::of(Some(FIREFOX)),
                    };
                    self.store.teach(&site, account, lesson, NOW)
                });
                for taught in join_all(taught).await {
                    taught.expect("the disk has room");
                }
            }
        }
    }

    async fn sign_ins(&self) {
        let site = &self.config.sites[0];
        let on_away = |away: &Away| panic!("{away}");
        let (mut reserve, mut judge, mut admit) = (Timer::default(), Timer::default(), Timer::default());
        let begun = Spent::now();
        for number in 0..DECISIONS {
            let now = Timestamp::from_millis(NOW.as_millis() + u64::from(number) * 1_000);
            let judging = self.judging(now, &on_away);
            let number = mixed(number) % self.accounts;
            let client = client(number);
            let attempt = Attempt {
                site,
                client: &client,
                account: self.account(number),
                door: Door::Webmail,
                device: None,
                password_fingerprint: mixed(number),
                password_begins: Vec::new(),
            };
            let reserved = reserve.time(judging.reserve_sign_in(&attempt)).await;
            assert!(reserved.decision.permit.is_some(), "{:?}", reserved.decision.stopped_by);
            let judged = judge.time(judging.judge_sign_in(&attempt, &reserved, PasswordQuality::default())).await;
            let (code, device) = (self.dice.reference(), self.dice.bytes());
            let hash = SessionHash(self.dice.bytes());
            admit.time(judging.admit(&attempt, &reserved, &judged, hash, code, device)).await;
            judging.give_back(&reserved.receipt).await;
        }
        begun.print("a sign-in", DECISIONS);
        reserve.print("  reserved before the webmail is asked");
        judge.print("  judged when it said yes");
        admit.print("  written down, on disk");
    }

    async fn messages(&self, browser: &str, known_since: Option<Timestamp>) {
        let site = &self.config.sites[0];
        let on_away = |away: &Away| panic!("{away}");
        let mut sessions = self.store.sessions(&site.name, None, DECISIONS as usize, NOW).await.expect("it is open");
        // One message of each account: a second would meet the limit for new browsers.
        let mut seen = HashSet::new();
        sessions.retain(|session| seen.insert(session.account.clone()));
        let sketcher = Sketcher::new(&self.keys);
        let [mut reserve, mut read, mut compare, mut put, mut whole, mut tell, mut note] = <[Timer; 7]>::default();
        // Nobody sent the like a moment before.
        let (texts, later) = if known_since.is_some() { (DECISIONS, 2) } else { (0, 1) };
        let begun = Spent::now();
        for (number, session) in sessions.iter().enumerate() {
            let session =
                Arc::new(Session { device_since: known_since.or(session.device_since), ..Session::clone(session) });
            let passed = u64::from(DECISIONS) * later + number as u64;
            let now = Timestamp::from_millis(NOW.as_millis() + passed * 1_000);
            let judging = self.judging(now, &on_away);
            let client = client(number as u32);
            let to = Recipients::new((0..5).map(|friend| format!("friend{friend}.of.{number}@b.example")).collect());
            let sending = Sending {
                site,
                client: &client,
                account: session.account.clone(),
                hash: session.hash,
                session: Fact::Known(Some(session)),
                recipients: 5,
                to: &to,
            };
            let form = form(texts + number as u32);
            let before_it_goes = async {
                let reserved = reserve
                    .time(async {
                        let attempt = judging.count_attempt(site, &sending.account);
                        tokio::join!(judging.reserve_send(&sending), attempt).0
                    })
                    .await;
                let form = read.time(async { read_form(&form) }).await;
                let composed = Roundcube.composed(&form).expect("it is a message");
                let others = async {
                    let (own_domains, name) = (&site.own_domains, &site.name);
                    let message = Message { composed: &composed, recipients: 5, files: &[], own_domains, site: name };
                    let features = sketcher.features(&self.keys, &message);
                    let sketched = Sketched { features, message: Sketcher::fingerprint(&self.keys, &composed) };
                    let seen = judging.sighted(&sending, &reserved, sketched, || self.dice.reference());
                    match seen.expect("it is like no other") {
                        seen if may_speak(&seen.sighting) => {
                            let signals = judging.compare(&seen).await.signals;
                            assert!(signals.is_empty(), "nobody else sent it: {signals:?}");
                            None
                        }
                        seen => Some(seen),
                    }
                };
                let untold = compare.time(others).await;
                let written = Written { from: "alice@a.example", now, id: "0707", site: &site.name };
                put.time(async { std::hint::black_box(assemble(&composed, Vec::new(), &written)) }).await;
                (reserved, untold)
            };
            let (reserved, untold) = whole.time(before_it_goes).await;
            assert!(reserved.decision.permit.is_some(), "{:?}", reserved.decision.stopped_by);
            if let Some(seen) = untold {
                tell.time(judging.tell_seen(&seen)).await;
            }
            note.time(judging.note_sent(&sending, &reserved)).await;
        }
        begun.print(&format!("a message to five on {browser}"), sessions.len() as u32);
        reserve.print("  reserved before it goes");
        read.print("  its form read");
        compare.print("  sketched, and compared where that counts");
        put.print("  put together for scanners");
        whole.print("  all of that");
        if known_since.is_some() {
            tell.print("  told to the store while the webmail has it");
        }
        note.print("  noted when it left");
    }

    fn judging<'a>(&'a self, now: Timestamp, on_away: &'a (dyn Fn(&Away) + Sync)) -> Judging<'a> {
        Judging {
            store: &*self.store,
            intel: &self.intel,
            keys: &self.keys,
            config: &self.config,
            now,
            enforces: true,
            on_away,
        }
    }
}

/// What Roundcube's compose page sends, with a text that no other has.
fn form(number: u32) -> Vec<u8> {
    let word = |place: u32| -> String {
        let letters = mixed(number * WORDS + place);
        (0..6).map(|letter| char::from(b'a' + ((letters >> (5 * letter)) % 26) as u8)).collect()
    };
    let text: Vec<String> = (0..WORDS).map(word).collect();
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("_task", "mail"),
            ("_action", "send"),
            ("_id", "1"),
            ("_from", "1"),
            ("_to", "friend@b.example"),
        ])
        .extend_pairs([("_subject", "Timetable"), ("_message", &text.join(" "))])
        .finish()
        .into_bytes()
}

fn read_form(form: &[u8]) -> Form {
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let read = Form::read_from(Some(&kind), form, 1000, TEXT_BYTES_MAX, |_| {});
    read.expect("it is in memory").expect("it is a form")
}

/// An address of a German provider (AS3320).
fn home(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x4fc0_0000 | (number & 0xffff)))
}

fn client(number: u32) -> Client {
    let address = home(number);
    Client { address, prefix: Prefix::of(address), network: NetworkClass::Outside, user_agent: Some(FIREFOX.into()) }
}

/// Times of one step.
#[derive(Default)]
struct Timer(Vec<Duration>);

impl Timer {
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    async fn time<T>(&mut self, step: impl Future<Output = T>) -> T {
        let begin = Instant::now();
        let done = step.await;
        self.0.push(begin.elapsed());
        done
    }

    fn print(&mut self, what: &str) {
        self.0.sort_unstable();
        let at =
            |share: usize| self.0.get(self.0.len() * share / 100).copied().unwrap_or_default().as_nanos() as f64 / 1e3;
        println!("{what:<44} median {:>9.1} us, 99 of 100 within {:>9.1} us", at(50), at(99));
    }
}

/// Bits that look random, the same for the same number.
fn mixed(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x7feb_352d);
    let number = (number ^ (number >> 15)).wrapping_mul(0x846c_a68b);
    number ^ (number >> 16)
}

/// Processor time, user and system.
struct Spent {
    here: Duration,
    in_all: Duration,
}

impl Spent {
    fn now() -> Self {
        Self { here: on_processor("/proc/thread-self"), in_all: threads().map(|thread| on_processor(&thread)).sum() }
    }

    fn print(&self, what: &str, times: u32) {
        let now = Self::now();
        let each = |then: Duration, now: Duration| now.saturating_sub(then).as_nanos() as f64 / f64::from(times) / 1e3;
        println!(
            "{what}, processor time: {:.0} us where it is decided, {:.0} us with the store's threads",
            each(self.here, now.here),
            each(self.in_all, now.in_all)
        );
    }
}

fn threads() -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string())
}

/// By the scheduler's account, in nanoseconds.
fn on_processor(thread: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("{thread}/schedstat")).unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Memory of this process, in KiB, by the kernel's account.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// What is in a folder, in KiB.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum::<u64>() / 1024
}
