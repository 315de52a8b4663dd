//! The fake stacks: known by name, each with a script that says how its changes end.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{StackEnd, StackProgress, Stacks};
use cc_devops_requests::record::StackLease;
use jiff::Timestamp;

use super::Memory;

/// How the changes of a stack end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackScript {
    /// It changes, and is deployed when it is looked at next.
    Succeeds,
    /// It changes, and has failed when it is looked at next.
    Fails,
    /// There is nothing to change, which is said at once.
    NoChanges,
    /// It changes until [`Memory::end_change`].
    KeepsChanging,
}

/// The stacks and the changes that were begun.
#[derive(Default)]
pub(super) struct StackModel {
    scripts: BTreeMap<FullStackName, StackScript>,
    changes: BTreeMap<RequestId, Change>,
    overlaps: usize,
}

struct Change {
    stack: FullStackName,
    script: StackScript,
    begun: usize,
    seen_ended: bool,
}

impl StackModel {
    pub(super) fn script(&mut self, stack: FullStackName, script: StackScript) {
        self.scripts.insert(stack, script);
    }

    pub(super) fn end(&mut self, request: &RequestId, end: StackScript) {
        if let Some(change) = self.changes.get_mut(request) {
            change.script = end;
        }
    }

    pub(super) fn begun(&self, request: &RequestId) -> usize {
        self.changes.get(request).map_or(0, |change| change.begun)
    }

    pub(super) fn overlaps(&self) -> usize {
        self.overlaps
    }

    fn begin(&mut self, lease: &StackLease) -> StackProgress {
        if let Some(change) = self.changes.get_mut(&lease.request) {
            return change.progress(&lease.request);
        }
        let Some(script) = self.scripts.get(&lease.stack).copied() else {
            return ended(Err(Failure::new(
                Reason::StackNotFound,
                format!("there is no stack {}; create it first", lease.stack),
            )));
        };
        if self
            .changes
            .values()
            .any(|change| change.stack == lease.stack && !change.seen_ended)
        {
            self.overlaps += 1;
        }
        let mut change = Change {
            stack: lease.stack.clone(),
            script,
            begun: 1,
            seen_ended: false,
        };
        let progress = if script == StackScript::NoChanges {
            change.progress(&lease.request)
        } else {
            StackProgress::Changing
        };
        self.changes.insert(lease.request.clone(), change);
        progress
    }
}

impl Change {
    fn progress(&mut self, request: &RequestId) -> StackProgress {
        let (action, status) = match self.script {
            StackScript::KeepsChanging => return StackProgress::Changing,
            StackScript::Fails => {
                self.seen_ended = true;
                let message = format!("the change of stack {} failed; look at its events", self.stack);
                return ended(Err(Failure::new(Reason::DeployFailed, message)));
            }
            StackScript::Succeeds => (DeployAction::Deployed, "UPDATE_COMPLETE"),
            StackScript::NoChanges => (DeployAction::NoChanges, "CREATE_COMPLETE"),
        };
        self.seen_ended = true;
        ended(Ok(DeployResult {
            stack_name: self.stack.to_string(),
            action,
            current_status: status.to_owned(),
            stack_id: format!("memory:stack:{}", self.stack),
            change_set_id: format!("memory:change:{request}"),
            changes: Vec::new(),
        }))
    }
}

fn ended(outcome: Result<DeployResult, Failure>) -> StackProgress {
    let output = Some("what the change printed".to_owned());
    StackProgress::Ended(StackEnd {
        outcome,
        output,
        fate_known: true,
    })
}

#[async_trait]
impl Stacks for Memory {
    async fn start(&self, lease: &StackLease, _deploy: &DeployLambda, _at: Timestamp) -> PortResult<StackProgress> {
        Ok(self.lock()?.stacks.begin(lease))
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        let mut model = self.lock()?;
        Ok(match model.stacks.changes.get_mut(request) {
            Some(change) => change.progress(request),
            None => ended(Err(Failure::new(
                Reason::InternalError,
                format!("no change of stack {stack} is known for this request; look at the stack, then ask again"),
            ))),
        })
    }
}
