//! Stacks on this machine: each is deployed by the command its configuration names.
//!
//! A run is recorded before its command starts, so that nothing runs twice. Beside each command stands a
//! [`supervisor`], which outlives a crash of the server, ends whatever the command started, and keeps how it
//! ended until a server has put that on record. Only where the supervisor itself was killed the run ends as a
//! failure that says its fate is unknown.

mod command;
mod ends;
mod output;
mod processes;
mod redaction;
mod remains;
mod run_files;
mod runs;
mod supervised;
mod supervisor;
mod user;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_kernel::names::{FullStackName, RequestId, StackName};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{StackEnd, StackProgress, Stacks};
use cc_devops_requests::record::StackLease;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use command::{PARAMETER_PREFIX, StackCommand};
use run_files::{Found, RunFiles};
use runs::{Begun, Run, Runs};
use supervised::Supervised;
use supervisor::{Ending, Order};
pub use supervisor::{take_part, this_program};
pub use user::{RunAs, RunAsError};

use crate::db::Db;

/// How often to look whether what a killed supervisor has left is gone.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The local command runner.
pub struct LocalStacks {
    inner: Arc<Inner>,
}

struct Inner {
    runs: Runs,
    files: RunFiles,
    commands: BTreeMap<StackName, StackCommand>,
    /// The program that supervises a command when it is started so.
    supervisor: PathBuf,
    clock: Arc<dyn Clock>,
    /// Told the request of every run that ends.
    ended: UnboundedSender<RequestId>,
    /// The runs whose supervisor is, or is about to be, a child of this process.
    children: Mutex<HashSet<RequestId>>,
    /// The runs whose supervisor another process started and left, and whose end is waited for here.
    adopted: Mutex<HashSet<RequestId>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// How a run on record stands.
enum Standing {
    Is(StackProgress),
    /// It is certain that its command was never begun.
    NeverBegun,
}

impl LocalStacks {
    /// A runner for the configured stacks, in the data folder of `db`. `ended` is told the request of every run
    /// that ends.
    pub(crate) fn new(
        db: Db,
        commands: BTreeMap<StackName, StackCommand>,
        supervisor: PathBuf,
        clock: Arc<dyn Clock>,
        ended: UnboundedSender<RequestId>,
    ) -> Self {
        let inner = Inner {
            files: RunFiles::in_folder(db.file().parent().unwrap_or_else(|| Path::new("."))),
            runs: Runs::new(db),
            commands,
            supervisor,
            clock,
            ended,
            children: Mutex::default(),
            adopted: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Removes what ended runs have left in the data folder. To be called while nothing is being started.
    pub async fn tidy(&self) -> PortResult<()> {
        let open = self.inner.runs.open().await?;
        let files = self.inner.files.clone();
        on_disk(move || files.remove_all_but(&open)).await
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
        let on_record = self.inner.runs.find(&lease.request).await?;
        let again = on_record.is_some();
        if let Some(run) = on_record
            && let Standing::Is(progress) = self.inner.standing(run).await?
        {
            return Ok(progress);
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
            && let Standing::Is(StackProgress::Changing) = self.inner.standing(other).await?
        {
            let message = format!("a command that an earlier request started is still changing stack {stack}");
            return refused(Failure::new(Reason::StackInProgress, message));
        }
        let span = SignedDuration::try_from(command.timeout).unwrap_or(SignedDuration::MAX);
        let deadline = at.saturating_add(span).unwrap_or(Timestamp::MAX);
        // Ours before it is on record, or a look at the record in between would find it lost.
        let Some(guard) = RunGuard::take(&self.inner, &lease.request) else {
            return Ok(StackProgress::Changing);
        };
        // Before the record, too: a run without a file is one of which nobody knows whether it began.
        let file = self.inner.make_file(&lease.request).await?;
        if again {
            self.inner.runs.begin_again(&lease.request, at, deadline).await?;
        } else if let Begun::Found(run) = self.inner.runs.begin(&lease.request, stack, at, deadline).await? {
            drop((file, guard));
            return self.inner.progress(*run).await;
        }
        let order = command.order(deploy, &lease.request);
        self.inner.launch(guard, file, stack, order).await
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        if let Some(run) = self.inner.runs.find(request).await? {
            return self.inner.progress(run).await;
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
    /// How a run stands, for those who cannot begin it.
    async fn progress(self: &Arc<Self>, run: Run) -> PortResult<StackProgress> {
        let (request, stack) = (run.request.clone(), run.stack.clone());
        match self.standing(run).await? {
            Standing::Is(progress) => Ok(progress),
            Standing::NeverBegun => {
                let end = ends::never_begun(&stack);
                self.record_end(&request, end).await.map(StackProgress::Ended)
            }
        }
    }

    async fn standing(self: &Arc<Self>, mut run: Run) -> PortResult<Standing> {
        if let Some(end) = run.end.take() {
            return Ok(Standing::Is(StackProgress::Ended(end)));
        }
        if self.children().contains(&run.request) {
            return Ok(Standing::Is(StackProgress::Changing));
        }
        let found = self.look(&run.request).await?;
        let supervised = matches!(found, Found::Silent);
        let end = match (found, run.supervisor) {
            (Found::Held, _) => {
                self.adopt(&run.request);
                return Ok(Standing::Is(StackProgress::Changing));
            }
            (Found::Said(word), _) if word.ending == Ending::NotBegun => return Ok(Standing::NeverBegun),
            (Found::Said(word), _) => ends::told(word, &run),
            // What to run is told only after the supervisor is on record.
            (Found::Silent, None) => return Ok(Standing::NeverBegun),
            (Found::Silent | Found::Nothing, Some(number)) => {
                if let Some(remains) = remains::find(number, &run.request) {
                    // A command without a file is one of a version before, whose end nobody will know either,
                    // but which nobody is to break off.
                    if supervised {
                        remains.kill();
                    }
                    return Ok(Standing::Is(StackProgress::Changing));
                }
                ends::unknown(&run.stack)
            }
            (Found::Nothing, None) => ends::unknown(&run.stack),
        };
        let end = self.record_end(&run.request, end).await?;
        Ok(Standing::Is(StackProgress::Ended(end)))
    }

    async fn look(&self, request: &RequestId) -> PortResult<Found> {
        let (files, request) = (self.files.clone(), request.clone());
        on_disk(move || files.look(&request)).await
    }

    async fn make_file(&self, request: &RequestId) -> PortResult<File> {
        let (files, request) = (self.files.clone(), request.clone());
        on_disk(move || files.make(&request)).await
    }

    /// Waits, once, for the end of a supervisor that another process left, and tells it as if it were ours: the
    /// next look need not come by the clock.
    fn adopt(self: &Arc<Self>, request: &RequestId) {
        if !self.adopted().insert(request.clone()) {
            return;
        }
        let (inner, files, awaited) = (Arc::downgrade(self), self.files.clone(), request.clone());
        // A thread of its own, because a process that is no child cannot be waited for with the others. It keeps
        // nothing open, and ends with the process at the latest.
        let waiting = std::thread::Builder::new().name("adopted".to_owned()).spawn(move || {
            if let Err(error) = files.wait(&awaited) {
                tracing::warn!(%error, "the end of a command is not waited for; the sweep looks for it");
            }
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

    /// Records a run's end, and then forgets its file. Gives the end that is on record: the first one stays.
    async fn record_end(&self, request: &RequestId, end: StackEnd) -> PortResult<StackEnd> {
        let end = self.runs.end(request, self.clock.now(), end).await?;
        let (files, request) = (self.files.clone(), request.clone());
        if let Err(error) = on_disk(move || files.remove(&request)).await {
            tracing::warn!(%error, "the file of a run that has ended stays until the next start");
        }
        Ok(end)
    }

    /// Starts the command of a run that is on record, and watches it from a task of its own.
    async fn launch(
        self: &Arc<Self>,
        guard: RunGuard,
        file: File,
        stack: &FullStackName,
        order: Order,
    ) -> PortResult<StackProgress> {
        let request = guard.request.clone();
        let supervised = match supervised::start(&self.supervisor, file) {
            Ok(supervised) => supervised,
            Err(error) => {
                let end = ends::not_started(stack, &error.to_string());
                return self.record_end(&request, end).await.map(StackProgress::Ended);
            }
        };
        // Dropped where this fails, the supervisor ends and has run nothing.
        self.runs.set_supervisor(&request, supervised.pid()).await?;
        self.tasks.spawn(watch(guard, supervised, order));
        tracing::info!(request_id = %request, %stack, "the stack's command runs");
        Ok(StackProgress::Changing)
    }
}

/// Tells a supervisor what to run, waits for its end, records how the command ended, and tells it.
async fn watch(guard: RunGuard, supervised: Supervised, order: Order) {
    let (inner, request) = (Arc::clone(&guard.inner), guard.request.clone());
    if let Err(error) = supervised.carry_out(order, &inner.stop).await {
        tracing::warn!(request_id = %request, %error, "a command's supervisor did not end as it should");
    }
    // Not recorded means that the sweep asks again.
    if let Err(error) = settle(&inner, &request).await {
        tracing::error!(request_id = %request, %error, "the end of a stack's command could not be recorded");
    }
    drop(guard);
    if inner.ended.send(request).is_err() {
        tracing::debug!("nobody listens for ended commands any more; the sweep will find this one");
    }
}

/// Records the end of a run whose supervisor has ended. Where it was killed, this waits until nothing of the
/// command is left.
async fn settle(inner: &Inner, request: &RequestId) -> PortResult<()> {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let Some(run) = inner.runs.find(request).await?.filter(|run| run.end.is_none()) else {
            return Ok(());
        };
        let end = match inner.look(request).await? {
            // A process that was just started has it until it is another program.
            Found::Held => continue,
            Found::Said(word) if word.ending == Ending::NotBegun => ends::never_begun(&run.stack),
            Found::Said(word) => ends::told(word, &run),
            Found::Silent | Found::Nothing => {
                let number = run.supervisor;
                if let Some(remains) = number.and_then(|number| remains::find(number, request)) {
                    remains.kill();
                    continue;
                }
                ends::unknown(&run.stack)
            }
        };
        inner.record_end(request, end).await?;
        return Ok(());
    }
}

/// The right to start a run's command, and the mark that this process has it.
struct RunGuard {
    inner: Arc<Inner>,
    request: RequestId,
}

impl RunGuard {
    /// None where this process has the run already.
    fn take(inner: &Arc<Inner>, request: &RequestId) -> Option<Self> {
        inner.children().insert(request.clone()).then(|| Self {
            inner: Arc::clone(inner),
            request: request.clone(),
        })
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.inner.children().remove(&self.request);
    }
}

/// Works on a run's file, away from the threads that serve requests.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> PortResult<T> {
    let failed = |error: std::io::Error| {
        let message =
            "the folder `runs` of the data folder cannot be used: check the disk, and that the server owns it";
        PortError::new(PortErrorKind::Unavailable, message).because(error)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| failed(error.into()))?.map_err(failed)
}
