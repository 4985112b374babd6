//! Who else sent the like of a message lately: facts gathered, the store told and asked, `policy::campaign` asked. Like
//! [`super::judging`], of which it is a part, it knows no HTTP.

use super::judging::{Judging, ReservedSend, Sending};
use crate::domain::{
    Campaign, CampaignStatus, Event, EventKind, Feature, NetworkClass, Reach, Reference, Sighting, Signal,
};
use crate::policy::{Fact, campaign, send};
use crate::store::Seen;

/// What a message has that others may have in common with it.
#[derive(Debug, Default)]
pub struct Sketched {
    /// Its features; empty where nothing tells it apart.
    pub features: Vec<Feature>,
    /// A keyed fingerprint of text and recipients.
    pub message: u32,
}

/// What became of comparing a message with others.
#[derive(Debug, Default)]
pub struct Compared {
    /// What speaks against it.
    pub signals: Vec<Signal>,
    /// Campaigns that were not recognised before this message.
    pub recognised: Vec<Campaign>,
}

impl Judging<'_> {
    /// Whether a message comes from somebody who is known here: at a browser that the account has known for a day, or on a
    /// network of the operator's.
    pub fn is_familiar(&self, sending: &Sending<'_>) -> bool {
        let since = sending.known().and_then(|session| session.device_since);
        sending.client.network != NetworkClass::Outside || send::is_familiar(since, self.now)
    }

    /// What the store is told of a message; none where nothing tells it apart. `draw` draws codes of campaigns.
    pub fn sighted(
        &self,
        sending: &Sending<'_>,
        reserved: &ReservedSend,
        sketched: Sketched,
        draw: impl Fn() -> Reference,
    ) -> Option<Seen> {
        let session = sending.known().filter(|_| !sketched.features.is_empty())?;
        let spot = self.spot(sending.client);
        let outside = sending.to.outside(&sending.site.own_domains);
        let sighting = Sighting {
            site: sending.site.name.clone(),
            account: sending.account.clone(),
            session: session.hash,
            prefix: spot.prefix,
            country: spot.country,
            familiar: self.is_familiar(sending),
            reach: Reach::of(reserved.first_written, outside),
            recipients: sending.recipients,
            outside,
            message: sketched.message,
        };
        let features = sketched.features.into_iter().map(|feature| (feature, draw())).collect();
        Some(Seen { sighting, features, until: self.now.after(self.config.risk.campaigns_live) })
    }

    /// Tells the store of a message, where nothing depends on what it answers.
    pub async fn tell_seen(&self, seen: &Seen) {
        let _: Fact<Vec<Campaign>> = self.fact(self.store.see(seen, self.now).await);
    }

    /// Tells the store of a message and judges it by those like it.
    ///
    /// While the store is away nobody can say, and nothing speaks against it: limits hold all the same.
    pub async fn compare(&self, seen: &Seen) -> Compared {
        let mut compared = Compared::default();
        let Fact::Known(campaigns) = self.fact(self.store.see(seen, self.now).await) else { return compared };
        let judgement = campaign::judge(&campaigns, &seen.sighting, &self.config.risk);
        for place in judgement.recognised {
            let Some(known) = campaigns.get(place).filter(|known| known.status == CampaignStatus::Watched) else {
                continue;
            };
            let settled = self.store.settle_campaign(&known.code, CampaignStatus::Recognised, self.now).await;
            if let Fact::Known(Some((campaign, true))) = self.fact(settled) {
                compared.recognised.push(campaign);
            }
        }
        compared.signals = judgement.signals;
        compared
    }
}

/// That a campaign was recognised, in what is known of the message by which it was.
pub(super) fn recognised_event(event: Event, campaign: &Campaign) -> Event {
    let kind = EventKind::CampaignRecognised {
        shared: campaign.feature.kind.shared(),
        accounts: u32::try_from(campaign.strange_accounts().len()).unwrap_or(u32::MAX),
        messages: campaign.messages,
    };
    Event { kind, reference: Some(campaign.code), ..event }
}
