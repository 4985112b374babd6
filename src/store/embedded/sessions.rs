//! Sessions in memory, and the changes to them that must be durable.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::Memory;
use super::rows::{
    account, json, millis, optional_hex, optional_json, optional_time, session_hash, text, time, to_hex, to_json,
    unreadable, word,
};
use super::writer::Change;
use crate::domain::{Account, Session, SessionChange, SessionHash, SessionState, Signal, SiteName, Timestamp};
use crate::store::Away;

/// All sessions of a node.
///
/// At most [`Sessions::MAX`]. At the bound, open sessions that were unused for longest are forgotten: whoever comes back
/// to one is asked to sign in again. Restricted and ended ones are never forgotten before their time; where there are
/// nothing but those, a new session is not taken.
pub struct Sessions {
    shards: Box<[RwLock<Shard>]>,
    idle_millis: AtomicU64,
}

#[derive(Default)]
struct Shard {
    sessions: HashMap<SessionHash, Arc<Session>>,
    touched: HashSet<SessionHash>,
    forgotten: HashSet<SessionHash>,
}

/// What is to be written about sessions, lazily.
#[derive(Default)]
pub(super) struct UnwrittenSessions {
    /// Last seen anew.
    pub(super) touched: Vec<(SessionHash, Timestamp)>,
    /// To be deleted.
    pub(super) forgotten: Vec<SessionHash>,
}

impl Sessions {
    /// Sessions remembered at once; some 500 MB of memory.
    pub const MAX: usize = 1 << 20;

    /// How finely the last use is kept.
    const TOUCH_STEP: Duration = Duration::from_secs(60);

    const SHARDS: usize = 64;
    const SHARD_MAX: usize = Self::MAX / Self::SHARDS;

    pub(super) fn new(idle: Duration) -> Self {
        let sessions =
            Self { shards: (0..Self::SHARDS).map(|_| RwLock::default()).collect(), idle_millis: AtomicU64::new(0) };
        sessions.set_idle(idle);
        sessions
    }

    pub(super) fn set_idle(&self, idle: Duration) {
        self.idle_millis.store(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_millis.load(Ordering::Relaxed))
    }

    pub(super) fn get(&self, hash: &SessionHash, now: Timestamp) -> Option<Arc<Session>> {
        let shard = self.shard(hash).read();
        shard.sessions.get(hash).filter(|session| !self.has_expired(session, now)).cloned()
    }

    pub(super) fn touch(&self, hash: &SessionHash, now: Timestamp) {
        let is_due = |session: &Arc<Session>| {
            // Apart in either direction: a clock that was set back must not keep a session for as long as it was ahead.
            let apart = now.since(session.last_seen).max(session.last_seen.since(now));
            apart >= Self::TOUCH_STEP && !self.has_expired(session, now)
        };
        if !self.shard(hash).read().sessions.get(hash).is_some_and(is_due) {
            return;
        }
        let mut shard = self.shard(hash).write();
        if let Some(session) = shard.sessions.get_mut(hash) {
            Arc::make_mut(session).last_seen = now;
            shard.touched.insert(*hash);
        }
    }

