//! What stands in other services keeps the ports' contracts.

use std::sync::{Arc, Mutex};

use cc_devops_aws::Backend;
use cc_devops_kernel::ports::SystemClock;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::peers::Peer;
use cc_devops_testkit::{Memory, contract, peers};

use crate::harness;

/// An emulator for each backend: names of metrics and secrets are an account's, not a test's.
#[derive(Default)]
struct Peers(Mutex<Vec<Peer>>);

impl Peers {
    async fn ministack(&self) -> Backend {
        let peer = peers::ministack().await;
        let backend = harness::backend(&peer).await;
        self.0.lock().unwrap().push(peer);
        backend
    }

    async fn moto(&self) -> Backend {
        let peer = peers::moto().await;
        let backend = harness::backend(&peer).await;
        self.0.lock().unwrap().push(peer);
        backend
    }
}

fn ports(backend: &Backend) -> Ports {
    Ports {
        agents: backend.agents(),
        audit: backend.audit(),
        state: backend.state(),
        heartbeats: backend.heartbeats(),
        metrics: backend.metrics(),
        checks: backend.checks(),
        ..Memory::new().ports()
    }
}

macro_rules! contracts {
    ($($suite:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $suite() {
            let peers = Peers::default();
            contract::$suite(async || ports(&peers.ministack().await)).await;
        }
    )*};
}

contracts!(agents, heartbeats);

/// By the machine's clock: CloudWatch forgets what is two weeks old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics() {
    let peers = Peers::default();
    contract::metrics(async || Ports {
        clock: Arc::new(SystemClock),
        ..ports(&peers.ministack().await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks() {
    let peers = Peers::default();
    contract::checks(async || {
        let backend = peers.ministack().await;
        let topic = backend
            .clients()
            .sns()
            .create_topic()
            .name("ops-cost-alerts")
            .send()
            .await
            .unwrap();
        let mut resources = backend.resources().clone();
        resources.alert_topic_arn = topic.topic_arn;
        let peer = peers
            .0
            .lock()
            .unwrap()
            .last()
            .map(|peer| peer.url().to_owned())
            .unwrap();
        ports(&harness::on(&peer, &resources))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets() {
    let peers = Peers::default();
    contract::secrets_of_a_provider(async || {
        let backend = peers.moto().await;
        Ports {
            secrets: backend.secrets(),
            audit: backend.audit(),
            ..Memory::new().ports()
        }
    })
    .await;
}
