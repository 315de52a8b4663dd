//! The process that is killed, and the folder that outlives it.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const BINARY: &str = env!("CARGO_BIN_EXE_cc-devops");
const READY_WITHIN: Duration = Duration::from_secs(30);
const STOPPED_WITHIN: Duration = Duration::from_mins(1);

/// Leases longer than the test, because whoever starts on the folder takes over what a kill left; and
/// so many attempts that a request may be unlucky at every kill.
const CONFIG: &str = "[requests]\nlease_seconds = 3600\nmax_attempts = 100\n";

/// A data folder that outlives its processes.
pub(crate) struct DataFolder {
    folder: TempDir,
}

impl DataFolder {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("kill.toml"), CONFIG).unwrap();
        Self { folder }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(BINARY);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CC_DEVOPS")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
            .arg("--data-dir")
            .arg(self.data())
            .args(["--config", "kill.toml"]);
        command
    }

    /// Starts a control plane.
    pub(crate) fn serve(&self) -> Starting {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped()).stderr(log);
        let child = Command::from(command).kill_on_drop(true).spawn().unwrap();
        Starting { child, log: self.log() }
    }

    /// Runs an operator's command.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs an operator's command and reads the JSON it prints.
    pub(crate) fn cli_json(&self, arguments: &[&str]) -> Value {
        let output = self.cli(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Adds an agent and gives its token.
    pub(crate) fn add_agent(&self, name: &str) -> String {
        let added = self.cli_json(&["agents", "add", name]);
        added["token"].as_str().unwrap().to_owned()
    }
}

/// A process that may not be ready yet.
pub(crate) struct Starting {
    child: Child,
    log: PathBuf,
}

impl Starting {
    /// Waits for the line that says where it listens.
    pub(crate) async fn ready(mut self) -> ControlPlane {
        let mut lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        let line = timeout(READY_WITHIN, lines.next_line())
            .await
            .expect("not ready in time")
            .unwrap();
        let Some(url) = line
            .as_deref()
            .and_then(|line| line.split_whitespace().find(|word| word.starts_with("http://")))
        else {
            panic!("did not start: {line:?}\n{}", fs::read_to_string(&self.log).unwrap());
        };
        ControlPlane {
            url: url.to_owned(),
            child: self.child,
        }
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A control plane that answers.
pub(crate) struct ControlPlane {
    child: Child,
    url: String,
}

impl ControlPlane {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended by itself");
        self.child.kill().await.unwrap();
    }

    /// Ends it as an operator does.
    pub(crate) async fn stop(mut self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = timeout(STOPPED_WITHIN, self.child.wait())
            .await
            .expect("not stopped in time")
            .unwrap();
        assert!(status.success(), "{status}");
    }
}
