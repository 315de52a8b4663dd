//! The function that looks after repositories, on the fake GitHub: its answers are those of the wire contract.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_github::{FakeGitHub, Model, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_github::client::{CredentialSource, GithubSettings};
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::Clock;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_lambda::repositories::{Invocation, RepositoriesFunction};
use cc_devops_repos::auditing;
use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::fixing::Fixer;
use cc_devops_repos::monitoring;
use cc_devops_repos::monitoring::Monitor;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{Begun, CodeHost, HandedOver, WorkOutcome};
use cc_devops_repos::worker::LocalWorker;
use cc_devops_testkit::{Memory, sample};
use serde_json::{Value, json};

fn function(fake: &FakeGitHub, memory: &Memory, token: &str) -> RepositoriesFunction {
    drop(rustls::crypto::ring::default_provider().install_default());
    let ports = memory.ports();
    let settings = GithubSettings {
        api_url: fake.url().to_owned(),
        ..GithubSettings::default()
    };
    let given = CredentialSource::Given(SecretValue::new(token.to_owned()));
    let store = Arc::clone(&ports.repositories);
    let host: Arc<dyn CodeHost> = Arc::new(GitHub::new(given, "acme", settings, store.clone()));
    let policy = Arc::new(Policy::default());
    let audited = auditing::AuditSettings {
        owner: "acme".to_owned(),
        policy: Arc::clone(&policy),
        reader: sample::installation().agent,
        mode: Mode::Normal,
    };
    let watched = monitoring::MonitoringSettings {
        owner: "acme".to_owned(),
        policy: Arc::clone(&policy),
        mode: Mode::Normal,
    };
    let auditor = Arc::new(Auditor::new(host.clone(), store.clone(), ports.clone(), audited));
    let worker = LocalWorker {
        owner: "acme".to_owned(),
        auditor: auditor.clone(),
        monitor: Arc::new(Monitor::new(host.clone(), &ports, watched)),
        fixer: Fixer::new(host.clone(), "acme", policy, &ports),
        host,
        secrets: ports.secrets.clone(),
        clock: ports.clock.clone(),
    };
    RepositoriesFunction {
        owner: "acme".to_owned(),
        auditor,
        worker: Arc::new(worker),
        clock: ports.clock,
        agent: sample::installation().agent,
        handed_over: Arc::new(memory.clone()),
    }
}

/// An invocation of that name that nobody hurries.
fn unhurried(run: &str) -> Invocation {
    Invocation {
        run: run.to_owned(),
        left: Duration::from_hours(1),
    }
}

