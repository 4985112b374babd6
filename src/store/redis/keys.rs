//! What stands under which key.

use crate::domain::flag::FlagStatus;
use crate::domain::{Account, Country, Reference, SessionHash, SiteName, Span, Timestamp, Trace};
use crate::policy::limits::CounterKey;
use crate::store::KeptKind;

/// Into how many parts everything is divided. All keys of one account are in one part, and in a Cluster all keys of a part
/// are in one slot, so that one script reaches them. More parts than a Cluster of this size has masters.
pub(super) const SHARDS: u8 = 64;

/// Names of keys, all with the same beginning.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

/// A key of this store that holds a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Session { site: SiteName, account: Account },
    Lock,
    Devices { site: SiteName, account: Account },
    Profile { site: SiteName, account: Account },
    Correspondents { site: SiteName, account: Account },
    Flag,
    Counter(CounterKey),
    Kept(KeptKind, [u8; 16]),
    Factors { site: SiteName, account: Account },
    Operators,
    Marks,
    Campaign,
}

impl Keys {
    /// `prefix` holds no brace: braces say which keys belong together.
    pub(super) const fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// A pattern, as Redis reads them, of all keys whose names begin with `beginning`.
    pub(super) fn pattern(&self, beginning: &str) -> String {
        let escape = |c: char| if "*?[]^-\\".contains(c) { vec!['\\', c] } else { vec![c] };
        self.prefix.chars().flat_map(escape).chain(beginning.chars()).chain(['*']).collect()
    }

    pub(super) fn schema(&self) -> String {
        format!("{}schema", self.prefix)
    }

    /// In which part an account's keys are.
    pub(super) fn shard(site: &str, account: &Account) -> u8 {
        part([site, "/", account.as_str()])
    }

    fn in_shard(&self, kind: &str, shard: u8, rest: &str) -> String {
        format!("{}{kind}:{{{shard}}}:{rest}", self.prefix)
    }

    fn of_account(&self, kind: &str, site: &str, account: &Account) -> String {
        format!("{}{kind}:{{{}}}:{site}/{account}", self.prefix, Self::shard(site, account))
    }

    pub(super) fn log(&self, shard: u8) -> String {
        self.in_shard("log", shard, "")
    }

    pub(super) fn probe(&self, shard: u8) -> String {
        self.in_shard("probe", shard, "")
    }

    /// Whose session it is.
    pub(super) fn whose(&self, hash: &SessionHash) -> String {
        let hash = hash.to_string();
        self.in_shard("whose", part([hash.as_str()]), &hash)
    }

    /// The keys of an account's sessions without their hashes.
    pub(super) fn sessions_begin(&self, site: &str, account: &Account) -> String {
        format!("{}:", self.of_account("session", site, account))
    }

    pub(super) fn session(&self, site: &str, account: &Account, hash: &SessionHash) -> String {
        format!("{}{hash}", self.sessions_begin(site, account))
    }

    pub(super) fn sessions(&self, site: &str, account: &Account) -> String {
        self.of_account("sessions", site, account)
    }

    /// All sessions of a part at a site.
    pub(super) fn live(&self, shard: u8, site: &str) -> String {
        self.in_shard("live", shard, site)
    }

    pub(super) fn lock(&self, site: &str, account: &Account) -> String {
        self.of_account("lock", site, account)
    }

    pub(super) fn locks(&self, shard: u8) -> String {
        self.in_shard("locks", shard, "")
    }

    pub(super) fn devices(&self, site: &str, account: &Account) -> String {
        self.of_account("devices", site, account)
    }

    pub(super) fn profile(&self, site: &str, account: &Account) -> String {
        self.of_account("profile", site, account)
    }

    pub(super) fn correspondents(&self, site: &str, account: &Account) -> String {
        self.of_account("written", site, account)
    }

    pub(super) fn factors(&self, site: &str, account: &Account) -> String {
        self.of_account("factors", site, account)
    }

    pub(super) fn kept(&self, kind: KeptKind, id: [u8; 16]) -> String {
        format!("{}kept:{{{}}}:{}", self.prefix, kind.name(), data_encoding::HEXLOWER.encode(&id))
    }

