//! Going back, and on to another stage.

use std::collections::BTreeMap;

use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_requests::deploys::DecideError;
use cc_devops_requests::receiving::{Claimed, Received};
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample::{self, STACK_SUCCEEDS};
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, BEA, Harness, principal, stack};

/// A deploy that takes ten seconds and ends so.
async fn deployed(harness: &Harness, id: &str, (template, size): (&str, &str), end: StackScript) {
    harness.memory.script_template(stack(), template);
    harness
        .memory
        .script_change(stack(), cc_devops_testkit::memory::with_parameter(size));
    harness.memory.script_stack(stack(), StackScript::KeepsChanging);
    harness.deploy(id).await;
    harness.later(SignedDuration::from_secs(10));
    harness.memory.end_change(&sample::request_id(id), end);
    harness.sweep().await;
}

#[tokio::test]
async fn a_rollback_is_a_deploy_of_what_was_before() {
    let harness = Harness::harmless().await;
    let (name, stage) = (StackName::new(STACK_SUCCEEDS).unwrap(), sample::stage());
    let nothing = harness
        .plane
        .roll_back(&principal(ANA), &name, &stage, BTreeMap::new(), true)
        .await;
    assert!(matches!(nothing, Err(DecideError::NotAllowed(_))));
    deployed(&harness, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    deployed(&harness, "r2", ("{\"two\": 2}", "large"), StackScript::Succeeds).await;
    let history = harness.plane.deployed(&stack(), 10).await.unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].parameters["Size"], "large");
    assert_eq!(history[0].took_ms, 10_000);

    let extra = BTreeMap::from([("Password".to_owned(), "given again".to_owned())]);
    let back = harness
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
    harness.plane.carry_out(claimed).await.unwrap();
    harness.memory.end_change(&again, StackScript::Succeeds);
    harness.sweep().await;
    assert_eq!(harness.plane.deployed(&stack(), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_failed_is_rolled_back_to_the_last_good_deploy() {
    let harness = Harness::harmless().await;
    let (name, stage) = (StackName::new(STACK_SUCCEEDS).unwrap(), sample::stage());
    deployed(&harness, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    deployed(&harness, "r2", ("{\"two\": 2}", "large"), StackScript::Fails).await;
    let back = harness
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
    let harness = Harness::harmless().await;
    let (name, prod) = (StackName::new(STACK_SUCCEEDS).unwrap(), Stage::new("prod").unwrap());
    deployed(&harness, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    let on = harness
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

/// What was claimed, as it was asked for.
fn asked(received: Received) -> (Claimed, serde_json::Value) {
    let Received::Claimed(claimed) = received else {
        panic!("it is new")
    };
    let detail = serde_json::from_str(claimed.request.detail.expose()).unwrap();
    (claimed, detail)
}

#[tokio::test]
async fn what_ended_before_there_was_a_plan_can_be_asked_for_again_and_by_others() {
    let harness = Harness::harmless().await;
    let (name, stage) = (StackName::new(STACK_SUCCEEDS).unwrap(), sample::stage());
    deployed(&harness, "r1", ("{\"one\": 1}", "small"), StackScript::Succeeds).await;
    deployed(&harness, "r2", ("{\"two\": 2}", "large"), StackScript::Succeeds).await;
    let back = async |who: &str, size: &str| {
        let parameters = BTreeMap::from([("Size".to_owned(), size.to_owned())]);
        let who = principal(who);
        let asked = harness.plane.roll_back(&who, &name, &stage, parameters, true);
        asked.await.unwrap()
    };
    harness.memory.script_stack(stack(), StackScript::CannotBePlanned);
    let (first, _) = asked(back(ANA, "small").await);
    let first_id = first.request.head.id.clone();
    harness.plane.carry_out(first).await.unwrap();
    assert!(harness.outcome(first_id.as_str()).await.result.is_none());

    harness.memory.script_stack(stack(), StackScript::KeepsPlanning);
    let (second, _) = asked(back(ANA, "small").await);
    assert_ne!(second.request.head.id, first_id);
    harness.plane.carry_out(second).await.unwrap();
    let same = back(ANA, "small").await;
    assert!(!matches!(same, Received::Claimed(_)), "it has no outcome yet");
    asked(back(ANA, "medium").await);
    asked(back(BEA, "small").await);
}

#[tokio::test]
async fn nothing_else_is_deployed_in_place_of_a_template_that_was_not_kept() {
    let harness = Harness::harmless().await;
    let (name, stage, prod) = (
        StackName::new(STACK_SUCCEEDS).unwrap(),
        sample::stage(),
        Stage::new("prod").unwrap(),
    );
    for id in ["r1", "r2"] {
        harness.deploy(id).await;
        harness.later(SignedDuration::from_secs(10));
        harness.sweep().await;
    }
    let history = harness.plane.deployed(&stack(), 10).await.unwrap();
    assert_eq!((history.len(), &history[1].template_digest), (2, &None));
    let who = principal(ANA);
    let back = harness
        .plane
        .roll_back(&who, &name, &stage, BTreeMap::new(), true)
        .await;
    let on = harness.plane.promote(&who, &name, &stage, &prod, true).await;
    for refused in [back, on] {
        let Err(DecideError::NotAllowed(why)) = refused else {
            panic!("it is refused")
        };
        assert!(why.ends_with("send a deploy with that template"), "{why}");
    }
}

#[tokio::test]
async fn where_stacks_have_no_templates_the_parameters_of_the_other_stage_are_given_again() {
    let harness = Harness::harmless().await;
    harness.memory.without_templates();
    let (name, prod) = (StackName::new(STACK_SUCCEEDS).unwrap(), Stage::new("prod").unwrap());
    let there = name.on(&prod);
    harness.memory.script_stack(there.clone(), StackScript::Succeeds);
    for (stack, size) in [(stack(), "small"), (there.clone(), "large")] {
        harness
            .memory
            .script_change(stack, cc_devops_testkit::memory::with_parameter(size));
    }
    harness.deploy("r1").await;
    harness
        .deploy_with("r2", json!({"stackName": STACK_SUCCEEDS, "stage": "prod"}))
        .await;
    harness.sweep().await;
    assert_eq!(harness.plane.deployed(&there, 10).await.unwrap().len(), 1);
    let on = harness
        .plane
        .promote(&principal(ANA), &name, &sample::stage(), &prod, true)
        .await;
    let (_, detail) = asked(on.unwrap());
    assert_eq!(
        (&detail["params"]["parameters"], detail["params"].get("templateBody")),
        (&json!({"Size": "large"}), None)
    );
}
