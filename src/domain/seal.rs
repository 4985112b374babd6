//! Sealing what must be kept but never read by whoever reads the store: factors, held messages, challenges under way.
//!
//! AES-256-GCM-SIV under a key derived from the operator's newest one; older keys still open. Purpose and owner are bound
//! in, so what was sealed for one account or one use opens for no other. The nonce comes in from outside; should two ever
//! be the same, this cipher then shows only that two sealed texts are equal.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};

use super::{KeyRing, Purpose, Secret};

/// What is sealed. Part of what is authenticated: one never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// What an account can prove itself with.
    Factors,
    /// A challenge under way.
    Challenge,
    /// A code or a permission that lives for minutes.
    Code,
    /// A request that waits for a proof.
    Held,
    /// Something remembered of an account or a session.
    Note,
    /// An operator: password, factors, role, tokens.
    Operator,
    /// A session at the administrator's desk.
    Desk,
}

impl Sealing {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Factors => b"factors 1",
            Self::Challenge => b"challenge 1",
            Self::Code => b"code 1",
            Self::Held => b"held 1",
            Self::Note => b"note 1",
            Self::Operator => b"operator 1",
            Self::Desk => b"desk 1",
        }
    }
}

/// The first byte of everything sealed in this way.
const VERSION: u8 = 1;

const KEY_ID_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_LEN;

/// Bytes that sealing adds.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + MAX_TAG_LEN;

impl KeyRing {
    /// Seals `plain` for an owner, such as site and account. `nonce` is random and used once.
    pub fn seal(&self, what: Sealing, owner: &[&[u8]], plain: &Secret<Vec<u8>>, nonce: [u8; NONCE_LEN]) -> Vec<u8> {
        let key = SealingKey::of(&self.hash(Purpose::Sealing, &[]));
        let mut sealed = Vec::with_capacity(plain.expose().len() + OVERHEAD_BYTES);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        let mut text = zeroize::Zeroizing::new(Vec::with_capacity(plain.expose().len() + MAX_TAG_LEN));
        text.extend_from_slice(plain.expose());
        key.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound(what, owner)), &mut *text)
            .expect("what is sealed is far shorter than the cipher's bound of 64 GiB");
        sealed.extend_from_slice(&text);
        sealed
    }

    /// Opens what [`KeyRing::seal`] made for the same use and owner, under whichever key is still in the ring. None where
    /// it was made for another, was changed, or its key is gone. `sealed` may have been written by whoever writes the
    /// store.
    pub fn open(&self, what: Sealing, owner: &[&[u8]], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (head, text) = sealed.split_at_checked(HEAD_BYTES)?;
        let (&version, head) = head.split_first()?;
        let (id, nonce) = head.split_at_checked(KEY_ID_BYTES)?;
        if version != VERSION {
            return None;
        }
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        let bound = bound(what, owner);
        self.hashes(Purpose::Sealing, &[]).map(|key| SealingKey::of(&key)).filter(|key| key.id == *id).find_map(|key| {
            let mut text = zeroize::Zeroizing::new(text.to_vec());
            let nonce = Nonce::assume_unique_for_key(nonce);
            let plain = key.key.open_in_place(nonce, Aad::from(&bound), &mut text).ok()?;
            Some(Secret::new(plain.to_vec()))
        })
    }
}

struct SealingKey {
    /// Tells keys of a ring apart, so that the right one is found without trying all.
    id: [u8; KEY_ID_BYTES],
    key: LessSafeKey,
}

impl SealingKey {
    fn of(derived: &[u8; 32]) -> Self {
        let id = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[derived.as_slice(), b"id"].concat());
        let mut short = [0; KEY_ID_BYTES];
        short.copy_from_slice(&id.as_ref()[..KEY_ID_BYTES]);
        let key = UnboundKey::new(&AES_256_GCM_SIV, derived).expect("the key has the cipher's length");
        Self { id: short, key: LessSafeKey::new(key) }
    }
}

/// Use and owner, length-prefixed: no two lists are the same bytes.
fn bound(what: Sealing, owner: &[&[u8]]) -> Vec<u8> {
    let mut bound = what.label().to_vec();
    for part in owner {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[u8]) -> KeyRing {
        KeyRing::new(&keys.iter().map(|key| Secret::new([*key; 32])).collect::<Vec<_>>())
    }

    const ALICE: &[&[u8]] = &[b"webmail.example.edu", b"alice"];

    #[test]
    fn what_was_sealed_opens_for_the_same_use_and_owner_only() {
        let keys = ring(&[1]);
        let plain = Secret::new(b"a shared secret".to_vec());
        let sealed = keys.seal(Sealing::Factors, ALICE, &plain, [9; 12]);
        assert_eq!(sealed.len(), plain.expose().len() + OVERHEAD_BYTES);
        assert!(!sealed.windows(6).any(|bytes| bytes == b"shared"));
        assert_eq!(keys.open(Sealing::Factors, ALICE, &sealed), Some(plain));
        assert_eq!(keys.open(Sealing::Held, ALICE, &sealed), None, "another use");
        for owner in [&[&b"webmail.example.edu"[..], b"bob"][..], &[b"webmail.example.edualice"], &[]] {
            assert_eq!(keys.open(Sealing::Factors, owner, &sealed), None, "{owner:?}");
        }
        assert_eq!(ring(&[2]).open(Sealing::Factors, ALICE, &sealed), None, "another key");
    }

    #[test]
    fn a_changed_byte_anywhere_and_every_shorter_text_is_refused() {
        let keys = ring(&[1]);
        let sealed = keys.seal(Sealing::Code, ALICE, &Secret::new(b"123456".to_vec()), [9; 12]);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(keys.open(Sealing::Code, ALICE, &changed), None, "byte {place}");
            assert_eq!(keys.open(Sealing::Code, ALICE, &sealed[..place]), None, "{place} bytes");
        }
    }

    #[test]
    fn a_rotated_key_still_opens_and_a_removed_one_does_not() {
        let plain = Secret::new(vec![7; 100]);
        let old = ring(&[1]).seal(Sealing::Held, ALICE, &plain, [9; 12]);
        let rotated = ring(&[2, 1]);
        assert_eq!(rotated.open(Sealing::Held, ALICE, &old), Some(plain.clone()));
        let new = rotated.seal(Sealing::Held, ALICE, &plain, [9; 12]);
        assert_eq!(ring(&[2]).open(Sealing::Held, ALICE, &new), Some(plain));
        assert_eq!(ring(&[2]).open(Sealing::Held, ALICE, &old), None);
    }
}
