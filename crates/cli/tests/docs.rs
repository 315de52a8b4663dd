//! Runs what the documents show: the README's walk, the examples of the interface, the event files,
//! the demo. Needs what their readers need: bash, curl and python3.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with a message"
)]

#[cfg(test)]
#[path = "docs/approved_deploy.rs"]
mod approved_deploy;
#[path = "docs/interface.rs"]
mod interface;
#[cfg(test)]
#[path = "docs/machine.rs"]
mod machine;
#[path = "docs/markdown.rs"]
mod markdown;
#[cfg(test)]
#[path = "docs/runbook.rs"]
mod runbook;
#[path = "docs/server.rs"]
mod server;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use markdown::{Block, blocks, command_lines, example, section};
use server::{BINARY, Process, Server, command, json_of, parse, repository, succeeded, text_of};

/// What differs from one run to the next is left out, and so is how wide a column is.
fn lasting(text: &str) -> String {
    let is_time = |word: &str| word.len() >= 20 && word.ends_with('Z') && word.as_bytes().get(10) == Some(&b'T');
    let is_hash = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    let is_plan = |word: &str| {
        word.strip_prefix("plan-")
            .is_some_and(|digits| digits.len() == 24 && digits.chars().all(|c| c.is_ascii_hexdigit()))
    };
    let is_mark = |word: &str| word.split_once(':').is_some_and(|(_, hash)| is_hash(hash));
    let words = |line: &str| {
        let words: Vec<&str> = line
            .split_whitespace()
            .map(|word| match word {
                time if is_time(time) => "TIME",
                mark if is_mark(mark) => "ROW:HASH",
                hash if is_hash(hash) => "HASH",
                plan if is_plan(plan) => "PLAN",
                word => word,
            })
            .collect();
        words.join(" ")
    };
    text.trim().lines().map(words).collect::<Vec<_>>().join("\n")
}

fn lasting_json(mut value: Value) -> Value {
    for name in ["latencyMs", "timestamp", "createdAt"] {
        if let Some(field) = value.get_mut(name) {
            *field = json!("differs");
        }
    }
    value
}

#[test]
fn the_readme_walk_works_word_for_word() {
    let server = Server::start();
    let readme = text_of("README.md");
    let first = blocks(&readme).first().unwrap().text.clone();
    assert!(
        first.starts_with("make run") && first.contains("\nmake test"),
        "the README begins with the two commands"
    );

    let walk = blocks(section(&readme, "Two minutes"));
    let own_path = format!(
        "export PATH=\"{}:$PATH\"",
        Path::new(BINARY).parent().unwrap().display()
    );
    let mut script = String::new();
    let mut shown: Vec<Option<Block>> = Vec::new();
    for block in walk {
        if block.language == "sh" {
            script.push_str(&block.text);
            script.push_str("printf '\\n==next==\\n'\n");
            shown.push(None);
        } else {
            *shown.last_mut().expect("a command comes first") = Some(block);
        }
    }
    assert!(script.contains("export PATH=\"$PWD/target/quick:$PATH\""));
    let script = script
        .replace("export PATH=\"$PWD/target/quick:$PATH\"", &own_path)
        .replace("http://127.0.0.1:8787", &server.url);
    let printed = server.run(&script, "");
    let printed: Vec<&str> = printed.split("\n==next==\n").collect();
    for (real, shown) in printed.iter().zip(&shown) {
        match shown {
            Some(Block { language, text }) if language == "json" => {
                assert_eq!(lasting_json(parse(real)), lasting_json(parse(text)));
            }
            Some(Block { text, .. }) => assert_eq!(lasting(real), lasting(text)),
            None => assert_eq!(real.trim(), ""),
        }
    }
}

