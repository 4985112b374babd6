//! Floods of requests: who goes on is sent away, nobody stands behind a thousand requests of another, and many people
//! behind one address read their mail meanwhile.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::floods::pages;
use super::upstream::{Reply, Upstream};
use super::wire::{Hello, Wire};
use crate::framing::frames::{DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, SETTINGS, block, frame};
use crate::stack::{Client, Connection, Gateway, Settings, until};

const FLOODS: [u8; 4] = [127, 0, 0, 5];
const SHARED: [u8; 4] = [127, 0, 0, 6];

/// An answer for somebody else comes within this, whatever the flood.
const SOON: Duration = Duration::from_secs(5);

/// Streams that the flood has open at once.
const AT_ONCE: usize = 100;

const WINDOW_UPDATE: u8 = 8;

fn listen(lines: &str) -> Settings {
    Settings { listen: format!("{lines}\n"), ..Settings::new() }
}

async fn open(gateway: &Gateway, from: [u8; 4], protocol: &'static str) -> std::io::Result<Wire> {
    let from = IpAddr::V4(Ipv4Addr::from(from));
    Wire::open(gateway.https(), &Hello { from, protocols: vec![protocol], ..Hello::default() }).await
}

async fn is_served(gateway: &Gateway, from: [u8; 4]) {
    let mut somebody = gateway.client().from(from);
    let page = tokio::time::timeout(SOON, somebody.get("/")).await.expect("somebody else is served soon");
    assert_eq!((page.status, page.text().as_str()), (StatusCode::OK, "a page"));
}

async fn ask(connection: &mut Connection, client: &Client, path: &str) -> anyhow::Result<StatusCode> {
    let asking = connection.ask(client.request(Method::GET, path, Bytes::new()));
    Ok(tokio::time::timeout(SOON, asking).await??.status)
}

/// What came back on a connection of HTTP/2 until it was closed.
#[derive(Debug, Default)]
struct CameBack {
    answers: usize,
    goodbyes: usize,
}

async fn read_to_the_end(mut stream: impl AsyncRead + Unpin, room: &Semaphore) -> CameBack {
    let mut came = CameBack::default();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut content = vec![0; length];
        if stream.read_exact(&mut content).await.is_err() {
            break;
        }
        let (kind, flags) = (head[3], head[4]);
        came.goodbyes += usize::from(kind == GOAWAY);
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            came.answers += 1;
            room.add_permits(1);
        }
    }
    room.close();
    came
}

/// Asks as fast as it is answered over one connection of HTTP/2, deaf to every goodbye, until it is closed; none where it is
/// not let in.
async fn flood(gateway: &Gateway) -> Option<CameBack> {
    const ASKED_MAX: u32 = 100_000;
    let mut stream = open(gateway, FLOODS, "h2").await.ok()?.into_stream();
    let more = frame(WINDOW_UPDATE, 0, 0, &0x3fff_ffff_u32.to_be_bytes());
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &more].concat()).await.ok()?;
    let (read, mut write) = tokio::io::split(stream);
    let headers = block(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/?flood")]);
    let room = Semaphore::new(AT_ONCE);
    let asking = async {
        for nth in 0..ASKED_MAX {
            let Ok(permit) = room.acquire().await else { return };
            permit.forget();
            let request = frame(HEADERS, END_HEADERS | END_STREAM, nth * 2 + 1, &headers);
            if write.write_all(&request).await.is_err() || write.flush().await.is_err() {
                return;
            }
        }
        panic!("it is put up with");
    };
    let both = async { tokio::join!(read_to_the_end(read, &room), asking).0 };
    Some(tokio::time::timeout(Duration::from_secs(60), both).await.expect("a connection that floods is closed"))
}

#[tokio::test]
async fn a_flood_over_http2_is_cut_off_and_its_prefix_pauses_and_nobody_else_notices() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &listen("requests_per_prefix = \"50/10m\"")).await;
    let mut somebody = gateway.client().from(FLOODS).http2().connect().await.expect("a connection");
    for times in [1, 2] {
        let came = until("the prefix is let in", 10, async || flood(&gateway).await).await;
        assert!(came.goodbyes > 0, "{came:?}");
        // What is let through once, and what is put up with each time.
        let most = if times == 1 { 50 } else { 0 } + 100 + 128;
        assert!(came.answers <= most, "{came:?}");
        assert!(open(&gateway, FLOODS, "h2").await.is_err(), "the prefix pauses");
        is_served(&gateway, SHARED).await;
        // Who is there already stays, and is answered, though with a no.
        let client = gateway.client();
        let status = ask(&mut somebody, &client, "/").await.expect("the connection is open");
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(upstream.seen().iter().filter(|request| request.target == "/?flood").count(), 50);
}

#[tokio::test]
async fn a_flood_over_http1_is_told_that_its_connection_ends() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &listen("requests_per_prefix = \"50/10m\"")).await;
    let mut wire = open(&gateway, FLOODS, "http/1.1").await.expect("a connection");
    for nth in 1..=151 {
        wire.write("GET /skins/elastic/a.css HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, if nth <= 50 { 200 } else { 429 }, "{nth}");
        assert_eq!(answer.header("connection"), (nth == 151).then_some("close"), "{nth}");
        assert!(nth <= 50 || answer.header("retry-after").is_some(), "{nth}");
        // What somebody looks at is a page, what nobody looks at is not.
        let worded = answer.text().contains("<h1>");
        assert_eq!(worded, (51..=66).contains(&nth), "{nth}: {}", answer.text());
    }
    assert_eq!(wire.closed().await, b"");
    assert!(open(&gateway, FLOODS, "http/1.1").await.is_err(), "the prefix pauses");
    is_served(&gateway, SHARED).await;
}

