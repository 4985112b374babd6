//! Held, proved, sent on: the chain again and again, with double clicks, several windows, kills at each step, and time that
//! runs out in between. The stand-in behind sends on every POST it gets and says how often.
//!
//! `MAILWARD_HELD_RUNS` says how many; `MAILWARD_HELD_REPORT` names a file for the table, which is how
//! `tests/run --long held` makes `docs/held.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;

use super::challenge::{answer, field, helpdesk_code};
use super::posting;
use super::risk::{CHROME, at, settings};
use super::squirrelmail::{MESSAGE, SquirrelMail, composed, handed_back, sign_in};
use crate::stack::{Answer, Client, Gateway, Settings, until};

const CHALLENGE: &str = "/.mailward/challenge";
const HELD: &str = "/.mailward/held";

/// Runs where nothing else is said: each way once, and again.
const RUNS: usize = 16;

/// How the chain is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Disturbance {
    Nothing,
    DoubleClick,
    OtherWindow,
    KilledBeforeThePage,
    KilledBeforeTheProof,
    KilledDuringTheProof,
    KilledWhileTheWebmailSends,
    TimeRunsOut,
}

impl Disturbance {
    const ALL: [Self; 8] = [
        Self::Nothing,
        Self::DoubleClick,
        Self::OtherWindow,
        Self::KilledBeforeThePage,
        Self::KilledBeforeTheProof,
        Self::KilledDuringTheProof,
        Self::KilledWhileTheWebmailSends,
        Self::TimeRunsOut,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::DoubleClick => "the proof posted twice at once, then four replays at once",
            Self::OtherWindow => "proved in another window, then six replays at once",
            Self::KilledBeforeThePage => "kill -9 once the message is held",
            Self::KilledBeforeTheProof => "kill -9 once the page that asks is open",
            Self::KilledDuringTheProof => "kill -9 up to 60 ms into the proof",
            Self::KilledWhileTheWebmailSends => "kill -9 while the webmail sends",
            Self::TimeRunsOut => "the proof comes after `hold_for`",
        }
    }
}

/// What came of the runs of one kind.
#[derive(Default)]
struct Came {
    runs: usize,
    sent_once: usize,
    handed_back: usize,
    uncertain: usize,
    twice: usize,
    lost: usize,
}

/// One person with one message.
struct Run {
    name: String,
    subject: String,
    client: Client,
}

impl Run {
    async fn begin(gateway: &Gateway, number: usize, subject: &str) -> Self {
        let address = format!("12.{}.{}.{}", number >> 16 & 0x7f, number >> 8 & 0xff, number & 0xff);
        let (name, mut client) = (format!("user{number}"), at(gateway, &address, CHROME));
        // It has something to prove itself with, so that it is asked.
        helpdesk_code(gateway, &name);
        assert_eq!(sign_in(&mut client, &name, "right").await.status, 302);
        Self { name, subject: format!("{subject} {number}"), client }
    }

    async fn press_send(&mut self) -> Answer {
        let mut fields = MESSAGE.to_vec();
        for field in &mut fields {
            if field.0 == "subject" {
                field.1 = self.subject.as_bytes();
            }
        }
        let (kind, body) = composed(&fields, ("send", "Send"), Some(b"a file"));
        let mut request = posting(&self.client, "/src/compose.php", &kind, body);
        request.headers_mut().insert("sec-fetch-dest", "frame".parse().expect("a value"));
        let held = self.client.send(request).await;
        assert_eq!(held.status, StatusCode::SEE_OTHER, "{}", held.text());
        held
    }

    fn sent(&self, webmail: &SquirrelMail) -> usize {
        let subject = data_encoding::HEXLOWER.encode(self.subject.as_bytes());
        webmail.did("sent").iter().filter(|sent| sent["fields"]["subject"] == subject.as_str()).count()
    }

    async fn release(&self, number: &str) -> Answer {
        let mut client = self.client.clone();
        client.header("sec-fetch-site", "same-origin");
        client.post(HELD, &[("held", number)]).await
    }

    /// Goes on as a person would, until there is an answer that needs no more.
    async fn go_on(&mut self, gateway: &Gateway, number: &str) -> Answer {
        for _ in 0..4 {
            let next = self.release(number).await;
            if next.status != StatusCode::SEE_OTHER || !next.location().starts_with(CHALLENGE) {
                return next;
            }
            let code = helpdesk_code(gateway, &self.name);
            let page = self.client.get(&format!("{CHALLENGE}?held={number}")).await;
            if !page.text().contains("name=\"challenge\"") {
                continue;
            }
            let proved = answer(&mut self.client, &page, &code, &[]).await;
            if proved.status != StatusCode::UNPROCESSABLE_ENTITY && proved.status != StatusCode::SERVICE_UNAVAILABLE {
                return proved;
            }
        }
        panic!("{}: no answer that ends it", self.name)
    }
}

