//! CloudFormation. A deploy is a change set that is made, judged by whoever asked for it, executed by its ARN, and
//! looked at until the stack has settled.
//!
//! Its name and tokens come from the request, and every step begins with a look at what there is.
//! So a request that comes again, an answer that was lost, and an event that never came all end in
//! the same place, and none of them makes a second change. What is executed is what was judged: a change set is
//! executed by its ARN, and another of the same name is another.

mod about;
mod bucket;
mod change_set;
mod checks;
mod discarding;
mod document;
mod drift;
mod nested;
mod outcome;
mod planning;
mod reading;
mod refusals;
mod triggers;
mod unpinned;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudformation::types::StackStatus;
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployResult, Failure, Reason};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{Backend, Shared};
use change_set::{Created, Executing};
use reading::{ChangeSet, Seen};

/// How patiently a change set in the making is looked at.
#[derive(Debug, Clone, Copy)]
pub struct PollBackoff {
    /// The first wait; each is twice the one before.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How many looks; a change set that is not ready then is left to the sweep.
    pub looks: usize,
    /// How long the looks and the waits between them may take together. No wait begins that would
    /// end later.
    pub in_all: Duration,
}

impl Default for PollBackoff {
    /// Most change sets are ready in five seconds, and a function has a minute for all it does.
    /// Jitter makes each wait up to twice as long, so it is `in_all` that bounds them.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(3),
            looks: 9,
            in_all: Duration::from_secs(20),
        }
    }
}

impl Backend {
    /// Where stacks are changed.
    pub fn stacks(&self, backoff: PollBackoff) -> Arc<dyn Stacks> {
        Arc::new(CloudFormation {
            shared: self.shared.clone(),
            backoff,
        })
    }
}

struct CloudFormation {
    shared: Arc<Shared>,
    backoff: PollBackoff,
}

/// What a request's change is called: its change set's name and its token alike. A letter, then
/// letters, digits and `-`, as both demand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ChangeName(String);

impl ChangeName {
    fn of(request: &RequestId) -> Self {
        let mut digest = hex::encode(Sha256::digest(request.as_str()));
        digest.truncate(40);
        Self(format!("cc-devops-{digest}"))
    }
}

/// Whether a handle is a change set's ARN.
fn is_arn(handle: &str) -> bool {
    handle.starts_with("arn:") && handle.contains(":changeSet/")
}

fn end(outcome: Result<DeployResult, Failure>) -> StackEnd {
    StackEnd {
        outcome,
        output: None,
        fate_known: true,
    }
}

fn ended(outcome: Result<DeployResult, Failure>) -> StackProgress {
    StackProgress::Ended(end(outcome))
}

fn failed(reason: Reason, message: impl Into<String>) -> StackProgress {
    ended(Err(Failure::new(reason, message)))
}

#[async_trait]
impl Stacks for CloudFormation {
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning> {
        let (stack, name) = (wanted.stack, ChangeName::of(wanted.request));
        let mut seen = self.look(stack, &name.0, &name).await?;
        if matches!(seen, Seen::Absent) {
            match self.create(wanted, &name).await? {
                Created::Refused(failure) => return Ok(Planning::Ended(end(Err(failure)))),
                Created::Made => {}
            }
            seen = self.look(stack, &name.0, &name).await?;
        }
        let until = Instant::now() + self.backoff.in_all;
        let delays = ExponentialBuilder::default()
            .with_min_delay(self.backoff.first)
            .with_max_delay(self.backoff.longest)
            .with_max_times(self.backoff.looks)
            .with_jitter()
            .build();
        for delay in delays {
            let late = Instant::now() + delay > until;
            if late || !matches!(seen, Seen::Creating | Seen::Absent) {
                break;
            }
            tokio::time::sleep(delay).await;
            seen = self.look(stack, &name.0, &name).await?;
        }
        match seen {
            // It was made just now, and is not seen everywhere yet.
            Seen::Absent => Ok(Planning::GoesOn),
            seen => self.planning(stack, &name, seen, &wanted.deploy.parameters).await,
        }
    }

    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning> {
        let name = ChangeName::of(request);
        let seen = self.look(stack, &name.0, &name).await?;
        self.planning(stack, &name, seen, &BTreeMap::new()).await
    }

