//! Adding and removing what an account proves itself with. Who may is decided before, in [`super::account`].

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::account::to_account;
use super::{Caller, OwnForm, Scripts, page};
use crate::challenge::asking::{Add, AddAddress, AppSecret, Codes};
use crate::challenge::enrolled::{
    APPS_MAX, Enrolled, EnrolledPasskey, OtherAddress, PASSKEYS_MAX, is_own_mailbox, short_name,
};
use crate::challenge::factors::{ANSWER_BYTES_MAX, Answer, other_address, passkey, recovery, totp};
use crate::domain::{EventKind, FactorKind, Sealing, Secret, SessionHash};
use crate::gateway::Gateway;
use crate::mail;
use crate::policy::Fact;
use crate::store::{Kept, KeptKind};
use crate::upstream::body::AnswerBody;

/// Each time that somebody else changed the account's factors in between, it is done anew.
const AGAIN_MAX: usize = 4;

/// Something that is being added: what we remember until the person shows that it works.
#[derive(Serialize, Deserialize)]
struct Coming {
    session: SessionHash,
    what: What,
}

#[derive(Serialize, Deserialize)]
enum What {
    App([u8; 20]),
    Passkey(String),
    Address { address: String, code: String },
}

impl Gateway {
    /// Shows a secret to be put into an app; the same one again where the code was wrong.
    pub(super) async fn add_app(&self, caller: &Caller<'_>, again: Option<[u8; 20]>) -> Response<AnswerBody> {
        let secret = again.unwrap_or_else(|| self.shared.dice.bytes());
        let address = totp::address(&secret, caller.session.site.as_ref(), caller.session.account.as_str());
        let Some(number) = self.keep_coming(caller, What::App(secret)).await else { return self.fault(caller) };
        let add = Add {
            about: caller.about(),
            title: "app-title",
            notice: again.map(|_| "wrong-code"),
            app: Some(AppSecret {
                picture: totp::picture(&address).unwrap_or_default(),
                secret: totp::spelled(&secret),
            }),
            passkey: None,
            number,
            name: caller.words.say("name-app"),
        };
        let status = if again.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        page(status, &add, Scripts::None)
    }

    pub(super) async fn confirm_app(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        let Some(What::App(secret)) = self.take_coming(caller, form.text("number")).await else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        let now = caller.visit.now;
        let Some(step) = totp::matching_step(&secret, form.text("code"), now) else {
            return self.add_app(caller, Some(secret)).await;
        };
        let name = short_name(form.text("name"), &caller.words.say("name-app"));
        let number = u64::from_be_bytes(self.shared.dice.bytes()) >> 16;
        let add = |enrolled: &mut Enrolled| {
            let has_room = enrolled.apps.len() < APPS_MAX;
            if has_room {
                enrolled.apps.push(totp::new_app(secret, name.clone(), number, step, now));
            }
            has_room
        };
        self.added(caller, FactorKind::Totp, add).await
    }

    pub(super) async fn add_passkey(&self, caller: &Caller<'_>, enrolled: &Enrolled) -> Response<AnswerBody> {
        let Some(question) = passkey::begin(enrolled, &caller.factor(&self.shared.keys)) else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        let kept = question.kept.map(|kept| kept.expose().clone()).unwrap_or_default();
        let Some(number) = self.keep_coming(caller, What::Passkey(kept)).await else { return self.fault(caller) };
        let add = Add {
            about: caller.about(),
            title: "passkey-title",
            notice: None,
            app: None,
            passkey: question.shown,
            number,
            name: caller.words.say("name-passkey"),
        };
        page(StatusCode::OK, &add, Scripts::Own)
    }

    pub(super) async fn confirm_passkey(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        let Some(What::Passkey(kept)) = self.take_coming(caller, form.text("number")).await else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        let given = form.text("code");
        let name = short_name(form.text("name"), &caller.words.say("name-passkey"));
        let number = u64::from_be_bytes(self.shared.dice.bytes()) >> 16;
        let about = caller.factor(&self.shared.keys);
        let add = |enrolled: &mut Enrolled| {
            let answer = Answer { given, kept: Some(&kept) };
            let has_room = enrolled.passkeys.len() < PASSKEYS_MAX && given.len() <= ANSWER_BYTES_MAX;
            let Some(key) = has_room.then(|| passkey::finish(&answer, enrolled, &about)).flatten() else {
                return false;
            };
            let (name, host) = (name.clone(), about.host.to_owned());
            enrolled.passkeys.push(EnrolledPasskey { number, name, added: about.now, used: None, host, key });
            true
        };
        self.added(caller, FactorKind::Passkey, add).await
    }