    pub(super) fn kept_until(&self, kind: KeptKind) -> String {
        format!("{}until:{{{}}}", self.prefix, kind.name())
    }

    pub(super) fn kept_bytes(&self, kind: KeptKind) -> String {
        format!("{}bytes:{{{}}}", self.prefix, kind.name())
    }

    pub(super) fn flag(&self, code: &Reference) -> String {
        format!("{}flag:{{flags}}:{code}", self.prefix)
    }

    pub(super) fn flags(&self) -> String {
        format!("{}flags:{{flags}}", self.prefix)
    }

    pub(super) fn flags_by_status(&self, status: FlagStatus) -> String {
        format!("{}flags:{{flags}}:status:{}", self.prefix, status.name())
    }

    pub(super) fn flags_by_account(&self, account: &Account) -> String {
        format!("{}flags:{{flags}}:account:{account}", self.prefix)
    }

    pub(super) fn flags_by_country(&self, country: Country) -> String {
        format!("{}flags:{{flags}}:country:{country}", self.prefix)
    }

    /// All past events.
    pub(super) fn events(&self) -> String {
        format!("{}events:{{events}}", self.prefix)
    }

    /// The numbers of an account's, at whichever site.
    pub(super) fn events_of(&self, account: &Account) -> String {
        format!("{}events:{{events}}:{account}", self.prefix)
    }

    pub(super) fn tallies(&self, span: Span, start: Timestamp) -> String {
        format!("{}tallies:{{events}}:{}:{}", self.prefix, span.lasts().as_secs(), start.as_millis())
    }

    /// What accounts sent in an hour: `messages` or `recipients`.
    pub(super) fn senders(&self, what: &str, hour: Timestamp) -> String {
        format!("{}{what}:{{events}}:{}", self.prefix, hour.as_millis())
    }

    pub(super) fn campaign(&self, code: &Reference) -> String {
        format!("{}campaign:{{campaigns}}:{code}", self.prefix)
    }

    /// What stands there is the code of the campaign that has it.
    pub(super) fn trace(&self, trace: Trace) -> String {
        format!("{}trace:{{campaigns}}:{trace:?}", self.prefix)
    }

    /// Those that somebody was told of, or the others.
    pub(super) fn campaigns(&self, is_told: bool) -> String {
        format!("{}{}:{{campaigns}}", self.prefix, if is_told { "told" } else { "watched" })
    }

    /// Those that a session sent messages of.
    pub(super) fn campaigns_of(&self, session: &SessionHash) -> String {
        format!("{}sent:{{campaigns}}:{session}", self.prefix)
    }

    pub(super) fn audit(&self) -> String {
        format!("{}audit:{{audit}}:", self.prefix)
    }

    pub(super) fn operators(&self) -> String {
        format!("{}operators:{{audit}}:", self.prefix)
    }

    pub(super) fn marks(&self) -> String {
        format!("{}marks:{{audit}}:", self.prefix)
    }

    pub(super) fn nodes(&self) -> String {
        format!("{}nodes:{{audit}}:", self.prefix)
    }

    /// A counter, and the part it is in.
    pub(super) fn counter(&self, key: &CounterKey) -> (String, u8) {
        let shard = part([counted(key)]);
        (self.in_shard("counter", shard, &key.0), shard)
    }

    /// What stands under a key; none where it is an index, or no key of ours.
    pub(super) fn holds(&self, key: &str) -> Option<Holds> {
        let (kind, rest) = key.strip_prefix(&self.prefix)?.split_once(":{")?;
        let (tag, rest) = rest.split_once("}:")?;
        let account = |text: &str| {
            let (site, account) = text.split_once('/')?;
            Some((SiteName::from(site), Account::from_canonical(account)))
        };
        Some(match kind {
            "session" => {
                let (site, account) = account(rest.rsplit_once(':')?.0)?;
                Holds::Session { site, account }
            }
            "lock" => Holds::Lock,
            "devices" => account(rest).map(|(site, account)| Holds::Devices { site, account })?,
            "profile" => account(rest).map(|(site, account)| Holds::Profile { site, account })?,
            "written" => account(rest).map(|(site, account)| Holds::Correspondents { site, account })?,
            "factors" => account(rest).map(|(site, account)| Holds::Factors { site, account })?,
            "flag" => Holds::Flag,
            "operators" => Holds::Operators,
            "marks" => Holds::Marks,
            "campaign" => Holds::Campaign,
            "counter" => Holds::Counter(CounterKey(rest.to_owned())),
            "kept" => {
                let id = data_encoding::HEXLOWER.decode(rest.as_bytes()).ok()?;
                Holds::Kept(KeptKind::from_name(tag)?, id.try_into().ok()?)
            }
            _ => return None,
        })
    }
}

