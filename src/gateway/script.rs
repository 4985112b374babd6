//! A request to a script of the product: read as PHP reads it, judged, carried, and its answer learned from.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::gate::{run_to_the_end, stopped_event, whole_or_nothing};
use super::refusal::Stop;
use super::upgrade::Upgrade;
use super::{Carried, Gateway, Visit, answer, client};
use crate::challenge::device;
use crate::config::{Mode, Site};
use crate::domain::flag::Change;
use crate::domain::{Action, Aim, Client, EventKind, Outcome, Purpose, Session, SessionHash, SessionState};
use crate::policy::{Decision, Fact, Why, session as session_policy};
use crate::telemetry::metrics::RequestKind;
use crate::upstream::Failed;
use crate::upstream::body::{AnswerBody, RequestBody};
use crate::upstream::spool::Waiting;
use crate::webmail::php::{Cookies, Fields, Form, FormReader};
use crate::webmail::{self, Asked, Place, Reading, Shape};

/// A form up to this many bytes is read once more as a whole when a page must hand back what was written in it.
const HANDED_BACK_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a refused body that are still read. How long that may take is the edge's to say: its answer is out.
const READ_PAST_MAX: u64 = 1024 * 1024 * 1024;

/// A session's use is noted this often at most.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A script's request, read and understood.
pub(super) struct Script {
    pub visit: Visit,
    pub client: Client,
    pub asked: Asked,
    /// The cookies as PHP reads them.
    pub cookies: Cookies,
    /// The session whose cookie the request shows, whether it is known or not.
    pub hash: Option<SessionHash>,
    /// What the store says of it.
    pub session: Fact<Option<Arc<Session>>>,
    /// The session cookie stays here and does not go upstream.
    without_session: bool,
    pub content_type: Option<HeaderValue>,
    pub waiting: Option<Waiting>,
    /// Whether a person chose a file.
    brings_files: bool,
    /// The form with everything in it, once it was read so.
    pub form: Option<Form>,
}

impl Script {
    pub fn site(&self) -> &Arc<Site> {
        self.visit.site()
    }

    pub fn enforces(&self) -> bool {
        self.site().mode == Mode::Enforce
    }

    pub fn known_session(&self) -> Option<&Arc<Session>> {
        match &self.session {
            Fact::Known(Some(session)) => Some(session),
            Fact::Known(None) | Fact::StoreAway => None,
        }
    }

    pub fn state(&self) -> Fact<Option<SessionState>> {
        match &self.session {
            Fact::Known(session) => Fact::Known(session.as_ref().map(|session| session.state)),
            Fact::StoreAway => Fact::StoreAway,
        }
    }

    /// A whole page asked for by a browser whose session was ended.
    fn shows_ended_page(&self) -> bool {
        self.state() == Fact::Known(Some(SessionState::Ended))
            && self.asked.shape == Shape::Page
            && self.asked.action == Action::View
            && self.waiting.is_none()
    }

    fn query(&self, parts: &Parts) -> Fields {
        Fields::from_query(parts.uri.query().unwrap_or_default().as_bytes(), self.site().php_max_input_vars)
    }

    /// Where what it asks for lets mail go, or wants its answers.
    fn aim(&self, parts: &Parts) -> Aim {
        match &self.asked.action {
            Action::Send(sending) => sending.answers.clone(),
            action if action.has_aim() => self.site().webmail.aim(&self.query(parts), self.whole_form().as_ref()),
            _ => Aim::default(),
        }
    }

    /// What the request is about, as the operator may have to undo it.
    fn targets(&self, parts: &Parts) -> Vec<String> {
        let (query, form) = (self.query(parts), self.whole_form());
        let mut targets = self.site().webmail.targets(&query, form.as_ref());
        targets.truncate(Change::TARGETS_MAX);
        for target in &mut targets {
            *target = target.chars().filter(|c| !c.is_control()).take(Change::TARGET_CHARS_MAX).collect();
        }
        targets
    }

    /// The form with everything in it, for a page that hands it back.
    pub fn whole_form(&self) -> Option<Form> {
        if self.form.is_some() {
            return self.form.clone();
        }
        let body = self.waiting.as_ref()?.copy_up_to(HANDED_BACK_MAX).ok()??;
        Form::read_whole(self.content_type.as_ref(), &body, self.site().php_max_input_vars)
    }

