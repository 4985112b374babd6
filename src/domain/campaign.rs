//! Messages that belong together: what they have in common, as keyed digests, and who sent them.
//!
//! Nothing here is text that somebody wrote, and without the gateway's key nobody can tell whether a text is meant.

use serde::{Deserialize, Serialize};

use super::{Account, Country, Prefix, Reference, SessionHash, SiteName, Timestamp, written};

/// What messages of a campaign may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureKind {
    /// Nearly the same text.
    Text,
    /// Links to the same host.
    Link,
    /// The address where answers go.
    Reply,
    /// The same file.
    File,
}

impl FeatureKind {
    /// The word used in events and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Link => "link",
            Self::Reply => "reply",
            Self::File => "file",
        }
    }

    /// What messages with it share, for people.
    pub const fn shared(self) -> &'static str {
        match self {
            Self::Text => "nearly the same text",
            Self::Link => "links to the same host",
            Self::Reply => "the same address for answers",
            Self::File => "the same file",
        }
    }
}

/// A keyed digest under which messages with something in common are found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(#[serde(with = "written::hex")] pub [u8; 8]);

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// Something in a message that others may have in common with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// What.
    pub kind: FeatureKind,
    /// At least one; two texts that are nearly the same share some of theirs, other features have one.
    pub traces: Vec<Trace>,
    /// Of a text only: the more places of it are equal in two texts, the more they have in common.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sketch: Vec<u16>,
}

impl Feature {
    /// Of how many places of two sketches so many are equal where their texts are nearly the same, in percent. The places
    /// that are equal are as many as the pairs of words that two texts have in common; of unrelated texts of one language
    /// those are below a tenth.
    pub const ALIKE_PERCENT: usize = 40;

    /// Whether a message with this one belongs to those with `other`. Texts that share a trace may do so by chance.
    pub fn is_like(&self, other: &Self) -> bool {
        if self.kind != other.kind {
            return false;
        }
        if self.kind != FeatureKind::Text {
            return self.traces == other.traces;
        }
        let equal = self.sketch.iter().zip(&other.sketch).filter(|(one, other)| one == other).count();
        !self.sketch.is_empty() && equal * 100 >= self.sketch.len() * Self::ALIKE_PERCENT
    }
}

/// To whom a message goes, as far as it says something of who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only to people whom the account has written to before.
    Known,
    /// To new ones at the operator's own domains.
    Inside,
    /// To new ones elsewhere.
    Outside,
}

impl Reach {
    /// Of a message with so many recipients that the account never wrote to, and so many outside.
    pub const fn of(first_written: u32, outside: u32) -> Self {
        match (first_written, outside) {
            (0, _) => Self::Known,
            (_, 0) => Self::Inside,
            _ => Self::Outside,
        }
    }
}

/// A message with features, as it is sent.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Where.
    pub site: SiteName,
    /// Whose account.
    pub account: Account,
    /// Which session.
    pub session: SessionHash,
    /// From where.
    pub prefix: Prefix,
    /// When it is known.
    pub country: Option<Country>,
    /// Whether its browser has been known for a day, or it comes from campus.
    pub familiar: bool,
    /// To whom.
    pub reach: Reach,
    /// To + Cc + Bcc.
    pub recipients: u32,
    /// Of them, outside the site's own domains.
    pub outside: u32,
    /// A keyed fingerprint of text and recipients: a message that is tried again is the same.
    pub message: u32,
}

impl Sighting {
    /// What a stranger's message to new people outside is worth, where one to new people within the house is worth 1: three
    /// assistants with new browsers may each write to five groups of theirs, and nobody is asked.
    pub const WORTH_OUTSIDE: u32 = 6;

    /// How much it says of its campaign. What people send from their own browsers, and whoever they write to already,
    /// says nothing; new people within the house, little.
    pub const fn worth(&self) -> u32 {
        match (self.familiar, self.reach) {
            (true, _) | (false, Reach::Known) => 0,
            (false, Reach::Inside) => 1,
            (false, Reach::Outside) => Self::WORTH_OUTSIDE,
        }
    }
}

/// What one session sent of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Whose account.
    pub account: Account,
    /// Which session.
    pub session: SessionHash,
    /// Its first message.
    pub since: Timestamp,
    /// Its latest.
    pub last: Timestamp,
    /// From where, the latest.
    pub prefix: Prefix,
    /// When it is known.
    pub country: Option<Country>,
    /// Whether its browser was known, or it was on campus.
    pub familiar: bool,
    /// How many, stopped ones included.
    pub messages: u32,
    /// Their recipients.
    pub recipients: u32,
    /// Of them, outside.
    pub outside: u32,
    /// What they are worth: see [`Sighting::worth`].
    pub worth: u32,
    /// The latest of them, by fingerprint; at most [`Campaign::MESSAGES_MAX`].
    told: Vec<u32>,
}

