//! Campaigns: each under its code, found by the traces of what it has in common, by its sessions, and those that an operator
//! was told of in a list.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, cmd};

use super::Redis;
use super::link::Lane;
use super::node::{Node, SLACK, Swap, from_json, millis, to_json, whole_millis};
use super::script::CAMPAIGN;
use crate::domain::{Campaign, CampaignStatus, Feature, Reference, SessionHash, Timestamp};
use crate::store::sightings::{CAMPAIGNS_MAX, CAMPAIGNS_OF_SESSION_MAX, Seen, Sightings, Which};
use crate::store::{Answer, Away};

/// How often a message is tried again because others of the like come at the same time.
const ATTEMPTS_MAX: usize = 8;

/// Beyond the bound so many of the oldest go with each that comes.
const DROPPED_AT_ONCE: usize = 16;

/// What stands under traces: the campaigns that can be read, and all codes.
#[derive(Default)]
struct Found {
    campaigns: HashMap<String, Campaign>,
    codes: HashMap<String, String>,
}

impl Found {
    /// The codes under a feature's traces, each once.
    fn codes_of<'a>(&'a self, traces: &'a [String]) -> impl Iterator<Item = &'a String> {
        let mut seen = HashSet::new();
        traces.iter().filter_map(|trace| self.codes.get(trace)).filter(move |code| seen.insert(*code))
    }
}

impl Node {
    async fn see(&self, seen: &Seen, now: Timestamp) -> Result<Vec<Campaign>, Away> {
        let traces: Vec<Vec<String>> = seen.features.iter().map(|(feature, _)| self.traces(feature)).collect();
        let found = self.under(&traces.concat()).await?;
        let each = seen
            .features
            .iter()
            .zip(&traces)
            .map(|((feature, code), traces)| self.see_feature(seen, feature, *code, traces, &found, now));
        let each: Vec<Option<Campaign>> = join_all(each).await.into_iter().collect::<Result<_, _>>()?;
        Ok(each.into_iter().flatten().collect())
    }

    fn traces(&self, feature: &Feature) -> Vec<String> {
        feature.traces.iter().map(|trace| self.keys.trace(*trace)).collect()
    }

    async fn under(&self, traces: &[String]) -> Result<Found, Away> {
        let mut found = Found::default();
        if traces.is_empty() {
            return Ok(found);
        }
        let codes: Vec<Option<String>> = self.link.ask(Lane::Quick, cmd("MGET").arg(traces)).await?;
        found.codes = traces.iter().cloned().zip(codes).filter_map(|(trace, code)| Some((trace, code?))).collect();
        let distinct: Vec<Reference> =
            found.codes.values().collect::<HashSet<_>>().into_iter().filter_map(|code| code.parse().ok()).collect();
        found.campaigns = self.named(&distinct).await?.map(|campaign| (campaign.code.to_string(), campaign)).collect();
        Ok(found)
    }

    /// The campaigns with these codes; what somebody made unreadable is as good as none.
    async fn named(&self, codes: &[Reference]) -> Result<impl Iterator<Item = Campaign> + use<>, Away> {
        let keys: Vec<String> = codes.iter().map(|code| self.keys.campaign(code)).collect();
        let raws: Vec<Option<Vec<u8>>> =
            if keys.is_empty() { Vec::new() } else { self.link.ask(Lane::Quick, cmd("MGET").arg(&keys)).await? };
        Ok(raws.into_iter().flatten().filter_map(|raw| from_json(&raw).ok()))
    }

    async fn see_feature(
        &self,
        seen: &Seen,
        feature: &Feature,
        code: Reference,
        traces: &[String],
        found: &Found,
        now: Timestamp,
    ) -> Result<Option<Campaign>, Away> {
        let mut again;
        let mut found = found;
        for _ in 0..ATTEMPTS_MAX {
            let is_like = |campaign: &&Campaign| !campaign.is_over(now) && campaign.feature.is_like(feature);
            let like = found.codes_of(traces).filter_map(|code| found.campaigns.get(code)).find(is_like);
            if let Some(known) = like {
                if let Some(joined) = self.join(seen, &known.code, now).await? {
                    return Ok(Some(joined));
                }
            } else if seen.sighting.worth() == 0 {
                return Ok(None);
            } else {
                let mut campaign = Campaign::begin(code, seen.sighting.site.clone(), feature.clone(), now, seen.until);
                campaign.see(&seen.sighting, now, seen.until);
                let others = found.codes_of(traces).cloned().collect();
                if self.begin(&campaign, others, now).await? {
                    self.index(&campaign, &seen.sighting.session, now).await?;
                    self.drop_oldest_campaigns().await?;
                    return Ok(Some(campaign));
                }
            }
            again = self.under(traces).await?;
            found = &again;
        }
        Err(Away { what: "others send the same all the time".into() })
    }

