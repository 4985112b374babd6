//! Dovecot's door, as Dovecot sees it.

use std::net::SocketAddr;

use bytes::Bytes;
use data_encoding::BASE64;
use http::Method;
use serde_json::{Value, json};

use super::super::risk::{self, AMERICAN, BRITISH, CHROME, FIREFOX, GERMAN, JAPANESE};
use super::super::{challenge, roundcube, sign_in, upstream::Upstream};
use super::{Message, Postfix, code};
use crate::stack::{Answer, Client, Gateway, Settings, free_ports, until};

/// A Mailward with doors for both servers; the folder holds the key.
struct Doors {
    dovecot: Client,
    postfix: SocketAddr,
    gateway: Gateway,
    _upstream: Upstream,
    _folder: tempfile::TempDir,
}

impl Doors {
    async fn open(settings: Settings, lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = folder.path().join("key");
        std::fs::write(&key, "open sesame\n").expect("a folder of our own");
        let [postfix, dovecot] = free_ports();
        let sections = format!(
            "{}\n[doors]\npostfix = \"{postfix}\"\ndovecot = \"{dovecot}\"\ndovecot_key_file = \"{}\"\n{lines}\n",
            settings.sections,
            key.display()
        );
        let upstream = Upstream::start(roundcube).await;
        let gateway = Gateway::start(upstream.address(), &Settings { sections, ..settings }).await;
        let mut client = Client::http(dovecot);
        client.header("authorization", &format!("Basic {}", BASE64.encode(b"mailward:open sesame")));
        Self { dovecot: client, postfix, gateway, _upstream: upstream, _folder: folder }
    }

    async fn post(&self, command: &str, body: impl Into<Bytes>) -> Answer {
        let mut client = self.dovecot.clone();
        let request = client.request(Method::POST, &format!("/?command={command}"), body.into());
        client.send(request).await
    }

