//! Work that outlasts a lease, a sweep that has to end, and parked requests of which some cannot be looked at.

mod parked;

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::outcome::Failure;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::ports::RepositoryWorker;
use cc_devops_repos::work::RepositoryWork;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::execution::Step;
use cc_devops_requests::receiving::{Claimed, Received};
use cc_devops_requests::record::{RequestRecord, RequestState};
use cc_devops_requests::running::Renewed;
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// Repository work that goes on until it is let go, or told to stop.
#[derive(Clone)]
struct Slow {
    begun: Arc<AtomicUsize>,
    ends: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self {
            begun: Arc::default(),
            ends: Arc::new(Semaphore::new(0)),
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    async fn has_begun(&self) {
        while self.begun() == 0 {
            tokio::task::yield_now().await;
        }
    }
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
            self.ends.acquire().await.expect("it is not closed").forget();
            Ok(Ok(json!({"repositories": 9})))
        };
        handle.unless_stopped(ends).await
    }
}

/// A control plane whose only agent is an operator.
async fn harness(worker: &Slow) -> (Memory, Arc<ControlPlane>) {
    let memory = Memory::new();
    let mut agent = sample::agent(AGENT);
    agent.agent.role = Role::Admin;
    memory
        .ports()
        .agents
        .add(&agent, &sample::token(1), &sample::added())
        .await
        .unwrap();
    let plane = sample::control_plane(memory.ports()).with_repository_worker(Arc::new(worker.clone()));
    (memory, Arc::new(plane))
}

async fn receive(plane: &ControlPlane, event: Value, take: bool) -> Received {
    let principal = Principal {
        role: Role::Admin,
        ..sample::principal(AGENT)
    };
    plane.receive(&principal, event, take).await.unwrap()
}

async fn claim(plane: &ControlPlane, event: Value) -> Claimed {
    match receive(plane, event, true).await {
        Received::Claimed(claimed) => claimed,
        _ => panic!("it is new"),
    }
}

fn check(id: &str) -> Value {
    sample::event(id, "github_repo_check", &json!({}))
}

async fn record(memory: &Memory, id: &str) -> RequestRecord {
    let found = memory.ports().ledger.find(&sample::request_id(id)).await.unwrap();
    found.expect("it is on record")
}

#[tokio::test]
async fn what_runs_here_is_never_begun_again_whatever_the_clock_says() {
    let worker = Slow::new();
    let (memory, plane) = harness(&worker).await;
    let claimed = claim(&plane, check("r1")).await;
    let running = tokio::spawn({
        let plane = Arc::clone(&plane);
        async move { plane.carry_out(claimed).await }
    });
    worker.has_begun().await;
    for _ in 0..5 {
        memory.clock().advance(SignedDuration::from_hours(2));
        assert!(
            plane.recover(10).await.unwrap().is_empty(),
            "nobody else may look dead to it"
        );
    }
    // Set back, it must not hold the lease for hours.
    memory.clock().advance(SignedDuration::from_hours(-9));
    assert_eq!(plane.renew().await.unwrap().renewed, 1);
    let far = record(&memory, "r1").await.progress.expect("it is kept with the lease");
    assert_eq!((far.done, far.of, far.what.as_str()), (3, 9, "repositories"));
    assert_eq!(plane.progress_of(&sample::request_id("r1")), Some(far));

    worker.ends.add_permits(1);
    assert!(matches!(running.await.unwrap().unwrap(), Step::Concluded(_)));
    let kept = record(&memory, "r1").await;
    assert_eq!((worker.begun(), kept.tries, kept.progress), (1, 1, None));
    assert_eq!(plane.renew().await.unwrap(), Renewed::default());
}

#[tokio::test]
async fn work_whose_claim_is_somebody_elses_is_broken_off() {
    let (worker, theirs) = (Slow::new(), Slow::new());
    let (memory, ours) = harness(&worker).await;
    let other = sample::control_plane(memory.ports()).with_repository_worker(Arc::new(theirs.clone()));
    let claimed = claim(&ours, check("r1")).await;
    let running = tokio::spawn({
        let ours = Arc::clone(&ours);
        async move { ours.carry_out(claimed).await }
    });
    worker.has_begun().await;
    // This process slept past its lease, and another has begun.
    memory.clock().advance(SignedDuration::from_secs(61));
    let taken = other.recover(10).await.unwrap().remove(0);
    assert_eq!(taken.tries, 2);
    let renewed = ours.renew().await.unwrap();
    assert_eq!((renewed.renewed, renewed.lost), (0, 1));
    assert_eq!(running.await.unwrap().unwrap(), Step::Superseded);
    theirs.ends.add_permits(1);
    assert!(matches!(other.carry_out(taken).await.unwrap(), Step::Concluded(_)));
}

