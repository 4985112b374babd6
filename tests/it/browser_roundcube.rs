//! Roundcube in Chromium, alone and through Mailward: what people do all day must work the same.

use std::path::Path;

use crate::browser::Browser;
use crate::stack::{Gateway, Message, Person, Roundcube, Settings, Stack, until};

/// Nothing moves any more: no request is under way and no frame is loading.
pub const AT_REST: &str = "window.rcmail && document.readyState === 'complete' && !rcmail.busy";

/// What a visit showed.
struct Seen {
    console_errors: Vec<String>,
    protocols: Vec<String>,
}

pub async fn sign_in(browser: &mut Browser, url: &str, person: &Person) {
    browser.open(url).await;
    sign_in_here(browser, person).await;
}

/// On a sign-in page that is already there, such as the one after signing out.
async fn sign_in_here(browser: &Browser, person: &Person) {
    browser.type_into("#rcmloginuser", &person.name).await;
    browser.type_into("#rcmloginpwd", &person.password).await;
    browser.click("#rcmloginsubmit").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.task === 'mail' && rcmail.message_list")).await;
}

pub async fn open_compose(browser: &Browser) {
    browser.click("#taskmenu a.compose").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.action === 'compose' && rcmail.env.compose_id")).await;
}

pub async fn write(browser: &Browser, to: &str, subject: &str, body: &str, attachment: Option<&Path>) {
    browser.type_into("#compose_to .recipient-input input", &format!("{to},")).await;
    browser.type_into("#compose-subject", subject).await;
    browser.type_into("#composebody", body).await;
    if let Some(file) = attachment {
        // While something else is under way, Roundcube ignores a chosen file without a word.
        browser.wait_for(AT_REST).await;
        browser.choose_file("input[type=file][name='_attachments[]']", file).await;
        browser
            .wait_for("document.querySelector('#attachment-list li') && !document.querySelector('#attachment-list li.uploading')")
            .await;
        browser.wait_for(AT_REST).await;
    }
}

pub async fn click_send(browser: &Browser) {
    browser.click("a.send, button.send").await;
}

pub async fn sent_and_back_at_the_list(browser: &Browser) {
    browser.wait_for(&format!("{AT_REST} && rcmail.env.task === 'mail' && rcmail.message_list")).await;
}

async fn open_first_message(browser: &Browser) {
    browser.wait_for(&format!("{AT_REST} && rcmail.message_list && rcmail.message_list.rowcount > 0")).await;
    browser.script("rcmail.show_message(rcmail.message_list.get_first_row(), false, false)").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.action === 'show'")).await;
}

async fn sign_out(browser: &Browser) {
    browser.click("#taskmenu a.logout").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.task === 'login'")).await;
}

