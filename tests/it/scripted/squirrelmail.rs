//! Mailward in front of a stand-in for SquirrelMail: PHP itself reads what comes, and shares nothing with Mailward's
//! own reading of PHP.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::posting;
use crate::stack::{Answer, Client, Gateway, Settings, free_ports, until};

/// The stand-in; it ends with the test.
pub struct SquirrelMail {
    process: Child,
    state: tempfile::TempDir,
    pub address: SocketAddr,
}

impl SquirrelMail {
    pub async fn start() -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let [address] = free_ports();
        let process = Command::new("php")
            .args(["-S", &address.to_string(), "-t"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/squirrelmail"))
            .env("STATE", state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php is installed (Debian's php8.2-cli; tests/run installs it)");
        until("PHP listens", 20, async || tokio::net::TcpStream::connect(address).await.ok()).await;
        Self { process, state, address }
    }

    /// What it did so far of one kind: `login`, `draft`, `sent`.
    pub fn did(&self, what: &str) -> Vec<serde_json::Value> {
        fs::read_to_string(self.state.path().join("log"))
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str(line).expect("the stand-in writes JSON"))
            .filter(|line: &serde_json::Value| line.get(what).is_some())
            .collect()
    }
}

impl Drop for SquirrelMail {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn with_squirrelmail(sections: &str) -> (SquirrelMail, Gateway) {
    let webmail = SquirrelMail::start().await;
    let settings = Settings { webmail: Some("squirrelmail"), ..Settings::sections(sections) };
    let gateway = Gateway::start(webmail.address, &settings).await;
    (webmail, gateway)
}

pub async fn sign_in(client: &mut Client, name: &str, password: &str) -> Answer {
    let fields =
        [("login_username", name), ("secretkey", password), ("js_autodetect_results", "1"), ("just_logged_in", "1")];
    client.post("/src/redirect.php", &fields).await
}

async fn signed_in(gateway: &Gateway, name: &str) -> Client {
    let mut client = gateway.client();
    let answer = sign_in(&mut client, name, "right").await;
    assert_eq!(answer.status, 302, "{}", answer.text());
    client
}

/// The compose form as browsers post it, in its charset, with this button and this file not yet added.
pub fn composed(fields: &[(&str, &[u8])], button: (&str, &str), file: Option<&[u8]>) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    let mut part = |head: &str, value: &[u8]| {
        body.extend(format!("------boundary\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes());
        body.extend(value);
        body.extend(b"\r\n");
    };
    for (name, value) in fields {
        part(&format!("name=\"{name}\""), value);
    }
    part(&format!("name=\"{}\"", button.0), button.1.as_bytes());
    part("name=\"MAX_FILE_SIZE\"", b"2097152");
    match file {
        Some(content) => part("name=\"attachfile\"; filename=\"a.txt\"\r\nContent-Type: text/plain", content),
        None => part("name=\"attachfile\"; filename=\"\"\r\nContent-Type: application/octet-stream", b""),
    }
    body.extend(b"------boundary--\r\n");
    ("multipart/form-data; boundary=----boundary".to_owned(), body)
}

/// In windows-1252, as the product's English pages have it, with everything that markup could break.
pub const MESSAGE: &[(&str, &[u8])] = &[
    ("smtoken", b"abc"),
    ("startMessage", b"1"),
    ("session", b"7"),
    ("send_to", b"bob@c.example, \"Last, First\" <carol@c.example>"),
    ("send_to_cc", b""),
    ("send_to_bcc", b"dave@c.example"),
    ("subject", b"Gr\xfc\xdfe & \"quotes\" <b>"),
    ("body", b"\r\nFirst line\r\n  </textarea><script>alert(1)</script>\r\n\x80 100\r\n\r\n"),
    ("mailbox", b"INBOX"),
    ("odd[field]", b"unknown to Mailward"),
];

async fn press(client: &mut Client, button: (&str, &str)) -> Answer {
    let (kind, body) = composed(MESSAGE, button, None);
    let request = posting(client, "/src/compose.php", &kind, body);
    client.send(request).await
}

#[tokio::test]
async fn the_everyday_round_works_and_leads_back_to_the_address_people_use() {
    let (webmail, gateway) = with_squirrelmail("").await;
    let mut alice = gateway.client();
    assert_eq!(sign_in(&mut alice, "alice", "wrong").await.status, 200);
    let welcome = sign_in(&mut alice, "alice", "right").await;
    assert_eq!((welcome.status.as_u16(), welcome.location()), (302, "webmail.php"));
    let key = welcome.set_cookies().find(|cookie| cookie.starts_with("key=")).expect("the key cookie");
    assert!(key.contains("HttpOnly") && key.contains("Secure") && key.contains("SameSite=Strict"), "{key}");
    assert!(
        welcome.set_cookies().filter(|cookie| cookie.starts_with("SQMSESSID=")).all(|cookie| cookie.contains("Secure"))
    );
    assert!(alice.get("/src/right_main.php").await.text().contains("a list for alice"));
    let sent = press(&mut alice, ("send", "Send")).await;
    assert_eq!(sent.status, 302);
    let list = format!("{}src/right_main.php?mailbox=INBOX&sort=6&startMessage=1", gateway.url());
    assert_eq!(sent.location(), list);
    let recorded = gateway.event("sent").await;
    assert_eq!((&recorded["account"], &recorded["recipients"]), (&"alice".into(), &3.into()));
    assert_eq!(webmail.did("sent").len(), 1);
    assert_eq!(gateway.event("sign_in_failed").await["account"], "alice");
    assert_eq!(alice.get("/src/signout.php").await.status, 200);
    gateway.event("signed_out").await;
    for path in ["/src/configtest.php", "/config/config.php", "/data/alice.pref", "/stand_in.php"] {
        assert_eq!(alice.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn guesses_are_counted_by_either_method_and_the_right_one_gets_in_elsewhere() {
    let limits = "[sign_in.limits]\nfailures_per_account_and_prefix = [\"3/h\"]\nfailures_per_account = []\n";
    let (webmail, gateway) = with_squirrelmail(limits).await;
    let mut guesser = gateway.client();
    for at in 0..6 {
        guesser.get(&format!("/src/redirect.php?login_username=alice&secretkey=guess-{at}")).await;
        sign_in(&mut guesser, "alice", &format!("other-{at}")).await;
    }
    assert_eq!(webmail.did("login").len(), 3);
    let refused = guesser.get("/src/redirect.php?login_username=alice&secretkey=right").await;
    assert_eq!(refused.status, 429);
    assert_eq!(sign_in(&mut gateway.client().from([127, 0, 0, 5]), "alice", "right").await.status, 302);
}

/// One message an hour; and four people who share an address and the scripted webmail's one bad password are no thieves.
const ONE: &str = "[send.limits]\nmessages_per_account = [\"1/h\"]\nfamiliar_factor = 1.0\n\
                   [risk]\nweights = { weak_password = 0, breached_password = 0 }\n";

#[tokio::test]
async fn every_button_that_sends_counts_and_no_other_does() {
    let (webmail, gateway) = with_squirrelmail(ONE).await;
    for (at, button) in [("send", "Send"), ("send1", "Send"), ("send[]", "x"), ("send", "1")].into_iter().enumerate() {
        let mut client = signed_in(&gateway, &format!("user{at}")).await;
        for (name, value) in
            [("draft", "Save"), ("attach", "Add"), ("sigappend", "Signature"), ("send", ""), ("send", "0")]
        {
            assert_ne!(press(&mut client, (name, value)).await.status, 429, "{name}={value}");
        }
        assert_eq!(press(&mut client, button).await.status, 302, "{button:?}");
        assert_eq!(press(&mut client, button).await.status, 429, "{button:?}");
        assert_eq!(press(&mut client, ("draft", "Save")).await.status, 302, "a draft is still saved");
    }
    assert_eq!((webmail.did("sent").len(), webmail.did("draft").len()), (4, 8));
    // Spelled as no browser does it: refused, or counted, and never sent past the limit.
    let mut client = signed_in(&gateway, "speller").await;
    for name in ["+send", " send", "%73end", "send[0]", "send[a][b]"] {
        let body = format!("send_to=b%40c.example&body=x&{}=Send", name.replace(' ', "%20"));
        let request = posting(&client, "/src/compose.php", super::URLENCODED, body);
        client.send(request).await;
    }
    assert!(webmail.did("sent").len() <= 5, "{:?}", webmail.did("sent"));
}

#[tokio::test]
async fn what_was_not_sent_is_given_back_and_a_receipt_counts() {
    let (webmail, gateway) = with_squirrelmail(ONE).await;
    let mut alice = signed_in(&gateway, "alice").await;
    for to in [&b""[..], b"refused@c.example"] {
        let (kind, body) = composed(&[("send_to", to), ("body", b"x")], ("send", "Send"), None);
        let request = posting(&alice, "/src/compose.php", &kind, body);
        assert_eq!(alice.send(request).await.status, 200);
    }
    assert_eq!(press(&mut alice, ("send", "Send")).await.status, 302);
    assert_eq!(press(&mut alice, ("send", "Send")).await.status, 429);
    let mut bob = signed_in(&gateway, "bob").await;
    let receipt = "/src/read_body.php?mailbox=INBOX&passed_id=8&startMessage=1&passed_ent_id=0";
    assert_eq!(bob.get(receipt).await.status, 200);
    assert_eq!(bob.get(&format!("{receipt}&sendreceipt=1")).await.status, 200);
    assert_eq!(press(&mut bob, ("send", "Send")).await.status, 429);
    assert_eq!(webmail.did("sent").len(), 2);
}

/// The fields and the button of the page that hands a form back, as a browser reads them.
pub fn handed_back(page: &str) -> Vec<(String, String)> {
    let unescape = |text: &str| {
        let mut text = text.to_owned();
        for (escaped, plain) in [
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#34;", "\""),
            ("&#39;", "'"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ] {
            text = text.replace(escaped, plain);
        }
        text
    };
    let between = |text: &str, from: &str, to: &str| {
        let start = text.find(from).map(|at| at + from.len());
        start.and_then(|start| Some(text[start..start + text[start..].find(to)?].to_owned())).unwrap_or_default()
    };
    let form = between(page, "<form ", "</form>");
    let mut fields = Vec::new();
    let mut rest = form.as_str();
    while let Some(at) = ["<textarea ", "<input ", "<button "].iter().filter_map(|tag| rest.find(tag)).min() {
        let tag = &rest[at..];
        let name = unescape(&between(tag, "name=\"", "\""));
        let value = if tag.starts_with("<textarea") {
            // A browser drops the line end that follows the tag, and sends each line end as CR LF.
            unescape(&between(tag, ">\n", "</textarea>")).replace("\r\n", "\n").replace('\n', "\r\n")
        } else {
            unescape(&between(tag, "value=\"", "\""))
        };
        fields.push((name, value));
        rest = &tag[1..];
    }
    fields
}

#[tokio::test]
async fn a_message_at_the_limit_comes_back_in_a_page_from_which_it_is_sent_with_nothing_lost() {
    let (webmail, gateway) =
        with_squirrelmail("[send.limits]\nmessages_per_account = [\"1/2s\"]\nfamiliar_factor = 1.0\n").await;
    let mut alice = signed_in(&gateway, "alice").await;
    assert_eq!(press(&mut alice, ("send", "Send")).await.status, 302);
    let (kind, body) = composed(MESSAGE, ("send", "Send"), Some(b"a file"));
    let request = posting(&alice, "/src/compose.php", &kind, body);
    let page = alice.send(request).await;
    assert_eq!(page.status, 429);
    let text = page.text();
    assert!(text.contains("not sent yet") && text.contains("file you had chosen is not kept"), "{text}");
    assert!(text.contains("accept-charset=\"windows-1252\"") && text.contains("action=\"/src/compose.php\""), "{text}");
    assert!(!text.contains("<script>alert"), "what was written is text: {text}");
    let fields = handed_back(&text);
    assert_eq!(fields.last(), Some(&("send".to_owned(), "Send".to_owned())));

    // As the browser encodes it, in the page's charset.
    let encoded: Vec<(String, Vec<u8>)> = fields
        .iter()
        .map(|(name, value)| {
            let bytes = value.chars().map(|letter| {
                if letter == '€' { 0x80 } else { u8::try_from(letter).expect("a letter of the charset") }
            });
            (name.clone(), bytes.collect())
        })
        .collect();
    let (button, rest) = encoded.split_last().expect("a form has a button");
    let rest: Vec<(&str, &[u8])> = rest.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let again = async || {
        let (kind, body) = composed(&rest, (&button.0, "Send"), None);
        let mut alice = alice.clone();
        let answer = alice.send(posting(&alice, "/src/compose.php", &kind, body)).await;
        (answer.status == 302).then_some(())
    };
    until("the window has passed and the button sends", 20, again).await;
    let sent = webmail.did("sent");
    assert_eq!(sent.len(), 2);
    let mut expected = sent[0]["fields"].clone();
    let mut found = sent[1]["fields"].clone();
    for fields in [&mut expected, &mut found] {
        fields.as_object_mut().expect("an object").remove("MAX_FILE_SIZE");
    }
    assert_eq!(found, expected, "every field as it was, byte for byte");
}

#[tokio::test]
async fn a_session_that_is_not_known_keeps_what_was_written_and_sends_nothing() {
    let (webmail, gateway) = with_squirrelmail("").await;
    let mut stranger = gateway.client();
    stranger.set_cookie("SQMSESSID", "never-seen");
    stranger.set_cookie("key", "abc");
    let page = press(&mut stranger, ("send", "Send")).await;
    assert!(page.text().contains("sign in") && page.text().contains("First line"), "{}", page.text());
    assert!(page.text().contains("/src/login.php"), "{}", page.text());
    assert_eq!(webmail.did("sent").len(), 0);
}
