//! MRR behind the front door: the daily run, and news of the billing source that bring it forward.

use std::sync::Arc;

use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::schedule::Job;
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_revenue::reporting::Reporter;
use jiff::SignedDuration;

use crate::app::App;
use crate::problem::Chain;
use crate::scheduler::End;

/// The capability to report MRR.
#[derive(Clone)]
pub struct Revenue {
    /// Computes and keeps it.
    pub reporter: Arc<Reporter>,
    /// Who understands what the billing source sends; without it, nothing is taken.
    pub notices: Option<Arc<dyn BillingNotices>>,
    /// How long after a change at the billing source the report is made anew. What changes meanwhile
    /// is in the same report.
    pub refresh_after: SignedDuration,
}

/// The daily run. A stop breaks it off, which changes nothing that was kept; the next start makes it anew.
pub(crate) async fn report(app: &App) -> End {
    let Some(revenue) = &app.revenue else { return End::Done };
    let reported = tokio::select! {
        reported = revenue.reporter.daily() => reported,
        () = app.stopping.cancelled() => return End::BrokenOff,
    };
    match reported {
        Ok(Some(day)) => {
            app.relay.ring();
            tracing::info!(
                date = %day.date,
                complete = day.summary.complete,
                subscribers = day.summary.subscribers,
                "MRR was computed"
            );
            End::Done
        }
        Ok(None) => {
            tracing::info!("no Stripe key is configured, so MRR is not computed; docs/MRR.md says how");
            End::Done
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "MRR was not computed; what was kept stands, and it is tried again");
            End::Failed
        }
    }
}

/// Brings the next report forward: what was reported may be out of date.
pub(crate) async fn bring_forward(app: &App, after: SignedDuration) -> PortResult<()> {
    let schedule = &app.ports().schedule;
    let now = app.ports().clock.now();
    let soon = now.saturating_add(after).unwrap_or(now);
    let due = schedule.due(Job::Revenue, soon).await?;
    if due > soon && !schedule.advance(Job::Revenue, due, soon).await? {
        // Somebody has just moved it: to a run, or forward as we would.
        tracing::debug!("the report's time was moved by somebody else");
    }
    Ok(())
}
