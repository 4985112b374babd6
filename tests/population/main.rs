//! A population for `mailward simulate`, and what it says of Mailward. Nothing here opens a connection.
//!
//! `generate` writes what a university's people and the thieves of their passwords do in a year, and beside it the
//! truth about every line. `report` puts the truth and Mailward's verdicts together. `tests/long/population` runs both
//! with the simulation between them.

mod browsers;
mod dice;
mod generate;
mod lines;
mod networks;
mod owners;
mod report;
mod thieves;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// People and thieves for `mailward simulate`, and what it made of them.
#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write the events to standard output, in the order of time
    Generate {
        /// Accounts
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=ACCOUNTS_MAX))]
        accounts: u32,
        /// Days
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
        days: u32,
        /// Stolen passwords in all that time
        #[arg(long, default_value_t = 1_200)]
        thefts: u32,
        /// Another seed makes another population
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where the truth about each line goes
        #[arg(long, value_name = "FILE")]
        truth: PathBuf,
    },
    /// Say how Mailward judged them, as Markdown
    Report {
        /// What `generate` wrote
        #[arg(long, value_name = "FILE")]
        events: PathBuf,
        /// What `generate` wrote to --truth
        #[arg(long, value_name = "FILE")]
        truth: PathBuf,
        /// What `mailward simulate` wrote
        #[arg(long, value_name = "FILE")]
        verdicts: PathBuf,
        /// How long the simulation took
        #[arg(long)]
        seconds: Option<f64>,
        /// Exit 1 if an aim is missed
        #[arg(long)]
        strict: bool,
    },
}

/// Each account takes about two kilobytes, and its events of a day pass through memory.
const ACCOUNTS_MAX: i64 = 1_000_000;

/// Browsers' versions and profiles are made for about this long.
const DAYS_MAX: i64 = 1_500;

/// Monday, 24 November 2025, 00:00 UTC.
const FIRST_DAY: u64 = 1_763_942_400;

fn main() -> anyhow::Result<std::process::ExitCode> {
    match Line::parse().verb {
        Verb::Generate { accounts, days, thefts, seed, truth } => {
            let calendar = owners::Calendar { first: FIRST_DAY, days };
            let plan = generate::Plan { accounts, thefts, calendar, seed };
            let mut events = BufWriter::new(std::io::stdout().lock());
            let mut truth =
                BufWriter::new(File::create(&truth).with_context(|| format!("{} cannot be written", truth.display()))?);
            let written = generate::generate(&plan, &mut events, &mut truth)?;
            events.flush()?;
            truth.flush()?;
            eprintln!("{} lines", written.lines);
        }
        Verb::Report { events, truth, verdicts, seconds, strict } => {
            let report = report::Report::read(open(&events)?, open(&truth)?, open(&verdicts)?)?;
            print!("{}", report.markdown(seconds));
            if strict && !report.meets_its_aims() {
                return Ok(std::process::ExitCode::FAILURE);
            }
        }
    }
    Ok(std::process::ExitCode::SUCCESS)
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("{} cannot be read", path.display()))?))
}
