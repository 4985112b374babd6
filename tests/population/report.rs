//! What Mailward made of the population: thieves stopped, owners troubled.
//!
//! A sign-in with the right password is *troubled* when its verdict is `challenge` or worse, whether or not its owner
//! passes the challenge: being asked is what people complain about. A thief is *stopped at the sign-in* when every
//! sign-in of the theft was: challenged without passing, restricted, throttled or refused.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::BufRead;

use anyhow::{Context as _, bail, ensure};
use serde::de::DeserializeOwned;

use crate::lines::{Event, How, Judged, Kind, Outcome, ThiefKind, Truth, Verdict, Who};

/// An account's sign-ins up to this one are not held against Mailward: it does not know the account yet.
const FIRST_SIGN_INS: u64 = 10;

/// The aims of the simulated population.
const FOREIGN_STOPPED_MIN: f64 = 0.99;
const TROUBLED_MAX: f64 = 0.01;
const RECIPIENTS_MAX: u64 = 30;

/// Rows of the lists of the worst.
const WORST_SHOWN: usize = 10;

/// So many combinations of signals are told apart; what comes after them is counted together.
const COMBINATIONS_MAX: usize = 10_000;

/// Sums over all lines.
#[derive(Debug, Default)]
pub struct Report {
    lines: u64,
    accounts: HashMap<String, Tally>,
    by_how: BTreeMap<How, Tally>,
    all: Tally,
    thefts: BTreeMap<u32, Theft>,
    signals: BTreeMap<String, u64>,
    combinations: HashMap<String, u64>,
    sends_stopped_by: BTreeMap<String, u64>,
    thefts_stopped_by: BTreeMap<String, u64>,
    guesses: u64,
    guesses_stopped: u64,
}

/// What became of owners' sign-ins and messages.
#[derive(Clone, Debug, Default)]
struct Tally {
    sign_ins: u64,
    troubled: u64,
    /// After the first ten of the account.
    later: u64,
    later_troubled: u64,
    /// Asked, and could not answer; restricted, throttled or refused.
    shut_out: u64,
    sends: u64,
    sends_stopped: u64,
    by_verdict: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn sign_in(&mut self, is_later: bool, judged: &Judged, passes: bool) {
        let troubled = u64::from(is_troubled(judged.verdict));
        self.sign_ins += 1;
        self.troubled += troubled;
        self.later += u64::from(is_later);
        self.later_troubled += u64::from(is_later) * troubled;
        self.shut_out += u64::from(is_stopped(judged.verdict, passes));
        *self.by_verdict.entry(judged.verdict.name()).or_default() += 1;
    }

    fn send(&mut self, judged: &Judged) {
        self.sends += 1;
        self.sends_stopped += u64::from(is_troubled(judged.verdict));
    }
}

/// One theft.
#[derive(Debug)]
struct Theft {
    kind: ThiefKind,
    sign_ins: u64,
    sign_ins_stopped: u64,
    /// Recipients of messages that left, until the first that did not.
    until_stopped: u64,
    /// Recipients of all messages that left.
    in_all: u64,
    a_message_was_stopped: bool,
}

impl Theft {
    fn was_stopped_at_sign_in(&self) -> bool {
        self.sign_ins == self.sign_ins_stopped
    }
}

fn stopped_by(judged: &Judged) -> String {
    judged.stopped_by.clone().unwrap_or_else(|| "the sign-in before it, or a signal".to_owned())
}

fn is_troubled(verdict: Verdict) -> bool {
    verdict >= Verdict::Challenge
}

fn is_stopped(verdict: Verdict, passes: bool) -> bool {
    match verdict {
        Verdict::Pass | Verdict::Flag => false,
        Verdict::Challenge => !passes,
        Verdict::Restrict | Verdict::Throttle | Verdict::Refuse => true,
    }
}

