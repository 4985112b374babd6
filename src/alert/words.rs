//! What an event is to somebody who is not looking: how urgent, about whom, in which words.
//!
//! Pure. To make another event an alert: one arm in `about`.

use serde::{Deserialize, Serialize};

use crate::domain::{CAMPAIGN_SIGNALS, CONTENT_SIGNALS, Event, EventKind, Severity, Timestamp, Verdict};
use crate::telemetry::{line, plain};

/// What was found about one thing, ready to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// 32 hexadecimal digits: a receiver that gets it twice can tell.
    pub id: String,
    /// When the event happened.
    pub time: Timestamp,
    /// How urgent.
    pub severity: Severity,
    /// [`EventKind::name`].
    pub event: String,
    /// Where; absent for the gateway itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub site: Option<String>,
    /// Whose account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// One line.
    pub title: String,
    /// More, a sentence each: numbers, reasons, what to do.
    pub lines: Vec<String>,
    /// The reference code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// The page of the administrator's desk that shows it, where there is a desk.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<String>,
    /// How often the same happened since it was told last, without being told again.
    pub repeated: u32,
}

/// What makes two alerts the same: of one of them is told while the other is fresh.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    event: &'static str,
    site: Option<String>,
    account: Option<String>,
    /// Something worse about the same account is news.
    severity: Severity,
}

/// How urgent an event is, and in which words; none where it is nobody's business at night.
fn about(event: &Event) -> Option<(Severity, String)> {
    let who = event.account.as_ref().map_or("an unknown account", |account| account.as_str());
    let verdict = event.verdict.unwrap_or(Verdict::Pass);
    Some(match &event.kind {
        EventKind::ManyMessages { messages, line } => {
            (Severity::Critical, format!("{who} has sent {messages} messages (alert line {line})"))
        }
        EventKind::FlagRaised if is_about_content(event) => {
            let severity = if verdict >= Verdict::Challenge { Severity::Critical } else { Severity::Warning };
            (severity, format!("{who}: a message is suspicious ({})", verdict.name()))
        }
        EventKind::FlagRaised if verdict >= Verdict::Challenge => {
            (Severity::Critical, format!("{who}: a session does not fit the account ({})", verdict.name()))
        }
        EventKind::FlagRaised => (Severity::Warning, format!("{who}: a session is odd ({})", verdict.name())),
        EventKind::SessionMoved => (Severity::Warning, format!("{who}: a session is used from somewhere else")),
        EventKind::FlagConfirmed => (Severity::Critical, format!("{who}: theft confirmed, account locked")),
        EventKind::FlagCleared => (Severity::Notice, format!("{who}: flag cleared")),
        EventKind::AccountLocked => (Severity::Warning, format!("{who}: account locked")),
        EventKind::AccountUnlocked => (Severity::Notice, format!("{who}: account unlocked")),
        EventKind::SendRefused { recipients } => {
            (Severity::Notice, format!("{who}: a message to {recipients} was stopped"))
        }
        EventKind::SignInRefused if event.signals.is_empty() => {
            (Severity::Notice, format!("passwords are being guessed ({who})"))
        }
        EventKind::SignInRefused => (Severity::Critical, format!("{who}: a sign-in that fits too little was refused")),
        EventKind::UploadRefused => (Severity::Notice, format!("{who}: a file was not taken for a message")),
        EventKind::ScannerSilent { scanner, what } => {
            (Severity::Critical, format!("the scanner {scanner} does not look at what leaves: {what}"))
        }
        EventKind::ScannerAnswers { scanner } => (Severity::Notice, format!("the scanner {scanner} answers again")),
        EventKind::CampaignRecognised { shared, accounts, messages } => {
            let accounts = if *accounts > 1 { format!("{accounts} accounts") } else { who.to_owned() };
            (Severity::Critical, format!("a campaign: {messages} messages with {shared}, {accounts}"))
        }
        EventKind::CampaignConfirmed => {
            (Severity::Warning, "a campaign is confirmed as a theft's, its like is refused".to_owned())
        }
        EventKind::CampaignCleared => (Severity::Notice, "a campaign is cleared".to_owned()),
        EventKind::SentUnasked => {
            (Severity::Critical, format!("{who}: mail left that Mailward did not recognise as a send"))
        }
        EventKind::UpstreamFailed { what } => (Severity::Warning, format!("the webmail does not answer: {what}")),
        EventKind::StoreDegraded { what } => {
            (Severity::Critical, format!("the store does not answer, limits are stricter: {what}"))
        }
        EventKind::StoreRecovered { lost, .. } if *lost > 0 => {
            (Severity::Warning, format!("the store answers again, but was not told of {lost} changes"))
        }
        EventKind::StoreRecovered { .. } => (Severity::Notice, "the store answers again".to_owned()),
        EventKind::AddressListed { what } => {
            let address = event.address.map(|address| address.to_string()).unwrap_or_default();
            (Severity::Critical, format!("{address}, from where mail leaves, is on a blocklist: {what}"))
        }
        EventKind::AddressDelisted { what } => {
            let address = event.address.map(|address| address.to_string()).unwrap_or_default();
            (Severity::Notice, format!("{address}, from where mail leaves, is off the blocklist {what}"))
        }
        EventKind::NearEnd { what } => (Severity::Warning, what.clone()),
        EventKind::ConfigurationRefused { what } => {
            (Severity::Warning, format!("the configuration was refused, the old one stays: {what}"))
        }
        EventKind::Started => (Severity::Notice, "the gateway started".to_owned()),
        EventKind::Stopping => (Severity::Notice, "the gateway stops".to_owned()),
        _ => return None,
    })
}

