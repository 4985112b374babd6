//! What comes in: forms and the query of an address, read within bounds.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header;
use http::request::Parts;
use http_body_util::{BodyExt as _, Limited};
use zeroize::Zeroizing;

use super::fault::{Fault, Said};
use crate::challenge::factors;
use crate::domain::Mark;

/// The longest form, in bytes: a passkey's answer, encoded, or a page of selected flags.
const FORM_BYTES_MAX: usize = 4 * factors::ANSWER_BYTES_MAX;

/// Fields of a form that are looked at: a page's flags with all that stands around them.
const FIELDS_MAX: usize = 256;

/// How long a form may take to arrive.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// The fields of a form, or of an address's query.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    fn parse(text: &[u8]) -> Self {
        let fields = form_urlencoded::parse(text).take(FIELDS_MAX);
        Self(fields.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect())
    }

    /// The first of this name; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first of this name that says something, without spaces around.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Where a list goes on that is sorted by time and number; none at its beginning.
    pub fn before(&self) -> Result<Option<Mark>, Fault> {
        let before = self.given("before").map(str::parse).transpose();
        before.map_err(|()| Fault::Bad("\"before\" is no place in a list".to_owned()))
    }

    /// All of them, each name with its first value.
    pub fn whole(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

/// A form.
pub(super) struct Form(pub Fields);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Fault::Bad("this is no form of the desk".to_owned()));
        }
        Ok(Self(Fields::parse(&whole(request).await?)))
    }
}

/// The query of an address.
pub(super) struct Query(pub Fields);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// The body of a request of the API: an object, or nothing.
pub(super) struct Json(pub serde_json::Value);

impl<S: Sync> FromRequest<S> for Json {
    type Rejection = Said;

    async fn from_request(request: Request, _: &S) -> Result<Self, Said> {
        let body = whole(request).await?;
        if body.is_empty() {
            return Ok(Self(serde_json::Value::Null));
        }
        let read: serde_json::Value =
            serde_json::from_slice(&body).map_err(|error| Fault::Bad(format!("this is no JSON: {error}")))?;
        if read.is_object() { Ok(Self(read)) } else { Err(Fault::Bad("expected a JSON object".to_owned()).into()) }
    }
}

impl Json {
    /// A text of this name; absent or null: none.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)
    }
}

impl Json {
    /// All of it that is text or a number.
    pub fn texts(&self) -> std::collections::BTreeMap<String, String> {
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let fields = self.0.as_object().into_iter().flatten();
        fields.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
    }
}

async fn whole(request: Request) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let read = tokio::time::timeout(PATIENCE, Limited::new(request.into_body(), FORM_BYTES_MAX).collect());
    let read = read.await.map_err(|_| Fault::Bad("it took too long to arrive".to_owned()))?;
    let read = read.map_err(|_| Fault::Bad(format!("more than {FORM_BYTES_MAX} bytes came")))?;
    Ok(Zeroizing::new(read.to_bytes().to_vec()))
}
