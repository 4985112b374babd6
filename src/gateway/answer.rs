//! Reads the webmail's answer, to learn what came of a request.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{Response, header};
use http_body_util::BodyExt as _;

use crate::upstream::body::AnswerBody;
use crate::upstream::pool::Arriving;
use crate::webmail::Answer;

/// An answer is read up to this many bytes. Those that say what came of a sign-in or a send are a few kilobytes; a
/// page of SquirrelMail that shows a long message again is some hundred.
const READ_MAX: usize = 1024 * 1024;

/// An answer that was read as far as it goes.
pub struct ReadAnswer {
    /// Status and headers, as the webmail sent them.
    pub head: Parts,
    /// Its whole body; none where it was longer than is read, or broke off.
    whole: Option<Bytes>,
    body: AnswerBody,
    /// The body broke off or stopped coming: the browser must not take what came for the whole.
    pub broken: bool,
}

impl ReadAnswer {
    /// As the adapters take it.
    pub fn seen(&self) -> Answer<'_> {
        Answer { status: self.head.status, headers: &self.head.headers, body: self.whole.as_deref() }
    }

    /// The answer to be sent on.
    pub fn into_response(self) -> Response<AnswerBody> {
        Response::from_parts(self.head, self.body)
    }
}

/// Whether the answer may say what came of a request: pages and JSON do, files and images do not.
pub fn speaks(response: &Response<Arriving>) -> bool {
    let encoded = response.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    !encoded
        && (kind.is_empty()
            || ["text/html", "application/json", "text/plain", "application/xhtml+xml"]
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known)))
}

/// Reads an answer whole where it is short enough, waiting at most `patience` for each next piece. Never fails: what
/// cannot be read is said to be unread.
pub async fn read(response: Response<Arriving>, patience: Duration) -> ReadAnswer {
    let readable = speaks(&response);
    let (head, mut body) = response.into_parts();
    if !readable {
        return ReadAnswer { head, whole: None, body: AnswerBody::Streamed(body), broken: false };
    }
    let mut read = BytesMut::new();
    loop {
        match tokio::time::timeout(patience, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    read.extend_from_slice(&data);
                }
            }
            Ok(Some(Err(_))) | Err(_) => {
                let body = AnswerBody::Whole(read.freeze());
                return ReadAnswer { head, whole: None, body, broken: true };
            }
        }
        if read.len() > READ_MAX {
            return ReadAnswer { head, whole: None, body: AnswerBody::Begun(Some(read.freeze()), body), broken: false };
        }
    }
    let whole = read.freeze();
    ReadAnswer { head, whole: Some(whole.clone()), body: AnswerBody::Whole(whole), broken: false }
}
