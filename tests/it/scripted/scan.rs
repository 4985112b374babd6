//! Scanners that answer, that do not, and that answer nonsense, in front of a webmail that does as it is told. What is
//! claimed of real scanners here is tested in `real_scanners`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::squirrelmail::{self, SquirrelMail, composed};
use super::{challenge, posting, risk, says_sent, send, signed_in, with_roundcube};
use crate::stack::{Client, Gateway, Settings, free_ports, until};

/// What a scanner of the tests does.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// Finds nothing, or a virus where the content has this word.
    Work,
    /// Takes everything and says nothing.
    Hang,
    /// Says what no scanner says.
    Babble,
}

/// Something that speaks like clamd as far as the tests need it.
struct Scanner {
    address: SocketAddr,
    does: Arc<parking_lot::Mutex<Does>>,
    asked: Arc<AtomicUsize>,
}

impl Scanner {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let does = Arc::new(parking_lot::Mutex::new(does));
        let asked = Arc::new(AtomicUsize::new(0));
        let (at_work, counts) = (Arc::clone(&does), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let (does, counts) = (*at_work.lock(), Arc::clone(&counts));
                tokio::spawn(async move {
                    let mut content = Vec::new();
                    let mut buffer = [0; 4096];
                    while !content.ends_with(&[0; 4]) && !content.ends_with(b"PING\0") {
                        match connection.read(&mut buffer).await {
                            Ok(read) if read > 0 => content.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    }
                    let is_ping = content == b"zPING\0";
                    counts.fetch_add(usize::from(!is_ping), Ordering::SeqCst);
                    let found = content.windows(9).any(|word| word == b"INFECTION");
                    let answer: &[u8] = match does {
                        Does::Hang => std::future::pending().await,
                        Does::Babble => b"220 mail.example.edu ESMTP\r\n",
                        Does::Work if is_ping => b"PONG\0",
                        Does::Work if found => b"stream: Test.Infection FOUND\0",
                        Does::Work => b"stream: OK\0",
                    };
                    let _ = connection.write_all(answer).await;
                });
            }
        });
        Self { address, does, asked }
    }

    fn table(&self, more: &str) -> String {
        table(self.address, more)
    }
}

fn table(address: SocketAddr, more: &str) -> String {
    format!("[[scanner]]\nkind = \"clamav\"\naddress = \"{address}\"\ntime_limit = \"300ms\"\n{more}\n")
}

async fn metrics(gateway: &Gateway) -> String {
    gateway.admin_client().get("/metrics").await.text()
}

async fn readiness(gateway: &Gateway) -> String {
    gateway.admin_client().get("/readyz").await.text()
}

#[tokio::test]
async fn while_a_scanner_is_silent_messages_pass_and_are_flagged_or_wait_as_its_table_says() {
    let [nobody] = free_ports();
    let hangs = Scanner::start(Does::Hang).await;
    let babbles = Scanner::start(Does::Babble).await;
    for (address, what) in [
        (nobody, "it cannot be reached"),
        (hangs.address, "it does not answer in time"),
        (babbles.address, "its answer cannot be understood"),
    ] {
        let (upstream, gateway) = with_roundcube(&Settings::sections(&table(address, ""))).await;
        let mut alice = signed_in(&gateway, "alice").await;
        assert!(says_sent(&send(&mut alice, "fine").await), "{what}");
        let sent = gateway.event("sent").await;
        assert_eq!(sent["verdict"], "flag", "{what}");
        assert_eq!(sent["signals"][0]["name"], "scanner_silent", "{what}");
        let flag = gateway.event("flag_raised").await;
        assert_eq!((&flag["account"], &flag["verdict"]), (&"alice".into(), &"flag".into()));
        gateway.event("scanner_silent").await;
        let shown = metrics(&gateway).await;
        assert!(shown.contains("mailward_scanner_silent{scanner=\"clamav\"} 1"), "{shown}");
        assert!(shown.contains("mailward_scans_total{scanner=\"clamav\",result=\"silent\"} 1"), "{shown}");
        let ready = readiness(&gateway).await;
        assert!(ready.contains("degraded") && ready.contains("the scanner clamav has not answered since"), "{ready}");
        drop((upstream, gateway));

        let holding = table(address, "when_silent = \"hold_back\"");
        let (upstream, gateway) = with_roundcube(&Settings::sections(&holding)).await;
        let mut alice = signed_in(&gateway, "alice").await;
        let before = upstream.seen().len();
        let held = send(&mut alice, "fine").await;
        assert!(held.status == 503 && held.text().contains("cannot be checked at the moment"), "{}", held.text());
        assert!(held.text().contains("parent.rcmail.display_message"), "in the compose page, with the text kept");
        assert_eq!(upstream.seen().len(), before, "nothing of it reached the webmail");
        let refused = gateway.event("send_refused").await;
        assert_eq!(
            (&refused["verdict"], &refused["signals"][0]["name"]),
            (&"throttle".into(), &"scanner_silent".into())
        );
        let reason = refused["reasons"][0].as_str().unwrap_or_default();
        assert!(reason.contains(what), "{what}: {reason}");
    }
}

