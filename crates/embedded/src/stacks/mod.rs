//! Stacks on this machine: each is deployed by the command its configuration names.
//!
//! A run is recorded before its command starts, so that nothing runs twice. A command outlives a
//! crash of the server but its exit status does not: such a run stays "changing" while its process
//! group lives and its time lasts, and then ends as a failure that says its fate is unknown.

mod command;
mod orphan;
mod output;
mod runner;
mod runs;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_core::names::{FullStackName, RequestId, StackName};
use cc_devops_core::ports::{Clock, PortResult, StackEnd, StackProgress, Stacks};
use cc_devops_core::requests::DeployLambda;
use cc_devops_core::requests::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_core::requests::record::StackLease;
use jiff::{SignedDuration, Timestamp};
use rustix::process::Pid;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use command::{PARAMETER_PREFIX, StackCommand};
use orphan::Orphan;
use runner::{End, Running};
use runs::{Begun, Run, Runs};

use crate::db::Db;

/// The local command runner.
pub struct LocalStacks {
    inner: Arc<Inner>,
}

struct Inner {
    runs: Runs,
    commands: BTreeMap<StackName, StackCommand>,
    clock: Arc<dyn Clock>,
    /// Told the request of every run that ends.
    ended: UnboundedSender<RequestId>,
    /// The runs whose command is, or is about to be, a child of this process.
    children: Mutex<HashSet<RequestId>>,
    /// The runs whose command another process started and left, and whose end is waited for here.
    adopted: Mutex<HashSet<RequestId>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl LocalStacks {
    /// A runner for the configured stacks. `ended` is told the request of every run that ends.
    pub(crate) fn new(
        db: Db,
        commands: BTreeMap<StackName, StackCommand>,
        clock: Arc<dyn Clock>,
        ended: UnboundedSender<RequestId>,
    ) -> Self {
        let inner = Inner {
            runs: Runs::new(db),
            commands,
            clock,
            ended,
            children: Mutex::default(),
            adopted: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Waits up to `grace` for running commands, then stops those that are left. Their requests
    /// end as failures that say so.
    pub async fn shutdown(&self, grace: Duration) {
        let Inner { tasks, stop, .. } = &*self.inner;
        tasks.close();
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!(running = tasks.len(), "stopping the commands that still run");
            stop.cancel();
            tasks.wait().await;
        }
    }
}

#[async_trait]
impl Stacks for LocalStacks {
    async fn start(&self, lease: &StackLease, deploy: &DeployLambda, at: Timestamp) -> PortResult<StackProgress> {
        let refused = |failure| {
            Ok(StackProgress::Ended(StackEnd {
                outcome: Err(failure),
                output: None,
                fate_known: true,
            }))
        };
        let stack = &lease.stack;
        if let Some(run) = self.inner.runs.find(&lease.request).await? {
            return self.inner.standing(run).await;
        }
        let Some(command) = self.inner.commands.get(&deploy.stack) else {
            let message = format!(
                "stack {} is not configured here; an operator adds it under [stacks.{}]",
                deploy.stack, deploy.stack
            );
            return refused(Failure::new(Reason::StackNotFound, message));
        };
        if let Err(failure) = command.check(deploy) {
            return refused(failure);
        }
        // The lease keeps other requests out, but not a command that outlived its request.
        if let Some(other) = self.inner.runs.running_on(stack).await?
            && self.inner.standing(other).await? == StackProgress::Changing
        {
            let message = format!("a command that an earlier request started is still changing stack {stack}");
            return refused(Failure::new(Reason::StackInProgress, message));
        }
        let span = SignedDuration::try_from(command.timeout).unwrap_or(SignedDuration::MAX);
        let deadline = at.saturating_add(span).unwrap_or(Timestamp::MAX);
        // Ours before it is on record, or a look at the record in between would find it lost.
        let Some(ours) = Ours::take(&self.inner, &lease.request) else {
            return Ok(StackProgress::Changing);
        };
        match self.inner.runs.begin(&lease.request, stack, at, deadline).await? {
            Begun::New => self.inner.launch(ours, stack, deploy, command).await,
            Begun::Found(run) => {
                drop(ours);
                self.inner.standing(*run).await
            }
        }
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        if let Some(run) = self.inner.runs.find(request).await? {
            return self.inner.standing(run).await;
        }
        let message = format!("no run of stack {stack} is on record for this request; look at the stack");
        Ok(StackProgress::Ended(StackEnd {
            outcome: Err(Failure::new(Reason::InternalError, message)),
            output: None,
            fate_known: false,
        }))
    }
}

impl Inner {
    /// How a recorded run stands.
    async fn standing(self: &Arc<Self>, run: Run) -> PortResult<StackProgress> {
        if let Some(end) = run.end {
            return Ok(StackProgress::Ended(end));
        }
        if self.children().contains(&run.request) {
            return Ok(StackProgress::Changing);
        }
        let overdue = |orphan: &Orphan| match orphan.age() {
            Some(age) => age > run.limit(),
            None => self.clock.now() > run.deadline,
        };
        let (failure, fate_known) = match orphan::find(run.group, &run.request) {
            Some(orphan) if !overdue(&orphan) => {
                self.adopt(&orphan, &run.request);
                return Ok(StackProgress::Changing);
            }
            Some(orphan) if orphan.kill() => {
                let message = format!(
                    "the command of stack {} outlived a stop of the control plane, ran past its time limit and was \
                     killed; look at the stack before you send a new deploy",
                    run.stack
                );
                (Failure::new(Reason::Timeout, message), true)
            }
            Some(_) | None => {
                let message = format!(
                    "the control plane stopped while the command of stack {stack} ran, so its fate is unknown; an \
                     operator looks at the stack and frees it with `cc-devops stacks release {stack}`, then send a new \
                     deploy under a new requestId",
                    stack = run.stack
                );
                (Failure::new(Reason::DeployFailed, message), false)
            }
        };
        let end = StackEnd {
            outcome: Err(failure),
            output: None,
            fate_known,
        };
        self.record_end(&run.request, end).await
    }

    /// Waits, once, for the end of a command that another process left, and tells it as if it were ours: the next
    /// look need not come by the clock.
    fn adopt(self: &Arc<Self>, orphan: &Orphan, request: &RequestId) {
        let Some(leader) = orphan.leader() else { return };
        if !self.adopted().insert(request.clone()) {
            return;
        }
        let (inner, awaited) = (Arc::downgrade(self), request.clone());
        // A thread of its own, because a command that is no child cannot be waited for with the others. It keeps
        // nothing open, and ends with the process at the latest.
        let waiting = std::thread::Builder::new().name("orphan".to_owned()).spawn(move || {
            leader.wait();
            let Some(inner) = inner.upgrade() else { return };
            inner.adopted().remove(&awaited);
            if inner.ended.send(awaited).is_err() {
                tracing::debug!("nobody listens for ended commands any more; the next start finds this one");
            }
        });
        if let Err(error) = waiting {
            self.adopted().remove(request);
            tracing::warn!(%error, "the end of a command is not waited for; the sweep looks for it");
        }
    }

    fn adopted(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn children(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a run's end and gives the one that is on record: where the command ended while
    /// somebody looked for it, what it said itself stands.
    async fn record_end(&self, request: &RequestId, end: StackEnd) -> PortResult<StackProgress> {
        self.runs
            .end(request, self.clock.now(), end)
            .await
            .map(StackProgress::Ended)
    }

    /// Starts the command of a run that is on record, and watches it from a task of its own.
    async fn launch(
        self: &Arc<Self>,
        ours: Ours,
        stack: &FullStackName,
        deploy: &DeployLambda,
        command: &StackCommand,
    ) -> PortResult<StackProgress> {
        let request = ours.request.clone();
        let environment = command.environment(deploy, &request);
        let running = match runner::start(command, environment) {
            Ok(running) => running,
            Err(error) => {
                let program = command.program.to_string_lossy();
                let message = format!("the command {program:?} of stack {stack} could not be started: {error}");
                let end = StackEnd {
                    outcome: Err(Failure::new(Reason::DeployFailed, message)),
                    output: None,
                    fate_known: true,
                };
                return self.record_end(&request, end).await;
            }
        };
        let group = running.group;
        self.tasks.spawn(watch(ours, running, command.timeout, stack.clone()));
        tracing::info!(request_id = %request, %stack, "the stack's command runs");
        self.runs
            .set_group(&request, group.map(Pid::as_raw_nonzero).map(std::num::NonZero::get))
            .await?;
        Ok(StackProgress::Changing)
    }
}

/// Waits for a command's end, records it, and tells it.
async fn watch(ours: Ours, running: Running, timeout: Duration, stack: FullStackName) {
    let (end, output) = running.wait(timeout, &ours.inner.stop).await;
    let end = StackEnd {
        outcome: outcome(&end, &stack, &ours.request, timeout),
        output: Some(output),
        fate_known: !matches!(end, End::Lost(_)),
    };
    let (inner, request) = (Arc::clone(&ours.inner), ours.request.clone());
    // Not recorded means that the sweep asks again and finds the group gone: fate unknown.
    if let Err(error) = inner.record_end(&request, end).await {
        tracing::error!(request_id = %request, %error, "the end of a stack's command could not be recorded");
    }
    drop(ours);
    if inner.ended.send(request).is_err() {
        tracing::debug!("nobody listens for ended commands any more; the sweep will find this one");
    }
}

/// The right to start a run's command, and the mark that this process has it.
struct Ours {
    inner: Arc<Inner>,
    request: RequestId,
}

impl Ours {
    /// None where this process has the run already.
    fn take(inner: &Arc<Inner>, request: &RequestId) -> Option<Self> {
        inner.children().insert(request.clone()).then(|| Self {
            inner: Arc::clone(inner),
            request: request.clone(),
        })
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.inner.children().remove(&self.request);
    }
}

fn outcome(end: &End, stack: &FullStackName, request: &RequestId, timeout: Duration) -> Result<DeployResult, Failure> {
    let failed = |reason, message| Err(Failure::new(reason, message));
    match end {
        End::Exited(status) if status.success() => Ok(DeployResult {
            stack_name: stack.to_string(),
            action: DeployAction::Deployed,
            current_status: "UPDATE_COMPLETE".to_owned(),
            stack_id: format!("local:stack:{stack}"),
            change_set_id: format!("local:run:{request}"),
            changes: Vec::new(),
        }),
        End::Exited(status) => failed(
            Reason::DeployFailed,
            format!("the command of stack {stack} ended with {status}; its output is kept with the request"),
        ),
        End::TimedOut => failed(
            Reason::Timeout,
            format!(
                "the command of stack {stack} ran longer than its {} seconds and was stopped",
                timeout.as_secs()
            ),
        ),
        End::Cancelled => failed(
            Reason::DeployFailed,
            format!("the control plane was shut down and stopped the command of stack {stack} before its end"),
        ),
        End::Lost(error) => failed(
            Reason::DeployFailed,
            format!("the fate of the command of stack {stack} is unknown: its exit status was not to be had ({error})"),
        ),
    }
}