/// Whom a counter counts: an account, where its subject goes on behind that, so that it is in the account's part. Any other
/// answer would be right as well, and cost a further script in a Cluster.
fn counted(key: &CounterKey) -> &str {
    let subject = key.0.split_once('|').map_or(&*key.0, |(_, subject)| subject);
    let further = match key.name() {
        "failures_per_account_and_device" => 1,
        // A prefix and a limit have a slash of their own.
        "failures_per_account_and_prefix" | "failures_per_account_and_own_prefix" | "alerts_told_per_account" => 2,
        _ => 0,
    };
    (0..further).fold(subject, |subject, _| subject.rsplit_once('/').map_or(subject, |(before, _)| before))
}

/// FNV-1a: the same on every node and in every version.
fn part<'a>(texts: impl IntoIterator<Item = &'a str>) -> u8 {
    let bytes = texts.into_iter().flat_map(str::bytes);
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The upper bits are the better mixed ones.
    u8::try_from((hash >> 48) % u64::from(SHARDS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_counts_an_account_is_in_the_accounts_part() {
        let keys = Keys::new("mailward:".into());
        for name in ["alice", "a/b", "a}b{c", "", "ålïçé@example.org"] {
            let account = Account::from_canonical(name);
            let shard = Keys::shard("webmail.example.edu", &account);
            for (counter, subject) in [
                ("recipients_per_account", ""),
                ("failures_per_account", ""),
                ("failures_per_account_and_prefix", "/192.0.2.7/32"),
                ("failures_per_account_and_own_prefix", "/2001:db8:1:2::/64"),
                ("failures_per_account_and_device", "/09090909090909090909090909090909"),
                ("alerts_told_per_account", "/100/5m"),
            ] {
                let key = CounterKey::new(counter, format_args!("webmail.example.edu/{account}{subject}"));
                assert_eq!(keys.counter(&key).1, shard, "{key:?}");
            }
            let tag = format!(":{{{shard}}}:");
            for key in [
                keys.profile("webmail.example.edu", &account),
                keys.session("webmail.example.edu", &account, &SessionHash([1; 16])),
                keys.lock("webmail.example.edu", &account),
            ] {
                // A Cluster looks at what is between the first pair of braces.
                let first = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(first, _)| first);
                assert_eq!(first, Some(&*shard.to_string()), "{key}");
                assert!(key.contains(&tag));
            }
        }
    }

    #[test]
    fn a_key_says_what_stands_under_it() {
        let keys = Keys::new("p:".into());
        let (site, account) = (SiteName::from("webmail.example.edu"), Account::from_canonical("a/b:{c}"));
        let whose = || (SiteName::clone(&site), account.clone());
        let (one, two) = (whose(), whose());
        let hash = SessionHash([1; 16]);
        let counter = CounterKey::new("x", "a}:{b");
        for (key, holds) in [
            (keys.session(&site, &account, &hash), Some(Holds::Session { site: one.0, account: one.1 })),
            (keys.profile(&site, &account), Some(Holds::Profile { site: two.0, account: two.1 })),
            (keys.counter(&counter).0, Some(Holds::Counter(counter))),
            (keys.kept(KeptKind::Code, [7; 16]), Some(Holds::Kept(KeptKind::Code, [7; 16]))),
            (keys.sessions(&site, &account), None),
            (keys.schema(), None),
            ("other:profile:{1}:a/b".into(), None),
        ] {
            assert_eq!(keys.holds(&key), holds, "{key}");
        }
    }
}
