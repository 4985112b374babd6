//! Requests that Mailward itself sends to another program: alerts, and texts to telephones. Signed, so that the receiver
//! knows who wrote it, and that nobody sends it again a day later.

use std::path::Path;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::domain::Timestamp;

/// Bytes of an answer that are read before the connection is used again; what it says is not looked at.
const ANSWER_MAX: usize = 64 * 1024;

/// A receiver of requests.
pub struct Hook {
    url: Uri,
    key: Option<hmac::Key>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Hook {
    /// One at `url`, with the shared secret from that file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(url: &Uri, secret_file: Option<&Path>, tls: &rustls::ClientConfig) -> Result<Self, String> {
        let key = match secret_file {
            Some(path) => {
                let secret =
                    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                Some(hmac::Key::new(hmac::HMAC_SHA256, secret.trim_ascii()))
            }
            None => None,
        };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { url: url.clone(), key, client })
    }

    /// Posts JSON; returns when the receiver has taken it. `id` is the same should it be posted again.
    ///
    /// # Errors
    /// The receiver cannot be reached, or answered with another status than 2xx.
    pub async fn post(&self, id: Option<&str>, body: Vec<u8>, now: Timestamp) -> Result<(), String> {
        let mut request = Request::post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("mailward/", env!("CARGO_PKG_VERSION")));
        if let Some(id) = id {
            request = request.header("mailward-id", id);
        }
        if let Some(signature) = self.signature(&body, now) {
            request = request.header("mailward-signature", signature);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
        let status = answer.status();
        let _ = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA-256 of `SECONDS.BODY` under the shared secret.
    fn signature(&self, body: &[u8], now: Timestamp) -> Option<String> {
        let seconds = now.as_millis() / 1_000;
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        context.update(format!("{seconds}.").as_bytes());
        context.update(body);
        Some(format!("t={seconds},v1={}", data_encoding::HEXLOWER.encode(context.sign().as_ref())))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    /// Trusts nobody.
    pub(crate) fn tls() -> rustls::ClientConfig {
        let roots = rustls::RootCertStore::empty();
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// One that trusts nobody and posts nowhere.
    pub(crate) fn hook(secret: Option<&[u8]>) -> Hook {
        let url = "http://127.0.0.1:1/".parse().expect("a URL");
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret));
        Hook { key, ..Hook::new(&url, None, &tls()).expect("no file to be read") }
    }

    #[test]
    fn the_signature_is_over_time_and_body() {
        // echo -n '1764115200.{}' | openssl dgst -sha256 -hmac secret
        let signature = hook(Some(b"secret")).signature(b"{}", Timestamp::from_millis(1_764_115_200_000));
        assert_eq!(
            signature.as_deref(),
            Some("t=1764115200,v1=0f69d1bcf4f5db7f9fb79596f1fcd8bf6eccdc58ab6bf3d202079a0d9174ac41")
        );
        assert_eq!(hook(None).signature(b"{}", Timestamp::from_millis(0)), None);
    }
}
