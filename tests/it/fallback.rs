//! What a node does by itself while the store that it shares is away, and that nobody gains by it.
//!
//! Two nodes on one store; each one's way to it is switched off and on by the test. Time is passed in.

mod switched;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mailward::domain::flag::{Activity, FlagFilter};
use mailward::domain::{Account, PrefixMark, Reference, SessionChange, SessionState, SiteName, Timestamp, Verdict};
use mailward::policy::limits::{Charge, Charged, Cost, CounterKey, Receipt, WhenMet};
use mailward::policy::share::Share;
use mailward::store::embedded::Embedded;
use mailward::store::fallback::{Fallback, News, Settings};
use mailward::store::{Changed, Kept, KeptKind, Ledger as _, Lock, Marks as _, Raise, Store};
use proptest::prelude::*;

use crate::store::{SETTINGS, at, fits, get, limit, run, session, units};
use switched::Switched;

const SITE: &str = "webmail.example.edu";
const TIMEOUT: Duration = Duration::from_millis(50);

struct Node {
    way: Arc<Switched>,
    store: Fallback,
}

impl Node {
    fn on(shared: &Arc<Embedded>) -> Self {
        Self::with_share(shared, 0.5)
    }

    fn with_share(shared: &Arc<Embedded>, share: f64) -> Self {
        let way = Switched::to(shared);
        let own = Embedded::open_scratch(at(0), SETTINGS).expect("it opens");
        let settings = Settings { share: Share::new(share), timeout: TIMEOUT, sites: vec![SITE.into()] };
        let store = Fallback::new(Arc::clone(&way) as Arc<dyn Store>, own, settings, at(0));
        Self { way, store }
    }

    /// Takes the store away, and lets the node find out.
    async fn cut(&self, now: Timestamp) {
        self.way.refuses();
        let _refused = self.store.profile(&SITE.into(), &alice(), now).await;
        self.store.tend(now).await;
        assert!(self.store.away_since().is_some(), "one refusal and a look");
    }

    /// Gives it back, and lets the node find out; says what is news. The clock goes on until then.
    async fn mend(&self, now: Timestamp) -> News {
        self.way.is_well();
        for tenth in 0..100 {
            if let Some(news @ News::Back { .. }) = self.store.tend(now.after(Duration::from_millis(100 * tenth))).await
            {
                return news;
            }
        }
        panic!("it does not go back to a store that is well");
    }
}

fn shared() -> Arc<Embedded> {
    Arc::new(Embedded::open_scratch(at(0), SETTINGS).expect("it opens"))
}

fn site() -> SiteName {
    SITE.into()
}

fn alice() -> Account {
    Account::from_canonical("alice")
}

fn code() -> Reference {
    Reference::from_random(77)
}

fn lock() -> Lock {
    Lock { site: site(), account: alice(), since: at(5), note: "phished".into() }
}

async fn fitting(store: &dyn Store, charge: &Charge, now: Timestamp) -> Option<Receipt> {
    match store.charge(std::slice::from_ref(charge), now).await.expect("it is counted somewhere") {
        Charged::Fits(receipt) => Some(receipt),
        Charged::Over(_) => None,
    }
}

/// How many of these fit one after the other.
async fn how_many(store: &dyn Store, charge: &Charge, now: Timestamp) -> u32 {
    let mut count = 0;
    while count < 1000 && fitting(store, charge, now).await.is_some() {
        count += 1;
    }
    count
}

#[test]
fn a_node_alone_lets_its_share_through_what_it_did_before_included() {
    run(async {
        for (before, alone) in [(0, 50), (20, 30), (50, 0), (80, 0)] {
            let shared = shared();
            let node = Node::on(&shared);
            let charge = units("a", 1, &["100/h"]);
            for _ in 0..before {
                let _kept = fits(&node.store, std::slice::from_ref(&charge), at(0)).await;
            }
            node.cut(at(1)).await;
            assert_eq!(how_many(&node.store, &charge, at(1)).await, alone, "after {before}");
            assert_eq!(
                fitting(&node.store, &units("b", 1, &["1/h"]), at(1)).await.map(|_| ()),
                Some(()),
                "one stays one"
            );
            assert_eq!(fitting(&node.store, &units("b", 1, &["1/h"]), at(1)).await.map(|_| ()), None);
        }
    });
}

