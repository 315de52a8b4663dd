//! The workers of the relay: each serves one consumer of the outbox, whatever becomes of the others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_http::ServerConfig;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Consumer, Metrics, RequestSample, RequestStep, RequestTotals, Steps};
use cc_devops_testkit::Memory;
use serde_json::json;
use tokio::sync::Notify;

use crate::harness::{As, Harness, put, until};

/// Metrics that are asked and never answer.
struct Hangs(Arc<Notify>);

#[async_trait]
impl Metrics for Hangs {
    async fn record(&self, _samples: &[RequestSample]) -> PortResult<()> {
        self.0.notify_one();
        std::future::pending().await
    }

    async fn totals(&self) -> PortResult<Vec<RequestTotals>> {
        Ok(Vec::new())
    }

    async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>> {
        Ok(steps.add_up([]))
    }
}

#[tokio::test]
async fn a_consumer_that_hangs_holds_up_neither_the_others_nor_the_end() {
    let asked = Arc::new(Notify::new());
    let metrics = Arc::new(Hangs(asked.clone()));
    let memory = Memory::new();
    let mut harness = Harness::around(memory.clone(), ServerConfig::default(), |ports| ports.metrics = metrics).await;
    let workers = harness.work();
    let webhook = json!({"url": "https://127.0.0.1:9/nobody"});
    harness.post("/v1/webhooks", As::Admin, &webhook).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    asked.notified().await;
    for id in ["r2", "r3"] {
        harness.post("/v1/events?wait=5", As::Agent, &put(id)).await;
    }
    let ports = harness.control.ports();
    let waiting = |consumer: Consumer| async move {
        let standing = ports.outbox.standing(ports.clock.now()).await.unwrap();
        standing.iter().find(|one| one.consumer == consumer).unwrap().waiting
    };
    for consumer in Consumer::ALL.into_iter().filter(|one| *one != Consumer::Metrics) {
        until(async || (waiting(consumer).await == 0).then_some(())).await;
    }
    assert_eq!(waiting(Consumer::Metrics).await, 3);
    assert_eq!(memory.bus_events().len(), 3, "each once");
    assert_eq!(memory.published_events().len(), 3, "each once");
    workers.stop(Duration::from_millis(10)).await;
}
