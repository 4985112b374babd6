//! A person at Roundcube who needs no browser: the requests its own script makes, and what its answers say.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use http_body_util::Full;

use super::{Answer, Client, Person, Stack, until};

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Roundcube {
    /// The browser: change its headers, come from elsewhere, look at its cookies.
    pub http: Client,
    /// The session's request token.
    pub token: String,
}

/// A message being written.
#[derive(Clone, Copy, Default)]
pub struct Message<'a> {
    /// As typed: names and addresses with commas between.
    pub to: &'a str,
    #[allow(missing_docs)]
    pub cc: &'a str,
    #[allow(missing_docs)]
    pub bcc: &'a str,
    /// Where answers go, when it is another address.
    pub reply_to: &'a str,
    #[allow(missing_docs)]
    pub subject: &'a str,
    /// Plain text, or HTML.
    pub body: &'a str,
    #[allow(missing_docs)]
    pub is_html: bool,
    /// The numbers of uploaded files, with commas between.
    pub attachments: &'a str,
    /// The number of the draft that was saved last, which goes when another is saved or the message is sent.
    pub draft: &'a str,
}

/// An open compose page.
#[derive(Clone)]
pub struct Compose {
    /// `_id`
    pub id: String,
    /// The number of the identity that is preselected.
    pub identity: String,
}

impl Answer {
    /// Whether Roundcube's answer to a send says that the message left.
    pub fn says_sent(&self) -> bool {
        self.text().contains("parent.rcmail.sent_successfully(")
    }

    /// Whether Roundcube's answer to a send says that a draft was saved.
    pub fn says_saved(&self) -> bool {
        self.text().contains("parent.rcmail.set_draft_id(")
    }
}

