//! Codes and notices to a person's other address, through a mail server that takes everything.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::challenge::{answer, field};
use super::risk::{AMERICAN, CHROME, FIREFOX, at, event, settings};
use super::upstream::Upstream;
use super::{roundcube, says_sent, send, sign_in};
use crate::stack::{Answer, Client, Gateway, until};

const ACCOUNT: &str = "/.mailward/account";
const CAMPUS: &str = "192.0.2.7";

/// What a mail server was given: recipient and text.
type Letters = Arc<Mutex<Vec<(String, String)>>>;

/// A mail server for this test.
async fn mail_server() -> (std::net::SocketAddr, Letters) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let letters = Letters::default();
    let kept = Arc::clone(&letters);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let _ = write.write_all(b"220 test\r\n").await;
                let (mut to, mut text, mut in_text) = (String::new(), String::new(), false);
                while let Ok(Some(line)) = lines.next_line().await {
                    let reply: &[u8] = match line.as_str() {
                        "." if in_text => {
                            in_text = false;
                            kept.lock()
                                .expect("no test panics here")
                                .push((to.clone(), std::mem::take(&mut text).replace("=\n", "")));
                            b"250 taken\r\n"
                        }
                        line if in_text => {
                            text.push_str(line);
                            text.push('\n');
                            continue;
                        }
                        "DATA" => {
                            in_text = true;
                            b"354 go on\r\n"
                        }
                        "QUIT" => b"221 bye\r\n",
                        line => {
                            if let Some(rest) = line.strip_prefix("RCPT TO:<") {
                                to = rest.split('>').next().unwrap_or_default().to_owned();
                            }
                            b"250 well\r\n"
                        }
                    };
                    if write.write_all(reply).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, letters)
}

async fn letter(letters: &Letters, number: usize) -> (String, String) {
    until("a letter", 20, async || letters.lock().expect("no test panics here").get(number).cloned()).await
}

/// The code in a letter.
fn code(letter: &(String, String)) -> String {
    let text = letter.1.split("Your code is ").nth(1).unwrap_or_else(|| panic!("no code in {}", letter.1));
    text.chars().take(6).collect()
}

async fn start(more: &str) -> (Upstream, Gateway, Letters) {
    let (address, letters) = mail_server().await;
    let upstream = Upstream::start(roundcube).await;
    let mail = format!("[mail]\nserver = \"smtp://{address}\"\nfrom = \"Webmail <noreply@campus.example>\"\n{more}");
    let gateway = Gateway::start(upstream.address(), &settings(&mail)).await;
    (upstream, gateway, letters)
}

async fn post(client: &mut Client, fields: &[(&str, &str)]) -> Answer {
    client.header("sec-fetch-site", "same-origin");
    client.post(ACCOUNT, fields).await
}

/// Alice on campus, signed in often enough to have a habit.
async fn on_campus(gateway: &Gateway, name: &str) -> Client {
    let mut client = at(gateway, CAMPUS, FIREFOX);
    for _ in 0..4 {
        client.set_cookie("roundcube_sessid", "");
        assert_eq!(sign_in(&mut client, name, "right").await.status, 302);
    }
    client
}

