//! Campaigns in memory, found by the traces of what they have in common; written behind.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use rusqlite::{Connection, params};

use super::Embedded;
use super::rows::{millis, to_json};
use crate::domain::{Campaign, CampaignStatus, Feature, Reference, Timestamp, Trace};
use crate::store::sightings::{CAMPAIGNS_MAX, Seen, Sightings, Which};
use crate::store::{Answer, Store as _};

/// All campaigns of a node.
#[derive(Default)]
pub(super) struct Campaigns(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_code: HashMap<Reference, Campaign>,
    /// Of two with the same trace, the later one.
    by_trace: HashMap<Trace, Reference>,
    unwritten: HashSet<Reference>,
}

/// A campaign as it is to be written: none where it is to be deleted.
pub(super) type Unwritten = Vec<(Reference, Option<Campaign>)>;

/// At the bound so many go at once, so that finding the oldest is no walk for each that comes.
const DROPPED_AT_ONCE: usize = CAMPAIGNS_MAX / 10;

impl Campaigns {
    fn see(&self, seen: &Seen, now: Timestamp) -> Vec<Campaign> {
        let mut known = self.0.lock();
        let place = |(feature, code): &(Feature, Reference)| known.see(seen, feature, *code, now);
        seen.features.iter().filter_map(place).collect()
    }

    fn get(&self, code: &Reference, now: Timestamp) -> Option<Campaign> {
        self.0.lock().by_code.get(code).filter(|campaign| !campaign.is_over(now)).cloned()
    }

    fn list(&self, which: Which, most: usize, now: Timestamp) -> Vec<Campaign> {
        let known = self.0.lock();
        let is_asked_for = |campaign: &&Campaign| match which {
            Which::Told => campaign.status != CampaignStatus::Watched,
            Which::Of(session) => campaign.part_of(&session).is_some(),
        };
        let mut found: Vec<&Campaign> =
            known.by_code.values().filter(|campaign| !campaign.is_over(now)).filter(is_asked_for).collect();
        found.sort_by_key(|campaign| std::cmp::Reverse((campaign.last, campaign.since)));
        found.into_iter().take(most).cloned().collect()
    }

    fn settle(&self, code: &Reference, status: CampaignStatus, now: Timestamp) -> Option<(Campaign, bool)> {
        let mut known = self.0.lock();
        let campaign = known.by_code.get_mut(code).filter(|campaign| !campaign.is_over(now))?;
        let changed = campaign.settle(status);
        let campaign = campaign.clone();
        if changed {
            known.unwritten.insert(*code);
        }
        Some((campaign, changed))
    }

    /// Takes in another store's, by [`Campaign::take_in`]; says whether that changed something.
    pub(super) fn take_in(&self, campaign: Campaign, now: Timestamp) -> bool {
        let mut known = self.0.lock();
        if campaign.is_over(now) {
            return false;
        }
        let code = campaign.code;
        let changed = match known.by_code.get_mut(&code) {
            Some(here) => here.take_in(&campaign),
            None => {
                known.insert(campaign);
                true
            }
        };
        if changed {
            known.unwritten.insert(code);
        }
        changed
    }

    /// Puts back what was stored.
    pub(super) fn restore(&self, campaign: Campaign) {
        self.0.lock().insert(campaign);
    }

    /// Forgets those that are over.
    pub(super) fn collect_rubbish(&self, now: Timestamp) {
        let mut known = self.0.lock();
        let over: Vec<Reference> =
            known.by_code.values().filter(|campaign| campaign.is_over(now)).map(|campaign| campaign.code).collect();
        over.iter().for_each(|code| known.remove(code));
    }

    /// What has changed since this was last asked.
    pub(super) fn take_unwritten(&self) -> Unwritten {
        let mut known = self.0.lock();
        let codes = std::mem::take(&mut known.unwritten);
        codes.into_iter().map(|code| (code, known.by_code.get(&code).cloned())).collect()
    }

    /// It could not be written, and is given again the next time.
    pub(super) fn still_unwritten(&self, unwritten: Unwritten) {
        self.0.lock().unwritten.extend(unwritten.into_iter().map(|(code, _)| code));
    }
}

impl Known {
    fn see(&mut self, seen: &Seen, feature: &Feature, code: Reference, now: Timestamp) -> Option<Campaign> {
        let like = feature.traces.iter().filter_map(|trace| self.by_trace.get(trace)).find(|code| {
            self.by_code.get(code).is_some_and(|known| !known.is_over(now) && known.feature.is_like(feature))
        });
        let code = match like.copied() {
            Some(code) => code,
            None if seen.sighting.worth() == 0 => return None,
            None => {
                let site = seen.sighting.site.clone();
                self.insert(Campaign::begin(code, site, feature.clone(), now, seen.until));
                code
            }
        };
        self.unwritten.insert(code);
        let campaign = self.by_code.get_mut(&code)?;
        campaign.see(&seen.sighting, now, seen.until);
        Some(campaign.clone())
    }

