//! Operators who sign in at a provider: one that this test runs on loopback, and what thieves try with its answers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use http::{StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::tests::{Answer, Browser, Place};
use crate::admin::control::{Command, Reply};
use crate::admin::desk::Role;
use crate::openid::verify::tests::Signer;
use crate::openid::{Provider, Settings};

/// What the provider is asked for with a code: the token that it stands for, and what the verifier must hash to.
struct Promise {
    token: String,
    challenge: String,
}

/// A small provider.
struct Idp {
    address: SocketAddr,
    signer: Mutex<Signer>,
    promises: Mutex<HashMap<String, Promise>>,
    /// As which issuer it describes itself; none: as itself.
    calls_itself: Mutex<Option<String>>,
    asked: Mutex<Vec<String>>,
}

impl Idp {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let idp = Arc::new(Self {
            address: listener.local_addr().expect("bound"),
            signer: Mutex::new(Signer::new("k1")),
            promises: Mutex::default(),
            calls_itself: Mutex::default(),
            asked: Mutex::default(),
        });
        let served = Arc::clone(&idp);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let idp = Arc::clone(&served);
                tokio::spawn(async move {
                    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                    while !is_whole(&request) {
                        match stream.read(&mut buffer).await {
                            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    }
                    let (status, body) = idp.answer(&String::from_utf8_lossy(&request));
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                    let _gone = stream.write_all((head + &body).as_bytes()).await;
                });
            }
        });
        idp
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    fn answer(&self, request: &str) -> (&'static str, String) {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.lock().push(path.clone());
        let here = self.issuer();
        match path.as_str() {
            "/.well-known/openid-configuration" => {
                let issuer = self.calls_itself.lock().clone().unwrap_or_else(|| here.clone());
                let described = json!({
                    "issuer": issuer, "authorization_endpoint": format!("{here}/authorize"),
                    "token_endpoint": format!("{here}/token"), "jwks_uri": format!("{here}/keys"),
                    "authorization_response_iss_parameter_supported": true,
                });
                ("200 OK", described.to_string())
            }
            "/keys" => {
                let odd = json!({ "kty": "future", "kid": "odd" });
                ("200 OK", json!({ "keys": [odd, self.signer.lock().public] }).to_string())
            }
            "/token" => {
                let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
                let fields: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                let promise = self.promises.lock().remove(fields.get("code").map_or("", String::as_str));
                let hash = digest::digest(&digest::SHA256, fields["code_verifier"].as_bytes());
                let shown = data_encoding::BASE64URL_NOPAD.encode(hash.as_ref());
                match promise.filter(|promise| promise.challenge == shown) {
                    Some(promise) => {
                        ("200 OK", json!({ "id_token": promise.token, "token_type": "Bearer" }).to_string())
                    }
                    None => ("400 Bad Request", json!({ "error": "invalid_grant" }).to_string()),
                }
            }
            _ => ("404 Not Found", String::new()),
        }
    }

    /// Somebody signs in where a browser was sent to; `change` makes of the claims what an attack needs. What comes back.
    fn signs_in(&self, sent_to: &str, code: &str, now: u64, change: impl FnOnce(&mut Value)) -> String {
        let asked = asked(sent_to);
        let mut claims = json!({
            "iss": self.issuer(), "aud": "desk", "sub": "u1", "nonce": asked["nonce"], "iat": now, "exp": now + 300,
            "preferred_username": "Anna", "groups": ["staff", "mail-operators"], "amr": ["pwd", "mfa"],
        });
        change(&mut claims);
        let token = self.signer.lock().sign("k1", &claims);
        self.promises.lock().insert(code.to_owned(), Promise { token, challenge: asked["code_challenge"].clone() });
        back(&asked["state"], code, &self.issuer())
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|text| text.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// What a browser was sent to the provider with.
fn asked(sent_to: &str) -> HashMap<String, String> {
    let query = sent_to.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn back(state: &str, code: &str, issuer: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([("state", state), ("code", code), ("iss", issuer)]);
    format!("/sign-in/openid/back?{}", query.finish())
}

/// A desk with that provider.
fn desk(idp: &Idp) -> Place {
    let settings = Settings {
        issuer: idp.issuer(),
        client_id: "desk".to_owned(),
        client_secret_file: None,
        scopes: vec!["openid".to_owned(), "profile".to_owned()],
        roles: vec![("viewer", vec!["staff".to_owned()]), ("operator", vec!["mail-operators".to_owned()])],
        role_claim: "groups".to_owned(),
        name_claim: "preferred_username".to_owned(),
        acr: vec!["two-factors".to_owned()],
        amr: vec!["mfa".to_owned()],
        trusts_provider: false,
    };
    let provider = Arc::new(Provider::new(settings, &crate::hook::tests::tls()).expect("no file to be read"));
    Place::with_provider(Box::new(move || Some(Arc::clone(&provider))))
}

fn seconds(place: &Place) -> u64 {
    place.clock.now().as_millis() / 1_000
}

async fn begin(browser: &mut Browser) -> String {
    let sent = browser.get("/sign-in/openid?next=/flags").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    sent.location().to_owned()
}

fn is_refused(answer: &Answer, why: &str) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{why}: {}", answer.body);
    assert!(answer.body.contains(why), "{why}: {}", answer.body);
    assert!(answer.body.contains("name=\"password\""), "whatever is wrong, a password is still asked for");
}

#[tokio::test]
async fn an_operator_signs_in_at_the_provider_and_has_the_role_that_it_says() {
    let idp = Idp::start().await;
    let place = desk(&idp);
    let mut browser = place.browser();
    assert!(browser.get("/sign-in").await.body.contains("Sign in at your organisation"));
    let sent_to = begin(&mut browser).await;
    let query = asked(&sent_to);
    assert!(sent_to.starts_with(&format!("{}/authorize?", idp.issuer())), "{sent_to}");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "desk"),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
        ("acr_values", "two-factors"),
        ("redirect_uri", "https://desk.example.edu:9443/sign-in/openid/back"),
    ] {
        assert_eq!(query[name], value);
    }
    let here = idp.signs_in(&sent_to, "c1", seconds(&place), |_| {});
    let signed = browser.get(&here).await;
    assert_eq!(signed.status, StatusCode::OK, "{}", signed.body);
    assert!(signed.body.contains("http-equiv=\"refresh\" content=\"0; url=/flags\""), "{}", signed.body);
    assert_eq!(browser.get("/flags").await.status, StatusCode::OK);
    assert_eq!(browser.post("/flags", &[("do", "clear")]).await.status, StatusCode::BAD_REQUEST, "an operator");
    assert_eq!(browser.get("/operators").await.status, StatusCode::FORBIDDEN, "and no more than that");
    let me = browser.get("/me").await.body;
    assert!(me.contains("openid:anna") && !me.contains("name=\"old\""), "{me}");
    for what in ["token", "password", "add-app", "remove-factor"] {
        assert_eq!(
            browser.post("/me", &[("do", what), ("role", "viewer")]).await.status,
            StatusCode::CONFLICT,
            "{what}"
        );
    }
    // The next sign-in says less, and that holds.
    let sent_to = begin(&mut browser).await;
    let here = idp.signs_in(&sent_to, "c2", seconds(&place), |claims| claims["groups"] = json!("staff"));
    assert_eq!(browser.get(&here).await.status, StatusCode::OK);
    assert_eq!(browser.post("/flags", &[("do", "clear")]).await.status, StatusCode::FORBIDDEN);
    let Reply::Operators { operators } = place.command(Command::ListOperators).await else { panic!("no list") };
    assert!(operators.iter().any(|row| row.name == "openid:anna" && row.role == Some(Role::Viewer) && row.ready));
    let removed = place.command(Command::RemoveOperator { name: "openid:anna".to_owned() }).await;
    assert!(matches!(removed, Reply::Operator { .. }), "{removed:?}");
    assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER, "removed, and out at once");
}

