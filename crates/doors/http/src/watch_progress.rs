//! How the workers of the watch get on.

use std::time::Duration;

use crate::progress::Progress;

/// How long a worker may make no progress.
const STALLED: Duration = Duration::from_mins(1);

/// How the workers of the watch get on.
#[derive(Default)]
pub(crate) struct WatchProgress {
    /// Who finds deadlines that passed.
    pub(crate) sweep: Progress,
    /// Who decides what is told.
    pub(crate) notifying: Progress,
    /// Who sends it.
    pub(crate) delivering: Progress,
}

impl WatchProgress {
    /// The workers begin.
    pub(crate) fn begin(&self) {
        for progress in [&self.sweep, &self.notifying, &self.delivering] {
            progress.made();
        }
    }

    /// What is wrong with a worker, in words, and what follows from that.
    pub(crate) fn stalled(&self) -> Vec<(&'static str, String)> {
        let workers = [
            ("watch", &self.sweep, "the agents were not looked at"),
            (
                "alerts",
                &self.notifying,
                "nobody is told of anything: alerts were not decided on",
            ),
            (
                "alerts",
                &self.delivering,
                "nobody is told of anything: messages were not sent",
            ),
        ];
        let stalled = workers.into_iter().filter_map(|(check, progress, what)| {
            let since = progress.stalled(STALLED)?.as_secs();
            Some((check, format!("{what} for {since} seconds; the server's log says why")))
        });
        stalled.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_stands_still_is_said() {
        let progress = WatchProgress::default();
        progress.begin();
        tokio::time::advance(STALLED * 2).await;
        progress.sweep.made();
        let stalled = progress.stalled();
        assert_eq!(stalled.len(), 2, "{stalled:?}");
        assert!(
            stalled
                .iter()
                .all(|(check, why)| *check == "alerts" && why.contains("120 seconds")),
            "{stalled:?}"
        );
    }
}
