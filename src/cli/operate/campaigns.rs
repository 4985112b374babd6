//! `campaign`: messages of several accounts that have something in common, and what operators make of them.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::{Common, counted, minute, operate};
use crate::admin::control::{CampaignRow, Command, ParticipantRow, WholeCampaign};
use crate::cli::table;
use crate::telemetry::plain;

/// Codes are read as people write them down: any case, with or without the dash.
#[derive(Subcommand)]
pub(in crate::cli) enum CampaignVerb {
    /// The campaigns that were recognised and are not over, the latest first
    #[command(after_help = "Example:\n  mailward campaign list --json | jq -r '.campaigns[].accounts[]'")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// One campaign: its accounts and sessions, since when and from where
    Show {
        /// The code, as `campaign list` and the alert show it
        code: String,
        #[command(flatten)]
        common: Common,
    },
    /// Restrict what strangers have of all its accounts, in one step; the owners' own browsers go on
    Contain {
        /// The code, as `campaign list` and the alert show it
        code: String,
        #[command(flatten)]
        common: Common,
    },
    /// It is a theft's: refuse its like from now on, and do with each of its accounts what `flag confirm` does
    #[command(after_help = "Afterwards give the accounts new passwords, then:\n  mailward account unlock NAME")]
    Confirm {
        /// The code, as `campaign list` and the alert show it
        code: String,
        /// For other operators; the accounts' owners never see it
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// It is nothing: it speaks against nobody any more; sessions and locks stay as they are
    Clear {
        /// The code, as `campaign list` and the alert show it
        code: String,
        #[command(flatten)]
        common: Common,
    },
}

pub(in crate::cli) fn campaign(verb: CampaignVerb, config: &Path) -> ExitCode {
    let (command, common) = match verb {
        CampaignVerb::List { common } => (Command::ListCampaigns { site: common.site.clone() }, common),
        CampaignVerb::Show { code, common } => (Command::ShowCampaign { code }, common),
        CampaignVerb::Contain { code, common } => (Command::ContainCampaign { code }, common),
        CampaignVerb::Confirm { code, note, common } => (Command::ConfirmCampaign { code, note }, common),
        CampaignVerb::Clear { code, common } => (Command::ClearCampaign { code }, common),
    };
    operate(&command, &common, config)
}

pub(super) fn listed(campaigns: &[CampaignRow]) -> String {
    if campaigns.is_empty() {
        return "no campaign\n".to_owned();
    }
    let row = |campaign: &CampaignRow| {
        vec![
            campaign.code.clone(),
            minute(&campaign.since),
            minute(&campaign.last),
            campaign.site.clone(),
            campaign.status.clone(),
            campaign.messages.to_string(),
            campaign.recipients.to_string(),
            campaign.shared.clone(),
            campaign.accounts.join(", "),
        ]
    };
    let head = ["CODE", "SINCE", "LATEST", "SITE", "STATUS", "MESSAGES", "SENT TO", "IN COMMON", "ACCOUNTS"];
    table(&head, &campaigns.iter().map(row).collect::<Vec<_>>())
}

/// A campaign as people read it.
pub(super) fn whole(campaign: &WholeCampaign) -> String {
    let WholeCampaign { row, participants } = campaign;
    let said = format!(
        "{} at {}: {}\n  {}, {} to {} recipients, {} outside, with {}\n  since {}, latest {}, over at {} unless more follow\n\n",
        plain(&row.code),
        plain(&row.site),
        plain(&row.status),
        counted(row.accounts.len() as u64, "account", "accounts"),
        counted(row.messages, "message", "messages"),
        row.recipients,
        row.outside,
        plain(&row.shared),
        minute(&row.since),
        minute(&row.last),
        minute(&row.until),
    );
    let head = ["ACCOUNT", "SESSION", "STATE", "FLAG", "FROM", "SINCE", "LATEST", "MESSAGES", "SENT TO", "WHO"];
    let unknown = || "-".to_owned();
    let row = |part: &ParticipantRow| {
        vec![
            part.account.clone(),
            part.session.clone(),
            part.state.clone().unwrap_or_else(unknown),
            part.flag.clone().unwrap_or_else(unknown),
            part.country.map_or_else(|| part.prefix.clone(), |country| format!("{} {country}", part.prefix)),
            minute(&part.since),
            minute(&part.last),
            part.messages.to_string(),
            part.recipients.to_string(),
            if part.strange { "a stranger" } else { "known here" }.to_owned(),
        ]
    };
    said + &table(&head, &participants.iter().map(row).collect::<Vec<_>>())
}
