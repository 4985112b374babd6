//! Connections to the webmails, kept between requests. One pool per worker.
//!
//! A general client looks its connections up by hash, asks for them in a future of its own and gives each back in a
//! task of its own; for a file of a kilobyte that was a fifth of the gateway's work. Here they lie on a shelf for each
//! webmail, and an answer puts its connection back when its body ends.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use parking_lot::Mutex;
use tower::ServiceExt as _;

use super::body::RequestBody;
use super::{Failed, Place};

/// Idle connections kept per webmail: as many as answer a cold visit at once.
const KEPT_MAX: usize = 64;

/// How often it is looked for connections that nobody has taken.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A connection is closed when it was seen idle so often: after 3 to 4 s, below the shortest keep-alive of common web servers
/// (Apache's is 5 s), so that a kept connection is hardly ever one that the other side is just closing.
const SWEEPS: u8 = 4;

/// How connections to webmails are made.
pub type Connector = HttpsConnector<HttpConnector>;

/// A pool.
#[derive(Clone)]
pub struct Pool(Arc<Shelves>);

struct Shelves {
    connector: Connector,
    /// One for each webmail that was ever asked: a reload that brings another adds one, and their number stays small.
    shelves: Mutex<Vec<Shelf>>,
}

struct Shelf {
    place: Arc<str>,
    /// The last is the one that was used last.
    kept: Vec<Kept>,
}

struct Kept {
    sender: SendRequest<RequestBody>,
    /// How often it was seen idle.
    sweeps: u8,
}

impl Pool {
    /// An empty one. Must be called within a runtime: what is kept too long is closed by a task.
    pub fn new(connector: Connector) -> Self {
        let shelves = Arc::new(Shelves { connector, shelves: Mutex::default() });
        tokio::spawn(sweep(Arc::downgrade(&shelves)));
        Self(shelves)
    }

    /// Asks over a kept connection, or over a new one where none is left.
    ///
    /// # Errors
    /// [`Failed::Unreachable`] as long as nothing was written, [`Failed::Broken`] after that.
    pub async fn ask(&self, mut request: Request<RequestBody>, place: &Place) -> Result<Response<Arriving>, Failed> {
        let shelf = self.0.shelf(place);
        while let Some(mut sender) = self.0.take(shelf) {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(self.arriving(response, sender, shelf)),
                // It was closing when it was taken: not a byte was written.
                Err(mut error) if error.message().is_some() => {
                    request = error.take_message().expect("it was there");
                }
                Err(error) => return Err(Failed::Broken(error.into_error())),
            }
        }
        // Boxed: connecting is rare, and what it needs is much.
        let (response, sender) = Box::pin(self.0.ask_anew(request, place)).await?;
        Ok(self.arriving(response, sender, shelf))
    }

    /// Asks over a connection of its own, which is closed afterwards.
    ///
    /// # Errors
    /// As [`Pool::ask`].
    pub async fn ask_alone(&self, request: Request<RequestBody>, place: &Place) -> Result<Response<Arriving>, Failed> {
        let (response, _) = Box::pin(self.0.ask_anew(request, place)).await?;
        Ok(response.map(|body| Arriving { body, way_back: None }))
    }

    fn arriving(
        &self,
        response: Response<Incoming>,
        sender: SendRequest<RequestBody>,
        shelf: usize,
    ) -> Response<Arriving> {
        // A connection that changed its protocol is nobody's any more.
        let comes_back = response.status() != StatusCode::SWITCHING_PROTOCOLS;
        let way_back = comes_back.then(|| WayBack { sender, shelves: Arc::clone(&self.0), shelf });
        response.map(|body| Arriving { body, way_back })
    }
}

impl Shelves {
    fn shelf(&self, place: &Place) -> usize {
        let mut shelves = self.shelves.lock();
        let known = shelves.iter().position(|shelf| shelf.place == place.name);
        known.unwrap_or_else(|| {
            shelves.push(Shelf { place: Arc::clone(&place.name), kept: Vec::new() });
            shelves.len() - 1
        })
    }

    /// The connection that was used last and can take a request now.
    fn take(&self, shelf: usize) -> Option<SendRequest<RequestBody>> {
        let mut shelves = self.shelves.lock();
        let kept = &mut shelves.get_mut(shelf)?.kept;
        let ready = kept.iter().rposition(|kept| kept.sender.is_ready())?;
        Some(kept.remove(ready).sender)
    }

    fn give_back(&self, sender: SendRequest<RequestBody>, shelf: usize) {
        if sender.is_closed() {
            return;
        }
        if let Some(shelf) = self.shelves.lock().get_mut(shelf)
            && shelf.kept.len() < KEPT_MAX
        {
            shelf.kept.push(Kept { sender, sweeps: 0 });
        }
    }

    async fn ask_anew(
        &self,
        request: Request<RequestBody>,
        place: &Place,
    ) -> Result<(Response<Incoming>, SendRequest<RequestBody>), Failed> {
        let stream = self.connector.clone().oneshot(place.uri.clone()).await.map_err(Failed::Unreachable)?;
        let (mut sender, connection) =
            http1::handshake(stream).await.map_err(|error| Failed::Unreachable(error.into()))?;
        // How it ends is told to whoever waits for an answer on it.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        match sender.try_send_request(request).await {
            Ok(response) => Ok((response, sender)),
            Err(error) if error.message().is_some() => Err(Failed::Unreachable(error.into_error().into())),
            Err(error) => Err(Failed::Broken(error.into_error())),
        }
    }
}

async fn sweep(shelves: Weak<Shelves>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(shelves) = shelves.upgrade() else { return };
        for shelf in shelves.shelves.lock().iter_mut() {
            shelf.kept.retain_mut(|kept| {
                kept.sweeps += 1;
                !kept.sender.is_closed() && kept.sweeps < SWEEPS
            });
        }
    }
}

/// Where a connection goes when its answer has been read.
struct WayBack {
    sender: SendRequest<RequestBody>,
    shelves: Arc<Shelves>,
    shelf: usize,
}

/// The body of a webmail's answer, as it comes. Once it has come whole, its connection is free for the next request;
/// dropped before, it closes the connection.
pub struct Arriving {
    body: Incoming,
    way_back: Option<WayBack>,
}

impl Arriving {
    fn has_come(&mut self) {
        if let Some(WayBack { sender, shelves, shelf }) = self.way_back.take() {
            shelves.give_back(sender, shelf);
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Err(_)) => self.way_back = None,
            Some(Ok(_)) if !self.body.is_end_stream() => {}
            Some(Ok(_)) | None => self.has_come(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // A body that has nothing in it is never asked for.
        if self.body.is_end_stream() {
            self.has_come();
        }
    }
}
