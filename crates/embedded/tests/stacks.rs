//! Real commands: what they see, what is kept of them, and what becomes of them when things stop.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_core::names::{FullStackName, RequestId, StackName, Stage};
use cc_devops_core::ports::{Clock, StackEnd, StackProgress, Stacks, SystemClock};
use cc_devops_core::requests::outcome::{DeployAction, Reason};
use cc_devops_core::requests::record::StackLease;
use cc_devops_core::requests::{DeployLambda, Template};
use cc_devops_embedded::stacks::{LocalStacks, StackCommand};
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_testkit::ManualClock;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            data_dir: folder.path().join("data"),
            master_key: MasterKeySource::File,
            create: true,
        };
        let store = Store::open(options).unwrap();
        Self { folder, store }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A runner with one stack, `app`, whose command is a shell script.
    fn stacks(
        &self,
        script: &str,
        change: impl FnOnce(&mut StackCommand),
    ) -> (LocalStacks, UnboundedReceiver<RequestId>) {
        self.stacks_at(script, Arc::new(SystemClock), change)
    }

    fn stacks_at(
        &self,
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
        };
        change(&mut command);
        let (sender, receiver) = unbounded_channel();
        let commands = BTreeMap::from([(StackName::new("app").unwrap(), command)]);
        (self.store.local_stacks(commands, clock, sender), receiver)
    }
}

fn deploy(stack: &str, parameters: &[(&str, &str)]) -> DeployLambda {
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

fn lease(request: &str, deploy: &DeployLambda) -> StackLease {
    StackLease {
        stack: deploy.full_name(),
        request: RequestId::new(request).unwrap(),
    }
}

async fn start(stacks: &LocalStacks, request: &str, deploy: &DeployLambda) -> StackProgress {
    stacks
        .start(&lease(request, deploy), deploy, SystemClock.now())
        .await
        .unwrap()
}

async fn progress(stacks: &LocalStacks, request: &str) -> StackProgress {
    let stack = FullStackName::from_stored("app-dev".to_owned());
    stacks
        .progress(&stack, &RequestId::new(request).unwrap())
        .await
        .unwrap()
}

/// Runs a deploy to its end.
async fn run(
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
        StackProgress::Changing => panic!("told that it ended, but it goes on"),
    }
}

fn reason(progress: StackProgress) -> Reason {
    match progress {
        StackProgress::Ended(end) => end.outcome.unwrap_err().reason,
        StackProgress::Changing => panic!("it must be refused at once"),
    }
}

#[tokio::test]
async fn a_command_that_succeeds_deploys() {
    let end = run(&Bench::new(), "echo out; echo err >&2", &[], |_| {}).await;
    let result = end.outcome.unwrap();
    assert_eq!(
        (result.stack_name.as_str(), result.action),
        ("app-dev", DeployAction::Deployed)
    );
    let output = end.output.unwrap();
    assert!(output.contains("out\n") && output.contains("err\n"), "{output}");
}

#[tokio::test]
async fn it_sees_its_parameters_and_nothing_of_the_server_that_it_was_not_given() {
    let script = "env | cut -d= -f1 | tr '\\n' ' '; echo; echo size=$PARAM_Size $CC_DEVOPS_STACK $CC_DEVOPS_REQUEST_ID";
    let end = run(&Bench::new(), script, &[("Size", "3; rm -rf x")], |c| {
        c.env = vec!["PATH".to_owned()];
    })
    .await;
    let output = end.output.unwrap();
    assert!(output.contains("size=3; rm -rf x app-dev r1"), "{output}");
    let given = [
        "CC_DEVOPS_REQUEST_ID",
        "CC_DEVOPS_STACK",
        "CC_DEVOPS_STAGE",
        "PARAM_Size",
        "PATH",
    ];
    let shells_own = ["PWD", "OLDPWD", "SHLVL", "_"];
    for name in output.lines().next().unwrap().split_whitespace() {
        assert!(
            given.contains(&name) || shells_own.contains(&name),
            "{name} leaked from the server"
        );
    }
}

