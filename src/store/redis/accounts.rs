//! What is stored beside an account: locks, devices, profiles, recipients, factors.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use redis::{Cmd, Value, cmd};

use super::changes::of_lock;
use super::keys::{Keys, SHARDS};
use super::link::Lane;
use super::node::{Node, SLACK, Swap, from_json, millis, number, to_json, unreadable};
use super::script::{DEVICE_FORGET, DEVICE_KNOW, FACTORS, LOCK};
use crate::domain::{Account, Lesson, Profile, SiteName, Timestamp};
use crate::store::record::written_to;
use crate::store::{Away, FACTORS_BYTES_MAX, FirstWritten, KnownDevice, Lock, Sealed};

/// Locks in one part of the accounts; of all together there are at most about 100 000.
const LOCKS_OF_SHARD_MAX: usize = 2048;

/// Devices of one account; then the one unused for longest is forgotten.
const DEVICES_MAX: usize = 32;

/// A device that passed no sign-in for this long is forgotten.
const DEVICE_FORGOTTEN_AFTER: Duration = Duration::from_secs(180 * 86_400);

/// How long an account may be asleep until all that is known of it is forgotten.
const ASLEEP_MAX: Duration = Duration::from_secs(730 * 86_400);

/// When a recipient list was written to last, before the recipients.
const LAST_BYTES: usize = 8;

impl Node {
    pub(super) async fn locked(&self, site: &SiteName, account: &Account) -> Result<Option<Lock>, Away> {
        let of = format!("{site}/{account}");
        if let Some(lock) = self.cache.lock(&of) {
            return Ok(lock);
        }
        let generation = self.cache.generation();
        let raw = self.get(Lane::Quick, &self.keys.lock(site, account)).await?;
        let lock = if raw.is_empty() { None } else { Some(from_json(&raw)?) };
        self.cache.remember_lock(of, lock.clone(), generation);
        Ok(lock)
    }

    /// Writes what `step` makes of the lock that is there; says what was there before.
    async fn change_lock(
        &self,
        site: &SiteName,
        account: &Account,
        step: impl Fn(Option<&Lock>) -> Option<Lock>,
    ) -> Result<Option<Lock>, Away> {
        let (of, shard) = (format!("{site}/{account}"), Keys::shard(site, account));
        let keys = [self.keys.lock(site, account), self.keys.locks(shard), self.keys.log(shard)];
        let mut raw = self.get(Lane::Quick, &keys[0]).await?;
        loop {
            let known: Option<Lock> = from_json(&raw).ok();
            let new = step(known.as_ref()).as_ref().map(to_json).unwrap_or_default();
            if new == raw {
                return Ok(known);
            }
            let member = of.clone().into_bytes();
            let arguments = [raw, new, member, number(LOCKS_OF_SHARD_MAX), of_lock(&of).into_bytes()];
            let answer = self.link.run(Lane::Quick, &LOCK, &keys, &arguments).await?;
            self.cache.forget_lock(&of);
            match answer {
                Value::BulkString(instead) => raw = instead,
                Value::Int(0) => return Err(Away { what: "there are too many locks already".into() }),
                _ => return Ok(known),
            }
        }
    }

    pub(super) async fn lock(&self, lock: Lock) -> Result<(), Away> {
        let changed = |known: Option<&Lock>| {
            let since = known.map_or(lock.since, |known| known.since);
            Some(Lock { since, ..lock.clone() })
        };
        self.change_lock(&lock.site, &lock.account, changed).await.map(|_| ())
    }

    /// Takes in another store's lock, unless there is one; says whether it did.
    pub(super) async fn take_in_lock(&self, lock: &Lock) -> Result<bool, Away> {
        let kept = |known: Option<&Lock>| Some(known.unwrap_or(lock).clone());
        Ok(self.change_lock(&lock.site, &lock.account, kept).await?.is_none())
    }

    pub(super) async fn unlock(&self, site: &SiteName, account: &Account) -> Result<bool, Away> {
        Ok(self.change_lock(site, account, |_| None).await?.is_some())
    }

    /// In the order of the accounts.
    pub(super) async fn locks(&self, site: &SiteName, most: usize) -> Result<Vec<Lock>, Away> {
        let of_shard = |shard| {
            // `0` follows `/`: all that begins with the site and a slash.
            let mut range = cmd("ZRANGEBYLEX");
            range.arg(self.keys.locks(shard)).arg(format!("[{site}/")).arg(format!("({site}0"));
            range.arg("LIMIT").arg(0).arg(most);
            range
        };
        let ranges: Vec<Cmd> = (0..SHARDS).map(of_shard).collect();
        let names: Vec<Vec<String>> = self.link.ask_all(Lane::Bulk, &ranges).await?;
        let name = |name: String| Some(Account::from_canonical(name.split_once('/')?.1));
        let mut accounts: Vec<Account> = names.into_iter().flatten().filter_map(name).collect();
        accounts.sort_unstable();
        accounts.truncate(most);
        let get = |account: &Account| {
            let mut get = cmd("GET");
            get.arg(self.keys.lock(site, account));
            get
        };
        let gets: Vec<Cmd> = accounts.iter().map(get).collect();
        let raws: Vec<Option<Vec<u8>>> = self.link.ask_all(Lane::Bulk, &gets).await?;
        raws.into_iter().flatten().map(|raw| from_json(&raw)).collect()
    }

