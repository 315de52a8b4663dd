//! From a plan to its end: what is kept, what runs, and what does not.

use cc_devops_deploys::DraftContent;
use cc_devops_embedded::stacks::{LocalStacks, StackCommand};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks};

use crate::stacks::bench::{Bench, apply, deploy, drafted, ended, plan, planned, planner, progress, reason};

const PLAN: &str = "echo plan >> planned; echo '{\"changes\": [{\"path\": \"orders\"}]}' > \"$CC_DEVOPS_PLAN_FILE\"";
const RUN: &str = "echo run >> runs; cat \"$CC_DEVOPS_PLAN_FILE\" >> ran";

fn with_plan(command: &mut StackCommand) {
    command.plan_command = Some(planner(PLAN));
}

async fn discard(stacks: &LocalStacks, request: &str) {
    let stack = FullStackName::from_stored("app-dev".to_owned());
    let request = RequestId::new(request).unwrap();
    stacks.discard(&stack, &request, "whatever").await.unwrap();
}

fn text(bench: &Bench, file: &str) -> String {
    std::fs::read_to_string(bench.path().join(file)).unwrap_or_default()
}

#[tokio::test]
async fn what_was_planned_runs_once_and_is_forgotten_then() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks(RUN, |command| {
        with_plan(command);
        command.env = vec!["PATH".to_owned()];
    });
    let deploy = deploy("app", &[]);
    assert_eq!(plan(&stacks, "r1", &deploy).await, Planning::GoesOn);
    assert_eq!(
        told.recv().await.unwrap().as_str(),
        "r1",
        "its end need not be looked for"
    );
    let draft = drafted(&stacks, "r1").await.unwrap();
    let DraftContent::File(bytes) = &draft.content else {
        panic!("it wrote a file")
    };
    assert_eq!(bytes, b"{\"changes\": [{\"path\": \"orders\"}]}\n");
    assert_eq!(
        plan(&stacks, "r1", &deploy).await,
        Planning::Ready(Box::new(draft.clone())),
        "planning again finds it"
    );
    assert_eq!(text(&bench, "planned"), "plan\n");
    assert_eq!(progress(&stacks, "r1").await, StackProgress::NotBegun);
    assert_eq!(text(&bench, "runs"), "", "nothing but the plan command ran");

    assert_eq!(apply(&stacks, "r1", &draft.handle).await, StackProgress::Changing);
    assert_eq!(apply(&stacks, "r1", &draft.handle).await, StackProgress::Changing);
    told.recv().await.unwrap();
    let end = ended(&stacks, "r1").await;
    assert!(end.outcome.is_ok(), "{end:?}");
    let again = apply(&stacks, "r1", &draft.handle).await;
    assert_eq!(again, StackProgress::Ended(end.clone()), "and finds the one that ended");
    assert_eq!(planned(&stacks, "r1").await, Planning::Ended(end));
    assert_eq!(text(&bench, "runs"), "run\n");
    assert_eq!(text(&bench, "ran").as_bytes(), bytes.as_slice());
    assert_eq!((bench.kept_plans(), bench.left_of_runs()), (0, 0));
}

#[tokio::test]
async fn without_a_plan_command_nobody_knows_and_what_was_asked_for_is_kept() {
    let bench = Bench::new();
    let script = "echo $PARAM_Size ${CC_DEVOPS_PLAN_FILE-none} >> runs";
    let (stacks, mut told) = bench.stacks(script, |_| {});
    let deploy = deploy("app", &[("Size", "3")]);
    let Planning::Ready(draft) = plan(&stacks, "r1", &deploy).await else {
        panic!("there is nothing to wait for")
    };
    assert_eq!(
        (draft.handle.as_str(), &draft.content),
        ("unplanned", &DraftContent::Unplanned)
    );
    let (stacks_of_later, mut told_later) = bench.stacks(script, |_| {});
    assert_eq!(planned(&stacks_of_later, "r1").await, Planning::Ready(draft));
    apply(&stacks_of_later, "r1", "unplanned").await;
    told_later.recv().await.unwrap();
    assert!(ended(&stacks, "r1").await.outcome.is_ok());
    assert_eq!(text(&bench, "runs"), "3 none\n");
    assert!(told.try_recv().is_err(), "it was the other's");
}

#[tokio::test]
async fn nothing_to_change_is_a_success_and_the_command_does_not_run() {
    let bench = Bench::new();
    let (stacks, _told) = bench.stacks(RUN, |command| {
        command.plan_command = Some(planner(
            "echo checked; echo '{\"changes\": []}' > \"$CC_DEVOPS_PLAN_FILE\"",
        ));
    });
    plan(&stacks, "r1", &deploy("app", &[])).await;
    let end = drafted(&stacks, "r1").await.unwrap_err();
    assert_eq!(end.outcome.as_ref().unwrap().action, DeployAction::NoChanges);
    assert_eq!(end.output.as_deref(), Some("checked\n"));
    assert_eq!(apply(&stacks, "r1", "whatever").await, StackProgress::Ended(end));
    assert_eq!((text(&bench, "runs").as_str(), bench.kept_plans()), ("", 0));
}

