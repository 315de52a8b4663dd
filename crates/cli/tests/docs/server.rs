//! A control plane to show things on, and the commands a reader types.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_cc-devops");

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

pub(crate) fn text_of(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// A command without any setting of the caller's.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CC_DEVOPS")) {
        command.env_remove(name);
    }
    command.current_dir(repository()).stdin(Stdio::null());
    command
}

/// A child that does not outlive its test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        (Self(child), stdout)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

pub(crate) fn line_with(reader: &mut impl BufRead, wanted: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "no {wanted:?} in:\n{seen}");
        if line.contains(wanted) {
            return line;
        }
        seen.push_str(&line);
    }
}

/// Looks until something is there.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
    }
}

/// A control plane with the demo's stacks, on a folder and a port of its own.
pub(crate) struct Server {
    _process: Process,
    pub(crate) folder: TempDir,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let log = fs::File::create(folder.path().join("server.log")).unwrap();
        let mut serve = command(BINARY);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--config", "demo/cc-devops.toml"]);
        serve.env("CC_DEVOPS_DATA_DIR", folder.path().join("data")).stderr(log);
        serve.env("DEMO_FOLDER", folder.path());
        let (process, mut stdout) = Process::start(&mut serve);
        let line = line_with(&mut stdout, "http://");
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap()
            .to_owned();
        Self {
            _process: process,
            folder,
            url,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        command(BINARY)
            .args(arguments)
            .env("CC_DEVOPS_DATA_DIR", self.data())
            .output()
            .unwrap()
    }

    pub(crate) fn add(&self, agent: &str, more: &[&str]) -> String {
        let added = self.cli(&[&["agents", "add", agent, "--json"], more].concat());
        json_of(&added)["token"].as_str().unwrap().to_owned()
    }

    /// A shell script as a reader of the document has it.
    pub(crate) fn script(&self, script: &str, token: &str) -> Command {
        let mut bash = command("bash");
        bash.args(["-euo", "pipefail", "-c", script]);
        bash.env("CC_DEVOPS_URL", &self.url)
            .env("CC_DEVOPS_TOKEN", token)
            .env("CC_DEVOPS_DATA_DIR", self.data());
        bash
    }

    pub(crate) fn run(&self, script: &str, token: &str) -> String {
        let output = self.script(script, token).output().unwrap();
        succeeded(&output)
    }

    pub(crate) fn post(&self, path: &str, file: &str, token: &str) -> Value {
        let script = format!(
            "curl -sS \"$CC_DEVOPS_URL{path}\" -H \"Authorization: Bearer $CC_DEVOPS_TOKEN\" \
             -H 'Content-Type: application/json' --data-binary @{file}"
        );
        parse(&self.run(&script, token))
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Value {
        let script = format!("curl -sS \"$CC_DEVOPS_URL{path}\" -H \"Authorization: Bearer $CC_DEVOPS_TOKEN\"");
        parse(&self.run(&script, token))
    }
}

pub(crate) fn succeeded(output: &Output) -> String {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    stdout
}

pub(crate) fn json_of(output: &Output) -> Value {
    parse(&succeeded(output))
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}
