//! What `check` and `doctor` say of databases, lists and filters.

use crate::domain::Timestamp;
use crate::intel::{Freshness, Source, Topic};

/// One source in a sentence, and what to do about it if something is.
pub(super) struct Told {
    pub(super) what: String,
    pub(super) freshness: Freshness,
    pub(super) todo: Option<String>,
}

pub(super) fn told(source: &Source, now: Timestamp) -> Told {
    let name = match source.topic {
        Topic::Country => "country of an address",
        Topic::AsNumber => "network of an address",
        Topic::City => "place of an address",
        Topic::Networks => "Tor, hosting, VPN",
        Topic::List(kind) => kind.name(),
        Topic::Breached => "leaked passwords",
    };
    let file =
        source.path.as_ref().map_or_else(|| "part of this program".to_owned(), |path| path.display().to_string());
    let mut what = format!("{name}: {file}");
    if let Some(entries) = source.entries {
        let unit = if source.topic == Topic::Breached { "passwords" } else { "networks" };
        what.push_str(&format!(", {entries} {unit}"));
    }
    if let Some(built) = source.built {
        let days = now.since(built).as_secs() / 86_400;
        what.push_str(&format!(", of {} ({days} days old)", built.day()));
    }
    let todo = match source.freshness {
        Freshness::Fresh if source.entries == Some(0) => {
            what.push_str(": it is empty");
            Some("does whatever fetches it work?".to_owned())
        }
        Freshness::Fresh => None,
        Freshness::Old => {
            what.push_str(": older than warn_age");
            Some(newer(source).to_owned())
        }
        Freshness::TooOld => {
            what.push_str(": older than max_age, so everything it would say is unknown");
            Some(newer(source).to_owned())
        }
    };
    Told { what, freshness: source.freshness, todo }
}

fn newer(source: &Source) -> &'static str {
    match (source.topic, &source.path) {
        (Topic::Networks, _) => "install a newer Mailward, or bring lists of your own: [[networks.list]]",
        (_, None) => "name a newer database in [geoip] (see geoip/README.md), or install a newer Mailward",
        (_, Some(_)) => "does whatever fetches it work? replace the file, and Mailward reads it",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::domain::NetworkKind;

    #[test]
    fn a_source_is_told_with_its_age_and_an_old_one_with_what_to_do() {
        let now = Timestamp::from_millis(1_795_564_800_000);
        let of = |topic, path: Option<&str>, days: u64, freshness, entries| Source {
            topic,
            path: path.map(PathBuf::from),
            built: Some(now.before(Duration::from_secs(days * 86_400))),
            freshness,
            entries,
        };
        for (source, says, todo) in [
            (
                of(Topic::Country, Some("c.mmdb"), 5, Freshness::Fresh, None),
                "c.mmdb, of 2026-11-20 (5 days old)",
                false,
            ),
            (of(Topic::AsNumber, None, 161, Freshness::Old, None), "part of this program, of 2026-06-17", true),
            (of(Topic::City, Some("c.mmdb"), 600, Freshness::TooOld, None), "everything it would say is unknown", true),
            (of(Topic::List(NetworkKind::Tor), Some("t"), 900, Freshness::Fresh, Some(3)), "tor: t, 3 networks", false),
            (of(Topic::List(NetworkKind::Vpn), Some("t"), 9, Freshness::Fresh, Some(0)), "it is empty", true),
        ] {
            let told = told(&source, now);
            assert!(told.what.contains(says), "{}", told.what);
            assert_eq!(told.todo.is_some(), todo, "{}", told.what);
        }
    }
}