/// A day at the webmail, from the first sign-in to the last sign-out.
async fn everyday(browser: &mut Browser, url: &str, name: &str, stack: &Stack) -> Seen {
    let (writer, reader) = (stack.account(), stack.account());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let timetable = folder.path().join("timetable.txt");
    std::fs::write(&timetable, "Monday 9:00 lecture hall 3\n".repeat(2000)).expect("a folder of our own");

    sign_in(browser, url, &writer).await;
    let mut protocols = browser.protocols().await;
    browser.screenshot(&format!("{name}-inbox")).await;

    open_compose(browser).await;
    write(browser, &reader.address(), "Timetable for June", "See you at nine.", Some(&timetable)).await;
    // Autosave comes after five minutes; here after one second.
    browser.script("rcmail.env.draft_autosave = 1; rcmail.auto_save_start()").await;
    browser.wait_for("document.querySelector('input[name=_draft_saveid]').value").await;
    browser.wait_for(AT_REST).await;
    browser.script("rcmail.env.draft_autosave = 0; clearTimeout(rcmail.save_timer)").await;
    assert_eq!(stack.accepted_from(&writer.address()), [], "saving a draft sends nothing");
    browser.screenshot(&format!("{name}-compose")).await;
    protocols.extend(browser.protocols().await);
    click_send(browser).await;
    sent_and_back_at_the_list(browser).await;
    let mail = until("the message arrives", 20, async || stack.inbox(&reader).into_iter().next()).await;
    assert!(mail.contains("Subject: Timetable for June") && mail.contains("timetable.txt"), "{mail}");
    sign_out(browser).await;

    sign_in_here(browser, &reader).await;
    open_first_message(browser).await;
    browser.wait_for("document.body.innerText.includes('See you at nine.')").await;
    browser.screenshot(&format!("{name}-message")).await;
    browser.click("a.reply").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.action === 'compose' && rcmail.env.compose_id")).await;
    browser.wait_for("document.querySelector('#composebody').value.includes('> See you at nine.')").await;
    browser.type_into("#composebody", "I will be there.\n").await;
    click_send(browser).await;
    sent_and_back_at_the_list(browser).await;
    until("the reply arrives", 20, async || {
        stack.inbox(&writer).into_iter().find(|mail| mail.contains("Subject: Re: Timetable for June"))
    })
    .await;

    open_first_message(browser).await;
    browser.click("#forwardmenulink").await;
    browser.click("a.bounce").await;
    browser.enter_frame(".ui-dialog iframe").await;
    browser.wait_for("window.rcmail && rcmail.gui_objects.messageform").await;
    browser.script(&format!("$('#_to').val('{}, third@elsewhere.example').trigger('change')", writer.address())).await;
    browser.leave_frame().await;
    browser.click(".ui-dialog button.bounce").await;
    until("the resent message arrives", 20, async || {
        stack.inbox(&writer).into_iter().find(|mail| mail.contains("Resent-From:"))
    })
    .await;
    browser.wait_for(AT_REST).await;

    browser.click("#taskmenu a.settings").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.task === 'settings'")).await;
    browser.click("#settings-menu .identities a").await;
    browser.wait_for(&format!("{AT_REST} && rcmail.env.action === 'identities' && rcmail.identity_list")).await;
    browser.click("#identities-table tbody tr").await;
    browser.enter_frame("#preferences-frame").await;
    browser.wait_for("document.readyState === 'complete' && document.querySelector('input[name=_name]')").await;
    browser.script("document.querySelector('input[name=_name]').value = 'Chris Doe'").await;
    browser.click("button.submit").await;
    browser.wait_for("document.readyState === 'complete' && document.querySelector('input[name=_name]')").await;
    browser.leave_frame().await;
    browser.wait_for("document.querySelector('#identities-table').innerText.includes('Chris Doe')").await;
    protocols.extend(browser.protocols().await);
    sign_out(browser).await;

    protocols.sort();
    protocols.dedup();
    Seen { console_errors: browser.console_errors().await, protocols }
}

#[tokio::test]
async fn a_day_at_roundcube_is_the_same_through_mailward_and_all_of_it_over_http2() {
    let stack = Stack::shared();
    let mut alone = Vec::new();
    Browser::visit("alone", async |browser| {
        let seen = everyday(browser, &format!("http://{}/", stack.web()), "alone", stack).await;
        assert_eq!(seen.protocols, ["http/1.1"]);
        alone = seen.console_errors;
    })
    .await;
    let gateway = Gateway::start(stack.web(), &Settings::new()).await;
    Browser::visit("mailward", async |browser| {
        let seen = everyday(browser, &gateway.url(), "mailward", stack).await;
        assert_eq!(seen.protocols, ["h2"]);
        let new: Vec<&String> = seen.console_errors.iter().filter(|error| !alone.contains(error)).collect();
        assert!(new.is_empty(), "errors that Roundcube alone does not have: {new:#?}");
    })
    .await;
    assert_eq!(gateway.events_of("sent").len(), 3, "the message, the reply and the resent one");
    for kind in ["send_refused", "sign_in_refused", "request_refused", "sent_unasked", "upstream_failed"] {
        assert_eq!(gateway.events_of(kind), Vec::<serde_json::Value>::new());
    }
}

