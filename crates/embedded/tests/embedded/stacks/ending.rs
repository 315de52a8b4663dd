//! How a command is stopped: with whatever it started.

use std::time::Duration;

use cc_devops_kernel::outcome::Reason;
use cc_devops_requests::ports::StackProgress;
use rustix::process::{Signal, kill_process};

use crate::stacks::bench::{Bench, deploy, ended, progress, run, runs, start};

#[tokio::test]
async fn a_command_that_takes_too_long_is_stopped_with_all_it_started() {
    let script = "echo begun; sleep 300 & wait";
    let end = run(&Bench::new(), script, &[], |c| c.timeout = Duration::from_millis(300)).await;
    assert_eq!(end.outcome.unwrap_err().reason, Reason::Timeout);
    assert_eq!(end.output.unwrap(), "begun\n");
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

#[tokio::test]
async fn a_shutdown_reaches_a_supervisor_that_is_still_starting() {
    let bench = Bench::new();
    let (stacks, mut ended) = bench.slow_to_supervise("sleep 300");
    start(&stacks, "r1", &deploy("app", &[])).await;
    stacks.shutdown(Duration::ZERO).await;
    ended.recv().await.unwrap();
    let StackProgress::Ended(end) = progress(&stacks, "r1").await else {
        panic!("it was stopped")
    };
    assert!(end.fate_known);
    let failure = end.outcome.unwrap_err();
    assert!(failure.message.contains("shut down"), "{}", failure.message);
}

/// Starts what `words` say in the background, and waits for it.
fn leaving(words: &str) -> String {
    format!("{words} & while [ ! -s left ]; do :; done; wait")
}

#[tokio::test]
async fn what_ignores_being_asked_ends_with_its_command_although_that_obeyed() {
    let bench = Bench::new();
    let stubborn = leaving("sh -c 'trap \"\" TERM; echo $$ > left; while :; do sleep 1; done'");
    let end = run(&bench, &stubborn, &[], |c| {
        c.timeout = Duration::from_millis(500);
        c.env = vec!["PATH".to_owned()];
    })
    .await;
    assert_eq!(end.outcome.unwrap_err().reason, Reason::Timeout);
    assert!(!runs(bench.process("left").await), "it goes on, and the stack is free");
}

#[tokio::test]
async fn what_left_its_commands_group_ends_with_it() {
    let bench = Bench::new();
    let apart = leaving("setsid sh -c 'echo $$ > left; exec sleep 300'");
    let end = run(&bench, &apart, &[], |c| {
        c.timeout = Duration::from_millis(500);
        c.env = vec!["PATH".to_owned()];
    })
    .await;
    assert_eq!(end.outcome.unwrap_err().reason, Reason::Timeout);
    assert!(!runs(bench.process("left").await), "it goes on, and the stack is free");
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it_and_is_told() {
    let bench = Bench::new();
    let end = run(&bench, "sleep 300 & echo $! > left; echo deployed", &[], |c| {
        c.env = vec!["PATH".to_owned()];
    })
    .await;
    assert!(end.outcome.is_ok());
    assert_eq!(
        end.output.unwrap(),
        "deployed\n[what the command left running was ended]\n"
    );
    assert!(!runs(bench.process("left").await), "it goes on, and the stack is free");
}

#[tokio::test]
async fn where_the_supervisor_is_killed_the_command_ends_and_its_fate_is_unknown() {
    let bench = Bench::new();
    let script = "sh -c 'echo $$ > left; exec sleep 300' & echo $$ > leader; wait";
    let (stacks, mut told) = bench.stacks(script, |c| c.env = vec!["PATH".to_owned()]);
    start(&stacks, "r1", &deploy("app", &[])).await;
    let (leader, left) = (bench.process("leader").await, bench.process("left").await);
    kill_process(bench.supervisor("r1"), Signal::KILL).unwrap();
    told.recv().await.unwrap();
    let end = ended(&stacks, "r1").await;
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::DeployFailed);
    assert!(failure.message.contains("fate is unknown"), "{}", failure.message);
    assert!(!end.fate_known);
    assert!(!runs(leader) && !runs(left), "nobody watches it");
    let StackProgress::Ended(again) = progress(&stacks, "r1").await else {
        panic!("it has ended");
    };
    assert!(!again.fate_known, "which is kept");
}
