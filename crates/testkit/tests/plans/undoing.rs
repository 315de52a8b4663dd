//! Going back, and on to another stage.

use std::collections::BTreeMap;

use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_requests::deploys::DecideError;
use cc_devops_requests::receiving::Received;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample::{self, STACK_SUCCEEDS};
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, House, principal, stack};

/// A deploy that takes ten seconds and ends so.
async fn deployed(house: &House, id: &str, (template, size): (&str, &str), end: StackScript) {
    house.memory.script_template(stack(), template);
    house
        .memory
        .script_change(stack(), cc_devops_testkit::memory::with_parameter(size));
    house.memory.script_stack(stack(), StackScript::KeepsChanging);
    house.deploy(id).await;
    house.later(SignedDuration::from_secs(10));
    house.memory.end_change(&sample::request_id(id), end);
    house.sweep().await;
}

#[tokio::test]
async fn a_rollback_is_a_deploy_of_what_was_before() {
    let house = House::harmless().await;
    let (name, stage) = (StackName::new(STACK_SUCCEEDS).unwrap(), sample::stage());
    let nothing = house
        .plane
        .roll_back(&principal(ANA), &name, &stage, BTreeMap::new(), true)
        .await;
    assert!(matches!(nothing, Err(DecideError::NotAllowed(_))));
    deployed(&house, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    deployed(&house, "r2", ("{\"two\": 2}", "large"), StackScript::Succeeds).await;
    let history = house.plane.deployed(&stack(), 10).await.unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].parameters["Size"], "large");
    assert_eq!(history[0].took_ms, 10_000);

    let extra = BTreeMap::from([("Password".to_owned(), "given again".to_owned())]);
    let back = house
        .plane
        .roll_back(&principal(ANA), &name, &stage, extra, true)
        .await
        .unwrap();
    let Received::Claimed(claimed) = back else {
        panic!("it is new")
    };
    let detail: serde_json::Value = serde_json::from_str(claimed.request.detail.expose()).unwrap();
    assert_eq!(
        (&detail["params"]["templateBody"], &detail["params"]["parameters"]),
        (
            &json!("{\"one\": 1}"),
            &json!({"Size": "small", "Password": "given again"})
        )
    );
    let again = claimed.request.head.id.clone();
    house.plane.carry_out(claimed).await.unwrap();
    house.memory.end_change(&again, StackScript::Succeeds);
    house.sweep().await;
    assert_eq!(house.plane.deployed(&stack(), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_failed_is_rolled_back_to_the_last_good_deploy() {
    let house = House::harmless().await;
    let (name, stage) = (StackName::new(STACK_SUCCEEDS).unwrap(), sample::stage());
    deployed(&house, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    deployed(&house, "r2", ("{\"two\": 2}", "large"), StackScript::Fails).await;
    let back = house
        .plane
        .roll_back(&principal(ANA), &name, &stage, BTreeMap::new(), true)
        .await
        .unwrap();
    let Received::Claimed(claimed) = back else {
        panic!("it is new")
    };
    assert!(claimed.request.detail.expose().contains("one"));
}

#[tokio::test]
async fn what_is_promoted_is_the_same_template() {
    let house = House::harmless().await;
    let (name, prod) = (StackName::new(STACK_SUCCEEDS).unwrap(), Stage::new("prod").unwrap());
    deployed(&house, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    let on = house
        .plane
        .promote(&principal(ANA), &name, &sample::stage(), &prod, true)
        .await
        .unwrap();
    let Received::Claimed(claimed) = on else {
        panic!("it is new")
    };
    let detail: serde_json::Value = serde_json::from_str(claimed.request.detail.expose()).unwrap();
    assert_eq!(
        (&detail["params"]["templateBody"], &detail["params"]["stage"]),
        (&json!("{\"one\": 1}"), &json!("prod"))
    );
    assert_eq!(detail["params"].get("parameters"), None, "the other stage's stay");
}
