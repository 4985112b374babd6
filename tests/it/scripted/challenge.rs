//! The second proof on the running gateway: what a challenged session reaches, who may answer a challenge, and what a
//! right answer opens.

use http::{Method, StatusCode, header};

use super::risk::{AMERICAN, CHROME, FIREFOX, at, event, restricted, start, with_habit};
use super::upstream::Upstream;
use super::{SEND, says_sent, send, sending, sign_in};
use crate::stack::{Answer, Client, Gateway};

const CHALLENGE: &str = "/.mailward/challenge";

/// What an operator reads out to the person.
pub fn helpdesk_code(gateway: &Gateway, name: &str) -> String {
    let made = gateway.command(&["account", "helpdesk-code", name]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    said.split(": ").nth(1).and_then(|rest| rest.split(',').next()).expect("a code").to_owned()
}

/// The value of a hidden field.
pub fn field(page: &str, name: &str) -> String {
    let start =
        page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    start.split('"').next().expect("a value ends").to_owned()
}

/// Answers a page that asks, as a browser does.
pub async fn answer(client: &mut Client, page: &Answer, code: &str, more: &[(&str, &str)]) -> Answer {
    let text = page.text();
    let (challenge, back) = (field(&text, "challenge"), field(&text, "back").replace("&#38;", "&"));
    let held = if text.contains("name=\"held\"") { field(&text, "held") } else { String::new() };
    let mut fields =
        vec![("challenge", challenge.as_str()), ("back", back.as_str()), ("held", held.as_str()), ("code", code)];
    fields.extend_from_slice(more);
    client.header("sec-fetch-site", "same-origin");
    let answer = client.post(CHALLENGE, &fields).await;
    client.header("sec-fetch-site", "none");
    answer
}

/// A session from abroad of an account that has a helpdesk code: challenged.
async fn challenged(gateway: &Gateway, name: &str) -> (Client, String) {
    with_habit(gateway, name).await;
    let code = helpdesk_code(gateway, name);
    let mut abroad = at(gateway, AMERICAN, CHROME);
    assert_eq!(sign_in(&mut abroad, name, "right").await.status, 302);
    (abroad, code)
}

async fn with_challenge(sections: &str) -> (Upstream, Gateway) {
    start(sections).await
}

#[tokio::test]
async fn a_risky_sign_in_meets_the_page_first_and_goes_on_where_it_wanted_to() {
    let (upstream, gateway) = with_challenge("").await;
    let (mut abroad, code) = challenged(&gateway, "alice").await;
    upstream.forget();
    let wanted = "/?_task=mail&_token=t";
    let moved = abroad.get(wanted).await;
    assert_eq!(
        (moved.status, moved.location()),
        (StatusCode::SEE_OTHER, "/.mailward/challenge?back=%2F%3F_task%3Dmail%26_token%3Dt")
    );
    let page = abroad.get(moved.location()).await;
    assert_eq!(page.status, 200);
    let flagged = event(&gateway, "flag_raised", "alice").await;
    let reference = flagged["reference"].as_str().expect("a code");
    assert!(page.text().contains(reference), "the reference code stands on the page: {}", page.text());
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    let wrong = answer(&mut abroad, &page, "0000 0000", &[]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("not right"), "{}", wrong.text());
    let right = answer(&mut abroad, &wrong, &code, &[("remember", "1")]).await;
    assert_eq!((right.status, right.location()), (StatusCode::SEE_OTHER, wanted));
    assert_eq!(upstream.seen().len(), 0, "nothing reached the webmail before the proof");
    assert_eq!(abroad.get(wanted).await.status, 200);
    assert!(says_sent(&send(&mut abroad, "from a journey").await));
    assert_eq!(event(&gateway, "challenge_passed", "alice").await["factor"], "helpdesk_code");

    let shown = gateway.command(&["flag", "show", reference]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("proved with: helpdesk_code"));
    let mut again = at(&gateway, AMERICAN, CHROME);
    again.set_cookie("__Host-mailward_device", abroad.cookie("__Host-mailward_device").expect("a device cookie"));
    sign_in(&mut again, "alice", "right").await;
    assert!(says_sent(&send(&mut again, "again").await), "the country is usual now, and the browser known");
}

#[tokio::test]
async fn a_challenged_session_reaches_nothing_but_the_challenge_and_files() {
    let (upstream, gateway) = with_challenge("").await;
    let (thief, _) = challenged(&gateway, "alice").await;
    reaches_nothing(&mut [thief], &upstream).await;
}

#[tokio::test]
async fn nor_does_it_on_either_of_two_gateways() {
    let pair = super::campus::pair(None).await;
    let (thief, _) = challenged(&pair.near, "alice").await;
    let there = at(&pair.far, AMERICAN, CHROME).with_cookies_of(&thief);
    reaches_nothing(&mut [thief, there], &pair.shared.upstream).await;
}

/// A SquirrelMail as far as a challenged session could tell: everybody is signed in, and every page is a page.
fn squirrelmail(request: &super::upstream::Received) -> super::upstream::Reply {
    use super::upstream::Reply;
    if request.target.starts_with("/src/redirect.php") {
        let id = request.connection;
        let cookies = format!(
            "Set-Cookie: SQMSESSID=sid{id:023}; path=/; HttpOnly\r\nSet-Cookie: key=a2V5; path=/; HttpOnly\r\n"
        );
        return Reply::status("302 Found", &format!("Location: webmail.php\r\n{cookies}"), "");
    }
    Reply::page("<html><head><title>SquirrelMail</title></head><body>a page</body></html>")
}

#[tokio::test]
async fn nor_does_a_challenged_session_of_squirrelmail_on_either_of_two_gateways() {
    let upstream = Upstream::start(squirrelmail).await;
    let pair = super::campus::pair(Some(("squirrelmail", upstream.address()))).await;
    for _ in 0..4 {
        let mut home = at(&pair.near, super::risk::GERMAN, FIREFOX);
        assert_eq!(super::squirrelmail::sign_in(&mut home, "alice", "right").await.status, 302);
    }
    helpdesk_code(&pair.near, "alice");
    let mut thief = at(&pair.near, AMERICAN, CHROME);
    assert_eq!(super::squirrelmail::sign_in(&mut thief, "alice", "right").await.status, 302);
    let there = at(&pair.far, AMERICAN, CHROME).with_cookies_of(&thief);
    upstream.forget();
    const SCRIPTS: &str = "about addrbook_popup addrbook_search addrbook_search_html addressbook compose delete_message \
        download empty_trash folders folders_create folders_delete folders_rename_do folders_rename_getname \
        folders_subscribe help image left_main mailto move_messages options options_highlight options_identities \
        options_order printer_friendly_main printer_friendly_top printer_friendly_bottom read_body right_main search \
        signout squirrelmail_rpc style vcard view_header view_html view_text webmail";
    const PLUGINS: &str = "calendar/calendar filters/options filters/spamoptions mail_fetch/options mail_fetch/fetch \
        spamcop/spamcop translate/options info/options newmail/newmail newmail/newmail_opt \
        squirrelspell/sqspell_interface listcommands/mailout bug_report/bug_report \
        message_details/message_details_main";
    let scripts = SCRIPTS.split_whitespace().map(|script| format!("/src/{script}.php"));
    let plugins = PLUGINS.split_whitespace().map(|page| format!("/plugins/{page}.php"));
    let mut paths: Vec<String> = scripts.chain(plugins).collect();
    paths.extend(
        ["/", "/index.php", "/src/", "/src/index.php", "/src//compose.php", "/src/%63ompose.php"].map(str::to_owned),
    );
    let queries = ["", "?mailbox=INBOX&passed_id=8&startMessage=1&sendreceipt=1", "?smaction=reply&passed_id=1"];
    let bodies = [
        "send=Send&send_to=bob%40campus.example&subject=spam&body=x",
        "draft=Save&send_to=bob",
        "optpage=personal&optmode=submit&new_reply_to=x%40y.example",
        "action=add&filter_what=From",
    ];
    for mut thief in [thief, there] {
        for path in &paths {
            for dest in ["document", "frame", "empty", "image"] {
                let with = |mut request: http::Request<http_body_util::Full<bytes::Bytes>>| {
                    request.headers_mut().insert("sec-fetch-dest", dest.parse().expect("a header value"));
                    request
                };
                for query in queries {
                    for method in [Method::GET, Method::HEAD] {
                        let asks = with(thief.request(method, &format!("{path}{query}"), bytes::Bytes::new()));
                        let answer = thief.send(asks).await;
                        assert!(!answer.text().contains("a page"), "{path}{query}: {}", answer.status);
                    }
                }
                for body in bodies {
                    let posted = with(super::posting(&thief, path, super::URLENCODED, body));
                    let answer = thief.send(posted).await;
                    assert!(!answer.text().contains("a page"), "{path} {body}: {}", answer.status);
                }
            }
        }
    }
    let reached: Vec<String> = upstream.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert!(reached.is_empty(), "{reached:#?}");
}

/// Asks for everything that webmail-wire names, of each of these clients of one challenged session.
async fn reaches_nothing(thieves: &mut [Client], upstream: &Upstream) {
    upstream.forget();
    let ajax = [("x-requested-with", "XMLHttpRequest"), ("x-roundcube-request", "t"), ("sec-fetch-dest", "empty")];
    let frame = [("sec-fetch-dest", "iframe")];
    let page = [("sec-fetch-dest", "document")];
    let shapes: [&[(&'static str, &str)]; 4] = [&[], &ajax, &frame, &page];
    // Every address and body that webmail-wire names, by each method, whatever waits for the answer.
    let queries = [
        "",
        "?_task=mail",
        "?_task=mail&_action=list&_mbox=INBOX&_remote=1&_unlock=loading1",
        "?_task=mail&_action=show&_uid=1&_mbox=INBOX",
        "?_task=mail&_uid=8&_mbox=INBOX&_framed=1&_action=preview",
        "?_task=mail&_action=get&_uid=1&_part=2&_mbox=INBOX&_download=1",
        "?_task=mail&_action=viewsource&_uid=1&_save=1&_token=t",
        "?_task=mail&_action=compose",
        "?_task=mail&_action=compose&_id=1",
        "?_task=mail&_action=keep-alive&_remote=1&_unlock=0",
        "?_task=mail&_action=refresh&_remote=1",
        "?_task=mail&_action=getunread&_remote=1",
        "?_task=mail&_action=search&_q=x&_remote=1",
        "?_task=mail&_action=autocomplete&_search=a&_remote=1",
        "?_task=mail&_action=sendmdn",
        "?_task=mail&_action=bounce&_uid=1",
        "?_task=mail&_remote=1&_from=compose&_id=1&_uploadid=upload1&_action=upload",
        "?_task=mail&_action=plugin.zipdownload.messages",
        "?_task=mail&_action=plugin.surprise",
        "?_task=addressbook",
        "?_task=addressbook&_action=export&_source=0&_token=t",
        "?_task=addressbook&_action=photo&_email=a",
        "?_task=addressbook&_action=list&_remote=1",
        "?_task=settings",
        "?_task=settings&_action=save-identity",
        "?_task=settings&_action=plugin.managesieve-save",
        "?_task=settings&_action=plugin.managesieve-forward",
        "?_task=settings&_action=plugin.password-save",
        "?_task=settings&_action=save-prefs",
        "?_task=settings&_action=folders",
        "?_task=logout&_token=t",
        "?_task=utils&_action=modcss",
        "?_task=dummy",
        "index.php?_task=mail",
        "index.php/x?_task=mail",
    ];
    let bodies = [
        "",
        "_task=mail&_action=send&_id=1&_to=bob%40campus.example&_subject=spam&_draft=",
        "_task=mail&_action=bounce&_to=a%40b.example",
        "_task=mail&_action=send&_draft=1&_to=a",
        "_remote=1&_mbox=INBOX&_unlock=loading1",
        "_task=settings&_action=save-identity&_iid=1&_email=x%40y.example",
        "_task=logout",
        "_uid=8&_mbox=INBOX&_remote=1",
    ];
    let mut asked = 0;
    for (thief, query) in thieves.iter_mut().flat_map(|thief| queries.map(|query| (thief.clone(), query))) {
        let mut thief = thief;
        for headers in shapes {
            let with = |mut request: http::Request<http_body_util::Full<bytes::Bytes>>| {
                for (name, value) in headers {
                    request.headers_mut().insert(*name, value.parse().expect("a header value"));
                }
                request
            };
            for method in [Method::GET, Method::HEAD] {
                let request = with(thief.request(method, &format!("/{query}"), bytes::Bytes::new()));
                check(&thief.send(request).await, query);
                asked += 1;
            }
            for body in bodies {
                let request = with(super::posting(&thief, &format!("/{query}"), super::URLENCODED, body));
                check(&thief.send(request).await, query);
                asked += 1;
            }
        }
    }
    let reached: Vec<String> =
        upstream.seen().iter().map(|seen| format!("{} {} {}", seen.method, seen.target, seen.text())).collect();
    assert!(reached.is_empty(), "of {asked} requests: {reached:#?}");
    for thief in thieves.iter_mut() {
        assert_eq!(thief.get("/skins/elastic/images/logo.svg").await.status, 200, "files are for everybody");
    }
    assert_eq!(upstream.seen().len(), thieves.len());
}

/// Sets an app up on campus, as a person does who types its key; returns what the app then knows.
async fn with_app(gateway: &Gateway, name: &str) -> [u8; 20] {
    const ACCOUNT: &str = "/.mailward/account";
    let mut campus = at(gateway, "192.0.2.7", FIREFOX);
    assert_eq!(sign_in(&mut campus, name, "right").await.status, 302);
    campus.header("sec-fetch-site", "same-origin");
    let shown = campus.post(ACCOUNT, &[("do", "add-app")]).await.text();
    let spelled = shown.split("<code dir=\"ltr\">").nth(1).and_then(|rest| rest.split('<').next()).expect("a key");
    let secret = data_encoding::BASE32_NOPAD.decode(spelled.replace(' ', "").as_bytes()).expect("base 32");
    let secret: [u8; 20] = secret.try_into().expect("20 bytes");
    let (number, code) = (field(&shown, "number"), app_code(&secret, 0));
    let done = campus.post(ACCOUNT, &[("do", "confirm-app"), ("number", &number), ("code", &code)]).await;
    assert!(done.text().contains("<code>"), "{}", done.text());
    secret
}

/// What an app shows so many half minutes from now.
fn app_code(secret: &[u8; 20], steps_ahead: u64) -> String {
    let seconds = mailward::clock::Clock::system().now().as_millis() / 1_000;
    let secret = totp_rs::Secret::new_stack(*secret);
    let totp = totp_rs::Builder::new().with_secret(secret).build().expect("a secret of the usual length");
    totp.generate(seconds + 30 * steps_ahead).to_string()
}

#[tokio::test]
async fn what_came_to_restrict_reads_after_an_apps_code_and_is_opened_by_the_helpdesk() {
    let (_upstream, gateway) = with_challenge("[risk]\nrestrict = 51").await;
    with_habit(&gateway, "alice").await;
    let secret = with_app(&gateway, "alice").await;
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    assert_eq!(event(&gateway, "flag_raised", "alice").await["verdict"], "restrict");
    assert!(abroad.get("/?_task=mail").await.location().starts_with(CHALLENGE), "not even reading before a proof");
    let page = abroad.get(&format!("{CHALLENGE}?with=totp")).await;
    let proved = answer(&mut abroad, &page, &app_code(&secret, 1), &[("remember", "1")]).await;
    assert_eq!(proved.status, 200);
    assert!(proved.text().contains("You can read your mail"), "{}", proved.text());
    assert_eq!(abroad.get("/?_task=mail").await.status, 200, "it reads");
    assert!(restricted(&send(&mut abroad, "x").await), "and does not send");
    let status = |status: &str| {
        let listed = gateway.command(&["flag", "list", "--status", status]);
        String::from_utf8_lossy(&listed.stdout).contains("alice")
    };
    assert!(status("open") && !status("passed"), "the flag is for somebody to decide");
    // An app's code is no more than it was: only what opens such a session is offered.
    let page = abroad.get(&format!("{CHALLENGE}?with=totp")).await;
    assert!(!page.text().contains("Code from your app") && page.text().contains("Helpdesk code"), "{}", page.text());
    let code = helpdesk_code(&gateway, "alice");
    assert_eq!(answer(&mut abroad, &page, &code, &[]).await.status, StatusCode::SEE_OTHER);
    assert!(says_sent(&send(&mut abroad, "x").await));
    assert!(status("passed") && !status("open"));
}

/// Neither the webmail's answer nor one that a client of Roundcube's takes for a reason to reload.
fn check(answer: &Answer, query: &str) {
    let text = answer.text();
    assert!(!text.contains("task-mail") && !says_sent(answer), "{query}: {} {text}", answer.status);
    let is_ajax =
        answer.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_ajax {
        assert_eq!(answer.status, 200, "{query}: JSON in any other status is not read");
        let not_understood = text.contains("not what a browser sends");
        assert!(
            text.is_empty() || not_understood || (text.contains("session_error(") && text.contains(CHALLENGE)),
            "{query}: {text}"
        );
    }
    assert!(
        !answer.status.is_redirection() || answer.location().starts_with(CHALLENGE),
        "{query}: {}",
        answer.location()
    );
}

#[tokio::test]
async fn a_challenge_is_answered_once_by_its_own_session_from_its_own_page() {
    let (_upstream, gateway) = with_challenge("").await;
    let (mut alice, code) = challenged(&gateway, "alice").await;
    let (mut bob, bobs) = challenged(&gateway, "bob").await;
    let page = alice.get(CHALLENGE).await;
    let number = field(&page.text(), "challenge");
    let post = async |client: &mut Client, headers: &[(&'static str, &str)], fields: &[(&str, &str)]| {
        let mut request = super::posting(client, CHALLENGE, super::URLENCODED, crate::stack::form(fields));
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        client.send(request).await
    };
    let right = [("challenge", number.as_str()), ("code", code.as_str())];

    // Another site's page cannot post it, nor one that says nothing of where it is.
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    ] {
        let answer = post(&mut alice, headers, &right).await;
        assert_eq!(answer.status, 400, "{headers:?}");
    }
    let own = [("sec-fetch-site", "same-origin")];
    // Another account's session cannot answer it, not even with the right code; and then nobody can.
    assert_eq!(post(&mut bob, &own, &right).await.status, 409);
    assert_eq!(post(&mut alice, &own, &right).await.status, 409, "taken");
    // A number of nobody's making, and none.
    for number in ["", "00", &"0".repeat(32), &"g".repeat(32), &number.to_uppercase()] {
        assert_eq!(post(&mut alice, &own, &[("challenge", number), ("code", &code)]).await.status, 409, "{number}");
    }
    // One account's code opens no other.
    let page = bob.get(CHALLENGE).await;
    let answered = answer(&mut bob, &page, &code, &[]).await;
    assert_eq!(answered.status, 422);
    // Somewhere else is no place to go on to.
    for back in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "/%5cevil.example", "/.mailward/sign-out"]
    {
        let asked = format!("{CHALLENGE}?{}", crate::stack::form(&[("back", back)]));
        assert_eq!(field(&bob.get(&asked).await.text(), "back"), "/", "{back}");
    }
    let number = field(&answered.text(), "challenge");
    let there = [("challenge", number.as_str()), ("code", bobs.as_str()), ("back", "//evil.example")];
    let answered = post(&mut bob, &own, &there).await;
    assert_eq!((answered.status, answered.location()), (StatusCode::SEE_OTHER, "/"));
    // Replayed, it changes nothing; and in two tabs the later one finds the work done.
    assert_eq!(post(&mut bob, &own, &there).await.status, StatusCode::SEE_OTHER);
    assert!(says_sent(&send(&mut bob, "mine").await));
    assert!(!says_sent(&send(&mut alice, "not yet").await));
}

#[tokio::test]
async fn of_many_answers_at_once_with_one_code_one_is_right() {
    let (_upstream, gateway) = with_challenge("").await;
    with_habit(&gateway, "alice").await;
    let code = helpdesk_code(&gateway, "alice");
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let mut abroad = at(&gateway, AMERICAN, CHROME);
        sign_in(&mut abroad, "alice", "right").await;
        let page = abroad.get(CHALLENGE).await;
        sessions.push((abroad, page));
    }
    let answers = sessions.iter_mut().map(|(client, page)| answer(client, page, &code, &[]));
    let answers = futures_util::future::join_all(answers).await;
    let right = answers.iter().filter(|answer| answer.status == StatusCode::SEE_OTHER).count();
    assert_eq!(right, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
}

#[tokio::test]
async fn guessing_is_stopped_without_stopping_other_proofs_or_the_person_at_home() {
    let (_upstream, gateway) = with_challenge("[challenge]\nwrong_codes_per_account_and_prefix = \"3/15m\"").await;
    let (mut thief, code) = challenged(&gateway, "alice").await;
    let mut page = thief.get(CHALLENGE).await;
    for _ in 0..3 {
        page = answer(&mut thief, &page, "11111111", &[]).await;
        assert_eq!(page.status, 422);
    }
    let stopped = answer(&mut thief, &page, &code, &[]).await;
    assert_eq!(stopped.status, 429, "even the right one is not looked at");
    assert!(stopped.text().contains("15 minutes"), "{}", stopped.text());
    let refused = event(&gateway, "challenge_refused", "alice").await;
    assert_eq!(refused["stopped_by"], "wrong_codes_per_account_and_prefix 3/15m");
    let mut elsewhere = at(&gateway, "12.0.7.7", FIREFOX);
    sign_in(&mut elsewhere, "alice", "right").await;
    let page = elsewhere.get(CHALLENGE).await;
    assert_eq!(
        answer(&mut elsewhere, &page, &code, &[]).await.status,
        StatusCode::SEE_OTHER,
        "the owner from another network"
    );
}

#[tokio::test]
async fn a_person_without_any_factor_reads_and_opens_the_session_with_the_helpdesk() {
    let (_upstream, gateway) = with_challenge("").await;
    with_habit(&gateway, "alice").await;
    let mut abroad = at(&gateway, AMERICAN, CHROME);
    sign_in(&mut abroad, "alice", "right").await;
    assert_eq!(abroad.get("/?_task=mail").await.status, 200, "it reads");
    assert!(restricted(&send(&mut abroad, "x").await));
    let page = abroad.get(CHALLENGE).await;
    let code = helpdesk_code(&gateway, "alice");
    assert_eq!(answer(&mut abroad, &page, &code, &[]).await.status, StatusCode::SEE_OTHER);
    assert!(says_sent(&send(&mut abroad, "x").await));
}

#[tokio::test]
async fn a_send_in_a_session_that_became_risky_is_asked_about_in_the_compose_page() {
    let (upstream, gateway) = with_challenge("").await;
    let alice = with_habit(&gateway, "alice").await;
    helpdesk_code(&gateway, "alice");
    let mut moved = at(&gateway, AMERICAN, CHROME);
    for name in ["roundcube_sessid", "roundcube_sessauth"] {
        moved.set_cookie(name, alice.cookie(name).expect("signed in"));
    }
    upstream.forget();
    let answer = moved.post(SEND, &sending("mine")).await;
    let text = answer.text();
    assert_eq!(answer.status, 429, "no status at which the client reloads");
    for part in [
        "name=\"generator\" content=\"Roundcube\"",
        "iframe_loaded(\"loading1\")",
        "/.mailward/challenge?frame=1",
        "session_error()",
        "_id%3D1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(upstream.seen().is_empty());
    let framed = moved.get("/.mailward/challenge?frame=1").await;
    assert_eq!(framed.headers["x-frame-options"], "SAMEORIGIN");
    let script = moved.get("/.mailward/resume.js").await;
    assert!(script.text().contains("command(\"send\", {})"), "{}", script.text());
}

#[tokio::test]
async fn signing_out_of_a_challenge_ends_the_session() {
    let (_upstream, gateway) = with_challenge("").await;
    let (mut abroad, _) = challenged(&gateway, "alice").await;
    let kept = abroad.cookie("roundcube_sessid").expect("signed in").to_owned();
    assert_eq!(abroad.post("/.mailward/sign-out", &[]).await.status, 400, "not from another site");
    abroad.header("sec-fetch-site", "same-origin");
    let out = abroad.post("/.mailward/sign-out", &[]).await;
    assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(abroad.cookie("roundcube_sessid"), None);
    abroad.set_cookie("roundcube_sessid", &kept);
    assert!(!says_sent(&send(&mut abroad, "x").await));
    assert_eq!(abroad.get(CHALLENGE).await.location(), "/", "nobody's page");
}

#[tokio::test]
async fn while_a_site_only_observes_nobody_is_asked() {
    let (_upstream, gateway) = {
        let upstream = Upstream::start(super::roundcube).await;
        let mut settings = super::risk::settings("");
        settings.top = "mode = \"observe\"".to_owned();
        let gateway = Gateway::start(upstream.address(), &settings).await;
        (upstream, gateway)
    };
    let (mut abroad, _) = challenged(&gateway, "alice").await;
    assert_eq!(abroad.get("/?_task=mail").await.status, 200);
    assert!(says_sent(&send(&mut abroad, "x").await));
}
