//! What stands in Roundcube's compose form, as the message it will become.

use super::super::strict::is_true;
use super::{php, word};
use crate::domain::composed::{Attached, Composed};

/// Roundcube's own bound on files is by their size; nobody attaches more by hand.
const ATTACHED_MAX: usize = 256;

/// Its text fields are UTF-8: no page of it names another charset, and a form that does is refused.
pub(super) fn composed(form: &php::Form) -> Composed {
    let fields = form.fields();
    let text = |name: &[u8]| String::from_utf8_lossy(fields.text(name).unwrap_or_default()).into_owned();
    let from = text(b"_from");
    Composed {
        // Usually the number of an identity.
        from: if from.contains('@') { from } else { String::new() },
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
