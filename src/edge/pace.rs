//! How long a connection may keep us waiting: for the rest of a request's headers, and for its next request.
//!
//! hyper counts both as one, so a single time limit of its own would either cut off browsers that are merely idle or
//! let a request's headers trickle in for minutes. Over HTTP/2 it has neither. Nothing here reads a clock: a
//! connection is looked at a few times within its limits, and waits as long as nothing has changed between looks.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Looks within the shorter of the limits: a connection is closed at most a quarter of it late.
const LOOKS: u32 = 4;

/// Writing at least this many bytes at once is an answer on its way; less may be a reply to a ping, by which a client
/// that asks for nothing could stay for ever.
const ANSWER_BYTES_MIN: usize = 1_024;

/// What a connection waits for. Shared by its stream, its requests and whoever looks.
#[derive(Default)]
pub struct Pace {
    requests: AtomicU32,
    /// The beginning of a request's headers came, or is due.
    reading: AtomicBool,
    turns: AtomicU32,
    /// The next answer is to be the last.
    leaving: AtomicBool,
}

impl Pace {
    /// A new connection. `first_is_due`: its first request must come as quickly as the rest of one that has begun.
    pub fn new(first_is_due: bool) -> Arc<Self> {
        Arc::new(Self { reading: AtomicBool::new(first_is_due), ..Self::default() })
    }

    /// A request whose headers are there; it counts until what is returned is dropped.
    pub fn request(self: &Arc<Self>) -> Request {
        self.reading.store(false, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.turn();
        Request(Arc::clone(self))
    }

    /// From now on every answer says that it is the last.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    fn came(&self) {
        if self.requests.load(Ordering::Relaxed) == 0 && !self.reading.swap(true, Ordering::Relaxed) {
            self.turn();
        }
    }

    fn went(&self, bytes: usize) {
        if bytes >= ANSWER_BYTES_MIN {
            self.turn();
        }
    }
}

/// A request that is being answered.
pub struct Request(Arc<Pace>);

impl Request {
    /// Whether its answer says that it is the last of its connection.
    pub fn is_last(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
        self.0.turn();
    }
}

/// Looks at a connection now and then.
pub struct Watch {
    header_timeout: Duration,
    idle_timeout: Duration,
    turns: u32,
    waited: Duration,
}

impl Watch {
    /// With these limits.
    pub const fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        Self { header_timeout, idle_timeout, turns: 0, waited: Duration::ZERO }
    }

    /// The time between two looks.
    pub fn every(&self) -> Duration {
        self.header_timeout.min(self.idle_timeout) / LOOKS
    }

    /// Whether the connection has kept us waiting too long. To be asked every [`Watch::every`].
    pub fn is_over(&mut self, pace: &Pace) -> bool {
        let turns = pace.turns.load(Ordering::Relaxed);
        if turns != self.turns || pace.requests.load(Ordering::Relaxed) > 0 {
            (self.turns, self.waited) = (turns, Duration::ZERO);
            return false;
        }
        self.waited += self.every();
        let limit = if pace.reading.load(Ordering::Relaxed) { self.header_timeout } else { self.idle_timeout };
        self.waited >= limit
    }
}

/// A stream whose bytes are noticed.
pub struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    /// Whether bytes that come are a request's headers; over HTTP/2 they may be anything.
    reads_headers: bool,
}

impl<S> Paced<S> {
    /// Notices what comes and goes.
    pub const fn new(stream: S, pace: Arc<Pace>, reads_headers: bool) -> Self {
        Self { stream, pace, reads_headers }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.reads_headers && buffer.filled().len() > before {
            self.pace.came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(bytes)) = written {
            self.pace.went(bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(bytes)) = written {
            self.pace.went(bytes);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// An answer's body; with it the request ends.
pub struct Answering<B> {
    body: B,
    _request: Request,
}

impl<B> Answering<B> {
    /// The request counts until the body has been handed over.
    pub const fn new(body: B, request: Request) -> Self {
        Self { body, _request: request }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: Duration = Duration::from_secs(4);
    const IDLE: Duration = Duration::from_secs(20);

    /// How many looks, a second apart, until a connection is over.
    fn looks(watch: &mut Watch, pace: &Pace) -> usize {
        (1..=100).find(|_| watch.is_over(pace)).unwrap_or(usize::MAX)
    }

    #[test]
    fn headers_are_waited_for_shortly_and_the_next_request_longer() {
        let pace = Pace::new(true);
        let mut watch = Watch::new(HEADERS, IDLE);
        assert_eq!(watch.every(), Duration::from_secs(1));
        assert_eq!(looks(&mut watch, &pace), 4, "the first request is due");
        drop(pace.request());
        assert_eq!(looks(&mut watch, &pace), 21, "then it may idle");
        pace.came();
        assert_eq!(looks(&mut watch, &pace), 5, "but not within a request's headers");
        pace.came();
        assert!(watch.is_over(&pace), "and more of them is no reprieve");
    }

    #[test]
    fn a_request_may_take_as_long_as_it_takes_and_so_may_its_answer() {
        let pace = Pace::new(false);
        let mut watch = Watch::new(HEADERS, IDLE);
        let request = pace.request();
        assert_eq!(looks(&mut watch, &pace), usize::MAX);
        drop(request);
        for _ in 0..100 {
            pace.went(ANSWER_BYTES_MIN);
            assert!(!watch.is_over(&pace));
        }
        for _ in 0..19 {
            pace.went(17);
            assert!(!watch.is_over(&pace));
        }
        assert_eq!(looks(&mut watch, &pace), 1, "answers to pings are no answers");
    }
}
