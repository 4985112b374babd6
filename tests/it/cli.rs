//! The program from the outside: exit codes, what it prints, and the control socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mailward::admin::control::{self, Control, Reply};
use mailward::clock::{Clock, Dice};
use mailward::config;
use mailward::domain::{KeyRing, Secret, Session, SessionHash, SessionState, Timestamp};
use mailward::store::Store;
use mailward::store::embedded::Embedded;
use mailward::telemetry::events::EventsReceived;
use mailward::telemetry::{Events, Metrics};

use crate::store::{SETTINGS, flag, get, run};

const NOW: Timestamp = Timestamp::from_millis(1_796_083_200_000);

fn mailward(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mailward"))
        .args(words)
        .env_remove("MAILWARD_CONFIG")
        .env_remove("MAILWARD_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built with the tests")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_and_version_are_there_and_a_wrong_word_is_answered_with_the_right_one() {
    for (words, code, says) in [
        (&["--version"][..], 0, "mailward 0."),
        (&["--help"], 0, "mailward check --config"),
        (&["account", "lock", "--help"], 0, "mailward account lock alice"),
        (&["account", "lok", "alice"], 2, "'lock'"),
        (&["account", "lock"], 2, "<NAME>"),
        (&["session", "end"], 2, "SESSION"),
        (&["flag", "clear", "--help"], 0, "mailward flag clear 7K3M-9QWX"),
        (&["flag", "list", "--status", "opened"], 2, "[possible values: open, passed, cleared, confirmed]"),
        (&["flag", "list", "--country", "DEU"], 2, "a country is two letters"),
        (&["flag", "list", "--before", "yesterday"], 2, "expected a day such as 2026-03-01"),
        (&["flag", "note", "7K3M-9QWX"], 2, "<TEXT>"),
        (&["device", "forget"], 2, "<NAME>"),
        (&["explain"], 2, "ACCOUNT|SESSION|CODE"),
        (&[], 2, "Usage"),
    ] {
        let output = mailward(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        let said = out(&output) + &*err(&output);
        assert!(said.contains(says), "{words:?}: {said}");
    }
}

#[test]
fn check_says_what_is_in_force_or_every_mistake() {
    let good = mailward(&["check", "--config", "tests/config/good/everything.toml"]);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    let said = out(&good);
    for line in [
        "site            webmail.example.edu, mail.example.edu",
        "counts as 203.0.113.7",
        "campus is in DE",
        "files/city.mmdb, of 2026-11-24",
        "files/tor-exits.txt, 2 networks",
        "store           sentinels://10.0.0.1:26379/mymaster, sentinels://10.0.0.2/mymaster",
        "while it is away, 25 % of each limit here",
        "no mistake in",
        "5000/h per prefix",
        "doors           Postfix at ",
        "the webmail comes to them from 127.0.0.1/32, 2001:db8::80/128",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("cret"), "no password is shown: {said}");
    let bad = mailward(&["check", "--config", "tests/config/bad/unknown_key_of_a_site.toml"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(out(&bad).is_empty(), "mistakes go to standard error");
    for line in ["unknown_key_of_a_site.toml:7:1", "did you mean \"upstream\"?", "1 mistake in the configuration"] {
        assert!(err(&bad).contains(line), "{line}: {}", err(&bad));
    }
    for verb in ["serve", "doctor"] {
        let refused = mailward(&[verb, "--config", "tests/config/bad/unknown_key_of_a_site.toml"]);
        assert_eq!(refused.status.code(), Some(1), "{verb} does not go on with a mistake");
    }
}

#[test]
fn check_and_doctor_say_which_file_of_addresses_is_broken_or_old() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mailward.toml");
    let smallest = std::fs::read_to_string("tests/config/good/smallest.toml").expect("readable");
    let smallest = smallest
        .replace("../files", &Path::new("tests/config/files").canonicalize().expect("there").display().to_string());
    std::fs::write(folder.path().join("broken.mmdb"), "<html>").expect("writable");
    std::fs::write(&path, format!("{smallest}[geoip]\ncountry = \"broken.mmdb\"\n")).expect("writable");
    let file = path.display().to_string();
    let output = mailward(&["check", "--config", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("broken.mmdb is not a MaxMind database"), "{}", err(&output));
    let output = mailward(&["doctor", "--config", &file]);
    assert!(out(&output).contains("broken.mmdb is not a MaxMind database"), "{}", out(&output));
    std::fs::write(&path, format!("{smallest}[geoip]\nwarn_age = \"d\"\nmax_age = \"d\"\n")).expect("writable");
    let output = mailward(&["check", "--config", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("everything it would say is unknown"), "{}", err(&output));
    let output = mailward(&["doctor", "--config", &file]);
    assert!(out(&output).contains("FAIL  country of an address: part of this program"), "{}", out(&output));
}

#[test]
fn leaked_passwords_are_made_into_a_file_that_check_counts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (list, filter) = (folder.path().join("list"), folder.path().join("breached"));
    let words = |list: &Path| {
        Command::new(env!("CARGO_BIN_EXE_mailward"))
            .args(["breach", "build", "--min-count", "2", "--out"])
            .arg(&filter)
            .stdin(std::fs::File::open(list).expect("readable"))
            .output()
            .expect("the binary was built with the tests")
    };
    std::fs::write(&list, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9\nF3BBBD66A63D4BF1747940578EC3D0103530E21D:1\n")
        .expect("writable");
    let output = words(&list);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("1 passwords of 2 lines (1 too rare)"), "{}", out(&output));
    std::fs::write(&list, "hunter2\n").expect("writable");
    let output = words(&list);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("line 1 is not a SHA-1") && !err(&output).contains("hunter2"), "{}", err(&output));
    assert!(filter.is_file(), "the old one stays");
}

#[test]
fn a_command_without_a_gateway_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("control.sock");
    let output = mailward(&["account", "list", "--control", &socket.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("no gateway answers"), "{}", err(&output));
}

/// A control socket that answers on a thread of its own until it is dropped.
struct Served {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    events: EventsReceived,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "[[site]]\nhosts = [\"one.example\", \"uno.example\"]\nupstream = \"http://127.0.0.1:1\"\n\
                    webmail = \"roundcube\"\ndefault_domain = \"example.edu\"\n\
                    [[site]]\nhosts = [\"two.example\"]\nupstream = \"http://127.0.0.1:2\"\nwebmail = \"roundcube\"\n";
        std::fs::write(folder.path().join("mailward.toml"), format!("data_dir = \".\"\n{text}")).expect("writable");
        let config = Arc::new(config::read(&folder.path().join("mailward.toml"), NOW).expect("a good file"));
        let store: Arc<dyn Store> = Arc::new(Embedded::open_scratch(NOW, SETTINGS).expect("it opens"));
        for (number, site, account) in
            [(1, "one.example", "alice"), (2, "one.example", "alice"), (3, "two.example", "bob")]
        {
            let session = Session {
                hash: SessionHash([number; 16]),
                signed_in: NOW.after(Duration::from_secs(u64::from(number))),
                user_agent: Some("Browser\x1b[2J".into()),
                ..crate::store::session(site, account, number, NOW)
            };
            run(store.put_session(session, NOW)).expect("the store answers");
        }
        let (sink, events) = Events::to_receiver(Metrics::new(NOW));
        let control = Arc::new(Control {
            store: Arc::clone(&store),
            events: sink,
            clock: Clock::manual(NOW),
            keys: Arc::new(KeyRing::new(&[Secret::new([7; 32])])),
            dice: Dice::repeating(1),
            config: Box::new(move || Arc::clone(&config)),
            embedded_in: None,
            degraded: Box::new(|| (None, 0)),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (bound, is_bound) = std::sync::mpsc::channel();
        let path = folder.path().join("control.sock");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = control::bind(&path).expect("the folder is ours");
                let second = control::bind(&path).expect_err("one gateway is enough");
                bound.send(second.kind()).expect("the test waits");
                tokio::select! {
                    () = control::serve(listener, control) => {}
                    _ = stopped => {}
                }
            });
        });
        let second = is_bound.recv_timeout(Duration::from_secs(10)).expect("binding takes no time");
        assert_eq!(second, std::io::ErrorKind::AddrInUse);
        Self { folder, store, events, stop: Some(stop), thread: Some(thread) }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    fn command(&self, words: &[&str]) -> Output {
        let config = self.folder.path().join("mailward.toml").display().to_string();
        mailward(&[words, &["--config", &config]].concat())
    }

    fn events(&self) -> Vec<String> {
        let taken = self.events.take();
        taken
            .iter()
            .map(|event| {
                let account = event.account.as_ref().expect("whose");
                format!("{} {}/{account}", event.kind.name(), event.site.as_deref().expect("where"))
            })
            .collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the serving thread ended badly");
        }
    }
}

