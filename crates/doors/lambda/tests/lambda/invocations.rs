//! The events people invoke the function with, and invocations that end before they have answered.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{
    PortError, PortErrorKind, PortResult, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite,
    SecretWritten,
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
use cc_devops_requests::retention::Rules;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Writes the secret, and then never answers.
struct Silent {
    store: Arc<dyn SecretStore>,
    written: Arc<Notify>,
}

#[async_trait]
impl SecretStore for Silent {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        self.store.put(write).await?;
        self.written.notify_one();
        std::future::pending().await
    }
    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        self.store.read(name, version).await
    }
    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        self.store.list(prefix, after, limit).await
    }
}

async fn memory() -> Memory {
    let memory = Memory::new();
    let agent = sample::agent(sample::AGENT);
    memory
        .ports()
        .agents
        .add(&agent, &sample::token(1), &sample::added())
        .await
        .unwrap();
    memory.script_stack(sample::stack(sample::STACK_SUCCEEDS), StackScript::Succeeds);
    memory
}

fn plane(ports: Ports) -> ControlPlane {
    let installation = sample::installation();
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
    let settings = RequestSettings {
        serves: Some(sample::stage()),
        ..RequestSettings::default()
    };
    ControlPlane::new(installation, ports, policy, FingerprintKey::new([7; 32]), settings)
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

fn setup(ports: Ports) -> Setup {
    let given = ports.clone();
    Setup {
        owner: None,
        installation: sample::installation(),
        mode: Mode::Normal,
        rules: Rules::default(),
        ports,
        worker: Arc::new(NoToken),
        watch: None,
        plane: Box::new(move || {
            let plane = plane(given.clone());
            Box::pin(async { Ok(plane) })
        }),
        gauge: Box::new(|_, _, _| {}),
        full_check: Box::new(|| Box::pin(async {})),
    }
}

fn put(id: &str) -> Value {
    json!({
        "source": format!("agent.{}", sample::AGENT), "detail-type": "devops.request",
        "detail": {"requestId": id, "action": "putSecret", "stage": "dev", "params": {
            "name": "/contentcraft/contentorchestrator/key", "value": sample::PLANTED_SECRET}},
    })
}

fn batch(event: &Value) -> Value {
    json!({"Records": [{"messageId": "m0", "body": event.to_string(), "eventSource": "aws:sqs"}]})
}

/// The status and the body of an answer.
fn read(answer: &Value) -> (u64, Value) {
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

fn writes(memory: &Memory) -> usize {
    memory.secret_writes(&sample::secret_name("/contentcraft/contentorchestrator/key"))
}

#[tokio::test]
async fn every_event_for_local_invocation_has_its_answer() {
    let function = Function::new(setup(memory().await.ports()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/events");
    let mut answers = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "mrr_calculation" {
            // The other function's.
            continue;
        }
        let event = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        answers.insert(name, read(&function.handle(event).await.unwrap()));
    }
    let statuses: Vec<(&str, u64)> = answers.iter().map(|(name, (code, _))| (name.as_str(), *code)).collect();
    assert_eq!(
        statuses,
        [
            ("devops_deploy_lambda", 200),
            ("devops_put_secret", 200),
            ("github_repo_check", 500),
            ("health_check", 200),
            ("workflow_monitor", 500),
        ]
    );
    let body = |name: &str| &answers[name].1;
    assert_eq!(body("devops_deploy_lambda")["result"]["action"], "deployed");
    assert_eq!(body("devops_put_secret")["result"]["action"], "created");
    assert_eq!(body("health_check")["status"], "healthy");
    for name in ["github_repo_check", "workflow_monitor"] {
        assert_eq!(body(name)["error"], "there is no GitHub token");
    }
}

#[tokio::test]
async fn a_function_that_runs_out_of_time_leaves_its_request_to_the_sweep() {
    let memory = memory().await;
    let written = Arc::new(Notify::new());
    let ports = memory.ports();
    let silent = Silent {
        store: ports.secrets.clone(),
        written: written.clone(),
    };
    let secrets: Arc<dyn SecretStore> = Arc::new(silent);
    let killed = Function::new(setup(Ports { secrets, ..ports }));
    tokio::select! {
        answer = killed.handle(batch(&put("r1"))) => panic!("it cannot answer: {answer:?}"),
        () = written.notified() => {}
    }
    drop(killed);

    // The queue gives the message again, to another invocation, while the first still has its lease.
    let function = Function::new(setup(memory.ports()));
    let answer = function.handle(batch(&put("r1"))).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "it is on record");
    function.handle(json!({"tick": "sweep"})).await.unwrap();
    assert!(memory.published_events().is_empty(), "nobody takes it from the first");

    memory.clock().advance(SignedDuration::from_mins(10));
    function.handle(json!({"tick": "sweep"})).await.unwrap();
    let told = memory.published_events();
    assert_eq!(told.len(), 1);
    let completed = told[0].event.body.completed().unwrap();
    assert_eq!(completed.request_id, "r1");
    assert_eq!(completed.result.as_ref().unwrap()["action"], "created", "{completed:?}");
    assert_eq!(
        writes(&memory),
        1,
        "the second write was the first, told apart by its token"
    );
}

#[tokio::test]
async fn two_invocations_at_once_over_one_request_do_it_once() {
    let memory = memory().await;
    let one = Function::new(setup(memory.ports()));
    let two = Function::new(setup(memory.ports()));
    let (direct, queued) = (put("r1"), batch(&put("r1")));
    let (first, second) = tokio::join!(one.handle(direct), two.handle(queued));
    let (status, _) = read(&first.unwrap());
    assert!([200, 202].contains(&status));
    assert_eq!(second.unwrap()["batchItemFailures"], json!([]));
    assert_eq!(writes(&memory), 1);
    let rows = memory.audit_rows();
    let ours = rows.iter().filter(|row| format!("{row:?}").contains("\"r1\""));
    assert_eq!(ours.count(), 1);
}

#[tokio::test]
async fn the_control_plane_is_made_when_needed_and_tried_again_where_that_failed() {
    let memory = memory().await;
    let (tries, fails) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let ports = memory.ports();
    let made = {
        let (tries, fails, ports) = (tries.clone(), fails.clone(), ports.clone());
        move || {
            tries.fetch_add(1, Ordering::SeqCst);
            let plane = if fails.load(Ordering::SeqCst) {
                Err(PortError::new(PortErrorKind::Unavailable, "the key cannot be read"))
            } else {
                Ok(plane(ports.clone()))
            };
            Box::pin(async { plane }) as futures::future::BoxFuture<'static, _>
        }
    };
    let function = Function::new(Setup {
        plane: Box::new(made),
        ..setup(ports)
    });
    assert_eq!(read(&function.handle(json!({})).await.unwrap()).0, 200);
    assert_eq!(tries.load(Ordering::SeqCst), 0, "a health check needs none");
    let answer = function.handle(batch(&put("r1"))).await.unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "m0");
    fails.store(false, Ordering::SeqCst);
    let answer = function.handle(batch(&put("r1"))).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    function.handle(json!({"tick": "sweep"})).await.unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 2, "one that was made is kept");
    assert_eq!(writes(&memory), 1);
}

