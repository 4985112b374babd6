//! What accounts and prefixes used in their busiest windows, and the limits that follow from it.
//!
//! Windows slide and are exact, as the gateway's are ([`crate::policy::window`]): what was charged counts until its
//! window has passed and not a moment longer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::lines::Source;
use crate::config::SendLimits;
use crate::domain::{Account, Limit, Timestamp};
use crate::webmail::LoggedSignIn;

/// Messages and sign-ins that are kept, each: 160 MB of messages, 240 MB of sign-ins. Later ones are not counted.
const KEPT_MAX: usize = 10_000_000;

/// Accounts and prefixes that are told apart, each.
const NAMES_MAX: usize = 4_000_000;

/// A limit is proposed at what so many of all active accounts never passed …
const COVERED: f64 = 0.999;

/// … times this: next year's busiest is a little busier.
const MARGIN: f64 = 1.25;

/// Names by number, numbers by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Names {
    /// None when there are too many.
    fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(self.names.len()).ok().filter(|_| self.names.len() < NAMES_MAX)?;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Some(number)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }
}

/// One message.
#[derive(Clone, Copy, Debug)]
struct Sent {
    account: u32,
    recipients: u32,
    at: Timestamp,
}

/// One sign-in.
#[derive(Clone, Copy, Debug)]
struct SignIn {
    prefix: u32,
    account: Option<u32>,
    outcome: LoggedSignIn,
    at: Timestamp,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Usage {
    accounts: Names,
    pub(super) prefixes: Names,
    sent: Vec<Sent>,
    sign_ins: Vec<SignIn>,
    /// Messages by mail log and by events: whoever gives both counts everything twice.
    pub(super) by_mail_log: u64,
    pub(super) by_events: u64,
    /// What came after there was no more room.
    pub(super) left_out: u64,
    /// The earliest and the latest that was counted.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

impl Usage {
    /// Counts a message.
    pub(super) fn sent(&mut self, account: &Account, recipients: u32, at: Timestamp, by: Source) {
        match by {
            Source::MailLog => self.by_mail_log += 1,
            Source::Events => self.by_events += 1,
        }
        let account = self.accounts.number(account.as_str()).filter(|_| self.sent.len() < KEPT_MAX);
        let Some(account) = account else { return self.left_out += 1 };
        // As the gateway counts: nothing is sent to nobody.
        self.sent.push(Sent { account, recipients: recipients.max(1), at });
        self.reaches(at);
    }

    /// Counts a sign-in. An access log does not say whose it was.
    pub(super) fn sign_in(&mut self, prefix: &str, account: Option<&Account>, outcome: LoggedSignIn, at: Timestamp) {
        let account = account.and_then(|account| self.accounts.number(account.as_str()));
        let prefix = self.prefixes.number(prefix).filter(|_| self.sign_ins.len() < KEPT_MAX);
        let Some(prefix) = prefix else { return self.left_out += 1 };
        self.sign_ins.push(SignIn { prefix, account, outcome, at });
        self.reaches(at);
    }

    fn reaches(&mut self, at: Timestamp) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
    }

    /// Messages that are counted.
    pub(super) fn messages(&self) -> usize {
        self.sent.len()
    }

    /// Sign-ins that are counted.
    pub(super) fn sign_ins(&self) -> usize {
        self.sign_ins.len()
    }

    /// How many accounts sent anything.
    pub(super) fn active(&self) -> usize {
        let mut active: Vec<u32> = self.sent.iter().map(|sent| sent.account).collect();
        active.sort_unstable();
        active.dedup();
        active.len()
    }

    /// For each measure what accounts used, in the order of [`MEASURES`].
    pub(super) fn of_sending(&mut self, defaults: &SendLimits) -> Vec<Learned> {
        self.sent.sort_unstable_by_key(|sent| (sent.account, sent.at));
        let mut learned: Vec<Learned> = MEASURES
            .iter()
            .map(|measure| {
                let peaks = self.sent.chunk_by(|a, b| a.account == b.account).map(|sent| {
                    let units = sent.iter().map(|sent| (sent.at, measure.units(sent)));
                    Peak { whose: self.accounts.name(sent[0].account).to_owned(), ..busiest(units, measure.window) }
                });
                Learned::new(measure, peaks.collect(), measure.default_amount(defaults))
            })
            .collect();
        bring_in_line(&mut learned);
        learned
    }

    /// What prefixes used of sign-ins, in the order of [`SIGN_INS`].
    pub(super) fn of_signing_in(&mut self) -> Vec<Used> {
        self.sign_ins.sort_unstable_by_key(|sign_in| (sign_in.prefix, sign_in.at));
        let by_prefix = || self.sign_ins.chunk_by(|a, b| a.prefix == b.prefix);
        let used = SIGN_INS.iter().map(|measure| {
            let peaks = by_prefix().filter_map(|sign_ins| {
                let counted: Vec<&SignIn> = sign_ins.iter().filter(|sign_in| (measure.counts)(sign_in)).collect();
                let whose = self.prefixes.name(sign_ins[0].prefix).to_owned();
                let peak = if measure.is_distinct {
                    busiest_distinct(counted.iter().filter_map(|s| Some((s.at, s.account?))), measure.window)
                } else {
                    busiest(counted.iter().map(|sign_in| (sign_in.at, 1)), Some(measure.window))
                };
                (peak.most > 0).then_some(Peak { whose, ..peak })
            });
            Used { name: measure.name, words: measure.words, spread: Spread::of(peaks.collect()) }
        });
        used.filter(|used| !used.spread.peaks.is_empty()).collect()
    }

    /// The prefixes with the most sign-ins that succeeded, most first. After [`Usage::of_signing_in`] only.
    pub(super) fn busiest_prefixes(&self, most: usize) -> Vec<(String, usize)> {
        let by_prefix = self.sign_ins.chunk_by(|a, b| a.prefix == b.prefix);
        let mut prefixes: Vec<(usize, &str)> = by_prefix
            .map(|sign_ins| {
                let succeeded = sign_ins.iter().filter(|sign_in| sign_in.outcome == LoggedSignIn::Succeeded).count();
                (succeeded, self.prefixes.name(sign_ins[0].prefix))
            })
            .filter(|(succeeded, _)| *succeeded > 0)
            .collect();
        prefixes.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        prefixes.into_iter().take(most).map(|(succeeded, prefix)| (prefix.to_owned(), succeeded)).collect()
    }
}

/// One thing that is limited.
#[derive(Debug)]
pub(super) struct Measure {
    /// For programs.
    pub(super) name: &'static str,
    /// For people.
    pub(super) words: &'static str,
    counts: Counts,
    /// None: a single message.
    window: Option<Duration>,
    /// The keys of `[send.limits]` that say it. A log does not know sessions: an account uses at least as much as any
    /// of its sessions.
    keys: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Recipients,
    Messages,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// What is learned, a message first and then from short windows to long ones.
static MEASURES: &[Measure] = &[
    Measure {
        name: "recipients_of_a_message",
        words: "recipients of a message",
        counts: Counts::Recipients,
        window: None,
        keys: &["recipients_per_message"],
    },
    Measure {
        name: "recipients_in_10_minutes",
        words: "recipients in 10 minutes",
        counts: Counts::Recipients,
        window: Some(Duration::from_secs(600)),
        keys: &["recipients_per_session"],
    },
    Measure {
        name: "recipients_in_an_hour",
        words: "recipients in an hour",
        counts: Counts::Recipients,
        window: Some(HOUR),
        keys: &["recipients_per_session", "recipients_per_account"],
    },
    Measure {
        name: "recipients_in_a_day",
        words: "recipients in a day",
        counts: Counts::Recipients,
        window: Some(DAY),
        keys: &["recipients_per_account"],
    },
    Measure {
        name: "messages_in_a_minute",
        words: "messages in a minute",
        counts: Counts::Messages,
        window: Some(MINUTE),
        keys: &["messages_per_session"],
    },
    Measure {
        name: "messages_in_5_minutes",
        words: "messages in 5 minutes",
        counts: Counts::Messages,
        window: Some(Duration::from_secs(300)),
        keys: &["alert_messages_per_account"],
    },
];

impl Measure {
    fn units(&self, sent: &Sent) -> u32 {
        match self.counts {
            Counts::Recipients => sent.recipients,
            Counts::Messages => 1,
        }
    }