    pub fn event(&self, kind: EventKind) -> crate::domain::Event {
        let mut event = self.visit.event_of(kind, &self.client);
        event.session = self.hash;
        event.account = self.known_session().map(|session| session.account.clone());
        event
    }
}

impl Gateway {
    pub(super) async fn script(
        &self,
        visit: &Visit,
        parts: &mut Parts,
        below: &str,
        body: Incoming,
    ) -> (RequestKind, Response<AnswerBody>) {
        let script = match self.read_script(visit, parts, below, body).await {
            Ok(script) => script,
            Err((stop, shape)) => return (RequestKind::Unread, self.refuse_script(visit, parts, &stop, shape)),
        };
        let kind = RequestKind::of(&script.asked.action);
        let gated = matches!(script.asked.action, Action::SignIn { .. } | Action::Send(_));
        if !gated && script.waiting.is_none() {
            return (kind, self.judge(script, parts).await);
        }
        // What is charged is settled and what an answer says is learned, though the browser may have gone: from here on
        // the exchange is no longer the connection's. That goes for every form, whatever it was read as.
        let mut own = http::Request::new(()).into_parts().0;
        own.method.clone_from(&parts.method);
        std::mem::swap(&mut own, parts);
        let gateway = self.clone_for_task();
        // Boxed: what only a form needs should not be moved about with every page.
        let judged = Box::pin(run_to_the_end(async move { gateway.judge(script, &mut own).await }));
        (kind, judged.await)
    }

    fn refuse_script(&self, visit: &Visit, parts: &Parts, stop: &Stop, shape: Shape) -> Response<AnswerBody> {
        let rule = match stop {
            Stop::Unnatural(rule) => rule,
            Stop::Method => "method",
            Stop::Encoding => "encoded body",
            Stop::TooLarge => "body too large",
            Stop::TooSlow => "body too slow",
            _ => "no room",
        };
        let reference = self.record_refused(visit, parts, rule);
        self.refuse(visit, stop, &Asked::new(Action::View, shape), reference, None)
    }

