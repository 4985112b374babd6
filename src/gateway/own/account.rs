//! The person's own page: where they are signed in, which browsers are remembered, and what proves that it is they.
//!
//! What proves it is changed only from campus, with a browser that the account has known for a day, or with a helpdesk
//! code, and where something is set up already, by somebody who proved with it a moment ago.

use std::time::Duration;

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::challenge::home;
use super::{ACCOUNT, Caller, OwnForm, Scripts, page, to};
use crate::challenge::asking::{AccountPage, DeviceRow, FactorRow, SessionRow};
use crate::challenge::enrolled::{ADDRESSES_MAX, Enrolled};
use crate::challenge::factors::other_address::masked;
use crate::domain::agent::{Program, System};
use crate::domain::{EventKind, FactorKind, Purpose, Sealing, Secret, Session, SessionHash, SessionState, Timestamp};
use crate::gateway::Gateway;
use crate::policy::{Fact, proof};
use crate::store::{Kept, KeptKind};
use crate::upstream::body::AnswerBody;

/// How long a proof is good for changing what one proves with.
const GRANT_LIVES: Duration = Duration::from_secs(600);

/// Sessions shown.
const SESSIONS_MAX: usize = 50;

/// Letters shown of a browser that nobody knows.
const BROWSER_MAX: usize = 60;

/// Browsers shown.
const DEVICES_MAX: usize = 50;

/// What a person proved a moment ago, kept for its session.
#[derive(Serialize, Deserialize)]
pub(super) struct Grant {
    session: SessionHash,
    by: FactorKind,
}

impl Gateway {
    pub(super) async fn account_page(&self, caller: &Caller<'_>, notice: Option<&'static str>) -> Response<AnswerBody> {
        // Who is not known to be the owner sees nothing of where the owner is.
        if caller.session.state != SessionState::Open {
            return to(super::CHALLENGE);
        }
        let Fact::Known((enrolled, _)) = self.enrolled(caller).await else { return self.fault(caller) };
        let grant = self.grant(caller).await;
        let (store, now) = (&self.shared.store, caller.visit.now);
        let (site, account) = (&caller.session.site, &caller.session.account);
        let sessions = store.sessions(site, Some(account), SESSIONS_MAX, now).await;
        let devices = store.devices(site, account, now).await;
        let (Ok(sessions), Ok(devices)) = (sessions, devices) else { return self.fault(caller) };
        let words = &caller.words;
        let may_enrol = may_enrol(caller, grant.as_ref());
        let may_protect = may_enrol || grant.is_some();
        let home = home(caller.site());
        let own = AccountPage {
            about: caller.about(),
            account: account.as_str(),
            notice,
            elsewhere: self.waits_elsewhere(caller).await,
            codes_left: (!enrolled.recovery.is_empty())
                .then(|| words.with("codes-left", "count", enrolled.recovery.len() as u64)),
            factors: self.factor_rows(caller, &enrolled, may_protect),
            may_change: may_change(caller, grant.as_ref(), &enrolled),
            may_confirm: may_enrol && enrolled.is_protected(),
            helpdesk_codes: self.config_allows(caller, FactorKind::HelpdeskCode),
            may_protect,
            steps: self.steps(caller, &enrolled),
            sessions: sessions.iter().map(|session| session_row(session, caller, may_protect)).collect(),
            devices: devices
                .iter()
                .take(DEVICES_MAX)
                .map(|device| DeviceRow {
                    number: data_encoding::HEXLOWER.encode(&device.device),
                    since: words.with("device-since", "date", day(device.since)),
                    used: words.with("device-used", "date", day(device.last_used)),
                    is_this: caller.session.device == Some(device.device),
                })
                .collect(),
            home: &home,
        };
        page(StatusCode::OK, &own, Scripts::None)
    }

    pub(super) async fn change_account(&self, caller: &Caller<'_>, form: &OwnForm) -> Response<AnswerBody> {
        if caller.session.state != SessionState::Open {
            return to(super::CHALLENGE);
        }
        let Fact::Known((enrolled, _)) = self.enrolled(caller).await else { return self.fault(caller) };
        let grant = self.grant(caller).await;
        let may_protect = may_enrol(caller, grant.as_ref()) || grant.is_some();
        let may_change = may_change(caller, grant.as_ref(), &enrolled);
        match form.text("do") {
            "confirm-elsewhere" => self.confirm_elsewhere(caller, form.text("code")).await,
            "not-me" if may_protect => self.not_me(caller).await,
            "forget" if may_protect => self.forget(caller, form.text("device")).await,
            "add-app" if may_change => self.add_app(caller, None).await,
            "confirm-app" if may_change => self.confirm_app(caller, form).await,
            "add-address" if may_change => self.add_address(caller, None),
            "send-address" if may_change => self.write_to_address(caller, form).await,
            "confirm-address" if may_change => self.confirm_address(caller, form).await,
            "add-passkey" if may_change => self.add_passkey(caller, &enrolled).await,
            "confirm-passkey" if may_change => self.confirm_passkey(caller, form).await,
            "new-codes" if may_change => self.new_codes(caller).await,
            "remove" if may_change => self.remove(caller, form).await,
            _ => self.account_page(caller, Some("not-changed")).await,
        }
    }