    fn limits_of<'l>(&self, key: &str, limits: &'l SendLimits) -> &'l [Limit] {
        match key {
            "recipients_per_session" => &limits.recipients_per_session,
            "recipients_per_account" => &limits.recipients_per_account,
            "messages_per_session" => &limits.messages_per_session,
            "alert_messages_per_account" => &limits.alert_messages_per_account,
            _ => &[],
        }
    }

    /// What holds where nothing is configured; 1 where nothing is limited.
    fn default_amount(&self, defaults: &SendLimits) -> u32 {
        let Some(window) = self.window else { return defaults.recipients_per_message };
        let limits = self.keys.iter().flat_map(|key| self.limits_of(key, defaults));
        limits.filter(|limit| limit.window == window).map(|limit| limit.amount).min().unwrap_or(1)
    }
}

/// One thing that is counted of sign-ins. No limit is proposed from it: those who guess are among what was counted.
struct SignInMeasure {
    name: &'static str,
    words: &'static str,
    window: Duration,
    counts: fn(&SignIn) -> bool,
    /// Counts accounts, each once.
    is_distinct: bool,
}

static SIGN_INS: &[SignInMeasure] = &[
    SignInMeasure {
        name: "sign_ins_in_10_minutes",
        words: "sign-ins tried in 10 minutes",
        window: Duration::from_secs(600),
        counts: |_| true,
        is_distinct: false,
    },
    SignInMeasure {
        name: "sign_ins_in_an_hour",
        words: "sign-ins tried in an hour",
        window: HOUR,
        counts: |_| true,
        is_distinct: false,
    },
    SignInMeasure {
        name: "failures_in_an_hour",
        words: "of these failed in an hour",
        window: HOUR,
        counts: |sign_in| sign_in.outcome == LoggedSignIn::Failed,
        is_distinct: false,
    },
    SignInMeasure {
        name: "failing_accounts_in_an_hour",
        words: "accounts failing in an hour",
        window: HOUR,
        counts: |sign_in| sign_in.outcome == LoggedSignIn::Failed,
        is_distinct: true,
    },
];

