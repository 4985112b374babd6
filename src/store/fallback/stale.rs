//! Which sessions were changed elsewhere since this node saw them: what it remembers of them is not to be trusted until
//! it has asked again.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::domain::SessionHash;
use crate::store::embedded::Sessions;

/// Their hashes. At most as many as there can be sessions here.
#[derive(Default)]
pub(super) struct Stale(Mutex<HashSet<SessionHash>>);

impl Stale {
    pub(super) fn add(&self, hash: SessionHash) {
        let mut stale = self.0.lock();
        if stale.len() < Sessions::MAX {
            stale.insert(hash);
        }
    }

    pub(super) fn contains(&self, hash: &SessionHash) -> bool {
        self.0.lock().contains(hash)
    }

    /// It was asked for again.
    pub(super) fn remove(&self, hash: &SessionHash) {
        self.0.lock().remove(hash);
    }

    /// Some of them.
    pub(super) fn some(&self, most: usize) -> Vec<SessionHash> {
        self.0.lock().iter().take(most).copied().collect()
    }
}
