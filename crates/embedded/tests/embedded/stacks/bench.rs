//! A data folder, a runner over it, and what tests ask of both.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cc_devops_deploys::Draft;
use cc_devops_embedded::stacks::{CommandLine, LocalStacks, StackCommand};
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::names::{FullStackName, RequestId, StackName, Stage};
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::{Clock, PortResult, SystemClock};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use rusqlite::Connection;
use rustix::process::Pid;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            data_dir: folder.path().join("data"),
            master_key: MasterKeySource::File,
            create: true,
        };
        let store = Store::open(options).unwrap();
        Self { folder, store }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many plans have something that is still sealed.
    pub(crate) fn kept_plans(&self) -> i64 {
        let sql = "SELECT count(sealed) FROM stack_plans";
        self.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// What stands in the folders of runs.
    pub(crate) fn left_of_runs(&self) -> usize {
        let left = |folder| std::fs::read_dir(self.path().join(folder)).map_or(0, Iterator::count);
        left("data/runs") + left("data/plans")
    }

    /// The database, for what nobody but a test does to it.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.store.file()).unwrap()
    }

    /// The number on record of the process that watches a run's command.
    pub(crate) fn supervisor(&self, request: &str) -> Pid {
        let sql = "SELECT pid FROM stack_runs WHERE request_id = ?1";
        let pid = self.database().query_row(sql, [request], |row| row.get(0)).unwrap();
        Pid::from_raw(pid).unwrap()
    }

    /// The process whose number a script wrote to a file; waits until it is there.
    pub(crate) async fn process(&self, file: &str) -> Pid {
        loop {
            let text = std::fs::read_to_string(self.path().join(file)).unwrap_or_default();
            if let Some(pid) = text.strip_suffix('\n') {
                return Pid::from_raw(pid.parse().unwrap()).unwrap();
            }
            tokio::task::yield_now().await;
        }
    }

    /// A runner with one stack, `app`, whose command is a shell script.
    pub(crate) fn stacks(
        &self,
        script: &str,
        change: impl FnOnce(&mut StackCommand),
    ) -> (LocalStacks, UnboundedReceiver<RequestId>) {
        self.stacks_at(script, Arc::new(SystemClock), change)
    }

    pub(crate) fn stacks_at(
        &self,
        script: &str,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(&mut StackCommand),
    ) -> (LocalStacks, UnboundedReceiver<RequestId>) {
        self.supervised_by(env!("CARGO_BIN_EXE_supervisor").into(), script, clock, change)
    }

    /// A runner whose supervisors take their time to become what they are.
    pub(crate) fn slow_to_supervise(&self, script: &str) -> (LocalStacks, UnboundedReceiver<RequestId>) {
        let slow = self.path().join("slow");
        let text = format!(
            "#!/bin/sh\ni=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done\nexec '{}' \"$@\"\n",
            env!("CARGO_BIN_EXE_supervisor")
        );
        std::fs::write(&slow, text).unwrap();
        std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o700)).unwrap();
        self.supervised_by(slow, script, Arc::new(SystemClock), |_| {})
    }

    fn supervised_by(
        &self,
        supervisor: PathBuf,
        script: &str,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(&mut StackCommand),
    ) -> (LocalStacks, UnboundedReceiver<RequestId>) {
        let mut command = StackCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            working_dir: self.path().to_owned(),
            timeout: Duration::from_mins(1),
            env: Vec::new(),
            secret_env: Vec::new(),
            parameters: vec!["Size".to_owned()],
            secret_parameters: vec!["Password".to_owned()],
            plan_command: None,
            stages: Vec::new(),
            user: None,
        };
        change(&mut command);
        let (sender, receiver) = unbounded_channel();
        let commands = BTreeMap::from([(StackName::new("app").unwrap(), command)]);
        (self.store.local_stacks(commands, supervisor, clock, sender), receiver)
    }
}

pub(crate) fn deploy(stack: &str, parameters: &[(&str, &str)]) -> DeployLambda {
    DeployLambda {
        stack: StackName::new(stack).unwrap(),
        stage: Stage::new("dev").unwrap(),
        template: None,
        parameters: parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        capabilities: Vec::new(),
        tags: BTreeMap::new(),
    }
}

