//! Looking at the parked requests, whose effect is under way elsewhere.
//!
//! Each is looked at for itself: one that fails holds up no other, and the time limit holds
//! whatever its look answers.

use std::future::Future;
use std::sync::PoisonError;

use cc_devops_kernel::names::{FullStackName, RequestId, Stage};
use cc_devops_kernel::outcome::{Completed, Failure, Reason};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::SignedDuration;
use serde_json::Value;

use crate::actions::{Carrying, EffectEnd, within_an_event};
use crate::deploys::Looking;
use crate::engine::ControlPlane;
use crate::execution::Step;
use crate::ports::{PortError, PortResult, WorkStatus};
use crate::record::{Progress, RequestHead, WaitingRequest};
use crate::sweep::Deadline;
pub use crate::waits::Stopwatch;

/// How many parked requests are read in one go.
const PAGE: usize = 50;

/// How many are looked at at once.
const AT_ONCE: usize = 10;

/// What a look at the parked requests came to.
#[derive(Debug, Default)]
pub struct Looked {
    /// Those that came to their end.
    pub concluded: Vec<Completed>,
    /// What went wrong with some; the others were looked at all the same.
    pub failures: Vec<PortError>,
}

impl Looked {
    pub(crate) fn note(&mut self, looked: PortResult<Step>) {
        match looked {
            Ok(Step::Concluded(completed)) => self.concluded.push(completed),
            Ok(_) => {}
            Err(error) => self.failures.push(error),
        }
    }
}

impl ControlPlane {
    /// Looks at every parked request and concludes those whose effect has ended.
    pub async fn look_after_waiting(&self) -> Looked {
        self.look_until(&mut Deadline::never()).await
    }

    /// The same, until a deadline. The next look begins where this one had to end, so that those
    /// that waited longest do not stand before all others.
    pub(super) async fn look_until<F: Future<Output = ()>>(&self, deadline: &mut Deadline<F>) -> Looked {
        let mut looked = Looked::default();
        let place = || self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begun_behind = place().take();
        let cut = self
            .look_behind(begun_behind.clone(), None, deadline, &mut looked)
            .await;
        let cut = match (&begun_behind, cut) {
            (Some(last), None) => self.look_behind(None, Some(last), deadline, &mut looked).await,
            (_, cut) => cut,
        };
        *place() = cut;
        looked
    }