    /// All other sessions end, other browsers are forgotten, and the operator is told. The password is for the person to
    /// change: nobody else can.
    async fn not_me(&self, caller: &Caller<'_>) -> Response<AnswerBody> {
        let on_away = self.on_away(caller.visit);
        let judging = self.judging(caller.visit, &on_away);
        let code = self.shared.dice.reference();
        let Some(ended) = judging.protect(caller.site(), &caller.session, &caller.client, code).await else {
            return self.fault(caller);
        };
        for hash in ended {
            let mut event = caller.event(EventKind::SessionEnded);
            event.session = Some(hash);
            self.shared.events.record(event);
        }
        let mut event = caller.event(EventKind::FlagRaised);
        event.reference = Some(code);
        event.stopped_by = Some(crate::gateway::proving::NOT_ME.to_owned());
        self.shared.events.record(event);
        let next = home(caller.site());
        self.said(caller, StatusCode::OK, "not-me-title", "not-me-text", Some(&next))
    }

    async fn forget(&self, caller: &Caller<'_>, device: &str) -> Response<AnswerBody> {
        let (site, account) = (&caller.session.site, &caller.session.account);
        let number = data_encoding::HEXLOWER.decode(device.as_bytes()).ok();
        let Some(device) = number.and_then(|number| <[u8; 16]>::try_from(number).ok()) else {
            return self.account_page(caller, Some("not-changed")).await;
        };
        match self.shared.store.forget_devices(site, account, Some(device)).await {
            Ok(forgotten) => {
                if forgotten > 0 {
                    self.shared.events.record(caller.event(EventKind::DeviceForgotten { devices: 1 }));
                }
                self.account_page(caller, Some("changed")).await
            }
            Err(away) => {
                let _: Fact<()> = self.store_away(caller.visit, &away);
                self.fault(caller)
            }
        }
    }

    /// Notes for a while what this session's person proved with.
    pub(super) async fn keep_grant(&self, caller: &Caller<'_>, by: FactorKind) {
        let now = caller.visit.now;
        let id = self.grant_id(&caller.session);
        let plain = serde_json::to_vec(&Grant { session: caller.session.hash, by }).expect("two words");
        let sealed = self.shared.keys.seal(Sealing::Code, &[&id], &Secret::new(plain), self.shared.dice.bytes());
        let kept = Kept { kind: KeptKind::Code, id, until: now.after(GRANT_LIVES), sealed };
        // Lost when the store is away: the person is asked once more.
        let _ = self.shared.store.keep(kept, now).await;
    }

    /// The same, where there is none: one by the helpdesk is worth more.
    pub(super) async fn keep_grant_unless_there(&self, caller: &Caller<'_>, by: FactorKind) {
        if self.grant(caller).await.is_none() {
            self.keep_grant(caller, by).await;
        }
    }

    async fn grant(&self, caller: &Caller<'_>) -> Option<Grant> {
        let id = self.grant_id(&caller.session);
        let kept = self.shared.store.kept(KeptKind::Code, id, caller.visit.now).await.ok()??;
        let plain = self.shared.keys.open(Sealing::Code, &[&id], &kept.sealed)?;
        let grant: Grant = serde_json::from_slice(plain.expose()).ok()?;
        (grant.session == caller.session.hash).then_some(grant)
    }

    fn grant_id(&self, session: &Session) -> [u8; 16] {
        self.shared.keys.short_hash(Purpose::Handle, &[b"grant", &session.hash.0])
    }

    fn factor_rows(&self, caller: &Caller<'_>, enrolled: &Enrolled, in_full: bool) -> Vec<FactorRow> {
        let row = |kind: FactorKind, name: &str, added: Timestamp, number: u64| FactorRow {
            name: name.to_owned(),
            kind: caller.words.say(&format!("factor-{}", kind.name())),
            added: Some(caller.words.with("factor-added", "date", day(added))),
            word: kind.name(),
            number,
        };
        let passkeys = enrolled.passkeys.iter().map(|key| row(FactorKind::Passkey, &key.name, key.added, key.number));
        let apps = enrolled.apps.iter().map(|app| row(FactorKind::Totp, &app.name, app.added, app.number));
        let others = enrolled.addresses.iter();
        let shown = |address: &str| if in_full { address.to_owned() } else { masked(address) };
        let others =
            others.map(|other| row(FactorKind::OtherAddress, &shown(&other.address), other.added, other.number));
        passkeys.chain(apps).chain(others).collect()
    }

