//! Who comes to a door, as far as it is known: what stands against this account and prefix, and whether the place is usual.

use std::sync::Arc;

use super::Caller;
use crate::domain::{
    Flag, FlagStatus, Network, NetworkClass, Prefix, Reference, Session, SessionHash, SessionState, Timestamp, Verdict,
};
use crate::gateway::judging::Judging;
use crate::gateway::programs;
use crate::policy::{Fact, send};

/// What is known of a caller.
pub(super) struct Visitor {
    /// Under which what stands against this account and prefix is kept.
    pub hash: SessionHash,
    /// It, where anything does.
    pub session: Fact<Option<Arc<Session>>>,
    /// Since when the account has signed in from this network.
    pub usual_since: Option<Timestamp>,
}

impl Visitor {
    /// Looks up what is known.
    pub(super) async fn of(caller: &Caller<'_>, judging: &Judging<'_>) -> Self {
        let (site, account) = (&caller.site.name, &caller.account);
        let profile = judging.fact(judging.store.profile(site, account, caller.now).await);
        let usual_since = match &profile {
            Fact::Known(profile) => profile.networks.get(Network::of(caller.client.address)).map(|seen| seen.first),
            Fact::StoreAway => None,
        };
        let (hash, session) = find(caller, judging, Some(caller.client.prefix)).await;
        Self { hash, session, usual_since }
    }

    /// Whether nothing speaks for the place: it is outside, and the account has not signed in from there for a day.
    pub(super) fn is_newcomer(&self, caller: &Caller<'_>) -> bool {
        caller.client.network == NetworkClass::Outside && !send::is_familiar(self.usual_since, caller.now)
    }

    /// What the caller may do, and the code of the flag that stands against it. Nothing is known of most: they may
    /// everything. While a shared store is away a node goes by what it saw itself.
    pub(super) async fn state(&self, caller: &Caller<'_>, judging: &Judging<'_>) -> (SessionState, Option<Reference>) {
        // An operator may have restricted all of the account's programs.
        if let (hash, Fact::Known(Some(all))) = find(caller, judging, None).await
            && !matches!(all.state, SessionState::Open | SessionState::Ended)
        {
            let _: Fact<()> = judging.fact(judging.store.touch_session(&hash, caller.now).await);
            return (all.state, None);
        }
        let own = self.own_state(judging).await;
        if own.0 != SessionState::Open || !self.is_newcomer(caller) {
            return own;
        }
        // A browser was restricted for what it sent: its password does not send from elsewhere instead.
        match judging.restricting_flag(caller.site, &caller.account).await {
            Fact::Known(Some(flag)) => (SessionState::Restricted, Some(flag)),
            Fact::Known(None) | Fact::StoreAway => own,
        }
    }

    /// The same by what stands against this account and prefix alone.
    pub(super) async fn own_state(&self, judging: &Judging<'_>) -> (SessionState, Option<Reference>) {
        let Fact::Known(Some(session)) = &self.session else { return (SessionState::Open, None) };
        let state = match (session.state, session.flag) {
            (SessionState::Ended, None) => SessionState::Open,
            (SessionState::Open, _) | (_, None) => session.state,
            (state, Some(code)) => {
                let flag = judging.fact(judging.store.flag(&code).await);
                let is_over = matches!(&flag, Fact::Known(flag) if flag.as_ref().is_none_or(|flag| self.is_over(flag)));
                match state {
                    _ if is_over => SessionState::Open,
                    // Whoever ended it did not say that it was the owner; the program comes again by itself.
                    SessionState::Ended => SessionState::Restricted,
                    state => state,
                }
            }
        };
        (state, session.flag)
    }

    /// Whether a flag is settled: by an operator, or by its owner, who has since signed in from this network at the webmail
    /// and passed what was asked there. Where more than that was against it, that is not enough.
    fn is_over(&self, flag: &Flag) -> bool {
        let has_proved = self.usual_since.is_some_and(|since| since >= flag.time);
        matches!(flag.status, FlagStatus::Cleared | FlagStatus::Passed)
            || (flag.verdict <= Verdict::Challenge && has_proved)
    }

    /// Whether an operator has said that it is the account's owner who comes from this prefix.
    pub(super) async fn is_cleared(&self, judging: &Judging<'_>) -> bool {
        let Fact::Known(Some(session)) = &self.session else { return false };
        let Some(code) = session.flag.filter(|_| session.state == SessionState::Open) else { return false };
        let flag = judging.fact(judging.store.flag(&code).await);
        matches!(flag, Fact::Known(Some(flag)) if flag.status == FlagStatus::Cleared)
    }

    /// A session for what is to be remembered of the caller: the one that there is, or a new one.
    pub(super) fn kept(&self, caller: &Caller<'_>, judging: &Judging<'_>) -> Session {
        if let Fact::Known(Some(session)) = &self.session
            && session.state != SessionState::Ended
        {
            return Session::clone(session);
        }
        Session {
            hash: self.hash,
            site: Arc::clone(&caller.site.name),
            account: caller.account.clone(),
            state: SessionState::Open,
            signed_in: caller.now,
            last_seen: caller.now,
            spot: judging.spot(&caller.client),
            elsewhere: None,
            device: None,
            device_since: None,
            user_agent: caller.client.user_agent.clone(),
            flag: None,
            lesson: None,
            found: Vec::new(),
        }
    }
}

/// What is kept for programs of the account, from this prefix or from anywhere.
async fn find(
    caller: &Caller<'_>,
    judging: &Judging<'_>,
    from: Option<Prefix>,
) -> (SessionHash, Fact<Option<Arc<Session>>>) {
    let hashes = programs::hashes(judging.keys, &caller.site.name, &caller.account, from);
    for hash in &hashes {
        match judging.fact(judging.store.session(hash, caller.now).await) {
            Fact::Known(Some(session)) => return (*hash, Fact::Known(Some(session))),
            Fact::Known(None) => {}
            Fact::StoreAway => return (hashes[0], Fact::StoreAway),
        }
    }
    (hashes[0], Fact::Known(None))
}
