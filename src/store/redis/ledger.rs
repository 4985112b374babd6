//! Past events, what was counted of them, operators and what they did. All of it is in two slots: nobody at a webmail waits
//! for it.
//!
//! An event is a member of a sorted set: its number in sixteen hexadecimal digits, a space and its line. So sets give
//! events of one moment in the order of their numbers, and the same event is never there twice.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use redis::{Cmd, cmd};

use super::Redis;
use super::link::{BULK, Lane};
use super::node::{Node, SLACK, from_json, millis, number, to_json, whole_millis};
use super::script::{EVENTS, OPERATOR};
use crate::domain::past::Events;
use crate::domain::{Account, AuditEntry, EventFilter, Mark, PastEvent, Sender, SiteName, Span, Tally, Timestamp};
use crate::store::ledger::{
    AUDIT_MAX, EVENTS_MAX, LOOKED_THROUGH_MAX, Ledger, OPERATOR_BYTES_MAX, OPERATORS_MAX, Sieve, refused_operator,
};
use crate::store::{Answer, Away, Sealed};

/// Events found by their account; of one with more, the oldest are found only by their time.
const EVENTS_OF_ACCOUNT_MAX: usize = 2_000;

/// Events or entries that are read at once.
const READ_AT_ONCE: usize = 1_000;

/// Senders of each hour that may be among those of several hours with the most recipients.
const SENDERS_OF_HOUR: usize = 200;

/// The members of a sorted set that is sorted by time, newest first, some at a time.
struct Backwards {
    set: String,
    /// The highest time.
    from: String,
    /// The lowest.
    to: u64,
    at: usize,
}

impl Backwards {
    fn new(set: String, before: Option<Mark>, since: Option<Timestamp>) -> Self {
        let from = before.map_or_else(|| "+inf".to_owned(), |mark| millis(mark.time).to_string());
        Self { set, from, to: since.map_or(0, millis), at: 0 }
    }

