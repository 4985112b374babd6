//! A session that is challenged and asks one of the same account on campus to confirm it. Both go through the store, so
//! they may be on two nodes.
//!
//! What waits is found under a keyed hash of its account, so there is one at a time. Whoever answers takes it out first:
//! of many guesses at once each costs a try.

use std::time::Duration;

use http::Response;
use serde::{Deserialize, Serialize};

use super::Caller;
use super::account::{browser, minute};
use crate::challenge::asking::Elsewhere;
use crate::challenge::factors::campus;
use crate::domain::{EventKind, FactorKind, Purpose, Sealing, Secret, SessionHash, Timestamp};
use crate::gateway::Gateway;
use crate::policy::limits::Charged;
use crate::policy::{Fact, proof};
use crate::store::{Kept, KeptKind};
use crate::upstream::body::AnswerBody;

/// How long a confirmation may take.
const LIVES: Duration = Duration::from_secs(300);

/// A confirmation that is asked for.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AskedAtCampus {
    session: SessionHash,
    /// What ties the answer to this very question, in hexadecimal.
    pub ticket: String,
    /// What is shown here and typed there.
    pub number: u8,
    tries_left: u8,
    confirmed: bool,
    asked: Timestamp,
    place: String,
    browser: String,
}

impl Gateway {
    /// Asks for a confirmation, or goes on asking for the same. None where it was asked too often, or the store is away.
    pub(super) async fn ask_campus(&self, caller: &Caller<'_>) -> Option<AskedAtCampus> {
        let (session, now) = (&caller.session, caller.visit.now);
        if let Some(asked) = self.asked_at_campus(caller).await
            && asked.session == session.hash
        {
            return Some(asked);
        }
        let charge = proof::campus_asked(&session.site, &session.account, caller.client.prefix);
        let charged = self.shared.store.charge(&[charge], now).await;
        if !matches!(charged, Ok(Charged::Fits(_))) {
            return None;
        }
        let network = caller.client.prefix.to_string();
        let network = network.split('/').next().unwrap_or_default();
        let place = session.spot.country.map_or_else(|| network.to_owned(), |country| format!("{country}, {network}"));
        let asked = AskedAtCampus {
            session: session.hash,
            ticket: data_encoding::HEXLOWER.encode(&self.shared.dice.bytes::<16>()),
            number: campus::number(u64::from_be_bytes(self.shared.dice.bytes())),
            tries_left: campus::TRIES,
            confirmed: false,
            asked: now,
            place,
            browser: browser(session),
        };
        self.keep_asked(caller, &asked).await.then_some(asked)
    }

    /// The ticket of this session's confirmation, if it was given; it is good once.
    pub(super) async fn confirmed_at_campus(&self, caller: &Caller<'_>) -> Option<String> {
        let is_ours = |asked: &AskedAtCampus| asked.confirmed && asked.session == caller.session.hash;
        self.asked_at_campus(caller).await.filter(is_ours)?;
        self.take_asked(caller).await.filter(is_ours).map(|asked| asked.ticket)
    }

    /// Who waits for a confirmation by this session, for its person's page.
    pub(super) async fn waits_elsewhere(&self, caller: &Caller<'_>) -> Option<Elsewhere> {
        if !self.may_confirm(caller) {
            return None;
        }
        let asked = self.asked_at_campus(caller).await?;
        let waits = !asked.confirmed && asked.session != caller.session.hash;
        waits.then(|| Elsewhere { place: asked.place, minute: minute(asked.asked), browser: asked.browser })
    }

    /// A number was typed on campus.
    pub(super) async fn confirm_elsewhere(&self, caller: &Caller<'_>, given: &str) -> Response<AnswerBody> {
        if !self.may_confirm(caller) {
            return self.account_page(caller, Some("not-changed")).await;
        }
        let Some(mut asked) = self.take_asked(caller).await.filter(|asked| asked.session != caller.session.hash) else {
            return self.account_page(caller, Some("campus-gone")).await;
        };
        let right = campus::is_right(asked.number, given);
        if !right {
            self.shared.events.record(caller.event(EventKind::ChallengeFailed { factor: FactorKind::Campus.name() }));
            asked.tries_left = asked.tries_left.saturating_sub(1);
        }
        asked.confirmed |= right;
        // One that was guessed at too often is gone: it is asked anew, with another number.
        if asked.tries_left > 0 && !self.keep_asked(caller, &asked).await {
            return self.fault(caller);
        }
        self.account_page(caller, Some(if right { "campus-confirmed" } else { "campus-wrong" })).await
    }

    fn may_confirm(&self, caller: &Caller<'_>) -> bool {
        self.config_allows(caller, FactorKind::Campus) && proof::may_confirm(&caller.session, caller.client.network)
    }

    async fn asked_at_campus(&self, caller: &Caller<'_>) -> Option<AskedAtCampus> {
        let kept = self.shared.store.kept(KeptKind::Code, self.campus_id(caller), caller.visit.now).await;
        self.opened(caller, kept)
    }

    async fn take_asked(&self, caller: &Caller<'_>) -> Option<AskedAtCampus> {
        let taken = self.shared.store.take(KeptKind::Code, self.campus_id(caller), caller.visit.now).await;
        self.opened(caller, taken)
    }

    fn opened(&self, caller: &Caller<'_>, kept: Result<Option<Kept>, crate::store::Away>) -> Option<AskedAtCampus> {
        match kept {
            Ok(kept) => {
                let kept = kept?;
                let plain = self.shared.keys.open(Sealing::Code, &[b"campus", &kept.id], &kept.sealed)?;
                serde_json::from_slice(plain.expose()).ok()
            }
            Err(away) => {
                let _: Fact<()> = self.store_away(caller.visit, &away);
                None
            }
        }
    }

    async fn keep_asked(&self, caller: &Caller<'_>, asked: &AskedAtCampus) -> bool {
        let (id, now) = (self.campus_id(caller), caller.visit.now);
        let plain = Secret::new(serde_json::to_vec(asked).expect("texts and numbers"));
        let sealed = self.shared.keys.seal(Sealing::Code, &[b"campus", &id], &plain, self.shared.dice.bytes());
        let kept = Kept { kind: KeptKind::Code, id, until: asked.asked.after(LIVES), sealed };
        match self.shared.store.keep(kept, now).await {
            Ok(()) => true,
            Err(away) => {
                let _: Fact<()> = self.store_away(caller.visit, &away);
                false
            }
        }
    }

    fn campus_id(&self, caller: &Caller<'_>) -> [u8; 16] {
        let (site, account) = (&caller.session.site, &caller.session.account);
        let parts = [&b"campus"[..], site.as_bytes(), account.as_str().as_bytes()];
        self.shared.keys.short_hash(Purpose::Handle, &parts)
    }
}