    /// Takes a message into a campaign; none where that is gone.
    async fn join(&self, seen: &Seen, code: &Reference, now: Timestamp) -> Result<Option<Campaign>, Away> {
        let joined = self
            .swap(&self.keys.campaign(code), None, |raw| {
                let Ok(mut campaign) = from_json::<Campaign>(raw) else { return (Swap::Leave, None) };
                campaign.see(&seen.sighting, now, seen.until);
                (Swap::Put(to_json(&campaign), Some(lives(campaign.until, now))), Some(campaign))
            })
            .await?;
        if let Some(campaign) = &joined {
            self.index(campaign, &seen.sighting.session, now).await?;
        }
        Ok(joined)
    }

    /// Writes one that is new; says whether no other was faster.
    async fn begin(&self, campaign: &Campaign, others: Vec<String>, now: Timestamp) -> Result<bool, Away> {
        let keys: Vec<String> =
            std::iter::once(self.keys.campaign(&campaign.code)).chain(self.traces(&campaign.feature)).collect();
        let lives = whole_millis(lives(campaign.until, now)).to_string();
        let arguments: Vec<Vec<u8>> = [campaign.code.to_string().into_bytes(), to_json(campaign), lives.into_bytes()]
            .into_iter()
            .chain(others.into_iter().map(String::into_bytes))
            .collect();
        let faster: String = self.link.run(Lane::Quick, &CAMPAIGN, &keys, &arguments).await?;
        Ok(faster.is_empty())
    }

    /// Makes a campaign found by its session and in its list for as long as it lives.
    async fn index(&self, campaign: &Campaign, session: &SessionHash, now: Timestamp) -> Result<(), Away> {
        let lives = whole_millis(lives(campaign.until, now));
        let (code, until) = (campaign.code.to_string(), millis(campaign.until));
        let of_session = self.keys.campaigns_of(session);
        let is_told = campaign.status != CampaignStatus::Watched;
        let mut add = vec![added(&self.keys.campaigns(is_told), &code, until), added(&of_session, &code, until)];
        let beyond = i64::try_from(CAMPAIGNS_OF_SESSION_MAX).unwrap_or(i64::MAX);
        add.push(cmd("ZREMRANGEBYRANK").arg(&of_session).arg(0).arg(-1 - beyond).to_owned());
        add.push(cmd("PEXPIRE").arg(&of_session).arg(lives).to_owned());
        for trace in self.traces(&campaign.feature) {
            add.push(cmd("PEXPIRE").arg(trace).arg(lives).to_owned());
        }
        let _done: Vec<redis::Value> = self.link.ask_all(Lane::Quick, &add).await?;
        Ok(())
    }

    /// Beyond the bound the oldest go, those that nobody was told of before the others.
    async fn drop_oldest_campaigns(&self) -> Result<(), Away> {
        let lists = [false, true].map(|is_told| self.keys.campaigns(is_told));
        let count = lists.each_ref().map(|list| cmd("ZCARD").arg(list).to_owned());
        let counts: Vec<usize> = self.link.ask_all(Lane::Quick, &count).await?;
        if counts.iter().sum::<usize>() <= CAMPAIGNS_MAX {
            return Ok(());
        }
        let list = if counts[0] > 0 { &lists[0] } else { &lists[1] };
        let oldest: Vec<String> =
            self.link.ask(Lane::Quick, cmd("ZRANGE").arg(list).arg(0).arg(DROPPED_AT_ONCE - 1)).await?;
        let codes: Vec<Reference> = oldest.iter().filter_map(|code| code.parse().ok()).collect();
        let mut gone: Vec<String> = codes.iter().map(|code| self.keys.campaign(code)).collect();
        for campaign in self.named(&codes).await? {
            gone.extend(self.traces(&campaign.feature));
        }
        let mut drop = vec![cmd("ZREM").arg(list).arg(&oldest).to_owned()];
        if !gone.is_empty() {
            drop.push(cmd("DEL").arg(&gone).to_owned());
        }
        let _done: Vec<redis::Value> = self.link.ask_all(Lane::Quick, &drop).await?;
        Ok(())
    }

    async fn campaign(&self, code: &Reference, now: Timestamp) -> Result<Option<Campaign>, Away> {
        let raw = self.get(Lane::Quick, &self.keys.campaign(code)).await?;
        Ok(from_json(&raw).ok().filter(|campaign: &Campaign| !campaign.is_over(now)))
    }

