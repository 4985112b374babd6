//! Mailward in front of a webmail that does as it is told: what comes out of each side, byte for byte.
//!
//! Each attack stands beside the innocent request that resembles it. What the scripted webmail claims about the real
//! ones is tested in `real_*` with the real ones.

mod alerts;
mod bodies;
mod campaigns;
mod campus;
pub mod challenge;
mod chaos;
pub mod desk;
mod desk_load;
mod desk_proxy;
mod doors;
mod edge;
mod floods;
mod gated;
mod held;
mod held_chain;
mod holes;
mod hostile;
mod languages;
mod letters;
mod openid;
mod pages;
mod passwords;
mod proxy;
mod reputation;
mod restarts;
pub mod risk;
mod rollout;
mod running;
mod scan;
mod sent_away;
mod shared;
pub mod squirrelmail;
mod upstream;
pub mod wire;

use http::{Method, header};

use crate::stack::{Answer, Client, Gateway, Settings};
use upstream::{Received, Reply, Upstream};

/// A right password that is neither weak nor in any list that is compiled in.
const RIGHT_TOO: &str = "xK9mQ2vL.tide.0417";

/// A Roundcube as far as a gateway can tell: it knows two passwords, has sent what it is asked to send unless the
/// subject says what happens instead, and changes every password.
fn roundcube(request: &Received) -> Reply {
    let body = request.text();
    let has = |pair: &str| body.split('&').any(|field| field == pair);
    let script = |commands: &str| {
        Reply::page(&format!(
            "<!DOCTYPE html><html><head><title></title><meta name='generator' content='Roundcube'><script>\n\
             if (window.parent && parent.rcmail) {{\n{commands}\n}}\n</script></head><body></body></html>"
        ))
    };
    if request.method != "POST" {
        return Reply::page("<html><body class=\"task-mail\">a page</body></html>");
    }
    if has("_action=login") {
        let gone = "Set-Cookie: roundcube_sessauth=-del-; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; path=/\r\n";
        if has("_pass=right") || has(&format!("_pass={RIGHT_TOO}")) {
            let id = format!("sid{:023}", request.connection);
            let cookies = format!(
                "{gone}Set-Cookie: roundcube_sessid={id}; path=/; HttpOnly\r\n\
                 Set-Cookie: roundcube_sessauth=abcdefghijklmnopqrstuvwxy-5964; path=/; HttpOnly\r\n"
            );
            return Reply::status("302 Found", &format!("Location: /?_task=mail&_token=t\r\n{cookies}"), "");
        }
        let page = "<html><body class=\"task-login\"><script>\nrcmail.display_message(\"Login failed.\",\"warning\",0);\n</script></body></html>";
        return Reply::status("401 Unauthorized", &format!("Content-Type: text/html\r\n{gone}{gone}"), page);
    }
    if has("_action=plugin.password-save") {
        return script("rcmail.display_message(\"Successfully saved.\",\"confirmation\",0);");
    }
    const SENT: &str =
        "parent.rcmail.sent_successfully(\"confirmation\",\"Message sent successfully.\",[\"Sent\"],false);";
    if has("_action=send") && !has("_draft=1") {
        if has("_subject=refused") {
            return script("parent.rcmail.display_message(\"SMTP Error (550)\",\"error\",0);");
        }
        return if has("_subject=hang") { Reply::hang() } else { script(SENT) };
    }
    // Something that no adapter knows as a send, and that sends all the same.
    if has("_action=plugin.surprise") { script(SENT) } else { Reply::page("<html><body>saved</body></html>") }
}

/// Mailward in front of [`roundcube`].
async fn with_roundcube(settings: &Settings) -> (Upstream, Gateway) {
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), settings).await;
    (upstream, gateway)
}

async fn sign_in(client: &mut Client, name: &str, password: &str) -> Answer {
    let fields = [("_token", "t"), ("_task", "login"), ("_action", "login"), ("_user", name), ("_pass", password)];
    client.post("/?_task=login", &fields).await
}

/// A client that has signed in.
async fn signed_in(gateway: &Gateway, name: &str) -> Client {
    let mut client = gateway.client();
    let answer = sign_in(&mut client, name, "right").await;
    assert_eq!(answer.status, 302, "{}", answer.text());
    client
}

async fn send(client: &mut Client, subject: &str) -> Answer {
    client.post(SEND, &sending(subject)).await
}

const SEND: &str = "/?_task=mail&_unlock=loading1&_framed=1";

fn sending(subject: &str) -> [(&str, &str); 8] {
    [
        ("_task", "mail"),
        ("_action", "send"),
        ("_id", "1"),
        ("_from", "1"),
        ("_to", "bob@campus.example"),
        ("_subject", subject),
        ("_draft", ""),
        ("_message", "text"),
    ]
}

/// Whether an answer is Roundcube's own word that the message left.
fn says_sent(answer: &Answer) -> bool {
    answer.status == 200 && answer.text().contains("sent_successfully(")
}

/// A POST with this type and body that can still be changed.
fn posting(
    client: &Client,
    path: &str,
    kind: &str,
    body: impl Into<bytes::Bytes>,
) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = client.request(Method::POST, path, body.into());
    request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().expect("a header value"));
    request
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
