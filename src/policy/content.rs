//! What a message comes to by what it says: the signals of whoever looked at it, their sum against the thresholds, and
//! what is done where nobody looked.
//!
//! To add somebody who looks: its signals join the list that [`judge`] is given.

use std::time::Duration;

use super::risk::by_sum;
use super::{Decision, Why};
use crate::config::{Risk, Scanner, WhenSilent};
use crate::domain::{CONTENT_SIGNALS, Said, Scanned, Signal, Verdict};

/// What is known of a message beside its signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Somebody who was to look at it did not, and it is to wait for them.
    pub held_back: bool,
    /// Its person has proved to be the account's owner since its session came into doubt, or an operator said so. Asking
    /// again for every message that resembles spam would lead nowhere.
    pub vouched: bool,
}

/// What a message comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// Why, where it may not go.
    pub why: Why,
    /// What spoke, heaviest first.
    pub signals: Vec<Signal>,
}

/// A message that was held back is worth another try after this.
pub const SILENT_WAIT: Duration = Duration::from_secs(60);

/// The name of the signal that refuses whatever the sum is.
pub const VIRUS: &str = "virus";

/// What the scanners said, as signals with the weights of each scanner's table.
///
/// Silence says nothing of whoever wrote the message. It is named once for each scanner and weighs once, as the heaviest,
/// however many files were to be looked at and by whom: a network that is down must not put everybody's session in doubt.
pub fn signals(scanned: &[Scanned], scanners: &[Scanner]) -> Vec<Signal> {
    let is_silent = |scanned: &&Scanned| matches!(scanned.said, Said::Silent(_));
    let (mut silent, spoke): (Vec<&Scanned>, Vec<&Scanned>) = scanned.iter().partition(is_silent);
    silent.sort_by(|one, other| one.scanner.cmp(&other.scanner));
    silent.dedup_by(|one, other| one.scanner == other.scanner);
    let mut silences: Vec<Signal> = silent.into_iter().filter_map(|scanned| signal(scanned, scanners)).collect();
    silences.sort_by_key(|signal| std::cmp::Reverse(signal.weight));
    silences.iter_mut().skip(1).for_each(|signal| signal.weight = 0);
    spoke.into_iter().filter_map(|scanned| signal(scanned, scanners)).chain(silences).collect()
}

fn signal(Scanned { scanner, said, .. }: &Scanned, scanners: &[Scanner]) -> Option<Signal> {
    let asked = scanners.iter().find(|asked| asked.name == *scanner)?;
    let (name, weight, sentence) = match said {
        Said::Clean | Said::TooLarge => return None,
        Said::Virus => (VIRUS, virus_weight(), format!("{scanner} found a virus.")),
        Said::Spam(score) => ("spam", asked.weights.spam, format!("{scanner} takes the message for spam: {score}.")),
        Said::Likely(score) => {
            ("spam_likely", asked.weights.spam_likely, format!("{scanner} would mark the message as spam: {score}."))
        }
        Said::Silent(what) => {
            ("scanner_silent", asked.weights.scanner_silent, format!("{scanner} did not look at the message: {what}."))
        }
    };
    Some(Signal { name: name.into(), weight, sentence })
}

fn virus_weight() -> i32 {
    CONTENT_SIGNALS.iter().find(|kind| kind.name == VIRUS).map_or(0, |kind| kind.weight)
}

/// Whether what this scanner says settles the matter, so that no other needs to be asked.
pub fn settles(scanned: &Scanned, scanners: &[Scanner], risk: &Risk) -> bool {
    scanned.said == Said::Virus || signal(scanned, scanners).is_some_and(|signal| signal.weight >= risk.refuse)
}

/// Whether a message waits because a scanner that must look at it did not.
pub fn holds_back(scanned: &[Scanned], scanners: &[Scanner]) -> bool {
    scanned.iter().filter(|scanned| matches!(scanned.said, Said::Silent(_))).any(|scanned| {
        scanners.iter().any(|asked| asked.name == scanned.scanner && asked.when_silent == WhenSilent::HoldBack)
    })
}

