//! Carrying a claimed request out: authorise → execute → conclude, park or postpone.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::engine::{ControlPlane, conclusion, later};
use super::outcome::{Completed, Failure, PutSecretResult, Reason};
use super::record::{Claim, ClaimedRequest, RequestHead, StackLease, StackLock, WaitingRequest};
use super::{Command, DeployLambda, PutSecret, RepositoryWork};
use crate::acts::Author;
use crate::fleet::Agent;
use crate::names::{RequestId, SecretName, Stage};
use crate::policy::Access;
use crate::ports::{PortError, PortErrorKind, PortResult, SecretWrite, StackEnd, StackProgress};

/// How far a request got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It has its outcome.
    Concluded(Completed),
    /// Its effect is under way elsewhere.
    Parked,
    /// A system it needs is not there; it will be taken again.
    Postponed,
    /// Somebody else went on with it.
    Superseded,
}

/// How a command ended, and what the audit row should say beside it.
struct Ended {
    outcome: Result<Value, Failure>,
    detail: Value,
    output: Option<String>,
}

enum Executed {
    Ended(Ended),
    Changing(Value),
}

impl ControlPlane {
    /// Carries a claimed request out as far as it goes now.
    ///
    /// An `Err` leaves the request as it is; a sweep takes it when its lease ends.
    pub async fn carry_out(&self, claimed: ClaimedRequest) -> PortResult<Step> {
        self.carry_out_for(claimed, None).await
    }

    /// The same, for an agent that was looked up just now.
    pub(super) async fn carry_out_for(&self, claimed: ClaimedRequest, known: Option<Agent>) -> PortResult<Step> {
        let ClaimedRequest { claim, head, .. } = &claimed;
        match self.execute(&claimed, known).await {
            Ok(Executed::Ended(ended)) => self.conclude(claim, head, ended).await,
            Ok(Executed::Changing(detail)) => self.park(claim, head, detail).await,
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(Step::Superseded),
            Err(error) if error.kind.is_transient() && claim.attempt < self.settings.max_attempts => {
                tracing::warn!(error = %error, attempt = claim.attempt, "request postponed");
                let wait = error.retry_after.unwrap_or_else(|| backoff(claim.attempt));
                self.ports.ledger.postpone(claim, later(self.now(), wait)).await?;
                Ok(Step::Postponed)
            }
            Err(error) => {
                tracing::error!(error = %error, source = ?error.source, attempt = claim.attempt, "request failed");
                let ended = Ended {
                    outcome: Err(failure_of(&error)),
                    detail: Value::Null,
                    output: None,
                };
                self.conclude(claim, head, ended).await
            }
        }
    }

    /// Takes requests nobody works on: never begun, or begun by somebody who is gone.
    pub async fn recover(&self, limit: usize) -> PortResult<Vec<ClaimedRequest>> {
        let now = self.now();
        self.ports
            .ledger
            .claim_due(now, later(now, self.settings.lease), limit)
            .await
    }

    /// Looks at the parked requests and concludes those whose effect has ended.
    pub async fn look_after_waiting(&self, limit: usize) -> PortResult<Vec<Completed>> {
        let mut concluded = Vec::new();
        for waiting in self.ports.ledger.waiting(limit).await? {
            if let Step::Concluded(completed) = self.look_at(waiting).await? {
                concluded.push(completed);
            }
        }
        Ok(concluded)
    }

    /// A stack's change has ended: concludes the request that waits for it. `None` where none
    /// waits (any more, or yet; a request looks for itself when it is parked).
    pub async fn stack_ended(&self, request: &RequestId) -> PortResult<Option<Completed>> {
        let Some(waiting) = self.ports.ledger.waiting_request(request).await? else {
            return Ok(None);
        };
        match self.look_at(waiting).await? {
            Step::Concluded(completed) => Ok(Some(completed)),
            Step::Parked | Step::Postponed | Step::Superseded => Ok(None),
        }
    }