/// The busiest window of one account or prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peak {
    pub(super) most: u64,
    /// When it was reached.
    pub(super) at: Timestamp,
    pub(super) whose: String,
}

impl Peak {
    const NONE: Self = Self { most: 0, at: Timestamp::from_millis(0), whose: String::new() };

    fn raise(&mut self, most: u64, at: Timestamp) {
        if most > self.most {
            (self.most, self.at) = (most, at);
        }
    }
}

/// The busiest window of `units`, which are in the order of time. Without a window each counts alone.
fn busiest(units: impl Iterator<Item = (Timestamp, u32)> + Clone, window: Option<Duration>) -> Peak {
    let mut peak = Peak::NONE;
    let (mut oldest, mut used) = (units.clone().peekable(), 0_u64);
    for (now, asked) in units {
        used += u64::from(asked);
        let counts_no_more = |at: Timestamp| window.is_some_and(|window| at.after(window) <= now);
        while let Some((_, units)) = oldest.next_if(|(at, _)| counts_no_more(*at)) {
            used -= u64::from(units);
        }
        peak.raise(if window.is_some() { used } else { u64::from(asked) }, now);
    }
    peak
}

/// The same for things of which each counts once, until as long after its latest as the window is.
fn busiest_distinct(things: impl Iterator<Item = (Timestamp, u32)> + Clone, window: Duration) -> Peak {
    let mut peak = Peak::NONE;
    let (mut oldest, mut inside) = (things.clone().peekable(), HashMap::<u32, u32>::new());
    for (now, thing) in things {
        *inside.entry(thing).or_default() += 1;
        while let Some((_, thing)) = oldest.next_if(|(at, _)| at.after(window) <= now) {
            if let Entry::Occupied(mut times) = inside.entry(thing) {
                *times.get_mut() -= 1;
                if *times.get() == 0 {
                    times.remove();
                }
            }
        }
        peak.raise(inside.len() as u64, now);
    }
    peak
}

/// How much the busiest windows of all accounts or prefixes differ.
#[derive(Debug)]
pub(super) struct Spread {
    /// Least first.
    peaks: Vec<Peak>,
}

impl Spread {
    fn of(mut peaks: Vec<Peak>) -> Self {
        peaks.sort_unstable_by(|a, b| a.most.cmp(&b.most).then_with(|| b.whose.cmp(&a.whose)));
        Self { peaks }
    }

    /// What this share of all never passed: the smallest value that holds for so many. 0 where there are none.
    pub(super) fn percentile(&self, share: f64) -> u64 {
        let rank = (share * self.peaks.len() as f64).ceil() as usize;
        self.peaks.get(rank.max(1) - 1).map_or(0, |peak| peak.most)
    }

    /// The most of all.
    pub(super) fn max(&self) -> u64 {
        self.peaks.last().map_or(0, |peak| peak.most)
    }

