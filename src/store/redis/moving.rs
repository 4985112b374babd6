//! Everything the servers hold, read page by page, and what another store holds, taken in.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, Value, cmd};

use super::accounts::{correspondents, devices_of};
use super::keys::Holds;
use super::ledger::operators_of;
use super::link::Lane;
use super::marks::marks_of;
use super::node::{Node, from_json, unreadable, whole_millis};
use super::{counters, sessions};
use crate::domain::{AuditEntry, Mark, SessionState, Timestamp};
use crate::store::record::PAGE_BYTES_MAX;
use crate::store::{Away, Cursor, KeptKind, Page, Record, Sealed};

/// Past events are taken in however old they are; the gateway forgets those that are too old.
const EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Keys that are asked for at once.
const KEYS_AT_ONCE: usize = 1000;

/// Where a page begins: within the keys of a master, by its address and `SCAN`'s own cursor, or among what is kept, what
/// operators did, or past events.
enum Place {
    Keys {
        master: String,
        cursor: u64,
    },
    Kept {
        kind: KeptKind,
        from: usize,
    },
    /// Newest first: none for the newest.
    Audit(Option<Mark>),
    Events(Option<Mark>),
}

impl Place {
    fn of(cursor: &Cursor) -> Option<Self> {
        if let Some((what @ ("audit" | "events"), mark)) = cursor.0.split_once(' ') {
            let mark = if mark.is_empty() { None } else { Some(mark.parse().ok()?) };
            return Some(if what == "audit" { Self::Audit(mark) } else { Self::Events(mark) });
        }
        let mut words = cursor.0.split(' ');
        let (what, which, number) = (words.next()?, words.next()?, words.next()?);
        Some(match what {
            "keys" => Self::Keys { master: which.to_owned(), cursor: number.parse().ok()? },
            "kept" => Self::Kept { kind: KeptKind::from_name(which)?, from: number.parse().ok()? },
            _ => return None,
        })
    }

    fn cursor(&self) -> Cursor {
        Cursor(match self {
            Self::Keys { master, cursor } => format!("keys {master} {cursor}"),
            Self::Kept { kind, from } => format!("kept {} {from}", kind.name()),
            Self::Audit(mark) => format!("audit {}", mark.map(|mark| mark.to_string()).unwrap_or_default()),
            Self::Events(mark) => format!("events {}", mark.map(|mark| mark.to_string()).unwrap_or_default()),
        })
    }
}

impl Node {
    pub(super) async fn export(&self, after: Option<Cursor>, most: usize) -> Result<Page, Away> {
        let place = match &after {
            Some(cursor) => Place::of(cursor).ok_or_else(unreadable)?,
            None => Place::Keys { master: String::new(), cursor: 0 },
        };
        match place {
            Place::Keys { master, cursor } => self.export_keys(&master, cursor, most).await,
            Place::Kept { kind, from } => self.export_kept(kind, from, most).await,
            Place::Audit(before) => {
                let entries = self.audit(None, before, most).await?;
                let last = entries.last().map(AuditEntry::mark).filter(|_| entries.len() == most);
                let next = last.map_or(Place::Events(None), |mark| Place::Audit(Some(mark))).cursor();
                let records = entries.into_iter().map(|entry| Record::Audit(Box::new(entry))).collect();
                Ok(Page { records, next: Some(next) })
            }
            Place::Events(before) => {
                let found = self.some_events(before, most).await?;
                let next = found.next.map(|mark| Place::Events(Some(mark)).cursor());
                Ok(Page { records: found.events.into_iter().map(Record::Event).collect(), next })
            }
        }
    }

