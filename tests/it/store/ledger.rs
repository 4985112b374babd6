//! What the administrator's desk asks of a store.

use std::time::Duration;

use mailward::domain::{Account, AuditEntry, EventFilter, Mark, PastEvent, Sender, SiteName, Span, Timestamp};
use mailward::store::{OPERATOR_BYTES_MAX, Record, Store};

use super::{at, run};

const KEEP: Duration = Duration::from_secs(180 * 86_400);

fn event(number: u64, second: u64, line: &str) -> PastEvent {
    PastEvent { number, time: at(second), line: line.to_owned() }
}

fn sent(number: u64, second: u64, account: &str, recipients: u32) -> PastEvent {
    let line = format!(
        r#"{{"time":"…","event":"sent","site":"ledger","account":"{account}","country":"BR","recipients":{recipients}}}"#
    );
    event(number, second, &line)
}

fn of(account: &str) -> EventFilter {
    EventFilter { account: Some(Account::from_canonical(account)), ..EventFilter::default() }
}

async fn numbers(store: &dyn Store, filter: &EventFilter, most: usize) -> (Vec<u64>, Option<Mark>) {
    let found = store.past_events(filter, most).await.expect("the store answers");
    (found.events.iter().map(|event| event.number).collect(), found.next)
}

async fn put(store: &dyn Store, events: Vec<PastEvent>, second: u64) {
    store.put_events(events, KEEP, at(second)).await.expect("the store answers");
}

