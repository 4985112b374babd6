//! What goes through to the webmail and what comes back, header by header.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, header};

use super::upstream::{Reply, Upstream};
use super::wire::{Hello, Wire};
use super::{URLENCODED, posting, with_roundcube};
use crate::stack::{Gateway, Settings, until};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn pages() -> Upstream {
    Upstream::start(|_| Reply::page("a page")).await
}

fn listen(lines: &str) -> Settings {
    Settings { listen: lines.to_owned(), ..Settings::new() }
}

/// A second site, `other.example`, in front of another webmail.
fn second_site(upstream: &Upstream) -> Settings {
    Settings::sections(&format!(
        "[[site]]\nhosts = [\"other.example\"]\nupstream = \"http://{}\"\nwebmail = \"squirrelmail\"",
        upstream.address()
    ))
}

#[tokio::test]
async fn a_request_goes_to_the_site_it_names_and_only_on_a_connection_opened_for_that_site() {
    let (first, second) = (pages().await, pages().await);
    let gateway = Gateway::start(first.address(), &second_site(&second)).await;
    for (server_name, request, status) in [
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: LocalHost:8443\r\n\r\n", 200),
        (Some("localhost"), "GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: unknown.example\r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: localhost\r\nHost: other.example\r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: \r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: localhost.\r\n\r\n", 421),
        (Some("localhost"), "GET / HTTP/1.1\r\nHost: evil@localhost\r\n\r\n", 421),
        (Some("localhost"), "GET https://other.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        (Some("localhost"), "GET https://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n", 421),
        (Some("other.example"), "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 200),
        (Some("other.example"), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        (Some("unknown.example"), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        (None, "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 200),
        (None, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    ] {
        first.forget();
        second.forget();
        let hello = Hello { name: server_name, ..Hello::default() };
        let mut wire = Wire::open(gateway.https(), &hello).await.expect("a connection");
        wire.write(request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{server_name:?} {request:?}");
        let other = request.contains("other.example") && status == 200;
        let reached = (first.seen().len(), second.seen().len());
        assert_eq!(reached, (usize::from(status == 200 && !other), usize::from(other)), "{server_name:?} {request:?}");
        if status == 421 {
            assert!(!answer.text().contains("example"), "it names nothing: {}", answer.text());
        }
    }
    // Over HTTP/2 the name is in another place. The certificate is for `localhost`, so the connection may be what fails.
    let foreign = gateway.client().http2().named("other.example");
    let request = foreign.request(Method::GET, "/", bytes::Bytes::new());
    assert!(foreign.clone().try_send(request).await.map_or(true, |answer| answer.status == 421));
}

#[tokio::test]
async fn the_path_that_is_judged_is_the_path_that_is_forwarded() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut wire = Wire::to(gateway.https()).await;
    for (path, forwarded) in [
        ("/", "/"),
        ("/index.php?_task=mail", "/index.php?_task=mail"),
        ("//index.php", "/index.php"),
        ("/./index.php", "/index.php"),
        ("/skins/../index.php", "/index.php"),
        ("/%69ndex.php?a=%2f", "/index.php?a=%2f"),
        ("/skins/%2e%2e/index.php", "/index.php"),
        ("/index.php/x", "/index.php/x"),
        ("/skins/elastic/styles/styles.min.css?s=1", "/skins/elastic/styles/styles.min.css?s=1"),
        ("/skins//elastic/./a%20b.svg", "/skins/elastic/a%20b.svg"),
        ("/program/js/app.min.js", "/program/js/app.min.js"),
        ("/favicon.ico", "/favicon.ico"),
    ] {
        wire.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert_eq!(wire.answer().await.status, 200, "{path}");
        assert_eq!(upstream.last().target, forwarded, "{path}");
    }
    upstream.forget();
    let refused = [
        ("/index.php%2fx", 400),
        ("/skins%2F..%2findex.php", 400),
        ("/%5c..%5cindex.php", 400),
        ("/index.php%00", 400),
        ("/index.php%0d%0aX:y", 400),
        ("/%zz", 400),
        ("/%c0%ae%c0%ae/index.php", 400),
        ("/../index.php", 400),
        ("/skins/../../index.php", 400),
        ("/config/config.inc.php", 404),
        ("/skins/../config/config.inc.php", 404),
        ("/.git/config", 404),
        ("/.htaccess", 404),
        ("/skins/elastic/.env", 404),
        ("/temp/upload.php", 404),
        ("/shell.php", 404),
        ("/skins/elastic/shell.php", 404),
        ("/skins/elastic/shell.php/a.css", 404),
        ("/skins/elastic/shell.pHp5", 404),
        ("/plugins/password/config.inc.php.dist", 404),
        ("/installer/", 404),
        ("/logs/errors.log", 404),
        ("/SQL/mysql.initial.sql", 404),
    ];
    for (path, status) in refused {
        wire.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{path}");
    }
    assert!(upstream.seen().is_empty());
    let events = until("each is recorded", 10, async || {
        Some(gateway.events_of("request_refused")).filter(|events| events.len() == refused.len())
    })
    .await;
    assert!(events.iter().all(|event| event["reference"].is_string() && event["address"] == "127.0.0.1"));
    assert!(events.iter().any(|event| event["rule"] == "path never served"), "{events:?}");
}

#[tokio::test]
async fn only_the_methods_of_browsers_reach_a_script_and_forms_come_uncompressed() {
    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    let mut wire = Wire::to(gateway.https()).await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "SEND"] {
        for path in ["/", "/?_task=mail&_action=send", "/skins/elastic/a.css"] {
            wire.write(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")).await;
            assert_eq!(wire.answer().await.status, 405, "{method} {path}");
        }
    }
    wire.write("POST /skins/elastic/a.css HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 405);
    for encoding in ["gzip", "deflate", "br", "x-gzip", "identity, gzip"] {
        let mut client = gateway.client();
        let mut request = posting(&client, "/", URLENCODED, "_task=mail&_action=list");
        request.headers_mut().insert(header::CONTENT_ENCODING, encoding.parse().expect("a value"));
        assert_eq!(client.send(request).await.status, 415, "{encoding}");
    }
    assert!(upstream.seen().is_empty());

    let mut client = gateway.client();
    let mut request = posting(&client, "/", URLENCODED, "_task=mail&_action=list");
    request.headers_mut().insert(header::CONTENT_ENCODING, "identity".parse().expect("a value"));
    assert_eq!(client.send(request).await.status, 200);
    let head = client.request(Method::HEAD, "/?_task=mail", bytes::Bytes::new());
    let answer = client.send(head).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(upstream.last().method, "HEAD");
}

#[tokio::test]
async fn what_belongs_to_one_hop_stays_there_in_both_directions() {
    let upstream = Upstream::start(|_| {
        Reply::status(
            "200 OK",
            "Connection: keep-alive, X-Their-Hop\r\nX-Their-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: a\r\n\
             Upgrade: h2c\r\nTrailer: a\r\nX-Kept: yes\r\n",
            "ok",
        )
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut wire = Wire::to(gateway.https()).await;
    for path in ["/", "/skins/elastic/a.css"] {
        wire.write(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:8443\r\nConnection: X-Our-Hop, keep-alive, Cookie, Host, Upgrade\r\n\
             X-Our-Hop: 1\r\nKeep-Alive: 300\r\nTE: trailers\r\nTrailer: b\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n\
             Proxy: http://evil.example\r\nCookie: a=1\r\nX-Kept: yes\r\nAccept: */*\r\n\r\n"
        ))
        .await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.header("x-kept")), (200, Some("yes")));
        for name in ["x-their-hop", "keep-alive", "proxy-connection", "upgrade", "trailer"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        let seen = upstream.last();
        for name in ["x-our-hop", "keep-alive", "te", "trailer", "proxy-connection", "upgrade", "proxy"] {
            assert_eq!(seen.header(name), None, "{name}");
        }
        for (name, value) in [("host", "localhost:8443"), ("cookie", "a=1"), ("x-kept", "yes"), ("accept", "*/*")] {
            assert_eq!(seen.header(name), Some(value), "{name}");
        }
    }
}

#[tokio::test]
async fn cookies_go_on_as_php_reads_them_and_those_that_steer_the_product_do_not() {
    let upstream = pages().await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut wire = Wire::to(gateway.https()).await;
    for (cookies, forwarded) in [
        ("Cookie: a=1; b=2\r\n", Some(Some("a=1; b=2"))),
        ("Cookie: a=1; a=2\r\n", Some(Some("a=1"))),
        ("Cookie: a=1; _ga=GA1.1; _shibsession_x=1; .hidden=1\r\n", Some(Some("a=1"))),
        ("Cookie: _ga=GA1.1\r\n", Some(None)),
        ("Cookie: _action=send\r\n", None),
        ("Cookie: a=1; .task=mail\r\n", None),
        ("Cookie: a=1\r\nCookie: _action=send\r\n", None),
    ] {
        upstream.forget();
        wire.write(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{cookies}\r\n")).await;
        let status = wire.answer().await.status;
        match forwarded {
            Some(cookie) => {
                assert_eq!(status, 200, "{cookies}");
                assert_eq!(upstream.last().header("cookie"), cookie, "{cookies}");
            }
            None => {
                assert_eq!(status, 400, "{cookies}");
                assert!(upstream.seen().is_empty(), "{cookies}");
            }
        }
    }
}

#[tokio::test]
async fn every_cookie_that_is_set_is_hardened_by_itself_and_none_is_merged_or_lost() {
    let upstream = Upstream::start(|_| {
        Reply::status(
            "200 OK",
            "Content-Type: text/html\r\nSet-Cookie: SQMSESSID=1; path=/\r\n\
             Set-Cookie: SQMSESSID=1; path=/; HttpOnly; SameSite=Strict\r\n\
             Set-Cookie: colour=red; expires=Thu, 01 Jan 2037 00:00:01 GMT\r\n",
            "ok",
        )
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    for mut client in [gateway.client(), gateway.client().http2()] {
        for posted in [false, true] {
            let answer = if posted { client.post("/", &[("_task", "mail")]).await } else { client.get("/").await };
            assert_eq!(
                answer.set_cookies().collect::<Vec<_>>(),
                [
                    "SQMSESSID=1; path=/; Secure; HttpOnly; SameSite=Lax",
                    "SQMSESSID=1; path=/; HttpOnly; SameSite=Strict; Secure",
                    "colour=red; expires=Thu, 01 Jan 2037 00:00:01 GMT; Secure; HttpOnly; SameSite=Lax",
                ]
            );
        }
    }
}

#[tokio::test]
async fn an_absolute_location_leads_back_here_and_a_foreign_one_stays() {
    let upstream = Upstream::start(|request| {
        let to = request.target.split_once("?to=").map_or("", |(_, to)| to).to_owned();
        Reply::status("302 Found", &format!("Location: {to}\r\n"), "")
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut client = gateway.client();
    let (own, inner) = (gateway.https().port(), upstream.address());
    for (to, mended) in [
        (format!("http://localhost:{own}/src/a.php"), format!("https://localhost:{own}/src/a.php")),
        ("http://localhost/src/a.php".to_owned(), format!("https://localhost:{own}/src/a.php")),
        (format!("http://{inner}/x"), format!("https://localhost:{own}/x")),
        ("/relative".to_owned(), "/relative".to_owned()),
        ("webmail.php".to_owned(), "webmail.php".to_owned()),
        ("https://elsewhere.example/a".to_owned(), "https://elsewhere.example/a".to_owned()),
    ] {
        assert_eq!(client.get(&format!("/?to={to}")).await.location(), mended, "{to}");
    }
}

#[tokio::test]
async fn a_product_below_a_base_path_is_served_there_and_nowhere_else() {
    let upstream = pages().await;
    let settings = Settings { site: "base = \"/webmail/\"".to_owned(), ..Settings::new() };
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let mut client = gateway.client();
    for (path, status) in [
        ("/webmail/", 200),
        ("/webmail/index.php?_task=mail", 200),
        ("/webmail/skins/elastic/a.css", 200),
        ("/webmail", 308),
        ("/", 404),
        ("/index.php", 404),
        ("/webmailx/", 404),
        ("/webmail/../index.php", 404),
        ("/webmail/config/config.inc.php", 404),
    ] {
        upstream.forget();
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            upstream.seen().iter().map(|seen| seen.target.as_str()).collect::<Vec<_>>(),
            if status == 200 { vec![path] } else { vec![] }
        );
        if status == 308 {
            assert_eq!(answer.location(), "/webmail/");
        }
    }
}

#[tokio::test]
async fn a_webmail_that_is_away_hangs_or_talks_nonsense_is_a_page_with_a_reference_code_and_an_event() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("loopback has free ports");
    let mut gateways = vec![("away", Gateway::start(nobody, &Settings::new()).await)];
    let mut upstreams = Vec::new();
    for (what, reply) in [
        ("hangs", Reply::hang()),
        ("nonsense", Reply::raw("\x16\x03\x01 nonsense\r\n\r\n").then_close()),
        ("half a head", Reply::raw("HTTP/1.1 200 OK\r\nContent-Le").then_close()),
        ("a bare close", Reply::close()),
        ("an impossible length", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n").then_close()),
    ] {
        let upstream = Upstream::start(move |_| reply.clone()).await;
        gateways.push((what, Gateway::start(upstream.address(), &listen("upstream_timeout = \"1s\"")).await));
        upstreams.push(upstream);
    }
    for (what, gateway) in gateways {
        for path in ["/?_task=mail", "/skins/elastic/a.css"] {
            let answer = gateway.client().get(path).await;
            assert_eq!(answer.status, 502, "{what} {path}");
            let page = answer.text();
            assert!(page.contains("does not answer"), "{what}: {page}");
            let told = until("it is recorded", 10, async || {
                let events = gateway.events_of("upstream_failed");
                events.into_iter().find(|event| event["reference"].as_str().is_some_and(|code| page.contains(code)))
            })
            .await;
            assert!(told["what"].is_string(), "{what}: {told}");
        }
        let ready = gateway.admin_client().get("/readyz").await;
        assert!(ready.status == 200 || ready.status == 503, "{what}: {}", ready.status);
    }
}

#[tokio::test]
async fn a_get_on_a_dead_kept_connection_is_asked_once_more_and_a_post_never() {
    // The second request on any connection meets a closed door.
    let upstream = Upstream::start(|request| if request.nth == 0 { Reply::raw(OK) } else { Reply::close() }).await;
    let gateway = Gateway::start(upstream.address(), &listen("workers = 1")).await;
    let mut client = gateway.client();
    assert_eq!(client.get("/?1").await.status, 200);
    assert_eq!(client.get("/?2").await.status, 200);
    assert_eq!(upstream.connections(), 2);
    let came: Vec<_> = upstream.seen().iter().map(|seen| (seen.target.clone(), seen.connection)).collect();
    assert_eq!(came, [("/?1".to_owned(), 0), ("/?2".to_owned(), 0), ("/?2".to_owned(), 1)]);

    upstream.forget();
    assert_eq!(client.get("/?3").await.status, 200);
    assert_eq!(client.post("/?4", &[("_task", "mail")]).await.status.as_u16() / 100, 5);
    assert_eq!(upstream.seen().iter().filter(|seen| seen.target == "/?4").count(), 1);
}

#[tokio::test]
async fn a_webmail_that_always_closes_is_asked_twice_for_a_page_and_once_for_a_form() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let upstream = Upstream::start(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Reply::close()
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut client = gateway.client();
    assert_eq!(client.get("/").await.status, 502);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);
    assert_eq!(client.post("/", &[("_task", "mail")]).await.status, 502);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    for framing in ["Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n4\r\n"] {
        let reply = Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{framing}half")).then_close();
        let upstream = Upstream::start(move |_| reply.clone()).await;
        let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
        for client in [gateway.client(), gateway.client().http2()] {
            let get = client.request(Method::GET, "/", bytes::Bytes::new());
            assert!(client.clone().try_send(get).await.is_err(), "a download that is cut is seen to be cut");
            let post = posting(&client, "/", URLENCODED, "_task=mail&_action=list");
            assert_eq!(client.clone().send(post).await.status, 502);
        }
    }
}

#[tokio::test]
async fn an_answer_that_stops_coming_within_is_given_up_where_it_is_read_whole() {
    let upstream = Upstream::start(|_| {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\nhalf").then_hang()
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &listen("upstream_timeout = \"1s\"")).await;
    assert_eq!(gateway.client().post("/", &[("_task", "mail"), ("_action", "list")]).await.status, 502);
}

#[tokio::test]
async fn early_hints_ranges_and_unchanged_files_are_what_they_were() {
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/skins/hints.css" => Reply::raw(format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}")),
        "/skins/part.css" => Reply::status("206 Partial Content", "Content-Range: bytes 0-1/9\r\n", "ok"),
        _ => Reply::raw("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut client = gateway.client();
    client.header("range", "bytes=0-1");
    client.header("if-none-match", "\"a\"");
    for (path, status) in [("/skins/hints.css", 200), ("/skins/part.css", 206), ("/skins/same.css", 304)] {
        assert_eq!(client.get(path).await.status, status, "{path}");
        let seen = upstream.last();
        assert_eq!((seen.header("range"), seen.header("if-none-match")), (Some("bytes=0-1"), Some("\"a\"")));
    }
}

const SOCKET: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n";

async fn with_socket(upgrades: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(|request| {
        if request.header("upgrade").is_none() && !request.target.contains("unasked") {
            return Reply::page("a page");
        }
        Reply::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: b\r\n\r\n")
            .then_echo()
    })
    .await;
    let settings = Settings {
        site: format!("upgrades = \"{upgrades}\""),
        listen: "connections_per_prefix = 2\nidle_timeout = \"1s\"\nheader_timeout = \"1s\"".to_owned(),
        ..Settings::new()
    };
    let gateway = Gateway::start(upstream.address(), &settings).await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_websocket_is_joined_where_the_site_passes_it_and_keeps_its_place_among_the_connections() {
    let (upstream, gateway) = with_socket("pass").await;
    let mut wire = Wire::to(gateway.https()).await;
    wire.write(format!("GET /?socket HTTP/1.1\r\nHost: localhost\r\n{SOCKET}\r\n")).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some("b")), "{}", answer.head);
    assert_eq!(upstream.last().header("sec-websocket-key"), Some("a"));
    for text in ["there", "and back"] {
        wire.write(text).await;
        wire.until(text).await;
    }
    let mut other = Wire::to(gateway.https()).await;
    assert!(Wire::open(gateway.https(), &Hello::default()).await.is_err(), "two are open");
    // Longer than any limit on idle connections, which this is none of.
    other.closed().await;
    wire.write("still there").await;
    wire.until("still there").await;
    drop(wire);
    until("its place is free again", 10, async || {
        let one = Wire::open(gateway.https(), &Hello::default()).await.ok()?;
        let two = Wire::open(gateway.https(), &Hello::default()).await.ok()?;
        Some((one, two))
    })
    .await;
}

#[tokio::test]
async fn no_other_upgrade_and_none_elsewhere_reaches_the_webmail() {
    let (upstream, gateway) = with_socket("pass").await;
    let (_, refusing) = with_socket("refuse").await;
    for (at, request) in [
        (&gateway, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n".to_owned()),
        (&gateway, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n".to_owned()),
        (&gateway, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n".to_owned()),
        (&gateway, format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{SOCKET}\r\n")),
        (&refusing, format!("GET / HTTP/1.1\r\nHost: localhost\r\n{SOCKET}\r\n")),
    ] {
        let mut wire = Wire::to(at.https()).await;
        wire.write(&request).await;
        assert_eq!(wire.answer().await.status, 200, "{request}");
    }
    assert!(upstream.seen().iter().all(|seen| seen.header("upgrade").is_none()));
    let mut wire = Wire::to(gateway.https()).await;
    wire.write("GET /?unasked HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 502);
}
