//! Log lines for people, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log as it was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Text or JSON.
    pub form: Form,
    /// What is written: `error`, `warn`, `info` (the default), `debug`, `trace`, or one per target such as
    /// `info,mailward::gateway=debug`.
    pub level: Option<String>,
}

/// The level asked for cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the log level {level:?} is not understood; write error, warn, info, debug or trace")]
pub struct NotALevel {
    /// What was asked for.
    pub level: String,
    /// Why.
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

impl Log {
    /// Begins to log. A second call in one process changes nothing.
    ///
    /// Under systemd (`JOURNAL_STREAM` is set) lines carry no time: the journal has its own.
    pub fn start(&self) -> Result<(), NotALevel> {
        let level = self.level.as_deref().unwrap_or("info");
        let filter = EnvFilter::try_new(level).map_err(|source| NotALevel { level: level.to_owned(), source })?;
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_span_events(FmtSpan::NONE)
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
        let under_journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let _ = match (self.form, under_journal) {
            (Form::Json, _) => {
                lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
            }
            (Form::Text, true) => lines.with_target(false).without_time().try_init(),
            (Form::Text, false) => lines.with_target(false).try_init(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused_with_what_is_allowed() {
        let log = Log { level: Some("mailward=loud".into()), ..Log::default() };
        assert!(log.start().expect_err("no such level").to_string().contains("error, warn, info"));
    }
}
