//! Spam and honest mail through a compose form and Mailward to the real scanners, beside the same messages given to them by
//! their own clients: nothing is lost on the way.
//!
//! `MAILWARD_CORPUS` names the messages and `MAILWARD_CORPUS_REPORT` a file for the table, which is how
//! `tests/run --long corpus` makes `docs/corpus.md`. Without them there are two of our own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use serde::Deserialize;

use crate::real_scanners::{at_roundcube, number};
use crate::stack::scanners::{Scanners, gtube};
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

/// How many messages came to what; spam and honest mail apart.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    spam: [usize; 3],
    ham: [usize; 3],
}

impl Counts {
    fn add(&mut self, sample: &Sample, found: Found) {
        let of = if sample.spam { &mut self.spam } else { &mut self.ham };
        of[found as usize] += 1;
    }

    fn of(samples: &[Sample], found: impl Iterator<Item = Found>) -> Self {
        let mut counts = Self::default();
        samples.iter().zip(found).for_each(|(sample, found)| counts.add(sample, found));
        counts
    }

    fn row(&self, scanner: &str, way: &str) -> String {
        let Self { spam, ham } = self;
        let share = |part: usize, of: [usize; 3]| 100 * part / of.iter().sum::<usize>().max(1);
        let stopped = spam[1] + spam[2];
        format!(
            "| {scanner} | {way} | {} | {} | {stopped} ({} %) | {} | {} | {} ({} %) |\n",
            spam[2],
            spam[1],
            share(stopped, *spam),
            ham[2],
            ham[1],
            ham[0],
            share(ham[0], *ham)
        )
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

fn by_rspamc(message: &[u8]) -> Found {
    let address = Scanners::shared().rspamd.to_string();
    let text = printed("rspamc", &["--json", "-h", &address], message);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    match answer["action"].as_str().unwrap_or_else(|| panic!("no action: {text}")) {
        "reject" => Found::Refused,
        "add header" | "rewrite subject" => Found::Marked,
        _ => Found::Nothing,
    }
}

fn by_spamc(message: &[u8]) -> Found {
    let address = Scanners::shared().spamd;
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
        // Whose session reads only is followed by somebody else; forty messages are below every limit.
        let (mut at, sent) = match writer.take() {
            Some((at, sent)) if sent < 40 => (at, sent),
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
        assert_eq!(after[2], before[2], "nobody was silent: {}", sample.subject);
        results.push((found, is_sent));
        writer = is_sent.then_some((at, sent + 1));
    }
    results
}

/// How often scanners said so far that a message would be marked, that it would be refused, and nothing.
async fn said(gateway: &Gateway) -> [u64; 3] {
    let metrics = gateway.admin_client().get("/metrics").await.text();
    ["likely", "spam", "silent"].map(|result| {
        let lines = metrics.lines().filter(|line| line.starts_with("mailward_scans_total{"));
        let lines = lines.filter(|line| line.contains(&format!("result=\"{result}\"")));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    })
}

#[tokio::test]
async fn mail_from_the_compose_form_is_judged_as_the_scanners_judge_it_directly() {
    let (stack, scanners, samples) = (Stack::shared(), Scanners::shared(), samples());
    let (from, to) = (stack.account(), stack.account());
    let (spam, ham) =
        (samples.iter().filter(|sample| sample.spam).count(), samples.iter().filter(|sample| !sample.spam).count());
    let mut report = format!(
        "{spam} spams, {ham} honest messages.\n\n\
         | scanner | way | spam refused | spam marked | spam found | ham refused | ham marked | ham passed |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    let rspamd =
        format!("[[scanner]]\nkind = \"rspamd\"\naddress = \"http://{}\"\ntime_limit = \"30s\"\n", scanners.rspamd);
    let spamd =
        format!("[[scanner]]\nkind = \"spamassassin\"\naddress = \"{}\"\ntime_limit = \"30s\"\n", scanners.spamd);
    let mut worse = Vec::new();
    let clients: [(&str, &str, fn(&[u8]) -> Found); 2] =
        [("rspamd", &rspamd, by_rspamc), ("SpamAssassin", &spamd, by_spamc)];
    for (name, table, ask) in clients {
        let by_mailward = through_mailward(stack, &samples, table).await;
        let by_mailward = Counts::of(&samples, by_mailward.into_iter().map(|(found, _)| found));
        let built = Counts::of(&samples, samples.iter().map(|sample| ask(&content(&sample.built, &from, &to))));
        let original = Counts::of(&samples, samples.iter().map(|sample| ask(&content(&sample.original, &from, &to))));
        report += &by_mailward.row(name, "sent through Mailward");
        report += &built.row(name, "built and asked directly");
        report += &original.row(name, "as it came, asked directly");
        if by_mailward.spam[0] > built.spam[0] || by_mailward.ham[0] < built.ham[0] {
            worse.push(format!("{name}: {by_mailward:?}, directly {built:?}"));
        }
    }
    let both = through_mailward(stack, &samples, &format!("{rspamd}{spamd}")).await;
    let sent =
        |spam: bool| samples.iter().zip(&both).filter(|(sample, (_, is_sent))| sample.spam == spam && *is_sent).count();
    writeln!(
        report,
        "\nWith both scanners and the default weights Mailward stopped {} of {spam} spams and sent {} of {ham} honest messages; \
         what one scanner marked was sent with a flag.",
        spam - sent(true),
        sent(false)
    )
    .expect("a String takes everything");
    if let Some(path) = std::env::var_os("MAILWARD_CORPUS_REPORT") {
        std::fs::write(path, &report).expect("a file for the report");
    }
    println!("{report}");
    assert_eq!(worse, Vec::<String>::new());
}
