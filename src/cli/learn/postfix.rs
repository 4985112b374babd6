//! Messages in a Postfix log: several lines make one.
//!
//! `smtpd` says under which number a message was accepted and who signed in to hand it in, `qmgr` says to how many it
//! goes. `qmgr` says it again at every attempt to deliver, so a message counts at the first only. How many is said after
//! aliases were resolved: a list of a thousand people behind one address counts as a thousand.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;

use super::lines::{Logged, Said, Source};
use crate::domain::Timestamp;

/// Messages that were handed in and not yet queued. Postfix takes a second for one, so that many at once are remains
/// of messages that were never queued; the oldest are forgotten.
const OPEN_MAX: usize = 100_000;

/// What has been read of the messages that are not complete yet.
#[derive(Debug)]
pub(super) struct Postfix {
    /// Whose messages count although nobody signed in to hand them in.
    webmail_from: Vec<IpNet>,
    open: HashMap<String, Open>,
    /// In which order they were opened, and when; may name some that are closed.
    order: VecDeque<(String, Timestamp)>,
    /// Messages accepted without a sign-in from a machine that was not named.
    unattributed: u64,
}

/// A message that was handed in.
#[derive(Debug)]
struct Open {
    at: Timestamp,
    /// Who signed in; none: the sender's address says whose it is.
    account: Option<String>,
}

impl Postfix {
    /// `webmail_from`: machines that hand in people's messages without signing in as them.
    pub(super) fn new(webmail_from: Vec<IpNet>) -> Self {
        Self { webmail_from, open: HashMap::new(), order: VecDeque::new(), unattributed: 0 }
    }

    /// Messages that a machine of one's own may have handed in, but were not counted: nobody signed in for them, and
    /// the machine was not named. Only such from the mail server itself are counted here; others come from the world.
    pub(super) fn unattributed(&self) -> u64 {
        self.unattributed
    }

    /// Reads one line; what it completes.
    pub(super) fn read(&mut self, line: &Logged<'_>) -> Option<Said> {
        let (system, daemon) = line.program.rsplit_once('/')?;
        if !system.starts_with("postfix") {
            return None;
        }
        let (queue_id, text) = line.message.split_once(": ")?;
        if queue_id.is_empty() || !queue_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        match daemon {
            "smtpd" => self.accepted(queue_id, text, line.at),
            "pickup" => self.picked_up(queue_id, text, line.at),
            "qmgr" => return self.queued(queue_id, text),
            _ => {}
        }
        None
    }

    /// `client=host[192.0.2.7], sasl_method=PLAIN, sasl_username=alice@example.edu`
    fn accepted(&mut self, queue_id: &str, text: &str, at: Timestamp) {
        let Some(client) = field(text, "client=") else { return };
        if let Some(account) = field(text, "sasl_username=") {
            return self.open(queue_id, at, Some(account.to_owned()));
        }
        // A filter hands a message back under a new number: it was counted when it came.
        if field(text, "orig_queue_id=").is_some() || field(text, "orig_client=").is_some() {
            return;
        }
        let address = client.rsplit_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
        let Some(address) = address.and_then(|address| address.parse::<IpAddr>().ok()) else { return };
        if self.webmail_from.iter().any(|network| network.contains(&address)) {
            self.open(queue_id, at, None);
        } else if address.is_loopback() {
            self.unattributed += 1;
        }
    }

    /// `uid=33 from=<alice@example.edu>`: handed in through the `sendmail` command.
    fn picked_up(&mut self, queue_id: &str, text: &str, at: Timestamp) {
        // What root sends is the machine's own: cron, monitoring.
        let is_people = text.strip_prefix("uid=").is_some_and(|rest| rest.split(' ').next() != Some("0"));
        if is_people {
            self.open(queue_id, at, None);
        }
    }

    /// `from=<alice@example.edu>, size=1234, nrcpt=3 (queue active)`
    fn queued(&mut self, queue_id: &str, text: &str) -> Option<Said> {
        let sender = text.strip_prefix("from=<")?.split_once('>')?.0;
        let recipients = field(text, "nrcpt=")?.split(' ').next()?.parse().ok()?;
        let Open { at, account } = self.open.remove(queue_id)?;
        let account = account.unwrap_or_else(|| sender.to_owned());
        // The null sender is for bounces and receipts.
        (!account.is_empty()).then_some(Said::Sent { account, recipients, at, by: Source::MailLog })
    }

    fn open(&mut self, queue_id: &str, at: Timestamp, account: Option<String>) {
        self.open.insert(queue_id.to_owned(), Open { at, account });
        self.order.push_back((queue_id.to_owned(), at));
        if self.order.len() > OPEN_MAX
            && let Some((oldest, since)) = self.order.pop_front()
            && self.open.get(&oldest).is_some_and(|open| open.at == since)
        {
            self.open.remove(&oldest);
        }
    }
}

