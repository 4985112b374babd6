//! `[pages]`: what makes Mailward's pages look like the operator's.

use std::path::Path;

use super::Pages;
use super::value::{self, Section, parsed, short_text};
use crate::domain::Colour;

/// The ratio of contrast that text needs (WCAG 2.2, success criterion 1.4.3).
const CONTRAST_MIN: f64 = 4.5;

pub(super) fn read_pages(section: &Section<'_, '_>, base_dir: &Path) -> Pages {
    let logo = section.get("logo", value::path(base_dir));
    if let Some(path) = &logo {
        let allowed = "expected an SVG or PNG picture (.svg or .png)";
        super::read::check_file(section, &section.place("logo"), path, allowed);
        let kind = path.extension().and_then(|kind| kind.to_str()).map(str::to_ascii_lowercase);
        if !matches!(kind.as_deref(), Some("svg" | "png")) {
            section.report.mistake(&section.place("logo"), format_args!("{} is no picture", path.display()), allowed);
        }
    }
    let colour = section.get("colour", parsed(str::parse::<Colour>));
    if let Some(colour) = &colour {
        let contrast = colour.contrast(Colour::WHITE);
        if contrast < CONTRAST_MIN {
            section.report.mistake(
                &section.place("colour"),
                format_args!("{colour} is too light: white text on it has a contrast of {contrast:.1}"),
                format_args!("at least {CONTRAST_MIN}, so that everybody can read it; take a darker one"),
            );
        }
    }
    Pages { name: section.get("name", parsed(short_text)), logo, colour }
}
