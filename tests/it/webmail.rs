//! What holds for every webmail adapter, and for requests and answers of any bytes.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use mailward::domain::{Action, Outcome};
use mailward::webmail::php::{Cookies, Fields, Form, FormReader};
use mailward::webmail::{self, Answer, Asked, Place, Reading, Refusal, Shape, Then, Unnatural, Webmail};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const MAX_INPUT_VARS: usize = 1000;

#[test]
fn every_adapter_has_a_name_of_its_own_and_is_found_by_it() {
    for (place, webmail) in webmail::ALL.iter().enumerate() {
        assert_eq!(webmail::by_id(webmail.id()).map(Webmail::id), Some(webmail.id()));
        assert!(webmail::ALL[..place].iter().all(|other| other.id() != webmail.id()));
        assert!(webmail.needs_field(webmail.session_cookie().as_bytes()), "a session id in a body is seen");
    }
}

#[test]
fn every_adapter_serves_its_front_page_and_nothing_that_is_hidden() {
    for webmail in webmail::ALL {
        assert_eq!(webmail.place("/", &[]), Place::Script, "{}", webmail.id());
        for hidden in
            ["/.env", "/.git/HEAD", "/config/x.png", "/x.php", "/shell.php/x", "/plugins/x/shell.php", "/data/x", ""]
        {
            assert_eq!(webmail.place(hidden, &[]), Place::Never, "{} {hidden}", webmail.id());
        }
        assert_eq!(webmail.place("/x.php", &["/x.php".to_owned()]), Place::Script, "{}", webmail.id());
    }
}

#[test]
fn every_adapter_counts_nothing_it_cannot_read() {
    for webmail in webmail::ALL {
        for status in [StatusCode::OK, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT] {
            let answer = Answer { status, headers: &HeaderMap::new(), body: None };
            let asked = Asked::new(Action::View, Shape::Page);
            assert_eq!(webmail.outcome(&asked, &answer), Outcome::Unclear, "{} {status}", webmail.id());
        }
    }
}

/// Pieces that mean something to PHP or to a product, so that random requests come near the interesting ones.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        &b"_task"[..],
        b"_action",
        b"_to",
        b"_draft",
        b"_user",
        b"_pass",
        b"_charset",
        b"_saveonly",
        b"_uid",
        b"_timezone",
        b"mailtodata",
        b"attachments",
        b"newidentities[0][email_address]",
        b"a:1:{i:0;",
        b"O:7:\"Message\":0:{}",
        b"s:1:\"x\";",
        b"send",
        b"send1",
        b"draft",
        b"send_to",
        b"login_username",
        b"secretkey",
        b"sendreceipt",
        b"mail",
        b"login",
        b"bounce",
        b"logout",
        b"=",
        b"=",
        b"=",
        b"&",
        b"&",
        b"&",
        b"+",
        b".",
        b"[",
        b"]",
        b"[]",
        b"%5f",
        b"%00",
        b"%",
        b"\0",
        b"\xff",
        b"a@b,c@d",
        b"\"",
        b"<",
        b"\r\n",
        b"--B",
        b"\r\n--B\r\n",
        b"--B--\r\n",
        b"Content-Disposition: form-data; name=\"",
        b"\"\r\n\r\n",
        b"; filename=\"",
    ])
    .prop_map(<[u8]>::to_vec);
    prop_oneof![8 => known, 1 => vec(any::<u8>(), 0..12)]
}

fn bytes(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..pieces).prop_map(|pieces| pieces.concat())
}

fn content_type() -> impl Strategy<Value = &'static str> {
    select(vec![
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data",
        "text/plain",
    ])
}

fn path() -> impl Strategy<Value = &'static str> {
    select(vec![
        "/",
        "/index.php",
        "/src/compose.php",
        "/src/redirect.php",
        "/src/read_body.php",
        "/src/options.php",
        "/plugins/filters/options.php",
        "/plugins/vacation/x.php",
    ])
}

/// The body as a reader makes it that gets it in pieces cut at `cuts`.
fn form(
    webmail: &'static dyn Webmail,
    content_type: &str,
    body: &[u8],
    cuts: &[usize],
) -> Option<Result<Form, Unnatural>> {
    let content_type = HeaderValue::from_str(content_type).expect("a header value");
    let keep = webmail::keeps(webmail, webmail.session_cookie());
    let mut reader = FormReader::new(Some(&content_type), MAX_INPUT_VARS, keep)?;
    let mut rest = body;
    for cut in cuts {
        let (chunk, after) = rest.split_at(cut % (rest.len() + 1));
        reader.push(chunk);
        rest = after;
    }
    reader.push(rest);
    Some(reader.finish())
}

struct Sent<'a> {
    path: &'a str,
    query: &'a [u8],
    cookie: &'a [u8],
    headers: &'a HeaderMap,
}

fn classify(webmail: &'static dyn Webmail, sent: &Sent<'_>, form: Option<&Form>) -> Result<Asked, Unnatural> {
    let reading = Reading {
        method: if form.is_some() { &Method::POST } else { &Method::GET },
        path: sent.path,
        query: &Fields::from_query(sent.query, MAX_INPUT_VARS),
        cookies: &Cookies::read([sent.cookie].into_iter()),
        form,
        headers: sent.headers,
        session_cookie: webmail.session_cookie(),
    };
    let _ = webmail.shape(&reading);
    let asked = webmail.classify(&reading)?;
    webmail.close_holes(&reading, &[]).map(|()| asked)
}

