//! Letters to a person's other addresses: codes, and notices of what happened.

use std::time::Duration;

use http::{Response, StatusCode};

use super::Caller;
use super::challenge::Wanted;
use crate::challenge::enrolled::Enrolled;
use crate::challenge::factors::other_address;
use crate::challenge::words::Words;
use crate::domain::{Account, SiteName};
use crate::gateway::{Gateway, Visit};
use crate::mail::{self, Letter};
use crate::policy::limits::Charged;
use crate::policy::{Fact, proof};
use crate::upstream::body::AnswerBody;

/// How long a person waits for a letter to leave.
const PATIENCE: Duration = Duration::from_secs(20);

impl Gateway {
    /// Sends a code to all other addresses of the account, and asks for it.
    pub(super) async fn send_code(&self, caller: &Caller<'_>, wanted: &Wanted) -> Response<AnswerBody> {
        let Fact::Known((enrolled, _)) = self.enrolled(caller).await else { return self.fault(caller) };
        let to: Vec<String> = enrolled.addresses.iter().map(|other| other.address.clone()).collect();
        match self.code_to(caller, &to).await {
            Ok(kept) => {
                let notice = caller.words.say("code-sent");
                self.ask_about(caller, wanted, StatusCode::OK, Some(notice), Some(kept)).await
            }
            Err(message) => {
                let notice = caller.words.say(message);
                self.ask(caller, wanted, StatusCode::SERVICE_UNAVAILABLE, Some(notice)).await
            }
        }
    }

    /// Sends one code to these addresses; what is kept of it, or the message that says why not.
    pub(super) async fn code_to(&self, caller: &Caller<'_>, to: &[String]) -> Result<String, &'static str> {
        let visit = caller.visit;
        if visit.live.letters.is_none() {
            return Err("code-not-sent");
        }
        let charge = proof::code_sent(&caller.session.site, &caller.session.account);
        match self.shared.store.charge(&[charge], visit.now).await {
            Ok(Charged::Fits(_)) => {}
            Ok(Charged::Over(_)) => return Err("too-many-letters"),
            Err(away) => {
                let _: Fact<()> = self.store_away(visit, &away);
                return Err("fault");
            }
        }
        let random = u64::from_be_bytes(self.shared.dice.bytes());
        let (kept, code) = other_address::make(&caller.factor(&self.shared.keys), random);
        let subject = caller.words.with("letter-code-subject", "site", &*caller.session.site);
        let mut text = caller.words.with("letter-code", "code", code.expose().as_str());
        text.push_str("\r\n");
        let mut sent = false;
        for address in to {
            sent |= self.write_to(visit, address, &subject, &text).await;
        }
        if sent { Ok(kept.expose().clone()) } else { Err("code-not-sent") }
    }

    /// Tells the account's other addresses; nobody waits for it.
    pub(in crate::gateway) async fn tell(
        &self,
        visit: &Visit,
        words: Words<'_>,
        site: &SiteName,
        account: &Account,
        news: &'static str,
    ) {
        if visit.live.letters.is_none() || !visit.live.config.challenge.notices {
            return;
        }
        let Ok(Some(sealed)) = self.shared.store.factors(site, account).await else { return };
        let Some(enrolled) = Enrolled::open(&sealed.bytes, &self.shared.keys, site, account) else { return };
        let addresses = enrolled.addresses.into_iter().map(|other| other.address).collect();
        self.tell_at(addresses, visit, words, site, account, news);
    }

    /// The same, where the addresses are known. `news` is the message that says what happened.
    pub(super) fn tell_at(
        &self,
        addresses: Vec<String>,
        visit: &Visit,
        words: Words<'_>,
        site: &SiteName,
        account: &Account,
        news: &'static str,
    ) {
        if addresses.is_empty() || !visit.live.config.challenge.notices {
            return;
        }
        let subject = words.with("letter-notice-subject", "site", &**site);
        let when = super::account::minute(visit.now);
        let host = visit.host.to_str().unwrap_or(site);
        let text = format!(
            "{}\r\n\r\n{account}, {when}, {}\r\n\r\n{}\r\nhttps://{host}{}\r\n",
            words.say(news),
            visit.address,
            words.say("letter-not-you"),
            super::ACCOUNT
        );
        let (gateway, visit) = (self.clone_for_task(), visit.clone());
        tokio::spawn(async move {
            for address in addresses {
                gateway.write_to(&visit, &address, &subject, &text).await;
            }
        });
    }

    /// Writes one letter; says whether the mail server took it. A failure is in the log without the address, which the
    /// server's own words may repeat.
    async fn write_to(&self, visit: &Visit, to: &str, subject: &str, text: &str) -> bool {
        let (Some(sender), Some(to)) = (&visit.live.letters, mail::address(to)) else { return false };
        let Ok(_room) = self.shared.letters_at_once.try_acquire() else {
            tracing::warn!("a letter did not leave: too many are under way");
            return false;
        };
        let id = data_encoding::HEXLOWER.encode(&self.shared.dice.bytes::<16>());
        let letter = Letter { to: &[to], subject: subject.to_owned(), text: text.to_owned(), id: &id, now: visit.now };
        match tokio::time::timeout(PATIENCE, sender.send(letter)).await {
            Ok(Ok(())) => true,
            Ok(Err(_)) => {
                tracing::warn!("a letter did not leave: the mail server cannot be reached or did not take it");
                false
            }
            Err(_) => {
                tracing::warn!("a letter did not leave: the mail server took too long");
                false
            }
        }
    }
}
