//! Signals: observed facts that speak for or against a sign-in, each a file, a name, a weight and a sentence.
//!
//! To add one: a file here whose `observe` returns the sentence when it speaks, its line in [`ALL`], and its name,
//! weight and reason in `domain/signal.rs`. A signal that lacks a fact is silent.

use super::facts::Facts;
use crate::config::Risk;
use crate::domain::Signal;

mod accounts_from_prefix;
mod breached_password;
mod country_new_to_site;
mod dormant;
mod failures_before;
mod first_seen_abroad;
mod hosting;
mod impossible_travel;
mod known_device;
mod new_country;
mod new_device;
mod new_network;
mod off_campus;
mod open_flag;
mod prefixes_for_account;
mod scripted;
mod theft_from_prefix;
mod tor;
mod unusual_hour;
mod vpn;
mod weak_password;

type Observe = fn(&Facts<'_>) -> Option<String>;

/// Every signal, by name.
pub static ALL: &[(&str, Observe)] = &[
    ("new_country", new_country::observe),
    ("off_campus", off_campus::observe),
    ("new_network", new_network::observe),
    ("new_device", new_device::observe),
    ("known_device", known_device::observe),
    ("country_new_to_site", country_new_to_site::observe),
    ("first_seen_abroad", first_seen_abroad::observe),
    ("impossible_travel", impossible_travel::observe),
    ("tor", tor::observe),
    ("hosting", hosting::observe),
    ("vpn", vpn::observe),
    ("failures_before", failures_before::observe),
    ("accounts_from_prefix", accounts_from_prefix::observe),
    ("prefixes_for_account", prefixes_for_account::observe),
    ("theft_from_prefix", theft_from_prefix::observe),
    ("open_flag", open_flag::observe),
    ("dormant", dormant::observe),
    ("unusual_hour", unusual_hour::observe),
    ("scripted", scripted::observe),
    ("weak_password", weak_password::observe),
    ("breached_password", breached_password::observe),
];

/// The signals that speak, heaviest first. One that weighs nothing is silenced.
pub fn speaking(facts: &Facts<'_>, risk: &Risk) -> Vec<Signal> {
    let mut speaking: Vec<Signal> = ALL
        .iter()
        .filter_map(|(name, observe)| {
            let weight = risk.weight(name);
            if weight == 0 {
                return None;
            }
            Some(Signal { name: (*name).into(), weight, sentence: observe(facts)? })
        })
        .collect();
    speaking.sort_by_key(|signal| std::cmp::Reverse(signal.weight));
    speaking
}

#[cfg(test)]
mod tests;