    /// Newest sign-in first.
    pub(super) fn list(
        &self,
        site: &SiteName,
        account: Option<&Account>,
        most: usize,
        now: Timestamp,
    ) -> Vec<Arc<Session>> {
        let mut found: Vec<Arc<Session>> = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let wanted = |session: &&Arc<Session>| {
                session.site == *site
                    && account.is_none_or(|account| session.account == *account)
                    && session.state != SessionState::Ended
                    && !self.has_expired(session, now)
            };
            found.extend(shard.sessions.values().filter(wanted).cloned());
        }
        found.sort_unstable_by(|a, b| b.signed_in.cmp(&a.signed_in).then_with(|| a.hash.cmp(&b.hash)));
        found.truncate(most);
        found
    }

    /// Puts back what was stored.
    pub(super) fn restore(&self, session: Session) {
        self.shard(&session.hash).write().sessions.insert(session.hash, Arc::new(session));
    }

    pub(super) fn collect_rubbish(&self, now: Timestamp) {
        for shard in &self.shards {
            let mut shard = shard.write();
            let expired: Vec<SessionHash> =
                shard.sessions.values().filter(|session| self.has_expired(session, now)).map(|s| s.hash).collect();
            shard.forget(expired);
        }
    }

    pub(super) fn take_unwritten(&self) -> UnwrittenSessions {
        let mut unwritten = UnwrittenSessions::default();
        for shard in &self.shards {
            let mut shard = shard.write();
            let touched = std::mem::take(&mut shard.touched);
            let last_seen = |hash: SessionHash| Some((hash, shard.sessions.get(&hash)?.last_seen));
            unwritten.touched.extend(touched.into_iter().filter_map(last_seen));
            unwritten.forgotten.extend(std::mem::take(&mut shard.forgotten));
        }
        unwritten
    }

    pub(super) fn still_unwritten(&self, unwritten: UnwrittenSessions) {
        for (hash, _) in unwritten.touched {
            self.shard(&hash).write().touched.insert(hash);
        }
        for hash in unwritten.forgotten {
            let mut shard = self.shard(&hash).write();
            if !shard.sessions.contains_key(&hash) {
                shard.forgotten.insert(hash);
            }
        }
    }

    fn put(&self, session: Session, now: Timestamp) -> Result<(), Away> {
        let mut shard = self.shard(&session.hash).write();
        if let Some(known) = shard.sessions.get(&session.hash)
            && known.state == SessionState::Ended
            && session.signed_in <= known.signed_in
        {
            return Ok(());
        }
        if shard.sessions.len() >= Self::SHARD_MAX && !shard.sessions.contains_key(&session.hash) {
            self.make_room(&mut shard, now);
            if shard.sessions.len() >= Self::SHARD_MAX {
                shard.forgotten.insert(session.hash);
                return Err(Away { what: "there are too many restricted and ended sessions to take another".into() });
            }
        }
        shard.forgotten.remove(&session.hash);
        shard.sessions.insert(session.hash, Arc::new(session));
        Ok(())
    }

    /// Forgets what has expired, and if that is not enough a sixteenth of the open ones, so that this is rarely needed.
    fn make_room(&self, shard: &mut Shard, now: Timestamp) {
        let expired =
            shard.sessions.values().filter(|session| self.has_expired(session, now)).map(|s| s.hash).collect();
        shard.forget(expired);
        if shard.sessions.len() < Self::SHARD_MAX {
            return;
        }
        let mut open: Vec<(Timestamp, SessionHash)> = shard
            .sessions
            .values()
            .filter(|session| session.state == SessionState::Open)
            .map(|session| (session.last_seen, session.hash))
            .collect();
        open.sort_unstable();
        open.truncate(Self::SHARD_MAX / 16);
        shard.forget(open.into_iter().map(|(_, hash)| hash).collect());
    }

    /// Takes in a session as it was written from another store's.
    pub(super) fn take_in(&self, session: Session, now: Timestamp) -> Result<(), Away> {
        {
            let mut shard = self.shard(&session.hash).write();
            if let Some(known) = shard.sessions.get_mut(&session.hash) {
                Arc::make_mut(known).merge(&session);
                return Ok(());
            }
        }
        self.put(session, now)
    }

    fn change(&self, step: &Step) -> Option<Arc<Session>> {
        let mut shard = self.shard(&step.hash).write();
        let session = shard.sessions.get_mut(&step.hash).filter(|session| !self.has_expired(session, step.now))?;
        Arc::make_mut(session).change(&step.change, step.now);
        Some(Arc::clone(session))
    }

    pub(super) fn set_account(&self, change: &SetAccount) -> Vec<SessionHash> {
        let mut changed = Vec::new();
        for shard in &self.shards {
            for session in shard.write().sessions.values_mut().filter(|session| change.concerns(session)) {
                Arc::make_mut(session).state = change.state;
                if !self.has_expired(session, change.now) {
                    changed.push(session.hash);
                }
            }
        }
        changed
    }

    fn has_expired(&self, session: &Session, now: Timestamp) -> bool {
        // The last use may have been up to a step later than was noted.
        now.since(session.last_seen) >= self.idle().saturating_add(Self::TOUCH_STEP)
    }

    fn shard(&self, hash: &SessionHash) -> &RwLock<Shard> {
        // A keyed hash is spread evenly, and nobody can aim at a shard.
        &self.shards[usize::from(hash.0[0]) % Self::SHARDS]
    }
}

