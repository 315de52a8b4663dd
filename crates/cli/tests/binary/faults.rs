//! A disk that fails under a running server: it is said, and when the disk is back, that too.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::process::{Place, Run};

/// What is to fail, and with which error: EIO, ENOSPC, EROFS.
const FAULTS: [&str; 4] = ["write 5", "write 28", "write 30", "sync 5"];

/// A disk that fails by order, for what is started with its environment.
struct FaultyDisk {
    library: PathBuf,
    /// The file that says what fails, while it is there.
    order: PathBuf,
}

impl FaultyDisk {
    /// Compiles what makes the disk fail.
    fn of(place: &Place) -> Self {
        let library = place.path().join("faults.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/binary/faults.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .args([source, "-ldl"])
            .status();
        assert!(compiled.unwrap().success());
        let order = place.path().join("fault");
        Self { library, order }
    }

    fn environment(&self) -> [(&str, &str); 2] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("FAULT_FILE", self.order.to_str().unwrap()),
        ]
    }
}

/// Asks for the health until it is as expected.
fn health(place: &Place, code: i32) -> Run {
    for _ in 0..1_000 {
        let run = place.run(&["health", "--json"]);
        if run.code == code {
            return run;
        }
    }
    panic!("the health never ends with {code}: {}", place.run(&["health"]));
}

fn database(health: &Value) -> &Value {
    let checks = health["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == "database").unwrap()
}

#[test]
fn a_disk_that_fails_is_said_at_once_and_so_is_its_return() {
    let place = Place::new();
    let disk = FaultyDisk::of(&place);
    let server = place.serve_with(&disk.environment());
    let put = || place.run_with(&["put-secret", "/contentcraft/a/b"], "v");
    for fault in FAULTS {
        health(&place, 0);
        put().exits(0);
        fs::write(&disk.order, fault).unwrap();
        assert_ne!(put().code, 0, "{fault}");
        let told = health(&place, 1).json();
        assert_eq!(database(&told)["status"], "degraded", "{fault}: {told}");
        assert!(database(&told)["message"].is_string(), "{fault}: {told}");

        let (status, stranger) = server.get("/health", None);
        assert_eq!(status, 503, "{fault}");
        assert!(
            stranger.contains("degraded") && !stranger.contains("message"),
            "{stranger}"
        );
        fs::remove_file(&disk.order).unwrap();
    }
    health(&place, 0);
    put().exits(0);
    assert!(server.stop().success());
}

#[test]
fn a_disk_that_cannot_be_read_is_said_and_so_is_its_return() {
    let place = Place::new();
    let disk = FaultyDisk::of(&place);
    let server = place.serve_with(&disk.environment());
    let put = || place.run_with(&["put-secret", "/contentcraft/a/b"], "v");
    health(&place, 0);
    put().exits(0);
    fs::write(&disk.order, "read 5").unwrap();
    // What another process wrote, the server has to read.
    place.add_agent("Alpha");
    assert_ne!(put().code, 0);
    // Not even who asks can be read, so it is told in short.
    let told = health(&place, 1).json();
    assert_eq!(database(&told)["status"], "degraded", "{told}");
    assert_eq!(server.get("/health", None).0, 503);
    fs::remove_file(&disk.order).unwrap();
    health(&place, 0);
    put().exits(0);
    assert!(server.stop().success());
}

#[test]
fn a_full_disk_keeps_room_for_a_restart_and_for_the_next_one() {
    let place = Place::new();
    let disk = FaultyDisk::of(&place);
    let reserve = place.data().join("reserve");
    let put = || place.run_with(&["put-secret", "/contentcraft/a/b"], "v");
    let server = place.serve_with(&disk.environment());
    put().exits(0);
    assert!(fs::metadata(&reserve).unwrap().len() > 0);
    fs::write(&disk.order, "room 28").unwrap();
    // It is killed, and so is the next one.
    drop(server);
    for start in 1..=2 {
        let server = place.serve_with(&disk.environment());
        assert!(!reserve.exists(), "start {start}");
        let refused = put();
        assert!(refused.stderr.contains("the store is full"), "start {start}: {refused}");
        assert_eq!(server.get("/health", None).0, 503, "start {start}");
    }
    let server = place.serve_with(&disk.environment());
    fs::remove_file(&disk.order).unwrap();
    health(&place, 0);
    put().exits(0);
    assert!(reserve.exists());
    assert!(server.stop().success());
}
