//! The outermost room: sockets, TLS, HTTP framing, and nothing of what a request means.
//!
//! It accepts ([`listen`]), believes PROXY headers of listed networks ([`proxy_header`]), admits within bounds
//! ([`admission`]), speaks TLS ([`tls`]) and HTTP ([`serve`], [`pace`]), and hands each request to a [`Handler`] together with the
//! [`Connection`] it came on, which it ends when that floods ([`flood`]). Every time limit and bound of a connection is set
//! here.

pub mod admission;
pub mod flood;
mod gather;
pub mod listen;
pub mod pace;
pub mod proxy_header;
pub mod redirect;
pub mod serve;
pub mod tls;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::Timestamp;
use admission::Admitted;
use flood::{Refusals, Refused};

/// Requests of one connection of HTTP/2 that are dealt with at once; further ones wait, which costs next to nothing. A browser
/// that asks for forty files hardly notices; who asks for a hundred on each of many connections has nobody wait behind
/// thousands.
const AT_ONCE_MAX: usize = 16;

/// Places that an open connection takes; given back when this is dropped.
pub type Held = Box<dyn Send + Sync>;

/// What is known of the connection a request came on. It counts as open as long as somebody keeps this: after an
/// upgrade that is who carries its bytes.
pub struct Connection {
    /// The other end, canonical: the socket's, or what a listed proxy's PROXY header says.
    pub peer: IpAddr,
    /// The same as a header's value: every request of the connection is forwarded with it.
    pub peer_value: HeaderValue,
    /// The name the client asked for in its TLS greeting, lower-case.
    pub server_name: Option<Arc<str>>,
    /// Its places within the caps.
    pub admitted: Admitted,
    _held: Held,
    places: Semaphore,
    refusals: Mutex<Refusals>,
    sent_away: AtomicBool,
    cut_off: AtomicBool,
}

impl Connection {
    /// From `peer`, who asked for `server_name`, with the places that it holds.
    pub fn new(peer: IpAddr, server_name: Option<Arc<str>>, admitted: Admitted, held: Held) -> Arc<Self> {
        Arc::new(Self {
            peer,
            peer_value: address_value(peer),
            server_name,
            admitted,
            _held: held,
            places: Semaphore::new(AT_ONCE_MAX),
            refusals: Mutex::default(),
            sent_away: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
        })
    }

    /// Waits until one more of its requests may be dealt with, which goes on until what is returned is dropped. None: it is
    /// exempt; a proxy's connection may carry many people.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        if self.admitted.is_exempt() { None } else { self.places.acquire().await.ok() }
    }

    /// Counts a request that is refused because it is one too many, and says how to refuse it. Who goes on is sent away,
    /// and its prefix pauses.
    pub fn refuse(&self, now: Timestamp) -> Refused {
        let refused = self.refusals.lock().one_more(now);
        if refused >= Refused::Goodbye && !self.sent_away.swap(true, Ordering::Relaxed) {
            self.admitted.flooded(now);
        }
        if refused == Refused::CutOff {
            self.cut_off.store(true, Ordering::Relaxed);
        }
        refused
    }

    /// Whether it is to end, and says so to its client.
    pub fn is_sent_away(&self) -> bool {
        self.sent_away.load(Ordering::Relaxed)
    }

    /// Whether it is to end at once.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }
}

/// An address as a header's value.
pub fn address_value(address: IpAddr) -> HeaderValue {
    HeaderValue::try_from(address.to_string()).expect("an address is ASCII")
}

/// Whoever answers requests. One per worker, shared by its connections.
pub trait Handler: Send + Sync + 'static {
    /// The body of its answers.
    type Body: http_body::Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers one request. Never fails: whatever goes wrong is an answer.
    fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}
