//! The contract of marks on prefixes.

use mailward::domain::{Prefix, PrefixMark, SiteName};
use mailward::store::{Record, Store};

use super::at;

fn prefix(text: &str) -> Prefix {
    text.parse().expect("an address")
}

fn mark(site: &str, address: &str, since: u64, until: u64) -> PrefixMark {
    PrefixMark {
        site: site.into(),
        prefix: prefix(address),
        by: "anna".to_owned(),
        since: at(since),
        until: at(until),
        note: "a “note”".to_owned(),
    }
}

pub async fn a_mark_counts_at_its_site_until_its_time_or_until_it_is_taken_off(store: &dyn Store) {
    let (here, there): (SiteName, SiteName) = ("marks1".into(), "marks2".into());
    let on = async |site: &SiteName, address: &str, second: u64| {
        store.marked_prefix(site, prefix(address), at(second)).await.expect("the store answers")
    };
    assert_eq!(on(&here, "192.0.2.7", 0).await, None);
    let first = mark("marks1", "192.0.2.7", 1, 100);
    store.mark_prefix(first.clone()).await.expect("the store answers");
    assert_eq!(on(&here, "192.0.2.7", 99).await, Some(first));
    assert_eq!(on(&here, "192.0.2.7", 100).await, None, "its time is over");
    assert_eq!((on(&here, "192.0.2.8", 2).await, on(&there, "192.0.2.7", 2).await), (None, None));
    let longer = PrefixMark { by: "otto".to_owned(), ..mark("marks1", "192.0.2.7", 5, 500) };
    store.mark_prefix(longer.clone()).await.expect("the store answers");
    assert_eq!(on(&here, "192.0.2.7", 100).await.as_ref(), Some(&longer), "the later one is in its place");
    let network = mark("marks1", "2001:db8:1:2::", 3, 200);
    store.mark_prefix(network.clone()).await.expect("the store answers");
    let other = mark("marks2", "192.0.2.9", 3, 200);
    store.mark_prefix(other.clone()).await.expect("the store answers");
    let all = async |site: &SiteName, second| store.marked_prefixes(site, at(second)).await.expect("the store answers");
    assert_eq!(all(&here, 6).await, [longer.clone(), network], "the latest first");
    assert_eq!(all(&here, 200).await, [longer]);
    assert_eq!(all(&there, 6).await, [other]);
    let off =
        async |second| store.unmark_prefix(&here, prefix("192.0.2.7"), at(second)).await.expect("the store answers");
    assert_eq!((off(7).await, off(7).await, on(&here, "192.0.2.7", 7).await), (true, false, None));
    store.mark_prefix(mark("marks1", "192.0.2.7", 8, 10)).await.expect("the store answers");
    assert!(!off(10).await, "one that is over is none");
}

pub async fn marks_move_to_another_store_and_none_that_is_there_is_replaced(store: &dyn Store) {
    let site: SiteName = "marks3".into();
    let own = mark("marks3", "192.0.2.1", 1, 50);
    store.mark_prefix(own.clone()).await.expect("the store answers");
    let comes = mark("marks3", "192.0.2.2", 2, 60);
    let records = vec![
        Record::Mark(mark("marks3", "192.0.2.1", 3, 500)),
        Record::Mark(comes.clone()),
        Record::Mark(mark("marks3", "192.0.2.3", 2, 9)),
    ];
    assert_eq!(store.import(records.clone(), at(9)).await.expect("the store answers"), 1);
    assert_eq!(store.import(records, at(9)).await.expect("the store answers"), 0, "nothing is new");
    assert_eq!(store.marked_prefixes(&site, at(9)).await.expect("the store answers"), [comes.clone(), own.clone()]);
    let found = super::lines(store, "marks3").await;
    let expected = [own, comes].map(|mark| serde_json::to_string(&Record::Mark(mark)).expect("it is written"));
    assert_eq!(found, expected);
}
