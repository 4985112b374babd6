//! What buttons do: commands to [`crate::admin::control::Control`], the same that the command line gives.

use super::Desk;
use super::fault::Fault;
use super::visit::Visit;
use super::words::counted;
use crate::admin::control::{Command, Reply};
use crate::domain::{Flag, Prefix, Reference};

/// What came of one step.
pub(super) struct Done {
    /// About what.
    pub what: String,
    /// What was done, or why not.
    pub said: String,
    pub is_done: bool,
}

/// Gives a command under the operator's name.
pub(super) async fn command(desk: &Desk, visit: &Visit, command: Command) -> Reply {
    desk.control.answer(command, &visit.by()).await
}

/// Gives a command that must be carried out; else the reason as a page.
pub(super) async fn must(desk: &Desk, visit: &Visit, asked: Command) -> Result<Reply, Fault> {
    match command(desk, visit, asked).await {
        Reply::Refused { why } => Err(Fault::Refused(why)),
        reply => Ok(reply),
    }
}

/// The steps of a button on a flag; none where there is no such button.
fn steps(flag: &Flag, button: &str, note: Option<&str>) -> Option<Vec<Command>> {
    let (code, hash) = (flag.code.to_string(), flag.session.to_string());
    let (account, site) = (flag.account.to_string(), Some(flag.site.to_string()));
    let note = note.map(str::to_owned);
    let lock = |until_password_change| Command::LockAccount {
        name: account.clone(),
        site: site.clone(),
        until_password_change,
        note: note.clone().unwrap_or_else(|| format!("flag {code}")),
    };
    Some(match button {
        "clear" => vec![Command::ClearFlag { code, note }],
        "restrict" => vec![Command::RestrictSession { hash }],
        "challenge" => vec![Command::ChallengeSession { hash }],
        "end" => vec![Command::EndSession { hash }],
        "contain" => vec![lock(false)],
        "contain-until" => vec![lock(true)],
        "confirm" => vec![Command::ConfirmFlag { code, note }],
        "release" => {
            vec![
                Command::UnlockAccount { name: account.clone(), site: site.clone() },
                Command::ClearFlag { code, note },
            ]
        }
        "mark" => vec![Command::MarkPrefix {
            prefix: Prefix::of(flag.address).to_string(),
            site,
            days: None,
            note: note.unwrap_or_else(|| format!("flag {code}")),
        }],
        "unmark" => vec![Command::UnmarkPrefix { prefix: Prefix::of(flag.address).to_string(), site }],
        "note" => vec![Command::NoteFlag { code, note: note? }],
        _ => return None,
    })
}

/// Carries a button of one flag out, step by step, until one is not done.
pub(super) async fn on_flag(
    desk: &Desk,
    visit: &Visit,
    code: &str,
    button: &str,
    note: Option<&str>,
) -> Result<Vec<Done>, Fault> {
    let code: Reference = code.parse().map_err(|_| Fault::Bad(format!("{code:?} is no flag")))?;
    let flag = desk.control.store.flag(&code).await?;
    let flag = flag.ok_or_else(|| Fault::NotFound(format!("There is no flag {code}.")))?;
    let steps = steps(&flag, button, note).ok_or_else(|| Fault::Bad("there is no such button".to_owned()))?;
    let mut done = Vec::new();
    for step in steps {
        let reply = command(desk, visit, step).await;
        let is_done = !matches!(reply, Reply::Refused { .. });
        done.push(Done { what: format!("{} {}", flag.code, flag.account), said: said(&reply), is_done });
        if !is_done {
            break;
        }
    }
    Ok(done)
}

/// What was done, in a sentence.
pub(super) fn said(reply: &Reply) -> String {
    match reply {
        Reply::Done { done } => {
            let one = |done: &crate::admin::control::Done| {
                let sessions = counted(done.sessions_ended, "session ended", "sessions ended");
                let devices = counted(done.devices_forgotten, "browser forgotten", "browsers forgotten");
                let what = match done.what.as_str() {
                    "sessions ended" => sessions,
                    "devices forgotten" => devices,
                    what if what.starts_with("locked") => format!("{what}; {sessions}"),
                    what => what.to_owned(),
                };
                format!("{} at {}: {what}.", done.account, done.site)
            };
            done.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        Reply::Cleared { state: Some(state), .. } if state == "open" => "Cleared; the session is open.".to_owned(),
        Reply::Cleared { state: Some(state), .. } => {
            format!("Cleared; the session stays {state}, and a new sign-in from there is taken as usual.")
        }
        Reply::Cleared { state: None, .. } => "Cleared; a new sign-in from there is taken as usual.".to_owned(),
        Reply::Confirmed { sessions_ended, devices_forgotten, sign_ins_forgotten, .. } => format!(
            "Theft confirmed: the account is locked, {}; of the thief's, {} and {} are forgotten. \
             Give the account a new password before you unlock it.",
            counted(*sessions_ended, "session ended", "sessions ended"),
            counted(*devices_forgotten, "browser", "browsers"),
            counted(*sign_ins_forgotten, "sign-in", "sign-ins"),
        ),
        Reply::Restricted { state, .. } => format!("The session is {state}."),
        Reply::Marked { done } => {
            let one = |row: &crate::admin::control::MarkedRow| format!("{} at {}: {}.", row.prefix, row.site, row.what);
            done.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        Reply::Flag { .. } => "Noted.".to_owned(),
        Reply::Operator { name, what } => format!("{name}: {what}."),
        Reply::Refused { why } => why.clone(),
        _ => "Done.".to_owned(),
    }
}
