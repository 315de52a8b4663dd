//! Where the audit trail ends: said in the log at a server's start, every hour and at its stop, so that a trail that is
//! shorter later shows against any copy of the log.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_embedded::Store;
use cc_devops_kernel::ports::AuditTrail;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::CliError;

/// How often it is said while the server runs.
const HOURLY: Duration = Duration::from_hours(1);

/// What an operator does about a trail that may not be the newest.
pub(crate) const WHAT_TO_DO: &str = "find out who did that, see the runbook; put the newest database back, or a backup \
                                     with `cc-devops restore`, or take what is there with `cc-devops audit accept`";

/// Refuses to serve a trail that may not be the newest.
pub(crate) fn undoubted(store: &Store) -> Result<(), CliError> {
    match store.doubt() {
        None => Ok(()),
        Some(doubt) => Err(CliError::open(
            format!("the audit trail may not be the newest, so nothing is served: {WHAT_TO_DO}"),
            doubt,
        )),
    }
}

/// Says where it ends, now and every hour.
pub(crate) async fn log_end_hourly(trail: Arc<dyn AuditTrail>) {
    let mut ticks = interval(HOURLY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        log_end(trail.as_ref()).await;
    }
}

/// Says where it ends.
pub(crate) async fn log_end(trail: &dyn AuditTrail) {
    match trail.mark(None).await {
        Ok(Some(mark)) => tracing::info!(seq = mark.seq, hash = %mark.hash, "the audit trail ends here"),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "where the audit trail ends cannot be read"),
    }
}