    async fn ask(&self, command: &str, question: &Value) -> Value {
        let answer = self.post(command, question.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(answer["r_attrs"], json!({}));
        answer
    }

    /// What Dovecot is told before it looks at the password.
    async fn allow(&self, name: &str, address: &str, password: &str) -> i64 {
        self.ask("allow", &question(name, address, password)).await["status"].as_i64().expect("a number")
    }

    /// What Dovecot reports afterwards.
    async fn report(&self, name: &str, address: &str, password: &str, success: bool) {
        let mut report = question(name, address, password);
        report["success"] = success.into();
        report["policy_reject"] = false.into();
        assert_eq!(self.ask("report", &report).await["status"], 0);
    }

    /// Both; whether Dovecot looked at the password.
    async fn attempt(&self, name: &str, address: &str, password: &str, success: bool) -> bool {
        let looks = self.allow(name, address, password).await >= 0;
        if looks {
            self.report(name, address, password, success).await;
        }
        looks
    }

    async fn submits(&self, name: &str, address: &str) -> String {
        Postfix::connect(self.postfix).await.ask(&Message::of(name, address, 1)).await
    }

    /// Events of one kind about an account by this door.
    fn events(&self, kind: &str, account: &str, door: &str) -> Vec<Value> {
        let fits = |event: &Value| event["account"] == account && event["door"] == door;
        self.gateway.events_of(kind).into_iter().filter(fits).collect()
    }
}

/// As Dovecot 2.3 writes it, with the attributes of `deploy/dovecot`.
fn question(name: &str, address: &str, password: &str) -> Value {
    json!({"login": name, "remote": address, "pwhash": password, "protocol": "imap", "session_id": "", "tls": true})
}

#[tokio::test]
async fn guesses_count_together_with_those_at_the_webmail_and_the_owner_is_not_shut_out() {
    let limits = "[sign_in.limits]\nfailures_per_account_and_prefix = \"3/10m\"\nfailures_per_account = \"4/10m\"\n";
    let doors = Doors::open(risk::settings(limits), "").await;
    let _owner = risk::with_habit(&doors.gateway, "alice").await;
    let mut thief = risk::at(&doors.gateway, BRITISH, CHROME);
    assert!(doors.attempt("alice", BRITISH, "01", false).await);
    for _ in 0..10 {
        assert!(doors.attempt("alice@campus.example", BRITISH, "02", false).await, "one password is one guess");
    }
    assert_eq!(sign_in(&mut thief, "alice", "wrong").await.status, 401);
    assert!(!doors.attempt("alice", BRITISH, "03", true).await, "not even the right one");
    assert_eq!(sign_in(&mut thief, "alice", "right").await.status, 429, "nor at the webmail");
    assert!(doors.attempt("bob", BRITISH, "04", true).await, "another account");

    // A mail program opens many connections at once with one password, the right one, from where nobody knows it.
    let many = futures_util::future::join_all((0..8).map(|_| doors.allow("alice", JAPANESE, "0f"))).await;
    assert_eq!(many, [0; 8]);
    for _ in 0..8 {
        doors.report("alice", JAPANESE, "0f", true).await;
    }
    assert!(doors.attempt("alice", JAPANESE, "05", false).await, "what was right was given back");
    assert!(!doors.attempt("alice", JAPANESE, "06", false).await, "strangers together have had four");
    for (place, address) in [("at home", GERMAN), ("on campus", "192.0.2.9")] {
        assert!(doors.attempt("alice", address, "0f", true).await, "{place} the owner is let in");
    }

    let refused = until("it is recorded", 10, async || doors.events("sign_in_refused", "alice", "imap").pop()).await;
    assert_eq!(refused["stopped_by"], "failures_per_account 4/10m");
    assert_eq!(doors.events("sign_in_failed", "alice", "imap").len(), 12);
}

#[tokio::test]
async fn a_right_password_is_judged_by_the_same_profile_once_and_teaches_it() {
    let doors = Doors::open(risk::settings("[send.limits]\ncountries_per_account = \"none\"\n"), "").await;
    let _owner = risk::with_habit(&doors.gateway, "alice").await;
    for _ in 0..3 {
        assert!(doors.attempt("alice", AMERICAN, "0f", true).await);
    }
    let flagged = risk::event(&doors.gateway, "flag_raised", "alice").await;
    assert_eq!((&flagged["door"], &flagged["verdict"]), (&"imap".into(), &"challenge".into()));
    let signals: Vec<_> = flagged["signals"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert!(signals.contains(&"new_country".into()), "{signals:?}");
    for browser in ["new_device", "scripted"] {
        assert!(!signals.contains(&browser.into()), "there is no browser: {signals:?}");
    }
    // It reads, and does not send: nobody can be asked for more than the password here.
    let refused = doors.submits("alice", AMERICAN).await;
    assert!(refused.starts_with("REJECT 5.7.1") && code(&refused) == flagged["reference"], "{refused}");
    assert_eq!(doors.submits("alice", GERMAN).await, "DUNNO");
    assert_eq!(doors.events("sign_in_ok", "alice", "imap").len(), 1, "programs come all day");
    assert_eq!(doors.events("flag_raised", "alice", "imap").len(), 1);
    let row = doors.gateway.command(&["flag", "show", &code(&refused)]);
    assert!(String::from_utf8_lossy(&row.stdout).contains("mail program (imap)"), "{row:?}");
    assert!(doors.gateway.command(&["flag", "clear", &code(&refused)]).status.success());
    assert_eq!(doors.submits("alice", AMERICAN).await, "DUNNO");

    // What a mail program did is usual at the webmail as well.
    assert!(doors.attempt("carol", GERMAN, "0f", true).await);
    let passed = until("it is recorded", 10, async || doors.events("sign_in_ok", "carol", "imap").pop()).await;
    assert_eq!((&passed["verdict"], &passed["country"]), (&"pass".into(), &"DE".into()));
    let mut elsewhere = risk::at(&doors.gateway, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut elsewhere, "carol", "right").await.status, 302);
    let flagged = risk::event(&doors.gateway, "flag_raised", "carol").await;
    assert!(flagged["signals"].to_string().contains("new_country"), "{flagged}");
}

#[tokio::test]
async fn who_signs_in_at_the_webmail_from_there_and_passes_sends_from_there() {
    let doors = Doors::open(risk::settings(""), "").await;
    let _owner = risk::with_habit(&doors.gateway, "alice").await;
    assert!(doors.attempt("alice", AMERICAN, "0f", true).await);
    assert!(doors.submits("alice", AMERICAN).await.starts_with("REJECT 5.7.1"));
    let code = challenge::helpdesk_code(&doors.gateway, "alice");
    let mut browser = risk::at(&doors.gateway, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut browser, "alice", "right").await.status, 302);
    assert!(doors.submits("alice", AMERICAN).await.starts_with("REJECT 5.7.1"), "the password alone is no proof");
    let page = browser.follow("/?_task=mail").await.0;
    assert_eq!(challenge::answer(&mut browser, &page, &code, &[]).await.status, 303);
    assert_eq!(doors.submits("alice", AMERICAN).await, "DUNNO");
    assert!(doors.submits("alice", "12.9.9.9").await.starts_with("DUNNO"), "nothing stands against another place");
}

