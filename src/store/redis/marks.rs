//! Prefixes that operators marked: all in one hash, for there are few and everybody asks for one.

use std::collections::HashMap;

use redis::cmd;

use super::Redis;
use super::link::{BULK, Lane};
use super::node::{Node, from_json, number, to_json};
use super::script::MARK;
use crate::domain::{Prefix, PrefixMark, SiteName, Timestamp};
use crate::store::marks::{MARKS_MAX, Marks, in_order, no_room};
use crate::store::{Answer, Away};

fn field(site: &SiteName, prefix: Prefix) -> String {
    format!("{site}/{prefix}")
}

impl Node {
    /// Writes a mark in place of what is there, or only where there is none that counts; says whether it did.
    pub(super) async fn mark_prefix(&self, mark: &PrefixMark, takes_in: bool, now: Timestamp) -> Result<bool, Away> {
        if takes_in && self.marked_prefix(&mark.site, mark.prefix, now).await?.is_some() {
            return Ok(false);
        }
        if self.write_mark(mark).await? {
            return Ok(true);
        }
        self.forget_old_marks(now).await?;
        if self.write_mark(mark).await? { Ok(true) } else { Err(Away { what: no_room() }) }
    }

    async fn write_mark(&self, mark: &PrefixMark) -> Result<bool, Away> {
        let arguments = [field(&mark.site, mark.prefix).into_bytes(), to_json(mark), number(MARKS_MAX)];
        let done: i64 = self.link.run(Lane::Quick, &MARK, &[self.keys.marks()], &arguments).await?;
        Ok(done == 1)
    }

    async fn forget_old_marks(&self, now: Timestamp) -> Result<(), Away> {
        let old = self.all_marks().await?.into_iter().filter(|mark| !mark.holds(now));
        let old: Vec<String> = old.map(|mark| field(&mark.site, mark.prefix)).collect();
        if old.is_empty() {
            return Ok(());
        }
        let _gone: i64 = self.link.ask(Lane::Bulk, cmd("HDEL").arg(self.keys.marks()).arg(&old)).await?;
        Ok(())
    }

    async fn unmark_prefix(&self, site: &SiteName, prefix: Prefix, now: Timestamp) -> Result<bool, Away> {
        let was_marked = self.marked_prefix(site, prefix, now).await?.is_some();
        let gone: i64 = self.link.ask(Lane::Quick, cmd("HDEL").arg(self.keys.marks()).arg(field(site, prefix))).await?;
        Ok(was_marked && gone > 0)
    }

    async fn marked_prefix(&self, site: &SiteName, prefix: Prefix, now: Timestamp) -> Result<Option<PrefixMark>, Away> {
        let ask = cmd("HGET").arg(self.keys.marks()).arg(field(site, prefix)).to_owned();
        let found: Option<Vec<u8>> = self.link.ask(Lane::Quick, &ask).await?;
        let Some(raw) = found else { return Ok(None) };
        Ok(Some(from_json::<PrefixMark>(&raw)?).filter(|mark| mark.holds(now)))
    }

    async fn all_marks(&self) -> Result<Vec<PrefixMark>, Away> {
        Ok(marks_of(self.link.ask(Lane::Bulk, cmd("HGETALL").arg(self.keys.marks())).await?))
    }
}

/// Marks as they stand in the hash; what somebody else wrote is left out.
pub(super) fn marks_of(all: HashMap<String, Vec<u8>>) -> Vec<PrefixMark> {
    all.into_values().filter_map(|raw| from_json(&raw).ok()).collect()
}

impl Marks for Redis {
    fn mark_prefix(&self, mark: PrefixMark) -> Answer<'_, ()> {
        Box::pin(self.ask(move |node| async move { node.mark_prefix(&mark, false, mark.since).await.map(|_| ()) }))
    }

    fn unmark_prefix<'a>(&'a self, site: &'a SiteName, prefix: Prefix, now: Timestamp) -> Answer<'a, bool> {
        let site = SiteName::clone(site);
        Box::pin(self.ask(move |node| async move { node.unmark_prefix(&site, prefix, now).await }))
    }

    fn marked_prefix<'a>(
        &'a self,
        site: &'a SiteName,
        prefix: Prefix,
        now: Timestamp,
    ) -> Answer<'a, Option<PrefixMark>> {
        let site = SiteName::clone(site);
        Box::pin(self.ask(move |node| async move { node.marked_prefix(&site, prefix, now).await }))
    }

    fn marked_prefixes<'a>(&'a self, site: &'a SiteName, now: Timestamp) -> Answer<'a, Vec<PrefixMark>> {
        let site = SiteName::clone(site);
        Box::pin(self.run(BULK, move |node| async move {
            let mut marks = node.all_marks().await?;
            marks.retain(|mark| mark.site == site && mark.holds(now));
            Ok(in_order(marks))
        }))
    }
}
