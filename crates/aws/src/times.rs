//! Times of the SDK as ours, and back.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// A time of the SDK's; none where it is no time of ours.
pub(crate) fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

/// A time as the SDK has it.
pub(crate) fn date_time(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}
