//! MRR behind the front door: the daily run, and news of the billing source that bring it forward.

use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::schedule::Job;
use jiff::SignedDuration;

use crate::app::App;
use crate::job_end::JobEnd;
use crate::problem::Chain;

/// The daily run. A stop breaks it off, which changes nothing that was kept; the next start makes it anew.
pub(crate) async fn report(app: &App) -> JobEnd {
    let Some(revenue) = &app.revenue else {
        return JobEnd::Done;
    };
    let reported = tokio::select! {
        reported = revenue.reporter.daily() => reported,
        () = app.stopping.cancelled() => return JobEnd::BrokenOff,
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
            JobEnd::Done
        }
        Ok(None) => {
            tracing::info!("no Stripe key is configured, so MRR is not computed; docs/MRR.md says how");
            JobEnd::Done
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "MRR was not computed; what was kept stands, and it is tried again");
            JobEnd::Failed
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
