//! Starts logging: to standard error, for people or as JSON, as much as was asked for.
//!
//! An event is one line, whatever others wrote into it: a line feed would begin a forged one, and a control character
//! or a mark of direction would tell the reader something else than what stands there.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use cc_devops_app::settings::file::{LogFormat, LogLevel, LogSection};
use cc_devops_kernel::text;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::context::Global;
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
    let ansi = io::stderr().is_terminal();
    let lines = match format {
        LogFormat::Json => Lines::Json,
        LogFormat::Human => Lines::Human { ansi },
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Log(lines))
        .with_span_events(FmtSpan::NONE);
    let started = match format {
        LogFormat::Human => builder.compact().with_ansi(ansi).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .try_init(),
    };
    started.map_err(|error| CliError::internal("logging was started twice", error))
}

/// What a line of the log is.
#[derive(Debug, Clone, Copy)]
enum Lines {
    /// JSON, whose own writer leaves marks of direction as they are.
    Json,
    /// Text, in colours where it goes to a terminal.
    Human { ansi: bool },
}

/// Standard error, for one event at a time: the subscriber gives each in one piece.
struct Log(Lines);

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.trim_end_matches('\n');
        let shown = match self.0 {
            Lines::Json => text::json(line),
            Lines::Human { ansi: false } => text::line(line),
            Lines::Human { ansi: true } => coloured(line),
        };
        writeln!(io::stderr().lock(), "{shown}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The line with its colours, which are the subscriber's own: it writes out an escape that stands in a message.
fn coloured(line: &str) -> Cow<'_, str> {
    let mut parts = line.split('\u{1b}');
    let mut shown = text::line(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let code = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
        let is_colour = code.is_some_and(|(code, _)| code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'));
        shown.push_str(if is_colour { "\u{1b}" } else { "\\u{1b}" });
        shown.push_str(&text::line(part));
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_and_keeps_its_colours_alone() {
        let event = "\u{1b}[2mnow\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m a\nb\u{202e}c\u{1b}[2Jd\u{1b}]0;t\u{7}";
        assert_eq!(
            coloured(event),
            "\u{1b}[2mnow\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m a\\nb\\u{202e}c\\u{1b}[2Jd\\u{1b}]0;t\\u{7}"
        );
    }

    #[test]
    fn what_was_given_is_all_taken() {
        let mut log = Log(Lines::Json);
        let event = "{\"message\":\"\u{202e}\"}\n";
        assert_eq!(log.write(event.as_bytes()).unwrap(), event.len());
    }
}