/// Whether a message spoke, and not what is unusual about a session.
fn is_about_content(event: &Event) -> bool {
    let of_content = |signal: &crate::domain::Signal| {
        CONTENT_SIGNALS.iter().chain(&CAMPAIGN_SIGNALS).any(|kind| kind.name == signal.name)
    };
    !event.signals.is_empty() && event.signals.iter().all(of_content)
}

/// `docs/alerts.md`.
pub fn reference() -> String {
    let mut page = String::from(PAGE);
    for kind in line::one_of_each() {
        // How urgent it is at its worst.
        let event = Event { verdict: Some(Verdict::Restrict), ..Event::new(Timestamp::from_millis(0), kind) };
        let Some((severity, _)) = about(&event) else { continue };
        let (name, long) = (event.kind.name(), line::meaning(&event.kind).long);
        page.push_str(&format!("| `{name}` | {} | {long} |\n", severity.name()));
    }
    page
}

const PAGE: &str = "# Alerts

<!-- Made from src/alert/words.rs; `UPDATE_DOCS=1 cargo test --test it reference` writes it anew. -->

Each `[[alert]]` of [the configuration](configuration.md#alert) is somebody who is told: people by mail, a web server, a
syslog server.

```toml
[mail]
server = \"smtp://127.0.0.1:25\"
from   = \"Mailward <mailward@example.edu>\"

[[alert]]
mail = [\"postmaster@example.edu\"]

[[alert]]
webhook = \"https://chat.example.edu/hooks/k3y\"
style   = \"text\"

[[alert]]
name     = \"day\"
mail     = \"team@example.edu\"
severity = \"notice\"
digest   = \"1d\"
```

An alert names the account, the numbers, the reasons, the command that shows more and the page of [the desk](desk.md). The same event about the same
account is told once in `repeat_after`; how often it happened meanwhile stands in the next one. With `digest`, what is not
critical waits until the full period and comes together.

`quiet_hours = \"22:00-06:00 Europe/Berlin\"` lets people sleep: what is not critical waits until these hours are over and comes
together then, by the clocks there, in summer and winter. With `quiet_below = \"warning\"` only a `notice` waits. What is
critical never does.

What a receiver did not take waits in `data_dir/alerts/NAME`, one file each, and is tried again after 2 seconds, then ever
more rarely, at least every five minutes. Each receiver has a queue of its own, of at most 1000; what comes together later
fills 800 of them at most. After a week an alert is dropped, with a line in the log. The metrics
`mailward_alerts_waiting` and `mailward_alerts_late_seconds` say what waits. Killed at the wrong moment, Mailward may tell something twice: then with the same `id`
(`Message-ID` in mail, `mailward-id` in a webhook).

## Webhooks

A POST with `content-type: application/json`; any 2xx answer within 10 seconds takes it. With `secret_file` the request is
signed: `mailward-signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA-256 of `SECONDS.BODY` under the secret. Refuse
what is older than five minutes.

`style = \"json\"` sends everything:

```json
{\"alerts\":[{\"id\":\"…\",\"time\":1764115200000,\"severity\":\"critical\",\"event\":\"many_messages\",\"site\":\"…\",
 \"account\":\"alice\",\"title\":\"…\",\"lines\":[\"…\"],\"reference\":\"7K3M-9QWX\",
 \"link\":\"https://…\",\"repeated\":0}]}
```

`style = \"text\"` sends `{\"text\": …}`, which Slack, Mattermost, Rocket.Chat, Zulip and Google Chat show; `discord` sends
`{\"content\": …}`. In both, characters that such systems obey are replaced by look-alikes, for a user name may hold them.

## Events

By default a receiver is told what is at least a `warning`.

| event | at worst | meaning |
|---|---|---|
";

impl Alert {
    /// What an event is to people; none where it is nothing to them. `id` is drawn by the caller.
    pub fn of(event: &Event, id: [u8; 16]) -> Option<(Self, Subject)> {
        let (severity, title) = about(event)?;
        let site = event.site.as_deref().map(str::to_owned);
        let account = event.account.as_ref().map(|account| account.as_str().to_owned());
        let title = match &site {
            Some(site) => format!("{title} at {site}"),
            None => title,
        };
        let subject =
            Subject { event: event.kind.name(), site: site.clone(), account: subject_account(event), severity };
        let alert = Self {
            id: data_encoding::HEXLOWER.encode(&id),
            time: event.time,
            severity,
            event: event.kind.name().to_owned(),
            site,
            account,
            title: plain(&title).into_owned(),
            lines: lines(event).iter().map(|line| plain(line).into_owned()).collect(),
            reference: event.reference.map(|reference| reference.to_string()),
            link: None,
            repeated: 0,
        };
        Some((alert, subject))
    }

    /// Says where the desk shows it. `desk` ends with a slash.
    pub fn at_desk(mut self, desk: &str) -> Self {
        let flag = self.reference.as_ref().filter(|_| matches!(self.event.as_str(), "flag_raised" | "session_moved"));
        let campaign = self.reference.as_ref().filter(|_| self.event.starts_with("campaign_"));
        let link = match (flag, &self.site, &self.account) {
            _ if let Some(code) = campaign => format!("{desk}campaigns/{code}"),
            (Some(reference), ..) => format!("{desk}flags/{reference}"),
            (None, Some(site), Some(account)) => {
                let named = [("site", site), ("name", account)];
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(named).finish();
                format!("{desk}account?{query}")
            }
            _ => return self,
        };
        self.lines.push(format!("On the desk: {link}"));
        self.link = Some(link);
        self
    }
}

/// Whose account, or what else, makes two alerts different. Somebody who guesses at a thousand accounts is one subject.
fn subject_account(event: &Event) -> Option<String> {
    match event.kind {
        EventKind::SignInRefused if event.signals.is_empty() => None,
        EventKind::CampaignRecognised { .. } | EventKind::CampaignConfirmed | EventKind::CampaignCleared => {
            event.reference.map(|code| code.to_string())
        }
        // Each address, list, scanner and thing to renew is a subject of its own.
        EventKind::AddressListed { .. }
        | EventKind::AddressDelisted { .. }
        | EventKind::ScannerSilent { .. }
        | EventKind::ScannerAnswers { .. }
        | EventKind::NearEnd { .. } => about(event).map(|(_, title)| title),
        _ => event.account.as_ref().map(|account| account.as_str().to_owned()),
    }
}

/// Signals speak in the middle of a list; here each stands by itself.
fn whole_sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let end = (!words.ends_with('.')).then_some('.');
    first.chain(letters).chain(end).collect()
}