/// What became of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CampaignStatus {
    /// Messages of strangers with something in common, one perhaps: nothing that anybody is told.
    Watched,
    /// Several accounts, or many messages: the operator was told.
    Recognised,
    /// Of a theft: refused.
    Confirmed,
    /// An operator said that it is nothing.
    Cleared,
}

impl CampaignStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Watched, Self::Recognised, Self::Confirmed, Self::Cleared];

    /// The word used in the store, commands and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Recognised => "recognised",
            Self::Confirmed => "confirmed",
            Self::Cleared => "cleared",
        }
    }
}

/// Messages with one feature in common, and who sent them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Under which it is found.
    pub code: Reference,
    /// Where.
    pub site: SiteName,
    /// What they have in common, as the first of them had it: it does not wander with those that follow.
    pub feature: Feature,
    /// The first message.
    pub since: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// The last moment at which it is remembered.
    pub until: Timestamp,
    /// What became of it.
    pub status: CampaignStatus,
    /// All messages, those of sessions beyond [`Campaign::PARTICIPANTS_MAX`] included.
    pub messages: u32,
    /// In the order in which they came.
    pub participants: Vec<Participant>,
}

impl Campaign {
    /// Sessions kept of one campaign; those that come later are counted together.
    pub const PARTICIPANTS_MAX: usize = 200;
    /// Messages of one session that are told apart from a further try.
    pub const MESSAGES_MAX: usize = 32;

    /// One that begins; its first message is still to be taken in.
    pub fn begin(code: Reference, site: SiteName, feature: Feature, now: Timestamp, until: Timestamp) -> Self {
        Self {
            code,
            site,
            feature,
            since: now,
            last: now,
            until,
            status: CampaignStatus::Watched,
            messages: 0,
            participants: Vec::new(),
        }
    }

    /// Takes a message in.
    pub fn see(&mut self, sighting: &Sighting, now: Timestamp, until: Timestamp) {
        self.last = self.last.max(now);
        self.until = self.until.max(until);
        let worth = sighting.worth();
        let known = self.participants.iter().position(|part| part.session == sighting.session);
        let place = match known {
            Some(place) => place,
            None if self.participants.len() >= Self::PARTICIPANTS_MAX => {
                self.messages = self.messages.saturating_add(1);
                return;
            }
            None => {
                self.participants.push(Participant {
                    account: sighting.account.clone(),
                    session: sighting.session,
                    since: now,
                    last: now,
                    prefix: sighting.prefix,
                    country: sighting.country,
                    familiar: sighting.familiar,
                    messages: 0,
                    recipients: 0,
                    outside: 0,
                    worth: 0,
                    told: Vec::new(),
                });
                self.participants.len() - 1
            }
        };
        let part = &mut self.participants[place];
        (part.last, part.prefix, part.country) = (now, sighting.prefix, sighting.country);
        if part.told.contains(&sighting.message) {
            return;
        }
        if part.told.len() >= Self::MESSAGES_MAX {
            part.told.remove(0);
        }
        part.told.push(sighting.message);
        part.familiar |= sighting.familiar;
        part.messages = part.messages.saturating_add(1);
        part.recipients = part.recipients.saturating_add(sighting.recipients);
        part.outside = part.outside.saturating_add(sighting.outside);
        part.worth = part.worth.saturating_add(worth);
        self.messages = self.messages.saturating_add(1);
    }

    /// Gives it a status; says whether that is another one. What an operator said is only changed by an operator.
    pub fn settle(&mut self, status: CampaignStatus) -> bool {
        let may = match status {
            CampaignStatus::Watched => false,
            CampaignStatus::Recognised => self.status == CampaignStatus::Watched,
            CampaignStatus::Confirmed | CampaignStatus::Cleared => self.status != status,
        };
        if may {
            self.status = status;
        }
        may
    }

    /// Takes in what another store knows of the same; says whether that changed something. It becomes no milder.
    pub fn take_in(&mut self, other: &Self) -> bool {
        other.status == CampaignStatus::Confirmed
            && self.status != CampaignStatus::Cleared
            && self.settle(CampaignStatus::Confirmed)
    }

    /// Its accounts, each once, in the order in which they came.
    pub fn accounts(&self) -> Vec<&Account> {
        distinct(self.participants.iter())
    }

    /// Those that strangers used, with messages that are worth something.
    pub fn strange_accounts(&self) -> Vec<&Account> {
        distinct(self.participants.iter().filter(|part| part.is_strange()))
    }

    /// Those whose own browsers sent the same.
    pub fn familiar_accounts(&self) -> Vec<&Account> {
        distinct(self.participants.iter().filter(|part| part.familiar))
    }

