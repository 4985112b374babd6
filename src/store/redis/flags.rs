//! Flags: each under its code, in indexes by time, status, account and country.
//!
//! In the indexes a flag's name says all that a list may be narrowed or sorted by, so that looking through many reads none
//! of them.

use std::collections::HashSet;

use redis::{Value, cmd};

use super::link::Lane;
use super::node::{Node, from_json, millis, number, to_json};
use super::script::FLAG;
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{Account, Country, Flag, FlagOrder, FlagPlace, Ranked, Reference, SiteName, Timestamp, Verdict};
use crate::store::{Away, FLAGS_MAX, Raise};

/// Names of flags that are looked through at once, and where all of them must be.
const LOOKED_THROUGH: usize = 1024;
const SORTED_AT_ONCE: usize = 8192;

/// How often a change is tried again because others change the same flag.
const ATTEMPTS_MAX: usize = 128;

impl Node {
    pub(super) async fn flag(&self, code: &Reference) -> Result<Option<Flag>, Away> {
        let raw = self.get(Lane::Quick, &self.keys.flag(code)).await?;
        if raw.is_empty() { Ok(None) } else { from_json(&raw).map(Some) }
    }

    /// Writes what `step` makes of the flag that is there, if it makes anything; returns that.
    async fn change_flag(
        &self,
        code: &Reference,
        mut step: impl FnMut(Option<Flag>) -> Option<Flag>,
    ) -> Result<Option<Flag>, Away> {
        let mut raw = self.get(Lane::Quick, &self.keys.flag(code)).await?;
        for _ in 0..ATTEMPTS_MAX {
            // One that somebody made unreadable is as good as none.
            let known: Option<Flag> = from_json(&raw).ok();
            let Some(new) = step(known.clone()) else { return Ok(None) };
            match self.write_flag(code, raw, known.as_ref(), Some(&new)).await? {
                Value::BulkString(instead) => raw = instead,
                Value::Int(count) if usize::try_from(count).is_ok_and(|count| count > FLAGS_MAX) => {
                    self.drop_oldest().await?;
                    return Ok(Some(new));
                }
                _ => return Ok(Some(new)),
            }
        }
        Err(Away { what: "others change the same flag all the time".into() })
    }

    async fn write_flag(
        &self,
        code: &Reference,
        raw: Vec<u8>,
        known: Option<&Flag>,
        new: Option<&Flag>,
    ) -> Result<Value, Away> {
        let leaves = known.map(|flag| self.indexes(flag)).unwrap_or_default();
        let many = leaves.len();
        let comes = new.map(|flag| self.indexes(flag)).unwrap_or_default();
        let keys: Vec<String> =
            [self.keys.flag(code), self.keys.flags()].into_iter().chain(leaves).chain(comes).collect();
        let arguments = [
            raw,
            new.map(to_json).unwrap_or_default(),
            number(many),
            known.map(name).unwrap_or_default().into_bytes(),
            new.map(name).unwrap_or_default().into_bytes(),
            number(new.map_or(0, |flag| millis(flag.time))),
        ];
        self.link.run(Lane::Quick, &FLAG, &keys, &arguments).await
    }

    fn indexes(&self, flag: &Flag) -> Vec<String> {
        let by_country = flag.country.map(|country| self.keys.flags_by_country(country));
        let others = [self.keys.flags_by_status(flag.status), self.keys.flags_by_account(&flag.account)];
        others.into_iter().chain(by_country).collect()
    }

    pub(super) async fn put_flag(&self, flag: Flag) -> Result<(), Away> {
        let code = flag.code;
        self.change_flag(&code, |_| Some(flag.clone())).await.map(|_| ())
    }

    /// Takes in another store's flag, unless there is one; says whether it did.
    pub(super) async fn take_in_flag(&self, flag: &Flag) -> Result<bool, Away> {
        let new = |known: Option<Flag>| known.is_none().then(|| flag.clone());
        Ok(self.change_flag(&flag.code, new).await?.is_some())
    }

    pub(super) async fn raise_flag(&self, code: &Reference, raise: &Raise) -> Result<bool, Away> {
        let Raise { verdict, signals, stopped_by } = raise;
        let raised = self.change_flag(code, |known| {
            let mut flag = known?;
            flag.raise(*verdict, signals, stopped_by.as_deref());
            Some(flag)
        });
        Ok(raised.await?.is_some())
    }

    pub(super) async fn settle_flag(
        &self,
        code: &Reference,
        status: Option<FlagStatus>,
        note: Option<&Note>,
    ) -> Result<Option<Flag>, Away> {
        let settled = |known: Option<Flag>| {
            let mut flag = known?;
            flag.status = status.unwrap_or(flag.status);
            if let Some(note) = note {
                flag.note(note.clone());
            }
            Some(flag)
        };
        self.change_flag(code, settled).await
    }

