//! A webmail that does as it is told: it keeps what it received, byte for byte, and answers what the test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection, from 0.
    pub connection: usize,
    /// Which request of that connection, from 0.
    pub nth: usize,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names as they came, in order.
    pub headers: Vec<(String, String)>,
    /// Whole, chunks put together.
    pub body: Bytes,
}

impl Received {
    /// The only value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(of, _)| of.eq_ignore_ascii_case(name));
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice: {:?}", self.headers);
        value.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What is answered, step by step.
#[derive(Clone, Debug, Default)]
pub struct Reply(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Write(Bytes),
    /// Goes on when the test adds a permit.
    Wait(Arc<Semaphore>),
    Close,
    /// Never answers; the connection stays open.
    Hang,
    /// Whatever comes goes back: after an upgrade.
    Echo,
}

impl Reply {
    /// These bytes as they are.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self(vec![Step::Write(bytes.into())])
    }

    /// A status with header lines (each with its line end) and a body whose length is told.
    pub fn status(status: &str, headers: &str, body: &str) -> Self {
        Self::raw(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// A page.
    pub fn page(body: &str) -> Self {
        Self::status("200 OK", "Content-Type: text/html; charset=UTF-8\r\n", body)
    }

    /// The connection is closed without a word.
    pub fn close() -> Self {
        Self(vec![Step::Close])
    }

    /// Nothing ever comes.
    pub fn hang() -> Self {
        Self(vec![Step::Hang])
    }

    /// Then these bytes.
    pub fn then(mut self, bytes: impl Into<Bytes>) -> Self {
        self.0.push(Step::Write(bytes.into()));
        self
    }

    /// Then nothing until the test allows it.
    pub fn wait(mut self, gate: &Arc<Semaphore>) -> Self {
        self.0.push(Step::Wait(Arc::clone(gate)));
        self
    }

    /// Then what another reply says.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Then the connection is closed.
    pub fn then_close(mut self) -> Self {
        self.0.push(Step::Close);
        self
    }

    /// Then nothing, for ever.
    pub fn then_hang(mut self) -> Self {
        self.0.push(Step::Hang);
        self
    }

    /// Then everything comes back.
    pub fn then_echo(mut self) -> Self {
        self.0.push(Step::Echo);
        self
    }
}

/// The running webmail; it ends with the test's runtime.
#[derive(Clone)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    /// Bytes of requests that came, whole or not.
    bytes: AtomicUsize,
    answer: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
}

impl Upstream {
    /// Starts one that answers every request by this.
    pub async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            answer: Box::new(answer),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = serving.connections.fetch_add(1, Ordering::SeqCst);
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.connection(stream, connection).await });
            }
        });
        Self { address, shared }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that came whole, in order.
    pub fn seen(&self) -> Vec<Received> {
        self.shared.seen.lock().expect("no test panics while it looks").clone()
    }

    /// The only request that came, or the latest if there were more.
    pub fn last(&self) -> Received {
        self.seen().pop().expect("a request came")
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        self.shared.seen.lock().expect("no test panics while it looks").clear();
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Bytes so far, of requests whole or not.
    pub fn bytes(&self) -> usize {
        self.shared.bytes.load(Ordering::SeqCst)
    }
}

impl Shared {
    async fn connection(&self, mut stream: TcpStream, connection: usize) {
        let _ = stream.set_nodelay(true);
        let mut buffer = Vec::new();
        for nth in 0.. {
            let Some(received) = self.request(&mut stream, &mut buffer, connection, nth).await else { return };
            let reply = (self.answer)(&received);
            self.seen.lock().expect("no test panics while it looks").push(received);
            for step in reply.0 {
                match step {
                    Step::Write(bytes) => {
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                    Step::Wait(gate) => gate.acquire().await.expect("nobody closes it").forget(),
                    Step::Close => return,
                    Step::Hang => std::future::pending().await,
                    Step::Echo => {
                        let (mut from, mut to) = stream.split();
                        let _ = tokio::io::copy(&mut from, &mut to).await;
                        return;
                    }
                }
            }
        }
    }

    async fn request(
        &self,
        stream: &mut TcpStream,
        buffer: &mut Vec<u8>,
        connection: usize,
        nth: usize,
    ) -> Option<Received> {
        let end = loop {
            if let Some(at) = find(buffer, b"\r\n\r\n") {
                break at;
            }
            self.more(stream, buffer).await?;
        };
        let head = String::from_utf8(buffer.drain(..end + 4).collect()).expect("Mailward writes ASCII heads");
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers: Vec<(String, String)> = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut received = Received { connection, nth, method, target, headers, body: Bytes::new() };
        let body = if received.header("transfer-encoding").is_some() {
            self.chunks(stream, buffer).await?
        } else {
            let length = received.header("content-length").map_or(0, |length| length.parse().expect("a number"));
            while buffer.len() < length {
                self.more(stream, buffer).await?;
            }
            buffer.drain(..length).collect()
        };
        received.body = Bytes::from(body);
        Some(received)
    }

    async fn chunks(&self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = find(buffer, b"\r\n") {
                    break at;
                }
                self.more(stream, buffer).await?;
            };
            let line: Vec<u8> = buffer.drain(..end + 2).collect();
            let length = usize::from_str_radix(std::str::from_utf8(&line[..end]).ok()?, 16).ok()?;
            while buffer.len() < length + 2 {
                self.more(stream, buffer).await?;
            }
            body.extend(buffer.drain(..length));
            buffer.drain(..2);
            if length == 0 {
                return Some(body);
            }
        }
    }

    async fn more(&self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
        let read = stream.read_buf(buffer).await.ok()?;
        self.bytes.fetch_add(read, Ordering::SeqCst);
        (read > 0).then_some(())
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