#[test]
fn an_outage_gives_nobody_a_fresh_allowance() {
    run(async {
        let shared = shared();
        let (one, two) = (Node::on(&shared), Node::on(&shared));
        let charge = units("a", 1, &["100/h"]);
        for node in [&one, &two, &two] {
            let _kept = fits(&node.store, std::slice::from_ref(&charge), at(0)).await;
        }
        one.cut(at(1)).await;
        two.cut(at(1)).await;
        assert_eq!((how_many(&one.store, &charge, at(2)).await, how_many(&two.store, &charge, at(2)).await), (49, 48));
        let Charged::Over(over) = one.store.charge(std::slice::from_ref(&charge), at(2)).await.expect("counted") else {
            panic!("the share is used up")
        };
        assert_eq!((over.limit, over.wait), (limit("50/h"), Some(Duration::from_secs(3598))));
        let News::Back { told, lost, .. } = one.mend(at(10)).await else { panic!("it is back") };
        assert_eq!((told, lost), (1, 0), "one counter");
        let hour = Duration::from_secs(3600);
        let used = async || shared.count(&charge.key, hour, at(20)).await.expect("it answers");
        assert_eq!(used().await, 52);
        assert_eq!(how_many(&one.store, &charge, at(20)).await, 48);
        two.mend(at(20)).await;
        assert_eq!(used().await, 148, "what the other let through alone counts as well");
        assert_eq!(how_many(&two.store, &charge, at(30)).await, 0);
        assert_eq!(
            how_many(&two.store, &charge, at(3603)).await,
            52,
            "what the outage let through has left the window"
        );
        one.cut(at(3603)).await;
        one.mend(at(3603)).await;
        let used = shared.count(&charge.key, hour, at(3604)).await.expect("it answers");
        assert_eq!(used, 100, "nothing is told twice");
    });
}

#[test]
fn what_is_given_back_is_given_back_wherever_it_was_charged() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        let charge = |units_asked| units("a", units_asked, &["100/h"]);
        let hour = Duration::from_secs(3600);
        let used = async |now| node.store.count(&charge(1).key, hour, now).await.expect("it answers");
        let before = fitting(&node.store, &charge(7), at(0)).await.expect("it fits");
        let early = fitting(&node.store, &charge(5), at(0)).await.expect("it fits");
        node.store.refund(&early, at(0)).await.expect("it answers");
        assert_eq!(used(at(0)).await, 7);
        node.cut(at(1)).await;
        assert_eq!(used(at(1)).await, 7, "known here as well");
        let during = fitting(&node.store, &charge(11), at(1)).await.expect("it fits");
        let kept = fitting(&node.store, &charge(13), at(1)).await.expect("it fits");
        node.store.refund(&before, at(2)).await.expect("it waits");
        node.store.refund(&during, at(2)).await.expect("it was charged here");
        assert_eq!(used(at(2)).await, 13);
        node.mend(at(3)).await;
        assert_eq!(shared.count(&charge(1).key, hour, at(20)).await.expect("it answers"), 13);
        node.store.refund(&kept, at(21)).await.expect("what was told stays");
        assert_eq!(shared.count(&charge(1).key, hour, at(21)).await.expect("it answers"), 13, "stricter, not open");
    });
}

#[test]
fn distinct_guesses_stay_distinct_and_nobody_is_suspected_for_the_share() {
    run(async {
        let node = Node::on(&shared());
        node.cut(at(0)).await;
        let guess = |fingerprint| Charge { cost: Cost::Distinct(fingerprint), ..units("a", 1, &["4/h"]) };
        for (fingerprint, passes) in [(1, true), (1, true), (2, true), (1, true), (3, false), (2, true)] {
            assert_eq!(fitting(&node.store, &guess(fingerprint), at(1)).await.is_some(), passes, "{fingerprint}");
        }
        let place =
            |fingerprint| Charge { cost: Cost::Distinct(fingerprint), ..units("p", 1, &["2/5m"]).restricting() };
        assert!(fitting(&node.store, &place(1), at(1)).await.is_some());
        let Charged::Over(over) = node.store.charge(&[place(2)], at(1)).await.expect("counted") else {
            panic!("one place is the share of two")
        };
        assert_eq!(over.when_met, WhenMet::Throttle, "a telephone beside a computer is no theft");
        let large = units("m", 40, &["60/10m"]);
        let Charged::Over(over) = node.store.charge(&[large], at(1)).await.expect("counted") else {
            panic!("more than the share")
        };
        assert_eq!((over.wait, over.fits_now), (Some(Duration::from_secs(600)), 30), "not called impossible");
    });
}

