//! Roundcube on the wire.

use super::*;

/// Roundcube.
pub struct Roundcube;

impl Webmail for Roundcube {
    fn id(&self) -> &'static str {
        "roundcube"
    }
    fn session_cookie(&self) -> &'static str {
        ""
    }
    fn place(&self, _path: &str, _entry_points: &[String]) -> Place {
        Place::Script
    }
    fn needs_field(&self, _name: &[u8]) -> bool {
        true
    }
    fn shape(&self, _request: &Reading<'_>) -> Shape {
        Shape::Page
    }
    fn classify(&self, _request: &Reading<'_>) -> Result<Asked, Unnatural> {
        Ok(Asked { action: Action::View, shape: Shape::Page })
    }
    fn outcome(&self, _asked: &Asked, _answer: &Answer<'_>) -> Outcome {
        Outcome::Unclear
    }
    fn dress(&self, _asked: &Asked, _refusal: &Refusal<'_>, _form: Option<&php::Form>) -> Option<Dressed> {
        None
    }
}
