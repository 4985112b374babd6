//! What is kept sealed: until when, then itself. All of a kind are in one slot, where they are counted.

use std::time::Duration;

use redis::cmd;

use super::link::Lane;
use super::node::{Node, SLACK, millis, number};
use super::script::{KEEP, TAKE};
use crate::domain::Timestamp;
use crate::store::{Away, Kept, KeptKind};

/// Until when, in milliseconds, big-endian.
const UNTIL_BYTES: usize = 6;

/// How many names are read at once to move what is kept.
const NAMES_AT_ONCE: usize = 64;

impl Node {
    /// Keeps it; says whether that was done. `takes_in`: not where something has this id.
    pub(super) async fn keep(&self, kept: &Kept, takes_in: bool, now: Timestamp) -> Result<bool, Away> {
        let Kept { kind, id, until, sealed } = kept;
        if sealed.len() > kind.bytes_max() {
            return Err(Away { what: kept.no_room() });
        }
        let mut written = millis(*until).to_be_bytes()[2..].to_vec();
        written.extend_from_slice(sealed);
        let lives = until.since(now).saturating_add(SLACK).min(LIVES_MAX);
        let arguments = [
            data_encoding::HEXLOWER.encode(id).into_bytes(),
            number(millis(*until)),
            number(millis(now)),
            written,
            number(lives.as_millis()),
            number(KeptKind::PLACE_BYTES),
            number(kind.all_bytes_max()),
            number(u8::from(takes_in)),
        ];
        let done: i64 = self.link.run(lane(*kind), &KEEP, &self.keys_of(*kind, *id), &arguments).await?;
        Ok(done == 1)
    }

    pub(super) async fn kept(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Result<Option<Kept>, Away> {
        let raw = self.get(lane(kind), &self.keys.kept(kind, id)).await?;
        Ok(read(kind, id, raw).filter(|kept| now <= kept.until))
    }

    pub(super) async fn take(&self, kind: KeptKind, id: [u8; 16], now: Timestamp) -> Result<Option<Kept>, Away> {
        let id_text = data_encoding::HEXLOWER.encode(&id).into_bytes();
        let arguments = [id_text, number(millis(now)), number(KeptKind::PLACE_BYTES)];
        let keys = self.keys_of(kind, id);
        let taken: Option<Vec<u8>> = self.link.run(lane(kind), &TAKE, &keys, &arguments).await?;
        Ok(taken.and_then(|raw| read(kind, id, raw)))
    }

    pub(super) async fn bytes_of_kept(&self, kind: KeptKind, id: [u8; 16]) -> Result<usize, Away> {
        self.link.ask(Lane::Quick, cmd("STRLEN").arg(self.keys.kept(kind, id))).await
    }

    /// The ids of those kept of a kind from a place on, and whether there are more.
    pub(super) async fn names_of_kept(&self, kind: KeptKind, from: usize) -> Result<(Vec<[u8; 16]>, bool), Away> {
        let mut range = cmd("ZRANGE");
        range.arg(self.keys.kept_until(kind)).arg(from).arg(from + NAMES_AT_ONCE - 1);
        let names: Vec<String> = self.link.ask(Lane::Bulk, &range).await?;
        let id =
            |name: &String| data_encoding::HEXLOWER.decode(name.split(':').next()?.as_bytes()).ok()?.try_into().ok();
        Ok((names.iter().filter_map(id).collect(), names.len() == NAMES_AT_ONCE))
    }

    fn keys_of(&self, kind: KeptKind, id: [u8; 16]) -> [String; 3] {
        [self.keys.kept(kind, id), self.keys.kept_until(kind), self.keys.kept_bytes(kind)]
    }
}

/// Longer than anything is kept, and not too long for Redis.
const LIVES_MAX: Duration = Duration::from_secs(3650 * 86_400);

/// Messages are large: nobody else waits behind one.
pub(super) const fn lane(kind: KeptKind) -> Lane {
    match kind {
        KeptKind::Held => Lane::Bulk,
        KeptKind::Challenge | KeptKind::Code | KeptKind::Desk | KeptKind::Note => Lane::Quick,
    }
}

fn read(kind: KeptKind, id: [u8; 16], mut raw: Vec<u8>) -> Option<Kept> {
    let until = raw.get(..UNTIL_BYTES)?.iter().fold(0, |until, byte| until << 8 | u64::from(*byte));
    raw.drain(..UNTIL_BYTES);
    Some(Kept { kind, id, until: Timestamp::from_millis(until), sealed: raw })
}