#[test]
// What it costs is measured.
#[allow(clippy::disallowed_methods)]
fn a_store_that_hangs_costs_one_wait_and_then_nothing() {
    run(async {
        let node = Node::on(&shared());
        node.way.hangs();
        let charge = units("a", 1, &["1000/h"]);
        let began = Instant::now();
        assert!(fitting(&node.store, &charge, at(0)).await.is_some());
        let waited = began.elapsed();
        assert!(waited >= TIMEOUT && waited < TIMEOUT * 10, "{waited:?}");
        let (began, asked) = (Instant::now(), node.way.asked());
        for _ in 0..200 {
            assert!(fitting(&node.store, &charge, at(0)).await.is_some());
            node.store.locked(&site(), &alice()).await.expect_err("which accounts are locked was never learned");
        }
        assert!(began.elapsed() < TIMEOUT * 4, "{:?}", began.elapsed());
        assert_eq!(node.way.asked(), asked, "nobody asks it");
        let Some(News::Away { since, what }) = node.store.tend(at(1)).await else { panic!("it is news") };
        assert_eq!((since, what.as_str()), (at(0), "no answer within 50 ms"));
        assert_eq!(node.store.away_since(), Some(at(0)));
        let News::Back { since, told, .. } = node.mend(at(2)).await else { panic!("it is back") };
        assert_eq!((since, told, node.store.away_since()), (at(0), 1, None));
        node.store.locked(&site(), &alice()).await.expect("it answers");
    });
}

#[test]
fn a_store_that_refuses_one_thing_only_is_not_away() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        assert_eq!(node.store.tend(at(0)).await, None);
        node.way.refuses_locks();
        node.store.lock(lock()).await.expect("it holds here and waits");
        assert_eq!(node.store.tend(at(1)).await, None, "it was tried, and is well");
        assert_eq!(node.store.away_since(), None);
        assert_eq!(node.store.waiting(), 0, "what it never takes is not kept for ever");
        node.store.lock(lock()).await.expect("it holds here and waits");
        node.cut(at(2)).await;
        node.store.put_flag(flag()).await.expect("it waits");
        node.way.refuses_locks();
        let mut news = None;
        for tenth in 0..50 {
            news = node.store.tend(at(3).after(Duration::from_millis(100 * tenth))).await.or(news);
        }
        assert!(matches!(news, Some(News::Back { told: 1, lost: 2, .. })), "{news:?}");
        assert!(shared.flag(&code()).await.expect("it answers").is_some(), "what came after it is told");
    });
}

fn flag() -> mailward::domain::Flag {
    mailward::domain::Flag {
        code: code(),
        site: site(),
        account: alice(),
        session: session(SITE, "alice", 1, at(0)).hash,
        time: at(3),
        address: std::net::IpAddr::from([203, 0, 113, 9]),
        network: mailward::domain::NetworkClass::Outside,
        country: None,
        as_number: None,
        user_agent: None,
        verdict: Verdict::Flag,
        signals: Vec::new(),
        stopped_by: None,
        enforced: true,
        status: mailward::domain::FlagStatus::Open,
        notes: Vec::new(),
        since: Activity::default(),
    }
}