fn lines(event: &Event) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(address) = event.address {
        let place: Vec<String> = [
            event.network.map(|network| network.name().to_owned()),
            event.country.map(|country| country.to_string()),
            event.as_number.map(|number| format!("AS{number}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        lines.push(format!("From {address} ({}).", place.join(", ")));
    }
    if let Some(user_agent) = &event.user_agent {
        lines.push(format!("Browser: {user_agent}"));
    }
    lines.extend(event.signals.iter().map(|signal| whole_sentence(&signal.sentence)));
    if let Some(stopped_by) = &event.stopped_by {
        lines.push(format!("Stopped by {stopped_by}."));
    }
    if let (Some(reference), EventKind::FlagRaised | EventKind::SessionMoved) = (event.reference, &event.kind) {
        lines.push(format!("Look at it: mailward flag show {reference}"));
    } else if let (Some(code), EventKind::CampaignRecognised { .. }) = (event.reference, &event.kind) {
        lines.push(format!("Look at it: mailward campaign show {code}"));
    } else if let (Some(account), EventKind::ManyMessages { .. }) = (&event.account, &event.kind) {
        lines.push(format!("Look at it: mailward explain {}", account.as_str()));
    }
    lines.push(line::meaning(&event.kind).long.replace('`', ""));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(kind: EventKind) -> (Alert, Subject) {
        Alert::of(&Event { kind, ..line::example() }, [7; 16]).expect("an alert")
    }

    #[test]
    fn an_alert_names_the_account_the_numbers_the_reasons_and_what_to_do() {
        let (many, _) = alert(EventKind::ManyMessages { messages: 101, line: "100/5m".into() });
        assert_eq!(many.severity, Severity::Critical);
        assert!(
            many.title.contains("alice") && many.title.contains("101") && many.title.contains("100/5m"),
            "{many:?}"
        );
        assert!(many.lines.iter().any(|line| line == "Look at it: mailward explain alice"), "{many:?}");
        let (flag, _) = alert(EventKind::FlagRaised);
        for signal in &line::example().signals {
            assert!(flag.lines.contains(&whole_sentence(&signal.sentence)), "{flag:?}");
        }
        assert!(flag.lines.iter().any(|line| line.starts_with("Look at it: mailward flag show ")), "{flag:?}");
    }

    #[test]
    fn an_alert_leads_to_its_page_of_the_desk() {
        const DESK: &str = "https://desk.example.edu:9443/";
        let (flag, _) = alert(EventKind::FlagRaised);
        let reference = flag.reference.clone().expect("a flag has one");
        assert_eq!(flag.at_desk(DESK).link, Some(format!("{DESK}flags/{reference}")));
        let account = Some(crate::domain::Account::from_canonical("a&b <c>"));
        let kind = EventKind::ManyMessages { messages: 101, line: "100/5m".into() };
        let (many, _) = Alert::of(&Event { kind, account, ..line::example() }, [7; 16]).expect("an alert");
        let many = many.at_desk(DESK);
        let link = many.link.expect("an account has a page");
        assert!(link.ends_with("&name=a%26b+%3Cc%3E"), "{link}");
        assert!(many.lines.last().is_some_and(|line| line.ends_with(&link)));
        let (started, _) = Alert::of(&Event::new(Timestamp::from_millis(0), EventKind::Started), [7; 16]).expect("one");
        assert_eq!(started.at_desk(DESK).link, None);
    }

    #[test]
    fn the_configuration_names_what_can_be_an_alert_and_nothing_else() {
        let found: Vec<&str> = line::one_of_each()
            .into_iter()
            .filter(|kind| about(&Event::new(Timestamp::from_millis(0), kind.clone())).is_some())
            .map(|kind| kind.name())
            .collect();
        assert_eq!(found, crate::domain::event::ALERTS);
    }

    #[test]
    fn guessing_at_many_accounts_is_one_subject_and_two_flagged_accounts_are_two() {
        let of = |kind: EventKind, account: &str| {
            let account = Some(crate::domain::Account::from_canonical(account));
            Alert::of(&Event { kind, account, signals: Vec::new(), ..line::example() }, [7; 16]).expect("an alert").1
        };
        assert_eq!(of(EventKind::SignInRefused, "alice"), of(EventKind::SignInRefused, "bob"));
        assert_ne!(of(EventKind::FlagRaised, "alice"), of(EventKind::FlagRaised, "bob"));
    }

    #[test]
    fn what_a_client_wrote_breaks_no_line() {
        let event = Event {
            account: Some(crate::domain::Account::from_canonical("a\r\nBcc: x@y.example\u{1b}[31m")),
            user_agent: Some("x\r\ny".into()),
            kind: EventKind::FlagRaised,
            ..line::example()
        };
        let (alert, _) = Alert::of(&event, [7; 16]).expect("an alert");
        for text in alert.lines.iter().chain([&alert.title]) {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}