impl Report {
    /// Reads the three files side by side.
    ///
    /// # Errors
    /// When a line cannot be read, or they are not about the same lines.
    pub fn read(events: impl BufRead, truth: impl BufRead, verdicts: impl BufRead) -> anyhow::Result<Self> {
        let mut report = Self::default();
        let (mut events, mut truth, mut verdicts) = (events.lines(), truth.lines(), verdicts.lines());
        loop {
            let line = report.lines + 1;
            let event: Option<Event> = next(&mut events, "events", line)?;
            let known: Option<Truth> = next(&mut truth, "truth", line)?;
            let judged: Option<Judged> = next(&mut verdicts, "verdicts", line)?;
            match (event, known, judged) {
                (None, None, None) => return Ok(report),
                (Some(event), Some(known), Some(judged)) => {
                    ensure!(known.line == line && judged.line == line, "line {line} is numbered otherwise");
                    report.lines = line;
                    report.count(&event, known.who, &judged);
                }
                (event, known, judged) => bail!(
                    "the files differ in length: line {line} is in events: {}, truth: {}, verdicts: {}",
                    event.is_some(),
                    known.is_some(),
                    judged.is_some()
                ),
            }
        }
    }

    fn count(&mut self, event: &Event, who: Who, judged: &Judged) {
        match (who, event.kind) {
            (Who::Guesser, _) => {
                self.guesses += 1;
                self.guesses_stopped += u64::from(is_troubled(judged.verdict));
            }
            (Who::Owner { how }, Kind::SignIn { outcome: Outcome::Ok, passes }) => {
                self.owner_signs_in(event, how, judged, passes);
            }
            (Who::Owner { how }, Kind::Send { .. }) => {
                for tally in [&mut self.all, self.by_how.entry(how).or_default()] {
                    tally.send(judged);
                }
                self.accounts.entry(event.account.clone()).or_default().send(judged);
                if is_troubled(judged.verdict) {
                    *self.sends_stopped_by.entry(stopped_by(judged)).or_default() += 1;
                }
            }
            (Who::Thief { kind, incident }, Kind::SignIn { outcome: Outcome::Ok, passes }) => {
                let theft = self.theft(incident, kind);
                theft.sign_ins += 1;
                theft.sign_ins_stopped += u64::from(is_stopped(judged.verdict, passes));
            }
            (Who::Thief { kind, incident }, Kind::Send { recipients }) => {
                let theft = self.theft(incident, kind);
                if is_troubled(judged.verdict) {
                    let is_first = !std::mem::replace(&mut theft.a_message_was_stopped, true);
                    if is_first && !theft.was_stopped_at_sign_in() {
                        *self.thefts_stopped_by.entry(stopped_by(judged)).or_default() += 1;
                    }
                } else {
                    theft.in_all += u64::from(recipients);
                    theft.until_stopped += if theft.a_message_was_stopped { 0 } else { u64::from(recipients) };
                }
            }
            (Who::Owner { .. } | Who::Thief { .. }, Kind::SignIn { outcome: Outcome::Failed, .. }) => {}
        }
    }

    fn owner_signs_in(&mut self, event: &Event, how: How, judged: &Judged, passes: bool) {
        let account = self.accounts.entry(event.account.clone()).or_default();
        let is_later = account.sign_ins >= FIRST_SIGN_INS;
        for tally in [account, &mut self.all, self.by_how.entry(how).or_default()] {
            tally.sign_in(is_later, judged, passes);
        }
        if !is_later || !is_troubled(judged.verdict) {
            return;
        }
        let mut names: Vec<&str> = judged.signals.iter().map(|signal| signal.name.as_str()).collect();
        names.extend(judged.stopped_by.as_deref());
        names.sort_unstable();
        for name in &names {
            *self.signals.entry((*name).to_owned()).or_default() += 1;
        }
        let together = if names.is_empty() { "none".to_owned() } else { names.join(" + ") };
        let is_known = self.combinations.contains_key(&together) || self.combinations.len() < COMBINATIONS_MAX;
        *self.combinations.entry(if is_known { together } else { "others".to_owned() }).or_default() += 1;
    }

    fn theft(&mut self, incident: u32, kind: ThiefKind) -> &mut Theft {
        self.thefts.entry(incident).or_insert(Theft {
            kind,
            sign_ins: 0,
            sign_ins_stopped: 0,
            until_stopped: 0,
            in_all: 0,
            a_message_was_stopped: false,
        })
    }

    fn of_kind(&self, kind: ThiefKind) -> Vec<&Theft> {
        self.thefts.values().filter(|theft| theft.kind == kind).collect()
    }

    fn foreign_stopped(&self) -> f64 {
        let foreign = self.of_kind(ThiefKind::Foreign);
        share(foreign.iter().filter(|theft| theft.was_stopped_at_sign_in()).count() as u64, foreign.len() as u64)
    }