#[test]
fn sessions_that_were_seen_keep_their_state_and_others_are_away() {
    run(async {
        let shared = shared();
        let (one, two) = (Node::on(&shared), Node::on(&shared));
        let open = session(SITE, "alice", 1, at(0));
        let restricted =
            mailward::domain::Session { state: SessionState::Restricted, ..session(SITE, "alice", 2, at(0)) };
        let elsewhere = session(SITE, "alice", 3, at(0));
        for session in [&open, &restricted] {
            two.store.put_session(session.clone(), at(0)).await.expect("it answers");
            assert!(get(&one.store, &session.hash, at(0)).await.is_some(), "seen here once");
        }
        two.store.put_session(elsewhere.clone(), at(0)).await.expect("it answers");
        one.cut(at(1)).await;
        let state = async |session: &mailward::domain::Session| {
            one.store.session(&session.hash, at(2)).await.ok().flatten().map(|session| session.state)
        };
        assert_eq!(
            (state(&open).await, state(&restricted).await),
            (Some(SessionState::Open), Some(SessionState::Restricted))
        );
        one.store.session(&elsewhere.hash, at(2)).await.expect_err("never seen here");

        let change = |change| one.store.change_session(&restricted.hash, change, at(2));
        change(SessionChange::State(SessionState::Open)).await.expect_err("nothing is loosened");
        change(SessionChange::DeviceKnown(at(0))).await.expect_err("nothing is loosened");
        assert_eq!(state(&restricted).await, Some(SessionState::Restricted));
        let flagged = SessionChange::Flagged(code(), SessionState::Restricted);
        let changed = one.store.change_session(&open.hash, flagged, at(2)).await.expect("it holds here");
        assert_eq!(changed.map(|session| session.state), Some(SessionState::Restricted));
        let ended = SessionChange::State(SessionState::Ended);
        one.store.change_session(&elsewhere.hash, ended, at(2)).await.expect_err("not known here, but it waits");
        let signed_in = session(SITE, "alice", 4, at(2));
        one.store.put_session(signed_in.clone(), at(2)).await.expect("it holds here");
        one.store
            .change_session(&signed_in.hash, SessionChange::State(SessionState::Restricted), at(3))
            .await
            .expect("it holds here");

        let News::Back { told, lost, .. } = one.mend(at(10)).await else { panic!("it is back") };
        assert_eq!((told, lost), (4, 0));
        for (session, state) in [
            (&open, SessionState::Restricted),
            (&restricted, SessionState::Restricted),
            (&elsewhere, SessionState::Ended),
            (&signed_in, SessionState::Restricted),
        ] {
            let there = get(&two.store, &session.hash, at(20)).await.map(|session| session.state);
            assert_eq!(there, Some(state), "{}", session.hash);
        }
    });
}

#[test]
fn a_lock_set_while_the_store_is_away_holds_at_once_and_everywhere_afterwards() {
    run(async {
        let shared = shared();
        let (one, two) = (Node::on(&shared), Node::on(&shared));
        let session = session(SITE, "alice", 1, at(0));
        two.store.put_session(session.clone(), at(0)).await.expect("it answers");
        two.store.lock(Lock { account: Account::from_canonical("bob"), ..lock() }).await.expect("it answers");
        one.store.tend(at(0)).await;
        one.cut(at(1)).await;
        let locked = async |store: &Fallback, name| {
            store.locked(&site(), &Account::from_canonical(name)).await.expect("all locks are known").is_some()
        };
        assert!(locked(&one.store, "bob").await && !locked(&one.store, "alice").await);
        one.store.lock(lock()).await.expect("it holds here");
        let none_known = one.store.set_account_sessions(&site(), &alice(), SessionState::Ended, None, at(2)).await;
        assert_eq!(none_known.expect("it holds here"), []);
        assert!(locked(&one.store, "alice").await);
        one.store.unlock(&site(), &alice()).await.expect_err("nothing is loosened");
        one.store.put_session(crate::store::session(SITE, "alice", 2, at(3)), at(3)).await.expect("it holds here");
        let hash = crate::store::session(SITE, "alice", 2, at(3)).hash;
        assert_eq!(get(&one.store, &hash, at(3)).await.map(|session| session.state), Some(SessionState::Ended));
        assert!(!locked(&two.store, "alice").await, "the other does not know yet");
        one.mend(at(4)).await;
        assert!(locked(&two.store, "alice").await);
        assert_eq!(
            get(&two.store, &session.hash, at(20)).await.map(|session| session.state),
            Some(SessionState::Ended)
        );
        assert!(two.store.unlock(&site(), &alice()).await.expect("it answers"));
        assert!(!locked(&one.store, "alice").await);
    });
}

