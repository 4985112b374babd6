//! Many people at a real Roundcube through one Mailward, with Redis and ClamAV, while one thing after another is harmed:
//! every message is delivered once, nothing that was written is lost, nobody is signed out, and Mailward costs in the end
//! what it cost in the beginning.
//!
//! `MAILWARD_SOAK_SECONDS` says how long, `MAILWARD_SOAK_PEOPLE` how many; `MAILWARD_SOAK_REPORT` names a file for the
//! tables, which is how `tests/run --long soak` makes `docs/soak.md`.
//!
//! * `person` is what people do, `asking` how they ask; `faults` what is done to them; `record` what they saw; `delivered` what Postfix says of
//!   it; `watch` what Mailward's process costs.

mod asking;
mod delivered;
mod faults;
mod person;
mod record;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;

use crate::stack::{Person, until};
use delivered::{Count, Delivered, compare};
use faults::{Fault, World};
use person::Visitor;
use record::{Kind, Record, Summary, Trouble, What, Window, by_fault, now, percentile, waits};
use watch::{Usual, usual, watch};

/// What every run of the tests does with.
const SECONDS: u64 = 40;
const PEOPLE: usize = 20;

/// From this length on each quarter has all faults, and quarters can be compared.
const COMPARABLE: Duration = Duration::from_secs(600);

/// Between two things that one of so many people does, so that two cores carry all of it: about a dozen requests to PHP
/// in a second.
const PAUSE_FOR_EACH: Duration = Duration::from_millis(75);
const PAUSE_MIN: Duration = Duration::from_millis(1_500);

/// How long a fault lasts that lasts: a quarter of the time until the next, within these.
const LASTS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// What the last quarter may take more than the second: a tenth, and what one busy moment takes.
const MORE_MEMORY_KIB: u64 = 8 * 1024;
const MORE_DESCRIPTORS: u64 = 32;
const MORE_THREADS: u64 = 2;

/// How much longer people may wait in the last quarter than in the second: half as long again in the middle, twice at the
/// slow end, and what nobody notices.
const LONGER: Duration = Duration::from_millis(50);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// Which faults come when, and how long those last that last. The process that is watched lives from the second quarter
/// to the end, so it is restarted within the first quarter of a long run, and at the end of each.
fn plan(length: Duration) -> (Vec<(Duration, Fault)>, Duration) {
    let mut plan = Vec::new();
    let mut spread = |from: Duration, over: Duration, faults: &[Fault]| {
        let apart = over / u32::try_from(faults.len()).expect("a dozen");
        for (nth, fault) in (0..).zip(faults) {
            plan.push((from + apart * nth + apart / 2, *fault));
        }
        apart
    };
    let all = Fault::WITHOUT_RESTART;
    let with_restarts = |restarts: usize| {
        let mut faults = all.to_vec();
        for nth in 0..restarts {
            faults.insert(nth * all.len() / restarts, Fault::Restarted);
        }
        faults
    };
    let apart = if length < COMPARABLE {
        spread(Duration::ZERO, length, &all)
    } else {
        let quarter = length / 4;
        spread(Duration::ZERO, quarter, &with_restarts(3));
        for nth in 1..3 {
            spread(quarter * nth, quarter, &all);
        }
        spread(quarter * 3, quarter, &all)
    };
    (plan, (apart / 4).clamp(LASTS[0], LASTS[1]))
}

/// What came of it.
struct Soaked {
    people: usize,
    length: Duration,
    began: Instant,
    record: Record,
    windows: Vec<Window>,
    count: Count,
    quarters: [Usual; 4],
}

impl Soaked {
    /// Where a quarter begins and ends.
    fn quarter(&self, nth: u32) -> (Instant, Instant) {
        let quarter = self.length / 4;
        (self.began + quarter * nth, self.began + quarter * (nth + 1))
    }

    /// How long people waited in each quarter in which no fault was at work: in the middle, and at the slow end.
    fn waits(&self, what: What) -> [(usize, Duration, Duration); 4] {
        std::array::from_fn(|nth| {
            let (from, to) = self.quarter(u32::try_from(nth).unwrap_or(0));
            let waits = waits(&self.record, &self.windows, what, from, to);
            (waits.len(), percentile(&waits, 50), percentile(&waits, 99))
        })
    }

