//! The administrator's desk in a real Chromium: an operator begins, sees a session being flagged, stops it, lets its owner
//! back in, and looks at everything there is.

use totp_rs::{Builder, Secret};

use super::risk::{AMERICAN, CHROME, FIREFOX, GERMAN, at, settings};
use super::upstream::Upstream;
use super::{roundcube, says_sent, send, sign_in};
use crate::browser::Browser;
use crate::stack::{Client, Gateway};

pub const PASSWORD: &str = "correct horse battery";

/// A computer's and a telephone's window.
pub const WINDOWS: [(&str, u64, u64); 2] = [("desktop", 1440, 900), ("phone", 390, 844)];

async fn start(sections: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), &settings(sections)).await;
    (upstream, gateway)
}

/// Adds an operator by the command line; the code to begin with.
pub fn add(gateway: &Gateway, name: &str, role: &str) -> String {
    let added = gateway.command(&["admin", "add", name, "--role", role, "--json"]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let reply: serde_json::Value = serde_json::from_slice(&added.stdout).expect("JSON");
    reply["code"].as_str().expect("a code").to_owned()
}

pub fn code_of(secret: &[u8; 20], steps_ahead: u64) -> String {
    let seconds = mailward::clock::Clock::system().now().as_millis() / 1_000;
    let totp = Builder::new().with_secret(Secret::new_stack(*secret)).build().expect("a secret of the usual length");
    totp.generate(seconds + 30 * steps_ahead).to_string()
}

/// Signs in at home so often that the account has a habit.
async fn habit(gateway: &Gateway, name: &str, home: &str) -> Client {
    let mut client = at(gateway, home, FIREFOX);
    for _ in 0..4 {
        client.set_cookie("roundcube_sessid", "");
        assert_eq!(sign_in(&mut client, name, "right").await.status, 302);
    }
    client
}

/// As far as the second proof: name, code and password.
async fn begin(browser: &mut Browser, desk: &str, name: &str, code: &str, pictures: bool) {
    browser.open(&format!("{desk}enrol?name={name}")).await;
    browser.type_into("#code", code).await;
    if pictures {
        browser.portraits_in("desk-enrol", &WINDOWS).await;
    }
    browser.click("form button").await;
    browser.type_into("#password", PASSWORD).await;
    if pictures {
        browser.portraits_in("desk-enrol-password", &WINDOWS).await;
    }
    browser.type_into("#again", PASSWORD).await;
    browser.click("form button").await;
    browser.wait_for("location.pathname === '/enrol/factor'").await;
}

/// The same, and an app that shows codes; then the operator has signed in.
pub async fn enrol(browser: &mut Browser, gateway: &Gateway, name: &str, role: &str, pictures: bool) -> [u8; 20] {
    enrol_at(browser, &gateway.desk(), name, &add(gateway, name, role), pictures).await
}

/// The same at a desk that stands elsewhere than the gateway says.
pub async fn enrol_at(browser: &mut Browser, desk: &str, name: &str, code: &str, pictures: bool) -> [u8; 20] {
    begin(browser, desk, name, code, pictures).await;
    browser.wait_for("document.querySelector('.picture svg')").await;
    if pictures {
        browser.portraits_in("desk-enrol-app", &WINDOWS).await;
    }
    let spelled = browser.script("return document.querySelector('code').innerText").await;
    let spelled = spelled.as_str().expect("a key").replace(' ', "");
    let secret: [u8; 20] =
        data_encoding::BASE32_NOPAD.decode(spelled.as_bytes()).expect("base 32").try_into().expect("20 bytes");
    browser.type_into("#code", &code_of(&secret, 0)).await;
    browser.click("form button").await;
    browser.wait_for("location.pathname === '/' && document.querySelector('h1')").await;
    secret
}

#[tokio::test]
async fn an_operator_sees_a_session_being_flagged_stops_it_and_lets_its_owner_back_in() {
    let (_upstream, gateway) = start("").await;
    habit(&gateway, "alice", GERMAN).await;
    habit(&gateway, "carla", "79.192.1.9").await;
    // People on a journey, whose browsers are known; and a thief.
    for (name, home, abroad, messages) in
        [("d.nguyen", "79.192.2.9", AMERICAN, 2), ("meier", "79.192.3.9", "122.16.0.9", 5)]
    {
        let mut client = habit(&gateway, name, home).await;
        client.header("x-forwarded-for", abroad);
        client.set_cookie("roundcube_sessid", "");
        sign_in(&mut client, name, "right").await;
        for number in 0..messages {
            assert!(says_sent(&send(&mut client, &format!("number {number}")).await), "a flag alone stops nothing");
        }
    }
    sign_in(&mut at(&gateway, "81.128.0.9", CHROME), "carla", "right").await;
    for _ in 0..3 {
        sign_in(&mut at(&gateway, "81.128.0.9", CHROME), "carla", "wrong").await;
    }
    Browser::visit("desk", async |browser| {
        let secret = enrol(browser, &gateway, "anna", "administrator", true).await;
        browser.open(&format!("{}flags", gateway.desk())).await;
        browser.wait_for("document.querySelectorAll('tbody tr').length === 3").await;

        // The page is open, and nobody touches it.
        let mut thief = at(&gateway, AMERICAN, CHROME);
        sign_in(&mut thief, "alice", "right").await;
        assert!(!says_sent(&send(&mut thief, "spam").await), "restricted");
        browser.wait_for("document.querySelector('tbody tr').innerText.includes('alice')").await;
        browser.portraits_in("desk-flags", &WINDOWS).await;
        browser.click("tbody tr a[href^='/flags/']").await;
        browser.wait_for("document.querySelector('.signals')").await;
        browser.portraits_in("desk-flag", &WINDOWS).await;
        browser.type_into("#note", "called her: it is not her").await;
        browser.click("button[value=contain]").await;
        browser.wait_for("document.querySelector('.notice.good')").await;
        let listed = gateway.command(&["session", "list", "--account", "alice", "--json"]);
        assert!(!String::from_utf8_lossy(&listed.stdout).contains("12.0.1.28"), "her sessions have ended");
        assert_ne!(sign_in(&mut at(&gateway, GERMAN, CHROME), "alice", "right").await.status, 302, "locked");
        browser.click("button[value=release]").await;
        browser.wait_for("document.querySelectorAll('.notice.good').length === 2").await;
        let mut owner = at(&gateway, AMERICAN, CHROME);
        assert_eq!(sign_in(&mut owner, "alice", "right").await.status, 302);
        assert!(says_sent(&send(&mut owner, "back").await), "from there is usual now");
        let cleared = gateway.event("flag_cleared").await;
        assert_eq!(cleared["by"], "anna");

        // Everything there is, as a computer and a telephone show it.
        let marked = gateway.command(&["prefix", "mark", "203.0.113.77", "--note", "seen in guesses"]);
        assert!(marked.status.success(), "{}", String::from_utf8_lossy(&marked.stderr));
        for (name, page, there) in [
            ("now", "", "h1"),
            ("search", "search?q=alice", "h2"),
            ("account", "account?site=localhost&name=alice", ".course"),
            ("policy", "policy", "tbody input"),
            ("events", "events", "tbody tr"),
            ("audit", "audit", "tbody tr"),
            ("operators", "operators", "tbody tr"),
            ("prefixes", "prefixes", "tbody tr"),
            ("me", "me", "h2"),
            ("me-factor", "me/factor", "form"),
        ] {
            browser.open(&format!("{}{page}", gateway.desk())).await;
            browser.wait_for(&format!("document.querySelector('{there}')")).await;
            browser.portraits_in(&format!("desk-{name}"), &WINDOWS).await;
        }
        browser.open(&format!("{}policy", gateway.desk())).await;
        browser.script("document.querySelector('[name=\"risk.challenge\"]').value = 40").await;
        browser.click("form .actions button").await;
        browser.wait_for("document.querySelector('#tried pre').innerText.includes('challenge = 40')").await;
        browser.portraits_in("desk-policy-tried", &WINDOWS).await;
        browser.open(&gateway.desk()).await;
        browser.click("header form button").await;
        browser.wait_for("location.pathname === '/sign-in'").await;
        browser.portraits_in("desk-sign-in", &WINDOWS).await;

        // Nothing of it needs a script.
        browser.run_no_scripts().await;
        browser.type_into("#name", "anna").await;
        browser.type_into("#password", PASSWORD).await;
        browser.click("form button").await;
        browser.element("#code").await;
        browser.portraits_without_scripts("desk-proof-app", &WINDOWS).await;
        browser.type_into("#code", &code_of(&secret, 1)).await;
        browser.click("form button").await;
        browser.element("nav a[href='/flags']").await;
        browser.click("nav a[href='/flags']").await;
        browser.click("tbody input[type=checkbox]").await;
        browser.click("button[value=clear]").await;
        browser.element(".notice.good").await;
        browser.portraits_without_scripts("desk-done", &WINDOWS).await;
        let errors = browser.console_errors().await;
        assert!(errors.is_empty(), "{errors:?}");
    })
    .await;
}

#[tokio::test]
async fn a_passkey_is_a_second_proof_as_well() {
    let (_upstream, gateway) = start("").await;
    let code = add(&gateway, "anna", "viewer");
    Browser::visit("desk-passkey", async |browser| {
        browser.open(&gateway.desk()).await;
        browser.have_passkeys().await;
        begin(browser, &gateway.desk(), "anna", &code, false).await;
        browser.click("a[href='/enrol/factor?with=passkey']").await;
        browser.wait_for("document.querySelector('form[data-passkey]')").await;
        browser.click("form button").await;
        browser.wait_for("location.pathname === '/' && document.querySelector('nav')").await;
        let acts = browser.script("return !!document.querySelector('nav a[href=\"/operators\"]')").await;
        assert_eq!(acts, false, "a viewer");
        browser.forget_cookies().await;
        browser.open(&format!("{}flags?status=all", gateway.desk())).await;
        browser.type_into("#name", "anna").await;
        browser.type_into("#password", PASSWORD).await;
        browser.click("form button").await;
        browser.wait_for("document.querySelector('form[data-passkey]')").await;
        browser.portraits_in("desk-proof-passkey", &WINDOWS).await;
        browser.click("form button").await;
        browser.wait_for("location.pathname === '/flags' && location.search === '?status=all'").await;
    })
    .await;
}

/// From the sign-in to the end of a session, without a mouse; and on every page everything that can be used is reached, each
/// once, and is seen to be.
#[tokio::test]
async fn everything_at_the_desk_is_done_by_keyboard() {
    let (_upstream, gateway) = start("").await;
    habit(&gateway, "alice", GERMAN).await;
    sign_in(&mut at(&gateway, AMERICAN, CHROME), "alice", "right").await;
    Browser::visit("desk-keyboard", async |browser| {
        let secret = enrol(browser, &gateway, "anna", "administrator", false).await;
        let pages = [
            "",
            "flags",
            "search?q=alice",
            "account?site=localhost&name=alice",
            "policy",
            "events",
            "audit",
            "operators",
            "me",
        ];
        for page in pages {
            browser.open(&format!("{}{page}", gateway.desk())).await;
            browser.wait_for("document.querySelector('h1')").await;
            assert_eq!(browser.unreached_by_keyboard().await, Vec::<String>::new(), "/{page}");
        }
        browser.forget_cookies().await;
        browser.open(&gateway.desk()).await;
        browser.tab_to("#name").await;
        browser.press("anna").await;
        browser.tab_to("#password").await;
        browser.press(&format!("{PASSWORD}\n")).await;
        browser.element("#code").await;
        browser.tab_to("#code").await;
        browser.press(&format!("{}\n", code_of(&secret, 1))).await;
        browser.wait_for("document.querySelector('nav a[href=\"/flags\"]')").await;
        browser.tab_to("nav a[href='/flags']").await;
        browser.press("\n").await;
        browser.wait_for("location.pathname === '/flags' && document.querySelector('tbody tr')").await;
        browser.tab_to("tbody a[href^='/flags/']").await;
        browser.press("\n").await;
        browser.wait_for("document.querySelector('.signals')").await;
        browser.tab_to("#note").await;
        browser.press("not her").await;
        browser.tab_to("button[value=contain]").await;
        browser.press("\n").await;
        browser.wait_for("document.querySelector('.notice.good')").await;
    })
    .await;
    assert_eq!(gateway.event("account_locked").await["by"], "anna");
}
