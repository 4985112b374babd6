//! Upgrades: a WebSocket of the webmail, where the site passes them (`upgrades = "pass"`), over HTTP/1.1.
//!
//! Only WebSocket: any other protocol, `h2c` above all, would carry requests past everything that is judged here. Once
//! upgraded, the bytes are nobody's business; the connection keeps its place within the caps.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, Version, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::config::{Site, Upgrades};
use crate::edge::Connection;
use crate::upstream::body::AnswerBody;
use crate::upstream::pool::Arriving;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The browser's side of an upgrade that it asked for.
pub(super) struct Upgrade(OnUpgrade);

impl Upgrade {
    /// None: not asked for, or not passed here.
    pub fn of(parts: &mut Parts, site: &Site) -> Option<Self> {
        let headers = &parts.headers;
        let names = |name, wanted: &str| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value: &HeaderValue| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|word| word.trim().eq_ignore_ascii_case(wanted))
        };
        let asked = site.upgrades == Upgrades::Pass
            && parts.method == Method::GET
            && parts.version == Version::HTTP_11
            && headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
            && names(header::CONNECTION, "upgrade");
        asked.then(|| parts.extensions.remove::<OnUpgrade>()).flatten().map(Self)
    }

    /// Asks the other side for it, in headers that belong to one hop and were taken out.
    pub fn ask(headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, WEBSOCKET);
    }

    /// Joins both sides once the webmail has agreed. `connection` counts as open until one of them closes.
    pub fn join(self, mut response: Response<Arriving>, connection: Arc<Connection>) -> Response<AnswerBody> {
        let webmail = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            if let (Ok(browser), Ok(webmail)) = (self.0.await, webmail.await) {
                let (mut browser, mut webmail) = (TokioIo::new(browser), TokioIo::new(webmail));
                // However it ends, it has ended for both.
                let _ = tokio::io::copy_bidirectional(&mut browser, &mut webmail).await;
            }
            drop(connection);
        });
        response.map(|_| AnswerBody::empty())
    }
}
