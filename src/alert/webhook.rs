//! An alert to a web server: as JSON for programs, or as a text for chat systems.

use serde_json::json;

use super::words::Alert;
use super::{Receiver, Told};
use crate::config::{self, WebhookStyle};
use crate::domain::{Severity, Timestamp};
use crate::hook::Hook;

/// Chat systems cut or refuse what is longer, in characters; Discord's limit is the lowest.
const TEXT_MAX: usize = 1_900;

/// A receiver of requests.
pub(super) struct Webhook {
    hook: Hook,
    style: WebhookStyle,
}

impl Webhook {
    pub(super) fn new(hook: &config::Webhook, tls: &rustls::ClientConfig) -> Result<Self, String> {
        Ok(Self { hook: Hook::new(&hook.url, hook.secret_file.as_deref(), tls)?, style: hook.style })
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
            let id = alerts.first().map(|first| first.id.as_str());
            self.hook.post(id, self.body(alerts), now).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, Event, EventKind};
    use crate::telemetry::line;

    fn webhook(style: WebhookStyle) -> Webhook {
        Webhook { hook: crate::hook::tests::hook(None), style }
    }

    fn alert(account: &str) -> Alert {
        let account = Some(Account::from_canonical(account));
        Alert::of(&Event { kind: EventKind::FlagRaised, account, ..line::example() }, [7; 16]).expect("an alert").0
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
            let body: serde_json::Value = serde_json::from_slice(&webhook(style).body(&[&alert])).expect("JSON");
            assert!(
                body.pointer(pointer).and_then(|text| text.as_str()).is_some_and(|text| text.contains("alice")),
                "{body}"
            );
        }
    }
}
