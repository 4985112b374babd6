//! Alerts to a web server: on time, once, signed, whatever becomes of the receiver, of a neighbour, or of Mailward.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::upstream::{Received, Reply, Upstream};
use super::{roundcube, send, signed_in};
use crate::stack::{Gateway, Settings, until};

/// The alert line is three messages.
const LINE: &str = "[send.limits]\nalert_messages_per_account = [\"3/5m\"]\nfamiliar_factor = 1.0\n\
                    first_written_on_new_device = \"500/d\"\n";

/// A receiver that refuses everything while it is told to.
async fn receiver(away: &Arc<AtomicBool>) -> Upstream {
    let away = Arc::clone(away);
    Upstream::start(move |_| match away.load(Ordering::SeqCst) {
        true => Reply::status("503 Service Unavailable", "", ""),
        false => Reply::status("204 No Content", "", ""),
    })
    .await
}

async fn start(alerts: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), &Settings::sections(&format!("{LINE}{alerts}"))).await;
    (upstream, gateway)
}

/// Sends more than the alert line allows.
async fn run_wild(gateway: &Gateway, account: &str) {
    let mut client = signed_in(gateway, account).await;
    for number in 0..6 {
        send(&mut client, &format!("number {number}")).await;
    }
}

/// The alerts of this kind that were taken, in order.
fn alerts(receiver: &Upstream, event: &str) -> Vec<serde_json::Value> {
    let of = |request: Received| -> Vec<serde_json::Value> {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        body["alerts"].as_array().expect("a list of alerts").clone()
    };
    receiver.seen().into_iter().flat_map(of).filter(|alert| alert["event"] == event).collect()
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn an_account_above_the_alert_line_is_told_within_two_seconds_and_once() {
    let receiver = receiver(&Arc::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a shared secret\n").expect("writable");
    let hook = format!(
        "[[alert]]\nwebhook = \"http://{}/hook\"\nsecret_file = \"{}\"\n",
        receiver.address(),
        secret.display()
    );
    let (_upstream, gateway) = start(&hook).await;
    run_wild(&gateway, "alice").await;
    let since = now();
    let told = until("the alert comes", 10, async || alerts(&receiver, "many_messages").pop()).await;
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert_eq!((&told["account"], &told["severity"]), (&"alice".into(), &"critical".into()));
    assert!(told["title"].as_str().is_some_and(|title| title.contains('4') && title.contains("3/5m")), "{told}");
    let request = receiver.last();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/hook"));
    let signature = request.header("mailward-signature").expect("signed").to_owned();
    let (seconds, hash) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("two parts");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a shared secret");
    let hash = data_encoding::HEXLOWER.decode(hash.as_bytes()).expect("hexadecimal");
    aws_lc_rs::hmac::verify(&key, format!("{seconds}.{}", request.text()).as_bytes(), &hash).expect("genuine");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(alerts(&receiver, "many_messages").len(), 1, "three more messages are no three more alerts");
    // What it is not told by default: that somebody signed in.
    assert!(receiver.seen().iter().all(|request| !request.text().contains("sign_in_ok")));
}

#[tokio::test]
async fn what_the_receiver_did_not_take_comes_once_it_does_though_mailward_was_killed_meanwhile() {
    let away = Arc::new(AtomicBool::new(true));
    let receiver = receiver(&away).await;
    let (_upstream, mut gateway) = start(&format!("[[alert]]\nwebhook = \"http://{}/\"\n", receiver.address())).await;
    run_wild(&gateway, "alice").await;
    until("it was tried", 10, async || (!receiver.seen().is_empty()).then_some(())).await;
    gateway.kill_and_restart().await;
    receiver.forget();
    away.store(false, Ordering::SeqCst);
    until("the alert comes", 20, async || alerts(&receiver, "many_messages").pop()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(alerts(&receiver, "many_messages").len(), 1);
    let waiting = std::fs::read_dir(gateway.folder().join("data/alerts/webhook")).expect("its folder").count();
    assert_eq!(waiting, 0, "nothing waits any more");
}

#[tokio::test]
async fn a_receiver_that_hangs_hurts_neither_the_others_nor_the_webmail() {
    let hanging = Upstream::start(|_| Reply::hang()).await;
    let receiver = receiver(&Arc::default()).await;
    let (_upstream, gateway) = start(&format!(
        "[[alert]]\nname = \"hangs\"\nwebhook = \"http://{}/\"\n\
         [[alert]]\nname = \"nobody\"\nsyslog = \"tcp://127.0.0.1:1\"\n\
         [[alert]]\nname = \"chat\"\nwebhook = \"http://{}/\"\nstyle = \"text\"\n",
        hanging.address(),
        receiver.address()
    ))
    .await;
    run_wild(&gateway, "alice").await;
    run_wild(&gateway, "bob").await;
    for account in ["alice", "bob"] {
        until("the chat hears of both", 10, async || {
            receiver.seen().iter().any(|request| request.text().contains(&format!("{account} has sent"))).then_some(())
        })
        .await;
    }
    assert_eq!(hanging.seen().len(), 1, "one at a time waits there");
    let sample = |metrics: &str, name: &str| {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        value.and_then(|value| value.parse::<u64>().ok())
    };
    until("what waits is counted", 20, async || {
        let metrics = gateway.admin_client().get("/metrics").await.text();
        let waits = |name| sample(&metrics, &format!("mailward_alerts_waiting{{receiver=\"{name}\"}}"));
        let late = |name| sample(&metrics, &format!("mailward_alerts_late_seconds{{receiver=\"{name}\"}}"));
        let is_late = waits("hangs") >= Some(2) && late("hangs") >= Some(1) && late("nobody") >= Some(1);
        (is_late && waits("chat") == Some(0) && late("chat") == Some(0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reload_changes_who_is_told_and_a_bad_one_changes_nobody() {
    let (first, second) = (receiver(&Arc::default()).await, receiver(&Arc::default()).await);
    let (_upstream, gateway) = start(&format!("[[alert]]\nwebhook = \"http://{}/\"\n", first.address())).await;
    let text = std::fs::read_to_string(gateway.config()).expect("readable");
    let broken = text.replace("[[alert]]\n", "[[alert]]\nsecret_file = \"/nowhere/secret\"\n");
    std::fs::write(gateway.config(), broken).expect("writable");
    gateway.signal("HUP");
    gateway.event("configuration_refused").await;
    until("that is told", 10, async || alerts(&first, "configuration_refused").pop()).await;
    let moved = text.replace(&first.address().to_string(), &second.address().to_string());
    std::fs::write(gateway.config(), moved).expect("writable");
    gateway.signal("HUP");
    gateway.event("configuration_reloaded").await;
    run_wild(&gateway, "alice").await;
    until("the alert comes", 10, async || alerts(&second, "many_messages").pop()).await;
    assert_eq!(alerts(&first, "many_messages").len(), 0);
}
