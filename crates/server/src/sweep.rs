//! The workers that take up what nobody works on: requests recorded while there was no room,
//! requests a crash left, stacks whose change ended.

use std::panic::AssertUnwindSafe;

use cc_devops_core::names::RequestId;
use cc_devops_core::ports::PortResult;
use futures::FutureExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{Instrument, info_span};

use crate::app::App;
use crate::dispatcher::{begin, concluded};
use crate::problem::Chain;

/// How many requests are looked at in one go.
const BATCH: usize = 256;

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
        if let Err(error) = recover(&app).await {
            tracing::warn!(error = %Chain(&error), "the sweep failed; it is tried again");
        }
    }
}

/// Looks at every parked request.
pub(crate) async fn look_after_waiting(app: &App) {
    match app.control.look_after_waiting(BATCH).await {
        Ok(ended) => {
            for completed in &ended {
                let span = info_span!(
                    "request",
                    request_id = completed.request_id,
                    agent = completed.requested_by
                );
                span.in_scope(|| concluded(app, completed));
            }
        }
        Err(error) => tracing::warn!(error = %Chain(&error), "waiting requests could not be looked at"),
    }
}

/// Takes what nobody works on, as there is room, until nothing is left.
async fn recover(app: &App) -> PortResult<()> {
    loop {
        let room = tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            room = app.in_flight.clone().acquire_owned() => room.ok(),
        };
        let limit = (app.in_flight.available_permits() + 1).min(BATCH);
        let claimed = app.control.recover(limit).await?;
        let found = claimed.len();
        let mut room = room;
        for request in claimed {
            let permit = match room.take() {
                Some(permit) => Some(permit),
                None => app.in_flight.clone().acquire_owned().await.ok(),
            };
            begin(app, request, permit);
        }
        if found < limit {
            return Ok(());
        }
    }
}

/// Concludes requests whose stack's change ended, as it is told.
pub(crate) async fn conclude_ended(app: App, mut ended: UnboundedReceiver<RequestId>) {
    while let Some(id) = ended.recv().await {
        let span = info_span!(parent: None, "stack_ended", request_id = %id, agent = tracing::field::Empty);
        async {
            match AssertUnwindSafe(app.control.stack_ended(&id)).catch_unwind().await {
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
