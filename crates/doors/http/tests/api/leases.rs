//! Work that outlasts several leases: begun once, shown as it goes, broken off by a stop, taken up by the next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use cc_devops_http::{ServerConfig, Service, Workers};
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::outcome::Failure;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_repos::ports::RepositoryWorker;
use cc_devops_repos::work::RepositoryWork;
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::record::{RequestRecord, RequestState};
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::ServiceExt;

use crate::harness::{As, control_plane, request, until};

/// Repository work that goes on until it is let go, or told to stop.
#[derive(Clone)]
struct Slow {
    begun: Arc<AtomicUsize>,
    ends: Arc<Semaphore>,
}

#[async_trait]
impl RepositoryWorker for Slow {
    async fn carry_out(
        &self,
        _work: &RepositoryWork,
        _: &Author,
        handle: &WorkHandle,
    ) -> PortResult<Result<Value, Failure>> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        handle.is_at(3, 9, "repositories");
        let ends = async {
            self.ends.acquire().await.unwrap().forget();
            Ok(Ok(json!({"repositories": 9})))
        };
        handle.unless_stopped(ends).await
    }
}

/// A server on a model that outlives it.
struct Harness {
    service: Service,
    workers: Workers,
    _ended: UnboundedSender<cc_devops_kernel::names::RequestId>,
}

impl Harness {
    async fn start(memory: &Memory, worker: &Slow) -> Self {
        // It adds the callers.
        drop(control_plane(memory, |_| ()).await);
        let installation = sample::installation();
        let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
        let plane = ControlPlane::new(
            installation,
            memory.ports(),
            policy,
            FingerprintKey::new([7; 32]),
            RequestSettings::default(),
        )
        .with_repository_worker(Arc::new(worker.clone()));
        let service = Service::new(ServerConfig::default(), Arc::new(plane));
        let (ended, ended_at) = unbounded_channel();
        let workers = service.start(ended_at).unwrap();
        Self {
            service,
            workers,
            _ended: ended,
        }
    }

    async fn send(&self, method: Method, uri: &str, body: &Value) -> Value {
        let request = request(method, uri, As::Admin).header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = self.service.router().oneshot(request).await.unwrap();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

fn slow() -> Slow {
    Slow {
        begun: Arc::default(),
        ends: Arc::new(Semaphore::new(0)),
    }
}

async fn record(memory: &Memory) -> RequestRecord {
    let found = memory.ports().ledger.find(&sample::request_id("r1")).await;
    found.unwrap().unwrap()
}

async fn begun(worker: &Slow, times: usize) {
    until(async || (worker.begun.load(Ordering::SeqCst) == times).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn work_that_outlasts_several_leases_is_begun_once_and_concluded() {
    let (memory, worker) = (Memory::new(), slow());
    let harness = Harness::start(&memory, &worker).await;
    let event = sample::event("r1", "github_repo_check", &json!({}));
    harness.send(Method::POST, "/v1/events", &event).await;
    begun(&worker, 1).await;
    // Ten leases, second by second, on the clock of the ledger and on that of the workers.
    for _ in 0..600 {
        memory.clock().advance(SignedDuration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let shown = harness.send(Method::GET, "/v1/requests/r1", &Value::Null).await;
    assert_eq!(
        (&shown["state"], &shown["attempts"], &shown["progress"]),
        (
            &json!("executing"),
            &json!(1),
            &json!({"done": 3, "of": 9, "what": "repositories"})
        )
    );
    let kept = record(&memory).await;
    assert_eq!(kept.progress.map(|far| far.done), Some(3), "any process can show it");
    worker.ends.add_permits(1);
    until(async || record(&memory).await.completed).await;
    let ended = record(&memory).await;
    assert_eq!(
        (worker.begun.load(Ordering::SeqCst), ended.tries, ended.progress),
        (1, 1, None)
    );
    let shown = harness.send(Method::GET, "/v1/requests/r1", &Value::Null).await;
    assert!(shown.get("progress").is_none(), "{shown}");
    harness.workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_breaks_long_work_off_at_once_and_the_next_start_finishes_it() {
    let (memory, worker) = (Memory::new(), slow());
    let harness = Harness::start(&memory, &worker).await;
    let event = sample::event("r1", "github_repo_check", &json!({}));
    harness.send(Method::POST, "/v1/events", &event).await;
    begun(&worker, 1).await;
    let before = tokio::time::Instant::now();
    harness.workers.stop(Duration::from_secs(30)).await;
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    let kept = record(&memory).await;
    assert_eq!(
        (kept.state, kept.tries),
        (RequestState::Received, 0),
        "handed back, untried"
    );

    let harness = Harness::start(&memory, &worker).await;
    begun(&worker, 2).await;
    worker.ends.add_permits(1);
    until(async || record(&memory).await.completed).await;
    assert_eq!(record(&memory).await.tries, 1);
    harness.workers.stop(Duration::from_secs(1)).await;
}
