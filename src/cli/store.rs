//! `mailward store`: what is kept, whether it is well, and how it moves from one store to another.
//!
//! An embedded store belongs to its gateway: while that one runs, it is asked through the control socket. A shared one is
//! asked itself.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal as _, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::{FAILED, read};
use crate::admin::control::{self, Command, NoReply, Reply};
use crate::app::storage;
use crate::clock::{Clock, Dice};
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::embedded::{self, Embedded, OpenError};
use crate::store::redis::Redis;
use crate::store::{Cursor, Record, Store};
use crate::telemetry::plain;

/// What can be done to the store as a whole.
#[derive(Subcommand)]
pub(super) enum StoreVerb {
    /// Which store it is, how large, and how much of each thing it holds
    Info,
    /// Whether the store is whole and can be used; exit 1 if not
    Check,
    /// Write everything that the store holds, one JSON object a line
    #[command(after_help = "Examples:\n  mailward store export mailward.jsonl\n  \
        mailward store export | ssh other mailward store import\n\n\
        The file holds names of accounts and addresses. What is sealed in it opens with the same key_file only.")]
    Export {
        /// A new file, readable for its owner alone; - for standard output
        #[arg(default_value = "-", hide_default_value = true)]
        file: PathBuf,
    },
    /// Take in what another store held. Nothing that is here is loosened: locks stay, what was counted stays counted
    #[command(after_help = "Example:\n  mailward store import --config new.toml mailward.jsonl\n\n\
        Give the new gateway the same key_file: without it nobody's session is recognised.\n\
        Taking in the same twice does no harm.")]
    Import {
        /// What `store export` wrote; - for standard input
        #[arg(default_value = "-", hide_default_value = true)]
        file: PathBuf,
    },
    /// Copy the embedded store to a new file, while the gateway runs or not
    #[command(after_help = "Example:\n  mailward store backup /var/backups/mailward-$(date +%F).db\n\n\
        The gateway writes the file, so its user must be able to. To go back: stop the gateway, put the copy in the\n\
        place of mailward.db in data_dir, remove mailward.db-wal and mailward.db-shm, start it.")]
    Backup {
        /// A new file, readable for its owner alone
        file: PathBuf,
    },
}

/// The first line of an export.
#[derive(Serialize, Deserialize)]
struct Heading {
    /// The version of this format.
    mailward_export: u32,
    /// When it was begun.
    written: String,
}

/// The version of the format that is written and read.
const FORMAT: u32 = 1;

/// Records of one step: a page that is read, a piece that is taken in.
const AT_ONCE: usize = 1_000;

/// A piece is taken in when its lines are about this large together, in bytes.
const PIECE_BYTES: usize = 8 << 20;

/// The longest line that is read, in bytes: the largest held message in base 64.
const LINE_BYTES_MAX: u64 = 64 << 20;

pub(super) fn run(verb: StoreVerb, path: &Path, clock: &Clock) -> ExitCode {
    let config = match read(path) {
        Ok(config) => config,
        Err(failed) => return failed,
    };
    let done = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(carry_out(verb, &config, clock.now())),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("mailward: {}", plain(&format!("{error:#}")));
            ExitCode::from(FAILED)
        }
    }
}

async fn carry_out(verb: StoreVerb, config: &Config, now: Timestamp) -> anyhow::Result<bool> {
    match verb {
        StoreVerb::Info => info(config, false, now).await,
        StoreVerb::Check => info(config, true, now).await,
        StoreVerb::Export { file } => {
            let way = Way::open(config, now).await?;
            let count = match file.as_os_str() {
                stdout if stdout == "-" => export(&way, io::stdout().lock(), now).await?,
                _ => {
                    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
                    let made = made.with_context(|| format!("{} cannot be made", file.display()))?;
                    export(&way, &made, now).await?
                }
            };
            eprintln!("{count} records written");
            Ok(true)
        }
        StoreVerb::Import { file } => {
            let way = Way::open(config, now).await?;
            let (taken, changed) = match file.as_os_str() {
                stdin if stdin == "-" => import(&way, BufReader::new(io::stdin()), now).await?,
                _ => {
                    let opened = File::open(&file).with_context(|| format!("{} cannot be read", file.display()))?;
                    import(&way, BufReader::new(opened), now).await?
                }
            };
            eprintln!("{taken} records read, {changed} of them changed something");
            Ok(true)
        }
        StoreVerb::Backup { file } => {
            backup(config, &file).await?;
            eprintln!("{} is a copy of the store", file.display());
            Ok(true)
        }
    }
}

/// How the store is reached.
enum Way {
    /// Through the gateway that has it open.
    Running(PathBuf),
    /// By opening it.
    Here(Arc<dyn Store>),
}

