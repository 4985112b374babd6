//! A client that writes bytes as it is told, for what no HTTP library would send.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

/// Nothing that is waited for here takes longer, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a connection is opened.
#[derive(Clone)]
pub struct Hello {
    /// From which loopback address.
    pub from: IpAddr,
    /// Sent before TLS begins.
    pub before: Vec<u8>,
    /// The name in the greeting; none: it names none.
    pub name: Option<&'static str>,
    /// Offered versions.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Offered protocols.
    pub protocols: Vec<&'static str>,
}

impl Default for Hello {
    fn default() -> Self {
        Self {
            from: Ipv4Addr::LOCALHOST.into(),
            before: Vec::new(),
            name: Some("localhost"),
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            protocols: vec!["http/1.1"],
        }
    }
}

/// An open connection.
pub struct Wire {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answered {
    /// Status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// Whole.
    pub body: Vec<u8>,
}

impl Answered {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

impl Wire {
    /// Opens one to this server.
    pub async fn open(server: SocketAddr, hello: &Hello) -> io::Result<Self> {
        within("a TLS connection", Self::connect(server, hello)).await
    }

    /// Opens one as usual; it must succeed.
    pub async fn to(server: SocketAddr) -> Self {
        Self::open(server, &Hello::default()).await.expect("the gateway takes connections")
    }

    async fn connect(server: SocketAddr, hello: &Hello) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(hello.from, 0))?;
        let mut stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&hello.before).await?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&hello.versions)
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        tls.alpn_protocols = hello.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        tls.enable_sni = hello.name.is_some();
        let name = ServerName::try_from(hello.name.unwrap_or("localhost")).map_err(io::Error::other)?;
        let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The certificate it shows.
    pub fn certificate(&self) -> Vec<u8> {
        let (_, session) = self.stream.get_ref();
        let shown = session.peer_certificates().expect("a server shows one");
        shown[0].to_vec()
    }

    /// The stream itself, for another protocol.
    pub fn into_stream(self) -> TlsStream<TcpStream> {
        self.stream
    }

    /// The TLS version spoken.
    pub fn version(&self) -> rustls::ProtocolVersion {
        self.stream.get_ref().1.protocol_version().expect("the handshake is done")
    }

    /// The protocol agreed on.
    pub fn protocol(&self) -> Option<String> {
        self.stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Writes these bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.expect("the gateway reads");
    }

    /// Writes these bytes; the gateway may have closed.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("room to write", async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Reads until this text has come; everything up to its end.
    pub async fn until(&mut self, text: &str) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(text.len()).position(|window| window == text.as_bytes()) {
                return self.buffer.drain(..at + text.len()).collect();
            }
            assert!(self.more().await, "closed before {text:?}: {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    /// Reads one answer, by its own word about its length. To a HEAD there is no body.
    pub async fn answer(&mut self) -> Answered {
        let head = String::from_utf8(self.until("\r\n\r\n").await).expect("an ASCII head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answered = Answered { status, head, body: Vec::new() };
        if answered.header("transfer-encoding").is_some() {
            loop {
                let line = String::from_utf8(self.until("\r\n").await).expect("a chunk's length");
                let length = usize::from_str_radix(line.trim(), 16).expect("a chunk's length");
                self.at_least(length + 2).await;
                answered.body.extend(self.buffer.drain(..length));
                self.buffer.drain(..2);
                if length == 0 {
                    return answered;
                }
            }
        }
        let length = answered.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        self.at_least(length).await;
        answered.body = self.buffer.drain(..length).collect();
        answered
    }

    async fn at_least(&mut self, length: usize) {
        while self.buffer.len() < length {
            assert!(self.more().await, "closed within a body");
        }
    }

    /// Waits until the gateway closes; whatever came before.
    pub async fn closed(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.buffer)
    }

    /// False: closed.
    async fn more(&mut self) -> bool {
        let Self { stream, buffer } = self;
        within("the gateway's next word", async { Ok(stream.read_buf(buffer).await) })
            .await
            .expect("no error of its own")
            .is_ok_and(|read| read > 0)
    }
}

async fn within<T>(what: &str, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, doing).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// Trusts everybody: the tests look at the certificate themselves.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
