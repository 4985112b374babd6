//! `flag`: what the gateway noticed, and what operators make of it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};

use super::{Common, SESSION_HEAD, ask, minute, operate, session_row, socket};
use crate::admin::control::{Command, FLAGS_MAX, FlagRow, Reply, SessionRow, WholeFlag};
use crate::cli::{FAILED, table};
use crate::domain::{Country, FlagOrder, FlagPlace, FlagStatus, Timestamp};
use crate::telemetry::plain;

/// Codes are read as people write them down: any case, with or without the dash.
#[derive(Subcommand)]
pub(in crate::cli) enum FlagVerb {
    /// The sessions that were flagged
    #[command(after_help = "Examples:\n  mailward flag list --status open\n  \
        mailward flag list --country BR --before 2026-03-01\n  \
        mailward flag list --status open --sort recipients\n  \
        mailward flag list --json | jq -r '.flags[] | select(.recipients > 50) | .code'")]
    List {
        /// Only those that nobody has decided yet, or that were cleared, or confirmed
        #[arg(long, value_enum)]
        status: Option<Status>,
        /// Of this account only
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// From this country only, by its two letters
        #[arg(long, value_name = "CC")]
        country: Option<Country>,
        /// Older than this only: 2026-03-01, or 2026-03-01T08:12Z as lists show it
        #[arg(long, value_name = "TIME", value_parser = time)]
        before: Option<Timestamp>,
        /// newest, severity, messages, recipients or account
        #[arg(long, value_name = "ORDER", default_value = "newest", value_parser = order)]
        sort: FlagOrder,
        /// Go on where the list before ended, as it says at its end
        #[arg(long, value_name = "PLACE", value_parser = list_place)]
        after: Option<FlagPlace>,
        #[command(flatten)]
        common: Common,
    },
    /// One flag: why it was raised, what the session did since, what was noted
    Show {
        /// The code, as `flag list` and the person's page show it
        code: String,
        #[command(flatten)]
        common: Common,
    },
    /// It was the account's owner: open the session, and take its sign-in as usual
    #[command(
        after_help = "Example:\n  mailward flag clear 7K3M-9QWX --note \"called her: she is in Lisbon until May\""
    )]
    Clear {
        /// The code, as `flag list` and the person's page show it
        code: String,
        /// For other operators; the account's owner never sees it
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// It was a theft: lock the account, end its sessions, forget the thief's browser and habits
    #[command(after_help = "Afterwards give the account a new password, then:\n  mailward account unlock NAME")]
    Confirm {
        /// The code, as `flag list` and the person's page show it
        code: String,
        /// For other operators; the account's owner never sees it
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Write all that is known of a flag to a zip archive: events, signals, addresses, counts, the configuration in force
    #[command(after_help = "Example:\n  mailward flag evidence 7K3M-9QWX --to incident-4711.zip")]
    Evidence {
        /// The code, as `flag list` and the person's page show it
        code: String,
        /// The archive; it must not be there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Note something on a flag, for other operators
    Note {
        /// The code, as `flag list` and the person's page show it
        code: String,
        /// The account's owner never sees it
        text: String,
        #[command(flatten)]
        common: Common,
    },
}

/// What became of a flag.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Status {
    Open,
    Passed,
    Cleared,
    Confirmed,
}

impl From<Status> for FlagStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Passed => Self::Passed,
            Status::Cleared => Self::Cleared,
            Status::Confirmed => Self::Confirmed,
        }
    }
}

pub(in crate::cli) fn flag(verb: FlagVerb, config: &Path) -> ExitCode {
    let (command, common) = match verb {
        FlagVerb::List { status, account, country, before, sort: order, after, common } => {
            let (status, site) = (status.map(Into::into), common.site.clone());
            (Command::ListFlags { status, account, country, before, site, order, after, most: None }, common)
        }
        FlagVerb::Show { code, common } => (Command::ShowFlag { code }, common),
        FlagVerb::Clear { code, note, common } => (Command::ClearFlag { code, note }, common),
        FlagVerb::Confirm { code, note, common } => (Command::ConfirmFlag { code, note }, common),
        FlagVerb::Evidence { code, to, common } => return evidence(code, &to, &common, config),
        FlagVerb::Note { code, text, common } => (Command::NoteFlag { code, note: text }, common),
    };
    operate(&command, &common, config)
}

fn evidence(code: String, to: &Path, common: &Common, config: &Path) -> ExitCode {
    let socket = match socket(common, config) {
        Ok(socket) => socket,
        Err(failed) => return failed,
    };
    match write_evidence(code, to, &socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mailward: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn write_evidence(code: String, to: &Path, socket: &Path) -> anyhow::Result<()> {
    // Before the gateway is asked: it writes down in the audit log who was given what.
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(to);
    let mut file = file.with_context(|| format!("{} cannot be written", to.display()))?;
    let packed = match ask(socket, &Command::PackEvidence { code })? {
        Reply::Evidence { code, archive } => (code, data_encoding::BASE64.decode(archive.as_bytes())?),
        Reply::Refused { why } => {
            let _ = fs::remove_file(to);
            anyhow::bail!("{}", plain(&why));
        }
        reply => anyhow::bail!("the gateway answered something else: {reply:?}"),
    };
    file.write_all(&packed.1).with_context(|| format!("{} cannot be written", to.display()))?;
    println!("{}: {} bytes about {}", to.display(), packed.1.len(), plain(&packed.0));
    Ok(())
}

/// A day, or a moment as lists and events write it; UTC where nothing else is said.
fn time(text: &str) -> Result<Timestamp, String> {
    let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
        let day: jiff::civil::DateTime = text.parse()?;
        jiff::tz::TimeZone::UTC.to_timestamp(day)
    });
    let millis = moment.ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    millis
        .map(Timestamp::from_millis)
        .ok_or_else(|| "expected a day such as 2026-03-01, or 2026-03-01T08:12Z".to_owned())
}

