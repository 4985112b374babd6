//! `mailward simulate`: recorded sign-ins and sends through a configuration, judged by the gateway's own code in a fresh
//! store. Nothing is contacted and nothing is kept.

mod summary;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{FAILED, read};
use crate::clock::Clock;
use crate::domain::{Signal, Verdict};
use crate::simulate::Simulation;
use crate::simulate::lines::{self, What};
use summary::{Differences, Summary};

/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Progress is told every so many lines.
const TOLD_EVERY: u64 = 10_000;

#[derive(Args)]
pub(super) struct SimulateArgs {
    /// What happened, one JSON object a line in the order of time: the plain form of docs/simulate.md, or Mailward's own
    /// event log; - for standard input
    #[arg(value_name = "EVENTS.jsonl")]
    events: PathBuf,
    /// A second configuration: say what it would have decided otherwise
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

pub(super) fn simulate(args: &SimulateArgs, config: &Path) -> ExitCode {
    match carry_out(args, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stopped::Said(code)) => code,
        Err(Stopped::Error(error)) => {
            eprintln!("mailward: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

enum Stopped {
    /// It was said already.
    Said(ExitCode),
    Error(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

fn carry_out(args: &SimulateArgs, config: &Path) -> Result<(), Stopped> {
    let open = |path: &Path| -> Result<Simulation, Stopped> {
        let config = read(path).map_err(Stopped::Said)?;
        Ok(Simulation::new(config, &Clock::system())?)
    };
    let mut simulation = open(config)?;
    let mut other = args.compare.as_deref().map(open).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut input = open_input(&args.events)?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut summary = Summary::default();
    let mut differences = Differences::default();
    let tells = io::stderr().is_terminal();
    let mut text = String::new();
    let mut number = 0;
    while next_line(&mut input, &mut text)? {
        number += 1;
        let recorded =
            lines::read(&text).map_err(|error| anyhow::anyhow!("{}, line {number}: {error}", args.events.display()))?;
        let decided = runtime.block_on(simulation.take(&recorded))?;
        if let Some(other) = &mut other {
            let otherwise = runtime.block_on(other.take(&recorded))?;
            differences.note(number, &recorded, &decided, &otherwise);
        }
        let answered = Answered {
            line: number,
            verdict: (recorded.what != What::Nothing).then_some(decided.verdict),
            signals: decided.signals.iter().map(Into::into).collect(),
            stopped_by: decided.stopped_by.as_deref(),
        };
        serde_json::to_writer(&mut output, &answered)?;
        output.write_all(b"\n")?;
        summary.note(&recorded, &decided);
        if tells && number % TOLD_EVERY == 0 {
            eprint!("\r{number} lines");
        }
    }
    output.flush()?;
    if tells {
        eprint!("\r");
    }
    eprint!("{summary}");
    if other.is_some() {
        eprint!("{differences}");
    }
    Ok(())
}

/// What is written for each line that was read.
#[derive(Serialize)]
struct Answered<'a> {
    /// Of the input, from 1.
    line: u64,
    /// None for a line of the event log that is about something else.
    verdict: Option<Verdict>,
    signals: Vec<AnsweredSignal<'a>>,
    /// The limit or rule that decided.
    stopped_by: Option<&'a str>,
}

#[derive(Serialize)]
struct AnsweredSignal<'a> {
    name: &'a str,
    weight: i32,
}

impl<'a> From<&'a Signal> for AnsweredSignal<'a> {
    fn from(signal: &'a Signal) -> Self {
        Self { name: &signal.name, weight: signal.weight }
    }
}

fn open_input(path: &Path) -> anyhow::Result<Box<dyn io::BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|error| anyhow::anyhow!("{} cannot be read: {error}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Reads the next line that is not blank; false at the end.
fn next_line(input: &mut dyn io::BufRead, text: &mut String) -> anyhow::Result<bool> {
    text.clear();
    let mut limited = io::Read::take(input, LINE_BYTES_MAX as u64 + 1);
    if limited.read_line(text)? == 0 {
        return Ok(false);
    }
    anyhow::ensure!(text.len() <= LINE_BYTES_MAX, "a line is longer than {LINE_BYTES_MAX} bytes");
    Ok(true)
}