    /// Reads the request whole and understands it. On the way out with `Err`, nothing of it has reached the webmail.
    async fn read_script(
        &self,
        visit: &Visit,
        parts: &Parts,
        below: &str,
        body: Incoming,
    ) -> Result<Script, (Stop, Shape)> {
        let site = visit.site();
        let shape = || shape_of_head(site, parts);
        let stop = |stop: Stop| (stop, shape());
        if !matches!(parts.method, Method::GET | Method::HEAD | Method::POST) {
            return Err(stop(Stop::Method));
        }
        if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(stop(Stop::Encoding));
        }
        let cookies = read_cookies(&parts.headers);
        if let Some(unnatural) = cookies.unnatural() {
            return Err(stop(Stop::Unnatural(unnatural.rule)));
        }
        let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
        let (form, waiting) = if parts.method == Method::POST {
            let mut body = body;
            match Box::pin(self.read_body(visit, content_type.as_ref(), &mut body)).await {
                Ok((form, waiting)) => (form, Some(waiting)),
                Err(Stop::TooLarge) => {
                    let listen = &visit.live.config.listen;
                    tokio::spawn(read_past(body, listen.body_timeout));
                    return Err(stop(Stop::TooLarge));
                }
                Err(other) => return Err(stop(other)),
            }
        } else {
            (None, None)
        };
        self.understand(visit, parts, below, cookies, form, waiting).await
    }

    /// Understands a request that was read whole.
    pub(super) async fn understand(
        &self,
        visit: &Visit,
        parts: &Parts,
        below: &str,
        cookies: Cookies,
        form: Option<Form>,
        waiting: Option<Waiting>,
    ) -> Result<Script, (Stop, Shape)> {
        let site = visit.site();
        let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
        let query = Fields::from_query(parts.uri.query().unwrap_or_default().as_bytes(), site.php_max_input_vars);
        let reading = Reading {
            method: if parts.method == Method::HEAD { &Method::GET } else { &parts.method },
            path: below,
            query: &query,
            cookies: &cookies,
            form: form.as_ref(),
            headers: &parts.headers,
            session_cookie: &site.session_cookie,
        };
        let asked = site
            .webmail
            .classify(&reading)
            .and_then(|asked| site.webmail.close_holes(&reading, &site.holes_open).map(|()| asked))
            .map_err(|unnatural| (Stop::Unnatural(unnatural.rule), site.webmail.shape(&reading)))?;
        let (hash, session) = self.find_session(visit, &cookies).await;
        let client = client::client(visit.address, &parts.headers, &visit.live.config.networks);
        Ok(Script {
            visit: visit.clone(),
            client,
            asked,
            cookies,
            hash,
            session,
            without_session: false,
            content_type,
            waiting,
            brings_files: form.as_ref().is_some_and(Form::file_chosen),
            form: None,
        })
    }

    async fn read_body(
        &self,
        visit: &Visit,
        content_type: Option<&HeaderValue>,
        body: &mut Incoming,
    ) -> Result<(Option<Form>, Waiting), Stop> {
        let site = visit.site();
        let listen = &visit.live.config.listen;
        let keep = webmail::keeps(site.webmail, &site.session_cookie);
        let mut reader = FormReader::new(content_type, site.php_max_input_vars, keep);
        let mut waiting = self.shared.spool.begin();
        let announced = http_body::Body::size_hint(body).lower();
        if announced > listen.body_max {
            return Err(Stop::TooLarge);
        }
        loop {
            let frame = tokio::time::timeout(listen.body_timeout, body.frame()).await.map_err(|_| Stop::TooSlow)?;
            let data = match frame {
                None => break,
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                // The browser broke off: nobody waits for the answer, and nothing was done.
                Some(Err(_)) => return Err(Stop::TooSlow),
            };
            if waiting.bytes() + data.len() as u64 > listen.body_max {
                return Err(Stop::TooLarge);
            }
            if let Some(reader) = &mut reader {
                reader.push(&data);
            }
            waiting.push(data).await.map_err(|error| {
                tracing::warn!(%error, "a request body cannot wait");
                Stop::NoRoom
            })?;
        }
        let form = reader.map(FormReader::finish).transpose().map_err(|unnatural| Stop::Unnatural(unnatural.rule))?;
        Ok((form, waiting))
    }

    /// The hash of a session cookie under the newest key.
    pub(super) fn hash_session(&self, site: &Site, cookie: &[u8]) -> SessionHash {
        SessionHash(self.shared.keys.short_hash(Purpose::Session, &[site.name.as_bytes(), cookie]))
    }

    /// The session a request shows: under the newest key, or an older one that made it.
    pub(super) async fn find_session(
        &self,
        visit: &Visit,
        cookies: &Cookies,
    ) -> (Option<SessionHash>, Fact<Option<Arc<Session>>>) {
        let site = visit.site();
        let Some(cookie) = cookies.get(&site.session_cookie) else { return (None, Fact::Known(None)) };
        let mut newest = None;
        for hash in self.shared.keys.short_hashes(Purpose::Session, &[site.name.as_bytes(), cookie]).map(SessionHash) {
            newest = newest.or(Some(hash));
            match self.shared.store.session(&hash, visit.now).await {
                Ok(Some(session)) => return (Some(hash), Fact::Known(Some(session))),
                Ok(None) => {}
                Err(away) => return (newest, self.store_away(visit, &away)),
            }
        }
        (newest, Fact::Known(None))
    }

    pub(super) fn store_away<T>(&self, visit: &Visit, away: &crate::store::Away) -> Fact<T> {
        if self.shared.degraded.begin(visit.now) {
            self.shared.events.record(visit.event(EventKind::StoreDegraded { what: away.what.clone() }));
        }
        Fact::StoreAway
    }

    /// Asks the session's state, then takes the request the way its action goes. What is rarely needed is boxed: an
    /// ordinary request should not be moved about with room for it.
    pub(super) async fn judge(&self, mut script: Script, parts: &mut Parts) -> Response<AnswerBody> {
        if script.shows_ended_page() && script.enforces() {
            // The webmail's own sign-in form says it best, and it comes when the session cookie does not. A redirect
            // could loop where the cookie was set for another path than the one it can be deleted for.
            script.hash = None;
            script.session = Fact::Known(None);
            script.without_session = true;
            return self.pass(script, parts).await;
        }
        self.watch_session(&mut script).await;
        if let Err(decision) = self.may_act(&mut script, parts).await {
            // A restricted session has a flag, and its code is what the operator knows it by.
            let flag = script.known_session().and_then(|session| session.flag);
            let reference = flag.unwrap_or_else(|| self.shared.dice.reference());
            self.note_change(&script, parts, true).await;
            let kind = match &script.asked.action {
                Action::Send(sending) => EventKind::SendRefused { recipients: sending.recipients },
                action => EventKind::ActionRefused { action: action.name() },
            };
            // A page of an ended session asks for news every minute; that it is refused is no news each time.
            if !matches!(script.asked.action, Action::Poll | Action::View) {
                self.shared.events.record(stopped_event(&script, kind, &decision, reference));
            }
            if script.enforces() {
                if decision.why == Why::Challenged && script.asked.shape == Shape::Page && script.waiting.is_none() {
                    let asked_for = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
                    return self.to_challenge(&script.visit, asked_for);
                }
                if decision.why == Why::Challenged
                    && let Some(held) = Box::pin(self.hold(&script, parts)).await
                {
                    return held;
                }
                let form = script.whole_form();
                return self.refuse(&script.visit, &Stop::from(&*decision), &script.asked, reference, form.as_ref());
            }
        }
        self.touch(&script).await;
        self.note_change(&script, parts, false).await;
        match script.asked.action {
            Action::SignIn { .. } => Box::pin(self.sign_in(script, parts)).await,
            Action::Send(_) => Box::pin(self.send(script, parts)).await,
            Action::Upload | Action::SaveDraft if script.brings_files => {
                match Box::pin(self.look_at_files(&mut script)).await {
                    Some(refused) => refused,
                    None => self.pass(script, parts).await,
                }
            }
            _ => self.pass(script, parts).await,
        }
    }

    /// Whether the session may do what is asked, by its state and by the operator's rules. Sends ask again, with more.
    async fn may_act(&self, script: &mut Script, parts: &Parts) -> Result<(), Box<Decision>> {
        self.may_ask(script).await?;
        if script.asked.action.move_signal().is_some() {
            return Box::pin(self.may_move(script, parts)).await;
        }
        Ok(())
    }

    async fn may_ask(&self, script: &Script) -> Result<(), Box<Decision>> {
        let action = &script.asked.action;
        let on_away = self.on_away(&script.visit);
        let judging = self.judging(&script.visit, &on_away);
        match (session_policy::action(script.state(), action), script.known_session()) {
            (Err(stopped), Some(session)) if stopped.why == Why::Restricted => {
                Box::pin(judging.restricted_may(session, action, stopped)).await?;
            }
            (Err(stopped), _) => return Err(stopped),
            (Ok(()), _) => {}
        }
        let Some(session) = script.known_session() else { return Ok(()) };
        if matches!(action, Action::Send(_)) {
            return Ok(());
        }
        if action.barred_when_restricted()
            && let Some(label) = judging.rule_against(script.site(), &session.account, &script.client, action.name())
        {
            return Err(Box::new(Decision::by_rule(label)));
        }
        Ok(())
    }

    /// Whether a session in doubt may do what thieves do as well; what comes of it is noted there.
    async fn may_move(&self, script: &mut Script, parts: &Parts) -> Result<(), Box<Decision>> {
        let (visit, action) = (script.visit.clone(), &script.asked.action);
        let Some(session) = script.known_session() else { return Ok(()) };
        let on_away = self.on_away(&visit);
        let judging = self.judging(&visit, &on_away);
        let aim = script.aim(parts);
        let code = self.shared.dice.reference();
        let moved = judging.judge_move(visit.site(), session, &script.client, action, &aim, code).await;
        let Some(moved) = moved else { return Ok(()) };
        if moved.is_flagged_now {
            let mut event = script.event(EventKind::FlagRaised);
            event.verdict = Some(moved.verdict);
            event.signals = moved.signals;
            event.reference = moved.session.flag;
            self.shared.events.record(event);
        }
        script.session = Fact::Known(Some(moved.session));
        moved.stopped.map_or(Ok(()), Err)
    }

    /// The same after something took its time: an operator may have ended the session meanwhile, or another of its messages
    /// put it in doubt.
    pub(super) async fn may_still_act(&self, script: &mut Script, parts: &Parts) -> Result<(), Box<Decision>> {
        if !script.enforces() {
            return Ok(());
        }
        script.session = self.find_session(&script.visit, &script.cookies).await.1;
        self.may_act(script, parts).await
    }

    /// Looks whether the session is still where it was judged; if it was judged again, goes on with what came of it.
    async fn watch_session(&self, script: &mut Script) {
        let Some(session) = script.known_session() else { return };
        if let Some(session) = self.watched(&script.visit, &script.client, session).await {
            script.session = Fact::Known(Some(session));
        }
    }

    /// The session as it is after it was judged again; none where nothing changed.
    pub(super) async fn watched(&self, visit: &Visit, client: &Client, session: &Arc<Session>) -> Option<Arc<Session>> {
        // An ordinary request comes from where the last one came from, and this is all it costs.
        if client.prefix == session.spot.prefix && session.elsewhere.is_none() {
            return None;
        }
        let on_away = self.on_away(visit);
        let judging = self.judging(visit, &on_away);
        let code = self.shared.dice.reference();
        let (session, judgement) = Box::pin(judging.watch(visit.site(), session, client, code)).await?;
        if let Some(judgement) = judgement.filter(|judgement| judgement.is_flagged()) {
            let mut event = visit.event_of(EventKind::SessionMoved, client);
            event.session = Some(session.hash);
            event.account = Some(session.account.clone());
            event.country = session.spot.country;
            event.as_number = session.spot.as_number;
            event.verdict = Some(judgement.verdict);
            event.signals = judgement.signals;
            event.stopped_by = judgement.rule;
            event.observed = judgement.observed;
            event.reference = session.flag;
            self.shared.events.record(event);
        }
        Some(session)
    }

    /// Notes on a flagged session what it did besides sending, or tried. What it sends is noted when it is known what came
    /// of it.
    async fn note_change(&self, script: &Script, parts: &Parts, stopped: bool) {
        let action = &script.asked.action;
        let Some((session, flag)) = script.known_session().and_then(|session| Some((session, session.flag?))) else {
            return;
        };
        let on_away = self.on_away(&script.visit);
        let judging = self.judging(&script.visit, &on_away);
        match action {
            Action::Send(_) if stopped => Box::pin(judging.note_stopped(&flag)).await,
            Action::Send(_) => {}
            action if action.move_signal().is_some() => {
                Box::pin(judging.note_change(session, action.name(), script.targets(parts), stopped)).await;
            }
            _ => {}
        }
    }

    async fn touch(&self, script: &Script) {
        if let Some(session) = script.known_session()
            && script.visit.now.since(session.last_seen) >= TOUCH_EVERY
        {
            // Lost when the store is away: the session then ends a little early, which opens nothing.
            let _ = self.shared.store.touch_session(&session.hash, script.visit.now).await;
        }
    }

    /// The request as it goes to the webmail: cookies as they were read, an answer that can be read.
    pub(super) fn outgoing(
        &self,
        script: &mut Script,
        parts: &mut Parts,
    ) -> std::io::Result<http::Request<RequestBody>> {
        let body = match script.waiting.take() {
            Some(waiting) => waiting.into_body()?,
            None => RequestBody::Empty,
        };
        let length = http_body::Body::size_hint(&body).exact().unwrap_or(0);
        let posts = parts.method == Method::POST;
        let gated = matches!(script.asked.action, Action::SignIn { .. } | Action::Send(_));
        let mut request = self.prepare(&script.visit, parts, body);
        let headers = request.headers_mut();
        headers.remove(header::COOKIE);
        let ours = own_cookies(script.visit.site());
        let without = if script.without_session { &ours[..] } else { &ours[..1] };
        if let Some(cookies) = script.cookies.header(without) {
            headers.insert(header::COOKIE, cookies);
        }
        if posts {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        if posts || gated {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            headers.remove(header::RANGE);
        }
        Ok(request)
    }

    /// Neither sign-in nor send: carried, and where it is a POST, its answer read all the same, for an answer that says
    /// "sent" counts whatever the request looked like.
    async fn pass(&self, mut script: Script, parts: &mut Parts) -> Response<AnswerBody> {
        let posts = parts.method == Method::POST;
        let upgrade = Upgrade::of(parts, script.site());
        let Ok(request) = self.outgoing(&mut script, parts) else {
            return self.refuse_script(&script.visit, parts, &Stop::NoRoom, script.asked.shape.clone());
        };
        let visit = &script.visit;
        let timeout = visit.live.config.listen.upstream_timeout;
        let response = match self.carry(visit, request, upgrade).await {
            Ok(Carried::Answer(response)) => response,
            Ok(Carried::Upgraded(response)) => return response,
            Err(failed) => return self.upstream_failed(visit, &script.asked, &failed),
        };
        if posts || script.asked.action == Action::SignOut {
            let answer = answer::read(response, timeout).await;
            let outcome = script.site().webmail.outcome(&script.asked, &answer.seen());
            Box::pin(self.learn(&script, outcome)).await;
            self.follow_session(&script, &answer.seen()).await;
            return match whole_or_nothing(answer) {
                Some(response) => self.finish(visit, response),
                None => self.upstream_failed(visit, &script.asked, &Failed::CutShort),
            };
        }
        let (head, body) = response.into_parts();
        let seen = webmail::Answer { status: head.status, headers: &head.headers, body: None };
        self.follow_session(&script, &seen).await;
        self.finish(&script.visit, Response::from_parts(head, AnswerBody::Streamed(body)))
    }

    pub(super) fn finish(&self, visit: &Visit, mut response: Response<AnswerBody>) -> Response<AnswerBody> {
        self.harden(visit, response.headers_mut());
        response
    }

    async fn learn(&self, script: &Script, outcome: Outcome) {
        let now = script.visit.now;
        match outcome {
            Outcome::Sent => self.count_unasked(script).await,
            Outcome::PasswordChanged => {
                self.shared.events.record(script.event(EventKind::PasswordChanged));
                let Some(session) = script.known_session() else { return };
                let (site, account) = (&session.site, &session.account);
                // A thief's session outlives the change in the webmail; it ends here.
                let others =
                    self.shared.store.set_account_sessions(site, account, SessionState::Ended, script.hash, now).await;
                for hash in others.unwrap_or_default() {
                    let mut event = script.event(EventKind::SessionEnded);
                    event.session = Some(hash);
                    self.shared.events.record(event);
                }
                let on_away = self.on_away(&script.visit);
                self.judging(&script.visit, &on_away).password_changed(session).await;
            }
            Outcome::SignedOut => {
                self.shared.events.record(script.event(EventKind::SignedOut));
                if let Some(session) = script.known_session() {
                    let ended = Session { state: SessionState::Ended, ..Session::clone(session) };
                    let _ = self.shared.store.put_session(ended, now).await;
                }
            }
            Outcome::SignedIn
            | Outcome::WrongPassword
            | Outcome::NotJudged
            | Outcome::FormRefused
            | Outcome::NotSent
            | Outcome::Unclear => {}
        }
    }

    /// An answer that sets a new session cookie on a known session hands that session's state on; it never loosens.
    async fn follow_session(&self, script: &Script, seen: &webmail::Answer<'_>) {
        let Some(session) = script.known_session() else { return };
        if session.state == SessionState::Ended || !seen.headers.contains_key(header::SET_COOKIE) {
            return;
        }
        let site = script.site();
        let Some(cookie) = site.webmail.new_session_cookie(seen, &site.session_cookie) else { return };
        let hash = self.hash_session(site, &cookie);
        if Some(hash) == script.hash || hash == session.hash {
            return;
        }
        let handed = Session { hash, ..Session::clone(session) };
        if let Err(away) = self.shared.store.put_session(handed, script.visit.now).await {
            let _: Fact<()> = self.store_away(&script.visit, &away);
        }
    }
}

