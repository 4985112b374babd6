//! Flags: each under its code, in indexes by time, status, account and country.
//!
//! In the indexes a flag's name says all that a list may be narrowed by, so that looking through many reads none of them.

use redis::{Value, cmd};

use super::link::Lane;
use super::node::{Node, from_json, millis, number, to_json};
use super::script::FLAG;
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{Account, Country, Flag, Reference, SiteName};
use crate::store::{Away, FLAGS_MAX, Raise};

/// Names of flags that are looked through at once.
const LOOKED_THROUGH: usize = 1024;

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
        let Some(code) = oldest.and_then(|(_, name)| Named::of(&name).map(|named| named.code)) else { return Ok(()) };
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

    /// Newest first.
    pub(super) async fn flags(&self, filter: &FlagFilter, most: usize) -> Result<Vec<Flag>, Away> {
        // The narrowest: an account has fewer flags than a country, and that fewer than a status.
        let index = match filter {
            FlagFilter { account: Some(account), .. } => self.keys.flags_by_account(account),
            FlagFilter { country: Some(country), .. } => self.keys.flags_by_country(*country),
            FlagFilter { status: Some(status), .. } => self.keys.flags_by_status(*status),
            FlagFilter { .. } => self.keys.flags(),
        };
        let lane = lane(filter);
        let mut rank: usize = match filter.before {
            Some(before) => self.link.ask(lane, cmd("ZCOUNT").arg(&index).arg(millis(before)).arg("+inf")).await?,
            None => 0,
        };
        let mut codes: Vec<Reference> = Vec::new();
        while codes.len() < most {
            let some = (most - codes.len()).clamp(64, LOOKED_THROUGH);
            let mut range = cmd("ZREVRANGE");
            range.arg(&index).arg(rank).arg(rank + some - 1);
            let names: Vec<String> = self.link.ask(lane, &range).await?;
            let fits = |named: &Named<'_>| named.fits(filter);
            codes.extend(names.iter().filter_map(|name| Named::of(name)).filter(fits).map(|named| named.code));
            rank += names.len();
            if names.len() < some {
                break;
            }
        }
        codes.truncate(most);
        let mut flags = Vec::with_capacity(codes.len());
        for some in codes.chunks(LOOKED_THROUGH) {
            let keys: Vec<String> = some.iter().map(|code| self.keys.flag(code)).collect();
            let raws: Vec<Option<Vec<u8>>> = self.link.ask(lane, cmd("MGET").arg(&keys)).await?;
            for raw in raws.into_iter().flatten() {
                flags.push(from_json(&raw)?);
            }
        }
        Ok(flags)
    }
}

/// A list of one account's flags is asked for while somebody signs in; for others only operators wait.
pub(super) const fn lane(filter: &FlagFilter) -> Lane {
    if filter.account.is_some() { Lane::Quick } else { Lane::Bulk }
}

/// A flag's name in the indexes: its code, the first letter of its status, its country or two dashes, site and account.
fn name(flag: &Flag) -> String {
    let status = &flag.status.name()[..2];
    let country = flag.country.map_or_else(|| "--".to_owned(), |country| country.to_string());
    format!("{} {status} {country} {}/{}", flag.code, flag.site, flag.account)
}

struct Named<'a> {
    code: Reference,
    status: &'a str,
    country: &'a str,
    site: &'a str,
    account: &'a str,
}

impl<'a> Named<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let mut words = name.splitn(4, ' ');
        let code = words.next()?.parse().ok()?;
        let (status, country) = (words.next()?, words.next()?);
        let (site, account) = words.next()?.split_once('/')?;
        Some(Self { code, status, country, site, account })
    }

    fn fits(&self, filter: &FlagFilter) -> bool {
        let is_status = |status: &FlagStatus| status.name().starts_with(self.status);
        let is_country = |country: &Country| country.to_string() == self.country;
        let is_site = |site: &SiteName| &**site == self.site;
        let is_account = |account: &Account| account.as_str() == self.account;
        filter.status.as_ref().is_none_or(is_status)
            && filter.country.as_ref().is_none_or(is_country)
            && filter.site.as_ref().is_none_or(is_site)
            && filter.account.as_ref().is_none_or(is_account)
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
        let one = Flag { site: site.clone(), account: account.clone(), country: "BR".parse().ok(), ..flag() };
        let name = name(&one);
        let named = Named::of(&name).expect("it is read back");
        assert_eq!(named.code, one.code);
        let all = FlagFilter {
            site: Some(site),
            account: Some(account),
            status: Some(FlagStatus::Open),
            country: one.country,
            before: None,
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
