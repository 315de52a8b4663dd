//! The workers that take events to those who are told: one for each consumer of the outbox, so that one that
//! hangs holds up no other.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::Consumer;
use futures::future::join_all;
use tokio::time::timeout;

use crate::app::App;
use crate::problem::Chain;

/// How many events are taken in one go.
const BATCH: usize = 256;

/// Serves one consumer until the server stops. A failing store is asked less and less often.
pub(crate) async fn run(app: App, consumer: Consumer) {
    let mut bell = app.relay.listen();
    let mut backoff = backoff();
    loop {
        match publish(&app, consumer).await {
            Ok(()) => {
                backoff = self::backoff();
                tokio::select! {
                    () = app.stopping.cancelled() => return,
                    () = bell.heard() => {}
                    () = tokio::time::sleep(app.config.pace.relay) => {}
                }
                // Whoever is not waited for by a reader takes what comes meanwhile in the same go.
                let gather = app.config.pace.gather;
                if !matches!(consumer, Consumer::Bus | Consumer::Log) && !app.pause(gather).await {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%consumer, error = %Chain(&error), "events were not told; they stay in the outbox");
                if !app.pause(backoff.next().unwrap_or(LONGEST_PAUSE)).await {
                    return;
                }
            }
        }
    }
}

/// Tells readers of the event log what came into it, until the server stops.
pub(crate) async fn news(app: App) {
    let mut bell = app.relay.listen();
    loop {
        if let Err(error) = app.announce().await {
            tracing::warn!(error = %Chain(&error), "the newest event could not be looked up; readers wait for it");
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = bell.heard() => {}
            () = tokio::time::sleep(app.config.pace.relay) => {}
        }
    }
}

/// Takes everything that is due to a consumer.
async fn publish(app: &App, consumer: Consumer) -> PortResult<()> {
    loop {
        let events = app.control.relay(&[consumer], BATCH).await?.events();
        match consumer {
            Consumer::Log => app.announce().await?,
            Consumer::Webhooks if events > 0 => app.deliveries.notify_one(),
            Consumer::Bus | Consumer::Webhooks | Consumer::Metrics | Consumer::People => {}
        }
        if events < BATCH {
            return Ok(());
        }
    }
}

/// Takes what is left to each consumer, which gets as much time as `patience` says. What is not told then
/// is told at the next start.
pub(crate) async fn finish(app: &App, patience: Duration) {
    let mut last = Vec::new();
    for consumer in app.ports().outbox.consumers() {
        last.push(finish_one(app, *consumer, patience));
    }
    join_all(last).await;
}

async fn finish_one(app: &App, consumer: Consumer, patience: Duration) {
    match timeout(patience, publish(app, consumer)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%consumer, error = %Chain(&error), "the last events were not told; the next start does it");
        }
        Err(_elapsed) => tracing::warn!(%consumer, "the last events were not told; the next start does it"),
    }
}

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}
