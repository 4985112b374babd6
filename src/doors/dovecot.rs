//! Dovecot's authentication policy requests, in weakforced's form: JSON by POST, `command=allow` before a password is looked
//! at and `command=report` after; and for programs of the operator's `command=reset`. Plain HTTP, for whoever shows the key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{Doors, words};
use crate::domain::{Reference, Secret};
use crate::edge::{Connection, Handler};
use crate::policy::Why;
use crate::policy::limits::Over;

/// The longest question, in bytes. Dovecot's have a few hundred, and what a mail program says about itself.
const QUESTION_BYTES_MAX: usize = 16 * 1024;

/// What is asked must arrive within this time; Dovecot itself waits two seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What Dovecot tells about somebody who signs in. All of it is written by the client, but for `success` and
/// `policy_reject`, and `remote`, which Dovecot knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Question {
    /// The name as it was typed.
    pub login: String,
    /// From where; empty where Dovecot does not know.
    pub remote: String,
    /// The same in a reset, as weakforced calls it there.
    pub ip: String,
    /// Some bits of a keyed hash of name and password.
    pub pwhash: String,
    /// `imap`, `pop3`, `smtp`, …
    pub protocol: String,
    /// The connection's name, where Dovecot is told to say it.
    pub session_id: String,
    /// In a report: whether the password was right and nothing else stood against it.
    pub success: bool,
    /// In a report: whether it was we who refused.
    pub policy_reject: bool,
}

/// What Dovecot is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing stands against it.
    Pass,
    /// The same, after so many seconds.
    Wait(u64),
    /// Refused, as if the password were wrong; the words stand in Dovecot's log, and mail programs show them.
    Refuse(String),
    /// Nothing was asked.
    Noted,
}

impl Answer {
    /// Of a sign-in that was stopped.
    pub fn stopped(why: &Why, reference: Reference, helpdesk: Option<&str>) -> Self {
        let whom = words::whom(helpdesk);
        let told = match why {
            Why::Locked => format!("This account is locked; ask {whom}"),
            Why::StoreAway => "Nobody can sign in for a moment; try again in a minute".to_owned(),
            Why::Limit(Over { wait: Some(wait), .. }) => {
                format!("Too many wrong passwords; try again {}", words::until(*wait))
            }
            _ => format!("This sign-in does not look like the account's owner; ask {whom}"),
        };
        Self::Refuse(words::one_line(&format!("{told} (code {reference})")))
    }

    /// The word by which it is counted.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Wait(_) => "delayed",
            Self::Refuse(_) => "refused",
            Self::Noted => "noted",
        }
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            status: i64,
            msg: &'a str,
            r_attrs: Nothing,
        }
        #[derive(Serialize)]
        struct Nothing {}
        let (status, msg) = match self {
            Self::Pass | Self::Noted => (0, ""),
            Self::Wait(seconds) => (i64::try_from(*seconds).unwrap_or(i64::MAX), ""),
            Self::Refuse(words) => (-1, words.as_str()),
        };
        serde_json::to_string(&Line { status, msg, r_attrs: Nothing {} }).expect("a number and a text")
    }
}

/// Answers whoever shows the key.
pub struct Dovecot {
    doors: Arc<Doors>,
    key: Secret<Vec<u8>>,
}

impl Dovecot {
    /// With the key that must be shown: as it stands in its file, without what surrounds it.
    pub fn new(doors: Arc<Doors>, key: &Secret<Vec<u8>>) -> Self {
        Self { doors, key: Secret::new(key.expose().trim_ascii().to_vec()) }
    }

    async fn respond(&self, request: Request<Incoming>) -> (&'static str, Response<Full<Bytes>>) {
        if !shows(request.headers(), &self.key) {
            return ("not allowed", plain(StatusCode::UNAUTHORIZED, "the key is missing or wrong\n"));
        }
        if request.method() != Method::POST {
            return ("unreadable", plain(StatusCode::METHOD_NOT_ALLOWED, "questions are posted\n"));
        }
        let command =
            request.uri().query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("command="));
        let command = command.map(str::to_owned);
        let body = Limited::new(request.into_body(), QUESTION_BYTES_MAX).collect();
        let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, body).await else {
            return ("unreadable", plain(StatusCode::BAD_REQUEST, "the question is too long or too slow\n"));
        };
        let Ok(question) = serde_json::from_slice::<Question>(&body.to_bytes()) else {
            return ("unreadable", plain(StatusCode::BAD_REQUEST, "the question is not JSON of the expected form\n"));
        };
        let answer = match command.as_deref() {
            Some("allow") => self.doors.allow(&question).await,
            Some("report") => self.doors.report(&question).await,
            Some("reset") => self.doors.reset(&question).await,
            _ => return ("unreadable", plain(StatusCode::NOT_FOUND, "there are command=allow, report and reset\n")),
        };
        let mut response = Response::new(Full::new(Bytes::from(answer.json())));
        response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        (answer.name(), response)
    }
}

