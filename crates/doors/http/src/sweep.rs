//! The workers that take up what nobody works on: requests recorded while there was no room,
//! requests a crash left, stacks whose change ended.

use std::panic::AssertUnwindSafe;

use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::waiting::Looked;
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{Instrument, info_span};

use crate::app::App;
use crate::dispatcher::{begin, concluded};
use crate::problem::Chain;

/// How many requests are taken in one go.
const BATCH: usize = 256;

/// How many plans are looked at in one go.
const MOST_PLANS: usize = 10_000;

/// Sweeps at the start, by the clock, and when woken, until the server stops.
pub(crate) async fn run(app: App) {
    let mut ticks = interval(app.config.pace.sweep);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            _ = ticks.tick() => look_after_waiting(&app).await,
            () = app.sweep.notified() => {}
        }
        look_after_plans(&app).await;
        if let Err(error) = recover(&app).await {
            tracing::warn!(error = %Chain(&error), "the sweep failed; it is tried again");
        }
    }
}

/// Looks at every parked request.
pub(crate) async fn look_after_waiting(app: &App) {
    let looked = app.control.look_after_waiting().await;
    spread(
        app,
        &looked,
        "some waiting requests could not be looked at; it is tried again",
    );
}

/// Looks at every plan that is due: decided, expired, thawed, or not cleaned up after.
async fn look_after_plans(app: &App) {
    let looked = app.control.look_after_plans(MOST_PLANS).await;
    spread(app, &looked, "some plans could not be looked at; it is tried again");
}

/// Spreads the news of what was looked at.
fn spread(app: &App, looked: &Looked, failed: &str) {
    for completed in &looked.concluded {
        let span = info_span!(
            "request",
            request_id = completed.request_id,
            agent = completed.requested_by
        );
        span.in_scope(|| concluded(app, completed));
    }
    if let Some(first) = looked.failures.first() {
        tracing::warn!(
            failed = looked.failures.len(),
            first = %Chain(first),
            "{failed}"
        );
    }
}

/// Takes what nobody works on, as there is room, until nothing is left: no more than there are
/// places to begin it at once.
async fn recover(app: &App) -> PortResult<()> {
    loop {
        let first = tokio::select! {
            biased;
            () = app.stopping.cancelled() => return Ok(()),
            first = app.in_flight.clone().acquire_owned() => first.ok(),
        };
        let mut places: Vec<OwnedSemaphorePermit> = first.into_iter().collect();
        while places.len() < BATCH
            && let Ok(place) = app.in_flight.clone().try_acquire_owned()
        {
            places.push(place);
        }
        let limit = places.len();
        let claimed = app.control.recover(limit).await?;
        let found = claimed.len();
        for request in claimed {
            begin(app, request.into(), places.pop());
        }
        if found < limit || limit == 0 {
            return Ok(());
        }
    }
}

/// Concludes requests whose stack's change ended, as it is told.
pub(crate) async fn conclude_ended(app: App, mut ended: UnboundedReceiver<RequestId>) {
    while let Some(id) = ended.recv().await {
        let span = info_span!(parent: None, "stack_ended", request_id = %id, agent = tracing::field::Empty);
        async {
            match AssertUnwindSafe(Box::pin(app.control.ended_elsewhere(&id)))
                .catch_unwind()
                .await
            {
                Ok(Ok(Some(completed))) => {
                    tracing::Span::current().record("agent", completed.requested_by.as_str());
                    concluded(&app, &completed);
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = %Chain(&error), "a stack's end was not recorded; the sweep tries again");
                }
                Err(_panic) => tracing::error!("panicked over a stack's end; the sweep tries again"),
            }
        }
        .instrument(span)
        .await;
    }
}
