//! Codes that an app shows (RFC 6238): six digits, a new one every half minute, each half minute good once.

use fast_qr::convert::Builder as _;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::qr::QRBuilder;
use subtle::ConstantTimeEq as _;
use totp_rs::{Builder, Secret as TotpSecret, Totp};

use super::{About, Answer, Factor, typed};
use crate::challenge::enrolled::{Enrolled, EnrolledApp};
use crate::domain::{FactorKind, Timestamp};

/// Apps that show codes.
pub struct Apps;

/// Seconds for which a code stands. What apps take for granted.
const STEP_SECONDS: u64 = 30;

/// A telephone's clock may be off by one step: at any time three codes are good.
const SKEW_STEPS: u64 = 1;

impl Factor for Apps {
    fn kind(&self) -> FactorKind {
        FactorKind::Totp
    }

    fn prove(&self, answer: &Answer<'_>, enrolled: &mut Enrolled, about: &About<'_>) -> bool {
        enrolled.apps.iter_mut().any(|app| match matching_step(&app.secret, answer.given, about.now) {
            Some(step) if step > app.last_step => {
                app.last_step = step;
                true
            }
            _ => false,
        })
    }
}

/// The step whose code this is, if it is one of those that are good at `now`.
pub fn matching_step(secret: &[u8; 20], given: &str, now: Timestamp) -> Option<u64> {
    let given = typed(given);
    let totp = totp(secret);
    let here = now.as_millis() / 1_000 / STEP_SECONDS;
    // All are compared, so that the time it takes does not say which.
    let steps = here.saturating_sub(SKEW_STEPS)..=here.saturating_add(SKEW_STEPS);
    steps.fold(None, |found, step| {
        let code = totp.generate(step.saturating_mul(STEP_SECONDS)).to_string();
        if bool::from(code.as_bytes().ct_eq(given.as_bytes())) { Some(step) } else { found }
    })
}

/// A new app with its secret. `random` is.
pub fn new_app(secret: [u8; 20], name: String, number: u64, used_step: u64, now: Timestamp) -> EnrolledApp {
    EnrolledApp { number, name, added: now, secret, last_step: used_step }
}

/// When an app proved something last, to the half minute; setting it up is such a time.
pub fn last_used(app: &EnrolledApp) -> Timestamp {
    Timestamp::from_millis(app.last_step.saturating_mul(STEP_SECONDS * 1_000))
}

/// The secret as people type it into an app: base 32 in groups of four.
pub fn spelled(secret: &[u8; 20]) -> String {
    let text = data_encoding::BASE32_NOPAD.encode(secret);
    let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

/// What an app reads from the picture (the `otpauth` scheme that all of them know).
pub fn address(secret: &[u8; 20], issuer: &str, account: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let secret = data_encoding::BASE32_NOPAD.encode(secret);
    let (issuer, account) = (encode(&issuer.replace(':', " ")), encode(&account.replace(':', " ")));
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
}

/// The same as a picture (SVG), dark on light whatever the page's colours are, for cameras. None where it is too long.
pub fn picture(address: &str) -> Option<String> {
    let code = QRBuilder::new(address).build().ok()?;
    Some(SvgBuilder::default().margin(4).to_str(&code))
}

fn totp(secret: &[u8; 20]) -> Totp {
    let builder = Builder::new().with_secret(TotpSecret::new_stack(*secret));
    builder.build().expect("20 bytes, six digits and 30 seconds are within the RFC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Account, KeyRing, Secret};

    /// The secret of RFC 6238, appendix B.
    const SECRET: [u8; 20] = *b"12345678901234567890";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_codes_of_the_rfc_are_right_for_one_step_to_either_side() {
        // Appendix B has eight digits; six are their last.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            let step = seconds / 30;
            for (now, found) in [
                (step * 30, Some(step)),
                (step * 30 + 29, Some(step)),
                (step * 30 + 59, Some(step)),
                (step * 30 - 1, Some(step)),
                (step * 30 + 60, None),
                (step * 30 - 31, None),
            ] {
                assert_eq!(matching_step(&SECRET, code, at(now)), found, "{code} at {now}");
            }
        }
        for wrong in ["", "28708", "2870820", "287083", "abcdef", "\u{662}\u{668}"] {
            assert_eq!(matching_step(&SECRET, wrong, at(59)), None, "{wrong}");
        }
        assert!(matching_step(&SECRET, " 287 082", at(59)).is_some(), "as an app shows it");
    }

    #[test]
    fn a_code_is_good_once_and_an_older_one_no_more() {
        let keys = KeyRing::new(&[Secret::new([1; 32])]);
        let (site, account) = ("webmail.example.edu".into(), Account::from_canonical("alice"));
        let about = |now| About { keys: &keys, site: &site, account: &account, host: "", origin: "", now };
        let app = new_app(SECRET, "telephone".to_owned(), 1, 0, at(0));
        let mut enrolled = Enrolled { apps: vec![app], ..Enrolled::default() };
        let mut prove =
            |code: &str, now| Apps.prove(&Answer { given: code, kept: None }, &mut enrolled, &about(at(now)));
        let (before, here) = (totp(&SECRET).generate(30).to_string(), totp(&SECRET).generate(60).to_string());
        assert!(prove(&here, 65));
        assert!(!prove(&here, 66), "used");
        assert!(!prove(&before, 66), "older than the one that was used");
        assert!(prove(&totp(&SECRET).generate(90).to_string(), 95));
    }

    #[test]
    fn the_picture_holds_the_address_and_no_style() {
        let address = address(&SECRET, "Example: University", "a b@example.edu");
        assert_eq!(
            address,
            "otpauth://totp/Example%20%20University:a%20b%40example.edu?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20%20University"
        );
        let picture = picture(&address).expect("short enough");
        assert!(
            picture.starts_with("<svg ") && !picture.contains("style") && !picture.contains("<script"),
            "{picture}"
        );
        assert_eq!(spelled(&SECRET), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }
}
