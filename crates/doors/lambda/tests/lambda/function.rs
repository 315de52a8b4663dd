//! The function on the fake ports: what it answers, and what it leaves recoverable.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{
    PortErrorKind, PortResult, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten,
};
use cc_devops_kernel::work::WorkHandle;
use cc_devops_lambda::{Function, Setup};
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_repos::ports::RepositoryWorker;
use cc_devops_repos::work::RepositoryWork;
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Panics over one secret.
struct Fragile(Arc<dyn SecretStore>);

#[async_trait]
impl SecretStore for Fragile {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        assert!(!write.put.name.as_str().ends_with("/poison"), "poisoned");
        self.0.put(write).await
    }
    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        self.0.read(name, version).await
    }
    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        self.0.list(prefix, after, limit).await
    }
}

async fn set_up() -> (Memory, Function) {
    let memory = Memory::new();
    let ports = memory.ports();
    ports
        .agents
        .add(&sample::agent(sample::AGENT), &sample::token(1), &sample::added())
        .await
        .unwrap();
    let function = function(Ports {
        secrets: Arc::new(Fragile(ports.secrets.clone())),
        ..ports
    });
    (memory, function)
}

/// Who looks after repositories where there is no GitHub token.
struct NoToken;

#[async_trait]
impl RepositoryWorker for NoToken {
    async fn carry_out(
        &self,
        _work: &RepositoryWork,
        _: &Author,
        _: &WorkHandle,
    ) -> PortResult<Result<Value, Failure>> {
        Ok(Err(Failure::new(Reason::MissingDependency, "there is no GitHub token")))
    }
}

fn function(ports: Ports) -> Function {
    let plane = ports.clone();
    Function::new(Setup {
        owner: None,
        installation: sample::installation(),
        mode: Mode::Normal,
        rules: cc_devops_requests::retention::Rules::default(),
        ports,
        worker: Arc::new(NoToken),
        watch: None,
        plane: Box::new(move || {
            let ports = plane.clone();
            Box::pin(async move {
                let installation = sample::installation();
                let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
                let settings = RequestSettings {
                    serves: Some(sample::stage()),
                    ..RequestSettings::default()
                };
                Ok(ControlPlane::new(
                    installation,
                    ports,
                    policy,
                    FingerprintKey::new([7; 32]),
                    settings,
                ))
            })
        }),
        gauge: Box::new(|_, _, _| {}),
        full_check: Box::new(|| Box::pin(async {})),
    })
}

fn put(id: &str, secret: &str) -> Value {
    json!({
        "source": format!("agent.{}", sample::AGENT), "detail-type": "devops.request",
        "detail": {"requestId": id, "action": "putSecret", "stage": "dev", "params": {
            "name": format!("/contentcraft/contentorchestrator/{secret}"), "value": sample::PLANTED_SECRET}},
    })
}

fn deploy(id: &str) -> Value {
    json!({
        "source": format!("agent.{}", sample::AGENT), "detail-type": "devops.request",
        "detail": {"requestId": id, "action": "deployLambda", "params": {"stackName": sample::STACK_SUCCEEDS}},
    })
}

fn batch(bodies: &[String]) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| json!({"messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs"}))
        .collect();
    json!({"Records": records})
}

