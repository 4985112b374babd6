//! Real rspamd, SpamAssassin and ClamAV behind a real Roundcube: spam and viruses are stopped where they are written, and
//! ordinary mail passes.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mailward::clock::Clock;
use mailward::config;
use mailward::domain::{Said, Timestamp};
use mailward::scan::{Envelope, Scanners as Asked};

use crate::browser::Browser;
use crate::browser_roundcube::{AT_REST, click_send, open_compose, sent_and_back_at_the_list, sign_in, write};
use crate::stack::scanners::{Scanners, eicar, gtube};
use crate::stack::{Answer, Client, Gateway, Message, Person, Roundcube, Settings, Stack, between, until};

/// The scanners' tables as a configuration reads them.
fn asked(tables: &str) -> Asked {
    let text = format!(
        "data_dir = \"/tmp\"\n[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n{tables}"
    );
    let config = config::parse(&text, "test", Path::new(""), Timestamp::from_millis(0)).expect("good");
    Asked::new(&config.scanners, Clock::system())
}

fn mail(body: &str) -> Bytes {
    Bytes::from(format!(
        "From: alice@campus.example\r\nTo: bob@campus.example\r\nSubject: Timetable\r\n\
         Date: Thu, 26 Nov 2026 16:30:49 +0000\r\nMessage-ID: <0707@webmail.campus.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    ))
}

#[tokio::test]
async fn the_real_scanners_tell_spam_and_viruses_from_mail() {
    let scanners = asked(&Scanners::shared().tables());
    let envelope = Envelope {
        user: "alice".to_owned(),
        address: Some([203, 0, 113, 9].into()),
        from: "alice@campus.example".to_owned(),
        recipients: vec!["bob@campus.example".to_owned()],
        site: "webmail.campus.example".to_owned(),
    };
    let said = async |body: &str| -> Vec<(Arc<str>, Said)> {
        let reports = scanners.message(&envelope, &mail(body), &[], |_| false).await;
        reports.into_iter().map(|report| (report.scanned.scanner, report.scanned.said)).collect()
    };
    for (scanner, said) in said("See you at nine.").await {
        assert_eq!(said, Said::Clean, "{scanner}");
    }
    for (scanner, said) in said(&gtube()).await {
        assert_eq!(matches!(said, Said::Spam(_)), &*scanner != "clamav", "{scanner}: {said:?}");
    }
    for (content, expected) in [(eicar(), Said::Virus), ("plain".to_owned(), Said::Clean), (String::new(), Said::Clean)]
    {
        let (give, take) = tokio::sync::mpsc::channel(1);
        let feed = async move {
            // In pieces that cut the signature in two.
            for piece in content.as_bytes().chunks(10) {
                give.send(Bytes::copy_from_slice(piece)).await.expect("taken");
            }
        };
        let (report, ()) = tokio::join!(scanners.file(&envelope, take, 5, &[]), feed);
        assert_eq!(report.reports.len(), 1, "one of them reads files");
        assert_eq!(report.reports[0].scanned.said, expected);
    }
    assert!(scanners.look().await.is_empty(), "all of them are there");
}

/// Mailward with the real scanners in front of Roundcube.
async fn gateway(stack: &Stack) -> Gateway {
    // The person's own first mail, from a browser that is new: what is tried here is what it says.
    Gateway::start(stack.web(), &Settings::sections(&Scanners::shared().tables()).unguarded()).await
}

pub async fn at_roundcube(gateway: &Gateway, person: &Person) -> Roundcube {
    Roundcube::sign_in(gateway.client(), person).await.expect("the password is right")
}

/// The number that Roundcube gave an uploaded file.
pub fn number(answer: &Answer) -> String {
    between(&answer.text(), "rcmfile", "\\\"").unwrap_or_else(|| panic!("no file was taken: {}", answer.text()))
}

/// Everything that a gateway has written, of whatever kind.
fn written_by(gateway: &Gateway) -> String {
    fn read(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                read(&path, all);
            } else {
                all.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    let mut all = String::new();
    read(gateway.folder(), &mut all);
    all
}

#[tokio::test]
async fn what_looks_like_spam_is_refused_in_the_compose_page_and_ordinary_mail_passes() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let gateway = gateway(stack).await;
    let mut at = at_roundcube(&gateway, &writer).await;
    let to = reader.address();
    let compose = at.compose("").await;
    let spam = gtube();
    let message = Message { to: &to, subject: "Offer of the year", body: &spam, ..Message::default() };
    let refused = at.send_from(&compose, &message).await;
    let page = refused.text();
    assert!(!refused.says_sent() && refused.status == 429, "{} {page}", refused.status);
    for part in ["content=\"Roundcube\"", "parent.rcmail.display_message(", "auto_save_start"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("This message looks like mail that other mail servers do not take"), "{page}");
    assert!(
        !page.contains("rspamd") && !page.contains("GTUBE") && !page.contains("points"),
        "no rule is taught: {page}"
    );
    let event = gateway.event("send_refused").await;
    assert_eq!((&event["verdict"], &event["signals"][0]["name"]), (&"refuse".into(), &"spam".into()));
    assert!(event["reasons"][0].as_str().is_some_and(|reason| reason.starts_with("rspamd takes the message for spam")));

    // The text is still there, and another one is sent from the same page.
    let message = Message { to: &to, subject: "Timetable for June", body: "See you at nine.", ..Message::default() };
    let sent = at.send_from(&compose, &message).await;
    assert!(sent.says_sent(), "{}", sent.text());
    until("the message arrives", 20, async || stack.inbox(&reader).into_iter().next()).await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 1, "and nothing else did");
    let written = written_by(&gateway);
    for never in ["Offer of the year", "GTUBE-STANDARD", "Timetable for June", "See you at nine"] {
        assert!(!written.contains(never), "{never} was written down");
    }
    let metrics = gateway.admin_client().get("/metrics").await.text();
    assert!(metrics.contains("mailward_scans_total{scanner=\"rspamd\",result=\"spam\"} 1"), "{metrics}");
    assert!(metrics.contains("mailward_scans_total{scanner=\"clamav\",result=\"clean\"} 1"), "{metrics}");
}

#[tokio::test]
async fn an_infected_file_is_refused_in_place_however_it_came_to_the_message() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let gateway = gateway(stack).await;
    let mut at = at_roundcube(&gateway, &writer).await;
    let to = reader.address();
    let compose = at.compose("").await;

    let refused = at.upload(&compose, "bill.com", eicar().as_bytes()).await;
    let text = refused.text();
    assert_eq!(refused.status, 200, "in any other status the client does not read it");
    assert!(text.contains(r"this.remove_from_attachment_list(\u0022upload1795491960193\u0022);"), "{text}");
    assert!(text.contains("A virus was found in this file"), "{text}");
    let event = gateway.event("upload_refused").await;
    assert_eq!((&event["account"], &event["signals"][0]["name"]), (&writer.name.as_str().into(), &"virus".into()));

    let kept = at.upload(&compose, "notes.txt", b"Monday 9:00").await;
    let file = number(&kept);
    let plain =
        |attachments| Message { to: &to, subject: "Notes", body: "Attached.", attachments, ..Message::default() };
    let sent = at.send_from(&compose, &plain(&file)).await;
    assert!(sent.says_sent(), "{}", sent.text());
    until("it arrives with its file", 20, async || {
        stack.inbox(&reader).into_iter().find(|mail| mail.contains("notes.txt"))
    })
    .await;

    // Past Mailward, as a file of a draft or of a forwarded message comes to a compose page.
    let compose = at.compose("").await;
    let beside = Client::http(stack.web()).with_cookies_of(&at.http);
    let mut beside = Roundcube { http: beside, token: at.token.clone() };
    let file = number(&beside.upload(&compose, "bill.com", eicar().as_bytes()).await);
    let refused = at.send_from(&compose, &plain(&file)).await;
    assert!(!refused.says_sent() && refused.text().contains("A virus was found in this message"), "{}", refused.text());
    assert_eq!(stack.accepted_from(&writer.address()).len(), 1);
}

