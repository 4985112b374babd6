//! Campaigns through a real Roundcube, with no scanner anywhere: one thief with five accounts, and three assistants.

use serde_json::Value;

use crate::stack::{Answer, Gateway, Message, Person, Roundcube, Settings, Stack, between};

const COURSE: &str = "Welcome to the course. Our first meeting is on Tuesday at ten in lecture hall B of the main building. \
    Please read the first chapter before you come, and bring something to write. The exercises are handed out every week and \
    discussed in the groups; whoever hands in two thirds of them is admitted to the examination in February.";

/// One text, varied per message as thieves do.
fn fraud(number: usize) -> String {
    let name = ["Bob", "Carol", "Dieter", "Elena", "Fatima", "Goran", "Hans", "Ines", "Juri", "Kim"][number % 10];
    let text = format!(
        "Dear {name},\n\nI represent a family foundation that has chosen you as one of the people who receive a donation of \
         {}00,000 dollars this year. Nothing is asked of you but to confirm that you are willing to use it well. Please write \
         to the lawyer of the foundation and give the reference {}, your full name and your telephone number, so that the \
         transfer can be arranged before the end of the month.\n\nYours,\n{name}son",
        number + 2,
        7919 * (number + 1)
    );
    if number.is_multiple_of(2) { text } else { text.replace('o', "о").replace("ea", "e\u{200b}a") }
}

/// Words that no other number has.
fn unlike(number: usize) -> String {
    let letters = |mut code: usize| {
        let mut word = String::new();
        for _ in 0..5 {
            word.push(char::from(b'a' + u8::try_from(code % 26).expect("a letter")));
            code /= 26;
        }
        word
    };
    (0..40).map(|place| letters(number * 1_000_003 + place * 7_919)).collect::<Vec<_>>().join(" ")
}

/// Somebody at a browser that nobody has seen, in a network of their own.
async fn stranger(gateway: &Gateway, number: u8, person: &Person) -> Roundcube {
    let client = gateway.client().from([127, 0, 70, number]);
    Roundcube::sign_in(client, person).await.expect("the password is right")
}

async fn write(at: &mut Roundcube, to: &str, body: &str) -> Answer {
    at.send(&Message { to, subject: "Hello", body, ..Message::default() }).await
}

