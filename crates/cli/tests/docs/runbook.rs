//! Every command of the runbook, in a folder laid out as the runbook lays it out.

use std::fs;
use std::path::Path;

use crate::machine::{Machine, stop};
use crate::markdown::to_run;
use crate::server::{parse, text_of};

/// What is not run, and why.
const NOT_RUN: [(&str, &str); 6] = [
    ("cc-devops serve", "it is the server that the others are run beside"),
    ("cc-devops backup", "a command's name in a sentence"),
    ("cc-devops restore", "a command's name in a sentence"),
    ("cc-devops @supervise", "the server starts it itself"),
    (
        "kill -9",
        "an end that the text speaks of; what is left after it, tests/kill.rs looks at",
    ),
    (
        "aws cloudformation delete-stack --stack-name NAME-STAGE",
        "it needs an account and a stack in it",
    ),
];

/// Calls that end otherwise than with 0 here: what a policy denies, of a plan that was approved already, of a stack that
/// was never deployed before.
const OTHERWISE: [(&str, i32); 3] = [
    (
        "cc-devops policy check --policies policies/ ContentOrchestrator putSecret /contentcraft/stripe/key",
        4,
    ),
    ("cc-devops deploys freeze override PLAN --reason TEXT", 1),
    ("cc-devops deploys rollback STACK", 1),
];

/// Calls that the server must not be running for, and with what they are asked nothing.
const STOPPED: [(&str, &str); 3] = [
    ("cc-devops compact", ""),
    ("cc-devops restore /", " --yes --master-key master.key.then"),
    ("cc-devops audit accept", " --yes"),
];

/// What not every machine has. Where it is, it is run.
const NOT_EVERYWHERE: [&str; 2] = ["fuser", "openssl"];

/// The end of another installation's trail.
const MARK: &str = "871:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c";

#[test]
fn every_command_of_the_runbook_works_as_it_says() {
    let runbook = text_of("docs/RUNBOOK-DEVOPS.md");
    let (folder, file) = ("/var/lib/cc-devops", "/etc/cc-devops/cc-devops.toml");
    let export = format!("export CC_DEVOPS_DATA_DIR={folder} CC_DEVOPS_CONFIG={file}\n");
    assert!(
        runbook.contains(&export),
        "it says which folder and file its commands are for"
    );

    let machine = Machine::new("");
    fs::write(machine.at("/policies/own.cedar"), machine.run("cc-devops policy show")).unwrap();
    let server = machine.serve();
    machine.run("cc-devops agents add ContentOrchestrator");
    let put = "printf v | cc-devops put-secret /contentcraft/contentorchestrator/api-key --json";
    let request = parse(&machine.run(put))["requestId"].as_str().unwrap().to_owned();
    let endpoint = machine.subscribe();
    machine.lose_a_deploy("prod");
    let (plan, digest) = machine.planned("shop");
    let (other_plan, _) = machine.planned("store");
    let verified = machine.run("cc-devops audit verify");
    let mark = verified.split_whitespace().last().unwrap();

    let told = |line: &str| {
        let line = line
            .replace("NAME-STAGE", "cc-agent-x-prod")
            .replace("deny PLAN", &format!("deny {other_plan}"))
            .replace("PLAN", &plan)
            .replace("DIGEST", &digest)
            .replace("STACK", "shop-dev")
            .replace("ACTION RESOURCE", "putSecret /contentcraft/contentorchestrator/api-key")
            .replace("NAME", "ContentOrchestrator")
            .replace("show ID", &format!("show {request}"))
            .replace(MARK, mark)
            // The service's user is this one, and the current folder another.
            .replace("-o cc-devops", "-o \"$(id -u)\"")
            .replace("fuser ", "fuser /var/lib/cc-devops/")
            .replace('\u{2026}', "/var/backups/master.key");
        format!("ID={endpoint}\n{line}")
    };
    let is_missing = |line: &str| {
        let program = NOT_EVERYWHERE.iter().find(|program| line.starts_with(**program));
        program.is_some_and(|program| {
            let found = machine.shell(&format!("command -v {program}")).output();
            !found.unwrap().status.success()
        })
    };
    let mut shown = to_run(&runbook, &NOT_RUN, &OTHERWISE);
    assert!(shown.len() > 50, "only {} commands found", shown.len());
    shown.retain(|(line, _)| !is_missing(line));
    let more = |line: &str| STOPPED.iter().find(|(call, _)| line.starts_with(call));
    // The key is replaced on the way; the backup opens with that of its time.
    let data = machine.at("/var/lib/cc-devops");
    fs::copy(format!("{data}/master.key"), machine.at("/master.key.then")).unwrap();
    let (stopped, running): (Vec<_>, Vec<_>) = shown.iter().partition(|(line, _)| more(line).is_some());

    // A backup is made to a file that is not there yet, and restored when the server has stopped.
    let mut failed = Vec::new();
    for (line, code) in running {
        failed.extend(machine.fault_of(&told(line), *code));
    }
    stop(server);
    for (line, code) in stopped {
        let (_, more) = more(line).unwrap();
        failed.extend(machine.fault_of(&format!("{}{more}", told(line)), *code));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(Path::new(&machine.at("/var/lib/cc-devops/control-plane.db")).exists());
    stop(machine.serve());
}
