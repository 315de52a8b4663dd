//! Who is told of every event, and how they stand, as several pages say it.

use cc_devops_outbox::ports::{Consumer, Standing};
use maud::Markup;

use crate::components::{Tone, status};

/// Who it is, where a line begins with it.
pub(crate) fn who(consumer: Consumer) -> &'static str {
    match consumer {
        Consumer::Bus => "The event bus",
        Consumer::Log => "The event log",
        Consumer::Webhooks => "Webhooks",
        Consumer::Metrics => "Metrics",
        Consumer::People => "People",
    }
}

/// The same within a sentence.
pub(crate) fn whom(consumer: Consumer) -> String {
    who(consumer).to_lowercase()
}

/// How it stands.
pub(crate) fn state(standing: &Standing) -> Markup {
    match (standing.set_aside, standing.failing, standing.waiting) {
        (0, 0, 0) => status(Tone::Good, "up to date"),
        (0, 0, _) => status(Tone::Waiting, "under way"),
        (0, ..) => status(Tone::Warning, "tries again"),
        _ => status(Tone::Bad, "needs you"),
    }
}
