//! Sign-ins that do not fit, sessions that move, and sends from many places: what the running gateway does about them,
//! with the database it brings along.
//!
//! Addresses come in through a listed proxy. Those used here belong to large providers that have been where they are for
//! decades.

use super::upstream::{Reply, Upstream};
use super::{RIGHT_TOO, SEND, roundcube, says_sent, send, sending, sign_in};
use crate::stack::{Answer, Client, Gateway, Settings, until};

/// A German provider (AS3320), an American one (AS7018), a Japanese one (AS4713), a British one (AS2856).
pub const GERMAN: &str = "79.192.0.9";
pub const AMERICAN: &str = "12.0.1.28";
pub const JAPANESE: &str = "122.16.0.9";
pub const BRITISH: &str = "81.128.0.9";

pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0";
pub const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";

/// Nobody travels within the seconds that a test takes, and the scripted webmail's one password is a bad one: what that
/// says is tested by itself.
const SILENT: &str = "[risk]\nweights = { impossible_travel = 0, weak_password = 0, breached_password = 0 }\n";

pub fn settings(sections: &str) -> Settings {
    let sections = match sections.split_once("[risk]\n") {
        Some((before, after)) => format!("{before}{SILENT}{after}"),
        None => format!("{SILENT}{sections}"),
    };
    Settings {
        listen: "forwarded_from = [\"127.0.0.0/8\"]\n".to_owned(),
        sections: format!("[networks]\ncampus = [\"192.0.2.0/24\"]\ncampus_country = \"DE\"\n{sections}"),
        ..Settings::new()
    }
}

pub async fn start(sections: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), &settings(sections)).await;
    (upstream, gateway)
}

pub fn at(gateway: &Gateway, address: &str, user_agent: &str) -> Client {
    let mut client = gateway.client();
    client.header("x-forwarded-for", address);
    client.header("user-agent", user_agent);
    client
}

/// Signs in at home so often that the account has a habit.
pub async fn with_habit(gateway: &Gateway, name: &str) -> Client {
    let mut client = at(gateway, GERMAN, FIREFOX);
    for _ in 0..4 {
        client.set_cookie("roundcube_sessid", "");
        assert_eq!(sign_in(&mut client, name, "right").await.status, 302);
    }
    client
}

pub fn restricted(answer: &Answer) -> bool {
    answer.text().contains("can only read") || answer.text().contains("can read mail but not do this")
}

pub async fn event(gateway: &Gateway, kind: &str, account: &str) -> serde_json::Value {
    until(&format!("an event {kind} of {account}"), 10, async || {
        gateway.events_of(kind).into_iter().rev().find(|event| event["account"] == account)
    })
    .await
}

#[tokio::test]
async fn a_thief_from_abroad_reads_and_does_not_send_until_an_operator_clears_the_flag() {
    let (upstream, gateway) = start("[send.limits]\ncountries_per_account = \"none\"").await;
    let mut alice = with_habit(&gateway, "alice").await;
    let mut thief = at(&gateway, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut thief, "alice", "right").await.status, 302, "nothing tells the thief");
    let flagged = event(&gateway, "flag_raised", "alice").await;
    assert_eq!(
        (&flagged["verdict"], &flagged["country"], &flagged["as_number"]),
        (&"challenge".into(), &"US".into(), &7018.into())
    );
    let names: Vec<&str> =
        flagged["signals"].as_array().expect("signals").iter().filter_map(|signal| signal["name"].as_str()).collect();
    assert!(names.contains(&"new_country") && names.contains(&"new_device"), "{flagged}");
    let code = flagged["reference"].as_str().expect("a code").to_owned();

    upstream.forget();
    let answer = send(&mut thief, "spam").await;
    assert!(restricted(&answer) && answer.text().contains(&code), "{}", answer.text());
    for (path, fields) in [
        ("/", &[("_task", "settings"), ("_action", "save-identity"), ("_iid", "1"), ("_email", "x@y.example")][..]),
        ("/", &[("_task", "settings"), ("_action", "plugin.managesieve-save"), ("_framed", "1")]),
        ("/?_task=settings&_action=plugin.password-save", &[("_curpasswd", "right"), ("_newpasswd", "x")]),
        ("/?_task=mail&_action=sendmdn", &[("_uid", "8"), ("_mbox", "INBOX"), ("_remote", "1")]),
        ("/?_task=mail&_action=plugin.zipdownload.messages", &[("_uid", "*"), ("_mbox", "INBOX")]),
    ] {
        let answer = thief.post(path, fields).await;
        assert!(restricted(&answer), "{path} {fields:?}: {} {}", answer.status, answer.text());
    }
    assert!(restricted(&thief.get("/?_task=addressbook&_action=export&_source=0&_token=t").await));
    assert_eq!(upstream.seen().len(), 0, "nothing of it reached the webmail");
    assert_eq!(thief.get("/?_task=mail&_action=list&_remote=1").await.status, 200, "it reads");
    assert!(says_sent(&send(&mut alice, "mine").await), "the owner notices nothing");

    let stopped = async || {
        let shown = gateway.command(&["flag", "show", &code, "--json"]);
        let shown = String::from_utf8_lossy(&shown.stdout).replace(' ', "");
        let counted = shown.split("\"stopped\":").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).max();
        counted.filter(|count| *count > 0)
    };
    until("the message that was stopped stands on the flag", 5, stopped).await;
    let shown = gateway.command(&["flag", "show", &code]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("new_country") && shown.contains("alice"), "{shown}");
    assert!(gateway.command(&["flag", "clear", &code]).status.success());
    assert!(says_sent(&send(&mut thief, "not a thief after all").await), "in force at the next request");
    let mut again = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut again, "alice", "right").await;
    assert!(says_sent(&send(&mut again, "again").await), "clearing taught the country");
}

