//! What a change of settings or a removal is about, as SquirrelMail's forms say it.

use super::super::{addresses_sent, has_link};
use super::php;

pub(super) fn targets(query: &php::Fields, form: Option<&php::Form>) -> Vec<String> {
    let mut targets = Vec::new();
    if let Some(form) = form {
        // `new_email_address`, and `newidentities[0][email_address]` of a list.
        let is_address = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            ["email_address", "reply_to", "forward", "vacation"].iter().any(|part| name.contains(part))
        };
        targets.extend(addresses_sent(form, is_address));
        let sent = form.sent().unwrap_or_default();
        if sent.iter().any(|field| field.name.windows(9).any(|part| part == b"signature") && has_link(&field.value)) {
            targets.push("a signature with a link".to_owned());
        }
        let server = form.fields().text(b"mf_server").filter(|server| !server.is_empty());
        targets.extend(server.map(|server| format!("mail fetched from {}", String::from_utf8_lossy(server))));
    }
    let folder = form.and_then(|form| form.fields().text(b"mailbox")).or_else(|| query.text(b"mailbox"));
    targets.extend(folder.map(|folder| format!("folder {}", String::from_utf8_lossy(folder))));
    targets
}
