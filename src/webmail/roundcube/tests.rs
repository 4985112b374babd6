use std::time::Duration;

use super::super::testing::{Request, URLENCODED, outcome_of, refusal};
use super::*;

const WEBMAIL: &Roundcube = &Roundcube;

/// The send request as Roundcube's own page makes it.
const SEND: &str = "_token=x&_task=mail&_action=send&_id=9085460976b050873d452a&_attachments=1%2C2&_from=1\
    &_to=bob%40campus.example%2CCarol%20%3Ccarol%40campus.example%3E%2Cdave%40campus.example%2C&_cc=&_bcc=&_replyto=\
    &_followupto=&_subject=Hello&_draft_saveid=&_draft=&_is_html=0&_framed=1&_message=Hi%26&editorSelector=plain&_mdn=\
    &_dsn=&_keepformatting=&_priority=0&_store_target=Sent";

const SEND_URL: &str = "/?_task=mail&_unlock=loading1795491960191&_framed=1";

fn asked(request: Request<'_>) -> Result<&'static str, &'static str> {
    request.asked_of(WEBMAIL).map(|asked| asked.action.name()).map_err(|unnatural| unnatural.rule)
}

fn action(request: Request<'_>) -> &'static str {
    asked(request).unwrap_or_else(|rule| panic!("refused: {rule}"))
}

fn multipart(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--B--\r\n"
}

fn sending(request: Request<'_>) -> Sending {
    match request.asked_of(WEBMAIL).expect("natural").action {
        Action::Send(sending) => sending,
        other => panic!("not a send: {other:?}"),
    }
}

#[test]
fn the_pages_own_requests_are_what_they_are() {
    for (request, expected) in [
        (Request::get("/"), "view"),
        (Request::get("/?_task=mail&_action=compose"), "view"),
        (Request::get("/?_task=mail&_action=compose&_to=bob@campus.example&_subject=x&_body=y"), "view"),
        (Request::post(SEND_URL, SEND), "send"),
        (Request::post("/", "_task=mail&_action=bounce&_id=1&_uid=8&_mbox=INBOX&_from=1&_to=bob&_cc=&_bcc="), "send"),
        (Request::post("/?_task=mail&_action=sendmdn", "_uid=8&_mbox=INBOX&_remote=1"), "send"),
        (Request::get("/?_task=mail&_action=sendmdn&_uid=8"), "view"),
        (
            Request::post("/?_task=login", "_token=x&_task=login&_action=login&_timezone=UTC&_url=&_user=a&_pass=b"),
            "sign-in",
        ),
        (Request::get("/?_task=logout&_token=x"), "sign-out"),
        (Request::post("/?_task=mail&_remote=1&_from=compose&_id=1&_uploadid=upload1&_action=upload", ""), "upload"),
        (Request::post("/?_task=mail&_action=attachment-upload", "_remote=1"), "upload"),
        (Request::post("/?_task=settings&_action=upload&_from=edit-identity", ""), "view"),
        (Request::post("/?_task=mail&_action=check-recent", "_mbox=INBOX&_remote=1&_unlock=loading1"), "poll"),
        (Request::post("/?_task=mail&_action=refresh", "_remote=1&_last=1"), "poll"),
        (Request::get("/?_task=mail&_action=keep-alive&_remote=1&_unlock=0&_=1"), "poll"),
        (Request::get("/?_task=mail&_action=getunread&_page=1&_remote=1&_unlock=0&_=1"), "poll"),
        (Request::get("/?_task=mail&_action=list&_mbox=INBOX&_page=&_remote=1&_unlock=loading1&_=1"), "view"),
        (Request::post("/?_task=mail&_action=mark", "_uid=3&_flag=flagged&_mbox=INBOX&_remote=1"), "view"),
        (
            Request::post("/", "_task=settings&_action=save-identity&_iid=1&_name=A&_email=a@b&_bcc=&_signature="),
            "change identity",
        ),
        (Request::post("/", "_task=settings&_action=identity-save&_iid="), "change identity"),
        (Request::post("/?_task=settings&_action=delete-identity", "_iid=1&_remote=1"), "change identity"),
        (Request::get("/?_task=settings&_action=edit-identity&_iid=1&_framed=1"), "view"),
        (Request::post("/", "_task=settings&_action=plugin.managesieve-save&_framed=1&_fid=&_name=x"), "change filter"),
        (
            Request::post("/", "_task=settings&_action=plugin.managesieve-saveraw&_set=x&rawsetcontent=y"),
            "change filter",
        ),
        (
            Request::post("/?_task=settings&_action=plugin.managesieve-forward", "_remote=1&forward_action=copy"),
            "change filter",
        ),
        (
            Request::post("/?_task=settings&_action=plugin.managesieve-vacation", "_remote=1&vacation_reason=x"),
            "change filter",
        ),
        (
            Request::post("/?_task=settings&_action=plugin.managesieve-action", "_act=setact&_set=x&_remote=1"),
            "change filter",
        ),
        (Request::get("/?_task=settings&_action=plugin.managesieve-action&_act=setdel&_set=x"), "change filter"),
        (Request::get("/?_task=settings&_action=plugin.managesieve-action&_framed=1&_fid=0"), "view"),
        (Request::post("/?_task=settings&_action=plugin.managesieve-action", "_act=ruleadd&_remote=1"), "view"),
        (Request::get("/?_task=settings&_action=plugin.managesieve"), "view"),
        (
            Request::post("/?_task=settings&_action=plugin.password-save", "_curpasswd=a&_newpasswd=b"),
            "change password",
        ),
        (Request::get("/?_task=settings&_action=plugin.password"), "view"),
        (Request::post("/", "_task=settings&_action=save-prefs&_section=general"), "view"),
        (Request::get("/?_task=addressbook&_action=export&_source=0&_token=x"), "export"),
        (Request::post("/?_task=mail&_action=plugin.zipdownload.messages", "_uid=*&_mbox=INBOX&_mode=mbox"), "export"),
        (Request::get("/?_task=mail&_action=plugin.zipdownload.attachments&_uid=1"), "export"),
        (Request::get("/?_task=mail&_action=viewsource&_uid=1&_mbox=INBOX&_save=1&_token=x"), "export"),
        (Request::get("/?_task=mail&_action=viewsource&_uid=1&_mbox=INBOX"), "view"),
        (Request::post("/?_task=mail&_action=move", "_uid=1&_target_mbox=Trash&_remote=1"), "view"),
    ] {
        assert_eq!(asked(request), Ok(expected), "{}", request.url);
    }
}

#[test]
fn a_draft_is_a_send_that_only_the_bodys_draft_field_tells_apart() {
    let with = |draft: &str| SEND.replace("&_draft=&", draft);
    for draft in ["&_draft=1&", "&_draft=yes&", "&_draft=00&", "&_draft=%20&"] {
        assert_eq!(action(Request::post(SEND_URL, &with(draft))), "save draft", "{draft}");
    }
    for send in ["&_draft=&", "&_draft=0&", "&"] {
        assert_eq!(action(Request::post(SEND_URL, &with(send))), "send", "{send}");
    }
    assert_eq!(asked(Request::post("/?_task=mail&_draft=1", SEND)), Err("query and body disagree"));
    let without = with("&");
    assert_eq!(action(Request::post("/?_task=mail&_draft=1", &without)), "send", "the query's word does not count");
}

#[test]
fn keeping_without_sending_is_the_querys_word_only() {
    let kept = Request::post("/?_task=mail&_saveonly=1&_framed=1", SEND).asked_of(WEBMAIL).expect("natural");
    assert_eq!((kept.action.name(), kept.sent_counts), ("save draft", false));
    let body = format!("{SEND}&_saveonly=1");
    let sent = Request::post(SEND_URL, &body).asked_of(WEBMAIL).expect("natural");
    assert_eq!((sent.action.name(), sent.sent_counts), ("send", true));
    assert_eq!(action(Request::post("/?_task=mail&_saveonly=0", SEND)), "send");
}

#[test]
fn every_spelling_of_send_that_roundcube_understands_is_one() {
    let url = |value: &str| format!("/?_task=mail&_action={value}");
    for spelled in ["send", "s%3Be%20n!d", "send%2F", "se%C2%A0nd", "se+nd", "s%00end", "send!", "se%FFnd", "%73end"] {
        assert_eq!(action(Request::post(&url(spelled), "_to=a@b")), "send", "{spelled}");
    }
    for other in ["Send", "SEND", "send.", "-send", "sender", "list", "sendmail", "send-", ""] {
        assert_eq!(action(Request::post(&url(other), "_to=a@b")), "view", "{other}");
    }
    for spelled in ["check_recent", "check-recent"] {
        assert_eq!(action(Request::post(&url(spelled), "_remote=1")), "poll", "{spelled}");
    }
    assert_eq!(asked(Request::post(&url("se%3Cx%3End"), "_to=a@b")), Err("markup in an action"));
    for task in ["ma%20il", "mail%3B", "", "%2Fmail"] {
        let url = format!("/?_task={task}&_action=upload");
        assert_eq!(action(Request::post(&url, "_remote=1")), "upload", "{task}");
    }
    for path in ["/", "/index.php", "/index.php/anything"] {
        assert_eq!(action(Request::post(path, SEND)), "send", "{path}");
    }
}

#[test]
fn a_send_is_one_in_every_shape_and_type_that_php_parses() {
    for content_type in [
        "application/x-www-form-urlencoded; charset=utf-16",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        "application/x-www-form-urlencoded;x",
    ] {
        assert_eq!(action(Request::post("/", SEND).of_type(content_type)), "send", "{content_type}");
    }
    assert_eq!(action(Request::post("/", SEND).of_type("text/plain")), "view", "PHP does not parse it");
    let body = multipart(&[("_task", "mail"), ("_action", "send"), ("_to", "a@b,c@d"), ("_message", "x")]);
    for content_type in ["multipart/form-data; boundary=B", "Multipart/Form-Data; boundary=\"B\"; boundary=C"] {
        let request = Request::post("/", &body).of_type(content_type);
        assert_eq!(sending(request).recipients, 2, "{content_type}");
    }
    assert_eq!(action(Request::post("/", &body).of_type("multipart/mixed; boundary=B")), "view");
    for shape in ["&_framed=1", "&_remote=1", ""] {
        let body = format!("_task=mail&_action=send&_to=a@b{shape}");
        assert_eq!(action(Request::post("/", &body)), "send", "{shape}");
    }
    assert_eq!(action(Request::get("/?_task=mail&_action=send&_to=a@b&_id=1")), "view", "a GET sends nothing");
}

#[test]
fn what_no_browser_sends_is_refused() {
    let bulk = format!("{}&{SEND}", vec!["x=1"; 950].join("&"));
    let hidden = format!("{SEND}{}&_draft=1", "&x=1".repeat(1000));
    for (request, rule) in [
        (Request::post(SEND_URL, SEND).cookie("_action=send"), "control cookie"),
        (Request::get("/").cookie("a=1; .task=mail"), "control cookie"),
        (Request::post("/?_action=list", SEND), "query and body disagree"),
        (Request::post("/?_task=settings", SEND), "query and body disagree"),
        (Request::post("/", "_action=list&_action=send"), "control field sent twice"),
        (Request::post("/", "_action=send&_to=a@b&_to=c@d"), "control field sent twice"),
        (Request::post("/", "_task=mail&.action=send"), "control field misspelled"),
        (Request::post("/", "_task=mail&%5faction=send"), "control field misspelled"),
        (Request::post("/", "_task=mail&+_action=send"), "control field misspelled"),
        (Request::post("/", "_task=mail&_action%00x=send"), "control field misspelled"),
        (Request::get("/?%2eaction=send"), "control field misspelled"),
        (Request::post("/?_task=mail", "_action=send&.to=a@b"), "control field misspelled"),
        (Request::post("/", "_action[]=send"), "control field is a list"),
        (Request::post("/", "_action=send&_draft[x]=1"), "control field is a list"),
        (Request::post(SEND_URL, &bulk), "too many fields"),
        (Request::post(SEND_URL, &hidden), "too many fields"),
        (Request::post("/?roundcube_sessid=x", SEND), "session id outside its cookie"),
        (Request::post("/", "_action=send&roundcube.sessid=x"), "session id outside its cookie"),
        (Request::post("/", "_action=send&_to=a@b&_charset=ISO-2022-JP"), "foreign charset"),
        (Request::post("/", "_action=bounce&_to=a@b&_charset=utf-16"), "foreign charset"),
    ] {
        assert_eq!(asked(request), Err(rule), "{} {rule}", request.url);
    }
    for headers in [
        "form-data; name=_action",
        "form-data; NAME=\"_action\"",
        "form-data; name=\"x\"; name=\"_action\"",
        "name=\"_action\"",
    ] {
        let body = format!("--B\r\nContent-Disposition: {headers}\r\n\r\nsend\r\n--B--\r\n");
        let request = Request::post("/", &body).of_type("multipart/form-data; boundary=B");
        assert_eq!(asked(request), Err("control field misspelled"), "{headers}");
    }
    let body = multipart(&[("_action", "send"), ("_message", "--B")]);
    assert_eq!(
        asked(Request::post("/", &body).of_type("multipart/form-data; boundary=B")),
        Err("boundary inside a part")
    );
}

#[test]
fn innocent_requests_that_resemble_hostile_ones_pass() {
    let fillers = format!("_task=mail&_action=move&{}", vec!["x=1"; 800].join("&"));
    let many = vec!["x[]=1"; 999].join("&");
    let filter = format!("_task=settings&_action=plugin.managesieve-save&{}", vec!["_header[]=from"; 960].join("&"));
    for request in [
        Request::post(SEND_URL, SEND).cookie("_ga=GA1.2; _shibsession_64=x; roundcube_sessid=a; roundcube_sessauth=b"),
        Request::post("/?_task=mail&_action=send&_framed=1", SEND),
        Request::post("/", "_task=mail&_action=send&_to=a@b&x=1&x=2&y.z=3&%5fother=4&odd[key=5"),
        Request::post("/", "_task=mail&_action=send&_to=a@b&_charset=UTF-8"),
        Request::post("/", "_task=mail&_action=send&_to=a@b&_charset="),
        Request::post("/", &fillers),
        Request::post("/plugins/x/y.php", &many),
        Request::post("/", &filter),
        Request::get("/?_task=mail&_action=show&_uid=1&_mbox=INBOX&_search=a&_search=b"),
        Request::get("/?_task=mail&_action=list&_headers%5B%5D=x&_mbox=a.b%2Fc"),
        Request::post("/", "_task=settings&_action=save-prefs&_x%5B%5D=1&_x%5B%5D=2&_columns[0]=a"),
        Request::post("/?_task=mail&_action=list", "just some text without any sense % %zz"),
    ] {
        assert!(asked(request).is_ok(), "{} {:?}", request.url, asked(request));
    }
    let file = "--B\r\nContent-Disposition: form-data; name=\"_attachments[]\"; filename=\"a'\\\"b.pdf\"\r\n\
                Content-Type: application/pdf\r\n\r\n_action=send\r\n--B--\r\n";
    let url = "/?_task=mail&_remote=1&_from=compose&_id=1&_uploadid=upload1&_action=upload";
    assert_eq!(action(Request::post(url, file).of_type("multipart/form-data; boundary=B")), "upload");
}

#[test]
fn a_sign_in_is_one_by_its_action_whatever_the_task() {
    let credentials = |request: Request<'_>| match request.asked_of(WEBMAIL).expect("natural").action {
        Action::SignIn { name, password } => (name, password.expose().clone()),
        other => panic!("not a sign-in: {other:?}"),
    };
    let body = "_token=x&_user=Alice%20&_pass=a%26b%2B%C3%BC";
    for url in [
        "/?_task=login&_action=login",
        "/?_action=login",
        "/?_task=mail&_action=login",
        "/?_task=settings&_action=log+in",
    ] {
        assert_eq!(credentials(Request::post(url, body)), ("Alice ".into(), "a&b+ü".into()), "{url}");
    }
    let body =
        multipart(&[("_token", "x"), ("_task", "login"), ("_action", "login"), ("_user", "bob"), ("_pass", "x")]);
    let request = Request::post("/", &body).of_type("multipart/form-data; boundary=B");
    assert_eq!(credentials(request), ("bob".into(), "x".into()));
    assert_eq!(action(Request::get("/?_task=login&_action=login&_user=a&_pass=b")), "view", "GET is not looked at");
    let debug = format!("{:?}", Request::post("/?_action=login", "_token=x&_user=a&_pass=hunter2").asked_of(WEBMAIL));
    assert!(!debug.contains("hunter2"));
}

