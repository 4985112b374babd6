//! A gateway among those that share a store, as the others see it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a gateway says of itself, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// The same after a restart: 16 hexadecimal digits.
    pub id: String,
    /// The name of its machine.
    pub name: String,
    /// Of Mailward.
    pub version: String,
    /// Since when it runs, by its own clock.
    pub since: Timestamp,
    /// When it last said so, by the store's clock: those of gateways may be apart.
    pub seen: Timestamp,
    /// How far its clock is ahead of the store's, in milliseconds; below zero: behind.
    pub clock_ahead: i64,
}

impl NodeSeen {
    /// A gateway says that it is there so often.
    pub const EVERY: Duration = Duration::from_secs(10);

    /// One that has said nothing for so long is silent: three times in a row are no accident.
    pub const SILENT_AFTER: Duration = Duration::from_secs(35);

    /// One that is silent is named for so long, so that whoever comes in the morning sees it.
    pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

    /// Gateways that are named at most; then the one silent for longest is not.
    pub const MAX: usize = 64;
}