/// The innocent request that resembles it: a page with all its files, loaded again, by somebody whose address is used up.
#[tokio::test]
async fn somebody_refused_because_of_a_neighbour_keeps_the_connection() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &listen("requests_per_prefix = \"10/10m\"")).await;
    let client = gateway.client().from(SHARED).http2();
    let mut connection = client.connect().await.expect("a connection");
    for nth in 0..100 {
        let status = ask(&mut connection, &client, "/program/js/app.min.js").await.expect("the connection is open");
        assert_eq!(status, if nth < 10 { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS }, "{nth}");
    }
    assert!(connection.is_open().await && open(&gateway, SHARED, "h2").await.is_ok());
}

/// Sixty people behind one address open the webmail at the same moment and read mail, while somebody else floods, by the
/// limits that hold where nobody changed them.
#[tokio::test]
async fn sixty_people_behind_one_address_read_their_mail_during_a_flood() {
    const PEOPLE: usize = 60;
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let reads = async || {
        let client = gateway.client().from(SHARED).http2();
        let mut connection = client.connect().await.expect("a connection");
        assert_eq!(ask(&mut connection, &client, "/").await.expect("an answer"), StatusCode::OK);
        let files = (0..40).map(|file| {
            let (mut connection, client) = (connection.share(), client.clone());
            async move { ask(&mut connection, &client, &format!("/program/js/{file}.js")).await.ok() }
        });
        assert!(join_all(files).await.iter().all(|status| *status == Some(StatusCode::OK)));
        for nth in 0..20 {
            assert_eq!(ask(&mut connection, &client, "/").await.expect("an answer"), StatusCode::OK, "{nth}");
        }
        assert!(connection.is_open().await);
    };
    let over = AtomicBool::new(false);
    let floods = async {
        let mut times = 0;
        while !over.load(Ordering::Relaxed) {
            times += usize::from(flood(&gateway).await.is_some());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        times
    };
    let people = async {
        join_all((0..PEOPLE).map(|_| reads())).await;
        over.store(true, Ordering::Relaxed);
    };
    let (times, ()) = tokio::join!(floods, people);
    let (read, flooded): (Vec<_>, Vec<_>) = upstream.seen().into_iter().partition(|seen| seen.target != "/?flood");
    assert!(times > 0 && !flooded.is_empty(), "nobody flooded");
    assert_eq!(read.len(), PEOPLE * 61);
}

/// A webmail whose slow page waits for the test.
async fn slow_pages(gate: &Arc<Semaphore>) -> Upstream {
    let gate = Arc::clone(gate);
    Upstream::start(move |request| match request.target.as_str() {
        "/?slow" => Reply::default().wait(&gate).and(Reply::page("slow")),
        _ => Reply::page("a page"),
    })
    .await
}

/// Asks for the slow page so often at once over one connection of HTTP/2.
async fn ask_slowly(gateway: &Gateway, from: [u8; 4], times: usize) -> JoinHandle<Vec<Option<StatusCode>>> {
    let client = gateway.client().from(from).http2();
    let connection = client.connect().await.expect("a connection");
    tokio::spawn(join_all((0..times).map(move |_| {
        let (mut connection, client) = (connection.share(), client.clone());
        async move { ask(&mut connection, &client, "/?slow").await.ok() }
    })))
}

#[tokio::test]
async fn a_hundred_slow_requests_of_one_prefix_leave_room_for_everybody_else() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = slow_pages(&gate).await;
    let gateway = Gateway::start(upstream.address(), &listen("requests_at_once_per_prefix = 24")).await;
    let slow = || upstream.seen().iter().filter(|request| request.target == "/?slow").count();
    let first = ask_slowly(&gateway, FLOODS, 100).await;
    until("as many of a connection as may are asked", 5, async || (slow() == 16).then_some(())).await;
    let second = ask_slowly(&gateway, FLOODS, 100).await;
    until("as many of a prefix as may are asked", 5, async || (slow() == 24).then_some(())).await;
    is_served(&gateway, SHARED).await;
    assert_eq!(slow(), 24, "the others wait");
    gate.add_permits(200);
    let answered = [first.await.expect("it does not panic"), second.await.expect("it does not panic")].concat();
    assert!(answered.iter().all(|status| *status == Some(StatusCode::OK)), "{answered:?}");
    assert_eq!(slow(), 200);
}

/// A proxy's connection may carry many people.
#[tokio::test]
async fn who_is_exempt_does_not_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = slow_pages(&gate).await;
    let mut settings = listen("requests_at_once_per_prefix = 8");
    settings.sections = "[networks]\ncampus = [\"127.0.0.6/32\"]".to_owned();
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let asked = ask_slowly(&gateway, SHARED, 100).await;
    until("all are asked", 5, async || (upstream.seen().len() == 100).then_some(())).await;
    gate.add_permits(100);
    assert!(asked.await.expect("it does not panic").iter().all(|status| *status == Some(StatusCode::OK)));
}
