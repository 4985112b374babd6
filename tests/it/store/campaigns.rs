//! What recognising campaigns asks of a store.

use mailward::domain::{
    Account, Campaign, CampaignStatus, Feature, FeatureKind, Prefix, Reach, Reference, SessionHash, Sighting,
    Timestamp, Trace,
};
use mailward::store::{Record, Seen, Store, Which};

use super::{at, run};

/// Another case has another number: its traces, codes, sessions and site are its own.
pub struct Case(pub u8);

impl Case {
    pub fn link(&self, number: u8) -> Feature {
        Feature { kind: FeatureKind::Link, traces: vec![Trace([self.0, number, 0, 0, 0, 0, 0, 0])], sketch: Vec::new() }
    }

    /// A text that shares one trace with every other of the case; `words` is its sketch.
    fn text(&self, own: u8, words: [u16; 5]) -> Feature {
        let trace = |number| Trace([self.0, 255, number, 0, 0, 0, 0, 0]);
        Feature { kind: FeatureKind::Text, traces: vec![trace(0), trace(own)], sketch: words.to_vec() }
    }

    pub fn code(&self, number: u8) -> Reference {
        Reference::from_random(u64::from(self.0) << 32 | u64::from(number) << 20 | 7)
    }

    fn session(&self, account: &str) -> SessionHash {
        let mut session = [self.0; 16];
        session[1..].iter_mut().zip(account.bytes()).for_each(|(place, byte)| *place = byte);
        SessionHash(session)
    }

    pub fn sighting(&self, account: &str, message: u32) -> Sighting {
        Sighting {
            site: format!("campaigns-{}", self.0).into(),
            account: Account::from_canonical(account),
            session: self.session(account),
            prefix: Prefix::of([203, 0, 113, 9].into()),
            country: "BR".parse().ok(),
            familiar: false,
            reach: Reach::Outside,
            recipients: 2,
            outside: 1,
            message,
        }
    }

    pub async fn see(
        &self,
        store: &dyn Store,
        sighting: Sighting,
        features: Vec<(Feature, Reference)>,
        second: u64,
    ) -> Vec<Campaign> {
        let seen = Seen { sighting, features, until: at(second + 3600) };
        store.see(&seen, at(second)).await.expect("the store answers")
    }

    async fn told(&self, store: &dyn Store, second: u64) -> Vec<Reference> {
        let found = store.campaigns(Which::Told, 1000, at(second)).await.expect("the store answers");
        let site = format!("campaigns-{}", self.0);
        found.iter().filter(|campaign| *campaign.site == *site).map(|campaign| campaign.code).collect()
    }
}

pub fn accounts(campaign: &Campaign) -> Vec<String> {
    campaign.accounts().into_iter().map(ToString::to_string).collect()
}

pub async fn messages_with_something_in_common_are_one_campaign_until_it_is_over(store: &dyn Store) {
    let case = Case(1);
    let link = || vec![(case.link(1), case.code(1))];
    let first = case.see(store, case.sighting("a", 1), link(), 0).await;
    assert_eq!((first[0].code, first[0].messages, first[0].until), (case.code(1), 1, at(3600)));
    let other = vec![(case.link(1), case.code(2)), (case.link(2), case.code(3))];
    let second = case.see(store, case.sighting("b", 1), other, 10).await;
    assert_eq!(second.iter().map(|campaign| campaign.code).collect::<Vec<_>>(), [case.code(1), case.code(3)]);
    assert_eq!((accounts(&second[0]), second[0].messages), (vec!["a".to_owned(), "b".to_owned()], 2));
    let again = case.see(store, case.sighting("b", 1), link(), 20).await;
    assert_eq!(again[0].messages, 2, "a message that is tried again");
    let get = async |second| store.campaign(&case.code(1), at(second)).await.expect("the store answers");
    assert_eq!(get(3620).await.as_ref(), Some(&again[0]), "each message prolongs it");
    assert_eq!(get(3621).await, None);
    let of = async |account, second| {
        let found = store.campaigns(Which::Of(case.session(account)), 9, at(second)).await.expect("the store answers");
        found.iter().map(|campaign| campaign.code).collect::<Vec<_>>()
    };
    assert_eq!((of("a", 20).await, of("b", 20).await), (vec![case.code(1)], vec![case.code(1), case.code(3)]));
    assert_eq!(of("nobody", 20).await, []);
    let anew = case.see(store, case.sighting("c", 1), vec![(case.link(1), case.code(4))], 4000).await;
    assert_eq!((anew[0].code, accounts(&anew[0])), (case.code(4), vec!["c".to_owned()]));
}

pub async fn what_is_worth_nothing_joins_a_campaign_and_begins_none(store: &dyn Store) {
    let case = Case(2);
    let owner = || Sighting { familiar: true, ..case.sighting("owner", 1) };
    let link = |code| vec![(case.link(1), case.code(code))];
    assert_eq!(case.see(store, owner(), link(1), 0).await, []);
    assert_eq!(case.see(store, case.sighting("a", 1), link(2), 1).await.len(), 1);
    let joined = case.see(store, owner(), link(3), 2).await;
    assert_eq!((joined[0].code, accounts(&joined[0])), (case.code(2), vec!["a".to_owned(), "owner".to_owned()]));
    assert_eq!(joined[0].strange_accounts().len(), 1);
}

