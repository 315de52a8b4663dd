//! A data folder, a runner over it, and what tests ask of both.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cc_devops_embedded::stacks::{LocalStacks, StackCommand};
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::names::{FullStackName, RequestId, StackName, Stage};
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{StackEnd, StackProgress, Stacks};
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
    stacks
        .start(&lease(request, deploy), deploy, SystemClock.now())
        .await
        .unwrap()
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
