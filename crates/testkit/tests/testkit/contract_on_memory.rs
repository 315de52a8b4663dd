//! The fakes keep the contracts too, so that a test on them says something about the adapters.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::names::RequestId;
use cc_devops_repos::ports::HandedOver;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample::{self, STACK_FAILS, STACK_KEEPS_CHANGING, STACK_SUCCEEDS};
use cc_devops_testkit::{Memory, contract};

async fn fresh() -> Ports {
    let memory = Memory::new();
    memory.script_stack(sample::stack(STACK_SUCCEEDS), StackScript::Succeeds);
    memory.script_stack(sample::stack(STACK_FAILS), StackScript::Fails);
    memory.script_stack(sample::stack(STACK_KEEPS_CHANGING), StackScript::KeepsChanging);
    memory.ports()
}

#[tokio::test]
async fn ledger() {
    Box::pin(contract::ledger(fresh)).await;
}

#[tokio::test]
async fn outbox() {
    contract::outbox(fresh).await;
}

#[tokio::test]
async fn completion_queues() {
    contract::completion_queues(fresh).await;
}

#[test]
fn ledger_steps() {
    contract::ledger_steps(fresh);
}

struct DamageMemory(Memory);

#[async_trait]
impl contract::Damage for DamageMemory {
    async fn event(&self, key: &str) {
        self.0.damage_event(key);
    }

    async fn request(&self, id: &RequestId) {
        self.0.damage_request(id);
    }
}

#[tokio::test]
async fn unreadable() {
    contract::unreadable(async || {
        let memory = Memory::new();
        (memory.ports(), DamageMemory(memory))
    })
    .await;
}

#[tokio::test]
async fn at_once() {
    contract::at_once(async || Memory::new().ports_of_one_store()).await;
}

#[tokio::test]
async fn sealing_keys() {
    contract::sealing_keys(fresh).await;
}

#[tokio::test]
async fn audit() {
    contract::audit(fresh).await;
}

#[tokio::test]
async fn cutting() {
    contract::cutting(fresh).await;
}

#[tokio::test]
async fn retention() {
    contract::retention(fresh).await;
}

#[tokio::test]
async fn secrets() {
    contract::secrets(fresh).await;
}

#[tokio::test]
async fn stacks() {
    contract::stacks(fresh).await;
}

#[tokio::test]
async fn agents() {
    contract::agents(fresh).await;
}

#[tokio::test]
async fn heartbeats() {
    contract::heartbeats(fresh).await;
}

#[tokio::test]
async fn events() {
    contract::events(fresh).await;
}

#[tokio::test]
async fn webhooks() {
    contract::webhooks(fresh).await;
}

#[tokio::test]
async fn schedule() {
    contract::schedule(fresh).await;
}

#[tokio::test]
async fn revenue() {
    contract::revenue(fresh).await;
}

#[tokio::test]
async fn repositories() {
    contract::repositories(fresh).await;
}

#[tokio::test]
async fn state() {
    contract::state(fresh).await;
}

#[tokio::test]
async fn metrics() {
    contract::metrics(fresh).await;
}

#[tokio::test]
async fn checks() {
    contract::checks(fresh).await;
}

#[tokio::test]
async fn clock() {
    contract::clock(fresh).await;
}

#[tokio::test]
async fn handed_over() {
    contract::handed_over(async || Arc::new(Memory::new()) as Arc<dyn HandedOver>).await;
}
