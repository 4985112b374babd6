//! Real Roundcube in one Chromium, the administrator's desk in another: what is done here is seen there.

use crate::browser::Browser;
use crate::browser_roundcube::{click_send, open_compose, sent_and_back_at_the_list, sign_in, write};
use crate::scripted::desk::enrol;
use crate::stack::{Gateway, Roundcube, Settings, Stack, until};

/// A new country flags and stops nothing, so that there is something to be stopped.
const ONLY_FLAGS: &str = "[networks]\ncampus = [\"127.0.0.0/8\"]\ncampus_country = \"DE\"\n\
    [risk]\nweights = { impossible_travel = 0, new_device = 0, new_network = 0, off_campus = 0, country_new_to_site = 0, \
    hosting = 0, weak_password = 0, breached_password = 0 }";

#[tokio::test]
async fn a_session_is_seen_being_flagged_is_stopped_at_its_next_click_and_sends_again_once_it_was_cleared() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let settings = Settings {
        listen: "forwarded_from = [\"127.0.0.0/8\"]".to_owned(),
        sections: ONLY_FLAGS.to_owned(),
        ..Settings::new()
    };
    let gateway = Gateway::start(stack.web(), &settings).await;
    for _ in 0..3 {
        Roundcube::sign_in(gateway.client(), &writer).await.expect("the password is right");
    }
    Browser::visit("desk-live", async |desk| {
        enrol(desk, &gateway, "anna", "operator", false).await;
        desk.open(&format!("{}flags", gateway.desk())).await;
        desk.wait_for("document.querySelector('[data-live=flags]').innerText.includes('None')").await;

        Browser::visit("desk-live-writer", async |browser| {
            browser.come_from("12.0.1.28").await;
            sign_in(browser, &gateway.url(), &writer).await;
            let send = async |subject: &str| {
                open_compose(browser).await;
                write(browser, &reader.address(), subject, "A text of an hour's work.", None).await;
                click_send(browser).await;
            };
            send("First").await;
            sent_and_back_at_the_list(browser).await;

            // Nobody touches the desk's page.
            let row = "document.querySelector('tbody tr')";
            desk.wait_for(&format!("{row} && {row}.innerText.includes('{}')", writer.name)).await;
            desk.click("tbody tr a[href^='/flags/']").await;
            desk.wait_for("document.querySelector('[data-live=facts]').innerText.includes('1 message')").await;
            desk.screenshot("desk-live-flag").await;
            desk.click("button[value=restrict]").await;
            desk.wait_for("document.querySelector('.notice.good')").await;

            send("Second").await;
            browser
                .wait_for("document.querySelector('#messagestack .alert-danger, #messagestack .alert-warning')")
                .await;
            browser.wait_for("!rcmail.busy && rcmail.env.action === 'compose'").await;
            browser.screenshot("desk-live-stopped").await;
            let kept = browser.script("return document.querySelector('#composebody').value").await;
            assert_eq!(kept, "A text of an hour's work.");
            desk.wait_for("document.querySelector('[data-live=facts]').innerText.match(/Stopped since\\s+1/)").await;

            desk.click("button[value=clear]").await;
            desk.wait_for("document.querySelector('h1').parentNode.innerText.includes('cleared')").await;
            click_send(browser).await;
            sent_and_back_at_the_list(browser).await;

            // The whole account: at the next click its person is at the sign-in page.
            desk.click("button[value=contain]").await;
            desk.wait_for("document.querySelector('h1').parentNode.innerText.includes('account locked')").await;
            browser.click("#taskmenu a.settings").await;
            browser.wait_for("window.rcmail && rcmail.env.task === 'login'").await;
            desk.click("button[value=release]").await;
            desk.wait_for("!document.querySelector('h1').parentNode.innerText.includes('account locked')").await;
            sign_in(browser, &gateway.url(), &writer).await;
            open_compose(browser).await;
            write(browser, &reader.address(), "Third", "Back again.", None).await;
            click_send(browser).await;
            sent_and_back_at_the_list(browser).await;
        })
        .await;
    })
    .await;
    until("all three arrive", 20, async || (stack.inbox(&reader).len() == 3).then_some(())).await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 3, "each was sent once");
    let locked = gateway.event("account_locked").await;
    assert_eq!(locked["by"], "anna");
}
