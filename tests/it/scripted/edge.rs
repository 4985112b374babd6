//! Sockets, TLS, who may connect and how slowly: what happens before a request is understood.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair};

use super::upstream::{Reply, Upstream};
use super::wire::{Hello, Wire};
use super::{roundcube, send, signed_in, with_roundcube};
use crate::stack::{Client, Gateway, Settings, until};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn pages() -> Upstream {
    Upstream::start(|_| Reply::page("a page")).await
}

fn listen(lines: &str) -> Settings {
    Settings { listen: lines.to_owned(), ..Settings::new() }
}

#[tokio::test]
async fn both_tls_versions_and_both_http_versions_are_spoken_and_older_ones_are_not() {
    let gateway = Gateway::start(pages().await.address(), &Settings::new()).await;
    for (version, spoken) in [
        (&rustls::version::TLS13, rustls::ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, rustls::ProtocolVersion::TLSv1_2),
    ] {
        for protocols in [vec!["h2", "http/1.1"], vec!["http/1.1"], vec![]] {
            let hello = Hello { versions: vec![version], protocols: protocols.clone(), ..Hello::default() };
            let mut wire = Wire::open(gateway.https(), &hello).await.expect("this version is spoken");
            assert_eq!(wire.version(), spoken);
            assert_eq!(wire.protocol().as_deref(), protocols.first().copied());
            if protocols.first() != Some(&"h2") {
                wire.write(GET).await;
                assert_eq!(wire.answer().await.status, 200);
            }
        }
    }
    let unknown = Hello { protocols: vec!["spdy/3"], ..Hello::default() };
    assert!(Wire::open(gateway.https(), &unknown).await.is_err(), "no common protocol is no connection");
    for client in [gateway.client(), gateway.client().http2()] {
        assert_eq!(client.clone().get("/").await.status, 200);
    }
}

/// A certificate for this name in two files; its bytes as they come over the wire.
fn certificate(folder: &Path, name: &str) -> Vec<u8> {
    let CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair> =
        rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a host name");
    // As certificate tools do it: written aside, then renamed.
    for (kind, content) in [("key", signing_key.serialize_pem()), ("pem", cert.pem())] {
        let path = folder.join(format!("{name}.{kind}"));
        fs::write(path.with_extension("new"), content).expect("a folder of our own");
        fs::rename(path.with_extension("new"), path).expect("a folder of our own");
    }
    cert.der().to_vec()
}

async fn shown(gateway: &Gateway, name: Option<&'static str>) -> Vec<u8> {
    Wire::open(gateway.https(), &Hello { name, ..Hello::default() }).await.expect("a connection").certificate()
}

#[tokio::test]
async fn each_site_shows_its_own_certificate_and_a_replaced_one_is_in_force_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = certificate(folder.path(), "other.example");
    let (at, upstream) = (folder.path().display(), pages().await);
    let second_site = format!(
        "[[site]]\nhosts = [\"other.example\"]\nupstream = \"http://{}\"\nwebmail = \"squirrelmail\"\n\
         certificate = \"{at}/other.example.pem\"\nkey = \"{at}/other.example.key\"",
        upstream.address()
    );
    let gateway = Gateway::start(upstream.address(), &Settings::sections(&second_site)).await;
    assert_eq!(shown(&gateway, Some("localhost")).await, gateway.certificate().to_vec());
    assert_eq!(shown(&gateway, Some("other.example")).await, first);
    assert_eq!(shown(&gateway, Some("unknown.example")).await, gateway.certificate().to_vec());
    assert_eq!(shown(&gateway, None).await, gateway.certificate().to_vec());

    fs::write(folder.path().join("other.example.pem"), "-----BEGIN CERTIFICATE-----\nnonsense")
        .expect("our own folder");
    gateway.signal("HUP");
    gateway.event("configuration_refused").await;
    assert_eq!(shown(&gateway, Some("other.example")).await, first, "a broken one leaves the old one in force");

    let renewed = certificate(folder.path(), "other.example");
    until("the renewed certificate is shown", 20, async || {
        (shown(&gateway, Some("other.example")).await == renewed).then_some(())
    })
    .await;
    assert_eq!(gateway.events_of("configuration_reloaded"), [] as [serde_json::Value; 0], "by itself");
}

#[tokio::test]
async fn without_a_certificate_a_self_signed_one_is_made_and_kept() {
    let upstream = pages().await;
    let mut gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let config = fs::read_to_string(gateway.config()).expect("it was written");
    let (before, rest) = config.split_once("[tls]").expect("the harness writes one");
    let (_, after) = rest.split_once("[[site]]").expect("a site follows");
    fs::write(gateway.config(), format!("{before}[[site]]{after}")).expect("our own folder");
    gateway.kill_and_restart_trusting_anybody().await;
    let made = shown(&gateway, Some("localhost")).await;
    assert_ne!(made, gateway.certificate().to_vec());
    gateway.kill_and_restart_trusting_anybody().await;
    assert_eq!(shown(&gateway, Some("localhost")).await, made, "the same after a restart: people accepted it once");
    assert!(gateway.log().contains("self-signed"), "{}", gateway.log());
}