#[test]
fn only_its_owner_may_use_the_control_socket() {
    let served = Served::start();
    let mode = std::fs::metadata(served.socket()).expect("bound").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(served.folder.path()).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 2, "the configuration and the socket: {left:?}");
}

#[test]
fn a_socket_that_a_dead_gateway_left_behind_is_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("control.sock");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        drop(control::bind(&path).expect("the folder is ours"));
        assert!(path.exists(), "a socket outlives who bound it");
        // A program that another test is just starting holds the dead socket open for a moment.
        let replaced = (0..10_000).any(|_| {
            std::thread::yield_now();
            control::bind(&path).is_ok()
        });
        assert!(replaced, "nobody answers there");
    });
}

#[test]
fn locking_an_account_by_any_spelling_ends_its_sessions_and_is_told_to_everybody() {
    let served = Served::start();
    let locked =
        served.command(&["account", "lock", " Alice@Example.EDU", "--site", "UNO.example", "--note", "ticket\x074711"]);
    assert_eq!(out(&locked), "alice at one.example: locked, 2 sessions ended\n", "{}", err(&locked));
    assert_eq!(
        served.events(),
        ["account_locked one.example/alice", "session_ended one.example/alice", "session_ended one.example/alice"]
    );
    for number in [1, 2] {
        let session = run(get(&*served.store, &SessionHash([number; 16]), NOW)).expect("it is remembered");
        assert_eq!(session.state, SessionState::Ended);
    }
    let listed = out(&served.command(&["account", "list"]));
    assert!(listed.contains("alice    one.example  2026-12-01 00:00Z  ticket\u{fffd}4711"), "{listed}");
    let json: Reply =
        serde_json::from_slice(&served.command(&["account", "list", "--json"]).stdout).expect("JSON for programs");
    assert!(matches!(&json, Reply::Locks { locks, more: false } if locks[0].note == "ticket\x074711"), "{json:?}");
    assert_eq!(
        out(&served.command(&["account", "unlock", "ALICE", "--site", "one.example"])),
        "alice at one.example: unlocked\n"
    );
    assert_eq!(
        out(&served.command(&["account", "unlock", "alice"])),
        "alice at one.example: was not locked\nalice at two.example: was not locked\n"
    );
    assert_eq!(served.events(), ["account_unlocked one.example/alice"]);
    assert_eq!(out(&served.command(&["account", "list"])), "no account is locked\n");
}

