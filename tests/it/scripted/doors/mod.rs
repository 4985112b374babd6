//! The other doors, as mail servers see them: Postfix's policy protocol here, Dovecot's requests in `dovecot.rs`. That the real ones speak it so is tested in
//! `real_doors.rs`.

mod dovecot;

use std::net::SocketAddr;
use std::time::Duration;

use mailward::admin::control::{self, Command};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};

use super::risk::{self, AMERICAN, BRITISH, CHROME, FIREFOX, GERMAN, JAPANESE};
use super::{says_sent, send, signed_in, with_roundcube};
use crate::stack::{Gateway, Settings, free_ports, until};

/// A Mailward whose door for Postfix is at the address that comes with it.
pub fn with_door(settings: Settings, lines: &str) -> (Settings, SocketAddr) {
    let [postfix] = free_ports();
    let sections = format!("{}\n[doors]\npostfix = \"{postfix}\"\n{lines}\n", settings.sections);
    (Settings { sections, ..settings }, postfix)
}

/// A message as Postfix tells of it.
#[derive(Clone)]
struct Message<'a> {
    name: &'a str,
    address: &'a str,
    recipients: u32,
    stage: &'a str,
    instance: String,
}

impl<'a> Message<'a> {
    /// One that nobody has asked about.
    fn of(name: &'a str, address: &'a str, recipients: u32) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self { name, address, recipients, stage: "END-OF-MESSAGE", instance: format!("1b3f.6929ee11.6d1a5.{count}") }
    }

    fn question(&self) -> String {
        let Self { name, address, recipients, stage, instance } = self;
        format!(
            "request=smtpd_access_policy\nprotocol_state={stage}\nprotocol_name=ESMTP\nclient_address={address}\n\
             sender={name}@campus.example\nrecipient_count={recipients}\ninstance={instance}\nsize=512\n\
             sasl_method=PLAIN\nsasl_username={name}\n\n"
        )
    }
}

/// A connection as one of Postfix's processes keeps it.
struct Postfix(BufReader<TcpStream>);

impl Postfix {
    async fn connect(door: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(door).await.expect("the door is open")))
    }

    async fn ask(&mut self, message: &Message<'_>) -> String {
        self.0.write_all(message.question().as_bytes()).await.expect("it is read");
        answer(&mut self.0).await
    }
}

async fn answer(from: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> String {
    let mut line = String::new();
    from.read_line(&mut line).await.expect("it answers");
    let mut end = String::new();
    from.read_line(&mut end).await.expect("it answers");
    assert_eq!(end, "\n", "{line}");
    line.trim_end().strip_prefix("action=").unwrap_or_else(|| panic!("{line:?} is no answer")).to_owned()
}

/// Whether the other side has closed without a word.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut read = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut read)).await;
    ended.is_ok() && read.is_empty()
}

fn code(answer: &str) -> String {
    answer
        .split("(code ")
        .nth(1)
        .and_then(|rest| rest.split(')').next())
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

/// Three recipients an hour.
const THREE: &str =
    "[send.limits]\nrecipients_per_account = [\"3/h\"]\nrecipients_per_message = 3\nfamiliar_factor = 1.0\n";

const OUTSIDE: &str = "203.0.113.9";

#[tokio::test]
async fn the_webmail_and_the_mail_program_spend_one_budget() {
    let (settings, door) = with_door(Settings::sections(THREE), "");
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let mut postfix = Postfix::connect(door).await;
    let mut alice = signed_in(&gateway, "alice").await;
    assert!(says_sent(&send(&mut alice, "one").await));
    assert_eq!(postfix.ask(&Message::of("Alice@campus.example", OUTSIDE, 1)).await, "DUNNO");
    let refused = postfix.ask(&Message::of("alice", OUTSIDE, 2)).await;
    assert!(refused.starts_with("DEFER_IF_PERMIT 4.7.1 Too much mail for now; send this again in "), "{refused}");
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 1)).await, "DUNNO", "what still fits is let through");
    let answer = send(&mut alice, "one too many").await;
    assert!(answer.status == 429 && answer.text().contains("limit for sending"), "{}", answer.text());
    assert_eq!(postfix.ask(&Message::of("bob", OUTSIDE, 3)).await, "DUNNO", "others are not touched");
    let many = postfix.ask(&Message::of("bob", OUTSIDE, 4)).await;
    assert!(many.starts_with("REJECT 5.7.1 4 recipients are more than the 3 "), "{many}");

    let sent = until("both doors are in the events", 10, async || {
        Some(gateway.events_of("sent")).filter(|events| events.len() == 4)
    })
    .await;
    let doors: Vec<_> = sent.iter().map(|event| event["door"].as_str()).collect();
    assert_eq!(doors, [None, Some("submission"), Some("submission"), Some("submission")]);
    assert_eq!((&sent[1]["address"], &sent[1]["account"]), (&OUTSIDE.into(), &"alice".into()));
    let stopped = &gateway.events_of("send_refused")[0];
    assert_eq!((&stopped["door"], &stopped["recipients"]), (&"submission".into(), &2.into()));
    assert_eq!(stopped["stopped_by"], "recipients_per_account 3/h");
    assert_eq!(stopped["reference"], code(&refused), "the code that the person sees");
    let metrics = gateway.admin_client().get("/metrics").await.text();
    assert!(metrics.contains("mailward_door_questions_total{server=\"postfix\",answer=\"passed\"} 3"), "{metrics}");
    assert!(metrics.contains("mailward_sends_total{site=\"localhost\",outcome=\"sent\"} 4"), "{metrics}");
}

