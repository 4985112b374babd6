//! Marks on prefixes: what an operator says of an address without having confirmed a theft.

use std::net::IpAddr;
use std::time::Duration;

use super::words::{MarkRow, MarkedRow, Reply};
use super::{By, Control, NotDone, ROWS_MAX};
use crate::domain::flag::Note;
use crate::domain::{Prefix, PrefixMark, SiteName, Timestamp};
use crate::policy::theft;

const DAY: Duration = Duration::from_secs(86_400);

impl Control {
    pub(super) async fn mark_prefix(
        &self,
        prefix: &str,
        site: Option<&str>,
        days: Option<u32>,
        note: &str,
        by: &By,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let prefix = exactly(prefix)?;
        let lasts = days.map_or(theft::MARK, |days| DAY.saturating_mul(days));
        if lasts.is_zero() || lasts > theft::MARK_MAX {
            return Err(NotDone::NotADuration(theft::MARK_MAX.as_secs() / DAY.as_secs()));
        }
        if note.chars().count() > Note::TEXT_MAX {
            return Err(NotDone::LongNote(Note::TEXT_MAX));
        }
        let mut done = Vec::new();
        for site in self.chosen(site)? {
            let mark = PrefixMark {
                site: SiteName::clone(&site.name),
                prefix,
                by: by.name.to_string(),
                since: now,
                until: now.after(lasts),
                note: note.to_owned(),
            };
            let what = format!("marked until {}", mark.until.day());
            self.store.mark_prefix(mark).await?;
            done.push(MarkedRow { site: site.name.to_string(), prefix: prefix.to_string(), what });
        }
        Ok(Reply::Marked { done })
    }

    pub(super) async fn unmark_prefix(
        &self,
        prefix: &str,
        site: Option<&str>,
        now: Timestamp,
    ) -> Result<Reply, NotDone> {
        let prefix = exactly(prefix)?;
        let mut done = Vec::new();
        for site in self.chosen(site)? {
            let was_marked = self.store.unmark_prefix(&site.name, prefix, now).await?;
            let what = if was_marked { "not marked any more" } else { "was not marked" };
            done.push(MarkedRow { site: site.name.to_string(), prefix: prefix.to_string(), what: what.to_owned() });
        }
        Ok(Reply::Marked { done })
    }

    pub(super) async fn marked_prefixes(&self, site: Option<&str>, now: Timestamp) -> Result<Reply, NotDone> {
        let mut marks = Vec::new();
        for site in self.chosen(site)? {
            marks.extend(self.store.marked_prefixes(&site.name, now).await?);
        }
        let more = marks.len() > ROWS_MAX;
        let row = |mark: &PrefixMark| MarkRow {
            prefix: mark.prefix.to_string(),
            site: mark.site.to_string(),
            by: mark.by.clone(),
            since: mark.since.to_string(),
            until: mark.until.to_string(),
            note: mark.note.clone(),
        };
        Ok(Reply::Marks { marks: marks.iter().take(ROWS_MAX).map(row).collect(), more })
    }
}

/// One prefix as people write it: an address, with the length that its prefix has or none. Others are refused: somebody who
/// writes a /16 must not believe that it is marked.
pub(in crate::admin) fn exactly(text: &str) -> Result<Prefix, NotDone> {
    let wrong = || NotDone::NotAPrefix(text.to_owned());
    let (address, length) = match text.trim().split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    match (address.to_canonical(), length) {
        (_, None) | (IpAddr::V4(_), Some("32")) | (IpAddr::V6(_), Some("64" | "128")) => Ok(Prefix::of(address)),
        (_, Some(_)) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_marked_and_no_more_than_that() {
        for (text, prefix) in [
            ("192.0.2.7", Some("192.0.2.7/32")),
            (" 192.0.2.7/32 ", Some("192.0.2.7/32")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("2001:db8:1:2::9", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:2::/64", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:2::9/128", Some("2001:db8:1:2::/64")),
            ("192.0.2.0/24", None),
            ("0.0.0.0/0", None),
            ("2001:db8::/32", None),
            ("192.0.2.7/", None),
            ("192.0.2.7/064", None),
            ("example.edu", None),
            ("", None),
        ] {
            let found = exactly(text).ok().map(|prefix| prefix.to_string());
            assert_eq!(found.as_deref(), prefix, "{text}");
        }
    }
}
