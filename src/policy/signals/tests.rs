//! Every signal, with an attack and the innocent sign-in that resembles it.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::domain::profile::Lesson;
use crate::domain::{
    Account, Agent, NetworkClass, NetworkKinds, PasswordQuality, Position, Prefix, PrefixMark, Profile, SIGNALS,
    SiteName, Timestamp, Whereabouts,
};
use crate::policy::Fact;
use crate::policy::facts::DeviceFact;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0";
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// Noon, UTC.
fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_700_049_600_000 + second * 1000)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Somebody who signs in at noon, from home, in Germany, every day for so many days before `at(0)`.
fn habit(days: u64) -> Profile {
    let mut profile = Profile::default();
    for day in (1..=days).rev() {
        profile.learn(&Lesson {
            time: at(0).before(Duration::from_secs(day * DAY)),
            address: address("192.0.2.7"),
            country: "DE".parse().ok(),
            as_number: Some(64_500),
            agent: Agent::of(Some(FIREFOX)),
        });
    }
    profile
}

fn whereabouts(country: &str, as_number: u32) -> Whereabouts {
    Whereabouts { country: country.parse().ok(), as_number: Some(as_number), ..Whereabouts::default() }
}

/// What is looked at, with everything usual; each case changes what it is about.
struct Case {
    site: SiteName,
    account: Account,
    profile: Profile,
}

impl Case {
    fn of(profile: Profile) -> Self {
        Self { site: "webmail.example.edu".into(), account: Account::from_canonical("alice"), profile }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            now: at(0),
            site: &self.site,
            account: &self.account,
            address: address("192.0.2.7"),
            network: NetworkClass::Outside,
            has_campus: false,
            whereabouts: whereabouts("DE", 64_500),
            agent: Agent::of(Some(FIREFOX)),
            device: DeviceFact::Unasked,
            profile: Fact::Known(&self.profile),
            last_position: None,
            country_at_site: Fact::Known(Some(true)),
            failures_before: Fact::Known(0),
            newcomers_from_prefix: Fact::Known(1),
            networks_for_account: Fact::Known(1),
            thefts_from_prefix: Fact::Known(0),
            prefix_mark: Fact::Known(None),
            home_country: "DE".parse().ok(),
            has_open_flag: Fact::Known(false),
            password: PasswordQuality::default(),
        }
    }
}

#[track_caller]
fn check(name: &str, attack: &Facts<'_>, innocent: &[(&str, Facts<'_>)]) {
    let (_, observe) = ALL.iter().find(|(known, _)| *known == name).expect("a signal");
    assert!(observe(attack).is_some(), "{name} is silent where it should speak");
    for (why, facts) in innocent {
        assert_eq!(observe(facts), None, "{name} speaks though {why}");
    }
}

#[test]
fn every_kind_has_its_file_and_every_file_its_kind() {
    let mut files: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    let mut kinds: Vec<&str> = SIGNALS.iter().map(|kind| kind.name).collect();
    files.sort_unstable();
    kinds.sort_unstable();
    assert_eq!(files, kinds);
    for kind in &SIGNALS {
        assert!(kind.weight != 0 && kind.weight.abs() <= 120 && !kind.because.is_empty(), "{}", kind.name);
    }
}

#[test]
fn an_ordinary_sign_in_and_the_very_first_one_say_nothing() {
    let usual = Case::of(habit(40));
    assert_eq!(speaking(&usual.facts(), &Risk::default()), []);
    let first = Case::of(Profile::default());
    let facts = Facts {
        device: DeviceFact::New,
        whereabouts: whereabouts("BR", 64_600),
        country_at_site: Fact::Known(None),
        ..first.facts()
    };
    assert_eq!(speaking(&facts, &Risk::default()), [], "nothing is new to an account that nothing is known of");
    let away = Facts { profile: Fact::StoreAway, device: DeviceFact::New, ..usual.facts() };
    assert_eq!(speaking(&away, &Risk::default()), []);
}