#[tokio::test]
async fn what_is_asked_again_about_one_message_is_counted_once() {
    let (settings, door) = with_door(Settings::sections(THREE), "");
    let (_upstream, _gateway) = with_roundcube(&settings).await;
    let message = Message::of("alice", OUTSIDE, 2);
    // Before the message is whole nothing is counted, whatever Postfix believes of recipients.
    let mut postfix = Postfix::connect(door).await;
    for stage in ["CONNECT", "MAIL", "RCPT"] {
        assert_eq!(postfix.ask(&Message { stage, recipients: 3, ..message.clone() }).await, "DUNNO");
    }
    let asking = (0..20).map(|_| async {
        let mut other = Postfix::connect(door).await;
        other.ask(&message).await
    });
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer, "DUNNO");
    }
    assert_eq!(postfix.ask(&Message { stage: "DATA", ..message.clone() }).await, "DUNNO");
    let another = Message::of("alice", OUTSIDE, 2);
    let refused = postfix.ask(&another).await;
    assert!(refused.starts_with("DEFER_IF_PERMIT"), "{refused}");
    assert_eq!(postfix.ask(&another).await, refused, "with the same code");
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 1)).await, "DUNNO");
}

#[tokio::test]
async fn a_locked_account_is_locked_here_too_and_what_the_webmail_brings_is_not_counted_twice() {
    let (settings, door) = with_door(Settings::sections(THREE), "from_webmail = [\"192.0.2.80\"]");
    let settings = Settings { site: "helpdesk = \"the service desk\"".into(), ..settings };
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let mut postfix = Postfix::connect(door).await;
    for _ in 0..5 {
        assert_eq!(postfix.ask(&Message::of("alice", "192.0.2.80", 3)).await, "DUNNO");
        assert_eq!(postfix.ask(&Message::of("", OUTSIDE, 3)).await, "DUNNO", "nobody signed in");
    }
    assert!(gateway.command(&["account", "lock", "alice"]).status.success());
    for (address, stage) in
        [(OUTSIDE, "END-OF-MESSAGE"), (OUTSIDE, "DATA"), (OUTSIDE, "RCPT"), ("192.0.2.80", "END-OF-MESSAGE")]
    {
        let refused = postfix.ask(&Message { stage, ..Message::of("alice", address, 1) }).await;
        assert!(
            refused.starts_with("REJECT 5.7.1 This account is locked; ask the service desk (code "),
            "{address} {stage}: {refused}"
        );
    }
    assert_eq!(postfix.ask(&Message::of("bob", OUTSIDE, 1)).await, "DUNNO");
    assert!(gateway.command(&["account", "unlock", "alice"]).status.success());
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 3)).await, "DUNNO", "nothing was spent meanwhile");
}

