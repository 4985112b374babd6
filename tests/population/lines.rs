//! The lines of the three files: what happened, what it truly was, and what Mailward made of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One line for `mailward simulate`. Times are UTC with whole seconds, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// RFC 3339.
    pub time: String,
    /// Canonical.
    pub account: String,
    /// From where.
    pub address: IpAddr,
    /// As the client writes it.
    pub user_agent: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
    /// A browser that keeps its cookies; absent where it forgets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Somebody signs in.
    SignIn {
        /// Whether the password was right.
        outcome: Outcome,
        /// Whether this person would pass a challenge.
        passes: bool,
    },
    /// Somebody sends a message.
    Send {
        /// To + Cc + Bcc.
        recipients: u32,
    },
}

/// What the webmail says to a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was right.
    Ok,
    /// It was wrong.
    Failed,
}

/// What a line of the events truly is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The number of the line in the events, from 1.
    pub line: u64,
    /// Whose doing it is.
    #[serde(flatten)]
    pub who: Who,
}

/// Whose doing a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Who {
    /// The account's owner.
    Owner {
        /// Where and how the owner is at that moment.
        how: How,
    },
    /// A thief who knows the password.
    Thief {
        /// From where.
        kind: ThiefKind,
        /// One theft, from its first guess to its last message.
        incident: u32,
    },
    /// Somebody who tries names and passwords and never gets in.
    Guesser,
}

/// Where and how an owner works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// On the operator's networks, or dialled in to them.
    Campus,
    /// At home, near the campus.
    Home,
    /// By a telephone in the own country.
    Mobile,
    /// In another place of the own country.
    Elsewhere,
    /// On holiday or visiting the family in another country.
    Holiday,
    /// At a conference in another country.
    Conference,
    /// Living in another country, for a semester or always.
    LivingAbroad,
    /// Abroad, by a telephone whose traffic comes out at home.
    Roaming,
    /// Through a service that hides where somebody is.
    Vpn,
}

impl How {
    /// For the report.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Campus => "campus",
            Self::Home => "home",
            Self::Mobile => "telephone",
            Self::Elsewhere => "elsewhere in the country",
            Self::Holiday => "holiday abroad",
            Self::Conference => "conference abroad",
            Self::LivingAbroad => "living abroad",
            Self::Roaming => "roaming telephone",
            Self::Vpn => "privacy VPN",
        }
    }
}

/// Where a thief is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThiefKind {
    /// In another country than the university.
    Foreign,
    /// In the university's country by its address: a rented server, a VPN, a Tor exit.
    SameCountry,
    /// In the victim's town, at the victim's own provider.
    SameCity,
}

impl ThiefKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Foreign, Self::SameCountry, Self::SameCity];

    /// For the report.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Foreign => "in another country",
            Self::SameCountry => "server or VPN in the country",
            Self::SameCity => "in the victim's town",
        }
    }
}

/// One line of `mailward simulate`.
#[derive(Clone, Debug, Deserialize)]
pub struct Judged {
    /// The number of the line in the events, from 1.
    pub line: u64,
    /// As in the configuration.
    pub verdict: Verdict,
    /// What spoke for or against it.
    #[serde(default)]
    pub signals: Vec<Signal>,
    /// The limit that stopped it.
    #[serde(default)]
    pub stopped_by: Option<String>,
}

/// Mailward's verdicts, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Verdict {
    Pass,
    Flag,
    Challenge,
    Restrict,
    Throttle,
    Refuse,
}

impl Verdict {
    /// For the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flag => "flag",
            Self::Challenge => "challenge",
            Self::Restrict => "restrict",
            Self::Throttle => "throttle",
            Self::Refuse => "refuse",
        }
    }
}

/// One signal of a verdict.
#[derive(Clone, Debug, Deserialize)]
pub struct Signal {
    /// Its name in the configuration.
    pub name: String,
}

/// An event with its place in time and its truth, before lines are numbered.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Seconds since the Unix epoch.
    pub at: u64,
    /// What happened; `time` is filled in when it is written.
    pub event: Event,
    /// Whose doing it is.
    pub who: Who,
}

impl Happening {
    /// A sign-in.
    pub fn sign_in(at: u64, visit: &Visit<'_>, outcome: Outcome, passes: bool, who: Who) -> Self {
        Self { at, event: visit.event(Kind::SignIn { outcome, passes }), who }
    }

    /// A message.
    pub fn send(at: u64, visit: &Visit<'_>, recipients: u32, who: Who) -> Self {
        Self { at, event: visit.event(Kind::Send { recipients }), who }
    }
}

/// One browser at one address, working on one account.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    /// Whose account.
    pub account: &'a str,
    /// From where.
    pub address: IpAddr,
    /// What it calls itself.
    pub user_agent: String,
    /// Its cookies, if it keeps them.
    pub device: Option<String>,
}

impl Visit<'_> {
    fn event(&self, kind: Kind) -> Event {
        Event {
            time: String::new(),
            account: self.account.to_owned(),
            address: self.address,
            user_agent: self.user_agent.clone(),
            kind,
            device: self.device.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_as_simulate_reads_them() {
        let visit = Visit {
            account: "alice",
            address: "203.0.113.9".parse().expect("an address"),
            user_agent: "Mozilla/5.0".into(),
            device: Some("b17".into()),
        };
        let owner = Who::Owner { how: How::LivingAbroad };
        let written = |happening: Happening| serde_json::to_string(&happening.event).expect("plain fields");
        assert_eq!(
            written(Happening::sign_in(0, &visit, Outcome::Ok, true, owner)),
            r#"{"time":"","account":"alice","address":"203.0.113.9","user_agent":"Mozilla/5.0","kind":"sign_in","outcome":"ok","passes":true,"device":"b17"}"#
        );
        let forgetful = Visit { device: None, ..visit };
        assert_eq!(
            written(Happening::send(0, &forgetful, 12, owner)),
            r#"{"time":"","account":"alice","address":"203.0.113.9","user_agent":"Mozilla/5.0","kind":"send","recipients":12}"#
        );
        for (truth, line) in [
            (Truth { line: 3, who: owner }, r#"{"line":3,"who":"owner","how":"living_abroad"}"#),
            (
                Truth { line: 4, who: Who::Thief { kind: ThiefKind::SameCity, incident: 17 } },
                r#"{"line":4,"who":"thief","kind":"same_city","incident":17}"#,
            ),
            (Truth { line: 5, who: Who::Guesser }, r#"{"line":5,"who":"guesser"}"#),
        ] {
            assert_eq!(serde_json::to_string(&truth).expect("plain fields"), line);
            assert_eq!(serde_json::from_str::<Truth>(line).expect("reads back"), truth);
        }
    }
}
