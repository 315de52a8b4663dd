//! Who decides what, when, and what those are told who come too late.

use std::sync::Arc;

use cc_devops_deploys::{Door, PlanState};
use cc_devops_kernel::names::RequestId;
use cc_devops_policy::Policy;
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::deploys::DecideError;
use cc_devops_requests::execution::Step;
use cc_devops_testkit::memory::{StackScript, table_replaced};
use cc_devops_testkit::sample::{self, AGENT};
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, BEA, Harness, operator, plan_id, plane, stack};

fn begun(harness: &Harness, id: &str) -> usize {
    harness.memory.changes_begun(&sample::request_id(id))
}

/// atlantis #1508: one approval opened every directory.
#[tokio::test]
async fn an_approval_is_good_for_one_digest() {
    let harness = Harness::new().await;
    harness.deploy("r1").await;
    let other = sample::stack("other");
    harness.memory.script_stack(other.clone(), StackScript::Succeeds);
    harness.memory.script_change(other, table_replaced("Invoices"));
    let event = sample::deploy_event("r2", "other");
    let received = harness
        .plane
        .receive(&super::principal(ANA), event, true)
        .await
        .unwrap();
    let cc_devops_requests::receiving::Received::Claimed(claimed) = received else {
        panic!("it is new")
    };
    harness.plane.carry_out(claimed).await.unwrap();

    let of_another = harness.digest("r2").await;
    let refused = harness
        .plane
        .approve_plan(&operator(ANA), Door::Api, &plan_id("r1"), &of_another, None)
        .await;
    let own = harness.digest("r1").await;
    assert!(matches!(refused, Err(DecideError::OtherDigest { is }) if is == own));
    harness.sweep().await;
    assert_eq!((begun(&harness, "r1"), begun(&harness, "r2")), (0, 0));
}

/// atlantis #5795: approved while the plan still ran.
#[tokio::test]
async fn nothing_is_approved_before_there_is_a_digest() {
    let harness = Harness::new().await;
    harness.memory.script_stack(stack(), StackScript::KeepsPlanning);
    assert_eq!(harness.deploy("r1").await, Step::Parked);
    let digest = cc_devops_deploys::PlanDigest::new([0; 32]);
    let early = harness
        .plane
        .approve_plan(&operator(ANA), Door::Api, &plan_id("r1"), &digest, None)
        .await;
    assert!(matches!(early, Err(DecideError::NoDigestYet)));
    let early = harness.deny(ANA, "r1").await;
    assert!(matches!(early, Err(DecideError::NoDigestYet)));
    let unknown = harness.deny(ANA, "r2").await;
    assert!(matches!(unknown, Err(DecideError::NoSuchPlan)));

    harness.memory.script_stack(stack(), StackScript::Succeeds);
    harness.sweep().await;
    harness.approve(ANA, "r1").await.unwrap();
    harness.sweep().await;
    assert_eq!(begun(&harness, "r1"), 1);
}

/// atlantis #1122: an old plan applied after a new one.
#[tokio::test]
async fn a_newer_plan_takes_the_place_of_an_older_one() {
    let harness = Harness::new().await;
    harness.deploy("old").await;
    let digest = harness.digest("old").await;
    harness.later(SignedDuration::from_secs(1));
    harness.memory.script_change(stack(), table_replaced("Invoices"));
    harness.deploy("new").await;
    let outcome = harness.outcome("old").await;
    assert_eq!(
        (json!(outcome.reason), json!(outcome.approval.unwrap().state)),
        (json!("stack_in_progress"), json!("superseded"))
    );
    let late = harness
        .plane
        .approve_plan(&operator(ANA), Door::Api, &plan_id("old"), &digest, None)
        .await;
    let Err(DecideError::Decided {
        state: PlanState::Superseded,
        reason,
        ..
    }) = late
    else {
        panic!("who approves it is told: {late:?}");
    };
    assert!(reason.contains("newer plan"), "{reason}");
    assert_eq!(
        harness.memory.left_behind(),
        [sample::request_id("new")],
        "its change is removed"
    );
    harness.approve(ANA, "new").await.unwrap();
    harness.sweep().await;
    assert_eq!((begun(&harness, "old"), begun(&harness, "new")), (0, 1));
    assert_eq!(harness.rows("plan.superseded"), [None]);
}