#[tokio::test]
async fn a_mail_program_that_sends_from_many_places_is_no_owner_until_an_operator_says_so() {
    let (settings, door) = with_door(risk::settings("[send.limits]\ncountries_per_account = \"none\"\n"), "");
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let mut postfix = Postfix::connect(door).await;
    let mut browser = risk::at(&gateway, GERMAN, FIREFOX);
    assert_eq!(super::sign_in(&mut browser, "alice", "right").await.status, 302);
    assert_eq!(postfix.ask(&Message::of("alice", GERMAN, 1)).await, "DUNNO");
    assert_eq!(postfix.ask(&Message::of("alice", AMERICAN, 1)).await, "DUNNO");
    assert_eq!(postfix.ask(&Message::of("alice", "79.192.0.77", 1)).await, "DUNNO", "the same network");
    let refused = postfix.ask(&Message::of("alice", JAPANESE, 1)).await;
    assert!(refused.starts_with("REJECT 5.7.1 This account may not send from here"), "{refused}");

    let flagged = risk::event(&gateway, "flag_raised", "alice").await;
    assert_eq!((&flagged["door"], &flagged["address"]), (&"submission".into(), &JAPANESE.into()));
    assert_eq!(
        (&flagged["stopped_by"], &flagged["reference"]),
        (&"networks_per_account 2/5m".into(), &code(&refused).into())
    );
    let listed = gateway.command(&["flag", "show", &code(&refused)]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("mail program (submission)"), "{listed:?}");

    // Frozen at all doors: the new browser reads only, and no other new place sends instead.
    assert!(risk::restricted(&send(&mut browser, "spam").await));
    for address in [JAPANESE, BRITISH] {
        let refused = postfix.ask(&Message::of("alice", address, 1)).await;
        assert!(refused.starts_with("REJECT 5.7.1"), "{address}: {refused}");
        assert_eq!(code(&refused), flagged["reference"]);
    }
    assert!(gateway.command(&["flag", "clear", &code(&refused)]).status.success());
    assert_eq!(postfix.ask(&Message::of("alice", JAPANESE, 1)).await, "DUNNO");
}

#[tokio::test]
async fn an_account_that_an_operator_freezes_sends_by_no_door() {
    let (settings, door) = with_door(Settings::new(), "");
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let mut postfix = Postfix::connect(door).await;
    let mut alice = signed_in(&gateway, "alice").await;
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 1)).await, "DUNNO");
    let freeze = Command::RestrictSessions { account: "alice".into(), site: None };
    control::ask(&gateway.folder().join("data/control.sock"), &freeze).await.expect("it is done");
    assert!(risk::restricted(&send(&mut alice, "spam").await));
    for address in [OUTSIDE, "127.0.0.1"] {
        let refused = postfix.ask(&Message::of("alice", address, 1)).await;
        assert!(refused.starts_with("REJECT 5.7.1 This account may not send from here"), "{address}: {refused}");
    }
    assert_eq!(postfix.ask(&Message::of("bob", OUTSIDE, 1)).await, "DUNNO");
    let listed = gateway.command(&["session", "list", "--account", "alice"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let line = listed.lines().find(|line| line.contains("mail program (any)")).unwrap_or_else(|| panic!("{listed}"));
    let session = line.split_whitespace().find(|word| word.len() == 32).unwrap_or_else(|| panic!("{line}"));
    assert!(gateway.command(&["session", "clear", session]).status.success());
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 1)).await, "DUNNO");
}

#[tokio::test]
async fn a_password_whose_browser_was_stopped_does_not_send_by_a_mail_program_instead() {
    let limits = "[send.limits]\nfirst_written_on_new_device = [\"1/h\"]\ncountries_per_account = \"none\"\n\
                  networks_per_account = \"none\"\n";
    let (settings, door) = with_door(risk::settings(limits), "");
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let _owner = risk::with_habit(&gateway, "alice").await;
    let mut thief = risk::at(&gateway, "79.192.200.9", CHROME);
    assert_eq!(super::sign_in(&mut thief, "alice", "right").await.status, 302);
    let many = [("_to", "a@b.example, c@d.example")];
    let fields: Vec<_> = super::sending("spam").into_iter().filter(|(name, _)| *name != "_to").chain(many).collect();
    assert!(!says_sent(&thief.post(super::SEND, &fields).await));
    let flagged = risk::event(&gateway, "flag_raised", "alice").await;
    assert_eq!(flagged["stopped_by"], "first_written_on_new_device 1/h");

    let mut postfix = Postfix::connect(door).await;
    let refused = postfix.ask(&Message::of("alice", AMERICAN, 1)).await;
    assert!(refused.starts_with("REJECT 5.7.1") && code(&refused) == flagged["reference"], "{refused}");
    assert_eq!(postfix.ask(&Message::of("alice", "192.0.2.9", 1)).await, "DUNNO", "from campus the owner sends on");
    assert_eq!(postfix.ask(&Message::of("bob", AMERICAN, 1)).await, "DUNNO");
}

