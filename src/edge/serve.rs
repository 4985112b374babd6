//! One worker's accept loop and the life of each connection.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::admission::Admitted;
use super::pace::{self, Answering, Pace, Paced, Watch};
use super::{Connection, Handler, Held, gather, proxy_header};

/// Bounds of HTTP on one connection.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For the TLS handshake and for a request's headers.
    pub header_timeout: Duration,
    /// Without a request.
    pub idle_timeout: Duration,
}

/// Header bytes of one request: what PHP and web servers take, and some.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Headers of one request.
const HEADERS_MAX: usize = 100;

/// Requests at once on one HTTP/2 connection; a cold visit to Roundcube asks for some forty files.
const STREAMS_MAX: u32 = 128;

/// Streams a client may open and reset before it is cut off (CVE-2023-44487).
const RESETS_MAX: usize = 64;

/// What a connection may buffer of answers that the client does not read, per HTTP/2 stream, in bytes.
const SEND_BUFFER_MAX: usize = 256 * 1024;

/// How long an idle HTTP/1.1 connection is still answered on after we have decided to leave it: its next request may be on
/// its way already, and would be lost. HTTP/2 says goodbye in a way that cannot cross one.
const CROSSING: Duration = Duration::from_millis(500);

/// What TLS may hold of an answer until the socket takes it, in bytes: 64 KiB with head and record headers in one write.
const UNSENT_MAX: usize = 72 * 1024;

/// Where connections come from and under which rules; looked at anew for each, because a reload may change it.
pub trait Door: Send + Sync + 'static {
    /// Whether a PROXY header of this peer is believed, and then required.
    fn proxied(&self, peer: IpAddr) -> bool;
    /// Asks for room; none: close at once.
    fn admit(&self, peer: IpAddr) -> Option<Admitted>;
    /// The bounds in force.
    fn bounds(&self) -> Bounds;
    /// TLS, where this door speaks it.
    fn tls(&self) -> Option<TlsAcceptor>;
    /// A handshake failed.
    fn handshake_failed(&self);
    /// A connection was ended for a flood within HTTP/2 itself.
    fn flooded(&self, connection: &Connection);
    /// A connection is open as long as what is returned is kept.
    fn opened(&self) -> Held;
}