async fn set_up() -> (FakeGitHub, Memory, u64) {
    let mut model = Model::at(1_795_392_000);
    model.repo("acme/web", |_| ());
    model.repo("acme/api", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    (FakeGitHub::start(model).await, Memory::new(), ci)
}

async fn ask(function: &RepositoriesFunction, payload: Value) -> (u64, Value) {
    let answer = function.handle(&payload, &unhurried("run")).await.unwrap();
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test]
async fn a_repository_check_is_answered_as_the_contract_says() {
    let (fake, memory, _) = set_up().await;
    let function = function(&fake, &memory, TOKEN);
    let (status, one) = ask(
        &function,
        json!({"task_type": "github_repo_check", "repository": "web"}),
    )
    .await;
    assert_eq!((status, &one["repository"]), (200, &json!("web")));
    for name in ["branch_protection", "dependabot_config"] {
        assert!(
            one["checks_performed"].as_array().unwrap().contains(&json!(name)),
            "{one}"
        );
    }
    assert!(one["issues_found"][0].is_string() && one["timestamp"].is_string() && one["findings"].is_array());
    let (status, all) = ask(&function, json!({"task_type": "github_repo_check"})).await;
    assert_eq!((status, all["repositories"].as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(all["summary"]["repositories"], 2);
    let (status, none) = ask(
        &function,
        json!({"task_type": "github_repo_check", "repository": "nowhere"}),
    )
    .await;
    assert_eq!((status, &none["agent"]), (500, &json!("DevOpsAutomation")));
    assert!(none["error"].as_str().unwrap().contains("acme/nowhere"), "{none}");
}

#[tokio::test]
async fn the_workflow_monitor_is_answered_as_the_contract_says() {
    let (fake, memory, ci) = set_up().await;
    let function = function(&fake, &memory, TOKEN);
    let one = json!({"task_type": "workflow_monitor", "repository": "web", "workflow": "ci.yml"});
    let shape = |answer: &Value| {
        let field = |name: &str| answer[name].clone();
        (
            field("workflow"),
            field("status"),
            field("conclusion"),
            field("action_taken"),
        )
    };
    let (status, answer) = ask(&function, one.clone()).await;
    assert_eq!(status, 200);
    let failed = |taken: Value| (json!("ci.yml"), json!("completed"), json!("failure"), taken);
    assert_eq!(shape(&answer), failed(json!("issue_created")));
    let (_, answer) = ask(&function, one.clone()).await;
    assert_eq!(shape(&answer), failed(Value::Null), "the issue says it already");
    fake.change(|model| model.run(ci, "success", |_| ()));
    let (_, answer) = ask(&function, one).await;
    let closed = (
        json!("ci.yml"),
        json!("completed"),
        json!("success"),
        json!("issue_closed"),
    );
    assert_eq!(shape(&answer), closed);
    let none = json!({"task_type": "workflow_monitor", "repository": "api", "workflow": "ci.yml"});
    let (status, answer) = ask(&function, none).await;
    assert_eq!(
        (status, answer),
        (200, json!({"workflow": "ci.yml", "status": "no_runs_found"}))
    );
}

#[tokio::test]
async fn the_schedule_audits_and_watches_and_a_failure_fails_the_invocation() {
    let (fake, memory, _) = set_up().await;
    let good = function(&fake, &memory, TOKEN);
    let (status, audit) = ask(&good, json!({"tick": "audit"})).await;
    assert_eq!((status, &audit["complete"]), (200, &json!(true)));
    let breaches = audit["summary"]["breaches"].as_object().unwrap().values();
    let breaches: u64 = breaches.filter_map(Value::as_u64).sum();
    assert_eq!(
        memory.alerts().len() as u64,
        breaches,
        "everything is new, and each is one"
    );
    let (_, looked) = ask(&good, json!({"tick": "workflows"})).await;
    assert_eq!(looked["summary"]["issues"]["issue_created"], 1);
    let failing = memory.alerts().pop().unwrap();
    assert_eq!(failing.key, "workflow/acme/web/ci.yml");
    let bad = function(&fake, &memory, "ghp_wrong");
    for tick in ["audit", "workflows"] {
        let error = bad.handle(&json!({"tick": tick}), &unhurried("run")).await.unwrap_err();
        assert!(error.to_string().contains("does not accept the token"), "{error}");
    }
    let (status, _) = ask(&good, json!({"task_type": "health_check"})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_control_planes_own_function_asks_in_its_own_form() {
    let (fake, memory, _) = set_up().await;
    let function = function(&fake, &memory, TOKEN);
    let asked = json!({"asked": {"work": "protect", "repository": "web", "dry_run": false}});
    let answer = function.handle(&asked, &unhurried("run")).await.unwrap();
    let WorkOutcome::Done(done) = serde_json::from_value(answer).unwrap() else {
        panic!("it is done")
    };
    assert_eq!(done["changes"][0]["done"], true, "{done}");
    assert_eq!(fake.read(|model| model.get("acme/web").rulesets().len()), 1);
    let wrong = json!({"asked": {"work": "check", "repository": "nowhere"}});
    let answer = function.handle(&wrong, &unhurried("run")).await.unwrap();
    assert!(
        answer["refused"]["error"].as_str().unwrap().contains("acme/nowhere"),
        "{answer}"
    );
}

#[tokio::test]
async fn work_handed_over_is_done_once_and_its_answer_left_where_the_control_plane_looks() {
    let (fake, memory, _) = set_up().await;
    let function = function(&fake, &memory, TOKEN);
    let id = sample::request_id("r1");
    let asked = json!({"asked": {"work": "protect", "repository": "web", "dry_run": false}, "request": "r1"});
    function.handle(&asked, &unhurried("one")).await.unwrap();
    let standing = memory.standing(&id).await.unwrap().unwrap();
    let Some(WorkOutcome::Done(done)) = standing.answer else {
        panic!("it is done")
    };
    assert_eq!(done["changes"][0]["done"], true, "{done}");
    assert_eq!(memory.notified_of_ends(), std::slice::from_ref(&id));
    let requests = fake.requests().len();
    for run in ["one", "two"] {
        function.handle(&asked, &unhurried(run)).await.unwrap();
    }
    assert_eq!(fake.requests().len(), requests, "given again, it is not done again");

    let refused = json!({"asked": {"work": "check", "repository": "nowhere"}, "request": "r2"});
    function.handle(&refused, &unhurried("one")).await.unwrap();
    let standing = memory.standing(&sample::request_id("r2")).await.unwrap().unwrap();
    assert!(
        matches!(standing.answer, Some(WorkOutcome::Refused { .. })),
        "{standing:?}"
    );
}

#[tokio::test]
async fn another_runs_work_is_left_alone_and_work_without_time_says_so() {
    let (fake, memory, _) = set_up().await;
    let function = function(&fake, &memory, TOKEN);
    let (id, now) = (sample::request_id("r1"), memory.clock().now());
    let begun = memory
        .begin(&id, "other", now, now + jiff::SignedDuration::from_secs(60))
        .await;
    assert_eq!(begun.unwrap(), Begun::Claimed { tries: 1 });
    let asked = |id: &str| json!({"asked": {"work": "check", "repository": null}, "request": id});
    function.handle(&asked("r1"), &unhurried("one")).await.unwrap();
    assert_eq!(memory.standing(&id).await.unwrap().unwrap().answer, None);
    assert!(memory.notified_of_ends().is_empty());

    let hurried = Invocation {
        run: "one".to_owned(),
        left: Duration::ZERO,
    };
    function.handle(&asked("r2"), &hurried).await.unwrap();
    let standing = memory.standing(&sample::request_id("r2")).await.unwrap().unwrap();
    assert!(
        matches!(standing.answer, Some(WorkOutcome::Refused { ref error, .. }) if error.contains("longer than")),
        "{standing:?}"
    );
}
