//! `[mail]`, `[sms]` and `[[alert]]`: how Mailward sends mail and texts of its own, and who is told what.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read::check_file;
use super::risk::{among, one_or_more};
use super::schema;
use super::value::{self, Section, parsed};
use super::{Alert, AlertTo, Mail, MailTls, Sms, SyslogAddress, Webhook, WebhookStyle};
use crate::domain::event::ALERTS;
use crate::domain::{QuietHours, Severity};

/// More receivers than this are a mailing list's business.
const ALERTS_MAX: usize = 32;

/// Names are folders.
const NAME_MAX: usize = 40;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// What holds where `repeat_after` is absent.
const REPEAT_AFTER: Duration = Duration::from_secs(900);

pub(super) fn read_mail(section: &Section<'_, '_>, base_dir: &Path) -> Option<Mail> {
    let server = section.get("server", parsed(server));
    let from = section.get("from", parsed(address));
    let user = section.get("user", parsed(value::short_text));
    let password_file = section.get("password_file", value::path(base_dir));
    if let Some(path) = &password_file {
        check_file(
            section,
            &section.place("password_file"),
            path,
            "expected a file that holds the password and nothing else",
        );
    }
    for (one, other) in [("server", "from"), ("from", "server"), ("user", "password_file"), ("password_file", "user")] {
        if section.value(one).is_some() && section.value(other).is_none() {
            section.report.mistake(
                &section.place(one),
                format_args!("[mail] has {one:?} but no {other:?}"),
                format_args!("add: {other} = \"…\""),
            );
        }
    }
    let (tls, host, port) = server?;
    if user.is_some() && tls == MailTls::Clear && !is_here(&host) {
        section.report.mistake(
            &section.place("server"),
            "the password would go to another machine in the clear",
            "write starttls:// or smtps:// in place of smtp://",
        );
    }
    Some(Mail { host, port, tls, user, password_file, from: from? })
}

/// Who writes to telephones.
pub(super) fn read_sms(section: &Section<'_, '_>, base_dir: &Path) -> Option<Sms> {
    let secret_file = read_secret_file(section, base_dir);
    let url = section.get("url", parsed(webhook));
    if section.value("secret_file").is_some() && section.value("url").is_none() {
        section.report.mistake(
            &section.place("secret_file"),
            "[sms] has a secret, and nobody who is told it",
            "add: url = \"https://…\"",
        );
    }
    Some(Sms { url: url?, secret_file })
}

fn read_secret_file(section: &Section<'_, '_>, base_dir: &Path) -> Option<PathBuf> {
    let secret_file = section.get("secret_file", value::path(base_dir));
    if let Some(path) = &secret_file {
        check_file(section, &section.place("secret_file"), path, "expected a file that holds the shared secret");
    }
    secret_file
}

