//! What is answered when something is not done, in the words of whoever asked: a page, or JSON for programs.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::page::Plain;
use crate::admin::control::NotDone;
use crate::store::Away;

/// Why something is not done; its words are for operators.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// What was asked cannot be understood.
    #[error("{0}")]
    Bad(String),
    /// There is none of that name.
    #[error("{0}")]
    NotFound(String),
    /// Not by this operator.
    #[error("{0}")]
    Forbidden(String),
    /// It was understood and refused; what is done already is said.
    #[error("{0}")]
    Refused(String),
    /// Too often.
    #[error("Too many tries. Wait {0} seconds, then try again.")]
    TooOften(u64),
    /// The store does not answer.
    #[error(transparent)]
    Away(#[from] Away),
}

impl From<NotDone> for Fault {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Away(away) => Self::Away(away),
            why => Self::Refused(why.to_string()),
        }
    }
}

impl Fault {
    /// What HTTP calls it.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A [`Fault`], said to a program.
pub(super) struct Said(Fault);

impl<E: Into<Fault>> From<E> for Said {
    fn from(fault: E) -> Self {
        Self(fault.into())
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.0.to_string() });
        (self.0.status(), [(http::header::CONTENT_TYPE, "application/json")], body.to_string() + "\n").into_response()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let heading = match &self {
            Self::Bad(_) => "That was not understood",
            Self::NotFound(_) => "There is nothing here",
            Self::Forbidden(_) => "You may not do that",
            Self::Refused(_) => "It was not done",
            Self::TooOften(_) => "Wait a moment",
            Self::Away(_) => "The store does not answer",
        };
        super::page::shown(self.status(), &Plain { heading, text: &self.to_string() })
    }
}
