//! The second proof in Chromium, on a real Roundcube: set up at home, asked for on a journey, and in the middle of writing.

use totp_rs::{Builder, Secret};

use crate::browser::Browser;
use crate::browser_roundcube::{AT_REST, click_send, open_compose, sent_and_back_at_the_list, write};
use crate::stack::{Gateway, Person, Roundcube, Settings, Stack, until};

/// An address of an American provider, and one of a German.
const ABROAD: &str = "12.0.1.28";
const AT_HOME: &str = "79.192.0.9";

/// Campus is where the tests run; what comes from elsewhere says so as a proxy would.
fn settings(more: &str) -> Settings {
    Settings {
        listen: "forwarded_from = [\"127.0.0.0/8\"]".to_owned(),
        sections: format!(
            "[networks]\ncampus = [\"127.0.0.0/8\"]\ncampus_country = \"DE\"\n\
             [risk]\nweights = {{ impossible_travel = 0 }}\n{more}"
        ),
        ..Settings::new()
    }
}

/// Signs in at home so often that the account has a habit.
async fn with_habit(gateway: &Gateway, person: &Person) {
    for _ in 0..3 {
        Roundcube::sign_in(gateway.client(), person).await.expect("the password is right");
    }
}

async fn fill_in_the_sign_in(browser: &Browser, person: &Person) {
    browser.type_into("#rcmloginuser", &person.name).await;
    browser.type_into("#rcmloginpwd", &person.password).await;
    browser.click("#rcmloginsubmit").await;
}

async fn in_the_inbox(browser: &Browser) {
    browser.wait_for(&format!("{AT_REST} && rcmail.env.task === 'mail' && rcmail.message_list")).await;
}

/// The code that an app shows so many half minutes from now.
fn code_of(secret: &[u8; 20], steps_ahead: u64) -> String {
    let seconds = mailward::clock::Clock::system().now().as_millis() / 1_000;
    let totp = Builder::new().with_secret(Secret::new_stack(*secret)).build().expect("a secret of the usual length");
    totp.generate(seconds + 30 * steps_ahead).to_string()
}

/// Sets up an app on campus and signs in from home; returns what the app knows.
async fn at_home_with_an_app(browser: &mut Browser, gateway: &Gateway, person: &Person) -> [u8; 20] {
    browser.open(&gateway.url()).await;
    fill_in_the_sign_in(browser, person).await;
    in_the_inbox(browser).await;
    let secret = set_up_an_app(browser, gateway, None).await;
    browser.forget_cookies().await;
    // What is known of campus is too little to tell it from elsewhere.
    browser.come_from(AT_HOME).await;
    browser.open(&gateway.url()).await;
    fill_in_the_sign_in(browser, person).await;
    in_the_inbox(browser).await;
    secret
}

/// Adds an app on the person's own page, as a person who types the key does; returns what the app now knows.
async fn set_up_an_app(browser: &mut Browser, gateway: &Gateway, pictures: Option<&str>) -> [u8; 20] {
    browser.open(&format!("{}.mailward/account", gateway.url())).await;
    browser.wait_for("document.querySelector('h1')").await;
    if let Some(name) = pictures {
        browser.portraits(&format!("{name}-account-empty")).await;
    }
    browser.click("form:has(input[value=add-app]) button").await;
    browser.wait_for("document.querySelector('.picture svg')").await;
    if let Some(name) = pictures {
        browser.portraits(&format!("{name}-add-app")).await;
    }
    let spelled = browser.script("return document.querySelector('code').innerText").await;
    let spelled = spelled.as_str().expect("a key").replace(' ', "");
    let secret: [u8; 20] =
        data_encoding::BASE32_NOPAD.decode(spelled.as_bytes()).expect("base 32").try_into().expect("20 bytes");
    browser.type_into("#code", &code_of(&secret, 0)).await;
    browser.click("form button").await;
    browser.wait_for("document.querySelectorAll('.codes li').length === 10").await;
    if let Some(name) = pictures {
        browser.portraits(&format!("{name}-codes")).await;
    }
    browser.click("a.button").await;
    browser.wait_for("document.querySelector('.list li form')").await;
    if let Some(name) = pictures {
        browser.portraits(&format!("{name}-account")).await;
    }
    secret
}

