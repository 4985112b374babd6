//! What operators make of flags.

use std::sync::Arc;

use super::words::{FlagRow, Reply, SessionRow, WholeFlag};
use super::{By, Control, FLAGS_MAX, NotDone, ROWS_MAX, folded, reference, session_hash};
use crate::domain::flag::{FlagFilter, FlagStatus, Note};
use crate::domain::{
    Agent, EventKind, Flag, Lesson, Prefix, Reference, Session, SessionChange, SessionState, Timestamp,
};
use crate::policy::theft;
use crate::store::Away;

impl Control {
    pub(super) async fn flags(
        &self,
        mut filter: FlagFilter,
        account: Option<&str>,
        site: Option<&str>,
        most: usize,
    ) -> Result<Reply, NotDone> {
        let most = most.clamp(1, FLAGS_MAX);
        let mut found = Vec::new();
        for site in self.chosen(site)? {
            filter.account = account.map(|name| folded(&site, name)).transpose()?;
            filter.site = Some(Arc::clone(&site.name));
            // One more than is shown: so it is known whether there are more.
            found.extend(self.store.flags(&filter, most + 1).await?);
        }
        found.sort_by_cached_key(|flag| flag.ranked().place(filter.order));
        let more = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| more).map(|flag| flag.ranked().place(filter.order));
        Ok(Reply::Flags { flags: found.iter().map(FlagRow::of).collect(), more, next })
    }

    pub(super) async fn show_flag(&self, code: &str, now: Timestamp) -> Result<Reply, NotDone> {
        let flag = self.flag(reference(code)?).await?;
        self.shown(&flag, now).await
    }

    pub(super) async fn note_flag(&self, code: &str, note: String, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let code = reference(code)?;
        let note = noted(Some(note), by, now)?;
        let flag = self.store.settle_flag(&code, None, note).await?.ok_or(NotDone::NoSuchFlag(code))?;
        self.shown(&flag, now).await
    }

    async fn shown(&self, flag: &Flag, now: Timestamp) -> Result<Reply, NotDone> {
        let session = self.store.session(&flag.session, now).await?;
        let session = session.map(|session| Box::new(SessionRow::of(&session)));
        Ok(Reply::Flag { flag: Box::new(WholeFlag::of(flag)), session })
    }

    pub(super) async fn flag(&self, code: Reference) -> Result<Flag, NotDone> {
        self.store.flag(&code).await?.ok_or(NotDone::NoSuchFlag(code))
    }

    /// It was the account's owner. The session opens once its sign-in is known to be usual: whatever breaks off in
    /// between, it is not open while the next sign-in would be flagged again.
    pub(super) async fn clear_flag(
        &self,
        code: &str,
        note: Option<String>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let flag = self.flag(reference(code)?).await?;
        let note = noted(note, by, now)?;
        let cleared = self.clear(&flag, note, by, now).await;
        let state = cleared.map_err(|away| NotDone::Halfway {
            what: format!("flag {} is not cleared yet:", flag.code),
            missing: vec![away.what],
        })?;
        Ok(Reply::Cleared {
            code: Some(flag.code.to_string()),
            site: flag.site.to_string(),
            account: flag.account.to_string(),
            state: state.map(|state| state.name().to_owned()),
        })
    }

    async fn clear(
        &self,
        flag: &Flag,
        note: Option<Note>,
        by: &By,
        now: Timestamp,
    ) -> Result<Option<SessionState>, Away> {
        let session = self.store.session(&flag.session, now).await?;
        self.make_usual(flag, session.as_deref(), now).await?;
        let opens = SessionChange::State(SessionState::Open);
        let opened = self.store.change_session(&flag.session, opens, now).await?;
        self.store.settle_flag(&flag.code, Some(FlagStatus::Cleared), note).await?;
        self.record_flag(EventKind::FlagCleared, flag, by, now);
        Ok(opened.map(|session| session.state))
    }

    /// The sign-in teaches its account what it had not taught while it was in doubt, and its browser becomes known.
    async fn make_usual(&self, flag: &Flag, session: Option<&Session>, now: Timestamp) -> Result<(), Away> {
        let (site, account) = (&flag.site, &flag.account);
        let lesson = session.and_then(|session| session.lesson.clone()).unwrap_or_else(|| lesson_of(flag));
        if !self.store.profile(site, account, now).await?.may_have_learned(&lesson) {
            self.store.teach(site, account, lesson, now).await?;
        }
        if let Some(Session { hash, device: Some(device), .. }) = session {
            let since = self.store.know_device(site, account, *device, now).await?;
            self.store.change_session(hash, SessionChange::DeviceKnown(since), now).await?;
        }
        Ok(())
    }

    /// A session may bear the flag of another one of its account; then only its own state changes.
    pub(super) async fn clear_session(&self, hash: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let hash = session_hash(hash)?;
        let session = self.store.session(&hash, now).await?.ok_or(NotDone::NoSuchSession(hash))?;
        let flag = match session.flag {
            Some(code) => self.store.flag(&code).await?.filter(|flag| flag.session == hash),
            None => None,
        };
        if let Some(flag) = flag {
            return self.clear_flag(&flag.code.to_string(), None, by, now).await;
        }
        let opens = SessionChange::State(SessionState::Open);
        let opened = self.store.change_session(&hash, opens, now).await?.ok_or(NotDone::NoSuchSession(hash))?;
        self.record(EventKind::SessionCleared, &session.site, &session.account, Some(hash), by, now);
        Ok(Reply::Cleared {
            code: None,
            site: session.site.to_string(),
            account: session.account.to_string(),
            state: Some(opened.state.name().to_owned()),
        })
    }

    /// It was a theft. All of it is tried, the strictest first, and the flag is confirmed when nothing is missing: so it
    /// can be done again until then, at worst forgetting of the owner's habits what the thief shared with them.
    pub(super) async fn confirm_flag(
        &self,
        code: &str,
        note: Option<String>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let flag = self.flag(reference(code)?).await?;
        let note = noted(note, by, now)?;
        let (site, account) = (&flag.site, &flag.account);
        let mut missing = Vec::new();
        // Before they end: ended ones are not listed.
        let stolen = self.stolen(&flag, now).await;
        let stolen = stolen.unwrap_or_else(|away| {
            missing.push(format!("sign-ins from the same place are not looked for ({})", away.what));
            Vec::new()
        });
        // A lock that stands already keeps its note. It is written again: it may stand in memory only.
        let lock = self.store.locked(site, account).await.ok().flatten();
        let words = lock.map_or_else(|| format!("theft confirmed, flag {}", flag.code), |lock| lock.note);
        let sessions_ended = self.shut_out(site, account, &words, by, now, &mut missing).await;
        let devices_forgotten = self.forget_stolen_devices(&flag, &stolen, by, now, &mut missing).await;
        let mut sign_ins_forgotten = 0;
        if flag.status != FlagStatus::Confirmed {
            self.remember_prefix(&flag, now, &mut missing).await;
            sign_ins_forgotten = self.unteach_stolen(&flag, &stolen, now, &mut missing).await;
        }
        if missing.is_empty()
            && let Err(away) = self.store.settle_flag(&flag.code, Some(FlagStatus::Confirmed), note).await
        {
            missing.push(format!("the flag is not written ({})", away.what));
        }
        if !missing.is_empty() {
            let what =
                format!("{account} is locked and its sessions have ended, but flag {} is still open:", flag.code);
            return Err(NotDone::Halfway { what, missing });
        }
        self.record_flag(EventKind::FlagConfirmed, &flag, by, now);
        Ok(Reply::Confirmed {
            code: flag.code.to_string(),
            site: site.to_string(),
            account: account.to_string(),
            sessions_ended,
            devices_forgotten,
            sign_ins_forgotten,
        })
    }

    /// The flagged session, and those of its account that signed in from the same prefix or with the same device.
    async fn stolen(&self, flag: &Flag, now: Timestamp) -> Result<Vec<Arc<Session>>, Away> {
        let flagged = self.store.session(&flag.session, now).await?;
        let device = flagged.as_ref().and_then(|session| session.device);
        let prefix = Prefix::of(flag.address);
        let mut stolen = self.store.sessions(&flag.site, Some(&flag.account), ROWS_MAX, now).await?;
        stolen.retain(|session| {
            let signed_in_from =
                session.lesson.as_ref().map_or(session.spot.prefix, |lesson| Prefix::of(lesson.address));
            session.hash != flag.session && (signed_in_from == prefix || (device.is_some() && session.device == device))
        });
        stolen.extend(flagged);
        Ok(stolen)
    }

    async fn forget_stolen_devices(
        &self,
        flag: &Flag,
        stolen: &[Arc<Session>],
        by: &By,
        now: Timestamp,
        missing: &mut Vec<String>,
    ) -> usize {
        let mut devices: Vec<[u8; 16]> = stolen.iter().filter_map(|session| session.device).collect();
        devices.sort_unstable();
        devices.dedup();
        let mut forgotten = 0;
        for device in devices {
            match self.store.forget_devices(&flag.site, &flag.account, Some(device)).await {
                Ok(0) => {}
                Ok(known) => {
                    forgotten += known;
                    self.record_forgotten(known, &flag.site, &flag.account, by, now);
                }
                Err(away) => missing.push(format!("that a browser is forgotten is not written ({})", away.what)),
            }
        }
        forgotten
    }

    async fn remember_prefix(&self, flag: &Flag, now: Timestamp, missing: &mut Vec<String>) {
        let charge = theft::charge(&flag.site, Prefix::of(flag.address));
        if let Err(away) = self.store.charge(&[charge], now).await {
            missing.push(format!("where it came from is not remembered ({})", away.what));
        }
    }

    async fn unteach_stolen(
        &self,
        flag: &Flag,
        stolen: &[Arc<Session>],
        now: Timestamp,
        missing: &mut Vec<String>,
    ) -> usize {
        let (flagged, others): (Vec<_>, Vec<_>) = stolen.iter().partition(|session| session.hash == flag.session);
        let flagged = flagged.first().and_then(|session| session.lesson.clone());
        let mut lessons = vec![flagged.unwrap_or_else(|| lesson_of(flag))];
        lessons.extend(others.iter().filter_map(|session| session.lesson.clone()));
        let mut forgotten = 0;
        for lesson in lessons {
            match self.unteach(flag, lesson, now).await {
                Ok(was_learned) => forgotten += usize::from(was_learned),
                Err(away) => missing.push(format!("what its sign-in taught is not forgotten ({})", away.what)),
            }
        }
        forgotten
    }

    /// Says whether it was learned.
    async fn unteach(&self, flag: &Flag, lesson: Lesson, now: Timestamp) -> Result<bool, Away> {
        let profile = self.store.profile(&flag.site, &flag.account, now).await?;
        let was_learned = profile.may_have_learned(&lesson);
        self.store.unteach(&flag.site, &flag.account, lesson, now).await?;
        Ok(was_learned)
    }

    fn record_flag(&self, kind: EventKind, flag: &Flag, by: &By, now: Timestamp) {
        let mut event = self.event(kind, &flag.site, &flag.account, Some(flag.session), by, now);
        event.address = Some(flag.address);
        event.prefix = Some(Prefix::of(flag.address));
        event.network = Some(flag.network);
        event.country = flag.country;
        event.as_number = flag.as_number;
        event.reference = Some(flag.code);
        self.events.record(event);
    }
}

/// What is to be learned from a flag whose session is forgotten: it says as much.
fn lesson_of(flag: &Flag) -> Lesson {
    Lesson {
        time: flag.time,
        address: flag.address,
        country: flag.country,
        as_number: flag.as_number,
        agent: Agent::of(flag.user_agent.as_deref()),
    }
}

fn noted(text: Option<String>, by: &By, now: Timestamp) -> Result<Option<Note>, NotDone> {
    let Some(text) = text else { return Ok(None) };
    if text.chars().count() > Note::TEXT_MAX {
        return Err(NotDone::LongNote(Note::TEXT_MAX));
    }
    Ok(Some(Note { time: now, by: by.name.to_string(), text }))
}
