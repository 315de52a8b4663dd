//! Carrying a claimed request out: authorise → execute → conclude, park, postpone or hand back.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Value, json};

use super::course::Course;
use super::engine::{ControlPlane, conclusion, later};
use super::outcome::{Completed, Failure, Reason};
use super::record::{Claim, ClaimedRequest, Conclusion, RequestHead, StackLease, StackLock, WaitingRequest};
use super::{Command, DeployLambda, RepositoryWork};
use crate::acts::Author;
use crate::fleet::Agent;
use crate::names::Stage;
use crate::policy::Access;
use crate::ports::{PortError, PortErrorKind, PortResult, StackEnd, StackProgress};

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

/// How a command ended, and what the audit row should say beside it.
pub(super) struct Ended {
    pub(super) outcome: Result<Value, Failure>,
    pub(super) detail: Value,
    pub(super) output: Option<String>,
    /// Whether the stack it holds stays its own, because nobody knows how that stands.
    pub(super) keeps_stack: bool,
}

impl Ended {
    /// Ended so; what it held is free.
    pub(super) fn with(outcome: Result<Value, Failure>, detail: Value) -> Self {
        Self {
            outcome,
            detail,
            output: None,
            keeps_stack: false,
        }
    }

    /// A failure after which nobody knows what became of the effect.
    pub(super) fn fate_unknown(failure: Failure) -> Self {
        Self {
            keeps_stack: true,
            ..Self::with(Err(failure), Value::Null)
        }
    }
}

enum Executed {
    Ended(Ended),
    /// It goes on elsewhere.
    Elsewhere(Value),
}

/// A port failed while a command was carried out.
struct Broke {
    error: PortError,
    /// Whether it was the effect itself, which may have taken place.
    in_effect: bool,
}

impl From<PortError> for Broke {
    fn from(error: PortError) -> Self {
        Self {
            error,
            in_effect: false,
        }
    }
}

fn in_effect(error: PortError) -> Broke {
    Broke { error, in_effect: true }
}

impl ControlPlane {
    /// Carries a claimed request out as far as it goes now.
    ///
    /// An `Err` leaves the request as it is; a sweep takes it when its lease ends.
    pub async fn carry_out(&self, claimed: ClaimedRequest) -> PortResult<Step> {
        self.carry_out_for(claimed, None).await
    }

    /// The same, for an agent that was looked up just now.
    pub(super) async fn carry_out_for(&self, mut claimed: ClaimedRequest, known: Option<Agent>) -> PortResult<Step> {
        let admitted = claimed.admitted.take();
        let under_way = self.running.begin(Some(claimed.claim.clone()), self.now());
        let ClaimedRequest { claim, tries, head, .. } = &claimed;
        let Broke { error, in_effect } = match self.execute(&claimed, admitted, known, &under_way.course).await {
            Ok(Executed::Ended(ended)) => return self.conclude(claim, head, ended).await,
            Ok(Executed::Elsewhere(detail)) => return self.park(claim, head, detail).await,
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
            Ended::fate_unknown(failure)
        } else {
            Ended::with(Err(failure), Value::Null)
        };
        self.conclude(claim, head, ended).await
    }

