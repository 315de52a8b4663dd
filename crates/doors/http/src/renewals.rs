//! The worker that renews the claims of what runs here, so that long work outlasts its lease. It
//! goes on while the server stops, as long as something runs.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::problem::Chain;

/// The shortest time between two renewals.
const SHORTEST: Duration = Duration::from_millis(1);

/// Renews until it is aborted.
pub(crate) async fn run(app: App) {
    // By the monotonic clock: what is left of a lease must not depend on who sets the time.
    let every = Duration::try_from(app.control.renewal_interval()).unwrap_or(SHORTEST);
    let mut ticks = interval(every.max(SHORTEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match AssertUnwindSafe(app.control.renew()).catch_unwind().await {
            Ok(Ok(renewed)) if renewed.lost > 0 => {
                tracing::warn!(
                    lost = renewed.lost,
                    "requests that ran here are somebody else's now; they are broken off"
                );
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "claims were not renewed; it is tried again"),
            Err(_panic) => tracing::error!("panicked over the renewal of claims; it is tried again"),
        }
    }
}