#[test]
fn a_new_country_speaks_and_an_unknown_one_does_not() {
    let case = Case::of(habit(5));
    let from = |whereabouts| Facts { whereabouts, ..case.facts() };
    let vpn = NetworkKinds { vpn: true, ..NetworkKinds::default() };
    let (journey, home) = (Case::of(habit(3)), Case::of(habit(10)));
    check(
        "new_country",
        &Facts { now: at(70 * DAY), ..journey.facts() },
        &[
            ("it was there lately", Facts { now: at(50 * DAY), ..journey.facts() }),
            ("it was there often", Facts { now: at(70 * DAY), ..home.facts() }),
        ],
    );
    check(
        "new_country",
        &from(whereabouts("BR", 64_600)),
        &[
            ("it is the usual one", case.facts()),
            ("the country is unknown", from(Whereabouts::default())),
            ("it came through a VPN", from(Whereabouts { kinds: vpn, ..whereabouts("BR", 64_600) })),
        ],
    );
}

#[test]
fn outside_means_outside_a_campus_that_was_named() {
    let case = Case::of(habit(5));
    check(
        "off_campus",
        &Facts { has_campus: true, ..case.facts() },
        &[
            ("no campus is named", case.facts()),
            ("it is on campus", Facts { has_campus: true, network: NetworkClass::Campus, ..case.facts() }),
            ("the network is trusted", Facts { has_campus: true, network: NetworkClass::Trusted, ..case.facts() }),
        ],
    );
}

#[test]
fn a_new_network_is_one_of_a_new_provider() {
    let case = Case::of(habit(5));
    let other = Facts { address: address("198.51.100.9"), ..case.facts() };
    let elsewhere =
        |as_number| Facts { whereabouts: Whereabouts { as_number, ..Whereabouts::default() }, ..other.clone() };
    check(
        "new_network",
        &elsewhere(Some(64_700)),
        &[
            ("the provider is the usual one", other.clone()),
            ("the network is the usual one", Facts { whereabouts: whereabouts("DE", 64_700), ..case.facts() }),
            ("it is on campus", Facts { network: NetworkClass::Campus, ..elsewhere(Some(64_700)) }),
        ],
    );
    check("new_network", &elsewhere(None), &[]);
}

#[test]
fn a_browser_speaks_for_or_against() {
    let case = Case::of(habit(5));
    let with = |device| Facts { device, ..case.facts() };
    let known = with(DeviceFact::Known(at(0).before(Duration::from_secs(3 * DAY))));
    check("new_device", &with(DeviceFact::New), &[("it is known", known.clone()), ("it is not asked", case.facts())]);
    check("known_device", &known, &[("it is new", with(DeviceFact::New)), ("it is not asked", case.facts())]);
}

#[test]
fn an_account_that_was_never_seen_is_expected_at_home() {
    let case = Case::of(Profile::default());
    let abroad = || Facts { whereabouts: whereabouts("BR", 64_600), ..case.facts() };
    let vpn = NetworkKinds { vpn: true, ..NetworkKinds::default() };
    let known = Case::of(habit(1));
    check(
        "first_seen_abroad",
        &abroad(),
        &[
            ("it is at home", case.facts()),
            ("nobody knows where home is", Facts { home_country: None, ..abroad() }),
            ("the site is young", Facts { country_at_site: Fact::Known(None), ..abroad() }),
            (
                "it came through a VPN",
                Facts { whereabouts: Whereabouts { kinds: vpn, ..whereabouts("BR", 1) }, ..abroad() },
            ),
            ("it was seen before", Facts { whereabouts: whereabouts("BR", 64_600), ..known.facts() }),
        ],
    );
}

#[test]
fn while_a_flag_is_open_new_browsers_are_looked_at_and_the_owners_are_not() {
    let case = Case::of(habit(5));
    let flagged = || Facts { has_open_flag: Fact::Known(true), ..case.facts() };
    check(
        "open_flag",
        &Facts { device: DeviceFact::New, ..flagged() },
        &[
            ("the browser is known", Facts { device: DeviceFact::Known(at(0)), ..flagged() }),
            ("it is campus", Facts { device: DeviceFact::New, network: NetworkClass::Campus, ..flagged() }),
            ("there is none", Facts { device: DeviceFact::New, ..case.facts() }),
        ],
    );
}

#[test]
fn a_country_is_new_to_a_site_that_knows_its_countries() {
    let case = Case::of(habit(5));
    let seen = |country_at_site| Facts { country_at_site, ..case.facts() };
    check(
        "country_new_to_site",
        &seen(Fact::Known(Some(false))),
        &[
            ("somebody was there", case.facts()),
            ("too few people signed in", seen(Fact::Known(None))),
            ("the store does not say", seen(Fact::StoreAway)),
        ],
    );
}

