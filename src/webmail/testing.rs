//! Requests and answers for the adapters' tests, written as short as they can be read.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::*;

pub(super) const URLENCODED: &str = "application/x-www-form-urlencoded";

/// A request as a test writes it; what is not said is not sent.
#[derive(Clone, Copy, Default)]
pub(super) struct Request<'a> {
    /// Path and query.
    pub url: &'a str,
    /// The `Cookie` header.
    pub cookie: &'a str,
    /// Of the body; urlencoded when empty.
    pub content_type: &'a str,
    /// Where there is one, the request is a POST.
    pub body: Option<&'a [u8]>,
    /// `name: value`.
    pub headers: &'a [&'a str],
}

impl<'a> Request<'a> {
    pub(super) fn get(url: &'a str) -> Self {
        Self { url, ..Self::default() }
    }

    pub(super) fn post(url: &'a str, body: &'a str) -> Self {
        Self { url, body: Some(body.as_bytes()), ..Self::default() }
    }

    pub(super) fn cookie(self, cookie: &'a str) -> Self {
        Self { cookie, ..self }
    }

    pub(super) fn of_type(self, content_type: &'a str) -> Self {
        Self { content_type, ..self }
    }

    pub(super) fn with(self, headers: &'a [&'a str]) -> Self {
        Self { headers, ..self }
    }

    /// What the operator is told that it is about.
    pub(super) fn targets_of(self, webmail: &'static dyn Webmail) -> Vec<String> {
        let (_, query) = self.url.split_once('?').unwrap_or((self.url, ""));
        let content_type = if self.content_type.is_empty() { URLENCODED } else { self.content_type };
        let content_type = HeaderValue::from_str(content_type).expect("the tests write header values");
        let form = self.body.and_then(|body| php::Form::read_whole(Some(&content_type), body, 1000));
        webmail.targets(&php::Fields::from_query(query.as_bytes(), 1000), form.as_ref())
    }

    pub(super) fn asked_of(self, webmail: &'static dyn Webmail) -> Result<Asked, Unnatural> {
        let (path, query) = self.url.split_once('?').unwrap_or((self.url, ""));
        let content_type = if self.content_type.is_empty() { URLENCODED } else { self.content_type };
        let content_type = HeaderValue::from_str(content_type).expect("the tests write header values");
        let keep = keeps(webmail, webmail.session_cookie());
        let reader = self.body.and_then(|_| php::FormReader::new(Some(&content_type), 1000, keep));
        let form = match reader.zip(self.body) {
            Some((mut reader, body)) => {
                reader.push(body);
                Some(reader.finish()?)
            }
            None => None,
        };
        let query = php::Fields::from_query(query.as_bytes(), 1000);
        let cookies = php::Cookies::read([self.cookie.as_bytes()].into_iter());
        let headers = header_map(self.headers);
        let reading = Reading {
            method: if self.body.is_some() { &Method::POST } else { &Method::GET },
            path,
            query: &query,
            cookies: &cookies,
            form: form.as_ref(),
            headers: &headers,
            session_cookie: webmail.session_cookie(),
        };
        let asked = webmail.classify(&reading)?;
        webmail.close_holes(&reading, &[]).map(|()| asked)
    }
}

pub(super) fn header_map(lines: &[&str]) -> HeaderMap {
    lines
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            let name = HeaderName::from_bytes(name.as_bytes()).expect("the tests write header names");
            (name, HeaderValue::from_str(value.trim()).expect("the tests write header values"))
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

pub(super) fn outcome_of(
    webmail: &dyn Webmail,
    asked: &Asked,
    status: u16,
    headers: &[&str],
    body: Option<&str>,
) -> Outcome {
    let headers = header_map(headers);
    let status = StatusCode::from_u16(status).expect("a status");
    webmail.outcome(asked, &Answer { status, headers: &headers, body: body.map(str::as_bytes) })
}

/// A refusal that says all that has to be escaped.
pub(super) fn refusal(then: Then) -> Refusal<'static> {
    Refusal {
        title: "Not sent",
        status: StatusCode::FORBIDDEN,
        sentence: "Try \"again\" <b>in</b> 2 minutes & don't </script> (7K3M-PQ9X).",
        base: "/",
        retry_after: None,
        then,
        words: LANGUAGES.spoken(None),
    }
}

static LANGUAGES: std::sync::LazyLock<crate::challenge::words::Languages> = std::sync::LazyLock::new(Default::default);
