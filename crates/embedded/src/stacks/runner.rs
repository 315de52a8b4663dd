//! The runs of one phase: starting their commands, and learning how they ended.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ends::{self, RunOutcome};
use super::leftover_processes;
use super::run_files::{Found, RunFiles};
use super::runs::{Phase, Run, RunEnd, Runs};
use super::supervised::{self, Supervised};
use super::supervisor::{Ending, Order};
use super::user::RunAs;
use crate::db::Db;
use crate::vault::{StoreKeys, random};

/// How often to look whether what a killed supervisor has left is gone.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the runners of both phases share.
#[derive(Clone)]
pub(super) struct RunnerContext {
    pub(super) db: Db,
    /// The program that supervises a command when it is started so.
    pub(super) supervisor: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    /// RunOutcome the request of every run that ends.
    pub(super) ended: UnboundedSender<RequestId>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// The runner of one phase.
pub(super) struct Runner {
    pub(super) phase: Phase,
    pub(super) runs: Runs,
    pub(super) files: RunFiles,
    context: RunnerContext,
    /// The runs whose supervisor is, or is about to be, a child of this process.
    children: Mutex<HashSet<RequestId>>,
    /// The runs whose supervisor another process started and left, and whose end is waited for here.
    adopted: Mutex<HashSet<RequestId>>,
}

/// How a run on record stands.
pub(super) enum Standing {
    /// It goes on.
    Runs,
    /// It has ended.
    Ended(RunEnd),
    /// It is certain that its command was never begun.
    NeverBegun,
}

impl Runner {
    pub(super) fn new(phase: Phase, context: RunnerContext) -> Arc<Self> {
        let data_dir = context.db.file().parent().unwrap_or_else(|| Path::new("."));
        Arc::new(Self {
            phase,
            files: RunFiles::in_folder(data_dir, phase.folder()),
            runs: Runs::new(context.db.clone(), phase),
            context,
            children: Mutex::default(),
            adopted: Mutex::default(),
        })
    }

    /// The store's own keys.
    pub(super) fn store_keys(&self) -> &StoreKeys {
        self.context.db.store_keys()
    }

    /// Where a run's command finds its plan: in the data folder, unless it runs as another user, who cannot come there.
    /// None that nobody can guess stands in the system's folder for such things before it is made.
    pub(super) fn plan_folder(&self, request: &RequestId, user: Option<&RunAs>) -> PortResult<PathBuf> {
        if user.is_none_or(RunAs::is_own) {
            return Ok(self.files.plan_folder(request));
        }
        let name: [u8; 16] = random()?;
        Ok(std::env::temp_dir().join(format!("cc-devops-plan-{}", hex::encode(name))))
    }

    /// Removes what ended runs have left in the data folder.
    pub(super) async fn tidy(&self) -> PortResult<()> {
        let open = self.runs.open().await?;
        let files = self.files.clone();
        on_disk(move || files.remove_all_but(&open)).await
    }

    /// Ends a run that was never begun, for those who cannot begin it. The end on record.
    pub(super) async fn give_up(&self, run: &RequestId, stack: &FullStackName) -> PortResult<RunEnd> {
        let end = ends::never_begun(stack, self.phase);
        self.record_end(run, end.into()).await
    }

    /// How a run on record stands.
    pub(super) async fn standing(self: &Arc<Self>, mut run: Run) -> PortResult<Standing> {
        if let Some(end) = run.end.take() {
            return Ok(Standing::Ended(end));
        }
        if self.children().contains(&run.request) {
            return Ok(Standing::Runs);
        }
        let found = self.look(&run.request).await?;
        let supervised = matches!(found, Found::Silent);
        let end = match (found, run.supervisor) {
            (Found::Held, _) => {
                self.adopt(&run.request);
                return Ok(Standing::Runs);
            }
            (Found::Said(word), _) if word.ending == Ending::NotBegun => return Ok(Standing::NeverBegun),
            (Found::Said(word), _) => ends::told(word, &run, self.phase),
            // What to run is told only after the supervisor is on record.
            (Found::Silent, None) => return Ok(Standing::NeverBegun),
            (Found::Silent | Found::Nothing, Some(number)) => {
                if let Some(remains) = leftover_processes::find(number, &run.request) {
                    // A command without a file is one of a version before, whose end nobody will know either,
                    // but which nobody is to break off.
                    if supervised {
                        remains.kill();
                    }
                    return Ok(Standing::Runs);
                }
                ends::unknown(&run.stack, self.phase).into()
            }
            (Found::Nothing, None) => ends::unknown(&run.stack, self.phase).into(),
        };
        let end = self.record_end(&run.request, end).await?;
        Ok(Standing::Ended(end))
    }

