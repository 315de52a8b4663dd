//! The examples of docs/DEVOPS_INTERFACE.md and the event files, as an agent's author runs them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use cc_devops_kernel::outcome::Reason;
use serde_json::{Value, json};

use crate::markdown::example;
use crate::server::{BINARY, Process, Server, command, json_of, line_with, parse, repository, text_of};

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