#[tokio::test]
async fn a_command_that_fails_is_a_failed_deploy_and_its_output_hides_what_it_was_given_in_secret() {
    let script = "echo password=$PARAM_Password home=$HOME; exit 3";
    let change = |c: &mut StackCommand| c.secret_env = vec!["HOME".to_owned()];
    let end = run(&Bench::new(), script, &[("Password", "hunter2-hunter2")], change).await;
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::DeployFailed);
    assert!(failure.message.contains("exit status: 3"), "{}", failure.message);
    assert_eq!(end.output.unwrap(), "password=[redacted] home=[redacted]\n");
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_refused_before_anything_starts() {
    let bench = Bench::new();
    let (stacks, _ended) = bench.stacks("touch ran", |c| c.stages = vec![Stage::new("dev").unwrap()]);
    assert_eq!(
        reason(start(&stacks, "a", &deploy("other", &[])).await),
        Reason::StackNotFound
    );
    assert_eq!(
        reason(start(&stacks, "b", &deploy("app", &[("Unknown", "x")])).await),
        Reason::InvalidParameter
    );
    let mut prod = deploy("app", &[]);
    prod.stage = Stage::new("prod").unwrap();
    assert_eq!(reason(start(&stacks, "c", &prod).await), Reason::StackNotFound);
    let mut templated = deploy("app", &[]);
    templated.template = Some(Template::Body("{}".to_owned()));
    assert_eq!(reason(start(&stacks, "d", &templated).await), Reason::InvalidParameter);
    assert!(!bench.path().join("ran").exists());
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_a_failed_deploy() {
    let bench = Bench::new();
    let (stacks, _ended) = bench.stacks("", |c| c.program = "/no/such/program".into());
    assert_eq!(
        reason(start(&stacks, "r1", &deploy("app", &[])).await),
        Reason::DeployFailed
    );
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_stopped_with_all_it_started() {
    let script = "echo begun; sleep 300 & wait";
    let end = run(&Bench::new(), script, &[], |c| c.timeout = Duration::from_millis(300)).await;
    assert_eq!(end.outcome.unwrap_err().reason, Reason::Timeout);
    assert_eq!(end.output.unwrap(), "begun\n");
}

#[tokio::test]
async fn the_same_request_never_runs_twice() {
    let bench = Bench::new();
    let (stacks, mut ended) = bench.stacks("echo run >> runs", |_| {});
    let deploy = deploy("app", &[]);
    start(&stacks, "r1", &deploy).await;
    start(&stacks, "r1", &deploy).await;
    ended.recv().await.unwrap();
    let again = start(&stacks, "r1", &deploy).await;
    assert!(matches!(again, StackProgress::Ended(StackEnd { outcome: Ok(_), .. })));
    assert_eq!(std::fs::read_to_string(bench.path().join("runs")).unwrap(), "run\n");
}

#[tokio::test]
async fn a_shutdown_stops_what_does_not_end_by_itself_and_says_so() {
    let bench = Bench::new();
    let (stacks, mut ended) = bench.stacks("sleep 300", |_| {});
    start(&stacks, "r1", &deploy("app", &[])).await;
    stacks.shutdown(Duration::ZERO).await;
    ended.recv().await.unwrap();
    let StackProgress::Ended(end) = progress(&stacks, "r1").await else {
        panic!("it was stopped")
    };
    let failure = end.outcome.unwrap_err();
    assert!(failure.message.contains("shut down"), "{}", failure.message);
}

/// A server that dies leaves its command running and its exit status to nobody.
struct Crashed {
    bench: Bench,
    deploy: DeployLambda,
}

/// Reads one line from the pipe `one` and one from `two`.
const TALKING: &str = "echo run >> runs; read line < one; read line < two";

impl Crashed {
    fn new() -> Self {
        Self::within(Duration::from_mins(1))
    }

    /// One whose command may run so long.
    fn within(limit: Duration) -> Self {
        let bench = Bench::new();
        for pipe in ["one", "two"] {
            let made = std::process::Command::new("mkfifo")
                .arg(bench.path().join(pipe))
                .status();
            assert!(made.unwrap().success());
        }
        let deploy = deploy("app", &[]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (stacks, _ended) = bench.stacks(TALKING, |command| command.timeout = limit);
            start(&stacks, "r1", &deploy).await;
        });
        // The watching task dies with its runtime, as it would with its process.
        runtime.shutdown_background();
        let crashed = Self { bench, deploy };
        crashed.say("one");
        crashed
    }

    /// Opening a pipe waits for the command to open it too.
    fn say(&self, pipe: &str) {
        std::fs::write(self.bench.path().join(pipe), "go\n").unwrap();
    }
}

#[tokio::test]
async fn after_a_crash_a_command_is_waited_for_and_never_run_again() {
    let crashed = tokio::task::spawn_blocking(Crashed::new).await.unwrap();
    let (stacks, mut ended) = crashed.bench.stacks(TALKING, |_| {});
    assert_eq!(
        progress(&stacks, "r1").await,
        StackProgress::Changing,
        "its process group lives"
    );
    assert_eq!(
        start(&stacks, "r1", &crashed.deploy).await,
        StackProgress::Changing,
        "never run again"
    );
    assert_eq!(
        reason(start(&stacks, "r2", &crashed.deploy).await),
        Reason::StackInProgress,
        "nor beside it"
    );
    crashed.say("two");
    let told = ended.recv().await.unwrap();
    assert_eq!(told.as_str(), "r1", "its end is told, and need not be looked for");
    let StackProgress::Ended(end) = progress(&stacks, "r1").await else {
        panic!("it has ended, though nobody fetched it")
    };
    assert!(!end.fate_known, "{end:?}");
    assert_eq!(
        std::fs::read_to_string(crashed.bench.path().join("runs")).unwrap(),
        "run\n"
    );
}

#[tokio::test]
async fn after_a_crash_a_command_that_takes_too_long_is_killed() {
    let crashed = tokio::task::spawn_blocking(|| Crashed::within(Duration::from_secs(1)));
    let crashed = crashed.await.unwrap();
    let (stacks, _ended) = crashed.bench.stacks(TALKING, |_| {});
    let end = loop {
        if let StackProgress::Ended(end) = progress(&stacks, "r1").await {
            break end;
        }
    };
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout, "{}", failure.message);
    assert!(failure.message.contains("was killed"), "{}", failure.message);
    assert!(end.fate_known, "it does not go on");
}