/// Reads on, and forgets, what a browser still sends of a body that is refused already: over HTTP/1.1 it reads no answer
/// before it has written all, and a connection closed meanwhile would take the answer with it.
async fn read_past(mut body: Incoming, patience: Duration) {
    let mut past = 0;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(patience, body.frame()).await {
        past += frame.data_ref().map_or(0, Bytes::len) as u64;
        if past > READ_PAST_MAX {
            break;
        }
    }
}

pub(super) fn read_cookies(headers: &HeaderMap) -> Cookies {
    Cookies::read(headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes))
}

/// Cookies that the webmail does not get: ours, and where a session was ended its own as well.
pub(super) fn own_cookies(site: &Site) -> [&str; 2] {
    [device::COOKIE, site.session_cookie.as_str()]
}

/// What waits for an answer, by the head of a request alone.
pub(super) fn shape_of_head(site: &Site, parts: &Parts) -> Shape {
    let path = super::below_base(parts.uri.path(), &site.base).unwrap_or("/");
    if site.webmail.place(path, &site.entry_points) != Place::Script {
        return Shape::Page;
    }
    let query = Fields::from_query(parts.uri.query().unwrap_or_default().as_bytes(), site.php_max_input_vars);
    let cookies = Cookies::read(std::iter::empty());
    site.webmail.shape(&Reading {
        method: &parts.method,
        path,
        query: &query,
        cookies: &cookies,
        form: None,
        headers: &parts.headers,
        session_cookie: &site.session_cookie,
    })
}

/// A `Set-Cookie` of ours on an answer of the webmail.
pub(super) fn add_cookie(response: &mut Response<AnswerBody>, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(cookie.as_bytes())) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
