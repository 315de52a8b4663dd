//! The file of a plan: what is taken, and that the very same bytes are given.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use cc_devops_deploys::DraftContent;
use cc_devops_embedded::stacks::{RunAs, StackCommand};
use cc_devops_kernel::outcome::Reason;
use cc_devops_requests::ports::StackEnd;
use rustix::process::geteuid;

use crate::stacks::bench::{Bench, apply, deploy, drafted, ended, plan, planner};

/// How a planning ends that comes to no plan.
async fn refusal(script: &str, change: impl FnOnce(&mut StackCommand)) -> StackEnd {
    let bench = Bench::new();
    let (stacks, mut told) = bench.stacks("touch ran", |command| {
        command.plan_command = Some(planner(script));
        command.env = vec!["PATH".to_owned()];
        change(command);
    });
    plan(&stacks, "r1", &deploy("app", &[("Password", "hunter2-hunter2")])).await;
    told.recv().await.unwrap();
    let end = drafted(&stacks, "r1").await.unwrap_err();
    assert!(end.fate_known, "it changes nothing");
    assert!(!bench.path().join("ran").exists());
    assert_eq!((bench.kept_plans(), bench.left_of_runs()), (0, 0), "{script}");
    end
}

#[tokio::test]
async fn without_a_file_that_can_be_a_plan_the_deploy_has_failed() {
    let cases = [
        ("exit 3", "ended with exit status: 3"),
        ("echo x > \"$CC_DEVOPS_PLAN_FILE\"; exit 1", "ended with exit status: 1"),
        (":", "wrote no file"),
        ("rm -r \"${CC_DEVOPS_PLAN_FILE%/*}\"", "wrote no file"),
        (
            "echo x > f; ln -s \"$PWD/f\" \"$CC_DEVOPS_PLAN_FILE\"",
            "left a link, a folder or the like",
        ),
        (
            "ln -s nowhere \"$CC_DEVOPS_PLAN_FILE\"",
            "left a link, a folder or the like",
        ),
        ("mkfifo \"$CC_DEVOPS_PLAN_FILE\"", "left a link, a folder or the like"),
        ("mkdir \"$CC_DEVOPS_PLAN_FILE\"", "left a link, a folder or the like"),
        (
            "head -c 1048577 /dev/zero > \"$CC_DEVOPS_PLAN_FILE\"",
            "wrote more than 1048576 bytes (1 MiB)",
        ),
    ];
    for (script, why) in cases {
        let failure = refusal(script, |_| {}).await.outcome.unwrap_err();
        assert_eq!(failure.reason, Reason::DeployFailed, "{script}");
        let said = format!("the plan command of stack app-dev {why}");
        assert!(failure.message.starts_with(&said), "{script}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_plan_commands_output_is_kept_without_secrets_and_its_time_is_limited() {
    let end = refusal("echo $PARAM_Password >&2; exit 2", |_| {}).await;
    assert_eq!(end.output.as_deref(), Some("[redacted]\n"));
    let end = refusal("echo begun; sleep 300", |c| c.timeout = Duration::from_millis(300)).await;
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert!(failure.message.contains("the plan command"), "{}", failure.message);
}

#[tokio::test]
async fn both_commands_see_the_same() {
    let bench = Bench::new();
    let see = "env | grep -E '^(CC_DEVOPS|PARAM|PATH)' | grep -v PLAN_FILE | sort";
    let (stacks, mut told) = bench.stacks(&format!("{see} > run; pwd >> run"), |command| {
        command.plan_command = Some(planner(&format!(
            "{see} > planned; pwd >> planned; cat planned > $CC_DEVOPS_PLAN_FILE"
        )));
        command.env = vec!["PATH".to_owned()];
    });
    plan(
        &stacks,
        "r1",
        &deploy("app", &[("Size", "3"), ("Password", "hunter2-hunter2")]),
    )
    .await;
    told.recv().await.unwrap();
    let draft = drafted(&stacks, "r1").await.unwrap();
    apply(&stacks, "r1", &draft.handle).await;
    told.recv().await.unwrap();
    assert!(ended(&stacks, "r1").await.outcome.is_ok());
    let read = |file| std::fs::read_to_string(bench.path().join(file)).unwrap();
    assert_eq!(read("planned"), read("run"));
    for name in [
        "CC_DEVOPS_STACK=app-dev",
        "CC_DEVOPS_STAGE=dev",
        "CC_DEVOPS_REQUEST_ID=r1",
        "PARAM_Size=3",
    ] {
        assert!(read("run").contains(name), "{}", read("run"));
    }
}

/// Bytes without any order, the same in every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ count as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next)
        .take(count / 8 + 1)
        .flatten()
        .collect();
    bytes.truncate(count);
    bytes
}

#[tokio::test]
async fn the_command_is_given_the_bytes_that_were_planned_whatever_became_of_them() {
    let contents = [
        Vec::new(),
        vec![0],
        b"\n".to_vec(),
        b"{\"v\":1}\n\n\0text without an end".to_vec(),
        noise(1),
        noise(4_097),
        noise(65_537),
        noise(1024 * 1024),
        vec![0; 1024 * 1024],
    ];
    let bench = Bench::new();
    let source = bench.path().join("source");
    let run = "stat -c %a \"$CC_DEVOPS_PLAN_FILE\" > mode; echo \"$CC_DEVOPS_PLAN_FILE\" > given; \
               cat \"$CC_DEVOPS_PLAN_FILE\" > ran; echo tampered > \"$CC_DEVOPS_PLAN_FILE\"";
    for (number, content) in contents.into_iter().enumerate() {
        // What is asked for stands before the file, and must not be taken for a part of it.
        let size = "3\n4";
        let change = |command: &mut StackCommand| {
            command.plan_command = Some(planner(
                "cat source > \"$CC_DEVOPS_PLAN_FILE\"; echo \"$CC_DEVOPS_PLAN_FILE\" > at",
            ));
            command.env = vec!["PATH".to_owned()];
        };
        let (stacks, mut told) = bench.stacks(run, change);
        let request = format!("r{number}");
        std::fs::write(&source, &content).unwrap();
        plan(&stacks, &request, &deploy("app", &[("Size", size)])).await;
        told.recv().await.unwrap();
        std::fs::write(&source, "something else").unwrap();
        let written_at = std::fs::read_to_string(bench.path().join("at")).unwrap();
        assert!(
            !std::path::Path::new(written_at.trim_end()).exists(),
            "nobody can write to it any more"
        );

        // Another server carries it out.
        let (stacks, mut told) = bench.stacks(run, change);
        let draft = drafted(&stacks, &request).await.unwrap();
        assert!(
            draft.content == DraftContent::File(content.clone()),
            "of {} bytes",
            content.len()
        );
        apply(&stacks, &request, &draft.handle).await;
        told.recv().await.unwrap();
        assert!(ended(&stacks, &request).await.outcome.is_ok());
        assert!(
            std::fs::read(bench.path().join("ran")).unwrap() == content,
            "{} bytes",
            content.len()
        );
        assert_eq!(std::fs::read_to_string(bench.path().join("mode")).unwrap(), "600\n");
        let given = std::fs::read_to_string(bench.path().join("given")).unwrap();
        assert!(!std::path::Path::new(given.trim_end()).exists(), "it is removed");
    }
}

#[tokio::test]
async fn a_secret_in_a_plan_is_not_shown_but_what_runs_has_it_and_another_is_another_plan() {
    let bench = Bench::new();
    let row = r#"{"path": "orders", "action": "Modify", "resourceType": "AWS::DynamoDB::Table",
                  "properties": [{"path": "/Key", "before": "a", "after": "user:$PARAM_Password"}]}"#;
    let writer = format!("cat > \"$CC_DEVOPS_PLAN_FILE\" << END\n{{\"changes\": [{row}]}}\nEND\n");
    let (stacks, mut told) = bench.stacks("cat \"$CC_DEVOPS_PLAN_FILE\" > ran", |command| {
        command.plan_command = Some(planner(&writer));
        command.env = vec!["PATH".to_owned()];
    });
    let mut shown = Vec::new();
    for (request, password) in [
        ("r1", "hunter2-hunter2"),
        ("r2", "hunter3-hunter3"),
        ("r3", "hunter2-hunter2"),
    ] {
        plan(&stacks, request, &deploy("app", &[("Password", password)])).await;
        told.recv().await.unwrap();
        let draft = drafted(&stacks, request).await.unwrap();
        let DraftContent::File(bytes) = draft.content else {
            panic!("it wrote a file")
        };
        shown.push((draft.handle, String::from_utf8(bytes).unwrap()));
    }
    assert!(
        shown
            .iter()
            .all(|(_, text)| !text.contains("hunter") && text.contains("[redacted ")),
        "{shown:?}"
    );
    assert_ne!(shown[0], shown[1]);
    assert_ne!(shown[0].1, shown[1].1, "who looks sees that it is another");
    assert_eq!(shown[0], shown[2]);
    apply(&stacks, "r1", &shown[0].0).await;
    told.recv().await.unwrap();
    let ran = std::fs::read_to_string(bench.path().join("ran")).unwrap();
    assert!(ran.contains("user:hunter2-hunter2"), "{ran}");
}

