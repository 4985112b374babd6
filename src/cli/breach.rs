//! `mailward breach`: leaked passwords as a file that the gateway can ask without reading it whole.

use std::io::{BufRead, IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::FAILED;
use crate::clock::Clock;
use crate::intel::breached::{BuildError, Builder, Built};

/// The longest line that is read, in bytes; a hash and its count take some 50.
const LINE_BYTES_MAX: u64 = 256;

/// Progress is shown whenever so many lines were read.
const LINES_BETWEEN_NEWS: u64 = 5_000_000;

#[derive(Subcommand)]
pub(super) enum BreachVerb {
    /// Read SHA-1 hashes from standard input, one a line, with or without ":COUNT", and write them as a filter
    #[command(after_help = "Takes what the downloader of Pwned Passwords writes, in any order:\n  \
        mailward breach build --out /var/lib/mailward/breached --min-count 10 < pwned-passwords-sha1.txt\n\n\
        Then, in the configuration:\n  \
        [passwords]\n  \
        breached = \"/var/lib/mailward/breached\"\n\n\
        Ten million passwords take 23 MB there, and while it is made 80 MB beside it. A running gateway takes the new\n\
        file by itself.")]
    Build(BuildArgs),
}

#[derive(Args)]
pub(super) struct BuildArgs {
    /// Where the filter is written; an older one there is replaced when the new one is complete
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out what leaked less often than this
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_count: u32,
}

pub(super) fn run(verb: &BreachVerb, clock: &Clock) -> ExitCode {
    let BreachVerb::Build(args) = verb;
    let input = std::io::stdin().lock();
    if input.is_terminal() {
        eprintln!("mailward: reading hashes from the keyboard; end with Ctrl-D");
    }
    match build(args, input, clock) {
        Ok(Built { lines, keys, rare, bytes }) => {
            println!("{}: {keys} passwords of {lines} lines ({rare} too rare), {bytes} bytes", args.out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mailward: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn build(args: &BuildArgs, mut input: impl BufRead, clock: &Clock) -> anyhow::Result<Built> {
    let mut builder = Builder::new(&args.out, args.min_count)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LINE_BYTES_MAX {
            let what = "is longer than any hash; is this a list of SHA-1 hashes, one a line?";
            return Err(BuildError::Line { line: builder.lines() + 1, what }.into());
        }
        builder.add_line(&line)?;
        if builder.lines().is_multiple_of(LINES_BETWEEN_NEWS) {
            eprintln!("{} lines read", builder.lines());
        }
    }
    if builder.lines() >= LINES_BETWEEN_NEWS {
        eprintln!("{} lines read; making the filter", builder.lines());
    }
    Ok(builder.finish(clock.now())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn built(input: &[u8], min_count: u32) -> Result<Built, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let args = BuildArgs { out: folder.path().join("breached"), min_count };
        build(&args, input, &Clock::manual(Timestamp::from_millis(1))).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_of_line_are_taken_and_what_is_no_hash_is_named_by_its_line() {
        let hash = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
        let taken = built(format!("{hash}:3730471\r\n{}\n\n", hash.replace('5', "6")).as_bytes(), 0).expect("good");
        assert_eq!((taken.lines, taken.keys), (3, 2));
        assert_eq!(built(format!("{hash}:9").as_bytes(), 9).map(|built| built.keys), Ok(1), "no end of line");
        for (input, says) in [
            (format!("{hash}:1\npassword\n"), "line 2 is not a SHA-1"),
            ("x".repeat(1_000), "line 1 is longer"),
            (String::new(), "nothing was made"),
            (format!("{hash}\n"), ""),
        ] {
            match built(input.as_bytes(), 0) {
                Err(error) => assert!(!says.is_empty() && error.contains(says), "{error}"),
                Ok(built) => assert_eq!((says, built.keys), ("", 1)),
            }
        }
    }
}