pub async fn texts_that_share_a_trace_by_chance_are_two_campaigns(store: &dyn Store) {
    let case = Case(3);
    let one = || case.text(1, [1, 2, 3, 4, 5]);
    let alike = || case.text(1, [1, 2, 9, 9, 9]);
    let other = || case.text(2, [1, 8, 8, 8, 8]);
    let see = async |feature, code, account, second| {
        case.see(store, case.sighting(account, 1), vec![(feature, case.code(code))], second).await[0].clone()
    };
    assert_eq!(see(one(), 1, "a", 0).await.code, case.code(1));
    assert_eq!(see(other(), 2, "b", 1).await.code, case.code(2), "it shares a trace and is not like it");
    let joined = see(alike(), 3, "c", 2).await;
    assert_eq!((joined.code, joined.feature), (case.code(1), one()), "as the first of them had it");
    assert_eq!(see(other(), 4, "d", 3).await.code, case.code(2));
}

pub async fn a_campaign_is_told_of_once_and_what_an_operator_said_holds(store: &dyn Store) {
    use CampaignStatus::{Cleared, Confirmed, Recognised};
    let case = Case(4);
    for number in [1, 2] {
        case.see(store, case.sighting("a", 1), vec![(case.link(number), case.code(number))], u64::from(number)).await;
    }
    assert_eq!(case.told(store, 5).await, []);
    let settle = async |number, status| {
        let settled = store.settle_campaign(&case.code(number), status, at(5)).await.expect("the store answers");
        settled.map(|(campaign, changed)| (campaign.status, changed))
    };
    assert_eq!(settle(1, Recognised).await, Some((Recognised, true)));
    assert_eq!(settle(1, Recognised).await, Some((Recognised, false)));
    assert_eq!(settle(2, Confirmed).await, Some((Confirmed, true)));
    assert_eq!(settle(2, Recognised).await, Some((Confirmed, false)));
    assert_eq!(settle(3, Confirmed).await, None);
    assert_eq!(case.told(store, 5).await, [case.code(2), case.code(1)], "the latest first");
    let joined = case.see(store, case.sighting("b", 1), vec![(case.link(2), case.code(9))], 6).await;
    assert_eq!((joined[0].status, accounts(&joined[0]).len()), (Confirmed, 2));
    assert_eq!(settle(2, Cleared).await, Some((Cleared, true)));
    assert_eq!(store.campaigns(Which::Told, 1, at(5)).await.expect("the store answers").len(), 1);
    assert_eq!(case.told(store, 3602).await, [case.code(2)], "the other is over");
}

pub async fn campaigns_move_to_another_store_and_become_no_milder(store: &dyn Store) {
    let case = Case(5);
    let mut campaign = Campaign::begin(case.code(1), "campaigns-5".into(), case.link(1), at(0), at(3600));
    campaign.see(&case.sighting("a", 1), at(0), at(3600));
    campaign.settle(CampaignStatus::Recognised);
    let take_in = async |campaign: &Campaign, now: Timestamp| {
        store.import(vec![Record::Campaign(Box::new(campaign.clone()))], now).await.expect("the store answers")
    };
    assert_eq!((take_in(&campaign, at(3601)).await, take_in(&campaign, at(1)).await), (0, 1));
    assert_eq!(take_in(&campaign, at(1)).await, 0);
    assert_eq!(case.told(store, 1).await, [case.code(1)]);
    let line = serde_json::to_string(&Record::Campaign(Box::new(campaign.clone()))).expect("it is written");
    store.flush().await.expect("the store answers");
    assert_eq!(super::lines(store, "campaigns-5").await, [line]);
    let joined = case.see(store, case.sighting("b", 1), vec![(case.link(1), case.code(2))], 2).await;
    assert_eq!((joined[0].code, accounts(&joined[0]).len()), (case.code(1), 2));
    campaign.settle(CampaignStatus::Confirmed);
    assert_eq!(take_in(&campaign, at(3)).await, 1);
    let known = store.campaign(&case.code(1), at(3)).await.expect("the store answers").expect("it is there");
    assert_eq!((known.status, known.participants.len()), (CampaignStatus::Confirmed, 2));
}

pub fn of_like_messages_at_once_one_begins_and_the_others_join(store: &dyn Store) {
    let case = &Case(6);
    let (threads, each) = (8_u8, 5_u8);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for number in 0..each {
                    let sighting = case.sighting(&format!("t{thread}"), u32::from(number));
                    let text = case.text(1, [1, 2, 3, 4, 5]);
                    let code = 10 + thread * each + number;
                    let seen = vec![(text, case.code(code)), (case.link(1), case.code(100 + code))];
                    assert_eq!(run(case.see(store, sighting, seen, 1)).len(), 2);
                }
            });
        }
    });
    let found = run(store.campaigns(Which::Of(case.session("t0")), 99, at(1))).expect("the store answers");
    assert_eq!(found.len(), 2, "{found:?}");
    for campaign in found {
        assert_eq!((campaign.messages, campaign.participants.len()), (u32::from(threads * each), usize::from(threads)));
    }
    let settle = || run(store.settle_campaign(&case.code(200), CampaignStatus::Recognised, at(1)));
    assert!(settle().expect("the store answers").is_none());
}
