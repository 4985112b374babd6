//! A real provider for OpenID Connect, Glewlwyd from Debian's packages, with one person who proves with a password and a
//! one-time code.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};

use super::client::Client;
use super::free_ports;
use super::guarded::{Guarded, folder, wait};
use crate::scripted::desk::code_of;

/// What the gateway is called there, and what it is known by.
pub const CLIENT: (&str, &str) = ("mailward", "a-secret-of-both-sides");

/// Who may sign in, and the password.
pub const PERSON: (&str, &str) = ("berta", "a password of her own");

/// What the one-time codes come from.
const CODES: [u8; 20] = *b"twenty bytes, secret";

/// The running provider.
pub struct Provider {
    address: SocketAddr,
    client: Client,
    _process: Guarded,
}

impl Provider {
    /// Starts it, and makes everything but the client, whose address is not known yet. The person belongs to these groups.
    pub async fn start(groups: &[&str]) -> Self {
        let files = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("glewlwyd");
        let folder = folder("mailward-provider-");
        let [address] = free_ports();
        let tables = std::fs::read_to_string(files.join("init.sql")).expect("tests/prepare fetches the provider");
        let database = folder.join("database");
        rusqlite::Connection::open(&database).and_then(|database| database.execute_batch(&tables)).expect("tables");
        let (usr, base) = (files.join("usr").display().to_string(), format!("http://{address}"));
        let types = [
            ("html", "text/html"),
            ("css", "text/css"),
            ("js", "application/javascript"),
            ("json", "application/json"),
        ];
        let types =
            types.map(|(end, kind)| format!("{{ extension = \".{end}\" mime_type = \"{kind}\" compress = 0 }}"));
        let config = format!(
            "port = {}\nbind_address = \"127.0.0.1\"\nexternal_url = \"{base}\"\nlogin_url = \"login.html\"\n\
             api_prefix = \"api\"\nstatic_files_path = \"{usr}/share/glewlwyd/webapp/\"\n\
             static_files_mime_types = ({})\nlog_mode = \"console\"\nlog_level = \"INFO\"\n\
             cookie_secure = false\nsession_expiration = 3600\nsession_key = \"SESSION\"\n\
             admin_scope = \"g_admin\"\nprofile_scope = \"g_profile\"\nhash_algorithm = \"SHA512\"\n\
             user_module_path = \"{usr}/lib/glewlwyd/user\"\nclient_module_path = \"{usr}/lib/glewlwyd/client\"\n\
             user_middleware_module_path = \"{usr}/lib/glewlwyd/user_middleware\"\n\
             user_auth_scheme_module_path = \"{usr}/lib/glewlwyd/scheme\"\nplugin_module_path = \"{usr}/lib/glewlwyd/plugin\"\n\
             database = {{ type = \"sqlite3\" path = \"{}\" }};\n",
            address.port(),
            types.join(", "),
            database.display()
        );
        let path = folder.join("glewlwyd.conf");
        std::fs::write(&path, config).expect("a folder of our own");
        let (binary, path) = (format!("{usr}/bin/glewlwyd"), path.display().to_string());
        let process = Guarded::launch(&folder, &[&binary, "-c", &path]);
        wait("the provider listens", 30, || std::net::TcpStream::connect(address).is_ok());
        let mut provider = Self { address, client: Client::http(address), _process: process };
        provider.fill(groups).await;
        provider
    }

    /// What it calls itself.
    pub fn issuer(&self) -> String {
        format!("http://{}/api/oidc", self.address)
    }

    /// Makes the gateway known, which people come back to at this address; the person agrees to what it asks to know.
    pub async fn know(&mut self, back: &str) {
        let (id, secret) = CLIENT;
        self.sign_in("admin", "password").await;
        let client = json!({
            "client_id": id, "name": "The desk", "client_secret": secret, "password": secret, "enabled": true,
            "confidential": true, "redirect_uri": [back], "authorization_type": ["code"],
            "token_endpoint_auth_method": ["client_secret_basic"], "scope": ["openid", "profile"],
        });
        self.tell(Method::POST, "/api/client/", client).await;
        self.sign_in(PERSON.0, PERSON.1).await;
        self.tell(Method::PUT, &format!("/api/auth/grant/{id}"), json!({ "scope": "openid profile" })).await;
    }

