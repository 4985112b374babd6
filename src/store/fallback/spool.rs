//! What the shared store is still to be told: a queue in the order of time, bounded, and what did not fit is counted.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::journal::Journal;
use crate::domain::flag::Activity;
use crate::domain::{
    Account, AuditEntry, Flag, Lesson, PrefixMark, Reference, Session, SessionChange, SessionHash, SessionState,
    SiteName, Timestamp,
};
use crate::policy::limits::Receipt;
use crate::store::{Answer, Away, Lock, Raise, Store};

/// One thing that the store is still to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Untold {
    Lock(Lock),
    Mark(PrefixMark),
    Sessions {
        site: SiteName,
        account: Account,
        state: SessionState,
        except: Option<SessionHash>,
        now: Timestamp,
    },
    Change {
        hash: SessionHash,
        change: SessionChange,
        now: Timestamp,
    },
    Forget {
        site: SiteName,
        account: Account,
        device: Option<[u8; 16]>,
    },
    Unteach {
        site: SiteName,
        account: Account,
        lesson: Lesson,
        now: Timestamp,
    },
    Session {
        session: Box<Session>,
        now: Timestamp,
    },
    Flag(Box<Flag>),
    /// What else was found about a flag; where the store has no such flag, the flag that was raised in its place.
    Raise {
        code: Reference,
        raise: Raise,
        otherwise: Option<Box<Flag>>,
    },
    Activity {
        code: Reference,
        activity: Activity,
    },
    Audit(Box<AuditEntry>),
    Know {
        site: SiteName,
        account: Account,
        device: [u8; 16],
        now: Timestamp,
    },
    Teach {
        site: SiteName,
        account: Account,
        lesson: Lesson,
        now: Timestamp,
    },
    Written {
        site: SiteName,
        account: Account,
        recipients: Vec<u32>,
        now: Timestamp,
    },
    Refund {
        receipt: Receipt,
        now: Timestamp,
    },
}

/// What is bounded together, so that much of one never displaces another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Makes things stricter.
    Strict,
    /// Sign-ins.
    Session,
    /// What an operator is to see.
    Flag,
    /// What makes later judgements better, and what gives charges back.
    Learned,
}

impl Class {
    const COUNT: usize = 4;

    /// Some 500 bytes each.
    const fn most(self) -> usize {
        match self {
            Self::Strict | Self::Session | Self::Learned => 20_000,
            Self::Flag => 10_000,
        }
    }
}

impl Untold {
    const fn class(&self) -> Class {
        match self {
            Self::Lock(_)
            | Self::Mark(_)
            | Self::Sessions { .. }
            | Self::Change { .. }
            | Self::Forget { .. }
            | Self::Unteach { .. } => Class::Strict,
            Self::Session { .. } => Class::Session,
            Self::Flag(_) | Self::Raise { .. } | Self::Activity { .. } | Self::Audit(_) => Class::Flag,
            Self::Know { .. } | Self::Teach { .. } | Self::Written { .. } | Self::Refund { .. } => Class::Learned,
        }
    }

    /// Tells the store.
    pub(super) fn tell<'a>(&'a self, store: &'a dyn Store) -> Answer<'a, ()> {
        Box::pin(async move {
            match self {
                Self::Lock(lock) => store.lock(lock.clone()).await?,
                Self::Mark(mark) => store.mark_prefix(mark.clone()).await?,
                Self::Sessions { site, account, state, except, now } => {
                    store.set_account_sessions(site, account, *state, *except, *now).await?;
                }
                Self::Change { hash, change, now } => {
                    store.change_session(hash, change.clone(), *now).await?;
                }
                Self::Forget { site, account, device } => {
                    store.forget_devices(site, account, *device).await?;
                }
                Self::Unteach { site, account, lesson, now } => {
                    store.unteach(site, account, lesson.clone(), *now).await?;
                }
                Self::Session { session, now } => store.put_session((**session).clone(), *now).await?,
                Self::Flag(flag) => store.put_flag((**flag).clone()).await?,
                Self::Raise { code, raise, otherwise } => {
                    let known = store.raise_flag(code, raise.clone()).await?;
                    if let Some(flag) = otherwise.as_ref().filter(|_| !known) {
                        store.put_flag((**flag).clone()).await?;
                    }
                }
                Self::Activity { code, activity } => store.add_to_flag(code, activity.clone()).await?,
                Self::Audit(entry) => store.note_audit((**entry).clone()).await?,
                Self::Know { site, account, device, now } => {
                    store.know_device(site, account, *device, *now).await?;
                }
                Self::Teach { site, account, lesson, now } => {
                    store.teach(site, account, lesson.clone(), *now).await?;
                }
                Self::Written { site, account, recipients, now } => {
                    store.note_written(site, account, recipients.clone(), *now).await?;
                }
                Self::Refund { receipt, now } => store.refund(receipt, *now).await?,
            }
            Ok(())
        })
    }
}

