//! An event as one line: JSON for programs, a sentence for people, and the table from which both are documented.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use super::plain::{escape_obeyed, plain};
use crate::domain::{Event, EventKind};

/// The fields of an event's JSON line, in their order. Fields that say nothing are left out.
pub static FIELDS: &[(&str, &str)] = &[
    ("time", "When, by the gateway's clock: RFC 3339, UTC, milliseconds."),
    ("event", "What happened: one of the names below."),
    ("site", "The site, by its first host name. Absent for events of the gateway itself."),
    ("account", "The account, in its canonical form. For a failed sign-in it is what was claimed."),
    ("session", "The session: a keyed hash (32 hexadecimal digits), never the cookie."),
    ("address", "The client's address."),
    ("prefix", "The client as it is counted: the address with `/32`, or the IPv6 network with `/64`."),
    ("network", "`campus`, `trusted` or `outside`, by `[networks]`."),
    ("country", "Two letters, when it is known."),
    ("as_number", "Whose network it is: the number of the autonomous system, when it is known."),
    ("device", "A browser: the same name each time it comes back to this site; it opens nothing."),
    ("user_agent", "The browser's own words, at most 256 bytes. The client can write anything here."),
    ("verdict", "What was decided: `pass`, `flag`, `challenge`, `restrict`, `throttle` or `refuse`."),
    ("signals", "What spoke for and against, as objects with `name` and `weight`."),
    ("reasons", "The same as sentences for people, in the same order."),
    ("stopped_by", "The limit that was met, with its value: `recipients_per_account 200/h`."),
    ("observed_rules", "Rules with `mode = \"observe\"` that would have decided."),
    ("reference", "The code that the person's page shows; of a flag, the code that `mailward flag` takes."),
    ("by", "The operator who did it, or `command line`."),
    (
        "door",
        "Through which door it came, where it was not the webmail: `submission`, `imap`, `pop3`, `sieve` or `other`.",
    ),
    ("recipients", "To + Cc + Bcc of the message, or 1 for each message that is sent on."),
    ("messages", "Messages of the account within the window of `line`, or of the campaign; attempts included."),
    ("accounts", "Accounts that strangers used for the campaign."),
    ("line", "The alert line that was passed, such as `100/5m`."),
    ("devices", "How many browsers were forgotten."),
    ("factor", "The kind of second proof: `passkey`, `totp`, `other_address`, `recovery_code` or `helpdesk_code`."),
    ("action", "What was asked for: `send`, `change identity`, …"),
    ("rule", "The rule that refused the request."),
    ("scanner", "Which scanner, by its name in the configuration."),
    ("what", "What failed, or what the messages of a campaign share, in words."),
    ("told", "How much had waited for the store: changes, and counters that were charged without it."),
    ("lost", "How much could not be kept for it."),
    ("count", "How many events were dropped."),
];

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<std::net::IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<crate::domain::Country>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signals: Vec<SignalField<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    observed_rules: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    door: Option<&'static str>,
    #[serde(flatten)]
    particulars: Particulars<'a>,
}

#[derive(Serialize)]
struct SignalField<'a> {
    name: &'a str,
    weight: i32,
}

/// What only some kinds of event have.
#[derive(Serialize, Default)]
struct Particulars<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
}

