//! Commands to the running gateway through its control socket: `account` and `session` here, the others beside.

mod admin;
mod explain;
mod flags;
mod import;
mod prefixes;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(super) use admin::{AdminVerb, admin};
pub(super) use explain::{DeviceVerb, Explain, device, explain};
pub(super) use flags::{FlagVerb, flag};
pub(super) use prefixes::{PrefixVerb, prefix};

use super::{FAILED, read, table};
use crate::admin::control::{self, Command, Done, HelpdeskCodeRow, LockRow, ROWS_MAX, Reply, SessionRow};
use crate::domain::FactorKind;
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
        /// The lock opens by itself at a sign-in with another password than the one that was right last
        ///
        /// Needs `open_locks_at_change` in the configuration, and a sign-in since it is there.
        #[arg(long)]
        until_password_change: bool,
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
    /// Make a code with which its owner proves once to be that person, for you to read to them after you made sure
    ///
    /// Eight digits, good for half an hour unless the configuration says otherwise. An earlier one is good no more.
    #[command(after_help = "Example:\n  mailward account helpdesk-code alice")]
    HelpdeskCode {
        /// The account, as its owner types it
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Give accounts other addresses, to which codes may be sent: `account,address` a line
    ///
    /// An address is that of a mailbox, or a telephone's number with its country code, such as +4915112345678. A line that
    /// begins with # is left out. Nothing is done where a line is wrong. An account has three at most; the
    /// addresses of the mailboxes themselves are refused.
    #[command(after_help = "Example:\n  mailward account import-addresses private-addresses.csv")]
    ImportAddresses {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Remove what an account can prove itself with: its owner lost the telephone, or somebody else set it up
    #[command(after_help = "Example:\n  mailward account remove-factors alice --factor totp")]
    RemoveFactors {
        /// The account, as its owner types it
        name: String,
        /// Only passkey, totp, other_address, recovery_code or helpdesk_code; otherwise all
        #[arg(long, value_name = "KIND", value_parser = factor)]
        factor: Option<FactorKind>,
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
    /// Restrict an open session: it reads and does nothing else until it is cleared
    Restrict {
        /// The session, as `session list` shows it
        session: String,
        #[command(flatten)]
        common: Common,
    },
    /// Ask the person of a session for a second proof: it does nothing until then. Where the account has none, restrict it
    Challenge {
        /// The session, as `session list` shows it
        session: String,
        #[command(flatten)]
        common: Common,
    },
    /// Let a restricted session do everything again; the same as clearing its flag, where it has one
    Clear {
        /// The session, as `session list` shows it
        session: String,
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
        AccountVerb::Lock { name, note, until_password_change, common } => {
            let command = Command::LockAccount { name, note, until_password_change, site: common.site.clone() };
            operate(&command, &common, config)
        }
        AccountVerb::Unlock { name, common } => {
            let command = Command::UnlockAccount { name, site: common.site.clone() };
            operate(&command, &common, config)
        }
        AccountVerb::HelpdeskCode { name, common } => {
            let command = Command::MakeHelpdeskCode { name, site: common.site.clone() };
            operate(&command, &common, config)
        }
        AccountVerb::ImportAddresses { file, common } => import::addresses(&file, &common, config),
        AccountVerb::RemoveFactors { name, factor, common } => {
            let command = Command::RemoveFactors { name, factor, site: common.site.clone() };
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
        SessionVerb::Restrict { session, common } => {
            operate(&Command::RestrictSession { hash: session }, &common, config)
        }
        SessionVerb::Challenge { session, common } => {
            operate(&Command::ChallengeSession { hash: session }, &common, config)
        }
        SessionVerb::Clear { session, common } => operate(&Command::ClearSession { hash: session }, &common, config),
    }
}

/// Where the running gateway listens.
fn socket(common: &Common, config: &Path) -> Result<PathBuf, ExitCode> {
    if let Some(socket) = &common.control {
        return Ok(socket.clone());
    }
    read(config).map(|config| config.control).inspect_err(|_| {
        eprintln!("the running gateway can still be reached: name its socket with --control FILE");
    })
}

fn operate(command: &Command, common: &Common, config: &Path) -> ExitCode {
    let socket = match socket(common, config) {
        Ok(socket) => socket,
        Err(failed) => return failed,
    };
    match ask(&socket, command) {
        Ok(Reply::Refused { why }) => {
            eprintln!("mailward: {}", plain(&why));
            ExitCode::from(FAILED)
        }
        Ok(reply) => {
            let shown = if common.json { json(&reply) } else { spoken(&reply) };
            print!("{shown}");
            say_whether_the_store_is_away(&socket);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mailward: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// What is shown and done while a shared store is away is what this one gateway knows: whoever asks must know that.
fn say_whether_the_store_is_away(socket: &Path) {
    if let Ok(Reply::Status { store_away: Some(_), store_away_since: Some(since), .. }) = ask(socket, &Command::Status)
    {
        eprintln!(
            "note: the store has not answered since {}. This gateway goes by what it knows itself; what is done now holds \
             here at once, and elsewhere when the store is back.",
            plain(&since)
        );
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
        Reply::Status { version, time, store_away, .. } => {
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
        Reply::HelpdeskCodes { codes } => codes.iter().map(helpdesk_code).collect(),
        Reply::AddressesImported { added, known, refused } => import::spoken(*added, *known, refused),
        Reply::Sessions { sessions, .. } if sessions.is_empty() => "no session\n".to_owned(),
        Reply::Sessions { sessions, more } => {
            let rows: Vec<_> = sessions.iter().map(session_row).collect();
            table(&SESSION_HEAD, &rows) + &rest(*more)
        }
        Reply::Flags { flags, next, .. } => flags::listed(flags, next.as_ref()),
        Reply::Flag { flag, session } => flags::whole(flag, session.as_deref()),
        Reply::Cleared { code, site, account, state } => cleared(code.as_deref(), site, account, state.as_deref()),
        Reply::Confirmed { code, site, account, sessions_ended, devices_forgotten, sign_ins_forgotten } => format!(
            "{} confirmed: {} at {} is locked, {}; of the thief's, {} and {} are forgotten\n",
            plain(code),
            plain(account),
            plain(site),
            counted(*sessions_ended, "session ended", "sessions ended"),
            counted(*devices_forgotten, "device", "devices"),
            counted(*sign_ins_forgotten, "sign-in", "sign-ins"),
        ),
        Reply::OperatorCode(code) => admin::code(code),
        Reply::Operator { name, what } => format!("{}: {}\n", plain(name), plain(what)),
        Reply::Operators { operators } => admin::listed(operators),
        Reply::Restricted { site, account, state } => {
            format!("{} at {}: its session is {}\n", plain(account), plain(site), plain(state))
        }
        Reply::Marked { done } => prefixes::marked(done),
        Reply::Marks { marks, more } => prefixes::listed(marks, *more),
        Reply::Devices { devices } => explain::devices(devices),
        Reply::Explained { accounts } => accounts.iter().map(explain::account).collect::<Vec<_>>().join("\n"),
        Reply::Refused { why } => format!("{}\n", plain(why)),
        // Those of `mailward store` and `flag evidence`, which word them themselves.
        Reply::Evidence { .. }
        | Reply::Policy { .. }
        | Reply::Tried { .. }
        | Reply::Exported { .. }
        | Reply::Imported { .. }
        | Reply::BackedUp => String::new(),
    }
}

fn cleared(code: Option<&str>, site: &str, account: &str, state: Option<&str>) -> String {
    let what = code.map_or_else(|| "cleared".to_owned(), |code| format!("{} cleared", plain(code)));
    let session = match state {
        Some("open") => "its session is open".to_owned(),
        Some(state) => format!("its session stays {}, a new sign-in is taken as usual", plain(state)),
        None => "its session is not known any more".to_owned(),
    };
    format!("{what}: {} at {}, {session}\n", plain(account), plain(site))
}

fn helpdesk_code(row: &HelpdeskCodeRow) -> String {
    let HelpdeskCodeRow { site, account, code, until } = row;
    format!("{} at {}: {}, good once until {}\n", plain(account), plain(site), plain(code), minute(until))
}

fn factor(text: &str) -> Result<FactorKind, String> {
    FactorKind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = FactorKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn sentence(done: &Done) -> String {
    let Done { site, account, what, sessions_ended, devices_forgotten } = done;
    let sessions = counted(*sessions_ended, "session ended", "sessions ended");
    let what = match what.as_str() {
        "sessions ended" => sessions,
        "devices forgotten" => counted(*devices_forgotten, "device forgotten", "devices forgotten"),
        what if what.starts_with("locked") => format!("{}, {sessions}", plain(what)),
        what => plain(what).into_owned(),
    };
    format!("{} at {}: {what}\n", plain(account), plain(site))
}

fn counted<N: fmt::Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    if count == N::from(1) { format!("1 {one}") } else { format!("{count} {many}") }
}

const SESSION_HEAD: [&str; 10] =
    ["SESSION", "ACCOUNT", "SITE", "STATE", "FLAG", "FROM", "SIGNED IN", "LAST SEEN", "DEVICE", "BROWSER"];

fn session_row(session: &SessionRow) -> Vec<String> {
    vec![
        session.session.clone(),
        session.account.clone(),
        session.site.clone(),
        session.state.clone(),
        session.flag.clone().unwrap_or_else(|| "-".to_owned()),
        session.country.map_or_else(|| session.prefix.clone(), |country| format!("{} {country}", session.prefix)),
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
            devices_forgotten: 2,
        };
        for (done, said) in [
            (done("locked", 2), "alice at webmail.example.edu: locked, 2 sessions ended\n"),
            (done("locked", 0), "alice at webmail.example.edu: locked, 0 sessions ended\n"),
            (done("unlocked", 0), "alice at webmail.example.edu: unlocked\n"),
            (done("was not locked", 0), "alice at webmail.example.edu: was not locked\n"),
            (done("sessions ended", 1), "alice at webmail.example.edu: 1 session ended\n"),
            (done("devices forgotten", 0), "alice at webmail.example.edu: 2 devices forgotten\n"),
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
            network: "outside".into(),
            country: "BR".parse().ok(),
            as_number: None,
            signed_in: "2026-03-01T08:12:09.000Z".into(),
            last_seen: "2026-03-01T08:13:00.000Z".into(),
            device: None,
            device_since: None,
            flag: None,
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