#[tokio::test]
async fn the_owner_abroad_with_the_own_browser_is_flagged_at_most() {
    let (_upstream, gateway) = start("").await;
    let alice = with_habit(&gateway, "alice").await;
    let mut abroad = at(&gateway, JAPANESE, FIREFOX);
    abroad.set_cookie("__Host-mailward_device", alice.cookie("__Host-mailward_device").expect("a device cookie"));
    assert_eq!(sign_in(&mut abroad, "alice", "right").await.status, 302);
    assert!(says_sent(&send(&mut abroad, "from the beach").await));
    assert_eq!(event(&gateway, "flag_raised", "alice").await["verdict"], "flag");
}

#[tokio::test]
async fn confirming_a_theft_locks_ends_and_unteaches() {
    let (_upstream, gateway) = start("[risk]\nchallenge = 300\nrestrict = 300\nrefuse = 300").await;
    let mut alice = with_habit(&gateway, "alice").await;
    let mut thief = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut thief, "alice", "right").await;
    assert!(says_sent(&send(&mut thief, "spam").await), "only flagged");
    let code = event(&gateway, "flag_raised", "alice").await["reference"].as_str().expect("a code").to_owned();
    let listed = gateway.command(&["flag", "list", "--json"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&code));
    assert!(gateway.command(&["flag", "confirm", &code, "--note", "phished"]).status.success());
    for client in [&mut alice, &mut thief] {
        assert!(!says_sent(&send(client, "x").await), "all sessions ended");
    }
    assert_eq!(sign_in(&mut at(&gateway, GERMAN, FIREFOX), "alice", "right").await.status, 403, "and locked");
    assert!(gateway.command(&["account", "unlock", "alice"]).status.success());
    let mut back = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut back, "alice", "right").await;
    let flagged = until("the second flag", 10, async || {
        gateway.events_of("flag_raised").into_iter().find(|event| event["reference"] != code.as_str())
    })
    .await;
    let names = flagged["signals"].to_string();
    assert!(names.contains("new_country") && names.contains("theft_from_prefix"), "{flagged}");
}

#[tokio::test]
async fn a_cookie_that_turns_up_elsewhere_is_judged_again_and_a_phone_is_not() {
    let (_upstream, gateway) = start("").await;
    let alice = with_habit(&gateway, "alice").await;
    let stolen = |address: &str, user_agent: &str| {
        let mut client = at(&gateway, address, user_agent);
        for name in ["roundcube_sessid", "roundcube_sessauth", "__Host-mailward_device"] {
            client.set_cookie(name, alice.cookie(name).expect("signed in"));
        }
        client
    };
    let mut wandering = stolen("79.200.4.4", FIREFOX);
    assert!(says_sent(&send(&mut wandering, "on the train").await), "another network of the same provider");
    let mut thief = stolen(JAPANESE, CHROME);
    assert!(restricted(&send(&mut thief, "spam").await));
    let moved = event(&gateway, "session_moved", "alice").await;
    assert_eq!((&moved["verdict"], &moved["country"]), (&"challenge".into(), &"JP".into()));
}