    /// The code that the person's telephone shows now.
    pub fn code(&self) -> String {
        code_of(&CODES, 0)
    }

    async fn fill(&mut self, groups: &[&str]) {
        self.sign_in("admin", "password").await;
        let mut people: Value = self.tell(Method::GET, "/api/mod/user/database", Value::Null).await;
        people["parameters"]["data-format"]["groups"] =
            json!({ "multiple": true, "read": true, "write": true, "profile-read": true, "profile-write": false });
        self.tell(Method::PUT, "/api/mod/user/database", people).await;
        self.tell(Method::PUT, "/api/mod/user/database/reset/", Value::Null).await;
        let codes = json!({
            "module": "otp", "name": "otp", "display_name": "One-time code", "expiration": 600, "max_use": 0,
            "allow_user_register": true, "forbid_user_profile": false, "forbid_user_reset_credential": false,
            "parameters": {
                "issuer": "example", "secret-minimum-size": 16, "otp-length": 6, "hotp-allow": false, "hotp-window": 0,
                "totp-allow": true, "totp-window": 1, "totp-start-offset": 0,
            },
        });
        self.tell(Method::POST, "/api/mod/scheme/", codes).await;
        let who = json!({
            "name": "openid", "display_name": "Who you are", "description": "Who you are", "password_required": true,
            "password_max_age": 600, "scheme_required": { "second": 1 },
            "scheme": { "second": [{ "scheme_type": "otp", "scheme_name": "otp" }] },
        });
        self.tell(Method::PUT, "/api/scope/openid", who).await;
        let called = json!({
            "name": "profile", "display_name": "What you are called", "description": "What you are called",
            "password_required": false, "password_max_age": 0, "scheme": {},
        });
        self.tell(Method::POST, "/api/scope/", called).await;
        let person = json!({
            "username": PERSON.0, "name": "Berta", "password": PERSON.1, "enabled": true,
            "scope": ["openid", "profile", "g_profile"], "groups": groups,
        });
        self.tell(Method::POST, "/api/user/", person).await;
        self.tell(Method::POST, "/api/mod/plugin/", self.openid()).await;
        // Whoever has just begun may register a first second proof with the password alone.
        self.sign_in(PERSON.0, PERSON.1).await;
        let codes = json!({
            "username": PERSON.0, "scheme_type": "otp", "scheme_name": "otp",
            "value": { "type": "TOTP", "secret": data_encoding::BASE32.encode(&CODES), "time_step_size": 30 },
        });
        self.tell(Method::POST, "/api/profile/scheme/register/", codes).await;
    }

    fn openid(&self) -> Value {
        let key = rcgen::KeyPair::generate().expect("randomness");
        json!({
            "module": "oidc", "name": "oidc", "display_name": "OpenID Connect",
            "parameters": {
                "iss": self.issuer(), "jwt-type": "ecdsa", "jwt-key-size": "256", "key": key.serialize_pem(),
                "cert": key.public_key_pem(), "access-token-duration": 3600, "refresh-token-duration": 3600,
                "code-duration": 60, "refresh-token-rolling": false, "allow-non-oidc": false,
                "auth-type-code-enabled": true, "auth-type-token-enabled": false, "auth-type-id-token-enabled": false,
                "auth-type-none-enabled": false, "auth-type-password-enabled": false, "auth-type-client-enabled": false,
                "auth-type-refresh-enabled": false, "pkce-allowed": true, "pkce-method-plain-allowed": false,
                "pkce-required": true, "subject-type": "public", "jwks-show": true,
                "allowed-scope": ["openid", "profile"], "name-claim": "no", "email-claim": "no", "scope-claim": "no",
                "claims": [
                    { "name": "preferred_username", "user-property": "username", "type": "string", "mandatory": true },
                    { "name": "groups", "user-property": "groups", "type": "string", "mandatory": true },
                ],
            },
        })
    }

    async fn sign_in(&mut self, name: &str, password: &str) {
        self.client.forget_cookies();
        self.tell(Method::POST, "/api/auth/", json!({ "username": name, "password": password })).await;
    }

    async fn tell(&mut self, method: Method, path: &str, what: Value) -> Value {
        let body = if what.is_null() { Bytes::new() } else { Bytes::from(what.to_string()) };
        let mut request = self.client.request(method.clone(), path, body);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.client.send(request).await;
        assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.text());
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }
}