/// Sets another address up.
async fn with_address(gateway: &Gateway, letters: &Letters, name: &str) -> Client {
    let mut client = on_campus(gateway, name).await;
    let sent = letters.lock().expect("no test panics here").len();
    let asks = post(&mut client, &[("do", "send-address"), ("address", "jane@elsewhere.example")]).await;
    assert_eq!(asks.status, 200, "{}", asks.text());
    let letter = letter(letters, sent).await;
    assert_eq!(letter.0, "jane@elsewhere.example");
    let number = field(&asks.text(), "number");
    let wrong = post(&mut client, &[("do", "confirm-address"), ("number", &number), ("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let number = field(&wrong.text(), "number");
    let done = post(&mut client, &[("do", "confirm-address"), ("number", &number), ("code", &code(&letter))]).await;
    assert!(done.text().contains("<code>"), "recovery codes come with the first: {}", done.text());
    client
}

#[tokio::test]
async fn a_code_to_another_address_opens_and_a_notice_tells_of_it() {
    let (_upstream, gateway, letters) = start("").await;
    with_address(&gateway, &letters, "alice").await;
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    let notice = letter(&letters, 1).await;
    assert!(notice.1.contains("new for your account") && notice.1.contains(AMERICAN), "{}", notice.1);
    assert!(notice.1.contains("Auto-Submitted: auto-generated"), "{}", notice.1);

    let page = abroad.get("/.mailward/challenge").await;
    assert!(page.text().contains("j…@e….example") && !page.text().contains("jane@"), "{}", page.text());
    assert_eq!(letters.lock().expect("no test panics here").len(), 2, "looking at the page sends nothing");
    let asks = answer(&mut abroad, &page, "", &[("do", "send")]).await;
    let code = code(&letter(&letters, 2).await);
    let wrong = answer(&mut abroad, &asks, "999999", &[]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = answer(&mut abroad, &wrong, &code, &[]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "the same letter's code is good for another try: {}", right.text());
    assert!(says_sent(&send(&mut abroad, "x").await));
    assert_eq!(event(&gateway, "challenge_passed", "alice").await["factor"], "other_address");
    let written =
        std::fs::read_to_string(gateway.config().with_file_name("data").join("events.jsonl")).expect("events");
    assert!(!written.contains(&code) && !gateway.log().contains(&code), "no code is written down");
    assert!(!written.contains("jane@") && !gateway.log().contains("jane@"), "nor the address");
}

#[tokio::test]
async fn a_code_is_good_for_the_challenge_that_asked_and_letters_are_few() {
    let (_upstream, gateway, letters) = start("").await;
    with_address(&gateway, &letters, "alice").await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut abroad = at(&gateway, AMERICAN, CHROME);
        sign_in(&mut abroad, "alice", "right").await;
        sessions.push(abroad);
    }
    let [first, second] = &mut sessions[..] else { panic!("two") };
    let before = letters.lock().expect("no test panics here").len();
    let page = first.get("/.mailward/challenge").await;
    let asks = answer(first, &page, "", &[("do", "send")]).await;
    until("the letter", 20, async || (letters.lock().expect("no panic").len() > before).then_some(())).await;
    let all = letters.lock().expect("no test panics here").clone();
    let of_first = all.iter().rev().find(|letter| letter.1.contains("Your code is")).map(code).expect("a code");
    let page = second.get("/.mailward/challenge").await;
    let elsewhere = answer(second, &page, &of_first, &[]).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY, "another session's challenge");
    assert_eq!(answer(first, &asks, &of_first, &[]).await.status, StatusCode::SEE_OTHER);

    let mut page = second.get("/.mailward/challenge").await;
    let mut refused = 0;
    for _ in 0..6 {
        page = answer(second, &page, "", &[("do", "send")]).await;
        refused += u32::from(page.text().contains("Too many codes"));
        page = second.get("/.mailward/challenge").await;
    }
    assert!(refused >= 2, "{refused}");
}

#[tokio::test]
async fn the_mailbox_itself_is_no_other_address_and_a_stranger_adds_none() {
    let (_upstream, gateway, letters) = start("").await;
    let mut alice = on_campus(&gateway, "alice").await;
    for own in ["alice@campus.example", "ALICE@campus.example", "bob@campus.example", "alice", "", "a b@c.example"] {
        let answer = post(&mut alice, &[("do", "send-address"), ("address", own)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{own}");
    }
    let mut outside = at(&gateway, "79.192.0.9", FIREFOX);
    sign_in(&mut outside, "alice", "right").await;
    for step in ["add-address", "add-app", "add-passkey", "new-codes", "send-address", "not-me"] {
        let answer = post(&mut outside, &[("do", step), ("address", "thief@elsewhere.example")]).await;
        assert!(answer.text().contains("not done"), "{step}: {}", answer.text());
    }
    let page = outside.get(ACCOUNT).await;
    assert!(
        page.text().contains("helpdesk") && !page.text().contains(CAMPUS),
        "nor learns where the owner is: {}",
        page.text()
    );
    assert!(letters.lock().expect("no test panics here").is_empty());
}

#[tokio::test]
async fn this_was_not_me_ends_all_others_and_tells_the_operator() {
    let (_upstream, gateway, letters) = start("").await;
    let mut alice = with_address(&gateway, &letters, "alice").await;
    let mut thief = at(&gateway, "79.192.0.9", CHROME);
    sign_in(&mut thief, "alice", "right").await;
    assert!(says_sent(&send(&mut thief, "spam").await), "only flagged");
    let page = alice.get(ACCOUNT).await;
    assert!(page.text().contains("79.192.0.9") && page.text().contains("Chrome, Windows"), "{}", page.text());
    let done = post(&mut alice, &[("do", "not-me")]).await;
    assert!(done.text().contains("change your password"), "{}", done.text());
    assert!(!says_sent(&send(&mut thief, "spam").await));
    assert!(says_sent(&send(&mut alice, "mine").await));
    let flags = gateway.command(&["flag", "list", "--account", "alice", "--json"]);
    let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
    assert!(flags.contains("this was not me"), "{flags}");
}

#[tokio::test]
async fn a_notice_goes_to_the_mailbox_too_where_that_is_wanted_and_nowhere_where_not() {
    for (notices, reached) in [
        ("both", &["alice@campus.example", "jane@elsewhere.example"][..]),
        ("mailbox", &["alice@campus.example"]),
        ("none", &[]),
    ] {
        let (_upstream, gateway, letters) = start(&format!("[challenge]\nnotices = \"{notices}\"")).await;
        with_address(&gateway, &letters, "alice").await;
        let before = letters.lock().expect("no test panics here").len();
        let mut abroad = at(&gateway, AMERICAN, CHROME);
        sign_in(&mut abroad, "alice", "right").await;
        event(&gateway, "flag_raised", "alice").await;
        let mut to = Vec::new();
        for number in 0..reached.len() {
            let notice = letter(&letters, before + number).await;
            assert!(notice.1.contains("new for your account"), "{}", notice.1);
            to.push(notice.0);
        }
        to.sort();
        assert_eq!(to, reached, "{notices}");
        assert_eq!(letters.lock().expect("no test panics here").len(), before + reached.len(), "{notices}");
    }
}

/// Whoever sends texts: takes every request with this status.
async fn texts(status: &'static str) -> Upstream {
    Upstream::start(move |_| super::upstream::Reply::status(status, "", "")).await
}

#[tokio::test]
async fn a_code_goes_to_a_telephone_by_a_signed_request() {
    let receiver = texts("202 Accepted").await;
    let secret = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(secret.path(), "shared\n").expect("a file of our own");
    let upstream = Upstream::start(roundcube).await;
    let sections = format!("[sms]\nurl = \"http://{}/send\"\nsecret_file = {:?}\n", receiver.address(), secret.path());
    let gateway = Gateway::start(upstream.address(), &settings(&sections)).await;
    let mut alice = on_campus(&gateway, "alice").await;
    let asks = post(&mut alice, &[("do", "add-address")]).await;
    assert!(asks.text().contains("telephone number"), "{}", asks.text());
    for wrong in ["0151 12345678", "jane@elsewhere.example", "+49"] {
        let refused = post(&mut alice, &[("do", "send-address"), ("address", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: no mail is configured");
    }
    let asks = post(&mut alice, &[("do", "send-address"), ("address", "+49 (151) 1234-5678")]).await;
    assert_eq!(asks.status, 200, "{}", asks.text());
    let sent = receiver.seen();
    let [request] = &sent[..] else { panic!("{} requests", sent.len()) };
    let body: serde_json::Value = serde_json::from_str(&request.text()).expect("JSON");
    assert_eq!(body["to"], "+4915112345678");
    let signature = request.header("mailward-signature").expect("signed").to_owned();
    let (time, mac) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("both parts");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"shared");
    let mac = data_encoding::HEXLOWER.decode(mac.as_bytes()).expect("hexadecimal");
    aws_lc_rs::hmac::verify(&key, format!("{time}.{}", request.text()).as_bytes(), &mac).expect("it is right");
    let code_of = |body: &serde_json::Value| code(&(String::new(), body["text"].as_str().expect("text").to_owned()));
    let number = field(&asks.text(), "number");
    let done = post(&mut alice, &[("do", "confirm-address"), ("number", &number), ("code", &code_of(&body))]).await;
    assert!(done.text().contains("<code>"), "{}", done.text());

    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    let page = abroad.get("/.mailward/challenge").await;
    assert!(page.text().contains("+49…78"), "{}", page.text());
    let asks = answer(&mut abroad, &page, "", &[("do", "send")]).await;
    let sent = receiver.seen();
    assert_eq!(sent.len(), 2, "no notice by text");
    let body: serde_json::Value = serde_json::from_str(&sent[1].text()).expect("JSON");
    let right = answer(&mut abroad, &asks, &code_of(&body), &[]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.text());
    let written =
        std::fs::read_to_string(gateway.folder().join("data/events.jsonl")).expect("events") + gateway.log().as_str();
    assert!(!written.contains(&code_of(&body)) && !written.contains("15112345678"), "neither is written down");
}

#[tokio::test]
async fn a_text_that_is_not_taken_is_said_not_to_be_sent() {
    let receiver = texts("503 Service Unavailable").await;
    let upstream = Upstream::start(roundcube).await;
    let sections = format!("[sms]\nurl = \"http://{}/send\"\n", receiver.address());
    let gateway = Gateway::start(upstream.address(), &settings(&sections)).await;
    let mut alice = on_campus(&gateway, "alice").await;
    let said = post(&mut alice, &[("do", "send-address"), ("address", "+49 151 12345678")]).await;
    assert!(said.text().contains("could not be sent"), "{}", said.text());
}
