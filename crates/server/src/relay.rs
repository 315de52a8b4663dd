//! The worker that publishes what was concluded, as soon as it is, and tells those who read.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use cc_devops_core::ports::PortResult;

use crate::app::App;
use crate::problem::Chain;

/// How many events are published in one go.
const BATCH: usize = 256;

/// Publishes until the server stops. A failing store is asked less and less often.
pub(crate) async fn run(app: App) {
    let mut backoff = backoff();
    let mut delay = None;
    loop {
        if let Some(delay) = delay {
            if !app.pause(delay).await {
                return;
            }
        } else {
            tokio::select! {
                () = app.stopping.cancelled() => return,
                () = app.relay.notified() => {}
                () = tokio::time::sleep(app.config.pace.relay) => {}
            }
        }
        delay = match publish(&app).await {
            Ok(()) => {
                backoff = self::backoff();
                None
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "events were not published; they stay in the outbox");
                backoff.next()
            }
        };
    }
}

/// Publishes everything that is due.
pub(crate) async fn publish(app: &App) -> PortResult<()> {
    loop {
        let report = app.control.relay(BATCH).await?;
        app.announce().await?;
        if report.failed > 0 {
            tracing::warn!(
                failed = report.failed,
                "events were refused; they are tried again later"
            );
        }
        if report.published + report.failed < BATCH {
            return Ok(());
        }
    }
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(30))
        .without_max_times()
        .with_jitter()
        .build()
}