#[tokio::test]
async fn a_journey_costs_a_code_from_the_app_and_then_the_inbox_is_there() {
    let stack = Stack::shared();
    let person = stack.account();
    let gateway = Gateway::start(stack.web(), &settings("")).await;
    with_habit(&gateway, &person).await;
    Browser::visit("challenge-totp", async |browser| {
        browser.open(&gateway.url()).await;
        fill_in_the_sign_in(browser, &person).await;
        in_the_inbox(browser).await;
        let secret = set_up_an_app(browser, &gateway, Some("challenge")).await;
        browser.forget_cookies().await;

        browser.come_from(ABROAD).await;
        browser.open(&gateway.url()).await;
        fill_in_the_sign_in(browser, &person).await;
        browser.wait_for("location.pathname === '/.mailward/challenge' && document.querySelector('#code')").await;
        browser.portraits("challenge-ask").await;
        browser.type_into("#code", "000000").await;
        browser.click("form button").await;
        browser.wait_for("document.querySelector('#notice')").await;
        browser.portraits("challenge-wrong").await;
        browser.type_into("#code", &code_of(&secret, 1)).await;
        browser.click("#remember").await;
        browser.click("form button").await;
        in_the_inbox(browser).await;
        assert!(
            browser.console_errors().await.iter().all(|error| !error.contains("/.mailward/") || error.contains("422"))
        );
    })
    .await;
    assert_eq!(gateway.event("challenge_passed").await["factor"], "totp");
    let failed = gateway.event("challenge_failed").await;
    assert!(!failed.to_string().contains("000000"), "no code is written down: {failed}");
}

#[tokio::test]
async fn a_passkey_opens_with_one_touch() {
    let stack = Stack::shared();
    let person = stack.account();
    let gateway = Gateway::start(stack.web(), &settings("")).await;
    with_habit(&gateway, &person).await;
    Browser::visit("challenge-passkey", async |browser| {
        browser.open(&gateway.url()).await;
        browser.have_passkeys().await;
        fill_in_the_sign_in(browser, &person).await;
        in_the_inbox(browser).await;
        browser.open(&format!("{}.mailward/account", gateway.url())).await;
        browser.click("form:has(input[value=add-passkey]) button").await;
        browser.wait_for("document.querySelector('form[data-passkey]')").await;
        browser.portraits("challenge-add-passkey").await;
        browser.click("form button").await;
        browser.wait_for("document.querySelectorAll('.codes li').length === 10").await;
        browser.forget_cookies().await;

        browser.come_from(ABROAD).await;
        browser.open(&gateway.url()).await;
        fill_in_the_sign_in(browser, &person).await;
        browser.wait_for("document.querySelector('form[data-passkey]')").await;
        browser.portraits("challenge-ask-passkey").await;
        browser.click("form button").await;
        in_the_inbox(browser).await;
    })
    .await;
    assert_eq!(gateway.event("challenge_passed").await["factor"], "passkey");
}

/// While a person writes, somebody uses their session from elsewhere: it becomes risky, and the next send is asked about.
async fn becomes_risky(browser: &Browser, gateway: &Gateway) {
    let mut elsewhere = gateway.client();
    for name in ["roundcube_sessid", "roundcube_sessauth"] {
        elsewhere.set_cookie(name, &browser.cookie(name).await);
    }
    elsewhere.header("x-forwarded-for", ABROAD);
    elsewhere.header("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:152.0) Gecko/20100101 Firefox/152.0");
    let answer = elsewhere.get("/?_task=mail").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

#[tokio::test]
async fn a_message_in_the_middle_of_writing_asks_in_a_dialog_and_is_sent_by_itself_once() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let gateway = Gateway::start(stack.web(), &settings("")).await;
    with_habit(&gateway, &writer).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let timetable = folder.path().join("timetable.txt");
    std::fs::write(&timetable, "Monday 9:00 lecture hall 3\n").expect("a folder of our own");
    Browser::visit("challenge-dialog", async |browser| {
        let secret = at_home_with_an_app(browser, &gateway, &writer).await;
        open_compose(browser).await;
        write(browser, &reader.address(), "Written with care", "A text of an hour's work.", Some(&timetable)).await;
        let fields = "return [$('#_to').val(), $('#compose-subject').val(), $('#composebody').val(),
            Object.keys(rcmail.env.attachments).length]";
        let before = browser.script(fields).await;
        becomes_risky(browser, &gateway).await;

        click_send(browser).await;
        browser.element(".ui-dialog iframe#mailward-proof").await;
        browser.enter_frame("#mailward-proof").await;
        browser.wait_for("document.querySelector('#code')").await;
        browser.leave_frame().await;
        // Roundcube fades the dialog in.
        browser.wait_for("!document.querySelector('.ui-dialog .iframe-loader')").await;
        browser.screenshot("challenge-dialog").await;
        browser.click(".ui-dialog button.cancel").await;
        browser.wait_for("!document.querySelector('#mailward-proof') && !rcmail.busy").await;
        assert_eq!(browser.script(fields).await, before, "cancel leaves everything as it was");
        assert_eq!(stack.accepted_from(&writer.address()), [], "and nothing was sent");

        click_send(browser).await;
        browser.enter_frame("#mailward-proof").await;
        browser.type_into("#code", &code_of(&secret, 1)).await;
        browser.click("form button").await;
        browser.leave_frame().await;
        sent_and_back_at_the_list(browser).await;
        let mail = until("the message arrives", 20, async || {
            stack.inbox(&reader).into_iter().find(|mail| mail.contains("Subject: Written with care"))
        })
        .await;
        assert!(mail.contains("A text of an hour's work.") && mail.contains("timetable.txt"), "{mail}");
    })
    .await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 1, "once");
}

