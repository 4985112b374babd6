//! What leaves the gateway for its operators: events, metrics, log lines.
//!
//! An [`Event`](crate::domain::Event) is recorded once, with [`Events::record`]; the JSON line, the log line and the
//! counters are views of it, so they never disagree. Names here are read by other people's scripts and dashboards:
//! they are documented in `docs/events.md` and `docs/metrics.md`, which a test keeps current, and they stay.
//!
//! This room knows nothing of requests, stores or policy. To add an event: a variant of
//! [`EventKind`](crate::domain::EventKind) and its line in [`mod@line`]; to add a metric: a row of [`metrics::DESCRIBED`].

pub mod csv;
pub mod events;
pub mod line;
pub mod log;
pub mod metrics;
mod plain;

pub use events::{Events, Writer};
pub use log::Log;
pub use metrics::{Metrics, RequestCounts, RequestKind};
pub use plain::{escape_obeyed, plain};