#[tokio::test]
async fn the_file_belongs_to_the_commands_user_alone() {
    if !geteuid().is_root() {
        return;
    }
    let bench = Bench::new();
    std::fs::set_permissions(bench.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let user = RunAs::find("nobody").unwrap();
    let show = "stat -c '%U %a' \"$CC_DEVOPS_PLAN_FILE\" \"${CC_DEVOPS_PLAN_FILE%/*}\"; id -un";
    let script = format!("{show}; echo \"$CC_DEVOPS_PLAN_FILE\" > given; cat \"$CC_DEVOPS_PLAN_FILE\"");
    let (stacks, mut told) = bench.stacks(&script, |command| {
        command.plan_command = Some(planner("umask 077; id -un > \"$CC_DEVOPS_PLAN_FILE\""));
        command.env = vec!["PATH".to_owned()];
        command.user = Some(user);
    });
    plan(&stacks, "r1", &deploy("app", &[])).await;
    told.recv().await.unwrap();
    let draft = drafted(&stacks, "r1").await.unwrap();
    assert_eq!(draft.content, DraftContent::File(b"nobody\n".to_vec()));
    apply(&stacks, "r1", &draft.handle).await;
    told.recv().await.unwrap();
    let end = ended(&stacks, "r1").await;
    assert_eq!(
        end.output.as_deref(),
        Some("nobody 600\nnobody 700\nnobody\nnobody\n"),
        "{end:?}"
    );
    let given = std::fs::read_to_string(bench.path().join("given")).unwrap();
    assert!(
        !std::path::Path::new(given.trim_end()).exists(),
        "it is removed: {given}"
    );
}