#[test]
fn a_sign_in_without_its_token_comes_from_no_page() {
    for body in ["_user=a&_pass=b", "_token=&_user=a&_pass=b"] {
        let refused = Request::post("/?_task=login&_action=login", body).asked_of(WEBMAIL);
        assert_eq!(refused.map_err(|unnatural| unnatural.rule), Err("sign-in without its token"), "{body}");
    }
    assert!(Request::post("/?_task=login&_action=login", "_token=stale&_user=a&_pass=b").asked_of(WEBMAIL).is_ok());
}

#[test]
fn recipients_of_all_three_fields_count_and_a_send_has_at_least_one() {
    let sent = sending(Request::post(SEND_URL, SEND));
    assert_eq!((sent.kind, sent.recipients, sent.to.addresses().len()), (SendingKind::Message, 3, 3));
    let body = "_action=send&_to=a@b;c@d&_cc=%22L, F%22 <e@f>&_bcc=g@h%0Ai@j";
    assert_eq!(sending(Request::post("/", body)).recipients, 5);
    assert_eq!(sending(Request::post("/", "_action=send&_to=")).recipients, 1);
    let resent = sending(Request::post("/", "_action=bounce&_bcc=a@b,c@d"));
    assert_eq!((resent.kind, resent.recipients), (SendingKind::Resend, 2));
    assert_eq!(sending(Request::post("/?_action=sendmdn", "_uid=1")).kind, SendingKind::Receipt);
    let many = format!("_action=send&_bcc={}", vec!["a@example.org"; 300].join(","));
    assert_eq!(sending(Request::post("/", &many)).recipients, 300);
}