pub(crate) fn lease(request: &str, deploy: &DeployLambda) -> StackLease {
    StackLease {
        stack: deploy.full_name(),
        request: RequestId::new(request).unwrap(),
    }
}

pub(crate) async fn start(stacks: &LocalStacks, request: &str, deploy: &DeployLambda) -> StackProgress {
    try_start(stacks, request, deploy).await.unwrap()
}

/// Plans a deploy and begins it, as where nobody need approve it.
pub(crate) async fn try_start(stacks: &LocalStacks, request: &str, deploy: &DeployLambda) -> PortResult<StackProgress> {
    match try_plan(stacks, request, deploy).await? {
        Planning::GoesOn => Ok(StackProgress::Changing),
        Planning::Ended(end) => Ok(StackProgress::Ended(end)),
        Planning::Ready(draft) => {
            let lease = lease(request, deploy);
            stacks.apply(&lease, &draft.handle, SystemClock.now()).await
        }
    }
}

async fn try_plan(stacks: &LocalStacks, request: &str, deploy: &DeployLambda) -> PortResult<Planning> {
    let wanted = WantedChange {
        stack: &deploy.full_name(),
        request: &RequestId::new(request).unwrap(),
        deploy,
        may_create: true,
        at: SystemClock.now(),
    };
    stacks.plan(&wanted).await
}

pub(crate) async fn plan(stacks: &LocalStacks, request: &str, deploy: &DeployLambda) -> Planning {
    try_plan(stacks, request, deploy).await.unwrap()
}

pub(crate) async fn planned(stacks: &LocalStacks, request: &str) -> Planning {
    let stack = FullStackName::from_stored("app-dev".to_owned());
    stacks.planned(&stack, &RequestId::new(request).unwrap()).await.unwrap()
}

/// Looks until a planning has come to something.
pub(crate) async fn drafted(stacks: &LocalStacks, request: &str) -> Result<Draft, StackEnd> {
    loop {
        match planned(stacks, request).await {
            Planning::GoesOn => tokio::task::yield_now().await,
            Planning::Ready(draft) => return Ok(*draft),
            Planning::Ended(end) => return Err(end),
        }
    }
}

pub(crate) async fn apply(stacks: &LocalStacks, request: &str, handle: &str) -> StackProgress {
    let lease = lease(request, &deploy("app", &[]));
    stacks.apply(&lease, handle, SystemClock.now()).await.unwrap()
}

/// A plan command that is a shell script.
pub(crate) fn planner(script: &str) -> CommandLine {
    CommandLine {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
    }
}

pub(crate) async fn progress(stacks: &LocalStacks, request: &str) -> StackProgress {
    let stack = FullStackName::from_stored("app-dev".to_owned());
    stacks
        .progress(&stack, &RequestId::new(request).unwrap())
        .await
        .unwrap()
}

/// Runs a deploy to its end.
pub(crate) async fn run(
    bench: &Bench,
    script: &str,
    parameters: &[(&str, &str)],
    change: impl FnOnce(&mut StackCommand),
) -> StackEnd {
    let (stacks, mut ended) = bench.stacks(script, change);
    assert_eq!(
        start(&stacks, "r1", &deploy("app", parameters)).await,
        StackProgress::Changing
    );
    assert_eq!(ended.recv().await.unwrap().as_str(), "r1");
    match progress(&stacks, "r1").await {
        StackProgress::Ended(end) => end,
        StackProgress::Changing | StackProgress::NotBegun => panic!("told that it ended, but it goes on"),
    }
}

pub(crate) fn reason(progress: StackProgress) -> Reason {
    match progress {
        StackProgress::Ended(end) => end.outcome.unwrap_err().reason,
        StackProgress::Changing | StackProgress::NotBegun => panic!("it must be refused at once"),
    }
}

/// Looks until a run has ended.
pub(crate) async fn ended(stacks: &LocalStacks, request: &str) -> StackEnd {
    loop {
        if let StackProgress::Ended(end) = progress(stacks, request).await {
            return end;
        }
        tokio::task::yield_now().await;
    }
}

/// Whether a process runs; one that has ended and was not fetched does not.
pub(crate) fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, state)| !state.starts_with(" Z"))
}
