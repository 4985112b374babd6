//! What a change of settings, an export or a removal is about, as Roundcube's forms say it.

use super::super::{addresses_sent, has_link};
use super::compose::either;
use super::php;

/// Fields that name where mail goes: identities, filters, forwards, out-of-office; arrays among them.
const ADDRESSES: &[&[u8]] =
    &[b"_email", b"_reply-to", b"_bcc", b"_action_target", b"action_target", b"rawsetcontent", b"vacation_from"];

pub(super) fn targets(query: &php::Fields, form: Option<&php::Form>) -> Vec<String> {
    let mut targets = Vec::new();
    if let Some(form) = form {
        targets.extend(addresses_sent(form, |name| ADDRESSES.iter().any(|begins| name.starts_with(begins))));
        if form.fields().text(b"_signature").is_some_and(has_link) {
            targets.push("a signature with a link".to_owned());
        }
    }
    let folder = form.and_then(|form| either(query, form, b"_mbox")).or_else(|| query.text(b"_mbox"));
    targets.extend(folder.map(|folder| format!("folder {}", String::from_utf8_lossy(folder))));
    targets
}
