//! The page that asks for a new password, after a sign-in with one that is known to be bad.
//!
//! It stands where the webmail's redirect would have led, once for each sign-in. Going on is a link: nothing is changed
//! here, and whoever goes past it is asked again at the next sign-in, until the grace is over.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::account::day;
use super::challenge::home;
use super::{Caller, PASSWORD, Scripts, back, page, to};
use crate::challenge::asking::PasswordPage;
use crate::config::Site;
use crate::domain::{PasswordFault, SessionState};
use crate::gateway::{Gateway, Visit};
use crate::policy::password::Due;
use crate::upstream::body::AnswerBody;

impl Gateway {
    pub(super) async fn password_page(&self, caller: &Caller<'_>, query: &str) -> Response<AnswerBody> {
        let site = caller.site();
        let back = back_of(query, site);
        if caller.session.state == SessionState::Challenged {
            return self.to_challenge(caller.visit, Some(&back));
        }
        let on_away = self.on_away(caller.visit);
        let judging = self.judging(caller.visit, &on_away);
        let Some((bad, due)) = judging.bad_password(&caller.session.site, &caller.session.account).await else {
            return to(&back);
        };
        let elsewhere = caller.visit.live.config.passwords.change_at.as_deref();
        let own = site.webmail.password_page().map(|page| format!("{}{page}", site.base));
        let Some(change_at) = elsewhere.map(str::to_owned).or(own) else { return to(&back) };
        let asked = PasswordPage {
            about: caller.about(),
            why: match bad.fault {
                PasswordFault::Breached => "password-breached",
                PasswordFault::Weak => "password-weak",
            },
            by: match due {
                Due::By(until) => Some(caller.words.with("password-by", "date", day(until))),
                Due::Now => None,
            },
            change_at,
            elsewhere: elsewhere.is_some(),
            back: &back,
        };
        page(StatusCode::OK, &asked, Scripts::None)
    }

    /// Where the session's next page is the one that asks for a new password; none where it need not be asked.
    pub(super) async fn ahead_of(&self, caller: &Caller<'_>, target: &str) -> Option<Response<AnswerBody>> {
        let on_away = self.on_away(caller.visit);
        let judging = self.judging(caller.visit, &on_away);
        judging.bad_password(&caller.session.site, &caller.session.account).await?;
        Some(to(&with_back(PASSWORD, target)))
    }
}

/// Puts a page of ours before the one that a redirect of the webmail leads to. `from` is the path that was asked for.
pub(in crate::gateway) fn lead_past(visit: &Visit, ours: &str, from: &str, headers: &mut HeaderMap) {
    let location = headers.get(header::LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
    let target = back::of_location(location, from, &super::origin(visit), &visit.site().base);
    let target = target.unwrap_or_else(|| home(visit.site()));
    if let Ok(ours) = HeaderValue::try_from(with_back(ours, &target)) {
        headers.insert(header::LOCATION, ours);
    }
}

fn with_back(page: &str, back: &str) -> String {
    let mut address = form_urlencoded::Serializer::for_suffix(format!("{page}?"), page.len() + 1);
    address.append_pair("back", back);
    address.finish()
}

/// Where a page leads on to, by its query; checked.
pub(super) fn back_of(query: &str, site: &Site) -> String {
    let asked = form_urlencoded::parse(query.as_bytes()).take(super::FIELDS_MAX).find(|(name, _)| name == "back");
    asked.and_then(|(_, asked)| back::target(&asked, &site.base, None)).unwrap_or_else(|| home(site))
}