impl Shard {
    fn forget(&mut self, hashes: Vec<SessionHash>) {
        for hash in hashes {
            self.sessions.remove(&hash);
            self.touched.remove(&hash);
            self.forgotten.insert(hash);
        }
    }
}

/// [`crate::store::Store::put_session`].
pub(super) struct Put {
    pub(super) session: Session,
    pub(super) now: Timestamp,
}

impl Change for Put {
    type Done = ();

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        // The same rule as in memory: an ended session stays ended.
        let unless = " WHERE sessions.state <> 'ended' OR excluded.signed_in > sessions.signed_in";
        write(database, &self.session, unless)
    }

    fn apply(mut self, memory: &Memory) -> Result<(), Away> {
        if memory.locks.get(&self.session.site, &self.session.account).is_some() {
            self.session.state = SessionState::Ended;
        }
        memory.sessions.put(self.session, self.now)
    }
}

/// Writes a session in the place of the one that is there, whatever that is. One of a locked account is ended.
pub(super) fn overwrite(database: &Connection, session: &Session) -> rusqlite::Result<()> {
    write(database, session, "")
}

/// Writes a session; in the place of one that is there only under the condition. The same rule as in memory: a locked
/// account's session is ended.
fn write(database: &Connection, session: &Session, condition: &str) -> rusqlite::Result<()> {
    let Session { hash, site, account, state, signed_in, last_seen, .. } = session;
    let Session { spot, elsewhere, device, device_since, user_agent, flag, lesson, found, .. } = session;
    database
        .prepare_cached(&format!(
            "INSERT INTO sessions (hash, site, account, state, signed_in, last_seen,
                 spot, elsewhere, device, device_since, user_agent, flag, lesson, found)
             VALUES (?1, ?2, ?3,
                     CASE WHEN EXISTS (SELECT 1 FROM locks WHERE site = ?2 AND account = ?3) THEN 'ended' ELSE ?4 END,
                     ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (hash) DO UPDATE SET site = excluded.site, account = excluded.account,
                 state = excluded.state, signed_in = excluded.signed_in, last_seen = excluded.last_seen,
                 spot = excluded.spot, elsewhere = excluded.elsewhere, device = excluded.device,
                 device_since = excluded.device_since, user_agent = excluded.user_agent, flag = excluded.flag,
                 lesson = excluded.lesson, found = excluded.found{condition}"
        ))?
        .execute(params![
            hash.to_string(),
            &**site,
            account.as_str(),
            state.name(),
            millis(*signed_in),
            millis(*last_seen),
            to_json(spot),
            elsewhere.as_ref().map(to_json),
            device.map(to_hex),
            device_since.map(millis),
            user_agent.as_deref(),
            flag.map(|flag| flag.to_string()),
            lesson.as_ref().map(to_json),
            found_written(found),
        ])?;
    Ok(())
}

/// [`crate::store::Store::change_session`].
pub(super) struct Step {
    pub(super) hash: SessionHash,
    pub(super) change: SessionChange,
    pub(super) now: Timestamp,
}

