//! Starting, reloading and stopping while people are at it.

use std::fs;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::upstream::{Received, Reply, Upstream};
use super::wire::{Hello, Wire};
use super::{roundcube, says_sent, send, signed_in};
use crate::stack::{Gateway, Settings, until};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A download whose second half comes when the test says so; everything else is Roundcube's.
fn with_download(gate: &Arc<Semaphore>) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let gate = Arc::clone(gate);
    move |request| match request.target.as_str() {
        "/?download" => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst").wait(&gate).then("last"),
        _ => roundcube(request),
    }
}

async fn begin_download(gateway: &Gateway) -> Wire {
    let mut wire = Wire::to(gateway.https()).await;
    wire.write("GET /?download HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    wire.until("first").await;
    wire
}

#[tokio::test]
async fn a_reload_drops_no_download_no_kept_connection_and_no_session() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = Upstream::start(with_download(&gate)).await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let mut kept = Wire::to(gateway.https()).await;
    kept.write(GET).await;
    assert_eq!(kept.answer().await.status, 200);
    let mut download = begin_download(&gateway).await;

    let text = fs::read_to_string(gateway.config()).expect("it was written");
    let stricter = format!("{text}\n[send.limits]\nmessages_per_account = [\"1/h\"]\nfamiliar_factor = 1.0\n");
    fs::write(gateway.config(), &stricter).expect("our own folder");
    gateway.signal("HUP");
    gateway.event("configuration_reloaded").await;
    kept.write(GET).await;
    assert_eq!(kept.answer().await.status, 200, "the same connection goes on");
    assert!(says_sent(&send(&mut alice, "fine").await), "the session is still known");
    assert_eq!(send(&mut alice, "fine").await.status, 429, "the new limit is in force");

    // A bad one is refused with its reason, and what was in force stays.
    fs::write(gateway.config(), stricter.replace("messages_per_account", "mesages_per_account"))
        .expect("our own folder");
    gateway.signal("HUP");
    let refused = gateway.event("configuration_refused").await;
    assert!(refused["what"].as_str().is_some_and(|what| what.contains("mesages_per_account")), "{refused}");
    assert_eq!(send(&mut alice, "fine").await.status, 429);
    kept.write(GET).await;
    assert_eq!(kept.answer().await.status, 200);

    gate.add_permits(1);
    download.until("last").await;
    assert_eq!(gateway.events_of("started").len(), 1, "it never was another process");
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_what_is_idle() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = Upstream::start(with_download(&gate)).await;
    let mut gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut idle = Wire::to(gateway.https()).await;
    idle.write(GET).await;
    idle.answer().await;
    let mut download = begin_download(&gateway).await;
    gateway.signal("TERM");
    gateway.event("stopping").await;
    idle.closed().await;
    let refused = async || Wire::open(gateway.https(), &Hello::default()).await.is_err().then_some(());
    until("nobody new is let in", 10, refused).await;
    gate.add_permits(1);
    download.until("last").await;
    download.closed().await;
    assert!(gateway.stopped().await.success());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = Upstream::start(with_download(&gate)).await;
    let settings = Settings { listen: "stop_timeout = \"1s\"".to_owned(), ..Settings::new() };
    let mut gateway = Gateway::start(upstream.address(), &settings).await;
    let mut download = begin_download(&gateway).await;
    assert!(gateway.stop().await.success());
    assert!(!String::from_utf8_lossy(&download.closed().await).contains("last"));
}

#[tokio::test]
async fn sockets_handed_over_are_the_ones_that_are_served() {
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start_activated(upstream.address(), &Settings::new()).await;
    assert_eq!(gateway.client().get("/").await.status, 200);
    assert_eq!(gateway.plain_client().get("/").await.status, 308);
}