#[tokio::test]
async fn while_a_site_observes_postfix_is_told_nothing_and_the_operator_everything() {
    let (settings, door) =
        with_door(Settings::sections(&format!("{THREE}alert_messages_per_account = [\"2/5m\"]\n")), "");
    let settings = Settings { top: "mode = \"observe\"".into(), ..settings };
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let mut postfix = Postfix::connect(door).await;
    for _ in 0..3 {
        assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 2)).await, "DUNNO");
    }
    let refused = gateway.event("send_refused").await;
    assert_eq!((&refused["verdict"], &refused["door"]), (&"throttle".into(), &"submission".into()));
    let alert = gateway.event("many_messages").await;
    assert_eq!((&alert["messages"], &alert["door"]), (&3.into(), &"submission".into()), "attempts count");
}

#[tokio::test]
async fn who_speaks_nonsense_or_not_at_all_hurts_nobody_else() {
    let (settings, door) = with_door(Settings::new(), "clients = [\"127.0.0.1\"]");
    let (_upstream, gateway) = with_roundcube(&settings).await;
    // As many as there is room for, all of them silent, one in the middle of a question.
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(TcpStream::connect(door).await.expect("there is room"));
    }
    silent[0].write_all(b"request=smtpd_access_policy\nprotocol_state=").await.expect("it is read");
    let mut postfix = Postfix::connect(door).await;
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 1)).await, "DUNNO");
    let mut client = gateway.client();
    assert_eq!(client.get("/").await.status, 200, "the webmail's people notice nothing");

    for nonsense in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n", "request=junk\n\n", "\n"] {
        let mut stream = TcpStream::connect(door).await.expect("there is room");
        stream.write_all(nonsense.as_bytes()).await.expect("it is read");
        assert!(is_closed(stream).await, "{nonsense:?}");
    }
    let mut stream = TcpStream::connect(door).await.expect("there is room");
    // It may be closed before all of it is written.
    let _ = stream.write_all(&vec![b'x'; 1 << 20]).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());

    let elsewhere = tokio::net::TcpSocket::new_v4().expect("a socket");
    elsewhere.bind("127.0.0.2:0".parse().expect("an address")).expect("loopback is ours");
    let stranger = elsewhere.connect(door).await.expect("it is closed only then");
    assert!(is_closed(stranger).await, "not among the clients");

    assert!(is_closed(silent.swap_remove(0)).await, "a question that does not end");
    for _ in 0..1100 {
        silent.push(TcpStream::connect(door).await.expect("it is closed only then"));
    }
    assert!(is_closed(silent.pop().expect("there are many")).await, "there is no room for more");
    assert_eq!(postfix.ask(&Message::of("alice", OUTSIDE, 1)).await, "DUNNO", "who is in is answered");
    let metrics = gateway.admin_client().get("/metrics").await.text();
    for answer in ["unreadable", "not allowed", "no room"] {
        assert!(metrics.contains(&format!("{{server=\"postfix\",answer=\"{answer}\"}}")), "{answer}: {metrics}");
    }
}

#[tokio::test]
async fn a_socket_in_the_file_system_is_a_door_as_well_also_after_kill_9() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().join("policy.sock");
    let sections = format!("[doors]\npostfix = \"unix:{}\"\n", at.display());
    let (_upstream, mut gateway) = with_roundcube(&Settings::sections(&sections)).await;
    for _ in 0..2 {
        let mut stream = BufReader::new(UnixStream::connect(&at).await.expect("the door is open"));
        stream.write_all(Message::of("alice", OUTSIDE, 1).question().as_bytes()).await.expect("it is read");
        assert_eq!(answer(&mut stream).await, "DUNNO");
        gateway.kill_and_restart().await;
    }
    let second = Gateway::refused(gateway.https(), &Settings::sections(&sections)).await;
    assert!(second.contains("another program answers there"), "{second}");
}