    async fn campaigns(&self, which: Which, most: usize, now: Timestamp) -> Result<Vec<Campaign>, Away> {
        let list = match which {
            Which::Told => self.keys.campaigns(true),
            Which::Of(session) => self.keys.campaigns_of(&session),
        };
        // Those that are over are rubbish in every list.
        let over = |list: &str| {
            cmd("ZREMRANGEBYSCORE").arg(list).arg("-inf").arg(format!("({}", millis(now.before(SLACK)))).to_owned()
        };
        let mut ask: Vec<Cmd> = vec![over(&list)];
        ask.extend([false, true].map(|is_told| over(&self.keys.campaigns(is_told))));
        let _gone: Vec<redis::Value> = self.link.ask_all(Lane::Quick, &ask).await?;
        let mut range = cmd("ZREVRANGE");
        range.arg(&list).arg(0).arg(most.clamp(1, CAMPAIGNS_MAX) - 1);
        let codes: Vec<String> = self.link.ask(Lane::Quick, &range).await?;
        let codes: Vec<Reference> = codes.iter().filter_map(|code| code.parse().ok()).collect();
        let mut found: Vec<Campaign> = self.named(&codes).await?.filter(|campaign| !campaign.is_over(now)).collect();
        found.sort_by_key(|campaign| std::cmp::Reverse((campaign.last, campaign.since)));
        Ok(found)
    }

    async fn settle_campaign(
        &self,
        code: &Reference,
        status: CampaignStatus,
        now: Timestamp,
    ) -> Result<Option<(Campaign, bool)>, Away> {
        let settled = self
            .swap(&self.keys.campaign(code), None, |raw| match from_json::<Campaign>(raw) {
                Ok(mut campaign) if !campaign.is_over(now) => {
                    let changed = campaign.settle(status);
                    let swap = if changed { Swap::Replace(to_json(&campaign)) } else { Swap::Leave };
                    (swap, Some((campaign, changed)))
                }
                Ok(_) | Err(_) => (Swap::Leave, None),
            })
            .await?;
        if let Some((campaign, true)) = &settled {
            self.list(campaign).await?;
        }
        Ok(settled)
    }

    /// Puts a campaign in the list of its status.
    async fn list(&self, campaign: &Campaign) -> Result<(), Away> {
        let is_told = campaign.status != CampaignStatus::Watched;
        let code = campaign.code.to_string();
        let moved = [
            added(&self.keys.campaigns(is_told), &code, millis(campaign.until)),
            cmd("ZREM").arg(self.keys.campaigns(!is_told)).arg(&code).to_owned(),
        ];
        let _done: Vec<redis::Value> = self.link.ask_all(Lane::Quick, &moved).await?;
        Ok(())
    }

    /// Takes in another store's campaign, by [`Campaign::take_in`]; says whether that changed something.
    pub(super) async fn take_in_campaign(&self, campaign: &Campaign, now: Timestamp) -> Result<bool, Away> {
        if campaign.is_over(now) {
            return Ok(false);
        }
        let known = self.get(Lane::Quick, &self.keys.campaign(&campaign.code)).await?;
        if let Ok(mut here) = from_json::<Campaign>(&known)
            && !here.is_over(now)
        {
            return Ok(here.take_in(campaign)
                && self.settle_campaign(&campaign.code, here.status, now).await?.is_some_and(|(_, changed)| changed));
        }
        // What stands under its traces is of another code: of two, the later one is found.
        let others = self.under(&self.traces(&campaign.feature)).await?.codes.into_values().collect();
        let begun = self.begin(campaign, others, now).await?;
        if begun {
            for part in &campaign.participants {
                self.index(campaign, &part.session, now).await?;
            }
            self.list(campaign).await?;
        }
        Ok(begun)
    }
}

fn added(list: &str, code: &str, until: u64) -> Cmd {
    cmd("ZADD").arg(list).arg(until).arg(code).to_owned()
}

fn lives(until: Timestamp, now: Timestamp) -> Duration {
    until.since(now).saturating_add(SLACK)
}

impl Sightings for Redis {
    fn see<'a>(&'a self, seen: &'a Seen, now: Timestamp) -> Answer<'a, Vec<Campaign>> {
        let seen = seen.clone();
        Box::pin(self.ask(move |node| async move { node.see(&seen, now).await }))
    }

    fn campaign<'a>(&'a self, code: &'a Reference, now: Timestamp) -> Answer<'a, Option<Campaign>> {
        let code = *code;
        Box::pin(self.ask(move |node| async move { node.campaign(&code, now).await }))
    }

    fn campaigns(&self, which: Which, most: usize, now: Timestamp) -> Answer<'_, Vec<Campaign>> {
        Box::pin(self.ask(move |node| async move { node.campaigns(which, most, now).await }))
    }

    fn settle_campaign<'a>(
        &'a self,
        code: &'a Reference,
        status: CampaignStatus,
        now: Timestamp,
    ) -> Answer<'a, Option<(Campaign, bool)>> {
        let code = *code;
        Box::pin(self.ask(move |node| async move { node.settle_campaign(&code, status, now).await }))
    }
}
