//! Whether an ID token is one that the provider made for us, for this sign-in, now. Pure: keys and time are passed in.

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::domain::Timestamp;

/// Signatures that count: those with a private key that only the provider has. A secret that both sides share (`HS256`) is
/// none of them, and neither is no signature at all.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Clocks of provider and gateway may be so far apart, in seconds.
const LEEWAY: u64 = 60;

/// A token was made at most so many seconds ago: it is fetched the moment it is made.
const AGE_MAX: u64 = 600;

/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 32 << 10;

/// What a token must say.
pub struct Expected<'a> {
    /// Who made it, letter by letter.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// For which sign-in.
    pub nonce: &'a str,
}

/// Why a token is refused. The words are for the log and the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Not a token, or far too long.
    #[error("the provider's answer holds no ID token")]
    Form,
    /// By an algorithm that proves nothing.
    #[error("the ID token is signed in a way that does not count")]
    Algorithm,
    /// By a key that the provider does not publish; it may be a new one.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// Not by that key, or changed since.
    #[error("the signature of the ID token is wrong")]
    Signature,
    /// By somebody else.
    #[error("the ID token is of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the ID token is for somebody else")]
    Audience,
    /// Of another sign-in.
    #[error("the ID token is of another sign-in")]
    Nonce,
    /// Too late, too early, or without times.
    #[error("the ID token is too old, or of the future: are both clocks right?")]
    Time,
    /// It says not whose it is.
    #[error("the ID token says not whose it is")]
    Subject,
}

/// The claims of a token, once everything about it is right.
///
/// # Errors
/// Something is not.
pub fn verify(token: &str, keys: &[Jwk], expected: &Expected<'_>, now: Timestamp) -> Result<Map<String, Value>, Wrong> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Wrong::Form);
    }
    // A header that names no algorithm, or `none`, is not read at all.
    let header = decode_header(token).map_err(|_| Wrong::Algorithm)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Wrong::Algorithm);
    }
    let key = DecodingKey::from_jwk(key_of(keys, header.kid.as_deref(), header.alg)?).map_err(|_| Wrong::UnknownKey)?;
    // The rest is looked at here, by the time that is passed in.
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims: Map<String, Value> = decode(token, &key, &validation).map_err(|_| Wrong::Signature)?.claims;
    look_at(&claims, expected, now)?;
    Ok(claims)
}

/// The key that a token names; where it names none, the only one that it can be.
fn key_of<'k>(keys: &'k [Jwk], named: Option<&str>, algorithm: Algorithm) -> Result<&'k Jwk, Wrong> {
    let is_for_it = |key: &&Jwk| {
        let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        let by_it = key.common.key_algorithm.is_none_or(|of| of == KeyAlgorithm::from(algorithm));
        signs && by_it && named.is_none_or(|named| key.common.key_id.as_deref() == Some(named))
    };
    let mut fitting = keys.iter().filter(is_for_it);
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(Wrong::UnknownKey),
    }
}

fn look_at(claims: &Map<String, Value>, expected: &Expected<'_>, now: Timestamp) -> Result<(), Wrong> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(Wrong::Issuer);
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let party = text("azp");
    let is_ours = audience.contains(&expected.client_id)
        && party.is_none_or(|party| party == expected.client_id)
        && (audience.len() == 1 || party.is_some());
    if !is_ours {
        return Err(Wrong::Audience);
    }
    let nonce = text("nonce").unwrap_or_default();
    if expected.nonce.is_empty() || !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Wrong::Nonce);
    }
    let now = now.as_millis() / 1_000;
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).filter(|time| *time >= 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds, of which the whole ones count"
    )]
    let seconds = |name: &str| time(name).map(|time| time as u64);
    let (Some(ends), Some(made)) = (seconds("exp"), seconds("iat")) else { return Err(Wrong::Time) };
    let is_good = now < ends.saturating_add(LEEWAY)
        && made <= now.saturating_add(LEEWAY)
        && now.saturating_sub(made) <= AGE_MAX
        && seconds("nbf").is_none_or(|begins| begins <= now.saturating_add(LEEWAY));
    if !is_good {
        return Err(Wrong::Time);
    }
    match text("sub") {
        // The bound of the specification.
        Some(subject) if !subject.is_empty() && subject.len() <= 255 => Ok(()),
        _ => Err(Wrong::Subject),
    }
}

