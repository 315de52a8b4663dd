//! Starts logging: to standard error, for people or as JSON, as much as was asked for.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::args::Global;
use crate::config::file::{LogFormat, LogLevel, LogSection};
use crate::error::CliError;

/// Their debug lines show headers, and with them bearer tokens; nothing turns those lines on.
const WIRE_LIBRARIES: [&str; 4] = ["hyper", "h2", "reqwest", "rustls"];

/// Starts logging. `RUST_LOG` decides what is logged where it is set, then `-v`, then the
/// configuration; a command without configuration says only what may become a failure.
pub(crate) fn start(global: &Global, section: Option<&LogSection>) -> Result<(), CliError> {
    let configured = section.map_or(LogLevel::Warn, |section| section.level);
    let level = match global.verbose {
        0 => configured,
        1 => configured.max(LogLevel::Debug),
        _ => LogLevel::Trace,
    };
    let mut filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(text) if !text.is_empty() => {
            EnvFilter::try_new(text).map_err(|error| CliError::Usage(format!("RUST_LOG is not understood: {error}")))?
        }
        _ => EnvFilter::new(level.as_str()),
    };
    for library in WIRE_LIBRARIES {
        let quiet = format!("{library}={}", configured.min(LogLevel::Info).as_str());
        let quiet = quiet
            .parse()
            .map_err(|error| CliError::internal("a log directive is refused", error))?;
        filter = filter.add_directive(quiet);
    }
    let format = global
        .log_format
        .or_else(|| section.map(|section| section.format))
        .unwrap_or_default();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    let started = match format {
        LogFormat::Human => builder
            .compact()
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .try_init(),
    };
    started.map_err(|error| CliError::internal("logging was started twice", error))
}