/// atlantis #6037: an identical plan asked again.
#[tokio::test]
async fn an_equal_digest_keeps_its_approval_where_the_policies_let_it() {
    for (table, keeps) in [("Orders", true), ("Invoices", false)] {
        let harness = Harness::new().await;
        harness.deploy("r1").await;
        // Approved, and found too late to be carried out.
        harness.approve(ANA, "r1").await.unwrap();
        harness.later(SignedDuration::from_hours(25));
        harness.sweep().await;
        assert_eq!(json!(harness.outcome("r1").await.reason), json!("timeout"));

        harness.memory.script_change(stack(), table_replaced(table));
        harness.deploy("r2").await;
        harness.sweep().await;
        assert_eq!(begun(&harness, "r2"), usize::from(keeps), "{table}");
        let plan = harness.plan("r2").await;
        let from: Vec<_> = plan
            .approvals
            .iter()
            .map(|approval| approval.carried_from.clone())
            .collect();
        assert_eq!(from, if keeps { vec![Some(plan_id("r1"))] } else { vec![] });
    }
}

/// keel #1100, spinnaker #4792: too late or not allowed is told at once, by whom.
#[tokio::test]
async fn who_comes_too_late_is_told_what_was_decided_and_by_whom() {
    let harness = Harness::new().await;
    harness.deploy("r1").await;
    let digest = harness.digest("r1").await;
    harness.deny(ANA, "r1").await.unwrap();
    let late = harness
        .plane
        .approve_plan(&operator(BEA), Door::Slack, &plan_id("r1"), &digest, None)
        .await;
    let error = late.expect_err("it is denied");
    let DecideError::Decided {
        state: PlanState::Denied,
        by,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(by.as_ref().map(cc_devops_kernel::names::AgentName::as_str), Some(ANA));
    assert!(error.to_string().contains("denied already by Ana"), "{error}");
    harness
        .deny(ANA, "r1")
        .await
        .expect("said again it is the same decision");
    assert!(matches!(
        harness.deny(BEA, "r1").await,
        Err(DecideError::Decided { .. })
    ));
    harness.sweep().await;
    let outcome = harness.outcome("r1").await;
    assert_eq!(json!(outcome.reason), json!("security_violation"));
    assert!(outcome.error.unwrap().contains("denied by Ana: not today"));
    assert_eq!(
        harness.rows("plan.denied"),
        [Some(ANA.to_owned())],
        "one row for one decision"
    );
    harness.nothing_is_left();

    harness.deploy("r2").await;
    let not_allowed = harness
        .plane
        .approve_plan(
            &sample::agent(AGENT).agent,
            Door::Api,
            &plan_id("r2"),
            &harness.digest("r2").await,
            None,
        )
        .await;
    assert!(matches!(not_allowed, Err(DecideError::NotAllowed(_))));
}

/// cc-slack #70: the same click three times is one decision.
#[tokio::test]
async fn one_person_approves_once() {
    let harness = Harness::new().await;
    harness.deploy("r1").await;
    for _ in 0..3 {
        harness.approve(ANA, "r1").await.unwrap();
    }
    assert_eq!(harness.plan("r1").await.approvals.len(), 1);
    assert_eq!(harness.rows("plan.approved").len(), 1);
    harness.sweep().await;
    harness
        .approve(ANA, "r1")
        .await
        .expect("said again it is the same approval");
    assert!(matches!(
        harness.approve(BEA, "r1").await,
        Err(DecideError::Decided { .. })
    ));
}

/// floci #3564: executed twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_approvers_at_one_instant_are_one_execution() {
    for round in 0..100 {
        let harness = Arc::new(Harness::new().await);
        let id = format!("r{round}");
        harness.deploy(&id).await;
        let tasks = [ANA, BEA].map(|who| {
            let (harness, id) = (Arc::clone(&harness), id.clone());
            tokio::spawn(async move {
                let approved = harness.approve(who, &id).await;
                assert!(
                    matches!(approved, Ok(_) | Err(DecideError::Decided { .. })),
                    "{approved:?}"
                );
                let replica = plane(harness.memory.ports(), cc_devops_deploys::DeploySettings::default());
                replica.look_after_plans(super::MOST).await;
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        harness.sweep().await;
        harness.sweep().await;
        assert_eq!(begun(&harness, &id), 1, "round {round}");
        assert_eq!(harness.memory.carried_out().len(), 1);
        assert_eq!(harness.rows("plan.applied").len(), 1);
        assert_eq!(json!(harness.outcome(&id).await.status), json!("success"));
    }
}

#[tokio::test]
async fn an_approval_counts_only_while_its_giver_may_approve() {
    let harness = Harness::new().await;
    harness.deploy("r1").await;
    harness.approve(ANA, "r1").await.unwrap();
    let ana = sample::agent_name(ANA);
    harness
        .memory
        .ports()
        .agents
        .revoke(&ana, sample::after(5), &sample::revoked())
        .await
        .unwrap();
    harness.sweep().await;
    assert_eq!(begun(&harness, "r1"), 0, "who is gone approves nothing");
    harness.approve(BEA, "r1").await.unwrap();
    harness.sweep().await;
    harness.sweep().await;
    let approvers = harness.outcome("r1").await.approval.unwrap().approvers;
    assert_eq!(approvers, [BEA], "nor is counted among who did");
}

/// What no number of approvals permits is denied at once, and what was prepared goes.
#[tokio::test]
async fn what_nobody_can_permit_is_denied() {
    let harness = Harness::new().await;
    let own = r#"@id("no-tables") forbid (principal, action == Action::"applyPlan", resource) when { context.losesStateful };
        permit (principal, action == Action::"deployLambda", resource);
        permit (principal, action == Action::"applyPlan", resource);"#;
    let installation = sample::installation();
    let policy = Policy::parse(&[("own.cedar".to_owned(), own.to_owned())], &installation, vocabulary())
        .expect("it is a policy");
    let plane = cc_devops_requests::engine::ControlPlane::new(
        installation,
        harness.memory.ports(),
        policy,
        cc_devops_requests::fingerprint::FingerprintKey::new([7; 32]),
        cc_devops_requests::settings::RequestSettings::default(),
    );
    let harness = Harness { plane, ..harness };
    let Step::Concluded(outcome) = harness.deploy("r1").await else {
        panic!("it has ended")
    };
    assert_eq!(json!(outcome.reason), json!("security_violation"));
    assert!(outcome.error.unwrap().contains("no-tables"));
    assert_eq!(json!(outcome.approval.unwrap().state), json!("denied"));
    harness.nothing_is_left();
}

/// What changed between an approval and its effect is not carried out.
#[tokio::test]
async fn what_moved_is_not_carried_out() {
    let id: RequestId = sample::request_id("r1");
    for moves in 0..2 {
        let harness = Harness::new().await;
        harness.deploy("r1").await;
        match moves {
            0 => harness.memory.update_outside(&stack()),
            // aws-cdk-cli #801, #1273: the approved diff was not what ran.
            _ => harness.memory.replace_prepared(&id, table_replaced("Everything")),
        }
        harness.approve(ANA, "r1").await.unwrap();
        harness.sweep().await;
        assert_eq!(begun(&harness, "r1"), 0);
        let outcome = harness.outcome("r1").await;
        assert_eq!(
            (json!(outcome.reason), json!(outcome.approval.unwrap().state)),
            (json!("stack_in_progress"), json!("moved"))
        );
        harness.nothing_is_left();
        assert_eq!(harness.rows("plan.moved"), [None]);
        assert!(
            harness
                .memory
                .ports()
                .ledger
                .holder_of(&stack())
                .await
                .unwrap()
                .is_none()
        );
    }
}
