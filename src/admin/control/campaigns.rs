//! What operators make of campaigns: messages of several accounts that have something in common.

use std::sync::Arc;

use super::words::{CampaignRow, Done, ParticipantRow, Reply, WholeCampaign};
use super::{By, Control, NotDone, ROWS_MAX, reference};
use crate::domain::{
    Account, Campaign, CampaignStatus, Event, EventKind, NetworkClass, SessionHash, SessionState, SiteName, Timestamp,
};
use crate::gateway::programs;
use crate::policy::send;
use crate::store::{CAMPAIGNS_MAX, CAMPAIGNS_OF_SESSION_MAX, Which};

impl Control {
    pub(super) async fn campaigns(&self, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let sites = self.chosen(site)?;
        // The store keeps no more, of all sites together.
        let mut found = self.store.campaigns(Which::Told, CAMPAIGNS_MAX, now).await?;
        found.retain(|campaign| sites.iter().any(|site| site.name == campaign.site));
        let more = found.len() > ROWS_MAX;
        Ok(Reply::Campaigns { campaigns: found.iter().take(ROWS_MAX).map(CampaignRow::of).collect(), more })
    }

    pub(super) async fn show_campaign(&self, code: &str, now: Timestamp) -> Result<Reply, NotDone> {
        let campaign = self.campaign(code, now).await?;
        self.shown_campaign(&campaign, now).await
    }

    async fn campaign(&self, code: &str, now: Timestamp) -> Result<Campaign, NotDone> {
        let code = reference(code)?;
        self.store.campaign(&code, now).await?.ok_or(NotDone::NoSuchCampaign(code))
    }

    async fn shown_campaign(&self, campaign: &Campaign, now: Timestamp) -> Result<Reply, NotDone> {
        let mut participants = Vec::new();
        for part in &campaign.participants {
            let session = self.store.session(&part.session, now).await?;
            participants.push(ParticipantRow::of(part, session.as_deref()));
        }
        let campaign = WholeCampaign { row: CampaignRow::of(campaign), participants };
        Ok(Reply::Campaign { campaign: Box::new(campaign) })
    }

    /// Restricts all that strangers have of its accounts: the sessions that sent its messages, others at new browsers, and
    /// where there are other doors, mail programs. The owners' own browsers go on.
    pub(super) async fn contain_campaign(&self, code: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let campaign = self.campaign(code, now).await?;
        let (mut done, mut missing) = (Vec::new(), Vec::new());
        for account in campaign.strange_accounts() {
            match self.restrict_strangers(&campaign, account, by, now).await {
                Ok(restricted) => {
                    let what = format!("{restricted} sessions restricted");
                    done.push(Done::of(&campaign.site, account, &what, 0));
                }
                Err(why) => missing.push(format!("{account} ({why})")),
            }
        }
        if missing.is_empty() {
            return Ok(Reply::Done { done });
        }
        Err(NotDone::Halfway { what: format!("campaign {} is not contained in all accounts:", campaign.code), missing })
    }

    async fn restrict_strangers(
        &self,
        campaign: &Campaign,
        account: &Account,
        by: &By,
        now: Timestamp,
    ) -> Result<usize, NotDone> {
        let site = &campaign.site;
        let mut restricted = 0;
        for session in self.store.sessions(site, Some(account), ROWS_MAX, now).await? {
            let sent = campaign.part_of(&session.hash).is_some_and(crate::domain::Participant::is_strange);
            let is_new = session.spot.network == NetworkClass::Outside && !send::is_familiar(session.device_since, now);
            let may_more = matches!(session.state, SessionState::Open | SessionState::Challenged);
            if may_more && (sent || is_new) {
                self.tighten(&session, SessionState::Restricted, by, now).await?;
                restricted += 1;
            }
        }
        if (self.config)().doors.are_open() {
            let programs = programs::frozen(&self.keys, site, account, now);
            self.store.put_session(programs.clone(), now).await?;
            self.record(EventKind::SessionRestricted, site, account, Some(programs.hash), by, now);
            restricted += 1;
        }
        Ok(restricted)
    }

