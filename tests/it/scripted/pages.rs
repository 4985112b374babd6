//! Every page around a second proof as a browser shows it, in every language, on a telephone of 320 pixels, by the rules for
//! people who need more than eyes and a mouse.

use super::risk::{AMERICAN, CHROME, at, settings, with_habit};
use super::squirrelmail::SquirrelMail;
use super::upstream::{Reply, Upstream};
use super::{roundcube, sign_in};
use crate::browser::Browser;
use crate::stack::{Gateway, Settings};

const LANGUAGES: [(&str, &str); 7] =
    [("en", "ltr"), ("ru", "ltr"), ("de", "ltr"), ("fr", "ltr"), ("es", "ltr"), ("zh", "ltr"), ("ar", "rtl")];

const CAMPUS: &str = "192.0.2.7";

/// The person's sign-in, as the form of the webmail posts it.
async fn signs_in(browser: &mut Browser, gateway: &Gateway, from: &str, name: &str) {
    browser.forget_cookies().await;
    browser.come_from(from).await;
    browser.open(&gateway.url()).await;
    let posted = format!(
        "return fetch('/?_task=login', {{ method: 'POST', redirect: 'manual', body: new URLSearchParams({{
         _token: 't', _task: 'login', _action: 'login', _user: '{name}', _pass: 'right' }}) }}).then(() => true)"
    );
    browser.script(&posted).await;
}

/// One page, in this language: its direction, its width on a telephone, and what a program can check of the rest.
async fn looks_right(browser: &Browser, name: &str, language: &str, direction: &str) {
    let seen =
        browser.script("return [document.documentElement.lang, getComputedStyle(document.body).direction]").await;
    assert_eq!(seen, serde_json::json!([language, direction]), "{name}");
    let said = browser.script("return document.querySelector('main').innerText").await;
    let said = said.as_str().expect("a text");
    assert!(!said.contains("{ $") && !said.contains("refused-") && said.len() > 40, "{name} in {language}: {said}");
    if language == "en" {
        browser.portraits(&format!("pages-{name}")).await;
    } else {
        browser.portrait_on_a_telephone(&format!("pages-{name}-{language}")).await;
    }
}

#[tokio::test]
async fn every_page_is_right_in_every_language_on_a_telephone_and_for_everybody() {
    let texts = Upstream::start(|_| Reply::status("202 Accepted", "", "")).await;
    let upstream = Upstream::start(roundcube).await;
    let sections = format!(
        "[passwords]\nask_to_change = [\"breached\", \"weak\"]\n[sms]\nurl = \"http://{}/\"\n\
         [pages]\nname = \"Example University\"\n",
        texts.address()
    );
    let more = Settings { site: "helpdesk = \"+1 555 0100\"".to_owned(), ..settings(&sections) };
    let gateway = Gateway::start(upstream.address(), &more).await;
    with_habit(&gateway, "alice").await;
    let list = gateway.folder().join("addresses.csv");
    std::fs::write(&list, "alice,+4915112345678\n").expect("a folder of our own");
    assert!(gateway.command(&["account", "import-addresses", list.to_str().expect("UTF-8")]).status.success());
    // Somebody waits abroad for a confirmation from campus.
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    let squirrelmail = SquirrelMail::start().await;
    let other = Settings { webmail: Some("squirrelmail"), ..settings("") };
    let other = Gateway::start(squirrelmail.address, &other).await;

    Browser::visit("pages", async |browser| {
        let url = gateway.url();
        for (language, direction) in LANGUAGES {
            signs_in(browser, &gateway, CAMPUS, "alice").await;
            browser.speak(language).await;
            abroad.get("/.mailward/challenge?with=campus").await;
            for (name, path) in [
                ("password", ".mailward/password"),
                ("invite", ".mailward/invite"),
                ("account-elsewhere", ".mailward/account"),
                ("confirm-change", ".mailward/challenge?for=change"),
                ("held", ".mailward/challenge?held=00000000000000000000000000000000"),
                ("nowhere", "config/config.inc.php"),
            ] {
                browser.open(&format!("{url}{path}")).await;
                looks_right(browser, name, language, direction).await;
            }
            // A held message that is gone, by its button.
            browser.open(&format!("{url}.mailward/challenge?held=00000000000000000000000000000000")).await;
            browser.click("form[action='/.mailward/held'] button").await;
            browser.wait_for("document.querySelector('p[role=status]')").await;
            looks_right(browser, "held-done", language, direction).await;
        }
        for (language, direction) in LANGUAGES {
            signs_in(browser, &gateway, AMERICAN, "alice").await;
            browser.speak(language).await;
            for (name, path) in [
                ("ask-helpdesk", ".mailward/challenge?with=helpdesk_code"),
                ("ask-other-address", ".mailward/challenge?with=other_address"),
                ("ask-campus", ".mailward/challenge?with=campus"),
            ] {
                browser.open(&format!("{url}{path}")).await;
                looks_right(browser, name, language, direction).await;
            }
        }
        // Bob has nothing set up, so that he may begin at once: another address, and the code that went there.
        signs_in(browser, &gateway, CAMPUS, "bob").await;
        for (language, direction) in LANGUAGES {
            browser.speak(language).await;
            browser.open(&format!("{url}.mailward/account")).await;
            browser.click("form:has(input[value=add-address]) button").await;
            browser.wait_for("document.querySelector('#address')").await;
            looks_right(browser, "add-address", language, direction).await;
            if language == "en" {
                browser.type_into("#address", "+49 151 12345678").await;
                browser.click("form button").await;
                browser.wait_for("document.querySelector('#code')").await;
                looks_right(browser, "address-code", language, direction).await;
            }
        }
        // SquirrelMail's page that hands back what a session wrote that nobody knows.
        browser.forget_cookies().await;
        for (language, direction) in LANGUAGES {
            browser.speak(language).await;
            browser.open(&format!("{}src/login.php", other.url())).await;
            browser
                .script(
                    "const form = document.createElement('form'); form.method = 'post'; form.action = '/src/compose.php';
                     form.enctype = 'multipart/form-data';
                     for (const [name, value] of [['send_to', 'bob@c.example'], ['subject', 'x'], ['body', 'text'],
                         ['send', 'Send']]) {
                       const field = document.createElement('input'); field.name = name; field.value = value;
                       form.append(field);
                     }
                     document.body.append(form); form.submit();",
                )
                .await;
            browser.wait_for("document.querySelector('textarea[name=body]')").await;
            looks_right(browser, "squirrelmail-again", language, direction).await;
        }
    })
    .await;
}
