//! The plain HTTP port: one answer, the way to HTTPS.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{Connection, Handler};

/// Sends everybody to HTTPS on the same host; whoever names no known host is told nothing.
pub struct Redirect<K> {
    /// Whether a host (lower-case, without port) is one of ours: redirecting to any name would be an open redirect.
    pub knows: K,
    /// The port people reach HTTPS at.
    pub https_port: u16,
}

impl<K: Fn(&str) -> bool + Send + Sync + 'static> Handler for Redirect<K> {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _connection: &Arc<Connection>) -> Response<Full<Bytes>> {
        self.response(&request)
    }
}

impl<K: Fn(&str) -> bool> Redirect<K> {
    fn response<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
        let mut response = Response::new(Full::default());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let port = if self.https_port == 443 { String::new() } else { format!(":{}", self.https_port) };
        match HeaderValue::try_from(format!("https://{name}{port}{path}")) {
            // 308 keeps method and body: a form posted over HTTP is not lost, only asked for once more.
            Ok(location) if (self.knows)(&name) && path.starts_with('/') => {
                *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
                response.headers_mut().insert(header::LOCATION, location);
            }
            _ => *response.status_mut() = StatusCode::MISDIRECTED_REQUEST,
        }
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hosts_are_sent_to_https_and_nobody_else_anywhere() {
        let redirect = Redirect { knows: |host: &str| host == "webmail.example.edu", https_port: 8443 };
        for (host, path, location) in [
            ("webmail.example.edu", "/?_task=mail", Some("https://webmail.example.edu:8443/?_task=mail")),
            ("WEBMAIL.example.edu:8080", "/", Some("https://webmail.example.edu:8443/")),
            ("evil.example", "/", None),
            ("", "/", None),
        ] {
            let request = Request::builder().uri(path).header("host", host).body(()).expect("a request");
            let response = redirect.response(&request);
            assert_eq!(response.headers().get("location").map(|value| value.to_str().expect("ASCII")), location);
            let status = if location.is_some() { 308 } else { 421 };
            assert_eq!(response.status(), status, "{host}");
        }
    }
}
