use super::super::testing::{Request, header_map, outcome_of, refusal};
use super::*;

const WEBMAIL: &SquirrelMail = &SquirrelMail;

/// The compose form as SquirrelMail's own page posts it, up to the pressed button.
const COMPOSE: &[(&str, &str)] = &[
    ("smtoken", "x"),
    ("startMessage", "1"),
    ("session", "1"),
    ("passed_id", ""),
    ("send_to", "bob@campus.example, Carol Smith <carol@campus.example>"),
    ("send_to_cc", ""),
    ("send_to_bcc", "dave@campus.example"),
    ("subject", "Hello"),
    ("mailprio", "3"),
    ("body", "Hi"),
];

const BEHIND: &[(&str, &str)] = &[
    ("MAX_FILE_SIZE", "2097152"),
    ("username", "alice"),
    ("smaction", ""),
    ("mailbox", "INBOX"),
    ("composesession", "1"),
    ("querystring", "mailbox=INBOX&startMessage=1"),
];

const MULTIPART: &str = "multipart/form-data; boundary=----WebKitFormBoundaryx";

fn multipart(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("------WebKitFormBoundaryx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "------WebKitFormBoundaryx\r\nContent-Disposition: form-data; name=\"attachfile\"; filename=\"\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n\r\n";
    fields.iter().map(part).collect::<String>() + file + "------WebKitFormBoundaryx--\r\n"
}

fn with_button(button: &[(&str, &str)]) -> String {
    multipart(&[COMPOSE, button, BEHIND].concat())
}

fn asked(request: Request<'_>) -> Result<&'static str, &'static str> {
    request.asked_of(WEBMAIL).map(|asked| asked.action.name()).map_err(|unnatural| unnatural.rule)
}

#[test]
fn the_pressed_button_decides_what_a_compose_form_is() {
    for (button, expected) in [
        (&[("send", "Send")][..], "send"),
        (&[("send[]", "x")], "send"),
        (&[("send1", "Send")], "send"),
        (&[("send_button_count", "7"), ("send7", "Send")], "send"),
        (&[("send", "")], "view"),
        (&[("send", "0")], "view"),
        (&[("draft", "Save Draft")], "save draft"),
        (&[("send", "Send"), ("draft", "Save Draft")], "save draft"),
        (&[("send", "Send"), ("draft", "0")], "send"),
        (&[("attach", "Add")], "upload"),
        (&[("send", "Send"), ("attach", "Add")], "send"),
        (&[("sigappend", "Signature")], "view"),
        (&[("html_addr_search", "Addresses")], "view"),
        (&[("do_delete", "Delete"), ("delete[]", "1")], "view"),
        (&[("sender", "x"), ("send_x", "y"), ("sendX", "z")], "view"),
        (&[], "view"),
    ] {
        let body = with_button(button);
        assert_eq!(asked(Request::post("/src/compose.php", &body).of_type(MULTIPART)), Ok(expected), "{button:?}");
    }
    assert_eq!(
        asked(Request::post("/src/compose.php", "send=Send&send_to=a@b")),
        Ok("send"),
        "urlencoded works as well"
    );
    assert_eq!(asked(Request::post("/src/compose.php/x", "send=Send&send_to=a@b")), Ok("send"));
    assert_eq!(asked(Request::get("/src/compose.php?send=Send&send_to=a@b")), Ok("view"), "the query is not looked at");
    assert_eq!(asked(Request::post("/src/compose.php?draft=1", "send=Send&send_to=a@b")), Ok("send"));
    assert_eq!(asked(Request::post("/src/compose.php", "send_to=a@b").cookie("send=Send")), Ok("view"));
}

#[test]
fn recipients_of_all_three_fields_count() {
    let recipients =
        |body: &str| match Request::post("/src/compose.php", body).asked_of(WEBMAIL).expect("natural").action {
            Action::Send(sending) => sending.recipients,
            other => panic!("not a send: {other:?}"),
        };
    assert_eq!(recipients("send=1&send_to=a@b+c@d&send_to_cc=e@f&send_to_bcc=g@h,i@j"), 5);
    assert_eq!(recipients("send=1&send_to="), 1);
    assert_eq!(recipients("send=1&send_to=staff"), 5, "a word may be a list");
}

#[test]
fn the_pages_own_requests_are_what_they_are() {
    for (request, expected) in [
        (Request::get("/"), "view"),
        (Request::get("/src/login.php"), "view"),
        (
            Request::post("/src/redirect.php", "login_username=a&secretkey=b&js_autodetect_results=0&just_logged_in=1"),
            "sign-in",
        ),
        (Request::get("/src/redirect.php?login_username=a&secretkey=b"), "sign-in"),
        (Request::post("/src/redirect.php?secretkey=b", "login_username=a"), "sign-in"),
        (Request::get("/src/redirect.php"), "view"),
        (Request::get("/src/signout.php"), "sign-out"),
        (Request::get("/src/webmail.php"), "view"),
        (Request::get("/src/left_main.php"), "poll"),
        (Request::get("/src/right_main.php?mailbox=INBOX&sort=6&startMessage=1"), "view"),
        (Request::get("/src/compose.php?mailbox=INBOX&startMessage=1"), "view"),
        (Request::get("/src/compose.php?smaction=reply&passed_id=1&send_to=a@b"), "view"),
        (
            Request::get("/src/read_body.php?mailbox=INBOX&passed_id=8&startMessage=1&passed_ent_id=0&sendreceipt=1"),
            "send",
        ),
        (Request::post("/src/read_body.php", "mailbox=INBOX&passed_id=8&sendreceipt=1"), "send"),
        (Request::get("/src/read_body.php?mailbox=INBOX&passed_id=8&sendreceipt=0"), "view"),
        (Request::get("/plugins/listcommands/mailout.php?send_to=list@x&subject=subscribe"), "view"),
        (
            Request::post("/src/compose.php", "send_to=list@x&subject=subscribe&body=&mailbox=INBOX&send=Send+Mail"),
            "send",
        ),
        (
            Request::post(
                "/src/options_identities.php",
                "smtoken=x&newidentities[0][email_address]=a@b&smaction[save][0]=Save",
            ),
            "change identity",
        ),
        (Request::get("/src/options_identities.php"), "view"),
        (
            Request::post("/src/options.php", "smtoken=x&optpage=personal&optmode=submit&new_email_address=a@b"),
            "change identity",
        ),
        (Request::post("/src/options.php", "smtoken=x&optpage=display&optmode=submit"), "view"),
        (Request::get("/src/options.php?optpage=personal"), "view"),
        (Request::post("/plugins/filters/options.php", "filter_submit=Submit&theid=0"), "change filter"),
        (Request::get("/plugins/filters/options.php?theid=0&action=delete"), "change filter"),
        (Request::get("/plugins/filters/options.php"), "view"),
        (Request::post("/plugins/filters/spamoptions.php", "spam_submit=1"), "change filter"),
        (Request::post("/plugins/mail_fetch/options.php", "mf_server=x&mf_user=y&mf_pass=z"), "change filter"),
        (Request::post("/plugins/mail_fetch/fetch.php", "server_to_fetch=0"), "view"),
        (Request::post("/plugins/change_sqlpass/options.php", "cp_oldpass=a&cp_newpass=b"), "change password"),
        (Request::post("/plugins/vacation/vacation.php", "x=1"), "change filter"),
        (Request::post("/plugins/bounce/bounce_send.php", "x=1"), "send"),
        (Request::get("/src/download.php?mailbox=INBOX&passed_id=1&ent_id=2&absolute_dl=true"), "view"),
        (Request::post("/src/move_messages.php", "msg[0]=1&targetMailbox=INBOX.Trash&moveButton=Move"), "view"),
        (Request::post("/src/addressbook.php", "addaddr[nickname]=x&addaddr[email]=a@b"), "view"),
    ] {
        assert_eq!(asked(request), Ok(expected), "{}", request.url);
    }
}

#[test]
fn a_sign_in_takes_the_body_before_the_query() {
    let request = Request::post("/src/redirect.php?login_username=a", "login_username=a&secretkey=%26b");
    let Action::SignIn { name, password } = request.asked_of(WEBMAIL).expect("natural").action else {
        panic!("a sign-in")
    };
    assert_eq!((name.as_str(), password.expose().as_str()), ("a", "&b"));
}

#[test]
fn what_no_browser_sends_is_refused_and_its_innocent_likes_are_not() {
    let fillers = format!("send=1&send_to=a@b&{}", vec!["x=1"; 1000].join("&"));
    let doubled = with_button(&[("send", "Send"), ("send_to", "other@x")]);
    let sloppy = with_button(&[("send", "Send")]).replace("name=\"send_to_bcc\"", "name=send_to_bcc");
    let session = "/src/right_main.php?SQMSESSID=x";
    for (request, rule) in [
        (Request::post("/src/compose.php", "send=1&send.to=a@b"), "control field misspelled"),
        (Request::post("/src/compose.php", "+send=x&send_to=a@b"), "control field misspelled"),
        (Request::post("/src/compose.php", "send%31=x&send_to=a@b"), "control field misspelled"),
        (Request::post("/src/compose.php", "send=1&send+to=a@b"), "control field misspelled"),
        (Request::post("/src/compose.php", "send=1&send_to=a@b&send_to=c@d"), "control field sent twice"),
        (Request::post("/src/compose.php", "send=1&send_to[]=a@b"), "control field is a list"),
        (Request::post("/src/compose.php?send_to=a@b", "send=1&send_to=c@d"), "query and body disagree"),
        (Request::post("/src/compose.php", &fillers), "too many fields"),
        (Request::post("/src/compose.php", &doubled).of_type(MULTIPART), "control field sent twice"),
        (Request::post("/src/compose.php", &sloppy).of_type(MULTIPART), "control field misspelled"),
        (
            Request::post("/src/redirect.php?login_username=victim", "login_username=me&secretkey=x"),
            "query and body disagree",
        ),
        (Request::get("/src/redirect.php?login_username=a&login_username=b&secretkey=x"), "control field sent twice"),
        (Request::get("/src/redirect.php?login.username=a&secretkey=x"), "control field misspelled"),
        (Request::get(session), "session id outside its cookie"),
    ] {
        assert_eq!(asked(request), Err(rule), "{}", request.url);
    }
    let crowded = vec!["msg[]=1"; 950].join("&");
    for request in [
        Request::post("/src/move_messages.php", &crowded),
        Request::post("/src/addressbook.php", "send_to=a&send_to=b&draft[]=1"),
        Request::get("/src/right_main.php?draft=1&draft=2&.x=1"),
        Request::get("/src/right_main.php").cookie("_ga=1; SQMSESSID=x; key=y; squirrelmail_language=en_US"),
        Request::post("/src/compose.php", "send=1&send_to=a@b&passed.id=1&x=1&x=2"),
    ] {
        assert!(asked(request).is_ok(), "{} {:?}", request.url, asked(request));
    }
}

#[test]
fn places_are_what_a_browser_may_have() {
    let listed = ["/plugins/vacation/vacation.php".to_owned()];
    let cases: &[(Place, &[&str])] = &[
        (
            Place::Script,
            &[
                "/",
                "/index.php",
                "/src/",
                "/src/compose.php",
                "/src/compose.php/x",
                "/src/webmail.php",
                "/plugins/calendar/day.php",
                "/plugins/listcommands/mailout.php",
                "/plugins/squirrelspell/sqspell_interface.php",
                "/plugins/vacation/vacation.php",
                "/src/squirrelmail_rpc.php",
            ],
        ),
        (
            Place::Asset,
            &["/images/sm_logo.png", "/favicon.ico", "/themes/css/x.css", "/plugins/newmail/sounds/x.wav", "/x.gif"],
        ),
        (
            Place::Never,
            &[
                "/src/configtest.php",
                "/src/shell.php",
                "/src/compose.phpx",
                "/data/alice.pref",
                "/data",
                "/attach/x",
                "/config/config.php",
                "/config/conf.pl",
                "/class/deliver/Deliver.class.php",
                "/functions/auth.php",
                "/include/init.php",
                "/po/x.po",
                "/locale/de_DE/LC_MESSAGES/squirrelmail.po",
                "/contrib/x",
                "/doc/README",
                "/.htaccess",
                "/.git/config",
                "/plugins/calendar/setup.php",
                "/plugins/calendar/config.php",
                "/plugins/mail_fetch/functions.php",
                "/plugins/test/test.php",
                "/plugins/demo/demo.php",
                "/plugins/administrator/options.php",
                "/plugins/calendar/shell.php",
                "/plugins/vacation/x.php",
                "/x.php",
                "/images/x.php",
                "/images/x.php.gif",
                "/plugins/",
                "/README",
                "/data/x.gif",
                "/attach/x.png",
            ],
        ),
    ];
    for (place, paths) in cases {
        for path in *paths {
            assert_eq!(WEBMAIL.place(path, &listed), *place, "{path}");
        }
    }
}

const SENT: &str = "Location: https://webmail.example.edu/src/right_main.php?mailbox=INBOX&sort=6&startMessage=1";

#[test]
fn a_send_is_read_from_the_redirect_of_compose_only() {
    let send = Request::post("/src/compose.php", "send=1&send_to=a@b").asked_of(WEBMAIL).expect("natural");
    let draft = Request::post("/src/compose.php", "draft=1&send_to=a@b").asked_of(WEBMAIL).expect("natural");
    let moved = Request::post("/src/move_messages.php", "msg[0]=1").asked_of(WEBMAIL).expect("natural");
    let of =
        |asked: &Asked, status, headers: &[&str], body: Option<&str>| outcome_of(WEBMAIL, asked, status, headers, body);
    let saved = ["Location: https://x/src/right_main.php?mailbox=Drafts&startMessage=1&note=Draft+Email+Saved"];
    let deleted = ["Location: https://x/src/delete_message.php?mailbox=Drafts&message=1&mail_sent=yes&smtoken=x"];
    assert_eq!(of(&send, 302, &[SENT], Some("")), Outcome::Sent);
    assert_eq!(of(&send, 302, &deleted, None), Outcome::Sent);
    assert_eq!(of(&send, 302, &["Location: https://x/src/compose.php?mail_sent=yes"], None), Outcome::Sent);
    assert_eq!(of(&draft, 302, &[SENT], None), Outcome::Sent, "whatever the request looked like");
    assert_eq!(of(&draft, 302, &saved, None), Outcome::Unclear);
    assert_eq!(of(&send, 302, &saved, None), Outcome::NotSent);
    assert_eq!(of(&moved, 302, &[SENT], None), Outcome::Unclear, "other scripts redirect likewise");
    let again = "<title>x: FEHLER</title> … <form name=\"compose\" action=\"compose.php\" method=\"post\"><input name=\"send_to\">";
    let expired = "<title>x</title><a href=\"/src/login.php\" target=\"_top\">Zur Anmeldung</a>";
    assert_eq!(of(&send, 200, &[], Some(again)), Outcome::NotSent);
    assert_eq!(of(&send, 200, &[], Some(expired)), Outcome::NotSent);
    for (status, body) in
        [(200, Some("")), (200, None), (200, Some("<b>Fatal error</b>")), (500, Some(again)), (502, None)]
    {
        assert_eq!(of(&send, status, &[], body), Outcome::Unclear, "{status} {body:?}");
    }
    let receipt = Request::get("/src/read_body.php?sendreceipt=1").asked_of(WEBMAIL).expect("natural");
    assert_eq!(of(&receipt, 200, &[], Some(again)), Outcome::Unclear, "a page says nothing of the receipt");
}

#[test]
fn sign_ins_are_told_apart_by_cookies_in_any_language() {
    let sign_in =
        Request::post("/src/redirect.php", "login_username=a&secretkey=b").asked_of(WEBMAIL).expect("natural");
    let session = "Set-Cookie: SQMSESSID=new; path=/";
    let trash = "Set-Cookie: SQMSESSID=SQMTRASH; expires=Thu, 01-Jan-1970 00:00:00 GMT; path=/";
    let key = "Set-Cookie: key=c2VjcmV0; path=/; HttpOnly; SameSite=Strict";
    let good = ["Location: webmail.php", session, session, key];
    let outcome = |status, headers: &[&str]| outcome_of(WEBMAIL, &sign_in, status, headers, Some("<title>x</title>"));
    assert_eq!(outcome(302, &good), Outcome::SignedIn);
    assert_eq!(outcome(200, &[session, trash]), Outcome::WrongPassword);
    assert_eq!(outcome(200, &[session]), Outcome::NotJudged, "the mail server is away");
    assert_eq!(outcome(302, &["Location: webmail.php", "Set-Cookie: key=SQMTRASH"]), Outcome::Unclear);
    assert_eq!(outcome(502, &[]), Outcome::Unclear);
    let out = Request::get("/src/signout.php").asked_of(WEBMAIL).expect("natural");
    let gone = [trash, "Set-Cookie: key=SQMTRASH; expires=Thu, 01-Jan-1970 00:00:00 GMT; path=/"];
    assert_eq!(outcome_of(WEBMAIL, &out, 200, &gone, None), Outcome::SignedOut);
    let headers = header_map(&good);
    let answer = Answer { status: StatusCode::FOUND, headers: &headers, body: None };
    assert_eq!(WEBMAIL.new_session_cookie(&answer, "SQMSESSID").as_deref(), Some(&b"new"[..]));
}

fn dressed(body: &[u8], then: Then) -> Option<Dressed> {
    let content_type = http::HeaderValue::from_static(MULTIPART);
    let form = php::Form::read_whole(Some(&content_type), body, 1000).expect("it is a form");
    let text = String::from_utf8_lossy(body).into_owned();
    let asked = Request::post("/src/compose.php", &text).of_type(MULTIPART).asked_of(WEBMAIL).expect("natural");
    WEBMAIL.dress(&asked, &refusal(then), Some(&form))
}

#[test]
fn a_refused_send_comes_back_as_a_page_that_carries_the_whole_form() {
    let body = with_button(&[("send", "Send"), ("odd.name", "<\"&'>"), ("x", "1"), ("x", "2")])
        .replace("\r\n\r\nHi\r\n", "\r\n\r\n\r\nHi <b>\r\n\"you\"\r\n");
    let page = dressed(body.as_bytes(), Then::Stay).expect("a page of its own").body;
    for expected in [
        "<form method=\"post\" action=\"/src/compose.php\" enctype=\"multipart/form-data\" accept-charset=\"utf-8\">",
        "<button type=\"submit\" name=\"send\" value=\"Send\">Try again</button>",
        "<input type=\"hidden\" name=\"smtoken\" value=\"x\">",
        "<input type=\"hidden\" name=\"odd.name\" value=\"&#60;&#34;&#38;&#39;&#62;\">",
        "name=\"body\" aria-hidden=\"true\">\n\r\nHi &#60;b&#62;\r\n&#34;you&#34;</textarea>",
        "<meta name=\"viewport\"",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    assert!(page.find("name=\"x\" value=\"1\"") < page.find("name=\"x\" value=\"2\""), "in order");
    assert!(!page.contains("attachfile") && !page.contains("<script") && !page.contains("<b>in"));
    assert!(!page.contains("is not kept"), "no file was chosen");
}

#[test]
fn a_chosen_file_is_said_to_be_lost_and_a_draft_stays_a_draft() {
    let body = with_button(&[("draft", "Save Draft")]).replace("filename=\"\"", "filename=\"a.pdf\"");
    let page = dressed(body.as_bytes(), Then::SignIn).expect("a page of its own").body;
    assert!(page.contains("The file you had chosen is not kept."));
    assert!(page.contains("name=\"draft\" value=\"Save Draft\""));
    assert!(page.contains("<a href=\"/src/login.php\" target=\"_blank\""));
    let page = dressed(with_button(&[("attach", "Add")]).as_bytes(), Then::Stay).expect("a page of its own").body;
    assert!(page.contains("<button type=\"submit\" name=\"attach\" value=\"Add\">"), "what was written is as dear");
}

#[test]
fn bytes_of_any_charset_come_back_as_they_were() {
    let body = with_button(&[("send", "Send")]).into_bytes();
    let at = body.windows(2).position(|found| found == b"Hi").expect("the text");
    let all: Vec<u8> = (0x80..=0xff).collect();
    let body = [&body[..at], &all, &body[at..]].concat();
    let content_type = http::HeaderValue::from_static(MULTIPART);
    let form = php::Form::read_whole(Some(&content_type), &body, 1000).expect("it is a form");
    let asked = Asked::new(Action::Send(Sending::one(SendingKind::Message)), Shape::Frame);
    let page = WEBMAIL.dress(&asked, &refusal(Then::Stay), Some(&form)).expect("a page of its own").body;
    assert!(page.contains("accept-charset=\"windows-1252\""));
    assert!(page.contains("\u{20ac}\u{81}\u{201a}") && page.contains("ýþÿHi"));
}

#[test]
fn other_requests_get_a_page_of_mailwards_own() {
    let asked = Asked::new(Action::ChangeIdentity, Shape::Frame);
    assert_eq!(WEBMAIL.dress(&asked, &refusal(Then::Stay), None), None);
    let asked = Asked::new(Action::Send(Sending::one(SendingKind::Message)), Shape::Frame);
    assert_eq!(WEBMAIL.dress(&asked, &refusal(Then::Stay), None), None, "too large to be read whole");
}

#[test]
fn a_sign_in_is_recognised_in_an_access_log() {
    for (method, target, status, meant) in [
        ("POST", "/src/redirect.php", 302, Some(LoggedSignIn::Succeeded)),
        ("POST", "/webmail/src/redirect.php?x=1", 200, Some(LoggedSignIn::Failed)),
        ("POST", "/src/redirect.php", 500, Some(LoggedSignIn::Unclear)),
        ("GET", "/src/redirect.php", 302, None),
        ("POST", "/src/compose.php", 302, None),
        ("POST", "/?x=/src/redirect.php", 302, None),
    ] {
        assert_eq!(WEBMAIL.logged_sign_in(method, target, status), meant, "{method} {target} {status}");
    }
}

#[test]
fn a_message_is_read_from_its_form_in_the_forms_charset() {
    let composed = |body: &[u8]| {
        let form = php::Form::read_whole(Some(&http::HeaderValue::from_static(MULTIPART)), body, 1000);
        WEBMAIL.composed(&form.expect("it is a form")).expect("SquirrelMail's messages can be read")
    };
    let message = composed(with_button(&[("send", "Send")]).as_bytes());
    assert_eq!(message.to, "bob@campus.example, Carol Smith <carol@campus.example>");
    assert_eq!((&*message.bcc, &*message.subject, &*message.text), ("dave@campus.example", "Hello", "Hi"));
    assert!(!message.is_html && message.attachments.is_empty() && message.from.is_empty());

    let with_body = |body: &[u8]| {
        let page = multipart(&[("subject", "x"), ("body", "@"), ("send", "Send")]);
        let (before, after) = page.split_once('@').expect("the body stands there");
        composed(&[before.as_bytes(), body, after.as_bytes()].concat()).text
    };
    assert_eq!(with_body("für".as_bytes()), "für");
    assert_eq!(with_body(b"f\xfcr 5 \x80"), "für 5 €");
}

#[test]
fn what_hides_traces_and_where_mail_goes_is_told_to_the_operator() {
    let removed = "smtoken=x&mailbox=INBOX.Sent&msg%5B0%5D=3&delete=Delete";
    for (url, body, expected) in [
        ("/src/move_messages.php", removed, "hide traces"),
        ("/src/move_messages.php", "smtoken=x&mailbox=INBOX.Sent&msg%5B0%5D=3&markRead=Read", "view"),
        ("/src/move_messages.php", "smtoken=x&mailbox=INBOX&msg%5B0%5D=3&delete=Delete", "view"),
        ("/src/delete_message.php?mailbox=INBOX.Sent&message=3&smtoken=x", "", "hide traces"),
        ("/src/delete_message.php?mailbox=INBOX.Drafts&message=3&mail_sent=yes&smtoken=x", "", "view"),
    ] {
        let request = if body.is_empty() { Request::get(url) } else { Request::post(url, body) };
        let asked = request.asked_of(WEBMAIL).unwrap_or_else(|unnatural| panic!("{url}: {unnatural}"));
        assert_eq!(asked.action.name(), expected, "{url} {body}");
    }
    let identities = "smtoken=x&newidentities%5B0%5D%5Bemail_address%5D=ceo%40bank.example\
                      &newidentities%5B0%5D%5Bsignature%5D=see+www.evil.example&smaction%5Bsave%5D%5B0%5D=Save";
    for (url, body, expected) in [
        ("/src/options_identities.php", identities, &["ceo@bank.example", "a signature with a link"][..]),
        (
            "/plugins/mail_fetch/options.php",
            "smtoken=x&mf_server=pop.evil.example",
            &["mail fetched from pop.evil.example"],
        ),
        ("/src/move_messages.php", removed, &["folder INBOX.Sent"]),
    ] {
        assert_eq!(Request::post(url, body).targets_of(WEBMAIL), expected, "{url}");
    }
}
