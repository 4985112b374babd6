//! A small HTTP client with a cookie jar: one connection for each request, no redirect followed unless asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;

/// The user agent of a [`Client`] that was given no other.
pub const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";

/// Beyond any time limit of Mailward's own that a test waits for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(240);

/// A browser without script: it keeps cookies and sends what it is told.
#[derive(Clone)]
pub struct Client {
    server: SocketAddr,
    /// What the `Host` header says, with the port.
    host: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    http2: bool,
    from: Option<IpAddr>,
    headers: HeaderMap,
    cookies: BTreeMap<String, String>,
}

/// What came back, whole.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers, each `Set-Cookie` on its own.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `Location`, or nothing.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Every `Set-Cookie` line.
    pub fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok())
    }
}

impl Client {
    /// Plain HTTP to this address.
    pub fn http(server: SocketAddr) -> Self {
        Self {
            server,
            host: server.to_string(),
            tls: None,
            http2: false,
            from: None,
            headers: HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(BROWSER))]),
            cookies: BTreeMap::new(),
        }
    }

    /// HTTPS to `name` at this address, trusting this certificate and no other.
    pub fn https(server: SocketAddr, name: &str, trusted: &CertificateDer<'static>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.clone()).expect("the test's own certificate can be read");
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { host: format!("{name}:{}", server.port()), tls: Some(Arc::new(tls)), ..Self::http(server) }
    }

    /// Asks for this host from now on, with the server's port.
    pub fn named(mut self, name: &str) -> Self {
        self.host = format!("{name}:{}", self.server.port());
        self
    }

    /// Speaks HTTP/2 from now on.
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Comes from this loopback address from now on: any of 127.0.0.0/8 is another network prefix to Mailward.
    pub fn from(mut self, address: impl Into<IpAddr>) -> Self {
        self.from = Some(address.into());
        self
    }

    /// Sends this header with every request from now on.
    pub fn header(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("a header value without control characters");
        self.headers.insert(HeaderName::from_static(name), value);
    }

    /// The value of a cookie in the jar.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Puts a cookie into the jar.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// The same browser at another gateway: it brings the cookies of the first along.
    pub fn with_cookies_of(mut self, other: &Self) -> Self {
        self.cookies.clone_from(&other.cookies);
        self
    }

    /// Forgets all cookies.
    pub fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    /// A GET.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, Bytes::new())).await
    }

    /// A GET that follows redirects on this host, at most five; also the path at which it ended.
    pub async fn follow(&mut self, path: &str) -> (Answer, String) {
        let mut path = path.to_owned();
        for _ in 0..5 {
            let answer = self.get(&path).await;
            if !answer.status.is_redirection() {
                return (answer, path);
            }
            let to: Uri = answer.location().parse().expect("a Location that can be read");
            path = to.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        }
        panic!("more than five redirects, the last to {path}");
    }

    /// A POST of an HTML form, `application/x-www-form-urlencoded`.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.form_request(path, fields)).await
    }

    /// That POST, which can still be changed.
    pub fn form_request(&self, path: &str, fields: &[(&str, &str)]) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, path, Bytes::from(form(fields)));
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"));
        request
    }

    /// A request that can still be changed, with this client's headers and cookies in it; then [`Client::send`] it.
    pub fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path that can be read");
        *request.headers_mut() = self.headers.clone();
        if !self.cookies.is_empty() {
            let line: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let line = HeaderValue::from_str(&line.join("; ")).expect("cookies without control characters");
            request.headers_mut().insert(COOKIE, line);
        }
        request
    }

    /// Sends a request; a connection that fails fails the test.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().clone());
        match self.try_send(request).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path} at {}: {error:#}", self.host),
        }
    }

    /// Sends a request; the error says how the connection failed.
    pub async fn try_send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let whole = async { self.connect().await?.ask(request).await };
        let answer = tokio::time::timeout(PATIENCE, whole).await??;
        self.keep_cookies(&answer);
        Ok(answer)
    }

    /// The same as far as the head of the answer; its body is still to come.
    pub async fn begin(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        self.connect().await?.begin(request).await
    }

    /// A connection to ask on more than once.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        let sender = match &self.tls {
            None => speak(stream, self.http2).await?,
            Some(tls) => {
                let mut tls = rustls::ClientConfig::clone(tls);
                tls.alpn_protocols = vec![if self.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
                let name = self.host.split(':').next().unwrap_or_default().to_owned();
                let stream = tokio_rustls::TlsConnector::from(Arc::new(tls))
                    .connect(ServerName::try_from(name)?, stream)
                    .await?;
                speak(stream, self.http2).await?
            }
        };
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(Connection { sender, scheme, host: self.host.clone() })
    }

    /// Keeps the cookies of an answer that came by a [`Connection`] of this client.
    pub fn keep_cookies(&mut self, answer: &Answer) {
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            let attributes = attributes.to_ascii_lowercase();
            if attributes.contains("max-age=0") || attributes.contains(" 1970 ") || value == "-del-" {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// An open connection.
pub struct Connection {
    sender: Sender,
    scheme: &'static str,
    host: String,
}

enum Sender {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Whether the other side still takes requests on it; waits for the answer that is under way over HTTP/1.1.
    pub async fn is_open(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// The same connection for somebody who asks at the same time, which takes HTTP/2.
    pub fn share(&self) -> Self {
        let Sender::Http2(sender) = &self.sender else { panic!("HTTP/1.1 answers one after the other") };
        Self { sender: Sender::Http2(sender.clone()), scheme: self.scheme, host: self.host.clone() }
    }

    /// Asks, as far as the head of the answer.
    pub async fn begin(&mut self, mut request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::Http1(sender) => {
                if !request.headers().contains_key(HOST) {
                    request.headers_mut().insert(HOST, HeaderValue::from_str(&self.host)?);
                }
                Ok(sender.send_request(request).await?)
            }
            Sender::Http2(sender) => {
                *request.uri_mut() = format!("{}://{}{}", self.scheme, self.host, request.uri()).parse()?;
                Ok(sender.send_request(request).await?)
            }
        }
    }

    /// Asks, and reads the answer whole.
    pub async fn ask(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

async fn speak<S>(stream: S, http2: bool) -> anyhow::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    Ok(if http2 {
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        Sender::Http2(sender)
    } else {
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        Sender::Http1(sender)
    })
}

/// Fields as a browser encodes them (WHATWG URL, section 5.2).
pub fn form(fields: &[(&str, &str)]) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string().replace("%20", "+");
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}
