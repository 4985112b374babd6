//! Accounts under one name, however they were typed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A canonical login name: trimmed, lower-case, tags stripped, the site's own domain folded away, aliases mapped.
///
/// Only [`AccountFolding::fold`] makes one from what a person typed, so two spellings of an account never count apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(Arc<str>);

impl Account {
    /// An account whose name is canonical already: read back from the store or an event.
    pub fn from_canonical(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The canonical name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// How one site folds the names people type into accounts.
#[derive(Clone, Debug, Default)]
pub struct AccountFolding {
    /// `a@<this>` is `a`.
    pub default_domain: Option<String>,
    /// Canonical alias → canonical account.
    pub aliases: HashMap<String, String>,
}

impl AccountFolding {
    /// The longest name that is folded; longer ones are cut there, which no real login reaches.
    pub const NAME_MAX: usize = 320;

    /// The account that `typed` names. Never fails: a name that cannot exist is an account that cannot sign in.
    pub fn fold(&self, typed: &str) -> Account {
        let mut name = strip_tags(typed).trim().to_lowercase();
        if let Some(cut) = name.char_indices().nth(Self::NAME_MAX).map(|(at, _)| at) {
            name.truncate(cut);
        }
        if let Some(domain) = &self.default_domain
            && let Some((local, found)) = name.rsplit_once('@')
            && found.eq_ignore_ascii_case(domain)
            && !local.is_empty()
        {
            name.truncate(local.len());
        }
        Account(Arc::from(self.aliases.get(&name).unwrap_or(&name).as_str()))
    }
}

impl AccountFolding {
    /// The mailbox of an account, as it is written to; none where nothing says at which domain it is.
    pub fn mailbox(&self, account: &Account) -> Option<String> {
        let name = account.as_str();
        if name.contains('@') {
            return Some(name.to_owned());
        }
        self.default_domain.as_ref().map(|domain| format!("{name}@{domain}"))
    }
}

/// What Roundcube's `strip_tags` leaves of a login name: everything between `<` and `>` goes.
fn strip_tags(typed: &str) -> String {
    let mut inside = false;
    typed
        .chars()
        .filter(|&c| {
            let keep = !inside && c != '<' && !c.is_control();
            match c {
                '<' => inside = true,
                '>' if inside => inside = false,
                _ => {}
            }
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_one_account() {
        let folding = AccountFolding {
            default_domain: Some("example.edu".into()),
            aliases: HashMap::from([("a.liddell".into(), "alice".into())]),
        };
        for typed in [
            "alice",
            " ALICE ",
            "al<x>ice",
            "alice@example.edu",
            "Alice@EXAMPLE.edu\n",
            "a.liddell",
            "A.Liddell@example.edu",
        ] {
            assert_eq!(folding.fold(typed).as_str(), "alice", "{typed:?}");
        }
        for (name, mailbox) in [("alice", Some("alice@example.edu")), ("bob@other.edu", Some("bob@other.edu"))] {
            assert_eq!(folding.mailbox(&Account::from_canonical(name)).as_deref(), mailbox);
        }
        assert_eq!(AccountFolding::default().mailbox(&Account::from_canonical("alice")), None);
        for (typed, account) in [("alice@other.edu", "alice@other.edu"), ("@example.edu", "@example.edu"), ("", "")] {
            assert_eq!(folding.fold(typed).as_str(), account, "{typed:?}");
        }
    }
}
