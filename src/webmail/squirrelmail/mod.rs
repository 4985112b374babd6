//! SquirrelMail on the wire.

use super::*;

/// SquirrelMail.
pub struct SquirrelMail;

impl Webmail for SquirrelMail {
    fn id(&self) -> &'static str {
        "squirrelmail"
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
        Ok(Asked::new(Action::View, Shape::Page))
    }
    fn outcome(&self, _asked: &Asked, _answer: &Answer<'_>) -> Outcome {
        Outcome::Unclear
    }
    fn dress(&self, _asked: &Asked, _refusal: &Refusal<'_>, _form: Option<&php::Form>) -> Option<Dressed> {
        None
    }
}
