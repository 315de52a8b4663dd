//! What becomes of a plan when the server dies: while it is made, while it waits, as it is begun.

use cc_devops_deploys::DraftContent;
use cc_devops_embedded::stacks::{LocalStacks, StackCommand};
use cc_devops_kernel::outcome::Reason;
use cc_devops_requests::ports::{Planning, StackProgress};
use rustix::process::{Pid, Signal, kill_process};

use crate::stacks::bench::{Bench, apply, deploy, drafted, ended, plan, planned, planner, progress, runs};

const PLAN: &str = "echo plan >> planned; read line < one; echo $$ > pid; read line < two; \
                    echo drafted; echo drafted > \"$CC_DEVOPS_PLAN_FILE\"";
const RUN: &str = "echo run >> runs; read line < one; read line < two; cat \"$CC_DEVOPS_PLAN_FILE\"";

fn change(command: &mut StackCommand) {
    command.plan_command = Some(planner(PLAN));
    command.env = vec!["PATH".to_owned()];
}

fn bench() -> Bench {
    let bench = Bench::new();
    for pipe in ["one", "two"] {
        let made = std::process::Command::new("mkfifo")
            .arg(bench.path().join(pipe))
            .status();
        assert!(made.unwrap().success());
    }
    bench
}

/// Opening a pipe waits for the command to open it too.
fn say(bench: &Bench, pipe: &str) {
    std::fs::write(bench.path().join(pipe), "go\n").unwrap();
}

fn lines(bench: &Bench, file: &str) -> usize {
    std::fs::read_to_string(bench.path().join(file))
        .unwrap_or_default()
        .lines()
        .count()
}

/// Has a server do something, and lets it die once a command has come to its first pipe.
fn die_after<T>(bench: &Bench, act: impl AsyncFnOnce(&LocalStacks) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let done = runtime.block_on(async {
        let (stacks, _told) = bench.stacks(RUN, change);
        act(&stacks).await
    });
    say(bench, "one");
    // The watching task dies with its runtime, and what it holds with it, as it would with its process.
    runtime.shutdown_background();
    done
}

fn on_a_new_server<T>(bench: &Bench, act: impl AsyncFnOnce(&LocalStacks) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (stacks, _told) = bench.stacks(RUN, change);
        stacks.tidy().await.unwrap();
        act(&stacks).await
    })
}

#[test]
fn after_a_crash_a_plan_command_goes_on_and_what_it_wrote_is_learnt() {
    let bench = bench();
    let deploy = deploy("app", &[]);
    die_after(&bench, async |stacks| plan(stacks, "r1", &deploy).await);
    on_a_new_server(&bench, async |stacks| {
        assert_eq!(planned(stacks, "r1").await, Planning::GoesOn);
        assert_eq!(plan(stacks, "r1", &deploy).await, Planning::GoesOn, "never run again");
    });
    say(&bench, "two");
    let draft = on_a_new_server(&bench, async |stacks| drafted(stacks, "r1").await.unwrap());
    assert_eq!(draft.content, DraftContent::File(b"drafted\n".to_vec()));
    // It waits over any number of crashes.
    on_a_new_server(&bench, async |stacks| {
        assert_eq!(drafted(stacks, "r1").await.unwrap(), draft);
        assert_eq!(progress(stacks, "r1").await, StackProgress::NotBegun);
    });
    die_after(&bench, async |stacks| apply(stacks, "r1", &draft.handle).await);
    on_a_new_server(&bench, async |stacks| {
        assert_eq!(apply(stacks, "r1", &draft.handle).await, StackProgress::Changing);
        assert_eq!(progress(stacks, "r1").await, StackProgress::Changing);
    });
    say(&bench, "two");
    let end = on_a_new_server(&bench, async |stacks| ended(stacks, "r1").await);
    assert!(end.outcome.is_ok(), "{end:?}");
    assert_eq!(end.output.as_deref(), Some("drafted\n"), "its file was there all along");
    assert_eq!((lines(&bench, "planned"), lines(&bench, "runs")), (1, 1));
    assert_eq!((bench.kept_plans(), bench.left_of_runs()), (0, 0));
}