#[tokio::test]
async fn a_session_used_from_two_places_at_once_is_judged_again() {
    let (_upstream, gateway) = start("").await;
    let mut alice = with_habit(&gateway, "alice").await;
    let mut elsewhere = at(&gateway, BRITISH, FIREFOX);
    for name in ["roundcube_sessid", "roundcube_sessauth"] {
        elsewhere.set_cookie(name, alice.cookie(name).expect("signed in"));
    }
    assert_eq!(elsewhere.get("/?_task=mail&_action=list&_remote=1").await.status, 200);
    assert_eq!(gateway.events_of("session_moved").len(), 0, "one place after the other is no news");
    alice.get("/?_task=mail&_action=list&_remote=1").await;
    let moved = event(&gateway, "session_moved", "alice").await;
    assert_eq!(moved["country"], "GB");
}

#[tokio::test]
async fn a_run_that_changes_its_address_with_every_message_ends_at_the_third() {
    let (_upstream, gateway) =
        start("[send.limits]\ncountries_per_account = \"none\"\n[risk]\nflag = 300\nchallenge = 300\nrestrict = 300\nrefuse = 300").await;
    let mut run = at(&gateway, GERMAN, CHROME);
    sign_in(&mut run, "alice", "right").await;
    let mut sent = 0;
    for network in 0..6 {
        run.header("x-forwarded-for", &format!("198.18.{network}.9"));
        sent += u32::from(says_sent(&send(&mut run, "spam").await));
    }
    assert_eq!(sent, 2, "the third network is one too many");
    let flagged = event(&gateway, "flag_raised", "alice").await;
    assert_eq!(
        (&flagged["stopped_by"], &flagged["verdict"]),
        (&"networks_per_account 2/5m".into(), &"restrict".into())
    );

    // The same person at home and on the telephone are two.
    let mut bob = at(&gateway, GERMAN, FIREFOX);
    sign_in(&mut bob, "bob", "right").await;
    for address in [GERMAN, "80.187.100.9", GERMAN] {
        bob.header("x-forwarded-for", address);
        assert!(says_sent(&send(&mut bob, "mine").await), "{address}");
    }
}

#[tokio::test]
async fn with_a_new_browser_few_strangers_are_written_to_and_old_friends_are_not_counted() {
    let (_upstream, gateway) = start("[risk]\nflag = 300\nchallenge = 300\nrestrict = 300\nrefuse = 300").await;
    let mut alice = with_habit(&gateway, "alice").await;
    let to = |first: usize, count: usize| -> String {
        (first..first + count).map(|number| format!("friend{number}@elsewhere.example")).collect::<Vec<_>>().join(",")
    };
    let message = async |client: &mut Client, to: &str| {
        let fields: Vec<(&str, &str)> =
            sending("news").into_iter().map(|(name, value)| (name, if name == "_to" { to } else { value })).collect();
        client.post(SEND, &fields).await
    };
    assert!(says_sent(&message(&mut alice, &to(0, 20)).await), "twenty are no crowd");
    assert!(says_sent(&message(&mut alice, &to(0, 20)).await), "and the same again are friends");
    let stopped = message(&mut alice, &to(100, 20)).await;
    assert!(restricted(&stopped), "{}", stopped.text());
    let flagged = event(&gateway, "flag_raised", "alice").await;
    assert_eq!(flagged["stopped_by"], "first_written_on_new_device 25/d");
}

#[tokio::test]
async fn a_rule_lowers_and_raises_and_what_observes_only_tells() {
    let rules = "[[rule]]\nwhen = { country = \"US\", account = \"bob\" }\nverdict = \"pass\"\nwhy = \"bob's year abroad\"\n\
                 [[rule]]\nwhen = { country = \"JP\" }\nverdict = \"restrict\"\nmode = \"observe\"\nwhy = \"tried out\"\n\
                 [[rule]]\nwhen = { action = \"export\", network_class = \"outside\" }\nverdict = \"restrict\"\nwhy = \"exports at work only\"";
    let (_upstream, gateway) = start(rules).await;
    with_habit(&gateway, "bob").await;
    let mut bob = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut bob, "bob", "right").await;
    assert!(says_sent(&send(&mut bob, "from abroad").await));
    with_habit(&gateway, "carol").await;
    let mut carol = at(&gateway, JAPANESE, FIREFOX);
    sign_in(&mut carol, "carol", "right").await;
    let ok = until("carol's sign-in", 10, async || {
        gateway
            .events_of("sign_in_ok")
            .into_iter()
            .find(|event| event["account"] == "carol" && event["country"] == "JP")
    })
    .await;
    assert_eq!((&ok["observed_rules"], &ok["verdict"]), (&serde_json::json!(["tried out"]), &"challenge".into()));
    let export = "/?_task=addressbook&_action=export&_source=0&_token=t";
    assert!(restricted(&bob.get(export).await));
    let mut at_work = at(&gateway, "192.0.2.9", FIREFOX);
    sign_in(&mut at_work, "dave", "right").await;
    assert!(!restricted(&at_work.get(export).await));
}