    async fn look(&self, request: &RequestId) -> PortResult<Found> {
        let (files, request) = (self.files.clone(), request.clone());
        on_disk(move || files.look(&request)).await
    }

    /// A locked file for a run that is about to begin.
    pub(super) async fn make_file(&self, request: &RequestId) -> PortResult<File> {
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
            if inner.context.ended.send(awaited).is_err() {
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
    async fn record_end(&self, request: &RequestId, told: RunOutcome) -> PortResult<RunEnd> {
        let RunOutcome { end, file } = told;
        let end = self.runs.end(request, self.context.clock.now(), end, file).await?;
        let (files, request) = (self.files.clone(), request.clone());
        if let Err(error) = on_disk(move || files.remove(&request)).await {
            tracing::warn!(%error, "the file of a run that has ended stays until the next start");
        }
        Ok(end)
    }

    /// Starts the command of a run that is on record, and watches it from a task of its own. The run's end, where it
    /// could not be started.
    pub(super) async fn launch(
        self: &Arc<Self>,
        guard: RunGuard,
        file: File,
        stack: &FullStackName,
        order: Order,
    ) -> PortResult<Option<RunEnd>> {
        let request = guard.request.clone();
        let supervised = match supervised::start(&self.context.supervisor, file) {
            Ok(supervised) => supervised,
            Err(error) => {
                let end = ends::not_started(stack, self.phase, &error.to_string());
                return self.record_end(&request, end.into()).await.map(Some);
            }
        };
        // Dropped where this fails, the supervisor ends and has run nothing.
        self.runs.set_supervisor(&request, supervised.pid()).await?;
        self.context.tasks.spawn(watch(guard, supervised, order));
        tracing::info!(request_id = %request, %stack, "{} of the stack runs", self.phase.command());
        Ok(None)
    }
}

/// Tells a supervisor what to run, waits for its end, records how the command ended, and tells it.
async fn watch(guard: RunGuard, supervised: Supervised, order: Order) {
    let (runner, request) = (Arc::clone(&guard.runner), guard.request.clone());
    if let Err(error) = supervised.carry_out(order, &runner.context.stop).await {
        tracing::warn!(request_id = %request, %error, "a command's supervisor did not end as it should");
    }
    // Not recorded means that the sweep asks again.
    if let Err(error) = settle(&runner, &request).await {
        tracing::error!(request_id = %request, %error, "the end of a stack's command could not be recorded");
    }
    drop(guard);
    if runner.context.ended.send(request).is_err() {
        tracing::debug!("nobody listens for ended commands any more; the sweep will find this one");
    }
}

/// Records the end of a run whose supervisor has ended. Where it was killed, this waits until nothing of the
/// command is left.
async fn settle(runner: &Runner, request: &RequestId) -> PortResult<()> {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let Some(run) = runner.runs.find(request).await?.filter(|run| run.end.is_none()) else {
            return Ok(());
        };
        let end = match runner.look(request).await? {
            // A process that was just started has it until it is another program.
            Found::Held => continue,
            Found::Said(word) if word.ending == Ending::NotBegun => ends::never_begun(&run.stack, runner.phase).into(),
            Found::Said(word) => ends::told(word, &run, runner.phase),
            Found::Silent | Found::Nothing => {
                let number = run.supervisor;
                if let Some(remains) = number.and_then(|number| leftover_processes::find(number, request)) {
                    remains.kill();
                    continue;
                }
                ends::unknown(&run.stack, runner.phase).into()
            }
        };
        runner.record_end(request, end).await?;
        return Ok(());
    }
}

/// The right to start a run's command, and the mark that this process has it.
pub(super) struct RunGuard {
    runner: Arc<Runner>,
    request: RequestId,
}

impl RunGuard {
    /// None where this process has the run already.
    pub(super) fn take(runner: &Arc<Runner>, request: &RequestId) -> Option<Self> {
        runner.children().insert(request.clone()).then(|| Self {
            runner: Arc::clone(runner),
            request: request.clone(),
        })
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.runner.children().remove(&self.request);
    }
}

/// Works on a run's file, away from the threads that serve requests.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> PortResult<T> {
    let failed = |error: std::io::Error| {
        let message = "the folders `runs` and `plans` of the data folder cannot be used: check the disk, and that the server owns it";
        PortError::new(PortErrorKind::Unavailable, message).because(error)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| failed(error.into()))?.map_err(failed)
}
