//! The desk asked in its own process: who may do what, and what strangers and thieves get.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use tower::ServiceExt as _;

use super::operator::{NewToken, Operator};
use super::role::Needs;
use super::{Desk, News, ROUTES, Role, Settings};
use crate::admin::control::{By, Command, Control, Reply};
use crate::admin::{Admin, Facts, Peer};
use crate::clock::{Clock, Dice};
use crate::domain::flag::tests::flag;
use crate::domain::flag::{Flag, Note};
use crate::domain::{
    Account, CampaignStatus, Feature, FeatureKind, KeyRing, PastEvent, Reach, Secret, SessionHash, Sighting, Signal,
    Timestamp, Trace, Verdict,
};
use crate::intel::Intel;
use crate::store::embedded::Embedded;
use crate::store::{Seen, Settings as StoreSettings, Store};
use crate::telemetry::{Events, Metrics};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const HOST: &str = "desk.example.edu:9443";

/// What a page must never become, wherever a client or an operator wrote it.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

pub(super) struct Place {
    router: Router,
    control: Arc<Control>,
    store: Arc<dyn Store>,
    pub(super) clock: Clock,
    keys: Arc<KeyRing>,
    news: News,
    _events: crate::telemetry::events::EventsReceived,
}

impl Place {
    fn new() -> Self {
        Self::with_provider(Box::new(|| None))
    }

    /// One whose operators may sign in elsewhere.
    pub(super) fn with_provider(openid: super::OpenIdSource) -> Self {
        let text = "data_dir = \".\"\n[[site]]\nhosts = [\"one.example\"]\nupstream = \"http://127.0.0.1:1\"\n\
                    webmail = \"roundcube\"\n";
        let config = crate::config::parse(text, "mailward.toml", std::path::Path::new("."), NOW);
        let config = Arc::new(config.expect("a good file"));
        let in_force = Arc::clone(&config);
        let clock = Clock::manual(NOW);
        let day = Duration::from_secs(86_400);
        let settings = StoreSettings { session_idle: day, profile_forgotten_after: day * 180 };
        let store: Arc<dyn Store> = Arc::new(Embedded::open_scratch(NOW, settings).expect("it opens"));
        let (sink, events) = Events::to_receiver(Metrics::new(NOW));
        let keys = Arc::new(KeyRing::new(&[Secret::new([7; 32])]));
        let control = Arc::new(Control {
            store: Arc::clone(&store),
            events: sink,
            clock: clock.clone(),
            keys: Arc::clone(&keys),
            dice: Dice::repeating(1),
            config: Box::new(move || Arc::clone(&in_force)),
            embedded_in: None,
            degraded: Box::new(|| (None, 0)),
        });
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let settings = Box::new(move || Settings {
            hosts: vec!["desk.example.edu".to_owned()],
            session_idle: hours(1),
            session_max: hours(12),
        });
        let intel = Arc::new(Intel::open(&config, NOW).expect("what is compiled in"));
        let facts: Arc<dyn Fn() -> Facts + Send + Sync> = Arc::new(Facts::default);
        let news = News::new();
        let desk = Arc::new(Desk::new(Arc::clone(&control), settings, Arc::clone(&facts), intel, news.clone(), openid));
        let admin = Admin {
            metrics: Metrics::new(NOW),
            clock: clock.clone(),
            allows: Box::new(|peer| peer.is_loopback()),
            facts,
        };
        let router = crate::admin::router(Arc::new(admin), &desk);
        Self { router, control, store, clock, keys, news, _events: events }
    }

    pub(super) async fn command(&self, command: Command) -> Reply {
        self.control.answer(command, &By::command_line()).await
    }

    /// Adds an operator; the code to begin with.
    async fn add(&self, name: &str, role: Role) -> String {
        match self.command(Command::AddOperator { name: name.to_owned(), role }).await {
            Reply::OperatorCode(code) => code.code,
            reply => panic!("{reply:?}"),
        }
    }

    pub(super) fn browser(&self) -> Browser {
        Browser {
            router: self.router.clone(),
            clock: self.clock.clone(),
            cookies: BTreeMap::new(),
            address: [127, 0, 0, 1].into(),
            secret: [0; 20],
        }
    }

    /// Somebody of this role who has signed in.
    pub(super) async fn signed_in(&self, name: &str, role: Role) -> Browser {
        let code = self.add(name, role).await;
        let mut browser = self.browser();
        browser.enrol(name, &code).await;
        browser
    }

    /// A token of somebody of this role.
    async fn token(&self, name: &str, role: Role) -> String {
        let wanted = NewToken { name: "test", role, lives: Duration::from_secs(86_400) };
        let (mut operator, version) = self.control.operator(name).await.expect("the store answers").expect("added");
        let token = operator.add_token(name, wanted, &self.keys, [role as u8; 32], self.clock.now()).expect("room");
        let sealed = operator.seal(name, &self.keys, [1; 12]);
        assert!(self.store.put_operator(name, sealed, version).await.expect("the store answers"));
        token.expose().clone()
    }

    pub(super) async fn actions(&self) -> Vec<(String, String, bool)> {
        let entries = self.store.audit(None, None, 1_000).await.expect("the store answers");
        entries.into_iter().rev().map(|entry| (entry.by, entry.action, entry.done)).collect()
    }

    async fn put_flag(&self, code: u64, account: &str) -> Flag {
        let signal = Signal { name: "new_country".into(), weight: 40, sentence: format!("From {HOSTILE}.") };
        let flag = Flag {
            code: crate::domain::Reference::from_random(code),
            site: "one.example".into(),
            account: Account::from_canonical(account),
            time: NOW.before(Duration::from_secs(code)),
            verdict: Verdict::Restrict,
            user_agent: Some(HOSTILE.into()),
            signals: vec![signal],
            stopped_by: Some(HOSTILE.to_owned()),
            notes: vec![Note { time: NOW, by: HOSTILE.to_owned(), text: HOSTILE.to_owned() }],
            ..flag()
        };
        self.store.put_flag(flag.clone()).await.expect("the store answers");
        flag
    }

