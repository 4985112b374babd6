//! What Postfix's own log and the mailboxes say of the messages that people tried to send.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Attempt, Told};
use crate::stack::Stack;

/// Where each try has a recipient of its own; Postfix throws away what goes there, and says so.
pub const ELSEWHERE: &str = "elsewhere.example";

/// What was delivered, from `status=sent` in Postfix's log.
#[derive(Default)]
pub struct Delivered {
    /// The messages that had this recipient, one entry for each delivery.
    queue_ids: BTreeMap<String, Vec<String>>,
}

impl Delivered {
    pub fn read(log: &str) -> Self {
        let mut delivered = Self::default();
        for line in log.lines().filter(|line| line.contains(", status=sent (")) {
            let Some((before, rest)) = line.split_once(": to=<") else { continue };
            let Some(queue_id) = before.rsplit(' ').next() else { continue };
            let Some((to, _)) = rest.split_once('>') else { continue };
            delivered.queue_ids.entry(to.to_owned()).or_default().push(queue_id.to_owned());
        }
        delivered
    }

    /// How many messages of this try were delivered: to its own recipient, and to the colleague.
    fn of(&self, attempt: &Attempt) -> (usize, usize) {
        let mine = self.queue_ids.get(&format!("{}@{ELSEWHERE}", attempt.tag)).map_or(&[][..], Vec::as_slice);
        let all = self.queue_ids.get(&attempt.to).map_or(&[][..], Vec::as_slice);
        (mine.len(), all.iter().filter(|queue_id| mine.contains(queue_id)).count())
    }

    /// Whether everything that people were told is sent has been delivered: Postfix may still be at it.
    pub fn has_all(&self, attempts: &[Attempt]) -> bool {
        attempts.iter().filter(|attempt| attempt.told == Told::Sent).all(|attempt| {
            let (own, colleague) = self.of(attempt);
            own > 0 && colleague > 0
        })
    }
}

/// How it came out.
#[derive(Debug, Default)]
pub struct Count {
    pub messages: usize,
    pub told_sent: usize,
    pub told_not_sent: usize,
    pub told_unknown: usize,
    /// Of those of whom nobody knew.
    pub unknown_delivered: usize,
    /// Messages of which two tries were delivered: the first was one of whom nobody knew, and no copy was in Sent.
    pub sent_again: usize,
    /// What must not be.
    pub wrong: Vec<String>,
}

/// Compares what people were told with what was delivered.
pub fn compare(attempts: &[Attempt], stack: &Stack) -> Count {
    let delivered = Delivered::read(&stack.postfix_log());
    let mut count = Count::default();
    let mut of_message: BTreeMap<u64, (String, usize)> = BTreeMap::new();
    for attempt in attempts {
        let (own, colleague) = delivered.of(attempt);
        let expected = match attempt.told {
            Told::Sent => {
                count.told_sent += 1;
                1..=1
            }
            Told::NotSent => {
                count.told_not_sent += 1;
                0..=0
            }
            Told::Unknown => {
                count.told_unknown += 1;
                count.unknown_delivered += own;
                usize::from(attempt.is_in_sent)..=1
            }
        };
        if !expected.contains(&own) || own != colleague {
            count.wrong.push(format!("{attempt:?} was delivered {own} times, to its reader {colleague} times"));
        }
        let of_this = of_message.entry(attempt.message).or_insert_with(|| (attempt.to.clone(), 0));
        of_this.1 += own;
    }
    count.messages = of_message.len();
    count.sent_again = of_message.values().filter(|(_, times)| *times > 1).count();

    // What lies in the mailboxes is what the log says, message for message.
    let readers: BTreeSet<&String> = of_message.values().map(|(to, _)| to).collect();
    let mut found: BTreeMap<u64, usize> = BTreeMap::new();
    for reader in readers {
        let name = reader.split('@').next().unwrap_or_default();
        for mail in stack.inbox(&stack.person(name)) {
            if let Some(number) = number_in(&mail) {
                *found.entry(number).or_default() += 1;
            }
        }
    }
    for (number, (to, times)) in &of_message {
        let lie = found.remove(number).unwrap_or(0);
        if lie != *times {
            count.wrong.push(format!("message {number} lies {lie} times with {to}, and left {times} times"));
        }
    }
    count.wrong.extend(found.keys().map(|number| format!("message {number} lies in a mailbox, and nobody sent it")));
    count
}

/// The subject of a message, from which its number can be read.
pub fn subject(number: u64) -> String {
    format!("Seminar, question {number}.")
}

fn number_in(mail: &str) -> Option<u64> {
    let (_, rest) = mail.split_once("\nSubject: Seminar, question ")?;
    rest.split_once('.')?.0.parse().ok()
}

#[test]
fn deliveries_are_counted_by_message_and_recipient() {
    let log = "Nov 26 20:00:01 mail postfix/discard[7]: A1B2: to=<m1t1@elsewhere.example>, relay=none, delay=0.1, dsn=2.0.0, status=sent (thrown away)\n\
               Nov 26 20:00:01 mail postfix/lmtp[8]: A1B2: to=<u002@campus.example>, relay=x, dsn=2.0.0, status=sent (250 2.0.0)\n\
               Nov 26 20:00:02 mail postfix/lmtp[8]: C3D4: to=<u002@campus.example>, relay=x, dsn=2.0.0, status=sent (250 2.0.0)\n\
               Nov 26 20:00:03 mail postfix/lmtp[8]: E5F6: to=<u003@campus.example>, relay=x, dsn=4.0.0, status=deferred (busy)\n";
    let delivered = Delivered::read(log);
    let attempt = |tag: &str, to: &str| Attempt {
        message: 1,
        tag: tag.into(),
        to: to.into(),
        told: Told::Sent,
        is_in_sent: false,
    };
    assert_eq!(delivered.of(&attempt("m1t1", "u002@campus.example")), (1, 1));
    assert_eq!(delivered.of(&attempt("m1t2", "u002@campus.example")), (0, 0));
    assert!(!delivered.has_all(&[attempt("m1t1", "u003@campus.example")]));
    assert_eq!(number_in(&format!("From: x\r\nSubject: {}\r\n", subject(17))), Some(17));
}
