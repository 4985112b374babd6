//! Limits against the real Roundcube and Postfix: what counts is what *their* logs say reached them.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::join_all;

use crate::stack::{Client, Gateway, Message, Person, Roundcube, Settings, Stack, between, until};

/// How many send at once.
const SENDERS: usize = 50;
/// How many guesses a thief makes.
const GUESSES: usize = 2000;
/// What was counted longer ago than this outlives kill -9; the promise itself is about time, so a test must wait for it.
const DURABLE_AFTER: Duration = Duration::from_millis(1500);

fn limits(section: &str, lines: &str) -> Settings {
    Settings::sections(&format!("[{section}]\n{lines}\n")).unguarded()
}

fn to_two<'a>(subject: &'a str) -> Message<'a> {
    Message { to: "one@elsewhere.example, two@elsewhere.example", subject, body: "Buy now", ..Message::default() }
}

/// Waits until Postfix has taken `messages` from this person, and looks once more after everything has settled.
async fn postfix_took(stack: &Stack, gateway: &Gateway, person: &Person, messages: usize, recipients: u32) {
    until("Mailward has settled every send", 20, async || (gateway.events_of("sent").len() >= messages).then_some(()))
        .await;
    until("Postfix has logged what Mailward counted", 20, async || {
        (stack.accepted_from(&person.address()).len() >= messages).then_some(())
    })
    .await;
    let taken = stack.accepted_from(&person.address());
    assert_eq!(taken.len(), messages, "messages in Postfix's log");
    assert_eq!(taken.iter().map(|message| message.recipients).sum::<u32>(), recipients, "recipients in Postfix's log");
    let counted: u64 = gateway.events_of("sent").iter().filter_map(|event| event.get("recipients")?.as_u64()).sum();
    assert_eq!(counted, u64::from(recipients), "recipients that Mailward counted");
}

#[tokio::test]
async fn fifty_sessions_of_one_account_sending_at_once_never_pass_its_limit() {
    let stack = Stack::shared();
    let gateway =
        Gateway::start(stack.web(), &limits("send.limits", "messages_per_account = [\"7/h\"]\nfamiliar_factor = 1.0"))
            .await;
    let person = stack.account();
    let mut sessions = Vec::new();
    for _ in 0..SENDERS {
        let mut session = Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
        let compose = session.compose("").await;
        sessions.push((session, compose));
    }
    let answers = join_all(
        sessions.iter_mut().map(|(session, compose)| async move { session.send_from(compose, &to_two("spam")).await }),
    )
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.says_sent()).count(), 7);
    postfix_took(stack, &gateway, &person, 7, 14).await;
    assert_eq!(gateway.events_of("send_refused").len(), SENDERS - 7);
}

#[tokio::test]
async fn fifty_messages_of_one_session_sent_at_once_never_pass_its_limit() {
    let stack = Stack::shared();
    let gateway = Gateway::start(
        stack.web(),
        // Seven messages of two recipients; the fifteenth recipient is the first that is too many.
        &limits(
            "send.limits",
            "recipients_per_session = [\"15/h\"]\nrecipients_per_message = 15\nfamiliar_factor = 1.0",
        ),
    )
    .await;
    let person = stack.account();
    let mut session = Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    let mut composing = Vec::new();
    for _ in 0..SENDERS {
        composing.push((session.clone(), session.compose("").await));
    }
    let answers = join_all(
        composing.iter_mut().map(|(session, compose)| async move { session.send_from(compose, &to_two("spam")).await }),
    )
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.says_sent()).count(), 7);
    postfix_took(stack, &gateway, &person, 7, 14).await;
}

/// A sign-in page from which one may try; the token is good until the webmail judges a password.
struct Guesser {
    client: Client,
    token: String,
}

