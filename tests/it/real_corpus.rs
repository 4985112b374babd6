//! Spam and honest mail through a compose form and Mailward to the real scanners, beside the same messages given to them by
//! their own clients: nothing is lost on the way.
//!
//! `MAILWARD_CORPUS` names the messages and `MAILWARD_CORPUS_REPORT` a file for the table, which is how
//! `tests/run --long corpus` makes `docs/corpus.md`. Without them there are two of our own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use serde::Deserialize;

use crate::real_scanners::{at_roundcube, number};
use crate::stack::scanners::{Scanners, TouchyScanners, gtube};
use crate::stack::{Gateway, Message, Person, Settings, Stack};

/// A message, as `tests/corpus/parts.py` takes it apart.
#[derive(Deserialize)]
struct Sample {
    spam: bool,
    subject: String,
    text: String,
    is_html: bool,
    files: Vec<SampleFile>,
    built: String,
    original: String,
}

#[derive(Deserialize)]
struct SampleFile {
    name: String,
    content: String,
}

/// What a scanner makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    Marked,
    Refused,
}

/// What a way of asking found in each message.
struct Way<'a> {
    name: &'a str,
    found: Vec<Found>,
}

impl Way<'_> {
    fn count(&self, samples: &[Sample], spam: bool, found: Found) -> usize {
        samples.iter().zip(&self.found).filter(|(sample, of)| sample.spam == spam && **of == found).count()
    }

    /// `line` names the scanner and its lines; `first` is the way that this one is compared with.
    fn row(&self, line: &str, samples: &[Sample], first: &Self) -> String {
        let [spam, ham] = [true, false].map(|spam| {
            let [nothing, marked, refused] =
                [Found::Nothing, Found::Marked, Found::Refused].map(|found| self.count(samples, spam, found));
            let all = (nothing + marked + refused).max(1);
            let (part, of_all) = if spam { (marked + refused, "found") } else { (nothing, "passed") };
            format!("{refused} refused, {marked} marked: {} % {of_all}", 100 * part / all)
        });
        let alike = self.found.iter().zip(&first.found).filter(|(one, other)| one == other).count();
        format!("| {line} | {} | {spam} | {ham} | {alike} of {} |\n", self.name, samples.len())
    }
}

fn samples() -> Vec<Sample> {
    if let Some(path) = std::env::var_os("MAILWARD_CORPUS") {
        let text = std::fs::read_to_string(path).expect("a corpus");
        return text.lines().map(|line| serde_json::from_str(line).expect("a message")).collect();
    }
    let own = |spam: bool, text: String| {
        let built = BASE64.encode(
            format!(
                "From: @FROM@\r\nTo: @TO@\r\nSubject: Timetable\r\nDate: Thu, 26 Nov 2026 16:30:49 +0000\r\n\
                 Message-ID: <0707@mail.campus.example>\r\nMIME-Version: 1.0\r\n\
                 Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
            )
            .as_bytes(),
        );
        let (subject, original) = ("Timetable".to_owned(), built.clone());
        Sample { spam, subject, text, is_html: false, files: Vec::new(), built, original }
    };
    vec![own(true, gtube()), own(false, "See you at nine.".to_owned())]
}

/// What a client of the scanner's own prints when it is given a message.
fn printed(program: &str, arguments: &[&str], message: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/prepare installs it"));
    let mut input = child.stdin.take().expect("it was piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(message).expect("it reads"));
        child.wait_with_output().expect("it ends")
    });
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn by_rspamc(address: SocketAddr, message: &[u8]) -> Found {
    let address = address.to_string();
    let text = printed("rspamc", &["--json", "-h", &address], message);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    match answer["action"].as_str().unwrap_or_else(|| panic!("no action: {text}")) {
        "reject" => Found::Refused,
        "add header" | "rewrite subject" => Found::Marked,
        _ => Found::Nothing,
    }
}

fn by_spamc(address: SocketAddr, message: &[u8]) -> Found {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let text = printed("spamc", &["-c", "-d", &host, "-p", &port], message);
    let (points, of) = text.trim().split_once('/').unwrap_or_else(|| panic!("no score: {text}"));
    let (points, of): (f64, f64) = (points.parse().expect("a number"), of.parse().expect("a number"));
    match points / of {
        share if share >= 3.0 => Found::Refused,
        share if share >= 1.0 => Found::Marked,
        _ => Found::Nothing,
    }
}

/// A message of the corpus, between two people of the stack where it was built for them.
fn content(encoded: &str, from: &Person, to: &Person) -> Vec<u8> {
    let content = BASE64.decode(encoded.as_bytes()).expect("base64");
    let replaced = |content: Vec<u8>, mark: &[u8], address: String| {
        let place = content.windows(mark.len()).position(|window| window == mark);
        match place {
            Some(place) => [&content[..place], address.as_bytes(), &content[place + mark.len()..]].concat(),
            None => content,
        }
    };
    replaced(replaced(content, b"@FROM@", from.address()), b"@TO@", to.address())
}