#[test]
fn a_dozen_lines_check_an_export_of_the_audit_trail() {
    let server = Server::start();
    for agent in ["One", "Two", "Three"] {
        server.add(agent, &[]);
    }
    let out = server.folder.path().join("audit.ndjson");
    let export = server.cli(&[
        "audit",
        "export",
        "--before",
        "2100-01-01",
        "--out",
        out.to_str().unwrap(),
        "--json",
    ]);
    let rows = json_of(&export)["rows"].as_u64().unwrap();
    assert!(rows >= 4, "the admin and three agents: {rows}");
    let script = server.folder.path().join("check-export.py");
    fs::write(&script, example(&text_of("docs/RUNBOOK-DEVOPS.md"), "check-export.py")).unwrap();
    let check = || command("python3").arg(&script).arg(&out).output().unwrap();
    let whole = succeeded(&check());
    assert!(whole.contains("holds: row 1 (after 000000"), "{whole}");
    assert!(whole.contains(&format!(" to row {rows} (")), "{whole}");

    let text = fs::read_to_string(&out).unwrap();
    for (what, changed) in [
        ("a changed row", text.replace("\"Two\"", "\"Tw0\"")),
        (
            "a missing row",
            text.lines()
                .filter(|line| !line.contains("\"Two\""))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
    ] {
        assert_ne!(changed, text);
        fs::write(&out, changed).unwrap();
        let broken = check();
        let told = String::from_utf8_lossy(&broken.stderr);
        assert!(
            !broken.status.success() && told.contains("is broken: row"),
            "{what}: {told}"
        );
    }
}

#[test]
fn every_command_the_documents_show_exists() {
    let mut checked = 0;
    let mut refused = Vec::new();
    for file in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "crates/cli/README.md",
        "docs/AWS-SDK.md",
        "docs/AWS.md",
        "docs/BENCHMARKS.md",
        "docs/DASHBOARD.md",
        "docs/DEPLOYS.md",
        "docs/DEVOPS_INTERFACE.md",
        "docs/FLEET.md",
        "docs/INSTALL.md",
        "docs/MRR.md",
        "docs/REPOS.md",
        "docs/RUNBOOK-ALERTS.md",
        "docs/RUNBOOK-AWS.md",
        "docs/RUNBOOK-DEVOPS.md",
    ] {
        for line in command_lines(&text_of(file)) {
            let output = command(BINARY).args(&line).arg("--help").output().unwrap();
            if !output.status.success() {
                let stderr = String::from_utf8_lossy(&output.stderr);
                refused.push(format!("{file}: cc-devops {}\n{stderr}", line.join(" ")));
            }
            checked += 1;
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(checked > 40, "only {checked} commands found");
}

/// The code of a folder, all of it.
fn code_below(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            code_below(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_holds_a_promise_exists() {
    let mut code = String::new();
    code_below(&repository().join("crates"), &mut code);
    let document = text_of("SECURITY.md");
    let named: Vec<&str> = section(&document, "What holds it")
        .split('`')
        .skip(1)
        .step_by(2)
        .collect();
    assert!(named.len() > 50, "only {} tests found", named.len());
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

#[test]
fn the_integration_tests_of_a_crate_are_one_binary() {
    let crates = repository().join("crates");
    let mut looked_at = 0;
    for below in [crates.clone(), crates.join("doors")] {
        for folder in fs::read_dir(below).unwrap() {
            let folder = folder.unwrap().path();
            let most = match folder.file_name().and_then(|name| name.to_str()) {
                // `make` names its binaries, and they need other features.
                Some("cli") => continue,
                // What lies on the disk is apart from what runs.
                Some("embedded") => 2,
                _ => 1,
            };
            let Ok(tests) = fs::read_dir(folder.join("tests")) else {
                continue;
            };
            let is_binary = |path: &Path| {
                path.join("main.rs").is_file() || path.extension().is_some_and(|extension| extension == "rs")
            };
            let found: Vec<_> = tests
                .map(|entry| entry.unwrap().path())
                .filter(|path| is_binary(path) && !path.ends_with("fuzz.rs"))
                .collect();
            looked_at += 1;
            assert!(
                found.len() <= most,
                "each is linked alone, make them modules of one: {found:?}"
            );
        }
    }
    assert!(looked_at >= 20, "{looked_at} crates with tests");
}

#[test]
fn the_demo_tells_its_story_and_ends() {
    let mut demo = command("python3");
    demo.arg("demo/run.py").arg(BINARY).stderr(Stdio::piped());
    let (mut process, mut stdout) = Process::start(&mut demo);
    let mut told = String::new();
    stdout.read_to_string(&mut told).unwrap();
    assert!(process.0.wait().unwrap().success(), "{told}");
    for part in [
        "security_violation",
        "request_id_conflict",
        "deploy_failed",
        "does not exist",
        "LOSES DATA: tickets (AWS::DynamoDB::Table) is replaced, and the data in it is lost",
        "cc-devops deploys approve plan-",
        "the audit chain holds",
    ] {
        assert!(told.contains(part), "no {part} in:\n{told}");
    }
}
