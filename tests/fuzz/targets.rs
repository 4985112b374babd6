//! What is fuzzed: whatever reads bytes that strangers write. Each takes any bytes, and panics where a promise breaks.
//!
//! The same file is compiled into the tests, which replay the corpus and what is near it (`tests/it/fuzz.rs`), and into
//! the fuzzers of the long run (`tests/fuzz/Cargo.toml`, `tests/run --long fuzz`).
//!
//! To add one: a function, a line in [`TARGETS`], a folder with an example in `tests/fuzz/corpus`.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use mailward::domain::{Composed, KeyRing, Said, Secret, Timestamp};
use mailward::doors::postfix::Question;
use mailward::policy::campaign::{Message, PLACES, Sketcher};
use mailward::scan::{self, Content, Envelope};
use mailward::webmail::php::{Cookies, Fields, Form, FormReader};
use mailward::webmail::{self, Answer, Asked, Reading, Shape, Webmail};

/// A name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub static TARGETS: &[Target] = &[
    ("form", form),
    ("multipart", multipart),
    ("query_and_cookies", query_and_cookies),
    ("classify", classify),
    ("serialized", serialized),
    ("answer", answer),
    ("recipients", recipients),
    ("proxy_header", proxy_header),
    ("path", path),
    ("policy", policy),
    ("configuration", configuration),
    ("access_log", access_log),
    ("sketch", sketch),
    ("rspamd", rspamd),
    ("spamd", spamd),
    ("clamd", clamd),
];

const MAX_INPUT_VARS: usize = 100;

fn read(content_type: &str, body: &[u8], pieces: usize) -> Option<Result<Form, webmail::Unnatural>> {
    let content_type = HeaderValue::from_str(content_type).ok()?;
    let mut reader = FormReader::new(Some(&content_type), MAX_INPUT_VARS, |_: &[u8]| true)?;
    for piece in body.chunks(pieces.max(1)) {
        reader.push(piece);
    }
    Some(reader.finish())
}

/// However it is cut, a body is the same form.
fn cut_anywhere(content_type: &str, body: &[u8]) {
    let whole = read(content_type, body, usize::MAX);
    for pieces in [1, 7, 1_000] {
        assert!(whole == read(content_type, body, pieces), "a form depends on how it comes in");
    }
    let header = HeaderValue::from_str(content_type).ok();
    let kept = Form::read_whole(header.as_ref(), body, MAX_INPUT_VARS);
    if let (Some(Ok(read)), Some(kept)) = (&whole, &kept) {
        for (name, text) in read.fields().iter() {
            assert!(text == kept.fields().text(name), "a form read whole is another");
        }
    }
}

fn form(bytes: &[u8]) {
    cut_anywhere("application/x-www-form-urlencoded", bytes);
}

fn multipart(bytes: &[u8]) {
    cut_anywhere("multipart/form-data; boundary=B", bytes);
    // The type itself is the client's word too.
    let (kind, body) = bytes.split_at(bytes.iter().position(|&byte| byte == b'\n').unwrap_or(0));
    if let Ok(kind) = std::str::from_utf8(kind) {
        cut_anywhere(kind, body);
    }
}

fn query_and_cookies(bytes: &[u8]) {
    let fields = Fields::from_query(bytes, MAX_INPUT_VARS);
    assert!(fields.count() <= MAX_INPUT_VARS);
    for (name, text) in fields.iter() {
        assert!(text.is_some() || fields.is_array(name));
        assert!(fields.times_sent(name) > 0);
    }
    let cookies = Cookies::read(bytes.split(|&byte| byte == b'\n'));
    let Some(header) = cookies.header(&["mailward"]) else { return };
    // What is written anew is read as it was.
    let again = Cookies::read([header.as_bytes()].into_iter());
    assert!(again.header(&["mailward"]) == Some(header), "cookies change when they are written anew");
}

fn adapters(bytes: &[u8]) -> (&'static dyn Webmail, &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    (webmail::ALL[usize::from(*first) % webmail::ALL.len()], rest)
}