static LANGUAGES: std::sync::LazyLock<mailward::challenge::words::Languages> =
    std::sync::LazyLock::new(Default::default);

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_a_body_is_cut_the_request_is_classified_the_same(
        path in path(), query in bytes(8), cookie in bytes(6), kind in content_type(), body in bytes(40),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        for webmail in webmail::ALL.iter().copied() {
            let sent = Sent { path, query: &query, cookie: &cookie, headers: &HeaderMap::new() };
            let whole = form(webmail, kind, &body, &[]);
            let cut = form(webmail, kind, &body, &cuts);
            prop_assert_eq!(&whole, &cut);
            let classified = |form: Option<Result<Form, Unnatural>>| match form {
                Some(Err(unnatural)) => Err(unnatural),
                Some(Ok(form)) => classify(webmail, &sent, Some(&form)),
                None => classify(webmail, &sent, None),
            };
            prop_assert_eq!(classified(whole), classified(cut));
        }
    }

    #[test]
    fn a_form_read_whole_is_the_form_read_in_pieces(kind in content_type(), body in bytes(40)) {
        let header = HeaderValue::from_str(kind).expect("a header value");
        let whole = Form::read_whole(Some(&header), &body, MAX_INPUT_VARS);
        for webmail in webmail::ALL.iter().copied() {
            let Some(Ok(pieces)) = form(webmail, kind, &body, &[body.len() / 2]) else { continue };
            let whole = whole.as_ref().expect("the same type is parsed");
            for (name, text) in pieces.fields().iter() {
                prop_assert_eq!(text, whole.fields().text(name));
                prop_assert_eq!(pieces.fields().times_sent(name), whole.fields().times_sent(name));
            }
            prop_assert_eq!(pieces.fields().count(), whole.fields().count());
        }
    }

    #[test]
    fn no_answer_of_any_bytes_is_too_odd_to_be_read(
        status in select(vec![200_u16, 302, 401, 403, 500]),
        kind in select(vec!["text/html", "application/json", "application/json; charset=UTF-8", "text/plain", ""]),
        cookie in "[ -~]{0,40}",
        location in "[ -~]{0,60}",
        body in vec(select(vec![
            &b"<script>"[..], b"</script>", b"\n", b"\tparent.rcmail.", b"this.", b"sent_successfully(", b"display_message(",
            b"\"x\",\"error\",0", b");", b"{\"exec\":\"", b"\"}", b"<body", b">", b"task-login", b"\xff", b"\\n", b"name=\"compose\"", b"name=\"send_to\"",
        ]), 0..20),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::CONTENT_TYPE, kind), (header::SET_COOKIE, &cookie), (header::LOCATION, &location)] {
            headers.append(name, HeaderValue::from_str(value).expect("visible ASCII"));
        }
        let body = body.concat();
        let answer = Answer { status: StatusCode::from_u16(status).expect("a status"), headers: &headers, body: Some(&body) };
        for webmail in webmail::ALL {
            let _ = webmail.outcome(&Asked::new(Action::View, Shape::Page), &answer);
            let _ = webmail.new_session_cookie(&answer, webmail.session_cookie());
        }
    }

    #[test]
    fn a_refusal_never_becomes_script_or_markup(
        sentence in any::<String>(), word in "[a-zA-Z0-9]{0,20}", action in "[a-zA-Z0-9._-]{0,20}", base in "/([a-z]{1,8}/)?",
    ) {
        let shapes = [
            Shape::Frame,
            Shape::FramedForm { unlock: Some(word.clone()) },
            Shape::Ajax { action, unlock: Some(word.clone()), upload: Some(word) },
        ];
        for webmail in webmail::ALL {
            for shape in &shapes {
                for then in [Then::Stay, Then::SendAgain(std::time::Duration::from_secs(3)), Then::SignIn] {
                    let refusal = Refusal {
                        title: "",
                        status: StatusCode::FORBIDDEN, sentence: &sentence, base: &base, retry_after: None, then,
                        words: LANGUAGES.spoken(None),
                    };
                    let plain = Refusal { sentence: "", ..refusal.clone() };
                    let asked = Asked::new(Action::View, shape.clone());
                    let Some(dressed) = webmail.dress(&asked, &refusal, None) else { continue };
                    let Some(plain) = webmail.dress(&asked, &plain, None) else { continue };
                    prop_assert_ne!(dressed.status, StatusCode::FORBIDDEN);
                    if dressed.content_type.starts_with("application/json") {
                        let json: serde_json::Value = serde_json::from_str(&dressed.body).expect("it is JSON");
                        let lines = |json: &serde_json::Value| json["exec"].as_str().map(|exec| exec.lines().count());
                        let plain: serde_json::Value = serde_json::from_str(&plain.body).expect("it is JSON");
                        prop_assert_eq!(lines(&json), lines(&plain));
                    } else {
                        // As many tags and as many script lines as with nothing to say.
                        prop_assert_eq!(dressed.body.matches('<').count(), plain.body.matches('<').count());
                        let script = |page: &str| page.split("</script").next().map(|script| script.matches('\n').count());
                        prop_assert_eq!(script(&dressed.body), script(&plain.body));
                    }
                }
            }
        }
    }
}
