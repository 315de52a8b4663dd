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
#[path = "docs/markdown.rs"]
mod markdown;
#[cfg(test)]
#[path = "docs/runbook.rs"]
mod runbook;
#[path = "docs/server.rs"]
mod server;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cc_devops_kernel::outcome::Reason;
use serde_json::{Value, json};

use markdown::{Block, blocks, command_lines, example, section};
use server::{BINARY, Process, Server, command, json_of, line_with, parse, repository, succeeded, text_of};

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
fn the_curl_examples_of_the_interface_do_what_it_says() {
    let server = Server::start();
    let document = text_of("docs/DEVOPS_INTERFACE.md");
    let token = server.add("ContentOrchestrator", &[]);

    let completed = parse(&server.run(&example(&document, "curl"), &token));
    check_completed(&completed, "from-curl-0001", "putSecret", "ContentOrchestrator");
    let secret = parse(&server.run(&example(&document, "read-secret"), &token));
    assert_eq!(secret["value"], "not-a-real-key");
    assert_eq!(keys(&secret), ["createdAt", "name", "value", "versionId"]);

    assert_eq!(server.run(&example(&document, "heartbeat"), &token), "");
    let agents = server.get("/v1/agents", &token);
    let me = agents["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["name"] == "ContentOrchestrator")
        .unwrap();
    assert_eq!(
        (&me["state"], &me["message"]),
        (&json!("up"), &json!("12 articles today"))
    );

    let (_stream, mut lines) =
        Process::start(&mut server.script(&format!("exec {}", example(&document, "stream")), &token));
    let data = loop {
        let line = line_with(&mut lines, "data:");
        let event = parse(line.split_once("data:").unwrap().1);
        if event["detail"]["requestId"] == "from-curl-0001" {
            break event;
        }
    };
    assert_eq!(
        (&data["source"], &data["detail-type"]),
        (&json!("devops.automation"), &json!("devops.completed"))
    );
}

#[test]
fn costs_are_reported_as_the_interface_says() {
    let server = Server::start();
    let document = text_of("docs/DEVOPS_INTERFACE.md");
    let token = server.add("CostSentinel", &[]);
    let completed = parse(&server.run(&example(&document, "report-cost"), &token));
    check_completed(&completed, "cost-2026-10", "reportCost", "CostSentinel");
    let nothing_comes_in = json!({
        "from": "2026-10-01", "to": "2026-10-31", "spendUSD": null, "mrrUSD": null, "percent": null,
    });
    assert_eq!(completed["result"], nothing_comes_in);
    let again = server.post("/v1/events?wait=20", "docs/events/cost_reported.json", &token);
    check_completed(&again, "cost-sentinel-2026-01", "reportCost", "CostSentinel");

    // Another's cost is nobody's to report.
    let server = Server::start();
    let other = server.add("ContentOrchestrator", &[]);
    let forged = server.post("/v1/events?wait=20", "docs/events/cost_reported.json", &other);
    assert_eq!(forged["reason"], "security_violation", "{forged}");
}

#[test]
fn the_python_example_runs() {
    let server = Server::start();
    let token = server.add("ContentOrchestrator", &[]);
    let script = write_script(&server, "put_secret.py");
    let printed = server.run(&format!("python3 {}", script.display()), &token);
    assert!(
        printed.contains("/contentcraft/contentorchestrator/from-python is at version "),
        "{printed}"
    );
}

#[test]
fn the_python_example_with_a_sealed_value_runs_with_libsodium() {
    let python = repository_peers().join("sealing/bin/python");
    assert!(
        python.exists(),
        "{} is not installed: run `make peers` first",
        python.display()
    );
    let server = Server::start();
    let token = server.add("ContentOrchestrator", &[]);
    let script = write_script(&server, "put_sealed_secret.py");
    let printed = server.run(&format!("{} {}", python.display(), script.display()), &token);
    assert_eq!(parse(&printed)["status"], "success", "{printed}");
    let secret = server.get("/v1/secrets/contentcraft/contentorchestrator/from-pynacl", &token);
    assert_eq!(secret["value"], "not-a-real-key");
}

/// Where `make peers` puts what the tests start.
fn repository_peers() -> PathBuf {
    std::env::var_os("CC_DEVOPS_PEERS").map_or_else(|| repository().join("target/peers"), PathBuf::from)
}

#[test]
fn the_rust_example_is_the_one_in_the_repository_and_runs() {
    let shown = example(&text_of("docs/DEVOPS_INTERFACE.md"), "put_secret.rs");
    assert_eq!(
        shown,
        text_of("crates/cli/examples/put_secret.rs"),
        "the document shows another text"
    );

    let server = Server::start();
    let token = server.add("ContentOrchestrator", &[]);
    let built = Path::new(BINARY).parent().unwrap().join("examples/put_secret");
    // A whole test run builds the examples; a run of these tests alone does not.
    let changed = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
    let source = repository().join("crates/cli/examples/put_secret.rs");
    assert!(
        changed(&built) >= changed(&source),
        "build it first: cargo build -p cc-devops-cli --examples"
    );
    let printed = server.run(&built.display().to_string(), &token);
    assert!(
        printed.contains("/contentcraft/contentorchestrator/from-rust is at version "),
        "{printed}"
    );
}

#[test]
fn the_webhook_receiver_takes_what_is_genuine_and_nothing_else() {
    let server = Server::start();
    let document = text_of("docs/DEVOPS_INTERFACE.md");
    let (token, admin) = (
        server.add("ContentOrchestrator", &[]),
        server.add("Operator", &["--admin"]),
    );
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let subscribe = example(&document, "add-webhook").replace(":9000/", &format!(":{port}/"));
    let webhook = parse(&server.run(&subscribe, &admin));

    let script = write_script(&server, "receive-webhook.py");
    let mut receive = command("python3");
    receive
        .arg(script)
        .arg(port.to_string())
        .env("WEBHOOK_SECRET", webhook["secret"].as_str().unwrap());
    let (_receiver, mut told) = Process::start(&mut receive);
    line_with(&mut told, "listening");

    let forged = format!(
        "curl -sS -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{port}/devops -d '{{}}' -H 'webhook-id: msg_1' \
         -H \"webhook-timestamp: $(date +%s)\" -H 'webhook-signature: v1,AAAA'"
    );
    assert_eq!(server.run(&forged, ""), "401");
    server.post("/v1/events", "docs/events/put_secret.json", &token);
    assert_eq!(
        line_with(&mut told, "content-orchestrator-2026-01-31-0001")
            .split_whitespace()
            .nth(1),
        Some("success")
    );
}

fn write_script(server: &Server, name: &str) -> PathBuf {
    let file = server.folder.path().join(name);
    fs::write(&file, example(&text_of("docs/DEVOPS_INTERFACE.md"), name)).unwrap();
    file
}

#[test]
fn the_event_files_are_answered_as_the_contract_says_over_http() {
    let server = Server::start();
    let token = server.add("ContentOrchestrator", &[]);
    let put = server.post("/v1/events?wait=20", "docs/events/put_secret.json", &token);
    check_put(&put, "created");
    let deploy = server.post("/v1/events?wait=20", "docs/events/deploy_lambda.json", &token);
    check_deploy(&deploy);
    check_health(&server.get("/health", &token));

    let again = server.post("/v1/events?wait=20", "docs/events/put_secret.json", &token);
    assert_eq!(again, put, "a repeat gets the first outcome");
    let request = server.get("/v1/requests/content-orchestrator-2026-01-31-0002", &token);
    assert!(
        request["output"].as_str().unwrap().contains("version 1.4.2"),
        "{request}"
    );
}

#[test]
fn the_event_files_are_answered_as_the_contract_says_with_send() {
    let server = Server::start();
    let send = |file: &str| json_of(&server.cli(&["send", file, "--wait", "10", "--json"]));
    check_put(&send("docs/events/put_secret.json"), "created");
    check_deploy(&send("docs/events/deploy_lambda.json"));
    let answer = send("docs/events/health_check.json");
    assert_eq!(
        (keys(&answer), &answer["statusCode"]),
        (vec!["body", "statusCode"], &json!(200))
    );
    check_health(&parse(answer["body"].as_str().unwrap()));
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn check_completed(completed: &Value, request: &str, action: &str, by: &str) {
    let fields = [
        "action",
        "latencyMs",
        "requestId",
        "requestedBy",
        "result",
        "status",
        "timestamp",
    ];
    assert_eq!(keys(completed), fields, "{completed}");
    assert_eq!(completed["requestId"], request);
    assert_eq!(completed["action"], action);
    assert_eq!(completed["status"], "success", "{completed}");
    assert_eq!(completed["requestedBy"], by);
    assert!(completed["latencyMs"].is_u64());
    completed["timestamp"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
}

fn check_put(completed: &Value, action: &str) {
    check_completed(
        completed,
        "content-orchestrator-2026-01-31-0001",
        "putSecret",
        "ContentOrchestrator",
    );
    let result = &completed["result"];
    assert_eq!(keys(result), ["action", "arn", "secretName", "versionId"]);
    assert_eq!(result["action"], action);
    assert_eq!(result["secretName"], "/contentcraft/contentorchestrator/api-key");
}

fn check_deploy(completed: &Value) {
    check_completed(
        completed,
        "content-orchestrator-2026-01-31-0002",
        "deployLambda",
        "ContentOrchestrator",
    );
    let result = &completed["result"];
    assert_eq!(
        keys(result),
        [
            "action",
            "changeSetId",
            "changes",
            "currentStatus",
            "stackId",
            "stackName"
        ]
    );
    assert_eq!(result["action"], "deployed");
    assert_eq!(result["stackName"], "cc-agent-content-orchestrator-dev");
    assert!(result["changes"].is_array());
}

fn check_health(health: &Value) {
    assert_eq!(
        keys(health),
        [
            "agent",
            "capabilities",
            "checks",
            "mode",
            "status",
            "timestamp",
            "version"
        ]
    );
    assert_eq!(
        (&health["status"], &health["agent"]),
        (&json!("healthy"), &json!("DevOpsAutomation"))
    );
    let capabilities = health["capabilities"].as_array().unwrap();
    for name in [
        "github_repo_check",
        "workflow_monitor",
        "heartbeat_metrics",
        "agent_registration",
        "devops_requests",
        "secret_management",
        "lambda_deployment",
    ] {
        assert!(capabilities.contains(&json!(name)), "{name} is missing");
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
fn the_interface_explains_every_reason_and_no_other() {
    let document = text_of("docs/DEVOPS_INTERFACE.md");
    let (_, table) = document.split_once("### The reasons").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: Vec<&str> = rows.filter(|name| *name != "reason").collect();
    assert_eq!(explained, Reason::ALL.map(Reason::as_str));
}

#[test]
fn every_command_the_documents_show_exists() {
    let mut checked = 0;
    let mut refused = Vec::new();
    for file in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/DEPLOYS.md",
        "docs/DEVOPS_INTERFACE.md",
        "docs/FLEET.md",
        "docs/MRR.md",
        "docs/RUNBOOK-ALERTS.md",
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
