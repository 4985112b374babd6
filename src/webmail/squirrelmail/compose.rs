//! What stands in SquirrelMail's compose form, as the message it will become.

use super::charset::Charset;
use super::{Composed, php};

/// The texts of the form that become part of the message.
const TEXTS: [&[u8]; 5] = [b"send_to", b"send_to_cc", b"send_to_bcc", b"subject", b"body"];

/// The sender is one of the person's identities, by number; files of it are known to the session alone.
pub(super) fn composed(form: &php::Form) -> Composed {
    let fields = form.fields();
    let charset = Charset::of(TEXTS.iter().filter_map(|name| fields.text(name)));
    let text = |name: &[u8]| fields.text(name).map(|text| charset.text(text)).unwrap_or_default();
    Composed {
        to: text(b"send_to"),
        cc: text(b"send_to_cc"),
        bcc: text(b"send_to_bcc"),
        subject: text(b"subject"),
        text: text(b"body"),
        ..Composed::default()
    }
}
