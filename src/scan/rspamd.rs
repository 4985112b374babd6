//! rspamd's worker: `POST /checkv2`, as its manual's chapter on the protocol describes it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use super::{ANSWER_BYTES_MAX, Asking, Connection, Content, Envelope, Reads, Scanner, Silence, Usual};
use crate::domain::Said;
use crate::domain::scanned::Score;

/// rspamd.
pub struct Rspamd;

/// Recipients it is told of; more say nothing more.
const RECIPIENTS_MAX: usize = 100;

impl Scanner for Rspamd {
    fn id(&self) -> &'static str {
        "rspamd"
    }

    fn reads(&self) -> Reads {
        Reads::Messages
    }

    fn usual(&self) -> Usual {
        Usual { time_limit: Duration::from_secs(10), size_max: 2 * 1024 * 1024, at_once: 8 }
    }

    fn ask<'a>(&self, connection: Connection, envelope: &'a Envelope, content: &'a mut Content) -> Asking<'a, Said> {
        Box::pin(async move {
            let message = content.in_memory().cloned().unwrap_or_default();
            let mut request = Request::post("/checkv2").header(header::HOST, "localhost");
            if let Some(headers) = request.headers_mut() {
                let mut tell = |name: &'static str, text: &str| {
                    // What does not fit into a header is not told: it is written by the client.
                    if let Ok(value) = HeaderValue::from_str(text) {
                        headers.append(name, value);
                    }
                };
                tell("user", &envelope.user);
                tell("from", &envelope.from);
                if let Some(address) = envelope.address {
                    tell("ip", &address.to_string());
                }
                for recipient in envelope.recipients.iter().take(RECIPIENTS_MAX) {
                    tell("rcpt", recipient);
                }
                tell("mta-name", &envelope.site);
            }
            let request = request.body(Full::new(message)).map_err(|_| Silence::Nonsense)?;
            said(&exchange(connection, request).await?)
        })
    }

    fn ping<'a>(&self, connection: Connection) -> Asking<'a, ()> {
        Box::pin(async move {
            let request = Request::get("/ping").header(header::HOST, "localhost").body(Empty::<Bytes>::new());
            let answer = exchange(connection, request.map_err(|_| Silence::Nonsense)?).await?;
            if answer.trim_ascii() == b"pong" { Ok(()) } else { Err(Silence::Nonsense) }
        })
    }
}

/// One question and its answer, on a connection that ends with it.
async fn exchange<B>(connection: Connection, request: Request<B>) -> Result<Bytes, Silence>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let broken = |error: hyper::Error| Silence::Broken(std::io::Error::other(error));
    let (mut sender, link) = http1::handshake(TokioIo::new(connection)).await.map_err(broken)?;
    let asked = async move {
        let answer = sender.send_request(request).await.map_err(broken)?;
        if !answer.status().is_success() {
            return Err(Silence::Nonsense);
        }
        let most = usize::try_from(ANSWER_BYTES_MAX).unwrap_or(usize::MAX);
        let body = Limited::new(answer.into_body(), most).collect().await;
        Ok(body.map_err(|error| Silence::Broken(std::io::Error::other(error)))?.to_bytes())
    };
    tokio::pin!(asked, link);
    tokio::select! {
        answer = &mut asked => answer,
        // The connection may be at its end before the answer was taken out of it.
        _ = &mut link => asked.await,
    }
}

#[derive(Deserialize)]
struct Answer {
    score: f64,
    required_score: f64,
    action: String,
}

/// Of its JSON only score and action; which rules fitted is nobody's business here.
pub(super) fn said(answer: &[u8]) -> Result<Said, Silence> {
    let Answer { score, required_score, action } = serde_json::from_slice(answer).map_err(|_| Silence::Nonsense)?;
    let score = Score { points: score, of: required_score };
    Ok(match action.as_str() {
        "reject" | "discard" | "quarantine" => Said::Spam(score),
        "add header" | "rewrite subject" => Said::Likely(score),
        // An action of the operator's own says by its score what it is; to make somebody wait makes no sense here.
        "no action" | "greylist" | "soft reject" => Said::Clean,
        _ if score.of > 0.0 && score.points >= score.of => Said::Spam(score),
        _ => Said::Clean,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rspamds_answers_are_understood() {
        let score = |points, of| Score { points, of };
        let json = |action: &str, points: f64| {
            format!(
                r#"{{"is_skipped":false,"score":{points},"required_score":15.0,"action":"{action}","symbols":{{}}}}"#
            )
        };
        for (answer, expected) in [
            (json("no action", -1.5), Some(Said::Clean)),
            (json("greylist", 4.5), Some(Said::Clean)),
            (json("soft reject", 4.5), Some(Said::Clean)),
            (json("add header", 6.5), Some(Said::Likely(score(6.5, 15.0)))),
            (json("rewrite subject", 8.0), Some(Said::Likely(score(8.0, 15.0)))),
            (json("reject", 15.0), Some(Said::Spam(score(15.0, 15.0)))),
            (json("our own", 3.0), Some(Said::Clean)),
            (json("our own", 20.0), Some(Said::Spam(score(20.0, 15.0)))),
            (r#"{"error":"no such thing"}"#.to_owned(), None),
            (r#"{"score":"high","required_score":15,"action":"reject"}"#.to_owned(), None),
            ("pong".to_owned(), None),
        ] {
            assert_eq!(said(answer.as_bytes()).ok(), expected, "{answer}");
        }
    }
}