#[test]
fn places_are_what_a_browser_may_have() {
    let listed = ["/plugins/local/page.php".to_owned()];
    let cases: &[(Place, &[&str])] = &[
        (Place::Script, &["/", "/index.php", "/index.php/x", "/plugins/local/page.php", "/plugins/local/page.php/x"]),
        (
            Place::Asset,
            &[
                "/program/js/app.min.js",
                "/program/resources/blank.gif",
                "/program/resources/blank.tiff",
                "/skins/elastic/watermark.html",
                "/skins/elastic/styles/styles.min.css",
                "/skins/elastic/fonts/roboto.woff2",
                "/favicon.ico",
                "/plugins/jqueryui/themes/elastic/jquery-ui.css",
                "/plugins/managesieve/managesieve.js",
                "/skins/elastic/images/logo.svg",
                "/plugins/managesieve/codemirror/lib/codemirror.js",
                "/program/js/tinymce/plugins/template/plugin.min.js",
            ],
        ),
        (
            Place::Never,
            &[
                "/config/config.inc.php",
                "/config",
                "/config/",
                "/logs/errors.log",
                "/temp/x",
                "/SQL/mysql.initial.sql",
                "/bin/update.sh",
                "/vendor/autoload.php",
                "/installer/",
                "/installer/index.php",
                "/tests/x.js",
                "/program/include/iniset.php",
                "/program/lib/Roundcube/rcube.php",
                "/program/localization/en_US/labels.inc",
                "/plugins/password/config.inc.php.dist",
                "/plugins/password/localization/en_US.inc",
                "/plugins/managesieve/lib/x.js",
                "/skins/elastic/templates/login.html",
                "/plugins/x/skins/larry/templates/x.html",
                "/plugins/password/helpers/x.js",
                "/composer.json",
                "/skins/elastic/composer.json",
                "/README.md",
                "/CHANGELOG.md",
                "/LICENSE",
                "/.htaccess",
                "/.git/config",
                "/skins/.git/x.js",
                "/skins/x.php",
                "/plugins/x.php/y.js",
                "/skins/x.PHP",
                "/x.php",
                "/index.php5",
                "/skins/x.phtml",
                "/plugins/x.phar/a.js",
                "/indexXphp",
                "/program/js/",
                "/skins/x.sql",
            ],
        ),
    ];
    for (place, paths) in cases {
        for path in *paths {
            assert_eq!(WEBMAIL.place(path, &listed), *place, "{path}");
        }
    }
}

