//! The files of Mailward's own pages, and the flood guard that stands before all of them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use governor::middleware::NoOpMiddleware;
use http::{Request, StatusCode, header};
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use super::words::Languages;
use crate::domain::Prefix;

/// The style of every page of Mailward's; no page has code or style inside.
pub const STYLE_SHEET: &str = include_str!("../../templates/static/page.css");

/// The script of pages that ask for a passkey.
pub const PASSKEY_SCRIPT: &str = include_str!("../../templates/static/passkey.js");

/// Our pages are a few small files: a person who asks for more than this at once is none.
const BURST: u32 = 60;

/// After the burst, one request each so many milliseconds.
const REFILL_MILLIS: u64 = 250;

/// Counts by the prefix that the gateway decided on. The stock extractors believe headers that anybody can write, or
/// count each IPv6 address by itself.
#[derive(Clone, Copy, Debug)]
pub struct ByPrefix;

impl KeyExtractor for ByPrefix {
    type Key = Prefix;

    fn extract<T>(&self, request: &Request<T>) -> Result<Prefix, GovernorError> {
        // Without the gateway in front there is no prefix: everybody is then one client, which is the strict side.
        let nobody = Prefix::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(request.extensions().get::<Prefix>().copied().unwrap_or(nobody))
    }
}

/// The files, and the guard whose quiet prefixes must be forgotten now and then: nothing else does.
pub struct OwnPages {
    /// What pages say.
    pub languages: Languages,
    /// Takes requests for files below [`super::OWN_PREFIX`] that carry a [`Prefix`] in their extensions.
    pub router: Router,
    guard: Arc<GovernorConfig<ByPrefix, NoOpMiddleware>>,
}

impl OwnPages {
    /// All of them.
    ///
    /// # Panics
    /// If the guard's constants were zero.
    pub fn new() -> Self {
        let guard = GovernorConfigBuilder::default()
            .key_extractor(ByPrefix)
            .per_millisecond(REFILL_MILLIS)
            .burst_size(BURST)
            .finish()
            .expect("burst and refill are not zero");
        let guard = Arc::new(guard);
        let router = Router::new()
            .route("/.mailward/page.css", get(async || file("text/css; charset=utf-8", STYLE_SHEET)))
            .route("/.mailward/passkey.js", get(async || file("text/javascript; charset=utf-8", PASSKEY_SCRIPT)))
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(GovernorLayer::new(Arc::clone(&guard)));
        Self { languages: Languages::new(), router, guard }
    }

    /// Whether the guard lets a page of ours be asked for from this prefix. Files ask by themselves.
    pub fn admits(&self, prefix: Prefix) -> bool {
        self.guard.limiter().check_key(&prefix).is_ok()
    }

    /// Forgets prefixes that have been quiet.
    pub fn forget_quiet(&self) {
        self.guard.limiter().retain_recent();
        self.guard.limiter().shrink_to_fit();
    }
}

impl Default for OwnPages {
    fn default() -> Self {
        Self::new()
    }
}

fn file(kind: &'static str, text: &'static str) -> axum::response::Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=3600")], text).into_response()
}