    /// Those that used more than `limit`, most first: a message of theirs would have been stopped.
    pub(super) fn above(&self, limit: u32) -> impl ExactSizeIterator<Item = &Peak> {
        let first = self.peaks.partition_point(|peak| peak.most <= u64::from(limit));
        self.peaks[first..].iter().rev()
    }
}

/// What was learned of sending.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) measure: &'static Measure,
    pub(super) spread: Spread,
    /// What holds where nothing is configured.
    pub(super) default: u32,
    pub(super) proposed: u32,
}

impl Learned {
    fn new(measure: &'static Measure, peaks: Vec<Peak>, default: u32) -> Self {
        let spread = Spread::of(peaks);
        let proposed = rounded_up(spread.percentile(COVERED) as f64 * MARGIN).max(default);
        Self { measure, spread, default, proposed }
    }

    /// Whose busiest window the default would have stopped, most first.
    pub(super) fn above_default(&self) -> impl Iterator<Item = &Peak> {
        self.spread.above(self.default)
    }
}

/// What was counted of sign-ins.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) name: &'static str,
    pub(super) words: &'static str,
    pub(super) spread: Spread,
}

/// Longer windows bear at least what shorter ones do, and every window a single message.
fn bring_in_line(learned: &mut [Learned]) {
    for counts in [Counts::Recipients, Counts::Messages] {
        let mut least = 0;
        for learned in learned.iter_mut().filter(|learned| learned.measure.counts == counts) {
            learned.proposed = learned.proposed.max(least);
            least = learned.proposed;
        }
    }
}

/// A number people would choose: the next multiple of 5, 10, 50, 100, … by its size.
fn rounded_up(amount: f64) -> u32 {
    let step = match amount {
        amount if amount <= 10.0 => 1.0,
        amount if amount <= 100.0 => 5.0,
        amount => 5.0 * 10_f64.powf(amount.log10().ceil() - 2.0).floor().max(1.0),
    };
    ((amount / step).ceil() * step) as u32
}