    /// Of the thieves who passed the sign-in: what the most successful one sent, how many sent more than they should,
    /// and how many passed.
    fn until_stopped(&self) -> (u64, usize, usize) {
        let passed = self.thefts.values().filter(|theft| !theft.was_stopped_at_sign_in());
        let sent: Vec<u64> = passed.map(|theft| theft.until_stopped).collect();
        let too_many = sent.iter().filter(|sent| **sent > RECIPIENTS_MAX).count();
        (sent.iter().copied().max().unwrap_or(0), too_many, sent.len())
    }

    /// Whether all three aims are met.
    pub fn meets_its_aims(&self) -> bool {
        self.aims().iter().all(|(_, _, is_met)| *is_met)
    }

    /// What is aimed at, what came of it, and whether that is enough.
    fn aims(&self) -> [(&'static str, String, bool); 3] {
        let (foreign, troubled) = (self.foreign_stopped(), share(self.all.later_troubled, self.all.later));
        let (most, too_many, passed) = self.until_stopped();
        [
            (
                "of 100 thieves in another country, at least 99 are stopped at the sign-in",
                format!("{:.2}", foreign * 100.0),
                foreign >= FOREIGN_STOPPED_MIN,
            ),
            (
                "after an account's first ten sign-ins, fewer than 1 in 100 of its owner's are troubled",
                format!("{:.3} in 100", troubled * 100.0),
                troubled < TROUBLED_MAX,
            ),
            (
                "a thief who passes the sign-in is stopped by what he sends within 30 recipients",
                format!("at most {most}; {too_many} of {passed} sent more than 30"),
                most <= RECIPIENTS_MAX,
            ),
        ]
    }

    /// The report, without a title. `seconds` is how long the simulation took.
    pub fn markdown(&self, seconds: Option<f64>) -> String {
        let mut page = String::new();
        let mut line = |text: String| writeln!(page, "{text}").expect("a String takes everything");
        line(format!(
            "{} lines: {} accounts, {} sign-ins and {} messages of their owners, {} thefts, {} guesses of strangers.",
            self.lines,
            self.accounts.len(),
            self.all.sign_ins,
            self.all.sends,
            self.thefts.len(),
            self.guesses
        ));
        if let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) {
            line(format!("Judged in {seconds:.1} s: {:.0} lines a second.", self.lines as f64 / seconds));
        }
        line("\n| aim | found | |\n|---|---|---|".to_owned());
        for (aim, found, is_met) in self.aims() {
            line(format!("| {aim} | {found} | {} |", if is_met { "met" } else { "**missed**" }));
        }
        line("\n## Thieves\n".to_owned());
        line("Recipients are those of messages that left: until the first that did not, and in all.\n".to_owned());
        line("| thief | thefts | stopped at the sign-in | passed | passed and never stopped | recipients until stopped: median | most | in all: median | most |".to_owned());
        line("|---|---|---|---|---|---|---|---|---|".to_owned());
        for kind in ThiefKind::ALL {
            line(of_thieves(kind, &self.of_kind(kind)));
        }
        line("\n### What first stopped a message of those who passed\n".to_owned());
        line(list("by", self.thefts_stopped_by.iter()));
        line("## Owners\n".to_owned());
        line("Troubled: challenged, restricted, throttled or refused. Shut out: all of these, but a challenge that the\nowner passes.\n".to_owned());
        line("| where | sign-ins | troubled per 1000 | after the first ten | shut out per 1000 | messages | stopped per 1000 |".to_owned());
        line("|---|---|---|---|---|---|---|".to_owned());
        line(of_owners("**all**", &self.all));
        for (how, tally) in &self.by_how {
            line(of_owners(how.words(), tally));
        }
        let verdicts: Vec<String> =
            self.all.by_verdict.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
        line(format!("\nVerdicts of their sign-ins: {}.", verdicts.join(", ")));
        let guessed = per_thousand(self.guesses_stopped, self.guesses);
        line(format!("Strangers' guesses stopped before the webmail saw them: {guessed} per 1000."));
        line("\n### Why owners were troubled after their first ten sign-ins\n".to_owned());
        line(list("signal", self.signals.iter()));
        line(list("together", self.combinations.iter()));
        line("### Why owners' messages were stopped\n".to_owned());
        line(list("by", self.sends_stopped_by.iter()));
        line("### Accounts troubled most\n".to_owned());
        line("| account | sign-ins | troubled | of these after the first ten | messages | stopped |\n|---|---|---|---|---|---|".to_owned());
        for (account, tally) in self.worst_accounts() {
            line(format!(
                "| {account} | {} | {} | {} | {} | {} |",
                tally.sign_ins, tally.troubled, tally.later_troubled, tally.sends, tally.sends_stopped
            ));
        }
        page
    }

