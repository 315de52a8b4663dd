//! CloudFormation. A deploy is a change set that is made, executed, and looked at until the stack
//! has settled.
//!
//! Its name and tokens come from the request, and every step begins with a look at what there is.
//! So a request that comes again, an answer that was lost, and an event that never came all end in
//! the same place, and none of them makes a second change.

mod change_set;
mod outcome;
mod refusals;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{StackEnd, StackProgress, Stacks};
use cc_devops_requests::record::StackLease;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{Backend, Shared};
use change_set::{ChangeSet, Created, Executing, Seen};

/// How patiently a change set in the making is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
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

impl Default for Pace {
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
    pub fn stacks(&self, pace: Pace) -> Arc<dyn Stacks> {
        Arc::new(CloudFormation {
            shared: self.shared.clone(),
            pace,
        })
    }
}

struct CloudFormation {
    shared: Arc<Shared>,
    pace: Pace,
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

fn ended(outcome: Result<cc_devops_kernel::outcome::DeployResult, Failure>) -> StackProgress {
    StackProgress::Ended(StackEnd {
        outcome,
        output: None,
        fate_known: true,
    })
}

fn failed(reason: Reason, message: impl Into<String>) -> StackProgress {
    ended(Err(Failure::new(reason, message)))
}

#[async_trait]
impl Stacks for CloudFormation {
    async fn start(&self, lease: &StackLease, deploy: &DeployLambda, _at: Timestamp) -> PortResult<StackProgress> {
        let (stack, name) = (&lease.stack, ChangeName::of(&lease.request));
        let mut seen = self.look(stack, &name).await?;
        if matches!(seen, Seen::Absent) {
            match self.create(stack, &name, deploy).await? {
                Created::Refused(failure) => return Ok(ended(Err(failure))),
                Created::Made => {}
            }
            seen = self.look(stack, &name).await?;
        }
        let until = Instant::now() + self.pace.in_all;
        let delays = ExponentialBuilder::default()
            .with_min_delay(self.pace.first)
            .with_max_delay(self.pace.longest)
            .with_max_times(self.pace.looks)
            .with_jitter()
            .build();
        for delay in delays {
            let late = Instant::now() + delay > until;
            if late || !matches!(seen, Seen::Creating | Seen::Absent) {
                break;
            }
            tokio::time::sleep(delay).await;
            seen = self.look(stack, &name).await?;
        }
        self.go_on(stack, &name, seen, &deploy.parameters).await
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        let name = ChangeName::of(request);
        let seen = self.look(stack, &name).await?;
        if matches!(seen, Seen::Absent) {
            let message = format!(
                "CloudFormation knows nothing of this request's change of stack {stack}, so its fate is unknown; an \
                 operator looks at it and frees it with `cc-devops stacks release {stack}`, then send a new deploy \
                 under a new requestId"
            );
            return Ok(StackProgress::Ended(StackEnd {
                outcome: Err(Failure::new(Reason::DeployFailed, message)),
                output: None,
                fate_known: false,
            }));
        }
        self.go_on(stack, &name, seen, &BTreeMap::new()).await
    }
}

impl CloudFormation {
    /// The next step from what there is. `parameters` are the request's, as far as they are known
    /// here: their values are kept out of what is told.
    async fn go_on(
        &self,
        stack: &FullStackName,
        name: &ChangeName,
        seen: Seen,
        parameters: &BTreeMap<String, String>,
    ) -> PortResult<StackProgress> {
        match seen {
            Seen::Absent | Seen::Creating => Ok(StackProgress::Changing),
            Seen::Ready(change) => self.carry_out(stack, (name, &change), parameters).await,
            Seen::Executed(change, execution) => self.settle(stack, name, change, execution, parameters).await,
            Seen::Empty(change) => self.nothing_to_change(stack, name, change).await,
            Seen::Overtaken => self.give_up(stack, name, refusals::overtaken(stack)).await,
            Seen::Failed(change, why) => {
                let checks = self.failed_checks(stack, &change).await;
                let why = refusals::not_made(stack, (&why, &checks), parameters);
                self.give_up(stack, name, why).await
            }
        }
    }

    /// Executes a change set that is ready, and looks what came of it.
    async fn carry_out(
        &self,
        stack: &FullStackName,
        (name, change): (&ChangeName, &ChangeSet),
        parameters: &BTreeMap<String, String>,
    ) -> PortResult<StackProgress> {
        let executing = self.execute(stack, (name, change), parameters).await?;
        let seen = self.look(stack, name).await?;
        let refused = match (seen, executing) {
            (Seen::Executed(change, execution), _) => {
                return self.settle(stack, name, change, execution, parameters).await;
            }
            (Seen::Overtaken, _) => return self.give_up(stack, name, refusals::overtaken(stack)).await,
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
        match refusals::cannot_be_updated(stack, current.stack_status()).or(refused) {
            Some(failure) => self.give_up(stack, name, failure).await,
            // An operation on the change set itself goes on; the next look finds it ended.
            None => Ok(StackProgress::Changing),
        }
    }

    /// Ends a request whose change set will never be executed.
    async fn give_up(&self, stack: &FullStackName, name: &ChangeName, why: Failure) -> PortResult<StackProgress> {
        self.forget(stack, name).await?;
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
