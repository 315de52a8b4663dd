//! How the workers get on for whom nobody waits: whether each did its turn lately. One that panics over and over, hangs or
//! has ended makes none.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How one worker gets on.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Option<Instant>>);

impl Progress {
    /// A turn went well; or the worker begins.
    pub(crate) fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// For how long no turn went well, where that is longer than `limit`. None for a worker that never began: none runs
    /// here.
    pub(crate) fn stalled(&self, limit: Duration) -> Option<Duration> {
        let made = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.map(|made| made.elapsed()).filter(|since| *since > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_makes_no_progress_is_found_out() {
        let (progress, limit) = (Progress::default(), Duration::from_secs(30));
        tokio::time::advance(limit * 2).await;
        assert_eq!(progress.stalled(limit), None, "it never began");
        progress.made();
        tokio::time::advance(limit).await;
        assert_eq!(progress.stalled(limit), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(progress.stalled(limit), Some(Duration::from_secs(31)));
        progress.made();
        assert_eq!(progress.stalled(limit), None);
    }
}
