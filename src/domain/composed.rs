//! A message as a compose form is about to send it.

use std::fmt;

/// What a person wrote and for whom, as text in UTF-8. It is never stored or logged; its `Debug` says only how long the
/// parts are. Everything in it is written by the client, and may be as long as a form may be.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Composed {
    /// The sender as it was typed; empty where the form only names one of the person's identities by its number.
    pub from: String,
    /// As typed: names and addresses, in whatever way the product lets people divide them. So are the next three.
    pub to: String,
    /// See `to`.
    pub cc: String,
    /// See `to`.
    pub bcc: String,
    /// Where answers go, when it is another address.
    pub reply_to: String,
    /// The subject.
    pub subject: String,
    /// The body.
    pub text: String,
    /// Whether `text` is HTML.
    pub is_html: bool,
    /// Files that were uploaded before, in their order. One that travels in the form itself is not among them.
    pub attachments: Vec<Attached>,
}

/// A file that the webmail keeps for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The product's own name for it: letters and digits.
    pub id: String,
}

impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed")
            .field("to", &(self.to.len() + self.cc.len() + self.bcc.len()))
            .field("subject", &self.subject.len())
            .field("text", &self.text.len())
            .field("is_html", &self.is_html)
            .field("attachments", &self.attachments.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_written_shows() {
        let composed = Composed {
            from: "boss@bank.example".to_owned(),
            to: "bob@campus.example".to_owned(),
            subject: "Salary".to_owned(),
            text: "secret".to_owned(),
            ..Composed::default()
        };
        let shown = format!("{composed:?}");
        assert!(!["bank", "bob", "Salary", "secret"].iter().any(|word| shown.contains(word)), "{shown}");
        assert!(shown.contains("subject: 6"), "{shown}");
    }
}