#[test]
fn after_the_end_of_its_supervisor_there_is_no_plan_and_nothing_has_changed() {
    let bench = bench();
    let deploy = deploy("app", &[]);
    die_after(&bench, async |stacks| plan(stacks, "r1", &deploy).await);
    let sql = "SELECT pid FROM stack_plans";
    let supervisor = bench.database().query_row(sql, [], |row| row.get(0)).unwrap();
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();
    let end = on_a_new_server(&bench, async |stacks| drafted(stacks, "r1").await.unwrap_err());
    let failure = end.outcome.unwrap_err();
    assert_eq!((failure.reason, end.fate_known), (Reason::DeployFailed, true));
    assert!(failure.message.contains("nothing has changed"), "{}", failure.message);
    let pid = std::fs::read_to_string(bench.path().join("pid")).unwrap_or_default();
    if let Ok(pid) = pid.trim_end().parse() {
        assert!(!runs(Pid::from_raw(pid).unwrap()), "nobody watches it");
    }
    assert_eq!((bench.kept_plans(), bench.left_of_runs()), (0, 0));
}

/// What keeps the process that watches a command off the record of `table`.
fn unrecorded(table: &str) -> String {
    format!(
        "CREATE TRIGGER unrecorded BEFORE UPDATE OF pid ON {table} WHEN NEW.pid IS NOT NULL
         BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
}

#[tokio::test]
async fn a_deploy_that_was_on_record_and_never_begun_is_begun_by_whoever_checks_it_again() {
    let bench = bench();
    let (stacks, mut told) = bench.stacks("echo run >> runs", |command| {
        command.plan_command = Some(planner("echo x > \"$CC_DEVOPS_PLAN_FILE\""));
    });
    plan(&stacks, "r1", &deploy("app", &[])).await;
    told.recv().await.unwrap();
    let draft = drafted(&stacks, "r1").await.unwrap();
    // As where the server dies after it has started a process and before it has put it on record.
    bench.database().execute_batch(&unrecorded("stack_runs")).unwrap();
    let lease = crate::stacks::bench::lease("r1", &deploy("app", &[]));
    let at = cc_devops_kernel::ports::Clock::now(&cc_devops_kernel::ports::SystemClock);
    let tried = cc_devops_requests::ports::Stacks::apply(&stacks, &lease, &draft.handle, at).await;
    assert!(tried.is_err(), "{tried:?}");
    bench.database().execute_batch("DROP TRIGGER unrecorded").unwrap();
    // The process that was started ends by itself.
    while progress(&stacks, "r1").await == StackProgress::Changing {
        tokio::task::yield_now().await;
    }
    assert_eq!(progress(&stacks, "r1").await, StackProgress::NotBegun);
    assert_eq!(lines(&bench, "runs"), 0, "and looking begins nothing");
    assert_eq!(
        drafted(&stacks, "r1").await.unwrap(),
        draft,
        "nobody else has changed the stack"
    );
    assert_eq!(apply(&stacks, "r1", &draft.handle).await, StackProgress::Changing);
    told.recv().await.unwrap();
    assert!(ended(&stacks, "r1").await.outcome.is_ok());
    assert_eq!(lines(&bench, "runs"), 1);
}

#[tokio::test]
async fn a_plan_that_was_on_record_and_never_begun_is_begun_by_the_next_try_and_by_no_look() {
    for tries in [true, false] {
        let bench = bench();
        let (stacks, _told) = bench.stacks("true", |command| {
            command.plan_command = Some(planner("echo plan >> planned; echo x > \"$CC_DEVOPS_PLAN_FILE\""));
        });
        bench.database().execute_batch(&unrecorded("stack_plans")).unwrap();
        let deploy = deploy("app", &[]);
        assert!(crate::stacks::bench::try_start(&stacks, "r1", &deploy).await.is_err());
        bench.database().execute_batch("DROP TRIGGER unrecorded").unwrap();
        if tries {
            while lines(&bench, "planned") == 0 {
                plan(&stacks, "r1", &deploy).await;
                tokio::task::yield_now().await;
            }
            assert!(drafted(&stacks, "r1").await.is_ok());
            assert_eq!(lines(&bench, "planned"), 1);
        } else {
            let failure = drafted(&stacks, "r1").await.unwrap_err().outcome.unwrap_err();
            assert!(failure.message.contains("nothing has changed"), "{}", failure.message);
            assert_eq!((lines(&bench, "planned"), bench.kept_plans()), (0, 0));
        }
    }
}
