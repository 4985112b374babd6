//! Somebody at Roundcube for as long as the soak lasts: signs in, reads, writes, sends, signs out, comes again.
//!
//! Nothing here fails the test: what goes wrong is written down, and the person does what people do, which is to try
//! again after a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use parking_lot::Mutex;

use super::asking::{NOT_SENT, Step, TRIES, said};
use super::delivered::{ELSEWHERE, subject};
use super::record::{Attempt, Record, Told, Trouble, What, now};
use crate::stack::{Answer, Client, Compose, Connection, Message, Person, Roundcube, between, sign_in_request};

/// What a browser without a cache fetches of a page, at most.
const FILES: usize = 6;

/// What somebody is writing.
struct Letter {
    number: u64,
    to: String,
    subject: String,
    text: String,
    tries: usize,
    /// The number of the draft that was saved last.
    draft: Option<String>,
}

impl Letter {
    fn message<'a>(&'a self, bcc: &'a str, attachments: &'a str) -> Message<'a> {
        Message {
            to: &self.to,
            bcc,
            subject: &self.subject,
            body: &self.text,
            attachments,
            draft: self.draft.as_deref().unwrap_or_default(),
            ..Message::default()
        }
    }
}

/// How it ended with a letter.
#[derive(PartialEq)]
enum End {
    Sent,
    /// Left as a draft.
    Begun,
    /// The session may only read: left as a draft, to be sent from another one.
    ReadsOnly,
    GivenUp,
}

/// One person with a browser.
pub struct Visitor {
    pub(super) person: Person,
    pub(super) at: Roundcube,
    /// The colleagues, to write to.
    colleagues: Arc<Vec<Person>>,
    /// Between two things that are done, on average.
    pause: Duration,
    pub(super) record: Arc<Mutex<Record>>,
    stop: Arc<AtomicBool>,
    dice: u64,
    pub(super) kept: Option<Connection>,
    has_files: bool,
    has_arrived: bool,
    pub(super) signed_in: Instant,
    pub(super) is_signed_in: bool,
    /// Begun, saved as a draft and left.
    begun: Option<Letter>,
}

