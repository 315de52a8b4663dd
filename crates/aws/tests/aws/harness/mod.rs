//! An account of its own for each test: the emulator, and in it what the template makes.
#![allow(dead_code, reason = "the Lambda door's tests take this in, and need a part of it")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use cc_devops_aws::{Backend, Clients, Resources};
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_outbox::ports::{DueEvent, Outcome, Settled};
use cc_devops_testkit::peers::Peer;
use cc_devops_testkit::sample;
use jiff::Timestamp;

/// Names nobody else in the emulator uses.
fn resources() -> Resources {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::SeqCst);
    let mut resources = Resources::of(&sample::installation(), sample::stage());
    resources.ledger_table = format!("DevOpsLedger-{number}");
    resources.billing_table = format!("BillingMetrics-{number}");
    resources.enabled_agents = format!("/contentcraft-{number}/agents/enabled");
    resources.sealing_key = format!("/contentcraft-{number}/devops/sealing-key");
    resources.ledger_key = format!("cc-devops/ledger-key-{number}");
    resources
}

/// A backend at an address, on resources that other backends may share: another process.
pub(crate) fn on(url: &str, resources: &Resources) -> Backend {
    let clients = Clients::of_emulator(url);
    Backend::new(
        clients,
        resources.clone(),
        sample::installation(),
        Arc::new(SystemClock),
    )
}

/// The same with a clock of its own, which stands still.
pub(crate) fn at(url: &str, resources: &Resources, now: Timestamp) -> Backend {
    let clients = Clients::of_emulator(url);
    Backend::new(
        clients,
        resources.clone(),
        sample::installation(),
        Arc::new(Standing(now)),
    )
}

struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Everybody was told of these events.
pub(crate) fn done(due: &[DueEvent]) -> Vec<Settled> {
    let of = |event: &DueEvent| {
        let (id, wanted) = (event.id, event.wanted_by.clone());
        wanted.into_iter().map(move |(consumer, _)| Settled {
            id,
            consumer,
            outcome: Outcome::Done,
        })
    };
    due.iter().flat_map(of).collect()
}

/// A backend for which nothing was made.
pub(crate) fn bare(peer: &Peer) -> Backend {
    on(peer.url(), &resources())
}

/// A backend on fresh resources.
pub(crate) async fn backend(peer: &Peer) -> Backend {
    let backend = bare(peer);
    let (clients, resources) = (backend.clients(), backend.resources());
    make_ledger_table(clients.dynamodb(), &resources.ledger_table).await;
    make_billing_table(clients.dynamodb(), &resources.billing_table).await;
    clients
        .secrets()
        .create_secret()
        .name(&resources.ledger_key)
        .secret_string("k".repeat(64))
        .send()
        .await
        .unwrap();
    backend
}

fn keys(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    let keys = [(hash, KeyType::Hash), (range, KeyType::Range)];
    let element = |(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    keys.map(|key| element(key).unwrap()).to_vec()
}

fn attributes(names: &[&str]) -> Vec<AttributeDefinition> {
    let attribute = |name: &&str| {
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    names.iter().map(attribute).collect()
}

/// The ledger's table, as the template has it.
async fn make_ledger_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    let index = |name: &str, hash: &str, range: &str| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(keys(hash, range)))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .unwrap()
    };
    dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes(&["PK", "SK", "WPK", "WSK", "TPK", "TSK"])))
        .set_key_schema(Some(keys("PK", "SK")))
        .global_secondary_indexes(index("work", "WPK", "WSK"))
        .global_secondary_indexes(index("time", "TPK", "TSK"))
        .send()
        .await
        .unwrap();
}

/// The table where MRR is kept, as the template has it.
async fn make_billing_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes(&["PK", "SK"])))
        .set_key_schema(Some(keys("PK", "SK")))
        .send()
        .await
        .unwrap();
}
