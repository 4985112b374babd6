//! Reloads and restarts while people are at it: no request is lost.
//!
//! `MAILWARD_RELOADS` and `MAILWARD_RESTARTS` say how many; `MAILWARD_RESTARTS_REPORT` names a file for the table, which is how
//! `tests/run --long restarts` makes `docs/restarts.md`.

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use tokio::sync::Semaphore;

use super::roundcube;
use super::upstream::{Received, Reply, Upstream};
use crate::stack::{Client, Connection, Gateway, Settings, until};

/// What every run of the tests does with.
const RELOADS: usize = 10;
const RESTARTS: usize = 3;

/// The webmail takes up to so long for some answers.
const SLOW: Duration = Duration::from_millis(300);

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// What became of the requests of one kind of visitor.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    slowest: AtomicU64,
    lost: Mutex<Vec<String>>,
}

impl Tally {
    fn note(&self, began: Instant, outcome: anyhow::Result<()>) {
        match outcome {
            Ok(()) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.slowest.fetch_max(took, Ordering::Relaxed);
            }
            Err(error) => self.lost.lock().expect("nobody panics with it").push(format!("{error:#}")),
        }
    }
}

/// How somebody visits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Visitor {
    /// Asks over a kept HTTP/1.1 connection, with short rests.
    Kept,
    /// Opens a connection for each request.
    New,
    /// Asks four things at once over HTTP/2, again and again.
    Http2,
    /// Waits for answers that the webmail is slow to give.
    Slow,
    /// Posts drafts.
    Draft,
    /// Posts files that are too large to wait in memory.
    Upload,
}

const VISITORS: [(Visitor, usize, &str); 6] = [
    (Visitor::Kept, 6, "six, each over a kept HTTP/1.1 connection"),
    (Visitor::New, 2, "two, with a connection for each request"),
    (Visitor::Http2, 2, "two over HTTP/2, four requests at once each"),
    (Visitor::Slow, 4, "four for pages that take up to 0.3 s"),
    (Visitor::Draft, 2, "two who save drafts"),
    (Visitor::Upload, 1, "one who uploads files of 3 MiB"),
];

impl Visitor {
    fn request(self, client: &Client) -> Request<Full<Bytes>> {
        match self {
            Self::Kept | Self::New | Self::Http2 => client.request(Method::GET, "/program/js/app.min.js", Bytes::new()),
            Self::Slow => client.request(Method::GET, "/?slow", Bytes::new()),
            Self::Draft => {
                let text = "words+and+words".repeat(200);
                let form = format!("_token=t&_task=mail&_action=send&_id=1&_draft=1&_subject=s&_message={text}");
                let mut request = client.request(Method::POST, "/?_task=mail&_action=send", form.into());
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                request.headers_mut().insert(header::CONTENT_TYPE, kind);
                request
            }
            Self::Upload => {
                let part = "--B\r\nContent-Disposition: form-data; name=\"_attachments[]\"; filename=\"a\"\r\n\
                            Content-Type: application/octet-stream\r\n\r\n";
                let body = format!("{part}{}\r\n--B--\r\n", "x".repeat(3 << 20));
                let mut request = client.request(Method::POST, "/?_task=mail&_action=upload&_id=1", body.into());
                let kind = HeaderValue::from_static("multipart/form-data; boundary=B");
                request.headers_mut().insert(header::CONTENT_TYPE, kind);
                request
            }
        }
    }

    fn rest(self, turn: u64) -> Duration {
        match self {
            // From none to a hundredth of a second: a goodbye must find connections at every moment of their lives.
            Self::Kept | Self::Http2 => Duration::from_micros(turn * 997 % 10_000),
            Self::New | Self::Draft => Duration::from_millis(20),
            Self::Slow => Duration::ZERO,
            Self::Upload => Duration::from_millis(500),
        }
    }

