//! Mailward in front of the real Roundcube, asked by a client that needs no browser.

use std::fs;
use std::path::Path;

use crate::stack::{Client, Gateway, Message, Roundcube, Settings, Stack, until, walk};

#[tokio::test]
async fn the_everyday_round_works_through_mailward_over_http_1_and_2() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new()).await;
    for client in [gateway.client(), gateway.client().http2()] {
        let (sender, receiver) = (stack.account(), stack.account());
        walk(stack, client, &sender, &receiver).await;
    }
    let sent =
        until("four messages are counted", 10, async || Some(gateway.events_of("sent")).filter(|sent| sent.len() == 4))
            .await;
    for event in sent {
        assert_eq!(event.get("recipients").and_then(serde_json::Value::as_u64), Some(2), "{event}");
    }
}

#[tokio::test]
async fn every_file_that_roundcubes_pages_may_ask_for_arrives_as_roundcube_serves_it() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new().unguarded()).await;
    let root = Path::new("/var/lib/roundcube/public_html");
    let mut files = Vec::new();
    for folder in
        ["program/js", "program/resources", "skins/elastic/images", "skins/elastic/fonts", "skins/elastic/deps"]
    {
        collect(&root.join(folder), &mut files);
    }
    // What lies there besides: copies for web servers that send compressed files, which no page names.
    files.retain(|file| !file.ends_with(".gz"));
    assert!(files.len() > 100, "Debian's package has more than {} files there", files.len());
    for file in files {
        let path = file.strip_prefix("/var/lib/roundcube/public_html").expect("it was found below");
        let (alone, through) = (Client::http(stack.web()).get(path).await, gateway.client().get(path).await);
        assert_eq!((alone.status, alone.body.len()), (through.status, through.body.len()), "{path}");
        assert_eq!(alone.headers.get("content-type"), through.headers.get("content-type"), "{path}");
    }
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("roundcube-core is installed").filter_map(Result::ok) {
        let path = entry.path();
        // Through links: Debian's tree is made of them.
        if path.is_dir() {
            collect(&path, files);
        } else if path.is_file() {
            files.push(path.display().to_string());
        }
    }
}

#[tokio::test]
async fn a_locked_account_has_no_session_and_cannot_sign_in_until_it_is_unlocked() {
    let stack = Stack::shared();
    let settings = Settings { site: "helpdesk = \"telephone 4711\"".to_owned(), ..Settings::new() };
    let gateway = Gateway::start(stack.web(), &settings).await;
    let (person, neighbour) = (stack.account(), stack.account());
    let mut session = Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    let mut beside = Roundcube::sign_in(gateway.client(), &neighbour).await.expect("the password is right");

    let locked = gateway.command(&["account", "lock", &person.name]);
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    let page = session.http.get("/?_task=mail&_mbox=INBOX").await;
    assert!(!page.text().contains(r#""task":"mail""#), "the session has ended: {}", page.text());
    let to = neighbour.address();
    let message = Message { to: &to, subject: "spam", body: "Buy now", ..Message::default() };
    let request =
        session.send_request(&crate::stack::Compose { id: "1".to_owned(), identity: "1".to_owned() }, &message, false);
    assert!(!session.http.send(request).await.says_sent());
    let refused = Roundcube::sign_in(gateway.client(), &person).await.err().expect("a locked account stays out");
    assert!(refused.text().contains("telephone 4711"), "it is told whom to ask: {}", refused.text());
    assert_eq!(beside.http.get("/?_task=mail&_mbox=INBOX").await.status, 200, "nobody else is touched");

    let unlocked = gateway.command(&["account", "unlock", &person.name]);
    assert!(unlocked.status.success(), "{}", String::from_utf8_lossy(&unlocked.stderr));
    Roundcube::sign_in(gateway.client(), &person).await.expect("it is let in again");
    assert_eq!(stack.accepted_from(&person.address()), []);
}

#[tokio::test]
async fn no_password_cookie_or_text_of_a_message_is_written_anywhere() {
    let stack = Stack::shared();
    let limit = Settings::sections("[send.limits]\nmessages_per_account = [\"1/h\"]\nfamiliar_factor = 1.0");
    let gateway = Gateway::start(stack.web(), &limit).await;
    let person = stack.account();
    let mut guess = person.clone();
    guess.password = "Guessed-Wr0ngly".to_owned();
    drop(Roundcube::sign_in(gateway.client(), &guess).await);
    let mut session = Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    let message = Message {
        to: "confidant@elsewhere.example",
        subject: "Subject-never-written",
        body: "Body-never-written",
        ..Message::default()
    };
    assert!(session.send(&message).await.says_sent());
    assert!(!session.send(&message).await.says_sent());
    let cookies = ["roundcube_sessid", "roundcube_sessauth"]
        .map(|name| session.http.cookie(name).expect("a session has both").to_owned());
    until("both sends are recorded", 10, async || {
        (gateway.events_of("sent").len() == 1 && gateway.events_of("send_refused").len() == 1).then_some(())
    })
    .await;
    let mut secrets = vec![
        person.password.as_str(),
        guess.password.as_str(),
        &session.token,
        "Subject-never-written",
        "Body-never-written",
        "confidant@elsewhere.example",
    ];
    secrets.extend(cookies.iter().map(String::as_str));
    let mut gateway = gateway;
    gateway.stop().await;
    search(gateway.folder(), &secrets);
}

/// Fails at the first file below `folder` that contains one of the secrets, as text or in base64.
fn search(folder: &Path, secrets: &[&str]) {
    for entry in fs::read_dir(folder).expect("a folder of our own").filter_map(Result::ok) {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, secrets);
        } else if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let content = fs::read(&path).expect("a folder of our own");
            for secret in secrets {
                let encoded = data_encoding::BASE64.encode(secret.as_bytes());
                // The last quantum depends on what follows.
                for form in [secret.as_bytes(), &encoded.as_bytes()[..encoded.len() - 4]] {
                    assert!(
                        !content.windows(form.len()).any(|window| window == form),
                        "{} contains {secret:?}",
                        path.display()
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_administrators_port_says_ready_and_counts() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new()).await;
    let person = stack.account();
    Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    let mut admin = gateway.admin_client();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let metrics = admin.get("/metrics").await.text();
    assert!(metrics.contains("# EOF") && metrics.contains("mailward_"), "{metrics}");
    let told = gateway.client().get("/metrics").await;
    assert_ne!(told.status, 200, "the site's own port does not show them");
}
