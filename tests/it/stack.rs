//! The real Roundcube, Dovecot and Postfix, and Mailward in front of them, for the tests that need them.
//!
//! * [`Stack::shared`] starts the servers of `tests/stack/` once for the test binary, in a folder of their own and on
//!   ports that were free. They stop, and the folder goes, when this process ends, however it ends.
//! * [`Stack::with_doors`] starts others, whose Postfix and Dovecot ask a Mailward as `deploy/` says; [`Stack::alone`] starts
//!   others for a test that harms them.
//! * [`Stack::account`] hands each test people of its own, so tests share neither mailboxes nor limits.
//! * [`Gateway`] is `mailward serve` in front of any upstream, with a configuration written for one test.
//! * [`Client`] speaks HTTPS and HTTP like a browser without script; [`Roundcube`] on top of it signs in and sends.
//! * [`until`] waits for a state; no test sleeps for a length of time.

// A set of tools: each test takes what it needs.
#![allow(dead_code, unused_imports)]

mod client;
mod gateway;
mod guarded;
pub mod provider;
pub mod redis;
mod roundcube;
pub mod scanners;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

pub use client::{Answer, Client, Connection, form};
pub use gateway::{Gateway, Settings, binary};
pub use roundcube::{Compose, Message, Roundcube, between, sign_in_request, walk};

/// How many numbered accounts the stack has; each test takes its own.
const NUMBERED: usize = 400;

/// The running servers.
pub struct Stack {
    state: PathBuf,
    web: SocketAddr,
    smtp: SocketAddr,
    imap: SocketAddr,
    submission: SocketAddr,
    doors: [SocketAddr; 2],
    next_account: AtomicUsize,
    // The servers stop when the pipe to it closes, which the operating system sees to.
    _guardian: Child,
}

/// Somebody with a mailbox.
#[derive(Clone, Debug)]
pub struct Person {
    /// What is typed as the user name; also the local part of the address.
    pub name: String,
    /// The right password.
    pub password: String,
}

impl Person {
    /// The mail address.
    pub fn address(&self) -> String {
        format!("{}@campus.example", self.name)
    }
}

/// One message that Postfix took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Postfix's queue id.
    pub queue_id: String,
    /// Envelope sender.
    pub sender: String,
    /// Number of envelope recipients.
    pub recipients: u32,
}

/// What stands between Mailward and the mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebServer {
    Nginx,
    Php,
}

impl WebServer {
    const fn pid_file(self) -> &'static str {
        match self {
            Self::Nginx => "run/nginx.pid",
            Self::Php => "run/php-fpm.pid",
        }
    }
}

