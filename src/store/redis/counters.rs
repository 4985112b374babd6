//! Counters: judged and charged by one script, which knows the arithmetic of [`crate::policy::window`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::Value;

use super::link::Lane;
use super::node::{Node, SLACK, Swap, millis, number, unreadable, whole_millis};
use super::script::{CHARGE, REFUND};
use crate::domain::Timestamp;
use crate::policy::limits::{Charge, Charged, Cost, CounterKey, Receipt, judge_together};
use crate::policy::window::{Entry, Window};
use crate::store::Away;

/// How long a counter keeps, before its entries: six bytes.
const HEAD_BYTES: usize = 6;

/// Six bytes of time, six of units, eight of number, five of fingerprint and one more, 0 for none; all big-endian.
const ENTRY_BYTES: usize = 25;

/// What one script is told: which of the charges are in its part.
type Part = Vec<usize>;

impl Node {
    /// Takes all charges or none. One server does that in one script. In a Cluster every part has a script of its own, all
    /// at once, and what was taken is given back where another part refuses: never over, for an instant under.
    pub(super) async fn charge(self: &Arc<Self>, charges: &[Charge], now: Timestamp) -> Result<Charged, Away> {
        if charges.is_empty() {
            return Ok(Charged::Fits(Receipt::default()));
        }
        let numbers: Vec<u64> = charges.iter().map(|_| self.next_number()).collect();
        let parts = self.parts(charges.iter().map(|charge| &charge.key));
        let answers = join_all(parts.iter().map(|part| self.charge_part(charges, part, &numbers, now))).await;
        let receipt = |part: &Part| {
            let costs = |place: &&usize| charges[**place].cost != Cost::Units(0);
            let entry = |place: &usize| (charges[*place].key.clone(), numbers[*place]);
            Receipt { entries: part.iter().filter(costs).map(entry).collect() }
        };
        if answers.iter().all(|answer| matches!(answer, Ok(None))) {
            let whole: Part = (0..charges.len()).collect();
            return Ok(Charged::Fits(receipt(&whole)));
        }
        let mut windows = vec![Window::default(); charges.len()];
        let mut away = None;
        let mut taken = Vec::new();
        for (answer, part) in answers.into_iter().zip(&parts) {
            match answer {
                Ok(None) => taken.push(part),
                Ok(Some(held)) => part.iter().zip(held).for_each(|(place, window)| windows[*place] = window),
                Err(error) => away = Some(error),
            }
        }
        let receipts: Vec<Receipt> = taken.iter().map(|part| receipt(part)).collect();
        if let Some(away) = away {
            // Whoever asked need not wait for that.
            let node = Arc::clone(self);
            tokio::spawn(async move {
                let given_back = receipts.iter().map(|receipt| node.refund(receipt));
                tokio::time::timeout(super::link::BULK, join_all(given_back)).await
            });
            return Err(away);
        }
        // What cannot be given back stays charged until it expires: stricter, never open.
        for held in join_all(receipts.iter().map(|receipt| self.refund(receipt))).await.into_iter().flatten() {
            for (key, window) in held {
                if let Some(place) = charges.iter().position(|charge| charge.key == key) {
                    windows[place] = window;
                }
            }
        }
        let judge = |(charge, window): (_, &Window)| {
            let charge: &Charge = charge;
            (charge, window.judge(charge.cost, &charge.limits, now))
        };
        let judged: Vec<_> = charges.iter().zip(&windows).map(judge).collect();
        let over = judge_together(&judged);
        over.map(Charged::Over).ok_or_else(|| Away { what: "the store and its script count differently".into() })
    }

    /// None where all of the part was taken, or what its counters hold.
    async fn charge_part(
        &self,
        charges: &[Charge],
        part: &Part,
        numbers: &[u64],
        now: Timestamp,
    ) -> Result<Option<Vec<Window>>, Away> {
        let keys: Vec<String> = part.iter().map(|place| self.keys.counter(&charges[*place].key).0).collect();
        let mut arguments = vec![number(millis(now))];
        for place in part {
            let charge = &charges[*place];
            let (units, fingerprint) = match charge.cost {
                Cost::Units(units) => (u64::from(units), 0),
                Cost::Distinct(fingerprint) => (1, u64::from(fingerprint) + 1),
            };
            arguments.push(numbers[*place].to_be_bytes().to_vec());
            arguments.extend([whole_millis(charge.keep), units, fingerprint].map(number));
            arguments.push(number(charge.limits.len()));
            for limit in &charge.limits {
                arguments.extend([u64::from(limit.amount), whole_millis(limit.window)].map(number));
            }
        }
        match self.link.run(Lane::Quick, &CHARGE, &keys, &arguments).await? {
            Value::Int(1) => Ok(None),
            Value::Array(raws) => raws.into_iter().map(window_of).collect::<Result<_, _>>().map(Some),
            _ => Err(unreadable()),
        }
    }

