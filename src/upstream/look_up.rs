//! A question to a service of others, on the way of a request: short, bounded, and answered or not.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};

use super::Upstream;
use super::body::RequestBody;

/// Bytes of an answer that are read: a list of leaked passwords with its padding is some 50 KiB.
const ANSWER_MAX: usize = 512 * 1024;

impl Upstream {
    /// The body of a 200 at this address; none where there is none within `patience`, whatever the reason. A person waits
    /// for what this answers, so it asks once.
    pub async fn look_up(&self, address: Uri, patience: Duration) -> Option<Bytes> {
        let authority = address.authority()?.as_str().to_owned();
        let request = Request::get(address)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, concat!("mailward/", env!("CARGO_PKG_VERSION")))
            // Hides which of the ranges was asked for from whoever sees only how long the answer is.
            .header("add-padding", "true")
            .body(RequestBody::Empty)
            .ok()?;
        tokio::time::timeout(patience, async {
            let response = self.others.request(request).await.ok()?;
            if response.status() != StatusCode::OK {
                return None;
            }
            Some(Limited::new(response.into_body(), ANSWER_MAX).collect().await.ok()?.to_bytes())
        })
        .await
        .ok()?
    }
}