    /// The masters in the order of their names; one that went away meanwhile is passed over.
    async fn export_keys(&self, from: &str, cursor: u64, most: usize) -> Result<Page, Away> {
        let named = |master: &Option<(String, u16)>| {
            master.as_ref().map_or_else(|| "-".to_owned(), |(host, port)| format!("{host}:{port}"))
        };
        let mut masters: Vec<_> =
            self.link.masters().await?.into_iter().map(|master| (named(&master), master)).collect();
        masters.sort_unstable();
        let kept = Place::Kept { kind: KeptKind::ALL[0], from: 0 }.cursor();
        let Some(which) = masters.iter().position(|(name, _)| name.as_str() >= from) else {
            return Ok(Page { records: Vec::new(), next: Some(kept) });
        };
        let (name, master) = &masters[which];
        let cursor = if name == from { cursor } else { 0 };
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.keys.pattern(""));
        scan.arg("COUNT").arg(most.clamp(1, KEYS_AT_ONCE));
        let (cursor, keys): (u64, Vec<String>) = self.link.ask_master(master.as_ref(), &scan).await?;
        let next = match (cursor, masters.get(which + 1)) {
            (0, None) => kept,
            (0, Some((next, _))) => Place::Keys { master: next.clone(), cursor: 0 }.cursor(),
            (cursor, _) => Place::Keys { master: name.clone(), cursor }.cursor(),
        };
        let held = keys.into_iter().filter_map(|key| Some((self.keys.holds(&key)?, key)));
        // What is kept may be large, and has its turn afterwards.
        let held: Vec<(Holds, String)> = held.filter(|(holds, _)| !matches!(holds, Holds::Kept(..))).collect();
        let asked: Vec<Cmd> = held.iter().map(|(holds, key)| asks(holds, key)).collect();
        let values: Vec<Value> = self.link.ask_all(Lane::Bulk, &asked).await?;
        let mut records = Vec::new();
        for ((holds, _), value) in held.into_iter().zip(values) {
            // What went away since it was named is left out, and so is what somebody else wrote.
            records.extend(read(holds, value).unwrap_or_default());
        }
        Ok(Page { records, next: Some(next) })
    }

    async fn export_kept(&self, kind: KeptKind, from: usize, most: usize) -> Result<Page, Away> {
        let (ids, has_more) = self.names_of_kept(kind, from).await?;
        let (mut records, mut bytes, mut seen) = (Vec::new(), 0, 0);
        for id in &ids {
            if records.len() >= most.max(1) || bytes >= PAGE_BYTES_MAX {
                break;
            }
            seen += 1;
            if let Some(kept) = self.kept(kind, *id, Timestamp::from_millis(0)).await? {
                bytes += kept.sealed.len();
                records.push(Record::Kept(kept));
            }
        }
        let following = KeptKind::ALL.into_iter().skip_while(|other| *other != kind).nth(1);
        let next = match following {
            _ if has_more || seen < ids.len() => Some(Place::Kept { kind, from: from + seen }),
            Some(kind) => Some(Place::Kept { kind, from: 0 }),
            None => Some(Place::Audit(None)),
        };
        Ok(Page { records, next: next.map(|place| place.cursor()) })
    }

    pub(super) async fn import(self: &Arc<Self>, records: Vec<Record>, now: Timestamp) -> Result<usize, Away> {
        let mut changed = 0;
        for record in records {
            changed += usize::from(self.take_in(record, now).await?);
        }
        Ok(changed)
    }

    async fn take_in(&self, record: Record, now: Timestamp) -> Result<bool, Away> {
        match record {
            Record::Session(session) => self.take_in_session(*session, now).await,
            Record::Lock(lock) => {
                let is_new = self.take_in_lock(&lock).await?;
                if is_new {
                    let ended = SessionState::Ended;
                    let _changed = self.set_account_sessions(&lock.site, &lock.account, ended, None, now).await?;
                }
                Ok(is_new)
            }
            Record::Device { site, account, device } => self.take_in_device(&site, &account, &device, now).await,
            Record::Profile { site, account, profile } => self.take_in_profile(&site, &account, &profile, now).await,
            Record::Correspondents { site, account, last, recipients } => {
                self.take_in_correspondents(&site, &account, last, &recipients).await
            }
            Record::Flag(flag) => self.take_in_flag(&flag).await,
            Record::Counter { key, keep, entries } => {
                self.add_missing(&key, &entries, Duration::from_millis(keep), now).await
            }
            Record::Kept(kept) if kept.until < now || kept.sealed.len() > kept.kind.bytes_max() => Ok(false),
            Record::Kept(kept) => self.keep(&kept, true, now).await,
            Record::Factors { site, account, factors: Sealed { version, bytes } } => {
                self.put_factors(&site, &account, bytes, 0, version.max(1)).await
            }
            Record::Mark(mark) => Ok(mark.holds(now) && self.mark_prefix(&mark, true, now).await?),
            Record::Event(event) => Ok(self.put_events(&[event], EVER, now).await? > 0),
            Record::Audit(entry) => self.note_audit(&entry).await,
            Record::Operator { name, operator: Sealed { version, bytes } } => {
                self.put_operator(&name, bytes, 0, version.max(1)).await
            }
        }
    }
}

fn asks(holds: &Holds, key: &str) -> Cmd {
    let mut ask = match holds {
        Holds::Devices { .. } | Holds::Operators | Holds::Marks => cmd("HGETALL"),
        Holds::Factors { .. } => cmd("HMGET"),
        _ => cmd("GET"),
    };
    ask.arg(key);
    if let Holds::Factors { .. } = holds {
        ask.arg("version").arg("sealed");
    }
    ask
}

/// The records that stand under a key; none where they make no sense.
fn read(holds: Holds, value: Value) -> Option<Vec<Record>> {
    let raw = |value| Vec::<u8>::from_redis_value(value).ok().filter(|raw| !raw.is_empty());
    Some(vec![match holds {
        Holds::Session { .. } => Record::Session(Box::new(sessions::read(&raw(value)?).ok()?)),
        Holds::Lock => Record::Lock(from_json(&raw(value)?).ok()?),
        Holds::Devices { site, account } => {
            let devices = devices_of(FromRedisValue::from_redis_value(value).ok()?);
            let record = |device| Record::Device { site: Arc::clone(&site), account: account.clone(), device };
            return Some(devices.into_iter().map(record).collect());
        }
        Holds::Profile { site, account } => {
            Record::Profile { site, account, profile: Box::new(from_json(&raw(value)?).ok()?) }
        }
        Holds::Correspondents { site, account } => {
            let (last, recipients) = correspondents(&raw(value)?);
            Record::Correspondents { site, account, last, recipients }
        }
        Holds::Flag => Record::Flag(Box::new(from_json(&raw(value)?).ok()?)),
        Holds::Counter(key) => {
            let window = counters::read(&raw(value)?);
            Record::Counter { key, keep: whole_millis(window.keep()), entries: window.entries().to_vec() }
        }
        Holds::Operators => {
            let all = operators_of(FromRedisValue::from_redis_value(value).ok()?);
            return Some(all.into_iter().map(|(name, operator)| Record::Operator { name, operator }).collect());
        }
        Holds::Marks => {
            let all = marks_of(FromRedisValue::from_redis_value(value).ok()?);
            return Some(all.into_iter().map(Record::Mark).collect());
        }
        Holds::Kept(..) => return None,
        Holds::Factors { site, account } => {
            let (version, bytes): (u64, Vec<u8>) = FromRedisValue::from_redis_value(value).ok()?;
            Record::Factors { site, account, factors: Sealed { version, bytes } }
        }
    }])
}
