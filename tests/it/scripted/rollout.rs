//! Rolling second proofs out: who is not asked yet, and who is invited.

use super::challenge::helpdesk_code;
use super::risk::{AMERICAN, CHROME, FIREFOX, at, event, restricted, start, with_habit};
use super::{says_sent, send, sign_in};

const CAMPUS: &str = "192.0.2.7";
const INVITE: &str = "/.mailward/invite?back=%2F%3F_task%3Dmail%26_token%3Dt";
const INBOX: &str = "/?_task=mail&_token=t";

#[tokio::test]
async fn who_is_not_asked_yet_is_flagged_and_who_is_restricted_stays_so() {
    let (_upstream, gateway) = start("[challenge]\nask_from = 2099-01-01\nask_share_per_week = 10").await;
    with_habit(&gateway, "alice").await;
    helpdesk_code(&gateway, "alice");
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    assert!(says_sent(&send(&mut abroad, "x").await));
    let flagged = event(&gateway, "flag_raised", "alice").await;
    assert_eq!(flagged["verdict"], "flag");
    assert!(flagged["signals"].to_string().contains("not_asked_yet"), "{flagged}");

    let (_upstream, gateway) = start("[challenge]\nask_from = 2099-01-01\n[risk]\nrestrict = 51").await;
    with_habit(&gateway, "alice").await;
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    assert!(restricted(&send(&mut abroad, "x").await), "what is worse than a challenge is no matter of rolling out");
}

#[tokio::test]
async fn once_all_weeks_are_over_everybody_is_asked() {
    let (_upstream, gateway) = start("[challenge]\nask_from = 2020-01-01\nask_share_per_week = 1").await;
    with_habit(&gateway, "alice").await;
    helpdesk_code(&gateway, "alice");
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    assert!(abroad.get("/").await.location().starts_with("/.mailward/challenge"));
}

#[tokio::test]
async fn whoever_could_set_up_a_proof_is_invited_once_in_a_while() {
    let (_upstream, gateway) = start("[challenge]\ninvite_every = \"30d\"").await;
    let mut alice = at(&gateway, CAMPUS, FIREFOX);
    assert_eq!(sign_in(&mut alice, "alice", "right").await.location(), INVITE);
    let page = alice.get(INVITE).await;
    let text = page.text();
    for part in ["href=\"/.mailward/account\"", "href=\"/?_task=mail&#38;_token=t\"", "Not now"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(alice.get(INBOX).await.status, 200);
    let mut again = at(&gateway, CAMPUS, FIREFOX);
    assert_eq!(sign_in(&mut again, "alice", "right").await.location(), INBOX, "not now is remembered");

    // Somebody with a browser that the account does not know yet, and somebody who has set something up.
    let mut stranger = at(&gateway, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut stranger, "bob", "right").await.location(), INBOX);
    let list = gateway.folder().join("addresses.csv");
    std::fs::write(&list, "carol,carol@elsewhere.example\n").expect("a folder of our own");
    assert!(gateway.command(&["account", "import-addresses", list.to_str().expect("UTF-8")]).status.success());
    let mut carol = at(&gateway, CAMPUS, FIREFOX);
    assert_eq!(sign_in(&mut carol, "carol", "right").await.location(), INBOX);
}
