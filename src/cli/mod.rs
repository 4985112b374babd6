//! The command line: thin. Each subcommand is one file; what it prints for people goes to standard output, what went
//! wrong to standard error. Text that a client may have written passes [`plain`](crate::telemetry::plain) first.

mod breach;
mod check;
mod doctor;
mod learn;
mod operate;
mod simulate;
mod sources;
mod store;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{self, Config, Mistakes};
use crate::telemetry::{Log, log};

/// It was not done.
const FAILED: u8 = 1;

/// An HTTPS front door for Roundcube and SquirrelMail that stops stolen accounts from sending spam.
#[derive(Parser)]
#[command(name = "mailward", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Begin with:\n  \
    mailward check --config mailward.toml     what is wrong with the configuration, and what it means\n  \
    mailward doctor --config mailward.toml    what is wrong around it: webmail, certificate, files\n  \
    mailward serve --config mailward.toml     run the gateway\n\n\
    Every key of the configuration is described in docs/configuration.md.")]
struct Line {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "MAILWARD_CONFIG",
        default_value = "/etc/mailward/mailward.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads the configuration again
    #[command(after_help = "Examples:\n  \
        mailward serve --config /etc/mailward/mailward.toml\n  \
        mailward serve --log json --log-level info,mailward::gateway=debug")]
    Serve(ServeArgs),
    /// Say every mistake in the configuration, with line and column, and what it means; exit 1 if there is one
    #[command(after_help = "Example:\n  mailward check --config mailward.toml && systemctl reload mailward")]
    Check,
    /// Try the surroundings: the webmail, its trust in our headers, certificates, files, clock; exit 1 if one fails
    #[command(after_help = "Run it as the gateway's user, so that it sees what the gateway sees:\n  \
        sudo -u mailward mailward doctor")]
    Doctor,
    /// Make a file of leaked passwords, for "breached" in the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Breach(breach::BreachVerb),
    /// Propose limits from what people really use: access logs, Postfix logs, Mailward's events
    #[command(arg_required_else_help = true)]
    #[command(after_help = "Examples:\n  \
        mailward learn /var/log/mail.log /var/log/nginx/access.log\n  \
        zcat /var/log/mail.log.*.gz | mailward learn --default-domain example.edu -\n  \
        mailward learn --json /var/lib/mailward/events.jsonl | jq .toml")]
    Learn(learn::LearnArgs),
    /// Lock, unlock or list accounts of the running gateway
    #[command(subcommand, arg_required_else_help = true)]
    Account(operate::AccountVerb),
    /// List, restrict, end or clear sessions of the running gateway
    #[command(subcommand, arg_required_else_help = true)]
    Session(operate::SessionVerb),
    /// List, show, clear or confirm what the running gateway noticed
    #[command(subcommand, arg_required_else_help = true)]
    Flag(operate::FlagVerb),
    /// Mark an address that you distrust, take the mark off, or list those that are marked
    #[command(subcommand, arg_required_else_help = true)]
    Prefix(operate::PrefixVerb),
    /// List, show, contain, confirm or clear messages of several accounts that have something in common
    #[command(subcommand, arg_required_else_help = true)]
    Campaign(operate::CampaignVerb),
    /// List or forget the browsers that an account knows
    #[command(subcommand, arg_required_else_help = true)]
    Device(operate::DeviceVerb),
    /// Who may sit at the administrator's desk
    #[command(subcommand, arg_required_else_help = true)]
    Admin(operate::AdminVerb),
    /// All that the running gateway knows of an account: what is usual for it, its sessions, its flags and why
    #[command(arg_required_else_help = true)]
    Explain(operate::Explain),
    /// Look at the store, or move it: what it holds, whether it is whole, export, import, backup
    #[command(subcommand, arg_required_else_help = true)]
    Store(store::StoreVerb),
    /// Judge recorded events by a configuration, in a fresh state, and write each verdict as a JSON line
    #[command(after_help = "Examples:\n  \
        mailward simulate --config mailward.toml events.jsonl > verdicts.jsonl\n  \
        mailward simulate events.jsonl --compare stricter.toml > /dev/null")]
    Simulate(simulate::SimulateArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value_t)]
    log: log::Form,
    /// error, warn, info, debug or trace; also by part: info,mailward::gateway=debug
    #[arg(long, value_name = "LEVEL", env = "MAILWARD_LOG", default_value = "info")]
    log_level: String,
}

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let line = Line::parse();
    match line.verb {
        Verb::Serve(args) => serve(line.config, args),
        Verb::Check => check::run(&line.config, &Clock::system()),
        Verb::Doctor => doctor::run(&line.config, &Clock::system()),
        Verb::Breach(verb) => breach::run(&verb, &Clock::system()),
        Verb::Learn(args) => learn::run(args, &Clock::system()),
        Verb::Account(verb) => operate::account(verb, &line.config),
        Verb::Session(verb) => operate::session(verb, &line.config),
        Verb::Flag(verb) => operate::flag(verb, &line.config),
        Verb::Prefix(verb) => operate::prefix(verb, &line.config),
        Verb::Campaign(verb) => operate::campaign(verb, &line.config),
        Verb::Device(verb) => operate::device(verb, &line.config),
        Verb::Admin(verb) => operate::admin(verb, &line.config),
        Verb::Explain(args) => operate::explain(args, &line.config),
        Verb::Store(verb) => store::run(verb, &line.config, &Clock::system()),
        Verb::Simulate(args) => simulate::simulate(&args, &line.config),
    }
}