    fn worst_accounts(&self) -> Vec<(&String, &Tally)> {
        let mut accounts: Vec<_> =
            self.accounts.iter().filter(|(_, tally)| tally.troubled + tally.sends_stopped > 0).collect();
        accounts.sort_by_key(|(name, tally)| {
            (std::cmp::Reverse(tally.later_troubled), std::cmp::Reverse(tally.sends_stopped), *name)
        });
        accounts.truncate(WORST_SHOWN);
        accounts
    }
}

fn next<T: DeserializeOwned>(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    what: &str,
    number: u64,
) -> anyhow::Result<Option<T>> {
    let Some(line) = lines.next() else { return Ok(None) };
    let line = line.with_context(|| format!("the {what} cannot be read"))?;
    serde_json::from_str(&line).map(Some).with_context(|| format!("line {number} of the {what}"))
}

fn of_thieves(kind: ThiefKind, thefts: &[&Theft]) -> String {
    let passed: Vec<&&Theft> = thefts.iter().filter(|theft| !theft.was_stopped_at_sign_in()).collect();
    let stopped = (thefts.len() - passed.len()) as u64;
    let sorted = |of: fn(&Theft) -> u64| {
        let mut counts: Vec<u64> = passed.iter().map(|theft| of(theft)).collect();
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
        (median, counts.last().copied().unwrap_or(0))
    };
    let (until_median, until_most) = sorted(|theft| theft.until_stopped);
    let (all_median, all_most) = sorted(|theft| theft.in_all);
    format!(
        "| {} | {} | {stopped} ({:.2} %) | {} | {} | {until_median} | {until_most} | {all_median} | {all_most} |",
        kind.words(),
        thefts.len(),
        share(stopped, thefts.len() as u64) * 100.0,
        passed.len(),
        passed.iter().filter(|theft| !theft.a_message_was_stopped).count(),
    )
}

fn of_owners(who: &str, tally: &Tally) -> String {
    format!(
        "| {who} | {} | {} | {} | {} | {} | {} |",
        tally.sign_ins,
        per_thousand(tally.troubled, tally.sign_ins),
        per_thousand(tally.later_troubled, tally.later),
        per_thousand(tally.shut_out, tally.sign_ins),
        tally.sends,
        per_thousand(tally.sends_stopped, tally.sends),
    )
}

