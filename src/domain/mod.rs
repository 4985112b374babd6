//! The words everything else speaks: plain types, no I/O, no async, no clock.
//!
//! One word for one thing. A type here says what a thing *is*; what is decided about it lives in `policy`, where it is
//! kept in `store`, and how it travels in `gateway`.

pub mod account;
pub mod action;
pub mod agent;
pub mod aim;
pub mod audit;
pub mod campaign;
pub mod client;
pub mod colour;
pub mod composed;
pub mod country;
pub mod door;
pub mod event;
pub mod factor;
pub mod flag;
pub mod flag_order;
pub mod key;
pub mod limit;
pub mod node;
pub mod password;
pub mod past;
pub mod prefix_mark;
pub mod profile;
pub mod quiet;
pub mod reference;
pub mod scanned;
pub mod seal;
pub mod secret;
pub mod session;
pub mod severity;
pub mod signal;
pub mod time;
pub mod verdict;
pub mod whereabouts;
pub mod written;

pub use account::{Account, AccountFolding};
pub use action::{Action, Outcome};
pub use agent::Agent;
pub use aim::Aim;
pub use audit::AuditEntry;
pub use campaign::{Campaign, CampaignStatus, Feature, FeatureKind, Participant, Reach, Sighting, Trace};
pub use client::{Client, Network, NetworkClass, Prefix};
pub use colour::Colour;
pub use composed::Composed;
pub use country::{Country, Extent};
pub use door::Door;
pub use event::{Event, EventKind};
pub use factor::FactorKind;
pub use flag::{Flag, FlagStatus};
pub use flag_order::{FlagOrder, FlagPlace, Ranked};
pub use key::{KeyRing, Purpose};
pub use limit::Limit;
pub use node::NodeSeen;
pub use password::{PasswordFault, PasswordQuality};
pub use past::{EventFilter, Mark, PastEvent, Sender, Span, Tally};
pub use prefix_mark::PrefixMark;
pub use profile::{Lesson, Profile};
pub use quiet::QuietHours;
pub use reference::Reference;
pub use scanned::{Said, Scanned};
pub use seal::Sealing;
pub use secret::Secret;
pub use session::{Session, SessionChange, SessionHash, SessionState, Spot};
pub use severity::Severity;
pub use signal::{CAMPAIGN_SIGNALS, CONTENT_SIGNALS, MOVE_SIGNALS, SIGNALS, SIGNALS_COUNT, SignalKind};
pub use time::Timestamp;
pub use verdict::{Signal, Verdict};
pub use whereabouts::{NetworkKind, NetworkKinds, Position, Whereabouts};

/// The name of a site: the first of its hosts, lower-case.
pub type SiteName = std::sync::Arc<str>;