#[tokio::test]
async fn a_scanner_that_is_back_is_asked_again_and_said_to_be_back() {
    let scanner = Scanner::start(Does::Hang).await;
    let (_upstream, gateway) = with_roundcube(&Settings::sections(&scanner.table("when_silent = \"hold_back\""))).await;
    let mut alice = signed_in(&gateway, "alice").await;
    for _ in 0..3 {
        assert_eq!(send(&mut alice, "fine").await.status, 503);
    }
    // Nobody waits any more for one that hangs.
    let asked = scanner.asked.load(Ordering::SeqCst);
    assert_eq!(send(&mut alice, "fine").await.status, 503);
    assert_eq!(scanner.asked.load(Ordering::SeqCst), asked);
    *scanner.does.lock() = Does::Work;
    until("the message is sent", 20, async || says_sent(&send(&mut alice, "fine").await).then_some(())).await;
    gateway.event("scanner_answers").await;
    assert_eq!(gateway.events_of("scanner_silent").len(), 1, "said once");
    assert!(metrics(&gateway).await.contains("mailward_scanner_silent{scanner=\"clamav\"} 0"));
    assert!(readiness(&gateway).await.contains("\"ready\""));
}

#[tokio::test]
async fn what_a_refused_message_would_have_cost_is_given_back_and_its_session_goes_on() {
    let scanner = Scanner::start(Does::Work).await;
    let limits = "[send.limits]\nmessages_per_account = [\"1/h\"]\nfamiliar_factor = 1.0\n";
    let (upstream, gateway) = with_roundcube(&Settings::sections(&format!("{limits}{}", scanner.table("")))).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let before = upstream.seen().len();
    let refused = send(&mut alice, "INFECTION").await;
    assert!(refused.status == 429 && refused.text().contains("A virus was found"), "{}", refused.text());
    assert_eq!(upstream.seen().len(), before, "nothing of it reached the webmail");
    let event = gateway.event("send_refused").await;
    assert_eq!((&event["verdict"], &event["signals"][0]["name"]), (&"refuse".into(), &"virus".into()));
    let flag = gateway.event("flag_raised").await;
    assert_eq!(flag["reference"], event["reference"], "the code that the person sees is the flag's");
    assert_eq!(gateway.events_of("flag_raised").len(), 1);
    assert!(!format!("{:?}", gateway.events()).contains("Test.Infection"), "no rule of a scanner is told");
    assert!(says_sent(&send(&mut alice, "fine").await), "the one message of this hour is still there to be sent");
    assert_eq!(gateway.event("sent").await["verdict"], "pass");
}

#[tokio::test]
async fn a_site_that_observes_sends_what_would_be_refused_and_says_so() {
    let scanner = Scanner::start(Does::Work).await;
    let settings = Settings { top: "mode = \"observe\"".to_owned(), ..Settings::sections(&scanner.table("")) };
    let (_upstream, gateway) = with_roundcube(&settings).await;
    let mut alice = signed_in(&gateway, "alice").await;
    assert!(says_sent(&send(&mut alice, "INFECTION").await));
    assert_eq!(gateway.event("send_refused").await["signals"][0]["name"], "virus");
    gateway.event("sent").await;
}

#[tokio::test]
async fn a_suspicious_message_of_somebody_who_cannot_prove_who_they_are_leaves_the_session_reading() {
    let [nobody] = free_ports();
    let heavy = table(nobody, "weights = { scanner_silent = 60 }");
    let (upstream, gateway) = with_roundcube(&Settings::sections(&heavy)).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let before = upstream.seen().len();
    let refused = send(&mut alice, "fine").await;
    assert!(refused.text().contains("does not look like your usual way of writing"), "{}", refused.text());
    let flag = gateway.event("flag_raised").await;
    assert_eq!((&flag["verdict"], &flag["account"]), (&"challenge".into(), &"alice".into()));
    let again = send(&mut alice, "fine").await;
    assert!(again.text().contains("can read mail but not do this"), "{}", again.text());
    assert_eq!(upstream.seen().len(), before);
    // The operator clears it: whoever was vouched for is not stopped for the same again.
    let code = flag["reference"].as_str().expect("a code");
    let cleared = gateway.command(&["flag", "clear", code]);
    assert!(cleared.status.success(), "{}", String::from_utf8_lossy(&cleared.stderr));
    until("it is sent", 10, async || says_sent(&send(&mut alice, "fine").await).then_some(())).await;
    assert!(says_sent(&send(&mut alice, "fine").await), "nor the time after that");
}