    async fn look_at(&self, waiting: WaitingRequest) -> PortResult<Step> {
        let WaitingRequest { claim, head, since } = waiting;
        let Some(stack) = &head.resource else {
            let failure = Failure::new(
                Reason::InternalError,
                "the request waits for a stack that was not recorded",
            );
            return self
                .conclude(
                    &claim,
                    &head,
                    Ended {
                        outcome: Err(failure),
                        detail: Value::Null,
                        output: None,
                    },
                )
                .await;
        };
        let stack = crate::names::FullStackName::from_stored(stack.clone());
        match self.ports.stacks.progress(&stack, &head.id).await? {
            StackProgress::Ended(end) => self.conclude(&claim, &head, stack_ended(end, Value::Null)).await,
            StackProgress::Changing if overdue(since, self.now(), self.deploy_timeout(&head)) => {
                let message = format!(
                    "stack {stack} did not settle within {} seconds; see what it is doing before you send another deploy",
                    self.deploy_timeout(&head).as_secs()
                );
                let outcome = Err(Failure::new(Reason::Timeout, message));
                self.conclude(
                    &claim,
                    &head,
                    Ended {
                        outcome,
                        detail: Value::Null,
                        output: None,
                    },
                )
                .await
            }
            StackProgress::Changing => Ok(Step::Parked),
        }
    }

    fn deploy_timeout(&self, head: &RequestHead) -> SignedDuration {
        let own = Stage::new(&head.stage).ok();
        let own = own.and_then(|stage| self.settings.stage_deploy_timeouts.get(&stage).copied());
        own.unwrap_or(self.settings.deploy_timeout)
    }

    async fn execute(&self, claimed: &ClaimedRequest, known: Option<Agent>) -> PortResult<Executed> {
        let ClaimedRequest { claim, head, .. } = claimed;
        if claim.attempt > self.settings.max_attempts {
            let message = format!(
                "given up after {} attempts; the control plane's log says why",
                self.settings.max_attempts
            );
            return Ok(refused(Failure::new(Reason::InternalError, message), Value::Null));
        }
        let command = match self.readmit(claimed) {
            Ok(command) => command,
            Err(failure) => return Ok(refused(failure, Value::Null)),
        };
        let detail = match self.authorise(head, &command, known).await? {
            Ok(policies) => json!({"policies": policies}),
            Err(denied) => return Ok(refused(denied, Value::Null)),
        };
        match command {
            Command::PutSecret(put) => self.put_secret(claim.attempt, head, &put, detail).await,
            Command::DeployLambda(deploy) => self.deploy(claim, &deploy, detail).await,
            Command::Repositories(work) => self.repositories(head, &work, detail).await,
        }
    }

    async fn repositories(&self, head: &RequestHead, work: &RepositoryWork, detail: Value) -> PortResult<Executed> {
        let Some(care) = &self.care else {
            let message = "this control plane looks after no repositories; an operator gives it a GitHub token";
            return Ok(refused(Failure::new(Reason::MissingDependency, message), detail));
        };
        Ok(Executed::Ended(Ended {
            outcome: care.carry_out(work, &Author::of(head)).await?.map(within_an_event),
            detail,
            output: None,
        }))
    }

