//! Requests through the binary: secrets, deploys, repeats, bad input.

use serde_json::json;

use crate::process::{Place, put_secret};

#[test]
fn a_secret_is_created_updated_listed_and_read() {
    let place = Place::new();
    let _server = place.serve();
    let first = place
        .run_with(&["put-secret", "/contentcraft/stripe/key", "--json"], "one\n")
        .exits(0)
        .json();
    assert_eq!(first["result"]["action"], "created");
    place.write("value.txt", "two\r\n");
    let second = place
        .run(&[
            "put-secret",
            "/contentcraft/stripe/key",
            "--value-file",
            "value.txt",
            "--stage",
            "prod",
            "--json",
        ])
        .exits(0)
        .json();
    assert_eq!(second["result"]["action"], "updated");

    let listed = place.run(&["secrets", "list", "--json"]).exits(0).json();
    assert_eq!(listed["secrets"][0]["name"], "/contentcraft/stripe/key");
    assert_eq!(listed["secrets"][0]["versions"], 2);
    let get = |more: &[&str]| {
        let words = [&["secrets", "get", "/contentcraft/stripe/key", "--reveal"], more].concat();
        place.run(&words).exits(0).stdout
    };
    assert_eq!(get(&[]), "two\n");
    assert_eq!(get(&["--previous"]), "one\n");
    place.run(&["secrets", "get", "/contentcraft/stripe/key"]).exits(2);
    place
        .run(&["secrets", "get", "/contentcraft/stripe/none", "--reveal"])
        .exits(1);
    let read = place
        .run(&[
            "audit",
            "list",
            "--action",
            "secret.read",
            "--status",
            "success",
            "--json",
        ])
        .exits(0)
        .json();
    assert_eq!(read["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn a_master_key_is_replaced_while_the_server_runs() {
    let place = Place::new();
    let _server = place.serve();
    place
        .run_with(&["put-secret", "/contentcraft/a/before"], "old")
        .exits(0);
    let key = std::fs::read_to_string(place.data().join("master.key")).unwrap();
    place.run(&["secrets", "rotate-key"]).exits(0);
    assert_ne!(std::fs::read_to_string(place.data().join("master.key")).unwrap(), key);
    place.run_with(&["put-secret", "/contentcraft/a/after"], "new").exits(0);
    for (name, value) in [("before", "old\n"), ("after", "new\n")] {
        let name = format!("/contentcraft/a/{name}");
        assert_eq!(place.run(&["secrets", "get", &name, "--reveal"]).exits(0).stdout, value);
    }
    place.run(&["audit", "verify"]).exits(0);
}

#[test]
fn deploys_succeed_fail_and_are_refused() {
    let place = Place::new();
    place.configure(
        r#"
        [stacks.cc-good]
        command = ["/bin/sh", "-c", "echo version $PARAM_VERSION on $CC_DEVOPS_STAGE"]
        parameters = ["VERSION"]
        [stacks.cc-bad]
        command = ["/bin/sh", "-c", "echo it broke; exit 3"]
        "#,
    );
    let _server = place.serve();
    let deploy = |words: &[&str]| place.run(&[&["deploy"], words, &["--wait", "60", "--json"]].concat());

    let good = deploy(&[
        "cc-good",
        "--stage",
        "dev",
        "--parameter",
        "VERSION=1.2",
        "--request-id",
        "good",
    ])
    .exits(0)
    .json();
    assert_eq!(good["result"]["stackName"], "cc-good-dev");
    assert_eq!(good["result"]["action"], "deployed");
    let shown = place.run(&["requests", "show", "good", "--json"]).exits(0).json();
    assert_eq!(shown["output"], "version 1.2 on dev\n");

    let bad = deploy(&["cc-bad", "--stage", "prod", "--request-id", "bad"])
        .exits(1)
        .json();
    assert_eq!(bad["reason"], "deploy_failed");
    let shown = place.run(&["requests", "show", "bad"]).exits(0);
    assert!(shown.stdout.contains("it broke"), "{shown}");

    assert_eq!(
        deploy(&["cc-none", "--stage", "dev"]).exits(1).json()["reason"],
        "stack_not_found"
    );
    let extra = deploy(&["cc-good", "--stage", "dev", "--parameter", "COLOUR=red"])
        .exits(1)
        .json();
    assert_eq!(extra["reason"], "invalid_parameter");

    let failed = place
        .run(&["requests", "list", "--status", "error", "--json"])
        .exits(0)
        .json();
    assert_eq!(failed["requests"].as_array().unwrap().len(), 3);
    place.run(&["requests", "show", "no-such-request"]).exits(1);
}

#[test]
fn a_repeat_gives_the_first_outcome_and_another_meaning_a_conflict() {
    let place = Place::new();
    let _server = place.serve();
    let send = |value: &str| {
        let event = put_secret("admin", "same", "/contentcraft/a/b", value);
        place.run_with(&["send", "-", "--wait", "30", "--json"], &event)
    };
    let first = send("v").exits(0).json();
    assert_eq!(send("v").exits(0).json(), first);
    assert_eq!(send("w").exits(1).json()["reason"], "request_id_conflict");
}

#[test]
fn bad_input_fails_with_its_reason() {
    let place = Place::new();
    let _server = place.serve();
    let send = |text: &str| place.run_with(&["send", "-", "--wait", "30", "--json"], text);
    assert!(send("not json").exits(1).stderr.contains("error"));
    send(r#"{"detail-type": "devops.request"}"#).exits(1);
    let outside = send(&put_secret("admin", "outside", "/other/a/b", "v")).exits(1).json();
    assert_eq!(outside["reason"], "invalid_parameter");

    let events = format!(
        "[{}, {}]",
        put_secret("admin", "e1", "/contentcraft/a/b", "v"),
        put_secret("admin", "e2", "/contentcraft/a/../b", "v")
    );
    let answer = send(&events).exits(1).json();
    let statuses: Vec<_> = answer["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["status"])
        .collect();
    assert_eq!(statuses, [&json!("success"), &json!("error")]);

    let accepted = place.run_with(
        &["send", "-", "--json"],
        &put_secret("admin", "later", "/contentcraft/a/c", "v"),
    );
    assert_eq!(
        accepted.exits(0).json(),
        json!({"requestId": "later", "status": "accepted"})
    );
    let denied = place
        .run_with(&["put-secret", "/contentcraft/a/b", "--token", "ccd_wrong"], "v")
        .exits(4);
    assert!(!denied.stderr.contains("ccd_wrong"), "{denied}");
}
