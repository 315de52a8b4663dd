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

use super::{ANA, House, principal};

fn name(name: &str) -> StackName {
    StackName::new(name).unwrap()
}

/// `api` needs `database` and `network`; `shop` needs `api`.
async fn house() -> House {
    let needs = [("api", vec!["database", "network"]), ("shop", vec!["api"])];
    let needs: BTreeMap<StackName, BTreeSet<StackName>> = needs
        .into_iter()
        .map(|(stack, needs)| (name(stack), needs.into_iter().map(name).collect()))
        .collect();
    let house = House::with(DeploySettings {
        order: Order::of(needs).unwrap(),
        ..DeploySettings::default()
    })
    .await;
    for stack in ["database", "network", "api", "shop", "mail"] {
        house
            .memory
            .script_stack(sample::stack(stack), StackScript::KeepsChanging);
    }
    house
}

async fn deploy(house: &House, stack: &str) -> Step {
    let event = sample::deploy_event(stack, stack);
    let received = house.plane.receive(&principal(ANA), event, true).await.unwrap();
    let Received::Claimed(claimed) = received else {
        panic!("it is new")
    };
    house.plane.carry_out(claimed).await.unwrap()
}

/// One pass, some time later.
async fn sweep(house: &House) {
    for _ in 0..3 {
        house.later(SignedDuration::from_secs(30));
        house.sweep().await;
    }
}

fn begun(house: &House) -> Vec<&'static str> {
    let stacks = ["database", "network", "api", "shop", "mail"];
    let is_begun = |stack: &&str| house.memory.changes_begun(&sample::request_id(stack)) == 1;
    stacks.into_iter().filter(is_begun).collect()
}

#[tokio::test]
async fn each_stack_starts_when_its_own_dependencies_ended_well() {
    let house = house().await;
    for stack in ["shop", "network", "database", "mail"] {
        deploy(&house, stack).await;
    }
    assert_eq!(deploy(&house, "api").await, Step::HandedBack);
    sweep(&house).await;
    // `shop` came before there was a deploy of `api` to wait for.
    assert_eq!(begun(&house), ["database", "network", "shop", "mail"]);
    for ended in ["network", "mail"] {
        house
            .memory
            .end_change(&sample::request_id(ended), StackScript::Succeeds);
        sweep(&house).await;
    }
    for _ in 0..20 {
        sweep(&house).await;
    }
    assert_eq!(house.request("api").await.tries, 0, "waiting is no try");
    house
        .memory
        .end_change(&sample::request_id("database"), StackScript::Succeeds);
    sweep(&house).await;
    assert_eq!(begun(&house), ["database", "network", "api", "shop", "mail"]);
}

#[tokio::test]
async fn a_chain_starts_link_by_link() {
    let house = house().await;
    deploy(&house, "database").await;
    assert_eq!(deploy(&house, "api").await, Step::HandedBack);
    assert_eq!(deploy(&house, "shop").await, Step::HandedBack);
    for (ended, now) in [
        ("database", vec!["database", "api"]),
        ("api", vec!["database", "api", "shop"]),
    ] {
        house
            .memory
            .end_change(&sample::request_id(ended), StackScript::Succeeds);
        sweep(&house).await;
        assert_eq!(begun(&house), now);
    }
}

#[tokio::test]
async fn what_waited_for_a_failure_does_not_start() {
    let house = house().await;
    house
        .memory
        .script_change(sample::stack("database"), table_replaced("Orders"));
    deploy(&house, "database").await;
    assert_eq!(
        deploy(&house, "api").await,
        Step::HandedBack,
        "it waits for the approval, too"
    );
    house.deny(super::BEA, "database").await.unwrap();
    sweep(&house).await;
    let outcome = house.outcome("api").await;
    assert_eq!(json!(outcome.reason), json!("missing_dependency"));
    assert!(outcome.error.unwrap().contains("database-dev"));
    assert!(begun(&house).is_empty());

    // A deploy that comes after that waits for nothing.
    house.later(SignedDuration::from_secs(1));
    deploy(&house, "shop").await;
    sweep(&house).await;
    assert_eq!(begun(&house), ["shop"]);
}
