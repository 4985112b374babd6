//! Campaigns: messages of several accounts, or many of one session, that have something in common.
//!
//! [`Sketcher`] says what a message has that others may share, the store who sent the same lately, and [`judge`] what that
//! comes to. Not the number of equal messages tells a fraud from a course letter but who sends them to whom: people at
//! their own browsers or on campus, and messages to those whom an account has written to before, say nothing at all. What
//! weighs is strangers who write the same to people outside.

mod links;
mod markup;
mod sketch;
#[cfg(test)]
mod tests;
mod text;

pub use sketch::{Message, PLACES, Sketcher};

use crate::config::Risk;
use crate::domain::{CAMPAIGN_SIGNALS, Campaign, CampaignStatus, FeatureKind, Sighting, Signal};

/// Two accounts are recognised when strangers' messages are worth this together: four to people outside, whatever the order
/// of the accounts.
const WORTH_OF_TWO: u32 = 4 * Sighting::WORTH_OUTSIDE;

/// Three are recognised with one message outside from each, or eighteen within the house.
const WORTH_OF_THREE: u32 = 3 * Sighting::WORTH_OUTSIDE;

/// From so many accounts on, it is wide.
const WIDE_ACCOUNTS: usize = 3;

/// So many of one session are many: more than applications or invitations that somebody sends one by one in an evening
/// from a browser that nobody has seen before.
const REPEATED_WORTH: u32 = 12 * Sighting::WORTH_OUTSIDE;

/// What so many accounts send from their own browsers as well is going round.
const FAMILIAR_LEAST: usize = 2;

/// A message's campaigns, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What speaks against it, each once.
    pub signals: Vec<Signal>,
    /// Those of its campaigns, by their place, that the operator is to be told of.
    pub recognised: Vec<usize>,
}

/// Whether what others sent may speak against a message. Whoever is known here, or writes to people whom the account
/// knows, is only counted.
pub const fn may_speak(sighting: &Sighting) -> bool {
    sighting.worth() > 0
}

/// Judges a message by the campaigns that it belongs to, as they are with it.
pub fn judge(campaigns: &[Campaign], sighting: &Sighting, risk: &Risk) -> Judgement {
    let mut judgement = Judgement::default();
    if !may_speak(sighting) {
        return judgement;
    }
    let mut speaks = |name: &'static str, sentence: String| {
        if let Some(signal) = signal(name, sentence, risk)
            && !judgement.signals.iter().any(|known| known.name == signal.name)
        {
            judgement.signals.push(signal);
        }
    };
    let mut by_link_only = None;
    let mut by_more = false;
    for (place, campaign) in campaigns.iter().enumerate() {
        let shared = campaign.feature.kind.shared();
        match campaign.status {
            CampaignStatus::Cleared => continue,
            CampaignStatus::Confirmed if !is_going_round(campaign) => {
                speaks(
                    "campaign_of_theft",
                    format!("It has {shared} as messages of a confirmed theft: {}.", campaign.code),
                );
                continue;
            }
            CampaignStatus::Watched | CampaignStatus::Recognised | CampaignStatus::Confirmed => {}
        }
        if is_going_round(campaign) {
            continue;
        }
        let accounts = campaign.strange_accounts().len();
        if is_of_several(campaign) {
            let sentence = format!("{accounts} accounts sent messages with {shared}: {}.", campaign.code);
            if campaign.feature.kind == FeatureKind::Link {
                by_link_only = Some(sentence);
            } else {
                by_more = true;
                speaks("campaign", sentence);
            }
            if accounts >= WIDE_ACCOUNTS {
                speaks("campaign_wide", format!("Strangers used {accounts} accounts for it."));
            }
            judgement.recognised.push(place);
        }
        let part = campaign.part_of(&sighting.session);
        if campaign.feature.kind == FeatureKind::Text && part.is_some_and(|part| part.worth >= REPEATED_WORTH) {
            let messages = part.map_or(0, |part| part.messages);
            speaks("campaign_repeated", format!("This session sent {messages} messages with {shared}."));
            if !judgement.recognised.contains(&place) {
                judgement.recognised.push(place);
            }
        }
    }
    if let Some(sentence) = by_link_only.filter(|_| !by_more) {
        speaks("campaign_link", sentence);
    }
    judgement
}

/// Whether strangers with several accounts sent it.
fn is_of_several(campaign: &Campaign) -> bool {
    let worth = campaign.worth();
    match campaign.strange_accounts().len() {
        0 | 1 => false,
        2 => worth >= WORTH_OF_TWO,
        _ => worth >= WORTH_OF_THREE,
    }
}

/// Whether people send it from their own browsers as well: a newspaper's link, the department's logo, an invitation that is
/// passed on. A text is also what a victim passes on to ask about it: it goes round only where as many people as strangers
/// sent it.
fn is_going_round(campaign: &Campaign) -> bool {
    let familiar = campaign.familiar_accounts().len();
    match campaign.feature.kind {
        FeatureKind::Text => familiar > FAMILIAR_LEAST && familiar >= campaign.strange_accounts().len(),
        FeatureKind::Link | FeatureKind::Reply | FeatureKind::File => familiar >= FAMILIAR_LEAST,
    }
}

fn signal(name: &'static str, sentence: String, risk: &Risk) -> Option<Signal> {
    let place = CAMPAIGN_SIGNALS.iter().position(|kind| kind.name == name)?;
    let weight = risk.campaign_weights.get(place).copied().unwrap_or(CAMPAIGN_SIGNALS[place].weight);
    (weight != 0).then(|| Signal { name: name.into(), weight, sentence })
}