    /// Asks for another address.
    pub(super) fn add_address(&self, caller: &Caller<'_>, notice: Option<&'static str>) -> Response<AnswerBody> {
        let add = AddAddress {
            about: caller.about(),
            notice,
            number: None,
            address: "",
            telephones: caller.visit.live.texts.is_some(),
        };
        let status = if notice.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        page(status, &add, Scripts::None)
    }

    pub(super) async fn write_to_address(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        let typed = form.text("address").trim();
        let address = other_address::telephone(typed).unwrap_or_else(|| typed.to_owned());
        let (site, account) = (caller.site(), &caller.session.account);
        let is_own = is_own_mailbox(&address, account, &site.accounts, &site.own_domains);
        let is_address = other_address::telephone(&address).is_some() || mail::address(&address).is_some();
        if !is_address || is_own || !caller.visit.live.reaches(&address) {
            let message = if caller.visit.live.texts.is_some() { "address-own-or-telephone" } else { "address-own" };
            return self.add_address(caller, Some(message));
        }
        match self.code_to(caller, std::slice::from_ref(&address)).await {
            Ok(code) => self.ask_address(caller, address, code, None).await,
            Err(message) => self.add_address(caller, Some(message)),
        }
    }

    async fn ask_address(
        &self,
        caller: &Caller<'_>,
        address: String,
        code: String,
        notice: Option<&'static str>,
    ) -> Response<AnswerBody> {
        let what = What::Address { address: address.clone(), code };
        let Some(number) = self.keep_coming(caller, what).await else { return self.fault(caller) };
        let add =
            AddAddress { about: caller.about(), notice, number: Some(number), address: &address, telephones: false };
        let status = if notice.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        page(status, &add, Scripts::None)
    }

    pub(super) async fn confirm_address(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        let Some(What::Address { address, code }) = self.take_coming(caller, form.text("number")).await else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        // Counted like a proof: who guesses here would have codes sent to somebody else's address.
        let Ok(receipt) = self.charge_attempt(caller, FactorKind::OtherAddress).await else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        if !other_address::is_right(&code, form.text("code"), &caller.factor(&self.shared.keys)) {
            return self.ask_address(caller, address, code, Some("wrong-code")).await;
        }
        let _ = self.shared.store.refund(&receipt, caller.visit.now).await;
        let number = u64::from_be_bytes(self.shared.dice.bytes()) >> 16;
        let added = caller.visit.now;
        let other = || OtherAddress { number, address: address.clone(), added };
        let add = |enrolled: &mut Enrolled| enrolled.add_address(other()) == Some(true);
        self.added(caller, FactorKind::OtherAddress, add).await
    }

    async fn addresses(&self, caller: &Caller<'_>) -> Vec<String> {
        match self.enrolled(caller).await {
            Fact::Known((enrolled, _)) => enrolled.addresses.into_iter().map(|other| other.address).collect(),
            Fact::StoreAway => Vec::new(),
        }
    }

    fn tell_changed(&self, caller: &Caller<'_>, addresses: Vec<String>) {
        let (site, account) = (&caller.session.site, &caller.session.account);
        if caller.visit.live.config.challenge.notices.to_other_addresses() {
            self.tell_at(addresses, caller.visit, caller.words, site, account, "letter-changed");
        }
    }

    /// Something was added, if `add` could. Whoever sets up the first gets recovery codes with it.
    async fn added(
        &self,
        caller: &Caller<'_>,
        kind: FactorKind,
        add: impl Fn(&mut Enrolled) -> bool,
    ) -> Response<AnswerBody> {
        let random = self.random_codes();
        let about = caller.factor(&self.shared.keys);
        let gives_codes = self.config_allows(caller, FactorKind::RecoveryCode);
        let told = self.addresses(caller).await;
        let change = |enrolled: &mut Enrolled| {
            if !add(enrolled) {
                return None;
            }
            let wants_codes = gives_codes && enrolled.recovery.is_empty();
            Some(wants_codes.then(|| recovery::renew(enrolled, &about, &random)))
        };
        match self.change_factors(caller, change).await {
            None => self.fault(caller),
            Some(None) => self.account_page(caller, Some("not-changed")).await,
            Some(Some(codes)) => {
                self.shared.events.record(caller.event(EventKind::FactorAdded { factor: kind.name() }));
                self.tell_changed(caller, told);
                // Who set it up has proved with it.
                self.keep_grant_unless_there(caller, kind).await;
                match codes {
                    Some(codes) => self.show_codes(caller, &codes),
                    None => to_account(),
                }
            }
        }
    }

