//! `mailward learn`: what people really use, from logs there already are, and the limits that follow.
//!
//! Nothing is contacted and nothing is written. The gateway need not be installed: the logs of a webmail's web server
//! and of Postfix from before will do.

mod lines;
mod postfix;
mod usage;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, bail};
use clap::Args;
use ipnet::IpNet;
use serde::Serialize;

use self::lines::Said;
use self::postfix::Postfix;
use self::usage::{Learned, Peak, Spread, Usage, Used};
use super::{FAILED, table};
use crate::clock::Clock;
use crate::config::{self, SendLimits};
use crate::domain::{Account, AccountFolding, Timestamp};
use crate::telemetry::{escape_obeyed, plain};

/// A longer line is no log line: what is beyond is skipped, and the line counts as unreadable. In bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Rows of a list for people, and of one for programs.
const ROWS_SHOWN: usize = 20;
const ROWS_MAX: usize = 1_000;

/// Prefixes shown to people: the busiest are the operator's own, or a carrier's.
const PREFIXES_SHOWN: usize = 5;

/// How far a time without a year may be ahead of the file's last change: clocks differ, and so do zones.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Less than this says little about what happens once a term.
const DAYS_MIN: u64 = 14;

/// Of fewer, the busiest one decides.
const ACTIVE_MIN: usize = 1_000;

/// Progress is told each time so many bytes were read.
const PROGRESS_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Args)]
pub(super) struct LearnArgs {
    /// Access logs of the web server (combined format), Postfix logs, Mailward's events, in any order and mixed; - is
    /// standard input. Not compressed: zcat mail.log.*.gz | mailward learn -
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The domain that people may leave out: alice@example.edu is then alice
    #[arg(long, value_name = "DOMAIN")]
    default_domain: Option<String>,
    /// The webmail's server, where it hands messages to Postfix without signing in as the sender: they then count for
    /// the sender's address
    #[arg(long, value_name = "NETWORK")]
    webmail_from: Vec<IpNet>,
    /// An account that is not to count: an office with a newsletter, one that was stolen
    #[arg(long, value_name = "ACCOUNT")]
    without: Vec<String>,
}

pub(super) fn run(args: LearnArgs, clock: &Clock) -> ExitCode {
    match learn(args, clock.now()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mailward: {}", plain(&format!("{error:#}")));
            ExitCode::from(FAILED)
        }
    }
}

fn learn(args: LearnArgs, now: Timestamp) -> anyhow::Result<String> {
    let folding = AccountFolding { default_domain: args.default_domain, ..AccountFolding::default() };
    let mut reading = Reading {
        postfix: Postfix::new(args.webmail_from),
        usage: Usage::default(),
        read: Counted { files: args.files.len(), ..Counted::default() },
        without: args.without.iter().map(|name| folding.fold(name)).collect(),
        folding,
    };
    for path in &args.files {
        reading.file(path, now).with_context(|| path.display().to_string())?;
    }
    let lesson = reading.lesson();
    Ok(if args.json { lesson.json() } else { lesson.spoken() })
}

/// The limits that hold where nothing is configured.
fn defaults() -> SendLimits {
    const LEAST: &str =
        "[[site]]\nhosts = [\"localhost\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
    config::parse(LEAST, "defaults", Path::new("."), Timestamp::from_millis(0))
        .expect("the least configuration has no mistake")
        .send
}

/// What was read, in lines.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counted {
    files: usize,
    lines: u64,
    /// Neither a log line nor an event.
    unreadable: u64,
    /// Read, and about something else.
    about_something_else: u64,
    /// Messages of accounts that were not to count.
    without: u64,
    /// Not counted for lack of room.
    left_out: u64,
}

struct Reading {
    postfix: Postfix,
    usage: Usage,
    read: Counted,
    folding: AccountFolding,
    /// Accounts whose messages do not count.
    without: HashSet<Account>,
}

