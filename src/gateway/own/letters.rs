//! Letters and texts to a person's other addresses: codes, and notices of what happened.

use std::time::Duration;

use http::{Response, StatusCode};

use super::Caller;
use super::challenge::Wanted;
use crate::challenge::enrolled::Enrolled;
use crate::challenge::factors::other_address::{self, is_telephone};
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
        let reached = |address: &String| caller.visit.live.reaches(address);
        let to: Vec<String> = enrolled.addresses.into_iter().map(|other| other.address).filter(reached).collect();
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
        if to.is_empty() {
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
        let text = caller.words.with("letter-code", "code", code.expose().as_str());
        let letter = format!("{text}\r\n");
        let mut sent = false;
        for address in to {
            sent |= if is_telephone(address) {
                self.text_to(visit, address, &text).await
            } else {
                self.write_to(visit, address, &subject, &letter).await
            };
        }
        if sent { Ok(kept.expose().clone()) } else { Err("code-not-sent") }
    }

    /// Tells the account's other addresses and its mailbox, as configured, of a sign-in; nobody waits for it.
    pub(in crate::gateway) async fn tell_of_sign_in(&self, visit: &Visit, words: Words<'_>, account: &Account) {
        let (site, notices) = (visit.site(), visit.live.config.challenge.notices);
        if visit.live.letters.is_none() {
            return;
        }
        let mut addresses = Vec::new();
        if notices.to_other_addresses()
            && let Ok(Some(sealed)) = self.shared.store.factors(&site.name, account).await
            && let Some(enrolled) = Enrolled::open(&sealed.bytes, &self.shared.keys, &site.name, account)
        {
            addresses.extend(enrolled.addresses.into_iter().map(|other| other.address));
        }
        if notices.to_mailbox() {
            addresses.extend(site.accounts.mailbox(account));
        }
        self.tell_at(addresses, visit, words, &site.name, account, "letter-new");
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
        // A text costs somebody something; what happened is told by mail.
        let addresses: Vec<String> = addresses.into_iter().filter(|address| !is_telephone(address)).collect();
        if addresses.is_empty() {
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

    /// Has one text sent to a telephone; says whether whoever sends it took it. The failure is in the log without number
    /// and text.
    async fn text_to(&self, visit: &Visit, to: &str, text: &str) -> bool {
        let Some(texts) = &visit.live.texts else { return false };
        let Ok(_room) = self.shared.letters_at_once.try_acquire() else {
            tracing::warn!("a text did not leave: too many letters and texts are under way");
            return false;
        };
        let id = data_encoding::HEXLOWER.encode(&self.shared.dice.bytes::<16>());
        let body = serde_json::json!({ "to": to, "text": text, "id": id }).to_string().into_bytes();
        match tokio::time::timeout(PATIENCE, texts.post(Some(&id), body, visit.now)).await {
            Ok(Ok(())) => true,
            Ok(Err(what)) => {
                tracing::warn!(%what, "a text did not leave");
                false
            }
            Err(_) => {
                tracing::warn!("a text did not leave: the receiver took too long");
                false
            }
        }
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
