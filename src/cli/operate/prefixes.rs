//! `prefix`: addresses that operators marked.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::{Common, minute, operate, rest};
use crate::admin::control::{Command, MarkRow, MarkedRow};
use crate::cli::table;
use crate::telemetry::plain;

/// An address is one IPv4 address, or the /64 that one IPv6 customer has.
#[derive(Subcommand)]
pub(in crate::cli) enum PrefixVerb {
    /// Mark an address: a sign-in from there counts as one from where a theft came from
    #[command(
        after_help = "Example:\n  mailward prefix mark 203.0.113.9 --days 7 --note \"same sender as in 7K3M-9QWX\""
    )]
    Mark {
        /// An IPv4 address, or an IPv6 address or its /64
        #[arg(value_name = "ADDRESS")]
        prefix: String,
        /// For so long, 365 at most
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// For other operators; nobody else sees it
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        common: Common,
    },
    /// Take a mark off. Thefts that were confirmed from there still count
    Unmark {
        /// The address, as `prefix list` shows it
        #[arg(value_name = "ADDRESS")]
        prefix: String,
        #[command(flatten)]
        common: Common,
    },
    /// The addresses that are marked, the latest first
    List {
        #[command(flatten)]
        common: Common,
    },
}

pub(in crate::cli) fn prefix(verb: PrefixVerb, config: &Path) -> ExitCode {
    let (command, common) = match verb {
        PrefixVerb::Mark { prefix, days, note, common } => {
            (Command::MarkPrefix { prefix, site: common.site.clone(), days: Some(days), note }, common)
        }
        PrefixVerb::Unmark { prefix, common } => (Command::UnmarkPrefix { prefix, site: common.site.clone() }, common),
        PrefixVerb::List { common } => (Command::ListPrefixes { site: common.site.clone() }, common),
    };
    operate(&command, &common, config)
}

pub(super) fn marked(done: &[MarkedRow]) -> String {
    let said = |row: &MarkedRow| format!("{} at {}: {}\n", plain(&row.prefix), plain(&row.site), plain(&row.what));
    done.iter().map(said).collect()
}

pub(super) fn listed(marks: &[MarkRow], more: bool) -> String {
    if marks.is_empty() {
        return "no address is marked\n".to_owned();
    }
    let row = |mark: &MarkRow| {
        let MarkRow { prefix, site, by, since, until, note } = mark;
        vec![prefix.clone(), site.clone(), by.clone(), minute(since), minute(until), note.clone()]
    };
    let rows: Vec<_> = marks.iter().map(row).collect();
    table(&["ADDRESS", "SITE", "BY", "SINCE", "UNTIL", "NOTE"], &rows) + &rest(more)
}
