//! An alert to a web server: as JSON for programs, or as a text for chat systems. Signed, so that the receiver knows who
//! wrote it, and that nobody sends it again a day later.

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::words::Alert;
use super::{Receiver, Told};
use crate::config::{self, WebhookStyle};
use crate::domain::{Severity, Timestamp};

/// Bytes of an answer that are read before the connection is used again; what it says is not looked at.
const ANSWER_MAX: usize = 64 * 1024;

/// Chat systems cut or refuse what is longer, in characters; Discord's limit is the lowest.
const TEXT_MAX: usize = 1_900;

/// A receiver of requests.
pub(super) struct Webhook {
    url: Uri,
    style: WebhookStyle,
    key: Option<hmac::Key>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Webhook {
    pub(super) fn new(hook: &config::Webhook, tls: &rustls::ClientConfig) -> Result<Self, String> {
        let key = match &hook.secret_file {
            Some(path) => {
                let secret =
                    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                Some(hmac::Key::new(hmac::HMAC_SHA256, secret.trim_ascii()))
            }
            None => None,
        };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { url: hook.url.clone(), style: hook.style, key, client })
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA-256 of `SECONDS.BODY` under the shared secret.
    fn signature(&self, body: &[u8], now: Timestamp) -> Option<String> {
        let seconds = now.as_millis() / 1_000;
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        context.update(format!("{seconds}.").as_bytes());
        context.update(body);
        Some(format!("t={seconds},v1={}", data_encoding::HEXLOWER.encode(context.sign().as_ref())))
    }

    fn body(&self, alerts: &[&Alert]) -> Vec<u8> {
        let value = match self.style {
            WebhookStyle::Json => json!({ "alerts": alerts }),
            WebhookStyle::Text => json!({ "text": text(alerts) }),
            WebhookStyle::Discord => json!({ "content": text(alerts), "allowed_mentions": { "parse": [] } }),
        };
        value.to_string().into_bytes()
    }
}

/// What stands in a chat: plain words, in which nothing that a client wrote is formatted or calls anybody.
fn text(alerts: &[&Alert]) -> String {
    let mut text = String::new();
    for alert in alerts {
        let sign = match alert.severity {
            Severity::Critical => "🔴",
            Severity::Warning => "🟠",
            Severity::Notice => "🔵",
        };
        text.push_str(sign);
        for line in std::iter::once(&alert.title).chain(&alert.lines) {
            text.push(' ');
            text.push_str(&tame(line));
            text.push('\n');
        }
        if alert.repeated > 0 {
            text.push_str(&format!(" And {} more since then.\n", alert.repeated));
        }
    }
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Chat systems read `<!channel>`, `@everyone`, `*bold*` and links in texts; a user name may hold them.
fn tame(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            '<' => '‹',
            '>' => '›',
            '@' => '＠',
            '*' => '∗',
            '`' => '\'',
            '[' => '(',
            ']' => ')',
            '&' => '＆',
            c => c,
        })
        .collect()
}

impl Receiver for Webhook {
    fn tell<'a>(&'a self, alerts: &'a [&'a Alert], now: Timestamp) -> Told<'a> {
        Box::pin(async move {
            let body = self.body(alerts);
            let mut request = Request::post(self.url.clone())
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::USER_AGENT, concat!("mailward/", env!("CARGO_PKG_VERSION")));
            if let Some(first) = alerts.first() {
                request = request.header("mailward-id", &first.id);
            }
            if let Some(signature) = self.signature(&body, now) {
                request = request.header("mailward-signature", signature);
            }
            let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
            let answer =
                self.client.request(request).await.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
            let status = answer.status();
            let _ = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
            if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Account, Event, EventKind};
    use crate::telemetry::line;

    fn webhook(style: WebhookStyle, secret: Option<&[u8]>) -> Webhook {
        let roots = rustls::RootCertStore::empty();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let hook = config::Webhook { url: "http://127.0.0.1:1/".parse().expect("a URL"), style, secret_file: None };
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret));
        Webhook { key, ..Webhook::new(&hook, &tls).expect("usable") }
    }

    fn alert(account: &str) -> Alert {
        let account = Some(Account::from_canonical(account));
        Alert::of(&Event { kind: EventKind::FlagRaised, account, ..line::example() }, [7; 16]).expect("an alert").0
    }

    #[test]
    fn the_signature_is_over_time_and_body() {
        // echo -n '1764115200.{}' | openssl dgst -sha256 -hmac secret
        let signature =
            webhook(WebhookStyle::Json, Some(b"secret")).signature(b"{}", Timestamp::from_millis(1_764_115_200_000));
        assert_eq!(
            signature.as_deref(),
            Some("t=1764115200,v1=0f69d1bcf4f5db7f9fb79596f1fcd8bf6eccdc58ab6bf3d202079a0d9174ac41")
        );
        assert_eq!(webhook(WebhookStyle::Json, None).signature(b"{}", Timestamp::from_millis(0)), None);
    }

    #[test]
    fn a_user_name_calls_nobody_and_formats_nothing_in_a_chat() {
        let alert = alert("<!channel> @everyone *x* [a](http://evil.example) `c`");
        let text = text(&[&alert]);
        assert!(!text.contains(['<', '>', '@', '*', '`', '[']), "{text}");
        let long = Alert { lines: vec!["x".repeat(10_000)], ..alert };
        assert!(super::text(&[&long]).chars().count() <= TEXT_MAX + 1);
    }

    #[test]
    fn each_style_is_what_its_readers_expect() {
        let alert = alert("alice");
        for (style, pointer) in [
            (WebhookStyle::Json, "/alerts/0/title"),
            (WebhookStyle::Text, "/text"),
            (WebhookStyle::Discord, "/content"),
        ] {
            let body: serde_json::Value = serde_json::from_slice(&webhook(style, None).body(&[&alert])).expect("JSON");
            assert!(
                body.pointer(pointer).and_then(|text| text.as_str()).is_some_and(|text| text.contains("alice")),
                "{body}"
            );
        }
    }
}
