//! What becomes of a command when the server dies.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{StackEnd, StackProgress};
use cc_devops_testkit::ManualClock;
use rustix::process::{Signal, kill_process};

use crate::stacks::bench::{Bench, deploy, ended, progress, reason, runs, start, try_start};

/// A server that dies leaves its command running.
struct Crashed {
    bench: Bench,
    deploy: DeployLambda,
}

/// Reads one line from the pipe `one` and one from `two`, and prints before and after.
const TALKING: &str = "echo run >> runs; echo begun; read line < one; echo $$ > pid; echo alone >&2; read line < two; \
                       echo $PARAM_Password";

const SECRET: &str = "hunter2-hunter2";

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
        let deploy = deploy("app", &[("Password", SECRET)]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (stacks, _ended) = bench.stacks(TALKING, |command| command.timeout = limit);
            start(&stacks, "r1", &deploy).await;
        });
        let crashed = Self { bench, deploy };
        crashed.say("one");
        // The watching task dies with its runtime, and what it holds with it, as it would with its process.
        runtime.shutdown_background();
        crashed
    }

    /// Opening a pipe waits for the command to open it too.
    fn say(&self, pipe: &str) {
        std::fs::write(self.bench.path().join(pipe), "go\n").unwrap();
    }
}

#[tokio::test]
async fn after_a_crash_a_command_goes_on_and_its_end_and_its_output_are_learnt() {
    let crashed = tokio::task::spawn_blocking(Crashed::new).await.unwrap();
    let (stacks, mut told) = crashed.bench.stacks(TALKING, |_| {});
    assert_eq!(progress(&stacks, "r1").await, StackProgress::Changing, "it goes on");
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
    stacks.tidy().await.unwrap();
    crashed.say("two");
    assert_eq!(
        told.recv().await.unwrap().as_str(),
        "r1",
        "its end need not be looked for"
    );
    let end = ended(&stacks, "r1").await;
    assert!(end.outcome.is_ok() && end.fate_known, "{end:?}");
    let output = end.output.unwrap();
    // Each pipe keeps its order; which of two that are read at once comes first is nobody's promise.
    let (of_stderr, of_stdout): (Vec<&str>, Vec<&str>) =
        output.split_inclusive('\n').partition(|line| *line == "alone\n");
    assert_eq!(of_stdout, ["begun\n", "[redacted]\n"], "{output}");
    assert_eq!(of_stderr, ["alone\n"], "{output}");
    assert_eq!(
        std::fs::read_to_string(crashed.bench.path().join("runs")).unwrap(),
        "run\n"
    );
    let left = std::fs::read_dir(crashed.bench.path().join("data/runs")).unwrap();
    assert_eq!(left.count(), 0, "what is on record is not kept twice");
}

#[tokio::test]
async fn after_a_crash_a_command_still_has_its_time_limit() {
    let crashed = tokio::task::spawn_blocking(|| Crashed::within(Duration::from_secs(1)));
    let crashed = crashed.await.unwrap();
    let (stacks, _told) = crashed.bench.stacks(TALKING, |_| {});
    let end = ended(&stacks, "r1").await;
    assert_eq!(end.outcome.unwrap_err().reason, Reason::Timeout);
    assert!(end.fate_known, "it does not go on");
    assert!(!runs(crashed.bench.process("pid").await));
}

#[tokio::test]
async fn who_sets_the_clock_ends_no_command() {
    for hours in [2, -2] {
        let crashed = tokio::task::spawn_blocking(Crashed::new).await.unwrap();
        let clock = ManualClock::at(SystemClock.now());
        let (stacks, mut told) = crashed.bench.stacks_at(TALKING, Arc::new(clock.clone()), |_| {});
        clock.advance(jiff::SignedDuration::from_hours(hours));
        assert_eq!(
            progress(&stacks, "r1").await,
            StackProgress::Changing,
            "it runs for a moment only"
        );
        crashed.say("two");
        told.recv().await.unwrap();
        assert!(ended(&stacks, "r1").await.outcome.is_ok());
    }
}

#[tokio::test]
async fn after_a_crash_and_the_end_of_its_supervisor_a_commands_fate_is_unknown() {
    let crashed = tokio::task::spawn_blocking(Crashed::new).await.unwrap();
    let (stacks, _told) = crashed.bench.stacks(TALKING, |_| {});
    let command = crashed.bench.process("pid").await;
    kill_process(crashed.bench.supervisor("r1"), Signal::KILL).unwrap();
    let end = ended(&stacks, "r1").await;
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::DeployFailed);
    assert!(failure.message.contains("fate is unknown"), "{}", failure.message);
    assert!(!end.fate_known);
    assert!(!runs(command));
}

#[tokio::test]
async fn what_could_not_be_recorded_was_never_begun_and_is_begun_by_the_next_try() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks("echo run >> runs", |_| {});
    // As where the server dies after it has started a process and before it has put it on record.
    let unrecorded = "CREATE TRIGGER unrecorded BEFORE UPDATE OF pid ON stack_runs WHEN NEW.pid IS NOT NULL
                      BEGIN SELECT RAISE(ABORT, 'not now'); END";
    bench.database().execute_batch(unrecorded).unwrap();
    let deploy = deploy("app", &[]);
    let tried = try_start(&stacks, "r1", &deploy).await;
    assert!(tried.is_err(), "{tried:?}");
    bench.database().execute_batch("DROP TRIGGER unrecorded").unwrap();
    let end = loop {
        match start(&stacks, "r1", &deploy).await {
            StackProgress::Ended(end) => break end,
            StackProgress::Changing | StackProgress::NotBegun => {
                told.recv().await.unwrap();
            }
        }
    };
    assert!(matches!(end, StackEnd { outcome: Ok(_), .. }), "{end:?}");
    assert_eq!(std::fs::read_to_string(bench.path().join("runs")).unwrap(), "run\n");
}
