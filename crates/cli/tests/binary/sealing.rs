//! Values that are sealed before they are sent, and the control plane's own stack, as an operator meets them.

use serde_json::json;

use crate::process::Place;

const NAME: &str = "/contentcraft/a/b";

#[test]
fn a_value_is_sealed_by_the_command_and_the_key_is_shown_and_replaced() {
    let place = Place::new();
    let server = place.serve();
    let none = place.run(&["sealing-key", "show", "--json"]).exits(0).json();
    assert_eq!(none, json!({"keys": []}), "none is made before somebody asks");
    let said = place.run(&["sealing-key", "show"]).exits(0).stdout;
    assert!(said.contains("GET /v1/sealing-key"), "{said}");

    let sealed = place
        .run_with(&["put-secret", NAME, "--seal", "--json"], "hunter2-planted")
        .exits(0);
    assert_eq!(sealed.json()["status"], "success");
    let read = place.run(&["secrets", "get", NAME, "--reveal"]).exits(0);
    assert_eq!(read.stdout.trim(), "hunter2-planted");
    let keys = place.run(&["sealing-key", "show", "--json"]).exits(0).json();
    let first = keys["keys"][0].clone();
    assert_eq!(
        (&first["algorithm"], &first["opensUntil"]),
        (&json!("crypto_box_seal"), &json!(null))
    );

    let second = place.run(&["sealing-key", "rotate", "--json"]).exits(0).json();
    assert_ne!(second["keyId"], first["keyId"]);
    let (_, token) = place.add_agent("Reader");
    let (status, told) = server.get("/v1/sealing-key", Some(&token));
    let (_, told) = told.split_once("\r\n\r\n").unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    assert_eq!(
        (status, &told["keyId"]),
        (200, &second["keyId"]),
        "a running server has it at once"
    );
    assert_eq!(told, second, "both are the same document");
    let keys = place.run(&["sealing-key", "show", "--json"]).exits(0).json();
    assert_eq!(keys["keys"][1]["keyId"], first["keyId"]);
    assert!(keys["keys"][1]["opensUntil"].is_string());
    let text = place.run(&["sealing-key", "show"]).exits(0).stdout;
    assert!(text.contains("opens until") && text.contains("newest"), "{text}");
    place.run_with(&["put-secret", NAME, "--seal"], "again").exits(0);

    let trail = place
        .run(&["audit", "list", "--action", "sealing_key.rotated", "--json"])
        .exits(0)
        .json();
    let by: Vec<_> = trail["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["detail"]["by"])
        .collect();
    assert_eq!(by, ["operator", "schedule"]);
    place.run(&["secrets", "rotate-key"]).exits(0);
    place
        .run_with(&["put-secret", NAME, "--seal"], "under the new master key")
        .exits(0);
    place.run(&["put-secret", NAME, "--seal", "--no-seal"]).exits(2);

    let log = std::fs::read_to_string(place.log()).unwrap();
    assert!(!log.contains("hunter2-planted"));
    for file in ["control-plane.db", "control-plane.db-wal"] {
        let bytes = std::fs::read(place.data().join(file)).unwrap_or_default();
        assert!(!bytes.windows(15).any(|part| part == b"hunter2-planted"), "{file}");
    }
}

#[test]
fn the_control_planes_own_stack_is_configured_by_nobody_and_deployed_by_nobody() {
    let place = Place::new();
    place.configure("[stacks.cc-agent-devops-automation]\ncommand = [\"true\"]\n");
    let told = place.run(&["config", "check"]).exits(1);
    assert!(format!("{told}").contains("the control plane's own stack"), "{told}");
    place.configure("");
    let _server = place.serve();
    let deploy = ["deploy", "cc-agent-devops-automation", "--stage", "dev", "--wait", "20"];
    let told = place.run(&deploy).exits(1);
    assert!(format!("{told}").contains("security_violation"), "{told}");
    let check = [
        "policy",
        "check",
        "admin",
        "deployLambda",
        "cc-agent-devops-automation",
        "--admin",
    ];
    let told = place.run(&check).exits(4);
    assert!(told.stdout.contains("make deploy"), "{told}");
}
