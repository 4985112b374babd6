//! The one place where text becomes HTML or JavaScript.
//!
//! Every word an adapter or a page of Mailward's writes into markup or script goes through here, whoever wrote it.

/// Text for an HTML page: between tags, or in an attribute in quotes of either kind.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// Text as a JavaScript string literal, its quotes included, for a script inside an HTML page or for an `exec` that is
/// evaluated. Also a JSON string.
pub fn script_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // What could end the string, the script or an attribute around it, or begin a tag or a comment.
            '"' | '\'' | '<' | '>' | '&' | '`' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' | '\x7f' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_place_it_was_written_into() {
        assert_eq!(html("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
        let hostile = "\";alert(1)//</script><!--\u{2028}\n'\\";
        let literal = script_string(hostile);
        assert!(!literal[1..literal.len() - 1].contains(['"', '<', '>', '\'', '\n', '\u{2028}']), "{literal}");
        assert_eq!(serde_json::from_str::<String>(&literal).expect("it is JSON too"), hostile);
    }
}
