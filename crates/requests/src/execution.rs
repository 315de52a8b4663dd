//! Carrying a claimed request out: authorise → execute → conclude, park, postpone or hand back.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::outcome::{Completed, Failure, Reason};
use cc_devops_kernel::work::WorkHandle;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use crate::actions::within_an_event;
use crate::actions::{Command, EffectContext, EffectEnd, EffectError, EffectProgress};
use crate::conclusion::conclusion;
use crate::deploys::Looking;
use crate::engine::{ControlPlane, later};
use crate::ports::{PortError, PortErrorKind, PortResult};
use crate::receiving::Claimed;
use crate::record::{Claim, ClaimedRequest, Conclusion, RequestHead, WaitingRequest};

/// How far a request got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It has its outcome.
    Concluded(Completed),
    /// Its effect is under way elsewhere.
    Parked,
    /// A system it needs is not there; it will be taken again.
    Postponed,
    /// It was told to stop, and is left for whoever comes next.
    HandedBack,
    /// Somebody else went on with it.
    Superseded,
}

impl ControlPlane {
    /// Carries a claimed request out as far as it goes now. What was admitted on its arrival is not read again.
    ///
    /// An `Err` leaves the request as it is; a sweep takes it when its lease ends.
    pub async fn carry_out(&self, claimed: impl Into<Claimed> + Send) -> PortResult<Step> {
        self.carry_out_for(claimed.into(), None).await
    }

    /// The same, for an agent that was looked up just now.
    pub(super) async fn carry_out_for(&self, claimed: Claimed, known: Option<Agent>) -> PortResult<Step> {
        let Claimed {
            request: claimed,
            admitted,
        } = claimed;
        let under_way = self.running.begin(Some(claimed.claim.clone()), self.now());
        let ClaimedRequest { claim, tries, head, .. } = &claimed;
        let EffectError { error, in_effect } = match self.execute(&claimed, admitted, known, &under_way.handle).await {
            Ok((EffectProgress::Ended(ended), detail)) => return self.conclude(claim, head, ended, detail).await,
            // What waits is looked at, which is a way of its own.
            Ok((EffectProgress::Elsewhere, detail)) => return Box::pin(self.park(claim, head, detail)).await,
            Ok((EffectProgress::Later(at), _)) => return self.hand_back_until(claim, at).await,
            Err(broke) => broke,
        };
        if error.kind == PortErrorKind::Superseded {
            return Ok(Step::Superseded);
        }
        if error.kind == PortErrorKind::Stopped {
            return self.hand_back(claim).await;
        }
        if error.kind.is_transient() && *tries < self.settings.max_attempts {
            tracing::warn!(error = %error, tries, "request postponed");
            let wait = error.retry_after.unwrap_or_else(|| backoff(*tries));
            self.ports.ledger.postpone(claim, later(self.now(), wait)).await?;
            return Ok(Step::Postponed);
        }
        tracing::error!(error = %error, source = ?error.source, tries, "request failed");
        // An earlier try may have done what this one was not told of.
        let may_have_done = *tries > 1 || (in_effect && error.kind.is_transient());
        let failure = failure_of(&error, may_have_done);
        let ended = if may_have_done {
            EffectEnd::fate_unknown(failure)
        } else {
            EffectEnd::with(Err(failure))
        };
        self.conclude(claim, head, ended, Value::Null).await
    }

    /// Leaves a claimed request that was not begun, or was broken off at a safe place, to whoever
    /// comes next. It was not tried.
    pub async fn hand_back(&self, claim: &Claim) -> PortResult<Step> {
        self.hand_back_until(claim, self.now()).await
    }

    /// The same, to be taken again at `at`.
    async fn hand_back_until(&self, claim: &Claim, at: Timestamp) -> PortResult<Step> {
        match self.ports.ledger.hand_back(claim, at).await {
            Ok(()) => Ok(Step::HandedBack),
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(Step::Superseded),
            Err(error) => Err(error),
        }
    }

    /// Takes requests nobody works on: never begun, or begun by somebody who is gone; never what
    /// runs in this process. Nothing, once everything is to stop.
    pub async fn recover(&self, limit: usize) -> PortResult<Vec<ClaimedRequest>> {
        if self.running.is_stopping() {
            return Ok(Vec::new());
        }
        self.renew_old().await?;
        let now = self.now();
        self.ports
            .ledger
            .claim_due(now, later(now, self.settings.lease), limit)
            .await
    }

    /// Takes over what a dead process had claimed, where the caller holds the store alone: a sweep
    /// carries it out at once. How many requests that were.
    pub async fn take_over(&self) -> PortResult<u64> {
        self.ports.ledger.take_over(self.now()).await
    }

    /// How far it came, and what its audit row says beside that.
    async fn execute(
        &self,
        claimed: &ClaimedRequest,
        admitted: Option<Command>,
        known: Option<Agent>,
        handle: &WorkHandle,
    ) -> Result<(EffectProgress, Value), EffectError> {
        let ClaimedRequest { claim, tries, head, .. } = claimed;
        if *tries > self.settings.max_attempts {
            let message = format!(
                "given up after {} attempts; the control plane's log says why",
                self.settings.max_attempts
            );
            let failure = Failure::new(Reason::InternalError, message);
            return Ok((EffectProgress::Ended(EffectEnd::fate_unknown(failure)), Value::Null));
        }
        let command = match admitted.map_or_else(|| self.readmit(claimed), Ok) {
            Ok(command) => command,
            Err(failure) => return Ok((EffectProgress::refused(failure), Value::Null)),
        };
        let detail = match self.authorise(head, &command, known).await? {
            Ok(policies) => json!({"policies": policies}),
            Err(denied) => return Ok((EffectProgress::refused(denied), Value::Null)),
        };
        let context = EffectContext {
            plane: self,
            ports: &self.ports,
            repositories: self.repository_worker.as_ref(),
            claim,
            head,
            stage: command.stage(),
            handle,
        };
        let carried = command.effect().carry_out(context).await?;
        Ok((carried, detail))
    }