impl<'a> Particulars<'a> {
    fn of(kind: &'a EventKind) -> Self {
        match kind {
            EventKind::Sent { recipients }
            | EventKind::NotSent { recipients }
            | EventKind::SendRefused { recipients } => Self { recipients: Some(*recipients), ..Self::default() },
            EventKind::ManyMessages { messages, line } => {
                Self { messages: Some(*messages), line: Some(line), ..Self::default() }
            }
            EventKind::CampaignRecognised { shared, accounts, messages } => {
                Self { messages: Some(*messages), accounts: Some(*accounts), what: Some(shared), ..Self::default() }
            }
            EventKind::DeviceForgotten { devices } => Self { devices: Some(*devices), ..Self::default() },
            EventKind::ChallengePassed { factor }
            | EventKind::ChallengeFailed { factor }
            | EventKind::ChallengeRefused { factor }
            | EventKind::FactorAdded { factor }
            | EventKind::FactorRemoved { factor } => Self { factor: Some(factor), ..Self::default() },
            EventKind::ActionRefused { action } => Self { action: Some(action), ..Self::default() },
            EventKind::RequestRefused { rule } => Self { rule: Some(rule), ..Self::default() },
            EventKind::ScannerSilent { scanner, what } => {
                Self { scanner: Some(scanner), what: Some(what), ..Self::default() }
            }
            EventKind::ScannerAnswers { scanner } => Self { scanner: Some(scanner), ..Self::default() },
            EventKind::UpstreamFailed { what }
            | EventKind::StoreDegraded { what }
            | EventKind::AddressListed { what }
            | EventKind::AddressDelisted { what }
            | EventKind::NearEnd { what }
            | EventKind::ConfigurationRefused { what } => Self { what: Some(what), ..Self::default() },
            EventKind::StoreRecovered { told, lost } => {
                Self { told: Some(*told), lost: Some(*lost), ..Self::default() }
            }
            EventKind::SignInOk
            | EventKind::SignInFailed
            | EventKind::SignInNotJudged
            | EventKind::SignInRefused
            | EventKind::SignedOut
            | EventKind::SentUnasked
            | EventKind::UploadRefused
            | EventKind::CampaignConfirmed
            | EventKind::CampaignCleared
            | EventKind::PasswordChanged
            | EventKind::AccountLocked
            | EventKind::AccountUnlocked
            | EventKind::SessionEnded
            | EventKind::FlagRaised
            | EventKind::FlagCleared
            | EventKind::FlagConfirmed
            | EventKind::SessionCleared
            | EventKind::SessionRestricted
            | EventKind::SessionChallenged
            | EventKind::SessionMoved
            | EventKind::ConfigurationReloaded
            | EventKind::Started
            | EventKind::Stopping => Self::default(),
        }
    }
}

/// The event as one JSON object, without a line end. Nothing in it is obeyed by a terminal.
pub fn json(event: &Event) -> String {
    let line = Line {
        time: event.time.to_string(),
        event: event.kind.name(),
        site: event.site.as_deref(),
        account: event.account.as_ref().map(crate::domain::Account::as_str),
        session: event.session.map(|session| session.to_string()),
        address: event.address,
        prefix: event.prefix.map(|prefix| prefix.to_string()),
        network: event.network.map(crate::domain::NetworkClass::name),
        country: event.country,
        as_number: event.as_number,
        device: event.device.as_deref(),
        user_agent: event.user_agent.as_deref(),
        verdict: event.verdict.map(crate::domain::Verdict::name),
        signals: event.signals.iter().map(|signal| SignalField { name: &signal.name, weight: signal.weight }).collect(),
        reasons: event.signals.iter().map(|signal| signal.sentence.as_str()).collect(),
        stopped_by: event.stopped_by.as_deref(),
        observed_rules: &event.observed,
        reference: event.reference.map(|reference| reference.to_string()),
        by: event.by.as_deref(),
        door: (!event.door.is_webmail()).then_some(event.door.name()),
        particulars: Particulars::of(&event.kind),
    };
    escape_obeyed(serde_json::to_string(&line).expect("every field is a string, a number or a list of them"))
}

/// The line that says that events were lost. No event of its own: it is about the queue of events.
pub fn dropped_json(time: crate::domain::Timestamp, count: u64) -> String {
    format!(r#"{{"time":"{time}","event":"events_dropped","count":{count}}}"#)
}

/// The event as people read it in the log.
pub fn sentence(event: &Event) -> String {
    let mut said = String::with_capacity(160);
    said.push_str(meaning(&event.kind).short);
    let mut add = |name: &str, value: Cow<'_, str>| {
        write!(said, " {name}={}", plain(&value)).expect("a String takes everything");
    };
    if let Some(site) = &event.site {
        add("site", Cow::Borrowed(site));
    }
    if let Some(account) = &event.account {
        add("account", Cow::Owned(format!("{account:?}")));
    }
    if let Some(address) = event.address {
        add("address", Cow::Owned(address.to_string()));
    }
    if let Some(network) = event.network {
        add("network", Cow::Borrowed(network.name()));
    }
    if let Some(country) = event.country {
        add("country", Cow::Owned(country.to_string()));
    }
    if !event.door.is_webmail() {
        add("door", Cow::Borrowed(event.door.name()));
    }
    let particulars = Particulars::of(&event.kind);
    for (name, number) in [
        ("recipients", particulars.recipients.map(u64::from)),
        ("messages", particulars.messages.map(u64::from)),
        ("accounts", particulars.accounts.map(u64::from)),
        ("devices", particulars.devices.map(u64::from)),
        ("told", particulars.told),
        ("lost", particulars.lost),
    ] {
        if let Some(number) = number {
            add(name, Cow::Owned(number.to_string()));
        }
    }
    for (name, words) in [
        ("line", particulars.line),
        ("action", particulars.action),
        ("rule", particulars.rule),
        ("what", particulars.what),
        ("stopped_by", event.stopped_by.as_deref()),
        ("by", event.by.as_deref()),
    ] {
        if let Some(words) = words {
            add(name, Cow::Owned(format!("{words:?}")));
        }
    }
    if let Some(verdict) = event.verdict {
        add("verdict", Cow::Borrowed(verdict.name()));
    }
    if let Some(session) = event.session {
        add("session", Cow::Owned(session.to_string()));
    }
    if let Some(reference) = event.reference {
        add("reference", Cow::Owned(reference.to_string()));
    }
    for signal in &event.signals {
        add("because", Cow::Borrowed(&signal.sentence));
    }
    said
}

