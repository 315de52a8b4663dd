//! How plans end, and that nothing outlives them.

use cc_devops_deploys::DeploySettings;
use cc_devops_requests::deploys::PlanFilter;
use cc_devops_requests::execution::Step;
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample::{self, STACK_SUCCEEDS};
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, Harness, stack};

#[tokio::test]
async fn a_plan_that_nobody_approves_expires() {
    let harness = Harness::new().await;
    harness.deploy("r1").await;
    harness.later(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    harness.sweep().await;
    assert_eq!(harness.request("r1").await.state, RequestState::Waiting);
    harness.later(SignedDuration::from_secs(1));
    harness.sweep().await;
    let outcome = harness.outcome("r1").await;
    assert_eq!(
        (json!(outcome.reason), json!(outcome.approval.unwrap().state)),
        (json!("timeout"), json!("expired"))
    );
    assert_eq!(harness.asked(), 0);
    harness.nothing_is_left();
}

/// aws-cli #2717: "No updates" was an error.
#[tokio::test]
async fn nothing_to_change_is_a_success_and_nobody_is_asked() {
    let harness = Harness::new().await;
    harness.memory.script_stack(stack(), StackScript::NoChanges);
    let Step::Concluded(outcome) = harness.deploy("r1").await else {
        panic!("it has ended")
    };
    assert_eq!(outcome.result.unwrap()["action"], "no_changes");
    assert_eq!(outcome.approval, None);
    assert!(harness.rows("plan.made").is_empty());
    harness.later(SignedDuration::from_mins(2));
    harness.sweep().await;
    harness.nothing_is_left();
}

/// aws-cli #4534, stacker #508: no change set outlives its plan.
#[tokio::test]
async fn sixty_plans_leave_nothing_behind() {
    let harness = Harness::new().await;
    for number in 0..60 {
        let id = format!("r{number}");
        let script = match number % 4 {
            0 => StackScript::NoChanges,
            1 => StackScript::CannotBePlanned,
            _ => StackScript::Succeeds,
        };
        harness.memory.script_stack(stack(), script);
        harness.deploy(&id).await;
        if number % 4 == 2 {
            harness.deny(ANA, &id).await.unwrap();
        }
        harness.later(SignedDuration::from_mins(2));
        harness.sweep().await;
    }
    harness.later(SignedDuration::from_hours(25));
    harness.sweep().await;
    harness.nothing_is_left();
    for number in 0..60 {
        harness.outcome(&format!("r{number}")).await;
    }
    let all = harness
        .plane
        .plans(&PlanFilter::default(), 1_000, &|_| true)
        .await
        .unwrap();
    assert_eq!(all.next, None);
    assert!(all.plans.iter().all(|plan| plan.state.has_ended() && plan.discarded));
}

#[tokio::test]
async fn a_change_that_cannot_be_planned_says_why() {
    let harness = Harness::new().await;
    harness.memory.script_stack(stack(), StackScript::CannotBePlanned);
    let Step::Concluded(outcome) = harness.deploy("r1").await else {
        panic!("it has ended")
    };
    assert_eq!(json!(outcome.reason), json!("deploy_failed"));
    assert!(outcome.error.unwrap().contains("its template is wrong"));
}

/// stackup #48: the denial of a first creation removes the empty stack.
#[tokio::test]
async fn the_denial_of_a_first_creation_removes_the_empty_stack() {
    let harness = Harness::new().await;
    let new = sample::stack("brand-new");
    harness
        .memory
        .script_change(new.clone(), cc_devops_testkit::memory::table_replaced("Orders"));
    let params = json!({"stackName": "brand-new", "templateBody": "{}"});
    let event = sample::event("r1", "deployLambda", &params);
    let received = harness
        .plane
        .receive(&super::principal(ANA), event, true)
        .await
        .unwrap();
    let cc_devops_requests::receiving::Received::Claimed(claimed) = received else {
        panic!("it is new")
    };
    assert_eq!(harness.plane.carry_out(claimed).await.unwrap(), Step::Parked);
    assert!(harness.plan("r1").await.first_creation);
    assert_eq!(harness.memory.stacks_under_review(), std::slice::from_ref(&new));
    harness.deny(super::BEA, "r1").await.unwrap();
    harness.sweep().await;
    assert!(harness.memory.stacks_under_review().is_empty());
    harness.nothing_is_left();
}

#[tokio::test]
async fn a_failed_change_is_history_too() {
    let harness = Harness::harmless().await;
    harness.memory.script_stack(stack(), StackScript::Fails);
    harness.deploy("r1").await;
    harness.sweep().await;
    assert_eq!(json!(harness.outcome("r1").await.reason), json!("deploy_failed"));
    let history = harness.plane.deployed(&stack(), 10).await.unwrap();
    assert_eq!((history.len(), history[0].succeeded), (1, false));
    assert!(history[0].error.as_ref().unwrap().contains("failed"));
}

/// Who was asked to approve is told of it as that, and nobody is woken by a deploy that failed.
#[tokio::test]
async fn a_plan_that_was_not_begun_is_no_failed_deploy() {
    use cc_devops_requests::conditions::outcomes::OutcomeSignal;
    let harness = Harness::new().await;
    harness.deploy("expires").await;
    harness.later(SignedDuration::from_hours(24));
    harness.sweep().await;
    harness.deploy("denied").await;
    harness.deny(ANA, "denied").await.unwrap();
    harness.sweep().await;
    harness
        .deploy_with("alone", json!({"stackName": STACK_SUCCEEDS, "planOnly": true}))
        .await;
    for id in ["expires", "denied", "alone"] {
        assert_eq!(OutcomeSignal::of(&harness.outcome(id).await), None, "{id}");
    }
    harness.memory.script_stack(stack(), StackScript::Fails);
    harness.deploy("fails").await;
    harness.approve(ANA, "fails").await.unwrap();
    harness.sweep().await;
    assert_eq!(
        OutcomeSignal::of(&harness.outcome("fails").await),
        Some(OutcomeSignal::DeployFailed)
    );
}

#[tokio::test]
async fn a_plan_waits_as_long_as_is_configured() {
    let harness = Harness::with(DeploySettings {
        approval_timeout: SignedDuration::from_secs(10),
        ..DeploySettings::default()
    })
    .await;
    harness.deploy("r1").await;
    harness.later(SignedDuration::from_secs(10));
    harness.sweep().await;
    assert_eq!(json!(harness.outcome("r1").await.reason), json!("timeout"));
    assert_eq!(STACK_SUCCEEDS, harness.plan("r1").await.stack_name.as_str());
}
