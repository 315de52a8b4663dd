//! What a function logs: lines of JSON, which CloudWatch can search.
//!
//! # LOGGING
//! Ours at the level asked for. What libraries say in detail is nobody's business, as it may hold what
//! requests hold: of theirs, warnings and errors only.

use std::io::{self, Write};

use cc_devops_kernel::text;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What the targets of our own lines begin with: our crates, whichever there are, and the three programs.
const OURS: [&str; 4] = ["cc_devops_", "devops_automation", "repositories", "stripe_mrr_reporter"];

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
        for ours in [
            "cc_devops_aws::table",
            "cc_devops_revenue::reporter",
            "cc_devops_kernel",
        ] {
            assert!(filter.would_enable(ours, &Level::DEBUG), "{ours}");
        }
        assert!(!filter.would_enable("aws_smithy_runtime", &Level::INFO));
        assert!(filter.would_enable("reqwest", &Level::WARN));
    }
}