/// What a kind of event means.
pub struct Meaning {
    /// The beginning of the log line.
    pub short: &'static str,
    /// For the reference: when it is written and what to do about it.
    pub long: &'static str,
    /// How loud the log line is.
    pub level: tracing::Level,
}

/// What a kind of event means; the match makes sure that none goes without words.
pub fn meaning(kind: &EventKind) -> Meaning {
    use tracing::Level;
    let (level, short, long) = match kind {
        EventKind::SignInOk => (Level::INFO, "signed in", "A sign-in succeeded."),
        EventKind::SignInFailed => {
            (Level::INFO, "wrong name or password", "The webmail said that name or password were wrong.")
        }
        EventKind::SignInNotJudged => (
            Level::INFO,
            "sign-in not judged",
            "A sign-in did not succeed and the webmail said nothing about the password: an expired form, the webmail's own limit, a mail server that is away. Not counted as guessing. Many of them: look at the mail server.",
        ),
        EventKind::SignInRefused => (
            Level::WARN,
            "sign-in refused",
            "A sign-in was stopped: by a limit (`stopped_by`) or a lock before the webmail saw it, or because it fits its account so little (`signals`) that its session was never given out.",
        ),
        EventKind::SignedOut => (Level::INFO, "signed out", "The person ended the session."),
        EventKind::Sent { .. } => (
            Level::INFO,
            "sent",
            "The webmail sent a message, or a mail program handed one to the mail server (`door`).",
        ),
        EventKind::NotSent { .. } => (
            Level::INFO,
            "not sent",
            "The webmail's answer proves that it did not send; what had been counted was given back.",
        ),
        EventKind::SendRefused { .. } => (
            Level::WARN,
            "send refused",
            "A message was stopped before the webmail saw it, or before the mail server took it from a mail program (`door`): a limit (`stopped_by`), a lock or a restricted session. The person still has the message.",
        ),
        EventKind::SentUnasked => (
            Level::ERROR,
            "sent although the request was not read as a send",
            "The webmail said that mail left although the request was not recognised as a send. It was counted. Report it: a new version of the webmail may have a new way to send.",
        ),
        EventKind::ManyMessages { .. } => (
            Level::WARN,
            "many messages",
            "An account passed an alert line (`alert_messages_per_account`), attempts included. Look at what it sends, and lock it if it is not its owner.",
        ),
        EventKind::PasswordChanged => (
            Level::INFO,
            "password changed",
            "The password was changed through the webmail; the account's other sessions end.",
        ),
        EventKind::AccountLocked => (Level::WARN, "account locked", "An operator locked an account; its sessions end."),
        EventKind::AccountUnlocked => (
            Level::WARN,
            "account unlocked",
            "An operator unlocked an account, or its owner signed in with another password (`mailward account lock --until-password-change`).",
        ),
        EventKind::SessionEnded => {
            (Level::INFO, "session ended", "A session was ended by an operator, a lock or a changed password.")
        }
        EventKind::FlagRaised => (
            Level::WARN,
            "session flagged",
            "A session does not fit its account; `verdict`, `signals` and `stopped_by` say how it was found and what became of it. Look at it with `mailward flag show REFERENCE`, then clear or confirm it.",
        ),
        EventKind::FlagCleared => (
            Level::INFO,
            "flag cleared",
            "An operator said that it was the account's owner (`mailward flag clear`): the session is open, and where it signed in from is usual from now on. Address and country are those of the flag.",
        ),
        EventKind::FlagConfirmed => (
            Level::WARN,
            "theft confirmed",
            "An operator said that it was a theft (`mailward flag confirm`): the account is locked, its sessions have ended, and what the thief's sign-ins taught is forgotten. Give the account a new password before you unlock it.",
        ),
        EventKind::SessionRestricted => (
            Level::WARN,
            "session restricted",
            "An operator restricted a session (`mailward session restrict`): it reads and does nothing else until it is cleared.",
        ),
        EventKind::SessionChallenged => (
            Level::WARN,
            "session challenged",
            "An operator asked the person of a session for a second proof (`mailward session challenge`): until then it does nothing.",
        ),
        EventKind::SessionCleared => (
            Level::INFO,
            "session cleared",
            "An operator opened a restricted session that had no flag of its own (`mailward session clear`).",
        ),
        EventKind::DeviceForgotten { .. } => (
            Level::INFO,
            "device forgotten",
            "An operator had browsers forgotten that the account knew (`mailward device forget`, or a theft that was confirmed): they are new at their next sign-in.",
        ),
        EventKind::SessionMoved => (
            Level::WARN,
            "session moved",
            "A session is used by a client that does not resemble the one that signed in, or from two places at once. It was judged again.",
        ),
        EventKind::ChallengePassed { .. } => (
            Level::INFO,
            "second proof passed",
            "A person proved to be the account's owner. Where the session had come to `challenge` it is open, and where it signed in from is usual from now on; where it had come to `restrict`, that depends on the factor (`opens_restricted`).",
        ),
        EventKind::ChallengeFailed { .. } => {
            (Level::WARN, "second proof wrong", "A code or key was not the right one.")
        }
        EventKind::ChallengeRefused { .. } => (
            Level::WARN,
            "second proof refused",
            "A code was not looked at, because too many were wrong before (`stopped_by`). Whoever it is has the password.",
        ),
        EventKind::FactorAdded { .. } => (
            Level::INFO,
            "factor added",
            "An account got something more to prove itself with; for `helpdesk_code` an operator made one.",
        ),
        EventKind::FactorRemoved { .. } => {
            (Level::INFO, "factor removed", "An account lost something that it could prove itself with.")
        }
        EventKind::ActionRefused { .. } => {
            (Level::WARN, "action refused", "A restricted or challenged session asked for something it may not do.")
        }
        EventKind::RequestRefused { .. } => (
            Level::WARN,
            "request refused",
            "A request that no browser sends, or a path that is never served, was refused; the webmail did not see it.",
        ),
        EventKind::UpstreamFailed { .. } => (
            Level::ERROR,
            "the webmail did not answer",
            "The webmail did not answer; the person saw a page that says so.",
        ),
        EventKind::StoreDegraded { .. } => (
            Level::ERROR,
            "the store did not answer",
            "The store did not answer. Until it does, limits are stricter and nothing is loosened; mail can be read. The embedded store: is the disk of `data_dir` full? Redis: does it run, is its memory full? See `mailward doctor`.",
        ),
        EventKind::StoreRecovered { .. } => (
            Level::INFO,
            "the store answers again",
            "The store answers again. It was told what had waited for it (`told`); `lost` could not be kept: look what happened since `store_degraded`.",
        ),
        EventKind::UploadRefused => (
            Level::WARN,
            "file refused",
            "A file for a message was not taken. `reasons` say whether a virus is in it or a scanner did not answer; which file it was is not kept.",
        ),
        EventKind::ScannerSilent { .. } => (
            Level::ERROR,
            "a scanner does not answer",
            "A scanner does not answer, as `what` says. Until it does, what becomes of messages stands in its `when_silent`. Said once; see `mailward doctor`.",
        ),
        EventKind::CampaignRecognised { .. } => (
            Level::WARN,
            "campaign recognised",
            "Strangers with several accounts, or one of them many times, sent messages that have something in common (`what`). Said once for each campaign; `reference` is the code that `mailward campaign` takes, which lists its accounts and contains them in one step. The account is the one whose message made it plain.",
        ),
        EventKind::CampaignConfirmed => (
            Level::WARN,
            "campaign confirmed",
            "An operator said that a campaign is a theft's. Strangers' messages with the same in common are refused until it is over or cleared.",
        ),
        EventKind::CampaignCleared => (
            Level::INFO,
            "campaign cleared",
            "An operator said that a campaign is nothing. What its messages have in common speaks against none any more.",
        ),
        EventKind::ScannerAnswers { .. } => (Level::INFO, "a scanner answers again", "A scanner answers again."),
        EventKind::AddressListed { .. } => (
            Level::ERROR,
            "an address of ours is on a blocklist",
            "An address that mail leaves from (`address`) is on a blocklist; other servers refuse mail from there. `what` says on which, and who sent the most in the day before. Stop who sent it, then ask the list to take the address off. Said again after a restart.",
        ),
        EventKind::AddressDelisted { .. } => {
            (Level::INFO, "an address of ours is off a blocklist", "An address is not on a blocklist any more.")
        }
        EventKind::NearEnd { .. } => (
            Level::WARN,
            "something must be renewed",
            "A certificate ends within two weeks, or a database of addresses will soon be too old to be used. Said once a day.",
        ),
        EventKind::ConfigurationReloaded => {
            (Level::INFO, "configuration reloaded", "The configuration was read again and is in force.")
        }
        EventKind::ConfigurationRefused { .. } => (
            Level::ERROR,
            "configuration refused",
            "The configuration was read again and has mistakes; the old one stays in force. Run `mailward check`.",
        ),
        EventKind::Started => (Level::INFO, "started", "The gateway started."),
        EventKind::Stopping => (Level::INFO, "stopping", "The gateway stops and lets requests finish."),
    };
    Meaning { short, long, level }
}