    /// Looks at those behind `after`, up to `last`. Where the deadline comes first: the last one
    /// that was looked at.
    async fn look_behind<F: Future<Output = ()>>(
        &self,
        mut after: Option<WaitingRequest>,
        last: Option<&WaitingRequest>,
        deadline: &mut Deadline<F>,
        looked: &mut Looked,
    ) -> Option<WaitingRequest> {
        let mut looks = FuturesUnordered::new();
        let mut cut = false;
        'pages: loop {
            let page = match self.ports.ledger.waiting(after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    looked.failures.push(error);
                    break;
                }
            };
            let is_last = page.len() < PAGE;
            for waiting in page {
                if deadline.is_over() {
                    cut = true;
                    break 'pages;
                }
                if last.is_some_and(|last| (last.since, &last.head.id) < (waiting.since, &waiting.head.id)) {
                    break 'pages;
                }
                if looks.len() >= AT_ONCE
                    && let Some(step) = looks.next().await
                {
                    looked.note(step);
                }
                after = Some(waiting.clone());
                looks.push(self.look_at(waiting));
            }
            if is_last {
                break;
            }
        }
        while let Some(step) = looks.next().await {
            looked.note(step);
        }
        after.filter(|_| cut)
    }

    /// What a request waits for has ended: concludes it. `None` where it does not wait (any more,
    /// or yet; a request looks for itself when it is parked).
    pub async fn ended_elsewhere(&self, request: &RequestId) -> PortResult<Option<Completed>> {
        let Some(waiting) = self.ports.ledger.waiting_request(request).await? else {
            return Ok(None);
        };
        match self.look_at(waiting).await? {
            Step::Concluded(completed) => Ok(Some(completed)),
            Step::Parked | Step::Postponed | Step::HandedBack | Step::Superseded => Ok(None),
        }
    }

    async fn look_at(&self, waiting: WaitingRequest) -> PortResult<Step> {
        let waited = self.waits.of(&waiting, self.now());
        let looked = Box::pin(self.look(&waiting)).await;
        let WaitingRequest { claim, head, .. } = &waiting;
        let ended = match looked {
            Ok(Looking::Ended(ended)) => *ended,
            Ok(Looking::Done(step)) => return Ok(step),
            Ok(Looking::Waits) => return Ok(Step::Parked),
            unended if waited > self.time_limit(head) => {
                if let Err(error) = unended {
                    tracing::warn!(request_id = %head.id, %error, "a request that cannot be looked at ends at its time limit");
                }
                let overdue = self.overdue(head);
                if !self.is_on_repositories(head)
                    && let Some(step) = self.deploy_overdue(&waiting, overdue.clone()).await?
                {
                    return Ok(step);
                }
                EffectEnd::fate_unknown(overdue)
            }
            Ok(Looking::GoesOn) => return Ok(Step::Parked),
            Err(error) => {
                tracing::warn!(request_id = %head.id, %error, "a waiting request could not be looked at");
                return Err(error);
            }
        };
        let step = self.conclude(claim, head, ended, Value::Null).await?;
        self.waits.forget(&head.id);
        Ok(step)
    }

    /// How what a request waits for stands.
    pub(super) async fn look(&self, waiting: &WaitingRequest) -> PortResult<Looking> {
        let WaitingRequest { head, .. } = waiting;
        let lost = |message: &str| {
            let failure = Failure::new(Reason::InternalError, message.to_owned());
            Ok(Looking::Ended(Box::new(EffectEnd::fate_unknown(failure))))
        };
        if self.is_on_repositories(head) {
            let Some(worker) = &self.repository_worker else {
                return lost("this control plane does not look after repositories any more");
            };
            return match worker.standing(&head.id, self.now()).await? {
                WorkStatus::GoesOn(_) => Ok(Looking::GoesOn),
                WorkStatus::Ended(outcome) => {
                    let ended = EffectEnd::with(outcome.map(within_an_event));
                    Ok(Looking::Ended(Box::new(ended)))
                }
                WorkStatus::Unknown => lost(
                    "nothing is known of this request's work any more; look at the repository before you ask for it again",
                ),
            };
        }
        let Some(stack) = &head.resource else {
            return lost("the request waits for a stack that was not recorded");
        };
        let stack = FullStackName::from_stored(stack.clone());
        self.look_at_deploy(waiting, &stack).await
    }

    /// How far a request is that waits, where it says so.
    pub async fn progress_elsewhere(&self, head: &RequestHead) -> PortResult<Option<Progress>> {
        let Some(worker) = self
            .repository_worker
            .as_ref()
            .filter(|_| self.is_on_repositories(head))
        else {
            return Ok(None);
        };
        Ok(match worker.standing(&head.id, self.now()).await? {
            WorkStatus::GoesOn(progress) => progress,
            WorkStatus::Ended(_) | WorkStatus::Unknown => None,
        })
    }

    fn overdue(&self, head: &RequestHead) -> Failure {
        let seconds = self.time_limit(head).as_secs();
        let message = match &head.resource {
            Some(stack) if !self.is_on_repositories(head) => format!(
                "stack {stack} did not settle within {seconds} seconds; see what it is doing: no other deploy changes \
                 it before an operator has looked and freed it with `cc-devops stacks release {stack}`"
            ),
            _ => format!("it did not end within {seconds} seconds; see what was done before you ask for it again"),
        };
        Failure::new(Reason::Timeout, message)
    }

    fn time_limit(&self, head: &RequestHead) -> SignedDuration {
        if self.is_on_repositories(head) {
            return self.settings.work_timeout;
        }
        let own = Stage::new(&head.stage).ok();
        let own = own.and_then(|stage| self.settings.stage_deploy_timeouts.get(&stage).copied());
        own.unwrap_or(self.settings.deploy_timeout)
    }

    /// Whether it is work on repositories that a request waits for, and not its stack's change.
    fn is_on_repositories(&self, head: &RequestHead) -> bool {
        match self.registry().find(&head.action).map(|action| action.carrying) {
            Some(Carrying::Repositories) => true,
            Some(Carrying::StackChange | Carrying::AtOnce | Carrying::UnderClaim) | None => false,
        }
    }
}
