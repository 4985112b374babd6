//! The policy in force: what it says, what each of its rules did in the last week, and what another one would have decided
//! about what was recorded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use toml::Value;

use super::words::Reply;
use super::{Control, NotDone};
use crate::config::source::Change;
use crate::config::{Config, Rule};
use crate::domain::flag::{FlagFilter, FlagStatus};
use crate::domain::{EventFilter, Limit, PastEvent, SIGNALS, Span, Tally, Timestamp, Verdict};
use crate::simulate::lines::{self, Recorded, What};
use crate::simulate::{Decided, Simulation};

/// What is looked back at.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Flags that are looked at for their signals, the newest; more take longer than anybody waits.
const COUNTED_MAX: usize = 5_000;

/// Recorded events that another policy is tried on, the newest.
pub const TRIED_MAX: usize = 10_000;

/// Answers of the store that are waited for.
const LOOKS_MAX: usize = 20;

/// Accounts shown about which another policy decides otherwise.
const OTHERWISE_MAX: usize = 50;

/// Mistakes of a changed policy that are said.
const MISTAKES_MAX: usize = 3;

/// Whoever tries a policy lives through thousands of events: one at a time.
static TRYING: Semaphore = Semaphore::const_new(1);

/// Where each thing that may be tried stands in the configuration.
const RISK: &[&str] = &["risk"];
const WEIGHTS: &[&str] = &["risk", "weights"];
const SEND: &[&str] = &["send", "limits"];
const SIGN_IN: &[&str] = &["sign_in", "limits"];

/// How a value is written in the configuration.
#[derive(Clone, Copy)]
enum Written {
    Number,
    /// A list of limits.
    Limits,
    /// One limit, or `none`.
    Limit,
}

/// The policy in force. Counts are of the last week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// From when on is counted.
    pub since: String,
    /// Flags that were counted.
    pub flags: usize,
    /// From which sums on, mildest first.
    pub thresholds: Vec<ThresholdRow>,
    /// What speaks for and against a sign-in.
    pub signals: Vec<SignalPolicyRow>,
    /// How much is let through.
    pub limits: Vec<LimitRow>,
    /// For whom other limits hold.
    pub exceptions: Vec<ExceptionRow>,
    /// The operator's own rules, in order.
    pub rules: Vec<RuleRow>,
}

/// From which sum of weights on a verdict is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdRow {
    /// The verdict.
    pub name: String,
    /// The sum.
    pub from: i32,
}

/// A kind of signal and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalPolicyRow {
    /// As in the configuration.
    pub name: String,
    /// In force.
    pub weight: i32,
    /// What it weighs where the configuration says nothing.
    pub absent: i32,
    /// When it speaks.
    pub speaks: String,
    /// Flags of which it was a reason.
    pub flags: u32,
    /// Of those, thefts that an operator confirmed.
    pub confirmed: u32,
    /// Of those, the account's owners.
    pub cleared: u32,
}

/// A limit and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRow {
    /// The table of the configuration that it stands in.
    pub table: String,
    /// Its key there.
    pub name: String,
    /// What it says: `60/10m, 200/h`; empty: no limit.
    pub limits: String,
    /// What it stopped.
    pub stopped: u64,
}

/// Accounts with limits of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRow {
    /// Canonical.
    pub accounts: Vec<String>,
    /// What differs for them.
    pub limits: String,
    /// It ends then.
    pub until: String,
    /// It has ended.
    pub ended: bool,
}

/// One of the operator's own rules and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRow {
    /// Its `why`, or where it stands.
    pub label: String,
    /// Its conditions.
    pub when: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// It ends then.
    pub until: Option<String>,
    /// It has ended.
    pub ended: bool,
    /// That it fits is only recorded.
    pub observes: bool,
    /// How often it decided.
    pub decided: u64,
}

/// What another policy would have decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Recorded sign-ins and messages that were lived through.
    pub events: u32,
    /// The first of them; none: nothing is recorded.
    pub since: Option<String>,
    /// Under the policy in force.
    pub before: Sums,
    /// Under the other one.
    pub after: Sums,
    /// Decided otherwise.
    pub differ: u32,
    /// The first of those.
    pub otherwise: Vec<Otherwise>,
    /// What to write into the configuration to put it into force; empty where nothing is changed.
    pub toml: String,
}

/// What a policy decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Sign-ins that passed.
    pub passed: u32,
    /// Sign-ins that were flagged.
    pub flagged: u32,
    /// Sign-ins that were asked for a proof.
    pub challenged: u32,
    /// Sign-ins that were restricted.
    pub restricted: u32,
    /// Sign-ins that were refused.
    pub refused: u32,
    /// Wrong passwords that were stopped before the webmail saw them.
    pub wrong_stopped: u32,
    /// Messages that left.
    pub sent: u32,
    /// Messages that were stopped.
    pub sends_stopped: u32,
}

