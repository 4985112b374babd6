//! What an account can prove itself with, as it is kept: sealed, in one piece, changed by comparing and setting.

use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::Passkey;

use crate::domain::{Account, AccountFolding, FactorKind, KeyRing, Sealing, Secret, SiteName, Timestamp};

/// Apps that show codes, of one account.
pub const APPS_MAX: usize = 5;

/// Other addresses of one account.
pub const ADDRESSES_MAX: usize = 3;

/// Passkeys of one account.
pub const PASSKEYS_MAX: usize = 20;

/// The longest name that a person gives to one of them, in characters.
pub const NAME_MAX: usize = 60;

/// All factors of one account. It has no `Debug`: what is in it opens the account.
#[derive(Default, Serialize, Deserialize)]
pub struct Enrolled {
    /// Keys in devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passkeys: Vec<EnrolledPasskey>,
    /// Apps that show codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<EnrolledApp>,
    /// Other addresses, to which codes go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<OtherAddress>,
    /// Keyed hashes of the recovery codes that are left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<[u8; 32]>,
    /// A code that an operator made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helpdesk: Option<HelpdeskCode>,
}

/// A passkey.
#[derive(Serialize, Deserialize)]
pub struct EnrolledPasskey {
    /// Under which the person's page names it.
    pub number: u64,
    /// What the person calls it.
    pub name: String,
    /// Since when.
    pub added: Timestamp,
    /// When it proved something last; none: never, or before this was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
    /// The host that it was made for; browsers offer it nowhere else.
    pub host: String,
    /// The public key with its counter.
    pub key: Passkey,
}

/// An app that shows codes.
#[derive(Serialize, Deserialize)]
pub struct EnrolledApp {
    /// Under which the person's page names it.
    pub number: u64,
    /// What the person calls it.
    pub name: String,
    /// Since when.
    pub added: Timestamp,
    /// What it shares with us.
    pub secret: [u8; 20],
    /// The latest half minute whose code was used; none up to it is good any more.
    pub last_step: u64,
}

/// Another address of the person.
#[derive(Serialize, Deserialize)]
pub struct OtherAddress {
    /// Under which the person's page names it.
    pub number: u64,
    /// Where codes go.
    pub address: String,
    /// Since when.
    pub added: Timestamp,
}

/// A helpdesk code.
#[derive(Serialize, Deserialize)]
pub struct HelpdeskCode {
    /// Keyed.
    pub hash: [u8; 32],
    /// It is good no longer then.
    pub until: Timestamp,
}

impl Enrolled {
    /// Opens what [`Enrolled::seal`] made. None where it cannot be read: made for another account, or under a key that is
    /// gone.
    pub fn open(sealed: &[u8], keys: &KeyRing, site: &SiteName, account: &Account) -> Option<Self> {
        let plain = keys.open(Sealing::Factors, &[site.as_bytes(), account.as_str().as_bytes()], sealed)?;
        serde_json::from_slice(plain.expose()).ok()
    }

    /// Seals it for its account. `nonce` is random.
    pub fn seal(&self, keys: &KeyRing, site: &SiteName, account: &Account, nonce: [u8; 12]) -> Vec<u8> {
        let plain = serde_json::to_vec(self).expect("numbers, texts and bytes");
        keys.seal(Sealing::Factors, &[site.as_bytes(), account.as_str().as_bytes()], &Secret::new(plain), nonce)
    }

    /// What the account can prove itself with at `host` now.
    pub fn kinds(&self, host: &str, now: Timestamp) -> Vec<FactorKind> {
        let has = |kind: &FactorKind| match kind {
            FactorKind::Passkey => self.passkeys.iter().any(|passkey| passkey.host == host),
            FactorKind::Totp => !self.apps.is_empty(),
            FactorKind::OtherAddress => !self.addresses.is_empty(),
            FactorKind::RecoveryCode => !self.recovery.is_empty(),
            FactorKind::HelpdeskCode => self.helpdesk.as_ref().is_some_and(|code| now < code.until),
            // A session, not something that is set up.
            FactorKind::Campus => false,
        };
        FactorKind::ALL.into_iter().filter(has).collect()
    }

    /// Whether there is something among it that the operator allows, at any of these hosts.
    pub fn can_prove(&self, hosts: &[String], allowed: &[FactorKind], now: Timestamp) -> bool {
        hosts.iter().any(|host| self.kinds(host, now).iter().any(|kind| allowed.contains(kind)))
    }

    /// Takes away all of a kind; says how many there were.
    pub fn remove_all(&mut self, kind: FactorKind) -> usize {
        match kind {
            FactorKind::Passkey => std::mem::take(&mut self.passkeys).len(),
            FactorKind::Totp => std::mem::take(&mut self.apps).len(),
            FactorKind::OtherAddress => std::mem::take(&mut self.addresses).len(),
            FactorKind::RecoveryCode => std::mem::take(&mut self.recovery).len(),
            FactorKind::HelpdeskCode => usize::from(self.helpdesk.take().is_some()),
            FactorKind::Campus => 0,
        }
    }

    /// Adds another address: true where it is new, false where it was there, none where there is no room.
    pub fn add_address(&mut self, other: OtherAddress) -> Option<bool> {
        if self.addresses.iter().any(|known| known.address.eq_ignore_ascii_case(&other.address)) {
            return Some(false);
        }
        let has_room = self.addresses.len() < ADDRESSES_MAX;
        if has_room {
            self.addresses.push(other);
        }
        has_room.then_some(true)
    }

    /// Whether the person set up anything: then whoever changes it must prove first.
    pub fn is_protected(&self) -> bool {
        !self.passkeys.is_empty() || !self.apps.is_empty() || !self.addresses.is_empty()
    }
}

/// Whether an address is the mailbox that is to be protected, or may be another name of it. Codes that go there would
/// prove nothing: whoever has the password reads them.
pub fn is_own_mailbox(address: &str, account: &Account, folding: &AccountFolding, own_domains: &[String]) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    folding.fold(address) == *account || own_domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
}

/// A name as a person typed it: one line, bounded; `otherwise` where nothing is left.
pub fn short_name(typed: &str, otherwise: &str) -> String {
    let name: String = typed.chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect();
    let name = name.trim();
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}