    /// A campaign that somebody sent a message of.
    async fn put_campaign(&self, code: u64, account: &str) -> crate::domain::Reference {
        let code = crate::domain::Reference::from_random(code);
        let sighting = Sighting {
            site: "one.example".into(),
            account: Account::from_canonical(account),
            session: SessionHash([7; 16]),
            prefix: "203.0.113.9".parse().expect("an address"),
            country: None,
            familiar: false,
            reach: Reach::Outside,
            recipients: 7,
            outside: 7,
            message: 1,
        };
        let traces = vec![Trace(std::array::from_fn(|place| account.as_bytes()[place % account.len()]))];
        let feature = Feature { kind: FeatureKind::File, traces, sketch: Vec::new() };
        let seen = Seen { sighting, features: vec![(feature, code)], until: NOW.after(Duration::from_secs(3_600)) };
        self.store.see(&seen, NOW).await.expect("the store answers");
        let settled = self.store.settle_campaign(&code, CampaignStatus::Recognised, NOW).await;
        settled.expect("the store answers").expect("it is there");
        code
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

/// A browser with its cookies.
#[derive(Clone)]
pub(super) struct Browser {
    router: Router,
    clock: Clock,
    cookies: BTreeMap<String, String>,
    pub(super) address: IpAddr,
    secret: [u8; 20],
}

impl Browser {
    fn request(&self, method: Method, path: &str, body: &str) -> Request<Body> {
        let mut request = Request::builder().method(&method).uri(path).header(header::HOST, HOST);
        if method == Method::POST {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, format!("https://{HOST}"))
                .header("sec-fetch-site", "same-origin");
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let mut request = request.body(Body::from(body.to_owned())).expect("a plain request");
        request.extensions_mut().insert(Peer(self.address));
        request
    }

    async fn send(&mut self, request: Request<Body>) -> Answer {
        // What happens in one millisecond is in no order.
        self.clock.advance(Duration::from_millis(1));
        let answer = self.router.clone().oneshot(request).await.expect("infallible");
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            assert!(text.starts_with("__Host-"), "{text}");
            // What was asked of a provider must come along with its answer, from another site.
            let same_site = if text.contains("_openid=") { "SameSite=Lax" } else { "SameSite=Strict" };
            for attribute in ["Secure", "HttpOnly", same_site, "Path=/"] {
                assert!(text.split("; ").any(|part| part == attribute), "{text}");
            }
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let is_stream =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let body = if is_stream {
            String::new()
        } else {
            let bytes = to_bytes(answer.into_body(), 4 << 20).await.expect("a whole body");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Answer { status, headers, body }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path, "");
        self.send(request).await
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(Method::POST, path, &body);
        self.send(request).await
    }

    fn code(&self) -> String {
        let secret = totp_rs::Secret::new_stack(self.secret);
        let totp = totp_rs::Builder::new().with_secret(secret).build().expect("of the usual length");
        totp.generate(self.clock.now().as_millis() / 1_000).to_string()
    }

    async fn enrol(&mut self, name: &str, code: &str) {
        let begun = self.post("/enrol", &[("name", name), ("code", code)]).await;
        assert_eq!((begun.status, begun.location()), (StatusCode::SEE_OTHER, "/enrol/password"), "{}", begun.body);
        let fields = [("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(self.post("/enrol/password", &fields).await.location(), "/enrol/factor");
        let page = self.get("/enrol/factor").await.body;
        let key = page.split("<p><code>").nth(1).and_then(|rest| rest.split('<').next()).expect("a key");
        let key = data_encoding::BASE32_NOPAD.decode(key.replace(' ', "").as_bytes()).expect("base 32");
        self.secret = key.try_into().expect("20 bytes");
        let code = self.code();
        let done = self.post("/enrol/factor", &[("with", "totp"), ("code", &code)]).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/"), "{}", done.body);
    }

    async fn give_password(&mut self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("name", name), ("password", password), ("next", "/flags")]).await
    }

    async fn prove(&mut self, code: &str) -> Answer {
        self.post("/sign-in/proof", &[("with", "totp"), ("code", code), ("next", "/flags")]).await
    }

    fn session(&self) -> String {
        self.cookies.get(super::visit::COOKIE).cloned().unwrap_or_default()
    }
}

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn an_operator_begins_signs_in_and_out_and_every_step_has_a_session_of_its_own() {
    let place = Place::new();
    let code = place.add("anna", Role::Operator).await;
    let mut browser = place.browser();
    assert_eq!(browser.get("/flags?status=all").await.location(), "/sign-in?next=%2Fflags%3Fstatus%3Dall");
    browser.enrol("anna", &code).await;
    assert_eq!(browser.get("/flags").await.status, StatusCode::OK);
    assert_eq!(
        place.browser().post("/enrol", &[("name", "anna"), ("code", &code)]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the code is used up"
    );
    let enrolled = browser.session();
    assert_eq!(browser.post("/sign-out", &[]).await.location(), "/sign-in");
    browser.cookies.insert(super::visit::COOKIE.to_owned(), enrolled.clone());
    assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER, "that session is over");

    place.clock.advance(Duration::from_secs(60));
    // Somebody planted a cookie before.
    browser.cookies.insert(super::visit::COOKIE.to_owned(), "planted".to_owned());
    let half = browser.give_password("anna", PASSWORD).await;
    assert_eq!(half.location(), "/sign-in/proof?next=%2Fflags");
    let (after_password, code) = (browser.session(), browser.code());
    assert_ne!(after_password, "planted");
    assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER, "half a sign-in opens nothing");
    assert_eq!(browser.prove("000000").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.prove(&code).await.location(), "/flags");
    assert_ne!(browser.session(), after_password);
    assert_eq!(browser.get("/flags").await.status, StatusCode::OK);
    let mut other = place.browser();
    other.cookies.insert(super::visit::COOKIE.to_owned(), after_password);
    assert_eq!(other.prove(&code).await.location(), "/sign-in", "the number of before is nobody's");
    other.give_password("anna", PASSWORD).await;
    assert_eq!(other.prove(&code).await.status, StatusCode::UNPROCESSABLE_ENTITY, "a code is good once");

    let actions = place.actions().await;
    let actions: Vec<(&str, bool)> = actions.iter().map(|(_, action, done)| (action.as_str(), *done)).collect();
    assert_eq!(
        actions,
        [
            ("operator.add", true),
            ("operator.enrol", true),
            ("operator.enrol", false),
            ("operator.sign_out", true),
            ("operator.proof", false),
            ("operator.sign_in", true),
            ("operator.proof", false),
        ]
    );
}

#[tokio::test]
async fn a_session_ends_by_itself_and_with_its_operator() {
    let place = Place::new();
    let mut browser = place.signed_in("anna", Role::Operator).await;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for _ in 0..13 {
        place.clock.advance(minutes(50));
        assert_eq!(browser.get("/flags").await.status, StatusCode::OK, "it is used");
    }
    place.clock.advance(minutes(61));
    assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER, "an hour without a visit");
    let sign_in = async |browser: &mut Browser| {
        browser.give_password("anna", PASSWORD).await;
        let code = browser.code();
        assert_eq!(browser.prove(&code).await.status, StatusCode::SEE_OTHER);
        assert_eq!(browser.get("/flags").await.status, StatusCode::OK);
    };
    sign_in(&mut browser).await;
    for _ in 0..14 {
        place.clock.advance(minutes(50));
        browser.get("/flags").await;
    }
    place.clock.advance(minutes(30));
    assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER, "half a day is a day's work");
    sign_in(&mut browser).await;
    place.command(Command::SetRole { name: "anna".to_owned(), role: Role::Viewer }).await;
    assert_eq!(browser.post("/flags", &[("do", "clear")]).await.status, StatusCode::FORBIDDEN, "at once");
    place.clock.advance(minutes(1));
    place.command(Command::ResetOperator { name: "anna".to_owned() }).await;
    assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.give_password("anna", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut other = place.signed_in("berta", Role::Viewer).await;
    assert_eq!(other.get("/").await.status, StatusCode::OK);
    place.command(Command::RemoveOperator { name: "berta".to_owned() }).await;
    assert_eq!(other.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn strangers_who_guess_are_slowed_and_lock_nobody_out() {
    let place = Place::new();
    let mut owner = place.signed_in("anna", Role::Operator).await;
    owner.post("/sign-out", &[]).await;
    let mut stranger = place.browser();
    let mut refused = 0;
    for number in 0..30 {
        let answer = stranger.give_password("anna", &format!("guess {number}")).await;
        refused += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(refused, 20);
    let unknown = stranger.give_password("nobody", "x").await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY, "as if there were one of that name");
    place.clock.advance(Duration::from_secs(60));
    owner.address = [127, 0, 0, 2].into();
    assert_eq!(owner.give_password("anna", PASSWORD).await.status, StatusCode::SEE_OTHER, "by a known browser");
    let code = owner.code();
    assert_eq!(owner.prove(&code).await.location(), "/flags");
}

fn path_of(route: &super::Route, flag: &Flag) -> String {
    route
        .path
        .replace("{code}", &flag.code.to_string())
        .replace("{session}", &"ab".repeat(16))
        .replace("{name}", "nobody")
}

#[tokio::test]
async fn every_route_is_open_to_its_role_and_to_no_lesser_one() {
    let place = Place::new();
    let flag = place.put_flag(1, "alice").await;
    for role in Role::ALL {
        let mut browser = place.signed_in(role.name(), role).await;
        let token = place.token(role.name(), role).await;
        for route in ROUTES {
            let path = path_of(route, &flag);
            // These would end the session that the others are tried with.
            if path == "/sign-out" || path.starts_with("/sign-in") && path != "/sign-in/proof" || path == "/enrol" {
                continue;
            }
            let mut request = browser.request(route.method.clone(), &path, "");
            let by_session = browser.send(request).await.status;
            request = place.browser().request(route.method.clone(), &path, "");
            let bearer = format!("Bearer {token}").parse().expect("a value");
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
            let by_token = place.browser().send(request).await.status;
            let stranger = place.browser().request(route.method.clone(), &path, "");
            let by_nobody = place.browser().send(stranger).await.status;
            let what = format!("{} {path} as {}", route.method, role.name());
            match route.needs {
                Needs::Page(least) => {
                    assert_eq!(by_session == StatusCode::FORBIDDEN, role < least, "{what}: {by_session}");
                    assert_ne!(by_session, StatusCode::METHOD_NOT_ALLOWED, "{what}");
                    assert_eq!(by_token, StatusCode::SEE_OTHER, "a token opens no page: {what}");
                    assert_eq!(by_nobody, StatusCode::SEE_OTHER, "{what}");
                }
                Needs::Token(least) => {
                    assert_eq!(by_token == StatusCode::FORBIDDEN, role < least, "{what}: {by_token}");
                    assert_ne!(by_token, StatusCode::METHOD_NOT_ALLOWED, "{what}");
                    assert_eq!(by_session, StatusCode::UNAUTHORIZED, "a cookie is no token: {what}");
                    assert_eq!(by_nobody, StatusCode::UNAUTHORIZED, "{what}");
                }
                Needs::Password | Needs::Enrolment => {
                    assert_eq!(by_session, StatusCode::SEE_OTHER, "{what}");
                    assert_eq!(by_nobody, StatusCode::SEE_OTHER, "{what}");
                }
                Needs::Nobody => assert_eq!(by_nobody, StatusCode::OK, "{what}"),
            }
        }
    }
    let refused =
        place.actions().await.iter().filter(|(_, action, done)| action.starts_with("refused ") && !done).count();
    assert!(refused > 10, "what was tried stands in the audit log");
    assert_eq!(place.store.flag(&flag.code).await.expect("it answers").map(|flag| flag.account), Some(flag.account));
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let place = Place::new();
    let flag = place.put_flag(1, "alice").await;
    let mut browser = place.signed_in("anna", Role::Administrator).await;
    for route in ROUTES.iter().filter(|route| route.method == Method::POST) {
        if matches!(route.needs, Needs::Token(_)) {
            continue;
        }
        for (site, origin) in [
            (Some("cross-site"), Some("https://evil.example")),
            (Some("same-site"), Some("https://other.example.edu")),
            (Some("cross-site"), Some("https://desk.example.edu:9443")),
            (None, Some("https://evil.example")),
            (None, Some("null")),
            (None, None),
            (Some("none"), None),
            (None, Some("https://desk.example.edu")),
        ] {
            let mut request = browser.request(Method::POST, &path_of(route, &flag), "do=confirm&code=x");
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                request.headers_mut().remove(name);
                if let Some(value) = value {
                    request.headers_mut().insert(name, value.parse().expect("a value"));
                }
            }
            let answer = browser.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} {site:?} {origin:?}", route.path);
        }
    }
    assert_eq!(browser.get("/flags").await.status, StatusCode::OK, "still signed in");
    let flag = place.store.flag(&flag.code).await.expect("it answers").expect("it is there");
    assert_eq!(flag.status, crate::domain::FlagStatus::Open);
}