    fn report(&self, faults: &BTreeMap<Option<Fault>, Summary>) -> String {
        let Self { people, length, record, windows, count, .. } = self;
        let mut report = format!(
            "{people} people for {} s: {} visits, {} requests.\n\n",
            length.as_secs(),
            record.visits,
            record.seen.len()
        );
        let Count { messages, told_sent, told_not_sent, told_unknown, unknown_delivered, sent_again, wrong } = count;
        let _ = writeln!(report, "| messages | |\n|---|---|");
        for (what, number) in [
            ("written to the end", *messages),
            ("times that somebody was told: sent; each delivered once", *told_sent),
            ("times that somebody was told: not sent; none delivered", *told_not_sent),
            ("times that the webmail died over it and nobody knew", *told_unknown),
            ("of these, delivered", *unknown_delivered),
            (
                "messages sent again by their writers because the webmail had died before it put a copy into Sent",
                *sent_again,
            ),
            ("delivered otherwise than was told, or twice", wrong.len()),
            ("drafts opened again with everything in them", record.drafts_found),
            ("drafts that were not as they were written", record.drafts_lost.len()),
            ("given up", record.given_up.len()),
        ] {
            let _ = writeln!(report, "| {what} | {number} |");
        }
        report.push_str(
            "\n| what happened | times | seconds | requests | not answered by the webmail | reads only | refused | signed out | lost | slowest (s) |\n\
             |---|---|---|---|---|---|---|---|---|---|\n",
        );
        for (fault, summary) in faults {
            let of_this: Vec<&Window> = windows.iter().filter(|window| Some(window.fault) == *fault).collect();
            let seconds: f64 = of_this.iter().map(|window| (window.ended - window.began).as_secs_f64()).sum();
            let (times, seconds) = match fault {
                Some(_) => (of_this.len().to_string(), format!("{seconds:.0}")),
                None => (String::new(), String::new()),
            };
            let _ = writeln!(
                report,
                "| {} | {times} | {seconds} | {} | {} | {} | {} | {} | {} | {:.1} |",
                fault.map_or("nothing", Fault::name),
                summary.requests,
                summary.count(Kind::Webmail),
                summary.count(Kind::ReadsOnly),
                summary.count(Kind::Refused),
                summary.count(Kind::SignedOut),
                summary.count(Kind::Lost),
                summary.slowest.as_secs_f64()
            );
        }
        report.push_str("\n| Mailward's process | 1st quarter | 2nd | 3rd | 4th |\n|---|---|---|---|---|\n");
        let mut line = |name: &str, of: &dyn Fn(&Usual) -> String| {
            let _ = writeln!(report, "| {name} | {} |", self.quarters.each_ref().map(of).join(" | "));
        };
        let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
        line("memory (MiB)", &|usual| mib(usual.memory_kib));
        line("without program and tables (MiB)", &|usual| mib(usual.own_kib));
        line("most of it (MiB)", &|usual| mib(usual.memory_kib_most));
        line("open descriptors", &|usual| usual.descriptors.to_string());
        line("threads", &|usual| usual.threads.to_string());
        report.push_str(
            "\n| how long people wait (ms, p50 / p99) | 1st quarter | 2nd | 3rd | 4th |\n|---|---|---|---|---|\n",
        );
        for (what, name) in What::ALL {
            let shown = self.waits(what).map(|(many, p50, p99)| match many {
                0 => "none".to_owned(),
                _ => format!("{} / {}", p50.as_millis(), p99.as_millis()),
            });
            let _ = writeln!(report, "| {name} | {} |", shown.join(" | "));
        }
        report
    }

    /// What must hold.
    fn check(&self, faults: &BTreeMap<Option<Fault>, Summary>) {
        let Self { record, count, quarters, .. } = self;
        assert!(count.wrong.is_empty(), "{} messages, such as\n{}", count.wrong.len(), some(&count.wrong));
        assert!(count.sent_again <= count.told_unknown, "{count:?}");
        assert!(record.drafts_lost.is_empty(), "{}", some(&record.drafts_lost));
        assert!(record.given_up.is_empty(), "{}", some(&record.given_up));
        for (fault, summary) in faults {
            for (kind, lines) in &summary.troubles {
                let may_be = *kind == Kind::ReadsOnly || fault.is_some_and(|fault| fault.may_cause(*kind));
                let when = fault.map_or("nothing was harmed", Fault::name);
                assert!(may_be, "{kind:?} {} times while {when}, such as\n{}", lines.len(), some(lines));
            }
        }
        let away = |at: Instant| {
            self.windows
                .iter()
                .any(|window| window.fault.takes_the_store() && (window.began..=window.ended).contains(&at))
        };
        for seen in &record.seen {
            if let Some(Trouble::ReadsOnly(signed_in)) = seen.trouble {
                let after = signed_in.saturating_duration_since(self.began);
                assert!(away(signed_in), "{} signed in at {after:?}, and could only read", seen.who);
            }
        }
        assert!(count.told_sent > 0, "somebody sent something: {count:?}");
        let [_, second, _, last] = quarters;
        let more = |second: u64, margin: u64| second + second / 10 + margin;
        for memory in [|usual: &Usual| usual.memory_kib, |usual: &Usual| usual.own_kib] {
            assert!(memory(last) <= more(memory(second), MORE_MEMORY_KIB), "memory grows: {quarters:?}");
        }
        assert!(last.descriptors <= more(second.descriptors, MORE_DESCRIPTORS), "descriptors stay: {quarters:?}");
        assert!(last.threads <= second.threads + MORE_THREADS, "threads stay: {quarters:?}");
        if self.length >= COMPARABLE {
            for (what, name) in What::ALL {
                let [_, second, _, last] = self.waits(what);
                assert!(last.1 <= second.1 * 3 / 2 + LONGER, "{name}: {:?} in the middle, then {:?}", second.1, last.1);
                // Of few the hundredth part is one.
                let are_many = second.0 >= 200 && last.0 >= 200;
                assert!(!are_many || last.2 <= second.2 * 2 + LONGER, "{name}: {:?}, then {:?}", second.2, last.2);
            }
        }
    }
}