    pub(super) async fn new_codes(&self, caller: &Caller<'_>) -> Response<AnswerBody> {
        let random = self.random_codes();
        let about = caller.factor(&self.shared.keys);
        let made = self.change_factors(caller, |enrolled| recovery::renew(enrolled, &about, &random)).await;
        let Some(codes) = made else { return self.fault(caller) };
        self.show_codes(caller, &codes)
    }

    fn show_codes(&self, caller: &Caller<'_>, codes: &[String]) -> Response<AnswerBody> {
        let factor = FactorKind::RecoveryCode.name();
        self.shared.events.record(caller.event(EventKind::FactorAdded { factor }));
        page(StatusCode::OK, &Codes { about: caller.about(), codes }, Scripts::None)
    }

    fn random_codes(&self) -> [[u8; 10]; recovery::CODES] {
        std::array::from_fn(|_| self.shared.dice.bytes())
    }

    pub(super) async fn remove(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        let (Some(kind), Ok(number)) = (FactorKind::from_name(form.text("kind")), form.text("number").parse::<u64>())
        else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        let remove = |enrolled: &mut Enrolled| {
            let count = |enrolled: &Enrolled| enrolled.passkeys.len() + enrolled.apps.len() + enrolled.addresses.len();
            let before = count(enrolled);
            match kind {
                FactorKind::Passkey => enrolled.passkeys.retain(|passkey| passkey.number != number),
                FactorKind::Totp => enrolled.apps.retain(|app| app.number != number),
                FactorKind::OtherAddress => enrolled.addresses.retain(|other| other.number != number),
                FactorKind::RecoveryCode | FactorKind::HelpdeskCode | FactorKind::Campus => {}
            }
            // Codes for the day when the telephone is lost are no use without the telephone's.
            if !enrolled.is_protected() {
                enrolled.recovery.clear();
            }
            before - count(enrolled)
        };
        // Those that were there before: also the one that goes.
        let told = self.addresses(caller).await;
        match self.change_factors(caller, remove).await {
            None => self.fault(caller),
            Some(0) => self.account_page(caller, Some("not-changed")).await,
            Some(_) => {
                self.tell_changed(caller, told);
                self.shared.events.record(caller.event(EventKind::FactorRemoved { factor: kind.name() }));
                to_account()
            }
        }
    }

    /// Changes the account's factors in one piece; none where the store did not do it.
    async fn change_factors<T>(&self, caller: &Caller<'_>, change: impl Fn(&mut Enrolled) -> T) -> Option<T> {
        let (site, account) = (&caller.session.site, &caller.session.account);
        for _ in 0..AGAIN_MAX {
            let Fact::Known((mut enrolled, version)) = self.enrolled(caller).await else { return None };
            let made = change(&mut enrolled);
            let sealed = enrolled.seal(&self.shared.keys, site, account, self.shared.dice.bytes());
            match self.shared.store.put_factors(site, account, sealed, version).await {
                Ok(true) => return Some(made),
                Ok(false) => {}
                Err(away) => {
                    let _: Fact<()> = self.store_away(caller.visit, &away);
                    return None;
                }
            }
        }
        None
    }

    async fn keep_coming(&self, caller: &Caller<'_>, what: What) -> Option<String> {
        let (id, now): ([u8; 16], _) = (self.shared.dice.bytes(), caller.visit.now);
        let plain = Secret::new(serde_json::to_vec(&Coming { session: caller.session.hash, what }).ok()?);
        let sealed = self.shared.keys.seal(Sealing::Code, &[&id], &plain, self.shared.dice.bytes());
        let until = now.after(caller.visit.live.config.challenge.lives);
        let kept = Kept { kind: KeptKind::Challenge, id, until, sealed };
        match self.shared.store.keep(kept, now).await {
            Ok(()) => Some(data_encoding::HEXLOWER.encode(&id)),
            Err(away) => {
                let _: Fact<()> = self.store_away(caller.visit, &away);
                None
            }
        }
    }

    async fn take_coming(&self, caller: &Caller<'_>, number: &str) -> Option<What> {
        let id: [u8; 16] = data_encoding::HEXLOWER.decode(number.as_bytes()).ok()?.try_into().ok()?;
        let kept = self.shared.store.take(KeptKind::Challenge, id, caller.visit.now).await.ok()??;
        let plain = self.shared.keys.open(Sealing::Code, &[&id], &kept.sealed)?;
        let coming: Coming = serde_json::from_slice(plain.expose()).ok()?;
        (coming.session == caller.session.hash).then_some(coming.what)
    }
}
