//! Devices that accounts know: written when a sign-in passed, asked when the next one comes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::Memory;
use super::rows::{millis, time, to_hex};
use super::writer::Change;
use crate::domain::{Account, SiteName, Timestamp};
use crate::store::{Away, KnownDevice};

/// All known devices. Only a sign-in that passed makes one.
///
/// An account knows at most [`Devices::OF_ACCOUNT_MAX`]; then the one unused for longest is forgotten. At most
/// [`Devices::ACCOUNTS_MAX`] accounts have any; beyond it a new account's devices stay strangers.
#[derive(Default)]
pub struct Devices {
    of_site: RwLock<HashMap<SiteName, HashMap<Account, Vec<Device>>>>,
    forgotten: Mutex<HashSet<DeviceKey>>,
}

struct Device {
    id: [u8; 16],
    since: Timestamp,
    last_used: Timestamp,
}

pub(super) type DeviceKey = (SiteName, Account, [u8; 16]);

impl Devices {
    /// Devices of one account.
    pub const OF_ACCOUNT_MAX: usize = 32;

    /// Accounts with devices, at all sites together; some 300 MB of memory if each has a few.
    pub const ACCOUNTS_MAX: usize = 1 << 20;

    /// A device that passed no sign-in for this long is forgotten.
    pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(180 * 86_400);

    pub(super) fn since(&self, site: &SiteName, account: &Account, id: [u8; 16], now: Timestamp) -> Option<Timestamp> {
        let of_site = self.of_site.read();
        let device = of_site.get(site)?.get(account)?.iter().find(|device| device.id == id)?;
        (!device.has_expired(now)).then_some(device.since)
    }

    pub(super) fn know(&self, change: &Know) -> Timestamp {
        let Know { site, account, device: id, now } = change;
        let mut of_site = self.of_site.write();
        let accounts: usize = of_site.values().map(HashMap::len).sum();
        let of_account = of_site.entry(site.clone()).or_default();
        if accounts >= Self::ACCOUNTS_MAX && !of_account.contains_key(account) {
            self.forgotten.lock().insert((site.clone(), account.clone(), *id));
            return *now;
        }
        let devices = of_account.entry(account.clone()).or_default();
        if let Some(device) = devices.iter_mut().find(|device| device.id == *id) {
            if device.has_expired(*now) {
                device.since = *now;
            }
            device.last_used = *now;
            return device.since;
        }
        if devices.len() >= Self::OF_ACCOUNT_MAX
            && let Some(place) = (0..devices.len()).min_by_key(|place| devices[*place].last_used)
        {
            let gone = devices.swap_remove(place);
            self.forgotten.lock().insert((site.clone(), account.clone(), gone.id));
        }
        self.forgotten.lock().remove(&(site.clone(), account.clone(), *id));
        devices.push(Device { id: *id, since: *now, last_used: *now });
        *now
    }

    /// Takes in what another store knows of a device.
    pub(super) fn merge(&self, site: &SiteName, account: &Account, device: &KnownDevice, now: Timestamp) {
        let KnownDevice { device: id, since, last_used } = *device;
        if now.since(last_used) >= Self::FORGOTTEN_AFTER {
            return;
        }
        // As if it were used at that time: the bounds are the same.
        if self.since(site, account, id, now).is_none() {
            self.know(&Know { site: site.clone(), account: account.clone(), device: id, now: last_used });
        }
        let mut of_site = self.of_site.write();
        let devices = of_site.get_mut(site).and_then(|accounts| accounts.get_mut(account));
        if let Some(known) = devices.and_then(|devices| devices.iter_mut().find(|known| known.id == id)) {
            known.since = known.since.min(since);
            known.last_used = known.last_used.max(last_used);
        }
    }

    /// Last used first.
    pub(super) fn list(&self, site: &SiteName, account: &Account, now: Timestamp) -> Vec<KnownDevice> {
        let of_site = self.of_site.read();
        let devices = of_site.get(site).and_then(|accounts| accounts.get(account)).map_or(&[][..], Vec::as_slice);
        let known =
            |device: &Device| KnownDevice { device: device.id, since: device.since, last_used: device.last_used };
        let mut known: Vec<KnownDevice> = devices.iter().filter(|device| !device.has_expired(now)).map(known).collect();
        known.sort_unstable_by_key(|device| (std::cmp::Reverse(device.last_used), device.device));
        known
    }

    /// Returns those that were known.
    fn forget(&self, change: &Forget) -> Vec<DeviceKey> {
        let Forget { site, account, device } = change;
        let mut of_site = self.of_site.write();
        let Some(accounts) = of_site.get_mut(site) else { return Vec::new() };
        let Some(devices) = accounts.get_mut(account) else { return Vec::new() };
        let (gone, kept) =
            std::mem::take(devices).into_iter().partition(|known: &Device| device.is_none_or(|id| id == known.id));
        *devices = kept;
        if devices.is_empty() {
            accounts.remove(account);
        }
        gone.into_iter().map(|device| (site.clone(), account.clone(), device.id)).collect()
    }

    /// Puts back what was stored.
    pub(super) fn restore(&self, (site, account, id): DeviceKey, since: Timestamp, last_used: Timestamp) {
        let mut of_site = self.of_site.write();
        of_site.entry(site).or_default().entry(account).or_default().push(Device { id, since, last_used });
    }

    pub(super) fn collect_rubbish(&self, now: Timestamp) {
        let mut of_site = self.of_site.write();
        let mut forgotten = self.forgotten.lock();
        for (site, accounts) in of_site.iter_mut() {
            accounts.retain(|account, devices| {
                devices.retain(|device| {
                    let expired = device.has_expired(now);
                    if expired {
                        forgotten.insert((site.clone(), account.clone(), device.id));
                    }
                    !expired
                });
                !devices.is_empty()
            });
        }
    }

