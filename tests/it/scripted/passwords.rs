//! A password that is known to be bad: the page after the sign-in, what a session may do once its time is over, and what
//! becomes of both when it is changed.

use http::StatusCode;

use super::challenge::{answer, helpdesk_code};
use super::risk::{AMERICAN, CHROME, FIREFOX, GERMAN, at, start, with_habit};
use super::{RIGHT_TOO, says_sent, send, sign_in};
use crate::stack::{Answer, Client, Gateway};

const PAGE: &str = "/.mailward/password?back=%2F%3F_task%3Dmail%26_token%3Dt";
const INBOX: &str = "/?_task=mail&_token=t";

async fn change_password(client: &mut Client) -> Answer {
    let fields = [("_curpasswd", "right"), ("_newpasswd", RIGHT_TOO), ("_confpasswd", RIGHT_TOO)];
    client
        .post(
            "/?_task=settings&_action=plugin.password-save",
            &[&[("_action", "plugin.password-save")], &fields[..]].concat(),
        )
        .await
}

async fn save_identity(client: &mut Client) -> Answer {
    client.post("/", &[("_task", "settings"), ("_action", "save-identity"), ("_iid", "1")]).await
}

fn at_home(gateway: &Gateway) -> Client {
    at(gateway, GERMAN, FIREFOX)
}

