//! SpamAssassin's daemon: `CHECK` of the protocol SPAMC/1.5, as `spamd/PROTOCOL` of its source describes it.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use super::{Asking, Connection, Content, Envelope, Reads, Scanner, Silence, Usual, read_to_end};
use crate::domain::Said;
use crate::domain::scanned::Score;

/// SpamAssassin.
pub struct SpamAssassin;

/// Its line says from where mail is marked; so many times its line is what nobody takes in. rspamd's own two lines stand
/// as far apart.
const SURE: f64 = 3.0;

impl Scanner for SpamAssassin {
    fn id(&self) -> &'static str {
        "spamassassin"
    }

    fn reads(&self) -> Reads {
        Reads::Messages
    }

    fn usual(&self) -> Usual {
        // spamd answers one question with one process, five of them where nobody changed it.
        Usual { time_limit: Duration::from_secs(15), size_max: 512 * 1024, at_once: 4 }
    }

    fn ask<'a>(&self, mut connection: Connection, _: &'a Envelope, content: &'a mut Content) -> Asking<'a, Said> {
        Box::pin(async move {
            let message = content.in_memory().cloned().unwrap_or_default();
            give(&mut connection, &message).await.map_err(Silence::Broken)?;
            said(&read_to_end(&mut connection).await?)
        })
    }

    fn ping<'a>(&self, mut connection: Connection) -> Asking<'a, ()> {
        Box::pin(async move {
            connection.write_all(b"PING SPAMC/1.2\r\n\r\n").await.map_err(Silence::Broken)?;
            connection.shutdown().await.map_err(Silence::Broken)?;
            let answer = read_to_end(&mut connection).await?;
            let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
            let pong = line.starts_with(b"SPAMD/") && line.ends_with(b" 0 PONG");
            if pong { Ok(()) } else { Err(Silence::Nonsense) }
        })
    }
}

async fn give(connection: &mut Connection, message: &Bytes) -> std::io::Result<()> {
    let head = format!("CHECK SPAMC/1.5\r\nContent-length: {}\r\n\r\n", message.len());
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(message).await?;
    // It begins when nothing more can come.
    connection.shutdown().await
}

/// `SPAMD/1.1 0 EX_OK`, and among its headers `Spam: True ; 7.2 / 5.0`.
pub(super) fn said(answer: &[u8]) -> Result<Said, Silence> {
    let answer = std::str::from_utf8(answer).map_err(|_| Silence::Nonsense)?;
    let mut lines = answer.lines().map(str::trim_end);
    let mut status = lines.next().unwrap_or_default().split_ascii_whitespace();
    if !status.next().is_some_and(|word| word.starts_with("SPAMD/")) || status.next() != Some("0") {
        return Err(Silence::Nonsense);
    }
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let spam = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("spam")).ok_or(Silence::Nonsense)?.1;
    let (flag, numbers) = spam.split_once(';').ok_or(Silence::Nonsense)?;
    let (points, of) = numbers.split_once('/').ok_or(Silence::Nonsense)?;
    let number =
        |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or(Silence::Nonsense);
    let score = Score { points: number(points)?, of: number(of)? };
    match flag.trim() {
        "True" | "Yes" if score.of > 0.0 && score.points >= score.of * SURE => Ok(Said::Spam(score)),
        "True" | "Yes" => Ok(Said::Likely(score)),
        "False" | "No" => Ok(Said::Clean),
        _ => Err(Silence::Nonsense),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spamds_answers_are_understood() {
        let score = |points, of| Score { points, of };
        for (answer, expected) in [
            ("SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.1 / 5.0\r\n\r\n", Some(Said::Clean)),
            (
                "SPAMD/1.5 0 EX_OK\r\nContent-length: 2\r\nSpam: True ; 7.2 / 5.0\r\n\r\nhi",
                Some(Said::Likely(score(7.2, 5.0))),
            ),
            ("SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1000.0 / 5.0\r\n\r\n", Some(Said::Spam(score(1000.0, 5.0)))),
            ("SPAMD/1.1 0 EX_OK\r\nspam: Yes ; -1.0 / -5.0\r\n\r\n", Some(Said::Likely(score(-1.0, -5.0)))),
            ("SPAMD/1.1 0 EX_OK\r\n\r\nSpam: True ; 1000.0 / 5.0\r\n", None),
            ("SPAMD/1.0 76 Bad header line: (EOF)\r\n", None),
            ("SPAMD/1.1 0 EX_OK\r\nSpam: Maybe ; 1 / 5\r\n\r\n", None),
            ("SPAMD/1.1 0 EX_OK\r\nSpam: True ; NaN / 5\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\nSpam: True ; 9 / 5\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(said(answer.as_bytes()).ok(), expected, "{answer}");
        }
    }
}
