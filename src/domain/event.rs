//! What happened, once: the log line, metric, audit row and alert are views of an [`Event`].

use std::net::IpAddr;
use std::sync::Arc;

use super::{
    Account, Country, Door, NetworkClass, Prefix, Reference, SessionHash, Signal, SiteName, Timestamp, Verdict,
};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, by this node's clock.
    pub time: Timestamp,
    /// What.
    pub kind: EventKind,
    /// At which site; none for events of the gateway itself.
    pub site: Option<SiteName>,
    /// Whose account, when it is known or was claimed.
    pub account: Option<Account>,
    /// Which session, when there is one.
    pub session: Option<SessionHash>,
    /// From where.
    pub address: Option<IpAddr>,
    /// From where, as it is counted.
    pub prefix: Option<Prefix>,
    /// By the configured networks.
    pub network: Option<NetworkClass>,
    /// Two letters, when it is known.
    pub country: Option<Country>,
    /// Whose network it is, when it is known.
    pub as_number: Option<u32>,
    /// A browser, under a name that says nothing else.
    pub device: Option<String>,
    /// Written by the client.
    pub user_agent: Option<Arc<str>>,
    /// What was decided, when something was.
    pub verdict: Option<Verdict>,
    /// Why: signals, and for a limit its name and value (`recipients_per_account 200/h`).
    pub signals: Vec<Signal>,
    /// The limit that stopped it, such as `recipients_per_account 200/h`.
    pub stopped_by: Option<String>,
    /// Rules that only observe and would have decided, by label.
    pub observed: Vec<String>,
    /// The code shown on the person's page.
    pub reference: Option<Reference>,
    /// The operator who did it, or how it was asked for; none where nobody did.
    pub by: Option<Arc<str>>,
    /// Through which door it came.
    pub door: Door,
}

/// The kinds of event. Their names are stable: scripts, alerts and other programs read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A sign-in succeeded.
    SignInOk,
    /// Name or password were wrong.
    SignInFailed,
    /// The webmail did not judge the password.
    SignInNotJudged,
    /// A sign-in was stopped before the webmail saw it.
    SignInRefused,
    /// A session ended by the person.
    SignedOut,
    /// Mail left.
    Sent {
        /// To + Cc + Bcc.
        recipients: u32,
    },
    /// The webmail did not send, and the charge was given back.
    NotSent {
        /// To + Cc + Bcc.
        recipients: u32,
    },
    /// A send was stopped before the webmail saw it.
    SendRefused {
        /// To + Cc + Bcc.
        recipients: u32,
    },
    /// A file for a message was not taken: a virus is in it, or nobody could look.
    UploadRefused,
    /// A scanner does not answer any more.
    ScannerSilent {
        /// Its name in the configuration.
        scanner: Arc<str>,
        /// In words of ours.
        what: &'static str,
    },
    /// It answers again.
    ScannerAnswers {
        /// As above.
        scanner: Arc<str>,
    },
    /// Strangers with several accounts, or one many times, sent messages with something in common. The event's reference is
    /// the campaign's code, the rest is of the message by which it was noticed.
    CampaignRecognised {
        /// What they share: [`super::FeatureKind::shared`].
        shared: &'static str,
        /// Accounts of strangers.
        accounts: u32,
        /// Messages so far.
        messages: u32,
    },
    /// An operator said that a campaign is a theft's.
    CampaignConfirmed,
    /// An operator said that a campaign is nothing.
    CampaignCleared,
    /// The answer said that mail left although the request was not read as a send.
    SentUnasked,
    /// An account passed the alert line.
    ManyMessages {
        /// Messages within the window.
        messages: u32,
        /// The alert line, such as `100/5m`.
        line: String,
    },
    /// The password was changed through the webmail.
    PasswordChanged,
    /// An account was locked.
    AccountLocked,
    /// An account was unlocked.
    AccountUnlocked,
    /// A session was ended by an operator, a lock or a password change.
    SessionEnded,
    /// A session was flagged for the operator.
    FlagRaised,
    /// An operator cleared a flag: it was the account's owner.
    FlagCleared,
    /// An operator confirmed a flag: it was a theft.
    FlagConfirmed,
    /// An operator opened a session that had no flag of its own.
    SessionCleared,
    /// An operator restricted a session.
    SessionRestricted,
    /// An operator asked the person of a session for a proof.
    SessionChallenged,
    /// Browsers that an account knew were forgotten.
    DeviceForgotten {
        /// How many.
        devices: u32,
    },
    /// The client that uses a session is not the one that signed in, and was judged again.
    SessionMoved,
    /// A second proof was right.
    ChallengePassed {
        /// With what; [`super::FactorKind::name`].
        factor: &'static str,
    },
    /// A second proof was wrong.
    ChallengeFailed {
        /// As above.
        factor: &'static str,
    },
    /// A second proof was not looked at: too many were wrong before.
    ChallengeRefused {
        /// As above.
        factor: &'static str,
    },
    /// An account can prove itself with something more.
    FactorAdded {
        /// As above.
        factor: &'static str,
    },
    /// An account cannot prove itself with something any more.
    FactorRemoved {
        /// As above.
        factor: &'static str,
    },
    /// A barred action of a restricted session was refused.
    ActionRefused {
        /// [`super::Action::name`].
        action: &'static str,
    },
    /// A request that no browser sends, or a path never served, was refused.
    RequestRefused {
        /// Which rule refused it; from a closed set.
        rule: &'static str,
    },
    /// The upstream did not answer.
    UpstreamFailed {
        /// What failed, in words of ours.
        what: String,
    },
    /// The store did not answer; since then limits are stricter.
    StoreDegraded {
        /// What failed, in words of ours.
        what: String,
    },
    /// The store answers again.
    StoreRecovered {
        /// How much had waited and was told to it: changes, and counters that were charged without it.
        told: u64,
        /// How much could not be kept for it.
        lost: u64,
    },
    /// An address that mail leaves from, the event's `address`, is on a blocklist.
    AddressListed {
        /// The list's domain, what it answered, and who sent the most before.
        what: String,
    },
    /// It is not any more.
    AddressDelisted {
        /// The list's domain.
        what: String,
    },
    /// Something must be renewed soon.
    NearEnd {
        /// What, and when it ends.
        what: String,
    },
    /// The configuration was read again and is in force.
    ConfigurationReloaded,
    /// The configuration was read again and refused; the old one stays.
    ConfigurationRefused {
        /// The first mistake.
        what: String,
    },
    /// The gateway started or stopped.
    Started,
    /// The gateway stops.
    Stopping,
}

