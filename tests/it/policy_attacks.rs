//! Known attacks and ordinary days, played against policy and the store together, hours in a moment.

use std::time::Duration;

use mailward::config::{SendLimits, SignInLimits};
use mailward::domain::{
    Account, Door, Limit, NetworkClass, Outcome, Prefix, SessionHash, SessionState, SiteName, Timestamp,
};
use mailward::policy::limits::{Charged, Settlement};
use mailward::policy::{Decision, Fact, Why, send, sign_in};
use mailward::store::Store;
use mailward::store::embedded::Embedded;

use crate::store::{SETTINGS, at, run};

fn read(texts: &[&str]) -> Vec<Limit> {
    texts.iter().map(|text| text.parse().expect("a limit")).collect()
}

/// One site with the limits that the design proposes, and whoever comes to it.
struct Site {
    name: SiteName,
    store: Embedded,
    sign_in: SignInLimits,
    _folder: tempfile::TempDir,
}

/// Who signs in, and with what.
#[derive(Clone)]
struct Attempt {
    account: String,
    password: u32,
    from: [u8; 4],
    network: NetworkClass,
    known_device: Option<[u8; 16]>,
    outcome: Outcome,
}

fn guess(account: &str, password: u32, from: [u8; 4]) -> Attempt {
    Attempt {
        account: account.into(),
        password,
        from,
        network: NetworkClass::Outside,
        known_device: None,
        outcome: Outcome::WrongPassword,
    }
}

fn owner(account: &str, from: [u8; 4]) -> Attempt {
    Attempt { outcome: Outcome::SignedIn, ..guess(account, 0, from) }
}

/// Any function that spreads: the real one is keyed.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(folder.path(), at(0), SETTINGS).expect("it opens");
        let sign_in = SignInLimits {
            failures_per_account_and_prefix: read(&["5/10m"]),
            failing_accounts_per_prefix: read(&["5/h"]),
            failures_per_account: read(&["2/m"]),
            failures_per_site_before_slowing: read(&["100/m"]),
        };
        Self { name: "webmail.example.edu".into(), store, sign_in, _folder: folder }
    }

    /// As the gateway does it: gather, charge, decide, settle.
    fn attempt(&self, attempt: &Attempt, now: Timestamp) -> Decision {
        run(async {
            let account = Account::from_canonical(&attempt.account);
            let prefix = Prefix::of(attempt.from.into());
            let successes = sign_in::successes_key(&self.name, prefix);
            let failures = sign_in::site_failures_key(&self.name);
            let mut site_failures = Vec::new();
            for limit in &self.sign_in.failures_per_site_before_slowing {
                let count = self.store.count(&failures, limit.window, now).await.expect("the store answers");
                site_failures.push((*limit, count));
            }
            let facts = sign_in::Facts {
                door: Door::Webmail,
                site: &self.name,
                account: &account,
                account_fingerprint: fingerprint(&attempt.account),
                password_fingerprint: fingerprint(&format!("{}/{}", attempt.account, attempt.password)),
                prefix,
                network: attempt.network,
                known_device: attempt.known_device,
                locked: self.store.locked(&self.name, &account).await.map(|lock| lock.is_some()).into(),
                successes_from_prefix: self.store.count(&successes, sign_in::SUCCESSES_WINDOW, now).await.into(),
                site_failures: Fact::Known(&site_failures),
            };
            let charges = match sign_in::charges(&facts, &self.sign_in) {
                Ok(charges) => charges,
                Err(stopped) => return *stopped,
            };
            let charged: Fact<Charged> = self.store.charge(&charges, now).await.into();
            let decision = sign_in::sign_in(&facts, charged.as_ref());
            if let Fact::Known(Charged::Fits(receipt)) = &charged
                && (decision.permit.is_none() || Settlement::of_sign_in(attempt.outcome) == Settlement::GiveBack)
            {
                self.store.refund(receipt, now).await.expect("the store answers");
            }
            if decision.permit.is_some() && attempt.outcome == Outcome::SignedIn {
                let _counted = self
                    .store
                    .charge(&[sign_in::success(facts.site, facts.prefix, facts.account_fingerprint)], now)
                    .await
                    .expect("the store answers");
            }
            decision
        })
    }

    fn passes(&self, attempt: &Attempt, now: Timestamp) -> bool {
        self.attempt(attempt, now).permit.is_some()
    }
}

const ATTACKER: [u8; 4] = [203, 0, 113, 9];
const HOME: [u8; 4] = [198, 51, 100, 4];

#[test]
fn two_thousand_guesses_at_one_account_come_to_five_and_its_owner_signs_in_meanwhile() {
    let site = Site::new();
    let at_home = Attempt { known_device: Some([7; 16]), ..owner("alice", HOME) };
    let behind_the_same_address = Attempt { known_device: Some([7; 16]), ..owner("alice", ATTACKER) };
    let on_campus = Attempt { network: NetworkClass::Campus, ..owner("alice", [192, 0, 2, 1]) };
    let mut reached = 0;
    for number in 0..2000 {
        let now = at(0).after(Duration::from_millis(u64::from(number) * 295));
        reached += u32::from(site.passes(&guess("alice", number, ATTACKER), now));
        for owner in [&at_home, &behind_the_same_address, &on_campus] {
            assert!(site.passes(owner, now), "after {number} guesses");
        }
    }
    assert_eq!(reached, 5);
    assert!(site.passes(&owner("alice", HOME), at(300)), "once the guesses are spent, on a new device as well");
}

