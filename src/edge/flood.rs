//! How long a flood is put up with: on one connection, and from one prefix.
//!
//! To refuse a request is cheap, and to be refused costs nothing: who goes on is sent away. To open a connection is dear
//! for us, so who was sent away opens no other for a moment, and longer each time. Whoever shares the address keeps the
//! connections that are open, and gets the requests that the flood no longer takes. Nothing here reads a clock.

use std::time::Duration;

use crate::domain::Timestamp;

/// Refusals on a connection that say why in words: as many as anybody looks at. What follows are the files of a page.
const WORDED_MAX: u32 = 16;

/// Refusals on a connection within [`REFUSALS_WITHIN`] until it is told to end: two cold visits with every file refused
/// are fewer.
const REFUSALS_MAX: u32 = 100;

/// People who are refused now and then, because many share their address, never come near [`REFUSALS_MAX`] in it.
const REFUSALS_WITHIN: Duration = Duration::from_secs(10);

/// Refusals of what comes all the same after a connection was told to end: as many requests as HTTP/2 may have had on
/// their way.
const AFTER_GOODBYE_MAX: u32 = 128;

/// The first pause of a prefix: somebody who shares its address and just comes waits as long as for a slow page.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest. A flood that always comes back then costs about a hundred handshakes in so long, and somebody who shares
/// its address waits no longer for a connection.
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// What becomes of a request beyond its prefix's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It is told in words.
    Worded,
    /// It is told by the status alone.
    Briefly,
    /// The same, and the connection is to end.
    Goodbye,
    /// The connection is cut off.
    CutOff,
}

/// The refusals of one connection.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Since when they are counted.
    since: Timestamp,
    count: u32,
}

impl Refusals {
    /// Counts one more and says how to refuse. Once it was [`Refused::Goodbye`], it never becomes less.
    pub fn one_more(&mut self, now: Timestamp) -> Refused {
        if self.count <= REFUSALS_MAX && now.since(self.since) >= REFUSALS_WITHIN {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        match self.count {
            0..=WORDED_MAX => Refused::Worded,
            count if count <= REFUSALS_MAX => Refused::Briefly,
            count if count <= REFUSALS_MAX + AFTER_GOODBYE_MAX => Refused::Goodbye,
            _ => Refused::CutOff,
        }
    }
}

/// A time in which a prefix opens no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    until: Timestamp,
    length: Duration,
}

impl Pause {
    /// A connection of the prefix was sent away. What the others do meanwhile lengthens nothing; a flood that comes back
    /// soon after the pause doubles the next.
    pub fn after_flood(&mut self, now: Timestamp) {
        if self.holds(now) {
            return;
        }
        self.length = if self.is_forgotten(now) { PAUSE_MIN } else { (self.length * 2).min(PAUSE_MAX) };
        self.until = now.after(self.length);
    }

    /// Whether it goes on. A clock that was set back lengthens none.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until && self.until.since(now) <= self.length
    }

    /// Whether a flood now would be as good as the first.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.length.is_zero() || (!self.holds(now) && now.since(self.until) >= PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn at(millis: u64) -> Timestamp {
        START.after(Duration::from_millis(millis))
    }

    #[test]
    fn a_flood_is_told_in_words_then_briefly_then_sent_away_then_cut_off() {
        let mut refusals = Refusals::default();
        let said: Vec<Refused> = (0..300).map(|_| refusals.one_more(START)).collect();
        let many = |refused| said.iter().filter(|said| **said == refused).count();
        assert!(said.is_sorted());
        assert_eq!((many(Refused::Worded), many(Refused::Briefly), many(Refused::Goodbye)), (16, 84, 128));
        // Time heals nothing once it was sent away.
        assert_eq!(refusals.one_more(at(3_600_000)), Refused::CutOff);
    }

    #[test]
    fn somebody_refused_now_and_then_is_never_sent_away() {
        // Eight times in a second for an hour, as when many people share an address that is just beyond its rate.
        let mut refusals = Refusals::default();
        assert!((0..28_800).all(|one| refusals.one_more(at(one * 125)) <= Refused::Briefly));
    }

    #[test]
    fn a_pause_doubles_as_long_as_the_flood_comes_back_and_is_forgotten_after_it() {
        let mut pause = Pause::default();
        let mut now = 0;
        for seconds in [1, 2, 4, 8, 16, 16, 16] {
            assert!(!pause.holds(at(now)));
            pause.after_flood(at(now));
            pause.after_flood(at(now + 500));
            assert!(pause.holds(at(now + seconds * 1_000 - 1)), "{seconds}");
            now += seconds * 1_000;
        }
        assert!(!pause.is_forgotten(at(now + 15_999)) && pause.is_forgotten(at(now + 16_000)));
        pause.after_flood(at(now + 16_000));
        assert!(!pause.holds(at(now + 17_000)), "short as the first");
    }

    proptest! {
        /// Whenever floods come and however the clock steps, nobody waits longer than the longest pause.
        #[test]
        fn nobody_waits_longer_than_the_longest_pause(floods in prop::collection::vec(0_u64..120_000, 1..60)) {
            let mut pause = Pause::default();
            for flood in floods {
                pause.after_flood(at(flood));
                prop_assert!(!pause.holds(at(flood).after(PAUSE_MAX)));
                prop_assert!(pause.holds(at(flood)));
            }
        }

        /// A flood that comes back at once each time is let in at most as often as the pauses say: five times while they
        /// grow, then once in the longest.
        #[test]
        fn a_flood_that_always_comes_back_is_let_in_rarely(steps in prop::collection::vec(1_u64..300, 1..3_000)) {
            let (mut pause, mut now, mut let_in) = (Pause::default(), 0, 0);
            for step in steps {
                now += step;
                if !pause.holds(at(now)) {
                    let_in += 1;
                    pause.after_flood(at(now));
                }
            }
            prop_assert!(let_in <= 5 + now / 16_000, "{let_in} times in {now} ms");
        }

        /// However refusals are spread, a connection is sent away by more than a hundred within ten seconds, and only by
        /// them.
        #[test]
        fn who_is_sent_away_was_refused_often_and_soon(gaps in prop::collection::vec(0_u64..400, 1..400)) {
            let (mut refusals, mut now, mut times) = (Refusals::default(), 0, Vec::new());
            for gap in gaps {
                now += gap;
                times.push(now);
                let refused = refusals.one_more(at(now));
                let recent = times.iter().filter(|time| now - **time < 10_000).count();
                prop_assert!(refused < Refused::Goodbye || recent > 100, "{recent} refusals");
                prop_assert!(refused >= Refused::Goodbye || recent <= 200, "{recent} refusals and it stays");
                if refused >= Refused::Goodbye {
                    break;
                }
            }
        }
    }
}