    pub(super) async fn add_to_flag(&self, code: &Reference, activity: &Activity) -> Result<(), Away> {
        let added = |known: Option<Flag>| {
            let mut flag = known?;
            flag.since.add(activity);
            Some(flag)
        };
        self.change_flag(code, added).await.map(|_| ())
    }

    /// The oldest that somebody has settled goes; where nobody settled any, the oldest: a bound is a bound.
    async fn drop_oldest(&self) -> Result<(), Away> {
        let all = FlagStatus::ALL.into_iter().filter(|status| *status != FlagStatus::Open);
        let settled = all.map(|status| self.keys.flags_by_status(status));
        let mut oldest: Option<(u64, String)> = None;
        for index in settled {
            oldest = oldest.into_iter().chain(self.oldest_in(&index).await?).min();
        }
        if oldest.is_none() {
            oldest = self.oldest_in(&self.keys.flags()).await?;
        }
        let Some(code) = oldest.and_then(|(_, name)| Named::of(&name).map(|named| named.ranked.code)) else {
            return Ok(());
        };
        let raw = self.get(Lane::Quick, &self.keys.flag(&code)).await?;
        let known: Option<Flag> = from_json(&raw).ok();
        // Whoever changed it meanwhile keeps it; the next flag makes room again.
        self.write_flag(&code, raw, known.as_ref(), None).await.map(|_| ())
    }

    async fn oldest_in(&self, index: &str) -> Result<Option<(u64, String)>, Away> {
        let mut range = cmd("ZRANGE");
        range.arg(index).arg(0).arg(0).arg("WITHSCORES");
        let found: Vec<(String, f64)> = self.link.ask(Lane::Quick, &range).await?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = |time: f64| time as u64;
        Ok(found.into_iter().next().map(|(name, time)| (whole(time), name)))
    }

    /// In the order that is asked for.
    pub(super) async fn flags(&self, filter: &FlagFilter, most: usize) -> Result<Vec<Flag>, Away> {
        // The narrowest: an account has fewer flags than a country, and that fewer than a status.
        let index = match filter {
            FlagFilter { account: Some(account), .. } => self.keys.flags_by_account(account),
            FlagFilter { country: Some(country), .. } => self.keys.flags_by_country(*country),
            FlagFilter { status: Some(status), .. } => self.keys.flags_by_status(*status),
            FlagFilter { .. } => self.keys.flags(),
        };
        let codes = match filter.order {
            FlagOrder::Newest => self.newest(&index, filter, most).await?,
            order => self.sorted(&index, filter, order, most).await?,
        };
        let mut flags = Vec::with_capacity(codes.len());
        for some in codes.chunks(LOOKED_THROUGH) {
            let keys: Vec<String> = some.iter().map(|code| self.keys.flag(code)).collect();
            let raws: Vec<Option<Vec<u8>>> = self.link.ask(lane(filter), cmd("MGET").arg(&keys)).await?;
            for raw in raws.into_iter().flatten() {
                flags.push(from_json(&raw)?);
            }
        }
        Ok(flags)
    }

    /// The codes of those that fit, newest first: the index is walked from the right place on.
    async fn newest(&self, index: &str, filter: &FlagFilter, most: usize) -> Result<Vec<Reference>, Away> {
        let lane = lane(filter);
        let mut rank = 0;
        let before = filter.before.map(|before| millis(before).to_string());
        // Those of the same moment stand on both sides of the place.
        let after = filter.after.as_ref().map(|place| format!("({}", millis(place.time)));
        for from in [before, after].into_iter().flatten() {
            let newer: usize = self.link.ask(lane, cmd("ZCOUNT").arg(index).arg(from).arg("+inf")).await?;
            rank = rank.max(newer);
        }
        let mut codes: Vec<Reference> = Vec::new();
        while codes.len() < most {
            let some = (most - codes.len()).clamp(64, LOOKED_THROUGH);
            let names = self.names(index, rank, some, lane).await?;
            rank += names.len();
            let fitting = names.iter().filter_map(|name| Named::of(name)).filter(|one| one.fits(filter));
            codes.extend(fitting.map(|named| named.ranked.code));
            if names.len() < some {
                break;
            }
        }
        codes.truncate(most);
        Ok(codes)
    }

    /// The codes of those that come first in an order: everything that may fit is looked through, and as many as are asked
    /// for are kept.
    async fn sorted(
        &self,
        index: &str,
        filter: &FlagFilter,
        order: FlagOrder,
        most: usize,
    ) -> Result<Vec<Reference>, Away> {
        let mut first: Vec<FlagPlace> = Vec::new();
        let mut rank = 0;
        loop {
            let names = self.names(index, rank, SORTED_AT_ONCE, lane(filter)).await?;
            rank += names.len();
            let fitting = names.iter().filter_map(|name| Named::of(name)).filter(|one| one.fits(filter));
            for named in fitting {
                first.push(named.ranked.place(order));
                if first.len() >= most.saturating_mul(2).max(SORTED_AT_ONCE) {
                    keep_first(&mut first, most);
                }
            }
            if names.len() < SORTED_AT_ONCE {
                break;
            }
        }
        keep_first(&mut first, most);
        Ok(first.into_iter().map(|place| place.code).collect())
    }