#[test]
fn one_wrong_password_over_and_over_does_not_make_the_webmail_refuse_its_owner() {
    let site = Site::new();
    for minute in 0..30 {
        let reached =
            (0..60).filter(|second| site.passes(&guess("alice", 1, ATTACKER), at(minute * 60 + second))).count();
        assert!(reached <= 2, "{reached} in minute {minute}: Roundcube refuses after three");
    }
}

#[test]
fn a_botnet_guesses_at_one_account_no_faster_than_strangers_together_may() {
    let site = Site::new();
    let mut reached: Vec<u64> = Vec::new();
    for number in 0..3000_u32 {
        let second = u64::from(number) / 5;
        let from = [100, 64, (number >> 8) as u8, number as u8];
        if site.passes(&guess("alice", number, from), at(second)) {
            reached.push(second);
        }
    }
    for start in &reached {
        let within = reached.iter().filter(|second| (*start..start + 60).contains(second)).count();
        assert!(within <= 2, "{within} within a minute of second {start}");
    }
    assert!(site.passes(&Attempt { known_device: Some([7; 16]), ..owner("alice", HOME) }, at(600)));
}

#[test]
fn a_spray_over_two_thousand_accounts_from_one_prefix_comes_to_five_an_hour() {
    let site = Site::new();
    let reached = (0..2000)
        .filter(|number| site.passes(&guess(&format!("account{number}"), 1, ATTACKER), at(u64::from(*number as u32))));
    assert_eq!(reached.count(), 5);
    assert!(site.passes(&owner("account7", HOME), at(2000)), "from elsewhere nothing is in the way");
}

#[test]
fn a_busy_morning_behind_one_address_stops_nobody() {
    let site = Site::new();
    let mut second = 0;
    for person in 0..600 {
        let name = format!("person{person}");
        for from in [ATTACKER, [192, 0, 2, 1]] {
            let network = if from == ATTACKER { NetworkClass::Outside } else { NetworkClass::Campus };
            second += 3;
            if person % 12 == 11 {
                let mistyped = Attempt { network, ..guess(&name, 1, from) };
                assert!(site.passes(&mistyped, at(second)), "{name} mistypes at {network:?}");
            }
            assert!(site.passes(&Attempt { network, ..owner(&name, from) }, at(second + 1)), "{name} at {network:?}");
        }
    }
}

#[test]
fn a_site_under_attack_lets_a_stranger_in_a_little_later() {
    let site = Site::new();
    for number in 0..500_u32 {
        let from = [100, 64, (number >> 8) as u8, number as u8];
        site.attempt(&guess(&format!("account{number}"), 1, from), at(u64::from(number) / 20));
    }
    let late = site.attempt(&owner("alice", HOME), at(26));
    assert!(late.permit.is_some());
    assert_eq!((late.why, late.delay), (Why::Slowed, Duration::from_secs(4)));
    let known = site.attempt(&Attempt { known_device: Some([7; 16]), ..owner("alice", HOME) }, at(26));
    assert_eq!(known.delay, Duration::ZERO);
}

#[test]
fn a_spam_run_stops_at_the_limit_and_is_told_when_and_how_many_would_fit() {
    let site = Site::new();
    let limits = SendLimits {
        recipients_per_message: 50,
        recipients_per_session: read(&["60/10m", "200/h"]),
        recipients_per_account: read(&["200/h", "600/d"]),
        recipients_per_prefix: vec![],
        recipients_per_site: vec![],
        messages_per_session: read(&["30/m"]),
        messages_per_account: vec![],
        messages_per_prefix: vec![],
        messages_per_site: vec![],
        familiar_factor: 2.5,
        alert_messages_per_account: read(&["100/5m"]),
        networks_per_account: None,
        countries_per_account: None,
        first_written_on_new_device: vec![],
    };
    let account = Account::from_canonical("alice");
    let (mut sent, mut alerts, mut waits) = (0, 0, Vec::new());
    // A fresh session for every hundred messages: the account's limit holds all the same.
    for number in 0..3000_u32 {
        let now = at(u64::from(number));
        let session = SessionHash([(number / 100) as u8; 16]);
        let decision = run(async {
            let facts = send::Facts {
                now,
                site: &site.name,
                account: &account,
                session: Some(&session),
                state: Fact::Known(Some(SessionState::Open)),
                locked: Fact::Known(false),
                prefix: Prefix::of(ATTACKER.into()),
                device_since: None,
                recipients: 7,
                network: NetworkClass::Outside,
                place: None,
                first_written: 0,
                is_account_known: true,
                rule: None,
            };
            let attempt = send::attempt(&site.name, &account, &limits).expect("an alert line is set");
            let _counted = site.store.charge(&[attempt], now).await.expect("the store answers");
            for line in &limits.alert_messages_per_account {
                let key = send::attempts_key(&site.name, &account);
                let attempts = site.store.count(&key, line.window, now).await.expect("the store answers");
                if let Some(once) = send::alert(&site.name, &account, *line, attempts) {
                    let told = site.store.charge(&[once], now).await.expect("the store answers");
                    alerts += u32::from(matches!(told, Charged::Fits(_)));
                }
            }
            let charges = send::charges(&facts, &limits, &[]).expect("it is worth charging");
            let charged: Fact<Charged> = site.store.charge(&charges, now).await.into();
            send::send(&facts, charged.as_ref())
        });
        match decision.why {
            Why::Nothing => sent += 7,
            Why::Limit(over) => {
                let wait = over.wait.expect("seven always fit some time");
                assert!(over.fits_now < 7 && wait > Duration::ZERO);
                waits.push(wait);
            }
            why => panic!("{why:?}"),
        }
    }
    assert_eq!(sent, 196, "28 messages of 7: the 29th would pass 200/h");
    assert_eq!(alerts, 10, "3000 s of attempts at one a second: from the 101st on, once in each 5 minutes");
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(3600)));
}