/// Path, query, cookies, type and body, a line each.
fn classify(bytes: &[u8]) {
    let (webmail, bytes) = adapters(bytes);
    let mut parts = bytes.splitn(5, |&byte| byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (path, query, cookie, kind, body) = (part(), part(), part(), part(), part());
    let path = String::from_utf8_lossy(path).into_owned();
    let content_type = HeaderValue::from_bytes(kind).ok();
    let keep = webmail::keeps(webmail, webmail.session_cookie());
    let form = match FormReader::new(content_type.as_ref(), MAX_INPUT_VARS, keep) {
        Some(mut reader) => {
            reader.push(body);
            let Ok(form) = reader.finish() else { return };
            Some(form)
        }
        None => None,
    };
    let _ = webmail.place(&path, &[]);
    let reading = Reading {
        method: if form.is_some() { &Method::POST } else { &Method::GET },
        path: &path,
        query: &Fields::from_query(query, MAX_INPUT_VARS),
        cookies: &Cookies::read([cookie].into_iter()),
        form: form.as_ref(),
        headers: &HeaderMap::new(),
        session_cookie: webmail.session_cookie(),
    };
    let _ = webmail.shape(&reading);
    let asked = webmail.classify(&reading);
    let again = webmail.classify(&reading);
    assert!(asked == again, "a request is two things");
    let every: Vec<&'static str> = webmail.holes().iter().map(|hole| hole.rule).collect();
    assert!(webmail.close_holes(&reading, &every).is_ok(), "a rule that is open refuses");
    let _ = webmail.close_holes(&reading, &[]);
}

/// A serialised value, as SquirrelMail's compose page gets it.
fn serialized(bytes: &[u8]) {
    let webmail = &webmail::squirrelmail::SquirrelMail;
    let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let query = Fields::from_query(format!("mailtodata={encoded}").as_bytes(), MAX_INPUT_VARS);
    let reading = Reading {
        method: &Method::GET,
        path: "/src/compose.php",
        query: &query,
        cookies: &Cookies::default(),
        form: None,
        headers: &HeaderMap::new(),
        session_cookie: webmail.session_cookie(),
    };
    let plain = bytes.windows(3).all(|three| !(b"OC".contains(&three[0]) && three[1..] == *b":1"));
    assert!(webmail.close_holes(&reading, &[]).is_err() || plain || bytes.contains(&b's'), "an object passes");
}

/// Status, headers and body of an answer.
fn answer(bytes: &[u8]) {
    let (webmail, bytes) = adapters(bytes);
    let mut lines = bytes.splitn(6, |&byte| byte == b'\n');
    let status = lines.next().and_then(|status| StatusCode::from_bytes(status).ok()).unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    let mut body = &b""[..];
    for line in lines {
        match line.iter().position(|&byte| byte == b':').map(|at| line.split_at(at)) {
            Some((name, value)) => {
                let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(&value[1..]));
                if let (Ok(name), Ok(value)) = (name, value) {
                    headers.append(name, value);
                }
            }
            None => body = line,
        }
    }
    let answer = Answer { status, headers: &headers, body: Some(body) };
    for action in [mailward::domain::Action::View, mailward::domain::Action::Poll] {
        let _ = webmail.outcome(&Asked::new(action, Shape::Page), &answer);
    }
    let _ = webmail.new_session_cookie(&answer, webmail.session_cookie());
    let page = String::from_utf8_lossy(body);
    let _ = webmail.version(&page);
}

/// Lists of recipients: as many as there are, and never so many that they could not stand there.
fn recipients(bytes: &[u8]) {
    let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    for (webmail, path, body) in [
        (webmail::ALL[0], "/", format!("_task=mail&_action=send&_to={encoded}")),
        (webmail::ALL[1], "/src/compose.php", format!("send=x&send_to={encoded}")),
    ] {
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let keep = webmail::keeps(webmail, webmail.session_cookie());
        let mut reader = FormReader::new(Some(&content_type), MAX_INPUT_VARS, keep).expect("PHP reads the type");
        reader.push(body.as_bytes());
        let Ok(form) = reader.finish() else { return };
        let reading = Reading {
            method: &Method::POST,
            path,
            query: &Fields::default(),
            cookies: &Cookies::default(),
            form: Some(&form),
            headers: &HeaderMap::new(),
            session_cookie: webmail.session_cookie(),
        };
        if let Ok(Asked { action: mailward::domain::Action::Send(sending), .. }) = webmail.classify(&reading) {
            // A name without an `@` may be a group, and counts as several.
            assert!(sending.recipients >= 1 && sending.recipients as usize <= 16 * (bytes.len() + 1));
        }
    }
}

/// What Postfix asks.
fn policy(bytes: &[u8]) {
    let Ok(question) = Question::parse(bytes) else { return };
    assert!(question.recipients > 0, "a message to nobody counts for nothing");
    assert!(question.address == question.address.to_canonical(), "an address has two forms");
}

fn proxy_header(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of its own");
    let mut stream = bytes;
    let read = runtime.block_on(mailward::edge::proxy_header::read(&mut stream));
    let taken = bytes.len() - stream.len();
    assert!(
        read.is_err() || bytes[..taken].ends_with(b"\r\n") || taken >= 16,
        "it reads a header and nothing behind it"
    );
}