/// Some of many lines.
fn some(lines: &[String]) -> String {
    lines.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_harmed_each_message_is_delivered_once_and_nothing_grows() {
    let length = Duration::from_secs(number("MAILWARD_SOAK_SECONDS", SECONDS));
    let people = usize::try_from(number("MAILWARD_SOAK_PEOPLE", PEOPLE as u64)).expect("not so many");
    let pause = (PAUSE_FOR_EACH * u32::try_from(people).expect("not so many")).max(PAUSE_MIN);
    let mut world = World::start().await;
    let colleagues: Arc<Vec<Person>> = Arc::new((0..people).map(|_| world.stack.account()).collect());
    let record: Arc<Mutex<Record>> = Arc::default();
    let (stop, stop_watching): (Arc<AtomicBool>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
    let watching = tokio::spawn(watch(Arc::clone(&world.pid), Arc::clone(&stop_watching)));
    let visitor = |number| Visitor::new(number, world.gateway.client(), &colleagues, pause, &record, &stop);
    let visitors: Vec<Visitor> = (0..people).map(visitor).collect();
    // On a thread of their own: what is done to the servers keeps nobody waiting here.
    let runtime = tokio::runtime::Handle::current();
    let visits =
        tokio::task::spawn_blocking(move || runtime.block_on(join_all(visitors.into_iter().map(Visitor::live))));

    // Each browser is known before the first fault.
    until("everybody has signed in", 180, async || (record.lock().arrived == people).then_some(())).await;
    let began = now();
    let (plan, lasts) = plan(length);
    let mut windows = Vec::new();
    for (at, fault) in plan {
        tokio::time::sleep((began + at).saturating_duration_since(now())).await;
        windows.push(world.suffer(fault, lasts).await);
        println!("at {:.0} s: {}, over at {:.1} s", at.as_secs_f64(), fault.name(), began.elapsed().as_secs_f64());
    }
    tokio::time::sleep((began + length).saturating_duration_since(now())).await;
    stop_watching.store(true, Ordering::Relaxed);
    let looks = watching.await.expect("nobody panics");
    windows.push(world.suffer(Fault::Restarted, lasts).await);
    stop.store(true, Ordering::Relaxed);
    let left = visits.await.expect("nobody panics");

    let record = std::mem::take(&mut *record.lock());
    until("Postfix has delivered what people were told is sent", 60, async || {
        Delivered::read(&world.stack.postfix_log()).has_all(&record.attempts).then_some(())
    })
    .await;
    // What nobody was told of may still be on its way.
    until("Postfix's queue is empty", 60, async || world.stack.postfix_is_idle().then_some(())).await;
    for (person, text) in left {
        let Some(text) = text else { continue };
        let drafts = world.stack.folder(&person, "Drafts");
        assert!(drafts.iter().any(|draft| draft.contains(&text)), "{}'s draft is gone: {text}", person.name);
    }
    let quarter = length / 4;
    let quarters = [0, 1, 2, 3].map(|nth| usual(&looks, began + quarter * nth, began + quarter * (nth + 1)));
    let count = compare(&record.attempts, &world.stack);
    let soaked = Soaked { people, length, began, record, windows, count, quarters };
    let faults = by_fault(&soaked.record, &soaked.windows, began);
    let report = soaked.report(&faults);
    println!("{report}");
    for (fault, summary) in &faults {
        for (kind, lines) in &summary.troubles {
            println!("{}: {kind:?}: {}", fault.map_or("nothing", Fault::name), some(lines));
        }
    }
    if let Some(path) = std::env::var_os("MAILWARD_SOAK_REPORT") {
        fs::write(path, &report).expect("the report can be written");
    }
    // The faults were faults. In a short run nobody may have written anything while the scanner was away.
    let felt = ["store_degraded", "store_recovered", "upstream_failed", "configuration_reloaded", "scanner_silent"];
    for event in &felt[..if length < COMPARABLE { 4 } else { 5 }] {
        assert!(!world.gateway.events_of(event).is_empty(), "no {event}");
    }
    soaked.check(&faults);
}
