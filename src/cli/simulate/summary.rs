//! What all lines came to, for people.

use std::collections::BTreeMap;
use std::fmt;

use crate::cli::table;
use crate::domain::{Timestamp, Verdict};
use crate::simulate::Decided;
use crate::simulate::lines::{Recorded, What};

/// Accounts and days shown; the whole is in the lines.
const SHOWN: usize = 10;

/// Accounts remembered for the list of those that met most.
const ACCOUNTS_MAX: usize = 1_000_000;

/// Lines shown where two configurations differ.
const EXAMPLES: usize = 20;

#[derive(Default, Clone)]
struct Stopped {
    challenged: u64,
    restricted: u64,
    refused: u64,
    sends: u64,
}

impl Stopped {
    fn all(&self) -> u64 {
        self.challenged + self.restricted + self.refused + self.sends
    }

    fn row(&self, name: String) -> Vec<String> {
        let numbers = [self.challenged, self.restricted, self.refused, self.sends];
        std::iter::once(name).chain(numbers.iter().map(u64::to_string)).collect()
    }
}

/// Counts what was decided.
#[derive(Default)]
pub(super) struct Summary {
    sign_ins: u64,
    flagged: u64,
    failed: u64,
    throttled: u64,
    sends: u64,
    recipients_sent: u64,
    recipients_stopped: u64,
    all: Stopped,
    of_account: BTreeMap<String, Stopped>,
    of_day: BTreeMap<String, Stopped>,
    signals: BTreeMap<String, u64>,
    went_back: u64,
    latest: Option<Timestamp>,
}

impl Summary {
    pub(super) fn note(&mut self, recorded: &Recorded, decided: &Decided) {
        if self.latest.is_some_and(|latest| latest > recorded.time) {
            self.went_back += 1;
        }
        self.latest = self.latest.max(Some(recorded.time));
        let mut stopped = Stopped::default();
        match recorded.what {
            What::SignedIn { .. } => {
                self.sign_ins += 1;
                match decided.verdict {
                    Verdict::Pass => {}
                    Verdict::Flag => self.flagged += 1,
                    Verdict::Challenge => stopped.challenged = 1,
                    Verdict::Restrict => stopped.restricted = 1,
                    Verdict::Throttle | Verdict::Refuse => stopped.refused = 1,
                }
                for signal in &decided.signals {
                    *self.signals.entry(signal.name.to_string()).or_default() += 1;
                }
            }
            What::Failed => {
                self.failed += 1;
                self.throttled += u64::from(decided.verdict != Verdict::Pass);
            }
            What::Sent { recipients } => {
                self.sends += 1;
                if decided.verdict <= Verdict::Flag {
                    self.recipients_sent += u64::from(recipients);
                } else {
                    stopped.sends = 1;
                    self.recipients_stopped += u64::from(recipients);
                }
            }
            What::Nothing => {}
        }
        if stopped.all() == 0 {
            return;
        }
        let day: String = recorded.time.to_string().chars().take(10).collect();
        add(&mut self.all, &stopped);
        add(self.of_day.entry(day).or_default(), &stopped);
        if self.of_account.len() < ACCOUNTS_MAX || self.of_account.contains_key(&recorded.account) {
            add(self.of_account.entry(recorded.account.clone()).or_default(), &stopped);
        }
    }
}

fn add(to: &mut Stopped, more: &Stopped) {
    to.challenged += more.challenged;
    to.restricted += more.restricted;
    to.refused += more.refused;
    to.sends += more.sends;
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sign_ins, flagged, failed, throttled, sends, recipients_sent, recipients_stopped, all, .. } = self;
        writeln!(
            f,
            "{sign_ins} sign-ins: {} challenged, {} restricted, {} refused; {flagged} more flagged",
            all.challenged, all.restricted, all.refused
        )?;
        writeln!(f, "{failed} wrong passwords, {throttled} of them stopped by limits")?;
        writeln!(
            f,
            "{sends} messages: {} stopped; {recipients_sent} recipients written to, {recipients_stopped} not",
            all.sends
        )?;
        if self.went_back > 0 {
            writeln!(f, "{} lines are older than a line before them: put them in the order of time", self.went_back)?;
        }
        if !self.signals.is_empty() {
            let mut signals: Vec<(&String, &u64)> = self.signals.iter().collect();
            signals.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let rows: Vec<Vec<String>> =
                signals.iter().map(|(name, count)| vec![(*name).clone(), count.to_string()]).collect();
            write!(f, "\n{}", table(&["SIGNAL", "SIGN-INS"], &rows))?;
        }
        for (head, of) in [("ACCOUNT", &self.of_account), ("DAY", &self.of_day)] {
            if of.is_empty() {
                continue;
            }
            let mut most: Vec<(&String, &Stopped)> = of.iter().collect();
            most.sort_by_key(|(_, stopped)| std::cmp::Reverse(stopped.all()));
            let rows: Vec<Vec<String>> =
                most.iter().take(SHOWN).map(|(name, stopped)| stopped.row((*name).clone())).collect();
            write!(f, "\n{}", table(&[head, "CHALLENGED", "RESTRICTED", "REFUSED", "SENDS STOPPED"], &rows))?;
            if most.len() > SHOWN {
                writeln!(f, "and {} more", most.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

/// Where a second configuration decides otherwise.
#[derive(Default)]
pub(super) struct Differences {
    by_verdicts: BTreeMap<(&'static str, Verdict, Verdict), u64>,
    examples: Vec<String>,
}

impl Differences {
    pub(super) fn note(&mut self, line: u64, recorded: &Recorded, decided: &Decided, otherwise: &Decided) {
        if decided.verdict == otherwise.verdict {
            return;
        }
        let what = match recorded.what {
            What::SignedIn { .. } => "sign-in",
            What::Failed => "wrong password",
            What::Sent { .. } => "message",
            What::Nothing => return,
        };
        *self.by_verdicts.entry((what, decided.verdict, otherwise.verdict)).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            let account = crate::telemetry::plain(&recorded.account).into_owned();
            let (from, to) = (decided.verdict.name(), otherwise.verdict.name());
            self.examples.push(format!("line {line}: {what} of {account}: {from} → {to}"));
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.by_verdicts.is_empty() {
            return writeln!(f, "\nThe second configuration decides everything the same.");
        }
        let rows: Vec<Vec<String>> = self
            .by_verdicts
            .iter()
            .map(|((what, from, to), count)| {
                vec![(*what).to_owned(), from.name().to_owned(), to.name().to_owned(), count.to_string()]
            })
            .collect();
        write!(f, "\n{}", table(&["OTHERWISE", "FIRST", "SECOND", "LINES"], &rows))?;
        for example in &self.examples {
            writeln!(f, "{example}")?;
        }
        Ok(())
    }
}