/// Something that another policy decides otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otherwise {
    /// When it was recorded.
    pub time: String,
    /// Whose.
    pub account: String,
    /// `sign-in` or `message`.
    pub what: String,
    /// Under the policy in force.
    pub before: Verdict,
    /// Under the other one.
    pub after: Verdict,
}

/// What the sums of signals come to.
fn thresholds(config: &Config) -> [(&'static str, i32); 4] {
    let risk = &config.risk;
    [("flag", risk.flag), ("challenge", risk.challenge), ("restrict", risk.restrict), ("refuse", risk.refuse)]
}

/// Every limit with its table, its name, what it says, and how that is written.
fn limits(config: &Config) -> Vec<(&'static [&'static str], &'static str, String, Written)> {
    let said = |limits: &[Limit]| limits.iter().map(Limit::to_string).collect::<Vec<_>>().join(", ");
    let per_message = config.send.recipients_per_message.to_string();
    let per_message = (SEND, "recipients_per_message", per_message, Written::Number);
    let send = config.send.lists().map(|(name, limits)| (SEND, name, said(limits), Written::Limits));
    let places = [
        ("networks_per_account", config.send.networks_per_account),
        ("countries_per_account", config.send.countries_per_account),
    ];
    let places = places.map(|(name, limit)| (SEND, name, said(limit.as_slice()), Written::Limit));
    let sign_in = config.sign_in.lists().map(|(name, limits)| (SIGN_IN, name, said(limits), Written::Limits));
    std::iter::once(per_message).chain(send).chain(places).chain(sign_in).collect()
}

impl Control {
    pub(super) async fn policy(&self, now: Timestamp) -> Result<Reply, NotDone> {
        let config = (self.config)();
        let since = now.before(WEEK);
        let flags = self.store.flags(&FlagFilter::default(), COUNTED_MAX).await?;
        let flags: Vec<_> = flags.into_iter().take_while(|flag| flag.time >= since).collect();
        let mut spoke: HashMap<&str, [u32; 3]> = HashMap::new();
        for (flag, signal) in flags.iter().flat_map(|flag| flag.signals.iter().map(move |signal| (flag, signal))) {
            let counts = spoke.entry(&signal.name).or_default();
            counts[0] += 1;
            counts[1] += u32::from(flag.status == FlagStatus::Confirmed);
            counts[2] += u32::from(matches!(flag.status, FlagStatus::Cleared | FlagStatus::Passed));
        }
        let tallies = self.store.tallies(Span::Hour, since, now).await?;
        let mut by: HashMap<&str, u64> = HashMap::new();
        for tally in tallies.iter().filter(|tally| tally.what.starts_with(Tally::STOPPED_BY)) {
            *by.entry(&tally.what).or_default() += tally.count;
        }
        let times = |name: &str| by.get(&*Tally::stopped_by(name)).copied().unwrap_or(0);
        let policy = Policy {
            since: since.to_string(),
            flags: flags.len(),
            thresholds: thresholds(&config).map(|(name, from)| ThresholdRow { name: name.to_owned(), from }).to_vec(),
            signals: SIGNALS
                .iter()
                .zip(&config.risk.weights)
                .map(|(kind, weight)| {
                    let [flags, confirmed, cleared] = spoke.get(kind.name).copied().unwrap_or_default();
                    SignalPolicyRow {
                        name: kind.name.to_owned(),
                        weight: *weight,
                        absent: kind.weight,
                        speaks: kind.speaks.to_owned(),
                        flags,
                        confirmed,
                        cleared,
                    }
                })
                .collect(),
            limits: limits(&config)
                .into_iter()
                .map(|(tables, name, limits, _)| LimitRow {
                    table: tables.join("."),
                    name: name.to_owned(),
                    limits,
                    stopped: times(name),
                })
                .collect(),
            exceptions: config
                .exceptions
                .iter()
                .map(|exception| ExceptionRow {
                    accounts: exception.accounts.iter().map(ToString::to_string).collect(),
                    limits: exception.said(),
                    until: exception.until.to_string(),
                    ended: now >= exception.until,
                })
                .collect(),
            rules: config.rules.iter().map(|rule| rule_row(rule, times(&rule.label), now)).collect(),
        };
        Ok(Reply::Policy { policy: Box::new(policy) })
    }

