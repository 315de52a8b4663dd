//! The commands on a control plane that is deployed to the emulator: the README's walk, word for
//! word, those of the runbook, and what `serve` does with the queue.
#![cfg_attr(
    feature = "aws",
    expect(clippy::unwrap_used, reason = "a test fails by panicking, with a message")
)]
#![cfg(feature = "aws")]

#[cfg(test)]
#[path = "docs/aws_runbook.rs"]
mod aws_runbook;
#[path = "docs/markdown.rs"]
#[expect(dead_code, clippy::panic, reason = "the other documents need more of it")]
mod markdown;
#[cfg(test)]
#[path = "binary/sink.rs"]
#[expect(dead_code, reason = "the tests of what people are told need more of it")]
mod sink;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cc_devops_testkit::peers::{self, Peer};
use markdown::{blocks, section};

const BINARY: &str = env!("CARGO_BIN_EXE_cc-devops");

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A function, which `cargo nextest run --workspace` builds beside the command.
fn function(name: &str) -> PathBuf {
    let function = Path::new(BINARY).with_file_name(name);
    assert!(
        function.exists(),
        "{} is not built: run the tests of the whole workspace",
        function.display()
    );
    function
}

fn sam() -> PathBuf {
    let peers = std::env::var_os("CC_DEVOPS_PEERS").map_or_else(|| repository().join("target/peers"), PathBuf::from);
    peers.join("sam/bin/sam")
}