#[test]
fn sessions_are_listed_newest_first_and_end_one_by_one_or_together() {
    let served = Served::start();
    let listed = out(&served.command(&["session", "list"]));
    let first_words: Vec<_> =
        listed.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(first_words, ["SESSION".to_owned(), "03".repeat(16), "02".repeat(16), "01".repeat(16)]);
    assert!(!listed.contains('\x1b'), "what a client wrote moves no terminal: {listed:?}");
    assert_eq!(out(&served.command(&["session", "end", &"01".repeat(16)])), "alice at one.example: 1 session ended\n");
    assert_eq!(
        out(&served.command(&["session", "end", "--account", "alice"])),
        "alice at one.example: 1 session ended\nalice at two.example: 0 sessions ended\n"
    );
    assert_eq!(served.events(), ["session_ended one.example/alice", "session_ended one.example/alice"]);
    assert_eq!(out(&served.command(&["session", "list", "--account", "alice"])), "no session\n");
}

#[test]
fn flags_devices_and_accounts_are_read_and_settled_from_the_command_line() {
    let served = Served::start();
    let mut raised = flag("one.example", "alice", 7);
    raised.session = SessionHash([1; 16]);
    raised.time = NOW;
    raised.user_agent = Some("Browser\x1b[2J".into());
    let code = raised.code.to_string();
    run(async {
        served.store.put_flag(raised.clone()).await.expect("the store answers");
        let known = served.store.know_device(&raised.site, &raised.account, [7; 16], NOW).await;
        known.expect("the store answers");
    });
    let said = |words: &[&str]| {
        let output = served.command(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", err(&output));
        let said = out(&output);
        assert!(!said.contains('\x1b'), "what a client wrote moves no terminal: {said:?}");
        said
    };
    let listed = said(&["flag", "list", "--status", "open", "--country", "br", "--account", "ALICE"]);
    let row = format!(
        "{code}  2026-12-01 00:00Z  alice    one.example  203.0.113.9 BR  restrict  open    0        new_country"
    );
    assert!(listed.contains(&row), "{listed}");
    assert_eq!(said(&["flag", "list", "--before", "2026-12-01"]), "no flag\n");
    let json: Reply = serde_json::from_str(&said(&["flag", "list", "--json"])).expect("JSON for programs");
    assert!(matches!(&json, Reply::Flags { flags, more: false, .. } if flags[0].code == code), "{json:?}");
    assert!(said(&["flag", "note", &code.to_lowercase(), "asked her"]).contains("command line: asked her\n"));
    let shown = said(&["flag", "show", &code]);
    for line in
        ["  open, restrict, from 203.0.113.9 BR, AS64500 (outside)\n", "   +40  new_country  ", &"01".repeat(16)]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(said(&["flag", "clear", &code]), format!("{code} cleared: alice at one.example, its session is open\n"));
    assert_eq!(served.events(), ["flag_cleared one.example/alice"]);
    assert!(said(&["device", "list", "alice"]).contains(&"07".repeat(16)));
    assert_eq!(
        said(&["device", "forget", "alice", "--site", "one.example"]),
        "alice at one.example: 1 device forgotten\n"
    );
    let explained = said(&["explain", &code]);
    for line in ["alice at one.example\n", "  countries  BR (once, last on 2026-12-01)\n", "no device\n", "   +40  "] {
        assert!(explained.contains(line), "{line}: {explained}");
    }
    assert!(said(&["explain", "bob"]).contains("nothing is known of what is usual for it\n"));
    assert_eq!(
        said(&["flag", "confirm", &code]),
        format!(
            "{code} confirmed: alice at one.example is locked, 2 sessions ended; of the thief's, 0 devices and 1 \
             sign-in are forgotten\n"
        )
    );
    let refused = served.command(&["flag", "show", "7K3M-9QWX"]);
    assert_eq!((refused.status.code(), err(&refused).as_str()), (Some(1), "mailward: there is no flag 7K3M-9QWX\n"));
}

#[test]
fn addresses_are_marked_listed_and_unmarked_from_the_command_line() {
    let served = Served::start();
    let said = |words: &[&str]| {
        let output = served.command(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", err(&output));
        out(&output)
    };
    assert_eq!(said(&["prefix", "list"]), "no address is marked\n");
    let mark = ["prefix", "mark", "2001:db8::9", "--days", "7", "--site", "one.example", "--note", "\u{1b}[2Jodd"];
    assert_eq!(said(&mark), "2001:db8::/64 at one.example: marked until 2026-12-08\n");
    let listed = said(&["prefix", "list"]);
    let row = "2001:db8::/64  one.example  command line  2026-12-01 00:00Z  2026-12-08 00:00Z";
    assert!(listed.contains(row) && !listed.contains('\u{1b}'), "{listed}");
    let json: Reply = serde_json::from_str(&said(&["prefix", "list", "--json"])).expect("JSON for programs");
    assert!(matches!(&json, Reply::Marks { marks, more: false } if marks.len() == 1), "{json:?}");
    let unmark = ["prefix", "unmark", "2001:db8::/64", "--site", "one.example"];
    assert_eq!(said(&unmark), "2001:db8::/64 at one.example: not marked any more\n");
    assert_eq!(said(&unmark), "2001:db8::/64 at one.example: was not marked\n");
    let refused = served.command(&["prefix", "mark", "192.0.2.0/24"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("\"192.0.2.0/24\" is not one address"), "{}", err(&refused));
}

#[test]
fn what_cannot_be_done_is_refused_with_words() {
    let served = Served::start();
    for (words, says) in [
        (&["account", "lock", "alice", "--site", "three.example"][..], "sites are: one.example, two.example"),
        (&["account", "lock", " "], "name of an account is missing"),
        (&["session", "end", "alice"], "32 hexadecimal digits"),
        (&["session", "end", &"ff".repeat(16)], "there is no session ffff"),
    ] {
        let output = served.command(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(err(&output).contains(says), "{words:?}: {}", err(&output));
    }
    assert!(served.events().is_empty(), "nothing happened");
}

#[test]
fn a_command_that_is_none_breaks_nothing() {
    use std::io::{Read as _, Write as _};
    let served = Served::start();
    for line in ["", "\n", "{", "null\n", "{\"command\":\"format\"}\n", &("x".repeat(70_000) + "\n")] {
        let mut stream = std::os::unix::net::UnixStream::connect(served.socket()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        // The other side may close before it has read everything.
        let _ = stream.write_all(line.as_bytes()).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.contains("refused"), "{line:.20}: {answer}");
    }
    assert_eq!(out(&served.command(&["account", "list"])), "no account is locked\n");
}

/// Answers one request with `answer` and hands over what was asked.
fn answer_once(answer: String) -> (u16, std::thread::JoinHandle<String>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("doctor asks once");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut asked = Vec::new();
        let mut some = [0; 4096];
        while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut some).expect("the head of a request");
            assert!(read > 0, "the request broke off");
            asked.extend_from_slice(&some[..read]);
        }
        stream.write_all(answer.as_bytes()).expect("doctor reads the answer");
        String::from_utf8_lossy(&asked).to_lowercase()
    });
    (port, thread)
}

