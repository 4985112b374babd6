//! An operator as it is kept: sealed under its name, changed by comparing and setting.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::password;
use super::role::Role;
use crate::challenge::enrolled::Enrolled;
use crate::domain::{FactorKind, KeyRing, Purpose, Sealing, Secret, Timestamp};

/// The longest name, in bytes.
pub const NAME_MAX: usize = 64;

/// How long the code is good with which an operator begins.
pub const ENROLMENT_LIVES: Duration = Duration::from_secs(24 * 3_600);

/// Tokens of one operator.
pub const TOKENS_MAX: usize = 20;

/// The longest life of a token.
pub const TOKEN_LIVES_MAX: Duration = Duration::from_secs(366 * 86_400);

/// An operator. It has no `Debug`: what is in it opens the desk.
#[derive(Serialize, Deserialize)]
pub struct Operator {
    /// What the operator may do.
    pub role: Role,
    /// Since when there is one of this name.
    pub added: Timestamp,
    /// The latest sign-in.
    #[serde(default)]
    pub signed_in: Option<Timestamp>,
    /// None until the operator has chosen one.
    #[serde(default)]
    pub password: Option<password::Kept>,
    /// Second proofs.
    #[serde(default)]
    pub factors: Enrolled,
    /// The code with which the operator begins; none once that is done.
    #[serde(default)]
    pub enrolment: Option<Enrolment>,
    /// Sessions and half-done sign-ins that began before this are over.
    pub void_before: Timestamp,
    /// For programs.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// Whose it is at the organisation's provider; none for those who sign in here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<OpenIdOwner>,
}

/// A person as the provider knows them: the same for ever, whatever they are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdOwner {
    /// The provider.
    pub issuer: String,
    /// The person.
    pub subject: String,
}

/// With what the names of those begin who sign in at the provider. No other operator can be called so: whoever chooses
/// names there becomes nobody here.
pub const OPENID_BEGINS: &str = "openid:";

/// A code with which an operator begins.
#[derive(Serialize, Deserialize)]
pub struct Enrolment {
    hash: [u8; 32],
    /// It is good no longer then.
    pub until: Timestamp,
}

/// A token of the JSON API, without itself.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    /// Under which it is withdrawn.
    pub number: u64,
    /// What its owner calls it.
    pub name: String,
    /// What it may do; never more than its owner.
    pub role: Role,
    /// Since when.
    pub made: Timestamp,
    /// It is good no longer then.
    pub until: Timestamp,
    hash: [u8; 32],
}

/// A name as typed, made the one form that is kept. None where it is none: letters, digits, `.`, `-`, `_` and `@`.
pub fn name(typed: &str) -> Option<String> {
    let name = typed.trim().to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@');
    let is_name = !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(fits);
    is_name.then_some(name)
}

/// The name of an operator whom the provider calls so; none where it is no name.
pub fn openid_name(called: &str) -> Option<String> {
    name(called).map(|name| format!("{OPENID_BEGINS}{name}")).filter(|name| name.len() <= NAME_MAX)
}

impl Operator {
    /// One who has not begun, and the code for it. `random` is.
    pub fn new(name: &str, role: Role, keys: &KeyRing, random: [u8; 20], now: Timestamp) -> (Self, String) {
        let mut operator = Self::bare(role, now);
        let code = operator.begin_again(name, keys, random, now);
        (operator, code)
    }

    /// One who signs in at the provider. There is nothing with which they could sign in here.
    pub fn of_openid(owner: OpenIdOwner, role: Role, now: Timestamp) -> Self {
        Self { openid: Some(owner), ..Self::bare(role, now) }
    }

    /// One with nothing to sign in with.
    fn bare(role: Role, now: Timestamp) -> Self {
        Self {
            role,
            added: now,
            signed_in: None,
            password: None,
            factors: Enrolled::default(),
            enrolment: None,
            void_before: now,
            tokens: Vec::new(),
            openid: None,
        }
    }

    /// Forgets password, factors, tokens and sessions; returns the code for a new beginning. `random` is.
    pub fn begin_again(&mut self, name: &str, keys: &KeyRing, random: [u8; 20], now: Timestamp) -> String {
        let letters = data_encoding::BASE32_NOPAD.encode(&random);
        self.password = None;
        self.factors = Enrolled::default();
        self.tokens.clear();
        self.void_before = now;
        self.enrolment = Some(Enrolment { hash: code_hash(name, &letters, keys), until: now.after(ENROLMENT_LIVES) });
        let groups: Vec<&str> =
            letters.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        groups.join("-")
    }