#[tokio::test]
async fn a_sign_in_that_fits_too_little_is_refused_from_then_on() {
    let strict = "[risk]\nflag = 11\nchallenge = 20\nrestrict = 30\nrefuse = 40\n";
    let doors = Doors::open(risk::settings(strict), "").await;
    let _owner = risk::with_habit(&doors.gateway, "alice").await;
    // Dovecot has looked at the password when it reports; at the next turn it does not.
    assert!(doors.attempt("alice", AMERICAN, "0f", true).await);
    let refused = until("it is recorded", 10, async || doors.events("sign_in_refused", "alice", "imap").pop()).await;
    assert_eq!(refused["verdict"], "refuse");
    let answer = doors.ask("allow", &question("alice", AMERICAN, "0f")).await;
    assert_eq!(answer["status"], -1);
    assert!(answer["msg"].as_str().is_some_and(|words| words.contains(refused["reference"].as_str().expect("a code"))));
    assert!(doors.submits("alice", AMERICAN).await.starts_with("REJECT 5.7.1"));
    assert!(doors.attempt("alice", GERMAN, "0f", true).await);
}

#[tokio::test]
async fn a_locked_account_is_locked_here_too_but_for_the_webmail_where_a_new_password_opens_it() {
    let passwords = "[passwords]\nopen_locks_at_change = true\n";
    let doors = Doors::open(risk::settings(passwords), "from_webmail = [\"192.0.2.80\"]").await;
    let mut alice = risk::at(&doors.gateway, GERMAN, FIREFOX);
    assert_eq!(sign_in(&mut alice, "alice", "right").await.status, 302);
    assert!(doors.gateway.command(&["account", "lock", "--until-password-change", "alice"]).status.success());
    assert!(doors.gateway.command(&["account", "lock", "bob"]).status.success());
    for (name, address, status) in [
        ("alice", GERMAN, -1),
        ("alice", "192.0.2.9", -1),
        ("alice", "192.0.2.80", 0),
        ("bob", "192.0.2.80", -1),
        ("bob", GERMAN, -1),
        ("carol", GERMAN, 0),
    ] {
        let answer = doors.ask("allow", &question(name, address, "0f")).await;
        assert_eq!(answer["status"], status, "{name} from {address}");
        assert_eq!(answer["msg"].as_str().expect("a text").contains("locked"), status < 0);
    }
    // The webmail's own sign-ins, one with every click, are neither counted nor judged here.
    for number in 0..50 {
        assert!(doors.attempt("dave", "192.0.2.80", &number.to_string(), number % 2 == 0).await);
    }
    assert!(
        doors.events("sign_in_ok", "dave", "imap").is_empty()
            && doors.events("sign_in_failed", "dave", "imap").is_empty()
    );
}