#[test]
fn travel_is_impossible_only_beyond_doubt() {
    let case = Case::of(habit(5));
    let position = |latitude, longitude, accuracy_km| Some(Position { latitude, longitude, accuracy_km });
    let (berlin, tokyo) = (position(52.5, 13.4, 20), position(35.7, 139.7, 20));
    // The last sign-in of the habit was a day before; here it was so many seconds ago.
    let after = |seconds: u64, last_position, whereabouts: Whereabouts| Facts {
        now: at(seconds).before(Duration::from_secs(DAY)),
        last_position,
        whereabouts,
        ..case.facts()
    };
    let there = |position| Whereabouts { position, ..Whereabouts::default() };
    let hidden = NetworkKinds { vpn: true, ..NetworkKinds::default() };
    check(
        "impossible_travel",
        &after(HOUR, berlin, there(tokyo)),
        &[
            ("a night's flight lies between", after(12 * HOUR, berlin, there(tokyo))),
            ("it is the same city", after(60, berlin, there(position(52.4, 13.5, 20)))),
            ("it is the next city", after(60, berlin, there(position(53.6, 10.0, 20)))),
            ("the position may be anywhere", after(HOUR, berlin, there(position(35.7, 139.7, 9_000)))),
            ("the position is unknown", after(HOUR, None, there(tokyo))),
            ("it came through a VPN", after(HOUR, berlin, Whereabouts { kinds: hidden, ..there(tokyo) })),
            (
                "the clock went back",
                Facts { now: at(0).before(Duration::from_secs(9 * DAY)), ..after(HOUR, berlin, there(tokyo)) },
            ),
            ("neighbours may be a step apart", after(60, None, whereabouts("FR", 64_600))),
            ("nobody signed in before", Facts { profile: Fact::StoreAway, ..after(HOUR, berlin, there(tokyo)) }),
        ],
    );
    check(
        "impossible_travel",
        &after(HOUR, None, whereabouts("AU", 64_600)),
        &[("two days lie between", Facts { now: at(DAY), ..after(HOUR, None, whereabouts("AU", 64_600)) })],
    );
}

#[test]
fn across_the_date_line_is_a_short_way() {
    let case = Case::of(habit(5));
    let east = Some(Position { latitude: -17.0, longitude: 179.5, accuracy_km: 10 });
    let west = Some(Position { latitude: -17.0, longitude: -179.5, accuracy_km: 10 });
    let facts = Facts {
        now: at(60).before(Duration::from_secs(DAY)),
        last_position: east,
        whereabouts: Whereabouts { position: west, ..Whereabouts::default() },
        ..case.facts()
    };
    assert_eq!(impossible_travel::observe(&facts), None);
}

#[test]
fn kinds_of_network_speak_once() {
    let case = Case::of(habit(5));
    let of = |tor, hosting, vpn| Facts {
        whereabouts: Whereabouts { kinds: NetworkKinds { tor, hosting, vpn }, ..whereabouts("DE", 64_500) },
        ..case.facts()
    };
    check("tor", &of(true, true, true), &[("it is a VPN", of(false, true, true))]);
    check(
        "hosting",
        &of(false, true, false),
        &[("it is a VPN", of(false, true, true)), ("it is Tor", of(true, true, false))],
    );
    check(
        "vpn",
        &of(false, true, true),
        &[("it is Tor", of(true, false, true)), ("it is rented", of(false, true, false))],
    );
}

