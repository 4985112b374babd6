//! Known holes of SquirrelMail that show exactly in one parameter of a request.
//!
//! There has been no release since 1.4.22; versions are those of the product's own repository.

use super::serialized;
use crate::webmail::hole::{Hole, Lists, Unclosed, Version};

const ADDRESS: &str = "a text without blanks and control characters";

/// All rules.
pub(super) static HOLES: &[Hole] = &[
    Hole {
        rule: "hole:address",
        reference: "CVE-2017-7692",
        gains: "code of their own on the webmail's machine, where it sends by sendmail",
        fields: &["new_email_address"],
        at: &["/src/options"],
        accepts: ADDRESS,
        passes: address,
        lists: Lists::Refused,
        fixed: &[Version(1, 4, 23)],
    },
    Hole {
        rule: "hole:identity-address",
        reference: "CVE-2017-7692",
        gains: "code of their own on the webmail's machine, where it sends by sendmail",
        fields: &["newidentities"],
        at: &["/src/options_identities"],
        accepts: "for `email_address`: a text without blanks and control characters",
        passes: address,
        lists: Lists::Named("email_address"),
        fixed: &[Version(1, 4, 23)],
    },
    Hole {
        rule: "hole:mailto",
        reference: "CVE-2020-14932",
        gains: "objects of their choice in PHP",
        fields: &["mailtodata"],
        at: &["/src/compose", "/src/login", "/src/redirect", "/src/webmail", "/src/right_main", "/src/mailto"],
        accepts: "a serialised array of texts, numbers and arrays",
        passes: |data| serialized::passes(data, serialized::Wanted::Plain),
        lists: Lists::Refused,
        fixed: &[],
    },
    Hole {
        rule: "hole:attachments",
        reference: "CVE-2020-14933, CVE-2018-8741",
        gains: "objects of their choice in PHP, files of the webmail's machine",
        fields: &["attachments"],
        at: &["/src/compose"],
        accepts: "a serialised array of the product's own message classes, whose `att_local_name` is 32 letters and digits",
        passes: |data| serialized::passes(data, serialized::Wanted::Attachments),
        lists: Lists::Refused,
        fixed: &[],
    },
];

/// What no rule closes.
pub(super) static UNCLOSED: &[Unclosed] = &[Unclosed {
    reference: "CVE-2018-14950 to 14955, CVE-2019-12970",
    gains: "the reader's session, by script in a received message; the headers of answers limit what it can do",
    fixed: &[Version(1, 4, 23)],
}];

/// An address as a person types it: blanks around it are a slip, within it they begin another argument of the mail
/// program, and so does a `-` in front.
fn address(text: &[u8]) -> bool {
    let is_blank = |byte: &u8| *byte == b' ';
    let begin = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(begin, |last| last + 1);
    let address = &text[begin..end];
    !address.starts_with(b"-") && !address.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}