impl Roundcube {
    /// Fetches the sign-in page and signs in. The error is the answer that was not a success.
    pub async fn sign_in(mut http: Client, person: &Person) -> Result<Self, Answer> {
        let page = http.follow("/").await.0;
        let Some(token) = between(&page.text(), r#"name="_token" value=""#, "\"") else { return Err(page) };
        let answer = http.send(sign_in_request(&http, &token, person)).await;
        if answer.status != 302 || http.cookie("roundcube_sessauth").is_none() {
            return Err(answer);
        }
        let inbox = http.follow("/?_task=mail&_mbox=INBOX").await.0;
        match between(&inbox.text(), r#""request_token":""#, "\"") {
            Some(token) if inbox.text().contains(r#""task":"mail""#) => Ok(Self { http, token }),
            _ => Err(inbox),
        }
    }

    /// Opens the compose page; `opening` may add to its query, such as `&_reply_uid=1&_mbox=INBOX`.
    pub async fn compose(&mut self, opening: &str) -> Compose {
        let (page, path) = self.http.follow(&format!("/?_task=mail&_action=compose{opening}")).await;
        let id = between(&format!("{path}&"), "_id=", "&")
            .unwrap_or_else(|| panic!("no compose page, but {} {path}: {}", page.status, page.text()));
        let select = between(&page.text(), r#"name="_from""#, "</select>").unwrap_or_default();
        let identity = between(&select, r#"value=""#, "\"").unwrap_or_else(|| "1".to_owned());
        Compose { id, identity }
    }

    /// The POST that the compose page makes to send, or with `draft` to save.
    pub fn send_request(&self, compose: &Compose, message: &Message<'_>, draft: bool) -> Request<Full<Bytes>> {
        let fields = [
            ("_token", self.token.as_str()),
            ("_task", "mail"),
            ("_action", "send"),
            ("_id", &compose.id),
            ("_attachments", message.attachments),
            ("_from", &compose.identity),
            ("_to", message.to),
            ("_cc", message.cc),
            ("_bcc", message.bcc),
            ("_replyto", message.reply_to),
            ("_followupto", ""),
            ("_subject", message.subject),
            ("_draft_saveid", message.draft),
            ("_draft", if draft { "1" } else { "" }),
            ("_is_html", if message.is_html { "1" } else { "0" }),
            ("_framed", "1"),
            ("_message", message.body),
            ("editorSelector", "plain"),
            ("_mdn", ""),
            ("_dsn", ""),
            ("_keepformatting", ""),
            ("_priority", "0"),
            ("_store_target", "Sent"),
        ];
        let body = Bytes::from(super::client::form(&fields));
        let mut request = self.http.request(Method::POST, "/?_task=mail&_unlock=loading1795491960191&_framed=1", body);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("iframe"));
        request
    }

    /// Opens a compose page and sends.
    pub async fn send(&mut self, message: &Message<'_>) -> Answer {
        let compose = self.compose("").await;
        self.send_from(&compose, message).await
    }

    /// Sends from a compose page that is open.
    pub async fn send_from(&mut self, compose: &Compose, message: &Message<'_>) -> Answer {
        let request = self.send_request(compose, message, false);
        self.http.send(request).await
    }

    /// Saves a draft from a compose page that is open.
    pub async fn save_draft(&mut self, compose: &Compose, message: &Message<'_>) -> Answer {
        let request = self.send_request(compose, message, true);
        self.http.send(request).await
    }

    /// Uploads a file for a compose page, as its script does.
    pub async fn upload(&mut self, compose: &Compose, name: &str, content: &[u8]) -> Answer {
        let request = self.upload_request(compose, name, content);
        self.http.send(request).await
    }

    /// The POST that does it.
    pub fn upload_request(&self, compose: &Compose, name: &str, content: &[u8]) -> Request<Full<Bytes>> {
        let path = format!(
            "/?_task=mail&_remote=1&_from=compose&_id={}&_uploadid=upload1795491960193&_action=upload",
            compose.id
        );
        let head = format!(
            "--------boundary\r\nContent-Disposition: form-data; name=\"_attachments[]\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let body = [head.as_bytes(), content, b"\r\n--------boundary--\r\n"].concat();
        let mut request = self.http.request(Method::POST, &path, Bytes::from(body));
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=------boundary"));
        headers.insert("x-requested-with", HeaderValue::from_static("XMLHttpRequest"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("empty"));
        let token = HeaderValue::from_str(&self.token).expect("the token is letters and digits");
        headers.insert("x-roundcube-request", token);
        request
    }

    /// Resends a message of the inbox as the reading page's dialog does: an AJAX POST whose answer is JSON.
    pub async fn resend(&mut self, uid: u32, to: &str) -> Answer {
        let identity = self.compose("").await.identity;
        let uid = uid.to_string();
        let fields = [
            ("_from", identity.as_str()),
            ("_to", to),
            ("_cc", ""),
            ("_bcc", ""),
            ("_store_target", "Sent"),
            ("_uid", &uid),
            ("_mbox", "INBOX"),
        ];
        self.ajax_post("/?_task=mail&_action=bounce", &fields).await
    }

    /// An AJAX POST with the headers and fields Roundcube's script adds.
    pub async fn ajax_post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.ajax_request(path, fields);
        self.http.send(request).await
    }

    /// That POST.
    pub fn ajax_request(&self, path: &str, fields: &[(&str, &str)]) -> Request<Full<Bytes>> {
        let mut all = fields.to_vec();
        all.extend([("_remote", "1"), ("_unlock", "loading1795491960192")]);
        let mut request = self.http.request(Method::POST, path, Bytes::from(super::client::form(&all)));
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"));
        headers.insert("x-requested-with", HeaderValue::from_static("XMLHttpRequest"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("empty"));
        headers.insert(
            "x-roundcube-request",
            HeaderValue::from_str(&self.token).expect("the token is letters and digits"),
        );
        request
    }

    /// Signs out.
    pub async fn sign_out(&mut self) -> Answer {
        let path = format!("/?_task=logout&_token={}", self.token);
        self.http.get(&path).await
    }
}

/// The POST of the sign-in page with this token.
pub fn sign_in_request(http: &Client, token: &str, person: &Person) -> Request<Full<Bytes>> {
    let fields = [
        ("_token", token),
        ("_task", "login"),
        ("_action", "login"),
        ("_timezone", "Europe/Berlin"),
        ("_url", ""),
        ("_user", &person.name),
        ("_pass", &person.password),
    ];
    http.form_request("/?_task=login", &fields)
}

/// The text between two markers, without them.
pub fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

/// The everyday round, the same with and without a gateway: write, save, send, read, resend, leave.
pub async fn walk(stack: &Stack, client: Client, sender: &Person, receiver: &Person) {
    let mut at = Roundcube::sign_in(client.clone(), sender).await.expect("the password is right");
    let compose = at.compose("").await;
    let address = receiver.address();
    let message = Message {
        to: &address,
        bcc: "somebody@elsewhere.example",
        subject: "Timetable for June",
        body: "See you at nine.",
        ..Message::default()
    };
    let saved = at.save_draft(&compose, &message).await;
    assert!(saved.says_saved() && !saved.says_sent(), "{}", saved.text());
    assert_eq!(stack.accepted_from(&sender.address()), [], "a draft leaves nothing behind at Postfix");

    let sent = at.send_from(&compose, &message).await;
    assert!(sent.says_sent(), "{} {}", sent.status, sent.text());
    let accepted = until("the message in Postfix's log", 10, async || {
        Some(stack.accepted_from(&sender.address())).filter(|all| !all.is_empty())
    })
    .await;
    assert_eq!((accepted.len(), accepted[0].recipients), (1, 2));
    let inbox =
        until("the message in the mailbox", 10, async || Some(stack.inbox(receiver)).filter(|all| !all.is_empty()))
            .await;
    assert!(inbox[0].contains("Subject: Timetable for June") && inbox[0].contains("See you at nine."), "{}", inbox[0]);

    let mut at_receiver = Roundcube::sign_in(client, receiver).await.expect("the password is right");
    let resent = at_receiver.resend(1, &format!("{}, third@elsewhere.example", sender.address())).await;
    assert_eq!(resent.status, 200);
    // Roundcube's script shows this as a confirmation; it is no `sent_successfully`, which only its compose page hears.
    assert!(resent.text().contains(r#"\"confirmation\""#), "{}", resent.text());
    until("the resent message in the mailbox", 10, async || {
        stack.inbox(sender).into_iter().find(|mail| mail.contains("Resent-From:"))
    })
    .await;
    let accepted = stack.accepted_from(&receiver.address());
    assert_eq!((accepted.len(), accepted[0].recipients), (1, 2));

    let left = at.sign_out().await;
    assert_eq!(left.status, 200);
    let back = at.http.follow("/?_task=mail").await.0;
    assert!(back.text().contains(r#""task":"login""#), "the session is over");
}
