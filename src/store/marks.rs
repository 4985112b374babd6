//! Prefixes that operators marked.

use super::Answer;
use crate::domain::{Prefix, PrefixMark, SiteName, Timestamp};

/// Marks at all sites together; beyond it a further one is refused, and the operator is told.
pub const MARKS_MAX: usize = 10_000;

/// The operations on marks. One that counts no more is as good as none.
pub trait Marks: Send + Sync {
    /// Marks a prefix, in place of the mark that it has; durable when it returns. The mark's own `since` is now.
    fn mark_prefix(&self, mark: PrefixMark) -> Answer<'_, ()>;

    /// Takes a mark off; says whether there was one. Durable when it returns.
    fn unmark_prefix<'a>(&'a self, site: &'a SiteName, prefix: Prefix, now: Timestamp) -> Answer<'a, bool>;

    /// The mark on a prefix, where it counts.
    fn marked_prefix<'a>(
        &'a self,
        site: &'a SiteName,
        prefix: Prefix,
        now: Timestamp,
    ) -> Answer<'a, Option<PrefixMark>>;

    /// Those of a site that count, the latest first.
    fn marked_prefixes<'a>(&'a self, site: &'a SiteName, now: Timestamp) -> Answer<'a, Vec<PrefixMark>>;
}

/// Why a mark is not written, for [`super::Away`].
pub(super) fn no_room() -> String {
    format!("{MARKS_MAX} addresses are marked already")
}

/// In the order of a list: the latest first.
pub(super) fn in_order(mut marks: Vec<PrefixMark>) -> Vec<PrefixMark> {
    marks.sort_by(|one, other| other.since.cmp(&one.since).then_with(|| one.prefix.cmp(&other.prefix)));
    marks
}
