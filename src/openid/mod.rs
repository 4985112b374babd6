//! OpenID Connect for operators: signing in with the organisation's own provider (authorization code with PKCE, nonce and
//! state). What the provider says is believed only when it is signed, for us, for this sign-in and now ([`verify`]).
//!
//! The room asks the provider and says who it is; it knows no session, page or role. Whatever is wrong with the provider,
//! operators with a password go on signing in with that.

pub mod verify;

use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

pub use crate::config::OpenId as Settings;
use crate::domain::{Secret, Timestamp};
use verify::{Expected, Wrong};

/// The provider has so long for each answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 64;

/// What the provider says of itself is asked again after so long.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);

/// A token with an unknown key makes us ask again, but not more often than this: anybody can make up such tokens.
const KEYS_ASKED_EACH: Duration = Duration::from_secs(60);

/// The provider, with what it said of itself.
pub struct Provider {
    settings: Settings,
    secret: Option<Secret<String>>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    at: Timestamp,
    metadata: Metadata,
    keys: Vec<Jwk>,
}

/// What of its own description counts.
#[derive(Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The provider cannot be asked, or answers nonsense.
    #[error("the provider cannot be asked: {0}")]
    Away(String),
    /// It said no, or the answer is somebody else's.
    #[error("{0}")]
    Answer(String),
    /// The token is not good.
    #[error(transparent)]
    Token(#[from] Wrong),
    /// There is no proof of a second factor.
    #[error("the provider does not say that there was a second factor")]
    OneFactor,
}

/// Secrets of one sign-in, each drawn at random.
#[derive(Clone, Debug)]
pub struct Secrets<'a> {
    /// Binds the answer to the browser that asked.
    pub state: &'a str,
    /// Binds the token to this sign-in.
    pub nonce: &'a str,
    /// Shown only when the code is exchanged: whoever steals the code has nothing.
    pub verifier: &'a str,
}

/// What came back with the browser. Written by the client.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// The code.
    pub code: &'a str,
    /// Who says so, where the provider names itself.
    pub issuer: Option<&'a str>,
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The same for ever, at this issuer.
    pub subject: String,
    /// What people call them; may change.
    pub name: Option<String>,
    /// What the configuration grants for what the provider says: `viewer`, `operator` or `administrator`.
    pub grants: Vec<&'static str>,
}

