//! Freeze windows: argo-cd #5590, #12706, #3831.

use cc_devops_deploys::freeze::{FreezeKind, FreezeWindow, Freezes};
use cc_devops_deploys::{DeploySettings, Door};
use cc_devops_requests::execution::Step;
use cc_devops_requests::record::RequestState;
use cc_devops_schedule::Schedule;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, BEA, Harness, operator, plan_id, stack};

/// A control plane that is frozen from its first minute on, for so many hours. (It begins on a Sunday at 15:06:40 UTC.)
async fn frozen_for(hours: i64) -> Harness {
    let window = FreezeWindow {
        name: "weekend".to_owned(),
        kind: FreezeKind::Deny,
        schedule: Schedule::cron("0 15 * * 0", "UTC", sample::START).unwrap(),
        length: SignedDuration::from_hours(hours),
        stacks: Vec::new(),
        stages: Vec::new(),
        reason: Some("nobody is there".to_owned()),
    };
    Harness::with(DeploySettings {
        freezes: Freezes::new(vec![window]),
        ..DeploySettings::default()
    })
    .await
}

fn begun(harness: &Harness) -> usize {
    harness.memory.changes_begun(&sample::request_id("r1"))
}

#[tokio::test]
async fn a_waiting_plan_starts_when_the_window_opens() {
    for approved in [true, false] {
        let harness = frozen_for(5).await;
        if !approved {
            harness
                .memory
                .script_change(stack(), cc_devops_testkit::memory::harmless_change());
        }
        assert_eq!(harness.deploy("r1").await, Step::Parked);
        if approved {
            harness.approve(ANA, "r1").await.unwrap();
        }
        harness.sweep().await;
        harness.later(SignedDuration::from_hours(4));
        harness.sweep().await;
        assert_eq!(begun(&harness), 0, "the freeze holds");
        let frozen = harness.plan("r1").await.frozen.expect("it says for what it waits");
        assert!(
            frozen.contains("weekend") && frozen.contains("nobody is there"),
            "{frozen}"
        );
        harness.later(SignedDuration::from_hours(1));
        harness.sweep().await;
        assert_eq!(begun(&harness), 1, "it is over");
    }
}

#[tokio::test]
async fn a_freeze_that_outlasts_the_plan_ends_it_at_once() {
    let harness = frozen_for(48).await;
    harness
        .memory
        .script_change(stack(), cc_devops_testkit::memory::harmless_change());
    let Step::Concluded(outcome) = harness.deploy("r1").await else {
        panic!("it cannot wait so long")
    };
    assert_eq!(json!(outcome.reason), json!("security_violation"));
    let said = outcome.error.unwrap();
    assert!(
        said.contains("weekend") && said.contains("2025-06-17T15:00:00Z"),
        "{said}"
    );
    harness.nothing_is_left();
}

#[tokio::test]
async fn a_freeze_is_lifted_by_an_action_of_its_own_with_a_reason() {
    let harness = frozen_for(48).await;
    assert_eq!(harness.deploy("r1").await, Step::Parked);
    let lift = |who: &'static str, reason: &'static str| {
        let harness = &harness;
        async move {
            harness
                .plane
                .override_freeze(&operator(who), Door::Api, &plan_id("r1"), reason.to_owned())
                .await
        }
    };
    lift(BEA, " ").await.expect_err("a reason is wanted");
    lift(BEA, "the shop is down").await.unwrap();
    harness.sweep().await;
    assert_eq!(begun(&harness), 0, "it is no approval");
    harness.approve(ANA, "r1").await.unwrap();
    harness.sweep().await;
    assert_eq!(begun(&harness), 1);
    assert_eq!(harness.rows("plan.freeze_overridden"), [Some(BEA.to_owned())]);
}

#[tokio::test]
async fn a_running_change_is_not_interrupted() {
    let harness = frozen_for(1).await;
    harness.later(SignedDuration::from_hours(-1));
    harness
        .memory
        .script_change(stack(), cc_devops_testkit::memory::harmless_change());
    harness.memory.script_stack(stack(), StackScript::KeepsChanging);
    harness.deploy("r1").await;
    assert_eq!(begun(&harness), 1);
    harness.later(SignedDuration::from_mins(59));
    harness.sweep().await;
    assert_eq!(harness.request("r1").await.state, RequestState::Waiting);
    harness
        .memory
        .end_change(&sample::request_id("r1"), StackScript::Succeeds);
    harness.sweep().await;
    assert_eq!(json!(harness.outcome("r1").await.status), json!("success"));
}
