//! Work that the control plane handed over for a request: done by one run at a time, whose answer is left where
//! the control plane looks.
//!
//! Lambda may give an invocation twice, and makes one that failed again under its own name. So a run takes the
//! work only where no other is at it, and a run that died takes it up again.

use std::pin::pin;
use std::time::Duration;

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::ports::{Begun, WorkOutcome};
use cc_devops_repos::work::RepositoryWork;
use cc_devops_requests::execution::within_an_event;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Invocation, RepositoriesFunction, RunFailed, answer};

/// How long a run's lease is.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// How often it is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(15);

/// What a run leaves of its time, to end what it is at.
const TO_END: Duration = Duration::from_secs(30);

/// How often work is begun where the code host is not there: as often as Lambda makes an invocation.
const TRIES: u32 = 3;

/// What came of a run.
enum Ran {
    Ended(PortResult<Result<Value, Failure>>),
    /// The function's time was over first.
    Late,
    /// Another run has taken the work.
    Lost,
}

impl RepositoriesFunction {
    /// Does the work of a request, and leaves its answer.
    pub(super) async fn handed_over(
        &self,
        request: &RequestId,
        work: (&RepositoryWork, &Author),
        invocation: &Invocation,
    ) -> Result<Value, RunFailed> {
        let failed = |error| RunFailed(format!("the work of request {request} could not be noted: {error}"));
        let now = self.clock.now();
        let begun = self
            .handed_over
            .begin(request, &invocation.run, now, lease(now))
            .await
            .map_err(failed)?;
        let tries = match begun {
            Begun::Claimed { tries } => tries,
            Begun::Elsewhere => return Ok(answer(200, &json!({"request": request, "done": "elsewhere"}))),
            Begun::Ended => {
                self.notify_ended(request).await;
                return Ok(answer(200, &json!({"request": request, "done": "before"})));
            }
        };
        let came = match self.run(request, work, invocation).await {
            Ran::Lost => return Ok(answer(200, &json!({"request": request, "done": "elsewhere"}))),
            Ran::Ended(Err(error)) if error.kind.is_transient() && tries < TRIES => {
                return Err(RunFailed(format!(
                    "the work of request {request} is tried again: {error}"
                )));
            }
            Ran::Ended(ended) => WorkOutcome::from(ended.map(|outcome| outcome.map(within_an_event))),
            Ran::Late => WorkOutcome::Refused {
                reason: Reason::Timeout,
                error: "it takes longer than the function for repositories may run; what was done stands: ask for one \
                        repository at a time"
                    .to_owned(),
            },
        };
        let left = self
            .handed_over
            .end(request, &invocation.run, &came)
            .await
            .map_err(failed)?;
        if left {
            self.notify_ended(request).await;
        }
        Ok(answer(200, &json!({"request": request, "done": left})))
    }

    /// Does the work, and renews the run's lease meanwhile.
    async fn run(
        &self,
        request: &RequestId,
        (work, author): (&RepositoryWork, &Author),
        invocation: &Invocation,
    ) -> Ran {
        let handle = WorkHandle::default();
        let mut ticks = interval(RENEWED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work = pin!(self.worker.carry_out(work, author, &handle));
        let mut deadline = pin!(sleep(invocation.left.saturating_sub(TO_END)));
        let (mut late, mut lost) = (false, false);
        let ended = loop {
            tokio::select! {
                ended = &mut work => break ended,
                () = &mut deadline, if !late => {
                    late = true;
                    handle.stop();
                }
                _ = ticks.tick(), if !lost => {
                    let progress = handle.progress();
                    let until = lease(self.clock.now());
                    match self.handed_over.renew(request, &invocation.run, until, progress.as_ref()).await {
                        Ok(true) => {}
                        Ok(false) => {
                            lost = true;
                            handle.stop();
                        }
                        Err(error) => tracing::warn!(request_id = %request, %error, "a run's lease was not renewed"),
                    }
                }
            }
        };
        match ended {
            Err(error) if error.kind == PortErrorKind::Stopped && lost => Ran::Lost,
            Err(error) if error.kind == PortErrorKind::Stopped && late => Ran::Late,
            ended => Ran::Ended(ended),
        }
    }

    async fn notify_ended(&self, request: &RequestId) {
        if let Err(error) = self.handed_over.notify_ended(request).await {
            tracing::warn!(request_id = %request, %error, "the control plane was not told; its next sweep looks");
        }
    }
}

fn lease(now: Timestamp) -> Timestamp {
    now.saturating_add(LEASE).unwrap_or(Timestamp::MAX)
}