impl Way {
    async fn open(config: &Config, now: Timestamp) -> anyhow::Result<Self> {
        if !config.store.redis.is_empty() {
            return Ok(Self::Here(Arc::new(connect(config)?)));
        }
        if gateway_answers(config).await? {
            return Ok(Self::Running(config.control.clone()));
        }
        match Embedded::open(&config.data_dir, now, storage::store_settings(config)) {
            Ok(store) => Ok(Self::Here(Arc::new(store))),
            Err(error @ OpenError::InUse(_)) => Err(error).context(
                "a gateway has the store open, but does not answer at the control socket of this configuration",
            ),
            Err(error) => Err(error.into()),
        }
    }

    /// Records as lines, and where the next page begins.
    async fn page(&self, after: Option<Cursor>) -> anyhow::Result<(Vec<String>, Option<Cursor>)> {
        match self {
            Self::Here(store) => {
                let page = store.export(after, AT_ONCE).await?;
                let lines = page.records.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
                Ok((lines, page.next))
            }
            Self::Running(socket) => match ask(socket, &Command::ExportStore { after, most: AT_ONCE }).await? {
                Reply::Exported { lines, next } => Ok((lines, next)),
                other => Err(not_understood(&other)),
            },
        }
    }

    /// Takes in a piece; says how many records changed something.
    async fn take(&self, lines: Vec<String>, now: Timestamp) -> anyhow::Result<usize> {
        match self {
            Self::Here(store) => {
                let records: Vec<Record> =
                    lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
                Ok(store.import(records, now).await?)
            }
            Self::Running(socket) => match ask(socket, &Command::ImportStore { lines }).await? {
                Reply::Imported { changed } => Ok(changed),
                other => Err(not_understood(&other)),
            },
        }
    }

    async fn flush(&self) -> anyhow::Result<()> {
        match self {
            Self::Here(store) => Ok(store.flush().await?),
            Self::Running(_) => Ok(()),
        }
    }
}

/// The shared store itself; it must answer.
pub(super) fn connect(config: &Config) -> anyhow::Result<Redis> {
    let random = u64::from_le_bytes(Dice::system().bytes());
    let redis = Redis::connect(storage::redis_settings(config, random))?;
    if let Some(trouble) = redis.trouble() {
        anyhow::bail!("the store does not answer: {trouble}");
    }
    Ok(redis)
}

