//! Known holes of Roundcube that show exactly in one parameter of a request.
//!
//! Versions are those of Roundcube's own releases; distributions mend theirs without changing the number.

use crate::webmail::hole::{Hole, Lists, Unclosed, Version, one_line};

/// What is looked at of a name in a search or list of folders.
const ONE_LINE: &str = "one line of any text";

/// Bytes of a time zone's name; the longest has 32.
const ZONE_BYTES_MAX: usize = 64;

const fn search(rule: &'static str, fields: &'static [&'static str], lists: Lists) -> Hole {
    Hole {
        rule,
        reference: "CVE-2026-35538, CVE-2026-75002",
        gains: "IMAP commands of their own",
        fields,
        at: &["search"],
        accepts: ONE_LINE,
        passes: one_line,
        lists,
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    }
}

const fn header(rule: &'static str, reference: &'static str, field: &'static [&'static str]) -> Hole {
    Hole {
        rule,
        reference,
        gains: "headers of their own in a message",
        fields: field,
        at: &["compose"],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 20)],
    }
}

/// All rules.
pub(super) static HOLES: &[Hole] = &[
    Hole {
        rule: "hole:upload-from",
        reference: "CVE-2025-49113",
        gains: "code of their own on the webmail's machine",
        fields: &["_from"],
        at: &["upload", "attachment_upload", "upload_display"],
        accepts: "letters, digits, `_`, `.`, `-`",
        passes: |from| from.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)),
        lists: Lists::Refused,
        fixed: &[Version(1, 5, 10), Version(1, 6, 11)],
    },
    Hole {
        rule: "hole:upload-file",
        reference: "CVE-2017-16651",
        gains: "files of the webmail's machine",
        fields: &["_file"],
        at: &["upload_display"],
        accepts: "`rcmfile` and letters, digits, `_`",
        passes: |file| file.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        lists: Lists::Refused,
        fixed: &[Version(1, 1, 10), Version(1, 2, 7), Version(1, 3, 3)],
    },
    Hole {
        rule: "hole:sign-in-zone",
        reference: "CVE-2017-16651",
        gains: "files of the webmail's machine",
        fields: &["_timezone"],
        at: &["login"],
        accepts: "a time zone's name or offset",
        passes: |zone| {
            zone.len() <= ZONE_BYTES_MAX
                && zone.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+-/.:".contains(byte))
        },
        lists: Lists::Refused,
        fixed: &[Version(1, 1, 10), Version(1, 2, 7), Version(1, 3, 3)],
    },
    Hole {
        rule: "hole:sign-in-name",
        reference: "CVE-2026-48842, CVE-2026-75007",
        gains: "what the database or the directory knows, without signing in",
        fields: &["_user"],
        at: &["login"],
        accepts: "no control character, none of `*()`; a `\\` only between a domain and a name, without quotes",
        passes: sign_in_name,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    },
    search("hole:search-text", &["_q"], Lists::Refused),
    search("hole:search-filter", &["_filter"], Lists::Refused),
    search("hole:search-headers", &["_headers"], Lists::Each),
    search("hole:search-scope", &["_scope"], Lists::Refused),
    search("hole:search-interval", &["_interval"], Lists::Refused),
    Hole {
        rule: "hole:folder",
        reference: "CVE-2026-35538",
        gains: "IMAP commands of their own",
        fields: &["_mbox"],
        at: &[],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Each,
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    },
    Hole {
        rule: "hole:message-number",
        reference: "CVE-2026-113386, CVE-2026-126813",
        gains: "IMAP commands of their own",
        fields: &["_uid"],
        at: &[],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Each,
        fixed: &[Version(1, 6, 21)],
    },
    Hole {
        rule: "hole:flag",
        reference: "CVE-2026-114720",
        gains: "IMAP commands of their own",
        fields: &["_flag"],
        at: &["mark"],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 20)],
    },
    Hole {
        rule: "hole:subject",
        reference: "Roundcube #8404, and again in 1.6.19",
        gains: "headers of their own in a message",
        fields: &["_subject"],
        at: &["send"],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 19)],
    },
    Hole {
        rule: "hole:sender",
        reference: "CVE-2016-9920, CVE-2026-114725",
        gains: "code of their own on the webmail's machine, headers of their own in a message",
        fields: &["_from"],
        at: &["send", "bounce"],
        accepts: "one line; no blank in the address",
        passes: sender,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 20)],
    },
    header("hole:compose-id", "CVE-2026-114725", &["_message-id", "message-id"]),
    header("hole:compose-reply-to", "CVE-2026-114725", &["_in-reply-to", "in-reply-to"]),
    header("hole:compose-references", "CVE-2026-114725", &["_references", "references"]),
    Hole {
        rule: "hole:filter-name",
        reference: "CVE-2026-75004",
        gains: "filters that the administrator has forbidden",
        fields: &["_name"],
        at: &["plugin.managesieve_save"],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    },
    Hole {
        rule: "hole:filter-operator",
        reference: "Roundcube 1.6.21",
        gains: "filters that the administrator has forbidden",
        fields: &["_rule_op"],
        at: &["plugin.managesieve_save"],
        accepts: "letters and `-`",
        passes: |operator| operator.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-'),
        lists: Lists::Each,
        fixed: &[Version(1, 6, 21)],
    },
    Hole {
        rule: "hole:filter-modifier",
        reference: "Roundcube 1.6.21",
        gains: "filters that the administrator has forbidden",
        fields: &["_action_varmods"],
        at: &["plugin.managesieve_save"],
        accepts: "letters",
        passes: |modifier| modifier.iter().all(u8::is_ascii_alphabetic),
        lists: Lists::Each,
        fixed: &[Version(1, 6, 21)],
    },
    Hole {
        rule: "hole:current-password",
        reference: "CVE-2026-35541",
        gains: "another password without knowing the old one",
        fields: &["_curpasswd"],
        at: &[],
        accepts: "any text, no list",
        passes: |_| true,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 14)],
    },
    Hole {
        rule: "hole:saved-session",
        reference: "CVE-2013-6172",
        gains: "files and code of the webmail's machine",
        fields: &["_session"],
        at: &["save_pref"],
        accepts: "`list_attrib/columns`, which is all that a page sends",
        passes: |session| matches!(session, b"" | b"list_attrib/columns"),
        lists: Lists::Refused,
        fixed: &[Version(0, 8, 7), Version(0, 9, 5)],
    },
    Hole {
        rule: "hole:identity-address",
        reference: "CVE-2026-74997",
        gains: "code of their own on the webmail's machine, with the driver `cmd_learn` of markasjunk",
        fields: &["_email"],
        at: &["identity_save", "save_identity"],
        accepts: "one line without `%`",
        passes: |email| one_line(email) && !email.contains(&b'%'),
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    },
    Hole {
        rule: "hole:identity-name",
        reference: "CVE-2026-114726",
        gains: "headers of their own in a message",
        fields: &["_name"],
        at: &["identity_save", "save_identity"],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 20)],
    },
    Hole {
        rule: "hole:identity-organization",
        reference: "Roundcube 1.6.19",
        gains: "headers of their own in a message",
        fields: &["_organization"],
        at: &["identity_save", "save_identity"],
        accepts: ONE_LINE,
        passes: one_line,
        lists: Lists::Refused,
        fixed: &[Version(1, 6, 19)],
    },
];