/// One of each kind, for documents and tests.
pub fn one_of_each() -> Vec<EventKind> {
    vec![
        EventKind::SignInOk,
        EventKind::SignInFailed,
        EventKind::SignInNotJudged,
        EventKind::SignInRefused,
        EventKind::SignedOut,
        EventKind::Sent { recipients: 3 },
        EventKind::NotSent { recipients: 3 },
        EventKind::SendRefused { recipients: 60 },
        EventKind::SentUnasked,
        EventKind::UploadRefused,
        EventKind::ScannerSilent { scanner: "rspamd".into(), what: "it does not answer in time" },
        EventKind::ScannerAnswers { scanner: "rspamd".into() },
        EventKind::CampaignRecognised { shared: "nearly the same text", accounts: 3, messages: 4 },
        EventKind::CampaignConfirmed,
        EventKind::CampaignCleared,
        EventKind::ManyMessages { messages: 101, line: "100/5m".into() },
        EventKind::PasswordChanged,
        EventKind::AccountLocked,
        EventKind::AccountUnlocked,
        EventKind::SessionEnded,
        EventKind::FlagRaised,
        EventKind::FlagCleared,
        EventKind::FlagConfirmed,
        EventKind::SessionCleared,
        EventKind::SessionRestricted,
        EventKind::SessionChallenged,
        EventKind::DeviceForgotten { devices: 1 },
        EventKind::SessionMoved,
        EventKind::ChallengePassed { factor: "totp" },
        EventKind::ChallengeFailed { factor: "totp" },
        EventKind::ChallengeRefused { factor: "totp" },
        EventKind::FactorAdded { factor: "totp" },
        EventKind::FactorRemoved { factor: "totp" },
        EventKind::ActionRefused { action: "change identity" },
        EventKind::RequestRefused { rule: "session id in query" },
        EventKind::UpstreamFailed { what: "connection refused".into() },
        EventKind::StoreDegraded { what: "disk full".into() },
        EventKind::StoreRecovered { told: 3, lost: 0 },
        EventKind::AddressListed { what: "zen.spamhaus.org (127.0.0.4)".into() },
        EventKind::AddressDelisted { what: "zen.spamhaus.org".into() },
        EventKind::NearEnd { what: "the certificate of webmail.example.edu ends on 2026-03-10".into() },
        EventKind::ConfigurationReloaded,
        EventKind::ConfigurationRefused { what: "mailward.toml:3:1: unknown key".into() },
        EventKind::Started,
        EventKind::Stopping,
    ]
}

