//! A message that SquirrelMail's compose page posted into a challenge: held, proved, sent on once, whatever breaks off in
//! between. The stand-in behind sends on every POST it gets.

use futures_util::future::join_all;
use http::StatusCode;

use super::challenge::{answer, field, helpdesk_code};
use super::posting;
use super::risk::{CHROME, FIREFOX, GERMAN, at, settings};
use super::squirrelmail::{MESSAGE, SquirrelMail, composed, handed_back, sign_in};
use crate::stack::{Answer, Client, Gateway, Settings, until};

const CHALLENGE: &str = "/.mailward/challenge";
const HELD: &str = "/.mailward/held";

async fn start() -> (SquirrelMail, Gateway) {
    let webmail = SquirrelMail::start().await;
    let settings = Settings { webmail: Some("squirrelmail"), ..settings("") };
    let gateway = Gateway::start(webmail.address, &settings).await;
    (webmail, gateway)
}

/// A session from abroad that is challenged, and the code that opens it. Each number comes from another prefix.
async fn challenged(gateway: &Gateway, name: &str, number: u8) -> (Client, String) {
    for _ in 0..4 {
        let answer = sign_in(&mut at(gateway, GERMAN, FIREFOX), name, "right").await;
        assert_eq!(answer.status, 302, "{}", answer.text());
    }
    let code = helpdesk_code(gateway, name);
    let mut abroad = at(gateway, &format!("12.0.{number}.28"), CHROME);
    assert_eq!(sign_in(&mut abroad, name, "right").await.status, 302);
    (abroad, code)
}

async fn press_send(client: &mut Client, subject: &str) -> Answer {
    let mut fields = MESSAGE.to_vec();
    for field in &mut fields {
        if field.0 == "subject" && !subject.is_empty() {
            field.1 = subject.as_bytes();
        }
    }
    let (kind, body) = composed(&fields, ("send", "Send"), Some(b"a file"));
    let mut request = posting(client, "/src/compose.php", &kind, body);
    request.headers_mut().insert("sec-fetch-dest", "frame".parse().expect("a value"));
    client.send(request).await
}

fn number(held: &Answer) -> String {
    assert_eq!(held.status, StatusCode::SEE_OTHER, "{}", held.text());
    held.location().split("held=").nth(1).expect("a number").to_owned()
}

async fn release(client: &Client, number: &str) -> Answer {
    let mut client = client.clone();
    client.header("sec-fetch-site", "same-origin");
    client.post(HELD, &[("held", number)]).await
}

#[tokio::test]
async fn what_was_posted_into_a_challenge_is_sent_once_it_is_passed_with_its_file_and_leads_where_it_would_have() {
    let (webmail, gateway) = start().await;
    let (mut alice, code) = challenged(&gateway, "alice", 1).await;
    assert_eq!(alice.get("/src/webmail.php").await.location(), "/.mailward/challenge?back=%2Fsrc%2Fwebmail.php");
    let held = press_send(&mut alice, "").await;
    let number = number(&held);
    assert!(webmail.did("sent").is_empty(), "nothing before the proof");
    let page = alice.get(held.location()).await;
    let wrong = answer(&mut alice, &page, "00000000", &[]).await;
    assert_eq!((wrong.status, webmail.did("sent").len()), (StatusCode::UNPROCESSABLE_ENTITY, 0));
    let sent = answer(&mut alice, &wrong, &code, &[]).await;
    let list = format!("{}src/right_main.php?mailbox=INBOX&sort=6&startMessage=1", gateway.url());
    assert_eq!((sent.status.as_u16(), sent.location()), (302, list.as_str()));
    let did = webmail.did("sent");
    assert_eq!((did.len(), &did[0]["file"], &did[0]["sent"]), (1, &true.into(), &"alice".into()));
    let subject = did[0]["fields"]["subject"].as_str().expect("hexadecimal");
    assert_eq!(subject, data_encoding::HEXLOWER.encode(b"Gr\xfc\xdfe & \"quotes\" <b>"), "byte for byte");
    let recorded = gateway.event("sent").await;
    assert_eq!((&recorded["account"], &recorded["recipients"]), (&"alice".into(), &3.into()), "counted like any other");

    // Back, reload, a second click, another window: nothing more is sent.
    let again = alice.get(held.location()).await;
    assert!(again.text().contains("waiting"), "a GET sends nothing: {}", again.text());
    for _ in 0..3 {
        assert!(release(&alice, &number).await.text().contains("already"));
    }
    assert_eq!(webmail.did("sent").len(), 1);
}

#[tokio::test]
async fn of_many_clicks_at_once_one_sends() {
    let (webmail, gateway) = start().await;
    for round in 0..12_u8 {
        let name = format!("user{round}");
        let (mut client, code) = challenged(&gateway, &name, 10 + round).await;
        let held = press_send(&mut client, "").await;
        let number = number(&held);
        let page = client.get(held.location()).await;
        let mut double = client.clone();
        let (first, second) =
            tokio::join!(answer(&mut client, &page, &code, &[]), answer(&mut double, &page, &code, &[]));
        assert!(first.status == 302 || second.status == 302, "{} {}", first.status, second.status);
        join_all((0..4).map(|_| release(&client, &number))).await;
        assert_eq!(webmail.did("sent").len(), usize::from(round) + 1, "in round {round}");
    }
}