#[tokio::test]
async fn the_desk_answers_under_its_own_names_and_allowed_addresses_only() {
    let place = Place::new();
    let mut browser = place.browser();
    for (host, status) in [
        ("desk.example.edu", 200),
        ("DESK.example.edu:9443", 200),
        ("127.0.0.1:9443", 200),
        ("[::1]:9443", 200),
        ("localhost:9443", 200),
        ("one.example", 421),
        ("one.example:9443", 421),
        ("evil.example", 421),
        ("desk.example.edu.evil.example", 421),
        ("desk.example.edu@evil.example", 421),
        ("", 421),
    ] {
        let mut request = browser.request(Method::GET, "/sign-in", "");
        request.headers_mut().insert(header::HOST, host.parse().expect("a value"));
        assert_eq!(browser.send(request).await.status, status, "{host:?}");
    }
    browser.address = [192, 0, 2, 1].into();
    assert_eq!(browser.get("/sign-in").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_clients_and_operators_wrote_is_text_on_every_page_and_no_page_has_code_inside() {
    let place = Place::new();
    let account = HOSTILE.to_lowercase();
    let flag = place.put_flag(1, &account).await;
    let line = serde_json::json!({
        "time": NOW.to_string(), "event": HOSTILE, "site": "one.example", "account": account, "address": HOSTILE,
        "user_agent": HOSTILE, "what": HOSTILE, "country": HOSTILE, "reference": HOSTILE, "by": HOSTILE,
    });
    let event = PastEvent { number: 1, time: NOW, line: line.to_string() };
    place.store.put_events(vec![event], Duration::from_secs(1_000_000), NOW).await.expect("the store answers");
    let lock = crate::store::Lock {
        site: "one.example".into(),
        account: Account::from_canonical(&account),
        since: NOW,
        note: HOSTILE.to_owned(),
    };
    place.store.lock(lock).await.expect("the store answers");
    let mut browser = place.signed_in("anna", Role::Administrator).await;
    browser.post("/me", &[("do", "token"), ("called", HOSTILE), ("role", "viewer"), ("days", "3")]).await;
    let noted = browser.post(&format!("/flags/{}", flag.code), &[("do", "note"), ("note", HOSTILE)]).await;
    assert_eq!(noted.status, StatusCode::OK);
    browser.post("/prefixes", &[("do", "mark"), ("prefix", "192.0.2.7"), ("note", HOSTILE)]).await;
    browser.post("/prefixes", &[("do", "mark"), ("prefix", HOSTILE), ("note", HOSTILE)]).await;
    let encoded: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    let account: String = form_urlencoded::byte_serialize(account.as_bytes()).collect();
    for path in [
        "/".to_owned(),
        "/flags".to_owned(),
        format!("/flags?q={encoded}"),
        format!("/flags?status={encoded}"),
        format!("/flags/{}", flag.code),
        format!("/flags/{encoded}"),
        format!("/account?site=one.example&name={account}"),
        format!("/search?q={encoded}"),
        "/events".to_owned(),
        format!("/events?text={encoded}&kind={encoded}&account={encoded}"),
        "/audit".to_owned(),
        format!("/audit?by={encoded}"),
        "/operators".to_owned(),
        "/prefixes".to_owned(),
        "/search?q=192.0.2.7".to_owned(),
        "/me".to_owned(),
        format!("/enrol?name={encoded}"),
        format!("/sign-in?next={encoded}"),
    ] {
        let answer = browser.get(&path).await;
        let page = &answer.body;
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}: {page}");
        for inside in [" style=", " onclick=", " onerror=alert(2)>", "javascript:"] {
            assert!(!page.contains(inside), "{path} has {inside}");
        }
        let policy =
            answer.headers.get(header::CONTENT_SECURITY_POLICY).expect("on every page").to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY", "{path}");
    }
    let csv = browser.get("/events.csv").await;
    assert!(csv.body.starts_with("time,event,"), "{}", csv.body);
    assert_eq!(csv.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
}

#[tokio::test]
async fn one_click_contains_and_one_lets_back_in() {
    let place = Place::new();
    let flags = [place.put_flag(1, "alice").await, place.put_flag(2, "bob").await];
    let mut browser = place.signed_in("anna", Role::Operator).await;
    let path = format!("/flags/{}", flags[0].code);
    let stopped = browser.post(&path, &[("do", "contain"), ("note", "ticket 4711")]).await;
    assert!(stopped.status == StatusCode::OK && stopped.body.contains("locked"), "{}", stopped.body);
    let alice = Account::from_canonical("alice");
    let site = "one.example".into();
    let lock = place.store.locked(&site, &alice).await.expect("it answers").expect("locked");
    assert_eq!(lock.note, "ticket 4711");
    let back = browser.post(&path, &[("do", "release"), ("note", "")]).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.body);
    assert_eq!(place.store.locked(&site, &alice).await.expect("it answers"), None);
    let codes: Vec<String> = flags.iter().map(|flag| flag.code.to_string()).collect();
    let several = [("code", codes[0].as_str()), ("code", &codes[1]), ("do", "clear"), ("note", "both on a journey")];
    let cleared = browser.post("/flags", &several).await;
    assert!(cleared.status == StatusCode::OK && cleared.body.contains(&codes[1]), "{}", cleared.body);
    let bob = place.store.flag(&flags[1].code).await.expect("it answers").expect("it is there");
    assert_eq!(bob.status, crate::domain::FlagStatus::Cleared);
    assert_eq!(bob.notes.last().map(|note| note.by.as_str()), Some("anna"), "by name");
    let trail: Vec<_> = place.actions().await.into_iter().filter(|(by, ..)| by == "anna").collect();
    let mut actions: Vec<&str> = trail.iter().map(|(_, action, _)| action.as_str()).collect();
    assert_eq!(actions[1], "account.lock", "{trail:?}");
    actions[2..].sort_unstable();
    assert_eq!(actions[2..], ["account.unlock", "flag.clear", "flag.clear", "flag.clear"], "{trail:?}");
}

#[tokio::test]
async fn an_address_is_marked_with_one_click_and_unmarked_with_one() {
    let place = Place::new();
    let flag = place.put_flag(1, "alice").await;
    let (site, prefix) = (crate::domain::SiteName::from("one.example"), crate::domain::Prefix::of(flag.address));
    let mark = async || place.store.marked_prefix(&site, prefix, place.clock.now()).await.expect("it answers");
    let mut browser = place.signed_in("anna", Role::Operator).await;
    let path = format!("/flags/{}", flag.code);
    let marked = browser.post(&path, &[("do", "mark")]).await;
    assert!(marked.body.contains("Take the mark off") && marked.body.contains("marked</span> by"), "{}", marked.body);
    let found = mark().await.expect("it is marked");
    assert_eq!((found.by.as_str(), found.note), ("anna", format!("flag {}", flag.code)));
    assert_eq!(found.until, found.since.after(Duration::from_secs(30 * 86_400)));
    let search = browser.get(&format!("/search?q={prefix}")).await.body;
    assert!(search.contains("marked</span> at one.example"), "{search}");
    assert!(search.contains(&flag.code.to_string()), "what came from there");
    assert!(browser.get("/prefixes").await.body.contains(&prefix.to_string()));
    let off = browser.post(&path, &[("do", "unmark")]).await;
    assert!(off.body.contains("not marked any more"), "{}", off.body);
    assert_eq!(mark().await, None);

    let long = browser.post("/prefixes", &[("do", "mark"), ("prefix", "192.0.2.0"), ("days", "366")]).await;
    assert!(long.status == StatusCode::CONFLICT && long.body.contains("1 to 365 days"), "{}", long.body);
    for (days, given) in [("0", "192.0.2.1"), ("7", "192.0.2.0/24"), ("7", ""), ("7", "example.edu")] {
        let refused = browser.post("/prefixes", &[("do", "mark"), ("prefix", given), ("days", days)]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{given} for {days} days");
    }
    for days in ["", "7"] {
        let fields = [("do", "mark"), ("prefix", "2001:db8::9"), ("days", days), ("site", "one.example")];
        assert_eq!(browser.post("/prefixes", &fields).await.status, StatusCode::OK);
    }
    let all = place.store.marked_prefixes(&site, place.clock.now()).await.expect("it answers");
    let [network] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        (network.prefix.to_string(), network.until),
        ("2001:db8::/64".to_owned(), network.since.after(Duration::from_secs(7 * 86_400)),)
    );
    let trail: Vec<_> =
        place.actions().await.into_iter().filter(|(_, action, _)| action.starts_with("prefix.")).collect();
    let expected = [("mark", true), ("unmark", true), ("mark", false)]
        .map(|(what, done)| ("anna".to_owned(), format!("prefix.{what}"), done));
    assert_eq!(trail[..3], expected);
    let Reply::Marks { marks, more: false } = place.command(Command::ListPrefixes { site: None }).await else {
        panic!("no list")
    };
    assert_eq!(marks.len(), 1);
    let mut viewer = place.signed_in("vera", Role::Viewer).await;
    assert!(!viewer.get("/prefixes").await.body.contains("<button class=\"button\""), "a viewer only looks");
    assert_eq!(viewer.post(&path, &[("do", "mark")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(mark().await, None);
}

#[tokio::test]
async fn many_flags_are_paged_through_and_each_is_seen_once() {
    let place = Place::new();
    for number in 0..260 {
        place.put_flag(number, &format!("account{number}")).await;
    }
    let mut browser = place.signed_in("anna", Role::Viewer).await;
    let (mut path, mut seen) = ("/flags".to_owned(), std::collections::BTreeSet::new());
    for _ in 0..10 {
        let page = browser.get(&path).await.body;
        let found: Vec<&str> = page.split("<a class=\"mono\" href=\"/flags/").skip(1).collect();
        assert!(found.len() <= super::flags::ROWS);
        for code in found {
            assert!(seen.insert(code[..9].to_owned()), "twice: {}", &code[..9]);
        }
        let Some(next) = page.split("href=\"/flags?").find(|part| part.contains("rel=\"next\"")) else { break };
        path = format!("/flags?{}", next.split('"').next().unwrap_or_default().replace("&#38;", "&"));
    }
    assert_eq!(seen.len(), 260);
    let one = browser.get("/flags?q=account133").await.body;
    assert_eq!(one.matches("<a class=\"mono\" href=\"/flags/").count(), 1);
}

#[tokio::test]
async fn flags_of_one_moment_are_all_seen_wherever_a_page_ends() {
    let place = Place::new();
    for number in 0..120 {
        let flag = place.put_flag(number, &format!("account{number:03}")).await;
        let recipients = crate::domain::flag::Activity { recipients: 7, ..flag.since.clone() };
        place.store.put_flag(Flag { time: NOW, since: recipients, ..flag }).await.expect("the store answers");
    }
    let mut browser = place.signed_in("anna", Role::Viewer).await;
    for order in crate::domain::FlagOrder::ALL {
        let (mut path, mut seen) = (format!("/flags?sort={}", order.name()), Vec::new());
        for _ in 0..3 {
            let page = browser.get(&path).await.body;
            let found = page.split("<a class=\"mono\" href=\"/flags/").skip(1);
            seen.extend(found.map(|code| code[..9].to_owned()));
            let next = page.split("href=\"/flags?").find(|part| part.contains("rel=\"next\""));
            let Some(next) = next else { break };
            path = format!("/flags?{}", next.split('"').next().unwrap_or_default().replace("&#38;", "&"));
        }
        let many = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((many, seen.len()), (120, 120), "{order:?}");
    }
}

#[tokio::test]
async fn flags_are_sorted_on_the_page_and_paged_through() {
    let place = Place::new();
    let mut browser = place.signed_in("vera", Role::Viewer).await;
    for code in 1..=60 {
        let mut flag = place.put_flag(code, &format!("account{code:02}")).await;
        flag.since.recipients = code as u32;
        place.store.put_flag(flag).await.expect("the store answers");
    }
    let first = browser.get("/flags?sort=recipients").await.body;
    let at = |page: &str, number: u32| page.find(&format!(">{number} recipients<"));
    assert!(at(&first, 60).is_some_and(|most| at(&first, 11).is_some_and(|least| most < least)));
    assert_eq!(at(&first, 10), None);
    let next = first.split("/flags?sort=recipients&#38;after=").nth(1).and_then(|rest| rest.split('"').next());
    let next = format!("/flags?sort=recipients&after={}", next.expect("where it goes on"));
    // One that is raised meanwhile and comes first moves none of the others to another page.
    let mut flag = place.put_flag(61, "new").await;
    flag.since.recipients = 99;
    place.store.put_flag(flag).await.expect("the store answers");
    let second = browser.get(&next).await.body;
    assert!(at(&second, 10).is_some() && at(&second, 1).is_some() && at(&second, 11).is_none());
    assert!(!second.contains("after="), "that was the last");
    for (asked, status) in [("sort=weight", 400), ("after=x", 400), ("sort=account&after=1-00000000-0-zoe", 200)] {
        assert_eq!(browser.get(&format!("/flags?{asked}")).await.status.as_u16(), status, "{asked}");
    }
}

#[tokio::test]
async fn evidence_is_one_archive_and_whoever_took_it_stands_in_the_audit_log() {
    let place = Place::new();
    let mut browser = place.signed_in("otto", Role::Operator).await;
    let flag = place.put_flag(7, "alice").await;
    let line = format!(
        r#"{{"time":"{NOW}","event":"sent","site":"one.example","account":"alice","address":"{}","recipients":40}}"#,
        flag.address
    );
    let other = line.replace("alice", "mallory").replace(&flag.address.to_string(), &format!("{}0", flag.address));
    let event = PastEvent { number: 1, time: NOW, line };
    let other = PastEvent { number: 2, time: NOW, line: other };
    place.store.put_events(vec![event, other], Duration::from_secs(86_400), NOW).await.expect("the store answers");
    let (campaign, others) = (place.put_campaign(70, "alice").await, place.put_campaign(71, "mallory").await);
    let page = browser.get(&format!("/flags/{}/evidence", flag.code)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.starts_with("PK"), "an archive");
    let name = page.headers[header::CONTENT_DISPOSITION].to_str().expect("ASCII").to_owned();
    assert_eq!(name, format!("attachment; filename=\"evidence-{}.zip\"", flag.code));
    let Reply::Evidence { archive, .. } = place.command(Command::PackEvidence { code: flag.code.to_string() }).await
    else {
        panic!("it was not packed");
    };
    let archive = data_encoding::BASE64.decode(archive.as_bytes()).expect("base64");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("an archive");
    let mut text = |name: &str| std::io::read_to_string(archive.by_name(name).expect(name)).expect("UTF-8");
    for (file, told) in [
        ("README.txt", "account alice at one.example"),
        ("flag.json", "new_country"),
        ("campaigns.json", "\"recipients\": 7"),
        ("campaigns.json", &format!("\"code\": \"{campaign}\"")),
        ("events.jsonl", "\"recipients\":40"),
        ("addresses.csv", ",1,0,0,1,40"),
        ("address-events.csv", ",sent,one.example,alice,"),
        ("configuration.toml", "http://127.0.0.1:1"),
        ("SHA256SUMS", "  events.csv"),
    ] {
        assert!(text(file).contains(told), "{file}: {}", text(file));
    }
    assert!(!text("address-events.csv").contains("mallory"), "from an address that only begins like it");
    assert!(!text("campaigns.json").contains(&others.to_string()), "nothing that it had no part in");
    assert_eq!(browser.get("/flags/AAAA-AAAA/evidence").await.status, StatusCode::CONFLICT);
    let taken = |by: &str| (by.to_owned(), "flag.evidence".to_owned(), true);
    let actions = place.actions().await;
    assert!(actions.contains(&taken("otto")) && actions.contains(&taken(By::COMMAND_LINE)), "{actions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_shown_with_what_it_did_and_another_is_tried_without_changing_anything() {
    let place = Place::new();
    let mut browser = place.signed_in("otto", Role::Operator).await;
    place.put_flag(7, "alice").await;
    let event = |seconds: u64, line: &str| {
        let time = NOW.before(Duration::from_secs(7_200 - seconds));
        let head = format!(r#""time":"{time}","site":"one.example","account":"alice","address":"203.0.113.9""#);
        PastEvent { number: seconds, time, line: format!("{{{head},{line}}}") }
    };
    let mut events = vec![event(1, r#""event":"sign_in_ok","user_agent":"Mozilla/5.0 (X11) Firefox/140.0""#)];
    events.extend((0..10).map(|at| event(60 * at + 60, r#""event":"sent","recipients":4"#)));
    events.push(event(900, r#""event":"send_refused","recipients":4,"stopped_by":"recipients_per_session 60/10m""#));
    place.store.put_events(events, Duration::from_secs(30 * 86_400), NOW).await.expect("the store answers");

    let page = browser.get("/policy").await.body;
    let number = |what: &str, number: u32| format!("<td data-label=\"{what}\" class=\"number\">{number}</td>");
    for told in ["new_country", "value=\"60/10m, 200/h\"", &number("Flags", 1), &number("Stopped", 1)] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let tried = browser.post("/policy", &[("send.limits.messages_per_session", "3/h")]).await;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.body);
    for told in ["Tried on 12 recorded", "messages_per_session = [&#34;3/h&#34;]", "<strong>3</strong>", ">throttled<"]
    {
        assert!(tried.body.contains(told), "{told}: {}", tried.body);
    }
    let wrong = browser.post("/policy", &[("risk.flag", "<b>much</b>")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("risk.flag is a number") && !wrong.body.contains("<b>much"), "{}", wrong.body);
    let limit = browser.post("/policy", &[("send.limits.recipients_per_message", "300")]).await;
    assert!(limit.body.contains("Not tried: "), "a message that no window lets pass: {}", limit.body);
    assert!(browser.get("/policy").await.body.contains("value=\"30/m\""), "nothing was changed");

    let token = place.token("otto", Role::Operator).await;
    let request = Request::post("/api/v1/policy/try")
        .header(header::HOST, HOST)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(r#"{"risk.flag": 20}"#));
    let mut request = request.expect("a plain request");
    request.extensions_mut().insert(Peer([127, 0, 0, 1].into()));
    let answer = place.browser().send(request).await;
    assert!(answer.body.contains(r#""toml":"[risk]\nflag = 20\n""#), "{} {}", answer.status, answer.body);
}

#[tokio::test]
async fn every_route_of_the_api_is_described_and_answers_as_the_command_line_does() {
    let place = Place::new();
    let flag = place.put_flag(1, "alice").await;
    place.add("anna", Role::Administrator).await;
    let token = place.token("anna", Role::Administrator).await;
    let ask = async |method: Method, path: &str, body: &str| {
        let mut browser = place.browser();
        let mut request = browser.request(method, path, body);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a value"));
        let answer = browser.send(request).await;
        (answer.status.as_u16(), serde_json::from_str::<serde_json::Value>(&answer.body).expect("JSON"))
    };
    let (_, described) = ask(Method::GET, "/api/v1/openapi.json", "").await;
    for route in ROUTES.iter().filter(|route| matches!(route.needs, Needs::Token(_))) {
        let operation = &described["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{} {}", route.method, route.path);
    }
    let (_, flags) = ask(Method::GET, "/api/v1/flags", "").await;
    assert_eq!(flags["flags"][0]["code"], flag.code.to_string());
    let (status, cleared) =
        ask(Method::POST, &format!("/api/v1/flags/{}/clear", flag.code), r#"{"note":"called her"}"#).await;
    assert_eq!((status, &cleared["reply"]), (200, &"cleared".into()));
    let (status, refused) = ask(Method::POST, "/api/v1/flags/0000-0000/clear", "").await;
    assert_eq!(status, 409);
    assert!(refused["error"].as_str().is_some_and(|why| why.contains("0000-0000")), "{refused}");
    let (status, _) = ask(Method::POST, "/api/v1/account/lock", "{}").await;
    assert_eq!(status, 400);
    let (status, _) = ask(Method::POST, "/api/v1/account/lock", "[1]").await;
    assert_eq!(status, 400);
    let (status, locked) = ask(Method::POST, "/api/v1/account/lock", r#"{"name":"Alice","site":"one.example"}"#).await;
    assert_eq!((status, &locked["done"][0]["account"]), (200, &"alice".into()));
    let (_, audit) = ask(Method::GET, "/api/v1/audit?by=anna&most=2", "").await;
    assert_eq!((&audit["audit"][0]["action"], &audit["audit"][0]["by"]), (&"account.lock".into(), &"anna".into()));
    assert!(audit["next"].is_string());

    place.add("otto", Role::Viewer).await;
    let (status, _) = ask(Method::POST, "/api/v1/operators/otto/role", r#"{"role":"operator"}"#).await;
    assert_eq!(status, 200);
    let (_, listed) = ask(Method::GET, "/api/v1/operators", "").await;
    let otto = listed["operators"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == "otto"));
    assert_eq!(otto.map(|row| &row["role"]), Some(&"operator".into()), "{listed}");
    let (status, _) = ask(Method::POST, "/api/v1/operators/otto/role", r#"{"role":"king"}"#).await;
    assert_eq!(status, 400);
    let (status, code) = ask(Method::POST, "/api/v1/operators/otto/reset", "").await;
    assert!(status == 200 && code["code"].is_string(), "{code}");
    for at_themselves in ["role", "reset", "remove"] {
        let path = format!("/api/v1/operators/anna/{at_themselves}");
        assert_eq!(ask(Method::POST, &path, r#"{"role":"viewer"}"#).await.0, 409, "{path}");
    }
    let factors = "/api/v1/account/remove-factors";
    let (status, said) = ask(Method::POST, factors, r#"{"name":"alice","site":"one.example"}"#).await;
    assert_eq!((status, &said["done"][0]["account"]), (200, &"alice".into()), "{said}");
    assert_eq!(ask(Method::POST, factors, r#"{"name":"alice","factor":"a nod"}"#).await.0, 400);
}

#[tokio::test]
async fn an_operator_changes_the_password_and_only_this_session_stays() {
    let place = Place::new();
    let mut browser = place.signed_in("anna", Role::Viewer).await;
    place.clock.advance(Duration::from_secs(30));
    let mut elsewhere = place.browser();
    elsewhere.secret = browser.secret;
    elsewhere.give_password("anna", PASSWORD).await;
    let code = elsewhere.code();
    assert_eq!(elsewhere.prove(&code).await.status, StatusCode::SEE_OTHER);
    place.clock.advance(Duration::from_secs(1));
    let new = "another horse entirely";
    let change = |old| [("do", "password"), ("old", old), ("password", new), ("again", new)];
    assert_eq!(browser.post("/me", &change("wrong")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.post("/me", &change(PASSWORD)).await.location(), "/me");
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
    assert_eq!(elsewhere.get("/me").await.status, StatusCode::SEE_OTHER);
    let opened = place.control.operator("anna").await.expect("it answers").map(|(operator, _)| operator);
    assert!(opened.as_ref().is_some_and(Operator::is_ready));
}

/// The key that a page shows for an app.
fn shown_key(page: &str) -> [u8; 20] {
    let key = page.split("<p><code>").nth(1).and_then(|rest| rest.split('<').next()).expect("a key");
    let key = data_encoding::BASE32_NOPAD.decode(key.replace(' ', "").as_bytes()).expect("base 32");
    key.try_into().expect("20 bytes")
}

/// What the radio buttons of an own page stand for.
fn which(page: &str) -> Vec<String> {
    let parts = page.split("name=\"which\" value=\"").skip(1);
    parts.filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_operator_has_several_second_proofs_and_never_removes_the_last() {
    let place = Place::new();
    let mut browser = place.signed_in("anna", Role::Viewer).await;
    let first = browser.secret;
    let ask = |what| [("do", what), ("old", PASSWORD)];
    assert_eq!(browser.get("/me/factor").await.location(), "/me", "not without the password");
    assert_eq!(browser.post("/me/factor", &[("with", "totp"), ("code", "000000")]).await.location(), "/me");
    let wrong = browser.post("/me", &[("do", "add-app"), ("old", "guess")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.get("/me/factor").await.location(), "/me", "nor with another one");

    assert_eq!(browser.post("/me", &ask("add-app")).await.location(), "/me/factor?with=totp");
    let key = shown_key(&browser.get("/me/factor?with=totp").await.body);
    assert_ne!(key, first);
    let named = |code: &str| [("with", "totp"), ("code", code), ("called", HOSTILE)].map(|(a, b)| (a, b.to_owned()));
    let post = async |browser: &mut Browser, fields: [(&str, String); 3]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/me/factor", &fields).await
    };
    assert_eq!(post(&mut browser, named("000000")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.secret = key;
    let code = browser.code();
    assert_eq!(post(&mut browser, named(&code)).await.location(), "/me");
    assert_eq!(post(&mut browser, named(&code)).await.location(), "/me", "the password counts once");
    let page = browser.get("/me").await.body;
    let [old, new] = <[String; 2]>::try_from(which(&page)).expect("two of them");
    assert!(page.contains("used just now") && !page.contains("<script>alert"), "{page}");

    // Each of them proves; a code is good once whichever it is of.
    place.clock.advance(Duration::from_secs(60));
    for secret in [first, key] {
        browser.secret = secret;
        browser.post("/sign-out", &[]).await;
        browser.give_password("anna", PASSWORD).await;
        let code = browser.code();
        assert_eq!(browser.prove(&code).await.location(), "/flags");
    }
    let remove = |which: &str, old: &str| {
        [("do", "remove-factor".to_owned()), ("which", which.to_owned()), ("old", old.to_owned())]
    };
    let ask = async |browser: &mut Browser, fields: [(&str, String); 3]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/me", &fields).await
    };
    for (fields, why) in [
        (remove(&old, "guess"), "The password is another one."),
        (remove("totp 1", PASSWORD), "no such proof"),
        (remove("", PASSWORD), "Choose which one."),
    ] {
        let refused = ask(&mut browser, fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(why), "{why}: {}", refused.body);
    }
    assert_eq!(ask(&mut browser, remove(&old, PASSWORD)).await.status, StatusCode::OK);
    let last = ask(&mut browser, remove(&new, PASSWORD)).await;
    assert!(last.body.contains("It is the last one"), "{}", last.body);
    assert_eq!(which(&browser.get("/me").await.body), [new]);

    place.clock.advance(Duration::from_secs(60));
    browser.post("/sign-out", &[]).await;
    browser.give_password("anna", PASSWORD).await;
    browser.secret = first;
    let code = browser.code();
    assert_eq!(browser.prove(&code).await.status, StatusCode::UNPROCESSABLE_ENTITY, "removed");
    browser.secret = key;
    let code = browser.code();
    assert_eq!(browser.prove(&code).await.location(), "/flags");
    // The password of ten minutes ago adds nothing.
    assert_eq!(browser.post("/me", &[("do", "add-app"), ("old", PASSWORD)]).await.location(), "/me/factor?with=totp");
    place.clock.advance(Duration::from_secs(601));
    assert_eq!(browser.get("/me/factor").await.location(), "/me");
    let actions: Vec<(String, bool)> = place.actions().await.into_iter().map(|(_, what, done)| (what, done)).collect();
    for (action, done) in
        [("add_factor", true), ("add_factor", false), ("remove_factor", true), ("remove_factor", false)]
    {
        assert!(actions.contains(&(format!("operator.{action}"), done)), "{action} {done}: {actions:?}");
    }
    let mut other = place.signed_in("berta", Role::Administrator).await;
    let reset = other.post("/operators", &[("do", "reset"), ("name", "anna")]).await;
    assert!(reset.status == StatusCode::OK && reset.body.contains("Give <strong>anna</strong> this code"));
    assert_eq!(browser.get("/me").await.status, StatusCode::SEE_OTHER, "another operator took it all away");
}

#[tokio::test]
async fn open_pages_hear_of_news_and_of_much_at_once_as_of_one_thing() {
    use crate::domain::{Event, EventKind};
    use http_body_util::BodyExt as _;
    let place = Place::new();
    let browser = place.signed_in("anna", Role::Viewer).await;
    let request = browser.request(Method::GET, "/live", "");
    let mut page = place.router.clone().oneshot(request).await.expect("infallible").into_body();
    place.news.offer(&Event::new(NOW, EventKind::ConfigurationReloaded));
    for _ in 0..100 {
        place.news.offer(&Event::new(NOW, EventKind::FlagRaised));
    }
    let said = page.frame().await.expect("news").expect("a connection that stays").into_data().expect("data");
    assert_eq!(String::from_utf8_lossy(&said), "event: news\ndata: 1\n\n");
}

#[tokio::test]
async fn monitoring_is_answered_as_before() {
    let place = Place::new();
    for (path, peer, status, says) in [
        ("/healthz", Some("127.0.0.1"), 200, "ok"),
        ("/healthz", Some("::ffff:127.0.0.1"), 200, "ok"),
        ("/readyz", Some("::1"), 200, r#""status":"ready""#),
        ("/metrics", Some("127.0.0.1"), 200, "mailward_build_info{version="),
        ("/metrics", Some("192.0.2.1"), 403, "admin_from"),
        ("/metrics", None, 403, "admin_from"),
        ("/nothing", Some("127.0.0.1"), 404, ""),
    ] {
        let mut request = Request::get(path).body(Body::empty()).expect("a plain request");
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        }
        let answer = place.browser().send(request).await;
        assert_eq!(answer.status, status, "{path} {peer:?}");
        assert!(answer.body.contains(says), "{path} {peer:?}");
    }
}