    /// The policies that let the one who asks have this, or the refusal.
    pub(super) async fn authorise(
        &self,
        head: &RequestHead,
        command: &Command,
        known: Option<Agent>,
    ) -> PortResult<Result<Vec<String>, Failure>> {
        let denied = |message: String| Ok(Err(Failure::new(Reason::SecurityViolation, message)));
        let found = match known.filter(|agent| agent.name == head.principal) {
            Some(agent) => Some(agent),
            None => self.ports.agents.find(&head.principal).await?,
        };
        let Some(principal) = found else {
            return denied(format!(
                "{} is not an agent of this control plane any more",
                head.principal
            ));
        };
        let mut policies = Vec::new();
        for access in command.accesses() {
            let decision = self.policy.decide(&principal, &access);
            if !decision.allowed {
                return denied(decision.refusal(&principal.name, &access));
            }
            policies.extend(decision.policies);
        }
        policies.sort();
        policies.dedup();
        Ok(Ok(policies))
    }

    /// Parks a request, then looks once: the change may have ended before anybody could tell the
    /// request, which was not waiting yet.
    async fn park(&self, claim: &Claim, head: &RequestHead, detail: Value) -> PortResult<Step> {
        let now = self.now();
        let parked = WaitingRequest {
            claim: claim.clone(),
            head: head.clone(),
            since: now,
        };
        // From now on, and before anybody can see it wait: who sets the clock has no say in how long.
        self.waits.of(&parked, now);
        if let Err(error) = self.ports.ledger.park(claim, now).await {
            self.waits.forget(&head.id);
            return match error.kind {
                PortErrorKind::Superseded => Ok(Step::Superseded),
                _ => Err(error),
            };
        }
        match self.look(&parked).await {
            Ok(Looking::Ended(ended)) => {
                self.waits.forget(&head.id);
                self.conclude(claim, head, *ended, detail).await
            }
            Ok(Looking::Done(step)) => Ok(step),
            Ok(Looking::GoesOn | Looking::Waits) => Ok(Step::Parked),
            // It is parked all the same; the next look tells.
            Err(error) => {
                tracing::warn!(request_id = %head.id, %error, "what was begun elsewhere cannot be looked at yet");
                Ok(Step::Parked)
            }
        }
    }

    pub(crate) async fn conclude(
        &self,
        claim: &Claim,
        head: &RequestHead,
        ended: EffectEnd,
        detail: Value,
    ) -> PortResult<Step> {
        let EffectEnd {
            outcome,
            output,
            keeps_stack,
            approval,
        } = ended;
        let mut conclusion = Conclusion {
            keeps_stack,
            ..conclusion(head, outcome, detail, output, self.now())
        };
        conclusion.completed.approval = approval;
        match self.ports.ledger.conclude(claim, &conclusion).await {
            Ok(()) => Ok(Step::Concluded(conclusion.completed)),
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(Step::Superseded),
            Err(error) => Err(error),
        }
    }
}

/// The longest wait between two attempts, before jitter.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How long to wait after the `failed`-th failure: 1 s doubling up to 60 s, with jitter.
pub(super) fn backoff(failed: u32) -> SignedDuration {
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times()
        .build();
    let nth = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX).min(16);
    let delay = delays.nth(nth).unwrap_or(LONGEST_WAIT);
    SignedDuration::try_from(delay).unwrap_or(SignedDuration::from_mins(1))
}

/// What an agent is told when a port failed for good. The port's own words stay in the log. Only
/// where nothing can have been done is it told to ask again under another id.
fn failure_of(error: &PortError, may_have_done: bool) -> Failure {
    let (reason, message) = match error.kind {
        PortErrorKind::Unavailable if may_have_done => (
            Reason::ApiError,
            "a system the request needs could not be reached; the effect may have taken place: look before you ask for it again",
        ),
        PortErrorKind::Unavailable => (
            Reason::ApiError,
            "a system the request needs could not be reached, and nothing was done; send it again later under a new requestId",
        ),
        PortErrorKind::Timeout => (
            Reason::Timeout,
            "a system the request needs did not answer in time; the effect may have taken place: look before you ask for it again",
        ),
        PortErrorKind::Refused | PortErrorKind::TooLarge => (
            Reason::ApiError,
            "the system that carries this out refused; an operator finds its answer in the log",
        ),
        PortErrorKind::NotFound => (
            Reason::MissingDependency,
            "something the request needs does not exist; an operator finds its name in the log",
        ),
        PortErrorKind::Full
        | PortErrorKind::Corrupt
        | PortErrorKind::Key
        | PortErrorKind::Superseded
        | PortErrorKind::Stopped
        | PortErrorKind::Exists => (
            Reason::InternalError,
            "the control plane's own storage failed; an operator must look at its log",
        ),
    };
    Failure::new(reason, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_stays_bounded() {
        for failed in [1, 2, 5, 40, u32::MAX] {
            let wait = backoff(failed);
            assert!(
                wait >= SignedDuration::from_secs(1) && wait <= SignedDuration::from_secs(120),
                "{failed}: {wait}"
            );
        }
        assert!(backoff(4) >= SignedDuration::from_secs(8));
    }
}