impl Reading {
    fn file(&mut self, path: &Path, now: Timestamp) -> anyhow::Result<()> {
        if path == Path::new("-") {
            return self.lines(io::stdin().lock(), now.after(AHEAD), |_| {});
        }
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            bail!("a folder; name the files in it");
        }
        let changed = about.modified().ok().and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        let changed = changed.and_then(|since| u64::try_from(since.as_millis()).ok()).map(Timestamp::from_millis);
        let newest = changed.map_or(now, |changed| changed.min(now)).after(AHEAD);
        let tells = io::stderr().is_terminal();
        let tell = |bytes: u64| {
            if tells && about.len() > PROGRESS_BYTES {
                let end = if bytes < about.len() { '\r' } else { '\n' };
                eprint!(
                    "{}: {} %{end}",
                    plain(&path.display().to_string()),
                    bytes.min(about.len()) * 100 / about.len()
                );
            }
        };
        self.lines(BufReader::with_capacity(256 * 1024, file), newest, tell)
    }

    fn lines(&mut self, mut input: impl BufRead, newest: Timestamp, tell: impl Fn(u64)) -> anyhow::Result<()> {
        if let Some(with) = compressed(input.fill_buf()?) {
            bail!("compressed; unpack it on the way: {with} FILE | mailward learn -");
        }
        let (mut line, mut bytes, mut told) = (Vec::new(), 0, 0);
        loop {
            line.clear();
            let length = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                break;
            }
            bytes += length;
            let is_whole = line.ends_with(b"\n") || length < LINE_BYTES_MAX;
            if !is_whole {
                bytes += input.skip_until(b'\n')? as u64;
            }
            self.line(if is_whole { &line } else { b"" }, newest);
            if bytes - told >= PROGRESS_BYTES {
                told = bytes;
                tell(bytes);
            }
        }
        tell(u64::MAX);
        Ok(())
    }

    fn line(&mut self, line: &[u8], newest: Timestamp) {
        let said = lines::read(&String::from_utf8_lossy(line), &mut self.postfix, newest);
        self.read.lines += 1;
        match said {
            Said::Unreadable => self.read.unreadable += 1,
            Said::SomethingElse => self.read.about_something_else += 1,
            Said::Sent { account, recipients, at, by } => {
                let account = self.folding.fold(&account);
                if self.without.contains(&account) {
                    self.read.without += 1;
                } else {
                    self.usage.sent(&account, recipients, at, by);
                }
            }
            Said::SignIn { prefix, account, outcome, at } => {
                let account = account.map(|account| self.folding.fold(&account));
                self.usage.sign_in(&prefix, account.as_ref(), outcome, at);
            }
        }
    }

    fn lesson(mut self) -> Lesson {
        self.read.left_out = self.usage.left_out;
        let sending = self.usage.of_sending(&defaults());
        let signing_in = self.usage.of_signing_in();
        let busiest_prefixes = self.usage.busiest_prefixes(ROWS_SHOWN);
        Lesson {
            read: self.read,
            unattributed: self.postfix.unattributed(),
            usage: self.usage,
            sending,
            signing_in,
            busiest_prefixes,
        }
    }
}

/// What unpacks a file that begins like this, where something must.
fn compressed(begins: &[u8]) -> Option<&'static str> {
    [
        (&[0x1f, 0x8b][..], "zcat"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xzcat"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstdcat"),
        (b"BZh", "bzcat"),
    ]
    .into_iter()
    .find_map(|(mark, with)| begins.starts_with(mark).then_some(with))
}

/// Everything that is told.
struct Lesson {
    read: Counted,
    /// Messages that the mail server itself handed in for nobody.
    unattributed: u64,
    usage: Usage,
    sending: Vec<Learned>,
    signing_in: Vec<Used>,
    busiest_prefixes: Vec<(String, usize)>,
}

const SHARES: [(&str, f64); 4] = [("P50", 0.5), ("P90", 0.9), ("P99", 0.99), ("P99.9", 0.999)];

impl Lesson {
    fn days(&self) -> u64 {
        self.usage.span.map_or(0, |(first, last)| last.since(first).as_secs().div_ceil(86_400))
    }

    fn spoken(&self) -> String {
        let notes: Vec<String> = self.notes().iter().map(|note| format!("note: {note}\n")).collect();
        let mut parts = vec![self.what_was_read() + "\n" + &notes.concat()];
        if self.usage.messages() > 0 {
            parts.push("Sending: the busiest window of each account that sent".to_owned());
            parts.push(self.sending_table());
            parts.extend(self.accounts_above());
        }
        if self.usage.sign_ins() > 0 {
            parts.push("Signing in: the busiest window of each prefix".to_owned());
            parts.extend(self.signing_in_tables());
        }
        if self.usage.messages() > 0 {
            parts.push(
                "The proposal: what 99.9 % of the accounts never passed and a quarter more, never below the defaults.\n\
                 On a device that an account has known for a day its limits are 2.5 times these."
                    .to_owned(),
            );
            parts.push(usage::snippet(&self.sending));
        }
        let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
        parts.join("\n\n") + "\n"
    }

