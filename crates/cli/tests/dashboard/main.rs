//! The dashboard in a real Chromium. What is tested stands in `tests/browser`, a file for each of these; Node runs it beside
//! control planes of its own, which it starts from this build's binary. `make peers` installs what is needed.
#![cfg(test)]

mod fakes;

use std::path::Path;
use std::process::Command;

use fakes::Fakes;

/// Runs one of the files, which must succeed.
#[track_caller]
fn run(file: &str, arguments: &[&str]) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let peers = repository.join("target/peers/browser");
    let node = peers.join("node/bin/node");
    assert!(
        node.exists(),
        "{} is not there: `make peers` installs what the dashboard's tests need",
        node.display()
    );
    let fakes = Fakes::start();
    let mut command = Command::new(node);
    command
        .arg(repository.join("tests/browser").join(file))
        .args(arguments)
        .env("BROWSER_BINARY", env!("CARGO_BIN_EXE_cc-devops"))
        .env("BROWSER_PEERS", &peers)
        .env("BROWSER_FAKES", fakes.described().to_string());
    let ended = command.status().unwrap();
    assert!(ended.success(), "{file} {arguments:?}: {ended}");
}

#[test]
fn every_page_in_every_light_where_nothing_ever_happened() {
    run("pages.mjs", &["empty"]);
}

#[test]
fn every_page_in_every_light_where_much_happened() {
    run("pages.mjs", &["full"]);
}

#[test]
fn every_page_in_every_light_where_the_store_refuses() {
    run("pages.mjs", &["failing"]);
}

#[test]
fn live_updates_reach_every_visible_tab_and_are_in_nobodys_way() {
    run("live.mjs", &[]);
}

#[test]
fn acts_are_ours_confirmed_on_record_and_show_no_secret() {
    run("acts.mjs", &[]);
}

#[test]
fn the_keyboard_alone_is_enough() {
    run("keyboard.mjs", &[]);
}

#[test]
fn pages_are_read_without_colour_on_paper_and_in_narrow_windows() {
    run("looks.mjs", &[]);
}
