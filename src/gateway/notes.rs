//! What is remembered of an account or a session besides what the store has words for: small, sealed, for a time.
//!
//! A note is found under a keyed hash of what it is about, so the store learns neither whose it is nor what it says. It
//! knows no HTTP: whoever has a store and the keys reads and writes notes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Account, KeyRing, Purpose, Sealing, Secret, SessionHash, SiteName, Timestamp};
use crate::store::{Away, Kept, KeptKind, Store};

/// What a note is about.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// Since when an account's password is known to be bad.
    BadPassword(&'a SiteName, &'a Account),
    /// This session reads only until its password is changed.
    Overdue(&'a SessionHash),
    /// How the password of an account begins that was right last.
    LatestPassword(&'a SiteName, &'a Account),
    /// What opens the lock on an account.
    Opener(&'a SiteName, &'a Account),
    /// That an account's owner was invited to set up a second proof.
    Invited(&'a SiteName, &'a Account),
}

impl About<'_> {
    fn parts(&self) -> [&[u8]; 3] {
        let (what, site, account): (&[u8], _, _) = match self {
            Self::Overdue(session) => return [b"overdue", &session.0, b""],
            Self::BadPassword(site, account) => (b"bad password", site, account),
            Self::LatestPassword(site, account) => (b"latest password", site, account),
            Self::Opener(site, account) => (b"opener", site, account),
            Self::Invited(site, account) => (b"invited", site, account),
        };
        [what, site.as_bytes(), account.as_str().as_bytes()]
    }

    /// Under which it may be found: by the newest key first, then by those that made older ones.
    fn ids(&self, keys: &KeyRing) -> Vec<[u8; 16]> {
        keys.short_hashes(Purpose::Handle, &self.parts()).collect()
    }
}

/// Reads a note; none where there is none, or it cannot be read any more.
///
/// # Errors
/// The store is away.
pub async fn read<T: DeserializeOwned>(
    store: &dyn Store,
    keys: &KeyRing,
    about: About<'_>,
    now: Timestamp,
) -> Result<Option<T>, Away> {
    for id in about.ids(keys) {
        if let Some(kept) = store.kept(KeptKind::Note, id, now).await? {
            return Ok(opened(keys, &kept));
        }
    }
    Ok(None)
}

/// Writes a note in place of an earlier one; it is forgotten after `until`.
///
/// # Errors
/// The store is away, or has no room.
pub async fn write<T: Serialize>(
    store: &dyn Store,
    keys: &KeyRing,
    about: About<'_>,
    note: &T,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Away> {
    let id = keys.short_hash(Purpose::Handle, &about.parts());
    let plain = Secret::new(serde_json::to_vec(note).expect("numbers and words"));
    // Two notes of one place and moment would show that they say the same, and nothing else: the cipher forgives that.
    let nonce = keys.hash(Purpose::Handle, &[b"nonce", &id, &now.as_millis().to_be_bytes()]);
    let mut short = [0; 12];
    short.copy_from_slice(&nonce[..12]);
    let sealed = keys.seal(Sealing::Note, &[&id], &plain, short);
    store.keep(Kept { kind: KeptKind::Note, id, until, sealed }, now).await
}

/// Takes a note away, to exactly one of all who ask.
///
/// # Errors
/// The store is away.
pub async fn take<T: DeserializeOwned>(
    store: &dyn Store,
    keys: &KeyRing,
    about: About<'_>,
    now: Timestamp,
) -> Result<Option<T>, Away> {
    let mut taken = None;
    for id in about.ids(keys) {
        let kept = store.take(KeptKind::Note, id, now).await?;
        taken = taken.or(kept.and_then(|kept| opened(keys, &kept)));
    }
    Ok(taken)
}

fn opened<T: DeserializeOwned>(keys: &KeyRing, kept: &Kept) -> Option<T> {
    let plain = keys.open(Sealing::Note, &[&kept.id], &kept.sealed)?;
    serde_json::from_slice(plain.expose()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_has_a_place_of_its_own_and_is_found_when_the_key_has_changed() {
        let (old, new) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let before = KeyRing::new(std::slice::from_ref(&old));
        let after = KeyRing::new(&[new, old]);
        let site: SiteName = "webmail.example.edu".into();
        let (alice, bob) = (Account::from_canonical("alice"), Account::from_canonical("bob"));
        let session = SessionHash([7; 16]);
        let abouts = [
            About::BadPassword(&site, &alice),
            About::BadPassword(&site, &bob),
            About::LatestPassword(&site, &alice),
            About::Opener(&site, &alice),
            About::Invited(&site, &alice),
            About::Overdue(&session),
        ];
        let mut found = std::collections::HashSet::new();
        for about in abouts {
            let [id] = about.ids(&before)[..] else { panic!("one key, one place") };
            assert!(found.insert(id), "{about:?}");
            assert_eq!(about.ids(&after)[1], id);
        }
    }
}