impl Guesser {
    async fn at_the_page(mut client: Client) -> Self {
        let page = client.follow("/").await.0;
        let token = between(&page.text(), r#"name="_token" value=""#, "\"").expect("the sign-in page has a token");
        Self { client, token }
    }

    /// One try; afterwards the page is as fresh as the webmail wants it.
    async fn guess(&mut self, name: &str, password: &str) -> u16 {
        let fields = [
            ("_token", self.token.as_str()),
            ("_task", "login"),
            ("_action", "login"),
            ("_timezone", "Europe/Berlin"),
            ("_url", ""),
            ("_user", name),
            ("_pass", password),
        ];
        let answer = self.client.post("/?_task=login", &fields).await;
        if let Some(token) = between(&answer.text(), r#"name="_token" value=""#, "\"") {
            self.token = token;
        }
        answer.status.as_u16()
    }
}

#[tokio::test]
async fn two_thousand_guesses_at_one_account_reach_roundcube_no_more_often_than_the_limit_and_never_shut_the_owner_out()
{
    let stack = Stack::shared();
    let gateway = Gateway::start(
        stack.web(),
        &limits(
            "sign_in.limits",
            "failures_per_account_and_prefix = [\"5/10m\"]\nfailures_per_account = [\"8/10m\"]\n\
             failing_accounts_per_prefix = [\"1000/h\"]",
        ),
    )
    .await;
    let owner = stack.account();
    let at_home = gateway.client().from(Ipv4Addr::new(127, 0, 1, 1));
    // The owner's browser is known from an earlier day.
    let mut known = Roundcube::sign_in(at_home, &owner).await.expect("the password is right");
    known.sign_out().await;

    let mut thief = Guesser::at_the_page(gateway.client().from(Ipv4Addr::new(127, 0, 2, 1))).await;
    let mut refused = 0;
    for number in 0..GUESSES {
        refused += usize::from(thief.guess(&owner.name, &format!("password{number}")).await == 429);
        if number == GUESSES / 2 {
            Roundcube::sign_in(known.http.clone(), &owner).await.expect("in the middle of it the owner signs in");
        }
    }
    let reached = stack.sign_ins_of(&owner.name).iter().filter(|line| line.contains("Failed login")).count();
    assert_eq!(reached, 5, "guesses that reached Roundcube");
    assert_eq!(refused, GUESSES - 5);
}

/// hydra knows nothing of tokens: what it asks is refused before Roundcube sees any of it.
#[tokio::test]
async fn hydra_gets_nowhere_with_two_thousand_guesses_and_the_owner_signs_in_meanwhile() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new().unguarded()).await;
    let owner = stack.account();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("passwords");
    let passwords: Vec<String> = (0..GUESSES).map(|number| format!("password{number}")).collect();
    std::fs::write(&list, passwords.join("\n")).expect("a folder of our own");
    let form =
        "/?_task=login:_task=login&_action=login&_timezone=UTC&_url=&_user=^USER^&_pass=^PASS^:S=roundcube_sessauth";
    let mut command = std::process::Command::new("hydra");
    command.args(["-I", "-t", "16", "-l", &owner.name, "-P"]).arg(&list);
    command.args(["-s", &gateway.https().port().to_string(), "localhost", "https-post-form", form]);
    command.current_dir(folder.path());
    let hydra = tokio::task::spawn_blocking(move || command.output());
    let owner_signs_in = async {
        until("hydra is at work", 30, async || (gateway.events_of("request_refused").len() > 100).then_some(())).await;
        let from = gateway.client().from(Ipv4Addr::new(127, 0, 5, 1));
        Roundcube::sign_in(from, &owner).await.expect("in the middle of it the owner signs in");
    };
    let (said, ()) = tokio::join!(hydra, owner_signs_in);
    let said = said.expect("it ran to its end").expect("hydra is installed");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("0 valid password"), "{said}");
    let reached = stack.sign_ins_of(&owner.name).iter().filter(|line| line.contains("Failed login")).count();
    assert_eq!(reached, 0, "guesses that reached Roundcube");
}

#[tokio::test]
async fn guesses_from_many_addresses_share_one_allowance_that_the_owner_does_not_need() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &limits("sign_in.limits", "failures_per_account = [\"3/10m\"]")).await;
    let owner = stack.account();
    let mut known = Roundcube::sign_in(gateway.client().from(Ipv4Addr::new(127, 0, 1, 2)), &owner)
        .await
        .expect("the password is right");
    known.sign_out().await;
    for number in 0..40 {
        let from = Ipv4Addr::new(127, 0, 3, number);
        let mut thief = Guesser::at_the_page(gateway.client().from(from)).await;
        thief.guess(&owner.name, &format!("password{number}")).await;
    }
    let reached = stack.sign_ins_of(&owner.name).iter().filter(|line| line.contains("Failed login")).count();
    assert_eq!(reached, 3, "guesses that reached Roundcube");
    Roundcube::sign_in(known.http.clone(), &owner).await.expect("the owner's browser is known");
}

#[tokio::test]
async fn one_password_for_two_thousand_accounts_reaches_few_of_them() {
    let stack = Stack::shared();
    let gateway =
        Gateway::start(stack.web(), &limits("sign_in.limits", "failing_accounts_per_prefix = [\"5/h\"]")).await;
    let mut thief = Guesser::at_the_page(gateway.client().from(Ipv4Addr::new(127, 0, 4, 1))).await;
    // A name of its own for this test, so that Roundcube's log can be read.
    for number in 0..GUESSES {
        thief.guess(&format!("spray{number}"), "Summer2026!").await;
    }
    let reached = stack.sign_ins().lines().filter(|line| line.contains(" login for spray")).count();
    assert_eq!(reached, 5, "accounts that were tried at Roundcube");
}

#[tokio::test]
async fn after_kill_9_limits_and_sessions_stand_and_no_message_is_lost() {
    let stack = Stack::shared();
    let mut gateway =
        Gateway::start(stack.web(), &limits("send.limits", "messages_per_account = [\"2/h\"]\nfamiliar_factor = 1.0"))
            .await;
    let person = stack.account();
    let mut session = Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    assert!(session.send(&to_two("first")).await.says_sent());
    assert!(session.send(&to_two("second")).await.says_sent());
    let compose = session.compose("").await;
    let refused = session.send_from(&compose, &to_two("third")).await;
    assert!(!refused.says_sent());
    tokio::time::sleep(DURABLE_AFTER).await;

    gateway.kill_and_restart().await;
    let still = session.send_from(&compose, &to_two("third")).await;
    assert!(!still.says_sent(), "the limit stands: {} {}", still.status, still.text());
    assert!(still.text().contains("iframe_loaded"), "and the session still may send: {}", still.text());
    assert_eq!(stack.accepted_from(&person.address()).len(), 2);
}
