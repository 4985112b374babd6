//! Marks with the shared store and without it: this node goes by those that it saw, and what it marks meanwhile holds here
//! at once.

use super::Fallback;
use super::spool::Untold;
use crate::domain::{Prefix, PrefixMark, SiteName, Timestamp};
use crate::store::Answer;
use crate::store::marks::Marks;

impl Fallback {
    /// Remembers what the shared store says of a prefix. Where that is not possible, nobody waits for it.
    async fn remember_mark(&self, site: &SiteName, prefix: Prefix, mark: Option<&PrefixMark>, now: Timestamp) {
        let known = self.own.marked_prefix(site, prefix, now).await.ok().flatten();
        match mark {
            Some(mark) if known.as_ref() != Some(mark) => self.remember(self.own.mark_prefix(mark.clone())).await,
            None if known.is_some() => self.remember(self.own.unmark_prefix(site, prefix, now)).await,
            Some(_) | None => {}
        }
    }
}

impl Marks for Fallback {
    fn mark_prefix(&self, mark: PrefixMark) -> Answer<'_, ()> {
        Box::pin(async move {
            let asked = mark.clone();
            if self.ask(|shared| shared.mark_prefix(asked)).await.is_ok() {
                self.remember(self.own.mark_prefix(mark)).await;
                return Ok(());
            }
            let kept = self.spool.push_or_refuse(Untold::Mark(mark.clone()));
            let marked = self.own.mark_prefix(mark).await;
            kept.and(marked)
        })
    }

    fn unmark_prefix<'a>(&'a self, site: &'a SiteName, prefix: Prefix, now: Timestamp) -> Answer<'a, bool> {
        Box::pin(async move {
            let was_marked = self.ask(|shared| shared.unmark_prefix(site, prefix, now)).await?;
            self.remember(self.own.unmark_prefix(site, prefix, now)).await;
            Ok(was_marked)
        })
    }

    fn marked_prefix<'a>(
        &'a self,
        site: &'a SiteName,
        prefix: Prefix,
        now: Timestamp,
    ) -> Answer<'a, Option<PrefixMark>> {
        Box::pin(async move {
            let Ok(found) = self.ask(|shared| shared.marked_prefix(site, prefix, now)).await else {
                return self.own.marked_prefix(site, prefix, now).await;
            };
            self.remember_mark(site, prefix, found.as_ref(), now).await;
            Ok(found)
        })
    }

    fn marked_prefixes<'a>(&'a self, site: &'a SiteName, now: Timestamp) -> Answer<'a, Vec<PrefixMark>> {
        Box::pin(async move {
            match self.ask_for_list(usize::MAX, |shared| shared.marked_prefixes(site, now)).await {
                Ok(marks) => Ok(marks),
                Err(_) => self.own.marked_prefixes(site, now).await,
            }
        })
    }
}