fn is_here(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

pub(super) fn read_alerts(top: &Section<'_, '_>, base_dir: &Path, has_mail: bool) -> Vec<Alert> {
    let sections = top.sections("alert", &schema::ALERT);
    if let Some(section) = sections.get(ALERTS_MAX) {
        section.report.mistake(&section.span, format_args!("more than {ALERTS_MAX} receivers of alerts"), "join some");
    }
    let mut taken = HashSet::new();
    sections.iter().filter_map(|section| read_alert(section, base_dir, has_mail, &mut taken)).collect()
}

fn read_alert(
    section: &Section<'_, '_>,
    base_dir: &Path,
    has_mail: bool,
    taken: &mut HashSet<String>,
) -> Option<Alert> {
    let report = section.report;
    let kinds: Vec<&'static str> =
        ["mail", "webhook", "syslog"].into_iter().filter(|kind| section.value(kind).is_some()).collect();
    let [kind] = kinds[..] else {
        report.mistake(
            &section.span,
            format_args!("[[alert]] has {} of \"mail\", \"webhook\" and \"syslog\"", kinds.len()),
            "one of them says who is told; write one [[alert]] for each receiver",
        );
        return None;
    };
    if kind == "mail" && !has_mail {
        report.mistake(
            &section.place("mail"),
            "there is no [mail] that says how mail is sent",
            "add: [mail] with server and from",
        );
    }
    for (key, belongs) in [("secret_file", "webhook"), ("style", "webhook")] {
        if section.value(key).is_some() && kind != belongs {
            report.mistake(&section.place(key), format_args!("{key:?} belongs to a {belongs}"), "take it out");
        }
    }
    let to = match kind {
        "mail" => AlertTo::Mail(section.get("mail", one_or_more(parsed(address)))?),
        "webhook" => AlertTo::Webhook(read_webhook(section, base_dir)?),
        _ => AlertTo::Syslog(section.get("syslog", parsed(syslog))?),
    };
    let name = section.get("name", parsed(name)).unwrap_or_else(|| kind.to_owned());
    if !taken.insert(name.clone()) {
        report.mistake(
            &section.span,
            format_args!("two [[alert]] are called {name:?}"),
            "give one of them a \"name\" of its own: what waits for it is kept under that name",
        );
    }
    let severity = |text: &str| {
        among(text, Severity::ALL.into_iter().map(Severity::name))
            .map(|name| Severity::from_name(name).unwrap_or(Severity::Notice))
    };
    let below = |text: &str| {
        among(text, [Severity::Warning, Severity::Critical].into_iter().map(Severity::name))
            .map(|name| Severity::from_name(name).unwrap_or(Severity::Critical))
    };
    let quiet_below = section.get("quiet_below", parsed(below));
    if section.value("quiet_below").is_some() && section.value("quiet_hours").is_none() {
        report.mistake(
            &section.place("quiet_below"),
            "there are no quiet hours",
            "add: quiet_hours = \"22:00-06:00 Europe/Berlin\"",
        );
    }
    let quiet_hours =
        section.get("quiet_hours", parsed(|text| QuietHours::read(text, |zone| jiff::tz::TimeZone::get(zone).ok())));
    Some(Alert {
        name,
        to,
        events: section
            .get("events", one_or_more(parsed(|text| among(text, ALERTS.iter().copied()))))
            .unwrap_or_default(),
        at_least: section.get("severity", parsed(severity)).unwrap_or(Severity::Warning),
        repeat_after: section
            .get("repeat_after", value::duration(SECOND..=DAY * 7, "from one second to seven days"))
            .unwrap_or(REPEAT_AFTER),
        digest: section.get("digest", value::duration(MINUTE..=DAY, "from one minute to one day")),
        quiet: quiet_hours.map(|hours| (hours, quiet_below.unwrap_or(Severity::Critical))),
    })
}

fn read_webhook(section: &Section<'_, '_>, base_dir: &Path) -> Option<Webhook> {
    Some(Webhook {
        secret_file: read_secret_file(section, base_dir),
        url: section.get("webhook", parsed(webhook))?,
        style: section.get("style", parsed(style)).unwrap_or(WebhookStyle::Json),
    })
}

fn style(text: &str) -> Result<WebhookStyle, String> {
    let known = [("json", WebhookStyle::Json), ("text", WebhookStyle::Text), ("discord", WebhookStyle::Discord)];
    let name = among(text, known.iter().map(|(name, _)| *name))?;
    Ok(known.iter().find(|(known, _)| *known == name).map_or(WebhookStyle::Json, |(_, style)| *style))
}

/// A folder's name, which nobody must quote.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    let is_name = (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_name { Ok(text.to_owned()) } else { Err("expected letters, digits, - and _, at most 40") }
}

fn address(text: &str) -> Result<String, String> {
    text.parse::<lettre::message::Mailbox>()
        .map(|_| text.to_owned())
        .map_err(|_| "expected a mail address, such as \"postmaster@example.edu\"".to_owned())
}

fn server(text: &str) -> Result<(MailTls, String, u16), &'static str> {
    const ALLOWED: &str = "expected \"smtp://127.0.0.1:25\", \"starttls://host:587\" or \"smtps://host:465\"";
    let uri: http::Uri = text.parse().map_err(|_| ALLOWED)?;
    let (tls, port) = match uri.scheme_str() {
        Some("smtp") => (MailTls::Clear, 25),
        Some("starttls") => (MailTls::Starttls, 587),
        Some("smtps") => (MailTls::Tls, 465),
        _ => return Err(ALLOWED),
    };
    let authority = uri.authority().ok_or(ALLOWED)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(ALLOWED);
    }
    Ok((tls, host.to_owned(), authority.port_u16().unwrap_or(port)))
}

/// In the clear anybody on the way could read who is suspected; on this machine nobody is on the way.
fn webhook(text: &str) -> Result<http::Uri, &'static str> {
    const ALLOWED: &str = "expected an https:// address (http:// on this machine only)";
    let uri: http::Uri = text.parse().map_err(|_| ALLOWED)?;
    let authority = uri.authority().ok_or(ALLOWED)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => {}
        Some("http") if is_here(host) => {}
        _ => return Err(ALLOWED),
    }
    if authority.as_str().contains('@') { Err(ALLOWED) } else { Ok(uri) }
}

fn syslog(text: &str) -> Result<SyslogAddress, &'static str> {
    const ALLOWED: &str = "expected \"udp://ADDRESS:514\", \"tcp://ADDRESS:514\" or \"unix:/dev/log\"";
    let socket = |text: &str| text.parse::<SocketAddr>().map_err(|_| ALLOWED);
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.starts_with('/') { Ok(SyslogAddress::Unix(path.into())) } else { Err(ALLOWED) };
    }
    match text.split_once("://") {
        Some(("udp", address)) => socket(address).map(SyslogAddress::Udp),
        Some(("tcp", address)) => socket(address).map(SyslogAddress::Tcp),
        _ => Err(ALLOWED),
    }
}