impl Provider {
    /// A provider nobody has asked yet. `tls` is trusted.
    ///
    /// # Errors
    /// The file with the client's secret cannot be read.
    pub fn new(settings: Settings, tls: &rustls::ClientConfig) -> Result<Self, String> {
        let secret = settings.client_secret_file.as_ref().map(|path| {
            let text = std::fs::read_to_string(path);
            text.map(|text| Secret::new(text.trim().to_owned()))
                .map_err(|error| format!("{} cannot be read: {error}", path.display()))
        });
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { settings, secret: secret.transpose()?, client, known: Mutex::default() })
    }

    /// What it was made from.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// The provider cannot be asked what it is.
    pub async fn begin(&self, back: &str, secrets: &Secrets<'_>, now: Timestamp) -> Result<String, Refused> {
        let known = self.known(now).await?;
        let challenge = digest::digest(&digest::SHA256, secrets.verifier.as_bytes());
        let challenge = data_encoding::BASE64URL_NOPAD.encode(challenge.as_ref());
        let scope = self.settings.scopes.join(" ");
        let acr = self.settings.acr.join(" ");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", back),
            ("scope", &scope),
            ("state", secrets.state),
            ("nonce", secrets.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        if !acr.is_empty() {
            query.append_pair("acr_values", &acr);
        }
        let endpoint = &known.metadata.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{}", query.finish()))
    }

    /// Who signed in, by what came back with the browser whose secrets these are.
    ///
    /// # Errors
    /// Nobody did, as far as we can tell.
    pub async fn finish(
        &self,
        came: Came<'_>,
        back: &str,
        secrets: &Secrets<'_>,
        now: Timestamp,
    ) -> Result<Identity, Refused> {
        let known = self.known(now).await?;
        // An answer of another provider, brought here by whoever stands between two.
        let names_itself = known.metadata.authorization_response_iss_parameter_supported;
        let is_ours = came.issuer.map_or(!names_itself, |issuer| issuer == self.settings.issuer);
        if !is_ours {
            return Err(Refused::Answer("the answer comes from another provider".to_owned()));
        }
        let token = self.exchange(&known.metadata, came.code, back, secrets).await?;
        let expected =
            Expected { issuer: &self.settings.issuer, client_id: &self.settings.client_id, nonce: secrets.nonce };
        let claims = match verify::verify(&token, &known.keys, &expected, now) {
            Err(Wrong::UnknownKey) => verify::verify(&token, &self.keys_anew(now).await?, &expected, now)?,
            checked => checked?,
        };
        self.identity(&claims)
    }

    /// Who it is by these claims, whose token is good.
    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, Refused> {
        let Settings { acr, amr, trusts_provider, roles, role_claim, name_claim, .. } = &self.settings;
        let says = |name: &str, wanted: &[String]| verify::texts(claims, name).iter().any(|said| wanted.contains(said));
        if !trusts_provider && !says("acr", acr) && !says("amr", amr) {
            return Err(Refused::OneFactor);
        }
        let said = verify::texts(claims, role_claim);
        let grants = roles.iter().filter(|(_, values)| said.iter().any(|said| values.contains(said)));
        Ok(Identity {
            subject: verify::texts(claims, "sub").pop().ok_or(Wrong::Subject)?,
            name: verify::texts(claims, name_claim).into_iter().next(),
            grants: grants.map(|(role, _)| *role).collect(),
        })
    }

    /// What the provider says of itself, asked anew where that was long ago.
    async fn known(&self, now: Timestamp) -> Result<Known, Refused> {
        // Whoever comes meanwhile waits for the same answer.
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at <= now && now.since(known.at) < KNOWN_FOR) {
            return Ok(known.clone());
        }
        let fresh = self.discover(now).await?;
        Ok(known.insert(fresh).clone())
    }

    async fn keys_anew(&self, now: Timestamp) -> Result<Vec<Jwk>, Refused> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at <= now && now.since(known.at) < KEYS_ASKED_EACH) {
            return Ok(known.keys.clone());
        }
        let fresh = self.discover(now).await?;
        Ok(known.insert(fresh).keys.clone())
    }

    async fn discover(&self, now: Timestamp) -> Result<Known, Refused> {
        let address = format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let metadata: Metadata = read(&self.get(&address).await?)?;
        if metadata.issuer != self.settings.issuer {
            return Err(Refused::Away(format!(
                "it calls itself {:?}, not {:?}",
                metadata.issuer, self.settings.issuer
            )));
        }
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
            if !crate::config::is_safe_endpoint(endpoint) {
                return Err(Refused::Away(format!("{endpoint:?} is not https")));
            }
        }
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Value>,
        }
        let found: Keys = read(&self.get(&metadata.jwks_uri).await?)?;
        // Keys of a kind that we do not know are none of ours.
        let keys = found.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).take(KEYS_MAX).collect();
        Ok(Known { at: now, metadata, keys })
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        back: &str,
        secrets: &Secrets<'_>,
    ) -> Result<String, Refused> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", back),
                ("client_id", &self.settings.client_id),
                ("code_verifier", secrets.verifier),
            ])
            .finish();
        let mut request = Request::post(metadata.token_endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(secret) = &self.secret {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encode(&self.settings.client_id), encode(secret.expose()));
            let value = format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()));
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.header(header::ACCEPT, "application/json").body(Full::from(form));
        #[derive(Deserialize)]
        struct Tokens {
            id_token: Option<String>,
        }
        let tokens: Tokens = read(&self.ask(request).await?)?;
        tokens.id_token.ok_or_else(|| Wrong::Form.into())
    }

    async fn get(&self, address: &str) -> Result<Bytes, Refused> {
        self.ask(Request::get(address).header(header::ACCEPT, "application/json").body(Full::default())).await
    }

    async fn ask(&self, request: http::Result<Request<Full<Bytes>>>) -> Result<Bytes, Refused> {
        let request = request.map_err(|error| Refused::Away(error.to_string()))?;
        let of = host(request.uri());
        let answered = tokio::time::timeout(PATIENCE, async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| format!("{of}: {:#}", anyhow::Error::new(error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| format!("{of}: {error}"))?.to_bytes();
            Ok::<_, String>((status, body))
        });
        let answered =
            answered.await.unwrap_or_else(|_| Err(format!("{of}: no answer within {} s", PATIENCE.as_secs())));
        let (status, body) = answered.map_err(Refused::Away)?;
        match status {
            status if status.is_success() => Ok(body),
            status if status.is_client_error() => {
                let why = error_code(&body).map(|code| format!(" ({code})")).unwrap_or_default();
                Err(Refused::Answer(format!("{of} answered {status}{why}")))
            }
            status => Err(Refused::Away(format!("{of} answered {status}"))),
        }
    }
}

/// What the provider calls what went wrong, such as `invalid_client` (RFC 6749, section 5.2); none where it is no such word.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Error {
        error: String,
    }
    let Error { error } = serde_json::from_slice(body).ok()?;
    let is_word =
        (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word.then_some(error)
}

fn host(address: &Uri) -> String {
    address.host().unwrap_or("the provider").to_owned()
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::Away(format!("its answer makes no sense: {error}")))
}
