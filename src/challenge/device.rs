//! The device cookie: a signed random number that a browser keeps.
//!
//! It says only "this browser was here". Which accounts know the device is in the store, so forgetting one there
//! revokes it, and a browser that several people share needs one cookie. The signature binds it to the site and keeps
//! strangers from asking the store about invented devices.

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq as _;

use crate::domain::{KeyRing, Purpose};

/// `__Host-` makes browsers refuse it from a neighbouring host or over plain HTTP. PHP renames it to something that
/// begins with `_`, so it never reaches the webmail.
pub const COOKIE: &str = "__Host-mailward_device";

/// The longest that browsers keep a cookie, in seconds (400 days).
const MAX_AGE_SECONDS: u32 = 400 * 86_400;

const DEVICE_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

/// The device a cookie value names, if we signed it for this site. `value` is written by the client.
pub fn read(value: &[u8], site: &str, keys: &KeyRing) -> Option<[u8; DEVICE_BYTES]> {
    let bytes = BASE64URL_NOPAD.decode(value).ok()?;
    let (device, mac) = bytes.split_at_checked(DEVICE_BYTES)?;
    let genuine = keys
        .hashes(Purpose::Device, &[site.as_bytes(), device])
        .any(|expected| bool::from(expected[..MAC_BYTES].ct_eq(mac)));
    if genuine { device.try_into().ok() } else { None }
}

/// A device's name in events: it tells browsers apart and opens nothing.
pub fn pseudonym(device: [u8; DEVICE_BYTES], site: &str, keys: &KeyRing) -> String {
    let hash = keys.hash(Purpose::Pseudonym, &[b"device", site.as_bytes(), &device]);
    data_encoding::HEXLOWER.encode(&hash[..6])
}

/// The `Set-Cookie` that lets a browser keep `device`.
pub fn set_cookie(device: [u8; DEVICE_BYTES], site: &str, keys: &KeyRing) -> String {
    let mac = keys.hash(Purpose::Device, &[site.as_bytes(), &device]);
    let value = BASE64URL_NOPAD.encode(&[device.as_slice(), &mac[..MAC_BYTES]].concat());
    format!("{COOKIE}={value}; Path=/; Max-Age={MAX_AGE_SECONDS}; Secure; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    #[test]
    fn only_what_we_signed_for_this_site_is_a_device() {
        let keys = KeyRing::new(&[Secret::new([7; 32])]);
        let rotated = KeyRing::new(&[Secret::new([8; 32]), Secret::new([7; 32])]);
        let cookie = set_cookie([3; 16], "webmail.example.edu", &keys);
        let value = cookie.split(['=', ';']).nth(1).expect("a value").as_bytes().to_vec();
        assert_eq!(read(&value, "webmail.example.edu", &keys), Some([3; 16]));
        assert_eq!(read(&value, "webmail.example.edu", &rotated), Some([3; 16]), "an older key still opens it");
        assert_eq!(read(&value, "other.example.edu", &keys), None);
        let mut forged = value.clone();
        forged[0] ^= 1;
        for forged in [forged.as_slice(), b"", b"AAAA", &value[..value.len() - 2], b"\xff\xff"] {
            assert_eq!(read(forged, "webmail.example.edu", &keys), None);
        }
    }
}
