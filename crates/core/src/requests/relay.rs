//! The relay: takes events out of the outbox and publishes them.
//!
//! What people must know of goes to them on the same occasion.
//!
//! At least once: an event is marked after it was published, so a crash in between publishes it
//! again. A repeat of a request counts in the metrics as often as it is answered.

use super::engine::{ControlPlane, later};
use super::execution::backoff;
use crate::alerts::worth_telling;
use crate::events::EventBody;
use crate::ports::{PortResult, RequestSample};

/// What one pass of the relay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayReport {
    /// Events published.
    pub published: usize,
    /// Events the bus refused, to be tried again.
    pub failed: usize,
}

impl ControlPlane {
    /// Publishes up to `limit` events and counts them in the metrics.
    pub async fn relay(&self, limit: usize) -> PortResult<RelayReport> {
        let now = self.now();
        let ledger = &self.ports.ledger;
        let entries = ledger.unpublished(now, limit).await?;
        if entries.is_empty() {
            return Ok(RelayReport::default());
        }
        let results = self.ports.bus.publish(&entries, now).await?;
        let mut published = Vec::with_capacity(entries.len());
        let mut samples = Vec::with_capacity(entries.len());
        let mut failed = 0;
        for (entry, result) in entries.iter().zip(results) {
            let told = match result {
                Ok(()) => self.alert(&entry.event.body).await,
                Err(error) => Err(error),
            };
            match told {
                Ok(()) => {
                    published.push(entry.id);
                    samples.extend(entry.event.body.completed().map(|done| RequestSample {
                        action: done.action.clone(),
                        status: done.status,
                        latency_ms: done.latency_ms,
                        at: done.timestamp,
                    }));
                }
                Err(error) => {
                    failed += 1;
                    tracing::warn!(event = entry.event.body.key(), %error, "event not published; it will be tried again");
                    ledger
                        .publish_failed(entry.id, later(now, backoff(entry.failures + 1)))
                        .await?;
                }
            }
        }
        let (marked, counted) = futures::join!(ledger.published(&published), self.ports.metrics.record(&samples));
        if let Err(error) = counted {
            tracing::warn!(%error, "request metrics not recorded");
        }
        marked?;
        Ok(RelayReport {
            published: published.len(),
            failed,
        })
    }

    /// Tells people, where that is worth it.
    async fn alert(&self, body: &EventBody) -> Result<(), String> {
        match body.completed().and_then(worth_telling) {
            None => Ok(()),
            Some(alert) => self.ports.alerts.raise(&alert).await.map_err(|error| error.to_string()),
        }
    }
}
