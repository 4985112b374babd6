//! What is usual for an account: where it signs in from, with what, and when.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Agent, Country, Network, Timestamp};

/// What the sign-ins of an account have in common, learned from those that passed and from no others.
///
/// Bounded: each list holds so many, and forgets what was unused for longest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// At most [`Profile::COUNTRIES_MAX`].
    pub countries: Seen<Country>,
    /// At most [`Profile::AS_NUMBERS_MAX`].
    pub as_numbers: Seen<u32>,
    /// At most [`Profile::NETWORKS_MAX`].
    pub networks: Seen<Network>,
    /// At most [`Profile::AGENTS_MAX`].
    pub agents: Seen<Agent>,
    /// Sign-ins by the hour they came in, UTC; all halved when one is full, so that old habits fade.
    pub hours: [u16; 24],
    /// Sign-ins that taught something and were not unlearned.
    pub sign_ins: u32,
    /// The latest of them.
    pub latest: Option<Latest>,
}

/// Where and when an account signed in last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    /// When.
    pub time: Timestamp,
    /// From where. The position is looked up when it is needed: databases get better.
    pub address: IpAddr,
    /// When it was known then.
    pub country: Option<Country>,
}

/// Things that were seen, each with its first and last time and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seen<T>(Vec<Sighting<T>>);

/// One thing that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting<T> {
    /// What.
    pub what: T,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// How often.
    pub count: u32,
}

/// What one sign-in teaches, kept with its session so that it can be unlearned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// When it signed in.
    pub time: Timestamp,
    /// From where.
    pub address: IpAddr,
    /// When it is known.
    pub country: Option<Country>,
    /// When it is known.
    pub as_number: Option<u32>,
    /// With what.
    pub agent: Agent,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + PartialEq> Seen<T> {
    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this was.
    pub fn contains(&self, what: T) -> bool {
        self.get(what).is_some()
    }

    /// When and how often this was.
    pub fn get(&self, what: T) -> Option<&Sighting<T>> {
        self.0.iter().find(|sighting| sighting.what == what)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Sighting<T>> {
        self.0.iter()
    }

    fn note(&mut self, what: T, now: Timestamp, most: usize) {
        if let Some(known) = self.0.iter_mut().find(|sighting| sighting.what == what) {
            known.first = known.first.min(now);
            known.last = known.last.max(now);
            known.count = known.count.saturating_add(1);
            return;
        }
        if self.0.len() >= most
            && let Some(place) = (0..self.0.len()).min_by_key(|place| self.0[*place].last)
        {
            self.0.swap_remove(place);
        }
        self.0.push(Sighting { what, first: now, last: now, count: 1 });
    }

    /// Takes one sighting back; says whether there may have been one at that time. What was seen only before or after
    /// was not taught then, and stays.
    fn unlearn(&mut self, what: T, time: Timestamp) -> bool {
        let seen_then =
            |sighting: &&mut Sighting<T>| sighting.what == what && sighting.first <= time && time <= sighting.last;
        let Some(sighting) = self.0.iter_mut().find(seen_then) else { return false };
        sighting.count = sighting.count.saturating_sub(1);
        self.0.retain(|sighting| sighting.count > 0);
        true
    }

    /// Every sighting of both, each with its first and last time in either. Counts are not added up: the same sign-ins
    /// may have been learned by both.
    fn merge(&mut self, other: &Self, most: usize) {
        for seen in &other.0 {
            match self.0.iter_mut().find(|sighting| sighting.what == seen.what) {
                Some(known) => {
                    known.first = known.first.min(seen.first);
                    known.last = known.last.max(seen.last);
                    known.count = known.count.max(seen.count);
                }
                None => self.0.push(*seen),
            }
        }
        if self.0.len() > most {
            self.0.sort_by_key(|sighting| std::cmp::Reverse(sighting.last));
            self.0.truncate(most);
        }
    }

    fn forget_before(&mut self, horizon: Timestamp) {
        self.0.retain(|sighting| sighting.last >= horizon);
    }
}

impl Profile {
    /// More countries than people travel to in half a year.
    pub const COUNTRIES_MAX: usize = 24;
    /// Home, office, phone, and those of many trains and cafés.
    pub const AS_NUMBERS_MAX: usize = 32;
    /// The same, by network: a phone alone has a dozen.
    pub const NETWORKS_MAX: usize = 48;
    /// Browsers by systems.
    pub const AGENTS_MAX: usize = 12;

    /// Whether it knows nothing: then nothing is "new" either.
    pub const fn is_empty(&self) -> bool {
        self.sign_ins == 0
    }

    /// Learns from a sign-in that passed.
    pub fn learn(&mut self, lesson: &Lesson) {
        let Lesson { time, address, country, as_number, agent } = *lesson;
        if let Some(country) = country {
            self.countries.note(country, time, Self::COUNTRIES_MAX);
        }
        if let Some(as_number) = as_number {
            self.as_numbers.note(as_number, time, Self::AS_NUMBERS_MAX);
        }
        self.networks.note(Network::of(address), time, Self::NETWORKS_MAX);
        self.agents.note(agent, time, Self::AGENTS_MAX);
        let hour = hour_of(time);
        if self.hours[hour] == u16::MAX {
            self.hours = self.hours.map(|count| count / 2);
        }
        self.hours[hour] += 1;
        self.sign_ins = self.sign_ins.saturating_add(1);
        if self.latest.as_ref().is_none_or(|latest| latest.time <= time) {
            self.latest = Some(Latest { time, address, country });
        }
    }

    /// Whether a sign-in taught it already. May be so where another one did, from the same network with the same program
    /// before and after: then there is nothing new to learn.
    pub fn may_have_learned(&self, lesson: &Lesson) -> bool {
        let seen_then = |first: Timestamp, last: Timestamp| first <= lesson.time && lesson.time <= last;
        let network = self.networks.get(Network::of(lesson.address));
        let agent = self.agents.get(lesson.agent);
        network.is_some_and(|seen| seen_then(seen.first, seen.last))
            && agent.is_some_and(|seen| seen_then(seen.first, seen.last))
    }

    /// Unlearns what a sign-in taught that turned out to be a theft. What other sign-ins taught as well stays, and of a
    /// sign-in that never taught anything, because it was stopped, nothing is unlearned.
    pub fn unlearn(&mut self, lesson: &Lesson) {
        let Lesson { time, address, country, as_number, agent } = *lesson;
        if let Some(country) = country {
            self.countries.unlearn(country, time);
        }
        if let Some(as_number) = as_number {
            self.as_numbers.unlearn(as_number, time);
        }
        self.agents.unlearn(agent, time);
        if self.networks.unlearn(Network::of(address), time) {
            let hour = hour_of(time);
            self.hours[hour] = self.hours[hour].saturating_sub(1);
            self.sign_ins = self.sign_ins.saturating_sub(1);
        }
        // Where the account was before is not known any more: unknown is no place to travel from.
        if self.latest.as_ref().is_some_and(|latest| latest.time == time && latest.address == address) {
            self.latest = None;
        }
    }

    /// Takes in what another store learned of the same account. Taking in the same twice changes nothing.
    pub fn merge(&mut self, other: &Self) {
        self.countries.merge(&other.countries, Self::COUNTRIES_MAX);
        self.as_numbers.merge(&other.as_numbers, Self::AS_NUMBERS_MAX);
        self.networks.merge(&other.networks, Self::NETWORKS_MAX);
        self.agents.merge(&other.agents, Self::AGENTS_MAX);
        for (hour, others) in self.hours.iter_mut().zip(other.hours) {
            *hour = others.max(*hour);
        }
        self.sign_ins = self.sign_ins.max(other.sign_ins);
        let time = |profile: &Self| profile.latest.as_ref().map(|latest| latest.time);
        if time(other) > time(self) {
            self.latest.clone_from(&other.latest);
        }
    }

    /// Forgets what was not seen since `horizon`. When the account itself was last seen stays: how long it has been
    /// asleep is worth knowing.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        self.countries.forget_before(horizon);
        self.as_numbers.forget_before(horizon);
        self.networks.forget_before(horizon);
        self.agents.forget_before(horizon);
    }
}

