//! `[desk.openid]`: the organisation's own provider, where operators may sign in.

use std::path::Path;

use toml::de::DeValue;

use super::OpenId;
use super::read::check_file;
use super::risk::one_or_more;
use super::value::{self, Report, Section, Value, kind, parsed};

/// Who is let in as what, least first: the word of the role, and the key that names the provider's own words for it.
const ROLES: [(&str, &str); 3] =
    [("viewer", "viewers"), ("operator", "operators"), ("administrator", "administrators")];

pub(super) fn read_openid(section: &Section<'_, '_>, base_dir: &Path) -> Option<OpenId> {
    let report = section.report;
    let issuer = section.get("issuer", parsed(issuer));
    let client_id = section.get("client_id", parsed(value::short_text));
    let client_secret_file = section.get("client_secret_file", value::path(base_dir));
    if let Some(path) = &client_secret_file {
        let place = section.place("client_secret_file");
        check_file(section, &place, path, "expected a file that holds the client's secret and nothing else");
    }
    let words = |key: &str| section.get(key, one_or_more(parsed(value::short_text))).unwrap_or_default();
    let roles: Vec<(&'static str, Vec<String>)> = ROLES.iter().map(|(role, key)| (*role, words(key))).collect();
    let (acr, amr) = (words("acr"), words("amr"));
    let trusts_provider = section.get("trust_provider", boolean).unwrap_or(false);
    let scopes = section.get("scopes", one_or_more(parsed(scope)));
    let text = |key: &str, otherwise: &str| section.get(key, parsed(value::short_text)).unwrap_or(otherwise.to_owned());
    let (role_claim, name_claim) = (text("role_claim", "groups"), text("name_claim", "preferred_username"));
    if !section.is_there() {
        return None;
    }
    for key in ["issuer", "client_id"] {
        if section.value(key).is_none() {
            report.mistake(
                &section.span,
                format_args!("[desk.openid] has no {key:?}"),
                format_args!("add: {key} = \"…\", as your provider says"),
            );
        }
    }
    if roles.iter().all(|(_, words)| words.is_empty()) {
        report.mistake(
            &section.span,
            "[desk.openid] lets nobody in",
            "add: administrators = \"…\", operators or viewers, with what \"role_claim\" says of them",
        );
    }
    if acr.is_empty() && amr.is_empty() && !trusts_provider {
        report.mistake(
            &section.span,
            "[desk.openid] does not say how a second factor is known",
            "add: amr = \"mfa\", or acr, or trust_provider = true if your provider asks everybody for one",
        );
    }
    let scopes = scopes.unwrap_or_else(|| vec!["profile".to_owned()]);
    Some(OpenId {
        issuer: issuer?,
        client_id: client_id?,
        client_secret_file,
        scopes: std::iter::once("openid".to_owned())
            .chain(scopes.into_iter().filter(|scope| scope != "openid"))
            .collect(),
        roles,
        role_claim,
        name_claim,
        acr,
        amr,
        trusts_provider,
    })
}

fn boolean(report: &Report<'_>, value: &Value<'_>) -> Option<bool> {
    if let DeValue::Boolean(said) = value.get_ref() {
        return Some(*said);
    }
    report.mistake(&value.span(), format_args!("found {}", kind(value.get_ref())), "expected true or false");
    None
}

fn issuer(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "expected the provider's https:// address, letter by letter as it calls itself";
    let is_plain = !text.contains(['?', '#', ' ']);
    if is_plain && is_safe_endpoint(text) { Ok(text.to_owned()) } else { Err(ALLOWED) }
}

fn scope(text: &str) -> Result<String, &'static str> {
    let is_scope =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if is_scope { Ok(text.to_owned()) } else { Err("expected the name of a scope, such as \"groups\"") }
}

/// Whether secrets may go to an address: over HTTPS, or to this very machine.
pub fn is_safe_endpoint(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => matches!(host, "localhost" | "127.0.0.1" | "::1"),
        _ => false,
    }
}
