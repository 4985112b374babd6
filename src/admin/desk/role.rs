//! What an operator may do, and the table of all that can be asked of the desk: the one place where that is decided.

use std::sync::Arc;

use axum::routing::MethodRouter;
use http::Method;
use serde::{Deserialize, Serialize};

use super::Desk;

/// What an operator may do; each may do what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Clears, restricts, ends, locks and unlocks.
    Operator,
    /// Adds and removes operators, and reads what they did.
    Administrator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    /// The word used on the command line, on pages and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// Reads [`Role::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Who may ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Whoever may reach the desk at all.
    Nobody,
    /// Somebody whose password was right, and whose second proof is still missing.
    Password,
    /// Somebody who began with the code that an administrator gave out.
    Enrolment,
    /// An operator who has signed in, with this role or more.
    Page(Role),
    /// A program with a token for this role or more.
    Token(Role),
}

/// One thing that can be asked of the desk.
pub struct Route {
    /// GET, or POST for whatever changes something.
    pub method: Method,
    /// As axum writes it.
    pub path: &'static str,
    /// Who may.
    pub needs: Needs,
    /// What it does, for the description of the API; empty for pages.
    pub what: &'static str,
    /// What programs may say with it, each with its meaning.
    pub fields: &'static [(&'static str, &'static str)],
    /// Who answers.
    pub handler: Handler,
}

/// Makes who answers.
pub(super) type Handler = fn() -> MethodRouter<Arc<Desk>>;

impl Route {
    /// A page.
    pub(super) const fn page(path: &'static str, needs: Needs, handler: Handler) -> Self {
        Self { method: Method::GET, path, needs, what: "", fields: &[], handler }
    }

    /// A form of a page.
    pub(super) const fn form(path: &'static str, needs: Needs, handler: Handler) -> Self {
        Self { method: Method::POST, path, needs, what: "", fields: &[], handler }
    }

    /// Something that programs look at.
    pub(super) const fn look(
        path: &'static str,
        role: Role,
        what: &'static str,
        fields: &'static [(&'static str, &'static str)],
        handler: Handler,
    ) -> Self {
        Self { method: Method::GET, path, needs: Needs::Token(role), what, fields, handler }
    }

    /// Something that programs do.
    pub(super) const fn order(
        path: &'static str,
        role: Role,
        what: &'static str,
        fields: &'static [(&'static str, &'static str)],
        handler: Handler,
    ) -> Self {
        Self { method: Method::POST, path, needs: Needs::Token(role), what, fields, handler }
    }
}