#[tokio::test]
async fn at_the_limit_the_message_stays_in_the_compose_page_and_goes_out_later() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let limits = Settings::sections("[send.limits]\nmessages_per_account = [\"1/15s\"]\nfamiliar_factor = 1.0");
    let gateway = Gateway::start(stack.web(), &limits).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let timetable = folder.path().join("timetable.txt");
    std::fs::write(&timetable, "Monday 9:00 lecture hall 3\n").expect("a folder of our own");

    Browser::visit("throttled", async |browser| {
        sign_in(browser, &gateway.url(), &writer).await;
        open_compose(browser).await;
        write(browser, &reader.address(), "Written with care", "A text of an hour's work.", Some(&timetable)).await;
        let fields = "return [$('#_to').val(), $('#compose-subject').val(), $('#composebody').val(),
            Object.keys(rcmail.env.attachments).length]";
        let before = browser.script(fields).await;

        // The account's one message is used up elsewhere.
        let mut other = Roundcube::sign_in(gateway.client(), &writer).await.expect("the password is right");
        let first = Message { to: &reader.address(), subject: "First", body: "x", ..Message::default() };
        let first = other.send(&first).await;
        assert!(first.says_sent(), "{} {}", first.status, first.text());

        click_send(browser).await;
        // Roundcube's own message, in the page where the person is.
        browser
            .element(
                "#messagestack .alert-danger, #messagestack .alert-warning, #messagestack .alert-info:not(.loading)",
            )
            .await;
        browser.wait_for("!rcmail.busy && rcmail.env.action === 'compose'").await;
        browser.screenshot("throttled").await;
        assert_eq!(browser.script(fields).await, before, "every field and the attachment are still there");
        assert!(
            browser
                .script("return document.querySelector('#messagestack').innerText")
                .await
                .as_str()
                .unwrap_or_default()
                .len()
                > 20,
            "the message says something"
        );
        assert_eq!(stack.accepted_from(&writer.address()).len(), 1, "the second message has not left");

        // By itself, or by one click once there is room: each further click is one that the person would have made.
        let mut clicks = 0;
        while !browser.within(25, "rcmail.message_list && rcmail.env.action !== 'compose'").await {
            clicks += 1;
            assert!(clicks <= 1, "after one click, and after the window has passed, the message is gone");
            click_send(browser).await;
        }
        let mail = until("the message arrives", 20, async || {
            stack.inbox(&reader).into_iter().find(|mail| mail.contains("Subject: Written with care"))
        })
        .await;
        assert!(mail.contains("A text of an hour's work.") && mail.contains("timetable.txt"), "{mail}");
    })
    .await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 2, "and it was sent once");
    let refused = gateway.event("send_refused").await;
    assert!(refused.to_string().contains("messages_per_account 1/15s"), "{refused}");
}