#[tokio::test]
async fn a_heartbeat_cuts_what_is_old_off_the_audit_trail_where_that_is_wanted() {
    let rules = |audit_days| Rules {
        audit_days,
        ..Rules::default()
    };
    let cases = [
        (Mode::Normal, false, rules(Some(1)), 0),
        (Mode::Normal, false, rules(None), 3),
        (Mode::Maintenance, false, rules(Some(1)), 3),
        (Mode::Normal, true, rules(Some(1)), 3),
    ];
    for (mode, by_store, rules, left) in cases {
        let memory = memory().await;
        let ports = memory.ports();
        for number in 1..=3 {
            let entry = sample::audit_entry("putSecret", number);
            ports.audit.append(&entry).await.unwrap();
        }
        memory.clock().advance(SignedDuration::from_hours(48));
        if by_store {
            memory.maintenance(true).await;
        }
        let function = Function::new(Setup {
            mode,
            rules,
            ..setup(ports.clone())
        });
        // The first cuts, the second removes what the first left.
        for _ in 0..2 {
            function.handle(json!({"tick": "heartbeat"})).await.unwrap();
        }
        let rows = memory.audit_rows();
        let old = rows.iter().filter(|row| row.entry.action == "putSecret").count();
        assert_eq!(old, left, "{mode:?}, {by_store}, {rules:?}");
        let health = function.handle(json!({"task_type": "health_check"})).await.unwrap();
        let said = health["body"].as_str().unwrap().contains("\"mode\":\"maintenance\"");
        assert_eq!(said, by_store || mode == Mode::Maintenance, "{health}");
        assert!(ports.audit.verify().await.unwrap().breaks.is_empty());
    }
}
