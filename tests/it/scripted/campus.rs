//! Confirming from campus, with the challenged session on one gateway and the confirming one on another.

use std::net::SocketAddr;

use futures_util::future::join_all;
use http::StatusCode;

use super::challenge::{answer, helpdesk_code};
use super::risk::{AMERICAN, CHROME, FIREFOX, GERMAN, at, event, settings, with_habit};
use super::shared::{PATIENT, Shared};
use super::{says_sent, send, sign_in};
use crate::stack::{Answer, Client, Gateway, Settings};

const ASK: &str = "/.mailward/challenge?with=campus";
const ACCOUNT: &str = "/.mailward/account";
const CAMPUS: &str = "192.0.2.7";

/// Two gateways on one Redis.
pub struct Pair {
    pub shared: Shared,
    pub far: Gateway,
    pub near: Gateway,
}

/// The same product behind both: Roundcube, or another at that address.
pub async fn pair(other: Option<(&'static str, SocketAddr)>) -> Pair {
    let shared = Shared::start().await;
    let risk = settings("");
    let plain = shared.settings(PATIENT, "", &risk.sections);
    let webmail = other.map(|(webmail, _)| webmail);
    let settings = Settings { listen: format!("{}{}", plain.listen, risk.listen), webmail, ..plain };
    let address = other.map_or_else(|| shared.upstream.address(), |(_, address)| address);
    let (far, near) = (Gateway::start(address, &settings).await, Gateway::start(address, &settings).await);
    Pair { shared, far, near }
}

/// A challenged session at the far gateway, and one on campus at the near one.
async fn both(pair: &Pair, name: &str) -> (Client, Client) {
    with_habit(&pair.near, name).await;
    helpdesk_code(&pair.near, name);
    // Each at a desk of their own: the guard against floods counts by address.
    let mut campus = at(&pair.near, if name == "alice" { CAMPUS } else { "192.0.2.99" }, FIREFOX);
    assert_eq!(sign_in(&mut campus, name, "right").await.status, 302);
    let mut abroad = at(&pair.far, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut abroad, name, "right").await.status, 302);
    (abroad, campus)
}

fn number(page: &Answer) -> String {
    let text = page.text();
    let shown =
        text.split("class=\"number\" dir=\"ltr\"><strong>").nth(1).unwrap_or_else(|| panic!("no number: {text}"));
    shown.split('<').next().expect("it ends").to_owned()
}

async fn type_there(client: &mut Client, number: &str) -> String {
    client.header("sec-fetch-site", "same-origin");
    client.post(ACCOUNT, &[("do", "confirm-elsewhere"), ("code", number)]).await.text()
}

#[tokio::test]
async fn a_session_on_campus_opens_one_elsewhere_by_the_number_that_is_shown_there() {
    let pair = pair(None).await;
    let (mut abroad, mut campus) = both(&pair, "alice").await;
    assert!(!campus.get(ACCOUNT).await.text().contains("Is this you, elsewhere?"), "nobody asks yet");
    let page = abroad.get(ASK).await;
    let shown = number(&page);
    assert_eq!(number(&abroad.get(ASK).await), shown, "a page that is loaded again asks for the same");
    let waits = answer(&mut abroad, &page, "", &[]).await;
    assert_eq!(waits.status, StatusCode::CONFLICT);
    assert!(waits.text().contains("not confirmed yet") && number(&waits) == shown, "{}", waits.text());

    let told = campus.get(ACCOUNT).await.text();
    assert!(told.contains("Is this you, elsewhere?") && told.contains("US, 12.0.1.28"), "{told}");
    assert!(!told.contains(&format!(">{shown}<")), "the number stands on the other screen only");
    let wrong = if shown == "10" { "11" } else { "10" };
    assert!(type_there(&mut campus, wrong).await.contains("not the number"));
    assert!(type_there(&mut campus, &shown).await.contains("Confirmed."));
    assert!(!says_sent(&send(&mut abroad, "x").await), "not before its own page goes on");
    let opened = answer(&mut abroad, &waits, "", &[("remember", "1")]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text());
    assert!(says_sent(&send(&mut abroad, "x").await));
    assert_eq!(event(&pair.far, "challenge_passed", "alice").await["factor"], "campus");
    assert!(type_there(&mut campus, &shown).await.contains("Nobody waits"), "good once");
}

#[tokio::test]
async fn nobody_else_confirms_and_three_wrong_numbers_end_it() {
    let pair = pair(None).await;
    let (mut thief, mut campus) = both(&pair, "alice").await;
    let (mut other_thief, mut bob) = both(&pair, "bob").await;
    let page = thief.get(ASK).await;
    let shown = number(&page);
    // Neither the challenged session itself, nor a session of its account that is not on campus, nor another account's.
    thief.header("sec-fetch-site", "same-origin");
    let own = thief.post(ACCOUNT, &[("do", "confirm-elsewhere"), ("code", &shown)]).await;
    assert!(own.location().starts_with("/.mailward/challenge"), "{}", own.status);
    let mut home = at(&pair.near, GERMAN, FIREFOX);
    sign_in(&mut home, "alice", "right").await;
    assert!(type_there(&mut home, &shown).await.contains("was not done"));
    assert!(type_there(&mut bob, &shown).await.contains("Nobody waits"));
    assert_eq!(answer(&mut thief, &page, "", &[]).await.status, StatusCode::CONFLICT);
    // A session that signed in elsewhere and turns up on campus, and one of campus that is carried away.
    for (address, client) in [(CAMPUS, &home), (GERMAN, &campus)] {
        let mut moved = at(&pair.near, address, FIREFOX).with_cookies_of(client);
        assert!(type_there(&mut moved, &shown).await.contains("was not done"), "{address}");
    }
    // All numbers at once: three are looked at.
    let _ = other_thief.get(ASK).await;
    let guesses = (10..100).map(|guess| {
        let mut client = bob.clone();
        async move { type_there(&mut client, &guess.to_string()).await }
    });
    let is_looked_at = |said: &String| said.contains("not the number") || said.contains("Confirmed.");
    let looked_at = join_all(guesses).await.into_iter().filter(is_looked_at).count();
    assert!((1..=3).contains(&looked_at), "{looked_at}");
    for _ in 0..3 {
        let wrong = if shown == "10" { "11" } else { "10" };
        assert!(type_there(&mut campus, wrong).await.contains("not the number"));
    }
    assert!(type_there(&mut campus, &shown).await.contains("Nobody waits"));
    let page = thief.get(ASK).await;
    assert_eq!(answer(&mut thief, &page, &shown, &[]).await.status, StatusCode::CONFLICT);
    // Asked for again and again: not without end.
    for _ in 0..8 {
        let mut again = at(&pair.far, AMERICAN, CHROME);
        sign_in(&mut again, "alice", "right").await;
        again.get(ASK).await;
    }
    let mut again = at(&pair.far, AMERICAN, CHROME);
    sign_in(&mut again, "alice", "right").await;
    assert!(again.get(ASK).await.text().contains("asked too often"));
}