#[test]
fn what_happened_before_counts_from_a_number_on() {
    let case = Case::of(habit(5));
    let newcomer = || Facts { device: DeviceFact::New, ..case.facts() };
    check(
        "failures_before",
        &Facts { failures_before: Fact::Known(3), ..case.facts() },
        &[
            ("two are slips of the hand", Facts { failures_before: Fact::Known(2), ..case.facts() }),
            ("the store does not say", Facts { failures_before: Fact::StoreAway, ..case.facts() }),
        ],
    );
    check(
        "accounts_from_prefix",
        &Facts { newcomers_from_prefix: Fact::Known(4), ..newcomer() },
        &[
            ("three are a family", Facts { newcomers_from_prefix: Fact::Known(3), ..newcomer() }),
            (
                "this one is known",
                Facts { newcomers_from_prefix: Fact::Known(9), device: DeviceFact::Known(at(0)), ..case.facts() },
            ),
            (
                "it is campus",
                Facts { newcomers_from_prefix: Fact::Known(9), network: NetworkClass::Campus, ..newcomer() },
            ),
        ],
    );
    check(
        "prefixes_for_account",
        &Facts { networks_for_account: Fact::Known(3), ..newcomer() },
        &[
            ("two are home and phone", Facts { networks_for_account: Fact::Known(2), ..newcomer() }),
            (
                "it is campus",
                Facts { networks_for_account: Fact::Known(9), network: NetworkClass::Campus, ..newcomer() },
            ),
        ],
    );
    check(
        "theft_from_prefix",
        &Facts { thefts_from_prefix: Fact::Known(1), ..case.facts() },
        &[("there was none", case.facts())],
    );
    let mark = PrefixMark {
        site: case.site.clone(),
        prefix: Prefix::of(address("192.0.2.7")),
        by: "anna".to_owned(),
        since: at(0),
        until: at(DAY),
        note: "ticket 4711".to_owned(),
    };
    let marked = Facts { prefix_mark: Fact::Known(Some(mark)), ..case.facts() };
    let away = Facts { prefix_mark: Fact::StoreAway, ..case.facts() };
    check("theft_from_prefix", &marked, &[("nobody knows whether it is marked", away)]);
    let both = Facts { thefts_from_prefix: Fact::Known(1), ..marked.clone() };
    for (facts, said) in [
        (marked, "An operator (anna) marked its address on 2023-11-15."),
        (
            both,
            "Within a month an operator confirmed a theft from its address. An operator (anna) marked its address on \
             2023-11-15.",
        ),
    ] {
        assert_eq!(theft_from_prefix::observe(&facts).as_deref(), Some(said));
    }
}

#[test]
fn an_account_that_slept_is_woken_by_somebody() {
    let case = Case::of(habit(5));
    check(
        "dormant",
        &Facts { now: at(90 * DAY), ..case.facts() },
        &[
            ("a semester break is shorter", Facts { now: at(80 * DAY), ..case.facts() }),
            ("the clock went back", Facts { now: at(0).before(Duration::from_secs(999 * DAY)), ..case.facts() }),
        ],
    );
}

#[test]
fn an_hour_is_unusual_only_against_a_habit() {
    let (long, short) = (Case::of(habit(100)), Case::of(habit(20)));
    check(
        "unusual_hour",
        &Facts { now: at(15 * HOUR), ..long.facts() },
        &[
            ("it is noon", long.facts()),
            ("daylight saving moved it", Facts { now: at(HOUR), ..long.facts() }),
            ("there is no habit yet", Facts { now: at(15 * HOUR), ..short.facts() }),
        ],
    );
}

#[test]
fn a_library_is_no_browser_and_a_password_may_be_bad() {
    let case = Case::of(habit(5));
    let script = Agent::of(Some("python-requests/2.32.3"));
    check("scripted", &Facts { agent: script, ..case.facts() }, &[("it is a browser", case.facts())]);
    let weak = PasswordQuality { weak: true, breached: false };
    let breached = PasswordQuality { weak: false, breached: true };
    check("weak_password", &Facts { password: weak, ..case.facts() }, &[("it is good", case.facts())]);
    check(
        "breached_password",
        &Facts { password: breached, ..case.facts() },
        &[("it is only weak", Facts { password: weak, ..case.facts() })],
    );
}

#[test]
fn the_heaviest_comes_first_and_weight_zero_silences() {
    let case = Case::of(habit(5));
    let facts = Facts {
        device: DeviceFact::New,
        whereabouts: whereabouts("BR", 64_600),
        address: address("203.0.113.9"),
        ..case.facts()
    };
    let names =
        |risk: &Risk| -> Vec<String> { speaking(&facts, risk).iter().map(|signal| signal.name.to_string()).collect() };
    assert_eq!(names(&Risk::default()), ["new_country", "new_device", "new_network"]);
    let mut silent = Risk::default();
    silent.weights[0] = 0;
    assert_eq!(names(&silent), ["new_device", "new_network"]);
}
