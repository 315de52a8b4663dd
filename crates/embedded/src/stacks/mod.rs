//! Stacks on this machine: each is deployed by the command its configuration names, and planned by another, if it names
//! one.
//!
//! A run is recorded before its command starts, so that nothing runs twice. Beside each command stands a
//! [`supervisor`], which outlives a crash of the server, ends whatever the command started, and keeps how it
//! ended until a server has put that on record. Only where the supervisor itself was killed the run ends as a
//! failure that says its fate is unknown.
//!
//! What a deploy will be begun with, the plan file among it, is sealed in the database from the plan to the end. The
//! command is given those bytes, whatever became of the place where they were written.

mod command;
mod ends;
mod leftover_processes;
mod output;
mod plan_form;
mod plan_view;
mod plans;
mod processes;
mod redaction;
mod run_files;
mod runner;
mod runs;
mod sealed_plans;
mod supervised;
mod supervisor;
mod user;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_deploys::{Basis, Draft, DraftContent};
use cc_devops_kernel::names::{FullStackName, RequestId, StackName};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use command::{CommandLine, PARAMETER_PREFIX, StackCommand};
use plans::{Kept, Plans};
use redaction::Secrets;
use runner::{RunGuard, Runner, RunnerContext, Standing};
use runs::{Begun, Phase, Run, RunEnd};
pub(crate) use sealed_plans::{forget_all as forget_plans, label as plan_label};
use supervisor::PlanFile;
pub use supervisor::{take_part, this_program};
pub use user::{RunAs, RunAsError};

use crate::db::Db;

