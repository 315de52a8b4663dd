//! What stands in the two tables keeps the ports' contracts.

mod house;

use std::time::Duration;

use cc_devops_aws::Backend;
use cc_devops_core::ports::Ports;
use cc_devops_testkit::{Memory, contract, peers};

/// The tables' ports; the others are the fakes.
fn ports(backend: &Backend) -> Ports {
    Ports {
        ledger: backend.ledger(),
        audit: backend.audit(),
        bus: backend.bus(),
        revenue: backend.revenue(),
        repositories: backend.repositories(),
        events: backend.events(Duration::ZERO),
        schedule: backend.schedule(),
        webhooks: backend.webhooks(Duration::ZERO),
        ..Memory::new().ports()
    }
}

macro_rules! contracts {
    ($($suite:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $suite() {
            let peer = peers::ministack().await;
            contract::$suite(async || ports(&house::backend(&peer).await)).await;
        }
    )*};
}

contracts!(ledger, audit, events, schedule, webhooks, revenue, repositories);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handed_over() {
    let peer = peers::ministack().await;
    contract::handed_over(async || house::backend(&peer).await.handed_over()).await;
}
