//! Keyed hashes under keys that rotate. Pure: key bytes come in, hashes go out.

use aws_lc_rs::hmac;

use super::Secret;

/// What a keyed hash is for. Two purposes never share a value, so a hash leaked from one place says nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Session cookies → [`super::SessionHash`].
    Session,
    /// Wrong passwords, to count the distinct ones. Truncated to 32 bits before it is kept.
    Password,
    /// Device cookies.
    Device,
    /// Accounts and addresses in events that have aged.
    Pseudonym,
    /// Networks and countries, to count the distinct ones. Truncated to 32 bits before it is kept.
    Place,
    /// Addresses written to, to know the new ones. Truncated to 32 bits before it is kept.
    Recipient,
    /// The keys under which things are sealed: see [`super::seal`].
    Sealing,
    /// Recovery, helpdesk and mailed codes.
    Code,
    /// Numbers of accounts that authenticators and the store keep; they say nothing about whose they are.
    Handle,
    /// Sessions, browsers, codes and tokens of operators.
    Desk,
    /// What messages of a campaign have in common.
    Campaign,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"mailward session 1",
            Self::Password => b"mailward password 1",
            Self::Device => b"mailward device 1",
            Self::Pseudonym => b"mailward pseudonym 1",
            Self::Place => b"mailward place 1",
            Self::Recipient => b"mailward recipient 1",
            Self::Sealing => b"mailward sealing 1",
            Self::Code => b"mailward code 1",
            Self::Handle => b"mailward handle 1",
            Self::Desk => b"mailward desk 1",
            Self::Campaign => b"mailward campaign 1",
        }
    }
}

/// The operator's keys, newest first. New hashes are made under the newest; older keys still verify.
pub struct KeyRing {
    keys: Vec<hmac::Key>,
}

impl KeyRing {
    /// The length of one key in bytes.
    pub const KEY_BYTES: usize = 32;

    /// A ring of at least one key, newest first.
    ///
    /// # Panics
    /// If `keys` is empty; reading the key file refuses an empty one first.
    pub fn new(keys: &[Secret<[u8; Self::KEY_BYTES]>]) -> Self {
        assert!(!keys.is_empty(), "a key ring has at least one key");
        Self { keys: keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose())).collect() }
    }

    /// The hash of `parts` for `purpose` under the newest key. Parts are length-prefixed: no two lists of parts collide.
    pub fn hash(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        hash_under(&self.keys[0], purpose, parts)
    }

    /// The first 32 bits of [`KeyRing::hash`]: to tell things apart where a collision costs little.
    pub fn fingerprint(&self, purpose: Purpose, parts: &[&[u8]]) -> u32 {
        let hash = self.hash(purpose, parts);
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// The first half of [`KeyRing::hash`]: to name things.
    pub fn short_hash(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 16] {
        shortened(self.hash(purpose, parts))
    }

    /// The same under every key, newest first: for finding what an older key named.
    pub fn short_hashes(&self, purpose: Purpose, parts: &[&[u8]]) -> impl Iterator<Item = [u8; 16]> {
        self.hashes(purpose, parts).map(shortened)
    }

    /// [`KeyRing::hash`] under every key, newest first: for finding what an older key made.
    pub fn hashes(&self, purpose: Purpose, parts: &[&[u8]]) -> impl Iterator<Item = [u8; 32]> {
        self.keys.iter().map(move |key| hash_under(key, purpose, parts))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

fn shortened(hash: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|at| hash[at])
}

fn hash_under(key: &hmac::Key, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose.label());
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().try_into().expect("HMAC-SHA-256 is 32 bytes long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_parts_never_collide_and_old_keys_still_find() {
        let old = KeyRing::new(&[Secret::new([1; 32])]);
        let new = KeyRing::new(&[Secret::new([2; 32]), Secret::new([1; 32])]);
        let made = old.hash(Purpose::Session, &[b"ab", b"c"]);
        assert_ne!(made, old.hash(Purpose::Session, &[b"a", b"bc"]));
        assert_ne!(made, old.hash(Purpose::Device, &[b"ab", b"c"]));
        assert_eq!(old.short_hash(Purpose::Session, &[b"ab", b"c"]), made[..16]);
        assert!(new.short_hashes(Purpose::Session, &[b"ab", b"c"]).any(|short| short == made[..16]));
        assert_ne!(made, new.hash(Purpose::Session, &[b"ab", b"c"]));
        assert!(new.hashes(Purpose::Session, &[b"ab", b"c"]).any(|found| found == made));
    }
}
