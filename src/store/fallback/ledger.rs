//! What the administrator's desk asks. While the shared store is away operators can go on signing in and doing things, by
//! what this node saw of them; what they do is told afterwards. Past events are asked of the shared store only.

use std::time::Duration;

use super::Fallback;
use super::spool::Untold;
use crate::domain::past::Events;
use crate::domain::{AuditEntry, EventFilter, Mark, PastEvent, Sender, Span, Tally, Timestamp};
use crate::store::ledger::Ledger;
use crate::store::{Answer, Sealed};

impl Fallback {
    /// Remembers what the shared store says of an operator. Where that is not possible, the operator waits for it.
    async fn remember_operator(&self, name: &str, record: Option<&Sealed>) {
        let known = self.own.operator(name).await.ok().flatten();
        match record {
            Some(record) if known.as_ref().is_none_or(|known| known.bytes != record.bytes) => {
                let version = known.map_or(0, |known| known.version);
                let _remembered = self.own.put_operator(name, record.bytes.clone(), version).await;
            }
            None if known.is_some() => {
                let _forgotten = self.own.remove_operator(name).await;
            }
            Some(_) | None => {}
        }
    }
}

impl Ledger for Fallback {
    fn put_events(&self, events: Vec<PastEvent>, keep: Duration, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.ask_for_list(usize::MAX, move |shared| shared.put_events(events, keep, now)))
    }

    fn past_events<'a>(&'a self, filter: &'a EventFilter, most: usize) -> Answer<'a, Events> {
        Box::pin(self.ask_for_list(usize::MAX, move |shared| shared.past_events(filter, most)))
    }

    fn tallies(&self, span: Span, since: Timestamp, now: Timestamp) -> Answer<'_, Vec<Tally>> {
        Box::pin(self.ask_for_list(usize::MAX, move |shared| shared.tallies(span, since, now)))
    }

    fn top_senders(&self, since: Timestamp, most: usize, now: Timestamp) -> Answer<'_, Vec<Sender>> {
        Box::pin(self.ask_for_list(usize::MAX, move |shared| shared.top_senders(since, most, now)))
    }

    fn note_audit(&self, entry: AuditEntry) -> Answer<'_, ()> {
        Box::pin(async move {
            let told = entry.clone();
            if self.ask(|shared| shared.note_audit(told)).await.is_err() {
                self.spool.push_or_refuse(Untold::Audit(Box::new(entry)))?;
            }
            Ok(())
        })
    }

    fn audit<'a>(&'a self, by: Option<&'a str>, before: Option<Mark>, most: usize) -> Answer<'a, Vec<AuditEntry>> {
        Box::pin(self.ask_for_list(usize::MAX, move |shared| shared.audit(by, before, most)))
    }

    fn operators(&self) -> Answer<'_, Vec<(String, Sealed)>> {
        Box::pin(async move {
            match self.ask_for_list(usize::MAX, |shared| shared.operators()).await {
                Ok(all) => Ok(all),
                Err(_) => self.own.operators().await,
            }
        })
    }

    fn operator<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Sealed>> {
        Box::pin(async move {
            let Ok(found) = self.ask(|shared| shared.operator(name)).await else {
                return self.own.operator(name).await;
            };
            self.remember_operator(name, found.as_ref()).await;
            Ok(found)
        })
    }

    fn put_operator<'a>(&'a self, name: &'a str, bytes: Vec<u8>, expected: u64) -> Answer<'a, bool> {
        Box::pin(self.ask(move |shared| shared.put_operator(name, bytes, expected)))
    }

    fn remove_operator<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let removed = self.ask(|shared| shared.remove_operator(name)).await?;
            self.remember_operator(name, None).await;
            Ok(removed)
        })
    }
}
