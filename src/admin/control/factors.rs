//! What operators do about second proofs: make a code for one person, and remove what an account proves itself with.

use super::words::{Done, HelpdeskCodeRow, Reply};
use super::{By, Control, IMPORTED_MAX, NotDone, folded};
use crate::challenge::enrolled::{self, ADDRESSES_MAX, Enrolled, OtherAddress};
use crate::challenge::factors::{self, helpdesk, other_address};
use crate::domain::{Account, EventKind, FactorKind, SiteName, Timestamp};
use crate::mail;
use crate::store::Away;

/// Each time that somebody else changed the factors in between, it is done anew.
const AGAIN_MAX: usize = 4;

impl Control {
    pub(super) async fn helpdesk_code(
        &self,
        name: &str,
        site: Option<&str>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let lives = (self.config)().challenge.helpdesk_code_lives;
        let mut codes = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            let random = u64::from_be_bytes(self.dice.bytes());
            let about =
                factors::About { keys: &self.keys, site: &site, account: &account, host: &site, origin: "", now };
            let code = self
                .change_factors(&site, &account, |enrolled| helpdesk::make(enrolled, &about, lives, random))
                .await?;
            let kind = EventKind::FactorAdded { factor: FactorKind::HelpdeskCode.name() };
            self.record(kind, &site, &account, None, by, now);
            let until = now.after(lives).to_string();
            codes.push(HelpdeskCodeRow { site: site.to_string(), account: account.to_string(), code, until });
        }
        Ok(Reply::HelpdeskCodes { codes })
    }

    pub(super) async fn remove_factors(
        &self,
        name: &str,
        factor: Option<FactorKind>,
        site: Option<&str>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let mut done = Vec::new();
        for (site, account) in self.accounts(name, site)? {
            let kinds: Vec<FactorKind> = factor.map_or_else(|| FactorKind::ALL.to_vec(), |kind| vec![kind]);
            let removed = self
                .change_factors(&site, &account, |enrolled| {
                    kinds.iter().map(|kind| (*kind, enrolled.remove_all(*kind))).collect::<Vec<_>>()
                })
                .await?;
            let mut count = 0;
            for (kind, removed) in removed.into_iter().filter(|(_, removed)| *removed > 0) {
                count += removed;
                self.record(EventKind::FactorRemoved { factor: kind.name() }, &site, &account, None, by, now);
            }
            let what = if count == 1 { "1 factor removed".to_owned() } else { format!("{count} factors removed") };
            done.push(Done::of(&site, &account, &what, 0));
        }
        Ok(Reply::Done { done })
    }

    pub(super) async fn import_addresses(
        &self,
        rows: &[(String, String)],
        site: Option<&str>,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let (mut added, mut known, mut refused) = (0, 0, Vec::new());
        for (name, address) in rows.iter().take(IMPORTED_MAX) {
            for site in self.chosen(site)? {
                let account = folded(&site, name)?;
                let telephone = other_address::telephone(address);
                if telephone.is_none() && mail::address(address).is_none() {
                    refused.push(format!("{account}: that is neither a mail address nor a telephone's number"));
                    continue;
                }
                let address = telephone.as_ref().unwrap_or(address);
                if enrolled::is_own_mailbox(address, &account, &site.accounts, &site.own_domains) {
                    refused.push(format!("{account}: the address belongs to the mailbox that is to be protected"));
                    continue;
                }
                let number = u64::from_be_bytes(self.dice.bytes()) >> 16;
                let other = || OtherAddress { number, address: address.clone(), added: now };
                match self.change_factors(&site.name, &account, |enrolled| enrolled.add_address(other())).await? {
                    Some(true) => {
                        added += 1;
                        let kind = EventKind::FactorAdded { factor: FactorKind::OtherAddress.name() };
                        self.record(kind, &site.name, &account, None, by, now);
                    }
                    Some(false) => known += 1,
                    None => refused.push(format!("{account}: it has {ADDRESSES_MAX} other addresses already")),
                }
            }
        }
        Ok(Reply::AddressesImported { added, known, refused })
    }

    /// Whether an account has something to prove itself with that the operator allows. Factors that cannot be opened are
    /// none.
    pub(super) async fn can_prove(&self, site: &SiteName, account: &Account, now: Timestamp) -> Result<bool, Away> {
        let config = (self.config)();
        let (Some(sealed), Some(at)) = (self.store.factors(site, account).await?, config.site(site)) else {
            return Ok(false);
        };
        let enrolled = Enrolled::open(&sealed.bytes, &self.keys, site, account);
        Ok(enrolled.is_some_and(|enrolled| enrolled.can_prove(&at.hosts, &config.challenge.factors, now)))
    }

    /// Changes an account's factors in one piece.
    async fn change_factors<T>(
        &self,
        site: &SiteName,
        account: &Account,
        change: impl Fn(&mut Enrolled) -> T,
    ) -> Result<T, NotDone> {
        for _ in 0..AGAIN_MAX {
            let sealed = self.store.factors(site, account).await?;
            let (mut enrolled, version) = match &sealed {
                None => (Enrolled::default(), 0),
                Some(sealed) => match Enrolled::open(&sealed.bytes, &self.keys, site, account) {
                    Some(enrolled) => (enrolled, sealed.version),
                    None => return Err(NotDone::Unopened(account.clone())),
                },
            };
            let made = change(&mut enrolled);
            let sealed = enrolled.seal(&self.keys, site, account, self.dice.bytes());
            if self.store.put_factors(site, account, sealed, version).await? {
                return Ok(made);
            }
        }
        Err(NotDone::Contended(account.clone()))
    }
}