#[tokio::test]
async fn whoever_proves_who_they_are_sends_it_and_is_not_asked_for_the_same_again() {
    let [nobody] = free_ports();
    let (upstream, gateway) = risk::start(&table(nobody, "weights = { scanner_silent = 60 }")).await;
    let mut alice = risk::with_habit(&gateway, "alice").await;
    let code = challenge::helpdesk_code(&gateway, "alice");
    upstream.forget();
    let asked = send(&mut alice, "fine").await;
    assert!(asked.text().contains("/.mailward/challenge?frame=1"), "in a dialog of the compose page: {}", asked.text());
    assert!(upstream.seen().is_empty());
    let page = alice.get("/.mailward/challenge").await;
    let proved = challenge::answer(&mut alice, &page, &code, &[]).await;
    assert!(proved.status.is_success() || proved.status.is_redirection(), "{} {}", proved.status, proved.text());
    for _ in 0..2 {
        assert!(says_sent(&send(&mut alice, "fine").await));
    }
    assert_eq!(gateway.event("sent").await["verdict"], "flag");
}

#[tokio::test]
async fn a_session_that_ends_while_its_message_is_looked_at_sends_nothing() {
    let scanner = Scanner::start(Does::Hang).await;
    let slow = scanner.table("").replace("300ms", "5s");
    let (upstream, gateway) = with_roundcube(&Settings::sections(&slow)).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let mut same = alice.clone();
    upstream.forget();
    let sending = tokio::spawn(async move { send(&mut same, "fine").await });
    until("the scanner is asked", 10, async || (scanner.asked.load(Ordering::SeqCst) > 0).then_some(())).await;
    let locked = gateway.command(&["account", "lock", "alice"]);
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    let answer = sending.await.expect("it is answered");
    assert!(!says_sent(&answer), "{}", answer.text());
    assert!(upstream.seen().is_empty(), "nothing of it reached the webmail");
    assert!(!says_sent(&send(&mut alice, "fine").await));
}

#[tokio::test]
async fn doctor_tries_each_scanner() {
    let [nobody] = free_ports();
    let scanner = Scanner::start(Does::Work).await;
    let both = format!("{}{}", scanner.table(""), table(nobody, "name = \"other\""));
    let (_upstream, gateway) = with_roundcube(&Settings::sections(&both)).await;
    let doctor = tokio::task::spawn_blocking(move || gateway.command(&["doctor"])).await.expect("it ends");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains(&format!("ok    the scanner clamav at {} answers", scanner.address)), "{said}");
    assert!(said.contains(&format!("FAIL  the scanner other at {nobody}: it cannot be reached")), "{said}");
}

/// A signed-in person at a SquirrelMail behind a scanner.
async fn at_squirrelmail(scanner: &Scanner, more: &str) -> (SquirrelMail, Gateway, Client) {
    let webmail = SquirrelMail::start().await;
    let settings = Settings { webmail: Some("squirrelmail"), ..Settings::sections(&scanner.table(more)) };
    let gateway = Gateway::start(webmail.address, &settings).await;
    let mut client = gateway.client();
    assert_eq!(squirrelmail::sign_in(&mut client, "alice", "right").await.status, 302);
    (webmail, gateway, client)
}

#[tokio::test]
async fn a_file_that_squirrelmail_gets_with_the_message_or_before_it_is_looked_at() {
    let scanner = Scanner::start(Does::Work).await;
    let (webmail, gateway, mut client) = at_squirrelmail(&scanner, "").await;
    let press = async |client: &mut Client, button: (&str, &str), file: &[u8]| {
        let (kind, body) = composed(squirrelmail::MESSAGE, button, Some(file));
        let request = posting(client, "/src/compose.php", &kind, body);
        client.send(request).await
    };
    let long = [&[b'x'; 600_000][..], b"INFECTION", &[b'y'; 300_000]].concat();
    for (button, file) in [
        (("send", "Send"), &b"an INFECTION"[..]),
        (("attach", "Add"), b"an INFECTION"),
        (("draft", "Save Draft"), b"an INFECTION"),
        (("send", "Send"), &long),
    ] {
        let refused = press(&mut client, button, file).await;
        let page = refused.text();
        assert!(page.contains("A virus was found"), "{button:?} {}: {page}", refused.status);
        // The page hands everything back but the file.
        assert!(page.contains("First line") && page.contains("carol@c.example"), "{button:?}: {page}");
        assert!(!page.contains("INFECTION"), "{button:?}");
    }
    assert_eq!((webmail.did("sent").len(), webmail.did("draft").len()), (0, 0));
    assert_eq!((gateway.events_of("upload_refused").len(), gateway.events_of("send_refused").len()), (2, 2));
    assert_eq!(press(&mut client, ("draft", "Save Draft"), b"a plain file").await.status, 302);
    assert_eq!(press(&mut client, ("send", "Send"), b"a plain file").await.status, 302);
    assert_eq!(webmail.did("sent")[0]["file"], true, "the file went along");
}
