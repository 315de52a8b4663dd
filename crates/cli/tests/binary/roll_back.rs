//! A data folder that has gone back, was moved, or is open to others: told, and not served.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::process::{Place, put_secret, until};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

fn put(place: &Place, number: u32) {
    let name = format!("/contentcraft/a/s{number}");
    place.run_with(&["put-secret", &name], "v").exits(0);
}

/// The row and hash that the log names last.
fn told_in_the_log(place: &Place) -> String {
    let log = fs::read_to_string(place.log()).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut told = lines.filter(|line| line["message"] == "the audit trail ends here");
    let line = told.next_back().expect("it is in the log");
    format!("{}:{}", line["seq"], line["hash"].as_str().unwrap())
}

#[test]
fn a_server_does_not_start_on_an_older_database_without_an_operators_word() {
    let place = Place::new();
    let server = place.serve();
    put(&place, 1);
    let older = {
        assert!(server.stop().success());
        fs::read(place.data().join("control-plane.db")).unwrap()
    };
    let server = place.serve();
    place.add_agent("Late");
    put(&place, 2);
    assert!(server.stop().success());
    let mark = told_in_the_log(&place);
    place.run(&["audit", "verify", "--at-least", &mark]).exits(0);

    fs::write(place.data().join("control-plane.db"), older).unwrap();
    let refused = place.run(&SERVE).exits(3);
    assert!(refused.stderr.contains("had come to row"), "{refused}");
    assert!(
        refused.stderr.contains("audit accept") && refused.stderr.contains("restore"),
        "{refused}"
    );
    let broken = place.run(&["audit", "verify", "--json"]).exits(1).json();
    assert_eq!(broken["ok"], false);
    place.run(&["audit", "verify", "--at-least", &mark]).exits(1);

    place.run(&["audit", "accept"]).exits(2);
    let accepted = place.run(&["audit", "accept", "--yes", "--json"]).exits(0).json();
    assert_eq!(accepted["accepted"], true);
    let again = place.run(&["audit", "accept", "--yes", "--json"]).exits(0).json();
    assert_eq!(again["accepted"], false);
    place.run(&["audit", "verify"]).exits(0);
    let told = place
        .run(&["audit", "verify", "--at-least", &mark, "--json"])
        .exits(1)
        .json();
    assert!(
        told["breaks"][0]["problem"].as_str().unwrap().contains("is not"),
        "{told}"
    );
    let server = place.serve();
    put(&place, 3);
    assert!(server.stop().success());
}

