//! What the audit log says of a command. One that changes nothing leaves no trail.

use super::words::{Command, Reply};
use super::{By, Control};
use crate::domain::{Account, AuditEntry, SiteName, Timestamp};

/// What was asked for, before it is known what came of it.
pub(super) struct Trail {
    action: &'static str,
    target: String,
    site: Option<String>,
    account: Option<String>,
    note: String,
}

impl Trail {
    /// Of a command; none where it only looks.
    pub fn of(command: &Command) -> Option<Self> {
        let at = |action, account: &str, site: &Option<String>, note: &str| {
            let target = site.as_ref().map_or_else(|| account.to_owned(), |site| format!("{account} at {site}"));
            let (site, account) = (site.clone(), Some(account.to_owned()));
            Some(Self { action, target, site, account, note: note.to_owned() })
        };
        let on = |action, target: String, note: &str| {
            Some(Self { action, target, site: None, account: None, note: note.to_owned() })
        };
        let marks = |action, prefix: &str, site: &Option<String>, note: &str| {
            let target = site.as_ref().map_or_else(|| prefix.to_owned(), |site| format!("{prefix} at {site}"));
            Some(Self { action, target, site: site.clone(), account: None, note: note.to_owned() })
        };
        let noted = |note: &Option<String>| note.clone().unwrap_or_default();
        match command {
            Command::LockAccount { name, site, note, until_password_change: false } => {
                at("account.lock", name, site, note)
            }
            Command::LockAccount { name, site, note, until_password_change: true } => {
                at("account.lock_until_password_change", name, site, note)
            }
            Command::UnlockAccount { name, site } => at("account.unlock", name, site, ""),
            Command::MakeHelpdeskCode { name, site } => at("account.helpdesk_code", name, site, ""),
            Command::RemoveFactors { name, site, factor } => {
                at("account.remove_factors", name, site, factor.map_or("all", |kind| kind.name()))
            }
            Command::ImportAddresses { rows, .. } => on("account.import_addresses", format!("{} rows", rows.len()), ""),
            Command::ForgetDevices { name, site, device } => {
                at("device.forget", name, site, device.as_deref().unwrap_or("all"))
            }
            Command::EndSessions { account, site } => at("session.end_all", account, site, ""),
            Command::EndSession { hash } => on("session.end", format!("session {hash}"), ""),
            Command::RestrictSession { hash } => on("session.restrict", format!("session {hash}"), ""),
            Command::ChallengeSession { hash } => on("session.challenge", format!("session {hash}"), ""),
            Command::RestrictSessions { account, site } => at("session.restrict_all", account, site, ""),
            Command::ClearSession { hash } => on("session.clear", format!("session {hash}"), ""),
            Command::ClearFlag { code, note } => on("flag.clear", format!("flag {code}"), &noted(note)),
            Command::ConfirmFlag { code, note } => on("flag.confirm", format!("flag {code}"), &noted(note)),
            Command::NoteFlag { code, note } => on("flag.note", format!("flag {code}"), note),
            Command::PackEvidence { code } => on("flag.evidence", format!("flag {code}"), ""),
            Command::MarkPrefix { prefix, site, note, .. } => marks("prefix.mark", prefix, site, note),
            Command::UnmarkPrefix { prefix, site } => marks("prefix.unmark", prefix, site, ""),
            Command::ImportStore { lines } => on("store.import", format!("{} records", lines.len()), ""),
            Command::BackupStore { to } => on("store.backup", to.display().to_string(), ""),
            Command::ExportStore { after: None, .. } => on("store.export", String::new(), ""),
            Command::AddOperator { name, role } => on("operator.add", name.clone(), role.name()),
            Command::SetRole { name, role } => on("operator.role", name.clone(), role.name()),
            Command::ResetOperator { name } => on("operator.reset", name.clone(), ""),
            Command::RemoveOperator { name } => on("operator.remove", name.clone(), ""),
            Command::Status
            | Command::ExportStore { .. }
            | Command::ListLocks { .. }
            | Command::ListSessions { .. }
            | Command::ListFlags { .. }
            | Command::ShowFlag { .. }
            | Command::ListDevices { .. }
            | Command::ListPrefixes { .. }
            | Command::ShowPolicy
            | Command::TryPolicy { .. }
            | Command::ListOperators
            | Command::Explain { .. } => None,
        }
    }

    /// With what came of it.
    fn entry(self, reply: &Reply, by: &By, number: u64, now: Timestamp) -> AuditEntry {
        let (site, account) = match reply {
            Reply::Done { done } => match done.as_slice() {
                [one] => (Some(one.site.clone()), Some(one.account.clone())),
                _ => (self.site, self.account),
            },
            Reply::Cleared { site, account, .. }
            | Reply::Confirmed { site, account, .. }
            | Reply::Restricted { site, account, .. } => (Some(site.clone()), Some(account.clone())),
            Reply::Flag { flag, .. } => (Some(flag.row.site.clone()), Some(flag.row.account.clone())),
            _ => (self.site, self.account),
        };
        let target = match &account {
            Some(account) if !self.target.contains(account.as_str()) => format!("{}, {account}", self.target),
            _ => self.target,
        };
        AuditEntry {
            number,
            time: now,
            by: by.name.to_string(),
            address: by.address,
            action: self.action.to_owned(),
            target,
            site: site.map(SiteName::from),
            account: account.map(|account| Account::from_canonical(&account)),
            note: self.note,
            done: !matches!(reply, Reply::Refused { .. }),
        }
    }
}

impl Control {
    /// Writes down what was done or tried. A store that does not take it has most likely not done the thing either; the
    /// log says so.
    pub(super) async fn leave(&self, trail: Trail, reply: &Reply, by: &By, now: Timestamp) {
        let number = self.dice.event_number();
        let entry = trail.entry(reply, by, number, now);
        if let Err(away) = self.store.note_audit(entry).await {
            tracing::error!(%away, by = %by.name, "what an operator did is not in the audit log");
        }
    }
}