fn failures(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let mut ids: Vec<&str> = failures.iter().map(|f| f["itemIdentifier"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// The status and the body of an answer.
fn read(answer: &Value) -> (u64, Value) {
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test]
async fn a_poison_message_does_not_stop_its_batch_and_a_panic_leaves_its_request_recoverable() {
    let (memory, function) = set_up().await;
    let bodies = [
        put("r1", "one").to_string(),
        "{not json".to_owned(),
        put("r2", "poison").to_string(),
        put("r3", "three").to_string(),
        json!({"detail-type": "devops.request", "source": "agent.Nobody!", "detail": {}}).to_string(),
    ];
    let answer = function.handle(batch(&bodies)).await.unwrap();
    assert_eq!(
        failures(&answer),
        ["m1", "m2"],
        "only what is to be given again is named"
    );
    function.relay().await;
    let mut told: Vec<String> = memory
        .published_events()
        .iter()
        .map(|logged| logged.event.body.key().to_owned())
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        ["r1", "r3", "unknown"],
        "the others have their outcome, told on the bus"
    );

    let again = function
        .handle(batch(&[put("r2", "poison").to_string()]))
        .await
        .unwrap();
    assert!(
        failures(&again).is_empty(),
        "it is on record: given again, it is left to the sweep"
    );
    memory.clock().advance(SignedDuration::from_mins(10));
    let mended = self::function(memory.ports());
    mended.handle(json!({"tick": "sweep"})).await.unwrap();
    let found = memory
        .ports()
        .ledger
        .find(&sample::request_id("r2"))
        .await
        .unwrap()
        .unwrap();
    assert!(
        found.completed.is_some(),
        "the sweep carries it out when its lease has ended"
    );
}

#[tokio::test]
async fn what_is_concluded_is_told_behind_the_answer_and_by_the_next_sweep_if_it_was_not() {
    let (memory, one) = set_up().await;
    let (status, _) = read(&one.handle(put("r1", "one")).await.unwrap());
    assert_eq!(status, 200);
    assert!(memory.bus_events().is_empty(), "the answer did not wait for the bus");
    one.relay().await;
    assert_eq!(memory.bus_events().len(), 1);

    read(&one.handle(put("r2", "two")).await.unwrap());
    // It is stopped behind its answer; another one makes the sweep.
    function(memory.ports()).handle(json!({"tick": "sweep"})).await.unwrap();
    let keys: Vec<String> = memory
        .bus_events()
        .iter()
        .map(|event| event.body.key().to_owned())
        .collect();
    assert_eq!(keys, ["r1", "r2"], "each once");
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_fails_as_a_whole_and_a_message_without_a_text_alone() {
    let (memory, function) = set_up().await;
    let good = put("r1", "one").to_string();
    for records in [
        json!({}),
        json!("x"),
        json!([{"messageId": "m0", "body": good}, {"body": good}]),
        json!([{"messageId": "m0", "body": good}, "x"]),
    ] {
        let answer = function.handle(json!({"Records": records})).await;
        assert!(answer.is_err(), "an answer would have the batch deleted: {records}");
    }
    let nothing = memory.ports().ledger.find(&sample::request_id("r1")).await.unwrap();
    assert!(nothing.is_none(), "nothing of such a batch is taken");

    let records =
        json!([{"messageId": "m0", "body": good}, {"messageId": "m1", "body": {"a": 1}}, {"messageId": "m2"}]);
    let answer = function.handle(json!({"Records": records})).await.unwrap();
    assert_eq!(failures(&answer), ["m1", "m2"]);
    let taken = memory.ports().ledger.find(&sample::request_id("r1")).await.unwrap();
    assert!(taken.is_some_and(|record| record.completed.is_some()));
}

#[tokio::test]
async fn a_batch_that_reaches_no_ledger_is_given_again() {
    let (memory, function) = set_up().await;
    memory.fail_with(Some(PortErrorKind::Unavailable));
    let answer = function.handle(batch(&[put("r1", "one").to_string()])).await.unwrap();
    assert_eq!(failures(&answer), ["m0"]);
}

#[tokio::test]
async fn a_request_given_directly_is_answered_as_the_contract_says() {
    let (memory, function) = set_up().await;
    let (status, body) = read(&function.handle(put("r1", "one")).await.unwrap());
    assert_eq!(
        (status, &body["status"], &body["requestId"]),
        (200, &json!("success"), &json!("r1"))
    );
    assert_eq!(body["result"]["action"], "created");
    assert!(body["latencyMs"].is_u64());
    let mut wrong = put("r2", "two");
    wrong["detail"]["params"]["name"] = json!("/elsewhere/x");
    let (status, body) = read(&function.handle(wrong).await.unwrap());
    assert_eq!((status, &body["reason"]), (500, &json!("invalid_parameter")));
    assert!(body["error"].as_str().unwrap().contains("/contentcraft/"));

    memory.script_stack(sample::stack(sample::STACK_SUCCEEDS), StackScript::KeepsChanging);
    let (status, body) = read(&function.handle(deploy("r3")).await.unwrap());
    assert_eq!(
        (status, &body["status"]),
        (202, &json!("accepted")),
        "the stack is still changing"
    );
    memory.end_change(&sample::request_id("r3"), StackScript::Succeeds);
    let news = json!({
        "source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change",
        "detail": {"stack-id": format!("arn:aws:cloudformation:us-east-1:1:stack/{}-dev/1", sample::STACK_SUCCEEDS),
                   "status-details": {"status": "UPDATE_COMPLETE"}},
    });
    function.handle(news).await.unwrap();
    function.relay().await;
    let events = memory.published_events();
    let last = &events.last().unwrap().event.body;
    assert_eq!(last.key(), "r3", "the status event concludes the deploy");
    assert!(!format!("{events:?}").contains(sample::PLANTED_SECRET));
}

#[tokio::test]
async fn another_stages_requests_are_let_pass() {
    let (memory, function) = set_up().await;
    let mut other = put("r1", "one");
    other["detail"]["stage"] = json!("prod");
    let answer = function.handle(batch(&[other.to_string()])).await.unwrap();
    assert!(failures(&answer).is_empty());
    assert!(
        memory
            .ports()
            .ledger
            .find(&sample::request_id("r1"))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn tasks_are_answered_as_the_contract_says() {
    let (_memory, function) = set_up().await;
    let ask = async |payload: Value| read(&function.handle(payload).await.unwrap());
    let (status, health) = ask(json!({})).await;
    assert_eq!(
        (status, &health["status"], &health["agent"]),
        (200, &json!("healthy"), &json!("DevOpsAutomation"))
    );
    for capability in cc_devops_kernel::health::CAPABILITIES {
        assert!(
            health["capabilities"].as_array().unwrap().contains(&json!(capability)),
            "{capability}"
        );
    }
    let (status, body) = ask(json!({"task_type": "github_repo_check"})).await;
    assert_eq!((status, &body["agent"]), (500, &json!("DevOpsAutomation")));
    assert_eq!(body["error"], "there is no GitHub token");
    let (status, body) = ask(json!({"task_type": "github_repo_check", "repository": 7})).await;
    assert_eq!((status, &body["error"]), (500, &json!("`repository` must be a string")));
    let (status, body) = ask(json!({"task_type": "nonsense"})).await;
    assert_eq!((status, body), (400, json!({"error": "Unknown task type: nonsense"})));
}

#[tokio::test]
async fn a_heartbeat_that_cannot_be_sent_fails_the_invocation() {
    let (memory, function) = set_up().await;
    function.handle(json!({"tick": "heartbeat"})).await.unwrap();
    let agents = memory.ports().agents.list().await.unwrap();
    let own = agents
        .iter()
        .find(|status| status.agent.name.as_str() == "DevOpsAutomation")
        .unwrap();
    assert!(own.last_beat.as_ref().is_some_and(|beat| beat.healthy));
    memory.fail_with(Some(PortErrorKind::Unavailable));
    let Err(error) = function.handle(json!({"tick": "heartbeat"})).await else {
        panic!("the Errors alarm must see it");
    };
    assert!(error.to_string().contains("heartbeat"));
}
