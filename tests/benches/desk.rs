//! What the administrator's desk asks of a store that is full of events.

use std::time::Duration;

use mailward::domain::{EventFilter, PastEvent, Span};
use mailward::store::Store;
use mailward::store::redis::Redis;

use super::{NOW, account, memory, mixed, now, prefix, resident, site};

/// Each page is asked for so often.
const TIMES: u32 = 20;

/// Events told at once, as the gateway does.
const AT_ONCE: u32 = 500;

/// Over so long they are spread: most of them are older than what is counted by the hour.
const SPREAD: Duration = Duration::from_secs(30 * 86_400);

const KEEP: Duration = Duration::from_secs(180 * 86_400);

/// Fills the store with events and times every kind of page.
pub async fn measure(store: &dyn Store, shared: Option<&Redis>, events: u32) -> anyhow::Result<()> {
    let before = (resident(), memory(shared).await?);
    let begin = now();
    for first in (0..events).step_by(AT_ONCE as usize) {
        let some = (first..events.min(first + AT_ONCE)).map(|number| event(number, events)).collect();
        store.put_events(some, KEEP, NOW).await?;
    }
    println!("\n{events} events more, told in {} s", begin.elapsed().as_secs());
    println!("{:<56} {:>10} MiB", "memory of this process, more", resident().saturating_sub(before.0) >> 10);
    if shared.is_some() {
        let more = memory(shared).await?.saturating_sub(before.1) >> 20;
        println!("{:<56} {more:>10} MiB", "memory of the server, more");
    }
    let all = EventFilter::default();
    let kinds = vec!["flag_raised".to_owned()];
    for (what, filter) in [
        ("newest", all.clone()),
        ("of an account", EventFilter { account: Some(account(7)), ..all.clone() }),
        ("of a rare kind", EventFilter { kinds: kinds.clone(), ..all.clone() }),
        ("with a word that is nowhere", EventFilter { text: Some("nowhere".into()), ..all.clone() }),
        ("a week ago", EventFilter { before: Some(event(events / 4, events).mark()), ..all }),
    ] {
        timed(&format!("page of 50 events, {what}"), async || {
            store.past_events(&filter, 50).await.map(|_| ()).map_err(Into::into)
        })
        .await?;
    }
    for (what, span, since) in [
        ("what was counted in an hour", Span::FiveMinutes, Duration::from_secs(3_600)),
        ("what was counted in a day", Span::FiveMinutes, Duration::from_secs(86_400)),
        ("what was counted in a week", Span::Hour, Duration::from_secs(7 * 86_400)),
    ] {
        timed(what, async || store.tallies(span, NOW.before(since), NOW).await.map(|_| ()).map_err(Into::into)).await?;
    }
    for (what, days) in [("top senders of a day", 1), ("top senders of a week", 7)] {
        let since = NOW.before(Duration::from_secs(days * 86_400));
        timed(what, async || store.top_senders(since, 20, NOW).await.map(|_| ()).map_err(Into::into)).await?;
    }
    Ok(())
}

fn event(number: u32, of: u32) -> PastEvent {
    let step = SPREAD / of.max(1);
    let time = NOW.before(step * number);
    let drawn = mixed(number);
    let (kind, more) = match drawn % 1000 {
        0 => ("flag_raised", r#","verdict":"restrict""#),
        1..300 => ("sent", r#","recipients":3"#),
        300..900 => ("sign_in_ok", ""),
        _ => ("sign_in_failed", ""),
    };
    let (site, account, prefix) = (site(), account(drawn % 20_000), prefix(drawn));
    let line = format!(
        r#"{{"time":"{time}","event":"{kind}","site":"{site}","account":"{account}","session":"{drawn:032x}","address":"{}","prefix":"{prefix}","network":"outside","country":"DE","as_number":64500,"device":"{drawn:016x}","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0"{more}}}"#,
        prefix.address()
    );
    PastEvent { number: u64::from(number), time, line }
}

/// Prints the mean and the longest time.
async fn timed(what: &str, mut run: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let begin = now();
        run().await?;
        took.push(begin.elapsed());
    }
    let mean = took.iter().sum::<Duration>() / TIMES;
    let longest = took.iter().max().copied().unwrap_or_default();
    println!("{what:<56} {:>10} ms {:>6} ms at most", millis(mean), millis(longest));
    Ok(())
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