/// The events that an alert can be about, by name; `alert/words.rs` says what it says.
pub const ALERTS: [&str; 25] = [
    "sign_in_refused",
    "send_refused",
    "sent_unasked",
    "upload_refused",
    "scanner_silent",
    "scanner_answers",
    "campaign_recognised",
    "campaign_confirmed",
    "campaign_cleared",
    "many_messages",
    "account_locked",
    "account_unlocked",
    "flag_raised",
    "flag_cleared",
    "flag_confirmed",
    "session_moved",
    "upstream_failed",
    "store_degraded",
    "store_recovered",
    "address_listed",
    "address_delisted",
    "near_end",
    "configuration_refused",
    "started",
    "stopping",
];

impl EventKind {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SignInOk => "sign_in_ok",
            Self::SignInFailed => "sign_in_failed",
            Self::SignInNotJudged => "sign_in_not_judged",
            Self::SignInRefused => "sign_in_refused",
            Self::SignedOut => "signed_out",
            Self::Sent { .. } => "sent",
            Self::NotSent { .. } => "not_sent",
            Self::SendRefused { .. } => "send_refused",
            Self::UploadRefused => "upload_refused",
            Self::ScannerSilent { .. } => "scanner_silent",
            Self::ScannerAnswers { .. } => "scanner_answers",
            Self::CampaignRecognised { .. } => "campaign_recognised",
            Self::CampaignConfirmed => "campaign_confirmed",
            Self::CampaignCleared => "campaign_cleared",
            Self::SentUnasked => "sent_unasked",
            Self::ManyMessages { .. } => "many_messages",
            Self::PasswordChanged => "password_changed",
            Self::AccountLocked => "account_locked",
            Self::AccountUnlocked => "account_unlocked",
            Self::SessionEnded => "session_ended",
            Self::FlagRaised => "flag_raised",
            Self::FlagCleared => "flag_cleared",
            Self::FlagConfirmed => "flag_confirmed",
            Self::SessionCleared => "session_cleared",
            Self::SessionRestricted => "session_restricted",
            Self::SessionChallenged => "session_challenged",
            Self::DeviceForgotten { .. } => "device_forgotten",
            Self::SessionMoved => "session_moved",
            Self::ChallengePassed { .. } => "challenge_passed",
            Self::ChallengeFailed { .. } => "challenge_failed",
            Self::ChallengeRefused { .. } => "challenge_refused",
            Self::FactorAdded { .. } => "factor_added",
            Self::FactorRemoved { .. } => "factor_removed",
            Self::ActionRefused { .. } => "action_refused",
            Self::RequestRefused { .. } => "request_refused",
            Self::UpstreamFailed { .. } => "upstream_failed",
            Self::StoreDegraded { .. } => "store_degraded",
            Self::StoreRecovered { .. } => "store_recovered",
            Self::AddressListed { .. } => "address_listed",
            Self::AddressDelisted { .. } => "address_delisted",
            Self::NearEnd { .. } => "near_end",
            Self::ConfigurationReloaded => "configuration_reloaded",
            Self::ConfigurationRefused { .. } => "configuration_refused",
            Self::Started => "started",
            Self::Stopping => "stopping",
        }
    }
}

impl Event {
    /// An event of the gateway itself, with nothing but its time and kind.
    pub fn new(time: Timestamp, kind: EventKind) -> Self {
        Self {
            time,
            kind,
            site: None,
            account: None,
            session: None,
            address: None,
            prefix: None,
            network: None,
            country: None,
            as_number: None,
            device: None,
            user_agent: None,
            verdict: None,
            signals: Vec::new(),
            stopped_by: None,
            observed: Vec::new(),
            reference: None,
            by: None,
            door: Door::Webmail,
        }
    }
}