/// `docs/events.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Events\n\n\
         <!-- Made from src/telemetry/line.rs; `UPDATE_DOCS=1 cargo test --test it reference` writes it anew. -->\n\n\
         Mailward writes what happens to `[events] file`, one JSON object a line. Names stay as they are: scripts may\n\
         rely on them. Fields that say nothing are left out; a later version may add fields and events. Passwords,\n\
         cookies, message texts and query strings are never written.\n\n\
         The file is rotated when it is large or old; what is older than `keep` is removed. To let `logrotate` do it,\n\
         move the file and send SIGHUP: the gateway opens a new one.\n\n\
         ## Fields\n\n| field | meaning |\n|---|---|\n",
    );
    for (name, text) in FIELDS {
        writeln!(page, "| `{name}` | {text} |").expect("a String takes everything");
    }
    page.push_str("\n## Events\n\n| event | own fields | meaning |\n|---|---|---|\n");
    for kind in one_of_each() {
        let own = serde_json::to_value(Particulars::of(&kind)).expect("a plain object");
        let own: Vec<String> =
            own.as_object().into_iter().flat_map(|own| own.keys()).map(|name| format!("`{name}`")).collect();
        writeln!(page, "| `{}` | {} | {} |", kind.name(), own.join(", "), meaning(&kind).long)
            .expect("a String takes everything");
    }
    page.push_str(
        "| `events_dropped` | `count` | The disk was slower than the events; so many are missing before this line. |\n\n\
         ## Example\n\n```json\n",
    );
    page.push_str(&json(&example()));
    page.push_str("\n```\n");
    page
}