#[test]
fn an_address_marked_while_the_store_is_away_is_marked_at_once_and_everywhere_afterwards() {
    run(async {
        let shared = shared();
        let (one, two) = (Node::on(&shared), Node::on(&shared));
        let mark = |address: &str| PrefixMark {
            site: site(),
            prefix: address.parse().expect("an address"),
            by: "anna".to_owned(),
            since: at(0),
            until: at(900),
            note: String::new(),
        };
        let (seen, unseen, new) = (mark("192.0.2.1"), mark("192.0.2.2"), mark("192.0.2.3"));
        let is_marked = async |store: &Fallback, mark: &PrefixMark| {
            store.marked_prefix(&site(), mark.prefix, at(5)).await.expect("it answers").is_some()
        };
        for mark in [&seen, &unseen] {
            two.store.mark_prefix(mark.clone()).await.expect("it answers");
        }
        assert!(is_marked(&one.store, &seen).await);
        one.cut(at(1)).await;
        one.store.mark_prefix(new.clone()).await.expect("it holds here");
        assert!(is_marked(&one.store, &seen).await && is_marked(&one.store, &new).await);
        assert!(!is_marked(&one.store, &unseen).await, "nobody came from there to this node");
        one.store.unmark_prefix(&site(), seen.prefix, at(2)).await.expect_err("nothing is loosened");
        assert!(!is_marked(&two.store, &new).await, "the other does not know yet");
        one.mend(at(4)).await;
        assert!(is_marked(&two.store, &new).await);
        assert!(two.store.unmark_prefix(&site(), new.prefix, at(5)).await.expect("it answers"));
        assert!(!is_marked(&one.store, &new).await);
    });
}

#[test]
fn locks_set_elsewhere_are_known_before_the_store_goes_away() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        node.store.tend(at(0)).await;
        shared.lock(lock()).await.expect("it answers");
        node.store.tend(at(2)).await;
        node.store.tend(at(5)).await;
        shared.unlock(&site(), &Account::from_canonical("nobody")).await.expect("it answers");
        node.cut(at(6)).await;
        assert!(node.store.locked(&site(), &alice()).await.expect("known").is_some());
        assert_eq!(node.store.locks(&site(), 10).await.expect("known").len(), 1);
        node.mend(at(7)).await;
        shared.unlock(&site(), &alice()).await.expect("it answers");
        node.store.tend(at(60)).await;
        node.cut(at(61)).await;
        assert!(node.store.locked(&site(), &alice()).await.expect("known").is_none(), "and taken off elsewhere");
    });
}

#[test]
fn flags_and_what_was_learned_are_told_afterwards() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        let known = mailward::domain::Flag { code: Reference::from_random(5), ..flag() };
        shared.put_flag(known.clone()).await.expect("it answers");
        node.cut(at(1)).await;
        let raise = Raise { verdict: Verdict::Restrict, signals: Vec::new(), stopped_by: Some("rule".into()) };
        for code in [known.code, code()] {
            // As the gateway does: where there is no such flag it raises one.
            if !node.store.raise_flag(&code, raise.clone()).await.expect("it waits") {
                node.store.put_flag(mailward::domain::Flag { code, ..flag() }).await.expect("it waits");
            }
            let activity = Activity { messages: 1, ..Activity::default() };
            node.store.add_to_flag(&code, activity).await.expect("it waits");
        }
        assert!(node.store.flag(&code()).await.expect("it waits here").is_some());
        node.store.flags(&FlagFilter::default(), 10).await.expect_err("only the store knows all");
        node.store.settle_flag(&known.code, None, None).await.expect_err("only the store can");
        let lesson = mailward::domain::Lesson {
            time: at(2),
            address: std::net::IpAddr::from([203, 0, 113, 9]),
            country: None,
            as_number: None,
            agent: mailward::domain::Agent::of(None),
        };
        node.store.teach(&site(), &alice(), lesson, at(2)).await.expect("it waits");
        node.store.note_written(&site(), &alice(), vec![1, 2], at(2)).await.expect("it waits");
        node.store.profile(&site(), &alice(), at(2)).await.expect_err("only the store knows what is usual");
        assert_eq!(node.store.know_device(&site(), &alice(), [7; 16], at(2)).await.expect("it waits"), at(2));
        assert_eq!(node.store.waiting(), 7);
        let News::Back { told, lost, .. } = node.mend(at(3)).await else { panic!("it is back") };
        assert_eq!((told, lost, node.store.waiting()), (7, 0, 0));
        shared.flush().await.expect("it is memory");
        for (code, verdict, stopped_by) in
            [(known.code, Verdict::Restrict, Some("rule")), (code(), Verdict::Flag, None)]
        {
            let found = shared.flag(&code).await.expect("it answers").expect("it was told");
            assert_eq!((found.verdict, found.stopped_by.as_deref(), found.since.messages), (verdict, stopped_by, 1));
        }
        assert_eq!(shared.profile(&site(), &alice(), at(9)).await.expect("it answers").sign_ins, 1);
        assert_eq!(shared.first_written(&site(), &alice(), &[1, 2, 3]).await.expect("it answers").new, 1);
        assert_eq!(shared.device_since(&site(), &alice(), [7; 16], at(9)).await.expect("it answers"), Some(at(2)));
    });
}

