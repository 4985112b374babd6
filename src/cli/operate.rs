//! `account` and `session`: commands to the running gateway through its control socket.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{FAILED, read, table};
use crate::admin::control::{self, Command, Done, LockRow, ROWS_MAX, Reply, SessionRow};
use crate::telemetry::{escape_obeyed, plain};

/// Names are folded like those that people type at the sign-in: any spelling of an account will do.
#[derive(Subcommand)]
pub(super) enum AccountVerb {
    /// Lock an account: it cannot sign in, and its sessions end at their next request
    #[command(after_help = "Example:\n  mailward account lock alice --note \"phished, ticket 4711\"")]
    Lock {
        /// The account, as its owner types it
        name: String,
        /// For other operators; the account's owner never sees it
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        common: Common,
    },
    /// Unlock an account
    Unlock {
        /// The account, as its owner types it
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// The accounts that are locked
    List {
        #[command(flatten)]
        common: Common,
    },
}

/// What can be done to sessions.
#[derive(Subcommand)]
pub(super) enum SessionVerb {
    /// The sessions that have not ended, newest first
    #[command(after_help = "Examples:\n  mailward session list --account alice\n  \
        mailward session list --json | jq '.sessions[] | select(.device_since == null)'")]
    List {
        /// Of this account only
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// End one session, or all of an account; their next request is told to sign in again
    #[command(arg_required_else_help = true)]
    End {
        /// The session, as `session list` shows it
        #[arg(required_unless_present = "account", conflicts_with_all = ["account", "site"])]
        session: Option<String>,
        /// All sessions of this account
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
pub(super) struct Common {
    /// At this site only, by any of its host names; otherwise at all sites
    #[arg(long, value_name = "HOST")]
    site: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The control socket; otherwise the configuration says where it is
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
}

pub(super) fn account(verb: AccountVerb, config: &Path) -> ExitCode {
    match verb {
        AccountVerb::Lock { name, note, common } => {
            let command = Command::LockAccount { name, note, site: common.site.clone() };
            operate(&command, &common, config)
        }
        AccountVerb::Unlock { name, common } => {
            let command = Command::UnlockAccount { name, site: common.site.clone() };
            operate(&command, &common, config)
        }
        AccountVerb::List { common } => operate(&Command::ListLocks { site: common.site.clone() }, &common, config),
    }
}

pub(super) fn session(verb: SessionVerb, config: &Path) -> ExitCode {
    match verb {
        SessionVerb::List { account, common } => {
            let command = Command::ListSessions { account, site: common.site.clone() };
            operate(&command, &common, config)
        }
        SessionVerb::End { session, account, common } => {
            let command = match (session, account) {
                (Some(hash), _) => Command::EndSession { hash },
                (None, account) => {
                    Command::EndSessions { account: account.unwrap_or_default(), site: common.site.clone() }
                }
            };
            operate(&command, &common, config)
        }
    }
}

fn operate(command: &Command, common: &Common, config: &Path) -> ExitCode {
    let socket = match &common.control {
        Some(socket) => socket.clone(),
        None => match read(config) {
            Ok(config) => config.control,
            Err(failed) => {
                eprintln!("the running gateway can still be reached: name its socket with --control FILE");
                return failed;
            }
        },
    };
    match ask(&socket, command) {
        Ok(Reply::Refused { why }) => {
            eprintln!("mailward: {}", plain(&why));
            ExitCode::from(FAILED)
        }
        Ok(reply) => {
            let shown = if common.json { json(&reply) } else { spoken(&reply) };
            print!("{shown}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mailward: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// Asks the gateway behind `socket`.
pub(super) fn ask(socket: &Path, command: &Command) -> anyhow::Result<Reply> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(control::ask(socket, command))?)
}

fn json(reply: &Reply) -> String {
    let text = serde_json::to_string(reply).expect("texts, numbers and lists of them");
    escape_obeyed(text) + "\n"
}

fn spoken(reply: &Reply) -> String {
    match reply {
        Reply::Status { version, time, store_away } => {
            let store = store_away.as_deref().map_or_else(|| "well".into(), plain);
            format!("version {}, time {}, store: {store}\n", plain(version), plain(time))
        }
        Reply::Done { done } => done.iter().map(sentence).collect(),
        Reply::Locks { locks, .. } if locks.is_empty() => "no account is locked\n".to_owned(),
        Reply::Locks { locks, more } => {
            let row =
                |lock: &LockRow| vec![lock.account.clone(), lock.site.clone(), minute(&lock.since), lock.note.clone()];
            table(&["ACCOUNT", "SITE", "SINCE", "NOTE"], &locks.iter().map(row).collect::<Vec<_>>()) + &rest(*more)
        }
        Reply::Sessions { sessions, .. } if sessions.is_empty() => "no session\n".to_owned(),
        Reply::Sessions { sessions, more } => {
            let rows: Vec<_> = sessions.iter().map(session_row).collect();
            let head = ["SESSION", "ACCOUNT", "SITE", "STATE", "FROM", "SIGNED IN", "LAST SEEN", "DEVICE", "BROWSER"];
            table(&head, &rows) + &rest(*more)
        }
        Reply::Refused { why } => format!("{}\n", plain(why)),
    }
}

fn sentence(done: &Done) -> String {
    let Done { site, account, what, sessions_ended } = done;
    let sessions = match (sessions_ended, what.as_str()) {
        (0, "unlocked" | "was not locked") => String::new(),
        (1, _) => ", 1 session ended".to_owned(),
        (count, _) => format!(", {count} sessions ended"),
    };
    let what = if what == "sessions ended" { String::new() } else { format!(" {what}") };
    let comma = if what.is_empty() { sessions.replacen(", ", " ", 1) } else { sessions };
    format!("{} at {}:{what}{comma}\n", plain(account), plain(site))
}

fn session_row(session: &SessionRow) -> Vec<String> {
    vec![
        session.session.clone(),
        session.account.clone(),
        session.site.clone(),
        session.state.clone(),
        session.prefix.clone(),
        minute(&session.signed_in),
        minute(&session.last_seen),
        session.device_since.as_deref().map_or_else(|| "new".to_owned(), |since| format!("since {}", day(since))),
        session.user_agent.as_deref().map_or_else(|| "-".to_owned(), |agent| agent.chars().take(40).collect()),
    ]
}

fn rest(more: bool) -> String {
    if more { format!("… and more; only {ROWS_MAX} are shown\n") } else { String::new() }
}

/// `2026-03-01T08:12:09.000Z` to the minute, as people read it.
fn minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |minute| minute.replace('T', " ") + "Z")
}

fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_reads_as_a_sentence() {
        let done = |what: &str, sessions_ended| Done {
            site: "webmail.example.edu".into(),
            account: "alice".into(),
            what: what.into(),
            sessions_ended,
        };
        for (done, said) in [
            (done("locked", 2), "alice at webmail.example.edu: locked, 2 sessions ended\n"),
            (done("locked", 0), "alice at webmail.example.edu: locked, 0 sessions ended\n"),
            (done("unlocked", 0), "alice at webmail.example.edu: unlocked\n"),
            (done("was not locked", 0), "alice at webmail.example.edu: was not locked\n"),
            (done("sessions ended", 1), "alice at webmail.example.edu: 1 session ended\n"),
        ] {
            assert_eq!(sentence(&done), said);
        }
    }

    #[test]
    fn what_a_client_wrote_is_shown_harmless_and_json_keeps_it() {
        let sessions = vec![SessionRow {
            session: "5e".repeat(16),
            site: "webmail.example.edu".into(),
            account: "al\u{9b}ice".into(),
            state: "open".into(),
            prefix: "203.0.113.9/32".into(),
            signed_in: "2026-03-01T08:12:09.000Z".into(),
            last_seen: "2026-03-01T08:13:00.000Z".into(),
            device_since: None,
            user_agent: Some("evil\x1b]0;x\x07".into()),
        }];
        let reply = Reply::Sessions { sessions, more: false };
        let (shown, json) = (spoken(&reply), json(&reply));
        assert!(!shown.replace('\n', "").chars().any(char::is_control), "{shown:?}");
        assert!(shown.contains("2026-03-01 08:12Z") && shown.contains("new"), "{shown}");
        assert!(!json.trim_end().chars().any(char::is_control), "{json:?}");
        assert_eq!(serde_json::from_str::<Reply>(&json).expect("still JSON"), reply);
    }
}