#[tokio::test]
async fn a_stop_hands_long_work_back_untried_and_the_next_start_finishes_it() {
    let worker = Slow::new();
    let (memory, first) = harness(&worker).await;
    for round in 1..=3 {
        let plane = Arc::new(sample::control_plane(memory.ports()).with_repository_worker(Arc::new(worker.clone())));
        let claimed = if round == 1 {
            claim(&first, check("r1")).await
        } else {
            plane.recover(10).await.unwrap().remove(0).into()
        };
        assert_eq!(claimed.request.tries, 1, "round {round}");
        let running = tokio::spawn({
            let plane = Arc::clone(&plane);
            async move { plane.carry_out(claimed).await }
        });
        while worker.begun() < round {
            tokio::task::yield_now().await;
        }
        plane.stop();
        assert_eq!(running.await.unwrap().unwrap(), Step::HandedBack);
        assert!(plane.recover(10).await.unwrap().is_empty(), "nothing begins any more");
        let kept = record(&memory, "r1").await;
        assert_eq!((kept.state, kept.tries), (RequestState::Received, 0));
    }
    let last = sample::control_plane(memory.ports()).with_repository_worker(Arc::new(worker.clone()));
    let claimed = last.recover(10).await.unwrap().remove(0);
    worker.ends.add_permits(1);
    assert!(matches!(last.carry_out(claimed).await.unwrap(), Step::Concluded(_)));
    assert_eq!(record(&memory, "r1").await.tries, 1);
}

#[tokio::test]
async fn a_sweep_publishes_first_and_begins_nothing_after_its_deadline() {
    let worker = Slow::new();
    let (memory, plane) = harness(&worker).await;
    let ended = claim(
        &plane,
        sample::put_secret_event("ended", "/contentcraft/contentorchestrator/a", "x"),
    )
    .await;
    plane.carry_out(ended).await.unwrap();
    for number in 0..30 {
        receive(&plane, check(&format!("r{number}")), false).await;
    }
    let swept = plane.sweep(ready(())).await;
    assert_eq!((swept.published, swept.concluded, swept.cut_short), (1, 0, true));
    assert!(swept.failures.is_empty(), "{:?}", swept.failures);
    assert_eq!(worker.begun(), 0);
    let kept = record(&memory, "r0").await;
    assert_eq!((kept.state, kept.tries), (RequestState::Received, 0));
}

#[tokio::test]
async fn a_sweep_claims_only_what_it_begins_and_hands_back_what_its_deadline_breaks_off() {
    let worker = Slow::new();
    let (memory, plane) = harness(&worker).await;
    for number in 0..30 {
        receive(&plane, check(&format!("r{number}")), false).await;
    }
    let (over, deadline) = tokio::sync::oneshot::channel::<()>();
    let sweeping = tokio::spawn({
        let plane = Arc::clone(&plane);
        async move {
            plane
                .sweep(async {
                    deadline.await.unwrap();
                })
                .await
        }
    });
    while worker.begun() < 10 {
        tokio::task::yield_now().await;
    }
    let backlog = memory.ports().ledger.backlog().await.unwrap();
    assert_eq!(
        (backlog.executing, backlog.received),
        (10, 20),
        "no more than there are places for"
    );
    worker.ends.add_permits(3);
    while memory.ports().ledger.backlog().await.unwrap().executing > 7 {
        tokio::task::yield_now().await;
    }
    over.send(()).unwrap();
    let swept = sweeping.await.unwrap();
    assert_eq!((swept.concluded, swept.cut_short), (3, true));
    for number in 0..30 {
        let kept = record(&memory, &format!("r{number}")).await;
        assert!(
            kept.completed.is_some() || (kept.state, kept.tries) == (RequestState::Received, 0),
            "{kept:?}"
        );
    }
    worker.ends.add_permits(27);
    let swept = plane.sweep(pending()).await;
    assert_eq!((swept.concluded, swept.cut_short), (27, false));
    assert_eq!(
        worker.begun(),
        37,
        "what was broken off was begun once more, and nothing else"
    );
}
