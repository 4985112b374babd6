//! What is sent.

use super::frames;

/// Scripts that Mailward serves in front of SquirrelMail.
pub const SCRIPTS: &[&str] =
    &["/index.php", "/src/index.php", "/src/compose.php", "/src/login.php", "/src/webmail.php"];

/// Scripts in the same document root that it does not.
pub const HIDDEN: &[&str] = &[
    "/marker.php",
    "/src/configtest.php",
    "/src/marker.php",
    "/config/config.php",
    "/data/x.php",
    "/images/marker.php",
    "/plugins/x/shell.php",
    "/src/login.php.bak.php",
];

/// One connection's worth of bytes.
pub struct Attempt {
    /// Stands in its requests.
    pub number: usize,
    /// As they are written.
    pub bytes: Vec<u8>,
    /// The first request runs, with a body of so many bytes.
    pub length: Option<usize>,
    /// Nothing of the first request may run.
    pub refused: bool,
    /// Frames of HTTP/2.
    pub http2: bool,
}

impl Attempt {
    /// For whoever reads a failure.
    pub fn shown(&self) -> String {
        format!("{} {}", self.number, self.bytes.escape_ascii())
    }
}

/// What may come of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Refused,
    Runs(usize),
    /// Either, as long as both see the same.
    Either,
}
use Fate::{Either, Refused, Runs};

/// The request within the request.
const SMUGGLED: &str = "GET /marker.php?smuggled HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n";

/// All attempts, in a fixed order.
pub fn attempts() -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut add = |fate: Fate, http2: bool, bytes: &dyn Fn(usize) -> Vec<u8>| {
        let number = attempts.len();
        let length = match fate {
            Runs(length) => Some(length),
            Refused | Either => None,
        };
        attempts.push(Attempt { number, bytes: bytes(number), length, refused: fate == Refused, http2 });
    };
    for &(fate, headers, body) in FRAMING {
        add(fate, false, &|number| {
            let body = body.replace("SMUGGLED", SMUGGLED).replace("LENGTH", &format!("{:x}", SMUGGLED.len()));
            let length = body.len().to_string();
            let headers = headers.replace("ALL", &length);
            format!(
                "POST /src/compose.php?attempt={number}. HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Type: text/plain\r\n{headers}\r\n{body}{}",
                behind(number)
            )
            .into_bytes()
        });
    }
    for &(fate, raw) in WHOLE {
        add(fate, false, &|number| {
            raw.replace("SMUGGLED", SMUGGLED).replace("?N", &format!("?attempt={number}.")).into_bytes()
        });
    }
    for &(fate, path) in PATHS {
        for host in ["", "http://localhost", "https://localhost"] {
            add(fate, false, &|number| {
                let query = if path.contains('?') { "&" } else { "?" };
                format!(
                    "GET {host}{path}{query}attempt={number}. HTTP/1.1\r\nHost: localhost\r\n\r\n{}",
                    behind(number)
                )
                .into_bytes()
            });
        }
        add(fate, true, &|number| {
            let query = if path.contains('?') { "&" } else { "?" };
            let path = format!("{path}{query}attempt={number}.");
            frames::request(
                &[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", &path)],
                "",
            )
        });
    }
    for &(fate, path, headers, body) in INJECTED {
        add(fate, true, &|number| {
            let path = path.replace("?N", &format!("?attempt={number}.")).replace("SMUGGLED", SMUGGLED);
            let method = if body.is_empty() { "GET" } else { "POST" };
            let mut all =
                vec![(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path.as_str())];
            let headers: Vec<(&str, String)> =
                headers.iter().map(|(name, value)| (*name, value.replace("SMUGGLED", SMUGGLED))).collect();
            for (name, value) in &headers {
                all.retain(|(pseudo, _)| pseudo != name);
                all.push((name, value));
            }
            // Pseudo headers come first.
            all.sort_by_key(|(name, _)| !name.starts_with(':'));
            frames::request(&all, &body.replace("SMUGGLED", SMUGGLED))
        });
    }
    attempts
}