/// The most frequent ones, most first.
fn list<'a>(head: &str, counts: impl Iterator<Item = (&'a String, &'a u64)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    if counts.is_empty() {
        return "None.\n".to_owned();
    }
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let rows: Vec<String> =
        counts.iter().take(WORST_SHOWN).map(|(name, count)| format!("| {name} | {count} |\n")).collect();
    format!("| {head} | times |\n|---|---|\n{}", rows.concat())
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn per_thousand(part: u64, whole: u64) -> String {
    format!("{:.2}", share(part, whole) * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as `generate` and `simulate` write them, by what matters: who, what happened, what was judged.
    fn report(lines: &[(&str, &str, &str)]) -> anyhow::Result<Report> {
        let (mut events, mut truth, mut verdicts) = (String::new(), String::new(), String::new());
        for (number, (who, what, judged)) in (1..).zip(lines) {
            let common = r#""time":"2026-03-01T08:12:09Z","account":"alice","address":"203.0.113.9","user_agent":"x""#;
            writeln!(events, "{{{common},{what}}}").expect("a String takes everything");
            writeln!(truth, "{{\"line\":{number},{who}}}").expect("a String takes everything");
            writeln!(verdicts, "{{\"line\":{number},{judged}}}").expect("a String takes everything");
        }
        Report::read(events.as_bytes(), truth.as_bytes(), verdicts.as_bytes())
    }

    const OWNER: &str = r#""who":"owner","how":"home""#;
    const FOREIGN_1: &str = r#""who":"thief","kind":"foreign","incident":1"#;
    const FOREIGN_2: &str = r#""who":"thief","kind":"foreign","incident":2"#;
    const NEAR_3: &str = r#""who":"thief","kind":"same_city","incident":3"#;
    const WOULD_PASS: &str = r#""kind":"sign_in","outcome":"ok","passes":true"#;
    const WOULD_FAIL: &str = r#""kind":"sign_in","outcome":"ok","passes":false"#;
    const WRONG: &str = r#""kind":"sign_in","outcome":"failed","passes":false"#;
    const TO_20: &str = r#""kind":"send","recipients":20"#;
    const PASS: &str = r#""verdict":"pass","signals":[],"stopped_by":null"#;
    const ASKED: &str = r#""verdict":"challenge","signals":[{"name":"new_country","weight":40}],"stopped_by":null"#;
    const LIMIT: &str = r#""verdict":"throttle","signals":[],"stopped_by":"recipients_per_account 200/h""#;
    const REFUSED: &str = r#""verdict":"refuse","signals":[]"#;

    #[test]
    fn a_thief_is_stopped_at_the_sign_in_only_if_every_door_was_shut() {
        let report = report(&[
            (FOREIGN_1, WRONG, PASS),
            (FOREIGN_1, WOULD_FAIL, ASKED),
            (FOREIGN_1, TO_20, REFUSED),
            (FOREIGN_2, WOULD_FAIL, ASKED),
            (FOREIGN_2, WOULD_FAIL, PASS),
            (FOREIGN_2, TO_20, REFUSED),
            (NEAR_3, WOULD_PASS, ASKED),
            (NEAR_3, TO_20, PASS),
            (NEAR_3, TO_20, LIMIT),
            (NEAR_3, TO_20, PASS),
        ])
        .expect("good lines");
        assert!((report.foreign_stopped() - 0.5).abs() < 1e-9);
        let page = report.markdown(Some(2.0));
        for row in [
            "| in another country | 2 | 1 (50.00 %) | 1 | 0 | 0 | 0 | 0 | 0 |",
            "| server or VPN in the country | 0 | 0 (0.00 %) | 0 | 0 | 0 | 0 | 0 | 0 |",
            "| in the victim's town | 1 | 0 (0.00 %) | 1 | 0 | 20 | 20 | 40 | 40 |",
            "Judged in 2.0 s: 5 lines a second.",
            "| recipients_per_account 200/h | 1 |",
            "| the sign-in before it, or a signal | 1 |",
            "within 30 recipients | at most 20; 0 of 2 sent more than 30 | met |",
            "at the sign-in | 50.00 | **missed** |",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
        assert!(!report.meets_its_aims());
    }

    #[test]
    fn owners_are_counted_apart_after_their_first_ten_sign_ins() {
        let mut lines = vec![(OWNER, WOULD_PASS, ASKED); 2];
        lines.extend(vec![(OWNER, WOULD_PASS, PASS); 8]);
        lines.extend([
            (OWNER, WRONG, LIMIT),
            (OWNER, WOULD_PASS, PASS),
            (OWNER, WOULD_FAIL, ASKED),
            (OWNER, TO_20, LIMIT),
        ]);
        let report = report(&lines).expect("good lines");
        assert_eq!((report.all.sign_ins, report.all.troubled, report.all.shut_out), (12, 3, 1));
        assert_eq!((report.all.later, report.all.later_troubled), (2, 1), "wrong passwords are none of these");
        let page = report.markdown(None);
        for row in [
            "| **all** | 12 | 250.00 | 500.00 | 83.33 | 1 | 1000.00 |",
            "| home | 12 |",
            "| new_country | 1 |",
            "| recipients_per_account 200/h | 1 |",
            "| alice | 12 | 3 | 1 | 1 | 1 |",
            "Verdicts of their sign-ins: challenge 3, pass 9.",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let event = r#"{"time":"2026-03-01T08:12:09Z","account":"a","address":"203.0.113.9","user_agent":"x","kind":"send","recipients":1}"#;
        let truth = r#"{"line":1,"who":"guesser"}"#;
        for (truth, verdicts, says) in [
            (truth, "", "differ in length"),
            (truth, r#"{"line":2,"verdict":"pass"}"#, "numbered otherwise"),
            (truth, r#"{"line":1,"verdict":"maybe"}"#, "line 1 of the verdicts"),
            ("x", r#"{"line":1,"verdict":"pass"}"#, "line 1 of the truth"),
        ] {
            let error = Report::read(event.as_bytes(), truth.as_bytes(), verdicts.as_bytes()).expect_err(says);
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }
}