#[tokio::test]
async fn answers_say_that_this_host_is_https_only_and_plain_http_leads_there() {
    let gateway = Gateway::start(pages().await.address(), &Settings::new()).await;
    let mut client = gateway.client();
    for path in ["/", "/skins/elastic/a.css", "/.git/config", "/.mailward/page.css"] {
        let answer = client.get(path).await;
        let hsts = answer.headers.get("strict-transport-security").and_then(|value| value.to_str().ok());
        assert_eq!(hsts, Some("max-age=15552000"), "{path}");
    }
    let sent_on = gateway.plain_client().get("/?_task=mail&_mbox=INBOX").await;
    assert_eq!(sent_on.status, 308);
    assert_eq!(sent_on.location(), format!("{}?_task=mail&_mbox=INBOX", gateway.url()));
    assert!(!sent_on.headers.contains_key("strict-transport-security"), "RFC 6797 7.2: not over plain HTTP");
    let strange = Client::http(gateway.http()).named("elsewhere.example").get("/").await;
    assert_eq!((strange.status.as_u16(), strange.location()), (421, ""));
}

#[tokio::test]
async fn a_proxy_header_is_required_from_listed_networks_and_means_nothing_from_others() {
    let upstream = pages().await;
    let settings = listen("proxy_protocol_from = [\"127.0.0.2/32\"]");
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let version_2 = {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        header.extend([203, 0, 113, 10, 127, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb]);
        header
    };
    let version_1 = b"PROXY TCP4 203.0.113.9 127.0.0.1 40000 443\r\n".to_vec();
    let balancer = Ipv4Addr::new(127, 0, 0, 2).into();
    for (before, address) in [(version_1.clone(), "203.0.113.9"), (version_2.clone(), "203.0.113.10")] {
        let hello = Hello { from: balancer, before, ..Hello::default() };
        let mut wire = Wire::open(gateway.https(), &hello).await.expect("a listed balancer");
        wire.write(GET).await;
        assert_eq!(wire.answer().await.status, 200);
        assert_eq!(upstream.last().header("x-forwarded-for"), Some(address));
    }
    upstream.forget();
    for (from, before) in [
        (balancer, vec![]),
        (Ipv4Addr::LOCALHOST.into(), version_1),
        (Ipv4Addr::LOCALHOST.into(), version_2),
        (Ipv4Addr::new(127, 0, 0, 3).into(), b"PROXY UNKNOWN\r\n".to_vec()),
    ] {
        let hello = Hello { from, before, ..Hello::default() };
        assert!(Wire::open(gateway.https(), &hello).await.is_err(), "{hello:?}", hello = hello.from);
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn forwarded_addresses_count_from_listed_proxies_only_and_are_written_anew() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &listen("forwarded_from = [\"127.0.0.2/32\"]")).await;
    for (from, claimed, received) in [
        ([127, 0, 0, 2], "198.51.100.7", "198.51.100.7"),
        ([127, 0, 0, 2], "10.1.1.1, 198.51.100.7", "198.51.100.7"),
        ([127, 0, 0, 2], "198.51.100.7, 127.0.0.2", "198.51.100.7"),
        ([127, 0, 0, 3], "198.51.100.7", "127.0.0.3"),
        ([127, 0, 0, 3], "127.0.0.2, 198.51.100.7", "127.0.0.3"),
    ] {
        let mut client = gateway.client().from(from);
        client.header("x-forwarded-for", claimed);
        client.header("x-forwarded-host", "evil.example");
        client.header("x-forwarded-proto", "http");
        client.header("x-real-ip", "198.51.100.7");
        client.header("forwarded", "for=198.51.100.7");
        client.header("x_forwarded_for", "198.51.100.7");
        for path in ["/", "/skins/elastic/a.css"] {
            client.get(path).await;
            let seen = upstream.last();
            assert_eq!(seen.header("x-forwarded-for"), Some(received), "{from:?} {claimed} {path}");
            assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
            assert_eq!(seen.header("x-forwarded-host"), seen.header("host"));
            for gone in ["x-real-ip", "forwarded", "x_forwarded_for"] {
                assert_eq!(seen.header(gone), None, "{gone}");
            }
        }
    }
}

