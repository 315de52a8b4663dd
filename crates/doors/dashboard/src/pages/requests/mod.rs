//! Requests: what was asked for, and what became of it.

mod life;
mod list;
mod one;
pub(crate) mod rate;
mod reasons;
mod search;

use std::sync::Arc;

use cc_devops_kernel::outcome::Status;
use cc_devops_requests::record::{RequestRecord, RequestState};
use maud::Markup;

use crate::components::{Tone, status};
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Requests.path(), list::show),
        page(shared, "/ui/requests/{id}", one::show),
    ]
}

/// How a request stands, in a word.
pub(crate) fn standing(record: &RequestRecord) -> Markup {
    let (tone, word) = tone_of(record);
    status(tone, word)
}

fn tone_of(record: &RequestRecord) -> (Tone, &'static str) {
    match (&record.completed, record.state) {
        (Some(completed), _) if completed.status == Status::Success => (Tone::Good, "success"),
        (Some(_), _) => (Tone::Bad, "error"),
        (None, RequestState::Received) => (Tone::Quiet, "received"),
        (None, RequestState::Waiting) => (Tone::Waiting, "waiting"),
        (None, _) => (Tone::Waiting, "executing"),
    }
}

/// How long it took, from its arrival to its outcome.
fn took(milliseconds: u64) -> String {
    let tenths = milliseconds / 100;
    match milliseconds {
        0..=999 => format!("{milliseconds} ms"),
        1_000..=9_999 => format!("{}.{} s", tenths / 10, tenths % 10),
        10_000..=119_999 => format!("{} s", milliseconds / 1_000),
        120_000..=7_199_999 => format!("{} min", milliseconds / 60_000),
        _ => format!("{} h", milliseconds / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        let said = [7, 1_234, 12_999, 121_000, 7_300_000].map(took);
        assert_eq!(said, ["7 ms", "1.2 s", "12 s", "2 min", "2 h"]);
    }
}
