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

use super::{ANA, BEA, House, operator, plan_id, stack};

/// A house that is frozen from its first minute on, for so many hours. (It begins on a Sunday at 15:06:40 UTC.)
async fn frozen_for(hours: i64) -> House {
    let window = FreezeWindow {
        name: "weekend".to_owned(),
        kind: FreezeKind::Deny,
        schedule: Schedule::cron("0 15 * * 0", "UTC", sample::START).unwrap(),
        length: SignedDuration::from_hours(hours),
        stacks: Vec::new(),
        stages: Vec::new(),
        reason: Some("nobody is there".to_owned()),
    };
    House::with(DeploySettings {
        freezes: Freezes::new(vec![window]),
        ..DeploySettings::default()
    })
    .await
}

fn begun(house: &House) -> usize {
    house.memory.changes_begun(&sample::request_id("r1"))
}

#[tokio::test]
async fn a_waiting_plan_starts_when_the_window_opens() {
    for approved in [true, false] {
        let house = frozen_for(5).await;
        if !approved {
            house
                .memory
                .script_change(stack(), cc_devops_testkit::memory::harmless_change());
        }
        assert_eq!(house.deploy("r1").await, Step::Parked);
        if approved {
            house.approve(ANA, "r1").await.unwrap();
        }
        house.sweep().await;
        house.later(SignedDuration::from_hours(4));
        house.sweep().await;
        assert_eq!(begun(&house), 0, "the freeze holds");
        let frozen = house.plan("r1").await.frozen.expect("it says for what it waits");
        assert!(
            frozen.contains("weekend") && frozen.contains("nobody is there"),
            "{frozen}"
        );
        house.later(SignedDuration::from_hours(1));
        house.sweep().await;
        assert_eq!(begun(&house), 1, "it is over");
    }
}

#[tokio::test]
async fn a_freeze_that_outlasts_the_plan_ends_it_at_once() {
    let house = frozen_for(48).await;
    house
        .memory
        .script_change(stack(), cc_devops_testkit::memory::harmless_change());
    let Step::Concluded(outcome) = house.deploy("r1").await else {
        panic!("it cannot wait so long")
    };
    assert_eq!(json!(outcome.reason), json!("security_violation"));
    let said = outcome.error.unwrap();
    assert!(
        said.contains("weekend") && said.contains("2025-06-17T15:00:00Z"),
        "{said}"
    );
    house.nothing_is_left();
}

#[tokio::test]
async fn a_freeze_is_lifted_by_an_action_of_its_own_with_a_reason() {
    let house = frozen_for(48).await;
    assert_eq!(house.deploy("r1").await, Step::Parked);
    let lift = |who: &'static str, reason: &'static str| {
        let house = &house;
        async move {
            house
                .plane
                .override_freeze(&operator(who), Door::Api, &plan_id("r1"), reason.to_owned())
                .await
        }
    };
    lift(BEA, " ").await.expect_err("a reason is wanted");
    lift(BEA, "the shop is down").await.unwrap();
    house.sweep().await;
    assert_eq!(begun(&house), 0, "it is no approval");
    house.approve(ANA, "r1").await.unwrap();
    house.sweep().await;
    assert_eq!(begun(&house), 1);
    assert_eq!(house.rows("plan.freeze_overridden"), [Some(BEA.to_owned())]);
}

#[tokio::test]
async fn a_running_change_is_not_interrupted() {
    let house = frozen_for(1).await;
    house.later(SignedDuration::from_hours(-1));
    house
        .memory
        .script_change(stack(), cc_devops_testkit::memory::harmless_change());
    house.memory.script_stack(stack(), StackScript::KeepsChanging);
    house.deploy("r1").await;
    assert_eq!(begun(&house), 1);
    house.later(SignedDuration::from_mins(59));
    house.sweep().await;
    assert_eq!(house.request("r1").await.state, RequestState::Waiting);
    house
        .memory
        .end_change(&sample::request_id("r1"), StackScript::Succeeds);
    house.sweep().await;
    assert_eq!(json!(house.outcome("r1").await.status), json!("success"));
}