    fn steps(&self, caller: &Caller<'_>, enrolled: &Enrolled) -> Vec<(&'static str, &'static str)> {
        let about = caller.factor(&self.shared.keys);
        let passkeys = enrolled.passkeys.len() < crate::challenge::enrolled::PASSKEYS_MAX
            && crate::challenge::factors::passkey::begin(enrolled, &about).is_some();
        let all = [
            (FactorKind::Passkey, passkeys, ("add-passkey", "add-passkey")),
            (FactorKind::Totp, enrolled.apps.len() < crate::challenge::enrolled::APPS_MAX, ("add-app", "add-app")),
            (
                FactorKind::OtherAddress,
                enrolled.addresses.len() < ADDRESSES_MAX
                    && (caller.visit.live.letters.is_some() || caller.visit.live.texts.is_some()),
                ("add-address", "add-address"),
            ),
            (FactorKind::RecoveryCode, enrolled.is_protected(), ("new-codes", "new-codes")),
        ];
        let wanted = all.into_iter().filter(|(kind, has_room, _)| *has_room && self.config_allows(caller, *kind));
        wanted.map(|(_, _, step)| step).collect()
    }

    pub(super) fn config_allows(&self, caller: &Caller<'_>, factor: FactorKind) -> bool {
        caller.visit.live.config.challenge.factors.contains(&factor)
    }
}

/// Whether this session is one that speaks for the account's owner, or the helpdesk does.
fn may_enrol(caller: &Caller<'_>, grant: Option<&Grant>) -> bool {
    let by_helpdesk = grant.is_some_and(|grant| grant.by == FactorKind::HelpdeskCode);
    let is_open = caller.session.state == SessionState::Open;
    is_open && (by_helpdesk || proof::may_enrol(&caller.session, caller.client.network, caller.visit.now))
}

fn may_change(caller: &Caller<'_>, grant: Option<&Grant>, enrolled: &Enrolled) -> bool {
    may_enrol(caller, grant) && (grant.is_some() || !enrolled.is_protected())
}

/// `in_full`: addresses are shown to whoever may end the sessions; others learn only the countries.
fn session_row(session: &Session, caller: &Caller<'_>, in_full: bool) -> SessionRow {
    let prefix = session.spot.prefix.to_string();
    let address = prefix.split('/').next().unwrap_or_default();
    let place = match session.spot.country {
        Some(country) if in_full => format!("{country}, {address}"),
        Some(country) => country.to_string(),
        None if in_full => address.to_owned(),
        None => "-".to_owned(),
    };
    let time = session.signed_in.to_string();
    SessionRow {
        place,
        is_this: session.hash == caller.session.hash,
        minute: minute(session.signed_in),
        time,
        state: match session.state {
            SessionState::Open => "state-open",
            SessionState::Restricted | SessionState::Ended => "state-restricted",
            SessionState::Challenged => "state-challenged",
        },
        browser: browser(session),
    }
}

/// What a session's browser calls itself: proper names, which are the same in every language.
pub(super) fn browser(session: &Session) -> String {
    let program = match session.spot.agent.program {
        Program::Firefox => "Firefox",
        Program::Edge => "Edge",
        Program::Opera => "Opera",
        Program::Samsung => "Samsung Internet",
        Program::Chrome => "Chrome",
        Program::Safari => "Safari",
        Program::Other | Program::Script => "",
    };
    let system = match session.spot.agent.system {
        System::Android => "Android",
        System::Ios => "iOS",
        System::Windows => "Windows",
        System::MacOs => "macOS",
        System::Linux => "Linux",
        System::ChromeOs => "ChromeOS",
        System::Other => "",
    };
    if program.is_empty() || system.is_empty() {
        return session.user_agent.as_deref().unwrap_or("-").chars().take(BROWSER_MAX).collect();
    }
    format!("{program}, {system}")
}

/// `2026-03-01`.
pub(super) fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// `2026-03-01 08:12 UTC`: the page knows nobody's clock but its own.
pub(super) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| minute.replace('T', " ") + " UTC")
}

/// Back to the page, so that reloading it does nothing again.
pub(super) fn to_account() -> Response<AnswerBody> {
    to(ACCOUNT)
}
