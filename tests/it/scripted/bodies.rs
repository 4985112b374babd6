//! Bodies: streamed where they may be, whole before their first byte goes on where they must be read.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use tokio::sync::Semaphore;

use super::upstream::{Reply, Upstream};
use super::wire::{Hello, Wire};
use super::{URLENCODED, posting, with_roundcube};
use crate::stack::{Gateway, Settings};

fn listen(lines: &str) -> Settings {
    Settings { listen: lines.to_owned(), ..Settings::new() }
}

#[tokio::test]
async fn the_beginning_of_a_large_answer_is_there_before_its_end() {
    let gate = Arc::new(Semaphore::new(0));
    let opens = Arc::clone(&gate);
    let upstream = Upstream::start(move |_| {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            .wait(&opens)
            .then("4\r\nlast\r\n0\r\n\r\n")
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    for path in ["/?_task=mail&_action=get", "/skins/elastic/a.css"] {
        let mut wire = Wire::to(gateway.https()).await;
        wire.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        wire.until("first").await;
        gate.add_permits(1);
        wire.until("last").await;
    }
}

/// An upload as browsers write it, of so many bytes.
fn upload(bytes: usize) -> (String, Bytes) {
    let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"_attachments[]\"; filename=\"a.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
        .to_vec();
    body.extend((0..bytes).map(|at| (at * 31 % 251) as u8));
    body.extend(b"\r\n--xyz--\r\n");
    ("multipart/form-data; boundary=xyz".to_owned(), body.into())
}

const UPLOAD: &str = "/?_task=mail&_remote=1&_from=compose&_id=1&_uploadid=upload1&_unlock=loading1&_action=upload";

#[tokio::test]
async fn an_upload_arrives_as_it_was_sent_and_with_its_length_however_it_came() {
    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    for size in [10, 200 * 1024, 256 * 1024, 3 * 1024 * 1024] {
        let (kind, body) = upload(size);
        for mut client in [gateway.client(), gateway.client().http2()] {
            let request = posting(&client, UPLOAD, &kind, body.clone());
            assert_eq!(client.send(request).await.status, 200);
            let seen = upstream.last();
            assert!(seen.body == body, "{size} bytes are not the same");
            assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
            assert_eq!(seen.header("transfer-encoding"), None);
            assert_eq!(seen.header("content-type"), Some(kind.as_str()));
        }
        let mut wire = Wire::to(gateway.https()).await;
        wire.write(format!(
            "POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await;
        for chunk in body.chunks(70_000) {
            wire.write([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()).await;
        }
        wire.write("0\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200);
        let seen = upstream.last();
        assert!(seen.body == body, "{size} bytes in chunks are not the same");
        assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(seen.header("transfer-encoding"), None);
    }
    let names = std::fs::read_dir(gateway.folder().join("data")).expect("our own folder");
    let left: Vec<_> = names.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("spool")), "{left:?}");
}

#[tokio::test]
async fn nothing_of_a_form_reaches_the_webmail_before_all_of_it_is_there() {
    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    let (kind, body) = upload(1024 * 1024);
    let mut wire = Wire::to(gateway.https()).await;
    wire.write(format!(
        "POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ))
    .await;
    wire.write(&body[..body.len() - 1]).await;
    // The gateway has had time for others meanwhile.
    assert_eq!(gateway.client().get("/").await.status, 200);
    assert!(upstream.bytes() < 2_000, "{} bytes", upstream.bytes());
    wire.write(&body[body.len() - 1..]).await;
    assert_eq!(wire.answer().await.status, 200);
    assert!(upstream.last().body == body);

    // And nothing at all where it never is.
    upstream.forget();
    let mut broken = Wire::to(gateway.https()).await;
    broken
        .write(format!(
            "POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 5000\r\n\r\n--xyz"
        ))
        .await;
    drop(broken);
    assert_eq!(gateway.client().get("/").await.status, 200);
    assert_eq!(upstream.seen().iter().filter(|seen| seen.method == "POST").count(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_in_the_words_of_whoever_waits() {
    let (upstream, gateway) = with_roundcube(&listen("body_max = \"1MiB\"")).await;
    let (kind, body) = upload(3 * 1024 * 1024);
    for mut client in [gateway.client(), gateway.client().http2()] {
        client.header("x-requested-with", "XMLHttpRequest");
        let request = posting(&client, UPLOAD, &kind, body.clone());
        let answer = client.send(request).await;
        assert!(answer.status == 413 || answer.text().contains("remove_from_attachment_list"), "{}", answer.text());
        assert_ne!(answer.status, 403, "Roundcube would reload the page and lose the text");
    }
    let mut client = gateway.client();
    let large = format!("_task=mail&_action=send&_framed=1&_message={}", "x".repeat(2 * 1024 * 1024));
    let request = posting(&client, super::SEND, URLENCODED, large);
    let framed = client.send(request).await;
    assert_eq!(framed.status, 413);
    assert!(framed.text().contains("parent.rcmail") && framed.text().contains("larger"), "{}", framed.text());

    // Announced by nobody: it is noticed on the way, and the rest is still read so that the answer arrives.
    let mut wire = Wire::to(gateway.https()).await;
    wire.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..20 {
        wire.write([b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat()).await;
    }
    wire.write("0\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 413);
    assert!(upstream.seen().is_empty());

    let (kind, body) = upload(900 * 1024);
    let request = posting(&client, UPLOAD, &kind, body);
    assert_eq!(client.send(request).await.status, 200, "what fits, fits");
}

#[tokio::test]
async fn who_asks_before_sending_a_body_is_told_to_go_on_or_not() {
    let (upstream, gateway) = with_roundcube(&listen("body_max = \"1KiB\"")).await;
    let mut wire = Wire::to(gateway.https()).await;
    let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {URLENCODED}\r\nExpect: 100-continue\r\n");
    wire.write(format!("{head}Content-Length: 10\r\n\r\n")).await;
    wire.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(upstream.bytes(), 0);
    wire.write("_task=mail").await;
    assert_eq!(wire.answer().await.status, 200);
    assert_eq!((upstream.last().text().as_str(), upstream.last().header("expect")), ("_task=mail", None));

    let mut wire = Wire::to(gateway.https()).await;
    wire.write(format!("{head}Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n")).await;
    assert_eq!(wire.answer().await.status, 415, "the first that is said");
}

#[tokio::test]
async fn a_request_has_one_end_or_none() {
    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    let hidden = "GET /?hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: 5\r\n continued: 6\r\n",
        "X-Bare: a\rTransfer-Encoding: chunked\r\n",
        "X-Nul: a\0b\r\n",
    ] {
        let mut wire = Wire::to(gateway.https()).await;
        wire.write(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n0\r\n\r\n{hidden}")).await;
        let came = String::from_utf8_lossy(&wire.closed().await).into_owned();
        assert!(came.starts_with("HTTP/1.1 400"), "{framing:?}: {came}");
        assert_eq!(came.matches("HTTP/1.1").count(), 1, "{framing:?}: {came}");
        assert_eq!(upstream.bytes(), 0, "{framing:?}");
    }
    // Both lengths: read as chunks, told to the webmail as one length. What follows is a request of its own and is
    // judged as one.
    for framing in
        ["Content-Length: 60\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n"]
    {
        upstream.forget();
        let mut wire = Wire::to(gateway.https()).await;
        wire.write(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {URLENCODED}\r\n{framing}\r\na\r\n_task=mail\r\n0\r\n\r\n\
             GET /config/config.inc.php HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.answer().await.status, 200);
        let after = String::from_utf8_lossy(&wire.closed().await).into_owned();
        assert!(after.is_empty() || after.starts_with("HTTP/1.1 404"), "{after}");
        let seen = upstream.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!((seen[0].header("content-length"), seen[0].header("transfer-encoding")), (Some("10"), None));
    }
    // A GET's body is nobody's second request.
    upstream.forget();
    let mut wire = Wire::to(gateway.https()).await;
    wire.write(format!("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len())).await;
    assert_eq!(wire.answer().await.status, 200);
    let seen = upstream.seen();
    assert_eq!((seen.len(), seen[0].body.len(), seen[0].header("content-length")), (1, 0, None));
}

#[tokio::test]
async fn header_blocks_beyond_reason_are_refused_in_both_http_versions() {
    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    let mut wire = Wire::to(gateway.https()).await;
    wire.try_write(format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: {}\r\n\r\n", "x".repeat(64 * 1024)))
        .await
        .ok();
    let came = String::from_utf8_lossy(&wire.closed().await).into_owned();
    assert!(came.is_empty() || came.starts_with("HTTP/1.1 431"), "{came}");
    let mut wire = Wire::open(gateway.https(), &Hello::default()).await.expect("a connection");
    wire.write(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(200))).await;
    let came = String::from_utf8_lossy(&wire.closed().await).into_owned();
    assert!(came.starts_with("HTTP/1.1 431") || came.starts_with("HTTP/1.1 400"), "{came}");
    let mut second = gateway.client().http2();
    second.header("x-large", &"x".repeat(64 * 1024));
    let request = second.request(http::Method::GET, "/", Bytes::new());
    assert!(second.try_send(request).await.map_or(true, |answer| answer.status == 431));
    assert!(upstream.seen().is_empty());
    let mut plain = gateway.client();
    plain.header("cookie", &format!("a={}", "x".repeat(8 * 1024)));
    assert_eq!(plain.get("/").await.status, 200);
    assert_eq!(upstream.last().header(header::COOKIE.as_str()).map(str::len), Some(8 * 1024 + 2));
}