/// Something in between forbids frames: the whole page goes, and what was written comes back by itself.
#[tokio::test]
async fn where_frames_are_forbidden_the_whole_page_asks_and_the_text_comes_back() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let gateway = Gateway::start(stack.web(), &settings("")).await;
    with_habit(&gateway, &writer).await;
    Browser::visit("challenge-whole-page", async |browser| {
        let secret = at_home_with_an_app(browser, &gateway, &writer).await;
        open_compose(browser).await;
        write(browser, &reader.address(), "Written with care", "A text of an hour's work.", None).await;
        browser
            .script(
                "new MutationObserver(() => { const frame = document.getElementById('mailward-proof');
                 if (frame && frame.src !== 'about:blank') frame.src = 'about:blank'; })
                 .observe(document.body, { childList: true, subtree: true })",
            )
            .await;
        becomes_risky(browser, &gateway).await;
        click_send(browser).await;
        browser.wait_for("location.pathname === '/.mailward/challenge' && document.querySelector('#code')").await;
        browser.type_into("#code", &code_of(&secret, 1)).await;
        browser.click("form button").await;
        browser.wait_for(&format!("{AT_REST} && rcmail.env.action === 'compose' && rcmail.env.compose_id")).await;
        browser.wait_for("$('#composebody').val().includes('an hour')").await;
        click_send(browser).await;
        sent_and_back_at_the_list(browser).await;
        until("the message arrives", 20, async || {
            stack.inbox(&reader).into_iter().find(|mail| mail.contains("A text of an hour's work."))
        })
        .await;
    })
    .await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 1, "once");
}

/// Every page in every language, from right to left where it is written so; and without a script everything but passkeys.
#[tokio::test]
async fn every_language_is_spoken_and_no_script_is_needed() {
    let stack = Stack::shared();
    let person = stack.account();
    let gateway =
        Gateway::start(stack.web(), &settings("[pages]\nname = \"Example University\"\ncolour = \"#7a0019\"")).await;
    with_habit(&gateway, &person).await;
    Browser::visit("challenge-languages", async |browser| {
        browser.open(&gateway.url()).await;
        fill_in_the_sign_in(browser, &person).await;
        in_the_inbox(browser).await;
        let account = format!("{}.mailward/account", gateway.url());
        for (language, direction, heading) in [
            ("en", "ltr", "Your account"),
            ("ru", "ltr", "Ваша учётная запись"),
            ("de", "ltr", "Ihr Konto"),
            ("fr", "ltr", "Votre compte"),
            ("es", "ltr", "Su cuenta"),
            ("zh", "ltr", "您的账户"),
            ("ar", "rtl", "حسابك"),
        ] {
            browser.speak(language).await;
            browser.open(&account).await;
            let seen = browser
                .script("return [document.documentElement.lang, getComputedStyle(document.body).direction, document.querySelector('h1').innerText]")
                .await;
            assert_eq!(seen, serde_json::json!([language, direction, heading]));
            browser.portraits(&format!("challenge-account-{language}")).await;
        }
        // A computed colour: the operator's.
        let button = browser.script("return getComputedStyle(document.querySelector('.button')).color").await;
        assert_eq!(button, "rgb(122, 0, 25)");

        browser.come_from("127.0.0.1").await;
        let secret = set_up_an_app(browser, &gateway, None).await;
        browser.forget_cookies().await;
        browser.come_from(ABROAD).await;
        browser.open(&gateway.url()).await;
        fill_in_the_sign_in(browser, &person).await;
        browser.wait_for("location.pathname === '/.mailward/challenge'").await;
        browser.run_no_scripts().await;
        browser.type_into("#code", "000000").await;
        browser.click("form button").await;
        browser.element("#notice").await;
        browser.type_into("#code", &code_of(&secret, 1)).await;
        browser.click("form button").await;
        until("the inbox's own page", 20, async || {
            browser.source().await.contains("task-mail").then_some(())
        })
        .await;
    })
    .await;
}