    /// Whether this is the code to begin with, as typed. Without one it is compared all the same.
    pub fn begins_with(operator: Option<&Self>, name: &str, typed: &str, keys: &KeyRing, now: Timestamp) -> bool {
        let letters: String = typed
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .take(64)
            .collect();
        let parts: [&[u8]; 3] = [b"enrolment", name.as_bytes(), letters.as_bytes()];
        let enrolment = operator.and_then(|operator| operator.enrolment.as_ref());
        let kept = enrolment.map_or([0; 32], |enrolment| enrolment.hash);
        let fits = keys.hashes(Purpose::Desk, &parts).fold(false, |fits, hash| fits | bool::from(hash.ct_eq(&kept)));
        fits && enrolment.is_some_and(|enrolment| now < enrolment.until)
    }

    /// Whether the operator has a password and a second proof.
    pub fn is_ready(&self) -> bool {
        self.password.is_some() && self.factors.is_protected()
    }

    /// The second proofs by name, for pages.
    pub fn factor_names(&self) -> Vec<String> {
        let passkeys =
            self.factors.passkeys.iter().map(|passkey| format!("{} “{}”", FactorKind::Passkey.name(), passkey.name));
        let apps = self.factors.apps.iter().map(|app| format!("app “{}”", app.name));
        let provider = self.openid.iter().map(|_| "OpenID Connect".to_owned());
        passkeys.chain(apps).chain(provider).collect()
    }

    /// A new token, shown this once. None where there is no room. `random` is.
    pub fn add_token(
        &mut self,
        owner: &str,
        wanted: NewToken<'_>,
        keys: &KeyRing,
        random: [u8; 32],
        now: Timestamp,
    ) -> Option<Secret<String>> {
        self.tokens.retain(|token| now < token.until);
        if self.tokens.len() >= TOKENS_MAX {
            return None;
        }
        let secret = data_encoding::BASE64URL_NOPAD.encode(&random);
        let number = self.tokens.iter().map(|token| token.number).max().unwrap_or(0) + 1;
        let hash = keys.hash(Purpose::Desk, &[b"token", owner.as_bytes(), secret.as_bytes()]);
        let NewToken { name, role, lives } = wanted;
        let token = Token {
            number,
            name: crate::challenge::enrolled::short_name(name, "token"),
            role: role.min(self.role),
            made: now,
            until: now.after(lives.min(TOKEN_LIVES_MAX)),
            hash,
        };
        self.tokens.push(token);
        Some(Secret::new(format!("{TOKEN_BEGINS}{owner}.{secret}")))
    }

    /// What the token with this secret may do; none where it is not good.
    pub fn token_role(&self, owner: &str, secret: &str, keys: &KeyRing, now: Timestamp) -> Option<Role> {
        let parts: [&[u8]; 3] = [b"token", owner.as_bytes(), secret.as_bytes()];
        let hashes: Vec<[u8; 32]> = keys.hashes(Purpose::Desk, &parts).collect();
        let right =
            |token: &&Token| hashes.iter().fold(false, |right, hash| right | bool::from(hash.ct_eq(&token.hash)));
        let token = self.tokens.iter().find(right).filter(|token| now < token.until)?;
        Some(token.role.min(self.role))
    }

    /// Opens what [`Operator::seal`] made. None where it cannot be read: a key is gone, or it is another's.
    pub fn open(sealed: &[u8], name: &str, keys: &KeyRing) -> Option<Self> {
        let plain = keys.open(Sealing::Operator, &[name.as_bytes()], sealed)?;
        serde_json::from_slice(plain.expose()).ok()
    }

    /// Seals it under its name. `nonce` is random.
    pub fn seal(&self, name: &str, keys: &KeyRing, nonce: [u8; 12]) -> Vec<u8> {
        let plain = serde_json::to_vec(self).expect("numbers, texts and bytes");
        keys.seal(Sealing::Operator, &[name.as_bytes()], &Secret::new(plain), nonce)
    }
}

/// What a token is to be.
pub struct NewToken<'a> {
    /// What its owner calls it.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// For how long.
    pub lives: Duration,
}

