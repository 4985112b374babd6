//! Sessions: stored beside their account, found by their cookie over an index, remembered by each node.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;
use redis::{Cmd, cmd};

use super::cache::Found;
use super::changes::of_session;
use super::keys::{Keys, SHARDS};
use super::link::Lane;
use super::node::{Node, SLACK, Swap, from_json, millis, number, to_json, unreadable};
use super::script::{SESSION_FORGET, SESSION_PUT, SESSION_TOUCH, SESSIONS_SET};
use crate::domain::{Account, Session, SessionChange, SessionHash, SessionState, SiteName, Timestamp};
use crate::store::Away;

/// How finely the last use is kept.
const TOUCH_STEP: Duration = Duration::from_secs(60);

/// Sessions of one account. At the bound the open one that was unused for longest is forgotten; where there are none but
/// restricted and ended ones, another is not taken.
pub const SESSIONS_OF_ACCOUNT_MAX: usize = 1024;

impl Node {
    /// As it is stored now.
    pub(super) async fn read_session(&self, hash: &SessionHash) -> Result<Option<Session>, Away> {
        let Some((site, account)) = self.whose(hash).await? else { return Ok(None) };
        let raw = self.get(Lane::Quick, &self.keys.session(&site, &account, hash)).await?;
        if raw.is_empty() { Ok(None) } else { read(&raw).map(Some) }
    }

    async fn whose(&self, hash: &SessionHash) -> Result<Option<(SiteName, Account)>, Away> {
        let whose: Option<String> = self.link.ask(Lane::Quick, cmd("GET").arg(self.keys.whose(hash))).await?;
        whose.map(|whose| owner(&whose).ok_or_else(unreadable)).transpose()
    }

    /// The same without asking, where it is remembered.
    async fn whose_remembered(&self, hash: &SessionHash) -> Result<Option<(SiteName, Account)>, Away> {
        match self.cache.session(hash) {
            Some(session) => Ok(Some((Arc::clone(&session.site), session.account.clone()))),
            None => self.whose(hash).await,
        }
    }

    /// For all who wait for it.
    pub(super) async fn look_for(&self, hash: SessionHash, now: Timestamp) -> Found {
        let generation = self.cache.generation();
        let read = tokio::time::timeout(self.operation_timeout(), self.read_session(&hash)).await;
        let read = read.unwrap_or_else(|_| Err(self.link.late(self.operation_timeout())));
        let living = |session: Session| (!self.has_expired(&session, now)).then(|| Arc::new(session));
        let found = read.map(|session| session.and_then(living)).map_err(|away| away.what);
        self.cache.land(hash, &found, generation, now);
        found
    }

    pub(super) async fn put_session(&self, session: Session) -> Result<(), Away> {
        let Session { hash, site, account, state, signed_in, last_seen, .. } = &session;
        let lives = self.session_lives();
        // First: a session that is not found may only read, one that is found and not there is not found either.
        let mut index = cmd("SET");
        index.arg(self.keys.whose(hash)).arg(format!("{site}/{account}")).arg("PX").arg(lives).arg("GET");
        let before: Option<String> = self.link.ask(Lane::Quick, &index).await?;
        if let Some((other_site, other)) = before.as_deref().and_then(owner)
            && (other_site != *site || other != *account)
        {
            self.forget_session(&other_site, &other, hash).await?;
        }
        let shard = Keys::shard(site, account);
        let keys = [
            self.keys.session(site, account, hash),
            self.keys.sessions(site, account),
            self.keys.live(shard, site),
            self.keys.lock(site, account),
            self.keys.log(shard),
        ];
        let expired_before = last_seen.before(self.session_idle()).before(TOUCH_STEP + SLACK);
        let arguments = [
            letter(*state).to_owned().into_bytes(),
            number(millis(*signed_in)),
            number(millis(*last_seen)),
            to_json(&session),
            hash.to_string().into_bytes(),
            account.as_str().to_owned().into_bytes(),
            number(lives),
            number(millis(expired_before)),
            number(SESSIONS_OF_ACCOUNT_MAX),
            self.keys.sessions_begin(site, account).into_bytes(),
        ];
        let written: String = self.link.run(Lane::Quick, &SESSION_PUT, &keys, &arguments).await?;
        self.cache.forget(hash);
        if written.is_empty() {
            let what = "the account has too many restricted and ended sessions to take another".into();
            return Err(Away { what });
        }
        Ok(())
    }

