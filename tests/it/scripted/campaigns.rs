//! Campaigns where the webmail does as it is told: what is held at a site that only observes, who is not compared with
//! anybody, and the desk's one click. What thieves do at a real Roundcube is in `real_campaigns`.

use super::{SEND, desk, says_sent, sign_in, with_roundcube};
use crate::browser::Browser;
use crate::stack::{Answer, Client, Gateway, Settings};

const OFFER: &str = "The committee is glad to tell you that your application for a grant was taken into the last round. To receive \
    the first half of the money, please send a copy of your passport and the number of your bank account to the treasurer, who \
    will answer all further questions within two days.";

/// Somebody at a browser that nobody has seen.
async fn stranger(gateway: &Gateway, number: u8, name: &str) -> Client {
    let mut client = gateway.client().from([127, 0, 80, number]);
    assert_eq!(sign_in(&mut client, name, "right").await.status, 302);
    client
}

async fn write(client: &mut Client, number: usize) -> Answer {
    let (to, subject) = (format!("p{number}@elsewhere.example"), format!("Grant {number}"));
    let body = format!("Dear candidate {number},\n{OFFER}");
    let fields = [
        ("_task", "mail"),
        ("_action", "send"),
        ("_id", "1"),
        ("_from", "1"),
        ("_to", to.as_str()),
        ("_subject", &subject),
        ("_draft", ""),
        ("_message", &body),
    ];
    client.post(SEND, &fields).await
}

/// Four messages from two accounts; which of them left.
async fn run_of_four(gateway: &Gateway) -> ([Client; 2], [bool; 4]) {
    let mut clients = [stranger(gateway, 1, "alice").await, stranger(gateway, 2, "bob").await];
    let mut sent = [false; 4];
    for number in 0..4 {
        sent[number] = says_sent(&write(&mut clients[number % 2], number).await);
    }
    (clients, sent)
}

fn settings(top: &str, sections: &str) -> Settings {
    Settings { top: top.to_owned(), ..Settings::sections(sections).unguarded() }
}

#[tokio::test]
async fn a_site_that_observes_says_what_it_saw_and_holds_nothing() {
    let (_upstream, gateway) = with_roundcube(&settings("mode = \"observe\"", "")).await;
    let (mut clients, sent) = run_of_four(&gateway).await;
    assert_eq!(sent, [true; 4]);
    let recognised = gateway.event("campaign_recognised").await;
    assert_eq!((&recognised["accounts"], &recognised["account"]), (&2.into(), &"bob".into()));
    assert!(says_sent(&write(&mut clients[0], 4).await));
    assert_eq!(gateway.events_of("campaign_recognised").len(), 1, "said once");
}

#[tokio::test]
async fn people_on_campus_and_a_signal_without_weight_speak_against_nobody() {
    for sections in [
        "[networks]\ncampus = [\"127.0.0.0/8\"]",
        "[risk]\nweights = { campaign = 0, campaign_wide = 0, campaign_repeated = 0 }",
    ] {
        let (_upstream, gateway) = with_roundcube(&settings("", sections)).await;
        let (mut clients, sent) = run_of_four(&gateway).await;
        assert_eq!(sent, [true; 4], "{sections}");
        assert!(says_sent(&write(&mut clients[1], 4).await), "{sections}");
        assert!(gateway.events_of("flag_raised").is_empty(), "{sections}");
    }
}

#[tokio::test]
async fn what_people_on_campus_send_as_well_is_going_round_and_holds_nobody() {
    let (_upstream, gateway) = with_roundcube(&settings("", "[networks]\ncampus = [\"127.0.90.0/24\"]")).await;
    let mut alice = stranger(&gateway, 1, "alice").await;
    assert!(says_sent(&write(&mut alice, 0).await));
    for (number, name) in ["carol", "dan", "erin"].into_iter().enumerate() {
        let mut colleague = gateway.client().from([127, 0, 90, 1]);
        assert_eq!(sign_in(&mut colleague, name, "right").await.status, 302);
        assert!(says_sent(&write(&mut colleague, 1 + number).await));
    }
    let mut bob = stranger(&gateway, 2, "bob").await;
    for number in 4..6 {
        assert!(says_sent(&write(&mut bob, number).await));
    }
    assert!(says_sent(&write(&mut alice, 6).await), "a run of four without the colleagues");
    assert!(gateway.events_of("campaign_recognised").is_empty());
}

#[tokio::test]
async fn a_message_that_is_tried_again_is_one_message() {
    let (_upstream, gateway) = with_roundcube(&settings("", "")).await;
    let mut clients = [stranger(&gateway, 1, "alice").await, stranger(&gateway, 2, "bob").await];
    for _ in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            assert!(says_sent(&write(client, number).await));
        }
    }
    assert!(gateway.events_of("campaign_recognised").is_empty());
}

#[tokio::test]
async fn an_operator_holds_all_accounts_of_a_campaign_with_one_click() {
    let (_upstream, gateway) = with_roundcube(&settings("", "")).await;
    let (mut clients, sent) = run_of_four(&gateway).await;
    assert_eq!(sent, [true, true, true, false]);
    Browser::visit("desk-campaigns", async |browser| {
        desk::enrol(browser, &gateway, "anna", "operator", false).await;
        browser.open(&format!("{}campaigns", gateway.desk())).await;
        browser.wait_for("document.querySelector('tbody tr').innerText.includes('alice, bob')").await;
        browser.portraits_in("desk-campaigns", &desk::WINDOWS).await;
        browser.click("tbody tr a[href^='/campaigns/']").await;
        browser.wait_for("document.querySelectorAll('tbody tr').length === 2").await;
        browser.click("tbody tr a[href^='/flags/']").await;
        browser.wait_for("document.querySelector('.signals')").await;
        browser.click("a[href^='/campaigns/'].mono").await;
        browser.wait_for("document.querySelectorAll('tbody tr').length === 2").await;
        browser.click("button[value=contain]").await;
        browser.wait_for("document.querySelector('.notice.good')").await;
        browser.portraits_in("desk-campaign", &desk::WINDOWS).await;
        assert!(!says_sent(&write(&mut clients[0], 9).await), "restricted");
        browser.click("button[value=confirm]").await;
        browser.wait_for("document.querySelector('.chip.critical')").await;
        browser.click("button[value=clear]").await;
        browser.wait_for("document.querySelector('.chip.good')").await;
        let page = browser.script("return location.pathname").await;
        let code =
            page.as_str().and_then(|page| page.strip_prefix("/campaigns/")).expect("a campaign's page").to_owned();
        browser.open(&format!("{}search?q={code}", gateway.desk())).await;
        browser.wait_for(&format!("location.pathname === '/campaigns/{code}'")).await;
    })
    .await;
    let locks = gateway.command(&["account", "list"]);
    let locks = String::from_utf8_lossy(&locks.stdout).into_owned();
    assert!(locks.contains("alice") && locks.contains("bob"), "{locks}");
    let confirmed = gateway.event("campaign_confirmed").await;
    assert_eq!(confirmed["by"], "anna");
    gateway.event("campaign_cleared").await;
}