#[test]
fn a_write_ahead_log_that_is_lost_after_a_kill_is_told() {
    let place = Place::new();
    let server = place.serve();
    for number in 0..10 {
        put(&place, number);
    }
    // It is killed.
    drop(server);
    let log = place.data().join("control-plane.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    let kept = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let refused = place.run(&SERVE).exits(3);
    assert!(refused.stderr.contains("write-ahead log is lost"), "{refused}");

    // Half of it is not enough either.
    let shm = place.data().join("control-plane.db-shm");
    let _gone = fs::remove_file(&shm);
    fs::write(&log, &kept[..kept.len() / 2]).unwrap();
    let refused = place.run(&SERVE).exits(3);
    assert!(refused.stderr.contains("had come to row"), "{refused}");
}

#[test]
fn a_server_whose_folder_is_moved_acknowledges_nothing() {
    let place = Place::new();
    let server = place.serve();
    let (_, token) = place.add_agent("Alpha");
    let admin = fs::read_to_string(place.data().join("admin.token")).unwrap();
    // The folder itself, and the one that the server was started in and given a relative path from.
    for here in [place.data(), place.path().to_owned()] {
        put(&place, 1);
        let away = here.with_extension("away");
        fs::rename(&here, &away).unwrap();
        let event = put_secret("Alpha", "lost", "/contentcraft/alpha/key", "v");
        let (status, answer) = server.post("/v1/events", &token, &event);
        assert_eq!(status, 503, "{answer}");
        // What was well is told for a second.
        let health = until("it stays well", || {
            let (status, health) = server.get("/health", Some(admin.trim()));
            (status != 200).then_some(health)
        });
        assert!(health.contains("was moved or removed"), "{health}");

        fs::rename(&away, &here).unwrap();
        put(&place, 2);
        assert_eq!(server.get("/health", None).0, 200);
    }
    assert!(server.stop().success());
    place.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_server_whose_logs_index_is_removed_acknowledges_nothing_and_undoes_nothing_of_others() {
    let place = Place::new();
    let server = place.serve();
    let (_, token) = place.add_agent("Alpha");
    put(&place, 1);
    fs::remove_file(place.data().join("control-plane.db-shm")).unwrap();
    // It writes by an index that it makes itself.
    place.add_agent("Beta");
    let event = put_secret("Alpha", "lost", "/contentcraft/alpha/key", "v");
    let (status, answer) = server.post("/v1/events", &token, &event);
    assert_eq!(status, 503, "{answer}");
    let _ended = server.stop();
    let agents = place.run(&["agents", "list", "--json"]).exits(0);
    assert!(agents.stdout.contains("Beta"), "{agents}");
    assert!(place.serve().stop().success());
    place.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_server_whose_lock_is_removed_takes_nothing_beside_the_next_one() {
    let place = Place::new();
    let first = place.serve();
    let (_, token) = place.add_agent("Alpha");
    fs::remove_file(place.data().join("serve.lock")).unwrap();
    let second = place.serve();
    let event = put_secret("Alpha", "once", "/contentcraft/alpha/key", "v");
    let (status, answer) = first.post("/v1/events", &token, &event);
    assert_eq!(status, 503, "{answer}");
    let (status, answer) = second.post("/v1/events", &token, &event);
    assert_eq!(status, 202, "{answer}");
    let _ended = first.stop();
    // It has left what says where the second is.
    place.run(&["health"]).exits(0);
    assert!(second.stop().success());
    place.run(&["audit", "verify"]).exits(0);
}

#[test]
fn where_the_trail_ends_is_told_to_operators() {
    let place = Place::new();
    let server = place.serve();
    let (_, agent) = place.add_agent("Alpha");
    let admin = fs::read_to_string(place.data().join("admin.token")).unwrap();
    let end = place.run(&["audit", "verify", "--json"]).exits(0).json()["head"].clone();
    let health = place.run(&["health", "--json"]).exits(0).json();
    assert_eq!(health["auditHead"], end);
    assert_eq!(end["hash"].as_str().unwrap().len(), 64);
    let (_, short) = server.get("/health", Some(&agent));
    assert!(!short.contains("auditHead"), "{short}");
    let (_, metrics) = server.get("/metrics", Some(admin.trim()));
    assert!(
        metrics.contains(&format!("cc_devops_audit_rows {}", end["seq"])),
        "{metrics}"
    );
}

#[test]
fn a_backup_is_restored_on_purpose_on_record_and_lets_nobody_in_again() {
    let place = Place::new();
    let server = place.serve();
    let (_, token) = place.add_agent("Alpha");
    place.run(&["agents", "key", "add", "Alpha"]).exits(0);
    put(&place, 1);
    let url = "http://127.0.0.1:9/hook";
    let webhook = place.run(&["webhooks", "add", url, "--json"]).exits(0).json();
    let webhook = webhook["id"].as_str().unwrap();
    place.run(&["sealing-key", "rotate"]).exits(0);
    place.run(&["backup", "copy.db"]).exits(0);
    place.run(&["agents", "revoke", "Alpha"]).exits(0);
    place.run(&["webhooks", "remove", webhook]).exits(0);
    let sealing_key = place.run(&["sealing-key", "rotate", "--json"]).exits(0).json();
    put(&place, 2);
    let running = place.run(&["restore", "copy.db", "--yes"]).exits(3);
    assert!(running.stderr.contains("already runs"), "{running}");
    assert!(server.stop().success());

    let unasked = place.run(&["restore", "copy.db"]).exits(2);
    assert!(unasked.stderr.contains("--yes"), "{unasked}");
    let restored = place.run(&["restore", "copy.db", "--yes", "--json"]).exits(0).json();
    assert_eq!(
        (&restored["endedTokens"], &restored["revoked"][0]),
        (&1.into(), &"Alpha".into())
    );
    assert_eq!(restored["endedKeys"], 1);
    assert_eq!(restored["webhooksOff"], serde_json::json!([webhook]));
    let keys = place.run(&["sealing-key", "show", "--json"]).exits(0).json();
    assert_eq!(keys["keys"][0]["keyId"], sealing_key["keyId"]);
    assert!(
        fs::metadata(place.path().join(restored["aside"].as_str().unwrap()))
            .unwrap()
            .is_dir()
    );
    place.run(&["audit", "verify"]).exits(0);
    let record = place
        .run(&["audit", "list", "--action", "store.restored", "--json"])
        .exits(0)
        .json();
    assert_eq!(record["rows"][0]["resource"], "copy.db");
    assert_eq!(record["rows"][0]["detail"]["endedKeys"], 1);

    let server = place.serve();
    assert_eq!(server.get("/v1/events", Some(&token)).0, 401, "it was revoked since");
    let secrets = place.run(&["secrets", "list", "--json"]).exits(0).json();
    assert_eq!(secrets["secrets"].as_array().unwrap().len(), 1);
    assert!(server.stop().success());
    place.run(&["restore", "nothing.db", "--yes"]).exits(3);
}

#[test]
fn a_folder_or_key_that_others_may_use_is_refused_with_the_command_that_mends_it() {
    let place = Place::new();
    assert!(place.serve().stop().success());
    fs::set_permissions(place.data(), Permissions::from_mode(0o755)).unwrap();
    for command in [&SERVE[..], &["audit", "verify"], &["agents", "list"]] {
        let refused = place.run(command).exits(3);
        assert!(refused.stderr.contains("chmod 700"), "{refused}");
    }
    fs::set_permissions(place.data(), Permissions::from_mode(0o700)).unwrap();
    let key = place.data().join("master.key");
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let refused = place.run(&SERVE).exits(3);
    assert!(refused.stderr.contains("chmod 600"), "{refused}");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    // A database is taken back, in a folder that nobody else can enter, and that is told.
    let database = place.data().join("control-plane.db");
    fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
    assert!(place.serve().stop().success());
    assert_eq!(fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
    let log = fs::read_to_string(place.log()).unwrap();
    assert!(log.contains("let others use it"), "{log}");
}

#[test]
fn a_backup_goes_through_no_link() {
    let place = Place::new();
    let server = place.serve();
    let precious = place.write("precious", "kept");
    for name in ["copy.db", "copy.db.partial"] {
        std::os::unix::fs::symlink(&precious, place.path().join(name)).unwrap();
        let run = place.run(&["backup", "copy.db"]);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept", "{run}");
        if name == "copy.db" {
            assert_ne!(run.code, 0, "{run}");
            fs::remove_file(place.path().join(name)).unwrap();
        } else {
            run.exits(0);
        }
    }
    let copy = fs::symlink_metadata(place.path().join("copy.db")).unwrap();
    assert!(copy.is_file() && copy.permissions().mode() & 0o777 == 0o600);
    assert!(server.stop().success());
}

#[test]
fn several_rotations_at_once_are_one_and_the_others_are_told() {
    let place = Place::new();
    let server = place.serve();
    for number in 0..3 {
        put(&place, number);
    }
    let mut at_once: Vec<_> = (0..3)
        .map(|_| {
            let mut command = place.command(&["secrets", "rotate-key"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let runs: Vec<_> = at_once
        .drain(..)
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    let (done, told): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.status.success());
    assert!(!done.is_empty());
    for run in told {
        let told = String::from_utf8_lossy(&run.stderr);
        assert!(told.contains("one is enough"), "{told}");
        assert_eq!(run.status.code(), Some(1));
    }
    place
        .run(&["secrets", "get", "/contentcraft/a/s1", "--reveal"])
        .exits(0);
    assert!(server.stop().success());
}