/// The texts under a name in the claims: one, or a list. Dots lead into what is nested, where nothing has the whole name.
pub fn texts(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let nested = || {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    };
    match claims.get(name).or_else(nested) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    /// A provider's key.
    pub(crate) struct Signer {
        pkcs8: Vec<u8>,
        pub(crate) public: Value,
        raw: Vec<u8>,
    }

    impl Signer {
        pub(crate) fn new(kid: &str) -> Self {
            let random = aws_lc_rs::rand::SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("a key");
            let raw = pair.public_key().as_ref().to_vec();
            let coordinate = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
            let public = json!({
                "kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig",
                "x": coordinate(&raw[1..33]), "y": coordinate(&raw[33..]),
            });
            Self { pkcs8: pkcs8.as_ref().to_vec(), public, raw }
        }

        pub(crate) fn sign(&self, kid: &str, claims: &Value) -> String {
            let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
            encode(&header, claims, &EncodingKey::from_ec_der(&self.pkcs8)).expect("it signs")
        }

        fn keys(&self) -> Vec<Jwk> {
            vec![serde_json::from_value(self.public.clone()).expect("a key")]
        }
    }

    const EXPECTED: Expected<'_> = Expected { issuer: "https://id.example", client_id: "desk", nonce: "n-1" };

    fn claims() -> Value {
        let now = NOW.as_millis() / 1_000;
        json!({
            "iss": "https://id.example", "aud": "desk", "sub": "u1", "nonce": "n-1", "iat": now, "exp": now + 300,
            "groups": ["staff", "mail"], "realm_access": { "roles": ["admin"] },
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[test]
    fn a_token_that_is_right_is_taken_and_any_other_is_refused_for_its_reason() {
        let signer = Signer::new("k1");
        let keys = signer.keys();
        let check = |claims: &Value| verify(&signer.sign("k1", claims), &keys, &EXPECTED, NOW).map(|_| ());
        let now = NOW.as_millis() / 1_000;
        assert_eq!(check(&claims()), Ok(()));
        assert_eq!(check(&with("aud", json!(["desk"]))), Ok(()));
        let mut two = with("aud", json!(["desk", "other"]));
        assert_eq!(check(&two), Err(Wrong::Audience), "of two it must say who asked");
        two["azp"] = json!("desk");
        assert_eq!(check(&two), Ok(()));
        for (name, value, why) in [
            ("iss", json!("https://id.example/"), Wrong::Issuer),
            ("iss", json!("https://evil.example"), Wrong::Issuer),
            ("iss", Value::Null, Wrong::Issuer),
            ("aud", json!("other"), Wrong::Audience),
            ("aud", json!([]), Wrong::Audience),
            ("aud", Value::Null, Wrong::Audience),
            ("azp", json!("other"), Wrong::Audience),
            ("nonce", json!("n-2"), Wrong::Nonce),
            ("nonce", Value::Null, Wrong::Nonce),
            ("exp", json!(now - 61), Wrong::Time),
            ("exp", Value::Null, Wrong::Time),
            ("exp", json!("tomorrow"), Wrong::Time),
            ("exp", json!(-1), Wrong::Time),
            ("iat", json!(now + 61), Wrong::Time),
            ("iat", json!(now - 601), Wrong::Time),
            ("iat", Value::Null, Wrong::Time),
            ("nbf", json!(now + 61), Wrong::Time),
            ("sub", json!(""), Wrong::Subject),
            ("sub", json!("x".repeat(256)), Wrong::Subject),
            ("sub", Value::Null, Wrong::Subject),
        ] {
            assert_eq!(check(&with(name, value.clone())), Err(why), "{name} {value}");
        }
        let no_nonce = Expected { nonce: "", ..EXPECTED };
        let token = signer.sign("k1", &with("nonce", json!("")));
        assert_eq!(verify(&token, &keys, &no_nonce, NOW).map(|_| ()), Err(Wrong::Nonce));
    }

    #[test]
    fn nothing_counts_but_the_providers_own_key() {
        let (signer, thief) = (Signer::new("k1"), Signer::new("k1"));
        let keys = signer.keys();
        let check = |token: &str| verify(token, &keys, &EXPECTED, NOW).map(|_| ());
        let token = signer.sign("k1", &claims());
        assert_eq!(check(&token), Ok(()));
        assert_eq!(check(&thief.sign("k1", &claims())), Err(Wrong::Signature), "another's key under the same name");
        assert_eq!(check(&signer.sign("k2", &claims())), Err(Wrong::UnknownKey));
        let parts: Vec<&str> = token.split('.').collect();
        let encode_part = |value: &Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let changed = encode_part(&with("sub", json!("admin")));
        assert_eq!(check(&format!("{}.{changed}.{}", parts[0], parts[2])), Err(Wrong::Signature));
        // No signature at all.
        for algorithm in ["none", "None", "NONE", ""] {
            let header = encode_part(&json!({ "alg": algorithm, "kid": "k1" }));
            for signature in ["", parts[2]] {
                let token = format!("{header}.{}.{signature}", parts[1]);
                assert_eq!(check(&token), Err(Wrong::Algorithm), "{algorithm:?}");
            }
        }
        // The public key, which everybody knows, taken as a secret that both sides share.
        let public = signer.public.to_string();
        for secret in [signer.raw.as_slice(), public.as_bytes()] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) };
                let token = encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("it signs");
                assert_eq!(check(&token), Err(Wrong::Algorithm));
            }
        }
        // A header that names another algorithm than the key is for.
        let header = encode_part(&json!({ "alg": "RS256", "kid": "k1" }));
        assert_eq!(check(&format!("{header}.{}.{}", parts[1], parts[2])), Err(Wrong::UnknownKey));
        for nonsense in ["", ".", "..", "a.b.c", &token[..token.len() - 1], &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert!(check(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn without_a_name_the_only_key_counts_and_of_two_none() {
        let (one, other) = (Signer::new("k1"), Signer::new("k2"));
        let unnamed = {
            let header = Header::new(Algorithm::ES256);
            encode(&header, &claims(), &EncodingKey::from_ec_der(&one.pkcs8)).expect("it signs")
        };
        let both = [one.keys(), other.keys()].concat();
        assert!(verify(&unnamed, &one.keys(), &EXPECTED, NOW).is_ok());
        assert_eq!(verify(&unnamed, &both, &EXPECTED, NOW).map(|_| ()), Err(Wrong::UnknownKey));
    }

    #[test]
    fn claims_are_found_by_their_name_or_by_the_way_to_them() {
        let claims = claims();
        let claims = claims.as_object().expect("an object");
        for (name, found) in [
            ("groups", &["staff", "mail"][..]),
            ("realm_access.roles", &["admin"]),
            ("sub", &["u1"]),
            ("iat", &[]),
            ("nothing.here", &[]),
            ("sub.x", &[]),
        ] {
            assert_eq!(texts(claims, name), found, "{name}");
        }
    }
}