#[tokio::test]
async fn headers_that_trickle_are_cut_off_though_an_idle_connection_may_wait_longer() {
    let upstream = pages().await;
    let settings = listen("header_timeout = \"1s\"\nidle_timeout = \"30s\"");
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let mut kept = Wire::to(gateway.https()).await;
    kept.write(GET).await;
    assert_eq!(kept.answer().await.status, 200);

    // One that never begins, one that stops in the first request, one that stops in its second.
    let mut silent = Wire::to(gateway.https()).await;
    let mut first = Wire::to(gateway.https()).await;
    first.write("GET / HTTP/1.1\r\nHost: local").await;
    let mut second = Wire::to(gateway.https()).await;
    second.write(GET).await;
    second.answer().await;
    second.write("GET / HTTP/1.1\r\nHost: localhost\r\n").await;
    for (which, wire) in [("silent", &mut silent), ("first", &mut first), ("second", &mut second)] {
        let rest = String::from_utf8_lossy(&wire.closed().await).into_owned();
        assert!(!rest.contains(" 200 "), "{which}: {rest}");
    }
    // Those took a second each at most; whoever waits between two requests is still there.
    kept.write(GET).await;
    assert_eq!(kept.answer().await.status, 200);
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_both_http_versions_and_one_that_waits_for_an_answer_is_not() {
    let slow = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let gate = std::sync::Arc::clone(&slow);
    let upstream = Upstream::start(move |request| match request.target.as_str() {
        "/?slow" => Reply::default().wait(&gate).then("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"),
        _ => Reply::page("a page"),
    })
    .await;
    let settings = listen("header_timeout = \"1s\"\nidle_timeout = \"1s\"");
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let mut waiting = Wire::to(gateway.https()).await;
    waiting.write("GET /?slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut idle = Wire::to(gateway.https()).await;
    idle.write(GET).await;
    idle.answer().await;
    idle.closed().await;
    let hello = Hello { protocols: vec!["h2"], ..Hello::default() };
    let stream = Wire::open(gateway.https(), &hello).await.expect("a connection").into_stream();
    // It answers pings, as browsers do, and has nothing more to ask.
    let (mut second, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    let ends = tokio::spawn(connection);
    let request = http::Request::get("https://localhost/").body(String::new()).expect("a request");
    assert_eq!(second.send_request(request).await.expect("an answer").status(), 200);
    let ended = tokio::time::timeout(Duration::from_secs(20), ends).await.expect("it is closed");
    ended.expect("no panic").expect("with a word of goodbye");
    slow.add_permits(1);
    assert_eq!(waiting.answer().await.text(), "done");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_answered_and_nothing_of_it_reaches_the_webmail() {
    let (upstream, gateway) = with_roundcube(&listen("body_timeout = \"1s\"")).await;
    let mut wire = Wire::to(gateway.https()).await;
    wire.write(
        "POST /?_task=mail HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 100\r\n\r\n_task=mail&_action=send",
    )
    .await;
    assert_eq!(wire.answer().await.status, 408);
    assert_eq!((upstream.seen().len(), upstream.bytes()), (0, 0));
}

#[tokio::test]
async fn connections_are_capped_for_a_prefix_and_in_all_and_campus_is_exempt_from_the_first() {
    let upstream = pages().await;
    let mut settings = listen("connections_per_prefix = 2\nconnections = 6");
    settings.sections = "[networks]\ncampus = [\"127.0.0.9/32\"]".to_owned();
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let open = async |from: [u8; 4]| {
        let hello = Hello { from: Ipv4Addr::from(from).into(), ..Hello::default() };
        Wire::open(gateway.https(), &hello).await
    };
    let mut held =
        vec![open([127, 0, 0, 1]).await.expect("the first"), open([127, 0, 0, 1]).await.expect("the second")];
    assert!(open([127, 0, 0, 1]).await.is_err(), "the third of one prefix");
    for _ in 0..3 {
        held.push(open([127, 0, 0, 9]).await.expect("campus is not capped"));
    }
    held.push(open([127, 0, 0, 2]).await.expect("the sixth in all"));
    assert!(open([127, 0, 0, 9]).await.is_err(), "the seventh in all, from wherever");
    held.remove(0);
    until("a closed connection makes room", 10, async || open([127, 0, 0, 1]).await.ok()).await;
}

#[tokio::test]
async fn a_flood_of_requests_is_told_to_wait_and_campus_is_not() {
    let upstream = pages().await;
    let mut settings = listen("requests_per_prefix = \"20/10m\"");
    settings.sections = "[networks]\ncampus = [\"127.0.0.9/32\"]".to_owned();
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let ask = async |from: [u8; 4]| {
        let hello = Hello { from: Ipv4Addr::from(from).into(), ..Hello::default() };
        let mut wire = Wire::open(gateway.https(), &hello).await.expect("a connection");
        let mut refused = 0;
        for _ in 0..40 {
            wire.write("GET /skins/elastic/a.css HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            let answer = wire.answer().await;
            if answer.status == 429 {
                assert!(answer.header("retry-after").is_some());
                refused += 1;
            }
        }
        refused
    };
    assert_eq!(ask([127, 0, 0, 1]).await, 20);
    assert_eq!(ask([127, 0, 0, 9]).await, 0);
    assert_eq!(upstream.seen().len(), 60);
}

#[tokio::test]
async fn a_connection_of_one_address_never_speaks_for_another() {
    // The same account from two prefixes: events name the right one each time.
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut alice = signed_in(&gateway, "alice").await;
    assert!(super::says_sent(&send(&mut alice, "one").await));
    let mut moved = alice.clone().from([127, 0, 0, 7]);
    assert!(super::says_sent(&send(&mut moved, "two").await));
    let sent =
        until("both are recorded", 10, async || Some(gateway.events_of("sent")).filter(|all| all.len() == 2)).await;
    let addresses: Vec<_> = sent.iter().map(|event| event["address"].as_str().unwrap_or_default()).collect();
    assert_eq!(addresses, ["127.0.0.1", "127.0.0.7"]);
}