    /// Gives back what is still there; returns what the counters hold then.
    pub(super) async fn refund(&self, receipt: &Receipt) -> Result<Vec<(CounterKey, Window)>, Away> {
        let parts = self.parts(receipt.entries.iter().map(|(key, _)| key));
        let each = join_all(parts.iter().map(|part| self.refund_part(receipt, part))).await;
        Ok(each.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn refund_part(&self, receipt: &Receipt, part: &Part) -> Result<Vec<(CounterKey, Window)>, Away> {
        let entries = || part.iter().map(|place| &receipt.entries[*place]);
        let keys: Vec<String> = entries().map(|(key, _)| self.keys.counter(key).0).collect();
        let numbers: Vec<Vec<u8>> = entries().map(|(_, number)| number.to_be_bytes().to_vec()).collect();
        let raws: Vec<Value> = self.link.run(Lane::Quick, &REFUND, &keys, &numbers).await?;
        entries().zip(raws).map(|((key, _), raw)| Ok((key.clone(), window_of(raw)?))).collect()
    }

    /// What a counter holds.
    pub(super) async fn count(&self, key: &CounterKey, window: Duration, now: Timestamp) -> Result<u32, Away> {
        let raw = self.get(Lane::Quick, &self.keys.counter(key).0).await?;
        Ok(u32::try_from(read(&raw).used(window, now)).unwrap_or(u32::MAX))
    }

    /// Adds entries, whatever the limits.
    pub(super) async fn add(
        &self,
        key: &CounterKey,
        entries: &[Entry],
        keep: Duration,
        now: Timestamp,
    ) -> Result<(), Away> {
        let step = |raw: &[u8]| {
            let mut counter = read(raw);
            counter.add(entries, keep);
            (put(&mut counter, now), ())
        };
        self.swap(&self.keys.counter(key).0, None, step).await
    }

    /// Forgets what a counter holds.
    pub(super) async fn forget(&self, key: &CounterKey) -> Result<(), Away> {
        self.swap(&self.keys.counter(key).0, None, |_| (Swap::Delete, ())).await
    }

    /// Adds those that are missing; says whether any were.
    pub(super) async fn add_missing(
        &self,
        key: &CounterKey,
        entries: &[Entry],
        keep: Duration,
        now: Timestamp,
    ) -> Result<bool, Away> {
        let step = |raw: &[u8]| {
            let mut counter = read(raw);
            let mut missing = counter.missing(entries);
            missing.retain(|entry| entry.time.after(keep) > now);
            if missing.is_empty() {
                return (Swap::Leave, false);
            }
            counter.add(&missing, keep);
            (put(&mut counter, now), true)
        };
        self.swap(&self.keys.counter(key).0, None, step).await
    }

    /// Which go together in one script.
    fn parts<'a>(&self, keys: impl Iterator<Item = &'a CounterKey>) -> Vec<Part> {
        if !self.link.is_cluster() {
            let all: Part = keys.enumerate().map(|(place, _)| place).collect();
            return if all.is_empty() { vec![] } else { vec![all] };
        }
        let mut parts: BTreeMap<u8, Part> = BTreeMap::new();
        for (place, key) in keys.enumerate() {
            parts.entry(self.keys.counter(key).1).or_default().push(place);
        }
        parts.into_values().collect()
    }
}

fn window_of(raw: Value) -> Result<Window, Away> {
    match raw {
        Value::Nil => Ok(Window::default()),
        Value::BulkString(raw) => Ok(read(&raw)),
        _ => Err(unreadable()),
    }
}

/// A counter as it is stored; what is not whole is left out.
pub(super) fn read(raw: &[u8]) -> Window {
    let Some((head, entries)) = raw.split_first_chunk::<HEAD_BYTES>() else { return Window::default() };
    let entry = |raw: &[u8; ENTRY_BYTES]| {
        let fingerprint = big_endian(&raw[20..]);
        Entry {
            time: Timestamp::from_millis(big_endian(&raw[..6])),
            units: big_endian(&raw[6..12]),
            number: big_endian(&raw[12..20]),
            fingerprint: fingerprint.checked_sub(1).and_then(|fingerprint| u32::try_from(fingerprint).ok()),
        }
    };
    let entries = entries.as_chunks().0.iter().map(entry).collect();
    Window::restore(entries, Duration::from_millis(big_endian(head)))
}

fn write(window: &Window) -> Vec<u8> {
    let six = |value: u64| value.min((1 << 48) - 1).to_be_bytes()[2..].to_vec();
    let mut raw = six(whole_millis(window.keep()));
    for entry in window.entries() {
        raw.extend(six(millis(entry.time)));
        raw.extend(six(entry.units));
        raw.extend(entry.number.to_be_bytes());
        let fingerprint = entry.fingerprint.map_or(0, |fingerprint| u64::from(fingerprint) + 1);
        raw.extend_from_slice(&fingerprint.to_be_bytes()[3..]);
    }
    raw
}

/// What becomes of a counter in the store.
fn put(window: &mut Window, now: Timestamp) -> Swap {
    window.prune(now);
    let Some(last) = window.entries().last() else { return Swap::Delete };
    let left = last.time.since(now).saturating_add(window.keep()).saturating_add(SLACK);
    Swap::Put(write(window), Some(left))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_written_and_read_back() {
        let entry = |time, units, number, fingerprint| {
            let time = Timestamp::from_millis(time);
            Entry { time, units, number, fingerprint }
        };
        let entries = vec![
            entry(1, 7, u64::MAX, None),
            entry(1_700_000_000_000, 1, 0, Some(u32::MAX)),
            entry((1 << 48) - 1, 1, 3, Some(0)),
        ];
        let window = Window::restore(entries, Duration::from_secs(86_400));
        assert_eq!(read(&write(&window)), window);
        assert_eq!(read(b""), Window::default());
        assert_eq!(read(&write(&window)[..HEAD_BYTES + ENTRY_BYTES + 3]).entries().len(), 1);
    }
}