#[tokio::test]
async fn nobody_gets_in_with_an_answer_that_is_not_theirs() {
    let idp = Idp::start().await;
    let place = desk(&idp);
    let mut browser = place.browser();
    let now = seconds(&place);
    // Another state, another issuer, none, a refusal: each answer is looked at once.
    for (number, (forge, why)) in [
        ("state=", "another sign-in"),
        ("iss=", "from another provider"),
        ("code=", "sent no code"),
        ("error=", "said no"),
    ]
    .into_iter()
    .enumerate()
    {
        browser.address = std::net::Ipv4Addr::new(127, 0, 3, number as u8).into();
        let sent_to = begin(&mut browser).await;
        let here = idp.signs_in(&sent_to, &format!("a{number}"), now, |_| {});
        let forged: Vec<String> = here
            .split('&')
            .map(|part| match part.split_once(forge) {
                Some((before, _)) if forge == "code=" => format!("{before}{forge}"),
                Some((before, _)) => format!("{before}{forge}http%3A%2F%2Fevil.example"),
                None => part.to_owned(),
            })
            .collect();
        let more = if forge == "error=" { "&error=access_denied" } else { "" };
        is_refused(&browser.get(&(forged.join("&") + more)).await, why);
        is_refused(&browser.get(&here).await, "not known");
    }
    // A thief's answer in the browser of somebody who began nothing, or another one.
    let mut thief = place.browser();
    thief.address = [127, 0, 4, 1].into();
    let sent_to = begin(&mut thief).await;
    let here = idp.signs_in(&sent_to, "t1", now, |_| {});
    is_refused(&place.browser().get(&here).await, "not known");
    begin(&mut browser).await;
    is_refused(&browser.get(&here).await, "another sign-in");
    // A code that was stolen on its way: the thief has another verifier.
    let sent_to = begin(&mut thief).await;
    let state = asked(&sent_to)["state"].clone();
    is_refused(&thief.get(&back(&state, "t1", &idp.issuer())).await, "answered 400 Bad Request (invalid_grant)");
    // A code that was used is used up, in whichever sign-in.
    let sent_to = begin(&mut browser).await;
    let here = idp.signs_in(&sent_to, "once", now, |_| {});
    let before = browser.clone();
    assert_eq!(browser.get(&here).await.status, StatusCode::OK);
    is_refused(&before.clone().get(&here).await, "not known");
    let state = asked(&begin(&mut browser).await)["state"].clone();
    is_refused(&browser.get(&back(&state, "once", &idp.issuer())).await, "answered 400 Bad Request (invalid_grant)");
    let signed_in = place.actions().await.into_iter().filter(|(_, action, done)| action == "operator.sign_in" && *done);
    assert_eq!(signed_in.count(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_for_this_sign_in_opens_nothing_and_neither_does_one_without_role_or_second_factor() {
    let idp = Idp::start().await;
    let place = desk(&idp);
    let now = seconds(&place);
    let attacks: [(&str, Value, &str); 9] = [
        ("nonce", json!("other"), "of another sign-in"),
        ("iss", json!("https://evil.example"), "of another issuer"),
        ("aud", json!("another-client"), "for somebody else"),
        ("exp", json!(now - 120), "too old"),
        ("iat", json!(now + 3_600), "too old, or of the future"),
        ("sub", Value::Null, "not whose it is"),
        ("amr", json!(["pwd"]), "a second factor"),
        ("groups", json!(["students"]), "no role at the desk"),
        ("preferred_username", json!("<b>anna</b>"), "audit log"),
    ];
    for (number, (claim, value, why)) in attacks.into_iter().enumerate() {
        let mut browser = place.browser();
        browser.address = std::net::Ipv4Addr::new(127, 0, 1, number as u8).into();
        let sent_to = begin(&mut browser).await;
        let here = idp.signs_in(&sent_to, &format!("c{number}"), now, |claims| claims[claim] = value);
        is_refused(&browser.get(&here).await, why);
        assert_eq!(browser.get("/flags").await.status, StatusCode::SEE_OTHER, "{claim}");
    }
    // Tokens that are signed by nobody, or with what everybody knows.
    let public = idp.signer.lock().public.to_string();
    let part = |value: Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    for (number, algorithm) in ["none", "HS256"].into_iter().enumerate() {
        let mut browser = place.browser();
        browser.address = std::net::Ipv4Addr::new(127, 0, 2, number as u8).into();
        let sent_to = begin(&mut browser).await;
        let here = idp.signs_in(&sent_to, "forged", now, |_| {});
        {
            let mut promises = idp.promises.lock();
            let promise = promises.get_mut("forged").expect("just made");
            let claims = promise.token.split('.').nth(1).expect("claims").to_owned();
            let head = format!("{}.{claims}", part(json!({ "alg": algorithm, "kid": "k1" })));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
            let signature = aws_lc_rs::hmac::sign(&key, head.as_bytes());
            let signature = if algorithm == "none" {
                String::new()
            } else {
                data_encoding::BASE64URL_NOPAD.encode(signature.as_ref())
            };
            promise.token = format!("{head}.{signature}");
        }
        is_refused(&browser.get(&here).await, "a way that does not count");
    }
    assert!(place.actions().await.iter().all(|(_, action, done)| action != "operator.sign_in" || !done));
}

#[tokio::test]
async fn a_name_is_one_persons_and_no_name_at_the_provider_is_an_operators_here() {
    let idp = Idp::start().await;
    let place = desk(&idp);
    let now = seconds(&place);
    // A local administrator of the same name is somebody else.
    place.signed_in("anna", Role::Administrator).await;
    let sign_in = async |code: &str, subject: &str, name: &str| {
        let mut browser = place.browser();
        let sent_to = begin(&mut browser).await;
        let here = idp.signs_in(&sent_to, code, now, |claims| {
            claims["sub"] = json!(subject);
            claims["preferred_username"] = json!(name);
        });
        let answer = browser.get(&here).await;
        (answer, browser)
    };
    let (answer, mut browser) = sign_in("c1", "u1", "anna").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(browser.get("/operators").await.status, StatusCode::FORBIDDEN, "not the administrator");
    let (answer, _) = sign_in("c2", "u2", "anna").await;
    is_refused(&answer, "another person of this name");
    assert_eq!(browser.get("/flags").await.status, StatusCode::OK, "who was there stays");
    let (answer, _) = sign_in("c3", "u1", "openid:anna").await;
    is_refused(&answer, "audit log");
}

#[tokio::test]
async fn keys_change_and_a_provider_that_is_away_or_somebody_else_shuts_out_nobody_with_a_password() {
    let idp = Idp::start().await;
    let place = desk(&idp);
    let mut browser = place.browser();
    let sent_to = begin(&mut browser).await;
    // The provider has a new key since it was asked for its keys.
    *idp.signer.lock() = Signer::new("k1");
    let fresh = {
        let mut signer = idp.signer.lock();
        signer.public["kid"] = json!("k2");
        drop(signer);
        idp.signs_in(&sent_to, "c1", seconds(&place), |_| {})
    };
    is_refused(&browser.get(&fresh).await, "signature");
    let asked_for_keys = || idp.asked.lock().iter().filter(|path| *path == "/keys").count();
    assert_eq!(asked_for_keys(), 1, "within a minute nobody makes us ask again");
    place.clock.advance(std::time::Duration::from_secs(3_601));
    let sent_to = begin(&mut browser).await;
    assert_eq!(asked_for_keys(), 2);
    let here = idp.signs_in(&sent_to, "c2", seconds(&place), |_| {});
    is_refused(&browser.get(&here).await, "does not publish");

    let other = Idp::start().await;
    *other.calls_itself.lock() = Some("https://other.example".to_owned());
    let confused = desk(&other);
    is_refused(&confused.browser().get("/sign-in/openid").await, "it calls itself");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let away = Idp { address: gone.local_addr().expect("bound"), ..empty() };
    drop(gone);
    let place = desk(&away);
    is_refused(&place.browser().get("/sign-in/openid").await, "cannot be asked");
    let mut local = place.signed_in("berta", Role::Viewer).await;
    assert_eq!(local.get("/flags").await.status, StatusCode::OK);
    assert!(!browser.get("/sign-in").await.headers.contains_key(header::LOCATION));
}

fn empty() -> Idp {
    Idp {
        address: ([127, 0, 0, 1], 1).into(),
        signer: Mutex::new(Signer::new("k1")),
        promises: Mutex::default(),
        calls_itself: Mutex::default(),
        asked: Mutex::default(),
    }
}
