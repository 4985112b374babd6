//! What is said over the control socket: commands, replies, and the rows of which replies are made.
//!
//! Times are RFC 3339, sessions and devices 32 hexadecimal digits, names canonical.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::policy::{Policy, Tried};
use crate::admin::desk::Role;
use crate::admin::desk::operator::Operator;
use crate::domain::flag::{Change, Note};
use crate::domain::profile::{Seen, Sighting};
use crate::domain::{
    Account, Country, FactorKind, Flag, FlagOrder, FlagPlace, FlagStatus, Profile, Session, Timestamp,
};
use crate::store::{Cursor, KnownDevice, Lock};

/// What an operator asks for. A `site` is named by any of its hosts; absent, all sites are meant. Names are folded like
/// those that people type at the sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Whether the gateway and its store are well.
    Status,
    /// Locks an account and ends its sessions.
    LockAccount {
        /// As typed.
        name: String,
        /// Where.
        site: Option<String>,
        /// For operators.
        note: String,
        /// The lock opens by itself at a sign-in with another password than the one that was right last.
        #[serde(default)]
        until_password_change: bool,
    },
    /// Unlocks an account.
    UnlockAccount {
        /// As typed.
        name: String,
        /// Where.
        site: Option<String>,
    },
    /// Makes a code with which the person of an account proves once to be its owner; an earlier one is good no more.
    MakeHelpdeskCode {
        /// As typed.
        name: String,
        /// Where.
        site: Option<String>,
    },
    /// Gives accounts other addresses, to which codes may be sent; at most [`super::IMPORTED_MAX`] in one command.
    ImportAddresses {
        /// An account as typed, and its other address.
        rows: Vec<(String, String)>,
        /// Where.
        site: Option<String>,
    },
    /// Removes factors of an account: those of a kind, or all.
    RemoveFactors {
        /// As typed.
        name: String,
        /// Of this kind only.
        factor: Option<FactorKind>,
        /// Where.
        site: Option<String>,
    },
    /// The accounts that are locked.
    ListLocks {
        /// Where.
        site: Option<String>,
    },
    /// The sessions that have not ended.
    ListSessions {
        /// Of this account only, as typed.
        account: Option<String>,
        /// Where.
        site: Option<String>,
    },
    /// Ends one session.
    EndSession {
        /// 32 hexadecimal digits.
        hash: String,
    },
    /// Ends all sessions of an account.
    EndSessions {
        /// As typed.
        account: String,
        /// Where.
        site: Option<String>,
    },
    /// Restricts an open session: it reads and does nothing else. One that may do less already stays as it is.
    RestrictSession {
        /// 32 hexadecimal digits.
        hash: String,
    },
    /// Asks the person of a session for a second proof; where the account has none, restricts the session. One that may do
    /// less already stays as it is.
    ChallengeSession {
        /// 32 hexadecimal digits.
        hash: String,
    },
    /// Restricts all open sessions of an account, and where there are other doors its mail programs: nothing leaves.
    RestrictSessions {
        /// As typed.
        account: String,
        /// Where.
        site: Option<String>,
    },
    /// Clears the flag that stands against a session; opens one that has none.
    ClearSession {
        /// 32 hexadecimal digits.
        hash: String,
    },
    /// The flags that fit.
    ListFlags {
        /// Only these.
        status: Option<FlagStatus>,
        /// Of this account only, as typed.
        account: Option<String>,
        /// From this country only.
        country: Option<Country>,
        /// Older ones only, milliseconds since 1970.
        before: Option<Timestamp>,
        /// Where.
        site: Option<String>,
        /// In this order.
        #[serde(default)]
        order: FlagOrder,
        /// Where the page before ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<FlagPlace>,
        /// At most so many, and [`super::FLAGS_MAX`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<usize>,
    },
    /// One flag, whole.
    ShowFlag {
        /// As written down.
        code: String,
    },
    /// It was the account's owner: opens the session, and its sign-in becomes usual.
    ClearFlag {
        /// As written down.
        code: String,
        /// For other operators.
        note: Option<String>,
    },
    /// It was a theft: locks the account, ends its sessions, forgets what the theft taught.
    ConfirmFlag {
        /// As written down.
        code: String,
        /// For other operators.
        note: Option<String>,
    },
    /// Notes an operator's words on a flag.
    NoteFlag {
        /// As written down.
        code: String,
        /// For other operators.
        note: String,
    },
    /// All that is known of a flag and what surrounds it, as one archive.
    PackEvidence {
        /// As written down.
        code: String,
    },
    /// The policy in force, and what each of its rules did.
    ShowPolicy,
    /// What a changed policy would have decided about what was recorded. Nothing is changed.
    TryPolicy {
        /// Names as in [`super::policy::Policy`], such as `risk.weights.new_country`, and what they shall be.
        changes: BTreeMap<String, String>,
    },
    /// Marks an address: what comes from it counts like what comes from where a theft came from.
    MarkPrefix {
        /// An IPv4 address, or an IPv6 address or its /64.
        prefix: String,
        /// Where.
        site: Option<String>,
        /// For so many days; none: as long as a theft counts.
        #[serde(default)]
        days: Option<u32>,
        /// For other operators.
        #[serde(default)]
        note: String,
    },
    /// Takes a mark off.
    UnmarkPrefix {
        /// As [`Command::MarkPrefix`] takes it.
        prefix: String,
        /// Where.
        site: Option<String>,
    },
    /// The addresses that are marked.
    ListPrefixes {
        /// Where.
        site: Option<String>,
    },
    /// The browsers that an account knows.
    ListDevices {
        /// As typed.
        name: String,
        /// Where.
        site: Option<String>,
    },
    /// Forgets one browser of an account, or all: it is new at its next sign-in.
    ForgetDevices {
        /// As typed.
        name: String,
        /// 32 hexadecimal digits; none: all.
        device: Option<String>,
        /// Where.
        site: Option<String>,
    },
    /// Adds somebody who may sit at the desk.
    AddOperator {
        /// As typed.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// Changes what an operator may do.
    SetRole {
        /// As typed.
        name: String,
        /// From now on.
        role: Role,
    },
    /// Forgets an operator's password, second proofs, tokens and sessions; they begin anew.
    ResetOperator {
        /// As typed.
        name: String,
    },
    /// Removes an operator.
    RemoveOperator {
        /// As typed.
        name: String,
    },
    /// The operators.
    ListOperators,
    /// Some of what the store holds, to move it elsewhere.
    ExportStore {
        /// Where the page before ended; none: from the beginning.
        after: Option<Cursor>,
        /// About so many.
        most: usize,
    },
    /// Takes in what another store held.
    ImportStore {
        /// Records, each as a JSON object.
        lines: Vec<String>,
    },
    /// Copies the embedded store to a new file.
    BackupStore {
        /// Absolute; the gateway writes it, as its own user.
        to: PathBuf,
    },
    /// All that is known of an account.
    Explain {
        /// A session, the code of a flag, or an account as typed.
        what: String,
        /// Where.
        site: Option<String>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Command::Status`].
    Status {
        /// The gateway's version.
        version: String,
        /// Its time.
        time: String,
        /// Why the store cannot be written; none when it can.
        store_away: Option<String>,
        /// Since when; none when it can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        store_away_since: Option<String>,
        /// Changes that wait until a shared store can be told of them.
        #[serde(default)]
        store_waiting: usize,
    },
    /// To [`Command::ExportStore`].
    Exported {
        /// Records, each as a JSON object.
        lines: Vec<String>,
        /// Where the next page begins; none at the end.
        next: Option<Cursor>,
    },
    /// To [`Command::ImportStore`].
    Imported {
        /// How many of the records changed something.
        changed: usize,
    },
    /// To [`Command::BackupStore`].
    BackedUp,
    /// What was done, at each site.
    Done {
        /// One for each account.
        done: Vec<Done>,
    },
    /// To [`Command::ListLocks`].
    Locks {
        /// The locks.
        locks: Vec<LockRow>,
        /// Whether there are more than [`super::ROWS_MAX`].
        more: bool,
    },
    /// To [`Command::MakeHelpdeskCode`].
    HelpdeskCodes {
        /// One for each site.
        codes: Vec<HelpdeskCodeRow>,
    },
    /// To [`Command::ImportAddresses`].
    AddressesImported {
        /// Accounts that have an address more.
        added: usize,
        /// Accounts that had it already.
        known: usize,
        /// Why the others have not.
        refused: Vec<String>,
    },
    /// To [`Command::ListSessions`].
    Sessions {
        /// Newest first.
        sessions: Vec<SessionRow>,
        /// Whether there are more than [`super::ROWS_MAX`].
        more: bool,
    },
    /// To [`Command::ListFlags`].
    Flags {
        /// In the order that was asked for.
        flags: Vec<FlagRow>,
        /// Whether there are more than were asked for.
        more: bool,
        /// Where the next page begins, if there are more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<FlagPlace>,
    },
    /// To [`Command::ShowFlag`] and [`Command::NoteFlag`].
    Flag {
        /// The flag.
        flag: Box<WholeFlag>,
        /// Its session; none where it expired.
        session: Option<Box<SessionRow>>,
    },
    /// To [`Command::ClearFlag`] and [`Command::ClearSession`].
    Cleared {
        /// The flag; none where there was none.
        code: Option<String>,
        /// Where.
        site: String,
        /// Whose.
        account: String,
        /// What the session may do now: `open`, or `ended` if it was ended already; none where it expired.
        state: Option<String>,
    },
    /// To [`Command::ConfirmFlag`].
    Confirmed {
        /// The flag.
        code: String,
        /// Where.
        site: String,
        /// Whose.
        account: String,
        /// How many of its sessions ended.
        sessions_ended: usize,
        /// How many browsers were forgotten.
        devices_forgotten: usize,
        /// How many sign-ins do not count as usual any more.
        sign_ins_forgotten: usize,
    },
    /// To [`Command::RestrictSession`] and [`Command::ChallengeSession`].
    Restricted {
        /// Where.
        site: String,
        /// Whose.
        account: String,
        /// What the session may do now: `restricted`, `challenged`, or less if it was less already.
        state: String,
    },
    /// To [`Command::ShowPolicy`].
    Policy {
        /// The policy.
        policy: Box<Policy>,
    },
    /// To [`Command::TryPolicy`].
    Tried {
        /// What would have been decided.
        tried: Box<Tried>,
    },
    /// To [`Command::PackEvidence`].
    Evidence {
        /// The flag.
        code: String,
        /// A zip archive, in base64.
        archive: String,
    },
    /// To [`Command::MarkPrefix`] and [`Command::UnmarkPrefix`].
    Marked {
        /// One for each site.
        done: Vec<MarkedRow>,
    },
    /// To [`Command::ListPrefixes`].
    Marks {
        /// Those that count, the latest first.
        marks: Vec<MarkRow>,
        /// Whether there are more than [`super::ROWS_MAX`].
        more: bool,
    },
    /// To [`Command::ListDevices`].
    Devices {
        /// Last used first.
        devices: Vec<DeviceRow>,
    },
    /// To [`Command::Explain`].
    Explained {
        /// One for each site.
        accounts: Vec<Explained>,
    },
    /// To [`Command::AddOperator`] and [`Command::ResetOperator`].
    OperatorCode(OperatorCode),
    /// To [`Command::SetRole`] and [`Command::RemoveOperator`].
    Operator {
        /// Who.
        name: String,
        /// `removed`, or the role with `now`.
        what: String,
    },
    /// To [`Command::ListOperators`].
    Operators {
        /// By name.
        operators: Vec<OperatorRow>,
    },
    /// It was not done, or not all of it.
    Refused {
        /// For the operator.
        why: String,
    },
}

/// What was done to one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Where.
    pub site: String,
    /// Whose; canonical.
    pub account: String,
    /// `locked`, `unlocked`, `was not locked`, `sessions ended`, `devices forgotten`, or how many factors were
    /// removed.
    pub what: String,
    /// How many of its sessions ended.
    pub sessions_ended: usize,
    /// How many of its browsers were forgotten.
    #[serde(default)]
    pub devices_forgotten: usize,
}

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRow {
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// Since when; RFC 3339.
    pub since: String,
    /// The operator's words.
    pub note: String,
}

/// What was done to a mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedRow {
    /// Where.
    pub site: String,
    /// An IPv4 address with `/32`, or an IPv6 /64.
    pub prefix: String,
    /// `marked until` a day, `not marked any more` or `was not marked`.
    pub what: String,
}

/// One mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRow {
    /// An IPv4 address with `/32`, or an IPv6 /64.
    pub prefix: String,
    /// Where it counts.
    pub site: String,
    /// Who set it.
    pub by: String,
    /// Since when; RFC 3339.
    pub since: String,
    /// It counts no more then; RFC 3339.
    pub until: String,
    /// The operator's words.
    pub note: String,
}

/// A code for one account. Whoever reads it can use it: it is shown once and written nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpdeskCodeRow {
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// Eight digits.
    pub code: String,
    /// It is good no longer then; RFC 3339.
    pub until: String,
}

impl std::fmt::Debug for HelpdeskCodeRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HelpdeskCodeRow({} at {} until {})", self.account, self.site, self.until)
    }
}

/// With what an operator begins. Whoever reads the code can use it: it is shown once and written nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCode {
    /// Who.
    pub name: String,
    /// In groups of four.
    pub code: String,
    /// It is good no longer then; RFC 3339.
    pub until: String,
    /// Where the desk is; none where nobody listens (`[listen] admin`).
    pub page: Option<String>,
}

impl std::fmt::Debug for OperatorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OperatorCode({} until {})", self.name, self.until)
    }
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRow {
    /// Who.
    pub name: String,
    /// `viewer`, `operator` or `administrator`; none where the record cannot be opened.
    pub role: Option<Role>,
    /// Whether they have a password and a second proof.
    pub ready: bool,
    /// Second proofs by name.
    pub factors: Vec<String>,
    /// How many tokens of the API they have.
    pub tokens: usize,
    /// RFC 3339.
    pub added: Option<String>,
    /// RFC 3339.
    pub signed_in: Option<String>,
}

impl OperatorRow {
    pub(super) fn of(name: String, operator: Option<&Operator>) -> Self {
        Self {
            name,
            role: operator.map(|operator| operator.role),
            ready: operator.is_some_and(Operator::is_ready),
            factors: operator.map(Operator::factor_names).unwrap_or_default(),
            tokens: operator.map_or(0, |operator| operator.tokens.len()),
            added: operator.map(|operator| operator.added.to_string()),
            signed_in: operator.and_then(|operator| operator.signed_in).map(|time| time.to_string()),
        }
    }
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its keyed hash; what `session end` takes.
    pub session: String,
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// `open`, `restricted` or `challenged`.
    pub state: String,
    /// From where it was judged last: where it signed in, or where it moved to.
    pub prefix: String,
    /// `campus`, `trusted` or `outside`.
    pub network: String,
    /// When it is known.
    pub country: Option<Country>,
    /// When it is known.
    pub as_number: Option<u32>,
    /// RFC 3339.
    pub signed_in: String,
    /// RFC 3339, to the minute.
    pub last_seen: String,
    /// The device that signed in, as `device forget` takes it.
    pub device: Option<String>,
    /// Since when the account knows the device; absent: a new one.
    pub device_since: Option<String>,
    /// The browser's own words.
    pub user_agent: Option<String>,
    /// The flag that stands against it.
    pub flag: Option<String>,
}

impl SessionRow {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            session: session.hash.to_string(),
            site: session.site.to_string(),
            account: session.account.to_string(),
            state: session.state.name().to_owned(),
            prefix: session.spot.prefix.to_string(),
            network: session.spot.network.name().to_owned(),
            country: session.spot.country,
            as_number: session.spot.as_number,
            signed_in: session.signed_in.to_string(),
            last_seen: session.last_seen.to_string(),
            device: session.device.map(hex),
            device_since: session.device_since.map(|since| since.to_string()),
            user_agent: session.user_agent.as_deref().map(str::to_owned),
            flag: session.flag.map(|code| code.to_string()),
        }
    }
}

/// One flag, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagRow {
    /// What the other `flag` commands take, and the person's page shows.
    pub code: String,
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// Which session.
    pub session: String,
    /// RFC 3339.
    pub time: String,
    /// From where.
    pub address: String,
    /// `campus`, `trusted` or `outside`.
    pub network: String,
    /// When it is known.
    pub country: Option<Country>,
    /// When it is known.
    pub as_number: Option<u32>,
    /// The browser's own words.
    pub user_agent: Option<String>,
    /// What it came to.
    pub verdict: String,
    /// Whether that was carried out; not so while the site only observes.
    pub enforced: bool,
    /// `open`, `passed`, `cleared` or `confirmed`.
    pub status: String,
    /// The limit or rule that brought it about, where it was one.
    pub stopped_by: Option<String>,
    /// Why, heaviest first.
    pub signals: Vec<SignalRow>,
    /// Messages that left since.
    pub messages: u32,
    /// Their recipients.
    pub recipients: u32,
    /// Of them, to whom the account had never written.
    pub first_written: u32,
    /// Of them, outside the site's own domains.
    pub outside: u32,
    /// Sends that were stopped since.
    pub stopped: u32,
}

/// Why a session was flagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRow {
    /// Stable.
    pub name: String,
    /// Negative speaks for it.
    pub weight: i32,
    /// For people.
    pub sentence: String,
}

/// A flag with what was said of it and done in its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeFlag {
    /// What a list shows.
    #[serde(flatten)]
    pub row: FlagRow,
    /// The operators' words, oldest first.
    pub notes: Vec<NoteRow>,
    /// Settings changed, exports and the like, oldest first.
    pub changes: Vec<ChangeRow>,
}

/// An operator's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRow {
    /// RFC 3339.
    pub time: String,
    /// Whose.
    pub by: String,
    /// The words.
    pub text: String,
}

/// Something besides sending that a session did or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// RFC 3339.
    pub time: String,
    /// What.
    pub action: String,
    /// What it was about, so that it can be undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// What `device forget` takes.
    pub device: String,
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// When it first passed a sign-in; RFC 3339.
    pub since: String,
    /// When it last did; RFC 3339.
    pub last_used: String,
}

/// All that is known of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Where.
    pub site: String,
    /// Whose.
    pub account: String,
    /// Whether it is locked.
    pub lock: Option<LockRow>,
    /// What is usual for it.
    pub usual: Usual,
    /// The browsers it knows, last used first.
    pub devices: Vec<DeviceRow>,
    /// Those that have not ended, newest first.
    pub sessions: Vec<SessionRow>,
    /// The latest, newest first; at most [`super::EXPLAINED_FLAGS_MAX`].
    pub flags: Vec<FlagRow>,
}

/// What is usual for an account, most often seen first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// Sign-ins that it was learned from.
    pub sign_ins: u32,
    /// The latest of them; RFC 3339.
    pub latest: Option<String>,
    /// From where that came.
    pub latest_address: Option<String>,
    /// Two letters each.
    pub countries: Vec<UsualRow>,
    /// Numbers of autonomous systems.
    pub as_numbers: Vec<UsualRow>,
    /// As /24 or /48.
    pub networks: Vec<UsualRow>,
    /// Program and system.
    pub agents: Vec<UsualRow>,
    /// Sign-ins in each hour of the day, UTC.
    pub hours: [u16; 24],
}

/// One thing that is usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualRow {
    /// What.
    pub what: String,
    /// How often it was seen.
    pub count: u32,
    /// When first; RFC 3339.
    pub first: String,
    /// When last; RFC 3339.
    pub last: String,
}

impl FlagRow {
    pub(in crate::admin) fn of(flag: &Flag) -> Self {
        Self {
            code: flag.code.to_string(),
            site: flag.site.to_string(),
            account: flag.account.to_string(),
            session: flag.session.to_string(),
            time: flag.time.to_string(),
            address: flag.address.to_string(),
            network: flag.network.name().to_owned(),
            country: flag.country,
            as_number: flag.as_number,
            user_agent: flag.user_agent.as_deref().map(str::to_owned),
            verdict: flag.verdict.name().to_owned(),
            enforced: flag.enforced,
            status: flag.status.name().to_owned(),
            stopped_by: flag.stopped_by.clone(),
            signals: flag
                .signals
                .iter()
                .map(|signal| SignalRow {
                    name: signal.name.clone().into_owned(),
                    weight: signal.weight,
                    sentence: signal.sentence.clone(),
                })
                .collect(),
            messages: flag.since.messages,
            recipients: flag.since.recipients,
            first_written: flag.since.first_written,
            outside: flag.since.outside,
            stopped: flag.since.stopped,
        }
    }
}

impl WholeFlag {
    pub(super) fn of(flag: &Flag) -> Self {
        let note = |note: &Note| NoteRow { time: note.time.to_string(), by: note.by.clone(), text: note.text.clone() };
        let change = |change: &Change| ChangeRow {
            time: change.time.to_string(),
            action: change.action.clone(),
            targets: change.targets.clone(),
            stopped: change.stopped,
        };
        Self {
            row: FlagRow::of(flag),
            notes: flag.notes.iter().map(note).collect(),
            changes: flag.since.changes.iter().map(change).collect(),
        }
    }
}

impl LockRow {
    pub(super) fn of(lock: Lock) -> Self {
        Self {
            site: lock.site.to_string(),
            account: lock.account.to_string(),
            since: lock.since.to_string(),
            note: lock.note,
        }
    }
}

impl DeviceRow {
    pub(super) fn of(site: &str, account: &Account, known: &KnownDevice) -> Self {
        Self {
            device: hex(known.device),
            site: site.to_owned(),
            account: account.to_string(),
            since: known.since.to_string(),
            last_used: known.last_used.to_string(),
        }
    }
}

impl Usual {
    pub(super) fn of(profile: &Profile) -> Self {
        Self {
            sign_ins: profile.sign_ins,
            latest: profile.latest.as_ref().map(|latest| latest.time.to_string()),
            latest_address: profile.latest.as_ref().map(|latest| latest.address.to_string()),
            countries: rows(&profile.countries),
            as_numbers: rows(&profile.as_numbers),
            networks: rows(&profile.networks),
            agents: rows(&profile.agents),
            hours: profile.hours,
        }
    }
}

fn rows<T: Copy + PartialEq + std::fmt::Display>(seen: &Seen<T>) -> Vec<UsualRow> {
    let mut seen: Vec<_> = seen.iter().collect();
    seen.sort_by_key(|sighting| std::cmp::Reverse((sighting.count, sighting.last)));
    let row = |sighting: &&Sighting<T>| UsualRow {
        what: sighting.what.to_string(),
        count: sighting.count,
        first: sighting.first.to_string(),
        last: sighting.last.to_string(),
    };
    seen.iter().map(row).collect()
}

fn hex(bytes: [u8; 16]) -> String {
    data_encoding::HEXLOWER.encode(&bytes)
}