fn told(gateway: &Gateway, arguments: &[&str]) -> Value {
    let output = gateway.command(&[&["campaign"], arguments, &["--json"]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn codes(gateway: &Gateway) -> Vec<String> {
    let listed = told(gateway, &["list"]);
    let campaigns = listed["campaigns"].as_array().expect("a list");
    campaigns.iter().map(|campaign| campaign["code"].as_str().expect("a code").to_owned()).collect()
}

#[tokio::test]
async fn one_text_from_five_accounts_is_recognised_by_the_fourth_message_and_contained_in_one_step() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new().unguarded()).await;
    let people: Vec<Person> = (0..7).map(|_| stack.account()).collect();
    let mut at = Vec::new();
    for (number, person) in (1..).zip(&people) {
        at.push(stranger(&gateway, number, person).await);
    }
    let to = |number: usize| format!("somebody{number}@elsewhere.example, other{number}@elsewhere.example");
    let mut sent = Vec::new();
    for number in 0..10 {
        let answer = write(&mut at[number / 2], &to(number), &fraud(number)).await;
        sent.push(answer.says_sent());
    }
    assert_eq!(sent, [true, true, true, false, false, false, false, false, false, false]);
    let recognised = gateway.event("campaign_recognised").await;
    assert_eq!(
        (&recognised["accounts"], &recognised["messages"], &recognised["what"]),
        (&2.into(), &4.into(), &"nearly the same text".into())
    );
    let [code] = &codes(&gateway)[..] else { panic!("one campaign: {:?}", codes(&gateway)) };
    assert_eq!(recognised["reference"], **code);
    let refused = gateway.event("send_refused").await;
    assert_eq!((&refused["verdict"], &refused["signals"][0]["name"]), (&"challenge".into(), &"campaign".into()));

    // The first account sent both of its messages before anybody could know. All are held in one step.
    let shown = told(&gateway, &["show", code]);
    let states = |shown: &Value| -> Vec<String> {
        let parts = shown["campaign"]["participants"].as_array().expect("a list");
        parts.iter().map(|part| part["state"].as_str().expect("known").to_owned()).collect()
    };
    assert_eq!(states(&shown), ["open", "restricted", "restricted", "restricted", "restricted"]);
    assert_eq!(shown["campaign"]["accounts"].as_array().map(Vec::len), Some(5));
    let contained = told(&gateway, &["contain", code]);
    assert_eq!(contained["done"].as_array().map(Vec::len), Some(5), "{contained}");
    assert_eq!(states(&told(&gateway, &["show", code])), ["restricted"; 5]);
    assert!(!write(&mut at[0], "one@elsewhere.example", "Something else.").await.says_sent());

    // From here on its like is refused, whoever sends it; until that is taken back.
    let confirmed = told(&gateway, &["confirm", code, "--note", "ticket 4711"]);
    assert_eq!(confirmed["done"].as_array().map(Vec::len), Some(5), "{confirmed}");
    let listed = gateway.command(&["account", "list"]);
    let locks = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(people[..5].iter().all(|person| locks.contains(&person.name)), "{locks}");
    assert!(people[5..].iter().all(|person| !locks.contains(&person.name)), "{locks}");
    let first = write(&mut at[5], &to(11), &fraud(11)).await;
    assert!(!first.says_sent() && first.text().contains("parent.rcmail.display_message"), "{}", first.text());
    assert!(write(&mut at[5], &to(11), "Something else.").await.says_sent(), "the session goes on");
    told(&gateway, &["clear", code]);
    assert!(write(&mut at[6], &to(12), &fraud(12)).await.says_sent());

    // Nothing of what was written is anywhere.
    let mut all = Vec::new();
    for file in ["mailward.db", "mailward.db-wal", "events.jsonl"] {
        all.extend(std::fs::read(gateway.folder().join("data").join(file)).unwrap_or_default());
    }
    let all = String::from_utf8_lossy(&all).into_owned();
    assert!(all.contains(&**code), "it was looked into the right files");
    for written in ["foundation", "donation", "lawyer", "elsewhere.example"] {
        assert!(!all.contains(written), "{written}");
    }
}

#[tokio::test]
async fn a_course_letter_that_three_assistants_send_to_their_groups_is_none() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new().unguarded()).await;
    let students: Vec<Person> = (0..6).map(|_| stack.account()).collect();
    for assistant in 0..3_u8 {
        let mut at = stranger(&gateway, 20 + assistant, &stack.account()).await;
        for group in students.chunks(2) {
            let to = group.iter().map(Person::address).collect::<Vec<_>>().join(", ");
            let letter = format!("Hello everybody,\n{COURSE}\n-- \nYour assistant");
            assert!(write(&mut at, &to, &letter).await.says_sent());
        }
    }
    assert_eq!(codes(&gateway), Vec::<String>::new());
    assert!(!gateway.events().iter().any(|event| event["event"] == "flag_raised"));
}

#[tokio::test]
async fn one_file_with_different_texts_is_recognised_without_scanners() {
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new().unguarded()).await;
    let bill = b"%PDF-1.4 a bill that asks to be paid at once\n".repeat(40);
    let mut sent = Vec::new();
    for number in 0..2_u8 {
        let mut at = stranger(&gateway, 30 + number, &stack.account()).await;
        for message in 0..2 {
            let compose = at.compose("").await;
            let uploaded = at.upload(&compose, &format!("bill{number}{message}.pdf"), &bill).await.text();
            let file = between(&uploaded, "rcmfile", "\\\"").unwrap_or_else(|| panic!("no file was taken: {uploaded}"));
            let (to, body) =
                (format!("p{number}{message}@elsewhere.example"), unlike(usize::from(number) * 2 + message));
            let mail = Message { to: &to, subject: "Bill", body: &body, attachments: &file, ..Message::default() };
            sent.push(at.send_from(&compose, &mail).await.says_sent());
        }
    }
    assert_eq!(sent, [true, true, true, false]);
    assert_eq!(gateway.event("campaign_recognised").await["what"], "the same file");
}
