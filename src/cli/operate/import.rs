//! `account import-addresses`: a file of other addresses, read whole and checked before the first is given to anybody.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::{Common, FAILED, ask, json, socket};
use crate::admin::control::{Command, IMPORTED_MAX, Reply};
use crate::challenge::factors::other_address;
use crate::telemetry::plain;

/// The largest file, in bytes: more than a million lines.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Mistakes shown; the others are of the same kind.
const MISTAKES_MAX: usize = 20;

pub(super) fn addresses(file: &Path, common: &Common, config: &Path) -> ExitCode {
    match import(file, common, config) {
        Ok(Ok(reply)) => {
            print!("{}", if common.json { json(&reply) } else { super::spoken(&reply) });
            ExitCode::SUCCESS
        }
        Ok(Err(failed)) => failed,
        Err(error) => {
            eprintln!("mailward: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn import(file: &Path, common: &Common, config: &Path) -> anyhow::Result<Result<Reply, ExitCode>> {
    use anyhow::Context as _;
    use std::io::Read as _;
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    opened
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(|| format!("{} is not UTF-8 text", file.display()))?;
    let (rows, mistakes) = read(&text);
    anyhow::ensure!(mistakes.is_empty(), "{}: nothing was done\n{}", file.display(), mistakes.join("\n"));
    let socket = match socket(common, config) {
        Ok(socket) => socket,
        Err(failed) => return Ok(Err(failed)),
    };
    let (mut all_added, mut all_known, mut all_refused) = (0, 0, Vec::new());
    for rows in rows.chunks(IMPORTED_MAX) {
        let command = Command::ImportAddresses { rows: rows.to_vec(), site: common.site.clone() };
        match ask(&socket, &command)? {
            Reply::AddressesImported { added, known, refused } => {
                all_added += added;
                all_known += known;
                all_refused.extend(refused);
            }
            Reply::Refused { why } => anyhow::bail!("{}; {all_added} were added before", plain(&why)),
            _ => anyhow::bail!("the gateway answered something else; is it of another version?"),
        }
    }
    Ok(Ok(Reply::AddressesImported { added: all_added, known: all_known, refused: all_refused }))
}

/// The rows of a file, and what is wrong with the others.
fn read(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || (number == 0 && line.eq_ignore_ascii_case("account,address")) {
            continue;
        }
        match line.split_once(',').map(|(account, address)| (account.trim(), address.trim())) {
            Some((account, address)) if !account.is_empty() && is_address(address) => {
                rows.push((account.to_owned(), address.to_owned()));
            }
            _ if mistakes.len() < MISTAKES_MAX => {
                mistakes.push(format!("line {}: expected an account, a comma and a mail address, or a telephone's number such as +4915112345678", number + 1));
            }
            _ => {}
        }
    }
    (rows, mistakes)
}

fn is_address(text: &str) -> bool {
    other_address::telephone(text).is_some() || crate::mail::address(text).is_some()
}

pub(super) fn spoken(added: usize, known: usize, refused: &[String]) -> String {
    let mut said = format!("{added} added, {known} were there already\n");
    for why in refused {
        writeln!(said, "not added: {}", plain(why)).expect("a String takes everything");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_its_mistakes_are_named() {
        let (rows, mistakes) = read(
            "account,address\n# ours\nalice, jane@elsewhere.example\n\nbob,bob@other.example\nbob,+49 151 12345678\n",
        );
        assert_eq!((rows.len(), rows[0].1.as_str(), mistakes.len()), (3, "jane@elsewhere.example", 0));
        let (_, mistakes) = read("alice\n,x@y.example\nbob,nobody\nbob,a@b.example,c\n");
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
        assert!(mistakes[0].starts_with("line 1:"));
    }
}
