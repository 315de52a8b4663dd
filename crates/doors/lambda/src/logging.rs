//! What a function logs: lines of JSON, which CloudWatch can search.
//!
//! # LOGGING
//! Ours at the level asked for. What libraries say in detail is nobody's business, as it may hold what
//! requests hold: of theirs, warnings and errors only.

use std::io::{self, Write};

use cc_devops_core::text;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Ours.
const OURS: [&str; 11] = [
    "cc_devops_app",
    "cc_devops_core",
    "cc_devops_aws",
    "cc_devops_github",
    "cc_devops_lambda",
    "cc_devops_queue",
    "cc_devops_rates",
    "cc_devops_stripe",
    "devops_automation",
    "repositories",
    "stripe_mrr_reporter",
];

/// Begins to log, at the level that `LOG_LEVEL` names: `error`, `warn`, `info` or `debug`; without it, or
/// with another name, `info`. To be called once.
pub fn begin() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(|| Log)
        .with_current_span(true)
        .with_span_list(false)
        // CloudWatch has its own.
        .without_time();
    let filter = filter(&std::env::var("LOG_LEVEL").unwrap_or_default());
    tracing_subscriber::registry().with(lines).with(filter).init();
}

/// Standard output, for one event at a time. JSON's own writer leaves marks of direction as they are, which whoever
/// reads the log must not obey.
struct Log;

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        io::stdout().lock().write_all(text::json(&line).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

fn filter(level: &str) -> Targets {
    let level = match level {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    };
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(OURS.map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_say_no_more_than_warnings() {
        let filter = filter("debug");
        assert!(filter.would_enable("stripe_mrr_reporter", &Level::DEBUG));
        assert!(filter.would_enable("cc_devops_aws::table", &Level::DEBUG));
        assert!(!filter.would_enable("aws_smithy_runtime", &Level::INFO));
        assert!(filter.would_enable("reqwest", &Level::WARN));
    }
}