/// A path is read once and for all: what is forwarded reads the same.
fn path(bytes: &[u8]) {
    let Ok(raw) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = mailward::gateway::path::read(raw) else { return };
    let forwarded = read.rewritten.as_deref().unwrap_or(raw);
    let again = mailward::gateway::path::read(forwarded).expect("what is forwarded is a path");
    assert!(again.decoded == read.decoded && again.rewritten.is_none(), "a path changes when it is read again");
    assert!(!read.decoded.contains("//") && !read.decoded.split('/').any(|part| matches!(part, "." | "..")));
    for webmail in webmail::ALL {
        let _ = webmail.place(&read.decoded, &[]);
    }
}

/// A configuration is good, or says where it is not.
fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let now = Timestamp::from_millis(1_772_352_729_000);
    // Names of files in it would be looked for.
    if text.contains('/') {
        return;
    }
    if let Err(mistakes) = mailward::config::parse(&text, "mailward.toml", std::path::Path::new(""), now) {
        assert!(!mistakes.to_string().is_empty());
    }
}

fn access_log(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.splitn(3, ' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    for webmail in webmail::ALL {
        for status in [200, 302, 401] {
            let _ = webmail.logged_sign_in(method, target, status);
        }
    }
}

/// What a message has that others may share is bounded, and the same for the same message; the first byte says whether it is
/// HTML, and how many it goes to.
fn sketch(input: &[u8]) {
    static KNOWN: LazyLock<(KeyRing, Sketcher)> = LazyLock::new(|| {
        let keys = KeyRing::new(&[Secret::new([7; 32])]);
        let sketcher = Sketcher::new(&keys);
        (keys, sketcher)
    });
    let (keys, sketcher) = &*KNOWN;
    let first = input.first().copied().unwrap_or(0);
    let text = String::from_utf8_lossy(input).into_owned();
    let composed =
        Composed { to: text.clone(), reply_to: text.clone(), text, is_html: first == b'<', ..Composed::default() };
    let message = Message {
        composed: &composed,
        recipients: u32::from(first),
        files: &[[1; 32]],
        own_domains: &[],
        site: "a.example",
    };
    let features = sketcher.features(keys, &message);
    assert!((1..=7).contains(&features.len()), "{}", features.len());
    for feature in &features {
        assert!(!feature.traces.is_empty() && [0, PLACES].contains(&feature.sketch.len()));
        assert!(feature.is_like(feature));
    }
    assert_eq!(features, sketcher.features(keys, &message));
}

/// What a scanner's answer is taken for, or that it is taken for none.
fn scanned(scanner: &str, answer: Vec<u8>) -> Option<Said> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of its own");
    let connection = tokio::io::join(std::io::Cursor::new(answer), tokio::io::sink());
    let mut content = Content::whole(Bytes::from_static(b"Subject: a message\r\n\r\n"), 1_000);
    let scanner = scan::by_id(scanner).expect("it is one of them");
    runtime.block_on(scanner.ask(Box::new(connection), &Envelope::default(), &mut content)).ok()
}

/// A whole answer, and the same as the body of a good one.
fn rspamd(bytes: &[u8]) {
    let _ = scanned("rspamd", bytes.to_vec());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
    let Some(said) = scanned("rspamd", [head.as_bytes(), bytes].concat()) else { return };
    // What nobody asks about may be no JSON at all.
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let refuses = matches!(json["action"].as_str().expect("it names an action"), "reject" | "discard" | "quarantine");
    assert!(!refuses || matches!(said, Said::Spam(_)), "what is refused passes");
    score_is_a_number(&said);
}

fn spamd(bytes: &[u8]) {
    let Some(said) = scanned("spamassassin", bytes.to_vec()) else { return };
    assert!(bytes.trim_ascii_start().starts_with(b"SPAMD/"), "anything is an answer");
    let has = |word: &[u8]| bytes.windows(word.len()).any(|piece| piece == word);
    assert!(said != Said::Clean || has(b"False") || has(b"No"), "what is not called clean passes");
    score_is_a_number(&said);
}

fn clamd(bytes: &[u8]) {
    let said = scanned("clamav", bytes.to_vec());
    let has = |word: &[u8]| bytes.windows(word.len()).any(|piece| piece == word);
    assert!(said != Some(Said::Clean) || bytes.starts_with(b"stream: OK"), "what is not called clean passes");
    assert!(said != Some(Said::Virus) || has(b" FOUND"), "what is not called a virus is one");
}

fn score_is_a_number(said: &Said) {
    if let Said::Spam(score) | Said::Likely(score) = said {
        assert!(score.points.is_finite() && score.of.is_finite(), "a score is no number");
    }
}