#[test]
fn doctor_recognises_the_product_and_whether_it_believes_us() {
    let marks = mailward::webmail::by_id("roundcube").expect("it is known").sign_in_page().marks.join("\n");
    for (body, cookie, says) in [
        (
            &*marks,
            "roundcube_sessid=a; secure",
            ["ok    webmail.example.edu: roundcube answers", "believes our forwarding"],
        ),
        (&*marks, "roundcube_sessid=a", ["ok    webmail.example.edu: roundcube answers", "proxy_whitelist"]),
        ("It works!", "a=b", ["does not look like roundcube", "set \"session_cookie\""]),
    ] {
        let length = body.len();
        let (port, thread) = answer_once(format!(
            "HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mailward.toml");
        let text = format!(
            "data_dir = \".\"\n[[site]]\nhosts = [\"webmail.example.edu\"]\nupstream = \"http://127.0.0.1:{port}\"\n\
             webmail = \"roundcube\"\nbase = \"/mail/\"\n"
        );
        std::fs::write(&path, text).expect("writable");
        let said = out(&mailward(&["doctor", "--config", &path.display().to_string()]));
        for line in says {
            assert!(said.contains(line), "{line}:\n{said}");
        }
        let asked = thread.join().expect("it was asked");
        assert!(asked.starts_with("get /mail/?_task=login http/1.1\r\n"), "{asked}");
        for line in ["\nhost: webmail.example.edu\r", "\nx-forwarded-proto: https\r", "\nx-forwarded-for: 127.0.0.1\r"]
        {
            assert!(asked.contains(line), "{line}: {asked}");
        }
    }
}

#[test]
fn doctor_tells_well_from_ill() {
    let served = Served::start();
    let said = served.command(&["doctor"]);
    assert_eq!(said.status.code(), Some(1), "no webmail answers at port 1");
    let text = out(&said);
    for line in [
        "ok    the gateway runs",
        "FAIL  one.example: http://127.0.0.1:1/ does not answer",
        "warn  two.example: the certificate is self-signed",
        "login_rate_limit",
        "auth-penalty",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(Path::new(&served.folder.path().join("mailward.toml")).exists());
    let left = std::fs::read_dir(served.folder.path()).expect("a folder").count();
    assert_eq!(left, 2, "doctor leaves nothing behind");
}