/// All that waits.
#[derive(Default)]
pub(super) struct Spool(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    untold: VecDeque<Untold>,
    counts: [usize; Class::COUNT],
    lost: u64,
    journal: Option<Journal>,
}

impl Waiting {
    /// Whether there was room for it.
    fn take(&mut self, untold: Untold) -> bool {
        let class = untold.class();
        if self.counts[class as usize] >= class.most() {
            return false;
        }
        self.counts[class as usize] += 1;
        if let Some(journal) = &mut self.journal {
            journal.add(&untold);
        }
        self.untold.push_back(untold);
        true
    }
}

impl Spool {
    /// One that outlives the process, and begins with what the one before did not tell.
    pub(super) fn kept(path: &Path) -> io::Result<Self> {
        let (journal, untold) = Journal::open(path)?;
        let mut waiting = Waiting::default();
        for one in untold {
            // It was within the bounds when it was written.
            waiting.counts[one.class() as usize] += 1;
            waiting.untold.push_back(one);
        }
        waiting.journal = Some(journal);
        Ok(Self(Mutex::new(waiting)))
    }

    /// Queues it, or counts it as lost where too much of its kind waits already.
    pub(super) fn push(&self, untold: Untold) {
        let mut waiting = self.0.lock();
        if !waiting.take(untold) {
            waiting.lost += 1;
        }
    }

    /// The same for something that the caller is told could not be kept.
    pub(super) fn push_or_refuse(&self, untold: Untold) -> Result<(), Away> {
        if self.0.lock().take(untold) {
            return Ok(());
        }
        Err(Away { what: "too much waits already to be told to the store".into() })
    }

    /// Everything that was taken out was told. Where nothing waits any more, nothing needs to outlive the process.
    pub(super) fn all_told(&self) {
        let waiting = &mut *self.0.lock();
        if let (true, Some(journal)) = (waiting.untold.is_empty(), &mut waiting.journal) {
            journal.clear();
        }
    }

    /// Takes out what was queued first.
    pub(super) fn pop(&self) -> Option<Untold> {
        let mut waiting = self.0.lock();
        let first = waiting.untold.pop_front()?;
        waiting.counts[first.class() as usize] -= 1;
        Some(first)
    }

    /// It could not be told; it is the first again.
    pub(super) fn put_back(&self, untold: Untold) {
        let mut waiting = self.0.lock();
        waiting.counts[untold.class() as usize] += 1;
        waiting.untold.push_front(untold);
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.0.lock().untold.len()
    }

    /// How much was lost since this was last asked.
    pub(super) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.0.lock().lost)
    }

    /// The flag that waits under this code, as it will be told.
    pub(super) fn flag(&self, code: &Reference) -> Option<Flag> {
        self.0.lock().untold.iter_mut().rev().find_map(|untold| flag_in(untold, code)).cloned()
    }

    /// Raises a flag that waits; says whether one does.
    pub(super) fn raise(&self, code: &Reference, raise: &Raise) -> bool {
        let waiting = &mut *self.0.lock();
        let Some(flag) = waiting.untold.iter_mut().rev().find_map(|untold| flag_in(untold, code)) else { return false };
        flag.raise(raise.verdict, &raise.signals, raise.stopped_by.as_deref());
        if let Some(journal) = &mut waiting.journal {
            journal.add(&Untold::Raise { code: *code, raise: raise.clone(), otherwise: None });
        }
        true
    }

    /// Queues a flag: as what is told where the store does not know the one that is to be raised under this code, if there
    /// is such a one.
    pub(super) fn push_flag(&self, flag: Flag) {
        let waiting = &mut *self.0.lock();
        let under_its_code = |untold: &&mut Untold| match untold {
            Untold::Raise { code, .. } => *code == flag.code,
            Untold::Flag(waits) => waits.code == flag.code,
            _ => false,
        };
        match waiting.untold.iter_mut().rev().find(under_its_code) {
            Some(untold) => {
                if let Untold::Raise { otherwise, .. } = untold {
                    *otherwise = Some(Box::new(flag));
                } else {
                    *untold = Untold::Flag(Box::new(flag));
                }
                if let Some(journal) = &mut waiting.journal {
                    journal.add(untold);
                }
            }
            None => {
                if !waiting.take(Untold::Flag(Box::new(flag))) {
                    waiting.lost += 1;
                }
            }
        }
    }
}

