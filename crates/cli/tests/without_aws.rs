//! A program that was built without AWS says so, and what to do, where somebody names that backend.
#![cfg(not(feature = "aws"))]
#![cfg_attr(
    not(feature = "aws"),
    expect(clippy::unwrap_used, reason = "a test fails by panicking, with a message")
)]

use std::process::{Command, Output};

fn run(args: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cc-devops"))
        .current_dir(folder.path())
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn every_way_to_an_account_is_refused_with_what_to_do() {
    for args in [
        &["--backend", "aws", "serve"][..],
        &["--backend", "aws", "health"],
        &["--backend", "aws", "smoke-test"],
        &["--backend", "aws", "requests", "list"],
        &["--backend", "aws", "put-secret", "/contentcraft/a/b"],
    ] {
        let (output, said) = run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.contains("built without AWS") && said.contains("make build"),
            "{args:?}: {said}"
        );
    }
}
