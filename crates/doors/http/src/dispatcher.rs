//! Takes events in and carries requests out. A request is durable before it is answered; if its
//! task fails or the process dies, its lease ends and the sweep takes it up.

use std::panic::AssertUnwindSafe;

use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Completed, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::envelope::{Envelope, Unreadable};
use cc_devops_requests::execution::Step;
use cc_devops_requests::receiving::{Claimed, Received};
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, info_span};

use crate::app::App;
use crate::completions::Waiter;
use crate::problem::Chain;

/// What became of an event on arrival.
pub(crate) enum Admitted {
    /// It cannot be read; that is on record.
    Unreadable(Failure),
    /// It is on record and under way.
    UnderWay(RequestId, Option<Wait>),
    /// It has its outcome already.
    Ended(Box<Completed>),
}

/// The wait for an outcome.
pub(crate) struct Wait {
    waiter: Waiter,
    /// Whether the outcome may have come before anybody waited for it.
    look_first: bool,
}

/// Takes in what one event was read as, which came by a door, and, while there is room, begins to carry it out.
pub(crate) async fn admit(
    app: App,
    (principal, door): (Principal, Door),
    read: Result<Envelope, Unreadable>,
    wait: bool,
) -> PortResult<Admitted> {
    let permit = app.in_flight.clone().try_acquire_owned().ok();
    let take = permit.is_some();
    let received = app.control.receive_by(door, &principal, read, take).await?;
    Ok(take_up(&app, received, permit, wait))
}

/// Begins to carry out what the control plane took in. It was claimed where there was a permit.
pub(crate) fn take_up(app: &App, received: Received, permit: Option<OwnedSemaphorePermit>, wait: bool) -> Admitted {
    let expect = |id: &RequestId, look_first| {
        wait.then(|| Wait {
            waiter: app.completions.expect(id),
            look_first,
        })
    };
    match received {
        Received::Unreadable(failure) => {
            app.relay.ring();
            Admitted::Unreadable(failure)
        }
        Received::Claimed(claimed) => {
            let id = claimed.request.head.id.clone();
            let waiting = expect(&id, false);
            begin(app, claimed, permit);
            Admitted::UnderWay(id, waiting)
        }
        Received::Recorded(id) => {
            let waiting = expect(&id, true);
            app.sweep.notify_one();
            Admitted::UnderWay(id, waiting)
        }
        Received::Concluded(completed) => {
            // Nobody is told through `completions`: a conflict carries the id of another request.
            app.meters.concluded(&completed);
            app.relay.ring();
            Admitted::Ended(Box::new(completed))
        }
        Received::Known(record) => {
            app.relay.ring();
            if let Some(completed) = record.completed {
                Admitted::Ended(Box::new(completed))
            } else {
                let waiting = expect(&record.head.id, true);
                Admitted::UnderWay(record.head.id, waiting)
            }
        }
    }
}

/// Carries a request out on a task of its own.
pub(crate) fn begin(app: &App, claimed: Claimed, permit: Option<OwnedSemaphorePermit>) {
    let span =
        info_span!(parent: None, "request", request_id = %claimed.request.head.id, agent = %claimed.request.head.agent);
    let app = app.clone();
    let tracker = app.running.clone();
    let work = async move {
        let _permit = permit;
        match AssertUnwindSafe(Box::pin(app.control.carry_out(claimed)))
            .catch_unwind()
            .await
        {
            Ok(Ok(Step::Concluded(completed))) => concluded(&app, &completed),
            Ok(Ok(Step::Parked)) => tracing::debug!("waiting for what goes on elsewhere"),
            Ok(Ok(Step::Postponed)) => tracing::info!("postponed; it will be tried again"),
            Ok(Ok(Step::HandedBack)) => tracing::info!("broken off; the next start goes on with it"),
            Ok(Ok(Step::Superseded)) => tracing::debug!("somebody else went on with it"),
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "not carried out; it is taken up again when its lease ends");
            }
            Err(_panic) => tracing::error!("panicked; it is taken up again when its lease ends"),
        }
    };
    drop(tracker.spawn(work.instrument(span)));
}

/// Spreads the news of an outcome.
pub(crate) fn concluded(app: &App, completed: &Completed) {
    let action = completed.action.as_str();
    let latency_ms = completed.latency_ms;
    match completed.reason.map(Reason::as_str) {
        None => tracing::debug!(action, latency_ms, "succeeded"),
        Some(reason) => tracing::info!(action, latency_ms, reason, "failed"),
    }
    app.meters.concluded(completed);
    app.completions.announce(completed);
    app.relay.ring();
}

impl Wait {
    /// The outcome, whoever brings it about. Ends only with it.
    pub(crate) async fn outcome(mut self, app: &App) -> Completed {
        let mut look = self.look_first;
        loop {
            if look {
                match app.ports().ledger.find(self.waiter.id()).await {
                    Ok(record) => {
                        if let Some(completed) = record.and_then(|record| record.completed) {
                            return completed;
                        }
                    }
                    Err(error) => tracing::debug!(error = %Chain(&error), "could not look for an outcome"),
                }
            }
            tokio::select! {
                completed = self.waiter.completed() => return completed,
                () = tokio::time::sleep(app.config.pace.outcome) => look = true,
            }
        }
    }
}
