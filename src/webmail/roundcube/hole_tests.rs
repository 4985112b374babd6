//! For each rule the attack, and the innocent requests that resemble it.

use super::super::testing::Request;
use super::*;

const WEBMAIL: &Roundcube = &Roundcube;

const SIGN_IN: &str = "_token=x&_task=login&_action=login&_timezone=Europe%2FBerlin&_url=&_pass=b";

fn refused(request: Request<'_>) -> Option<&'static str> {
    request.asked_of(WEBMAIL).err().map(|unnatural| unnatural.rule)
}

/// Attacks as they were published or as the mended code shows them, and the rule that stops each.
#[test]
fn every_attack_is_stopped_by_its_rule() {
    let sign_in = |field: &str| format!("{SIGN_IN}&{field}");
    let filter = |field: &str| format!("_task=settings&_action=plugin.managesieve-save&_framed=1&_fid=&{field}");
    let identity = |field: &str| format!("_task=settings&_action=save-identity&_iid=1&{field}");
    let send = |field: &str| format!("_task=mail&_action=send&_id=1&_to=a@b&{field}");
    let attacks: Vec<(&str, Request<'_>)> = vec![
        (
            "hole:upload-from",
            Request::post(
                "/?_task=settings&_remote=1&_from=edit-!%22;i:0;O:16:%22Crypt_GPG_Engine%22&_action=upload",
                "",
            ),
        ),
        ("hole:upload-from", Request::post("/?_task=settings&_from=edit-%21xxx&_action=attachment-upload", "")),
        ("hole:upload-from", Request::get("/?_task=settings&_action=upload-display&_from=a%7Cb&_file=rcmfile1")),
        ("hole:upload-file", Request::get("/?_task=settings&_action=upload-display&_from=timezone&_file[]=rcmfile1")),
        ("hole:upload-file", Request::get("/?_task=settings&_action=upload-display&_from=x&_file=..%2F..%2Fpasswd")),
        (
            "hole:sign-in-zone",
            Request::post("/", "_token=x&_action=login&_user=a&_pass=b&_timezone[files][1][path]=%2Fetc%2Fpasswd"),
        ),
        ("hole:sign-in-zone", Request::post("/", "_token=x&_action=login&_user=a&_pass=b&_timezone=a%22b")),
        ("hole:search-text", Request::get("/?_task=mail&_action=search&_q=x%0d%0aA1+DELETE+INBOX&_mbox=INBOX")),
        ("hole:search-text", Request::get("/?_task=mail&_action=search&_q[]=x")),
        ("hole:search-filter", Request::get("/?_task=mail&_action=search&_filter=ALL%0aA1+LOGOUT")),
        ("hole:search-headers", Request::get("/?_task=mail&_action=search&_headers=subject%0d")),
        ("hole:search-headers", Request::get("/?_task=mail&_action=search&_headers[%0d]=subject")),
        ("hole:search-scope", Request::get("/?_task=mail&_action=search&_scope=base%0a")),
        ("hole:search-interval", Request::get("/?_task=mail&_action=search&_interval=1W%00")),
        ("hole:folder", Request::get("/?_task=mail&_action=search&_mbox=INBOX%0d%0aA1")),
        ("hole:folder", Request::post("/?_task=mail&_action=list", "_mbox=INBOX%0aA1+LOGOUT&_remote=1")),
        ("hole:message-number", Request::get("/?_task=mail&_action=viewsource&_uid=1%0d%0aA1+LOGOUT")),
        ("hole:message-number", Request::post("/?_task=mail&_action=move", "_uid[INBOX][]=1%0a2&_remote=1")),
        ("hole:message-number", Request::post("/?_task=mail&_action=move", "_uid[IN%0aBOX][]=1&_remote=1")),
        ("hole:flag", Request::post("/?_task=mail&_action=mark", "_uid=1&_flag=seen)%0d%0aA1+LOGOUT&_remote=1")),
        ("hole:compose-id", Request::get("/?_task=mail&_action=compose&_message-id=x%0d%0aBcc:+a@b")),
        ("hole:compose-id", Request::get("/?_task=mail&_action=compose&message-id=x%0aBcc:+a@b")),
        ("hole:compose-reply-to", Request::get("/?_task=mail&_action=compose&_in-reply-to=x%0dBcc:+a@b")),
        ("hole:compose-references", Request::get("/?_task=mail&_action=compose&_references=x%0aBcc:+a@b")),
    ];
    for (rule, request) in attacks {
        assert_eq!(refused(request), Some(rule), "{} {:?}", request.url, request.body.map(<[u8]>::escape_ascii));
    }
    for (rule, body) in [
        ("hole:sign-in-name", sign_in("_user=x%27%5C")),
        ("hole:sign-in-name", sign_in("_user=x%5C%27+OR+1%3D1--+")),
        ("hole:sign-in-name", sign_in("_user=EXAMPLE%5Calice%27--")),
        ("hole:sign-in-name", sign_in("_user=a%5Cb%5Cc")),
        ("hole:sign-in-name", sign_in("_user=%5Calice")),
        ("hole:sign-in-name", sign_in("_user=*)(uid=*")),
        ("hole:sign-in-name", sign_in("_user=a%00b")),
        ("hole:sign-in-name", sign_in("_user=a%0ab")),
        ("hole:filter-name", filter("_name=x%0d%0aredirect+%22thief@elsewhere.example%22;")),
        ("hole:filter-operator", filter("_name=x&_rule_op[0]=is+%22x%22+{redirect")),
        ("hole:filter-operator", filter("_name=x&_rule_op=is%22")),
        ("hole:filter-modifier", filter("_name=x&_action_varmods[0][]=lower+%22x%22;redirect")),
        (
            "hole:saved-session",
            "_task=utils&_action=save-pref&_name=list_cols&_session=config/plugins&_value=x".to_owned(),
        ),
        ("hole:current-password", "_task=settings&_action=plugin.password-save&_curpasswd[]=x&_newpasswd=y".to_owned()),
        ("hole:identity-address", identity("_email=%25s%3Bid%40example.edu")),
        ("hole:identity-address", identity("_email=a@b%0aBcc:+c@d")),
        ("hole:identity-name", identity("_email=a@b&_name=Alice%0d%0aBcc:+c@d")),
        ("hole:identity-organization", identity("_email=a@b&_organization=Example%0aBcc:+c@d")),
        ("hole:subject", send("_from=1&_subject=Hello%0d%0aBcc:+c@d")),
        ("hole:subject", send("_from=1&_subject=Hello%0dBcc:+c@d")),
        ("hole:sender", send("_from=a@b+-OQueueDirectory%3D/tmp+-X/var/www/x.php")),
        ("hole:sender", send("_from=Alice+%3Ca@b+-X/x.php%3E")),
        ("hole:sender", send("_from=%3Ca@b%3E+-X/x.php")),
        ("hole:sender", send("_from=Alice%0d%0aBcc:+c@d+%3Ca@b%3E")),
    ] {
        assert_eq!(refused(Request::post("/", &body)), Some(rule), "{body}");
    }
}

#[test]
fn innocent_requests_that_resemble_attacks_pass() {
    for user in [
        "alice",
        "alice.b-c_d",
        "alice%2Bnews%40example.edu",
        "o%27brien%40example.edu",
        "EXAMPLE%5Calice",
        "%20Alice%20",
        "m%C3%BCller%40example.edu",
        "100%25alice",
        "al%24ice",
    ] {
        let body = format!("{SIGN_IN}&_user={user}");
        assert_eq!(refused(Request::post("/", &body)), None, "{user}");
    }
    for zone in ["Europe%2FBerlin", "America%2FPort-au-Prince", "Etc%2FGMT%2B3", "UTC", "-3.5", "_default_", ""] {
        let body = format!("_token=x&_action=login&_user=a&_pass=b&_timezone={zone}");
        assert_eq!(refused(Request::post("/", &body)), None, "{zone}");
    }
    // Message text says what it likes: armour, markup, code, other people's attacks.
    let text = "-----BEGIN+PGP+MESSAGE-----%0D%0A%0D%0AhQEMA%2F8%3D%0D%0A%3D%2Bx1y%0D%0A-----END+PGP+MESSAGE-----%0D%0A\
        %3Cscript%3Ealert(1)%3C/script%3E%3C?php+system($_GET[%27c%27]);+O:8:%22stdClass%22:0:{}+%27+OR+1%3D1--+../../etc/passwd%00";
    let send = "_task=mail&_action=send&_id=1&_to=a@b&_is_html=1&_subject=50%25+off:+O%27Brien+%5C+%28x%29+*&";
    for field in [
        format!("_from=1&_message={text}"),
        format!("_from=Alice+M%C3%BCller+%3Calice%40example.edu%3E&_message={text}"),
        format!("_from=%22M%C3%BCller,+A.+-X%22+%3Calice%40example.edu%3E&_message={text}"),
        format!("_from=alice-x%2By%40example.edu&_message={text}"),
    ] {
        let body = format!("{send}{field}");
        assert_eq!(refused(Request::post("/", &body)), None, "{body}");
    }
    for url in [
        "/?_task=mail&_action=search&_interval=1W&_q=100%25+%22quoted%22+M%C3%BCller+%28x%29+*+%5C&_headers=subject,from&_scope=base&_filter=UNSEEN&_mbox=INBOX",
        "/?_task=mail&_action=search&_q=a%09b&_filter=OR+HEADER+X+Y+LARGER+100&_mbox=Gel%26APY-schtes%2F2026",
        "/?_task=mail&_action=list&_mbox=a.b%2Fc%27d&_headers%5B%5D=x",
        "/?_task=mail&_action=viewsource&_uid=12-INBOX&_mbox=INBOX",
        "/?_task=mail&_action=show&_uid=12.1.2&_mbox=INBOX",
        "/?_task=mail&_action=compose&_to=mailto:a@b?subject%3Dx%26body%3Da%250D%250Ab&_in-reply-to=%3Cx%40y%3E",
        "/?_task=mail&_action=compose&_body=a%0D%0Ab",
        "/?_task=settings&_action=upload-display&_from=edit-identity&_file=rcmfile0123456789",
        "/?_task=addressbook&_action=search&_q=O%27Brien&_headers=*",
    ] {
        assert_eq!(refused(Request::get(url)), None, "{url}");
    }
    for (url, body) in [
        ("/?_task=mail&_remote=1&_from=compose&_id=1&_uploadid=upload1&_action=upload", ""),
        ("/?_task=settings&_remote=1&_from=add-identity&_uploadid=upload1&_action=upload", ""),
        ("/?_task=mail&_action=move", "_uid=1,2,3-Archive&_mbox=INBOX&_target_mbox=Trash&_remote=1"),
        ("/?_task=mail&_action=move", "_uid%5BINBOX%5D%5B%5D=1&_uid%5BArchive%5D=*&_remote=1"),
        ("/?_task=mail&_action=mark", "_uid=3&_flag=flagged&_mbox=INBOX&_remote=1"),
        (
            "/?_task=utils&_action=save-pref",
            "_name=list_cols&_value[]=subject&_session=list_attrib%2Fcolumns&_remote=1",
        ),
        ("/?_task=utils&_action=save-pref", "_name=collapsed_folders&_value=%26INBOX%26&_remote=1"),
        (
            "/",
            "_task=settings&_action=plugin.managesieve-save&_fid=&_name=Urlaub+%C3%BCber+%23+%22x%22+[1]+%7B&_rule_op%5B%5D=notcontains&_rule_op[1]=count-gt&_rule_target[0]=a%0D%0Ab&_action_varmods[0][]=lower",
        ),
        ("/", "_task=settings&_action=plugin.managesieve-saveraw&_set=x&rawsetcontent=if+true%0D%0A%7B+stop;+%7D"),
        ("/", "_task=settings&_action=plugin.password-save&_curpasswd=0e1&_newpasswd=a%5Cb%27%25&_confpasswd=x"),
        (
            "/",
            "_task=settings&_action=save-identity&_iid=1&_name=M%C3%BCller+%22Al%22+100%25&_email=a%2Bb%40example.edu&_organization=A+%26+B,+100%25&_signature=--%0D%0AAlice",
        ),
        ("/?_task=mail&_action=attachment-rename", "_id=1&_file=rcmfile1&_name=a%0Ab&_remote=1"),
    ] {
        assert_eq!(refused(Request::post(url, body)), None, "{url} {body}");
    }
}

#[test]
fn a_rule_that_was_opened_is_not_asked() {
    let query = php::Fields::from_query(b"_action=search&_q=a%0ab", 1000);
    let reading = Reading {
        method: &Method::GET,
        path: "/",
        query: &query,
        cookies: &php::Cookies::default(),
        form: None,
        headers: &HeaderMap::new(),
        session_cookie: "roundcube_sessid",
    };
    assert_eq!(WEBMAIL.close_holes(&reading, &[]), Err(Unnatural { rule: "hole:search-text" }));
    assert_eq!(WEBMAIL.close_holes(&reading, &["hole:folder"]), Err(Unnatural { rule: "hole:search-text" }));
    assert_eq!(WEBMAIL.close_holes(&reading, &["hole:search-text"]), Ok(()));
}

#[test]
fn the_version_stands_in_the_page_since_1_6() {
    let version = |page: &str| WEBMAIL.version(page).map(|version| version.to_string());
    assert_eq!(version("rcmail.set_env({\"task\":\"login\",\"rcversion\":10616,\"x\":1})").as_deref(), Some("1.6.16"));
    assert_eq!(version("\"rcversion\":10700").as_deref(), Some("1.7.0"));
    for none in ["", "\"rcversion\":", "\"rcversion\":\"x\"", "\"rcversion\":99999999999999"] {
        assert_eq!(version(none), None, "{none}");
    }
}