#[test]
fn an_operator_who_was_there_can_go_on_and_what_was_done_is_told_afterwards() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        let found = async |name| node.store.operator(name).await.expect("an answer").map(|sealed| sealed.bytes);
        for name in ["ann", "bo", "cy"] {
            assert!(node.store.put_operator(name, name.into(), 0).await.expect("an answer"));
        }
        assert_eq!((found("ann").await, found("bo").await), (Some(b"ann".to_vec()), Some(b"bo".to_vec())));
        assert!(shared.put_operator("ann", b"changed elsewhere".to_vec(), 1).await.expect("an answer"));
        assert!(shared.remove_operator("bo").await.expect("an answer"));
        assert_eq!((found("ann").await, found("bo").await), (Some(b"changed elsewhere".to_vec()), None));
        let session = |number| Kept { kind: KeptKind::Desk, id: [number; 16], until: at(99), sealed: vec![number] };
        for number in [1, 2] {
            node.store.keep(session(number), at(0)).await.expect("an answer");
        }
        let code = Kept { kind: KeptKind::Code, ..session(3) };
        node.store.keep(code, at(0)).await.expect("an answer");
        assert!(node.store.take(KeptKind::Desk, [2; 16], at(0)).await.expect("an answer").is_some());

        node.cut(at(1)).await;
        assert_eq!((found("ann").await, found("bo").await), (Some(b"changed elsewhere".to_vec()), None));
        assert!(node.store.put_operator("ann", vec![], 2).await.is_err(), "nobody is changed here alone");
        let kept = async |number| node.store.kept(KeptKind::Desk, [number; 16], at(2)).await.expect("an answer");
        assert_eq!((kept(1).await, kept(2).await), (Some(session(1)), None), "who signed out stays so");
        assert!(node.store.kept(KeptKind::Code, [3; 16], at(2)).await.is_err());
        let entry = crate::store::ledger::entry(7, 2, "ann");
        node.store.note_audit(entry.clone()).await.expect("it waits");
        assert!(node.store.audit(None, None, 9).await.is_err());
        node.mend(at(3)).await;
        assert_eq!(node.store.audit(None, None, 9).await.expect("an answer"), [entry]);
    });
}

#[test]
fn a_device_is_known_here_only_as_long_as_the_store_knew_it() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        let year = 365 * 86_400;
        for day in 0..365 {
            shared.know_device(&site(), &alice(), [1; 16], at(day * 86_400)).await.expect("it answers");
        }
        let since = async || node.store.device_since(&site(), &alice(), [1; 16], at(year)).await.ok().flatten();
        assert_eq!(since().await, Some(at(0)));
        node.cut(at(year)).await;
        assert_eq!(since().await, Some(at(0)), "since when is known here, too");
        node.mend(at(year)).await;
        shared.forget_devices(&site(), &alice(), None).await.expect("it answers");
        assert_eq!(since().await, None);
        node.cut(at(year + 60)).await;
        assert_eq!(since().await, None, "forgotten there, forgotten here");
        shared.know_device(&site(), &alice(), [1; 16], at(year)).await.expect("it answers");
        node.mend(at(year + 60)).await;
        assert_eq!(since().await, Some(at(year)), "known anew");
        node.cut(at(year + 120)).await;
        assert_eq!(node.store.forget_devices(&site(), &alice(), Some([1; 16])).await.expect("it holds here"), 1);
        assert_eq!(since().await, None);
        node.mend(at(year + 120)).await;
        assert_eq!(shared.device_since(&site(), &alice(), [1; 16], at(year)).await.expect("it answers"), None);
    });
}

