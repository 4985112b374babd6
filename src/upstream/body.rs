//! Bodies on their way through: streamed where they may, whole where they must be read first. No boxing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pool::Arriving;
use super::spool::SpoolReader;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The other side broke it off.
    #[error("the body broke off")]
    Broken(#[from] hyper::Error),
    /// The spooled body cannot be read back.
    #[error("the spooled body cannot be read back")]
    Spool(#[from] io::Error),
}

/// The body of a request to the webmail.
pub enum RequestBody {
    /// None.
    Empty,
    /// As it comes.
    Streamed(Incoming),
    /// Read whole, in memory.
    Whole(Bytes),
    /// Read whole, on disk.
    Spooled(SpoolReader),
}

impl RequestBody {
    /// Whether there is nothing in it for certain.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streamed(body) => body.is_end_stream(),
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Spooled(_) => false,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streamed(body) => {
                Poll::Ready(ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(BodyError::from)))
            }
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Spooled(reader) => {
                Poll::Ready(ready!(reader.poll_chunk(cx)).map(|chunk| chunk.map(Frame::data).map_err(BodyError::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streamed(body) => body.size_hint(),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Spooled(reader) => SizeHint::with_exact(reader.left()),
        }
    }
}

/// The body of an answer to the browser.
pub enum AnswerBody {
    /// Ours, or an answer of the webmail that was read whole.
    Whole(Bytes),
    /// The webmail's, as it comes.
    Streamed(Arriving),
    /// The webmail's, of which a beginning was read already.
    Begun(Option<Bytes>, Arriving),
    /// One of our own pages.
    Own(axum::body::Body),
}

impl AnswerBody {
    /// Nothing.
    pub const fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Begun(beginning, _) if beginning.is_some() => {
                Poll::Ready(beginning.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Streamed(body) | Self::Begun(_, body) => {
                Poll::Ready(ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)))
            }
            Self::Own(body) => {
                Poll::Ready(ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(body) => body.is_end_stream(),
            Self::Begun(beginning, body) => beginning.is_none() && body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(body) => body.size_hint(),
            Self::Begun(beginning, body) => {
                let begun = beginning.as_ref().map_or(0, Bytes::len) as u64;
                let rest = body.size_hint();
                let mut all = SizeHint::new();
                all.set_lower(rest.lower() + begun);
                if let Some(upper) = rest.upper() {
                    all.set_upper(upper + begun);
                }
                all
            }
            Self::Own(body) => body.size_hint(),
        }
    }
}