pub async fn events_are_found_newest_first_and_page_by_page(store: &dyn Store) {
    let refused = r#"{"event":"send_refused","site":"ledger","account":"pages","reference":"Ref Pages"}"#;
    let second = 10_000_000;
    let events = vec![
        sent(3, second, "pages", 1),
        sent(1, second, "pages", 1),
        event(PastEvent::NUMBER_MAX, second, refused),
        sent(2, second + 1, "pages", 1),
        sent(5, second - 1, "pages", 1),
        sent(4, second + 2, "others of pages", 1),
    ];
    put(store, events, second).await;
    let all = of("pages");
    let order = vec![2, PastEvent::NUMBER_MAX, 3, 1, 5];
    assert_eq!(numbers(store, &all, 9).await, (order.clone(), None));
    let (mut walked, mut before) = (Vec::new(), None);
    loop {
        let (some, next) = numbers(store, &EventFilter { before, ..all.clone() }, 2).await;
        walked.extend(some);
        before = next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(walked, order);
    let since = Some(at(second));
    for (filter, found) in [
        (EventFilter { since, ..all.clone() }, vec![2, PastEvent::NUMBER_MAX, 3, 1]),
        (EventFilter { kinds: vec!["send_refused".into()], ..all.clone() }, vec![PastEvent::NUMBER_MAX]),
        (EventFilter { text: Some("ref pages".into()), since, ..EventFilter::default() }, vec![PastEvent::NUMBER_MAX]),
        (EventFilter { site: Some("other".into()), ..all.clone() }, vec![]),
        (EventFilter { site: Some("ledger".into()), since: Some(at(second + 1)), ..all.clone() }, vec![2]),
    ] {
        assert_eq!(numbers(store, &filter, 9).await, (found, None), "{filter:?}");
    }
    let kinds = vec!["send_refused".to_owned()];
    let one_kind = EventFilter { kinds, since, before: Some(sent(0, second + 1, "", 1).mark()), ..Default::default() };
    assert_eq!(numbers(store, &one_kind, 1).await.0, [PastEvent::NUMBER_MAX], "of whomever");
    let found = store.past_events(&all, 1).await.expect("the store answers");
    assert_eq!(found.events, [sent(2, second + 1, "pages", 1)], "as it was put");
}

pub async fn an_event_that_is_told_twice_is_counted_once(store: &dyn Store) {
    // Hours that no other case has.
    let hour = Span::Hour.start(at(20_000_000));
    let second = |more| (hour.as_millis() - at(0).as_millis()) / 1000 + more;
    let (site, now) = (SiteName::from("ledger"), hour.after(Duration::from_secs(2 * 3600)));
    let sign_in = r#"{"event":"sign_in_ok","site":"ledger","account":"c","country":"BR","verdict":"restrict"}"#;
    let events = vec![
        sent(11, second(1), "counted", 40),
        sent(12, second(301), "counted", 2),
        sent(13, second(302), "a/b", 50),
        sent(14, second(3600), "counted", 60),
        event(15, second(2), sign_in),
    ];
    put(store, events.clone(), second(7200)).await;
    put(store, events[..2].to_vec(), second(7200)).await;
    let count = async |span, since: Timestamp, what: &str| {
        let tallies = store.tallies(span, since, now).await.expect("the store answers");
        let mut counted: Vec<(u64, u64)> = tallies
            .iter()
            .filter(|tally| tally.what == what)
            .map(|tally| (tally.start.since(hour).as_secs(), tally.count))
            .collect();
        counted.sort_unstable();
        counted
    };
    assert_eq!(count(Span::FiveMinutes, hour, "sent").await, [(0, 1), (300, 2), (3600, 1)]);
    assert_eq!(count(Span::FiveMinutes, hour.after(Duration::from_secs(599)), "sent").await, [(300, 2), (3600, 1)]);
    assert_eq!(count(Span::Hour, hour, "recipients").await, [(0, 92), (3600, 60)]);
    assert_eq!(count(Span::Hour, hour, "from:BR").await, [(0, 1)]);
    assert_eq!(count(Span::Hour, hour, "challenged").await, [(0, 1)]);
    let sender = |account: &str, messages, recipients| Sender {
        site: site.clone(),
        account: Account::from_canonical(account),
        messages,
        recipients,
    };
    let top = async |since, most| store.top_senders(since, most, now).await.expect("the store answers");
    assert_eq!(top(hour, 9).await, [sender("counted", 3, 102), sender("a/b", 1, 50)]);
    assert_eq!(top(hour.after(Duration::from_secs(3599)), 1).await, [sender("counted", 3, 102)]);
    assert_eq!(top(hour.after(Duration::from_secs(3600)), 9).await, [sender("counted", 1, 60)]);
}

pub async fn events_that_are_too_old_are_forgotten(store: &dyn Store) {
    // In the far past, where it takes no other case's events along.
    let old = |number, millis| PastEvent { time: Timestamp::from_millis(millis), ..sent(number, 0, "forgotten", 1) };
    let keep = Duration::from_secs(10);
    let put = async |events, now| {
        store.put_events(events, keep, Timestamp::from_millis(now)).await.expect("the store answers");
        numbers(store, &of("forgotten"), 9).await.0
    };
    assert_eq!(put(vec![old(21, 1_000), old(22, 5_000)], 5_000).await, [22, 21]);
    assert_eq!(put(vec![], 11_000).await, [22, 21]);
    assert_eq!(put(vec![], 11_001).await, [22]);
}

pub fn entry(number: u64, second: u64, by: &str) -> AuditEntry {
    AuditEntry {
        number,
        time: at(second),
        by: by.to_owned(),
        address: "2001:db8::1".parse().ok(),
        action: "flag.clear".to_owned(),
        target: "alice at “ledger”".to_owned(),
        site: Some("ledger".into()),
        account: Some(Account::from_canonical("alice")),
        note: "<b>\n".to_owned(),
        done: true,
    }
}

pub async fn what_operators_did_is_listed_newest_first(store: &dyn Store) {
    let second = 30_000_000;
    let [first, second, third] = [entry(31, second, "ann"), entry(33, second, "bo"), entry(32, second + 1, "ann")];
    for one in [&second, &first, &third, &first] {
        store.note_audit(one.clone()).await.expect("the store answers");
    }
    let before = Some(Mark { time: third.time.after(Duration::from_secs(1)), number: 0 });
    let list = async |by, before, most| store.audit(by, before, most).await.expect("the store answers");
    assert_eq!(list(None, before, 3).await, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(list(Some("ann"), before, 2).await, [third.clone(), first.clone()]);
    assert_eq!(list(None, Some(third.mark()), 1).await, std::slice::from_ref(&second));
    assert_eq!(list(Some("ann"), Some(second.mark()), 1).await, [first]);
    assert_eq!(list(Some("nobody"), before, 9).await, []);
}

pub async fn operators_are_changed_only_by_whoever_saw_the_version_before(store: &dyn Store) {
    let found = async |name| {
        let sealed = store.operator(name).await.expect("the store answers");
        sealed.map(|sealed| (sealed.version, sealed.bytes))
    };
    let put = async |name, bytes: &[u8], expected| {
        store.put_operator(name, bytes.to_vec(), expected).await.expect("the store answers")
    };
    let odd = "ann “o” 1";
    assert_eq!((found(odd).await, put(odd, b"none", 1).await), (None, false));
    assert!(put(odd, &[0, b' ', 255, b'\n'], 0).await && put("bo", b"", 0).await);
    assert_eq!((put(odd, b"late", 0).await, found(odd).await), (false, Some((1, vec![0, b' ', 255, b'\n']))));
    assert!(put(odd, b"7 second", 1).await);
    assert_eq!((found(odd).await, found("bo").await), (Some((2, b"7 second".to_vec())), Some((1, vec![]))));
    let all = store.operators().await.expect("the store answers");
    let names: Vec<_> = all.iter().map(|(name, sealed)| (&**name, sealed.version)).collect();
    assert_eq!(names, [(odd, 2), ("bo", 1)]);
    let too_large = store.put_operator("bo", vec![0; OPERATOR_BYTES_MAX + 1], 1).await;
    assert!(too_large.is_err_and(|away| away.what.contains("bytes are more than")));
    let remove = async |name| store.remove_operator(name).await.expect("the store answers");
    assert_eq!((remove("bo").await, remove("bo").await, found("bo").await), (true, false, None));
    assert!(put("bo", b"anew", 0).await && remove("bo").await && remove(odd).await);
}

pub async fn what_the_desk_knows_moves_to_another_store(store: &dyn Store) {
    let records = vec![
        Record::Event(sent(41, 40_000_000, "moved", 3)),
        Record::Event(sent(42, 40_000_000, "moved", 3)),
        Record::Audit(Box::new(entry(43, 40_000_000, "moved"))),
        Record::Operator {
            name: "moved".into(),
            operator: mailward::store::Sealed { version: 4, bytes: b"sealed".to_vec() },
        },
    ];
    assert_eq!(store.import(records.clone(), at(0)).await.expect("the store answers"), 4);
    assert_eq!(store.import(records.clone(), at(0)).await.expect("the store answers"), 0, "nothing is new");
    let top = store.top_senders(at(40_000_000), 9, at(40_000_001)).await.expect("the store answers");
    assert_eq!(top.iter().map(|sender| (sender.messages, sender.recipients)).collect::<Vec<_>>(), [(2, 6)]);
    let found = super::lines(store, "moved").await;
    let mut expected: Vec<String> =
        records.iter().map(|record| serde_json::to_string(record).expect("it is written")).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(store.remove_operator("moved").await.expect("the store answers"));
}

pub fn of_many_who_tell_the_same_events_at_once_each_is_counted_once(store: &dyn Store) {
    let second = 50_000_000;
    let events: Vec<PastEvent> = (0..40).map(|number| sent(100 + number, second, "at once", 1)).collect();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| events.chunks(7).for_each(|some| run(put(store, some.to_vec(), second))));
        }
    });
    let top = run(store.top_senders(at(second), 1, at(second))).expect("the store answers");
    assert_eq!(top.first().map(|sender| (sender.messages, sender.recipients)), Some((40, 40)));
    assert_eq!(run(numbers(store, &of("at once"), 99)).0.len(), 40);
}
