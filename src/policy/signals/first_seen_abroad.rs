//! The first sign-in that is seen of an account, from another country than the campus.
//!
//! Many accounts are read with a mail program for years and never seen here. A thief has those passwords too, and nothing
//! in an empty profile could be "new".

use super::Facts;
use crate::policy::Fact;

pub(super) fn observe(facts: &Facts<'_>) -> Option<String> {
    let nothing_is_known = matches!(facts.profile, Fact::Known(profile) if profile.is_empty());
    // While a site is young, everybody is seen for the first time.
    let site_is_young = !matches!(facts.country_at_site, Fact::Known(Some(_)));
    if !nothing_is_known || site_is_young || facts.whereabouts.kinds.hides_the_place() {
        return None;
    }
    let (home, here) = (facts.home_country?, facts.whereabouts.country?);
    (home != here).then(|| format!("It is the first that was seen of this account, and came from {here}."))
}