/// A program with nothing but the emulator's account in its environment.
fn command(program: impl AsRef<std::ffi::OsStr>, peer: &Peer, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", home)
        .env("AWS_ENDPOINT_URL", peer.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1")
        .env("SAM_CLI_TELEMETRY", "0")
        .stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Deploys the template with the functions of this build.
fn deploy(peer: &Peer, folder: &Path, stage: &str, parameters: &[&str]) {
    for file in ["template.yaml", "samconfig.toml"] {
        std::fs::copy(repository().join(file), folder.join(file)).unwrap();
    }
    for name in [
        "devops-automation",
        "stripe-mrr-reporter",
        "repositories",
        "slack-actions",
    ] {
        let package = folder.join("target/lambda/package").join(name);
        std::fs::create_dir_all(&package).unwrap();
        std::fs::copy(function(name), package.join("bootstrap")).unwrap();
        drop(Command::new("strip").arg(package.join("bootstrap")).status());
    }
    let done = command(sam(), peer, folder)
        .args(["deploy", "--config-env", "dev", "--region", "us-east-1"])
        .args([
            "--parameter-overrides",
            &format!("Stage={stage}"),
            "Architecture=x86_64",
        ])
        .args(parameters)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "sam deploy failed:\n{}", said(&done));
}

/// The first two columns of a table.
fn outcomes(table: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
        format!(
            "{} / {}",
            columns.next().unwrap_or_default(),
            columns.next().unwrap_or_default()
        )
    };
    table.trim().lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_walk_and_the_runbook_work_on_aws_word_for_word() {
    let folder = tempfile::tempdir().unwrap();
    let peer = peers::ministack().await;
    let home = folder.path().to_owned();

    // Before anything is deployed, the commands say what to do.
    let health = command(BINARY, &peer, &home)
        .args(["--backend", "aws", "health"])
        .output()
        .unwrap();
    assert_eq!(health.status.code(), Some(3));
    assert!(
        said(&health).contains("deploy it with `make deploy`"),
        "{}",
        said(&health)
    );

    deploy(&peer, &home, "dev", &[]);
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let walk = blocks(section(&readme, "On AWS"));
    let mut walk = walk.iter();
    assert_eq!(walk.next().unwrap().text.trim(), "make build deploy STAGE=dev");
    let own_path = Path::new(BINARY).parent().unwrap().display().to_string();
    let mut script = String::from("set -euo pipefail\n");
    let mut shown = String::new();
    for block in walk {
        match block.language.as_str() {
            "sh" => script.push_str(&block.text.replace("$PWD/target/release", &own_path)),
            _ => shown.clone_from(&block.text),
        }
        script.push('\n');
    }
    let done = command("bash", &peer, &home)
        .args(["-c", &script])
        .current_dir(&home)
        .output()
        .unwrap();
    let printed = said(&done);
    assert!(done.status.success(), "{printed}");
    let table: Vec<String> = outcomes(&printed)
        .into_iter()
        .filter(|line| line.ends_with("/ ok"))
        .collect();
    let expected: Vec<String> = outcomes(&shown)
        .into_iter()
        .filter(|line| line.ends_with("/ ok"))
        .collect();
    assert_eq!(table, expected, "{printed}");
    assert!(printed.contains("added ContentOrchestrator"), "{printed}");
    assert!(
        printed.contains("created /contentcraft/contentorchestrator/api-key"),
        "{printed}"
    );
    assert!(printed.contains("the audit chain holds"), "{printed}");

    // What the README does not show: the other commands on the same stack.
    let cli = |arguments: &[&str]| {
        let done = command(BINARY, &peer, &home)
            .args(["--backend", "aws"])
            .args(arguments)
            .output()
            .unwrap();
        (done.status.code(), said(&done))
    };
    let (code, printed) = cli(&["agents", "list"]);
    assert!(
        code == Some(0) && printed.contains("ContentOrchestrator") && printed.contains("DevOpsAutomation"),
        "{printed}"
    );
    let (code, printed) = cli(&["requests", "list", "--json"]);
    assert!(code == Some(0) && printed.contains("putSecret"), "{printed}");
    let (code, printed) = cli(&["secrets", "list"]);
    assert!(
        code == Some(0) && printed.contains("/contentcraft/contentorchestrator/api-key"),
        "{printed}"
    );
    let (code, printed) = cli(&["sealing-key", "show", "--json"]);
    assert!(code == Some(0) && printed.contains("crypto_box_seal"), "{printed}");
    let (code, printed) = cli(&["backup", "copy.db"]);
    assert!(
        code == Some(2) && printed.contains("point-in-time recovery"),
        "{printed}"
    );

    aws_runbook::run_all(&home, || command("bash", &peer, &home));
}

/// A server that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_container_the_server_takes_the_requests_from_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let peer = peers::ministack().await;
    let home = folder.path().to_owned();
    deploy(&peer, &home, "dev", &["QueueConsumer=container"]);
    let cli = |arguments: &[&str]| {
        let mut command = command(BINARY, &peer, &home);
        command.args(["--backend", "aws", "--aws-stage", "dev"]).args(arguments);
        command
    };
    let added = cli(&["agents", "add", "ContentOrchestrator"]).output().unwrap();
    assert!(added.status.success(), "{}", said(&added));
    // Access keys are IAM's here, and that is said.
    for words in [
        &["agents", "key", "add", "ContentOrchestrator"][..],
        &["agents", "key", "end", "AKIAIOSFODNN7EXAMPLE"],
        &["agents", "env", "ContentOrchestrator"],
        &["agents", "add", "CostSentinel", "--aws-key"],
    ] {
        let refused = cli(words).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {}", said(&refused));
        assert!(said(&refused).contains("IAM's keys"), "{words:?}: {}", said(&refused));
    }

    let log = std::fs::File::create(home.join("server.log")).unwrap();
    let mut server = cli(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map(Server)
        .unwrap();
    let mut ready = String::new();
    let mut stdout = BufReader::new(server.0.stdout.take().unwrap());
    stdout.read_line(&mut ready).unwrap();
    let log = || std::fs::read_to_string(home.join("server.log")).unwrap();
    assert!(ready.starts_with("listening on http://127.0.0.1:"), "{ready}{}", log());

    let secret = "/contentcraft/contentorchestrator/api-key";
    let mut put = cli(&["put-secret", secret, "--agent", "ContentOrchestrator"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    put.stdin.take().unwrap().write_all(b"not-a-real-key").unwrap();
    let put = put.wait_with_output().unwrap();
    assert!(put.status.success(), "{}{}", said(&put), log());
    assert!(said(&put).contains(&format!("created {secret}")), "{}", said(&put));

    // What nobody but the server could have done: the function is not asked.
    let requests = cli(&["requests", "list", "--json"]).output().unwrap();
    assert!(said(&requests).contains("\"putSecret\""), "{}", said(&requests));
    let pid = rustix::process::Pid::from_child(&server.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success(), "{}", log());
}

/// A table of this name; another name is another table.
fn table(folder: &Path, name: &str) -> String {
    let file = folder.join(format!("{name}.yaml"));
    let template = format!(
        "Resources:\n  Tickets:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: {name}\n      \
         BillingMode: PAY_PER_REQUEST\n      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]\n      \
         KeySchema: [{{AttributeName: id, KeyType: HASH}}]\n"
    );
    std::fs::write(&file, template).unwrap();
    file.display().to_string()
}

/// The README's deploy that would replace a table, on AWS: seen, approved by somebody else, undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_on_prod_that_replaces_a_table_is_seen_approved_and_undone() {
    let folder = tempfile::tempdir().unwrap();
    let peer = peers::ministack().await;
    let home = folder.path().to_owned();
    deploy(&peer, &home, "prod", &["QueueConsumer=container", "CreatesStacks=true"]);
    let log = std::fs::File::create(home.join("server.log")).unwrap();
    let said_log = || std::fs::read_to_string(home.join("server.log")).unwrap();
    let cli = |arguments: &[&str]| {
        let mut command = command(BINARY, &peer, &home);
        command
            .args(["--backend", "aws", "--aws-stage", "prod"])
            .args(arguments);
        command
    };
    let run = |arguments: &[&str]| {
        let done = cli(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}\n{}", said(&done), said_log());
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    for name in ["Ana", "Bea", "Cy"] {
        run(&["agents", "add", name, "--admin"]);
    }
    let mut server = cli(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map(Server)
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.0.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    assert!(
        ready.starts_with("listening on http://127.0.0.1:"),
        "{ready}{}",
        said_log()
    );

    // Looks until so many plans stand so; the newest one.
    let plan = |state: &str, count: usize| {
        let begun = std::time::Instant::now();
        loop {
            let listed = run(&["deploys", "list", "--state", state, "--json"]);
            let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
            let plans = listed["deploys"].as_array().unwrap();
            if plans.len() == count {
                return plans[0].clone();
            }
            assert!(begun.elapsed().as_secs() < 120, "{listed}\n{}", said_log());
        }
    };
    let ask = |name: &str| {
        let (stack, template) = ("cc-agent-support-bot", table(&home, name));
        run(&[
            "deploy",
            stack,
            "--agent",
            "Ana",
            "--stage",
            "prod",
            "--template-body-file",
            &template,
        ]);
    };
    let approve = |by: &str, plan: &serde_json::Value| {
        let (id, digest) = (plan["plan"].as_str().unwrap(), plan["digest"].as_str().unwrap());
        cli(&["deploys", "approve", id, "--digest", digest, "--by", by])
            .output()
            .unwrap()
    };

    // The first creation only adds.
    ask("tickets");
    plan("applied", 1);
    // Another table in its place waits for somebody else.
    ask("tickets-by-customer");
    let waiting = plan("waiting", 1);
    let id = waiting["plan"].as_str().unwrap();
    let shown = run(&["deploys", "show", id]);
    assert!(shown.contains("LOSES DATA") && shown.contains("Tickets"), "{shown}");
    assert!(approve("Ana", &waiting).status.success());
    assert_eq!(plan("waiting", 1)["plan"], waiting["plan"], "Ana asked for it");
    assert!(approve("Bea", &waiting).status.success());
    plan("applied", 2);
    let late = approve("Cy", &waiting);
    assert_eq!(late.status.code(), Some(1), "{}", said(&late));

    // Undone as a plan like any other.
    run(&["deploys", "rollback", "cc-agent-support-bot-prod", "--by", "Ana"]);
    let back = plan("waiting", 1);
    assert!(approve("Bea", &back).status.success());
    plan("applied", 3);
    let history = run(&["deploys", "history", "cc-agent-support-bot-prod"]);
    assert!(history.contains("Bea"), "{history}");
    let pid = rustix::process::Pid::from_child(&server.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success(), "{}", said_log());
}