/// The time for a bad password is over: the session reads, changes it on Roundcube's own page, and can do everything then.
#[tokio::test]
async fn a_bad_password_is_changed_on_roundcubes_own_page_and_then_the_message_leaves() {
    let stack = Stack::shared();
    let (writer, reader) = (stack.account(), stack.account());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let leaked = leaked(folder.path(), &writer.password);
    let sections = format!("[passwords]\nbreached = {leaked:?}\nask_to_change = [\"breached\"]\ngrace = \"0s\"");
    let gateway = Gateway::start(stack.web(), &settings(&sections)).await;
    Browser::visit("challenge-password", async |browser| {
        browser.open(&gateway.url()).await;
        browser.speak("de").await;
        fill_in_the_sign_in(browser, &writer).await;
        browser.wait_for("location.pathname === '/.mailward/password'").await;
        browser.click("a.beside").await;
        in_the_inbox(browser).await;
        open_compose(browser).await;
        write(browser, &reader.address(), "Mit Sorgfalt geschrieben", "Ein Text von einer Stunde.", None).await;
        click_send(browser).await;
        browser.wait_for("$('#messagestack').text().includes('in den Einstellungen')").await;
        assert_eq!(browser.script("return $('#composebody').val()").await, "Ein Text von einer Stunde.");
        assert_eq!(stack.accepted_from(&writer.address()), [], "nothing was sent");

        // What was written is a draft by then, or in the browser; the page for passwords is opened beside it.
        browser.script("rcmail.compose_skip_unsavedcheck = true; return true").await;
        browser.open(&format!("{}.mailward/password", gateway.url())).await;
        browser.click("a.button").await;
        // This Roundcube is configured not to ask for the old one.
        for field in ["_newpasswd", "_confpasswd"] {
            browser.type_into(&format!("input[name={field}]"), NEW_PASSWORD).await;
        }
        browser.script("rcmail.command('plugin.password-save'); return true").await;
        until("the password is changed", 20, async || {
            (!gateway.events_of("password_changed").is_empty()).then_some(())
        })
        .await;
        browser.open(&format!("{}?_task=mail", gateway.url())).await;
        in_the_inbox(browser).await;
        open_compose(browser).await;
        write(browser, &reader.address(), "Mit Sorgfalt geschrieben", "Ein Text von einer Stunde.", None).await;
        click_send(browser).await;
        sent_and_back_at_the_list(browser).await;
    })
    .await;
    assert_eq!(stack.accepted_from(&writer.address()).len(), 1);
    let good = Person { password: NEW_PASSWORD.to_owned(), ..writer.clone() };
    assert!(Roundcube::sign_in(gateway.client(), &good).await.is_ok(), "and with a good one nobody is asked");
}

const NEW_PASSWORD: &str = "vO8!rail-Kelp.umbra";

/// A file of leaked passwords with this one in it.
fn leaked(folder: &std::path::Path, password: &str) -> std::path::PathBuf {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let (list, filter) = (folder.join("list"), folder.join("breached"));
    std::fs::write(&list, format!("{}:9\n", data_encoding::HEXUPPER.encode(hash.as_ref())))
        .expect("a folder of our own");
    let made = std::process::Command::new(crate::stack::binary())
        .args(["breach", "build", "--out"])
        .arg(&filter)
        .stdin(std::fs::File::open(&list).expect("it was just written"))
        .output()
        .expect("the binary was built with the tests");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    filter
}
