//! Runs the binary: commands to their end, servers until the test is over.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Starts what serves from threads of its own while the binary runs, for as long as these are kept.
pub(crate) fn beside<T>(serving: impl Future<Output = T>) -> (T, Runtime) {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let threads = threads.worker_threads(1).enable_all().build().unwrap();
    (threads.block_on(serving), threads)
}

/// How long what needs no waiting may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// Looks until something is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < SOON, "{what}");
    }
}

/// How a server is started.
const SERVE: [&str; 6] = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "-vv"];

/// A folder with a data folder in it, in which every command runs.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a command did.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The command ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes a file of the folder, which is its owner's where it is new: it may be a token or a key.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        let mut file = fs::OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    /// Puts a configuration where every command finds it.
    pub(crate) fn configure(&self, text: &str) {
        self.write("cc-devops.toml", text);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cc-devops"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CC_DEVOPS") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.path())
            .arg("--data-dir")
            .arg("data")
            .args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments), "")
    }

    /// Runs a command that reads its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        finish(self.command(arguments), input)
    }

    /// Starts a server and waits for the line that says it is ready.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Server {
        let mut command = self.command(&SERVE);
        command.envs(environment.iter().copied());
        self.start(command)
    }

    /// Starts a server under a limit of the shell's `ulimit`.
    pub(crate) fn serve_under(&self, limit: &str) -> Server {
        let inner = self.command(&SERVE);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(self.path())
            .stdin(Stdio::null());
        for (name, _) in inner.get_envs() {
            command.env_remove(name);
        }
        self.start(command)
    }

    fn start(&self, mut command: Command) -> Server {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|url| url.split_once("://"));
        let Some((_, address)) = ready else {
            let _killed = child.kill();
            let _ended = child.wait();
            panic!("not ready: {line:?}\n{}", fs::read_to_string(self.log()).unwrap());
        };
        let address = address.parse().unwrap();
        Server {
            child,
            address,
            _stdout: stdout,
        }
    }

    /// Where the server's log goes.
    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("server.log")
    }

    /// What became of a request, once it has ended.
    #[track_caller]
    pub(crate) fn completed(&self, id: &str) -> Value {
        until("the request does not end", || {
            let request = self.run(&["requests", "show", id, "--json"]).exits(0).json();
            (!request["completed"].is_null()).then(|| request["completed"].clone())
        })
    }

    /// Adds an agent and writes its token to a file; the file's name and the token.
    pub(crate) fn add_agent(&self, name: &str) -> (String, String) {
        let added = self.run(&["agents", "add", name, "--json"]).exits(0).json();
        let token = added["token"].as_str().unwrap().to_owned();
        let file = format!("{name}.token");
        self.write(&file, &token);
        (file, token)
    }
}

pub(crate) fn finish(mut command: Command, input: &str) -> Run {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // A command that refuses before it reads has closed its end.
        let _refused = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running server, which ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    // Kept open, so that the server may go on writing.
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The server's process.
    pub(crate) fn process(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// A GET as any HTTP client makes it: status and body.
    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let bearer = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        self.ask(&format!("GET {path} HTTP/1.1\r\n{bearer}"), "")
    }

    /// A POST of a JSON document.
    pub(crate) fn post(&self, path: &str, token: &str, body: &str) -> (u16, String) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        self.ask(&head, body)
    }

    /// Any request, of which this is the head without `Host` and the body: status and answer.
    pub(crate) fn ask(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!("{head}Host: {}\r\nConnection: close\r\n\r\n{body}", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The envelope of a `putSecret`.
pub(crate) fn put_secret(agent: &str, id: &str, name: &str, value: &str) -> String {
    serde_json::json!({
        "source": format!("agent.{agent}"),
        "detail-type": "devops.request",
        "detail": {
            "requestId": id,
            "action": "putSecret",
            "requestedBy": agent,
            "params": {"name": name, "value": value},
        },
    })
    .to_string()
}
