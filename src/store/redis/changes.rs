//! What other nodes changed: pulled from logs that every change of a session or lock writes to in the same step.
//!
//! Whoever writes to a log publishes under its name that there is something to pull. That is a hint: it may be missed, or
//! forbidden to this user, and the logs are pulled twice a second in any case.
//!
//! Each part of the accounts has a log, cut to about a thousand entries. A node remembers the last place that it saw in
//! each, and asks for what follows. Where that place is gone, because the log was cut or lost, the node forgets all that
//! it remembered.

use futures_util::future::join_all;
use redis::{FromRedisValue as _, Value};

use super::keys::SHARDS;
use super::link::Lane;
use super::node::{Node, unreadable};
use super::script::CHANGES;
use crate::domain::SessionHash;
use crate::store::{Away, Changed};

/// What a log is told when a session changes.
pub(super) fn of_session(hash: &SessionHash) -> String {
    format!("s{hash}")
}

/// What a log is told when a lock changes; `of` is site and account as they stand in keys.
pub(super) fn of_lock(of: &str) -> String {
    format!("l{of}")
}

impl Node {
    /// Takes in what was changed since the last time. Logs that can be read are, even where others cannot.
    pub(super) async fn pull(&self, lane: Lane) -> Result<(), Away> {
        let shards: Vec<u8> = (0..SHARDS).collect();
        if !self.link.is_cluster() {
            return self.pull_from(&shards, lane).await;
        }
        let each = join_all(shards.chunks(1).map(|shard| self.pull_from(shard, lane))).await;
        each.into_iter().collect()
    }

    async fn pull_from(&self, shards: &[u8], lane: Lane) -> Result<(), Away> {
        let keys: Vec<String> = shards.iter().map(|shard| self.keys.log(*shard)).collect();
        let seen: Vec<Vec<u8>> = {
            let seen = self.seen.lock();
            shards.iter().map(|shard| seen[usize::from(*shard)].clone().into_bytes()).collect()
        };
        let answers: Vec<Value> = self.link.run(lane, &CHANGES, &keys, &seen).await?;
        for (answer, shard) in answers.into_iter().zip(shards) {
            let (place, has_missed, changed) = read(answer).ok_or_else(unreadable)?;
            if has_missed {
                self.cache.clear();
                self.tell(Changed::Everything);
            }
            for what in changed {
                self.note_change(&what);
            }
            self.seen.lock()[usize::from(*shard)] = place;
        }
        Ok(())
    }

    fn note_change(&self, what: &str) {
        if let Some(Ok(hash)) = what.strip_prefix('s').map(str::parse) {
            self.cache.forget(&hash);
            self.tell(Changed::Session(hash));
        } else if let Some(of) = what.strip_prefix('l') {
            self.cache.forget_lock(of);
            self.tell(Changed::Locks);
        }
    }

    fn tell(&self, changed: Changed) {
        if let Some(told) = self.told.get() {
            told(changed);
        }
    }
}

fn read(answer: Value) -> Option<(String, bool, Vec<String>)> {
    let Value::Array(answer) = answer else { return None };
    let [place, has_missed, changed] = <[Value; 3]>::try_from(answer).ok()?;
    Some((String::from_redis_value(place).ok()?, has_missed == Value::Int(1), Vec::from_redis_value(changed).ok()?))
}
