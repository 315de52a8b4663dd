//! What a command sees, and what is kept of it.

use std::os::unix::fs::PermissionsExt;

use cc_devops_embedded::stacks::{RunAs, StackCommand};
use cc_devops_kernel::names::Stage;
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_requests::Template;
use cc_devops_requests::ports::{StackEnd, StackProgress};
use rustix::process::geteuid;

use crate::stacks::bench::{Bench, deploy, reason, run, start};

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
    let end = run(&bench, "", &[], |c| c.program = "/no/such/program".into()).await;
    let failure = end.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::DeployFailed);
    assert!(
        failure.message.contains("could not be started: No such file"),
        "{failure:?}"
    );
    assert!(end.fate_known, "nothing ran");
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
async fn a_program_is_looked_for_on_the_servers_path() {
    let end = run(&Bench::new(), "", &[], |c| {
        c.program = "sh".into();
        c.arguments = vec!["-c".into(), "echo found".into()];
    })
    .await;
    assert_eq!(end.output.unwrap(), "found\n");
}

const SECRET: &str = "kQ7zT0pLx2VbN9cR4mYs8WdG1hJf6AuE5iZo3XtB";

/// No four characters in a row of the secret are kept of what a script prints.
async fn assert_clean(script: &str) {
    let end = run(&Bench::new(), script, &[("Password", SECRET)], |c| {
        c.env = vec!["PATH".to_owned()];
    })
    .await;
    assert!(end.outcome.is_ok(), "{end:?}");
    let output = end.output.unwrap();
    for part in SECRET.as_bytes().windows(4) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!output.contains(part), "{part} of the secret is left of: {script}");
    }
}

#[tokio::test]
async fn no_part_of_a_secret_is_kept_around_the_cut() {
    for at in [32 * 1024 - 110, 32 * 1024 - 20, 32 * 1024] {
        let filler = |count: usize| format!("head -c {count} /dev/zero | tr '\\0' .");
        let script = format!(
            "{}; printf %s \"$PARAM_Password\"; {}; printf %s \"$PARAM_Password\"; {}",
            filler(at),
            filler(100 * 1024),
            filler(at)
        );
        assert_clean(&script).await;
    }
}

#[tokio::test]
async fn no_part_of_a_secret_is_kept_where_it_is_printed_in_pieces() {
    let script = "rest=${PARAM_Password#????????????????????}; printf %s \"${PARAM_Password%$rest}\"; printf ! >&2; \
                  printf %s \"$rest\"";
    assert_clean(script).await;
    assert_clean("printf %s \"$PARAM_Password\" | base64; printf %s \"user:$PARAM_Password\" | base64 -w 0").await;
}

#[tokio::test]
async fn a_command_runs_as_its_user_and_nothing_of_the_server_is_left_to_it() {
    let user = RunAs::find("nobody").unwrap();
    if !geteuid().is_root() {
        let refusal = user.permitted().unwrap_err().to_string();
        assert!(refusal.contains("CAP_SETUID, CAP_SETGID, CAP_KILL"), "{refusal}");
        return;
    }
    user.permitted().unwrap();
    let bench = Bench::new();
    let key = bench.path().join("data/master.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let script = format!(
        "id -un; id -ru; [ \"$(id -G)\" = \"$(id -G nobody)\" ] && echo same groups; echo $HOME $USER $LOGNAME; \
         grep -E '^Cap(Prm|Eff|Inh|Amb)' /proc/self/status | cut -f 2 | sort -u; cat {} 2>&1 || echo refused",
        key.display()
    );
    let end = run(&bench, &script, &[], |c| {
        c.env = vec!["PATH".to_owned()];
        c.working_dir = "/".into();
        c.user = Some(user);
    })
    .await;
    let output = end.output.unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "nobody", "{output}");
    assert_ne!(lines[1], "0", "{output}");
    assert_eq!(lines[2], "same groups", "{output}");
    assert!(
        lines[3].ends_with(" nobody nobody") && !lines[3].contains("/root"),
        "{output}"
    );
    assert_eq!(lines[4], "0000000000000000", "{output}");
    assert!(
        lines[5].contains("Permission denied") && lines[6] == "refused",
        "{output}"
    );
}
