//! Rolling out second proofs: whose account is asked already, and who is invited to set one up. Like [`super::judging`], it
//! knows no HTTP.

use super::judging::{Admitted, Attempt, Judged, Judging, Reserved};
use super::notes::{self, About};
use crate::challenge::enrolled::Enrolled;
use crate::config::Site;
use crate::domain::{Account, NetworkClass, Purpose, SessionState, Signal, Verdict};
use crate::policy::risk::Judgement;
use crate::policy::{Fact, proof, send};

impl Judging<'_> {
    /// What came to a challenge, for an account that is not asked yet: the operator is told and nobody else. An operator's
    /// own rule stands as it is.
    pub(super) fn rolled_out(&self, site: &Site, account: &Account, mut judgement: Judgement) -> Judgement {
        let place =
            self.keys.fingerprint(Purpose::Handle, &[b"share", site.name.as_bytes(), account.as_str().as_bytes()]);
        let is_asked = proof::is_asked(&self.config.challenge, place, self.now);
        if judgement.verdict == Verdict::Challenge && judgement.rule.is_none() && !is_asked {
            judgement.verdict = Verdict::Flag;
            judgement.signals.push(not_asked_yet());
        }
        judgement
    }

    /// Whether the person of a sign-in is invited to set up a second proof, now and not again for a while: one who could,
    /// whose account has none.
    pub async fn invites(
        &self,
        attempt: &Attempt<'_>,
        reserved: &Reserved,
        judged: &Judged,
        admitted: &Admitted,
    ) -> bool {
        let Some(every) = self.config.challenge.invite_every else { return false };
        let Attempt { site, client, account, .. } = attempt;
        let is_familiar = send::is_familiar(reserved.known_device.map(|(_, since)| since), self.now);
        let is_trusted = client.network == NetworkClass::Campus || is_familiar;
        let is_clear = judged.judgement.verdict == Verdict::Pass && admitted.state == SessionState::Open;
        if !is_trusted || !is_clear || !self.enforces || self.config.challenge.factors.is_empty() {
            return false;
        }
        let Fact::Known(sealed) = self.fact(self.store.factors(&site.name, account).await) else { return false };
        // What cannot be opened is set up all the same.
        let has_some = sealed.is_some_and(|sealed| {
            Enrolled::open(&sealed.bytes, self.keys, &site.name, account).is_none_or(|enrolled| enrolled.is_protected())
        });
        let about = About::Invited(&site.name, account);
        let known = self.fact(notes::read::<bool>(self.store, self.keys, about, self.now).await);
        if has_some || known != Fact::Known(None) {
            return false;
        }
        let until = self.now.after(every);
        let noted = notes::write(self.store, self.keys, about, &true, until, self.now).await;
        self.fact(noted) == Fact::Known(())
    }
}

/// Why a sign-in that came to a challenge is only flagged. It weighs nothing: it is no observation about the client.
fn not_asked_yet() -> Signal {
    let sentence =
        "It came to a challenge, but this account is not asked yet (ask_from, ask_share_per_week).".to_owned();
    Signal { name: "not_asked_yet".into(), weight: 0, sentence }
}
