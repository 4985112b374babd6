//! In which order flags are listed, and where a list goes on.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Account, Flag, FlagStatus, Reference, Severity, Timestamp, Verdict};

/// In which order flags are listed. Those that are alike stand newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlagOrder {
    /// By their time.
    #[default]
    Newest,
    /// The most urgent first; of those, what came to the most severe verdict.
    Severity,
    /// The most messages sent since first.
    Messages,
    /// The most recipients since first.
    Recipients,
    /// By the account's name.
    Account,
}

impl FlagOrder {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Newest, Self::Severity, Self::Messages, Self::Recipients, Self::Account];

    /// The word used on the command line, in addresses and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Severity => "severity",
            Self::Messages => "messages",
            Self::Recipients => "recipients",
            Self::Account => "account",
        }
    }

    /// Reads [`FlagOrder::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// All of a flag that its place in any list depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked<'a> {
    /// Its code.
    pub code: Reference,
    /// When it was raised.
    pub time: Timestamp,
    /// What became of it.
    pub status: FlagStatus,
    /// What it came to.
    pub verdict: Verdict,
    /// Messages that left since.
    pub messages: u32,
    /// Their recipients.
    pub recipients: u32,
    /// Whose account.
    pub account: &'a str,
}

impl Ranked<'_> {
    /// How urgent a flag is, as alerts say it, and worse once mail has left; none where somebody has decided.
    pub fn severity(&self) -> Option<Severity> {
        /// More recipients than a person in doubt writes to by habit.
        const MANY_RECIPIENTS: u32 = 50;
        if self.status != FlagStatus::Open {
            return None;
        }
        let is_urgent = self.verdict >= Verdict::Challenge || self.recipients >= MANY_RECIPIENTS;
        Some(if is_urgent { Severity::Critical } else { Severity::Warning })
    }

    /// The number by which [`FlagOrder::Severity`] sorts, highest first.
    pub fn urgency(&self) -> u32 {
        let severity = self.severity().map_or(0, |severity| 1 + severity as u32);
        severity << 8 | self.verdict as u32
    }

    /// Where it stands in a list.
    pub fn place(&self, order: FlagOrder) -> FlagPlace {
        let number = match order {
            FlagOrder::Newest | FlagOrder::Account => 0,
            FlagOrder::Severity => self.urgency(),
            FlagOrder::Messages => self.messages,
            FlagOrder::Recipients => self.recipients,
        };
        let account = (order == FlagOrder::Account).then(|| Account::from_canonical(self.account));
        FlagPlace { number, account, time: self.time, code: self.code }
    }
}

impl Flag {
    /// All that its place in a list depends on.
    pub fn ranked(&self) -> Ranked<'_> {
        Ranked {
            code: self.code,
            time: self.time,
            status: self.status,
            verdict: self.verdict,
            messages: self.since.messages,
            recipients: self.since.recipients,
            account: self.account.as_str(),
        }
    }
}

/// A place in a list of one order: that of a flag as it was then. Whoever goes on behind it misses nothing that stands
/// behind it, whatever came or went before. What comes first is less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagPlace {
    /// By which it is sorted, highest first; 0 where it is not by a number.
    pub number: u32,
    /// By which it is sorted, where it is by the account.
    pub account: Option<Account>,
    /// Of those that are alike so far, the newest first.
    pub time: Timestamp,
    /// Of those of the same moment, the last first.
    pub code: Reference,
}

impl Ord for FlagPlace {
    fn cmp(&self, other: &Self) -> Ordering {
        let newest_first = || (other.time, other.code).cmp(&(self.time, self.code));
        other.number.cmp(&self.number).then_with(|| self.account.cmp(&other.account)).then_with(newest_first)
    }
}

impl PartialOrd for FlagPlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As in the address of a page: milliseconds, code without its dash, number, and the account where it is sorted by that.
impl fmt::Display for FlagPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.to_string().replace('-', "");
        write!(f, "{}-{code}-{}", self.time.as_millis(), self.number)?;
        self.account.as_ref().map_or(Ok(()), |account| write!(f, "-{account}"))
    }
}

impl FromStr for FlagPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(4, '-');
        let mut part = || parts.next().ok_or(());
        let time = Timestamp::from_millis(part()?.parse().map_err(|_| ())?);
        let code = part()?.parse().map_err(|_| ())?;
        let number = part()?.parse().map_err(|_| ())?;
        Ok(Self { time, code, number, account: parts.next().map(Account::from_canonical) })
    }
}

impl Serialize for FlagPlace {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FlagPlace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("no place in a list of flags"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::flag::tests::flag;

    fn one(code: u64, second: u64, account: &str, verdict: Verdict, messages: u32, recipients: u32) -> Flag {
        let mut flag = Flag { code: Reference::from_random(code), verdict, ..flag() };
        flag.time = Timestamp::from_millis(second);
        flag.account = Account::from_canonical(account);
        (flag.since.messages, flag.since.recipients) = (messages, recipients);
        flag
    }

    #[test]
    fn flags_are_sorted_and_what_is_alike_stands_newest_first() {
        let flags = [
            one(1, 9, "carol", Verdict::Flag, 3, 0),
            one(2, 8, "alice", Verdict::Restrict, 1, 7),
            one(3, 7, "bob", Verdict::Flag, 3, 900),
            one(4, 6, "alice", Verdict::Challenge, 0, 7),
            Flag { status: FlagStatus::Cleared, ..one(5, 5, "bob", Verdict::Refuse, 0, 0) },
        ];
        for (order, expected) in [
            (FlagOrder::Newest, [1, 2, 3, 4, 5]),
            (FlagOrder::Severity, [2, 4, 3, 1, 5]),
            (FlagOrder::Messages, [1, 3, 2, 4, 5]),
            (FlagOrder::Recipients, [3, 2, 4, 1, 5]),
            (FlagOrder::Account, [2, 4, 3, 5, 1]),
        ] {
            let mut places: Vec<FlagPlace> = flags.iter().rev().map(|flag| flag.ranked().place(order)).collect();
            places.sort();
            let codes: Vec<_> = places.iter().map(|place| place.code).collect();
            assert_eq!(codes, expected.map(Reference::from_random), "{order:?}");
            assert_eq!(FlagOrder::from_name(order.name()), Some(order));
        }
    }

    proptest! {
        #[test]
        fn a_place_is_written_and_read_back(
            code in any::<u64>(), time in 0_u64..1 << 48, number in any::<u32>(), account in proptest::option::of(".{0,9}"),
        ) {
            let place = FlagPlace {
                number,
                account: account.as_deref().map(Account::from_canonical),
                time: Timestamp::from_millis(time),
                code: Reference::from_random(code),
            };
            prop_assert_eq!(place.to_string().parse(), Ok(place));
        }

        #[test]
        fn whatever_stands_there_reading_a_place_never_panics(text in ".{0,40}") {
            let _place: Result<FlagPlace, ()> = text.parse();
        }
    }
}
