//! What a change of settings or a removal is about, as SquirrelMail's forms say it.

use super::super::{addresses_sent, aims, has_link};
use super::php;
use crate::domain::Aim;

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

/// Fields of the forms that are read here: identities, and the product's own filters, which only move. Forwards and answers
/// come from plugins that differ by site, and mailboxes are fetched from wherever their server says: nobody reads those.
const KNOWN: &[&[u8]] = &[
    b"newidentities",
    b"new_email_address",
    b"new_reply_to",
    b"new_signature",
    b"filter_submit",
    b"filters_user_scan",
];

/// Where a change of an identity or a filter lets mail go.
pub(super) fn aim(form: Option<&php::Form>) -> Aim {
    let Some(fields) = form.map(php::Form::fields) else { return Aim::unread() };
    if !KNOWN.iter().any(|name| fields.has(name)) || fields.has(b"mf_server") {
        return Aim::unread();
    }
    let mut aim = Aim::default();
    let mut read = |name: &[u8], value: &[u8]| {
        let is_of = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
        if is_of(b"email_address") || is_of(b"reply_to") {
            aims::read_addresses(&mut aim, value);
        } else if is_of(b"signature") {
            aims::read_signature(&mut aim, value, false);
        }
    };
    for (name, text) in fields.iter() {
        if let Some(text) = text {
            read(name, text);
        }
        fields.elements(name).iter().for_each(|element| read(&element.at, &element.text));
    }
    aim
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_thief_lets_mail_out_where_an_owner_does_the_same_within() {
        let is_outside = |body: &str| {
            let urlencoded = HeaderValue::from_static("application/x-www-form-urlencoded");
            let form = php::Form::read_whole(Some(&urlencoded), body.as_bytes(), 1000);
            aim(form.as_ref()).is_outside(&["example.edu".to_owned()])
        };
        for (what, inside, outside) in [
            (
                "identities",
                "newidentities%5B0%5D%5Bemail_address%5D=alice%40example.edu&newidentities%5B0%5D%5Breply_to%5D=",
                "newidentities%5B0%5D%5Bemail_address%5D=alice%40example.edu&newidentities%5B1%5D%5Breply_to%5D=out%40elsewhere.example",
            ),
            (
                "own name",
                "optpage=personal&optmode=submit&new_full_name=Alice&new_reply_to=office%40example.edu",
                "optpage=personal&optmode=submit&new_full_name=Alice&new_reply_to=out%40elsewhere.example",
            ),
            (
                "signature",
                "newidentities%5B0%5D%5Bsignature%5D=www.example.edu",
                "newidentities%5B0%5D%5Bsignature%5D=www.elsewhere.example",
            ),
            (
                "filter",
                "filter_submit=Submit&filter_where=From&filter_what=news&filter_folder=INBOX.News",
                "forward_address=out%40elsewhere.example",
            ),
            ("fetching", "new_reply_to=", "mf_server=pop.elsewhere.example&mf_user=x"),
        ] {
            assert!(!is_outside(inside), "{what}, inside");
            assert!(is_outside(outside), "{what}, outside");
        }
        assert!(aim(None).is_outside(&["example.edu".to_owned()]), "a link is not read");
    }
}
