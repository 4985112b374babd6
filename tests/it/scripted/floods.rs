//! Floods that cost their sender little: each ends where it began, and everybody else is served meanwhile. How much
//! memory Mailward may take for each is stated with it.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;

use super::upstream::{Reply, Upstream};
use super::wire::{Hello, Wire};
use crate::framing::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, block, frame,
};
use crate::stack::{Gateway, Settings, until};

pub const MIB: usize = 1024 * 1024;

/// A page for somebody else comes within this, whatever the flood.
const SOON: Duration = Duration::from_secs(5);

pub async fn pages() -> Upstream {
    Upstream::start(|_| Reply::page("a page")).await
}

/// Memory that the process has for itself, in bytes: how much of its program was read from the disk so far is no matter.
pub fn memory(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().expect("a number") * 1024
}

async fn is_served(gateway: &Gateway) {
    let mut other = gateway.client().from([127, 0, 0, 2]);
    let page = tokio::time::timeout(SOON, other.get("/")).await.expect("somebody else is served soon");
    assert_eq!((page.status.as_u16(), page.text().as_str()), (200, "a page"));
}

/// After a flood within HTTP/2 its prefix is let in a moment later.
async fn http2(gateway: &Gateway) -> TlsStream<tokio::net::TcpStream> {
    until("a connection", 10, async || try_http2(gateway).await).await
}

async fn try_http2(gateway: &Gateway) -> Option<TlsStream<tokio::net::TcpStream>> {
    let hello = Hello { protocols: vec!["h2"], ..Hello::default() };
    let mut stream = Wire::open(gateway.https(), &hello).await.ok()?.into_stream();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.ok()?;
    Some(stream)
}

/// Writes pieces until the other side has had enough, at most `most` bytes; how many were written.
async fn pour<S>(stream: S, most: usize, mut next: impl FnMut() -> Vec<u8>) -> usize
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite,
{
    let (mut read, mut write) = tokio::io::split(stream);
    let pouring = async {
        let mut written = 0;
        while written < most {
            let piece = next();
            if write.write_all(&piece).await.is_err() || write.flush().await.is_err() {
                break;
            }
            written += piece.len();
        }
        written
    };
    // What comes back is read past: who does not read is not told either.
    let reading = async {
        let mut buffer = vec![0; 65_536];
        while read.read(&mut buffer).await.is_ok_and(|came| came > 0) {}
    };
    let both = async { tokio::join!(pouring, reading).0 };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("the gateway ends a connection that floods")
}

const RESET_BYTES_MAX: usize = 64 * MIB;

/// Opens streams and resets them at once until the connection is cut off; how many bytes and streams that took. None where
/// no connection is let in.
pub async fn reset_streams(gateway: &Gateway) -> Option<(usize, u32)> {
    let headers = block(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/?reset")]);
    let mut stream = 1_u32;
    let flooded = try_http2(gateway).await?;
    let pouring = pour(flooded, RESET_BYTES_MAX, || {
        let mut bytes = Vec::new();
        for _ in 0..64 {
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &headers));
            bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            stream += 2;
        }
        bytes
    });
    Some((pouring.await, stream / 2))
}

/// Streams that are opened and reset at once (CVE-2023-44487). At most 16 MiB more, and hardly any request goes on.
#[tokio::test]
async fn rapid_resets_end_their_connection_and_nobody_else_notices() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    is_served(&gateway).await;
    let before = memory(&gateway);
    let (reset, ()) = tokio::join!(reset_streams(&gateway), is_served(&gateway));
    let (written, streams) = reset.expect("a connection");
    assert!(written < RESET_BYTES_MAX, "it was cut off");
    let asked = upstream.seen().iter().filter(|request| request.target == "/?reset").count();
    assert!(asked <= 512, "{asked} of {streams} streams reached the webmail");
    let more = memory(&gateway).saturating_sub(before);
    println!("rapid reset: cut off after {written} bytes and {streams} streams, {asked} asked, {more} bytes more");
    assert!(more <= 16 * MIB, "{more} bytes more");
    is_served(&gateway).await;
}

/// Header blocks that never end (CVE-2024-27316), and as many settings and pings as fit. At most 16 MiB more each.
#[tokio::test]
async fn header_blocks_without_an_end_and_endless_questions_end_their_connection() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    is_served(&gateway).await;
    let before = memory(&gateway);
    let beginning =
        block(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/?endless")]);
    let value = "y".repeat(4_000);
    let more_headers = block(&[("x-one", value.as_str()), ("x-two", value.as_str()), ("x-three", value.as_str())]);
    for (what, piece) in [("full", more_headers), ("empty", Vec::new())] {
        let mut first = true;
        let flooded = http2(&gateway).await;
        let pouring = pour(flooded, 256 * MIB, || {
            let mut bytes = if std::mem::take(&mut first) { frame(HEADERS, 0, 1, &beginning) } else { Vec::new() };
            bytes.extend(frame(CONTINUATION, 0, 1, &piece).repeat(if piece.is_empty() { 1_000 } else { 1 }));
            bytes
        });
        let (written, ()) = tokio::join!(pouring, is_served(&gateway));
        let more = memory(&gateway).saturating_sub(before);
        println!("{what} continuations: cut off after {written} bytes, {more} bytes more");
        assert!(written < 256 * MIB && more <= 16 * MIB, "{what}: {written} written, {more} bytes more");
    }
    assert!(upstream.seen().iter().all(|request| request.target != "/?endless"));
    is_served(&gateway).await;
}