#[test]
fn what_others_changed_a_moment_ago_is_asked_for_again_or_not_relied_on() {
    run(async {
        let shared = shared();
        let node = Node::on(&shared);
        node.store.tend(at(0)).await;
        let session = session(SITE, "alice", 1, at(0));
        node.store.put_session(session.clone(), at(0)).await.expect("it answers");
        let restricted = SessionChange::State(SessionState::Restricted);
        let state = async || node.store.session(&session.hash, at(2)).await.ok().flatten().map(|found| found.state);
        shared.change_session(&session.hash, restricted, at(1)).await.expect("it answers");
        node.store.changed_elsewhere(Changed::Session(session.hash));
        node.cut(at(1)).await;
        assert_eq!(state().await, None, "whether it is open still, nobody can say");
        node.mend(at(1)).await;
        node.store.tend(at(2)).await;
        node.cut(at(2)).await;
        assert_eq!(state().await, Some(SessionState::Restricted), "asked for again");

        node.mend(at(3)).await;
        for changed in [Changed::Locks, Changed::Everything] {
            shared.lock(lock()).await.expect("it answers");
            node.store.changed_elsewhere(changed);
            node.cut(at(4)).await;
            let locked = node.store.locked(&site(), &alice()).await;
            assert!(locked.is_err() || locked.is_ok_and(|lock| lock.is_some()), "it is not said to be open");
            node.mend(at(5)).await;
            node.cut(at(6)).await;
            assert!(node.store.locked(&site(), &alice()).await.expect("known").is_some());
            node.mend(at(7)).await;
            shared.unlock(&site(), &alice()).await.expect("it answers");
            node.store.changed_elsewhere(Changed::Locks);
            node.store.tend(at(20)).await;
        }
        let opened = SessionChange::State(SessionState::Open);
        shared.change_session(&session.hash, opened, at(21)).await.expect("it answers");
        node.store.changed_elsewhere(Changed::Everything);
        node.store.tend(at(22)).await;
        node.cut(at(23)).await;
        assert_eq!(state().await, Some(SessionState::Open), "all that is known here was asked for again");
    });
}

#[test]
fn an_end_that_the_store_has_lost_is_remembered() {
    run(async {
        let (before, after) = (shared(), shared());
        let node = Node::on(&before);
        let ended = session(SITE, "alice", 1, at(0));
        node.store.put_session(ended.clone(), at(0)).await.expect("it answers");
        node.store
            .change_session(&ended.hash, SessionChange::State(SessionState::Ended), at(1))
            .await
            .expect("it answers");
        // A failover to a replica that had seen less.
        after.put_session(ended.clone(), at(0)).await.expect("it answers");
        let own = Embedded::open_scratch(at(0), SETTINGS).expect("it opens");
        own.put_session(mailward::domain::Session { state: SessionState::Ended, ..ended.clone() }, at(1))
            .await
            .expect("it answers");
        let settings = Settings { share: Share::new(0.5), timeout: TIMEOUT, sites: vec![site()] };
        let store = Fallback::new(after, own, settings, at(1));
        assert_eq!(get(&store, &ended.hash, at(2)).await.map(|session| session.state), Some(SessionState::Ended));
        let again = session(SITE, "alice", 1, at(9));
        store.put_session(again.clone(), at(9)).await.expect("it answers");
        assert_eq!(get(&store, &again.hash, at(9)).await.map(|session| session.state), Some(SessionState::Open));
    });
}

#[test]
fn what_waits_for_the_store_outlives_the_process() {
    run(async {
        let shared = shared();
        let folder = tempfile::tempdir().expect("a folder");
        let charge = units("a", 1, &["100/h"]);
        let open = || {
            let way = Switched::to(&shared);
            let settings = Settings { share: Share::new(0.5), timeout: TIMEOUT, sites: vec![site()] };
            let store = Fallback::open(Arc::clone(&way) as Arc<dyn Store>, folder.path(), settings, SETTINGS, at(0));
            Node { store: store.expect("it opens"), way }
        };
        let node = open();
        node.cut(at(0)).await;
        assert_eq!(how_many(&node.store, &charge, at(1)).await, 50);
        node.store.lock(lock()).await.expect("it holds here");
        node.store.flush().await.expect("what waits is kept here");
        drop(node);
        let node = open();
        node.way.refuses();
        node.store.begin_away("not there at the start", at(2));
        assert_eq!(how_many(&node.store, &charge, at(2)).await, 0, "no fresh allowance by a restart");
        assert!(node.store.locked(&site(), &alice()).await.expect("known here").is_some());
        node.mend(at(3)).await;
        assert_eq!(shared.count(&charge.key, Duration::from_secs(3600), at(4)).await.expect("it answers"), 50);
        assert!(shared.locked(&site(), &alice()).await.expect("it answers").is_some());
    });
}