/// Accepts until `stop` says so, then lets what is open finish for `patience`.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    door: Arc<dyn Door>,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
    patience: Duration,
) {
    let open = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        match stream {
            Ok((stream, address)) => {
                let (door, handler, stop) = (Arc::clone(&door), Arc::clone(&handler), stop.clone());
                open.spawn(async move {
                    if let Err(error) = connection(stream, address.ip(), door, handler, stop).await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: accepting again at once would spin. A moment later some are free.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(patience, open.wait()).await.is_err() {
        tracing::warn!("some connections were still open at the end of stop_timeout and are closed");
    }
}

async fn connection<H: Handler>(
    mut stream: TcpStream,
    socket_peer: IpAddr,
    door: Arc<dyn Door>,
    handler: Arc<H>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let bounds = door.bounds();
    let socket_peer = socket_peer.to_canonical();
    // Small answers would wait for the client's delayed acknowledgement otherwise.
    stream.set_nodelay(true)?;
    let peer = if door.proxied(socket_peer) {
        within(bounds.header_timeout, proxy_header::read(&mut stream)).await?.unwrap_or(socket_peer)
    } else {
        socket_peer
    };
    let Some(admitted) = door.admit(peer) else { return Ok(()) };
    let held = door.opened();
    let Some(acceptor) = door.tls() else {
        let connection = Connection::new(peer, None, admitted, held);
        return speak_http1(stream, connection, handler, stop, bounds).await;
    };
    // Both boxed: what is moved from hand to hand leaves room for itself in each.
    let mut stream = match within(bounds.header_timeout, Box::pin(acceptor.accept(stream))).await {
        Ok(stream) => Box::new(stream),
        Err(error) => {
            door.handshake_failed();
            return Err(error);
        }
    };
    let (_, session) = stream.get_mut();
    session.set_buffer_limit(Some(UNSENT_MAX));
    let server_name = session.server_name().map(|name| Arc::from(name.to_ascii_lowercase()));
    let http2 = session.alpn_protocol() == Some(b"h2");
    let connection = Connection::new(peer, server_name, admitted, held);
    if !http2 {
        return speak_http1(stream, connection, handler, stop, bounds).await;
    }
    let served = speak_http2(stream, Arc::clone(&connection), handler, stop, bounds).await;
    if served.as_ref().is_err_and(was_flooded) {
        door.flooded(&connection);
    }
    served
}

/// Whether HTTP/2 gave a connection up because of what it was asked to do in vain, such as streams opened and reset.
fn was_flooded(error: &io::Error) -> bool {
    let hyper = error.get_ref().and_then(|error| error.downcast_ref::<hyper::Error>());
    let framing = hyper.and_then(Error::source).and_then(|error| error.downcast_ref::<h2::Error>());
    framing.is_some_and(|error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

async fn within<T>(limit: Duration, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(limit, doing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn speak_http1<H: Handler>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Arc<Connection>,
    handler: Arc<H>,
    stop: watch::Receiver<bool>,
    bounds: Bounds,
) -> io::Result<()> {
    let pace = Pace::new(true);
    let stream = Paced::new(stream, Arc::clone(&pace), true);
    let service = answering(handler, Arc::clone(&connection), Arc::clone(&pace));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).max_buf_size(HEADER_BYTES_MAX).max_headers(HEADERS_MAX).half_close(false);
    // The time limits are `pace`'s; hyper's own would run beside it.
    builder.header_read_timeout(None);
    let serving = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    attend(serving, Some(CROSSING), |serving| serving.graceful_shutdown(), (&pace, &connection), stop, bounds).await
}

async fn speak_http2<H: Handler>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Arc<Connection>,
    handler: Arc<H>,
    stop: watch::Receiver<bool>,
    bounds: Bounds,
) -> io::Result<()> {
    let pace = Pace::new(false);
    let stream = Paced::new(stream, Arc::clone(&pace), false);
    let service = answering(handler, Arc::clone(&connection), Arc::clone(&pace));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .max_send_buf_size(SEND_BUFFER_MAX)
        // A client that is gone without a word is found out; one that is there answers by itself.
        .keep_alive_interval(Some(bounds.idle_timeout))
        .keep_alive_timeout(bounds.header_timeout);
    let (stream, turns) = gather::gather(stream);
    let serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    turns.serve(attend(serving, None, |serving| serving.graceful_shutdown(), (&pace, &connection), stop, bounds)).await
}

/// How far the end of a connection is.
enum Leaving {
    No,
    /// Its next answer says that it is the last.
    Announced,
    /// It ends when what is under way has been answered.
    Said,
}

/// Serves a connection to its end: the client's, the gateway's, or that of our patience with it. Pinned by who calls: what
/// is moved in here would leave room for itself behind, as long as the connection is open.
async fn attend<C: Future<Output = hyper::Result<()>>>(
    mut serving: Pin<&mut C>,
    crossing: Option<Duration>,
    say_goodbye: impl Fn(Pin<&mut C>),
    (pace, connection): (&Pace, &Connection),
    mut stop: watch::Receiver<bool>,
    bounds: Bounds,
) -> io::Result<()> {
    let mut watch = Watch::new(bounds.header_timeout, bounds.idle_timeout);
    let mut look = pin!(tokio::time::sleep(watch.every()));
    let (mut stopping, mut leaving) = (false, Leaving::No);
    // What floods is asked about whenever the connection has its turn, which every answer brings about.
    let is = |claim: fn(&Connection) -> bool| {
        poll_fn(move |_| if claim(connection) { Poll::Ready(()) } else { Poll::Pending })
    };
    loop {
        let mut leave = false;
        tokio::select! {
            biased;
            done = serving.as_mut() => return done.map_err(io::Error::other),
            () = is(Connection::is_cut_off) => return Err(io::ErrorKind::ConnectionAborted.into()),
            () = is(Connection::is_sent_away), if matches!(leaving, Leaving::No) => leave = true,
            _ = stop.wait_for(|stopping| *stopping), if !stopping => {
                stopping = true;
                leave = matches!(leaving, Leaving::No);
            }
            () = look.as_mut() => {
                look.set(tokio::time::sleep(watch.every()));
                match leaving {
                    Leaving::No => leave = watch.is_over(pace),
                    Leaving::Announced => {
                        leaving = Leaving::Said;
                        say_goodbye(serving.as_mut());
                    }
                    Leaving::Said if watch.is_over(pace) => return Err(io::ErrorKind::TimedOut.into()),
                    Leaving::Said => {}
                }
            }
        }
        if leave {
            pace.leave();
            if let Some(crossing) = crossing {
                leaving = Leaving::Announced;
                look.set(tokio::time::sleep(crossing));
            } else {
                leaving = Leaving::Said;
                say_goodbye(serving.as_mut());
            }
        }
    }
}

/// What answers the requests of one connection; each counts for its pace as long as it is answered.
fn answering<H: Handler>(
    handler: Arc<H>,
    connection: Arc<Connection>,
    pace: Arc<Pace>,
) -> impl HttpService<
    Incoming,
    ResBody = Answering<H::Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Answering<H::Body>>, Infallible>> + Send,
> + Send {
    // Boxed: a connection keeps room for what answers its next request, and is idle for most of its life.
    service_fn(move |request| Box::pin(answer(Arc::clone(&handler), Arc::clone(&connection), pace.request(), request)))
}

async fn answer<H: Handler>(
    handler: Arc<H>,
    connection: Arc<Connection>,
    counted: pace::Request,
    request: Request<Incoming>,
) -> Result<Response<Answering<H::Body>>, Infallible> {
    let may_be_told = request.version() <= Version::HTTP_11;
    // HTTP/1.1 asks one after the other.
    let place = if may_be_told { None } else { connection.place().await };
    let mut response = handler.answer(request, &connection).await;
    drop(place);
    let is_last = counted.is_last() || connection.is_sent_away();
    if may_be_told && is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answering::new(body, counted)))
}
