//! What follows from a password that is known to be bad: for how long it is known, and what the session may do then. Like
//! [`super::judging`], it knows no HTTP.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::judging::Judging;
use super::notes;
use crate::config::Site;
use crate::domain::{
    Account, FlagStatus, PasswordFault, Session, SessionChange, SessionHash, SessionState, SiteName, Timestamp, Verdict,
};
use crate::policy::password::{Due, due};
use crate::policy::{Fact, session as session_policy};

/// That a password is bad is remembered for so long beyond the grace: whoever signs in once a year gets no second one.
const REMEMBERED: Duration = Duration::from_secs(400 * 86_400);

/// Since when an account's password is known to be bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadPassword {
    /// What is wrong with it.
    pub fault: PasswordFault,
    /// Since when.
    pub since: Timestamp,
}

impl Judging<'_> {
    /// When the password that was right just now must be changed; none where nothing speaks against it. Only a sign-in with
    /// a good one ends what is counted, so that changing a bad one into another gives no new grace.
    pub async fn password_due(&self, site: &Site, account: &Account, fault: Option<PasswordFault>) -> Option<Due> {
        let passwords = &self.config.passwords;
        if passwords.ask_to_change.is_empty() || !self.enforces {
            return None;
        }
        let about = notes::About::BadPassword(&site.name, account);
        let known = self.fact(notes::read::<BadPassword>(self.store, self.keys, about, self.now).await);
        let Fact::Known(known) = known else { return None };
        let Some(fault) = fault else {
            if known.is_some() {
                let _: Fact<Option<BadPassword>> = self.fact(notes::take(self.store, self.keys, about, self.now).await);
            }
            return None;
        };
        let bad = BadPassword { fault, since: known.map_or(self.now, |known| known.since) };
        if known != Some(bad) {
            let until = self.now.after(passwords.grace).after(REMEMBERED);
            let written = notes::write(self.store, self.keys, about, &bad, until, self.now).await;
            let Fact::Known(()) = self.fact(written) else { return None };
        }
        Some(due(bad.since, passwords.grace, self.now))
    }

    /// What is known of the account's password, and when it must be changed.
    pub async fn bad_password(&self, site: &SiteName, account: &Account) -> Option<(BadPassword, Due)> {
        if self.config.passwords.ask_to_change.is_empty() || !self.enforces {
            return None;
        }
        let about = notes::About::BadPassword(site, account);
        match self.fact(notes::read::<BadPassword>(self.store, self.keys, about, self.now).await) {
            Fact::Known(known) => known.map(|bad| (bad, due(bad.since, self.config.passwords.grace, self.now))),
            Fact::StoreAway => None,
        }
    }

    /// Notes that a session reads only until its password is changed.
    pub(super) async fn note_overdue(&self, session: &SessionHash) {
        let about = notes::About::Overdue(session);
        let until = self.now.after(REMEMBERED);
        let _: Fact<()> = self.fact(notes::write(self.store, self.keys, about, &true, until, self.now).await);
    }

    /// Whether a session waits for its password to be changed, whatever else stands against it.
    pub(super) async fn waits_for_password(&self, session: &SessionHash) -> bool {
        let about = notes::About::Overdue(session);
        self.fact(notes::read::<bool>(self.store, self.keys, about, self.now).await) == Fact::Known(Some(true))
    }

    /// Whether nothing but its password keeps a restricted session from being open. Where a flag stands against it, whoever
    /// has it may be the thief, who must not choose the next password.
    pub(super) async fn is_overdue(&self, session: &Session) -> bool {
        session.state == SessionState::Restricted
            && self.waits_for_password(&session.hash).await
            && !self.is_suspected(session).await
    }

    async fn is_suspected(&self, session: &Session) -> bool {
        let Some(code) = session.flag else { return false };
        match self.fact(self.store.flag(&code).await) {
            Fact::Known(Some(flag)) => {
                let is_settled = matches!(flag.status, FlagStatus::Cleared | FlagStatus::Passed);
                flag.verdict > Verdict::Flag && !is_settled
            }
            Fact::Known(None) | Fact::StoreAway => true,
        }
    }

    /// The session's password was changed: what only waited for that is open.
    pub async fn password_changed(&self, session: &Session) {
        if self.config.passwords.ask_to_change.is_empty() || !self.is_overdue(session).await {
            return;
        }
        let about = notes::About::Overdue(&session.hash);
        let taken = self.fact(notes::take::<bool>(self.store, self.keys, about, self.now).await);
        if taken == Fact::Known(Some(true)) {
            let open = SessionChange::State(SessionState::Open);
            let _: Fact<_> = self.fact(self.store.change_session(&session.hash, open, self.now).await);
        }
    }

    /// What a restricted session that only waits for a new password may do besides reading: change it.
    ///
    /// # Errors
    /// The decision that stops the request.
    pub(super) async fn restricted_may(
        &self,
        session: &Session,
        action: &crate::domain::Action,
        stopped: Box<crate::policy::Decision>,
    ) -> Result<(), Box<crate::policy::Decision>> {
        if self.config.passwords.ask_to_change.is_empty() || !self.is_overdue(session).await {
            return Err(stopped);
        }
        session_policy::overdue(action)
    }
}
