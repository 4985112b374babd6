//! What is known of an account, and its devices.

use std::sync::Arc;

use super::words::{DeviceRow, Done, Explained, FlagRow, LockRow, Reply, SessionRow, Usual};
use super::{By, Control, EXPLAINED_FLAGS_MAX, NotDone, ROWS_MAX};
use crate::domain::flag::FlagFilter;
use crate::domain::{Account, EventKind, Reference, SessionHash, SiteName, Timestamp};
use crate::store::Away;

impl Control {
    pub(super) async fn explain(&self, what: &str, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let meant = match self.account_behind(what, now).await? {
            Some(account) => vec![account],
            None => self.accounts(what, site)?,
        };
        let mut accounts = Vec::new();
        for (site, account) in meant {
            accounts.push(self.explained(&site, &account, now).await?);
        }
        Ok(Reply::Explained { accounts })
    }

    /// Whose session or flag is named. An account may be called like one; it is one only where there is one.
    async fn account_behind(&self, what: &str, now: Timestamp) -> Result<Option<(SiteName, Account)>, Away> {
        if let Ok(hash) = what.trim().parse::<SessionHash>()
            && let Some(session) = self.store.session(&hash, now).await?
        {
            return Ok(Some((Arc::clone(&session.site), session.account.clone())));
        }
        if let Ok(code) = what.trim().parse::<Reference>()
            && let Some(flag) = self.store.flag(&code).await?
        {
            return Ok(Some((flag.site, flag.account)));
        }
        Ok(None)
    }

    async fn explained(&self, site: &SiteName, account: &Account, now: Timestamp) -> Result<Explained, Away> {
        let store = &self.store;
        let filter =
            FlagFilter { site: Some(Arc::clone(site)), account: Some(account.clone()), ..FlagFilter::default() };
        let flags = store.flags(&filter, EXPLAINED_FLAGS_MAX).await?;
        let sessions = store.sessions(site, Some(account), ROWS_MAX, now).await?;
        Ok(Explained {
            site: site.to_string(),
            account: account.to_string(),
            lock: store.locked(site, account).await?.map(LockRow::of),
            usual: Usual::of(&store.profile(site, account, now).await?),
            devices: self.devices_of(site, account, now).await?,
            sessions: sessions.iter().map(|session| SessionRow::of(session)).collect(),
            flags: flags.iter().map(FlagRow::of).collect(),
        })
    }

    pub(super) async fn devices(&self, name: &str, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let mut devices = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            devices.extend(self.devices_of(&site, &account, now).await?);
        }
        Ok(Reply::Devices { devices })
    }

    async fn devices_of(&self, site: &SiteName, account: &Account, now: Timestamp) -> Result<Vec<DeviceRow>, Away> {
        let known = self.store.devices(site, account, now).await?;
        Ok(known.iter().map(|device| DeviceRow::of(site, account, device)).collect())
    }

    pub(super) async fn forget_devices(
        &self,
        name: &str,
        device: Option<&str>,
        site: Option<&str>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let device = device.map(device_number).transpose()?;
        let mut done = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            let forgotten = self.store.forget_devices(&site, &account, device).await?;
            if forgotten > 0 {
                self.record_forgotten(forgotten, &site, &account, by, now);
            }
            done.push(Done { devices_forgotten: forgotten, ..Done::of(&site, &account, "devices forgotten", 0) });
        }
        Ok(Reply::Done { done })
    }

    pub(super) fn record_forgotten(&self, devices: usize, site: &SiteName, account: &Account, by: &By, now: Timestamp) {
        let devices = u32::try_from(devices).unwrap_or(u32::MAX);
        self.record(EventKind::DeviceForgotten { devices }, site, account, None, by, now);
    }
}

fn device_number(text: &str) -> Result<[u8; 16], NotDone> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| NotDone::NotADevice(text.to_owned()))
}