/// Judges a message by what was found in it.
///
/// What is refused is this message; what comes to `challenge` or `restrict` puts its session in doubt as well.
pub fn judge(mut found: Vec<Signal>, risk: &Risk, known: Known) -> Judgement {
    found.sort_by_key(|signal| std::cmp::Reverse(signal.weight));
    let by_sum = by_sum(&found, risk);
    let (verdict, why) = if found.iter().any(|signal| signal.name == VIRUS) {
        (Verdict::Refuse, Why::Infected)
    } else if by_sum == Verdict::Refuse {
        (Verdict::Refuse, Why::Content)
    } else if known.held_back {
        (Verdict::Throttle, Why::Unseen)
    } else if by_sum >= Verdict::Challenge {
        if known.vouched { (Verdict::Flag, Why::Nothing) } else { (by_sum, Why::UnlikeByContent) }
    } else {
        (by_sum, Why::Nothing)
    };
    Judgement { verdict, why, signals: found }
}

impl Judgement {
    /// What becomes of a send that everything else let pass.
    pub fn upon(self, permitted: Decision) -> Decision {
        let stops = !matches!(self.verdict, Verdict::Pass | Verdict::Flag);
        let decision = if stops {
            let wait = (self.why == Why::Unseen).then_some(SILENT_WAIT);
            Decision { wait, ..Decision::stop(self.verdict, self.why) }
        } else {
            Decision { verdict: self.verdict, ..permitted }
        };
        Decision { signals: self.signals, ..decision }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{ContentWeights, ScannerAddress};
    use crate::domain::scanned::Score;
    use crate::scan;

    fn scanner(id: &str, when_silent: WhenSilent) -> Scanner {
        Scanner {
            name: id.into(),
            kind: scan::by_id(id).expect("one of them"),
            address: ScannerAddress::Tcp("127.0.0.1:1".to_owned()),
            time_limit: Duration::from_secs(1),
            size_max: 1,
            at_once: 1,
            when_silent,
            weights: ContentWeights { spam: 120, spam_likely: 30, scanner_silent: 30 },
        }
    }

    fn scanners() -> [Scanner; 3] {
        [
            scanner("rspamd", WhenSilent::PassAndFlag),
            scanner("spamassassin", WhenSilent::PassAndFlag),
            scanner("clamav", WhenSilent::HoldBack),
        ]
    }

    fn said(scanner: &str, said: Said) -> Scanned {
        Scanned { scanner: scanner.into(), said, took: Duration::ZERO }
    }

    const SCORE: Score = Score { points: 9.0, of: 5.0 };

    fn judged(said: &[Scanned], vouched: bool) -> (Verdict, Why) {
        let scanners = scanners();
        let known = Known { held_back: holds_back(said, &scanners), vouched };
        let judgement = judge(signals(said, &scanners), &Risk::default(), known);
        (judgement.verdict, judgement.why)
    }

    #[test]
    fn what_scanners_say_and_that_they_say_nothing_has_its_verdict() {
        let rspamd = |what: Said| said("rspamd", what);
        let both = [rspamd(Said::Likely(SCORE)), said("spamassassin", Said::Likely(SCORE))];
        for (found, vouched, expected) in [
            (&[rspamd(Said::Clean), said("clamav", Said::TooLarge)][..], false, (Verdict::Pass, Why::Nothing)),
            (&[], false, (Verdict::Pass, Why::Nothing)),
            (&both[..1], false, (Verdict::Flag, Why::Nothing)),
            (&both, false, (Verdict::Challenge, Why::UnlikeByContent)),
            // Whoever has proved who they are is not asked for each message again.
            (&both, true, (Verdict::Flag, Why::Nothing)),
            (&[rspamd(Said::Spam(SCORE))], false, (Verdict::Refuse, Why::Content)),
            (&[rspamd(Said::Spam(SCORE))], true, (Verdict::Refuse, Why::Content)),
            (&[said("clamav", Said::Virus)], true, (Verdict::Refuse, Why::Infected)),
            // Silence: as its scanner's table says, unless another has said enough.
            (&[rspamd(Said::Silent("slow"))], false, (Verdict::Flag, Why::Nothing)),
            // Asked about each file and the message, and by all at once, it is no more than that.
            (&[rspamd(Said::Silent("slow")), rspamd(Said::Silent("slow"))], false, (Verdict::Flag, Why::Nothing)),
            (
                &[
                    rspamd(Said::Silent("slow")),
                    said("spamassassin", Said::Silent("slow")),
                    rspamd(Said::Silent("slow")),
                ],
                false,
                (Verdict::Flag, Why::Nothing),
            ),
            (
                &[rspamd(Said::Silent("slow")), said("spamassassin", Said::Likely(SCORE))],
                false,
                (Verdict::Challenge, Why::UnlikeByContent),
            ),
            (&[said("clamav", Said::Silent("slow"))], false, (Verdict::Throttle, Why::Unseen)),
            (&[said("clamav", Said::Silent("slow"))], true, (Verdict::Throttle, Why::Unseen)),
            (
                &[said("clamav", Said::Silent("slow")), rspamd(Said::Spam(SCORE))],
                false,
                (Verdict::Refuse, Why::Content),
            ),
            // Of a scanner that is not in the configuration any more nothing is known.
            (&[said("gone", Said::Spam(SCORE))], false, (Verdict::Pass, Why::Nothing)),
        ] {
            assert_eq!(judged(found, vouched), expected, "{found:?} {vouched}");
        }
    }

    #[test]
    fn a_virus_is_refused_whatever_weighs_what() {
        let risk = Risk { refuse: 100_000, restrict: 50_000, challenge: 40_000, flag: 30_000, ..Risk::default() };
        let found = signals(&[said("clamav", Said::Virus)], &scanners());
        let judgement = judge(found, &risk, Known { vouched: true, ..Known::default() });
        assert_eq!((judgement.verdict, judgement.why), (Verdict::Refuse, Why::Infected));
    }

    #[test]
    fn only_a_message_that_passes_keeps_the_permit() {
        let upon = |judgement: Judgement| judgement.upon(Decision::pass(Duration::ZERO));
        let signal = |weight| Signal { name: "campaign".into(), weight, sentence: String::new() };
        let risk = Risk::default();
        for (weight, verdict, permitted) in [
            (0, Verdict::Pass, true),
            (30, Verdict::Flag, true),
            (50, Verdict::Challenge, false),
            (80, Verdict::Restrict, false),
            (120, Verdict::Refuse, false),
        ] {
            let decision = upon(judge(vec![signal(weight)], &risk, Known::default()));
            assert_eq!((decision.verdict, decision.permit.is_some()), (verdict, permitted), "{weight}");
            assert_eq!(decision.signals.len(), 1);
        }
        let held = upon(judge(Vec::new(), &risk, Known { held_back: true, vouched: false }));
        assert_eq!((held.verdict, held.wait), (Verdict::Throttle, Some(SILENT_WAIT)));
        assert!(held.permit.is_none());
    }

    proptest! {
        #[test]
        fn a_signal_more_never_makes_it_milder(weights in proptest::collection::vec(0..200_i32, 0..5), more in 0..200_i32) {
            let signal = |weight: &i32| Signal { name: "spam".into(), weight: *weight, sentence: String::new() };
            let found: Vec<Signal> = weights.iter().map(signal).collect();
            let with = [found.clone(), vec![signal(&more)]].concat();
            let risk = Risk::default();
            let verdict = |found| judge(found, &risk, Known::default()).verdict;
            prop_assert!(verdict(with) >= verdict(found));
        }
    }
}