#[tokio::test]
async fn who_sets_the_clock_forward_ends_no_command() {
    let crashed = tokio::task::spawn_blocking(Crashed::new).await.unwrap();
    let clock = ManualClock::at(SystemClock.now());
    let (stacks, _ended) = crashed.bench.stacks_at(TALKING, Arc::new(clock.clone()), |_| {});
    clock.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!(
        progress(&stacks, "r1").await,
        StackProgress::Changing,
        "it runs for a moment only"
    );
    crashed.say("two");
}

#[tokio::test]
async fn a_run_whose_command_is_gone_ends_with_its_fate_unknown() {
    let crashed = tokio::task::spawn_blocking(Crashed::new).await.unwrap();
    let (stacks, _ended) = crashed.bench.stacks(TALKING, |_| {});
    crashed.say("two");
    // The command is a child of this process, which takes its exit status as init would.
    let reaped = rustix::process::wait(rustix::process::WaitOptions::empty()).unwrap();
    assert!(reaped.is_some());
    let StackProgress::Ended(end) = progress(&stacks, "r1").await else {
        panic!("its process group is gone");
    };
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::DeployFailed);
    assert!(failure.message.contains("fate is unknown"), "{}", failure.message);
    assert!(!end.fate_known);
    let StackProgress::Ended(again) = progress(&stacks, "r1").await else {
        panic!("it has ended");
    };
    assert!(!again.fate_known, "which is kept");
}
