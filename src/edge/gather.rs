//! Gathers what one turn of an HTTP/2 connection writes.
//!
//! The framing below hyper flushes after every frame of data. On TLS each flush is a record, a system call and a segment
//! of its own; answered together, the forty small files of a cold visit are a few. So a flush waits here until the
//! connection has had its turn, at the end of which everything goes out.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes gathered at most: one TLS record. What is larger goes through as it is.
const GATHERED_MAX: usize = 16 * 1024;

/// The stream for hyper, and the turns in which it is to be served; one is no use without the other.
pub(super) fn gather<S>(stream: S) -> (Gathered<S>, Turns<S>) {
    let shared = Arc::new(Mutex::new(Shared { stream, gathered: Vec::new(), written: 0, held_up: false }));
    (Gathered(Arc::clone(&shared)), Turns(shared))
}

/// The stream. Its flush succeeds at once and is done at the end of the turn.
pub(super) struct Gathered<S>(Arc<Mutex<Shared<S>>>);

/// See [`Turns::serve`].
pub(super) struct Turns<S>(Arc<Mutex<Shared<S>>>);

/// Only ever locked from within the one task that serves the connection.
struct Shared<S> {
    stream: S,
    gathered: Vec<u8>,
    /// How much of it the stream has taken.
    written: usize,
    /// A write could not be taken in this turn.
    held_up: bool,
}

impl<S: AsyncWrite + Unpin> Turns<S> {
    /// Polls `serving`, which owns the stream, and lets out what it wrote each time.
    pub(super) fn serve(self, serving: impl Future<Output = io::Result<()>>) -> impl Future<Output = io::Result<()>> {
        let mut serving = Box::pin(serving);
        poll_fn(move |cx| {
            if let Poll::Ready(outcome) = serving.as_mut().poll(cx) {
                return Poll::Ready(outcome);
            }
            let mut shared = self.0.lock();
            match shared.poll_flush(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // There is room again, and nobody else would tell the one who waits for it.
                Poll::Ready(Ok(())) if std::mem::take(&mut shared.held_up) => cx.waker().wake_by_ref(),
                _ => {}
            }
            Poll::Pending
        })
    }
}

impl<S: AsyncWrite + Unpin> Shared<S> {
    /// Hands what was gathered to the stream.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.gathered.len() {
            let rest = &self.gathered[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.written += taken,
            }
        }
        // Connections are idle for most of their life, and hold no memory meanwhile.
        self.gathered = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_hand_over(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Takes all of `pieces`, of `bytes` together, where there is room for them; else the stream shall.
    fn poll_gather(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>], bytes: usize) -> Poll<io::Result<usize>> {
        if self.gathered.len() + bytes > GATHERED_MAX {
            let handed_over = self.poll_hand_over(cx);
            self.held_up |= handed_over.is_pending();
            ready!(handed_over)?;
            if bytes > GATHERED_MAX {
                return Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
            }
        }
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(GATHERED_MAX);
        }
        for piece in pieces {
            self.gathered.extend_from_slice(piece);
        }
        Poll::Ready(Ok(bytes))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll_gather(cx, &[IoSlice::new(bytes)], bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        self.0.lock().poll_gather(cx, pieces, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.0.lock();
        ready!(shared.poll_flush(cx))?;
        Pin::new(&mut shared.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn write_and_flush(mut stream: Gathered<impl AsyncWrite + Unpin>, sizes: &[usize]) -> io::Result<()> {
        let mut next = 0..;
        for size in sizes {
            let piece: Vec<u8> = next.by_ref().take(*size).map(|at: u32| (at % 251) as u8).collect();
            stream.write_all(&piece).await?;
            stream.flush().await?;
        }
        stream.shutdown().await
    }

    #[tokio::test]
    async fn everything_comes_in_order_whatever_the_pieces_and_however_narrow_the_way() {
        for sizes in [&[1, 2, 3][..], &[16_384, 1, 16_384], &[100_000, 5, 70_000], &[16_385, 16_383, 1, 1]] {
            for width in [1, 100, 1 << 20] {
                let (near, mut far) = tokio::io::duplex(width);
                let (stream, turns) = gather(near);
                let mut came = Vec::new();
                let (served, read) =
                    tokio::join!(turns.serve(write_and_flush(stream, sizes)), far.read_to_end(&mut came));
                served.expect("the other end reads");
                read.expect("the other end closes");
                let all: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|at| (at % 251) as u8).collect();
                assert!(came == all, "{sizes:?} through {width}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_flushed_in_one_turn_arrives_in_one_piece_and_waits_for_nothing() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let (mut stream, turns) = gather(near);
        let serving = async {
            stream.write_all(b"one ").await?;
            stream.flush().await?;
            stream.write_all(b"two").await?;
            stream.flush().await?;
            std::future::pending().await
        };
        let mut came = [0; 64];
        tokio::select! {
            served = turns.serve(serving) => served.expect("it does not end"),
            read = far.read(&mut came) => assert_eq!(&came[..read.expect("it is open")], b"one two"),
        }
    }
}
