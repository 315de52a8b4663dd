//! Long work through the binary: a stop breaks it off, a kill does not keep it waiting for a lease.

use std::time::{Duration, Instant};

use cc_devops_fake_github::{Model, TOKEN};
use serde_json::{Value, json};

use crate::github_harness::Harness;
use crate::process::Place;

/// Longer than any of this takes, and than the grace of a shutdown.
const STALLED: Duration = Duration::from_mins(10);

/// Well under the grace of a shutdown (30 s) and under a lease (60 s), which are as they are by default.
const SOON: Duration = Duration::from_secs(12);

/// A GitHub that answers nothing at first.
fn harness() -> Harness {
    let mut model = Model::at(1_795_348_800);
    model.repo("acme/web", |_| ());
    let harness = Harness::on(model);
    harness.github.latency(STALLED);
    harness
}

impl Harness {
    /// Sends a check that takes long, and waits until it is being carried out.
    fn begin(&self) {
        self.place
            .run_with(&["put-secret", "/contentcraft/github/token"], TOKEN)
            .exits(0);
        let event = json!({
            "source": "agent.admin",
            "detail-type": "devops.request",
            "detail": {"requestId": "r1", "action": "github_repo_check", "requestedBy": "admin", "params": {"repository": "web"}},
        });
        self.place.run_with(&["send", "-"], &event.to_string()).exits(0);
        self.until(|harness| harness.request()["state"] == "executing");
    }

    fn until(&self, mut comes: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !comes(self) {
            assert!(begun.elapsed() < SOON, "not within {SOON:?}");
            std::thread::yield_now();
        }
    }

    fn request(&self) -> Value {
        self.place.run(&["requests", "show", "r1", "--json"]).exits(0).json()
    }
}

#[test]
fn a_stop_ends_in_well_under_its_grace_and_the_next_start_finishes_what_it_broke_off() {
    let harness = harness();
    let server = harness.place.serve();
    harness.begin();
    let told = Instant::now();
    assert!(server.stop().success());
    assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
    let left = harness.request();
    assert_eq!(
        (&left["state"], &left["attempts"]),
        (&json!("received"), &json!(0)),
        "{left}"
    );

    harness.github.latency(Duration::ZERO);
    let _server = harness.place.serve();
    harness.until(|harness| harness.request()["completed"]["status"] == "success");
    assert_eq!(harness.request()["attempts"], 1);
}

#[test]
fn after_a_kill_the_next_start_does_not_wait_for_leases() {
    let harness = harness();
    let server = harness.place.serve();
    harness.begin();
    // It is killed.
    drop(server);
    assert_eq!(harness.request()["state"], "executing");
    harness.github.latency(Duration::ZERO);
    let _server = harness.place.serve();
    harness.until(|harness| harness.request()["completed"]["status"] == "success");
    assert_eq!(harness.request()["attempts"], 2, "the killed one was a try");
}

/// Writes its process id, and goes on until it is killed; ends at once where `looked` is there.
const DEPLOY: &str = "[requests]\n\
    deploy_timeout_seconds = 1\n\
    [stacks.app]\n\
    command = [\"/bin/sh\", \"-c\", \"if [ -e looked ]; then exit 0; fi; echo $$ > pid; exec sleep 600\"]\n\
    env = [\"PATH\"]\n";

#[test]
fn a_deploy_whose_fate_is_unknown_keeps_its_stack_until_an_operator_has_looked() {
    let place = Place::new();
    place.configure(DEPLOY);
    let deploy = || place.run(&["deploy", "app", "--stage", "dev", "--wait", "60", "--json"]);
    let _server = place.serve();
    let ended = deploy().exits(1).json();
    assert_eq!(ended["reason"], "timeout", "{ended}");
    let held = place.run(&["stacks", "show", "app-dev", "--json"]).exits(0).json();
    assert_eq!(
        (&held["heldBy"], &held["changing"]),
        (&ended["requestId"], &json!(false)),
        "{held}"
    );
    let refused = deploy().exits(1).json();
    assert_eq!(refused["reason"], "stack_in_progress", "{refused}");
    assert!(
        refused["error"].as_str().unwrap().contains("stacks release app-dev"),
        "{refused}"
    );

    // Who looks finds the command, and ends it.
    let pid = std::fs::read_to_string(place.path().join("pid")).unwrap();
    let command = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(command, rustix::process::Signal::KILL).unwrap();
    std::fs::write(place.path().join("looked"), "").unwrap();
    place.run(&["stacks", "release", "app-dev"]).exits(0);
    let audited = place
        .run(&["audit", "list", "--action", "stack.released", "--json"])
        .exits(0)
        .json();
    assert_eq!(audited["rows"][0]["resource"], "app-dev", "{audited}");
    let begun = Instant::now();
    while deploy().code != 0 {
        assert!(begun.elapsed() < SOON, "the stack is not free");
    }
    place.run(&["stacks", "release", "app-dev"]).exits(1);
}
