//! `mailward serve` for one test: a configuration of its own, ports that were free, ended with the test.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use super::{Client, free_ports, until};

/// What a test's configuration has besides addresses and files.
#[derive(Clone, Default)]
pub struct Settings {
    /// Lines at the top of the file, such as `mode = "observe"`.
    pub top: String,
    /// Further lines of `[listen]`.
    pub listen: String,
    /// The product, where it is not Roundcube.
    pub webmail: Option<&'static str>,
    /// Further lines of the `[[site]]`.
    pub site: String,
    /// Whole sections, such as `[send.limits]` with its lines.
    pub sections: String,
}

impl Settings {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flood guard that lets everything through: [`Client`] opens a connection for each request, as no browser does.
    pub fn unguarded(mut self) -> Self {
        self.listen.push_str(
            "new_connections_per_prefix = \"100000/s\"\nrequests_per_prefix = \"1000000/m\"\n\
             requests_at_once_per_prefix = 100000\n",
        );
        self
    }

    /// These sections besides.
    pub fn sections(text: &str) -> Self {
        Self { sections: text.to_owned(), ..Self::default() }
    }
}

/// Who opens the public ports.
enum Ports {
    Mailward,
    /// `systemd-socket-activate`, which becomes Mailward with the first connection.
    Activated,
    /// The test, as systemd does: they stay open from one process to the next.
    Held([TcpListener; 2]),
}

/// A running Mailward. Its process ends when this goes.
pub struct Gateway {
    folder: TempDir,
    ports: Ports,
    process: Child,
    https: SocketAddr,
    http: SocketAddr,
    admin: SocketAddr,
    certificate: CertificateDer<'static>,
}

/// The binary under test: `MAILWARD_BIN`, or the one built together with the tests.
pub fn binary() -> PathBuf {
    std::env::var_os("MAILWARD_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_mailward")), PathBuf::from)
}

impl Gateway {
    /// Starts Mailward in front of `upstream` as `https://localhost` and waits until it is ready.
    pub async fn start(upstream: SocketAddr, settings: &Settings) -> Self {
        Self::start_by(upstream, settings, |_| Ports::Mailward).await
    }

    /// The same, with the public ports opened and handed over by `systemd-socket-activate`.
    pub async fn start_activated(upstream: SocketAddr, settings: &Settings) -> Self {
        Self::start_by(upstream, settings, |_| Ports::Activated).await
    }

    /// The same, with the public ports open from here to the end of the test, whatever becomes of the process.
    pub async fn start_held(upstream: SocketAddr, settings: &Settings) -> Self {
        let held = |addresses: [SocketAddr; 2]| {
            Ports::Held(addresses.map(|address| TcpListener::bind(address).expect("a port that was free")))
        };
        Self::start_by(upstream, settings, held).await
    }

    /// Starts one that must not come up; what it says before it ends.
    pub async fn refused(upstream: SocketAddr, settings: &Settings) -> String {
        let mut gateway = Self::launch(upstream, settings, |_| Ports::Mailward).await;
        let status = gateway.stopped().await;
        assert!(!status.success(), "{}", gateway.log());
        gateway.log()
    }

    async fn start_by(upstream: SocketAddr, settings: &Settings, ports: impl FnOnce([SocketAddr; 2]) -> Ports) -> Self {
        let mut gateway = Self::launch(upstream, settings, ports).await;
        gateway.ready().await;
        gateway
    }

    async fn launch(upstream: SocketAddr, settings: &Settings, ports: impl FnOnce([SocketAddr; 2]) -> Ports) -> Self {
        let folder = tempfile::Builder::new().prefix("mailward-it-").tempdir().expect("a temporary folder");
        let [https, http, admin] = free_ports();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("localhost is a name");
        fs::write(folder.path().join("certificate.pem"), made.cert.pem()).expect("the folder was just made");
        fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("the folder was just made");
        let Settings { top, listen, webmail, site, sections } = settings;
        let webmail = webmail.unwrap_or("roundcube");
        let at = folder.path().display();
        let text = format!(
            r#"data_dir = "{at}/data"
{top}

[listen]
https = ["{https}"]
http = ["{http}"]
admin = "{admin}"
public_https_port = {port}
{listen}

[tls]
certificate = "{at}/certificate.pem"
key = "{at}/key.pem"

[[site]]
hosts = ["localhost"]
upstream = "http://{upstream}"
webmail = "{webmail}"
own_domains = ["campus.example"]
default_domain = "campus.example"
{site}

{sections}
"#,
            port = https.port(),
        );
        fs::create_dir(folder.path().join("data")).expect("the folder was just made");
        fs::write(folder.path().join("mailward.toml"), text).expect("the folder was just made");
        let ports = ports([https, http]);
        let process = serve(folder.path(), &ports, [https, http]);
        if matches!(ports, Ports::Activated) {
            // The first connection is what starts it; it waits in the queue of the socket.
            until("systemd-socket-activate listens", 10, async || tokio::net::TcpStream::connect(https).await.ok())
                .await;
        }
        Self { folder, ports, process, https, http, admin, certificate: CertificateDer::from(made.cert.der().to_vec()) }
    }