    fn what_was_read(&self) -> String {
        let Counted { files, lines, unreadable, about_something_else, without, .. } = self.read;
        let mut text = format!(
            "{} of {}: {} of {}, {} from {}\n",
            counted(lines, "line", "lines"),
            counted(files as u64, "file", "files"),
            counted(self.usage.messages() as u64, "message", "messages"),
            counted(self.usage.active() as u64, "account", "accounts"),
            counted(self.usage.sign_ins() as u64, "sign-in", "sign-ins"),
            counted(self.usage.prefixes.len() as u64, "prefix", "prefixes"),
        );
        let mut say = |what: String| text.push_str(&what);
        if let Some((first, last)) = self.usage.span {
            say(format!("from {} to {} ({})\n", minute(first), minute(last), counted(self.days(), "day", "days")));
        }
        say(format!("about something else: {}", counted(about_something_else, "line", "lines")));
        say(format!("; unreadable: {}", counted(unreadable, "line", "lines")));
        if without > 0 {
            say(format!("; not to count: {}", counted(without, "message", "messages")));
        }
        text
    }

    /// What makes the numbers less than they seem.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.usage.messages() == 0 {
            notes.push(
                "no message was found, so no limit is proposed: give it Postfix's log or Mailward's events".into(),
            );
        } else {
            if self.days() < DAYS_MIN {
                notes.push(format!(
                    "{} is too short to show what happens once a term: give it more",
                    counted(self.days(), "day", "days")
                ));
            }
            if self.usage.active() < ACTIVE_MIN {
                notes.push(format!(
                    "of {} accounts the busiest decides: if it was stolen, or is an office's, add --without ACCOUNT",
                    self.usage.active()
                ));
            }
        }
        if self.usage.by_mail_log > 0 && self.usage.by_events > 0 {
            notes.push(
                "messages were read from the mail log and from Mailward's events: what is in both counts twice".into(),
            );
        }
        if self.unattributed > 0 {
            notes.push(format!(
                "{} messages came from the mail server itself for nobody who signed in; if they are the webmail's: --webmail-from 127.0.0.0/8",
                self.unattributed
            ));
        }
        if self.read.left_out > 0 {
            notes.push(format!("{} messages and sign-ins were left out: there was no more room", self.read.left_out));
        }
        if let [(prefix, succeeded), ..] = self.busiest_prefixes.as_slice()
            && self.usage.prefixes.len() > 1
            && *succeeded * 2 > self.usage.sign_ins()
        {
            notes.push(format!(
                "more than half of the sign-ins come from {prefix}: is it a proxy, and the people behind it?"
            ));
        }
        notes
    }

    fn sending_table(&self) -> String {
        let head: Vec<&str> = ["USE"]
            .into_iter()
            .chain(SHARES.map(|(name, _)| name))
            .chain(["MAX", "DEFAULT", "MET BY", "PROPOSED", "MET BY"])
            .collect();
        let rows: Vec<Vec<String>> = self
            .sending
            .iter()
            .map(|learned| {
                let mut row = vec![learned.measure.words.to_owned()];
                row.extend(shares(&learned.spread));
                for limit in [learned.default, learned.proposed] {
                    row.extend([limit.to_string(), learned.spread.above(limit).len().to_string()]);
                }
                row
            })
            .collect();
        table(&head, &rows)
    }

    fn signing_in_tables(&self) -> Vec<String> {
        let head: Vec<&str> =
            ["USE"].into_iter().chain(SHARES.map(|(name, _)| name)).chain(["MAX", "BUSIEST PREFIX"]).collect();
        let rows: Vec<Vec<String>> = self
            .signing_in
            .iter()
            .map(|used| {
                let mut row = vec![used.words.to_owned()];
                row.extend(shares(&used.spread));
                row.push(used.spread.above(0).next().map_or_else(String::new, |peak| peak.whose.clone()));
                row
            })
            .collect();
        let mut parts =
            vec![table(&head, &rows), "No limit follows from these: those who guess are among them.".to_owned()];
        if !self.busiest_prefixes.is_empty() {
            let shown = self.busiest_prefixes.iter().take(PREFIXES_SHOWN);
            let rows: Vec<Vec<String>> =
                shown.map(|(prefix, succeeded)| vec![prefix.clone(), succeeded.to_string()]).collect();
            parts.push("Most sign-ins that succeeded; what is yours belongs in [networks]:".to_owned());
            parts.push(table(&["PREFIX", "SIGN-INS"], &rows));
        }
        parts
    }

    /// Whom the defaults would have stopped, and whom the proposal would as well.
    fn accounts_above(&self) -> Vec<String> {
        let above = self.above_defaults();
        if above.is_empty() {
            return vec!["No account would have met a default limit.".to_owned()];
        }
        let row = |(learned, peak): &(&Learned, &Peak)| {
            let met = if peak.most > u64::from(learned.proposed) { "proposed" } else { "default" };
            let (words, most) = (learned.measure.words.to_owned(), peak.most.to_string());
            vec![peak.whose.clone(), words, most, met.to_owned(), minute(peak.at)]
        };
        let rows: Vec<Vec<String>> = above.iter().take(ROWS_SHOWN).map(row).collect();
        let mut rows = table(&["ACCOUNT", "USE", "MOST", "LIMIT MET", "WHEN"], &rows);
        if above.len() > ROWS_SHOWN {
            rows.push_str(&format!("… and {} more; --json has up to {ROWS_MAX}\n", above.len() - ROWS_SHOWN));
        }
        let head = "Accounts that would have met a limit. A stolen one may be among them; an office with a newsletter needs\n\
                    an [[exception]]. Both spoil the proposal: leave them out by --without ACCOUNT.";
        vec![head.to_owned(), rows]
    }

    /// What would have met a default limit, furthest above it first.
    fn above_defaults(&self) -> Vec<(&Learned, &Peak)> {
        let each = |learned| Learned::above_default(learned).map(move |peak| (learned, peak));
        let mut above: Vec<(&Learned, &Peak)> = self.sending.iter().flat_map(each).collect();
        let times = |(learned, peak): &(&Learned, &Peak)| peak.most as f64 / f64::from(learned.default);
        above.sort_by(|a, b| times(b).total_cmp(&times(a)));
        above
    }

    fn json(&self) -> String {
        let told = Told {
            read: self.read,
            messages: self.usage.messages(),
            accounts: self.usage.active(),
            sign_ins: self.usage.sign_ins(),
            prefixes: self.usage.prefixes.len(),
            from: self.usage.span.map(|(first, _)| first.to_string()),
            to: self.usage.span.map(|(_, last)| last.to_string()),
            notes: self.notes(),
            sending: self
                .sending
                .iter()
                .map(|learned| TellSending {
                    name: learned.measure.name,
                    use_: TellUse::of(&learned.spread),
                    default: learned.default,
                    default_met_by: learned.spread.above(learned.default).len(),
                    proposed: learned.proposed,
                    proposed_met_by: learned.spread.above(learned.proposed).len(),
                })
                .collect(),
            met: self
                .above_defaults()
                .into_iter()
                .take(ROWS_MAX)
                .map(|(learned, peak)| TellMet {
                    account: &peak.whose,
                    name: learned.measure.name,
                    most: peak.most,
                    at: peak.at.to_string(),
                    meets_proposed: peak.most > u64::from(learned.proposed),
                })
                .collect(),
            signing_in: self
                .signing_in
                .iter()
                .map(|used| TellSigningIn { name: used.name, use_: TellUse::of(&used.spread) })
                .collect(),
            busiest_prefixes: self
                .busiest_prefixes
                .iter()
                .map(|(prefix, sign_ins)| TellPrefix { prefix, sign_ins: *sign_ins })
                .collect(),
            toml: (self.usage.messages() > 0).then(|| usage::snippet(&self.sending)),
        };
        escape_obeyed(serde_json::to_string(&told).expect("every field is a string or a number")) + "\n"
    }
}