fn order(text: &str) -> Result<FlagOrder, String> {
    FlagOrder::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = FlagOrder::ALL.iter().map(|order| order.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn list_place(text: &str) -> Result<FlagPlace, String> {
    text.parse().map_err(|()| "expected what the list before says at its end".to_owned())
}

pub(super) fn listed(flags: &[FlagRow], next: Option<&FlagPlace>) -> String {
    if flags.is_empty() {
        return "no flag\n".to_owned();
    }
    let rows: Vec<_> = flags.iter().map(row).collect();
    let rest = next.map_or_else(String::new, |place| {
        let place = place.to_string();
        format!("… and more; only {FLAGS_MAX} are shown. Go on with --after '{}'\n", plain(&place))
    });
    table(&["CODE", "TIME", "ACCOUNT", "SITE", "FROM", "VERDICT", "STATUS", "SENT TO", "WHY"], &rows) + &rest
}

fn row(flag: &FlagRow) -> Vec<String> {
    vec![
        flag.code.clone(),
        minute(&flag.time),
        flag.account.clone(),
        flag.site.clone(),
        place(&flag.address, flag.country),
        flag.verdict.clone(),
        flag.status.clone(),
        flag.recipients.to_string(),
        reasons(flag),
    ]
}

fn place(address: &str, country: Option<Country>) -> String {
    country.map_or_else(|| address.to_owned(), |country| format!("{address} {country}"))
}

/// What speaks against it, in short.
fn reasons(flag: &FlagRow) -> String {
    let against = flag.signals.iter().filter(|signal| signal.weight > 0).map(|signal| signal.name.as_str());
    flag.stopped_by.as_deref().into_iter().chain(against).collect::<Vec<_>>().join(", ")
}

/// A flag as people read it.
pub(super) fn whole(flag: &WholeFlag, session: Option<&SessionRow>) -> String {
    let mut said = described(&flag.row);
    for change in &flag.changes {
        let stopped = if change.stopped { ", stopped" } else { "" };
        let targets = change.targets.join(", ");
        let about = if targets.is_empty() { String::new() } else { format!(": {}", plain(&targets)) };
        said += &format!("  {}  {}{about}{stopped}\n", minute(&change.time), plain(&change.action));
    }
    for note in &flag.notes {
        said += &format!("  {}  {}: {}\n", minute(&note.time), plain(&note.by), plain(&note.text));
    }
    said += "\n";
    said += &session.map_or_else(
        || "its session is not known any more\n".to_owned(),
        |session| table(&SESSION_HEAD, &[session_row(session)]),
    );
    said
}

/// A flag with every signal: its weight and its sentence.
pub(super) fn described(flag: &FlagRow) -> String {
    let FlagRow { messages, recipients, first_written, outside, stopped, .. } = flag;
    let enforced = if flag.enforced { "" } else { " (only observed)" };
    let network = flag.as_number.map_or_else(String::new, |number| format!(", AS{number}"));
    let place = place(&flag.address, flag.country);
    let mut said = format!(
        "{}  {}  {} at {}\n  {}, {}{enforced}, from {}{network} ({})\n",
        plain(&flag.code),
        minute(&flag.time),
        plain(&flag.account),
        plain(&flag.site),
        plain(&flag.status),
        plain(&flag.verdict),
        plain(&place),
        plain(&flag.network),
    );
    if let Some(agent) = &flag.user_agent {
        said += &format!("  {}\n", plain(agent));
    }
    if let Some(stopped_by) = &flag.stopped_by {
        said += &format!("  stopped by {}\n", plain(stopped_by));
    }
    for signal in &flag.signals {
        said += &format!("  {:+4}  {}  {}\n", signal.weight, plain(&signal.name), plain(&signal.sentence));
    }
    said += &format!(
        "  since then: {messages} messages to {recipients} recipients ({first_written} for the first time, {outside} \
         outside), {stopped} stopped\n"
    );
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_moment_as_lists_show_it_are_times() {
        for (text, millis) in [
            ("2026-03-01", 1_772_323_200_000),
            ("2026-03-01T08:12Z", 1_772_352_720_000),
            ("2026-03-01 08:12Z", 1_772_352_720_000),
            ("2026-03-01T08:12:09.000Z", 1_772_352_729_000),
            ("2026-03-01T09:12+01:00", 1_772_352_720_000),
        ] {
            assert_eq!(time(text), Ok(Timestamp::from_millis(millis)), "{text}");
        }
        for wrong in ["", "yesterday", "2026-13-01", "1960-01-01"] {
            assert!(time(wrong).is_err_and(|why| why.contains("2026-03-01")), "{wrong}");
        }
    }
}