    /// What strangers' messages are worth together.
    pub fn worth(&self) -> u32 {
        self.participants.iter().filter(|part| part.is_strange()).fold(0, |sum, part| sum.saturating_add(part.worth))
    }

    /// What one session did of it.
    pub fn part_of(&self, session: &SessionHash) -> Option<&Participant> {
        self.participants.iter().find(|part| part.session == *session)
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now > self.until
    }
}

impl Participant {
    /// Whether a stranger sent something that is worth something.
    pub const fn is_strange(&self) -> bool {
        !self.familiar && self.worth > 0
    }
}

fn distinct<'a>(parts: impl Iterator<Item = &'a Participant>) -> Vec<&'a Account> {
    let mut seen = std::collections::HashSet::new();
    parts.map(|part| &part.account).filter(|account| seen.insert(*account)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    /// One to vary.
    pub(crate) fn sighting(account: &str, message: u32) -> Sighting {
        let mut session = [0; 16];
        session.iter_mut().zip(account.bytes()).for_each(|(place, byte)| *place = byte);
        Sighting {
            site: "webmail.example.edu".into(),
            account: Account::from_canonical(account),
            session: SessionHash(session),
            prefix: Prefix::of("203.0.113.9".parse().expect("an address")),
            country: None,
            familiar: false,
            reach: Reach::Outside,
            recipients: 3,
            outside: 2,
            message,
        }
    }

    /// One to vary.
    pub(crate) fn link(trace: u8) -> Feature {
        Feature { kind: FeatureKind::Link, traces: vec![Trace([trace; 8])], sketch: Vec::new() }
    }

    pub(crate) fn campaign(feature: Feature) -> Campaign {
        Campaign::begin(Reference::from_random(7), "webmail.example.edu".into(), feature, at(0), at(100))
    }

    #[test]
    fn a_message_that_is_tried_again_counts_once_and_what_is_kept_is_bounded() {
        let mut campaign = campaign(link(1));
        for (message, second) in [(1, 1), (1, 2), (2, 3)] {
            campaign.see(&sighting("a", message), at(second), at(100 + second));
        }
        let part = &campaign.participants[0];
        assert_eq!((part.messages, part.recipients, part.outside, part.worth), (2, 6, 4, 12));
        assert_eq!((campaign.messages, campaign.last, campaign.until), (2, at(3), at(103)));
        for number in 0..1000_u32 {
            campaign.see(&sighting(&format!("s{number}"), 1), at(4), at(104));
            campaign.see(&sighting("a", number), at(4), at(104));
        }
        assert_eq!(campaign.participants.len(), Campaign::PARTICIPANTS_MAX);
        assert_eq!(campaign.participants[0].told.len(), Campaign::MESSAGES_MAX);
        assert!(campaign.is_over(at(105)) && !campaign.is_over(at(104)));
    }

    #[test]
    fn what_an_operator_said_is_changed_by_an_operator_only() {
        use CampaignStatus::{Cleared, Confirmed, Recognised, Watched};
        for (from, to, changes) in [
            (Watched, Recognised, true),
            (Watched, Confirmed, true),
            (Recognised, Recognised, false),
            (Confirmed, Recognised, false),
            (Cleared, Recognised, false),
            (Recognised, Cleared, true),
            (Cleared, Confirmed, true),
            (Confirmed, Cleared, true),
            (Confirmed, Confirmed, false),
            (Recognised, Watched, false),
        ] {
            let mut campaign = Campaign { status: from, ..campaign(link(1)) };
            assert_eq!(campaign.settle(to), changes, "{from:?} {to:?}");
            assert_eq!(campaign.status, if changes { to } else { from });
        }
    }

    #[test]
    fn only_strangers_and_new_recipients_weigh() {
        for (familiar, first_written, outside, worth) in
            [(true, 9, 9, 0), (false, 0, 9, 0), (false, 9, 0, 1), (false, 1, 1, 6)]
        {
            let reach = Reach::of(first_written, outside);
            assert_eq!(Sighting { familiar, reach, ..sighting("a", 1) }.worth(), worth);
        }
    }

    #[test]
    fn a_campaign_is_written_and_read_back_and_holds_no_text() {
        let feature =
            Feature { kind: FeatureKind::Text, traces: vec![Trace([1; 8]), Trace([2; 8])], sketch: vec![7; 4] };
        let mut campaign = campaign(feature);
        campaign.see(&sighting("a", 1), at(1), at(9));
        let text = serde_json::to_string(&campaign).expect("it is written");
        assert_eq!(serde_json::from_str::<Campaign>(&text).expect("it is read"), campaign, "{text}");
    }
}
