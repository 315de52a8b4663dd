//! What stands in the two tables keeps the ports' contracts.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outbox, SetAside, Settled, Standing};
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::contract::Damage;
use cc_devops_testkit::sample::after;
use cc_devops_testkit::{Memory, contract, peers};
use jiff::Timestamp;

use crate::harness;

/// The tables' ports; the others are the fakes.
fn ports(backend: &Backend) -> Ports {
    Ports {
        ledger: backend.ledger(),
        audit: backend.audit(),
        retention: backend.retention(),
        outbox: backend.outbox(),
        bus: Some(backend.bus()),
        log: None,
        revenue: backend.revenue(),
        repositories: backend.repositories(),
        state: backend.state(),
        events: backend.events(),
        schedule: backend.schedule(),
        webhooks: backend.webhooks(),
        sealing_keys: backend.sealing_keys(),
        // On AWS an agent has a queue of its own there.
        completion_queues: None,
        ..Memory::new().ports()
    }
}

contracts!(
    ledger,
    outbox,
    audit,
    cutting,
    retention,
    events,
    schedule,
    webhooks,
    sealing_keys,
    revenue,
    repositories,
    state
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handed_over() {
    let peer = peers::ministack().await;
    contract::handed_over(async || harness::backend(&peer).await.handed_over()).await;
}

/// Damages rows behind the backend's back.
struct Rows(Backend);

impl Rows {
    /// The keys of the items for which `are` holds.
    async fn find(&self, are: impl Fn(&str) -> bool) -> Vec<(AttributeValue, AttributeValue)> {
        let table = &self.0.resources().ledger_table;
        let scan = self
            .0
            .clients()
            .dynamodb()
            .scan()
            .table_name(table)
            .send()
            .await
            .unwrap();
        let found = scan.items.unwrap_or_default().into_iter();
        let found = found.filter(|item| are(&format!("{item:?}")));
        found
            .map(|mut item| (item.remove("PK").unwrap(), item.remove("SK").unwrap()))
            .collect()
    }

    /// Writes nonsense over an attribute.
    async fn damage(&self, key: (AttributeValue, AttributeValue), attribute: &str) {
        let call = self.0.clients().dynamodb().update_item();
        let call = call.table_name(&self.0.resources().ledger_table);
        let call = call.key("PK", key.0).key("SK", key.1);
        let call = call
            .update_expression("SET #name = :nonsense")
            .expression_attribute_names("#name", attribute)
            .expression_attribute_values(":nonsense", AttributeValue::Bool(true));
        call.send().await.unwrap();
    }
}

#[async_trait]
impl Damage for Rows {
    async fn event(&self, key: &str) {
        let quoted = format!("\\\"{key}\\\"");
        for row in self.find(|item| item.contains(&quoted)).await {
            match row.0.as_s().unwrap() {
                pk if pk.starts_with("LOG#") => self.damage(row, "event").await,
                pk if pk.starts_with("DELIVERIES") => self.damage(row, "completed").await,
                _ => {}
            }
        }
    }

    async fn request(&self, id: &RequestId) {
        let key = (format!("REQ#{id}"), "REQ".to_owned());
        self.damage((AttributeValue::S(key.0), AttributeValue::S(key.1)), "fingerprint")
            .await;
    }
}

/// The outbox of the process that writes, and a minute later that of another, which remembers nothing of what
/// was written and reads all of it.
struct Later {
    writer: Arc<dyn Outbox>,
    other: Arc<dyn Outbox>,
}

#[async_trait]
impl Outbox for Later {
    fn consumers(&self) -> &'static [Consumer] {
        self.other.consumers()
    }

    async fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> PortResult<Vec<DueEvent>> {
        let one = if now < after(60) { &self.writer } else { &self.other };
        one.due(consumers, now, limit).await
    }

    async fn settle(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()> {
        self.other.settle(at, settled).await
    }

    async fn set_aside(&self, consumer: Consumer, after: Option<Cursor>, limit: usize) -> PortResult<Page<SetAside>> {
        self.other.set_aside(consumer, after, limit).await
    }

    async fn give_back(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64> {
        self.other.give_back(consumer, now).await
    }

    async fn standing(&self, now: Timestamp) -> PortResult<Vec<Standing>> {
        self.other.standing(now).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable() {
    let peer = peers::ministack().await;
    contract::unreadable(async || {
        let backend = harness::backend(&peer).await;
        let outbox = Later {
            writer: backend.outbox(),
            other: harness::on(peer.url(), backend.resources()).outbox(),
        };
        let ports = Ports {
            outbox: Arc::new(outbox),
            ..ports(&backend)
        };
        (ports, Rows(backend))
    })
    .await;
}
