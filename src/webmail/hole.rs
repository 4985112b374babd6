//! Known holes of the products that are closed in front of them.
//!
//! Each rule of a product's table is about one parameter, and says what of it passes. It is exact: it refuses what the
//! product itself refuses since the hole was mended, or what none of its pages sends, and never looks at the text of a
//! message. A hole that does not show in a request (script in received mail) has no rule; what limits it is in the
//! headers of answers.
//!
//! To add one: an entry in the product's `holes.rs`, with the attack and the innocent request that resembles it in the
//! tests beside it. `needs_field` of the product asks the table, `docs/holes.md` and `mailward doctor` are made from it.

use std::fmt;

use super::php::{Fields, Form};
use super::{Reading, Unnatural};

/// One hole, and what of one parameter passes in front of it.
pub struct Hole {
    /// The rule's name in events, metrics and the configuration; begins with `hole:`.
    pub rule: &'static str,
    /// The CVE, or what else it is known by.
    pub reference: &'static str,
    /// What an attacker gains.
    pub gains: &'static str,
    /// The parameter, by each name that the product takes for it.
    pub fields: &'static [&'static str],
    /// Where it is looked at: what the product's adapter calls the place of a request. Empty: everywhere.
    pub at: &'static [&'static str],
    /// What passes, for people.
    pub accepts: &'static str,
    /// The same, for a value as PHP has it.
    pub passes: fn(&[u8]) -> bool,
    /// What becomes of a parameter that was sent as a list.
    pub lists: Lists,
    /// The first version of each series without the hole, oldest first. Empty: none is known.
    pub fixed: &'static [Version],
}

/// What becomes of a parameter that was sent as a list (`name[]=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// No page sends one.
    Refused,
    /// Each element must pass.
    Each,
    /// Elements in whose place this word occurs must pass, others are not looked at.
    Named(&'static str),
}

/// A hole that no rule closes, because it does not show in a request.
pub struct Unclosed {
    /// The CVE, or what else it is known by.
    pub reference: &'static str,
    /// What an attacker gains.
    pub gains: &'static str,
    /// As in [`Hole::fixed`].
    pub fixed: &'static [Version],
}

/// A product's version: `1.6.16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Whether a version has a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has.
    Open,
    /// It has not.
    Fixed,
    /// Its series is newer than those of which it is known when they were mended.
    Unknown,
}

/// Whether `version` has a hole that was mended with these: by the first of its own series. A series that is older than
/// the newest and has none was never mended.
pub fn standing(fixed: &[Version], version: Version) -> Standing {
    let series = |version: &Version| (version.0, version.1);
    match fixed.iter().find(|first| series(first) == series(&version)) {
        Some(first) if version >= *first => Standing::Fixed,
        Some(_) => Standing::Open,
        None if fixed.last().is_some_and(|newest| *newest < version) => Standing::Unknown,
        None => Standing::Open,
    }
}

