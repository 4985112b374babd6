//! Campaigns: the shared store's while it answers. Alone, a node goes by what it sees itself, and by what it was told of
//! those that somebody was told of: what is refused goes on being refused.

use super::Fallback;
use super::spool::Untold;
use crate::domain::{Campaign, CampaignStatus, Reference, Timestamp};
use crate::store::sightings::{Seen, Sightings, Which};
use crate::store::{Answer, Record, Store as _};

impl Fallback {
    async fn remember_campaign(&self, campaign: &Campaign, now: Timestamp) {
        let known = self.own.campaign(&campaign.code, now).await.ok().flatten();
        if known.is_none_or(|known| known.status != campaign.status) {
            let record = Record::Campaign(Box::new(campaign.clone()));
            self.remember(self.own.import(vec![record], now)).await;
            self.remember(self.own.settle_campaign(&campaign.code, campaign.status, now)).await;
        }
    }
}

impl Sightings for Fallback {
    fn see<'a>(&'a self, seen: &'a Seen, now: Timestamp) -> Answer<'a, Vec<Campaign>> {
        self.saw(now);
        Box::pin(async move {
            let Ok(campaigns) = self.ask(|shared| shared.see(seen, now)).await else {
                return self.own.see(seen, now).await;
            };
            for campaign in campaigns.iter().filter(|campaign| campaign.status != CampaignStatus::Watched) {
                self.remember_campaign(campaign, now).await;
            }
            Ok(campaigns)
        })
    }

    fn campaign<'a>(&'a self, code: &'a Reference, now: Timestamp) -> Answer<'a, Option<Campaign>> {
        Box::pin(async move {
            match self.ask(|shared| shared.campaign(code, now)).await {
                Ok(found) => Ok(found),
                Err(_) => self.own.campaign(code, now).await,
            }
        })
    }

    fn campaigns(&self, which: Which, most: usize, now: Timestamp) -> Answer<'_, Vec<Campaign>> {
        Box::pin(async move {
            match self.ask(|shared| shared.campaigns(which, most, now)).await {
                Ok(found) => Ok(found),
                Err(_) => self.own.campaigns(which, most, now).await,
            }
        })
    }

    fn settle_campaign<'a>(
        &'a self,
        code: &'a Reference,
        status: CampaignStatus,
        now: Timestamp,
    ) -> Answer<'a, Option<(Campaign, bool)>> {
        self.saw(now);
        Box::pin(async move {
            match self.ask(|shared| shared.settle_campaign(code, status, now)).await {
                Ok(settled) => {
                    if let Some((campaign, true)) = &settled {
                        self.remember_campaign(campaign, now).await;
                    }
                    Ok(settled)
                }
                // What would let messages through is the shared store's to say.
                Err(away) if status == CampaignStatus::Cleared => Err(away),
                Err(_) => {
                    let kept = self.spool.push_or_refuse(Untold::Campaign { code: *code, status, now });
                    let settled = self.own.settle_campaign(code, status, now).await;
                    kept.and(settled)
                }
            }
        })
    }
}
