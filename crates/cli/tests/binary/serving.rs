//! The server's life: start, readiness, a second start, stop, and what it leaves behind.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

use serde_json::{Value, json};

use crate::process::Place;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_first_start_makes_everything_and_a_stop_leaves_no_address() {
    let place = Place::new();
    let server = place.serve();
    let running: Value = serde_json::from_str(&fs::read_to_string(place.data().join("server.json")).unwrap()).unwrap();
    assert_eq!(
        running,
        json!({"address": server.address, "pid": server.pid(), "tls": false})
    );
    assert_eq!(mode(&place.data()), 0o700);
    for private in ["admin.token", "master.key", "control-plane.db"] {
        assert_eq!(mode(&place.data().join(private)), 0o600, "{private}");
    }
    let token = fs::read_to_string(place.data().join("admin.token")).unwrap();
    assert!(token.starts_with("ccd_"));
    assert_eq!(server.get("/v1/agents", Some(token.trim())).0, 200);

    assert!(server.stop().success());
    assert!(!place.data().join("server.json").exists());

    let again = place.serve();
    assert_eq!(fs::read_to_string(place.data().join("admin.token")).unwrap(), token);
    assert!(again.stop().success());
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let second = place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
    assert!(second.stderr.contains("already runs"), "{second}");
    assert!(second.stderr.contains(&server.pid().to_string()), "{second}");
    place.run(&["health"]).exits(0);
}

#[test]
fn health_is_told_over_http_and_as_the_function_tells_it() {
    let place = Place::new();
    let down = place.run(&["health"]).exits(6);
    assert!(down.stderr.contains("cc-devops serve"), "{down}");

    let server = place.serve();
    let health = place.run(&["health", "--json"]).exits(0).json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["agent"], "DevOpsAutomation");

    let invoked = place
        .run_with(&["send", "-", "--json"], r#"{"task_type":"health_check"}"#)
        .exits(0)
        .json();
    assert_eq!(invoked["statusCode"], 200);
    let body: Value = serde_json::from_str(invoked["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["status"], "healthy");
    let unknown = place
        .run_with(&["send", "-", "--json"], r#"{"task_type":"dance"}"#)
        .exits(1)
        .json();
    assert_eq!(
        unknown,
        json!({"statusCode": 400, "body": r#"{"error":"Unknown task type: dance"}"#})
    );

    let gone = format!("http://{}/", server.address);
    drop(server);
    place.run(&["health", "--url", &gone]).exits(3);
}

#[test]
fn the_master_key_may_come_from_the_environment() {
    let place = Place::new();
    let key = "ab".repeat(32);
    let server = place.serve_with(&[("CC_DEVOPS_MASTER_KEY", &key)]);
    assert!(!place.data().join("master.key").exists());
    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
    assert!(server.stop().success());

    let without = place.run(&["secrets", "get", "/contentcraft/a/b", "--reveal"]).exits(3);
    assert!(
        without.stderr.contains("CC_DEVOPS_MASTER_KEY") || without.stderr.contains("master.key"),
        "{without}"
    );
}

#[test]
fn a_backup_and_the_key_file_restore_everything() {
    let place = Place::new();
    let server = place.serve();
    place.run_with(&["put-secret", "/contentcraft/a/b"], "kept").exits(0);
    place.run(&["backup", "copy.db"]).exits(0);
    place.run(&["backup", "copy.db"]).exits(2);
    assert!(server.stop().success());

    let other = Place::new();
    fs::DirBuilder::new().mode(0o700).create(other.data()).unwrap();
    fs::copy(place.path().join("copy.db"), other.data().join("control-plane.db")).unwrap();
    fs::copy(place.data().join("master.key"), other.data().join("master.key")).unwrap();
    let read = other.run(&["secrets", "get", "/contentcraft/a/b", "--reveal"]).exits(0);
    assert_eq!(read.stdout, "kept\n");
    other.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_command_without_a_control_plane_says_how_to_make_one() {
    let place = Place::new();
    let run = place.run(&["requests", "list"]).exits(6);
    assert!(run.stderr.contains("cc-devops serve"), "{run}");
    assert!(!place.data().exists());
}

#[test]
fn over_tls_the_servers_own_certificate_is_trusted() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    place.write("cert.pem", &made.cert.pem());
    place.write("key.pem", &made.signing_key.serialize_pem());
    place.configure("[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    let _server = place.serve();
    place.run(&["health"]).exits(0);
    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);

    // The folder vouches for it, whatever the configuration says.
    std::fs::remove_file(place.path().join("cc-devops.toml")).unwrap();
    place.run(&["health"]).exits(0);
}

#[test]
fn a_crashed_servers_address_is_not_believed() {
    let place = Place::new();
    drop(place.serve());
    assert!(place.data().join("server.json").exists());
    let run = place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(3);
    assert!(run.stderr.contains("no control plane runs"), "{run}");
    assert!(place.serve().stop().success());
}
