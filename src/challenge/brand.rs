//! What makes the pages look like the operator's: a name, a picture, a colour.

use bytes::Bytes;

use crate::domain::Colour;

/// The largest picture, in bytes: it comes with every page.
pub const LOGO_BYTES_MAX: u64 = 256 * 1024;

/// The sheet of a page in dark colours; the style sheet has the same.
const DARK_SHEET: Colour = Colour([0x1b, 0x24, 0x2e]);

/// What text needs to be read on it.
const CONTRAST: f64 = 4.5;

/// The operator's look.
#[derive(Clone, Debug, Default)]
pub struct Brand {
    /// Whose webmail it is.
    pub name: Option<String>,
    /// The picture and its type.
    pub logo: Option<(&'static str, Bytes)>,
    /// What follows from the colour.
    pub style: String,
}

impl Brand {
    /// From what the operator said. `logo` is the picture's bytes, from a file that ends with `.svg` or `.png`.
    pub fn new(name: Option<String>, logo: Option<Bytes>, colour: Option<Colour>) -> Self {
        let logo = logo.map(|bytes| {
            let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n");
            (if is_png { "image/png" } else { "image/svg+xml" }, bytes)
        });
        let style = colour.map_or_else(String::new, |colour| {
            let light = colour.lightened(DARK_SHEET, CONTRAST);
            format!(
                ":root {{ --accent: {colour}; }}\n@media (prefers-color-scheme: dark) {{ :root {{ --accent: {light}; }} }}\n"
            )
        });
        Self { name, logo, style }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_lighter_on_dark_pages_and_a_picture_is_what_its_bytes_are() {
        let brand = Brand::new(None, Some(Bytes::from_static(b"<svg/>")), "#7a0019".parse().ok());
        assert!(brand.style.starts_with(":root { --accent: #7a0019; }"), "{}", brand.style);
        assert!(!brand.style.ends_with("#7a0019; } }\n"));
        assert_eq!(brand.logo.expect("given").0, "image/svg+xml");
        let png = Brand::new(None, Some(Bytes::from_static(b"\x89PNG\r\n\x1a\n...")), None);
        assert_eq!((png.logo.expect("given").0, png.style.as_str()), ("image/png", ""));
    }

    #[test]
    fn the_dark_sheet_is_that_of_the_style_sheet() {
        assert!(super::super::pages::STYLE_SHEET.contains(&format!("--sheet: {DARK_SHEET};")));
    }
}