fn shares(spread: &Spread) -> impl Iterator<Item = String> {
    SHARES.into_iter().map(|(_, share)| spread.percentile(share)).chain([spread.max()]).map(|most| most.to_string())
}

/// `1 line`, `2 lines`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// To the minute, as people read it.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| minute.replace('T', " ") + "Z")
}

/// `--json`.
#[derive(Serialize)]
struct Told<'a> {
    read: Counted,
    messages: usize,
    accounts: usize,
    sign_ins: usize,
    prefixes: usize,
    from: Option<String>,
    to: Option<String>,
    notes: Vec<String>,
    sending: Vec<TellSending>,
    met: Vec<TellMet<'a>>,
    signing_in: Vec<TellSigningIn>,
    busiest_prefixes: Vec<TellPrefix<'a>>,
    toml: Option<String>,
}

#[derive(Serialize)]
struct TellSending {
    name: &'static str,
    #[serde(flatten)]
    use_: TellUse,
    default: u32,
    default_met_by: usize,
    proposed: u32,
    proposed_met_by: usize,
}

#[derive(Serialize)]
struct TellSigningIn {
    name: &'static str,
    #[serde(flatten)]
    use_: TellUse,
}

#[derive(Serialize)]
struct TellUse {
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

impl TellUse {
    fn of(spread: &Spread) -> Self {
        let [p50, p90, p99, p99_9] = SHARES.map(|(_, share)| spread.percentile(share));
        Self { p50, p90, p99, p99_9, max: spread.max() }
    }
}

#[derive(Serialize)]
struct TellMet<'a> {
    account: &'a str,
    name: &'static str,
    most: u64,
    at: String,
    meets_proposed: bool,
}

#[derive(Serialize)]
struct TellPrefix<'a> {
    prefix: &'a str,
    sign_ins: usize,
}
