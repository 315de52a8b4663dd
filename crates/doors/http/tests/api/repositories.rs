//! Repositories by the clock, and when the code host says that a workflow has ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{Method, StatusCode};
use cc_devops_http::Hygiene;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::outcome::Failure;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::auditing::{AuditSettings, Auditor};
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::issues::{CloseReason, IssueRef};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{
    ApiUsage, CodeHost, CodeHostNotices, Depth, FoundIssues, IssueLookup, RepositoryWorker, TakeFound,
};
use cc_devops_repos::settings::{SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{Fact, Repository};
use cc_devops_repos::work::RepositoryWork;
use cc_devops_testkit::{Memory, sample};
use serde_json::{Value, json};

use crate::harness::{Answer, As, Harness, request, until};

/// A code host whose owner has no repository.
struct Bare;

fn nothing<T>() -> PortResult<T> {
    Err(PortError::new(PortErrorKind::NotFound, "there is nothing here"))
}

#[async_trait]
impl CodeHost for Bare {
    async fn repositories(&self, _: &str, _: Depth<'_>, _: &mut TakeFound<'_>) -> PortResult<ApiUsage> {
        Ok(ApiUsage::default())
    }
    async fn repository(&self, _: &str, _: Depth<'_>) -> PortResult<(Box<Repository>, ApiUsage)> {
        nothing()
    }
    async fn issues(&self, _: &IssueLookup) -> PortResult<(FoundIssues, ApiUsage)> {
        nothing()
    }
    async fn create_issue(&self, _: &str, _: &str, _: &str, _: &[String]) -> PortResult<IssueRef> {
        nothing()
    }
    async fn update_issue(&self, _: &IssueRef, _: &str) -> PortResult<()> {
        nothing()
    }
    async fn close_issue(&self, _: &IssueRef, _: CloseReason, _: Option<&str>) -> PortResult<()> {
        nothing()
    }
    async fn settings(&self, _: &SettingsAsked<'_>, _: &mut TakeSettings<'_>) -> PortResult<ApiUsage> {
        nothing()
    }
    async fn change(&self, _: &str, _: &ChangeKind) -> PortResult<String> {
        nothing()
    }
    async fn writers(&self, _: &str) -> PortResult<Fact<Vec<String>>> {
        nothing()
    }
    async fn put_actions_secret(&self, _: &str, _: &str, _: &SecretValue) -> PortResult<()> {
        nothing()
    }
}

/// Remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct RecordingWorker(Arc<Mutex<Vec<RepositoryWork>>>);

#[async_trait]
impl RepositoryWorker for RecordingWorker {
    async fn carry_out(&self, work: &RepositoryWork, _: &Author, _: &WorkHandle) -> PortResult<Result<Value, Failure>> {
        self.0.lock().unwrap().push(work.clone());
        Ok(Ok(json!({})))
    }
}

impl RecordingWorker {
    fn asked(&self) -> Vec<RepositoryWork> {
        self.0.lock().unwrap().clone()
    }
}

/// Believes the signature `good`; the body names the repository.
struct Notices;

#[async_trait]
impl CodeHostNotices for Notices {
    fn signature_header(&self) -> &'static str {
        "x-signature"
    }

    fn wants(&self, kind: &str) -> bool {
        ["workflow_run", "ping"].contains(&kind)
    }

    fn admits(&self, signature: Option<&str>) -> PortResult<()> {
        match signature {
            Some("good" | "bad") => Ok(()),
            _ => Err(PortError::new(PortErrorKind::Refused, "this is no signature")),
        }
    }

    async fn workflow_ended(&self, kind: &str, signature: Option<&str>, body: &[u8]) -> PortResult<Option<String>> {
        match signature {
            Some("good") if kind == "workflow_run" => Ok(Some(String::from_utf8_lossy(body).into_owned())),
            Some("good") => Ok(None),
            _ => Err(PortError::new(PortErrorKind::Refused, "no signature fits")),
        }
    }
}

pub(crate) async fn harness(memory: &Memory, worker: &RecordingWorker) -> Harness {
    let ports = memory.ports();
    let settings = AuditSettings {
        owner: "acme".to_owned(),
        policy: Arc::new(Policy::default()),
        reader: sample::agent_name(sample::OTHER_AGENT),
        mode: cc_devops_kernel::health::Mode::Normal,
    };
    let store = Arc::clone(&ports.repositories);
    let hygiene = Hygiene {
        auditor: Arc::new(Auditor::new(Arc::new(Bare), store, ports, settings)),
        worker: Arc::new(worker.clone()),
        owner: "acme".to_owned(),
        notices: Some(Arc::new(Notices)),
    };
    Harness::with_hygiene(memory.clone(), hygiene).await
}

async fn notify(harness: &Harness, kind: &str, signature: &str, body: &str) -> Answer {
    let request = request(Method::POST, "/v1/repos/events", As::Nobody)
        .header("x-signature", signature)
        .header("x-github-event", kind);
    harness.call(request.body(body.to_owned().into()).unwrap()).await
}

fn monitor(name: Option<&str>) -> RepositoryWork {
    RepositoryWork::Monitor {
        repository: name.map(|name| name.parse().unwrap()),
        workflow: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_has_ended_is_looked_at() {
    let (memory, worker) = (Memory::new(), RecordingWorker::default());
    let mut harness = harness(&memory, &worker).await;
    for (kind, signature, body, status) in [
        ("workflow_run", "bad", "acme/web", StatusCode::BAD_REQUEST),
        ("push", "good", "acme/web", StatusCode::NO_CONTENT),
        ("workflow_run", "good", "somebody/web", StatusCode::NO_CONTENT),
        ("workflow_run", "good", "Acme/web", StatusCode::NO_CONTENT),
        ("workflow_run", "good", "acme/web", StatusCode::NO_CONTENT),
    ] {
        let answer = notify(&harness, kind, signature, body).await;
        assert_eq!(answer.status, status, "{kind} {signature} {body}");
    }
    let workers = harness.work();
    let wanted = monitor(Some("web"));
    until(async || worker.asked().contains(&wanted).then_some(())).await;
    workers.stop(Duration::from_secs(1)).await;
    let of_web = worker.asked().into_iter().filter(|work| *work == wanted).count();
    assert_eq!(of_web, 1, "two notices before a look are one look");
    assert!(!worker.asked().contains(&monitor(Some("other"))));
}

#[tokio::test(start_paused = true)]
async fn repositories_are_audited_and_watched_by_the_clock() {
    let (memory, worker) = (Memory::new(), RecordingWorker::default());
    let mut harness = harness(&memory, &worker).await;
    let workers = harness.work();
    let told = until(async || {
        let published = memory.published_events();
        published
            .into_iter()
            .find(|logged| logged.event.body.detail_type() == "repos.audit.completed")
    })
    .await;
    let detail: Value = serde_json::from_str(&told.event.body.detail().unwrap()).unwrap();
    assert_eq!((&detail["owner"], &detail["complete"]), (&json!("acme"), &json!(true)));
    assert!(memory.alerts().is_empty(), "nothing is new");
    until(async || worker.asked().contains(&monitor(None)).then_some(())).await;
    workers.stop(Duration::from_secs(1)).await;
}