    async fn apply(&self, lease: &StackLease, handle: &str, _at: Timestamp) -> PortResult<StackProgress> {
        let (stack, name) = (&lease.stack, ChangeName::of(&lease.request));
        if !is_arn(handle) {
            let message = "a change set is executed by its ARN alone, and the plan names none";
            return Err(PortError::new(PortErrorKind::Refused, message));
        }
        match self.look(stack, handle, &name).await? {
            Seen::Ready(set) if set.0.stack_name().is_none_or(|of| of == stack.as_str()) => {
                self.carry_out(stack, &name, &set).await
            }
            Seen::Ready(_) => {
                let message = format!("the plan's change set is not one of stack {stack}");
                Err(PortError::new(PortErrorKind::Refused, message))
            }
            Seen::Executed(set, execution) => self.settle(stack, &name, set, execution, &BTreeMap::new()).await,
            seen => match self.planning(stack, &name, seen, &BTreeMap::new()).await? {
                Planning::Ended(end) => Ok(StackProgress::Ended(end)),
                Planning::GoesOn | Planning::Ready(_) => Ok(StackProgress::NotBegun),
            },
        }
    }

    async fn discard(&self, stack: &FullStackName, request: &RequestId, handle: &str) -> PortResult<()> {
        // A plan that was broken off before its record was written has no handle.
        let name = ChangeName::of(request);
        let set = if is_arn(handle) { handle } else { &name.0 };
        self.discarded(stack, set).await
    }

    async fn template(&self, stack: &FullStackName) -> PortResult<Option<String>> {
        self.standing_template(stack).await
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        let name = ChangeName::of(request);
        match self.look(stack, &name.0, &name).await? {
            Seen::Absent => {
                let message = format!(
                    "CloudFormation knows nothing of this request's change of stack {stack}, so its fate is unknown; an \
                     operator looks at it and frees it with `cc-devops stacks release {stack}`, then send a new deploy \
                     under a new requestId"
                );
                Ok(StackProgress::Ended(StackEnd {
                    outcome: Err(Failure::new(Reason::DeployFailed, message)),
                    output: None,
                    fate_known: false,
                }))
            }
            Seen::Executed(set, execution) => self.settle(stack, &name, set, execution, &BTreeMap::new()).await,
            // Another may have taken the name of the one that was executed.
            _ => match self.executed_and_gone(stack, &name).await? {
                Seen::Executed(set, execution) => self.settle(stack, &name, set, execution, &BTreeMap::new()).await,
                _ => Ok(StackProgress::NotBegun),
            },
        }
    }
}

impl CloudFormation {
    /// Executes a change set that is ready, and looks what came of it.
    async fn carry_out(&self, stack: &FullStackName, name: &ChangeName, set: &ChangeSet) -> PortResult<StackProgress> {
        let given = set.given();
        let executing = self.execute(stack, (name, set), &given).await?;
        let refused = match (self.look(stack, set.id(), name).await?, executing) {
            (Seen::Executed(set, execution), _) => return self.settle(stack, name, set, execution, &given).await,
            (Seen::Overtaken(set), _) => return self.give_up(stack, &set, refusals::overtaken(stack)).await,
            (_, Executing::Begun) => return Ok(StackProgress::Changing),
            (_, Executing::Refused(why)) => why,
        };
        // What keeps the stack busy may be a former attempt of ours that was not heard of.
        if !self.events_of(stack, name).await?.is_empty() {
            return Ok(StackProgress::Changing);
        }
        let Some(current) = self.stack(stack).await? else {
            return Ok(ended(Err(refusals::not_found(stack))));
        };
        let busy = match current.stack_status() {
            Some(StackStatus::ReviewInProgress) => None,
            status => refusals::cannot_be_updated(stack, status),
        };
        match busy.or(refused) {
            Some(failure) => self.give_up(stack, set, failure).await,
            // An operation on the change set itself goes on; the next look finds it ended.
            None => Ok(StackProgress::Changing),
        }
    }

    /// Ends a request whose change set will never be executed.
    async fn give_up(&self, stack: &FullStackName, set: &ChangeSet, why: Failure) -> PortResult<StackProgress> {
        self.forget(stack, set.id()).await?;
        Ok(ended(Err(why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changes_name_is_one_that_cloudformation_takes() {
        let name = ChangeName::of(&RequestId::new("é 1/2").unwrap()).0;
        assert!(
            name.len() <= 128 && name.starts_with(|c: char| c.is_ascii_alphabetic()),
            "{name}"
        );
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        assert_ne!(name, ChangeName::of(&RequestId::new("é 1/3").unwrap()).0);
    }
}
