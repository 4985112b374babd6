//! Passkeys (WebAuthn): a key in the person's device or in their hand, unlocked by finger, face or PIN.
//!
//! A passkey belongs to the host it was made for: it cannot be used on a page that only looks like this one, so no such
//! page can pass it on. What the answer must fit is kept on our side and goes to one answer only.

use webauthn_rs::prelude::{
    CreationChallengeResponse, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::{About, Answer, Factor, Question};
use crate::challenge::enrolled::Enrolled;
use crate::domain::{FactorKind, Purpose, Secret};

/// Passkeys.
pub struct Passkeys;

impl Factor for Passkeys {
    fn kind(&self) -> FactorKind {
        FactorKind::Passkey
    }

    fn ask(&self, enrolled: &Enrolled, about: &About<'_>) -> Option<Question> {
        let (options, state) = party(about)?.start_passkey_authentication(&of_host(enrolled, about)).ok()?;
        Some(Question {
            kept: Some(Secret::new(serde_json::to_string(&state).ok()?)),
            shown: serde_json::to_string(&options).ok(),
        })
    }

    fn prove(&self, answer: &Answer<'_>, enrolled: &mut Enrolled, about: &About<'_>) -> bool {
        let result = (|| {
            let state: PasskeyAuthentication = serde_json::from_str(answer.kept?).ok()?;
            let given: PublicKeyCredential = serde_json::from_str(answer.given).ok()?;
            party(about)?.finish_passkey_authentication(&given, &state).ok()
        })();
        let Some(result) = result.filter(webauthn_rs::prelude::AuthenticationResult::user_verified) else {
            return false;
        };
        // It must still be one of the account's: it may have been removed since it was asked for.
        let mut keys = enrolled.passkeys.iter_mut().filter(|passkey| passkey.host == about.host);
        let Some(passkey) = keys.find(|passkey| passkey.key.cred_id() == result.cred_id()) else { return false };
        passkey.key.update_credential(&result);
        passkey.used = Some(about.now);
        true
    }
}

/// Begins to make a passkey: what is kept, and what the page's script is given. None where this host can have none, such
/// as an address in numbers.
pub fn begin(enrolled: &Enrolled, about: &About<'_>) -> Option<Question> {
    let parts = [about.site.as_bytes(), about.account.as_str().as_bytes()];
    let handle = Uuid::from_bytes(about.keys.short_hash(Purpose::Handle, &parts));
    let known = of_host(enrolled, about).iter().map(|key| key.cred_id().clone()).collect();
    let name = about.account.as_str();
    let (options, state): (CreationChallengeResponse, _) =
        party(about)?.start_passkey_registration(handle, name, name, Some(known)).ok()?;
    Some(Question {
        kept: Some(Secret::new(serde_json::to_string(&state).ok()?)),
        shown: serde_json::to_string(&options).ok(),
    })
}

/// The passkey that an answer to [`begin`] made. None where it is not right, or is one of the account's already.
pub fn finish(answer: &Answer<'_>, enrolled: &Enrolled, about: &About<'_>) -> Option<Passkey> {
    let state: PasskeyRegistration = serde_json::from_str(answer.kept?).ok()?;
    let given: RegisterPublicKeyCredential = serde_json::from_str(answer.given).ok()?;
    let made = party(about)?.finish_passkey_registration(&given, &state).ok()?;
    let known = enrolled.passkeys.iter().any(|passkey| passkey.key.cred_id() == made.cred_id());
    (!known).then_some(made)
}

fn of_host(enrolled: &Enrolled, about: &About<'_>) -> Vec<Passkey> {
    enrolled.passkeys.iter().filter(|passkey| passkey.host == about.host).map(|passkey| passkey.key.clone()).collect()
}

/// This host as browsers name it to a key.
fn party(about: &About<'_>) -> Option<Webauthn> {
    let origin = Url::parse(about.origin).ok()?;
    WebauthnBuilder::new(about.host, &origin).ok()?.rp_name(about.site).build().ok()
}