fn flag_in<'u>(untold: &'u mut Untold, wanted: &Reference) -> Option<&'u mut Flag> {
    match untold {
        Untold::Flag(flag) if flag.code == *wanted => Some(flag),
        Untold::Raise { code, otherwise: Some(flag), .. } if code == wanted => Some(flag),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Verdict;

    fn lock(account: &str) -> Untold {
        Untold::Lock(Lock {
            site: "site".into(),
            account: Account::from_canonical(account),
            since: Timestamp::from_millis(0),
            note: String::new(),
        })
    }

    fn activity() -> Untold {
        Untold::Activity { code: Reference::from_random(1), activity: Activity::default() }
    }

    #[test]
    fn much_of_one_kind_displaces_no_other_and_what_is_lost_is_counted() {
        let spool = Spool::default();
        for _ in 0..Class::Flag.most() + 7 {
            spool.push(activity());
        }
        assert_eq!((spool.len(), spool.take_lost(), spool.take_lost()), (Class::Flag.most(), 7, 0));
        assert!(spool.push_or_refuse(lock("alice")).is_ok(), "a lock has room of its own");
        for _ in 1..Class::Strict.most() {
            spool.push(lock("alice"));
        }
        assert!(spool.push_or_refuse(lock("bob")).is_err());
        assert_eq!(spool.take_lost(), 0, "whoever asked was told");
        assert_eq!(spool.pop(), Some(activity()));
        spool.push(activity());
        assert_eq!(spool.take_lost(), 0, "there is room again");
    }

    #[test]
    fn what_was_queued_first_is_told_first() {
        let spool = Spool::default();
        spool.push(lock("alice"));
        spool.push(activity());
        let first = spool.pop().expect("two wait");
        assert_eq!(first, lock("alice"));
        spool.put_back(first);
        assert_eq!(spool.pop(), Some(lock("alice")), "until it is told");
        assert_eq!((spool.pop(), spool.pop()), (Some(activity()), None));
    }

    #[test]
    fn what_waits_outlives_the_process_and_what_was_told_does_not_come_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("untold.jsonl");
        let open = || Spool::kept(&path).expect("it opens");
        let flag = crate::domain::flag::tests::flag();
        let raise = Raise { verdict: Verdict::Restrict, signals: Vec::new(), stopped_by: None };
        let spool = open();
        spool.push(lock("alice"));
        spool.push_flag(flag.clone());
        assert!(spool.raise(&flag.code, &raise));
        std::io::Write::write_all(
            &mut std::fs::OpenOptions::new().append(true).open(&path).expect("it is there"),
            b"{\"Lock\":{\"si",
        )
        .expect("writable");
        drop(spool);
        let spool = open();
        assert_eq!(spool.pop(), Some(lock("alice")));
        assert_eq!(spool.pop(), Some(Untold::Flag(Box::new(flag.clone()))));
        spool.all_told();
        assert_eq!(open().len(), 3, "one waits still");
        assert_eq!(spool.pop(), Some(Untold::Raise { code: flag.code, raise, otherwise: None }));
        spool.all_told();
        assert_eq!(open().len(), 0);
        spool.push(activity());
        assert_eq!(open().pop(), Some(activity()));
    }

    #[test]
    fn a_flag_that_waits_is_raised_where_it_waits_and_another_under_its_code_takes_its_place() {
        let spool = Spool::default();
        let flag = crate::domain::flag::tests::flag();
        let raise = Raise { verdict: Verdict::Restrict, signals: Vec::new(), stopped_by: Some("rule".into()) };
        assert!(!spool.raise(&flag.code, &raise));
        spool.push(Untold::Raise { code: flag.code, raise: raise.clone(), otherwise: None });
        assert!(!spool.raise(&flag.code, &raise), "it is not known whether the store has it");
        spool.push_flag(flag.clone());
        assert_eq!(spool.len(), 1, "in place of the one that the store may not have");
        assert!(spool.raise(&flag.code, &raise));
        assert_eq!(spool.flag(&flag.code).map(|flag| flag.verdict), Some(Verdict::Restrict));
    }
}