/// The local command runner.
pub struct LocalStacks {
    commands: BTreeMap<StackName, StackCommand>,
    /// What was planned.
    plans: Plans,
    /// Runs of plan commands.
    planning: Arc<Runner>,
    /// Runs of deploys.
    deploying: Arc<Runner>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl LocalStacks {
    /// A runner for the configured stacks, in the data folder of `db`. `ended` is told the request of every run
    /// that ends, be it of a plan command or of a deploy.
    pub(crate) fn new(
        db: Db,
        commands: BTreeMap<StackName, StackCommand>,
        supervisor: PathBuf,
        clock: Arc<dyn Clock>,
        ended: UnboundedSender<RequestId>,
    ) -> Self {
        let context = RunnerContext {
            db: db.clone(),
            supervisor,
            clock,
            ended,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let (tasks, stop) = (context.tasks.clone(), context.stop.clone());
        Self {
            commands,
            plans: Plans::new(db),
            planning: Runner::new(Phase::Plan, context.clone()),
            deploying: Runner::new(Phase::Deploy, context),
            tasks,
            stop,
        }
    }

    /// Removes what ended runs have left in the data folder. To be called while nothing is being started.
    pub async fn tidy(&self) -> PortResult<()> {
        self.planning.tidy().await?;
        self.deploying.tidy().await
    }

    /// Waits up to `grace` for running commands, then stops those that are left. Their requests
    /// end as failures that say so.
    pub async fn shutdown(&self, grace: Duration) {
        let Self { tasks, stop, .. } = self;
        tasks.close();
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!(running = tasks.len(), "stopping the commands that still run");
            stop.cancel();
            tasks.wait().await;
        }
    }

    /// The command of a deploy, if the configuration has one that takes what is asked for.
    fn command(&self, deploy: &DeployLambda) -> Result<&StackCommand, Failure> {
        let Some(command) = self.commands.get(&deploy.stack) else {
            let message = format!(
                "stack {} is not configured here; an operator adds it under [stacks.{}]",
                deploy.stack, deploy.stack
            );
            return Err(Failure::new(Reason::StackNotFound, message));
        };
        command.check(deploy).map(|()| command)
    }

    /// What is not shown of a deploy's plan. Of a stack that is not configured any more, nobody knows which of its
    /// parameters are secret.
    fn secrets(&self, deploy: &DeployLambda) -> Secrets {
        match self.commands.get(&deploy.stack) {
            Some(command) => command.secrets(deploy),
            None => Secrets::new(deploy.parameters.values().map(String::as_bytes)),
        }
    }

    /// How the planning of a run on record stands; none where it was never begun.
    async fn how_planned(&self, run: Run) -> PortResult<Option<Planning>> {
        let (request, stack) = (run.request.clone(), run.stack.clone());
        match self.planning.standing(run).await? {
            Standing::Runs => Ok(Some(Planning::GoesOn)),
            Standing::NeverBegun => Ok(None),
            Standing::Ended(end) => self.draft(&request, &stack, end).await.map(Some),
        }
    }

    /// What an ended planning has come to.
    async fn draft(&self, request: &RequestId, stack: &FullStackName, end: RunEnd) -> PortResult<Planning> {
        if let RunEnd::Stack(end) = end {
            return Ok(Planning::Ended(end));
        }
        let Some(kept) = self.plans.kept(request).await? else {
            // It was carried out, or it never will be.
            let run = self.deploying.runs.find(request).await?;
            let end = match run.and_then(|run| run.end) {
                Some(RunEnd::Stack(end)) => end,
                _ => ends::forgotten(stack),
            };
            return Ok(Planning::Ended(end));
        };
        // What this request has on record of its own is no change by somebody else.
        let own = kept.last_change.as_deref() == Some(request.as_str());
        let last_change = if own {
            kept.basis.clone()
        } else {
            kept.last_change.clone()
        };
        let secrets = self.secrets(&kept.deploy);
        let keys = self.planning.store_keys();
        let content = match &kept.file {
            Some(file) => {
                let mark = |bytes: &[u8]| hex::encode(keys.plan_mac(bytes).get(..6).unwrap_or_default());
                DraftContent::File(plan_view::shown(file, &secrets, &mark))
            }
            None => DraftContent::Unplanned,
        };
        Ok(Planning::Ready(Box::new(Draft {
            handle: kept.handle(keys),
            basis: Basis {
                stack_id: Some(ends::stack_id(stack)),
                last_updated: last_change.map(|change| ends::run_id(&change)),
                ..Basis::default()
            },
            first_creation: false,
            content,
            notes: Vec::new(),
        })))
    }

    /// Begins what was planned, or says why not. Nobody has begun it, or `again`: somebody had it on record and went
    /// no further.
    async fn begin(&self, lease: &StackLease, kept: Kept, again: bool, at: Timestamp) -> PortResult<StackProgress> {
        let StackLease { stack, request } = lease;
        let command = match self.command(&kept.deploy) {
            Ok(command) => command,
            Err(failure) => return Ok(StackProgress::Ended(ends::refused(failure))),
        };
        // The lease keeps other requests out, but not a command that outlived its request.
        if let Some(other) = self.deploying.runs.running_on(stack).await?
            && other.request != *request
            && let Standing::Runs = self.deploying.standing(other).await?
        {
            let message = format!("a command that an earlier request started is still changing stack {stack}");
            return Ok(StackProgress::Ended(ends::refused(Failure::new(
                Reason::StackInProgress,
                message,
            ))));
        }
        let deadline = deadline(command, at);
        // Ours before it is on record, or a look at the record in between would find it lost.
        let Some(guard) = RunGuard::take(&self.deploying, request) else {
            return Ok(StackProgress::Changing);
        };
        // Before the record, too: a run without a file is one of which nobody knows whether it began.
        let file = self.deploying.make_file(request).await?;
        let runs = &self.deploying.runs;
        if again {
            if kept.last_change.as_deref() != Some(request.as_str()) {
                return Ok(StackProgress::Ended(ends::moved(stack)));
            }
            runs.begin_again(request, at, deadline).await?;
        } else {
            match runs.begin(request, stack, kept.basis, at, deadline).await? {
                Begun::New => {}
                Begun::Moved => return Ok(StackProgress::Ended(ends::moved(stack))),
                Begun::Found(run) => {
                    drop((file, guard));
                    return self.how_deployed(*run).await;
                }
            }
        }
        let plan = match &kept.file {
            None => None,
            Some(bytes) => {
                let folder = self.deploying.plan_folder(request, command.user.as_ref())?;
                Some(PlanFile::new(&folder, Some(bytes.to_vec())))
            }
        };
        let order = command.order(&kept.deploy, request, plan);
        match self.deploying.launch(guard, file, stack, order).await? {
            None => Ok(StackProgress::Changing),
            Some(end) => Ok(StackProgress::Ended(of_a_deploy(end)?)),
        }
    }

    /// How a deploy on record stands, for those who cannot begin it.
    async fn how_deployed(&self, run: Run) -> PortResult<StackProgress> {
        let (request, stack) = (run.request.clone(), run.stack.clone());
        match self.deploying.standing(run).await? {
            Standing::Runs => Ok(StackProgress::Changing),
            Standing::Ended(end) => Ok(StackProgress::Ended(of_a_deploy(end)?)),
            Standing::NeverBegun if self.plans.kept(&request).await?.is_some() => Ok(StackProgress::NotBegun),
            // Of a version that planned nothing.
            Standing::NeverBegun => {
                let end = self.deploying.give_up(&request, &stack).await?;
                Ok(StackProgress::Ended(of_a_deploy(end)?))
            }
        }
    }
}

fn deadline(command: &StackCommand, at: Timestamp) -> Timestamp {
    let span = SignedDuration::try_from(command.timeout).unwrap_or(SignedDuration::MAX);
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// The end of a deploy's run, which is never a plan.
fn of_a_deploy(end: RunEnd) -> PortResult<StackEnd> {
    match end {
        RunEnd::Stack(end) => Ok(end),
        RunEnd::Planned { .. } => Err(PortError::new(
            PortErrorKind::Corrupt,
            "the record of a deploy's run says that it was planned",
        )),
    }
}

#[async_trait]
impl Stacks for LocalStacks {
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning> {
        let WantedChange {
            stack,
            request,
            deploy,
            at,
            ..
        } = *wanted;
        let on_record = self.planning.runs.find(request).await?;
        let again = on_record.is_some();
        if let Some(run) = on_record
            && let Some(planning) = self.how_planned(run).await?
        {
            return Ok(planning);
        }
        let command = match self.command(deploy) {
            Ok(command) => command,
            Err(failure) => return Ok(Planning::Ended(ends::refused(failure))),
        };
        let deadline = deadline(command, at);
        let Some(line) = &command.plan_command else {
            return match self.plans.begin(request, deploy, false, at, deadline).await? {
                Begun::Found(run) => self
                    .how_planned(*run)
                    .await
                    .map(|found| found.unwrap_or(Planning::GoesOn)),
                Begun::New | Begun::Moved => self.draft(request, stack, RunEnd::Planned { output: None }).await,
            };
        };
        // As a deploy is begun: see there.
        let Some(guard) = RunGuard::take(&self.planning, request) else {
            return Ok(Planning::GoesOn);
        };
        let file = self.planning.make_file(request).await?;
        if again {
            self.planning.runs.begin_again(request, at, deadline).await?;
        } else if let Begun::Found(run) = self.plans.begin(request, deploy, true, at, deadline).await? {
            drop((file, guard));
            return self
                .how_planned(*run)
                .await
                .map(|found| found.unwrap_or(Planning::GoesOn));
        }
        let folder = self.planning.plan_folder(request, command.user.as_ref())?;
        let order = command.order_plan(line, deploy, request, PlanFile::new(&folder, None));
        match self.planning.launch(guard, file, stack, order).await? {
            None => Ok(Planning::GoesOn),
            Some(end) => self.draft(request, stack, end).await,
        }
    }

    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning> {
        let Some(run) = self.planning.runs.find(request).await? else {
            let message = format!("no plan of stack {stack} is on record for this request");
            return Ok(Planning::Ended(ends::refused(Failure::new(
                Reason::InternalError,
                message,
            ))));
        };
        if let Some(planning) = self.how_planned(run).await? {
            return Ok(planning);
        }
        let end = self.planning.give_up(request, stack).await?;
        self.draft(request, stack, end).await
    }

    async fn apply(&self, lease: &StackLease, handle: &str, at: Timestamp) -> PortResult<StackProgress> {
        let StackLease { stack, request } = lease;
        let on_record = self.deploying.runs.find(request).await?;
        let again = on_record.is_some();
        if let Some(run) = on_record {
            match self.deploying.standing(run).await? {
                Standing::Runs => return Ok(StackProgress::Changing),
                Standing::Ended(end) => return Ok(StackProgress::Ended(of_a_deploy(end)?)),
                Standing::NeverBegun => {}
            }
        }
        let planned = self.planning.runs.find(request).await?.and_then(|run| run.end);
        let kept = match planned {
            Some(RunEnd::Planned { .. }) => self.plans.kept(request).await?,
            Some(RunEnd::Stack(end)) => return Ok(StackProgress::Ended(end)),
            None => None,
        };
        let Some(kept) = kept else {
            return Ok(StackProgress::Ended(ends::forgotten(stack)));
        };
        if kept.handle(self.planning.store_keys()) != handle || kept.deploy.full_name() != *stack {
            let message =
                format!("what is planned for stack {stack} is not what is to be carried out; nothing has run");
            return Ok(StackProgress::Ended(ends::refused(Failure::new(
                Reason::StackInProgress,
                message,
            ))));
        }
        self.begin(lease, kept, again, at).await
    }

    async fn discard(&self, _stack: &FullStackName, request: &RequestId, _handle: &str) -> PortResult<()> {
        self.plans.discard(request).await
    }

    fn has_templates(&self) -> bool {
        false
    }

    fn parameters_to_keep(&self, deploy: &DeployLambda) -> Option<BTreeMap<String, String>> {
        let command = self.commands.get(&deploy.stack)?;
        let mut kept = deploy.parameters.clone();
        kept.retain(|name, _| !command.secret_parameters.contains(name));
        Some(kept)
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        if let Some(run) = self.deploying.runs.find(request).await? {
            return self.how_deployed(run).await;
        }
        if self.plans.kept(request).await?.is_some() {
            return Ok(StackProgress::NotBegun);
        }
        let message = format!("no run of stack {stack} is on record for this request; look at the stack");
        Ok(StackProgress::Ended(StackEnd {
            fate_known: false,
            ..ends::refused(Failure::new(Reason::InternalError, message))
        }))
    }
}
