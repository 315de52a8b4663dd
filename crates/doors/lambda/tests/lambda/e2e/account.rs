//! The account on the emulator: the template as users deploy it, and what a test does to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use cc_devops_aws::{Backend, Clients, Resources};
use cc_devops_fake_stripe::{FakeStripe, Model};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::{Planning, Ports, WantedChange};
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::StackLock;
use cc_devops_requests::sealed_values::{SealingKey, bound};
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample;
use crypto_box::aead::OsRng;
use serde_json::{Value, json};
use tokio::process::Command;

const FUNCTION: &str = "cc-agent-devops-automation-dev";
const TABLE: &str = "DevOpsLedger-dev";
pub(crate) const AGENT: &str = "ContentOrchestrator";

/// The longest anything may take to come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// The stack that the test's deploys change.
const SHOP: &str = r#"{
  "Parameters": {"Value": {"Type": "String", "Default": "one"}},
  "Resources": {"Kept": {"Type": "AWS::SSM::Parameter", "Properties": {
    "Name": "/shop/kept", "Type": "String", "Value": {"Ref": "Value"}}}}
}"#;

/// An account with the control plane in it.
pub(crate) struct Account {
    peer: Peer,
    pub(crate) clients: Clients,
    /// Where the deployed function finds Stripe.
    pub(crate) stripe: FakeStripe,
    outcomes: String,
    _folder: tempfile::TempDir,
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .canonicalize()
        .unwrap()
}

pub(crate) fn peers_folder() -> PathBuf {
    std::env::var_os("CC_DEVOPS_PEERS").map_or_else(|| repository().join("target/peers"), PathBuf::from)
}

/// A copy of the template beside packages with the functions of this build.
async fn package(folder: &Path) {
    for file in ["template.yaml", "samconfig.toml"] {
        std::fs::copy(repository().join(file), folder.join(file)).unwrap();
    }
    let functions = [
        ("devops-automation", env!("CARGO_BIN_EXE_devops-automation")),
        ("stripe-mrr-reporter", env!("CARGO_BIN_EXE_stripe-mrr-reporter")),
        ("repositories", env!("CARGO_BIN_EXE_repositories")),
        ("slack-actions", env!("CARGO_BIN_EXE_slack-actions")),
    ];
    for (name, program) in functions {
        let package = folder.join("target/lambda/package").join(name);
        std::fs::create_dir_all(&package).unwrap();
        let bootstrap = package.join("bootstrap");
        std::fs::copy(program, &bootstrap).unwrap();
        // What is only for debuggers would be most of the upload.
        drop(Command::new("strip").arg(&bootstrap).status().await);
    }
}

async fn sam_deploy(peer: &Peer, folder: &Path, stripe: &FakeStripe) {
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
        .arg(format!("StripeApiUrl={}", stripe.url()))
        .arg("RevenueRates=eur=1.25,jpy=0.01")
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

/// An account with the template deployed in it. Its Stripe is empty, and has no key there.
pub(crate) async fn account() -> Account {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path()).await;
    let peer = peers::ministack().await;
    let stripe = FakeStripe::start(Model::at(SystemClock.now().as_second() - 90 * 86_400)).await;
    sam_deploy(&peer, folder.path(), &stripe).await;
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
    let pattern = json!({"source": ["devops.automation"], "detail-type": ["devops.completed"]});
    let outcomes = listen(&clients, "outcomes", &pattern).await;
    let shop = clients
        .cloudformation()
        .create_stack()
        .stack_name("cc-agent-content-orchestrator-dev");
    shop.template_body(SHOP).send().await.unwrap();
    Account {
        peer,
        clients,
        stripe,
        outcomes,
        _folder: folder,
    }
}

/// A queue for those events on the bus, and its address.
pub(crate) async fn listen(clients: &Clients, name: &str, pattern: &Value) -> String {
    let queue = clients.sqs().create_queue().queue_name(name).send().await.unwrap();
    let events = clients.eventbridge();
    let rule = events.put_rule().name(name).event_pattern(pattern.to_string());
    rule.send().await.unwrap();
    let target = Target::builder().id("queue");
    let target = target.arn(format!("arn:aws:sqs:us-east-1:000000000000:{name}"));
    let targets = events.put_targets().rule(name).targets(target.build().unwrap());
    targets.send().await.unwrap();
    queue.queue_url.unwrap()
}

pub(crate) fn put_secret(id: &str, secret: &str) -> Value {
    json!({"requestId": id, "action": "putSecret", "stage": "dev", "requestedBy": AGENT, "params": {
        "name": format!("/contentcraft/contentorchestrator/{secret}"), "value": "not-a-real-value"}})
}

pub(crate) fn deploy(id: &str, value: &str) -> Value {
    json!({"requestId": id, "action": "deployLambda", "params": {
        "stackName": "cc-agent-content-orchestrator", "parameters": {"Value": value}}})
}

impl Account {
    /// Where the emulator is.
    pub(crate) fn url(&self) -> &str {
        self.peer.url()
    }

