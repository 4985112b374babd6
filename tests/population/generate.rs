//! The whole population, day by day, in the order of time.

use std::io::Write;

use anyhow::Context as _;

use crate::lines::{Happening, Truth};
use crate::owners::{Calendar, DAY, Owner, Town};
use crate::thieves;

/// How large a population, and which.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Accounts; one more leaves the others' behaviour as it was.
    pub accounts: u32,
    /// Thefts in all the time. Far more than any site sees, so that one in a hundred can be told.
    pub thefts: u32,
    /// The time.
    pub calendar: Calendar,
    /// The same seed makes the same lines.
    pub seed: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines.
    pub lines: u64,
}

/// Writes events and truth. One day's events are in memory, and what reaches beyond midnight.
///
/// # Errors
/// When a file cannot be written.
pub fn generate(plan: &Plan, events: &mut impl Write, truth: &mut impl Write) -> anyhow::Result<Written> {
    let calendar = plan.calendar;
    let towns = [Town::new(plan.seed, 0), Town::new(plan.seed, 1)];
    let mut owners: Vec<Owner> =
        (0..plan.accounts).map(|number| Owner::new(number, plan.seed, &calendar, &towns)).collect();
    let mut thefts = thieves::plan(plan.thefts, owners.len(), &calendar, plan.seed).into_iter().peekable();
    let mut pending: Vec<Happening> = Vec::new();
    let mut written = Written::default();
    for day in 0..calendar.days {
        for owner in &mut owners {
            owner.day(day, &calendar, &towns, &mut pending);
        }
        while let Some(theft) = thefts.next_if(|theft| theft.day == day) {
            theft.commit(&owners[theft.victim], &calendar, &towns, plan.seed, &mut pending);
            // By then somebody has noticed, and the owner was made to choose another password.
            owners[theft.victim].changes_password(day + 1);
        }
        thieves::guess(day, &owners, &calendar, plan.seed, &mut pending);
        // Clocks east of here are up to ten hours ahead: what comes tomorrow may still be before midnight UTC.
        let is_over = calendar.first + u64::from(day) * DAY;
        write_until(is_over, &mut pending, &mut written, events, truth)?;
    }
    write_until(u64::MAX, &mut pending, &mut written, events, truth)?;
    Ok(written)
}

fn write_until(
    end: u64,
    pending: &mut Vec<Happening>,
    written: &mut Written,
    events: &mut impl Write,
    truth: &mut impl Write,
) -> anyhow::Result<()> {
    pending.sort_by_key(|happening| happening.at);
    let over = pending.partition_point(|happening| happening.at < end);
    for Happening { at, mut event, who } in pending.drain(..over) {
        written.lines += 1;
        let time = jiff::Timestamp::from_second(i64::try_from(at)?).context("a time of this age")?;
        event.time = time.to_string();
        serde_json::to_writer(&mut *events, &event)?;
        events.write_all(b"\n")?;
        serde_json::to_writer(&mut *truth, &Truth { line: written.lines, who })?;
        truth.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Event, How, Kind, Outcome, ThiefKind, Who};

    const PLAN: Plan =
        Plan { accounts: 150, thefts: 60, calendar: Calendar { first: 1_763_942_400, days: 200 }, seed: 1 };

    fn lines(plan: &Plan) -> (Vec<Event>, Vec<Truth>) {
        let (mut events, mut truth) = (Vec::new(), Vec::new());
        let written = generate(plan, &mut events, &mut truth).expect("memory takes everything");
        let events: Vec<Event> =
            serde_json::Deserializer::from_slice(&events).into_iter().map(|e| e.expect("an event")).collect();
        let truth: Vec<Truth> =
            serde_json::Deserializer::from_slice(&truth).into_iter().map(|t| t.expect("a truth")).collect();
        assert_eq!((events.len(), truth.len()), (written.lines as usize, written.lines as usize));
        (events, truth)
    }

    #[test]
    fn one_seed_makes_one_population_in_the_order_of_time() {
        let (events, truth) = lines(&PLAN);
        assert!(events.windows(2).all(|pair| pair[0].time <= pair[1].time));
        assert!(truth.iter().zip(1..).all(|(truth, number)| truth.line == number));
        let again = lines(&PLAN);
        assert_eq!(serde_json::to_string(&events).expect("plain"), serde_json::to_string(&again.0).expect("plain"));
        assert_ne!(truth, lines(&Plan { seed: 2, ..PLAN }).1);
    }

    #[test]
    fn the_population_is_as_busy_and_as_mixed_as_a_university() {
        let (events, truth) = lines(&PLAN);
        let of = |wanted: &dyn Fn(&Event, &Who) -> bool| {
            events.iter().zip(&truth).filter(|(event, truth)| wanted(event, &truth.who)).count()
        };
        let owns = |who: &Who| matches!(who, Who::Owner { .. });
        let is_ok = |event: &Event| matches!(event.kind, Kind::SignIn { outcome: Outcome::Ok, .. });
        let sign_ins = of(&|event, who| owns(who) && is_ok(event));
        let daily = sign_ins as f64 / f64::from(PLAN.accounts * PLAN.calendar.days);
        assert!((0.4..1.1).contains(&daily), "{daily} sign-ins per account and day");
        let sends = of(&|event, who| owns(who) && matches!(event.kind, Kind::Send { .. }));
        assert!(sends * 3 < sign_ins * 2 && sends * 10 > sign_ins, "{sends} messages, {sign_ins} sign-ins");
        for how in [
            How::Campus,
            How::Home,
            How::Mobile,
            How::Elsewhere,
            How::Holiday,
            How::Conference,
            How::LivingAbroad,
            How::Roaming,
            How::Vpn,
        ] {
            assert!(of(&|_, who| *who == Who::Owner { how }) > 0, "{how:?}");
        }
        for kind in ThiefKind::ALL {
            assert!(
                of(&|event, who| is_ok(event) && matches!(who, Who::Thief { kind: k, .. } if *k == kind)) > 0,
                "{kind:?}"
            );
        }
        assert!(of(&|_, who| *who == Who::Guesser) > 0);
        let forgetful = of(&|event, who| owns(who) && is_ok(event) && event.device.is_none());
        assert!(
            (0.02..0.15).contains(&(forgetful as f64 / sign_ins as f64)),
            "{forgetful} of {sign_ins} without cookies"
        );
    }
}