/// How a token begins: secret scanners know it by that.
const TOKEN_BEGINS: &str = "mailward.";

/// The operator that a token names, and its secret.
pub fn token_parts(token: &str) -> Option<(&str, &str)> {
    token.strip_prefix(TOKEN_BEGINS)?.rsplit_once('.').filter(|(owner, _)| owner.len() <= NAME_MAX)
}

fn code_hash(name: &str, letters: &str, keys: &KeyRing) -> [u8; 32] {
    keys.hash(Purpose::Desk, &[b"enrolment", name.as_bytes(), letters.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn keys(seeds: &[u8]) -> KeyRing {
        KeyRing::new(&seeds.iter().map(|seed| Secret::new([*seed; 32])).collect::<Vec<_>>())
    }

    #[test]
    fn the_code_to_begin_with_is_good_for_its_name_for_a_day_and_as_typed() {
        let keys = keys(&[1]);
        let (operator, code) = Operator::new("anna", Role::Operator, &keys, [9; 20], NOW);
        let begins = |name: &str, typed: &str, now| Operator::begins_with(Some(&operator), name, typed, &keys, now);
        assert!(begins("anna", &code, NOW));
        assert!(begins("anna", &format!(" {} ", code.to_lowercase().replace('-', " ")), NOW));
        assert!(!begins("berta", &code, NOW));
        assert!(!begins("anna", &code[..30], NOW) && !begins("anna", "", NOW));
        assert!(!begins("anna", &code, NOW.after(ENROLMENT_LIVES)));
        assert!(!Operator::begins_with(None, "anna", &code, &keys, NOW));
        assert!(!operator.is_ready());
    }

    #[test]
    fn an_operator_opens_under_its_own_name_only_and_after_a_key_was_added() {
        let (operator, _) = Operator::new("anna", Role::Administrator, &keys(&[1]), [9; 20], NOW);
        let sealed = operator.seal("anna", &keys(&[1]), [3; 12]);
        assert!(Operator::open(&sealed, "anna", &keys(&[2, 1])).is_some_and(|read| read.role == Role::Administrator));
        assert!(Operator::open(&sealed, "berta", &keys(&[1])).is_none());
        assert!(Operator::open(&sealed, "anna", &keys(&[2])).is_none());
    }

    #[test]
    fn a_token_does_what_it_was_made_for_until_its_end_and_never_more_than_its_owner() {
        let keys = keys(&[1]);
        let (mut operator, _) = Operator::new("a.b@c", Role::Operator, &keys, [9; 20], NOW);
        let day = Duration::from_secs(86_400);
        let mut make = |role, seed| {
            let wanted = NewToken { name: "cron", role, lives: day };
            let token = operator.add_token("a.b@c", wanted, &keys, [seed; 32], NOW).expect("there is room");
            token_parts(token.expose()).map(|(owner, secret)| (owner.to_owned(), secret.to_owned())).expect("a token")
        };
        let (owner, viewer) = make(Role::Viewer, 1);
        let (_, greedy) = make(Role::Administrator, 2);
        assert_eq!(owner, "a.b@c");
        let role = |operator: &Operator, secret: &str, now| operator.token_role("a.b@c", secret, &keys, now);
        assert_eq!(role(&operator, &viewer, NOW), Some(Role::Viewer));
        assert_eq!(role(&operator, &greedy, NOW), Some(Role::Operator));
        assert_eq!(role(&operator, &viewer, NOW.after(day)), None);
        assert_eq!(operator.token_role("other", &viewer, &keys, NOW), None);
        assert_eq!(role(&operator, "", NOW), None);
        operator.role = Role::Viewer;
        assert_eq!(role(&operator, &greedy, NOW), Some(Role::Viewer), "its owner may do less now");
        operator.begin_again("a.b@c", &keys, [1; 20], NOW);
        assert_eq!(role(&operator, &viewer, NOW), None);
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(name(" Anna.B@example.edu ").as_deref(), Some("anna.b@example.edu"));
        for wrong in ["", " ", "command line", "a/b", "anna\n", "<b>", "ä", &"x".repeat(65)] {
            // Spaces around are taken away; a line's end is one.
            assert_eq!(name(wrong), (wrong == "anna\n").then(|| "anna".to_owned()), "{wrong:?}");
        }
    }
}