#[test]
fn shapes_say_who_waits_for_the_answer() {
    let shape = |request: Request<'_>| request.asked_of(WEBMAIL).expect("natural").shape;
    let unlock = Some("loading1795491960191".to_owned());
    assert_eq!(shape(Request::post(SEND_URL, SEND)), Shape::FramedForm { unlock });
    let hostile = Request::post("/?_unlock=%22%3Balert(1)%2F%2F", "_action=send&_to=a@b");
    assert_eq!(shape(hostile), Shape::FramedForm { unlock: Some("alert1".into()) });
    let ajax = Request::post("/?_task=mail&_action=mark", "_uid=3&_remote=1&_unlock=loading1");
    let expected = Shape::Ajax { action: "mark".into(), unlock: Some("loading1".into()), upload: None };
    assert_eq!(shape(ajax), expected);
    assert_eq!(
        shape(Request::get("/?_action=keep-alive&_remote=1&_unlock=0")),
        Shape::Ajax { action: "keep-alive".into(), unlock: None, upload: None }
    );
    let upload = Request::post("/?_action=upload&_uploadid=upload17", "").with(&["X-Requested-With: XMLHttpRequest"]);
    assert_eq!(shape(upload), Shape::Ajax { action: "upload".into(), unlock: None, upload: Some("upload17".into()) });
    assert_eq!(shape(Request::get("/?_action=preview&_framed=1")), Shape::Frame);
    assert_eq!(shape(Request::get("/?_action=compose").with(&["Sec-Fetch-Dest: iframe"])), Shape::Frame);
    assert_eq!(shape(Request::get("/?_task=mail&_action=get&_uid=1&_part=2")), Shape::Download);
    assert_eq!(shape(Request::get("/?_task=mail&_action=compose").with(&["Sec-Fetch-Dest: document"])), Shape::Page);
}

/// The answer to a send, with these lines in its script.
fn frame_page(lines: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"de\">\n<head>\n<title></title>\n<meta name='generator' content='Roundcube'><script>\n\
         if (window.parent && parent.rcmail) {{\n\tparent.rcmail.iframe_loaded(\"loading1\");\n{lines}}}\n</script>\n</head>\n\
         <body>\n</body>\n</html>"
    )
}

const HTML: &[&str] = &["Content-Type: text/html; charset=UTF-8"];
const JSON: &[&str] = &["Content-Type: application/json; charset=UTF-8"];

fn message() -> Asked {
    Request::post(SEND_URL, SEND).asked_of(WEBMAIL).expect("natural")
}