impl Stack {
    /// The servers of this test binary; the first call starts them, which takes about two seconds.
    pub fn shared() -> &'static Self {
        static STACK: OnceLock<Stack> = OnceLock::new();
        STACK.get_or_init(|| Self::start(false))
    }

    /// Servers of one test's own, where mail programs hand in mail. They stop when this goes.
    pub fn with_doors() -> Self {
        Self::start(true)
    }

    /// Servers of one test's own, to do them harm. They stop when this goes.
    pub fn alone() -> Self {
        Self::start(false)
    }

    fn start(has_doors: bool) -> Self {
        // Not below the repository: the servers run as users that may not be allowed to enter it.
        let state = tempfile::Builder::new().prefix("mailward-stack-").tempdir().expect("a temporary folder").keep();
        let [web, imap, sieve, smtp, submission, postfix, dovecot] = free_ports();
        let keep = std::env::var_os("MAILWARD_KEEP_STATE").is_some();
        let mut guardian = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/stack"))
            .arg("run")
            .arg(&state)
            .env("STACK_PORT_WEB", web.port().to_string())
            .env("STACK_PORT_IMAP", imap.port().to_string())
            .env("STACK_PORT_SIEVE", sieve.port().to_string())
            .env("STACK_PORT_SMTP", smtp.port().to_string())
            .env("STACK_PORT_SUBMISSION", if has_doors { submission.port().to_string() } else { String::new() })
            .env("STACK_PORT_POSTFIX_DOOR", postfix.port().to_string())
            .env("STACK_PORT_DOVECOT_DOOR", dovecot.port().to_string())
            .env("STACK_NUMBERED", NUMBERED.to_string())
            .env("STACK_REMOVE", if keep { "0" } else { "1" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(state.join("stack.log")).expect("the folder was just made"))
            // A test runner that kills this process's group must not kill what cleans up after it.
            .process_group(0)
            .spawn()
            .expect("tests/stack/stack is part of the repository");
        let mut first_line = String::new();
        BufReader::new(guardian.stdout.take().expect("it was asked to be piped"))
            .read_line(&mut first_line)
            .expect("a pipe can be read");
        assert_eq!(
            first_line.trim(),
            "ready",
            "the mail servers did not start; tests/run installs what they need:\n{}",
            fs::read_to_string(state.join("stack.log")).unwrap_or_default()
        );
        let doors = [postfix, dovecot];
        Self { state, web, smtp, imap, submission, doors, next_account: AtomicUsize::new(1), _guardian: guardian }
    }

    /// Where Roundcube answers in plain HTTP, as Mailward's upstream.
    pub fn web(&self) -> SocketAddr {
        self.web
    }

    /// Where Postfix takes mail.
    pub fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Where Dovecot answers IMAP.
    pub fn imap(&self) -> SocketAddr {
        self.imap
    }

    /// Where mail programs hand in mail, of a stack with doors.
    pub fn submission(&self) -> SocketAddr {
        self.submission
    }

    /// Where its Postfix and its Dovecot ask.
    pub fn doors(&self) -> [SocketAddr; 2] {
        self.doors
    }

    /// Somebody whom no other test uses.
    pub fn account(&self) -> Person {
        let number = self.next_account.fetch_add(1, Ordering::Relaxed);
        assert!(number <= NUMBERED, "more than {NUMBERED} people were asked for");
        self.person(&format!("u{number:03}"))
    }

    /// The person with this name.
    pub fn person(&self, name: &str) -> Person {
        Person { name: name.to_owned(), password: format!("{name}-secret") }
    }

    /// Postfix's own log so far.
    pub fn postfix_log(&self) -> String {
        fs::read_to_string(self.state.join("log/postfix.log")).unwrap_or_default()
    }

    /// Whether no message waits in Postfix's queue.
    pub fn postfix_is_idle(&self) -> bool {
        let queue = self.state.join("postfix/queue");
        ["maildrop", "incoming", "active", "deferred"].iter().all(|part| is_without_files(&queue.join(part)))
    }

    /// The messages that Postfix took from this envelope sender, in order.
    pub fn accepted_from(&self, sender: &str) -> Vec<Accepted> {
        self.postfix_log()
            .lines()
            .filter_map(|line| {
                let (_, line) = line.split_once("/qmgr[")?;
                let (_, line) = line.split_once("]: ")?;
                let (queue_id, line) = line.split_once(": from=<")?;
                let (from, line) = line.split_once('>')?;
                let (_, line) = line.split_once("nrcpt=")?;
                let (recipients, _) = line.split_once(" (queue active)")?;
                Some(Accepted {
                    queue_id: queue_id.to_owned(),
                    sender: from.to_owned(),
                    recipients: recipients.parse().ok()?,
                })
            })
            .filter(|message| message.sender == sender)
            .collect()
    }

    /// Roundcube's record of sign-ins (`userlogins.log`), the lines that concern `name`.
    pub fn sign_ins_of(&self, name: &str) -> Vec<String> {
        let marker = format!(" login for {name} ");
        self.sign_ins().lines().filter(|line| line.contains(&marker)).map(str::to_owned).collect()
    }

    /// The whole of that record.
    pub fn sign_ins(&self) -> String {
        fs::read_to_string(self.state.join("log/roundcube/userlogins.log")).unwrap_or_default()
    }

    /// The messages in somebody's inbox, as delivered, oldest first.
    pub fn inbox(&self, person: &Person) -> Vec<String> {
        self.mails(person, "")
    }

    /// The messages in somebody's folder, such as `Drafts`, oldest first.
    pub fn folder(&self, person: &Person, name: &str) -> Vec<String> {
        self.mails(person, &format!(".{name}"))
    }

    fn mails(&self, person: &Person, folder: &str) -> Vec<String> {
        let maildir = self.state.join("mail").join(&person.name).join("Maildir").join(folder);
        let mut files: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .filter_map(|state| fs::read_dir(maildir.join(state)).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
        files.iter().filter_map(|file| fs::read(file).ok()).map(|mail| String::from_utf8_lossy(&mail).into()).collect()
    }

    /// Sends the web server or PHP a signal, by its name.
    pub fn signal(&self, server: WebServer, name: &str) {
        let pid = fs::read_to_string(self.state.join(server.pid_file())).expect("it runs");
        let sent = Command::new("kill").args([&format!("-{name}"), pid.trim()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{server:?} runs");
    }

    /// Starts the web server or PHP where it was stopped, and waits until it listens.
    pub async fn start_again(&self, server: WebServer) {
        until("the last one is gone", 20, async || (!self.state.join(server.pid_file()).exists()).then_some(())).await;
        let state = self.state.display();
        let (program, words) = match server {
            WebServer::Nginx => ("nginx", format!("-e {state}/log/nginx-error.log -c {state}/nginx/nginx.conf")),
            WebServer::Php => ("php-fpm8.2", format!("--fpm-config {state}/php/php-fpm.conf")),
        };
        let mut command = Command::new(program);
        command.args(words.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = tokio::task::spawn_blocking(move || command.status()).await.expect("it was not aborted");
        assert!(started.is_ok_and(|status| status.success()), "{server:?} starts");
    }

    /// The folder with every log the servers write, to search for what must not be there.
    pub fn logs(&self) -> PathBuf {
        self.state.join("log")
    }
}

/// A server that ends with the test.
pub struct Running(Child);

impl Running {
    /// Starts it, without waiting for anything.
    pub fn start(command: &mut Command) -> Self {
        let process = command.stdout(Stdio::null()).stderr(Stdio::null());
        // Apache ends everything in its group.
        Self(process.process_group(0).spawn().expect("it is installed; tests/prepare installs it"))
    }
}

/// An nginx of a test's own in a folder of its own, with this in its `http` block.
pub fn nginx(folder: &Path, http: &str) -> Running {
    let at = folder.display();
    let config = format!(
        "user root; worker_processes 1; daemon off; pid {at}/pid; error_log {at}/error.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n access_log off;\n client_body_temp_path {at}/body; fastcgi_temp_path {at}/fastcgi;\n\
         proxy_temp_path {at}/proxy; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n{http}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("a folder of our own");
    Running::start(Command::new("/usr/sbin/nginx").arg("-c").arg(&file).arg("-e").arg(folder.join("error.log")))
}

impl Drop for Running {
    fn drop(&mut self) {
        // Killed, the master would leave its workers behind.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// Whether a folder and those in it have no files.
fn is_without_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).all(|path| path.is_dir() && is_without_files(&path))
}

/// Ports that no connection is given for its own end by Linux, which takes those from 32768 on: between being given out here
/// and being listened at, a port would now and then be such a connection's.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Loopback addresses that nobody listened at a moment ago; none is given out twice before all were.
pub fn free_ports<const N: usize>() -> [SocketAddr; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(101);
    std::array::from_fn(|_| {
        loop {
            let step = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            let port = PORTS.start + (step % u32::from(PORTS.end - PORTS.start)) as u16;
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
                return at;
            }
        }
    })
}

/// Asks again and again until there is an answer; fails the test after `seconds`.
pub async fn until<T>(what: &str, seconds: u64, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(seconds), asking).await {
        Ok(found) => found,
        Err(_) => panic!("{seconds} s passed without: {what}"),
    }
}

#[tokio::test]
async fn roundcube_alone_signs_in_sends_saves_a_draft_and_resends() {
    let stack = Stack::shared();
    let (sender, receiver) = (stack.account(), stack.account());
    roundcube::walk(stack, Client::http(stack.web()), &sender, &receiver).await;
}

#[tokio::test]
async fn roundcube_alone_refuses_a_wrong_password() {
    let stack = Stack::shared();
    let mut person = stack.account();
    person.password = "guess".to_owned();
    let refused = Roundcube::sign_in(Client::http(stack.web()), &person).await.err().expect("the password is wrong");
    assert_eq!(refused.status, 401);
    assert!(stack.sign_ins_of(&person.name).iter().any(|line| line.contains("Failed login")));
}

#[tokio::test]
async fn roundcube_alone_believes_the_forwarding_headers_of_a_gateway_on_this_machine() {
    let stack = Stack::shared();
    let person = stack.account();
    let mut client = Client::http(stack.web());
    client.header("x-forwarded-for", "203.0.113.9");
    client.header("x-forwarded-proto", "https");
    let page = client.get("/").await;
    assert!(page.set_cookies().all(|cookie| cookie.to_ascii_lowercase().contains("secure")), "{:?}", page.headers);
    Roundcube::sign_in(client, &person).await.expect("the password is right");
    assert!(stack.sign_ins_of(&person.name).iter().any(|line| line.contains("203.0.113.9")));
}
