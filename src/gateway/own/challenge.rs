//! The page that asks for a second proof.

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{CHALLENGE, Caller, Scripts, back, page};
use crate::challenge::asking::{About, Ask, Way};
use crate::challenge::enrolled::Enrolled;
use crate::challenge::factors;
use crate::challenge::factors::other_address::masked;
use crate::domain::{FactorKind, Sealing, Secret, SessionHash, SessionState};
use crate::gateway::Gateway;
use crate::policy::{Fact, proof};
use crate::store::{Kept, KeptKind};
use crate::upstream::body::AnswerBody;

/// What a page of this kind is opened for, as its address or its form says. Written by whoever made the link.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Where it goes on to; checked.
    pub back: String,
    /// With what.
    pub factor: Option<FactorKind>,
    /// Within a dialog of the webmail's page.
    pub framed: bool,
    /// A form of the webmail's that waits for the proof.
    pub held: Option<[u8; 16]>,
    /// The session is open, and its person wants to change what the account proves itself with.
    pub change: bool,
}

impl Wanted {
    /// Reads it. `home` is where a person goes who came from nowhere.
    pub fn read<'f>(field: impl Fn(&str) -> Option<std::borrow::Cow<'f, str>>, base: &str, home: &str) -> Self {
        let asked = field("back").unwrap_or_default();
        Self {
            back: back::target(&asked, base, None).unwrap_or_else(|| home.to_owned()),
            factor: field("with").and_then(|name| FactorKind::from_name(&name)),
            framed: field("frame").is_some_and(|frame| frame == "1"),
            held: field("held").and_then(|number| super::held::number(&number)),
            change: field("for").is_some_and(|purpose| purpose == "change"),
        }
    }

    fn with(&self, factor: FactorKind) -> String {
        let mut address = form_urlencoded::Serializer::for_suffix(format!("{CHALLENGE}?"), CHALLENGE.len() + 1);
        address.append_pair("with", factor.name());
        if self.framed {
            address.append_pair("frame", "1");
        }
        if let Some(held) = &self.held {
            address.append_pair("held", &data_encoding::HEXLOWER.encode(held));
        }
        if self.change {
            address.append_pair("for", "change");
        }
        address.append_pair("back", &self.back);
        address.finish()
    }
}

/// A challenge under way, as it is kept. Bound to its session: no other can answer it.
#[derive(Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub session: SessionHash,
    pub factor: FactorKind,
    /// It opens nothing, but lets the account's factors be changed.
    pub change: bool,
    /// What the factor needs to check the answer.
    pub kept: Option<String>,
}

impl UnderWay {
    /// Opens what [`Gateway::ask`] kept under this number.
    pub fn open(kept: &Kept, gateway: &Gateway) -> Option<Self> {
        let plain = gateway.shared.keys.open(Sealing::Challenge, &[&kept.id], &kept.sealed)?;
        serde_json::from_slice(plain.expose()).ok()
    }
}

