//! ClamAV's daemon: `INSTREAM`, as its manual `clamd(8)` describes it.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use super::{Asking, Connection, Content, Envelope, Reads, Scanner, Silence, Usual, read_to_end};
use crate::domain::Said;

/// ClamAV.
pub struct ClamAv;

/// A chunk has its length before it, in four bytes; smaller ones keep one question from filling the line.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

impl Scanner for ClamAv {
    fn id(&self) -> &'static str {
        "clamav"
    }

    fn reads(&self) -> Reads {
        Reads::MessagesAndFiles
    }

    fn usual(&self) -> Usual {
        // clamd's own `StreamMaxLength` is 25 MB where nobody changed it.
        Usual { time_limit: Duration::from_secs(30), size_max: 25 * 1024 * 1024, at_once: 8 }
    }

    fn ask<'a>(&self, mut connection: Connection, _: &'a Envelope, content: &'a mut Content) -> Asking<'a, Said> {
        Box::pin(async move {
            let given = give(&mut connection, content).await;
            // It may have answered before it was given everything, and closed: then its answer says why.
            let answer = match (read_to_end(&mut connection).await, given) {
                (Ok(answer), Ok(())) => answer,
                (Ok(answer), Err(_)) if !answer.is_empty() => answer,
                (Err(silence), _) => return Err(silence),
                (Ok(_), Err(error)) => return Err(Silence::Broken(error)),
            };
            match said(&answer)? {
                Said::Clean if content.is_cut() => Ok(Said::TooLarge),
                said => Ok(said),
            }
        })
    }

    fn ping<'a>(&self, mut connection: Connection) -> Asking<'a, ()> {
        Box::pin(async move {
            connection.write_all(b"zPING\0").await.map_err(Silence::Broken)?;
            match read_to_end(&mut connection).await?.as_slice() {
                b"PONG\0" => Ok(()),
                _ => Err(Silence::Nonsense),
            }
        })
    }
}

async fn give(connection: &mut Connection, content: &mut Content) -> std::io::Result<()> {
    connection.write_all(b"zINSTREAM\0").await?;
    while let Some(piece) = content.next().await {
        for chunk in piece.chunks(CHUNK_BYTES_MAX).map(|chunk| piece.slice_ref(chunk)) {
            write_chunk(connection, &chunk).await?;
        }
    }
    connection.write_all(&[0; 4]).await?;
    connection.flush().await
}

async fn write_chunk(connection: &mut Connection, chunk: &Bytes) -> std::io::Result<()> {
    let length = u32::try_from(chunk.len()).map_err(std::io::Error::other)?;
    connection.write_all(&length.to_be_bytes()).await?;
    connection.write_all(chunk).await
}

/// `stream: OK`, `stream: NAME FOUND`, or what is wrong and `ERROR`. The name is the signature's, and stays here.
pub(super) fn said(answer: &[u8]) -> Result<Said, Silence> {
    let answer = answer.strip_suffix(b"\0").unwrap_or(answer).trim_ascii_end();
    if answer == b"stream: OK" {
        return Ok(Said::Clean);
    }
    if answer.starts_with(b"stream: ") && answer.ends_with(b" FOUND") {
        return Ok(Said::Virus);
    }
    if answer.starts_with(b"INSTREAM size limit exceeded") {
        return Ok(Said::TooLarge);
    }
    Err(Silence::Nonsense)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamds_answers_are_understood() {
        for (answer, expected) in [
            (&b"stream: OK\0"[..], Some(Said::Clean)),
            (b"stream: OK\n", Some(Said::Clean)),
            (b"stream: Eicar-Test-Signature FOUND\0", Some(Said::Virus)),
            (b"INSTREAM size limit exceeded. ERROR\0", Some(Said::TooLarge)),
            (b"stream: Can't allocate memory ERROR\0", None),
            (b"UNKNOWN COMMAND\0", None),
            (b"HTTP/1.1 400 Bad Request", None),
            (b"", None),
        ] {
            assert_eq!(said(answer).ok(), expected, "{}", String::from_utf8_lossy(answer));
        }
    }
}