    /// Lives through what was recorded twice, under the policy in force and under a changed one.
    pub(super) async fn try_policy(&self, wanted: &BTreeMap<String, String>, now: Timestamp) -> Result<Reply, NotDone> {
        let config = (self.config)();
        let changes = changes(&config, wanted)?;
        let mistaken = |mistakes: crate::config::Mistakes| {
            let said = mistakes.mistakes.iter().take(MISTAKES_MAX);
            NotDone::BadPolicy(said.map(|of| format!("{}; {}", of.found, of.allowed)).collect::<Vec<_>>().join(". "))
        };
        let (first, second) = (config.source.with(&[], now), config.source.with(&changes, now));
        let (first, second) = (first.map_err(mistaken)?, second.map_err(mistaken)?);
        let kinds = ["sign_in_ok", "sign_in_failed", "sent", "send_refused"].map(str::to_owned).to_vec();
        let recorded = EventFilter { kinds, since: Some(now.before(WEEK)), ..EventFilter::default() };
        let _one_at_a_time = TRYING
            .try_acquire()
            .map_err(|_| NotDone::BadPolicy("another policy is being tried; do it again in a moment".to_owned()))?;
        let (mut events, _) = self.past(recorded, TRIED_MAX, LOOKS_MAX).await?;
        events.reverse();
        let (clock, runtime) = (self.clock.clone(), tokio::runtime::Handle::current());
        let tried = tokio::task::spawn_blocking(move || {
            runtime.block_on(live_through(&events, Simulation::new(first, &clock)?, Simulation::new(second, &clock)?))
        });
        let failed = |error: anyhow::Error| NotDone::BadPolicy(format!("it cannot be tried: {error:#}"));
        let mut tried = tried.await.map_err(|error| failed(error.into()))?.map_err(failed)?;
        tried.toml = as_toml(&changes);
        Ok(Reply::Tried { tried: Box::new(tried) })
    }
}

/// What of the wishes is another value than the one in force, by their names as in [`Policy`]: `risk.flag`,
/// `risk.weights.new_country`, `send.limits.recipients_per_session`.
fn changes(config: &Config, wanted: &BTreeMap<String, String>) -> Result<Vec<Change>, NotDone> {
    let number = |name: &str, text: &str| {
        let number = text.trim().replace('\u{2212}', "-").parse::<i64>();
        number.map(Value::Integer).map_err(|_| NotDone::BadPolicy(format!("{name} is a number, not {text:?}")))
    };
    let mut changes = Vec::new();
    let mut known = HashSet::new();
    let mut offer = |tables: &'static [&'static str], key: &'static str, in_force: String, written: Written| {
        let name = format!("{}.{key}", tables.join("."));
        let wish = wanted.get(&name).map(|wish| wish.trim()).filter(|wish| *wish != in_force);
        if let Some(wish) = wish {
            let value = match written {
                Written::Number => number(&name, wish)?,
                Written::Limits => list(wish),
                Written::Limit if wish.is_empty() => Value::from("none"),
                Written::Limit => Value::from(wish),
            };
            changes.push(Change { tables, key, value });
        }
        known.insert(name);
        Ok::<(), NotDone>(())
    };
    for (name, from) in thresholds(config) {
        offer(RISK, name, from.to_string(), Written::Number)?;
    }
    for (kind, weight) in SIGNALS.iter().zip(&config.risk.weights) {
        offer(WEIGHTS, kind.name, weight.to_string(), Written::Number)?;
    }
    for (tables, name, said, written) in limits(config) {
        offer(tables, name, said, written)?;
    }
    match wanted.keys().find(|name| !known.contains(*name)) {
        Some(unknown) => Err(NotDone::BadPolicy(format!("{unknown:?} is nothing that can be tried"))),
        None => Ok(changes),
    }
}

fn list(text: &str) -> Value {
    Value::Array(text.split(',').map(str::trim).filter(|limit| !limit.is_empty()).map(Value::from).collect())
}

fn as_toml(changes: &[Change]) -> String {
    let mut written = String::new();
    let mut within: &[&str] = &[];
    for change in changes {
        if change.tables != within {
            within = change.tables;
            written += &format!("{}[{}]\n", if written.is_empty() { "" } else { "\n" }, within.join("."));
        }
        written += &format!("{} = {}\n", change.key, change.value);
    }
    written
}