/// What no rule closes.
pub(super) static UNCLOSED: &[Unclosed] = &[
    Unclosed {
        reference: "CVE-2026-35537, CVE-2026-48847, CVE-2026-114724",
        gains: "files of the webmail's machine without signing in, where sessions are kept in Redis or Memcached: set `session_storage = 'db'`",
        fixed: &[Version(1, 6, 20)],
    },
    Unclosed {
        reference: "CVE-2021-44026",
        gains: "what the database knows, by a search that was stored before",
        fixed: &[Version(1, 3, 17), Version(1, 4, 12), Version(1, 5, 0)],
    },
    Unclosed {
        reference: "CVE-2023-5631, CVE-2023-43770, CVE-2024-37383, CVE-2024-42009, CVE-2025-68461, CVE-2026-54433, CVE-2026-74999",
        gains: "the reader's session, by script in a received message; the headers of answers limit what it can do",
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    },
    Unclosed {
        reference: "CVE-2026-74997 (the half in received headers)",
        gains: "code of their own on the webmail's machine, with the driver `cmd_learn` of markasjunk",
        fixed: &[Version(1, 6, 18), Version(1, 7, 3)],
    },
];

/// Names of people and of domains (`o'brien`, `EXAMPLE\alice`, `alice+x@example.edu`), and none that ends or begins
/// something in a query: the backslash loses its own escape on the way there (CVE-2026-48842), which takes a quote or the
/// end of the name with it; the rest is what a directory's filter is made of.
fn sign_in_name(name: &[u8]) -> bool {
    let plain = !name.iter().any(|byte| byte.is_ascii_control() || b"*()".contains(byte));
    let name = name.trim_ascii();
    let backslashes: Vec<usize> = (0..name.len()).filter(|&at| name[at] == b'\\').collect();
    let separates = |at: usize| {
        at > 0
            && name.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)
            && !name.iter().any(|byte| b"'\"".contains(byte))
    };
    plain
        && match backslashes[..] {
            [] => true,
            [at] => separates(at),
            _ => false,
        }
}

/// A number, an address, or a name with an address in angle brackets. What stands behind a blank in the address became an
/// argument of the mail program.
fn sender(from: &[u8]) -> bool {
    let from = from.trim_ascii();
    let address = match (from.iter().rposition(|&byte| byte == b'<'), from.iter().rposition(|&byte| byte == b'>')) {
        (Some(begin), Some(end)) if begin < end => {
            let behind = &from[end + 1..];
            if behind.iter().any(|byte| b" \t".contains(byte)) {
                return false;
            }
            &from[begin + 1..end]
        }
        _ => from,
    };
    one_line(from) && !address.trim_ascii().iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}