async fn gateway_answers(config: &Config) -> anyhow::Result<bool> {
    match control::ask(&config.control, &Command::Status).await {
        Ok(_) => Ok(true),
        Err(NoReply::NotRunning { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn ask(socket: &Path, command: &Command) -> anyhow::Result<Reply> {
    match control::ask(socket, command).await? {
        Reply::Refused { why } => Err(anyhow::anyhow!(why)),
        reply => Ok(reply),
    }
}

fn not_understood(_: &Reply) -> anyhow::Error {
    anyhow::anyhow!("the gateway answered something else; is it of another version?")
}

async fn export(way: &Way, to: impl Write, now: Timestamp) -> anyhow::Result<u64> {
    let mut to = BufWriter::new(to);
    let heading = Heading { mailward_export: FORMAT, written: now.to_string() };
    writeln!(to, "{}", serde_json::to_string(&heading)?)?;
    let mut progress = Progress::new("written");
    let mut after = None;
    loop {
        let (lines, next) = way.page(after).await?;
        for line in &lines {
            to.write_all(line.as_bytes())?;
            to.write_all(b"\n")?;
        }
        progress.add(lines.len());
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    to.flush()?;
    Ok(progress.count)
}

/// Returns how many records were read, and how many of them changed something.
async fn import(way: &Way, mut from: impl BufRead, now: Timestamp) -> anyhow::Result<(u64, u64)> {
    let mut line = String::new();
    anyhow::ensure!(next_line(&mut from, &mut line)?, "there is nothing to read");
    let heading: Heading = serde_json::from_str(&line).context("line 1 is not the beginning of an export")?;
    anyhow::ensure!(
        heading.mailward_export <= FORMAT,
        "the export was written by a newer Mailward (format {}, this one knows {FORMAT})",
        heading.mailward_export
    );
    let mut progress = Progress::new("read");
    let (mut number, mut changed) = (1_u64, 0_u64);
    let (mut piece, mut bytes) = (Vec::new(), 0);
    loop {
        let more = next_line(&mut from, &mut line).with_context(|| format!("line {}", number + 1))?;
        number += 1;
        if more {
            // Looked at here: the line that is wrong is named, and what stood before it is taken in.
            serde_json::from_str::<Record>(&line).with_context(|| format!("line {number} is not a record"))?;
            bytes += line.len();
            piece.push(line.trim_end().to_owned());
        }
        if piece.len() >= AT_ONCE || bytes >= PIECE_BYTES || (!more && !piece.is_empty()) {
            progress.add(piece.len());
            changed += way.take(std::mem::take(&mut piece), now).await? as u64;
            bytes = 0;
        }
        if !more {
            break;
        }
    }
    way.flush().await?;
    Ok((progress.count, changed))
}

/// Reads a line; says whether there was one.
fn next_line(from: &mut impl BufRead, line: &mut String) -> anyhow::Result<bool> {
    line.clear();
    let read = from.by_ref().take(LINE_BYTES_MAX).read_line(line)?;
    anyhow::ensure!((read as u64) < LINE_BYTES_MAX, "a line is longer than {} MiB", LINE_BYTES_MAX >> 20);
    Ok(read > 0)
}

/// Says on a terminal how far it is.
struct Progress {
    done: &'static str,
    count: u64,
    shows: bool,
}

impl Progress {
    /// So many records are worth a word.
    const EACH: u64 = 10_000;

    fn new(done: &'static str) -> Self {
        Self { done, count: 0, shows: io::stderr().is_terminal() }
    }

    fn add(&mut self, more: usize) {
        let before = self.count;
        self.count += more as u64;
        if self.shows && before / Self::EACH != self.count / Self::EACH {
            eprint!("\r{} records {} …", self.count, self.done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shows && self.count >= Self::EACH {
            eprintln!();
        }
    }
}

/// Says what the store is; whether nothing is wrong with it.
async fn info(config: &Config, thoroughly: bool, now: Timestamp) -> anyhow::Result<bool> {
    if !config.store.redis.is_empty() {
        return info_of_shared(config, thoroughly, now).await;
    }
    let looked = embedded::look(&config.data_dir, thoroughly)?;
    println!("the embedded store, {}", looked.path.display());
    println!("{}, tables of version {}", mebibytes(looked.bytes), looked.schema);
    for (name, count) in &looked.rows {
        println!("{name:<15} {count:>9}");
    }
    show_gateway(config).await?;
    match (&looked.damage, thoroughly) {
        (Some(damage), _) => {
            println!("it is damaged: {}", plain(damage));
            Ok(false)
        }
        (None, true) => {
            println!("it is whole");
            Ok(true)
        }
        (None, false) => Ok(true),
    }
}

async fn info_of_shared(config: &Config, thoroughly: bool, now: Timestamp) -> anyhow::Result<bool> {
    let redis = connect(config)?;
    let found = redis.inspect().await?;
    let servers: Vec<String> = config.store.redis.iter().map(ToString::to_string).collect();
    println!("the shared store at {}, {}", servers.join(", "), found.kind.name());
    for server in &found.servers {
        let bound =
            if server.memory_max == 0 { String::new() } else { format!(" of {}", mebibytes(server.memory_max)) };
        println!(
            "{} {} {}: {}{bound}, {} replicas",
            plain(&server.product),
            plain(&server.version),
            plain(&server.address),
            mebibytes(server.memory_used),
            server.replicas
        );
    }
    if thoroughly {
        // Everything is read once: what cannot be read is not whole.
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = redis.export(after, AT_ONCE).await?;
            page.records.iter().for_each(|record| *counts.entry(record.name()).or_default() += 1);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        for (name, count) in counts {
            println!("{name:<15} {count:>9}");
        }
        redis.probe(now).await.context("the store can be read, but not written")?;
        println!("it can be read and written");
    }
    show_gateway(config).await?;
    Ok(true)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// What the running gateway says of its store.
async fn show_gateway(config: &Config) -> anyhow::Result<()> {
    match control::ask(&config.control, &Command::Status).await {
        Ok(Reply::Status { store_away: None, .. }) => println!("the gateway runs, and its store is well"),
        Ok(Reply::Status { store_away: Some(what), store_away_since, store_waiting, .. }) => {
            let since = store_away_since.map_or_else(String::new, |since| format!(" since {since}"));
            println!(
                "the gateway runs, and its store does not answer{}: {}; {store_waiting} changes wait for it",
                plain(&since),
                plain(&what)
            );
        }
        Ok(other) => return Err(not_understood(&other)),
        Err(NoReply::NotRunning { .. }) => println!("the gateway does not run"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn backup(config: &Config, file: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.store.redis.is_empty(),
        "the store is a shared one: let its server save it, or use: mailward store export"
    );
    let to = std::path::absolute(file)?;
    if gateway_answers(config).await? {
        return match ask(&config.control, &Command::BackupStore { to }).await? {
            Reply::BackedUp => Ok(()),
            other => Err(not_understood(&other)),
        };
    }
    Ok(embedded::copy(&config.data_dir, &to)?)
}