#[tokio::test]
async fn a_message_that_is_sent_on_as_it_is_is_looked_at_too() {
    let stack = Stack::shared();
    let (outsider, writer) = (stack.account(), stack.account());
    let mut beside = Roundcube::sign_in(Client::http(stack.web()), &outsider).await.expect("the password is right");
    let to = writer.address();
    for body in ["See you at nine.".to_owned(), gtube()] {
        let sent = beside.send(&Message { to: &to, subject: "x", body: &body, ..Message::default() }).await;
        assert!(sent.says_sent(), "{}", sent.text());
    }
    until("both arrive", 20, async || (stack.inbox(&writer).len() == 2).then_some(())).await;
    let gateway = gateway(stack).await;
    let mut at = at_roundcube(&gateway, &writer).await;
    let mut answers = Vec::new();
    for number in [1, 2] {
        answers.push(at.resend(number, "somebody@elsewhere.example").await.text());
    }
    answers.sort_by_key(|answer| answer.contains("other mail servers"));
    assert!(answers[0].contains(r#"\"confirmation\""#), "{}", answers[0]);
    assert!(answers[1].contains("other mail servers do not take"), "{}", answers[1]);
    until("the harmless one has left", 20, async || (stack.accepted_from(&writer.address()).len() == 1).then_some(()))
        .await;
}

/// The most memory that a process had at once, in MiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = between(&status, "VmHWM:", "kB").expect("the kernel says it");
    line.trim().parse::<u64>().expect("a number") / 1024
}

#[tokio::test]
async fn ordinary_mail_with_a_large_file_passes_and_takes_little_memory() {
    const FILE_BYTES: usize = 20 * 1024 * 1024;
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let gateway = gateway(stack).await;
    let mut at = at_roundcube(&gateway, &writer).await;
    let compose = at.compose("").await;
    let before = peak(gateway.pid());
    let file: Vec<u8> = (0..FILE_BYTES).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let uploaded = at.upload(&compose, "lecture.bin", &file).await;
    let number = number(&uploaded);
    let to = reader.address();
    let message =
        Message { to: &to, subject: "Lecture", body: "Attached.", attachments: &number, ..Message::default() };
    let sent = at.send_from(&compose, &message).await;
    assert!(sent.says_sent(), "{}", sent.text());
    let taken = peak(gateway.pid()) - before;
    assert!(taken < 40, "it took {taken} MiB more");
    let metrics = gateway.admin_client().get("/metrics").await.text();
    // The file twice, when it was uploaded and when it was sent, and the message.
    assert!(metrics.contains("mailward_scans_total{scanner=\"clamav\",result=\"clean\"} 3"), "{metrics}");
    until("it arrives", 60, async || stack.inbox(&reader).into_iter().find(|mail| mail.contains("lecture.bin"))).await;
}

#[tokio::test]
async fn spam_and_a_virus_are_refused_where_they_are_written_and_what_was_written_stays() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let gateway = gateway(stack).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let infected = folder.path().join("bill.com");
    std::fs::write(&infected, eicar()).expect("a folder of our own");
    Browser::visit("scanners", async |browser| {
        sign_in(browser, &gateway.url(), &writer).await;
        open_compose(browser).await;
        write(browser, &reader.address(), "Offer of the year", &gtube(), None).await;

        browser.wait_for(AT_REST).await;
        browser.choose_file("input[type=file][name='_attachments[]']", &infected).await;
        browser.wait_for("document.body.innerText.includes('A virus was found in this file')").await;
        browser.wait_for("!document.querySelector('#attachment-list li')").await;
        browser.screenshot("scanners-upload-desktop").await;
        browser.wait_for(AT_REST).await;

        click_send(browser).await;
        browser
            .wait_for(
                "document.body.innerText.includes('This message looks like mail that other mail servers do not take')",
            )
            .await;
        browser.wait_for(AT_REST).await;
        let kept = "document.querySelector('#compose-subject').value === 'Offer of the year' \
                    && document.querySelector('#composebody').value.includes('GTUBE')";
        browser.wait_for(kept).await;
        browser.screenshot("scanners-send-desktop").await;
        browser.on_a_telephone("scanners-send").await;
        assert_eq!(stack.accepted_from(&writer.address()), []);

        // Corrected, the same page sends.
        browser.script("document.querySelector('#composebody').value = 'See you at nine.'").await;
        click_send(browser).await;
        sent_and_back_at_the_list(browser).await;
    })
    .await;
    let mail = until("the message arrives", 20, async || stack.inbox(&reader).into_iter().next()).await;
    assert!(mail.contains("See you at nine."), "{mail}");
    assert_eq!(gateway.events_of("upload_refused").len(), 1);
    assert_eq!(gateway.events_of("send_refused").len(), 1);
}