    async fn authorise(
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
            let decision = self.policy.decide(&principal, &access);
            if !decision.allowed {
                return denied(format!(
                    "no policy lets {} do {} on {}; an operator can grant it",
                    principal.name,
                    access.action(),
                    access.resource()
                ));
            }
            policies.extend(decision.policies);
        }
        policies.sort();
        policies.dedup();
        Ok(Ok(policies))
    }

    fn stage_of(&self, head: &RequestHead) -> Stage {
        let stages = &self.installation.stages;
        stages
            .find(&head.stage)
            .unwrap_or_else(|_| stages.default_stage().clone())
    }

    async fn put_secret(
        &self,
        attempt: u32,
        head: &RequestHead,
        put: &PutSecret,
        detail: Value,
    ) -> PortResult<Executed> {
        let token = effect_token(&head.id, &put.name);
        let stage = self.stage_of(head);
        let write = SecretWrite {
            put,
            token: &token,
            may_be_repeat: attempt > 1,
            agent: &head.agent,
            stage: &stage,
            at: self.now(),
        };
        let written = self.ports.secrets.put(write).await?;
        let result = PutSecretResult {
            secret_name: put.name.to_string(),
            action: written.action,
            arn: written.arn,
            version_id: written.version_id,
        };
        Ok(Executed::Ended(Ended {
            outcome: Ok(to_value(&result)),
            detail,
            output: None,
        }))
    }

    async fn deploy(&self, claim: &Claim, deploy: &DeployLambda, detail: Value) -> PortResult<Executed> {
        let stack = deploy.full_name();
        let lease: StackLease = match self.ports.ledger.lock_stack(claim, &stack).await? {
            StackLock::Acquired(lease) => lease,
            StackLock::Held { by } => {
                let message = format!(
                    "stack {stack} is being changed by request {by}; send the deploy again when that has ended"
                );
                return Ok(refused(Failure::new(Reason::StackInProgress, message), detail));
            }
        };
        match self.ports.stacks.start(&lease, deploy, self.now()).await? {
            StackProgress::Changing => Ok(Executed::Changing(detail)),
            StackProgress::Ended(end) => Ok(Executed::Ended(stack_ended(end, detail))),
        }
    }

    /// Parks a request, then looks once: the change may have ended before anybody could tell the
    /// request, which was not waiting yet.
    async fn park(&self, claim: &Claim, head: &RequestHead, detail: Value) -> PortResult<Step> {
        let now = self.now();
        match self.ports.ledger.park(claim, now).await {
            Ok(()) => {}
            Err(error) if error.kind == PortErrorKind::Superseded => return Ok(Step::Superseded),
            Err(error) => return Err(error),
        }
        let Some(stack) = &head.resource else {
            return Ok(Step::Parked);
        };
        let stack = crate::names::FullStackName::from_stored(stack.clone());
        match self.ports.stacks.progress(&stack, &head.id).await? {
            StackProgress::Ended(end) => self.conclude(claim, head, stack_ended(end, detail)).await,
            StackProgress::Changing => Ok(Step::Parked),
        }
    }

    async fn conclude(&self, claim: &Claim, head: &RequestHead, ended: Ended) -> PortResult<Step> {
        let Ended {
            outcome,
            detail,
            output,
        } = ended;
        let conclusion = conclusion(head, outcome, detail, output, self.now());
        match self.ports.ledger.conclude(claim, &conclusion).await {
            Ok(()) => Ok(Step::Concluded(conclusion.completed)),
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(Step::Superseded),
            Err(error) => Err(error),
        }
    }
}

fn refused(failure: Failure, detail: Value) -> Executed {
    Executed::Ended(Ended {
        outcome: Err(failure),
        detail,
        output: None,
    })
}

fn stack_ended(end: StackEnd, detail: Value) -> Ended {
    Ended {
        outcome: end.outcome.map(|result| to_value(&result)),
        detail,
        output: end.output,
    }
}

#[expect(clippy::expect_used, reason = "results are plain data with string keys")]
fn to_value(result: &impl Serialize) -> Value {
    serde_json::to_value(result).expect("plain data is JSON")
}

fn overdue(since: Timestamp, now: Timestamp, timeout: SignedDuration) -> bool {
    now.duration_since(since) > timeout
}

/// The idempotency token of an effect: hex SHA-256 of the request's id and the secret's name.
fn effect_token(id: &RequestId, name: &SecretName) -> String {
    let mut hasher = Sha256::new();
    hasher.update(id.as_str());
    hasher.update(b"\n");
    hasher.update(name.as_str());
    hex::encode(hasher.finalize())
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

/// What an agent is told when a port failed for good. The port's own words stay in the log.
fn failure_of(error: &PortError) -> Failure {
    let (reason, message) = match error.kind {
        PortErrorKind::Unavailable => (
            Reason::ApiError,
            "a system the request needs could not be reached, several times; send it again later under a new requestId",
        ),
        PortErrorKind::Timeout => (
            Reason::Timeout,
            "a system the request needs did not answer in time, several times; the effect may have taken place",
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
fn within_an_event(result: Value) -> Value {
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

    #[test]
    fn a_token_is_64_hex_digits_and_depends_on_both() {
        let id = |text: &str| RequestId::new(text).unwrap();
        let name = |text: &str| SecretName::new(text).unwrap();
        let token = effect_token(&id("r1"), &name("/contentcraft/a/b"));
        assert_eq!(token.len(), 64);
        assert_ne!(token, effect_token(&id("r2"), &name("/contentcraft/a/b")));
        assert_ne!(token, effect_token(&id("r1"), &name("/contentcraft/a/c")));
    }
}