    /// The next `most`, which is made at least a few and at most [`READ_AT_ONCE`]; fewer at the end. Says whether it is
    /// the end.
    async fn next(&mut self, node: &Node, most: usize) -> Result<(Vec<(String, Timestamp)>, bool), Away> {
        let most = most.clamp(64, READ_AT_ONCE);
        let mut range = cmd("ZREVRANGEBYSCORE");
        range.arg(&self.set).arg(&self.from).arg(self.to).arg("WITHSCORES");
        range.arg("LIMIT").arg(self.at).arg(most);
        let found: Vec<(String, f64)> = node.link.ask(Lane::Bulk, &range).await?;
        self.at += found.len();
        let is_end = found.len() < most;
        Ok((found.into_iter().map(|(member, time)| (member, whole(time))).collect(), is_end))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(millis: f64) -> Timestamp {
    Timestamp::from_millis(millis as u64)
}

/// What a member says before its space, as a number, and the rest.
fn numbered(member: &str) -> Option<(u64, &str)> {
    let (number, rest) = member.split_once(' ')?;
    Some((u64::from_str_radix(number, 16).ok()?, rest))
}

fn event(member: &str, time: Timestamp) -> Option<PastEvent> {
    let (number, line) = numbered(member)?;
    Some(PastEvent { number, time, line: line.to_owned() })
}

fn hexadecimal(number: u64) -> String {
    format!("{number:016x}")
}

impl Node {
    /// Keeps them and counts those that are new; says how many were.
    pub(super) async fn put_events(&self, events: &[PastEvent], keep: Duration, now: Timestamp) -> Result<u64, Away> {
        let mut together: BTreeMap<Timestamp, Vec<&PastEvent>> = BTreeMap::new();
        for event in events {
            together.entry(Span::FiveMinutes.start(event.time)).or_default().push(event);
        }
        if together.is_empty() {
            // What is too old goes all the same.
            together.insert(Span::FiveMinutes.start(now), Vec::new());
        }
        let mut new = 0;
        for (start, events) in together {
            new += self.put_events_of(start, &events, keep, now).await?;
        }
        Ok(new)
    }

    async fn put_events_of(
        &self,
        start: Timestamp,
        events: &[&PastEvent],
        keep: Duration,
        now: Timestamp,
    ) -> Result<u64, Away> {
        let hour = Span::Hour.start(start);
        let mut keys = vec![
            self.keys.events(),
            self.keys.tallies(Span::FiveMinutes, start),
            self.keys.tallies(Span::Hour, hour),
            self.keys.senders("messages", hour),
            self.keys.senders("recipients", hour),
        ];
        let lives = |time: Duration| number(whole_millis(time.saturating_add(SLACK)).max(1));
        let mut arguments = vec![
            number(EVENTS_MAX),
            number(millis(now.before(keep))),
            number(EVENTS_OF_ACCOUNT_MAX),
            lives(Span::FiveMinutes.kept()),
            lives(Span::Hour.kept()),
            lives(keep),
        ];
        let mut accounts: HashMap<String, usize> = HashMap::new();
        for event in events {
            let of = event.particulars();
            let account = of.as_ref().and_then(|of| of.account.as_ref()).map_or(0, |account| {
                let key = self.keys.events_of(account);
                *accounts.entry(key).or_insert_with_key(|key| {
                    keys.push(key.clone());
                    keys.len() - 5
                })
            });
            let sender = of.as_ref().and_then(|of| of.sender());
            let tallied = of.as_ref().map(|of| of.tallied()).unwrap_or_default();
            arguments.extend([
                number(millis(event.time)),
                hexadecimal(event.number).into_bytes(),
                event.line.clone().into_bytes(),
                number(account),
                sender.map(|(site, account, _)| format!("{site}/{account}")).unwrap_or_default().into_bytes(),
                number(sender.map_or(0, |(_, _, recipients)| recipients)),
                number(tallied.len()),
            ]);
            for (what, many) in tallied {
                arguments.extend([what.into_owned().into_bytes(), number(many)]);
            }
        }
        self.link.run(Lane::Bulk, &EVENTS, &keys, &arguments).await
    }

    async fn past_events(&self, filter: &EventFilter, most: usize) -> Result<Events, Away> {
        let mut sieve = Sieve::new(filter, most);
        let set = filter.account.as_ref().map_or_else(|| self.keys.events(), |account| self.keys.events_of(account));
        let mut backwards = Backwards::new(set, filter.before, filter.since);
        // Where nothing rare is asked for, a page is all that is read.
        let mut at_once = most;
        while sieve.wants_more() {
            let (some, is_end) = backwards.next(self, at_once).await?;
            at_once = READ_AT_ONCE;
            for event in self.events_named(some, filter.account.is_some()).await? {
                if filter.before.is_some_and(|before| event.mark() >= before) {
                    continue;
                }
                if !sieve.wants_more() {
                    return Ok(sieve.found(false));
                }
                sieve.look_at(event);
            }
            if is_end {
                return Ok(sieve.found(true));
            }
        }
        Ok(sieve.found(false))
    }

    /// The events of members; of an account's index they are numbers only.
    async fn events_named(&self, some: Vec<(String, Timestamp)>, is_index: bool) -> Result<Vec<PastEvent>, Away> {
        if !is_index {
            return Ok(some.iter().filter_map(|(member, time)| event(member, *time)).collect());
        }
        let find = |(number, time): &(String, Timestamp)| {
            // Members of the same time are in the order of their numbers, but sets find by one of the two only: there are
            // never many of the same millisecond.
            let mut find = cmd("ZRANGEBYSCORE");
            find.arg(self.keys.events()).arg(millis(*time)).arg(millis(*time));
            (number.clone(), *time, find)
        };
        let asked: Vec<(String, Timestamp, Cmd)> = some.iter().map(find).collect();
        let commands: Vec<Cmd> = asked.iter().map(|(_, _, find)| find.clone()).collect();
        let found: Vec<Vec<String>> = self.link.ask_all(Lane::Bulk, &commands).await?;
        let named = asked.into_iter().zip(found).filter_map(|((number, time, _), members)| {
            members.iter().find(|member| member.starts_with(&number)).and_then(|member| event(member, time))
        });
        Ok(named.collect())
    }

    async fn tallies(&self, span: Span, since: Timestamp, now: Timestamp) -> Result<Vec<Tally>, Away> {
        let starts: Vec<Timestamp> = span.starts(since, now).collect();
        let asked: Vec<Cmd> = starts
            .iter()
            .map(|start| {
                let mut all = cmd("HGETALL");
                all.arg(self.keys.tallies(span, *start));
                all
            })
            .collect();
        let found: Vec<HashMap<String, u64>> = self.link.ask_all(Lane::Bulk, &asked).await?;
        let tallies = starts
            .into_iter()
            .zip(found)
            .flat_map(|(start, counted)| counted.into_iter().map(move |(what, count)| Tally { start, what, count }));
        Ok(tallies.collect())
    }

    async fn top_senders(&self, since: Timestamp, most: usize, now: Timestamp) -> Result<Vec<Sender>, Away> {
        let hours: Vec<Timestamp> = Span::Hour.starts(since, now).collect();
        let top = hours.iter().map(|hour| {
            let mut top = cmd("ZREVRANGE");
            top.arg(self.keys.senders("recipients", *hour)).arg(0).arg(SENDERS_OF_HOUR.max(most)).arg("WITHSCORES");
            top
        });
        let top: Vec<Cmd> = top.collect();
        let found: Vec<Vec<(String, f64)>> = self.link.ask_all(Lane::Bulk, &top).await?;
        let mut recipients: HashMap<String, u64> = HashMap::new();
        for (sender, many) in found.into_iter().flatten() {
            *recipients.entry(sender).or_default() += whole(many).as_millis();
        }
        let mut senders: Vec<(String, u64)> = recipients.into_iter().collect();
        senders.sort_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
        senders.truncate(most);
        if senders.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&String> = senders.iter().map(|(name, _)| name).collect();
        let sent = hours.iter().map(|hour| {
            let mut sent = cmd("HMGET");
            sent.arg(self.keys.senders("messages", *hour)).arg(&names);
            sent
        });
        let sent: Vec<Cmd> = sent.collect();
        let sent: Vec<Vec<Option<u64>>> = self.link.ask_all(Lane::Bulk, &sent).await?;
        let messages = |at: usize| sent.iter().filter_map(|hour| hour.get(at).copied().flatten()).sum();
        let sender = |(at, (name, recipients)): (usize, &(String, u64))| {
            let (site, account) = name.split_once('/')?;
            let (site, account) = (SiteName::from(site), Account::from_canonical(account));
            Some(Sender { site, account, messages: messages(at), recipients: *recipients })
        };
        Ok(senders.iter().enumerate().filter_map(sender).collect())
    }

    /// Writes an entry; says whether it was not there.
    pub(super) async fn note_audit(&self, entry: &AuditEntry) -> Result<bool, Away> {
        let member = format!("{} {}", hexadecimal(entry.number), String::from_utf8_lossy(&to_json(entry)));
        let (mut add, mut cut) = (cmd("ZADD"), cmd("ZREMRANGEBYRANK"));
        add.arg(self.keys.audit()).arg(millis(entry.time)).arg(member);
        let beyond = i64::try_from(AUDIT_MAX).unwrap_or(i64::MAX);
        cut.arg(self.keys.audit()).arg(0).arg(-1 - beyond);
        let done: Vec<i64> = self.link.ask_all(Lane::Quick, &[add, cut]).await?;
        Ok(done.first() == Some(&1))
    }

    pub(super) async fn audit(
        &self,
        by: Option<&str>,
        before: Option<Mark>,
        most: usize,
    ) -> Result<Vec<AuditEntry>, Away> {
        let mut backwards = Backwards::new(self.keys.audit(), before, None);
        let mut entries = Vec::new();
        while entries.len() < most && backwards.at < LOOKED_THROUGH_MAX {
            let (some, is_end) = backwards.next(self, most).await?;
            let read = |(member, _): (String, _)| from_json::<AuditEntry>(numbered(&member)?.1.as_bytes()).ok();
            let fits = |entry: &AuditEntry| {
                by.is_none_or(|by| entry.by == by) && before.is_none_or(|before| entry.mark() < before)
            };
            entries.extend(some.into_iter().filter_map(read).filter(fits));
            if is_end {
                break;
            }
        }
        entries.truncate(most);
        Ok(entries)
    }

    /// Some events from a place on, newest first, and where to go on.
    pub(super) async fn some_events(&self, before: Option<Mark>, most: usize) -> Result<Events, Away> {
        let filter = EventFilter { before, ..EventFilter::default() };
        self.past_events(&filter, most.clamp(1, READ_AT_ONCE)).await
    }

    async fn operators(&self) -> Result<Vec<(String, Sealed)>, Away> {
        let all: HashMap<String, Vec<u8>> =
            self.link.ask(Lane::Bulk, cmd("HGETALL").arg(self.keys.operators())).await?;
        Ok(operators_of(all))
    }

    async fn operator(&self, name: &str) -> Result<Option<Sealed>, Away> {
        let raw: Option<Vec<u8>> = self.link.ask(Lane::Quick, cmd("HGET").arg(self.keys.operators()).arg(name)).await?;
        Ok(raw.as_deref().and_then(sealed))
    }

    /// Writes an operator's record as `version`, if the one that is there is `expected`; says whether it was.
    pub(super) async fn put_operator(
        &self,
        name: &str,
        bytes: Vec<u8>,
        expected: u64,
        version: u64,
    ) -> Result<bool, Away> {
        let many = bytes.len();
        let refused = || Away { what: refused_operator(many) };
        if many > OPERATOR_BYTES_MAX {
            return Err(refused());
        }
        let arguments = [number(name), number(expected), number(version), bytes, number(OPERATORS_MAX)];
        match self.link.run(Lane::Quick, &OPERATOR, &[self.keys.operators()], &arguments).await? {
            -1_i64 => Err(refused()),
            done => Ok(done == 1),
        }
    }
}

/// Operators as they stand in the hash, by name.
pub(super) fn operators_of(all: HashMap<String, Vec<u8>>) -> Vec<(String, Sealed)> {
    let mut operators: Vec<(String, Sealed)> =
        all.into_iter().filter_map(|(name, raw)| Some((name, sealed(&raw)?))).collect();
    operators.sort_by(|(one, _), (other, _)| one.cmp(other));
    operators
}

fn sealed(raw: &[u8]) -> Option<Sealed> {
    let space = raw.iter().position(|byte| *byte == b' ')?;
    let version = std::str::from_utf8(&raw[..space]).ok()?.parse().ok()?;
    Some(Sealed { version, bytes: raw[space + 1..].to_vec() })
}

impl Ledger for Redis {
    fn put_events(&self, events: Vec<PastEvent>, keep: Duration, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.run(BULK, move |node| async move { node.put_events(&events, keep, now).await.map(|_| ()) }))
    }

    fn past_events<'a>(&'a self, filter: &'a EventFilter, most: usize) -> Answer<'a, Events> {
        let filter = filter.clone();
        Box::pin(self.run(BULK, move |node| async move { node.past_events(&filter, most).await }))
    }

    fn tallies(&self, span: Span, since: Timestamp, now: Timestamp) -> Answer<'_, Vec<Tally>> {
        Box::pin(self.run(BULK, move |node| async move { node.tallies(span, since, now).await }))
    }

