//! How SquirrelMail splits what stands in To, Cc and Bcc.

/// What the first bare word of a message counts: SquirrelMail looks words without `@` up in the address book, and an
/// entry there may hold many addresses. Nobody outside can know how many. Counting one would let a thief hide a list
/// behind a word; counting ten for each would stop somebody who writes to a handful of colleagues by their nicknames.
const UNKNOWN: usize = 5;

/// The recipients of a message's fields together.
pub(super) fn count<'a>(fields: impl Iterator<Item = &'a [u8]>) -> usize {
    let (addresses, words) =
        fields.map(split).fold((0_usize, 0_usize), |sum, field| (sum.0 + field.0, sum.1 + field.1));
    addresses + if words > 0 { words - 1 + UNKNOWN } else { 0 }
}

/// Addresses and bare words of one field. Commas, semicolons and blanks divide; what stands in double quotes does not,
/// unless the quote is never closed. An item with an address in brackets is that address, and the words are a name.
fn split(field: &[u8]) -> (usize, usize) {
    let quotes = field.iter().filter(|&&byte| byte == b'"').count();
    let mut quoted = false;
    let items = field.split(|&byte| {
        quoted ^= byte == b'"' && quotes % 2 == 0;
        !quoted && b",;\r\n".contains(&byte)
    });
    items.fold((0, 0), |(addresses, words), item| {
        let bracketed = item.iter().filter(|&&byte| byte == b'<').count();
        if bracketed > 0 {
            // `a@b <c@d>` may be two.
            let before = item.split(|&byte| byte == b'<').next().unwrap_or_default();
            let named = before.split(u8::is_ascii_whitespace).filter(|word| is_address(word)).count();
            return (addresses + bracketed + named, words);
        }
        let all = item.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        all.fold(
            (addresses, words),
            |(addresses, words), word| {
                if word.contains(&b'@') { (addresses + 1, words) } else { (addresses, words + 1) }
            },
        )
    })
}

fn is_address(word: &[u8]) -> bool {
    word.contains(&b'@') && !word.contains(&b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_counted_as_squirrelmail_splits_them() {
        for (field, recipients) in [
            ("", 0),
            (" , ; ", 0),
            ("bob@example.org", 1),
            ("bob@example.org carol@example.org", 2),
            ("bob@example.org,carol@example.org;dave@example.org", 3),
            ("Carol Smith <carol@example.org>", 1),
            ("\"Smith, Carol\" <carol@example.org>, bob@example.org", 2),
            ("<a@example.org> <b@example.org>", 2),
            ("a@example.org <b@example.org>", 2),
            ("a@example.org\r\nb@example.org", 2),
            ("\"a@example.org, b@example.org", 2),
            ("bob", UNKNOWN),
            ("bob, carol dave", UNKNOWN + 2),
            ("bob, a@example.org", UNKNOWN + 1),
        ] {
            assert_eq!(count([field.as_bytes()].into_iter()), recipients, "{field:?}");
        }
        let fields = [&b"a@example.org"[..], b"b@example.org", b"bob"];
        assert_eq!(count(fields.into_iter()), 2 + UNKNOWN, "the fields of a message count together");
        assert_eq!(count([["a@example.org"; 200].join(" ").as_bytes()].into_iter()), 200);
    }
}