    async fn visit(self, client: Client, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
        let mut kept: Option<Connection> = None;
        for turn in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let began = now();
            // A connection that was closed in good time is replaced, as every browser does; nothing is asked twice.
            let open = match &mut kept {
                Some(connection) => self != Self::New && connection.is_open().await,
                None => false,
            };
            if !open {
                match client.connect().await {
                    Ok(connection) => kept = Some(connection),
                    Err(error) => {
                        tally.note(began, Err(error.context("no connection")));
                        continue;
                    }
                }
            }
            let Some(connection) = &mut kept else { continue };
            if self == Self::Http2 {
                let mut together = tokio::task::JoinSet::new();
                for _ in 0..4 {
                    let (mut connection, request) = (connection.share(), self.request(&client));
                    together.spawn(async move { whole(&mut connection, request).await });
                }
                for outcome in together.join_all().await {
                    let outcome = match outcome {
                        // The goodbye crossed it. Browsers ask again by themselves, on a new connection.
                        Err(error) if was_never_asked(&error) => match client.connect().await {
                            Ok(mut connection) => whole(&mut connection, self.request(&client)).await,
                            Err(error) => Err(error),
                        },
                        outcome => outcome,
                    };
                    tally.note(began, outcome);
                }
            } else {
                let request = self.request(&client);
                let outcome = whole(connection, request).await;
                if let Err(error) = &outcome {
                    kept = None;
                    if was_never_asked(error) {
                        continue;
                    }
                }
                tally.note(began, outcome);
            }
            tokio::time::sleep(self.rest(turn)).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Whether a connection was found closed before a byte of the request was written, or its end was announced by HTTP/2 as
/// one before this request (RFC 9113, section 6.8).
fn was_never_asked(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<hyper::Error>() else { return false };
    let framing = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    let is_goodbye =
        |error: &h2::Error| error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    error.is_canceled() || framing.is_some_and(is_goodbye)
}

async fn whole(connection: &mut Connection, request: Request<Full<Bytes>>) -> anyhow::Result<()> {
    let what = request.uri().to_string();
    let answer = connection.ask(request).await.map_err(|error| error.context(what.clone()))?;
    anyhow::ensure!(answer.status == 200, "{what}: {}", answer.status);
    anyhow::ensure!(answer.text().ends_with("the end"), "{what}: half an answer");
    Ok(())
}

fn webmail(gate: &Arc<Semaphore>) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let gate = Arc::clone(gate);
    move |request| match request.target.as_str() {
        "/?slow" => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfirst").wait(&gate).then("the end"),
        "/" => roundcube(request),
        _ => Reply::page(&format!("{}the end", "y".repeat(2_000))),
    }
}

async fn reload(gateway: &Gateway, nth: usize) {
    let at = gateway.config();
    let text = fs::read_to_string(&at).expect("it was written");
    let text = text.split("\n[send.limits]").next().unwrap_or_default();
    let changed = format!("{text}\n[send.limits]\nmessages_per_account = [\"{}/d\"]\n", 1_000 + nth);
    fs::write(&at, changed).expect("our own folder");
    // Written anew, the certificate is read anew.
    let certificate = gateway.folder().join("certificate.pem");
    fs::write(&certificate, fs::read(&certificate).expect("it was written")).expect("our own folder");
    let before = gateway.events_of("configuration_reloaded").len();
    gateway.signal("HUP");
    until("it is reloaded", 20, async || (gateway.events_of("configuration_reloaded").len() > before).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_in_reloads_and_restarts_under_load() {
    let (reloads, restarts) = (number("MAILWARD_RELOADS", RELOADS), number("MAILWARD_RESTARTS", RESTARTS));
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(SLOW / 4).await;
            opened.add_permits(1);
        }
    });
    let upstream = Upstream::start(webmail(&gate)).await;
    let mut gateway = Gateway::start_held(upstream.address(), &Settings::new().unguarded()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut visits = tokio::task::JoinSet::new();
    let tallies: Vec<Arc<Tally>> = VISITORS.iter().map(|_| Arc::default()).collect();
    for ((visitor, number, _), tally) in VISITORS.iter().zip(&tallies) {
        for _ in 0..*number {
            let mut client = gateway.client();
            if *visitor == Visitor::Http2 {
                client = client.http2();
            }
            visits.spawn(visitor.visit(client, Arc::clone(tally), Arc::clone(&stop)));
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for nth in 0..reloads {
        reload(&gateway, nth).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        upstream.forget();
    }
    for _ in 0..restarts {
        assert!(gateway.stop().await.success(), "{}", gateway.log());
        gateway.start_again().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        upstream.forget();
    }
    stop.store(true, Ordering::Relaxed);
    visits.join_all().await;
    assert_eq!(gateway.events_of("started").len(), restarts + 1);

    let mut report = format!(
        "{reloads} reloads of configuration and certificate, {restarts} restarts.\n\n\
         | who asks | requests answered | lost | slowest (ms) |\n|---|---|---|---|\n"
    );
    for ((_, _, title), tally) in VISITORS.iter().zip(&tallies) {
        let (answered, slowest) = (tally.answered.load(Ordering::Relaxed), tally.slowest.load(Ordering::Relaxed));
        let lost = tally.lost.lock().expect("nobody panics with it").len();
        let _ = writeln!(report, "| {title} | {answered} | {lost} | {slowest} |");
    }
    println!("{report}");
    if let Some(path) = std::env::var_os("MAILWARD_RESTARTS_REPORT") {
        fs::write(path, &report).expect("the report can be written");
    }
    for ((visitor, ..), tally) in VISITORS.iter().zip(&tallies) {
        let lost = tally.lost.lock().expect("nobody panics with it");
        assert!(lost.is_empty(), "{visitor:?} lost {}, such as {:?}", lost.len(), &lost[..lost.len().min(5)]);
        assert!(tally.answered.load(Ordering::Relaxed) > 0, "{visitor:?} asked nothing");
    }
}
