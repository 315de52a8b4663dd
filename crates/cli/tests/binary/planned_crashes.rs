//! Deploys that are planned and approved, whose server is killed: while it is planned, while it waits, as it runs.

use std::fs;

use serde_json::Value;

use crate::process::{Place, until};

/// Each of its commands says that it runs, and goes on once somebody says so.
const SLOW: &str = "[stacks.shop]\n\
    plan_command = [\"/bin/sh\", \"-c\", \"echo plan >> planned; until [ -e go-on-planning ]; do sleep 0.02; done; cat plan.json > $CC_DEVOPS_PLAN_FILE\"]\n\
    command = [\"/bin/sh\", \"-c\", \"echo run >> runs; until [ -e go-on ]; do sleep 0.02; done; cat $CC_DEVOPS_PLAN_FILE > ran\"]\n\
    env = [\"PATH\"]\n";

const LOSSY: &str = r#"{"changes": [{"path": "orders", "action": "Remove", "resourceType": "AWS::DynamoDB::Table"}]}"#;

fn exists(place: &Place, file: &str) {
    until(file, || place.path().join(file).exists().then_some(()));
}

fn waiting(place: &Place) -> Value {
    until("no plan waits", || {
        let listed = place.run(&["deploys", "list", "--state", "waiting", "--json"]);
        listed.exits(0).json()["deploys"].get(0).cloned()
    })
}

#[test]
fn a_server_that_is_killed_at_any_moment_plans_once_waits_on_and_runs_once() {
    let place = Place::new();
    place.configure(SLOW);
    place.write("plan.json", LOSSY);
    let server = place.serve();
    place
        .run(&["deploy", "shop", "--stage", "dev", "--request-id", "r1"])
        .exits(0);
    exists(&place, "planned");
    // It is killed while the plan is made.
    drop(server);
    let server = place.serve();
    place.write("go-on-planning", "");
    let plan = waiting(&place);
    // While it waits; and what was written where the plan was made is another by now.
    drop(server);
    place.write("plan.json", "something else");
    let server = place.serve();
    assert_eq!(waiting(&place), plan, "it waits as it did");
    assert!(!place.path().join("runs").exists(), "nothing has run");
    let (name, digest) = (plan["plan"].as_str().unwrap(), plan["digest"].as_str().unwrap());
    place.run(&["deploys", "approve", name, "--digest", digest]).exits(0);
    exists(&place, "runs");
    // As it runs.
    drop(server);
    let _server = place.serve();
    place.write("go-on", "");
    let completed = place.completed("r1");
    assert_eq!(completed["status"], "success", "{completed}");
    assert_eq!(completed["approval"]["digest"], digest, "{completed}");
    let read = |file| fs::read_to_string(place.path().join(file)).unwrap();
    assert_eq!((read("planned").as_str(), read("runs").as_str()), ("plan\n", "run\n"));
    assert_eq!(read("ran"), LOSSY, "and what ran is what was approved");
}
