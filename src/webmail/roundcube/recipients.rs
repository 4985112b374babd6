//! How Roundcube splits what stands in To, Cc and Bcc (`rcmail_sendmail::email_input_format`).

/// The recipients of one field.
///
/// Commas, semicolons and line ends divide; what stands in double quotes does not, so `"Last, First" <a@example.org>`
/// is one. A quote that is never closed protects nothing: counting too few is what an attacker would want.
pub(super) fn count(field: &[u8]) -> usize {
    let mut items = 0;
    let mut filled = false;
    let mut quoted = false;
    let mut before = 0;
    for &byte in field {
        match byte {
            b'"' if before != b'\\' => {
                quoted = !quoted;
                filled = true;
            }
            b',' | b';' | b'\n' | b'\r' if !quoted => {
                items += usize::from(filled);
                filled = false;
            }
            byte => filled |= !byte.is_ascii_whitespace(),
        }
        before = byte;
    }
    if quoted {
        return field.split(|byte| b",;\r\n".contains(byte)).filter(|item| !item.trim_ascii().is_empty()).count();
    }
    items + usize::from(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_counted_as_roundcube_splits_them() {
        for (field, recipients) in [
            ("", 0),
            ("   ", 0),
            (",;,\n", 0),
            ("bob@example.org", 1),
            ("bob@example.org,", 1),
            ("bob@example.org, ", 1),
            ("Carol <carol@example.org>", 1),
            ("\"Last, First\" <a@example.org>", 1),
            ("\"Last; First\" <a@example.org>; b@example.org", 2),
            ("\"a \\\", b\" <a@example.org>, c@example.org", 2),
            ("<a@example.org>,<b@example.org>", 2),
            ("a@example.org;b@example.org,c@example.org", 3),
            ("a@example.org\nb@example.org\r\nc@example.org", 3),
            ("a@example.org,\r\nb@example.org", 2),
            ("bob@campus.example,Carol <carol@campus.example>,dave@campus.example,", 3),
            ("\"a@example.org, b@example.org, c@example.org", 3),
        ] {
            assert_eq!(count(field.as_bytes()), recipients, "{field:?}");
        }
        assert_eq!(count(["a@example.org"; 300].join(",").as_bytes()), 300);
    }
}