    fn insert(&mut self, campaign: Campaign) {
        if self.by_code.len() >= CAMPAIGNS_MAX {
            self.make_room();
        }
        self.by_trace.extend(campaign.feature.traces.iter().map(|trace| (*trace, campaign.code)));
        self.by_code.insert(campaign.code, campaign);
    }

    fn make_room(&mut self) {
        let mut all: Vec<(bool, Timestamp, Reference)> = self
            .by_code
            .values()
            .map(|campaign| (campaign.status != CampaignStatus::Watched, campaign.last, campaign.code))
            .collect();
        all.sort_unstable_by_key(|(is_told, last, _)| (*is_told, *last));
        all.iter().take(DROPPED_AT_ONCE).for_each(|(.., code)| self.remove(code));
    }

    fn remove(&mut self, code: &Reference) {
        let Some(campaign) = self.by_code.remove(code) else { return };
        for trace in &campaign.feature.traces {
            if self.by_trace.get(trace) == Some(code) {
                self.by_trace.remove(trace);
            }
        }
        self.unwritten.insert(*code);
    }
}

/// Writes what has changed.
pub(super) fn write(database: &Connection, unwritten: &Unwritten) -> rusqlite::Result<()> {
    let mut put = database.prepare_cached(
        "INSERT INTO campaigns (code, until, campaign) VALUES (?1, ?2, ?3)
         ON CONFLICT (code) DO UPDATE SET until = excluded.until, campaign = excluded.campaign",
    )?;
    let mut delete = database.prepare_cached("DELETE FROM campaigns WHERE code = ?1")?;
    for (code, campaign) in unwritten {
        match campaign {
            Some(campaign) => put.execute(params![code.to_string(), millis(campaign.until), to_json(campaign)])?,
            None => delete.execute([code.to_string()])?,
        };
    }
    Ok(())
}

impl Sightings for Embedded {
    fn see<'a>(&'a self, seen: &'a Seen, now: Timestamp) -> Answer<'a, Vec<Campaign>> {
        self.memory.saw(now);
        let campaigns = self.memory.campaigns.see(seen, now);
        self.count(campaigns.len());
        Box::pin(std::future::ready(Ok(campaigns)))
    }

    fn campaign<'a>(&'a self, code: &'a Reference, now: Timestamp) -> Answer<'a, Option<Campaign>> {
        Box::pin(std::future::ready(Ok(self.memory.campaigns.get(code, now))))
    }

    fn campaigns(&self, which: Which, most: usize, now: Timestamp) -> Answer<'_, Vec<Campaign>> {
        Box::pin(std::future::ready(Ok(self.memory.campaigns.list(which, most, now))))
    }

    fn settle_campaign<'a>(
        &'a self,
        code: &'a Reference,
        status: CampaignStatus,
        now: Timestamp,
    ) -> Answer<'a, Option<(Campaign, bool)>> {
        self.memory.saw(now);
        // It holds in memory at once, whatever the disk says.
        let settled = self.memory.campaigns.settle(code, status, now);
        Box::pin(async move {
            if settled.as_ref().is_some_and(|(_, changed)| *changed) {
                self.flush().await?;
            }
            Ok(settled)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FeatureKind;
    use crate::domain::campaign::tests::sighting;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn seen(number: u64) -> Seen {
        let trace = Trace(number.to_be_bytes());
        let feature = Feature { kind: FeatureKind::Link, traces: vec![trace], sketch: Vec::new() };
        let features = vec![(feature, Reference::from_random(number))];
        Seen { sighting: sighting("a", 1), features, until: at(1_000_000) }
    }

    #[test]
    fn at_the_bound_the_oldest_that_nobody_was_told_of_go_and_leave_nothing() {
        let campaigns = Campaigns::default();
        let many = CAMPAIGNS_MAX as u64;
        for number in 0..many {
            assert_eq!(campaigns.see(&seen(number), at(number)).len(), 1);
        }
        let told = Reference::from_random(0);
        assert!(campaigns.settle(&told, CampaignStatus::Recognised, at(many)).is_some_and(|(_, changed)| changed));
        campaigns.see(&seen(many), at(many));
        let known = campaigns.0.lock();
        assert_eq!(known.by_code.len(), CAMPAIGNS_MAX - DROPPED_AT_ONCE + 1);
        assert_eq!(known.by_trace.len(), known.by_code.len());
        assert!(known.by_code.contains_key(&told) && !known.by_code.contains_key(&Reference::from_random(1)));
    }
}