/// The hour of the day, 0 to 23, UTC.
pub fn hour_of(time: Timestamp) -> usize {
    usize::try_from(time.as_millis() / 3_600_000 % 24).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(day: u64, address: &str, country: &str) -> Lesson {
        Lesson {
            time: Timestamp::from_millis(1_700_000_000_000 + day * 86_400_000),
            address: address.parse().expect("an address"),
            country: country.parse().ok(),
            as_number: Some(64_500),
            agent: Agent::of(Some("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0")),
        }
    }

    #[test]
    fn what_a_theft_taught_is_unlearned_and_what_others_taught_stays() {
        let mut profile = Profile::default();
        let home = lesson(0, "192.0.2.7", "DE");
        profile.learn(&home);
        let before = profile.clone();
        let theft = lesson(1, "203.0.113.9", "BR");
        profile.learn(&theft);
        assert!(profile.countries.contains("BR".parse().expect("a country")));
        profile.unlearn(&theft);
        assert_eq!((&profile.countries, &profile.networks), (&before.countries, &before.networks));
        assert_eq!((profile.sign_ins, profile.hours), (before.sign_ins, before.hours));
        assert_eq!(profile.as_numbers.get(64_500).map(|seen| seen.count), Some(1), "both used it: one stays");
        assert_eq!(profile.latest, None, "where the account was last is not known any more");
        profile.unlearn(&home);
        assert!(profile.is_empty());
    }

    #[test]
    fn a_theft_that_was_stopped_taught_nothing_and_takes_nothing_with_it() {
        let mut profile = Profile::default();
        profile.learn(&lesson(0, "192.0.2.7", "DE"));
        let before = profile.clone();
        profile.unlearn(&lesson(1, "203.0.113.9", "DE"));
        assert_eq!(profile, before);
    }

    #[test]
    fn a_profile_is_bounded_and_forgets_what_was_unused_for_longest() {
        let mut profile = Profile::default();
        profile.learn(&lesson(0, "192.0.2.7", "DE"));
        for number in 0..200_u64 {
            profile.learn(&lesson(1 + number, &format!("198.51.{number}.1"), "DE"));
        }
        assert_eq!(profile.networks.iter().count(), Profile::NETWORKS_MAX);
        assert!(!profile.networks.contains(Network::of("192.0.2.7".parse().expect("an address"))));
        let latest = profile.latest.clone().expect("the latest");
        profile.forget_before(latest.time);
        assert_eq!(profile.networks.iter().count(), 1);
    }

    #[test]
    fn a_clock_that_went_back_teaches_all_the_same() {
        let mut profile = Profile::default();
        profile.learn(&lesson(9, "192.0.2.7", "DE"));
        profile.learn(&lesson(3, "192.0.2.7", "DE"));
        let seen = profile.countries.get("DE".parse().expect("a country")).expect("seen");
        assert!(seen.first < seen.last && seen.count == 2);
        assert_eq!(profile.latest.expect("the latest").time, lesson(9, "192.0.2.7", "DE").time);
    }
}