impl Step {
    /// Whether no session may do more after it than before.
    const fn is_stricter(&self) -> bool {
        match &self.change {
            SessionChange::Flagged(_, state) => !matches!(state, SessionState::Open),
            // Restricting loosens what was challenged.
            SessionChange::State(state) => matches!(state, SessionState::Ended),
            SessionChange::Found(_) => true,
            SessionChange::Judged(_) | SessionChange::Elsewhere(_) | SessionChange::DeviceKnown(_) => false,
        }
    }
}

impl Change for Step {
    type Done = Option<Arc<Session>>;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let mut find = database.prepare_cached(&select(" WHERE hash = ?1"))?;
        let Some(mut changed) = find.query_row([self.hash.to_string()], |row| session(row, 0)).optional()? else {
            return Ok(());
        };
        changed.change(&self.change, self.now);
        database
            .prepare_cached(
                "UPDATE sessions SET state = ?2, spot = ?3, elsewhere = ?4, device_since = ?5, flag = ?6,
                 found = ?7 WHERE hash = ?1",
            )?
            .execute(params![
                self.hash.to_string(),
                changed.state.name(),
                to_json(&changed.spot),
                changed.elsewhere.as_ref().map(to_json),
                changed.device_since.map(millis),
                changed.flag.map(|flag| flag.to_string()),
                found_written(&changed.found),
            ])?;
        Ok(())
    }

    fn apply(self, memory: &Memory) -> Result<Option<Arc<Session>>, Away> {
        Ok(memory.sessions.change(&self))
    }

    fn apply_unwritten(self, memory: &Memory) {
        if self.is_stricter() {
            memory.sessions.change(&self);
        }
    }
}

/// [`crate::store::Store::set_account_sessions`].
pub(super) struct SetAccount {
    pub(super) site: SiteName,
    pub(super) account: Account,
    pub(super) state: SessionState,
    pub(super) except: Option<SessionHash>,
    pub(super) now: Timestamp,
}

impl SetAccount {
    fn concerns(&self, session: &Session) -> bool {
        session.site == self.site
            && session.account == self.account
            && session.state != self.state
            && session.state != SessionState::Ended
            && Some(session.hash) != self.except
    }
}

impl Change for SetAccount {
    type Done = Vec<SessionHash>;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        database
            .prepare_cached(
                "UPDATE sessions SET state = ?1
                 WHERE site = ?2 AND account = ?3 AND state <> 'ended' AND hash IS NOT ?4",
            )?
            .execute(params![
                self.state.name(),
                &*self.site,
                self.account.as_str(),
                self.except.map(|hash| hash.to_string())
            ])?;
        Ok(())
    }

    fn apply(self, memory: &Memory) -> Result<Vec<SessionHash>, Away> {
        Ok(memory.sessions.set_account(&self))
    }

    fn apply_unwritten(self, memory: &Memory) {
        if self.state != SessionState::Open {
            memory.sessions.set_account(&self);
        }
    }
}

/// What [`session`] reads, in this order.
pub(super) const COLUMNS: &str = "hash, site, account, state, signed_in, last_seen, spot, elsewhere, device, \
                                  device_since, user_agent, flag, lesson, found";

/// The statement whose rows [`session`] reads.
pub(super) fn select(narrowed: &str) -> String {
    format!("SELECT {COLUMNS} FROM sessions{narrowed}")
}

/// A row's session; its [`COLUMNS`] begin with column `first`.
pub(super) fn session(row: &Row<'_>, first: usize) -> rusqlite::Result<Session> {
    let flag: Option<String> = row.get(first + 11)?;
    Ok(Session {
        hash: session_hash(row, first)?,
        site: text(row, first + 1)?,
        account: account(row, first + 2)?,
        state: word(row, first + 3, SessionState::from_name)?,
        signed_in: time(row, first + 4)?,
        last_seen: time(row, first + 5)?,
        spot: json(row, first + 6)?,
        elsewhere: optional_json(row, first + 7)?,
        device: optional_hex(row, first + 8)?,
        device_since: optional_time(row, first + 9)?,
        user_agent: row.get::<_, Option<String>>(first + 10)?.map(Into::into),
        flag: flag.map(|code| code.parse().map_err(|_| unreadable(first + 11))).transpose()?,
        lesson: optional_json(row, first + 12)?,
        found: optional_json(row, first + 13)?.unwrap_or_default(),
    })
}