#[tokio::test]
async fn what_stands_on_another_change_has_moved_and_does_not_run() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks(RUN, |command| {
        with_plan(command);
        command.env = vec!["PATH".to_owned()];
    });
    let deploy = deploy("app", &[]);
    for request in ["r1", "r2"] {
        plan(&stacks, request, &deploy).await;
        told.recv().await.unwrap();
    }
    let first = drafted(&stacks, "r1").await.unwrap();
    let second = drafted(&stacks, "r2").await.unwrap();
    assert_eq!(first.basis, second.basis, "nothing has changed the stack in between");
    apply(&stacks, "r2", &second.handle).await;
    told.recv().await.unwrap();
    assert!(ended(&stacks, "r2").await.outcome.is_ok());
    let now = drafted(&stacks, "r1").await.unwrap();
    assert_ne!(now.basis, first.basis, "which shows before it is begun");
    assert_eq!(
        reason(apply(&stacks, "r1", &first.handle).await),
        Reason::StackInProgress
    );
    assert_eq!(text(&bench, "runs"), "run\n");
    assert_eq!(progress(&stacks, "r1").await, StackProgress::NotBegun);
}

#[tokio::test]
async fn what_is_not_what_was_approved_or_was_discarded_does_not_run() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks(RUN, with_plan);
    let deploy = deploy("app", &[]);
    plan(&stacks, "r1", &deploy).await;
    told.recv().await.unwrap();
    let draft = drafted(&stacks, "r1").await.unwrap();
    let other = "0".repeat(64);
    for handle in [other.as_str(), "unplanned", ""] {
        assert_eq!(reason(apply(&stacks, "r1", handle).await), Reason::StackInProgress);
    }
    assert_eq!(bench.kept_plans(), 1);
    discard(&stacks, "r1").await;
    discard(&stacks, "r1").await;
    assert_eq!(bench.kept_plans(), 0);
    let end = drafted(&stacks, "r1").await.unwrap_err();
    assert!(end.outcome.unwrap_err().message.contains("discarded"));
    assert_eq!(
        reason(apply(&stacks, "r1", &draft.handle).await),
        Reason::StackInProgress
    );
    assert!(
        matches!(plan(&stacks, "r1", &deploy).await, Planning::Ended(_)),
        "nor is it planned again"
    );
    assert_eq!(
        (text(&bench, "runs").as_str(), text(&bench, "planned").as_str()),
        ("", "plan\n")
    );
    discard(&stacks, "never-planned").await;
}

#[tokio::test]
async fn what_is_discarded_while_it_is_planned_is_not_kept_after_all() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks(RUN, |command| {
        command.plan_command = Some(planner("read line < go; echo x > \"$CC_DEVOPS_PLAN_FILE\""));
    });
    let made = std::process::Command::new("mkfifo")
        .arg(bench.path().join("go"))
        .status();
    assert!(made.unwrap().success());
    plan(&stacks, "r1", &deploy("app", &[])).await;
    discard(&stacks, "r1").await;
    let pipe = bench.path().join("go");
    tokio::task::spawn_blocking(|| std::fs::write(pipe, "go\n"))
        .await
        .unwrap()
        .unwrap();
    told.recv().await.unwrap();
    assert!(drafted(&stacks, "r1").await.is_err());
    assert_eq!(bench.kept_plans(), 0);
}

#[tokio::test]
async fn the_configuration_of_the_moment_says_what_may_run() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks(RUN, with_plan);
    plan(&stacks, "r1", &deploy("app", &[])).await;
    told.recv().await.unwrap();
    let draft = drafted(&stacks, "r1").await.unwrap();
    let prod = cc_devops_kernel::names::Stage::new("prod").unwrap();
    let (later, _told) = bench.stacks(RUN, |command| command.stages = vec![prod]);
    assert_eq!(reason(apply(&later, "r1", &draft.handle).await), Reason::StackNotFound);
    assert_eq!(text(&bench, "runs"), "");
}

#[tokio::test]
async fn a_plan_command_that_does_not_exist_is_a_failed_deploy() {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks(RUN, |command| {
        command.plan_command = Some(planner(""));
        command.plan_command.as_mut().unwrap().program = "/no/such/program".into();
    });
    plan(&stacks, "r1", &deploy("app", &[])).await;
    told.recv().await.unwrap();
    let StackEnd {
        outcome, fate_known, ..
    } = drafted(&stacks, "r1").await.unwrap_err();
    let failure = outcome.unwrap_err();
    assert_eq!((failure.reason, fate_known), (Reason::DeployFailed, true));
    assert!(
        failure
            .message
            .contains("the plan command of stack app-dev could not be started: No such file"),
        "{failure:?}"
    );
    assert_eq!((bench.kept_plans(), bench.left_of_runs()), (0, 0));
}