#[tokio::test]
async fn strangers_are_slowed_when_a_site_is_sprayed_and_counters_are_forgotten_when_an_operator_says_so() {
    let limits =
        "[sign_in.limits]\nfailures_per_site_before_slowing = \"3/m\"\nfailures_per_account_and_prefix = \"1/h\"\n";
    let doors = Doors::open(risk::settings(limits), "").await;
    for name in ["alice", "bob", "carol"] {
        assert_eq!(doors.allow(name, BRITISH, "01").await, 0);
        doors.report(name, BRITISH, "01", false).await;
    }
    assert_eq!(doors.allow("dave", BRITISH, "01").await, 1, "half a second, rounded up");
    assert_eq!(doors.allow("dave", "192.0.2.9", "01").await, 0, "not on campus");
    assert_eq!(doors.allow("alice", BRITISH, "02").await, -1);
    for (about, status) in [
        (json!({"login": "bob", "ip": BRITISH}), -1),
        (json!({"login": "alice"}), -1),
        (json!({"login": "alice", "ip": BRITISH}), 1),
    ] {
        assert_eq!(doors.ask("reset", &about).await["status"], 0);
        assert_eq!(doors.allow("alice", BRITISH, "02").await, status, "after {about}");
    }
}

#[tokio::test]
async fn while_a_site_observes_dovecot_is_told_nothing() {
    let limits = "[sign_in.limits]\nfailures_per_account_and_prefix = \"1/h\"\n";
    let settings = Settings { top: "mode = \"observe\"".into(), ..risk::settings(limits) };
    let doors = Doors::open(settings, "").await;
    for password in ["01", "02", "03"] {
        assert!(doors.attempt("alice", BRITISH, password, false).await);
    }
    let refused = until("it is recorded", 10, async || doors.events("sign_in_refused", "alice", "imap").pop()).await;
    assert_eq!(refused["stopped_by"], "failures_per_account_and_prefix 1/h");
}

#[tokio::test]
async fn without_the_key_or_in_another_form_nothing_is_answered() {
    let doors = Doors::open(risk::settings(""), "clients = [\"127.0.0.1\"]").await;
    let asked = question("alice", BRITISH, "01").to_string();
    assert_eq!(doors.post("allow", asked.clone()).await.status, 200);
    for (command, body, status) in [
        ("allow", "{".to_owned(), 400),
        ("allow", "7".to_owned(), 400),
        ("allow", r#"{"login":7}"#.to_owned(), 400),
        ("allow", format!(r#"{{"login":"{}"}}"#, "x".repeat(20_000)), 400),
        ("ping", asked.clone(), 404),
        ("", asked.clone(), 404),
    ] {
        assert_eq!(doors.post(command, body).await.status.as_u16(), status, "{command}");
    }
    let mut client = doors.dovecot.clone();
    assert_eq!(client.get("/?command=allow").await.status, 405);
    for header in ["Basic bWFpbHdhcmQ6b3Blbg==", "Bearer open sesame", ""] {
        client.header("authorization", header);
        let request = client.request(Method::POST, "/?command=allow", asked.clone().into());
        assert_eq!(client.send(request).await.status, 401, "{header}");
    }
    let mut stranger = doors.dovecot.clone().from([127, 0, 0, 2]);
    let request = stranger.request(Method::POST, "/?command=allow", asked.into());
    assert!(stranger.try_send(request).await.is_err(), "not among the clients");
    let metrics = doors.gateway.admin_client().get("/metrics").await.text();
    for (answer, count) in [("passed", 1), ("unreadable", 7), ("not allowed", 3)] {
        let line = format!("mailward_door_questions_total{{server=\"dovecot\",answer=\"{answer}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_key_that_is_empty_opens_no_door_at_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("key"), "\n").expect("a folder of our own");
    let [dovecot] = free_ports();
    let key = folder.path().join("key").display().to_string();
    let sections = format!("[doors]\ndovecot = \"{dovecot}\"\ndovecot_key_file = \"{key}\"\n");
    let upstream = Upstream::start(roundcube).await;
    let said = Gateway::refused(upstream.address(), &Settings::sections(&sections)).await;
    assert!(said.contains("is empty"), "{said}");
}
