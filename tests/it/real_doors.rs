//! The other doors with the real Postfix and Dovecot, which ask as `deploy/postfix` and `deploy/dovecot` say.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::stack::{Gateway, Message, Person, Roundcube, Settings, Stack, until};

/// The webmail's own address, as its Roundcube is seen by the mail servers.
const WEBMAIL: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const AT_HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 6, 1);
const ON_CAMPUS: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 1);
const THIEF: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 1);

/// A Mailward that the stack's servers ask.
async fn gateway_of(stack: &Stack, sections: &str) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = folder.path().join("key");
    // What stands in deploy/dovecot, in place of a real one.
    std::fs::write(&key, "CHANGE-ME\n").expect("a folder of our own");
    let [postfix, dovecot] = stack.doors();
    let sections = format!(
        "[networks]\ncampus = [\"127.0.9.0/24\"]\n{sections}\n[doors]\npostfix = \"{postfix}\"\ndovecot = \"{dovecot}\"\n\
         dovecot_key_file = \"{}\"\nfrom_webmail = [\"{WEBMAIL}\"]\n",
        key.display()
    );
    (Gateway::start(stack.web(), &Settings::sections(&sections).unguarded()).await, folder)
}

async fn connect(server: SocketAddr, from: Ipv4Addr) -> BufReader<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.into(), 0)).expect("loopback is ours");
    BufReader::new(socket.connect(server).await.expect("the server listens"))
}

async fn line(from: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    tokio::time::timeout(Duration::from_secs(60), from.read_line(&mut line)).await.expect("in time").expect("a line");
    line.trim_end().to_owned()
}

/// A mail program's connection to Postfix.
struct Smtp(BufReader<TcpStream>);

impl Smtp {
    /// Signs in; the error is the server's answer.
    async fn sign_in(stack: &Stack, from: Ipv4Addr, person: &Person) -> Result<Self, String> {
        let mut smtp = Self(connect(stack.submission(), from).await);
        smtp.reply().await;
        smtp.say("EHLO laptop.example").await;
        let proof = BASE64.encode(format!("\0{}\0{}", person.name, person.password).as_bytes());
        let answer = smtp.say(&format!("AUTH PLAIN {proof}")).await;
        if answer.starts_with("235 ") { Ok(smtp) } else { Err(answer) }
    }