impl Handler for Dovecot {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _connection: &Arc<Connection>) -> Response<Self::Body> {
        let (answer, response) = self.respond(request).await;
        self.doors.count("dovecot", answer);
        response
    }
}

fn plain(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(words.as_bytes())));
    *response.status_mut() = status;
    response
}

/// Whether a request shows the key, as the password of `Authorization: Basic`; the user's name may be any.
fn shows(headers: &HeaderMap, key: &Secret<Vec<u8>>) -> bool {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return false };
    let shown = value.as_bytes().strip_prefix(b"Basic ").and_then(|encoded| BASE64.decode(encoded.trim_ascii()).ok());
    let Some(shown) = shown.map(Secret::new) else { return false };
    let Some(colon) = shown.expose().iter().position(|byte| *byte == b':') else { return false };
    let same: bool = shown.expose()[colon + 1..].ct_eq(key.expose()).into();
    same && !key.expose().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::limits::WhenMet;

    #[test]
    fn only_the_key_itself_opens() {
        let key = Secret::new(b"open sesame".to_vec());
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().expect("a header value"));
            }
            shows(&headers, &key)
        };
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
        assert!(with(&[&basic("mailward:open sesame")]) && with(&[&basic(":open sesame")]));
        for wrong in ["mailward:", "mailward:open", "mailward:open sesame ", "open sesame", "a:b:open sesame", ""] {
            assert!(!with(&[&basic(wrong)]), "{wrong:?}");
        }
        assert!(!with(&[]) && !with(&["Basic !"]) && !with(&["Bearer open sesame"]));
        assert!(!with(&[&basic("a:open sesame"), &basic("a:open sesame")]), "one header, not two");
        let none = Secret::new(Vec::new());
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, basic("a:").parse().expect("a header value"));
        assert!(!shows(&headers, &none), "an empty file opens to nobody");
    }

    #[test]
    fn people_are_told_in_their_mail_program_what_they_can_do() {
        let code: Reference = "7K3M9QWX".parse().expect("a code");
        let limit = "4/m".parse().expect("a limit");
        let over = Over {
            name: "failures_per_account",
            limit,
            fits_now: 0,
            wait: Some(Duration::from_secs(61)),
            when_met: WhenMet::Throttle,
        };
        for (why, helpdesk, told) in [
            (Why::Locked, Some("the café"), "This account is locked; ask the caf? (code 7K3M-9QWX)"),
            (Why::StoreAway, None, "Nobody can sign in for a moment; try again in a minute (code 7K3M-9QWX)"),
            (Why::Limit(over), None, "Too many wrong passwords; try again in 1 minute (code 7K3M-9QWX)"),
            (
                Why::Refused,
                None,
                "This sign-in does not look like the account's owner; ask your mail administrator (code 7K3M-9QWX)",
            ),
        ] {
            assert_eq!(Answer::stopped(&why, code, helpdesk), Answer::Refuse(told.into()));
        }
    }

    #[test]
    fn a_question_is_read_as_dovecot_writes_it_and_an_answer_is_written_as_it_reads_it() {
        let asked = r#"{"device_id":"","login":"alice","protocol":"imap","pwhash":"0a3f","remote":"203.0.113.9",
            "session_id":"Y2x","fail_type":"credentials","tls":false,"success":true,"policy_reject":false}"#;
        let question: Question = serde_json::from_str(asked).expect("it is read");
        assert_eq!((&*question.login, &*question.remote, question.success), ("alice", "203.0.113.9", true));
        for (answer, json) in [
            (Answer::Pass, r#"{"status":0,"msg":"","r_attrs":{}}"#),
            (Answer::Noted, r#"{"status":0,"msg":"","r_attrs":{}}"#),
            (Answer::Wait(2), r#"{"status":2,"msg":"","r_attrs":{}}"#),
            (Answer::Refuse("locked".into()), r#"{"status":-1,"msg":"locked","r_attrs":{}}"#),
        ] {
            assert_eq!(answer.json(), json);
        }
    }
}
