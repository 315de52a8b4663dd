//! Stacks that depend on others, with a clock. sceptre #747, #132, #789: dependents start when their own dependencies
//! ended well, and only then.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_deploys::DeploySettings;
use cc_devops_deploys::order::Order;
use cc_devops_kernel::names::StackName;
use cc_devops_requests::execution::Step;
use cc_devops_requests::receiving::Received;
use cc_devops_testkit::memory::{StackScript, table_replaced};
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, Harness, principal};

fn name(name: &str) -> StackName {
    StackName::new(name).unwrap()
}

/// `api` needs `database` and `network`; `shop` needs `api`.
async fn harness() -> Harness {
    let needs = [("api", vec!["database", "network"]), ("shop", vec!["api"])];
    let needs: BTreeMap<StackName, BTreeSet<StackName>> = needs
        .into_iter()
        .map(|(stack, needs)| (name(stack), needs.into_iter().map(name).collect()))
        .collect();
    let harness = Harness::with(DeploySettings {
        order: Order::of(needs).unwrap(),
        ..DeploySettings::default()
    })
    .await;
    for stack in ["database", "network", "api", "shop", "mail"] {
        harness
            .memory
            .script_stack(sample::stack(stack), StackScript::KeepsChanging);
    }
    harness
}

async fn deploy(harness: &Harness, stack: &str) -> Step {
    let event = sample::deploy_event(stack, stack);
    let received = harness.plane.receive(&principal(ANA), event, true).await.unwrap();
    let Received::Claimed(claimed) = received else {
        panic!("it is new")
    };
    harness.plane.carry_out(claimed).await.unwrap()
}

/// One pass, some time later.
async fn sweep(harness: &Harness) {
    for _ in 0..3 {
        harness.later(SignedDuration::from_secs(30));
        harness.sweep().await;
    }
}

fn begun(harness: &Harness) -> Vec<&'static str> {
    let stacks = ["database", "network", "api", "shop", "mail"];
    let is_begun = |stack: &&str| harness.memory.changes_begun(&sample::request_id(stack)) == 1;
    stacks.into_iter().filter(is_begun).collect()
}

#[tokio::test]
async fn each_stack_starts_when_its_own_dependencies_ended_well() {
    let harness = harness().await;
    for stack in ["shop", "network", "database", "mail"] {
        deploy(&harness, stack).await;
    }
    assert_eq!(deploy(&harness, "api").await, Step::HandedBack);
    sweep(&harness).await;
    // `shop` came before there was a deploy of `api` to wait for.
    assert_eq!(begun(&harness), ["database", "network", "shop", "mail"]);
    for ended in ["network", "mail"] {
        harness
            .memory
            .end_change(&sample::request_id(ended), StackScript::Succeeds);
        sweep(&harness).await;
    }
    for _ in 0..20 {
        sweep(&harness).await;
    }
    assert_eq!(harness.request("api").await.tries, 0, "waiting is no try");
    harness
        .memory
        .end_change(&sample::request_id("database"), StackScript::Succeeds);
    sweep(&harness).await;
    assert_eq!(begun(&harness), ["database", "network", "api", "shop", "mail"]);
}

#[tokio::test]
async fn a_chain_starts_link_by_link() {
    let harness = harness().await;
    deploy(&harness, "database").await;
    assert_eq!(deploy(&harness, "api").await, Step::HandedBack);
    assert_eq!(deploy(&harness, "shop").await, Step::HandedBack);
    for (ended, now) in [
        ("database", vec!["database", "api"]),
        ("api", vec!["database", "api", "shop"]),
    ] {
        harness
            .memory
            .end_change(&sample::request_id(ended), StackScript::Succeeds);
        sweep(&harness).await;
        assert_eq!(begun(&harness), now);
    }
}

#[tokio::test]
async fn what_waited_for_a_failure_does_not_start() {
    let harness = harness().await;
    harness
        .memory
        .script_change(sample::stack("database"), table_replaced("Orders"));
    deploy(&harness, "database").await;
    assert_eq!(
        deploy(&harness, "api").await,
        Step::HandedBack,
        "it waits for the approval, too"
    );
    harness.deny(super::BEA, "database").await.unwrap();
    sweep(&harness).await;
    let outcome = harness.outcome("api").await;
    assert_eq!(json!(outcome.reason), json!("missing_dependency"));
    assert!(outcome.error.unwrap().contains("database-dev"));
    assert!(begun(&harness).is_empty());

    // A deploy that comes after that waits for nothing.
    harness.later(SignedDuration::from_secs(1));
    deploy(&harness, "shop").await;
    sweep(&harness).await;
    assert_eq!(begun(&harness), ["shop"]);
}
