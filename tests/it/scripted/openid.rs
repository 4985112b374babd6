//! Operators who sign in at a real provider, in a real browser.

use super::desk::WINDOWS;
use super::roundcube;
use super::upstream::Upstream;
use crate::browser::Browser;
use crate::stack::provider::{CLIENT, PERSON, Provider};
use crate::stack::{Gateway, Settings};

async fn start(provider: &mut Provider, sections: &str) -> (Upstream, Gateway, tempfile::TempDir) {
    let kept = tempfile::tempdir().expect("a folder");
    let secret = kept.path().join("openid-secret");
    std::fs::write(&secret, CLIENT.1).expect("a folder of our own");
    let settings = Settings::sections(&format!(
        "[desk.openid]\nissuer = \"{}\"\nclient_id = \"{}\"\nclient_secret_file = \"{}\"\n{sections}",
        provider.issuer(),
        CLIENT.0,
        secret.display()
    ));
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), &settings).await;
    provider.know(&format!("{}sign-in/openid/back", gateway.desk())).await;
    (upstream, gateway, kept)
}

/// From the desk's page through the provider's own pages, as far as where the provider sends the browser.
async fn sign_in(browser: &mut Browser, gateway: &Gateway, provider: &Provider) {
    browser.open(&format!("{}flags", gateway.desk())).await;
    browser.click("a[href^='/sign-in/openid']").await;
    browser.wait_for("document.querySelector('#passwordForm')").await;
    browser.type_into("#username", PERSON.0).await;
    browser.type_into("#password", PERSON.1).await;
    browser.click("#loginbut").await;
    browser.wait_for("document.querySelector('#otpSchemeForm')").await;
    browser.type_into("#otpSchemeForm input", &provider.code()).await;
    browser.click("#otpSchemeForm button").await;
    browser.wait_for("document.querySelector('button.btn-success')").await;
    browser.click("button.btn-success").await;
}

#[tokio::test]
async fn an_operator_signs_in_with_a_password_and_a_code_at_a_real_provider() {
    let mut provider = Provider::start(&["mail-operators", "staff"]).await;
    let (_upstream, gateway, _kept) = start(&mut provider, "operators = \"mail-operators\"\namr = \"otp\"\n").await;
    Browser::visit("openid", async |browser| {
        sign_in(browser, &gateway, &provider).await;
        browser.wait_for("location.pathname === '/flags' && document.querySelector('.who')").await;
        let who = browser.script("return document.querySelector('.who').innerText").await;
        assert!(who.as_str().expect("text").contains(&format!("openid:{}", PERSON.0)), "{who}");
        browser.portraits_in("openid-flags", &WINDOWS).await;
    })
    .await;
}

#[tokio::test]
async fn whoever_has_no_role_or_one_factor_only_is_told_so_and_stays_outside() {
    for (groups, sections, told) in [
        (&["staff"][..], "operators = \"mail-operators\"\namr = \"otp\"\n", "this person has no role at the desk"),
        (&["mail-operators"], "operators = \"mail-operators\"\namr = \"hwk\"\n", "there was a second factor"),
    ] {
        let mut provider = Provider::start(groups).await;
        let (_upstream, gateway, _kept) = start(&mut provider, sections).await;
        Browser::visit("openid-refused", async |browser| {
            sign_in(browser, &gateway, &provider).await;
            browser.wait_for("document.querySelector('[role=alert]')").await;
            let notice = browser.script("return document.querySelector('[role=alert]').innerText").await;
            assert!(notice.as_str().expect("text").contains(told), "{notice}");
            browser.portraits_in("openid-refused", &WINDOWS).await;
            browser.open(&format!("{}flags", gateway.desk())).await;
            browser.wait_for("location.pathname === '/sign-in'").await;
        })
        .await;
    }
}
