//! What is kept of messages that have something in common, for as long as others like them may follow.

use super::Answer;
use crate::domain::{Campaign, CampaignStatus, Feature, Reference, SessionHash, Sighting, Timestamp};

/// Campaigns kept at most, at all sites together; some 15 MB of memory. Then those that nobody was told of go, the one
/// whose latest message is the oldest first.
pub const CAMPAIGNS_MAX: usize = 10_000;

/// Campaigns of one session that are found by it.
pub const CAMPAIGNS_OF_SESSION_MAX: usize = 200;

/// A message that is sent, and what it may have in common with others.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Who sends it to whom.
    pub sighting: Sighting,
    /// Its features, each with the code of the campaign that it begins if it begins one.
    pub features: Vec<(Feature, Reference)>,
    /// So long it is compared with what follows.
    pub until: Timestamp,
}

/// Which campaigns are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that an operator was told of, or said something of.
    Told,
    /// Those that a session sent messages of, whatever became of them.
    Of(SessionHash),
}

/// The operations that recognising campaigns needs beside those of [`super::Store`].
pub trait Sightings: Send + Sync {
    /// Takes a message in, by [`Campaign::see`]: each of its features joins the campaign that has the like of it
    /// ([`Feature::is_like`]), or begins one where the message is worth something ([`Sighting::worth`]). Each of these is one
    /// piece: of two like messages at once one begins and the other joins. Returns the campaigns as they are then.
    ///
    /// Durable within a second.
    fn see<'a>(&'a self, seen: &'a Seen, now: Timestamp) -> Answer<'a, Vec<Campaign>>;

    /// The campaign with this code, unless it is over.
    fn campaign<'a>(&'a self, code: &'a Reference, now: Timestamp) -> Answer<'a, Option<Campaign>>;

    /// Those that are asked for and not over, the latest first, at most `most`.
    fn campaigns(&self, which: Which, most: usize, now: Timestamp) -> Answer<'_, Vec<Campaign>>;

    /// Gives a campaign a status, by [`Campaign::settle`]; returns it as it is then, and whether that was another one: of
    /// many who say so at once, one is told that it was. Durable when it returns.
    fn settle_campaign<'a>(
        &'a self,
        code: &'a Reference,
        status: CampaignStatus,
        now: Timestamp,
    ) -> Answer<'a, Option<(Campaign, bool)>>;
}
