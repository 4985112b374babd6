//! How somebody asks, and what an answer that is none is taken for.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};

use super::person::Visitor;
use super::record::{Seen, Trouble, What, now};
use crate::stack::Answer;

/// How often somebody tries the same before giving up. Longer than any fault lasts.
pub const TRIES: usize = 60;

/// As long as the webmail may take for an answer, and some more.
const PATIENCE: Duration = Duration::from_secs(200);

/// Every refusal of Mailward's own has this.
const REFUSED: &str = "Reference code ";
/// What it says when the webmail does not answer.
const NO_WEBMAIL: &str = "The webmail behind this address is not working";
/// What it says besides of a message that the webmail did not get.
pub const NOT_SENT: &str = "Your message was not sent; it is still here";
/// What it says to whoever has signed out.
const ENDED: &str = "This session has ended";
/// What it says in a session that may only read.
const READS_ONLY: &str = "this session can read mail but not do this";

/// What came of something that was tried.
pub type Step<T> = Result<T, Trouble>;

impl Visitor {
    /// Tries again what does not come about, with rests, as people do.
    pub async fn insist<T>(&mut self, what: What, mut act: impl AsyncFnMut(&mut Self) -> Step<T>) -> Step<T> {
        let mut last = Trouble::Lost(format!("{what:?} was never tried"));
        for _ in 0..TRIES {
            match act(self).await {
                Ok(done) => return Ok(done),
                Err(Trouble::SignedOut(said)) => return Err(Trouble::SignedOut(said)),
                Err(trouble) => last = trouble,
            }
            self.rest().await;
        }
        self.record.lock().given_up.push(format!("{}: {what:?}, at last {last:?}", self.person.name));
        Err(last)
    }

    /// Before the same is tried again.
    pub async fn rest(&mut self) {
        let millis = 500 + self.dice(1_000);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// A GET that follows redirects on this host; also where it ended. Some pages are there for whoever is signed out.
    pub async fn follow(&mut self, what: What, path: &str, may_be_out: bool) -> Step<(Answer, String)> {
        let mut path = path.to_owned();
        for _ in 0..5 {
            let request = self.at.http.request(Method::GET, &path, Bytes::new());
            let answer = self.ask(what, request, may_be_out).await?;
            if !answer.status.is_redirection() {
                return Ok((answer, path));
            }
            let to: http::Uri = answer.location().parse().map_err(|_| Trouble::Webmail("no Location".to_owned()))?;
            path = to.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        }
        Err(Trouble::Webmail(format!("more than five redirects, the last to {path}")))
    }

    /// Asks once, over the connection that is open or a new one, and writes down how long it took and what was wrong.
    pub async fn ask(&mut self, what: What, request: Request<Full<Bytes>>, may_be_out: bool) -> Step<Answer> {
        let began = now();
        let outcome = match tokio::time::timeout(PATIENCE, self.whole(request)).await {
            Ok(Ok(Some(answer))) => match trouble_in(what, &answer, may_be_out) {
                None => Ok(answer),
                // Signing out holds, also where the webmail did not answer and it is tried again.
                Some(Trouble::Refused(said)) if may_be_out && !self.is_signed_in && said.contains(ENDED) => Ok(answer),
                Some(Trouble::Refused(said)) if said.contains(READS_ONLY) => Err(Trouble::ReadsOnly(self.signed_in)),
                Some(trouble) => Err(trouble),
            },
            // Mailward tells what it did not get whole from what it did.
            Ok(Ok(None)) => Err(Trouble::Webmail("the answer broke off".to_owned())),
            Ok(Err(error)) => Err(Trouble::Lost(format!("{error:#}"))),
            Err(_) => Err(Trouble::Lost(format!("no answer within {PATIENCE:?}"))),
        };
        let trouble = outcome.as_ref().err().cloned();
        let who = self.person.name.clone();
        self.record.lock().seen.push(Seen { who, what, began, took: began.elapsed(), trouble });
        outcome
    }

    /// The answer; none where it began and broke off.
    async fn whole(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Option<Answer>> {
        // One that was closed in good time is replaced, as every browser does; nothing is asked twice.
        let kept = match self.kept.take() {
            Some(mut kept) => kept.is_open().await.then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.at.http.connect().await?,
        };
        let begun = match connection.begin(request.clone()).await {
            // It was closed before a byte of this was written, so it was not asked: browsers open another, too.
            Err(error) if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) => {
                connection = self.at.http.connect().await?;
                connection.begin(request).await?
            }
            begun => begun?,
        };
        let (head, body) = begun.into_parts();
        let Ok(body) = body.collect().await else { return Ok(None) };
        let answer = Answer { status: head.status, headers: head.headers, body: body.to_bytes() };
        self.at.http.keep_cookies(&answer);
        self.kept = Some(connection);
        Ok(Some(answer))
    }

    /// The answer that came last was none after all.
    pub fn note_last(&self, trouble: Trouble) {
        let mut record = self.record.lock();
        if let Some(last) = record.seen.iter_mut().rev().find(|seen| seen.who == self.person.name) {
            last.trouble.get_or_insert(trouble);
        }
    }

    pub fn note_signed_out(&self, why: &str) -> Trouble {
        let trouble = Trouble::SignedOut(why.to_owned());
        self.note_last(trouble.clone());
        trouble
    }
}

/// What is wrong with an answer, if anything is.
fn trouble_in(what: What, answer: &Answer, may_be_out: bool) -> Option<Trouble> {
    let status = answer.status;
    if what == What::File {
        let fine = status == 200 || status == 304;
        return match status.is_server_error() {
            _ if fine => None,
            true => Some(Trouble::Webmail(format!("{status}: {}", said(&answer.text())))),
            false => Some(Trouble::Refused(format!("a file: {status}"))),
        };
    }
    if status.is_redirection() {
        let out = !may_be_out && answer.location().contains("_task=login");
        return out.then(|| Trouble::SignedOut(format!("sent to {}", answer.location())));
    }
    let text = answer.text();
    if text.contains(NO_WEBMAIL) {
        return Some(Trouble::Webmail(format!("{status}: {}", said(&text))));
    }
    if text.contains(REFUSED) {
        return Some(Trouble::Refused(format!("{status}: {}", said(&text))));
    }
    if status.is_server_error() {
        return Some(Trouble::Webmail(format!("{status}: {}", said(&text))));
    }
    if !may_be_out && (text.contains(r#""task":"login""#) || text.contains("session_error(")) {
        return Some(Trouble::SignedOut(format!("{status}: {}", said(&text))));
    }
    (!status.is_success()).then(|| Trouble::Refused(format!("{status}: {}", said(&text))))
}

/// What a page tells people, short enough for a report.
pub fn said(text: &str) -> String {
    let from = ["display_message(", "<p>", "<h1>", "<body"].iter().find_map(|mark| text.find(mark)).unwrap_or(0);
    text[from..].split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}
