//! What an account can prove itself with, and what follows from a proof: facts gathered, `policy::proof` asked, and its
//! word written down. Like [`super::judging`], whose other half it is, it knows no HTTP.

use std::sync::Arc;

use super::judging::Judging;
use crate::challenge::enrolled::Enrolled;
use crate::config::Site;
use crate::domain::flag::{FlagStatus, Note};
use crate::domain::{
    Account, Client, FactorKind, Flag, Purpose, Reference, Session, SessionChange, SessionHash, SessionState, Verdict,
};
use crate::policy::{Fact, proof, risk};

/// What stands in a flag that an account's owner raised.
pub const NOT_ME: &str = "the owner said: this was not me";

/// Places that the note on such a flag names.
const PLACES_MAX: usize = 10;

/// Sessions of one account that end together.
const SESSIONS_MAX: usize = 1000;

/// Who writes the note on a flag.
const BY: &str = "challenge";

impl Judging<'_> {
    /// Whether the account has something to prove itself with that the operator allows. What cannot be known is no: the
    /// session is then restricted, as it would be without any.
    pub async fn can_prove(&self, site: &Site, account: &Account) -> bool {
        let Fact::Known(Some(sealed)) = self.fact(self.store.factors(&site.name, account).await) else { return false };
        let Some(enrolled) = Enrolled::open(&sealed.bytes, self.keys, &site.name, account) else { return false };
        enrolled.can_prove(&site.hosts, &self.config.challenge.factors, self.now)
    }

    /// What a session had come to, by its flag; none where nobody can say.
    pub async fn verdict_of(&self, session: &Session) -> Option<Verdict> {
        Some(self.flag_of(session).await?.verdict)
    }

    pub(super) async fn flag_of(&self, session: &Session) -> Option<Flag> {
        match self.fact(self.store.flag(&session.flag?).await) {
            Fact::Known(flag) => flag,
            Fact::StoreAway => None,
        }
    }

    /// The person of this session proved with this factor. What that opens, opens once its sign-in is known to be usual:
    /// whatever breaks off in between, it is not open while the next sign-in would be asked again. `remember`: the
    /// browser is the person's own. None where the store did not do it.
    pub async fn prove(
        &self,
        site: &Site,
        session: &Arc<Session>,
        factor: FactorKind,
        remember: bool,
    ) -> Option<Arc<Session>> {
        let flag = self.flag_of(session).await;
        let mut state = proof::proved(flag.as_ref().map(|flag| flag.verdict), factor, &self.config.challenge);
        if state == SessionState::Open {
            self.make_usual(site, session, remember).await?;
        }
        if let Some(flag) = flag {
            let text = format!("the person proved with: {}", factor.name());
            let note = Note { time: self.now, by: BY.to_owned(), text };
            // Not what an operator has decided, nor the flag of another session.
            let settles =
                state == SessionState::Open && flag.status == FlagStatus::Open && flag.session == session.hash;
            let status = settles.then_some(FlagStatus::Passed);
            let _: Fact<_> = self.fact(self.store.settle_flag(&flag.code, status, Some(note)).await);
        }
        if state == SessionState::Open && self.waits_for_password(&session.hash).await {
            state = SessionState::Restricted;
        }
        self.change(session, SessionChange::State(state)).await
    }

    /// The person of this session does not know another session of the account: all others end, all other browsers are
    /// forgotten, and a flag tells the operator from where they were. Returns those that ended; none where the store did
    /// not do all of it, and then it can be done again.
    pub async fn protect(
        &self,
        site: &Site,
        session: &Session,
        client: &Client,
        code: Reference,
    ) -> Option<Vec<SessionHash>> {
        let (name, account) = (&session.site, &session.account);
        let others = self.store.sessions(name, Some(account), SESSIONS_MAX, self.now).await;
        let others = match self.fact(others) {
            Fact::Known(others) => others,
            Fact::StoreAway => Vec::new(),
        };
        let end = SessionState::Ended;
        let ended = self.store.set_account_sessions(name, account, end, Some(session.hash), self.now).await;
        let Fact::Known(ended) = self.fact(ended) else { return None };
        let places: Vec<String> = others
            .iter()
            .filter(|other| other.hash != session.hash)
            .take(PLACES_MAX)
            .map(|other| format!("{} since {}", other.spot.prefix, other.signed_in))
            .collect();
        let devices = self.store.devices(name, account, self.now).await;
        let Fact::Known(devices) = self.fact(devices) else { return None };
        for device in devices.iter().filter(|device| Some(device.device) != session.device) {
            let Fact::Known(_) = self.fact(self.store.forget_devices(name, account, Some(device.device)).await) else {
                return None;
            };
        }
        let text = if places.is_empty() { "no other session was open".to_owned() } else { places.join("; ") };
        let flag = Flag {
            stopped_by: Some(NOT_ME.to_owned()),
            notes: vec![Note { time: self.now, by: BY.to_owned(), text }],
            ..self.new_flag(site, session, client, Verdict::Restrict, code)
        };
        let Fact::Known(()) = self.fact(self.store.put_flag(flag).await) else { return None };
        Some(ended)
    }

    /// The sign-in teaches its account what it had not taught while it was in doubt.
    async fn make_usual(&self, site: &Site, session: &Arc<Session>, remember: bool) -> Option<()> {
        let (name, account) = (&session.site, &session.account);
        if let Some(lesson) = &session.lesson {
            let Fact::Known(profile) = self.fact(self.store.profile(name, account, self.now).await) else {
                return None;
            };
            if !profile.may_have_learned(lesson) {
                let taught = self.store.teach(name, account, lesson.clone(), self.now).await;
                let Fact::Known(()) = self.fact(taught) else { return None };
                let fingerprint =
                    self.keys.fingerprint(Purpose::Password, &[name.as_bytes(), account.as_str().as_bytes()]);
                self.note(&risk::at_site(&site.name, session.spot.country, fingerprint)).await;
            }
        }
        if let Some(device) = session.device.filter(|_| remember) {
            let known = self.fact(self.store.know_device(name, account, device, self.now).await);
            let Fact::Known(since) = known else { return None };
            self.change(session, SessionChange::DeviceKnown(since)).await?;
        }
        Some(())
    }
}