    async fn note_device(
        &self,
        site: &SiteName,
        account: &Account,
        device: &KnownDevice,
        takes_in: bool,
    ) -> Result<(Timestamp, bool), Away> {
        let arguments = [
            data_encoding::HEXLOWER.encode(&device.device).into_bytes(),
            number(millis(device.since)),
            number(millis(device.last_used)),
            number(DEVICE_FORGOTTEN_AFTER.as_millis()),
            number(DEVICES_MAX),
            number((DEVICE_FORGOTTEN_AFTER + SLACK).as_millis()),
            number(u8::from(takes_in)),
        ];
        let keys = [self.keys.devices(site, account)];
        let (since, changed): (u64, i64) = self.link.run(Lane::Quick, &DEVICE_KNOW, &keys, &arguments).await?;
        Ok((Timestamp::from_millis(since), changed == 1))
    }

    pub(super) async fn know_device(
        &self,
        site: &SiteName,
        account: &Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Result<Timestamp, Away> {
        let used = KnownDevice { device, since: now, last_used: now };
        Ok(self.note_device(site, account, &used, false).await?.0)
    }

    /// Takes in what another store knows of a device; says whether that changed anything.
    pub(super) async fn take_in_device(
        &self,
        site: &SiteName,
        account: &Account,
        device: &KnownDevice,
        now: Timestamp,
    ) -> Result<bool, Away> {
        if is_forgotten(device, now) {
            return Ok(false);
        }
        Ok(self.note_device(site, account, device, true).await?.1)
    }

    pub(super) async fn device_since(
        &self,
        site: &SiteName,
        account: &Account,
        device: [u8; 16],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Away> {
        let mut get = cmd("HGET");
        get.arg(self.keys.devices(site, account)).arg(data_encoding::HEXLOWER.encode(&device));
        let found: Option<String> = self.link.ask(Lane::Quick, &get).await?;
        let Some(found) = found else { return Ok(None) };
        let known = known_device(device, &found).ok_or_else(unreadable)?;
        Ok((!is_forgotten(&known, now)).then_some(known.since))
    }

    /// Last used first.
    pub(super) async fn devices(
        &self,
        site: &SiteName,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<KnownDevice>, Away> {
        let get = cmd("HGETALL").arg(self.keys.devices(site, account)).to_owned();
        let mut devices = devices_of(self.link.ask(Lane::Quick, &get).await?);
        devices.retain(|device| !is_forgotten(device, now));
        devices.sort_unstable_by_key(|device| (std::cmp::Reverse(device.last_used), device.device));
        Ok(devices)
    }

    pub(super) async fn forget_devices(
        &self,
        site: &SiteName,
        account: &Account,
        device: Option<[u8; 16]>,
    ) -> Result<usize, Away> {
        let which = device.map(|device| data_encoding::HEXLOWER.encode(&device)).unwrap_or_default();
        let keys = [self.keys.devices(site, account)];
        self.link.run(Lane::Quick, &DEVICE_FORGET, &keys, &[which.into_bytes()]).await
    }

    pub(super) async fn profile(&self, site: &SiteName, account: &Account, now: Timestamp) -> Result<Profile, Away> {
        let raw = self.get(Lane::Quick, &self.keys.profile(site, account)).await?;
        let mut profile: Profile = if raw.is_empty() { Profile::default() } else { from_json(&raw)? };
        profile.forget_before(now.before(self.profile_forgotten_after()));
        Ok(profile)
    }

    /// Changes a profile; says whether that changed anything.
    async fn change_profile(
        &self,
        site: &SiteName,
        account: &Account,
        now: Timestamp,
        change: impl Fn(&mut Profile),
    ) -> Result<bool, Away> {
        let step = |raw: &[u8]| {
            // One that somebody made unreadable begins anew.
            let mut profile: Profile = from_json(raw).unwrap_or_default();
            profile.forget_before(now.before(self.profile_forgotten_after()));
            let before = profile.clone();
            change(&mut profile);
            if profile == before {
                return (Swap::Leave, false);
            }
            let swap = if profile.is_empty() { Swap::Delete } else { Swap::Put(to_json(&profile), Some(ASLEEP_MAX)) };
            (swap, true)
        };
        self.swap(&self.keys.profile(site, account), None, step).await
    }

    pub(super) async fn learn(
        &self,
        site: &SiteName,
        account: &Account,
        lesson: &Lesson,
        now: Timestamp,
    ) -> Result<(), Away> {
        self.change_profile(site, account, now, |profile| profile.learn(lesson)).await.map(|_| ())
    }

    pub(super) async fn unlearn(
        &self,
        site: &SiteName,
        account: &Account,
        lesson: &Lesson,
        now: Timestamp,
    ) -> Result<(), Away> {
        self.change_profile(site, account, now, |profile| profile.unlearn(lesson)).await.map(|_| ())
    }

    /// Takes in what another store learned; says whether that changed anything.
    pub(super) async fn take_in_profile(
        &self,
        site: &SiteName,
        account: &Account,
        other: &Profile,
        now: Timestamp,
    ) -> Result<bool, Away> {
        let horizon = now.before(self.profile_forgotten_after());
        let merge = |profile: &mut Profile| {
            profile.merge(other);
            profile.forget_before(horizon);
        };
        self.change_profile(site, account, now, merge).await
    }

    pub(super) async fn first_written(
        &self,
        site: &SiteName,
        account: &Account,
        asked: &[u32],
    ) -> Result<FirstWritten, Away> {
        let raw = self.get(Lane::Quick, &self.keys.correspondents(site, account)).await?;
        let known: HashSet<u32> = correspondents(&raw).1.into_iter().collect();
        let asked: HashSet<u32> = asked.iter().copied().collect();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(FirstWritten { new: count(asked.difference(&known).count()), known: count(known.len()) })
    }

    pub(super) async fn note_written(
        &self,
        site: &SiteName,
        account: &Account,
        recipients: &[u32],
        now: Timestamp,
    ) -> Result<(), Away> {
        if recipients.is_empty() {
            return Ok(());
        }
        let step = |raw: &[u8]| {
            let (last, known) = correspondents(raw);
            (Swap::Put(write_correspondents(last.max(now), &written_to(known, recipients)), Some(ASLEEP_MAX)), ())
        };
        self.swap(&self.keys.correspondents(site, account), None, step).await
    }

    /// Takes in to whom an account wrote by another store; says whether any were unknown.
    pub(super) async fn take_in_correspondents(
        &self,
        site: &SiteName,
        account: &Account,
        other_last: Timestamp,
        recipients: &[u32],
    ) -> Result<bool, Away> {
        let step = |raw: &[u8]| {
            let (last, known) = correspondents(raw);
            let merged = written_to(recipients.to_vec(), &known);
            if merged == known {
                return (Swap::Leave, false);
            }
            (Swap::Put(write_correspondents(last.max(other_last), &merged), Some(ASLEEP_MAX)), true)
        };
        self.swap(&self.keys.correspondents(site, account), None, step).await
    }

    pub(super) async fn factors(&self, site: &SiteName, account: &Account) -> Result<Option<Sealed>, Away> {
        let get = cmd("HMGET").arg(self.keys.factors(site, account)).arg("version").arg("sealed").to_owned();
        let (version, bytes): (Option<u64>, Option<Vec<u8>>) = self.link.ask(Lane::Quick, &get).await?;
        Ok(version.map(|version| Sealed { version, bytes: bytes.unwrap_or_default() }))
    }

    /// Writes factors as `version` if they are still those of version `expected`.
    pub(super) async fn put_factors(
        &self,
        site: &SiteName,
        account: &Account,
        bytes: Vec<u8>,
        expected: u64,
        version: u64,
    ) -> Result<bool, Away> {
        if bytes.len() > FACTORS_BYTES_MAX {
            return Err(Away { what: Sealed::too_large(bytes.len()) });
        }
        let arguments = [number(expected), number(version), bytes];
        let keys = [self.keys.factors(site, account)];
        let done: i64 = self.link.run(Lane::Quick, &FACTORS, &keys, &arguments).await?;
        Ok(done == 1)
    }
}

/// All devices of an account as they are stored; what makes no sense is left out.
pub(super) fn devices_of(stored: HashMap<String, String>) -> Vec<KnownDevice> {
    let device = |(id, written): (String, String)| {
        let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
        known_device(id, &written)
    };
    stored.into_iter().filter_map(device).collect()
}

fn known_device(device: [u8; 16], written: &str) -> Option<KnownDevice> {
    let (since, last_used) = written.split_once(' ')?;
    let time = |text: &str| text.parse().ok().map(Timestamp::from_millis);
    Some(KnownDevice { device, since: time(since)?, last_used: time(last_used)? })
}

fn is_forgotten(device: &KnownDevice, now: Timestamp) -> bool {
    now.since(device.last_used) >= DEVICE_FORGOTTEN_AFTER
}

/// When an account wrote last, and to whom: eight bytes and four each, little-endian.
pub(super) fn correspondents(raw: &[u8]) -> (Timestamp, Vec<u32>) {
    let Some((last, recipients)) = raw.split_first_chunk::<LAST_BYTES>() else {
        return (Timestamp::from_millis(0), Vec::new());
    };
    let recipients = recipients.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    (Timestamp::from_millis(u64::from_le_bytes(*last)), recipients)
}

fn write_correspondents(last: Timestamp, recipients: &[u32]) -> Vec<u8> {
    let recipients = recipients.iter().flat_map(|recipient| recipient.to_le_bytes());
    last.as_millis().to_le_bytes().into_iter().chain(recipients).collect()
}