/// The proof, posted by a browser that may never see the answer.
fn prove(client: &Client, page: &Answer, code: &str) -> tokio::task::JoinHandle<anyhow::Result<Answer>> {
    let text = page.text();
    let fields = [("challenge", field(&text, "challenge")), ("held", field(&text, "held")), ("code", code.to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut client = client.clone();
    client.header("sec-fetch-site", "same-origin");
    let request = posting(&client, CHALLENGE, super::URLENCODED, crate::stack::form(&fields));
    tokio::spawn(async move { client.try_send(request).await })
}

async fn once(webmail: &SquirrelMail, gateway: &mut Gateway, number: usize, how: Disturbance) -> (Answer, usize) {
    let subject = if how == Disturbance::KilledWhileTheWebmailSends { "brief" } else { "run" };
    let mut run = Run::begin(gateway, number, subject).await;
    let held = run.press_send().await;
    let id = held.location().split("held=").nth(1).expect("a number").to_owned();
    assert_eq!(run.sent(webmail), 0, "nothing before the proof");
    if how == Disturbance::KilledBeforeThePage {
        gateway.kill_and_restart().await;
    }
    let page = run.client.get(held.location()).await;
    if how == Disturbance::KilledBeforeTheProof {
        gateway.kill_and_restart().await;
    }
    let code = helpdesk_code(gateway, &run.name);
    let last = match how {
        Disturbance::Nothing | Disturbance::KilledBeforeThePage | Disturbance::KilledBeforeTheProof => {
            answer(&mut run.client, &page, &code, &[]).await
        }
        Disturbance::DoubleClick => {
            let both = [prove(&run.client, &page, &code), prove(&run.client, &page, &code)];
            let answers = join_all(both).await;
            join_all((0..4).map(|_| run.release(&id))).await;
            let answered = answers.into_iter().map(|one| one.expect("no panic").expect("it is answered"));
            answered.max_by_key(|one| one.status == StatusCode::FOUND).expect("two")
        }
        Disturbance::OtherWindow => {
            let other = run.client.get(CHALLENGE).await;
            assert_eq!(answer(&mut run.client, &other, &code, &[]).await.status, StatusCode::SEE_OTHER);
            let answers = join_all((0..6).map(|_| run.release(&id))).await;
            answers.into_iter().max_by_key(|one| one.status == StatusCode::FOUND).expect("six")
        }
        Disturbance::KilledDuringTheProof => {
            let answering = prove(&run.client, &page, &code);
            // Another moment in each run, all of them reproducible.
            tokio::time::sleep(Duration::from_millis((number as u64).wrapping_mul(7) % 60)).await;
            gateway.kill_and_restart().await;
            let _ = answering.await.expect("no panic");
            run.go_on(gateway, &id).await
        }
        Disturbance::KilledWhileTheWebmailSends => {
            let answering = prove(&run.client, &page, &code);
            until("the webmail works on it", 20, async || (run.sent(webmail) > 0).then_some(())).await;
            gateway.kill_and_restart().await;
            let _ = answering.await.expect("no panic");
            run.go_on(gateway, &id).await
        }
        Disturbance::TimeRunsOut => {
            // `hold_for` is a second here.
            tokio::time::sleep(Duration::from_millis(1_050)).await;
            answer(&mut run.client, &page, &code, &[]).await
        }
    };
    // Whatever came of it: back, reload, a last click.
    for _ in 0..2 {
        run.release(&id).await;
    }
    (last, run.sent(webmail))
}

/// Files it under what came of it. The text is back where the page that was answered has it.
fn tally(came: &mut Came, last: &Answer, sent: usize) {
    let text = last.text();
    let is_back = last.status == StatusCode::CONFLICT
        && handed_back(&text).iter().any(|(name, value)| name == "body" && value.contains("First line"));
    came.runs += 1;
    match (sent, is_back) {
        (0, true) if !text.contains("not certain") => came.handed_back += 1,
        (0 | 1, true) => came.uncertain += 1,
        (1, false) => came.sent_once += 1,
        (0, false) => came.lost += 1,
        _ => came.twice += 1,
    }
}

#[tokio::test]
async fn held_chain_sends_each_message_once_whatever_disturbs_it() {
    let runs = std::env::var("MAILWARD_HELD_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let webmail = SquirrelMail::start().await;
    // Everybody from abroad is asked, so that each run needs one sign-in only.
    let rule = "[[rule]]\nwhen = { country = [\"US\"] }\nverdict = \"challenge\"\nwhy = \"test\"\n";
    let with = |sections: &str| Settings { webmail: Some("squirrelmail"), ..settings(sections) }.unguarded();
    let mut patient = Gateway::start(webmail.address, &with(rule)).await;
    let hasty = with(&format!("[challenge]\nhold_for = \"1s\"\n{rule}"));
    let mut hasty = Gateway::start(webmail.address, &hasty).await;
    let mut all: BTreeMap<Disturbance, Came> = BTreeMap::new();
    for number in 0..runs {
        let how = Disturbance::ALL[number % Disturbance::ALL.len()];
        let gateway = if how == Disturbance::TimeRunsOut { &mut hasty } else { &mut patient };
        let (last, sent) = once(&webmail, gateway, number, how).await;
        let came = all.entry(how).or_default();
        tally(came, &last, sent);
        assert!(sent <= 1, "run {number}, {how:?}: sent {sent} times");
        assert_eq!(came.lost, 0, "run {number}, {how:?}: {} {}", last.status, last.text());
        match how {
            Disturbance::KilledDuringTheProof => {}
            Disturbance::KilledWhileTheWebmailSends => assert_eq!(came.uncertain, came.runs, "run {number}"),
            Disturbance::TimeRunsOut => assert_eq!(came.handed_back, came.runs, "run {number}"),
            _ => assert_eq!(came.sent_once, came.runs, "run {number}, {how:?}: {}", last.text()),
        }
    }
    report(&all);
}

fn report(all: &BTreeMap<Disturbance, Came>) {
    let Ok(file) = std::env::var("MAILWARD_HELD_REPORT") else { return };
    let mut table =
        "| what disturbs it | runs | sent once | text handed back, not sent | text handed back, said to be \
                     uncertain | sent twice | lost |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for (how, came) in all {
        let Came { runs, sent_once, handed_back, uncertain, twice, lost } = came;
        let row = format!("| {} | {runs} | {sent_once} | {handed_back} | {uncertain} | {twice} | {lost} |", how.name());
        writeln!(table, "{row}").expect("a String takes everything");
    }
    std::fs::write(file, table).expect("the file was named to be written");
}