    async fn forget_session(&self, site: &SiteName, account: &Account, hash: &SessionHash) -> Result<(), Away> {
        let keys = [
            self.keys.session(site, account, hash),
            self.keys.sessions(site, account),
            self.keys.live(Keys::shard(site, account), site),
        ];
        let arguments = [hash.to_string().into_bytes(), account.as_str().to_owned().into_bytes()];
        let _forgotten: i64 = self.link.run(Lane::Quick, &SESSION_FORGET, &keys, &arguments).await?;
        Ok(())
    }

    pub(super) async fn change_session(
        &self,
        hash: &SessionHash,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, Away> {
        let Some((site, account)) = self.whose_remembered(hash).await? else { return Ok(None) };
        let step = |raw: &[u8]| {
            if raw.is_empty() {
                return (Swap::Leave, Ok(None));
            }
            let mut session = match read(raw) {
                Ok(session) => session,
                Err(away) => return (Swap::Leave, Err(away)),
            };
            if self.has_expired(&session, now) {
                return (Swap::Leave, Ok(None));
            }
            session.change(change, now);
            (Swap::Replace(write(&session)), Ok(Some(Arc::new(session))))
        };
        let told = (self.keys.log(Keys::shard(&site, &account)), of_session(hash));
        let changed = self.swap(&self.keys.session(&site, &account, hash), Some(told), step).await;
        self.cache.forget(hash);
        changed?
    }

    pub(super) async fn set_account_sessions(
        &self,
        site: &SiteName,
        account: &Account,
        state: SessionState,
        except: Option<SessionHash>,
        now: Timestamp,
    ) -> Result<Vec<SessionHash>, Away> {
        let keys = [self.keys.sessions(site, account), self.keys.log(Keys::shard(site, account))];
        let arguments = [
            self.keys.sessions_begin(site, account).into_bytes(),
            letter(state).to_owned().into_bytes(),
            except.map(|hash| hash.to_string()).unwrap_or_default().into_bytes(),
            number(millis(now.before(self.session_idle()).before(TOUCH_STEP))),
        ];
        let changed: Vec<String> = self.link.run(Lane::Quick, &SESSIONS_SET, &keys, &arguments).await?;
        let changed: Vec<SessionHash> = changed.iter().filter_map(|hash| hash.parse().ok()).collect();
        changed.iter().for_each(|hash| self.cache.forget(hash));
        Ok(changed)
    }

    /// Whether a use is worth noting: apart in either direction, because a clock that was set back must not keep a session
    /// for as long as it was ahead.
    pub(super) fn is_touch_due(session: &Session, now: Timestamp) -> bool {
        now.since(session.last_seen).max(session.last_seen.since(now)) >= TOUCH_STEP
    }

    pub(super) async fn touch_session(&self, hash: &SessionHash, now: Timestamp) -> Result<(), Away> {
        let Some((site, account)) = self.whose_remembered(hash).await? else { return Ok(()) };
        let keys = [
            self.keys.session(&site, &account, hash),
            self.keys.sessions(&site, &account),
            self.keys.live(Keys::shard(&site, &account), &site),
        ];
        let arguments = [
            number(millis(now)),
            number(TOUCH_STEP.as_millis()),
            hash.to_string().into_bytes(),
            account.as_str().to_owned().into_bytes(),
            number(self.session_lives()),
        ];
        let mut index = cmd("PEXPIRE");
        index.arg(self.keys.whose(hash)).arg(self.session_lives());
        let noted = self.link.run::<i64>(Lane::Quick, &SESSION_TOUCH, &keys, &arguments);
        try_join(self.link.ask::<i64>(Lane::Quick, &index), noted).await.map(|_| ())
    }

    /// Newest sign-in first.
    pub(super) async fn sessions(
        &self,
        site: &SiteName,
        account: Option<&Account>,
        most: usize,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, Away> {
        let (mut named, lane) = match account {
            Some(account) => (self.named_by_account(site, account).await?, Lane::Quick),
            None => (self.named_by_site(site).await?, Lane::Bulk),
        };
        named.sort_unstable_by(|a, b| b.cmp(a));
        let mut found: Vec<Arc<Session>> = Vec::new();
        for some in named.chunks(most.clamp(16, 1024)) {
            if found.len() >= most {
                break;
            }
            let get = |(_, hash, account): &Named| {
                let mut get = cmd("GET");
                get.arg(self.keys.session(site, account, hash));
                get
            };
            let gets: Vec<Cmd> = some.iter().map(get).collect();
            for raw in self.link.ask_all::<Option<Vec<u8>>>(lane, &gets).await?.into_iter().flatten() {
                let session = read(&raw)?;
                if session.state != SessionState::Ended && !self.has_expired(&session, now) {
                    found.push(Arc::new(session));
                }
            }
        }
        found.sort_unstable_by(|a, b| b.signed_in.cmp(&a.signed_in).then_with(|| a.hash.cmp(&b.hash)));
        found.truncate(most);
        Ok(found)
    }

    /// When they signed in is not known before they are read: all of them are.
    async fn named_by_account(&self, site: &SiteName, account: &Account) -> Result<Vec<Named>, Away> {
        let mut range = cmd("ZRANGE");
        range.arg(self.keys.sessions(site, account)).arg(0).arg(-1);
        let hashes: Vec<String> = self.link.ask(Lane::Quick, &range).await?;
        let mut gets = Vec::with_capacity(hashes.len());
        let hashes: Vec<SessionHash> = hashes.iter().filter_map(|hash| hash.parse().ok()).collect();
        for hash in &hashes {
            let mut get = cmd("GETRANGE");
            get.arg(self.keys.session(site, account, hash)).arg(0).arg(40);
            gets.push(get);
        }
        let heads: Vec<Vec<u8>> = self.link.ask_all(Lane::Quick, &gets).await?;
        let named = |(head, hash): (Vec<u8>, SessionHash)| Some((split(&head)?.1, hash, account.clone()));
        Ok(heads.into_iter().zip(hashes).filter_map(named).collect())
    }

    async fn named_by_site(&self, site: &SiteName) -> Result<Vec<Named>, Away> {
        let range = |shard| {
            let mut range = cmd("ZRANGE");
            range.arg(self.keys.live(shard, site)).arg(0).arg(-1);
            range
        };
        let ranges: Vec<Cmd> = (0..SHARDS).map(range).collect();
        let named = |member: &String| {
            let (signed_in, rest) = member.split_once(':')?;
            let (hash, account) = rest.split_once(':')?;
            let signed_in = Timestamp::from_millis(signed_in.parse().ok()?);
            Some((signed_in, hash.parse().ok()?, Account::from_canonical(account)))
        };
        let members: Vec<Vec<String>> = self.link.ask_all(Lane::Bulk, &ranges).await?;
        Ok(members.iter().flatten().filter_map(named).collect())
    }

    /// Takes in what another store says of a session; says whether that changed anything.
    pub(super) async fn take_in_session(&self, session: Session, now: Timestamp) -> Result<bool, Away> {
        if self.has_expired(&session, now) {
            return Ok(false);
        }
        let Some((site, account)) = self.whose(&session.hash).await? else {
            return self.put_session(session).await.map(|()| true);
        };
        if (&site, &account) != (&session.site, &session.account) {
            // The cookie is somebody else's here.
            return Ok(false);
        }
        let key = self.keys.session(&site, &account, &session.hash);
        let shard = Keys::shard(&site, &account);
        let step = |raw: &[u8]| match read(raw) {
            Ok(before) => {
                let mut merged = before.clone();
                if merged.merge(&session) {
                    (Swap::Replace(write(&merged)), Some((before, merged)))
                } else {
                    (Swap::Leave, None)
                }
            }
            Err(_) => (Swap::Leave, None),
        };
        if self.get(Lane::Quick, &key).await?.is_empty() {
            return self.put_session(session).await.map(|()| true);
        }
        let told = (self.keys.log(shard), of_session(&session.hash));
        let Some((before, merged)) = self.swap(&key, Some(told), step).await? else { return Ok(false) };
        self.cache.forget(&session.hash);
        let member = |session: &Session| format!("{}:{}:{}", millis(session.signed_in), session.hash, session.account);
        let mut forget = cmd("ZREM");
        forget.arg(self.keys.live(shard, &site)).arg(member(&before));
        let mut list = cmd("ZADD");
        list.arg(self.keys.live(shard, &site)).arg(millis(merged.last_seen)).arg(member(&merged));
        let mut note = cmd("ZADD");
        note.arg(self.keys.sessions(&site, &account)).arg(millis(merged.last_seen)).arg(merged.hash.to_string());
        for command in [forget, list, note] {
            self.link.ask::<i64>(Lane::Quick, &command).await?;
        }
        Ok(true)
    }

    pub(super) fn has_expired(&self, session: &Session, now: Timestamp) -> bool {
        // The last use may have been up to a step later than was noted.
        now.since(session.last_seen) >= self.session_idle().saturating_add(TOUCH_STEP)
    }

    /// Milliseconds after the last use at which a session's keys go.
    fn session_lives(&self) -> u64 {
        super::node::whole_millis(self.session_idle().saturating_add(TOUCH_STEP + SLACK))
    }
}

/// When somebody signed in, with which cookie, who.
type Named = (Timestamp, SessionHash, Account);

/// Reads the index by cookie.
fn owner(whose: &str) -> Option<(SiteName, Account)> {
    let (site, account) = whose.split_once('/')?;
    Some((site.into(), Account::from_canonical(account)))
}

const fn letter(state: SessionState) -> &'static str {
    match state {
        SessionState::Open => "o",
        SessionState::Restricted => "r",
        SessionState::Challenged => "c",
        SessionState::Ended => "e",
    }
}

/// What scripts read stands before the JSON: state, sign-in and last use. There the JSON says nothing.
pub(super) fn write(session: &Session) -> Vec<u8> {
    let Session { state, signed_in, last_seen, .. } = session;
    let mut raw = format!("{}|{}|{}|", letter(*state), millis(*signed_in), millis(*last_seen)).into_bytes();
    raw.extend(to_json(session));
    raw
}

fn split(raw: &[u8]) -> Option<(SessionState, Timestamp, Timestamp, &[u8])> {
    let mut parts = raw.splitn(4, |byte| *byte == b'|');
    let state = match parts.next()? {
        b"o" => SessionState::Open,
        b"r" => SessionState::Restricted,
        b"c" => SessionState::Challenged,
        b"e" => SessionState::Ended,
        _ => return None,
    };
    let mut time = || Some(Timestamp::from_millis(std::str::from_utf8(parts.next()?).ok()?.parse().ok()?));
    let (signed_in, last_seen) = (time()?, time()?);
    Some((state, signed_in, last_seen, parts.next()?))
}

/// A session as it is stored.
pub(super) fn read(raw: &[u8]) -> Result<Session, Away> {
    let (state, signed_in, last_seen, json) = split(raw).ok_or_else(unreadable)?;
    Ok(Session { state, signed_in, last_seen, ..from_json(json)? })
}
