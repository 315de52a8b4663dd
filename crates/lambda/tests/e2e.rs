//! The whole way on the emulator: the template as users deploy it, with this very function.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with a message"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use cc_devops_aws::{Backend, Clients, Resources};
use cc_devops_core::ControlPlane;
use cc_devops_core::policy::{Policy, PolicySet};
use cc_devops_core::ports::{Backlog, Ports, SystemClock};
use cc_devops_core::requests::DeployLambda;
use cc_devops_core::requests::engine::{Received, Settings};
use cc_devops_core::requests::record::StackLock;
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

const FUNCTION: &str = "cc-agent-devops-automation-dev";
const TABLE: &str = "DevOpsLedger-dev";
const AGENT: &str = "ContentOrchestrator";

/// The longest anything may take to come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// The stack that the test's deploys change.
const SHOP: &str = r#"{
  "Parameters": {"Value": {"Type": "String", "Default": "one"}},
  "Resources": {"Kept": {"Type": "AWS::SSM::Parameter", "Properties": {
    "Name": "/shop/kept", "Type": "String", "Value": {"Ref": "Value"}}}}
}"#;

/// An account with the control plane in it.
struct Account {
    peer: Peer,
    clients: Clients,
    completed_queue: String,
    _folder: tempfile::TempDir,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn peers_folder() -> PathBuf {
    std::env::var_os("CC_DEVOPS_PEERS").map_or_else(|| repository().join("target/peers"), PathBuf::from)
}

/// A copy of the template beside a package with the function of this build.
async fn package(folder: &Path) {
    for file in ["template.yaml", "samconfig.toml"] {
        std::fs::copy(repository().join(file), folder.join(file)).unwrap();
    }
    let package = folder.join("target/lambda/package");
    std::fs::create_dir_all(&package).unwrap();
    let bootstrap = package.join("bootstrap");
    std::fs::copy(env!("CARGO_BIN_EXE_devops-automation"), &bootstrap).unwrap();
    // What is only for debuggers would be most of the upload.
    drop(Command::new("strip").arg(&bootstrap).status().await);
}

async fn sam_deploy(peer: &Peer, folder: &Path) {
    let sam = peers_folder().join("sam/bin/sam");
    assert!(
        sam.exists(),
        "{} is not installed: run `make peers` first",
        sam.display()
    );
    let done = Command::new(sam)
        .args([
            "deploy",
            "--config-env",
            "dev",
            "--region",
            "us-east-1",
            "--parameter-overrides",
        ])
        .args(["Stage=dev", "Architecture=x86_64", "LogLevel=debug"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", folder)
        .env("AWS_ENDPOINT_URL", peer.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("SAM_CLI_TELEMETRY", "0")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(
        done.status.success(),
        "sam deploy failed:\n{}\n{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

async fn account() -> Account {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path()).await;
    let peer = peers::ministack().await;
    sam_deploy(&peer, folder.path()).await;
    let clients = Clients::of_emulator(peer.url());
    clients
        .ssm()
        .put_parameter()
        .name("/contentcraft/agents/enabled")
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .value(AGENT)
        .send()
        .await
        .unwrap();
    // Somebody who wants to know the outcomes.
    let queue = clients
        .sqs()
        .create_queue()
        .queue_name("outcomes")
        .send()
        .await
        .unwrap();
    let completed_queue = queue.queue_url.unwrap();
    let events = clients.eventbridge();
    let pattern = json!({"source": ["devops.automation"], "detail-type": ["devops.completed"]});
    events
        .put_rule()
        .name("outcomes")
        .event_pattern(pattern.to_string())
        .send()
        .await
        .unwrap();
    let target = Target::builder()
        .id("queue")
        .arn("arn:aws:sqs:us-east-1:000000000000:outcomes");
    events
        .put_targets()
        .rule("outcomes")
        .targets(target.build().unwrap())
        .send()
        .await
        .unwrap();
    let shop = clients
        .cloudformation()
        .create_stack()
        .stack_name("cc-agent-content-orchestrator-dev");
    shop.template_body(SHOP).send().await.unwrap();
    Account {
        peer,
        clients,
        completed_queue,
        _folder: folder,
    }
}

fn put_secret(id: &str, secret: &str) -> Value {
    json!({"requestId": id, "action": "putSecret", "stage": "dev", "requestedBy": AGENT, "params": {
        "name": format!("/contentcraft/contentorchestrator/{secret}"), "value": "not-a-real-value"}})
}

fn deploy(id: &str, value: &str) -> Value {
    json!({"requestId": id, "action": "deployLambda", "params": {
        "stackName": "cc-agent-content-orchestrator", "parameters": {"Value": value}}})
}

impl Account {
    /// Puts a request on the bus, as its agent does.
    async fn ask(&self, detail: &Value) {
        let entry = PutEventsRequestEntry::builder()
            .source(format!("agent.{AGENT}"))
            .detail_type("devops.request")
            .detail(detail.to_string());
        let answer = self
            .clients
            .eventbridge()
            .put_events()
            .entries(entry.build())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.failed_entry_count, 0);
    }

    /// Outcomes that arrive on the queue until each of `ids` has come so often, by request.
    async fn outcomes(&self, wanted: &[(&str, usize)]) -> BTreeMap<String, Vec<Value>> {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let end = Instant::now() + PATIENCE;
        while wanted
            .iter()
            .any(|(id, times)| found.get(*id).map_or(0, Vec::len) < *times)
        {
            assert!(Instant::now() < end, "waited for {wanted:?}, found {found:?}");
            let call = self.clients.sqs().receive_message().queue_url(&self.completed_queue);
            let answer = call
                .max_number_of_messages(10)
                .wait_time_seconds(1)
                .send()
                .await
                .unwrap();
            for message in answer.messages.unwrap_or_default() {
                let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
                assert_eq!(
                    (&event["source"], &event["detail-type"]),
                    (&json!("devops.automation"), &json!("devops.completed"))
                );
                let detail = event["detail"].clone();
                let id = detail["requestId"].as_str().unwrap().to_owned();
                found.entry(id).or_default().push(detail);
                let handle = message.receipt_handle.unwrap();
                let delete = self.clients.sqs().delete_message().queue_url(&self.completed_queue);
                delete.receipt_handle(handle).send().await.unwrap();
            }
        }
        found
    }

    async fn outcome(&self, id: &str) -> Value {
        self.outcomes(&[(id, 1)]).await.remove(id).unwrap().remove(0)
    }

    async fn invoke(&self, payload: &Value) -> Value {
        let call = self.clients.lambda().invoke().function_name(FUNCTION);
        let answer = call
            .payload(payload.to_string().into_bytes().into())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.function_error(), None, "the function failed: {answer:?}");
        serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap()
    }

    /// How many rows of the table have a key that begins so.
    async fn rows(&self, prefix: &str, with: Option<&str>) -> usize {
        let mut pages = self.clients.dynamodb().scan().table_name(TABLE).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            for item in page.unwrap().items.unwrap_or_default() {
                let text = |value: Option<&AttributeValue>| {
                    value.and_then(|value| value.as_s().ok().cloned()).unwrap_or_default()
                };
                let ours = with.is_none_or(|with| text(item.get("entry")).contains(with));
                count += usize::from(text(item.get("PK")).starts_with(prefix) && ours);
            }
        }
        count
    }

    async fn versions(&self, secret: &str) -> usize {
        let call = self
            .clients
            .secrets()
            .list_secret_version_ids()
            .include_deprecated(true);
        let answer = call
            .secret_id(format!("/contentcraft/contentorchestrator/{secret}"))
            .send()
            .await
            .unwrap();
        answer.versions().len()
    }

    /// The ports of another process on the same stack.
    fn ports(&self) -> Ports {
        self.backend().ports(Arc::new(SystemClock))
    }

    fn backend(&self) -> Backend {
        let resources = Resources::of(&sample::installation(), sample::stage());
        Backend::new(Clients::of_emulator(self.peer.url()), resources, sample::installation())
    }

    /// Plays a function that takes a deploy, begins the stack's change, parks the request, and dies.
    async fn park(&self, id: &str, value: &str) {
        let (backend, ports) = (self.backend(), self.ports());
        let installation = sample::installation();
        let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation);
        let key = backend.fingerprint_key().await.unwrap();
        let plane = ControlPlane::new(installation, ports.clone(), policy, key, Settings::default());
        let event =
            json!({"source": format!("agent.{AGENT}"), "detail-type": "devops.request", "detail": deploy(id, value)});
        let received = plane.receive(&sample::principal(AGENT), event, true).await.unwrap();
        let Received::Claimed(claimed) = received else {
            panic!("{id} must be new")
        };
        let deploy = DeployLambda {
            parameters: BTreeMap::from([("Value".to_owned(), value.to_owned())]),
            ..sample::deploy_lambda("cc-agent-content-orchestrator")
        };
        let StackLock::Acquired(lease) = ports
            .ledger
            .lock_stack(&claimed.claim, &deploy.full_name())
            .await
            .unwrap()
        else {
            panic!("the stack must be free");
        };
        ports.stacks.start(&lease, &deploy, Timestamp::now()).await.unwrap();
        ports.ledger.park(&claimed.claim, Timestamp::now()).await.unwrap();
    }

    /// Tells what CloudFormation tells of the stack; the emulator does not.
    async fn stack_status(&self, status: &str) {
        let stack = "arn:aws:cloudformation:us-east-1:000000000000:stack/cc-agent-content-orchestrator-dev/1";
        let detail = json!({"stack-id": stack, "status-details": {"status": status, "status-reason": ""}});
        let entry = PutEventsRequestEntry::builder()
            .source("aws.cloudformation")
            .detail_type("CloudFormation Stack Status Change")
            .detail(detail.to_string());
        self.clients
            .eventbridge()
            .put_events()
            .entries(entry.build())
            .send()
            .await
            .unwrap();
    }

    /// Waits until something has come about.
    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < end, "waited until {what}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// How many messages wait in a queue, visible or not.
    async fn waiting(&self, queue: &str) -> usize {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let url = self
            .clients
            .sqs()
            .get_queue_url()
            .queue_name(queue)
            .send()
            .await
            .unwrap()
            .queue_url
            .unwrap();
        let call = self.clients.sqs().get_queue_attributes().queue_url(url);
        let answer = call
            .attribute_names(Visible)
            .attribute_names(Hidden)
            .send()
            .await
            .unwrap();
        let attributes = answer.attributes.unwrap_or_default();
        attributes.values().map(|count| count.parse::<usize>().unwrap()).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::too_many_lines,
    reason = "one deployment serves every step; it takes most of the time"
)]
async fn the_whole_way() {
    let account = account().await;

    // The function answers, and says what it can do.
    let health = account.invoke(&json!({})).await;
    assert_eq!(health["statusCode"], 200, "{health}");
    let body: Value = serde_json::from_str(health["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["status"], "healthy", "{body}");
    account.invoke(&json!({"tick": "heartbeat"})).await;
    let enabled = account
        .clients
        .ssm()
        .get_parameter()
        .name("/contentcraft/agents/enabled")
        .send()
        .await
        .unwrap();
    assert_eq!(
        enabled.parameter.unwrap().value.unwrap(),
        format!("{AGENT},DevOpsAutomation")
    );

    // A secret, over the bus; the same event twice more changes nothing more.
    let mut first = Value::Null;
    for time in 1..=3 {
        account.ask(&put_secret("secret-1", "api-key")).await;
        let outcome = account.outcome("secret-1").await;
        let (status, action) = (&outcome["status"], &outcome["result"]["action"]);
        assert_eq!((status, action), (&json!("success"), &json!("created")), "{outcome}");
        if time == 1 {
            first = outcome;
        } else {
            assert_eq!(outcome, first, "a repeat gets the first outcome");
        }
    }
    assert_eq!(account.versions("api-key").await, 1, "it was written once");
    assert_eq!(
        account.rows("AUDIT#", Some("\"secret-1\"")).await,
        1,
        "and is on record once"
    );

    // What cannot be read is answered too.
    account.ask(&json!({"action": "putSecret"})).await;
    let unreadable = account.outcome("unknown").await;
    assert_eq!(unreadable["reason"], "schema_validation_failed");

    // A poison message ends in the dead letters and does not stop what came with it.
    let queue = account
        .clients
        .sqs()
        .get_queue_url()
        .queue_name("devops-requests-dev")
        .send()
        .await
        .unwrap();
    let url = queue.queue_url.unwrap();
    let hurry = account.clients.sqs().set_queue_attributes().queue_url(&url);
    let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    hurry.attributes(visibility, "1").send().await.unwrap();
    let poison = account.clients.sqs().send_message().queue_url(&url);
    poison.message_body("{not json").send().await.unwrap();
    account.ask(&put_secret("secret-2", "beside-poison")).await;
    assert_eq!(account.outcome("secret-2").await["status"], "success");
    let given_up = async || account.waiting("devops-requests-dlq-dev").await == 1;
    account.until("the poison message is given up", given_up).await;
    assert_eq!(
        account.waiting("devops-requests-dev").await,
        0,
        "and nothing is left in the queue"
    );

    // Two at once on one request: one does it.
    let event = json!({"source": format!("agent.{AGENT}"), "detail-type": "devops.request", "detail": put_secret("secret-3", "twice")});
    let (one, two) = tokio::join!(account.invoke(&event), account.invoke(&event));
    for answer in [&one, &two] {
        assert!([200, 202].contains(&answer["statusCode"].as_u64().unwrap()), "{answer}");
    }
    account.outcomes(&[("secret-3", 1)]).await;
    assert_eq!(account.versions("twice").await, 1);
    assert_eq!(account.rows("AUDIT#", Some("\"secret-3\"")).await, 1);

    // A function that died after it had parked its deploy: what CloudFormation tells concludes it…
    account.park("deploy-2", "three").await;
    account.stack_status("UPDATE_COMPLETE").await;
    let outcome = account.outcome("deploy-2").await;
    assert_eq!(
        (&outcome["status"], &outcome["result"]["action"]),
        (&json!("success"), &json!("deployed")),
        "{outcome}"
    );
    // … and where that is lost, the sweep does.
    account.park("deploy-3", "four").await;
    account.invoke(&json!({"tick": "sweep"})).await;
    let outcome = account.outcome("deploy-3").await;
    assert_eq!(outcome["result"]["action"], "deployed", "{outcome}");
    assert_eq!(outcome["result"]["currentStatus"], "UPDATE_COMPLETE");

    // A deploy over the bus, concluded by what CloudFormation tells or by the sweep.
    account.ask(&deploy("deploy-1", "two")).await;
    let outcome = account.outcome("deploy-1").await;
    assert_eq!(
        (&outcome["status"], &outcome["result"]["action"]),
        (&json!("success"), &json!("deployed")),
        "{outcome}"
    );
    assert_eq!(outcome["result"]["changes"][0]["logicalId"], "Kept");
    // The same event twice more: the same change set's outcome, and nothing more on record.
    for _ in 0..2 {
        account.ask(&deploy("deploy-1", "two")).await;
        assert_eq!(account.outcome("deploy-1").await, outcome);
    }
    assert_eq!(account.rows("AUDIT#", Some("\"deploy-1\"")).await, 1);
    let kept = account
        .clients
        .ssm()
        .get_parameter()
        .name("/shop/kept")
        .send()
        .await
        .unwrap();
    assert_eq!(kept.parameter.unwrap().value.unwrap(), "two");

    // What is on record holds, and nothing is left to do.
    account.invoke(&json!({"tick": "sweep"})).await;
    let ports = account.ports();
    let verification = ports.audit.verify().await.unwrap();
    assert_eq!(verification.breaks, vec![]);
    assert!(verification.rows >= 8, "{verification:?}");
    assert_eq!(ports.ledger.backlog().await.unwrap(), Backlog::default());
}
