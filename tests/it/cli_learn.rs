//! `mailward learn` from the outside: logs in, a proposal out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Three days of a small university: a mail log without years, an access log, and events of the gateway.
struct Logs {
    folder: tempfile::TempDir,
}

impl Logs {
    fn new() -> Self {
        let logs = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut mail = String::new();
        for (number, (account, minute, recipients)) in
            [("alice@example.edu", 0, 3), ("ALICE", 4, 2), ("bob@example.edu", 5, 1), ("al\x1b[31mf", 6, 80)]
                .into_iter()
                .enumerate()
        {
            let id = format!("4Xyz{number}Ab");
            writeln!(
                mail,
                "Nov 23 08:{minute:02}:01 mx postfix/submission/smtpd[41]: {id}: client=a.example.net[192.0.2.7], sasl_method=PLAIN, sasl_username={account}\n\
                 Nov 23 08:{minute:02}:02 mx postfix/cleanup[42]: {id}: message-id=<{number}@example.edu>\n\
                 Nov 23 08:{minute:02}:02 mx postfix/qmgr[9]: {id}: from=<x@example.edu>, size=900, nrcpt={recipients} (queue active)\n\
                 Nov 23 08:{minute:02}:03 mx postfix/qmgr[9]: {id}: removed"
            )
            .expect("a String takes everything");
        }
        mail.push_str("garbage \u{9b}31m\n");
        logs.write("mail.log", mail.as_bytes());
        let mut access = String::new();
        for (second, status) in [(1, 401), (2, 401), (9, 302)] {
            writeln!(
                access,
                r#"203.0.113.9 - - [24/Nov/2026:08:12:0{second} +0100] "POST /?_task=login HTTP/2.0" {status} 5 "-" "Mozilla/5.0""#
            )
            .expect("a String takes everything");
        }
        access.push_str("198.51.100.4 - - [24/Nov/2026:08:13:00 +0100] \"GET / HTTP/2.0\" 200 5 \"-\" \"-\"\n");
        logs.write("access.log", access.as_bytes());
        logs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("the folder is ours");
    }

    /// Runs `learn` with these words in that folder, and `input` on standard input.
    fn learn(&self, words: &[&str], input: &str) -> Output {
        let mut learning = Command::new(env!("CARGO_BIN_EXE_mailward"))
            .arg("learn")
            .args(words)
            .current_dir(self.folder.path())
            .env_remove("MAILWARD_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built with the tests");
        let mut stdin = learning.stdin.take().expect("it is piped");
        // Who refuses its arguments reads nothing.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        learning.wait_with_output().expect("it ends")
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn limits_are_proposed_from_the_logs_of_a_webmail_without_mailward() {
    let logs = Logs::new();
    let output = logs.learn(&["--default-domain", "example.edu", "mail.log", "access.log"], "");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let said = out(&output);
    for line in [
        "21 lines of 2 files: 4 messages of 3 accounts, 3 sign-ins from 1 prefix\n",
        "about something else: 13 lines; unreadable: 1 line\n",
        "note: of 3 accounts the busiest decides",
        "recipients of a message   3",
        "al[31mf  recipients of a message",
        "sign-ins tried in an hour",
        "203.0.113.9/32",
        "recipients_per_message     = 100\n",
        "recipients_per_session     = [\"100/10m\", \"200/h\"]\n",
    ] {
        assert!(said.contains(line), "{line:?}:\n{said}");
    }
    assert!(!said.contains(['\x1b', '\u{9b}']), "what a client wrote moves no terminal: {said:?}");
    assert!(err(&output).is_empty(), "progress is for terminals only: {}", err(&output));
}

#[test]
fn programs_get_json_whose_proposal_check_takes() {
    let logs = Logs::new();
    let output = logs.learn(&["--json", "mail.log"], "");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON for programs");
    assert_eq!(told["accounts"], 4, "no domain was said, so both spellings of alice are accounts: {told}");
    assert_eq!(told["sending"][0]["name"], "recipients_of_a_message");
    assert_eq!((&told["sending"][0]["max"], &told["sending"][0]["default_met_by"]), (&80.into(), &1.into()));
    assert_eq!(told["met"][0]["account"], "al[31mf", "folded as at the sign-in");
    let site = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:8081\"\nwebmail = \"roundcube\"\n";
    let config = format!("{}{site}", told["toml"].as_str().expect("a proposal"));
    logs.write("learned.toml", config.as_bytes());
    let checked = Command::new(env!("CARGO_BIN_EXE_mailward"))
        .args(["check", "--config"])
        .arg(logs.path("learned.toml"))
        .output()
        .expect("the binary was built with the tests");
    assert_eq!(checked.status.code(), Some(0), "{}", err(&checked));
}

#[test]
fn events_are_read_from_standard_input_and_what_is_in_two_logs_is_said_to_count_twice() {
    let logs = Logs::new();
    let event = r#"{"time":"2026-11-23T08:00:01.000Z","event":"sent","site":"webmail.example.edu","account":"alice","recipients":3}"#;
    let output = logs.learn(&["mail.log", "-"], event);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("5 messages of") && out(&output).contains("counts twice"), "{}", out(&output));
    let hostile = r#"{"time":"2026-11-23T08:00:01Z","event":"sign_in_ok","prefix":"x\u001b[2J\u202e"}"#;
    for words in [&["-"][..], &["--json", "-"]] {
        let said = out(&logs.learn(words, hostile));
        assert!(said.contains("[2J") && !said.contains(['\x1b', '\u{202e}']), "no log moves a terminal: {said:?}");
    }
    let without = out(&logs.learn(&["--without", " Alice", "--without", "al[31mf", "mail.log", "-"], event));
    assert!(without.contains("2 messages of 2 accounts") && without.contains("not to count: 3 messages"), "{without}");
    let nothing = out(&logs.learn(&["-"], ""));
    assert!(nothing.contains("0 lines of 1 file") && nothing.contains("no limit is proposed"), "{nothing}");
    assert!(!nothing.contains("[send.limits]"), "{nothing}");
}

#[test]
fn what_cannot_be_read_is_refused_with_words() {
    let logs = Logs::new();
    logs.write("mail.log.2.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    for (words, code, says) in [
        (&["mail.log.2.gz"][..], 1, "mail.log.2.gz: compressed; unpack it on the way: zcat FILE | mailward learn -"),
        (&["absent.log"], 1, "absent.log: No such file"),
        (&["."], 1, "a folder"),
        (&[], 2, "Usage"),
        (&["--webmail-from", "x", "mail.log"], 2, "invalid"),
    ] {
        let output = logs.learn(words, "");
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        let said = err(&output);
        assert!(said.contains(says), "{words:?}: {said}");
        assert!(out(&output).is_empty(), "half a lesson is none");
    }
}
