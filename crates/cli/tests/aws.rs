//! The commands on a control plane that is deployed to the emulator: the README's walk, word for
//! word, and what `serve` does with the queue.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, with a message")]

#[path = "docs/markdown.rs"]
#[expect(dead_code, clippy::panic, reason = "the other documents need more of it")]
mod markdown;

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

/// The function, which `cargo nextest run --workspace` builds beside the command.
fn function() -> PathBuf {
    let function = Path::new(BINARY).with_file_name("devops-automation");
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

/// Deploys the template with the function of this build.
fn deploy(peer: &Peer, folder: &Path) {
    for file in ["template.yaml", "samconfig.toml"] {
        std::fs::copy(repository().join(file), folder.join(file)).unwrap();
    }
    let package = folder.join("target/lambda/package");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::copy(function(), package.join("bootstrap")).unwrap();
    drop(Command::new("strip").arg(package.join("bootstrap")).status());
    let done = command(sam(), peer, folder)
        .args(["deploy", "--config-env", "dev", "--region", "us-east-1"])
        .args(["--parameter-overrides", "Stage=dev", "Architecture=x86_64"])
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
async fn the_readmes_walk_on_aws_works_word_for_word() {
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

    deploy(&peer, &home);
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
    let (code, printed) = cli(&["health"]);
    assert_eq!(code, Some(0), "{printed}");
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
    let (code, printed) = cli(&["backup", "copy.db"]);
    assert!(
        code == Some(2) && printed.contains("point-in-time recovery"),
        "{printed}"
    );
    let (code, printed) = cli(&["agents", "revoke", "ContentOrchestrator"]);
    assert_eq!(code, Some(0), "{printed}");
}