#[test]
fn sent_is_read_from_the_answers_own_script_in_any_language() {
    let sent =
        frame_page("\tparent.rcmail.sent_successfully(\"confirmation\",\"Nachricht gesendet.\",[\"Sent\"],false);\n");
    let mixed = frame_page(
        "if (window.parent && parent.rcmail) parent.rcmail.sent_successfully(\"confirmation\",\"x\",[],true);\n",
    );
    let json = r#"{"action":"send","exec":"this.hide();\nthis.sent_successfully(\"confirmation\",\"x\",[],false);\n"}"#;
    let view = Asked::new(Action::View, Shape::Page);
    for asked in [&message(), &view, &Asked::new(Action::SaveDraft, Shape::Page)] {
        assert_eq!(outcome_of(WEBMAIL, asked, 200, HTML, Some(&sent)), Outcome::Sent, "{asked:?}");
        assert_eq!(outcome_of(WEBMAIL, asked, 200, HTML, Some(&mixed)), Outcome::Sent);
        assert_eq!(outcome_of(WEBMAIL, asked, 200, JSON, Some(json)), Outcome::Sent);
    }
    let kept = Request::post("/?_task=mail&_saveonly=1", SEND).asked_of(WEBMAIL).expect("natural");
    assert_eq!(outcome_of(WEBMAIL, &kept, 200, HTML, Some(&sent)), Outcome::Unclear);
}

#[test]
fn a_subject_that_reads_like_a_command_counts_nothing() {
    let subject = r#"this.sent_successfully(\"x\"); parent.rcmail.sent_successfully("#;
    let listing = format!(
        r#"{{"action":"list","exec":"this.add_message_row(1,{{\"subject\":\"{}\"}});\n"}}"#,
        subject.replace('\\', "\\\\\\")
    );
    let escaped =
        r#"{"action":"list","exec":"this.add_message_row(1,{\"subject\":\"\\nthis.sent_successfully(1)\"});\n"}"#;
    let elsewhere = r#"{"exec":"","env":{"x":"\nthis.sent_successfully(1);\n"},"this":"\nthis.sent_successfully("}"#;
    let page = frame_page("\tparent.rcmail.show(\"\\nparent.rcmail.sent_successfully(\\\"x\\\")\");\n");
    let text = "<html><body><p>\nparent.rcmail.sent_successfully(\"x\");\n&lt;script&gt;\nparent.rcmail.sent_successfully(1);\n</p></body></html>";
    let view = Asked::new(Action::View, Shape::Page);
    for (headers, body) in [
        (JSON, listing.as_str()),
        (JSON, escaped),
        (JSON, elsewhere),
        (HTML, &page),
        (HTML, text),
        (&["Content-Type: text/plain"], "<script>\nparent.rcmail.sent_successfully(1);\n</script>"),
        (JSON, "not json\nthis.sent_successfully(1);"),
    ] {
        assert_eq!(outcome_of(WEBMAIL, &view, 200, headers, Some(body)), Outcome::Unclear, "{body}");
    }
    // An attachment is anybody's text, also where it is of a type of Roundcube's own.
    let attached = frame_page("\tparent.rcmail.sent_successfully(\"x\");\n");
    let headers = ["Content-Type: text/html", "Content-Disposition: inline; filename=x.html"];
    assert_eq!(outcome_of(WEBMAIL, &view, 200, &headers, Some(&attached)), Outcome::Unclear);
}

#[test]
fn only_an_answer_that_proves_it_gives_a_send_back() {
    let error =
        frame_page("\tparent.rcmail.display_message(\"SMTP-Fehler (550)\",\"error\",0);\n\tparent.rcmail.x();\n");
    let draft = frame_page("\tparent.rcmail.set_draft_id(\"7\");\n\tparent.rcmail.auto_save_start();\n");
    let session = frame_page("\tparent.rcmail.session_error(\"/?_task=login&_err=session\");\n");
    let session_json = r#"{"action":"send","exec":"this.session_error(\"/?_task=login\");\n"}"#;
    let check =
        "<html><body class=\"task-error-login action-none\"><script>\nrcmail.set_env({});\n</script></body></html>";
    for (status, headers, body) in [
        (200, HTML, error.as_str()),
        (200, HTML, &draft),
        (200, HTML, &session),
        (200, JSON, session_json),
        (200, HTML, check),
        (200, HTML, "<html><body class=\"task-login action-none\"></body></html>"),
        (403, HTML, "Invalid Request"),
    ] {
        assert_eq!(outcome_of(WEBMAIL, &message(), status, headers, Some(body)), Outcome::NotSent, "{body}");
    }
    let saved_badly = frame_page(
        "\tparent.rcmail.display_message(\"x\",\"error\",0);\n\tparent.rcmail.sent_successfully(\"confirmation\",\"x\",[],true);\n",
    );
    assert_eq!(outcome_of(WEBMAIL, &message(), 200, HTML, Some(&saved_badly)), Outcome::Sent);
    for (status, body) in [
        (200, None),
        (200, Some("")),
        (500, Some(error.as_str())),
        (502, None),
        (504, Some("gateway")),
        (200, Some("cut")),
    ] {
        assert_eq!(outcome_of(WEBMAIL, &message(), status, HTML, body), Outcome::Unclear, "{status} {body:?}");
    }
}