/// `[send.limits]`, ready to be copied.
pub(super) fn snippet(learned: &[Learned]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for key in learned.iter().flat_map(|learned| learned.measure.keys) {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let width = keys.iter().map(|key| key.len()).max().unwrap_or(0);
    let mut text = "[send.limits]\n".to_owned();
    for key in keys {
        let says: Vec<String> = learned
            .iter()
            .filter(|learned| learned.measure.keys.contains(&key))
            .map(|learned| match learned.measure.window {
                Some(window) => format!("\"{}\"", Limit { amount: learned.proposed, window }),
                None => learned.proposed.to_string(),
            })
            .collect();
        let is_list =
            learned.iter().any(|learned| learned.measure.keys.contains(&key) && learned.measure.window.is_some());
        let says = if is_list { format!("[{}]", says.join(", ")) } else { says.concat() };
        text.push_str(&format!("{key:width$} = {says}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::policy::limits::Cost;
    use crate::policy::window::Window;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + second * 1000)
    }

    fn defaults() -> SendLimits {
        crate::cli::learn::defaults()
    }

    fn usage(sent: &[(&str, u64, u32)]) -> Usage {
        let mut usage = Usage::default();
        for (account, second, recipients) in sent {
            usage.sent(&Account::from_canonical(account), *recipients, at(*second), Source::MailLog);
        }
        usage
    }

    #[test]
    fn the_busiest_window_is_what_the_gateways_own_window_holds_at_its_fullest() {
        let window = Duration::from_secs(600);
        let mut row = 1_u64;
        for _ in 0..50 {
            let mut time = 0;
            let units: Vec<(Timestamp, u32)> = (0..100)
                .map(|_| {
                    row = row.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    time += (row >> 33) % 120 * ((row >> 40) % 3);
                    (at(time), ((row >> 50) % 9) as u32 + 1)
                })
                .collect();
            let mut gateways = Window::default();
            let fullest = units.iter().map(|(now, units)| {
                gateways.take(Cost::Units(*units), &[], window, 1, *now);
                gateways.used(window, *now)
            });
            assert_eq!(Some(busiest(units.iter().copied(), Some(window)).most), fullest.max());
            let mut gateways = Window::default();
            let fullest = units.iter().map(|(now, thing)| {
                gateways.take(Cost::Distinct(*thing), &[], window, 1, *now);
                gateways.used(window, *now)
            });
            assert_eq!(Some(busiest_distinct(units.iter().copied(), window).most), fullest.max());
        }
    }

    #[test]
    fn messages_are_counted_in_every_window_whatever_order_the_files_came_in() {
        let mut usage =
            usage(&[("alice", 3_600, 5), ("alice", 0, 20), ("alice", 599, 10), ("alice", 600, 4), ("bob", 86_400, 1)]);
        let learned = usage.of_sending(&defaults());
        let most: Vec<(&str, u64, u64)> =
            learned.iter().map(|l| (l.measure.name, l.spread.percentile(0.5), l.spread.max())).collect();
        assert_eq!(
            most,
            [
                ("recipients_of_a_message", 1, 20),
                ("recipients_in_10_minutes", 1, 30),
                ("recipients_in_an_hour", 1, 34),
                ("recipients_in_a_day", 1, 39),
                ("messages_in_a_minute", 1, 2),
                ("messages_in_5_minutes", 1, 2),
            ]
        );
        assert_eq!((usage.messages(), usage.active()), (5, 2));
        assert_eq!(usage.span, Some((at(0), at(86_400))));
    }

    #[test]
    fn a_percentile_is_the_least_that_holds_for_so_many() {
        let peaks = |count: u64| (1..=count).map(|most| Peak { most, at: at(0), whose: most.to_string() }).collect();
        let spread = Spread::of(peaks(1_000));
        for (share, is) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999), (1.0, 1_000)] {
            assert_eq!(spread.percentile(share), is, "{share}");
        }
        assert_eq!(Spread::of(peaks(3)).percentile(0.999), 3, "of few it is the most");
        assert_eq!((Spread::of(Vec::new()).percentile(0.5), Spread::of(Vec::new()).max()), (0, 0));
        let above: Vec<u64> = spread.above(997).map(|peak| peak.most).collect();
        assert_eq!(above, [1_000, 999, 998]);
    }

    #[test]
    fn limits_are_proposed_above_what_people_use_and_never_below_the_defaults() {
        let few = usage(&[("alice", 0, 1)]).of_sending(&defaults());
        assert_eq!(
            snippet(&few),
            "[send.limits]\n\
             recipients_per_message     = 50\n\
             recipients_per_session     = [\"60/10m\", \"200/h\"]\n\
             recipients_per_account     = [\"200/h\", \"600/d\"]\n\
             messages_per_session       = [\"30/m\"]\n\
             alert_messages_per_account = [\"100/5m\"]\n"
        );
        // One list of 170 people: every window must let that message pass.
        let many = usage(&[("alice", 0, 170)]).of_sending(&defaults());
        let text = snippet(&many);
        assert!(text.contains("= 250\n") && text.contains("[\"250/10m\", \"250/h\"]"), "{text}");
        let site = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n";
        let config = config::parse(&format!("{text}{site}"), "learned.toml", std::path::Path::new("."), at(0));
        assert!(config.is_ok_and(|config| config.send.recipients_per_message == 250), "what is proposed is taken");
    }

    #[test]
    fn numbers_are_rounded_to_ones_that_people_choose() {
        for (amount, rounded) in [
            (0.0, 0),
            (1.2, 2),
            (9.1, 10),
            (10.1, 15),
            (61.0, 65),
            (100.0, 100),
            (101.0, 150),
            (1_001.0, 1_500),
            (212.5, 250),
        ] {
            assert_eq!(rounded_up(amount), rounded, "{amount}");
        }
    }

    #[test]
    fn accounts_that_fail_behind_one_prefix_are_counted_once_each_where_they_are_known() {
        let mut usage = Usage::default();
        for (account, second, outcome) in [
            (Some("a"), 0, LoggedSignIn::Failed),
            (Some("a"), 10, LoggedSignIn::Failed),
            (Some("b"), 20, LoggedSignIn::Failed),
            (Some("b"), 30, LoggedSignIn::Succeeded),
            (None, 700, LoggedSignIn::Failed),
        ] {
            let account = account.map(Account::from_canonical);
            usage.sign_in("203.0.113.9/32", account.as_ref(), outcome, at(second));
        }
        let most: Vec<(&str, u64)> = usage.of_signing_in().iter().map(|used| (used.name, used.spread.max())).collect();
        assert_eq!(
            most,
            [
                ("sign_ins_in_10_minutes", 4),
                ("sign_ins_in_an_hour", 5),
                ("failures_in_an_hour", 4),
                ("failing_accounts_in_an_hour", 2),
            ]
        );
        assert_eq!(usage.busiest_prefixes(5), [("203.0.113.9/32".to_owned(), 1)]);
        assert_eq!(usage.sign_ins(), 5);
    }
}