async fn live_through(events: &[PastEvent], mut first: Simulation, mut second: Simulation) -> anyhow::Result<Tried> {
    let mut tried = Tried { since: events.first().map(|event| event.time.to_string()), ..Tried::default() };
    for event in events {
        // Another version's line may say what this one does not know; it is left out for both.
        let Ok(recorded) = lines::read(&event.line) else { continue };
        if matches!(recorded.what, What::Sent { .. }) && !first.knows_session(&recorded) {
            continue;
        }
        let (Ok(before), Ok(after)) = (first.take(&recorded).await, second.take(&recorded).await) else { continue };
        tried.events += 1;
        add(&mut tried.before, &recorded, &before);
        add(&mut tried.after, &recorded, &after);
        if before.verdict == after.verdict {
            continue;
        }
        tried.differ += 1;
        if tried.otherwise.len() < OTHERWISE_MAX {
            tried.otherwise.push(Otherwise {
                time: event.time.to_string(),
                account: recorded.account.clone(),
                what: if matches!(recorded.what, What::Sent { .. }) { "message" } else { "sign-in" }.to_owned(),
                before: before.verdict,
                after: after.verdict,
            });
        }
    }
    Ok(tried)
}

fn add(sums: &mut Sums, recorded: &Recorded, decided: &Decided) {
    match recorded.what {
        What::SignedIn { .. } => match decided.verdict {
            Verdict::Pass => sums.passed += 1,
            Verdict::Flag => sums.flagged += 1,
            Verdict::Challenge => sums.challenged += 1,
            Verdict::Restrict => sums.restricted += 1,
            Verdict::Throttle | Verdict::Refuse => sums.refused += 1,
        },
        What::Failed => sums.wrong_stopped += u32::from(decided.verdict != Verdict::Pass),
        What::Sent { .. } if decided.verdict <= Verdict::Flag => sums.sent += 1,
        What::Sent { .. } => sums.sends_stopped += 1,
        What::Nothing => {}
    }
}

fn rule_row(rule: &Rule, decided: u64, now: Timestamp) -> RuleRow {
    RuleRow {
        label: rule.label.clone(),
        when: rule.when.to_string(),
        verdict: rule.verdict,
        until: rule.until.map(|until| until.to_string()),
        ended: rule.until.is_some_and(|until| now >= until),
        observes: rule.mode == crate::config::Mode::Observe,
        decided,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn config(more: &str) -> Config {
        let site = "[[site]]\nhosts = [\"one.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
        crate::config::parse(&format!("{more}\n{site}"), "mailward.toml", Path::new("."), NOW).expect("a good file")
    }

    fn changed(config: &Config, wanted: &[(&str, &str)]) -> Result<Vec<Change>, String> {
        let wanted = wanted.iter().map(|(name, wish)| ((*name).to_owned(), (*wish).to_owned())).collect();
        changes(config, &wanted).map_err(|why| why.to_string())
    }

    #[test]
    fn what_is_wished_is_compared_with_what_is_in_force_and_written_as_a_file_says_it() {
        let config = config("[send.limits]\nmessages_per_session = \"30/m\"");
        let same = [("risk.flag", "30"), ("send.limits.messages_per_session", " 30/m "), ("risk.weights.tor", "40")];
        assert_eq!(changed(&config, &same), Ok(Vec::new()));
        let wanted = [
            ("risk.flag", "25"),
            ("risk.weights.known_device", "\u{2212}5"),
            ("send.limits.messages_per_session", "10/m, 60/h"),
            ("send.limits.recipients_per_message", "40"),
            ("send.limits.networks_per_account", ""),
            ("sign_in.limits.failures_per_account", "3/m"),
        ];
        let changes = changed(&config, &wanted).expect("all of it can be tried");
        let toml = as_toml(&changes);
        assert_eq!(
            toml,
            "[risk]\nflag = 25\n\n[risk.weights]\nknown_device = -5\n\n[send.limits]\nrecipients_per_message = 40\n\
             messages_per_session = [\"10/m\", \"60/h\"]\nnetworks_per_account = \"none\"\n\n\
             [sign_in.limits]\nfailures_per_account = [\"3/m\"]\n"
        );
        let other = config.source.with(&changes, NOW).expect("it is right");
        assert_eq!((other.risk.flag, other.send.networks_per_account), (25, None));
        assert_eq!(config.source.with(&[], NOW).expect("it was read before").risk, config.risk);
    }

    #[test]
    fn what_cannot_be_tried_is_said() {
        let config = config("");
        for (name, wish, said) in [
            ("listen.https", "[::]:1", "nothing that can be tried"),
            ("risk.flag", "much", "risk.flag is a number"),
            ("data_dir", "/tmp", "nothing that can be tried"),
        ] {
            let why = changed(&config, &[(name, wish)]).expect_err(name);
            assert!(why.contains(said), "{name}: {why}");
        }
    }
}