    /// Names in the order of their times, newest first, without the scores: writing these as text takes Redis eight times as
    /// long as all the rest.
    async fn names(&self, index: &str, rank: usize, many: usize, lane: Lane) -> Result<Vec<String>, Away> {
        let mut range = cmd("ZREVRANGE");
        range.arg(index).arg(rank).arg(rank + many - 1);
        self.link.ask(lane, &range).await
    }
}

/// Keeps those that come first. One whose name changed while the index was walked may be there twice.
fn keep_first(places: &mut Vec<FlagPlace>, most: usize) {
    places.sort_unstable();
    let mut seen = HashSet::new();
    places.retain(|place| seen.insert(place.code));
    places.truncate(most);
}

/// A list of one account's flags is asked for while somebody signs in; for others only operators wait.
pub(super) const fn lane(filter: &FlagFilter) -> Lane {
    if filter.account.is_some() { Lane::Quick } else { Lane::Bulk }
}

/// A flag's name in the indexes: its code, its time, the beginning of its status, its country or two dashes, its verdict, how
/// many messages and recipients there were since, site and account.
fn name(flag: &Flag) -> String {
    let status = &flag.status.name()[..2];
    let country = flag.country.map_or_else(|| "--".to_owned(), |country| country.to_string());
    let (code, time, verdict) = (flag.code, flag.time.as_millis(), flag.verdict as u8);
    let (messages, recipients) = (flag.since.messages, flag.since.recipients);
    format!("{code} {time} {status} {country} {verdict} {messages} {recipients} {}/{}", flag.site, flag.account)
}

struct Named<'a> {
    ranked: Ranked<'a>,
    country: &'a str,
    site: &'a str,
}

impl<'a> Named<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let mut words = name.splitn(8, ' ');
        let code = words.next()?.parse().ok()?;
        let time = Timestamp::from_millis(words.next()?.parse().ok()?);
        let (status, country, verdict) = (words.next()?, words.next()?, words.next()?.parse::<usize>().ok()?);
        let (messages, recipients) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let (site, account) = words.next()?.split_once('/')?;
        let status = FlagStatus::ALL.into_iter().find(|known| known.name().starts_with(status))?;
        let verdict = *Verdict::ALL.get(verdict)?;
        Some(Self { ranked: Ranked { code, time, status, verdict, messages, recipients, account }, country, site })
    }

    fn fits(&self, filter: &FlagFilter) -> bool {
        let Ranked { status, account, time, .. } = self.ranked;
        let is_country = |country: &Country| country.to_string() == self.country;
        let is_site = |site: &SiteName| &**site == self.site;
        let is_account = |wanted: &Account| wanted.as_str() == account;
        let is_behind = |place: &FlagPlace| self.ranked.place(filter.order) > *place;
        filter.status.is_none_or(|wanted| wanted == status)
            && filter.country.as_ref().is_none_or(is_country)
            && filter.site.as_ref().is_none_or(is_site)
            && filter.account.as_ref().is_none_or(is_account)
            && filter.before.is_none_or(|before| time < before)
            && filter.after.as_ref().is_none_or(is_behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flag::tests::flag;

    #[test]
    fn the_names_of_statuses_differ_in_two_letters() {
        for status in FlagStatus::ALL {
            let alike = FlagStatus::ALL.into_iter().filter(|other| other.name()[..2] == status.name()[..2]).count();
            assert_eq!(alike, 1);
        }
    }

    #[test]
    fn a_flags_name_says_what_a_list_is_narrowed_by() {
        let site: SiteName = "webmail.example.edu".into();
        let account = Account::from_canonical("a/b c");
        let since = Activity { messages: 7, recipients: u32::MAX, ..Activity::default() };
        let verdict = Verdict::Refuse;
        let (site_of, account_of) = (site.clone(), account.clone());
        let one = Flag { site: site_of, account: account_of, country: "BR".parse().ok(), since, verdict, ..flag() };
        let name = name(&one);
        let named = Named::of(&name).expect("it is read back");
        assert_eq!(named.ranked, one.ranked());
        let all = FlagFilter {
            site: Some(site),
            account: Some(account),
            status: Some(FlagStatus::Open),
            country: one.country,
            ..FlagFilter::default()
        };
        assert!(named.fits(&all) && named.fits(&FlagFilter::default()));
        for other in [
            FlagFilter { site: Some("other".into()), ..all.clone() },
            FlagFilter { account: Some(Account::from_canonical("b c")), ..all.clone() },
            FlagFilter { status: Some(FlagStatus::Cleared), ..all.clone() },
            FlagFilter { country: "DE".parse().ok(), ..all.clone() },
        ] {
            assert!(!named.fits(&other), "{other:?}");
        }
    }
}