/// Of nearly all sessions there is nothing.
fn found_written(found: &[Signal]) -> Option<String> {
    (!found.is_empty()).then(|| to_json(&found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Agent, NetworkClass, Prefix, Spot};

    const IDLE: Duration = Duration::from_secs(3600);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    /// All in one shard.
    fn session(number: u64, state: SessionState, seen: Timestamp) -> Session {
        let mut hash = [0; 16];
        hash[8..].copy_from_slice(&number.to_be_bytes());
        Session {
            hash: SessionHash(hash),
            site: "webmail.example.edu".into(),
            account: Account::from_canonical("alice"),
            state,
            signed_in: seen,
            last_seen: seen,
            spot: Spot {
                prefix: Prefix::V6(1),
                network: NetworkClass::Outside,
                country: None,
                as_number: None,
                agent: Agent::of(None),
            },
            elsewhere: None,
            device: None,
            device_since: None,
            user_agent: None,
            flag: None,
            lesson: None,
            found: Vec::new(),
        }
    }

    #[test]
    fn at_the_bound_the_open_session_unused_for_longest_goes_and_a_stricter_one_stays() {
        let sessions = Sessions::new(IDLE);
        let strict = session(0, SessionState::Restricted, at(0));
        let ended = session(1, SessionState::Ended, at(0));
        let (oldest, newest) = (session(2, SessionState::Open, at(1)), session(3, SessionState::Open, at(900)));
        for session in [&strict, &ended, &oldest, &newest] {
            sessions.put(session.clone(), at(900)).expect("there is room");
        }
        for number in 4..Sessions::SHARD_MAX as u64 + 1 {
            sessions.put(session(number, SessionState::Open, at(800)), at(900)).expect("room is made");
        }
        assert!(sessions.shards[0].read().sessions.len() <= Sessions::SHARD_MAX);
        for kept in [&strict, &ended, &newest] {
            assert!(sessions.get(&kept.hash, at(900)).is_some(), "{kept:?}");
        }
        assert!(sessions.get(&oldest.hash, at(900)).is_none());
        assert!(sessions.take_unwritten().forgotten.contains(&oldest.hash));
    }

    #[test]
    fn where_all_are_restricted_a_new_one_is_not_taken_until_some_expire() {
        let sessions = Sessions::new(IDLE);
        for number in 0..Sessions::SHARD_MAX as u64 {
            sessions.put(session(number, SessionState::Restricted, at(0)), at(0)).expect("there is room");
        }
        let late = session(u64::MAX, SessionState::Open, at(1));
        assert!(sessions.put(late.clone(), at(1)).is_err());
        assert!(sessions.put(late, at(3660)).is_ok());
    }

    #[test]
    fn use_is_noted_to_the_minute_and_a_clock_set_back_keeps_nothing_for_ever() {
        let sessions = Sessions::new(IDLE);
        let one = session(0, SessionState::Open, at(1000));
        sessions.put(one.clone(), at(1000)).expect("there is room");
        let seen_after = |now| {
            sessions.touch(&one.hash, now);
            sessions.get(&one.hash, now).expect("it has not expired").last_seen
        };
        assert_eq!(seen_after(at(1059)), at(1000));
        assert_eq!(seen_after(at(1060)), at(1060));
        assert_eq!(seen_after(at(500)), at(500));
        assert!(sessions.get(&one.hash, at(500 + 3659)).is_some());
        assert!(sessions.get(&one.hash, at(500 + 3660)).is_none());
    }
}