    /// Leaves a claimed request that was not begun, or was broken off at a safe place, to whoever
    /// comes next. It was not tried.
    pub async fn hand_back(&self, claim: &Claim) -> PortResult<Step> {
        match self.ports.ledger.hand_back(claim, self.now()).await {
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

    async fn execute(
        &self,
        claimed: &ClaimedRequest,
        admitted: Option<Box<Command>>,
        known: Option<Agent>,
        course: &Course,
    ) -> Result<Executed, Broke> {
        let ClaimedRequest { claim, tries, head, .. } = claimed;
        if *tries > self.settings.max_attempts {
            let message = format!(
                "given up after {} attempts; the control plane's log says why",
                self.settings.max_attempts
            );
            let failure = Failure::new(Reason::InternalError, message);
            return Ok(Executed::Ended(Ended::fate_unknown(failure)));
        }
        let command = match admitted {
            Some(command) => *command,
            None => match self.readmit(claimed) {
                Ok(command) => command,
                Err(failure) => return Ok(refused(failure, Value::Null)),
            },
        };
        let detail = match self.authorise(head, &command, known).await? {
            Ok(policies) => json!({"policies": policies}),
            Err(denied) => return Ok(refused(denied, Value::Null)),
        };
        match command {
            Command::PutSecret(put) => {
                let put = match self.opened(&put, head).await? {
                    Ok(put) => put,
                    Err(failure) => return Ok(refused(failure, detail)),
                };
                let written = self.put_secret(claim.attempt, head, &put).await.map_err(in_effect)?;
                Ok(Executed::Ended(Ended::with(Ok(written), detail)))
            }
            Command::DeployLambda(deploy) => self.deploy(claim, &deploy, detail).await,
            Command::Repositories(work) => self.repositories((claim, head), &work, course, detail).await,
        }
    }

    async fn repositories(
        &self,
        (claim, head): (&Claim, &RequestHead),
        work: &RepositoryWork,
        course: &Course,
        detail: Value,
    ) -> Result<Executed, Broke> {
        let Some(care) = &self.care else {
            let message = "this control plane looks after no repositories; an operator gives it a GitHub token";
            return Ok(refused(Failure::new(Reason::MissingDependency, message), detail));
        };
        let author = Author::of(head);
        if care.hand_over(claim, work, &author).await.map_err(in_effect)? {
            return Ok(Executed::Elsewhere(detail));
        }
        let outcome = care.carry_out(work, &author, course).await.map_err(in_effect)?;
        Ok(Executed::Ended(Ended::with(outcome.map(within_an_event), detail)))
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
        let access = match command {
            Command::PutSecret(put) => Access::PutSecret {
                name: put.name.clone(),
                stage: self.stage_of(head),
            },
            Command::DeployLambda(deploy) => Access::DeployLambda {
                stack: deploy.stack.clone(),
                stage: deploy.stage.clone(),
            },
            Command::Repositories(work) => Access::Repositories {
                action: work.action(),
                repository: work.repository().cloned(),
            },
        };
        let mut asked = vec![access];
        // Who sets a secret somewhere learns it there.
        if let Command::Repositories(RepositoryWork::SetSecrets { secrets, .. }) = command {
            asked.extend(secrets.values().map(|name| Access::ReadSecret { name: name.clone() }));
        }
        let mut policies = Vec::new();
        for access in asked {
            if let Some(refusal) = self.policy.refusal(&access) {
                return denied(refusal);
            }
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

    pub(super) fn stage_of(&self, head: &RequestHead) -> Stage {
        let stages = &self.installation.stages;
        stages
            .find(&head.stage)
            .unwrap_or_else(|_| stages.default_stage().clone())
    }

    async fn deploy(&self, claim: &Claim, deploy: &DeployLambda, detail: Value) -> Result<Executed, Broke> {
        let stack = deploy.full_name();
        let lease: StackLease = match self.ports.ledger.lock_stack(claim, &stack).await? {
            StackLock::Acquired(lease) => lease,
            StackLock::Held { by } => {
                let holder = self.ports.ledger.find(&by).await?;
                let goes_on = holder.is_some_and(|holder| holder.completed.is_none());
                let message = if goes_on {
                    format!("stack {stack} is being changed by request {by}; send the deploy again when that has ended")
                } else {
                    format!(
                        "nobody knows what became of request {by}, which changed stack {stack}; send the deploy again \
                         when an operator has looked at the stack and freed it with `cc-devops stacks release {stack}`"
                    )
                };
                return Ok(refused(Failure::new(Reason::StackInProgress, message), detail));
            }
        };
        let started = self.ports.stacks.start(&lease, deploy, self.now()).await;
        match started.map_err(in_effect)? {
            StackProgress::Changing => Ok(Executed::Elsewhere(detail)),
            StackProgress::Ended(end) => Ok(Executed::Ended(stack_ended(end, detail))),
        }
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
        match self.look(&parked, detail).await {
            Ok(Some(ended)) => {
                self.waits.forget(&head.id);
                self.conclude(claim, head, ended).await
            }
            Ok(None) => Ok(Step::Parked),
            // It is parked all the same; the next look tells.
            Err(error) => {
                tracing::warn!(request_id = %head.id, %error, "what was begun elsewhere cannot be looked at yet");
                Ok(Step::Parked)
            }
        }
    }

    pub(super) async fn conclude(&self, claim: &Claim, head: &RequestHead, ended: Ended) -> PortResult<Step> {
        let Ended {
            outcome,
            detail,
            output,
            keeps_stack,
        } = ended;
        let conclusion = Conclusion {
            keeps_stack,
            ..conclusion(head, outcome, detail, output, self.now())
        };
        match self.ports.ledger.conclude(claim, &conclusion).await {
            Ok(()) => Ok(Step::Concluded(conclusion.completed)),
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(Step::Superseded),
            Err(error) => Err(error),
        }
    }
}

fn refused(failure: Failure, detail: Value) -> Executed {
    Executed::Ended(Ended::with(Err(failure), detail))
}

pub(super) fn stack_ended(end: StackEnd, detail: Value) -> Ended {
    Ended {
        outcome: end.outcome.map(|result| to_value(&result)),
        detail,
        output: end.output,
        keeps_stack: !end.fate_known,
    }
}

#[expect(clippy::expect_used, reason = "results are plain data with string keys")]
pub(super) fn to_value(result: &impl Serialize) -> Value {
    serde_json::to_value(result).expect("plain data is JSON")
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

/// The largest result, in bytes: an event may have 256 KiB, a row of the ledger somewhat more.
const LARGEST_RESULT: usize = 180_000;

/// A result that fits into an event. Of all repositories only the summary may be left.
pub fn within_an_event(result: Value) -> Value {
    if result.to_string().len() <= LARGEST_RESULT {
        return result;
    }
    let Value::Object(mut fields) = result else {
        return json!({"shortened": true});
    };
    fields.retain(|_, value| value.to_string().len() <= LARGEST_RESULT / 10);
    fields.insert("shortened".to_owned(), json!(true));
    Value::Object(fields)
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

    #[test]
    fn a_result_fits_into_an_event() {
        let small = json!({"repositories": [1, 2], "summary": {}});
        assert_eq!(within_an_event(small.clone()), small);
        let large = json!({"repositories": "x".repeat(LARGEST_RESULT), "summary": {"repositories": 9}});
        let fits = json!({"summary": {"repositories": 9}, "shortened": true});
        assert_eq!(within_an_event(large), fits);
    }
}
