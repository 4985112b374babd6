//! What stands in Roundcube's compose form, as the message it will become.

use super::super::aims;
use super::super::strict::is_true;
use super::{php, word};
use crate::domain::Aim;
use crate::domain::composed::{Attached, Composed};

/// Roundcube's own bound on files is by their size; nobody attaches more by hand.
const ATTACHED_MAX: usize = 256;

/// Its text fields are UTF-8: no page of it names another charset, and a form that does is refused.
pub(super) fn composed(form: &php::Form) -> Composed {
    let fields = form.fields();
    let text = |name: &[u8]| String::from_utf8_lossy(fields.text(name).unwrap_or_default()).into_owned();
    Composed {
        from: String::from_utf8_lossy(typed_sender(fields)).into_owned(),
        to: text(b"_to"),
        cc: text(b"_cc"),
        bcc: text(b"_bcc"),
        reply_to: text(b"_replyto"),
        subject: text(b"_subject"),
        text: text(b"_message"),
        is_html: is_true(fields.text(b"_is_html")),
        attachments: text(b"_attachments")
            .split(',')
            .filter_map(|id| Some(Attached { id: word(id.as_bytes())? }))
            .take(ATTACHED_MAX)
            .collect(),
    }
}

/// The sender where one was typed; usually there is only the number of an identity.
fn typed_sender(fields: &php::Fields) -> &[u8] {
    fields.text(b"_from").filter(|from| from.contains(&b'@')).unwrap_or_default()
}

/// Where a message wants its answers, and who it says that it is from.
pub(super) fn answers(form: &php::Form) -> Aim {
    let fields = form.fields();
    let mut aim = Aim::default();
    aims::read_addresses(&mut aim, typed_sender(fields));
    for name in [&b"_replyto"[..], b"_followupto"] {
        aims::read_addresses(&mut aim, fields.text(name).unwrap_or_default());
    }
    aim
}

/// A file of the compose page that the form was sent from; the session's own cookies open it.
pub(super) fn attached_at(query: &php::Fields, form: &php::Form, attached: &Attached) -> Option<String> {
    let page = word(either(query, form, b"_id")?)?;
    Some(format!("?_task=mail&_action=display-attachment&_id={page}&_file=rcmfile{}", attached.id))
}

/// The source of the message that is sent on.
pub(super) fn resent_at(query: &php::Fields, form: &php::Form) -> Option<String> {
    let mut address = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
    address.append_pair("_task", "mail").append_pair("_action", "viewsource");
    for name in [&b"_uid"[..], b"_mbox"] {
        let value = std::str::from_utf8(either(query, form, name)?).ok()?;
        address.append_pair(std::str::from_utf8(name).ok()?, value);
    }
    Some(address.finish())
}

/// The body's word before the query's, as Roundcube takes both.
pub(super) fn either<'a>(query: &'a php::Fields, form: &'a php::Form, name: &[u8]) -> Option<&'a [u8]> {
    form.fields().text(name).or_else(|| query.text(name))
}