fn serve(path: PathBuf, args: ServeArgs) -> ExitCode {
    let log = Log { form: args.log, level: Some(args.log_level) };
    if let Err(error) = log.start() {
        eprintln!("mailward: {error}");
        return ExitCode::from(FAILED);
    }
    // A huge page stays in memory whole while one small piece of it is in use, and pieces of all ages lie beside each other
    // here: the process would hold two to three times as much.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!("huge pages stay allowed: {error}");
    }
    let config = match config::read(&path, Clock::system().now()) {
        Ok(config) => config,
        Err(mistakes) => return refuse(&mistakes),
    };
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match crate::app::run(path, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// Reads the configuration, or says what is wrong with it.
fn read(path: &std::path::Path) -> Result<Config, ExitCode> {
    config::read(path, Clock::system().now()).map_err(|mistakes| refuse(&mistakes))
}

fn refuse(mistakes: &Mistakes) -> ExitCode {
    explain(mistakes);
    let count = mistakes.mistakes.len();
    eprintln!("\n{count} {} in the configuration", if count == 1 { "mistake" } else { "mistakes" });
    ExitCode::from(FAILED)
}

fn explain(mistakes: &Mistakes) {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let all = mistakes.mistakes.iter().chain(&mistakes.warnings);
    let said: Vec<String> = all.map(|mistake| mistake.explain(coloured)).collect();
    eprintln!("{}", said.join("\n\n"));
}

/// A table with aligned columns, for people. Cells are made harmless to a terminal.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(head.iter().map(|cell| (*cell).to_owned()).collect())
        .chain(rows.iter().map(|row| row.iter().map(|cell| crate::telemetry::plain(cell).into_owned()).collect()))
        .collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut shown = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        shown.push_str(cells.join("  ").trim_end());
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Line::command().debug_assert();
    }

    #[test]
    fn the_configuration_may_be_named_before_and_after_the_verb() {
        for words in [
            &["mailward", "--config", "x", "account", "lock", "alice"][..],
            &["mailward", "account", "lock", "alice", "--config", "x"],
        ] {
            let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(line.config, std::path::Path::new("x"));
        }
    }

    #[test]
    fn a_table_is_aligned_and_obeyed_by_no_terminal() {
        let rows = [vec!["alice".to_owned(), "x\x1b[2J".to_owned()], vec!["jürgen.long".to_owned(), "y".to_owned()]];
        assert_eq!(
            table(&["ACCOUNT", "NOTE"], &rows),
            "ACCOUNT      NOTE\nalice        x\u{fffd}[2J\njürgen.long  y\n"
        );
    }
}