#[test]
fn a_resend_and_a_receipt_say_it_by_a_message() {
    let shown = |kind: &str| {
        frame_page(&format!("\tparent.rcmail.display_message(\"Gesendet, \\\"error\\\"\",\"{kind}\",0);\n"))
    };
    let json =
        |kind: &str| format!(r#"{{"action":"sendmdn","exec":"this.display_message(\"Gesendet\",\"{kind}\",0);\n"}}"#);
    let of = |kind| Asked::new(Action::Send(Sending::one(kind)), Shape::Page);
    for (kind, outcome) in [("confirmation", Outcome::Sent), ("error", Outcome::NotSent), ("notice", Outcome::Unclear)]
    {
        assert_eq!(outcome_of(WEBMAIL, &of(SendingKind::Resend), 200, HTML, Some(&shown(kind))), outcome, "{kind}");
        assert_eq!(outcome_of(WEBMAIL, &of(SendingKind::Receipt), 200, JSON, Some(&json(kind))), outcome, "{kind}");
    }
    assert_eq!(outcome_of(WEBMAIL, &message(), 200, HTML, Some(&shown("confirmation"))), Outcome::Unclear);
}

#[test]
fn sign_ins_are_told_apart_by_status_and_cookies() {
    let sign_in = Request::post("/?_action=login", "_token=x&_user=a&_pass=b").asked_of(WEBMAIL).expect("natural");
    let deleted = "Set-Cookie: roundcube_sessauth=-del-; expires=Thu, 01-Jan-1970; Max-Age=0; path=/";
    let good = &[
        "Location: ./?_task=mail&_token=x",
        deleted,
        "Set-Cookie: roundcube_sessid=new; path=/; HttpOnly",
        "Set-Cookie: roundcube_sessauth=abcdefghijklmnopqrstuvwxy-5984973; path=/; HttpOnly",
    ];
    let page =
        |text: &str| format!("<html><script>\nrcmail.display_message(\"{text}\",\"warning\",0);\n</script></html>");
    let with = |deletions: usize| [&[HTML[0]][..], &vec![deleted; deletions]].concat();
    let outcome =
        |status, headers: &[&str], text: &str| outcome_of(WEBMAIL, &sign_in, status, headers, Some(&page(text)));
    assert_eq!(outcome(302, good, ""), Outcome::SignedIn);
    assert_eq!(outcome(302, &["Location: /", deleted], ""), Outcome::Unclear, "a cookie that is deleted is none");
    assert_eq!(outcome(401, &with(2), "Login failed."), Outcome::WrongPassword);
    assert_eq!(outcome(401, &with(2), "Anmeldung fehlgeschlagen."), Outcome::WrongPassword);
    assert_eq!(outcome(401, &with(1), "Ungültige Anfrage!"), Outcome::FormRefused);
    assert_eq!(outcome(401, &with(2), "Connection to storage server failed."), Outcome::NotJudged);
    assert_eq!(outcome(401, &with(2), "Too many failed login attempts. Try again later."), Outcome::NotJudged);
    assert_eq!(outcome(401, &with(2), "Verbindung zum Speicherserver fehlgeschlagen."), Outcome::NotJudged);
    assert!(messages::NOT_JUDGED.is_sorted(), "it is searched by halves");
    assert_eq!(outcome(401, &with(2), "An operator's own words."), Outcome::WrongPassword);
    assert_eq!(outcome(200, HTML, ""), Outcome::Unclear, "signed in already");
    assert_eq!(outcome(502, HTML, ""), Outcome::Unclear);
    // Renamed by the operator, and whatever the request looked like.
    let renamed = ["Set-Cookie: rc_auth=abcdefghijklmnopqrstuvwxy-5984973; path=/"];
    assert_eq!(outcome(302, &renamed, ""), Outcome::SignedIn);
    let view = Asked::new(Action::View, Shape::Page);
    assert_eq!(outcome_of(WEBMAIL, &view, 302, good, None), Outcome::SignedIn);
    // A redirect to a compose page may carry a new time slot; that is no sign-in.
    assert_eq!(outcome_of(WEBMAIL, &view, 302, &good[3..], None), Outcome::Unclear);
}

#[test]
fn the_new_session_is_the_cookie_the_answer_leaves_behind() {
    let value = |lines: &[&str]| {
        let headers = super::super::testing::header_map(lines);
        let answer = Answer { status: StatusCode::FOUND, headers: &headers, body: None };
        WEBMAIL
            .new_session_cookie(&answer, "roundcube.sessid")
            .map(|value| String::from_utf8_lossy(&value).into_owned())
    };
    let new = "Set-Cookie: roundcube_sessid=new; path=/; HttpOnly";
    let gone = "Set-Cookie: roundcube_sessid=-del-; Max-Age=0; path=/";
    assert_eq!(value(&[new]).as_deref(), Some("new"));
    assert_eq!(value(&[gone, new]).as_deref(), Some("new"));
    assert_eq!(value(&[new, gone]), None);
    assert_eq!(value(&["Set-Cookie: roundcube_sessid=x; expires=Thu, 01-Jan-1970 00:00:01 GMT"]), None);
    assert_eq!(value(&["Set-Cookie: other=x"]), None);
}

#[test]
fn signing_out_and_a_new_password_are_read_from_the_answer() {
    let out = Request::get("/?_task=logout&_token=x").asked_of(WEBMAIL).expect("natural");
    let gone = ["Content-Type: text/html", "Set-Cookie: roundcube_sessauth=-del-; Max-Age=0"];
    assert_eq!(outcome_of(WEBMAIL, &out, 200, &gone, Some("")), Outcome::SignedOut);
    assert_eq!(outcome_of(WEBMAIL, &out, 200, HTML, Some("")), Outcome::Unclear, "a bad token: still signed in");
    let password = Request::post("/?_action=plugin.password-save", "_curpasswd=a").asked_of(WEBMAIL).expect("natural");
    let page = |kind: &str| format!("<script>\nrcmail.display_message(\"x\",\"{kind}\",0);\n</script>");
    assert_eq!(outcome_of(WEBMAIL, &password, 200, HTML, Some(&page("confirmation"))), Outcome::PasswordChanged);
    assert_eq!(outcome_of(WEBMAIL, &password, 200, HTML, Some(&page("error"))), Outcome::Unclear);
}

#[test]
fn a_refused_send_speaks_in_the_compose_page_and_keeps_everything() {
    let dressed = |then| WEBMAIL.dress(&message(), &refusal(then), None).expect("it has a shape of its own");
    let stay = dressed(Then::Stay);
    assert_eq!(stay.status, StatusCode::TOO_MANY_REQUESTS, "never 403");
    assert!(stay.body.contains("<meta name=\"generator\" content=\"Roundcube\">"));
    assert!(stay.body.contains("parent.rcmail.iframe_loaded(\"loading1795491960191\");"));
    assert!(stay.body.contains("parent.rcmail.auto_save_start();"));
    assert!(
        stay.body.contains("display_message(\"Try \\u0026quot;again\\u0026quot; \\u0026lt;b\\u0026gt;in"),
        "{}",
        stay.body
    );
    assert_eq!(stay.body.matches("</script").count(), 1);
    assert_eq!(stay.body.matches("<b>").count(), 0);
    let again = dressed(Then::SendAgain(Duration::from_secs(3)));
    assert!(again.body.contains("parent.setTimeout('rcmail.command(\"send\", {})', 3000);"), "{}", again.body);
    let sign_in = dressed(Then::SignIn);
    assert!(
        sign_in.body.contains("parent.rcmail.session_error(\"/?_task=login\\u0026_err=session\");"),
        "{}",
        sign_in.body
    );
    assert!(!sign_in.body.contains("location"), "navigating would lose the text");
}

#[test]
fn a_scripts_request_gets_json_and_never_a_403() {
    let ask = |url: &str, body: &str| Request::post(url, body).asked_of(WEBMAIL).expect("natural");
    let exec = |asked: &Asked, then| {
        let dressed = WEBMAIL.dress(asked, &refusal(then), None).expect("it has a shape of its own");
        assert_eq!((dressed.status, dressed.content_type), (StatusCode::OK, "application/json; charset=UTF-8"));
        let json: serde_json::Value = serde_json::from_str(&dressed.body).expect("it is JSON");
        (
            json["exec"].as_str().expect("exec").to_owned(),
            json["unlock"].as_str().map(str::to_owned),
            json["action"].clone(),
        )
    };
    let (text, unlock, action) = exec(&ask("/?_action=mark", "_remote=1&_unlock=loading1"), Then::Stay);
    assert!(text.starts_with("this.display_message(\"Try "), "{text}");
    assert_eq!((unlock.as_deref(), action.as_str()), (Some("loading1"), Some("mark")));
    let (text, ..) = exec(&ask("/?_action=upload&_remote=1&_uploadid=upload7", ""), Then::Stay);
    assert!(text.starts_with("this.remove_from_attachment_list(\"upload7\");\nthis.display_message("), "{text}");
    let (text, ..) = exec(&ask("/?_action=refresh", "_remote=1"), Then::Stay);
    assert_eq!(text, "", "a poll is not told");
    let (text, ..) = exec(&ask("/?_action=refresh", "_remote=1"), Then::SignIn);
    assert!(text.contains("\nthis.session_error(\"/?_task=login"), "{text}");
}

#[test]
fn a_refused_frame_tells_the_window_around_it() {
    let preview = Request::get("/?_action=preview&_framed=1").asked_of(WEBMAIL).expect("natural");
    let sign_in = WEBMAIL.dress(&preview, &refusal(Then::SignIn), None).expect("a frame has its own");
    assert!(sign_in.body.contains("(window.top || window).location.href = \"/?_task=login"), "{}", sign_in.body);
    let stay = WEBMAIL.dress(&preview, &refusal(Then::Stay), None).expect("a frame has its own");
    assert!(stay.body.contains("<p>Try &quot;again&quot; &lt;b&gt;"), "{}", stay.body);
    let page = Request::get("/?_task=mail").asked_of(WEBMAIL).expect("natural");
    assert_eq!(WEBMAIL.dress(&page, &refusal(Then::Stay), None), None);
}

#[test]
fn a_sign_in_is_recognised_in_an_access_log() {
    for (method, target, status, meant) in [
        ("POST", "/?_task=login", 302, Some(LoggedSignIn::Succeeded)),
        ("POST", "/webmail/?_task=login", 401, Some(LoggedSignIn::Failed)),
        ("POST", "/index.php?a=b&_task=login", 503, Some(LoggedSignIn::Unclear)),
        ("GET", "/?_task=login", 200, None),
        ("POST", "/?_task=login2", 302, None),
        ("POST", "/?_task=mail&_action=send", 200, None),
        ("POST", "/", 302, None),
    ] {
        assert_eq!(WEBMAIL.logged_sign_in(method, target, status), meant, "{method} {target} {status}");
    }
}

fn composed(body: &str) -> Composed {
    let form = php::Form::read_whole(Some(&http::HeaderValue::from_static(URLENCODED)), body.as_bytes(), 1000);
    WEBMAIL.composed(&form.expect("it is a form")).expect("Roundcube's messages can be read")
}

#[test]
fn a_message_is_read_from_its_form_as_it_will_be() {
    let message = composed(SEND);
    assert_eq!(message.to, "bob@campus.example,Carol <carol@campus.example>,dave@campus.example,");
    assert_eq!((&*message.subject, &*message.text, message.is_html), ("Hello", "Hi&", false));
    assert_eq!(message.from, "", "the number of an identity is no sender");
    let attached: Vec<&str> = message.attachments.iter().map(|file| file.id.as_str()).collect();
    assert_eq!(attached, ["1", "2"]);

    let html = "_from=Boss+%3Cceo%40bank.example%3E&_is_html=1&_message=%3Cp%3E%C3%A9%3C/p%3E&_replyto=r%40x.example\
                &_attachments=%2C..%2F7%2C&_bcc=b%40x.example";
    let message = composed(html);
    assert_eq!((&*message.from, &*message.text), ("Boss <ceo@bank.example>", "<p>é</p>"));
    assert_eq!((&*message.reply_to, &*message.bcc, message.is_html), ("r@x.example", "b@x.example", true));
    assert_eq!(message.attachments[0].id, "7", "what goes into an address is letters and digits");
    assert_eq!(
        composed("_subject=only&_message%5B%5D=x"),
        Composed { subject: "only".to_owned(), ..Composed::default() }
    );
}

#[test]
fn a_message_says_where_it_wants_its_answers_unless_it_only_numbers_an_identity() {
    for (fields, outside) in [
        ("_from=1", false),
        ("_from=1&_replyto=&_followupto=", false),
        ("_from=1&_replyto=Office+%3Coffice%40campus.example%3E", false),
        ("_from=Alice+%3Calice%40campus.example%3E", false),
        ("_from=1&_replyto=office%40campus.example%2C+out%40elsewhere.example", true),
        ("_from=1&_followupto=out%40elsewhere.example", true),
        ("_from=Boss+%3Cceo%40bank.example%3E", true),
        ("_from=1&_replyto=%22office%40campus.example%22%40elsewhere.example", true),
    ] {
        let sent = format!("_task=mail&_action=send&_to=bob%40campus.example&{fields}");
        let sending = sending(Request::post("/?_task=mail&_action=send", &sent));
        assert_eq!(sending.answers.is_outside(&["campus.example".to_owned()]), outside, "{fields}");
        assert_eq!(sending.answers == Aim::default(), !fields.contains("%40"), "{fields}");
    }
}

#[test]
fn what_is_fetched_from_the_product_is_named_by_the_form_and_nothing_else_gets_into_the_address() {
    let form = |body: &str| {
        let kind = http::HeaderValue::from_static(URLENCODED);
        php::Form::read_whole(Some(&kind), body.as_bytes(), 1000).expect("it is a form")
    };
    let query = |query: &str| php::Fields::from_query(query.as_bytes(), 1000);
    let file = crate::domain::composed::Attached { id: "17".to_owned() };
    let attached = |body: &str, from: &str| WEBMAIL.attached_at(&query(from), &form(body), &file);
    let expected = "?_task=mail&_action=display-attachment&_id=9085b&_file=rcmfile17";
    assert_eq!(attached("_id=9085b", "").as_deref(), Some(expected));
    assert_eq!(attached("_to=a", "_id=9085b").as_deref(), Some(expected));
    assert_eq!(
        attached("_id=9085b%26_action%3Dlogout", "").as_deref(),
        Some("?_task=mail&_action=display-attachment&_id=9085bactionlogout&_file=rcmfile17")
    );
    assert_eq!(attached("_to=a", ""), None);

    let resent = |body: &str| WEBMAIL.resent_at(&query("_mbox=Sent"), &form(body));
    let source = "?_task=mail&_action=viewsource&_uid=8&_mbox=";
    assert_eq!(resent("_uid=8&_mbox=INBOX"), Some(format!("{source}INBOX")));
    assert_eq!(resent("_uid=8"), Some(format!("{source}Sent")));
    assert_eq!(resent("_uid=8&_mbox=A%26_save%3D1"), Some(format!("{source}A%26_save%3D1")));
    assert_eq!(resent("_mbox=INBOX"), None);
}

#[test]
fn what_hides_traces_is_told_from_tidying_elsewhere() {
    for (url, body, expected) in [
        ("/?_task=mail&_action=delete", "_uid=3&_mbox=Sent&_remote=1", "hide traces"),
        ("/?_task=mail&_action=move", "_uid=3&_mbox=INBOX%2FSent+Items&_target_mbox=Trash&_remote=1", "hide traces"),
        ("/?_task=mail&_action=mark", "_uid=3&_flag=delete&_mbox=Sent&_remote=1", "hide traces"),
        ("/?_task=settings&_action=purge", "_mbox=Sent&_remote=1", "hide traces"),
        ("/?_task=mail&_action=delete", "_uid%5B%5D=7-INBOX&_uid%5B%5D=3-Sent&_mbox=INBOX&_search=x", "hide traces"),
        ("/?_task=mail&_action=delete", "_uid=7-INBOX%2C3-Sent&_mbox=INBOX&_search=x&_remote=1", "hide traces"),
        ("/?_task=mail&_action=move", "_uid%5BSent%5D%5B%5D=3&_mbox=INBOX&_target_mbox=Trash", "hide traces"),
        ("/?_task=mail&_action=delete", "_uid=*&_mbox=INBOX&_search=x&_remote=1", "hide traces"),
        ("/?_task=mail&_action=delete", "_uid=*&_mbox=INBOX&_search=&_remote=1", "view"),
        ("/?_task=mail&_action=delete", "_uid%5B%5D=7-INBOX&_uid%5B%5D=3-Sent-by-others&_mbox=INBOX&_search=x", "view"),
        ("/?_task=mail&_action=delete", "_uid%5B%5D=7-Drafts&_uid%5B%5D=3-Lists&_mbox=INBOX&_search=x", "view"),
        ("/?_task=mail&_action=mark", "_uid=3&_flag=flagged&_mbox=Sent&_remote=1", "view"),
        ("/?_task=mail&_action=delete", "_uid=3&_mbox=INBOX&_remote=1", "view"),
        ("/?_task=mail&_action=move", "_uid=3&_mbox=INBOX&_target_mbox=Sent&_remote=1", "view"),
        ("/?_task=mail&_action=list&_mbox=Sent&_remote=1", "", "view"),
    ] {
        let request = if body.is_empty() { Request::get(url) } else { Request::post(url, body) };
        assert_eq!(action(request), expected, "{url} {body}");
    }
}

#[test]
fn an_operator_is_told_where_mail_goes_and_what_was_touched() {
    for (url, body, expected) in [
        (
            "/",
            "_task=settings&_action=save-identity&_iid=1&_name=Boss&_email=ceo%40bank.example&_reply-to=a%40b.example\
             &_bcc=&_signature=see+https%3A%2F%2Fevil.example",
            &["ceo@bank.example", "a@b.example", "a signature with a link"][..],
        ),
        (
            "/",
            "_task=settings&_action=plugin.managesieve-save&_framed=1&_fid=&_name=x&_action_type%5B0%5D=redirect\
             &_action_target%5B0%5D=out%40evil.example&_action_type%5B1%5D=discard",
            &["out@evil.example"],
        ),
        (
            "/?_task=settings&_action=plugin.managesieve-saveraw",
            "_set=x&rawsetcontent=redirect+%22out%40evil.example%22%3B",
            &["out@evil.example"],
        ),
        (
            "/?_task=settings&_action=plugin.managesieve-forward",
            "forward_action=copy&action_target=out%40evil.example&forward_status=on&_remote=1",
            &["out@evil.example"],
        ),
        ("/?_task=mail&_action=delete", "_uid=3&_mbox=Sent&_remote=1", &["folder Sent"]),
        ("/?_task=addressbook&_action=export&_source=0&_token=t", "", &[]),
        ("/?_task=mail&_action=viewsource&_uid=3&_mbox=INBOX&_save=1", "", &["folder INBOX"]),
    ] {
        let request = if body.is_empty() { Request::get(url) } else { Request::post(url, body) };
        assert_eq!(request.targets_of(WEBMAIL), expected, "{url} {body}");
    }
}