/// The value after `name` at the beginning of a comma-separated part.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(", ").find_map(|part| part.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::learn::lines;

    const NOW: Timestamp = Timestamp::from_millis(1_795_579_200_000);

    /// The messages that are read from these lines.
    fn sent(lines: &str, webmail_from: &[&str]) -> (Vec<(String, u32)>, u64) {
        let networks = webmail_from.iter().map(|network| network.parse().expect("a network")).collect();
        let mut postfix = Postfix::new(networks);
        let mut found = Vec::new();
        for line in lines.lines() {
            match lines::read(line.trim(), &mut postfix, NOW) {
                Said::Sent { account, recipients, .. } => found.push((account, recipients)),
                Said::SomethingElse => {}
                said => panic!("{line}: {said:?}"),
            }
        }
        (found, postfix.unattributed())
    }

    #[test]
    fn a_message_counts_once_for_who_signed_in_to_hand_it_in() {
        let log = "\
            Nov 24 08:12:09 mx postfix/submission/smtpd[411]: connect from client.example.net[192.0.2.7]
            Nov 24 08:12:09 mx postfix/submission/smtpd[411]: 4XyzAB12Cdz1: client=client.example.net[192.0.2.7], sasl_method=PLAIN, sasl_username=alice@example.edu
            Nov 24 08:12:09 mx postfix/cleanup[414]: 4XyzAB12Cdz1: message-id=<1@example.edu>
            Nov 24 08:12:10 mx postfix/qmgr[99]: 4XyzAB12Cdz1: from=<a.liddell@example.edu>, size=1834, nrcpt=3 (queue active)
            Nov 24 08:12:11 mx postfix/smtp[420]: 4XyzAB12Cdz1: to=<bob@example.org>, relay=none, delay=1, status=deferred (connection refused)
            Nov 24 08:42:10 mx postfix/qmgr[99]: 4XyzAB12Cdz1: from=<a.liddell@example.edu>, size=1834, nrcpt=3 (queue active)
            Nov 24 08:42:11 mx postfix/qmgr[99]: 4XyzAB12Cdz1: removed
            Nov 24 08:43:00 mx postfix/smtpd[412]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <x@example.org>: Relay access denied; from=<y@example.org>";
        assert_eq!(sent(log, &[]).0, [("alice@example.edu".to_owned(), 3)]);
    }

    #[test]
    fn what_the_sendmail_command_takes_counts_for_its_sender_and_root_is_nobody() {
        let log = "\
            2026-11-24T08:12:09.000001+01:00 mx postfix/pickup[9]: 7F3A2: uid=33 from=<alice@example.edu>
            2026-11-24T08:12:09.100001+01:00 mx postfix/qmgr[99]: 7F3A2: from=<alice@example.edu>, size=900, nrcpt=12 (queue active)
            2026-11-24T08:13:09.000001+01:00 mx postfix/pickup[9]: 7F3A3: uid=0 from=<root>
            2026-11-24T08:13:09.100001+01:00 mx postfix/qmgr[99]: 7F3A3: from=<root@mx.example.edu>, size=900, nrcpt=1 (queue active)
            2026-11-24T08:14:09.100001+01:00 mx postfix/qmgr[99]: 7F3A4: from=<>, size=900, nrcpt=1 (queue active)";
        assert_eq!(sent(log, &[]).0, [("alice@example.edu".to_owned(), 12)]);
    }

    #[test]
    fn mail_from_the_world_and_from_filters_is_nobodys_and_a_named_webmail_is_its_senders() {
        let log = "\
            Nov 24 08:12:09 mx postfix/smtpd[411]: AAAA1: client=mail.example.org[203.0.113.25]
            Nov 24 08:12:10 mx postfix/qmgr[99]: AAAA1: from=<spam@example.org>, size=1834, nrcpt=40 (queue active)
            Nov 24 08:12:11 mx postfix/smtpd[411]: AAAA2: client=localhost[127.0.0.1], orig_queue_id=AAAA1, orig_client=mail.example.org[203.0.113.25]
            Nov 24 08:12:12 mx postfix/qmgr[99]: AAAA2: from=<spam@example.org>, size=1834, nrcpt=40 (queue active)
            Nov 24 08:12:13 mx postfix/smtpd[411]: AAAA3: client=localhost[127.0.0.1]
            Nov 24 08:12:14 mx postfix/qmgr[99]: AAAA3: from=<alice@example.edu>, size=1834, nrcpt=2 (queue active)
            Nov 24 08:12:15 mx postfix-webmail/smtpd[411]: AAAA4: client=webmail.example.edu[2001:db8::25]
            Nov 24 08:12:16 mx postfix-webmail/qmgr[99]: AAAA4: from=<bob@example.edu>, size=1834, nrcpt=5 (queue active)";
        assert_eq!(sent(log, &[]), (Vec::new(), 1));
        assert_eq!(sent(log, &["2001:db8::/64"]), (vec![("bob@example.edu".to_owned(), 5)], 1));
        assert_eq!(sent(log, &["127.0.0.0/8"]), (vec![("alice@example.edu".to_owned(), 2)], 0));
    }

    #[test]
    fn messages_that_are_never_queued_do_not_fill_the_memory() {
        let mut postfix = Postfix::new(Vec::new());
        for number in 0..=OPEN_MAX {
            let message = format!("{number:X}: client=a[192.0.2.7], sasl_username=alice");
            let line = Logged { at: NOW, program: "postfix/smtpd", message: &message };
            assert_eq!(postfix.read(&line), None);
        }
        assert_eq!((postfix.open.len(), postfix.order.len()), (OPEN_MAX, OPEN_MAX));
        assert!(!postfix.open.contains_key("0") && postfix.open.contains_key("1"));
    }
}