/// Refuses what would pass through one of `holes` at this place of the product. Rules named in `open` are not asked.
pub(super) fn check(
    holes: &[Hole],
    place: &str,
    request: &Reading<'_>,
    open: &[&'static str],
) -> Result<(), Unnatural> {
    let here = |hole: &&Hole| hole.at.is_empty() || hole.at.contains(&place);
    for hole in holes.iter().filter(here).filter(|hole| !open.contains(&hole.rule)) {
        let sources = [Some(request.query), request.form.map(Form::fields)];
        if !sources.into_iter().flatten().all(|fields| hole.lets_pass(fields)) {
            return Err(Unnatural { rule: hole.rule });
        }
    }
    Ok(())
}

/// Whether a field is looked at by any of `holes`.
pub(super) fn reads(holes: &[Hole], name: &[u8]) -> bool {
    holes.iter().any(|hole| hole.fields.iter().any(|field| field.as_bytes() == name))
}

impl Hole {
    fn lets_pass(&self, fields: &Fields) -> bool {
        self.fields.iter().filter_map(|field| fields.variable(field.as_bytes())).all(|variable| {
            let Some(elements) = variable.elements() else { return variable.text().is_none_or(self.passes) };
            elements.iter().all(|element| match self.lists {
                Lists::Refused => false,
                Lists::Each => one_line(&element.at) && (self.passes)(&element.text),
                Lists::Named(word) => {
                    !element.at.windows(word.len()).any(|found| found == word.as_bytes())
                        || (self.passes)(&element.text)
                }
            })
        })
    }
}

/// Text without line breaks and NUL, as every one-line field of a page gives it: what follows one would be another
/// command, header or rule.
pub(super) fn one_line(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// `docs/holes.md`.
pub fn reference() -> String {
    use fmt::Write as _;
    let mut page = String::from(
        "# Known holes, closed in front\n\n\
         <!-- Made from src/webmail/*/holes.rs; `UPDATE_DOCS=1 cargo test --test it reference` writes it anew. -->\n\n\
         Webmails have had holes, and not every installation is up to date. Where an attack shows exactly in one parameter of\n\
         a request, Mailward refuses that request (400) whatever the product's version, also with `mode = \"observe\"`: the\n\
         webmail does not see it. The event `request_refused` names the rule, `mailward_refused_total` counts it. The text of\n\
         a message is never looked at.\n\n\
         This is no reason not to update. `mailward doctor` says which version the webmail shows itself as.\n\n\
         A rule that stops something your people do is opened by its name: `holes_open = [\"hole:…\"]` in `[[site]]`.\n\n\
         `config/`, `installer/`, `logs/`, `temp/`, `vendor/`, dot files and every script that is no page of the product are\n\
         never served at all.\n\n\
         ## Script in received mail\n\n\
         A message whose script slips through the webmail's own cleaning runs with the rights of its reader. What it can do is\n\
         limited by headers of every page (`response_headers` in `[[site]]`, `strict` by default): it loads no script from\n\
         elsewhere, posts nothing there, has no camera, microphone or place, and the page cannot be framed elsewhere. It could\n\
         still ask for a picture elsewhere or leave the page, both of which tell another server a little, and act within the\n\
         webmail, where limits and rules of Mailward hold. The policies are as strict as Debian's Roundcube works with, tried\n\
         in Chromium through editor, attachments, settings and address book; SquirrelMail's is made by what its pages\n\
         contain. Each is added to a policy that the webmail sends itself: browsers hold to both.\n",
    );
    let mut line = |text: fmt::Arguments<'_>| page.write_fmt(text).expect("a String takes everything");
    for webmail in super::ALL {
        line(format_args!("\n## {}\n\n", webmail.id()));
        line(format_args!("| rule | hole | what an attacker gains | parameter | where | passes | versions |\n"));
        line(format_args!("|---|---|---|---|---|---|---|\n"));
        for hole in webmail.holes() {
            let fields: Vec<String> = hole.fields.iter().map(|field| format!("`{field}`")).collect();
            let at: Vec<String> = hole.at.iter().map(|place| format!("`{place}`")).collect();
            line(format_args!(
                "| `{}` | {} | {} | {} | {} | {} | {} |\n",
                hole.rule,
                hole.reference,
                hole.gains,
                fields.join(", "),
                if at.is_empty() { "everywhere".to_owned() } else { at.join(", ") },
                hole.accepts,
                versions(hole.fixed),
            ));
        }
        line(format_args!("\nNot closed, because they do not show in a request:\n\n"));
        line(format_args!("| hole | what an attacker gains | versions |\n|---|---|---|\n"));
        for Unclosed { reference, gains, fixed } in webmail.unclosed_holes() {
            line(format_args!("| {reference} | {gains} | {} |\n", versions(fixed)));
        }
        line(format_args!("\nIts pages carry this `Content-Security-Policy`:\n\n```\n"));
        for directive in webmail.content_policy().split("; ") {
            line(format_args!("{directive};\n"));
        }
        line(format_args!("```\n"));
    }
    page
}

fn versions(fixed: &[Version]) -> String {
    let fixed: Vec<String> = fixed.iter().map(Version::to_string).collect();
    if fixed.is_empty() { "all".to_owned() } else { format!("before {}", fixed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_a_hole_until_its_own_series_was_mended() {
        let fixed = [Version(1, 5, 10), Version(1, 6, 11)];
        for (version, expected) in [
            (Version(1, 4, 99), Standing::Open),
            (Version(1, 5, 9), Standing::Open),
            (Version(1, 5, 10), Standing::Fixed),
            (Version(1, 6, 5), Standing::Open),
            (Version(1, 6, 11), Standing::Fixed),
            (Version(1, 7, 0), Standing::Unknown),
        ] {
            assert_eq!(standing(&fixed, version), expected, "{version}");
        }
        assert_eq!(standing(&[], Version(1, 4, 23)), Standing::Open);
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_its_fields_are_read() {
        for webmail in crate::webmail::ALL {
            let holes = webmail.holes();
            for (place, hole) in holes.iter().enumerate() {
                assert!(hole.rule.starts_with("hole:"), "{}", hole.rule);
                assert!(holes[..place].iter().all(|other| other.rule != hole.rule), "{}", hole.rule);
                assert!(hole.fields.iter().all(|field| webmail.needs_field(field.as_bytes())), "{}", hole.rule);
                assert!(hole.fixed.is_sorted(), "{}", hole.rule);
                assert!((hole.passes)(b""), "{}: nothing is no attack", hole.rule);
            }
        }
    }
}
