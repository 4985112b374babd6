//! Each operation, with the shared store and without it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::spool::Untold;
use super::{Fallback, OWN_FROM_HERE, UNTOLD};
use crate::domain::flag::{Activity, FlagFilter, FlagStatus, Note};
use crate::domain::{
    Account, Flag, Lesson, Profile, Reference, Session, SessionChange, SessionHash, SessionState, SiteName, Timestamp,
};
use crate::policy::limits::{Charge, Charged, CounterKey, Over, Receipt, WhenMet};
use crate::policy::window::Entry;
use crate::store::{
    Answer, Away, Cursor, FirstWritten, Kept, KeptKind, KnownDevice, Lock, Page, Raise, Record, Sealed, Store,
};

impl Fallback {
    /// Charges what the shared store let through here as well, unlimited, for the day it is away.
    async fn charge_along(&self, charges: &[Charge], receipt: Receipt, now: Timestamp) -> Receipt {
        let along: Vec<Charge> = charges.iter().map(|charge| counted(charge, charge.key.clone())).collect();
        match self.own.charge(&along, now).await {
            Ok(Charged::Fits(own)) => joined(receipt, own),
            Ok(Charged::Over(_)) | Err(_) => receipt,
        }
    }

    /// Charges the share of each limit, and once more under a name that says what the shared store does not know of.
    async fn charge_alone(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, Away> {
        let share = self.settings.load().share;
        let mut alone = share.of_charges(charges);
        alone.extend(charges.iter().map(|charge| {
            let key = CounterKey(format!("{UNTOLD}{}", charge.key.0));
            counted(charge, key)
        }));
        match self.own.charge(&alone, now).await? {
            Charged::Fits(receipt) => {
                self.charged_alone.store(true, Ordering::Release);
                Ok(Charged::Fits(joined(Receipt::default(), receipt)))
            }
            Charged::Over(over) => Ok(Charged::Over(self.explain(over, charges, now).await?)),
        }
    }

    async fn explain(&self, over: Over, charges: &[Charge], now: Timestamp) -> Result<Over, Away> {
        let share = self.settings.load().share;
        let counted = match share.whole(&over, charges) {
            Some((charge, limit)) if over.when_met == WhenMet::Restrict => {
                self.own.count(&charge.key, limit.window, now).await?
            }
            _ => 0,
        };
        Ok(share.explain(over, charges, counted))
    }

    /// A step that makes nothing looser, taken here. None where the session is not known here.
    async fn change_alone(
        &self,
        hash: &SessionHash,
        change: SessionChange,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, Away> {
        let kept = self.spool.push_or_refuse(Untold::Change { hash: *hash, change: change.clone(), now });
        let changed = match self.own.change_session(hash, change, now).await {
            Ok(changed) => changed,
            // Its disk did not take it; what is stricter holds in its memory all the same.
            Err(_) => self.known_session(hash, now).await,
        };
        kept?;
        changed.map(Some).ok_or_else(|| self.breaker.refusal())
    }
}

/// The same cost, counted for as long as the limits look back, and never refused.
fn counted(charge: &Charge, key: CounterKey) -> Charge {
    let keep = charge.limits.iter().map(|limit| limit.window).fold(charge.keep, Duration::max);
    Charge { key, limits: Vec::new(), keep, ..charge.clone() }
}

fn joined(mut shared: Receipt, own: Receipt) -> Receipt {
    if !own.entries.is_empty() {
        shared.entries.push((CounterKey(OWN_FROM_HERE.to_owned()), Entry::SETTLED));
        shared.entries.extend(own.entries);
    }
    shared
}

/// What the shared store charged, and what this node did.
fn parted(receipt: &Receipt) -> (Receipt, Receipt) {
    let entries = &receipt.entries;
    let at = entries.iter().position(|(key, _)| key.0 == OWN_FROM_HERE).unwrap_or(entries.len());
    let own = entries.get(at + 1..).unwrap_or_default();
    (Receipt { entries: entries[..at].to_vec() }, Receipt { entries: own.to_vec() })
}

/// Whether somebody may do more after it than before.
const fn loosens(change: &SessionChange) -> bool {
    matches!(change, SessionChange::State(SessionState::Open) | SessionChange::DeviceKnown(_))
}

impl Store for Fallback {
    fn charge<'a>(&'a self, charges: &'a [Charge], now: Timestamp) -> Answer<'a, Charged> {
        self.saw(now);
        Box::pin(async move {
            match self.ask(|shared| shared.charge(charges, now)).await {
                Ok(Charged::Fits(receipt)) => Ok(Charged::Fits(self.charge_along(charges, receipt, now).await)),
                Ok(over) => Ok(over),
                Err(_) => self.charge_alone(charges, now).await,
            }
        })
    }

    fn refund<'a>(&'a self, receipt: &'a Receipt, now: Timestamp) -> Answer<'a, ()> {
        self.saw(now);
        Box::pin(async move {
            let (shared_receipt, own) = parted(receipt);
            self.own.refund(&own, now).await?;
            if shared_receipt.entries.is_empty() {
                return Ok(());
            }
            if self.ask(|shared| shared.refund(&shared_receipt, now)).await.is_err() {
                self.spool.push(Untold::Refund { receipt: shared_receipt, now });
            }
            Ok(())
        })
    }

    fn count<'a>(&'a self, key: &'a CounterKey, window: Duration, now: Timestamp) -> Answer<'a, u32> {
        Box::pin(async move {
            match self.ask(|shared| shared.count(key, window, now)).await {
                Ok(count) => Ok(count),
                Err(_) => self.own.count(key, window, now).await,
            }
        })
    }

    fn merge_charges<'a>(
        &'a self,
        charges: &'a [(CounterKey, Duration, Vec<Entry>)],
        now: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(self.ask(move |shared| shared.merge_charges(charges, now)))
    }

    fn forget_counters<'a>(&'a self, keys: &'a [CounterKey], now: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            self.own.forget_counters(keys, now).await?;
            self.ask(|shared| shared.forget_counters(keys, now)).await
        })
    }

    fn session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, Option<Arc<Session>>> {
        self.saw(now);
        Box::pin(async move {
            let known = self.known_session(hash, now).await;
            match self.ask(|shared| shared.session(hash, now)).await {
                Ok(Some(session)) => {
                    // Nothing revives an ended session but a later sign-in: where the shared store has lost the end, it is
                    // known here.
                    if session.state != SessionState::Ended
                        && let Some(ended) = known.filter(|known| known.state == SessionState::Ended)
                        && session.signed_in <= ended.signed_in
                    {
                        return Ok(Some(ended));
                    }
                    self.remember_session(&session, now).await;
                    Ok(Some(session))
                }
                Ok(None) => {
                    self.stale.remove(hash);
                    let Some(known) = known else { return Ok(None) };
                    if self.spool.len() > 0 {
                        // It may not have been told of it yet.
                        return Ok(Some(known));
                    }
                    if known.state == SessionState::Open {
                        let restricted = SessionChange::State(SessionState::Restricted);
                        self.remember(self.own.change_session(hash, restricted, now)).await;
                    }
                    Ok((known.state == SessionState::Ended).then_some(known))
                }
                Err(away) => {
                    // Somebody else changed it, and nobody could be asked how: it is known only if it could do no less.
                    let is_known =
                        |known: &Arc<Session>| known.state != SessionState::Open || !self.stale.contains(hash);
                    known.filter(is_known).map(Some).ok_or(away)
                }
            }
        })
    }

    fn put_session<'a>(&'a self, session: Session, now: Timestamp) -> Answer<'a, ()> {
        self.saw(now);
        Box::pin(async move {
            let asked = session.clone();
            if self.ask(|shared| shared.put_session(asked, now)).await.is_err() {
                let waits = Untold::Session { session: Box::new(session.clone()), now };
                self.spool.push_or_refuse(waits)?;
                return self.own.put_session(session, now).await;
            }
            self.remember(self.own.put_session(session, now)).await;
            Ok(())
        })
    }

    fn touch_session<'a>(&'a self, hash: &'a SessionHash, now: Timestamp) -> Answer<'a, ()> {
        self.saw(now);
        Box::pin(async move {
            self.own.touch_session(hash, now).await?;
            // Lost while the store is away: the session ends a little early at worst.
            let _lost = self.ask(|shared| shared.touch_session(hash, now)).await;
            Ok(())
        })
    }

    fn set_account_sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        state: SessionState,
        except: Option<SessionHash>,
        now: Timestamp,
    ) -> Answer<'a, Vec<SessionHash>> {
        self.saw(now);
        Box::pin(async move {
            match self.ask(|shared| shared.set_account_sessions(site, account, state, except, now)).await {
                Ok(changed) => {
                    self.remember(self.own.set_account_sessions(site, account, state, except, now)).await;
                    Ok(changed)
                }
                Err(away) if state == SessionState::Open => Err(away),
                Err(_) => {
                    let (of_site, of_account) = (Arc::clone(site), account.clone());
                    let waits = Untold::Sessions { site: of_site, account: of_account, state, except, now };
                    let kept = self.spool.push_or_refuse(waits);
                    let changed = self.own.set_account_sessions(site, account, state, except, now).await;
                    kept.and(changed)
                }
            }
        })
    }

    fn sessions<'a>(
        &'a self,
        site: &'a SiteName,
        account: Option<&'a Account>,
        most: usize,
        now: Timestamp,
    ) -> Answer<'a, Vec<Arc<Session>>> {
        self.saw(now);
        Box::pin(async move {
            match self.ask_for_list(most, |shared| shared.sessions(site, account, most, now)).await {
                Ok(sessions) => Ok(sessions),
                Err(_) => self.own.sessions(site, account, most, now).await,
            }
        })
    }

    fn lock(&self, lock: Lock) -> Answer<'_, ()> {
        Box::pin(async move {
            let asked = lock.clone();
            if self.ask(|shared| shared.lock(asked)).await.is_ok() {
                self.remember_lock(lock).await;
                return Ok(());
            }
            let kept = self.spool.push_or_refuse(Untold::Lock(lock.clone()));
            let locked = self.own.lock(lock).await;
            kept.and(locked)
        })
    }

    fn unlock<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, bool> {
        Box::pin(async move {
            let was_locked = self.ask(|shared| shared.unlock(site, account)).await?;
            self.remember(self.own.unlock(site, account)).await;
            Ok(was_locked)
        })
    }

    fn locked<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Lock>> {
        Box::pin(async move {
            let known = self.own.locked(site, account).await?;
            match self.ask(|shared| shared.locked(site, account)).await {
                Ok(Some(lock)) => {
                    if known.is_none() {
                        self.remember_lock(lock.clone()).await;
                    }
                    Ok(Some(lock))
                }
                Ok(None) if known.is_some() && self.spool.len() > 0 => Ok(known),
                Ok(None) => {
                    if known.is_some() {
                        self.remember(self.own.unlock(site, account)).await;
                    }
                    Ok(None)
                }
                Err(away) if known.is_none() && !self.knows_locks() => Err(away),
                Err(_) => Ok(known),
            }
        })
    }

    fn locks<'a>(&'a self, site: &'a SiteName, most: usize) -> Answer<'a, Vec<Lock>> {
        Box::pin(async move {
            match self.ask_for_list(most, |shared| shared.locks(site, most)).await {
                Err(_) if self.knows_locks() => self.own.locks(site, most).await,
                answer => answer,
            }
        })
    }

    fn know_device<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Timestamp> {
        self.saw(now);
        Box::pin(async move {
            match self.ask(|shared| shared.know_device(site, account, device, now)).await {
                Ok(since) => {
                    self.remember_device(site, account, device, since, now).await;
                    Ok(since)
                }
                Err(_) => {
                    self.spool.push(Untold::Know { site: Arc::clone(site), account: account.clone(), device, now });
                    self.own.know_device(site, account, device, now).await
                }
            }
        })
    }

    fn device_since<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Answer<'a, Option<Timestamp>> {
        self.saw(now);
        Box::pin(async move {
            match self.ask(|shared| shared.device_since(site, account, device, now)).await {
                Ok(Some(since)) => {
                    self.remember_device(site, account, device, since, now).await;
                    Ok(Some(since))
                }
                Ok(None) => {
                    if let Ok(Some(_)) = self.own.device_since(site, account, device, now).await {
                        self.remember(self.own.forget_devices(site, account, Some(device))).await;
                    }
                    Ok(None)
                }
                Err(away) => {
                    let known = self.own.device_since(site, account, device, now).await?;
                    known.map(Some).ok_or(away)
                }
            }
        })
    }

    fn devices<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Vec<KnownDevice>> {
        Box::pin(self.ask(move |shared| shared.devices(site, account, now)))
    }

    fn forget_devices<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        device: Option<[u8; 16]>,
    ) -> Answer<'a, usize> {
        Box::pin(async move {
            match self.ask(|shared| shared.forget_devices(site, account, device)).await {
                Ok(forgotten) => {
                    self.remember(self.own.forget_devices(site, account, device)).await;
                    Ok(forgotten)
                }
                Err(_) => {
                    let waits = Untold::Forget { site: Arc::clone(site), account: account.clone(), device };
                    let kept = self.spool.push_or_refuse(waits);
                    let forgotten = self.own.forget_devices(site, account, device).await;
                    kept.and(forgotten)
                }
            }
        })
    }

    fn change_session<'a>(
        &'a self,
        hash: &'a SessionHash,
        change: SessionChange,
        now: Timestamp,
    ) -> Answer<'a, Option<Arc<Session>>> {
        self.saw(now);
        Box::pin(async move {
            let asked = change.clone();
            match self.ask(|shared| shared.change_session(hash, asked, now)).await {
                Ok(Some(session)) => {
                    self.remember_session(&session, now).await;
                    Ok(Some(session))
                }
                Ok(None) => Ok(None),
                Err(away) if loosens(&change) => Err(away),
                Err(_) => self.change_alone(hash, change, now).await,
            }
        })
    }

    fn profile<'a>(&'a self, site: &'a SiteName, account: &'a Account, now: Timestamp) -> Answer<'a, Profile> {
        self.saw(now);
        Box::pin(self.ask(move |shared| shared.profile(site, account, now)))
    }

    fn teach<'a>(&'a self, site: &'a SiteName, account: &'a Account, lesson: Lesson, now: Timestamp) -> Answer<'a, ()> {
        self.saw(now);
        Box::pin(async move {
            let asked = lesson.clone();
            if self.ask(|shared| shared.teach(site, account, asked, now)).await.is_err() {
                self.spool.push(Untold::Teach { site: Arc::clone(site), account: account.clone(), lesson, now });
            }
            Ok(())
        })
    }

    fn unteach<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        lesson: Lesson,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        self.saw(now);
        Box::pin(async move {
            let asked = lesson.clone();
            match self.ask(|shared| shared.unteach(site, account, asked, now)).await {
                Ok(()) => Ok(()),
                Err(_) => {
                    let (site, account) = (Arc::clone(site), account.clone());
                    self.spool.push_or_refuse(Untold::Unteach { site, account, lesson, now })
                }
            }
        })
    }

    fn first_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: &'a [u32],
    ) -> Answer<'a, FirstWritten> {
        Box::pin(self.ask(move |shared| shared.first_written(site, account, recipients)))
    }

    fn note_written<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        recipients: Vec<u32>,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        self.saw(now);
        Box::pin(async move {
            let asked = recipients.clone();
            if self.ask(|shared| shared.note_written(site, account, asked, now)).await.is_err() {
                let (site, account) = (Arc::clone(site), account.clone());
                self.spool.push(Untold::Written { site, account, recipients, now });
            }
            Ok(())
        })
    }

    fn put_flag(&self, flag: Flag) -> Answer<'_, ()> {
        Box::pin(async move {
            let asked = flag.clone();
            if self.ask(|shared| shared.put_flag(asked)).await.is_err() {
                self.spool.push_flag(flag);
            }
            Ok(())
        })
    }

    fn flag<'a>(&'a self, code: &'a Reference) -> Answer<'a, Option<Flag>> {
        Box::pin(async move {
            match self.ask(|shared| shared.flag(code)).await {
                Ok(flag) => Ok(flag),
                Err(away) => self.spool.flag(code).map(Some).ok_or(away),
            }
        })
    }

    fn flags<'a>(&'a self, filter: &'a FlagFilter, most: usize) -> Answer<'a, Vec<Flag>> {
        Box::pin(self.ask_for_list(most, move |shared| shared.flags(filter, most)))
    }

    fn raise_flag<'a>(&'a self, code: &'a Reference, raise: Raise) -> Answer<'a, bool> {
        Box::pin(async move {
            let asked = raise.clone();
            if let Ok(known) = self.ask(|shared| shared.raise_flag(code, asked)).await {
                return Ok(known);
            }
            if self.spool.raise(code, &raise) {
                return Ok(true);
            }
            // Whether there is such a flag only the shared store can say. The one that is raised where there is none is
            // told only if that is so.
            self.spool.push(Untold::Raise { code: *code, raise, otherwise: None });
            Ok(false)
        })
    }

    fn settle_flag<'a>(
        &'a self,
        code: &'a Reference,
        status: Option<FlagStatus>,
        note: Option<Note>,
    ) -> Answer<'a, Option<Flag>> {
        Box::pin(self.ask(move |shared| shared.settle_flag(code, status, note)))
    }

    fn add_to_flag<'a>(&'a self, code: &'a Reference, activity: Activity) -> Answer<'a, ()> {
        Box::pin(async move {
            let asked = activity.clone();
            if self.ask(|shared| shared.add_to_flag(code, asked)).await.is_err() {
                self.spool.push(Untold::Activity { code: *code, activity });
            }
            Ok(())
        })
    }

    fn keep(&self, kept: Kept, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            // So that an operator who is signed in can go on should the shared store go away.
            let for_here = (kept.kind == KeptKind::Desk).then(|| kept.clone());
            self.ask(|shared| shared.keep(kept, now)).await?;
            if let Some(kept) = for_here {
                let _remembered = self.own.keep(kept, now).await;
            }
            Ok(())
        })
    }

    fn kept(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        Box::pin(async move {
            match self.ask(|shared| shared.kept(kind, id, now)).await {
                Err(_) if kind == KeptKind::Desk => self.own.kept(kind, id, now).await,
                found => found,
            }
        })
    }

    fn take(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Answer<'_, Option<Kept>> {
        Box::pin(async move {
            if kind == KeptKind::Desk {
                let _forgotten = self.own.take(kind, id, now).await;
            }
            self.ask(|shared| shared.take(kind, id, now)).await
        })
    }

    fn factors<'a>(&'a self, site: &'a SiteName, account: &'a Account) -> Answer<'a, Option<Sealed>> {
        Box::pin(self.ask(move |shared| shared.factors(site, account)))
    }

    fn put_factors<'a>(
        &'a self,
        site: &'a SiteName,
        account: &'a Account,
        bytes: Vec<u8>,
        expected: u64,
    ) -> Answer<'a, bool> {
        Box::pin(self.ask(move |shared| shared.put_factors(site, account, bytes, expected)))
    }

    fn export(&self, after: Option<Cursor>, most: usize) -> Answer<'_, Page> {
        self.shared.export(after, most)
    }

    fn import(&self, records: Vec<Record>, now: Timestamp) -> Answer<'_, usize> {
        self.shared.import(records, now)
    }

    fn probe(&self, now: Timestamp) -> Answer<'_, ()> {
        self.saw(now);
        Box::pin(self.ask(move |shared| shared.probe(now)))
    }

    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            // What the shared store could not be told is kept here.
            let _away = self.ask(|shared| shared.flush()).await;
            self.own.flush().await
        })
    }
}