#[tokio::test]
async fn who_was_at_home_a_moment_ago_is_not_across_the_ocean_now() {
    let upstream = Upstream::start(roundcube).await;
    let travelling = Settings { sections: settings("").sections.replace(SILENT, ""), ..settings("") };
    let gateway = Gateway::start(upstream.address(), &travelling).await;
    with_habit(&gateway, "alice").await;
    let mut thief = at(&gateway, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut thief, "alice", "right").await.status, 403);
    let refused = event(&gateway, "sign_in_refused", "alice").await;
    let names = refused["signals"].to_string();
    for name in ["impossible_travel", "new_country", "breached_password"] {
        assert!(names.contains(name), "{refused}");
    }
}

/// A service that lists passwords by range, and answers late where it is told to.
async fn range_service(listed: &'static str, is_late: bool) -> Upstream {
    Upstream::start(move |request| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, listed.as_bytes());
        let digits = data_encoding::HEXUPPER.encode(digest.as_ref());
        assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
        let asked = request.target.strip_prefix("/range/").expect("where the configuration says");
        assert_eq!(asked.len(), 5, "no more than the range is told: {}", request.target);
        match (is_late, digits.strip_prefix(asked)) {
            (true, _) => Reply::hang(),
            (false, Some(rest)) => Reply::page(&format!("{}:1\r\n{rest}:9\r\n", "0".repeat(35))),
            (false, None) => Reply::page(&format!("{}:1\r\n", "0".repeat(35))),
        }
    })
    .await
}

#[tokio::test]
async fn a_password_that_a_service_knows_to_have_leaked_speaks_and_one_that_it_does_not_is_silent() {
    for (listed, is_late, speaks) in [(RIGHT_TOO, false, true), ("another", false, false), (RIGHT_TOO, true, false)] {
        let service = range_service(listed, is_late).await;
        let upstream = Upstream::start(roundcube).await;
        let asking = format!("[passwords]\nrange_service = \"http://{}/range/\"\n", service.address());
        let asking = Settings { sections: settings("").sections.replace(SILENT, &asking), ..settings("") };
        let gateway = Gateway::start(upstream.address(), &asking).await;
        let mut alice = at(&gateway, GERMAN, FIREFOX);
        assert_eq!(sign_in(&mut alice, "alice", RIGHT_TOO).await.status, 302);
        let ok = event(&gateway, "sign_in_ok", "alice").await;
        assert_eq!(ok["signals"].to_string().contains("breached_password"), speaks, "{listed} {is_late}: {ok}");
        assert_eq!(service.seen().len(), 1, "asked once");
        // Wrong ones are nobody's business, and those known here need not be asked about.
        sign_in(&mut alice, "alice", "wrong").await;
        sign_in(&mut alice, "alice", "right").await;
        assert_eq!(service.seen().len(), 1);
    }
}

#[tokio::test]
async fn what_fits_too_little_is_not_signed_in_and_gets_no_session() {
    let (_upstream, gateway) = start("[risk]\nchallenge = 31\nrestrict = 32\nrefuse = 33").await;
    with_habit(&gateway, "alice").await;
    let mut thief = at(&gateway, AMERICAN, CHROME);
    let answer = sign_in(&mut thief, "alice", "right").await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("cannot sign in from here"), "{}", answer.text());
    assert_eq!(answer.set_cookies().count(), 0, "the webmail's session is given to nobody");
}

#[tokio::test]
async fn while_a_site_observes_everything_is_told_and_nobody_is_stopped() {
    let upstream = Upstream::start(roundcube).await;
    let observing = Settings { top: "mode = \"observe\"".to_owned(), ..settings("") };
    let gateway = Gateway::start(upstream.address(), &observing).await;
    with_habit(&gateway, "alice").await;
    let mut thief = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut thief, "alice", "right").await;
    assert!(says_sent(&send(&mut thief, "spam").await));
    assert_eq!(event(&gateway, "flag_raised", "alice").await["verdict"], "challenge");
}