/// Sends all of them through Mailward with these scanners. Of each: what the scanners said, and whether it left.
async fn through_mailward(stack: &Stack, samples: &[Sample], tables: &str) -> Vec<(Found, bool)> {
    let sections = format!("[networks]\ncampus = [\"127.0.0.0/8\"]\n{tables}");
    let gateway = Gateway::start(stack.web(), &Settings::sections(&sections).unguarded()).await;
    let reader = stack.account();
    let mut results = Vec::new();
    let mut writer = None;
    for sample in samples {
        // Whose session reads only is followed by somebody else; so many messages are below every limit.
        let (mut at, sent) = match writer.take() {
            Some((at, sent)) if sent < 20 => (at, sent),
            _ => (at_roundcube(&gateway, &stack.account()).await, 0),
        };
        let before = said(&gateway).await;
        let compose = at.compose("").await;
        let mut files = Vec::new();
        for file in &sample.files {
            let content = BASE64.decode(file.content.as_bytes()).expect("base64");
            files.push(number(&at.upload(&compose, &file.name, &content).await));
        }
        let (to, attachments) = (reader.address(), files.join(","));
        let Sample { subject, text: body, is_html, .. } = sample;
        let message =
            Message { to: &to, subject, body, is_html: *is_html, attachments: &attachments, ..Message::default() };
        let answer = at.send_from(&compose, &message).await;
        let is_sent = answer.says_sent();
        let after = said(&gateway).await;
        let found = if after[1] > before[1] {
            Found::Refused
        } else if after[0] > before[0] {
            Found::Marked
        } else {
            Found::Nothing
        };
        assert!(after[3] > before[3] && after[2] == before[2], "all were asked and answered: {}", sample.subject);
        results.push((found, is_sent));
        writer = is_sent.then_some((at, sent + 1));
    }
    results
}

/// How often scanners said so far that a message would be marked, that it would be refused, and nothing; and how often they
/// were asked.
async fn said(gateway: &Gateway) -> [u64; 4] {
    let metrics = gateway.admin_client().get("/metrics").await.text();
    ["result=\"likely\"", "result=\"spam\"", "result=\"silent\"", ""].map(|result| {
        let lines = metrics.lines().filter(|line| line.starts_with("mailward_scans_total{"));
        let lines = lines.filter(|line| line.contains(result));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    })
}

/// A scanner with its lines, and its own client.
struct Line<'a> {
    name: &'a str,
    kind: &'a str,
    address: SocketAddr,
    ask: fn(SocketAddr, &[u8]) -> Found,
}

impl Line<'_> {
    fn table(&self) -> String {
        let Self { kind, address, .. } = self;
        let scheme = if *kind == "rspamd" { "http://" } else { "" };
        format!("[[scanner]]\nkind = \"{kind}\"\naddress = \"{scheme}{address}\"\ntime_limit = \"30s\"\n")
    }
}

#[tokio::test]
async fn mail_from_the_compose_form_is_judged_as_the_scanners_judge_it_directly() {
    let (stack, usual, touchy, samples) = (Stack::shared(), Scanners::shared(), TouchyScanners::start(), samples());
    let (from, to) = (stack.account(), stack.account());
    let mut report =
        "| scanner | way | spam | honest mail | as sent through Mailward |\n|---|---|---|---|---|\n".to_owned();
    let mut worse = Vec::new();
    let lines = [
        Line { name: "rspamd", kind: "rspamd", address: usual.rspamd, ask: by_rspamc },
        Line { name: "SpamAssassin", kind: "spamassassin", address: usual.spamd, ask: by_spamc },
        Line { name: "rspamd, low lines", kind: "rspamd", address: touchy.rspamd, ask: by_rspamc },
        Line { name: "SpamAssassin, low lines", kind: "spamassassin", address: touchy.spamd, ask: by_spamc },
    ];
    for line in &lines {
        let ask = |encoded: &str| (line.ask)(line.address, &content(encoded, &from, &to));
        let sent = through_mailward(stack, &samples, &line.table()).await;
        let found = sent.into_iter().map(|(found, _)| found).collect();
        let by_mailward = Way { name: "sent through Mailward", found };
        let found = samples.iter().map(|sample| ask(&sample.built)).collect();
        let built = Way { name: "built and asked directly", found };
        let found = samples.iter().map(|sample| ask(&sample.original)).collect();
        let original = Way { name: "as it came, asked directly", found };
        for way in [&by_mailward, &built, &original] {
            report += &way.row(line.name, &samples, &by_mailward);
        }
        let [passed, passed_directly] =
            [&by_mailward, &built].map(|way| [true, false].map(|spam| way.count(&samples, spam, Found::Nothing)));
        if passed[0] > passed_directly[0] || passed[1] < passed_directly[1] {
            worse.push(format!("{}: {passed:?} pass, directly {passed_directly:?}", line.name));
        }
    }
    let both = through_mailward(stack, &samples, &[lines[0].table(), lines[1].table()].concat()).await;
    let all = |spam: bool| samples.iter().filter(|sample| sample.spam == spam).count();
    let sent =
        |spam: bool| samples.iter().zip(&both).filter(|(sample, (_, is_sent))| sample.spam == spam && *is_sent).count();
    writeln!(
        report,
        "\nWith both scanners, their own lines and the default weights Mailward stopped {} of {} spams and sent {} of {} honest \
         messages; what one scanner marks is sent with a flag.",
        all(true) - sent(true),
        all(true),
        sent(false),
        all(false)
    )
    .expect("a String takes everything");
    if let Some(path) = std::env::var_os("MAILWARD_CORPUS_REPORT") {
        std::fs::write(path, &report).expect("a file for the report");
    }
    println!("{report}");
    assert_eq!(worse, Vec::<String>::new());
}
