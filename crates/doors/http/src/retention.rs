//! The daily run that forgets what has been kept for long enough, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::health::Mode;
use cc_devops_requests::retention::{Pruner, Run};
use tokio::time::Instant;

use crate::app::App;
use crate::job_end::JobEnd;
use crate::problem::Chain;
use crate::watch_health;

/// How much longer than a step the pause after it is: the store is others' for three quarters of the time.
const PAUSE: u32 = 3;

/// The shortest pause.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

/// How often a long run says how far it is.
const SAY_EVERY: Duration = Duration::from_mins(1);

/// Forgets what is due. A stop breaks it off; the next run goes on.
pub(crate) async fn forget(app: &App) -> JobEnd {
    let Some(pruner) = &app.pruner else { return JobEnd::Done };
    if watch_health::mode(app).await == Mode::Maintenance {
        tracing::info!("nothing is forgotten in maintenance mode");
        return JobEnd::Done;
    }
    let mut run = pruner.begin();
    let end = go(app, pruner, &mut run).await;
    let report = run.report();
    for (what, removed) in &report.removed {
        app.meters.forgotten(what, *removed);
    }
    if report.cut > 0 {
        app.meters.forgotten("audit", report.cut);
    }
    if !report.is_empty() {
        tracing::info!(
            removed = ?report.removed,
            audit = report.cut,
            bytes = report.bytes,
            exports = ?report.exports,
            ended = ?end,
            "what was kept for long enough is forgotten"
        );
    }
    end
}

async fn go(app: &App, pruner: &Arc<Pruner>, run: &mut Run) -> JobEnd {
    let mut said = Instant::now();
    loop {
        let begun = Instant::now();
        match pruner.step(run).await {
            Ok(true) => {}
            Ok(false) => return JobEnd::Done,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "not everything was forgotten; it is tried again");
                return JobEnd::Failed;
            }
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            tracing::info!(removed = ?run.report().removed, bytes = run.report().bytes, "forgetting");
        }
        if !app.pause((begun.elapsed() * PAUSE).max(LEAST_PAUSE)).await {
            return JobEnd::BrokenOff;
        }
    }
}
