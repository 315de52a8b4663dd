//! An agent's schedule and what else its watch goes by, as people write it on the command line and read it back.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::times::show;
use crate::error::CliError;

/// What was written is no schedule, no zone, no tag.
pub(super) fn usage(error: impl Display) -> CliError {
    CliError::Usage(error.to_string())
}

/// When something is due, by the wall clock of its zone and in UTC.
pub(super) fn due_line(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    format!("  {}  ({})", local.strftime("%a %Y-%m-%d %H:%M:%S %Z"), show(at))
}