    async fn reply(&mut self) -> String {
        loop {
            let line = line(&mut self.0).await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.expect("it is read");
        self.reply().await
    }

    /// Hands in a message; the server's last answer.
    async fn send(&mut self, person: &Person, to: &[&str]) -> String {
        // Postfix keeps what it has heard of a message that it refused at its end.
        self.say("RSET").await;
        let from = self.say(&format!("MAIL FROM:<{}>", person.address())).await;
        assert!(from.starts_with("250 "), "{from}");
        for recipient in to {
            let taken = self.say(&format!("RCPT TO:<{recipient}>")).await;
            assert!(taken.starts_with("250 "), "{taken}");
        }
        let data = self.say("DATA").await;
        assert!(data.starts_with("354 "), "{data}");
        let text = format!("From: <{}>\r\nSubject: from my laptop\r\n\r\nHello\r\n.", person.address());
        self.say(&text).await
    }
}

/// Whether Dovecot lets somebody in.
async fn reads(stack: &Stack, from: Ipv4Addr, person: &Person, password: &str) -> bool {
    let mut imap = connect(stack.imap(), from).await;
    line(&mut imap).await;
    imap.write_all(format!("a LOGIN {} {password}\r\n", person.name).as_bytes()).await.expect("it is read");
    loop {
        let answer = line(&mut imap).await;
        assert!(!answer.is_empty(), "Dovecot closed the connection");
        if let Some(result) = answer.strip_prefix("a ") {
            return result.starts_with("OK");
        }
    }
}

const ONE: &str = "one@elsewhere.example";
const TWO: &str = "two@elsewhere.example";
const THREE: &str =
    "[send.limits]\nrecipients_per_account = [\"3/h\"]\nrecipients_per_message = 3\nfamiliar_factor = 1.0\n";

fn to_two<'a>() -> Message<'a> {
    Message {
        to: "one@elsewhere.example, two@elsewhere.example",
        subject: "hello",
        body: "Hello",
        ..Message::default()
    }
}

#[tokio::test]
async fn what_was_sent_by_the_webmail_is_missing_in_the_mail_program_and_the_other_way_round() {
    let stack = Stack::with_doors();
    let (gateway, _folder) = gateway_of(&stack, THREE).await;
    let (alice, bob) = (stack.account(), stack.account());

    let mut webmail = Roundcube::sign_in(gateway.client(), &alice).await.expect("the password is right");
    let compose = webmail.compose("").await;
    assert!(webmail.send_from(&compose, &to_two()).await.says_sent());
    let mut laptop = Smtp::sign_in(&stack, AT_HOME, &alice).await.expect("the password is right");
    let refused = laptop.send(&alice, &[ONE, TWO]).await;
    assert!(refused.starts_with("450 4.7.1 ") && refused.contains("send this again in 60 minutes (code "), "{refused}");
    let taken = laptop.send(&alice, &[&bob.address()]).await;
    assert!(taken.starts_with("250 "), "{taken}");
    let compose = webmail.compose("").await;
    let answer = webmail.send_from(&compose, &to_two()).await;
    assert!(answer.status == 429 && answer.text().contains("limit for sending"), "{}", answer.text());
    until("what was taken is delivered", 20, async || {
        stack.inbox(&bob).iter().any(|mail| mail.contains("from my laptop")).then_some(())
    })
    .await;
    let code = gateway.events_of("send_refused")[0]["reference"].as_str().expect("a code").to_owned();
    assert!(refused.contains(&code), "{refused}");

    let mut laptop = Smtp::sign_in(&stack, AT_HOME, &bob).await.expect("the password is right");
    let taken = laptop.send(&bob, &[ONE, TWO, &alice.address()]).await;
    assert!(taken.starts_with("250 "), "{taken}");
    let mut webmail = Roundcube::sign_in(gateway.client(), &bob).await.expect("the password is right");
    let compose = webmail.compose("").await;
    assert_eq!(webmail.send_from(&compose, &to_two()).await.status, 429);
    assert_eq!(stack.accepted_from(&bob.address()).len(), 1, "messages that Postfix took");

    // What the webmail itself hands in was counted when its person sent it.
    let carol = stack.account();
    let mut from_webmail = Smtp::sign_in(&stack, WEBMAIL, &carol).await.expect("the password is right");
    for _ in 0..3 {
        let taken = from_webmail.send(&carol, &[ONE, TWO]).await;
        assert!(taken.starts_with("250 "), "{taken}");
    }
}

#[tokio::test]
async fn an_account_that_is_locked_is_locked_at_every_door() {
    let stack = Stack::with_doors();
    let (gateway, _folder) = gateway_of(&stack, "").await;
    let alice = stack.account();
    assert!(reads(&stack, AT_HOME, &alice, &alice.password).await);
    let mut laptop = Smtp::sign_in(&stack, AT_HOME, &alice).await.expect("the password is right");
    assert!(laptop.send(&alice, &[ONE]).await.starts_with("250 "));
    assert!(gateway.command(&["account", "lock", &alice.name]).status.success());
    // Who is signed in already, who signs in, and who reads.
    let refused = laptop.send(&alice, &[ONE]).await;
    assert!(refused.starts_with("554 5.7.1 ") && refused.contains("This account is locked"), "{refused}");
    let refused = Smtp::sign_in(&stack, AT_HOME, &alice).await.err().expect("it is locked");
    assert!(refused.starts_with("535 "), "{refused}");
    assert!(!reads(&stack, AT_HOME, &alice, &alice.password).await);
    assert!(Roundcube::sign_in(gateway.client(), &alice).await.is_err());
    assert!(reads(&stack, AT_HOME, &stack.account(), "u002-secret").await, "others notice nothing");

    assert!(gateway.command(&["account", "unlock", &alice.name]).status.success());
    assert!(reads(&stack, AT_HOME, &alice, &alice.password).await);
    assert!(laptop.send(&alice, &[ONE]).await.starts_with("250 "));
    assert!(Roundcube::sign_in(gateway.client(), &alice).await.is_ok());
}

#[tokio::test]
async fn guesses_by_imap_smtp_and_webmail_are_counted_together_and_the_owner_reads_on() {
    let stack = Stack::with_doors();
    let limits = "[sign_in.limits]\nfailures_per_account_and_prefix = \"3/10m\"\nfailures_per_account = \"100/m\"\n";
    let (gateway, _folder) = gateway_of(&stack, limits).await;
    let alice = stack.account();
    let guessed = |password: &str| Person { password: password.to_owned(), ..alice.clone() };
    assert!(!reads(&stack, THIEF, &alice, "summer2026").await);
    for _ in 0..5 {
        assert!(Smtp::sign_in(&stack, THIEF, &guessed("winter2026")).await.is_err(), "one guess, however often");
    }
    assert_eq!(Roundcube::sign_in(gateway.client().from(THIEF), &guessed("x")).await.err().expect("wrong").status, 401);
    // Three are spent: now even the right one is not looked at, by any door.
    assert!(!reads(&stack, THIEF, &alice, &alice.password).await);
    assert!(Smtp::sign_in(&stack, THIEF, &alice).await.is_err());
    assert_eq!(Roundcube::sign_in(gateway.client().from(THIEF), &alice).await.err().expect("stopped").status, 429);
    for from in [ON_CAMPUS, AT_HOME] {
        assert!(reads(&stack, from, &alice, &alice.password).await, "{from}");
    }
    let doors: Vec<_> = until("all of it is recorded", 10, async || {
        Some(gateway.events_of("sign_in_refused")).filter(|events| events.len() == 3)
    })
    .await
    .iter()
    .map(|event| event["door"].clone())
    .collect();
    assert_eq!(doors, ["imap".into(), "submission".into(), serde_json::Value::Null]);
    let log = gateway.log();
    for password in ["summer2026", "winter2026", &alice.password] {
        assert!(!log.contains(password));
    }
}

#[tokio::test]
async fn while_mailward_is_gone_or_hangs_the_mail_servers_go_on_as_they_are_told_to() {
    let stack = Stack::with_doors();
    let (mut gateway, _folder) = gateway_of(&stack, THREE).await;
    let alice = stack.account();
    let mut laptop = Smtp::sign_in(&stack, AT_HOME, &alice).await.expect("the password is right");
    assert!(laptop.send(&alice, &[ONE, TWO]).await.starts_with("250 "));
    gateway.stop().await;
    for _ in 0..2 {
        assert!(laptop.send(&alice, &[ONE, TWO]).await.starts_with("250 "), "there is nobody to ask");
    }
    assert!(reads(&stack, AT_HOME, &alice, &alice.password).await);
    assert!(Smtp::sign_in(&stack, AT_HOME, &alice).await.is_ok());

    // Somebody takes every connection and says nothing.
    let [postfix, dovecot] = stack.doors();
    let mute = |listener: TcpListener| async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await);
        }
    };
    let hanging = [
        tokio::spawn(mute(TcpListener::bind(postfix).await.expect("nobody is there"))),
        tokio::spawn(mute(TcpListener::bind(dovecot).await.expect("nobody is there"))),
    ];
    let began = now();
    assert!(laptop.send(&alice, &[ONE, TWO]).await.starts_with("250 "));
    assert!(began.elapsed() < Duration::from_secs(15), "two tries of five seconds: {:?}", began.elapsed());
    let began = now();
    assert!(reads(&stack, AT_HOME, &alice, &alice.password).await);
    assert!(began.elapsed() < Duration::from_secs(8), "two seconds before and after: {:?}", began.elapsed());
    for task in hanging {
        task.abort();
        let _ = task.await;
    }

    // Back again, it goes on from what it had counted.
    gateway.kill_and_restart().await;
    let refused = laptop.send(&alice, &[ONE, TWO]).await;
    assert!(refused.starts_with("450 4.7.1 "), "{refused}");
}

#[expect(clippy::disallowed_methods, reason = "how long real servers wait is measured by the real clock")]
fn now() -> Instant {
    Instant::now()
}