    /// It is a theft's: its like is refused from now on, and what confirming a flag does is done to each account that
    /// strangers used. The strictest first; what is missing can be done again.
    pub(super) async fn confirm_campaign(
        &self,
        code: &str,
        note: Option<String>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let campaign = self.campaign(code, now).await?;
        self.settle_campaign(&campaign, CampaignStatus::Confirmed, by, now).await?;
        let (mut done, mut missing) = (Vec::new(), Vec::new());
        for account in campaign.strange_accounts() {
            match self.confirm_account(&campaign, account, note.clone(), by, now).await {
                Ok(ended) => done.push(Done::of(&campaign.site, account, "locked", ended)),
                Err(why) => missing.push(format!("{account} ({why})")),
            }
        }
        if missing.is_empty() {
            return Ok(Reply::Done { done });
        }
        let what = format!("campaign {} is confirmed, but not in all accounts:", campaign.code);
        Err(NotDone::Halfway { what, missing })
    }

    /// Confirms the flags of an account's sessions in a campaign; where there are none, locks the account. Returns how many
    /// of its sessions ended.
    async fn confirm_account(
        &self,
        campaign: &Campaign,
        account: &Account,
        note: Option<String>,
        by: &By,
        now: Timestamp,
    ) -> Result<usize, NotDone> {
        let mut ended = 0;
        let mut is_locked = false;
        for part in campaign.participants.iter().filter(|part| part.account == *account && part.is_strange()) {
            let session = self.store.session(&part.session, now).await?;
            let Some(flag) = session.and_then(|session| session.flag) else { continue };
            let confirmed = Box::pin(self.confirm_flag(&flag.to_string(), note.clone(), by, now)).await?;
            if let Reply::Confirmed { sessions_ended, .. } = confirmed {
                (ended, is_locked) = (ended + sessions_ended, true);
            }
        }
        if !is_locked {
            let words = note.unwrap_or_else(|| format!("theft confirmed, campaign {}", campaign.code));
            let mut missing = Vec::new();
            ended += self.shut_out(&campaign.site, account, &words, by, now, &mut missing).await;
            if !missing.is_empty() {
                return Err(NotDone::Halfway { what: "locked only while the gateway runs:".to_owned(), missing });
            }
        }
        Ok(ended)
    }

    /// It is nothing: it speaks against nobody any more. What was done to accounts and sessions stays.
    pub(super) async fn clear_campaign(&self, code: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let campaign = self.campaign(code, now).await?;
        let cleared = self.settle_campaign(&campaign, CampaignStatus::Cleared, by, now).await?;
        self.shown_campaign(&cleared, now).await
    }

    async fn settle_campaign(
        &self,
        campaign: &Campaign,
        status: CampaignStatus,
        by: &By,
        now: Timestamp,
    ) -> Result<Campaign, NotDone> {
        let settled = self.store.settle_campaign(&campaign.code, status, now).await?;
        let (settled, changed) = settled.ok_or(NotDone::NoSuchCampaign(campaign.code))?;
        if changed {
            let kind = if status == CampaignStatus::Confirmed {
                EventKind::CampaignConfirmed
            } else {
                EventKind::CampaignCleared
            };
            self.events.record(Event {
                site: Some(SiteName::clone(&campaign.site)),
                reference: Some(campaign.code),
                by: Some(Arc::clone(&by.name)),
                ..Event::new(now, kind)
            });
        }
        Ok(settled)
    }

    /// A session was stolen: so is what it sent. What an operator has cleared stays cleared.
    pub(super) async fn confirm_campaigns_of(
        &self,
        session: &SessionHash,
        by: &By,
        now: Timestamp,
        missing: &mut Vec<String>,
    ) {
        let found = match self.store.campaigns(Which::Of(*session), CAMPAIGNS_OF_SESSION_MAX, now).await {
            Ok(found) => found,
            Err(away) => return missing.push(format!("the like of what it sent is not looked for ({})", away.what)),
        };
        let sent = |campaign: &&Campaign| {
            let part = campaign.part_of(session);
            campaign.status != CampaignStatus::Cleared && part.is_some_and(crate::domain::Participant::is_strange)
        };
        for campaign in found.iter().filter(sent) {
            if let Err(why) = self.settle_campaign(campaign, CampaignStatus::Confirmed, by, now).await {
                missing.push(format!("the like of what it sent is not refused ({why})"));
            }
        }
    }
}