/// Bodies in tiny chunks, with and without words behind each length, beyond what a form may have. At most 16 MiB more.
#[tokio::test]
async fn endless_chunks_are_given_up_at_the_bodys_bound() {
    let upstream = pages().await;
    let settings = Settings { listen: "body_max = \"1MiB\"\n".to_owned(), ..Settings::new() };
    let gateway = Gateway::start(upstream.address(), &settings).await;
    is_served(&gateway).await;
    let before = memory(&gateway);
    for (what, chunk) in
        [("tiny", "1\r\na\r\n".repeat(2_000)), ("extended", format!("1;{}\r\na\r\n", "x".repeat(8_000)))]
    {
        let mut wire = Wire::to(gateway.https()).await;
        let head =
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
        wire.write(head).await;
        let (mut read, mut write) = tokio::io::split(wire.into_stream());
        let mut written = 0;
        let mut answer = Vec::new();
        // As a client that listens: the answer comes while it still sends.
        let reading = read.read_buf(&mut answer);
        let pouring = async {
            while written < 64 * MIB && write.write_all(chunk.as_bytes()).await.is_ok() && write.flush().await.is_ok() {
                written += chunk.len();
            }
        };
        tokio::pin!(reading, pouring);
        let first = tokio::time::timeout(Duration::from_secs(60), async {
            tokio::select! {
                came = &mut reading => came.ok(),
                () = &mut pouring => reading.await.ok(),
            }
        });
        first.await.expect("it is given up");
        let said = String::from_utf8_lossy(&answer).into_owned();
        let more = memory(&gateway).saturating_sub(before);
        println!("{what} chunks: {written} bytes written, {more} bytes more");
        let status = said.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        assert!(said.is_empty() || matches!(status, Some("400" | "408" | "413")), "{what}: {said}");
        assert!(written < 64 * MIB && more <= 16 * MIB, "{what}: {written} written, {more} bytes more");
    }
    assert!(upstream.seen().iter().all(|request| request.method != "POST"));
    is_served(&gateway).await;
}

/// What follows an answer on its connection is nobody's answer, headers without an end are no answer. 16 MiB more.
#[tokio::test]
async fn a_webmail_that_says_too_much_poisons_nobody() {
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/?more" => Reply::raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        ),
        "/?none" => Reply::raw("HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison"),
        "/?both" => Reply::raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        ),
        "/?headers" => Reply::raw(format!("HTTP/1.1 200 OK\r\n{}", "X-Much: poison\r\n".repeat(400_000))).then_hang(),
        "/?line" => Reply::raw(format!("HTTP/1.1 200 {}", "poison".repeat(400_000))).then_hang(),
        _ => Reply::page("a page"),
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new().unguarded()).await;
    is_served(&gateway).await;
    let before = memory(&gateway);
    for target in ["/?more", "/?none", "/?both", "/?headers", "/?line"] {
        for _ in 0..4 {
            let request = gateway.client().request(Method::GET, target, Bytes::new());
            let answer = tokio::time::timeout(Duration::from_secs(20), gateway.client().try_send(request)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{target} is given up"));
            if let Ok(answer) = answer {
                assert!(!answer.text().contains("poison"), "{target}: {:.200}", answer.text());
            }
            for _ in 0..4 {
                is_served(&gateway).await;
            }
        }
    }
    let more = memory(&gateway).saturating_sub(before);
    assert!(more <= 16 * MIB, "{more} bytes more");
}

/// When no more connections can be opened it waits, and goes on once there is room.
#[tokio::test]
async fn without_a_descriptor_left_it_waits_and_goes_on() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    is_served(&gateway).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).expect("it runs").count();
    let limit = format!("--nofile={0}:{0}", open + 20);
    let done = Command::new("prlimit").args(["--pid", &gateway.pid().to_string(), &limit]).status();
    assert!(done.expect("util-linux is everywhere").success());
    let mut held = Vec::new();
    for _ in 0..80 {
        held.push(tokio::net::TcpStream::connect(gateway.https()).await.expect("the kernel takes it"));
    }
    let hello = Hello::default();
    let waits = tokio::time::timeout(Duration::from_secs(2), Wire::open(gateway.https(), &hello)).await;
    assert!(waits.is_err() || waits.is_ok_and(|opened| opened.is_err()), "there was no room");
    drop(held);
    until("it serves again", 30, async || {
        let request = gateway.client().request(Method::GET, "/", Bytes::new());
        let answer = tokio::time::timeout(SOON, gateway.client().try_send(request)).await.ok()?.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    is_served(&gateway).await;
}
