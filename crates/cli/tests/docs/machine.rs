//! A machine as the runbooks have it, and the shell in which a reader types their commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::server::{BINARY, Process, command, line_with, parse, succeeded, until};

/// Stacks whose plan takes a table's data, and so waits.
const WAITING: [&str; 2] = ["shop", "store"];
/// What their plan command does.
const PLAN: &str = r#"echo '{"changes": [{"path": "orders", "action": "Remove", "resourceType": "AWS::DynamoDB::Table"}]}' > $CC_DEVOPS_PLAN_FILE"#;

/// A machine: `/var/lib/cc-devops`, `/etc/cc-devops` and `/var/backups` under a folder.
pub(crate) struct Machine(TempDir);

impl Machine {
    /// One with the stacks `shop` and `store`, whose deploys wait for approval, `cc-agent-x`, the fate of whose first
    /// deploy nobody knows, and what else is configured.
    pub(crate) fn new(configuration: &str) -> Self {
        let machine = Self(TempDir::new().unwrap());
        for folder in ["var/lib", "etc/cc-devops", "var/backups/cc-devops", "policies"] {
            fs::create_dir_all(machine.0.path().join(folder)).unwrap();
        }
        let waiting = WAITING.map(|stack| {
            format!("[stacks.{stack}]\nplan_command = [\"/bin/sh\", \"-c\", '''{PLAN}''']\ncommand = [\"/bin/true\"]\n")
        });
        let begun = machine.at("/begun");
        let lost_once = format!("test -e {begun} || {{ : > {begun}; kill -9 $PPID; }}");
        let file = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[egress]\nallow = [\"127.0.0.0/8\"]\n{}\
             [stacks.cc-agent-x]\ncommand = [\"/bin/sh\", \"-c\", '{lost_once}']\n{configuration}",
            waiting.concat()
        );
        fs::write(machine.at("/etc/cc-devops/cc-devops.toml"), file).unwrap();
        machine
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0.path().display())
    }

    /// A line as a runbook shows it, in a shell, with its places on this machine.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut line = line.to_owned();
        for place in ["/var/lib/", "/etc/cc-devops", "/var/backups"] {
            line = line.replace(place, &self.at(place));
        }
        let programs = Path::new(BINARY).parent().unwrap().display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut bash = command("bash");
        bash.args(["-euo", "pipefail", "-c", &line])
            .current_dir(self.0.path())
            .env("PATH", format!("{programs}:{path}"))
            .env("CC_DEVOPS_DATA_DIR", self.at("/var/lib/cc-devops"))
            .env("CC_DEVOPS_CONFIG", self.at("/etc/cc-devops/cc-devops.toml"));
        // What stands for these counts more than what was put where a runbook says.
        for credential in ["GITHUB_TOKEN", "STRIPE_API_KEY"] {
            bash.env_remove(credential);
        }
        bash
    }

    pub(crate) fn run(&self, line: &str) -> String {
        succeeded(&self.shell(line).output().unwrap())
    }

    /// Runs a line; what there is to say, where it does not end with this code.
    pub(crate) fn fault_of(&self, line: &str, code: i32) -> Option<String> {
        let output = self.shell(line).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        (output.status.code() != Some(code)).then(|| format!("{line}: {}, not {code}\n{said}", output.status))
    }

    pub(crate) fn serve(&self) -> Process {
        let log = fs::File::create(self.at("/server.log")).unwrap();
        let (process, mut stdout) = Process::start(self.shell("exec cc-devops serve").stderr(log));
        line_with(&mut stdout, "http://");
        process
    }

    /// Asks for a deploy that has to be approved, and waits until it does: its plan and the digest.
    pub(crate) fn planned(&self, stack: &str) -> (String, String) {
        self.run(&format!("cc-devops deploy {stack} --stage dev"));
        let full_name = format!("{stack}-dev");
        until("no plan of the stack waits", || {
            let listed = parse(&self.run("cc-devops deploys list --state waiting --json"));
            let mut plans = listed["deploys"].as_array().unwrap().iter();
            let plan = plans.find(|plan| plan["stack"] == full_name.as_str())?;
            let word = |name: &str| plan[name].as_str().unwrap().to_owned();
            Some((word("plan"), word("digest")))
        })
    }

    /// Deploys `cc-agent-x` for the first time, to this stage, and loses what watches its command.
    pub(crate) fn lose_a_deploy(&self, stage: &str) {
        let line = format!("cc-devops deploy cc-agent-x --stage {stage} --wait");
        let ended = self.shell(&line).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(
            ended.status.code() == Some(1) && said.contains("its fate is unknown"),
            "{said}"
        );
    }

    /// Subscribes an endpoint that does not answer; its id.
    pub(crate) fn subscribe(&self) -> String {
        let made = parse(&self.run("cc-devops webhooks add http://127.0.0.1:9/hook --json"));
        made["id"].as_str().unwrap().to_owned()
    }
}

/// Asks the server to stop, and waits for its end.
pub(crate) fn stop(mut server: Process) {
    let pid = server.0.id().to_string();
    succeeded(&Command::new("kill").args(["-TERM", &pid]).output().unwrap());
    assert!(server.0.wait().unwrap().success(), "it stops in good order");
}