    async fn ready(&mut self) {
        let probe = Client::https(self.admin, "localhost", &self.certificate);
        let request = probe.request(http::Method::GET, "/readyz", bytes::Bytes::new());
        let log = self.folder.path().join("log");
        let process = &mut self.process;
        until("Mailward says that it is ready", 30, async || {
            if let Ok(Some(status)) = process.try_wait() {
                panic!("Mailward ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            let answer = probe.clone().try_send(request.clone()).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// A client of the site over HTTPS.
    pub fn client(&self) -> Client {
        Client::https(self.https, "localhost", &self.certificate)
    }

    /// A client of the port that answers with the redirect.
    pub fn plain_client(&self) -> Client {
        Client::http(self.http).named("localhost")
    }

    /// A client of the administrator's port.
    pub fn admin_client(&self) -> Client {
        Client::https(self.admin, "localhost", &self.certificate)
    }

    /// Where browsers go.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.https.port())
    }

    /// Where the administrator's port is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where the administrator's desk is.
    pub fn desk(&self) -> String {
        format!("https://localhost:{}/", self.admin.port())
    }

    /// Where HTTPS is answered.
    pub fn https(&self) -> SocketAddr {
        self.https
    }

    /// Where the redirect is answered.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The process id, to look at what it costs.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The certificate it shows.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The folder with everything this gateway writes: configuration, data, log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file, to change it before [`Gateway::signal`].
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("mailward.toml")
    }

    /// Puts another certificate with the same key in the place of the one it shows, which is good until this year.
    pub fn renew_certificate(&self, ends: i32) {
        let at = |name: &str| self.folder.path().join(name);
        let key = fs::read_to_string(at("key.pem")).expect("it was written");
        let key = rcgen::KeyPair::from_pem(&key).expect("it was made here");
        let mut wanted = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("localhost is a name");
        wanted.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let made = wanted.self_signed(&key).expect("it was made like this before");
        fs::write(at("renewed.pem"), made.pem()).expect("a folder of our own");
        fs::rename(at("renewed.pem"), at("certificate.pem")).expect("a folder of our own");
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The events written so far; a last line that is still being written is left out.
    pub fn events(&self) -> Vec<serde_json::Value> {
        fs::read_to_string(self.folder.path().join("data/events.jsonl"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The events of one kind, such as `send_refused`.
    pub fn events_of(&self, kind: &str) -> Vec<serde_json::Value> {
        self.events()
            .into_iter()
            .filter(|event| event.get("event").and_then(|name| name.as_str()) == Some(kind))
            .collect()
    }

    /// Waits for the first event of a kind.
    pub async fn event(&self, kind: &str) -> serde_json::Value {
        until(&format!("an event {kind}"), 10, async || self.events_of(kind).into_iter().next()).await
    }

    /// Runs a command of the same binary with this gateway's configuration: `&["account", "lock", "alice"]`.
    pub fn command(&self, words: &[&str]) -> Output {
        Command::new(binary())
            .args(words)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null())
            .output()
            .expect("the binary was built")
    }

    /// Sends a signal by name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status()
            .expect("kill is part of every system");
        assert!(status.success(), "the process {} is gone", self.process.id());
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        self.process.kill().expect("it is this process's child");
        self.process.wait().expect("it is this process's child");
    }

    /// kill -9, then a new process with the same configuration and data.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill().expect("it is this process's child");
        self.process.wait().expect("it is this process's child");
        self.launch_again();
        self.ready().await;
    }

    /// A new process where the last one has ended, with the same configuration and data.
    pub async fn start_again(&mut self) {
        self.launch_again();
        self.ready().await;
    }

    fn launch_again(&mut self) {
        self.process = serve(self.folder.path(), &self.ports, [self.https, self.http]);
    }

    /// The same for one that shows a certificate of its own making: it is ready when it answers anybody.
    pub async fn kill_and_restart_trusting_anybody(&mut self) {
        self.process.kill().expect("it is this process's child");
        self.process.wait().expect("it is this process's child");
        self.launch_again();
        let http = self.plain_client();
        let request = http.request(http::Method::GET, "/", bytes::Bytes::new());
        until("Mailward answers", 30, async || http.clone().try_send(request.clone()).await.ok()).await;
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.stopped().await
    }

    /// Waits until it has stopped.
    pub async fn stopped(&mut self) -> std::process::ExitStatus {
        let process = &mut self.process;
        until("Mailward has stopped", 60, async || process.try_wait().ok().flatten()).await
    }
}

fn serve(folder: &Path, ports: &Ports, addresses: [SocketAddr; 2]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a folder of our own");
    let mut command = match ports {
        Ports::Mailward => Command::new(binary()),
        Ports::Activated => {
            let mut command = Command::new("systemd-socket-activate");
            command.args(addresses.map(|address| format!("--listen={address}"))).arg(binary());
            command
        }
        Ports::Held(_) => {
            // What is handed over are the descriptors from 3 on, to the process of this number (sd_listen_fds(3)).
            let mut command = Command::new("sh");
            let handing = r#"exec 3<&0 4<&1 </dev/null >&2; LISTEN_FDS=2 LISTEN_PID=$$ exec "$@""#;
            command.args(["-c", handing, "sh"]).arg(binary());
            command
        }
    };
    command.arg("serve").arg("--config").arg(folder.join("mailward.toml"));
    if let Ports::Held(listeners) = ports {
        let handed = |listener: &TcpListener| OwnedFd::from(listener.try_clone().expect("a socket can be shared"));
        command.stdin(handed(&listeners[0])).stdout(handed(&listeners[1]));
    } else {
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be opened twice"));
    }
    command.stderr(log).spawn().expect("the binary was built, and tests/run installs systemd's tools")
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test's captured output then shows what the gateway said last.
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- the end of Mailward's log ---\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
