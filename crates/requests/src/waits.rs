//! How long requests have waited, whatever becomes of the clock meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cc_devops_kernel::names::RequestId;
use jiff::{SignedDuration, Timestamp};

use crate::record::WaitingRequest;

/// How long the process has run, by a clock that nobody sets.
pub type Stopwatch = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A request that was seen to wait.
struct Seen {
    since: Timestamp,
    first: Duration,
    before: SignedDuration,
}

/// How long requests have waited.
#[derive(Default)]
pub(super) struct Waits {
    stopwatch: Option<Stopwatch>,
    /// Since when each waits, when it was seen so first, by the stopwatch, and how long it had waited then, by the
    /// clock. What was woken waits anew.
    seen: Mutex<HashMap<RequestId, Seen>>,
}

impl Waits {
    /// Measured by a stopwatch.
    pub(super) fn by(stopwatch: Stopwatch) -> Self {
        Self {
            stopwatch: Some(stopwatch),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<RequestId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a request has waited: from when this process saw it first on, the clock has no say. Before that
    /// it has, but for one that was set back meanwhile.
    pub(super) fn of(&self, waiting: &WaitingRequest, now: Timestamp) -> SignedDuration {
        let by_clock = now.duration_since(waiting.since).max(SignedDuration::ZERO);
        let Some(stopwatch) = &self.stopwatch else {
            return by_clock;
        };
        let ran = stopwatch();
        let mut seen = self.seen();
        let now_first = || Seen {
            since: waiting.since,
            first: ran,
            before: by_clock,
        };
        let seen = seen
            .entry(waiting.head.id.clone())
            .and_modify(|seen| {
                if seen.since != waiting.since {
                    *seen = now_first();
                }
            })
            .or_insert_with(now_first);
        let since = SignedDuration::try_from(ran.saturating_sub(seen.first)).unwrap_or(SignedDuration::MAX);
        seen.before.saturating_add(since)
    }

    /// Forgets one that waits no more.
    pub(super) fn forget(&self, id: &RequestId) {
        self.seen().remove(id);
    }
}