    fn top_senders(&self, since: Timestamp, most: usize, now: Timestamp) -> Answer<'_, Vec<Sender>> {
        Box::pin(self.run(BULK, move |node| async move { node.top_senders(since, most, now).await }))
    }

    fn note_audit(&self, entry: AuditEntry) -> Answer<'_, ()> {
        Box::pin(self.ask(move |node| async move { node.note_audit(&entry).await.map(|_| ()) }))
    }

    fn audit<'a>(&'a self, by: Option<&'a str>, before: Option<Mark>, most: usize) -> Answer<'a, Vec<AuditEntry>> {
        let by = by.map(str::to_owned);
        Box::pin(self.run(BULK, move |node| async move { node.audit(by.as_deref(), before, most).await }))
    }

    fn operators(&self) -> Answer<'_, Vec<(String, Sealed)>> {
        Box::pin(self.run(BULK, |node| async move { node.operators().await }))
    }

    fn operator<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Sealed>> {
        let name = name.to_owned();
        Box::pin(self.ask(move |node| async move { node.operator(&name).await }))
    }

    fn put_operator<'a>(&'a self, name: &'a str, bytes: Vec<u8>, expected: u64) -> Answer<'a, bool> {
        let name = name.to_owned();
        Box::pin(self.ask(move |node| async move { node.put_operator(&name, bytes, expected, expected + 1).await }))
    }

    fn remove_operator<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        let name = name.to_owned();
        Box::pin(self.ask(move |node| async move {
            let gone: i64 = node.link.ask(Lane::Quick, cmd("HDEL").arg(node.keys.operators()).arg(&name)).await?;
            Ok(gone > 0)
        }))
    }
}
