//! Deploys whose server is killed, and as whom and with what limits their commands run.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use crate::process::Place;

/// How long what needs no waiting may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// Says that it runs, prints until `go` is there, and prints a secret at last.
const PATIENT: &str = "[stacks.app]\n\
    command = [\"/bin/sh\", \"-c\", \"echo run >> ran; until [ -e go ]; do echo waiting; sleep 0.02; done; echo $KEY\"]\n\
    env = [\"PATH\"]\n\
    secret_env = [\"KEY\"]\n";
const KEY: (&str, &str) = ("KEY", "a-key-that-nobody-sees");

/// Begins a deploy, and waits until its command runs.
fn begin(place: &Place) {
    place
        .run(&["deploy", "app", "--stage", "dev", "--request-id", "r1"])
        .exits(0);
    let begun = Instant::now();
    while !place.path().join("ran").exists() {
        assert!(begun.elapsed() < SOON, "the command does not run");
    }
}

fn ended(place: &Place) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        let request = place.run(&["requests", "show", "r1", "--json"]).exits(0).json();
        if !request["completed"].is_null() {
            return request;
        }
        assert!(begun.elapsed() < SOON, "{request}");
    }
}

#[test]
fn a_killed_server_ends_no_command_and_loses_nothing_that_it_prints() {
    let place = Place::new();
    place.configure(PATIENT);
    let server = place.serve_with(&[KEY]);
    begin(&place);
    // It is killed.
    drop(server);
    let _server = place.serve();
    fs::write(place.path().join("go"), "").unwrap();
    let request = ended(&place);
    assert_eq!(request["completed"]["status"], "success", "{request}");
    let output = request["output"].as_str().unwrap();
    assert!(
        output.starts_with("waiting\n") && output.ends_with("[redacted]\n"),
        "{output}"
    );
    assert_eq!(fs::read_to_string(place.path().join("ran")).unwrap(), "run\n");
    place.run(&["deploy", "app", "--stage", "dev", "--wait", "60"]).exits(0);
}

#[test]
fn a_stopped_server_stops_its_commands() {
    let place = Place::new();
    place.configure(&format!("[server]\nshutdown_grace_seconds = 0\n{PATIENT}"));
    let server = place.serve_with(&[KEY]);
    begin(&place);
    assert!(server.stop().success());
    let request = ended(&place);
    assert_eq!(request["completed"]["reason"], "deploy_failed", "{request}");
    assert!(
        request["completed"]["error"].as_str().unwrap().contains("shut down"),
        "{request}"
    );
}

/// The soft and the hard limit of core dumps, out of a process's limits as `/proc` has them.
fn core_limit(limits: &str) -> String {
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    core.unwrap().split_whitespace().skip(4).collect::<Vec<_>>().join(" ")
}

#[test]
fn neither_the_server_nor_its_commands_leave_core_dumps() {
    // With zero the kernel would hand a dump to a program that dumps are piped to (core(5)); with one byte it does not.
    // Where zero is all that may be had, it stays, and nothing is dumped through a pipe either.
    let mut raise = Command::new("sh");
    raise.args(["-c", "ulimit -c 1"]);
    let is_held = getrlimit(Resource::Core).maximum == Some(0) && !raise.output().unwrap().status.success();
    let none = if is_held { "0 0 bytes" } else { "1 1 bytes" };
    let place = Place::new();
    place.configure("[stacks.app]\ncommand = [\"/bin/cat\", \"/proc/self/limits\"]\n");
    let server = place.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    assert_eq!(core_limit(&limits), none);
    place
        .run(&["deploy", "app", "--stage", "dev", "--request-id", "r1", "--wait", "60"])
        .exits(0);
    assert_eq!(core_limit(ended(&place)["output"].as_str().unwrap()), none);
}

#[test]
fn a_user_that_does_not_exist_is_refused_wherever_it_is_named() {
    let place = Place::new();
    place
        .configure("[deploys]\nuser = \"no-such-user\"\n[stacks.app]\ncommand = [\"true\"]\nuser = \"nor-this-one\"\n");
    let checked = place.run(&["config", "check"]).exits(1);
    for problem in [
        "deploys.user: there is no user no-such-user on this machine",
        "stacks.app.user: there is no user nor-this-one on this machine",
    ] {
        assert!(checked.stdout.contains(problem), "{checked}");
    }
    place.run(&["serve"]).exits(1);
}

#[test]
fn a_command_runs_as_the_user_that_the_configuration_names_or_the_server_does_not_start() {
    let place = Place::new();
    place.configure("[deploys]\nuser = \"nobody\"\n[stacks.app]\ncommand = [\"id\", \"-un\"]\nworking_dir = \"/\"\n");
    if !rustix::process::geteuid().is_root() {
        for refused in [place.run(&["config", "check"]), place.run(&["serve"])] {
            let refused = refused.exits(1);
            assert!(
                refused
                    .to_string()
                    .contains("may not run commands as nobody: it lacks CAP_SETUID"),
                "{refused}"
            );
        }
        // Who starts no command need not be able to.
        place.run(&["config", "show"]).exits(0);
        return;
    }
    place.run(&["config", "check"]).exits(0);
    let _server = place.serve();
    place
        .run(&["deploy", "app", "--stage", "dev", "--request-id", "r1", "--wait", "60"])
        .exits(0);
    assert_eq!(ended(&place)["output"], "nobody\n");
}