#[tokio::test]
async fn whoever_signs_in_with_a_bad_password_meets_the_page_and_may_put_it_off() {
    let (_upstream, gateway) = start("[passwords]\nask_to_change = [\"breached\", \"weak\"]").await;
    let mut alice = at_home(&gateway);
    let signed_in = sign_in(&mut alice, "alice", "right").await;
    assert_eq!((signed_in.status.as_u16(), signed_in.location()), (302, PAGE));
    let page = alice.get(PAGE).await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    for part in [
        "href=\"/?_task=settings&#38;_action=plugin.password\"",
        "href=\"/?_task=mail&#38;_token=t\"",
        "Please change it by 20",
        "stolen passwords",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(alice.get(INBOX).await.status, 200, "later");
    assert!(says_sent(&send(&mut alice, "x").await), "until its time is over everything goes on");

    // The same person with a good one, and a person who never had a bad one.
    for name in ["alice", "bob"] {
        let mut client = at_home(&gateway);
        assert_eq!(sign_in(&mut client, name, RIGHT_TOO).await.location(), INBOX, "{name}");
        assert_eq!(client.get(PAGE).await.location(), INBOX, "nothing to ask {name}");
    }
    assert_eq!(gateway.client().get(PAGE).await.location(), "/", "nobody's page");
    for back in ["//evil.example/", "https://evil.example/"] {
        let mut carol = at_home(&gateway);
        sign_in(&mut carol, "carol", "right").await;
        let asked = format!("/.mailward/password?{}", crate::stack::form(&[("back", back)]));
        assert!(!carol.get(&asked).await.text().contains("evil"), "{back}");
    }
}

#[tokio::test]
async fn once_its_time_is_over_a_session_reads_and_changes_its_password_and_is_open_then() {
    let (upstream, gateway) = start("[passwords]\nask_to_change = [\"breached\"]\ngrace = \"0s\"").await;
    let mut alice = at_home(&gateway);
    assert_eq!(sign_in(&mut alice, "alice", "right").await.location(), PAGE);
    assert!(alice.get(PAGE).await.text().contains("The time for that is over"));
    upstream.forget();
    for refused in [send(&mut alice, "x").await, save_identity(&mut alice).await] {
        assert!(refused.text().contains("Change it in the settings"), "{} {}", refused.status, refused.text());
    }
    assert_eq!(upstream.seen().len(), 0);
    assert_eq!(alice.get("/?_task=settings&_action=plugin.password").await.status, 200, "the page for it");
    assert_eq!(alice.get(INBOX).await.status, 200, "it reads");
    assert!(change_password(&mut alice).await.text().contains("Successfully saved"));
    assert!(says_sent(&send(&mut alice, "x").await), "open at once");
    // Whoever changes it to another bad one has had the time for it.
    let mut again = at_home(&gateway);
    sign_in(&mut again, "alice", "right").await;
    assert!(!says_sent(&send(&mut again, "x").await));
    let mut good = at_home(&gateway);
    sign_in(&mut good, "alice", RIGHT_TOO).await;
    assert!(says_sent(&send(&mut good, "x").await));
}

#[tokio::test]
async fn who_may_be_a_thief_does_not_choose_the_next_password() {
    let (upstream, gateway) = start("[passwords]\nask_to_change = [\"breached\"]\ngrace = \"0s\"").await;
    with_habit(&gateway, "alice").await;
    let mut thief = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut thief, "alice", "right").await;
    upstream.forget();
    let refused = change_password(&mut thief).await;
    assert!(refused.text().contains("can read mail but not do this"), "{}", refused.text());
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_challenge_comes_first_and_what_it_opens_still_waits_for_the_password() {
    let (_upstream, gateway) = start("[passwords]\nask_to_change = [\"breached\"]\ngrace = \"0s\"").await;
    with_habit(&gateway, "alice").await;
    let code = helpdesk_code(&gateway, "alice");
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    let signed_in = sign_in(&mut abroad, "alice", "right").await;
    assert_eq!(signed_in.location(), PAGE);
    let asked = abroad.get(PAGE).await;
    assert_eq!(asked.location(), "/.mailward/challenge?back=%2F%3F_task%3Dmail%26_token%3Dt");
    let asked = abroad.get(asked.location()).await;
    let proved = answer(&mut abroad, &asked, &code, &[]).await;
    assert_eq!((proved.status, proved.location()), (StatusCode::SEE_OTHER, PAGE));
    assert!(!says_sent(&send(&mut abroad, "x").await));
    assert!(change_password(&mut abroad).await.text().contains("Successfully saved"), "the owner is known now");
    assert!(says_sent(&send(&mut abroad, "x").await));
    let listed = gateway.command(&["flag", "list", "--status", "passed"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("alice"), "a flag whose person has proved is no open one");
    let open = gateway.command(&["flag", "list", "--status", "open"]);
    assert!(!String::from_utf8_lossy(&open.stdout).contains("alice"));
}

fn lock(gateway: &Gateway, name: &str) -> String {
    let locked = gateway.command(&["account", "lock", name, "--until-password-change", "--note", "phished"]);
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    String::from_utf8_lossy(&locked.stdout).into_owned()
}

#[tokio::test]
async fn a_lock_for_a_leaked_password_opens_at_a_sign_in_with_another_and_never_with_the_leaked_one() {
    let (upstream, gateway) = start("[passwords]\nopen_locks_at_change = true").await;
    let mut alice = at_home(&gateway);
    sign_in(&mut alice, "alice", "right").await;
    let said = lock(&gateway, "alice");
    assert!(said.contains("locked until its password is another, 1 session ended"), "{said}");
    upstream.forget();
    for leaked in ["right", "Right", " right ", "right\u{0}", "right\u{e9}", ""] {
        let mut client = at_home(&gateway);
        let refused = sign_in(&mut client, "alice", leaked).await;
        assert_eq!(refused.status, 403, "{leaked:?}");
        assert!(refused.text().contains("locked"), "{leaked:?}: {}", refused.text());
    }
    assert_eq!(upstream.seen().len(), 0, "none of it was put to the webmail");
    assert_eq!(sign_in(&mut at_home(&gateway), "alice", "a guess").await.status, 401, "the webmail says so");
    assert!(!says_sent(&send(&mut alice, "x").await), "the old session is over");
    let mut owner = at_home(&gateway);
    assert_eq!(sign_in(&mut owner, "alice", RIGHT_TOO).await.status, 302, "changed elsewhere");
    assert!(says_sent(&send(&mut owner, "x").await));
    assert_eq!(super::risk::event(&gateway, "account_unlocked", "alice").await["account"], "alice");
    assert_eq!(sign_in(&mut at_home(&gateway), "alice", RIGHT_TOO).await.status, 302, "and it stays open");

    // A lock without that word stays, and so does one whose account never signed in.
    assert!(gateway.command(&["account", "lock", "alice"]).status.success());
    assert_eq!(sign_in(&mut at_home(&gateway), "alice", "right").await.status, 403);
    let said = lock(&gateway, "bob");
    assert!(said.contains("locked until you unlock it"), "{said}");
    assert_eq!(sign_in(&mut at_home(&gateway), "bob", RIGHT_TOO).await.status, 403);
}

#[tokio::test]
async fn a_lock_stays_where_the_webmail_does_not_take_the_other_password_and_where_nothing_was_noted() {
    let (_upstream, gateway) = start("").await;
    sign_in(&mut at_home(&gateway), "alice", "right").await;
    assert!(lock(&gateway, "alice").contains("locked until you unlock it"), "not configured: nothing is noted");
    assert_eq!(sign_in(&mut at_home(&gateway), "alice", RIGHT_TOO).await.status, 403);
}
