//! The commands of a case, run one after the other.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cc_devops_fake_github::Seen;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

use super::world::{World, token};
use super::{name_of, text};
use crate::process::{Run, finish};

/// One command, and what came of it.
pub(crate) struct Asked {
    /// As the case has it.
    pub(crate) ask: String,
    pub(crate) run: Run,
    /// The answer, if it was JSON.
    pub(crate) answer: Value,
    /// What it wrote at GitHub.
    pub(crate) writes: Vec<Seen>,
    /// How many requests it made.
    pub(crate) requests: usize,
    /// When the first word was said, on a terminal.
    pub(crate) spoke: Option<Duration>,
}

impl Asked {
    /// All that was said.
    pub(crate) fn words(&self) -> String {
        format!("{}\n{}", self.run.stdout, self.run.stderr)
    }

    pub(crate) fn is(&self, command: &str) -> bool {
        self.ask.starts_with(command)
    }
}

impl World {
    /// Runs the commands of a case. Those after the first have the token of its second step, if it has one.
    pub(crate) fn ask(&self, case: &Value) -> Vec<Asked> {
        let asks = case["ask"].as_array().unwrap();
        let second = case["then"]["token"].as_str();
        asks.iter()
            .enumerate()
            .map(|(at, ask)| {
                if at > 0 && case["then"]["home"] == "other" {
                    std::fs::remove_dir_all(self.place.data()).unwrap();
                }
                let word = second.filter(|_| at > 0).or_else(|| case["token"].as_str());
                self.one(case, ask.as_str().unwrap(), word)
            })
            .collect()
    }

    /// Runs one command.
    pub(crate) fn one(&self, case: &Value, ask: &str, token_word: Option<&str>) -> Asked {
        // A remark in brackets is for people.
        let command = ask.split(" (").next().unwrap();
        let mut arguments: Vec<&str> = command
            .split_whitespace()
            .map(|word| if word == "NAME" { name_of(case) } else { word })
            .collect();
        if !case["policy"].is_null() {
            self.place.write("policy.toml", text(case, "policy"));
            arguments.extend(["--policy", "policy.toml"]);
        }
        let mut process = self.place.command(&arguments);
        process.env_remove("GITHUB_TOKEN").env_remove("COLUMNS");
        if let Some(token) = token(token_word) {
            process.env("GITHUB_TOKEN", token);
        }
        self.github.forget();
        let (run, spoke) = match case["terminal"].as_u64() {
            None => (finish(process, ""), None),
            Some(columns) => on_a_terminal(process, u16::try_from(columns).unwrap()),
        };
        Asked {
            ask: ask.to_owned(),
            answer: serde_json::from_str(&run.stdout).unwrap_or_default(),
            writes: self.github.writes(),
            requests: self.github.requests().len(),
            run,
            spoke,
        }
    }
}

/// Runs a command with a terminal of this width as its input, output and error.
fn on_a_terminal(mut process: std::process::Command, columns: u16) -> (Run, Option<Duration>) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let size = Winsize {
        ws_row: 50,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    let end = || Stdio::from(OwnedFd::from(terminal.try_clone().unwrap()));
    process
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .env("TERM", "xterm-256color");
    let begun = Instant::now();
    let mut child = process.spawn().unwrap();
    // Else the terminal would stay open when the command has ended.
    drop(terminal);
    drop(process);
    let (mut said, mut spoke) = (Vec::new(), None);
    let mut master = File::from(master);
    let mut some = [0; 4_096];
    // A terminal whose last user has gone is an error, not an end.
    while let Ok(read) = master.read(&mut some) {
        if read == 0 {
            break;
        }
        spoke.get_or_insert_with(|| begun.elapsed());
        said.extend_from_slice(&some[..read]);
    }
    let run = Run {
        code: child.wait().unwrap().code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&said).into_owned(),
        stderr: String::new(),
    };
    (run, spoke)
}