/// A full event, for documents and tests.
pub fn example() -> Event {
    let address = std::net::IpAddr::from([203, 0, 113, 9]);
    Event {
        site: Some("webmail.example.edu".into()),
        account: Some(crate::domain::Account::from_canonical("alice")),
        session: Some(crate::domain::SessionHash([0x5e; 16])),
        address: Some(address),
        prefix: Some(crate::domain::Prefix::of(address)),
        network: Some(crate::domain::NetworkClass::Outside),
        country: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".into()),
        verdict: Some(crate::domain::Verdict::Throttle),
        signals: vec![crate::domain::Signal {
            name: "new_device".into(),
            weight: 15,
            sentence: "this browser has not signed in to the account before".into(),
        }],
        stopped_by: Some("recipients_per_account 200/h".into()),
        reference: Some(crate::domain::Reference::from_random(0x0f_1e2d_3c4b)),
        ..Event::new(
            crate::domain::Timestamp::from_millis(1_772_352_729_000),
            EventKind::SendRefused { recipients: 60 },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, Timestamp};
    use crate::telemetry::plain::is_obeyed;

    #[test]
    fn an_event_is_one_line_whose_names_and_order_stay() {
        assert_eq!(
            json(&example()),
            concat!(
                r#"{"time":"2026-03-01T08:12:09.000Z","event":"send_refused","site":"webmail.example.edu","#,
                r#""account":"alice","session":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","address":"203.0.113.9","#,
                r#""prefix":"203.0.113.9/32","network":"outside","#,
                r#""user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0","#,
                r#""verdict":"throttle","signals":[{"name":"new_device","weight":15}],"#,
                r#""reasons":["this browser has not signed in to the account before"],"#,
                r#""stopped_by":"recipients_per_account 200/h","reference":"B2FT-2FW1","recipients":60}"#,
            )
        );
        let started = Event::new(Timestamp::from_millis(0), EventKind::Started);
        assert_eq!(json(&started), r#"{"time":"1970-01-01T00:00:00.000Z","event":"started"}"#);
    }

    #[test]
    fn every_field_that_is_written_is_described_and_every_kind_is_among_the_samples() {
        for kind in one_of_each() {
            let mut event = example();
            event.country = "DE".parse().ok();
            event.as_number = Some(64_500);
            event.device = Some("5e5e5e5e5e5e".into());
            event.observed = vec!["rule 1".into()];
            event.door = crate::domain::Door::Submission;
            event.kind = kind;
            let line: serde_json::Value = serde_json::from_str(&json(&event)).expect("a JSON object");
            for name in line.as_object().expect("a JSON object").keys() {
                assert!(FIELDS.iter().any(|(known, _)| known == name), "{name} is not described");
            }
        }
        let names: Vec<_> = one_of_each().iter().map(EventKind::name).collect();
        let source = include_str!("../domain/event.rs");
        for name in source.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split('"').nth(1)) {
            assert!(names.contains(&name), "{name} is missing in one_of_each()");
        }
    }

    #[test]
    fn what_a_client_wrote_moves_no_terminal_and_breaks_no_line() {
        let mut event = example();
        event.account = Some(Account::from_canonical("al\x1b[31mice\n\u{9b}2J\u{202e}"));
        event.user_agent = Some("x\x07\u{7f}".into());
        for written in [json(&event), sentence(&event)] {
            assert!(!written.chars().any(is_obeyed), "{written:?}");
        }
        let read: serde_json::Value = serde_json::from_str(&json(&event)).expect("still JSON");
        assert_eq!(read["account"], "al\x1b[31mice\n\u{9b}2J\u{202e}", "and nothing is lost in the file");
    }
}
