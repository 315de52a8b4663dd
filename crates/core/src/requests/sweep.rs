//! One pass over everything that was left: by a crash, by a lost event, by a system that was down.
//!
//! For a front door that is called by the clock. A server that runs all the time has a worker for
//! each of these instead.

use futures::StreamExt;
use futures::stream;

use super::engine::ControlPlane;
use super::execution::Step;
use super::outcome::Completed;
use super::record::ClaimedRequest;
use crate::ports::{PortError, PortResult};

/// How many requests are taken up, looked at or published in one go.
const BATCH: usize = 50;

/// How many requests are carried out at once.
const AT_ONCE: usize = 10;

/// What a pass did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Requests that came to their end.
    pub concluded: usize,
    /// Events published.
    pub published: usize,
    /// What went wrong; the rest of the pass was made all the same.
    pub failures: Vec<PortError>,
}

impl Swept {
    fn note<T>(&mut self, result: PortResult<T>) -> Option<T> {
        result.map_err(|error| self.failures.push(error)).ok()
    }
}

impl ControlPlane {
    /// Takes up requests nobody works on, looks at those that wait, checks the audit trail's ends
    /// in, and publishes what is concluded.
    pub async fn sweep(&self) -> Swept {
        let mut swept = Swept::default();
        while let Some(claimed) = swept.note(self.recover(BATCH).await) {
            let last = claimed.len() < BATCH;
            let results: Vec<_> = stream::iter(claimed)
                .map(|claimed: ClaimedRequest| self.carry_out(claimed))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            for result in results {
                if let Some(Step::Concluded(_)) = swept.note(result) {
                    swept.concluded += 1;
                }
            }
            if last || !swept.failures.is_empty() {
                break;
            }
        }
        let ended: Option<Vec<Completed>> = swept.note(self.look_after_waiting(BATCH).await);
        swept.concluded += ended.map_or(0, |ended| ended.len());
        swept.note(self.ports.audit.checkpoint(self.now()).await);
        if let Some(published) = swept.note(self.publish_all().await) {
            swept.published = published;
        }
        swept
    }

    /// Takes every event that is due to every consumer; how many were told. What one of them refuses stays
    /// in the outbox for a later pass.
    pub async fn publish_all(&self) -> PortResult<usize> {
        let mut published = 0;
        loop {
            let report = self.relay(self.ports.outbox.consumers(), BATCH).await?;
            published += report.published;
            if report.events() == 0 {
                return Ok(published);
            }
        }
    }
}