    pub(super) fn take_forgotten(&self) -> Vec<DeviceKey> {
        std::mem::take(&mut *self.forgotten.lock()).into_iter().collect()
    }

    pub(super) fn still_forgotten(&self, keys: Vec<DeviceKey>) {
        let of_site = self.of_site.read();
        let is_back = |(site, account, id): &DeviceKey| {
            let devices = of_site.get(site).and_then(|accounts| accounts.get(account));
            devices.is_some_and(|devices| devices.iter().any(|device| device.id == *id))
        };
        self.forgotten.lock().extend(keys.into_iter().filter(|key| !is_back(key)));
    }
}

impl Device {
    fn has_expired(&self, now: Timestamp) -> bool {
        now.since(self.last_used) >= Devices::FORGOTTEN_AFTER
    }
}

/// Writes what another store knows of a device: the first use of both, and the last. Says whether that changed anything.
pub(super) fn merge(
    database: &Connection,
    site: &SiteName,
    account: &Account,
    device: &KnownDevice,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let id = to_hex(device.device);
    let sql = "SELECT since, last_used FROM devices WHERE site = ?1 AND account = ?2 AND device = ?3";
    let known = database
        .prepare_cached(sql)?
        .query_row(params![&**site, account.as_str(), id], |row| Ok((time(row, 0)?, time(row, 1)?)))
        .optional()?;
    let merged = known.map_or((device.since, device.last_used), |(since, last_used)| {
        (since.min(device.since), last_used.max(device.last_used))
    });
    if known == Some(merged) || now.since(merged.1) >= Devices::FORGOTTEN_AFTER {
        return Ok(false);
    }
    database
        .prepare_cached(
            "INSERT INTO devices (site, account, device, since, last_used) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (site, account, device) DO UPDATE SET since = excluded.since, last_used = excluded.last_used",
        )?
        .execute(params![&**site, account.as_str(), id, millis(merged.0), millis(merged.1)])?;
    Ok(true)
}

/// [`crate::store::Store::know_device`].
pub(super) struct Know {
    pub(super) site: SiteName,
    pub(super) account: Account,
    pub(super) device: [u8; 16],
    pub(super) now: Timestamp,
}

impl Change for Know {
    type Done = Timestamp;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let forgotten_before = self.now.before(Devices::FORGOTTEN_AFTER);
        database
            .prepare_cached(
                "INSERT INTO devices (site, account, device, since, last_used) VALUES (?1, ?2, ?3, ?4, ?4)
                 ON CONFLICT (site, account, device) DO UPDATE SET
                     since = CASE WHEN last_used <= ?5 THEN excluded.since ELSE since END,
                     last_used = excluded.last_used",
            )?
            .execute(params![
                &*self.site,
                self.account.as_str(),
                to_hex(self.device),
                millis(self.now),
                millis(forgotten_before),
            ])?;
        Ok(())
    }

    fn apply(self, memory: &Memory) -> Result<Timestamp, Away> {
        Ok(memory.devices.know(&self))
    }
}

/// [`crate::store::Store::forget_devices`].
pub(super) struct Forget {
    pub(super) site: SiteName,
    pub(super) account: Account,
    /// None: all.
    pub(super) device: Option<[u8; 16]>,
}

impl Change for Forget {
    type Done = usize;

    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        database
            .prepare_cached("DELETE FROM devices WHERE site = ?1 AND account = ?2 AND device = ifnull(?3, device)")?
            .execute(params![&*self.site, self.account.as_str(), self.device.map(to_hex)])?;
        Ok(())
    }

    fn apply(self, memory: &Memory) -> Result<usize, Away> {
        Ok(memory.devices.forget(&self).len())
    }

    fn apply_unwritten(self, memory: &Memory) {
        let forgotten = memory.devices.forget(&self);
        memory.devices.forgotten.lock().extend(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + day * 86_400_000)
    }

    fn know(devices: &Devices, id: u8, now: Timestamp) -> Timestamp {
        let site = "webmail.example.edu".into();
        devices.know(&Know { site, account: Account::from_canonical("alice"), device: [id; 16], now })
    }

    fn since(devices: &Devices, id: u8, now: Timestamp) -> Option<Timestamp> {
        devices.since(&"webmail.example.edu".into(), &Account::from_canonical("alice"), [id; 16], now)
    }

    #[test]
    fn an_account_with_too_many_devices_forgets_the_one_unused_for_longest() {
        let devices = Devices::default();
        for id in 0..32 {
            know(&devices, id, at(u64::from(id)));
        }
        know(&devices, 0, at(40));
        know(&devices, 99, at(41));
        assert_eq!(since(&devices, 0, at(41)), Some(at(0)));
        assert_eq!(since(&devices, 1, at(41)), None);
        assert_eq!(since(&devices, 99, at(41)), Some(at(41)));
        assert_eq!(devices.take_forgotten().len(), 1);
    }

    #[test]
    fn a_device_is_forgotten_half_a_year_after_its_last_sign_in() {
        let devices = Devices::default();
        know(&devices, 7, at(0));
        assert_eq!(know(&devices, 7, at(100)), at(0), "the first time stays");
        assert_eq!(since(&devices, 7, at(279)), Some(at(0)));
        assert_eq!(since(&devices, 7, at(280)), None);
        assert_eq!(know(&devices, 7, at(280)), at(280), "from then on it is new");
        devices.collect_rubbish(at(460));
        assert_eq!(devices.take_forgotten().len(), 1);
    }
}