/// A session from a new country: everything in the compose page stays, everything that lets mail or data out is barred,
/// and after the operator's word the same click sends.
#[tokio::test]
async fn a_restricted_person_reads_keeps_what_was_written_and_sends_after_the_flag_was_cleared() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let settings = Settings {
        listen: "forwarded_from = [\"127.0.0.0/8\"]".to_owned(),
        sections: "[networks]\ncampus = [\"127.0.0.0/8\"]\ncampus_country = \"DE\"\n\
            [risk]\nweights = { impossible_travel = 0 }"
            .to_owned(),
        ..Settings::new()
    };
    let gateway = Gateway::start(stack.web(), &settings).await;
    for _ in 0..3 {
        Roundcube::sign_in(gateway.client(), &writer).await.expect("the password is right");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let timetable = folder.path().join("timetable.txt");
    std::fs::write(&timetable, "Monday 9:00 lecture hall 3\n").expect("a folder of our own");

    Browser::visit("restricted", async |browser| {
        browser.come_from("12.0.1.28").await;
        sign_in(browser, &gateway.url(), &writer).await;
        let flagged = gateway.event("flag_raised").await;
        assert_eq!(flagged["country"], "US", "{flagged}");
        let code = flagged["reference"].as_str().expect("a code").to_owned();

        open_compose(browser).await;
        write(browser, &reader.address(), "From a journey", "A text of an hour's work.", Some(&timetable)).await;
        let fields = "return [$('#_to').val(), $('#compose-subject').val(), $('#composebody').val(),
            Object.keys(rcmail.env.attachments).length]";
        let before = browser.script(fields).await;
        click_send(browser).await;
        browser.wait_for(&format!("document.querySelector('#messagestack').innerText.includes('{code}')")).await;
        browser.wait_for("!rcmail.busy && rcmail.env.action === 'compose'").await;
        browser.screenshot("restricted").await;
        assert_eq!(browser.script(fields).await, before, "every field and the attachment are still there");

        // As the page's own code asks, whatever the shape.
        let barred = async |what: &str, script: &str| {
            let answer = browser.script(&format!("return (async () => {{ {script} }})()")).await;
            let answer = answer.as_str().unwrap_or_default().to_owned();
            assert!(answer.contains(&code), "{what}: {answer}");
        };
        let fetch = |url: &str, body: Option<&str>| match body {
            Some(body) => format!(
                "return await (await fetch('{url}', {{method: 'POST', headers: {{'X-Requested-With': 'XMLHttpRequest',\
                 'X-Roundcube-Request': rcmail.env.request_token, 'Content-Type': 'application/x-www-form-urlencoded'}},\
                 body: '{body}'}})).text()"
            ),
            None => format!("return await (await fetch('{url}' + rcmail.env.request_token)).text()"),
        };
        barred("a receipt, by AJAX", &fetch("./?_task=mail&_action=sendmdn", Some("_uid=1&_mbox=INBOX&_remote=1"))).await;
        barred("another name and address", &fetch("./", Some("_task=settings&_action=save-identity&_iid=1&_email=x@y.example"))).await;
        barred("a filter", &fetch("./", Some("_task=settings&_action=plugin.managesieve-save&_framed=1&_name=x"))).await;
        barred("the address book", &fetch("./?_task=addressbook&_action=export&_source=0&_token=", None)).await;
        barred("all messages", &fetch("./?_task=mail&_action=plugin.zipdownload.messages", Some("_uid=*&_mbox=INBOX&_mode=mbox"))).await;
        assert_eq!(stack.accepted_from(&writer.address()), [], "nothing has left");

        let cleared = gateway.command(&["flag", "clear", &code]);
        assert!(cleared.status.success(), "{}", String::from_utf8_lossy(&cleared.stderr));
        click_send(browser).await;
        sent_and_back_at_the_list(browser).await;
        let mail = until("the message arrives", 20, async || {
            stack.inbox(&reader).into_iter().find(|mail| mail.contains("Subject: From a journey"))
        })
        .await;
        assert!(mail.contains("A text of an hour's work.") && mail.contains("timetable.txt"), "{mail}");
    })
    .await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 1, "and it was sent once");
}

/// The sign-in page and all its files, fetched anew each time: through Mailward, which adds TLS, it must come no later
/// than from the web server alone, but for what a machine under load makes of either.
#[tokio::test]
async fn assets_come_no_slower_through_mailward() {
    const VISITS: usize = 7;
    let stack = Stack::shared();
    let gateway = Gateway::start(stack.web(), &Settings::new()).await;
    let alone = format!("http://{}/", stack.web());
    let (mut without, mut with) = (Vec::new(), Vec::new());
    Browser::visit("assets", async |browser| {
        browser.keep_no_files().await;
        // The first visit of each warms PHP and opens connections.
        for visit in 0..=VISITS {
            for (url, times) in [(alone.as_str(), &mut without), (&gateway.url(), &mut with)] {
                browser.open(url).await;
                browser.wait_for("performance.getEntriesByType('navigation')[0].loadEventEnd > 0").await;
                let files = browser.script("return performance.getEntriesByType('resource').length").await;
                assert!(files.as_u64().is_some_and(|files| files >= 8), "{files} files");
                let loaded = browser.script("return performance.getEntriesByType('navigation')[0].loadEventEnd").await;
                if visit > 0 {
                    times.push(loaded.as_f64().expect("milliseconds"));
                }
            }
        }
    })
    .await;
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (without, with) = (median(&mut without), median(&mut with));
    println!("the sign-in page with all its files: {without:.0} ms alone, {with:.0} ms through Mailward");
    assert!(with <= without * 1.25 + 50.0, "{with:.0} ms through Mailward, {without:.0} ms alone");
}
