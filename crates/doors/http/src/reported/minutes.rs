//! A series by minute, over the last hours.

use std::collections::BTreeMap;

use cc_devops_outbox::ports::minute_of;
use jiff::Timestamp;

use super::Sample;

/// How many minutes are kept of a series, the newest of those in which something was reported.
const KEPT: usize = 180;

/// The minutes in which something was reported.
#[derive(Debug, Clone, Default)]
pub(super) struct MinuteRing(BTreeMap<i64, Sample>);

impl MinuteRing {
    /// Adds what was so at a time.
    pub(super) fn take(&mut self, at: Timestamp, sample: Sample) {
        let minute = self.0.entry(minute_of(at)).or_default();
        *minute = minute.and(sample);
        if self.0.len() > KEPT {
            self.0.pop_first();
        }
    }

    /// The minutes, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, Sample)> + '_ {
        self.0.iter().map(|(minute, sample)| (*minute, *sample))
    }
}
