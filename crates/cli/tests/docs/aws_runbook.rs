//! The commands of the runbook for AWS, on a stack that a test has deployed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::markdown::to_run;
use crate::sink::Sink;
use crate::{BINARY, repository, said};

/// Why the commands of the AWS CLI are not run.
const AWS_CLI: &str =
    "they are of the AWS CLI's version 2, and for an account; the tests have version 1, and an emulator";
/// Why no deploy is.
const DEPLOYS: &str = "the tests here deploy the same template with the functions of this build";

/// What is not run, and why.
const NOT_RUN: [(&str, &str); 21] = [
    ("make validate", "the pipeline runs it"),
    ("make deploy", DEPLOYS),
    ("make deploy STAGE=dev", DEPLOYS),
    ("make deploy STAGE=prod", DEPLOYS),
    ("git checkout GOOD_COMMIT", "it is about another version than this one"),
    (
        "rustup target add aarch64-unknown-linux-gnu",
        "it changes the machine's toolchain",
    ),
    ("cc-devops --aws-stage dev smoke-test", "the README's walk runs it"),
    ("cc-devops put-secret", "a command's name in a sentence"),
    (
        "cc-devops --backend aws --aws-stage dev serve",
        "in_a_container_the_server_takes_the_requests_from_the_queue starts it",
    ),
    ("aws iam put-role-permissions-boundary …", AWS_CLI),
    ("QUEUE=$(aws sqs get-queue-url …", AWS_CLI),
    ("aws sqs receive-message …", AWS_CLI),
    ("aws sqs start-message-move-task …", AWS_CLI),
    ("aws lambda invoke --function-name StripeMrrReporterFn-dev …", AWS_CLI),
    ("aws lambda invoke --function-name RepositoriesFn-dev …", AWS_CLI),
    ("aws s3api put-bucket-lifecycle-configuration …", AWS_CLI),
    ("aws cloudformation delete-stack --stack-name …", AWS_CLI),
    ("aws secretsmanager restore-secret --secret-id NAME", AWS_CLI),
    ("aws cloudformation continue-update-rollback --stack-name NAME", AWS_CLI),
    ("aws cloudformation list-change-sets --stack-name NAME", AWS_CLI),
    ("aws dynamodb create-backup --table-name DevOpsLedger-prod …", AWS_CLI),
];

/// Commands that end otherwise than with 0 here: nobody holds the stack; neither Stripe nor GitHub lets anybody in.
const OTHERWISE: [(&str, i32); 3] = [
    (
        "cc-devops --backend aws --aws-stage STAGE stacks release STACK-STAGE",
        1,
    ),
    ("cc-devops --backend aws --aws-stage dev revenue report --dry-run", 3),
    ("cc-devops --backend aws --aws-stage dev repos audit --owner OWNER", 3),
];

/// What the runbook puts as GitHub's token.
const TOKEN: &str = "ghp_put_by_the_runbook";

/// Runs every command, each in a shell of its own, below a folder.
pub(crate) fn run_all(below: &Path, bash: impl Fn() -> Command) {
    // Stripe and GitHub at once, and nobody is let in.
    let elsewhere = Sink::new();
    elsewhere.answers(401);
    let url = elsewhere.url.trim_end_matches("/hook");
    let folder = below.join("runbook");
    fs::create_dir(&folder).unwrap();
    let configuration = format!(
        "[stripe]\napi_url = \"{url}\"\n[revenue]\nrates = \"fixed\"\nfixed_rates = {{ eur = \"1.25\" }}\n\
         [github]\napi_url = \"{url}\"\n"
    );
    fs::write(folder.join("cc-devops.toml"), configuration).unwrap();
    let programs = Path::new(BINARY).parent().unwrap().display();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let runbook = fs::read_to_string(repository().join("docs/RUNBOOK-AWS.md")).unwrap();
    let profile = runbook.lines().find(|line| line.starts_with("export ")).unwrap();
    let run = |line: &str| {
        let mut shell = bash();
        shell
            .args(["-euo", "pipefail", "-c", &format!("{profile}\n{line}")])
            .current_dir(&folder)
            .env("PATH", &path)
            .env("NEW_TOKEN", TOKEN)
            .env("STRIPE_API_KEY", "sk_test_of_nobody");
        shell.output().unwrap()
    };

    let added = run("cc-devops agents add Nightly");
    assert!(added.status.success(), "{}", said(&added));
    let mut faults = Vec::new();
    for (line, code) in to_run(&runbook, &NOT_RUN, &OTHERWISE) {
        let told = line
            // Whoever walks on from the README has that one already.
            .replace("ContentOrchestrator", "Writer")
            .replace("agents add NAME", "agents add Reader")
            .replace("STACK-STAGE", "cc-agent-x-dev")
            .replace("--aws-stage STAGE", "--aws-stage dev")
            .replace("--aws-stage prod", "--aws-stage dev")
            .replace("OWNER", "acme")
            .replace("FILE", "audit.ndjson");
        let done = run(&told);
        let printed = said(&done);
        if done.status.code() != Some(code) || printed.contains("WARNING") {
            faults.push(format!("{told}: {}, not {code}\n{printed}", done.status));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let bearer = format!("Bearer {TOKEN}");
    let asked = elsewhere.so_far();
    let is_used = asked
        .iter()
        .any(|call| call.headers.get("authorization") == Some(&bearer));
    assert!(is_used, "GitHub is asked with the token that was put: {asked:?}");
}

#[test]
fn the_runbook_for_aws_names_what_the_template_makes() {
    let [runbook, template, deployed_as] = ["docs/RUNBOOK-AWS.md", "template.yaml", "samconfig.toml"]
        .map(|file| fs::read_to_string(repository().join(file)).unwrap());
    let is_between = |c: char| c.is_whitespace() || "\"'`()".contains(c);
    let mut looked_at = 0;
    for word in runbook.split(is_between) {
        let name = word.strip_suffix("-dev").or_else(|| word.strip_suffix("-prod"));
        let Some(name) = name else { continue };
        let is_made = template.contains(&format!("{name}-${{Stage}}")) || deployed_as.contains(word);
        assert!(is_made, "neither the template nor samconfig.toml has {word}");
        looked_at += 1;
    }
    assert!(looked_at >= 10, "only {looked_at} names found");
}