    /// Puts a request on the bus, as its agent does.
    pub(crate) async fn ask(&self, detail: &Value) {
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
    pub(crate) async fn outcomes(&self, wanted: &[(&str, usize)]) -> BTreeMap<String, Vec<Value>> {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let end = Instant::now() + PATIENCE;
        while wanted
            .iter()
            .any(|(id, times)| found.get(*id).map_or(0, Vec::len) < *times)
        {
            assert!(Instant::now() < end, "waited for {wanted:?}, found {found:?}");
            for event in self.receive(&self.outcomes).await {
                assert_eq!(
                    (&event["source"], &event["detail-type"]),
                    (&json!("devops.automation"), &json!("devops.completed"))
                );
                let detail = event["detail"].clone();
                let id = detail["requestId"].as_str().unwrap().to_owned();
                found.entry(id).or_default().push(detail);
            }
        }
        found
    }

    /// Events that wait in a queue, or come within a second. They are taken out.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Value> {
        let call = self.clients.sqs().receive_message().queue_url(queue);
        let call = call.max_number_of_messages(10).wait_time_seconds(1);
        let messages = call.send().await.unwrap().messages.unwrap_or_default();
        let mut events = Vec::with_capacity(messages.len());
        for message in messages {
            events.push(serde_json::from_str(message.body().unwrap()).unwrap());
            let delete = self.clients.sqs().delete_message().queue_url(queue);
            delete
                .receipt_handle(message.receipt_handle.unwrap())
                .send()
                .await
                .unwrap();
        }
        events
    }

    pub(crate) async fn outcome(&self, id: &str) -> Value {
        self.outcomes(&[(id, 1)]).await.remove(id).unwrap().remove(0)
    }

    /// What the control plane's function answers.
    pub(crate) async fn invoke(&self, payload: &Value) -> Value {
        self.invoke_function(FUNCTION, payload).await
    }

    /// What a function answers.
    pub(crate) async fn invoke_function(&self, function: &str, payload: &Value) -> Value {
        let call = self.clients.lambda().invoke().function_name(function);
        let answer = call
            .payload(payload.to_string().into_bytes().into())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.function_error(), None, "the function failed: {answer:?}");
        serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap()
    }

    /// How many rows of the table have a key that begins so.
    pub(crate) async fn rows(&self, prefix: &str, with: Option<&str>) -> usize {
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

    /// The parameters of a `putSecret` whose value is sealed to the published key, and that key's id.
    pub(crate) async fn sealed(&self, secret: &str, value: &str) -> (Value, String) {
        let parameter = self
            .clients
            .ssm()
            .get_parameter()
            .name("/contentcraft/devops/sealing-key");
        let published = parameter.send().await.unwrap().parameter.unwrap().value.unwrap();
        let key: SealingKey = serde_json::from_str(&published).unwrap();
        let name = sample::secret_name(&format!("/contentcraft/contentorchestrator/{secret}"));
        let plain = bound(&sample::agent_name(AGENT), &name, &SecretValue::new(value.to_owned()));
        let sealed = key.seal(&mut OsRng, &plain).unwrap();
        let params = json!({"name": name, "sealedValue": sealed, "keyId": key.key_id});
        (params, key.key_id.to_string())
    }

    /// A secret's value.
    pub(crate) async fn secret(&self, secret: &str) -> String {
        let call = self.clients.secrets().get_secret_value();
        let call = call.secret_id(format!("/contentcraft/contentorchestrator/{secret}"));
        call.send().await.unwrap().secret_string.unwrap()
    }

    /// How many rows of the table have a text somewhere.
    pub(crate) async fn rows_that_hold(&self, text: &str) -> usize {
        let mut pages = self.clients.dynamodb().scan().table_name(TABLE).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let items = page.unwrap().items.unwrap_or_default();
            count += items.iter().filter(|item| format!("{item:?}").contains(text)).count();
        }
        count
    }

    pub(crate) async fn versions(&self, secret: &str) -> usize {
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
    pub(crate) fn ports(&self) -> Ports {
        self.backend().ports()
    }

    fn backend(&self) -> Backend {
        let resources = Resources::of(&sample::installation(), sample::stage());
        let clients = Clients::of_emulator(self.peer.url());
        Backend::new(clients, resources, sample::installation(), Arc::new(SystemClock))
    }

    /// Plays a function that takes a deploy, begins the stack's change, parks the request, and dies.
    pub(crate) async fn park(&self, id: &str, value: &str) {
        let (backend, ports) = (self.backend(), self.ports());
        let installation = sample::installation();
        let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
        let key = backend.fingerprint_key().await.unwrap();
        let plane = ControlPlane::new(installation, ports.clone(), policy, key, RequestSettings::default());
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
            .lock_stack(&claimed.request.claim, &deploy.full_name())
            .await
            .unwrap()
        else {
            panic!("the stack must be free");
        };
        let wanted = WantedChange {
            stack: &lease.stack,
            request: &lease.request,
            deploy: &deploy,
            may_create: false,
            at: SystemClock.now(),
        };
        let Planning::Ready(draft) = ports.stacks.plan(&wanted).await.unwrap() else {
            panic!("the emulator's change sets are ready at once");
        };
        let begun = ports.stacks.apply(&lease, &draft.handle, SystemClock.now()).await;
        begun.unwrap();
        ports
            .ledger
            .park(&claimed.request.claim, SystemClock.now())
            .await
            .unwrap();
    }

    /// Tells what CloudFormation tells of the stack; the emulator does not.
    pub(crate) async fn stack_status(&self, status: &str) {
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
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < end, "waited until {what}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// How many messages wait in a queue, visible or not.
    pub(crate) async fn waiting(&self, queue: &str) -> usize {
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
