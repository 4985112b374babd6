//! `[reputation]`: on which blocklists the addresses that mail leaves from are looked for.

use std::net::IpAddr;
use std::time::Duration;

use super::Reputation;
use super::value::{self, Section, Span, one_or_more, parsed};

/// More addresses than this are an operator's of another kind.
const ADDRESSES_MAX: usize = 64;

/// More lists say nothing more.
const LISTS_MAX: usize = 32;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn read_reputation(section: &Section<'_, '_>) -> Reputation {
    let usual = Reputation::default();
    let addresses: Vec<IpAddr> = bare(section.get("addresses", one_or_more(parsed(address)))).unwrap_or_default();
    let lists: Vec<String> = bare(section.get("lists", one_or_more(parsed(value::domain)))).unwrap_or(usual.lists);
    for (name, count, most) in [("addresses", addresses.len(), ADDRESSES_MAX), ("lists", lists.len(), LISTS_MAX)] {
        if count > most {
            section.report.mistake(
                &section.place(name),
                format_args!("{count} are too many to ask about"),
                format_args!("at most {most}"),
            );
        }
    }
    for name in ["lists", "every", "resolver"] {
        if section.value(name).is_some() && addresses.is_empty() && section.value("addresses").is_none() {
            section.report.mistake(
                &section.place(name),
                "[reputation] does not say which addresses are looked for",
                "add: addresses = [\"…\"], from where your mail leaves",
            );
            break;
        }
    }
    let every = section.get("every", value::duration(MINUTE * 10..=MINUTE * 1440, "between 10 minutes and a day"));
    let resolver = section.get("resolver", parsed(value::socket));
    Reputation { addresses, lists, every: every.unwrap_or(usual.every), resolver }
}

/// Without the places where they stand.
fn bare<T>(placed: Option<Vec<(T, Span)>>) -> Option<Vec<T>> {
    placed.map(|placed| placed.into_iter().map(|(value, _)| value).collect())
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    let address: IpAddr = text.parse().map_err(|_| "an address, such as \"203.0.113.25\" or \"2001:db8::25\"")?;
    Ok(address.to_canonical())
}
