//! Every command of the runbook, in a folder laid out as the runbook lays it out.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::markdown::calls;
use crate::server::{BINARY, Process, command, json_of, line_with, parse, succeeded, text_of};

/// What is a command's name in a sentence, and no call.
const NAMES: [&str; 2] = ["backup", "restore"];

/// Calls that end otherwise than with 0 here: of another installation's trail, of a stack that nobody holds, what a
/// policy denies, of a plan that was approved already, of a stack that was never deployed before.
const OTHERWISE: [(&str, i32); 6] = [
    ("audit verify --at-least", 1),
    ("stacks release cc-agent-x-prod", 1),
    ("policy check --policies", 4),
    ("deploys deny PLAN", 1),
    ("deploys freeze override PLAN", 1),
    ("deploys rollback STACK", 1),
];

/// A stack whose plan takes a table's data, and so waits.
const SHOP: &str = r#"[stacks.shop]
plan_command = ["/bin/sh", "-c", "echo '{\"changes\": [{\"path\": \"orders\", \"action\": \"Remove\", \"resourceType\": \"AWS::DynamoDB::Table\"}]}' > $CC_DEVOPS_PLAN_FILE"]
command = ["/bin/true"]
"#;

/// Calls that the server must not be running for, and with what they are asked nothing.
const STOPPED: [(&str, &str); 3] = [
    ("compact", ""),
    ("restore /", " --yes --master-key master.key.then"),
    ("audit accept", " --yes"),
];

/// A machine as the runbook has it: `/var/lib/cc-devops`, `/etc/cc-devops` and `/var/backups` under a folder.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(TempDir::new().unwrap());
        for folder in ["var/lib", "etc/cc-devops", "var/backups/cc-devops", "policies"] {
            fs::create_dir_all(machine.0.path().join(folder)).unwrap();
        }
        let config = "[server]\nlisten = \"127.0.0.1:0\"\n[egress]\nallow = [\"127.0.0.0/8\"]\n\
                      [stacks.cc-agent-x]\ncommand = [\"/bin/true\"]\n";
        fs::write(machine.at("/etc/cc-devops/cc-devops.toml"), format!("{config}{SHOP}")).unwrap();
        let policies = machine.run("policy show");
        fs::write(machine.at("/policies/own.cedar"), policies).unwrap();
        machine
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0.path().display())
    }

    /// A call as the runbook shows it, with its places on this machine.
    fn call(&self, line: &str) -> Command {
        let mut line = line.to_owned();
        for place in ["/var/lib/", "/etc/cc-devops", "/var/backups"] {
            line = line.replace(place, &self.at(place));
        }
        let mut call = command(BINARY);
        call.args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("CC_DEVOPS_DATA_DIR", self.at("/var/lib/cc-devops"))
            .env("CC_DEVOPS_CONFIG", self.at("/etc/cc-devops/cc-devops.toml"));
        call
    }

    fn run(&self, line: &str) -> String {
        succeeded(&self.call(line).output().unwrap())
    }

    fn serve(&self) -> Process {
        let log = fs::File::create(self.at("/server.log")).unwrap();
        let (process, mut stdout) = Process::start(self.call("serve").stderr(log));
        line_with(&mut stdout, "http://");
        process
    }
}

/// Asks the server to stop, and waits for its end.
fn stop(mut server: Process) {
    let pid = server.0.id().to_string();
    succeeded(&Command::new("kill").args(["-TERM", &pid]).output().unwrap());
    assert!(server.0.wait().unwrap().success(), "it stops in good order");
}

#[test]
fn every_command_of_the_runbook_works_as_it_says() {
    let runbook = text_of("docs/RUNBOOK-DEVOPS.md");
    let (folder, file) = ("/var/lib/cc-devops", "/etc/cc-devops/cc-devops.toml");
    let export = format!("export CC_DEVOPS_DATA_DIR={folder} CC_DEVOPS_CONFIG={file}\n");
    assert!(
        runbook.contains(&export),
        "it says which folder and file its commands are for"
    );

    let machine = Machine::new();
    let server = machine.serve();
    machine.run("agents add ContentOrchestrator");
    let put = "put-secret /contentcraft/contentorchestrator/api-key --value-file value --json";
    fs::write(machine.at("/value"), "v").unwrap();
    let request = parse(&machine.run(put))["requestId"].as_str().unwrap().to_owned();
    let endpoint = subscribe(&machine);
    let (plan, digest) = planned(&machine);

    let told = |line: &str| {
        line.replace("$ID", &endpoint)
            .replace("NAME-STAGE", "cc-agent-x-prod")
            .replace("PLAN", &plan)
            .replace("DIGEST", &digest)
            .replace("STACK", "shop-dev")
            .replace("ACTION RESOURCE", "putSecret /contentcraft/contentorchestrator/api-key")
            .replace("NAME", "ContentOrchestrator")
            .replace("show ID", &format!("show {request}"))
    };
    let shown: Vec<String> = calls(&runbook)
        .into_iter()
        .filter(|line| !NAMES.contains(&line.as_str()) && line != "serve")
        .collect();
    assert!(shown.len() > 30, "only {} commands found", shown.len());
    let more = |line: &str| STOPPED.iter().find(|(call, _)| line.starts_with(call));
    let is_stopped = |line: &&String| more(line).is_some();
    // The key is replaced on the way; the backup opens with that of its time.
    let data = machine.at("/var/lib/cc-devops");
    fs::copy(format!("{data}/master.key"), machine.at("/master.key.then")).unwrap();
    let (stopped, running): (Vec<_>, Vec<_>) = shown.iter().partition(is_stopped);

    // A backup is made to a file that is not there yet, and restored when the server has stopped.
    let mut failed = Vec::new();
    let mut run = |line: &String| {
        let output = machine.call(&told(line)).stdin(Stdio::null()).output().unwrap();
        let otherwise = OTHERWISE.iter().find(|(call, _)| line.starts_with(call));
        let expected = otherwise.map_or(0, |(_, code)| *code);
        if output.status.code() != Some(expected) {
            failed.push(format!(
                "cc-devops {line}: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    };
    running.into_iter().for_each(&mut run);
    stop(server);
    for line in stopped {
        let (_, more) = more(line).unwrap();
        run(&format!("{line}{more}"));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(Path::new(&machine.at("/var/lib/cc-devops/control-plane.db")).exists());
    stop(machine.serve());
}

/// Asks for a deploy that has to be approved, and waits until it does: its plan and the digest.
fn planned(machine: &Machine) -> (String, String) {
    machine.run("deploy shop --stage dev");
    loop {
        let listed = parse(&machine.run("deploys list --state waiting --json"));
        if let Some(plan) = listed["deploys"].get(0) {
            let word = |name: &str| plan[name].as_str().unwrap().to_owned();
            return (word("plan"), word("digest"));
        }
    }
}

/// Subscribes an endpoint that does not answer, and gives its id.
fn subscribe(machine: &Machine) -> String {
    let token = fs::read_to_string(machine.at("/var/lib/cc-devops/admin.token")).unwrap();
    let server = fs::read_to_string(machine.at("/var/lib/cc-devops/server.json")).unwrap();
    let address = parse(&server)["address"].as_str().unwrap().to_owned();
    let output = Command::new("curl")
        .args(["-sS", &format!("http://{address}/v1/webhooks")])
        .args([
            "-H",
            &format!("Authorization: Bearer {}", token.trim()),
            "-H",
            "Content-Type: application/json",
        ])
        .args(["-d", r#"{"url": "http://127.0.0.1:9/hook"}"#])
        .output()
        .unwrap();
    let made = json_of(&output);
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}