impl Visitor {
    pub fn new(
        number: usize,
        client: Client,
        colleagues: &Arc<Vec<Person>>,
        pause: Duration,
        record: &Arc<Mutex<Record>>,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        // Each from a network of their own, a third over HTTP/2.
        let low = u8::try_from(number % 250).unwrap_or(0);
        let high = u8::try_from(number / 250).unwrap_or(0);
        let client = client.from([127, 20, high, low + 1]);
        let client = if number.is_multiple_of(3) { client.http2() } else { client };
        Self {
            person: colleagues[number].clone(),
            at: Roundcube { http: client, token: String::new() },
            colleagues: Arc::clone(colleagues),
            pause,
            record: Arc::clone(record),
            stop: Arc::clone(stop),
            dice: (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            kept: None,
            has_files: false,
            has_arrived: false,
            signed_in: now(),
            is_signed_in: false,
            begun: None,
        }
    }

    /// Comes and goes until the soak is over; what is being written then is finished. Gives back the person and what was
    /// left as a draft.
    pub async fn live(mut self) -> (Person, Option<String>) {
        self.stay_away().await;
        while !self.stop.load(Ordering::Relaxed) {
            // What went wrong stands in the record.
            let _ = self.visit().await;
            self.record.lock().visits += 1;
            self.stay_away().await;
        }
        (self.person, self.begun.filter(|letter| letter.draft.is_some()).map(|letter| letter.text))
    }

    /// A number below `bound`, the same in every run.
    pub(super) fn dice(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % bound
    }

    /// How long somebody thinks: so many times the usual pause, more or less.
    fn pause(&mut self, times: u32) -> Duration {
        let share = 30 + u32::try_from(self.dice(140)).unwrap_or(70);
        self.pause * times * share / 100
    }

    async fn think(&mut self) {
        let pause = self.pause(1);
        tokio::time::sleep(pause).await;
    }

    /// Does something else, and does not come again once all is over.
    async fn stay_away(&mut self) {
        let mut left = self.pause(2);
        while !left.is_zero() && !self.stop.load(Ordering::Relaxed) {
            let piece = left.min(Duration::from_millis(250));
            tokio::time::sleep(piece).await;
            left -= piece;
        }
    }

    async fn visit(&mut self) -> Step<()> {
        self.arrive().await?;
        for _ in 0..=self.dice(3) {
            self.think().await;
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.read().await?;
        }
        if self.dice(5) > 0 || self.begun.is_some() {
            self.think().await;
            if self.write().await? == End::ReadsOnly {
                return self.leave().await;
            }
        }
        self.think().await;
        self.poll().await?;
        // One of five closes the window and leaves the session open.
        if self.dice(5) > 0 {
            self.leave().await?;
        }
        self.kept = None;
        Ok(())
    }

    async fn leave(&mut self) -> Step<()> {
        self.is_signed_in = false;
        let path = format!("/?_task=logout&_token={}", self.at.token);
        self.insist(What::Page, async |me| me.follow(What::Page, &path, true).await).await?;
        Ok(())
    }

    /// Opens the webmail, and signs in where no session is open.
    async fn arrive(&mut self) -> Step<()> {
        let page = self.insist(What::Page, async |me| me.follow(What::Page, "/", true).await).await?.0;
        self.fetch_files(&page).await?;
        if !page.text().contains(r#""task":"mail""#) {
            if std::mem::replace(&mut self.is_signed_in, false) {
                return Err(self.note_signed_out("the session that was left open is over"));
            }
            self.think().await;
            self.insist(What::SignIn, async |me| me.sign_in().await).await?;
        }
        let inbox = self.insist(What::Page, async |me| me.follow(What::Page, "/?_task=mail&_mbox=INBOX", false).await);
        let inbox = inbox.await?.0;
        match between(&inbox.text(), r#""request_token":""#, "\"") {
            Some(token) => self.at.token = token,
            None => return Err(self.note_signed_out("the inbox is no page of Roundcube")),
        }
        if !std::mem::replace(&mut self.has_arrived, true) {
            self.record.lock().arrived += 1;
        }
        self.fetch_files(&inbox).await
    }

    async fn sign_in(&mut self) -> Step<()> {
        let page = self.follow(What::Page, "/?_task=login", true).await?.0;
        if page.text().contains(r#""task":"mail""#) {
            return Ok(());
        }
        let Some(token) = between(&page.text(), r#"name="_token" value=""#, "\"") else {
            return Err(Trouble::Webmail("no sign-in page".to_owned()));
        };
        let request = sign_in_request(&self.at.http, &token, &self.person);
        let answer = self.ask(What::SignIn, request, true).await?;
        if answer.status == 302 && self.at.http.cookie("roundcube_sessauth").is_some() {
            self.signed_in = now();
            self.is_signed_in = true;
            return Ok(());
        }
        let trouble = Trouble::Webmail(format!("the sign-in was answered with {}", answer.status));
        self.note_last(trouble.clone());
        Err(trouble)
    }

    /// What a browser fetches besides the page: all of it once, later one of it.
    async fn fetch_files(&mut self, page: &Answer) -> Step<()> {
        let text = page.text();
        let named = text.split(['"', '\'']).filter(|word| {
            let path = word.split('?').next().unwrap_or_default();
            [".js", ".css", ".svg", ".png", ".ico"].iter().any(|end| path.ends_with(end)) && !word.contains("//")
        });
        let files: Vec<String> = named.map(|word| format!("/{}", word.trim_start_matches(['.', '/']))).collect();
        let most = if self.has_files { 1 } else { FILES };
        self.has_files |= !files.is_empty();
        for path in files.into_iter().take(most) {
            let request = async |me: &mut Self| {
                let request = me.at.http.request(Method::GET, &path, Bytes::new());
                me.ask(What::File, request, true).await
            };
            self.insist(What::File, request).await?;
        }
        Ok(())
    }

    /// Looks at the list, and opens a message of it.
    async fn read(&mut self) -> Step<()> {
        let list = self.list("INBOX").await?;
        let rows: Vec<&str> = list.split("add_message_row(").skip(1).filter_map(|row| row.split(',').next()).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let row = rows[usize::try_from(self.dice(rows.len() as u64)).unwrap_or(0)].to_owned();
        self.think().await;
        let path = format!("/?_task=mail&_action=preview&_uid={row}&_mbox=INBOX&_framed=1");
        self.insist(What::Page, async |me| me.follow(What::Page, &path, false).await).await?;
        Ok(())
    }

    /// The rows of a folder as Roundcube's script gets them.
    async fn list(&mut self, folder: &str) -> Step<String> {
        let path = format!("/?_task=mail&_action=list&_mbox={folder}&_page=&_remote=1&_unlock=loading1795491960194");
        let list = async |me: &mut Self| {
            let mut request = me.at.http.request(Method::GET, &path, Bytes::new());
            request.headers_mut().insert("x-requested-with", http::HeaderValue::from_static("XMLHttpRequest"));
            me.ask(What::Page, request, false).await
        };
        Ok(self.insist(What::Page, list).await?.text())
    }

    async fn poll(&mut self) -> Step<()> {
        let poll = async |me: &mut Self| {
            let request = me.at.ajax_request("/?_task=mail&_action=refresh", &[("_mbox", "INBOX")]);
            me.ask(What::Page, request, false).await
        };
        self.insist(What::Page, poll).await?;
        Ok(())
    }

    /// Goes on with what was begun, or writes something new; most of it is sent.
    async fn write(&mut self) -> Step<End> {
        let mut letter = match self.begun.take() {
            Some(letter) => letter,
            None => self.new_letter(),
        };
        let end = self.write_letter(&mut letter).await;
        if !matches!(end, Ok(End::Sent | End::GivenUp)) {
            self.begun = Some(letter);
        }
        end
    }

    fn new_letter(&mut self) -> Letter {
        let number = self.record.lock().number();
        let reader = usize::try_from(self.dice(self.colleagues.len() as u64)).unwrap_or(0);
        Letter {
            number,
            to: self.colleagues[reader].address(),
            subject: subject(number),
            text: format!("This is what {} wrote in message {number}.", self.person.name),
            tries: 0,
            draft: None,
        }
    }

    async fn write_letter(&mut self, letter: &mut Letter) -> Step<End> {
        let resumed = letter.draft.clone();
        let opening = resumed.as_ref().map_or_else(String::new, |uid| format!("&_draft_uid={uid}&_mbox=Drafts"));
        let path = format!("/?_task=mail&_action=compose{opening}");
        let (page, at) = self.insist(What::Page, async |me| me.follow(What::Page, &path, false).await).await?;
        let text = page.text();
        if resumed.is_some() {
            let mut record = self.record.lock();
            if text.contains(&letter.text) {
                record.drafts_found += 1;
            } else {
                record.drafts_lost.push(format!("{}'s draft {opening} of message {}", self.person.name, letter.number));
            }
        }
        let Some(id) = between(&format!("{at}&"), "_id=", "&") else {
            return Err(self.note_signed_out("no compose page"));
        };
        let select = between(&text, r#"name="_from""#, "</select>").unwrap_or_default();
        let identity = between(&select, r#"value=""#, "\"").unwrap_or_else(|| "1".to_owned());
        let compose = Compose { id, identity };

        self.think().await;
        self.save(&compose, letter, "").await?;
        let mut attached = String::new();
        if self.dice(3) == 0 {
            self.think().await;
            attached = self.attach(&compose).await?;
        }
        self.think().await;
        self.save(&compose, letter, &attached).await?;
        // One of six goes away in the middle of it, and ends it the next time.
        if self.dice(6) == 0 {
            return Ok(End::Begun);
        }
        self.think().await;
        let end = self.send(&compose, letter, &attached).await?;
        if end == End::GivenUp {
            self.record.lock().given_up.push(format!("{}: message {}", self.person.name, letter.number));
        }
        Ok(end)
    }

    async fn save(&mut self, compose: &Compose, letter: &mut Letter, attached: &str) -> Step<()> {
        let saved = async |me: &mut Self| {
            let request = me.at.send_request(compose, &letter.message("", attached), true);
            let answer = me.ask(What::Draft, request, false).await?;
            let text = answer.text();
            let number = between(&text, "parent.rcmail.set_draft_id(", ")").filter(|_| answer.says_saved());
            match number {
                Some(number) => Ok(number.trim_matches(['"', ' ']).to_owned()),
                None => {
                    let trouble = Trouble::Webmail(format!("the draft was not saved: {}", said(&text)));
                    me.note_last(trouble.clone());
                    Err(trouble)
                }
            }
        };
        letter.draft = Some(self.insist(What::Draft, saved).await?);
        Ok(())
    }

    async fn attach(&mut self, compose: &Compose) -> Step<String> {
        // The same file from several people who are new here would be a campaign, and held back as one.
        let times = "Monday 9:00, Tuesday 11:00\n".repeat(1 + usize::try_from(self.dice(4_000)).unwrap_or(0));
        let content = format!("{} {}\n{times}", self.person.name, compose.id);
        let attached = async |me: &mut Self| {
            let request = me.at.upload_request(compose, "timetable.txt", content.as_bytes());
            let answer = me.ask(What::Upload, request, false).await?;
            match between(&answer.text(), "rcmfile", "\\\"") {
                Some(number) => Ok(number),
                None => {
                    let trouble = Trouble::Webmail(format!("the file was not taken: {}", said(&answer.text())));
                    me.note_last(trouble.clone());
                    Err(trouble)
                }
            }
        };
        self.insist(What::Upload, attached).await
    }

    /// Sends from the same page until it says that the message left, as somebody does who wants it to arrive.
    async fn send(&mut self, compose: &Compose, letter: &mut Letter, attached: &str) -> Step<End> {
        for _ in 0..TRIES {
            letter.tries += 1;
            let tag = format!("m{}t{}", letter.number, letter.tries);
            let own = format!("{tag}@{ELSEWHERE}");
            let request = self.at.send_request(compose, &letter.message(&own, attached), false);
            let answer = self.ask(What::Send, request, false).await;
            let told = match &answer {
                Ok(answer) if answer.says_sent() => Told::Sent,
                // Roundcube's own no. Whatever else comes says nothing of the message.
                Ok(answer) if answer.text().contains("display_message(") => Told::NotSent,
                Ok(_) | Err(Trouble::Lost(_)) => Told::Unknown,
                Err(Trouble::Webmail(said)) if said.contains(NOT_SENT) => Told::NotSent,
                Err(Trouble::Webmail(_)) => Told::Unknown,
                Err(Trouble::Refused(_) | Trouble::ReadsOnly(_) | Trouble::SignedOut(_)) => Told::NotSent,
            };
            let attempt =
                Attempt { message: letter.number, tag: tag.clone(), to: letter.to.clone(), told, is_in_sent: false };
            self.record.lock().attempts.push(attempt);
            match (told, answer) {
                (Told::Sent, _) => return Ok(End::Sent),
                (_, Err(Trouble::ReadsOnly(_))) => return Ok(End::ReadsOnly),
                (_, Err(Trouble::SignedOut(said))) => return Err(Trouble::SignedOut(said)),
                (_, Ok(answer)) => self.note_last(Trouble::Webmail(format!("not sent: {}", said(&answer.text())))),
                (_, Err(_)) => {}
            }
            self.rest().await;
            // That is what the page says: look into the Sent folder before you send it again.
            if told == Told::Unknown && self.list("Sent").await?.contains(&letter.subject) {
                let mut record = self.record.lock();
                if let Some(attempt) = record.attempts.iter_mut().rev().find(|attempt| attempt.tag == tag) {
                    attempt.is_in_sent = true;
                }
                return Ok(End::Sent);
            }
        }
        Ok(End::GivenUp)
    }
}
