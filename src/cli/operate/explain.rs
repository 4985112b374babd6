//! `explain` and `device`: what is known of an account, in words.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Common, SESSION_HEAD, counted, day, flags, minute, operate, session_row};
use crate::admin::control::{Command, DeviceRow, Explained, Usual, UsualRow};
use crate::cli::table;
use crate::telemetry::plain;

/// What can be done to the browsers that an account knows.
#[derive(Subcommand)]
pub(in crate::cli) enum DeviceVerb {
    /// The browsers that an account knows, last used first
    List {
        /// The account, as its owner types it
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Forget one browser of an account, or all: it is new at its next sign-in. Open sessions stay open
    Forget {
        /// The account, as its owner types it
        name: String,
        /// The device, as `device list` shows it; otherwise all of them
        device: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// An account, a session as `session list` shows it, or the code of a flag
    #[arg(value_name = "ACCOUNT|SESSION|CODE")]
    what: String,
    #[command(flatten)]
    common: Common,
}

pub(in crate::cli) fn device(verb: DeviceVerb, config: &Path) -> ExitCode {
    let (command, common) = match verb {
        DeviceVerb::List { name, common } => (Command::ListDevices { name, site: common.site.clone() }, common),
        DeviceVerb::Forget { name, device, common } => {
            (Command::ForgetDevices { name, device, site: common.site.clone() }, common)
        }
    };
    operate(&command, &common, config)
}

pub(in crate::cli) fn explain(Explain { what, common }: Explain, config: &Path) -> ExitCode {
    operate(&Command::Explain { what, site: common.site.clone() }, &common, config)
}

/// Things of one kind that are shown; the rest are counted.
const USUAL_MAX: usize = 6;

pub(super) fn devices(devices: &[DeviceRow]) -> String {
    if devices.is_empty() {
        return "no device\n".to_owned();
    }
    let row = |device: &DeviceRow| {
        let DeviceRow { device, site, account, since, last_used } = device;
        vec![device.clone(), account.clone(), site.clone(), minute(since), minute(last_used)]
    };
    table(&["DEVICE", "ACCOUNT", "SITE", "SINCE", "LAST USED"], &devices.iter().map(row).collect::<Vec<_>>())
}

/// All that is known of an account, as people read it.
pub(super) fn account(explained: &Explained) -> String {
    let Explained { site, account, lock, usual: of_it, devices: known, sessions, flags } = explained;
    let mut said = format!("{} at {}\n", plain(account), plain(site));
    if let Some(lock) = lock {
        said += &format!("  locked since {}: {}\n", minute(&lock.since), plain(&lock.note));
    }
    said += &usual(of_it);
    said += "\nDevices\n";
    said += &devices(known);
    said += "\nSessions\n";
    said += &match sessions.as_slice() {
        [] => "no session\n".to_owned(),
        sessions => table(&SESSION_HEAD, &sessions.iter().map(session_row).collect::<Vec<_>>()),
    };
    said += "\nFlags\n";
    said += &match flags.as_slice() {
        [] => "no flag\n".to_owned(),
        flags => flags.iter().map(flags::described).collect(),
    };
    said
}

fn usual(usual: &Usual) -> String {
    if usual.sign_ins == 0 {
        return "  nothing is known of what is usual for it\n".to_owned();
    }
    let mut said = format!("  learned from {}", counted(usual.sign_ins, "sign-in", "sign-ins"));
    if let (Some(latest), Some(address)) = (&usual.latest, &usual.latest_address) {
        said += &format!(", the latest on {} from {}", minute(latest), plain(address));
    }
    said += "\n";
    for (what, rows) in [
        ("countries", &usual.countries),
        ("networks", &usual.networks),
        ("providers", &usual.as_numbers),
        ("programs", &usual.agents),
    ] {
        said += &format!("  {what:9}  {}\n", seen(what, rows));
    }
    said += &format!("  hours      {}\n", hours(&usual.hours));
    said
}

fn seen(what: &str, rows: &[UsualRow]) -> String {
    let number = if what == "providers" { "AS" } else { "" };
    let shown = rows.iter().take(USUAL_MAX);
    let mut said: Vec<String> = shown
        .map(|row| format!("{number}{} ({}, last on {})", plain(&row.what), times(row.count), plain(day(&row.last))))
        .collect();
    match rows.len().saturating_sub(USUAL_MAX) {
        _ if rows.is_empty() => said.push("none".to_owned()),
        0 => {}
        more => said.push(format!("and {more} more")),
    }
    said.join(", ")
}

/// The hours of the day with sign-ins, neighbours together.
fn hours(counts: &[u16; 24]) -> String {
    let mut spans: Vec<(usize, usize, u32)> = Vec::new();
    for (hour, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        match spans.last_mut() {
            Some((_, end, sum)) if *end == hour => (*end, *sum) = (hour + 1, *sum + u32::from(*count)),
            _ => spans.push((hour, hour + 1, u32::from(*count))),
        }
    }
    let span = |(begin, end, sum): &(usize, usize, u32)| format!("{begin:02}:00–{end:02}:00 UTC ({})", times(*sum));
    spans.iter().map(span).collect::<Vec<_>>().join(", ")
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_reads_as_words() {
        let row = |what: &str, count| UsualRow {
            what: what.into(),
            count,
            first: "2026-01-01T08:12:09.000Z".into(),
            last: "2026-03-01T08:12:09.000Z".into(),
        };
        let mut of_it = Usual { sign_ins: 12, countries: vec![row("DE", 11), row("FR", 1)], ..Usual::default() };
        of_it.as_numbers = (0..8).map(|number| row(&number.to_string(), 1)).collect();
        of_it.hours[8] = 3;
        of_it.hours[9] = 8;
        of_it.hours[23] = 1;
        let said = usual(&of_it);
        for line in [
            "learned from 12 sign-ins\n",
            "countries  DE (11 times, last on 2026-03-01), FR (once, last on 2026-03-01)\n",
            "AS5 (once, last on 2026-03-01), and 2 more\n",
            "programs   none\n",
            "hours      08:00–10:00 UTC (11 times), 23:00–24:00 UTC (once)\n",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
    }
}
