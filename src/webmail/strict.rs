//! What no browser sends: refused before anything is made of it.
//!
//! Two readers of one request differ in the odd cases, and there are always more odd cases than tests. So where a field
//! that decides something (a *control field*) was sent in a way that no browser with the product's pages sends it, the
//! request is refused. All else passes as it is, however odd: a wrong refusal here costs an innocent person their work.

use super::php::{Fields, mangled};
use super::{Reading, Unnatural};

/// What is thought of a form with so many fields that PHP may have forgotten some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowds {
    /// Nobody fills in so many.
    Refused,
    /// A person may: a filter with some sixty conditions.
    Passed,
}

/// Refuses a request whose control fields no browser has sent.
///
/// `single` are texts that are sent at most once in each source and must agree between query and body.
pub(super) fn check(request: &Reading<'_>, single: &[&[u8]], crowds: Crowds) -> Result<(), Unnatural> {
    let sources = [Some(request.query), request.form.map(super::php::Form::fields)];
    let session = php_name(request.session_cookie);
    let odd = |rule| Err(Unnatural { rule });

    for fields in sources.into_iter().flatten() {
        if fields.times_sent(&session) > 0 {
            return odd("session id outside its cookie");
        }
        for field in single.iter().filter_map(|name| fields.variable(name)) {
            if field.spelled_oddly() {
                return odd("control field misspelled");
            }
            if field.is_array() {
                return odd("control field is a list");
            }
            if field.times_sent() > 1 {
                return odd("control field sent twice");
            }
        }
        // PHP forgets what is beyond its limit: with fillers, a field seems to be there and is not.
        if crowds == Crowds::Refused && fields.crowded() && single.iter().any(|name| fields.times_sent(name) > 0) {
            return odd("too many fields");
        }
    }
    let Some(form) = request.form else { return Ok(()) };
    if form.odd_parts() {
        return odd("boundary inside a part");
    }
    let disagree = |name: &&&[u8]| {
        let (query, body) = (request.query.text(name), form.fields().text(name));
        query.is_some() && body.is_some() && query != body
    };
    if single.iter().any(|name| disagree(&name)) {
        return odd("query and body disagree");
    }
    Ok(())
}

/// A configured cookie name as PHP spells it.
pub(super) fn php_name(cookie: &str) -> Vec<u8> {
    mangled(cookie.as_bytes())
}

/// The text of a variable where the body has it, else where the query has it.
pub(super) fn body_or_query<'a>(request: &Reading<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let body: Option<&Fields> = request.form.map(super::php::Form::fields);
    body.and_then(|fields| fields.text(name)).or_else(|| request.query.text(name))
}

/// Whether PHP takes the value for true (`!empty($value)`).
pub(super) fn is_true(value: Option<&[u8]>) -> bool {
    value.is_some_and(|value| !value.is_empty() && value != b"0")
}