#[tokio::test]
async fn two_messages_that_wait_are_both_sent_and_nobody_else_can_send_them() {
    let (webmail, gateway) = start().await;
    let (mut alice, code) = challenged(&gateway, "alice", 1).await;
    let (first, second) = (press_send(&mut alice, "one").await, press_send(&mut alice, "two").await);
    let (mut bob, bobs) = challenged(&gateway, "bob", 2).await;
    let page = bob.get(CHALLENGE).await;
    answer(&mut bob, &page, &bobs, &[]).await;
    for held in [&first, &second] {
        release(&bob, &number(held)).await;
        let with = format!("{CHALLENGE}?held={}", number(held));
        assert_eq!(bob.get(&with).await.status, 200);
    }
    // Not even its own session before the proof, nor another site's page after it.
    assert_eq!(release(&alice, &number(&first)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(webmail.did("sent").len(), 0);
    let page = alice.get(first.location()).await;
    assert_eq!(answer(&mut alice, &page, &code, &[]).await.status, 302);
    assert_eq!(alice.post(HELD, &[("held", &number(&second))]).await.status, 400, "from nowhere");
    assert_eq!(webmail.did("sent").len(), 1);
    assert_eq!(release(&alice, &number(&second)).await.status, 302);
    assert_eq!(webmail.did("sent").len(), 2);
}

#[tokio::test]
async fn a_kill_in_between_loses_nothing_and_sends_nothing_twice() {
    let (webmail, mut gateway) = start().await;
    let (mut alice, code) = challenged(&gateway, "alice", 1).await;
    let held = press_send(&mut alice, "slow").await;
    let number = number(&held);
    gateway.kill_and_restart().await;
    let page = alice.get(held.location()).await;
    assert_eq!(field(&page.text(), "held"), number, "it still waits");

    // Killed while the webmail works on it: whether it was sent is known to nobody but the webmail.
    let mut answering = alice.clone();
    let answer = tokio::spawn(async move {
        let text = page.text();
        let fields = [("challenge", field(&text, "challenge")), ("held", field(&text, "held")), ("code", code)];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        answering.header("sec-fetch-site", "same-origin");
        let request = posting(&answering, CHALLENGE, super::URLENCODED, crate::stack::form(&fields));
        answering.try_send(request).await
    });
    until("the webmail works on it", 20, async || (webmail.did("sent").len() == 1).then_some(())).await;
    gateway.kill_and_restart().await;
    assert!(answer.await.expect("no panic").is_err(), "nobody answered");
    let after = release(&alice, &number).await;
    assert_eq!(after.status, StatusCode::CONFLICT, "{}", after.text());
    assert!(after.text().contains("not certain"), "{}", after.text());
    let fields = handed_back(&after.text());
    assert!(fields.iter().any(|(name, value)| name == "body" && value.contains("First line")), "{fields:?}");
    assert_eq!(webmail.did("sent").len(), 1, "and it is not sent again by itself");
}

#[tokio::test]
async fn every_frame_of_a_challenged_session_gets_out_or_stays_quiet() {
    let (webmail, gateway) = start().await;
    let (mut alice, _) = challenged(&gateway, "alice", 1).await;
    let frame = async |client: &mut Client, path: &str| {
        let mut request = client.request(http::Method::GET, path, bytes::Bytes::new());
        request.headers_mut().insert("sec-fetch-dest", "frame".parse().expect("a value"));
        client.send(request).await
    };
    let list = frame(&mut alice, "/src/right_main.php?mailbox=INBOX").await;
    assert!(list.text().contains("window.top.location") && list.text().contains("target=\"_top\""), "{}", list.text());
    let folders = frame(&mut alice, "/src/left_main.php").await;
    assert!(!folders.text().contains("<script") && folders.text().contains(CHALLENGE), "{}", folders.text());
    for path in [
        "/src/read_body.php?mailbox=INBOX&passed_id=1&startMessage=1",
        "/src/read_body.php?mailbox=INBOX&passed_id=8&startMessage=1&sendreceipt=1",
        "/src/download.php?mailbox=INBOX&passed_id=1&ent_id=2",
        "/src/compose.php?mailbox=INBOX&startMessage=1",
        "/src/options.php",
        "/src/signout.php",
        "/src/vcard.php?passed_id=1",
        "/plugins/filters/options.php",
    ] {
        let answer = alice.get(path).await;
        let leads = answer.location().starts_with(CHALLENGE) || answer.text().contains(CHALLENGE);
        assert!(leads && !answer.text().contains("a message"), "{path}: {} {}", answer.status, answer.text());
        let posted = alice.post(path, &[("optpage", "personal"), ("optmode", "submit"), ("send", "Send")]).await;
        assert!(!posted.text().contains("a list for"), "{path}: {}", posted.text());
    }
    assert_eq!((webmail.did("sent").len(), webmail.did("draft").len()), (0, 0));
}