/// A plain request that comes behind, and ends the connection.
fn behind(number: usize) -> String {
    format!("GET /src/login.php?behind={number}. HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// Headers about the body, and the body. `ALL` is its length, `LENGTH` that of the hidden request in hexadecimal.
const FRAMING: &[(Fate, &str, &str)] = &[
    // What is right.
    (Runs(5), "Content-Length: 5\r\n", "hello"),
    (Runs(5), "Content-Length: 0005\r\n", "hello"),
    (Runs(5), "Content-Length: 5 \r\n", "hello"),
    (Runs(5), "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    (Runs(5), "TRANSFER-ENCODING: CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    (Runs(5), "Transfer-Encoding:\tchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    (Runs(5), "Transfer-Encoding: chunked\r\n", "005;a=b\r\nhello\r\n0\r\n\r\n"),
    (Runs(5), "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX-Smuggled: 1\r\n\r\n"),
    (Runs(SMUGGLED.len()), "Content-Length: ALL\r\n", "SMUGGLED"),
    (Runs(SMUGGLED.len()), "Transfer-Encoding: chunked\r\n", "LENGTH\r\nSMUGGLED\r\n0\r\n\r\n"),
    (Runs(5), "Content-Length: 5\r\nConnection: Content-Length\r\n", "hello"),
    (Runs(5), "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    // Both lengths.
    (Either, "Content-Length: ALL\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "LENGTH\r\nSMUGGLED\r\n0\r\n\r\n"),
    (Either, "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "LENGTH\r\nSMUGGLED\r\n0\r\n\r\n"),
    (Either, "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "LENGTH\r\nSMUGGLED\r\n0\r\n\r\n"),
    // Two of one.
    (Refused, "Content-Length: 5\r\nContent-Length: ALL\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length: ALL\r\nContent-Length: 0\r\n", "SMUGGLED"),
    (Refused, "Content-Length: 0, ALL\r\n", "SMUGGLED"),
    (Either, "Content-Length: 5, 5\r\n", "helloSMUGGLED"),
    (Either, "Content-Length: 5\r\nContent-Length: 5\r\n", "helloSMUGGLED"),
    // Lengths that are none.
    (Refused, "Content-Length: +ALL\r\n", "SMUGGLED"),
    (Refused, "Content-Length: -1\r\n", "SMUGGLED"),
    (Refused, "Content-Length: 0x5\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length: 5;x\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length: 5 5\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length: 1e1\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length: \"5\"\r\n", "helloSMUGGLED"),
    (Either, "Content-Length: \r\n", "SMUGGLED"),
    (Refused, "Content-Length: 18446744073709551621\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length: 99999999999999999999999\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length : 5\r\n", "helloSMUGGLED"),
    (Either, "Content_Length: ALL\r\n", "SMUGGLED"),
    (Either, "Content-Length: 0\r\nContent_Length: ALL\r\n", "SMUGGLED"),
    (Refused, "Content-Length: 5\r\n 0\r\n", "helloSMUGGLED"),
    (Refused, "Content-Length:\r\n 5\r\n", "helloSMUGGLED"),
    // Encodings that are none, or hidden.
    (Refused, "Transfer-Encoding: xchunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked, identity\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: identity\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: \"chunked\"\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked;q=1\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\0\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: \x0bchunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: ch\r\n unked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding:\r\n chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding : chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding\r\n : chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, " Transfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "X: y\r\n\tTransfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "X: y\rTransfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "X: y\0Transfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "Transfer_Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Either, "X-Transfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (
        Refused,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: ALL\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (Either, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: \r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Trans\u{212a}fer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, "Tr\u{e4}nsfer-Encoding: chunked\r\nContent-Length: ALL\r\n", "0\r\n\r\nSMUGGLED"),
    (Refused, ": x\r\nContent-Length: ALL\r\n", "SMUGGLED"),
    (Refused, "no colon\r\nContent-Length: ALL\r\n", "SMUGGLED"),
    // Chunks that are none.
    (Refused, "Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "g\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "5\r\nhelloSMUGGLED\r\n0\r\n\r\n"),
    (Refused, "Transfer-Encoding: chunked\r\n", "5\r\nhelloXX0\r\n\r\nSMUGGLED"),
    (Refused, "Transfer-Encoding: chunked\r\n", "5\r\nhel"),
    (Either, "Transfer-Encoding: chunked\r\n", "5\nhello\n0\n\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked\r\n", "5\rhello\r\n0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked\r\n", "5;\nSMUGGLED\r\nhello\r\n0\r\n\r\n"),
    (Either, "Transfer-Encoding: chunked\r\n", "5;a=\"\r\nhello\r\n0\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked\r\n", "0\r\nSMUGGLED\r\n\r\n"),
    (Either, "Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 500\r\nHost: elsewhere.example\r\n\r\nSMUGGLED"),
    (Either, "Transfer-Encoding: chunked\r\n", "0;SMUGGLED\r\n\r\n"),
    (Either, "Transfer-Encoding: chunked\r\n", "0\r\n\r\nSMUGGLED"),
    // More than the length says, and less.
    (Runs(0), "Content-Length: 0\r\n", "SMUGGLED"),
    (Either, "", "SMUGGLED"),
    (Runs(5), "Content-Length: 5\r\n", "helloSMUGGLED"),
    // Words that change what a connection is.
    (
        Either,
        "Content-Length: ALL\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "SMUGGLED",
    ),
    (Either, "Content-Length: ALL\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "SMUGGLED"),
    (Either, "Content-Length: ALL\r\nExpect: 100-continue\r\n", "SMUGGLED"),
    (Either, "Content-Length: ALL\r\nExpect: 100-continue, x\r\n", "SMUGGLED"),
    (Either, "Content-Length: ALL\r\nX-HTTP-Method-Override: GET\r\n", "SMUGGLED"),
    (Either, "Content-Length: ALL\r\nContent-Encoding: identity\r\n", "SMUGGLED"),
    (Refused, "Content-Length: ALL\r\nContent-Encoding: gzip\r\n", "SMUGGLED"),
    (
        Either,
        "Content-Length: ALL\r\nX-Original-URL: /marker.php?smuggled\r\nX-Rewrite-URL: /marker.php?smuggled\r\n",
        "SMUGGLED",
    ),
    (Either, "Content-Length: ALL\r\nKeep-Alive: timeout=1\r\nProxy-Connection: keep-alive\r\n", "SMUGGLED"),
];

/// Whole connections. `?N` marks the request.
const WHOLE: &[(Fate, &str)] = &[
    (Either, "GET /src/login.php?N HTTP/1.0\r\nHost: localhost\r\n\r\nSMUGGLED"),
    (
        Either,
        "POST /src/login.php?N HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    (Either, "GET /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70\r\n\r\nSMUGGLED"),
    (
        Either,
        "GET /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        Either,
        "HEAD /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    ),
    (Refused, "GET /src/login.php?N\r\n\r\n"),
    (Refused, "GET /src/login.php?N HTTP/0.9\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET /src/login.php?N HTTP/1.2\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET /src/login.php?N HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET /src/login.php?N HTTP/1.1 x\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET /src/login.php?N SMUGGLED"),
    (Refused, "GET  /src/login.php?N HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET\t/src/login.php?N HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET /src/login.php?N\tHTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (Refused, "GET /marker.php /src/login.php?N HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (Refused, " GET /src/login.php?N HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (Either, "\r\n\r\nGET /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Either, "GET /src/login.php?N HTTP/1.1\nHost: localhost\nConnection: close\n\nSMUGGLED"),
    (Refused, "GET /src/login.php?N HTTP/1.1\rHost: localhost\r\r"),
    (
        Refused,
        "PUT /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    ),
    (Refused, "TRACE /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Refused, "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\nSMUGGLED"),
    (Refused, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Refused, "GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Refused, "GET src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Refused, "GET @localhost/marker.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (
        Refused,
        "GET /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n",
    ),
    (
        Refused,
        "GET /src/login.php?N HTTP/1.1\r\nHost: elsewhere.example\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        Refused,
        "GET /src/login.php?N HTTP/1.1\r\n Host: elsewhere.example\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (Refused, "GET http://elsewhere.example/src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (
        Refused,
        "GET http://localhost@elsewhere.example/src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (Refused, "GET //elsewhere.example/src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Either, "get /src/login.php?N HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    (Either, "GET /src/login.php?N#/../../marker.php HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
];

/// Paths, each also in absolute form and over HTTP/2.
const PATHS: &[(Fate, &str)] = &[
    (Runs(0), "/src/login.php"),
    (Runs(0), "//src//login.php"),
    (Runs(0), "/src/./login.php"),
    (Runs(0), "/src/../src/login.php"),
    (Runs(0), "/%73rc/login.php"),
    (Runs(0), "/src/login%2ephp"),
    (Runs(0), "/src/login.php/marker.php"),
    (Runs(0), "/images/../src/login.php"),
    (Runs(0), "/src/%2e%2e/src/login.php"),
    (Runs(0), "/src/login.php?/../../marker.php"),
    (Runs(0), "/src/login.php?x=http://localhost/marker.php"),
    (Refused, "/marker.php"),
    (Refused, "//marker.php"),
    (Refused, "/./marker.php"),
    (Refused, "/%6darker.php"),
    (Refused, "/marker%2ephp"),
    (Refused, "/marker.php/"),
    (Refused, "/marker.php/x.png"),
    (Refused, "/marker.php/src/login.php"),
    (Refused, "/marker.php%20"),
    (Refused, "/marker.php%0a"),
    (Refused, "/marker.php%00.png"),
    (Refused, "/marker.php;x.png"),
    (Refused, "/marker.php;/src/login.php"),
    (Refused, "/src/..;/marker.php"),
    (Refused, "/src/login.php/../../marker.php"),
    (Refused, "/src/login.php/..%2f..%2fmarker.php"),
    (Refused, "/src/login.php/%2e%2e/%2e%2e/marker.php"),
    (Refused, "/src/%2e%2e/marker.php"),
    (Refused, "/src/%2e./marker.php"),
    (Refused, "/src%2f..%2fmarker.php"),
    (Refused, "/src%2flogin.php"),
    (Refused, "/src/%2flogin.php"),
    (Refused, "/src\\..\\marker.php"),
    (Refused, "/src/..\\marker.php"),
    (Refused, "/src/%5c..%5cmarker.php"),
    (Refused, "/%252e%252e/marker.php"),
    (Refused, "/../marker.php"),
    (Refused, "/../../marker.php"),
    (Refused, "/images/marker.php"),
    (Refused, "/images/marker.php/x.png"),
    (Refused, "/images/x.png/../marker.php"),
    (Refused, "/images/x.png/../../marker.php"),
    (Refused, "/images/%2e%2e/marker.php"),
    (Refused, "/src/marker.php"),
    (Refused, "/src/configtest.php"),
    (Refused, "/src/login.php.bak.php"),
    (Refused, "/src/login.php%00"),
    (Refused, "/config/config.php"),
    (Refused, "/data/x.php"),
    (Refused, "/plugins/x/shell.php"),
    (Refused, "/plugins/../config/config.php"),
    (Refused, "/%"),
    (Refused, "/%zz/marker.php"),
    (Refused, "/src/login.php%2fx"),
    (Refused, "/%c0%af/marker.php"),
    (Refused, "/src/%c0%ae%c0%ae/marker.php"),
    (Refused, "/src/%u002e%u002e/marker.php"),
    (Either, "/SRC/LOGIN.PHP"),
    (Either, "/src/login.PHP"),
    (Either, "/src/login.php/x%0d%0aX-Smuggled:%201"),
    (Either, "/images/x.png"),
    (Either, "/images/x.png/login.php"),
    (Either, "/src/"),
];

/// What HTTP/2 could carry into HTTP/1.1: path, headers, body.
type Injected = (Fate, &'static str, &'static [(&'static str, &'static str)], &'static str);
const INJECTED: &[Injected] = &[
    (Runs(0), "/src/login.php?N", &[("x-plain", "1")], ""),
    (Runs(5), "/src/login.php?N", &[("content-length", "5")], "hello"),
    (Runs(5), "/src/login.php?N", &[], "hello"),
    (Refused, "/src/login.php?N", &[("x", "y\r\nX-Smuggled: 1")], ""),
    (Refused, "/src/login.php?N", &[("x", "y\nX-Smuggled: 1")], ""),
    (Refused, "/src/login.php?N", &[("x", "y\r\n\r\nSMUGGLED")], ""),
    (Refused, "/src/login.php?N", &[("x\r\nX-Smuggled", "1")], ""),
    (Refused, "/src/login.php?N", &[("x: y\r\nX-Smuggled: 1\r\nz", "1")], ""),
    (Refused, "/src/login.php?N", &[("x y", "1")], ""),
    (Refused, "/src/login.php?N", &[("X-Upper", "1")], ""),
    (Refused, "/src/login.php?N", &[("x", "a\0b")], ""),
    (Refused, "/src/login.php?N HTTP/1.1\r\nX-Smuggled: 1\r\nX: y", &[], ""),
    (Refused, "/src/login.php?N HTTP/1.1\r\n\r\nSMUGGLED", &[], ""),
    (Refused, "/src/login.php?N HTTP/1.1", &[], ""),
    (Refused, "src/login.php?N", &[], ""),
    (Refused, "", &[], ""),
    (
        Refused,
        "/src/login.php?N",
        &[(":method", "GET /marker.php?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\nGET")],
        "",
    ),
    (Refused, "/src/login.php?N", &[(":authority", "localhost\r\nX-Smuggled: 1")], ""),
    (Refused, "/src/login.php?N", &[(":authority", "elsewhere.example")], ""),
    (Refused, "/src/login.php?N", &[("host", "elsewhere.example")], ""),
    (Either, "/src/login.php?N", &[(":scheme", "http")], ""),
    (Refused, "/src/login.php?N", &[(":scheme", "http://elsewhere.example/?")], ""),
    (Refused, "/src/login.php?N", &[(":unknown", "1")], ""),
    (Refused, "/src/login.php?N", &[("transfer-encoding", "chunked")], "0\r\n\r\nSMUGGLED"),
    (Refused, "/src/login.php?N", &[("connection", "keep-alive")], "0\r\n\r\nSMUGGLED"),
    (Refused, "/src/login.php?N", &[("content-length", "0")], "SMUGGLED"),
    (Refused, "/src/login.php?N", &[("content-length", "500")], "SMUGGLED"),
    (Refused, "/src/login.php?N", &[("content-length", "5x")], "hello"),
    (Refused, "/src/login.php?N", &[("content-length", "-5")], "hello"),
    (Either, "/src/login.php?N", &[("te", "trailers")], ""),
    (Refused, "/src/login.php?N", &[("te", "chunked")], "0\r\n\r\nSMUGGLED"),
    (Refused, "/src/login.php?N", &[("upgrade", "h2c")], ""),
    (
        Either,
        "/src/login.php?N",
        &[("x-original-url", "/marker.php?smuggled"), ("x-rewrite-url", "/marker.php?smuggled")],
        "",
    ),
    (Either, "/src/login.php?N", &[("transfer_encoding", "chunked"), ("content_length", "0")], "SMUGGLED"),
];
