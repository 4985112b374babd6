//! The desk's pages as HTML. What stands on them is gathered elsewhere; templates escape all of it.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use super::visit::Visit;

/// The style of the desk's pages; no page has style or code inside.
pub(super) const STYLE_SHEET: &str = include_str!("../../../templates/static/desk.css");

/// What keeps a page current; every page works without.
pub(super) const SCRIPT: &str = include_str!("../../../templates/static/desk.js");

/// What stands in the browser's tab.
pub(super) const ICON: &str = include_str!("../../../templates/static/icon.svg");

/// The world's land, from 84 degrees north to 58 south, two units for a degree.
pub(super) const WORLD: &str = include_str!("../../../templates/static/world.svg");

/// Name and password.
#[derive(Template)]
#[template(path = "admin/sign_in.html")]
pub(super) struct SignIn<'a> {
    pub next: &'a str,
    pub name: &'a str,
    pub notice: Option<&'a str>,
    /// Whether operators may sign in at the organisation's provider.
    pub openid: bool,
}

/// The second proof.
#[derive(Template)]
#[template(path = "admin/proof.html")]
pub(super) struct AskProof<'a> {
    pub next: &'a str,
    pub kind: &'static str,
    pub passkey: Option<&'a str>,
    /// The address and the name of the other kind.
    pub other: Option<(String, &'static str)>,
    pub notice: Option<&'a str>,
}

/// Name and code of somebody who begins.
#[derive(Template)]
#[template(path = "admin/enrol.html")]
pub(super) struct Enrol<'a> {
    pub name: &'a str,
    pub notice: Option<&'a str>,
}

/// A first password.
#[derive(Template)]
#[template(path = "admin/enrol_password.html")]
pub(super) struct EnrolPassword<'a> {
    pub name: &'a str,
    pub notice: Option<&'a str>,
}

impl EnrolFactor<'_> {
    fn action(&self) -> &'static str {
        if self.adds { "/me/factor" } else { "/enrol/factor" }
    }
}

/// A second proof that is set up: the first, or a further one.
#[derive(Template)]
#[template(path = "admin/enrol_factor.html")]
pub(super) struct EnrolFactor<'a> {
    pub passkey: Option<&'a str>,
    /// The key as people type it, and as a picture.
    pub app: Option<(String, String)>,
    pub may_passkey: bool,
    pub notice: Option<&'a str>,
    /// Whether it is a further one of somebody who has signed in.
    pub adds: bool,
}

/// One thing, said to somebody who may not be signed in.
#[derive(Template)]
#[template(path = "admin/plain.html")]
pub(super) struct Plain<'a> {
    pub heading: &'a str,
    pub text: &'a str,
}

/// What stands around a page of somebody who has signed in.
pub(super) struct Frame<'a> {
    pub name: &'a str,
    pub role: super::Role,
    /// The page's place in the navigation.
    pub here: &'static str,
    /// What was just done.
    pub notice: Option<String>,
}

impl<'a> Frame<'a> {
    pub fn of(visit: &'a Visit, here: &'static str) -> Self {
        Self { name: &visit.name, role: visit.role, here, notice: None }
    }

    /// Whether buttons that do something are shown. Whether they may be used is decided by the table of routes.
    pub fn acts(&self) -> bool {
        self.role >= super::Role::Operator
    }

    pub fn administers(&self) -> bool {
        self.role >= super::Role::Administrator
    }
}

/// A page.
pub(super) fn shown(status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().expect("the page is made of text only");
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// To another page, by GET. `target` is a path on this host.
pub(super) fn to(target: &str) -> Response {
    let target = HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response()
}

/// Something to keep. `name` is of letters, digits, `-` and `.` only.
pub(super) fn download(kind: &'static str, name: &str, body: impl Into<axum::body::Body>) -> Response {
    let named = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, named)], body.into()).into_response()
}

/// A file that never changes while the gateway runs.
pub(super) fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=3600")], text).into_response()
}