/// One step of a random life of two nodes.
#[derive(Clone, Debug)]
enum Step {
    Charge { node: usize, units: u32 },
    GiveBack { node: usize },
    Cut(usize),
    Mend(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2_usize, 1..9_u32).prop_map(|(node, units)| Step::Charge { node, units }),
        2 => (0..2_usize).prop_map(|node| Step::GiveBack { node }),
        1 => (0..2_usize).prop_map(Step::Cut),
        1 => (0..2_usize).prop_map(Step::Mend),
        2 => (1..30_u64).prop_map(Step::Pass),
    ]
}

/// What was let through: when, how much, by which node, and whether that node was alone.
struct Through {
    time: Timestamp,
    units: u32,
    node: usize,
    alone: bool,
    receipt: Receipt,
    given_back: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_comes_and_goes_no_more_is_let_through_than_the_bound(
        share in 0.01..1.0_f64,
        amount in 1..60_u32,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        run(async {
            let shared = shared();
            let nodes = [Node::with_share(&shared, share), Node::with_share(&shared, share)];
            let limits = format!("{amount}/60s");
            let limits = [limits.as_str()];
            let window = Duration::from_secs(60);
            let own_share = Share::new(share).of(limit(limits[0])).amount;
            let key: CounterKey = units("p", 1, &limits).key;
            let mut now = at(0);
            let mut away = [false, false];
            let mut through: Vec<Through> = Vec::new();
            for step in steps {
                match step {
                    Step::Charge { node, units: asked } => {
                        let charge = units("p", asked, &limits);
                        let before = |through: &[Through], only: Option<usize>| -> u32 {
                            through.iter()
                                .filter(|entry| !entry.given_back && entry.time.after(window) > now)
                                .filter(|entry| only.is_none_or(|node| entry.node == node))
                                .map(|entry| entry.units)
                                .sum()
                        };
                        if let Some(receipt) = fitting(&nodes[node].store, &charge, now).await {
                            if away[node] {
                                prop_assert!(before(&through, Some(node)) + asked <= own_share, "more than the share");
                            } else if !away.contains(&true) {
                                prop_assert!(before(&through, None) + asked <= amount, "more than the limit, all told");
                            }
                            through.push(Through { time: now, units: asked, node, alone: away[node], receipt, given_back: false });
                            let alone: u32 = before(&through.iter().filter(|entry| entry.alone).map(|entry| Through {
                                receipt: Receipt::default(), ..*entry
                            }).collect::<Vec<_>>(), None);
                            prop_assert!(before(&through, None) - alone <= amount);
                            prop_assert!(alone <= 2 * own_share.max(amount));
                        }
                    }
                    Step::GiveBack { node } => {
                        // Only what is surely still where it was charged: afterwards it stays, which is stricter.
                        let fresh = |entry: &&mut Through| !entry.given_back && entry.node == node && entry.alone == away[node] && entry.time == now;
                        if let Some(entry) = through.iter_mut().rev().find(fresh) {
                            nodes[node].store.refund(&entry.receipt, now).await.expect("it was charged there");
                            entry.given_back = true;
                        }
                    }
                    Step::Cut(node) => {
                        if !away[node] {
                            nodes[node].cut(now).await;
                            away[node] = true;
                        }
                    }
                    Step::Mend(node) => {
                        if away[node] {
                            nodes[node].mend(now).await;
                            now = now.after(Duration::from_secs(10));
                            away[node] = false;
                        }
                    }
                    Step::Pass(seconds) => now = now.after(Duration::from_secs(seconds)),
                }
            }
            for node in 0..2 {
                if away[node] {
                    nodes[node].mend(now).await;
                    now = now.after(Duration::from_secs(10));
                }
            }
            let told: u32 = through.iter()
                .filter(|entry| !entry.given_back && entry.time.after(window) > now)
                .map(|entry| entry.units)
                .sum();
            let counted = shared.count(&key, window, now).await.expect("it answers");
            prop_assert_eq!(counted, told, "the store knows of everything, and of nothing else");
            Ok(())
        })?;
    }
}