impl Gateway {
    pub(super) async fn ask_page(&self, caller: &Caller<'_>, query: &str) -> Response<AnswerBody> {
        let fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).take(super::FIELDS_MAX).collect();
        let field = |name: &str| fields.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone());
        let site = caller.site();
        let wanted = Wanted::read(field, &site.base, &home(site));
        self.ask(caller, &wanted, StatusCode::OK, None).await
    }

    /// Asks. `notice` says what came of the last attempt.
    pub(super) async fn ask(
        &self,
        caller: &Caller<'_>,
        wanted: &Wanted,
        status: StatusCode,
        notice: Option<String>,
    ) -> Response<AnswerBody> {
        self.ask_about(caller, wanted, status, notice, None).await
    }

    /// The same, about a code that was sent; `sent` is what is kept of it.
    pub(super) async fn ask_about(
        &self,
        caller: &Caller<'_>,
        wanted: &Wanted,
        status: StatusCode,
        notice: Option<String>,
        sent: Option<String>,
    ) -> Response<AnswerBody> {
        let state = caller.session.state;
        let change = wanted.change && state == SessionState::Open;
        if state == SessionState::Open && !change {
            return self.go_on(caller, wanted);
        }
        let Fact::Known((enrolled, _)) = self.enrolled(caller).await else { return self.fault(caller) };
        let offered = self.offered(caller, &enrolled).await;
        let first = wanted.factor.filter(|factor| offered.contains(factor));
        let in_turn = first.into_iter().chain(offered.iter().copied());
        let about = caller.factor(&self.shared.keys);
        let asked = in_turn.into_iter().find_map(|kind| Some((kind, factors::of(kind).ask(&enrolled, &about)?)));
        let Some((factor, question)) = asked else {
            return self.said(caller, StatusCode::OK, "nothing-title", "nothing-text", Some(&wanted.back));
        };
        let mut notice = notice;
        let campus = if factor == FactorKind::Campus { self.ask_campus(caller).await } else { None };
        let sent = sent.or_else(|| campus.as_ref().map(|asked| asked.ticket.clone()));
        if factor == FactorKind::Campus && campus.is_none() {
            notice = Some(caller.words.say("campus-too-many"));
        }
        let under_way = UnderWay {
            session: caller.session.hash,
            factor,
            change,
            kept: question.kept.as_ref().map(|kept| kept.expose().clone()).or(sent),
        };
        let sends = (factor == FactorKind::OtherAddress && under_way.kept.is_none())
            .then(|| enrolled.addresses.iter().map(|other| masked(&other.address)).collect::<Vec<_>>().join(", "));
        let Some(number) = self.keep_challenge(caller, &under_way).await else { return self.fault(caller) };
        let ask = Ask {
            about: About { framed: wanted.framed, ..caller.about() },
            why: match state {
                SessionState::Open => "ask-why-manage",
                SessionState::Challenged => "ask-why",
                SessionState::Restricted | SessionState::Ended => "ask-why-restricted",
            },
            change,
            notice,
            factor,
            challenge: number,
            back: &wanted.back,
            held: wanted.held.map(|held| data_encoding::HEXLOWER.encode(&held)),
            sends,
            campus: campus.map(|asked| (asked.number.to_string(), format!("{}{}", caller.origin, super::ACCOUNT))),
            digits: matches!(factor, FactorKind::Totp | FactorKind::OtherAddress | FactorKind::HelpdeskCode),
            one_time: matches!(factor, FactorKind::Totp | FactorKind::OtherAddress),
            may_remember: !change && caller.session.device.is_some(),
            ways: offered
                .into_iter()
                .filter(|kind| *kind != factor)
                .map(|kind| Way {
                    label: caller.words.say(&format!("factor-{}", kind.name())),
                    address: wanted.with(kind),
                })
                .collect(),
            passkey: question.shown,
        };
        let scripts = if ask.passkey.is_some() { Scripts::Own } else { Scripts::None };
        page(status, &ask, scripts)
    }

    /// What this person may use here and now: what the operator allows, the account has, and would change anything.
    async fn offered(&self, caller: &Caller<'_>, enrolled: &Enrolled) -> Vec<FactorKind> {
        let config = &caller.visit.live.config.challenge;
        let verdict = self.verdict(caller).await;
        let about = caller.factor(&self.shared.keys);
        let would_help = |kind: &FactorKind| {
            matches!(caller.session.state, SessionState::Challenged | SessionState::Open)
                || proof::proved(verdict, *kind, config) == SessionState::Open
        };
        let is_reached = enrolled.addresses.iter().any(|other| caller.visit.live.reaches(&other.address));
        let has_campus = !caller.visit.live.config.networks.campus.is_empty();
        let offered = |kind: &FactorKind| {
            (*kind != FactorKind::OtherAddress || is_reached)
                // Whoever wants to change the factors is asked for one: a second session of theirs is none.
                && (*kind != FactorKind::Campus || (has_campus && caller.session.state != SessionState::Open))
                && config.factors.contains(kind)
                && would_help(kind)
                && factors::of(*kind).is_offered(enrolled, &about)
        };
        FactorKind::ALL.into_iter().filter(offered).collect()
    }

    async fn keep_challenge(&self, caller: &Caller<'_>, under_way: &UnderWay) -> Option<String> {
        let visit = caller.visit;
        let id: [u8; 16] = self.shared.dice.bytes();
        let plain = Secret::new(serde_json::to_vec(under_way).ok()?);
        let sealed = self.shared.keys.seal(Sealing::Challenge, &[&id], &plain, self.shared.dice.bytes());
        let until = visit.now.after(visit.live.config.challenge.lives);
        let kept = Kept { kind: KeptKind::Challenge, id, until, sealed };
        match self.shared.store.keep(kept, visit.now).await {
            Ok(_) => Some(data_encoding::HEXLOWER.encode(&id)),
            Err(away) => {
                let _: Fact<()> = self.store_away(visit, &away);
                None
            }
        }
    }

    /// What the account can prove itself with, and the version of it.
    pub(super) async fn enrolled(&self, caller: &Caller<'_>) -> Fact<(Enrolled, u64)> {
        let (site, account) = (&caller.session.site, &caller.session.account);
        match self.shared.store.factors(site, account).await {
            Ok(None) => Fact::Known((Enrolled::default(), 0)),
            Ok(Some(sealed)) => match Enrolled::open(&sealed.bytes, &self.shared.keys, site, account) {
                Some(enrolled) => Fact::Known((enrolled, sealed.version)),
                None => {
                    tracing::error!(%site, "the factors of an account cannot be opened: is a key missing in key_file?");
                    Fact::StoreAway
                }
            },
            Err(away) => self.store_away(caller.visit, &away),
        }
    }

    /// Where a person goes who has nothing more to prove.
    pub(super) fn go_on(&self, caller: &Caller<'_>, wanted: &Wanted) -> Response<AnswerBody> {
        if wanted.framed {
            return self.resumed(caller);
        }
        if let Some(held) = &wanted.held {
            return self.offer_held(caller, held);
        }
        super::to(&wanted.back)
    }

    pub(super) fn fault(&self, caller: &Caller<'_>) -> Response<AnswerBody> {
        self.said(caller, StatusCode::SERVICE_UNAVAILABLE, "ask-title", "fault", None)
    }
}

/// The page of the webmail that shows a session from its beginning.
pub(super) fn home(site: &crate::config::Site) -> String {
    format!("{}{}", site.base, site.webmail.home())
}
